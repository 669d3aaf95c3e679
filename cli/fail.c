/* SPDX-License-Identifier: MIT */
/* zeroipc fail: settle a future, or an external lazy, as failed. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

static bool code_parse(const char *text, int *code)
{
	uint64_t number;
	bool minus = *text == '-';

	if (!number_parse(text + minus, &number) || number > INT_MAX)
		return false;
	*code = minus ? -(int)number : (int)number;
	return true;
}

/* Asked for, taken and failed: as who serves it would. */
static int fail_lazy(struct zipc_segment *segment, const struct path *path,
		     int code, const char *message)
{
	struct zipc_lazy *lazy = NULL;
	int rc = zipc_lazy_open(&lazy, segment, path->structure, NULL);

	if (!rc)
		rc = zipc_lazy_request(lazy) ?:
		     zipc_lazy_serve(lazy, ZIPC_NOWAIT) ?:
		     zipc_lazy_fail(lazy, code, message);
	zipc_lazy_close(lazy);
	return rc;
}

static int fail_future(const struct path *path, int code, const char *message)
{
	struct zipc_segment *segment = NULL;
	struct zipc_future *future = NULL;
	int status = STATUS_FINE;
	int rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = zipc_future_open(&future, segment, path->structure, NULL);
	if (!rc)
		rc = zipc_future_fail(future, code, message);
	else if (rc == -EPROTOTYPE)
		rc = fail_lazy(segment, path, code, message);
	if (rc)
		status = fail_at(path->segment, path->structure, rc);
	zipc_future_close(future);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {0}};
	struct path path;
	int code, status;

	/* "+": a code may begin with a minus. */
	if (next_option(argc, argv, "+:", options) == '?')
		return STATUS_USAGE;
	if (argc - optind < 2 || argc - optind > 3)
		return fail_usage("name one future or lazy, one code and one message");
	if (!code_parse(argv[optind + 1], &code))
		return fail_usage("`%s` is no code: it is a number of 32 bits",
				  argv[optind + 1]);
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	status = fail_future(&path, code, argv[optind + 2]);
	path_free(&path);
	return status;
}

const struct command command_fail = {
	.name = "fail",
	.arguments = "SEGMENT/FUTURE CODE [MESSAGE]\n"
		     "SEGMENT/LAZY CODE [MESSAGE]",
	.summary = "Settle a future or a lazy as failed",
	.details = "Who waits for it, or will, is told the code, a number, and "
		   "the message.\n",
	.run = run,
};
