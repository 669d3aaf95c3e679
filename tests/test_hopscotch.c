/* SPDX-License-Identifier: MIT */
/*
 * The hopscotch table below Map and Set: how keys spread, what a search costs
 * before and after churn, and that entries make way. What is measured is
 * counted, never timed.
 */
#include "../libzeroipc/hopscotch.h"

#include <zipc/map.h>

#include "harness.h"

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("hop"), 64 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	const char *name = test_name("hop");

	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}

static struct zipc_map *new_map(uint64_t capacity)
{
	struct zipc_map *map;

	ck_rc(zipc_map_create(&map, segment, "m", "u64", "u64", capacity), 0);
	return map;
}

/* The table stands first in a map. */
static struct zipc_hopscotch *table_of(struct zipc_map *map)
{
	return (struct zipc_hopscotch *)(void *)map;
}

static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	n = (n ^ n >> 27) * UINT64_C(0x94D049BB133111EB);
	return n ^ n >> 31;
}

/* A number that no other n has, without a pattern. */
static uint64_t scattered(uint64_t n)
{
	return mix(n * UINT64_C(0x9E3779B97F4A7C15) + 1);
}

/* how keys spread */

#define KEYS 20000u

static uint64_t key_of(int pattern, uint64_t n)
{
	double number = (double)n;
	uint64_t bits;

	switch (pattern) {
	case 0:
		return n;
	case 1:
		return n << 16;
	case 2:
		return n << 32;
	case 3:
		return n << 48 | n >> 16;
	case 4:
		return n * 4096 + UINT64_C(0x7F0012345678);
	case 5:
		memcpy(&bits, &number, 8);
		return bits;
	case 6:
		return n * UINT64_C(0x9E3779B97F4A7C15);
	default:
		return scattered(n);
	}
}

#define PATTERNS 8

/*
 * Pairs of keys with one home, which is what a search pays for. Of keys without
 * a pattern there are n * n / homes / 2, give or take a few hundredths.
 */
START_TEST(keys_of_any_pattern_spread_as_random_ones)
{
	struct zipc_map *map = new_map(KEYS);
	struct zipc_hopscotch *table = table_of(map);
	uint64_t expected = (uint64_t)KEYS * KEYS / table->cell_count / 2;
	unsigned *at = calloc(table->cell_count, sizeof(*at));
	uint64_t n, key, home, pairs;
	unsigned seed;

	for (seed = 0; seed < 50; seed++) {
		table->seed[0] = scattered(2 * seed);
		table->seed[1] = scattered(2 * seed + 1) | 1;
		memset(at, 0, table->cell_count * sizeof(*at));
		pairs = 0;
		for (n = 0; n < KEYS; n++) {
			key = key_of(_i, n);
			home = zipc_hopscotch_home_of(table, &key);
			ck_assert_uint_lt(home, table->cell_count);
			pairs += at[home]++;
			ck_assert_msg(at[home] < 16, "16 keys of pattern %d in "
				      "one home, seed %u", _i, seed);
		}
		ck_assert_msg(pairs > expected * 90 / 100 &&
				      pairs < expected * 110 / 100,
			      "pattern %d, seed %u: %llu pairs, not %llu", _i,
			      seed, (unsigned long long)pairs,
			      (unsigned long long)expected);
	}
	free(at);
	zipc_map_close(map);
}
END_TEST

START_TEST(a_table_fills_with_keys_of_any_pattern)
{
	uint64_t n, key, value;
	struct zipc_map *map;
	char name[16];
	int round;

	for (round = 0; round < 10; round++) {
		snprintf(name, sizeof(name), "m%d", round);
		ck_rc(zipc_map_create(&map, segment, name, "u64", "u64", KEYS),
		      0);
		for (n = 0; n < KEYS; n++) {
			key = key_of(_i, n);
			ck_rc(zipc_map_insert(map, &key, &n), 0);
		}
		for (n = 0; n < KEYS; n++) {
			key = key_of(_i, n);
			ck_rc(zipc_map_get(map, &key, &value), 0);
			ck_assert_uint_eq(value, n);
		}
		zipc_map_close(map);
	}
}
END_TEST

START_TEST(no_two_tables_have_one_seed)
{
	struct zipc_map *map = new_map(10), *other;

	ck_rc(zipc_map_create(&other, segment, "n", "u64", "u64", 10), 0);
	ck_assert_uint_ne(table_of(map)->seed[0], table_of(other)->seed[0]);
	ck_assert_uint_ne(table_of(map)->seed[1], table_of(other)->seed[1]);
	ck_assert_uint_eq(table_of(map)->seed[1] & 1, 1);
	zipc_map_close(map);
	zipc_map_close(other);
}
END_TEST

/* making way */

/* The n-th of the keys at home in [from, from + width). */
static uint64_t key_at_home(struct zipc_hopscotch *table, uint64_t from,
			    uint64_t width, uint64_t *seed)
{
	uint64_t key, home;

	do {
		key = scattered((*seed)++);
		home = zipc_hopscotch_home_of(table, &key);
	} while (home < from || home >= from + width);
	return key;
}

static uint64_t farthest_of(struct zipc_hopscotch *table, uint64_t home)
{
	uint64_t bits = zipc_hop_bits(table, home);

	return bits ? 63 - (uint64_t)__builtin_clzll(bits) : 0;
}

/*
 * Homes 100 to 163 fill the cells from 100 to 190 or so; then keys of home 100
 * alone find the nearest free cell out of their reach.
 */
START_TEST(entries_make_way_for_those_of_a_home_before)
{
	struct zipc_map *map = new_map(1000);
	struct zipc_hopscotch *table = table_of(map);
	uint64_t keys[150], seed = 1, n, value, moved = 0, word, i;

	for (n = 0; n < 90; n++) {
		keys[n] = key_at_home(table, 100, 64, &seed);
		ck_rc(zipc_map_insert(map, &keys[n], &n), 0);
	}
	for (i = 100; i < 164; i++) {
		word = atomic_load_explicit(&zipc_hop_cell(table, i)->word,
					    memory_order_relaxed);
		moved += zipc_hop_state_of(word) != ZIPC_HOP_FREE;
	}
	ck_assert_msg(moved > 50, "only %llu cells are taken",
		      (unsigned long long)moved);
	for (; n < 110; n++) {
		keys[n] = key_at_home(table, 100, 1, &seed);
		ck_rc(zipc_map_insert(map, &keys[n], &n), 0);
		ck_assert_uint_le(farthest_of(table, 100), 63);
	}
	for (n = 0; n < 110; n++) {
		ck_rc(zipc_map_get(map, &keys[n], &value), 0);
		ck_assert_uint_eq(value, n);
	}
	ck_assert_uint_eq(zipc_map_size(map), 110);
	for (n = 0; n < 110; n++)
		ck_rc(zipc_map_remove(map, &keys[n], NULL), 0);
	ck_assert_uint_eq(zipc_map_size(map), 0);
	zipc_map_close(map);
}
END_TEST

/* Also where its cells lie around the end of the table. */
START_TEST(one_home_takes_64_keys_and_refuses_the_next_without_loss)
{
	struct zipc_map *map = new_map(1000);
	struct zipc_hopscotch *table = table_of(map);
	uint64_t home = _i ? table->cell_count - 10 : 300;
	uint64_t keys[65], seed = 1, n, value;

	for (n = 0; n < 64; n++) {
		keys[n] = key_at_home(table, home, 1, &seed);
		ck_rc(zipc_map_insert(map, &keys[n], &n), 0);
	}
	keys[64] = key_at_home(table, home, 1, &seed);
	ck_rc(zipc_map_insert(map, &keys[64], &n), -ENOSPC);
	ck_rc(zipc_map_get(map, &keys[64], &value), -ENOENT);
	ck_assert_uint_eq(zipc_map_size(map), 64);
	for (n = 0; n < 64; n++) {
		ck_rc(zipc_map_get(map, &keys[n], &value), 0);
		ck_assert_uint_eq(value, n);
	}
	ck_rc(zipc_map_remove(map, &keys[0], NULL), 0);
	ck_rc(zipc_map_insert(map, &keys[64], &n), 0);
	zipc_map_close(map);
}
END_TEST

/* what a search costs */

/* Comparisons that misses cost, and how far entries are from their homes. */
struct cost {
	uint64_t compared, farness, entries;
};

static struct cost cost_of(struct zipc_hopscotch *table)
{
	struct cost cost = { 0, 0, 0 };
	uint64_t n, key, home, bits;

	for (n = 0; n < 100000; n++) {
		key = scattered(n + (UINT64_C(1) << 60));
		home = zipc_hopscotch_home_of(table, &key);
		cost.compared += (unsigned)__builtin_popcountll(
			zipc_hop_bits(table, home));
	}
	for (home = 0; home < table->cell_count; home++)
		for (bits = zipc_hop_bits(table, home); bits;
		     bits &= bits - 1) {
			cost.farness += (unsigned)__builtin_ctzll(bits);
			cost.entries++;
		}
	return cost;
}

#define ENTRIES 30000u

/* Each change removes the oldest key and inserts one that never was. */
static void churn(uint64_t changes)
{
	struct zipc_map *map = new_map(ENTRIES);
	struct zipc_hopscotch *table = table_of(map);
	struct cost before, after;
	uint64_t n, key;

	for (n = 0; n < ENTRIES; n++) {
		key = scattered(n);
		ck_rc(zipc_map_insert(map, &key, &n), 0);
	}
	before = cost_of(table);
	for (n = 0; n < changes; n++) {
		key = scattered(n);
		ck_rc(zipc_map_remove(map, &key, NULL), 0);
		key = scattered(n + ENTRIES);
		ck_rc(zipc_map_insert(map, &key, &n), 0);
	}
	after = cost_of(table);
	ck_assert_uint_eq(before.entries, ENTRIES);
	ck_assert_uint_eq(after.entries, ENTRIES);
	ck_assert_msg(after.compared < before.compared * 105 / 100,
		      "misses cost %llu comparisons, %llu before",
		      (unsigned long long)after.compared,
		      (unsigned long long)before.compared);
	/*
	 * In a table that was just filled an entry is one cell away on
	 * average; where keys come and go at two thirds, 3 to 4, however
	 * long.
	 */
	ck_assert_msg(after.farness < 4 * (uint64_t)ENTRIES,
		      "entries are %.1f cells away, %.1f before",
		      (double)after.farness / ENTRIES,
		      (double)before.farness / ENTRIES);
	zipc_map_close(map);
}

START_TEST(after_churn_a_search_costs_what_it_cost_before)
{
	churn(300000);
}
END_TEST

START_TEST(after_ten_million_changes_a_search_costs_what_it_cost_before)
{
	churn(10000000);
}
END_TEST

static Suite *hopscotch_suite(void)
{
	Suite *suite = suite_create("hopscotch");
	TCase *tc = test_case(suite, "hopscotch", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, keys_of_any_pattern_spread_as_random_ones, 0,
			    PATTERNS);
	tcase_add_loop_test(tc, a_table_fills_with_keys_of_any_pattern, 0,
			    PATTERNS);
	tcase_add_test(tc, no_two_tables_have_one_seed);
	tcase_add_test(tc, entries_make_way_for_those_of_a_home_before);
	tcase_add_loop_test(
		tc, one_home_takes_64_keys_and_refuses_the_next_without_loss, 0,
		2);
	tcase_add_test(tc, after_churn_a_search_costs_what_it_cost_before);
	tc = test_case(suite, "churn", "slow", 600);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc,
		       after_ten_million_changes_a_search_costs_what_it_cost_before);
	return suite;
}

TEST_MAIN(hopscotch_suite)
