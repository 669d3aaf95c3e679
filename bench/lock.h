/* SPDX-License-Identifier: MIT */
/*
 * Locks: what a peer has to offer to take part in the works of lock.c. A peer's
 * file has LOCK_SECTIONS() make the measured loops of its lock and unlock, so
 * that what can be inlined is.
 */
#ifndef BENCH_LOCK_H
#define BENCH_LOCK_H

#include "bench.h"

/* What the lock guards; both words are equal. */
struct lock_guarded {
	_Alignas(64) uint64_t pair[2];
};

/* Lock n times, change or look, and unlock: how often the words differed. */
typedef uint64_t lock_sections(void *end, struct lock_guarded *guarded,
			       uint64_t n);

typedef void lock_step(void *end);

/*
 * Follow the other one around three locks: holding one, lock the next, which
 * the other has, and give the first back. So each waits for the other, n times,
 * and in the end nothing is held.
 */
typedef void lock_chase(void *const ends[3], unsigned at, uint64_t n);

struct lock_peer {
	/* Before the members start. */
	void *(*create)(void);
	void (*destroy)(void *lock);
	/* In a member: its end of the lock. */
	void *(*open)(void *lock);
	void (*close)(void *end);
	lock_sections *mutex, *write, *read; /* NULL: it has no such lock */
	/* For hand-offs: lock as a mutex, and LOCK_CHASE(). */
	lock_step *lock;
	lock_chase *chase;
};

extern const struct work lock_works[];

#define LOCK_SECTIONS(name, changes, lock, unlock)                           \
	static uint64_t name(void *end, struct lock_guarded *guarded,        \
			     uint64_t n)                                     \
	{                                                                    \
		uint64_t torn = 0;                                           \
									     \
		for (; n; n--) {                                             \
			lock(end);                                           \
			torn += guarded->pair[0] != guarded->pair[1];        \
			if (changes) {                                       \
				guarded->pair[0]++;                          \
				guarded->pair[1]++;                          \
			}                                                    \
			unlock(end);                                         \
		}                                                            \
		return torn;                                                 \
	}

#define LOCK_CHASE(name, lock, unlock)                                       \
	static void name(void *const ends[3], unsigned at, uint64_t n)       \
	{                                                                    \
		unsigned next;                                               \
									     \
		for (; n; n--, at = next) {                                  \
			next = (at + 1) % 3;                                 \
			lock(ends[next]);                                    \
			unlock(ends[at]);                                    \
		}                                                            \
		unlock(ends[at]);                                            \
	}

#endif
