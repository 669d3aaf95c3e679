/* SPDX-License-Identifier: MIT */
/* The promises of Once, one by one, with threads and with processes. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/lock.h"

#include <pthread.h>

#define SECOND INT64_C(1000000000)
#define LONG (60 * SECOND)

static struct zipc_segment *segment;
static struct zipc_once *once, *other;
static struct zipc_owner *owner;

static void set_up(void)
{
	struct zipc_found found;

	ck_rc(zipc_segment_create(&segment, test_name("once"), 1 << 20, NULL),
	      0);
	ck_rc(zipc_once_create(&once, segment, "o"), 0);
	ck_rc(zipc_once_open(&other, segment, "o"), 0);
	ck_rc(zipc_table_find(&found, segment, "o", ZIPC_ONCE, NULL), 0);
	zipc_table_release(&found);
	owner = (void *)found.body;
}

static void tear_down(void)
{
	zipc_once_close(other);
	zipc_once_close(once);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static int count(void *counter)
{
	++*(uint64_t *)counter;
	return 0;
}

static int refuse(void *counter)
{
	++*(uint64_t *)counter;
	return -EDOM;
}

START_TEST(it_is_run_once)
{
	uint64_t counter = 0;

	ck_assert_int_eq(zipc_once_done(once), 0);
	ck_rc(zipc_once_call(once, count, &counter, ZIPC_FOREVER), 0);
	ck_rc(zipc_once_call(once, count, &counter, ZIPC_FOREVER), 0);
	ck_rc(zipc_once_call(other, count, &counter, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(counter, 1);
	ck_assert_int_eq(zipc_once_done(other), 1);
}
END_TEST

START_TEST(who_fails_leaves_it_to_the_next)
{
	uint64_t counter = 0;

	ck_rc(zipc_once_call(once, refuse, &counter, ZIPC_FOREVER), -EDOM);
	ck_rc(zipc_once_call(other, refuse, &counter, ZIPC_NOWAIT), -EDOM);
	ck_assert_int_eq(zipc_once_done(once), 0);
	ck_rc(zipc_once_call(once, count, &counter, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(counter, 3);
	ck_assert_int_eq(zipc_once_done(once), 1);
}
END_TEST

static int call_inside(void *counter)
{
	ck_rc(zipc_once_call(once, count, counter, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_once_call(other, count, counter, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_once_call(other, count, counter, 1000), -ETIMEDOUT);
	return 0;
}

START_TEST(inside_nobody_else_runs_it)
{
	uint64_t counter = 0;

	ck_rc(zipc_once_call(once, call_inside, &counter, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(counter, 0);
}
END_TEST

static void call_first(void *counter)
{
	ck_rc(zipc_once_call(once, count, counter, ZIPC_NOWAIT), 0);
}

static void call_often(void *counter)
{
	int i;

	for (i = 0; i < 1000; i++)
		ck_rc(zipc_once_call(once, count, counter, ZIPC_FOREVER), 0);
	ck_assert_uint_eq(*(uint64_t *)counter, 1);
}

START_TEST(a_call_makes_no_system_call)
{
	uint64_t counter = 0;

	must_make_no_system_call(call_first, call_often, &counter);
}
END_TEST

START_TEST(done_it_is_done_for_who_only_reads)
{
	struct zipc_segment *watch;
	struct zipc_once *it;
	uint64_t counter = 0;

	ck_rc(zipc_segment_open(&watch, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_once_open(&it, watch, "o"), 0);
	ck_rc(zipc_once_call(it, count, &counter, ZIPC_NOWAIT), -EROFS);
	call_first(&counter);
	ck_rc(zipc_once_call(it, count, &counter, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(counter, 1);
	zipc_once_close(it);
	zipc_segment_close(watch);
}
END_TEST

START_TEST(opening_shows_what_is_there)
{
	struct zipc_mutex *mutex;
	struct zipc_once *it;

	ck_rc(zipc_once_create(&it, segment, "o"), -EEXIST);
	ck_rc(zipc_once_open(&it, segment, "n"), -ENOENT);
	ck_rc(zipc_once_open_or_create(&it, segment, "n"), 0);
	zipc_once_close(it);
	ck_rc(zipc_once_open_or_create(&it, segment, "n"), 0);
	zipc_once_close(it);
	ck_rc(zipc_mutex_open(&mutex, segment, "o"), -EPROTOTYPE);
	ck_message("once");
	zipc_once_close(NULL);
}
END_TEST

/* others */

static int run_and_wait(void *counter)
{
	++*(uint64_t *)counter;
	tell_parent();
	await_parent();
	++*(uint64_t *)counter;
	return 0;
}

static void run_slowly(void *counter)
{
	ck_rc(zipc_once_call(once, run_and_wait, counter, LONG), 0);
}

static void wait_for_it(void *counter)
{
	ck_rc(zipc_once_call(once, count, counter, ZIPC_FOREVER), 0);
}

START_TEST(others_wait_until_it_is_done)
{
	uint64_t *counter = shared_memory(8);
	struct child runner = child_start(run_slowly, counter), sleepers[3];
	int i;

	child_hear(&runner);
	for (i = 0; i < 3; i++) {
		sleepers[i] = child_start(wait_for_it, counter);
		sleeps_in_futex(sleepers[i].pid, 0);
	}
	ck_rc(zipc_once_call(once, count, counter, ZIPC_NOWAIT), -EAGAIN);
	child_say(&runner);
	for (i = 0; i < 3; i++)
		child_end(&sleepers[i]);
	child_end(&runner);
	ck_assert_uint_eq(*counter, 2);
}
END_TEST

START_TEST(who_dies_inside_is_replaced)
{
	uint64_t *counter = shared_memory(8);
	struct child runner = child_start(run_slowly, counter), sleeper;

	child_hear(&runner);
	sleeper = child_start(wait_for_it, counter);
	sleeps_in_futex(sleeper.pid, 0);
	child_kill(&runner);
	child_end(&sleeper);
	ck_assert_uint_eq(*counter, 2); /* half a run, and a whole one */
	ck_rc(zipc_once_call(once, count, counter, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(*counter, 2);
	ck_assert_uint_eq(owner->deaths, 1);
}
END_TEST

START_TEST(a_death_is_found_without_waiting)
{
	uint64_t *counter = shared_memory(8);
	struct child runner = child_start(run_slowly, counter);

	child_hear(&runner);
	child_kill(&runner);
	ck_rc(zipc_once_call(once, count, counter, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(*counter, 2);
}
END_TEST

static int fork_inside(void *counter)
{
	pid_t child;

	++*(uint64_t *)counter;
	fflush(NULL);
	child = fork();
	ck_assert_int_ge(child, 0);
	return 0;
}

static void call_and_fork(void *counter)
{
	pid_t me = getpid();

	ck_rc(zipc_once_call(once, fork_inside, counter, LONG), 0);
	ck_assert_int_eq(zipc_once_done(once), 1);
	if (getpid() != me)
		tell_parent();
}

START_TEST(a_child_forked_inside_is_one_more_caller)
{
	uint64_t *counter = shared_memory(8);
	struct child child = child_start(call_and_fork, counter);

	child_hear(&child);
	child_end(&child);
	ck_assert_uint_eq(*counter, 1);
}
END_TEST

static const uint64_t damages[] = {
	3, 4, 8, ~UINT64_C(0), UINT64_C(1) << 32 | UINT64_C(129) << 19,
	UINT64_C(1) << 32 | 1 << 19 | 1 << 3 | ZIPC_CLAIMING,
};

START_TEST(a_damaged_owner_is_told)
{
	uint64_t counter = 0;

	atomic_store(&owner->owner, damages[_i]);
	ck_rc(zipc_once_call(once, count, &counter, ZIPC_NOWAIT), -EBADMSG);
	ck_message("damaged");
	ck_rc(zipc_once_call(once, count, &counter, ZIPC_FOREVER), -EBADMSG);
	ck_assert_uint_eq(counter, 0);
}
END_TEST

/* many */

#define THREADS 4
#define ROUNDS 200 /* as many as have room in the table */

static uint64_t result; /* plain: a call that returns has seen it */

static int set_result(void *unused)
{
	(void)unused;
	result++;
	return 0;
}

static void *call_and_look(void *name)
{
	struct zipc_once *it;

	ck_rc(zipc_once_open(&it, segment, name), 0);
	ck_rc(zipc_once_call(it, set_result, NULL, LONG), 0);
	ck_assert_uint_eq(result, 1);
	zipc_once_close(it);
	return NULL;
}

START_TEST(threads_see_what_one_has_done)
{
	pthread_t threads[THREADS];
	struct zipc_once *it;
	char name[8];
	int i, round;

	for (round = 0; round < ROUNDS; round++) {
		snprintf(name, sizeof(name), "o%d", round);
		ck_rc(zipc_once_create(&it, segment, name), 0);
		result = 0;
		for (i = 0; i < THREADS; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL,
							call_and_look, name),
					 0);
		for (i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		zipc_once_close(it);
	}
}
END_TEST

static Suite *once_suite(void)
{
	Suite *suite = suite_create("once");
	TCase *tc = test_case(suite, "promises", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_is_run_once);
	tcase_add_test(tc, who_fails_leaves_it_to_the_next);
	tcase_add_test(tc, inside_nobody_else_runs_it);
	tcase_add_test(tc, a_call_makes_no_system_call);
	tcase_add_test(tc, done_it_is_done_for_who_only_reads);
	tcase_add_test(tc, opening_shows_what_is_there);
	tcase_add_loop_test(tc, a_damaged_owner_is_told, 0,
			    sizeof(damages) / sizeof(damages[0]));
	tc = test_case(suite, "others", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, others_wait_until_it_is_done);
	tcase_add_test(tc, who_dies_inside_is_replaced);
	tcase_add_test(tc, a_death_is_found_without_waiting);
	tcase_add_test(tc, a_child_forked_inside_is_one_more_caller);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, threads_see_what_one_has_done);
	return suite;
}

TEST_MAIN(once_suite)
