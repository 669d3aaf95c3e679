/* SPDX-License-Identifier: MIT */
/*
 * The table of structures: finding one by name, adding and removing one.
 *
 * A structure is committed by one 64-bit store: in an entry behind all others
 * that of {entry_count, next_offset}, in one that was unused that of its
 * extent. Until then its block lies in no entry's extent, where nothing is
 * anybody's, and a creator killed at any instruction leaves nothing. One more
 * store of the extent removes it. What happens to the block then: use.h, and
 * table_space.c.
 *
 * Who creates and removes has the lock (segment_space.c). Who looks up has
 * none: it reads each entry once, and what it has found once more when its own
 * bit is up. A structure that is there all the time stays in its entry, so it
 * is found; one that is not found was not there at one moment at least. It
 * looks up again only if somebody removed or created in between.
 *
 *   edge    written by     read by      carries
 *   table   create         find         entries below the count
 *   entry   create, free   find, open   the name, the block, its body
 */
#ifndef ZIPC_TABLE_H
#define ZIPC_TABLE_H

#include "segment.h"
#include "use.h"

#include <zipc/type.h>

/*
 * A structure that was found: its block in the mapping, checked and copied. A
 * handle takes use over, and ends it when it is closed.
 */
struct zipc_found {
	struct zipc_use use;
	struct zipc_block *block; /* in shared memory */
	unsigned char *body;      /* body_bytes of it are inside the mapping */
	uint64_t elem_size, capacity, body_bytes;
	uint32_t flags;           /* all of them known */
	struct zipc_type *type;   /* the handle frees it */
};

/* What a kind wants to add. */
struct zipc_plan {
	unsigned kind;
	const char *type;      /* text */
	uint64_t capacity;     /* elements, 0 for a Channel only */
	/* The body's size for elements of elem_size bytes; UINT64_MAX: no. */
	uint64_t (*body_bytes)(const struct zipc_plan *plan,
			       uint64_t elem_size);
	/* Fill the body, which is zero; may be NULL. */
	void (*build)(const struct zipc_plan *plan, unsigned char *body,
		      uint64_t elem_size);
	uint64_t elem_size_max; /* bytes */
	/*
	 * Under the lock, behind build and before it can be seen: which entry
	 * it is to have, as the how manieth. Its failure is create's. May be
	 * NULL.
	 */
	int (*join)(const struct zipc_plan *plan, unsigned char *body,
		    uint32_t entry, uint64_t lives);
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

/* What kind of structure has the name. -ENOENT, -EBADMSG, .. */
int zipc_table_kind(unsigned *kind, struct zipc_segment *segment,
		    const char *name);

/*
 * The name of what stands at offset, in lines; -EBUSY: it was removed, and may
 * be in use; -ENOENT: nothing stands there.
 */
int zipc_table_name(char name[static ZIPC_NAME_MAX + 1],
		    const struct zipc_segment *segment, uint32_t offset);

/* Add name, as the plan says, and find it. -EEXIST, -ENOSPC, -EINVAL, .. */
int zipc_table_create(struct zipc_found *found, struct zipc_segment *segment,
		      const char *name, const struct zipc_plan *plan);

/* Find, or else add; found things must have the plan's capacity too. */
int zipc_table_open_or_create(struct zipc_found *found,
			      struct zipc_segment *segment, const char *name,
			      const struct zipc_plan *plan);

/* What was found becomes no handle. */
static inline void zipc_table_release(struct zipc_found *found)
{
	zipc_type_free(found->type);
	zipc_use_end(&found->use);
}

#endif
