/* SPDX-License-Identifier: MIT */
/* The ring's writer; ring.h has the idea. */
#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "participant.h"
#include "ring.h"

#define likely(condition) __builtin_expect(!!(condition), 1)

/* How often a writer that finds no room asks whether a reader lives. */
#define LOOK_NS INT64_C(10000000)

/* the writer's place */

static int has_other_writer(const struct zipc_ring *ring, uint64_t holder)
{
	const struct zipc_ring_shape *shape = &ring->shape;
	uint32_t index = zipc_holder_index(holder), pid = 0;

	/* Relaxed: for the message only. */
	if (index < shape->segment->max_participants)
		pid = atomic_load_explicit(
			&shape->segment->participants[index].pid,
			memory_order_relaxed);
	return zipc_fail(EBUSY, "ring `%s` is being written by process %u: a "
			 "ring has one writer, until its handle is closed",
			 shape->name, pid);
}

static int take_writers_place(struct zipc_ring *ring)
{
	struct zipc_segment *segment = ring->shape.segment;
	_Atomic uint64_t *writer = &ring->shape.words->writer;
	uint64_t me = atomic_load_explicit(&segment->holder,
					   memory_order_relaxed);
	uint64_t holder = atomic_load_explicit(writer, memory_order_acquire);

	/* Each retry means that somebody else has taken or left it. */
	do
		if (holder && zipc_segment_lives(segment, holder))
			return has_other_writer(ring, holder);
	/* writer: acquire and release; pairs with close. */
	while (!atomic_compare_exchange_weak_explicit(writer, &holder, me,
						      memory_order_acq_rel,
						      memory_order_acquire));
	return 0;
}

/* Go on where the last writer ended, or died. */
static int adopt(struct zipc_ring *ring)
{
	struct zipc_record_ring *words = ring->shape.words;
	uint64_t end, oldest, number, size = ring->shape.size;

	/* Relaxed: behind the place, nobody writes these but us. */
	end = atomic_load_explicit(&words->end, memory_order_relaxed);
	oldest = atomic_load_explicit(&words->oldest, memory_order_relaxed);
	number = zipc_ring_number(end,
				  atomic_load_explicit(&words->records,
						       memory_order_relaxed));
	end = zipc_ring_position(end);
	if (number == UINT64_MAX || oldest % 8 || oldest > end ||
	    end - oldest > size || end > UINT64_MAX / 2)
		return zipc_ring_damaged(&ring->shape, "its oldest position, "
					 "its end and its count do not belong "
					 "together");
	ring->end = end;
	ring->lap = end - end % size;
	ring->oldest = oldest;
	ring->records = number;
	ring->has_reserved = false;
	/* placed: relaxed is enough; a dead writer's move is off. */
	atomic_store_explicit(&words->wanted, oldest, memory_order_relaxed);
	return 0;
}

static __attribute__((noinline)) int become_writer(struct zipc_ring *ring)
{
	struct zipc_segment *segment = ring->shape.segment;
	int rc;

	if (segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: ring `%s` cannot be written through it",
				 segment->name, ring->shape.name);
	rc = zipc_use_enter(&ring->shape.use, ring->shape.name);
	if (!rc)
		rc = take_writers_place(ring);
	if (rc)
		return rc;
	rc = adopt(ring);
	if (rc)
		/* writer: release; pairs with become_writer(). */
		atomic_store_explicit(&ring->shape.words->writer, 0,
				      memory_order_release);
	else
		ring->generation = zipc_fork_generation;
	return rc;
}

static inline int enter(struct zipc_ring *ring)
{
	return likely(ring->generation == zipc_fork_generation)
		       ? 0
		       : become_writer(ring);
}

/* room */

#define NOWHERE UINT64_MAX

/*
 * The first record's begin from `at` on that is not before target, or the last
 * one up to most; NOWHERE: a header there is damaged. Each step is 8 bytes or
 * more, and both are at most the end.
 */
static uint64_t walk(const struct zipc_ring *ring, uint64_t at, uint64_t target,
		     uint64_t most)
{
	uint64_t index = at % ring->shape.size, header, span;

	while (at < target) {
		/* Relaxed: the writer's own, or got with its place. */
		header = atomic_load_explicit(zipc_record_at(&ring->shape,
							     index),
					      memory_order_relaxed);
		span = zipc_record_span(&ring->shape, header, index);
		if (!span || span > ring->end - at)
			return NOWHERE;
		if (span > most - at)
			break;
		at += span;
		index += span;
		if (index == ring->shape.size)
			index = 0;
	}
	return at;
}

/* The slowest reader that has a place; of those before limit only. */
struct slowest {
	uint64_t position;
	uint32_t place;
	uint64_t who;
};

static struct slowest slowest(const struct zipc_ring *ring, uint64_t limit)
{
	struct slowest it = { .position = limit };
	struct zipc_reader *reader = ring->shape.readers;
	uint64_t who, position;
	uint32_t i;

	for (i = 0; i < ring->shape.reader_count; i++, reader++) {
		/* placed: relaxed behind the fence; pairs with hold_back(). */
		/* consumed: acquire; what a leaving reader read is read. */
		who = atomic_load_explicit(&reader->holder,
					   memory_order_acquire);
		if (!who)
			continue;
		/* consumed: acquire; pairs with publish(). */
		position = atomic_load_explicit(&reader->position,
						memory_order_acquire);
		if (position < it.position)
			it = (struct slowest){ position, i, who };
	}
	return it;
}

/*
 * Whether a dead reader was in the way, and is no longer. A living one is asked
 * about now and then only, as that costs system calls.
 */
static bool drop_dead(struct zipc_ring *ring, const struct slowest *it)
{
	int64_t now = zipc_now_ns(), *looked = &ring->looked_ns[it->place];
	uint64_t who = it->who;

	if (*looked && now - *looked < LOOK_NS)
		return false;
	if (zipc_segment_lives(ring->shape.segment, who)) {
		*looked = now;
		return false;
	}
	/* Its record may be another's by now; then we look again as well. */
	atomic_compare_exchange_strong_explicit(
		&ring->shape.readers[it->place].holder, &who, 0,
		memory_order_acq_rel, memory_order_relaxed);
	return true;
}

/* The slowest reader's position, up to *limit; -EAGAIN: it is before target. */
static int look_at_readers(struct zipc_ring *ring, uint64_t target,
			   uint64_t *limit)
{
	struct slowest it;

	/* Each that is dropped is one less of the dead. */
	do {
		it = slowest(ring, *limit);
		if (it.position >= target) {
			*limit = it.position;
			return 0;
		}
	} while (drop_dead(ring, &it));
	return zipc_fail_as(EAGAIN, "the ring is full");
}

/* No move is under way: where oldest is, who takes a place is safe. */
static void settle_wanted(struct zipc_ring *ring)
{
	/* Relaxed: after all that the move has looked at, by its acquires. */
	if (ring->shape.back_pressure)
		atomic_store_explicit(&ring->shape.words->wanted, ring->oldest,
				      memory_order_relaxed);
}

/*
 * Where readers let the writer go, of target to *limit; or -EAGAIN. The first
 * look is enough to find the ring full, and disturbs nobody.
 */
static int allowed(struct zipc_ring *ring, uint64_t target, uint64_t *limit)
{
	int rc = look_at_readers(ring, target, limit);

	if (rc)
		return rc;
	/* placed: the light fence follows; pairs with hold_back(). */
	atomic_store_explicit(&ring->shape.words->wanted, *limit,
			      memory_order_relaxed);
	zipc_fence_light(ring->shape.symmetric);
	rc = look_at_readers(ring, target, limit);
	if (rc)
		settle_wanted(ring);
	return rc;
}

static void move_oldest(struct zipc_ring *ring, uint64_t to)
{
	ring->oldest = to;
	atomic_store_explicit(&ring->shape.words->oldest, to,
			      memory_order_relaxed);
	/*
	 * overwritten: release; what is stored from here on is behind it, so
	 * who has read any of that finds that oldest has moved.
	 */
	atomic_thread_fence(memory_order_release);
	settle_wanted(ring);
}

/* Further than has to be, so that it is seldom. */
static uint64_t ahead_of(const struct zipc_ring *ring, uint64_t target)
{
	uint64_t step = ring->shape.size / 16;

	target += step < ZIPC_STEP_MOST ? step : ZIPC_STEP_MOST;
	return target < ring->end ? target : ring->end;
}

/* Let the record that ends at `past` be written: -EAGAIN, -EBADMSG. */
static __attribute__((noinline)) int make_room(struct zipc_ring *ring,
					       uint64_t past)
{
	uint64_t target = past - ring->shape.size, least, most;
	uint64_t ahead = ahead_of(ring, target);
	int rc;

	least = walk(ring, ring->oldest, target, ring->end);
	most = least == NOWHERE ? NOWHERE : walk(ring, least, ahead, ahead);
	if (most != NOWHERE && ring->shape.back_pressure) {
		rc = allowed(ring, least, &most);
		if (rc)
			return rc;
		most = walk(ring, least, most, most);
	}
	if (most == NOWHERE)
		return zipc_ring_damaged(&ring->shape, "a record's header "
					 "makes no sense");
	move_oldest(ring, most);
	return 0;
}

/* write */

/* Where a record of that many bytes goes: its position. */
static inline uint64_t place_for(const struct zipc_ring *ring, uint64_t bytes)
{
	uint64_t left = ring->lap + ring->shape.size - ring->end;

	return bytes <= left ? ring->end : ring->end + left;
}

static inline bool has_room(const struct zipc_ring *ring, uint64_t past)
{
	return past - ring->oldest <= ring->shape.size;
}

/* The record's place is behind padding: begin a lap there. */
static void pad(struct zipc_ring *ring, uint64_t position)
{
	uint64_t left = position - ring->end;

	if (left)
		/* Relaxed: committed with the record. */
		atomic_store_explicit(
			zipc_record_at(&ring->shape,
				       ring->shape.size - left),
			zipc_record_header(ZIPC_RECORD_PADDING,
					   ring->records + 1),
			memory_order_relaxed);
}

/* Write the header of a record of n bytes, and make it visible. */
static inline void commit(struct zipc_ring *ring, uint64_t position, size_t n)
{
	struct zipc_record_ring *words = ring->shape.words;
	uint64_t size = ring->shape.size, number = ++ring->records;

	if (position - ring->lap >= size)
		ring->lap += size;
	atomic_store_explicit(zipc_record_at(&ring->shape,
					     position - ring->lap),
			      zipc_record_header((uint32_t)n, number),
			      memory_order_relaxed);
	ring->end = position + zipc_record_bytes(n);
	/* counted: release; pairs with number_at(). */
	atomic_store_explicit(&words->records, number, memory_order_release);
	/* committed: release; pairs with look() and number_at(). */
	atomic_store_explicit(&words->end, ring->end | (number & 7),
			      memory_order_release);
	if (ring->end - ring->lap == size)
		ring->lap = ring->end;
	zipc_wake(ring->shape.readable, ring->shape.symmetric, UINT64_MAX);
}

static int too_long(const struct zipc_ring *ring, size_t n)
{
	return zipc_fail(EMSGSIZE, "a record of %zu bytes: ring `%s` takes at "
			 "most %llu, just less than half its size", n,
			 ring->shape.name,
			 (unsigned long long)ring->shape.longest);
}

struct room {
	struct zipc_ring *ring;
	uint64_t past;
};

static int64_t attempt_room(void *context)
{
	struct room *room = context;

	return make_room(room->ring, room->past);
}

/* Room for a record of n bytes, at *position; its padding is written. */
static int find_room(struct zipc_ring *ring, size_t n, uint64_t *position,
		     int64_t timeout_ns)
{
	struct zipc_ring_shape *shape = &ring->shape;
	struct room room = { .ring = ring };
	int rc = enter(ring);

	if (rc)
		return rc;
	if (n > shape->longest)
		return too_long(ring, n);
	ring->has_reserved = false;
	*position = place_for(ring, zipc_record_bytes(n));
	room.past = *position + zipc_record_bytes(n);
	if (!has_room(ring, room.past)) {
		rc = make_room(ring, room.past);
		if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
			rc = (int)zipc_wait(shape->writable, shape->symmetric,
					    &ring->spin,
					    zipc_deadline(timeout_ns),
					    attempt_room, &room);
	}
	if (!rc)
		pad(ring, *position);
	return rc;
}

/* The record's bytes, in the lap of its position. */
static inline unsigned char *bytes_at(const struct zipc_ring *ring,
				      uint64_t position)
{
	uint64_t index = position - ring->lap;

	if (index >= ring->shape.size)
		index -= ring->shape.size;
	return ring->shape.data + index + 8;
}

static inline int write_at(struct zipc_ring *ring, uint64_t position,
			   const void *bytes, size_t n)
{
	zipc_copy_in((void *)bytes_at(ring, position), bytes, n);
	commit(ring, position, n);
	return 0;
}

static __attribute__((noinline)) int write_the_long_way(struct zipc_ring *ring,
							const void *bytes,
							size_t n,
							int64_t timeout_ns)
{
	uint64_t position;
	int rc = find_room(ring, n, &position, timeout_ns);

	return rc ? rc : write_at(ring, position, bytes, n);
}

int zipc_ring_write(struct zipc_ring *ring, const void *bytes, size_t n,
		    int64_t timeout_ns)
{
	uint64_t takes = zipc_record_bytes(n), end = ring->end;

	if (!likely(ring->generation == zipc_fork_generation &&
		    n <= ring->shape.longest &&
		    takes <= ring->lap + ring->shape.size - end &&
		    has_room(ring, end + takes)))
		return write_the_long_way(ring, bytes, n, timeout_ns);
	ring->has_reserved = false;
	return write_at(ring, end, bytes, n);
}

int zipc_ring_reserve(struct zipc_ring *ring, size_t n, void **at,
		      int64_t timeout_ns)
{
	uint64_t position;
	int rc = find_room(ring, n, &position, timeout_ns);

	if (rc)
		return rc;
	ring->reserved_at = position;
	ring->reserved = n;
	ring->has_reserved = true;
	*at = bytes_at(ring, position);
	return 0;
}

int zipc_ring_commit(struct zipc_ring *ring, size_t n)
{
	int rc = enter(ring);

	if (rc)
		return rc;
	if (!ring->has_reserved || n > ring->reserved)
		return zipc_fail(EINVAL, "a commit of %zu bytes in ring `%s`: "
				 "%zu are reserved", n, ring->shape.name,
				 ring->has_reserved ? ring->reserved : 0);
	ring->has_reserved = false;
	commit(ring, ring->reserved_at, n);
	return 0;
}
