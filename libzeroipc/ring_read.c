/* SPDX-License-Identifier: MIT */
/* The ring's readers; ring.h has the idea. */
#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "handle.h"
#include "record.h"
#include "ring.h"
#include "waitable.h"

#include <stdlib.h>

#define likely(condition) __builtin_expect(!!(condition), 1)

/* Without an event to sleep on. */
#define NAP_NS INT64_C(50000)
#define LONGEST_NAP_NS INT64_C(10000000)

struct zipc_ring_reader {
	uint64_t mark; /* handle.h */
	struct zipc_ring_shape shape;
	uint64_t position, next; /* the next record's, and its number */
	uint64_t lap;            /* where that of a position began */
	uint64_t end_seen;       /* a position up to which there are records */
	uint64_t lost;
	struct zipc_reader *place; /* NULL: none */
	unsigned generation;       /* of forks, when it was taken */
	struct zipc_spin spin;
	/* what was peeked at: from where to where, and how many records */
	uint64_t peeked_at, peeked_end, peeked;
};

/* A record that was found. */
struct spot {
	uint64_t position; /* behind the padding that was before it */
	_Atomic uint64_t *at;
	uint64_t length, span; /* of its bytes, and with its header */
};

/* numbers */

/* Whether what was read at a position, before this, was whole. */
static inline bool is_whole(const struct zipc_ring_shape *shape,
			    uint64_t position)
{
	/* overwritten: acquire; the copy is made before oldest is read. */
	atomic_thread_fence(memory_order_acquire);
	return likely(atomic_load_explicit(&shape->words->oldest,
					   memory_order_relaxed) <= position);
}

#define LOOK_AGAIN 1

static int out_of_joint(const struct zipc_ring_shape *shape)
{
	return zipc_ring_damaged(shape, "its oldest position, its end and its "
				 "count do not belong together");
}

/*
 * The number that the record at a position has, or will have. 0; LOOK_AGAIN,
 * when the writer has gone on meanwhile; -EBADMSG.
 */
static int number_at(const struct zipc_ring_shape *shape, uint64_t position,
		     uint64_t *number)
{
	struct zipc_record_ring *words = shape->words;
	/* committed: acquire; pairs with commit(). */
	uint64_t end = atomic_load_explicit(&words->end, memory_order_acquire);
	/* counted: acquire; the end that follows is not before this count. */
	uint64_t records = atomic_load_explicit(&words->records,
						memory_order_acquire);
	uint64_t behind, header;

	if (position % 8)
		return out_of_joint(shape);
	if (zipc_ring_position(end) == position) {
		if (atomic_load_explicit(&words->end, memory_order_acquire) !=
		    end)
			return LOOK_AGAIN;
		*number = zipc_ring_number(end, records) + 1;
		return *number ? 0 : out_of_joint(shape);
	}
	header = atomic_load_explicit(zipc_record_at(shape,
						     position % shape->size),
				      memory_order_relaxed);
	if (!is_whole(shape, position))
		return LOOK_AGAIN;
	behind = (uint32_t)(records - (header >> 32));
	if (position > end || end - position > shape->size + 7 ||
	    behind >= records)
		return out_of_joint(shape);
	*number = records - behind;
	return 0;
}

/* The oldest record, or where the first will be. */
static int find_oldest(const struct zipc_ring_shape *shape, uint64_t *position,
		       uint64_t *number)
{
	int rc;

	/* Each retry means that the writer has moved oldest, or the end. */
	do {
		if (zipc_ring_only_reads(shape) && zipc_ring_or_gone(shape, 0))
			return -ENOENT;
		*position = atomic_load_explicit(&shape->words->oldest,
						 memory_order_acquire);
		rc = number_at(shape, *position, number);
	} while (rc == LOOK_AGAIN);
	return rc;
}

/* Where the next record will be. */
static int find_newest(const struct zipc_ring_shape *shape, uint64_t *position,
		       uint64_t *number)
{
	int rc;

	/* Each retry means that the writer has committed a record. */
	do {
		if (zipc_ring_only_reads(shape) && zipc_ring_or_gone(shape, 0))
			return -ENOENT;
		*position = zipc_ring_position(
			atomic_load_explicit(&shape->words->end,
					     memory_order_acquire));
		rc = number_at(shape, *position, number);
	} while (rc == LOOK_AGAIN);
	return rc;
}

/* places */

/* All before the position has been read. */
static inline void publish(struct zipc_ring_reader *reader)
{
	/* consumed: release; pairs with slowest(). */
	atomic_store_explicit(&reader->place->position, reader->position,
			      memory_order_release);
	if (reader->shape.back_pressure)
		zipc_wake(reader->shape.writable, reader->shape.symmetric, 1);
}

static inline bool has_place(const struct zipc_ring_reader *reader)
{
	return reader->place && reader->generation == zipc_fork_generation;
}

/* Records from the reader's number up to this one passed it by. */
static void lose_up_to(struct zipc_ring_reader *reader, uint64_t number)
{
	reader->lost += number - reader->next;
	reader->next = number;
	/* Relaxed: for who watches. */
	if (has_place(reader))
		atomic_store_explicit(&reader->place->lost, reader->lost,
				      memory_order_relaxed);
}

/* The reader was lapped: it goes on with the oldest. */
static int catch_up(struct zipc_ring_reader *reader)
{
	uint64_t position, number;
	int rc = find_oldest(&reader->shape, &position, &number);

	if (rc)
		return rc;
	if (number < reader->next || position < reader->position)
		return zipc_ring_damaged(&reader->shape, "its oldest record "
					 "was read before");
	lose_up_to(reader, number);
	reader->position = position;
	reader->end_seen = position;
	if (has_place(reader))
		publish(reader);
	return 0;
}

/* Hold the writer back from the reader's position on, or from a later one. */
static int hold_back(struct zipc_ring_reader *reader)
{
	struct zipc_ring_shape *shape = &reader->shape;
	uint64_t wanted, number;
	int rc;

	/* placed: the heavy fence follows; pairs with allowed(). */
	publish(reader);
	rc = zipc_fence_heavy(shape->symmetric);
	if (rc)
		return rc;
	wanted = atomic_load_explicit(&shape->words->wanted,
				      memory_order_relaxed);
	if (wanted <= reader->position)
		return 0;
	atomic_store_explicit(&reader->place->position, wanted,
			      memory_order_release);
	rc = number_at(shape, wanted, &number);
	if (rc == LOOK_AGAIN) /* it was the end, and is a record now */
		rc = number_at(shape, wanted, &number);
	if (rc || number < reader->next)
		return rc < 0 ? rc : out_of_joint(shape);
	lose_up_to(reader, number);
	reader->position = reader->end_seen = wanted;
	return 0;
}

/* A forked child takes a place of its own. */
static int take_place(struct zipc_ring_reader *reader)
{
	struct zipc_ring_shape *shape = &reader->shape;
	int64_t i;
	int rc;

	if (zipc_ring_only_reads(shape))
		return 0;
	rc = zipc_use_enter(&shape->use, shape->name);
	if (rc)
		return rc;
	reader->place = NULL;
	reader->generation = zipc_fork_generation;
	i = zipc_record_take(shape->segment, shape->readers,
			     shape->reader_count);
	if (i < 0)
		return 0;
	reader->place = &shape->readers[i];
	atomic_store_explicit(&reader->place->lost, reader->lost,
			      memory_order_relaxed);
	if (shape->back_pressure)
		return hold_back(reader);
	publish(reader);
	return 0;
}

static void give_place(struct zipc_ring_reader *reader)
{
	if (!has_place(reader))
		return;
	zipc_record_give(reader->place);
	if (reader->shape.back_pressure)
		zipc_wake(reader->shape.writable, reader->shape.symmetric, 1);
}

static inline int enter(struct zipc_ring_reader *reader)
{
	if (likely(reader->generation == zipc_fork_generation ||
		   reader->shape.segment->read_only))
		return 0;
	reader->peeked = 0;
	return take_place(reader);
}

/* What an operation ends with; of who only reads, if the ring is there. */
static inline int64_t leave(const struct zipc_ring_reader *reader, int64_t rc)
{
	return zipc_ring_only_reads(&reader->shape)
		       ? zipc_ring_or_gone(&reader->shape, rc)
		       : rc;
}

/* open */

/* The reader's own use: it may be closed behind the ring's handle. */
static int begin_use(struct zipc_use *use, const struct zipc_ring *ring)
{
	const struct zipc_ring_shape *shape = &ring->shape;
	int rc = zipc_ring_only_reads(shape)
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
	return zipc_fail(ENOENT, "ring `%s` in segment `/%s` was removed: look "
			 "it up again", shape->name, shape->segment->name);
}

int zipc_ring_reader_open(struct zipc_ring_reader **out, struct zipc_ring *ring,
			  enum zipc_ring_from from)
{
	struct zipc_ring_reader *reader;
	struct zipc_use use;
	int rc;

	if (from != ZIPC_RING_OLDEST && from != ZIPC_RING_NEWEST)
		return zipc_fail(EINVAL, "a reader begins at ZIPC_RING_OLDEST "
				 "or ZIPC_RING_NEWEST, not at %d", (int)from);
	rc = begin_use(&use, ring);
	if (rc)
		return rc;
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		zipc_use_end(&use);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	reader->mark = ZIPC_HANDLE(ZIPC_RING);
	reader->shape = ring->shape;
	reader->shape.use = use;
	rc = (from == ZIPC_RING_OLDEST ? find_oldest : find_newest)(
		&reader->shape, &reader->position, &reader->next);
	reader->end_seen = reader->position;
	if (!rc)
		rc = take_place(reader);
	if (!rc)
		rc = (int)leave(reader, 0);
	if (rc) {
		give_place(reader);
		zipc_use_end(&use);
		free(reader);
		return rc;
	}
	reader->lost = 0; /* what passed before it was there is not lost */
	zipc_segment_hold(reader->shape.segment);
	*out = reader;
	return 0;
}

int zipc_ring_has_place(const struct zipc_ring_reader *reader)
{
	return has_place(reader);
}

uint64_t zipc_ring_lost(const struct zipc_ring_reader *reader)
{
	return reader->lost;
}

uint64_t zipc_ring_next_number(const struct zipc_ring_reader *reader)
{
	return reader->next;
}

void zipc_ring_reader_close(struct zipc_ring_reader *reader)
{
	if (!reader)
		return;
	give_place(reader);
	zipc_use_end(&reader->shape.use);
	zipc_segment_close(reader->shape.segment);
	free(reader);
}

/* look */

#define LAPPED 1

/* What stands at the position can be no record: why? */
static int misfit(const struct zipc_ring_reader *reader, uint64_t position)
{
	if (!is_whole(&reader->shape, position))
		return LAPPED;
	return zipc_ring_damaged(&reader->shape, "a record's header makes no "
				 "sense");
}

/* Nothing is known to be at the position: -EAGAIN, or 0 by now there is. */
static int look_at_end(struct zipc_ring_reader *reader, uint64_t position)
{
	/* committed: acquire; pairs with commit(). */
	reader->end_seen = zipc_ring_position(
		atomic_load_explicit(&reader->shape.words->end,
				     memory_order_acquire));
	if (position < reader->end_seen)
		return 0;
	if (position > reader->end_seen)
		return zipc_ring_damaged(&reader->shape, "its end lies before "
					 "what was read");
	return zipc_fail_as(EAGAIN, "the ring has no new record");
}

/* Where a position lies, by where its lap begins: no division. */
static inline uint64_t index_of(struct zipc_ring_reader *reader,
				uint64_t position)
{
	uint64_t index = position - reader->lap;

	if (!likely(index < reader->shape.size)) {
		index = position % reader->shape.size;
		reader->lap = position - index;
	}
	return index;
}

/* A header, of the record or of padding. */
static inline int look_once(struct zipc_ring_reader *reader, struct spot *spot,
			    uint64_t number)
{
	uint64_t index = index_of(reader, spot->position), header;
	int rc;

	if (!likely(spot->position < reader->end_seen)) {
		rc = look_at_end(reader, spot->position);
		if (rc)
			return rc;
	}
	spot->at = zipc_record_at(&reader->shape, index);
	header = atomic_load_explicit(spot->at, memory_order_relaxed);
	spot->span = zipc_record_span(&reader->shape, header, index);
	spot->length = (uint32_t)header;
	if (likely(header >> 32 == (uint32_t)number && spot->span &&
		   spot->span <= reader->end_seen - spot->position))
		return 0;
	return misfit(reader, spot->position);
}

/*
 * The record of that number, at spot->position or behind padding there. 0;
 * -EAGAIN none; LAPPED; -EBADMSG. That it is whole is still to be asked, behind
 * the last look at its bytes.
 */
static inline int look(struct zipc_ring_reader *reader, struct spot *spot,
		       uint64_t number)
{
	int rc = look_once(reader, spot, number);

	if (likely(rc || spot->length != ZIPC_RECORD_PADDING))
		return rc;
	/* Padding is committed together with the record behind it. */
	if (!is_whole(&reader->shape, spot->position))
		return LAPPED;
	spot->position += spot->span;
	if (spot->position == reader->end_seen)
		return misfit(reader, spot->position);
	return look_once(reader, spot, number);
}

/* wait */

struct waiting {
	struct zipc_ring_reader *reader;
	struct spot *spot;
};

static int64_t attempt_look(void *context)
{
	struct waiting *waiting = context;

	return look(waiting->reader, waiting->spot, waiting->reader->next);
}

/* Without the right to say that it sleeps. */
static int64_t nap_until(struct zipc_ring_reader *reader, struct spot *spot,
			 int64_t deadline_ns)
{
	struct waiting waiting = { reader, spot };
	int64_t nap = NAP_NS, now, until;
	struct timespec at;
	int64_t rc = zipc_spin(&reader->spin, deadline_ns, attempt_look,
			       &waiting);

	while (rc == -EAGAIN) {
		now = zipc_now_ns();
		if (now >= deadline_ns)
			return -ETIMEDOUT;
		until = now + nap < deadline_ns ? now + nap : deadline_ns;
		at = zipc_timespec(until);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		nap = 2 * nap < LONGEST_NAP_NS ? 2 * nap : LONGEST_NAP_NS;
		rc = leave(reader, attempt_look(&waiting));
	}
	return rc;
}

static __attribute__((noinline)) int64_t wait_for(
	struct zipc_ring_reader *reader, struct spot *spot, int64_t deadline_ns)
{
	struct waiting waiting = { reader, spot };

	if (reader->shape.segment->read_only)
		return nap_until(reader, spot, deadline_ns);
	return zipc_wait(reader->shape.readable, reader->shape.symmetric,
			 &reader->spin, deadline_ns, attempt_look, &waiting);
}

/* Find the next record, and wait for it; as look(), without LAPPED. */
static int64_t find_next(struct zipc_ring_reader *reader, struct spot *spot,
			 int64_t timeout_ns, int64_t *deadline)
{
	int64_t rc;

	/* Each retry means that the writer has overtaken the reader. */
	do {
		spot->position = reader->position;
		rc = look(reader, spot, reader->next);
		if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT) {
			if (!*deadline)
				*deadline = zipc_deadline(timeout_ns);
			rc = wait_for(reader, spot, *deadline);
		}
		if (likely(rc != LAPPED))
			return rc;
		rc = catch_up(reader);
	} while (!rc);
	return rc;
}

/* for a select */

static bool has_next(void *context)
{
	const struct zipc_ring_reader *reader = context;
	/* As who reads: the record behind it is looked at only then. */
	uint64_t end = atomic_load_explicit(&reader->shape.words->end,
					    memory_order_acquire);

	return zipc_ring_position(end) > reader->position;
}

static int64_t attempt_next(void *context)
{
	return has_next(context) ? 0 : zipc_fail_as(EAGAIN, "no record yet");
}

int zipc_ring_reader_waitable(struct zipc_ring_reader *reader,
			      struct zipc_waitable *out)
{
	if (zipc_ring_only_reads(&reader->shape))
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: who reads ring `%s` through it can not "
				 "be woken", reader->shape.segment->name,
				 reader->shape.name);
	*out = (struct zipc_waitable){ .event = reader->shape.readable,
				       .symmetric = reader->shape.symmetric,
				       .context = reader,
				       .ready = has_next,
				       .attempt = attempt_next };
	return enter(reader);
}

/* read */

static int too_long(const struct zipc_ring_reader *reader, uint64_t length,
		    size_t n)
{
	return zipc_fail(EMSGSIZE, "the next record of ring `%s` has %llu "
			 "bytes: there is room for %zu", reader->shape.name,
			 (unsigned long long)length, n);
}

/* The record at the spot has been read. */
static inline void move_on(struct zipc_ring_reader *reader,
			   const struct spot *spot)
{
	reader->position = spot->position + spot->span;
	reader->next++;
	if (reader->place)
		publish(reader);
}

static inline int64_t read_next(struct zipc_ring_reader *reader, void *buf,
				size_t n, int64_t timeout_ns)
{
	struct spot spot;
	int64_t deadline = 0, rc = enter(reader);

	if (rc)
		return rc;
	reader->peeked = 0;
	for (;;) {
		rc = find_next(reader, &spot, timeout_ns, &deadline);
		if (rc)
			return rc;
		if (likely(spot.length <= n))
			zipc_copy_out(buf, spot.at + 1, spot.length);
		if (likely(is_whole(&reader->shape, spot.position)))
			break;
		rc = catch_up(reader);
		if (rc)
			return rc;
	}
	if (spot.length > n)
		return too_long(reader, spot.length, n);
	move_on(reader, &spot);
	return (int64_t)spot.length;
}

int64_t zipc_ring_read(struct zipc_ring_reader *reader, void *buf, size_t n,
		       int64_t timeout_ns)
{
	return leave(reader, read_next(reader, buf, n, timeout_ns));
}

int64_t zipc_ring_next_length(struct zipc_ring_reader *reader)
{
	struct spot spot;
	int64_t deadline = 0, rc = enter(reader);

	while (!rc) {
		rc = find_next(reader, &spot, ZIPC_NOWAIT, &deadline);
		if (rc)
			break;
		if (is_whole(&reader->shape, spot.position))
			return leave(reader, (int64_t)spot.length);
		rc = catch_up(reader);
	}
	return leave(reader, rc);
}

/* in place */

/* The records from the spot on; how many were found. */
static uint64_t gather(struct zipc_ring_reader *reader, struct spot *spot,
		       struct zipc_ring_record *records, uint64_t n)
{
	uint64_t i = 0;

	do {
		records[i].at = (const void *)(spot->at + 1);
		records[i].n = spot->length;
		reader->peeked_end = spot->position + spot->span;
		spot->position = reader->peeked_end;
		i++;
	} while (i < n && spot->position < reader->end_seen &&
		 !look(reader, spot, reader->next + i));
	return i;
}

int64_t zipc_ring_peek(struct zipc_ring_reader *reader,
		       struct zipc_ring_record *records, uint64_t n,
		       int64_t timeout_ns)
{
	struct spot spot;
	int64_t deadline = 0, rc = enter(reader);

	if (rc || !n)
		return rc;
	reader->peeked = 0;
	for (;;) {
		rc = find_next(reader, &spot, timeout_ns, &deadline);
		if (rc)
			return leave(reader, rc);
		reader->peeked_at = spot.position;
		reader->peeked = gather(reader, &spot, records, n);
		/* Their lengths, at least, are those of records. */
		if (likely(is_whole(&reader->shape, reader->peeked_at)))
			return leave(reader, (int64_t)reader->peeked);
		reader->peeked = 0;
		rc = catch_up(reader);
		if (rc)
			return rc;
	}
}

int zipc_ring_still_whole(const struct zipc_ring_reader *reader)
{
	return !reader->peeked ||
	       (is_whole(&reader->shape, reader->peeked_at) &&
		!leave(reader, 0));
}

int64_t zipc_ring_advance(struct zipc_ring_reader *reader)
{
	uint64_t position, number, overwritten = 0, peeked = reader->peeked;
	int rc = enter(reader);

	if (rc || !reader->peeked)
		return rc;
	if (!is_whole(&reader->shape, reader->peeked_at)) {
		rc = find_oldest(&reader->shape, &position, &number);
		if (rc)
			return rc;
		overwritten = number - reader->next;
		if (overwritten > peeked)
			overwritten = peeked;
		lose_up_to(reader, reader->next + overwritten);
	}
	reader->next += peeked - overwritten;
	reader->position = reader->peeked_end;
	reader->peeked = 0;
	if (reader->place)
		publish(reader);
	return leave(reader, (int64_t)overwritten);
}
