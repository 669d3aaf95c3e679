/* SPDX-License-Identifier: MIT */
/*
 * Who waits: a lock has a record for each of some sleepers, so that whoever
 * watches can say who waits for whom, and for how long. Nothing else looks at
 * them: a record that is missing, or left by somebody dead, only makes what is
 * told shorter, or is left out as the dead are.
 *
 * A sleeper takes a record just before it sleeps (record.h), and gives it back
 * when it goes on. `wanted` is its word, as an owner's, and what it waits for;
 * it is stored behind the rest, and is 0 until then. In `owner`, `turns` and
 * `seen_ns` it keeps when it first saw the lock held as it is held now. Turns
 * grow each time that the lock is given back, so as long as owner and turns are
 * the lock's own, nobody else has held it since.
 *
 * Who watches compares two copies of a record, so no order is needed for it.
 */
#ifndef ZIPC_WAITER_H
#define ZIPC_WAITER_H

#include "segment.h"

#define ZIPC_WAITERS 16u

/* The caller's own, and what stands in it. */
struct zipc_waiting {
	struct zipc_waiter *record; /* NULL: none */
	uint64_t wanted, owner, turns;
};

/*
 * A record for the caller: one that is free, or of a dead one that it meets. If
 * there is none it is not told that the caller waits.
 */
struct zipc_waiting zipc_waiter_begin(struct zipc_segment *segment,
				      struct zipc_waiter *records,
				      uint32_t count, uint32_t from);

/* Say for what it waits, and what it sees by now. */
void zipc_waiter_see(struct zipc_waiting *it, uint64_t wanted, uint64_t owner,
		     uint64_t turns);

/* It goes on. */
void zipc_waiter_end(struct zipc_waiting *it);

#endif
