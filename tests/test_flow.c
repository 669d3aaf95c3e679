/* SPDX-License-Identifier: MIT */
/*
 * Flows: who is asked for sources, what messages say, limits, how failures are
 * told, and what becomes of bytes and states that are not theirs. What
 * operators give is in the vectors of interop/flows.
 */
#include "harness.h"

#include "../libzeroipc/flow.h"
#include "../libzeroipc/format.h"

#define MANY 4000

static const struct zipc_flow_source streams[] = {
	{"x", "i64", 0}, {"y", "i64", 0}, {"timed", "{ts: i64, v:f64}", 1},
};

static int find(void *context, const char *name, struct zipc_flow_source *found)
{
	unsigned k;

	(void)context;
	for (k = 0; k < 3; k++)
		if (!strcmp(name, streams[k].name)) {
			*found = streams[k];
			return 0;
		}
	return -ENOENT;
}

static int compile(struct zipc_flow **out, const char *text,
		   const struct zipc_flow_source *source)
{
	struct zipc_flow_text from = {
		.text = text, .source = source, .find = find,
	};

	return zipc_flow_compile(out, &from);
}

static struct zipc_flow *compiled(const char *text)
{
	struct zipc_flow *flow = NULL;

	ck_rc(compile(&flow, text, &streams[0]), 0);
	return flow;
}

static void ck_refused(const char *text, const char *words)
{
	struct zipc_flow *flow = (void *)&flow;

	ck_rc(compile(&flow, text, &streams[0]), -EINVAL);
	ck_message(words);
	ck_assert_ptr_eq(flow, (void *)&flow);
}

static void *begun(const struct zipc_flow *flow)
{
	void *state = calloc(1, zipc_flow_state_bytes(flow));

	zipc_flow_begin(flow, state, 0);
	return state;
}

START_TEST(messages_say_where_and_what_to_do)
{
	ck_refused("filtr(x > 1)", "column 1: no operator is called `filtr`");
	ck_refused("filter(x)", "column 8: this gives i64, not bool");
	ck_refused("take(10s)", "column 8: here is a count, without a unit");
	ck_refused("map(x) | zip(y)", "column 10: zip has to be the first");
	ck_refused("sample(1s)", "create the stream with timestamps");
	ck_refused("window(10s, sum(x))", "by x.ts");
	ck_refused("window(9, sum(x), count())", "{a: sum(x), n: count()}");
	ck_refused("window(10, x)", "a window gives aggregates");
	ck_refused("map(x) > 3", "column 8: expected '|' and an operator");
	ck_refused("merge(timed)", "map one of them first");
	ck_refused("map(\x7f)", "column 5: byte 0x7f");
}
END_TEST

START_TEST(limits_are_told_with_their_figures)
{
	ck_refused("distinct(x, 5000)", "it remembers 40008 bytes, and those "
					"before it 32; a flow remembers at "
					"most 32768");
	ck_refused("window(65s, every 1s, count(), by x)",
		   "65 windows may end at once");
	ck_refused("window(9s, every 1s, sum(x), by x) | "
		   "window(9s, every 1s, sum(x))",
		   "column 1: 9 windows may end at once, which makes more "
		   "than 64");
	ck_refused("merge(y) | merge(y)", "column 18: `y` is read already");
}
END_TEST

START_TEST(a_stream_that_is_not_found_is_what_find_says)
{
	struct zipc_flow *flow;

	ck_rc(compile(&flow, "merge(nobody)", &streams[0]), -ENOENT);
	ck_refused("merge(a/b)", "column 7: no stream can have that name");
}
END_TEST

START_TEST(a_flow_says_what_it_reads_and_gives)
{
	struct zipc_flow *flow = NULL;
	size_t length;

	ck_rc(compile(&flow, "zip(\"timed\", y.v * x) | skip(2)", &streams[0]),
	      0);
	ck_assert_uint_eq(zipc_flow_reads(flow), ZIPC_FLOW_PAIRS);
	ck_assert_uint_eq(zipc_flow_sources(flow), 2);
	ck_assert_str_eq(zipc_flow_source(flow, 1)->name, "timed");
	ck_assert_str_eq(zipc_flow_source(flow, 1)->type, "{ts:i64, v:f64}");
	ck_assert_ptr_null(zipc_flow_source(flow, 2));
	ck_assert_str_eq(zipc_flow_type(flow), "f64");
	ck_assert_uint_eq(zipc_flow_result_bytes(flow), 8);
	ck_assert_int_eq(zipc_flow_has_times(flow), 1);
	ck_assert_uint_eq(zipc_flow_stages(flow), 2);
	ck_assert_mem_eq(zipc_flow_stage(flow, 1, &length), "skip(2)", 7);
	ck_assert_uint_eq(length, 7);
	zipc_flow_close(flow);
	zipc_flow_close(NULL);
}
END_TEST

START_TEST(bytes_for_other_sources_are_refused)
{
	struct zipc_flow *flow = compiled("merge(y)"), *other;
	struct zipc_flow_source asked[] = {streams[0], streams[1]};
	const void *bytes;
	size_t size;

	bytes = zipc_flow_bytes(flow, &size);
	ck_rc(zipc_flow_read(&other, bytes, size, asked, 2), 0);
	zipc_flow_close(other);
	ck_rc(zipc_flow_read(&other, bytes, size, asked, 1), -EPROTOTYPE);
	ck_message("it reads 2 streams, not 1");
	asked[1].times = 1;
	ck_rc(zipc_flow_read(&other, bytes, size, asked, 2), -EPROTOTYPE);
	asked[1] = streams[0];
	ck_rc(zipc_flow_read(&other, bytes, size, asked, 2), -EPROTOTYPE);
	asked[1] = (struct zipc_flow_source){"y", "u64", 0};
	ck_rc(zipc_flow_read(&other, bytes, size, asked, 2), -EPROTOTYPE);
	ck_message("`y` of i64, not `y` of u64");
	zipc_flow_close(flow);
}
END_TEST

START_TEST(bytes_of_another_version_or_cut_are_refused)
{
	struct zipc_flow *flow = compiled("filter(x > 1) | take(2)"), *other;
	uint8_t copy[4096];
	size_t size, k;

	memcpy(copy, zipc_flow_bytes(flow, &size), 4);
	ck_assert_uint_le(size, sizeof(copy));
	memcpy(copy, zipc_flow_bytes(flow, &size), size);
	for (k = 0; k < size; k++)
		ck_rc(zipc_flow_read(&other, copy, k, streams, 1), -EBADMSG);
	copy[4] = 2;
	ck_rc(zipc_flow_read(&other, copy, size, streams, 1),
	      -EPROTONOSUPPORT);
	copy[4] = 1;
	copy[0x0C]++;
	ck_rc(zipc_flow_read(&other, copy, size, streams, 1), -EBADMSG);
	ck_message("its state has");
	zipc_flow_close(flow);
}
END_TEST

START_TEST(a_state_of_another_flow_does_nothing)
{
	struct zipc_flow *flow = compiled("take(2)"), *other =
		compiled("take(3)");
	uint64_t *state = begun(other), elem = 5, result[64];
	struct zipc_flow_step step = {
		.elems = {&elem}, .count = {1}, .results = result, .room = 64,
	};
	struct zipc_flow_counts counts;

	ck_rc(zipc_flow_run(flow, state, &step), -EBADMSG);
	ck_assert_uint_eq(step.made, 0);
	ck_assert_uint_eq(step.taken[0], 0);
	ck_rc(zipc_flow_counts(flow, state, 0, &counts), -EBADMSG);
	ck_rc(zipc_flow_run(other, state, &step), 0);
	ck_assert_uint_eq(step.made, 1);
	((struct zipc_flow_state *)state)->ended = 2;
	ck_rc(zipc_flow_run(other, state, &step), -EBADMSG);
	free(state);
	zipc_flow_close(flow);
	zipc_flow_close(other);
}
END_TEST

START_TEST(more_keys_than_there_can_be_are_damage)
{
	struct zipc_flow *flow = compiled("distinct(x, 2)");
	uint64_t *state = begun(flow), elem = 5, result[64];
	struct zipc_flow_step step = {
		.elems = {&elem}, .count = {1}, .results = result, .room = 64,
	};

	state[(32 + 48) / 8] = 3;
	ck_rc(zipc_flow_run(flow, state, &step), -EBADMSG);
	state[(32 + 48) / 8] = 2;
	ck_rc(zipc_flow_run(flow, state, &step), 0);
	free(state);
	zipc_flow_close(flow);
}
END_TEST

START_TEST(the_last_failure_is_told)
{
	struct zipc_flow *flow = compiled("map(x + 1) | map(10 // (x - 1))");
	uint64_t *state = begun(flow), result[64];
	int64_t elems[] = {0, 5, 0, 7};
	struct zipc_flow_step step = {
		.elems = {elems}, .count = {4}, .results = result, .room = 64,
	};
	struct zipc_flow_counts counts;
	char text[200];

	zipc_flow_failure_print(flow, state, text, sizeof(text));
	ck_assert_str_eq(text, "");
	ck_rc(zipc_flow_run(flow, state, &step), 0);
	ck_assert_uint_eq(step.made, 2);
	ck_rc(zipc_flow_counts(flow, state, 1, &counts), 0);
	ck_assert_uint_eq(counts.failed, 2);
	zipc_flow_failure_print(flow, state, text, sizeof(text));
	ck_assert_str_eq(text, "element 2 of `map(10 // (x - 1))`: division by "
			       "zero, at column 21 of the flow");
	free(state);
	zipc_flow_close(flow);
}
END_TEST

/* Results behind the room are not touched, and none is lost. */
START_TEST(no_more_is_taken_than_there_is_room_for)
{
	struct zipc_flow *flow = compiled("map(x)");
	uint64_t *state = begun(flow), at = 0, k;
	static int64_t elems[MANY], result[101];
	struct zipc_flow_step step = {.results = result, .room = 100};

	for (k = 0; k < MANY; k++)
		elems[k] = (int64_t)k;
	result[100] = -7;
	while (at < MANY) {
		step.elems[0] = elems + at;
		step.count[0] = MANY - at;
		ck_rc(zipc_flow_run(flow, state, &step), 0);
		ck_assert_uint_eq(step.made, step.taken[0]);
		ck_assert_uint_gt(step.made, 0);
		ck_assert_uint_le(step.made, 100);
		for (k = 0; k < step.made; k++)
			ck_assert_int_eq(result[k], (int64_t)(at + k));
		at += step.taken[0];
	}
	ck_assert_int_eq(result[100], -7);
	free(state);
	zipc_flow_close(flow);
}
END_TEST

START_TEST(what_comes_to_an_end_that_was_reached_is_taken_for_nothing)
{
	struct zipc_flow *flow = compiled("take(1)");
	uint64_t *state = begun(flow), result[64];
	int64_t elems[] = {4, 5, 6};
	struct zipc_flow_step step = {
		.elems = {elems}, .count = {3}, .results = result, .room = 64,
	};

	ck_rc(zipc_flow_run(flow, state, &step), 0);
	ck_assert_int_eq(step.has_ended, 1);
	ck_assert_uint_eq(step.made, 1);
	ck_assert_uint_eq(step.taken[0], 3);
	ck_rc(zipc_flow_run(flow, state, &step), 0);
	ck_assert_int_eq(step.has_ended, 1);
	ck_assert_uint_eq(step.made, 0);
	free(state);
	zipc_flow_close(flow);
}
END_TEST

START_TEST(what_gives_nothing_ends_a_step)
{
	struct zipc_flow *flow = NULL;
	uint64_t *state, result[64];
	struct zipc_flow_step step = {.results = result, .room = 64};

	ck_rc(compile(&flow, "repeat(1) | filter(x > 1)", NULL), 0);
	state = begun(flow);
	ck_rc(zipc_flow_run(flow, state, &step), 0);
	ck_assert_uint_eq(step.made, 0);
	ck_assert_int_eq(step.has_ended, 0);
	free(state);
	zipc_flow_close(flow);
}
END_TEST

START_TEST(a_tick_says_when_the_next_is_due)
{
	struct zipc_flow *flow = NULL;
	uint64_t *state;
	int64_t result[64], times[64];
	struct zipc_flow_step step = {
		.results = result, .result_times = times, .room = 64,
	};

	ck_rc(compile(&flow, "tick(1s)", NULL), 0);
	ck_assert_uint_eq(zipc_flow_reads(flow), ZIPC_FLOW_CLOCK);
	state = begun(flow);
	zipc_flow_begin(flow, state, 500);
	step.now_ns = 600;
	ck_rc(zipc_flow_run(flow, state, &step), 0);
	ck_assert_uint_eq(step.made, 0);
	ck_assert_int_eq(step.next_ns, 1000000500);
	step.now_ns = 3500000000;
	ck_rc(zipc_flow_run(flow, state, &step), 0);
	ck_assert_uint_eq(step.made, 1);
	ck_assert_int_eq(result[0], 2);
	ck_assert_int_eq(times[0], 3000000500);
	ck_assert_int_eq(step.next_ns, 4000000500);
	free(state);
	zipc_flow_close(flow);
}
END_TEST

static Suite *flow_suite(void)
{
	Suite *suite = suite_create("flow");
	TCase *words = test_case(suite, "words", "fast", 20);
	TCase *bytes = test_case(suite, "bytes", "fast", 20);
	TCase *runs = test_case(suite, "runs", "fast", 20);

	tcase_add_test(words, messages_say_where_and_what_to_do);
	tcase_add_test(words, limits_are_told_with_their_figures);
	tcase_add_test(words, a_stream_that_is_not_found_is_what_find_says);
	tcase_add_test(words, a_flow_says_what_it_reads_and_gives);
	tcase_add_test(bytes, bytes_for_other_sources_are_refused);
	tcase_add_test(bytes, bytes_of_another_version_or_cut_are_refused);
	tcase_add_test(bytes, a_state_of_another_flow_does_nothing);
	tcase_add_test(bytes, more_keys_than_there_can_be_are_damage);
	tcase_add_test(runs, the_last_failure_is_told);
	tcase_add_test(runs, no_more_is_taken_than_there_is_room_for);
	tcase_add_test(runs,
		       what_comes_to_an_end_that_was_reached_is_taken_for_nothing);
	tcase_add_test(runs, what_gives_nothing_ends_a_step);
	tcase_add_test(runs, a_tick_says_when_the_next_is_due);
	return suite;
}

TEST_MAIN(flow_suite)
