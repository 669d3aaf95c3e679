/* SPDX-License-Identifier: MIT */
/* zeroipc write: texts, or the lines of stdin, as records of a ring. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct writing {
	const struct path *path;
	struct zipc_ring *ring;
	int64_t timeout_ns;
};

static int write_one(struct writing *it, const char *bytes, size_t n)
{
	int rc = zipc_ring_write(it->ring, bytes, n, it->timeout_ns);

	if (!rc)
		return STATUS_FINE;
	if (rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, rc);
	fail("%s/%s is full%s", it->path->segment, it->path->structure,
	     rc == -EAGAIN ? "; --wait waits for its readers" : "");
	return STATUS_NOTHING;
}

static int write_lines(struct writing *it)
{
	int status = STATUS_FINE;
	char *text = NULL;
	size_t room = 0;
	ssize_t length;

	while (!status && (length = getline(&text, &room, stdin)) >= 0) {
		if (length && text[length - 1] == '\n')
			length--;
		status = write_one(it, text, (size_t)length);
	}
	if (!status && ferror(stdin))
		status = fail("cannot read stdin: %s", strerror(errno));
	free(text);
	return status;
}

static int write_all(struct writing *it, int count, char **texts)
{
	int status = STATUS_FINE;

	if (!count)
		return write_lines(it);
	for (int i = 0; i < count && !status; i++)
		status = write_one(it, texts[i], strlen(texts[i]));
	return status;
}

static int write_into(struct writing *it, int count, char **texts)
{
	struct zipc_segment *segment = NULL;
	int status, rc = zipc_segment_open(&segment, it->path->segment, 0);

	if (!rc)
		rc = zipc_ring_open(&it->ring, segment, it->path->structure);
	status = rc ? fail_at(it->path->segment, it->path->structure, rc)
		    : write_all(it, count, texts);
	zipc_ring_close(it->ring);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	struct writing it = {.timeout_ns = ZIPC_NOWAIT};
	struct path path;
	int option, status, count;

	/* "+": what follows the ring may begin with a minus. */
	while ((option = next_option(argc, argv, "+:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		if (!wait_option(&it.timeout_ns))
			return STATUS_USAGE;
	}
	if (optind == argc)
		return fail_usage("name a ring, as SEGMENT/RING");
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	count = argc - optind - 1;
	if (count == 1 && !strcmp(argv[optind + 1], "-"))
		count = 0;
	status = write_into(&it, count, argv + optind + 1);
	path_free(&path);
	return status;
}

const struct command command_write = {
	.name = "write",
	.arguments = "[--wait SECONDS|forever] SEGMENT/RING [TEXT]...",
	.summary = "Write records into a ring",
	.details =
		"  -w, --wait SECONDS  with back-pressure wait so long for "
		"room, for each record;\n"
		"                      or `forever`\n"
		"\n"
		"Each TEXT is a record. Without one, or with a single -, each "
		"line of stdin is.\nA ring has one writer: while it has, "
		"others are refused. Status 3: it is full.\n",
	.run = run,
};
