/* SPDX-License-Identifier: MIT */
/*
 * The event word: sleeping until something may have changed.
 *
 * The word is {wakes, arrivals, CROWD, SLEEPERS}. A sleeper counts its arrival
 * and sets SLEEPERS, runs a heavy fence, looks again, and sleeps (a futex) only
 * while the word is as it left it. A waker publishes, and then plainly loads
 * the word: no SLEEPERS, nothing to do. So the sleeper pays for the fence, and
 * a waker that finds nobody makes no system call.
 *
 *   edge       written by       read by          carries
 *   sleepers   zipc_wait        zipc_wake        who slept must be woken
 *
 * A waker counts the wake, wakes as many as it has brought work for, and clears
 * the bits if nobody was there and nobody arrived since. A sleeper or waker
 * that dies costs one idle system call at worst.
 *
 * A process may die between its commit and its wake. So sleepers nap: two of
 * them (nappers[], each a claim that expires by itself) look every 100 ms, the
 * others every 5 s. Who finds no place as a napper sets CROWD, and whoever is
 * awake while a place is free wakes one of the crowd. So a napper remains while
 * somebody sleeps, but for what deaths in a row can do. A nap that ended by
 * time, found work, and was not being woken just then is counted in late_wakes.
 *
 * That count is an upper bound. A waker that is held up for long between its
 * publication and its wake looks, to the sleeper, like one that has died there,
 * and when it goes on it can not tell whether that sleeper was counted, or left
 * for work of another. To know it, each publication would have to say who makes
 * it: one more store in every push, for a count.
 */
#ifndef ZIPC_WAIT_H
#define ZIPC_WAIT_H

#include "fence.h"
#include "format.h"
#include "spin.h"

#include <stdbool.h>

/*
 * Call attempt(), which returns -EAGAIN while what is waited for is not there,
 * until it returns something else, or until the deadline (zipc_deadline()):
 * then -ETIMEDOUT. The caller has made the first attempt.
 */
int64_t zipc_wait(struct zipc_event_word *event, bool symmetric,
		  struct zipc_spin *spin, int64_t deadline_ns,
		  int64_t (*attempt)(void *context), void *context);

/*
 * The same on several words at once (futex_waitv): who waits for any of several
 * things. It arrives at each, and takes a napper's place where one is free. Its
 * attempts are to look at all of them.
 *
 * A wake of one word may reach it while it takes what another one is about. So
 * when it leaves it wakes one more at each word that has seen a wake since it
 * arrived: somebody wakes in vain at worst. Late wakes are not counted.
 *
 * The system waits on 128 words at most. With more it sleeps on them in turns,
 * some milliseconds each, and so it does where futex_waitv is refused, or not
 * there (before Linux 5.16).
 */
struct zipc_wait_on {
	struct zipc_event_word *event;
	bool symmetric;
	/* its own */
	bool crowd;
	int place;      /* of a napper; -1: none */
	uint32_t stamp; /* what stands there */
	uint32_t arrived, ticket;
};

int64_t zipc_wait_any(struct zipc_wait_on *on, size_t n,
		      struct zipc_spin *spin, int64_t deadline_ns,
		      int64_t (*attempt)(void *context), void *context);

void zipc_wake_sleepers(struct zipc_event_word *event, uint64_t n);

#define ZIPC_SLEEPERS 1u
#define ZIPC_CROWD 2u
#define ZIPC_ARRIVAL 4u
#define ZIPC_ARRIVALS 0x0001FFFCu
#define ZIPC_WAKE 0x00020000u
#define ZIPC_WAKES 0xFFFE0000u

/* Behind a publication, which the light fence keeps before the load. */
static inline bool zipc_sleepers(const struct zipc_event_word *event,
				 bool symmetric)
{
	zipc_fence_light(symmetric);
	/* sleepers: relaxed is enough behind the fence; pairs with arrive(). */
	return __builtin_expect(atomic_load_explicit(&event->word,
						     memory_order_relaxed) &
					ZIPC_SLEEPERS, 0);
}

/* After a publication that n waiters may use. */
static inline void zipc_wake(struct zipc_event_word *event, bool symmetric,
			     uint64_t n)
{
	if (zipc_sleepers(event, symmetric))
		zipc_wake_sleepers(event, n);
}

#endif
