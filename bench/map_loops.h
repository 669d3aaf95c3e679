/* SPDX-License-Identifier: MIT */
/*
 * The measured loops over a map's operations, inlined into the peer's file
 * together with them; C and C++.
 *
 *   MAP_LOOPS(name, put, get, take)
 *
 * defines the struct map_loops name. put(end, key, value) is true if the key
 * was new; get(end, key, &value) and take(end, key) if it was there.
 */
#ifndef BENCH_MAP_LOOPS_H
#define BENCH_MAP_LOOPS_H

#include "map.h"

typedef bool map_put(void *end, uint64_t key, uint64_t value);
typedef bool map_get(void *end, uint64_t key, uint64_t *value);
typedef bool map_take(void *end, uint64_t key);

#define MAP_LOOP static inline __attribute__((always_inline)) uint64_t

/* Number i of an order that is none for a cache. */
static inline uint64_t map_number(const struct keys *keys, uint64_t i)
{
	return keys->first +
	       ((i * UINT64_C(0x9E3779B1) >> 7 ^ i) & (keys->count - 1));
}

MAP_LOOP map_loop_insert(void *end, uint64_t first, uint64_t n, map_put *put)
{
	uint64_t wrong = 0, i;

	for (i = first; i < first + n; i++)
		wrong += !put(end, map_key(i), map_key(i));
	return wrong;
}

MAP_LOOP map_loop_remove(void *end, uint64_t first, uint64_t n, map_take *take)
{
	uint64_t wrong = 0, i;

	for (i = first; i < first + n; i++)
		wrong += !take(end, map_key(i));
	return wrong;
}

MAP_LOOP map_loop_get(void *end, const struct keys *keys, bool there,
		      map_get *get)
{
	uint64_t wrong = 0, i, key, value = 0;

	for (i = 0; i < keys->n; i++) {
		key = map_key(map_number(keys, i));
		if (get(end, key, &value))
			wrong += !there || (value | 1) != (key | 1);
		else
			wrong += there;
	}
	return wrong;
}

MAP_LOOP map_loop_mix(void *end, const struct keys *keys, map_put *put,
		      map_get *get)
{
	uint64_t wrong = 0, i, key, value = 0;

	for (i = 0; i < keys->n; i++) {
		key = map_key(map_number(keys, i));
		if (i % 10 == 9)
			wrong += put(end, key, key ^ 1);
		else
			wrong += !get(end, key, &value) ||
				 (value | 1) != (key | 1);
	}
	return wrong;
}

#define MAP_LOOPS(name, put, get, take)                                     \
	static uint64_t name##_insert(void *end, uint64_t first, uint64_t n) \
	{                                                                   \
		return map_loop_insert(end, first, n, put);                 \
	}                                                                   \
	static uint64_t name##_remove(void *end, uint64_t first, uint64_t n) \
	{                                                                   \
		return map_loop_remove(end, first, n, take);                \
	}                                                                   \
	static uint64_t name##_hit(void *end, const struct keys *keys)      \
	{                                                                   \
		return map_loop_get(end, keys, true, get);                  \
	}                                                                   \
	static uint64_t name##_miss(void *end, const struct keys *keys)     \
	{                                                                   \
		return map_loop_get(end, keys, false, get);                 \
	}                                                                   \
	static uint64_t name##_mix(void *end, const struct keys *keys)      \
	{                                                                   \
		return map_loop_mix(end, keys, put, get);                   \
	}                                                                   \
	static const struct map_loops name = { name##_insert, name##_remove, \
					       name##_hit, name##_miss,     \
					       name##_mix }

#endif
