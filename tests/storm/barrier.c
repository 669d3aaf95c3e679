/* SPDX-License-Identifier: MIT */
/*
 * A barrier in a storm: parties are killed and stopped, others take their
 * places, and rounds go on. No party goes through a round that another has not
 * arrived in, and each one's rounds follow each other without a gap.
 *
 * A party knows the number of the round it is about to arrive in, as that can
 * not end without it, and notes it before it does. Who has gone through round
 * r finds that all have noted r at least, the dead of that round included.
 */
#include "storm.h"
#include "../harness.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define MOST 6
#define SLICE INT64_C(20000000) /* then look whether the storm is over */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

struct variant {
	unsigned parties;
	int64_t timeout_ns;
	unsigned flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	_Atomic uint64_t arrives[MOST]; /* in this round */
	_Atomic uint64_t told;          /* deaths, to all */
};

/* Until the storm is over, whose last round not all arrive in. */
static int wait_in_slices(struct zipc_barrier *barrier, int64_t timeout_ns)
{
	int rc;

	do
		rc = zipc_barrier_wait(barrier, timeout_ns);
	while ((rc == -ETIMEDOUT || rc == -EAGAIN) && !storm_is_over());
	storm_assert(!rc || rc == -ETIMEDOUT || rc == -EAGAIN ||
			     rc == -EOWNERDEAD,
		     "wait gives %d: %s", rc, zipc_last_error());
	return rc;
}

static void check_round(struct books *books, uint64_t round, uint64_t now)
{
	unsigned i;

	storm_assert(now == round, "round %llu was number %llu",
		     (unsigned long long)round, (unsigned long long)now);
	/* Relaxed: the barrier must have ordered them. */
	for (i = 0; i < books->variant->parties; i++)
		storm_assert(atomic_load_explicit(&books->arrives[i],
						  memory_order_relaxed) >=
				     round,
			     "round %llu ended without %u",
			     (unsigned long long)round, i);
}

static void take_part(struct books *books, struct zipc_barrier *barrier,
		      unsigned seat)
{
	uint64_t round = zipc_barrier_rounds(barrier) + 1;
	int rc;

	atomic_store_explicit(&books->arrives[seat], round,
			      memory_order_relaxed);
	rc = wait_in_slices(barrier, books->variant->timeout_ns);
	if (rc == -EOWNERDEAD)
		atomic_fetch_add_explicit(&books->told, 1,
					  memory_order_relaxed);
	if (rc)
		return;
	check_round(books, round, zipc_barrier_rounds(barrier));
	storm_progress();
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	struct zipc_segment *segment;
	struct zipc_barrier *barrier;

	(void)dice;
	storm_assert(!zipc_segment_open(&segment, books->segment, 0) &&
			     !zipc_barrier_open(&barrier, segment, "b"),
		     "open: %s", zipc_last_error());
	while (!storm_is_over())
		take_part(books, barrier, seat);
	zipc_barrier_close(barrier);
	zipc_segment_close(segment);
}

static struct zipc_segment *make_barrier(struct books *books)
{
	const struct variant *variant = books->variant;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = variant->parties + 1,
	};
	struct zipc_segment *segment;
	struct zipc_barrier *barrier;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_barrier_create(&barrier, segment, "b", variant->parties),
	      0);
	zipc_barrier_close(barrier);
	return segment;
}

static void go_through(struct zipc_barrier *parties[], unsigned n, bool news)
{
	unsigned i;
	int rc;

	for (i = 0; i < n; i++) {
		rc = zipc_barrier_wait(parties[i], ZIPC_NOWAIT);
		if (news && rc == -EOWNERDEAD)
			rc = zipc_barrier_wait(parties[i], ZIPC_NOWAIT);
		ck_rc(rc, i + 1 < n ? -EAGAIN : 0);
	}
	for (i = 0; i + 1 < n; i++)
		ck_rc(zipc_barrier_wait(parties[i], ZIPC_NOWAIT), 0);
}

/*
 * All places are to be had, and rounds end. Who took one before the last dead
 * one's place was taken is told of that, once.
 */
static void all_is_well(struct books *books, struct zipc_segment *segment)
{
	struct zipc_barrier *parties[MOST];
	unsigned n = books->variant->parties, i;

	for (i = 0; i < n; i++)
		ck_rc(zipc_barrier_open(&parties[i], segment, "b"), 0);
	go_through(parties, n, true);
	go_through(parties, n, false);
	for (i = 0; i < n; i++)
		zipc_barrier_close(parties[i]);
}

static void storms(const struct variant *variant, unsigned n, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->parties, .least = 10,
			       .kills = kills / SCALE, .act = act,
			       .context = books };
	struct zipc_segment *segment;

	books->variant = variant;
	segment = make_barrier(books);
	while (n--) {
		storm_run(&storm);
		all_is_well(books, segment);
	}
	ck_assert_uint_gt(atomic_load(&books->told), 0);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

/* Nobody is killed, and nobody stopped. */
static void is_calm(const struct variant *variant)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->parties,
			       .least = 20000 / SCALE,
			       .act = act,
			       .context = books };
	struct zipc_segment *segment;

	books->variant = variant;
	segment = make_barrier(books);
	storm_run(&storm);
	ck_assert_uint_eq(storm_late_wakes(books->segment, "b"), 0);
	all_is_well(books, segment);
	ck_assert_uint_eq(atomic_load(&books->told), 0);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 2, SLICE, 0 },
	{ 3, SLICE, 0 },
	{ 6, SLICE, 0 },
	{ 4, 200000, 0 },
	{ 4, SLICE, ZIPC_SYMMETRIC_FENCES },
	{ 3, ZIPC_NOWAIT, 0 },
};
#define VARIANTS (int)(sizeof(variants) / sizeof(variants[0]))
#define SLEEPING (VARIANTS - 1) /* nobody sleeps in the last */

START_TEST(rounds_survive_random_kills)
{
	storms(&variants[_i], 1, 60);
}
END_TEST

START_TEST(nobody_is_woken_late_when_nobody_dies)
{
	is_calm(&variants[_i]);
}
END_TEST

START_TEST(rounds_survive_thousands_of_kills)
{
	storms(&variants[_i], 20, 200);
}
END_TEST

static Suite *storm_barrier_suite(void)
{
	Suite *suite = suite_create("storm barrier");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, rounds_survive_random_kills, 0, VARIANTS);
	tc = test_case(suite, "calm", "medium", 300);
	tcase_add_loop_test(tc, nobody_is_woken_late_when_nobody_dies, 0,
			    SLEEPING);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, rounds_survive_thousands_of_kills, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_barrier_suite)
