/* SPDX-License-Identifier: MIT */
/*
 * Watching a Queue: the place ring, read from its file.
 *
 * An element at position p is whole if, in this order, its slot's turn was p,
 * then the element was copied, then the turn was still p, then head had not
 * passed p. The first turn says that it was written; the last look at head
 * says that it was not yet being overwritten, since a producer enters the slot
 * again only after head has passed p. The second turn catches a position that
 * was taken back from a stuck writer. So a batch costs four reads: turns,
 * slots, turns, head; and each read comes after the one before
 * (zipc_view_read() has the fence).
 *
 * Consumers may take elements faster than they are copied: then there are
 * fewer of them, and never a wrong one.
 */
#include "error.h"
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES 65536u
#define MOST_WRITERS 4096u
#define POSITION_END (UINT64_C(1) << 62)

/* Turns of slots above this size are read one by one. */
#define SMALL_SLOT 512u

struct ring {
	struct zipc_view *view;
	const struct zipc_view_block *block;
	uint64_t at;       /* in the file */
	uint64_t slots_at; /* in the file */
	uint64_t slots, slot_bytes;
};

static int bad_places(struct ring *ring, const struct zipc_place_ring *copy)
{
	const struct zipc_block *head = &ring->block->head;
	uint64_t body = head->body_bytes, room, slots_bytes;
	uint64_t writers_end;

	if (copy->writers < 1 || copy->writers > MOST_WRITERS ||
	    copy->writers_offset < sizeof(*copy) ||
	    copy->writers_offset % ZIPC_LINE || copy->writers_offset > body)
		return 1;
	writers_end = copy->writers_offset + copy->writers * UINT64_C(64);
	if (copy->slots_offset < writers_end ||
	    copy->slots_offset % ZIPC_LINE || copy->slots_offset > body)
		return 1;
	room = body - copy->slots_offset;
	return __builtin_mul_overflow(ring->slots, ring->slot_bytes,
				      &slots_bytes) ||
	       slots_bytes > room;
}

/* Copy the ring's constants, and see that they fit the block. */
static int ring_load(struct ring *ring, struct zipc_view *view,
		     const struct zipc_view_block *block)
{
	const struct zipc_block *head = &block->head;
	struct zipc_place_ring copy;
	int rc;

	if (head->body_bytes < sizeof(copy))
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes is no queue",
					 (unsigned long long)head->body_bytes);
	rc = zipc_view_read(view, block->body_at, &copy, sizeof(copy));
	if (rc)
		return rc;
	ring->view = view;
	ring->block = block;
	ring->at = block->body_at;
	ring->slots = copy.slots;
	ring->slot_bytes = copy.slot_bytes;
	if (head->elem_size > UINT32_MAX - 16 ||
	    ring->slot_bytes != 8 + ((head->elem_size + 7) & ~UINT64_C(7)))
		return zipc_view_damaged(
			view, block->name,
			"slots of %llu bytes do not fit elements of %llu",
			(unsigned long long)ring->slot_bytes,
			(unsigned long long)head->elem_size);
	if (bad_places(ring, &copy))
		return zipc_view_damaged(view, block->name,
					 "its slots or writers lie outside "
					 "its %llu bytes",
					 (unsigned long long)head->body_bytes);
	if (head->capacity < 1 || ring->slots < copy.writers ||
	    ring->slots - copy.writers < head->capacity)
		return zipc_view_damaged(
			view, block->name,
			"%llu slots are too few for a capacity of %llu",
			(unsigned long long)ring->slots,
			(unsigned long long)head->capacity);
	ring->slots_at = ring->at + copy.slots_offset;
	return 0;
}

static int read_word(struct ring *ring, size_t field, uint64_t *out)
{
	return zipc_view_read(ring->view, ring->at + field, out, sizeof(*out));
}

#define HEAD offsetof(struct zipc_place_ring, head)
#define TAIL offsetof(struct zipc_place_ring, tail)

/*
 * head, and tail as it was while head stood there. When head moves too fast
 * for that, tail may be later than head, which makes the queue look fuller
 * than it was: the caller cuts the difference.
 */
static int positions(struct ring *ring, uint64_t *head, uint64_t *tail)
{
	uint64_t before, after = 0;
	int rc = read_word(ring, HEAD, &after);

	for (int tries = 0; !rc && tries < 16; tries++) {
		before = after;
		rc = read_word(ring, TAIL, tail);
		if (!rc)
			rc = read_word(ring, HEAD, &after);
		*head = before;
		if (before == after)
			break;
	}
	if (rc)
		return rc;
	if (ring->block->head.kind == ZIPC_CHANNEL)
		*tail &= ~ZIPC_TAIL_CLOSED;
	if (*head < 1 || *tail < *head || *tail > POSITION_END)
		return zipc_view_damaged(
			ring->view, ring->block->name,
			"its head is at %llu and its tail at %llu",
			(unsigned long long)*head, (unsigned long long)*tail);
	return 0;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct ring ring;
	uint64_t head, tail;
	int rc = ring_load(&ring, view, block);

	if (!rc)
		rc = positions(&ring, &head, &tail);
	if (rc)
		return rc;
	/* At most capacity are inside at one moment; see positions(). */
	out->size = tail - head < out->capacity ? tail - head : out->capacity;
	out->added = tail - 1;
	out->removed = head - 1;
	return zipc_view_count_leases(view, block, out);
}

/* Positions p to p + count - 1, in slots that lie side by side. */
struct batch {
	uint64_t p, count, most;
	uint64_t head; /* read last */
	unsigned char *slots;
	uint64_t *before, *after; /* turns */
};

static uint64_t slot_at(const struct ring *ring, uint64_t position)
{
	return ring->slots_at + position % ring->slots * ring->slot_bytes;
}

static int read_slots(struct ring *ring, struct batch *batch)
{
	return zipc_view_read(ring->view, slot_at(ring, batch->p), batch->slots,
			      batch->count * ring->slot_bytes);
}

static int read_turns(struct ring *ring, struct batch *batch, uint64_t *turns)
{
	int rc = 0;

	if (ring->slot_bytes <= SMALL_SLOT) {
		rc = read_slots(ring, batch);
		for (uint64_t i = 0; !rc && i < batch->count; i++)
			memcpy(&turns[i], batch->slots + i * ring->slot_bytes,
			       sizeof(turns[i]));
		return rc;
	}
	for (uint64_t i = 0; !rc && i < batch->count; i++)
		rc = zipc_view_read(ring->view, slot_at(ring, batch->p + i),
				    &turns[i], sizeof(turns[i]));
	return rc;
}

/* Elements of the batch that were whole, packed; returns how many. */
static uint64_t keep_whole(const struct ring *ring, const struct batch *batch,
			   unsigned char *bytes, uint64_t *ids)
{
	uint64_t elem_size = ring->block->head.elem_size, kept = 0;

	for (uint64_t i = 0; i < batch->count; i++) {
		uint64_t p = batch->p + i;

		if (batch->before[i] != p || batch->after[i] != p ||
		    p < batch->head)
			continue;
		memcpy(bytes + kept * elem_size,
		       batch->slots + i * ring->slot_bytes + sizeof(p),
		       elem_size);
		if (ids)
			ids[kept] = p;
		kept++;
	}
	return kept;
}

/* The elements are copied last into slots, so turns come from copies too. */
static int64_t read_batch(struct ring *ring, struct batch *batch,
			  unsigned char *bytes, uint64_t *ids)
{
	unsigned char *elements = batch->slots;
	int rc = read_turns(ring, batch, batch->before);

	if (!rc)
		rc = read_slots(ring, batch);
	if (rc)
		return rc;
	/* The second look at turns must not disturb the elements. */
	batch->slots += batch->most * ring->slot_bytes;
	rc = read_turns(ring, batch, batch->after);
	batch->slots = elements;
	if (!rc)
		rc = read_word(ring, HEAD, &batch->head);
	if (rc)
		return rc;
	return (int64_t)keep_whole(ring, batch, bytes, ids);
}

static int batch_init(struct batch *batch, const struct ring *ring)
{
	uint64_t slots_bytes, turns_bytes;

	batch->most = BATCH_BYTES / ring->slot_bytes;
	if (batch->most < 1)
		batch->most = 1;
	/* Turns of large slots are not read as slots: one buffer is enough. */
	slots_bytes = batch->most * ring->slot_bytes;
	if (ring->slot_bytes <= SMALL_SLOT)
		slots_bytes *= 2;
	turns_bytes = batch->most * sizeof(uint64_t);
	batch->before = malloc(2 * turns_bytes + slots_bytes);
	if (!batch->before)
		return zipc_fail(ENOMEM, "no memory to copy elements of `%s`",
				 ring->block->name);
	batch->after = batch->before + batch->most;
	batch->slots = (unsigned char *)(batch->after + batch->most);
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int64_t collect(struct ring *ring, struct batch *batch, uint64_t end,
		       uint64_t n, unsigned char *bytes, uint64_t *ids)
{
	uint64_t elem_size = ring->block->head.elem_size, got = 0;
	int64_t rc;

	while (batch->p < end && got < n) {
		batch->count = least(batch->most, n - got);
		batch->count = least(batch->count, end - batch->p);
		batch->count = least(batch->count,
				     ring->slots - batch->p % ring->slots);
		rc = read_batch(ring, batch, bytes + got * elem_size,
				ids ? ids + got : NULL);
		if (rc < 0)
			return rc;
		got += (uint64_t)rc;
		batch->p += batch->count;
		if (batch->p < batch->head)
			batch->p = batch->head;
	}
	return (int64_t)got;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	struct batch batch;
	struct ring ring;
	uint64_t head, tail, inside;
	int64_t rc = ring_load(&ring, view, block);

	if (!rc)
		rc = positions(&ring, &head, &tail);
	if (rc)
		return rc;
	inside = least(tail - head, ring.slots);
	if (from >= inside || n == 0)
		return 0;
	rc = batch_init(&batch, &ring);
	if (rc)
		return rc;
	batch.p = head + from;
	rc = collect(&ring, &batch, head + inside, n, bytes, ids);
	free(batch.before);
	return rc;
}

const struct zipc_view_kind zipc_view_queue = {
	.kind = ZIPC_QUEUE,
	.flags = ZIPC_FLAG_LEASES,
	.describe = describe,
	.elements = elements,
};
