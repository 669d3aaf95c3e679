/* SPDX-License-Identifier: MIT */
/*
 * Watching a place ring: what stands at a position, for readers who take
 * nothing. Head is passed over positions that are decided; stream.h has the
 * idea, and why each of these looks is enough.
 */
#include "place_fast.h"

static uint64_t read_head(const struct zipc_places *places)
{
	/* passed: acquire; pairs with pass. */
	return atomic_load_explicit(&places->ring->head, memory_order_acquire);
}

/* Of a position that head has passed: its claim is marked until it is void. */
static bool was_revoked(const struct zipc_places *places, uint64_t position)
{
	uint64_t claim;
	uint32_t i;

	for (i = 0; i < places->writer_count; i++) {
		/* asked: acquire; its turn is taken back before it is void. */
		claim = atomic_load_explicit(&places->writers[i].claim,
					     memory_order_acquire);
		if (zipc_claim_state(claim) == ZIPC_REVOKED &&
		    zipc_claim_distance(claim, position) == 0)
			return true;
	}
	return false;
}

/* Its turn is there; but with active up it may be that of a late writer. */
static enum zipc_seen see_twice(const struct zipc_places *places,
				uint64_t position)
{
	uint64_t head, verdict;

	/* Each retry means that head has moved. */
	for (;;) {
		head = read_head(places);
		if (position > head) /* never asked about: no longer revoked */
			return ZIPC_SEEN_THERE;
		if (position < head)
			return was_revoked(places, position)
				       ? ZIPC_SEEN_HOLE
				       : ZIPC_SEEN_THERE;
		/* judged: acquire; pairs with settle. */
		verdict = atomic_load_explicit(&places->ring->verdict,
					       memory_order_acquire);
		if (read_head(places) != head)
			continue;
		if (verdict == zipc_verdict(position, ZIPC_ASKING))
			return ZIPC_SEEN_LATER;
		return verdict == zipc_verdict(position, ZIPC_IS_REVOKED)
			       ? ZIPC_SEEN_HOLE
			       : ZIPC_SEEN_THERE;
	}
}

enum zipc_seen zipc_places_see(const struct zipc_places *places,
			       uint64_t position)
{
	/* Head first: what it has passed is decided when the turn is read. */
	uint64_t head = read_head(places), tail;
	uint64_t turn = zipc_turn(zipc_slot(places, position));

	if (turn == position)
		return zipc_places_active(places->ring)
			       ? see_twice(places, position)
			       : ZIPC_SEEN_THERE;
	if (turn > position)
		return ZIPC_SEEN_LAPPED;
	if (position >= head)
		return ZIPC_SEEN_LATER;
	/* Behind the turn: whoever has begun the slot anew has moved tail. */
	tail = zipc_places_tail(places);
	if (tail <= position)
		return ZIPC_SEEN_DAMAGE;
	/* An older turn says that the slot was never written since. */
	return turn || tail - position <= places->slot_count
		       ? ZIPC_SEEN_HOLE
		       : ZIPC_SEEN_LAPPED;
}
