/* SPDX-License-Identifier: MIT */
/*
 * What every Check test program shares: names of segments that carry the pid
 * and are removed even when the test dies, ck_rc(), and main().
 *
 * A program states its cases with TEST_CASE(suite, label, timeout_s, tests..)
 * and ends with TEST_MAIN("name", suite_function). Labels are fast, medium,
 * slow and stress; ./check chooses by CK_INCLUDE_TAGS.
 */
#ifndef ZIPC_HARNESS_H
#define ZIPC_HARNESS_H

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zeroipc.h>

/* The call must return want; a failure prints both by name, and the message. */
#define ck_rc(call, want)                                                    \
	do {                                                                 \
		int64_t rc_ = (call);                                        \
		int64_t want_ = (want);                                      \
		ck_assert_msg(rc_ == want_,                                  \
			      "%s is %s (%lld), not %s (%lld): %s", #call,   \
			      rc_name(rc_), (long long)rc_, rc_name(want_),  \
			      (long long)want_, zipc_last_error());          \
	} while (0)

static inline const char *rc_name(int64_t rc)
{
	return rc < 0 ? zipc_error_name((int)rc) : "no error";
}

/* The latest message must contain words. */
#define ck_message(words)                                                    \
	ck_assert_msg(strstr(zipc_last_error(), words) != NULL,              \
		      "\"%s\" is not in \"%s\"", words, zipc_last_error())

/*
 * A segment's name of this test's own: "/zt-RUNNER-PID-what". The runner
 * removes what is left under its own pid when its tests have ended.
 */
const char *test_name(const char *what);

/* Runs the suite; each test in a process of its own. */
int test_main(Suite *suite);

#define TEST_MAIN(suite_function)                                            \
	int main(void)                                                       \
	{                                                                    \
		return test_main(suite_function());                          \
	}

/* A case with one label; add tests to it by tcase_add_test(). */
static inline TCase *test_case(Suite *suite, const char *name,
			       const char *label, double timeout_s)
{
	TCase *tc = tcase_create(name);

	tcase_set_tags(tc, label);
	tcase_set_timeout(tc, timeout_s);
	suite_add_tcase(suite, tc);
	return tc;
}

#endif
