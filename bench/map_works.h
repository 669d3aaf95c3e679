/* SPDX-License-Identifier: MIT */
/*
 * The works of maps, and their candidates, one file each in peers/. What
 * configure did not find is not built: a weak name, which is then NULL.
 */
#ifndef BENCH_MAP_WORKS_H
#define BENCH_MAP_WORKS_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Their ends have no name. */
extern const struct work map_works[];
extern const struct entry map_entries[];

#define MAP_CANDIDATE(name) \
	extern const struct candidate name __attribute__((weak))

MAP_CANDIDATE(map_zeroipc);
MAP_CANDIDATE(map_ck);
MAP_CANDIDATE(map_tbb);
MAP_CANDIDATE(map_robust);
MAP_CANDIDATE(map_bare);

#ifdef __cplusplus
}
#endif

#endif
