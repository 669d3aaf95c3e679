/* SPDX-License-Identifier: MIT */
/* The semaphore's promises, plain (loop 0) and owned (loop 1). */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/table.h"

#include <pthread.h>
#include <sched.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("semaphore"), 1 << 20,
				  NULL), 0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_semaphore *new_semaphore(uint64_t max, int owned)
{
	struct zipc_semaphore *semaphore;

	ck_rc(zipc_semaphore_create_with(&semaphore, segment, "s", max, max,
					 owned ? ZIPC_OWNED : 0), 0);
	return semaphore;
}

/* In a child: a handle of its own, on a segment of its own. */
static struct zipc_semaphore *open_anew(void)
{
	struct zipc_semaphore *semaphore;
	struct zipc_segment *mine;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_semaphore_open(&semaphore, mine, "s"), 0);
	return semaphore;
}

static uint64_t late_wakes(void)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "s", &entry), 0);
	zipc_view_close(view);
	return entry.late_wakes;
}

START_TEST(there_are_exactly_so_many_permits)
{
	static const uint64_t maxima[] = { 1, 2, 3, 7, 8, 9, 100 };
	struct zipc_semaphore *semaphore;
	uint64_t i, max;
	char name[16];
	size_t k;

	for (k = 0; k < sizeof(maxima) / sizeof(maxima[0]); k++) {
		max = maxima[k];
		snprintf(name, sizeof(name), "s%zu", k);
		ck_rc(zipc_semaphore_create_with(&semaphore, segment, name, max,
						 max, _i ? ZIPC_OWNED : 0), 0);
		ck_assert_uint_eq(zipc_semaphore_max(semaphore), max);
		ck_assert_uint_eq(zipc_semaphore_flags(semaphore),
				  _i ? ZIPC_OWNED : 0);
		for (i = 0; i < max; i++) {
			ck_assert_uint_eq(zipc_semaphore_value(semaphore),
					  max - i);
			ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT),
			      0);
		}
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
		ck_assert_uint_eq(zipc_semaphore_value(semaphore), 0);
		ck_rc(zipc_semaphore_release(semaphore, 0), 0);
		ck_rc(zipc_semaphore_release(semaphore, 1), 0);
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
		ck_rc(zipc_semaphore_release(semaphore, max), 0);
		ck_assert_uint_eq(zipc_semaphore_value(semaphore), max);
		zipc_semaphore_close(semaphore);
	}
	zipc_semaphore_close(NULL);
}
END_TEST

START_TEST(a_plain_one_begins_with_initial_and_ends_at_max)
{
	struct zipc_semaphore *semaphore;
	uint64_t most = UINT64_C(1) << 62;

	ck_rc(zipc_semaphore_create(&semaphore, segment, "s", 0, 5), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_semaphore_release(semaphore, 6), -EINVAL);
	ck_message("too many");
	ck_rc(zipc_semaphore_release(semaphore, UINT64_MAX), -EINVAL);
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), 0);
	ck_rc(zipc_semaphore_release(semaphore, 4), 0);
	ck_rc(zipc_semaphore_release(semaphore, 2), -EINVAL);
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), 4);
	ck_rc(zipc_semaphore_release(semaphore, 1), 0);
	ck_rc(zipc_semaphore_release(semaphore, 1), -EINVAL);
	zipc_semaphore_close(semaphore);
	ck_rc(zipc_semaphore_create(&semaphore, segment, "most", most, most),
	      0);
	ck_rc(zipc_semaphore_release(semaphore, 1), -EINVAL);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_release(semaphore, 1), 0);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct zipc_semaphore *it = NULL;

	ck_rc(zipc_semaphore_create(&it, segment, "s", 0, 0), -EINVAL);
	ck_rc(zipc_semaphore_create(&it, segment, "s", 3, 2), -EINVAL);
	ck_message("more than there are");
	ck_rc(zipc_semaphore_create(&it, segment, "s", 1, UINT64_MAX),
	      -EINVAL);
	ck_rc(zipc_semaphore_create_with(&it, segment, "s", 1, 2, ZIPC_OWNED),
	      -EINVAL);
	ck_message("all are free at first");
	ck_rc(zipc_semaphore_create_with(&it, segment, "s", 65537, 65537,
					 ZIPC_OWNED), -EINVAL);
	ck_rc(zipc_semaphore_create_with(&it, segment, "s", 1, 1, 2), -EINVAL);
	ck_rc(zipc_semaphore_open(&it, segment, "s"), -ENOENT);
	ck_assert_ptr_null(it);
}
END_TEST

START_TEST(what_is_there_must_be_the_same)
{
	struct zipc_semaphore *semaphore = new_semaphore(3, _i), *other = NULL;
	unsigned flags = _i ? ZIPC_OWNED : 0;
	struct zipc_queue *queue;

	ck_rc(zipc_semaphore_create(&other, segment, "s", 1, 3), -EEXIST);
	ck_rc(zipc_semaphore_open_or_create(&other, segment, "s", 3, 3,
					    flags ^ ZIPC_OWNED), -EPROTOTYPE);
	ck_message(_i ? "is owned" : "is plain");
	ck_rc(zipc_semaphore_open_or_create(&other, segment, "s", 4, 4, flags),
	      -EPROTOTYPE);
	ck_assert_ptr_null(other);
	ck_rc(zipc_semaphore_open_or_create(&other, segment, "s", 3, 3, flags),
	      0);
	ck_rc(zipc_semaphore_acquire(other, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), 2);
	zipc_semaphore_close(other);
	ck_rc(zipc_queue_open(&queue, segment, "s", NULL), -EPROTOTYPE);
	ck_message("semaphore");
	ck_rc(zipc_queue_create(&queue, segment, "q", "u64", 3), 0);
	zipc_queue_close(queue);
	ck_rc(zipc_semaphore_open(&other, segment, "q"), -EPROTOTYPE);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(a_reader_sees_the_value_and_changes_nothing)
{
	struct zipc_semaphore *semaphore = new_semaphore(3, _i), *reader;
	struct zipc_segment *reading;

	ck_rc(zipc_segment_open(&reading, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_semaphore_open(&reader, reading, "s"), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(zipc_semaphore_value(reader), 2);
	ck_rc(zipc_semaphore_acquire(reader, ZIPC_NOWAIT), -EROFS);
	ck_message("semaphore `s`");
	ck_rc(zipc_semaphore_release(reader, 1), -EROFS);
	ck_assert_uint_eq(zipc_semaphore_value(reader), 2);
	zipc_semaphore_close(reader);
	zipc_segment_close(reading);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(who_waits_in_vain_is_told_at_the_deadline)
{
	struct zipc_semaphore *semaphore = new_semaphore(1, _i);
	struct timespec before, after;

	ck_rc(zipc_semaphore_acquire(semaphore, 30 * MS), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	ck_rc(zipc_semaphore_acquire(semaphore, 30 * MS), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge((after.tv_sec - before.tv_sec) * SECOND +
				 after.tv_nsec - before.tv_nsec, 30 * MS);
	zipc_semaphore_close(semaphore);
}
END_TEST

/* sleepers */

static void acquire_one(void *unused)
{
	struct zipc_semaphore *semaphore = open_anew();

	(void)unused;
	tell_parent();
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_FOREVER), 0);
	tell_parent();
	await_parent();
}

START_TEST(a_release_wakes_as_many_as_it_has_permits_for)
{
	struct zipc_semaphore *semaphore = new_semaphore(4, 0);
	struct child children[4];
	int i, n;

	for (i = 0; i < 4; i++)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	for (i = 0; i < 4; i++)
		children[i] = child_start(acquire_one, NULL);
	for (i = 0; i < 4; i++) {
		child_hear(&children[i]);
		sleeps_in_futex(children[i].pid, 0);
	}
	for (n = 1; n < 4; n += 2)
		ck_rc(zipc_semaphore_release(semaphore, (uint64_t)n), 0);
	for (i = 0; i < 4; i++)
		child_hear(&children[i]);
	for (i = 0; i < 4; i++) {
		child_say(&children[i]);
		child_end(&children[i]);
	}
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), 0);
	ck_assert_uint_eq(late_wakes(), 0);
	zipc_semaphore_close(semaphore);
}
END_TEST

/* the dead */

static void acquire_and_stay(void *permits)
{
	struct zipc_semaphore *semaphore = open_anew();
	int i;

	for (i = 0; i < *(int *)permits; i++)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	tell_parent();
	await_parent();
}

START_TEST(permits_of_the_killed_come_back_to_who_finds_none)
{
	struct zipc_semaphore *semaphore = new_semaphore(9, 1);
	struct child child;
	int five = 5, four = 4, i;

	child = child_start(acquire_and_stay, &five);
	child_hear(&child);
	for (i = 0; i < 4; i++)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
	child_kill(&child);
	for (i = 0; i < 5; i++)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_semaphore_release(semaphore, 9), 0);
	/* And those of who ended by itself. */
	child = child_start(acquire_and_stay, &four);
	child_hear(&child);
	child_say(&child);
	child_end(&child);
	for (i = 0; i < 9; i++)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(permits_of_the_killed_come_back_to_all_who_sleep)
{
	struct zipc_semaphore *semaphore = new_semaphore(5, 1);
	struct child holder, waiters[5];
	int five = 5, i;

	holder = child_start(acquire_and_stay, &five);
	child_hear(&holder);
	for (i = 0; i < 5; i++) {
		waiters[i] = child_start(acquire_one, NULL);
		child_hear(&waiters[i]);
		sleeps_in_futex(waiters[i].pid, 0);
	}
	child_kill(&holder);
	for (i = 0; i < 5; i++)
		child_hear(&waiters[i]);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < 5; i++) {
		child_say(&waiters[i]);
		child_end(&waiters[i]);
	}
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(permits_of_the_stopped_stay_theirs)
{
	struct zipc_semaphore *semaphore = new_semaphore(1, 1);
	struct child child;
	int one = 1;

	child = child_start(acquire_and_stay, &one);
	child_hear(&child);
	child_stop(&child);
	ck_rc(zipc_semaphore_acquire(semaphore, 150 * MS), -ETIMEDOUT);
	child_continue(&child);
	child_say(&child);
	child_end(&child);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_FOREVER), 0);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(a_plain_permit_is_gone_with_the_killed_until_released)
{
	struct zipc_semaphore *semaphore = new_semaphore(1, 0);
	struct child child;
	int one = 1;

	child = child_start(acquire_and_stay, &one);
	child_hear(&child);
	child_kill(&child);
	ck_rc(zipc_semaphore_acquire(semaphore, 150 * MS), -ETIMEDOUT);
	ck_rc(zipc_semaphore_release(semaphore, 1), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	zipc_semaphore_close(semaphore);
}
END_TEST

/* whose they are */

START_TEST(only_the_holder_gives_an_owned_permit_back)
{
	struct zipc_semaphore *semaphore = new_semaphore(3, 1), *other;
	struct zipc_segment *again;

	/* Another handle of this process, but another participant. */
	ck_rc(zipc_segment_open(&again, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_semaphore_open(&other, again, "s"), 0);
	ck_rc(zipc_semaphore_release(other, 1), -EINVAL);
	ck_message("holds 0 permits");
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_release(other, 1), -EINVAL);
	ck_rc(zipc_semaphore_release(semaphore, 3), -EINVAL);
	ck_message("holds 2 permits");
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), 1);
	ck_rc(zipc_semaphore_acquire(other, ZIPC_NOWAIT), 0);
	/* What a participant held is free when it has left the segment. */
	zipc_semaphore_close(other);
	zipc_segment_close(again);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_release(semaphore, 3), 0);
	zipc_semaphore_close(semaphore);
}
END_TEST

static void act_as_a_child(void *context)
{
	struct zipc_semaphore *semaphore = context;

	ck_rc(zipc_semaphore_release(semaphore, 1), -EINVAL);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
	tell_parent();
	await_parent();
}

START_TEST(a_forked_child_holds_its_own)
{
	struct zipc_semaphore *semaphore = new_semaphore(2, 1);
	struct child child;

	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	child = child_start(act_as_a_child, semaphore);
	child_hear(&child);
	ck_rc(zipc_semaphore_release(semaphore, 2), -EINVAL);
	ck_rc(zipc_semaphore_release(semaphore, 1), 0);
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), 1);
	child_kill(&child);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	zipc_semaphore_close(semaphore);
}
END_TEST

/* system calls */

static void acquire_and_release_once(void *context)
{
	struct zipc_semaphore *semaphore = context;

	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_FOREVER), 0);
	ck_rc(zipc_semaphore_release(semaphore, 1), 0);
}

static void acquire_and_release(void *context)
{
	int i;

	for (i = 0; i < 1000; i++)
		acquire_and_release_once(context);
	ck_assert_uint_eq(zipc_semaphore_value(context), 3);
}

START_TEST(acquire_and_release_make_no_system_call)
{
	struct zipc_semaphore *semaphore = new_semaphore(3, _i);

	must_make_no_system_call(acquire_and_release_once, acquire_and_release,
				 semaphore);
	/* The filter is in force: a child's first call looks for a place. */
	must_make_a_system_call(NULL, acquire_and_release, semaphore);
	zipc_semaphore_close(semaphore);
}
END_TEST

/* many at once */

#define WORKERS 4
#ifdef __SANITIZE_THREAD__
#define ROUNDS 2000
#else
#define ROUNDS 20000
#endif

struct crowd {
	_Atomic unsigned inside, most;
	unsigned max;
	bool alone;	   /* one permit, which excludes all others */
	uint64_t plain[8]; /* then changed without atomics */
};

static struct crowd *crowd;

/* No more are inside than there are permits; alone, what one did is seen. */
static void work(struct zipc_semaphore *semaphore)
{
	unsigned i, inside, most;

	for (i = 0; i < ROUNDS; i++) {
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_FOREVER), 0);
		inside = atomic_fetch_add_explicit(&crowd->inside, 1,
						   memory_order_relaxed) + 1;
		ck_assert_uint_le(inside, crowd->max);
		most = atomic_load_explicit(&crowd->most,
					    memory_order_relaxed);
		if (inside > most)
			atomic_store_explicit(&crowd->most, inside,
					      memory_order_relaxed);
		if (crowd->alone)
			crowd->plain[i % 8]++;
		atomic_fetch_sub_explicit(&crowd->inside, 1,
					  memory_order_relaxed);
		ck_rc(zipc_semaphore_release(semaphore, 1), 0);
	}
}

/*
 * An owned permit belongs to a handle of the segment, so that threads have
 * segments of their own, in mappings between which the thread sanitizer sees
 * no order; those of plain ones are in one.
 */
static void *work_in_a_thread(void *owned)
{
	struct zipc_semaphore *mine;

	if (owned)
		mine = open_anew();
	else
		ck_rc(zipc_semaphore_open(&mine, segment, "s"), 0);
	work(mine);
	zipc_semaphore_close(mine);
	return NULL;
}

static void work_in_a_process(void *unused)
{
	(void)unused;
	work(open_anew());
}

static void check_crowd(struct zipc_semaphore *semaphore)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		sum += crowd->plain[i];
	ck_assert_uint_eq(sum, crowd->alone ? WORKERS * ROUNDS : 0);
	ck_assert_uint_ge(crowd->most, 1);
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), crowd->max);
	ck_assert_uint_eq(late_wakes(), 0);
	zipc_semaphore_close(semaphore);
}

static struct zipc_semaphore *crowded(int i)
{
	crowd = shared_memory(sizeof(*crowd));
	crowd->max = i & 2 ? 3 : 1;
	crowd->alone = crowd->max == 1;
	return new_semaphore(crowd->max, i & 1);
}

START_TEST(no_more_threads_are_inside_than_there_are_permits)
{
	struct zipc_semaphore *semaphore = crowded(_i);
	void *owned = _i & 1 ? semaphore : NULL;
	pthread_t threads[WORKERS];
	int i;

	crowd->alone = crowd->alone && !owned;
	for (i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						work_in_a_thread, owned), 0);
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	check_crowd(semaphore);
}
END_TEST

START_TEST(no_more_processes_are_inside_than_there_are_permits)
{
	struct zipc_semaphore *semaphore = crowded(_i);
	struct child children[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		children[i] = child_start(work_in_a_process, NULL);
	for (i = 0; i < WORKERS; i++)
		child_end(&children[i]);
	check_crowd(semaphore);
}
END_TEST

/* damage */

START_TEST(a_damaged_one_gives_errors_and_ends)
{
	static const uint64_t values[] = { 0, 1, 2, 5, 1000, UINT64_MAX,
					   UINT64_MAX / 2, UINT64_C(1) << 40 };
	struct zipc_semaphore *semaphore = new_semaphore(8, _i), *other;
	struct zipc_found found;
	uint64_t *words, kept[24];
	unsigned word, i, k;

	ck_rc(zipc_table_find(&found, segment, "s", ZIPC_SEMAPHORE, NULL), 0);
	words = (uint64_t *)(void *)found.body;
	memcpy(kept, words, found.body_bytes);
	for (word = 0; word < found.body_bytes / 8; word++)
		for (i = 0; i < 8; i++) {
			words[word] = values[i];
			for (k = 0; k < 10; k++)
				zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT);
			zipc_semaphore_acquire(semaphore, MS / 10);
			zipc_semaphore_release(semaphore, 2);
			ck_assert_uint_le(zipc_semaphore_value(semaphore), 8);
			if (!zipc_semaphore_open(&other, segment, "s"))
				zipc_semaphore_close(other);
			memcpy(words, kept, found.body_bytes);
		}
	zipc_table_release(&found);
	zipc_semaphore_close(semaphore);
}
END_TEST

START_TEST(a_body_that_can_not_be_one_is_told)
{
	struct zipc_semaphore *semaphore = new_semaphore(2, 0), *other = NULL;
	struct zipc_semaphore_body *body;
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "s", ZIPC_SEMAPHORE, NULL), 0);
	body = (void *)found.body;
	atomic_store(&body->permits, 3);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EBADMSG);
	ck_rc(zipc_semaphore_release(semaphore, 1), -EBADMSG);
	ck_message("semaphore `s`");
	body->owned = 1; /* there is no room for the words */
	ck_rc(zipc_semaphore_open(&other, segment, "s"), -EBADMSG);
	body->owned = 2;
	ck_rc(zipc_semaphore_open(&other, segment, "s"), -EBADMSG);
	found.block->body_bytes = 64;
	ck_rc(zipc_semaphore_open(&other, segment, "s"), -EBADMSG);
	ck_assert_ptr_null(other);
	zipc_table_release(&found);
	zipc_semaphore_close(semaphore);
}
END_TEST
#define OF_EACH 5u /* permits that a thread has at most */

/* Acquires some, gives some back; what is left over at the end as well. */
static void *have_some_and_less(void *number)
{
	struct zipc_semaphore *mine;
	uint64_t held = 0, n;
	unsigned i;

	ck_rc(zipc_semaphore_open(&mine, segment, "s"), 0);
	for (i = (unsigned)(uintptr_t)number; i < ROUNDS; i++) {
		for (n = i % 3 + 1; n && held < OF_EACH; n--, held++)
			ck_rc(zipc_semaphore_acquire(mine, ZIPC_FOREVER), 0);
		n = i % held + 1;
		ck_rc(zipc_semaphore_release(mine, n), 0);
		held -= n;
	}
	ck_rc(zipc_semaphore_release(mine, held), 0);
	zipc_semaphore_close(mine);
	return NULL;
}

/* They are the process's: whose words one gives back does not matter. */
START_TEST(threads_of_a_process_give_back_as_many_as_they_took)
{
	struct zipc_semaphore *semaphore = new_semaphore(OF_EACH * WORKERS, 1);
	pthread_t threads[WORKERS];
	uintptr_t i;

	for (i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						have_some_and_less,
						(void *)i), 0);
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(zipc_semaphore_value(semaphore),
			  OF_EACH * WORKERS);
	zipc_semaphore_close(semaphore);
}
END_TEST

static Suite *semaphore_suite(void)
{
	Suite *suite = suite_create("semaphore");
	TCase *tc = test_case(suite, "semaphore", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, there_are_exactly_so_many_permits, 0, 2);
	tcase_add_test(tc, a_plain_one_begins_with_initial_and_ends_at_max);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	tcase_add_loop_test(tc, what_is_there_must_be_the_same, 0, 2);
	tcase_add_loop_test(tc, a_reader_sees_the_value_and_changes_nothing, 0,
			    2);
	tcase_add_loop_test(tc, who_waits_in_vain_is_told_at_the_deadline, 0,
			    2);
	tcase_add_test(tc, a_release_wakes_as_many_as_it_has_permits_for);
	tcase_add_test(tc, permits_of_the_killed_come_back_to_who_finds_none);
	tcase_add_test(tc, permits_of_the_killed_come_back_to_all_who_sleep);
	tcase_add_test(tc, permits_of_the_stopped_stay_theirs);
	tcase_add_test(tc, a_plain_permit_is_gone_with_the_killed_until_released);
	tcase_add_test(tc, only_the_holder_gives_an_owned_permit_back);
	tcase_add_test(tc, a_forked_child_holds_its_own);
	tcase_add_loop_test(tc, acquire_and_release_make_no_system_call, 0, 2);
	tcase_add_loop_test(tc, a_damaged_one_gives_errors_and_ends, 0, 2);
	tcase_add_test(tc, a_body_that_can_not_be_one_is_told);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(
		tc, no_more_threads_are_inside_than_there_are_permits, 0, 4);
	tcase_add_loop_test(
		tc, no_more_processes_are_inside_than_there_are_permits, 0, 4);
	tcase_add_test(tc,
		       threads_of_a_process_give_back_as_many_as_they_took);
	return suite;
}

TEST_MAIN(semaphore_suite)
