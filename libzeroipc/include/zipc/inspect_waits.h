/* SPDX-License-Identifier: MIT */
/*
 * Watching who waits for whom: for each structure that somebody waits for, who
 * holds it and who waits; and circles of those who wait for each other, which
 * no one of them ends. Of the kinds there are: mutex, rwlock, once; future,
 * which is held by who has promised it, and lazy, by who computes it; channels
 * without a buffer, which nobody holds, and whose senders wait; and owned
 * semaphores none of whose permits are left, with who holds them, but not who
 * waits: that leaves no record. Who waits for several futures at once is not
 * told of; who offers in several channels, in one of them.
 *
 * All is looked at twice, and what is told stood there both times: so all of it
 * was true at one moment between. As the rest of inspection (zipc/inspect.h) it
 * reads the file, and disturbs nobody.
 *
 * A structure has room for some records of who waits (16), so of a crowd not
 * all are told.
 */
#ifndef ZIPC_INSPECT_WAITS_H
#define ZIPC_INSPECT_WAITS_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_view_waits;

/* Returns 0; -ENOMEM; -EBADMSG. */
int zipc_view_waits_open(struct zipc_view_waits **out, struct zipc_view *view);
void zipc_view_waits_close(struct zipc_view_waits *waits);

enum zipc_wait_to {
	ZIPC_WAIT_TO_HOLD,  /* a mutex; a once to be done; a rwlock to write;
			       a future to be settled */
	ZIPC_WAIT_TO_READ,  /* a rwlock */
	ZIPC_WAIT_TO_DRAIN, /* a rwlock is claimed to write; readers are in */
	ZIPC_WAIT_TO_SEND,  /* a channel without a buffer */
};

struct zipc_view_holder {
	struct zipc_view_participant who; /* who is dead is about to lose it */
	unsigned reads;                   /* 1: a rwlock, for reading */
	unsigned claims;  /* 1: a rwlock, and waits for readers itself */
	unsigned stopped; /* 1: by a signal or a debugger */
	unsigned permits; /* of a semaphore: how many of them; else 0 */
};

struct zipc_view_waiter {
	struct zipc_view_participant who;
	enum zipc_wait_to to;
	uint64_t for_ns; /* 0: not known, as of a channel */
};

/* A structure that somebody waits for, or may wait for. */
struct zipc_view_blocked {
	char name[ZIPC_NAME_MAX + 1];
	char kind_name[16];
	unsigned kind, holder_count, waiter_count;
	/* 1: there may be others who wait, of whom there is no record. */
	unsigned unnamed;
	unsigned permits; /* of a semaphore, all; none is left; else 0 */
	/* Nobody else has had it for so long, or longer; 0: not known. */
	uint64_t held_ns;
	const struct zipc_view_holder *holders;
	const struct zipc_view_waiter *waiters; /* they live */
};

/* One who waits; who holds that is the next one; behind the last, the first. */
struct zipc_view_step {
	struct zipc_view_participant who;
	const struct zipc_view_blocked *waits_for;
	unsigned threads; /* of who; 0: not known, as in another container */
};

struct zipc_view_cycle {
	/*
	 * 1: all their threads wait, so it is a deadlock, until a wait ends by
	 * its deadline. 0: some have more threads, and one may let go.
	 */
	unsigned certain, count;
	const struct zipc_view_step *steps;
};

/* The i-th; NULL behind the last. They live as long as waits does. */
const struct zipc_view_blocked *
zipc_view_blocked(const struct zipc_view_waits *waits, unsigned i);
const struct zipc_view_cycle *
zipc_view_cycle(const struct zipc_view_waits *waits, unsigned i);

/* 1: there was more than is looked at in one go, and that is not told. */
unsigned zipc_view_waits_partial(const struct zipc_view_waits *waits);

/*
 * A sentence, as
 *   semaphore `slots` has 0 of 3 permits left, held by 812 with 2, 813 with 1;
 *       somebody may wait: there is no record of who
 *   mutex `log` held by 812 (feeder) for 3.2 s; 2 wait: 813, 815
 *   deadlock: 812 (feeder) waits for mutex `b`, which 813 (eater) holds; ...
 * Returns its length, as snprintf(3) does.
 */
int zipc_view_blocked_say(const struct zipc_view_blocked *blocked, char *text,
			  size_t bytes);
int zipc_view_cycle_say(const struct zipc_view_cycle *cycle, char *text,
			size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
