/* SPDX-License-Identifier: MIT */
/*
 * The books of a storm by programs of several languages: a file, with the
 * storm's page first and then words at fixed offsets, little-endian, that
 * outlive the killed. worker.py has the offsets once more.
 *
 * An element is 64 bytes, u64[8]. The first word names it, producer << 56 |
 * number << 16, and holds a check; the others follow from the first.
 *
 *   producer  next = first + n; push; fates of what is in: COMMITTED;
 *             next = first + what is in
 *   consumer  pop into its buffer; for each element its fate: TAKEN;
 *             last = number + 1
 *
 * So a producer that is killed leaves one batch of numbers of which it is not
 * known whether they are in. With a consumer that is killed one batch may be
 * gone, which stands in its buffer. Where a language has it elsewhere first,
 * popping = n before and 0 behind that: so many may be gone untold.
 */
#ifndef ZIPC_STORM_BOOKS_H
#define ZIPC_STORM_BOOKS_H

#include "page.h"

#include <string.h>

#define BOOKS_MOST 6   /* producers, and consumers */
#define BOOKS_BATCH 8
#define BOOKS_WORDS 8
#define BOOKS_BYTES (BOOKS_WORDS * sizeof(uint64_t))
#define BOOKS_NUMBERS (UINT64_C(1) << 23) /* per producer and storm */
#define BOOKS_STOP 255u /* the producer of elements that end a consumer */
#define BOOKS_SHORT_NS 200000

/* What became of an element: bits, and above them how often it was taken. */
enum { COMMITTED = 1, GONE_ALONG = 2, TAKEN = 4 };

enum waiting { NEVER, SHORTLY, FOREVER };

struct books {
	struct storm_page page;
	uint64_t producers, consumers; /* producers have the first seats */
	uint64_t batch;                /* 1 to so many at a time */
	uint64_t waiting;
	uint64_t next[BOOKS_MOST];     /* of a producer: no number is beyond */
	uint64_t popping[BOOKS_MOST];
	uint64_t last[BOOKS_MOST][BOOKS_MOST]; /* that a consumer took of one */
	uint64_t buffers[BOOKS_MOST][BOOKS_BATCH * BOOKS_WORDS];
	uint32_t fates[BOOKS_MOST][BOOKS_NUMBERS];
};

static_assert(offsetof(struct books, producers) == 1280, "as in worker.py");
static_assert(offsetof(struct books, next) == 1312, "as in worker.py");
static_assert(offsetof(struct books, popping) == 1360, "as in worker.py");
static_assert(offsetof(struct books, last) == 1408, "as in worker.py");
static_assert(offsetof(struct books, buffers) == 1696, "as in worker.py");
static_assert(offsetof(struct books, fates) == 4768, "as in worker.py");

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
	return x ^ x >> 29;
}

static inline void fill(uint64_t *elem, uint64_t producer, uint64_t number)
{
	uint64_t name = (producer << 40 | number) << 16;
	unsigned i;

	elem[0] = name | (mix(name) & 0xFFFF);
	for (i = 1; i < BOOKS_WORDS; i++)
		elem[i] = mix(elem[0] + i);
}

static inline unsigned producer_of(const uint64_t *elem)
{
	return (unsigned)(elem[0] >> 56);
}

static inline uint64_t number_of(const uint64_t *elem)
{
	return elem[0] >> 16 & 0xFFFFFFFFFF;
}

static inline bool is_whole(const uint64_t *elem)
{
	uint64_t whole[BOOKS_WORDS];

	fill(whole, producer_of(elem), number_of(elem));
	return memcmp(whole, elem, sizeof(whole)) == 0;
}

/* Adds to a fate; what it was. Acquire and release. */
static inline uint32_t fate_add(struct books *books, unsigned producer,
				uint64_t number, uint32_t addend)
{
	return __atomic_fetch_add(&books->fates[producer][number], addend,
				  __ATOMIC_ACQ_REL);
}

#endif
