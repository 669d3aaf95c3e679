/* SPDX-License-Identifier: MIT */
/*
 * Stacks: the works, and the candidates, one file each in peers/. What
 * configure did not find is not built: a weak name, which is then NULL.
 */
#ifndef BENCH_STACK_WORKS_H
#define BENCH_STACK_WORKS_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Their ends have no name. */
extern const struct work stack_works[];
extern const struct entry stack_entries[];

#define STACK_CANDIDATE(name) \
	extern const struct candidate name __attribute__((weak))

STACK_CANDIDATE(stack_zeroipc);
STACK_CANDIDATE(stack_ck);
STACK_CANDIDATE(stack_boost);
STACK_CANDIDATE(stack_pthread);
STACK_CANDIDATE(stack_tears);

#ifdef __cplusplus
}
#endif

#endif
