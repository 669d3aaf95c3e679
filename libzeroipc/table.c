/* SPDX-License-Identifier: MIT */
/* The table of structures; the idea is in the header. */
#include "table.h"

#include "error.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>

static uint64_t round_to_line(uint64_t n)
{
	return (n + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

static int check_name(const char *name)
{
	size_t length = strlen(name);

	if (length > ZIPC_NAME_MAX)
		return zipc_fail(ENAMETOOLONG, "a structure's name has at most "
				 "%d bytes: `%s` has %zu", ZIPC_NAME_MAX, name,
				 length);
	if (!zipc_name_valid(name))
		return zipc_fail(EINVAL, "`%s` cannot name a structure: use a "
				 "word without `/` and control characters",
				 name);
	return 0;
}

/* finding */

static struct zipc_entry *entries(const struct zipc_segment *segment)
{
	return (struct zipc_entry *)(void *)(segment->base +
					     sizeof(struct zipc_header));
}

/* Where the first block stands, at the earliest. */
static uint64_t blocks_begin(const struct zipc_segment *segment)
{
	return (uint64_t)((const unsigned char *)segment->participants -
			  segment->base) +
	       (uint64_t)segment->max_participants *
		       sizeof(struct zipc_participant);
}

/* The table's state, checked: how many entries, and the first free byte. */
static int read_state(const struct zipc_segment *segment, uint32_t *count,
		      uint64_t *next)
{
	/* table: acquire; pairs with commit(). */
	uint64_t state = atomic_load_explicit(
		&zipc_segment_header(segment)->table_state,
		memory_order_acquire);

	*count = (uint32_t)state;
	*next = (state >> 32) * ZIPC_LINE;
	if (*count > segment->max_entries || *next > segment->size ||
	    *next < blocks_begin(segment))
		return zipc_fail(EBADMSG, "segment `/%s` is damaged: its table "
				 "says %u entries of %u, and %llu bytes of "
				 "%llu", segment->name, *count,
				 segment->max_entries,
				 (unsigned long long)*next,
				 (unsigned long long)segment->size);
	return 0;
}

/* The entry called name, as a copy; 1 if there is one. */
static int look_up(struct zipc_entry *copy, const struct zipc_segment *segment,
		   uint32_t count, const char *name)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		*copy = entries(segment)[i];
		copy->name[sizeof(copy->name) - 1] = '\0';
		if (!strcmp(copy->name, name))
			return 1;
	}
	return 0;
}

static int damaged(const struct zipc_segment *segment, const char *name,
		   const char *what)
{
	return zipc_fail(EBADMSG, "structure `%s` in segment `/%s` is damaged: "
			 "%s", name, segment->name, what);
}

/* Copy the descriptor and check the copy against entry and mapping. */
static int copy_block(struct zipc_block *copy, struct zipc_found *found,
		      const struct zipc_segment *segment,
		      const struct zipc_entry *entry)
{
	uint64_t offset = (uint64_t)entry->offset * ZIPC_LINE;
	uint64_t size = (uint64_t)entry->size * ZIPC_LINE;

	if (size < sizeof(*copy) || offset < blocks_begin(segment) ||
	    offset > segment->size || size > segment->size - offset)
		return damaged(segment, entry->name,
			       "its block lies where none can be");
	found->block = (struct zipc_block *)(void *)(segment->base + offset);
	memcpy(copy, found->block, sizeof(*copy));
	if (copy->name_check != zipc_name_check(entry->name))
		return damaged(segment, entry->name,
			       "its block belongs to another name");
	if (copy->type_length > ZIPC_TYPE_MAX ||
	    copy->type_offset < sizeof(*copy) || copy->type_offset > size ||
	    copy->type_length > size - copy->type_offset)
		return damaged(segment, entry->name,
			       "its type text lies beyond its block");
	if (copy->body_offset % ZIPC_LINE ||
	    copy->body_offset < sizeof(*copy) || copy->body_offset > size ||
	    copy->body_bytes > size - copy->body_offset)
		return damaged(segment, entry->name,
			       "its body lies beyond its block");
	found->body = segment->base + offset + copy->body_offset;
	found->body_bytes = copy->body_bytes;
	found->elem_size = copy->elem_size;
	found->capacity = copy->capacity;
	found->flags = copy->flags;
	return 0;
}

/* Parse the type text that stands in the block. */
static int read_type(struct zipc_found *found, const struct zipc_block *copy,
		     const struct zipc_segment *segment, const char *name)
{
	char text[ZIPC_TYPE_MAX + 1];
	int rc;

	memcpy(text, (unsigned char *)found->block + copy->type_offset,
	       copy->type_length);
	rc = zipc_type_parse(&found->type, text, copy->type_length);
	if (rc == -ENOMEM)
		return rc;
	if (rc)
		return damaged(segment, name, "its type text makes no sense");
	if (zipc_type_size(found->type) == copy->elem_size && copy->capacity)
		return 0;
	zipc_type_free(found->type);
	return damaged(segment, name, "its type and its sizes do not agree");
}

static int check_kind(const struct zipc_segment *segment, const char *name,
		      unsigned there, unsigned wanted)
{
	if (there == wanted)
		return 0;
	return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` is of kind %s (%u), "
			 "not %s: open it as what it is", name, segment->name,
			 zipc_kind_name(there), there, zipc_kind_name(wanted));
}

/* A flag says that the body differs, so who does not know it keeps off. */
static int check_flags(const struct zipc_segment *segment, const char *name,
		       const struct zipc_block *copy)
{
	uint32_t known = copy->kind == ZIPC_QUEUE ? ZIPC_FLAG_LEASES : 0;

	if (!(copy->flags & ~known))
		return 0;
	return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` is a %s with flags "
			 "0x%x, of which this version knows 0x%x: use a newer "
			 "one", name, segment->name, zipc_kind_name(copy->kind),
			 copy->flags, known);
}

static int check_type(const struct zipc_segment *segment, const char *name,
		      const struct zipc_type *there, const char *text)
{
	struct zipc_type *wanted;
	char difference[256];
	int rc, equal;

	if (!text)
		return 0;
	rc = zipc_type_parse(&wanted, text, SIZE_MAX);
	if (rc)
		return rc;
	equal = zipc_type_equal(wanted, there, difference, sizeof(difference));
	zipc_type_free(wanted);
	if (equal)
		return 0;
	return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` has elements of "
			 "type %s, not %s: %s", name, segment->name,
			 zipc_type_text(there), text, difference);
}

static int found_entry(struct zipc_found *found, struct zipc_segment *segment,
		       const struct zipc_entry *entry, unsigned kind,
		       const char *type)
{
	struct zipc_block copy;
	int rc;

	rc = copy_block(&copy, found, segment, entry);
	if (!rc)
		rc = check_kind(segment, entry->name, copy.kind, kind);
	if (!rc)
		rc = check_flags(segment, entry->name, &copy);
	if (!rc)
		rc = read_type(found, &copy, segment, entry->name);
	if (rc)
		return rc;
	rc = check_type(segment, entry->name, found->type, type);
	if (rc)
		zipc_type_free(found->type);
	return rc;
}

int zipc_table_find(struct zipc_found *found, struct zipc_segment *segment,
		    const char *name, unsigned kind, const char *type)
{
	struct zipc_entry entry;
	uint32_t count;
	uint64_t next;
	int rc;

	rc = check_name(name);
	if (!rc)
		rc = read_state(segment, &count, &next);
	if (rc)
		return rc;
	if (!look_up(&entry, segment, count, name))
		return zipc_fail(ENOENT, "no structure `%s` in segment `/%s`",
				 name, segment->name);
	return found_entry(found, segment, &entry, kind, type);
}

/* adding */

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
	int rc = check_name(name);

	if (rc)
		return rc;
	if (!plan->capacity)
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

static int check_room(const struct zipc_segment *segment, uint32_t count,
		      uint64_t next, const struct draft *draft)
{
	if (count >= segment->max_entries)
		return zipc_fail(ENOSPC, "the table of segment `/%s` is full "
				 "with %u structures: create the segment with "
				 "more (max_entries)", segment->name, count);
	if (draft->total > segment->size - next)
		return zipc_fail(ENOSPC, "`%s` takes %llu bytes, segment `/%s` "
				 "has %llu left of %llu: create a larger one",
				 draft->name, (unsigned long long)draft->total,
				 segment->name,
				 (unsigned long long)(segment->size - next),
				 (unsigned long long)segment->size);
	return 0;
}

/* Write the whole block, in place; nobody looks there yet. */
static void write_block(struct zipc_segment *segment, uint64_t at,
			const struct draft *draft)
{
	const struct zipc_plan *plan = draft->plan;
	const char *text = zipc_type_text(draft->type);
	struct zipc_block *block = (void *)(segment->base + at);

	block->kind = plan->kind;
	block->generation = 1;
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
}

/* The one store that makes it visible. */
static void commit(struct zipc_segment *segment, uint32_t count, uint64_t at,
		   const struct draft *draft)
{
	struct zipc_entry entry = {
		.offset = (uint32_t)(at / ZIPC_LINE),
		.size = (uint32_t)(draft->total / ZIPC_LINE),
	};

	memcpy(entry.name, draft->name, strlen(draft->name));
	entries(segment)[count] = entry;
	/* table: release; pairs with read_state(). */
	atomic_store_explicit(&zipc_segment_header(segment)->table_state,
			      (at + draft->total) / ZIPC_LINE << 32 |
				      (count + 1),
			      memory_order_release);
}

static int create_locked(struct zipc_segment *segment,
			 const struct draft *draft)
{
	struct zipc_entry entry;
	uint32_t count;
	uint64_t next;
	int rc = read_state(segment, &count, &next);

	if (rc)
		return rc;
	if (look_up(&entry, segment, count, draft->name))
		return zipc_fail(EEXIST, "`%s` exists in segment `/%s`: open "
				 "it", draft->name, segment->name);
	rc = check_room(segment, count, next, draft);
	if (!rc)
		rc = zipc_segment_reserve(segment, next, draft->total);
	if (rc)
		return rc;
	write_block(segment, next, draft);
	commit(segment, count, next, draft);
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
		rc = create_locked(segment, &draft);
		zipc_segment_unlock(segment);
	}
	zipc_type_free(draft.type);
	if (rc)
		return rc;
	return zipc_table_find(found, segment, name, plan->kind, NULL);
}

int zipc_table_open_or_create(struct zipc_found *found,
			      struct zipc_segment *segment, const char *name,
			      const struct zipc_plan *plan)
{
	int rc = zipc_table_find(found, segment, name, plan->kind, plan->type);

	if (rc == -ENOENT && !segment->read_only) {
		rc = zipc_table_create(found, segment, name, plan);
		if (rc == -EEXIST)
			rc = zipc_table_find(found, segment, name, plan->kind,
					     plan->type);
	}
	if (rc || found->capacity == plan->capacity)
		return rc;
	rc = zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` has a capacity of "
		       "%llu, not %llu", name, segment->name,
		       (unsigned long long)found->capacity,
		       (unsigned long long)plan->capacity);
	zipc_type_free(found->type);
	return rc;
}
