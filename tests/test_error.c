/* SPDX-License-Identifier: MIT */
/* The error table, its words and names, and each thread's own message. */
#include "../libzeroipc/error.h"

#include <limits.h>
#include <pthread.h>

#include "harness.h"

static const struct {
	int code;
	const char *name;
} table[] = {
#define X(code, meaning) { code, #code },
	ZIPC_ERRORS(X)
#undef X
};

#define ROWS (sizeof(table) / sizeof(table[0]))

START_TEST(every_code_has_its_name_and_words_with_either_sign)
{
	size_t i;

	for (i = 0; i < ROWS; i++) {
		int code = table[i].code;
		const char *words = zipc_strerror(code);

		ck_assert_str_eq(zipc_error_name(code), table[i].name);
		ck_assert_str_eq(zipc_error_name(-code), table[i].name);
		ck_assert_ptr_eq(zipc_strerror(-code), words);
		ck_assert_msg(strlen(words) >= 6 &&
				      words[strlen(words) - 1] != '.',
			      "%s: \"%s\"", table[i].name, words);
	}
}
END_TEST

START_TEST(no_two_codes_share_their_words)
{
	size_t i, j;

	for (i = 0; i < ROWS; i++)
		for (j = 0; j < i; j++) {
			ck_assert_int_ne(table[i].code, table[j].code);
			ck_assert_str_ne(zipc_strerror(table[i].code),
					 zipc_strerror(table[j].code));
		}
}
END_TEST

START_TEST(other_codes_have_the_systems_words_and_no_name)
{
	static const int others[] = { EMFILE, ENOTTY, EDOM };
	static const int unknown[] = { 99999, INT_MAX, INT_MIN, INT_MIN + 1 };
	size_t i;

	for (i = 0; i < 3; i++) {
		ck_assert_str_eq(zipc_strerror(-others[i]),
				 strerrordesc_np(others[i]));
		ck_assert_str_eq(zipc_error_name(others[i]), "?");
	}
	for (i = 0; i < 4; i++) {
		ck_assert_str_eq(zipc_strerror(unknown[i]), "unknown error");
		ck_assert_str_eq(zipc_error_name(unknown[i]), "?");
	}
	ck_assert_ptr_nonnull(zipc_strerror(0));
}
END_TEST

START_TEST(there_is_no_message_before_a_failure)
{
	ck_assert_str_eq(zipc_last_error(), "");
}
END_TEST

static void *fail_in_a_thread(void *unused)
{
	(void)unused;
	ck_assert_str_eq(zipc_last_error(), "");
	ck_assert_int_eq(zipc_fail(ENOENT, "theirs %d", 2), -ENOENT);
	ck_assert_str_eq(zipc_last_error(), "theirs 2");
	return NULL;
}

START_TEST(each_thread_has_its_own_message)
{
	pthread_t thread;

	ck_assert_int_eq(zipc_fail(EINVAL, "mine %d", 1), -EINVAL);
	ck_assert_int_eq(pthread_create(&thread, NULL, fail_in_a_thread, NULL),
			 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_str_eq(zipc_last_error(), "mine 1");
	ck_assert_int_eq(zipc_fail_as(EAGAIN, "constant"), -EAGAIN);
	ck_assert_str_eq(zipc_last_error(), "constant");
}
END_TEST

START_TEST(a_message_that_is_too_long_is_cut)
{
	char words[4096];

	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	ck_assert_int_eq(zipc_fail(EINVAL, "%s", words), -EINVAL);
	ck_assert_uint_lt(strlen(zipc_last_error()), 2048);
	ck_assert_uint_gt(strlen(zipc_last_error()), 255);
}
END_TEST

START_TEST(a_success_leaves_the_message_and_a_failure_replaces_it)
{
	const char *name = test_name("message");
	struct zipc_segment *segment;

	ck_rc(zipc_segment_open(&segment, name, 0), -ENOENT);
	ck_message(name + 1);
	ck_rc(zipc_segment_create(&segment, name, 1 << 16, NULL), 0);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_create(&segment, name, 1 << 16, NULL), -EEXIST);
	ck_message("exists");
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

static Suite *error_suite(void)
{
	Suite *suite = suite_create("error");
	TCase *tc = test_case(suite, "error", "fast", 30);

	tcase_add_test(tc, every_code_has_its_name_and_words_with_either_sign);
	tcase_add_test(tc, no_two_codes_share_their_words);
	tcase_add_test(tc, other_codes_have_the_systems_words_and_no_name);
	tcase_add_test(tc, there_is_no_message_before_a_failure);
	tcase_add_test(tc, each_thread_has_its_own_message);
	tcase_add_test(tc, a_message_that_is_too_long_is_cut);
	tcase_add_test(tc, a_success_leaves_the_message_and_a_failure_replaces_it);
	return suite;
}

TEST_MAIN(error_suite)
