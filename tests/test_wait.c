/* SPDX-License-Identifier: MIT */
/*
 * Event words: no wake is lost, none is late, none costs a system call when
 * nobody sleeps; sleepers and wakers may die, and signals end nothing.
 *
 * What is waited for is a count of items; an attempt takes one. Each test is
 * run twice: with membarrier, and with full fences on both sides.
 */
#include "../libzeroipc/wait.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../libzeroipc/clock.h"
#include "children.h"
#include "harness.h"
#include "random_type.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define ROUNDS 20000
#else
#define ROUNDS 100000
#endif
#define SLEEPERS 50

/* A line of its own for each side, as in a block. */
struct side {
	struct zipc_event_word event;
	_Atomic int64_t items;
	char pad[40];
};

struct board {
	struct side ping, pong;
	struct {
		_Atomic unsigned word;
		char pad[60];
	} slow[48];
	_Atomic int woken;
	_Atomic int found;     /* a nap has */
	_Atomic bool leave[4]; /* told to leave when it next looks */
};

static struct board *board;
static bool symmetric;

static void set_up(int variant)
{
	board = shared_memory(sizeof(*board));
	symmetric = variant % 2;
	ck_rc(zipc_fence_register(), 0);
}

static int64_t take(void *context)
{
	struct side *side = context;
	int64_t n = atomic_load_explicit(&side->items, memory_order_acquire);

	while (n > 0)
		if (atomic_compare_exchange_weak_explicit(
			    &side->items, &n, n - 1, memory_order_acq_rel,
			    memory_order_acquire))
			return 0;
	return -EAGAIN;
}

static int64_t wait_for(struct side *side, int64_t timeout_ns)
{
	struct zipc_spin spin = { 0 };
	int64_t rc = take(side);

	return rc == -EAGAIN ? zipc_wait(&side->event, symmetric, &spin,
					 zipc_deadline(timeout_ns), take, side)
			     : rc;
}

/* Release alone: the waker's own fence has to do the rest. */
static void put_silently(struct side *side, int64_t n)
{
	atomic_fetch_add_explicit(&side->items, n, memory_order_release);
}

static void put(struct side *side, int64_t n)
{
	put_silently(side, n);
	zipc_wake(&side->event, symmetric, (uint64_t)n);
}

static unsigned late(const struct side *side)
{
	return atomic_load(&side->event.late_wakes);
}

/* deadlines */

START_TEST(a_wait_ends_at_its_deadline_and_not_before)
{
	static const int64_t timeouts[] = { 0, 1, 1000000, 30000000,
					    150000000, 250000000 };
	int64_t began;
	size_t i;

	set_up(_i);
	for (i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		began = zipc_now_ns();
		ck_rc(wait_for(&board->ping, timeouts[i]), -ETIMEDOUT);
		ck_assert_int_ge(zipc_now_ns() - began, timeouts[i]);
	}
	ck_assert_uint_eq(late(&board->ping), 0);
}
END_TEST

static int64_t refuse(void *context)
{
	return ++*(int *)context < 40 ? -EAGAIN : -EPIPE;
}

START_TEST(what_an_attempt_says_is_what_the_wait_says)
{
	struct zipc_spin spin = { 0 };
	int n = 0;

	set_up(_i);
	ck_rc(zipc_wait(&board->ping.event, symmetric, &spin, INT64_MAX, refuse,
			&n), -EPIPE);
	ck_assert_int_eq(n, 40);
	put(&board->ping, 1);
	ck_rc(zipc_wait(&board->ping.event, symmetric, &spin, INT64_MAX, take,
			&board->ping), 0);
}
END_TEST

/* ping and pong */

static void on_one_core(void)
{
	cpu_set_t set, one;
	int i;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	for (i = 0; !CPU_ISSET(i, &set); i++)
		;
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void play(struct side *mine, struct side *theirs)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ck_rc(wait_for(mine, ZIPC_FOREVER), 0);
		put(theirs, 1);
	}
}

static void *play_pong(void *unused)
{
	(void)unused;
	play(&board->pong, &board->ping);
	return NULL;
}

static void play_pong_in_a_child(void *unused)
{
	ck_rc(zipc_fence_register(), 0);
	play_pong(unused);
}

static void check_none_was_late(void)
{
	ck_assert_uint_eq(late(&board->ping), 0);
	ck_assert_uint_eq(late(&board->pong), 0);
}

START_TEST(between_processes_no_wake_is_lost_or_late)
{
	struct child child;

	set_up(_i);
	if (_i / 2)
		on_one_core();
	child = child_start(play_pong_in_a_child, NULL);
	put(&board->ping, 1);
	play(&board->ping, &board->pong);
	child_end(&child);
	check_none_was_late();
}
END_TEST

START_TEST(between_threads_no_wake_is_lost_or_late)
{
	pthread_t thread;

	set_up(_i);
	if (_i / 2)
		on_one_core();
	ck_assert_int_eq(pthread_create(&thread, NULL, play_pong, NULL), 0);
	put(&board->ping, 1);
	play(&board->ping, &board->pong);
	pthread_join(thread, NULL);
	check_none_was_late();
}
END_TEST

/*
 * The waker's stores wait behind others to lines that the sleeper's core has,
 * so its publication is seen late, while its look for sleepers is early: what
 * the fences are for. It publishes by a plain store, as a locked instruction
 * would be a fence by itself; the sleeper arrives about then.
 */
static void write_slow_lines(unsigned value)
{
	int i;

	for (i = 0; i < 48; i++)
		atomic_store_explicit(&board->slow[i].word, value,
				      memory_order_relaxed);
}

static void spin_for_a_while(struct dice *dice)
{
	unsigned n = roll_below(dice, 4000);

	while (n--)
		atomic_signal_fence(memory_order_seq_cst);
}

static void publish_behind_slow_lines(void *unused)
{
	struct dice dice = { 1 };
	unsigned i;

	(void)unused;
	ck_rc(zipc_fence_register(), 0);
	for (i = 0; i < ROUNDS / 2; i++) {
		while (atomic_load_explicit(&board->pong.items,
					    memory_order_acquire) == i)
			if (i % 64 == 63)
				sched_yield();
		spin_for_a_while(&dice);
		write_slow_lines(i);
		atomic_store_explicit(&board->ping.items, 1,
				      memory_order_release);
		zipc_wake(&board->ping.event, symmetric, 1);
	}
}

START_TEST(a_sleeper_that_arrives_amid_a_publication_is_woken)
{
	struct child child;
	unsigned i;

	set_up(_i);
	child = child_start(publish_behind_slow_lines, NULL);
	for (i = 0; i < ROUNDS / 2; i++) {
		write_slow_lines(i);
		atomic_store_explicit(&board->pong.items, i + 1,
				      memory_order_release);
		ck_rc(wait_for(&board->ping, ZIPC_FOREVER), 0);
	}
	child_end(&child);
	ck_assert_uint_eq(late(&board->ping), 0);
}
END_TEST

/* Many on both sides, with bursts and pauses as they come. */
static void produce(void *unused)
{
	int i;

	(void)unused;
	ck_rc(zipc_fence_register(), 0);
	for (i = 0; i < ROUNDS / 10; i++)
		put(&board->ping, 1 + i % 3);
}

static void consume(void *unused)
{
	int64_t i, n = ROUNDS / 10 * 2;

	(void)unused;
	ck_rc(zipc_fence_register(), 0);
	for (i = 0; i < n; i++)
		ck_rc(wait_for(&board->ping, ZIPC_FOREVER), 0);
}

START_TEST(many_producers_wake_many_consumers)
{
	struct child children[6];
	int64_t rest = 0;
	int i;

	set_up(_i);
	for (i = 0; i < 6; i++)
		children[i] = child_start(i % 2 ? produce : consume, NULL);
	/* 1, 2, 3 in turn is 2 on average, but for the last round. */
	for (i = 0; i < ROUNDS / 10; i++)
		rest += 2 - (1 + i % 3);
	put(&board->ping, 3 * rest);
	for (i = 0; i < 6; i++)
		child_end(&children[i]);
	ck_assert_int_eq(atomic_load(&board->ping.items), 0);
	ck_assert_uint_eq(late(&board->ping), 0);
}
END_TEST

/* sleepers and wakers that die */

static void sleep_once(void *unused)
{
	(void)unused;
	ck_rc(zipc_fence_register(), 0);
	ck_rc(wait_for(&board->ping, ZIPC_FOREVER), 0);
	atomic_fetch_add(&board->woken, 1);
}

/* Starts one more, and waits until it sleeps. */
static struct child sleeper(void)
{
	struct child child = child_start(sleep_once, NULL);

	sleeps_in_futex(child.pid, 0);
	return child;
}

START_TEST(what_a_dead_waker_has_published_is_found_and_counted)
{
	struct child child;
	int tries;

	set_up(_i);
	/* Between two naps it is found in time, which is rare. */
	for (tries = 0; tries < 20 && !late(&board->ping); tries++) {
		child = sleeper();
		put_silently(&board->ping, 1); /* and dies before its wake */
		child_end(&child);
	}
	ck_assert_uint_eq(late(&board->ping), 1);
	child = sleeper();
	put(&board->ping, 1);
	child_end(&child);
	ck_assert_uint_eq(late(&board->ping), 1);
}
END_TEST

START_TEST(nappers_that_die_are_replaced)
{
	struct zipc_event_word *event;
	struct child children[4];
	uint32_t stamps[2];
	int i;

	set_up(_i);
	event = &board->ping.event;
	for (i = 0; i < 4; i++)
		children[i] = sleeper();
	child_kill(&children[0]);
	child_kill(&children[1]);
	for (i = 0; i < 2; i++) {
		stamps[i] = atomic_load(&event->nappers[i]);
		ck_assert_uint_ne(stamps[i], 0);
	}
	for (i = 0; i < 2; i++)
		while (atomic_load(&event->nappers[i]) == stamps[i])
			sched_yield();
	put_silently(&board->ping, 2);
	child_end(&children[2]);
	child_end(&children[3]);
}
END_TEST

static int64_t take_and_tell(void *side)
{
	int64_t rc = take(side);

	if (!rc)
		atomic_store(&board->found, 1);
	return rc;
}

static void sleep_and_tell(void *unused)
{
	struct zipc_spin spin = { 0 };

	(void)unused;
	ck_rc(zipc_fence_register(), 0);
	ck_rc(zipc_wait(&board->ping.event, symmetric, &spin, INT64_MAX,
			take_and_tell, &board->ping), 0);
	atomic_store(&board->woken, 1);
}

START_TEST(who_counts_a_late_wake_takes_no_wake)
{
	struct child child;
	long taken = 0;

	set_up(_i);
	child = child_start(sleep_and_tell, NULL);
	sleeps_in_futex(child.pid, 0);
	put_silently(&board->ping, 1); /* a nap finds it */
	while (!atomic_load(&board->found))
		sched_yield();
	while (!atomic_load(&board->woken))
		taken += syscall(SYS_futex, &board->ping.event.word, FUTEX_WAKE,
				 1, NULL, NULL, 0);
	child_end(&child);
	ck_assert_int_eq(taken, 0);
}
END_TEST

static int64_t stay_or_leave(void *leave)
{
	return atomic_load((_Atomic bool *)leave) ? -EPIPE : -EAGAIN;
}

static void sleep_until_told(void *leave)
{
	struct zipc_spin spin = { 0 };

	ck_rc(zipc_fence_register(), 0);
	ck_rc(zipc_wait(&board->ping.event, symmetric, &spin, INT64_MAX,
			stay_or_leave, leave), -EPIPE);
}

/*
 * Of two nappers and two more the second leaves, and so calls the third; that
 * one leaves as well. Without its call the fourth would sleep on with a place
 * free.
 */
START_TEST(a_called_successor_that_leaves_calls_another)
{
	struct zipc_event_word *event;
	struct child children[4];
	int i;

	set_up(_i);
	event = &board->ping.event;
	for (i = 0; i < 4; i++) {
		children[i] = child_start(sleep_until_told, &board->leave[i]);
		sleeps_in_futex(children[i].pid, 0);
	}
	atomic_store(&board->leave[2], true);
	atomic_store(&board->leave[1], true);
	child_end(&children[1]);
	child_end(&children[2]);
	sleeps_in_futex(children[3].pid, 0);
	ck_assert_uint_ne(atomic_load(&event->nappers[0]), 0);
	ck_assert_uint_ne(atomic_load(&event->nappers[1]), 0);
	atomic_store(&board->leave[0], true);
	atomic_store(&board->leave[3], true);
	put(&board->ping, 4);
	child_end(&children[0]);
	child_end(&children[3]);
}
END_TEST

START_TEST(a_killed_sleeper_costs_one_idle_call_and_no_wake)
{
	struct child dead, child;

	set_up(_i);
	dead = sleeper();
	child = sleeper();
	child_kill(&dead);
	put(&board->ping, 1);
	child_end(&child);
	ck_assert_uint_eq(late(&board->ping), 0);
	dead = sleeper();
	child_kill(&dead);
	ck_assert_uint_ne(atomic_load(&board->ping.event.word) & ZIPC_SLEEPERS,
			  0);
	put(&board->ping, 1);
	ck_assert_uint_eq(atomic_load(&board->ping.event.word) & ZIPC_SLEEPERS,
			  0);
}
END_TEST

START_TEST(a_stopped_sleeper_holds_up_nobody)
{
	struct child stopped, child;

	set_up(_i);
	stopped = sleeper();
	child_stop(&stopped);
	child = sleeper();
	put(&board->ping, 1); /* may wake the stopped one in vain */
	child_end(&child);
	child_continue(&stopped);
	put(&board->ping, 1);
	child_end(&stopped);
}
END_TEST

/* how many are woken */

START_TEST(fifty_sleepers_are_woken_one_by_one)
{
	struct child children[SLEEPERS];
	int i;

	set_up(_i);
	for (i = 0; i < SLEEPERS; i++)
		children[i] = sleeper();
	ck_assert_int_eq(atomic_load(&board->woken), 0);
	for (i = 0; i < SLEEPERS; i++) {
		put(&board->ping, 1);
		while (atomic_load(&board->woken) <= i)
			sched_yield();
		ck_assert_int_eq(atomic_load(&board->woken), i + 1);
	}
	for (i = 0; i < SLEEPERS; i++)
		child_end(&children[i]);
	ck_assert_uint_eq(late(&board->ping), 0);
}
END_TEST

START_TEST(fifty_sleepers_are_woken_at_once)
{
	struct child children[SLEEPERS];
	int i;

	set_up(_i);
	for (i = 0; i < SLEEPERS; i++)
		children[i] = sleeper();
	put(&board->ping, SLEEPERS);
	for (i = 0; i < SLEEPERS; i++)
		child_end(&children[i]);
	ck_assert_int_eq(atomic_load(&board->ping.items), 0);
	ck_assert_uint_eq(late(&board->ping), 0);
}
END_TEST

START_TEST(waking_one_does_not_forget_the_other)
{
	struct child children[2];
	int i;

	set_up(_i);
	children[0] = sleeper();
	children[1] = sleeper();
	for (i = 0; i < 2; i++) {
		ck_assert_uint_ne(atomic_load(&board->ping.event.word) &
				  ZIPC_SLEEPERS, 0);
		put(&board->ping, 1);
		while (atomic_load(&board->woken) <= i)
			sched_yield();
	}
	child_end(&children[0]);
	child_end(&children[1]);
	ck_assert_uint_eq(late(&board->ping), 0);
	put(&board->ping, 1);
	ck_assert_uint_eq(atomic_load(&board->ping.event.word) &
			  (ZIPC_SLEEPERS | ZIPC_CROWD), 0);
}
END_TEST

/* wakes of nobody */

/* From here on any of these system calls kills the process. */
static void forbid(long first, long second)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)first, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(program) / sizeof(program[0]),
				     program };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter),
			 0);
}

static void wake_nobody(void *unused)
{
	uint32_t word;
	int i;

	(void)unused;
	/* What a dead sleeper has left is cleared by the first wake. */
	atomic_store(&board->ping.event.word, ZIPC_SLEEPERS | ZIPC_CROWD);
	put(&board->ping, 1);
	word = atomic_load(&board->ping.event.word);
	ck_assert_uint_eq(word & (ZIPC_SLEEPERS | ZIPC_CROWD), 0);
	tell_parent();
	forbid(SYS_futex, SYS_membarrier);
	for (i = 0; i < 1000; i++) {
		put(&board->ping, 1);
		put(&board->pong, 1);
	}
	ck_assert_uint_eq(atomic_load(&board->ping.event.word), word);
	ck_assert_uint_eq(atomic_load(&board->pong.event.word), 0);
	tell_parent();
	atomic_store(&board->ping.event.word, word | ZIPC_SLEEPERS);
	put(&board->ping, 1); /* the filter does kill */
	tell_parent();
}

START_TEST(a_wake_of_nobody_makes_no_system_call)
{
	struct child child;
	char byte;
	int status;

	set_up(_i);
	child = child_start(wake_nobody, NULL);
	child_hear(&child);
	child_hear(&child);
	ck_assert_int_eq(read(child.up, &byte, 1), 0);
	status = child_reap(&child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

/* signals */

static void ignore(int signal)
{
	(void)signal;
}

static void start_a_storm(void)
{
	const struct sigaction action = { .sa_handler = ignore };
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void sleep_in_a_storm(void *unused)
{
	int64_t began = zipc_now_ns();

	(void)unused;
	ck_rc(zipc_fence_register(), 0);
	start_a_storm();
	ck_rc(wait_for(&board->ping, 250000000), -ETIMEDOUT);
	ck_assert_int_ge(zipc_now_ns() - began, 250000000);
	atomic_store(&board->woken, 1);
	ck_rc(wait_for(&board->ping, ZIPC_FOREVER), 0);
}

START_TEST(signals_end_no_wait)
{
	struct child child;

	set_up(_i);
	child = child_start(sleep_in_a_storm, NULL);
	while (!atomic_load(&board->woken))
		sched_yield();
	sleeps_in_futex(child.pid, 0);
	put(&board->ping, 1);
	child_end(&child);
	ck_assert_uint_eq(late(&board->ping), 0);
}
END_TEST

/* damage */

START_TEST(no_damaged_event_word_holds_up_a_wait_or_a_wake)
{
	static const uint32_t words[] = { 1, 2, 3, 4, UINT32_MAX,
					  UINT32_MAX - 3, 0x80000000u };
	struct zipc_event_word *event;
	size_t i, j;

	set_up(_i);
	event = &board->ping.event;
	for (i = 0; i < 7; i++)
		for (j = 0; j < 7; j++) {
			atomic_store(&event->word, words[i]);
			atomic_store(&event->nappers[0], words[j]);
			atomic_store(&event->nappers[1], words[6 - j]);
			ck_rc(wait_for(&board->ping, 1000), -ETIMEDOUT);
			put(&board->ping, 1);
			ck_rc(wait_for(&board->ping, ZIPC_FOREVER), 0);
		}
}
END_TEST

static int64_t succeed(void *context)
{
	++*(unsigned *)context;
	return 0;
}

/* Its peer may run on another core: to sleep at once would cost it a wake. */
START_TEST(who_is_pinned_to_a_core_spins_before_it_sleeps)
{
	struct zipc_spin spin = { 0 };
	unsigned attempts = 0;
	cpu_set_t here;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	set_up(_i);
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(here), &here), 0);
	ck_rc(zipc_wait(&board->ping.event, symmetric, &spin, INT64_MAX,
			succeed, &attempts), 0);
	/* It was looked for before anybody arrived to sleep. */
	ck_assert_uint_eq(attempts, 1);
	ck_assert_uint_eq(atomic_load(&board->ping.event.word), 0);
}
END_TEST

static Suite *wait_suite(void)
{
	Suite *suite = suite_create("wait");
	TCase *tc = test_case(suite, "wait", "medium", 120);

	tcase_add_loop_test(tc, a_wait_ends_at_its_deadline_and_not_before, 0,
			    2);
	tcase_add_loop_test(tc, what_an_attempt_says_is_what_the_wait_says, 0,
			    2);
	tcase_add_loop_test(tc, fifty_sleepers_are_woken_one_by_one, 0, 2);
	tcase_add_loop_test(tc, fifty_sleepers_are_woken_at_once, 0, 2);
	tcase_add_loop_test(tc, waking_one_does_not_forget_the_other, 0, 2);
	tcase_add_loop_test(tc, a_wake_of_nobody_makes_no_system_call, 0, 2);
	tcase_add_loop_test(tc, signals_end_no_wait, 0, 2);
	tcase_add_loop_test(tc, who_is_pinned_to_a_core_spins_before_it_sleeps,
			    0, 2);
	tcase_add_loop_test(tc, no_damaged_event_word_holds_up_a_wait_or_a_wake,
			    0, 2);
	tc = test_case(suite, "deaths", "medium", 120);
	tcase_add_loop_test(
		tc, what_a_dead_waker_has_published_is_found_and_counted, 0, 2);
	tcase_add_loop_test(tc, nappers_that_die_are_replaced, 0, 2);
	tcase_add_loop_test(tc, who_counts_a_late_wake_takes_no_wake, 0, 2);
	tcase_add_loop_test(tc, a_called_successor_that_leaves_calls_another, 0,
			    2);
	tcase_add_loop_test(tc, a_killed_sleeper_costs_one_idle_call_and_no_wake,
			    0, 2);
	tcase_add_loop_test(tc, a_stopped_sleeper_holds_up_nobody, 0, 2);
	tc = test_case(suite, "rounds", "medium", 600);
	tcase_add_loop_test(tc, between_processes_no_wake_is_lost_or_late, 0,
			    4);
	tcase_add_loop_test(tc, between_threads_no_wake_is_lost_or_late, 0, 4);
	tcase_add_loop_test(
		tc, a_sleeper_that_arrives_amid_a_publication_is_woken, 0, 2);
	tcase_add_loop_test(tc, many_producers_wake_many_consumers, 0, 2);
	return suite;
}

TEST_MAIN(wait_suite)
