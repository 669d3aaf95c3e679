/* SPDX-License-Identifier: MIT */
/*
 * What Semaphore, Barrier, Latch and Event promise alike: what was removed is
 * nobody else's, and a select can look, take and sleep.
 */
#include "children.h"
#include "harness.h"

#include "../libzeroipc/waitable.h"
#include "../libzeroipc/wait.h"

#include <pthread.h>
#include <string.h>

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("sync"), 1 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

/* A handle of one of the kinds; what it does alike. */
struct handle {
	struct zipc_semaphore *semaphore;
	struct zipc_barrier *barrier;
	struct zipc_latch *latch;
	struct zipc_event *event;
};

enum kind { PLAIN, OWNED, LATCH, MANUAL, AUTO, BARRIER, KINDS };

static void create(struct handle *it, int kind)
{
	memset(it, 0, sizeof(*it));
	if (kind == BARRIER)
		ck_rc(zipc_barrier_create(&it->barrier, segment, "it", 3), 0);
	else if (kind == LATCH)
		ck_rc(zipc_latch_create(&it->latch, segment, "it", 3), 0);
	else if (kind == MANUAL || kind == AUTO)
		ck_rc(zipc_event_create(&it->event, segment, "it",
					kind == AUTO), 0);
	else
		ck_rc(zipc_semaphore_create_with(
			      &it->semaphore, segment, "it", 3, 3,
			      kind == OWNED ? ZIPC_OWNED : 0), 0);
}

static void open_in(struct handle *it, int kind, struct zipc_segment *in)
{
	memset(it, 0, sizeof(*it));
	if (kind == BARRIER)
		ck_rc(zipc_barrier_open(&it->barrier, in, "it"), 0);
	else if (kind == LATCH)
		ck_rc(zipc_latch_open(&it->latch, in, "it"), 0);
	else if (kind == MANUAL || kind == AUTO)
		ck_rc(zipc_event_open(&it->event, in, "it"), 0);
	else
		ck_rc(zipc_semaphore_open(&it->semaphore, in, "it"), 0);
}

static void close_it(struct handle *it)
{
	zipc_semaphore_close(it->semaphore);
	zipc_barrier_close(it->barrier);
	zipc_latch_close(it->latch);
	zipc_event_close(it->event);
}

/* Something that changes it, and that its state then shows. */
static int change(struct handle *it)
{
	int rc;

	if (it->semaphore)
		return zipc_semaphore_acquire(it->semaphore, ZIPC_NOWAIT);
	if (it->latch)
		return zipc_latch_count_down(it->latch, 1);
	if (it->event)
		return zipc_event_set(it->event);
	rc = zipc_barrier_wait(it->barrier, ZIPC_NOWAIT);
	return rc == -EAGAIN ? 0 : rc;
}

static uint64_t state(const struct handle *it)
{
	if (it->semaphore)
		return zipc_semaphore_value(it->semaphore);
	if (it->latch)
		return zipc_latch_value(it->latch);
	if (it->event)
		return zipc_event_is_set(it->event);
	return zipc_barrier_arrived(it->barrier) +
	       zipc_barrier_rounds(it->barrier);
}

static int give(struct handle *it)
{
	if (it->semaphore)
		return zipc_semaphore_release(it->semaphore, 1);
	if (it->latch)
		return zipc_latch_count_down(it->latch, 3);
	return zipc_event_set(it->event);
}

/* removed */

static void use_what_was_removed(void *context)
{
	struct handle *it = context;

	tell_parent();
	await_parent();
	ck_assert_uint_eq(state(it), 0);
	ck_rc(change(it), -ENOENT);
	ck_message("removed");
	if (!it->barrier)
		ck_rc(give(it), -ENOENT);
	if (it->event)
		ck_rc(zipc_event_reset(it->event), -ENOENT);
	ck_assert_uint_eq(state(it), 0);
	close_it(it);
}

START_TEST(what_was_removed_is_lost_to_a_forked_child_and_to_readers)
{
	struct handle it, reader, again;
	struct zipc_segment *reading;
	struct child child;
	uint64_t before;

	create(&it, _i);
	ck_rc(zipc_segment_open(&reading, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	open_in(&reader, _i, reading);
	child = child_start(use_what_was_removed, &it);
	child_hear(&child);
	ck_rc(change(&it), 0);
	ck_assert_uint_ne(state(&reader), 0);
	ck_assert_uint_eq(state(&reader), state(&it));
	ck_rc(zipc_segment_remove(segment, "it"), 0);
	ck_rc(change(&it), 0); /* who has it open keeps it */
	ck_assert_uint_ne(state(&it), 0);
	ck_assert_uint_eq(state(&reader), 0);
	close_it(&it);
	create(&again, _i); /* in the same place */
	if (_i == MANUAL || _i == AUTO)
		ck_rc(change(&again), 0);
	before = state(&again);
	child_say(&child);
	child_end(&child);
	ck_assert_uint_eq(state(&reader), 0);
	ck_assert_uint_eq(state(&again), before);
	ck_rc(change(&again), 0);
	close_it(&reader);
	zipc_segment_close(reading);
	close_it(&again);
}
END_TEST

static void use_what_is_there(void *context)
{
	struct handle *it = context;

	ck_rc(change(it), 0);
	tell_parent();
	await_parent();
	ck_rc(change(it), 0);
	tell_parent();
	await_parent();
}

START_TEST(a_forked_child_keeps_what_it_has_used)
{
	struct handle it, other;
	struct child child;

	create(&it, _i);
	child = child_start(use_what_is_there, &it);
	child_hear(&child);
	ck_rc(zipc_segment_remove(segment, "it"), 0);
	close_it(&it);
	create(&other, (_i + 1) % KINDS); /* not in the same place */
	child_say(&child);
	child_hear(&child);
	child_kill(&child);
	ck_rc(change(&other), 0);
	close_it(&other);
}
END_TEST

/* select */

static void begin(struct handle *it, struct zipc_waitable *out)
{
	if (it->semaphore)
		ck_rc(zipc_semaphore_waitable(it->semaphore, out), 0);
	else if (it->latch)
		ck_rc(zipc_latch_waitable(it->latch, out), 0);
	else
		ck_rc(zipc_event_waitable(it->event, out), 0);
}

static void exhaust(struct handle *it)
{
	unsigned i;

	for (i = 0; i < 3 && it->semaphore; i++)
		ck_rc(change(it), 0);
}

START_TEST(a_select_can_look_and_take)
{
	struct zipc_waitable waitable;
	struct handle it;

	create(&it, _i);
	exhaust(&it);
	begin(&it, &waitable);
	ck_assert(!waitable.ready(waitable.context));
	ck_rc((int)waitable.attempt(waitable.context), -EAGAIN);
	ck_rc(give(&it), 0);
	ck_assert(waitable.ready(waitable.context));
	ck_assert(waitable.ready(waitable.context)); /* it has taken nothing */
	ck_rc((int)waitable.attempt(waitable.context), 0);
	ck_rc((int)waitable.attempt(waitable.context),
	      it.semaphore || _i == AUTO ? -EAGAIN : 0);
	close_it(&it);
}
END_TEST

START_TEST(a_select_finds_a_set_that_was_reset_since_it_began)
{
	struct zipc_waitable waitable;
	struct handle it;

	create(&it, MANUAL);
	ck_rc(zipc_event_set(it.event), 0);
	ck_rc(zipc_event_reset(it.event), 0);
	begin(&it, &waitable);
	ck_assert(!waitable.ready(waitable.context));
	ck_rc((int)waitable.attempt(waitable.context), -EAGAIN);
	ck_rc(zipc_event_set(it.event), 0);
	ck_rc(zipc_event_reset(it.event), 0);
	ck_assert(waitable.ready(waitable.context));
	ck_rc((int)waitable.attempt(waitable.context), 0);
	close_it(&it);
}
END_TEST

static void hold_all(void *context)
{
	struct handle it;
	struct zipc_segment *mine;

	(void)context;
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	open_in(&it, OWNED, mine);
	exhaust(&it);
	tell_parent();
	await_parent();
}

START_TEST(a_select_takes_what_the_dead_held)
{
	struct zipc_waitable waitable;
	struct child child;
	struct handle it;

	create(&it, OWNED);
	child = child_start(hold_all, NULL);
	child_hear(&child);
	begin(&it, &waitable);
	ck_rc((int)waitable.attempt(waitable.context), -EAGAIN);
	child_kill(&child);
	begin(&it, &waitable);
	ck_rc((int)waitable.attempt(waitable.context), 0);
	close_it(&it);
}
END_TEST

static void *give_once(void *context)
{
	ck_rc(give(context), 0);
	return NULL;
}

START_TEST(who_sleeps_on_its_event_word_is_woken)
{
	struct zipc_waitable waitable;
	struct zipc_spin spin = { .length_ns = 0 };
	struct handle it, other;
	pthread_t thread;

	create(&it, _i);
	open_in(&other, _i, segment);
	exhaust(&it);
	begin(&it, &waitable);
	ck_assert_int_eq(pthread_create(&thread, NULL, give_once, &other), 0);
	ck_rc((int)zipc_wait(waitable.event, waitable.symmetric, &spin,
			     INT64_MAX, waitable.attempt, waitable.context),
	      0);
	pthread_join(thread, NULL);
	close_it(&other);
	close_it(&it);
}
END_TEST

static Suite *sync_suite(void)
{
	Suite *suite = suite_create("sync");
	TCase *tc = test_case(suite, "removed", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(
		tc, what_was_removed_is_lost_to_a_forked_child_and_to_readers,
		0, KINDS);
	tcase_add_loop_test(tc,
			    a_forked_child_keeps_what_it_has_used, 0, KINDS);
	tc = test_case(suite, "select", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_select_can_look_and_take, 0, BARRIER);
	tcase_add_test(tc, a_select_finds_a_set_that_was_reset_since_it_began);
	tcase_add_test(tc, a_select_takes_what_the_dead_held);
	tcase_add_loop_test(tc, who_sleeps_on_its_event_word_is_woken, 0,
			    BARRIER);
	return suite;
}

TEST_MAIN(sync_suite)
