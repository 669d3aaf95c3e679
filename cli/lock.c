/* SPDX-License-Identifier: MIT */
/*
 * zeroipc lock: run a command while a mutex is held, as flock(1) does with a
 * file. After a holder's death the command is told so by its environment, and
 * is who repairs: if it succeeds, what the mutex guards is whole again.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEATH "ZEROIPC_OWNER_DIED"

struct wishes {
	int64_t timeout_ns;
	bool reset;
};

/* In the child; it does not outlive who holds the lock for it. */
static void run_command(char **argv, bool death, pid_t holder)
{
	if (death)
		setenv(DEATH, "1", 1);
	else
		unsetenv(DEATH);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == holder)
		execvp(argv[0], argv);
	fprintf(stderr, "zeroipc: lock: cannot run `%s`: %s\n", argv[0],
		strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* As a shell tells it. */
static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}

static int run_and_wait(char **argv, bool death)
{
	pid_t holder = getpid(), child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0)
		run_command(argv, death, holder);
	if (child < 0)
		return fail("cannot fork: %s", strerror(errno));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return fail("cannot wait: %s", strerror(errno));
	return status_of(status);
}

/* Closing instead of unlocking leaves the repair to the next one. */
static int under(struct zipc_mutex *mutex, char **argv, bool death)
{
	int status = run_and_wait(argv, death);

	if (death && status)
		return status;
	if (death)
		zipc_mutex_consistent(mutex);
	zipc_mutex_unlock(mutex);
	return status;
}

static int lock_and_run(const struct path *path, struct zipc_mutex *mutex,
			const struct wishes *wishes, char **argv)
{
	int rc;

	if (wishes->reset) /* when it needs none, so much the better */
		zipc_mutex_reset(mutex);
	rc = zipc_mutex_lock(mutex, wishes->timeout_ns);
	if (!rc || rc == -EOWNERDEAD)
		return under(mutex, argv, rc != 0);
	if (rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(path->segment, path->structure, rc);
	fail("%s/%s is held by another%s", path->segment, path->structure,
	     rc == -EAGAIN ? "; --wait waits for it" : "");
	return STATUS_NOTHING;
}

static int lock_path(const struct path *path, const struct wishes *wishes,
		     char **argv)
{
	struct zipc_segment *segment;
	struct zipc_mutex *mutex = NULL;
	int status, rc = zipc_segment_open(&segment, path->segment, 0);

	if (rc)
		return fail_at(path->segment, path->structure, rc);
	rc = zipc_mutex_open(&mutex, segment, path->structure);
	status = rc ? fail_at(path->segment, path->structure, rc)
		    : lock_and_run(path, mutex, wishes, argv);
	zipc_mutex_close(mutex);
	zipc_segment_close(segment);
	return status;
}

static const struct option options[] = {
	{"help", no_argument, NULL, 'h'},
	{"reset", no_argument, NULL, 'R'},
	{"wait", required_argument, NULL, 'w'},
	{0}};

static int run(int argc, char **argv)
{
	struct wishes wishes = {.timeout_ns = ZIPC_FOREVER};
	struct path path;
	int option, status;

	/* What follows the mutex is the command's. */
	while ((option = next_option(argc, argv, "+:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		if (option == 'R')
			wishes.reset = true;
		else if (!wait_option(&wishes.timeout_ns))
			return STATUS_USAGE;
	}
	if (argc - optind < 2)
		return fail_usage("name a mutex, as SEGMENT/MUTEX, and a "
				  "command");
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	status = lock_path(&path, &wishes, argv + optind + 1);
	path_free(&path);
	return status;
}

const struct command command_lock = {
	.name = "lock",
	.arguments =
		"[--reset] [--wait SECONDS|forever] SEGMENT/MUTEX COMMAND...",
	.summary = "Run a command while a mutex is held",
	.details =
		"      --reset         first make one that is not recoverable so\n"
		"  -w, --wait SECONDS  for the mutex; 0: not at all; `forever` "
		"if not given\n"
		"\n"
		"The status is the command's; 3 if the mutex could not be had "
		"in time. After a\n"
		"holder's death the command finds " DEATH
		" set, and must repair\n"
		"what the mutex guards: if it fails, the next one is told "
		"again.\n",
	.run = run,
};
