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
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zeroipc.h>

/*
 * Check writes a place into the runner's pipe for every assert that holds, in
 * pieces. Of children that are killed, and of threads, those pieces mix, and
 * the runner breaks off. So only what fails is written.
 */
#undef _mark_point
#define _mark_point(file, line) ((void)0)

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
 * removes what is left under its own id when its tests have ended.
 */
const char *test_name(const char *what);

/*
 * A runner that is killed can remove nothing, so the next one does. For that
 * each holds a lock on its marker, /dev/shm/zt-RUNNER.runner, which the kernel
 * drops when the runner and all that it forked are dead: a marker without a
 * lock proves that nobody is left. What has no marker is left alone.
 *
 * runner_begin() takes an id, which is the pid unless a marker of that number
 * is held, and its marker; runner_tidy() removes what dead runners have left;
 * runner_end() what this one has, and its marker. test_main() calls them, and
 * tests/runner.sh does the same for scripts.
 */
void runner_begin(void);
void runner_tidy(void);
void runner_end(void);

/* Runs the suite; each test in a process of its own. */
int test_main(Suite *suite);

#define TEST_MAIN(suite_function)                                            \
	int main(void)                                                       \
	{                                                                    \
		return test_main(suite_function());                          \
	}

/*
 * With FIRST_FAILURE_ENDS in the environment no test begins behind one that
 * failed; it counts as passed. For a program that is run to see it fail.
 */
void test_begins(void);
void test_ends(void);

/* A case with one label; add tests to it by tcase_add_test(). */
static inline TCase *test_case(Suite *suite, const char *name,
			       const char *label, double timeout_s)
{
	TCase *tc = tcase_create(name);

	tcase_set_tags(tc, label);
	tcase_set_timeout(tc, timeout_s);
	tcase_add_checked_fixture(tc, test_begins, test_ends);
	suite_add_tcase(suite, tc);
	return tc;
}

#endif
