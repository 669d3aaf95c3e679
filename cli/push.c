/* SPDX-License-Identifier: MIT */
/* zeroipc push: JSON values into a queue or stack. */
#include "values.h"

#include <errno.h>

struct target {
	struct zipc_queue *queue; /* this one, or */
	struct zipc_stack *stack;
};

static int push_one(struct values *it, const void *elem)
{
	const struct target *to = it->to;
	int rc = to->stack ? zipc_stack_push(to->stack, elem, it->timeout_ns)
			   : zipc_queue_push(to->queue, elem, it->timeout_ns);

	if (!rc)
		return STATUS_FINE;
	if (rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, rc);
	fail("%s/%s is full (%llu elements)%s", it->path->segment,
	     it->path->structure,
	     (unsigned long long)(to->stack ? zipc_stack_capacity(to->stack)
					    : zipc_queue_capacity(to->queue)),
	     rc == -EAGAIN ? "; --wait waits for room" : "");
	return STATUS_NOTHING;
}

static int push(const struct path *path, int64_t timeout_ns, int count,
		char **texts)
{
	struct target to = {0};
	struct values it = {.path = path, .timeout_ns = timeout_ns,
			    .done = "pushed", .put = push_one, .to = &to};
	struct zipc_segment *segment = NULL;
	int status, rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = zipc_stack_open(&to.stack, segment, path->structure, NULL);
	if (rc == -EPROTOTYPE)
		rc = zipc_queue_open(&to.queue, segment, path->structure, NULL);
	if (rc) {
		status = fail_at(path->segment, path->structure, rc);
	} else {
		it.type = to.stack ? zipc_stack_type(to.stack)
				   : zipc_queue_type(to.queue);
		status = values_put(&it, count, texts);
	}
	zipc_queue_close(to.queue);
	zipc_stack_close(to.stack);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	return values_run(argc, argv, "queue or stack, as SEGMENT/NAME", push);
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
