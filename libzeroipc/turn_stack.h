/* SPDX-License-Identifier: MIT */
/*
 * The turn stack: the newest element in one turn cell (cell.h), those below in
 * an array of cells. It is the body of a Stack.
 *
 * A list of nodes has to give nodes back, and who is killed between two steps
 * keeps one for ever. Here positions are an array, one compare-and-swap of 16
 * bytes is the whole of a push, and one the whole of a pop, so there is nothing
 * in between: what is not yet done is done by whoever comes next.
 *
 * State
 *   top      {turn, PUSHED, index}, value: index elements are inside, value is
 *            the newest; turn grows with each change; PUSHED: a push made it,
 *            so the value may stand nowhere else
 *   cells    cells[1..capacity] {tag, value}: the element at that position
 *            while others stand above it; tag is the first word of the top
 *            that had it. Of a position that is not covered, nothing is told
 *
 * Push
 *   1 read top {w, i, v}; i = capacity: full
 *   2 if it is PUSHED, flush: unless cells[i] is {w, v}, look that top is still
 *     w, and CAS cells[i] from what was read to {w, v}; on failure look again
 *   3 CAS top from {w, v} to {turn + 1, PUSHED, i + 1, value}
 *
 * Pop
 *   1 read top {w, i, v}; i = 0: empty
 *   2 read x, the value of cells[i - 1]
 *   3 CAS top from {w, v} to {turn + 1, i - 1, x}; v is the element
 *
 * Each has its moment in its CAS of top; full, empty, peek and size have it in
 * the read of top. Nothing else is seen by others, so a death or a stop before
 * that CAS leaves nothing, and one behind it nothing that is missed.
 *
 * Why the cells are right. Position i is covered while index > i. Claim: the
 * cell of a covered position holds its element, and changes no more while it is
 * covered.
 *   It is covered by a push onto a top {w, i, v}. If that top is PUSHED, the
 * pusher has seen {w, v} in the cell. If a pop made it, v was read from that
 * cell under the top before, in which i was covered, and the CAS proves that
 * top stood all the while: so the cell has v already, and needs no flush.
 *   Who flushes late, for a top w that is gone, has read the cell's {t, x}, and
 * behind that top was still w. Its CAS succeeds only if the cell still is
 * {t, x}, and tags do not come back. If i was covered since, the first time was
 * from a PUSHED top at i, w or a later one, as a pop arrives at i only from
 * above it; that flush has changed the cell, and the late CAS fails. So when it
 * succeeds, i is not covered, and was not since. What it puts there nobody
 * reads: a pop reads i only under a top above it. The next push above i comes
 * from a PUSHED top w', and w' is not w: it sees another pair than it wants in
 * the cell, and flushes over it. Each late one makes such a flush look again
 * once, no more.
 *   A pop reads x under a top at which i - 1 is covered. If top moves meanwhile
 * x may be anything; then its CAS fails.
 *
 * Elements of up to 8 bytes are the values. Larger ones lie in slots, and the
 * value is the slot's number; turn_slot.c has what a push and a slot then do.
 * A pop copies the slot before its CAS of top, which proves that the element
 * was inside until then, so that nobody has written there.
 *
 *   edge      written by      read by          carries
 *   top       push, pop       push, pop, peek  the element, and all below it
 *   covered   push (flush)    push, pop        the cell behind its tag
 *   owner     push, inherit   push (claim)     the slot is no longer written
 *
 * A flush that is seen by another is followed by that one's CAS of top, so that
 * who reads a cell under a top has the flush before it.
 *
 * When turns wrap. The first word gives to the index the bits that capacity
 * needs, one to PUSHED, and the rest to turn: 52 bits for a capacity of 1024,
 * and with the largest, 2^27 - 1, still 36. A CAS is deceived if its caller is
 * held up between the read and the CAS while all 2^36 turns pass, once or
 * several times, exactly, and index and value are the same too: a quarter of an
 * hour at 60 million changes a second, hit to the turn. A flush is not deceived
 * by a cell that was left alone for all turns: it wants tag and value.
 *
 * Nothing is trusted: an index above capacity or a slot beyond the last is
 * -EBADMSG. A loop goes round again only when somebody else has changed what
 * its CAS was about.
 */
#ifndef ZIPC_TURN_STACK_H
#define ZIPC_TURN_STACK_H

#include "cell.h"
#include "segment.h"
#include "table.h"

/* A process's handle on a stack; all constants are checked copies. */
struct zipc_turns {
	struct zipc_segment *segment;
	struct zipc_turn_stack *stack;
	struct zipc_cell *cells;
	struct zipc_stack_writer *writers;
	unsigned char *slots;
	struct zipc_event_word *readable, *writable;
	uint64_t capacity, elem_size, slot_count;
	uint64_t pushed; /* the bit of a first word; index lies below it */
	uint32_t slot_bytes, writer_count;
	unsigned owner_bits; /* of a position or a writer's number */
	bool symmetric;
	struct zipc_stack_writer *mine; /* the own record */
	unsigned generation;            /* of forks, when taken; 0: none */
};

/* The body's size; UINT64_MAX: too large. writers: of larger elements. */
uint64_t zipc_turns_bytes(uint64_t capacity, uint64_t elem_size,
			  uint32_t writers);
void zipc_turns_build(unsigned char *body, uint64_t capacity,
		      uint64_t elem_size, uint32_t writers);

/* Check the stack that was found and make the handle; -EBADMSG. */
int zipc_turns_open(struct zipc_turns *turns, struct zipc_segment *segment,
		    const struct zipc_found *found, const char *name);
void zipc_turns_close(struct zipc_turns *turns);

/*
 * One attempt: 0, -EAGAIN, -EBADMSG. They wake nobody. push: of elements that
 * need slots, the caller has made sure of a writer record.
 */
int zipc_turns_push(struct zipc_turns *turns, const void *elem);
int zipc_turns_pop(struct zipc_turns *turns, void *elem);
int zipc_turns_peek(const struct zipc_turns *turns, void *elem);

/* Elements inside. */
uint64_t zipc_turns_size(const struct zipc_turns *turns);

/* Whether elements are values; else they lie in slots. */
static inline bool zipc_turns_fit(uint64_t elem_size)
{
	return elem_size <= 8;
}

/* slots: turn_slot.c */

/* Own a writer record; -EUSERS. */
int zipc_turns_become_writer(struct zipc_turns *turns);

/* Claim a slot that nobody uses, about to be put at position; -EBADMSG. */
int64_t zipc_turns_claim(struct zipc_turns *turns, uint64_t position);

/* The own claim: is about to be put at another one; was put; or was not. */
void zipc_turns_intend(struct zipc_turns *turns, uint64_t slot,
		       uint64_t position);
void zipc_turns_settle(struct zipc_turns *turns, uint64_t slot,
		       uint64_t position);
void zipc_turns_unclaim(struct zipc_turns *turns, uint64_t slot);

/* A dead holder's record has become the caller's own: resolve its claim. */
void zipc_turns_inherit(struct zipc_turns *turns,
			struct zipc_stack_writer *record);

/* words */

static inline uint64_t zipc_top_index(const struct zipc_turns *turns,
				      uint64_t word)
{
	return word & (turns->pushed - 1);
}

/* The first word of the top that follows one of this word. */
static inline uint64_t zipc_top_next(const struct zipc_turns *turns,
				     uint64_t word, bool pushed, uint64_t index)
{
	/* All bits below turn set, and one more: the next turn, and zeros. */
	return (word | (2 * turns->pushed - 1)) + 1 +
	       (pushed ? turns->pushed : 0) + index;
}

static inline struct zipc_stack_slot *zipc_stack_slot(
	const struct zipc_turns *turns, uint64_t slot)
{
	return (void *)(turns->slots + slot * turns->slot_bytes);
}

#endif
