/* SPDX-License-Identifier: MIT */
/*
 * The sweep: one victim, single-stepped (ptrace) through an operation, and at
 * every instruction in turn killed there, or stopped there and later continued.
 *
 * For each point k: set_up() makes the state; a victim process runs victim(),
 * which calls sweep_begin() before the operation and sweep_end() behind it; it
 * is stepped k instructions behind the first. Then check() runs in a fresh
 * process: with the victim dead; or with it stopped (others = 1), and once more
 * (others = 0) after it was continued and has ended. A check that does not end
 * is a hang, and a failure.
 */
#ifndef ZIPC_SWEEP_H
#define ZIPC_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

enum sweep_mode { SWEEP_KILL, SWEEP_STOP };
enum sweep_stage { SWEEP_DEAD, SWEEP_STOPPED, SWEEP_CONTINUED };

/* Shared with the victim and the checks. */
struct sweep_page {
	_Atomic int phase; /* 1: behind the operation */
	int64_t result;    /* of the operation, valid when phase is 1 */
	uint64_t notes[4000];
	char failure[512]; /* first failure of a check */
};

struct sweep {
	const char *name;
	void (*set_up)(void *context);
	void (*victim)(struct sweep_page *page, void *context);
	/* Calls sweep_fail() when something is wrong. */
	void (*check)(struct sweep_page *page, enum sweep_stage stage,
		      void *context);
	void *context;
};

/* Around the operation, in the victim. */
void sweep_begin(void);
void sweep_end(struct sweep_page *page, int64_t result);

/* In a check: keep the message and end the process. */
void sweep_fail(struct sweep_page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/*
 * Try every point, up to the first that fails: it is printed and counted in
 * *failures. Returns how many were tried. A sweep of one point or none fails.
 */
unsigned sweep_run(const struct sweep *sweep, enum sweep_mode mode,
		   unsigned *failures);

#endif
