/* SPDX-License-Identifier: MIT */
/* The ring's promises, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"
#include "ring_records.h"

#include "../libzeroipc/ring.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define SECOND INT64_C(1000000000)
#define MOST 100u /* bytes of a record, in tests that do not say otherwise */

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("ring"), 8 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_ring *new_ring(uint64_t size)
{
	struct zipc_ring *ring;

	ck_rc(zipc_ring_create(&ring, segment, "r", size), 0);
	return ring;
}

static struct zipc_ring *new_patient_ring(uint64_t size, unsigned readers)
{
	struct zipc_ring_options options = { .back_pressure = 1,
					     .max_readers = readers };
	struct zipc_ring *ring;

	ck_rc(zipc_ring_create_with(&ring, segment, "r", size, &options), 0);
	return ring;
}

static struct zipc_ring *another(void)
{
	struct zipc_ring *ring;

	ck_rc(zipc_ring_open(&ring, segment, "r"), 0);
	return ring;
}

static struct zipc_ring_reader *reader_of(struct zipc_ring *ring,
					  enum zipc_ring_from from)
{
	struct zipc_ring_reader *reader;

	ck_rc(zipc_ring_reader_open(&reader, ring, from), 0);
	return reader;
}

static int write_number(struct zipc_ring *ring, uint64_t number)
{
	unsigned char bytes[MOST];

	return zipc_ring_write(ring, bytes, record_make(bytes, number, MOST),
			       ZIPC_NOWAIT);
}

static void write_numbers(struct zipc_ring *ring, uint64_t from, uint64_t to)
{
	for (; from <= to; from++)
		ck_rc(write_number(ring, from), 0);
}

/* The next record's number, or the error. */
static int64_t read_number(struct zipc_ring_reader *reader)
{
	unsigned char bytes[MOST];
	int64_t n = zipc_ring_read(reader, bytes, sizeof(bytes), ZIPC_NOWAIT);
	uint64_t number;

	if (n < 0)
		return n;
	number = record_number(bytes, (size_t)n, MOST);
	ck_assert_msg(number, "a record is torn");
	return (int64_t)number;
}

START_TEST(each_reader_sees_every_record_in_order)
{
	struct zipc_ring *ring = new_ring(4096);
	struct zipc_ring_reader *a = reader_of(ring, ZIPC_RING_OLDEST);
	struct zipc_ring_reader *b = reader_of(ring, ZIPC_RING_OLDEST);
	uint64_t i;

	for (i = 1; i <= 1000; i++) {
		ck_rc(write_number(ring, i), 0);
		ck_assert_int_eq(read_number(a), (int64_t)i);
		if (i % 10)
			continue;
		while (zipc_ring_next_length(b) >= 0)
			ck_assert_int_gt(read_number(b), 0);
	}
	ck_rc(read_number(a), -EAGAIN);
	ck_message("no new record");
	ck_assert_uint_eq(zipc_ring_lost(a), 0);
	ck_assert_uint_eq(zipc_ring_lost(b), 0);
	ck_assert_uint_eq(zipc_ring_records(ring), 1000);
	zipc_ring_reader_close(a);
	zipc_ring_reader_close(b);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(records_of_every_length_come_out_whole)
{
	struct zipc_ring *ring = new_ring(1024);
	size_t longest = zipc_ring_longest(ring), n;
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	unsigned char in[512], out[512];
	unsigned round;

	ck_assert_uint_eq(longest, 504);
	for (round = 0; round < 7; round++)
		for (n = 0; n <= longest; n++) {
			memset(in, (int)(n + round), n);
			memset(out, 0xEE, sizeof(out));
			ck_rc(zipc_ring_write(ring, in, n, ZIPC_NOWAIT), 0);
			ck_rc(zipc_ring_next_length(reader), (int64_t)n);
			ck_rc(zipc_ring_read(reader, out, n, ZIPC_NOWAIT),
			      (int64_t)n);
			ck_assert_mem_eq(in, out, n);
			ck_assert_uint_eq(out[n], 0xEE);
		}
	ck_assert_uint_eq(zipc_ring_lost(reader), 0);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(a_record_that_can_not_fit_is_refused)
{
	struct zipc_ring *ring = new_ring(1000);
	unsigned char bytes[600] = { 0 };
	void *at;

	ck_assert_uint_eq(zipc_ring_capacity(ring), 1024);
	ck_rc(zipc_ring_write(ring, bytes, 505, ZIPC_NOWAIT), -EMSGSIZE);
	ck_message("at most 504");
	ck_rc(zipc_ring_reserve(ring, SIZE_MAX, &at, ZIPC_NOWAIT), -EMSGSIZE);
	ck_rc(zipc_ring_write(ring, bytes, 504, ZIPC_NOWAIT), 0);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(a_record_longer_than_the_buffer_stays_the_next)
{
	struct zipc_ring *ring = new_ring(1024);
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	char bytes[16] = "0123456789", out[16];

	ck_rc(zipc_ring_write(ring, bytes, 10, ZIPC_NOWAIT), 0);
	ck_rc(zipc_ring_read(reader, out, 9, ZIPC_NOWAIT), -EMSGSIZE);
	ck_message("has 10 bytes");
	ck_rc(zipc_ring_next_length(reader), 10);
	ck_rc(zipc_ring_read(reader, out, 10, ZIPC_NOWAIT), 10);
	ck_assert_mem_eq(out, bytes, 10);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(a_reader_begins_at_the_oldest_or_at_the_newest)
{
	struct zipc_ring *ring = new_ring(4096);
	struct zipc_ring_reader *old, *fresh;

	write_numbers(ring, 1, 5);
	old = reader_of(ring, ZIPC_RING_OLDEST);
	fresh = reader_of(ring, ZIPC_RING_NEWEST);
	ck_rc(read_number(fresh), -EAGAIN);
	write_numbers(ring, 6, 6);
	ck_assert_int_eq(read_number(old), 1);
	ck_assert_int_eq(read_number(fresh), 6);
	zipc_ring_reader_close(old);
	zipc_ring_reader_close(fresh);
	ck_rc(zipc_ring_reader_open(&old, ring, (enum zipc_ring_from)2),
	      -EINVAL);
	zipc_ring_close(ring);
}
END_TEST

/* What is read and what is lost make up what was written, at any time. */
START_TEST(what_was_lost_is_counted_exactly)
{
	struct zipc_ring *ring = new_ring(64u << _i);
	struct zipc_ring_reader *reader;
	unsigned char bytes[MOST];
	uint64_t i, read = 0, last = 0, most = zipc_ring_longest(ring);
	int64_t n;

	most = most < MOST ? most : MOST;
	reader = reader_of(ring, _i % 2 ? ZIPC_RING_OLDEST : ZIPC_RING_NEWEST);
	for (i = 1; i <= 5000; i++) {
		n = (int64_t)record_make(bytes, i, most);
		ck_rc(zipc_ring_write(ring, bytes, (size_t)n, ZIPC_NOWAIT), 0);
		if (record_mix(i) % 64)
			continue;
		while ((n = zipc_ring_read(reader, bytes, MOST, ZIPC_NOWAIT)) >=
		       0) {
			last = record_number(bytes, (size_t)n, most);
			read++;
			ck_assert_uint_eq(read + zipc_ring_lost(reader), last);
		}
		ck_rc(n, -EAGAIN);
		ck_assert_uint_eq(last, i);
	}
	ck_assert_uint_gt(zipc_ring_lost(reader), 0);
	ck_assert_uint_gt(read, 0);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

/* A ring keeps at least 15/16 of its bytes, but for one record's length. */
START_TEST(the_ring_keeps_what_it_has_room_for)
{
	struct zipc_ring *ring = new_ring(16384);
	struct zipc_ring_reader *reader;
	unsigned char bytes[56] = { 0 };
	unsigned i, kept = 0;

	for (i = 0; i < 10000; i++)
		ck_rc(zipc_ring_write(ring, bytes, 56, ZIPC_NOWAIT), 0);
	reader = reader_of(ring, ZIPC_RING_OLDEST);
	while (zipc_ring_read(reader, bytes, 56, ZIPC_NOWAIT) >= 0)
		kept++;
	ck_assert_uint_ge(kept, 16384 / 64 * 15 / 16 - 1);
	ck_assert_uint_le(kept, 16384 / 64);
	ck_assert_uint_eq(zipc_ring_lost(reader), 0);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

/* reserve and commit */

START_TEST(a_record_made_in_place_is_seen_when_it_is_committed)
{
	struct zipc_ring *ring = new_ring(1024);
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	uint64_t i;
	void *at;

	for (i = 1; i <= 500; i++) {
		ck_rc(zipc_ring_reserve(ring, MOST, &at, ZIPC_NOWAIT), 0);
		ck_rc(read_number(reader), -EAGAIN);
		ck_rc(zipc_ring_commit(ring, record_make(at, i, MOST)), 0);
		ck_assert_int_eq(read_number(reader), (int64_t)i);
	}
	ck_rc(zipc_ring_commit(ring, 0), -EINVAL);
	ck_rc(zipc_ring_reserve(ring, 8, &at, ZIPC_NOWAIT), 0);
	ck_rc(zipc_ring_commit(ring, 9), -EINVAL);
	ck_message("8 are reserved");
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(what_is_reserved_and_not_committed_never_was)
{
	struct zipc_ring *ring = new_ring(1024);
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	uint64_t i;
	void *at;

	/* At each place, also where padding was written for it. */
	for (i = 1; i <= 300; i++) {
		ck_rc(zipc_ring_reserve(ring, 400, &at, ZIPC_NOWAIT), 0);
		memset(at, 0xFF, 400);
		ck_rc(write_number(ring, i), 0);
		ck_rc(zipc_ring_commit(ring, 1), -EINVAL);
		ck_assert_int_eq(read_number(reader), (int64_t)i);
		ck_rc(read_number(reader), -EAGAIN);
	}
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

/* in place */

START_TEST(a_batch_is_read_in_place)
{
	struct zipc_ring *ring = new_ring(4096);
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	struct zipc_ring_record records[8];
	uint64_t number = 0, i, round;
	int64_t n;

	ck_rc(zipc_ring_peek(reader, records, 8, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_ring_peek(reader, records, 0, ZIPC_NOWAIT), 0);
	for (round = 0; round < 100; round++) {
		write_numbers(ring, round * 10 + 1, round * 10 + 10);
		n = zipc_ring_peek(reader, records, 8, ZIPC_NOWAIT);
		ck_rc(n, 8);
		/* A second look finds the same. */
		ck_rc(zipc_ring_peek(reader, records, 8, ZIPC_NOWAIT), 8);
		for (i = 0; i < 8; i++)
			ck_assert_uint_eq(record_number(records[i].at,
							records[i].n, MOST),
					  ++number);
		ck_assert_int_eq(zipc_ring_still_whole(reader), 1);
		ck_rc(zipc_ring_advance(reader), 0);
		ck_rc(zipc_ring_advance(reader), 0);
		ck_assert_int_eq(read_number(reader), (int64_t)++number);
		ck_assert_int_eq(read_number(reader), (int64_t)++number);
	}
	ck_assert_uint_eq(zipc_ring_lost(reader), 0);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(what_is_overwritten_in_place_is_told_and_counted)
{
	struct zipc_ring *ring = new_ring(1024);
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	struct zipc_ring_record records[4];
	unsigned char bytes[56] = { 0 };
	int64_t gone;
	unsigned i;

	for (i = 0; i < 16; i++) /* 16 of 64 bytes fill it */
		ck_rc(zipc_ring_write(ring, bytes, 56, ZIPC_NOWAIT), 0);
	ck_rc(zipc_ring_peek(reader, records, 4, ZIPC_NOWAIT), 4);
	ck_assert_int_eq(zipc_ring_still_whole(reader), 1);
	ck_rc(zipc_ring_write(ring, bytes, 56, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(zipc_ring_still_whole(reader), 0);
	gone = zipc_ring_advance(reader);
	ck_assert_int_ge(gone, 1);
	ck_assert_int_le(gone, 2);
	ck_assert_uint_eq(zipc_ring_lost(reader), (uint64_t)gone);
	ck_assert_int_eq(zipc_ring_still_whole(reader), 1);
	/* All of a batch, and more behind it. */
	ck_rc(zipc_ring_peek(reader, records, 4, ZIPC_NOWAIT), 4);
	for (i = 0; i < 100; i++)
		ck_rc(zipc_ring_write(ring, bytes, 56, ZIPC_NOWAIT), 0);
	ck_rc(zipc_ring_advance(reader), 4);
	while (zipc_ring_read(reader, bytes, 56, ZIPC_NOWAIT) >= 0)
		i++;
	ck_assert_uint_eq(i - 100 + zipc_ring_lost(reader) + 4 -
				  (uint64_t)gone, 117);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

/* the writer's place */

START_TEST(a_second_living_writer_is_refused)
{
	struct zipc_ring *ring = new_ring(1024), *other = another();
	char pid[32];

	ck_rc(write_number(ring, 1), 0);
	ck_rc(write_number(other, 2), -EBUSY);
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	ck_message(pid);
	zipc_ring_close(ring);
	ck_rc(write_number(other, 2), 0);
	zipc_ring_close(other);
}
END_TEST

static void write_one_and_wait(void *context)
{
	struct zipc_segment *mine;
	struct zipc_ring *ring;

	(void)context;
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_ring_open(&ring, mine, "r"), 0);
	ck_rc(write_number(ring, zipc_ring_records(ring) + 1), 0);
	tell_parent();
	await_parent();
}

START_TEST(a_dead_writers_place_is_taken_at_once)
{
	struct zipc_ring *ring = new_ring(1024);
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	struct child child = child_start(write_one_and_wait, NULL);
	char pid[32];

	child_hear(&child);
	ck_rc(write_number(ring, 2), -EBUSY);
	snprintf(pid, sizeof(pid), "process %d", (int)child.pid);
	ck_message(pid);
	child_kill(&child);
	ck_rc(write_number(ring, 2), 0);
	ck_assert_int_eq(read_number(reader), 1);
	ck_assert_int_eq(read_number(reader), 2);
	ck_rc(read_number(reader), -EAGAIN);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

struct pair {
	struct zipc_ring *ring;
	struct zipc_ring_reader *reader;
};

static void use_both(void *context)
{
	struct pair *pair = context;

	ck_rc(write_number(pair->ring, 9), -EBUSY);
	ck_rc(zipc_ring_commit(pair->ring, 0), -EBUSY);
	ck_assert_int_eq(read_number(pair->reader), 1);
	ck_assert_int_eq(zipc_ring_has_place(pair->reader), 1);
	zipc_ring_close(pair->ring);
	zipc_ring_reader_close(pair->reader);
}

START_TEST(a_forked_child_is_neither_the_writer_nor_the_reader)
{
	struct zipc_ring *ring = new_patient_ring(1024, 2);
	struct pair pair = { ring, reader_of(ring, ZIPC_RING_OLDEST) };
	struct child child;
	uint64_t i;

	ck_rc(write_number(ring, 1), 0);
	child = child_start(use_both, &pair);
	child_end(&child);
	/* The child closed what it inherited; that was not the parent's. */
	for (i = 2; !write_number(ring, i); i++)
		;
	ck_rc(write_number(ring, i), -EAGAIN);
	ck_assert_int_eq(read_number(pair.reader), 1);
	ck_assert_uint_eq(zipc_ring_lost(pair.reader), 0);
	zipc_ring_reader_close(pair.reader);
	zipc_ring_close(ring);
}
END_TEST

/* back-pressure */

START_TEST(the_writer_waits_for_the_slowest_reader)
{
	struct zipc_ring *ring = new_patient_ring(1024, 4);
	struct zipc_ring_reader *fast = reader_of(ring, ZIPC_RING_OLDEST);
	struct zipc_ring_reader *slow = reader_of(ring, ZIPC_RING_OLDEST);
	unsigned char bytes[504] = { 0 };
	uint64_t i, k = 1;

	ck_assert_int_eq(zipc_ring_has_place(slow), 1);
	for (i = 1; i <= 2000; i++) {
		while (write_number(ring, i)) {
			ck_message("full");
			ck_assert_int_eq(read_number(slow), (int64_t)k++);
		}
		ck_assert_int_eq(read_number(fast), (int64_t)i);
	}
	ck_rc(zipc_ring_write(ring, bytes, sizeof(bytes), 1000), -ETIMEDOUT);
	ck_assert_uint_lt(k, 2000);
	ck_assert_uint_eq(zipc_ring_lost(slow), 0);
	zipc_ring_reader_close(slow); /* and with it goes what it held back */
	ck_rc(zipc_ring_write(ring, bytes, sizeof(bytes), ZIPC_NOWAIT), 0);
	zipc_ring_reader_close(fast);
	zipc_ring_close(ring);
}
END_TEST

static void read_one_and_wait(void *context)
{
	struct zipc_segment *mine;
	struct zipc_ring *ring;

	(void)context;
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_ring_open(&ring, mine, "r"), 0);
	ck_assert_int_eq(read_number(reader_of(ring, ZIPC_RING_OLDEST)), 1);
	tell_parent();
	await_parent();
}

START_TEST(a_dead_reader_holds_nobody_back)
{
	struct zipc_ring *ring = new_patient_ring(1024, 1);
	struct zipc_ring_reader *heir;
	unsigned char bytes[MOST];
	struct child child;
	uint64_t i;

	ck_rc(write_number(ring, 1), 0);
	child = child_start(read_one_and_wait, NULL);
	child_hear(&child);
	for (i = 2; !write_number(ring, i); i++)
		;
	ck_assert_uint_lt(i, 100);
	child_kill(&child);
	for (; i < 1000; i++)
		ck_rc(zipc_ring_write(ring, bytes,
				      record_make(bytes, i, MOST),
				      10 * SECOND), 0);
	/* And its place is free. */
	heir = reader_of(ring, ZIPC_RING_OLDEST);
	ck_assert_int_eq(zipc_ring_has_place(heir), 1);
	zipc_ring_reader_close(heir);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(a_reader_without_a_place_holds_nobody_back)
{
	struct zipc_ring *ring = new_patient_ring(1024, 1);
	struct zipc_ring_reader *first = reader_of(ring, ZIPC_RING_OLDEST);
	struct zipc_ring_reader *second = reader_of(ring, ZIPC_RING_OLDEST);
	uint64_t i;

	ck_assert_int_eq(zipc_ring_has_place(first), 1);
	ck_assert_int_eq(zipc_ring_has_place(second), 0);
	for (i = 1; i <= 100; i++) {
		ck_rc(write_number(ring, i), 0);
		ck_assert_int_eq(read_number(first), (int64_t)i);
	}
	i = (uint64_t)read_number(second);
	ck_assert_uint_gt(i, 1);
	ck_assert_uint_eq(zipc_ring_lost(second), i - 1);
	zipc_ring_reader_close(first);
	zipc_ring_reader_close(second);
	zipc_ring_close(ring);
}
END_TEST

/* waiting */

struct call {
	struct zipc_ring *ring;
	struct zipc_ring_reader *reader;
	_Atomic int tid;
	int64_t result;
};

static void *read_and_wait(void *context)
{
	unsigned char bytes[MOST];
	struct call *call = context;

	atomic_store_explicit(&call->tid, (int)gettid(), memory_order_release);
	call->result = zipc_ring_read(call->reader, bytes, sizeof(bytes),
				      ZIPC_FOREVER);
	return NULL;
}

static void *write_and_wait(void *context)
{
	unsigned char bytes[504] = { 0 };
	struct call *call = context;

	atomic_store_explicit(&call->tid, (int)gettid(), memory_order_release);
	call->result = zipc_ring_write(call->ring, bytes, sizeof(bytes),
				       ZIPC_FOREVER);
	return NULL;
}

static void sleeps(struct call *call)
{
	while (!atomic_load_explicit(&call->tid, memory_order_acquire))
		sched_yield();
	sleeps_in_futex(getpid(), atomic_load_explicit(&call->tid,
						       memory_order_relaxed));
}

START_TEST(one_write_wakes_all_readers)
{
	struct zipc_ring *ring = new_ring(1024);
	struct call calls[3] = { 0 };
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++) {
		calls[i].reader = reader_of(ring, ZIPC_RING_OLDEST);
		pthread_create(&threads[i], NULL, read_and_wait, &calls[i]);
		sleeps(&calls[i]);
	}
	ck_rc(zipc_ring_write(ring, "hello", 5, ZIPC_NOWAIT), 0);
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		ck_rc(calls[i].result, 5);
		zipc_ring_reader_close(calls[i].reader);
	}
	ck_assert_uint_eq(atomic_load_explicit(
				  &ring->shape.readable->late_wakes,
				  memory_order_relaxed), 0);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(a_read_wakes_the_writer)
{
	struct zipc_ring *ring = new_patient_ring(1024, 1);
	struct call call = { .ring = ring };
	unsigned char bytes[504] = { 0 };
	pthread_t thread;

	call.reader = reader_of(ring, ZIPC_RING_OLDEST);
	ck_rc(zipc_ring_write(ring, bytes, sizeof(bytes), ZIPC_NOWAIT), 0);
	ck_rc(zipc_ring_write(ring, bytes, sizeof(bytes), ZIPC_NOWAIT), 0);
	ck_rc(zipc_ring_write(ring, bytes, 504, ZIPC_NOWAIT), -EAGAIN);
	pthread_create(&thread, NULL, write_and_wait, &call);
	sleeps(&call);
	ck_rc(zipc_ring_read(call.reader, bytes, 504, ZIPC_NOWAIT), 504);
	pthread_join(thread, NULL);
	ck_rc(call.result, 0);
	zipc_ring_reader_close(call.reader);
	zipc_ring_close(ring);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline)
{
	struct zipc_ring *ring = new_ring(1024);
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_NEWEST);
	char bytes[8];

	ck_rc(zipc_ring_read(reader, bytes, 8, 1000000), -ETIMEDOUT);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

static void write_when_told(void *context)
{
	await_parent();
	write_one_and_wait(context);
}

START_TEST(a_read_only_segment_is_enough_to_read)
{
	struct zipc_ring *ring = new_patient_ring(1024, 2), *watched;
	struct zipc_segment *watching;
	struct zipc_ring_reader *reader;
	unsigned char bytes[MOST];
	struct child child;

	ck_rc(zipc_segment_open(&watching, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_ring_open(&watched, watching, "r"), 0);
	ck_rc(write_number(watched, 1), -EROFS);
	reader = reader_of(watched, ZIPC_RING_OLDEST);
	ck_assert_int_eq(zipc_ring_has_place(reader), 0);
	ck_rc(zipc_ring_read(reader, bytes, MOST, 1000000), -ETIMEDOUT);
	child = child_start(write_when_told, NULL);
	child_say(&child);
	ck_assert_int_ge(zipc_ring_read(reader, bytes, MOST, ZIPC_FOREVER), 8);
	child_hear(&child);
	child_say(&child);
	child_end(&child);
	zipc_ring_reader_close(reader);
	zipc_ring_close(watched);
	zipc_segment_close(watching);
	zipc_ring_close(ring);
}
END_TEST

/* no system call; what sanitizers do is not ours */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void first_ones(void *context)
{
	struct pair *pair = context;

	/* A child's own. */
	pair->ring = another();
	pair->reader = reader_of(pair->ring, ZIPC_RING_OLDEST);
	ck_rc(write_number(pair->ring, 1), 0);
	ck_assert_int_eq(read_number(pair->reader), 1);
}

static void many(void *context)
{
	struct pair *pair = context;
	struct zipc_ring_record record;
	unsigned char bytes[MOST];
	uint64_t i;
	void *at;

	for (i = 2; i < 3000; i++) {
		if (zipc_ring_write(pair->ring, bytes,
				    record_make(bytes, i, MOST), ZIPC_FOREVER))
			_exit(2);
		if (zipc_ring_read(pair->reader, bytes, MOST, ZIPC_FOREVER) < 8)
			_exit(3);
		if (zipc_ring_reserve(pair->ring, 9, &at, ZIPC_NOWAIT) ||
		    zipc_ring_commit(pair->ring, 9) ||
		    zipc_ring_peek(pair->reader, &record, 1, 0) != 1 ||
		    zipc_ring_advance(pair->reader))
			_exit(4);
	}
}

START_TEST(write_and_read_make_no_system_call)
{
	struct zipc_ring *ring = _i ? new_patient_ring(4096, 2)
				    : new_ring(4096);
	struct pair pair = { NULL, NULL };

	must_make_no_system_call(first_ones, many, &pair);
	zipc_ring_close(ring);
}
END_TEST
#endif

/* opening */

START_TEST(a_ring_is_created_and_opened_as_what_it_is)
{
	struct zipc_ring_options many_readers = { .max_readers = 4097 };
	struct zipc_ring *ring = new_ring(1000), *other;
	struct zipc_queue *queue;

	ck_rc(zipc_ring_create(&other, segment, "r", 1000), -EEXIST);
	ck_rc(zipc_ring_create(&other, segment, "s", 63), -EINVAL);
	ck_message("64 to");
	ck_rc(zipc_ring_create(&other, segment, "s", ZIPC_RING_MOST + 1),
	      -EINVAL);
	ck_rc(zipc_ring_create(&other, segment, "s", 1 << 30), -ENOSPC);
	ck_rc(zipc_ring_create_with(&other, segment, "s", 64, &many_readers),
	      -EINVAL);
	ck_rc(zipc_ring_open(&other, segment, "s"), -ENOENT);
	ck_rc(zipc_ring_open_or_create(&other, segment, "r", 1024), 0);
	zipc_ring_close(other);
	ck_rc(zipc_ring_open_or_create(&other, segment, "r", 2000),
	      -EPROTOTYPE);
	ck_rc(zipc_ring_open_or_create(&other, segment, "s", 64), 0);
	ck_assert_uint_eq(zipc_ring_longest(other), 24);
	zipc_ring_close(other);
	ck_rc(zipc_queue_open(&queue, segment, "r", NULL), -EPROTOTYPE);
	ck_message("ring (7)");
	zipc_ring_close(NULL);
	zipc_ring_reader_close(NULL);
	zipc_ring_close(ring);
}
END_TEST

/* removing */

/* Who uses it goes on; who only reads, or comes, is told. */
START_TEST(a_removed_ring_stays_for_who_uses_it)
{
	struct zipc_ring *ring = new_ring(1024), *watched;
	struct zipc_ring_reader *reader = reader_of(ring, ZIPC_RING_OLDEST);
	struct zipc_ring_reader *watcher, *late;
	struct zipc_segment *watching;
	struct zipc_ring_record record;
	unsigned char bytes[MOST];

	ck_rc(zipc_segment_open(&watching, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_ring_open(&watched, watching, "r"), 0);
	watcher = reader_of(watched, ZIPC_RING_OLDEST);
	write_numbers(ring, 1, 1);
	ck_rc(zipc_ring_peek(watcher, &record, 1, ZIPC_NOWAIT), 1);
	ck_assert_int_eq(zipc_ring_still_whole(watcher), 1);
	ck_rc(zipc_segment_remove(segment, "r"), 0);
	write_numbers(ring, 2, 2);
	ck_assert_int_eq(read_number(reader), 1);
	ck_assert_int_eq(read_number(reader), 2);
	ck_assert_int_eq(zipc_ring_still_whole(watcher), 0);
	ck_rc(zipc_ring_advance(watcher), -ENOENT);
	ck_rc(zipc_ring_read(watcher, bytes, MOST, ZIPC_FOREVER), -ENOENT);
	ck_message("was removed");
	ck_rc(zipc_ring_next_length(watcher), -ENOENT);
	ck_assert_uint_eq(zipc_ring_records(watched), 0);
	ck_rc(zipc_ring_reader_open(&late, watched, ZIPC_RING_OLDEST), -ENOENT);
	ck_rc(zipc_ring_reader_open(&late, ring, ZIPC_RING_OLDEST), -ENOENT);
	zipc_ring_reader_close(watcher);
	zipc_ring_close(watched);
	zipc_segment_close(watching);
	zipc_ring_close(ring);
	/* A reader is a use of its own. */
	ck_rc(read_number(reader), -EAGAIN);
	zipc_ring_reader_close(reader);
	ck_rc(zipc_ring_create(&ring, segment, "r", 1024), 0);
	ck_assert_uint_eq(zipc_ring_records(ring), 0);
	zipc_ring_close(ring);
}
END_TEST

static void use_what_is_gone(void *context)
{
	struct pair *pair = context;
	struct zipc_ring_reader *reader;
	unsigned char bytes[MOST];

	ck_rc(write_number(pair->ring, 9), -ENOENT);
	ck_rc(zipc_ring_read(pair->reader, bytes, MOST, ZIPC_FOREVER), -ENOENT);
	ck_rc(zipc_ring_reader_open(&reader, pair->ring, ZIPC_RING_OLDEST),
	      -ENOENT);
	zipc_ring_reader_close(pair->reader);
	zipc_ring_close(pair->ring);
}

static void await_and_use(void *context)
{
	tell_parent();
	await_parent();
	use_what_is_gone(context);
}

START_TEST(a_forked_child_has_lost_what_was_removed)
{
	struct zipc_ring *ring = new_ring(1024);
	struct pair pair = { ring, reader_of(ring, ZIPC_RING_OLDEST) };
	struct child child = child_start(await_and_use, &pair);

	child_hear(&child);
	ck_rc(zipc_segment_remove(segment, "r"), 0);
	child_say(&child);
	child_end(&child);
	zipc_ring_reader_close(pair.reader);
	zipc_ring_close(ring);
}
END_TEST

/* damage */

START_TEST(a_damaged_shape_is_refused)
{
	static const struct {
		size_t at;
		uint64_t value;
	} words[] = {
		{ 0x00, 0 },      { 0x00, 1 << 20 }, { 0x00, 1000 },
		{ 0x08, 2 },      { 0x08, UINT64_C(4097) << 32 },
		{ 0x08, 0 },      { 0x10, 1 },       { 0x10, UINT64_MAX - 63 },
		{ 0x18, 192 },    { 0x18, UINT64_MAX - 63 }, { 0x18, 1217 },
	};
	struct zipc_ring *ring = new_ring(1024), *other;
	unsigned char *word = (unsigned char *)ring->shape.words + words[_i].at;

	memcpy(word, &words[_i].value, 8);
	ck_rc(zipc_ring_open(&other, segment, "r"), -EBADMSG);
	ck_message("damaged");
	zipc_ring_close(ring);
}
END_TEST

static void ends_in_order(struct zipc_ring_reader *reader)
{
	unsigned char bytes[MOST];
	int64_t rc;
	unsigned i;

	for (i = 0; i < 1000; i++) {
		rc = zipc_ring_read(reader, bytes, sizeof(bytes), ZIPC_NOWAIT);
		if (rc < 0)
			break;
	}
	ck_assert_uint_lt(i, 1000);
	ck_assert_msg(rc == -EAGAIN || rc == -EBADMSG || rc == -EMSGSIZE,
		      "it ends with %s", rc_name(rc));
}

/* Each word in turn becomes each of these: nobody crashes, or goes on. */
START_TEST(damaged_words_do_no_harm)
{
	static const uint64_t values[] = {
		0, 1, 7, 8, 9, 1024, 1032, UINT64_C(1) << 40, UINT64_MAX,
		UINT64_MAX - 7, UINT64_C(1) << 63, UINT32_MAX,
		UINT64_C(5) << 32 | UINT32_MAX, UINT64_C(5) << 32 | 4000,
	};
	static const size_t fields[] = { 0x40, 0x48, 0x50, 0x80, 0x88, 0xC0,
					 0xC8, 0xD0 };
	struct zipc_ring *ring = _i ? new_patient_ring(1024, 1)
				    : new_ring(1024);
	struct zipc_ring_reader *reader, *old;
	unsigned f, v, i;
	uint64_t *word;
	int rc;

	write_numbers(ring, 1, 30);
	old = reader_of(ring, ZIPC_RING_OLDEST);
	zipc_ring_close(ring);
	for (f = 0; f < 8 + 128; f++)
		for (v = 0; v < sizeof(values) / sizeof(*values); v++) {
			ring = another();
			word = f < 8 ? (void *)((unsigned char *)
						ring->shape.words + fields[f])
				     : (void *)(ring->shape.data + (f - 8) * 8);
			*word = values[v];
			ends_in_order(old);
			for (i = 0; i < 2; i++)
				if (!zipc_ring_reader_open(&reader, ring, i)) {
					ends_in_order(reader);
					zipc_ring_reader_close(reader);
				}
			for (i = 0; i < 20; i++) {
				rc = write_number(ring, i);
				ck_assert_msg(!rc || rc == -EBADMSG ||
					      rc == -EAGAIN || rc == -EBUSY,
					      "it ends with %s", rc_name(rc));
			}
			zipc_ring_close(ring);
		}
	zipc_ring_reader_close(old);
}
END_TEST

static void add_use(Suite *suite)
{
	TCase *tc = test_case(suite, "records", "fast", 30);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, each_reader_sees_every_record_in_order);
	tcase_add_test(tc, records_of_every_length_come_out_whole);
	tcase_add_test(tc, a_record_that_can_not_fit_is_refused);
	tcase_add_test(tc, a_record_longer_than_the_buffer_stays_the_next);
	tcase_add_test(tc, a_reader_begins_at_the_oldest_or_at_the_newest);
	tcase_add_loop_test(tc, what_was_lost_is_counted_exactly, 0, 6);
	tcase_add_test(tc, the_ring_keeps_what_it_has_room_for);
	tcase_add_test(tc, a_record_made_in_place_is_seen_when_it_is_committed);
	tcase_add_test(tc, what_is_reserved_and_not_committed_never_was);
	tcase_add_test(tc, a_batch_is_read_in_place);
	tcase_add_test(tc, what_is_overwritten_in_place_is_told_and_counted);
}

static void add_places(Suite *suite)
{
	TCase *tc = test_case(suite, "places", "fast", 30);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_second_living_writer_is_refused);
	tcase_add_test(tc, a_dead_writers_place_is_taken_at_once);
	tcase_add_test(tc, a_forked_child_is_neither_the_writer_nor_the_reader);
	tcase_add_test(tc, the_writer_waits_for_the_slowest_reader);
	tcase_add_test(tc, a_dead_reader_holds_nobody_back);
	tcase_add_test(tc, a_reader_without_a_place_holds_nobody_back);
}

static Suite *ring_suite(void)
{
	Suite *suite = suite_create("ring");
	TCase *tc;

	add_use(suite);
	add_places(suite);
	tc = test_case(suite, "waiting", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, one_write_wakes_all_readers);
	tcase_add_test(tc, a_read_wakes_the_writer);
	tcase_add_test(tc, a_wait_ends_at_its_deadline);
	tcase_add_test(tc, a_read_only_segment_is_enough_to_read);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	tcase_add_loop_test(tc, write_and_read_make_no_system_call, 0, 2);
#endif
	tc = test_case(suite, "opening", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_ring_is_created_and_opened_as_what_it_is);
	tcase_add_test(tc, a_removed_ring_stays_for_who_uses_it);
	tcase_add_test(tc, a_forked_child_has_lost_what_was_removed);
	tcase_add_loop_test(tc, a_damaged_shape_is_refused, 0, 11);
	tcase_add_loop_test(tc, damaged_words_do_no_harm, 0, 2);
	return suite;
}

TEST_MAIN(ring_suite)
