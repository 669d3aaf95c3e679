/* SPDX-License-Identifier: MIT */
/*
 * Lazies: what a peer has to offer to take part in the works of lazy.c. Each of
 * the calls does something so many times, and may be NULL.
 */
#ifndef BENCH_LAZY_H
#define BENCH_LAZY_H

#include "bench.h"

#define LAZY_VALUE 3u

struct lazy_peer {
	/* Before the members start. */
	void *(*create)(void);
	void (*destroy)(void *shared);
	/* In a member. */
	void *(*open)(void *shared);
	void (*close)(void *end);
	/* Read what has been computed, LAZY_VALUE; the sum of all. */
	uint64_t (*read)(void *end, uint64_t times);
	/* Forget it, and have it computed here by who reads it; likewise. */
	uint64_t (*compute)(void *end, uint64_t times);
	/* Forget it, ask another and wait for him; his answers' sum. */
	uint64_t (*ask)(void *end, uint64_t times);
	/* He waits until he is asked, and answers 1, 2, 3 ..; false: failed. */
	bool (*answer)(void *end, uint64_t times);
};

extern const struct work lazy_works[];

#endif
