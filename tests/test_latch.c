/* SPDX-License-Identifier: MIT */
/* The latch's promises. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/table.h"

#include <pthread.h>

#define MS INT64_C(1000000)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("latch"), 1 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_latch *new_latch(uint64_t count)
{
	struct zipc_latch *latch;

	ck_rc(zipc_latch_create(&latch, segment, "l", count), 0);
	return latch;
}

static struct zipc_latch *open_anew(void)
{
	struct zipc_segment *mine;
	struct zipc_latch *latch;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_latch_open(&latch, mine, "l"), 0);
	return latch;
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

START_TEST(it_goes_down_to_0_and_stays_there)
{
	struct zipc_latch *latch = new_latch(5);

	ck_assert_uint_eq(zipc_latch_count(latch), 5);
	ck_rc(zipc_latch_wait(latch, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_latch_count_down(latch, 0), 0);
	ck_rc(zipc_latch_count_down(latch, 1), 0);
	ck_rc(zipc_latch_count_down(latch, 3), 0);
	ck_assert_uint_eq(zipc_latch_value(latch), 1);
	ck_rc(zipc_latch_wait(latch, 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_latch_count_down(latch, 1), 0);
	ck_rc(zipc_latch_wait(latch, ZIPC_NOWAIT), 0);
	ck_rc(zipc_latch_wait(latch, ZIPC_FOREVER), 0);
	ck_rc(zipc_latch_count_down(latch, 1), 0);
	ck_assert_uint_eq(zipc_latch_value(latch), 0);
	ck_assert_uint_eq(zipc_latch_count(latch), 5);
	zipc_latch_close(latch);
	zipc_latch_close(NULL);
}
END_TEST

START_TEST(it_never_goes_below_0)
{
	struct zipc_latch *latch = new_latch(UINT64_C(1) << 62);

	ck_rc(zipc_latch_count_down(latch, (UINT64_C(1) << 62) - 2), 0);
	ck_assert_uint_eq(zipc_latch_value(latch), 2);
	ck_rc(zipc_latch_count_down(latch, UINT64_MAX), 0);
	ck_assert_uint_eq(zipc_latch_value(latch), 0);
	zipc_latch_close(latch);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct zipc_latch *latch = new_latch(2), *other = NULL;

	ck_rc(zipc_latch_create(&other, segment, "m", 0), -EINVAL);
	ck_rc(zipc_latch_create(&other, segment, "m", UINT64_MAX), -EINVAL);
	ck_rc(zipc_latch_open(&other, segment, "m"), -ENOENT);
	ck_rc(zipc_latch_create(&other, segment, "l", 2), -EEXIST);
	ck_rc(zipc_latch_open_or_create(&other, segment, "l", 3), -EPROTOTYPE);
	ck_assert_ptr_null(other);
	ck_rc(zipc_latch_open_or_create(&other, segment, "l", 2), 0);
	zipc_latch_close(other);
	ck_rc(zipc_latch_open_or_create(&other, segment, "m", 2), 0);
	zipc_latch_close(other);
	zipc_latch_close(latch);
}
END_TEST

START_TEST(a_reader_sees_the_value_and_changes_nothing)
{
	struct zipc_latch *latch = new_latch(3), *reader;
	struct zipc_segment *reading;

	ck_rc(zipc_segment_open(&reading, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_latch_open(&reader, reading, "l"), 0);
	ck_rc(zipc_latch_count_down(latch, 1), 0);
	ck_assert_uint_eq(zipc_latch_value(reader), 2);
	ck_rc(zipc_latch_count_down(reader, 1), -EROFS);
	ck_message("latch `l`");
	ck_rc(zipc_latch_wait(reader, ZIPC_FOREVER), -EROFS);
	zipc_latch_close(reader);
	zipc_segment_close(reading);
	zipc_latch_close(latch);
}
END_TEST

#define SLEEPERS 6

static void wait_there(void *data)
{
	struct zipc_latch *latch = open_anew();
	uint64_t *seen = data;

	tell_parent();
	ck_rc(zipc_latch_wait(latch, ZIPC_FOREVER), 0);
	ck_assert_uint_eq(*seen, 99);
	tell_parent();
}

START_TEST(who_brings_it_to_0_wakes_all_and_they_see_what_was_done)
{
	uint64_t *data = shared_memory(sizeof(*data));
	struct zipc_latch *latch = new_latch(2);
	struct child children[SLEEPERS];
	int i;

	for (i = 0; i < SLEEPERS; i++) {
		children[i] = child_start(wait_there, data);
		child_hear(&children[i]);
		sleeps_in_futex(children[i].pid, 0);
	}
	ck_rc(zipc_latch_count_down(latch, 1), 0);
	*data = 99;
	ck_rc(zipc_latch_count_down(latch, 1), 0);
	for (i = 0; i < SLEEPERS; i++) {
		child_hear(&children[i]);
		child_end(&children[i]);
	}
	ck_assert_uint_eq(late_wakes(), 0);
	zipc_latch_close(latch);
}
END_TEST

static void count_down_in_a_child(void *latch)
{
	ck_rc(zipc_latch_count_down(latch, 1), 0);
}

START_TEST(a_forked_child_goes_on_with_the_handle)
{
	struct zipc_latch *latch = new_latch(1);
	struct child child = child_start(count_down_in_a_child, latch);

	ck_rc(zipc_latch_wait(latch, ZIPC_FOREVER), 0);
	child_end(&child);
	zipc_latch_close(latch);
}
END_TEST

static void count_down_once(void *latch)
{
	ck_rc(zipc_latch_count_down(latch, 1), 0);
}

static void count_down_and_wait(void *latch)
{
	int i;

	for (i = 0; i < 1000; i++)
		ck_rc(zipc_latch_count_down(latch, 1), 0);
	ck_rc(zipc_latch_wait(latch, ZIPC_FOREVER), 0);
	ck_rc(zipc_latch_wait(latch, ZIPC_NOWAIT), 0);
}

START_TEST(counting_down_and_a_wait_for_0_make_no_system_call)
{
	struct zipc_latch *latch = new_latch(900);

	must_make_no_system_call(count_down_once, count_down_and_wait, latch);
	/* The filter is in force: a child's first call looks for a place. */
	must_make_a_system_call(NULL, count_down_and_wait, latch);
	zipc_latch_close(latch);
}
END_TEST

/* many at once */

#define WORKERS 4
#define ROUNDS 300

static uint64_t parts[ROUNDS][WORKERS];

/* Each latch of a row is counted down by all, who wait for it then. */
static void *go_through_all(void *context)
{
	unsigned me = *(unsigned *)context, round, i;
	struct zipc_latch *latch;
	char name[16];

	for (round = 0; round < ROUNDS; round++) {
		snprintf(name, sizeof(name), "l%u", round);
		ck_rc(zipc_latch_open_or_create(&latch, segment, name,
						2 * WORKERS), 0);
		parts[round][me] = round;
		ck_rc(zipc_latch_count_down(latch, 1 + round % 2), 0);
		ck_rc(zipc_latch_count_down(latch, 1 - round % 2), 0);
		ck_rc(zipc_latch_wait(latch, ZIPC_FOREVER), 0);
		for (i = 0; i < WORKERS; i++)
			ck_assert_uint_eq(parts[round][i], round);
		zipc_latch_close(latch);
	}
	return NULL;
}

START_TEST(threads_that_count_down_and_wait_see_what_all_did)
{
	struct zipc_segment_options options = { .max_entries = ROUNDS };
	unsigned numbers[WORKERS], i;
	pthread_t threads[WORKERS];

	tear_down();
	ck_rc(zipc_segment_create(&segment, test_name("latch"), 1 << 20,
				  &options), 0);
	for (i = 0; i < WORKERS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						go_through_all, &numbers[i]),
				 0);
	}
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(a_damaged_one_is_told)
{
	struct zipc_latch *latch = new_latch(3), *other = NULL;
	struct zipc_latch_body *body;
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "l", ZIPC_LATCH, NULL), 0);
	body = (void *)found.body;
	atomic_store(&body->count, 4);
	ck_rc(zipc_latch_wait(latch, ZIPC_FOREVER), -EBADMSG);
	ck_message("latch `l`");
	ck_rc(zipc_latch_count_down(latch, 1), -EBADMSG);
	ck_assert_uint_eq(zipc_latch_value(latch), 3);
	found.block->body_bytes = 56;
	ck_rc(zipc_latch_open(&other, segment, "l"), -EBADMSG);
	ck_assert_ptr_null(other);
	zipc_table_release(&found);
	zipc_latch_close(latch);
}
END_TEST

static Suite *latch_suite(void)
{
	Suite *suite = suite_create("latch");
	TCase *tc = test_case(suite, "latch", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_goes_down_to_0_and_stays_there);
	tcase_add_test(tc, it_never_goes_below_0);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	tcase_add_test(tc, a_reader_sees_the_value_and_changes_nothing);
	tcase_add_test(tc,
		       who_brings_it_to_0_wakes_all_and_they_see_what_was_done);
	tcase_add_test(tc, a_forked_child_goes_on_with_the_handle);
	tcase_add_test(tc, counting_down_and_a_wait_for_0_make_no_system_call);
	tcase_add_test(tc, a_damaged_one_is_told);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, threads_that_count_down_and_wait_see_what_all_did);
	return suite;
}

TEST_MAIN(latch_suite)
