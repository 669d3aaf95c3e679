/* SPDX-License-Identifier: MIT */
/* zeroipc reclaim: give back what dead processes own in a pool. */
#include "cli.h"

#include <getopt.h>

static int reclaim(const struct path *path, bool passed)
{
	struct zipc_segment *segment = NULL;
	struct zipc_pool *pool = NULL;
	int64_t rc = zipc_segment_open(&segment, path->segment, 0);
	int status = STATUS_FINE;

	if (!rc)
		rc = zipc_pool_open(&pool, segment, path->structure, NULL);
	if (!rc)
		rc = passed ? zipc_pool_reclaim_passed(pool)
			    : zipc_pool_reclaim(pool);
	if (rc < 0)
		status = fail_at(path->segment, path->structure, rc);
	else
		printf("%lld\n", (long long)rc);
	zipc_pool_close(pool);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"passed", no_argument, NULL, 'p'},
		{0}};
	bool passed = false;
	struct path path;
	int option, status;

	while ((option = next_option(argc, argv, ":", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		passed |= option == 'p';
	}
	if (!only_argument(argc, argv, "pool, as SEGMENT/POOL"))
		return STATUS_USAGE;
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	status = reclaim(&path, passed);
	path_free(&path);
	return status;
}

const struct command command_reclaim = {
	.name = "reclaim",
	.arguments = "[--passed] SEGMENT/POOL",
	.summary = "Give back what dead processes own in a pool",
	.details =
		"      --passed  also what they have passed on or sent: such "
		"messages are lost\n"
		"\n"
		"Prints how many objects came back.\n",
	.run = run,
};
