/* SPDX-License-Identifier: MIT */
/* The heavy side of the asymmetric fence: membarrier(2). */
#include "fence.h"

#include "error.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

static int membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) ? -errno : 0;
}

int zipc_fence_register(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

int zipc_fence_ask(void)
{
	int rc = membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);

	if (rc)
		return zipc_fail(EOPNOTSUPP,
				 "the system refuses membarrier (%s), which "
				 "this segment needs: allow it in the sandbox, "
				 "or create the segment with "
				 "ZIPC_SYMMETRIC_FENCES", zipc_error_name(rc));
	return 0;
}
