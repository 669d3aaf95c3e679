/* SPDX-License-Identifier: MIT */
/*
 * The works of rings, and of streams, which are the same: member 0 writes as
 * many records as there are, the others each read all of them. A trial checks
 * that each reader got every record, whole and in order.
 */
#include "ring.h"

#include <stdio.h>

struct ring_row {
	struct ring_shape shape;
};

/* A trial's shared memory. */
struct pot {
	void *ring;
	_Alignas(64) struct ring_tally tally[MEMBERS_MAX];
};

static const struct ring_shape *shape_of(const struct work *work)
{
	return &((const struct ring_row *)work->family)->shape;
}

static const struct ring_peer *peer_of(const struct candidate *candidate)
{
	return candidate->family;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	const struct ring_peer *peer = peer_of(candidate);

	return peer->unfit ? peer->unfit(shape_of(work)) : NULL;
}

static void prepare(struct trial *trial)
{
	struct pot *pot = shared_new(sizeof(*pot));

	trial->shared = pot;
	pot->ring = peer_of(trial->candidate)->create(shape_of(trial->work));
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	peer_of(trial->candidate)->destroy(pot->ring);
	shared_free(pot);
}

static void open_end(struct trial *trial, unsigned index)
{
	struct pot *pot = trial->shared;

	trial->member[index].mine[0] =
		peer_of(trial->candidate)->open(pot->ring, !index);
}

static void close_end(struct trial *trial, unsigned index)
{
	peer_of(trial->candidate)->close(trial->member[index].mine[0]);
}

static void run(struct trial *trial, unsigned index)
{
	const struct ring_peer *peer = peer_of(trial->candidate);
	size_t bytes = shape_of(trial->work)->record_bytes;
	void *end = trial->member[index].mine[0];
	struct pot *pot = trial->shared;
	struct ring_tally tally = { 0 };

	if (!index) {
		peer->write_all(end, bytes, trial->amount);
		return;
	}
	peer->read_all(end, bytes, trial->amount, &tally);
	pot->tally[index] = tally;
}

static double value(struct trial *trial)
{
	const struct ring_shape *shape = shape_of(trial->work);
	const struct pot *pot = trial->shared;
	unsigned i;

	for (i = 1; i <= shape->readers; i++) {
		if (pot->tally[i].count != trial->amount)
			trial_fault(trial, "reader %u got other records than "
				    "were written", i);
		if (pot->tally[i].disorder)
			trial_fault(trial, "%llu records came out of order, or "
				    "torn",
				    (unsigned long long)pot->tally[i].disorder);
	}
	return (double)(trial->amount * shape->record_bytes) /
	       (double)trial_ns(trial);
}

/* the rows */

static const struct entry entries[] = {
	{ "zeroipc", NULL, &ring_zeroipc },
	{ "zeroipc-in-place", NULL, &ring_zeroipc_in_place },
	{ "boost-spsc", "libboost-dev", &ring_boost_spsc },
	{ "iceoryx", "iceoryx libiceoryx-posh-dev", &ring_iceoryx },
	{ "zmq-pub", "libzmq3-dev", &ring_zmq_pub },
	{ "pipe", NULL, &ring_pipe },
	{ "socket-packet", NULL, &ring_socket },
	{ NULL, NULL, NULL },
};

/* The stream in the ring's place. */
static const struct entry stream_entries[] = {
	{ "zeroipc", NULL, &ring_stream },
	{ "zeroipc-n", NULL, &ring_stream_batches },
	{ "boost-spsc", "libboost-dev", &ring_boost_spsc },
	{ "iceoryx", "iceoryx libiceoryx-posh-dev", &ring_iceoryx },
	{ "zmq-pub", "libzmq3-dev", &ring_zmq_pub },
	{ "pipe", NULL, &ring_pipe },
	{ "socket-packet", NULL, &ring_socket },
	{ NULL, NULL, NULL },
};

#define ROW(name, bytes, readers)                                           \
	static const struct ring_row name = { { bytes, 1 << 20, readers } }

ROW(small_1, 64, 1);
ROW(large_1, 1024, 1);
ROW(small_2, 64, 2);
ROW(large_2, 1024, 2);
ROW(small_8, 64, 8);
ROW(word_1, 8, 1);

#define FAMILY(row) .entries = entries, COMMON(row)
#define STREAM(row) .entries = stream_entries, COMMON(row)
#define COMMON(row)                                                         \
	.unit = "GB/s", .seconds = 1, .unfit = unfit,                       \
	.prepare = prepare, .clean = clean, .open = open_end, .run = run,   \
	.close = close_end, .value = value, .family = &(row)

const struct work ring_works[] = {
	{ .name = "ring-64-1",
	  .words = "1 writer, 1 reader; records of 64 bytes, 1 MiB of them",
	  .goal = 1.5, .members = 2, .cores = { 0, 1 }, FAMILY(small_1) },
	{ .name = "ring-1024-1",
	  .words = "the same, records of 1024 bytes",
	  .goal = 7, .members = 2, .cores = { 0, 1 }, FAMILY(large_1) },
	{ .name = "ring-64-2",
	  .words = "1 writer, 2 readers on the other core; 64 bytes",
	  .members = 3, .cores = { 0, 1, 1 }, FAMILY(small_2) },
	{ .name = "ring-1024-2",
	  .words = "the same, records of 1024 bytes",
	  .members = 3, .cores = { 0, 1, 1 }, FAMILY(large_2) },
	{ .name = "stream-8-1",
	  .words = "1 producer, 1 subscriber; elements of 8 bytes, 1 MiB",
	  .members = 2, .cores = { 0, 1 }, STREAM(word_1) },
	{ .name = "stream-64-1",
	  .words = "the same, elements of 64 bytes",
	  .goal = 1.5, .members = 2, .cores = { 0, 1 }, STREAM(small_1) },
	{ .name = "stream-1024-1",
	  .words = "the same, elements of 1024 bytes",
	  .goal = 7, .members = 2, .cores = { 0, 1 }, STREAM(large_1) },
	{ .name = "stream-64-2",
	  .words = "1 producer, 2 subscribers on the other core; 64 bytes",
	  .members = 3, .cores = { 0, 1, 1 }, STREAM(small_2) },
	{ .name = "stream-64-8",
	  .words = "the same, 8 subscribers",
	  .members = 9, .cores = { 0, 1, 1, 1, 1, 1, 1, 1, 1 },
	  STREAM(small_8) },
	{ .name = NULL },
};
