/* SPDX-License-Identifier: MIT */
/*
 * Participants: which processes have a segment open, and which still live.
 *
 * A place is owned by who holds the lock (F_OFD_SETLK) on the byte
 * ZIPC_LIFE_BYTE + index of the segment's file. The kernel drops it when the
 * process ends, however it ends, and across pid namespaces. A new owner first
 * raises the incarnation: words that name the old owner are then about someone
 * dead.
 *
 * Two cases need more than the lock. A child that was forked and stopped before
 * its at-fork handler still holds its parent's description; and a new owner
 * stopped before it raised the incarnation makes the old one look alive. In
 * both the pid that stands in the place is gone or has another start time,
 * which proves death to everyone in the same pid namespace.
 */
#ifndef ZIPC_PARTICIPANT_H
#define ZIPC_PARTICIPANT_H

#include "format.h"

#include <stdbool.h>

/*
 * A holder names a participant in the word that claims something: incarnation
 * << 16 | index + 1. 0 is nobody.
 */
static inline uint64_t zipc_holder(uint32_t index, uint32_t incarnation)
{
	return (uint64_t)incarnation << 16 | (index + 1);
}

static inline uint32_t zipc_holder_index(uint64_t holder)
{
	return (uint32_t)(holder & 0xFFFF) - 1;
}

static inline uint32_t zipc_holder_incarnation(uint64_t holder)
{
	return (uint32_t)(holder >> 16);
}

/*
 * Take a free place of count, by locks on fd, which must be a description of
 * this process's own, open for writing. Returns 0 and the holder word that
 * names the caller; -EUSERS.
 */
int zipc_participant_join(uint64_t *holder, int fd,
			  struct zipc_participant *places, uint32_t count);

/*
 * The caller goes: it gives up the place that zipc_participant_join() gave it,
 * though a child that was forked and stopped before its at-fork handler has the
 * description, too. Such a child that asks for it gives up nothing.
 */
void zipc_participant_leave(uint64_t holder, int fd,
			    const struct zipc_participant *places);

/* What proves a participant's life, copied from its place. */
struct zipc_life {
	uint32_t incarnation;
	uint32_t pid;
	uint64_t start_ticks;
	uint32_t pid_namespace;
};

/*
 * Whether the participant at index lives, as fd's file and /proc tell; fd must
 * not be the description that it joined by (a lock never conflicts with its
 * own description).
 */
bool zipc_participant_lives(int fd, uint32_t index,
			    const struct zipc_life *life);

/*
 * How many threads that participant has, and whether it is stopped, as /proc
 * tells; 0: that can not be told from here.
 */
unsigned zipc_participant_threads(const struct zipc_life *life, bool *stopped);

/* The holder that the owner word of a lock names (lock.h); 0: nobody. */
static inline uint64_t zipc_owner_holder(uint64_t word)
{
	return word >> 32 << 16 | (word >> 19 & 0x1FFF);
}

/* The reverse; number tells words of one holder from each other, below 2^16. */
static inline uint64_t zipc_owner_word(uint64_t holder, uint32_t number)
{
	return holder >> 16 << 32 | (holder & 0xFFFF) << 19 |
	       (uint64_t)number << 3;
}

/*
 * Whether an owner word can be that of what is settled in the end, as a future
 * or a lazy: 0, or a holder's, of so many places, with no state; 1, which names
 * nobody; or i << 3 | 2 or 4, settled with one of so many contents.
 */
static inline bool zipc_settling_is_sound(uint64_t word, uint32_t places,
					  uint32_t contents)
{
	uint64_t holder = zipc_owner_holder(word);

	switch (word & 7) {
	case 0:
		return !word || ((holder & 0xFFFF) &&
				 zipc_holder_index(holder) < places);
	case 1:
		return word == 1;
	case 2:
	case 4:
		return word >> 3 < contents;
	default:
		return false;
	}
}

#endif
