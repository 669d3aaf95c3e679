/* SPDX-License-Identifier: MIT */
/* The channel's promises, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/channel.h"

#include <pthread.h>

#define MS INT64_C(1000000)
#define LONG (60000 * MS)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("channel"), 8 << 20,
				  NULL), 0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_channel *new_channel(const char *type, uint64_t capacity)
{
	struct zipc_channel *channel;

	ck_rc(zipc_channel_create(&channel, segment, "c", type, capacity), 0);
	return channel;
}

static struct zipc_channel *open_again(void)
{
	struct zipc_channel *channel;

	ck_rc(zipc_channel_open(&channel, segment, "c", NULL), 0);
	return channel;
}

/* Another thread, with a handle of its own. */
struct party {
	pthread_t thread;
	struct zipc_channel *channel;
	uint64_t elem;
	int64_t timeout_ns;
	_Atomic pid_t tid;
	int rc;
};

static void *send_one(void *context)
{
	struct party *it = context;

	it->tid = gettid();
	it->rc = zipc_channel_send(it->channel, &it->elem, it->timeout_ns);
	return NULL;
}

static void *recv_one(void *context)
{
	struct party *it = context;

	it->tid = gettid();
	it->rc = zipc_channel_recv(it->channel, &it->elem, it->timeout_ns);
	return NULL;
}

static void begin(struct party *it, void *(*body)(void *context), uint64_t elem,
		  int64_t timeout_ns)
{
	*it = (struct party){ .channel = open_again(),
			      .elem = elem,
			      .timeout_ns = timeout_ns };
	ck_assert(!pthread_create(&it->thread, NULL, body, it));
}

static void begin_asleep(struct party *it, void *(*body)(void *context),
			 uint64_t elem)
{
	begin(it, body, elem, LONG);
	while (!it->tid)
		sched_yield();
	sleeps_in_futex(getpid(), it->tid);
}

static int end(struct party *it)
{
	ck_assert(!pthread_join(it->thread, NULL));
	zipc_channel_release(it->channel);
	return it->rc;
}

/* a buffer */

START_TEST(first_sent_is_first_received)
{
	struct zipc_channel *channel = new_channel("u64", 100);
	uint64_t i, elem;

	for (i = 0; i < 100; i++)
		ck_rc(zipc_channel_send(channel, &i, ZIPC_NOWAIT), 0);
	ck_rc(zipc_channel_send(channel, &i, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_send(channel, &i, MS), -ETIMEDOUT);
	ck_assert_uint_eq(zipc_channel_size(channel), 100);
	for (i = 0; i < 100; i++) {
		ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), 0);
		ck_assert_uint_eq(elem, i);
	}
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_recv(channel, &elem, MS), -ETIMEDOUT);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(what_is_buffered_is_received_behind_the_end)
{
	struct zipc_channel *channel = new_channel("u64", 4);
	uint64_t elem = 1;

	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), 0);
	elem = 2;
	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(zipc_channel_closed(channel), 0);
	ck_rc(zipc_channel_close(channel), 0);
	ck_rc(zipc_channel_close(channel), 0);
	ck_assert_int_eq(zipc_channel_closed(channel), 1);
	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), -EPIPE);
	ck_message("channel `c`");
	ck_rc(zipc_channel_send(channel, &elem, ZIPC_FOREVER), -EPIPE);
	ck_assert_uint_eq(zipc_channel_size(channel), 2);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 1);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_FOREVER), 0);
	ck_assert_uint_eq(elem, 2);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), -EPIPE);
	ck_message("channel `c`");
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_FOREVER), -EPIPE);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(a_full_buffer_that_is_closed_says_so)
{
	struct zipc_channel *channel = new_channel("u64", 2);
	uint64_t elem = 1;

	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_channel_close(channel), 0);
	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), -EPIPE);
	zipc_channel_release(channel);
}
END_TEST

/* Both sorts: capacity is _i. */
START_TEST(closing_wakes_all_who_wait)
{
	struct zipc_channel *channel = new_channel("u64", (uint64_t)_i);
	struct party party[4];
	uint64_t elem = 1;
	unsigned i;

	if (_i) /* full */
		ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), 0);
	for (i = 0; i < 4; i++)
		begin_asleep(&party[i], send_one, i);
	ck_rc(zipc_channel_close(channel), 0);
	for (i = 0; i < 4; i++)
		ck_rc(end(&party[i]), -EPIPE);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(closing_wakes_all_who_receive)
{
	struct zipc_channel *channel = new_channel("u64", (uint64_t)_i);
	struct party party[4];
	unsigned i;

	for (i = 0; i < 4; i++)
		begin_asleep(&party[i], recv_one, 0);
	ck_rc(zipc_channel_close(channel), 0);
	for (i = 0; i < 4; i++)
		ck_rc(end(&party[i]), -EPIPE);
	zipc_channel_release(channel);
}
END_TEST

/* a meeting */

START_TEST(a_send_is_over_when_it_was_received)
{
	struct zipc_channel *channel = new_channel("u64", 0);
	struct party sender;
	uint64_t elem = 0;

	ck_assert_uint_eq(zipc_channel_capacity(channel), 0);
	begin_asleep(&sender, send_one, 42);
	ck_assert_uint_eq(zipc_channel_size(channel), 1);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 42);
	ck_rc(end(&sender), 0);
	ck_assert_uint_eq(zipc_channel_size(channel), 0);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), -EAGAIN);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(a_receiver_that_sleeps_is_woken)
{
	struct zipc_channel *channel = new_channel("u64", 0);
	struct party receiver;
	uint64_t elem = 43;

	begin_asleep(&receiver, recv_one, 0);
	ck_rc(zipc_channel_send(channel, &elem, LONG), 0);
	ck_rc(end(&receiver), 0);
	ck_assert_uint_eq(receiver.elem, 43);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(a_send_whose_time_is_over_is_taken_back)
{
	struct zipc_channel *channel = new_channel("u64", 0);
	uint64_t elem = 44;

	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_send(channel, &elem, MS), -ETIMEDOUT);
	ck_assert_uint_eq(zipc_channel_size(channel), 0);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_recv(channel, &elem, MS), -ETIMEDOUT);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(each_sender_that_waits_has_its_turn)
{
	struct zipc_channel *channel = new_channel("u64", 0);
	struct party sender[3];
	uint64_t elem;
	unsigned i, seen = 0;

	for (i = 0; i < 3; i++)
		begin_asleep(&sender[i], send_one, i);
	for (i = 0; i < 3; i++) {
		ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), 0);
		seen |= 1u << elem;
	}
	ck_assert_uint_eq(seen, 7);
	for (i = 0; i < 3; i++)
		ck_rc(end(&sender[i]), 0);
	zipc_channel_release(channel);
}
END_TEST

/* Else the same one would be served by all who receive once. */
START_TEST(new_handles_begin_at_different_senders)
{
	struct zipc_channel *channel = new_channel("u64", 0), *fresh;
	struct party senders[2];
	bool served[2] = { false, false };
	uint64_t elem, i;
	int tries;

	for (i = 0; i < 2; i++)
		begin_asleep(&senders[i], send_one, i);
	for (tries = 0; tries < 200 && !(served[0] && served[1]); tries++) {
		fresh = open_again();
		ck_rc(zipc_channel_recv(fresh, &elem, LONG), 0);
		zipc_channel_release(fresh);
		ck_assert_uint_lt(elem, 2);
		served[elem] = true;
		ck_rc(end(&senders[elem]), 0);
		begin_asleep(&senders[elem], send_one, elem);
	}
	ck_assert(served[0] && served[1]);
	for (i = 0; i < 2; i++)
		ck_rc(zipc_channel_recv(channel, &elem, LONG), 0);
	for (i = 0; i < 2; i++)
		ck_rc(end(&senders[i]), 0);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(a_closed_meeting_gives_and_takes_nothing)
{
	struct zipc_channel *channel = new_channel("u64", 0);
	uint64_t elem = 1;

	ck_rc(zipc_channel_close(channel), 0);
	ck_rc(zipc_channel_send(channel, &elem, ZIPC_NOWAIT), -EPIPE);
	ck_rc(zipc_channel_send(channel, &elem, ZIPC_FOREVER), -EPIPE);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), -EPIPE);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_FOREVER), -EPIPE);
	zipc_channel_release(channel);
}
END_TEST

static const unsigned sizes[] = { 1, 3, 8, 9, 39, 40, 41, 200, 65537, 1 << 20 };

struct large {
	struct zipc_channel *channel;
	unsigned size;
};

static void *send_large(void *context)
{
	struct large *it = context;
	unsigned char *elem = malloc(it->size);
	unsigned i, k;

	for (k = 0; k < 20; k++) {
		for (i = 0; i < it->size; i++)
			elem[i] = (unsigned char)(i * 31 + k);
		ck_rc(zipc_channel_send(it->channel, elem, LONG), 0);
	}
	free(elem);
	return NULL;
}

START_TEST(elements_of_any_size_meet_whole)
{
	unsigned char *out;
	struct zipc_channel *channel;
	struct large it = { .size = sizes[_i] };
	pthread_t sender;
	char type[32];
	unsigned i, k;

	snprintf(type, sizeof(type), "bytes:%u", it.size);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_create(&segment, test_name("channel"), 64 << 20,
				  NULL), 0);
	channel = new_channel(type, 0);
	out = malloc(it.size + 2);
	it.channel = open_again();
	ck_assert(!pthread_create(&sender, NULL, send_large, &it));
	for (k = 0; k < 20; k++) {
		memset(out, 0xEE, it.size + 2);
		ck_rc(zipc_channel_recv(channel, out + 1, LONG), 0);
		for (i = 0; i < it.size; i++)
			ck_assert_uint_eq(out[1 + i],
					  (unsigned char)(i * 31 + k));
		ck_assert_uint_eq(out[0], 0xEE);
		ck_assert_uint_eq(out[it.size + 1], 0xEE);
	}
	ck_assert(!pthread_join(sender, NULL));
	free(out);
	zipc_channel_release(it.channel);
	zipc_channel_release(channel);
}
END_TEST

/* what there is, and what it is */

START_TEST(open_shows_what_differs)
{
	struct zipc_channel *channel = new_channel("u64", 0), *other;
	struct zipc_queue *queue;

	ck_rc(zipc_channel_open(&other, segment, "c", "f64"), -EPROTOTYPE);
	ck_message("u64, not f64");
	ck_rc(zipc_queue_open(&queue, segment, "c", NULL), -EPROTOTYPE);
	ck_message("channel");
	ck_rc(zipc_channel_create(&other, segment, "c", "u64", 0), -EEXIST);
	ck_rc(zipc_channel_open(&other, segment, "d", NULL), -ENOENT);
	ck_rc(zipc_channel_open_or_create(&other, segment, "c", "u64", 3),
	      -EPROTOTYPE);
	ck_message("capacity of 0, not 3");
	ck_rc(zipc_channel_open_or_create(&other, segment, "c", "u64", 0), 0);
	ck_assert_str_eq(zipc_type_text(zipc_channel_type(other)), "u64");
	ck_assert_uint_eq(zipc_channel_elem_size(other), 8);
	zipc_channel_release(other);
	zipc_channel_release(channel);
	zipc_channel_release(NULL);
	ck_rc(zipc_channel_close(NULL), 0);
}
END_TEST

START_TEST(who_only_reads_asks_and_does_nothing_else)
{
	struct zipc_channel *channel = new_channel("u64", (uint64_t)_i), *view;
	struct zipc_segment *reader;
	uint64_t elem = 1;

	ck_rc(zipc_segment_open(&reader, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_channel_open(&view, reader, "c", "u64"), 0);
	ck_rc(zipc_channel_send(view, &elem, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_channel_recv(view, &elem, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_channel_close(view), -EROFS);
	ck_assert_int_eq(zipc_channel_closed(view), 0);
	ck_assert_uint_eq(zipc_channel_size(view), 0);
	ck_rc(zipc_channel_close(channel), 0);
	ck_assert_int_eq(zipc_channel_closed(view), 1);
	zipc_channel_release(view);
	zipc_segment_close(reader);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(places_of_senders_are_bounded_and_come_back)
{
	struct zipc_channel_options options = { .max_senders = 1 };
	struct zipc_channel *channel, *other;
	uint64_t elem = 1;

	options.max_senders = 4097;
	ck_rc(zipc_channel_create_with(&channel, segment, "c", "u64",
				       (uint64_t)_i, &options), -EINVAL);
	options.max_senders = 1;
	ck_rc(zipc_channel_create_with(&channel, segment, "c", "u64",
				       (uint64_t)_i, &options), 0);
	other = open_again();
	ck_rc(zipc_channel_send(channel, &elem, 1), _i ? 0 : -ETIMEDOUT);
	ck_rc(zipc_channel_send(other, &elem, 1), -EUSERS);
	zipc_channel_release(channel);
	if (_i)
		ck_rc(zipc_channel_recv(other, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_channel_send(other, &elem, 1), _i ? 0 : -ETIMEDOUT);
	zipc_channel_release(other);
}
END_TEST

/* processes */

static void send_and_wait(void *context)
{
	struct zipc_channel *channel;

	(void)context;
	ck_rc(zipc_channel_open(&channel, segment, "c", NULL), 0);
	tell_parent();
	ck_rc(zipc_channel_send(channel, &(uint64_t){ 7 }, ZIPC_FOREVER), 0);
}

/* Behind the tell it sleeps, sooner or later. */
static struct child start_sender(void)
{
	struct child child = child_start(send_and_wait, NULL);

	child_hear(&child);
	sleeps_in_futex(child.pid, 0);
	return child;
}

START_TEST(what_a_stopped_sender_offers_is_received)
{
	struct zipc_channel *channel = new_channel("u64", 0);
	struct child child = start_sender();
	uint64_t elem;

	child_stop(&child);
	ck_rc(zipc_channel_recv(channel, &elem, LONG), 0);
	ck_assert_uint_eq(elem, 7);
	child_continue(&child);
	child_end(&child);
	zipc_channel_release(channel);
}
END_TEST

START_TEST(what_a_dead_sender_offered_is_received_or_taken_back)
{
	static const struct zipc_channel_options one = { .max_senders = 1 };
	struct zipc_channel *channel;
	struct child child;
	uint64_t elem = 8;

	ck_rc(zipc_channel_create_with(&channel, segment, "c", "u64", 0, &one),
	      0);
	child = start_sender();
	child_kill(&child);
	ck_assert_uint_eq(zipc_channel_size(channel), 1);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 7);
	child = start_sender();
	child_kill(&child);
	/* The heir of its record takes the offer back. */
	ck_rc(zipc_channel_enter(channel, true), 0);
	ck_assert_uint_eq(zipc_channel_size(channel), 0);
	ck_rc(zipc_channel_send(channel, &elem, 1), -ETIMEDOUT);
	ck_assert_uint_eq(zipc_channel_size(channel), 0);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), -EAGAIN);
	zipc_channel_release(channel);
}
END_TEST

static struct zipc_channel *inherited;

static void send_as_a_child(void *context)
{
	(void)context;
	ck_rc(zipc_channel_send(inherited, &(uint64_t){ 5 }, LONG), 0);
}

START_TEST(a_forked_child_sends_by_a_record_of_its_own)
{
	uint64_t elem = 0;
	struct child child;

	inherited = new_channel("u64", (uint64_t)_i);
	ck_rc(zipc_channel_send(inherited, &elem, 1), _i ? 0 : -ETIMEDOUT);
	if (_i)
		ck_rc(zipc_channel_recv(inherited, &elem, ZIPC_NOWAIT), 0);
	child = child_start(send_as_a_child, NULL);
	ck_rc(zipc_channel_recv(inherited, &elem, LONG), 0);
	ck_assert_uint_eq(elem, 5);
	child_end(&child);
	zipc_channel_release(inherited);
}
END_TEST

/* no calls */

struct quick {
	struct zipc_channel *channel;
};

static void warm_up(void *context)
{
	struct quick *it = context;

	it->channel = new_channel("u64", 8);
	ck_rc(zipc_channel_send(it->channel, &(uint64_t){ 1 }, ZIPC_NOWAIT), 0);
}

static void send_and_receive(void *context)
{
	struct quick *it = context;
	uint64_t elem = 2;

	ck_rc(zipc_channel_send(it->channel, &elem, ZIPC_FOREVER), 0);
	ck_rc(zipc_channel_recv(it->channel, &elem, ZIPC_FOREVER), 0);
	ck_rc(zipc_channel_recv(it->channel, &elem, ZIPC_FOREVER), 0);
	ck_rc(zipc_channel_recv(it->channel, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_channel_close(it->channel), 0);
	ck_rc(zipc_channel_recv(it->channel, &elem, ZIPC_FOREVER), -EPIPE);
}

START_TEST(what_need_not_wait_makes_no_system_call)
{
	struct quick it = { NULL };

	must_make_no_system_call(warm_up, send_and_receive, &it);
}
END_TEST

static void warm_up_a_meeting(void *context)
{
	struct quick *it = context;
	struct zipc_channel *sender;

	it->channel = new_channel("u64", 0);
	sender = open_again();
	/* An offer stands there that nobody waits behind. */
	ck_rc(zipc_channel_enter(sender, true), 0);
	zipc_meet_offer(&sender->meet, &(uint64_t){ 3 }, 0);
}

static void receive(void *context)
{
	struct quick *it = context;
	uint64_t elem;

	ck_rc(zipc_channel_recv(it->channel, &elem, ZIPC_FOREVER), 0);
	ck_rc(zipc_channel_recv(it->channel, &elem, ZIPC_NOWAIT), -EAGAIN);
}

START_TEST(to_take_what_is_offered_makes_no_system_call)
{
	struct quick it = { NULL };

	must_make_no_system_call(warm_up_a_meeting, receive, &it);
}
END_TEST

/* damage */

START_TEST(damage_is_told)
{
	struct zipc_channel *channel = new_channel("u64", 0), *other;
	struct zipc_meeting *meeting = channel->meet.meeting;
	uint64_t elem;

	ck_rc(zipc_channel_enter(channel, true), 0);
	zipc_meet_offer(&channel->meet, &(uint64_t){ 1 }, 0);
	meeting->used = UINT64_MAX;
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_channel_recv(channel, &elem, ZIPC_NOWAIT), -EAGAIN);
	meeting->senders = 0;
	ck_rc(zipc_channel_open(&other, segment, "c", NULL), -EBADMSG);
	meeting->senders = 5000;
	ck_rc(zipc_channel_open(&other, segment, "c", NULL), -EBADMSG);
	meeting->senders = 64;
	meeting->offer_bytes = 64;
	ck_rc(zipc_channel_open(&other, segment, "c", NULL), 0);
	zipc_channel_release(other);
	meeting->offer_bytes = 72;
	ck_rc(zipc_channel_open(&other, segment, "c", NULL), -EBADMSG);
	meeting->offer_bytes = 64;
	meeting->offers_offset = UINT64_MAX - 63;
	ck_rc(zipc_channel_open(&other, segment, "c", NULL), -EBADMSG);
	meeting->offers_offset = 64;
	ck_rc(zipc_channel_open(&other, segment, "c", NULL), -EBADMSG);
	zipc_channel_release(channel);
}
END_TEST

static void add_others(Suite *suite)
{
	TCase *tc = test_case(suite, "no calls", "fast", 30);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_need_not_wait_makes_no_system_call);
	tcase_add_test(tc, to_take_what_is_offered_makes_no_system_call);
	tc = test_case(suite, "damage", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, damage_is_told);
}

static Suite *channel_suite(void)
{
	Suite *suite = suite_create("channel");
	TCase *tc = test_case(suite, "buffer", "fast", 30);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, first_sent_is_first_received);
	tcase_add_test(tc, what_is_buffered_is_received_behind_the_end);
	tcase_add_test(tc, a_full_buffer_that_is_closed_says_so);
	tc = test_case(suite, "closing", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, closing_wakes_all_who_wait, 0, 2);
	tcase_add_loop_test(tc, closing_wakes_all_who_receive, 0, 2);
	tc = test_case(suite, "meeting", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_send_is_over_when_it_was_received);
	tcase_add_test(tc, a_receiver_that_sleeps_is_woken);
	tcase_add_test(tc, a_send_whose_time_is_over_is_taken_back);
	tcase_add_test(tc, each_sender_that_waits_has_its_turn);
	tcase_add_test(tc, new_handles_begin_at_different_senders);
	tcase_add_test(tc, a_closed_meeting_gives_and_takes_nothing);
	tcase_add_loop_test(tc, elements_of_any_size_meet_whole, 0,
			    sizeof(sizes) / sizeof(sizes[0]));
	tc = test_case(suite, "handles", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, open_shows_what_differs);
	tcase_add_loop_test(tc, who_only_reads_asks_and_does_nothing_else, 0,
			    2);
	tcase_add_loop_test(tc, places_of_senders_are_bounded_and_come_back, 0,
			    2);
	tc = test_case(suite, "processes", "fast", 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_a_stopped_sender_offers_is_received);
	tcase_add_test(tc, what_a_dead_sender_offered_is_received_or_taken_back);
	tcase_add_loop_test(tc, a_forked_child_sends_by_a_record_of_its_own, 0,
			    2);
	add_others(suite);
	return suite;
}

TEST_MAIN(channel_suite)
