/* SPDX-License-Identifier: MIT */
/*
 * Latch: a count that goes down to 0, once; waiting until it is there.
 *
 * Progress    count_down is lock-free. Waiting is a futex sleep. What need not
 *             wait makes no system call.
 * Ordering    what was done before each count_down is seen after a wait.
 * Crash       a killed count_down happened wholly or not at all. A count that
 *             was owed by a process that died is still owed: whoever finds out
 *             may count it down in its place.
 */
#ifndef ZIPC_LATCH_H
#define ZIPC_LATCH_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_latch;

/*
 * Begins at count, 1 to 2^62. As zipc_array_create(), zipc_array_open() and
 * zipc_array_open_or_create() else; what is there must have begun at the same.
 */
int zipc_latch_create(struct zipc_latch **out, struct zipc_segment *segment,
		      const char *name, uint64_t count);
int zipc_latch_open(struct zipc_latch **out, struct zipc_segment *segment,
		    const char *name);
int zipc_latch_open_or_create(struct zipc_latch **out,
			      struct zipc_segment *segment, const char *name,
			      uint64_t count);

/*
 * n less; 0 if fewer than n were left. Who brings it to 0 wakes all.
 * Returns 0; -EROFS; -EBADMSG.
 */
int zipc_latch_count_down(struct zipc_latch *latch, uint64_t n);

/*
 * Wait at most timeout_ns until the count is 0. Returns 0; -EAGAIN it is not
 * (ZIPC_NOWAIT); -ETIMEDOUT; -EROFS; -EBADMSG.
 */
int zipc_latch_wait(struct zipc_latch *latch, int64_t timeout_ns);

/* What is left; what was done before is seen if that is 0. */
uint64_t zipc_latch_value(const struct zipc_latch *latch);
uint64_t zipc_latch_count(const struct zipc_latch *latch); /* at first */

void zipc_latch_close(struct zipc_latch *latch);

#ifdef __cplusplus
}
#endif

#endif
