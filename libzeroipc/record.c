/* SPDX-License-Identifier: MIT */
/* Records of who is in the middle of something; the idea is in the header. */
#include "record.h"

static _Atomic uint64_t *holder_of(void *records, uint32_t index)
{
	return (void *)((unsigned char *)records + (size_t)index * ZIPC_LINE);
}

/* From who had it, or from 0 for nobody. */
static bool take(struct zipc_segment *segment, _Atomic uint64_t *word,
		 uint64_t from)
{
	uint64_t me = atomic_load_explicit(&segment->holder,
					   memory_order_relaxed);

	/* record: acquire and release; pairs with give. */
	return atomic_compare_exchange_strong_explicit(word, &from, me,
						       memory_order_acq_rel,
						       memory_order_relaxed);
}

int64_t zipc_record_take(struct zipc_segment *segment, void *records,
			 uint32_t count)
{
	_Atomic uint64_t *word;
	bool changes = true;
	uint32_t i, round;
	uint64_t holder;

	/*
	 * First those that are free: whether one is dead costs system calls.
	 * Again, if another took one first: it may have given it back since.
	 */
	for (round = 0; round < 2 || changes; round++) {
		changes = false;
		for (i = 0; i < count; i++) {
			word = holder_of(records, i);
			holder = atomic_load_explicit(word,
						      memory_order_acquire);
			if (holder &&
			    (!round || zipc_segment_lives(segment, holder)))
				continue;
			if (take(segment, word, holder))
				return i;
			changes = true;
		}
	}
	return -1;
}

void zipc_record_give(void *record)
{
	/* record: release; pairs with take. */
	atomic_store_explicit(holder_of(record, 0), 0, memory_order_release);
}
