/* SPDX-License-Identifier: MIT */
/* The stream's subscribers; stream.h has the idea. */
#include "clock.h"
#include "derive.h"
#include "drive.h"
#include "error.h"
#include "handle.h"
#include "stream.h"

#include <stdlib.h>

/* Without an event to sleep on. */
#define NAP_NS INT64_C(50000)
#define LONGEST_NAP_NS INT64_C(10000000)
#define LONGEST_TICK_NS INT64_C(1000000000)

/* How long who only reads waits for others to settle what is stuck. */
#define STUCK_NS INT64_C(100000000)

struct zipc_subscription {
	uint64_t mark;             /* handle.h */
	struct zipc_places places; /* without a writer's record */
	struct zipc_stream_shape shape;
	struct zipc_spin spin;
	uint64_t position, lap;
	uint64_t lost;
	uint64_t known; /* all of [known, position) has been seen decided */
	uint64_t next_pass; /* when the frontier is to be told */
	uint64_t stuck_at;  /* who only reads: what is not decided there, */
	int64_t stuck_ns;   /* since when */
	struct zipc_subscription_record *record; /* NULL: private */
	unsigned generation; /* of forks, when it entered */
	bool on_demand;      /* what is not there is made */
	struct zipc_stream *driven; /* by that; NULL: not yet */
	unsigned depth; /* of the drivers that this one reads for */
	int64_t make_ns; /* nothing is to be made before: for a select */
};

/* enter and leave */

static __attribute__((noinline)) int enter_first(struct zipc_subscription *it)
{
	int rc;

	if (it->record)
		return zipc_fail(EBUSY, "a forked child has not its parent's "
				 "subscriptions of stream `%s`: subscribe",
				 it->shape.name);
	rc = zipc_use_enter(&it->shape.use, it->shape.name);
	if (!rc)
		it->generation = zipc_fork_generation;
	return rc;
}

static inline int enter(struct zipc_subscription *it)
{
	if (zipc_likely(it->generation == zipc_fork_generation) ||
	    zipc_stream_only_reads(&it->shape))
		return 0;
	return enter_first(it);
}

/* What an operation ends with; of who only reads, if the stream is there. */
static inline int64_t leave(const struct zipc_subscription *it, int64_t rc)
{
	return zipc_stream_only_reads(&it->shape)
		       ? zipc_stream_or_gone(&it->shape, rc)
		       : rc;
}

static bool owns_record(const struct zipc_subscription *it)
{
	return it->record && it->generation == zipc_fork_generation;
}

/* moving on */

/* All before the position has been read. */
static void publish(struct zipc_subscription *it, uint64_t n)
{
	/* advanced: release; pairs with slowest(). */
	atomic_store_explicit(&it->record->position, it->position,
			      memory_order_release);
	if (zipc_stream_holds(&it->shape))
		zipc_wake(it->places.writable, it->places.symmetric, n);
}

/*
 * What was read is decided. Who looks for room would have to look at all of it,
 * so the frontier is told, but seldom, as its line is everybody's.
 */
static void tell_frontier(struct zipc_subscription *it)
{
	uint64_t step = it->places.capacity / 4;

	it->next_pass = it->position + (step < 256 ? step + 1 : 256);
	if (!zipc_stream_only_reads(&it->shape))
		zipc_places_pass_read(&it->places, it->known, it->position);
}

static inline void move_on(struct zipc_subscription *it, uint64_t n)
{
	if (!zipc_likely(it->position < it->next_pass))
		tell_frontier(it);
	if (it->record)
		publish(it, n);
}

/* Elements before this position passed it by. */
static void lose_up_to(struct zipc_subscription *it, uint64_t position)
{
	it->lost += position - it->position;
	it->position = it->known = position;
	/* Relaxed: for who watches, and for who goes on with it. */
	if (it->record)
		atomic_store_explicit(&it->record->lost, it->lost,
				      memory_order_relaxed);
}

/* It was lapped: it goes on with the oldest. */
static int catch_up(struct zipc_subscription *it)
{
	uint64_t oldest = zipc_stream_oldest(&it->places);

	if (oldest <= it->position)
		return zipc_stream_damaged(&it->shape, "an element has a turn "
					   "that is yet to come");
	lose_up_to(it, oldest);
	if (it->record)
		publish(it, 1);
	return 0;
}

/* looking */

/*
 * Of a position that is not decided, whether it has to be: something is
 * published there, or behind it, or nothing will be any more.
 */
static bool is_stuck(const struct zipc_subscription *it, uint64_t position)
{
	const struct zipc_places *places = &it->places;
	uint64_t tail = zipc_places_tail(places), p;

	if (zipc_places_closed(places))
		return true;
	if (tail > position && tail - position > places->slot_count)
		return false; /* lapped, or damaged: seen next time */
	for (p = position; p < tail; p++)
		if (zipc_turn(zipc_slot(places, p)) >= p)
			return true;
	return false;
}

static int nothing(void)
{
	return zipc_fail_as(EAGAIN, "the stream has no new element");
}

/* Who only reads can settle nothing; after a while it gives the position up. */
static int wait_for_others(struct zipc_subscription *it)
{
	const struct zipc_places *places = &it->places;
	int64_t now;

	if (zipc_places_closed(places) &&
	    zipc_places_tail(places) == it->position)
		return -EPIPE;
	if (!is_stuck(it, it->position)) {
		it->stuck_at = 0;
		return nothing();
	}
	now = zipc_now_ns();
	if (it->stuck_at != it->position) {
		it->stuck_at = it->position;
		it->stuck_ns = now;
	}
	if (now - it->stuck_ns < STUCK_NS)
		return nothing();
	lose_up_to(it, it->position + 1);
	return 0;
}

/* The position is not decided: decide it. 0 look again. */
static int64_t decide(struct zipc_subscription *it)
{
	struct zipc_places *places = &it->places;
	uint64_t head;
	int64_t rc;

	if (zipc_stream_only_reads(&it->shape))
		return wait_for_others(it);
	rc = zipc_places_pass(places, ZIPC_BATCH_MAX);
	if (rc == -EAGAIN) /* nothing is published there */
		rc = zipc_places_ended(places);
	if (rc >= 0)
		return 0;
	if (rc != -EAGAIN && rc != -EPIPE)
		return rc;
	/* passed: acquire; pairs with pass. */
	head = atomic_load_explicit(&places->ring->head, memory_order_acquire);
	/* Else another has decided it, and that was said of head. */
	return head <= it->position ? rc : 0;
}

/*
 * Nothing is there. In a damaged stream that could be so for ever; but behind a
 * whole lap of it a reader is where it is because it was lapped.
 */
static int pass_hole(struct zipc_subscription *it, uint64_t *holes)
{
	uint64_t tail = zipc_places_tail(&it->places);

	it->position++;
	if (++*holes <= it->places.slot_count || tail <= it->position ||
	    tail - it->position <= it->places.slot_count)
		return 0;
	*holes = 0;
	return catch_up(it);
}

/*
 * Find the next element; 0: it is there. Every other step is decided by it. If
 * producers lap it all the time, or move what is behind, it gives up: who looks
 * again goes on from there.
 */
static int64_t find(struct zipc_subscription *it)
{
	uint64_t holes = 0, steps = 4 * it->places.slot_count + 1024;
	int64_t rc = 0;

	while (!rc && steps--) {
		switch (zipc_places_see(&it->places, it->position)) {
		case ZIPC_SEEN_THERE:
			return 0;
		case ZIPC_SEEN_HOLE:
			rc = pass_hole(it, &holes);
			break;
		case ZIPC_SEEN_LAPPED:
			rc = catch_up(it);
			break;
		case ZIPC_SEEN_LATER:
			rc = decide(it);
			break;
		case ZIPC_SEEN_DAMAGE:
			rc = -EBADMSG;
		}
		if (!rc)
			rc = leave(it, 0);
	}
	return rc == -EAGAIN || !rc ? nothing()
				    : zipc_stream_say(&it->shape, rc);
}

static int64_t attempt_find(void *context)
{
	return find(context);
}

/* Without the right to say that it sleeps. */
static int64_t nap_until(struct zipc_subscription *it, int64_t deadline_ns)
{
	int64_t nap = NAP_NS, now, until;
	struct timespec at;
	int64_t rc = zipc_spin(&it->spin, deadline_ns, attempt_find, it);

	while (rc == -EAGAIN) {
		now = zipc_now_ns();
		if (now >= deadline_ns)
			return -ETIMEDOUT;
		until = now + nap < deadline_ns ? now + nap : deadline_ns;
		at = zipc_timespec(until);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		nap = 2 * nap < LONGEST_NAP_NS ? 2 * nap : LONGEST_NAP_NS;
		rc = find(it);
	}
	return rc;
}

static int64_t wait_or_make(struct zipc_subscription *it, int64_t deadline_ns);

static int64_t wait_for_next(struct zipc_subscription *it, int64_t deadline_ns)
{
	if (it->on_demand)
		return wait_or_make(it, deadline_ns);
	if (zipc_stream_only_reads(&it->shape))
		return nap_until(it, deadline_ns);
	return zipc_wait(it->places.readable, it->places.symmetric, &it->spin,
			 deadline_ns, attempt_find, it);
}

/* making it: derive.h */

#define MAKES_MOST 64u /* steps, of which perhaps nothing comes */

/* 0 look again. */
static int64_t make(struct zipc_subscription *it)
{
	struct zipc_stream *found;
	int64_t rc;

	if (!it->driven) {
		rc = zipc_stream_open(&found, it->shape.segment, it->shape.name,
				      NULL);
		if (rc)
			return rc;
		it->driven = found;
	}
	if (it->depth == ZIPC_DRIVE_DEPTH)
		return zipc_drive_too_deep(it->driven);
	if (it->driven->derived)
		it->driven->derived->depth = it->depth + 1;
	if (!zipc_use_same(&it->driven->shape.use, &it->shape.use))
		return zipc_fail(ENOENT, "stream `%s` was removed, and is "
				 "made no more", it->shape.name);
	rc = zipc_stream_drive(it->driven, ZIPC_NOWAIT);
	if (rc >= 0 || rc == -EPIPE)
		return 0;
	return rc == -EBUSY ? -EAGAIN : rc;
}

/* When it is worth to try again, though nothing may have woken us. */
static int64_t next_make_ns(const struct zipc_subscription *it)
{
	int64_t now = zipc_now_ns(), at = INT64_MAX;

	if (it->driven)
		at = zipc_drive_until(it->driven, INT64_MAX);
	if (at == INT64_MAX)
		return now + LONGEST_NAP_NS;
	/* The clock of a tick may be set. */
	return at < now + LONGEST_TICK_NS ? at : now + LONGEST_TICK_NS;
}

static int64_t find_or_make(struct zipc_subscription *it)
{
	int64_t rc = find(it);
	unsigned i;

	for (i = 0; rc == -EAGAIN && i < MAKES_MOST; i++) {
		rc = make(it);
		if (!rc)
			rc = find(it);
		else
			break;
	}
	if (rc != -EAGAIN)
		return rc;
	it->make_ns = next_make_ns(it);
	return nothing();
}

/* Others may make it as well. */
static int64_t wait_or_make(struct zipc_subscription *it, int64_t deadline_ns)
{
	int64_t rc, now, until;

	do {
		now = zipc_now_ns();
		if (now >= deadline_ns)
			return -ETIMEDOUT;
		until = now + LONGEST_NAP_NS < deadline_ns
				? now + LONGEST_NAP_NS
				: deadline_ns;
		if (it->driven)
			until = zipc_drive_until(it->driven, until);
		rc = zipc_wait(it->places.readable, it->places.symmetric,
			       &it->spin, until, attempt_find, it);
		if (rc == -ETIMEDOUT)
			rc = find_or_make(it);
	} while (rc == -EAGAIN);
	return rc;
}

/* Behind the holes, if they are fewer than a lap of them. */
bool zipc_subscription_ready(const struct zipc_subscription *it)
{
	uint64_t p = it->position, end = p + it->places.slot_count;
	enum zipc_seen seen = zipc_places_see(&it->places, p);

	while (seen == ZIPC_SEEN_HOLE && p < end)
		seen = zipc_places_see(&it->places, ++p);
	return seen != ZIPC_SEEN_LATER || is_stuck(it, p);
}

/* next */

/* The element at the position if that is plain; most are. */
ZIPC_INLINE bool read_at_once(struct zipc_subscription *it, void *elem,
			      uint64_t elem_size, int64_t *time_ns)
{
	struct zipc_slot *slot = zipc_next_slot(&it->places, &it->lap,
						it->position);

	if (!zipc_likely(zipc_turn(slot) == it->position) ||
	    !zipc_likely(!zipc_places_active(it->places.ring)) ||
	    !zipc_places_take_copy(&it->places, slot, it->position, elem,
				   elem_size, time_ns))
		return false;
	it->position++;
	return true;
}

/* The same of what find() has found there. */
static bool read_found(struct zipc_subscription *it, void *elem,
		       int64_t *time_ns)
{
	if (!zipc_places_take_copy(&it->places,
				   zipc_slot(&it->places, it->position),
				   it->position, elem, it->places.elem_size,
				   time_ns))
		return false;
	it->position++;
	return true;
}

#define LAPS_MOST 1024u /* before the time is looked at */

/* Whether the time is over; *deadline is when, or 0: not looked at yet. */
static bool is_over(int64_t timeout_ns, int64_t *deadline)
{
	if (!*deadline)
		*deadline = zipc_deadline(timeout_ns);
	return zipc_now_ns() >= *deadline;
}

/* One element, by looking closely. */
static int64_t read_closely(struct zipc_subscription *it, void *elem,
			    int64_t *time_ns, int64_t timeout_ns)
{
	int64_t deadline = 0, rc;
	unsigned tries = 0;

	/* Each retry means that the slot was begun anew meanwhile. */
	do {
		if (tries++ == LAPS_MOST) {
			tries = 0;
			if (timeout_ns == ZIPC_NOWAIT)
				return nothing();
			if (is_over(timeout_ns, &deadline))
				return zipc_fail_as(ETIMEDOUT, "the deadline "
						    "passed");
		}
		rc = it->on_demand ? find_or_make(it) : find(it);
		if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT) {
			if (!deadline)
				deadline = zipc_deadline(timeout_ns);
			rc = wait_for_next(it, deadline);
		}
		if (rc)
			return rc;
	} while (!read_found(it, elem, time_ns));
	return 0;
}

void zipc_subscription_set_depth(struct zipc_subscription *it, unsigned depth)
{
	it->depth = depth;
}

void zipc_subscription_seek(struct zipc_subscription *it, uint64_t position)
{
	it->position = it->known = it->next_pass = position;
	it->lost = 0;
}

int64_t zipc_subscription_read(struct zipc_subscription *it, void *elems,
			       int64_t *times_ns, struct zipc_passage *behind,
			       uint64_t n, bool *ended)
{
	unsigned char *to = elems;
	int64_t rc = enter(it);
	uint64_t i;

	*ended = false;
	for (i = 0; !rc && i < n; i++, to += it->places.elem_size) {
		if (!read_at_once(it, to, it->places.elem_size, times_ns))
			rc = read_closely(it, to, times_ns, ZIPC_NOWAIT);
		if (rc)
			break;
		behind[i] = (struct zipc_passage){ it->position, it->lost };
		times_ns = times_ns ? times_ns + 1 : NULL;
	}
	if (i)
		move_on(it, i);
	*ended = rc == -EPIPE;
	return leave(it, i ? (int64_t)i : rc);
}

static int64_t read_some(struct zipc_subscription *it, void *elems,
			 int64_t *times_ns, uint64_t n, int64_t timeout_ns)
{
	unsigned char *to = elems;
	int64_t *when = times_ns, rc = enter(it);
	uint64_t i;

	if (rc || !n)
		return rc;
	for (i = 0; i < n; i++, to += it->places.elem_size) {
		if (times_ns)
			when = times_ns + i;
		if (read_at_once(it, to, it->places.elem_size, when))
			continue;
		rc = read_closely(it, to, when, i ? ZIPC_NOWAIT : timeout_ns);
		if (rc)
			break;
	}
	if (i)
		move_on(it, i);
	return leave(it, i ? (int64_t)i : rc);
}

static __attribute__((noinline)) int next_the_long_way(
	struct zipc_subscription *it, void *elem, int64_t timeout_ns)
{
	int64_t rc = read_some(it, elem, NULL, 1, timeout_ns);

	return rc < 0 ? (int)rc : 0;
}

int zipc_stream_next(struct zipc_subscription *it, void *elem,
		     int64_t timeout_ns)
{
	if (!zipc_likely(it->generation == zipc_fork_generation) ||
	    !(it->places.elem_size == 8
		      ? read_at_once(it, elem, 8, NULL)
		      : read_at_once(it, elem, it->places.elem_size, NULL)))
		return next_the_long_way(it, elem, timeout_ns);
	move_on(it, 1);
	return 0;
}

int64_t zipc_stream_next_n(struct zipc_subscription *it, void *elems,
			   uint64_t n, int64_t timeout_ns)
{
	return read_some(it, elems, NULL, n, timeout_ns);
}

int64_t zipc_stream_next_times(struct zipc_subscription *it, void *elems,
			       int64_t *times_ns, uint64_t n,
			       int64_t timeout_ns)
{
	if (!it->places.stamp_word)
		return zipc_fail(EINVAL, "stream `%s` has no times: create it "
				 "with some (timestamps)", it->shape.name);
	return read_some(it, elems, times_ns, n, timeout_ns);
}

/* select */

static bool is_ready(void *context)
{
	const struct zipc_subscription_wait *wait = context;
	const struct zipc_subscription *it = wait->subscription;

	return zipc_subscription_ready(it) ||
	       (it->on_demand && zipc_now_ns() >= it->make_ns);
}

static int64_t until(void *context, int64_t deadline_ns)
{
	const struct zipc_subscription_wait *wait = context;
	int64_t make_ns = wait->subscription->make_ns;

	return make_ns < deadline_ns ? make_ns : deadline_ns;
}

static int64_t attempt(void *context)
{
	const struct zipc_subscription_wait *wait = context;
	struct zipc_subscription *it = wait->subscription;
	int64_t rc;

	if (wait->elem)
		return zipc_stream_next(it, wait->elem, ZIPC_NOWAIT);
	rc = enter(it);
	if (rc)
		return rc;
	return it->on_demand ? find_or_make(it) : find(it);
}

int zipc_subscription_waitable(struct zipc_subscription_wait *wait,
			       struct zipc_waitable *out)
{
	struct zipc_subscription *it = wait->subscription;

	if (zipc_stream_only_reads(&it->shape))
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: who reads stream `%s` through it can "
				 "not be woken", it->shape.segment->name,
				 it->shape.name);
	*out = (struct zipc_waitable){ .event = it->places.readable,
				       .symmetric = it->places.symmetric,
				       .context = wait,
				       .ready = is_ready,
				       .attempt = attempt,
				       .until = it->on_demand ? until : NULL };
	return enter(it);
}

/* subscribe */

/* The subscription's own use: it may be closed behind the stream's handle. */
static int begin_use(struct zipc_use *use, const struct zipc_stream *stream)
{
	const struct zipc_stream_shape *shape = &stream->shape;
	int rc = zipc_stream_only_reads(shape)
			 ? 0
			 : zipc_use_enter(&shape->use, shape->name);

	if (rc)
		return rc;
	if (zipc_use_begin(use, shape->segment, shape->use.entry,
			   shape->name)) {
		if (use->lives == shape->use.lives)
			return 0;
		zipc_use_end(use);
	}
	return zipc_fail(ENOENT, "stream `%s` in segment `/%s` was removed: "
			 "look it up again", shape->name, shape->segment->name);
}

static int begin(struct zipc_subscription *it, const char *name,
		 enum zipc_stream_from from)
{
	int rc = 0;

	if (name) {
		rc = zipc_stream_take_record(&it->shape, &it->places, name,
					     from, &it->record, &it->position);
		if (!rc)
			it->lost = atomic_load_explicit(&it->record->lost,
							memory_order_relaxed);
	} else {
		it->position = from == ZIPC_STREAM_OLDEST
				       ? zipc_stream_oldest(&it->places)
				       : zipc_places_tail(&it->places);
		rc = (int)leave(it, 0);
	}
	it->known = it->next_pass = it->position;
	return rc;
}

static int check_from(const char *name, enum zipc_stream_from from)
{
	if (from == ZIPC_STREAM_NEWEST || from == ZIPC_STREAM_OLDEST ||
	    (from == ZIPC_STREAM_STOOD && name))
		return 0;
	return zipc_fail(EINVAL, "a subscription begins at ZIPC_STREAM_NEWEST "
			 "or ZIPC_STREAM_OLDEST, and a named one may go on "
			 "where it stood; not at %d", (int)from);
}

int zipc_stream_subscribe(struct zipc_subscription **out,
			  struct zipc_stream *stream, const char *name,
			  enum zipc_stream_from from)
{
	struct zipc_subscription *it;
	struct zipc_use use;
	int rc = check_from(name, from);

	if (!rc)
		rc = begin_use(&use, stream);
	if (rc)
		return rc;
	it = calloc(1, sizeof(*it));
	rc = it ? 0 : zipc_fail_as(ENOMEM, "out of memory");
	if (!rc) {
		it->mark = ZIPC_HANDLE(ZIPC_STREAM);
		it->places = stream->places;
		it->places.mine = NULL;
		it->places.generation = 0;
		it->shape = stream->shape;
		it->shape.use = use;
		/* Who only reads goes the long way, as it has more to ask. */
		it->generation = zipc_use_generation(&use);
		it->on_demand = zipc_stream_is_on_demand(stream) &&
				!zipc_stream_only_reads(&it->shape);
		rc = begin(it, name, from);
	}
	if (rc) {
		zipc_use_end(&use);
		free(it);
		return rc;
	}
	zipc_segment_hold(it->shape.segment);
	*out = it;
	return 0;
}

uint64_t zipc_stream_lost(const struct zipc_subscription *it)
{
	return it->lost;
}

uint64_t zipc_stream_position(const struct zipc_subscription *it)
{
	return it->position;
}

static void close_handle(struct zipc_subscription *it)
{
	zipc_stream_close(it->driven);
	zipc_use_end(&it->shape.use);
	zipc_segment_close(it->shape.segment);
	free(it);
}

void zipc_stream_unsubscribe(struct zipc_subscription *it)
{
	if (!it)
		return;
	if (owns_record(it))
		zipc_stream_end_record(&it->shape, &it->places, it->record);
	close_handle(it);
}

void zipc_stream_leave(struct zipc_subscription *it)
{
	if (!it)
		return;
	if (owns_record(it))
		zipc_stream_give_record(it->record);
	close_handle(it);
}
