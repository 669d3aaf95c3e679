/* SPDX-License-Identifier: MIT */
/* The table of structures: finding one; the idea is in the header. */
#include "table_inside.h"

#include "atoms.h"
#include "error.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>

int zipc_table_check_name(const char *name)
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

int zipc_table_state(const struct zipc_segment *segment, uint32_t *count,
		     uint64_t *next)
{
	/* table: acquire; pairs with zipc_table_set_state(). */
	uint64_t state = atomic_load_explicit(
		&zipc_segment_header(segment)->table_state,
		memory_order_acquire);

	*count = (uint32_t)state;
	*next = (state >> 32) * ZIPC_LINE;
	if (*count > segment->max_entries || *next > segment->size ||
	    *next < zipc_segment_blocks_begin(segment))
		return zipc_fail(EBADMSG, "segment `/%s` is damaged: its table "
				 "says %u entries of %u, and %llu bytes of "
				 "%llu", segment->name, *count,
				 segment->max_entries,
				 (unsigned long long)*next,
				 (unsigned long long)segment->size);
	return 0;
}

int64_t zipc_table_look_up(const struct zipc_segment *segment, uint32_t count,
			   const char *name)
{
	struct zipc_entry *entry = zipc_table_entry(segment, 0);
	struct zipc_extent extent;
	char copy[sizeof(entry->name)];
	uint64_t word;
	uint32_t i;

	for (i = 0; i < count; i++, entry++) {
		/* entry: acquire; pairs with commit(). */
		word = atomic_load_explicit(&entry->extent,
					    memory_order_acquire);
		if (zipc_table_read(segment, &extent, word) != ZIPC_ENTRY_THERE)
			continue;
		zipc_copy_out(copy, (void *)entry->name, sizeof(copy));
		copy[sizeof(copy) - 1] = '\0';
		if (!strcmp(copy, name))
			return i;
	}
	return -1;
}

static int damaged(const struct zipc_segment *segment, const char *name,
		   const char *what)
{
	return zipc_fail(EBADMSG, "structure `%s` in segment `/%s` is damaged: "
			 "%s", name, segment->name, what);
}

/* Copy the descriptor and check the copy against entry and mapping. */
static int copy_block(struct zipc_block *copy, struct zipc_found *found,
		      const struct zipc_segment *segment, const char *name)
{
	struct zipc_extent extent = zipc_extent_of(found->use.extent);
	uint64_t size = extent.bytes;

	if (!zipc_extent_fits(&extent, zipc_segment_blocks_begin(segment),
			      segment->size))
		return damaged(segment, name,
			       "its block lies where none can be");
	found->block = (struct zipc_block *)(void *)(segment->base + extent.at);
	zipc_copy_out(copy, (void *)found->block, sizeof(*copy));
	if (copy->name_check != zipc_name_check(name))
		return damaged(segment, name,
			       "its block belongs to another name");
	if (copy->type_length > ZIPC_TYPE_MAX ||
	    copy->type_offset < sizeof(*copy) || copy->type_offset > size ||
	    copy->type_length > size - copy->type_offset)
		return damaged(segment, name,
			       "its type text lies beyond its block");
	if (copy->body_offset % ZIPC_LINE ||
	    copy->body_offset < sizeof(*copy) || copy->body_offset > size ||
	    copy->body_bytes > size - copy->body_offset)
		return damaged(segment, name, "its body lies beyond its block");
	found->body = segment->base + extent.at + copy->body_offset;
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
	if (zipc_type_size(found->type) == copy->elem_size &&
	    (copy->capacity || copy->kind == ZIPC_CHANNEL))
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

/* What the use that has begun leads to. */
static int look_inside(struct zipc_found *found, struct zipc_segment *segment,
		       const char *name, unsigned kind, const char *type)
{
	struct zipc_block copy;
	int rc;

	rc = copy_block(&copy, found, segment, name);
	if (!rc)
		rc = check_kind(segment, name, copy.kind, kind);
	if (!rc)
		rc = check_flags(segment, name, &copy);
	if (!rc)
		rc = read_type(found, &copy, segment, name);
	if (rc)
		return rc;
	rc = check_type(segment, name, found->type, type);
	if (rc)
		zipc_type_free(found->type);
	return rc;
}

int zipc_table_open(struct zipc_found *found, const char *name, unsigned kind,
		    const char *type)
{
	struct zipc_segment *segment = found->use.segment;
	int rc = look_inside(found, segment, name, kind, type);

	/* What was copied is copied before the entry is looked at again. */
	if (segment->read_only) {
		atomic_thread_fence(memory_order_acquire);
		if (!zipc_use_stands(&found->use)) {
			if (!rc)
				zipc_type_free(found->type);
			return -EAGAIN;
		}
	}
	if (rc)
		zipc_use_end(&found->use);
	return rc;
}

static int not_there(const struct zipc_segment *segment, const char *name)
{
	return zipc_fail(ENOENT, "no structure `%s` in segment `/%s`", name,
			 segment->name);
}

int zipc_table_name(char name[static ZIPC_NAME_MAX + 1],
		    const struct zipc_segment *segment, uint32_t offset)
{
	struct zipc_entry *entry = zipc_table_entry(segment, 0);
	enum zipc_entry_state state;
	struct zipc_extent extent;
	uint32_t count, i;
	uint64_t next;
	int rc = zipc_table_state(segment, &count, &next);

	if (rc)
		return rc;
	for (i = 0; i < count; i++, entry++) {
		/* entry: acquire; pairs with commit(). */
		state = zipc_table_read(segment, &extent,
					atomic_load_explicit(
						&entry->extent,
						memory_order_acquire));
		if (extent.at != (uint64_t)offset * ZIPC_LINE)
			continue;
		if (state == ZIPC_ENTRY_REMOVED)
			return -EBUSY;
		if (state != ZIPC_ENTRY_THERE)
			continue;
		zipc_copy_out(name, (void *)entry->name, ZIPC_NAME_MAX);
		name[ZIPC_NAME_MAX] = '\0';
		return 0;
	}
	return -ENOENT;
}

/*
 * It looks again only when somebody has removed or created in between, so
 * somebody gets on.
 */
int zipc_table_find(struct zipc_found *found, struct zipc_segment *segment,
		    const char *name, unsigned kind, const char *type)
{
	uint32_t count;
	uint64_t next;
	int64_t i;
	int rc;

	rc = zipc_table_check_name(name);
	if (!rc && !segment->read_only)
		rc = zipc_segment_enter(segment);
	if (rc)
		return rc;
	for (;;) {
		rc = zipc_table_state(segment, &count, &next);
		if (rc)
			return rc;
		i = zipc_table_look_up(segment, count, name);
		if (i < 0)
			return not_there(segment, name);
		if (!zipc_use_begin(&found->use, segment, (uint32_t)i, name))
			continue;
		rc = zipc_table_open(found, name, kind, type);
		if (rc != -EAGAIN)
			return rc;
	}
}

/* Loops as zipc_table_find(). */
int zipc_table_kind(unsigned *kind, struct zipc_segment *segment,
		    const char *name)
{
	struct zipc_block copy = { .kind = 0 };
	struct zipc_found found;
	uint32_t count;
	uint64_t next;
	int64_t i;
	int rc;

	do {
		rc = zipc_table_check_name(name);
		if (!rc)
			rc = zipc_table_state(segment, &count, &next);
		if (rc)
			return rc;
		i = zipc_table_look_up(segment, count, name);
		if (i < 0)
			return not_there(segment, name);
	} while (!zipc_use_begin(&found.use, segment, (uint32_t)i, name));
	rc = copy_block(&copy, &found, segment, name);
	zipc_use_end(&found.use);
	if (!rc)
		*kind = copy.kind;
	return rc;
}
