/* SPDX-License-Identifier: MIT */
/*
 * zeroipc wait: acquire a semaphore's permit, for as long as a command runs or
 * for good; or wait for a barrier, a latch, an event or a future.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct waiting {
	const struct path *path;
	struct zipc_segment *segment;
	char **command; /* NULL: none */
	int64_t timeout_ns;
};

static int not_in_time(const struct waiting *it, int64_t rc, const char *why)
{
	if (rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, rc);
	fail("%s/%s: %s in time", it->path->segment, it->path->structure, why);
	return STATUS_NOTHING;
}

/* Ctrl-C is for the command: who waits for it gives the permit back. */
static int run_command(char **command)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before[2];
	posix_spawnattr_t attributes;
	sigset_t both;
	int rc, status;
	pid_t pid;

	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGQUIT);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &both);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	sigaction(SIGINT, &ignore, &before[0]);
	sigaction(SIGQUIT, &ignore, &before[1]);
	rc = posix_spawnp(&pid, command[0], NULL, &attributes, command,
			  environ);
	while (!rc && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigaction(SIGINT, &before[0], NULL);
	sigaction(SIGQUIT, &before[1], NULL);
	posix_spawnattr_destroy(&attributes);
	if (rc)
		return fail("cannot run `%s`: %s", command[0], strerror(rc));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int with_permit(const struct waiting *it,
		       struct zipc_semaphore *semaphore)
{
	int status, rc;

	if (!it->command && zipc_semaphore_flags(semaphore) & ZIPC_OWNED)
		return fail("%s/%s is owned: its permit would come back as "
			    "this program ends; name a command to run while "
			    "it is held",
			    it->path->segment, it->path->structure);
	rc = zipc_semaphore_acquire(semaphore, it->timeout_ns);
	if (rc)
		return not_in_time(it, rc, "no permit was free");
	if (!it->command)
		return STATUS_FINE;
	status = run_command(it->command);
	rc = zipc_semaphore_release(semaphore, 1);
	return rc ? fail_at(it->path->segment, it->path->structure, rc)
		  : status;
}

static int wait_semaphore(const struct waiting *it)
{
	struct zipc_semaphore *semaphore;
	int status, rc = zipc_semaphore_open(&semaphore, it->segment,
					     it->path->structure);

	if (rc)
		return fail_at(it->path->segment, it->path->structure, rc);
	status = with_permit(it, semaphore);
	zipc_semaphore_close(semaphore);
	return status;
}

static int wait_barrier(const struct waiting *it)
{
	struct zipc_barrier *barrier;
	int rc = zipc_barrier_open(&barrier, it->segment, it->path->structure);

	if (rc)
		return fail_at(it->path->segment, it->path->structure, rc);
	rc = zipc_barrier_wait(barrier, it->timeout_ns);
	if (rc)
		rc = not_in_time(it, rc, "not all have arrived");
	zipc_barrier_close(barrier);
	return rc;
}

static int wait_latch(const struct waiting *it)
{
	struct zipc_latch *latch;
	int rc = zipc_latch_open(&latch, it->segment, it->path->structure);

	if (rc)
		return fail_at(it->path->segment, it->path->structure, rc);
	rc = zipc_latch_wait(latch, it->timeout_ns);
	if (rc)
		rc = not_in_time(it, rc, "its count was not 0");
	zipc_latch_close(latch);
	return rc;
}

static int wait_event(const struct waiting *it)
{
	struct zipc_event *event;
	int rc = zipc_event_open(&event, it->segment, it->path->structure);

	if (rc)
		return fail_at(it->path->segment, it->path->structure, rc);
	rc = zipc_event_wait(event, it->timeout_ns);
	if (rc)
		rc = not_in_time(it, rc, "it was not set");
	zipc_event_close(event);
	return rc;
}

/* Print what was got, unless rc tells why not. */
static int print_value(const struct waiting *it, int64_t rc, const char *why,
		       const struct zipc_type *type, const void *elem)
{
	struct printer printer;

	if (rc)
		return not_in_time(it, rc, why);
	rc = printer_init(&printer, zipc_type_text(type), false);
	if (!rc)
		printer_value(&printer, elem);
	printer_end(&printer);
	return rc ? fail_at(it->path->segment, it->path->structure, rc)
		  : STATUS_FINE;
}

static int wait_future(const struct waiting *it)
{
	const struct zipc_type *type;
	struct zipc_future *future;
	void *elem;
	int status, rc = zipc_future_open(&future, it->segment,
					  it->path->structure, NULL);

	if (rc)
		return fail_at(it->path->segment, it->path->structure, rc);
	type = zipc_future_type(future);
	elem = must_allocate(1, zipc_type_size(type));
	rc = zipc_future_get(future, elem, it->timeout_ns);
	status = print_value(it, rc, "it was not settled", type, elem);
	free(elem);
	zipc_future_close(future);
	return status;
}

static int wait_lazy(const struct waiting *it)
{
	const struct zipc_type *type;
	struct zipc_lazy *lazy;
	void *elem;
	int status, rc = zipc_lazy_open(&lazy, it->segment,
					it->path->structure, NULL);

	if (rc)
		return fail_at(it->path->segment, it->path->structure, rc);
	type = zipc_lazy_type(lazy);
	elem = must_allocate(1, zipc_type_size(type));
	rc = zipc_lazy_get(lazy, elem, it->timeout_ns);
	status = print_value(it, rc, "nobody has computed it", type, elem);
	free(elem);
	zipc_lazy_close(lazy);
	return status;
}

static int wait_kind(const struct waiting *it, unsigned kind)
{
	if (it->command && kind != ZIPC_SEMAPHORE)
		return fail("%s/%s is a %s: only a semaphore's permit is held "
			    "while a command runs",
			    it->path->segment, it->path->structure,
			    kind == ZIPC_FUTURE ? "future"
			    : kind == ZIPC_LAZY ? "lazy"
						: kind_text(kind));
	switch (kind) {
	case ZIPC_SEMAPHORE:
		return wait_semaphore(it);
	case ZIPC_BARRIER:
		return wait_barrier(it);
	case ZIPC_LATCH:
		return wait_latch(it);
	case ZIPC_EVENT:
		return wait_event(it);
	case ZIPC_FUTURE:
		return wait_future(it);
	case ZIPC_LAZY:
		return wait_lazy(it);
	default:
		return fail("%s/%s is nothing to wait for: semaphore, barrier, "
			    "latch, event, future and lazy are",
			    it->path->segment, it->path->structure);
	}
}

static int wait_path(struct waiting *it)
{
	unsigned kind;
	int status = kind_of(it->path, &kind);
	int rc = status ? 0 : zipc_segment_open(&it->segment,
						it->path->segment, 0);

	if (rc)
		status = fail_at(it->path->segment, NULL, rc);
	if (!status)
		status = wait_kind(it, kind);
	zipc_segment_close(it->segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	struct waiting it = {.timeout_ns = ZIPC_FOREVER};
	struct path path;
	int option, status;

	while ((option = next_option(argc, argv, "+:w:", options)) != -1)
		if (option == '?')
			return STATUS_USAGE;
		else if (!wait_option(&it.timeout_ns))
			return STATUS_USAGE;
	if (optind == argc)
		return fail_usage("name a structure, as SEGMENT/STRUCTURE");
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	it.command = optind + 1 < argc ? argv + optind + 1 : NULL;
	status = wait_path(&it);
	path_free(&path);
	return status;
}

const struct command command_wait = {
	.name = "wait",
	.arguments = "[--wait SECONDS|forever] SEGMENT/STRUCTURE [COMMAND "
		     "[ARGUMENT]...]",
	.summary = "Wait for a semaphore, barrier, latch, event, future or lazy",
	.details =
		"  -w, --wait SECONDS  wait so long at most; `forever` if not "
		"given\n"
		"\n"
		"A semaphore's permit is acquired, and given back when COMMAND "
		"has ended, whose\nstatus is this one's then. A future's or lazy's "
		"value is printed; a lazy is\nasked for, and not computed here. "
		"Status 3: it has waited in vain.\n",
	.run = run,
};
