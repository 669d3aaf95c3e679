/* SPDX-License-Identifier: MIT */
/* Targets of requests: split first, decoded then. */
#include "../zeroipcd/uri.h"
#include "harness.h"

static const char *problem;

START_TEST(parts_are_split_before_they_are_decoded)
{
	struct uri uri;

	ck_rc(uri_parse(&uri, "/segments/a%2Fb%3F/%2e%2E/?from=1%30&x", &problem),
	      0);
	ck_assert_uint_eq(uri.parts, 3);
	ck_assert_str_eq(uri.part[0], "segments");
	ck_assert_str_eq(uri.part[1], "a/b?");
	ck_assert_str_eq(uri.part[2], "..");
	ck_assert_str_eq(uri_param(&uri, "from"), "10");
	ck_assert_str_eq(uri_param(&uri, "x"), "");
	ck_assert_ptr_null(uri_param(&uri, "count"));
	uri_free(&uri);
}
END_TEST

START_TEST(a_part_may_be_empty_but_the_last_is_not_counted)
{
	struct uri uri;

	ck_rc(uri_parse(&uri, "/", &problem), 0);
	ck_assert_uint_eq(uri.parts, 0);
	uri_free(&uri);
	ck_rc(uri_parse(&uri, "//a/", &problem), 0);
	ck_assert_uint_eq(uri.parts, 2);
	ck_assert_str_eq(uri.part[0], "");
	uri_free(&uri);
}
END_TEST

START_TEST(more_parts_than_fit_are_counted_as_too_many)
{
	struct uri uri;

	ck_rc(uri_parse(&uri, "/a/b/c/d/e/f/g", &problem), 0);
	ck_assert_uint_gt(uri.parts, URI_PARTS);
	uri_free(&uri);
}
END_TEST

static const char *const bad[] = {
	"", "segments", "http://localhost/segments", "*", "/%", "/%4", "/%4g",
	"/%g4", "/a%00b", "/?a=%00", "/?%zz=1", "/?a=1&a=2", "/?a&%61",
	"/?a&b&c&d&e&f&g&h&i",
};

START_TEST(bad_targets_are_refused_with_words)
{
	struct uri uri;

	problem = NULL;
	ck_rc(uri_parse(&uri, bad[_i], &problem), -EINVAL);
	ck_assert_ptr_nonnull(problem);
}
END_TEST

START_TEST(every_byte_of_a_name_comes_back)
{
	char name[256], target[2 + 3 * 256] = "/";
	struct uri uri;
	int i;

	for (i = 1; i < 256; i++)
		name[i - 1] = (char)i;
	name[255] = 0;
	uri_encode(name, target + 1);
	ck_rc(uri_parse(&uri, target, &problem), 0);
	ck_assert_uint_eq(uri.parts, 1);
	ck_assert_str_eq(uri.part[0], name);
	uri_free(&uri);
}
END_TEST

static Suite *uri_suite(void)
{
	Suite *suite = suite_create("uri");
	TCase *fast = test_case(suite, "uri", "fast", 60);

	tcase_add_test(fast, parts_are_split_before_they_are_decoded);
	tcase_add_test(fast, a_part_may_be_empty_but_the_last_is_not_counted);
	tcase_add_test(fast, more_parts_than_fit_are_counted_as_too_many);
	tcase_add_loop_test(fast, bad_targets_are_refused_with_words, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(fast, every_byte_of_a_name_comes_back);
	return suite;
}

TEST_MAIN(uri_suite)
