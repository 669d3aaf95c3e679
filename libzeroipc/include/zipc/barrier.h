/* SPDX-License-Identifier: MIT */
/*
 * Barrier: a fixed number of parties meet, round after round: each waits until
 * all have arrived.
 *
 * A handle is a party, from create or open until it is closed. A party that
 * dies is told to all others, once: by the -EOWNERDEAD of the wait in which
 * they are, within about 100 ms, or else of their next one. The round is broken
 * then: nobody's arrival in it counts. Who waits again forms the barrier anew;
 * that round ends when as many as there are parties have arrived, newcomers in
 * the places of the dead among them.
 *
 * Arrival     A wait that ends at its deadline leaves the arrival in place: the
 *             next wait of that party goes on with the same round. So a round
 *             is complete or not for all alike. Only a close takes it back.
 * Progress    who arrives last goes on at once, without a system call unless
 *             others sleep. Waiting is a futex sleep. A party that is stopped
 *             is waited for.
 * Ordering    what each party did before its arrival is seen after the wait.
 * Crash       a killed wait arrived or not; who has arrived and dies counts in
 *             that round, and is missed in the next. Who dies is told as above,
 *             twice if who finds out dies, or is stopped, just then.
 */
#ifndef ZIPC_BARRIER_H
#define ZIPC_BARRIER_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_barrier;

/*
 * For 1 to 4096 parties; the caller becomes one, unless the segment is open for
 * reading only. As zipc_array_create(), zipc_array_open() and
 * zipc_array_open_or_create() else; what is there must have as many parties;
 * and -EUSERS: the living are as many already.
 */
int zipc_barrier_create(struct zipc_barrier **out, struct zipc_segment *segment,
			const char *name, uint64_t parties);
int zipc_barrier_open(struct zipc_barrier **out, struct zipc_segment *segment,
		      const char *name);
int zipc_barrier_open_or_create(struct zipc_barrier **out,
				struct zipc_segment *segment, const char *name,
				uint64_t parties);

/*
 * Arrive, unless this party has, and wait at most timeout_ns for the others.
 * Returns 0 all have arrived; -EAGAIN not yet (ZIPC_NOWAIT), -ETIMEDOUT: wait
 * again to go on; -EOWNERDEAD; -EROFS; -EUSERS (a forked child that finds no
 * free place; its parent stays a party); -EBADMSG.
 */
int zipc_barrier_wait(struct zipc_barrier *barrier, int64_t timeout_ns);

uint64_t zipc_barrier_parties(const struct zipc_barrier *barrier);
/* Rounds that are complete, and parties that have arrived in this one. */
uint64_t zipc_barrier_rounds(const struct zipc_barrier *barrier);
uint64_t zipc_barrier_arrived(const struct zipc_barrier *barrier);

/* Leave; another may become a party in this one's place. */
void zipc_barrier_close(struct zipc_barrier *barrier);

#ifdef __cplusplus
}
#endif

#endif
