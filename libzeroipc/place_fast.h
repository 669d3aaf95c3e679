/* SPDX-License-Identifier: MIT */
/*
 * The place ring's fast paths, inline: push and pop of one element when nothing
 * is in the way. All else goes the long way, by place_ring.c. The steps and
 * their order are those of place_ring.h.
 *
 * A locked instruction waits until every store before it has reached the cache.
 * So here are no stores but those of the algorithm: these functions call
 * nothing, and their caller leaves by a tail call, so that no register has to
 * be saved.
 */
#ifndef ZIPC_PLACE_FAST_H
#define ZIPC_PLACE_FAST_H

#include "atoms.h"
#include "fence.h"
#include "place_ring.h"
#include "wait.h"

#define zipc_likely(condition) __builtin_expect(!!(condition), 1)
#define ZIPC_INLINE static inline __attribute__((always_inline))

/* How a fast path ended. */
enum zipc_fast {
	ZIPC_DONE,
	ZIPC_SLEEPERS_SEEN, /* done, and sleepers are to be woken */
	ZIPC_NOT_BEGUN,     /* nothing was done */
	ZIPC_CLAIMED,       /* the position is claimed, and active is up */
	ZIPC_TOUCHED        /* published, and the claim was asked about */
};

/* The slot of a position, by where its lap begins: no division. */
ZIPC_INLINE struct zipc_slot *zipc_next_slot(const struct zipc_places *places,
					     uint64_t *lap, uint64_t position)
{
	uint64_t index = position - *lap;

	if (!zipc_likely(index < places->slot_count)) {
		index = position % places->slot_count;
		*lap = position - index;
	}
	return (void *)(places->slots + index * places->slot_bytes);
}

/* raised: acquire; pairs with settle. */
static inline bool zipc_places_active(const struct zipc_place_ring *ring)
{
	return atomic_load_explicit(&ring->active, memory_order_acquire) & 1;
}

/* Nobody may ask about a position that is not ours. */
static inline void zipc_places_void_claim(struct zipc_writer *mine)
{
	/* left: release; pairs with push at full. */
	atomic_store_explicit(&mine->claim, 0, memory_order_release);
}

/* Claim n positions from *T on; if tail is elsewhere, *T becomes that. */
ZIPC_INLINE bool zipc_places_claim(struct zipc_place_ring *ring,
				   struct zipc_writer *mine, uint64_t *T,
				   uint64_t n)
{
	/* left: release; pairs with push at full. The CAS carries the claim. */
	atomic_store_explicit(&mine->claim, zipc_claim(*T, n, ZIPC_OPEN),
			      memory_order_release);
	if (zipc_likely(atomic_compare_exchange_strong_explicit(
		    &ring->tail, T, *T + n, memory_order_acq_rel,
		    memory_order_acquire)))
		return true;
	zipc_places_void_claim(mine);
	return false;
}

/* Who reads any of what is stored next finds that the slot was begun. */
ZIPC_INLINE void zipc_places_begin_slot(struct zipc_slot *slot)
{
	/* Release: who sees it sees the head that let us claim the slot. */
	atomic_store_explicit(&slot->turn, 0, memory_order_release);
	/* begun: release; pairs with zipc_places_take_copy(). */
	atomic_thread_fence(memory_order_release);
}

/*
 * Write and publish *elem at a position, under the claim of value open; false:
 * the claim was touched meanwhile.
 */
ZIPC_INLINE bool zipc_places_publish(struct zipc_writer *mine,
				     struct zipc_slot *slot, uint64_t position,
				     const void *elem, uint64_t elem_size,
				     uint64_t open, bool symmetric)
{
	zipc_copy_in(slot->element, elem, elem_size);
	/* filled: release; pairs with pop and settle. */
	atomic_store_explicit(&slot->turn, position, memory_order_release);
	zipc_fence_light(symmetric);
	/* asked: relaxed behind the fence; pairs with settle. */
	return zipc_likely(atomic_load_explicit(&mine->claim,
						memory_order_relaxed) == open);
}

/* A push that waits for this line would be a slow one: have it fetched. */
ZIPC_INLINE void zipc_places_fetch_ahead(const struct zipc_places *places,
					 const struct zipc_slot *slot,
					 uint64_t elem_size)
{
	const char *line = (const char *)slot + places->ahead;

	zipc_prefetch_to_write(line);
	if (elem_size > 8)
		zipc_prefetch_to_write(line + ZIPC_LINE);
}

/*
 * Push *elem; *T is the position claimed. elem_size is a constant, or the
 * handle's; watched is a constant, and the handle's. What is needed behind the
 * claim is read before it, since no load passes a locked instruction.
 */
ZIPC_INLINE enum zipc_fast zipc_places_push_fast(struct zipc_places *places,
						 const void *elem,
						 uint64_t elem_size,
						 uint64_t *T, bool watched)
{
	struct zipc_place_ring *ring = places->ring;
	struct zipc_writer *mine = places->mine;
	struct zipc_slot *slot;
	uint64_t open;

	*T = atomic_load_explicit(&ring->tail, memory_order_acquire);
	slot = zipc_next_slot(places, &places->in_lap, *T);
	zipc_places_fetch_ahead(places, slot, elem_size);
	open = zipc_claim(*T, 1, ZIPC_OPEN);
	if (!zipc_likely(*T - places->head_seen < places->capacity) ||
	    !zipc_places_claim(ring, mine, T, 1))
		return ZIPC_NOT_BEGUN;
	if (!zipc_likely(!zipc_places_active(ring)))
		return ZIPC_CLAIMED;
	if (watched)
		zipc_places_begin_slot(slot);
	if (!zipc_places_publish(mine, slot, *T, elem, elem_size, open,
				 places->symmetric))
		return ZIPC_TOUCHED;
	return zipc_sleepers(places->readable, places->symmetric)
		       ? ZIPC_SLEEPERS_SEEN
		       : ZIPC_DONE;
}

/*
 * Copy what stands at a position of a watched ring, if it was seen there, and
 * its time if *stamp is wanted; false: the slot is not that position's any
 * more.
 */
ZIPC_INLINE bool zipc_places_take_copy(const struct zipc_places *places,
				       const struct zipc_slot *slot,
				       uint64_t position, void *elem,
				       uint64_t elem_size, int64_t *stamp)
{
	zipc_copy_out(elem, slot->element, elem_size);
	if (stamp)
		*stamp = (int64_t)atomic_load_explicit(
			slot->element + places->stamp_word - 1,
			memory_order_relaxed);
	/* begun: acquire; pairs with zipc_places_begin_slot(). */
	atomic_thread_fence(memory_order_acquire);
	return zipc_likely(atomic_load_explicit(&slot->turn,
						memory_order_relaxed) ==
			   position);
}

/* Pop into *elem. */
ZIPC_INLINE enum zipc_fast zipc_places_pop_fast(struct zipc_places *places,
						void *elem, uint64_t elem_size)
{
	struct zipc_place_ring *ring = places->ring;
	struct zipc_event_word *writable = places->writable;
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	struct zipc_slot *slot = zipc_next_slot(places, &places->out_lap, head);

	/* The order is that of the long way: turn, active, copy, head. */
	if (!zipc_likely(zipc_turn(slot) == head) ||
	    !zipc_likely(!zipc_places_active(ring)))
		return ZIPC_NOT_BEGUN;
	zipc_copy_out(elem, slot->element, elem_size);
	/* room: release; the copy is done before the slot is free. */
	if (!zipc_likely(atomic_compare_exchange_strong_explicit(
		    &ring->head, &head, head + 1, memory_order_acq_rel,
		    memory_order_relaxed)))
		return ZIPC_NOT_BEGUN;
	return zipc_sleepers(writable, places->symmetric) ? ZIPC_SLEEPERS_SEEN
							  : ZIPC_DONE;
}

/*
 * After ZIPC_CLAIMED or ZIPC_TOUCHED: go on with it; false: the element has to
 * be pushed again.
 */
bool zipc_places_push_rest(struct zipc_places *places, const void *elem,
			   uint64_t position, enum zipc_fast how);

#endif
