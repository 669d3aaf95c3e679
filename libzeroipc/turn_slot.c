/* SPDX-License-Identifier: MIT */
/*
 * The slots of a turn stack, for elements of more than 8 bytes: there are
 * capacity of them and one more for each writer, and no list of the free ones,
 * since who is killed between taking a slot off a list and using it would have
 * taken it along.
 *
 * A slot's owner is one word: {turn, writer, CLAIMED}, or {turn, position} when
 * it has been put in at that position, or 0 as the position when it has not.
 * It is free if it is not CLAIMED, and that position does not name it: index is
 * below it, or another slot is the value there. So a pop frees a slot by taking
 * it off the top, and stores nothing for it.
 *
 * Push
 *   1 the own record's intent = {slot, position}, for one that is free
 *   2 CAS its owner from the word that was found free to
 *     {turn + 1, me, CLAIMED}
 *   3 write the element
 *   4 push the slot's number (turn_stack.h); before a try at another position
 *     intent names that one
 *   5 the own claim is stored over: owner = {turn + 1, position}
 *
 * Why a slot that is in use is not found free. Only who claims a slot puts it
 * in, and then it stays at its position. So while owner is {turn, p}, the slot
 * is at p for a while, or never, and then no more. If it is at p while it is
 * asked for, then either top has index p, and its value names the slot; or the
 * index is larger, p is covered, and its cell names it until it is taken: the
 * push that covered p has seen it there, and behind that nobody flushes to p
 * before another push to p. So to find it unnamed is to prove it gone, and the
 * CAS from that very word shows that nobody has claimed it since. To find it
 * named wrongly, by a cell that was looked at too late, only passes it over.
 *
 * What a crash leaves: a claim, and the intent that names it; until somebody
 * inherits the record it costs the one spare slot of that record, as it does
 * while a pusher is stopped. The heir stores what the victim would have: the
 * position that the intent names, which is that of its last try. If that did
 * not succeed, or was not made, the position does not name the slot, so it is
 * free.
 *
 * Probes begin at the slot of the position, as if each had its own, so slots
 * above hold, as a rule, what stood above, and are free: the first look finds
 * one. It does not when a slot there is claimed, or holds a lower position,
 * which comes of a push that itself found its slot claimed, or met others and
 * came out lower than it was begun. Each of these displaces one slot until the
 * element leaves; there are as many as pushes have crossed since those below
 * were put in.
 */
#include "error.h"
#include "record.h"
#include "turn_stack.h"

#define CLAIMED UINT64_C(1)

static uint64_t owner_argument(const struct zipc_turns *turns, uint64_t owner)
{
	return owner >> 1 & ((UINT64_C(1) << turns->owner_bits) - 1);
}

/* The same turn, with another argument. */
static uint64_t owner_with(const struct zipc_turns *turns, uint64_t owner,
			   uint64_t argument)
{
	unsigned shift = turns->owner_bits + 1;

	return owner >> shift << shift | argument << 1;
}

static uint64_t owner_claimed(const struct zipc_turns *turns, uint64_t owner)
{
	uint64_t next = owner + (UINT64_C(1) << (turns->owner_bits + 1));

	return owner_with(turns, next,
			  (uint64_t)(turns->mine - turns->writers)) |
	       CLAIMED;
}

static uint64_t read_owner(const struct zipc_turns *turns, uint64_t slot)
{
	/* owner: acquire; pairs with settle and inherit. Top is read behind. */
	return atomic_load_explicit(&zipc_stack_slot(turns, slot)->owner,
				    memory_order_acquire);
}

/* Over the caller's own claim, or a dead one's whose record is the caller's. */
static void store_owner(struct zipc_turns *turns, uint64_t slot,
			uint64_t position)
{
	uint64_t owner = read_owner(turns, slot);

	/* owner: release; pairs with claim. What put it in comes before. */
	atomic_store_explicit(&zipc_stack_slot(turns, slot)->owner,
			      owner_with(turns, owner, position),
			      memory_order_release);
}

/* Whether a slot whose owner is this word is not in use; the head says why. */
static bool is_free(const struct zipc_turns *turns, uint64_t slot,
		    uint64_t owner)
{
	uint64_t position = owner_argument(turns, owner), index;
	struct zipc_pair top;

	if (owner & CLAIMED)
		return false;
	if (position == 0 || position > turns->capacity)
		return true;
	/* top: acquire; pairs with pop, which has copied the slot. */
	top = zipc_cell_read(&turns->stack->top);
	index = zipc_top_index(turns, top.turn);
	if (index <= position)
		return index < position || top.value != slot;
	/* covered: acquire; pairs with the flush. */
	return atomic_load_explicit(&turns->cells[position].value,
				    memory_order_acquire) != slot;
}

void zipc_turns_intend(struct zipc_turns *turns, uint64_t slot,
		       uint64_t position)
{
	/* Release: what it says of slots before is done. An heir reads it. */
	atomic_store_explicit(&turns->mine->intent, position << 32 | (slot + 1),
			      memory_order_release);
}

void zipc_turns_settle(struct zipc_turns *turns, uint64_t slot,
		       uint64_t position)
{
	store_owner(turns, slot, position);
}

void zipc_turns_unclaim(struct zipc_turns *turns, uint64_t slot)
{
	store_owner(turns, slot, 0);
}

static bool claim(struct zipc_turns *turns, uint64_t slot, uint64_t position)
{
	uint64_t owner = read_owner(turns, slot);

	if (!is_free(turns, slot, owner))
		return false;
	zipc_turns_intend(turns, slot, position);
	/* owner: acquire; the element is written behind it. */
	return atomic_compare_exchange_strong_explicit(
		&zipc_stack_slot(turns, slot)->owner, &owner,
		owner_claimed(turns, owner), memory_order_acq_rel,
		memory_order_relaxed);
}

static uint64_t top_word(const struct zipc_turns *turns)
{
	return atomic_load_explicit(&turns->stack->top.turn,
				    memory_order_acquire);
}

/*
 * At any moment a slot is free: others have claims on one each, and there is
 * one for the caller too. So a round finds none only if claims moved on before
 * it. When top does not move either, each such round takes somebody else who
 * gave a claim up, or was killed and inherited, just then.
 */
int64_t zipc_turns_claim(struct zipc_turns *turns, uint64_t position)
{
	uint64_t slot = (position - 1) % turns->slot_count, n, word;
	unsigned vain = 0;

	while (vain++ < 4 * turns->writer_count) {
		word = top_word(turns);
		for (n = 0; n < turns->slot_count; n++) {
			if (claim(turns, slot, position))
				return (int64_t)slot;
			if (++slot == turns->slot_count)
				slot = 0;
		}
		if (word != top_word(turns))
			vain = 0;
	}
	return zipc_fail_as(EBADMSG, "the stack is damaged: it has room, and "
			    "no slot for it");
}

/* writer records */

int zipc_turns_become_writer(struct zipc_turns *turns)
{
	int64_t i = zipc_record_take(turns->segment, turns->writers,
				     turns->writer_count);

	if (i < 0)
		return zipc_fail(EUSERS, "all %u writers' places are held by "
				 "live processes: close stacks that no longer "
				 "push, or create the stack with more "
				 "(max_writers)", turns->writer_count);
	turns->mine = &turns->writers[i];
	zipc_turns_inherit(turns, turns->mine);
	turns->generation = zipc_fork_generation;
	return 0;
}

void zipc_turns_inherit(struct zipc_turns *turns,
			struct zipc_stack_writer *record)
{
	/* Acquire: the victim's claim is read behind what names it. */
	uint64_t intent = atomic_load_explicit(&record->intent,
					       memory_order_acquire);
	uint64_t slot = (intent & UINT32_MAX) - 1, position = intent >> 32;
	uint64_t owner;

	if (slot < turns->slot_count) {
		owner = read_owner(turns, slot);
		if (owner & CLAIMED &&
		    owner_argument(turns, owner) ==
			    (uint64_t)(record - turns->writers))
			store_owner(turns, slot,
				    position <= turns->capacity ? position : 0);
	}
	atomic_store_explicit(&record->intent, 0, memory_order_release);
}

void zipc_turns_close(struct zipc_turns *turns)
{
	/* After fork the record is the parent's. */
	if (turns->generation != zipc_fork_generation)
		return;
	zipc_record_give(turns->mine);
	turns->generation = 0;
}
