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
	return record;
}

/*
 * Whether a holder lives costs system calls, so of those that are held only
 * one is asked about: another one by each handle.
 */
struct zipc_waiting zipc_waiter_begin(struct zipc_segment *segment,
				      struct zipc_waiter *records,
				      uint32_t count, uint32_t from)
{
	struct zipc_waiting it = { .record = NULL };
	uint32_t i, at;

	for (i = 0; i < count && !it.record; i++) {
		at = (from + i) % count;
		if (!load(&records[at].holder))
			it.record = take(segment, &records[at]);
	}
	if (!it.record && count)
		it.record = take(segment, &records[from % count]);
	return it;
}

void zipc_waiter_see(struct zipc_waiting *it, uint64_t wanted, uint64_t owner,
		     uint64_t turns)
{
	struct zipc_waiter *record = it->record;
	uint64_t now;

	if (!record || (it->wanted == wanted && it->owner == owner &&
			it->turns == turns))
		return;
	now = (uint64_t)zipc_now_ns();
	if (it->wanted != wanted)
		store(&record->since_ns, now);
	store(&record->owner, owner);
	store(&record->turns, turns);
	store(&record->seen_ns, now);
	store(&record->wanted, wanted);
	it->wanted = wanted;
	it->owner = owner;
	it->turns = turns;
}

void zipc_waiter_end(struct zipc_waiting *it)
{
	if (!it->record)
		return;
	store(&it->record->wanted, 0);
	zipc_record_give(it->record);
}
