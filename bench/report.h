/* SPDX-License-Identifier: MIT */
/* What the bench prints: for people, and as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "engine.h"

#include <stdio.h>

void report_missing(const struct entry *entries, const struct options *options);
void report_work(const struct outcome *outcome);
void report_summary(const struct outcome *outcomes, unsigned count);

/* The name of a verdict, as "moved". */
const char *verdict_name(enum verdict verdict);

#endif
