/* SPDX-License-Identifier: MIT */
/*
 * Arrays: elements of every size, bounds, numbers changed in place, by one
 * process and by many.
 */
#include <math.h>
#include <pthread.h>
#include <zipc/array.h>

#include "children.h"
#include "harness.h"

#define MIB (UINT64_C(1) << 20)

static const char *segment_name;
static struct zipc_segment *segment;
static struct zipc_array *array;

static void made(const char *type, uint64_t capacity)
{
	segment_name = test_name("array");
	ck_rc(zipc_segment_create(&segment, segment_name, MIB, NULL), 0);
	ck_rc(zipc_array_create(&array, segment, "a", type, capacity), 0);
}

static void gone(void)
{
	zipc_array_close(array);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(segment_name), 0);
}

START_TEST(elements_are_zero_at_first_and_only_those_inside_are_there)
{
	uint64_t i, value;

	made("u64", 100);
	ck_assert_uint_eq(zipc_array_capacity(array), 100);
	ck_assert_uint_eq(zipc_array_elem_size(array), 8);
	ck_assert_str_eq(zipc_type_text(zipc_array_type(array)), "u64");
	for (i = 0; i < 100; i++) {
		value = 1;
		ck_rc(zipc_array_get(array, i, &value), 0);
		ck_assert_uint_eq(value, 0);
	}
	zipc_array_close(NULL);
	gone();
}
END_TEST

START_TEST(an_index_beyond_the_end_is_refused_by_every_operation)
{
	static const uint64_t beyond[] = { 100, 101, UINT64_C(1) << 32,
					   UINT64_C(1) << 61, UINT64_MAX };
	uint64_t value = 77, before = 78;
	size_t i;

	made("u64", 100);
	for (i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		ck_rc(zipc_array_get(array, beyond[i], &value), -EINVAL);
		ck_message("100");
		ck_message("`a`");
		ck_rc(zipc_array_set(array, beyond[i], &value), -EINVAL);
		ck_rc(zipc_array_add(array, beyond[i], &value), -EINVAL);
		ck_rc(zipc_array_fetch_add(array, beyond[i], &value, &before),
		      -EINVAL);
		ck_rc(zipc_array_cas(array, beyond[i], &before, &value),
		      -EINVAL);
	}
	ck_assert_uint_eq(value, 77);
	ck_assert_uint_eq(before, 78);
	ck_rc(zipc_array_set(array, 99, &value), 0);
	gone();
}
END_TEST

static const struct {
	const char *type;
	unsigned size;
} sizes[] = {
	{ "u8", 1 }, { "bool", 1 }, { "i16", 2 }, { "bytes:3", 3 },
	{ "u32", 4 }, { "f32", 4 }, { "bytes:5", 5 }, { "bytes:6", 6 },
	{ "bytes:7", 7 }, { "f64", 8 }, { "bytes:9", 9 }, { "f32[3]", 12 },
	{ "bytes:15", 15 }, { "{a:u64, b:u8}", 16 }, { "bytes:24", 24 },
	{ "{a:u64, b:u64, c:u32}", 24 }, { "bytes:63", 63 },
	{ "bytes:65", 65 }, { "bytes:1001", 1001 }, { "f64[4][4]", 128 },
};

/*
 * Any element, in buffers of any alignment, with neighbours and the bytes
 * around the buffer left as they were.
 */
START_TEST(an_element_of_any_size_is_written_and_read_whole)
{
	unsigned size = sizes[_i].size, shift, i, b;
	unsigned char in[1200], out[1200];

	made(sizes[_i].type, 7);
	ck_assert_uint_eq(zipc_array_elem_size(array), size);
	for (shift = 0; shift < 9; shift++)
		for (i = 0; i < 7; i++) {
			memset(in, (int)(shift * 7 + i + 1), sizeof(in));
			in[shift + size - 1] = 0x5A;
			ck_rc(zipc_array_set(array, i, in + shift), 0);
		}
	for (shift = 0; shift < 9; shift++)
		for (i = 0; i < 7; i++) {
			memset(out, 0xEE, sizeof(out));
			ck_rc(zipc_array_get(array, i, out + shift), 0);
			for (b = 0; b + 1 < size; b++)
				ck_assert_uint_eq(out[shift + b], 57 + i);
			ck_assert_uint_eq(out[shift + b], 0x5A);
			ck_assert_uint_eq(out[shift + size], 0xEE);
			ck_assert(shift == 0 || out[shift - 1] == 0xEE);
		}
	gone();
}
END_TEST

START_TEST(plain_access_and_get_and_set_see_the_same)
{
	struct { uint64_t ts; float temp; uint32_t id; } record = { 1, 2, 3 };
	unsigned char *data;
	uint64_t i;

	made("{ts:u64, temp:f32, id:u32}", 10);
	data = zipc_array_data(array);
	ck_assert_uint_eq((uintptr_t)data % 64, 0);
	for (i = 0; i < 10; i++) {
		record.id = (uint32_t)i;
		ck_rc(zipc_array_set(array, i, &record), 0);
		ck_assert_mem_eq(data + i * sizeof(record), &record,
				 sizeof(record));
	}
	record.ts = 99;
	memcpy(data + 4 * sizeof(record), &record, sizeof(record));
	record.ts = 0;
	ck_rc(zipc_array_get(array, 4, &record), 0);
	ck_assert_uint_eq(record.ts, 99);
	gone();
}
END_TEST

/* Adds of one type: begin + addend gives sum, exactly as C has it. */
#define ADDS(name, type, text, begin, addend, sum)                           \
	static void add_##name(void)                                         \
	{                                                                    \
		char buffer[2 * sizeof(type) + 2] = { 0 };                   \
		type value = (begin), before, after;                         \
									     \
		made(text, 3);                                               \
		ck_rc(zipc_array_set(array, 1, &value), 0);                  \
		value = (addend);                                            \
		memcpy(buffer + 1, &value, sizeof(value));                   \
		ck_rc(zipc_array_fetch_add(array, 1, buffer + 1,             \
					   buffer + 1 + sizeof(type)), 0);   \
		memcpy(&before, buffer + 1 + sizeof(type), sizeof(before));  \
		ck_assert(before == (type)(begin));                          \
		ck_rc(zipc_array_get(array, 1, &after), 0);                  \
		ck_assert(after == (type)(sum));                             \
		ck_rc(zipc_array_set(array, 1, &before), 0);                 \
		ck_rc(zipc_array_add(array, 1, buffer + 1), 0);              \
		ck_rc(zipc_array_get(array, 1, &after), 0);                  \
		ck_assert(after == (type)(sum));                             \
		ck_rc(zipc_array_get(array, 0, &after), 0);                  \
		ck_assert(after == 0);                                       \
		ck_rc(zipc_array_get(array, 2, &after), 0);                  \
		ck_assert(after == 0);                                       \
		gone();                                                      \
	}

ADDS(i32, int32_t, "i32", INT32_MAX, 2, INT32_MIN + 1)
ADDS(u32, uint32_t, "u32", UINT32_MAX, 3, 2)
ADDS(i64, int64_t, "i64", INT64_MIN, -1, INT64_MAX)
ADDS(u64, uint64_t, "u64", UINT64_MAX - 1, 5, 3)
ADDS(f32, float, "f32", 0.1f, 0.2f, 0.1f + 0.2f)
ADDS(f64, double, "f64", 0.1, 0.2, 0.1 + 0.2)

START_TEST(add_gives_the_sum_and_the_value_from_before)
{
	static void (*const adds[])(void) = { add_i32, add_u32, add_i64,
					      add_u64, add_f32, add_f64 };

	adds[_i]();
}
END_TEST

START_TEST(adding_to_what_is_no_number_ends_and_gives_none)
{
	double value = NAN;

	made("f64", 1);
	ck_rc(zipc_array_set(array, 0, &value), 0);
	value = 1;
	ck_rc(zipc_array_add(array, 0, &value), 0);
	ck_rc(zipc_array_get(array, 0, &value), 0);
	ck_assert(isnan(value));
	gone();
}
END_TEST

/* cas of a type's bytes, with buffers that are not aligned. */
static void swap_bytes(const char *type, size_t size)
{
	unsigned char old[9] = { 0 }, new[9], found[9];

	made(type, 3);
	memset(new, 0x41, sizeof(new));
	ck_rc(zipc_array_cas(array, 1, old + 1, new + 1), 0);
	ck_rc(zipc_array_get(array, 1, found + 1), 0);
	ck_assert_mem_eq(found + 1, new + 1, size);
	ck_rc(zipc_array_cas(array, 1, old + 1, old + 1), -EAGAIN);
	ck_assert_mem_eq(old + 1, new + 1, size);
	ck_rc(zipc_array_cas(array, 1, old + 1, old + 1), 0);
	memset(old, 0, sizeof(old));
	ck_rc(zipc_array_get(array, 0, found + 1), 0);
	ck_assert_mem_eq(found + 1, old + 1, size);
	ck_rc(zipc_array_get(array, 2, found + 1), 0);
	ck_assert_mem_eq(found + 1, old + 1, size);
	gone();
}

START_TEST(cas_swaps_equal_bytes_and_else_gives_what_is_there)
{
	static const char *const types[] = { "i32", "u32", "f32",
					     "i64", "u64", "f64" };

	swap_bytes(types[_i], _i < 3 ? 4 : 8);
}
END_TEST

static const char *const no_numbers[] = {
	"bool", "i8", "u8", "i16", "u16", "bytes:4", "bytes:8", "i32[2]",
	"u32[1]", "{a:u64}", "{a:i32}", "f64[1]",
};

START_TEST(only_numbers_of_4_and_8_bytes_are_changed_in_place)
{
	unsigned char old[8] = { 0 }, new[8] = { 1 };

	made(no_numbers[_i], 3);
	ck_rc(zipc_array_add(array, 1, new), -EPROTOTYPE);
	ck_message(no_numbers[_i]);
	ck_rc(zipc_array_fetch_add(array, 1, new, old), -EPROTOTYPE);
	ck_rc(zipc_array_cas(array, 1, old, new), -EPROTOTYPE);
	ck_rc(zipc_array_get(array, 1, new), 0);
	ck_assert_mem_eq(new, old, zipc_array_elem_size(array));
	gone();
}
END_TEST

START_TEST(a_reader_sees_what_a_writer_sets_and_changes_nothing)
{
	struct zipc_segment *reading;
	struct zipc_array *reader;
	uint32_t value = 9, before = 1;

	made("u32", 3);
	ck_rc(zipc_segment_open(&reading, segment_name, ZIPC_READ_ONLY), 0);
	ck_rc(zipc_array_open(&reader, reading, "a", "u32"), 0);
	ck_rc(zipc_array_set(array, 2, &value), 0);
	value = 0;
	ck_rc(zipc_array_get(reader, 2, &value), 0);
	ck_assert_uint_eq(value, 9);
	ck_assert_uint_eq(((uint32_t *)zipc_array_data(reader))[2], 9);
	ck_rc(zipc_array_set(reader, 2, &value), -EROFS);
	ck_message("`a`");
	ck_rc(zipc_array_add(reader, 2, &value), -EROFS);
	ck_rc(zipc_array_fetch_add(reader, 2, &value, &before), -EROFS);
	ck_rc(zipc_array_cas(reader, 2, &value, &before), -EROFS);
	ck_assert_uint_eq(before, 1);
	zipc_array_close(reader);
	zipc_segment_close(reading);
	gone();
}
END_TEST

/* many at once */

#define WORKERS 4
#define ROUNDS 20000

/* Adds of each sort to its own element, and cas loops on one of their own. */
static void work(struct zipc_array *ints, struct zipc_array *floats)
{
	uint64_t one = 1, seen = 0, next;
	double half = 0.5;
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		ck_rc(zipc_array_add(ints, 0, &one), 0);
		ck_rc(zipc_array_add(floats, 0, &half), 0);
		do
			next = seen + 1;
		while (zipc_array_cas(ints, 1, &seen, &next) == -EAGAIN);
	}
}

static void open_and_work(void *unused)
{
	struct zipc_segment *mine;
	struct zipc_array *ints, *floats;

	(void)unused;
	ck_rc(zipc_segment_open(&mine, segment_name, 0), 0);
	ck_rc(zipc_array_open(&ints, mine, "a", "u64"), 0);
	ck_rc(zipc_array_open(&floats, mine, "f", "f64"), 0);
	tell_parent();
	await_parent();
	work(ints, floats);
	zipc_array_close(ints);
	zipc_array_close(floats);
	zipc_segment_close(mine);
}

static void *open_and_work_in_a_thread(void *unused)
{
	struct zipc_array *ints, *floats;

	(void)unused;
	ck_rc(zipc_array_open(&ints, segment, "a", "u64"), 0);
	ck_rc(zipc_array_open(&floats, segment, "f", "f64"), 0);
	work(ints, floats);
	zipc_array_close(ints);
	zipc_array_close(floats);
	return NULL;
}

static void check_sums(struct zipc_array *floats)
{
	uint64_t sum = 0;
	double halves = 0;

	ck_rc(zipc_array_get(array, 0, &sum), 0);
	ck_assert_uint_eq(sum, WORKERS * ROUNDS);
	ck_rc(zipc_array_get(array, 1, &sum), 0);
	ck_assert_uint_eq(sum, WORKERS * ROUNDS);
	ck_rc(zipc_array_get(floats, 0, &halves), 0);
	ck_assert_double_eq(halves, WORKERS * ROUNDS / 2.0);
	zipc_array_close(floats);
	gone();
}

START_TEST(no_add_or_cas_of_processes_is_lost)
{
	struct zipc_array *floats;
	struct child children[WORKERS];
	int i;

	made("u64", 2);
	ck_rc(zipc_array_create(&floats, segment, "f", "f64", 1), 0);
	for (i = 0; i < WORKERS; i++)
		children[i] = child_start(open_and_work, NULL);
	for (i = 0; i < WORKERS; i++)
		child_hear(&children[i]);
	for (i = 0; i < WORKERS; i++)
		child_say(&children[i]);
	for (i = 0; i < WORKERS; i++)
		child_end(&children[i]);
	check_sums(floats);
}
END_TEST

START_TEST(no_add_or_cas_of_threads_is_lost)
{
	struct zipc_array *floats;
	pthread_t threads[WORKERS];
	int i;

	made("u64", 2);
	ck_rc(zipc_array_create(&floats, segment, "f", "f64", 1), 0);
	for (i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						open_and_work_in_a_thread,
						NULL), 0);
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	check_sums(floats);
}
END_TEST

/* Writes values whose halves agree, and a message before a flag. */
static void *set_pairs(void *unused)
{
	struct zipc_array *mine;
	uint64_t i, value;

	(void)unused;
	ck_rc(zipc_array_open(&mine, segment, "a", "u64"), 0);
	for (i = 1; i <= 200000; i++) {
		value = i << 32 | i;
		ck_rc(zipc_array_set(mine, 0, &value), 0);
		ck_rc(zipc_array_set(mine, 1, &i), 0);
	}
	zipc_array_close(mine);
	return NULL;
}

START_TEST(a_scalar_is_never_torn_and_what_came_before_a_set_is_seen)
{
	pthread_t thread;
	uint64_t flag, value;

	made("u64", 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, set_pairs, NULL), 0);
	do {
		ck_rc(zipc_array_get(array, 1, &flag), 0);
		ck_rc(zipc_array_get(array, 0, &value), 0);
		ck_assert_uint_eq(value >> 32, (uint32_t)value);
		ck_assert_uint_ge((uint32_t)value, flag);
	} while (flag < 200000);
	pthread_join(thread, NULL);
	gone();
}
END_TEST

/* A victim dies in the middle of adds: its last one happened or did not. */
static void add_for_ever(void *context)
{
	_Atomic uint64_t *done = context;
	struct zipc_segment *mine;
	struct zipc_array *ints;
	uint64_t one = 1;

	ck_rc(zipc_segment_open(&mine, segment_name, 0), 0);
	ck_rc(zipc_array_open(&ints, mine, "a", "u64"), 0);
	tell_parent();
	for (;;) {
		ck_rc(zipc_array_add(ints, 0, &one), 0);
		atomic_fetch_add(done, 1);
	}
}

START_TEST(a_killed_add_happened_wholly_or_not_at_all)
{
	_Atomic uint64_t *done = shared_memory(sizeof(*done));
	struct child child;
	uint64_t sum = 0, known;
	unsigned round;

	made("u64", 1);
	for (round = 1; round <= 50; round++) {
		child = child_start(add_for_ever, (void *)done);
		child_hear(&child);
		known = atomic_load(done);
		while (atomic_load(done) < known + 10 * round)
			sched_yield();
		child_kill(&child);
		ck_rc(zipc_array_get(array, 0, &sum), 0);
		known = atomic_load(done);
		ck_assert_uint_ge(sum, known);
		ck_assert_uint_le(sum, known + 1);
		atomic_store(done, sum);
	}
	gone();
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static Suite *array_suite(void)
{
	Suite *suite = suite_create("array");
	TCase *tc = test_case(suite, "array", "fast", 60);

	tcase_add_test(
		tc, elements_are_zero_at_first_and_only_those_inside_are_there);
	tcase_add_test(tc,
		       an_index_beyond_the_end_is_refused_by_every_operation);
	tcase_add_loop_test(tc, an_element_of_any_size_is_written_and_read_whole,
			    0, COUNT(sizes));
	tcase_add_test(tc, plain_access_and_get_and_set_see_the_same);
	tcase_add_loop_test(tc, add_gives_the_sum_and_the_value_from_before, 0,
			    6);
	tcase_add_test(tc, adding_to_what_is_no_number_ends_and_gives_none);
	tcase_add_loop_test(tc, cas_swaps_equal_bytes_and_else_gives_what_is_there,
			    0, 6);
	tcase_add_loop_test(tc, only_numbers_of_4_and_8_bytes_are_changed_in_place,
			    0, COUNT(no_numbers));
	tcase_add_test(tc, a_reader_sees_what_a_writer_sets_and_changes_nothing);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_test(tc, no_add_or_cas_of_processes_is_lost);
	tcase_add_test(tc, no_add_or_cas_of_threads_is_lost);
	tcase_add_test(tc,
		       a_scalar_is_never_torn_and_what_came_before_a_set_is_seen);
	tcase_add_test(tc, a_killed_add_happened_wholly_or_not_at_all);
	return suite;
}

TEST_MAIN(array_suite)
