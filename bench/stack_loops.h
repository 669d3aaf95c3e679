/* SPDX-License-Identifier: MIT */
/*
 * The measured loop over a stack's operations, inlined into the peer's file
 * together with them; C and C++.
 *
 *   STACK_PAIRS(name, bytes, push, pop)
 *
 * defines the stack_pairs name.
 */
#ifndef BENCH_STACK_LOOPS_H
#define BENCH_STACK_LOOPS_H

#include "clock.h"
#include "stack.h"

static inline __attribute__((always_inline)) void loop_stack_pairs(
	void *end, struct pairs *out, size_t bytes, stack_push *push,
	stack_pop *pop)
{
	uint64_t item[STACK_WORDS_MAX] = { 0 }, got[STACK_WORDS_MAX] = { 0 };
	struct pairs pairs = *out;
	size_t last = bytes / 8 - 1;
	unsigned times = 0;
	uint64_t i;

	for (i = 0; i < pairs.n; i++) {
		item[0] = item[last] = ++pairs.value;
		while (!push(end, item))
			relax(&times);
		while (!pop(end, got))
			relax(&times);
		pairs.torn += got[0] != got[last];
		pairs.others += got[0] != pairs.value;
		pairs.sum += got[0];
	}
	pairs.count += pairs.n;
	*out = pairs;
}

#define STACK_PAIRS(name, bytes, push, pop)                                 \
	static void name(void *end, struct pairs *pairs)                    \
	{                                                                   \
		loop_stack_pairs(end, pairs, bytes, push, pop);             \
	}

#endif
