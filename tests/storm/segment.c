/* SPDX-License-Identifier: MIT */
/*
 * Segments and tables in a storm: processes come and go, more than there are
 * places for, and create structures, many the same one at once, and are killed.
 *
 * A name is created at most once; who has ever found it finds it ever after, of
 * the same capacity; no two have a byte in common; and all places come back.
 * Each array's first element is set once, by a compare-and-swap, to its name's
 * number: another number there would be another array's. When a segment has all
 * its names the next one is opened, or created, and must be one for all. Each
 * kill allows some more names, so that there is creation all the time.
 */
#include "storm.h"
#include "../harness.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define SEGMENTS 300
#define NAMES 100 /* of arrays, in each segment */
#define ALL_NAMES (SEGMENTS * NAMES)
#define SEATS 10
#define PLACES 6 /* of participants: fewer than come */
#define AHEAD 3  /* names that are tried at a time */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

struct books {
	char segment[96]; /* how the names of all begin */
	unsigned each;    /* names that a kill allows */
	_Atomic unsigned allowed;
	_Atomic unsigned frontier; /* all names before it are known */
	_Atomic unsigned refused;  /* opens, for want of a place */
	_Atomic uint64_t ids[SEGMENTS];
	_Atomic unsigned created[ALL_NAMES];  /* how often, for certain */
	_Atomic uint64_t capacity[ALL_NAMES]; /* found first; 0: never */
};

static const struct zipc_segment_options options = {
	.max_entries = NAMES,
	.max_participants = PLACES,
};

static char *segment_name(const struct books *books, unsigned which)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s-%u", books->segment, which);
	return name;
}

/* Unlike those of other seats, now and in other lives. */
static uint64_t random_capacity(unsigned seat, struct dice *dice)
{
	return 1 + seat + SEATS * roll_below(dice, 5);
}

static void name_of(char name[32], unsigned i)
{
	snprintf(name, 32, "array-%u", i);
}

static void check_element(struct zipc_array *array, unsigned i)
{
	uint64_t mine = i + 1, seen = 0;

	if (zipc_array_cas(array, 0, &seen, &mine))
		storm_assert(seen == mine, "array-%u holds %llu, not %u", i,
			     (unsigned long long)seen, i + 1);
}

/* The array that was found or made under the i-th name. */
static void compare(struct books *books, struct zipc_array *array, unsigned i)
{
	uint64_t capacity = zipc_array_capacity(array), before = 0;

	if (!atomic_compare_exchange_strong(&books->capacity[i], &before,
					    capacity))
		storm_assert(before == capacity,
			     "array-%u had %llu elements and has %llu", i,
			     (unsigned long long)before,
			     (unsigned long long)capacity);
	check_element(array, i);
	zipc_array_close(array);
}

static void find(struct books *books, struct zipc_segment *segment, unsigned i)
{
	bool known = atomic_load(&books->capacity[i]) != 0;
	struct zipc_array *array;
	char name[32];
	int rc;

	name_of(name, i);
	rc = zipc_array_open(&array, segment, name, "u64");
	if (!rc)
		compare(books, array, i);
	else
		storm_assert(rc == -ENOENT && !known, "array-%u: %s", i,
			     zipc_last_error());
}

static void create(struct books *books, struct zipc_segment *segment,
		   unsigned i, uint64_t capacity)
{
	struct zipc_array *array;
	char name[32];
	int rc;

	name_of(name, i);
	rc = zipc_array_create(&array, segment, name, "u64", capacity);
	if (rc == -EBUSY) /* a creator is stopped, and the machine slow */
		return;
	if (!rc) {
		storm_assert(zipc_array_capacity(array) == capacity,
			     "array-%u is another's", i);
		storm_assert(atomic_fetch_add(&books->created[i], 1) == 0,
			     "array-%u was created twice", i);
		compare(books, array, i);
		return;
	}
	storm_assert(rc == -EEXIST, "create array-%u: %s", i,
		     zipc_last_error());
	rc = zipc_array_open(&array, segment, name, "u64");
	storm_assert(!rc, "array-%u exists, but %s", i, zipc_last_error());
	compare(books, array, i);
}

static void advance(struct books *books)
{
	unsigned at = atomic_load(&books->frontier);

	if (at < ALL_NAMES && atomic_load(&books->capacity[at]))
		atomic_compare_exchange_strong(&books->frontier, &at, at + 1);
}

/* In this segment, whose names end before end. */
static void do_something(struct books *books, struct zipc_segment *segment,
			 unsigned end, unsigned seat, struct dice *dice)
{
	unsigned at = atomic_load(&books->frontier);

	find(books, segment, end - 1 - roll_below(dice, NAMES));
	at += roll_below(dice, AHEAD);
	if (at >= end || at < end - NAMES ||
	    at >= atomic_load(&books->allowed))
		return;
	if (roll_below(dice, 3))
		create(books, segment, at, random_capacity(seat, dice));
	else
		find(books, segment, at);
	advance(books);
}

/* Mostly the newest segment; 0, or -EUSERS. */
static int enter(struct books *books, struct zipc_segment **segment,
		 unsigned *which, struct dice *dice)
{
	uint64_t before = 0, id;
	int rc;

	*which = atomic_load(&books->frontier) / NAMES;
	if (*which == SEGMENTS || (*which && !roll_below(dice, 4)))
		*which = roll_below(dice, *which);
	rc = zipc_segment_open_or_create(segment, segment_name(books, *which),
					 1 << 20, &options);
	if (rc)
		return rc;
	id = zipc_segment_id(*segment);
	if (!atomic_compare_exchange_strong(&books->ids[*which], &before, id))
		storm_assert(before == id, "segment %u is another one now",
			     *which);
	return 0;
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	struct zipc_segment *segment;
	unsigned n, which;
	int rc;

	while (!storm_is_over()) {
		storm_progress();
		rc = enter(books, &segment, &which, dice);
		if (rc == -EUSERS) {
			atomic_fetch_add(&books->refused, 1);
			sched_yield();
			continue;
		}
		storm_assert(!rc, "open: %s", zipc_last_error());
		for (n = roll_below(dice, 8); n; n--)
			do_something(books, segment, (which + 1) * NAMES, seat,
				     dice);
		zipc_segment_close(segment);
	}
}

static void bury(unsigned seat, void *context)
{
	struct books *books = context;

	(void)seat;
	atomic_fetch_add(&books->allowed, books->each);
}

/* what must be true in the end */

/* In the order of the table: unlike names, and blocks behind one another. */
static unsigned check_entries(struct books *books, struct zipc_view *view,
			      unsigned first)
{
	bool there[NAMES] = { false };
	struct zipc_view_entry entry;
	uint64_t end = 0;
	unsigned i, n;

	for (n = 0; !zipc_view_entry(view, n, &entry); n++) {
		ck_assert_int_eq(sscanf(entry.name, "array-%u", &i), 1);
		ck_assert_uint_lt(i - first, NAMES);
		ck_assert_msg(!there[i - first], "%s is there twice",
			      entry.name);
		there[i - first] = true;
		ck_assert_uint_ge(entry.offset_bytes, end);
		end = entry.offset_bytes + entry.size_bytes;
		if (books->capacity[i])
			ck_assert_uint_eq(entry.capacity, books->capacity[i]);
	}
	for (i = 0; i < NAMES; i++)
		ck_assert_msg(there[i] || !books->capacity[first + i],
			      "array-%u was found and is lost", first + i);
	return n;
}

static unsigned check_segment(struct books *books, unsigned which)
{
	struct zipc_view_segment info;
	struct zipc_view *view;
	unsigned n;

	ck_rc(zipc_view_open(&view, segment_name(books, which)), 0);
	n = check_entries(books, view, which * NAMES);
	ck_rc(zipc_view_segment(view, &info), 0);
	ck_assert_uint_eq(info.id, books->ids[which]);
	ck_assert_uint_eq(info.entries, n);
	ck_assert_uint_eq(info.participants, 0);
	zipc_view_close(view);
	return n;
}

static void check_places(struct books *books, unsigned which)
{
	const char *name = segment_name(books, which);
	struct zipc_segment *segments[PLACES], *one_more;
	unsigned i;

	for (i = 0; i < PLACES; i++)
		ck_rc(zipc_segment_open(&segments[i], name, 0), 0);
	ck_rc(zipc_segment_open(&one_more, name, 0), -EUSERS);
	while (i--)
		zipc_segment_close(segments[i]);
}

static void check_all(struct books *books)
{
	unsigned which, n = 0, segments = 0;

	for (which = 0; which < SEGMENTS; which++) {
		if (books->ids[which]) {
			n += check_segment(books, which);
			check_places(books, which);
			segments++;
		}
		/* One that was killed may have made what nobody has found. */
		zipc_segment_unlink(segment_name(books, which));
	}
	printf("%u arrays in %u segments; %u times there was no place\n", n,
	       segments, books->refused);
	ck_assert_uint_ge(n, books->frontier);
	ck_assert_uint_gt(books->frontier, NAMES);
	ck_assert_uint_gt(books->refused, 0);
}

static void storm_on_segments(unsigned storms, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = SEATS, .kills = kills / SCALE,
			       .act = act, .bury = bury, .context = books };

	while (storms--) {
		memset((void *)books, 0, sizeof(*books));
		strcpy(books->segment, test_name("storm"));
		books->each = ALL_NAMES / storm.kills;
		books->allowed = books->each;
		storm_run(&storm);
		check_all(books);
	}
	munmap(books, sizeof(*books));
}

START_TEST(each_name_is_created_once_whoever_is_killed)
{
	storm_on_segments(1, 600);
}
END_TEST

START_TEST(each_name_is_created_once_for_long)
{
	storm_on_segments(10, 1000);
}
END_TEST

static Suite *storm_segment_suite(void)
{
	Suite *suite = suite_create("storm segment");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_test(tc, each_name_is_created_once_whoever_is_killed);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_test(tc, each_name_is_created_once_for_long);
	return suite;
}

TEST_MAIN(storm_segment_suite)
