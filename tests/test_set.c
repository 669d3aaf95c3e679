/* SPDX-License-Identifier: MIT */
/* Sets: each operation and each error; the table below is the Map's. */
#include <zipc/set.h>

#include "children.h"
#include "harness.h"
#include "no_calls.h"

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("set"), 32 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	const char *name = test_name("set");

	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}

static struct zipc_set *new_set(const char *type, uint64_t capacity)
{
	struct zipc_set *set;

	ck_rc(zipc_set_create(&set, segment, "s", type, capacity), 0);
	return set;
}

START_TEST(what_is_added_is_there_until_it_is_removed)
{
	struct zipc_set *set = new_set("u64", 10);
	uint64_t key = 7;

	ck_assert_uint_eq(zipc_set_capacity(set), 10);
	ck_assert_str_eq(zipc_type_text(zipc_set_type(set)), "u64");
	ck_assert_int_eq(zipc_set_has(set, &key), 0);
	ck_rc(zipc_set_remove(set, &key), -ENOENT);
	ck_rc(zipc_set_add(set, &key), 0);
	ck_rc(zipc_set_add(set, &key), -EEXIST);
	ck_assert_int_eq(zipc_set_has(set, &key), 1);
	ck_assert_uint_eq(zipc_set_size(set), 1);
	ck_rc(zipc_set_remove(set, &key), 0);
	ck_assert_int_eq(zipc_set_has(set, &key), 0);
	ck_assert_uint_eq(zipc_set_size(set), 0);
	zipc_set_close(set);
	zipc_set_close(NULL);
}
END_TEST

static const unsigned sizes[] = { 1, 3, 8, 9, 16, 200, 65536 };

START_TEST(keys_of_any_size_are_told_apart)
{
	unsigned size = sizes[_i], i;
	unsigned char *key = calloc(1, size);
	struct zipc_set *set;
	char type[32];

	snprintf(type, sizeof(type), "bytes:%u", size);
	set = new_set(type, 100);
	for (i = 0; i < 100; i++) {
		key[size - 1] = (unsigned char)i;
		ck_rc(zipc_set_add(set, key), 0);
	}
	key[size - 1] = 100;
	ck_rc(zipc_set_add(set, key), -ENOSPC);
	for (i = 0; i < 200; i++) {
		key[size - 1] = (unsigned char)i;
		ck_assert_int_eq(zipc_set_has(set, key), i < 100);
	}
	zipc_set_close(set);
	free(key);
}
END_TEST

START_TEST(walking_gives_each_key_once)
{
	struct zipc_set *set = new_set("u16", 1000);
	struct zipc_set_iterator *iterator;
	uint8_t given[1000] = { 0 };
	uint16_t key;
	int n = 0;

	for (key = 0; key < 1000; key++)
		ck_rc(zipc_set_add(set, &key), 0);
	ck_rc(zipc_set_iterator_open(&iterator, set), 0);
	for (; zipc_set_next(iterator, &key); n++) {
		ck_assert_uint_lt(key, 1000);
		ck_assert_uint_eq(given[key]++, 0);
	}
	ck_assert_int_eq(n, 1000);
	zipc_set_iterator_close(iterator);
	zipc_set_close(set);
}
END_TEST

START_TEST(opening_checks_kind_and_type)
{
	static const struct zipc_set_options many = { .max_writers = 4097 };
	static const struct zipc_set_options one = { .max_writers = 1 };
	struct zipc_set *set = new_set("u32", 10), *other;
	struct zipc_map *map;
	uint32_t key = 1;

	ck_rc(zipc_set_create(&other, segment, "s", "u32", 10), -EEXIST);
	ck_rc(zipc_set_open(&other, segment, "s", "i32"), -EPROTOTYPE);
	ck_rc(zipc_set_open(&other, segment, "t", NULL), -ENOENT);
	ck_rc(zipc_map_open(&map, segment, "s", NULL, NULL), -EPROTOTYPE);
	ck_message("of kind set");
	ck_rc(zipc_set_create(&other, segment, "t", "{a:u8, b:u32}", 1),
	      -EINVAL);
	ck_message("between the fields `a` and `b`");
	ck_rc(zipc_set_create(&other, segment, "t", "u8", 0), -EINVAL);
	ck_rc(zipc_set_create_with(&other, segment, "t", "u8", 1, &many),
	      -EINVAL);
	ck_rc(zipc_set_open_or_create(&other, segment, "s", "u32", 10), 0);
	zipc_set_close(other);
	zipc_set_close(set);
	ck_rc(zipc_set_create_with(&set, segment, "t", "u32", 10, &one), 0);
	ck_rc(zipc_set_open(&other, segment, "t", NULL), 0);
	ck_rc(zipc_set_add(set, &key), 0);
	ck_rc(zipc_set_remove(other, &key), -EUSERS);
	zipc_set_close(set);
	ck_rc(zipc_set_remove(other, &key), 0);
	zipc_set_close(other);
}
END_TEST

START_TEST(through_a_read_only_segment_it_only_answers)
{
	struct zipc_set *set = new_set("u64", 10), *watch;
	struct zipc_segment *mine;
	uint64_t key = 1;

	ck_rc(zipc_set_add(set, &key), 0);
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_set_open(&watch, mine, "s", NULL), 0);
	ck_assert_int_eq(zipc_set_has(watch, &key), 1);
	ck_assert_uint_eq(zipc_set_size(watch), 1);
	ck_rc(zipc_set_add(watch, &key), -EROFS);
	ck_rc(zipc_set_remove(watch, &key), -EROFS);
	zipc_set_close(watch);
	zipc_segment_close(mine);
	zipc_set_close(set);
}
END_TEST

static void add_first(void *set)
{
	uint64_t key = UINT64_MAX;

	ck_rc(zipc_set_add(set, &key), 0);
}

static void use(void *set)
{
	uint64_t i;

	for (i = 0; i < 200; i++) {
		zipc_set_add(set, &i);
		zipc_set_has(set, &i);
		if (i % 2)
			zipc_set_remove(set, &i);
	}
}

START_TEST(no_operation_makes_a_system_call)
{
	struct zipc_set *set = new_set("u64", 64);

	must_make_no_system_call(add_first, use, set);
	must_make_a_system_call(NULL, use, set);
	zipc_set_close(set);
}
END_TEST

static Suite *set_suite(void)
{
	Suite *suite = suite_create("set");
	TCase *tc = test_case(suite, "set", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_is_added_is_there_until_it_is_removed);
	tcase_add_loop_test(tc, keys_of_any_size_are_told_apart, 0,
			    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tc, walking_gives_each_key_once);
	tcase_add_test(tc, opening_checks_kind_and_type);
	tcase_add_test(tc, through_a_read_only_segment_it_only_answers);
	tcase_add_test(tc, no_operation_makes_a_system_call);
	return suite;
}

TEST_MAIN(set_suite)
