/* SPDX-License-Identifier: MIT */
/* zeroipc emit: JSON values into a stream. */
#include "values.h"

#include <errno.h>

static int emit_one(struct values *it, const void *elem)
{
	int rc = zipc_stream_emit(it->to, elem, it->timeout_ns);

	if (!rc)
		return STATUS_FINE;
	if (rc == 1) {
		fail("%s/%s is full: it was dropped, as its policy says",
		     it->path->segment, it->path->structure);
		return STATUS_NOTHING;
	}
	if (rc != -EAGAIN && rc != -ETIMEDOUT)
		return fail_at(it->path->segment, it->path->structure, rc);
	fail("%s/%s is full: a named subscription has yet to read%s",
	     it->path->segment, it->path->structure,
	     rc == -EAGAIN ? "; --wait waits for room" : "");
	return STATUS_NOTHING;
}

static int emit(const struct path *path, int64_t timeout_ns, int count,
		char **texts)
{
	struct values it = {.path = path, .timeout_ns = timeout_ns,
			    .done = "emitted", .put = emit_one};
	struct zipc_segment *segment = NULL;
	struct zipc_stream *stream = NULL;
	int status, rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = zipc_stream_open(&stream, segment, path->structure, NULL);
	if (rc) {
		status = fail_at(path->segment, path->structure, rc);
	} else {
		it.type = zipc_stream_type(stream);
		it.to = stream;
		status = values_put(&it, count, texts);
	}
	zipc_stream_close(stream);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	return values_run(argc, argv, "stream, as SEGMENT/STREAM", emit);
}

const struct command command_emit = {
	.name = "emit",
	.arguments = "[--wait SECONDS|forever] SEGMENT/STREAM [VALUE]...",
	.summary = "Emit values into a stream",
	.details =
		"  -w, --wait SECONDS  wait so long for named subscriptions, "
		"for each value;\n"
		"                      or `forever`\n"
		"\n"
		"Values are JSON, as its elements' type has them: 42, [1, 2], "
		"{\"ts\": 1}. Without a\nvalue, or with a single -, they are "
		"read from stdin, one on each line. If one on\nthe command "
		"line is wrong, none is emitted. Status 3: it is full.\n",
	.run = run,
};
