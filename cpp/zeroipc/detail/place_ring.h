/* SPDX-License-Identifier: MIT */
/*
 * The place ring: claim a position, write in place, publish by a plain store;
 * take back what is stuck. It is the body of a Queue. Here are its shape and
 * its words; place_fast.h has push and pop when nothing is in the way,
 * place_slow.h when something is, place_settle.h the repairs.
 *
 * A locked instruction on a line that the other side polls costs several times
 * a whole push, while plain stores hide in the store buffer. So a push has one
 * locked instruction, on tail, and publishes by a plain store of the turn into
 * the element's own line; and whoever meets a position that is claimed but not
 * published, by a writer that is slow, stopped or dead, settles it, and pays
 * for the fence that the writer left out (fence.h).
 *
 * State
 *   slots     {turn, element}; the slot of position p is p modulo slots, and
 *             turn = p says that p is published there
 *   tail      next position to claim       (written by push)
 *   head      next position to take        (written by pop, and by settle)
 *   writers   one record per writing handle: its holder, and its claim
 *             {position, count, VOID | OPEN | ASKED | REVOKED}
 *   verdict   {position, ASKING | PUBLISHED | REVOKED}: one question at a
 *             time, always about the position at head
 *   active    {epoch, up}: while it is up, claims may be asked or revoked,
 *             and push and pop look twice
 *   given_up  the last position that was given up
 *
 * Push of n (1 to 256)
 *   1 room: tail - head + n <= capacity (and the holes, see Quarantine); head
 *     is re-read only when its cached copy says full
 *   2 claim = {T, n, OPEN}
 *   3 CAS tail T -> T + n; on failure go to 1
 *   4 if active is up: give up the positions from the first quarantined slot
 *     on: given_up is at least the last of them, and only then claim = VOID
 *   5 for each element: copy it, turn = T + i, light fence, load the own claim;
 *     unless it is untouched, answer
 *
 *   Answer. The claim is {V, .., ASKED}: CAS verdict {V, ASKING} -> PUBLISHED,
 *   if V is published. When that succeeds, or the verdict is not {V, REVOKED}
 *   and after reading it the claim is still not REVOKED: go on. Otherwise V and
 *   what follows it in the claim is taken back: CAS turn V -> 0, CAS head
 *   V -> V + 1, claim = VOID, and the elements from V on are pushed again.
 *
 * Pop of n
 *   1 the turns from head H on that are published, at least that of H
 *   2 if active is up: one only, and if the verdict is {H, ASKING | REVOKED}
 *     settle H first
 *   3 copy, CAS head H -> H + n; on failure the copy is worthless: go to 1
 *
 *   When H is not published: if nothing is published behind it, the ring is
 *   empty. Else wait for the writer as long as patience says, then settle H.
 *
 * Settle H. Anyone may, at any time, and who comes later goes on or repeats.
 *   1 the verdict is about an older position and done with (PUBLISHED, or
 *     REVOKED and head past it; else do that first), and head = H:
 *     CAS it to {H, ASKING}
 *   2 {H, ASKING}: raise active to a new epoch; CAS every claim that holds H
 *     and is OPEN, or ASKED about an older position, to {H, rest, ASKED};
 *     heavy fence. If turn >= H or head > H: CAS verdict to {H, PUBLISHED};
 *     else to {H, REVOKED}
 *   3 {H, REVOKED}: CAS every claim {H, .., ASKED} to REVOKED, and only then
 *     CAS head H -> H + 1. {H, PUBLISHED}: CAS every {H, .., ASKED} to OPEN
 *
 * Why a revoked writer can not be missed: it stores the turn, then loads its
 * claim; the settler writes the claim, then (behind the fence) loads the turn.
 * One sees the other. Why nobody takes a revoked position that is published
 * late: active was up before the question, comes down only when the claim is
 * resolved and head has passed, and pop looks at it after the turn.
 *
 * Active comes down by a CAS from the epoch read first, when the verdict is
 * neither ASKING nor {V, REVOKED} with head at V, and then, read in this order,
 * no claim is ASKED or REVOKED. In the other order a question could be asked
 * and judged between the two looks, and its quarantine would be missed.
 *
 * Batches. A writer publishes in order and asks itself after each, so when V is
 * revoked none behind it in the claim was published. The claim then begins at
 * V: a position in it is asked at most once, and a settler that is late changes
 * nothing. The rest is settled one by one, each finding no open claim.
 *
 * Quarantine. A revoked writer that is stopped may still write into its slot.
 * While a claim is ASKED or REVOKED at a position of the same slot and an
 * earlier lap, who claims that slot gives the position up. Such a position does
 * not count when push looks for room, and there is one slot more than capacity
 * for each writer: so the capacity stays whole. Who finds the ring full counts
 * them, up to given_up: no claim holds such a position, and behind that look it
 * is not published. A batch is claimed up to the next slot that is known to be
 * in quarantine, so that no more than needs be is given up. A claim of a dead
 * holder is resolved by whoever meets it: read the claim, then prove it dead,
 * then CAS from the value read (in the other order a new owner of the record
 * would lose its claim).
 *
 *   edge      written by       read by         carries
 *   filled    push             pop, settle     the element behind its turn
 *   room      pop, settle      push            the slot may be written again
 *   asked     settle           push            the question, by the claim
 *   raised    settle           pop, push       there is a question
 *   judged    settle, push     push, pop       the verdict
 *   left      push             push at full    what the claim before was for
 *
 * What a crash leaves: before 3 nothing. Behind it a position that is claimed
 * and not published; it is settled by who meets it. Behind the store of the
 * turn the element is there. A pop is done, or not, by its CAS.
 */
#ifndef ZEROIPC_DETAIL_PLACE_RING_H
#define ZEROIPC_DETAIL_PLACE_RING_H

#include <zeroipc/detail/event.h>
#include <zeroipc/detail/segment.h>
#include <zeroipc/detail/table.h>

namespace zeroipc::detail {

inline constexpr std::uint64_t batch_most = 256;
inline constexpr unsigned most_writers = 4096;

/* words */

enum ClaimState { claim_void, claim_open, claim_asked, claim_revoked };
enum VerdictState { is_published, is_asking, is_revoked };

/* A claim keeps the low 54 bits of its position. */
inline constexpr std::uint64_t claim_positions =
	(std::uint64_t(1) << 54) - 1;

inline constexpr std::uint64_t make_claim(std::uint64_t position,
					  std::uint64_t count, ClaimState state)
{
	return position << 10 | (count - 1) << 2 | state;
}

inline ClaimState claim_state(std::uint64_t claim)
{
	return ClaimState(claim & 3);
}

inline std::uint64_t claim_count(std::uint64_t claim)
{
	return (claim >> 2 & 0xFF) + 1;
}

/* How far position lies behind the claim's first, by the bits it keeps. */
inline std::uint64_t claim_distance(std::uint64_t claim, std::uint64_t position)
{
	return (position - (claim >> 10)) & claim_positions;
}

/* Whether the claim can be or was asked about: it is owed an answer. */
inline bool is_owed(std::uint64_t claim)
{
	return claim_state(claim) == claim_asked ||
	       claim_state(claim) == claim_revoked;
}

inline constexpr std::uint64_t make_verdict(std::uint64_t position,
					    VerdictState state)
{
	return position << 2 | state;
}

/* shape */

inline constexpr std::uint64_t slot_bytes_for(std::uint64_t elem_size)
{
	return sizeof(Slot) + (elem_size + 7) / 8 * 8;
}

inline constexpr std::uint64_t slots_offset_for(std::uint32_t writers)
{
	return sizeof(PlaceRing) + std::uint64_t(writers) * sizeof(Writer);
}

/* The body's size; UINT64_MAX: too large. */
inline std::uint64_t place_ring_bytes(std::uint64_t capacity,
				      std::uint64_t elem_size,
				      std::uint32_t writers)
{
	std::uint64_t slots, bytes;

	if (__builtin_add_overflow(capacity, writers, &slots) ||
	    __builtin_mul_overflow(slots, slot_bytes_for(elem_size), &bytes) ||
	    __builtin_add_overflow(bytes, slots_offset_for(writers), &bytes))
		return UINT64_MAX;
	return bytes;
}

inline void build_place_ring(unsigned char *body, std::uint64_t capacity,
			     std::uint64_t elem_size, std::uint32_t writers)
{
	auto ring = reinterpret_cast<PlaceRing *>(body);

	ring->slots = capacity + writers;
	ring->slot_bytes = std::uint32_t(slot_bytes_for(elem_size));
	ring->writers = writers;
	ring->writers_offset = sizeof(*ring);
	ring->slots_offset = slots_offset_for(writers);
	/* Relaxed: the table's commit publishes the whole block. */
	ring->head.store(1, relaxed);
	ring->tail.store(1, relaxed);
}

/* Whether [offset, offset + count * each) lies in the body. */
inline bool is_inside(const Found &found, std::uint64_t offset,
		      std::uint64_t count, std::uint64_t each)
{
	std::uint64_t bytes;

	return offset % line == 0 && offset <= found.body_bytes &&
	       !__builtin_mul_overflow(count, each, &bytes) &&
	       bytes <= found.body_bytes - offset;
}

/* A process's handle on a ring; all constants are checked copies. */
struct Places {
	Segment *segment = nullptr;
	PlaceRing *ring = nullptr;
	Writer *writers = nullptr;
	unsigned char *slots = nullptr;
	Event *readable = nullptr, *writable = nullptr;
	std::uint64_t capacity = 0, elem_size = 0, slot_count = 0;
	std::uint32_t slot_bytes = 0, writer_count = 0;
	/*
	 * Bytes to what push fetches in advance: far enough to arrive in time
	 * from another core, and not beyond the slots that are spare, where it
	 * would take lines from who pops.
	 */
	std::uint32_t ahead = 0;
	bool symmetric = false;
	Writer *mine = nullptr; /* the own record */
	unsigned generation = 0; /* of forks, when it was taken; 0: none */
	std::uint64_t head_seen = 1; /* at most head */
	std::uint64_t whole_until = 0; /* a given_up: all is published */
	std::uint64_t epoch_tidied = 0; /* of active */
	unsigned tidies = 0;
	/* where the lap began in which push and pop were last */
	std::uint64_t in_lap = 0, out_lap = 0;
	/* how long it pays to look again, in pauses; learned */
	unsigned push_hope = 0, pop_hope = 0;

	Places(Segment &segment, const Found &found, const char *name);
	Places(const Places &) = delete;
	~Places();

	Slot &slot(std::uint64_t position) const
	{
		return *reinterpret_cast<Slot *>(
			slots + position % slot_count * slot_bytes);
	}

	/* filled: acquire; pairs with push. */
	std::uint64_t turn(std::uint64_t position) const
	{
		return slot(position).turn.load(acquire);
	}

	/* judged: acquire; pairs with settle and push. */
	std::uint64_t verdict() const
	{
		return ring->verdict.load(acquire);
	}

	std::uint64_t head() const
	{
		return ring->head.load(acquire);
	}

	/* Acquire: head is read behind it, or tail could seem too far. */
	std::uint64_t tail() const
	{
		return ring->tail.load(acquire);
	}
};

/* raised: acquire; pairs with settle. */
ZEROIPC_INLINE bool is_active(const PlaceRing &ring)
{
	return ring.active.load(acquire) & 1;
}

/* Nobody may ask about a position that is not ours. */
inline void void_claim(Writer &mine)
{
	/* left: release; pairs with push at full. */
	mine.claim.store(0, release);
}

/* What is wrong with a copy of the ring's constants; null: nothing. */
inline const char *misfit(const PlaceRing &copy, const Found &found)
{
	const std::uint64_t writers_end =
		copy.writers_offset + copy.writers * sizeof(Writer);

	if (!copy.writers || copy.writers > most_writers ||
	    copy.writers_offset < sizeof(copy) ||
	    !is_inside(found, copy.writers_offset, copy.writers,
		       sizeof(Writer)))
		return "its writers lie beyond its body";
	if (copy.slot_bytes != slot_bytes_for(found.elem_size) ||
	    copy.slots_offset < writers_end ||
	    !is_inside(found, copy.slots_offset, copy.slots, copy.slot_bytes))
		return "its slots lie beyond its body";
	if (copy.slots < copy.writers ||
	    copy.slots - copy.writers < found.capacity)
		return "it has too few slots for its capacity and writers";
	return nullptr;
}

inline Places::Places(Segment &segment_, const Found &found, const char *name)
	: segment(&segment_), readable(&found.block->readable),
	  writable(&found.block->writable), capacity(found.capacity),
	  elem_size(found.elem_size), symmetric(segment_.symmetric)
{
	const char *wrong = "its body is too short";
	PlaceRing copy;

	if (found.body_bytes >= sizeof(copy)) {
		/* Only the copy is checked and used. */
		std::memcpy(&copy, found.body, offsetof(PlaceRing, head));
		wrong = misfit(copy, found);
	}
	if (wrong)
		fail(EBADMSG, "`%s` is damaged: %s", name, wrong);
	ring = reinterpret_cast<PlaceRing *>(found.body);
	writers = reinterpret_cast<Writer *>(found.body + copy.writers_offset);
	slots = found.body + copy.slots_offset;
	slot_count = copy.slots;
	slot_bytes = copy.slot_bytes;
	writer_count = copy.writers;
	ahead = slot_bytes < 64 ? 256 : 4 * slot_bytes;
}

inline Places::~Places()
{
	/* After fork the record is the parent's. */
	if (generation != fork_generation)
		return;
	mine->claim.store(0, release);
	mine->holder.store(0, release);
}

/* Elements inside, with those whose push is under way. */
inline std::uint64_t size_of(const Places &places)
{
	std::uint64_t head = places.head(), tail, before;

	/*
	 * Head did not move while tail was read, or the difference would count
	 * what was popped in between and what was pushed in its stead.
	 */
	do {
		before = head;
		tail = places.tail();
		head = places.head();
	} while (head != before);
	if (tail - head > places.capacity)
		return std::int64_t(tail - head) < 0 ? 0 : places.capacity;
	return tail - head;
}

} // namespace zeroipc::detail

#endif
