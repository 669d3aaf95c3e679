/* SPDX-License-Identifier: MIT */
/*
 * Space for structures, under the lock of who creates and removes. What is free
 * follows from the table each time: it is what lies in no entry's extent. So
 * there is no list of free space that could be wrong, and a creator that died
 * has left nothing to put right but memory, which goes back when the gap is
 * used.
 *
 * An entry becomes unused in this order: the block's whole pages are given
 * back, its name becomes zero, its extent becomes zero. Until the last store it
 * is removed, and who comes after a death does it all again.
 *
 * next_offset is where the last extent ends, and never less: it is raised
 * before an extent that lies beyond it is written, and lowered behind one that
 * has gone.
 *
 * A table that is damaged tells nothing of what is free: then nothing is freed,
 * and what is created goes beyond next_offset.
 */
#include "atoms.h"
#include "error.h"
#include "table_inside.h"

#include <stdio.h>
#include <stdlib.h>

/* What the table has, of entries that are not unused. */
struct space {
	struct zipc_extent *extents; /* in the order of the file */
	uint32_t count;
	uint32_t entries;  /* of the table */
	uint32_t unused;   /* the first unused entry, or entries */
	uint64_t begin, next; /* blocks stand in between */
	uint64_t last;     /* where the last extent ends */
	uint64_t held;     /* bytes of removed structures */
	bool damaged;
};

static enum zipc_entry_state read_entry(const struct zipc_segment *segment,
					uint32_t i, struct zipc_extent *extent)
{
	/* Relaxed: only who has the lock writes it. */
	uint64_t word = atomic_load_explicit(
		&zipc_table_entry(segment, i)->extent, memory_order_relaxed);

	return zipc_table_read(segment, extent, word);
}

static int compare(const void *a, const void *b)
{
	const struct zipc_extent *one = a, *other = b;

	return one->at < other->at ? -1 : one->at > other->at;
}

static void sort(struct space *space)
{
	uint32_t i;

	/* They mostly are in order: structures are added one behind another. */
	for (i = 1; i < space->count; i++)
		if (space->extents[i].at < space->extents[i - 1].at)
			break;
	if (i < space->count)
		qsort(space->extents, space->count, sizeof(*space->extents),
		      compare);
	for (i = 1; i < space->count; i++)
		if (space->extents[i].at < space->extents[i - 1].at +
						   space->extents[i - 1].bytes)
			space->damaged = true;
}

static void add(struct space *space, const struct zipc_extent *extent)
{
	if (!zipc_extent_fits(extent, space->begin, space->next))
		space->damaged = true;
	space->extents[space->count++] = *extent;
}

/* Read the table; extents are to be freed. */
static int survey(struct space *space, const struct zipc_segment *segment)
{
	enum zipc_entry_state state;
	struct zipc_extent extent;
	uint32_t i;
	int rc;

	*space = (struct space){ .begin = zipc_segment_blocks_begin(segment) };
	rc = zipc_table_state(segment, &space->entries, &space->next);
	if (rc)
		return rc;
	space->extents = malloc((space->entries + 1) *
				sizeof(*space->extents));
	if (!space->extents)
		return zipc_fail_as(ENOMEM, "out of memory");
	space->unused = space->entries;
	for (i = 0; i < space->entries; i++) {
		state = read_entry(segment, i, &extent);
		if (state == ZIPC_ENTRY_UNUSED && space->unused > i)
			space->unused = i;
		if (state != ZIPC_ENTRY_UNUSED)
			add(space, &extent);
		if (state == ZIPC_ENTRY_REMOVED)
			space->held += extent.bytes;
	}
	sort(space);
	space->last = space->begin;
	if (space->count)
		space->last = space->extents[space->count - 1].at +
			      space->extents[space->count - 1].bytes;
	return 0;
}

/* freeing */

static void make_unused(struct zipc_segment *segment, uint32_t i,
			const struct zipc_extent *extent)
{
	static const char no_name[sizeof(zipc_table_entry(NULL, 0)->name)];
	struct zipc_entry *entry = zipc_table_entry(segment, i);

	zipc_segment_give_back(segment, extent->at, extent->at + extent->bytes);
	zipc_copy_in((void *)entry->name, no_name, sizeof(no_name));
	/* entry: release; pairs with zipc_table_look_up() and look(). */
	atomic_store_explicit(&entry->extent, 0, memory_order_release);
}

/* Of the removed entries those that nobody can use; how many. */
static uint32_t free_unused(struct zipc_segment *segment, uint32_t entries)
{
	unsigned char known[ZIPC_MOST_PARTICIPANTS];
	struct zipc_extent extent;
	uint32_t i, freed = 0;

	memset(known, 0, segment->max_participants);
	/*
	 * Between marking an entry, by this process or one that had the lock
	 * before, and looking at its bits; who opens runs one between raising
	 * its bit and looking at the entry.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	for (i = 0; i < entries; i++) {
		if (read_entry(segment, i, &extent) != ZIPC_ENTRY_REMOVED ||
		    zipc_use_any(segment, i, known))
			continue;
		make_unused(segment, i, &extent);
		freed++;
	}
	return freed;
}

/* Read the table, and free what can be. */
static int tidy(struct space *space, struct zipc_segment *segment)
{
	int rc = survey(space, segment);

	if (rc || space->damaged)
		return rc;
	if (space->held && free_unused(segment, space->entries)) {
		free(space->extents);
		rc = survey(space, segment);
	}
	if (!rc && space->last < space->next) {
		space->next = space->last;
		zipc_table_set_state(segment, space->entries, space->next);
	}
	return rc;
}

int zipc_table_free_removed(struct zipc_segment *segment)
{
	struct space space;
	int rc = tidy(&space, segment);

	free(space.extents);
	return rc;
}

/* finding room */

static int no_entry(const struct zipc_segment *segment,
		    const struct space *space)
{
	return zipc_fail(ENOSPC, "the table of segment `/%s` is full with %u "
			 "structures: create the segment with more "
			 "(max_entries)", segment->name, space->entries);
}

static int no_room(const struct zipc_segment *segment,
		   const struct space *space, const char *name, uint64_t bytes,
		   uint64_t most)
{
	char held[96] = "";

	if (space->held)
		snprintf(held, sizeof(held), ", or end who still has removed "
			 "ones open: they hold %llu",
			 (unsigned long long)space->held);
	return zipc_fail(ENOSPC, "`%s` takes %llu bytes, segment `/%s` has "
			 "%llu left in one piece, of %llu: create a larger "
			 "one%s", name, (unsigned long long)bytes,
			 segment->name, (unsigned long long)most,
			 (unsigned long long)segment->size, held);
}

/* The first gap that is large enough; how large the largest was. */
static uint64_t find_gap(struct zipc_room *room, const struct space *space,
			 uint64_t bytes, uint64_t size)
{
	uint64_t at = space->damaged ? space->next : space->begin, most = 0;
	uint32_t i = space->damaged ? space->count : 0;
	uint64_t end;

	for (; i <= space->count; i++) {
		end = i < space->count ? space->extents[i].at : size;
		if (end - at > most)
			most = end - at;
		if (end - at >= bytes) {
			room->at = at;
			room->end = end;
			break;
		}
		if (i < space->count)
			at = end + space->extents[i].bytes;
	}
	return most;
}

int zipc_table_find_room(struct zipc_room *room, struct zipc_segment *segment,
			 const char *name, uint64_t bytes)
{
	struct space space;
	uint64_t most;
	int rc = tidy(&space, segment);

	if (!rc && space.unused >= segment->max_entries)
		rc = no_entry(segment, &space);
	if (!rc) {
		most = find_gap(room, &space, bytes, segment->size);
		if (most < bytes)
			rc = no_room(segment, &space, name, bytes, most);
	}
	if (!rc) {
		room->entry = space.unused;
		room->count = space.entries;
		room->next = room->at + bytes > space.next ? room->at + bytes
							   : space.next;
	}
	free(space.extents);
	return rc;
}
