/* SPDX-License-Identifier: MIT */
/* The turn stack: build, open, push, pop, peek; the idea is in the header. */
#include "turn_fast.h"

#include "atoms.h"
#include "error.h"

#include <string.h>

/* build and open */

static uint64_t slot_bytes_for(uint64_t elem_size)
{
	return 8 + ((elem_size + 7) & ~UINT64_C(7));
}

static uint64_t round_to_line(uint64_t n)
{
	return (n + ZIPC_LINE - 1) & ~(uint64_t)(ZIPC_LINE - 1);
}

/* The constants that a creator writes; those below are bounded, or 0. */
static struct zipc_turn_stack plan(uint64_t capacity, uint64_t elem_size,
				   uint32_t writers)
{
	struct zipc_turn_stack it = { .cells_offset = sizeof(it) };

	if (zipc_turns_fit(elem_size))
		return it;
	it.slots = capacity + writers;
	it.slot_bytes = (uint32_t)slot_bytes_for(elem_size);
	it.writers = writers;
	it.writers_offset = sizeof(it);
	it.cells_offset += writers * sizeof(struct zipc_stack_writer);
	it.slots_offset = round_to_line(it.cells_offset + (capacity + 1) *
					sizeof(struct zipc_cell));
	return it;
}

uint64_t zipc_turns_bytes(uint64_t capacity, uint64_t elem_size,
			  uint32_t writers)
{
	struct zipc_turn_stack it;

	if (capacity > ZIPC_STACK_MOST)
		return UINT64_MAX;
	it = plan(capacity, elem_size, writers);
	if (!it.slots)
		return it.cells_offset +
		       (capacity + 1) * sizeof(struct zipc_cell);
	return it.slots_offset + it.slots * it.slot_bytes;
}

void zipc_turns_build(unsigned char *body, uint64_t capacity,
		      uint64_t elem_size, uint32_t writers)
{
	struct zipc_turn_stack it = plan(capacity, elem_size, writers);

	memcpy(body, &it, offsetof(struct zipc_turn_stack, top));
}

/* Whether [offset, offset + count * each) lies in the body. */
static bool inside(uint64_t body_bytes, uint64_t offset, uint64_t count,
		   uint64_t each)
{
	uint64_t bytes;

	return offset % ZIPC_LINE == 0 &&
	       offset >= sizeof(struct zipc_turn_stack) &&
	       offset <= body_bytes &&
	       !__builtin_mul_overflow(count, each, &bytes) &&
	       bytes <= body_bytes - offset;
}

/* What is wrong with a copy of the constants; NULL: nothing. */
static const char *misfit(const struct zipc_turn_stack *copy,
			  const struct zipc_found *found)
{
	uint64_t writers_bytes = copy->writers *
				 sizeof(struct zipc_stack_writer);
	uint64_t cells_bytes;

	if (found->capacity > ZIPC_STACK_MOST)
		return "its capacity is larger than any stack's";
	cells_bytes = (found->capacity + 1) * sizeof(struct zipc_cell);
	if (!inside(found->body_bytes, copy->cells_offset, 1, cells_bytes))
		return "its cells lie beyond its body";
	if (zipc_turns_fit(found->elem_size))
		return copy->slots || copy->slots_offset || copy->writers ||
				       copy->writers_offset
			       ? "it has slots, which it does not need"
			       : NULL;
	if (!copy->writers || copy->writers > ZIPC_STACK_WRITERS_MOST ||
	    !inside(found->body_bytes, copy->writers_offset, 1,
		    writers_bytes) ||
	    copy->writers_offset + writers_bytes > copy->cells_offset)
		return "its writers lie beyond their place";
	if (copy->slots != found->capacity + copy->writers)
		return "its slots do not fit its capacity and writers";
	if (copy->slot_bytes != slot_bytes_for(found->elem_size) ||
	    !inside(found->body_bytes, copy->slots_offset, copy->slots,
		    copy->slot_bytes) ||
	    copy->slots_offset < copy->cells_offset + cells_bytes)
		return "its slots lie beyond its body";
	return NULL;
}

/* How many bits it takes to count up to n. */
static unsigned bits_for(uint64_t n)
{
	return 64 - (unsigned)__builtin_clzll(n);
}

int zipc_turns_open(struct zipc_turns *turns, struct zipc_segment *segment,
		    const struct zipc_found *found, const char *name)
{
	const char *wrong = "its body is too short";
	struct zipc_turn_stack copy;
	unsigned bits;

	if (found->body_bytes >= sizeof(copy)) {
		/* Only the copy is checked and used. */
		memcpy(&copy, found->body,
		       offsetof(struct zipc_turn_stack, top));
		wrong = misfit(&copy, found);
	}
	if (wrong)
		return zipc_fail(EBADMSG, "`%s` is damaged: %s", name, wrong);
	bits = bits_for(found->capacity);
	*turns = (struct zipc_turns){
		.segment = segment,
		.stack = (void *)found->body,
		.cells = (void *)(found->body + copy.cells_offset),
		.writers = (void *)(found->body + copy.writers_offset),
		.slots = found->body + copy.slots_offset,
		.readable = &found->block->readable,
		.writable = &found->block->writable,
		.capacity = found->capacity,
		.elem_size = found->elem_size,
		.slot_count = copy.slots,
		.pushed = UINT64_C(1) << bits,
		.slot_bytes = copy.slot_bytes,
		.writer_count = copy.writers,
		/* A position, or one of 4096 writers. */
		.owner_bits = bits > 12 ? bits : 12,
		.symmetric = segment->symmetric,
	};
	return 0;
}

/* words */

static bool top_is_still(const struct zipc_turns *turns, uint64_t word)
{
	/* Relaxed: what was read before it was so by an acquire. */
	return atomic_load_explicit(&turns->stack->top.turn,
				    memory_order_relaxed) == word;
}

static int is_damaged(void)
{
	return zipc_fail_as(EBADMSG, "the stack is damaged: its top names what "
			    "it can not have");
}

static int is_full(void)
{
	return zipc_fail_as(EAGAIN, "the stack is full");
}

static int is_empty(void)
{
	return zipc_fail_as(EAGAIN, "the stack is empty");
}

/*
 * The pair of top into the cell of its position; false: top is another by now.
 * That is asked behind the look at the cell: it is what makes a late one
 * harmless, and it proves that both halves of top belong together.
 */
static bool flush(const struct zipc_turns *turns, uint64_t position,
		  struct zipc_pair top)
{
	struct zipc_cell *cell = &turns->cells[position];
	struct zipc_pair found;

	/* covered: acquire; pairs with another's flush. */
	found.turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
	found.value = atomic_load_explicit(&cell->value, memory_order_acquire);
	do {
		if (found.turn == top.turn && found.value == top.value)
			return true;
		if (!top_is_still(turns, top.turn))
			return false;
		/* covered: release and acquire; pairs with push and pop. */
	} while (!zipc_cell_swap(cell, &found, top));
	return true;
}

/*
 * Somebody else has changed top. Who looks again at once takes the line away
 * from him, and both get slower than one alone; who lets him be for a while,
 * longer each time, finds him gone, or does a row of his own.
 */
#define PAUSES_FIRST 32u
#define PAUSES_MOST 256u

static void back_off(unsigned *pauses)
{
	unsigned i;

	for (i = 0; i < *pauses; i++)
		zipc_pause();
	if (*pauses < PAUSES_MOST)
		*pauses *= 2;
}

/* push */

/* One try; -EAGAIN full, -EBADMSG, 1: look again, 0: done. */
static int try_push(const struct zipc_turns *turns, struct zipc_pair top,
		    uint64_t value)
{
	uint64_t index = zipc_top_index(turns, top.turn);
	struct zipc_pair next = { .value = value };

	if (index >= turns->capacity)
		return index > turns->capacity ? is_damaged() : is_full();
	if (top.turn & turns->pushed && !flush(turns, index, top))
		return 1;
	next.turn = zipc_top_next(turns, top.turn, true, index + 1);
	/* top: release and acquire; pairs with all. The element is written. */
	return !zipc_cell_swap(&turns->stack->top, &top, next);
}

static int push_value(const struct zipc_turns *turns, const void *elem)
{
	unsigned pauses = PAUSES_FIRST;
	uint64_t value;
	int rc;

	if (turns->elem_size == 8)
		memcpy(&value, elem, sizeof(value));
	else
		value = zipc_short_word(elem, turns->elem_size);
	while ((rc = try_push(turns, zipc_turns_look(turns), value)) > 0)
		back_off(&pauses);
	return rc;
}

static int push_slot(struct zipc_turns *turns, const void *elem)
{
	struct zipc_pair top = zipc_turns_look(turns);
	uint64_t position = zipc_top_index(turns, top.turn) + 1;
	unsigned pauses = PAUSES_FIRST;
	int64_t slot;
	int rc;

	/* Who finds it full by the first look has nothing to give back. */
	if (position > turns->capacity)
		return position - 1 > turns->capacity ? is_damaged()
						      : is_full();
	slot = zipc_turns_claim(turns, position);
	if (slot < 0)
		return (int)slot;
	zipc_copy_in(zipc_stack_slot(turns, (uint64_t)slot)->element, elem,
		     turns->elem_size);
	while ((rc = try_push(turns, top, (uint64_t)slot)) > 0) {
		back_off(&pauses);
		top = zipc_turns_look(turns);
		position = zipc_top_index(turns, top.turn) + 1;
		zipc_turns_intend(turns, (uint64_t)slot, position);
	}
	if (rc)
		zipc_turns_unclaim(turns, (uint64_t)slot);
	else
		zipc_turns_settle(turns, (uint64_t)slot, position);
	return rc;
}

int zipc_turns_push(struct zipc_turns *turns, const void *elem)
{
	if (zipc_turns_fit(turns->elem_size))
		return push_value(turns, elem);
	return push_slot(turns, elem);
}

/* pop and peek */

/*
 * The element of a top, when both its halves belong together, or the caller
 * finds out that they do not; -EBADMSG: they do, and name no slot.
 */
static int copy_elem(const struct zipc_turns *turns, struct zipc_pair top,
		     void *elem)
{
	if (turns->elem_size == 8)
		memcpy(elem, &top.value, sizeof(top.value));
	else if (zipc_turns_fit(turns->elem_size))
		zipc_split_word(elem, turns->elem_size, top.value);
	else if (top.value < turns->slot_count)
		zipc_copy_out(elem, zipc_stack_slot(turns, top.value)->element,
			      turns->elem_size);
	else if (top_is_still(turns, top.turn))
		return is_damaged();
	return 0;
}

int zipc_turns_pop(struct zipc_turns *turns, void *elem)
{
	unsigned pauses = PAUSES_FIRST;
	struct zipc_pair top;
	uint64_t index;

	for (;; back_off(&pauses)) {
		top = zipc_turns_look(turns);
		index = zipc_top_index(turns, top.turn);
		if (index == 0)
			return is_empty();
		if (index > turns->capacity || copy_elem(turns, top, elem))
			return is_damaged();
		/* top: release and acquire; the copies are done. */
		if (zipc_cell_swap(&turns->stack->top, &top,
				   zipc_turns_below(turns, top)))
			return 0;
	}
}

int zipc_turns_peek(const struct zipc_turns *turns, void *elem)
{
	struct zipc_pair top;
	uint64_t index;

	do {
		top = zipc_turns_look(turns);
		index = zipc_top_index(turns, top.turn);
		if (index == 0)
			return is_empty();
		if (index > turns->capacity || copy_elem(turns, top, elem))
			return is_damaged();
		/* The copy, by relaxed loads, comes before the look at top. */
		atomic_thread_fence(memory_order_acquire);
	} while (!top_is_still(turns, top.turn));
	return 0;
}

uint64_t zipc_turns_size(const struct zipc_turns *turns)
{
	/* Relaxed: a count, and nothing is read by it. */
	uint64_t index = zipc_top_index(
		turns, atomic_load_explicit(&turns->stack->top.turn,
					    memory_order_relaxed));

	return index < turns->capacity ? index : turns->capacity;
}
