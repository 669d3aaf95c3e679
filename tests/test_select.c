/* SPDX-License-Identifier: MIT */
/* Select's promises, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/channel.h"
#include "../libzeroipc/future.h"
#include "../libzeroipc/wait.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define MS INT64_C(1000000)
#define LONG (60000 * MS)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("select"), 16 << 20,
				  NULL), 0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_channel *channel_of(const char *name, uint64_t capacity)
{
	struct zipc_channel *channel;

	ck_rc(zipc_channel_open_or_create(&channel, segment, name, "u64",
					  capacity), 0);
	return channel;
}

static struct zipc_case recv_from(struct zipc_channel *channel, uint64_t *elem)
{
	return (struct zipc_case){ ZIPC_RECV, channel, elem, 1 };
}

static struct zipc_case send_to(struct zipc_channel *channel, uint64_t *elem)
{
	return (struct zipc_case){ ZIPC_SEND, channel, elem, 1 };
}

/* trying */

START_TEST(the_one_that_can_be_done_is)
{
	struct zipc_channel *a = channel_of("a", 4), *b = channel_of("b", 4);
	uint64_t one = 1, two = 2, value = 7;
	struct zipc_case cases[] = { recv_from(a, &one), recv_from(b, &two) };

	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_select(cases, 2, MS), -ETIMEDOUT);
	ck_rc(zipc_channel_send(b, &value, ZIPC_NOWAIT), 0);
	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), 1);
	ck_rc(cases[0].result, -EAGAIN);
	ck_rc(cases[1].result, 0);
	ck_assert_uint_eq(two, 7);
	ck_assert_uint_eq(one, 1);
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

START_TEST(each_has_its_turn_and_only_one_happens)
{
	struct zipc_channel *c[4];
	struct zipc_case cases[4];
	uint64_t elems[4], value, i, k, times[4] = { 0 };
	char name[8];

	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "c%d", (int)i);
		c[i] = channel_of(name, 500);
		for (value = 0; value < 400; value++)
			ck_rc(zipc_channel_send(c[i], &value, ZIPC_NOWAIT), 0);
		cases[i] = recv_from(c[i], &elems[i]);
	}
	for (i = 0; i < 400; i++) {
		int happened = zipc_select(cases, 4, ZIPC_FOREVER);

		ck_assert_int_ge(happened, 0);
		ck_assert_uint_eq(elems[happened], times[happened]);
		times[happened]++;
		for (k = 0; k < 4; k++)
			ck_assert_uint_eq(zipc_channel_size(c[k]),
					  400 - times[k]);
	}
	/* By chance below 40 of 400: once in 10^13 runs. */
	for (i = 0; i < 4; i++) {
		ck_assert_uint_gt(times[i], 40);
		zipc_channel_release(c[i]);
	}
}
END_TEST

START_TEST(a_closed_channel_happens)
{
	struct zipc_channel *a = channel_of("a", 4), *b = channel_of("b", 0);
	uint64_t one = 1, two = 2;
	struct zipc_case cases[] = { recv_from(a, &one), send_to(b, &two) };

	ck_rc(zipc_select(cases, 2, MS), -ETIMEDOUT);
	ck_rc(zipc_channel_close(b), 0);
	ck_rc(zipc_select(cases, 2, ZIPC_FOREVER), 1);
	ck_rc(cases[1].result, -EPIPE);
	ck_rc(zipc_select(cases, 1, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_close(a), 0);
	ck_rc(zipc_select(cases, 1, ZIPC_FOREVER), 0);
	ck_rc(cases[0].result, -EPIPE);
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

START_TEST(queues_latches_events_and_semaphores_are_cases)
{
	struct zipc_queue *queue;
	struct zipc_latch *latch;
	struct zipc_event *event;
	struct zipc_semaphore *semaphore;
	uint64_t in = 5, out = 0;
	struct zipc_case cases[5] = { { 0 } };

	ck_rc(zipc_queue_create(&queue, segment, "q", "u64", 1), 0);
	ck_rc(zipc_latch_create(&latch, segment, "l", 1), 0);
	ck_rc(zipc_event_create(&event, segment, "e", ZIPC_AUTO_RESET), 0);
	ck_rc(zipc_semaphore_create(&semaphore, segment, "s", 0, 9), 0);
	cases[0] = (struct zipc_case){ ZIPC_RECV, queue, &out, 0 };
	cases[1] = (struct zipc_case){ ZIPC_WAIT, latch, NULL, 0 };
	cases[2] = (struct zipc_case){ ZIPC_WAIT, event, NULL, 0 };
	cases[3] = (struct zipc_case){ ZIPC_WAIT, semaphore, NULL, 0 };
	ck_rc(zipc_select(cases, 4, MS), -ETIMEDOUT);
	ck_rc(zipc_semaphore_release(semaphore, 1), 0);
	ck_rc(zipc_select(cases, 4, ZIPC_FOREVER), 3);
	ck_rc(zipc_select(cases, 4, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_event_set(event), 0);
	ck_rc(zipc_select(cases, 4, ZIPC_FOREVER), 2);
	ck_rc(zipc_select(cases, 4, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_queue_push(queue, &in, ZIPC_NOWAIT), 0);
	ck_rc(zipc_select(cases, 4, ZIPC_FOREVER), 0);
	ck_assert_uint_eq(out, 5);
	ck_rc(zipc_latch_count_down(latch, 1), 0);
	ck_rc(zipc_select(cases, 4, ZIPC_FOREVER), 1);
	cases[4] = (struct zipc_case){ ZIPC_SEND, queue, &in, 0 };
	ck_rc(zipc_select(cases + 4, 1, ZIPC_FOREVER), 0);
	ck_rc(zipc_select(cases + 4, 1, MS), -ETIMEDOUT);
	zipc_queue_close(queue);
	zipc_latch_close(latch);
	zipc_event_close(event);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(a_ring_reader_is_waited_for_and_reads_itself)
{
	struct zipc_ring *ring;
	struct zipc_ring_reader *reader;
	struct zipc_case wait = { .kind = ZIPC_WAIT };
	char byte;

	ck_rc(zipc_ring_create(&ring, segment, "r", 4096), 0);
	ck_rc(zipc_ring_reader_open(&reader, ring, ZIPC_RING_OLDEST), 0);
	wait.target = reader;
	ck_rc(zipc_select(&wait, 1, MS), -ETIMEDOUT);
	ck_rc(zipc_ring_write(ring, "x", 1, ZIPC_NOWAIT), 0);
	ck_rc(zipc_select(&wait, 1, ZIPC_FOREVER), 0);
	ck_rc(zipc_select(&wait, 1, ZIPC_FOREVER), 0);
	ck_rc(zipc_ring_read(reader, &byte, 1, ZIPC_NOWAIT), 1);
	ck_rc(zipc_select(&wait, 1, ZIPC_NOWAIT), -EAGAIN);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}
END_TEST

static struct zipc_future *future_of(const char *name)
{
	struct zipc_future *future;

	ck_rc(zipc_future_open_or_create(&future, segment, name, "u64"), 0);
	return future;
}

START_TEST(a_future_is_a_case_and_its_value_comes)
{
	struct zipc_channel *channel = channel_of("a", 4);
	struct zipc_future *future = future_of("f"), *other = future_of("f");
	struct zipc_future *failed = future_of("g");
	uint64_t in = 8, out[2] = { 0 };
	struct zipc_case cases[] = { recv_from(channel, &out[0]),
				     { ZIPC_WAIT, future, &out[1], 0 } };

	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_select(cases, 2, MS), -ETIMEDOUT);
	ck_rc(zipc_channel_send(channel, &in, ZIPC_NOWAIT), 0);
	ck_rc(zipc_select(cases, 2, LONG), 0);
	ck_rc(zipc_future_set(other, &in), 0);
	ck_rc(zipc_select(cases, 2, LONG), 1);
	ck_rc(cases[1].result, 0);
	ck_assert_uint_eq(out[1], 8);
	cases[1].elem = NULL;
	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), 1);
	ck_rc(cases[1].result, 0);
	cases[1] = (struct zipc_case){ ZIPC_WAIT, failed, &out[1], 0 };
	ck_rc(zipc_select(cases, 2, MS), -ETIMEDOUT);
	ck_rc(zipc_future_fail(failed, 4, "four"), 0);
	ck_rc(zipc_select(cases, 2, LONG), 1);
	ck_rc(cases[1].result, -ECANCELED);
	ck_message("four");
	ck_assert_uint_eq(out[1], 8);
	cases[1].kind = ZIPC_RECV;
	ck_rc(zipc_select(cases, 2, LONG), -EINVAL);
	zipc_future_close(failed);
	zipc_future_close(other);
	zipc_future_close(future);
	zipc_channel_release(channel);
}
END_TEST

static struct zipc_subscription *subscribe_to(struct zipc_stream **stream)
{
	struct zipc_subscription *it;

	ck_rc(zipc_stream_open_or_create(stream, segment, "s", "u64", 8), 0);
	ck_rc(zipc_stream_subscribe(&it, *stream, "n", ZIPC_STREAM_NEWEST), 0);
	return it;
}

START_TEST(a_subscription_is_a_case_and_its_next_element_comes)
{
	struct zipc_channel *channel = channel_of("a", 4);
	struct zipc_stream *stream;
	struct zipc_subscription *it = subscribe_to(&stream);
	uint64_t in, out[2] = { 0 };
	struct zipc_case cases[] = { recv_from(channel, &out[0]),
				     { ZIPC_WAIT, it, &out[1], 0 } };

	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_select(cases, 2, MS), -ETIMEDOUT);
	for (in = 1; in <= 20; in++) {
		ck_rc(zipc_stream_emit(stream, &in, ZIPC_NOWAIT), 0);
		ck_rc(zipc_select(cases, 2, LONG), 1);
		ck_rc(cases[1].result, 0);
		ck_assert_uint_eq(out[1], in);
	}
	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), -EAGAIN);
	cases[1].elem = NULL; /* nothing is read */
	ck_rc(zipc_stream_emit(stream, &in, ZIPC_NOWAIT), 0);
	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), 1);
	ck_rc(zipc_select(cases, 2, LONG), 1);
	ck_rc(zipc_stream_next(it, &out[1], ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(out[1], 21);
	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), -EAGAIN);
	cases[1].kind = ZIPC_RECV;
	ck_rc(zipc_select(cases, 2, LONG), -EINVAL);
	cases[1] = (struct zipc_case){ ZIPC_WAIT, stream, NULL, 0 };
	ck_rc(zipc_select(cases, 2, LONG), -EINVAL);
	ck_message("subscription");
	zipc_stream_unsubscribe(it);
	zipc_stream_close(stream);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(a_stream_that_has_ended_happens_behind_its_elements)
{
	struct zipc_stream *stream;
	struct zipc_subscription *it = subscribe_to(&stream);
	uint64_t value = 5;
	struct zipc_case one = { ZIPC_WAIT, it, _i ? &value : NULL, 0 };

	ck_rc(zipc_stream_emit(stream, &value, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stream_end(stream), 0);
	ck_rc(zipc_select(&one, 1, LONG), 0);
	ck_rc(one.result, 0);
	if (!_i)
		ck_rc(zipc_stream_next(it, &value, ZIPC_NOWAIT), 0);
	ck_rc(zipc_select(&one, 1, ZIPC_NOWAIT), 0);
	ck_rc(one.result, -EPIPE);
	ck_rc(zipc_select(&one, 1, LONG), 0);
	ck_rc(one.result, -EPIPE);
	ck_message("has ended");
	zipc_stream_unsubscribe(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(who_only_reads_a_stream_can_not_be_woken)
{
	struct zipc_stream *stream, *watched;
	struct zipc_subscription *it = subscribe_to(&stream);
	struct zipc_segment *other;
	struct zipc_case one = { ZIPC_WAIT, NULL, NULL, 0 };

	zipc_stream_unsubscribe(it);
	ck_rc(zipc_segment_open(&other, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_stream_open(&watched, other, "s", NULL), 0);
	ck_rc(zipc_stream_subscribe(&it, watched, NULL, ZIPC_STREAM_OLDEST),
	      0);
	one.target = it;
	ck_rc(zipc_select(&one, 1, ZIPC_NOWAIT), -EROFS);
	ck_message("can not be woken");
	zipc_stream_leave(it);
	zipc_stream_close(watched);
	zipc_segment_close(other);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct zipc_channel *a = channel_of("a", 0), *other;
	struct zipc_segment *again;
	uint64_t elem = 1;
	struct zipc_case cases[2] = { send_to(a, &elem), send_to(a, &elem) };

	ck_rc(zipc_select(cases, 0, ZIPC_FOREVER), -EINVAL);
	ck_rc(zipc_select(cases, 65537, ZIPC_FOREVER), -EINVAL);
	ck_rc(zipc_select(cases, 2, MS), -EINVAL);
	ck_message("same handle");
	ck_rc(zipc_segment_open(&again, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_channel_open(&other, again, "a", NULL), 0);
	cases[1].target = other;
	ck_rc(zipc_select(cases, 2, MS), -EINVAL);
	ck_message("segment handle");
	cases[0].kind = 9;
	ck_rc(zipc_select(cases, 1, MS), -EINVAL);
	ck_message("case 0");
	cases[0] = (struct zipc_case){ ZIPC_WAIT, a, NULL, 0 };
	ck_rc(zipc_select(cases, 1, MS), -EINVAL);
	cases[0] = (struct zipc_case){ ZIPC_SEND, a, NULL, 0 };
	ck_rc(zipc_select(cases, 1, MS), -EINVAL);
	cases[0] = (struct zipc_case){ ZIPC_SEND, NULL, &elem, 0 };
	ck_rc(zipc_select(cases, 1, MS), -EINVAL);
	zipc_channel_release(other);
	zipc_segment_close(again);
	zipc_channel_release(a);
}
END_TEST

/* meeting */

/* A thread with a select of its own: sends through some, receives from some. */
struct party {
	pthread_t thread;
	struct zipc_channel *channel[4];
	struct zipc_case cases[4];
	uint64_t elem[4];
	size_t n;
	int64_t timeout_ns;
	_Atomic pid_t tid;
	int rc;
};

static void add_case(struct party *it, int kind, const char *name,
		     uint64_t value)
{
	it->channel[it->n] = channel_of(name, 0);
	it->elem[it->n] = value;
	it->cases[it->n] = (struct zipc_case){ kind, it->channel[it->n],
					       &it->elem[it->n], 0 };
	it->n++;
}

static void *run_party(void *context)
{
	struct party *it = context;

	it->tid = gettid();
	it->rc = zipc_select(it->cases, it->n, it->timeout_ns);
	return NULL;
}

static void begin(struct party *it, int64_t timeout_ns)
{
	it->timeout_ns = timeout_ns;
	ck_assert(!pthread_create(&it->thread, NULL, run_party, it));
}

static void begin_asleep(struct party *it)
{
	begin(it, LONG);
	while (!it->tid)
		sched_yield();
	sleeps_in_futex(getpid(), it->tid);
}

static int end(struct party *it)
{
	size_t i;

	ck_assert(!pthread_join(it->thread, NULL));
	for (i = 0; i < it->n; i++)
		zipc_channel_release(it->channel[i]);
	return it->rc;
}

START_TEST(one_of_several_offers_is_taken)
{
	struct zipc_channel *c[3];
	struct party party = { .n = 0 };
	static const char *const names[] = { "a", "b", "c" };
	uint64_t elem = 0;
	int i;

	for (i = 0; i < 3; i++) {
		add_case(&party, ZIPC_SEND, names[i], 10 + (uint64_t)i);
		c[i] = channel_of(names[i], 0);
	}
	begin_asleep(&party);
	/* In the channel that has the ticket, or in another. */
	ck_rc(zipc_channel_recv(c[_i], &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 10 + (uint64_t)_i);
	ck_rc(end(&party), _i);
	for (i = 0; i < 3; i++) {
		ck_rc(party.cases[i].result, i == _i ? 0 : -EAGAIN);
		ck_rc(zipc_channel_recv(c[i], &elem, ZIPC_NOWAIT), -EAGAIN);
		zipc_channel_release(c[i]);
	}
}
END_TEST

START_TEST(offers_whose_time_is_over_are_taken_back)
{
	struct party party = { .n = 0 };
	struct zipc_channel *a = channel_of("a", 0), *b = channel_of("b", 0);
	uint64_t elem;

	add_case(&party, ZIPC_SEND, "a", 1);
	add_case(&party, ZIPC_SEND, "b", 2);
	begin(&party, 1);
	ck_rc(end(&party), -ETIMEDOUT);
	ck_rc(zipc_channel_recv(a, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_recv(b, &elem, ZIPC_NOWAIT), -EAGAIN);
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

START_TEST(a_select_that_sleeps_receives)
{
	struct party party = { .n = 0 };
	struct zipc_channel *b = channel_of("b", 0);
	uint64_t elem = 9;

	add_case(&party, ZIPC_SEND, "a", 1);
	add_case(&party, ZIPC_RECV, "b", 0);
	begin_asleep(&party);
	ck_rc(zipc_channel_send(b, &elem, LONG), 0);
	ck_rc(end(&party), 1);
	ck_assert_uint_eq(party.elem[1], 9);
	zipc_channel_release(b);
}
END_TEST

START_TEST(who_offers_and_receives_in_one_channel_does_not_meet_itself)
{
	struct party party = { .n = 0 };

	add_case(&party, ZIPC_SEND, "a", 1);
	add_case(&party, ZIPC_RECV, "a", 0);
	begin(&party, 20 * MS);
	ck_rc(end(&party), -ETIMEDOUT);
}
END_TEST

/* Beside an offer, when its turn is to look, and beside none. */
START_TEST(a_select_that_sleeps_is_told_of_a_future)
{
	struct party party = { .n = 0 };
	struct zipc_future *future = future_of("f"), *promiser = future_of("f");
	uint64_t value = 6, out = 0;
	bool sets = _i & 1;

	add_case(&party, _i & 2 ? ZIPC_SEND : ZIPC_RECV, "a", 1);
	party.cases[party.n++] =
		(struct zipc_case){ ZIPC_WAIT, future, &out, 0 };
	ck_rc(zipc_future_promise(promiser), 0);
	begin_asleep(&party);
	if (sets)
		ck_rc(zipc_future_set(promiser, &value), 0);
	zipc_future_close(promiser);
	ck_rc(end(&party), 1);
	ck_rc(party.cases[0].result, -EAGAIN);
	ck_rc(party.cases[1].result, sets ? 0 : -EOWNERDEAD);
	ck_assert_uint_eq(out, sets ? 6 : 0);
	zipc_future_close(future);
}
END_TEST

/* The same of an element, or an end. */
START_TEST(a_select_that_sleeps_is_told_of_a_stream)
{
	struct party party = { .n = 0 };
	struct zipc_stream *stream;
	struct zipc_subscription *it = subscribe_to(&stream);
	uint64_t value = 6, out = 0;
	bool emits = _i & 1;

	add_case(&party, _i & 2 ? ZIPC_SEND : ZIPC_RECV, "a", 1);
	party.cases[party.n++] = (struct zipc_case){ ZIPC_WAIT, it, &out, 0 };
	begin_asleep(&party);
	if (emits)
		ck_rc(zipc_stream_emit(stream, &value, ZIPC_NOWAIT), 0);
	else
		ck_rc(zipc_stream_end(stream), 0);
	ck_rc(end(&party), 1);
	ck_rc(party.cases[0].result, -EAGAIN);
	ck_rc(party.cases[1].result, emits ? 0 : -EPIPE);
	ck_assert_uint_eq(out, emits ? 6 : 0);
	zipc_stream_unsubscribe(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(closing_wakes_a_select)
{
	struct party party = { .n = 0 };
	struct zipc_channel *b = channel_of("b", 0);

	add_case(&party, ZIPC_SEND, "a", 1);
	add_case(&party, _i ? ZIPC_SEND : ZIPC_RECV, "b", 0);
	begin_asleep(&party);
	ck_rc(zipc_channel_close(b), 0);
	ck_rc(end(&party), 1);
	ck_rc(party.cases[1].result, -EPIPE);
	zipc_channel_release(b);
}
END_TEST

START_TEST(who_sleeps_has_one_napper_at_each_event)
{
	struct party party = { .n = 0 };
	struct zipc_channel *a = channel_of("a", 0);
	_Atomic uint32_t *nappers = a->meet.readable->nappers;

	add_case(&party, ZIPC_RECV, "a", 0);
	add_case(&party, ZIPC_RECV, "b", 0);
	add_case(&party, ZIPC_RECV, "a", 0);
	begin_asleep(&party);
	ck_assert_uint_ne(nappers[0], 0);
	ck_assert_uint_eq(nappers[1], 0);
	ck_rc(zipc_channel_close(a), 0);
	ck_assert_int_ne(end(&party), 1);
	zipc_channel_release(a);
}
END_TEST

START_TEST(own_offers_through_another_segment_handle_are_not_met)
{
	struct party party = { .n = 0 };
	struct zipc_segment *again, *first = segment;
	struct zipc_channel *a;

	add_case(&party, ZIPC_SEND, "a", 1);
	ck_rc(zipc_segment_open(&again, zipc_segment_name(segment), 0), 0);
	segment = again;
	add_case(&party, ZIPC_RECV, "a", 0);
	a = channel_of("a", 0);
	segment = first;
	/* It would else find something all the time. */
	begin_asleep(&party);
	ck_rc(zipc_channel_close(a), 0);
	ck_assert_int_ge(end(&party), 0);
	zipc_channel_release(a);
	zipc_segment_close(again);
}
END_TEST

/* In the first or the second of them the ticket was, or would be. */
START_TEST(offers_are_taken_beside_a_channel_that_is_removed)
{
	struct party party = { .n = 0 };
	bool before = _i & 1, first = _i & 2;
	struct zipc_channel *left = channel_of(first ? "b" : "a", 0);
	uint64_t elem = 0;

	add_case(&party, ZIPC_SEND, "a", 1);
	add_case(&party, ZIPC_SEND, "b", 2);
	if (before)
		ck_rc(zipc_segment_remove(segment, first ? "a" : "b"), 0);
	begin_asleep(&party);
	if (!before)
		ck_rc(zipc_segment_remove(segment, first ? "a" : "b"), 0);
	ck_rc(zipc_channel_recv(left, &elem, LONG), 0);
	ck_assert_uint_eq(elem, first ? 2 : 1);
	ck_rc(end(&party), first);
	zipc_channel_release(left);
}
END_TEST

/* The ticket of its offers is damaged while it sleeps; then it goes on. */
START_TEST(damage_is_told_and_leaves_nothing_out)
{
	struct zipc_channel *a = channel_of("a", 0), *b = channel_of("b", 0);
	struct party party = { .n = 0 };
	struct zipc_offer *offer;
	uint64_t elem;

	add_case(&party, ZIPC_SEND, "a", 1);
	add_case(&party, ZIPC_SEND, "b", 2);
	begin_asleep(&party);
	offer = (void *)party.channel[0]->meet.offers;
	ck_assert_uint_eq(zipc_ticket_state(offer->ticket),
			  ZIPC_TICKET_WAITING);
	offer->ticket -= ZIPC_TICKET_WAITING;
	zipc_wake_sleepers(&offer->event, 1);
	ck_assert(!pthread_join(party.thread, NULL));
	ck_rc(party.rc, -EBADMSG);
	ck_assert_uint_eq(party.channel[1]->meet.senders[0].posted % 2, 1);
	ck_rc(zipc_channel_recv(b, &elem, ZIPC_NOWAIT), -EAGAIN);
	/* The next offer's ticket is sound. */
	party.tid = 0;
	begin_asleep(&party);
	ck_rc(zipc_channel_recv(b, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 2);
	ck_rc(end(&party), 1);
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

static void *receive_for_ever(void *context)
{
	struct party *it = context;

	it->tid = gettid();
	do
		it->rc = zipc_channel_recv(it->channel[0], &it->elem[0], LONG);
	while (!it->rc);
	return NULL;
}

/* What it could always receive is not all that ever happens. */
START_TEST(a_send_has_its_turn_beside_what_can_always_be_received)
{
	struct zipc_channel *a = channel_of("a", 0), *b = channel_of("b", 4);
	struct party receiver = { .n = 0 };
	uint64_t out = 3, in;
	struct zipc_case cases[] = { send_to(a, &out), recv_from(b, &in) };
	int happened, tries = 0;

	add_case(&receiver, ZIPC_RECV, "a", 0);
	ck_assert(!pthread_create(&receiver.thread, NULL, receive_for_ever,
				  &receiver));
	/* Tries are faster than a thread begins. */
	while (!receiver.tid)
		sched_yield();
	sleeps_in_futex(getpid(), receiver.tid);
	do {
		ck_rc(zipc_channel_send(b, &out, ZIPC_NOWAIT), 0);
		happened = zipc_select(cases, 2, ZIPC_FOREVER);
		if (happened == 0)
			ck_rc(zipc_channel_recv(b, &in, ZIPC_NOWAIT), 0);
	} while (happened == 1 && ++tries < 100000);
	ck_rc(happened, 0);
	ck_rc(zipc_channel_close(a), 0);
	ck_rc(end(&receiver), -EPIPE);
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

START_TEST(who_will_not_wait_sends_to_who_sleeps)
{
	struct zipc_channel *a = channel_of("a", 0);
	struct party receiver = { .n = 0 };
	uint64_t out = 3;
	struct zipc_case one = send_to(a, &out);
	int rc;

	add_case(&receiver, ZIPC_RECV, "a", 0);
	ck_rc(zipc_select(&one, 1, ZIPC_NOWAIT), -EAGAIN);
	begin_asleep(&receiver);
	/*
	 * On a busy machine it may not come to it the first time: the sleeper
	 * has to get the core while somebody offers.
	 */
	while ((rc = _i ? zipc_select(&one, 1, ZIPC_NOWAIT)
			: zipc_channel_send(a, &out, ZIPC_NOWAIT)) == -EAGAIN)
		sched_yield();
	ck_rc(rc, 0);
	ck_rc(end(&receiver), 0);
	ck_assert_uint_eq(receiver.elem[0], 3);
	zipc_channel_release(a);
}
END_TEST

static void refuse_futex_waitv(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = 4, .filter = code };

	ck_assert(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ck_assert(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

static void select_while_refused(void *context)
{
	struct party party = { .n = 0 };

	(void)context;
	refuse_futex_waitv();
	add_case(&party, ZIPC_RECV, "a", 0);
	add_case(&party, ZIPC_RECV, "b", 0);
	tell_parent();
	ck_rc(zipc_select(party.cases, 2, LONG), 1);
}

START_TEST(it_sleeps_where_futex_waitv_is_refused)
{
	struct child child = child_start(select_while_refused, NULL);
	struct zipc_channel *b = channel_of("b", 0);

	child_hear(&child);
	sleeps_in_futex(child.pid, 0);
	ck_rc(zipc_channel_send(b, &(uint64_t){ 4 }, LONG), 0);
	child_end(&child);
	zipc_channel_release(b);
}
END_TEST

/* Two that offer to each other, again and again. */
#define ROUNDS 2000u

struct crossed {
	pthread_t thread;
	struct zipc_channel *mine, *others;
	uint64_t sent, received, sum;
	unsigned self;
};

static void *cross(void *context)
{
	struct crossed *it = context;
	uint64_t in, out, i;
	struct zipc_case cases[2];

	for (i = 0; i < ROUNDS; i++) {
		out = i + 1;
		cases[0] = send_to(it->mine, &out);
		cases[1] = recv_from(it->others, &in);
		switch (zipc_select(cases, 2, LONG)) {
		case 0:
			it->sent += out;
			break;
		case 1:
			it->received += in;
			break;
		default:
			it->sum = UINT64_MAX;
		}
	}
	return NULL;
}

START_TEST(two_selects_that_offer_to_each_other_meet)
{
	struct crossed it[2];
	unsigned i;

	for (i = 0; i < 2; i++)
		it[i] = (struct crossed){
			.mine = channel_of(i ? "b" : "a", 0),
			.others = channel_of(i ? "a" : "b", 0),
			.self = i,
		};
	for (i = 0; i < 2; i++)
		ck_assert(!pthread_create(&it[i].thread, NULL, cross, &it[i]));
	for (i = 0; i < 2; i++)
		ck_assert(!pthread_join(it[i].thread, NULL));
	ck_assert_uint_eq(it[0].sum | it[1].sum, 0);
	ck_assert_uint_eq(it[0].sent, it[1].received);
	ck_assert_uint_eq(it[1].sent, it[0].received);
	for (i = 0; i < 2; i++) {
		zipc_channel_release(it[i].mine);
		zipc_channel_release(it[i].others);
	}
}
END_TEST

/* many */

START_TEST(more_cases_than_the_system_waits_for)
{
	enum { MANY = 300 };
	static struct zipc_channel *c[MANY];
	static struct zipc_case cases[MANY];
	struct zipc_segment *large;
	uint64_t elem = 0;
	char name[16];
	unsigned i;

	ck_rc(zipc_segment_create(
		      &large, test_name("many"), 64 << 20,
		      &(struct zipc_segment_options){ .max_entries = 400 }), 0);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		ck_rc(zipc_channel_create(&c[i], large, name, "u64", 1), 0);
		cases[i] = recv_from(c[i], &elem);
	}
	ck_rc(zipc_select(cases, MANY, 20 * MS), -ETIMEDOUT);
	ck_rc(zipc_channel_send(c[250], &(uint64_t){ 4 }, ZIPC_NOWAIT), 0);
	ck_rc(zipc_select(cases, MANY, LONG), 250);
	ck_assert_uint_eq(elem, 4);
	for (i = 0; i < MANY; i++)
		zipc_channel_release(c[i]);
	zipc_segment_close(large);
}
END_TEST

/* processes */

static void offer_both(void *context)
{
	struct party party = { .n = 0 };

	(void)context;
	add_case(&party, ZIPC_SEND, "a", 3);
	add_case(&party, ZIPC_SEND, "b", 4);
	tell_parent();
	ck_assert_int_ge(zipc_select(party.cases, 2, ZIPC_FOREVER), 0);
}

START_TEST(one_offer_of_a_stopped_or_dead_select_is_taken)
{
	struct zipc_channel *a = channel_of("a", 0), *b = channel_of("b", 0);
	struct child child = child_start(offer_both, NULL);
	uint64_t elem = 0;
	bool dies = _i & 1, first_a = _i & 2;

	child_hear(&child);
	sleeps_in_futex(child.pid, 0);
	if (dies)
		child_kill(&child);
	else
		child_stop(&child);
	ck_rc(zipc_channel_recv(first_a ? a : b, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, first_a ? 3 : 4);
	ck_rc(zipc_channel_recv(a, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_recv(b, &elem, ZIPC_NOWAIT), -EAGAIN);
	if (!dies) {
		child_continue(&child);
		child_end(&child);
	}
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

static void promise_and_wait(void *context)
{
	struct zipc_future *future = future_of("f");

	(void)context;
	ck_rc(zipc_future_promise(future), 0);
	tell_parent();
	await_parent();
	zipc_future_close(future);
}

START_TEST(a_select_is_told_that_a_promiser_died)
{
	struct party party = { .n = 0 };
	struct zipc_future *future = future_of("f");
	struct child child = child_start(promise_and_wait, NULL);

	child_hear(&child);
	add_case(&party, _i ? ZIPC_SEND : ZIPC_RECV, "a", 1);
	party.cases[party.n++] =
		(struct zipc_case){ ZIPC_WAIT, future, NULL, 0 };
	begin_asleep(&party);
	child_kill(&child);
	ck_rc(end(&party), 1);
	ck_rc(party.cases[1].result, -EOWNERDEAD);
	zipc_future_close(future);
}
END_TEST

/* no calls */

static void warm_up(void *context)
{
	struct party *it = context;
	unsigned i;

	add_case(it, ZIPC_RECV, "a", 1);
	add_case(it, ZIPC_RECV, "b", 1);
	it->channel[2] = channel_of("d", 8);
	for (i = 0; i < 3; i++)
		ck_rc(zipc_channel_send(it->channel[2], &(uint64_t){ i },
					ZIPC_NOWAIT), 0);
	it->cases[2] = recv_from(it->channel[2], &it->elem[2]);
}

static void select_twice(void *context)
{
	struct party *it = context;

	ck_rc(zipc_select(it->cases, 3, ZIPC_FOREVER), 2);
	ck_rc(zipc_select(it->cases, 3, ZIPC_FOREVER), 2);
	ck_rc(zipc_select(it->cases, 2, ZIPC_NOWAIT), -EAGAIN);
}

START_TEST(a_select_that_need_not_wait_makes_no_system_call)
{
	struct party it = { .n = 0 };

	must_make_no_system_call(warm_up, select_twice, &it);
}
END_TEST

static void add_trying(Suite *suite)
{
	TCase *tc = test_case(suite, "trying", "fast", 30);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_one_that_can_be_done_is);
	tcase_add_test(tc, each_has_its_turn_and_only_one_happens);
	tcase_add_test(tc, a_closed_channel_happens);
	tcase_add_test(tc, queues_latches_events_and_semaphores_are_cases);
	tcase_add_test(tc, a_ring_reader_is_waited_for_and_reads_itself);
	tcase_add_test(tc, a_future_is_a_case_and_its_value_comes);
	tcase_add_test(tc, a_subscription_is_a_case_and_its_next_element_comes);
	tcase_add_loop_test(
		tc, a_stream_that_has_ended_happens_behind_its_elements, 0, 2);
	tcase_add_test(tc, who_only_reads_a_stream_can_not_be_woken);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
}

static void add_meeting(Suite *suite)
{
	TCase *tc = test_case(suite, "meeting", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, one_of_several_offers_is_taken, 0, 3);
	tcase_add_test(tc, offers_whose_time_is_over_are_taken_back);
	tcase_add_test(tc, a_select_that_sleeps_receives);
	tcase_add_test(
		tc, who_offers_and_receives_in_one_channel_does_not_meet_itself);
	tcase_add_loop_test(tc, a_select_that_sleeps_is_told_of_a_future, 0, 4);
	tcase_add_loop_test(tc, a_select_that_sleeps_is_told_of_a_stream, 0, 4);
	tcase_add_loop_test(tc, closing_wakes_a_select, 0, 2);
	tcase_add_test(tc, two_selects_that_offer_to_each_other_meet);
	tcase_add_test(tc, who_sleeps_has_one_napper_at_each_event);
	tcase_add_test(tc,
		       own_offers_through_another_segment_handle_are_not_met);
	tcase_add_loop_test(
		tc, offers_are_taken_beside_a_channel_that_is_removed, 0, 4);
	tcase_add_test(tc, damage_is_told_and_leaves_nothing_out);
	tcase_add_test(
		tc, a_send_has_its_turn_beside_what_can_always_be_received);
	tcase_add_loop_test(tc, who_will_not_wait_sends_to_who_sleeps, 0, 2);
	tcase_add_test(tc, it_sleeps_where_futex_waitv_is_refused);
}

static Suite *select_suite(void)
{
	Suite *suite = suite_create("select");
	TCase *tc;

	add_trying(suite);
	add_meeting(suite);
	tc = test_case(suite, "many", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, more_cases_than_the_system_waits_for);
	tc = test_case(suite, "processes", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, one_offer_of_a_stopped_or_dead_select_is_taken,
			    0, 4);
	tcase_add_loop_test(tc, a_select_is_told_that_a_promiser_died, 0, 2);
	tc = test_case(suite, "no calls", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_select_that_need_not_wait_makes_no_system_call);
	return suite;
}

TEST_MAIN(select_suite)
