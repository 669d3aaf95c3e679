/* SPDX-License-Identifier: MIT */
/* The mutex's promises, one by one, with threads and with processes. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/lock.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define LONG (60 * SECOND)

static struct zipc_segment *segment;
static struct zipc_mutex *mutex, *other;
static struct zipc_owner *owner; /* the mutex's own word */

static void set_up(void)
{
	struct zipc_found found;

	ck_rc(zipc_segment_create(&segment, test_name("mutex"), 1 << 20, NULL),
	      0);
	ck_rc(zipc_mutex_create(&mutex, segment, "m"), 0);
	ck_rc(zipc_mutex_open(&other, segment, "m"), 0);
	ck_rc(zipc_table_find(&found, segment, "m", ZIPC_MUTEX, NULL), 0);
	zipc_table_release(&found);
	owner = (void *)found.body;
}

static void tear_down(void)
{
	zipc_mutex_close(other);
	zipc_mutex_close(mutex);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

/* one process */

START_TEST(one_holds_it_at_a_time)
{
	ck_rc(zipc_mutex_lock(mutex, ZIPC_FOREVER), 0);
	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_mutex_lock(other, 1000), -ETIMEDOUT);
	ck_rc(zipc_mutex_lock(other, SECOND / 100), -ETIMEDOUT);
	ck_rc(zipc_mutex_unlock(mutex), 0);
	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_unlock(other), 0);
}
END_TEST

START_TEST(who_holds_it_can_not_wait_for_himself)
{
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EDEADLK);
	ck_message("`m`");
	ck_rc(zipc_mutex_lock(mutex, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_mutex_unlock(mutex), 0);
}
END_TEST

START_TEST(only_the_holder_unlocks_it)
{
	ck_rc(zipc_mutex_unlock(mutex), -EPERM);
	ck_rc(zipc_mutex_consistent(mutex), -EPERM);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_unlock(other), -EPERM);
	ck_message("not held by this handle");
	ck_rc(zipc_mutex_consistent(other), -EPERM);
	ck_rc(zipc_mutex_consistent(mutex), -EINVAL);
	ck_rc(zipc_mutex_unlock(mutex), 0);
	ck_rc(zipc_mutex_unlock(mutex), -EPERM);
}
END_TEST

static void lock_first(void *unused)
{
	(void)unused;
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
}

static void lock_and_unlock(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_mutex_lock(mutex, ZIPC_FOREVER), 0);
		ck_rc(zipc_mutex_unlock(mutex), 0);
	}
}

START_TEST(an_uncontended_lock_makes_no_system_call)
{
	must_make_no_system_call(lock_first, lock_and_unlock, NULL);
}
END_TEST

START_TEST(opening_shows_what_is_there)
{
	struct zipc_queue *queue;
	struct zipc_mutex *it;

	ck_rc(zipc_mutex_create(&it, segment, "m"), -EEXIST);
	ck_rc(zipc_mutex_open(&it, segment, "n"), -ENOENT);
	ck_rc(zipc_mutex_open_or_create(&it, segment, "n"), 0);
	zipc_mutex_close(it);
	ck_rc(zipc_mutex_open_or_create(&it, segment, "n"), 0);
	zipc_mutex_close(it);
	ck_rc(zipc_queue_open(&queue, segment, "m", NULL), -EPROTOTYPE);
	ck_message("mutex");
	ck_rc(zipc_queue_create(&queue, segment, "q", "u64", 1), 0);
	zipc_queue_close(queue);
	ck_rc(zipc_mutex_open(&it, segment, "q"), -EPROTOTYPE);
	zipc_mutex_close(NULL);
}
END_TEST

START_TEST(a_read_only_segment_locks_nothing)
{
	struct zipc_segment *watch;
	struct zipc_mutex *it;

	ck_rc(zipc_segment_open(&watch, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_mutex_open(&it, watch, "m"), 0);
	ck_rc(zipc_mutex_lock(it, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_mutex_unlock(it), -EPERM);
	ck_rc(zipc_mutex_reset(it), -EROFS);
	zipc_mutex_close(it);
	zipc_segment_close(watch);
}
END_TEST

START_TEST(handles_are_told_apart_until_there_are_too_many)
{
	static struct zipc_mutex *many[ZIPC_NUMBERS];
	unsigned i, n;
	int rc;

	for (n = 0; n < ZIPC_NUMBERS; n++) {
		rc = zipc_mutex_open(&many[n], segment, "m");
		if (rc)
			break;
	}
	ck_rc(rc, -EUSERS);
	ck_assert_uint_eq(n, ZIPC_NUMBERS - 3); /* two are open; 0 is none */
	ck_rc(zipc_mutex_lock(many[n - 1], ZIPC_NOWAIT), 0);
	for (i = 0; i < n - 1; i += 997)
		ck_rc(zipc_mutex_unlock(many[i]), -EPERM);
	ck_rc(zipc_mutex_unlock(many[n - 1]), 0);
	zipc_mutex_close(many[0]);
	ck_rc(zipc_mutex_open(&many[0], segment, "m"), 0);
	for (i = 0; i < n; i++)
		zipc_mutex_close(many[i]);
}
END_TEST

/* deaths */

static void lock_and_wait(void *unused)
{
	(void)unused;
	ck_rc(zipc_mutex_lock(mutex, LONG), 0);
	tell_parent();
	await_parent();
	ck_rc(zipc_mutex_unlock(mutex), 0);
}

/* Somebody dies with it held. */
static void die_holding(void)
{
	struct child child = child_start(lock_and_wait, NULL);

	child_hear(&child);
	child_kill(&child);
}

START_TEST(the_next_learns_that_the_holder_died)
{
	die_holding();
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EOWNERDEAD);
	ck_message("consistent");
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EDEADLK);
	ck_rc(zipc_mutex_consistent(mutex), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_unlock(other), 0);
	ck_assert_uint_eq(owner->deaths, 1);
}
END_TEST

START_TEST(who_waits_learns_that_the_holder_died)
{
	die_holding();
	ck_rc(zipc_mutex_lock(mutex, LONG), -EOWNERDEAD);
	ck_rc(zipc_mutex_consistent(mutex), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
}
END_TEST

static void expect_a_death(void *unused)
{
	(void)unused;
	ck_rc(zipc_mutex_lock(mutex, ZIPC_FOREVER), -EOWNERDEAD);
	ck_rc(zipc_mutex_consistent(mutex), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
}

START_TEST(who_sleeps_learns_that_the_holder_died)
{
	struct child child = child_start(lock_and_wait, NULL);
	struct child sleepers[2];

	child_hear(&child);
	sleepers[0] = child_start(lock_and_wait, NULL); /* dies asleep */
	sleeps_in_futex(sleepers[0].pid, 0);
	sleepers[1] = child_start(expect_a_death, NULL);
	sleeps_in_futex(sleepers[1].pid, 0);
	child_kill(&sleepers[0]);
	child_kill(&child);
	child_end(&sleepers[1]);
}
END_TEST

/* From here on the system refuses it, as in a sandbox. */
static void refuse_membarrier(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(program) / sizeof(program[0]),
				     program };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter),
			 0);
}

static void wait_without_membarrier(void *unused)
{
	(void)unused;
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EAGAIN);
	refuse_membarrier();
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_mutex_lock(mutex, LONG), -EOPNOTSUPP);
	ck_message("membarrier");
	tell_parent();
	await_parent();
	ck_rc(zipc_mutex_lock(mutex, LONG), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
}

START_TEST(who_cannot_sleep_safely_is_told)
{
	struct child child;

	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), 0);
	child = child_start(wait_without_membarrier, NULL);
	child_hear(&child);
	ck_rc(zipc_mutex_unlock(other), 0);
	child_say(&child);
	child_end(&child);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
}
END_TEST

START_TEST(without_repair_nobody_has_it_again_but_by_a_reset)
{
	die_holding();
	ck_rc(zipc_mutex_reset(other), -EINVAL);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_mutex_unlock(mutex), 0);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_FOREVER), -ENOTRECOVERABLE);
	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), -ENOTRECOVERABLE);
	ck_message("reset");
	ck_rc(zipc_mutex_unlock(mutex), -EPERM);
	ck_rc(zipc_mutex_reset(other), 0);
	ck_rc(zipc_mutex_reset(other), -EINVAL);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_mutex_consistent(mutex), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_unlock(other), 0);
}
END_TEST

START_TEST(a_death_during_the_repair_is_told_again)
{
	struct child child;

	die_holding();
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EOWNERDEAD);
	zipc_mutex_close(mutex); /* as a death */
	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_mutex_consistent(other), 0);
	ck_rc(zipc_mutex_unlock(other), 0);
	ck_rc(zipc_mutex_open(&mutex, segment, "m"), 0);
	child = child_start(lock_and_wait, NULL);
	child_hear(&child);
	child_say(&child);
	child_end(&child);
}
END_TEST

static void expect_not_recoverable(void *unused)
{
	(void)unused;
	ck_rc(zipc_mutex_lock(mutex, LONG), -ENOTRECOVERABLE);
}

START_TEST(all_who_sleep_learn_that_it_is_not_recoverable)
{
	struct child children[3];
	int i;

	die_holding();
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EOWNERDEAD);
	for (i = 0; i < 3; i++) {
		children[i] = child_start(expect_not_recoverable, NULL);
		sleeps_in_futex(children[i].pid, 0);
	}
	ck_rc(zipc_mutex_unlock(mutex), 0);
	for (i = 0; i < 3; i++)
		child_end(&children[i]);
}
END_TEST

/* fork */

static void does_not_hold_it(void *unused)
{
	(void)unused;
	ck_rc(zipc_mutex_unlock(mutex), -EPERM);
	ck_rc(zipc_mutex_consistent(mutex), -EPERM);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_mutex_unlock(mutex), -EPERM);
	zipc_mutex_close(mutex);
	ck_rc(zipc_mutex_lock(other, 1000), -ETIMEDOUT);
}

START_TEST(a_child_does_not_own_its_parents_lock)
{
	struct child child;

	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), 0);
	child = child_start(does_not_hold_it, NULL);
	child_end(&child);
	ck_rc(zipc_mutex_unlock(mutex), 0);
	ck_rc(zipc_mutex_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_mutex_unlock(other), 0);
}
END_TEST

START_TEST(a_child_locks_with_its_parents_handle)
{
	struct child child;

	lock_first(NULL);
	child = child_start(lock_and_wait, NULL);
	child_hear(&child);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EAGAIN);
	child_say(&child);
	ck_rc(zipc_mutex_lock(mutex, LONG), 0);
	ck_rc(zipc_mutex_unlock(mutex), 0);
	child_end(&child);
}
END_TEST

/* damage */

static const uint64_t damages[] = {
	3, 4, 5, 8, 1 << 3, UINT64_C(1) << 32, ~UINT64_C(0),
	UINT64_C(1) << 32 | UINT64_C(129) << 19,
	UINT64_C(1) << 32 | 1 << 19 | 1 << 3 | ZIPC_CLOSED,
	UINT64_C(1) << 32 | 1 << 19 | 1 << 3 | ZIPC_CLAIMING,
};

START_TEST(a_damaged_owner_is_told)
{
	lock_first(NULL);
	atomic_store(&owner->owner, damages[_i]);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), -EBADMSG);
	ck_message("damaged");
	ck_rc(zipc_mutex_lock(mutex, ZIPC_FOREVER), -EBADMSG);
	ck_rc(zipc_mutex_unlock(mutex), -EPERM);
	ck_rc(zipc_mutex_reset(mutex), -EBADMSG);
	ck_message("damaged");
}
END_TEST

START_TEST(a_body_that_is_too_short_is_told)
{
	struct zipc_block *block;
	struct zipc_mutex *it;

	block = (void *)((unsigned char *)owner - 192);
	ck_assert_uint_eq(block->body_offset, 192);
	block->body_bytes = 56;
	ck_rc(zipc_mutex_open(&it, segment, "m"), -EBADMSG);
	ck_message("damaged");
}
END_TEST

/* many */

#define THREADS 4
#define ROUNDS 20000

static uint64_t guarded[2]; /* plain: the mutex orders what threads do to it */

static void *count(void *unused)
{
	struct zipc_mutex *it;
	int i;

	(void)unused;
	ck_rc(zipc_mutex_open(&it, segment, "m"), 0);
	for (i = 0; i < ROUNDS; i++) {
		ck_rc(zipc_mutex_lock(it, LONG), 0);
		ck_assert_uint_eq(guarded[0], guarded[1]);
		guarded[0]++;
		guarded[1]++;
		ck_rc(zipc_mutex_unlock(it), 0);
	}
	zipc_mutex_close(it);
	return NULL;
}

static uint64_t late_wakes(void)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "m", &entry), 0);
	zipc_view_close(view);
	return entry.late_wakes;
}

START_TEST(threads_exclude_each_other)
{
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count, NULL),
				 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(guarded[0], THREADS * ROUNDS);
	ck_assert_uint_eq(late_wakes(), 0);
}
END_TEST

static void count_shared(void *context)
{
	uint64_t *shared = context;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ck_rc(zipc_mutex_lock(mutex, LONG), 0);
		ck_assert_uint_eq(shared[0], shared[1]);
		shared[0]++;
		if (i % 64 == 0) /* so that some sleep */
			nanosleep(&(struct timespec){ .tv_nsec = 100000 },
				  NULL);
		shared[1]++;
		ck_rc(zipc_mutex_unlock(mutex), 0);
	}
}

START_TEST(processes_exclude_each_other)
{
	uint64_t *shared = shared_memory(16);
	struct child children[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		children[i] = child_start(count_shared, shared);
	for (i = 0; i < THREADS; i++)
		child_end(&children[i]);
	ck_assert_uint_eq(shared[0], THREADS * ROUNDS);
	ck_assert_uint_eq(late_wakes(), 0);
}
END_TEST

static void add_deaths(Suite *suite)
{
	TCase *tc = test_case(suite, "deaths", "fast", 120);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_next_learns_that_the_holder_died);
	tcase_add_test(tc, who_waits_learns_that_the_holder_died);
	tcase_add_test(tc, who_sleeps_learns_that_the_holder_died);
	tcase_add_test(tc, without_repair_nobody_has_it_again_but_by_a_reset);
	tcase_add_test(tc, a_death_during_the_repair_is_told_again);
	tcase_add_test(tc, all_who_sleep_learn_that_it_is_not_recoverable);
	tcase_add_test(tc, a_child_does_not_own_its_parents_lock);
	tcase_add_test(tc, a_child_locks_with_its_parents_handle);
}

static Suite *mutex_suite(void)
{
	Suite *suite = suite_create("mutex");
	TCase *tc = test_case(suite, "promises", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, one_holds_it_at_a_time);
	tcase_add_test(tc, who_holds_it_can_not_wait_for_himself);
	tcase_add_test(tc, who_cannot_sleep_safely_is_told);
	tcase_add_test(tc, only_the_holder_unlocks_it);
	tcase_add_test(tc, an_uncontended_lock_makes_no_system_call);
	tcase_add_test(tc, opening_shows_what_is_there);
	tcase_add_test(tc, a_read_only_segment_locks_nothing);
	tcase_add_test(tc, handles_are_told_apart_until_there_are_too_many);
	tcase_add_loop_test(tc, a_damaged_owner_is_told, 0,
			    sizeof(damages) / sizeof(damages[0]));
	tcase_add_test(tc, a_body_that_is_too_short_is_told);
	add_deaths(suite);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, threads_exclude_each_other);
	tcase_add_test(tc, processes_exclude_each_other);
	return suite;
}

TEST_MAIN(mutex_suite)
