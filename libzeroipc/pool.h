/* SPDX-License-Identifier: MIT */
/*
 * Pool: objects side by side, and for each a turn cell (cell.h) whose value
 * says whose it is. Every change of hands is one compare-and-swap of that cell,
 * by the turn that was read there; so an old owner, or an old ticket, changes
 * nothing, and who claims an object stands in the word that claims it.
 *
 * States of a cell, as {turn, value}
 *   {t, 0}               free
 *   {t, me}              owned; me is a holder (participant.h)
 *   {t, me | PASSED}     nobody's; who has the ticket of turn t may accept it
 *   {t, me | SENDING}    me is pushing the ticket of turn t + 1
 *
 *   take      {t, 0} -> {t + 1, me}
 *   give      {t, me} -> {t + 1, 0}
 *   pass      {t, me} -> {t + 1, me | PASSED}, and the ticket of t + 1
 *   accept    {t, x | PASSED} by the ticket of t, or {t - 1, x | SENDING},
 *             -> {t + 1, me}
 *   send      1 note the queue; {t, me} -> {t + 1, me | SENDING}
 *             2 push the ticket of t + 2; on failure -> {t + 2, me}
 *             3 {t + 1, me | SENDING} -> {t + 2, me | PASSED}; it fails when
 *               the object was accepted already
 *   receive   copy the ticket at the queue's head, while it stands there;
 *             accept; and only then take it off the head, also if it is stale
 *   reclaim   {t, a dead holder, ..} -> {t + 1, 0}; see below
 *
 * A ticket is the index in as many low bits as the capacity needs, and the low
 * bits of the turn above. Turns only grow, so it stands for one pass only.
 *
 * Why what a dead sender leaves can be decided. A receiver changes the cell
 * before head passes the ticket. So if the cell is still {t, dead | SENDING},
 * a ticket that was pushed lies between head and tail, and will be found there;
 * and the dead push nothing more. So: not there, never pushed, and the object
 * comes back. If it is there, the message was sent and stays. That is asked
 * anew each time, as a published position may yet be revoked (place_ring.h).
 * PASSED says that the ticket is in, or out of, the passer's hands: no death
 * changes it, unless somebody asks for just that (reclaim_passed).
 *
 * Finding a free one. A bit for each group of 64 says that all of it was found
 * taken (full), so that a search skips it. Who frees an object clears the bit
 * behind that, if it is set; who sets it looks at the cells again behind that:
 * with a full fence at both ends one of them sees the other. When one dies in
 * between, a group may be skipped that has a free one. So who finds nothing
 * looks at every cell: always in a pool of 4096 or less, else if the handle has
 * not done so for 10 ms; and mends the bit. The truth is always in the cell.
 *
 * Small objects are taken where the handle gave the last one, as that is in the
 * cache. Large ones are taken in turn: a buffer that others have read lately is
 * dear to write, since its lines have to be taken away from them.
 *
 *   edge     written by                        read by       carries
 *   object   take, give, pass, send, accept,   take, accept  what was done in
 *            reclaim                                         the object before
 *   noted    send                              reclaim       the queue
 *
 * What happens at one moment: each operation, at its compare-and-swap; send at
 * the queue's, receive at accept's. What a crash leaves: before it nothing has
 * happened, behind it all of it; and reclaim frees what the dead own.
 */
#ifndef ZIPC_POOL_INTERNAL_H
#define ZIPC_POOL_INTERNAL_H

#include "cell.h"
#include "participant.h"
#include "segment.h"
#include "use.h"
#include "wait.h"

#include <zipc/pool.h>

#define ZIPC_GROUP 64u

/* A process's handle; all constants are checked copies. */
struct zipc_pool {
	struct zipc_cell *cells;
	uint64_t capacity;
	uint64_t from; /* where the next search begins */
	unsigned generation; /* zipc_use_generation() */
	bool symmetric, reclaims;
	bool large; /* objects are taken in turn */
	bool few;   /* who finds nothing looks at all cells each time */
	unsigned char *objects;
	uint64_t stride, groups;
	_Atomic uint64_t *full;   /* bits */
	_Atomic uint32_t *queues; /* notes: a block's offset in lines */
	struct zipc_event *takers;
	struct zipc_segment *segment;
	struct zipc_use use;
	int64_t looked_ns; /* when all cells were looked at */
	struct zipc_spin spin;
	uint64_t elem_size;
	struct zipc_type *type;
	char name[ZIPC_NAME_MAX + 1];
};

/* values of a cell */

#define ZIPC_POOL_OWNER ((UINT64_C(1) << 48) - 1)
#define ZIPC_POOL_PASSED (UINT64_C(1) << 48)
#define ZIPC_POOL_SENDING (UINT64_C(2) << 48)

static inline uint64_t zipc_pool_state(uint64_t value)
{
	return value & ~ZIPC_POOL_OWNER;
}

/* How many low bits of a ticket are the index. */
static inline unsigned zipc_pool_index_bits(uint64_t capacity)
{
	return capacity > 1 ? 64u - (unsigned)__builtin_clzll(capacity - 1)
			    : 0;
}

static inline uint64_t zipc_pool_ticket(uint64_t capacity, uint64_t index,
					uint64_t turn)
{
	return turn << zipc_pool_index_bits(capacity) | index;
}

/* inside */

/* The first operation of a forked child; or in a segment that is only read. */
int zipc_pool_enter_first(struct zipc_pool *pool);

static inline int zipc_pool_enter(struct zipc_pool *pool)
{
	if (__builtin_expect(pool->generation == zipc_fork_generation, 1))
		return 0;
	return zipc_pool_enter_first(pool);
}

static inline uint64_t zipc_pool_me(const struct zipc_pool *pool)
{
	/* Relaxed: it changes only when this process enters. */
	return atomic_load_explicit(&pool->segment->holder,
				    memory_order_relaxed);
}

/* What the caller owns becomes value; *turn is what it then has. */
int zipc_pool_hand_on(struct zipc_pool *pool, uint64_t index, uint64_t value,
		      uint64_t *turn);

/* A cell has become free: let it be found, and wake who waits for one. */
void zipc_pool_freed(struct zipc_pool *pool, uint64_t index);

/* There is no such object; -EINVAL. */
int zipc_pool_no_object(const struct zipc_pool *pool, uint64_t index);

/* Free what the dead own; how many. */
int64_t zipc_pool_recover(struct zipc_pool *pool, bool passed_too);

#endif
