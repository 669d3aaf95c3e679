/* SPDX-License-Identifier: MIT */
/*
 * The record ring: one writer, readers who each see all, records of any length.
 *
 * Positions are bytes that were ever written; the byte of position p lies at
 * p modulo the size. A record is a word, {length, low half of its number}, and
 * its bytes, padded to 8. It is never split: where it would be, a padding
 * record fills the rest of the lap, and both become visible together. Records
 * are numbered from 1, so zeroed memory holds none.
 *
 *            oldest                             end
 *   ---------+----------------------------------+------------------
 *    is      | whole records, for readers       | the writer works
 *    going   |                                  | here
 *
 * Write: if the record needs room, move `oldest` past what it will overwrite,
 * and only then write there; then the header and the bytes; then `end`. So a
 * writer that is killed has moved `oldest` too far at worst, and what it was
 * writing lies beyond `end`, where nobody looks and the next writer writes.
 * `oldest` moves by more than is needed (step), so that its line, which every
 * reader looks at for each record, stays in their caches.
 *
 * Read at p < end: copy the record, and then look at `oldest`. While that is
 * not beyond p, nothing of the copy was overwritten before it was made. Else
 * the reader was lapped, goes on at `oldest`, and has lost as many records as
 * the numbers there and here tell. A header that makes no sense is damage only
 * if `oldest` says that it is whole.
 *
 * Numbers. A header has the low half of its record's. `records` is stored just
 * before `end`, so it is the number of the latest record, or one more when the
 * writer is between the two. Which of them, `end` says: positions are multiples
 * of 8, and its three low bits are the number's. So a takeover and a reader
 * that begins at `end` know the number exactly, and a lost count is exact.
 *
 * Back-pressure. A reader with a place stores the position that it reads next
 * in its record (record.h), and the writer moves `oldest` past none of those.
 * Before it looks at them it says in `wanted` how far it is about to go. Who
 * takes a place stores its position p, runs the heavy fence, and then reads
 * `wanted`. Of each move one is true: it was announced before the fence, and
 * `wanted` shows it, or a later one, or the `oldest` that it ended with; or the
 * writer looks at the positions behind the fence, and finds p. So at the larger
 * of p and `wanted` the reader is safe, and needs no second look. `wanted` is
 * always a record's begin.
 *
 *   edge          written by    read by            carries
 *   committed     commit        look, number_at    the record, its number
 *   counted       commit        number_at          the end before this one
 *   overwritten   make_room     is_whole           that this is going
 *   consumed      publish       slowest            the reads up to here
 *   placed        hold_back     look_at_readers    the reader's position
 *   writer        close         become_writer      the writer's place
 *
 * A place whose holder is dead is dropped by the writer that would have to
 * wait for it: it clears the holder, and never the position, which may be the
 * next owner's by then. So a new owner's position may be a dead one's for a
 * moment, which holds the writer back until the new one stores its own.
 */
#ifndef ZIPC_RING_INTERNAL_H
#define ZIPC_RING_INTERNAL_H

#include "table.h"
#include "wait.h"

#include <zipc/ring.h>

#define ZIPC_RING_LEAST UINT64_C(64)
#define ZIPC_RING_MOST (UINT64_C(1) << 34) /* numbers' low halves are enough */
#define ZIPC_RECORD_MOST (UINT64_C(1) << 30)
#define ZIPC_READERS 16u
#define ZIPC_READERS_MOST 4096u
#define ZIPC_STEP_MOST UINT64_C(65536)

/* What is constant of a ring, as checked when it was opened. */
struct zipc_ring_shape {
	struct zipc_segment *segment;
	struct zipc_use use; /* the handle's own */
	struct zipc_record_ring *words;
	struct zipc_reader *readers;
	unsigned char *data;
	struct zipc_event_word *readable, *writable;
	uint64_t size, longest;
	uint32_t reader_count;
	bool symmetric, back_pressure;
	char name[ZIPC_NAME_MAX + 1];
};

struct zipc_ring {
	struct zipc_ring_shape shape;
	/* the writer's own; true while it has the place */
	unsigned generation; /* of forks, when it took the place; 0: never */
	uint64_t end, lap;   /* lap: where that of end began */
	uint64_t oldest, records;
	uint64_t reserved_at; /* position */
	size_t reserved;      /* bytes of a record */
	bool has_reserved;
	int64_t *looked_ns; /* by reader: when its life was last asked about */
	struct zipc_spin spin;
};

/* Of a position, or of an end whose low bits are a number's. */
static inline uint64_t zipc_ring_position(uint64_t end)
{
	return end & ~UINT64_C(7);
}

/* The bytes that a record takes. */
static inline uint64_t zipc_record_bytes(uint64_t n)
{
	return 8 + ((n + 7) & ~UINT64_C(7));
}

static inline _Atomic uint64_t *zipc_record_at(
	const struct zipc_ring_shape *shape, uint64_t index)
{
	return (void *)(shape->data + index);
}

static inline uint64_t zipc_record_header(uint32_t length, uint64_t number)
{
	return length | number << 32;
}

/*
 * The bytes that the record with this header takes at an index; 0: none can
 * have it there.
 */
static inline uint64_t zipc_record_span(const struct zipc_ring_shape *shape,
					uint64_t header, uint64_t index)
{
	uint32_t length = (uint32_t)header;
	uint64_t bytes;

	if (length == ZIPC_RECORD_PADDING)
		return index ? shape->size - index : 0;
	bytes = zipc_record_bytes(length);
	return length <= shape->longest && bytes <= shape->size - index ? bytes
									: 0;
}

/*
 * The number of the latest record before an end, when `records` was read with
 * it; UINT64_MAX: they do not belong together.
 */
static inline uint64_t zipc_ring_number(uint64_t end, uint64_t records)
{
	if (!((records ^ end) & 7))
		return records;
	return records && !(((records - 1) ^ end) & 7) ? records - 1
						       : UINT64_MAX;
}

/*
 * Who only reads has no bit up (use.h): whether what it read was the ring's.
 * Else the failure that it is gone, in the place of rc.
 */
static inline bool zipc_ring_only_reads(const struct zipc_ring_shape *shape)
{
	return __builtin_expect(shape->segment->read_only, 0);
}
int64_t zipc_ring_or_gone(const struct zipc_ring_shape *shape, int64_t rc);

int zipc_ring_damaged(const struct zipc_ring_shape *shape, const char *what);

struct zipc_waitable;

/* For a select: it is ready when there is a record to read, or to lose. */
int zipc_ring_reader_waitable(struct zipc_ring_reader *reader,
			      struct zipc_waitable *out);

#endif
