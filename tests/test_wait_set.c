/* SPDX-License-Identifier: MIT */
/* A wait set's promises, and its descriptor's, in one process or a few. */
#include "children.h"
#include "harness.h"

#include "../libzeroipc/channel.h"
#include "../libzeroipc/clock.h"
#include "../libzeroipc/place_fast.h"
#include "../libzeroipc/stream.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>

#define MS INT64_C(1000000)
#define LONG (60000 * MS)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("sets"), 16 << 20, NULL),
	      0);
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

/* waiting */

START_TEST(a_set_is_waited_for_often)
{
	struct zipc_channel *a = channel_of("a", 4), *b = channel_of("b", 4);
	struct zipc_wait_set *set;
	uint64_t in = 3, out[2];
	struct zipc_case cases[] = { recv_from(a, &out[0]),
				     recv_from(b, &out[1]) };
	int i;

	ck_rc(zipc_wait_set_open(&set, cases, 0), -EINVAL);
	ck_rc(zipc_wait_set_open(&set, cases, 2), 0);
	ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_wait_set_wait(set, MS), -ETIMEDOUT);
	for (i = 0; i < 100; i++) {
		ck_rc(zipc_channel_send(i % 2 ? b : a, &in, ZIPC_NOWAIT), 0);
		ck_rc(zipc_wait_set_wait(set, ZIPC_FOREVER), i % 2);
	}
	zipc_wait_set_close(set);
	zipc_wait_set_close(NULL);
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

static int readable(int fd, int timeout_ms)
{
	struct pollfd it = { .fd = fd, .events = POLLIN };

	return poll(&it, 1, timeout_ms);
}

START_TEST(a_descriptor_is_readable_while_there_is_something)
{
	struct zipc_channel *a = channel_of("a", 4), *b = channel_of("b", 0);
	struct zipc_channel *sender = channel_of("a", 4);
	struct zipc_semaphore *semaphore, *other;
	struct zipc_wait_set *set;
	uint64_t in = 3, out[2];
	struct zipc_case cases[] = { recv_from(a, &out[0]),
				     recv_from(b, &out[1]),
				     { ZIPC_WAIT, NULL, NULL, 0 } };
	int fd, i;

	ck_rc(zipc_semaphore_create(&semaphore, segment, "s", 0, 9), 0);
	ck_rc(zipc_semaphore_open(&other, segment, "s"), 0);
	cases[2].target = semaphore;
	ck_rc(zipc_wait_set_open(&set, cases, 3), 0);
	fd = zipc_wait_set_fd(set);
	ck_assert_int_ge(fd, 0);
	ck_rc(zipc_wait_set_fd(set), fd);
	ck_assert_int_eq(readable(fd, 0), 0);
	for (i = 0; i < 20; i++) {
		ck_rc(zipc_channel_send(sender, &in, ZIPC_NOWAIT), 0);
		ck_rc(zipc_channel_send(sender, &in, ZIPC_NOWAIT), 0);
		ck_assert_int_eq(readable(fd, 60000), 1);
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), 0);
		ck_assert_int_eq(readable(fd, 60000), 1);
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), 0);
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), -EAGAIN);
		ck_rc(zipc_semaphore_release(other, 1), 0);
		ck_assert_int_eq(readable(fd, 60000), 1);
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), 2);
	}
	ck_rc(zipc_channel_close(sender), 0);
	ck_assert_int_eq(readable(fd, 60000), 1);
	ck_rc(zipc_wait_set_wait(set, ZIPC_FOREVER), 0);
	ck_rc(cases[0].result, -EPIPE);
	zipc_wait_set_close(set);
	zipc_semaphore_close(semaphore);
	zipc_semaphore_close(other);
	zipc_channel_release(sender);
	zipc_channel_release(a);
	zipc_channel_release(b);
}
END_TEST

START_TEST(a_descriptor_is_refused_to_who_must_offer)
{
	struct zipc_channel *a = channel_of("a", 0);
	struct zipc_wait_set *set;
	uint64_t elem = 1;
	struct zipc_case one = send_to(a, &elem);

	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	ck_rc(zipc_wait_set_fd(set), -EINVAL);
	ck_message("case 0");
	ck_rc(zipc_wait_set_wait(set, MS), -ETIMEDOUT);
	zipc_wait_set_close(set);
	zipc_channel_release(a);
}
END_TEST

static void wait_as_a_child(void *context)
{
	struct zipc_wait_set *set = context;

	ck_rc(zipc_wait_set_wait(set, ZIPC_FOREVER), 0);
	zipc_wait_set_close(set);
}

START_TEST(a_forked_child_waits_with_a_set_and_closes_it)
{
	struct zipc_channel *a = channel_of("a", 4);
	struct zipc_wait_set *set;
	uint64_t elem = 1;
	struct zipc_case one = recv_from(a, &elem);
	struct child child;

	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	ck_assert_int_ge(zipc_wait_set_fd(set), 0);
	child = child_start(wait_as_a_child, set);
	ck_rc(zipc_channel_send(a, &elem, ZIPC_NOWAIT), 0);
	child_end(&child);
	zipc_wait_set_close(set);
	zipc_channel_release(a);
}
END_TEST

/* what only a look finds */

/* It may be readable for nothing, but not for ever. */
static void happens(struct zipc_wait_set *set, int index)
{
	int fd = zipc_wait_set_fd(set), rc;

	ck_assert_int_ge(fd, 0);
	do {
		ck_assert_int_eq(readable(fd, 20000), 1);
		rc = zipc_wait_set_wait(set, ZIPC_NOWAIT);
	} while (rc == -EAGAIN);
	ck_rc(rc, index);
}

/* Until nothing is told for nothing any more. */
static void is_silent(struct zipc_wait_set *set)
{
	while (readable(zipc_wait_set_fd(set), 0))
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), -EAGAIN);
}

static struct zipc_queue *leased;

static void take_and_keep(void *context)
{
	struct zipc_lease lease;
	uint64_t elem;

	(void)context;
	ck_rc(zipc_queue_take(leased, &elem, &lease, ZIPC_NOWAIT), 0);
	tell_parent();
	await_parent();
}

START_TEST(a_lease_given_back_is_told)
{
	static const struct zipc_queue_options leases = { .max_takers = 4 };
	struct zipc_queue *queue;
	struct zipc_wait_set *set;
	struct zipc_lease lease;
	uint64_t elem = 5, out = 0;
	struct zipc_case one = { .kind = ZIPC_RECV, .elem = &out };
	struct child child;
	bool dies = _i;

	ck_rc(zipc_queue_create_with(&queue, segment, "q", "u64", 4, &leases),
	      0);
	ck_rc(zipc_queue_open(&leased, segment, "q", NULL), 0);
	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	if (dies) {
		child = child_start(take_and_keep, NULL);
		child_hear(&child);
	} else {
		ck_rc(zipc_queue_take(leased, &elem, &lease, ZIPC_NOWAIT), 0);
	}
	one.target = queue;
	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	is_silent(set);
	if (dies)
		child_kill(&child);
	else
		ck_rc(zipc_queue_return(leased, &lease), 0);
	happens(set, 0);
	ck_assert_uint_eq(out, 5);
	zipc_wait_set_close(set);
	zipc_queue_close(leased);
	zipc_queue_close(queue);
}
END_TEST

static void claim_and_die(void *context)
{
	struct zipc_channel *channel = context;
	struct zipc_places *places = &channel->places;
	uint64_t tail;

	ck_rc(zipc_channel_enter(channel, true), 0);
	tail = zipc_places_tail(places);
	ck_assert(zipc_places_claim(places->ring, places->mine, &tail, 1));
	tell_parent();
	await_parent();
}

/* The oldest position is claimed by a dead one. */
static struct zipc_channel *stuck_channel(uint64_t capacity)
{
	struct zipc_channel *channel = channel_of("a", capacity);
	struct child child = child_start(claim_and_die, channel);

	child_hear(&child);
	child_kill(&child);
	return channel;
}

START_TEST(what_is_behind_a_dead_claim_is_told)
{
	struct zipc_channel *a = stuck_channel(4), *sender = channel_of("a", 4);
	struct zipc_wait_set *set;
	uint64_t in = 8, out = 0;
	struct zipc_case one = recv_from(a, &out);

	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	is_silent(set);
	ck_rc(zipc_channel_send(sender, &in, ZIPC_NOWAIT), 0);
	happens(set, 0);
	ck_assert_uint_eq(out, 8);
	zipc_wait_set_close(set);
	zipc_channel_release(sender);
	zipc_channel_release(a);
}
END_TEST

START_TEST(room_that_a_dead_one_has_is_told)
{
	struct zipc_channel *a = stuck_channel(1);
	struct zipc_wait_set *set;
	uint64_t in = 8, out = 0;
	struct zipc_case one = send_to(a, &in);

	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	happens(set, 0);
	zipc_wait_set_close(set);
	ck_rc(zipc_channel_recv(a, &out, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(out, 8);
	zipc_channel_release(a);
}
END_TEST

static void acquire_and_keep(void *context)
{
	struct zipc_semaphore *semaphore;

	(void)context;
	ck_rc(zipc_semaphore_open(&semaphore, segment, "s"), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	tell_parent();
	await_parent();
}

static void claim_in_a_stream(void *context)
{
	struct zipc_stream *stream = context;
	struct zipc_places *places = &stream->places;
	uint64_t tail = zipc_places_tail(places);

	ck_rc(zipc_stream_enter(&stream->shape), 0);
	ck_rc(zipc_places_become_writer(places), 0);
	ck_assert(zipc_places_claim(places->ring, places->mine, &tail, 1));
	tell_parent();
	await_parent();
}

static void leave_a_dead_claim(struct zipc_stream *stream)
{
	struct child child = child_start(claim_in_a_stream, stream);

	child_hear(&child);
	child_kill(&child);
}

/* An element, or the end: with the dead before it, and without. */
START_TEST(what_comes_in_a_stream_is_told)
{
	struct zipc_stream *stream;
	struct zipc_subscription *it;
	struct zipc_wait_set *set;
	uint64_t out = 0, i;
	struct zipc_case one = { ZIPC_WAIT, NULL, &out, 0 };

	ck_rc(zipc_stream_create(&stream, segment, "s", "u64", 8), 0);
	ck_rc(zipc_stream_subscribe(&it, stream, _i & 1 ? "n" : NULL,
				    ZIPC_STREAM_NEWEST), 0);
	one.target = it;
	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	for (i = 1; i <= 3; i++) {
		is_silent(set);
		if (_i & 2)
			leave_a_dead_claim(stream);
		is_silent(set);
		ck_rc(zipc_stream_emit(stream, &i, ZIPC_NOWAIT), 0);
		happens(set, 0);
		ck_rc(one.result, 0);
		ck_assert_uint_eq(out, i);
	}
	is_silent(set);
	if (_i & 2)
		leave_a_dead_claim(stream);
	ck_rc(zipc_stream_end(stream), 0);
	happens(set, 0);
	ck_rc(one.result, -EPIPE);
	ck_assert_uint_eq(out, 3);
	ck_assert_uint_eq(zipc_stream_lost(it), 0);
	zipc_wait_set_close(set);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
}
END_TEST

START_TEST(a_permit_of_the_dead_is_told)
{
	struct zipc_semaphore *semaphore;
	struct zipc_case one = { .kind = ZIPC_WAIT };
	struct zipc_wait_set *set;
	struct child child;

	ck_rc(zipc_semaphore_create_with(&semaphore, segment, "s", 1, 1,
					 ZIPC_OWNED), 0);
	child = child_start(acquire_and_keep, NULL);
	child_hear(&child);
	one.target = semaphore;
	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	is_silent(set);
	child_kill(&child);
	happens(set, 0);
	zipc_wait_set_close(set);
	zipc_semaphore_close(semaphore);
}
END_TEST

static void promise_and_wait(void *context)
{
	struct zipc_future *future;

	(void)context;
	ck_rc(zipc_future_open(&future, segment, "f", NULL), 0);
	ck_rc(zipc_future_promise(future), 0);
	tell_parent();
	await_parent();
}

START_TEST(a_future_whose_promiser_died_is_told)
{
	struct zipc_future *future, *other;
	struct zipc_case one = { .kind = ZIPC_WAIT };
	struct zipc_wait_set *set;
	struct child child;

	ck_rc(zipc_future_create(&future, segment, "f", "u64"), 0);
	ck_rc(zipc_future_open(&other, segment, "f", NULL), 0);
	child = child_start(promise_and_wait, NULL);
	child_hear(&child);
	one.target = future;
	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	is_silent(set);
	child_kill(&child);
	happens(set, 0);
	ck_rc(one.result, -EOWNERDEAD);
	ck_rc(zipc_future_promise(other), 0);
	is_silent(set);
	ck_rc(zipc_future_set(other, &(uint64_t){ 5 }), 0);
	happens(set, 0);
	ck_rc(one.result, 0);
	zipc_wait_set_close(set);
	zipc_future_close(other);
	zipc_future_close(future);
}
END_TEST

START_TEST(a_value_goes_where_the_set_has_it)
{
	struct zipc_future *future, *other;
	uint64_t value = 0, elsewhere = 0;
	struct zipc_case one = { ZIPC_WAIT, NULL, &value, 0 };
	struct zipc_wait_set *set;

	ck_rc(zipc_future_create(&future, segment, "f", "u64"), 0);
	ck_rc(zipc_future_open(&other, segment, "f", NULL), 0);
	one.target = future;
	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	ck_rc(zipc_future_get(future, &elsewhere, MS), -ETIMEDOUT);
	ck_rc(zipc_future_set(other, &(uint64_t){ 5 }), 0);
	ck_rc(zipc_wait_set_wait(set, LONG), 0);
	ck_assert_uint_eq(value, 5);
	ck_assert_uint_eq(elsewhere, 0);
	zipc_wait_set_close(set);
	zipc_future_close(other);
	zipc_future_close(future);
}
END_TEST

START_TEST(a_set_of_an_event_by_hand_happens_once)
{
	struct zipc_event *event;
	struct zipc_case one = { .kind = ZIPC_WAIT };
	struct zipc_wait_set *set;
	int i;

	ck_rc(zipc_event_create(&event, segment, "e", ZIPC_MANUAL_RESET), 0);
	one.target = event;
	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	for (i = 0; i < 3; i++) {
		ck_rc(zipc_event_set(event), 0);
		ck_rc(zipc_event_reset(event), 0);
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), 0);
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), -EAGAIN);
	}
	zipc_wait_set_close(set);
	zipc_event_close(event);
}
END_TEST

/* the watcher */

/* This process's other thread. */
static pid_t watcher_of_this(void)
{
	struct dirent *entry;
	DIR *tasks = opendir("/proc/self/task");
	pid_t tid = 0;

	ck_assert_ptr_nonnull(tasks);
	while ((entry = readdir(tasks)))
		if (atoi(entry->d_name) && atoi(entry->d_name) != getpid())
			tid = atoi(entry->d_name);
	closedir(tasks);
	ck_assert_int_ne(tid, 0);
	return tid;
}

static void close_as_a_child(void *set)
{
	zipc_wait_set_close(set);
}

START_TEST(a_forked_child_closes_what_a_watcher_waits_in)
{
	struct zipc_channel *a = channel_of("a", 4);
	struct zipc_wait_set *set;
	uint64_t elem = 1;
	struct zipc_case one = recv_from(a, &elem);
	struct child child;

	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	ck_rc(zipc_channel_send(a, &elem, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(readable(zipc_wait_set_fd(set), 60000), 1);
	/* It has told, and waits to be let look. */
	sleeps_in_futex(getpid(), watcher_of_this());
	child = child_start(close_as_a_child, set);
	child_end(&child);
	zipc_wait_set_close(set);
	zipc_channel_release(a);
}
END_TEST

static void wait_without_a_place(void *context)
{
	struct zipc_wait_set *set = context;

	ck_rc(zipc_wait_set_wait(set, MS), -EUSERS);
	ck_rc(zipc_wait_set_wait(set, MS), -EUSERS);
	zipc_wait_set_close(set);
}

START_TEST(a_child_that_can_not_begin_is_told_each_time)
{
	static const struct zipc_channel_options one = { .max_senders = 1 };
	struct zipc_channel *a;
	struct zipc_wait_set *set;
	uint64_t elem = 1;
	struct zipc_case send;
	struct child child;

	ck_rc(zipc_channel_create_with(&a, segment, "a", "u64", _i ? 4 : 0,
				       &one), 0);
	send = send_to(a, &elem);
	ck_rc(zipc_wait_set_open(&set, &send, 1), 0);
	child = child_start(wait_without_a_place, set);
	child_end(&child);
	ck_assert_uint_eq(zipc_channel_size(a), 0);
	zipc_wait_set_close(set);
	zipc_channel_release(a);
}
END_TEST

static _Atomic bool naps_are_endless;

/*
 * In the place of the C library's: while naps are endless, who sleeps on an
 * event word sleeps until he is woken.
 */
long syscall(long number, ...)
{
	long (*next)(long number, ...) =
		(long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long arg[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (naps_are_endless &&
	    (number == SYS_futex_waitv ||
	     (number == SYS_futex && (int)arg[1] == FUTEX_WAIT_BITSET)))
		arg[3] = 0; /* the time at which it ends */
	return next(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

struct owner {
	struct zipc_wait_set *set;
	_Atomic pid_t tid;
	int rc;
};

static void *wait_as_the_owner(void *context)
{
	struct owner *it = context;

	it->tid = gettid();
	it->rc = zipc_wait_set_wait(it->set, LONG);
	return NULL;
}

/*
 * Among the sleepers, and not waiting for anything of this process. False: it
 * could not look while the owner did, and so has told the owner to.
 */
static bool sleeps_on_words(pid_t thread, int told)
{
	char path[64], text[16];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)thread);
	do {
		if (readable(told, 0))
			return false;
		sched_yield();
		fd = open(path, O_RDONLY);
		ck_assert_int_ge(fd, 0);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
	} while (strtol(text, NULL, 10) != SYS_futex_waitv);
	return true;
}

/* Both are asleep, the watcher first, when something is sent. */
static void wake_beside_the_watcher(struct zipc_wait_set *set, pid_t watcher,
				    struct zipc_channel *sender)
{
	struct owner owner = { .set = set };
	pthread_t thread;

	do
		ck_rc(zipc_wait_set_wait(set, ZIPC_NOWAIT), -EAGAIN);
	while (!sleeps_on_words(watcher, zipc_wait_set_fd(set)));
	ck_assert(!pthread_create(&thread, NULL, wait_as_the_owner, &owner));
	while (!owner.tid)
		sched_yield();
	sleeps_in_futex(getpid(), owner.tid);
	ck_rc(zipc_channel_send(sender, &(uint64_t){ 1 }, ZIPC_NOWAIT), 0);
	ck_assert(!pthread_join(thread, NULL));
	ck_rc(owner.rc, 0);
}

/* The wake ends in the watcher; nobody naps, so the owner is woken or hangs. */
START_TEST(a_watcher_passes_on_the_wake_that_is_its_owners)
{
	struct zipc_channel *a = channel_of("a", 4), *sender = channel_of("a", 4);
	struct zipc_wait_set *set;
	uint64_t elem;
	struct zipc_case one = recv_from(a, &elem);
	pid_t watcher;
	int i;

	naps_are_endless = true;
	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	ck_assert_int_ge(zipc_wait_set_fd(set), 0);
	watcher = watcher_of_this();
	for (i = 0; i < 2; i++)
		wake_beside_the_watcher(set, watcher, sender);
	naps_are_endless = false;
	zipc_wait_set_close(set);
	zipc_channel_release(sender);
	zipc_channel_release(a);
}
END_TEST

static Suite *wait_set_suite(void)
{
	Suite *suite = suite_create("wait_set");
	TCase *tc = test_case(suite, "sets", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_set_is_waited_for_often);
	tcase_add_test(tc, a_descriptor_is_readable_while_there_is_something);
	tcase_add_test(tc, a_descriptor_is_refused_to_who_must_offer);
	tcase_add_test(tc, a_forked_child_waits_with_a_set_and_closes_it);
	tcase_add_test(tc, a_set_of_an_event_by_hand_happens_once);
	tc = test_case(suite, "looks", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_lease_given_back_is_told, 0, 2);
	tcase_add_test(tc, what_is_behind_a_dead_claim_is_told);
	tcase_add_test(tc, room_that_a_dead_one_has_is_told);
	tcase_add_loop_test(tc, what_comes_in_a_stream_is_told, 0, 4);
	tcase_add_test(tc, a_permit_of_the_dead_is_told);
	tcase_add_test(tc, a_future_whose_promiser_died_is_told);
	tcase_add_test(tc, a_value_goes_where_the_set_has_it);
	tc = test_case(suite, "watcher", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_forked_child_closes_what_a_watcher_waits_in);
	tcase_add_loop_test(tc, a_child_that_can_not_begin_is_told_each_time, 0,
			    2);
	tcase_add_test(tc, a_watcher_passes_on_the_wake_that_is_its_owners);
	return suite;
}

TEST_MAIN(wait_set_suite)
