/* SPDX-License-Identifier: MIT */
/* What the future promises, one by one, with threads and with processes. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/future.h"
#include "../libzeroipc/record.h"

#include <pthread.h>
#include <zipc/inspect_future.h>
#include <zipc/inspect_waits.h>

#define MS INT64_C(1000000)
#define LONG (60000 * MS)
#define LARGE 40000

static struct zipc_segment *segment;
static struct zipc_future *future, *other;

static struct zipc_future_body *body(struct zipc_found *found)
{
	ck_rc(zipc_table_find(found, segment, "f", ZIPC_FUTURE, NULL), 0);
	zipc_table_release(found);
	return (void *)found->body;
}

static void set_up_type(const char *type)
{
	ck_rc(zipc_segment_create(&segment, test_name("future"), 4 << 20,
				  NULL), 0);
	ck_rc(zipc_future_create(&future, segment, "f", type), 0);
	ck_rc(zipc_future_open(&other, segment, "f", type), 0);
}

static void set_up(void)
{
	set_up_type("u64");
}

static void set_up_large(void)
{
	set_up_type("bytes:40000");
}

static void tear_down(void)
{
	zipc_future_close(other);
	zipc_future_close(future);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

/* In a child, or a thread: a handle of its own, by a segment of its own. */
static struct zipc_future *open_anew(const char *name)
{
	struct zipc_segment *mine;
	struct zipc_future *it;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_future_open(&it, mine, name, NULL), 0);
	return it;
}

static void has(struct zipc_future *it, uint64_t want)
{
	uint64_t value = 0;

	ck_rc(zipc_future_get(it, &value, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(value, want);
	ck_assert_int_eq(zipc_future_state(it), ZIPC_FUTURE_SET);
}

static void has_failed(struct zipc_future *it, int want, const char *words)
{
	char text[256];
	uint64_t value = 77;
	int code;

	ck_rc(zipc_future_get(it, &value, ZIPC_FOREVER), -ECANCELED);
	ck_message(words);
	ck_assert_uint_eq(value, 77);
	ck_rc(zipc_future_error(it, &code, text, sizeof(text)), 0);
	ck_assert_int_eq(code, want);
	ck_assert_str_eq(text, words);
	ck_assert_int_eq(zipc_future_state(it), ZIPC_FUTURE_FAILED);
}

static struct zipc_view_future view_of(const char *name)
{
	struct zipc_view_future it;
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, name, &entry), 0);
	ck_rc(zipc_view_future(view, &entry, &it), 0);
	zipc_view_close(view);
	return it;
}

/* one by one */

START_TEST(it_is_set_once_and_stays_so)
{
	uint64_t value = 1;

	ck_assert_int_eq(zipc_future_state(future), ZIPC_FUTURE_PENDING);
	ck_rc(zipc_future_get(future, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_get(other, &value, 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_future_error(other, NULL, NULL, 0), -EINVAL);
	ck_assert_uint_eq(value, 1);
	ck_rc(zipc_future_set(future, &(uint64_t){ 42 }), 0);
	has(other, 42);
	has(future, 42);
	ck_rc(zipc_future_set(other, &(uint64_t){ 43 }), -EALREADY);
	ck_rc(zipc_future_set(future, &(uint64_t){ 44 }), -EALREADY);
	ck_message("future `f`");
	ck_rc(zipc_future_fail(future, 1, "no"), -EALREADY);
	ck_rc(zipc_future_promise(future), -EALREADY);
	ck_rc(zipc_future_error(other, NULL, NULL, 0), -EINVAL);
	has(other, 42);
	zipc_future_close(NULL);
}
END_TEST

START_TEST(a_failure_has_a_code_and_a_message)
{
	char few[3];
	int code;

	ck_rc(zipc_future_fail(future, -5, "the disk is gone"), 0);
	has_failed(other, -5, "the disk is gone");
	ck_rc(zipc_future_set(other, &(uint64_t){ 1 }), -EALREADY);
	ck_rc(zipc_future_fail(other, 1, NULL), -EALREADY);
	ck_rc(zipc_future_error(future, &code, few, sizeof(few)), 0);
	ck_assert_str_eq(few, "th");
	ck_rc(zipc_future_error(future, NULL, NULL, 0), 0);
	ck_assert_int_eq(code, -5);
}
END_TEST

/* What does not fit is cut, but not inside of a character. */
START_TEST(a_message_is_cut_between_characters)
{
	char words[200], want[200];

	memset(words, 'a', sizeof(words));
	memcpy(words + 126, "\xE2\x82\xAC", 3); /* bytes 126 to 128 */
	words[199] = '\0';
	memcpy(want, words, sizeof(want));
	want[126] = '\0';
	ck_rc(zipc_future_fail(future, 1, words), 0);
	has_failed(other, 1, want);
	zipc_future_close(other);
	ck_rc(zipc_future_create(&other, segment, "g", "u8"), 0);
	memset(words + 127, 'b', 2);
	memcpy(words + 124, "\xE2\x82\xAC", 3); /* up to byte 126 */
	memcpy(want, words, sizeof(want));
	want[127] = '\0';
	ck_rc(zipc_future_fail(other, 1, words), 0);
	has_failed(other, 1, want);
	zipc_future_close(other);
	ck_rc(zipc_future_create(&other, segment, "h", "u8"), 0);
	ck_rc(zipc_future_fail(other, 1, NULL), 0);
	has_failed(other, 1, "");
}
END_TEST

START_TEST(who_has_promised_alone_may_settle_it)
{
	uint64_t value;

	ck_rc(zipc_future_withdraw(future), -EPERM);
	ck_rc(zipc_future_promise(future), 0);
	ck_assert_int_eq(zipc_future_state(other), ZIPC_FUTURE_PROMISED);
	ck_assert_int_eq(zipc_future_state(future), ZIPC_FUTURE_PROMISED);
	ck_rc(zipc_future_promise(future), -EBUSY);
	ck_rc(zipc_future_promise(other), -EBUSY);
	ck_message("promised by process ");
	ck_rc(zipc_future_set(other, &(uint64_t){ 1 }), -EPERM);
	ck_message("promised by process ");
	ck_rc(zipc_future_fail(other, 1, "no"), -EPERM);
	ck_rc(zipc_future_withdraw(other), -EPERM);
	ck_rc(zipc_future_get(future, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_get(future, &value, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_future_get(other, &value, 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_future_set(future, &(uint64_t){ 2 }), 0);
	has(other, 2);
	ck_rc(zipc_future_withdraw(future), -EPERM);
}
END_TEST

START_TEST(a_promise_given_back_may_be_made_by_others)
{
	uint64_t value;

	ck_rc(zipc_future_promise(future), 0);
	ck_rc(zipc_future_withdraw(future), 0);
	ck_assert_int_eq(zipc_future_state(other), ZIPC_FUTURE_PENDING);
	ck_rc(zipc_future_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_promise(other), 0);
	ck_rc(zipc_future_set(future, &(uint64_t){ 1 }), -EPERM);
	ck_rc(zipc_future_withdraw(other), 0);
	ck_rc(zipc_future_set(future, &(uint64_t){ 3 }), 0);
	has(other, 3);
}
END_TEST

START_TEST(closing_the_handle_breaks_its_promise)
{
	struct zipc_future *third;
	uint64_t value;

	ck_rc(zipc_future_open(&third, segment, "f", NULL), 0);
	ck_rc(zipc_future_promise(third), 0);
	zipc_future_close(third);
	ck_assert_int_eq(zipc_future_state(other), ZIPC_FUTURE_BROKEN);
	ck_rc(zipc_future_get(other, &value, ZIPC_FOREVER), -EOWNERDEAD);
	ck_message("has died");
	ck_assert_int_eq(view_of("f").state, ZIPC_VIEW_BROKEN);
	ck_rc(zipc_future_promise(future), 0);
	ck_rc(zipc_future_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_set(future, &(uint64_t){ 4 }), 0);
	has(other, 4);
}
END_TEST

START_TEST(a_handle_that_has_settled_it_breaks_nothing_when_it_is_closed)
{
	struct zipc_future *third;

	ck_rc(zipc_future_open(&third, segment, "f", NULL), 0);
	ck_rc(zipc_future_promise(third), 0);
	ck_rc(zipc_future_set(third, &(uint64_t){ 5 }), 0);
	zipc_future_close(third);
	has(other, 5);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct zipc_future *it = NULL;

	ck_rc(zipc_future_create(&it, segment, "f", "u64"), -EEXIST);
	ck_rc(zipc_future_create(&it, segment, "g", "u65"), -EINVAL);
	ck_rc(zipc_future_create(&it, segment, "g", "bytes:1048577"), -EINVAL);
	ck_rc(zipc_future_create(&it, segment, "g", "bytes:1048576"), -ENOSPC);
	ck_rc(zipc_future_open(&it, segment, "g", NULL), -ENOENT);
	ck_rc(zipc_future_open(&it, segment, "f", "i64"), -EPROTOTYPE);
	ck_rc(zipc_future_open_or_create(&it, segment, "f", "i64"),
	      -EPROTOTYPE);
	ck_rc(zipc_future_any(&future, 0, ZIPC_NOWAIT), -EINVAL);
	ck_rc(zipc_future_all(&future, 0, ZIPC_NOWAIT), 0);
	ck_assert_ptr_null(it);
	ck_rc(zipc_future_open_or_create(&it, segment, "g", "u8"), 0);
	ck_assert_str_eq(zipc_type_text(zipc_future_type(it)), "u8");
	zipc_future_close(it);
	ck_rc(zipc_future_open_or_create(&it, segment, "g", "u8"), 0);
	zipc_future_close(it);
}
END_TEST

START_TEST(who_only_reads_gets_the_value_and_changes_nothing)
{
	struct zipc_segment *reading;
	struct zipc_future *it;
	uint64_t value;

	ck_rc(zipc_segment_open(&reading, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_future_open(&it, reading, "f", NULL), 0);
	ck_rc(zipc_future_get(it, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_get(it, &value, 10 * MS), -EROFS);
	ck_message("future `f`");
	ck_rc(zipc_future_any(&it, 1, 10 * MS), -EROFS);
	ck_rc(zipc_future_set(it, &value), -EROFS);
	ck_rc(zipc_future_promise(it), -EROFS);
	ck_rc(zipc_future_promise(future), 0);
	ck_rc(zipc_future_get(it, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(zipc_future_state(it), ZIPC_FUTURE_PROMISED);
	ck_rc(zipc_future_set(future, &(uint64_t){ 6 }), 0);
	has(it, 6);
	ck_rc(zipc_future_get(it, &value, ZIPC_FOREVER), 0);
	ck_rc(zipc_future_all(&it, 1, ZIPC_FOREVER), 0);
	ck_rc(zipc_segment_remove(segment, "f"), 0);
	ck_rc(zipc_future_get(it, &value, ZIPC_NOWAIT), -ENOENT);
	ck_rc(zipc_future_state(it), -ENOENT);
	zipc_future_close(it);
	zipc_segment_close(reading);
}
END_TEST

/* large values */

START_TEST(a_value_of_any_size_comes_whole)
{
	static unsigned char in[LARGE], out[LARGE];
	size_t i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)(i * 7 + i / 256);
	ck_rc(zipc_future_set(future, in), 0);
	ck_rc(zipc_future_get(other, out, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(memcmp(in, out, sizeof(in)), 0);
	ck_rc(zipc_future_set(other, out), -EALREADY);
	ck_rc(zipc_future_get(other, out, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(memcmp(in, out, sizeof(in)), 0);
}
END_TEST

/* As one that is stopped inside of a set: it has a record, and goes on late. */
START_TEST(who_is_stopped_inside_stands_in_nobodys_way)
{
	struct zipc_segment *theirs;
	unsigned i;

	ck_rc(zipc_segment_open(&theirs, zipc_segment_name(segment), 0), 0);
	for (i = 0; i + 1 < future->setter_count; i++)
		ck_assert_int_ge(zipc_record_take(theirs, future->setters,
						  future->setter_count), 0);
	ck_rc(zipc_future_set(other, &(uint64_t){ 7 }), 0);
	has(future, 7);
	zipc_segment_close(theirs);
}
END_TEST

START_TEST(when_all_records_are_with_the_stopped_it_says_so)
{
	struct zipc_segment *theirs;
	unsigned i;

	ck_rc(zipc_segment_open(&theirs, zipc_segment_name(segment), 0), 0);
	for (i = 0; i < future->setter_count; i++)
		ck_assert_int_ge(zipc_record_take(theirs, future->setters,
						  future->setter_count), 0);
	ck_rc(zipc_future_set(other, &(uint64_t){ 7 }), -EUSERS);
	ck_message("do not go on");
	zipc_segment_close(theirs); /* they are dead now */
	ck_rc(zipc_future_set(other, &(uint64_t){ 8 }), 0);
	has(future, 8);
}
END_TEST

/* Its record is free for all, but what it has written stays. */
START_TEST(the_value_outlives_who_has_set_it)
{
	struct zipc_future *it = open_anew("f");
	struct zipc_segment *theirs = it->lock.segment;

	ck_rc(zipc_future_set(it, &(uint64_t){ 9 }), 0);
	zipc_future_close(it);
	zipc_segment_close(theirs);
	ck_rc(zipc_future_set(other, &(uint64_t){ 1 }), -EALREADY);
	has(other, 9);
}
END_TEST

/* processes */

static void promise_and_wait(void *unused)
{
	struct zipc_future *it = open_anew("f");

	(void)unused;
	ck_rc(zipc_future_promise(it), 0);
	tell_parent();
	await_parent();
	ck_rc(zipc_future_set(it, &(uint64_t){ 10 }), 0);
}

static void wait_there(void *rc)
{
	struct zipc_future *it = open_anew("f");
	uint64_t value = 0;

	tell_parent();
	ck_rc(zipc_future_get(it, &value, LONG), (intptr_t)rc);
	if (!rc)
		ck_assert_uint_eq(value, 10);
}

static struct child sleeper(int rc)
{
	struct child child = child_start(wait_there, (void *)(intptr_t)rc);

	child_hear(&child);
	sleeps_in_futex(child.pid, 0);
	return child;
}

#define SLEEPERS 4

START_TEST(all_who_wait_are_woken)
{
	struct child promiser = child_start(promise_and_wait, NULL);
	struct child sleepers[SLEEPERS];
	struct zipc_view_entry entry;
	struct zipc_view *view;
	int i;

	child_hear(&promiser);
	for (i = 0; i < SLEEPERS; i++)
		sleepers[i] = sleeper(0);
	child_say(&promiser);
	child_end(&promiser);
	for (i = 0; i < SLEEPERS; i++)
		child_end(&sleepers[i]);
	has(other, 10);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "f", &entry), 0);
	ck_assert_uint_eq(entry.late_wakes, 0);
	ck_assert_uint_eq(entry.size, 1);
	zipc_view_close(view);
}
END_TEST

START_TEST(all_who_wait_are_told_that_the_promiser_died)
{
	struct child promiser = child_start(promise_and_wait, NULL);
	struct child sleepers[SLEEPERS];
	uint64_t value;
	int i;

	child_hear(&promiser);
	ck_rc(zipc_future_promise(future), -EBUSY);
	for (i = 0; i < SLEEPERS; i++)
		sleepers[i] = sleeper(-EOWNERDEAD);
	child_kill(&promiser);
	for (i = 0; i < SLEEPERS; i++)
		child_end(&sleepers[i]);
	ck_rc(zipc_future_get(other, &value, ZIPC_FOREVER), -EOWNERDEAD);
	ck_assert_int_eq(zipc_future_state(other), ZIPC_FUTURE_BROKEN);
	ck_assert_int_eq(view_of("f").state, ZIPC_VIEW_BROKEN);
	ck_rc(zipc_future_promise(future), 0);
	ck_assert_int_eq(zipc_future_state(other), ZIPC_FUTURE_PROMISED);
	ck_assert_uint_eq(view_of("f").deaths, 1);
	ck_rc(zipc_future_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_get(other, &value, 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_future_set(future, &(uint64_t){ 11 }), 0);
	has(other, 11);
}
END_TEST

/* Who waits has not looked when the next one has promised already. */
START_TEST(who_waits_goes_on_when_another_has_taken_the_promise_over)
{
	struct child promiser = child_start(promise_and_wait, NULL);
	struct child waiter;

	child_hear(&promiser);
	waiter = sleeper(0);
	child_stop(&waiter);
	child_kill(&promiser);
	ck_rc(zipc_future_promise(future), 0);
	child_continue(&waiter);
	ck_rc(zipc_future_set(future, &(uint64_t){ 10 }), 0);
	child_end(&waiter);
}
END_TEST

START_TEST(behind_a_dead_promiser_anybody_may_set_it)
{
	struct child promiser = child_start(promise_and_wait, NULL);

	child_hear(&promiser);
	ck_rc(zipc_future_set(other, &(uint64_t){ 1 }), -EPERM);
	child_kill(&promiser);
	ck_rc(zipc_future_set(other, &(uint64_t){ 12 }), 0);
	has(future, 12);
	ck_assert_uint_eq(view_of("f").deaths, 1);
}
END_TEST

START_TEST(a_stopped_promiser_is_waited_for)
{
	struct child promiser = child_start(promise_and_wait, NULL);
	uint64_t value;

	child_hear(&promiser);
	child_stop(&promiser);
	ck_rc(zipc_future_get(other, &value, 300 * MS), -ETIMEDOUT);
	ck_rc(zipc_future_set(other, &value), -EPERM);
	child_continue(&promiser);
	child_say(&promiser);
	ck_rc(zipc_future_get(other, &value, LONG), 0);
	ck_assert_uint_eq(value, 10);
	child_end(&promiser);
}
END_TEST

static void set_in_a_child(void *unused)
{
	uint64_t value;

	(void)unused;
	ck_rc(zipc_future_get(future, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_withdraw(future), -EPERM);
	ck_rc(zipc_future_set(future, &(uint64_t){ 1 }), -EPERM);
	tell_parent();
	await_parent();
	ck_rc(zipc_future_get(future, &value, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(value, 13);
	zipc_future_close(future);
}

START_TEST(a_forked_child_has_no_part_in_the_promise)
{
	struct child child;

	ck_rc(zipc_future_promise(future), 0);
	child = child_start(set_in_a_child, NULL);
	child_hear(&child);
	ck_rc(zipc_future_set(future, &(uint64_t){ 13 }), 0);
	child_end(&child);
	has(other, 13);
}
END_TEST

static void settle_in_a_child(void *unused)
{
	(void)unused;
	ck_rc(zipc_future_promise(future), 0);
	ck_rc(zipc_future_set(future, &(uint64_t){ 14 }), 0);
}

START_TEST(a_forked_child_goes_on_with_the_handle)
{
	struct child child = child_start(settle_in_a_child, NULL);
	uint64_t value;

	ck_rc(zipc_future_get(future, &value, LONG), 0);
	ck_assert_uint_eq(value, 14);
	child_end(&child);
}
END_TEST

static void warm_up(void *unused)
{
	(void)unused;
	ck_rc(zipc_future_promise(other), 0);
	ck_rc(zipc_future_withdraw(other), 0);
}

static void live_a_whole_life(void *unused)
{
	uint64_t value;

	(void)unused;
	ck_rc(zipc_future_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_promise(other), 0);
	ck_rc(zipc_future_withdraw(other), 0);
	ck_rc(zipc_future_promise(other), 0);
	ck_rc(zipc_future_set(other, &(uint64_t){ 15 }), 0);
	ck_rc(zipc_future_get(other, &value, ZIPC_FOREVER), 0);
	ck_rc(zipc_future_all(&other, 1, ZIPC_FOREVER), 0);
	ck_rc(zipc_future_any(&other, 1, ZIPC_FOREVER), 0);
	ck_rc(zipc_future_set(other, &value), -EALREADY);
	ck_assert_uint_eq(value, 15);
}

START_TEST(what_need_not_wait_makes_no_system_call)
{
	/* The filter is in force: a child's first call looks for a place. */
	must_make_a_system_call(NULL, live_a_whole_life, NULL);
	ck_assert_int_eq(zipc_future_state(future), ZIPC_FUTURE_PENDING);
	must_make_no_system_call(warm_up, live_a_whole_life, NULL);
	has(future, 15);
}
END_TEST

/* in a select */

START_TEST(a_select_can_look_and_take)
{
	struct zipc_waitable it;
	uint64_t value = 0;
	struct zipc_future_wait wait = { other, &value, 0 };

	ck_rc(zipc_future_waitable(&wait, &it), 0);
	ck_assert_ptr_eq(it.event, &other->lock.block->readable);
	ck_assert(!it.ready(it.context));
	ck_rc(it.attempt(it.context), -EAGAIN);
	ck_rc(zipc_future_set(future, &(uint64_t){ 16 }), 0);
	ck_assert(it.ready(it.context));
	ck_rc(it.attempt(it.context), 0);
	ck_assert_uint_eq(value, 16);
}
END_TEST

START_TEST(a_select_is_told_of_failures_and_deaths)
{
	struct child promiser = child_start(promise_and_wait, NULL);
	struct zipc_waitable it;
	struct zipc_future_wait wait = { other, NULL, 0 };

	child_hear(&promiser);
	ck_rc(zipc_future_waitable(&wait, &it), 0);
	ck_rc(it.attempt(it.context), -EAGAIN);
	it.bury(it.context);
	ck_assert(!it.ready(it.context));
	child_kill(&promiser);
	ck_assert(!it.ready(it.context));
	it.bury(it.context);
	ck_assert(it.ready(it.context));
	ck_rc(it.attempt(it.context), -EOWNERDEAD);
	ck_message("has died");
	ck_rc(zipc_future_promise(future), 0);
	ck_assert(!it.ready(it.context));
	ck_rc(it.attempt(it.context), -EAGAIN);
	ck_rc(zipc_future_fail(future, 3, "three"), 0);
	ck_assert(it.ready(it.context));
	ck_rc(it.attempt(it.context), -ECANCELED);
	ck_message("three");
}
END_TEST

/* several */

#define SEVERAL 5

static struct zipc_future *several[SEVERAL];

static void open_several(void)
{
	char name[8];
	int i;

	for (i = 0; i < SEVERAL; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		ck_rc(zipc_future_open_or_create(&several[i], segment, name,
						 "u64"), 0);
	}
}

static void close_several(void)
{
	int i;

	for (i = 0; i < SEVERAL; i++)
		zipc_future_close(several[i]);
}

static void set_one(int i)
{
	ck_rc(zipc_future_set(several[i], &(uint64_t){ (uint64_t)i }), 0);
}

START_TEST(any_tells_one_that_is_settled)
{
	open_several();
	ck_rc(zipc_future_any(several, SEVERAL, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_future_any(several, SEVERAL, 10 * MS), -ETIMEDOUT);
	set_one(3);
	ck_rc(zipc_future_any(several, SEVERAL, ZIPC_FOREVER), 3);
	ck_rc(zipc_future_fail(several[1], 5, "five"), 0);
	ck_rc(zipc_future_any(several, SEVERAL, ZIPC_NOWAIT), 1);
	has_failed(several[1], 5, "five");
	close_several();
}
END_TEST

START_TEST(all_waits_for_each_and_ends_at_a_failure)
{
	int i;

	open_several();
	for (i = SEVERAL - 1; i > 0; i--) {
		set_one(i);
		ck_rc(zipc_future_all(several, SEVERAL, ZIPC_NOWAIT), -EAGAIN);
		ck_rc(zipc_future_all(several, SEVERAL, MS), -ETIMEDOUT);
	}
	ck_rc(zipc_future_all(several + 1, SEVERAL - 1, ZIPC_NOWAIT), 0);
	set_one(0);
	ck_rc(zipc_future_all(several, SEVERAL, ZIPC_FOREVER), 0);
	close_several();
	open_several();
	zipc_future_close(several[0]);
	several[0] = future;
	ck_rc(zipc_future_all(several, SEVERAL, ZIPC_NOWAIT), -EAGAIN);
	zipc_future_close(several[1]);
	several[1] = other;
	ck_rc(zipc_future_fail(other, 5, "five"), 0);
	ck_rc(zipc_future_all(several, SEVERAL, ZIPC_FOREVER), -ECANCELED);
	ck_message("five");
	for (i = 2; i < SEVERAL; i++)
		zipc_future_close(several[i]);
}
END_TEST

static void wait_for_all(void *rc)
{
	struct zipc_segment *mine;
	char name[8];
	int i;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	for (i = 0; i < SEVERAL; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		ck_rc(zipc_future_open(&several[i], mine, name, NULL), 0);
	}
	tell_parent();
	ck_rc(zipc_future_all(several, SEVERAL, LONG), (intptr_t)rc);
}

static void wait_for_any(void *index)
{
	struct zipc_segment *mine;
	char name[8];
	int i;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	for (i = 0; i < SEVERAL; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		ck_rc(zipc_future_open(&several[i], mine, name, NULL), 0);
	}
	tell_parent();
	ck_rc(zipc_future_any(several, SEVERAL, LONG), (intptr_t)index);
}

static struct child several_sleeper(void (*wait)(void *context), int want)
{
	struct child child = child_start(wait, (void *)(intptr_t)want);

	child_hear(&child);
	sleeps_in_futex(child.pid, 0);
	return child;
}

START_TEST(who_sleeps_on_several_is_woken)
{
	struct child any, all;
	int i;

	open_several();
	any = several_sleeper(wait_for_any, 2);
	all = several_sleeper(wait_for_all, 0);
	set_one(2);
	child_end(&any);
	for (i = 0; i < SEVERAL; i++)
		if (i != 2)
			set_one(i);
	child_end(&all);
	close_several();
}
END_TEST

static void promise_the_third(void *unused)
{
	(void)unused;
	ck_rc(zipc_future_promise(several[3]), 0);
	tell_parent();
	await_parent();
}

START_TEST(who_sleeps_on_several_is_told_of_a_death)
{
	struct child any, all, promiser;

	open_several();
	promiser = child_start(promise_the_third, NULL);
	child_hear(&promiser);
	any = several_sleeper(wait_for_any, 3);
	all = several_sleeper(wait_for_all, -EOWNERDEAD);
	child_kill(&promiser);
	child_end(&any);
	child_end(&all);
	close_several();
}
END_TEST

START_TEST(who_sleeps_on_all_is_told_of_the_last_ones_failure)
{
	struct child all;

	open_several();
	all = several_sleeper(wait_for_all, -ECANCELED);
	ck_rc(zipc_future_fail(several[SEVERAL - 1], 1, "one"), 0);
	child_end(&all);
	close_several();
}
END_TEST

/* watching */

START_TEST(watching_tells_who_promised_and_who_settled)
{
	struct zipc_view_future it;

	it = view_of("f");
	ck_assert_int_eq(it.state, ZIPC_VIEW_PENDING);
	ck_assert_int_eq(it.who.pid, 0);
	ck_rc(zipc_future_promise(future), 0);
	it = view_of("f");
	ck_assert_int_eq(it.state, ZIPC_VIEW_PROMISED);
	ck_assert_int_eq(it.who.pid, getpid());
	ck_rc(zipc_future_fail(future, 7, "seven"), 0);
	it = view_of("f");
	ck_assert_int_eq(it.state, ZIPC_VIEW_FAILED);
	ck_assert_int_eq(it.who.pid, getpid());
	ck_assert_int_eq(it.code, 7);
	ck_assert_str_eq(it.message, "seven");
}
END_TEST

START_TEST(watching_shows_the_value)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;
	uint64_t value = 0;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "f", &entry), 0);
	ck_assert_uint_eq(entry.size, 0);
	ck_assert_str_eq(entry.kind_name, "future");
	ck_rc(zipc_view_elements(view, &entry, 0, 1, &value, NULL), 0);
	ck_rc(zipc_future_set(future, &(uint64_t){ 17 }), 0);
	ck_rc(zipc_view_find(view, "f", &entry), 0);
	ck_assert_uint_eq(entry.size, 1);
	ck_rc(zipc_view_elements(view, &entry, 0, 9, &value, NULL), 1);
	ck_assert_uint_eq(value, 17);
	ck_rc(zipc_view_elements(view, &entry, 1, 9, &value, NULL), 0);
	ck_assert_int_eq(view_of("f").state, ZIPC_VIEW_SET);
	ck_assert_int_eq(view_of("f").who.pid, getpid());
	ck_rc(zipc_view_lock(view, &entry, &(struct zipc_view_lock){ 0 }),
	      -EPROTOTYPE);
	zipc_view_close(view);
}
END_TEST

static void must_say(const char *format, int one, int other_pid)
{
	const struct zipc_view_blocked *it;
	struct zipc_view_waits *waits;
	char said[512], want[512];
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_waits_open(&waits, view), 0);
	it = zipc_view_blocked(waits, 0);
	ck_assert_ptr_nonnull(it);
	zipc_view_blocked_say(it, said, sizeof(said));
	snprintf(want, sizeof(want), format, one, other_pid);
	ck_assert_msg(!strncmp(said, want, strcspn(want, "*")) &&
			      strstr(said, strchr(want, '*') + 1),
		      "`%s` is not `%s`", said, want);
	zipc_view_waits_close(waits);
	zipc_view_close(view);
}

START_TEST(watching_tells_who_waits_for_whom)
{
	struct child promiser, waiter = sleeper(0);

	must_say("future `f` is promised by nobody; 1 waits: %d*", waiter.pid,
		 0);
	promiser = child_start(promise_and_wait, NULL);
	child_hear(&promiser);
	must_say("future `f` promised by %d (*; 1 waits: %d", promiser.pid,
		 waiter.pid);
	child_say(&promiser);
	child_end(&promiser);
	child_end(&waiter);
}
END_TEST

/* damaged */

static void must_be_damaged(void)
{
	uint64_t value;

	ck_rc(zipc_future_get(future, &value, MS), -EBADMSG);
	ck_rc(zipc_future_get(future, &value, ZIPC_NOWAIT), -EBADMSG);
	ck_rc(zipc_future_set(future, &value), -EBADMSG);
	ck_rc(zipc_future_promise(future), -EBADMSG);
	ck_rc(zipc_future_error(future, NULL, NULL, 0), -EBADMSG);
	ck_rc(zipc_future_state(future), -EBADMSG);
	ck_rc(zipc_future_all(&future, 1, MS), -EBADMSG);
	ck_message("future `f`");
}

START_TEST(a_damaged_word_gives_errors_and_ends)
{
	static const uint64_t words[] = {
		3, 5, 6, 7, 9, 8 << 3 | 2, 8 << 3 | 4, UINT64_MAX,
		UINT64_MAX - 1, UINT64_C(1) << 32, UINT64_C(8191) << 19
	};
	struct zipc_found found;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	size_t i;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		atomic_store(&body(&found)->owner.owner, words[i]);
		must_be_damaged();
		ck_rc(zipc_view_find(view, "f", &entry), -EBADMSG);
	}
	atomic_store(&body(&found)->owner.owner, 1 << 3 | 4);
	atomic_store(&future->setters[1].length, 128);
	ck_rc(zipc_future_error(future, NULL, NULL, 0), -EBADMSG);
	ck_rc(zipc_future_get(future, NULL, ZIPC_NOWAIT), -EBADMSG);
	zipc_view_close(view);
}
END_TEST

static void must_not_open(struct zipc_future_body *at,
			  const struct zipc_future_body *sound)
{
	struct zipc_view_entry entry;
	struct zipc_future *it = NULL;
	struct zipc_view *view;

	ck_rc(zipc_future_open(&it, segment, "f", NULL), -EBADMSG);
	ck_message("future `f`");
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "f", &entry), -EBADMSG);
	zipc_view_close(view);
	memcpy(at, sound, sizeof(*at));
}

START_TEST(a_damaged_body_is_not_opened)
{
	struct zipc_found found;
	struct zipc_future_body sound, *at = body(&found);

	memcpy(&sound, at, sizeof(sound));
	at->setters = 4097;
	must_not_open(at, &sound);
	at->setters = 17;
	must_not_open(at, &sound);
	at->setters_offset += UINT64_C(1) << 40;
	must_not_open(at, &sound);
	at->contents_offset = UINT64_MAX - 63;
	must_not_open(at, &sound);
	at->content_bytes = 64;
	must_not_open(at, &sound);
	at->content_bytes = 0xFFFFFFC0;
	must_not_open(at, &sound);
	at->owner.waiters = 4096;
	must_not_open(at, &sound);
	found.block->capacity = 2;
	must_not_open(at, &sound);
	found.block->capacity = 1;
	found.block->body_bytes = 32;
	must_not_open(at, &sound);
}
END_TEST

/* many at once */

#ifdef __SANITIZE_THREAD__
#define ROUNDS 200
#else
#define ROUNDS 2000
#endif
#define THREADS 4
#define WORDS 24

struct round {
	_Atomic int set, told;
	_Atomic uint64_t winner;
};

static struct round rounds[ROUNDS];
static pthread_barrier_t together;

/* Each sets words of its own number; all read the same, of one winner. */
static void *race(void *context)
{
	uint64_t me = *(unsigned *)context + 1, words[WORDS], got[WORDS];
	struct zipc_future *it;
	char name[16];
	int i, k, rc;

	for (i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "r%d", i % 50);
		pthread_barrier_wait(&together);
		ck_rc(zipc_future_open_or_create(&it, segment, name,
						 "u64[24]"), 0);
		for (k = 0; k < WORDS; k++)
			words[k] = me << 32 | (unsigned)i;
		pthread_barrier_wait(&together);
		rc = me == THREADS && i % 2 ? zipc_future_promise(it) : 0;
		if (!rc || rc == -EALREADY)
			rc = zipc_future_set(it, words);
		if (!rc)
			atomic_fetch_add(&rounds[i].set, 1);
		else if (rc != -EALREADY)
			ck_rc(rc, -EPERM);
		ck_rc(zipc_future_get(it, got, LONG), 0);
		for (k = 1; k < WORDS; k++)
			ck_assert_uint_eq(got[k], got[0]);
		if (!rc)
			ck_assert_uint_eq(got[0], words[0]);
		zipc_future_close(it);
		pthread_barrier_wait(&together);
		if (me == 1)
			ck_rc(zipc_segment_remove(segment, name), 0);
	}
	return NULL;
}

START_TEST(exactly_one_thread_settles_it_and_all_see_the_same)
{
	pthread_t threads[THREADS];
	unsigned numbers[THREADS];
	int i;

	pthread_barrier_init(&together, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		numbers[i] = (unsigned)i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, race,
						&numbers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < ROUNDS; i++)
		ck_assert_int_eq(atomic_load(&rounds[i].set), 1);
}
END_TEST

static void one_by_one(Suite *suite)
{
	TCase *tc = test_case(suite, "one by one", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_is_set_once_and_stays_so);
	tcase_add_test(tc, a_failure_has_a_code_and_a_message);
	tcase_add_test(tc, a_message_is_cut_between_characters);
	tcase_add_test(tc, who_has_promised_alone_may_settle_it);
	tcase_add_test(tc, a_promise_given_back_may_be_made_by_others);
	tcase_add_test(tc, closing_the_handle_breaks_its_promise);
	tcase_add_test(
		tc,
		a_handle_that_has_settled_it_breaks_nothing_when_it_is_closed);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	tcase_add_test(tc, who_only_reads_gets_the_value_and_changes_nothing);
	tcase_add_test(tc, who_is_stopped_inside_stands_in_nobodys_way);
	tcase_add_test(tc, when_all_records_are_with_the_stopped_it_says_so);
	tcase_add_test(tc, the_value_outlives_who_has_set_it);
	tcase_add_test(tc, what_need_not_wait_makes_no_system_call);
	tcase_add_test(tc, a_select_can_look_and_take);
	tcase_add_test(tc, a_select_is_told_of_failures_and_deaths);
	tcase_add_test(tc, watching_tells_who_promised_and_who_settled);
	tcase_add_test(tc, watching_shows_the_value);
	tcase_add_test(tc, watching_tells_who_waits_for_whom);
	tcase_add_test(tc, a_damaged_word_gives_errors_and_ends);
	tcase_add_test(tc, a_damaged_body_is_not_opened);
	tc = test_case(suite, "large", "fast", 60);
	tcase_add_checked_fixture(tc, set_up_large, tear_down);
	tcase_add_test(tc, a_value_of_any_size_comes_whole);
}

static Suite *future_suite(void)
{
	Suite *suite = suite_create("future");
	TCase *tc = test_case(suite, "processes", "fast", 60);

	one_by_one(suite);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, all_who_wait_are_woken);
	tcase_add_test(tc, all_who_wait_are_told_that_the_promiser_died);
	tcase_add_test(
		tc, who_waits_goes_on_when_another_has_taken_the_promise_over);
	tcase_add_test(tc, behind_a_dead_promiser_anybody_may_set_it);
	tcase_add_test(tc, a_stopped_promiser_is_waited_for);
	tcase_add_test(tc, a_forked_child_has_no_part_in_the_promise);
	tcase_add_test(tc, a_forked_child_goes_on_with_the_handle);
	tc = test_case(suite, "several", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, any_tells_one_that_is_settled);
	tcase_add_test(tc, all_waits_for_each_and_ends_at_a_failure);
	tcase_add_test(tc, who_sleeps_on_several_is_woken);
	tcase_add_test(tc, who_sleeps_on_several_is_told_of_a_death);
	tcase_add_test(tc, who_sleeps_on_all_is_told_of_the_last_ones_failure);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc,
		       exactly_one_thread_settles_it_and_all_see_the_same);
	return suite;
}

TEST_MAIN(future_suite)
