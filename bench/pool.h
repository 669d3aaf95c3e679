/* SPDX-License-Identifier: MIT */
/*
 * Objects that are handed on: what a peer has to offer to take part in the
 * works of pool.c. An object is a row of 8-byte words, which all hold the same
 * value when it was filled; else only the first one does.
 */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "bench.h"

struct pool_shape {
	size_t bytes;     /* of an object */
	unsigned buffers; /* how many there are, where that is the peer's */
	bool touched;     /* objects are filled, and all of them is read */
};

struct pool_peer {
	void *(*create)(const struct pool_shape *shape);
	void (*destroy)(void *pool);
	void *(*open)(void *pool, bool produces);
	void (*close)(void *end);
	/* Hand one on with that value; waits. NULL: it hands nothing on. */
	void (*put)(void *end, uint64_t value);
	/* Get the next one, and give it back; its value, or 0: it is torn. */
	uint64_t (*get)(void *end);
	/* Take one and give it back, n times; NULL: it can not. */
	void (*pairs)(void *end, uint64_t n);
};

extern const struct work pool_works[];

static inline void pool_fill(void *object, const struct pool_shape *shape,
			     uint64_t value)
{
	uint64_t *words = object;
	size_t i, n = shape->touched ? shape->bytes / 8 : 1;

	for (i = 0; i < n; i++)
		words[i] = value;
}

static inline uint64_t pool_read(const void *object,
				 const struct pool_shape *shape)
{
	const uint64_t *words = object;
	size_t i, n = shape->touched ? shape->bytes / 8 : 1;
	uint64_t sum = 0;

	for (i = 0; i < n; i++)
		sum += words[i];
	return sum == n * words[0] ? words[0] : 0;
}

#endif
