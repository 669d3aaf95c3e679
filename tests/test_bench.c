/* SPDX-License-Identifier: MIT */
/* The bench: how figures are made of runs, what counts, what is compared. */
#include "../bench/figures.h"
#include "../bench/pingpong.h"
#include "harness.h"

static const struct candidate ours = { .name = "ours", .ours = true };
static const struct candidate peer = { .name = "peer" };
static const struct work rate = { .name = "rate", .goal = 50 };
static const struct work wait = { .name = "wait", .goal = 50,
				  .less_is_better = true };

/* Runs of ours (0) and the peer (1): {candidate, round, place, value, ping}. */
struct told {
	unsigned candidate, round, place;
	double value, ping_ns;
	enum verdict verdict;
};

static struct outcome outcome_of(const struct work *work,
				 const struct told *told, unsigned count)
{
	struct outcome o = { .work = work, .count = 2, .run_count = count };

	o.figures[0].candidate = &ours;
	o.figures[1].candidate = &peer;
	o.runs = calloc(count, sizeof(*o.runs));
	for (unsigned i = 0; i < count; i++)
		o.runs[i] = (struct run){ .candidate = told[i].candidate,
					  .round = told[i].round,
					  .place = told[i].place,
					  .value = told[i].value,
					  .ping_before_ns = told[i].ping_ns,
					  .ping_after_ns = told[i].ping_ns,
					  .verdict = told[i].verdict };
	figure_out(&o);
	free(o.runs);
	return o;
}

#define OUTCOME(work, told) \
	outcome_of(work, told, sizeof(told) / sizeof(*(told)))

START_TEST(a_ratio_is_of_neighbours_in_one_regime)
{
	const struct told told[] = {
		{ 0, 0, 0, 100, 110, COUNTS }, { 1, 0, 1, 20, 110, COUNTS },
		{ 0, 1, 0, 300, 30, COUNTS },  { 1, 1, 1, 10, 110, COUNTS },
		{ 0, 2, 0, 120, 110, COUNTS }, { 1, 2, 1, 30, 110, COUNTS },
	};
	struct outcome o = OUTCOME(&rate, told);

	/* 100/20 and 120/30; round 1 stands in two regimes. */
	ck_assert_uint_eq(o.figures[1].pairs, 2);
	ck_assert_double_eq_tol(o.figures[1].ratio, 4.5, 1e-9);
	ck_assert_double_eq_tol(o.figures[1].ratio_low, 4, 1e-9);
	ck_assert_double_eq_tol(o.figures[1].ratio_high, 5, 1e-9);
}
END_TEST

START_TEST(a_median_is_of_the_regime_where_ours_ran_most)
{
	const struct told told[] = {
		{ 0, 0, 0, 100, 110, COUNTS }, { 0, 0, 3, 500, 30, COUNTS },
		{ 0, 1, 0, 90, 120, COUNTS },  { 0, 1, 3, 80, 100, COUNTS },
		{ 1, 0, 1, 10, 115, COUNTS },  { 1, 0, 2, 90, 30, COUNTS },
	};
	struct outcome o = OUTCOME(&rate, told);

	ck_assert_uint_eq(o.figures[0].n, 3);
	ck_assert_double_eq_tol(o.figures[0].median, 90, 1e-9);
	ck_assert_uint_eq(o.figures[1].n, 1);
	ck_assert_double_eq_tol(o.figures[1].median, 10, 1e-9);
	ck_assert_int_eq(o.met, 1);
}
END_TEST

START_TEST(a_run_that_was_disturbed_does_not_count)
{
	const struct told told[] = {
		{ 0, 0, 0, 900, 110, LOADED }, { 0, 0, 1, 800, 110, MOVED },
		{ 0, 0, 2, 40, 110, COUNTS },  { 1, 0, 3, 1, 110, LOADED },
		{ 1, 0, 4, 20, 110, COUNTS },
	};
	struct outcome o = OUTCOME(&rate, told);

	ck_assert_uint_eq(o.figures[0].n, 1);
	ck_assert_double_eq_tol(o.figures[1].ratio, 2, 1e-9);
	ck_assert_int_eq(o.met, 0);
}
END_TEST

START_TEST(where_less_is_better_the_ratio_is_upside_down)
{
	const struct told told[] = { { 0, 0, 0, 40, 0, COUNTS },
				     { 1, 0, 1, 80, 0, COUNTS } };
	struct outcome o = OUTCOME(&wait, told);

	ck_assert_double_eq_tol(o.figures[1].ratio, 2, 1e-9);
	ck_assert_int_eq(o.met, 1);
}
END_TEST

START_TEST(a_run_far_off_or_of_another_round_is_no_neighbour)
{
	const struct told told[] = { { 0, 0, 0, 40, 110, COUNTS },
				     { 1, 0, 4, 80, 110, COUNTS },
				     { 1, 1, 1, 80, 110, COUNTS } };
	struct outcome o = OUTCOME(&rate, told);

	ck_assert_uint_eq(o.figures[1].pairs, 0);
}
END_TEST

START_TEST(regimes_are_told_apart_and_nearby_times_are_not)
{
	ck_assert(same_regime(110, 95));
	ck_assert(same_regime(0, 0)); /* on one core there is no ping-pong */
	ck_assert(!same_regime(30, 110));
	ck_assert(!same_regime(500, 110));
}
END_TEST

static Suite *bench_suite(void)
{
	Suite *suite = suite_create("bench");
	TCase *tc = test_case(suite, "figures", "fast", 60);

	tcase_add_test(tc, a_ratio_is_of_neighbours_in_one_regime);
	tcase_add_test(tc, a_median_is_of_the_regime_where_ours_ran_most);
	tcase_add_test(tc, a_run_that_was_disturbed_does_not_count);
	tcase_add_test(tc, where_less_is_better_the_ratio_is_upside_down);
	tcase_add_test(tc, a_run_far_off_or_of_another_round_is_no_neighbour);
	tcase_add_test(tc, regimes_are_told_apart_and_nearby_times_are_not);
	return suite;
}

TEST_MAIN(bench_suite)
