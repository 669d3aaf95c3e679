/* SPDX-License-Identifier: MIT */
/*
 * The storm: many processes on one structure, each in a seat. About every
 * millisecond one is killed and another takes its seat, or one is stopped, or
 * those that are stopped go on. When there were kills enough all go on and end
 * by themselves, and the books must balance.
 *
 * Whoever acts counts its progress, and nothing that was refused. The next blow
 * waits until there was some since the last one: so on a slow machine blows are
 * fewer, and when nobody moves although nobody is stopped, that is a hang, and
 * the test fails.
 *
 * All choices follow from a seed, which is printed; ZIPC_SEED sets it.
 */
#ifndef ZIPC_STORM_H
#define ZIPC_STORM_H

#include "../children.h"
#include "../random_type.h"
#include "page.h"

struct storm {
	unsigned seats, kills;
	/* It is not over before each seat has done so much. */
	uint64_t least;
	/*
	 * In a process of its own, and in another one after each kill: acts
	 * until storm_is_over(), then ends what it owes and returns.
	 */
	void (*act)(unsigned seat, struct dice *dice, void *context);
	/*
	 * Instead of act(), in the test: start a process that does the same,
	 * as a program of any language. It is a child of the test, finds the
	 * page in memory that this one shares with it, and draws from seed.
	 */
	struct child (*start)(unsigned seat, uint64_t seed, void *context);
	struct storm_page *page; /* zeroed; NULL: one that only act() sees */
	/*
	 * A bit per seat whose process is slow to start: it is not struck
	 * before it has acted, as blows would fall on nothing but its start.
	 */
	unsigned slow;
	/* In the test, when who sat there was killed; may be NULL. */
	void (*bury)(unsigned seat, void *context);
	/*
	 * In the test, when it is over: makes those end who wait for others;
	 * may be NULL.
	 */
	void (*calm)(void *context);
	void *context;
};

/* The first thing that goes wrong is printed, and fails the test. */
void storm_run(const struct storm *storm);

/* In who acts. */
bool storm_is_over(void);
void storm_progress(void);
/* Tell the test, and end this process. */
void storm_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
#define storm_assert(condition, ...)                                         \
	do {                                                                 \
		if (!(condition))                                            \
			storm_fail(__VA_ARGS__);                             \
	} while (0)

/* Of a structure, when it is over: 0 if nobody was killed. */
uint64_t storm_late_wakes(const char *segment, const char *name);

/* In calm(): wait until the seat's process has ended. */
void storm_await(unsigned seat);

#endif
