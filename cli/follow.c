/* SPDX-License-Identifier: MIT */
/*
 * zeroipc follow: a ring's records, or a stream's elements, as they come. The
 * segment is opened for reading only, so nobody is held back or has to wake
 * this reader; but for a stream's named subscription.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

struct following_ring {
	const struct following *asked;
	const struct path *path;
	struct zipc_ring_reader *reader;
	uint64_t lost;
	char *bytes;
	size_t room;
};

static void tell_lost(struct following_ring *it)
{
	uint64_t lost = zipc_ring_lost(it->reader);

	if (lost == it->lost)
		return;
	fail("%llu records were overwritten before they were read",
	     (unsigned long long)(lost - it->lost));
	it->lost = lost;
}

/* The next record into it->bytes; its length or -errno. */
static int64_t next_record(struct following_ring *it)
{
	int64_t n, length;

	for (;;) {
		n = zipc_ring_read(it->reader, it->bytes, it->room,
				   it->asked->timeout_ns);
		if (n != -EMSGSIZE)
			return n;
		length = zipc_ring_next_length(it->reader);
		if (length <= (int64_t)it->room)
			continue;
		free(it->bytes);
		it->room = (size_t)length;
		it->bytes = must_allocate(1, it->room);
	}
}

static int follow_all(struct following_ring *it)
{
	uint64_t given = 0;
	int64_t n = 0;

	while (given < it->asked->wanted && !ferror(stdout)) {
		struct json json = {0};

		n = next_record(it);
		tell_lost(it);
		if (n < 0)
			break;
		print_record(it->asked->as_json ? &json : NULL,
			     zipc_ring_next_number(it->reader) - 1, it->bytes,
			     (size_t)n);
		fflush(stdout);
		given++;
	}
	if (n < 0 && n != -EAGAIN && n != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, n);
	if (n >= 0 || given)
		return STATUS_FINE;
	fail("%s/%s has no new record", it->path->segment, it->path->structure);
	return STATUS_NOTHING;
}

static int follow_ring(const struct following *asked)
{
	struct following_ring of = {.asked = asked, .path = asked->path};
	struct following_ring *it = &of;
	struct zipc_segment *segment = NULL;
	struct zipc_ring *ring = NULL;
	int status, rc = zipc_segment_open(&segment, it->path->segment,
					   ZIPC_READ_ONLY);

	if (!rc)
		rc = zipc_ring_open(&ring, segment, it->path->structure);
	if (!rc)
		rc = zipc_ring_reader_open(&it->reader, ring,
					   asked->oldest ? ZIPC_RING_OLDEST
							 : ZIPC_RING_NEWEST);
	if (rc) {
		status = fail_at(it->path->segment, it->path->structure, rc);
	} else {
		it->room = 4096;
		it->bytes = must_allocate(1, it->room);
		status = follow_all(it);
		free(it->bytes);
	}
	zipc_ring_reader_close(it->reader);
	zipc_ring_close(ring);
	zipc_segment_close(segment);
	return status;
}

static int take_options(struct following *it, int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{"oldest", no_argument, NULL, 'o'},
		{"subscription", required_argument, NULL, 's'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int option;

	while ((option = next_option(argc, argv, ":n:os:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		it->as_json |= option == 'j';
		it->oldest |= option == 'o';
		if (option == 's')
			it->subscription = optarg;
		if (option == 'n' && !count_option(&it->wanted))
			return STATUS_USAGE;
		if (option == 'w' && !wait_option(&it->timeout_ns))
			return STATUS_USAGE;
	}
	return STATUS_FINE;
}

static int run(int argc, char **argv)
{
	struct following it = {.wanted = UINT64_MAX,
			       .timeout_ns = ZIPC_FOREVER};
	unsigned kind = 0;
	struct path path;
	int status = take_options(&it, argc, argv);

	if (status)
		return status;
	if (!only_argument(argc, argv, "ring or stream, as SEGMENT/NAME"))
		return STATUS_USAGE;
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	status = kind_of(&path, &kind);
	if (!status && it.subscription && kind != ZIPC_STREAM)
		status = fail_usage("only a stream has subscriptions");
	if (!status)
		status = kind == ZIPC_STREAM ? follow_stream(&it)
					     : follow_ring(&it);
	path_free(&path);
	return status;
}

const struct command command_follow = {
	.name = "follow",
	.arguments = "[--json] [-n N] [--oldest] [--wait SECONDS|forever] "
		     "SEGMENT/RING\n"
		     "[--json] [-n N] [--oldest] [--wait SECONDS|forever] "
		     "[--subscription NAME] SEGMENT/STREAM",
	.summary = "Print a ring's records or a stream's elements, as they come",
	.details =
		"  -n N                stop behind N of them\n"
		"  -o, --oldest        begin with the oldest that is there, "
		"not the next one\n"
		"  -w, --wait SECONDS  wait so long for each; forever if not "
		"given\n"
		"  -s, --subscription NAME  as the stream's named subscription, "
		"which stays\n"
		"      --json          print an object for each record, on "
		"lines of its own;\n"
		"                      each element of a stream as JSON is one "
		"already\n"
		"\n"
		"What is overwritten before it is read is told on stderr. "
		"Nobody is held back,\nbut by a named subscription. Status 3: "
		"there was nothing in time.\n",
	.run = run,
};
