/* SPDX-License-Identifier: MIT */
/* The stream's promises, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/derive.h"
#include "../libzeroipc/table_inside.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("stream"), 8 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_stream *new_stream(uint64_t capacity)
{
	struct zipc_stream *stream;

	ck_rc(zipc_stream_create(&stream, segment, "s", "u64", capacity), 0);
	return stream;
}

/* With one writer's place, so that a slot is all that is spare. */
static struct zipc_stream *new_stream_with(enum zipc_stream_policy policy,
					   uint64_t capacity)
{
	struct zipc_stream_options options = { .policy = policy,
					       .max_writers = 1,
					       .max_subscriptions = 2 };
	struct zipc_stream *stream;

	ck_rc(zipc_stream_create_with(&stream, segment, "s", "u64", capacity,
				      &options), 0);
	return stream;
}

static struct zipc_stream *another_in(struct zipc_segment *in)
{
	struct zipc_stream *stream;

	ck_rc(zipc_stream_open(&stream, in, "s", "u64"), 0);
	return stream;
}

static struct zipc_stream *another(void)
{
	return another_in(segment);
}

static struct zipc_subscription *subscribe(struct zipc_stream *stream,
					   const char *name,
					   enum zipc_stream_from from)
{
	struct zipc_subscription *it;

	ck_rc(zipc_stream_subscribe(&it, stream, name, from), 0);
	return it;
}

static int emit(struct zipc_stream *stream, uint64_t value)
{
	return zipc_stream_emit(stream, &value, ZIPC_NOWAIT);
}

static void emit_all(struct zipc_stream *stream, uint64_t from, uint64_t to)
{
	for (; from <= to; from++)
		ck_rc(emit(stream, from), 0);
}

/* The next element, or the error. */
static int64_t next(struct zipc_subscription *it)
{
	uint64_t value;
	int rc = zipc_stream_next(it, &value, ZIPC_NOWAIT);

	return rc ? rc : (int64_t)value;
}

static void next_all(struct zipc_subscription *it, int64_t from, int64_t to)
{
	for (; from <= to; from++)
		ck_assert_int_eq(next(it), from);
}

START_TEST(each_subscriber_sees_every_element_in_order)
{
	struct zipc_stream *stream = new_stream(64), *other = another();
	struct zipc_subscription *a, *b;
	uint64_t i;

	a = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	b = subscribe(other, NULL, ZIPC_STREAM_NEWEST);
	for (i = 1; i <= 1000; i++) {
		ck_rc(emit(i % 2 ? stream : other, i), 0);
		ck_assert_int_eq(next(a), (int64_t)i);
		if (i % 50 == 0)
			next_all(b, (int64_t)i - 49, (int64_t)i);
	}
	ck_rc(next(a), -EAGAIN);
	ck_message("no new element");
	ck_rc(next(b), -EAGAIN);
	ck_assert_uint_eq(zipc_stream_lost(a) + zipc_stream_lost(b), 0);
	ck_assert_uint_eq(zipc_stream_emitted(stream), 1000);
	ck_assert_uint_eq(zipc_stream_size(stream), 64);
	zipc_stream_leave(a);
	zipc_stream_unsubscribe(b);
	zipc_stream_close(stream);
	zipc_stream_close(other);
}
END_TEST

START_TEST(a_late_joiner_reads_what_is_retained)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_subscription *old, *fresh;

	emit_all(stream, 1, 5);
	old = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	next_all(old, 1, 5);
	emit_all(stream, 6, 100);
	zipc_stream_leave(old);
	old = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	fresh = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	next_all(old, 93, 100);
	ck_rc(next(old), -EAGAIN);
	ck_rc(next(fresh), -EAGAIN);
	ck_rc(emit(stream, 101), 0);
	ck_assert_int_eq(next(fresh), 101);
	ck_assert_int_eq(next(old), 101);
	ck_assert_uint_eq(zipc_stream_lost(old), 0);
	zipc_stream_leave(old);
	zipc_stream_leave(fresh);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(who_is_lapped_is_told_how_many_it_lost)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_BLOCK, 8);
	struct zipc_subscription *it;

	it = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	emit_all(stream, 1, 9); /* there is one slot more */
	ck_assert_int_eq(next(it), 1);
	emit_all(stream, 10, 30);
	ck_assert_int_eq(next(it), 23);
	ck_assert_uint_eq(zipc_stream_lost(it), 21);
	next_all(it, 24, 30);
	ck_rc(next(it), -EAGAIN);
	ck_assert_uint_eq(zipc_stream_lost(it), 21);
	ck_assert_uint_eq(zipc_stream_position(it), 31);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

/* What is read and what is lost make up what was emitted, at any time. */
START_TEST(what_was_lost_is_counted_exactly)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_DROP_OLD, 16);
	struct zipc_subscription *it;
	uint64_t emitted = 0, came = 0, i, last = 0;
	int64_t value;

	it = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	for (i = 0; i < 2000; i++) {
		emit_all(stream, emitted + 1, emitted + i % 37);
		emitted += i % 37;
		value = i % 3 ? next(it) : -EAGAIN;
		if (value < 0)
			continue;
		came++;
		ck_assert_uint_gt((uint64_t)value, last);
		last = (uint64_t)value;
		ck_assert_uint_eq(came + zipc_stream_lost(it), last);
	}
	while (next(it) >= 0)
		came++;
	ck_assert_uint_eq(came + zipc_stream_lost(it), emitted);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(batches_go_in_and_come_out_whole)
{
	struct zipc_stream *stream = new_stream(1000);
	struct zipc_subscription *it;
	uint64_t in[700], out[700], i, round;

	it = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 700; i++)
			in[i] = round * 700 + i;
		ck_rc(zipc_stream_emit_n(stream, in, 700, ZIPC_NOWAIT), 700);
		ck_rc(zipc_stream_next_n(it, out, 300, ZIPC_NOWAIT), 300);
		ck_rc(zipc_stream_next_n(it, out + 300, 700, ZIPC_NOWAIT),
		      400);
		ck_assert_mem_eq(in, out, sizeof(in));
	}
	ck_rc(zipc_stream_next_n(it, out, 1, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_stream_next_n(it, out, 0, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stream_emit_n(stream, in, 0, ZIPC_NOWAIT), 0);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

/* Sizes that are no multiple of a word, with times and without. */
START_TEST(elements_of_any_size_come_out_whole)
{
	static const char *const types[] = { "u8", "bytes:13", "bytes:64",
					     "bytes:1000" };
	struct zipc_stream_options options = { .timestamps = _i % 2 };
	const char *type = types[_i / 2];
	struct zipc_stream *stream;
	struct zipc_subscription *it;
	unsigned char in[1000], out[1000];
	uint64_t size;
	int round;

	ck_rc(zipc_stream_create_with(&stream, segment, "s", type, 4,
				      &options), 0);
	size = zipc_stream_elem_size(stream);
	it = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	for (round = 0; round < 300; round++) {
		memset(in, round, sizeof(in));
		ck_rc(zipc_stream_emit(stream, in, ZIPC_NOWAIT), 0);
		memset(out, 0xEE, sizeof(out));
		ck_rc(zipc_stream_next(it, out, ZIPC_NOWAIT), 0);
		ck_assert_mem_eq(in, out, size);
		ck_assert(size == 1000 || out[size] == 0xEE);
	}
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

START_TEST(elements_have_their_times_if_asked)
{
	struct zipc_stream_options options = { .timestamps = 1 };
	struct zipc_stream *stream;
	struct zipc_subscription *it;
	uint64_t in[10] = { 0 }, out[10];
	int64_t times[10], before, after;
	int i;

	ck_rc(zipc_stream_create_with(&stream, segment, "s", "u64", 64,
				      &options), 0);
	ck_assert_int_eq(zipc_stream_has_times(stream), 1);
	it = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	before = now_ns();
	ck_rc(zipc_stream_emit(stream, in, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stream_emit_n(stream, in, 9, ZIPC_NOWAIT), 9);
	after = now_ns();
	ck_rc(zipc_stream_next_times(it, out, times, 10, ZIPC_NOWAIT), 10);
	for (i = 0; i < 10; i++) {
		ck_assert_int_ge(times[i], i ? times[i - 1] : before);
		ck_assert_int_le(times[i], after);
	}
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(a_stream_without_times_says_so)
{
	struct zipc_stream *stream = new_stream(4);
	struct zipc_subscription *it = subscribe(stream, NULL,
						 ZIPC_STREAM_NEWEST);
	uint64_t value;
	int64_t time;

	ck_assert_int_eq(zipc_stream_has_times(stream), 0);
	ck_rc(zipc_stream_next_times(it, &value, &time, 1, ZIPC_NOWAIT),
	      -EINVAL);
	ck_message("has no times");
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(an_ended_stream_is_read_to_its_last_element)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_subscription *it, *late;

	it = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	emit_all(stream, 1, 3);
	ck_assert_int_eq(zipc_stream_has_ended(stream), 0);
	ck_rc(zipc_stream_end(stream), 0);
	ck_rc(zipc_stream_end(stream), 0);
	ck_assert_int_eq(zipc_stream_has_ended(stream), 1);
	ck_rc(emit(stream, 4), -EPIPE);
	ck_message("has ended");
	next_all(it, 1, 3);
	ck_rc(next(it), -EPIPE);
	ck_message("has ended");
	late = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	next_all(late, 1, 3);
	ck_rc(next(late), -EPIPE);
	ck_assert_uint_eq(zipc_stream_emitted(stream), 3);
	zipc_stream_leave(it);
	zipc_stream_leave(late);
	zipc_stream_close(stream);
}
END_TEST

/* named subscriptions */

START_TEST(a_named_subscription_goes_on_where_it_stood)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_subscription *it;

	ck_rc(zipc_stream_subscribe(&it, stream, "n", ZIPC_STREAM_STOOD),
	      -ENOENT);
	ck_message("has no subscription `n`");
	it = subscribe(stream, "n", ZIPC_STREAM_NEWEST);
	emit_all(stream, 1, 5);
	next_all(it, 1, 2);
	zipc_stream_leave(it);
	it = subscribe(stream, "n", ZIPC_STREAM_NEWEST);
	next_all(it, 3, 4);
	zipc_stream_leave(it);
	it = subscribe(stream, "n", ZIPC_STREAM_STOOD);
	ck_assert_int_eq(next(it), 5);
	zipc_stream_unsubscribe(it);
	ck_rc(zipc_stream_subscribe(&it, stream, "n", ZIPC_STREAM_STOOD),
	      -ENOENT);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(a_named_subscription_has_one_reader)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_subscription *it, *other;

	it = subscribe(stream, "n", ZIPC_STREAM_NEWEST);
	ck_rc(zipc_stream_subscribe(&other, stream, "n", ZIPC_STREAM_NEWEST),
	      -EBUSY);
	ck_message("one reader at a time");
	ck_rc(zipc_stream_forget(stream, "n"), -EBUSY);
	zipc_stream_leave(it);
	other = subscribe(stream, "n", ZIPC_STREAM_NEWEST);
	zipc_stream_leave(other);
	ck_rc(zipc_stream_forget(stream, "n"), 0);
	ck_rc(zipc_stream_forget(stream, "n"), -ENOENT);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(subscriptions_are_as_many_as_were_asked_for)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_BLOCK, 8);
	struct zipc_subscription *a, *b, *c;

	a = subscribe(stream, "a", ZIPC_STREAM_NEWEST);
	b = subscribe(stream, "b", ZIPC_STREAM_NEWEST);
	ck_rc(zipc_stream_subscribe(&c, stream, "c", ZIPC_STREAM_NEWEST),
	      -EUSERS);
	ck_message("max_subscriptions");
	zipc_stream_unsubscribe(a);
	c = subscribe(stream, "c", ZIPC_STREAM_NEWEST);
	zipc_stream_unsubscribe(b);
	zipc_stream_unsubscribe(c);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(a_named_subscription_blocks_who_emits)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_BLOCK, 8);
	struct zipc_subscription *it = subscribe(stream, "n",
						 ZIPC_STREAM_NEWEST);
	uint64_t i, value = 9;

	for (i = 0; i < 100; i++) {
		emit_all(stream, 8 * i + 1, 8 * i + 8);
		ck_rc(emit(stream, 0), -EAGAIN);
		ck_message("named subscription has yet to read");
		ck_rc(zipc_stream_emit(stream, &value, 1000), -ETIMEDOUT);
		next_all(it, (int64_t)(8 * i + 1), (int64_t)(8 * i + 8));
		ck_rc(next(it), -EAGAIN);
	}
	ck_assert_uint_eq(zipc_stream_lost(it), 0);
	emit_all(stream, 1, 8);
	zipc_stream_unsubscribe(it);
	emit_all(stream, 1, 100);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(the_slowest_of_them_counts)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_ERROR, 4);
	struct zipc_subscription *a, *b;
	uint64_t value = 1;

	a = subscribe(stream, "a", ZIPC_STREAM_NEWEST);
	b = subscribe(stream, "b", ZIPC_STREAM_NEWEST);
	emit_all(stream, 1, 4);
	next_all(a, 1, 4);
	/* This policy never waits. */
	ck_rc(zipc_stream_emit(stream, &value, ZIPC_FOREVER), -EAGAIN);
	next_all(b, 1, 1);
	emit_all(stream, 5, 5);
	ck_rc(emit(stream, 6), -EAGAIN);
	next_all(b, 2, 4);
	emit_all(stream, 6, 8);
	next_all(a, 5, 8);
	next_all(b, 5, 8);
	zipc_stream_unsubscribe(a);
	zipc_stream_unsubscribe(b);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(new_elements_are_dropped_and_counted)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_DROP_NEW, 4);
	struct zipc_subscription *it = subscribe(stream, "n",
						 ZIPC_STREAM_NEWEST);
	uint64_t more[6] = { 3, 4, 5, 6, 7, 8 };

	emit_all(stream, 1, 2);
	ck_rc(zipc_stream_emit_n(stream, more, 6, ZIPC_FOREVER), 6);
	ck_assert_uint_eq(zipc_stream_dropped(stream), 4);
	ck_rc(emit(stream, 9), 1);
	ck_assert_uint_eq(zipc_stream_dropped(stream), 5);
	next_all(it, 1, 4);
	ck_rc(next(it), -EAGAIN);
	ck_rc(emit(stream, 10), 0);
	ck_assert_int_eq(next(it), 10);
	ck_assert_uint_eq(zipc_stream_lost(it), 0);
	zipc_stream_unsubscribe(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(old_elements_are_dropped_and_the_loss_outlives_its_reader)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_DROP_OLD, 4);
	struct zipc_subscription *it = subscribe(stream, "n",
						 ZIPC_STREAM_NEWEST);

	emit_all(stream, 1, 20);
	next_all(it, 17, 18);
	ck_assert_uint_eq(zipc_stream_lost(it), 16);
	zipc_stream_leave(it);
	it = subscribe(stream, "n", ZIPC_STREAM_STOOD);
	ck_assert_uint_eq(zipc_stream_lost(it), 16);
	next_all(it, 19, 20);
	zipc_stream_unsubscribe(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(a_new_named_one_begins_with_the_oldest_that_it_can_hold)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_BLOCK, 64);
	struct zipc_subscription *it;
	int64_t first;
	uint64_t last;

	emit_all(stream, 1, 200);
	it = subscribe(stream, "n", ZIPC_STREAM_OLDEST);
	first = next(it);
	/* A step of hold may have been announced: a 16th, and one. */
	ck_assert_int_ge(first, 137);
	ck_assert_int_le(first, 137 + 5);
	/* What was announced for others is no room that was taken from it. */
	for (last = 200; !emit(stream, last + 1); last++)
		;
	ck_assert_uint_eq(last, (uint64_t)first + 64);
	next_all(it, first + 1, (int64_t)last);
	ck_assert_uint_eq(zipc_stream_lost(it), 0);
	zipc_stream_unsubscribe(it);
	zipc_stream_close(stream);
}
END_TEST

/* options and refusals */

START_TEST(what_can_not_be_is_refused)
{
	struct zipc_stream_options options = { .policy = 4 };
	struct zipc_stream *stream;
	struct zipc_subscription *it;

	ck_rc(zipc_stream_create_with(&stream, segment, "s", "u64", 4,
				      &options), -EINVAL);
	ck_message("no policy 4");
	options = (struct zipc_stream_options){ .max_writers = 4097 };
	ck_rc(zipc_stream_create_with(&stream, segment, "s", "u64", 4,
				      &options), -EINVAL);
	options = (struct zipc_stream_options){ .max_subscriptions = 1025 };
	ck_rc(zipc_stream_create_with(&stream, segment, "s", "u64", 4,
				      &options), -EINVAL);
	ck_rc(zipc_stream_create(&stream, segment, "s", "u64", 0), -EINVAL);
	ck_rc(zipc_stream_open(&stream, segment, "s", NULL), -ENOENT);
	stream = new_stream(4);
	ck_rc(zipc_stream_open(&stream, segment, "s", "i64"), -EPROTOTYPE);
	ck_rc(zipc_stream_subscribe(&it, stream, NULL, ZIPC_STREAM_STOOD),
	      -EINVAL);
	ck_rc(zipc_stream_subscribe(&it, stream, "n",
				    (enum zipc_stream_from)3), -EINVAL);
	ck_rc(zipc_stream_subscribe(&it, stream, "a/b", ZIPC_STREAM_NEWEST),
	      -EINVAL);
	ck_rc(zipc_stream_subscribe(&it, stream,
				    "a_name_of_more_than_thirty_one_bytes",
				    ZIPC_STREAM_NEWEST), -EINVAL);
	zipc_stream_close(stream);
	zipc_stream_close(NULL);
	zipc_stream_leave(NULL);
	zipc_stream_unsubscribe(NULL);
}
END_TEST

START_TEST(writers_are_as_many_as_were_asked_for)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_BLOCK, 8);
	struct zipc_stream *other = another();

	ck_rc(emit(stream, 1), 0);
	ck_rc(emit(other, 2), -EUSERS);
	zipc_stream_close(stream);
	ck_rc(emit(other, 2), 0);
	zipc_stream_close(other);
}
END_TEST

static struct zipc_segment *read_only(void)
{
	struct zipc_segment *it;

	ck_rc(zipc_segment_open(&it, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	return it;
}

START_TEST(a_private_subscription_needs_no_right_to_write)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_BLOCK, 8);
	struct zipc_segment *watched = read_only();
	struct zipc_stream *other = another_in(watched);
	struct zipc_subscription *it, *named;
	uint64_t value;

	emit_all(stream, 1, 3);
	it = subscribe(other, NULL, ZIPC_STREAM_OLDEST);
	ck_rc(zipc_stream_subscribe(&named, other, "n", ZIPC_STREAM_NEWEST),
	      -EROFS);
	ck_rc(emit(other, 1), -EROFS);
	ck_rc(zipc_stream_end(other), -EROFS);
	ck_rc(zipc_stream_forget(other, "n"), -EROFS);
	next_all(it, 1, 3);
	ck_rc(next(it), -EAGAIN);
	ck_rc(zipc_stream_next(it, &value, 1000), -ETIMEDOUT);
	emit_all(stream, 4, 100);
	next_all(it, 93, 100);
	ck_assert_uint_eq(zipc_stream_lost(it), 89);
	ck_rc(zipc_stream_end(stream), 0);
	ck_rc(next(it), -EPIPE);
	zipc_stream_close(stream);
	ck_rc(zipc_segment_remove(segment, "s"), 0);
	ck_rc(next(it), -ENOENT);
	zipc_stream_leave(it);
	zipc_stream_close(other);
	zipc_segment_close(watched);
}
END_TEST

/* waiting */

struct relay {
	_Atomic uint64_t came;
};

static void *wait_for_one(void *context)
{
	struct zipc_stream *stream = another();
	struct zipc_subscription *it = subscribe(stream, NULL,
						 ZIPC_STREAM_OLDEST);
	struct relay *relay = context;
	uint64_t value;

	ck_rc(zipc_stream_next(it, &value, 60 * SECOND), 0);
	atomic_store_explicit(&relay->came, value, memory_order_relaxed);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
	return NULL;
}

START_TEST(every_waiting_subscriber_is_woken)
{
	struct zipc_stream *stream = new_stream(8);
	struct relay relays[5] = { { 0 } };
	pthread_t threads[5];
	int i;

	for (i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, wait_for_one, &relays[i]);
	ck_rc(emit(stream, 7), 0);
	for (i = 0; i < 5; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(relays[i].came, 7);
	}
	zipc_stream_close(stream);
}
END_TEST

static void *emit_one(void *context)
{
	struct zipc_stream *stream = another();
	uint64_t value = 99;

	(void)context;
	ck_rc(zipc_stream_emit(stream, &value, 60 * SECOND), 0);
	zipc_stream_close(stream);
	return NULL;
}

START_TEST(room_wakes_who_waits_to_emit)
{
	struct zipc_stream *stream = new_stream(4);
	struct zipc_subscription *it = subscribe(stream, "n",
						 ZIPC_STREAM_NEWEST);
	pthread_t thread;
	uint64_t value;

	emit_all(stream, 1, 4);
	pthread_create(&thread, NULL, emit_one, NULL);
	ck_assert_int_eq(next(it), 1);
	pthread_join(thread, NULL);
	next_all(it, 2, 4);
	ck_assert_int_eq(next(it), 99);
	emit_all(stream, 1, 4);
	pthread_create(&thread, NULL, emit_one, NULL);
	zipc_stream_unsubscribe(it);
	pthread_join(thread, NULL);
	it = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	ck_rc(zipc_stream_next(it, &value, ZIPC_NOWAIT), 0);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

static void *wait_for_end(void *context)
{
	struct zipc_stream *stream = another();
	struct zipc_subscription *it = subscribe(stream, NULL,
						 ZIPC_STREAM_NEWEST);
	uint64_t value;

	(void)context;
	ck_rc(zipc_stream_next(it, &value, 60 * SECOND), -EPIPE);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
	return NULL;
}

START_TEST(an_end_wakes_who_waits)
{
	struct zipc_stream *stream = new_stream(4);
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_end, NULL);
	ck_rc(zipc_stream_end(stream), 0);
	pthread_join(thread, NULL);
	zipc_stream_close(stream);
}
END_TEST

/* for who emits each result once */

START_TEST(an_emit_at_a_position_is_there_or_not_at_all)
{
	struct zipc_stream *stream = new_stream(64), *other = another();
	struct zipc_subscription *it = subscribe(stream, NULL,
						 ZIPC_STREAM_NEWEST);
	uint64_t tail, i, values[2] = { 1, 2 };

	for (i = 0; i < 10; i++) {
		ck_rc(zipc_stream_decide_all(stream, &tail), 0);
		ck_assert_uint_eq(tail, 3 * i + 1);
		ck_rc(zipc_stream_emit_at(stream, values, 2, tail, NULL), 2);
		ck_rc(zipc_stream_emit_at(other, values, 2, tail, NULL),
		      -EEXIST);
		ck_rc(zipc_stream_emit_at(other, values, 2, tail + 3, NULL),
		      -EEXIST);
		ck_rc(emit(other, 3), 0);
		next_all(it, 1, 3);
	}
	ck_rc(next(it), -EAGAIN);
	ck_rc(zipc_stream_end(stream), 0);
	ck_rc(zipc_stream_emit_at(other, values, 2, 31, NULL), -EPIPE);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
	zipc_stream_close(other);
}
END_TEST

START_TEST(a_look_tells_whether_next_would_wait)
{
	struct zipc_stream *stream = new_stream(4);
	struct zipc_subscription *it = subscribe(stream, NULL,
						 ZIPC_STREAM_NEWEST);

	ck_assert(!zipc_subscription_ready(it));
	ck_rc(emit(stream, 1), 0);
	ck_assert(zipc_subscription_ready(it));
	ck_assert_int_eq(next(it), 1);
	ck_assert(!zipc_subscription_ready(it));
	ck_rc(zipc_stream_end(stream), 0);
	ck_assert(zipc_subscription_ready(it));
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

/* crashes: the words of who died in the middle, as it left them */

static struct zipc_place_ring *ring_of(struct zipc_stream *stream)
{
	return stream->places.ring;
}

/* A producer that dies behind its claim, its element not yet published. */
static void die_claiming(void *context)
{
	struct zipc_stream *stream = context;
	uint64_t T = zipc_places_tail(&stream->places);

	ck_rc(zipc_stream_enter(&stream->shape), 0);
	ck_rc(zipc_places_become_writer(&stream->places), 0);
	ck_assert(zipc_places_claim(stream->places.ring, stream->places.mine,
				    &T, 1));
	tell_parent();
	raise(SIGSTOP);
	ck_assert(zipc_places_publish(
			  stream->places.mine,
			  zipc_slot(&stream->places, T), T,
			  &(uint64_t){ 666 }, 8,
			  zipc_claim(T, 1, ZIPC_OPEN), false) ||
		  !zipc_places_answer(&stream->places, T, 1, 0));
}

static struct child stop_claiming(struct zipc_stream *stream)
{
	struct child child = child_start(die_claiming, stream);

	child_hear(&child);
	child_stops(&child);
	return child;
}

START_TEST(readers_pass_what_a_dead_producer_left)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_subscription *a, *b;
	struct child child;

	a = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	b = subscribe(stream, "b", ZIPC_STREAM_NEWEST);
	emit_all(stream, 1, 2);
	child = stop_claiming(stream);
	child_kill(&child);
	next_all(a, 1, 2);
	ck_rc(next(a), -EAGAIN); /* it may come yet, as far as this tells */
	emit_all(stream, 3, 4);
	next_all(a, 3, 4);
	next_all(b, 1, 4);
	ck_rc(next(a), -EAGAIN);
	ck_rc(next(b), -EAGAIN);
	ck_assert_uint_eq(zipc_stream_lost(a) + zipc_stream_lost(b), 0);
	emit_all(stream, 5, 12);
	next_all(b, 5, 12);
	next_all(a, 5, 12);
	zipc_stream_leave(a);
	zipc_stream_unsubscribe(b);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(producers_pass_what_a_dead_producer_left)
{
	struct zipc_stream *stream = new_stream(8);
	struct child child = stop_claiming(stream);
	struct zipc_subscription *it;

	child_kill(&child);
	emit_all(stream, 1, 100);
	it = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	next_all(it, 93, 100);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(a_stopped_producer_holds_up_nobody_and_emits_again_later)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_subscription *it = subscribe(stream, "n",
						 ZIPC_STREAM_NEWEST);
	struct child child = stop_claiming(stream);
	int64_t i;

	for (i = 0; i < 30; i++) {
		emit_all(stream, 8 * (uint64_t)i + 1, 8 * (uint64_t)i + 8);
		next_all(it, 8 * i + 1, 8 * i + 8);
	}
	child_continue(&child);
	child_end(&child);
	ck_rc(next(it), -EAGAIN);
	emit_all(stream, 1, 8);
	next_all(it, 1, 8);
	/* Who needs no more settling looks at the turn alone. */
	ck_assert_uint_eq(atomic_load_explicit(&ring_of(stream)->active,
					       memory_order_relaxed) & 1, 0);
	ck_assert_uint_eq(zipc_stream_lost(it), 0);
	zipc_stream_unsubscribe(it);
	zipc_stream_close(stream);
}
END_TEST

/* Its turn is stored when it was revoked, and not taken back yet. */
START_TEST(what_is_published_too_late_takes_no_room)
{
	struct zipc_stream *stream = new_stream(2);
	struct zipc_subscription *named, *it;
	struct child child;
	uint64_t T, three = 3;

	named = subscribe(stream, "n", ZIPC_STREAM_NEWEST);
	it = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	T = zipc_places_tail(&stream->places);
	child = stop_claiming(stream);
	emit_all(stream, 1, 1);
	next_all(it, 1, 1);
	atomic_store_explicit(&zipc_slot(&stream->places, T)->turn, T,
			      memory_order_release);
	emit_all(stream, 2, 2);
	ck_rc(zipc_stream_emit(stream, &three, ZIPC_NOWAIT), -EAGAIN);
	next_all(named, 1, 2);
	child_continue(&child);
	child_end(&child);
	ck_rc(next(named), -EAGAIN);
	emit_all(stream, 1, 2);
	next_all(named, 1, 2);
	zipc_stream_leave(it);
	zipc_stream_unsubscribe(named);
	zipc_stream_close(stream);
}
END_TEST

/* Its entry is written, and not counted; nobody will do that any more. */
START_TEST(a_derived_stream_that_was_not_committed_holds_nobody_back)
{
	struct zipc_stream *stream = new_stream(2);
	struct zipc_segment *at = stream->shape.segment;
	struct zipc_subscription_record *record = stream->shape.records;
	uint64_t next;
	uint32_t count;

	zipc_stream_leave(subscribe(stream, "d", ZIPC_STREAM_NEWEST));
	ck_rc(zipc_table_state(at, &count, &next), 0);
	atomic_store_explicit(&record->holder, zipc_derived_holder(count, 0),
			      memory_order_release);
	atomic_store_explicit(&zipc_table_entry(at, count)->extent,
			      stream->shape.use.extent, memory_order_release);
	emit_all(stream, 1, 5);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(who_only_reads_passes_a_dead_producer_too)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_segment *watched = read_only();
	struct zipc_stream *other = another_in(watched);
	struct zipc_subscription *it = subscribe(other, NULL,
						 ZIPC_STREAM_NEWEST);
	struct child child = stop_claiming(stream);
	uint64_t value;

	child_kill(&child);
	emit_all(stream, 1, 1);
	ck_rc(zipc_stream_next(it, &value, 60 * SECOND), 0);
	ck_assert_uint_eq(value, 1);
	ck_assert_uint_eq(zipc_stream_lost(it), 1); /* it can not tell */
	zipc_stream_leave(it);
	zipc_stream_close(other);
	zipc_segment_close(watched);
	zipc_stream_close(stream);
}
END_TEST

/* With one who only reads, and one who settles. */
START_TEST(an_end_behind_a_dead_producer_is_told)
{
	struct zipc_stream *stream = new_stream(8), *other;
	struct zipc_segment *watched = read_only();
	struct child child = stop_claiming(stream);
	struct zipc_subscription *it;
	uint64_t value;

	other = another_in(_i ? watched : segment);
	it = subscribe(other, NULL, ZIPC_STREAM_OLDEST);
	child_kill(&child);
	ck_assert(!zipc_subscription_ready(it));
	ck_rc(zipc_stream_end(stream), 0);
	ck_assert(zipc_subscription_ready(it));
	ck_rc(zipc_stream_next(it, &value, 60 * SECOND), -EPIPE);
	ck_assert_uint_eq(zipc_stream_lost(it), _i ? 1 : 0);
	zipc_stream_leave(it);
	zipc_stream_close(other);
	zipc_segment_close(watched);
	zipc_stream_close(stream);
}
END_TEST

/* One who settles died when it had asked: what is published is undecided. */
START_TEST(a_question_of_a_dead_settler_is_ended_by_who_reads)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_subscription *it = subscribe(stream, NULL,
						 ZIPC_STREAM_NEWEST);

	ck_rc(emit(stream, 1), 0);
	atomic_store_explicit(&ring_of(stream)->active, 3,
			      memory_order_relaxed);
	atomic_store_explicit(&ring_of(stream)->verdict,
			      zipc_verdict(1, ZIPC_ASKING),
			      memory_order_relaxed);
	ck_assert(zipc_subscription_ready(it));
	next_all(it, 1, 1);
	ck_rc(next(it), -EAGAIN);
	ck_assert(!zipc_subscription_ready(it));
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

static void die_subscribed(void *context)
{
	struct zipc_subscription *it = subscribe(context, "n",
						 ZIPC_STREAM_OLDEST);

	next_all(it, 1, 2);
	raise(SIGKILL);
}

START_TEST(a_dead_readers_named_subscription_waits_for_the_next)
{
	struct zipc_stream *stream = new_stream_with(ZIPC_STREAM_BLOCK, 4);
	struct zipc_subscription *it;
	struct child child;

	emit_all(stream, 1, 4);
	child = child_start(die_subscribed, stream);
	child_reap(&child);
	emit_all(stream, 5, 6);
	ck_rc(emit(stream, 7), -EAGAIN);
	it = subscribe(stream, "n", ZIPC_STREAM_STOOD);
	next_all(it, 3, 6);
	zipc_stream_unsubscribe(it);
	child = child_start(die_subscribed, stream);
	child_reap(&child);
	zipc_stream_close(stream);
}
END_TEST

struct inherited {
	struct zipc_stream *stream;
	struct zipc_subscription *mine, *named;
};

static void use_inherited(void *context)
{
	struct inherited *it = context;

	next_all(it->mine, 2, 3);
	ck_rc(next(it->named), -EBUSY);
	ck_rc(emit(it->stream, 4), 0);
	zipc_stream_unsubscribe(it->named);
	zipc_stream_leave(it->mine);
	zipc_stream_close(it->stream);
}

START_TEST(a_forked_child_reads_on_privately_and_emits)
{
	struct inherited it = { .stream = new_stream(8) };
	struct child child;

	it.mine = subscribe(it.stream, NULL, ZIPC_STREAM_NEWEST);
	it.named = subscribe(it.stream, "n", ZIPC_STREAM_NEWEST);
	emit_all(it.stream, 1, 3);
	ck_assert_int_eq(next(it.mine), 1);
	child = child_start(use_inherited, &it);
	child_end(&child);
	next_all(it.mine, 2, 4);
	next_all(it.named, 1, 4);
	zipc_stream_unsubscribe(it.named);
	zipc_stream_leave(it.mine);
	zipc_stream_close(it.stream);
}
END_TEST

/* no system calls */

static struct inherited quiet;

static void warm_up(void *context)
{
	(void)context;
	emit_all(quiet.stream, 1, 1);
	quiet.mine = subscribe(quiet.stream, NULL, ZIPC_STREAM_NEWEST);
	quiet.named = subscribe(quiet.stream, "n", ZIPC_STREAM_NEWEST);
	emit_all(quiet.stream, 1, 1);
	next_all(quiet.mine, 1, 1);
	next_all(quiet.named, 1, 1);
}

static void work_quietly(void *context)
{
	uint64_t i;

	(void)context;
	for (i = 1; i <= 1000; i++) {
		emit_all(quiet.stream, i, i);
		ck_assert(zipc_subscription_ready(quiet.mine));
		next_all(quiet.mine, (int64_t)i, (int64_t)i);
		next_all(quiet.named, (int64_t)i, (int64_t)i);
	}
	ck_rc(next(quiet.mine), -EAGAIN);
	for (i = 1; i <= 16; i++)
		emit_all(quiet.stream, i, i);
	ck_rc(emit(quiet.stream, 17), -EAGAIN);
}

START_TEST(emit_and_next_make_no_system_call)
{
	quiet.stream = new_stream(16);
	must_make_no_system_call(warm_up, work_quietly, NULL);
	zipc_stream_close(quiet.stream);
}
END_TEST

/* damage */

START_TEST(damaged_constants_are_told)
{
	struct zipc_stream *stream = new_stream(8), *other;
	struct zipc_stream_words *words = stream->shape.words;
	struct zipc_place_ring *ring = ring_of(stream);

	switch (_i) {
	case 0:
		words->policy = 4;
		break;
	case 1:
		words->options = 2;
		break;
	case 2:
		words->subscriptions = 1025;
		break;
	case 3:
		words->subscriptions_offset += 64;
		break;
	case 4:
		ring->stream_offset = UINT64_MAX - 63;
		break;
	case 5:
		ring->slots_offset -= 64;
		break;
	}
	ck_rc(zipc_stream_open(&other, segment, "s", NULL), -EBADMSG);
	ck_message("is damaged");
	zipc_stream_close(stream);
}
END_TEST

/* Words that change: nobody crashes, or goes round for ever. */
START_TEST(damaged_positions_are_survived)
{
	static const uint64_t values[] = { 0, 1, 5, 100, UINT64_MAX >> 3,
					   UINT64_MAX >> 1, UINT64_MAX };
	struct zipc_stream *stream = new_stream(8);
	struct zipc_place_ring *ring = ring_of(stream);
	struct zipc_stream_words *words = stream->shape.words;
	_Atomic uint64_t *const spots[] = {
		&ring->head, &ring->tail, &ring->verdict, &ring->active,
		&ring->given_up, &words->hold, &words->wanted,
		&stream->shape.records[0].position,
		&zipc_slot(&stream->places, 12)->turn
	};
	struct zipc_subscription *a, *b;
	int i, j;

	a = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	b = subscribe(stream, "b", ZIPC_STREAM_NEWEST);
	emit_all(stream, 1, 8);
	next_all(b, 1, 8);
	emit_all(stream, 9, 12);
	for (i = 0; i < 7; i++)
		for (j = 0; j < 3; j++) {
			atomic_store_explicit(spots[_i], values[i],
					      memory_order_relaxed);
			emit(stream, 1);
			next(a);
			next(b);
		}
	zipc_stream_leave(a);
	zipc_stream_leave(b);
	zipc_stream_close(stream);
}
END_TEST

/* All slots are empty, and said to be far behind: no holes without end. */
START_TEST(positions_that_are_all_holes_come_to_an_end)
{
	struct zipc_stream *stream = new_stream(8);
	struct zipc_place_ring *ring = ring_of(stream);
	struct zipc_subscription *it;
	uint64_t i;

	emit_all(stream, 1, 12);
	it = subscribe(stream, NULL, ZIPC_STREAM_NEWEST);
	for (i = 0; i < stream->places.slot_count; i++)
		atomic_store_explicit(&zipc_slot(&stream->places, i)->turn, 1,
				      memory_order_relaxed);
	atomic_store_explicit(&ring->head, UINT64_C(1) << 50,
			      memory_order_relaxed);
	atomic_store_explicit(&ring->tail, UINT64_C(1) << 50,
			      memory_order_relaxed);
	ck_assert(zipc_subscription_ready(it));
	ck_rc(next(it), -EAGAIN);
	ck_assert_uint_gt(zipc_stream_lost(it), UINT64_C(1) << 49);
	ck_assert(!zipc_subscription_ready(it));
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

/* threads */

#define PRODUCERS 3
#define READERS 3
#define EACH 20000u

static void *produce(void *context)
{
	uint64_t id = (uint64_t)(uintptr_t)context, i, batch[7];
	struct zipc_stream *stream = another();
	unsigned k;

	for (i = 1; i <= EACH;) {
		for (k = 0; k < 1 + i % 7 && i <= EACH; k++, i++)
			batch[k] = id << 32 | i;
		ck_rc(zipc_stream_emit_n(stream, batch, k, 60 * SECOND), k);
	}
	zipc_stream_close(stream);
	return NULL;
}

struct reading {
	struct zipc_subscription *it;
	uint64_t came, sum;
};

/* Each producer's in order; a named one's without a gap. */
static void *consume(void *context)
{
	struct reading *reading = context;
	uint64_t values[5], last[PRODUCERS] = { 0 }, who, number;
	int64_t n, i;

	for (;;) {
		n = zipc_stream_next_n(reading->it, values, 5, 60 * SECOND);
		if (n == -EPIPE)
			return NULL;
		ck_assert_msg(n > 0, "next_n: %s", zipc_last_error());
		for (i = 0; i < n; i++) {
			who = values[i] >> 32;
			number = values[i] & UINT32_MAX;
			ck_assert_uint_lt(who, PRODUCERS);
			ck_assert_uint_gt(number, last[who]);
			last[who] = number;
			reading->sum = reading->sum * 31 + values[i];
		}
		reading->came += (uint64_t)n;
	}
}

START_TEST(threads_see_one_order_and_named_ones_all_of_it)
{
	static const char *const names[] = { "a", "b", NULL };
	struct zipc_stream *stream = new_stream(64);
	struct reading readings[READERS] = { { 0 } };
	pthread_t producers[PRODUCERS], readers[READERS];
	uintptr_t i;

	for (i = 0; i < READERS; i++) {
		readings[i].it = subscribe(stream, names[i],
					   ZIPC_STREAM_OLDEST);
		pthread_create(&readers[i], NULL, consume, &readings[i]);
	}
	for (i = 0; i < PRODUCERS; i++)
		pthread_create(&producers[i], NULL, produce, (void *)i);
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(producers[i], NULL);
	ck_rc(zipc_stream_end(stream), 0);
	for (i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	ck_assert_uint_eq(readings[0].came, PRODUCERS * EACH);
	ck_assert_uint_eq(readings[1].came, PRODUCERS * EACH);
	ck_assert_uint_eq(readings[0].sum, readings[1].sum);
	ck_assert_uint_eq(zipc_stream_lost(readings[0].it) +
				  zipc_stream_lost(readings[1].it), 0);
	ck_assert_uint_ge(readings[2].came + zipc_stream_lost(readings[2].it),
			  PRODUCERS * EACH);
	for (i = 0; i < READERS; i++)
		zipc_stream_unsubscribe(readings[i].it);
	zipc_stream_close(stream);
}
END_TEST

/* elements that are overwritten while they are read */

#define WORDS 64
#define LAPPED 20000u

struct overwriting {
	_Atomic bool over;
	int batch;
};

static void *overwrite(void *context)
{
	struct overwriting *it = context;
	struct zipc_stream *stream;
	uint64_t elems[4][WORDS], value = 1;
	int i, j;

	ck_rc(zipc_stream_open(&stream, segment, "s", NULL), 0);
	while (!atomic_load_explicit(&it->over, memory_order_relaxed)) {
		for (i = 0; i < it->batch; i++, value++)
			for (j = 0; j < WORDS; j++)
				elems[i][j] = value;
		ck_rc(it->batch > 1 ? zipc_stream_emit_n(stream, elems,
							 (uint64_t)it->batch,
							 ZIPC_NOWAIT)
				    : 1 + zipc_stream_emit(stream, elems,
							   ZIPC_NOWAIT),
		      it->batch);
	}
	zipc_stream_close(stream);
	return NULL;
}

/* One is emitted at each position, so what came or was lost is its number. */
START_TEST(who_is_lapped_all_the_time_reads_nothing_torn)
{
	struct zipc_stream_options options = { .max_writers = 1 };
	struct overwriting other = { .batch = _i ? 4 : 1 };
	struct zipc_subscription *it;
	struct zipc_stream *stream;
	uint64_t elem[WORDS], came;
	pthread_t thread;
	int j;

	ck_rc(zipc_stream_create_with(&stream, segment, "s", "u64[64]", 4,
				      &options), 0);
	it = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	pthread_create(&thread, NULL, overwrite, &other);
	for (came = 1; came <= LAPPED; came++) {
		ck_rc(zipc_stream_next(it, elem, 60 * SECOND), 0);
		ck_assert_uint_eq(elem[0], came + zipc_stream_lost(it));
		for (j = 1; j < WORDS; j++)
			ck_assert_uint_eq(elem[j], elem[0]);
	}
	atomic_store_explicit(&other.over, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

static void add_reading(TCase *tc)
{
	tcase_add_test(tc, each_subscriber_sees_every_element_in_order);
	tcase_add_test(tc, a_late_joiner_reads_what_is_retained);
	tcase_add_test(tc, who_is_lapped_is_told_how_many_it_lost);
	tcase_add_test(tc, what_was_lost_is_counted_exactly);
	tcase_add_test(tc, batches_go_in_and_come_out_whole);
	tcase_add_loop_test(tc, elements_of_any_size_come_out_whole, 0, 8);
	tcase_add_test(tc, elements_have_their_times_if_asked);
	tcase_add_test(tc, a_stream_without_times_says_so);
	tcase_add_test(tc, an_ended_stream_is_read_to_its_last_element);
	tcase_add_test(tc, a_private_subscription_needs_no_right_to_write);
}

static void add_named(TCase *tc)
{
	tcase_add_test(tc, a_named_subscription_goes_on_where_it_stood);
	tcase_add_test(tc, a_named_subscription_has_one_reader);
	tcase_add_test(tc, subscriptions_are_as_many_as_were_asked_for);
	tcase_add_test(tc, a_named_subscription_blocks_who_emits);
	tcase_add_test(tc, the_slowest_of_them_counts);
	tcase_add_test(tc, new_elements_are_dropped_and_counted);
	tcase_add_test(
		tc, old_elements_are_dropped_and_the_loss_outlives_its_reader);
	tcase_add_test(tc,
		       a_new_named_one_begins_with_the_oldest_that_it_can_hold);
	tcase_add_test(tc, what_can_not_be_is_refused);
	tcase_add_test(tc, writers_are_as_many_as_were_asked_for);
}

static void add_crashes(TCase *tc)
{
	tcase_add_test(tc, readers_pass_what_a_dead_producer_left);
	tcase_add_test(tc, producers_pass_what_a_dead_producer_left);
	tcase_add_test(
		tc, a_stopped_producer_holds_up_nobody_and_emits_again_later);
	tcase_add_test(tc, what_is_published_too_late_takes_no_room);
	tcase_add_test(
		tc, a_derived_stream_that_was_not_committed_holds_nobody_back);
	tcase_add_test(tc, who_only_reads_passes_a_dead_producer_too);
	tcase_add_loop_test(tc, an_end_behind_a_dead_producer_is_told, 0, 2);
	tcase_add_test(tc,
		       a_question_of_a_dead_settler_is_ended_by_who_reads);
	tcase_add_test(tc,
		       a_dead_readers_named_subscription_waits_for_the_next);
	tcase_add_test(tc, a_forked_child_reads_on_privately_and_emits);
}

static Suite *stream_suite(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = test_case(suite, "read", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	add_reading(tc);
	tc = test_case(suite, "named", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	add_named(tc);
	tc = test_case(suite, "wait", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, every_waiting_subscriber_is_woken);
	tcase_add_test(tc, room_wakes_who_waits_to_emit);
	tcase_add_test(tc, an_end_wakes_who_waits);
	tcase_add_test(tc, an_emit_at_a_position_is_there_or_not_at_all);
	tcase_add_test(tc, a_look_tells_whether_next_would_wait);
	tcase_add_test(tc, emit_and_next_make_no_system_call);
	tc = test_case(suite, "crash", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	add_crashes(tc);
	tc = test_case(suite, "damage", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, damaged_constants_are_told, 0, 6);
	tcase_add_loop_test(tc, damaged_positions_are_survived, 0, 9);
	tcase_add_test(tc, positions_that_are_all_holes_come_to_an_end);
	tc = test_case(suite, "threads", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, threads_see_one_order_and_named_ones_all_of_it);
	tc = test_case(suite, "lapped", "medium", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, who_is_lapped_all_the_time_reads_nothing_torn,
			    0, 2);
	return suite;
}

TEST_MAIN(stream_suite)
