/* SPDX-License-Identifier: MIT */
/*
 * Taking a structure's name away. One store of its entry's extent does it: from
 * then on nobody finds it, and those who have it open keep it. The same call
 * frees the space if nobody has it open; else who next creates or removes does,
 * once they have closed it or died.
 */
#include "error.h"
#include "table_inside.h"

static int mark(struct zipc_segment *segment, const char *name)
{
	struct zipc_extent extent;
	struct zipc_entry *entry;
	uint64_t next, word;
	uint32_t count;
	int64_t i;
	int rc = zipc_table_state(segment, &count, &next);

	if (rc)
		return rc;
	i = zipc_table_look_up(segment, count, name);
	if (i < 0)
		return zipc_fail(ENOENT, "no structure `%s` in segment `/%s`",
				 name, segment->name);
	entry = zipc_table_entry(segment, (uint32_t)i);
	/* Relaxed: only who has the lock writes it. */
	word = atomic_load_explicit(&entry->extent, memory_order_relaxed);
	extent = zipc_extent_of(word);
	if (!zipc_extent_fits(&extent, zipc_segment_blocks_begin(segment),
			      next))
		return zipc_fail(EBADMSG, "structure `%s` in segment `/%s` is "
				 "damaged: its block lies where none can be",
				 name, segment->name);
	/* entry: release; pairs with zipc_table_look_up() and look(). */
	atomic_store_explicit(&entry->extent, ~word, memory_order_release);
	return 0;
}

int zipc_segment_remove(struct zipc_segment *segment, const char *name)
{
	int rc = zipc_table_check_name(name);

	if (rc)
		return rc;
	if (segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: open it without ZIPC_READ_ONLY to "
				 "remove `%s`", segment->name, name);
	rc = zipc_segment_lock(segment);
	if (rc)
		return rc;
	rc = mark(segment, name);
	/* It is removed, whatever comes of its space now. */
	if (!rc)
		zipc_table_free_removed(segment);
	zipc_segment_unlock(segment);
	return rc;
}
