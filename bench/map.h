/* SPDX-License-Identifier: MIT */
/*
 * Maps of 8 bytes to 8 bytes: what a peer has to offer to take part in the
 * works of map.c. A peer's file defines put, get and remove, has map_loops.h
 * make the measured loops of them, so that what can be inlined is, and puts it
 * into a struct candidate.
 *
 * Key number i is map_key(i), without a pattern; its value is the key, or the
 * key and 1 in the lowest bits more.
 */
#ifndef BENCH_MAP_H
#define BENCH_MAP_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MAP_KEYS 65536u
#define MAP_CHURN 1000000u /* keys that came and went before a work */

/* Keys from number first on, in an order of their own. */
struct keys {
	uint64_t first, count; /* a power of 2 of them */
	uint64_t n;            /* how many operations */
};

/* Each returns how many of its answers were wrong. */
struct map_loops {
	/* n new keys in a row; and out again. */
	uint64_t (*insert)(void *end, uint64_t first, uint64_t n);
	uint64_t (*remove)(void *end, uint64_t first, uint64_t n);
	/* Each must be there, with its value; or must not be. */
	uint64_t (*hit)(void *end, const struct keys *keys);
	uint64_t (*miss)(void *end, const struct keys *keys);
	/* Nine gets and a put. */
	uint64_t (*mix)(void *end, const struct keys *keys);
};

struct map_peer {
	bool alone; /* one member only: nothing protects it from others */
	const char *no_churn; /* why it can not take so much of it; or NULL */
	/* Before the members start. */
	void *(*create)(uint64_t capacity);
	void (*destroy)(void *map);
	/* In a member: its end of the map. */
	void *(*open)(void *map);
	void (*close)(void *end);
	const struct map_loops *loops;
};

static inline uint64_t map_key(uint64_t i)
{
	i = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
	i = (i ^ i >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	return i ^ i >> 27;
}

#ifdef __cplusplus
}
#endif

#endif
