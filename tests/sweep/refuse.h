/* SPDX-License-Identifier: MIT */
/*
 * A sandbox that refuses membarrier, as some do: segments that are created in
 * it use symmetric fences.
 */
#ifndef ZIPC_SWEEP_REFUSE_H
#define ZIPC_SWEEP_REFUSE_H

/* From now on, for this process and all that it starts. */
void refuse_membarrier(int error);

#endif
