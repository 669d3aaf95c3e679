/* SPDX-License-Identifier: MIT */
/*
 * Takes the changes that machine_feeder pushes, and prints each on a line. An
 * example of a consumer: start as many as you like, and each change goes to one
 * of them; kill any of them, and the others go on.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zeroipc.h>

#include "machine.h"

/* Between two looks for a signal: a wait for an element ends by time only. */
#define SLICE_NS (200 * INT64_C(1000000))

struct watcher {
	const char *name;
	uint64_t count;  /* 0: until a signal comes */
	int64_t wait_ns; /* with count: the longest wait for the next change */
	struct zipc_segment *segment;
	struct zipc_queue *changes;
	uint64_t taken;
};

static int complain(const char *what)
{
	fprintf(stderr, "machine_watcher: %s\n", what);
	return 1;
}

/* A count as it is, a fraction to three places. */
static int places(double value)
{
	return value == floor(value) ? 0 : 3;
}

static int print_change(const struct machine_change *change)
{
	time_t s = (time_t)(change->ts_ns / 1000000000);
	unsigned ms = (unsigned)(change->ts_ns / 1000000 % 1000);
	char clock[16] = "?";
	struct tm tm;

	if (localtime_r(&s, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s.%03u  %-16.*s  %.*f -> %.*f\n", clock, ms,
	       (int)sizeof(change->what), change->what,
	       places(change->before), change->before, places(change->after),
	       change->after);
	if (fflush(stdout))
		return complain("cannot write to standard output");
	return 0;
}

static int signalled(const sigset_t *signals)
{
	static const struct timespec now;

	return sigtimedwait(signals, NULL, &now) > 0;
}

static int watch(struct watcher *w, const sigset_t *signals)
{
	struct machine_change change;
	int64_t waited_ns = 0;

	while (!signalled(signals)) {
		int rc = zipc_queue_pop(w->changes, &change, SLICE_NS);

		if (rc == -ETIMEDOUT) {
			waited_ns += SLICE_NS;
			if (w->count && waited_ns >= w->wait_ns)
				return complain("no change came in time; is "
						"machine_feeder running?");
			continue;
		}
		if (rc)
			return complain(zipc_last_error());
		waited_ns = 0;
		w->taken++;
		if (print_change(&change))
			return 1;
		if (w->taken == w->count)
			return 0;
	}
	/* Who asked for a number and got fewer must be able to tell. */
	return w->count != 0;
}

static int run(struct watcher *w)
{
	sigset_t signals;
	int status;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	if (zipc_segment_open(&w->segment, w->name, 0) ||
	    zipc_queue_open(&w->changes, w->segment, "changes",
			    MACHINE_CHANGE_TYPE)) {
		complain(zipc_last_error());
		return complain("start machine_feeder first");
	}
	status = watch(w, &signals);
	printf("machine_watcher: %" PRIu64 " changes taken\n", w->taken);
	return status;
}

static const char usage[] =
"Usage: machine_watcher [OPTION]...\n"
"Print the changes that machine_feeder pushes, until a signal comes.\n"
"\n"
"  --name NAME   the segment (machine)\n"
"  --count N     end after N changes; status 1 when they do not come\n"
"  --wait S      with --count: wait at most S seconds for each (5)\n"
"  --help        print this\n";

static uint64_t number(const char *option, const char *text, uint64_t high)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || !n || n > high) {
		fprintf(stderr, "machine_watcher: --%s %s: not a number from "
			"1 to %" PRIu64 "\n", option, text, high);
		exit(2);
	}
	return n;
}

static void parse_options(struct watcher *w, int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "count", required_argument, NULL, 'c' },
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n') {
			w->name = optarg;
		} else if (c == 'c') {
			w->count = number("count", optarg, UINT32_MAX);
		} else if (c == 'w') {
			w->wait_ns = (int64_t)number("wait", optarg, 86400) *
				     1000000000;
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "machine_watcher: %s: no such argument; see "
			"--help\n", argv[optind]);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct watcher w = {
		.name = MACHINE_NAME,
		.wait_ns = 5 * INT64_C(1000000000),
	};
	int status;

	parse_options(&w, argc, argv);
	status = run(&w);
	zipc_queue_close(w.changes);
	zipc_segment_close(w.segment);
	return status;
}
