/* SPDX-License-Identifier: MIT */
/* The place ring: shape, records, push and pop; place_ring.h has the idea. */
#include "place_fast.h"

#include "error.h"
#include "record.h"

/* shape */

static uint64_t slot_bytes_for(uint64_t elem_size)
{
	return sizeof(struct zipc_slot) + (elem_size + 7) / 8 * 8;
}

static uint64_t slots_offset_for(uint32_t writers, uint64_t takers_bytes)
{
	return sizeof(struct zipc_place_ring) +
	       (uint64_t)writers * sizeof(struct zipc_writer) + takers_bytes;
}

uint64_t zipc_places_bytes(uint64_t capacity, uint64_t elem_size,
			   uint32_t writers, uint64_t takers_bytes)
{
	uint64_t offset = slots_offset_for(writers, takers_bytes), slots, bytes;

	if (__builtin_add_overflow(capacity, writers, &slots) ||
	    __builtin_mul_overflow(slots, slot_bytes_for(elem_size), &bytes) ||
	    __builtin_add_overflow(bytes, offset, &bytes))
		return UINT64_MAX;
	return bytes;
}

void zipc_places_build(unsigned char *body, uint64_t capacity,
		       uint64_t elem_size, uint32_t writers,
		       uint64_t takers_bytes)
{
	struct zipc_place_ring *ring = (void *)body;

	ring->slots = capacity + writers;
	ring->slot_bytes = (uint32_t)slot_bytes_for(elem_size);
	ring->writers = writers;
	ring->writers_offset = sizeof(*ring);
	ring->slots_offset = slots_offset_for(writers, takers_bytes);
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

/*
 * Far enough to arrive in time from another core, and not beyond the slots that
 * are spare, where it would take lines from who pops.
 */
static uint32_t ahead_of(uint32_t slot_bytes)
{
	return slot_bytes < 64 ? 256 : 4 * slot_bytes;
}

/* What is wrong with a copy of the ring's constants; NULL: nothing. */
static const char *misfit(const struct zipc_place_ring *copy,
			  const struct zipc_found *found)
{
	uint64_t writers_end = copy->writers_offset +
			       copy->writers * sizeof(struct zipc_writer);

	if (!copy->writers || copy->writers > ZIPC_WRITERS_MOST ||
	    copy->writers_offset < sizeof(*copy) ||
	    !inside(found->body_bytes, copy->writers_offset, copy->writers,
		    sizeof(struct zipc_writer)))
		return "its writers lie beyond its body";
	if (copy->slot_bytes != slot_bytes_for(found->elem_size) ||
	    copy->slots_offset < writers_end ||
	    !inside(found->body_bytes, copy->slots_offset, copy->slots,
		    copy->slot_bytes))
		return "its slots lie beyond its body";
	if (copy->slots < copy->writers ||
	    copy->slots - copy->writers < found->capacity)
		return "it has too few slots for its capacity and writers";
	return NULL;
}

int zipc_places_open(struct zipc_places *places, struct zipc_segment *segment,
		     const struct zipc_found *found, const char *name)
{
	struct zipc_place_ring *ring = (void *)found->body, copy;
	const char *wrong = "its body is too short";

	if (found->body_bytes >= sizeof(copy)) {
		/* Only the copy is checked and used. */
		memcpy(&copy, ring, offsetof(struct zipc_place_ring, head));
		wrong = misfit(&copy, found);
	}
	if (wrong)
		return zipc_fail(EBADMSG, "`%s` is damaged: %s", name, wrong);
	*places = (struct zipc_places){
		.segment = segment,
		.ring = ring,
		.writers = (void *)(found->body + copy.writers_offset),
		.slots = found->body + copy.slots_offset,
		.readable = &found->block->readable,
		.writable = &found->block->writable,
		.capacity = found->capacity,
		.elem_size = found->elem_size,
		.slot_count = copy.slots,
		.slot_bytes = copy.slot_bytes,
		.writer_count = copy.writers,
		.ahead = ahead_of(copy.slot_bytes),
		.symmetric = segment->symmetric,
		.bound = &ring->head,
		.head_seen = 1,
	};
	return 0;
}

uint64_t zipc_places_size(const struct zipc_places *places)
{
	uint64_t head, tail, before;

	/*
	 * Head did not move while tail was read, or the difference would count
	 * what was popped in between and what was pushed in its stead.
	 */
	head = atomic_load_explicit(&places->ring->head, memory_order_acquire);
	do {
		before = head;
		tail = zipc_places_tail(places);
		head = atomic_load_explicit(&places->ring->head,
					    memory_order_acquire);
	} while (head != before);
	if (tail - head > places->capacity)
		return (int64_t)(tail - head) < 0 ? 0 : places->capacity;
	return tail - head;
}

/* writer records */

int zipc_places_become_writer(struct zipc_places *places)
{
	int64_t i = zipc_record_take(places->segment, places->writers,
				     places->writer_count);

	if (i < 0)
		return zipc_fail(EUSERS, "all %u writers' places are held by "
				 "live processes: close queues that no longer "
				 "push, or create the queue with more "
				 "(max_writers)", places->writer_count);
	places->mine = &places->writers[i];
	zipc_places_inherit(places, places->mine);
	places->generation = zipc_fork_generation;
	return 0;
}

void zipc_places_close(struct zipc_places *places)
{
	/* After fork the record is the parent's. */
	if (places->generation != zipc_fork_generation)
		return;
	atomic_store_explicit(&places->mine->claim, 0, memory_order_release);
	zipc_record_give(places->mine);
	places->generation = 0;
}

/* hope */

#define HOPE_LEAST 4u /* pauses */
#define HOPE_MOST 256u
#define LEAD 16u

static void pause_for(unsigned pauses)
{
	while (pauses--)
		zipc_pause();
}

/*
 * Look at *word every few pauses until it is no longer from, or for as long as
 * it paid the last times. Returns how many pauses that took, or 0: no change.
 * Head and tail are what the other side works on: to ask them whether the ring
 * is full or empty takes their lines away from it.
 */
static unsigned changes_soon(const _Atomic uint64_t *word, uint64_t from,
			     unsigned pauses, unsigned *hope)
{
	unsigned spent = 0;

	while (spent < *hope) {
		pause_for(pauses);
		spent += pauses;
		/* filled, room: relaxed; the caller looks again. */
		if (atomic_load_explicit(word, memory_order_relaxed) == from)
			continue;
		*hope = 4 * spent < HOPE_MOST ? 4 * spent : HOPE_MOST;
		if (*hope < HOPE_LEAST)
			*hope = HOPE_LEAST;
		return spent;
	}
	*hope = *hope / 2 > HOPE_LEAST ? *hope / 2 : HOPE_LEAST;
	return 0;
}

/* push */

/* What head says is true now: the ring is full, or its oldest is stuck. */
static int no_room(struct zipc_places *places, uint64_t head, uint64_t used)
{
	if (used > places->slot_count)
		return zipc_fail_as(EBADMSG, "the queue is damaged: it holds "
				    "more than its slots");
	if (places->watched) /* who pushes makes room: stream.h */
		return zipc_fail_as(EAGAIN, "the stream is full");
	if (zipc_turn(zipc_slot(places, head)) == head)
		return zipc_fail_as(EAGAIN, "the queue is full");
	return zipc_places_unstick(places, head);
}

/*
 * Positions that may lie between head and tail: capacity, and those that were
 * given up there. More than the slots they can not be.
 */
static uint64_t width(struct zipc_places *places, uint64_t head, uint64_t tail)
{
	uint64_t most = places->capacity;

	if (tail - head <= places->slot_count)
		most += zipc_places_holes(places, head, tail);
	return most < places->slot_count ? most : places->slot_count;
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
			places->bound, memory_order_acquire);
		used = T - places->head_seen;
		if (T < places->head_seen) { /* T is old, or nonsense */
			tail = zipc_places_tail(places);
			if (tail >= places->head_seen)
				return 0;
			return zipc_fail_as(EBADMSG, "the queue is damaged: "
					    "its head is beyond its tail");
		}
		if (used >= most && !places->watched &&
		    changes_soon(&places->ring->head, places->head_seen, 8,
				 &places->push_hope))
			return 0;
		if (used >= most)
			most = width(places, places->head_seen, T);
		if (used >= most)
			return no_room(places, places->head_seen, used);
	}
	if (n > most - used)
		n = most - used;
	return n < ZIPC_BATCH_MAX ? (int64_t)n : ZIPC_BATCH_MAX;
}

/* With the bit that says that the channel is closed. */
static uint64_t read_tail(const struct zipc_places *places)
{
	/* Acquire: head is read behind it, or tail could seem too far. */
	return atomic_load_explicit(&places->ring->tail, memory_order_acquire);
}

/*
 * With active up: n, or less, so that a slot in quarantine stands behind the
 * batch, or is all of it: what is claimed with it would be given up with it.
 */
static uint64_t wary(const struct zipc_places *places, uint64_t T, uint64_t n)
{
	if (n > 1 && zipc_places_active(places->ring))
		n = zipc_places_free_run(places, T, n);
	return n ? n : 1;
}

/* What is no channel is never closed; that bit of it is damage. */
static bool is_closed(const struct zipc_places *places, uint64_t tail)
{
	return places->closable && tail & ZIPC_TAIL_CLOSED;
}

static int closed(void)
{
	return zipc_fail_as(EPIPE, "the channel is closed");
}

/* Claim up to n positions from *first on; how many, or -errno. */
static int64_t claim(struct zipc_places *places, uint64_t n, uint64_t *first)
{
	uint64_t T = read_tail(places);
	int64_t k;

	for (;;) {
		k = is_closed(places, T) ? closed() : room_at(places, T, n);
		if (k < 0)
			return k;
		if (k == 0) {
			T = read_tail(places);
			continue;
		}
		k = (int64_t)wary(places, T, (uint64_t)k);
		*first = T;
		if (zipc_places_claim(places->ring, places->mine, &T,
				      (uint64_t)k))
			return k;
	}
}

static uint64_t time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Of who watches: what stands behind the i-th element. */
static void begin_watched(const struct zipc_places *places,
			  struct zipc_slot *slot, uint64_t i)
{
	const struct zipc_said *said = places->said;

	zipc_places_begin_slot(slot);
	/* Relaxed: published with the element. */
	if (places->stamp_word)
		atomic_store_explicit(slot->element + places->stamp_word - 1,
				      said && said->stamps
					      ? (uint64_t)said->stamps[i]
					      : time_now(),
				      memory_order_relaxed);
	if (places->number_word)
		atomic_store_explicit(slot->element + places->number_word - 1,
				      said ? said->number + i : 0,
				      memory_order_relaxed);
}

/* Write and publish n elements; how many stand. */
ZIPC_INLINE uint64_t fill_with(struct zipc_places *places,
			       const unsigned char *elems, uint64_t elem_size,
			       uint64_t first, uint64_t claimed, uint64_t n,
			       bool watched)
{
	uint64_t open = zipc_claim(first, claimed, ZIPC_OPEN), i, stand;
	uint64_t lap = places->in_lap;
	struct zipc_slot *slot;

	for (i = 0; i < n; i++, elems += elem_size) {
		slot = zipc_next_slot(places, &lap, first + i);
		zipc_places_fetch_ahead(places, slot, elem_size);
		if (watched)
			begin_watched(places, slot, i);
		if (zipc_places_publish(places->mine, slot, first + i, elems,
					elem_size, open, places->symmetric))
			continue;
		stand = zipc_places_answer(places, first, claimed, i);
		if (stand < claimed)
			return stand;
	}
	places->in_lap = lap;
	return n;
}

static uint64_t fill(struct zipc_places *places, const unsigned char *elems,
		     uint64_t first, uint64_t claimed, uint64_t n)
{
	if (places->watched)
		return fill_with(places, elems, places->elem_size, first,
				 claimed, n, true);
	if (places->elem_size == 8) /* the commonest, without a loop */
		return fill_with(places, elems, 8, first, claimed, n, false);
	return fill_with(places, elems, places->elem_size, first, claimed, n,
			 false);
}

/* With active up some slots may be quarantined: only those before the first. */
static uint64_t fill_warily(struct zipc_places *places,
			    const unsigned char *elems, uint64_t first,
			    uint64_t claimed)
{
	uint64_t n, stand;

	zipc_places_tidy(places);
	n = zipc_places_free_run(places, first, claimed);
	stand = fill(places, elems, first, claimed, n);
	if (n < claimed) /* others settle the rest */
		zipc_places_give_up(places, first + claimed - 1);
	return stand;
}

/* Each element is for one of those who pop, or for all who watch. */
static void wake_readers(struct zipc_places *places, uint64_t n)
{
	zipc_wake(places->readable, places->symmetric,
		  places->watched ? UINT32_MAX : n);
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
		if (zipc_places_active(places->ring))
			stand = fill_warily(places, elems, first, claimed);
		else
			stand = fill(places, elems, first, claimed, claimed);
	} while (!stand);
	wake_readers(places, stand);
	return (int64_t)stand;
}

/* Claim up to n positions from exactly there; 0: others have. */
static int64_t claim_at(struct zipc_places *places, uint64_t position,
			uint64_t n)
{
	uint64_t T;
	int64_t k;

	do {
		T = read_tail(places);
		if (is_closed(places, T))
			return closed();
		if (T != position)
			return 0;
		k = room_at(places, T, n);
	} while (k == 0);
	if (k < 0)
		return k;
	k = (int64_t)wary(places, T, (uint64_t)k);
	return zipc_places_claim(places->ring, places->mine, &T, (uint64_t)k)
		       ? k
		       : 0;
}

int64_t zipc_places_push_at(struct zipc_places *places, const void *elems,
			    uint64_t n, uint64_t position,
			    const struct zipc_said *said)
{
	int64_t k = claim_at(places, position, n);
	uint64_t stand = 0, claimed = (uint64_t)k;

	if (k < 0)
		return k;
	places->said = said;
	if (k && zipc_places_active(places->ring))
		stand = fill_warily(places, elems, position, claimed);
	else if (k)
		stand = fill(places, elems, position, claimed, claimed);
	places->said = NULL;
	if (!stand)
		return zipc_fail_as(EEXIST, "another element came first");
	wake_readers(places, stand);
	return (int64_t)stand;
}

bool zipc_places_push_rest(struct zipc_places *places, const void *elem,
			   uint64_t position, enum zipc_fast how)
{
	uint64_t stand;

	if (how == ZIPC_CLAIMED)
		stand = fill_warily(places, elem, position, 1);
	else
		stand = zipc_places_answer(places, position, 1, 0);
	if (stand)
		wake_readers(places, 1);
	return stand;
}

/* pop */

/* How many are published from head on, up to n. */
static uint64_t published_run(struct zipc_places *places, uint64_t head,
			      uint64_t n)
{
	uint64_t lap = places->out_lap, i;

	for (i = 0; i < n; i++)
		if (zipc_turn(zipc_next_slot(places, &lap, head + i)) !=
		    head + i)
			break;
	return i;
}

ZIPC_INLINE void copy_run_with(struct zipc_places *places, uint64_t head,
			       uint64_t n, unsigned char *elems,
			       uint64_t elem_size)
{
	uint64_t lap = places->out_lap, i;
	struct zipc_slot *slot;

	for (i = 0; i < n; i++, elems += elem_size) {
		slot = zipc_next_slot(places, &lap, head + i);
		zipc_copy_out(elems, slot->element, elem_size);
	}
	places->out_lap = lap;
}

static void copy_run(struct zipc_places *places, uint64_t head, uint64_t n,
		     unsigned char *elems)
{
	if (places->elem_size == 8)
		copy_run_with(places, head, n, elems, 8);
	else
		copy_run_with(places, head, n, elems, places->elem_size);
}

/*
 * The position at head is not published: -EAGAIN empty, 0 look again, or a
 * failure. Empty is true of the moment in which the turn was read: whatever is
 * pushed before that is seen behind it, if only by the turn of a later lap.
 */
static int nothing_at(struct zipc_places *places, uint64_t head)
{
	uint64_t tail = zipc_places_tail(places), p;

	if (atomic_load_explicit(&places->ring->head, memory_order_acquire) !=
	    head)
		return 0;
	if (tail < head || tail - head > places->slot_count)
		return zipc_fail_as(EBADMSG, "the queue is damaged: its head "
				    "and tail do not belong together");
	for (p = head + 1; p < tail; p++)
		if (zipc_turn(zipc_slot(places, p)) >= p)
			return zipc_places_unstick(places, head);
	return zipc_fail_as(EAGAIN, "the queue is empty");
}

/*
 * The turn at head may come soon. When it came at once, push is just ahead, in
 * the same line: it is given a lead, or each would take the line from the other
 * for every element.
 */
static bool comes_soon(struct zipc_places *places, uint64_t head)
{
	struct zipc_slot *slot = zipc_slot(places, head);
	uint64_t seen = zipc_turn(slot);
	unsigned spent;

	if (seen == head)
		return true;
	spent = changes_soon(&slot->turn, seen, 1, &places->pop_hope);
	if (spent == 1)
		pause_for(LEAD);
	return spent;
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
	/* What nobody claimed can not be settled: we would look for ever. */
	if (zipc_places_tail(places) <= head)
		return zipc_fail_as(EBADMSG, "the queue is damaged: there is "
				    "an element behind its tail");
	rc = zipc_places_settle(places, head);
	return rc ? rc : 1;
}

/* Inline in pop; zipc_places_ready() is the same for who takes otherwise. */
ZIPC_INLINE int64_t ready(struct zipc_places *places, uint64_t n,
			  uint64_t *head)
{
	uint64_t run;
	int rc;

	for (;;) {
		*head = atomic_load_explicit(&places->ring->head,
					     memory_order_acquire);
		run = published_run(places, *head, n);
		if (!run && comes_soon(places, *head))
			run = published_run(places, *head, n);
		rc = run ? 0 : nothing_at(places, *head);
		if (run && zipc_places_active(places->ring)) {
			rc = look_twice(places, *head);
			run = rc ? 0 : 1;
		}
		if (rc < 0)
			return rc;
		if (run)
			return (int64_t)run;
	}
}

int64_t zipc_places_ready(struct zipc_places *places, uint64_t n,
			  uint64_t *head)
{
	return ready(places, n, head);
}

int64_t zipc_places_pop(struct zipc_places *places, void *elems, uint64_t n)
{
	uint64_t head;
	int64_t run;

	for (;;) {
		run = ready(places, n, &head);
		if (run < 0)
			return run;
		copy_run(places, head, (uint64_t)run, elems);
		/* room: release; the copies are done before the slots are. */
		if (atomic_compare_exchange_strong_explicit(
			    &places->ring->head, &head, head + (uint64_t)run,
			    memory_order_acq_rel, memory_order_relaxed)) {
			zipc_wake(places->writable, places->symmetric,
				  (uint64_t)run);
			return run;
		}
	}
}

/* passing: nobody takes, and what is published or settled is passed */

int64_t zipc_places_pass(struct zipc_places *places, uint64_t n)
{
	uint64_t head;
	int64_t run = ready(places, n, &head);

	/* passed: release; pairs with zipc_places_see(). If it fails, others
	 * have passed it. */
	if (run > 0)
		atomic_compare_exchange_strong_explicit(
			&places->ring->head, &head, head + (uint64_t)run,
			memory_order_acq_rel, memory_order_relaxed);
	return run;
}

void zipc_places_pass_read(struct zipc_places *places, uint64_t from,
			   uint64_t to)
{
	uint64_t head = atomic_load_explicit(&places->ring->head,
					     memory_order_relaxed);

	if (from <= head && head < to && !zipc_places_active(places->ring))
		/* passed: release; pairs with zipc_places_see(). */
		atomic_compare_exchange_strong_explicit(
			&places->ring->head, &head, to, memory_order_acq_rel,
			memory_order_relaxed);
}

/* closing */

void zipc_places_shut(struct zipc_places *places)
{
	/* A full fence: sleepers are looked for behind it. */
	atomic_fetch_or_explicit(&places->ring->tail, ZIPC_TAIL_CLOSED,
				 memory_order_seq_cst);
	zipc_wake(places->readable, places->symmetric, UINT32_MAX);
	zipc_wake(places->writable, places->symmetric, UINT32_MAX);
}

bool zipc_places_closed(const struct zipc_places *places)
{
	return is_closed(places, read_tail(places));
}

int zipc_places_ended(struct zipc_places *places)
{
	uint64_t tail = read_tail(places), head;

	if (!is_closed(places, tail))
		return zipc_fail_as(EAGAIN, "the channel is empty");
	tail -= ZIPC_TAIL_CLOSED;
	head = atomic_load_explicit(&places->ring->head, memory_order_acquire);
	if (head == tail)
		return closed();
	if (head > tail || tail - head > places->slot_count)
		return zipc_fail_as(EBADMSG, "the channel is damaged: its head "
				    "and tail do not belong together");
	/* Sent before it was closed: published soon, or settled. */
	return zipc_places_unstick(places, head);
}

/*
 * What was published before this is found: it is claimed, so it is before tail.
 * Else others have taken it.
 */
bool zipc_places_has(const struct zipc_places *places)
{
	uint64_t head = atomic_load_explicit(&places->ring->head,
					     memory_order_acquire);
	uint64_t tail = zipc_places_tail(places), p;

	if (tail - head > places->slot_count) /* damaged, or far away by now */
		tail = head + places->slot_count;
	for (p = head; p != tail; p++)
		if (zipc_turn(zipc_slot(places, p)) == p)
			return true;
	return false;
}

bool zipc_places_has_room(struct zipc_places *places)
{
	uint64_t head = atomic_load_explicit(&places->ring->head,
					     memory_order_acquire);
	uint64_t tail = zipc_places_tail(places);

	if (tail - head < places->capacity)
		return true;
	/* As no_room(): whoever pushes sees to it that it is settled. */
	return zipc_turn(zipc_slot(places, head)) != head ||
	       tail - head < width(places, head, tail);
}

/* deciding before it leaves */

int zipc_places_peek(struct zipc_places *places, uint64_t *elem,
		     uint64_t *position)
{
	int64_t run;

	do {
		run = zipc_places_ready(places, 1, position);
		if (run < 0)
			return (int)run;
		/*
		 * Acquire, so that head is read behind it: a producer has seen
		 * head move before it writes the slot again.
		 */
		*elem = atomic_load_explicit(
			zipc_slot(places, *position)->element,
			memory_order_acquire);
	} while (atomic_load_explicit(&places->ring->head,
				      memory_order_acquire) != *position);
	return 0;
}

void zipc_places_drop(struct zipc_places *places, uint64_t position)
{
	/* room: release; whoever copied it has done so. */
	if (atomic_compare_exchange_strong_explicit(
		    &places->ring->head, &position, position + 1,
		    memory_order_acq_rel, memory_order_relaxed))
		zipc_wake(places->writable, places->symmetric, 1);
}

bool zipc_places_hold(const struct zipc_places *places, uint64_t elem)
{
	uint64_t head = atomic_load_explicit(&places->ring->head,
					     memory_order_acquire);
	uint64_t tail = zipc_places_tail(places), p;
	struct zipc_slot *slot;

	if (tail - head > places->slot_count) /* damaged, or far away by now */
		tail = head + places->slot_count;
	for (p = head; p < tail; p++) {
		slot = zipc_slot(places, p);
		if (zipc_turn(slot) == p &&
		    atomic_load_explicit(slot->element,
					 memory_order_relaxed) == elem)
			return true;
	}
	return false;
}
