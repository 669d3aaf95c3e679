/* SPDX-License-Identifier: MIT */
/*
 * The place ring's fast paths, inline: push and pop of one element when nothing
 * is in the way. All else goes the long way, by place_slow.h. The steps and
 * their order are those of place_ring.h. Size is the element's when it is known
 * to the compiler, else 0.
 *
 * A locked instruction waits until every store before it has reached the cache.
 * So here are no stores but those of the algorithm.
 */
#ifndef ZEROIPC_DETAIL_PLACE_FAST_H
#define ZEROIPC_DETAIL_PLACE_FAST_H

#include <zeroipc/detail/place_ring.h>

namespace zeroipc::detail {

/* How a fast path ended. */
enum class Fast {
	done,
	sleepers_seen, /* done, and sleepers are to be woken */
	not_begun,     /* nothing was done */
	claimed,       /* the position is claimed, and active is up */
	touched        /* published, and the claim was asked about */
};

template <std::size_t Size>
ZEROIPC_INLINE std::size_t elem_bytes(const Places &places)
{
	return Size ? Size : places.elem_size;
}

/* The slot of a position, by where its lap begins: no division. */
template <std::size_t Size>
ZEROIPC_INLINE Slot &next_slot(const Places &places, std::uint64_t &lap,
			       std::uint64_t position)
{
	const std::uint64_t bytes = Size ? slot_bytes_for(Size)
					 : places.slot_bytes;
	std::uint64_t index = position - lap;

	if (index >= places.slot_count) [[unlikely]] {
		index = position % places.slot_count;
		lap = position - index;
	}
	return *reinterpret_cast<Slot *>(places.slots + index * bytes);
}

/* Claim n positions from tail on; if it is elsewhere, tail becomes that. */
ZEROIPC_INLINE bool claim_at(PlaceRing &ring, Writer &mine, std::uint64_t &tail,
			     std::uint64_t n)
{
	/* left: release; pairs with push at full. The CAS carries the claim. */
	mine.claim.store(make_claim(tail, n, claim_open), release);
	if (ring.tail.change(tail, tail + n, acq_rel, acquire)) [[likely]]
		return true;
	void_claim(mine);
	return false;
}

/*
 * Write and publish *elem at a position, under the claim of value open; false:
 * the claim was touched meanwhile.
 */
ZEROIPC_INLINE bool publish(Writer &mine, Slot &slot, std::uint64_t position,
			    const void *elem, std::size_t elem_size,
			    std::uint64_t open, bool symmetric)
{
	copy_in(slot.element(), elem, elem_size);
	/* filled: release; pairs with pop and settle. */
	slot.turn.store(position, release);
	fence_light(symmetric);
	/* asked: relaxed behind the fence; pairs with settle. */
	return mine.claim.load(relaxed) == open;
}

/* A push that waits for this line would be a slow one: have it fetched. */
template <std::size_t Size>
ZEROIPC_INLINE void fetch_ahead(const Places &places, const Slot &slot)
{
	const auto next = reinterpret_cast<const char *>(&slot) + places.ahead;

	prefetch_to_write(next);
	if (elem_bytes<Size>(places) > 8)
		prefetch_to_write(next + line);
}

/*
 * Push *elem; tail is the position claimed. The handle is a writer's. What is
 * needed behind the claim is read before it, since no load passes a locked
 * instruction.
 */
template <std::size_t Size>
ZEROIPC_INLINE Fast push_fast(Places &places, const void *elem,
			      std::uint64_t &tail)
{
	PlaceRing &ring = *places.ring;
	Writer &mine = *places.mine;

	tail = ring.tail.load(acquire);

	Slot &slot = next_slot<Size>(places, places.in_lap, tail);
	const std::uint64_t open = make_claim(tail, 1, claim_open);

	fetch_ahead<Size>(places, slot);
	if (tail - places.head_seen >= places.capacity) [[unlikely]]
		return Fast::not_begun;
	if (!claim_at(ring, mine, tail, 1)) [[unlikely]]
		return Fast::not_begun;
	if (is_active(ring)) [[unlikely]]
		return Fast::claimed;
	if (!publish(mine, slot, tail, elem, elem_bytes<Size>(places), open,
		     places.symmetric)) [[unlikely]]
		return Fast::touched;
	return sleepers(*places.readable, places.symmetric)
		       ? Fast::sleepers_seen
		       : Fast::done;
}

/* Pop into *elem. */
template <std::size_t Size>
ZEROIPC_INLINE Fast pop_fast(Places &places, void *elem)
{
	PlaceRing &ring = *places.ring;
	const Event &writable = *places.writable;
	std::uint64_t head = ring.head.load(acquire);
	Slot &slot = next_slot<Size>(places, places.out_lap, head);

	/* The order is that of the long way: turn, active, copy, head. */
	/* filled: acquire; pairs with push. */
	if (slot.turn.load(acquire) != head) [[unlikely]]
		return Fast::not_begun;
	if (is_active(ring)) [[unlikely]]
		return Fast::not_begun;
	copy_out(elem, slot.element(), elem_bytes<Size>(places));
	/* room: release; the copy is done before the slot is free. */
	if (!ring.head.change(head, head + 1, acq_rel, relaxed)) [[unlikely]]
		return Fast::not_begun;
	return sleepers(writable, places.symmetric) ? Fast::sleepers_seen
						    : Fast::done;
}

} // namespace zeroipc::detail

#endif
