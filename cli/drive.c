/* SPDX-License-Identifier: MIT */
/* zeroipc drive: compute a derived stream's results, as zeroipcd does. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>

struct driving {
	const struct path *path;
	uint64_t wanted; /* elements */
	int64_t timeout_ns;
};

/* Ctrl-C comes between two steps; how long one waits. */
#define SLICE_NS INT64_C(200000000)

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
	(void)number;
	asked_to_stop = 1;
}

static void listen_to_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* One step that waits so long, in slices; as zipc_stream_drive(). */
static int64_t step(struct zipc_stream *stream, int64_t timeout_ns)
{
	int64_t rc, slice;

	do {
		slice = SLICE_NS;
		if (timeout_ns >= 0 && timeout_ns < slice)
			slice = timeout_ns;
		rc = zipc_stream_drive(stream, slice);
		if (timeout_ns > 0)
			timeout_ns -= slice;
	} while ((rc == -ETIMEDOUT || rc == -EBUSY) && timeout_ns &&
		 !asked_to_stop);
	return rc;
}

static int drive(const struct driving *it, struct zipc_stream *stream)
{
	uint64_t taken = 0;
	int64_t rc = 0;

	while (taken < it->wanted && !asked_to_stop) {
		rc = step(stream, it->timeout_ns);
		if (rc < 0)
			break;
		taken += (uint64_t)rc;
	}
	if (rc >= 0 || rc == -EPIPE || asked_to_stop)
		return STATUS_FINE;
	if (rc != -EAGAIN && rc != -ETIMEDOUT && rc != -EBUSY)
		return fail_at(it->path->segment, it->path->structure, rc);
	if (taken)
		return STATUS_FINE;
	fail(rc == -EBUSY ? "%s/%s is driven by somebody else"
			  : "%s/%s has nothing to do: its sources have no new "
			    "elements, or a named subscription has yet to read",
	     it->path->segment, it->path->structure);
	return STATUS_NOTHING;
}

static int take_options(struct driving *it, int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int option;

	while ((option = next_option(argc, argv, ":n:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		if (option == 'n' && !count_option(&it->wanted))
			return STATUS_USAGE;
		if (option == 'w' && !wait_option(&it->timeout_ns))
			return STATUS_USAGE;
	}
	return STATUS_FINE;
}

static int open_and_drive(const struct driving *it)
{
	struct zipc_segment *segment = NULL;
	struct zipc_stream *stream = NULL;
	int status, rc = zipc_segment_open(&segment, it->path->segment, 0);

	if (!rc)
		rc = zipc_stream_open(&stream, segment, it->path->structure,
				      NULL);
	status = rc ? fail_at(it->path->segment, it->path->structure, rc)
		    : drive(it, stream);
	zipc_stream_close(stream);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	struct driving it = {.wanted = UINT64_MAX, .timeout_ns = ZIPC_FOREVER};
	struct path path;
	int status = take_options(&it, argc, argv);

	if (status)
		return status;
	if (!only_argument(argc, argv, "derived stream, as SEGMENT/STREAM"))
		return STATUS_USAGE;
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	listen_to_signals();
	status = open_and_drive(&it);
	path_free(&path);
	return status;
}

const struct command command_drive = {
	.name = "drive",
	.arguments = "[-n N] [--wait SECONDS|forever] SEGMENT/STREAM",
	.summary = "Compute the results of a derived stream",
	.details =
		"  -n N                stop when at least N elements of its "
		"sources were taken\n"
		"  -w, --wait SECONDS  wait so long for each step; forever if "
		"not given\n"
		"\n"
		"zeroipcd does this by itself, unless the stream was derived "
		"with --by-hand.\nHowever many drive it, and whatever becomes "
		"of them, each result comes once.\nIt ends when the stream "
		"does. Status 3: there was nothing to do in time, or\nsomebody "
		"else drives.\n",
	.run = run,
};
