/* SPDX-License-Identifier: MIT */
/*
 * Derived streams in a storm: producers into two streams, and drivers of three
 * that are derived: one of the first, by steps that each depend on all before;
 * one of that; and the two merged. Nothing is overwritten, so in the end all
 * that was emitted is there, and what came out must be what is computed from it
 * at once, element for element.
 */
#include "storm.h"
#include "../harness.h"
#include "../../libzeroipc/drive.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#define PRODUCERS 2u
#define DRIVERS 3u
#define SEATS (PRODUCERS + DRIVERS)
#define MOST (UINT64_C(1) << 18) /* elements of a source */
#define BURST 4u
#define SHORT INT64_C(200000)
#define STALE INT64_C(3000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

#define STEPS "scan(0, (acc * 31 + x) % 1000003)"
#define BEHIND "filter(x % 3 != 0) | map(x + 1)"

static const char *const sources[PRODUCERS] = { "a", "b" };
static const char *const derived[DRIVERS] = { "steps", "behind", "merged" };

struct books {
	char segment[96];
	struct storm_page page;
	_Atomic uint64_t drawn[PRODUCERS];
};

/* as who acts */

static void produce(struct books *books, struct zipc_segment *segment,
		    unsigned which, struct dice *dice)
{
	const struct timespec pace = { .tv_nsec = 50000 };
	struct zipc_stream *stream;
	int64_t value;
	unsigned n;
	int rc;

	storm_assert(!zipc_stream_open(&stream, segment, sources[which],
				       "i64"), "%s", zipc_last_error());
	while (!storm_is_over()) {
		for (n = roll_below(dice, BURST) + 1;
		     n && zipc_stream_emitted(stream) < MOST - 2; n--) {
			/* Relaxed: the stream orders what it must. */
			value = (int64_t)atomic_fetch_add_explicit(
				&books->drawn[which], 1, memory_order_relaxed);
			value = value * PRODUCERS + which;
			rc = zipc_stream_emit(stream, &value, ZIPC_NOWAIT);
			storm_assert(!rc, "emit gives %d: %s", rc,
				     zipc_last_error());
		}
		storm_progress();
		/* All that is emitted is kept, so it must not be too much. */
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pace, NULL);
	}
	zipc_stream_close(stream);
}

static void drive(struct zipc_segment *segment, struct dice *dice)
{
	struct zipc_stream *streams[DRIVERS];
	unsigned i;
	int64_t rc;

	for (i = 0; i < DRIVERS; i++)
		storm_assert(!zipc_stream_open(&streams[i], segment,
					       derived[i], "i64"), "%s",
			     zipc_last_error());
	while (!storm_is_over()) {
		i = roll_below(dice, DRIVERS);
		rc = zipc_stream_drive(streams[i], roll_below(dice, 2)
							   ? SHORT
							   : ZIPC_NOWAIT);
		storm_assert(rc >= 0 || rc == -EAGAIN || rc == -ETIMEDOUT ||
				     rc == -EBUSY,
			     "drive gives %lld: %s", (long long)rc,
			     zipc_last_error());
		if (rc >= 0)
			storm_progress();
	}
	for (i = 0; i < DRIVERS; i++)
		zipc_stream_close(streams[i]);
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	struct zipc_segment *segment;

	zipc_drive_stale_ns = STALE;
	storm_assert(!zipc_segment_open(&segment, books->segment, 0), "%s",
		     zipc_last_error());
	if (seat < PRODUCERS)
		produce(books, segment, seat, dice);
	else
		drive(segment, dice);
	zipc_segment_close(segment);
}

/* the end */

struct all {
	int64_t *value;
	uint64_t n;
};

static struct all read_all(struct zipc_segment *segment, const char *name)
{
	struct all all = { calloc(2 * MOST + 1, sizeof(int64_t)), 0 };
	struct zipc_subscription *it;
	struct zipc_stream *stream;
	int64_t n;

	ck_rc(zipc_stream_open(&stream, segment, name, "i64"), 0);
	ck_rc(zipc_stream_subscribe(&it, stream, NULL, ZIPC_STREAM_OLDEST), 0);
	while ((n = zipc_stream_next_n(it, all.value + all.n,
				       2 * MOST + 1 - all.n, ZIPC_NOWAIT)) > 0)
		all.n += (uint64_t)n;
	ck_rc(n, -EAGAIN);
	ck_assert_uint_eq(zipc_stream_lost(it), 0);
	zipc_stream_leave(it);
	zipc_stream_close(stream);
	return all;
}

static void drive_all(struct zipc_segment *segment, const char *name)
{
	struct zipc_stream *stream;
	int64_t rc;

	ck_rc(zipc_stream_open(&stream, segment, name, "i64"), 0);
	do
		rc = zipc_stream_drive(stream, ZIPC_NOWAIT);
	while (rc >= 0);
	ck_rc(rc, -EAGAIN);
	zipc_stream_close(stream);
}

static void check_steps(struct zipc_segment *segment, const struct all *a)
{
	struct all steps = read_all(segment, "steps");
	struct all behind = read_all(segment, "behind");
	uint64_t i, k = 0;
	int64_t value = 0;

	ck_assert_uint_eq(steps.n, a->n);
	for (i = 0; i < a->n; i++) {
		value = (value * 31 + a->value[i]) % 1000003;
		ck_assert_int_eq(steps.value[i], value);
		if (value % 3)
			ck_assert(k < behind.n &&
				  behind.value[k++] == value + 1);
	}
	ck_assert_uint_eq(behind.n, k);
	free(steps.value);
	free(behind.value);
}

/* Each source's in its order, and all of them. */
static void check_merged(struct zipc_segment *segment,
			 const struct all of[PRODUCERS])
{
	struct all merged = read_all(segment, "merged");
	uint64_t at[PRODUCERS] = { 0 }, i;
	unsigned which;

	for (i = 0; i < merged.n; i++) {
		which = (unsigned)merged.value[i] % PRODUCERS;
		ck_assert_uint_lt(at[which], of[which].n);
		ck_assert_int_eq(merged.value[i],
				 of[which].value[at[which]++]);
	}
	ck_assert_uint_eq(merged.n, of[0].n + of[1].n);
	free(merged.value);
}

static struct zipc_segment *make_streams(struct books *books)
{
	struct zipc_derive_options options = { .capacity = 2 * MOST,
					       .max_drivers = DRIVERS + 1 };
	struct zipc_stream *from[PRODUCERS], *d[DRIVERS];
	struct zipc_segment *segment;
	unsigned i;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 64 << 20, NULL),
	      0);
	for (i = 0; i < PRODUCERS; i++)
		ck_rc(zipc_stream_create(&from[i], segment, sources[i], "i64",
					 MOST), 0);
	ck_rc(zipc_stream_derive_with(&d[0], segment, derived[0], STEPS,
				      from[0], &options), 0);
	ck_rc(zipc_stream_derive_with(&d[1], segment, derived[1], BEHIND,
				      d[0], &options), 0);
	ck_rc(zipc_stream_derive_with(&d[2], segment, derived[2], "merge(b)",
				      from[0], &options), 0);
	for (i = 0; i < PRODUCERS; i++)
		zipc_stream_close(from[i]);
	for (i = 0; i < DRIVERS; i++)
		zipc_stream_close(d[i]);
	return segment;
}

static void storm_on_drivers(unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = SEATS, .kills = kills / SCALE,
			       .least = 10, .act = act, .page = &books->page,
			       .context = books };
	struct zipc_segment *segment = make_streams(books);
	struct all of[PRODUCERS];
	unsigned i;

	storm_run(&storm);
	for (i = 0; i < DRIVERS; i++)
		drive_all(segment, derived[i]);
	for (i = 0; i < PRODUCERS; i++)
		of[i] = read_all(segment, sources[i]);
	check_steps(segment, &of[0]);
	check_merged(segment, of);
	printf("%llu and %llu emitted\n", (unsigned long long)of[0].n,
	       (unsigned long long)of[1].n);
	for (i = 0; i < PRODUCERS; i++)
		free(of[i].value);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

START_TEST(results_survive_random_kills)
{
	storm_on_drivers(100);
}
END_TEST

START_TEST(results_survive_thousands_of_kills)
{
	storm_on_drivers(5000);
}
END_TEST

static Suite *storm_derive_suite(void)
{
	Suite *suite = suite_create("storm derive");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_test(tc, results_survive_random_kills);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_test(tc, results_survive_thousands_of_kills);
	return suite;
}

TEST_MAIN(storm_derive_suite)
