/* SPDX-License-Identifier: MIT */
/*
 * Futures: what a peer has to offer to take part in the works of future.c. A
 * value goes from one side to the other, which waits for it, and one comes
 * back.
 */
#ifndef BENCH_FUTURE_H
#define BENCH_FUTURE_H

#include "bench.h"

#define FUTURE_TRIPS 64u /* with one set of what is used up */

struct future_peer {
	/* Before the members start. */
	void *(*create)(void);
	void (*destroy)(void *shared);
	/* In a member, 0 or 1. */
	void *(*open)(void *shared, unsigned member);
	void (*close)(void *end);
	/*
	 * What can be used once: before a lap member 0 renews it, and then both
	 * open it; behind the lap both drop it. All three may be NULL.
	 */
	void (*renew)(void *end);
	void (*reopen)(void *end);
	void (*drop)(void *end);
	/* In trip i of a lap; false, 0: it has failed. */
	bool (*set)(void *end, unsigned i, uint64_t value);
	uint64_t (*get)(void *end, unsigned i);
};

extern const struct work future_works[];
extern const struct entry future_entries[];

extern const struct candidate future_zeroipc, future_pipe, future_eventfd;

#endif
