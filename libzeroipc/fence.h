/* SPDX-License-Identifier: MIT */
/*
 * The asymmetric fence: two sides each store, then load what the other stores,
 * and at least one must see the other. The side that is rare pays for both.
 *
 *   often    store A; zipc_fence_light(); load B
 *   rarely   store B; zipc_fence_heavy(); load A
 *
 * The heavy side asks the kernel (membarrier, GLOBAL_EXPEDITED) to run a full
 * fence on every core that runs a process registered for it, so the light side
 * only has to keep the compiler from reordering. Every process that maps a
 * segment for writing registers, again after fork.
 *
 * Where membarrier is refused (a sandbox), the segment says so in its options
 * when it is created, and both sides run a full fence of their own. A process
 * that can not register may not write in a segment of the first sort.
 */
#ifndef ZIPC_FENCE_H
#define ZIPC_FENCE_H

#include <stdatomic.h>
#include <stdbool.h>

/* Register this process as one that a heavy fence reaches; 0 or -errno. */
int zipc_fence_register(void);

/* 0; -EOPNOTSUPP when the kernel refuses what it granted at register. */
int zipc_fence_ask(void);

static inline void zipc_fence_light(bool symmetric)
{
	if (symmetric)
		atomic_thread_fence(memory_order_seq_cst);
	else
		atomic_signal_fence(memory_order_seq_cst);
}

static inline int zipc_fence_heavy(bool symmetric)
{
	if (!symmetric)
		return zipc_fence_ask();
	atomic_thread_fence(memory_order_seq_cst);
	return 0;
}

#endif
