/* SPDX-License-Identifier: MIT */
/*
 * Spinning before sleeping. A sleeper that is woken goes on some 10 to 60 us
 * later; what comes sooner is better waited for awake.
 *
 * So each waiting handle learns. What was found by spinning is looked for a few
 * times as long the next time; what was not is looked for only briefly, and at
 * length only now and then: two sides that answer each other at once, and have
 * fallen asleep once, would else wait for each other's waking for ever. Those
 * trials become rare when they find nothing, so a long wait costs next to no
 * time of a core. Behind the first 400 ns each look is preceded by an offer of
 * the core to others (sched_yield), among whom may be who is waited for. On a
 * busy machine that takes long, and is then found not to pay.
 */
#ifndef ZIPC_SPIN_H
#define ZIPC_SPIN_H

#include <stdint.h>

/* All zero at first. */
struct zipc_spin {
	uint32_t length_ns; /* what pays, or 0: not known */
	uint16_t vain;      /* sleeps since the last trial */
	uint16_t patience;  /* of them until the next one */
};

/*
 * Call attempt() until it returns something else than -EAGAIN, for as long as
 * it pays and until the deadline. Where no other core is there, not at all.
 */
int64_t zipc_spin(struct zipc_spin *spin, int64_t deadline_ns,
		  int64_t (*attempt)(void *context), void *context);

#endif
