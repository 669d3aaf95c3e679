/* SPDX-License-Identifier: MIT */
/* Time: nanoseconds of CLOCK_MONOTONIC, and timeouts as deadlines. */
#ifndef ZIPC_CLOCK_H
#define ZIPC_CLOCK_H

#include <stdint.h>
#include <time.h>
#include <zipc/base.h>

static inline int64_t zipc_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* INT64_MAX is never. */
static inline int64_t zipc_deadline(int64_t timeout_ns)
{
	int64_t at;

	if (timeout_ns < 0 ||
	    __builtin_add_overflow(zipc_now_ns(), timeout_ns, &at))
		return INT64_MAX;
	return at;
}

static inline struct timespec zipc_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000,
				  .tv_nsec = ns % 1000000000 };
}

#endif
