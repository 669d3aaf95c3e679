/* SPDX-License-Identifier: MIT */
/*
 * The turn stack's fast paths, inline: push and pop of a value when nothing is
 * in the way; a push onto a top that is to be flushed goes the long way, by
 * turn_stack.c. The steps and their order are those of turn_stack.h.
 *
 * A locked instruction waits until every store before it has reached the cache.
 * So these functions call nothing, and their caller leaves by a tail call, so
 * that no more registers are saved than that instruction itself needs.
 */
#ifndef ZIPC_TURN_FAST_H
#define ZIPC_TURN_FAST_H

#include "turn_stack.h"
#include "wait.h"

/* How a fast path ended. */
enum zipc_turns_how {
	ZIPC_TURN_MADE,
	ZIPC_TURN_MADE_FOR_SLEEPERS, /* they are to be woken */
	ZIPC_TURN_NOT_MADE
};

#define ZIPC_TURN_INLINE static inline __attribute__((always_inline))

/*
 * Top, half by half: what does not belong together is no top that ever was, so
 * a CAS from it fails.
 */
ZIPC_TURN_INLINE struct zipc_pair zipc_turns_look(
	const struct zipc_turns *turns)
{
	const struct zipc_cell *top = &turns->stack->top;
	struct zipc_pair pair;

	/* top: acquire; pairs with push and pop. */
	pair.turn = atomic_load_explicit(&top->turn, memory_order_acquire);
	pair.value = atomic_load_explicit(&top->value, memory_order_acquire);
	return pair;
}

/* The top below top, which has an element. */
ZIPC_TURN_INLINE struct zipc_pair zipc_turns_below(
	const struct zipc_turns *turns, struct zipc_pair top)
{
	uint64_t index = zipc_top_index(turns, top.turn) - 1;
	struct zipc_pair below;

	below.turn = zipc_top_next(turns, top.turn, false, index);
	/* covered: acquire; pairs with the flush. Cell 0 has a 0. */
	below.value = atomic_load_explicit(&turns->cells[index].value,
					   memory_order_acquire);
	return below;
}

ZIPC_TURN_INLINE enum zipc_turns_how zipc_turns_made(
	const struct zipc_turns *turns, const struct zipc_event_word *event)
{
	return zipc_sleepers(event, turns->symmetric)
		       ? ZIPC_TURN_MADE_FOR_SLEEPERS
		       : ZIPC_TURN_MADE;
}

ZIPC_TURN_INLINE enum zipc_turns_how zipc_turns_push_fast(
	const struct zipc_turns *turns, uint64_t value)
{
	const struct zipc_event_word *readable = turns->readable;
	struct zipc_pair top = zipc_turns_look(turns);
	struct zipc_pair next = { .value = value };
	uint64_t low = top.turn & (2 * turns->pushed - 1);

	/* PUSHED is a bit above every index, so it is not below either. */
	if (__builtin_expect(low >= turns->capacity, 0))
		return ZIPC_TURN_NOT_MADE;
	next.turn = zipc_top_next(turns, top.turn, true, low + 1);
	/* top: release and acquire; pairs with all. */
	if (__builtin_expect(!zipc_cell_swap(&turns->stack->top, &top, next),
			     0))
		return ZIPC_TURN_NOT_MADE;
	return zipc_turns_made(turns, readable);
}

ZIPC_TURN_INLINE enum zipc_turns_how zipc_turns_pop_fast(
	const struct zipc_turns *turns, uint64_t *value)
{
	const struct zipc_event_word *writable = turns->writable;
	struct zipc_pair top = zipc_turns_look(turns), next;

	/* Of 0 elements one less is more than capacity, too. */
	if (__builtin_expect(zipc_top_index(turns, top.turn) - 1 >=
				     turns->capacity, 0))
		return ZIPC_TURN_NOT_MADE;
	next = zipc_turns_below(turns, top);
	*value = top.value;
	/* top: release and acquire; pairs with all. */
	if (__builtin_expect(!zipc_cell_swap(&turns->stack->top, &top, next),
			     0))
		return ZIPC_TURN_NOT_MADE;
	return zipc_turns_made(turns, writable);
}

#endif
