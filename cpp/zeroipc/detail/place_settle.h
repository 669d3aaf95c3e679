/* SPDX-License-Identifier: MIT */
/*
 * The place ring's repairs: settling a position whose writer is slow, stopped
 * or dead, and what a writer does that was settled. The idea is in
 * place_ring.h; numbers below are those of its "Settle".
 */
#ifndef ZEROIPC_DETAIL_PLACE_SETTLE_H
#define ZEROIPC_DETAIL_PLACE_SETTLE_H

#include <zeroipc/detail/place_ring.h>

#include <sched.h>

namespace zeroipc::detail {

inline constexpr std::uint64_t position_most = UINT64_MAX >> 2;
inline constexpr std::int64_t patience_most_ns = 50000000;
inline constexpr std::uint32_t patience_doublings = 8; /* 0.5 ms */
inline constexpr unsigned tidy_every = 1024;

void tidy(Places &places);

/* Change a word from what was read there; acquire and release. */
inline bool change(Word<std::uint64_t> &word, std::uint64_t from,
		   std::uint64_t to)
{
	return word.change(from, to, acq_rel, relaxed);
}

/* Head goes past a position that is taken back: there is room. */
inline void pass_head(Places &places, std::uint64_t position)
{
	/* room: release; pairs with push. */
	if (change(places.ring->head, position, position + 1))
		wake(*places.writable, places.symmetric, 1);
}

/* asking */

/*
 * raised: release; pairs with push and pop. A new epoch even when it is up, so
 * that who was about to lower it fails.
 */
inline void raise_active(Places &places)
{
	Word<std::uint64_t> &active = places.ring->active;
	std::uint64_t seen;

	do
		seen = active.load(relaxed);
	while (!change(active, seen, ((seen >> 1) + 1) << 1 | 1));
}

/* asked: release; pairs with push. If the claim holds the position. */
inline void ask(Writer &writer, std::uint64_t position)
{
	std::uint64_t claim, before;
	ClaimState state;

	do {
		claim = writer.claim.load(acquire);
		state = claim_state(claim);
		before = claim_distance(claim, position);
		if (before >= claim_count(claim) ||
		    !(state == claim_open ||
		      (state == claim_asked && before > 0)))
			return;
	} while (!change(writer.claim, claim,
			 make_claim(position, claim_count(claim) - before,
				    claim_asked)));
}

/* Step 2: ask, and judge by what is there behind the fence. */
inline void judge(Places &places, std::uint64_t position)
{
	raise_active(places);
	for (std::uint32_t i = 0; i < places.writer_count; i++)
		ask(places.writers[i], position);
	fence_heavy(places.symmetric);

	const bool published = places.turn(position) >= position ||
			       places.head() > position;

	/* judged: release; pairs with push and pop. */
	change(places.ring->verdict, make_verdict(position, is_asking),
	       make_verdict(position, published ? is_published : is_revoked));
}

/* Step 3: mark what is revoked, and only then go past it. */
inline void take_back(Places &places, std::uint64_t position)
{
	for (std::uint32_t i = 0; i < places.writer_count; i++) {
		Writer &writer = places.writers[i];
		const std::uint64_t claim = writer.claim.load(acquire);

		if (claim_state(claim) == claim_asked &&
		    claim_distance(claim, position) == 0)
			change(writer.claim, claim,
			       make_claim(position, claim_count(claim),
					  claim_revoked));
	}
	pass_head(places, position);
}

/* One step of settling; true: settled. */
inline bool settle_step(Places &places, std::uint64_t position)
{
	const std::uint64_t verdict = places.verdict(), about = verdict >> 2;
	const unsigned state = verdict & 3;

	if (places.head() != position)
		return true;
	if (state == is_asking && about <= position) {
		judge(places, about);
		return false;
	}
	if (state == is_revoked && about == position) {
		take_back(places, position);
		return true;
	}
	if ((state == is_revoked || state == is_published) &&
	    about < position) {
		change(places.ring->verdict, verdict,
		       make_verdict(position, is_asking));
		return false;
	}
	if (state == is_published && about == position &&
	    places.turn(position) == position)
		return true;
	/* A head that moved on meanwhile explains any of the above. */
	if (places.head() != position)
		return true;
	fail(EBADMSG, "the queue is damaged: its verdict does not belong to "
	     "its head");
}

/* Settle position, if head is still there. */
ZEROIPC_SLOW inline void settle(Places &places, std::uint64_t position)
{
	if (places.tail() <= position)
		return; /* nobody has claimed it: nothing is stuck */
	if (position > position_most)
		fail(EBADMSG, "the queue is damaged: its head is where no "
		     "queue gets");
	while (!settle_step(places, position))
		;
	tidy(places);
}

/* patience */

/* Four times what copying an element takes, at a modest 4 GB/s. */
inline std::int64_t patience_ns(const Places &places)
{
	const std::uint32_t doublings = places.ring->patience.load(relaxed);
	const std::int64_t ns =
		(2000 + std::int64_t(places.elem_size))
		<< (doublings < patience_doublings ? doublings
						   : patience_doublings);

	return ns < patience_most_ns ? ns : patience_most_ns;
}

/* Relaxed, and lost updates are welcome: it is a guess. */
inline void adjust_patience(Places &places, int by)
{
	const std::uint32_t doublings = places.ring->patience.load(relaxed);

	if (by > 0 ? doublings < patience_doublings : doublings > 0)
		places.ring->patience.store(doublings + std::uint32_t(by),
					    relaxed);
}

/* Whether someone who lives may still publish the position. */
inline bool has_writer(const Places &places, std::uint64_t position)
{
	for (std::uint32_t i = 0; i < places.writer_count; i++) {
		const Writer &writer = places.writers[i];
		const std::uint64_t claim = writer.claim.load(acquire);
		const ClaimState state = claim_state(claim);

		if ((state != claim_open && state != claim_asked) ||
		    claim_distance(claim, position) >= claim_count(claim))
			continue;

		const std::uint64_t holder = writer.holder.load(acquire);

		if (holder && places.segment->lives(holder))
			return true;
	}
	return false;
}

/* True when the position was published or passed, false without patience. */
inline bool wait_for_writer(Places &places, std::uint64_t position)
{
	std::int64_t began = 0, patience = 0, waited = 0;

	for (int glances = 0;; glances++) {
		if (places.turn(position) == position ||
		    places.head() != position)
			break;
		if (glances < 64) {
			pause();
			continue;
		}
		if (!began) {
			if (!has_writer(places, position))
				return false;
			began = now_ns();
			patience = patience_ns(places);
		}
		sched_yield();
		waited = now_ns() - began;
		if (waited > patience)
			return false;
	}
	if (waited && waited < patience / 4)
		adjust_patience(places, -1);
	return true;
}

/*
 * The position at head is claimed and not published. Wait for its writer as
 * long as patience says, then settle it; then there is something new.
 */
ZEROIPC_SLOW inline void unstick(Places &places, std::uint64_t position)
{
	if (!wait_for_writer(places, position))
		settle(places, position);
}

/* the writer's side */

/* The own claim was revoked from position on; it stands behind it in first. */
inline std::uint64_t give_back(Places &places, std::uint64_t first,
			       std::uint64_t position)
{
	change(places.slot(position).turn, position, 0);
	pass_head(places, position);
	void_claim(*places.mine);
	adjust_patience(places, +1);
	tidy(places);
	return position - first;
}

/*
 * The own claim on [first, first + n) was touched, after first + i was
 * published: how many of the n stand, or n: go on.
 */
ZEROIPC_SLOW inline std::uint64_t answer(Places &places, std::uint64_t first,
					 std::uint64_t n, std::uint64_t i)
{
	for (;;) {
		const std::uint64_t claim = places.mine->claim.load(acquire);
		const std::uint64_t position =
			first + (((claim >> 10) - first) & claim_positions);

		if (claim_state(claim) == claim_revoked)
			return give_back(places, first, position);
		if (claim_state(claim) != claim_asked)
			return n;

		const std::uint64_t verdict = places.verdict();

		if (verdict == make_verdict(position, is_revoked))
			return give_back(places, first, position);
		if (verdict == make_verdict(position, is_asking)) {
			/* Not published yet: the next publication answers. */
			if (position > first + i)
				return n;
			/* judged: release; pairs with settle. */
			if (change(places.ring->verdict, verdict,
				   make_verdict(position, is_published)))
				return n;
		} else if (places.mine->claim.load(acquire) == claim) {
			/*
			 * Settled before: had it been revoked, the claim would
			 * have been marked before head went past.
			 */
			return n;
		}
	}
}

/* quarantine and tidying */

/*
 * Whether a claim keeps a slot in quarantine for positions from first on; then
 * ahead is how far behind first the next position of that slot lies.
 */
inline bool quarantines(const Places &places, const Writer &writer,
			std::uint64_t first, std::uint64_t &ahead)
{
	const std::uint64_t claim = writer.claim.load(acquire);

	if (&writer == places.mine || !is_owed(claim))
		return false;

	const std::uint64_t distance = claim_distance(claim, first);
	const std::uint64_t over = distance % places.slot_count;

	ahead = over ? places.slot_count - over : 0;
	/* At first or behind it, it is the claim of who lost a race. */
	return distance > 0 && distance < claim_positions / 2;
}

/* With active up: how many of [first, first + n) may be written, from first. */
inline std::uint64_t free_run(const Places &places, std::uint64_t first,
			      std::uint64_t n)
{
	std::uint64_t ahead;

	for (std::uint32_t i = 0; i < places.writer_count; i++)
		if (quarantines(places, places.writers[i], first, ahead) &&
		    ahead < n)
			n = ahead;
	return n;
}

/* The own claim is left; positions of it, up to last, are not published. */
inline void give_up(Places &places, std::uint64_t last)
{
	Word<std::uint64_t> &given_up = places.ring->given_up;
	std::uint64_t seen = given_up.load(relaxed);

	/* Relaxed: what tells of it is the claim that is voided behind it. */
	while (seen < last && !given_up.change(seen, last, relaxed, relaxed))
		;
	void_claim(*places.mine);
}

inline bool is_claimed(const Places &places, std::uint64_t position)
{
	for (std::uint32_t i = 0; i < places.writer_count; i++) {
		/* left: acquire; pairs with push. */
		const std::uint64_t claim =
			places.writers[i].claim.load(acquire);

		if (claim_state(claim) != claim_void &&
		    claim_distance(claim, position) < claim_count(claim))
			return true;
	}
	return false;
}

/*
 * How many positions of [head, tail) were given up: they will never be
 * published, and head has yet to pass them.
 */
inline std::uint64_t holes_between(Places &places, std::uint64_t head,
				   std::uint64_t tail)
{
	std::uint64_t last = places.ring->given_up.load(relaxed), holes = 0;
	bool whole = true;

	if (last == places.whole_until || head == tail)
		return 0;
	/* A tail that is older than what was given up tells not of all. */
	if (last >= tail) {
		whole = false;
		last = tail - 1;
	}
	for (std::uint64_t at = head; at <= last; at++) {
		if (places.turn(at) >= at)
			continue;
		whole = false;
		/* The claims first: who left one has published before. */
		if (!is_claimed(places, at) && places.turn(at) < at)
			holes++;
	}
	if (whole)
		places.whole_until = last;
	return holes;
}

/* Where an asked or revoked claim begins; it was at head then. */
inline std::uint64_t claim_position(const Places &places, std::uint64_t claim)
{
	const std::uint64_t head = places.head();

	return head - claim_distance(claim, head);
}

enum class Owed { revoked, asked, nothing };

/* What has come of the question that a claim was asked. */
inline Owed what_is_owed(const Places &places, std::uint64_t claim,
			 std::uint64_t position)
{
	if (claim_state(claim) == claim_revoked)
		return Owed::revoked;

	const std::uint64_t verdict = places.verdict();

	if (verdict == make_verdict(position, is_revoked))
		return Owed::revoked;
	return verdict == make_verdict(position, is_asking) ? Owed::asked
							    : Owed::nothing;
}

/* Whether nothing is owed by this record any more. */
inline bool resolve(Places &places, Writer &writer, bool look_for_dead)
{
	const std::uint64_t claim = writer.claim.load(acquire);

	if (!is_owed(claim))
		return true;

	const std::uint64_t position = claim_position(places, claim);
	const Owed owed = what_is_owed(places, claim, position);

	if (owed == Owed::nothing) /* asked late, or who asked died */
		return change(writer.claim, claim,
			      make_claim(position, claim_count(claim),
					 claim_open));
	if (owed == Owed::asked || !look_for_dead)
		return false;

	/* The claim was read first: a new owner's is not touched. */
	const std::uint64_t holder = writer.holder.load(acquire);

	if (holder && places.segment->lives(holder))
		return false;
	change(places.slot(position).turn, position, 0);
	return change(writer.claim, claim, 0);
}

/*
 * Whether the verdict is still being found or followed. One that asks about a
 * position that head has passed is answered here: who asked may be gone.
 */
inline bool is_open_question(Places &places)
{
	const std::uint64_t verdict = places.verdict(), about = verdict >> 2;
	const bool passed = places.head() > about;

	if ((verdict & 3) == is_published)
		return false;
	if ((verdict & 3) == is_revoked)
		return !passed;
	/* judged: release; pairs with push and pop. */
	return !(passed && change(places.ring->verdict, verdict,
				  make_verdict(about, is_published)));
}

/* With active up: resolve what can be, and lower it when nothing is left. */
ZEROIPC_SLOW inline void tidy(Places &places)
{
	const std::uint64_t active = places.ring->active.load(acquire);

	if (!(active & 1))
		return;
	/*
	 * The claims are read behind the verdict: a question that is asked in
	 * between has raised a new epoch, so the change below fails.
	 */
	bool owed = is_open_question(places);
	/* Proving death costs system calls: at news, and now and then. */
	const bool look_for_dead = active != places.epoch_tidied ||
				   ++places.tidies % tidy_every == 0;

	places.epoch_tidied = active;
	for (std::uint32_t i = 0; i < places.writer_count; i++)
		if (!resolve(places, places.writers[i], look_for_dead))
			owed = true;
	if (!owed)
		change(places.ring->active, active, active & ~std::uint64_t(1));
}

/* A dead holder's record has become the caller's own: void its claim. */
inline void inherit(Places &places, Writer &record)
{
	const std::uint64_t claim = record.claim.load(acquire);

	if (is_owed(claim)) {
		const std::uint64_t position = claim_position(places, claim);

		if (what_is_owed(places, claim, position) == Owed::revoked)
			change(places.slot(position).turn, position, 0);
	}
	record.claim.store(0, release);
}

} // namespace zeroipc::detail

#endif
