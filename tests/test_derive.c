/* SPDX-License-Identifier: MIT */
/* Promises of derived streams, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"

#include "../libzeroipc/drive.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define SECOND INT64_C(1000000000)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("derive"), 32 << 20,
				  NULL), 0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_stream *new_stream(const char *name, uint64_t capacity,
				      enum zipc_stream_policy policy)
{
	struct zipc_stream_options options = { .policy = policy,
					       .max_writers = 4 };
	struct zipc_stream *stream;

	ck_rc(zipc_stream_create_with(&stream, segment, name, "i64", capacity,
				      &options), 0);
	return stream;
}

static struct zipc_stream *open_stream(const char *name)
{
	struct zipc_stream *stream;

	ck_rc(zipc_stream_open(&stream, segment, name, NULL), 0);
	return stream;
}

static struct zipc_stream *derive(const char *name, const char *text,
				  struct zipc_stream *source)
{
	struct zipc_stream *stream;

	ck_rc(zipc_stream_derive(&stream, segment, name, text, source), 0);
	return stream;
}

static struct zipc_subscription *subscribe(struct zipc_stream *stream,
					   const char *name)
{
	struct zipc_subscription *it;

	ck_rc(zipc_stream_subscribe(&it, stream, name, ZIPC_STREAM_OLDEST), 0);
	return it;
}

static int emit(struct zipc_stream *stream, int64_t value)
{
	return zipc_stream_emit(stream, &value, ZIPC_NOWAIT);
}

static void emit_all(struct zipc_stream *stream, int64_t from, int64_t to)
{
	for (; from <= to; from++)
		ck_rc(emit(stream, from), 0);
}

static int64_t next(struct zipc_subscription *it)
{
	int64_t value;
	int rc = zipc_stream_next(it, &value, ZIPC_NOWAIT);

	return rc ? rc : value;
}

static int64_t drive(struct zipc_stream *stream)
{
	return zipc_stream_drive(stream, ZIPC_NOWAIT);
}

/* Until nothing is left; what that is. */
static int64_t drive_all(struct zipc_stream *stream)
{
	int64_t rc;

	do
		rc = drive(stream);
	while (rc >= 0);
	return rc;
}

START_TEST(results_come_out_once_and_in_order)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "filter(x % 2 == 1) | map(x * 10)",
				       a);
	struct zipc_subscription *it = subscribe(d, NULL);
	int64_t i;

	ck_rc(drive(d), -EAGAIN);
	emit_all(a, 1, 50);
	ck_assert_int_eq(drive(d), 50);
	ck_rc(drive(d), -EAGAIN);
	for (i = 1; i <= 50; i += 2)
		ck_assert_int_eq(next(it), 10 * i);
	ck_rc(next(it), -EAGAIN);
	emit_all(a, 51, 60);
	ck_assert_int_eq(drive(d), 10);
	for (i = 51; i <= 60; i += 2)
		ck_assert_int_eq(next(it), 10 * i);
	ck_rc(next(it), -EAGAIN);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(it_says_what_it_is_and_takes_no_elements)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_derive_options options = { .by_daemon = 1 };
	struct zipc_stream *d, *again;

	ck_rc(zipc_stream_derive_with(&d, segment, "d", "map(x + 1)", a,
				      &options), 0);
	ck_assert_str_eq(zipc_stream_derivation(d), "map(x + 1)");
	ck_assert_ptr_null(zipc_stream_derivation(a));
	ck_assert_int_eq(zipc_stream_is_for_daemon(d), 1);
	ck_assert_int_eq(zipc_stream_is_for_daemon(a), 0);
	again = open_stream("d");
	ck_assert_str_eq(zipc_stream_derivation(again), "map(x + 1)");
	ck_assert_int_eq(zipc_stream_is_for_daemon(again), 1);
	ck_rc(emit(d, 1), -EPERM);
	ck_message("is derived");
	ck_rc(zipc_stream_emit_n(d, &(int64_t){ 1 }, 1, ZIPC_NOWAIT), -EPERM);
	ck_rc(drive(d), -EAGAIN);
	ck_rc(emit(d, 1), -EPERM);
	ck_rc(drive(a), -EINVAL);
	ck_message("is not derived");
	zipc_stream_close(again);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(what_can_not_be_derived_is_refused)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK), *d;
	struct zipc_derive_options options = { .policy =
						       ZIPC_STREAM_DROP_NEW };
	struct zipc_subscription *it;

	ck_rc(zipc_stream_derive(&d, segment, "d", "filter(x", a), -EINVAL);
	ck_rc(zipc_stream_derive(&d, segment, "d", "merge(none)", a),
	      -ENOENT);
	ck_rc(zipc_stream_derive(&d, segment, "a", "map(x)", a), -EEXIST);
	ck_rc(zipc_stream_derive_with(&d, segment, "d", "map(x)", a,
				      &options), -EINVAL);
	options.policy = ZIPC_STREAM_BLOCK;
	options.max_drivers = 65;
	ck_rc(zipc_stream_derive_with(&d, segment, "d", "map(x)", a,
				      &options), -EINVAL);
	options.max_drivers = 0;
	options.from = ZIPC_STREAM_STOOD;
	ck_rc(zipc_stream_derive_with(&d, segment, "d", "map(x)", a,
				      &options), -EINVAL);
	it = subscribe(a, "d");
	ck_rc(zipc_stream_derive(&d, segment, "d", "map(x)", a), -EEXIST);
	ck_message("has a subscription");
	zipc_stream_unsubscribe(it);
	ck_rc(zipc_stream_derive(&d, segment, "d", "map(x)", a), 0);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(the_source_waits_for_drivers)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL), *other;
	int64_t i;

	emit_all(a, 1, 8);
	ck_rc(emit(a, 9), -EAGAIN);
	ck_assert_int_eq(drive(d), 8);
	emit_all(a, 9, 16);
	ck_rc(emit(a, 17), -EAGAIN);
	ck_assert_int_eq(drive(d), 8);
	for (i = 1; i <= 16; i++)
		ck_assert_int_eq(next(it), i);
	/* Nobody else can have its subscription, or end it. */
	ck_rc(zipc_stream_subscribe(&other, a, "d", ZIPC_STREAM_OLDEST),
	      -EBUSY);
	ck_message("is the derived stream's");
	ck_rc(zipc_stream_forget(a, "d"), -EBUSY);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(removed_it_holds_nobody_back)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it;

	emit_all(a, 1, 8);
	ck_rc(emit(a, 9), -EAGAIN);
	zipc_stream_close(d);
	ck_rc(zipc_segment_remove(segment, "d"), 0);
	emit_all(a, 9, 20);
	it = subscribe(a, "d");
	zipc_stream_unsubscribe(it);
	/* Another one of that name begins anew. */
	d = derive("d", "map(x)", a);
	emit_all(a, 21, 28);
	ck_rc(emit(a, 29), -EAGAIN);
	ck_assert_int_eq(drive(d), 8);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(slow_subscribers_hold_its_drivers_back)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_derive_options options = { .capacity = 8 };
	struct zipc_subscription *it;
	struct zipc_stream *d;
	int64_t i;

	ck_rc(zipc_stream_derive_with(&d, segment, "d", "map(x)", a,
				      &options), 0);
	it = subscribe(d, "slow");
	emit_all(a, 1, 20);
	ck_assert_int_eq(drive(d), 20);
	ck_rc(drive(d), -EAGAIN);
	ck_rc(zipc_stream_drive(d, 1000000), -ETIMEDOUT);
	for (i = 1; i <= 8; i++)
		ck_assert_int_eq(next(it), i);
	ck_rc(next(it), -EAGAIN);
	ck_rc(drive(d), -EAGAIN);
	for (; i <= 16; i++)
		ck_assert_int_eq(next(it), i);
	ck_assert_int_eq(drive(d), 0);
	for (; i <= 20; i++)
		ck_assert_int_eq(next(it), i);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(it_ends_behind_its_source)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 3);
	ck_rc(zipc_stream_end(a), 0);
	ck_assert_int_eq(drive(d), 3);
	ck_rc(drive_all(d), -EPIPE);
	ck_assert_int_eq(zipc_stream_has_ended(d), 1);
	ck_assert_int_eq(next(it), 1);
	ck_assert_int_eq(next(it), 2);
	ck_assert_int_eq(next(it), 3);
	ck_rc(next(it), -EPIPE);
	ck_rc(zipc_stream_drive(d, ZIPC_FOREVER), -EPIPE);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(a_take_ends_it_and_frees_the_source)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "take(3)", a);
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 8);
	ck_rc(emit(a, 9), -EAGAIN);
	ck_rc(drive_all(d), -EPIPE);
	ck_assert_int_eq(next(it), 1);
	ck_assert_int_eq(next(it), 2);
	ck_assert_int_eq(next(it), 3);
	ck_rc(next(it), -EPIPE);
	emit_all(a, 9, 100);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(a_source_that_was_removed_is_told)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);

	emit_all(a, 1, 3);
	ck_assert_int_eq(drive(d), 3);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(drive(d), -ENOENT);
	ck_rc(zipc_stream_drive(d, ZIPC_FOREVER), -ENOENT);
	zipc_stream_close(a);
	zipc_stream_close(d);
	a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	d = open_stream("d");
	ck_rc(drive(d), -ENOENT);
	ck_message("another one has the name");
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(what_a_source_overwrites_is_counted)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_DROP_OLD);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL);
	uint64_t lost;
	int64_t i;

	emit_all(a, 1, 100);
	ck_assert_int_eq(drive(d), 8);
	for (i = 93; i <= 100; i++)
		ck_assert_int_eq(next(it), i);
	lost = zipc_batch_get(d->derived->driver->batch.head.lost[0]);
	ck_assert_uint_eq(lost, 92);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(a_merge_has_all_of_each_in_its_order)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *b = new_stream("b", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "merge(b)", a);
	struct zipc_subscription *it = subscribe(d, NULL);
	int64_t value, last[2] = { 0, 1000 };

	emit_all(a, 1, 20);
	emit_all(b, 1001, 1030);
	ck_rc(zipc_stream_end(b), 0);
	ck_rc(drive_all(d), -EAGAIN);
	emit_all(a, 21, 30);
	ck_rc(zipc_stream_end(a), 0);
	ck_rc(drive_all(d), -EPIPE);
	while ((value = next(it)) >= 0) {
		ck_assert_int_eq(value, last[value > 1000] + 1);
		last[value > 1000]++;
	}
	ck_rc(value, -EPIPE);
	ck_assert_int_eq(last[0], 30);
	ck_assert_int_eq(last[1], 1030);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(b);
	zipc_stream_close(d);
}
END_TEST

START_TEST(a_zip_pairs_its_sources)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *b = new_stream("b", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "zip(b, x * 1000 + y)", a);
	struct zipc_subscription *it = subscribe(d, NULL);
	int64_t i;

	emit_all(a, 1, 20);
	ck_rc(drive_all(d), -EAGAIN);
	ck_rc(next(it), -EAGAIN);
	emit_all(b, 1, 5);
	ck_rc(drive_all(d), -EAGAIN);
	ck_rc(zipc_stream_end(b), 0);
	ck_rc(drive_all(d), -EPIPE);
	for (i = 1; i <= 5; i++)
		ck_assert_int_eq(next(it), i * 1001);
	ck_rc(next(it), -EPIPE);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(b);
	zipc_stream_close(d);
}
END_TEST

START_TEST(drivers_take_turns)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "scan(0, acc + x)", a);
	struct zipc_stream *other = open_stream("d");
	struct zipc_subscription *it = subscribe(d, NULL);
	int64_t i, sum = 0;

	for (i = 1; i <= 100; i++) {
		ck_rc(emit(a, i), 0);
		ck_assert_int_eq(drive(i % 2 ? d : other), 1);
		sum += i;
		ck_assert_int_eq(next(it), sum);
	}
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(other);
	zipc_stream_close(d);
}
END_TEST

static void *drive_to_its_end(void *context)
{
	int64_t *result = context;
	struct zipc_stream *d = open_stream("d");

	do
		*result = zipc_stream_drive(d, ZIPC_FOREVER);
	while (*result >= 0);
	zipc_stream_close(d);
	return NULL;
}

START_TEST(who_waits_is_woken_and_two_drivers_double_nothing)
{
	struct zipc_stream *a = new_stream("a", 256, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, "it");
	pthread_t threads[2];
	int64_t results[2], value;
	int64_t i, k, n = 0;

	for (i = 0; i < 2; i++)
		ck_assert(!pthread_create(&threads[i], NULL, drive_to_its_end,
					  &results[i]));
	for (i = 1; i <= 20000; i += 100) {
		for (k = i; k < i + 100; k++)
			ck_rc(zipc_stream_emit(a, &k, ZIPC_FOREVER), 0);
		while (n < i + 99) {
			ck_rc(zipc_stream_next(it, &value, ZIPC_FOREVER), 0);
			ck_assert_int_eq(value, ++n);
		}
	}
	ck_rc(zipc_stream_end(a), 0);
	ck_rc(zipc_stream_next(it, &value, ZIPC_FOREVER), -EPIPE);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		ck_rc(results[i], -EPIPE);
	}
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

static Suite *derive_suite(void)
{
	Suite *suite = suite_create("derive");
	TCase *tc = test_case(suite, "plain", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, results_come_out_once_and_in_order);
	tcase_add_test(tc, it_says_what_it_is_and_takes_no_elements);
	tcase_add_test(tc, what_can_not_be_derived_is_refused);
	tcase_add_test(tc, the_source_waits_for_drivers);
	tcase_add_test(tc, removed_it_holds_nobody_back);
	tcase_add_test(tc, slow_subscribers_hold_its_drivers_back);
	tcase_add_test(tc, it_ends_behind_its_source);
	tcase_add_test(tc, a_take_ends_it_and_frees_the_source);
	tcase_add_test(tc, a_source_that_was_removed_is_told);
	tcase_add_test(tc, what_a_source_overwrites_is_counted);
	tcase_add_test(tc, a_merge_has_all_of_each_in_its_order);
	tcase_add_test(tc, a_zip_pairs_its_sources);
	tcase_add_test(tc, drivers_take_turns);
	tc = test_case(suite, "wait", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, who_waits_is_woken_and_two_drivers_double_nothing);
	return suite;
}

TEST_MAIN(derive_suite)
