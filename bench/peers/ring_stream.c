/* SPDX-License-Identifier: MIT */
/*
 * Our stream, whose named subscriptions hold the producer back, as nothing may
 * be lost: one element at a time, and 32.
 */
#include "../ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zeroipc.h>

#define BATCH 32u

struct stream {
	struct zipc_segment *segment;
	unsigned readers;
};

struct end {
	struct zipc_stream *stream;
	struct zipc_subscription *subscription;
};

static void must(int rc)
{
	if (rc)
		die("%s", zipc_last_error());
}

/* Each reader's subscription is there before the first element is. */
static void subscribe_all(struct zipc_stream *stream, unsigned readers)
{
	struct zipc_subscription *subscription;
	char name[24];
	unsigned i;

	for (i = 0; i < readers; i++) {
		snprintf(name, sizeof(name), "reader %u", i);
		must(zipc_stream_subscribe(&subscription, stream, name,
					   ZIPC_STREAM_OLDEST));
		zipc_stream_leave(subscription);
	}
}

static void *create(const struct ring_shape *shape)
{
	struct stream *stream = malloc(sizeof(*stream));
	const char *name = unique_name();
	struct zipc_stream *made;
	char type[32];

	if (!stream)
		die("out of memory");
	must(zipc_segment_create(&stream->segment, name,
				 2 * shape->size_bytes + (1 << 20), NULL));
	zipc_segment_unlink(name);
	snprintf(type, sizeof(type), "u64[%zu]", shape->record_bytes / 8);
	must(zipc_stream_create(&made, stream->segment, "stream", type,
				shape->size_bytes / shape->record_bytes));
	subscribe_all(made, shape->readers);
	zipc_stream_close(made);
	stream->readers = shape->readers;
	return stream;
}

static void destroy(void *at)
{
	struct stream *stream = at;

	zipc_segment_close(stream->segment);
	free(stream);
}

/* The first of the subscriptions that is nobody's. */
static void subscribe(struct end *end)
{
	char name[24];
	int rc = -EBUSY;
	unsigned i;

	for (i = 0; rc == -EBUSY; i++) {
		snprintf(name, sizeof(name), "reader %u", i);
		rc = zipc_stream_subscribe(&end->subscription, end->stream,
					   name, ZIPC_STREAM_STOOD);
	}
	must(rc);
}

static void *open_end(void *at, bool writes)
{
	struct end *end = calloc(1, sizeof(*end));
	struct stream *stream = at;

	if (!end)
		die("out of memory");
	must(zipc_stream_open(&end->stream, stream->segment, "stream", NULL));
	if (!writes)
		subscribe(end);
	return end;
}

static void close_end(void *at)
{
	struct end *end = at;

	zipc_stream_leave(end->subscription);
	zipc_stream_close(end->stream);
	free(end);
}

static inline void write_one(void *at, const void *record, size_t bytes)
{
	struct end *end = at;

	(void)bytes;
	must(zipc_stream_emit(end->stream, record, ZIPC_FOREVER));
}

static inline void read_one(void *at, void *record, size_t bytes)
{
	struct end *end = at;

	(void)bytes;
	must(zipc_stream_next(end->subscription, record, ZIPC_FOREVER));
}

RING_LOOPS(one, write_one, read_one)

static void write_batches(void *at, size_t bytes, uint64_t n)
{
	static uint64_t records[BATCH * RECORD_BYTES_MAX / 8];
	size_t words = bytes / 8;
	struct end *end = at;
	uint64_t i = 1, k;

	while (i <= n) {
		for (k = 0; k < BATCH && i <= n; k++, i++)
			records[k * words] = records[k * words + words - 1] = i;
		if (zipc_stream_emit_n(end->stream, records, k,
				       ZIPC_FOREVER) != (int64_t)k)
			die("%s", zipc_last_error());
	}
}

static void read_batches(void *at, size_t bytes, uint64_t n,
			 struct ring_tally *tally)
{
	static uint64_t records[BATCH * RECORD_BYTES_MAX / 8];
	size_t words = bytes / 8;
	struct end *end = at;
	int64_t k, got;

	while (tally->count < n) {
		got = zipc_stream_next_n(end->subscription, records, BATCH,
					 ZIPC_FOREVER);
		if (got < 0)
			die("%s", zipc_last_error());
		for (k = 0; k < got; k++, tally->count++)
			tally->disorder +=
				records[(size_t)k * words] !=
					tally->count + 1 ||
				records[(size_t)k * words + words - 1] !=
					tally->count + 1;
	}
}

#define LIFE .create = create, .destroy = destroy, .open = open_end, \
	     .close = close_end

static const struct ring_peer one_by_one = {
	LIFE, .write_all = one_write, .read_all = one_read
};
static const struct ring_peer in_batches = {
	LIFE, .write_all = write_batches, .read_all = read_batches
};

const struct candidate ring_stream = {
	.name = "zeroipc", .ours = true, .family = &one_by_one
};

const struct candidate ring_stream_batches = {
	.name = "zeroipc-n", .ours = true, .note = "32 a call",
	.family = &in_batches
};
