/* SPDX-License-Identifier: MIT */
/*
 * An entry of the table and the row of its users, as bytes: what those who map
 * a segment and those who read its file both have to know.
 *
 * An entry's extent says in one word what the entry is:
 *
 *   0                 unused: the next structure may have it
 *   {offset, size}    a structure: where its block begins, and how long it is
 *   ~{offset, size}   removed: its block may still be in use
 *
 * A segment has fewer than 2^32 - 1 lines. So offset and size of a structure
 * add up to less, those of a complement to more, and neither needs a bit.
 */
#ifndef ZIPC_ENTRY_H
#define ZIPC_ENTRY_H

#include "format.h"

#include <stdbool.h>

enum zipc_entry_state {
	ZIPC_ENTRY_UNUSED,
	ZIPC_ENTRY_THERE,
	ZIPC_ENTRY_REMOVED,
};

/* Where a block stands, in bytes. */
struct zipc_extent {
	uint64_t at, bytes;
};

static inline uint64_t zipc_extent_word(uint64_t at, uint64_t bytes)
{
	return at / ZIPC_LINE | bytes / ZIPC_LINE << 32;
}

/* Whether there can be a block, where blocks stand from begin to end. */
static inline bool zipc_extent_fits(const struct zipc_extent *extent,
				    uint64_t begin, uint64_t end)
{
	return extent->bytes >= sizeof(struct zipc_block) &&
	       extent->at >= begin && extent->at <= end &&
	       extent->bytes <= end - extent->at;
}

static inline struct zipc_extent zipc_extent_of(uint64_t word)
{
	return (struct zipc_extent){
		.at = (uint64_t)(uint32_t)word * ZIPC_LINE,
		.bytes = (word >> 32) * ZIPC_LINE,
	};
}

/*
 * What an entry's word says, where blocks stand from begin to end. A word that
 * can be neither says that there is a structure, but no place for it, so that
 * who looks for that finds the damage.
 */
static inline enum zipc_entry_state zipc_extent_read(struct zipc_extent *extent,
						     uint64_t word,
						     uint64_t begin,
						     uint64_t end)
{
	struct zipc_extent removed = zipc_extent_of(~word);

	*extent = zipc_extent_of(word);
	if (!word)
		return ZIPC_ENTRY_UNUSED;
	if ((uint32_t)word + (word >> 32) < UINT32_MAX ||
	    !zipc_extent_fits(&removed, begin, end))
		return ZIPC_ENTRY_THERE;
	*extent = removed;
	return ZIPC_ENTRY_REMOVED;
}

/* The rows of users stand behind the table, at the next line. */
static inline uint64_t zipc_users_begin(uint32_t max_entries)
{
	uint64_t end = sizeof(struct zipc_header) +
		       (uint64_t)max_entries * sizeof(struct zipc_entry);

	return (end + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

/* Each row is so long. */
static inline uint64_t zipc_users_stride(uint32_t max_participants)
{
	return sizeof(struct zipc_users) +
	       ((uint64_t)max_participants + 63) / 64 * sizeof(uint64_t);
}

/* And behind the last one is the next line, where participants begin. */
static inline uint64_t zipc_users_end(uint32_t max_entries,
				      uint32_t max_participants)
{
	uint64_t end = zipc_users_begin(max_entries) +
		       max_entries * zipc_users_stride(max_participants);

	return (end + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

#endif
