/* SPDX-License-Identifier: MIT */
/*
 * The checker of linearizability against histories that were made by hand, as
 * data. A history is a row of events; A to D are lanes.
 *
 *   A+1     calls push 1          A.      its push returned
 *   A+1,2   a batch               A.1     one was in when it was full
 *                                 A!      full, or empty
 *   A-      calls pop             A=1     its pop returned 1
 *   A-3     pop of three          A=1,2   and got two
 *   A#      asks for the size     A=2     and is told 2
 *
 * An operation that does not return was killed.
 */
#include "../harness.h"
#include "fifo.h"

static const struct sample {
	unsigned capacity;
	bool linearizable;
	const char *history;
} samples[] = {
	/* one lane */
	{ 1, true, "" },
	{ 1, true, "A+1 A. A- A=1 A- A!" },
	{ 2, true, "A+1 A. A+2 A. A+3 A! A- A=1 A- A=2" },
	{ 2, false, "A+1 A. A+2 A. A- A=2" },
	{ 2, false, "A+1 A. A- A=1 A- A=1" },
	{ 2, false, "A+1 A. A+2 A!" },
	{ 1, false, "A+1 A. A+2 A." },
	{ 1, false, "A- A=1" },
	{ 1, false, "A+1 A. A- A!" },
	/* what overlaps has either order */
	{ 2, true, "A+1 B+2 A. B. C- C=1 C- C=2" },
	{ 2, true, "A+1 B+2 A. B. C- C=2 C- C=1" },
	{ 2, false, "A+1 A. B+2 B. C- C=2 C- C=1" },
	{ 2, true, "A+1 B- B=1 A." },
	{ 2, true, "A+1 B- A. B!" },
	{ 2, false, "A+1 A. B- B!" },
	{ 2, true, "B- A+1 A. B!" },
	/* an element that is under way is taken once and in one order */
	{ 3, false, "A+1 B- B=1 C- C=1 A." },
	{ 3, true, "A+1 B- C- B=1 C! A." },
	{ 3, false, "A+1 A. B- C- B! C!" },
	{ 3, true, "A+1 B+2 C- C=2 C- C=1 A. B." },
	{ 3, false, "A+1 B+2 C- C=2 D- D=1 A. B. D- D=2" },
	/* two observers must agree */
	{ 3, true, "A+1 B+2 C- C=1 C+3 C. A. B. D- D=3 D- D=2 B- B!" },
	{ 3, true, "A+1 B+2 C- C=1 C+3 D- A. B. D=2 C. D- D=3 D- D!" },
	{ 3, false, "A+1 B+2 C- C=1 C+3 C. A. B. D- D=3 D- D! B- B=2" },
	/* empty while a push is under way, and never after it was found */
	{ 2, true, "A+1 B- B! B- B=1 A." },
	{ 2, false, "A+1 A. B+2 C- C! B. C- C=1" },
	{ 2, false, "A+1 B+2 B. C- C! C- C=1 A." },
	/* full: pushes that are under way may hold the room */
	{ 2, true, "A+1 A. A+2 B+3 B! C- C=1 C- C! A. C- C=2" },
	{ 2, false, "A+1 B+2 B! A." },
	{ 2, true, "A+1 B+2 C+3 C! A. B." },
	{ 1, true, "A+1 B+2 B! A. B- B=1 A- A!" },
	{ 3, false, "A+1 A. B+2 C+3 C! B." },
	{ 2, false, "A+1 A. B- B=1 B+2 B!" },
	{ 1, true, "A+1 B+2 A. B! C- C=1" },
	{ 1, false, "A+1 B+2 A! B!" },
	/* a batch that is told full in the end held the room of all */
	{ 2, true, "A+1,2 B+3 B! C+5,6 C. A!" },
	{ 2, false, "A+1 B+3 B! C+5,6 C. A!" },
	/* the size is not below what is inside, and may be above */
	{ 3, true, "A+1 A. B# B=1" },
	{ 3, true, "A+1 A. B# B=3" },
	{ 3, false, "A+1 A. B# B=4" },
	{ 3, false, "A+1 A. B# B=0" },
	{ 3, false, "A+1 A. B- B=1 B# C+2 C. C# C=0" },
	{ 3, true, "A+1 B# B=1 A." },
	{ 3, true, "A+1 B# B=0 A." },
	/* batches are rows of single operations */
	{ 3, true, "A+1,2,3 A. B-3 B=1,2,3" },
	{ 3, true, "A+1,2 B+8 A. B. C-3 C=1,8,2" },
	{ 3, false, "A+1,2 B+8 A. B. C-3 C=2,8,1" },
	{ 2, true, "A+1,2,3 A.2 B- B=1" },
	{ 3, false, "A+1,2,3 A.2 B- B=1" },
	{ 3, true, "A+1,2,3 A. B-3 B=1,2" },
	{ 3, false, "A+1,2,3 A. B-3 B=1,3" },
	{ 3, false, "A+1,2,3 A. B-3 B!" },
	{ 3, true, "A+1,2,3 B- B=1 B- B! A. B-2 B=2,3" },
	/* the killed: wholly or not at all, a batch a prefix */
	{ 2, true, "A+1 B- B=1" },
	{ 2, true, "A+1 B- B! B- B=1" },
	{ 2, false, "A+1 B- B=1 B- B=1" },
	{ 3, true, "A+1,2,3 B- B=1 B- B=2 B- B!" },
	{ 3, false, "A+1,2,3 B- B=2" },
	{ 2, true, "A+1 A. B- C- C!" },
	{ 2, true, "A+1 A. B- C- C=1" },
	{ 3, true, "A+1,2,3 A. B-2 C- C=3" },
	{ 3, true, "A+1,2,3 A. B-2 C- C=2" },
	{ 3, false, "A+1,2,3 A. B- C- C=3" },
	{ 1, true, "A+1 B+2 B!" },
	{ 2, false, "A+1 B+2 B!" },
};

/* What a lane has called and is waiting for. */
struct call {
	struct linear_op *ops;
	unsigned n;
};

static const char *read_numbers(const char *at, uint64_t *numbers, unsigned *n)
{
	char *end;

	for (*n = 0; *at >= '0' && *at <= '9'; at = end + (*end == ','))
		numbers[(*n)++] = strtoull(at, &end, 10);
	return at;
}

static void read_call(struct linear_history *history, unsigned lane, char sign,
		      const uint64_t *numbers, unsigned n, struct call *call)
{
	unsigned i;

	call->n = sign == '+' ? n : n ? (unsigned)numbers[0] : 1;
	call->ops = linear_prepare(history, lane, call->n);
	for (i = 0; i < call->n; i++) {
		call->ops[i].kind = sign == '+' ? FIFO_PUSH
				  : sign == '-' ? FIFO_POP
						: FIFO_SIZE;
		call->ops[i].value = sign == '+' ? numbers[i] : 0;
	}
	linear_call(history, lane, call->n);
}

static void read_return(struct linear_history *history, unsigned lane,
			char sign, const uint64_t *numbers, unsigned n,
			const struct call *call)
{
	unsigned done = call->n, i;

	if (call->ops[0].kind == FIFO_PUSH && (sign == '!' || n)) {
		for (i = n ? (unsigned)numbers[0] : 0; i < call->n; i++)
			call->ops[i].result = -EAGAIN;
	} else if (sign == '!') {
		call->ops[0].result = -EAGAIN;
		done = 1;
	} else if (call->ops[0].kind == FIFO_SIZE) {
		call->ops[0].result = (int64_t)numbers[0];
	} else if (sign == '=') {
		for (i = 0; i < n; i++)
			call->ops[i].value = numbers[i];
		done = n;
	}
	linear_return(history, lane, done);
}

static void read_history(struct linear_history *history, const char *text)
{
	struct call calls[LINEAR_LANES];
	uint64_t numbers[LINEAR_OPS];
	unsigned lane, n;
	char sign;

	memset(history, 0, sizeof(*history));
	while (*text) {
		lane = (unsigned)(*text++ - 'A');
		ck_assert_uint_lt(lane, LINEAR_LANES);
		sign = *text++;
		text = read_numbers(text, numbers, &n);
		if (strchr("+-#", sign))
			read_call(history, lane, sign, numbers, n,
				  &calls[lane]);
		else
			read_return(history, lane, sign, numbers, n,
				    &calls[lane]);
		ck_assert_msg(*text == ' ' || !*text, "what is `%s'?", text);
		text += *text == ' ';
	}
}

START_TEST(tells_what_can_be_explained_from_what_cannot)
{
	const struct sample *sample = &samples[_i];
	struct linear_spec spec = fifo_spec(&sample->capacity);
	struct linear_history history;

	read_history(&history, sample->history);
	ck_assert_msg(linear_check(&spec, &history, stdout) ==
			      sample->linearizable,
		      "capacity %u: %s: is %slinearizable", sample->capacity,
		      sample->history, sample->linearizable ? "" : "not ");
}
END_TEST

START_TEST(a_failure_is_printed_as_a_timeline)
{
	static const char *const rows[] = {
		"    A1                            push 1  -> [1]\n",
		"          B1                      push 2, after A1  -> [1 2]\n",
		"and none of these can follow:\n"
		"                C1                pop: 2, after A1, after B1\n"
		"                C2                pop: never returned, after A1",
	};
	const unsigned capacity = 2;
	struct linear_spec spec = fifo_spec(&capacity);
	struct linear_history history;
	char *text;
	size_t length, i;
	FILE *out = open_memstream(&text, &length);

	read_history(&history, "A+1 A. B+2 B. C- C=2 C-");
	ck_assert(!linear_check(&spec, &history, out));
	fclose(out);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(strstr(text, rows[i]) != NULL,
			      "`%s' is not in:\n%s", rows[i], text);
	free(text);
}
END_TEST

/* Without the memory of where it was, the search would take years. */
START_TEST(many_that_overlap_are_searched_in_no_time)
{
	const unsigned capacity = FIFO_CAPACITY_MOST;
	struct linear_spec spec = fifo_spec(&capacity);
	static struct linear_history history;
	struct linear_op *op;
	unsigned lane, i;

	for (lane = 0; lane < 4; lane++) {
		op = linear_prepare(&history, lane, 8);
		for (i = 0; i < 8; i++)
			op[i].kind = i % 2 ? FIFO_POP : FIFO_PUSH;
		linear_call(&history, lane, 8);
	}
	for (lane = 0; lane < 4; lane++)
		linear_return(&history, lane, 8);
	ck_assert(linear_check(&spec, &history, stdout));
	history.lanes[3].ops[7].value = 1; /* nobody's */
	ck_assert(!linear_check(&spec, &history, stdout));
}
END_TEST

static Suite *checker_suite(void)
{
	Suite *suite = suite_create("linear checker");
	TCase *tc = test_case(suite, "checker", "fast", 60);

	tcase_add_loop_test(tc, tells_what_can_be_explained_from_what_cannot, 0,
			    sizeof(samples) / sizeof(samples[0]));
	tcase_add_test(tc, a_failure_is_printed_as_a_timeline);
	tcase_add_test(tc, many_that_overlap_are_searched_in_no_time);
	return suite;
}

TEST_MAIN(checker_suite)
