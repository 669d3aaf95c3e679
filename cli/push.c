/* SPDX-License-Identifier: MIT */
/*
 * zeroipc push: JSON values into a queue or stack. Those on the command line
 * are all understood before the first is pushed; those from stdin go one by
 * one, as they come.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct pushing {
	const struct path *path;
	struct zipc_queue *queue; /* this one, or */
	struct zipc_stack *stack;
	const struct zipc_type *type;
	int64_t timeout_ns;
};

static int push_one(struct pushing *it, const void *elem)
{
	int rc = it->stack
			 ? zipc_stack_push(it->stack, elem, it->timeout_ns)
			 : zipc_queue_push(it->queue, elem, it->timeout_ns);

	if (!rc)
		return STATUS_FINE;
	if (rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, rc);
	fail("%s/%s is full (%llu elements)%s", it->path->segment,
	     it->path->structure,
	     (unsigned long long)(it->stack
					  ? zipc_stack_capacity(it->stack)
					  : zipc_queue_capacity(it->queue)),
	     rc == -EAGAIN ? "; --wait waits for room" : "");
	return STATUS_NOTHING;
}

static int push_arguments(struct pushing *it, int count, char **values)
{
	uint64_t size = zipc_type_size(it->type);
	unsigned char *elems = must_allocate((uint64_t)count, size);
	int i, status = STATUS_FINE;

	for (i = 0; i < count && !status; i++)
		if (zipc_value_parse(it->type, values[i], elems + i * size))
			status = fail("value %d: %s", i + 1, zipc_last_error());
	for (i = 0; i < count && !status; i++)
		status = push_one(it, elems + i * size);
	if (status && i > 1 && status == STATUS_NOTHING)
		fail("%d of %d values were pushed", i - 1, count);
	free(elems);
	return status;
}

static int push_line(struct pushing *it, char *text, uint64_t line, void *elem)
{
	if (text[strspn(text, " \t\r\n")] == '\0')
		return STATUS_FINE;
	text[strcspn(text, "\r\n")] = '\0';
	if (zipc_value_parse(it->type, text, elem))
		return fail("line %llu: %s", (unsigned long long)line,
			    zipc_last_error());
	return push_one(it, elem);
}

static int push_lines(struct pushing *it)
{
	void *elem = must_allocate(1, zipc_type_size(it->type));
	int status = STATUS_FINE;
	uint64_t line = 0;
	char *text = NULL;
	size_t room = 0;
	ssize_t length;

	while (!status && (length = getline(&text, &room, stdin)) >= 0) {
		line++;
		if (strlen(text) != (size_t)length)
			status = fail("line %llu holds a NUL",
				      (unsigned long long)line);
		else
			status = push_line(it, text, line, elem);
	}
	if (!status && ferror(stdin))
		status = fail("cannot read stdin: %s", strerror(errno));
	if (status && line > 1)
		fail("stopped at line %llu; those before it were pushed",
		     (unsigned long long)line);
	free(text);
	free(elem);
	return status;
}

static int push(const struct path *path, int64_t timeout_ns, int count,
		char **values)
{
	struct pushing it = {.path = path, .timeout_ns = timeout_ns};
	struct zipc_segment *segment = NULL;
	int status, rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = zipc_stack_open(&it.stack, segment, path->structure, NULL);
	if (rc == -EPROTOTYPE)
		rc = zipc_queue_open(&it.queue, segment, path->structure, NULL);
	if (rc) {
		status = fail_at(path->segment, path->structure, rc);
	} else {
		it.type = it.stack ? zipc_stack_type(it.stack)
				   : zipc_queue_type(it.queue);
		status = count ? push_arguments(&it, count, values)
			       : push_lines(&it);
	}
	zipc_queue_close(it.queue);
	zipc_stack_close(it.stack);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int64_t timeout_ns = ZIPC_NOWAIT;
	struct path path;
	int option, status, count;

	/* "+": what follows the name may begin with a minus, as -5 does. */
	while ((option = next_option(argc, argv, "+:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		if (!wait_parse(optarg, &timeout_ns))
			return fail_usage("--wait is seconds or `forever`, not "
					  "`%s`",
					  optarg);
	}
	if (optind == argc)
		return fail_usage("name a queue or stack, as SEGMENT/NAME");
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	count = argc - optind - 1;
	if (count == 1 && !strcmp(argv[optind + 1], "-"))
		count = 0;
	status = push(&path, timeout_ns, count, argv + optind + 1);
	path_free(&path);
	return status;
}

const struct command command_push = {
	.name = "push",
	.arguments = "[--wait SECONDS|forever] SEGMENT/NAME [VALUE]...",
	.summary = "Push values into a queue or stack",
	.details =
		"  -w, --wait SECONDS  wait so long for room, for each value; "
		"or `forever`\n"
		"\n"
		"Values are JSON, as its elements' type has them: 42, [1, 2], "
		"{\"ts\": 1}. Without a\nvalue, or with a single -, they are "
		"read from stdin, one on each line. If one on\nthe command "
		"line is wrong, none is pushed. Status 3: it is full.\n",
	.run = run,
};
