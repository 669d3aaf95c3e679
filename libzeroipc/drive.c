/* SPDX-License-Identifier: MIT */
/* Driving: the lease, the step, waiting; derive.h has the idea. */
#include "drive.h"

#include "clock.h"
#include "error.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_NS INT64_C(10000000) /* how often who waits for a lease looks */

int64_t zipc_drive_stale_ns = INT64_C(1000000000);

/* the driver */

static void free_driver(struct zipc_driver *driver)
{
	zipc_driver_close_sources(driver);
	free(driver->batch.content);
	free(driver->next.content);
	free(driver);
}

/*
 * Of a handle that is closed nobody is at work, but for a parent's thread when
 * this child was forked: what it had in hand may be in two places, or in none,
 * so all of it is left.
 */
void zipc_driver_close(struct zipc_driver *driver)
{
	if (driver &&
	    !atomic_load_explicit(&driver->at_work, memory_order_relaxed))
		free_driver(driver);
}

static void begin_work(struct zipc_driver *driver)
{
	atomic_store_explicit(&driver->at_work, true, memory_order_relaxed);
	/* Whatever a child finds half done, it finds this as well. */
	atomic_thread_fence(memory_order_release);
}

static void end_work(struct zipc_driver *driver)
{
	/* Release: all was done. */
	atomic_store_explicit(&driver->at_work, false, memory_order_release);
}

static int make_driver(struct zipc_stream *stream)
{
	struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = calloc(1, sizeof(*driver));

	if (!driver)
		return zipc_fail_as(ENOMEM, "out of memory");
	driver->layout = zipc_batch_layout(derived->copy.state_bytes,
					   derived->copy.room,
					   stream->places.elem_size,
					   stream->places.stamp_word);
	driver->current = driver->raised = ZIPC_NO_BATCH;
	driver->batch.content = calloc(1, driver->layout.size);
	driver->next.content = calloc(1, driver->layout.size);
	if (driver->batch.content && driver->next.content) {
		derived->driver = driver;
		return 0;
	}
	free_driver(driver);
	return zipc_fail_as(ENOMEM, "out of memory");
}

/* A driver owns a writer's place; a forked child takes one of its own. */
int zipc_driver_begin(struct zipc_stream *stream)
{
	struct zipc_driver *before;
	int rc = 0;

	if (zipc_likely(stream->derived->driver &&
			stream->places.generation == zipc_fork_generation))
		return 0;
	rc = zipc_stream_enter(&stream->shape);
	if (!rc && stream->places.generation != zipc_fork_generation)
		rc = zipc_places_become_writer(&stream->places);
	if (rc == -EUSERS)
		return zipc_fail(EUSERS, "all %u drivers of stream `%s` live, "
				 "and may be stopped: end some, or derive it "
				 "with more (max_drivers)",
				 stream->places.writer_count,
				 stream->shape.name);
	/* What was its parent's is not its own. */
	if (!rc) {
		before = stream->derived->driver;
		/* First: whoever is forked now does not close it again. */
		stream->derived->driver = NULL;
		atomic_signal_fence(memory_order_seq_cst);
		zipc_driver_close(before);
	}
	return rc ? rc : make_driver(stream);
}

/* the lease */

#define LEASE_BITS 16u /* of the place + 1, behind the epoch */
#define LEASE_PLACES ((UINT64_C(1) << LEASE_BITS) - 1)

static _Atomic uint64_t *lease_of(const struct zipc_stream *stream)
{
	return &stream->derived->words->lease;
}

/* Relaxed: safety does not depend on leases, here and below. */
static uint64_t read_lease(const struct zipc_stream *stream)
{
	return atomic_load_explicit(lease_of(stream), memory_order_relaxed);
}

static uint64_t own_lease(const struct zipc_stream *stream)
{
	uint64_t place = (uint64_t)(stream->places.mine -
				    stream->places.writers);

	return stream->derived->driver->epoch << LEASE_BITS | (place + 1);
}

bool zipc_driver_leads(const struct zipc_stream *stream)
{
	return read_lease(stream) == own_lease(stream);
}

/* Whether who leads is dead, or names nobody. */
static bool leader_is_dead(const struct zipc_stream *stream, uint64_t lease)
{
	const struct zipc_places *places = &stream->places;
	uint64_t place = (lease & LEASE_PLACES) - 1, holder;

	if (place >= places->writer_count)
		return true;
	holder = atomic_load_explicit(&places->writers[place].holder,
				      memory_order_acquire);
	return !holder || !zipc_segment_lives(places->segment, holder);
}

/* Whether nothing has gone on for a second, since this was first asked. */
static bool is_stale(const struct zipc_stream *stream, uint64_t lease)
{
	struct zipc_driver *driver = stream->derived->driver;
	uint64_t seen[3] = {
		lease,
		atomic_load_explicit(&stream->derived->words->current,
				     memory_order_relaxed),
		zipc_places_tail(&stream->places),
	};
	int64_t now = zipc_now_ns();

	if (memcmp(seen, driver->seen, sizeof(seen))) {
		memcpy(driver->seen, seen, sizeof(seen));
		driver->seen_ns = now;
	}
	return now - driver->seen_ns >= zipc_drive_stale_ns;
}

/* It becomes the caller's; false: somebody else has it. */
static bool take_lease(struct zipc_stream *stream)
{
	struct zipc_driver *driver = stream->derived->driver;
	uint64_t lease = read_lease(stream);

	if (lease & LEASE_PLACES && lease != own_lease(stream) &&
	    !leader_is_dead(stream, lease) && !is_stale(stream, lease))
		return false;
	driver->epoch = (lease >> LEASE_BITS) + 1;
	return atomic_compare_exchange_strong_explicit(
		lease_of(stream), &lease, own_lease(stream),
		memory_order_relaxed, memory_order_relaxed);
}

static void give_lease(struct zipc_stream *stream)
{
	uint64_t lease = own_lease(stream);

	/* If it is another's by now, it stays so. */
	atomic_compare_exchange_strong_explicit(
		lease_of(stream), &lease, lease & ~LEASE_PLACES,
		memory_order_relaxed, memory_order_relaxed);
}

/* the step */

static int ended(struct zipc_stream *stream)
{
	zipc_driver_free_sources(stream);
	stream->derived->driver->has_ended = true;
	if (!zipc_stream_has_ended(stream))
		zipc_places_shut(&stream->places);
	return zipc_fail_as(EPIPE, "the stream has ended");
}

static bool batch_ends(const struct zipc_stream *stream)
{
	return zipc_batch_get(stream->derived->driver->batch.head.flags) &
	       ZIPC_BATCH_ENDS;
}

/* What was committed comes out: how many; -EPIPE that was all. */
static int64_t emit_batch(struct zipc_stream *stream)
{
	int64_t rc = zipc_driver_load(stream);

	if (!rc)
		rc = zipc_driver_emit(stream);
	stream->derived->driver->full = rc == -EAGAIN;
	if (rc == -EPIPE || (rc >= 0 && (batch_ends(stream) ||
					 zipc_stream_has_ended(stream))))
		return ended(stream);
	return rc;
}

/* How many elements went into the next batch; or -EAGAIN, another's came. */
static int64_t commit(struct zipc_stream *stream, int64_t taken)
{
	int rc;

	if (!zipc_driver_commit(stream))
		return -EAGAIN;
	rc = zipc_driver_raise(stream);
	return rc ? rc : taken;
}

/*
 * Once, from reading the batch to having emitted the next one: what drive
 * returns, or -EBUSY. Each retry means that another has committed a batch, or
 * that a source has ended, or that results came of that.
 */
static int64_t step(struct zipc_stream *stream)
{
	int64_t made = -EAGAIN, emitted = 0, rc;
	unsigned tries;

	for (tries = 0; tries < ZIPC_DRIVE_TRIES; tries++) {
		rc = emit_batch(stream);
		if (made > 0)
			return made;
		if (rc < 0)
			return rc;
		emitted += rc;
		rc = zipc_driver_make(stream);
		if (rc < 0)
			return rc == -EAGAIN && emitted ? 0 : rc;
		made = commit(stream, rc);
		if (made < 0 && made != -EAGAIN)
			return made;
		if (!zipc_driver_leads(stream))
			return made > 0 ? made : -EBUSY;
		/* All that was made was left out: it may be so for ever. */
		if (!made && !stream->derived->copy.sources &&
		    !batch_ends(stream))
			return 0;
	}
	return made > 0 ? made : made == 0 || emitted ? 0 : -EBUSY;
}

/* Whether all is as it was when there was nothing to do. */
static bool is_idle(const struct zipc_stream *stream)
{
	const struct zipc_driver *driver = stream->derived->driver;
	const struct zipc_batch *head = &driver->batch.head;

	return driver->current != ZIPC_NO_BATCH &&
	       atomic_load_explicit(&stream->derived->words->current,
				    memory_order_relaxed) == driver->current &&
	       driver->raised == driver->current &&
	       driver->number + 1 >= zipc_batch_get(head->first) +
					     zipc_batch_get(head->count) &&
	       !batch_ends(stream) && !zipc_stream_has_ended(stream) &&
	       !zipc_driver_has_work(stream);
}

static int64_t drive_now(struct zipc_stream *stream)
{
	struct zipc_driver *driver = stream->derived->driver;
	int64_t rc;

	driver->full = driver->busy = false;
	if (is_idle(stream))
		return zipc_fail_as(EAGAIN, "the sources have no new element");
	rc = take_lease(stream) ? step(stream) : -EBUSY;
	give_lease(stream);
	driver->busy = rc == -EBUSY;
	return rc;
}

static int is_busy(const struct zipc_stream *stream)
{
	return zipc_fail(EBUSY, "another drives stream `%s`, or changes it as "
			 "fast as it is read", stream->shape.name);
}

/* waiting */

struct wait {
	struct zipc_stream *stream;
	bool full, busy; /* why the attempt before came to nothing */
	int64_t result;  /* of the last one */
};

/* 0 when there is a result, or something else is to be waited for. */
static int64_t attempt(void *context)
{
	struct wait *it = context;
	struct zipc_driver *driver = it->stream->derived->driver;

	it->result = drive_now(it->stream);
	if ((it->result == -EAGAIN || it->result == -EBUSY) &&
	    driver->full == it->full && driver->busy == it->busy)
		return -EAGAIN;
	return 0;
}

/* What is slept on: how many. */
static size_t words_of(struct zipc_stream *stream, const struct wait *it,
		       struct zipc_wait_on *on)
{
	const struct zipc_derived *derived = stream->derived;
	const struct zipc_driver *driver = derived->driver;
	bool symmetric = stream->places.symmetric;
	size_t n = 0;
	unsigned k;

	if (it->full) {
		on[0] = (struct zipc_wait_on){
			.event = stream->places.writable,
			.symmetric = symmetric,
		};
		return 1;
	}
	for (k = 0; driver->flow && k < derived->copy.sources; k++) {
		if (zipc_batch_get(driver->batch.head.ended) >> k & 1 ||
		    !driver->source[k].stream)
			continue;
		on[n++] = (struct zipc_wait_on){
			.event = driver->source[k].stream->places.readable,
			.symmetric = symmetric,
		};
	}
	return n;
}

/* Until when to sleep, at most: who waits for another has to look at times. */
int64_t zipc_drive_until(const struct zipc_stream *stream, int64_t deadline)
{
	const struct zipc_driver *driver = stream->derived->driver;
	int64_t now = zipc_now_ns(), at = deadline, next, now_real;
	struct timespec time;

	if (!driver)
		return at;
	if ((driver->busy || zipc_driver_demands(stream)) &&
	    now + LOOK_NS < at)
		at = now + LOOK_NS;
	if (driver->full || driver->busy || !driver->flow ||
	    driver->reads != ZIPC_FLOW_CLOCK)
		return at;
	clock_gettime(CLOCK_REALTIME, &time);
	next = (int64_t)zipc_batch_get(driver->batch.head.next_ns);
	now_real = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
	next = next > now_real ? next - now_real : 0;
	return next < at - now ? now + next : at;
}

static void sleep_until(int64_t deadline)
{
	struct timespec at = zipc_timespec(deadline);

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* One sleep; what the last attempt has come to. */
static int64_t wait_once(struct zipc_stream *stream, int64_t deadline)
{
	const struct zipc_driver *driver = stream->derived->driver;
	struct wait it = { stream, driver->full, driver->busy, -EAGAIN };
	struct zipc_wait_on on[ZIPC_FLOW_SOURCES];
	size_t n = words_of(stream, &it, on);

	deadline = zipc_drive_until(stream, deadline);
	if (n == 1) {
		zipc_wait(on[0].event, on[0].symmetric, &stream->spin,
			  deadline, attempt, &it);
	} else if (n) {
		zipc_wait_any(on, n, &stream->spin, deadline, attempt, &it);
	} else {
		sleep_until(deadline);
		attempt(&it);
	}
	return it.result;
}

/* What comes of a first attempt is rc. */
static int64_t drive_until(struct zipc_stream *stream, int64_t deadline,
			   int64_t rc)
{
	bool busy = true;

	do {
		busy = busy && rc == -EBUSY;
		rc = wait_once(stream, deadline);
	} while ((rc == -EAGAIN || rc == -EBUSY) && zipc_now_ns() < deadline);
	if (rc == -EBUSY && busy)
		return is_busy(stream);
	if (rc == -EBUSY || rc == -EAGAIN)
		return zipc_fail_as(ETIMEDOUT, "the deadline passed");
	return rc;
}

int zipc_stream_not_derived(const struct zipc_stream *stream)
{
	return zipc_fail(EINVAL, "stream `%s` is not derived: what is emitted "
			 "into it is all there is", stream->shape.name);
}

int zipc_drive_too_deep(const struct zipc_stream *stream)
{
	return zipc_fail(ELOOP, "stream `%s` is made on demand, and so are "
			 "those that it is derived from, over more than %u "
			 "steps: let somebody drive one in the middle",
			 stream->shape.name, ZIPC_DRIVE_DEPTH);
}

int64_t zipc_stream_drive(struct zipc_stream *stream, int64_t timeout_ns)
{
	struct zipc_driver *driver;
	int64_t rc;

	if (!stream->derived)
		return zipc_stream_not_derived(stream);
	rc = zipc_driver_begin(stream);
	if (rc)
		return rc;
	driver = stream->derived->driver;
	begin_work(driver);
	rc = drive_now(stream);
	if ((rc == -EAGAIN || rc == -EBUSY) && timeout_ns != ZIPC_NOWAIT)
		rc = drive_until(stream, zipc_deadline(timeout_ns), rc);
	else if (rc == -EBUSY)
		rc = is_busy(stream);
	/* Behind the wait, which is for words of theirs. */
	if (driver->has_ended)
		zipc_driver_close_sources(driver);
	end_work(driver);
	return rc;
}
