/* SPDX-License-Identifier: MIT */
/* zeroipc follow, of a stream: its elements, as they are emitted. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>

struct walk {
	const struct following *asked;
	struct zipc_subscription *subscription;
	struct printer printer;
	uint64_t lost;
	void *elem;
};

static void tell_lost(struct walk *it)
{
	uint64_t lost = zipc_stream_lost(it->subscription);

	if (lost == it->lost)
		return;
	fail("%llu elements were overwritten before they were read",
	     (unsigned long long)(lost - it->lost));
	it->lost = lost;
}

static int follow_all(struct walk *it)
{
	const struct path *path = it->asked->path;
	uint64_t given = 0;
	int rc = 0;

	while (given < it->asked->wanted && !ferror(stdout)) {
		rc = zipc_stream_next(it->subscription, it->elem,
				      it->asked->timeout_ns);
		tell_lost(it);
		if (rc)
			break;
		printer_value(&it->printer, it->elem);
		fflush(stdout);
		given++;
	}
	if (rc && rc != -EAGAIN && rc != -ETIMEDOUT && rc != -EPIPE)
		return fail_at(path->segment, path->structure, rc);
	if (!rc || given || rc == -EPIPE)
		return STATUS_FINE;
	fail("%s/%s has no new element", path->segment, path->structure);
	return STATUS_NOTHING;
}

static int follow_open(struct walk *it, struct zipc_stream *stream)
{
	const struct zipc_type *type = zipc_stream_type(stream);
	int status, rc = printer_init(&it->printer, zipc_type_text(type),
				      false);

	if (rc)
		return fail_at(it->asked->path->segment,
			       it->asked->path->structure, rc);
	it->elem = must_allocate(1, zipc_type_size(type));
	/* What was lost before is not this one's to tell. */
	it->lost = zipc_stream_lost(it->subscription);
	status = follow_all(it);
	printer_end(&it->printer);
	free(it->elem);
	return status;
}

/* What is made as it is read is made by who may write. */
static int open_to_read(const struct following *asked,
			struct zipc_segment **segment,
			struct zipc_stream **stream)
{
	unsigned flags = asked->subscription ? 0 : ZIPC_READ_ONLY;
	int rc = zipc_segment_open(segment, asked->path->segment, flags);

	if (!rc)
		rc = zipc_stream_open(stream, *segment, asked->path->structure,
				      NULL);
	if (rc || !flags || !zipc_stream_derivation(*stream))
		return rc;
	zipc_stream_close(*stream);
	zipc_segment_close(*segment);
	*stream = NULL;
	*segment = NULL;
	rc = zipc_segment_open(segment, asked->path->segment, 0);
	if (rc == -EACCES)
		rc = zipc_segment_open(segment, asked->path->segment, flags);
	return rc ? rc
		  : zipc_stream_open(stream, *segment, asked->path->structure,
				     NULL);
}

int follow_stream(const struct following *asked)
{
	struct walk it = {.asked = asked};
	struct zipc_segment *segment = NULL;
	struct zipc_stream *stream = NULL;
	int status, rc;

	rc = open_to_read(asked, &segment, &stream);
	if (!rc)
		rc = zipc_stream_subscribe(&it.subscription, stream,
					   asked->subscription,
					   asked->oldest ? ZIPC_STREAM_OLDEST
							 : ZIPC_STREAM_NEWEST);
	status = rc ? fail_at(asked->path->segment, asked->path->structure, rc)
		    : follow_open(&it, stream);
	zipc_stream_leave(it.subscription);
	zipc_stream_close(stream);
	zipc_segment_close(segment);
	return status;
}
