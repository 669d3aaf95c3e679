/* SPDX-License-Identifier: MIT */
/*
 * zeroipc pop: take elements out of a queue or stack and print them. Each is
 * flushed before the next is taken, so a reader that goes away costs one
 * element at most.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

struct popping {
	const struct path *path;
	struct zipc_queue *queue; /* this one, or */
	struct zipc_stack *stack;
	struct printer printer;
	uint64_t wanted;
	int64_t timeout_ns;
};

static int pop_one(struct popping *it, void *elem)
{
	return it->stack ? zipc_stack_pop(it->stack, elem, it->timeout_ns)
			 : zipc_queue_pop(it->queue, elem, it->timeout_ns);
}

static int pop_all(struct popping *it, void *elem)
{
	uint64_t taken = 0;
	int rc = 0;

	while (taken < it->wanted && !ferror(stdout)) {
		rc = pop_one(it, elem);
		if (rc)
			break;
		printer_value(&it->printer, elem);
		fflush(stdout);
		taken++;
	}
	if (rc && rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, rc);
	if (!rc || taken)
		return STATUS_FINE;
	fail("%s/%s is empty%s", it->path->segment, it->path->structure,
	     rc == -EAGAIN ? "; --wait waits for an element" : "");
	return STATUS_NOTHING;
}

static int pop_into(struct popping *it)
{
	const struct zipc_type *type = it->stack
					       ? zipc_stack_type(it->stack)
					       : zipc_queue_type(it->queue);
	void *elem = must_allocate(1, zipc_type_size(type));
	int status, rc = printer_init(&it->printer, zipc_type_text(type),
				      it->printer.as_json);

	if (rc)
		status = fail_at(it->path->segment, it->path->structure, rc);
	else
		status = pop_all(it, elem);
	printer_end(&it->printer);
	free(elem);
	return status;
}

static int pop(struct popping *it)
{
	struct zipc_segment *segment = NULL;
	int status, rc = zipc_segment_open(&segment, it->path->segment, 0);

	if (!rc)
		rc = zipc_stack_open(&it->stack, segment, it->path->structure,
				     NULL);
	if (rc == -EPROTOTYPE)
		rc = zipc_queue_open(&it->queue, segment, it->path->structure,
				     NULL);
	status = rc ? fail_at(it->path->segment, it->path->structure, rc)
		    : pop_into(it);
	zipc_queue_close(it->queue);
	zipc_stack_close(it->stack);
	zipc_segment_close(segment);
	return status;
}

static int take_options(struct popping *it, int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int option;

	while ((option = next_option(argc, argv, ":n:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		it->printer.as_json |= option == 'j';
		if (option == 'n' && !count_option(&it->wanted))
			return STATUS_USAGE;
		if (option == 'w' && !wait_option(&it->timeout_ns))
			return STATUS_USAGE;
	}
	return STATUS_FINE;
}

static int run(int argc, char **argv)
{
	struct popping it = {.wanted = 1, .timeout_ns = ZIPC_NOWAIT};
	struct path path;
	int status = take_options(&it, argc, argv);

	if (status)
		return status;
	if (!only_argument(argc, argv, "queue or stack, as SEGMENT/NAME"))
		return STATUS_USAGE;
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	it.path = &path;
	status = pop(&it);
	path_free(&path);
	return status;
}

const struct command command_pop = {
	.name = "pop",
	.arguments = "[--json] [-n N] [--wait SECONDS|forever] SEGMENT/NAME",
	.summary = "Take elements out of a queue or stack, and print them",
	.details =
		"  -n N                take up to N elements; 1 if not given\n"
		"  -w, --wait SECONDS  wait so long for each; or `forever`\n"
		"      --json          print one JSON array, and not a line "
		"for each element\n"
		"\n"
		"Status 3: there was nothing to take.\n",
	.run = run,
};
