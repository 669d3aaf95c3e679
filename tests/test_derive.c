/* SPDX-License-Identifier: MIT */
/* Promises of derived streams, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"

#include "../libzeroipc/drive.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

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

/* Up to its commit, and perhaps through it. */
static void go_to(struct zipc_stream *d, bool commits)
{
	ck_rc(zipc_driver_begin(d), 0);
	ck_rc(zipc_driver_load(d), 0);
	ck_assert_int_ge(zipc_driver_make(d), 0);
	if (commits)
		ck_assert(zipc_driver_commit(d));
}

/* As if it had the lease, whatever others think of it. */
static void lead(struct zipc_stream *d)
{
	uint64_t place = (uint64_t)(d->places.mine - d->places.writers);

	atomic_store_explicit(&d->derived->words->lease,
			      d->derived->driver->epoch << 16 | (place + 1),
			      memory_order_relaxed);
	ck_assert(zipc_driver_leads(d));
}

static void in_child(void *(*act)(void *), void *context)
{
	pid_t child = fork();
	int status;

	if (!child) {
		act(context);
		_exit(0);
	}
	waitpid(child, &status, 0);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
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

START_TEST(what_a_driver_takes_is_told_before)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_derive_options options = { .batch = 64 };
	struct zipc_stream *few, *many;
	int64_t bytes;

	ck_rc(zipc_stream_derive_with(&few, segment, "few", "map(x + 1)", a,
				      &options), 0);
	options.batch = 4096;
	ck_rc(zipc_stream_derive_with(&many, segment, "many", "map(x + 1)", a,
				      &options), 0);
	ck_rc(zipc_stream_drive_bytes(a), -EINVAL);
	bytes = zipc_stream_drive_bytes(few);
	ck_assert_int_gt(bytes, 2 * 64 * 8);
	ck_assert_int_ge(zipc_stream_drive_bytes(many),
			 bytes + 2 * (4096 - 64) * 8);
	emit_all(a, 1, 10);
	ck_assert_int_eq(drive(few), 10);
	ck_assert_int_eq(drive(many), 10);
	zipc_stream_close(many);
	/* Of what is not there nothing is read. */
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_assert_int_lt(zipc_stream_drive_bytes(few), bytes);
	ck_rc(zipc_stream_drive(few, ZIPC_NOWAIT), -ENOENT);
	zipc_stream_close(few);
	zipc_stream_close(a);
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

START_TEST(who_ends_it_frees_the_source)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_stream *driven = open_stream("d");

	ck_rc(drive(driven), -EAGAIN);
	emit_all(a, 1, 8);
	ck_rc(emit(a, 9), -EAGAIN);
	ck_rc(zipc_stream_end(d), 0);
	emit_all(a, 9, 100);
	ck_rc(drive(driven), -EPIPE);
	ck_rc(drive(d), -EPIPE);
	ck_assert_uint_eq(zipc_stream_emitted(d), 0);
	zipc_stream_close(driven);
	zipc_stream_close(d);
	/* Ended already, with nothing to do. */
	d = derive("e", "map(x)", a);
	ck_rc(zipc_stream_end(d), 0);
	ck_rc(drive(d), -EPIPE);
	zipc_stream_close(d);
	zipc_stream_close(a);
}
END_TEST

static void *end_and_die(void *context)
{
	struct zipc_stream *d = context;

	ck_rc(zipc_stream_enter(&d->shape), 0);
	zipc_places_shut(&d->places);
	return NULL;
}

START_TEST(who_dies_while_he_ends_it_leaves_the_source_to_drivers)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);

	emit_all(a, 1, 3);
	ck_assert_int_eq(drive(d), 3);
	emit_all(a, 4, 11);
	in_child(end_and_die, d);
	ck_rc(emit(a, 12), -EAGAIN);
	ck_rc(drive_all(d), -EPIPE);
	emit_all(a, 12, 100);
	zipc_stream_close(d);
	zipc_stream_close(a);
}
END_TEST

/* Who is told of the end inside a wait still has the source's words there. */
START_TEST(sources_are_closed_when_nobody_waits_for_them)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "take(3)", a);
	const struct zipc_driver *driver;

	emit_all(a, 1, 8);
	ck_rc(drive_all(d), -EPIPE);
	driver = d->derived->driver;
	ck_assert_ptr_null(driver->source[0].stream);
	zipc_stream_close(d);
	d = derive("other", "take(3)", a);
	emit_all(a, 9, 10);
	ck_assert_int_eq(drive(d), 2);
	driver = d->derived->driver;
	zipc_driver_free_sources(d);
	ck_assert_ptr_nonnull(driver->source[0].stream);
	emit_all(a, 11, 30);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(a_source_that_was_removed_is_told)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it;

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
	ck_message("`a`, which was removed before its end was read");
	ck_message("end `d`, or remove it");
	/* What was made stays. */
	it = subscribe(d, NULL);
	ck_assert_int_eq(next(it), 1);
	ck_rc(zipc_stream_end(d), 0);
	ck_assert_int_eq(next(it), 2);
	ck_assert_int_eq(next(it), 3);
	ck_rc(next(it), -EPIPE);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

static bool knows_the_end(const struct zipc_stream *d)
{
	return zipc_batch_get(d->derived->driver->batch.head.ended) != 0;
}

START_TEST(what_is_left_of_sources_that_ended_comes_without_them)
{
	struct zipc_stream *a = new_stream("a", 256, ZIPC_STREAM_BLOCK);
	struct zipc_derive_options options = { .batch = 64 };
	struct zipc_stream *d;

	ck_rc(zipc_stream_derive_with(
		      &d, segment, "sums",
		      "window(64ns, every 1ns, sum(x), by x)", a, &options), 0);
	emit_all(a, 1, 200);
	ck_rc(zipc_stream_end(a), 0);
	ck_rc(zipc_driver_begin(d), 0);
	do {
		lead(d);
		ck_rc(zipc_driver_load(d), 0);
		ck_assert_int_ge(zipc_driver_emit(d), 0);
		ck_assert_int_ge(zipc_driver_make(d), 0);
		ck_assert(zipc_driver_commit(d));
	} while (!knows_the_end(d));
	ck_assert_uint_lt(zipc_stream_emitted(d), 263);
	zipc_stream_close(d);
	zipc_stream_close(a);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	d = open_stream("sums");
	ck_rc(drive_all(d), -EPIPE);
	ck_assert_uint_eq(zipc_stream_emitted(d), 263);
	ck_assert_int_eq(zipc_stream_has_ended(d), 1);
	zipc_stream_close(d);
}
END_TEST

START_TEST(a_merge_goes_on_without_the_source_that_ended)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *b = new_stream("b", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "merge(b)", a);

	emit_all(a, 1, 3);
	ck_rc(zipc_stream_end(a), 0);
	ck_rc(drive_all(d), -EAGAIN);
	zipc_stream_close(d);
	zipc_stream_close(a);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	d = open_stream("d");
	emit_all(b, 1, 3);
	ck_assert_int_eq(drive(d), 3);
	ck_rc(zipc_stream_drive(d, 1000000), -ETIMEDOUT);
	ck_rc(zipc_stream_end(b), 0);
	ck_rc(drive_all(d), -EPIPE);
	ck_assert_uint_eq(zipc_stream_emitted(d), 6);
	zipc_stream_close(d);
	zipc_stream_close(b);
}
END_TEST

START_TEST(a_source_that_ended_and_was_removed_is_read_by_who_has_it)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);

	ck_rc(drive(d), -EAGAIN);
	emit_all(a, 1, 3);
	ck_rc(zipc_stream_end(a), 0);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	zipc_stream_close(a);
	ck_rc(drive_all(d), -EPIPE);
	ck_assert_uint_eq(zipc_stream_emitted(d), 3);
	zipc_stream_close(d);
}
END_TEST

START_TEST(a_damaged_position_lets_no_element_of_the_source_go)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_driver *driver;

	emit_all(a, 1, 3);
	go_to(d, false);
	driver = d->derived->driver;
	atomic_store_explicit(&driver->next.head.position[0], 1000,
			      memory_order_relaxed);
	ck_assert(zipc_driver_commit(d));
	ck_rc(drive(d), -EBADMSG);
	ck_message("beyond the elements of a source");
	emit_all(a, 4, 8);
	ck_rc(emit(a, 9), -EAGAIN);
	zipc_stream_close(d);
	d = open_stream("d");
	ck_rc(drive(d), -EBADMSG);
	ck_rc(emit(a, 9), -EAGAIN);
	zipc_stream_close(d);
	zipc_stream_close(a);
}
END_TEST

START_TEST(a_batch_that_takes_an_end_back_is_damage)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *b = new_stream("b", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "merge(b)", a), *other;
	struct zipc_driver *driver;

	ck_rc(zipc_stream_end(a), 0);
	ck_rc(drive_all(d), -EAGAIN);
	other = open_stream("d");
	ck_rc(drive_all(other), -EAGAIN);
	ck_rc(emit(b, 1), 0);
	go_to(d, false);
	driver = d->derived->driver;
	atomic_store_explicit(&driver->next.head.ended, 0,
			      memory_order_relaxed);
	ck_assert(zipc_driver_commit(d));
	ck_rc(zipc_stream_drive(other, 1000000), -EBADMSG);
	ck_message("a source that had ended goes on");
	zipc_stream_close(other);
	zipc_stream_close(d);
	zipc_stream_close(b);
	zipc_stream_close(a);
}
END_TEST

START_TEST(what_a_source_overwrites_is_counted)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_DROP_OLD);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL);
	struct zipc_view_subscription seen;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	uint64_t lost;
	int64_t i;

	emit_all(a, 1, 100);
	ck_assert_int_eq(drive(d), 8);
	for (i = 93; i <= 100; i++)
		ck_assert_int_eq(next(it), i);
	lost = zipc_batch_get(d->derived->driver->batch.head.lost[0]);
	ck_assert_uint_eq(lost, 92);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "a", &entry), 0);
	ck_rc(zipc_view_subscription(view, &entry, 0, &seen), 0);
	ck_assert_int_eq(seen.of_derived, 1);
	ck_assert_uint_eq(seen.lost, 92);
	zipc_view_close(view);
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

START_TEST(a_zip_ends_with_the_first_of_its_sources)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *b = new_stream("b", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *it = derive("sums", "zip(b, x + y)", a);

	emit_all(a, 1, 5);
	emit_all(b, 1, 5);
	ck_rc((int)drive_all(it), -EAGAIN);
	ck_rc(zipc_stream_end(b), 0);
	ck_rc((int)drive_all(it), -EPIPE);
	ck_assert_uint_eq(zipc_stream_emitted(it), 5);
	zipc_stream_close(it);
	zipc_stream_close(b);
	zipc_stream_close(a);
}
END_TEST

/* The last element and the end cause more results than fit into a batch. */
START_TEST(results_that_wait_for_room_come_out_behind_the_end)
{
	struct zipc_stream *a = new_stream("a", 256, ZIPC_STREAM_BLOCK);
	struct zipc_derive_options options = { .batch = 64 };
	struct zipc_stream *it;

	ck_rc(zipc_stream_derive_with(
		      &it, segment, "sums",
		      "window(64ns, every 1ns, sum(x), by x)", a, &options), 0);
	emit_all(a, 1, 200);
	ck_rc(zipc_stream_end(a), 0);
	ck_rc((int)drive_all(it), -EPIPE);
	ck_assert_uint_eq(zipc_stream_emitted(it), 263);
	zipc_stream_close(it);
	zipc_stream_close(a);
}
END_TEST

START_TEST(nothing_is_derived_from_what_was_removed)
{
	struct zipc_stream *old = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *new, *it;

	ck_rc(zipc_segment_remove(segment, "a"), 0);
	new = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	ck_rc(zipc_stream_derive(&it, segment, "d", "map(x)", old), -ENOENT);
	ck_rc(zipc_stream_derive(&it, segment, "d", "map(x)", new), 0);
	zipc_stream_close(it);
	zipc_stream_close(new);
	zipc_stream_close(old);
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

/* without end */

START_TEST(what_is_without_end_is_made_by_who_reads)
{
	struct zipc_stream *r = derive("r", "range(0) | map(x * x)", NULL);
	struct zipc_stream *d = derive("d", "filter(x % 2 == 0)", r);
	struct zipc_subscription *a = subscribe(d, NULL);
	struct zipc_subscription *b = subscribe(r, NULL);
	int64_t i;

	for (i = 0; i < 3000; i++)
		ck_assert_int_eq(next(a), 4 * i * i);
	ck_assert_uint_eq(zipc_stream_lost(a), 0);
	/* It was lapped meanwhile, as nobody waits for it. */
	ck_assert_int_ge(next(b), 0);
	ck_assert_uint_gt(zipc_stream_lost(b), 0);
	zipc_stream_leave(a);
	zipc_stream_leave(b);
	zipc_stream_close(d);
	zipc_stream_close(r);
}
END_TEST

/* Each call is in those of all that are made of it. */
START_TEST(what_is_made_over_too_many_steps_is_refused)
{
	struct zipc_derive_options options = { .batch = 64 };
	struct zipc_subscription *it;
	struct zipc_stream *d[20];
	int64_t value;
	char name[8];
	unsigned i;

	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		ck_rc(zipc_stream_derive_with(&d[i], segment, name,
					      i ? "map(x + 1)" : "range(0, 9)",
					      i ? d[i - 1] : NULL, &options),
		      0);
	}
	ck_assert_int_gt(zipc_stream_drive_bytes(d[15]),
			 10 * zipc_stream_drive_bytes(d[0]));
	ck_rc(zipc_stream_drive_bytes(d[19]), -ELOOP);
	ck_rc(zipc_stream_subscribe(&it, d[19], NULL, ZIPC_STREAM_OLDEST), 0);
	ck_rc(zipc_stream_next(it, &value, ZIPC_NOWAIT), -ELOOP);
	ck_message("drive one in the middle");
	zipc_stream_leave(it);
	ck_rc(zipc_stream_subscribe(&it, d[15], NULL, ZIPC_STREAM_OLDEST), 0);
	ck_rc(zipc_stream_next(it, &value, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(value, 15);
	zipc_stream_leave(it);
	for (i = 0; i < 20; i++)
		zipc_stream_close(d[i]);
}
END_TEST

START_TEST(a_range_ends_for_who_reads_it)
{
	struct zipc_stream *r = derive("r", "range(0, 5)", NULL);
	struct zipc_subscription *it = subscribe(r, NULL);
	int64_t i;

	for (i = 0; i < 5; i++)
		ck_assert_int_eq(next(it), i);
	ck_rc(next(it), -EPIPE);
	zipc_stream_leave(it);
	zipc_stream_close(r);
}
END_TEST

START_TEST(what_is_always_left_out_comes_to_an_end)
{
	struct zipc_stream *r = derive("r", "range(0) | filter(x < 0)", NULL);
	struct zipc_stream *s = derive("s", "range(0) | filter(x > 300000)",
				       NULL);
	struct zipc_subscription *it = subscribe(r, NULL);
	struct zipc_subscription *other = subscribe(s, NULL);

	ck_rc(next(it), -EAGAIN);
	ck_assert_int_eq(next(other), 300001);
	zipc_stream_leave(it);
	zipc_stream_leave(other);
	zipc_stream_close(r);
	zipc_stream_close(s);
}
END_TEST

START_TEST(a_tick_waits_for_its_time)
{
	struct zipc_stream *r = derive("r", "tick(5ms)", NULL);
	struct zipc_subscription *it = subscribe(r, NULL);
	int64_t value, last, i;

	ck_rc(zipc_stream_next(it, &last, ZIPC_FOREVER), 0);
	for (i = 0; i < 5; i++, last = value) {
		ck_rc(zipc_stream_next(it, &value, ZIPC_FOREVER), 0);
		ck_assert_int_gt(value, last);
	}
	zipc_stream_leave(it);
	zipc_stream_close(r);
}
END_TEST

/* Also if the select is to read nothing: then the caller does. */
START_TEST(a_select_makes_what_is_on_demand)
{
	struct zipc_stream *r = derive("r", "range(0, 300)", NULL);
	struct zipc_stream *d = derive("d", "filter(x % 2 == 0)", r);
	struct zipc_subscription *it = subscribe(d, NULL);
	int64_t value = 0, i;
	struct zipc_case one = { ZIPC_WAIT, it, _i ? &value : NULL, 0 };

	for (i = 0; i < 300; i += 2) {
		ck_rc(zipc_select(&one, 1, i % 4 ? ZIPC_FOREVER : ZIPC_NOWAIT),
		      0);
		ck_rc(one.result, 0);
		if (!_i)
			value = next(it);
		ck_assert_int_eq(value, i);
	}
	ck_rc(zipc_select(&one, 1, ZIPC_FOREVER), 0);
	ck_rc(one.result, -EPIPE);
	zipc_stream_leave(it);
	zipc_stream_close(d);
	zipc_stream_close(r);
}
END_TEST

START_TEST(a_select_waits_for_the_time_of_a_tick)
{
	struct zipc_stream *r = derive("r", "tick(5ms)", NULL);
	struct zipc_stream *never = new_stream("never", 8, ZIPC_STREAM_BLOCK);
	struct zipc_subscription *it = subscribe(r, NULL);
	struct zipc_subscription *other = subscribe(never, NULL);
	int64_t value, last = -1, i;
	struct zipc_case cases[] = { { ZIPC_WAIT, other, &value, 0 },
				     { ZIPC_WAIT, it, &value, 0 } };

	for (i = 0; i < 5; i++, last = value) {
		ck_rc(zipc_select(cases, 2, ZIPC_FOREVER), 1);
		ck_rc(cases[1].result, 0);
		ck_assert_int_gt(value, last);
	}
	zipc_stream_leave(other);
	zipc_stream_leave(it);
	zipc_stream_close(never);
	zipc_stream_close(r);
}
END_TEST

/* By its descriptor, which may be readable for nothing at times. */
static int64_t next_by(struct zipc_wait_set *set, struct zipc_case *one,
		       const int64_t *value)
{
	struct pollfd poll_for = { .fd = zipc_wait_set_fd(set),
				   .events = POLLIN };
	int rc;

	do {
		ck_assert_int_eq(poll(&poll_for, 1, -1), 1);
		rc = zipc_wait_set_wait(set, ZIPC_NOWAIT);
	} while (rc == -EAGAIN);
	ck_rc(rc, 0);
	return one->result ? one->result : *value;
}

START_TEST(the_descriptor_of_a_wait_set_tells_of_what_is_on_demand)
{
	struct zipc_stream *r = derive("r", _i ? "tick(5ms) | map(0) | take(3)"
					       : "repeat(0) | take(3)", NULL);
	struct zipc_subscription *it = subscribe(r, NULL);
	struct zipc_wait_set *set;
	int64_t value = -1, i;
	struct zipc_case one = { ZIPC_WAIT, it, &value, 0 };

	ck_rc(zipc_wait_set_open(&set, &one, 1), 0);
	for (i = 0; i < 3; i++, value = -1)
		ck_assert_int_eq(next_by(set, &one, &value), 0);
	ck_rc(next_by(set, &one, &value), -EPIPE);
	zipc_wait_set_close(set);
	zipc_stream_leave(it);
	zipc_stream_close(r);
}
END_TEST

START_TEST(a_select_drives_nothing_but_what_is_on_demand)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL);
	int64_t value;
	struct zipc_case one = { ZIPC_WAIT, it, &value, 0 };

	emit_all(a, 1, 1);
	ck_rc(zipc_select(&one, 1, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_stream_next(it, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(drive(d), 1);
	ck_rc(zipc_select(&one, 1, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(value, 1);
	zipc_stream_leave(it);
	zipc_stream_close(d);
	zipc_stream_close(a);
}
END_TEST

/* what drivers leave that die or stop */

static void ends_with(struct zipc_subscription *it, int64_t from, int64_t to)
{
	for (; from <= to; from++)
		ck_assert_int_eq(next(it), from);
	ck_rc(next(it), -EAGAIN);
}

static void *commit_and_die(void *context)
{
	go_to(context, true);
	return NULL;
}

START_TEST(what_was_committed_is_emitted_by_the_next)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 20);
	in_child(commit_and_die, d);
	ck_rc(next(it), -EAGAIN);
	ck_assert_int_eq(drive(d), 0);
	ends_with(it, 1, 20);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

/* Two of its results are out. */
static void *emit_two_and_die(void *context)
{
	struct zipc_stream *d = context;
	struct zipc_said said = { .number = 1 };
	struct zipc_driver *driver;

	go_to(d, true);
	driver = d->derived->driver;
	ck_rc(zipc_stream_emit_at(d, zipc_batch_results(driver,
							&driver->batch),
				  2, 1, &said), 2);
	return NULL;
}

START_TEST(what_is_out_is_not_emitted_again)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 20);
	in_child(emit_two_and_die, d);
	ck_assert_int_eq(drive(d), 0);
	ends_with(it, 1, 20);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

START_TEST(who_comes_late_commits_nothing)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_stream *late = open_stream("d"), *third = open_stream("d");
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 5);
	go_to(late, false);
	ck_assert_int_eq(drive(d), 5);
	emit_all(a, 6, 9);
	ck_assert_int_eq(drive(d), 4);
	emit_all(a, 10, 11);
	ck_assert_int_eq(drive(d), 2);
	ck_assert(!zipc_driver_commit(late));
	/* It has written, but into its own buffer. */
	ck_rc(zipc_driver_begin(third), 0);
	ck_rc(zipc_driver_load(third), 0);
	ck_assert_int_eq(*(int64_t *)(void *)zipc_batch_results(
				 third->derived->driver,
				 &third->derived->driver->batch), 10);
	ck_rc(drive(late), -EAGAIN);
	ends_with(it, 1, 11);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(late);
	zipc_stream_close(third);
	zipc_stream_close(d);
}
END_TEST

START_TEST(who_has_looked_and_comes_late_emits_nothing)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_stream *late = open_stream("d");
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 5);
	ck_assert_int_eq(drive(late), 5);
	emit_all(a, 6, 9);
	go_to(late, true);
	ck_assert_int_eq(drive(d), 0);
	lead(late);
	ck_rc(zipc_driver_emit(late), 0);
	ends_with(it, 1, 9);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(late);
	zipc_stream_close(d);
}
END_TEST

START_TEST(sources_are_held_until_the_commit)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_stream *late = open_stream("d");
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 8);
	go_to(late, false);
	ck_rc(emit(a, 9), -EAGAIN);
	ck_assert(zipc_driver_commit(late));
	ck_rc(emit(a, 9), -EAGAIN);
	ck_assert_int_eq(drive(d), 0);
	emit_all(a, 9, 16);
	ends_with(it, 1, 8);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(late);
	zipc_stream_close(d);
}
END_TEST

static void *lead_and_die(void *context)
{
	ck_rc(zipc_driver_begin(context), 0);
	lead(context);
	return NULL;
}

START_TEST(who_leads_is_left_alone_until_it_dies_or_stands_still)
{
	struct zipc_stream *a = new_stream("a", 8, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_stream *leader = open_stream("d");

	ck_rc(zipc_driver_begin(leader), 0);
	lead(leader);
	ck_rc(emit(a, 1), 0);
	ck_rc(drive(d), -EBUSY);
	ck_message("another drives");
	ck_rc(drive(d), -EBUSY);
	ck_rc(zipc_stream_drive(d, 20000000), -EBUSY);
	/* It stands still for a second, and then another takes over. */
	ck_assert_int_eq(zipc_stream_drive(d, ZIPC_FOREVER), 1);
	ck_assert(!zipc_driver_leads(leader));
	ck_rc(emit(a, 2), 0);
	in_child(lead_and_die, leader);
	ck_assert_int_eq(drive(d), 1);
	zipc_stream_close(a);
	zipc_stream_close(leader);
	zipc_stream_close(d);
}
END_TEST

/* Claims the next position, as if to go on behind n results, and dies. */
static void *claim_and_die(void *context)
{
	struct zipc_stream *d = context;
	uint64_t T;

	ck_rc(zipc_driver_begin(d), 0);
	ck_rc(zipc_stream_decide_all(d, &T), 0);
	ck_rc(zipc_stream_allow(d, T), 0);
	ck_assert(zipc_places_claim(d->places.ring, d->places.mine, &T, 1));
	return NULL;
}

START_TEST(holes_in_all_slots_hide_no_result)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_derive_options options = { .capacity = 4 };
	struct zipc_subscription *it;
	struct zipc_stream *d;
	unsigned i;

	ck_rc(zipc_stream_derive_with(&d, segment, "d", "map(x)", a,
				      &options), 0);
	it = subscribe(d, NULL);
	emit_all(a, 1, 3);
	ck_assert_int_eq(drive(d), 3);
	ends_with(it, 1, 3);
	emit_all(a, 4, 5);
	/* Each of these has looked, and said so. */
	atomic_store_explicit(&d->derived->words->emitted, 3,
			      memory_order_relaxed);
	for (i = 0; i < 12; i++)
		in_child(claim_and_die, d);
	ck_assert_int_eq(drive(d), 2);
	ends_with(it, 4, 5);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

static void *drive_ten(void *context)
{
	ck_assert_int_eq(drive(context), 10);
	return NULL;
}

START_TEST(a_forked_child_drives_as_itself)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "scan(0, acc + 1)", a);
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 3);
	ck_assert_int_eq(drive(d), 3);
	emit_all(a, 4, 13);
	in_child(drive_ten, d);
	emit_all(a, 14, 15);
	ck_assert_int_eq(drive(d), 2);
	ends_with(it, 1, 15);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

static void *commit_in_vain(void *context)
{
	ck_assert(!zipc_driver_commit(context));
	return NULL;
}

START_TEST(a_child_writes_no_buffer_of_its_parent)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_subscription *it = subscribe(d, NULL);

	emit_all(a, 1, 3);
	go_to(d, false);
	in_child(commit_in_vain, d);
	ck_assert(zipc_driver_commit(d));
	emit_all(a, 4, 13);
	in_child(drive_ten, d);
	ends_with(it, 1, 13);
	zipc_stream_leave(it);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

static void *drive_ten_and_close(void *context)
{
	drive_ten(context);
	zipc_stream_close(context);
	return NULL;
}

static void *close_it(void *context)
{
	zipc_stream_close(context);
	return NULL;
}

/* Another thread of the parent was driving; here it is between two stores. */
START_TEST(a_child_frees_nothing_that_its_parent_had_in_hand)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_driver *driver;
	unsigned char *content;

	emit_all(a, 1, 3);
	ck_assert_int_eq(drive(d), 3);
	emit_all(a, 4, 13);
	driver = d->derived->driver;
	content = driver->next.content;
	driver->next.content = driver->batch.content;
	atomic_store_explicit(&driver->at_work, true, memory_order_relaxed);
	in_child(drive_ten_and_close, d);
	in_child(close_it, d);
	driver->next.content = content;
	atomic_store_explicit(&driver->at_work, false, memory_order_relaxed);
	ck_assert_uint_eq(zipc_stream_emitted(d), 13);
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

/* damage */

START_TEST(damage_is_told_and_comes_to_an_end)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a), *again;
	uint64_t *words = (void *)d->derived->words, *batch;
	uint64_t size = sizeof(struct zipc_derivation) / 8, was, i, k;
	int64_t rc;

	batch = (void *)(d->derived->body + d->derived->copy.buffers_offset);
	emit_all(a, 1, 3);
	for (i = 0; i < 2 * size; i++) {
		uint64_t *word = i < size ? words + i : batch + i - size;

		for (was = *word, k = 0; k < 64; k += 3) {
			*word = was ^ UINT64_C(1) << k;
			if (!zipc_stream_open(&again, segment, "d", NULL)) {
				rc = drive(again);
				ck_assert_msg(rc >= 0 || rc == -EAGAIN ||
						      rc == -EBADMSG ||
						      rc == -EPIPE ||
						      rc == -ENOENT ||
						      rc == -EPROTONOSUPPORT ||
						      rc == -EBUSY,
					      "word %d, bit %d: %s: %s",
					      (int)i, (int)k, rc_name(rc),
					      zipc_last_error());
				zipc_stream_close(again);
			}
			*word = was;
		}
	}
	zipc_stream_close(a);
	zipc_stream_close(d);
}
END_TEST

/* A word that drivers look at until it stands still. */
struct attack {
	_Atomic uint64_t *word;
	atomic_bool ends;
};

static void *change_all_the_time(void *context)
{
	struct attack *it = context;
	uint64_t was = atomic_load_explicit(it->word, memory_order_relaxed), i;

	for (i = 0; !atomic_load_explicit(&it->ends, memory_order_relaxed); i++)
		atomic_store_explicit(it->word, was + i % 4 * 256,
				      memory_order_relaxed);
	atomic_store_explicit(it->word, was, memory_order_relaxed);
	return NULL;
}

static void drive_under_attack(struct zipc_stream *d, struct zipc_stream *a,
			       _Atomic uint64_t *word)
{
	struct attack attack = { .word = word, .ends = false };
	pthread_t thread;
	int i;

	ck_assert(!pthread_create(&thread, NULL, change_all_the_time, &attack));
	for (i = 0; i < 2000; i++) {
		(void)emit(a, i);
		(void)zipc_stream_drive(d, i % 100 ? ZIPC_NOWAIT : 100000);
	}
	atomic_store_explicit(&attack.ends, true, memory_order_relaxed);
	pthread_join(thread, NULL);
}

/* What comes of it is not told, but that each call comes to its end. */
START_TEST(a_word_that_never_stands_still_holds_up_no_call)
{
	struct zipc_stream *a = new_stream("a", 64, ZIPC_STREAM_BLOCK);
	struct zipc_stream *d = derive("d", "map(x)", a);
	struct zipc_derivation *words = d->derived->words;
	_Atomic uint64_t *word[] = {
		&words->lease, &words->emitted, &words->current,
		&d->places.ring->tail, &d->places.ring->head,
		&d->places.ring->verdict,
		&a->shape.records[0].position, &a->shape.records[0].holder,
	};
	size_t i;

	emit_all(a, 1, 3);
	ck_assert_int_eq(drive(d), 3);
	for (i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		drive_under_attack(d, a, word[i]);
	zipc_stream_close(d);
	zipc_stream_close(a);
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

static void crashes_and_damage(Suite *suite)
{
	TCase *tc = test_case(suite, "crash", "fast", 120);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_was_committed_is_emitted_by_the_next);
	tcase_add_test(tc, what_is_out_is_not_emitted_again);
	tcase_add_test(tc, who_comes_late_commits_nothing);
	tcase_add_test(tc, who_has_looked_and_comes_late_emits_nothing);
	tcase_add_test(tc, sources_are_held_until_the_commit);
	tcase_add_test(tc, who_leads_is_left_alone_until_it_dies_or_stands_still);
	tcase_add_test(tc, holes_in_all_slots_hide_no_result);
	tcase_add_test(tc, a_forked_child_drives_as_itself);
	tcase_add_test(tc, a_child_writes_no_buffer_of_its_parent);
	tcase_add_test(tc, a_child_frees_nothing_that_its_parent_had_in_hand);
	tc = test_case(suite, "damage", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, damage_is_told_and_comes_to_an_end);
	tcase_add_test(tc, a_damaged_position_lets_no_element_of_the_source_go);
	tcase_add_test(tc, a_batch_that_takes_an_end_back_is_damage);
	tcase_add_test(tc, a_word_that_never_stands_still_holds_up_no_call);
	tc = test_case(suite, "wait", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, who_waits_is_woken_and_two_drivers_double_nothing);
}

static void on_demand(Suite *suite)
{
	TCase *tc = test_case(suite, "on demand", "fast", 120);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_is_without_end_is_made_by_who_reads);
	tcase_add_test(tc, what_is_made_over_too_many_steps_is_refused);
	tcase_add_test(tc, a_range_ends_for_who_reads_it);
	tcase_add_test(tc, what_is_always_left_out_comes_to_an_end);
	tcase_add_test(tc, a_tick_waits_for_its_time);
	tcase_add_loop_test(tc, a_select_makes_what_is_on_demand, 0, 2);
	tcase_add_test(tc, a_select_waits_for_the_time_of_a_tick);
	tcase_add_loop_test(tc,
			    the_descriptor_of_a_wait_set_tells_of_what_is_on_demand,
			    0, 2);
	tcase_add_test(tc, a_select_drives_nothing_but_what_is_on_demand);
}

static Suite *derive_suite(void)
{
	Suite *suite = suite_create("derive");
	TCase *tc = test_case(suite, "plain", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, results_come_out_once_and_in_order);
	tcase_add_test(tc, it_says_what_it_is_and_takes_no_elements);
	tcase_add_test(tc, what_a_driver_takes_is_told_before);
	tcase_add_test(tc, what_can_not_be_derived_is_refused);
	tcase_add_test(tc, the_source_waits_for_drivers);
	tcase_add_test(tc, removed_it_holds_nobody_back);
	tcase_add_test(tc, slow_subscribers_hold_its_drivers_back);
	tcase_add_test(tc, it_ends_behind_its_source);
	tcase_add_test(tc, a_take_ends_it_and_frees_the_source);
	tcase_add_test(tc, who_ends_it_frees_the_source);
	tcase_add_test(tc, who_dies_while_he_ends_it_leaves_the_source_to_drivers);
	tcase_add_test(tc, sources_are_closed_when_nobody_waits_for_them);
	tcase_add_test(tc, a_source_that_was_removed_is_told);
	tcase_add_test(tc, what_is_left_of_sources_that_ended_comes_without_them);
	tcase_add_test(tc, a_merge_goes_on_without_the_source_that_ended);
	tcase_add_test(tc, a_source_that_ended_and_was_removed_is_read_by_who_has_it);
	tcase_add_test(tc, what_a_source_overwrites_is_counted);
	tcase_add_test(tc, a_merge_has_all_of_each_in_its_order);
	tcase_add_test(tc, a_zip_pairs_its_sources);
	tcase_add_test(tc, a_zip_ends_with_the_first_of_its_sources);
	tcase_add_test(tc, results_that_wait_for_room_come_out_behind_the_end);
	tcase_add_test(tc, nothing_is_derived_from_what_was_removed);
	tcase_add_test(tc, drivers_take_turns);
	on_demand(suite);
	crashes_and_damage(suite);
	return suite;
}

TEST_MAIN(derive_suite)
