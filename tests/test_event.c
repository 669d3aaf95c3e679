/* SPDX-License-Identifier: MIT */
/* The event's promises, by hand (loop 0) and automatic (loop 1). */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/table.h"

#include <pthread.h>

#define MS INT64_C(1000000)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("event"), 1 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_event *new_event(int reset)
{
	struct zipc_event *event;

	ck_rc(zipc_event_create(&event, segment, "e", (unsigned)reset), 0);
	return event;
}

static struct zipc_event *open_anew(const char *name)
{
	struct zipc_segment *mine;
	struct zipc_event *event;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_event_open(&event, mine, name), 0);
	return event;
}

static uint64_t late_wakes(void)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "e", &entry), 0);
	zipc_view_close(view);
	return entry.late_wakes;
}

START_TEST(a_wait_ends_when_it_is_set)
{
	struct zipc_event *event = new_event(_i);

	ck_assert_uint_eq(zipc_event_reset_mode(event), (unsigned)_i);
	ck_assert_uint_eq(zipc_event_is_set(event), 0);
	ck_rc(zipc_event_wait(event, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_event_wait(event, 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_event_set(event), 0);
	ck_rc(zipc_event_set(event), 0);
	ck_assert_uint_eq(zipc_event_is_set(event), 1);
	ck_rc(zipc_event_wait(event, ZIPC_FOREVER), 0);
	ck_assert_uint_eq(zipc_event_is_set(event), !_i);
	ck_rc(zipc_event_wait(event, ZIPC_NOWAIT), _i ? -EAGAIN : 0);
	ck_rc(zipc_event_set(event), 0);
	ck_rc(zipc_event_reset(event), 0);
	ck_rc(zipc_event_reset(event), 0);
	ck_rc(zipc_event_wait(event, ZIPC_NOWAIT), -EAGAIN);
	zipc_event_close(event);
	zipc_event_close(NULL);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct zipc_event *event = new_event(_i), *other = NULL;

	ck_rc(zipc_event_create(&other, segment, "f", 2), -EINVAL);
	ck_rc(zipc_event_open(&other, segment, "f"), -ENOENT);
	ck_rc(zipc_event_create(&other, segment, "e", (unsigned)_i), -EEXIST);
	ck_rc(zipc_event_open_or_create(&other, segment, "e", (unsigned)!_i),
	      -EPROTOTYPE);
	ck_message(_i ? "by who waits" : "by hand");
	ck_assert_ptr_null(other);
	ck_rc(zipc_event_open_or_create(&other, segment, "e", (unsigned)_i),
	      0);
	zipc_event_close(other);
	zipc_event_close(event);
}
END_TEST

START_TEST(a_reader_sees_it_and_changes_nothing)
{
	struct zipc_event *event = new_event(_i), *reader;
	struct zipc_segment *reading;

	ck_rc(zipc_segment_open(&reading, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_event_open(&reader, reading, "e"), 0);
	ck_rc(zipc_event_set(event), 0);
	ck_assert_uint_eq(zipc_event_is_set(reader), 1);
	ck_rc(zipc_event_set(reader), -EROFS);
	ck_message("event `e`");
	ck_rc(zipc_event_reset(reader), -EROFS);
	ck_rc(zipc_event_wait(reader, ZIPC_FOREVER), -EROFS);
	zipc_event_close(reader);
	zipc_segment_close(reading);
	zipc_event_close(event);
}
END_TEST

/* sleepers */

#define SLEEPERS 6

static void wait_there(void *data)
{
	struct zipc_event *event = open_anew("e");
	uint64_t *seen = data;

	tell_parent();
	ck_rc(zipc_event_wait(event, ZIPC_FOREVER), 0);
	ck_assert_uint_eq(*seen, 99);
	tell_parent();
}

static void start_sleepers(struct child children[SLEEPERS], uint64_t *data)
{
	int i;

	for (i = 0; i < SLEEPERS; i++) {
		children[i] = child_start(wait_there, data);
		child_hear(&children[i]);
		sleeps_in_futex(children[i].pid, 0);
	}
}

/* The reset comes before any of them can have looked. */
START_TEST(a_set_ends_all_waits_even_if_a_reset_follows_at_once)
{
	uint64_t *data = shared_memory(sizeof(*data));
	struct zipc_event *event = new_event(ZIPC_MANUAL_RESET);
	struct child children[SLEEPERS];
	int i;

	start_sleepers(children, data);
	*data = 99;
	for (i = 0; i < SLEEPERS; i++)
		child_stop(&children[i]);
	ck_rc(zipc_event_set(event), 0);
	ck_rc(zipc_event_reset(event), 0);
	for (i = 0; i < SLEEPERS; i++)
		child_continue(&children[i]);
	for (i = 0; i < SLEEPERS; i++) {
		child_hear(&children[i]);
		child_end(&children[i]);
	}
	ck_rc(zipc_event_wait(event, ZIPC_NOWAIT), -EAGAIN);
	zipc_event_close(event);
}
END_TEST

START_TEST(each_automatic_set_ends_one_wait)
{
	uint64_t *data = shared_memory(sizeof(*data));
	struct zipc_event *event = new_event(ZIPC_AUTO_RESET);
	struct child children[SLEEPERS];
	int i;

	start_sleepers(children, data);
	*data = 99;
	for (i = 0; i < SLEEPERS; i++) {
		ck_rc(zipc_event_set(event), 0);
		while (zipc_event_is_set(event))
			sched_yield();
	}
	for (i = 0; i < SLEEPERS; i++) {
		child_hear(&children[i]);
		child_end(&children[i]);
	}
	ck_rc(zipc_event_wait(event, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_uint_eq(late_wakes(), 0);
	zipc_event_close(event);
}
END_TEST

static void set_in_a_child(void *event)
{
	ck_rc(zipc_event_set(event), 0);
}

START_TEST(a_forked_child_goes_on_with_the_handle)
{
	struct zipc_event *event = new_event(_i);
	struct child child = child_start(set_in_a_child, event);

	ck_rc(zipc_event_wait(event, ZIPC_FOREVER), 0);
	child_end(&child);
	zipc_event_close(event);
}
END_TEST

static void set_once(void *event)
{
	ck_rc(zipc_event_set(event), 0);
}

static void set_wait_and_reset(void *event)
{
	int i;

	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_event_set(event), 0);
		ck_rc(zipc_event_wait(event, ZIPC_FOREVER), 0);
		ck_rc(zipc_event_reset(event), 0);
		ck_rc(zipc_event_wait(event, ZIPC_NOWAIT), -EAGAIN);
	}
}

START_TEST(what_need_not_wait_makes_no_system_call)
{
	struct zipc_event *event = new_event(_i);

	must_make_no_system_call(set_once, set_wait_and_reset, event);
	/* The filter is in force: a child's first call looks for a place. */
	must_make_a_system_call(NULL, set_wait_and_reset, event);
	zipc_event_close(event);
}
END_TEST

/* many at once: two hand a number to and fro, by an event each way */

#define PAIRS 2
#ifdef __SANITIZE_THREAD__
#define ROUNDS 2000
#else
#define ROUNDS 20000
#endif

static uint64_t numbers[PAIRS];

/* Whose number is even now. */
static void *play(void *context)
{
	unsigned seat = *(unsigned *)context, pair = seat / 2, i;
	struct zipc_event *mine, *other;
	char names[2][8];

	snprintf(names[0], sizeof(names[0]), "e%u", seat);
	snprintf(names[1], sizeof(names[1]), "e%u", seat ^ 1);
	ck_rc(zipc_event_open(&mine, segment, names[0]), 0);
	ck_rc(zipc_event_open(&other, segment, names[1]), 0);
	for (i = 0; i < ROUNDS; i++) {
		if (seat % 2 || i)
			ck_rc(zipc_event_wait(mine, ZIPC_FOREVER), 0);
		ck_assert_uint_eq(numbers[pair], 2 * i + seat % 2);
		numbers[pair]++;
		ck_rc(zipc_event_set(other), 0);
	}
	zipc_event_close(mine);
	zipc_event_close(other);
	return NULL;
}

START_TEST(threads_hand_a_number_to_and_fro)
{
	pthread_t threads[2 * PAIRS];
	unsigned seats[2 * PAIRS], i;
	struct zipc_event *event;
	char name[8];

	for (i = 0; i < 2 * PAIRS; i++) {
		snprintf(name, sizeof(name), "e%u", i);
		ck_rc(zipc_event_create(&event, segment, name,
					ZIPC_AUTO_RESET), 0);
		zipc_event_close(event);
	}
	for (i = 0; i < 2 * PAIRS; i++) {
		seats[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, play,
						&seats[i]), 0);
	}
	for (i = 0; i < 2 * PAIRS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < PAIRS; i++)
		ck_assert_uint_eq(numbers[i], 2 * ROUNDS);
}
END_TEST

/* As many waits end as sets found it not set. */
struct counts {
	_Atomic uint64_t ended, over;
};

static void *take_sets(void *context)
{
	struct zipc_event *event = open_anew("e");
	struct counts *counts = context;
	int rc;

	while (!atomic_load(&counts->over)) {
		rc = zipc_event_wait(event, 20 * MS);
		if (rc != -ETIMEDOUT)
			ck_rc(rc, 0);
		if (!rc)
			atomic_fetch_add(&counts->ended, 1);
	}
	zipc_event_close(event);
	return NULL;
}

START_TEST(exactly_one_wait_takes_each_set)
{
	struct zipc_event *event = new_event(ZIPC_AUTO_RESET);
	struct counts counts = { 0, 0 };
	pthread_t threads[3];
	uint64_t i;
	int k;

	for (k = 0; k < 3; k++)
		ck_assert_int_eq(pthread_create(&threads[k], NULL, take_sets,
						&counts), 0);
	for (i = 0; i < ROUNDS / 4; i++) {
		ck_rc(zipc_event_set(event), 0);
		while (zipc_event_is_set(event))
			sched_yield();
	}
	while (atomic_load(&counts.ended) < i)
		sched_yield();
	atomic_store(&counts.over, 1);
	for (k = 0; k < 3; k++)
		pthread_join(threads[k], NULL);
	ck_assert_uint_eq(atomic_load(&counts.ended), i);
	ck_assert_uint_eq(late_wakes(), 0);
	zipc_event_close(event);
}
END_TEST

START_TEST(a_damaged_one_gives_errors_and_ends)
{
	static const uint64_t values[] = { 0, 1, 2, 3, UINT64_MAX,
					   UINT64_MAX - 1 };
	struct zipc_event *event = new_event(_i), *other = NULL;
	struct zipc_event_body *body;
	struct zipc_found found;
	size_t i;

	ck_rc(zipc_table_find(&found, segment, "e", ZIPC_EVENT, NULL), 0);
	body = (void *)found.body;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		atomic_store(&body->state, values[i]);
		zipc_event_wait(event, MS / 10);
		ck_rc(zipc_event_set(event), 0);
		ck_rc(zipc_event_wait(event, ZIPC_FOREVER), 0);
		ck_rc(zipc_event_reset(event), 0);
	}
	body->automatic = 2;
	ck_rc(zipc_event_open(&other, segment, "e"), -EBADMSG);
	body->automatic = (uint32_t)_i;
	found.block->capacity = 2;
	ck_rc(zipc_event_open(&other, segment, "e"), -EBADMSG);
	found.block->capacity = 1;
	found.block->body_bytes = 120;
	ck_rc(zipc_event_open(&other, segment, "e"), -EBADMSG);
	ck_message("event `e`");
	ck_assert_ptr_null(other);
	zipc_table_release(&found);
	zipc_event_close(event);
}
END_TEST

static Suite *event_suite(void)
{
	Suite *suite = suite_create("event");
	TCase *tc = test_case(suite, "event", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_wait_ends_when_it_is_set, 0, 2);
	tcase_add_loop_test(tc, what_makes_no_sense_is_refused, 0, 2);
	tcase_add_loop_test(tc, a_reader_sees_it_and_changes_nothing, 0, 2);
	tcase_add_test(tc,
		       a_set_ends_all_waits_even_if_a_reset_follows_at_once);
	tcase_add_test(tc, each_automatic_set_ends_one_wait);
	tcase_add_loop_test(tc, a_forked_child_goes_on_with_the_handle, 0, 2);
	tcase_add_loop_test(tc, what_need_not_wait_makes_no_system_call, 0, 2);
	tcase_add_loop_test(tc, a_damaged_one_gives_errors_and_ends, 0, 2);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, threads_hand_a_number_to_and_fro);
	tcase_add_test(tc, exactly_one_wait_takes_each_set);
	return suite;
}

TEST_MAIN(event_suite)
