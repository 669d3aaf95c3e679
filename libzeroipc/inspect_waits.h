/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom, inside: a kind that somebody can wait for has a function
 * waits() in its row (inspect.h), which says who holds one of its structures
 * and who waits for it, as copies of words. What is made of that is the same
 * for all kinds.
 */
#ifndef ZIPC_INSPECT_WAITS_INTERNAL_H
#define ZIPC_INSPECT_WAITS_INTERNAL_H

#include "inspect.h"

#include <zipc/inspect_waits.h>

struct zipc_look_holder {
	uint64_t word; /* as in zipc_owner, without a state */
	uint64_t turn; /* another hold of the same one has another, if known */
	unsigned reads, claims, blocks; /* 1 << zipc_wait_to, each */
	unsigned permits;               /* of a semaphore */
};

struct zipc_look_waiter {
	uint64_t word; /* the same, and zipc_wait_to in its low bits */
	uint64_t since_ns; /* 0: not known */
	uint64_t ticket;   /* another wait of the same one has another */
	uint64_t saw, turn, saw_ns; /* see waiter.h; 0: nothing */
};

/* What one look at a structure has found. */
struct zipc_look {
	struct zipc_look_holder *holders;
	struct zipc_look_waiter *waiters;
	unsigned holder_count, holder_room, waiter_count, waiter_room;
	/*
	 * Somebody may sleep of whom there is no record, until one of the
	 * holders lets go. It counts only if they are the same in both looks.
	 */
	bool unnamed;
	uint64_t *lines; /* that may be read yet, by all looks */
};

/* Add one; 0, -ENOMEM. */
int zipc_look_add_holder(struct zipc_look *look,
			 const struct zipc_look_holder *it);

/* Add one whose record is of the kind's own; 0, -ENOMEM. */
int zipc_look_add_waiter(struct zipc_look *look,
			 const struct zipc_look_waiter *it);

/* Add who waits by the count records from at on; 0, -ENOMEM, -EBADMSG. */
int zipc_look_at_waiters(struct zipc_look *look, struct zipc_view *view,
			 uint64_t at, uint64_t count);

/* A copy, checked, of what is settled in the end: a future or a lazy. */
struct zipc_look_settling {
	uint64_t word; /* sound: participant.h */
	uint64_t turn;
	uint64_t waiters_at, waiters;
};

/* Add who has it and who waits for that; 0, -ENOMEM, -EBADMSG. */
int zipc_look_at_settling(struct zipc_look *look, struct zipc_view *view,
			  const struct zipc_look_settling *it);

/* May so many lines be read? Each look asks, or a segment could be endless. */
bool zipc_look_may(struct zipc_look *look, uint64_t lines);

/*
 * inspect_cycles.c: those among n; the caller frees them and their steps.
 * threads: how many the process of each participant had between the two looks,
 * by index. *partial becomes 1 if that is too much to go through.
 */
int zipc_waits_find_cycles(struct zipc_view_cycle **out, unsigned *count,
			   struct zipc_view *view,
			   const struct zipc_view_blocked *all,
			   const struct zipc_look *looks, unsigned n,
			   const unsigned *threads, unsigned *partial);

#endif
