/* SPDX-License-Identifier: MIT */
/*
 * The map in a storm: every seat inserts keys of its own and removes them
 * again, adds to counters that all share, looks up and walks over what the
 * others do, and all are killed and stopped.
 *
 * The books are in memory that outlives the killed. A seat notes of each of its
 * keys what it is about to do and what has returned. Who takes the seat looks
 * at the key that its predecessor left in doubt: it is there, whole, or it is
 * not. What was noted is so: no key is lost, and none comes back. Counters are
 * what was added, and at most one more for each that was killed.
 */
#include "storm.h"
#include "../harness.h"

#include "../../libzeroipc/hopscotch.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define MOST 8 /* seats */
#define WORDS 16
#define COUNTERS 4u
#define KEYS 24u /* of a seat, at a time */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

/* What is known of a key. */
enum fate { NOT_THERE, COMING, THERE, CHANGING, GOING };

struct variant {
	unsigned seats, spare; /* room beside what all keys take */
	unsigned flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	_Atomic unsigned killed;
	_Atomic uint64_t added[MOST];
	/* Of each seat's keys: which life of it this is, and its fate. */
	_Atomic uint64_t lives[MOST][KEYS];
	_Atomic int fates[MOST][KEYS];
};

struct handles {
	struct zipc_segment *segment;
	struct zipc_map *values, *counters;
};

static void must(int64_t rc, const char *what)
{
	storm_assert(rc >= 0, "%s gives %s: %s", what, rc_name(rc),
		     zipc_last_error());
}

static struct handles open_handles(struct books *books)
{
	struct handles it;

	must(zipc_segment_open(&it.segment, books->segment, 0), "open");
	must(zipc_map_open(&it.values, it.segment, "v", NULL, NULL), "open");
	must(zipc_map_open(&it.counters, it.segment, "c", NULL, NULL), "open");
	return it;
}

static void close_handles(struct handles *it)
{
	zipc_map_close(it->values);
	zipc_map_close(it->counters);
	zipc_segment_close(it->segment);
}

/* keys and values: a life of a key is a key of its own */

static uint64_t key_of(unsigned seat, unsigned i, uint64_t life)
{
	return life << 16 | i << 8 | seat;
}

/* Two values of each key, one after the other. */
static void fill(uint64_t *words, uint64_t key, unsigned which)
{
	unsigned i;

	for (i = 0; i < WORDS; i++)
		words[i] = ((key << 1 | which) ^ i) *
			   UINT64_C(0x9E3779B97F4A7C15);
}

static bool is_whole(const uint64_t *words, uint64_t key)
{
	uint64_t one[WORDS], other[WORDS];

	fill(one, key, 0);
	fill(other, key, 1);
	return !memcmp(one, words, sizeof(one)) ||
	       !memcmp(other, words, sizeof(other));
}

/* 1: it is there, and whole. */
static bool look(struct handles *it, uint64_t key)
{
	uint64_t words[WORDS];
	int rc = zipc_map_get(it->values, &key, words);

	storm_assert(!rc || rc == -ENOENT, "get gives %s", rc_name(rc));
	storm_assert(rc || is_whole(words, key), "the value of %llx is torn",
		     (unsigned long long)key);
	return !rc;
}

/* a seat */

/* What the one before has left in doubt. */
static void settle(struct books *books, struct handles *it, unsigned seat)
{
	uint64_t key;
	unsigned i;
	int fate;

	for (i = 0; i < KEYS; i++) {
		fate = atomic_load(&books->fates[seat][i]);
		key = key_of(seat, i, atomic_load(&books->lives[seat][i]));
		if (fate == CHANGING)
			storm_assert(look(it, key), "key %llx went while it "
				     "was replaced", (unsigned long long)key);
		if (fate != THERE && fate != NOT_THERE)
			atomic_store(&books->fates[seat][i],
				     look(it, key) ? THERE : NOT_THERE);
	}
}

static void bring(struct books *books, struct handles *it, unsigned seat,
		  unsigned i)
{
	uint64_t life = atomic_load(&books->lives[seat][i]) + 1, words[WORDS];
	uint64_t key = key_of(seat, i, life);
	int rc;

	atomic_store(&books->lives[seat][i], life);
	fill(words, key, 0);
	atomic_store(&books->fates[seat][i], COMING);
	rc = zipc_map_insert(it->values, &key, words);
	storm_assert(!rc, "insert gives %s: %s", rc_name(rc),
		     zipc_last_error());
	atomic_store(&books->fates[seat][i], THERE);
}

static void change(struct books *books, struct handles *it, unsigned seat,
		   unsigned i, struct dice *dice)
{
	uint64_t key = key_of(seat, i, atomic_load(&books->lives[seat][i]));
	uint64_t words[WORDS];
	int rc;

	if (roll_below(dice, 2)) {
		atomic_store(&books->fates[seat][i], CHANGING);
		fill(words, key, roll_below(dice, 2));
		rc = zipc_map_replace(it->values, &key, words);
		storm_assert(!rc, "replace gives %s: %s", rc_name(rc),
			     zipc_last_error());
		atomic_store(&books->fates[seat][i], THERE);
		return;
	}
	atomic_store(&books->fates[seat][i], GOING);
	rc = zipc_map_remove(it->values, &key, words);
	storm_assert(!rc, "remove gives %s: the key is lost", rc_name(rc));
	storm_assert(is_whole(words, key), "what was removed is torn");
	atomic_store(&books->fates[seat][i], NOT_THERE);
}

static void count(struct books *books, struct handles *it, unsigned seat,
		  struct dice *dice)
{
	uint64_t key = roll_below(dice, COUNTERS), one = 1;

	must(zipc_map_add(it->counters, &key, &one), "add");
	atomic_fetch_add(&books->added[seat], 1);
}

/* Whole, and each key once. */
static void walk(struct books *books, struct handles *it)
{
	uint64_t lives[MOST][KEYS] = { { 0 } };
	struct zipc_map_iterator *iterator;
	uint64_t key, words[WORDS];
	unsigned seat, i;

	must(zipc_map_iterator_open(&iterator, it->values), "iterator");
	while (zipc_map_next(iterator, &key, words) > 0) {
		seat = key & 0xFF;
		i = key >> 8 & 0xFF;
		storm_assert(seat < books->variant->seats && i < KEYS,
			     "nobody has put %llx", (unsigned long long)key);
		storm_assert(is_whole(words, key), "an entry is torn");
		storm_assert(lives[seat][i] != key >> 16, "a key came twice");
		lives[seat][i] = key >> 16;
	}
	zipc_map_iterator_close(iterator);
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	struct handles it = open_handles(books);
	unsigned i, other;

	settle(books, &it, seat);
	while (!storm_is_over()) {
		i = roll_below(dice, KEYS);
		if (atomic_load(&books->fates[seat][i]) == NOT_THERE)
			bring(books, &it, seat, i);
		else
			change(books, &it, seat, i, dice);
		other = roll_below(dice, books->variant->seats);
		i = roll_below(dice, KEYS);
		look(&it, key_of(other, i,
				 atomic_load(&books->lives[other][i])));
		count(books, &it, seat, dice);
		if (!roll_below(dice, 64))
			walk(books, &it);
		storm_progress();
	}
	close_handles(&it);
}

static void bury(unsigned seat, void *context)
{
	(void)seat;
	atomic_fetch_add(&((struct books *)context)->killed, 1);
}

/* what must be true in the end */

static void check_keys(struct books *books, struct handles *it)
{
	unsigned seat, i, there = 0;
	uint64_t key;
	int fate;

	for (seat = 0; seat < books->variant->seats; seat++)
		settle(books, it, seat);
	for (seat = 0; seat < books->variant->seats; seat++)
		for (i = 0; i < KEYS; i++) {
			fate = atomic_load(&books->fates[seat][i]);
			key = key_of(seat, i, books->lives[seat][i]);
			ck_assert_msg((fate == THERE) == look(it, key),
				      "key %llx %s", (unsigned long long)key,
				      fate == THERE ? "is lost"
						    : "came back");
			there += fate == THERE;
		}
	ck_assert_msg(zipc_map_size(it->values) == there,
		      "%u keys are there, of %u",
		      (unsigned)zipc_map_size(it->values), there);
	walk(books, it);
}

static void check_counters(struct books *books, struct handles *it)
{
	uint64_t key, value, added = 0, sum = 0;
	unsigned seat;

	for (seat = 0; seat < books->variant->seats; seat++)
		added += books->added[seat];
	for (key = 0; key < COUNTERS; key++) {
		ck_rc(zipc_map_get(it->counters, &key, &value), 0);
		sum += value;
	}
	ck_assert_msg(sum >= added && sum <= added + books->killed,
		      "%llu were added, of %llu, and %u were killed",
		      (unsigned long long)sum, (unsigned long long)added,
		      books->killed);
	printf("%llu were added, and %u were killed\n",
	       (unsigned long long)sum, books->killed);
}

/* All that was taken is free again: so many fit, and nothing stays claimed. */
static void check_whole(struct books *books, struct handles *it)
{
	uint64_t capacity = zipc_map_capacity(it->values), key, i;
	uint64_t words[WORDS] = { 0 };
	struct zipc_map *others[2 * MOST];
	const struct zipc_hopscotch *table = (const void *)it->values;
	unsigned seat, k;

	for (seat = 0; seat < books->variant->seats; seat++)
		for (k = 0; k < KEYS; k++) {
			key = key_of(seat, k, books->lives[seat][k]);
			zipc_map_remove(it->values, &key, NULL);
		}
	ck_assert_uint_eq(zipc_map_size(it->values), 0);
	for (key = 0; key < capacity; key++)
		ck_rc(zipc_map_insert(it->values, &key, words), 0);
	for (key = 0; key < capacity; key++)
		ck_rc(zipc_map_remove(it->values, &key, NULL), 0);
	for (i = 0; i < table->record_count - 1; i++) {
		ck_rc(zipc_map_open(&others[i], it->segment, "v", NULL, NULL),
		      0);
		ck_rc(zipc_map_put(others[i], &i, words), 0);
	}
	for (i = 0; i < table->cell_count; i++)
		ck_assert_msg(zipc_hop_state_of(atomic_load(
				      &zipc_hop_cell(table, i)->word)) !=
				      ZIPC_HOP_CLAIMED,
			      "cell %u stays claimed", (unsigned)i);
	for (i = 0; i < table->record_count - 1; i++)
		zipc_map_close(others[i]);
}

static void make_maps(struct books *books)
{
	const struct variant *variant = books->variant;
	const struct zipc_map_options few = { variant->seats + 2 };
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = variant->seats + 1,
	};
	struct handles it;
	uint64_t key, zero = 0;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&it.segment, books->segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_map_create_with(&it.values, it.segment, "v", "u64",
				   "u64[16]",
				   variant->seats * KEYS + variant->spare,
				   &few), 0);
	ck_rc(zipc_map_create_with(&it.counters, it.segment, "c", "u64", "u64",
				   COUNTERS, &few), 0);
	for (key = 0; key < COUNTERS; key++)
		ck_rc(zipc_map_insert(it.counters, &key, &zero), 0);
	close_handles(&it);
}

static void storm_on_a_map(const struct variant *variant, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->seats,
			       .kills = kills / SCALE, .act = act,
			       .bury = bury, .context = books };
	struct handles it;

	books->variant = variant;
	make_maps(books);
	storm_run(&storm);
	it = open_handles(books);
	check_keys(books, &it);
	check_counters(books, &it);
	check_whole(books, &it);
	close_handles(&it);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 2, 0, 0 }, { 4, 0, 0 }, { 4, 100, 0 }, { 8, 8, 0 },
	{ 3, 0, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS ((int)(sizeof(variants) / sizeof(variants[0])))

START_TEST(no_key_is_lost_and_none_comes_back_in_random_kills)
{
	storm_on_a_map(&variants[_i], 300);
}
END_TEST

START_TEST(no_key_is_lost_and_none_comes_back_in_many_more)
{
	storm_on_a_map(&variants[_i], 10000);
}
END_TEST

static Suite *storm_map_suite(void)
{
	Suite *suite = suite_create("storm map");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc,
			    no_key_is_lost_and_none_comes_back_in_random_kills,
			    0, VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, no_key_is_lost_and_none_comes_back_in_many_more,
			    0, VARIANTS);
	return suite;
}

TEST_MAIN(storm_map_suite)
