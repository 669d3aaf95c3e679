/* SPDX-License-Identifier: MIT */
/*
 * Ring: one writer, any number of readers who each see all; records of any
 * length. The writer overwrites the oldest records, or with back-pressure waits
 * for the slowest reader that has a place.
 *
 * Progress    write is wait-free, but where back-pressure makes it wait; a
 *             reader never holds up another. Waiting is a futex sleep.
 * Ordering    what the writer did before a write is seen after the read. Each
 *             reader gets the records in their order, none twice, and those
 *             that were overwritten before it came are counted.
 * Crash       a killed write happened wholly or not at all, and the next writer
 *             takes over at once. A killed reader leaves nothing: its place
 *             holds nobody back.
 */
#ifndef ZIPC_RING_H
#define ZIPC_RING_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_ring;
struct zipc_ring_reader;

struct zipc_ring_options {
	unsigned back_pressure; /* 1: write waits for readers with places */
	unsigned max_readers;   /* such places; 0: 16, at most 4096 */
};

/*
 * size_bytes, 64 to 2^34, is rounded up to 64; a record takes 8 bytes and its
 * own, rounded up to 8. Errors as of zipc_array_create() and _open().
 */
int zipc_ring_create(struct zipc_ring **out, struct zipc_segment *segment,
		     const char *name, uint64_t size_bytes);
int zipc_ring_create_with(struct zipc_ring **out, struct zipc_segment *segment,
			  const char *name, uint64_t size_bytes,
			  const struct zipc_ring_options *options);
int zipc_ring_open(struct zipc_ring **out, struct zipc_segment *segment,
		   const char *name);
int zipc_ring_open_or_create(struct zipc_ring **out,
			     struct zipc_segment *segment, const char *name,
			     uint64_t size_bytes);

/*
 * Write n bytes as one record. The first write takes the writer's place, which
 * the handle keeps until it is closed. Returns 0; -EBUSY another handle has the
 * place, and its process lives; -EMSGSIZE n is over zipc_ring_longest();
 * -EROFS; -EBADMSG; with back-pressure -EAGAIN full (ZIPC_NOWAIT), -ETIMEDOUT.
 */
int zipc_ring_write(struct zipc_ring *ring, const void *bytes, size_t n,
		    int64_t timeout_ns);

/*
 * The same in place: room for a record of up to n bytes is at *at, and commit
 * makes its first n a record. What is not committed never was. -EINVAL: more is
 * committed than reserved.
 */
int zipc_ring_reserve(struct zipc_ring *ring, size_t n, void **at,
		      int64_t timeout_ns);
int zipc_ring_commit(struct zipc_ring *ring, size_t n);

uint64_t zipc_ring_capacity(const struct zipc_ring *ring); /* bytes */
uint64_t zipc_ring_longest(const struct zipc_ring *ring);  /* record, bytes */
uint64_t zipc_ring_records(const struct zipc_ring *ring);  /* ever written */
void zipc_ring_close(struct zipc_ring *ring);

/*
 * A reader, which begins with the oldest record that is there, or with the next
 * one that will be. It takes one of the max_readers places, if one is free and
 * the segment is open for writing: has_place tells. Only who has one holds a
 * writer back. Without one the reader may lose records, and over a read-only
 * segment it waits by naps of up to 10 ms.
 */
enum zipc_ring_from { ZIPC_RING_OLDEST, ZIPC_RING_NEWEST };

int zipc_ring_reader_open(struct zipc_ring_reader **out, struct zipc_ring *ring,
			  enum zipc_ring_from from);
int zipc_ring_has_place(const struct zipc_ring_reader *reader);

/*
 * Copy the next record into buf, which has room for n bytes. Returns its
 * length; -EAGAIN none (ZIPC_NOWAIT); -ETIMEDOUT; -EBADMSG; -EMSGSIZE it is
 * longer than n: it stays the next, and zipc_ring_next_length() tells.
 */
int64_t zipc_ring_read(struct zipc_ring_reader *reader, void *buf, size_t n,
		       int64_t timeout_ns);
int64_t zipc_ring_next_length(struct zipc_ring_reader *reader);

/*
 * Up to n records where they lie, which advance leaves behind; how many, or as
 * read. Their bytes may be overwritten meanwhile, unless the reader holds the
 * writer back: still_whole is 1 while none of them is, and advance returns how
 * many were, from the first. Those are counted as lost.
 */
struct zipc_ring_record {
	const void *at;
	size_t n;
};
int64_t zipc_ring_peek(struct zipc_ring_reader *reader,
		       struct zipc_ring_record *records, uint64_t n,
		       int64_t timeout_ns);
int zipc_ring_still_whole(const struct zipc_ring_reader *reader);
int64_t zipc_ring_advance(struct zipc_ring_reader *reader);

/* Records overwritten before they were read; the next one's number, from 1. */
uint64_t zipc_ring_lost(const struct zipc_ring_reader *reader);
uint64_t zipc_ring_next_number(const struct zipc_ring_reader *reader);
void zipc_ring_reader_close(struct zipc_ring_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
