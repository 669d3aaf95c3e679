/* SPDX-License-Identifier: MIT */
/* Time, and what a core does while it waits; C and C++. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <sched.h>
#include <stdint.h>
#include <time.h>

static inline int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void pause_core(void)
{
#if defined __x86_64__
	__builtin_ia32_pause();
#else
	__asm__ __volatile__("yield");
#endif
}

/*
 * What every candidate that can not wait by itself does when there is nothing
 * to do: pause, and now and then let another process have the core.
 */
static inline void relax(unsigned *times)
{
	if (++*times % 32)
		pause_core();
	else
		sched_yield();
}

#endif
