/* SPDX-License-Identifier: MIT */
#ifndef BENCH_QUEUE_WORKS_H
#define BENCH_QUEUE_WORKS_H

#include "bench.h"

/* Their ends have no name. */
extern const struct work queue_works[];
extern const struct entry queue_entries[];

#endif
