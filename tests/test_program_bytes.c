/* SPDX-License-Identifier: MIT */
/*
 * Bytes of programs, from anybody: what is damaged is refused by name, and what
 * is sound but not what was asked for is so, too.
 */
#include "harness.h"

#include "../libzeroipc/program.h"

#define RECORD "{ts:u64, temp:f32, id:u32, on:bool, pos:{a:i16[3]}, s:bytes:4}"
#define ON_OFFSET 16 /* of `on` in it */

static const struct zipc_program_name names[] = {
	{"x", RECORD, ZIPC_ROLE_ELEMENT},
	{"k", "f64", ZIPC_ROLE_ONE},
};

static struct zipc_program_source source_of(const char *text)
{
	return (struct zipc_program_source){
		.text = text, .length = strlen(text), .names = names,
		.count = 2, .index = 1,
	};
}

static struct zipc_program *compiled(const char *text)
{
	struct zipc_program_source source = source_of(text);
	struct zipc_program *program = NULL;

	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	return program;
}

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
	bytes[0] ^= 1;
	ck_rc(zipc_program_read(&again, bytes, 31, NULL), -EBADMSG);
	ck_message("it has 31 bytes");
	ck_rc(zipc_program_read(&again, bytes, 3, NULL), -EBADMSG);
	ck_assert_ptr_null(again);
	zipc_program_close(program);
	free(bytes);
}
END_TEST

/* Another version may have other bounds, and be of any size. */
START_TEST(another_version_may_have_any_size)
{
	struct zipc_program *program = compiled("k"), *again = NULL;
	static uint8_t large[70001];
	const void *bytes;
	size_t size;

	bytes = zipc_program_bytes(program, &size);
	memcpy(large, bytes, size);
	large[4] = 2;
	ck_rc(zipc_program_read(&again, large, sizeof(large), NULL),
	      -EPROTONOSUPPORT);
	ck_rc(zipc_program_read(&again, large, 9, NULL), -EPROTONOSUPPORT);
	ck_rc(zipc_program_read(&again, large, 8, NULL), -EPROTONOSUPPORT);
	ck_rc(zipc_program_read(&again, large, 7, NULL), -EBADMSG);
	zipc_program_close(program);
}
END_TEST

/* Each damage, by its place in the bytes, of `x.id // x.pos.a[0] > 0`. */

struct parts {
	struct zipc_program_header *header;
	struct zipc_program_constant *constants;
	struct zipc_program_input *inputs;
	struct zipc_program_store *stores;
	struct zipc_program_code *codes;
	char *texts; /* the first input's name */
};

static struct parts parts_of(uint8_t *bytes)
{
	struct parts parts = {.header = (void *)bytes};

	parts.constants = (void *)(parts.header + 1);
	parts.inputs = (void *)(parts.constants + parts.header->constants);
	parts.stores = (void *)(parts.inputs + parts.header->inputs);
	parts.codes = (void *)(parts.stores + parts.header->stores);
	parts.texts = (void *)(parts.codes + parts.header->instructions);
	return parts;
}

#define ck_damaged(damage, words)                                            \
	do {                                                                 \
		uint8_t *bytes_ = copy_of(program, &size);                   \
		struct parts p = parts_of(bytes_);                           \
		damage;                                                      \
		ck_rc(zipc_program_read(&again, bytes_, size, NULL),         \
		      -EBADMSG);                                             \
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

START_TEST(a_bool_is_stored_from_a_bool)
{
	struct zipc_program *program = compiled("i > 1"), *again;
	size_t size;

	/* Registers: 1, `i`, and the bool. */
	ck_damaged((p.stores[0].scalar = ZIPC_SCALAR_U8,
		    p.stores[0].from = 1),
		   "a bool is stored as another scalar");
	ck_damaged((p.stores[0].kind = ZIPC_STORE_COPY,
		    p.stores[0].scalar = 0, p.stores[0].from = 0,
		    p.stores[0].from_offset = ON_OFFSET),
		   "a bool is stored as another scalar");
	ck_damaged(p.stores[0].from = 1, "store 0");
	zipc_program_close(program);
}
END_TEST

START_TEST(names_in_bytes_are_names)
{
	static const struct zipc_program_name four[] = {
		{"abcd", "i64", ZIPC_ROLE_ELEMENT},
		{"efgh", "i64", ZIPC_ROLE_ELEMENT},
	};
	struct zipc_program_source source = source_of("abcd + efgh");
	struct zipc_program *program, *again;
	size_t size;

	source.names = four;
	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	ck_damaged(memcpy(p.texts, "\n)\t ", 4), "the texts of input 0");
	ck_damaged(memcpy(p.texts, "efgh", 4), "the texts of input 1");
	ck_damaged(memcpy(p.texts, "true", 4), "the texts of input 0");
	ck_damaged(memcpy(p.texts, "1abc", 4), "the texts of input 0");
	ck_damaged(memcpy(p.texts, "a\0cd", 4), "the texts of input 0");
	ck_damaged(p.texts[4] = 'e', "the texts of input 0");
	zipc_program_close(program);
}
END_TEST

START_TEST(no_input_has_the_name_of_the_index_that_is_used)
{
	struct zipc_program *program = compiled("i + 1"), *again;
	size_t size;

	ck_damaged(p.texts[0] = 'i', "input 0 is `i`");
	zipc_program_close(program);
}
END_TEST

/* What fails where its guard is false gives something, which is defined. */

/* What the first guarded instruction of the text gives, stored. */
static void ck_masked(const char *text, int64_t x, int64_t y, int64_t wanted)
{
	static const struct zipc_program_name three[] = {
		{"x", "i64", 0}, {"y", "i64", 0}, {"u", "u64", 0},
	};
	struct zipc_program_source source = source_of(text);
	const void *at[] = {&x, &y, &x};
	struct zipc_program_batch batch = {.at = at, .count = 1};
	struct zipc_program *program, *again;
	int64_t given = 99;
	uint8_t *bytes;
	struct parts p;
	size_t size;
	unsigned k = 0;

	source.names = three;
	source.count = 3;
	ck_rc(zipc_program_compile(&program, &source, NULL), 0);
	bytes = copy_of(program, &size);
	for (p = parts_of(bytes); p.codes[k].guard == ZIPC_PROGRAM_NO_GUARD;)
		k++;
	p.stores[0].from = p.codes[k].to;
	ck_rc(zipc_program_read(&again, bytes, size, NULL), 0);
	ck_assert_uint_eq(zipc_program_run(again, &batch, &given, NULL), 0);
	ck_assert_msg(given == wanted, "`%s` gives %lld, not %lld", text,
		      (long long)given, (long long)wanted);
	zipc_program_close(program);
	zipc_program_close(again);
	free(bytes);
}

START_TEST(what_fails_in_silence_gives_what_is_written_down)
{
	ck_masked("false ? x + y : 0", INT64_MAX, 2, INT64_MIN + 1);
	ck_masked("false ? x - y : 0", INT64_MIN, 1, INT64_MAX);
	ck_masked("false ? x * y : 0", INT64_MAX, 3, INT64_MAX - 2);
	ck_masked("false ? x // y : 0", 7, 0, 0);
	ck_masked("false ? x // y : 0", INT64_MIN, -1, INT64_MIN);
	ck_masked("false ? x % y : 0", 7, 0, 0);
	ck_masked("false ? -x : 0", INT64_MIN, 0, INT64_MIN);
	ck_masked("false ? abs(x) : 0", INT64_MIN, 0, INT64_MIN);
	ck_masked("false ? i64(x / y) : 0", 1, 0, 0);
	ck_masked("false ? i64(x * 1e9) : 0", INT64_MIN, 0, 0);
	ck_masked("false ? i64(x * nan) : 0", 1, 0, 0);
	ck_masked("false ? i8(x) : 0", 300, 0, 300);
	ck_masked("false ? u : 0", -5, 0, -5);
}
END_TEST

/* What was asked for. */

static int read_as(const struct zipc_program *program,
		   const struct zipc_program_source *asked)
{
	struct zipc_program *again = NULL;
	size_t size;
	const void *bytes = zipc_program_bytes(program, &size);
	int rc = zipc_program_read(&again, bytes, size, asked);

	ck_assert_int_eq(rc == 0, again != NULL);
	zipc_program_close(again);
	return rc;
}

/* A run believes what the bytes say of an input: one value, or a column. */
START_TEST(a_role_that_was_changed_is_not_what_was_asked_for)
{
	struct zipc_program_source asked = source_of("");
	struct zipc_program *program = compiled("x.temp * k"), *again = NULL;
	size_t size;
	uint8_t *bytes = copy_of(program, &size);

	ck_rc(zipc_program_read(&again, bytes, size, &asked), 0);
	zipc_program_close(again);
	again = NULL;
	parts_of(bytes).inputs[1].role = ZIPC_ROLE_ELEMENT;
	ck_rc(zipc_program_read(&again, bytes, size, &asked), -EPROTOTYPE);
	ck_message("input 1 is `k`, f64 of role 0, not `k`, f64 of role 1");
	ck_assert_ptr_null(again);
	ck_rc(zipc_program_read(&again, bytes, size, NULL), 0);
	ck_assert_int_eq(zipc_program_role(again, 0), ZIPC_ROLE_ELEMENT);
	ck_assert_int_eq(zipc_program_role(again, 1), ZIPC_ROLE_ELEMENT);
	ck_assert_int_eq(zipc_program_role(program, 1), ZIPC_ROLE_ONE);
	zipc_program_close(program);
	zipc_program_close(again);
	free(bytes);
}
END_TEST

START_TEST(inputs_are_those_that_were_asked_for)
{
	struct zipc_program_name others[] = {names[0], names[1], names[1]};
	struct zipc_program_source asked = source_of("");
	struct zipc_program *program = compiled("x.temp * k");

	asked.names = others;
	ck_rc(read_as(program, &asked), 0);
	/* A type in another spelling is that type. */
	others[1].type = " f64\t";
	ck_rc(read_as(program, &asked), 0);
	others[1].type = "i64";
	ck_rc(read_as(program, &asked), -EPROTOTYPE);
	ck_message("input 1 is `k`, f64 of role 1, not `k`, i64 of role 1");
	others[1].type = "float";
	ck_rc(read_as(program, &asked), -EINVAL);
	others[1] = names[1];
	others[1].name = "K";
	ck_rc(read_as(program, &asked), -EPROTOTYPE);
	ck_message("not `K`, f64");
	others[0] = names[1];
	others[1] = names[0];
	ck_rc(read_as(program, &asked), -EPROTOTYPE);
	asked.names = names;
	asked.count = 1;
	ck_rc(read_as(program, &asked), -EPROTOTYPE);
	ck_message("2 inputs, not 1");
	others[0] = names[0];
	others[1] = names[1];
	asked.names = others;
	asked.count = 3;
	ck_rc(read_as(program, &asked), -EPROTOTYPE);
	zipc_program_close(program);
}
END_TEST

START_TEST(what_it_gives_is_what_was_asked_for)
{
	struct zipc_program_source asked = source_of("");
	struct zipc_program *program = compiled("{a: x.id, b: k}");

	asked.type = "{ a:u32, b:f64 }";
	ck_rc(read_as(program, &asked), 0);
	asked.type = "{b:f64, a:u32}";
	ck_rc(read_as(program, &asked), -EPROTOTYPE);
	ck_message("it gives {a:u32, b:f64}, not {b:f64, a:u32}");
	asked.type = "{a:u32";
	ck_rc(read_as(program, &asked), -EINVAL);
	zipc_program_close(program);
}
END_TEST

START_TEST(the_index_is_used_only_where_it_is_offered)
{
	struct zipc_program_source asked = source_of("");
	struct zipc_program *with = compiled("k + i"), *without = compiled("k");

	ck_assert_int_eq(zipc_program_uses_index(with), 1);
	ck_assert_int_eq(zipc_program_uses_index(without), 0);
	ck_rc(read_as(with, &asked), 0);
	ck_rc(read_as(without, &asked), 0);
	asked.index = 0;
	ck_rc(read_as(with, &asked), -EPROTOTYPE);
	ck_message("it uses `i`");
	ck_rc(read_as(without, &asked), 0);
	zipc_program_close(with);
	zipc_program_close(without);
}
END_TEST

static Suite *program_bytes_suite(void)
{
	Suite *suite = suite_create("program_bytes");
	TCase *tc = test_case(suite, "damages", "fast", 20);

	tcase_add_test(tc, bytes_go_from_place_to_place);
	tcase_add_test(tc, another_version_is_told_from_damage);
	tcase_add_test(tc, another_version_may_have_any_size);
	tcase_add_test(tc, what_is_outside_of_its_input_is_refused);
	tcase_add_test(tc, registers_are_read_as_they_were_written);
	tcase_add_test(tc, a_bool_is_stored_from_a_bool);
	tcase_add_test(tc, names_in_bytes_are_names);
	tcase_add_test(tc, no_input_has_the_name_of_the_index_that_is_used);
	tcase_add_test(tc, what_fails_in_silence_gives_what_is_written_down);
	tc = test_case(suite, "asked", "fast", 20);
	tcase_add_test(tc, a_role_that_was_changed_is_not_what_was_asked_for);
	tcase_add_test(tc, inputs_are_those_that_were_asked_for);
	tcase_add_test(tc, what_it_gives_is_what_was_asked_for);
	tcase_add_test(tc, the_index_is_used_only_where_it_is_offered);
	return suite;
}

TEST_MAIN(program_bytes_suite)
