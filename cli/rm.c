/* SPDX-License-Identifier: MIT */
/* zeroipc rm: take segments' names away. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static int remove_one(const char *name, bool force)
{
	int rc = zipc_segment_unlink(name);

	if (!rc || (rc == -ENOENT && force))
		return STATUS_FINE;
	return fail_at(name + (*name == '/'), NULL, rc);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"force", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{0}};
	int option, status = STATUS_FINE;
	bool force = false;

	while ((option = next_option(argc, argv, ":f", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		force |= option == 'f';
	}
	if (optind == argc && !force)
		return fail_usage("name the segments to remove");
	for (int i = optind; i < argc; i++)
		if (strchr(argv[i] + (*argv[i] == '/'), '/'))
			return fail_usage("`%s`: only whole segments can be "
					  "removed",
					  argv[i]);
	for (int i = optind; i < argc; i++)
		status |= remove_one(argv[i], force);
	return status;
}

const struct command command_rm = {
	.name = "rm",
	.arguments = "[-f] SEGMENT...",
	.summary = "Remove segments",
	.details = "  -f, --force  do not complain of one that does not exist\n"
		   "\n"
		   "Processes that have a segment open keep it; its memory is "
		   "freed when the last one\ncloses it. A file that is no "
		   "segment is left alone.\n",
	.run = run,
};
