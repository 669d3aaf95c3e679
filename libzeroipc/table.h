/* SPDX-License-Identifier: MIT */
/*
 * The table of structures: finding one by name, and adding one.
 *
 * One 64-bit store of {entry_count, next_offset} commits a new structure: until
 * then its block and its entry lie beyond both and nobody looks there. So a
 * look-up is wait-free, and a creator killed at any instruction leaves nothing.
 *
 *   edge    written by     read by          carries
 *   table   table_create   table_find       the entry, the block, its body
 */
#ifndef ZIPC_TABLE_H
#define ZIPC_TABLE_H

#include "segment.h"

#include <zipc/type.h>

/* A structure that was found: its block in the mapping, checked and copied. */
struct zipc_found {
	struct zipc_block *block; /* in shared memory */
	unsigned char *body;      /* body_bytes of it are inside the mapping */
	uint64_t elem_size, capacity, body_bytes;
	uint32_t flags;           /* all of them known */
	struct zipc_type *type;   /* the caller frees it */
};

/* What a kind wants to add. */
struct zipc_plan {
	unsigned kind;
	const char *type;      /* text */
	uint64_t capacity;     /* elements, at least 1 */
	/* The body's size for elements of elem_size bytes; UINT64_MAX: no. */
	uint64_t (*body_bytes)(const struct zipc_plan *plan,
			       uint64_t elem_size);
	/* Fill the body, which is zero; may be NULL. */
	void (*build)(const struct zipc_plan *plan, unsigned char *body,
		      uint64_t elem_size);
	uint64_t elem_size_max; /* bytes */
	unsigned option;        /* the kind's own */
	unsigned other_option;  /* likewise */
	uint32_t flags;         /* ZIPC_FLAG_* */
};

/*
 * Find name, of the kind and, unless type is NULL, of the type. -ENOENT,
 * -EPROTOTYPE with a message that shows the difference, or names a flag that is
 * not known here; -EBADMSG.
 */
int zipc_table_find(struct zipc_found *found, struct zipc_segment *segment,
		    const char *name, unsigned kind, const char *type);

/* Add name, as the plan says, and find it. -EEXIST, -ENOSPC, -EINVAL, .. */
int zipc_table_create(struct zipc_found *found, struct zipc_segment *segment,
		      const char *name, const struct zipc_plan *plan);

/* Find, or else add; found things must have the plan's capacity too. */
int zipc_table_open_or_create(struct zipc_found *found,
			      struct zipc_segment *segment, const char *name,
			      const struct zipc_plan *plan);

#endif
