/* SPDX-License-Identifier: MIT */
/* The machine's limits: what no candidate can beat, and what moves them all. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdio.h>

struct limits {
	char cpu[96], kernel[96];
	long cores;
	/* Quartiles of ping-pongs over some moments, and the ends. */
	double ping_ns[5];
	double locked_ns;      /* a locked instruction on the own line */
	double wake_us[2];     /* futex round trip: across cores, on one */
};

/* Measured once. */
const struct limits *limits(void);
void limits_print(FILE *out);

#endif
