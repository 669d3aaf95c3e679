/* SPDX-License-Identifier: MIT */
/*
 * The place ring's long way: push and pop of any number, and owning a writer's
 * record. Nothing here waits for room or elements: 0 says that there is none.
 */
#ifndef ZEROIPC_DETAIL_PLACE_SLOW_H
#define ZEROIPC_DETAIL_PLACE_SLOW_H

#include <zeroipc/detail/place_fast.h>
#include <zeroipc/detail/place_settle.h>

namespace zeroipc::detail {

/* writer records */

inline bool take_record(Places &places, Writer &record, std::uint64_t from)
{
	const std::uint64_t me = places.segment->holder.load(relaxed);

	if (!record.holder.change(from, me, acq_rel, relaxed))
		return false;
	inherit(places, record);
	places.mine = &record;
	places.generation = fork_generation;
	return true;
}

/* Own a writer record. */
ZEROIPC_SLOW inline void become_writer(Places &places)
{
	/* First those that are free: whether one is dead costs system calls. */
	for (int round = 0; round < 2; round++)
		for (std::uint32_t i = 0; i < places.writer_count; i++) {
			Writer &record = places.writers[i];
			const std::uint64_t holder =
				record.holder.load(acquire);

			if (holder &&
			    (round == 0 || places.segment->lives(holder)))
				continue;
			if (take_record(places, record, holder))
				return;
		}
	fail(EUSERS, "all %u writers' places are held by live processes: close "
	     "queues that no longer push, or create the queue with more "
	     "(max_writers)", places.writer_count);
}

/* hope */

inline void pause_for(unsigned pauses)
{
	while (pauses--)
		pause();
}

/*
 * Look at a word every few pauses until it is no longer from, or for as long as
 * it paid the last times. Returns how many pauses that took, or 0: no change.
 * Head and tail are what the other side works on: to ask them whether the ring
 * is full or empty takes their lines away from it.
 */
inline unsigned changes_soon(const Word<std::uint64_t> &word,
			     std::uint64_t from, unsigned pauses,
			     unsigned &hope)
{
	constexpr unsigned least = 4, most = 256;
	unsigned spent = 0;

	while (spent < hope) {
		pause_for(pauses);
		spent += pauses;
		/* Relaxed; the caller looks again. */
		if (word.load(relaxed) == from)
			continue;
		hope = std::clamp(4 * spent, least, most);
		return spent;
	}
	hope = std::max(hope / 2, least);
	return 0;
}

/* push */

/* What head says is true now: the ring is full, or its oldest is stuck. */
inline bool is_full(Places &places, std::uint64_t head, std::uint64_t used)
{
	if (used > places.slot_count)
		fail(EBADMSG, "the queue is damaged: it holds more than its "
		     "slots");
	if (places.turn(head) == head)
		return true;
	unstick(places, head);
	return false;
}

/*
 * Positions that may lie between head and tail: capacity, and those that were
 * given up there. More than the slots they can not be.
 */
inline std::uint64_t width(Places &places, std::uint64_t head,
			   std::uint64_t tail)
{
	std::uint64_t most = places.capacity;

	if (tail - head <= places.slot_count)
		most += holes_between(places, head, tail);
	return std::min(most, places.slot_count);
}

/* The copy of head is behind tail again; false: tail was old, read it again. */
inline bool refresh_head(Places &places, std::uint64_t tail)
{
	/* room: acquire; pairs with pop and settle. */
	places.head_seen = places.ring->head.load(acquire);
	if (tail >= places.head_seen)
		return true;
	if (places.tail() < places.head_seen)
		fail(EBADMSG, "the queue is damaged: its head is beyond its "
		     "tail");
	return false;
}

enum class Room { some, full, look_again };

/* Whether up to n have room when tail is there; n becomes how many. */
inline Room room_at(Places &places, std::uint64_t tail, std::uint64_t &n)
{
	std::uint64_t used = tail - places.head_seen, most = places.capacity;

	if (used >= most) {
		if (!refresh_head(places, tail))
			return Room::look_again;
		used = tail - places.head_seen;
		if (used >= most &&
		    changes_soon(places.ring->head, places.head_seen, 8,
				 places.push_hope))
			return Room::look_again;
		if (used >= most)
			most = width(places, places.head_seen, tail);
		if (used >= most)
			return is_full(places, places.head_seen, used)
				       ? Room::full
				       : Room::look_again;
	}
	n = std::min({n, most - used, batch_most});
	return Room::some;
}

/*
 * With active up: n, or less, so that a slot in quarantine stands behind the
 * batch, or is all of it: what is claimed with it would be given up with it.
 */
inline std::uint64_t wary(const Places &places, std::uint64_t tail,
			  std::uint64_t n)
{
	if (n > 1 && is_active(*places.ring))
		n = free_run(places, tail, n);
	return std::max<std::uint64_t>(n, 1);
}

/* Claim up to n positions from first on; how many. */
inline std::uint64_t claim_some(Places &places, std::uint64_t n,
				std::uint64_t &first)
{
	std::uint64_t tail = places.tail();

	for (;;) {
		std::uint64_t some = n;

		switch (room_at(places, tail, some)) {
		case Room::full:
			return 0;
		case Room::look_again:
			tail = places.tail();
			break;
		case Room::some:
			some = wary(places, tail, some);
			if (!claim_at(*places.ring, *places.mine, tail, some))
				break;
			first = tail;
			return some;
		}
	}
}

/* Write and publish n elements; how many stand. */
template <std::size_t Size>
std::uint64_t fill(Places &places, const unsigned char *elems,
		   std::uint64_t first, std::uint64_t claimed, std::uint64_t n)
{
	const std::uint64_t open = make_claim(first, claimed, claim_open);
	std::uint64_t lap = places.in_lap;

	for (std::uint64_t i = 0; i < n; i++) {
		Slot &slot = next_slot<Size>(places, lap, first + i);

		fetch_ahead<Size>(places, slot);
		if (!publish(*places.mine, slot, first + i, elems,
			     elem_bytes<Size>(places), open,
			     places.symmetric)) {
			const std::uint64_t stand =
				answer(places, first, claimed, i);

			if (stand < claimed)
				return stand;
		}
		elems += elem_bytes<Size>(places);
	}
	places.in_lap = lap;
	return n;
}

/* With active up some slots may be quarantined: only those before the first. */
template <std::size_t Size>
std::uint64_t fill_warily(Places &places, const unsigned char *elems,
			  std::uint64_t first, std::uint64_t claimed)
{
	tidy(places);

	const std::uint64_t n = free_run(places, first, claimed);
	const std::uint64_t stand =
		fill<Size>(places, elems, first, claimed, n);

	if (n < claimed)
		give_up(places, first + claimed - 1); /* others settle it */
	return stand;
}

/* Push up to n without waiting; how many, 0: full. The handle is a writer's. */
template <std::size_t Size>
[[gnu::noinline]] std::uint64_t push_some(Places &places,
					  const unsigned char *elems,
					  std::uint64_t n)
{
	std::uint64_t first = 0, claimed, stand;

	do {
		claimed = claim_some(places, n, first);
		if (!claimed)
			return 0;
		if (is_active(*places.ring))
			stand = fill_warily<Size>(places, elems, first,
						  claimed);
		else
			stand = fill<Size>(places, elems, first, claimed,
					   claimed);
	} while (!stand);
	wake(*places.readable, places.symmetric, stand);
	return stand;
}

/*
 * After Fast::claimed or Fast::touched: go on with it; false: the element has
 * to be pushed again.
 */
template <std::size_t Size>
ZEROIPC_SLOW bool push_rest(Places &places, const unsigned char *elem,
			    std::uint64_t position, Fast how)
{
	const std::uint64_t stand =
		how == Fast::claimed
			? fill_warily<Size>(places, elem, position, 1)
			: answer(places, position, 1, 0);

	if (stand)
		wake(*places.readable, places.symmetric, 1);
	return stand;
}

/* pop */

/* How many are published from head on, up to n. */
template <std::size_t Size>
std::uint64_t published_run(const Places &places, std::uint64_t head,
			    std::uint64_t n)
{
	std::uint64_t lap = places.out_lap, i;

	/* filled: acquire; pairs with push. */
	for (i = 0; i < n; i++)
		if (next_slot<Size>(places, lap, head + i).turn.load(acquire) !=
		    head + i)
			break;
	return i;
}

template <std::size_t Size>
void copy_run(Places &places, std::uint64_t head, std::uint64_t n,
	      unsigned char *elems)
{
	std::uint64_t lap = places.out_lap;

	for (std::uint64_t i = 0; i < n; i++) {
		Slot &slot = next_slot<Size>(places, lap, head + i);

		copy_out(elems, slot.element(), elem_bytes<Size>(places));
		elems += elem_bytes<Size>(places);
	}
	places.out_lap = lap;
}

/*
 * The position at head is not published. Empty is true of the moment in which
 * the turn was read: whatever is pushed before that is seen behind it, if only
 * by the turn of a later lap. Else look again.
 */
inline bool is_empty(Places &places, std::uint64_t head)
{
	const std::uint64_t tail = places.tail();

	if (places.head() != head)
		return false;
	if (tail < head || tail - head > places.slot_count)
		fail(EBADMSG, "the queue is damaged: its head and tail do not "
		     "belong together");
	for (std::uint64_t p = head + 1; p < tail; p++)
		if (places.turn(p) >= p) {
			unstick(places, head);
			return false;
		}
	return true;
}

/*
 * The turn at head may come soon. When it came at once, push is just ahead, in
 * the same line: it is given a lead, or each would take the line from the other
 * for every element.
 */
inline bool comes_soon(Places &places, std::uint64_t head)
{
	const std::uint64_t seen = places.turn(head);

	if (seen == head)
		return true;

	const unsigned spent = changes_soon(places.slot(head).turn, seen, 1,
					    places.pop_hope);

	if (spent == 1)
		pause_for(16);
	return spent;
}

/* With active up: whether what is at head may be taken; else look again. */
inline bool may_take(Places &places, std::uint64_t head)
{
	const std::uint64_t verdict = places.verdict();

	tidy(places);
	if (verdict >> 2 != head || verdict == make_verdict(head, is_published))
		return true;
	/* What nobody claimed can not be settled: we would look for ever. */
	if (places.tail() <= head)
		fail(EBADMSG, "the queue is damaged: there is an element "
		     "behind its tail");
	settle(places, head);
	return false;
}

/* Pop up to n without waiting; how many, 0: empty. */
template <std::size_t Size>
[[gnu::noinline]] std::uint64_t pop_some(Places &places, unsigned char *elems,
					 std::uint64_t n)
{
	for (;;) {
		std::uint64_t head = places.head();
		std::uint64_t run = published_run<Size>(places, head, n);

		if (!run && comes_soon(places, head))
			run = published_run<Size>(places, head, n);
		if (!run && is_empty(places, head))
			return 0;
		if (run && is_active(*places.ring))
			run = may_take(places, head) ? 1 : 0;
		if (!run)
			continue;
		copy_run<Size>(places, head, run, elems);
		/* room: release; the copies are done before the slots are. */
		if (places.ring->head.change(head, head + run, acq_rel,
					     relaxed)) {
			wake(*places.writable, places.symmetric, run);
			return run;
		}
	}
}

} // namespace zeroipc::detail

#endif
