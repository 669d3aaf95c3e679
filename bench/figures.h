/* SPDX-License-Identifier: MIT */
/*
 * From runs to figures: medians with their spread, of runs in one regime, and
 * ratios of neighbours in one regime.
 */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include "engine.h"

void figure_out(struct outcome *outcome);

#endif
