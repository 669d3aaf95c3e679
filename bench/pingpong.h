/* SPDX-License-Identifier: MIT */
/*
 * The cache-line ping-pong: how far apart two cores are just now. On a virtual
 * machine the host moves them about, and everything between two processes moves
 * with it, up to fivefold. So each trial is stood between two ping-pongs.
 */
#ifndef BENCH_PINGPONG_H
#define BENCH_PINGPONG_H

#include <stdbool.h>
#include <stdint.h>

/* A line of its own, zeroed before each use. */
struct pingpong {
	_Alignas(64) _Atomic uint64_t ball;
	_Alignas(64) char end[64];
};

/* Two players at once, one with first set; the first gets ns a round trip. */
double pingpong_play(struct pingpong *table, bool first);

/* Whether two ping-pongs tell of the same place of the cores. */
bool same_regime(double one_ns, double other_ns);

#endif
