/* SPDX-License-Identifier: MIT */
/* zeroipc reset: a lazy is to be computed anew. */
#include "cli.h"

#include <getopt.h>

static int reset(const struct path *path)
{
	struct zipc_segment *segment = NULL;
	struct zipc_lazy *lazy = NULL;
	int status = STATUS_FINE;
	int rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = zipc_lazy_open(&lazy, segment, path->structure, NULL);
	if (!rc)
		rc = zipc_lazy_reset(lazy);
	if (rc)
		status = fail_at(path->segment, path->structure, rc);
	zipc_lazy_close(lazy);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {0}};
	struct path path;
	const char *text;
	int status;

	if (next_option(argc, argv, ":", options) == '?')
		return STATUS_USAGE;
	text = only_argument(argc, argv, "lazy, as SEGMENT/LAZY");
	status = text ? path_parse_structure(&path, text) : STATUS_USAGE;
	if (status)
		return status;
	status = reset(&path);
	path_free(&path);
	return status;
}

const struct command command_reset = {
	.name = "reset",
	.arguments = "SEGMENT/LAZY",
	.summary = "Forget a lazy's value, so that it is computed anew",
	.details = "Its inputs are not reset with it.\n",
	.run = run,
};
