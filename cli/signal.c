/* SPDX-License-Identifier: MIT */
/*
 * zeroipc signal: what others wait for. Permits of a semaphore, counts of a
 * latch, or an event that is set.
 */
#include "cli.h"

#include <getopt.h>

struct signalling {
	const struct path *path;
	struct zipc_segment *segment;
	uint64_t n; /* 0: not given */
	bool reset;
};

static int signal_semaphore(const struct signalling *it)
{
	struct zipc_semaphore *semaphore;
	int rc = zipc_semaphore_open(&semaphore, it->segment,
				     it->path->structure);

	if (rc)
		return rc;
	rc = zipc_semaphore_release(semaphore, it->n ? it->n : 1);
	zipc_semaphore_close(semaphore);
	return rc;
}

static int signal_latch(const struct signalling *it)
{
	struct zipc_latch *latch;
	int rc = zipc_latch_open(&latch, it->segment, it->path->structure);

	if (rc)
		return rc;
	rc = zipc_latch_count_down(latch, it->n ? it->n : 1);
	zipc_latch_close(latch);
	return rc;
}

static int signal_event(const struct signalling *it)
{
	struct zipc_event *event;
	int rc = zipc_event_open(&event, it->segment, it->path->structure);

	if (rc)
		return rc;
	rc = it->reset ? zipc_event_reset(event) : zipc_event_set(event);
	zipc_event_close(event);
	return rc;
}

static int signal_kind(const struct signalling *it, unsigned kind)
{
	int rc;

	if (it->reset && kind != ZIPC_EVENT)
		return fail_usage("--reset is for an event");
	if (it->n && kind == ZIPC_EVENT)
		return fail_usage("-n is for a semaphore or a latch");
	if (kind == ZIPC_SEMAPHORE)
		rc = signal_semaphore(it);
	else if (kind == ZIPC_LATCH)
		rc = signal_latch(it);
	else if (kind == ZIPC_EVENT)
		rc = signal_event(it);
	else
		return fail("%s/%s takes no signal: semaphore, latch and event "
			    "do",
			    it->path->segment, it->path->structure);
	return rc ? fail_at(it->path->segment, it->path->structure, rc)
		  : STATUS_FINE;
}

static int signal_path(struct signalling *it)
{
	unsigned kind;
	int status = kind_of(it->path, &kind);
	int rc = status ? 0 : zipc_segment_open(&it->segment,
						it->path->segment, 0);

	if (rc)
		status = fail_at(it->path->segment, NULL, rc);
	if (!status)
		status = signal_kind(it, kind);
	zipc_segment_close(it->segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"reset", no_argument, NULL, 'r'},
		{0}};
	struct signalling it = {.reset = false};
	struct path path;
	int option, status;

	while ((option = next_option(argc, argv, ":n:", options)) != -1)
		if (option == '?')
			return STATUS_USAGE;
		else if (option == 'r')
			it.reset = true;
		else if (!count_option(&it.n))
			return STATUS_USAGE;
	if (!only_argument(argc, argv, "structure, as SEGMENT/STRUCTURE"))
		return STATUS_USAGE;
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	status = signal_path(&it);
	path_free(&path);
	return status;
}

const struct command command_signal = {
	.name = "signal",
	.arguments = "[-n N] [--reset] SEGMENT/STRUCTURE",
	.summary = "Release a semaphore, count a latch down, set an event",
	.details = "  -n N         permits to release, or how far to count "
		   "down; 1 if not given\n"
		   "      --reset  reset the event\n",
	.run = run,
};
