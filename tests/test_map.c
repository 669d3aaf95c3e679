/* SPDX-License-Identifier: MIT */
/*
 * Maps: each operation, each error, keys and values of many sizes, the exact
 * capacity, and what is damaged.
 */
#include <zipc/map.h>

#include "../libzeroipc/hopscotch.h"

#include <sys/wait.h>

#include "children.h"
#include "harness.h"
#include "no_calls.h"

#define MIB (UINT64_C(1) << 20)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("map"), 64 * MIB, NULL),
	      0);
}

static void tear_down(void)
{
	const char *name = test_name("map");

	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}

static struct zipc_map *new_map(const char *key, const char *value,
				uint64_t capacity)
{
	struct zipc_map *map;

	ck_rc(zipc_map_create(&map, segment, "m", key, value, capacity), 0);
	return map;
}

/* The table stands first in a map. */
static struct zipc_hopscotch *table_of(struct zipc_map *map)
{
	return (struct zipc_hopscotch *)(void *)map;
}

static void must_have(struct zipc_map *map, uint64_t key, uint64_t value)
{
	uint64_t found = ~value;

	ck_rc(zipc_map_get(map, &key, &found), 0);
	ck_assert_uint_eq(found, value);
}

static void must_lack(struct zipc_map *map, uint64_t key)
{
	uint64_t found;

	ck_rc(zipc_map_get(map, &key, &found), -ENOENT);
}

START_TEST(what_is_put_is_there_until_it_is_removed)
{
	struct zipc_map *map = new_map("u64", "u64", 10);
	uint64_t key = 7, value = 70, old = 0;

	ck_assert_uint_eq(zipc_map_capacity(map), 10);
	ck_assert_uint_eq(zipc_map_size(map), 0);
	ck_assert_str_eq(zipc_type_text(zipc_map_key_type(map)), "u64");
	ck_assert_str_eq(zipc_type_text(zipc_map_value_type(map)), "u64");
	must_lack(map, 7);
	ck_rc(zipc_map_remove(map, &key, NULL), -ENOENT);
	ck_rc(zipc_map_put(map, &key, &value), 0);
	must_have(map, 7, 70);
	must_lack(map, 8);
	ck_assert_uint_eq(zipc_map_size(map), 1);
	value = 71;
	ck_rc(zipc_map_put(map, &key, &value), 0);
	must_have(map, 7, 71);
	ck_assert_uint_eq(zipc_map_size(map), 1);
	ck_rc(zipc_map_remove(map, &key, &old), 0);
	ck_assert_uint_eq(old, 71);
	must_lack(map, 7);
	ck_assert_uint_eq(zipc_map_size(map), 0);
	zipc_map_close(map);
	zipc_map_close(NULL);
}
END_TEST

START_TEST(insert_wants_a_new_key_and_replace_one_that_is_there)
{
	struct zipc_map *map = new_map("u64", "u64", 10);
	uint64_t key = 7, value = 70;

	ck_rc(zipc_map_replace(map, &key, &value), -ENOENT);
	ck_message("no such key");
	must_lack(map, 7);
	ck_rc(zipc_map_insert(map, &key, &value), 0);
	value = 71;
	ck_rc(zipc_map_insert(map, &key, &value), -EEXIST);
	ck_message("key");
	must_have(map, 7, 70);
	ck_rc(zipc_map_replace(map, &key, &value), 0);
	must_have(map, 7, 71);
	zipc_map_close(map);
}
END_TEST

/* Sizes of keys and values. */
static const struct {
	unsigned key, value;
} sizes[] = { { 1, 1 },	 { 2, 3 },  { 3, 8 },	{ 7, 200 },    { 8, 1 },
	      { 8, 8 },	 { 8, 64 }, { 9, 9 },	{ 16, 8 },     { 200, 200 },
	      { 24, 0x10000 }, { 0x10000, 8 }, { 8, 1 << 20 } };

static void fill(unsigned char *bytes, unsigned size, unsigned n, unsigned salt)
{
	unsigned i;

	for (i = 0; i < size; i++)
		bytes[i] = (unsigned char)(n * 31 + i * 7 + i / 256 + salt);
	bytes[0] = (unsigned char)n;
}

START_TEST(keys_and_values_of_any_size_are_whole)
{
	unsigned key_size = sizes[_i].key, value_size = sizes[_i].value, i;
	unsigned char *key = malloc(key_size), *value = malloc(value_size + 1),
		      *found = malloc(value_size + 1);
	char key_type[32], value_type[32];
	struct zipc_map *map;

	snprintf(key_type, sizeof(key_type), "bytes:%u", key_size);
	snprintf(value_type, sizeof(value_type), "bytes:%u", value_size);
	map = new_map(key_type, value_type, 20);
	for (i = 0; i < 20; i++) {
		fill(key, key_size, i, 1);
		fill(value, value_size, i, 2);
		ck_rc(zipc_map_insert(map, key, value), 0);
	}
	for (i = 0; i < 20; i++) {
		fill(key, key_size, i, 1);
		fill(value, value_size, i, 2);
		found[value_size] = 0xA5;
		ck_rc(zipc_map_get(map, key, found), 0);
		ck_assert_mem_eq(value, found, value_size);
		ck_assert_uint_eq(found[value_size], 0xA5);
		key[key_size - 1] ^= 0x40;
		ck_rc(zipc_map_get(map, key, found), -ENOENT);
	}
	for (i = 0; i < 20; i++) {
		fill(key, key_size, i, 1);
		ck_rc(zipc_map_remove(map, key, found), 0);
		fill(value, value_size, i, 2);
		ck_assert_mem_eq(value, found, value_size);
	}
	ck_assert_uint_eq(zipc_map_size(map), 0);
	zipc_map_close(map);
	free(key);
	free(value);
	free(found);
}
END_TEST

START_TEST(cas_swaps_equal_bytes_and_else_gives_what_is_there)
{
	struct zipc_map *map = new_map("u64", "bytes:24", 10);
	char was[24] = "what was", is[24] = "what is", seen[24];
	uint64_t key = 1;

	memcpy(seen, was, 24);
	ck_rc(zipc_map_cas(map, &key, seen, is), -ENOENT);
	ck_rc(zipc_map_put(map, &key, was), 0);
	ck_rc(zipc_map_cas(map, &key, seen, is), 0);
	ck_rc(zipc_map_get(map, &key, seen), 0);
	ck_assert_mem_eq(seen, is, 24);
	memcpy(seen, was, 24);
	ck_rc(zipc_map_cas(map, &key, seen, was), -EAGAIN);
	ck_assert_mem_eq(seen, is, 24);
	ck_rc(zipc_map_get(map, &key, seen), 0);
	ck_assert_mem_eq(seen, is, 24);
	zipc_map_close(map);
}
END_TEST

static const char *const numbers[] = { "u64", "i64", "u32", "i32",
				       "f64", "f32" };

/* A number of a type, as bytes. */
static void number(const char *type, double n, void *bytes)
{
	struct zipc_type *parsed;
	char text[32];

	snprintf(text, sizeof(text), "%.0f", n);
	ck_rc(zipc_type_parse(&parsed, type, SIZE_MAX), 0);
	ck_rc(zipc_value_parse(parsed, text, bytes), 0);
	zipc_type_free(parsed);
}

START_TEST(add_gives_the_sum_and_the_value_from_before)
{
	const char *type = numbers[_i];
	struct zipc_map *map = new_map("u64", type, 10);
	uint64_t key = 1, value = 0, wanted = 0;

	number(type, 40, &value);
	ck_rc(zipc_map_add(map, &key, &value), -ENOENT);
	ck_rc(zipc_map_put(map, &key, &value), 0);
	number(type, 2, &value);
	ck_rc(zipc_map_fetch_add(map, &key, &value, &value), 0);
	number(type, 40, &wanted);
	ck_assert_uint_eq(value, wanted);
	number(type, 3, &value);
	ck_rc(zipc_map_add(map, &key, &value), 0);
	ck_rc(zipc_map_get(map, &key, &value), 0);
	number(type, 45, &wanted);
	ck_assert_uint_eq(value, wanted);
	zipc_map_close(map);
}
END_TEST

static const char *const no_numbers[] = { "u8",	 "i16",	   "bool",
					  "u16", "bytes:8", "u64[1]",
					  "{n:u64}" };

START_TEST(only_numbers_of_4_and_8_bytes_are_added)
{
	struct zipc_map *map = new_map("u64", no_numbers[_i], 10);
	uint64_t key = 1, value = 1;

	ck_rc(zipc_map_put(map, &key, &value), 0);
	ck_rc(zipc_map_add(map, &key, &value), -EPROTOTYPE);
	ck_message(no_numbers[_i]);
	ck_rc(zipc_map_fetch_add(map, &key, &value, &value), -EPROTOTYPE);
	zipc_map_close(map);
}
END_TEST

static const uint64_t capacities[] = { 1,  2,	3,   10,  63,  64,   65,
				       66, 100, 127, 128, 500, 5000, 30000 };

/* Keys without a pattern, all different. */
static uint64_t nth_key(uint64_t n)
{
	return n * UINT64_C(0x9E3779B97F4A7C15) + 1;
}

static void must_be_full_of(struct zipc_map *map, uint64_t first, uint64_t n)
{
	uint64_t i, key = nth_key(first + n), value = 1;

	ck_rc(zipc_map_put(map, &key, &value), -ENOSPC);
	ck_message("full");
	ck_rc(zipc_map_insert(map, &key, &value), -ENOSPC);
	must_lack(map, key);
	ck_assert_uint_eq(zipc_map_size(map), n);
	for (i = first; i < first + n; i++)
		must_have(map, nth_key(i), i);
}

START_TEST(the_capacity_is_exact_and_full_loses_nothing)
{
	uint64_t capacity = capacities[_i], i, key, value;
	struct zipc_map *map = new_map("u64", "u64", capacity);

	for (i = 0; i < capacity; i++) {
		key = nth_key(i);
		ck_rc(zipc_map_insert(map, &key, &i), 0);
	}
	must_be_full_of(map, 0, capacity);
	/* What is there can be changed. */
	key = nth_key(0);
	value = 5;
	ck_rc(zipc_map_put(map, &key, &value), 0);
	ck_rc(zipc_map_replace(map, &key, &value), 0);
	ck_rc(zipc_map_insert(map, &key, &value), -EEXIST);
	ck_rc(zipc_map_add(map, &key, &value), 0);
	value = 10;
	ck_rc(zipc_map_cas(map, &key, &value, &key), 0);
	must_have(map, key, key);
	/* One goes, one comes: many times over. */
	for (i = 0; i < 2 * capacity + 100; i++) {
		key = nth_key(i);
		ck_rc(zipc_map_remove(map, &key, NULL), 0);
		key = nth_key(i + capacity);
		value = i + capacity;
		ck_rc(zipc_map_insert(map, &key, &value), 0);
	}
	must_be_full_of(map, i, capacity);
	zipc_map_close(map);
}
END_TEST

START_TEST(what_one_handle_fills_another_finds_full)
{
	struct zipc_map *map = new_map("u64", "u64", 20000), *other;
	uint64_t i, key = nth_key(UINT32_MAX);

	ck_rc(zipc_map_open(&other, segment, "m", NULL, NULL), 0);
	/* This one may insert some more before it looks again. */
	ck_rc(zipc_map_put(other, &key, &key), 0);
	for (i = 1; i < 20000; i++) {
		key = nth_key(i);
		ck_rc(zipc_map_insert(map, &key, &i), 0);
	}
	key = nth_key(20000);
	ck_rc(zipc_map_insert(other, &key, &i), -ENOSPC);
	ck_rc(zipc_map_insert(map, &key, &i), -ENOSPC);
	ck_assert_uint_eq(zipc_map_size(other), 20000);
	zipc_map_close(other);
	zipc_map_close(map);
}
END_TEST

START_TEST(opening_checks_kind_and_both_types)
{
	struct zipc_map *map = new_map("u32", "f32[3]", 10), *other;
	struct zipc_queue *queue;

	ck_rc(zipc_map_create(&other, segment, "m", "u32", "f32", 10), -EEXIST);
	ck_rc(zipc_map_open(&other, segment, "n", NULL, NULL), -ENOENT);
	ck_rc(zipc_map_open(&other, segment, "m", NULL, NULL), 0);
	zipc_map_close(other);
	ck_rc(zipc_map_open(&other, segment, "m", " u32 ", "f32[ 3 ]"), 0);
	zipc_map_close(other);
	ck_rc(zipc_map_open(&other, segment, "m", "u32", NULL), 0);
	zipc_map_close(other);
	ck_rc(zipc_map_open(&other, segment, "m", "i32", NULL), -EPROTOTYPE);
	ck_message("has keys of type u32, not i32");
	ck_rc(zipc_map_open(&other, segment, "m", NULL, "f32[4]"), -EPROTOTYPE);
	ck_message("has values of type f32[3], not f32[4]");
	ck_rc(zipc_map_open(&other, segment, "m", "u33", NULL), -EINVAL);
	ck_message("key type: column");
	ck_rc(zipc_queue_open(&queue, segment, "m", NULL), -EPROTOTYPE);
	ck_message("of kind map");
	ck_rc(zipc_queue_create(&queue, segment, "q", "u8", 1), 0);
	ck_rc(zipc_map_open(&other, segment, "q", NULL, NULL), -EPROTOTYPE);
	zipc_queue_close(queue);
	zipc_map_close(map);
}
END_TEST

START_TEST(open_or_create_opens_what_is_the_same)
{
	struct zipc_map *map, *other;
	uint64_t key = 1;

	ck_rc(zipc_map_open_or_create(&map, segment, "m", "u64", "u64", 10), 0);
	ck_rc(zipc_map_put(map, &key, &key), 0);
	ck_rc(zipc_map_open_or_create(&other, segment, "m", "u64", "u64", 10),
	      0);
	must_have(other, 1, 1);
	zipc_map_close(other);
	ck_rc(zipc_map_open_or_create(&other, segment, "m", "u64", "u64", 11),
	      -EPROTOTYPE);
	ck_rc(zipc_map_open_or_create(&other, segment, "m", "u64", "u32", 10),
	      -EPROTOTYPE);
	ck_message("field value");
	zipc_map_close(map);
}
END_TEST

/* Types of keys, and what their refusal says. */
static const struct {
	const char *type, *words;
} padded[] = {
	{ "{a:u8, b:u16}", "1 bytes of padding lie between the fields `a` and "
			   "`b`" },
	{ "{a:u64, b:u8}", "7 bytes of padding follow the last field `b`" },
	{ "{id:u32, pos:{x:f32, y:f64}}", "between the fields `id` and `pos`" },
	{ "{pos:{x:f32, y:f64}}", "field pos: 4 bytes of padding lie between "
				  "the fields `x` and `y`" },
	{ "{a:u16, b:u8}[4]", "element []: 1 bytes of padding follow the last "
			      "field `b`" },
	{ "{p:{k:u8, n:u32}[2]}", "field p[]: 3 bytes of padding lie between "
				  "the fields `k` and `n`" },
};

START_TEST(a_key_with_padding_is_refused_and_the_gap_is_named)
{
	struct zipc_map *map;

	ck_rc(zipc_map_create(&map, segment, "m", padded[_i].type, "u8", 1),
	      -EINVAL);
	ck_message("`m`");
	ck_message(padded[_i].words);
	/* Of a value padding is no harm. */
	map = new_map("u8", padded[_i].type, 1);
	zipc_map_close(map);
}
END_TEST

START_TEST(a_key_without_padding_may_be_any_record)
{
	struct zipc_map *map = new_map("{a:u64, b:{c:u8[3], d:u8}[2]}", "u8", 2);
	struct {
		uint64_t a;
		uint8_t b[8];
	} key = { 1, { 2 } };
	uint8_t value = 9;

	ck_rc(zipc_map_put(map, &key, &value), 0);
	key.b[7] = 1;
	ck_rc(zipc_map_get(map, &key, &value), -ENOENT);
	key.b[7] = 0;
	ck_rc(zipc_map_get(map, &key, &value), 0);
	zipc_map_close(map);
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
	static const struct zipc_map_options many = { .max_writers = 4097 };
	struct zipc_map *map;

	ck_rc(zipc_map_create(&map, segment, "m", "bytes:65537", "u8", 1),
	      -EINVAL);
	ck_message("65536");
	ck_rc(zipc_map_create(&map, segment, "m", "u8", "bytes:1048577", 1),
	      -EINVAL);
	ck_message("1048576");
	ck_rc(zipc_map_create(&map, segment, "m", "u8", "u8", 0), -EINVAL);
	ck_rc(zipc_map_create(&map, segment, "m", "u8", "u8", 2 * MIB), -ENOSPC);
	ck_rc(zipc_map_create(&map, segment, "m", "u8", "u8", UINT64_MAX),
	      -ENOSPC);
	ck_rc(zipc_map_create(&map, segment, "m", "u8", "u8", UINT64_MAX / 48),
	      -ENOSPC);
	ck_rc(zipc_map_create_with(&map, segment, "m", "u8", "u8", 1, &many),
	      -EINVAL);
	ck_rc(zipc_map_create(&map, segment, "m", "u8", "", 1), -EINVAL);
	ck_message("value type: column 1");
}
END_TEST

START_TEST(walking_gives_each_entry_once)
{
	struct zipc_map *map = new_map("u64", "u64", 3000);
	struct zipc_map_iterator *iterator;
	uint64_t i, key, value;
	uint8_t given[3000] = { 0 };

	ck_rc(zipc_map_iterator_open(&iterator, map), 0);
	ck_assert_int_eq(zipc_map_next(iterator, &key, &value), 0);
	zipc_map_iterator_close(iterator);
	for (i = 0; i < 3000; i++)
		ck_rc(zipc_map_put(map, &i, &(uint64_t){ i * 3 }), 0);
	ck_rc(zipc_map_iterator_open(&iterator, map), 0);
	for (i = 0; zipc_map_next(iterator, &key, &value); i++) {
		ck_assert_uint_lt(key, 3000);
		ck_assert_uint_eq(value, 3 * key);
		ck_assert_uint_eq(given[key]++, 0);
	}
	ck_assert_uint_eq(i, 3000);
	ck_assert_int_eq(zipc_map_next(iterator, &key, &value), 0);
	zipc_map_iterator_close(iterator);
	ck_rc(zipc_map_iterator_open(&iterator, map), 0);
	for (i = 0; zipc_map_next(iterator, NULL, NULL); i++)
		;
	ck_assert_uint_eq(i, 3000);
	zipc_map_iterator_close(iterator);
	zipc_map_close(map);
}
END_TEST

START_TEST(through_a_read_only_segment_it_only_answers)
{
	struct zipc_map *map = new_map("u64", "u64", 10), *watch;
	struct zipc_map_iterator *iterator;
	struct zipc_segment *mine;
	uint64_t key = 1, value = 2;

	ck_rc(zipc_map_put(map, &key, &value), 0);
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_map_open(&watch, mine, "m", NULL, NULL), 0);
	must_have(watch, 1, 2);
	must_lack(watch, 2);
	ck_assert_uint_eq(zipc_map_size(watch), 1);
	ck_rc(zipc_map_iterator_open(&iterator, watch), 0);
	ck_assert_int_eq(zipc_map_next(iterator, &key, &value), 1);
	zipc_map_iterator_close(iterator);
	ck_rc(zipc_map_put(watch, &key, &value), -EROFS);
	ck_rc(zipc_map_insert(watch, &key, &value), -EROFS);
	ck_rc(zipc_map_replace(watch, &key, &value), -EROFS);
	ck_rc(zipc_map_remove(watch, &key, &value), -EROFS);
	ck_rc(zipc_map_cas(watch, &key, &value, &value), -EROFS);
	ck_rc(zipc_map_add(watch, &key, &value), -EROFS);
	zipc_map_close(watch);
	zipc_segment_close(mine);
	zipc_map_close(map);
}
END_TEST

START_TEST(who_only_reads_is_told_that_it_was_removed)
{
	struct zipc_map *map = new_map("u64", "u64", 10), *watch, *again;
	struct zipc_map_iterator *iterator;
	struct zipc_segment *mine;
	uint64_t key = 1, value = 2;

	ck_rc(zipc_map_put(map, &key, &value), 0);
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_map_open(&watch, mine, "m", NULL, NULL), 0);
	ck_rc(zipc_map_iterator_open(&iterator, watch), 0);
	ck_rc(zipc_segment_remove(segment, "m"), 0);
	ck_rc(zipc_map_get(watch, &key, &value), -ENOENT);
	ck_message("was removed");
	ck_rc(zipc_map_next(iterator, &key, &value), -ENOENT);
	ck_assert_uint_eq(zipc_map_size(watch), 0);
	zipc_map_iterator_close(iterator);
	/* Who has it open for writing goes on with it. */
	must_have(map, 1, 2);
	ck_rc(zipc_map_put(map, &value, &key), 0);
	ck_assert_uint_eq(zipc_map_size(map), 2);
	ck_rc(zipc_map_create(&again, segment, "m", "u64", "u64", 10), 0);
	must_lack(again, 1);
	zipc_map_close(again);
	zipc_map_close(watch);
	zipc_segment_close(mine);
	zipc_map_close(map);
}
END_TEST

/* inspection */

struct entry {
	uint16_t key;
	double value[3];
};

START_TEST(inspection_shows_entries_as_records)
{
	struct zipc_map *map = new_map("u16", "f64[3]", 500);
	struct zipc_view_entry it;
	struct zipc_view *view;
	struct entry entries[600];
	uint64_t ids[600], i, n = 300;
	uint8_t shown[300] = { 0 };

	for (i = 0; i < n; i++) {
		double value[3] = { (double)i, (double)i / 2, -(double)i };

		ck_rc(zipc_map_put(map, &(uint16_t){ (uint16_t)i }, value), 0);
	}
	ck_rc(zipc_map_remove(map, &(uint16_t){ 299 }, NULL), 0);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "m", &it), 0);
	ck_assert_str_eq(it.kind_name, "map");
	ck_assert_str_eq(it.type, "{key:u16, value:f64[3]}");
	ck_assert_uint_eq(it.elem_size, sizeof(struct entry));
	ck_assert_uint_eq(it.size, 299);
	ck_assert_uint_eq(it.capacity, 500);
	ck_assert_uint_eq(it.added, 300);
	ck_assert_uint_eq(it.removed, 1);
	/* In three parts, the last of which is cut. */
	ck_rc(zipc_view_elements(view, &it, 0, 100, entries, ids), 100);
	ck_rc(zipc_view_elements(view, &it, 100, 150, entries + 100, ids + 100),
	      150);
	ck_rc(zipc_view_elements(view, &it, 250, 300, entries + 250, ids + 250),
	      49);
	ck_rc(zipc_view_elements(view, &it, 299, 1, entries, NULL), 0);
	for (i = 0; i < 299; i++) {
		ck_assert_uint_eq(ids[i], i);
		ck_assert_uint_lt(entries[i].key, 299);
		ck_assert_uint_eq(shown[entries[i].key]++, 0);
		ck_assert(entries[i].value[1] == entries[i].key / 2.0);
		ck_assert(entries[i].value[2] == -(double)entries[i].key);
	}
	zipc_view_close(view);
	zipc_map_close(map);
}
END_TEST

#define WORDS 128

static void put_for_ever(void *unused)
{
	uint64_t value[WORDS], key, n;
	struct zipc_map *map;
	int i;

	(void)unused;
	ck_rc(zipc_map_open(&map, segment, "m", NULL, NULL), 0);
	for (n = 0;; n++) {
		key = n % 50;
		for (i = 0; i < WORDS; i++)
			value[i] = n;
		ck_rc(zipc_map_put(map, &key, value), 0);
		if (n == 50)
			tell_parent();
	}
}

/* Also of values that are read in more than one call of the kernel. */
START_TEST(inspection_of_what_changes_shows_only_whole_values)
{
	struct zipc_map *map = new_map("u64", "u64[128]", 60);
	static uint64_t entries[60][1 + WORDS];
	struct zipc_view_entry it;
	struct zipc_view *view;
	struct child child;
	int64_t n, i;
	int round, k;

	child = child_start(put_for_ever, NULL);
	child_hear(&child);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	for (round = 0; round < 300; round++) {
		ck_rc(zipc_view_find(view, "m", &it), 0);
		ck_assert_uint_eq(it.size, 50);
		n = zipc_view_elements(view, &it, 0, 60, entries, NULL);
		ck_assert_int_ge(n, 0);
		ck_assert_int_le(n, 50);
		for (i = 0; i < n; i++) {
			ck_assert_uint_lt(entries[i][0], 50);
			ck_assert_uint_eq(entries[i][1] % 50, entries[i][0]);
			for (k = 2; k <= WORDS; k++)
				ck_assert_uint_eq(entries[i][k], entries[i][1]);
		}
	}
	child_kill(&child);
	zipc_view_close(view);
	zipc_map_close(map);
}
END_TEST

START_TEST(inspection_of_a_table_that_does_not_fit_is_told)
{
	struct zipc_map *map = new_map("u64", "u64", 8);
	struct zipc_view_entry it;
	struct zipc_found found;
	struct zipc_view *view;

	ck_rc(zipc_table_find(&found, segment, "m", ZIPC_MAP, NULL), 0);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "m", &it), 0);
	((struct zipc_hop *)(void *)found.body)->cells = 1 << 20;
	ck_rc(zipc_view_find(view, "m", &it), -EBADMSG);
	((struct zipc_hop *)(void *)found.body)->cells = 0;
	ck_rc(zipc_view_find(view, "m", &it), -EBADMSG);
	((struct zipc_hop *)(void *)found.body)->cell_bytes = 32;
	ck_rc(zipc_view_find(view, "m", &it), -EBADMSG);
	zipc_view_close(view);
	zipc_table_release(&found);
	zipc_map_close(map);
}
END_TEST

static void must_end_well(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status),
		      "the child ended with 0x%x", (unsigned)status);
}

START_TEST(writers_places_are_counted_and_come_back)
{
	static const struct zipc_map_options two = { .max_writers = 2 };
	struct zipc_map *map[4];
	uint64_t key = 1;
	pid_t child;
	int i;

	ck_rc(zipc_map_create_with(&map[0], segment, "m", "u64", "u64", 10,
				   &two), 0);
	for (i = 1; i < 4; i++)
		ck_rc(zipc_map_open(&map[i], segment, "m", NULL, NULL), 0);
	ck_rc(zipc_map_put(map[0], &key, &key), 0);
	child = fork(); /* dies with a place */
	if (!child)
		_exit(zipc_map_put(map[1], &key, &key) ? 1 : 0);
	must_end_well(child);
	ck_rc(zipc_map_remove(map[2], &key, NULL), 0);
	ck_rc(zipc_map_put(map[3], &key, &key), -EUSERS);
	ck_message("max_writers");
	must_lack(map[3], 1);
	zipc_map_close(map[2]);
	ck_rc(zipc_map_put(map[3], &key, &key), 0);
	for (i = 0; i < 4; i++)
		if (i != 2)
			zipc_map_close(map[i]);
}
END_TEST

START_TEST(a_forked_child_goes_on_with_the_handle)
{
	struct zipc_map *map = new_map("u64", "u64", 100);
	uint64_t key, i;
	pid_t child;

	key = 0;
	ck_rc(zipc_map_put(map, &key, &key), 0);
	child = fork();
	for (i = 1; i <= 20; i++) {
		key = child ? i : 1000 * i;
		if (zipc_map_insert(map, &key, &key) && !child)
			_exit(1);
	}
	if (!child) {
		zipc_map_close(map);
		zipc_segment_close(segment);
		_exit(0);
	}
	must_end_well(child);
	for (i = 1; i <= 20; i++) {
		must_have(map, i, i);
		must_have(map, 1000 * i, 1000 * i);
	}
	ck_assert_uint_eq(zipc_map_size(map), 41);
	zipc_map_close(map);
}
END_TEST

static void put_first(void *map)
{
	uint64_t key = UINT64_MAX;

	ck_rc(zipc_map_put(map, &key, &key), 0);
}

static void use(void *map)
{
	uint64_t i, key, value;

	for (i = 0; i < 500; i++) {
		key = i % 50;
		zipc_map_put(map, &key, &i);
		value = i;
		zipc_map_cas(map, &key, &value, &key);
		zipc_map_add(map, &key, &key);
		zipc_map_get(map, &key, &value);
		key = i % 20;
		zipc_map_insert(map, &key, &i);
		zipc_map_remove(map, &key, &value);
	}
}

START_TEST(no_operation_makes_a_system_call)
{
	struct zipc_map *map = new_map("u64", "u64", 64);

	must_make_no_system_call(put_first, use, map);
	/* The filter is in force: a first change looks for a place. */
	must_make_a_system_call(NULL, use, map);
	zipc_map_close(map);
}
END_TEST

/* All that a damaged table can be asked; what it answers means nothing. */
static void ask_all(struct zipc_map *map)
{
	struct zipc_map_iterator *iterator;
	uint64_t key, value = 1;
	int i;

	ck_rc(zipc_map_iterator_open(&iterator, map), 0);
	for (i = 0; zipc_map_next(iterator, &key, &value); i++)
		ck_assert_int_lt(i, 64 * 1000);
	zipc_map_iterator_close(iterator);
	for (key = 0; key < 40; key++) {
		zipc_map_get(map, &key, &value);
		zipc_map_put(map, &key, &value);
		zipc_map_add(map, &key, &value);
		zipc_map_remove(map, &key, &value);
	}
	zipc_map_size(map);
}

/* The words of the table, each set to what it can not be. */
START_TEST(a_damaged_table_ends_every_call)
{
	static const uint64_t values[] = { 0, 1, 2, 3, 5, 1000, UINT64_MAX,
					   UINT64_MAX / 2, UINT64_C(1) << 40 };
	struct zipc_map *map = new_map("u64", "u64", 8);
	struct zipc_found found;
	uint64_t *words, *kept, key, count, word;
	unsigned i;

	for (key = 0; key < 8; key++)
		ck_rc(zipc_map_put(map, &key, &key), 0);
	ck_rc(zipc_table_find(&found, segment, "m", ZIPC_MAP, NULL), 0);
	words = (uint64_t *)(void *)found.body;
	count = found.body_bytes / 8;
	kept = malloc(count * 8);
	memcpy(kept, words, count * 8);
	for (word = 0; word < count; word++)
		for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			/* The own record's holder is what makes it ours. */
			memcpy(words, kept, count * 8);
			words[word] = values[i];
			ask_all(map);
		}
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (word = 16; word < count; word++)
			words[word] = values[i];
		ask_all(map);
	}
	zipc_table_release(&found);
	free(kept);
	zipc_map_close(map);
}
END_TEST

/* Constants that can not be, by their offset in the body and their size. */
static const struct {
	unsigned offset, size;
	uint64_t value;
} misfits[] = {
	{ 0x00, 8, 0 },	      { 0x00, 8, 7 },	    { 0x00, 8, UINT64_MAX },
	{ 0x00, 8, 1000 },    { 0x08, 4, 4 },	    { 0x0C, 4, 0 },
	{ 0x10, 4, 16 },      { 0x10, 4, 32 },	    { 0x14, 4, 0 },
	{ 0x14, 4, 4097 },    { 0x14, 4, 65 },	    { 0x28, 8, 0 },
	{ 0x28, 8, 129 },     { 0x28, 8, UINT64_MAX - 63 },
	{ 0x30, 8, 128 },     { 0x30, 8, 4224 + 8 }, { 0x30, 8, 1 << 20 },
	{ 0x38, 8, 4224 },    { 0x38, 8, 1 << 20 }, { 0x38, 8, 0 },
};

START_TEST(a_table_whose_parts_do_not_fit_is_not_opened)
{
	struct zipc_map *map = new_map("u64", "u64", 8), *other;
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "m", ZIPC_MAP, NULL), 0);
	memcpy(found.body + misfits[_i].offset, &misfits[_i].value,
	       misfits[_i].size);
	ck_rc(zipc_map_open(&other, segment, "m", NULL, NULL), -EBADMSG);
	ck_message("`m` is damaged");
	zipc_table_release(&found);
	zipc_map_close(map);
}
END_TEST

START_TEST(a_map_whose_type_is_no_entry_is_not_opened)
{
	struct zipc_map *map = new_map("u64", "u64", 8), *other;
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "m", ZIPC_MAP, NULL), 0);
	memcpy((char *)found.block + found.block->type_offset,
	       "{kei:u64, value:u64}", 20);
	ck_rc(zipc_map_open(&other, segment, "m", NULL, NULL), -EBADMSG);
	zipc_table_release(&found);
	zipc_map_close(map);
}
END_TEST

/* Claim as many cells as handles, in a child that dies with them. */
static void die_with_claims(unsigned handles)
{
	struct zipc_hop_claim claim;
	struct zipc_map *map;
	uint64_t key = 1;
	pid_t child = fork();

	if (child) {
		must_end_well(child);
		return;
	}
	while (handles--) {
		if (zipc_map_open(&map, segment, "m", NULL, NULL) ||
		    zipc_map_remove(map, &key, NULL) != -ENOENT ||
		    !zipc_hopscotch_claim(table_of(map), handles, &claim))
			_exit(1);
	}
	_exit(0);
}

static unsigned claimed_cells(struct zipc_map *map)
{
	struct zipc_hopscotch *table = table_of(map);
	unsigned claimed = 0;
	uint64_t i;

	for (i = 0; i < table->cell_count; i++)
		claimed += zipc_hop_state_of(atomic_load_explicit(
				   &zipc_hop_cell(table, i)->word,
				   memory_order_relaxed)) == ZIPC_HOP_CLAIMED;
	return claimed;
}

START_TEST(who_takes_a_dead_writers_place_ends_its_claim)
{
	struct zipc_map *map = new_map("u64", "u64", 8), *more[64];
	uint64_t key = 5;
	int i;

	die_with_claims(64);
	ck_assert_uint_eq(claimed_cells(map), 64);
	for (i = 0; i < 64; i++) {
		ck_rc(zipc_map_open(&more[i], segment, "m", NULL, NULL), 0);
		ck_rc(zipc_map_put(more[i], &key, &key), 0);
		ck_assert_uint_eq(claimed_cells(map), 63 - (unsigned)i);
	}
	for (i = 0; i < 64; i++)
		zipc_map_close(more[i]);
	zipc_map_close(map);
}
END_TEST

START_TEST(who_finds_no_room_ends_the_claims_of_the_dead)
{
	struct zipc_map *map = new_map("u64", "u64", 8);
	struct zipc_hopscotch *table = table_of(map);
	uint64_t i, key;

	/* So many claims no live writers could have. */
	die_with_claims(2);
	for (i = 0; i < table->cell_count; i++)
		atomic_store_explicit(&zipc_hop_cell(table, i)->word,
				      zipc_hop_word(1, 1, 0, ZIPC_HOP_CLAIMED),
				      memory_order_relaxed);
	for (key = 0; key < 8; key++)
		ck_rc(zipc_map_insert(map, &key, &key), 0);
	for (key = 0; key < 8; key++)
		must_have(map, key, key);
	zipc_map_close(map);
}
END_TEST

START_TEST(the_claims_of_the_living_are_left_alone)
{
	struct zipc_map *map = new_map("u64", "u64", 8), *other;
	struct zipc_hopscotch *table = table_of(map);
	uint64_t i, key = 1;

	ck_rc(zipc_map_open(&other, segment, "m", NULL, NULL), 0);
	ck_rc(zipc_map_put(map, &key, &key), 0);
	ck_rc(zipc_map_put(other, &key, &key), 0);
	for (i = 0; i < table->cell_count; i++)
		atomic_store_explicit(&zipc_hop_cell(table, i)->word,
				      zipc_hop_word(9, 1, 0, ZIPC_HOP_CLAIMED),
				      memory_order_relaxed);
	key = 2;
	ck_rc(zipc_map_put(map, &key, &key), -ENOSPC);
	ck_assert_uint_eq(claimed_cells(map), (unsigned)table->cell_count);
	zipc_map_close(other);
	zipc_map_close(map);
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static void add_promises(Suite *suite)
{
	TCase *tc = test_case(suite, "map", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_is_put_is_there_until_it_is_removed);
	tcase_add_test(tc,
		       insert_wants_a_new_key_and_replace_one_that_is_there);
	tcase_add_loop_test(tc, keys_and_values_of_any_size_are_whole, 0,
			    COUNT(sizes));
	tcase_add_test(tc, cas_swaps_equal_bytes_and_else_gives_what_is_there);
	tcase_add_loop_test(tc, add_gives_the_sum_and_the_value_from_before, 0,
			    COUNT(numbers));
	tcase_add_loop_test(tc, only_numbers_of_4_and_8_bytes_are_added, 0,
			    COUNT(no_numbers));
	tcase_add_loop_test(tc, the_capacity_is_exact_and_full_loses_nothing, 0,
			    COUNT(capacities));
	tcase_add_test(tc, what_one_handle_fills_another_finds_full);
	tcase_add_test(tc, opening_checks_kind_and_both_types);
	tcase_add_test(tc, open_or_create_opens_what_is_the_same);
	tcase_add_loop_test(tc,
			    a_key_with_padding_is_refused_and_the_gap_is_named,
			    0, COUNT(padded));
	tcase_add_test(tc, a_key_without_padding_may_be_any_record);
	tcase_add_test(tc, what_is_too_large_is_refused);
	tcase_add_test(tc, walking_gives_each_entry_once);
	tcase_add_test(tc, through_a_read_only_segment_it_only_answers);
	tcase_add_test(tc, who_only_reads_is_told_that_it_was_removed);
	tcase_add_test(tc, inspection_shows_entries_as_records);
	tcase_add_test(tc, inspection_of_what_changes_shows_only_whole_values);
	tcase_add_test(tc, inspection_of_a_table_that_does_not_fit_is_told);
	tcase_add_test(tc, writers_places_are_counted_and_come_back);
	tcase_add_test(tc, a_forked_child_goes_on_with_the_handle);
	tcase_add_test(tc, no_operation_makes_a_system_call);
}

static Suite *map_suite(void)
{
	Suite *suite = suite_create("map");
	TCase *tc;

	add_promises(suite);
	tc = test_case(suite, "damage", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_damaged_table_ends_every_call);
	tcase_add_loop_test(tc, a_table_whose_parts_do_not_fit_is_not_opened, 0,
			    COUNT(misfits));
	tcase_add_test(tc, a_map_whose_type_is_no_entry_is_not_opened);
	tcase_add_test(tc, who_takes_a_dead_writers_place_ends_its_claim);
	tcase_add_test(tc, who_finds_no_room_ends_the_claims_of_the_dead);
	tcase_add_test(tc, the_claims_of_the_living_are_left_alone);
	return suite;
}

TEST_MAIN(map_suite)
