/* SPDX-License-Identifier: MIT */
/*
 * The place ring's fast paths, inline: push and pop of one element when nothing
 * is in the way. All else goes the long way, by place_ring.c. The steps and
 * their order are those of place_ring.h.
 */
#ifndef ZIPC_PLACE_FAST_H
#define ZIPC_PLACE_FAST_H

#include "atoms.h"
#include "fence.h"
#include "place_ring.h"
#include "wait.h"

#define zipc_likely(condition) __builtin_expect(!!(condition), 1)

/* The slot of a position, by its distance from the one before: no division. */
static inline struct zipc_slot *zipc_next_slot(const struct zipc_places *places,
					  struct zipc_cursor *at,
					  uint64_t position)
{
	uint64_t ahead = position - at->position;

	if (zipc_likely(ahead < places->slot_count)) {
		at->index += ahead;
		if (at->index >= places->slot_count)
			at->index -= places->slot_count;
	} else {
		at->index = position % places->slot_count;
	}
	at->position = position;
	return (void *)(places->slots + at->index * places->slot_bytes);
}

/* raised: acquire; pairs with settle. */
static inline bool zipc_places_active(const struct zipc_places *places)
{
	return atomic_load_explicit(&places->ring->active,
				    memory_order_acquire) & 1;
}

/* Nobody may ask about a position that is not ours. */
static inline void zipc_places_void_claim(struct zipc_places *places)
{
	atomic_store_explicit(&places->mine->claim, 0, memory_order_release);
}

/* Claim n positions from *T on; if tail is elsewhere, *T becomes that. */
static inline bool zipc_places_claim(struct zipc_places *places, uint64_t *T,
				     uint64_t n)
{
	/* Relaxed: the CAS behind it carries it. */
	atomic_store_explicit(&places->mine->claim,
			      zipc_claim(*T, n, ZIPC_OPEN),
			      memory_order_relaxed);
	if (zipc_likely(atomic_compare_exchange_strong_explicit(
		    &places->ring->tail, T, *T + n, memory_order_acq_rel,
		    memory_order_acquire)))
		return true;
	zipc_places_void_claim(places);
	return false;
}

/*
 * Write and publish n elements from first on, under a claim of claimed
 * positions. Returns how many of them stand.
 */
static inline __attribute__((always_inline)) uint64_t
zipc_places_fill(struct zipc_places *places, const unsigned char *elems,
		 uint64_t first, uint64_t claimed, uint64_t n)
{
	_Atomic uint64_t *mine = &places->mine->claim;
	uint64_t open = zipc_claim(first, claimed, ZIPC_OPEN), i, stand;
	struct zipc_slot *slot;

	for (i = 0; i < n; i++, elems += places->elem_size) {
		slot = zipc_next_slot(places, &places->in, first + i);
		zipc_copy_in(slot->element, elems, places->elem_size);
		/* filled: release; pairs with pop and settle. */
		atomic_store_explicit(&slot->turn, first + i,
				      memory_order_release);
		zipc_fence_light(places->symmetric);
		/* asked: relaxed behind the fence; pairs with settle. */
		if (zipc_likely(atomic_load_explicit(
					mine, memory_order_relaxed) == open))
			continue;
		stand = zipc_places_answer(places, first, claimed, i);
		if (stand < claimed)
			return stand;
	}
	return n;
}

/* Push *elem if nothing is in the way; false: nothing was done. */
static inline bool zipc_places_push_fast(struct zipc_places *places,
					 const void *elem)
{
	uint64_t T = atomic_load_explicit(&places->ring->tail,
					  memory_order_acquire);
	uint64_t stand;

	if (!zipc_likely(T - places->head_seen < places->capacity) ||
	    !zipc_places_claim(places, &T, 1))
		return false;
	if (zipc_likely(!zipc_places_active(places)))
		stand = zipc_places_fill(places, elem, T, 1, 1);
	else
		stand = zipc_places_fill_warily(places, elem, T, 1);
	if (!zipc_likely(stand))
		return false;
	zipc_wake(places->readable, places->symmetric, 1);
	return true;
}

/* Pop into *elem if nothing is in the way; false: nothing was done. */
static inline bool zipc_places_pop_fast(struct zipc_places *places, void *elem)
{
	uint64_t head = atomic_load_explicit(&places->ring->head,
					     memory_order_acquire);
	struct zipc_slot *slot = zipc_next_slot(places, &places->out, head);

	/* The order is that of the long way: turn, active, copy, head. */
	if (!zipc_likely(zipc_turn(slot) == head) ||
	    !zipc_likely(!zipc_places_active(places)))
		return false;
	zipc_copy_out(elem, slot->element, places->elem_size);
	/* room: release; the copy is done before the slot is free. */
	if (!zipc_likely(atomic_compare_exchange_strong_explicit(
		    &places->ring->head, &head, head + 1, memory_order_acq_rel,
		    memory_order_relaxed)))
		return false;
	zipc_wake(places->writable, places->symmetric, 1);
	return true;
}

#endif
