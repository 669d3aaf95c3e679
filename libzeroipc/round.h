/* SPDX-License-Identifier: MIT */
/*
 * What the words of a Barrier mean, for who takes part and who watches.
 *
 * The round word is {complete, broken}: how many rounds were completed, and how
 * many broken. Each changes it, so it never repeats, and names the round that
 * is on.
 *
 * A party's record is {holder, state}; state is {round, what}:
 *
 *   OUT       nobody, or who has not joined yet, or has left
 *   IN        a party that has not arrived since it joined in that round
 *   ARRIVED   a party that has arrived in that round
 */
#ifndef ZIPC_ROUND_H
#define ZIPC_ROUND_H

#include "format.h"

#include <stdbool.h>

#define ZIPC_BREAKS_BITS 18
#define ZIPC_BREAKS ((UINT64_C(1) << ZIPC_BREAKS_BITS) - 1)
#define ZIPC_ROUND_BITS 62 /* so that a state can hold one */
#define ZIPC_ROUND ((UINT64_C(1) << ZIPC_ROUND_BITS) - 1)
#define ZIPC_FIRST_ROUND (ZIPC_BREAKS + 1) /* so that no state of it is 0 */

enum zipc_party_is {
	ZIPC_PARTY_OUT = 0, /* and then the whole state is 0 */
	ZIPC_PARTY_IN = 1,
	ZIPC_PARTY_ARRIVED = 2,
};

static inline uint64_t zipc_round_complete(uint64_t round)
{
	return round >> ZIPC_BREAKS_BITS;
}

static inline uint64_t zipc_round_broken(uint64_t round)
{
	return round & ZIPC_BREAKS;
}

/* The round behind this one, which all have ended, or a death has broken. */
static inline uint64_t zipc_round_next(uint64_t round, bool broken)
{
	if (broken)
		return (round & ~ZIPC_BREAKS) | ((round + 1) & ZIPC_BREAKS);
	round = (round + ZIPC_BREAKS + 1) & ZIPC_ROUND;
	return zipc_round_complete(round) ? round : round | ZIPC_FIRST_ROUND;
}

static inline uint64_t zipc_party_state(uint64_t round, enum zipc_party_is what)
{
	return round << 2 | what;
}

#endif
