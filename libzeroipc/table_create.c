/* SPDX-License-Identifier: MIT */
/* The table of structures: adding one; the idea is in table.h. */
#include "atoms.h"
#include "error.h"
#include "name.h"
#include "table_inside.h"

#include <string.h>

static uint64_t round_to_line(uint64_t n)
{
	return (n + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

/* A block that is being built: its sizes, and where it is to stand. */
struct draft {
	const char *name;
	const struct zipc_plan *plan;
	struct zipc_type *type;
	uint64_t elem_size, type_bytes, body_bytes, total;
};

/* Measure what the plan asks for, before anything is locked. */
static int draft_plan(struct draft *draft, const char *name,
		      const struct zipc_plan *plan)
{
	int rc = zipc_table_check_name(name);

	if (rc)
		return rc;
	if (!plan->capacity && plan->kind != ZIPC_CHANNEL)
		return zipc_fail(EINVAL, "the capacity of `%s` is 0: it must "
				 "hold at least one element", name);
	rc = zipc_type_parse(&draft->type, plan->type, SIZE_MAX);
	if (rc)
		return rc;
	draft->name = name;
	draft->plan = plan;
	draft->elem_size = zipc_type_size(draft->type);
	draft->type_bytes =
		round_to_line(strlen(zipc_type_text(draft->type)) + 1);
	draft->body_bytes = plan->body_bytes(plan, draft->elem_size);
	if (draft->elem_size <= plan->elem_size_max &&
	    draft->body_bytes <= ZIPC_MOST_BYTES) {
		draft->total = sizeof(struct zipc_block) + draft->type_bytes +
			       round_to_line(draft->body_bytes);
		return 0;
	}
	if (draft->elem_size > plan->elem_size_max)
		rc = zipc_fail(EINVAL, "elements of `%s` are %llu bytes: a %s "
			       "takes at most %llu", name,
			       (unsigned long long)draft->elem_size,
			       zipc_kind_name(plan->kind),
			       (unsigned long long)plan->elem_size_max);
	else
		rc = zipc_fail(ENOSPC, "`%s` would take more than the 256 GiB "
			       "that a segment can have", name);
	zipc_type_free(draft->type);
	return rc;
}

/* Write the whole block, in place; nobody looks there yet. Returns its body. */
static unsigned char *write_block(struct zipc_segment *segment, uint64_t at,
				  uint64_t lives, const struct draft *draft)
{
	const struct zipc_plan *plan = draft->plan;
	const char *text = zipc_type_text(draft->type);
	struct zipc_block *block = (void *)(segment->base + at);

	block->kind = plan->kind;
	block->generation = (uint32_t)lives;
	block->elem_size = draft->elem_size;
	block->capacity = plan->capacity;
	block->flags = plan->flags;
	block->name_check = zipc_name_check(draft->name);
	block->type_offset = sizeof(*block);
	block->type_length = (uint32_t)strlen(text);
	block->body_offset = sizeof(*block) + draft->type_bytes;
	block->body_bytes = draft->body_bytes;
	memcpy((unsigned char *)block + block->type_offset, text,
	       strlen(text) + 1);
	if (plan->build)
		plan->build(plan, (unsigned char *)block + block->body_offset,
			    draft->elem_size);
	return (unsigned char *)block + block->body_offset;
}

/*
 * The one store that makes it visible: of an entry behind all others that of
 * the table's state, of one that was unused that of its extent.
 */
static void commit(struct zipc_segment *segment, const struct zipc_room *room,
		   const struct draft *draft)
{
	struct zipc_entry *entry = zipc_table_entry(segment, room->entry);
	uint32_t count = room->count;
	char name[sizeof(entry->name)] = "";

	memcpy(name, draft->name, strlen(draft->name));
	zipc_copy_in((void *)entry->name, name, sizeof(name));
	if (room->entry < count)
		zipc_table_set_state(segment, count, room->next);
	/* entry: release; pairs with zipc_table_look_up() and look(). */
	atomic_store_explicit(&entry->extent,
			      zipc_extent_word(room->at, draft->total),
			      memory_order_release);
	if (room->entry == count)
		zipc_table_set_state(segment, count + 1, room->next);
}

/* It is used from here on: under the lock nobody can remove it. */
static int create_locked(struct zipc_segment *segment,
			 const struct draft *draft, struct zipc_use *use)
{
	struct zipc_room room;
	uint32_t count;
	uint64_t next, lives;
	unsigned char *body;
	int rc = zipc_table_state(segment, &count, &next);

	if (rc)
		return rc;
	if (zipc_table_look_up(segment, count, draft->name) >= 0)
		return zipc_fail(EEXIST, "`%s` exists in segment `/%s`: open "
				 "it", draft->name, segment->name);
	rc = zipc_table_find_room(&room, segment, draft->name, draft->total);
	if (!rc)
		rc = zipc_segment_reserve(segment, room.at, draft->total,
					  room.end);
	if (rc)
		return rc;
	lives = zipc_entry_lives(segment, room.entry);
	body = write_block(segment, room.at, lives, draft);
	if (draft->plan->join)
		rc = draft->plan->join(draft->plan, body, room.entry, lives);
	if (rc)
		return rc;
	commit(segment, &room, draft);
	if (!zipc_use_begin(use, segment, room.entry, draft->name))
		return zipc_fail(EBADMSG, "segment `/%s` is damaged: what was "
				 "just written there is not there",
				 segment->name);
	return 0;
}

static int read_only(const struct zipc_segment *segment, const char *name)
{
	return zipc_fail(EROFS, "segment `/%s` is open for reading only: open "
			 "it without ZIPC_READ_ONLY to create `%s`",
			 segment->name, name);
}

int zipc_table_create(struct zipc_found *found, struct zipc_segment *segment,
		      const char *name, const struct zipc_plan *plan)
{
	struct draft draft;
	int rc;

	if (segment->read_only)
		return read_only(segment, name);
	rc = draft_plan(&draft, name, plan);
	if (rc)
		return rc;
	rc = zipc_segment_lock(segment);
	if (!rc) {
		rc = create_locked(segment, &draft, &found->use);
		zipc_segment_unlock(segment);
	}
	zipc_type_free(draft.type);
	if (rc)
		return rc;
	return zipc_table_open(found, name, plan->kind, NULL);
}

int zipc_table_open_or_create(struct zipc_found *found,
			      struct zipc_segment *segment, const char *name,
			      const struct zipc_plan *plan)
{
	int rc, tries;

	/* Others may remove and create it between our two looks. */
	for (tries = 0; tries < 100; tries++) {
		rc = zipc_table_find(found, segment, name, plan->kind,
				     plan->type);
		if (rc != -ENOENT || segment->read_only)
			break;
		rc = zipc_table_create(found, segment, name, plan);
		if (rc != -EEXIST)
			break;
	}
	if (rc || found->capacity == plan->capacity)
		return rc;
	rc = zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` has a capacity of "
		       "%llu, not %llu", name, segment->name,
		       (unsigned long long)found->capacity,
		       (unsigned long long)plan->capacity);
	zipc_table_release(found);
	return rc;
}
