/* SPDX-License-Identifier: MIT */
/*
 * Instructions and cycles of this thread in user mode, where the kernel has
 * perf events and lets us; many virtual machines have none.
 */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters {
	int fd[2];
	bool counted;
	uint64_t instructions, cycles;
};

void counters_begin(struct counters *counters);
void counters_end(struct counters *counters);

/* Per each of n; "" if nothing was counted. */
void counters_print(const struct counters *counters, uint64_t n, char *text,
		    size_t size);

bool counters_available(void);

#endif
