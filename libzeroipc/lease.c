/* SPDX-License-Identifier: MIT */
/* Leases on a queue's elements; the idea is in the header. */
#include "lease.h"

#include "atoms.h"
#include "cell.h"
#include "clock.h"
#include "error.h"
#include "place_fast.h"

#include <assert.h>
#include <stdlib.h>

#define LOOK_EVERY_NS INT64_C(100000000)

/* shape */

static uint64_t taker_bytes_for(uint64_t elem_size)
{
	uint64_t bytes = sizeof(struct zipc_taker) + (elem_size + 7) / 8 * 8;

	return (bytes + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

uint64_t zipc_leases_bytes(uint32_t takers, uint64_t elem_size)
{
	uint64_t bytes;

	if (elem_size > UINT64_MAX / 2 ||
	    __builtin_mul_overflow(takers, taker_bytes_for(elem_size), &bytes))
		return UINT64_MAX;
	return bytes;
}

void zipc_leases_build(unsigned char *body, uint32_t takers,
		       uint64_t elem_size)
{
	struct zipc_place_ring *ring = (void *)body;
	uint64_t bytes = zipc_leases_bytes(takers, elem_size);

	ring->takers = takers;
	ring->taker_bytes = (uint32_t)taker_bytes_for(elem_size);
	ring->takers_offset = ring->slots_offset - bytes;
}

static bool fits(const struct zipc_place_ring *copy,
		 const struct zipc_found *found)
{
	uint64_t offset = copy->takers_offset;

	return copy->takers && copy->takers <= ZIPC_TAKERS_MOST &&
	       copy->taker_bytes == taker_bytes_for(found->elem_size) &&
	       offset % ZIPC_LINE == 0 && offset >= sizeof(*copy) &&
	       offset <= found->body_bytes &&
	       (uint64_t)copy->takers * copy->taker_bytes <=
		       found->body_bytes - offset;
}

int zipc_leases_open(struct zipc_leases **out, struct zipc_places *places,
		     const struct zipc_found *found, const char *name)
{
	struct zipc_leases *leases;
	struct zipc_place_ring copy;

	/* Only the copy is checked and used. */
	memcpy(&copy, places->ring, offsetof(struct zipc_place_ring, head));
	if (!fits(&copy, found))
		return zipc_fail(EBADMSG, "`%s` is damaged: its takers lie "
				 "beyond its body", name);
	leases = calloc(1, sizeof(*leases));
	if (!leases)
		return zipc_fail_as(ENOMEM, "out of memory");
	leases->places = places;
	leases->ring = places->ring;
	leases->takers = (unsigned char *)places->ring + copy.takers_offset;
	leases->count = copy.takers;
	leases->bytes = copy.taker_bytes;
	leases->idle = -1;
	leases->looked_ns = -LOOK_EVERY_NS; /* look at the first take */
	*out = leases;
	return 0;
}

/* records */

static struct zipc_taker *record(const struct zipc_leases *leases,
				 uint32_t place)
{
	return (void *)(leases->takers + (size_t)place * leases->bytes);
}

static bool holds(const struct zipc_leases *leases, uint32_t place)
{
	return leases->held[place / 64] >> place % 64 & 1;
}

static void flip_held(struct zipc_leases *leases, uint32_t place)
{
	leases->held[place / 64] ^= UINT64_C(1) << place % 64;
}

static uint64_t read_holder(const struct zipc_taker *taker)
{
	return atomic_load_explicit(&taker->holder, memory_order_acquire);
}

static uint64_t read_lease(const struct zipc_taker *taker)
{
	/* marked: acquire; pairs with take. */
	return atomic_load_explicit(&taker->lease, memory_order_acquire);
}

static void end_lease(struct zipc_taker *taker)
{
	/* Release: whatever was done with the element is done. */
	atomic_store_explicit(&taker->lease, ZIPC_NO_LEASE,
			      memory_order_release);
}

/* From 0 to the caller. */
static bool claim(const struct zipc_leases *leases, struct zipc_taker *taker)
{
	uint64_t nobody = 0;
	uint64_t me = atomic_load_explicit(&leases->places->segment->holder,
					   memory_order_relaxed);

	/* freed: acquire; pairs with done, return and bury. */
	return atomic_compare_exchange_strong_explicit(&taker->holder, &nobody,
						       me, memory_order_acq_rel,
						       memory_order_relaxed);
}

static void let_go(struct zipc_taker *taker)
{
	/* freed: release; pairs with claim(). */
	atomic_store_explicit(&taker->holder, 0, memory_order_release);
}

/* n records have become nobody's, with their elements. */
static void tell_of(struct zipc_leases *leases, uint64_t n)
{
	struct zipc_places *places = leases->places;

	/* Release: who sees it finds the records. */
	atomic_fetch_add_explicit(&leases->ring->given, n,
				  memory_order_release);
	zipc_wake(places->readable, places->symmetric, n);
}

/* the dead */

/*
 * What the dead hold becomes nobody's. It is asked only of records with a
 * lease, unless all are wanted.
 */
static void bury(struct zipc_leases *leases, bool all)
{
	struct zipc_segment *segment = leases->places->segment;
	uint64_t holder, lives = 0, n = 0;
	struct zipc_taker *taker;
	uint32_t i;

	for (i = 0; i < leases->count; i++) {
		taker = record(leases, i);
		if (!all && read_lease(taker) == ZIPC_NO_LEASE)
			continue;
		holder = read_holder(taker);
		if (!holder || holder == lives)
			continue;
		if (zipc_segment_lives(segment, holder)) {
			lives = holder;
			continue;
		}
		/* freed: release; pairs with claim(). */
		if (atomic_compare_exchange_strong_explicit(
			    &taker->holder, &holder, 0, memory_order_acq_rel,
			    memory_order_relaxed) &&
		    read_lease(taker) != ZIPC_NO_LEASE)
			n++;
	}
	if (n)
		tell_of(leases, n);
}

static int64_t now_ns(void)
{
	struct timespec now;

	/* The coarse clock has a resolution of some ms, and costs little. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool time_to_look(struct zipc_leases *leases)
{
	int64_t now = now_ns();

	if (now - leases->looked_ns < LOOK_EVERY_NS)
		return false;
	leases->looked_ns = now;
	return true;
}

/*
 * The record is the caller's, and its holder before that is dead, or left it in
 * order: its lease if it has an element, else 0; -EBADMSG.
 */
static int64_t resolve(struct zipc_leases *leases, uint32_t place)
{
	struct zipc_taker *taker = record(leases, place);
	uint64_t lease = read_lease(taker), marked, taken;

	if ((lease & 3) == ZIPC_TAKING) {
		/* taken: acquire; pairs with take. */
		taken = atomic_load_explicit(&leases->ring->taken,
					     memory_order_acquire);
		marked = zipc_lease(lease >> 2, ZIPC_TAKEN);
		if (taken == zipc_taken(lease >> 2, place))
			/* marked: release; pairs with read_lease(). */
			atomic_compare_exchange_strong_explicit(
				&taker->lease, &lease, marked,
				memory_order_acq_rel, memory_order_relaxed);
		/* Behind taken: who overwrote that has marked this before. */
		lease = read_lease(taker);
	}
	if ((lease & 3) != ZIPC_TAKEN)
		return (lease & 3) == 3 ? -EBADMSG : 0;
	return lease >> 2 && lease <= INT64_MAX ? (int64_t)lease : -EBADMSG;
}

static int damaged(const char *words)
{
	return zipc_fail_as(EBADMSG, words);
}

/* The oldest element that is nobody's: its record, or -1. */
static int64_t oldest_of_nobody(const struct zipc_leases *leases)
{
	uint64_t lease, least = UINT64_MAX;
	int64_t found = -1;
	uint32_t i;

	for (i = 0; i < leases->count; i++) {
		lease = read_lease(record(leases, i));
		if (lease == ZIPC_NO_LEASE || lease >> 2 >= least ||
		    read_holder(record(leases, i)))
			continue;
		least = lease >> 2;
		found = i;
	}
	return found;
}

/*
 * Claim the oldest element that is nobody's: its record is then the caller's.
 * Returns its lease; 0: there is none; -EBADMSG.
 */
static int64_t pick(struct zipc_leases *leases, uint32_t *place)
{
	uint64_t given = atomic_load_explicit(&leases->ring->given,
					      memory_order_acquire);
	struct zipc_taker *taker;
	int64_t found, lease;
	uint32_t tries;

	/* Others may be as fast as we are, but not for ever. */
	for (tries = 0; tries <= 2 * leases->count; tries++) {
		found = oldest_of_nobody(leases);
		if (found < 0) {
			leases->given_seen = given;
			leases->more = false;
			return 0;
		}
		*place = (uint32_t)found;
		taker = record(leases, *place);
		if (!claim(leases, taker))
			continue;
		lease = resolve(leases, *place);
		/* Who died before telling of it may have left another. */
		leases->more = true;
		if (lease > 0)
			return lease;
		if (lease == 0)
			end_lease(taker);
		let_go(taker);
		if (lease < 0)
			return damaged("the queue is damaged: a lease of it "
				       "makes no sense");
	}
	return 0;
}

/* An idle record of the caller's own; 0, -EAGAIN: look again, -EUSERS. */
static int own_record(struct zipc_leases *leases, bool buried)
{
	struct zipc_taker *taker;
	uint32_t i;

	for (i = 0; i < leases->count; i++) {
		taker = record(leases, i);
		if (read_holder(taker) || read_lease(taker) != ZIPC_NO_LEASE ||
		    !claim(leases, taker))
			continue;
		if (read_lease(taker) == ZIPC_NO_LEASE) {
			leases->idle = (int32_t)i;
			return 0;
		}
		/* Given back in between. */
		let_go(taker);
		tell_of(leases, 1);
	}
	if (!buried) {
		bury(leases, true);
		return -EAGAIN;
	}
	return zipc_fail(EUSERS, "all %u takers' places are held by live "
			 "processes: be done with some leases, close queues "
			 "that no longer take, or create the queue with more "
			 "(max_takers)", leases->count);
}

/* taking */

/* Who made the last take must be known by its record before the next one. */
static int mark_last(struct zipc_leases *leases, uint64_t taken)
{
	uint32_t place = taken & (ZIPC_TAKERS_MOST - 1);
	struct zipc_taker *taker;
	uint64_t lease;

	/* What we hold we have marked, or resolved. */
	if (!taken || (int32_t)place == leases->idle)
		return 0;
	if (place >= leases->count)
		return damaged("the queue is damaged: nobody can have made its "
			       "last take");
	if (holds(leases, place))
		return 0;
	taker = record(leases, place);
	lease = read_lease(taker);
	if ((lease & 3) == ZIPC_TAKING &&
	    zipc_taken(lease >> 2, place) == taken)
		/* marked: release; pairs with read_lease(). */
		atomic_compare_exchange_strong_explicit(
			&taker->lease, &lease,
			zipc_lease(lease >> 2, ZIPC_TAKEN),
			memory_order_acq_rel, memory_order_relaxed);
	return 0;
}

/* Steps 3 to 5; false: others were faster. */
static bool take_at(struct zipc_leases *leases, uint64_t head, uint64_t taken,
		    void *elem)
{
	struct zipc_places *places = leases->places;
	uint32_t place = (uint32_t)leases->idle;
	struct zipc_taker *taker = record(leases, place);
	struct zipc_pair from = { head, taken };
	struct zipc_slot *slot = zipc_next_slot(places, &places->out_lap, head);

	if (places->elem_size == 8) { /* the commonest, without a loop */
		zipc_copy_out(elem, slot->element, 8);
		zipc_copy_in(taker->element, elem, 8);
	} else {
		zipc_copy_out(elem, slot->element, places->elem_size);
		zipc_copy_in(taker->element, elem, places->elem_size);
	}
	/* Relaxed: the cell carries them. */
	atomic_store_explicit(&taker->attempts, 1, memory_order_relaxed);
	atomic_store_explicit(&taker->lease, zipc_lease(head, ZIPC_TAKING),
			      memory_order_release);
	/* taken: release. room: release; the copy is done before the slot. */
	if (!zipc_cell_swap((void *)&leases->ring->head, &from,
			    (struct zipc_pair){ head + 1,
						zipc_taken(head, place) }))
		return false;
	/* marked: release; pairs with read_lease(). */
	atomic_store_explicit(&taker->lease, zipc_lease(head, ZIPC_TAKEN),
			      memory_order_release);
	return true;
}

/* Take the oldest in the ring by the idle record. */
static int64_t take_next(struct zipc_leases *leases, void *elem,
			 struct zipc_lease *lease)
{
	struct zipc_places *places = leases->places;
	uint64_t head, taken;
	int64_t rc;

	for (;;) {
		rc = zipc_places_ready(places, 1, &head);
		if (rc < 0)
			break;
		/* taken: acquire; pairs with take. */
		taken = atomic_load_explicit(&leases->ring->taken,
					     memory_order_acquire);
		rc = mark_last(leases, taken);
		if (rc < 0)
			break;
		if (!take_at(leases, head, taken, elem))
			continue;
		lease->position = head;
		lease->place = (uint32_t)leases->idle;
		lease->attempt = 1;
		flip_held(leases, (uint32_t)leases->idle);
		leases->idle = -1;
		zipc_wake(places->writable, places->symmetric, 1);
		return 1;
	}
	end_lease(record(leases, (uint32_t)leases->idle));
	return rc;
}

/* Take what was given back, or was the dead's: 1; 0: nothing; -EBADMSG. */
static int64_t take_given(struct zipc_leases *leases, void *elem,
			  struct zipc_lease *lease)
{
	struct zipc_taker *taker;
	uint32_t place, attempt;
	int64_t picked = pick(leases, &place);

	if (picked <= 0)
		return picked;
	taker = record(leases, place);
	/* Relaxed: the record is ours. */
	attempt = atomic_load_explicit(&taker->attempts, memory_order_relaxed);
	atomic_store_explicit(&taker->attempts, ++attempt,
			      memory_order_relaxed);
	zipc_copy_out(elem, taker->element, leases->places->elem_size);
	flip_held(leases, place);
	*lease = (struct zipc_lease){ (uint64_t)picked >> 2, place, attempt };
	return 1;
}

bool zipc_leases_have(const struct zipc_leases *leases)
{
	return leases->more ||
	       atomic_load_explicit(&leases->ring->given,
				    memory_order_acquire) != leases->given_seen;
}

void zipc_leases_bury(struct zipc_leases *leases)
{
	bury(leases, false);
}

/* Whether there may be a record that is nobody's and has an element. */
static bool hears_of_given(struct zipc_leases *leases)
{
	if (time_to_look(leases)) {
		bury(leases, false);
		return true;
	}
	return zipc_leases_have(leases);
}

int64_t zipc_leases_take(struct zipc_leases *leases, void *elem,
			 struct zipc_lease *lease, bool thorough)
{
	bool buried = false;
	int64_t rc = 0;

	if (hears_of_given(leases))
		rc = take_given(leases, elem, lease);
	while (!rc && leases->idle < 0) {
		rc = own_record(leases, buried);
		if (rc == -EAGAIN) {
			buried = true;
			rc = take_given(leases, elem, lease);
		}
	}
	if (rc)
		return rc;
	rc = take_next(leases, elem, lease);
	if (rc != -EAGAIN || !thorough)
		return rc;
	bury(leases, false);
	rc = take_given(leases, elem, lease);
	return rc ? rc : zipc_fail_as(EAGAIN, "the queue is empty");
}

/* ending */

/* Nobody's lease any more: the record is kept for the next take, or freed. */
static void end(struct zipc_leases *leases, uint32_t place, bool keep)
{
	struct zipc_taker *taker = record(leases, place);

	end_lease(taker);
	if (keep && leases->idle < 0)
		leases->idle = (int32_t)place;
	else
		let_go(taker);
}

static int check_held(const struct zipc_leases *leases,
		      const struct zipc_lease *lease)
{
	if (lease->place < leases->count && holds(leases, lease->place) &&
	    read_lease(record(leases, lease->place)) ==
		    zipc_lease(lease->position, ZIPC_TAKEN))
		return 0;
	return zipc_fail(EINVAL, "the lease on element %llu is not held by "
			 "this handle: it has ended, or is another's",
			 (unsigned long long)lease->position);
}

int zipc_leases_done(struct zipc_leases *leases, const struct zipc_lease *lease)
{
	int rc = check_held(leases, lease);

	if (rc)
		return rc;
	flip_held(leases, lease->place);
	end(leases, lease->place, true);
	return 0;
}

int zipc_leases_return(struct zipc_leases *leases,
		       const struct zipc_lease *lease)
{
	int rc = check_held(leases, lease);

	if (rc)
		return rc;
	flip_held(leases, lease->place);
	let_go(record(leases, lease->place));
	tell_of(leases, 1);
	return 0;
}

/* Pop what was given back, or was the dead's; how many, or -EBADMSG. */
static int64_t pop_given(struct zipc_leases *leases, unsigned char *elems,
			 uint64_t n)
{
	uint64_t elem_size = leases->places->elem_size, i;
	uint32_t place;
	int64_t rc;

	for (i = 0; i < n; i++, elems += elem_size) {
		rc = pick(leases, &place);
		if (rc < 0 && !i)
			return rc;
		if (rc <= 0)
			break;
		zipc_copy_out(elems, record(leases, place)->element, elem_size);
		end(leases, place, false);
	}
	return (int64_t)i;
}

int64_t zipc_leases_pop(struct zipc_leases *leases, void *elems, uint64_t n,
			bool thorough)
{
	int64_t rc = 0;

	if (hears_of_given(leases))
		rc = pop_given(leases, elems, n);
	if (!rc)
		rc = zipc_places_pop(leases->places, elems, n);
	if (rc != -EAGAIN || !thorough)
		return rc;
	bury(leases, false);
	rc = pop_given(leases, elems, n);
	return rc ? rc : zipc_fail_as(EAGAIN, "the queue is empty");
}

/* the handle's life */

void zipc_leases_enter(struct zipc_leases *leases)
{
	if (__builtin_expect(leases->generation == zipc_fork_generation, 1))
		return;
	/* After fork the records are the parent's. */
	leases->generation = zipc_fork_generation;
	leases->idle = -1;
	memset(leases->held, 0, sizeof(leases->held));
}

void zipc_leases_close(struct zipc_leases *leases)
{
	uint64_t n = 0;
	uint32_t i;

	if (leases && leases->generation == zipc_fork_generation) {
		if (leases->idle >= 0)
			let_go(record(leases, (uint32_t)leases->idle));
		for (i = 0; i < leases->count; i++)
			if (holds(leases, i)) {
				let_go(record(leases, i));
				n++;
			}
		if (n)
			tell_of(leases, n);
	}
	free(leases);
}
