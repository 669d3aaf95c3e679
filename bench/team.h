/* SPDX-License-Identifier: MIT */
/*
 * A team runs one trial: its members are processes, or threads of one, each on
 * its core. In order: prepare, start the members, open, ping-pong, run,
 * ping-pong, close, clean. A member that dies or hangs is a fault of the trial,
 * and ends it.
 */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include "bench.h"

/*
 * The cores that members get; a machine with one core has it twice. patience:
 * after so many seconds a trial hangs.
 */
void team_setup(bool realtime, double patience);
int team_core(unsigned which);
bool team_has_two_cores(void);

/* trial has work, candidate and amount; in shared memory (shared_new()). */
void team_run(struct trial *trial);

#endif
