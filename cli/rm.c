/* SPDX-License-Identifier: MIT */
/* zeroipc rm: take the names of segments and structures away. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Of STREAM/SUBSCRIPTION: names have no slash. */
static int remove_subscription(struct zipc_segment *segment, const char *text)
{
	size_t length = strcspn(text, "/");
	char *name = must_allocate(1, length + 1);
	struct zipc_stream *stream = NULL;
	int rc;

	memcpy(name, text, length);
	rc = zipc_stream_open(&stream, segment, name, NULL);
	if (!rc)
		rc = zipc_stream_forget(stream, text + length + 1);
	zipc_stream_close(stream);
	free(name);
	return rc;
}

static int remove_structure(const struct path *path)
{
	struct zipc_segment *segment = NULL;
	int rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = strchr(path->structure, '/')
			     ? remove_subscription(segment, path->structure)
			     : zipc_segment_remove(segment, path->structure);
	zipc_segment_close(segment);
	return rc;
}

static int remove_one(const struct path *path, bool force)
{
	int rc = path->structure ? remove_structure(path)
				 : zipc_segment_unlink(path->segment);

	if (!rc || (rc == -ENOENT && force))
		return STATUS_FINE;
	return fail_at(path->segment, path->structure, rc);
}

/* What is no path is told before anything is removed. */
static int parse(struct path *path, const char *text)
{
	return strchr(text + (*text == '/'), '/')
		       ? path_parse_structure(path, text)
		       : path_parse(path, text);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"force", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{0}};
	int option, count, status = STATUS_FINE;
	struct path *paths;
	bool force = false;

	while ((option = next_option(argc, argv, ":f", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		force |= option == 'f';
	}
	if (optind == argc && !force)
		return fail_usage("name the segments or structures to remove");
	paths = must_allocate((uint64_t)(argc - optind), sizeof(*paths));
	for (count = 0; !status && optind + count < argc; count += !status)
		status = parse(&paths[count], argv[optind + count]);
	for (int i = 0; !(status & STATUS_USAGE) && i < count; i++)
		status |= remove_one(&paths[i], force);
	while (count)
		path_free(&paths[--count]);
	free(paths);
	return status;
}

const struct command command_rm = {
	.name = "rm",
	.arguments = "[-f] SEGMENT[/STRUCTURE[/SUBSCRIPTION]]...",
	.summary = "Remove segments, structures, or a stream's subscriptions",
	.details = "  -f, --force  do not complain of one that does not exist\n"
		   "\n"
		   "Processes that have it open keep it; its memory is freed "
		   "when the last one closes\nit. `zeroipc stat SEGMENT` tells "
		   "which structures are kept so. A file that is\nno segment "
		   "is left alone. A subscription that a live process has "
		   "stays.\n",
	.run = run,
};
