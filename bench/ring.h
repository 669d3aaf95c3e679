/* SPDX-License-Identifier: MIT */
/*
 * Records from one writer to readers who each get all: what a peer has to offer
 * to take part in the works of ring.c. Nothing may be lost, so a writer waits.
 *
 * A record is a row of 8-byte words; its first and its last word hold its
 * number, from 1.
 */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RECORD_BYTES_MAX 1024

struct ring_shape {
	size_t record_bytes;
	size_t size_bytes; /* what a peer may hold, about */
	unsigned readers;
};

/* What a reader has got. */
struct ring_tally {
	uint64_t count, disorder;
};

struct ring_peer {
	/* Why a shape is not for it; NULL: it is. May be NULL: all are. */
	const char *(*unfit)(const struct ring_shape *shape);
	void *(*create)(const struct ring_shape *shape);
	void (*destroy)(void *ring);
	/* In a member: its end. Who opens to write waits for the readers. */
	void *(*open)(void *ring, bool writes);
	void (*close)(void *end);
	/* n records, made of these operations by RING_LOOPS. */
	void (*write_all)(void *end, size_t bytes, uint64_t n);
	void (*read_all)(void *end, size_t bytes, uint64_t n,
			 struct ring_tally *tally);
};

/* write_one(end, record, bytes) and read_one(end, record, bytes) wait. */
#define RING_LOOPS(name, write_one, read_one)                               \
	static void name##_write(void *end, size_t bytes, uint64_t n)       \
	{                                                                   \
		uint64_t record[RECORD_BYTES_MAX / 8] = { 0 }, i;           \
									    \
		for (i = 1; i <= n; i++) {                                  \
			record[0] = record[bytes / 8 - 1] = i;              \
			write_one(end, record, bytes);                      \
		}                                                           \
	}                                                                   \
	static void name##_read(void *end, size_t bytes, uint64_t n,        \
				struct ring_tally *tally)                   \
	{                                                                   \
		uint64_t record[RECORD_BYTES_MAX / 8], i;                   \
									    \
		for (i = 1; i <= n; i++) {                                  \
			read_one(end, record, bytes);                       \
			tally->disorder += record[0] != i ||                \
					   record[bytes / 8 - 1] != i;      \
			tally->count++;                                     \
		}                                                           \
	}

#define ONE_READER_ONLY "one reader only"

static inline const char *one_reader(const struct ring_shape *shape)
{
	return shape->readers == 1 ? NULL : ONE_READER_ONLY;
}

extern const struct work ring_works[];

#define RING_CANDIDATE(name) \
	extern const struct candidate name __attribute__((weak))

RING_CANDIDATE(ring_zeroipc);
RING_CANDIDATE(ring_zeroipc_in_place);
RING_CANDIDATE(ring_stream);
RING_CANDIDATE(ring_stream_batches);
RING_CANDIDATE(ring_boost_spsc);
RING_CANDIDATE(ring_iceoryx);
RING_CANDIDATE(ring_zmq_pub);
RING_CANDIDATE(ring_pipe);
RING_CANDIDATE(ring_socket);

#ifdef __cplusplus
}
#endif

#endif
