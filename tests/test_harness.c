/* SPDX-License-Identifier: MIT */
/* What a killed test runner left is removed by the next one, and only that. */
#include "harness.h"

#include "children.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>

/* What a runner that a test starts has; shared with it. */
struct left {
	char segment[96], marker[96];
	int hold[2]; /* a pipe: its test ends when the writing end is closed */
};

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	close(fd);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void begin(struct left *left)
{
	long id;

	runner_begin();
	snprintf(left->segment, sizeof(left->segment), "/dev/shm%s",
		 test_name("left"));
	ck_assert_int_eq(sscanf(left->segment, "/dev/shm/zt-%ld", &id), 1);
	snprintf(left->marker, sizeof(left->marker), "/dev/shm/zt-%ld.runner",
		 id);
	make_file(left->segment);
}

static void run_on(void *context)
{
	begin(context);
	tell_parent();
	await_parent();
	runner_end();
}

/* The same, with a test that goes on when its runner is killed. */
static void run_a_test(void *context)
{
	struct left *left = context;
	char byte;

	begin(left);
	close(left->hold[1]);
	if (fork() == 0)
		_exit((int)read(left->hold[0], &byte, 1));
	tell_parent();
	await_parent();
	_exit(1);
}

/* A runner that is a script. */
static void run_script(void *context)
{
	struct left *left = context;
	const char *top = getenv("top_srcdir");
	char script[512];

	snprintf(left->segment, sizeof(left->segment),
		 "/dev/shm/zt-%07ld-left", (long)getpid());
	snprintf(left->marker, sizeof(left->marker),
		 "/dev/shm/zt-%07ld.runner", (long)getpid());
	snprintf(script, sizeof(script),
		 ". '%s/tests/runner.sh' && runner_begin %07ld && : >%s && "
		 "kill -STOP $$",
		 top ? top : ".", (long)getpid(), left->segment);
	execlp("bash", "bash", "-c", script, NULL);
	_exit(127);
}

/* Somebody else holds the marker of this pid, as in another namespace. */
static void begin_beside_another(void *context)
{
	struct left *left = context;
	char theirs[96];
	int fd;

	snprintf(theirs, sizeof(theirs), "/dev/shm/zt-%ld.runner",
		 (long)getpid());
	make_file(theirs);
	fd = open(theirs, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	begin(left);
	ck_assert_str_ne(left->marker, theirs);
	runner_tidy();
	runner_end();
	ck_assert(exists(theirs));
	unlink(theirs);
	close(fd);
}

START_TEST(what_a_killed_runner_left_is_removed)
{
	struct left *left = shared_memory(sizeof(*left));
	struct child runner = child_start(run_on, left);

	child_hear(&runner);
	ck_assert(exists(left->segment) && exists(left->marker));
	child_kill(&runner);
	runner_tidy();
	ck_assert(!exists(left->segment) && !exists(left->marker));
}
END_TEST

START_TEST(what_a_killed_script_left_is_removed)
{
	struct left *left = shared_memory(sizeof(*left));
	struct child runner = child_start(run_script, left);

	child_stops(&runner);
	runner_tidy();
	ck_assert(exists(left->segment) && exists(left->marker));
	child_kill(&runner);
	runner_tidy();
	ck_assert(!exists(left->segment) && !exists(left->marker));
}
END_TEST

START_TEST(what_a_living_runner_has_stays)
{
	struct left *left = shared_memory(sizeof(*left));
	struct child runner = child_start(run_on, left);

	child_hear(&runner);
	runner_tidy();
	ck_assert(exists(left->segment) && exists(left->marker));
	child_stop(&runner);
	runner_tidy();
	ck_assert(exists(left->segment) && exists(left->marker));
	child_continue(&runner);
	child_say(&runner);
	child_end(&runner);
	ck_assert(!exists(left->segment) && !exists(left->marker));
}
END_TEST

START_TEST(what_a_living_test_of_a_killed_runner_has_stays)
{
	struct left *left = shared_memory(sizeof(*left));
	struct child runner;

	ck_assert_int_eq(pipe2(left->hold, O_CLOEXEC), 0);
	runner = child_start(run_a_test, left);
	child_hear(&runner);
	child_kill(&runner);
	runner_tidy();
	ck_assert(exists(left->segment) && exists(left->marker));
	close(left->hold[1]);
	while (exists(left->segment)) {
		sched_yield();
		runner_tidy();
	}
	ck_assert(!exists(left->marker));
}
END_TEST

START_TEST(what_has_no_marker_stays)
{
	char theirs[96];

	snprintf(theirs, sizeof(theirs), "/dev/shm/zt-%ld00-1-none",
		 (long)getpid());
	make_file(theirs);
	runner_tidy();
	ck_assert(exists(theirs));
	unlink(theirs);
}
END_TEST

START_TEST(two_runners_with_one_pid_have_two_ids)
{
	struct left *left = shared_memory(sizeof(*left));
	struct child runner = child_start(begin_beside_another, left);

	child_end(&runner);
	ck_assert(!exists(left->segment) && !exists(left->marker));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("harness");
	TCase *tc = test_case(s, "runners", "fast", 30);

	tcase_add_test(tc, what_a_killed_runner_left_is_removed);
	tcase_add_test(tc, what_a_killed_script_left_is_removed);
	tcase_add_test(tc, what_a_living_runner_has_stays);
	tcase_add_test(tc, what_a_living_test_of_a_killed_runner_has_stays);
	tcase_add_test(tc, what_has_no_marker_stays);
	tcase_add_test(tc, two_runners_with_one_pid_have_two_ids);
	return s;
}

TEST_MAIN(suite)
