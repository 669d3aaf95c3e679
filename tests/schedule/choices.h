/* SPDX-License-Identifier: MIT */
/*
 * Where choices come from: a search, which goes back to the last choice that
 * has something left to try; chance; or a string.
 *
 * A string names the choices that differ from what happens by itself, each by
 * its number in the run: " 12:to1 31:kill".
 */
#ifndef ZIPC_SCHEDULE_CHOICES_H
#define ZIPC_SCHEDULE_CHOICES_H

#include "engine.h"

/* Numbers of actions; TO and FLUSH are followed by a task's. */
enum action {
	GO_ON,
	DELAY,
	TO,
	FLUSH = TO + SCHEDULE_TASKS,
	KILL = FLUSH + SCHEDULE_TASKS,
	STOP,
	ACTIONS
};

/* What a run may do; set by who runs. */
extern struct schedule_limits limits;

/* One of the actions, which are bits; usual is the one without a deviation. */
unsigned choose(unsigned actions, unsigned usual);

/* How the next runs choose. */
void choices_search(void);
void choices_walk(uint64_t seed);
void choices_repeat(const char *string);

void choices_begin(void);                     /* a run */
bool choices_next(void);                      /* in a search: is there more? */
unsigned long choices_states(void);           /* that a search has seen */
void choices_print(char *text, size_t size);  /* the last run's, as a string */
void choices_free(void);

/* schedule.c: the state is known; this run ends. */
void abandon_run(void) __attribute__((noreturn));
uint64_t hash_of_world(void);

#endif
