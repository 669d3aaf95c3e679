/* SPDX-License-Identifier: MIT */
/*
 * The sweep: one victim, single-stepped (ptrace) through an operation, and at
 * every instruction in turn killed there, or stopped there and later continued.
 * Behind it stands a second victim, which meets what the first has left.
 *
 * A plug-in says how a segment is set up, what the first victim does in it,
 * what the second does, and what must be true afterwards (check). Victims call
 * sweep_begin() before the operation, and sweep_end() behind it; the points are
 * the instructions between. Checks run in a fresh process. One that does not
 * end is a hang, and a failure.
 *
 *   SWEEP_KILL      for each point: the first dies there; check
 *   SWEEP_STOP      for each point: the first stops there; check; it goes on
 *                   to its end; check again
 *   SWEEP_PAIRS     for each point of the first, at which it dies, and each of
 *                   the second, at which that dies too: check
 *   SWEEP_LATE      the first stops, the second dies; check; the first goes on
 *                   to its end; check again
 *   SWEEP_CROSSED   both stop; the first goes on to its end; check; then the
 *                   second does; check again
 *
 * What the dead leave to others is the segment's file, and what they said in
 * the page, and nothing else: the kernel drops their locks, and their memory is
 * gone. So of points that leave the same image one stands for all, and for two
 * deaths the first is stepped through once, the second once for each image that
 * the first can leave, and the check runs once for each image that both can
 * leave. An image is compared without what only tells when and by which process
 * it was made (a participant's pid, start and time): these are about somebody
 * dead, whatever they say. Pairs are counted as covered, and as run. Points at
 * which somebody is stopped differ by what he will do, so there each is run,
 * and never on an image of another run: he may have stood elsewhere in that.
 * For LATE and CROSSED all of them are run only when `all` is set. Else the
 * first stops at every eighth part of `skip` points; and in CROSSED the second
 * before and behind each change of the image, and at every `skip`-th point
 * besides.
 *
 * A victim that reads the clock does not always take the same path: on a busy
 * machine one that waits spins for more or fewer rounds, and the path of its
 * first run may be longer than all others. Points that can not be reached, in
 * several tries, are counted as missed, and a row fails that misses more than
 * one of SWEEP_MISSED_SHARE.
 *
 * The segment is set up once, and from then on written back as it was. Points
 * are divided among the cores, as workers with a segment of their own; a
 * victim is on its worker's core, which makes steps several times as fast.
 */
#ifndef ZIPC_SWEEP_H
#define ZIPC_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#define SWEEP_MISSED_SHARE 3u /* points */

enum sweep_mode {
	SWEEP_KILL = 1,
	SWEEP_STOP = 2,
	SWEEP_PAIRS = 4,
	SWEEP_LATE = 8,
	SWEEP_CROSSED = 16,
};

enum sweep_stage {
	SWEEP_DEAD,    /* each victim that began is dead */
	SWEEP_STOPPED, /* at least one is stopped, and will go on */
	SWEEP_ENDED,   /* who was stopped has gone on, and ended */
};

/* A victim's own words. Who is dead or stopped said them before. */
struct sweep_victim {
	_Atomic int phase; /* 0 it has not begun, 1 it has, 2 it has ended */
	int64_t result;    /* of the operation, when it has ended */
	uint64_t n, notes[32];
};

/* Shared by the victims and the checks of one point. */
struct sweep_page {
	struct sweep_victim first, second;
	unsigned point;     /* of the first; 0 in PAIRS */
	uint64_t notes[64]; /* from one check to the next */
	char failure[512];  /* the first of a check */
};

struct sweep {
	const char *name; /* of the scene; failures begin with it */
	/* Make the segment sweep_segment(), or see that there is none. */
	void (*set_up)(void *context);
	void (*first)(struct sweep_victim *me, void *context);
	/* NULL: no pairs. */
	void (*second)(struct sweep_victim *me, void *context);
	/* Calls sweep_fail() when something is wrong. */
	void (*check)(struct sweep_page *page, enum sweep_stage stage,
		      void *context);
	/* Runs once, in a process of its own, when the first victim sleeps. */
	void (*wake)(void *context);
	/*
	 * Another process that sleeps when the first victim begins, and that
	 * the check must bring to its end. NULL: none.
	 */
	void (*companion)(void *context);
	void *context;
	unsigned skip; /* points; 0: 48 */
};

/* What was swept of one operation: a row of the table. */
struct sweep_row {
	const char *operation; /* "queue push, 8 bytes" */
	bool all;              /* leave out no point of LATE and CROSSED */
	unsigned killed, stopped, failures;
	unsigned long pairs, pairs_run;
	unsigned long missed; /* that could not be reached */
};

/*
 * Whose operations are swept: put before each row of the table; and how brief a
 * plug-in is, unless stress tests are asked for. A program over another
 * implementation than C defines both.
 */
enum sweep_brevity {
	SWEEP_WHOLE, /* from all sides */
	SWEEP_ONCE,  /* each kind of scene once */
	SWEEP_BARE,  /* one death, two deaths, one stop */
};

extern const char *sweep_subject;
extern enum sweep_brevity sweep_subject_brevity;

enum sweep_brevity sweep_brevity(void);

/* The name of the segment, which differs between workers. */
const char *sweep_segment(void);

/* Around the operation, in a victim. */
void sweep_begin(struct sweep_victim *me);
void sweep_end(struct sweep_victim *me, int64_t result);

/* In a check: keep the message and end the process. */
void sweep_fail(struct sweep_page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/*
 * Sweep one scene, each of the modes, up to the first failure: it is printed,
 * and counted in the row. A scene of one point or none fails.
 */
void sweep_scene(struct sweep_row *row, const struct sweep *sweep,
		 unsigned modes);

/* Print the row; ./check gathers them. Fails the test if it has failures. */
void sweep_report(const struct sweep_row *row);

#endif
