/* SPDX-License-Identifier: MIT */
/* Values: what is printed, what is read, and that one undoes the other. */
#include "harness.h"
#include "random_type.h"

#include <fcntl.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>

static struct zipc_type *parsed(const char *text)
{
	struct zipc_type *type = NULL;

	ck_rc(zipc_type_parse(&type, text, SIZE_MAX), 0);
	return type;
}

/* In memory of just the length, which a sanitizer guards; to be freed. */
static char *printed(const struct zipc_type *type, const void *bytes)
{
	size_t length = zipc_value_print(type, bytes, NULL, 0);
	char *text = malloc(length + 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(zipc_value_print(type, bytes, text, length + 1),
			  length);
	ck_assert_uint_eq(strlen(text), length);
	return text;
}

static void ck_printed(const char *type_text, const void *bytes,
		       const char *want)
{
	struct zipc_type *type = parsed(type_text);
	char *text = printed(type, bytes);

	ck_assert_str_eq(text, want);
	free(text);
	zipc_type_free(type);
}

/* Printing. */

#define ck_prints(type_text, c_type, value, want)                            \
	do {                                                                 \
		c_type value_ = (value);                                     \
		ck_printed(type_text, &value_, want);                        \
	} while (0)

START_TEST(prints_all_digits_of_integers)
{
	ck_prints("i8", int8_t, INT8_MIN, "-128");
	ck_prints("u8", uint8_t, UINT8_MAX, "255");
	ck_prints("i16", int16_t, INT16_MIN, "-32768");
	ck_prints("u16", uint16_t, UINT16_MAX, "65535");
	ck_prints("i32", int32_t, INT32_MIN, "-2147483648");
	ck_prints("i32", int32_t, -1, "-1");
	ck_prints("u32", uint32_t, UINT32_MAX, "4294967295");
	ck_prints("i64", int64_t, INT64_MIN, "-9223372036854775808");
	ck_prints("i64", int64_t, INT64_MAX, "9223372036854775807");
	ck_prints("u64", uint64_t, UINT64_MAX, "18446744073709551615");
	ck_prints("u64", uint64_t, 0, "0");
}
END_TEST

START_TEST(prints_any_true_byte_as_true)
{
	ck_printed("bool[4]", "\0\1\2\377", "[false, true, true, true]");
}
END_TEST

/* The texts are those of Python's repr(), without its ".0". */
static const struct {
	double value;
	const char *text;
} doubles[] = {
	{0.0, "0"},
	{-0.0, "-0.0"},
	{1, "1"},
	{-1.5, "-1.5"},
	{0.1, "0.1"},
	{0.1 + 0.2, "0.30000000000000004"},
	{1.0 / 3, "0.3333333333333333"},
	{100, "100"},
	{123456.789, "123456.789"},
	{0.0001, "0.0001"},
	{0.00012345, "0.00012345"},
	{0.00001, "1e-05"},
	{-0.000012, "-1.2e-05"},
	{999999999999999.9, "999999999999999.9"},
	{1e15, "1000000000000000"},
	{9007199254740993.0, "9007199254740992"},
	{1e16, "1e+16"},
	{12345678901234567890.0, "1.2345678901234567e+19"},
	{1e22, "1e+22"},
	{1e23, "1e+23"},
	{0x1p-24, "5.960464477539063e-08"},
	{0x1p-44, "5.684341886080802e-14"},
	{0x1p89, "6.189700196426902e+26"},
	{DBL_MAX, "1.7976931348623157e+308"},
	{DBL_MIN, "2.2250738585072014e-308"},
	{0x1p-1074, "5e-324"},
	{0x1.8p-1073, "1.5e-323"},
	{0x0.fffffffffffffp-1022, "2.225073858507201e-308"},
	{(double)INFINITY, "\"inf\""},
	{-(double)INFINITY, "\"-inf\""},
	{(double)NAN, "\"nan\""},
};

START_TEST(prints_f64_in_the_fewest_digits)
{
	ck_printed("f64", &doubles[_i].value, doubles[_i].text);
}
END_TEST

static const struct {
	float value;
	const char *text;
} singles[] = {
	{0.0f, "0"},
	{-0.0f, "-0.0"},
	{0.1f, "0.1"},
	{23.5f, "23.5"},
	{1.0f / 3, "0.33333334"},
	{16777216.0f, "16777216"},
	{1e8f, "100000000"},
	{3e15f, "3000000000000000"},
	{1e16f, "1e+16"},
	{0x1p-24f, "5.9604645e-08"},
	{FLT_MAX, "3.4028235e+38"},
	{FLT_MIN, "1.1754944e-38"},
	{0x1p-149f, "1e-45"},
	{0x1.8p-148f, "4e-45"},
	{INFINITY, "\"inf\""},
	{-INFINITY, "\"-inf\""},
	{NAN, "\"nan\""},
};

START_TEST(prints_f32_in_the_fewest_digits)
{
	ck_printed("f32", &singles[_i].value, singles[_i].text);
}
END_TEST

static const struct {
	const char *bytes; /* eight */
	const char *text;
} byte_strings[] = {
	{"\0\0\0\0\0\0\0", "\"\""},
	{"hello\0\0", "\"hello\""},
	{"12345678", "\"12345678\""},
	{"a\0b\0\0\0\0", "\"0x6100620000000000\""},
	{"\"q\\/\0\0\0", "\"\\\"q\\\\/\""},
	{"caf\xc3\xa9\0\0", "\"caf\xc3\xa9\""},
	{"\xf0\x9f\x98\x80\xe2\x82\xac\0", "\"\xf0\x9f\x98\x80\xe2\x82\xac\""},
	{"0x12\0\0\0", "\"0x3078313200000000\""},
	{"0X12\0\0\0", "\"0X12\""},
	{"0\0\0\0\0\0\0", "\"0\""},
	{"a\nb\0\0\0\0", "\"0x610a620000000000\""},
	{"a\x7f" "b\0\0\0\0", "\"0x617f620000000000\""},
	/* U+009B, with which terminals begin a command */
	{"\xc2\x9b\0\0\0\0\0", "\"0xc29b000000000000\""},
	{"\xc2\xa0\0\0\0\0\0", "\"\xc2\xa0\""},
	/* cut, lonely, overlong, surrogate, too large */
	{"abcdefg\xc3", "\"0x61626364656667c3\""},
	{"\x80\0\0\0\0\0\0", "\"0x8000000000000000\""},
	{"\xc0\xaf\0\0\0\0\0", "\"0xc0af000000000000\""},
	{"\xc1\xbf\0\0\0\0\0", "\"0xc1bf000000000000\""},
	{"\xe0\x9f\xbf\0\0\0\0", "\"0xe09fbf0000000000\""},
	{"\xe0\xa0\x80\0\0\0\0", "\"\xe0\xa0\x80\""},
	{"\xed\x9f\xbf\0\0\0\0", "\"\xed\x9f\xbf\""},
	{"\xed\xa0\x80\0\0\0\0", "\"0xeda0800000000000\""},
	{"\xf0\x8f\xbf\xbf\0\0\0", "\"0xf08fbfbf00000000\""},
	{"\xf4\x8f\xbf\xbf\0\0\0", "\"\xf4\x8f\xbf\xbf\""},
	{"\xf4\x90\x80\x80\0\0\0", "\"0xf490808000000000\""},
	{"\xf5\x80\x80\x80\0\0\0", "\"0xf580808000000000\""},
	{"\xe2\x82(\0\0\0\0", "\"0xe282280000000000\""},
	{"\xff\0\0\0\0\0\0", "\"0xff00000000000000\""},
};

START_TEST(prints_bytes_as_text_only_if_they_are)
{
	ck_printed("bytes:8", byte_strings[_i].bytes, byte_strings[_i].text);
}
END_TEST

START_TEST(prints_arrays_and_records)
{
	struct {
		uint64_t ts;
		struct {
			float x;
			bool ok;
		} pos[2];
		int16_t grid[2][3];
		char name[5];
	} value = {7, {{1.5f, 1}, {-2, 0}}, {{1, 2, 3}, {4, 5, 6}}, "ab"};

	ck_printed("{ts:u64, pos:{x:f32, ok:bool}[2], grid:i16[2][3], "
		   "name:bytes:5}",
		   &value,
		   "{\"ts\": 7, \"pos\": [{\"x\": 1.5, \"ok\": true}, "
		   "{\"x\": -2, \"ok\": false}], "
		   "\"grid\": [[1, 2, 3], [4, 5, 6]], \"name\": \"ab\"}");
}
END_TEST

START_TEST(needs_no_aligned_bytes)
{
	struct zipc_type *type = parsed("{a:u64, b:f64}");
	uint64_t a = UINT64_C(0x0102030405060708);
	uint8_t bytes[17], back[17];
	double b = 0.25;
	char *text;

	memcpy(bytes + 1, &a, 8);
	memcpy(bytes + 9, &b, 8);
	text = printed(type, bytes + 1);
	ck_assert_str_eq(text, "{\"a\": 72623859790382856, \"b\": 0.25}");
	ck_rc(zipc_value_parse(type, text, back + 1), 0);
	ck_assert_mem_eq(back + 1, bytes + 1, 16);
	free(text);
	zipc_type_free(type);
}
END_TEST

START_TEST(cuts_the_text_as_snprintf_does)
{
	static const char whole[] = "{\"a\": [1, 2], \"b\": \"x\\\"y\"}";
	struct zipc_type *type = parsed("{a:u8[2], b:bytes:3}");
	char text[sizeof(whole) + 2];
	size_t size, fits;

	for (size = 0; size <= sizeof(whole) + 1; size++) {
		memset(text, '#', sizeof(text));
		ck_assert_uint_eq(zipc_value_print(type, "\1\2x\"y", text,
						   size),
				  sizeof(whole) - 1);
		ck_assert_int_eq(text[size], '#');
		if (!size)
			continue;
		fits = size < sizeof(whole) ? size - 1 : sizeof(whole) - 1;
		ck_assert_uint_eq(strlen(text), fits);
		ck_assert_int_eq(strncmp(text, whole, size - 1), 0);
	}
	zipc_type_free(type);
}
END_TEST

/* Reading. */

static const struct {
	const char *type, *text, *printed;
} readings[] = {
	{"u8", " 255 ", "255"},
	{"u8", "-0", "0"},
	{"i8", "-128", "-128"},
	{"i64", "-9223372036854775808", "-9223372036854775808"},
	{"i64", "9223372036854775807", "9223372036854775807"},
	{"u64", "18446744073709551615", "18446744073709551615"},
	{"u64", "0xffffffffffffffff", "18446744073709551615"},
	{"u32", "0xDeadBeef", "3735928559"},
	{"i16", "-0x8000", "-32768"},
	{"u32", "0x00000000000000000000ff", "255"},
	{"bool", "true", "true"},
	{"bool", "\tfalse\n", "false"},
	{"f64", "1", "1"},
	{"f64", "-0", "-0.0"},
	{"f64", "-0.0", "-0.0"},
	{"f64", "0.1", "0.1"},
	{"f64", "1E3", "1000"},
	{"f64", "1.25e-2", "0.0125"},
	{"f64", "1e-999", "0"},
	{"f64", "5e-324", "5e-324"},
	{"f64", "123456789012345678901234567890", "1.2345678901234568e+29"},
	{"f64", "\"nan\"", "\"nan\""},
	{"f64", "inf", "\"inf\""},
	{"f32", "\"-inf\"", "\"-inf\""},
	{"f32", "-inf", "\"-inf\""},
	{"f32", "0.1", "0.1"},
	{"f32", "3.4028235e38", "3.4028235e+38"},
	/* Rounded once. Rounded to f64 first it would become 1.0000002. */
	{"f32", "1.00000017881393432617187499", "1.0000001"},
	{"bytes:4", "\"\"", "\"\""},
	{"bytes:4", "\"abcd\"", "\"abcd\""},
	{"bytes:4", "\"0x00ffAb10\"", "\"0x00ffab10\""},
	{"bytes:4", "\"0\"", "\"0\""},
	{"bytes:4", "\"x0\"", "\"x0\""},
	{"bytes:4", "\"\\u0030\\u007800000001\"", "\"0x00000001\""},
	{"bytes:4", "\"a\\u0000b\"", "\"0x61006200\""},
	{"bytes:8", "\"\\\"\\\\\\/\"", "\"\\\"\\\\/\""},
	{"bytes:8", "\"\\b\\f\\n\\r\\t\"", "\"0x080c0a0d09000000\""},
	{"bytes:8", "\"\\u00e9\\u20AC\"", "\"\xc3\xa9\xe2\x82\xac\""},
	{"bytes:4", "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
	{"bytes:4", "\"\xf0\x9f\x98\x80\"", "\"\xf0\x9f\x98\x80\""},
	{"u8[3]", "[1,2 , 3]", "[1, 2, 3]"},
	{"u8[2][2]", "[[1,2],[3,4]]", "[[1, 2], [3, 4]]"},
	{"{a:u8, b:f32}", "{}", "{\"a\": 0, \"b\": 0}"},
	{"{a:u8, b:f32}", "{b:2.5}", "{\"a\": 0, \"b\": 2.5}"},
	{"{a:u8, b:f32}", "{\"b\" : 2.5,a:1 }", "{\"a\": 1, \"b\": 2.5}"},
	{"{a:u8}", "{\"\\u0061\":3}", "{\"a\": 3}"},
	{"{true:u8, nan:f32}", "{true:1,nan:nan}",
	 "{\"true\": 1, \"nan\": \"nan\"}"},
	{"{p:{x:i8, y:i8}[2]}", "{p:[{x:-1},{y:-2}]}",
	 "{\"p\": [{\"x\": -1, \"y\": 0}, {\"x\": 0, \"y\": -2}]}"},
};

START_TEST(reads_a_value)
{
	struct zipc_type *type = parsed(readings[_i].type);
	size_t size = zipc_type_size(type);
	uint8_t *bytes = malloc(size);
	char *text;

	memset(bytes, 0xa5, size);
	ck_rc(zipc_value_parse(type, readings[_i].text, bytes), 0);
	text = printed(type, bytes);
	ck_assert_str_eq(text, readings[_i].printed);
	free(text);
	free(bytes);
	zipc_type_free(type);
}
END_TEST

static const struct {
	const char *type, *text, *message;
} refusals[] = {
	{"u8", "", "column 1: expected an integer, found the end"},
	{"u8", "256", "column 1: 256 does not fit u8 (0 to 255)"},
	{"u8", "-1", "-1 does not fit u8 (0 to 255)"},
	{"i8", "128", "128 does not fit i8 (-128 to 127)"},
	{"i8", "-129", "-129 does not fit i8 (-128 to 127)"},
	{"{id:u32}", "{id:4294967296}",
	 "column 5: field id: 4294967296 does not fit u32 (0 to 4294967295)"},
	{"u64", "18446744073709551616",
	 "does not fit u64 (0 to 18446744073709551615)"},
	{"i64", "9223372036854775808",
	 "does not fit i64 (-9223372036854775808 to 9223372036854775807)"},
	{"i64", "-9223372036854775809", "does not fit i64"},
	{"u64", "99999999999999999999999999", "does not fit u64"},
	{"u8", "1.5", "1.5 is not an integer"},
	{"u8", "1e2", "1e2 is not an integer"},
	{"u8", "007", "007 is not an integer"},
	{"u8", "0x", "0x is not an integer"},
	{"u8", "-", "- is not an integer"},
	{"u8", "+1", "+1 is not an integer"},
	{"u8", "\"1\"", "column 1: expected an integer, found '\"'"},
	{"u8", "1 2", "column 3: expected the end, found '2'"},
	{"u8", "1}", "column 2: expected the end, found '}'"},
	{"bool", "1", "column 1: expected true or false, found '1'"},
	{"bool", "truee", "expected true or false"},
	{"bool", "", "expected true or false, found the end"},
	{"f64", "", "column 1: expected a number, found the end"},
	{"f64", ".5", ".5 is not a number, nan, inf or -inf"},
	{"f64", "5.", "5. is not a number"},
	{"f64", "01", "01 is not a number"},
	{"f64", "1e", "1e is not a number"},
	{"f64", "0x10", "0x10 is not a number"},
	{"f64", "infinity", "infinity is not a number"},
	{"f64", "\"1\"", "1 is not a number"},
	{"f64", "2,5", "column 2: expected the end, found ','"},
	{"f64", "1e999", "1e999 does not fit f64"},
	{"f64", "-1e999", "-1e999 does not fit f64"},
	{"{t:f32}", "{t:3.5e38}", "field t: 3.5e38 does not fit f32"},
	{"bytes:3", "abc", "column 1: expected a string, found 'a'"},
	{"bytes:3", "\"abcd\"",
	 "column 1: a string of 4 bytes does not fit bytes:3"},
	{"bytes:3", "\"a", "column 3: the string has no end"},
	{"bytes:3", "\"a\\", "expected one of \"\\/bfnrtu after \\"},
	{"bytes:3", "\"\\x41\"", "column 3: expected one of"},
	{"bytes:3", "\"\\u12g4\"",
	 "column 6: expected four hexadecimal digits after \\u, found 'g'"},
	{"bytes:3", "\"\\ud83d\"", "column 2: half of a surrogate pair"},
	{"bytes:8", "\"\\ud83d\\u0041\"", "half of a surrogate pair"},
	{"bytes:8", "\"\\ude00\"", "half of a surrogate pair"},
	{"bytes:3", "\"a\xff\"", "column 3: byte 0xff is not UTF-8"},
	{"bytes:3", "\"\xc3", "column 2: byte 0xc3 is not UTF-8"},
	{"bytes:3", "\"a\nb\"",
	 "column 3: byte 0x0a stands in a string as \\u000a"},
	{"bytes:2", "\"0x001\"", "3 hexadecimal digits, not the 4 of bytes:2"},
	{"bytes:2", "\"0x\"", "0 hexadecimal digits, not the 4 of bytes:2"},
	{"bytes:2", "\"0x000000\"", "6 hexadecimal digits, not the 4"},
	{"bytes:2", "\"0x00g0\"",
	 "column 6: only hexadecimal digits follow 0x"},
	{"u8[2]", "1", "column 1: expected '[', found '1'"},
	{"u8[2]", "[1]", "column 3: 1 elements, not the array's 2"},
	{"u8[2]", "[]",
	 "column 2: element [0]: expected an integer, found ']'"},
	{"u8[2]", "[1,2,3]", "column 5: more than the array's 2 elements"},
	{"u8[2]", "[1,2", "column 5: expected ']', found the end"},
	{"u8[2]", "[1 2]", "column 4: expected ',' or ']', found '2'"},
	{"u8[2]", "[1,300]", "column 4: element [1]: 300 does not fit u8"},
	{"{v:{x:u8}[2]}", "{v:[{x:1},{x:300}]}",
	 "column 14: field v[1].x: 300 does not fit u8"},
	{"{a:u8}", "1", "column 1: expected '{', found '1'"},
	{"{a:u8}", "{", "column 2: expected a field name, found the end"},
	{"{a:u8}", "{a 1}", "column 4: expected ':' after a field name"},
	{"{a:u8}", "{a:1", "column 5: expected ',' or '}', found the end"},
	{"{a:u8}", "{a:1,}", "column 6: expected a field name, found '}'"},
	{"{a:u8}", "{b:1}", "column 2: no field b; there is a"},
	{"{ts:u64, temp:f32}", "{tmp:1}",
	 "column 2: no field tmp; there are ts, temp"},
	{"{p:{x:u8}}", "{p:{z:1}}",
	 "column 5: field p: no field z; there is x"},
	{"{a:u8}", "{a:1,\"a\":2}", "column 6: field a: it stands here twice"},
	{"{a:u8}", "{\"a\\u0000\":1}", "no field a?; there is a"},
	{"{a:u8}", "{\"a\\n\":1}", "no field a?; there is a"},
	{"{a:u8}", "{a:1} x", "column 7: expected the end, found 'x'"},
};

START_TEST(refuses_what_is_no_value_and_touches_nothing)
{
	struct zipc_type *type = parsed(refusals[_i].type);
	size_t i, size = zipc_type_size(type);
	uint8_t *bytes = malloc(size);

	memset(bytes, 0xa5, size);
	ck_rc(zipc_value_parse(type, refusals[_i].text, bytes), -EINVAL);
	ck_message(refusals[_i].message);
	ck_assert_ptr_null(strchr(zipc_last_error(), '\n'));
	for (i = 0; i < size; i++)
		ck_assert_uint_eq(bytes[i], 0xa5);
	free(bytes);
	zipc_type_free(type);
}
END_TEST

/* _i is the length of the names; the list is cut at each place once. */
START_TEST(names_some_fields_of_a_large_record)
{
	char text[1024] = "{";
	struct zipc_type *type;
	uint8_t bytes[128];
	unsigned i;

	for (i = 0; i < 900u / (unsigned)(_i + 5); i++)
		sprintf(text + strlen(text), "%sn%0*u:u8", i ? ", " : "",
			_i - 1, i);
	strcat(text, "}");
	type = parsed(text);
	ck_rc(zipc_value_parse(type, "{x:1}", bytes), -EINVAL);
	ck_message("no field x; there are n0");
	ck_assert_str_eq(strrchr(zipc_last_error(), ','), ", ..");
	zipc_type_free(type);
}
END_TEST

START_TEST(reads_a_word_of_any_length)
{
	struct zipc_type *type = parsed("{a:f64}");
	char *text = malloc(100000);
	uint8_t bytes[8];

	memset(text, 'a', 99999);
	text[99999] = '\0';
	text[0] = '{';
	ck_rc(zipc_value_parse(type, text, bytes), -EINVAL);
	ck_message("no field aaaa");
	text[1] = '"';
	ck_rc(zipc_value_parse(type, text, bytes), -EINVAL);
	ck_message("the string has no end");
	memcpy(text, "{a:", 3);
	memset(text + 3, '1', 99996);
	ck_rc(zipc_value_parse(type, text, bytes), -EINVAL);
	ck_message("does not fit f64");
	free(text);
	zipc_type_free(type);
}
END_TEST

START_TEST(zeroes_padding_and_what_is_left_out)
{
	struct zipc_type *type = parsed("{a:u8, b:u32, c:bytes:3}[2]");
	uint8_t bytes[24];
	static const uint8_t want[24] = {
		1, 0, 0, 0, 4, 3, 2, 1, 'x', 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 'y', 'z', 0, 0,
	};

	memset(bytes, 0xff, sizeof(bytes));
	ck_rc(zipc_value_parse(type,
			       "[{a:1,b:0x01020304,c:\"x\"},{c:\"yz\"}]",
			       bytes),
	      0);
	ck_assert_mem_eq(bytes, want, sizeof(want));
	zipc_type_free(type);
}
END_TEST

/* Locales. */

static int run_localedef(const char *directory)
{
	char path[64];
	char *const arguments[] = {"localedef", "-i", "de_DE", "-f",
				   "UTF-8",	path, NULL};
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/de_DE.UTF-8", directory);
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	if (!posix_spawnp(&pid, arguments[0], &quiet, NULL, arguments, environ))
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&quiet);
	return status;
}

/* A locale once chosen stays when its files are gone. */
static void make_comma_locale(void)
{
	char directory[] = P_tmpdir "/zipc-locale-XXXXXX", command[64];

	if (!mkdtemp(directory))
		return;
	if (!run_localedef(directory)) {
		setenv("LOCPATH", directory, 1);
		setlocale(LC_ALL, "de_DE.UTF-8");
		unsetenv("LOCPATH");
	}
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static int choose_comma_locale(void)
{
	static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8",
					    "es_ES.UTF-8", "pt_BR.UTF-8"};
	size_t i;

	for (i = 0; i < 4 && strcmp(localeconv()->decimal_point, ","); i++)
		setlocale(LC_ALL, names[i]);
	if (strcmp(localeconv()->decimal_point, ","))
		make_comma_locale();
	return !strcmp(localeconv()->decimal_point, ",");
}

START_TEST(asks_no_locale)
{
	struct zipc_type *type = parsed("{a:f64, b:f32}");
	struct {
		double a;
		float b;
	} value = {2.5, 1e-9f}, back = {0};
	char *text, comma[8];

	if (!choose_comma_locale()) {
		printf("skipped: asks_no_locale: there is no locale with a "
		       "decimal comma, and localedef cannot make one\n");
		zipc_type_free(type);
		return;
	}
	text = printed(type, &value);
	ck_assert_str_eq(text, "{\"a\": 2.5, \"b\": 1e-09}");
	ck_rc(zipc_value_parse(type, text, &back), 0);
	ck_assert_mem_eq(&back, &value, 12);
	/* The program's own choice still holds. */
	snprintf(comma, sizeof(comma), "%.1f", 2.5);
	ck_assert_str_eq(comma, "2,5");
	free(text);
	zipc_type_free(type);
}
END_TEST

/* Properties. */

static void normalize_scalar(const struct zipc_type *type, uint8_t *bytes)
{
	double value;
	float single;

	if (zipc_type_class(type) == ZIPC_TYPE_BOOL) {
		*bytes = *bytes != 0;
	} else if (zipc_type_size(type) == 4) {
		memcpy(&single, bytes, 4);
		if (isnan(single))
			memcpy(bytes, &(float){NAN}, 4);
	} else {
		memcpy(&value, bytes, 8);
		if (isnan(value))
			memcpy(bytes, &(double){(double)NAN}, 8);
	}
}

/* Copy what a value means: without its padding, with one NaN and one true. */
static void normalize(const struct zipc_type *type, const uint8_t *from,
		      uint8_t *to)
{
	const struct zipc_type *inner = zipc_type_element(type);
	uint64_t i, offset, n = zipc_type_length(type);

	switch (zipc_type_class(type)) {
	case ZIPC_TYPE_ARRAY:
		for (i = 0; i < n; i++) {
			offset = i * zipc_type_size(inner);
			normalize(inner, from + offset, to + offset);
		}
		break;
	case ZIPC_TYPE_RECORD:
		for (i = 0; i < n; i++) {
			inner = zipc_type_field(type, i, NULL, &offset);
			normalize(inner, from + offset, to + offset);
		}
		break;
	default:
		memcpy(to, from, zipc_type_size(type));
		if (zipc_type_class(type) == ZIPC_TYPE_FLOAT ||
		    zipc_type_class(type) == ZIPC_TYPE_BOOL)
			normalize_scalar(type, to);
	}
}

static void fill(uint8_t *bytes, size_t size, struct dice *dice)
{
	unsigned zeros = roll_below(dice, 4), letters = roll_below(dice, 2);
	size_t i;

	for (i = 0; i < size; i++) {
		bytes[i] = (uint8_t)roll(dice);
		if (zeros && !roll_below(dice, zeros))
			bytes[i] = 0;
		else if (letters)
			bytes[i] = (uint8_t)(' ' + bytes[i] % 95);
	}
}

static void ck_round_trip(const struct zipc_type *type, struct dice *dice)
{
	size_t size = zipc_type_size(type);
	uint8_t *bytes = malloc(size), *back = malloc(size);
	uint8_t *want = calloc(1, size);
	char *text, *again;

	fill(bytes, size, dice);
	memset(back, 0xa5, size);
	normalize(type, bytes, want);
	text = printed(type, bytes);
	ck_rc(zipc_value_parse(type, text, back), 0);
	ck_assert_msg(!memcmp(want, back, size), "%s reads back another %s",
		      text, zipc_type_text(type));
	again = printed(type, back);
	ck_assert_str_eq(text, again);
	free(text);
	free(again);
	free(bytes);
	free(back);
	free(want);
}

START_TEST(reads_back_any_value_it_prints)
{
	struct dice dice = dice_of_this_run("reads_back_any_value_it_prints");
	struct random_type drawn;
	int i;

	for (i = 0; i < 3000; i++) {
		struct zipc_type *type;

		draw_type(&drawn, &dice);
		type = parsed(drawn.canonical);
		if (zipc_type_size(type) < 8192)
			ck_round_trip(type, &dice);
		zipc_type_free(type);
	}
}
END_TEST

/* How many digits count: "0.0250" has two, "2500" too. */
static int digits_of(const char *text)
{
	int digits = 0, zeros = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text == '.' || (*text == '0' && !digits))
			continue;
		digits++;
		zeros = *text == '0' ? zeros + 1 : 0;
	}
	return digits - zeros;
}

static int reads_as(const char *text, double value, size_t size)
{
	return size == 4 ? strtof(text, NULL) == (float)value
			 : strtod(text, NULL) == value;
}

/* Neither the nearest number of so many digits, nor those beside it. */
static void ck_none_reads_back(double value, size_t size, int digits)
{
	char nearest[40], other[60], *e;
	uint64_t mantissa;
	int beside;

	snprintf(nearest, sizeof(nearest), "%.*e", digits - 1, value);
	e = strchr(nearest, 'e');
	mantissa = (uint64_t)(*nearest - '0');
	if (digits > 1)
		mantissa = mantissa * (uint64_t)pow(10, digits - 1) +
			   strtoull(nearest + 2, NULL, 10);
	for (beside = -1; beside <= 1; beside++) {
		snprintf(other, sizeof(other), "%" PRIu64 "e%d",
			 mantissa + (uint64_t)(int64_t)beside,
			 atoi(e + 1) - (digits - 1));
		ck_assert_msg(!reads_as(other, value, size),
			      "%s is shorter and reads back as %a", other,
			      value);
	}
}

static void ck_shortest(const struct zipc_type *type, double value)
{
	size_t size = zipc_type_size(type);
	float single = (float)value;
	char *text = printed(type, size == 4 ? (void *)&single : &value);
	int digits = digits_of(text);

	ck_assert_msg(reads_as(text, value, size), "%s is not %a", text, value);
	if (digits > 1)
		ck_none_reads_back(value, size, digits - 1);
	free(text);
}

/* Numbers below 2^-1022 and 2^-126 have fewer digits, powers of two more. */
START_TEST(prints_no_digit_too_many)
{
	struct dice dice = dice_of_this_run("prints_no_digit_too_many");
	struct zipc_type *f32 = parsed("f32"), *f64 = parsed("f64");
	int i;

	for (i = -1074; i < 1024; i++)
		ck_shortest(f64, ldexp(1, i));
	for (i = -149; i < 128; i++)
		ck_shortest(f32, ldexp(1, i));
	for (i = 0; i < 20000; i++) {
		/* Every fourth is below the least of full precision. */
		uint64_t bits = roll(&dice) >> (i % 4 ? 1 : 12);
		uint32_t half = (uint32_t)bits >> (i % 4 ? 1 : 9);
		double value;
		float single;

		memcpy(&value, &bits, 8);
		memcpy(&single, &half, 4);
		if (isfinite(value) && value != 0)
			ck_shortest(f64, value);
		if (isfinite(single) && single != 0)
			ck_shortest(f32, (double)single);
	}
	zipc_type_free(f32);
	zipc_type_free(f64);
}
END_TEST

/* Changes, doubles, drops and inserts some bytes; there is room for four. */
static void mutate(char *text, struct dice *dice)
{
	static const char likely[] = "{}[]:,\"\\u0x-+.e 19df\xc3\xff\n";
	unsigned n = 1 + roll_below(dice, 4);

	while (n--) {
		size_t length = strlen(text);
		size_t at = roll_below(dice, (unsigned)length + 1);
		char c = likely[roll_below(dice, sizeof(likely) - 1)];

		if (!roll_below(dice, 3))
			c = (char)(1 + roll_below(dice, 255));
		switch (roll_below(dice, 3)) {
		case 0:
			memmove(text + at + 1, text + at, length - at + 1);
			text[at] = c;
			break;
		case 1:
			if (at < length)
				text[at] = c;
			break;
		default:
			if (at < length)
				memmove(text + at, text + at + 1, length - at);
		}
	}
}

static int survives(const struct zipc_type *type, struct dice *dice)
{
	size_t i, size = zipc_type_size(type);
	uint8_t *bytes = malloc(size);
	char *text, *damaged;
	int rc;

	fill(bytes, size, dice);
	text = printed(type, bytes);
	damaged = malloc(strlen(text) + 5);
	strcpy(damaged, text);
	mutate(damaged, dice);
	/* Of just its length, for the sanitizers. */
	damaged = realloc(damaged, strlen(damaged) + 1);
	memset(bytes, 0xa5, size);
	rc = zipc_value_parse(type, damaged, bytes);
	if (rc) {
		ck_rc(rc, -EINVAL);
		ck_message("value: column ");
		for (i = 0; i < size; i++)
			ck_assert_uint_eq(bytes[i], 0xa5);
	}
	free(text);
	free(damaged);
	free(bytes);
	return rc == 0;
}

START_TEST(survives_damaged_texts)
{
	struct dice dice = dice_of_this_run("survives_damaged_texts");
	struct random_type drawn;
	int i, accepted = 0, refused = 0;

	for (i = 0; i < 10000; i++) {
		struct zipc_type *type;

		draw_type(&drawn, &dice);
		type = parsed(drawn.canonical);
		if (zipc_type_size(type) < 2048) {
			if (survives(type, &dice))
				accepted++;
			else
				refused++;
		}
		zipc_type_free(type);
	}
	ck_assert_int_gt(accepted, 0);
	ck_assert_int_gt(refused, 0);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static void add_printing_cases(Suite *suite)
{
	TCase *tc = test_case(suite, "printing", "fast", 20);

	tcase_add_test(tc, prints_all_digits_of_integers);
	tcase_add_test(tc, prints_any_true_byte_as_true);
	tcase_add_loop_test(tc, prints_f64_in_the_fewest_digits, 0,
			    ROWS(doubles));
	tcase_add_loop_test(tc, prints_f32_in_the_fewest_digits, 0,
			    ROWS(singles));
	tcase_add_loop_test(tc, prints_bytes_as_text_only_if_they_are, 0,
			    ROWS(byte_strings));
	tcase_add_test(tc, prints_arrays_and_records);
	tcase_add_test(tc, needs_no_aligned_bytes);
	tcase_add_test(tc, cuts_the_text_as_snprintf_does);
}

static void add_reading_cases(Suite *suite)
{
	TCase *tc = test_case(suite, "reading", "fast", 20);

	tcase_add_loop_test(tc, reads_a_value, 0, ROWS(readings));
	tcase_add_loop_test(tc, refuses_what_is_no_value_and_touches_nothing,
			    0, ROWS(refusals));
	tcase_add_loop_test(tc, names_some_fields_of_a_large_record, 5, 64);
	tcase_add_test(tc, reads_a_word_of_any_length);
	tcase_add_test(tc, zeroes_padding_and_what_is_left_out);
}

static Suite *value_suite(void)
{
	Suite *suite = suite_create("value");
	TCase *tc;

	add_printing_cases(suite);
	add_reading_cases(suite);
	tc = test_case(suite, "locale", "medium", 120);
	tcase_add_test(tc, asks_no_locale);
	tc = test_case(suite, "properties", "medium", 120);
	tcase_add_test(tc, reads_back_any_value_it_prints);
	tcase_add_test(tc, prints_no_digit_too_many);
	tcase_add_test(tc, survives_damaged_texts);
	return suite;
}

TEST_MAIN(value_suite)
