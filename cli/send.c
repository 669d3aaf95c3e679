/* SPDX-License-Identifier: MIT */
/*
 * zeroipc send: JSON values into a channel, and its end. All values are
 * understood before the first is sent.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

struct sending {
	const struct path *path;
	struct zipc_channel *channel;
	int64_t timeout_ns;
	bool close; /* behind the values */
};

static int send_one(struct sending *it, const void *elem)
{
	int rc = zipc_channel_send(it->channel, elem, it->timeout_ns);

	if (!rc)
		return STATUS_FINE;
	if (rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, rc);
	fail("%s/%s %s%s", it->path->segment, it->path->structure,
	     zipc_channel_capacity(it->channel) ? "is full"
						: "has nobody who receives",
	     rc == -EAGAIN ? "; --wait waits" : "");
	return STATUS_NOTHING;
}

static int send_values(struct sending *it, int count, char **values)
{
	const struct zipc_type *type = zipc_channel_type(it->channel);
	uint64_t size = zipc_type_size(type);
	unsigned char *elems = must_allocate((uint64_t)count, size);
	int i, rc = 0, status = STATUS_FINE;

	for (i = 0; i < count && !status; i++)
		if (zipc_value_parse(type, values[i], elems + i * size))
			status = fail("value %d: %s", i + 1, zipc_last_error());
	for (i = 0; i < count && !status; i++)
		status = send_one(it, elems + i * size);
	if (!status && it->close)
		rc = zipc_channel_close(it->channel);
	free(elems);
	return rc ? fail_at(it->path->segment, it->path->structure, rc)
		  : status;
}

static int send_to(struct sending *it, int count, char **values)
{
	struct zipc_segment *segment = NULL;
	int status, rc = zipc_segment_open(&segment, it->path->segment, 0);

	if (!rc)
		rc = zipc_channel_open(&it->channel, segment,
				       it->path->structure, NULL);
	status = rc ? fail_at(it->path->segment, it->path->structure, rc)
		    : send_values(it, count, values);
	zipc_channel_release(it->channel);
	zipc_segment_close(segment);
	return status;
}

static int take_options(struct sending *it, int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"close", no_argument, NULL, 'c'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int option;

	/* "+": what follows the name may begin with a minus, as -5 does. */
	while ((option = next_option(argc, argv, "+:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		it->close |= option == 'c';
		if (option == 'w' && !wait_option(&it->timeout_ns))
			return STATUS_USAGE;
	}
	if (optind == argc)
		return fail_usage("name a channel, as SEGMENT/NAME");
	if (optind + 1 == argc && !it->close)
		return fail_usage("say what to send, or --close");
	return STATUS_FINE;
}

static int run(int argc, char **argv)
{
	struct sending it = {.timeout_ns = ZIPC_NOWAIT};
	struct path path;
	int status = take_options(&it, argc, argv);

	if (!status)
		status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	status = send_to(&it, argc - optind - 1, argv + optind + 1);
	path_free(&path);
	return status;
}

const struct command command_send = {
	.name = "send",
	.arguments = "[--close] [--wait SECONDS|forever] SEGMENT/NAME "
		     "[VALUE]...",
	.summary = "Send values into a channel, or close it",
	.details =
		"  -w, --wait SECONDS  wait so long for room, or until it was "
		"received, for each\n"
		"                      value; or `forever`\n"
		"      --close         then close the channel, for everybody\n"
		"\n"
		"Values are JSON, as its elements' type has them. If one is "
		"wrong, none is sent.\nStatus 3: it is full, or nobody "
		"received it.\n",
	.run = run,
};
