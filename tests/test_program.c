/* SPDX-License-Identifier: MIT */
/*
 * Programs: where messages point, what is refused, the limits, and how failures
 * are told. What expressions give is in the vectors of interop/programs, and
 * what becomes of bytes in test_program_bytes.c.
 */
#include "harness.h"

#include "../libzeroipc/program.h"

#define RECORD "{ts:u64, temp:f32, id:u32, on:bool, pos:{a:i16[3]}, s:bytes:4}"

static const struct zipc_program_name names[] = {
	{"x", RECORD, ZIPC_ROLE_ELEMENT},
	{"k", "f64", ZIPC_ROLE_ONE},
};

static int compile_at(struct zipc_program **out, const char *text, size_t at,
		      const char *type, size_t *end)
{
	struct zipc_program_source source = {
		.text = text, .length = strlen(text), .at = at, .names = names,
		.count = 2, .index = 1, .type = type,
	};

	return zipc_program_compile(out, &source, end);
}

static struct zipc_program *compiled(const char *text)
{
	struct zipc_program *program = NULL;

	ck_rc(compile_at(&program, text, 0, NULL, NULL), 0);
	return program;
}

static void ck_refused(const char *text, const char *words)
{
	struct zipc_program *program = (void *)&program;

	ck_rc(compile_at(&program, text, 0, NULL, NULL), -EINVAL);
	ck_message(words);
	ck_assert_ptr_eq(program, (void *)&program);
}

START_TEST(messages_point_at_the_column)
{
	ck_refused("", "column 1: expected a number, a name, '(' or '{', "
		       "found the end");
	ck_refused("1 +", "column 4: expected a number");
	ck_refused("(1", "column 3: expected ')' or an operator");
	ck_refused("1 2", "column 3: expected an operator or the end, found "
			  "'2'");
	ck_refused("x.temp + y", "column 10: no name `y` here; there are x, "
				 "k, i");
	ck_refused("k * x.tmp", "column 6: no field `tmp`; there are ts, temp");
	ck_refused("x.pos.a[3]", "column 8: there are elements 0 to 2");
	ck_refused("x.temp[0]", "only an input's array has elements, not");
	ck_refused("x.id && x.on", "column 6: `&&` and `||` take bools, not "
				   "an integer");
	ck_refused("x + 1", "column 3: arithmetic takes numbers, not {ts:u64");
	ck_refused("!x.id", "column 1: `!` takes a bool, not an integer");
	ck_refused("1.5 // 2", "column 5: `//` and `%` take integers");
	ck_refused("1 < 2 < 3", "column 7: comparisons do not chain");
	ck_refused("x.id ? 1 : 2", "column 6: a bool stands before `?`");
	ck_refused("x.on ? 1 : x", "column 6: a choice is of numbers or bools");
	ck_refused("cos(1)", "column 1: no function `cos`; there are abs");
	ck_refused("max(1)", "column 1: `max` takes 2 arguments, not 1");
	ck_refused("{a: 1, a: 2}", "column 8: field `a` stands here twice");
	ck_refused("9223372036854775808", "column 1: an integer has 64 bits");
	ck_refused("1 \x07", "column 3: expected an operator or the end, found "
			     "byte 0x07");
}
END_TEST

START_TEST(an_expression_stands_inside_of_a_longer_text)
{
	const char *text = "filter(x.temp > 30) | map(x.no)";
	struct zipc_program *program;
	size_t end;

	ck_rc(compile_at(&program, text, 7, "bool", &end), 0);
	ck_assert_uint_eq(end, 18);
	ck_assert_str_eq(zipc_program_text(program), "x.temp > 30");
	zipc_program_close(program);
	ck_rc(compile_at(&program, text, 26, NULL, &end), -EINVAL);
	ck_message("column 28: no field `no`");
}
END_TEST

START_TEST(it_has_the_type_that_is_asked_for_or_is_refused)
{
	struct zipc_program *program;

	ck_rc(compile_at(&program, "x.id", 0, "f64", NULL), 0);
	ck_assert_str_eq(zipc_program_type(program), "f64");
	zipc_program_close(program);
	ck_rc(compile_at(&program, "{b: x.id, a: k}", 0, "{a:f32,b:i64}",
			 NULL), 0);
	ck_assert_str_eq(zipc_program_type(program), "{a:f32, b:i64}");
	zipc_program_close(program);
	ck_rc(compile_at(&program, "k", 0, "i64", NULL), -EINVAL);
	ck_message("column 1: this gives f64, not i64");
	ck_rc(compile_at(&program, "{a: 1}", 0, "{b:i64}", NULL), -EINVAL);
	ck_message("this gives {a:i64}, not {b:i64}");
	ck_rc(compile_at(&program, "{n: 1, r: {a: 1, b: 2}}", 0,
			 "{n:i64, r:i64[2]}", NULL), -EINVAL);
	ck_message("column 11: this gives {a:i64, b:i64}, not i64[2]");
	ck_rc(compile_at(&program, "x.pos", 0, "{a:i16[2]}", NULL), -EINVAL);
	ck_message("this gives {a:i16[3]}, not {a:i16[2]}");
}
END_TEST

START_TEST(it_tells_which_inputs_it_uses)
{
	struct zipc_program *program = compiled("{t: x.ts}");
	const char *type;

	ck_assert_uint_eq(zipc_program_inputs(program), 2);
	ck_assert_str_eq(zipc_program_input(program, 1, &type), "k");
	ck_assert_str_eq(type, "f64");
	ck_assert_int_eq(zipc_program_uses(program, 0), 1);
	ck_assert_int_eq(zipc_program_uses(program, 1), 0);
	ck_assert_ptr_null(zipc_program_input(program, 2, NULL));
	zipc_program_close(program);
}
END_TEST

START_TEST(names_are_words_that_nothing_else_is)
{
	static const char *const first[] = {"a", "b"};
	static const char *const not[] = {"", "1a", "a-b", "a b", "\n)", "true",
					  "false", "inf", "nan", "b", "i"};
	char long_one[65];
	size_t k;

	memset(long_one, 'n', sizeof(long_one));
	long_one[64] = '\0';
	ck_rc(zipc_program_name_check(long_one, first, 2, 1), -EINVAL);
	ck_rc(zipc_program_name_check(long_one + 1, first, 2, 1), 0);
	for (k = 0; k < sizeof(not) / sizeof(not[0]); k++)
		ck_rc(zipc_program_name_check(not[k], first, 2, 1), -EINVAL);
	ck_rc(zipc_program_name_check("i", first, 2, 0), 0);
	ck_rc(zipc_program_name_check("b", first, 1, 1), 0);
	ck_rc(zipc_program_name_check("_9", first, 2, 1), 0);
	ck_rc(zipc_program_name_check("max", first, 2, 1), 0);
}
END_TEST

static void repeat(char *text, const char *what, unsigned n, const char *last)
{
	text[0] = '\0';
	while (n--)
		text = stpcpy(text, what);
	strcpy(text, last);
}

START_TEST(levels_are_limited)
{
	static char text[4000], many[100];

	/* The whole is the first level. */
	repeat(text, "-", 63, "k");
	zipc_program_close(compiled(text));
	repeat(text, "-", 64, "k");
	ck_refused(text, "column 65: over 64 levels");
	repeat(many, ")", 63, "");
	repeat(text, "(", 63, "k");
	zipc_program_close(compiled(strcat(text, many)));
	repeat(text, "(", 3000, "k");
	ck_refused(text, "column 65: over 64 levels");
	repeat(text, "x.on ? 1 : ", 63, "k");
	zipc_program_close(compiled(text));
	repeat(text, "x.on ? 1 : ", 64, "k");
	ck_refused(text, "column 701: over 64 levels");
	/* A number's sign is its own. */
	repeat(text, "-", 64, "1");
	zipc_program_close(compiled(text));
	repeat(text, "-", 65, "1");
	ck_refused(text, "column 65: over 64 levels");
}
END_TEST

/* The sum of n constants that differ. */
static void ck_constants(unsigned n, const char *words)
{
	char text[4000] = "k";
	unsigned k;

	for (k = 0; k < n; k++)
		sprintf(text + strlen(text), " + %u.5", k);
	if (words)
		ck_refused(text, words);
	else
		zipc_program_close(compiled(text));
}

START_TEST(parts_and_characters_are_limited)
{
	static char text[40000];

	repeat(text, "k+", 511, "f64(k)");
	zipc_program_close(compiled(text));
	repeat(text, "k+", 511, "f64(f64(k))");
	ck_refused(text, "more than 1024 parts");
	repeat(text, " ", 10000, "k");
	zipc_program_close(compiled(text));
	repeat(text, "k+       ", 454, "    k+k+k");
	zipc_program_close(compiled(text));
	repeat(text, "k+       ", 454, "     k+k+k");
	ck_refused(text, "at most 4095 characters");
	ck_constants(64, NULL);
	ck_constants(65, "more than 64 constants");
}
END_TEST

START_TEST(a_number_ends_where_it_ends)
{
	static char text[2000];

	repeat(text, "0", 1021, ".5");
	zipc_program_close(compiled(text));
	repeat(text, "0", 1022, ".5");
	ck_refused(text, "column 1: a float has at most 1023 characters");
	repeat(text, "0", 1500, "7");
	zipc_program_close(compiled(text));
	ck_refused("1.", "column 2: expected an operator behind a number");
	ck_refused("2e", "column 2: expected an operator behind a number");
	ck_refused("7u", "column 2: expected an operator behind a number");
	ck_refused("-1.5.x", "column 5: expected an operator behind");
	ck_refused("5[0]", "column 2: expected an operator or the end");
	ck_refused("- 5 [0]", "column 5: expected an operator or the end");
	ck_refused("(5)[0]", "only an input's array has elements");
	ck_refused("- 9223372036854775809", "column 3: an integer has 64");
	ck_refused("-(9223372036854775808)", "column 3: an integer has 64");
}
END_TEST

/* Runs. */

START_TEST(a_failure_is_told_by_element_and_column)
{
	static const struct zipc_program_name one = {"x", "i64", 0};
	struct zipc_program_source source = {
		.text = "100 // x", .length = 8, .names = &one, .count = 1,
	};
	int64_t in[600], out[600];
	const void *at[] = {in};
	uint8_t faults[600];
	struct zipc_program_batch batch = {.at = at, .count = 600,
					   .faults = faults};
	struct zipc_program_failure failure;
	struct zipc_program *program;
	char text[200];

	for (int k = 0; k < 600; k++)
		in[k] = k == 301 || k == 599 ? 0 : 7;
	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	ck_assert_uint_eq(zipc_program_run(program, &batch, out, &failure), 2);
	ck_assert_uint_eq(failure.element, 301);
	ck_assert_int_eq(failure.fault, ZIPC_FAULT_ZERO);
	for (int k = 0; k < 600; k++) {
		ck_assert_int_eq(out[k], in[k] ? 14 : 0);
		ck_assert_int_eq(faults[k], in[k] ? 0 : ZIPC_FAULT_ZERO);
	}
	zipc_program_failure_print(program, &failure, text, sizeof(text));
	ck_assert_str_eq(text, "element 301: an integer is divided by zero, "
			       "at column 5 of `100 // x`");
	zipc_program_close(program);
}
END_TEST

/* The text has more lines than a message. */
START_TEST(a_failure_shows_the_text_around_it_in_one_line)
{
	static const struct zipc_program_name one = {"x", "i64", 0};
	static char text[1000], many[300];
	struct zipc_program_source source = {
		.text = text, .names = &one, .count = 1,
	};
	struct zipc_program_failure failure = {3, ZIPC_FAULT_ZERO, 122};
	struct zipc_program *program;
	char line[300];

	repeat(text, "x +\n", 30, "1 // x\r\n");
	repeat(many, "+\tx\n", 30, "");
	strcat(text, many);
	source.length = strlen(text);
	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	zipc_program_failure_print(program, &failure, line, sizeof(line));
	ck_assert_ptr_eq(strpbrk(line, "\t\r\n"), NULL);
	ck_assert_msg(strstr(line, "element 3: an integer is divided by zero, "
				   "at column 123 of `...x + x +") == line,
		      "%s", line);
	ck_assert_msg(strstr(line, " x + 1 // x  + x + x ") != NULL, "%s",
		      line);
	ck_assert_str_eq(line + strlen(line) - 4, "...`");
	ck_assert_uint_lt(strlen(line), 180);
	zipc_program_close(program);
}
END_TEST

/* Padding, a NaN's bits and a bool that is neither 0 nor 1. */
START_TEST(a_copy_keeps_bits_that_mean_nothing)
{
	static const struct zipc_program_name one = {
		"x", "{a:u8, f:f32, on:bool}", 0,
	};
	static const uint8_t in[12] = {1, 0xaa, 0xbb, 0xcc, 1, 0, 0xa0, 0x7f,
				       2, 0xdd, 0xee, 0xff};
	struct zipc_program_source source = {
		.text = "{x: x, f: x.f, on: x.on, g: x.f * 1}", .length = 36,
		.names = &one, .count = 1, .index = 1,
		.type = "{x:{a:u8, f:f32, on:bool}, f:f32, on:bool, g:f32}",
	};
	static const uint8_t nan[4] = {0, 0, 0xc0, 0x7f};
	const void *at[] = {in};
	struct zipc_program_batch batch = {.at = at, .count = 1};
	struct zipc_program *program;
	uint8_t out[24];

	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	memset(out, 0xff, sizeof(out));
	ck_assert_uint_eq(zipc_program_run(program, &batch, out, NULL), 0);
	ck_assert_mem_eq(out, in, 12);
	ck_assert_mem_eq(out + 12, in + 4, 4);
	ck_assert_uint_eq(out[16], 1);
	/* What was counted with has the one NaN, and what none made is 0. */
	ck_assert_mem_eq(out + 17, "\0\0\0", 3);
	ck_assert_mem_eq(out + 20, nan, 4);
	zipc_program_close(program);
}
END_TEST

START_TEST(a_selection_is_what_a_filter_leaves)
{
	struct zipc_program *big, *even;
	static const struct zipc_program_name one = {"x", "i64", 0};
	struct zipc_program_source source = {
		.text = "x >= 500", .length = 8, .names = &one, .count = 1,
		.type = "bool",
	};
	int64_t in[1001];
	const void *at[] = {in};
	uint32_t rows[1001];
	struct zipc_program_batch batch = {.at = at, .count = 1001};
	uint64_t n;

	for (int k = 0; k < 1001; k++)
		in[k] = (k * 2) % 1001;
	ck_rc(zipc_program_compile(&big, &source, NULL), 0);
	source.text = "x%2 == 0";
	ck_rc(zipc_program_compile(&even, &source, NULL), 0);
	n = zipc_program_select(big, &batch, rows, NULL);
	ck_assert_uint_eq(n, 501);
	batch.rows = rows;
	batch.count = n;
	n = zipc_program_select(even, &batch, rows, NULL);
	ck_assert_uint_eq(n, 251);
	for (unsigned k = 0; k < n; k++) {
		ck_assert_int_ge(in[rows[k]], 500);
		ck_assert_int_eq(in[rows[k]] % 2, 0);
		ck_assert_msg(!k || rows[k] > rows[k - 1], "in their order");
	}
	zipc_program_close(big);
	zipc_program_close(even);
}
END_TEST

START_TEST(a_fold_goes_on_from_its_state_and_ends_at_a_failure)
{
	static const struct zipc_program_name two[] = {
		{"x", "i32", 0},
		{"acc", "{n:i64, sum:i64}", ZIPC_ROLE_ACC},
	};
	struct zipc_program_source source = {
		.text = "{n: acc.n + 1, sum: acc.sum + 10 // x * x}",
		.length = 42, .names = two, .count = 2,
		.type = "{n:i64, sum:i64}",
	};
	int32_t in[701];
	const void *at[] = {in, NULL};
	struct zipc_program_batch batch = {.at = at, .count = 701};
	struct zipc_program_failure failure;
	struct { int64_t n, sum; } state = {5, 1};
	struct zipc_program *program;

	for (int k = 0; k < 701; k++)
		in[k] = k == 650 ? 0 : 1 + k % 2;
	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	ck_rc(zipc_program_fold(program, &batch, &state, NULL, &failure), 650);
	ck_assert_uint_eq(failure.element, 650);
	ck_assert_int_eq(failure.fault, ZIPC_FAULT_ZERO);
	ck_assert_int_eq(state.n, 655);
	ck_assert_int_eq(state.sum, 6501);
	zipc_program_close(program);
}
END_TEST

START_TEST(a_fold_of_another_type_is_refused)
{
	static const struct zipc_program_name one = {"acc", "i32",
						     ZIPC_ROLE_ACC};
	struct zipc_program_source source = {
		.text = "acc + 1", .length = 7, .names = &one, .count = 1,
	};
	struct zipc_program_batch batch = {.count = 0};
	struct zipc_program *program;
	int64_t state = 0;

	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	ck_rc(zipc_program_fold(program, &batch, &state, NULL, NULL),
	      -EPROTOTYPE);
	ck_message("it gives i64");
	zipc_program_close(program);
}
END_TEST

static Suite *program_suite(void)
{
	Suite *suite = suite_create("program");
	TCase *tc = test_case(suite, "text", "fast", 20);

	tcase_add_test(tc, messages_point_at_the_column);
	tcase_add_test(tc, an_expression_stands_inside_of_a_longer_text);
	tcase_add_test(tc, it_has_the_type_that_is_asked_for_or_is_refused);
	tcase_add_test(tc, it_tells_which_inputs_it_uses);
	tcase_add_test(tc, levels_are_limited);
	tcase_add_test(tc, parts_and_characters_are_limited);
	tcase_add_test(tc, a_number_ends_where_it_ends);
	tcase_add_test(tc, names_are_words_that_nothing_else_is);
	tc = test_case(suite, "runs", "fast", 20);
	tcase_add_test(tc, a_failure_is_told_by_element_and_column);
	tcase_add_test(tc, a_failure_shows_the_text_around_it_in_one_line);
	tcase_add_test(tc, a_copy_keeps_bits_that_mean_nothing);
	tcase_add_test(tc, a_selection_is_what_a_filter_leaves);
	tcase_add_test(tc, a_fold_goes_on_from_its_state_and_ends_at_a_failure);
	tcase_add_test(tc, a_fold_of_another_type_is_refused);
	return suite;
}

TEST_MAIN(program_suite)
