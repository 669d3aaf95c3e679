/* SPDX-License-Identifier: MIT */
/* What the daemon adds to cJSON. */
#include "../zeroipcd/json.h"
#include "harness.h"

#define BAD "\xEF\xBF\xBD"

static const struct {
	const char *bytes, *text;
} names[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80",
	  "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80" },
	{ "a\xFF", "a" BAD },
	{ "\x80z", BAD "z" },
	{ "\xC0\xAF", BAD BAD },                   /* overlong */
	{ "\xE0\x80\xAF", BAD BAD BAD },           /* overlong */
	{ "\xED\xA0\x80", BAD BAD BAD },           /* a surrogate */
	{ "\xF4\x90\x80\x80", BAD BAD BAD BAD },   /* beyond U+10FFFF */
	{ "\xF0\x9F\x98", BAD BAD BAD },           /* cut off */
	{ "\xC3", BAD },
};

START_TEST(bytes_become_utf8)
{
	char out[64];

	json_utf8(names[_i].bytes, out);
	ck_assert_str_eq(out, names[_i].text);
}
END_TEST

static char *print(const char *type_text, const char *value, size_t limit,
		   bool quoted)
{
	struct json_text text = { .limit = limit };
	struct zipc_type *type;
	char *bytes;

	ck_rc(zipc_type_parse(&type, type_text, SIZE_MAX), 0);
	bytes = calloc(1, zipc_type_size(type));
	if (value)
		ck_rc(zipc_value_parse(type, value, bytes), 0);
	json_value(&text, type, bytes, quoted);
	free(bytes);
	zipc_type_free(type);
	if (!text.full)
		return text.bytes;
	free(text.bytes);
	return NULL;
}

static const struct {
	const char *type, *value, *plain, *quoted;
} values[] = {
	{ "u64", "18446744073709551615", "18446744073709551615",
	  "\"18446744073709551615\"" },
	{ "i64", "-9223372036854775808", "-9223372036854775808",
	  "\"-9223372036854775808\"" },
	{ "u32", "4294967295", "4294967295", "4294967295" },
	{ "f64", "0.1", "0.1", "0.1" },
	{ "f32", "\"nan\"", "\"nan\"", "\"nan\"" },
	{ "bool", "true", "true", "true" },
	{ "bytes:4", "\"a\\\"b\"", "\"a\\\"b\"", "\"a\\\"b\"" },
	{ "u64[2]", "[1, 2]", "[1, 2]", "[\"1\", \"2\"]" },
	{ "{a:u8, b:{c:i64, d:u16[2]}}", "{a: 1, b: {c: -2, d: [3, 4]}}",
	  "{\"a\": 1, \"b\": {\"c\": -2, \"d\": [3, 4]}}",
	  "{\"a\": 1, \"b\": {\"c\": \"-2\", \"d\": [3, 4]}}" },
};

START_TEST(values_are_printed_whole)
{
	char *plain = print(values[_i].type, values[_i].value, 1000, false);
	char *quoted = print(values[_i].type, values[_i].value, 1000, true);

	ck_assert_pstr_eq(plain, values[_i].plain);
	ck_assert_pstr_eq(quoted, values[_i].quoted);
	free(plain);
	free(quoted);
}
END_TEST

START_TEST(text_ends_at_its_limit)
{
	char *text = print("u8[100]", NULL, 301, false);

	ck_assert_uint_eq(strlen(text), 300);
	free(text);
	ck_assert_ptr_null(print("u8[100]", NULL, 300, false));
	ck_assert_ptr_null(print("bytes:100", "\"\\u0001\"", 100, false));
}
END_TEST

START_TEST(numbers_of_64_bits_keep_their_digits)
{
	cJSON *object = cJSON_CreateObject();
	char *text;

	json_u64(object, "a", UINT64_MAX, false);
	json_u64(object, "b", UINT64_MAX, true);
	json_time(object, "t", UINT64_C(1709208000250000000));
	json_string(object, "s", "<\xFF\"");
	text = cJSON_PrintUnformatted(object);
	ck_assert_str_eq(text, "{\"a\":18446744073709551615,"
			       "\"b\":\"18446744073709551615\","
			       "\"t\":\"2024-02-29T12:00:00.250Z\","
			       "\"s\":\"<" BAD "\\\"\"}");
	free(text);
	cJSON_Delete(object);
}
END_TEST

static Suite *json_suite(void)
{
	Suite *suite = suite_create("json");
	TCase *fast = test_case(suite, "json", "fast", 60);

	tcase_add_loop_test(fast, bytes_become_utf8, 0,
			    sizeof(names) / sizeof(names[0]));
	tcase_add_loop_test(fast, values_are_printed_whole, 0,
			    sizeof(values) / sizeof(values[0]));
	tcase_add_test(fast, text_ends_at_its_limit);
	tcase_add_test(fast, numbers_of_64_bits_keep_their_digits);
	return suite;
}

TEST_MAIN(json_suite)
