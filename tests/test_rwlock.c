/* SPDX-License-Identifier: MIT */
/* The promises of RWLock, one by one, with threads and with processes. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/lock.h"

#include <pthread.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define LONG (60 * SECOND)
#define PLACES 6u

static struct zipc_segment *segment;
static struct zipc_rwlock *lock, *other, *third;
static struct zipc_rwlock_body *body;
static struct zipc_lock_reader *records;

static void set_up_with(unsigned flags)
{
	struct zipc_segment_options options = { .flags = flags };
	struct zipc_found found;

	ck_rc(zipc_segment_create(&segment, test_name("rwlock"), 1 << 20,
				  &options), 0);
	ck_rc(zipc_rwlock_create(&lock, segment, "l", PLACES), 0);
	ck_rc(zipc_rwlock_open(&other, segment, "l"), 0);
	ck_rc(zipc_rwlock_open(&third, segment, "l"), 0);
	ck_rc(zipc_table_find(&found, segment, "l", ZIPC_RWLOCK, NULL), 0);
	zipc_table_release(&found);
	body = (void *)found.body;
	records = (void *)(found.body + body->readers_offset);
}

static void set_up(void)
{
	set_up_with(0);
}

static void set_up_symmetric(void)
{
	set_up_with(ZIPC_SYMMETRIC_FENCES);
}

static void tear_down(void)
{
	zipc_rwlock_close(third);
	zipc_rwlock_close(other);
	zipc_rwlock_close(lock);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

/* one process */

START_TEST(readers_share_and_writers_do_not)
{
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_FOREVER), 0);
	ck_rc(zipc_rwlock_read_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_write_lock(third, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_rwlock_write_lock(third, 1000), -ETIMEDOUT);
	ck_rc(zipc_rwlock_unlock(lock), 0);
	ck_rc(zipc_rwlock_write_lock(third, SECOND / 100), -ETIMEDOUT);
	ck_rc(zipc_rwlock_unlock(other), 0);
	ck_rc(zipc_rwlock_write_lock(third, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_rwlock_read_lock(lock, 1000), -ETIMEDOUT);
	ck_rc(zipc_rwlock_unlock(third), 0);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}
END_TEST

START_TEST(who_holds_it_can_not_wait_for_himself)
{
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), -EDEADLK);
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_rwlock_unlock(lock), 0);
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}
END_TEST

START_TEST(only_the_holder_unlocks_it)
{
	ck_rc(zipc_rwlock_unlock(lock), -EPERM);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(other), -EPERM);
	ck_rc(zipc_rwlock_consistent(lock), -EPERM);
	ck_rc(zipc_rwlock_unlock(lock), 0);
	ck_rc(zipc_rwlock_unlock(lock), -EPERM);
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(other), -EPERM);
	ck_rc(zipc_rwlock_consistent(other), -EPERM);
	ck_rc(zipc_rwlock_consistent(lock), -EINVAL);
	ck_rc(zipc_rwlock_reset(lock), -EINVAL);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}
END_TEST

static void read_first(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}

static void read_often(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_rwlock_read_lock(lock, ZIPC_FOREVER), 0);
		ck_rc(zipc_rwlock_unlock(lock), 0);
	}
}

START_TEST(a_read_lock_makes_no_system_call)
{
	must_make_no_system_call(read_first, read_often, NULL);
}
END_TEST

static void write_often(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_rwlock_write_lock(lock, ZIPC_NOWAIT), 0);
		ck_rc(zipc_rwlock_unlock(lock), 0);
	}
}

START_TEST(with_symmetric_fences_a_write_lock_makes_none_either)
{
	must_make_no_system_call(read_first, write_often, NULL);
}
END_TEST

START_TEST(opening_shows_what_is_there)
{
	struct zipc_rwlock *it;
	struct zipc_mutex *mutex;

	ck_rc(zipc_rwlock_create(&it, segment, "l", 0), -EEXIST);
	ck_rc(zipc_rwlock_create(&it, segment, "n", 4097), -EINVAL);
	ck_rc(zipc_rwlock_open(&it, segment, "n"), -ENOENT);
	ck_rc(zipc_rwlock_open_or_create(&it, segment, "n", 0), 0);
	ck_assert_uint_eq(zipc_rwlock_capacity(it), 64);
	zipc_rwlock_close(it);
	ck_rc(zipc_rwlock_open_or_create(&it, segment, "n", 64), 0);
	zipc_rwlock_close(it);
	ck_rc(zipc_rwlock_open_or_create(&it, segment, "n", 63), -EPROTOTYPE);
	ck_rc(zipc_mutex_open(&mutex, segment, "l"), -EPROTOTYPE);
	ck_message("rwlock");
	zipc_rwlock_close(NULL);
}
END_TEST

START_TEST(a_read_only_segment_locks_nothing)
{
	struct zipc_segment *watch;
	struct zipc_rwlock *it;

	ck_rc(zipc_segment_open(&watch, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_rwlock_open(&it, watch, "l"), 0);
	ck_rc(zipc_rwlock_read_lock(it, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_rwlock_write_lock(it, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_rwlock_unlock(it), -EPERM);
	zipc_rwlock_close(it);
	zipc_segment_close(watch);
}
END_TEST

START_TEST(readers_places_are_counted_and_come_back)
{
	struct zipc_rwlock *many[PLACES + 1];
	unsigned i;

	for (i = 0; i <= PLACES; i++) {
		ck_rc(zipc_rwlock_open(&many[i], segment, "l"), 0);
		ck_rc(zipc_rwlock_read_lock(many[i], ZIPC_NOWAIT),
		      i < PLACES ? 0 : -EUSERS);
	}
	ck_message("max_readers");
	zipc_rwlock_close(many[0]); /* also gives its read lock up */
	ck_rc(zipc_rwlock_read_lock(many[PLACES], ZIPC_NOWAIT), 0);
	for (i = 1; i <= PLACES; i++)
		zipc_rwlock_close(many[i]);
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}
END_TEST

/* others */

static void read_and_wait(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_read_lock(lock, LONG), 0);
	tell_parent();
	await_parent();
	ck_rc(zipc_rwlock_unlock(lock), 0);
}

static void write_and_wait(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_write_lock(lock, LONG), 0);
	tell_parent();
	await_parent();
	ck_rc(zipc_rwlock_unlock(lock), 0);
}

static void write_once(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_FOREVER), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}

static void read_once(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_FOREVER), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}

static struct child sleeper_that(void (*body_of)(void *unused))
{
	struct child child = child_start(body_of, NULL);

	sleeps_in_futex(child.pid, 0);
	return child;
}

START_TEST(a_writer_that_waits_lets_no_reader_in)
{
	struct child reader = child_start(read_and_wait, NULL);
	struct child writer, late;

	child_hear(&reader);
	writer = sleeper_that(write_once);
	ck_rc(zipc_rwlock_read_lock(other, ZIPC_NOWAIT), -EAGAIN);
	late = sleeper_that(read_once);
	child_say(&reader);
	child_end(&writer);
	child_end(&late);
	child_end(&reader);
}
END_TEST

START_TEST(a_writer_that_goes_wakes_all_readers)
{
	struct child writer = child_start(write_and_wait, NULL);
	struct child sleepers[4];
	int i;

	child_hear(&writer);
	for (i = 0; i < 4; i++)
		sleepers[i] = sleeper_that(i == 3 ? write_once : read_once);
	child_say(&writer);
	for (i = 0; i < 4; i++)
		child_end(&sleepers[i]);
	child_end(&writer);
}
END_TEST

START_TEST(a_writer_that_gives_up_lets_readers_in)
{
	struct child reader = child_start(read_and_wait, NULL);

	child_hear(&reader);
	ck_rc(zipc_rwlock_write_lock(other, SECOND / 100), -ETIMEDOUT);
	ck_rc(zipc_rwlock_read_lock(third, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(third), 0);
	child_say(&reader);
	child_end(&reader);
}
END_TEST

/* deaths */

static void die(void (*body_of)(void *unused))
{
	struct child child = child_start(body_of, NULL);

	child_hear(&child);
	child_kill(&child);
}

START_TEST(a_dead_reader_holds_up_nobody)
{
	die(read_and_wait);
	ck_rc(zipc_rwlock_write_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(other), 0);
	die(read_and_wait);
	ck_rc(zipc_rwlock_write_lock(other, LONG), 0);
	ck_rc(zipc_rwlock_unlock(other), 0);
	ck_assert_uint_eq(body->owner.deaths, 0);
}
END_TEST

START_TEST(a_reader_that_dies_lets_the_writer_go_on)
{
	struct child reader = child_start(read_and_wait, NULL), writer;

	child_hear(&reader);
	writer = sleeper_that(write_once);
	child_kill(&reader);
	child_end(&writer);
}
END_TEST

START_TEST(dead_readers_places_are_taken_over)
{
	unsigned i;

	for (i = 0; i < 2 * PLACES; i++)
		die(read_and_wait);
	ck_rc(zipc_rwlock_read_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(other), 0);
	ck_rc(zipc_rwlock_write_lock(third, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(third), 0);
}
END_TEST

START_TEST(the_next_learns_that_a_writer_died)
{
	die(write_and_wait);
	ck_rc(_i ? zipc_rwlock_read_lock(other, _i > 1 ? LONG : ZIPC_NOWAIT)
		 : zipc_rwlock_write_lock(other, LONG), -EOWNERDEAD);
	ck_message("consistent");
	ck_rc(zipc_rwlock_read_lock(third, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_rwlock_consistent(other), 0);
	ck_rc(zipc_rwlock_unlock(other), 0);
	ck_rc(zipc_rwlock_read_lock(third, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(third), 0);
	ck_assert_uint_eq(body->owner.deaths, 1);
}
END_TEST

/* A reader died between its two steps, and then the writer that it met. */
START_TEST(who_polls_to_read_comes_behind_a_dead_reader_and_a_dead_writer)
{
	struct zipc_lock_reader *record = records;
	uint64_t word;

	die(read_and_wait);
	while (!atomic_load_explicit(&record->reading, memory_order_relaxed))
		record++;
	word = atomic_load_explicit(&record->reading, memory_order_relaxed);
	die(write_and_wait);
	atomic_store_explicit(&record->reading, word, memory_order_relaxed);
	ck_rc(zipc_rwlock_read_lock(other, ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_rwlock_consistent(other), 0);
	ck_rc(zipc_rwlock_unlock(other), 0);
	ck_rc(zipc_rwlock_read_lock(third, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(third), 0);
}
END_TEST

static void expect_a_death(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_FOREVER), -EOWNERDEAD);
	ck_rc(zipc_rwlock_consistent(lock), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}

START_TEST(a_reader_that_sleeps_learns_that_a_writer_died)
{
	struct child writer = child_start(write_and_wait, NULL), reader;

	child_hear(&writer);
	reader = sleeper_that(expect_a_death);
	child_kill(&writer);
	child_end(&reader);
}
END_TEST

START_TEST(a_writer_that_dies_waiting_is_not_told)
{
	struct child reader = child_start(read_and_wait, NULL), writer, late;

	child_hear(&reader);
	writer = sleeper_that(write_once); /* it has claimed it */
	late = sleeper_that(_i ? write_once : read_once);
	child_kill(&writer);
	if (!_i) /* while the first reader reads on */
		child_end(&late);
	child_say(&reader);
	child_end(&reader);
	if (_i)
		child_end(&late);
	ck_assert_uint_eq(body->owner.deaths, 0);
}
END_TEST

START_TEST(without_repair_nobody_has_it_again_but_by_a_reset)
{
	die(write_and_wait);
	ck_rc(zipc_rwlock_write_lock(other, ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_rwlock_unlock(other), 0);
	ck_rc(zipc_rwlock_write_lock(other, ZIPC_FOREVER), -ENOTRECOVERABLE);
	ck_rc(zipc_rwlock_read_lock(third, ZIPC_FOREVER), -ENOTRECOVERABLE);
	ck_rc(zipc_rwlock_reset(third), 0);
	ck_rc(zipc_rwlock_read_lock(third, ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_rwlock_consistent(third), 0);
	ck_rc(zipc_rwlock_unlock(third), 0);
	ck_rc(zipc_rwlock_write_lock(other, ZIPC_NOWAIT), 0);
	zipc_rwlock_close(other); /* as a death */
	ck_rc(zipc_rwlock_open(&other, segment, "l"), 0);
	ck_rc(zipc_rwlock_read_lock(third, ZIPC_NOWAIT), -EOWNERDEAD);
}
END_TEST

/* fork */

static void does_not_hold_it(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_unlock(lock), -EPERM);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), -EAGAIN);
}

START_TEST(a_child_does_not_own_its_parents_lock)
{
	struct child child;

	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_NOWAIT), 0);
	child = child_start(does_not_hold_it, NULL);
	child_end(&child);
	ck_rc(zipc_rwlock_unlock(lock), 0);
}
END_TEST

static void reads_by_itself(void *unused)
{
	(void)unused;
	ck_rc(zipc_rwlock_unlock(lock), -EPERM);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
	zipc_rwlock_close(lock);
}

START_TEST(a_child_reads_with_its_parents_handle)
{
	struct child child;

	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_NOWAIT), 0);
	child = child_start(reads_by_itself, NULL);
	child_end(&child);
	ck_rc(zipc_rwlock_write_lock(other, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_rwlock_unlock(lock), 0);
	ck_rc(zipc_rwlock_write_lock(other, ZIPC_NOWAIT), 0);
	ck_rc(zipc_rwlock_unlock(other), 0);
}
END_TEST

/* damage */

START_TEST(damage_is_told_or_heals)
{
	struct zipc_rwlock *it;

	read_first(NULL);
	atomic_store(&body->owner.owner, 3);
	ck_rc(zipc_rwlock_read_lock(lock, ZIPC_FOREVER), -EBADMSG);
	ck_rc(zipc_rwlock_write_lock(lock, ZIPC_NOWAIT), -EBADMSG);
	ck_rc(zipc_rwlock_unlock(lock), -EPERM);
	atomic_store(&body->owner.owner, 0);
	atomic_store(&records[3].reading, ~UINT64_C(0)); /* nobody */
	atomic_store(&records[4].reading, 1);
	ck_rc(zipc_rwlock_write_lock(lock, LONG), 0);
	ck_rc(zipc_rwlock_unlock(lock), 0);
	body->readers_offset = 65;
	ck_rc(zipc_rwlock_open(&it, segment, "l"), -EBADMSG);
	body->readers_offset = 128;
	ck_rc(zipc_rwlock_open(&it, segment, "l"), -EBADMSG);
	body->readers_offset = UINT64_MAX - 63;
	ck_rc(zipc_rwlock_open(&it, segment, "l"), -EBADMSG);
	ck_message("damaged");
}
END_TEST

/* many */

#define THREADS 4
#define ROUNDS 5000

static uint64_t guarded[2]; /* plain: the lock orders what threads do */

static void look_or_change(struct zipc_rwlock *it, uint64_t *words, int i)
{
	if (i % 8) {
		ck_rc(zipc_rwlock_read_lock(it, LONG), 0);
		ck_assert_uint_eq(words[0], words[1]);
	} else {
		ck_rc(zipc_rwlock_write_lock(it, LONG), 0);
		words[0]++;
		words[1]++;
	}
	ck_rc(zipc_rwlock_unlock(it), 0);
}

static void *look_and_change(void *unused)
{
	struct zipc_rwlock *it;
	int i;

	(void)unused;
	ck_rc(zipc_rwlock_open(&it, segment, "l"), 0);
	for (i = 0; i < ROUNDS; i++)
		look_or_change(it, guarded, i);
	zipc_rwlock_close(it);
	return NULL;
}

static uint64_t late_wakes(void)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "l", &entry), 0);
	zipc_view_close(view);
	return entry.late_wakes;
}

START_TEST(threads_read_what_was_written_whole)
{
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						look_and_change, NULL), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(guarded[0], THREADS * ROUNDS / 8);
	ck_assert_uint_eq(late_wakes(), 0);
}
END_TEST

static void look_and_change_shared(void *words)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		look_or_change(lock, words, i);
}

START_TEST(processes_read_what_was_written_whole)
{
	uint64_t *words = shared_memory(16);
	struct child children[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		children[i] = child_start(look_and_change_shared, words);
	for (i = 0; i < THREADS; i++)
		child_end(&children[i]);
	ck_assert_uint_eq(words[0], THREADS * ROUNDS / 8);
	ck_assert_uint_eq(late_wakes(), 0);
}
END_TEST

static void add_others(Suite *suite)
{
	TCase *tc = test_case(suite, "others", "fast", 120);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_writer_that_waits_lets_no_reader_in);
	tcase_add_test(tc, a_writer_that_goes_wakes_all_readers);
	tcase_add_test(tc, a_writer_that_gives_up_lets_readers_in);
	tcase_add_test(tc, a_child_does_not_own_its_parents_lock);
	tcase_add_test(tc, a_child_reads_with_its_parents_handle);
	tc = test_case(suite, "deaths", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_dead_reader_holds_up_nobody);
	tcase_add_test(tc, a_reader_that_dies_lets_the_writer_go_on);
	tcase_add_test(tc, dead_readers_places_are_taken_over);
	tcase_add_loop_test(tc, the_next_learns_that_a_writer_died, 0, 3);
	tcase_add_test(
		tc,
		who_polls_to_read_comes_behind_a_dead_reader_and_a_dead_writer);
	tcase_add_test(tc, a_reader_that_sleeps_learns_that_a_writer_died);
	tcase_add_loop_test(tc, a_writer_that_dies_waiting_is_not_told, 0, 2);
	tcase_add_test(tc, without_repair_nobody_has_it_again_but_by_a_reset);
}

static Suite *rwlock_suite(void)
{
	Suite *suite = suite_create("rwlock");
	TCase *tc = test_case(suite, "promises", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, readers_share_and_writers_do_not);
	tcase_add_test(tc, who_holds_it_can_not_wait_for_himself);
	tcase_add_test(tc, only_the_holder_unlocks_it);
	tcase_add_test(tc, a_read_lock_makes_no_system_call);
	tcase_add_test(tc, opening_shows_what_is_there);
	tcase_add_test(tc, a_read_only_segment_locks_nothing);
	tcase_add_test(tc, readers_places_are_counted_and_come_back);
	tcase_add_test(tc, damage_is_told_or_heals);
	add_others(suite);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, threads_read_what_was_written_whole);
	tcase_add_test(tc, processes_read_what_was_written_whole);
	tc = test_case(suite, "symmetric", "medium", 300);
	tcase_add_checked_fixture(tc, set_up_symmetric, tear_down);
	tcase_add_test(tc, with_symmetric_fences_a_write_lock_makes_none_either);
	tcase_add_test(tc, threads_read_what_was_written_whole);
	tcase_add_test(tc, processes_read_what_was_written_whole);
	return suite;
}

TEST_MAIN(rwlock_suite)
