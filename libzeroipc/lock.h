/* SPDX-License-Identifier: MIT */
/*
 * The owner word: what Mutex, RWLock and Once have in common. It says who holds
 * the lock, and is taken by one compare-and-swap:
 *
 *   incarnation << 32 | (index + 1) << 19 | number << 3 | state
 *
 * Incarnation and index name a participant (participant.h); the number tells
 * the handles of one process apart. The states of a word that names somebody:
 *
 *   0             it holds the lock
 *   INCONSISTENT  the same; who held it before has died, and it was told so
 *   CLAIMING      it has claimed the lock and is not inside yet (RWLock); it
 *                 was free, so there is nothing to be told
 *
 * and of one that names nobody:
 *
 *   0             free
 *   INCONSISTENT  free, but who held it last died or gave it up: who takes it
 *                 is told
 *   CLOSED        nobody will hold it again: a Mutex or RWLock that is not
 *                 recoverable; a Once that is done
 *
 * While a word names somebody who lives, only he changes it. So he gives the
 * lock back by a plain store, as the queue publishes, and finds sleepers behind
 * the light fence (wait.h). A word that names somebody dead never comes back,
 * as incarnations grow: whoever read it, and then found him dead, takes the
 * lock over by a compare-and-swap from exactly that word. In the other order,
 * or from less than the whole word, a living owner could lose his.
 *
 *   edge      written by       read by         carries
 *   unlocked  zipc_lock_free   zipc_lock_try   what was done under the lock
 *
 * Behind a death no edge is needed: that the kernel gave up the life lock of
 * the dead comes after all that it has done.
 *
 * Whether a holder lives costs system calls, so it is asked before sleeping,
 * at each nap's end, and by tries that do not wait, once a millisecond.
 */
#ifndef ZIPC_LOCK_H
#define ZIPC_LOCK_H

#include "segment.h"
#include "table.h"
#include "wait.h"
#include "waiter.h"

#define ZIPC_INCONSISTENT UINT64_C(1)
#define ZIPC_CLOSED UINT64_C(2)
#define ZIPC_CLAIMING UINT64_C(4)
#define ZIPC_OWNER_STATES UINT64_C(7)
#define ZIPC_NUMBERS 65536u
/* How often a try that does not wait asks who lives. */
#define ZIPC_TRY_LOOK_NS INT64_C(1000000)

/* A handle on a lock; all constants are checked copies. */
struct zipc_lock {
	struct zipc_owner *at;
	uint64_t mine;       /* the word while this handle holds the lock */
	unsigned generation; /* of forks, when mine was made; 0: never */
	bool symmetric;
	bool claims; /* its kind has the state CLAIMING */
	uint32_t owner_at; /* in the body, as its kind has set it before open */
	struct zipc_spin spin;
	int64_t looked_ns; /* when it was last asked whether a holder lives */
	struct zipc_waiter *waiters; /* records of who waits */
	uint32_t waiter_count;
	uint32_t number;
	unsigned kind;
	struct zipc_block *block;
	struct zipc_segment *segment;
	struct zipc_use use;
	char name[ZIPC_NAME_MAX + 1];
};

/*
 * What the kinds plan: capacity 1 of type u64, and a body of one line and the
 * records of who waits.
 */
struct zipc_plan zipc_lock_plan(unsigned kind);

/* Of any body of a lock: its own bytes are followed by the records. */
uint64_t zipc_lock_body_bytes(uint64_t own_bytes);
void zipc_lock_build(struct zipc_owner *owner, uint64_t own_bytes);

/*
 * The handle on what was found, whose body begins with a zipc_owner and has at
 * least so many bytes; takes it over. -EBADMSG, -EUSERS.
 */
int zipc_lock_open(struct zipc_lock *lock, struct zipc_segment *segment,
		   const char *name, unsigned kind, struct zipc_found *found,
		   uint64_t bytes);

/* As a death, when this handle holds the lock. */
void zipc_lock_close(struct zipc_lock *lock);

/* When it is opened, and after fork: make mine. -EROFS, -EUSERS, -ENOENT. */
int zipc_lock_enter_first(struct zipc_lock *lock);

static inline bool zipc_lock_entered(const struct zipc_lock *lock)
{
	return __builtin_expect(lock->generation == zipc_fork_generation, 1);
}

static inline int zipc_lock_enter(struct zipc_lock *lock)
{
	return zipc_lock_entered(lock) ? 0 : zipc_lock_enter_first(lock);
}

/*
 * One try to take it, without asking who lives. 0: it is taken, in the state
 * extra (0 or CLAIMING); -EOWNERDEAD: as INCONSISTENT; -EAGAIN held by another;
 * -EDEADLK; -ENOTRECOVERABLE closed; -EBADMSG.
 */
int zipc_lock_try(struct zipc_lock *lock, uint64_t extra);

/* Take it from the dead: as zipc_lock_try(); -EAGAIN if the holder lives. */
int zipc_lock_take_over(struct zipc_lock *lock, uint64_t extra);

/*
 * The same two of who wants the lock only if one has died inside, as a reader
 * of a RWLock: it is taken when they give -EOWNERDEAD. -EAGAIN: it is free, or
 * held by another. 0, of zipc_lock_bury(): it was claimed by somebody dead, and
 * is free; who sleeps is not woken yet.
 */
int zipc_lock_inherit(struct zipc_lock *lock);
int zipc_lock_bury(struct zipc_lock *lock);

/* Whether the holder's life may be asked about again. */
bool zipc_lock_look_due(struct zipc_lock *lock, int64_t pause_ns);

/*
 * Take it, waiting until the deadline: zipc_lock_try() by spinning, then also
 * zipc_lock_take_over(), asleep on the event. The first try has been made.
 */
int zipc_lock_wait(struct zipc_lock *lock, uint64_t extra,
		   struct zipc_event_word *event, int64_t deadline_ns);

/*
 * zipc_wait() as locks do it: quick() by spinning, then thorough(), which asks
 * who lives; and meanwhile a record says what it waits for.
 */
struct zipc_lock_wait {
	struct zipc_lock *lock;
	struct zipc_event_word *event;
	enum zipc_waits_to to;
	int64_t (*quick)(void *context);
	int64_t (*thorough)(void *context);
	void *context;
	struct zipc_waiting waiting; /* the function's own */
};
int64_t zipc_lock_sleep(struct zipc_lock_wait *wait, int64_t deadline_ns);

/* The holder's, and the administrator's: as zipc/mutex.h has them. */
int zipc_lock_consistent(struct zipc_lock *lock);
int zipc_lock_reset(struct zipc_lock *lock);

/* Keep the message that belongs to the result of one of these; rc. */
int zipc_lock_tell(const struct zipc_lock *lock, int rc);

/* The word's states above, which this handle's owner may have; else 0. */
static inline bool zipc_lock_is_mine(const struct zipc_lock *lock,
				     uint64_t word)
{
	return zipc_lock_entered(lock) &&
	       (word & ~ZIPC_OWNER_STATES) == lock->mine;
}

/* Relaxed: of the own word this is true, of another's a hint. */
static inline uint64_t zipc_lock_word(const struct zipc_lock *lock)
{
	return atomic_load_explicit(&lock->at->owner, memory_order_relaxed);
}

/*
 * The holder gives it back, as free, INCONSISTENT or CLOSED. Only he writes the
 * turns, and relaxed: they are for who watches.
 */
static inline void zipc_lock_free(struct zipc_lock *lock, uint64_t state)
{
	uint64_t turns = atomic_load_explicit(&lock->at->turns,
					      memory_order_relaxed);

	atomic_store_explicit(&lock->at->turns, turns + 1,
			      memory_order_relaxed);
	/* unlocked: release; pairs with zipc_lock_try(). */
	atomic_store_explicit(&lock->at->owner, state, memory_order_release);
}

#endif
