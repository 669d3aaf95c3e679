/* SPDX-License-Identifier: MIT */
/*
 * Our ring, with back-pressure, as nothing may be lost: by copies, and in
 * place, where the writer makes each record in the ring and readers look at
 * batches of them there.
 */
#include "../ring.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <zeroipc.h>

#define BATCH 32u

struct ring {
	struct zipc_segment *segment;
	unsigned readers;
};

struct end {
	struct zipc_ring *ring;
	struct zipc_ring_reader *reader;
};

/* Members inherit the segment; its name is gone before any of them runs. */
static void *create(const struct ring_shape *shape)
{
	struct zipc_ring_options options = { .back_pressure = 1 };
	struct ring *ring = malloc(sizeof(*ring));
	const char *name = unique_name();
	struct zipc_ring *made;

	if (!ring ||
	    zipc_segment_create(&ring->segment, name,
				shape->size_bytes + (1 << 20), NULL))
		die("%s", zipc_last_error());
	zipc_segment_unlink(name);
	if (zipc_ring_create_with(&made, ring->segment, "ring",
				  shape->size_bytes, &options))
		die("%s", zipc_last_error());
	zipc_ring_close(made);
	ring->readers = shape->readers;
	return ring;
}

static void destroy(void *at)
{
	struct ring *ring = at;

	zipc_segment_close(ring->segment);
	free(ring);
}

/* A reader that comes later than the writer begins still gets all: 1 MiB. */
static void *open_end(void *at, bool writes)
{
	struct end *end = calloc(1, sizeof(*end));
	struct ring *ring = at;

	if (!end || zipc_ring_open(&end->ring, ring->segment, "ring") ||
	    (!writes && zipc_ring_reader_open(&end->reader, end->ring,
					      ZIPC_RING_OLDEST)))
		die("%s", zipc_last_error());
	return end;
}

static void close_end(void *at)
{
	struct end *end = at;

	zipc_ring_reader_close(end->reader);
	zipc_ring_close(end->ring);
	free(end);
}

static inline void write_one(void *at, const void *record, size_t bytes)
{
	struct end *end = at;

	if (zipc_ring_write(end->ring, record, bytes, ZIPC_FOREVER))
		die("%s", zipc_last_error());
}

static inline void read_one(void *at, void *record, size_t bytes)
{
	struct end *end = at;

	if (zipc_ring_read(end->reader, record, bytes, ZIPC_FOREVER) !=
	    (int64_t)bytes)
		die("%s", zipc_last_error());
}

RING_LOOPS(copies, write_one, read_one)

/* The same words are written, so the same memory is. */
static void write_in_place(void *at, size_t bytes, uint64_t n)
{
	struct end *end = at;
	uint64_t i, *record;
	void *room;

	for (i = 1; i <= n; i++) {
		if (zipc_ring_reserve(end->ring, bytes, &room, ZIPC_FOREVER))
			die("%s", zipc_last_error());
		record = room;
		memset(record, 0, bytes);
		record[0] = record[bytes / 8 - 1] = i;
		if (zipc_ring_commit(end->ring, bytes))
			die("%s", zipc_last_error());
	}
}

/* All of it is looked at, as a copy would. */
static uint64_t sum_of(const uint64_t *record, size_t bytes)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < bytes / 8; i++)
		sum += record[i];
	return sum;
}

static void read_in_place(void *at, size_t bytes, uint64_t n,
			  struct ring_tally *tally)
{
	struct zipc_ring_record records[BATCH];
	struct end *end = at;
	int64_t i, got;

	while (tally->count < n) {
		got = zipc_ring_peek(end->reader, records, BATCH,
				     ZIPC_FOREVER);
		if (got < 0)
			die("%s", zipc_last_error());
		for (i = 0; i < got; i++)
			tally->disorder += records[i].n != bytes ||
					   sum_of(records[i].at, bytes) !=
						   2 * ++tally->count;
		if (zipc_ring_advance(end->reader))
			tally->disorder++;
	}
}

#define LIFE .create = create, .destroy = destroy, .open = open_end, \
	     .close = close_end

static const struct ring_peer by_copies = {
	LIFE, .write_all = copies_write, .read_all = copies_read
};
static const struct ring_peer by_place = {
	LIFE, .write_all = write_in_place, .read_all = read_in_place
};

const struct candidate ring_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &by_copies
};

const struct candidate ring_zeroipc_in_place = {
	.name = "zeroipc-in-place", .ours = true,
	.note = "made and read in the ring; readers in batches of 32",
	.family = &by_place
};
