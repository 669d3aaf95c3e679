/* SPDX-License-Identifier: MIT */
/* What those who find, add and remove structures share. */
#ifndef ZIPC_TABLE_INSIDE_H
#define ZIPC_TABLE_INSIDE_H

#include "table.h"

#include <string.h>

static inline struct zipc_entry *zipc_table_entry(
	const struct zipc_segment *segment, uint32_t i)
{
	return (struct zipc_entry *)(void *)(segment->base +
					     sizeof(struct zipc_header)) + i;
}

/* What an entry's word says. */
static inline enum zipc_entry_state zipc_table_read(
	const struct zipc_segment *segment, struct zipc_extent *extent,
	uint64_t word)
{
	uint64_t begin = zipc_segment_blocks_begin(segment);

	return zipc_extent_read(extent, word, begin, segment->size);
}

int zipc_table_check_name(const char *name);

/* The table's state, checked: how many entries, and the first free byte. */
int zipc_table_state(const struct zipc_segment *segment, uint32_t *count,
		     uint64_t *next);

static inline void zipc_table_set_state(struct zipc_segment *segment,
					uint32_t count, uint64_t next)
{
	/* table: release; pairs with zipc_table_state(). */
	atomic_store_explicit(&zipc_segment_header(segment)->table_state,
			      next / ZIPC_LINE << 32 | count,
			      memory_order_release);
}

/* The entry of count that has a structure called name; -1: none. */
int64_t zipc_table_look_up(const struct zipc_segment *segment, uint32_t count,
			   const char *name);

/*
 * Check what the use that has begun leads to, and fill in the rest; it ends
 * with any failure. -EAGAIN: look it up again, it went meanwhile.
 */
int zipc_table_open(struct zipc_found *found, const char *name, unsigned kind,
		    const char *type);

/* Where a structure is to be put. */
struct zipc_room {
	uint32_t entry; /* below count: it is unused; else count */
	uint32_t count; /* of the table, now */
	uint64_t at;    /* where the block begins */
	uint64_t end;   /* up to here all bytes are nobody's */
	uint64_t next;  /* next_offset, once the block is there */
};

/*
 * Under the lock: free what nobody can use any more, and find room for bytes.
 * -ENOSPC.
 */
int zipc_table_find_room(struct zipc_room *room, struct zipc_segment *segment,
			 const char *name, uint64_t bytes);

/* Under the lock: free what nobody can use any more. */
int zipc_table_free_removed(struct zipc_segment *segment);

#endif
