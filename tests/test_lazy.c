/* SPDX-License-Identifier: MIT */
/* What the lazy promises, one by one, with threads and with processes. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/lazy.h"
#include "../libzeroipc/record.h"
#include "../libzeroipc/table_inside.h"

#include <math.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zipc/inspect_lazy.h>
#include <zipc/inspect_waits.h>

#define MS INT64_C(1000000)
#define LONG (60000 * MS)

static struct zipc_segment *segment;
static struct zipc_future *x;   /* of i64 */
static struct zipc_array *samples; /* of f64, four of them */
static struct zipc_lazy *lazy, *other;

static void set_up(void)
{
	static const double values[] = { 1, 2.5, -4, 8 };
	int i;

	ck_rc(zipc_segment_create(&segment, test_name("lazy"), 8 << 20, NULL),
	      0);
	ck_rc(zipc_future_create(&x, segment, "x", "i64"), 0);
	ck_rc(zipc_array_create(&samples, segment, "samples", "f64", 4), 0);
	for (i = 0; i < 4; i++)
		ck_rc(zipc_array_set(samples, (uint64_t)i, &values[i]), 0);
	ck_rc(zipc_lazy_create(&lazy, segment, "l", NULL, "x * 2 + 1"), 0);
	ck_rc(zipc_lazy_open(&other, segment, "l", "i64"), 0);
}

static void tear_down(void)
{
	zipc_lazy_close(other);
	zipc_lazy_close(lazy);
	zipc_array_close(samples);
	zipc_future_close(x);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static void set_x(int64_t value)
{
	ck_rc(zipc_future_set(x, &value), 0);
}

/* An external one, beside. */
static struct zipc_lazy *external(const char *name)
{
	struct zipc_lazy *it;

	ck_rc(zipc_lazy_create_external(&it, segment, name, "i64"), 0);
	return it;
}

static struct zipc_lazy *open_anew(const char *name)
{
	struct zipc_segment *mine;
	struct zipc_lazy *it;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_lazy_open(&it, mine, name, NULL), 0);
	zipc_segment_close(mine);
	return it;
}

static struct zipc_view_lazy view_of(const char *name)
{
	struct zipc_view_entry entry;
	struct zipc_view_lazy it;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, name, &entry), 0);
	ck_rc(zipc_view_lazy(view, &entry, &it), 0);
	zipc_view_close(view);
	return it;
}

static void has(struct zipc_lazy *it, int64_t want)
{
	int64_t value = 0;

	ck_rc(zipc_lazy_get(it, &value, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(value, want);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_DONE);
}

static void forces(struct zipc_lazy *it, int64_t want)
{
	int64_t value = 0;

	ck_rc(zipc_lazy_force(it, &value, LONG), 0);
	ck_assert_int_eq(value, want);
}

/* What an expression gives, as text. */
static const char *gives(const char *type, const char *expression)
{
	static char text[256];
	unsigned char bytes[256];
	struct zipc_lazy *it;

	ck_rc(zipc_lazy_create(&it, segment, "gives", type, expression), 0);
	ck_rc(zipc_lazy_force(it, bytes, ZIPC_NOWAIT), 0);
	snprintf(text, sizeof(text), "%s ",
		 zipc_type_text(zipc_lazy_type(it)));
	zipc_value_print(zipc_lazy_type(it), bytes, text + strlen(text), 200);
	zipc_lazy_close(it);
	ck_rc(zipc_segment_remove(segment, "gives"), 0);
	return text;
}

static void refused(const char *type, const char *expression, int want,
		    const char *words)
{
	struct zipc_lazy *it = NULL;

	ck_rc(zipc_lazy_create(&it, segment, "no", type, expression), want);
	ck_message(words);
	ck_assert_ptr_null(it);
}

static void fails(const char *expression, int code, const char *words)
{
	char message[200] = "";
	struct zipc_lazy *it;
	int64_t value = 77;
	int is = 0;

	ck_rc(zipc_lazy_create(&it, segment, "fails", "i64", expression), 0);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_NOWAIT), -ECANCELED);
	ck_message(words);
	ck_assert_int_eq(value, 77);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_FAILED);
	ck_rc(zipc_lazy_error(it, &is, message, sizeof(message)), 0);
	ck_assert_int_eq(is, code);
	ck_assert_msg(strstr(message, words), "`%s`", message);
	ck_rc(zipc_lazy_get(it, &value, ZIPC_FOREVER), -ECANCELED);
	zipc_lazy_close(it);
	ck_rc(zipc_segment_remove(segment, "fails"), 0);
}

/* expressions */

START_TEST(names_are_structures_of_the_segment)
{
	struct zipc_map *map;
	struct zipc_array *one;
	struct zipc_lazy *of_record;
	struct { uint64_t ts; float temp[2]; } record = { 7, { 1.5f, 2.5f } };

	set_x(20);
	ck_assert_str_eq(gives(NULL, "x + 1"), "i64 21");
	ck_assert_str_eq(gives("f64", "x / 8"), "f64 2.5");
	ck_assert_str_eq(gives(NULL, "samples[1] * x"), "f64 50");
	ck_assert_str_eq(gives(NULL, "x>3 && samples[ 3 ] == 8.0"),
			 "bool true");
	ck_rc(zipc_map_create(&map, segment, "limits", "bytes:8", "u32", 8), 0);
	ck_rc(zipc_map_put(map, "disk]\0\0", &(uint32_t){ 9 }), 0);
	ck_assert_str_eq(gives(NULL, "limits[\"disk]\"]"), "u32 9");
	zipc_map_close(map);
	ck_rc(zipc_map_create(&map, segment, "by-number", "i32", "f64", 8), 0);
	ck_rc(zipc_map_put(map, &(int32_t){ -3 }, &(double){ 0.5 }), 0);
	ck_assert_str_eq(gives(NULL, "`by-number`[-3] + `by-number`[ -3]"),
			 "f64 1");
	zipc_map_close(map);
	ck_rc(zipc_array_create(&one, segment, "1",
				"{ts:u64, temp:f32[2]}", 1), 0);
	ck_rc(zipc_array_set(one, 0, &record), 0);
	ck_assert_str_eq(gives(NULL, "`1`.temp[1] + `1`[0].temp[0]"), "f64 4");
	ck_assert_str_eq(gives(NULL, "{ts: `1`.ts, x: x > 3 ? x : 0}"),
			 "{ts:u64, x:i64} {\"ts\": 7, \"x\": 20}");
	ck_rc(zipc_lazy_create(&of_record, segment, "whole", NULL, "`1`"), 0);
	ck_assert_str_eq(gives(NULL, "whole.temp[0]"), "f32 1.5");
	zipc_lazy_close(of_record);
	zipc_array_close(one);
}
END_TEST

START_TEST(an_array_is_folded)
{
	struct zipc_array *it;
	struct { int32_t n; bool up; uint64_t large; } element = { -5, 1, 0 };

	ck_assert_str_eq(gives(NULL, "sum(samples)"), "f64 7.5");
	ck_assert_str_eq(gives(NULL, "mean(samples) * 2"), "f64 3.75");
	ck_assert_str_eq(gives(NULL, "max( samples ) - min(samples)"),
			 "f64 12");
	ck_assert_str_eq(gives(NULL, "min(samples[0], samples[2])"), "f64 -4");
	ck_assert_str_eq(gives(NULL, "count(samples)"), "i64 4");
	ck_rc(zipc_array_set(samples, 2, &(double){ NAN }), 0);
	ck_assert_str_eq(gives(NULL, "max(samples)"), "f64 \"nan\"");
	ck_rc(zipc_array_create(&it, segment, "some",
				"{n:i32, up:bool, large:u64}", 3), 0);
	ck_rc(zipc_array_set(it, 0, &element), 0);
	element.n = 7;
	element.large = UINT64_MAX;
	ck_rc(zipc_array_set(it, 2, &element), 0);
	ck_assert_str_eq(gives(NULL, "sum(some.n)"), "i64 2");
	ck_assert_str_eq(gives(NULL, "min(some.n)"), "i32 -5");
	ck_assert_str_eq(gives(NULL, "max(some .n)"), "i32 7");
	ck_assert_str_eq(gives(NULL, "sum(some.up)"), "i64 2");
	ck_assert_str_eq(gives(NULL, "max(some.large)"),
			 "u64 18446744073709551615");
	ck_assert_str_eq(gives(NULL, "min(some.large)"), "u64 0");
	ck_assert_str_eq(gives(NULL, "count(some)"), "i64 3");
	fails("sum(some.large)", -ERANGE, "sum of some");
	zipc_array_close(it);
	ck_rc(zipc_array_create(&it, segment, "big", "i64", 2), 0);
	ck_rc(zipc_array_set(it, 0, &(int64_t){ INT64_MAX }), 0);
	ck_assert_str_eq(gives(NULL, "sum(big)"), "i64 9223372036854775807");
	ck_rc(zipc_array_set(it, 1, &(int64_t){ 1 }), 0);
	fails("sum(big)", -EOVERFLOW, "sum of big");
	zipc_array_close(it);
}
END_TEST

START_TEST(what_is_no_expression_is_refused)
{
	struct zipc_queue *queue;
	struct zipc_array *wide;

	refused(NULL, "x +", -EINVAL, "column 4");
	refused(NULL, "y + 1", -ENOENT, "column 1: no structure `y`");
	refused(NULL, "3 + samples", -EINVAL, "mean()");
	refused(NULL, "samples[4]", -EINVAL, "no such element");
	refused(NULL, "samples[99999999999999999999]", -EINVAL, "too large");
	refused(NULL, "samples[", -EINVAL, "index");
	refused(NULL, "mean(3)", -EINVAL, "folds an array");
	refused(NULL, "sum(x)", -EPROTOTYPE, "future");
	refused(NULL, "sum(samples.a)", -EINVAL, "folds numbers");
	refused(NULL, "no + 1", -ELOOP, "no -> no");
	refused(NULL, "x.a", -EINVAL, "column 2");
	refused("i32", "samples[0]", -EINVAL, "i32");
	refused(NULL, "`x", -EINVAL, "no structure is called");
	refused(NULL, "x `", -EINVAL, "no structure is called");
	refused(NULL, "", -EINVAL, "column 1");
	ck_rc(zipc_queue_create(&queue, segment, "q", "u8", 4), 0);
	refused(NULL, "q", -EINVAL, "a future, lazy, array or map");
	refused("i64", "q + 1", -EINVAL, "a future, lazy, array or map");
	ck_rc(zipc_array_create(&wide, segment, "wide", "u8[4194305]", 1), 0);
	refused(NULL, "wide[0][3]", -EINVAL, "over 4 MiB");
	zipc_array_close(wide);
	zipc_queue_close(queue);
	ck_rc(zipc_lazy_create(&(struct zipc_lazy *){ NULL }, segment, "no",
			       "i64", NULL), -EINVAL);
	ck_rc(zipc_lazy_create_external(&(struct zipc_lazy *){ NULL }, segment,
					"no", NULL), -EINVAL);
	ck_rc(zipc_lazy_create(&(struct zipc_lazy *){ NULL }, segment, "l",
			       NULL, "x"), -EEXIST);
}
END_TEST

START_TEST(a_name_may_be_there_later)
{
	struct zipc_lazy *it, *y;
	int64_t value;

	ck_rc(zipc_lazy_create(&it, segment, "it", "i64", "y + 1"), 0);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_FOREVER), -ENOENT);
	ck_message("`y`");
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	ck_rc(zipc_lazy_create(&y, segment, "y", "f64", "1.5"), 0);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_FOREVER), -EPROTOTYPE);
	zipc_lazy_close(y);
	ck_rc(zipc_segment_remove(segment, "y"), 0);
	ck_rc(zipc_lazy_create(&y, segment, "y", "i64", "41"), 0);
	forces(it, 42);
	zipc_lazy_close(y);
	zipc_lazy_close(it);
}
END_TEST

START_TEST(failures_of_the_arithmetic_stay)
{
	set_x(0);
	fails("1 // x", -EDOM, "by zero");
	fails("9223372036854775807 + count(samples)", -EOVERFLOW,
	      "more than 64 bits, at column 21");
	fails("i64(samples[0] / x)", -ERANGE, "at column");
}
END_TEST

START_TEST(a_failed_input_fails_who_needs_it)
{
	struct zipc_lazy *it = external("e");
	int64_t value;

	ck_rc(zipc_future_fail(x, 5, "the disk is gone"), 0);
	fails("x + 1", 5, "x has failed: the disk is gone");
	fails("l + 1", 5, "l has failed: x has failed: the disk is gone");
	ck_rc(zipc_lazy_get(it, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_lazy_serve(it, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_fail(it, -3, NULL), 0);
	fails("e", -3, "e has failed");
	zipc_lazy_close(it);
}
END_TEST

/* once */

START_TEST(it_is_computed_once_and_stays_so)
{
	int64_t value = 0;

	ck_assert_int_eq(zipc_lazy_state(lazy), ZIPC_LAZY_IDLE);
	ck_assert_str_eq(zipc_lazy_expression(lazy), "x * 2 + 1");
	ck_rc(zipc_lazy_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(zipc_lazy_state(lazy), ZIPC_LAZY_WANTED);
	ck_rc(zipc_lazy_force(lazy, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_lazy_force(lazy, &value, 5 * MS), -ETIMEDOUT);
	ck_rc(zipc_lazy_get(lazy, &value, 5 * MS), -ETIMEDOUT);
	ck_rc(zipc_lazy_error(lazy, NULL, NULL, 0), -EINVAL);
	ck_assert_int_eq(value, 0);
	set_x(20);
	forces(lazy, 41);
	has(other, 41);
	forces(other, 41);
	ck_rc(zipc_lazy_request(other), 0);
	ck_rc(zipc_lazy_force(other, NULL, ZIPC_FOREVER), 0);
	ck_assert_uint_eq(view_of("l").computed, 1);
	zipc_lazy_close(NULL);
}
END_TEST

START_TEST(a_reset_makes_it_new)
{
	struct zipc_lazy *it;
	int64_t value;

	ck_rc(zipc_lazy_create(&it, segment, "it", "f64", "sum(samples)"), 0);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_NOWAIT), 0);
	ck_rc(zipc_array_set(samples, 0, &(double){ 100 }), 0);
	ck_assert_str_eq(gives(NULL, "it"), "f64 7.5");
	ck_rc(zipc_lazy_reset(it), 0);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_IDLE);
	ck_assert_str_eq(gives(NULL, "it"), "f64 106.5");
	ck_assert_uint_eq(view_of("it").computed, 2);
	ck_assert_uint_eq(view_of("it").resets, 1);
	zipc_lazy_close(it);
}
END_TEST

START_TEST(a_failure_is_retried_where_that_is_chosen)
{
	struct zipc_lazy_options options = { .retries = 1 };
	struct zipc_lazy *it;
	struct zipc_array *n;
	int64_t value;

	ck_rc(zipc_array_create(&n, segment, "n", "i64", 1), 0);
	ck_rc(zipc_lazy_create_with(&it, segment, "it", NULL, "10 // n",
				    &options), 0);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_NOWAIT), -ECANCELED);
	ck_rc(zipc_lazy_get(it, &value, ZIPC_FOREVER), -ECANCELED);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_FAILED);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_NOWAIT), -ECANCELED);
	ck_assert_uint_eq(view_of("it").computed, 2);
	ck_rc(zipc_lazy_request(it), 0);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	ck_rc(zipc_array_set(n, 0, &(int64_t){ 2 }), 0);
	forces(it, 5);
	ck_rc(zipc_array_set(n, 0, &(int64_t){ 5 }), 0);
	forces(it, 5);
	zipc_lazy_close(it);
	zipc_array_close(n);
}
END_TEST

START_TEST(it_is_opened_or_created_as_the_same_expression)
{
	struct zipc_lazy *it = NULL;

	ck_rc(zipc_lazy_open_or_create(&it, segment, "l", NULL, "x * 2"),
	      -EPROTOTYPE);
	ck_message("x * 2 + 1");
	ck_rc(zipc_lazy_open_or_create(&it, segment, "l", "i64", "x * 2 + 1"),
	      0);
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_open_or_create(&it, segment, "n", NULL, "x * 3"), 0);
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_open_or_create(&it, segment, "n", NULL, NULL),
	      -EPROTOTYPE);
	ck_rc(zipc_lazy_open_or_create(&it, segment, "e", "u8", NULL), 0);
	ck_assert_ptr_null(zipc_lazy_expression(it));
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_open(&it, segment, "l", "f64"), -EPROTOTYPE);
}
END_TEST

START_TEST(a_stall_is_a_time)
{
	struct zipc_lazy_options options = { .stall_ns = ZIPC_FOREVER };
	struct zipc_lazy *it;

	ck_assert_int_eq(view_of("l").stall_ns, 1000 * MS);
	ck_rc(zipc_lazy_create_with(&it, segment, "a", "u8", NULL, &options),
	      0);
	zipc_lazy_close(it);
	ck_assert_int_eq(view_of("a").stall_ns, ZIPC_FOREVER);
	options.stall_ns = 1;
	ck_rc(zipc_lazy_create_with(&it, segment, "b", "u8", NULL, &options),
	      0);
	zipc_lazy_close(it);
	ck_assert_int_eq(view_of("b").stall_ns, MS);
	options.stall_ns = -2;
	ck_rc(zipc_lazy_create_with(&it, segment, "c", "u8", NULL, &options),
	      -EINVAL);
	options.stall_ns = INT64_MAX;
	ck_rc(zipc_lazy_create_with(&it, segment, "c", "u8", NULL, &options),
	      -EINVAL);
}
END_TEST

START_TEST(who_only_reads_gets_the_value_and_asks_for_nothing)
{
	struct zipc_segment *read_only;
	struct zipc_lazy *it;
	int64_t value;

	ck_rc(zipc_segment_open(&read_only, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_lazy_open(&it, read_only, "l", "i64"), 0);
	ck_rc(zipc_lazy_get(it, &value, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_lazy_request(it), -EROFS);
	ck_rc(zipc_lazy_reset(it), -EROFS);
	ck_rc(zipc_lazy_create(&it, read_only, "n", NULL, "1"), -EROFS);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_IDLE);
	set_x(4);
	forces(lazy, 9);
	has(it, 9);
	forces(it, 9);
	ck_rc(zipc_segment_remove(segment, "l"), 0);
	zipc_lazy_close(lazy);
	zipc_lazy_close(other);
	lazy = other = NULL;
	ck_rc(zipc_lazy_create(&lazy, segment, "l", NULL, "x"), 0);
	ck_rc(zipc_lazy_get(it, &value, ZIPC_NOWAIT), -ENOENT);
	ck_rc(zipc_lazy_state(it), -ENOENT);
	zipc_lazy_close(it);
	zipc_segment_close(read_only);
}
END_TEST

/* circles */

static void make_circle(void)
{
	struct zipc_lazy *it;

	ck_rc(zipc_lazy_create(&it, segment, "a", "i64", "b + 1"), 0);
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_create(&it, segment, "b", NULL, "c + 1"
			       ), -ENOENT);
	ck_rc(zipc_lazy_create(&it, segment, "b", "i64", "1 + c"), 0);
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_create(&it, segment, "c", NULL, "a // 2"), 0);
	zipc_lazy_close(it);
}

START_TEST(a_circle_is_told_by_its_names)
{
	struct zipc_lazy *it;
	int64_t value;

	make_circle();
	ck_rc(zipc_lazy_create(&it, segment, "into", NULL, "c + 1"), 0);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_FOREVER), -ELOOP);
	ck_message("needs itself: c -> a -> b -> c");
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	ck_rc(zipc_lazy_force(it, &value, ZIPC_NOWAIT), -ELOOP);
	zipc_lazy_close(it);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_lazy_create(&it, segment, "a", "i64", "40"), 0);
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_open(&it, segment, "into", NULL), 0);
	forces(it, 21);
	zipc_lazy_close(it);
}
END_TEST

static void force_a_circle(void *name)
{
	struct zipc_lazy *it = open_anew(name);
	int64_t value;
	int i;

	tell_parent();
	await_parent();
	for (i = 0; i < 50; i++)
		ck_rc(zipc_lazy_force(it, &value, LONG), -ELOOP);
	zipc_lazy_close(it);
}

START_TEST(a_circle_begun_at_each_of_its_parts_ends_in_all)
{
	static char names[3][2] = { "a", "b", "c" };
	struct child children[3];
	int i;

	make_circle();
	for (i = 0; i < 3; i++) {
		children[i] = child_start(force_a_circle, names[i]);
		child_hear(&children[i]);
	}
	for (i = 0; i < 3; i++)
		child_say(&children[i]);
	for (i = 0; i < 3; i++)
		child_end(&children[i]);
}
END_TEST

START_TEST(so_deep_and_no_deeper)
{
	char name[16], text[16];
	struct zipc_lazy *it;
	int i;

	for (i = 0; i <= 64; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		snprintf(text, sizeof(text), i ? "d%d + 1" : "1", i - 1);
		ck_rc(zipc_lazy_create(&it, segment, name, NULL, text), 0);
		zipc_lazy_close(it);
	}
	ck_rc(zipc_lazy_open(&it, segment, "d64", NULL), 0);
	ck_rc(zipc_lazy_force(it, NULL, ZIPC_NOWAIT), -ELOOP);
	ck_message("64 lazies");
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_open(&it, segment, "d63", NULL), 0);
	forces(it, 64);
	zipc_lazy_close(it);
	ck_rc(zipc_lazy_open(&it, segment, "d64", NULL), 0);
	forces(it, 65);
	zipc_lazy_close(it);
}
END_TEST

/* external */

START_TEST(an_external_one_is_served_when_it_is_wanted)
{
	struct zipc_lazy *it = external("e"), *server;
	int64_t value;

	ck_rc(zipc_lazy_open(&server, segment, "e", NULL), 0);
	ck_rc(zipc_lazy_serve(lazy, ZIPC_NOWAIT), -EINVAL);
	ck_rc(zipc_lazy_serve(server, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_lazy_serve(server, MS), -ETIMEDOUT);
	ck_rc(zipc_lazy_set(server, &(int64_t){ 1 }), -EPERM);
	ck_rc(zipc_lazy_withdraw(server), -EPERM);
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_serve(server, ZIPC_FOREVER), 0);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_RUNNING);
	ck_assert_int_eq(view_of("e").who.pid, getpid());
	ck_rc(zipc_lazy_serve(server, ZIPC_FOREVER), -EBUSY);
	ck_rc(zipc_lazy_get(server, &value, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_lazy_force(server, &value, ZIPC_FOREVER), -EDEADLK);
	ck_rc(zipc_lazy_serve(it, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_lazy_get(it, &value, MS), -ETIMEDOUT);
	ck_rc(zipc_lazy_withdraw(server), 0);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	ck_rc(zipc_lazy_serve(server, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_set(server, &(int64_t){ 7 }), 0);
	has(it, 7);
	ck_rc(zipc_lazy_set(server, &(int64_t){ 8 }), -EPERM);
	ck_rc(zipc_lazy_reset(it), 0);
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_serve(server, ZIPC_NOWAIT), 0);
	zipc_lazy_close(server);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	zipc_lazy_close(it);
}
END_TEST

START_TEST(behind_a_reset_what_was_taken_before_sets_nothing)
{
	struct zipc_lazy *it = external("e"), *server;

	ck_rc(zipc_lazy_open(&server, segment, "e", NULL), 0);
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_serve(server, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_reset(it), 0);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	ck_rc(zipc_lazy_set(server, &(int64_t){ 1 }), -EPERM);
	ck_message("was reset since");
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	ck_rc(zipc_lazy_serve(server, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_reset(it), 0);
	ck_rc(zipc_lazy_withdraw(server), -EPERM);
	ck_rc(zipc_lazy_serve(it, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_fail(server, 1, "no"), -EPERM);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 2 }), 0);
	has(server, 2);
	zipc_lazy_close(server);
	zipc_lazy_close(it);
}
END_TEST

static struct zipc_lazy *stalling(const char *name)
{
	struct zipc_lazy_options options = { .stall_ns = MS };
	struct zipc_lazy *it;

	ck_rc(zipc_lazy_create_with(&it, segment, name, "i64", NULL, &options),
	      0);
	return it;
}

/* Both are alive; who was replaced may be the first one all the same. */
START_TEST(the_first_that_commits_counts)
{
	struct zipc_lazy *it = stalling("e"), *second;
	struct zipc_lazy *servers[2];
	int i;

	ck_rc(zipc_lazy_open(&servers[0], segment, "e", NULL), 0);
	ck_rc(zipc_lazy_open(&servers[1], segment, "e", NULL), 0);
	for (i = 0; i < 2; i++) {
		ck_rc(zipc_lazy_request(it), 0);
		ck_rc(zipc_lazy_serve(servers[0], ZIPC_NOWAIT), 0);
		ck_rc(zipc_lazy_serve(servers[1], LONG), 0);
		ck_assert_uint_eq(view_of("e").stalls, (uint64_t)i + 1);
		ck_rc(zipc_lazy_set(servers[i], &(int64_t){ i }), 0);
		has(it, i);
		ck_rc(zipc_lazy_set(servers[1 - i], &(int64_t){ 9 }),
		      -EALREADY);
		has(it, i);
		ck_rc(zipc_lazy_reset(it), 0);
	}
	/* What another has by now is not given back by who was replaced. */
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_serve(servers[0], ZIPC_NOWAIT), 0);
	second = servers[1];
	ck_rc(zipc_lazy_serve(second, LONG), 0);
	zipc_lazy_close(servers[0]);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_RUNNING);
	ck_rc(zipc_lazy_set(second, &(int64_t){ 3 }), 0);
	has(it, 3);
	zipc_lazy_close(second);
	zipc_lazy_close(it);
}
END_TEST

/* the dead and the stopped */

static void take_and_wait(void *name)
{
	struct zipc_lazy *it = open_anew(name);

	ck_rc(zipc_lazy_serve(it, LONG), 0);
	tell_parent();
	await_parent();
	ck_rc(zipc_lazy_set(it, &(int64_t){ 5 }), 0);
	zipc_lazy_close(it);
}

static void get_it(void *want)
{
	struct zipc_lazy *it = open_anew("e");
	int64_t value;

	tell_parent();
	ck_rc(zipc_lazy_get(it, &value, LONG), 0);
	ck_assert_int_eq(value, (intptr_t)want);
	zipc_lazy_close(it);
}

static struct child sleeper(int64_t want)
{
	struct child child = child_start(get_it, (void *)(intptr_t)want);

	child_hear(&child);
	sleeps_in_futex(child.pid, 0);
	return child;
}

START_TEST(what_a_dead_server_had_is_wanted_again)
{
	struct zipc_lazy *it = external("e");
	struct child server = child_start(take_and_wait, "e");
	struct child waiter = sleeper(6);

	child_hear(&server);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_RUNNING);
	child_kill(&server);
	ck_rc(zipc_lazy_serve(it, LONG), 0);
	ck_assert_uint_le(view_of("e").deaths, 1);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 6 }), 0);
	child_end(&waiter);
	zipc_lazy_close(it);
}
END_TEST

START_TEST(who_asks_makes_wanted_what_a_dead_one_had)
{
	struct zipc_lazy *it = external("e");
	struct child server = child_start(take_and_wait, "e");

	ck_rc(zipc_lazy_request(it), 0);
	child_hear(&server);
	ck_assert_int_eq(view_of("e").state, ZIPC_VIEW_LAZY_RUNNING);
	child_kill(&server);
	ck_assert_int_eq(view_of("e").state, ZIPC_VIEW_LAZY_WANTED);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_WANTED);
	ck_assert(zipc_lazy_load(it).value > ZIPC_WANTED);
	it->lock.looked_ns = 0;
	ck_rc(zipc_lazy_request(it), 0);
	ck_assert_uint_eq(zipc_lazy_load(it).value, ZIPC_WANTED);
	ck_assert_uint_eq(view_of("e").deaths, 1);
	zipc_lazy_close(it);
}
END_TEST

START_TEST(a_server_that_sleeps_is_woken_by_who_asks)
{
	struct zipc_lazy *it = external("e");
	struct child server = child_start(take_and_wait, "e");
	int64_t value;

	sleeps_in_futex(server.pid, 0);
	ck_rc(zipc_lazy_request(it), 0);
	child_hear(&server);
	child_say(&server);
	ck_rc(zipc_lazy_force(it, &value, LONG), 0);
	ck_assert_int_eq(value, 5);
	child_end(&server);
	zipc_lazy_close(it);
}
END_TEST

START_TEST(a_stopped_server_is_replaced_and_may_still_be_the_first)
{
	struct zipc_lazy *it = stalling("e");
	struct child server = child_start(take_and_wait, "e");
	struct child waiter = sleeper(5);

	child_hear(&server);
	child_stop(&server);
	ck_rc(zipc_lazy_serve(it, LONG), 0);
	child_continue(&server);
	child_say(&server);
	child_end(&server);
	child_end(&waiter);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 6 }), -EALREADY);
	has(it, 5);
	zipc_lazy_close(it);
}
END_TEST

START_TEST(a_reset_while_they_wait_asks_again)
{
	struct zipc_lazy *it = external("e");
	struct child waiter = sleeper(8);

	ck_rc(zipc_lazy_serve(it, LONG), 0);
	ck_rc(zipc_lazy_reset(other), 0);
	ck_rc(zipc_lazy_reset(it), 0);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 7 }), -EPERM);
	ck_rc(zipc_lazy_serve(it, LONG), 0);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 8 }), 0);
	child_end(&waiter);
	zipc_lazy_close(it);
}
END_TEST

/* The word of an expression, as if its computer had stopped there. */
static void take_in_a_child(void *unused)
{
	struct zipc_lazy *it = open_anew("l");
	struct zipc_pair pair;

	(void)unused;
	ck_rc(zipc_lazy_request(it), 0);
	pair = zipc_lazy_load(it);
	ck_rc(zipc_lazy_take(it, &pair), 0);
	tell_parent();
	await_parent();
	zipc_lazy_give(it, pair.turn);
	zipc_lazy_close(it);
}

START_TEST(a_dead_computer_is_replaced_at_once)
{
	struct child child = child_start(take_in_a_child, NULL);
	int64_t value;

	set_x(1);
	child_hear(&child);
	ck_rc(zipc_lazy_force(lazy, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(zipc_lazy_state(lazy), ZIPC_LAZY_RUNNING);
	child_kill(&child);
	forces(lazy, 3);
	ck_assert_uint_eq(view_of("l").deaths, 1);
}
END_TEST

START_TEST(a_stalled_computer_is_replaced)
{
	struct child child = child_start(take_in_a_child, NULL);

	set_x(1);
	child_hear(&child);
	child_stop(&child);
	forces(lazy, 3);
	ck_assert_uint_eq(view_of("l").stalls, 1);
	child_continue(&child);
	child_say(&child);
	child_end(&child);
	has(lazy, 3);
}
END_TEST

static void go_on_in_a_child(void *unused)
{
	(void)unused;
	ck_rc(zipc_lazy_set(other, &(int64_t){ 1 }), -EPERM);
	ck_rc(zipc_lazy_withdraw(other), -EPERM);
	forces(lazy, 5);
	zipc_lazy_close(other);
}

START_TEST(a_forked_child_goes_on_but_has_not_taken_it)
{
	struct zipc_lazy *it = external("e");
	struct child child;

	set_x(2);
	zipc_lazy_close(other);
	other = it;
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_serve(it, ZIPC_NOWAIT), 0);
	child = child_start(go_on_in_a_child, NULL);
	child_end(&child);
	has(lazy, 5);
	ck_assert_int_eq(zipc_lazy_state(it), ZIPC_LAZY_RUNNING);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 1 }), 0);
}
END_TEST

START_TEST(when_all_records_are_with_the_stopped_it_says_so)
{
	uint32_t i;

	set_x(2);
	for (i = 0; i < lazy->setter_count; i++)
		ck_assert_int_ge(zipc_record_take(segment, lazy->setters,
						  lazy->setter_count), 0);
	ck_rc(zipc_lazy_force(lazy, NULL, LONG), -EUSERS);
	ck_message("lazy `l`");
	ck_assert_int_eq(zipc_lazy_state(lazy), ZIPC_LAZY_WANTED);
	zipc_record_give(&lazy->setters[3]);
	forces(lazy, 5);
}
END_TEST

/* What is stopped behind taking a record keeps only that. */
START_TEST(records_come_back_so_that_it_can_be_reset_for_ever)
{
	int i;

	set_x(2);
	for (i = 0; i < 100; i++) {
		forces(i % 2 ? lazy : other, 5);
		ck_rc(zipc_lazy_reset(lazy), 0);
	}
	ck_assert_uint_eq(view_of("l").computed, 100);
}
END_TEST

/* Changes of one epoch are counted; when they are full the next one begins. */
START_TEST(an_epoch_that_is_full_begins_the_next)
{
	struct zipc_lazy *it = external("e");

	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_serve(it, ZIPC_NOWAIT), 0);
	it->taken_turn = (UINT64_C(1) << ZIPC_LAZY_CHANGES) - 1;
	atomic_store(&it->body->turn, it->taken_turn);
	ck_rc(zipc_lazy_withdraw(it), 0);
	ck_assert_uint_eq(zipc_lazy_epoch(zipc_lazy_load(it).turn), 1);
	ck_rc(zipc_lazy_serve(it, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 4 }), 0);
	has(it, 4);
	zipc_lazy_close(it);
}
END_TEST

/* one of a segment's */

START_TEST(what_is_wanted_is_resolved_one_by_one)
{
	struct zipc_lazy *it, *e = external("e");

	ck_rc(zipc_lazy_create(&it, segment, "it", NULL, "e + x"), 0);
	ck_rc(zipc_lazy_resolve(segment, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_resolve(segment, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(zipc_lazy_state(e), ZIPC_LAZY_WANTED);
	ck_rc(zipc_lazy_serve(e, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_set(e, &(int64_t){ 4 }), 0);
	set_x(3);
	ck_rc(zipc_lazy_request(lazy), 0);
	ck_rc(zipc_lazy_resolve(segment, ZIPC_NOWAIT), 1);
	ck_rc(zipc_lazy_resolve(segment, ZIPC_NOWAIT), 1);
	ck_rc(zipc_lazy_resolve(segment, ZIPC_NOWAIT), 0);
	has(it, 7);
	has(lazy, 7);
	zipc_lazy_close(it);
	zipc_lazy_close(e);
}
END_TEST

START_TEST(what_cannot_be_resolved_is_told_and_others_are)
{
	struct zipc_lazy *a;

	make_circle();
	set_x(3);
	a = open_anew("a");
	ck_rc(zipc_lazy_request(a), 0);
	zipc_lazy_close(a);
	ck_rc(zipc_lazy_resolve(segment, ZIPC_NOWAIT), -ELOOP);
	ck_rc(zipc_lazy_request(lazy), 0);
	ck_rc(zipc_lazy_resolve(segment, ZIPC_NOWAIT), 1);
	has(lazy, 7);
}
END_TEST

/* for a daemon, which watches the files */

/* How often the segment's times were changed since the last look. */
static int calls(int watch)
{
	char events[4096] __attribute__((aligned(16)));
	const struct inotify_event *event;
	ssize_t n = read(watch, events, sizeof(events)), at;
	int count = 0;

	for (at = 0; at < n; at += (ssize_t)sizeof(*event) + event->len) {
		event = (const void *)(events + at);
		count += (event->mask & IN_ATTRIB) != 0;
	}
	return count;
}

static int watch_segment(void)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char path[300];

	/* Two alike that nobody has read are one. */
	snprintf(path, sizeof(path), "/dev/shm/%s",
		 zipc_segment_name(segment));
	ck_assert_int_ge(watch, 0);
	ck_assert_int_ge(inotify_add_watch(watch, path, IN_ATTRIB), 0);
	return watch;
}

START_TEST(who_makes_it_wanted_calls_a_daemon_and_others_do_not)
{
	int watch = watch_segment();
	int64_t value;

	ck_rc(zipc_lazy_request(lazy), 0);
	ck_assert_int_eq(calls(watch), 1);
	ck_rc(zipc_lazy_request(other), 0);
	ck_rc(zipc_lazy_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(calls(watch), 0);
	set_x(3);
	forces(lazy, 7);
	ck_rc(zipc_lazy_request(lazy), 0);
	ck_rc(zipc_lazy_reset(lazy), 0);
	ck_assert_int_eq(calls(watch), 0);
	ck_rc(zipc_lazy_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(calls(watch), 1);
	close(watch);
}
END_TEST

START_TEST(no_daemon_is_called_for_what_is_computed_here_or_served)
{
	struct zipc_lazy *it = external("e");
	int watch = watch_segment();

	set_x(3);
	ck_rc(zipc_lazy_force(lazy, NULL, LONG), 0);
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_get(it, NULL, MS), -ETIMEDOUT);
	ck_assert_int_eq(calls(watch), 0);
	close(watch);
	zipc_lazy_close(it);
}
END_TEST

/* A dead one's cannot be taken for somebody's who computes it. */
START_TEST(who_makes_wanted_what_a_dead_one_had_calls_a_daemon)
{
	int watch = watch_segment();

	atomic_store(&lazy->body->owner.owner,
		     UINT64_C(7) << 32 | 3 << 19 | 1 << 3);
	ck_rc(zipc_lazy_request(other), 0);
	ck_rc(zipc_lazy_state(lazy), ZIPC_LAZY_WANTED);
	ck_assert_int_eq(calls(watch), 1);
	close(watch);
}
END_TEST

/* in a select */

START_TEST(a_select_asks_for_it_and_takes_its_value)
{
	struct zipc_lazy *it = external("e"), *server;
	int64_t value = 0;
	struct zipc_case cases[2] = {
		{ .kind = ZIPC_WAIT, .target = it, .elem = &value },
		{ .kind = ZIPC_WAIT, .target = lazy },
	};

	ck_rc(zipc_lazy_open(&server, segment, "e", NULL), 0);
	ck_rc(zipc_select(cases, 2, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_int_eq(zipc_lazy_state(lazy), ZIPC_LAZY_WANTED);
	ck_rc(zipc_select(cases, 2, MS), -ETIMEDOUT);
	ck_rc(zipc_lazy_serve(server, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_set(server, &(int64_t){ 4 }), 0);
	ck_rc(zipc_select(cases, 2, ZIPC_FOREVER), 0);
	ck_assert_int_eq(value, 4);
	ck_assert_int_eq(cases[0].result, 0);
	ck_rc(zipc_lazy_reset(it), 0);
	ck_rc(zipc_lazy_request(it), 0);
	ck_rc(zipc_lazy_serve(server, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_fail(server, 3, "three"), 0);
	ck_rc(zipc_select(cases, 1, ZIPC_FOREVER), 0);
	ck_assert_int_eq(cases[0].result, -ECANCELED);
	zipc_lazy_close(server);
	zipc_lazy_close(it);
}
END_TEST

/* watching */

START_TEST(watching_shows_all_of_it)
{
	struct zipc_view_entry entry;
	struct zipc_view_lazy it;
	struct zipc_view *view;
	int64_t value = 0;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "l", &entry), 0);
	ck_assert_str_eq(entry.kind_name, "lazy");
	ck_rc(zipc_view_elements(view, &entry, 0, 1, &value, NULL), 0);
	it = view_of("l");
	ck_assert_int_eq(it.state, ZIPC_VIEW_LAZY_IDLE);
	ck_assert_str_eq(it.expression, "x * 2 + 1");
	ck_assert_int_eq(it.external, 0);
	ck_assert_int_eq(it.retries, 0);
	set_x(3);
	forces(lazy, 7);
	ck_rc(zipc_view_find(view, "l", &entry), 0);
	ck_assert_uint_eq(entry.size, 1);
	ck_rc(zipc_view_elements(view, &entry, 0, 9, &value, NULL), 1);
	ck_assert_int_eq(value, 7);
	ck_rc(zipc_view_elements(view, &entry, 1, 9, &value, NULL), 0);
	it = view_of("l");
	ck_assert_int_eq(it.state, ZIPC_VIEW_LAZY_DONE);
	ck_assert_int_eq(it.who.pid, getpid());
	ck_rc(zipc_view_find(view, "x", &entry), 0);
	ck_rc(zipc_view_lazy(view, &entry, &it), -EPROTOTYPE);
	zipc_lazy_close(external("e"));
	ck_assert_int_eq(view_of("e").external, 1);
	zipc_view_close(view);
}
END_TEST

START_TEST(watching_tells_who_waits_for_whom)
{
	struct zipc_lazy *it = external("e");
	const struct zipc_view_blocked *blocked;
	struct child waiter = sleeper(6);
	struct zipc_view_waits *waits;
	struct zipc_view *view;
	char said[512], want[64];

	ck_rc(zipc_lazy_serve(it, LONG), 0);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_waits_open(&waits, view), 0);
	blocked = zipc_view_blocked(waits, 0);
	ck_assert_ptr_nonnull(blocked);
	zipc_view_blocked_say(blocked, said, sizeof(said));
	snprintf(want, sizeof(want), "lazy `e` computed by %d ", getpid());
	ck_assert_msg(strstr(said, want), "`%s`", said);
	zipc_view_waits_close(waits);
	zipc_view_close(view);
	ck_rc(zipc_lazy_set(it, &(int64_t){ 6 }), 0);
	child_end(&waiter);
	zipc_lazy_close(it);
}
END_TEST

/* damaged */

START_TEST(a_damaged_word_gives_errors_and_ends)
{
	static const uint64_t words[] = {
		3, 5, 6, 7, 9, 8 << 3 | 2, 8 << 3 | 4, UINT64_MAX,
		UINT64_MAX - 1, UINT64_C(1) << 32, UINT64_C(8191) << 19
	};
	struct zipc_lazy *it = external("e");
	struct zipc_view_entry entry;
	struct zipc_view *view;
	int64_t value;
	size_t i;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		atomic_store(&lazy->body->owner.owner, words[i]);
		atomic_store(&it->body->owner.owner, words[i]);
		ck_rc(zipc_lazy_get(lazy, &value, MS), -EBADMSG);
		ck_rc(zipc_lazy_force(lazy, &value, MS), -EBADMSG);
		ck_rc(zipc_lazy_request(lazy), -EBADMSG);
		ck_rc(zipc_lazy_reset(lazy), -EBADMSG);
		ck_rc(zipc_lazy_state(lazy), -EBADMSG);
		ck_rc(zipc_lazy_error(lazy, NULL, NULL, 0), -EBADMSG);
		ck_rc(zipc_lazy_serve(it, MS), -EBADMSG);
		ck_message("lazy `e`");
		ck_rc(zipc_view_find(view, "l", &entry), -EBADMSG);
	}
	atomic_store(&lazy->body->owner.owner, 1 << 3 | 4);
	atomic_store(&lazy->setters[1].length, 128);
	ck_rc(zipc_lazy_error(lazy, NULL, NULL, 0), -EBADMSG);
	ck_rc(zipc_lazy_get(lazy, NULL, ZIPC_NOWAIT), -ECANCELED);
	zipc_view_close(view);
	zipc_lazy_close(it);
}
END_TEST

/* Each byte of what it is made of, changed: it opens, or is refused. */
START_TEST(a_damaged_body_is_not_believed)
{
	struct zipc_lazy *sum, *it;
	unsigned char *at;
	uint64_t size, i;
	int64_t bytes[8];
	int rc, refusals = 0;

	set_x(3);
	ck_rc(zipc_lazy_create(&sum, segment, "sum", NULL,
			       "sum(samples) + samples[2] + x"), 0);
	at = (unsigned char *)sum->body;
	size = sum->body->definition_offset + sum->body->definition_bytes;
	for (i = 0x30; i < size; i++) {
		at[i] ^= 0x41;
		rc = zipc_lazy_open(&it, segment, "sum", NULL);
		if (rc) {
			ck_assert_msg(rc == -EBADMSG || rc == -EPROTONOSUPPORT,
				      "at %d: %s", (int)i, rc_name(rc));
			refusals++;
		} else {
			zipc_lazy_force(it, bytes, ZIPC_NOWAIT);
			zipc_lazy_reset(it);
			zipc_lazy_close(it);
		}
		at[i] ^= 0x41;
	}
	ck_assert_int_gt(refusals, 250);
	ck_rc(zipc_lazy_reset(sum), 0);
	ck_rc(zipc_lazy_force(sum, bytes, ZIPC_NOWAIT), 0);
	zipc_lazy_close(sum);
}
END_TEST

/* Nobody waits for it: what cannot be read now never can. */
START_TEST(an_input_that_is_damaged_ends_a_force_without_an_end)
{
	struct zipc_lazy *bad, *needs;
	uint64_t word;

	set_x(0);
	ck_rc(zipc_lazy_create(&bad, segment, "bad", NULL, "1 // x"), 0);
	ck_rc(zipc_lazy_create(&needs, segment, "needs", NULL, "bad + 1"), 0);
	ck_rc(zipc_lazy_force(bad, NULL, ZIPC_FOREVER), -ECANCELED);
	word = atomic_load(&bad->body->owner.owner);
	atomic_store(&bad->setters[word >> 3].length, 128);
	ck_rc(zipc_lazy_force(needs, NULL, ZIPC_FOREVER), -EBADMSG);
	ck_message("lazy `bad`");
	atomic_store(&bad->body->owner.owner, 3);
	ck_rc(zipc_lazy_force(needs, NULL, ZIPC_FOREVER), -EBADMSG);
	ck_assert_int_eq(zipc_lazy_state(needs), ZIPC_LAZY_WANTED);
	zipc_lazy_close(needs);
	zipc_lazy_close(bad);
}
END_TEST

static _Atomic bool enough;

/* Now it is settled, now it is not, and each time in another epoch. */
static void *change_all_the_time(void *body)
{
	struct zipc_lazy_body *of = body;
	unsigned i;

	for (i = 0; !atomic_load_explicit(&enough, memory_order_relaxed); i++) {
		atomic_store(&of->owner.owner, i % 3 ? 1 << 3 | i % 3 * 2 : 0);
		atomic_fetch_add(&of->turn, 1 << ZIPC_LAZY_CHANGES);
	}
	return NULL;
}

START_TEST(each_call_ends_whatever_the_word_does)
{
	pthread_t thread;
	int i, rc;

	set_x(3);
	ck_rc(zipc_lazy_state(other), ZIPC_LAZY_IDLE);
	ck_assert_int_eq(pthread_create(&thread, NULL, change_all_the_time,
					lazy->body), 0);
	for (i = 0; i < 400; i++) {
		rc = zipc_lazy_force(other, NULL, i % 2 ? MS : ZIPC_NOWAIT);
		ck_assert_msg(!rc || rc == -ECANCELED ||
				      rc == (i % 2 ? -ETIMEDOUT : -EAGAIN),
			      "force gives %s", rc_name(rc));
		rc = zipc_lazy_get(other, NULL, i % 2 ? MS : ZIPC_NOWAIT);
		ck_assert_msg(!rc || rc == -ECANCELED ||
				      rc == (i % 2 ? -ETIMEDOUT : -EAGAIN),
			      "get gives %s", rc_name(rc));
		rc = zipc_lazy_error(other, NULL, NULL, 0);
		ck_assert_msg(!rc || rc == -EINVAL, "error gives %s",
			      rc_name(rc));
		ck_assert_int_ge(zipc_lazy_state(other), 0);
	}
	atomic_store(&enough, true);
	pthread_join(thread, NULL);
}
END_TEST

/* More than there is room for */

#define HUGE (UINT64_C(8) << 30)

/* The last structure of a file that is nearly all hole has all of that. */
static void make_huge(struct zipc_segment *of, const char *name)
{
	uint64_t at, lines = (HUGE + 4096) / ZIPC_LINE;
	struct zipc_found found;
	uint32_t i;

	ck_rc(zipc_table_find(&found, of, name, ZIPC_ARRAY, NULL), 0);
	at = (uint64_t)((unsigned char *)found.block - of->base);
	found.block->body_bytes = HUGE;
	found.block->capacity = HUGE / sizeof(int64_t);
	for (i = 0; strcmp(zipc_table_entry(of, i)->name, name); i++)
		;
	atomic_store(&zipc_table_entry(of, i)->extent,
		     lines << 32 | at / ZIPC_LINE);
	zipc_table_release(&found);
}

static int64_t blocks_of(const struct zipc_segment *of)
{
	struct stat it;

	ck_assert_int_eq(fstat(of->fd, &it), 0);
	return it.st_blocks;
}

/* Less than a part in a thousand more than there is. */
static void limit_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	struct rlimit limit = { HUGE + HUGE / 128, HUGE + HUGE / 128 };

	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
#endif
}

START_TEST(a_fold_of_a_hole_takes_no_memory)
{
	static const char text[] = "{n: count(a), sum: sum(a), least: min(a), "
				   "most: max(a), mean: mean(a)}";
	struct { int64_t n, sum, least, most; double mean; } it;
	struct zipc_segment *of;
	struct zipc_array *a;
	struct zipc_lazy *all;
	const int64_t last = HUGE / 8 - 1, values[] = { 1, -5, 7 };
	int64_t before;

	ck_rc(zipc_segment_create(&of, test_name("huge"), HUGE + (1 << 20),
				  NULL), 0);
	ck_rc(zipc_array_create(&a, of, "a", "i64", 1), 0);
	ck_rc(zipc_lazy_create(&all, of, "all", NULL, text), 0);
	zipc_array_close(a);
	ck_rc(zipc_segment_remove(of, "a"), 0);
	ck_rc(zipc_array_create(&a, of, "a", "i64", 9000), 0);
	zipc_array_close(a);
	make_huge(of, "a");
	ck_rc(zipc_array_open(&a, of, "a", "i64"), 0);
	ck_rc(zipc_array_set(a, 9000, &values[0]), 0);
	ck_rc(zipc_array_set(a, (uint64_t)last / 2, &values[1]), 0);
	ck_rc(zipc_array_set(a, (uint64_t)last, &values[2]), 0);
	limit_memory();
	before = blocks_of(of);
	ck_rc(zipc_lazy_force(all, &it, LONG), 0);
	ck_assert_int_le(blocks_of(of) - before, 8);
	ck_assert_int_eq(it.n, last + 1);
	ck_assert_int_eq(it.sum, 3);
	ck_assert_int_eq(it.least, -5);
	ck_assert_int_eq(it.most, 7);
	ck_assert_double_eq(it.mean, 3.0 / (double)(last + 1));
	zipc_lazy_close(all);
	zipc_array_close(a);
	zipc_segment_close(of);
	ck_rc(zipc_segment_unlink(test_name("huge")), 0);
}
END_TEST

/* no calls */

static void warm_up(void *unused)
{
	int64_t value;

	(void)unused;
	ck_rc(zipc_lazy_force(other, &value, ZIPC_NOWAIT), 0);
	ck_rc(zipc_lazy_reset(other), 0);
}

static void live_a_whole_life(void *unused)
{
	int64_t value;

	(void)unused;
	ck_rc(zipc_lazy_force(other, &value, ZIPC_FOREVER), 0);
	ck_rc(zipc_lazy_force(other, &value, ZIPC_FOREVER), 0);
	ck_rc(zipc_lazy_request(other), 0);
	ck_rc(zipc_lazy_get(other, &value, ZIPC_NOWAIT), 0);
	ck_assert_int_eq(value, 3);
	ck_rc(zipc_lazy_reset(other), 0);
}

static void ask_once_more(void *unused)
{
	int64_t value;

	(void)unused;
	ck_rc(zipc_lazy_request(other), 0);
	ck_rc(zipc_lazy_get(other, &value, ZIPC_NOWAIT), -EAGAIN);
}

START_TEST(who_asks_for_what_is_wanted_makes_no_system_call)
{
	must_make_a_system_call(NULL, ask_once_more, NULL);
	must_make_no_system_call(ask_once_more, ask_once_more, NULL);
}
END_TEST

/* Opening inputs makes a heavy fence, so only one without any is so cheap. */
START_TEST(what_is_done_makes_no_system_call)
{
	zipc_lazy_close(other);
	ck_rc(zipc_lazy_create(&other, segment, "three", NULL, "1 + 2"), 0);
	must_make_a_system_call(NULL, live_a_whole_life, NULL);
	must_make_no_system_call(warm_up, live_a_whole_life, NULL);
}
END_TEST

/* many at once */

#ifdef __SANITIZE_THREAD__
#define ROUNDS 100
#else
#define ROUNDS 1000
#endif
#define THREADS 4

static pthread_barrier_t together;

/*
 * All force the same; one resets it and changes the input in between. Nobody
 * sees two values in one round, nor words of two.
 */
static void *race(void *context)
{
	unsigned me = *(unsigned *)context;
	struct zipc_lazy *it = open_anew("wide");
	int64_t got[16], i;
	int k;

	for (i = 1; i <= ROUNDS; i++) {
		pthread_barrier_wait(&together);
		ck_rc(me % 2 ? zipc_lazy_force(it, got, LONG)
			     : zipc_lazy_request(it), 0);
		ck_rc(zipc_lazy_force(it, got, LONG), 0);
		for (k = 0; k < 16; k++)
			ck_assert_int_eq(got[k], i);
		pthread_barrier_wait(&together);
		if (me)
			continue;
		for (k = 0; k < 16; k++)
			got[k] = i + 1;
		ck_rc(zipc_array_set(samples, 0, got), 0);
		ck_rc(zipc_lazy_reset(it), 0);
	}
	zipc_lazy_close(it);
	return NULL;
}

START_TEST(all_threads_see_one_value_until_it_is_reset)
{
	pthread_t threads[THREADS];
	unsigned numbers[THREADS];
	struct zipc_lazy *it;
	int64_t first[16];
	int i;

	zipc_array_close(samples);
	ck_rc(zipc_array_create(&samples, segment, "row", "i64[16]", 1), 0);
	for (i = 0; i < 16; i++)
		first[i] = 1;
	ck_rc(zipc_array_set(samples, 0, first), 0);
	ck_rc(zipc_lazy_create(&it, segment, "wide", NULL, "row"), 0);
	pthread_barrier_init(&together, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		numbers[i] = (unsigned)i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, race,
						&numbers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(view_of("wide").computed, ROUNDS);
	zipc_lazy_close(it);
}
END_TEST

/* Resets while others read: whole values only, and each reader's grow. */
static void *read_on(void *unused)
{
	struct zipc_lazy *it = open_anew("wide");
	int64_t got[16], last = 0;
	int k;

	(void)unused;
	while (last < ROUNDS) {
		ck_rc(zipc_lazy_force(it, got, LONG), 0);
		for (k = 1; k < 16; k++)
			ck_assert_int_eq(got[k], got[0]);
		ck_assert_int_ge(got[0], last);
		last = got[0];
	}
	zipc_lazy_close(it);
	return NULL;
}

START_TEST(what_is_read_while_it_is_reset_is_whole)
{
	pthread_t threads[THREADS];
	struct zipc_lazy *it, *n;
	int64_t got[16];
	int i, k;

	ck_rc(zipc_lazy_create_external(&n, segment, "wide", "i64[16]"), 0);
	it = open_anew("wide");
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on,
						NULL), 0);
	for (i = 1; i <= ROUNDS; i++) {
		ck_rc(zipc_lazy_request(it), 0);
		ck_rc(zipc_lazy_serve(n, LONG), 0);
		for (k = 0; k < 16; k++)
			got[k] = i;
		ck_rc(zipc_lazy_set(n, got), 0);
		if (i < ROUNDS)
			ck_rc(zipc_lazy_reset(it), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	zipc_lazy_close(n);
	zipc_lazy_close(it);
}
END_TEST

static void one_by_one(Suite *suite)
{
	TCase *tc = test_case(suite, "expressions", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, names_are_structures_of_the_segment);
	tcase_add_test(tc, an_array_is_folded);
	tcase_add_test(tc, what_is_no_expression_is_refused);
	tcase_add_test(tc, a_name_may_be_there_later);
	tcase_add_test(tc, failures_of_the_arithmetic_stay);
	tcase_add_test(tc, a_failed_input_fails_who_needs_it);
	tc = test_case(suite, "one by one", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_is_computed_once_and_stays_so);
	tcase_add_test(tc, a_reset_makes_it_new);
	tcase_add_test(tc, a_failure_is_retried_where_that_is_chosen);
	tcase_add_test(tc, it_is_opened_or_created_as_the_same_expression);
	tcase_add_test(tc, a_stall_is_a_time);
	tcase_add_test(tc, who_only_reads_gets_the_value_and_asks_for_nothing);
	tcase_add_test(tc, a_circle_is_told_by_its_names);
	tcase_add_test(tc, so_deep_and_no_deeper);
	tcase_add_test(tc, an_external_one_is_served_when_it_is_wanted);
	tcase_add_test(tc, behind_a_reset_what_was_taken_before_sets_nothing);
	tcase_add_test(tc, the_first_that_commits_counts);
	tcase_add_test(tc, when_all_records_are_with_the_stopped_it_says_so);
	tcase_add_test(tc,
		       records_come_back_so_that_it_can_be_reset_for_ever);
	tcase_add_test(tc, an_epoch_that_is_full_begins_the_next);
	tcase_add_test(tc, what_is_wanted_is_resolved_one_by_one);
	tcase_add_test(tc, what_cannot_be_resolved_is_told_and_others_are);
	tcase_add_test(tc, a_select_asks_for_it_and_takes_its_value);
	tcase_add_test(tc, watching_shows_all_of_it);
	tcase_add_test(tc, a_damaged_word_gives_errors_and_ends);
	tcase_add_test(tc, a_damaged_body_is_not_believed);
	tcase_add_test(tc, what_is_done_makes_no_system_call);
	tcase_add_test(tc,
		       who_asks_for_what_is_wanted_makes_no_system_call);
}

static void for_a_daemon(Suite *suite)
{
	TCase *tc = test_case(suite, "daemon", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc,
		       who_makes_it_wanted_calls_a_daemon_and_others_do_not);
	tcase_add_test(tc,
		       no_daemon_is_called_for_what_is_computed_here_or_served);
	tcase_add_test(tc,
		       who_makes_wanted_what_a_dead_one_had_calls_a_daemon);
}

static Suite *lazy_suite(void)
{
	Suite *suite = suite_create("lazy");
	TCase *tc;

	one_by_one(suite);
	for_a_daemon(suite);
	tc = test_case(suite, "processes", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_circle_begun_at_each_of_its_parts_ends_in_all);
	tcase_add_test(tc, what_a_dead_server_had_is_wanted_again);
	tcase_add_test(tc, who_asks_makes_wanted_what_a_dead_one_had);
	tcase_add_test(tc, a_server_that_sleeps_is_woken_by_who_asks);
	tcase_add_test(
		tc, a_stopped_server_is_replaced_and_may_still_be_the_first);
	tcase_add_test(tc, a_reset_while_they_wait_asks_again);
	tcase_add_test(tc, a_dead_computer_is_replaced_at_once);
	tcase_add_test(tc, a_stalled_computer_is_replaced);
	tcase_add_test(tc, a_forked_child_goes_on_but_has_not_taken_it);
	tcase_add_test(tc, watching_tells_who_waits_for_whom);
	tcase_add_test(tc, a_fold_of_a_hole_takes_no_memory);
	tcase_add_test(tc,
		       an_input_that_is_damaged_ends_a_force_without_an_end);
	tcase_add_test(tc, each_call_ends_whatever_the_word_does);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, all_threads_see_one_value_until_it_is_reset);
	tcase_add_test(tc, what_is_read_while_it_is_reset_is_whole);
	return suite;
}

TEST_MAIN(lazy_suite)
