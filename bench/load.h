/* SPDX-License-Identifier: MIT */
/*
 * What else runs. A figure that was measured beside others' work is worth
 * nothing, so each trial is told how much of the machine others took.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench.h"

struct load_mark {
	int64_t at_ns;
	uint64_t busy, stolen; /* ticks of all cores since boot */
	int64_t own_ns;        /* of this process, and of children that ended */
};

void load_begin(struct load_mark *mark);

/* When all children that were started since the mark have been waited for. */
struct load load_end(const struct load_mark *mark);

/* This thread's processor time, and how long it was ready and did not run. */
void load_of_thread(int64_t *cpu_ns, int64_t *delayed_ns);

#endif
