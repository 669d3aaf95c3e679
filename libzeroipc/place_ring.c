/* SPDX-License-Identifier: MIT */
/* The place ring: shape, records, push and pop; place_ring.h has the idea. */
#include "place_fast.h"

#include "error.h"

/* shape */

static uint64_t slot_bytes_for(uint64_t elem_size)
{
	return sizeof(struct zipc_slot) + (elem_size + 7) / 8 * 8;
}

static uint64_t slots_offset_for(uint32_t writers)
{
	return sizeof(struct zipc_place_ring) +
	       (uint64_t)writers * sizeof(struct zipc_writer);
}

uint64_t zipc_places_bytes(uint64_t capacity, uint64_t elem_size,
			   uint32_t writers)
{
	uint64_t slots, bytes;

	if (__builtin_add_overflow(capacity, writers, &slots) ||
	    __builtin_mul_overflow(slots, slot_bytes_for(elem_size), &bytes) ||
	    __builtin_add_overflow(bytes, slots_offset_for(writers), &bytes))
		return UINT64_MAX;
	return bytes;
}

void zipc_places_build(unsigned char *body, uint64_t capacity,
		       uint64_t elem_size, uint32_t writers)
{
	struct zipc_place_ring *ring = (void *)body;

	ring->slots = capacity + writers;
	ring->slot_bytes = (uint32_t)slot_bytes_for(elem_size);
	ring->writers = writers;
	ring->writers_offset = sizeof(*ring);
	ring->slots_offset = slots_offset_for(writers);
	/* Relaxed: the table's commit publishes the whole block. */
	atomic_store_explicit(&ring->head, 1, memory_order_relaxed);
	atomic_store_explicit(&ring->tail, 1, memory_order_relaxed);
}

/* Whether [offset, offset + count * each) lies in the body. */
static bool inside(uint64_t body_bytes, uint64_t offset, uint64_t count,
		   uint64_t each)
{
	uint64_t bytes;

	return offset % ZIPC_LINE == 0 && offset <= body_bytes &&
	       !__builtin_mul_overflow(count, each, &bytes) &&
	       bytes <= body_bytes - offset;
}

int zipc_places_open(struct zipc_places *places, struct zipc_segment *segment,
		     const struct zipc_found *found, const char *name)
{
	struct zipc_place_ring *ring = (void *)found->body;
	uint64_t slots, most;

	if (found->body_bytes < sizeof(*ring))
		return zipc_fail(EBADMSG, "`%s` is damaged: its body is too "
				 "short", name);
	slots = ring->slots;
	*places = (struct zipc_places){
		.segment = segment,
		.ring = ring,
		.readable = &found->block->readable,
		.writable = &found->block->writable,
		.capacity = found->capacity,
		.elem_size = found->elem_size,
		.slot_count = slots,
		.slot_bytes = ring->slot_bytes,
		.writer_count = ring->writers,
		.symmetric = segment->symmetric,
		.head_seen = 1,
	};
	most = ring->writers_offset;
	if (!inside(found->body_bytes, most, places->writer_count,
		    sizeof(struct zipc_writer)))
		return zipc_fail(EBADMSG, "`%s` is damaged: its writers lie "
				 "beyond its body", name);
	places->writers = (void *)(found->body + most);
	most = ring->slots_offset;
	if (places->slot_bytes != slot_bytes_for(places->elem_size) ||
	    !inside(found->body_bytes, most, slots, places->slot_bytes))
		return zipc_fail(EBADMSG, "`%s` is damaged: its slots lie "
				 "beyond its body", name);
	places->slots = found->body + most;
	if (!places->writer_count || slots < places->writer_count ||
	    slots - places->writer_count < places->capacity)
		return zipc_fail(EBADMSG, "`%s` is damaged: it has %llu slots "
				 "for %llu elements and %u writers", name,
				 (unsigned long long)slots,
				 (unsigned long long)places->capacity,
				 places->writer_count);
	return 0;
}

uint64_t zipc_places_size(const struct zipc_places *places)
{
	uint64_t head, tail;

	/*
	 * Relaxed, and head before tail: the difference is never negative, and
	 * was true of some moment between the two loads but for what was popped
	 * in between.
	 */
	head = atomic_load_explicit(&places->ring->head, memory_order_acquire);
	tail = atomic_load_explicit(&places->ring->tail, memory_order_relaxed);
	if (tail - head > places->capacity)
		return (int64_t)(tail - head) < 0 ? 0 : places->capacity;
	return tail - head;
}

/* writer records */

static bool take_record(struct zipc_places *places, struct zipc_writer *record,
			uint64_t from)
{
	uint64_t me = atomic_load_explicit(&places->segment->holder,
					   memory_order_relaxed);

	if (!atomic_compare_exchange_strong_explicit(
		    &record->holder, &from, me, memory_order_acq_rel,
		    memory_order_relaxed))
		return false;
	zipc_places_inherit(places, record);
	places->mine = record;
	places->generation = zipc_fork_generation;
	return true;
}

int zipc_places_become_writer(struct zipc_places *places)
{
	struct zipc_writer *record;
	uint64_t holder;
	uint32_t i, round;

	/* First those that are free: whether one is dead costs system calls. */
	for (round = 0; round < 2; round++)
		for (i = 0; i < places->writer_count; i++) {
			record = &places->writers[i];
			holder = atomic_load_explicit(&record->holder,
						      memory_order_acquire);
			if (holder && (!round || zipc_segment_lives(
							 places->segment,
							 holder)))
				continue;
			if (take_record(places, record, holder))
				return 0;
		}
	return zipc_fail(EUSERS, "all %u writers' places are held by live "
			 "processes: close queues that no longer push, or "
			 "create the queue with more (max_writers)",
			 places->writer_count);
}

void zipc_places_close(struct zipc_places *places)
{
	/* After fork the record is the parent's. */
	if (places->generation != zipc_fork_generation)
		return;
	atomic_store_explicit(&places->mine->claim, 0, memory_order_release);
	atomic_store_explicit(&places->mine->holder, 0, memory_order_release);
	places->generation = 0;
}

/* push */

/* What head says is true now: the ring is full, or its oldest is stuck. */
static int no_room(struct zipc_places *places, uint64_t head, uint64_t used)
{
	if (used > places->slot_count)
		return zipc_fail_as(EBADMSG, "the queue is damaged: it holds "
				    "more than its slots");
	if (zipc_turn(zipc_slot(places, head)) == head)
		return zipc_fail_as(EAGAIN, "the queue is full");
	return zipc_places_unstick(places, head);
}

/*
 * Positions that may lie between head and tail: capacity, and those that were
 * given up there because a stopped writer has their slot.
 */
static uint64_t width(const struct zipc_places *places, uint64_t head,
		      uint64_t tail)
{
	if (!zipc_places_active(places))
		return places->capacity;
	return places->capacity + zipc_places_holes(places, head, tail);
}

/*
 * How many of n have room when tail is T; 0: look again; -EAGAIN full;
 * -EBADMSG.
 */
static int64_t room_at(struct zipc_places *places, uint64_t T, uint64_t n)
{
	uint64_t used = T - places->head_seen, most = places->capacity, tail;

	if (used >= most) {
		/* room: acquire; pairs with pop and settle. */
		places->head_seen = atomic_load_explicit(
			&places->ring->head, memory_order_acquire);
		used = T - places->head_seen;
		if (T < places->head_seen) { /* T is old, or nonsense */
			tail = atomic_load_explicit(&places->ring->tail,
						    memory_order_acquire);
			if (tail >= places->head_seen)
				return 0;
			return zipc_fail_as(EBADMSG, "the queue is damaged: "
					    "its head is beyond its tail");
		}
		if (used >= most)
			most = width(places, places->head_seen, T);
		if (used >= most)
			return no_room(places, places->head_seen, used);
	}
	if (n > most - used)
		n = most - used;
	return n < ZIPC_BATCH_MAX ? (int64_t)n : ZIPC_BATCH_MAX;
}

static uint64_t read_tail(const struct zipc_places *places)
{
	/* Acquire: head is read behind it, or tail could seem too far. */
	return atomic_load_explicit(&places->ring->tail, memory_order_acquire);
}

/* Claim up to n positions from *first on; how many, or -errno. */
static int64_t claim(struct zipc_places *places, uint64_t n, uint64_t *first)
{
	uint64_t T = read_tail(places);
	int64_t k;

	for (;;) {
		k = room_at(places, T, n);
		if (k < 0)
			return k;
		if (k == 0) {
			T = read_tail(places);
		} else if (zipc_places_claim(places, &T, (uint64_t)k)) {
			*first = T;
			return k;
		}
	}
}

/* With active up some slots may be quarantined: only those before the first. */
uint64_t zipc_places_fill_warily(struct zipc_places *places,
				 const unsigned char *elems, uint64_t first,
				 uint64_t claimed)
{
	uint64_t n, stand;

	zipc_places_tidy(places);
	n = zipc_places_free_run(places, first, claimed);
	stand = zipc_places_fill(places, elems, first, claimed, n);
	if (n < claimed)
		zipc_places_void_claim(places); /* others settle the rest */
	return stand;
}

int64_t zipc_places_push(struct zipc_places *places, const void *elems,
			 uint64_t n)
{
	uint64_t first, claimed, stand;
	int64_t k;

	do {
		k = claim(places, n, &first);
		if (k < 0)
			return k;
		claimed = (uint64_t)k;
		if (zipc_places_active(places))
			stand = zipc_places_fill_warily(places, elems, first,
							claimed);
		else
			stand = zipc_places_fill(places, elems, first,
						 claimed, claimed);
	} while (!stand);
	zipc_wake(places->readable, places->symmetric, stand);
	return (int64_t)stand;
}

/* pop */

/* How many are published from head on, up to n. */
static uint64_t published_run(struct zipc_places *places, uint64_t head,
			      uint64_t n)
{
	struct zipc_cursor at = places->out;
	uint64_t i;

	for (i = 0; i < n; i++)
		if (zipc_turn(zipc_next_slot(places, &at, head + i)) !=
		    head + i)
			break;
	return i;
}

static void copy_run(struct zipc_places *places, uint64_t head, uint64_t n,
		     unsigned char *elems)
{
	struct zipc_slot *slot;
	uint64_t i;

	for (i = 0; i < n; i++, elems += places->elem_size) {
		slot = zipc_next_slot(places, &places->out, head + i);
		zipc_copy_out(elems, slot->element, places->elem_size);
	}
}

/*
 * The position at head is not published: -EAGAIN empty, 0 look again, or a
 * failure. Empty is true of the moment in which the turn was read: whatever is
 * pushed before that is seen behind it.
 */
static int nothing_at(struct zipc_places *places, uint64_t head)
{
	uint64_t tail = atomic_load_explicit(&places->ring->tail,
					     memory_order_acquire), p;

	if (atomic_load_explicit(&places->ring->head, memory_order_acquire) !=
	    head)
		return 0;
	if (tail < head || tail - head > places->slot_count)
		return zipc_fail_as(EBADMSG, "the queue is damaged: its head "
				    "and tail do not belong together");
	for (p = head + 1; p < tail; p++)
		if (zipc_turn(zipc_slot(places, p)) == p)
			return zipc_places_unstick(places, head);
	return zipc_fail_as(EAGAIN, "the queue is empty");
}

/* With active up: 0 if the position at head may be taken, 1 look again. */
static int look_twice(struct zipc_places *places, uint64_t head)
{
	/* judged: acquire; pairs with settle. */
	uint64_t verdict = atomic_load_explicit(&places->ring->verdict,
						memory_order_acquire);
	int rc;

	zipc_places_tidy(places);
	if (verdict >> 2 != head ||
	    verdict == zipc_verdict(head, ZIPC_IS_PUBLISHED))
		return 0;
	rc = zipc_places_settle(places, head);
	return rc ? rc : 1;
}

int64_t zipc_places_pop(struct zipc_places *places, void *elems, uint64_t n)
{
	struct zipc_place_ring *ring = places->ring;
	uint64_t head, run;
	int rc;

	for (;;) {
		head = atomic_load_explicit(&ring->head, memory_order_acquire);
		run = published_run(places, head, n);
		rc = run ? 0 : nothing_at(places, head);
		if (run && zipc_places_active(places)) {
			rc = look_twice(places, head);
			run = rc ? 0 : 1;
		}
		if (rc < 0)
			return rc;
		if (!run)
			continue;
		copy_run(places, head, run, elems);
		/* room: release; the copies are done before the slots are. */
		if (atomic_compare_exchange_strong_explicit(
			    &ring->head, &head, head + run,
			    memory_order_acq_rel, memory_order_relaxed)) {
			zipc_wake(places->writable, places->symmetric, run);
			return (int64_t)run;
		}
	}
}
