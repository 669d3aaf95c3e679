/* SPDX-License-Identifier: MIT */
/*
 * The map under load: writers that meet at the same few keys. No addition is
 * lost, of those who insert one key one succeeds, values are whole, and a walk
 * gives each entry that stays once, while others come and go. The same body
 * runs with threads (for ThreadSanitizer) and with processes.
 */
#include <zipc/map.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "children.h"
#include "harness.h"

#define MOST 4
#define WORDS 25 /* of a value: 200 bytes */

/* Slow tools run less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 20u
#else
#define SCALE 1u
#endif

/* Shared by all who take part. */
struct books {
	char segment[96];
	unsigned parts;
	uint64_t rounds;
	_Atomic uint64_t won, refused;
	_Atomic unsigned ready;
	_Atomic int failed;
	char failure[256];
};

struct part {
	struct books *books;
	unsigned index;
	void (*body)(struct books *books, struct zipc_map *map, unsigned me);
};

static void blame(struct books *books, const char *what, uint64_t a, uint64_t b)
{
	if (!atomic_exchange_explicit(&books->failed, 1, memory_order_relaxed))
		snprintf(books->failure, sizeof(books->failure),
			 "%s: %llu, %llu (%s)", what, (unsigned long long)a,
			 (unsigned long long)b, zipc_last_error());
}

static void take_part(void *context)
{
	struct part *part = context;
	struct zipc_segment *segment;
	struct zipc_map *map;

	if (zipc_segment_open(&segment, part->books->segment, 0) ||
	    zipc_map_open(&map, segment, "m", NULL, NULL)) {
		blame(part->books, "open", 0, 0);
		return;
	}
	atomic_fetch_add_explicit(&part->books->ready, 1, memory_order_acq_rel);
	while (atomic_load_explicit(&part->books->ready, memory_order_acquire) <
	       part->books->parts)
		sched_yield();
	part->body(part->books, map, part->index);
	zipc_map_close(map);
	zipc_segment_close(segment);
}

static void *take_part_in_a_thread(void *context)
{
	take_part(context);
	return NULL;
}

static void run_all(struct part *parts, unsigned n, bool threads)
{
	pthread_t thread[MOST];
	struct child child[MOST];
	unsigned i;

	for (i = 0; i < n; i++)
		if (threads)
			ck_assert_int_eq(pthread_create(&thread[i], NULL,
							take_part_in_a_thread,
							&parts[i]), 0);
		else
			child[i] = child_start(take_part, &parts[i]);
	for (i = 0; i < n; i++)
		if (threads)
			pthread_join(thread[i], NULL);
		else
			child_end(&child[i]);
}

static struct zipc_segment *segment;
static struct zipc_map *map;
static struct books *books;

static void made(const char *type, uint64_t capacity, uint64_t rounds)
{
	books = shared_memory(sizeof(*books));
	strcpy(books->segment, test_name("stress"));
	books->rounds = rounds / SCALE;
	ck_rc(zipc_segment_create(&segment, books->segment, 16 << 20, NULL), 0);
	ck_rc(zipc_map_create(&map, segment, "m", "u64", type, capacity), 0);
}

static void play(void (*body)(struct books *, struct zipc_map *, unsigned),
		 unsigned n, bool threads)
{
	struct part parts[MOST];
	unsigned i;

	books->parts = n;
	for (i = 0; i < n; i++)
		parts[i] = (struct part){ books, i, body };
	run_all(parts, n, threads);
	ck_assert_msg(!books->failed, "%s", books->failure);
}

static void gone(void)
{
	zipc_map_close(map);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

/* counters */

#define COUNTERS 3u

/* Also while the entry moves from cell to cell by what others put. */
static void count_up(struct books *it, struct zipc_map *mine, unsigned me)
{
	uint64_t i, key, one = 1, value;
	int rc;

	for (i = 0; i < it->rounds; i++) {
		key = (i + me) % COUNTERS;
		if (i % 2) {
			rc = zipc_map_add(mine, &key, &one);
		} else {
			zipc_map_get(mine, &key, &value);
			do {
				one = value + 1;
				rc = zipc_map_cas(mine, &key, &value, &one);
			} while (rc == -EAGAIN);
			one = 1;
		}
		if (rc)
			blame(it, "a counter", key, (uint64_t)-rc);
	}
}

START_TEST(no_addition_is_lost)
{
	uint64_t key, value, sum = 0, zero = 0;

	made("u64", COUNTERS, 600000);
	for (key = 0; key < COUNTERS; key++)
		ck_rc(zipc_map_insert(map, &key, &zero), 0);
	play(count_up, 2 + (unsigned)_i / 2, _i % 2);
	for (key = 0; key < COUNTERS; key++) {
		ck_rc(zipc_map_get(map, &key, &value), 0);
		sum += value;
	}
	ck_assert_uint_eq(sum, books->rounds * books->parts);
	gone();
}
END_TEST

/* one key, many who insert and remove it */

#define RACES 4u /* keys */

static void race(struct books *it, struct zipc_map *mine, unsigned me)
{
	uint64_t i, key, value[WORDS], w, in = 0, out = 0;
	int rc;

	for (i = 0; i < it->rounds; i++) {
		key = i % RACES;
		for (w = 0; w < WORDS; w++)
			value[w] = (i << 8 | me) + w;
		rc = zipc_map_insert(mine, &key, value);
		in += !rc;
		if (rc && rc != -EEXIST)
			blame(it, "insert", key, (uint64_t)-rc);
		rc = zipc_map_remove(mine, &key, value);
		out += !rc;
		for (w = 1; !rc && w < WORDS; w++)
			if (value[w] != value[0] + w)
				blame(it, "torn", value[0], value[w]);
	}
	atomic_fetch_add_explicit(&it->won, in - out, memory_order_relaxed);
}

START_TEST(what_was_inserted_is_removed_once_and_whole)
{
	made("u64[25]", RACES, 300000);
	play(race, 2 + (unsigned)_i / 2, _i % 2);
	ck_assert_uint_eq(books->won, zipc_map_size(map));
	gone();
}
END_TEST

/* readers beside those who put */

static void put_and_get(struct books *it, struct zipc_map *mine, unsigned me)
{
	uint64_t i, key, value[WORDS], w;

	for (i = 0; i < it->rounds; i++) {
		key = i % 7;
		for (w = 0; w < WORDS; w++)
			value[w] = (i << 8 | me) + w * key;
		if (me < 2 && zipc_map_put(mine, &key, value))
			blame(it, "put", key, 0);
		if (zipc_map_get(mine, &key, value))
			continue;
		for (w = 1; w < WORDS; w++)
			if (value[w] != value[0] + w * key)
				blame(it, "torn", value[0], value[w]);
	}
}

START_TEST(no_value_is_torn)
{
	made("u64[25]", 7, 300000);
	play(put_and_get, 2 + (unsigned)_i / 2, _i % 2);
	gone();
}
END_TEST

/* walking while others come and go */

#define STAY 200u
#define PASS 400u

static void come_and_go(struct books *it, struct zipc_map *mine, unsigned me)
{
	uint64_t i, key;

	for (i = 0; i < it->rounds; i++) {
		key = STAY + me * PASS + i % PASS;
		if (zipc_map_put(mine, &key, &i))
			blame(it, "put", key, i);
		key = i % STAY;
		if (zipc_map_replace(mine, &key, &key))
			blame(it, "replace", key, i);
		key = STAY + me * PASS + (i + PASS / 2) % PASS;
		zipc_map_remove(mine, &key, NULL);
	}
}

static void walk(struct books *it, struct zipc_map *mine)
{
	struct zipc_map_iterator *iterator;
	uint8_t given[STAY + MOST * PASS] = { 0 };
	uint64_t i, key, value;

	if (zipc_map_iterator_open(&iterator, mine))
		blame(it, "iterator", 0, 0);
	while (zipc_map_next(iterator, &key, &value) > 0)
		if (key >= sizeof(given) || given[key]++)
			blame(it, "given twice, or never put", key, value);
	for (i = 0; i < STAY; i++)
		if (given[i] != 1)
			blame(it, "left out although it stayed", i, given[i]);
	zipc_map_iterator_close(iterator);
}

static void walk_or_go(struct books *it, struct zipc_map *mine, unsigned me)
{
	uint64_t i;

	if (me)
		come_and_go(it, mine, me);
	else
		for (i = 0; i < it->rounds / 200; i++)
			walk(it, mine);
}

START_TEST(a_walk_gives_what_stays_once)
{
	uint64_t key;

	made("u64", STAY + MOST * PASS, 300000);
	for (key = 0; key < STAY; key++)
		ck_rc(zipc_map_insert(map, &key, &key), 0);
	play(walk_or_go, 2 + (unsigned)_i / 2, _i % 2);
	gone();
}
END_TEST

/* filling it together */

#define ROOM 1000u

static void fill(struct books *it, struct zipc_map *mine, unsigned me)
{
	uint64_t i, key, won = 0;
	int rc;

	for (i = 0; i < ROOM; i++) {
		key = i * MOST + me;
		rc = zipc_map_insert(mine, &key, &key);
		won += !rc;
		if (rc && rc != -ENOSPC)
			blame(it, "insert", key, (uint64_t)-rc);
	}
	atomic_fetch_add_explicit(&it->won, won, memory_order_relaxed);
}

START_TEST(those_who_fill_it_together_exceed_it_by_one_each_at_most)
{
	uint64_t size;

	made("u64", ROOM, 1);
	play(fill, 2 + (unsigned)_i / 2, _i % 2);
	size = zipc_map_size(map);
	ck_assert_uint_eq(size, books->won);
	ck_assert_uint_ge(size, ROOM);
	ck_assert_uint_lt(size, ROOM + books->parts);
	gone();
}
END_TEST

static Suite *map_stress_suite(void)
{
	Suite *suite = suite_create("map stress");
	TCase *tc = test_case(suite, "meeting", "medium", 300);

	/* Two to four of them; odd ones with threads. */
	tcase_add_loop_test(tc, no_addition_is_lost, 0, 6);
	tcase_add_loop_test(tc, what_was_inserted_is_removed_once_and_whole, 0,
			    6);
	tcase_add_loop_test(tc, no_value_is_torn, 0, 6);
	tcase_add_loop_test(tc, a_walk_gives_what_stays_once, 0, 6);
	tcase_add_loop_test(
		tc, those_who_fill_it_together_exceed_it_by_one_each_at_most, 0,
		6);
	return suite;
}

TEST_MAIN(map_stress_suite)
