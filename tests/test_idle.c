/* SPDX-License-Identifier: MIT */
/*
 * What waiting costs while nothing comes: a thousand who wait look so seldom
 * that together they take next to nothing of a core. What is counted is how
 * often they wake; the share of a core is printed.
 */
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#ifdef __SANITIZE_THREAD__
#define WAITERS 100
#else
#define WAITERS 1000
#endif
#define WINDOW_S 5

static struct zipc_segment *segment;
static _Atomic unsigned waiting;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("idle"), 1 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static void begin(void)
{
	atomic_fetch_add_explicit(&waiting, 1, memory_order_relaxed);
}

static void *wait_for_a_permit(void *unused)
{
	struct zipc_semaphore *it;

	ck_rc(zipc_semaphore_open(&it, segment, "it"), 0);
	begin();
	ck_rc(zipc_semaphore_acquire(it, ZIPC_FOREVER), 0);
	zipc_semaphore_close(it);
	return unused;
}

static void *wait_for_a_set(void *unused)
{
	struct zipc_event *it;

	ck_rc(zipc_event_open(&it, segment, "it"), 0);
	begin();
	ck_rc(zipc_event_wait(it, ZIPC_FOREVER), 0);
	zipc_event_close(it);
	return unused;
}

static double seconds(struct timeval user, struct timeval system)
{
	return (double)(user.tv_sec + system.tv_sec) +
	       (double)(user.tv_usec + system.tv_usec) / 1e6;
}

/*
 * In so many seconds each of the crowd looks once or twice, every 5 s, and the
 * two who nap every 100 ms; and each may go to sleep for the first time.
 */
static void watch_them_sleep(const char *what)
{
	const struct timespec window = { .tv_sec = WINDOW_S };
	struct rusage before, after;
	long wakes;

	while (atomic_load_explicit(&waiting, memory_order_relaxed) < WAITERS)
		sched_yield();
	getrusage(RUSAGE_SELF, &before);
	nanosleep(&window, NULL);
	getrusage(RUSAGE_SELF, &after);
	wakes = after.ru_nvcsw - before.ru_nvcsw;
	printf("# %d who wait for %s: %ld wakes, %.2f %% of a core\n", WAITERS,
	       what, wakes,
	       100 * (seconds(after.ru_utime, after.ru_stime) -
		      seconds(before.ru_utime, before.ru_stime)) /
		       WINDOW_S);
	ck_assert_int_le(wakes, 4 * WAITERS + 4 * 10 * WINDOW_S);
}

static void start(pthread_t threads[WAITERS], void *(*run)(void *))
{
	pthread_attr_t small;
	int i;

	atomic_store_explicit(&waiting, 0, memory_order_relaxed);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	for (i = 0; i < WAITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], &small, run,
						NULL), 0);
}

static void join(pthread_t threads[WAITERS])
{
	int i;

	for (i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
}

/* Each look of who waits for an owned one asks whether its holders live. */
START_TEST(a_thousand_who_wait_for_permits_wake_seldom)
{
	struct zipc_semaphore *semaphore;
	pthread_t threads[WAITERS];
	int i;

	ck_rc(zipc_semaphore_create_with(&semaphore, segment, "it", WAITERS,
					 WAITERS, _i ? ZIPC_OWNED : 0), 0);
	for (i = 0; i < WAITERS; i++)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	start(threads, wait_for_a_permit);
	watch_them_sleep(_i ? "owned permits" : "permits");
	ck_rc(zipc_semaphore_release(semaphore, WAITERS), 0);
	join(threads);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(a_thousand_who_wait_for_an_event_wake_seldom)
{
	struct zipc_event *event;
	pthread_t threads[WAITERS];

	ck_rc(zipc_event_create(&event, segment, "it", ZIPC_MANUAL_RESET), 0);
	start(threads, wait_for_a_set);
	watch_them_sleep("an event");
	ck_rc(zipc_event_set(event), 0);
	join(threads);
	zipc_event_close(event);
}
END_TEST

static Suite *idle_suite(void)
{
	Suite *suite = suite_create("idle");
	TCase *tc = test_case(suite, "owned", "slow", 120);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_thousand_who_wait_for_permits_wake_seldom, 1,
			    2);
	tc = test_case(suite, "others", "stress", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_thousand_who_wait_for_permits_wake_seldom, 0,
			    1);
	tcase_add_test(tc, a_thousand_who_wait_for_an_event_wake_seldom);
	return suite;
}

TEST_MAIN(idle_suite)
