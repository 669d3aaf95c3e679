/* SPDX-License-Identifier: MIT */
/*
 * zeroipc receive: take elements out of a channel and print them. Each is
 * flushed before the next is taken, so a reader that goes away costs one
 * element at most.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

struct receiving {
	const struct path *path;
	struct zipc_channel *channel;
	struct printer printer;
	uint64_t wanted; /* 0: up to its end */
	int64_t timeout_ns;
};

static int receive_all(struct receiving *it, void *elem)
{
	uint64_t taken = 0;
	int rc = 0;

	while ((!it->wanted || taken < it->wanted) && !ferror(stdout)) {
		rc = zipc_channel_recv(it->channel, elem, it->timeout_ns);
		if (rc)
			break;
		printer_value(&it->printer, elem);
		fflush(stdout);
		taken++;
	}
	if (rc && rc != -EAGAIN && rc != -ETIMEDOUT && rc != -EPIPE)
		return fail_at(it->path->segment, it->path->structure, rc);
	if (!rc || taken || (rc == -EPIPE && !it->wanted))
		return STATUS_FINE;
	fail("%s/%s %s%s", it->path->segment, it->path->structure,
	     rc == -EPIPE ? "is closed" : "has nothing",
	     rc == -EAGAIN ? "; --wait waits for an element" : "");
	return STATUS_NOTHING;
}

static int receive_into(struct receiving *it)
{
	const struct zipc_type *type = zipc_channel_type(it->channel);
	void *elem = must_allocate(1, zipc_type_size(type));
	int status, rc = printer_init(&it->printer, zipc_type_text(type),
				      it->printer.as_json);

	if (rc)
		status = fail_at(it->path->segment, it->path->structure, rc);
	else
		status = receive_all(it, elem);
	printer_end(&it->printer);
	free(elem);
	return status;
}

static int receive(struct receiving *it)
{
	struct zipc_segment *segment = NULL;
	int status, rc = zipc_segment_open(&segment, it->path->segment, 0);

	if (!rc)
		rc = zipc_channel_open(&it->channel, segment,
				       it->path->structure, NULL);
	status = rc ? fail_at(it->path->segment, it->path->structure, rc)
		    : receive_into(it);
	zipc_channel_release(it->channel);
	zipc_segment_close(segment);
	return status;
}

static int take_options(struct receiving *it, int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"all", no_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int option;

	while ((option = next_option(argc, argv, ":n:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		it->printer.as_json |= option == 'j';
		if (option == 'a')
			it->wanted = 0;
		if (option == 'n' && !count_option(&it->wanted))
			return STATUS_USAGE;
		if (option == 'w' && !wait_option(&it->timeout_ns))
			return STATUS_USAGE;
	}
	return STATUS_FINE;
}

static int run(int argc, char **argv)
{
	struct receiving it = {.wanted = 1, .timeout_ns = ZIPC_NOWAIT};
	struct path path;
	int status = take_options(&it, argc, argv);

	if (status)
		return status;
	if (!only_argument(argc, argv, "channel, as SEGMENT/NAME"))
		return STATUS_USAGE;
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	status = receive(&it);
	path_free(&path);
	return status;
}

const struct command command_receive = {
	.name = "receive",
	.arguments = "[--all] [--json] [-n N] [--wait SECONDS|forever] "
		     "SEGMENT/NAME",
	.summary = "Receive elements from a channel, and print them",
	.details =
		"  -n N                receive up to N elements; 1 if not "
		"given\n"
		"      --all           until the channel is closed\n"
		"  -w, --wait SECONDS  wait so long for each; or `forever`\n"
		"      --json          print one JSON array, and not a line "
		"for each element\n"
		"\n"
		"Status 3: there was nothing to receive.\n",
	.run = run,
};
