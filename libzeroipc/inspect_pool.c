/* SPDX-License-Identifier: MIT */
/*
 * Watching a Pool: its cells say which objects are taken, and by whom. The
 * value is one word, so whoever it names was the owner then. What is in a taken
 * object is its owner's, who may be writing it: it is copied as it is.
 */
#include "error.h"
#include "inspect.h"
#include "participant.h"

#include <string.h>
#include <zipc/inspect_pool.h>

#define CELLS 1024u /* that are read at once */
#define OWNER_BITS 48
#define OWNER ((UINT64_C(1) << OWNER_BITS) - 1)

struct places {
	uint64_t cells_at, objects_at, stride; /* in the file; bytes */
};

/* Copy the constants, and see that they fit the block. */
static int pool_load(struct places *places, struct zipc_view *view,
		     const struct zipc_view_block *block)
{
	const struct zipc_block *head = &block->head;
	uint64_t body = head->body_bytes, cells, objects;
	struct zipc_pool_shape copy;
	int rc;

	if (body < sizeof(copy))
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes is no pool",
					 LLU(body));
	rc = zipc_view_read(view, block->body_at, &copy, sizeof(copy));
	if (rc)
		return rc;
	if (head->capacity < 1 || head->capacity > UINT32_MAX ||
	    copy.stride < head->elem_size || copy.cells_offset % 16 ||
	    __builtin_mul_overflow(head->capacity, copy.stride, &objects) ||
	    copy.objects_offset > body || objects > body - copy.objects_offset)
		return zipc_view_damaged(view, block->name,
					 "%llu objects of %llu bytes do not "
					 "fit its %llu bytes",
					 LLU(head->capacity), LLU(copy.stride),
					 LLU(body));
	cells = head->capacity * sizeof(struct zipc_cell);
	if (copy.cells_offset > body || cells > body - copy.cells_offset)
		return zipc_view_damaged(view, block->name,
					 "its cells lie outside its %llu bytes",
					 LLU(body));
	places->cells_at = block->body_at + copy.cells_offset;
	places->objects_at = block->body_at + copy.objects_offset;
	places->stride = copy.stride;
	return 0;
}

/* A copy of cells, as plain words. */
struct cells {
	uint64_t first, n;
	uint64_t word[2 * CELLS];
};

static int read_cells(struct zipc_view *view, const struct places *places,
		      uint64_t first, uint64_t end, struct cells *cells)
{
	cells->first = first;
	cells->n = end - first < CELLS ? end - first : CELLS;
	return zipc_view_read(view,
			      places->cells_at +
				      first * sizeof(struct zipc_cell),
			      cells->word, cells->n * sizeof(struct zipc_cell));
}

/* Call each() for objects that are taken, from on, until it returns not 0. */
static int walk(struct zipc_view *view, const struct places *places,
		uint64_t from, uint64_t end,
		int (*each)(void *context, uint64_t index, uint64_t turn,
			    uint64_t value),
		void *context)
{
	struct cells cells;
	int rc = 0;

	while (!rc && from < end) {
		rc = read_cells(view, places, from, end, &cells);
		for (uint64_t i = 0; !rc && i < cells.n; i++)
			if (cells.word[2 * i + 1])
				rc = each(context, from + i, cells.word[2 * i],
					  cells.word[2 * i + 1]);
		from += cells.n;
	}
	return rc;
}

static int count_one(void *context, uint64_t index, uint64_t turn,
		     uint64_t value)
{
	(void)index;
	(void)turn;
	(void)value;
	++*(uint64_t *)context;
	return 0;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct places places;
	int rc = pool_load(&places, view, block);

	if (rc)
		return rc;
	return walk(view, &places, 0, block->head.capacity, count_one,
		    &out->size);
}

/* elements */

struct collecting {
	struct zipc_view *view;
	const struct places *places;
	uint64_t elem_size, n, got;
	unsigned char *bytes;
	uint64_t *ids;
};

static int collect(void *context, uint64_t index, uint64_t turn, uint64_t value)
{
	struct collecting *it = context;
	int rc;

	(void)turn;
	(void)value;
	if (it->got == it->n)
		return 1;
	rc = zipc_view_read(it->view,
			    it->places->objects_at + index * it->places->stride,
			    it->bytes + it->got * it->elem_size, it->elem_size);
	if (it->ids)
		it->ids[it->got] = index;
	it->got++;
	return rc;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	struct places places;
	struct collecting it = {.view = view, .places = &places,
				.elem_size = block->head.elem_size, .n = n,
				.bytes = bytes, .ids = ids};
	int rc = pool_load(&places, view, block);

	if (!rc)
		rc = walk(view, &places, from, block->head.capacity, collect,
			  &it);
	return rc < 0 ? rc : (int64_t)it.got;
}

/* whose they are */

struct owners {
	struct zipc_view *view;
	uint64_t n, got;
	struct zipc_view_object *out;
	uint64_t asked; /* the holder that is told of in known */
	struct zipc_view_object known;
};

/* Whoever a holder names: a participant, or one that was. */
static int tell_owner(struct owners *it, uint64_t holder)
{
	struct zipc_view_participant place;
	int rc;

	it->known = (struct zipc_view_object){
		.participant = zipc_holder_index(holder)};
	it->asked = holder;
	rc = zipc_view_participant(it->view, it->known.participant, &place);
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return rc;
	if (place.incarnation != zipc_holder_incarnation(holder))
		return 0;
	it->known.alive = place.alive;
	it->known.pid = place.pid;
	memcpy(it->known.name, place.name, sizeof(place.name));
	return 0;
}

static int tell(void *context, uint64_t index, uint64_t turn, uint64_t value)
{
	struct owners *it = context;
	struct zipc_view_object *out = &it->out[it->got];
	int rc = 0;

	if (it->got == it->n)
		return 1;
	if (!it->got || it->asked != (value & OWNER))
		rc = tell_owner(it, value & OWNER);
	if (rc)
		return rc;
	*out = it->known;
	out->index = index;
	out->turn = turn;
	out->state = value >> OWNER_BITS > ZIPC_OBJECT_SENDING
			     ? ZIPC_OBJECT_OWNED
			     : (unsigned)(value >> OWNER_BITS);
	it->got++;
	return 0;
}

struct asked {
	uint64_t from, n;
	struct zipc_view_object *out;
};

static int64_t read_objects(struct zipc_view *view,
			    const struct zipc_view_block *block, void *context)
{
	const struct asked *asked = context;
	struct owners it = {.view = view, .n = asked->n, .out = asked->out};
	struct places places;
	int rc;

	if (block->kind != &zipc_view_pool)
		return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` is no pool",
				 block->name, view->name);
	rc = pool_load(&places, view, block);
	if (!rc)
		rc = walk(view, &places, asked->from, block->head.capacity,
			  tell, &it);
	return rc < 0 ? rc : (int64_t)it.got;
}

int64_t zipc_view_objects(struct zipc_view *view,
			  const struct zipc_view_entry *entry, uint64_t from,
			  uint64_t n, struct zipc_view_object *out)
{
	struct asked asked = {from, n, out};

	return zipc_view_of_block(view, entry, read_objects, &asked);
}

const struct zipc_view_kind zipc_view_pool = {
	.kind = ZIPC_POOL,
	.describe = describe,
	.elements = elements,
};
