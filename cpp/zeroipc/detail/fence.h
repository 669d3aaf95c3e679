/* SPDX-License-Identifier: MIT */
/*
 * The asymmetric fence: two sides each store, then load what the other stores,
 * and at least one must see the other. The side that is rare pays for both.
 *
 *   often    store A; fence_light(); load B
 *   rarely   store B; fence_heavy(); load A
 *
 * The heavy side asks the kernel (membarrier, GLOBAL_EXPEDITED) to run a full
 * fence on every core that runs a process registered for it, so the light side
 * only has to keep the compiler from reordering. Every process that maps a
 * segment for writing registers, again after fork. Where membarrier is refused
 * the segment says so in its options, and both sides run a full fence.
 */
#ifndef ZEROIPC_DETAIL_FENCE_H
#define ZEROIPC_DETAIL_FENCE_H

#include <zeroipc/detail/atoms.h>
#include <zeroipc/error.h>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace zeroipc::detail {

/* Become a process that a heavy fence reaches; false: it is refused here. */
inline bool register_for_fences()
{
	return !syscall(SYS_membarrier,
			MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
}

ZEROIPC_INLINE void fence_light(bool symmetric)
{
	if (symmetric)
		std::atomic_thread_fence(seq_cst);
	else
		std::atomic_signal_fence(seq_cst);
}

inline void fence_heavy(bool symmetric)
{
	if (symmetric)
		std::atomic_thread_fence(seq_cst);
	else if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0))
		fail(EOPNOTSUPP, "the system refuses membarrier, which this "
		     "segment needs: allow it in the sandbox, or create the "
		     "segment with symmetric fences");
}

} // namespace zeroipc::detail

#endif
