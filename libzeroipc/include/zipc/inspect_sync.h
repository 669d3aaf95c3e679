/* SPDX-License-Identifier: MIT */
/*
 * Watching the structures for waiting (Semaphore, Barrier, Latch, Event), as
 * inspect.h watches all: by pread, without a trace. What they hold are no
 * elements, so zipc_view_elements() gives -EOPNOTSUPP for them, and these tell
 * instead. size, of zipc_view_entry, is the value.
 */
#ifndef ZIPC_INSPECT_SYNC_H
#define ZIPC_INSPECT_SYNC_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_view_sync {
	/*
	 * Of a semaphore the permits that are free, of a barrier the parties
	 * that have arrived, of a latch what is left; of an event 1 if it is
	 * set, else 0.
	 */
	uint64_t value;
	/* Of a semaphore 0 or ZIPC_OWNED; of an event 0 or ZIPC_AUTO_RESET. */
	unsigned flags;
	/* Of a barrier the completed rounds; how often an event became set. */
	uint64_t rounds;
	uint64_t broken;  /* of a barrier; modulo 2^18 */
	uint64_t holders; /* how many zipc_view_sync_holder() can tell of */
};
/*
 * Returns 0; -EOPNOTSUPP it is of another kind; -ENOENT another structure is
 * there by now; -EBADMSG.
 */
int zipc_view_sync(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_sync *out);

struct zipc_view_sync_holder {
	unsigned held;    /* 0: by nobody, and the rest is zero */
	unsigned arrived; /* 1: a party that has arrived in this round */
	/*
	 * Who holds it. When its place has become another's it is dead, and
	 * only index and incarnation are told.
	 */
	struct zipc_view_participant who;
};
/* Permit or party i; as zipc_view_sync(), and -ENOENT beyond the last. */
int zipc_view_sync_holder(struct zipc_view *view,
			  const struct zipc_view_entry *entry, uint64_t i,
			  struct zipc_view_sync_holder *out);

#ifdef __cplusplus
}
#endif

#endif
