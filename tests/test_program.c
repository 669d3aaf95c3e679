/* SPDX-License-Identifier: MIT */
/*
 * Programs: where messages point, what is refused, the limits, and what damaged
 * bytes give. What expressions give is in the vectors of interop/programs.
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

static void repeat(char *text, const char *what, unsigned n, const char *last)
{
	text[0] = '\0';
	while (n--)
		text = stpcpy(text, what);
	strcpy(text, last);
}

START_TEST(limits_are_errors_and_one_less_is_none)
{
	static char text[40000];
	unsigned k;

	repeat(text, "-", 62, "k");
	zipc_program_close(compiled(text));
	repeat(text, "-", 65, "k");
	ck_refused(text, "over 64 levels");
	repeat(text, "(", 3000, "k");
	ck_refused(text, "over 64 levels");
	repeat(text, "k+", 511, "k");
	zipc_program_close(compiled(text));
	repeat(text, "k+", 512, "k");
	ck_refused(text, "more than 1024 parts");
	repeat(text, " ", 10000, "k");
	zipc_program_close(compiled(text));
	repeat(text, "k*       k+", 500, "k");
	ck_refused(text, "parts");
	for (k = 0, text[0] = '\0'; k < 65; k++)
		sprintf(text + strlen(text), "k + %u.5 +", k);
	strcat(text, "k");
	ck_refused(text, "more than 64 constants");
	repeat(text, "k +      ", 500, "k");
	ck_refused(text, "at most 4095 characters");
}
END_TEST

/* Bytes. */

static void *copy_of(const struct zipc_program *program, size_t *size)
{
	const void *bytes = zipc_program_bytes(program, size);

	return memcpy(malloc(*size), bytes, *size);
}

START_TEST(bytes_go_from_place_to_place)
{
	struct zipc_program *program = compiled("x.temp * k + i"), *again;
	uint8_t elsewhere[4096];
	const void *bytes;
	size_t size, length;

	bytes = zipc_program_bytes(program, &size);
	memcpy(elsewhere + 1, bytes, size);
	ck_rc(zipc_program_read(&again, elsewhere + 1, size, NULL), 0);
	bytes = zipc_program_bytes(again, &length);
	ck_assert_uint_eq(length, size);
	ck_assert_mem_eq(bytes, elsewhere + 1, size);
	ck_assert_str_eq(zipc_program_text(again), "x.temp * k + i");
	zipc_program_close(program);
	zipc_program_close(again);
}
END_TEST

START_TEST(another_version_is_told_from_damage)
{
	struct zipc_program *program = compiled("k"), *again = NULL;
	size_t size;
	uint8_t *bytes = copy_of(program, &size);

	bytes[4] = 2;
	ck_rc(zipc_program_read(&again, bytes, size, NULL), -EPROTONOSUPPORT);
	ck_message("version 2");
	bytes[4] = 1;
	bytes[0] ^= 1;
	ck_rc(zipc_program_read(&again, bytes, size, NULL), -EBADMSG);
	ck_rc(zipc_program_read(&again, bytes, 31, NULL), -EBADMSG);
	ck_assert_ptr_null(again);
	zipc_program_close(program);
	free(bytes);
}
END_TEST

/* Each damage, by its place in the bytes, of `x.id // x.pos.a[0] > 0`. */

struct parts {
	struct zipc_program_header *header;
	struct zipc_program_constant *constants;
	struct zipc_program_input *inputs;
	struct zipc_program_store *stores;
	struct zipc_program_code *codes;
};

static struct parts parts_of(uint8_t *bytes)
{
	struct parts parts = {.header = (void *)bytes};

	parts.constants = (void *)(parts.header + 1);
	parts.inputs = (void *)(parts.constants + parts.header->constants);
	parts.stores = (void *)(parts.inputs + parts.header->inputs);
	parts.codes = (void *)(parts.stores + parts.header->stores);
	return parts;
}

#define ck_damaged(damage, words)                                            \
	do {                                                                 \
		uint8_t *bytes_ = copy_of(program, &size);                   \
		struct parts p = parts_of(bytes_);                           \
		damage;                                                      \
		ck_rc(zipc_program_read(&again, bytes_, size, NULL), -EBADMSG);    \
		ck_message(words);                                           \
		free(bytes_);                                                \
	} while (0)

START_TEST(what_is_outside_of_its_input_is_refused)
{
	struct zipc_program *program = compiled("{a: x.id // 2, s: x.s}"),
			    *again;
	size_t size;

	ck_damaged(p.codes[0].offset = p.inputs[0].size_bytes - 3,
		   "instruction 0");
	ck_damaged(p.codes[0].offset = UINT32_MAX, "instruction 0");
	ck_damaged(p.codes[0].a = 2, "instruction 0");
	ck_damaged(p.stores[1].from_offset = p.inputs[0].size_bytes - 3,
		   "store 1");
	ck_damaged(p.stores[1].from = 2, "store 1");
	ck_damaged(p.stores[1].offset = p.header->output_bytes - 3, "store 1");
	ck_damaged(p.stores[1].offset = 4, "store 1");
	ck_damaged(p.inputs[0].size_bytes++, "another size");
	ck_damaged(p.header->output_bytes += 8, "another size");
	zipc_program_close(program);
}
END_TEST

START_TEST(registers_are_read_as_they_were_written)
{
	struct zipc_program *program =
		compiled("k > 1 ? x.id // x.pos.a[0] : 0"), *again;
	size_t size;
	unsigned last = 4; /* k, >, and two loads stand before it */

	ck_damaged(p.codes[0].to = 0, "instruction 0");
	ck_damaged(p.codes[0].to = 255, "instruction 0");
	ck_damaged(p.codes[1].op = ZIPC_OP_LT_I, "instruction 1");
	ck_damaged(p.codes[1].a = (uint8_t)(p.header->registers - 1),
		   "instruction 1");
	ck_damaged(p.codes[1].op = 7, "instruction 1");
	ck_damaged(p.codes[1].op = 200, "instruction 1");
	ck_damaged(p.codes[1].guard = 0, "instruction 1");
	ck_damaged(p.codes[last].guard = p.codes[last].a, "instruction 4");
	ck_damaged(p.codes[last].to = p.codes[last].a, "instruction 4");
	ck_damaged(p.codes[last].place = p.header->text_length,
		   "instruction 4");
	ck_damaged(p.stores[0].scalar = ZIPC_SCALAR_F64, "store 0");
	ck_damaged(p.stores[0].from = 254, "store 0");
	ck_damaged(p.constants[0].class = 4, "constant 0");
	zipc_program_close(program);
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
	tcase_add_test(tc, limits_are_errors_and_one_less_is_none);
	tc = test_case(suite, "bytes", "fast", 20);
	tcase_add_test(tc, bytes_go_from_place_to_place);
	tcase_add_test(tc, another_version_is_told_from_damage);
	tcase_add_test(tc, what_is_outside_of_its_input_is_refused);
	tcase_add_test(tc, registers_are_read_as_they_were_written);
	tc = test_case(suite, "runs", "fast", 20);
	tcase_add_test(tc, a_failure_is_told_by_element_and_column);
	tcase_add_test(tc, a_selection_is_what_a_filter_leaves);
	tcase_add_test(tc, a_fold_goes_on_from_its_state_and_ends_at_a_failure);
	tcase_add_test(tc, a_fold_of_another_type_is_refused);
	return suite;
}

TEST_MAIN(program_suite)
