/* SPDX-License-Identifier: MIT */
/*
 * Leases: a queue hands out its oldest element, and who has it says when it is
 * done. An element whose taker dies before that goes to the next one.
 *
 * It stands beside the place ring (place_ring.h), whose slots and pushes do not
 * know of it. A slot is free as soon as its element is taken: the element lives
 * on in a record, and there is one for each lease that there may be.
 *
 * State
 *   takers   records: {holder, lease {position, NONE | TAKING | TAKEN},
 *            attempts, element}
 *   taken    {position, record} of the last take. It stands beside head: the
 *            two are one cell of 16 bytes (cell.h)
 *   given    grows when a record has become nobody's with an element in it
 *
 * Take, by a record of the caller's own
 *   1 find the position H at head that may be taken, as pop does
 *   2 taken is {p, r}: if the lease of r is {p, TAKING}, CAS it to {p, TAKEN}
 *   3 copy the element at H into the record; lease = {H, TAKING}
 *   4 CAS the cell {H, {p, r}} -> {H + 1, {H, own record}}; on failure go to 1
 *   5 lease = {H, TAKEN}
 *
 * One store moves head and says whose the element is. It says so of the last
 * take only, so who overwrites it has first marked the winner's record (2): the
 * cell was still the same at 4, so nobody took in between. Pop and settling
 * move head alone, and leave taken as it is. So a record with {p, TAKING} holds
 * the element of p if and only if taken is {p, that record} or, looked at
 * behind that, its lease has become {p, TAKEN}. What else says TAKING belongs
 * to who lost the race for p, or never got to 4, and is void.
 *
 * The copy may race with the slot's reuse. It is whole if 4 succeeds, as head
 * then was still at H, and a slot is written again only when head has passed.
 *
 * A position is taken once, and a record's lease never gets the same value
 * again behind NONE. So a CAS at 2 that comes late fails: nothing can revive a
 * lease that has ended.
 *
 * Records
 *   holder  lease
 *   0       NONE      free
 *   me      NONE      idle: for the next take
 *   me      TAKEN     under lease
 *   0       TAKEN     given back: whoever comes next gets this one first
 *   dead    any       anybody makes its holder 0
 *   0       TAKING    of the dead: who gets it finds out whether it is taken
 *
 * Who wants a record, or the element in it, makes its holder from 0 to itself
 * by a CAS; only then it looks at the lease, and only the holder changes that
 * (but for step 2). Done is lease = NONE. To give back is holder = 0.
 *
 * Whether a holder is dead costs system calls. So it is asked when the queue is
 * empty and the caller will not wait (any longer), when no record is free, and
 * else by each handle once in 100 ms: then who naps finds it (wait.h), and it
 * is found as well when the queue is never empty.
 *
 *   edge     written by            read by          carries
 *   taken    take                  take, resolve    the lease and its element
 *   marked   take                  resolve          the same
 *   freed    done, return, bury    claim            the record, what is in it
 *
 * What a crash leaves: before 4 nothing, but a record that the next one frees.
 * Behind it a lease of the dead, up to the store that ends it. An element that
 * was handed out to the dead, or given back, keeps the count of its leases.
 */
#ifndef ZIPC_LEASE_H
#define ZIPC_LEASE_H

#include "place_ring.h"

#include <zipc/queue.h>

#define ZIPC_TAKERS_MOST 1024u

/* A queue handle's part in leases; all constants are checked copies. */
struct zipc_leases {
	struct zipc_places *places;
	struct zipc_place_ring *ring;
	unsigned char *takers;
	uint32_t count, bytes;
	unsigned generation; /* of forks: what is held is the parent's else */
	int32_t idle;        /* an own record without a lease; -1: none */
	uint64_t given_seen; /* of given, when nothing was there */
	bool more;           /* there was something the last time */
	int64_t looked_ns;   /* when the dead were last looked for */
	uint64_t held[ZIPC_TAKERS_MOST / 64]; /* a bit by record */
};

/* What takers of so many take of the body; UINT64_MAX: too large. */
uint64_t zipc_leases_bytes(uint32_t takers, uint64_t elem_size);
/* Behind zipc_places_build(). */
void zipc_leases_build(unsigned char *body, uint32_t takers,
		       uint64_t elem_size);

/* Check what was found, beside places, and make the handle; -EBADMSG. */
int zipc_leases_open(struct zipc_leases **out, struct zipc_places *places,
		     const struct zipc_found *found, const char *name);
/* Gives back what is held. */
void zipc_leases_close(struct zipc_leases *leases);

/* The first step of each of those that follow: a child forgets. */
void zipc_leases_enter(struct zipc_leases *leases);

/*
 * Take one, or pop up to n, without waiting. thorough: what the dead held is
 * looked for before it is said that nothing is there. Returns how many, at
 * least 1; -EAGAIN; -EUSERS (take); -EBADMSG.
 */
int64_t zipc_leases_take(struct zipc_leases *leases, void *elem,
			 struct zipc_lease *lease, bool thorough);
int64_t zipc_leases_pop(struct zipc_leases *leases, void *elems, uint64_t n,
			bool thorough);

/*
 * For who looks whether to try: whether one may have been given back since it
 * was said that nothing is there; and give back what the dead have.
 */
bool zipc_leases_have(const struct zipc_leases *leases);
void zipc_leases_bury(struct zipc_leases *leases);

/* 0; -EINVAL: it is not held by this handle. */
int zipc_leases_done(struct zipc_leases *leases,
		     const struct zipc_lease *lease);
int zipc_leases_return(struct zipc_leases *leases,
		       const struct zipc_lease *lease);

/* words */

static inline uint64_t zipc_lease(uint64_t position,
				  enum zipc_lease_state state)
{
	return position << 2 | state;
}

static inline uint64_t zipc_taken(uint64_t position, uint32_t place)
{
	return position << 10 | place;
}

#endif
