/* SPDX-License-Identifier: MIT */
/* Records of who waits; the idea is in the header. */
#include "waiter.h"

#include "clock.h"
#include "record.h"

static void store(_Atomic uint64_t *word, uint64_t value)
{
	/* Relaxed: who watches makes two copies, and they must be the same. */
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static struct zipc_waiter *take(struct zipc_segment *segment,
				struct zipc_waiter *record)
{
	/* It may be of the dead: what stands there is taken back first. */
	if (zipc_record_take(segment, record, 1) < 0)
		return NULL;
	store(&record->wanted, 0);
	store(&record->owner, 0);
	return record;
}

/*
 * Whether a holder lives costs system calls, so of those that are held only
 * one is asked about: another one by each handle.
 */
struct zipc_waiter *zipc_waiter_begin(struct zipc_segment *segment,
				      struct zipc_waiter *records,
				      uint32_t count, uint32_t from)
{
	struct zipc_waiter *taken = NULL;
	uint32_t i, at;

	for (i = 0; i < count && !taken; i++) {
		at = (from + i) % count;
		if (!load(&records[at].holder))
			taken = take(segment, &records[at]);
	}
	return taken || !count ? taken : take(segment, &records[from % count]);
}

void zipc_waiter_see(struct zipc_waiter *waiter, uint64_t wanted,
		     uint64_t owner, uint64_t turns)
{
	bool begins;
	uint64_t now;

	if (!waiter)
		return;
	begins = load(&waiter->wanted) != wanted;
	if (!begins && load(&waiter->owner) == owner &&
	    load(&waiter->turns) == turns)
		return;
	now = (uint64_t)zipc_now_ns();
	if (begins)
		store(&waiter->since_ns, now);
	store(&waiter->owner, owner);
	store(&waiter->turns, turns);
	store(&waiter->seen_ns, now);
	store(&waiter->wanted, wanted);
}

void zipc_waiter_end(struct zipc_waiter *waiter)
{
	if (!waiter)
		return;
	store(&waiter->wanted, 0);
	zipc_record_give(waiter);
}
