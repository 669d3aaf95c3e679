/* SPDX-License-Identifier: MIT */
/*
 * A victim in hand: started, stepped, run to a point, killed or let go.
 *
 * A step costs two switches of context, and reaching point k by steps alone
 * would make a sweep quadratic. So the path of the operation is recorded once,
 * and a victim runs to the last place before k that is new on the path, by a
 * breakpoint, and is stepped from there.
 */
#ifndef ZIPC_SWEEP_TRACE_H
#define ZIPC_SWEEP_TRACE_H

#include "sweep.h"

#include <sys/types.h>

#define WATCHDOG_S 20

struct tracee {
	pid_t pid;
	struct sweep_victim *victim;
	/* Called once when it sleeps in a futex; may be NULL. */
	void (*asleep)(void *context);
	void *context;
};

#define PATH_MOST 65536u

struct path {
	unsigned n;
	uint64_t pc[PATH_MOST];     /* behind n steps */
	unsigned anchor[PATH_MOST]; /* the last step that was new */
};

/* Print what went wrong with the sweep itself, and end. */
void sweep_die(const char *what) __attribute__((noreturn));

/* A process that runs body() and ends; it dies with this one. */
pid_t sweep_fork(void);

/* Wait until it sleeps in a futex; false when it has ended. */
bool sweep_sleeps(pid_t pid);

/* Wait for a child's end; false unless it ends well before the watchdog. */
bool sweep_ends(pid_t pid);

/* Start body; it then stands right behind sweep_begin(). */
void trace_start(struct tracee *tracee,
		 void (*body)(struct sweep_victim *me, void *context),
		 void *context);

/* Step n instructions; false when the operation ended before. */
bool trace_step(struct tracee *tracee, unsigned n);

void trace_kill(struct tracee *tracee);

/* Let it run to its end; false if it does not get there. */
bool trace_let_go(struct tracee *tracee);

/* Add the place it stands at, and the anchor. */
void path_add(struct path *path, const struct tracee *tracee);

/*
 * From its start on, by the path: to behind k instructions. false: it went
 * another way than the path, or has not so many.
 */
bool trace_run(struct tracee *tracee, const struct path *path, unsigned k);

#endif
