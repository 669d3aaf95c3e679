/* SPDX-License-Identifier: MIT */
/*
 * The place ring: claim a position, write in place, publish by a plain store;
 * take back what is stuck. It is the body of a Queue.
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
 *   Who decides in between (peek, drop) has a copy that is good if head stands
 *   at H behind it: what is published, and not revoked, stays until head moves.
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
 *   begun     push, watched    take_copy       the slot is written anew
 *   passed    pass             see             the position is decided
 *
 * What a crash leaves: before 3 nothing. Behind it a position that is claimed
 * and not published; it is settled by who meets it. Behind the store of the
 * turn the element is there. A pop is done, or not, by its CAS.
 */
#ifndef ZIPC_PLACE_RING_H
#define ZIPC_PLACE_RING_H

#include "segment.h"
#include "table.h"

#define ZIPC_BATCH_MAX 256u
#define ZIPC_WRITERS_MOST 4096u

/* What is written behind the elements of a push that says it. */
struct zipc_said {
	const int64_t *stamps; /* NULL: the time now, if there is a place */
	uint64_t number;       /* of the first; the others' follow it */
};

/* A process's handle on a ring; all constants are checked copies. */
struct zipc_places {
	struct zipc_segment *segment;
	struct zipc_place_ring *ring;
	struct zipc_writer *writers;
	unsigned char *slots;
	struct zipc_event_word *readable, *writable;
	uint64_t capacity, elem_size, slot_count;
	uint32_t slot_bytes, writer_count;
	uint32_t ahead; /* bytes to what push fetches in advance */
	bool symmetric;
	bool closable; /* it is a channel's */
	bool watched;  /* a stream's: none are taken, see stream.h */
	uint32_t stamp_word; /* of the time behind the element, + 1; 0: none */
	uint32_t number_word;         /* of the number behind that, likewise */
	const struct zipc_said *said; /* NULL: a push by itself */
	struct zipc_writer *mine; /* the own record */
	unsigned generation;      /* of forks, when it was taken; 0: none */
	_Atomic uint64_t *bound;  /* head, or what holds a stream's push back */
	uint64_t head_seen;       /* at most *bound */
	uint64_t whole_until;     /* a given_up: up to it all is published */
	uint64_t epoch_tidied;    /* of active */
	unsigned tidies;
	/* where the lap began in which push and pop were last */
	uint64_t in_lap, out_lap;
	/* how long it pays to look again, in pauses; learned */
	unsigned push_hope, pop_hope;
};

/* The body's size, takers' bytes included; UINT64_MAX: too large. */
uint64_t zipc_places_bytes(uint64_t capacity, uint64_t elem_size,
			   uint32_t writers, uint64_t takers_bytes);
void zipc_places_build(unsigned char *body, uint64_t capacity,
		       uint64_t elem_size, uint32_t writers,
		       uint64_t takers_bytes);

/* Check the ring that was found and make the handle; -EBADMSG. */
int zipc_places_open(struct zipc_places *places, struct zipc_segment *segment,
		     const struct zipc_found *found, const char *name);
void zipc_places_close(struct zipc_places *places);

/*
 * Move up to n elements without waiting for room or elements; at least one, or
 * -EAGAIN. push: the caller has made sure of a writer record.
 */
int64_t zipc_places_push(struct zipc_places *places, const void *elems,
			 uint64_t n);
int64_t zipc_places_pop(struct zipc_places *places, void *elems, uint64_t n);

/*
 * For who decides about an element of 8 bytes before it leaves: copy the one at
 * head, and take it off by its position when that is still at head. Nobody pops
 * what is behind it in between. -EAGAIN.
 */
int zipc_places_peek(struct zipc_places *places, uint64_t *elem,
		     uint64_t *position);
void zipc_places_drop(struct zipc_places *places, uint64_t position);

/*
 * Whether an element of 8 bytes stands published between head and tail. What a
 * process that is dead has pushed is found, until it is popped or dropped.
 */
bool zipc_places_hold(const struct zipc_places *places, uint64_t elem);

/*
 * How many of n may be taken from *head on, at least one, by a compare-and-swap
 * of head behind a copy of them; or -EAGAIN, -EBADMSG: steps 1 and 2 of pop.
 */
int64_t zipc_places_ready(struct zipc_places *places, uint64_t n,
			  uint64_t *head);

/*
 * When the ring is watched (stream.h), head only passes what is published or
 * settled. Move it on by up to n, settling what is stuck: by how many, or
 * -EAGAIN: nothing is published from there on; -EBADMSG. pass_read: the caller
 * has seen all of [from, to) published.
 */
int64_t zipc_places_pass(struct zipc_places *places, uint64_t n);
void zipc_places_pass_read(struct zipc_places *places, uint64_t from,
			   uint64_t to);

/*
 * Push up to n from this position on, if nothing was claimed there before. How
 * many, which are all that was published of it; -EEXIST: tail is elsewhere, or
 * all was taken back; -EAGAIN; -EPIPE; -EBADMSG. said may be NULL.
 */
int64_t zipc_places_push_at(struct zipc_places *places, const void *elems,
			    uint64_t n, uint64_t position,
			    const struct zipc_said *said);

enum zipc_seen {
	ZIPC_SEEN_THERE,   /* published: a copy is good if its turn stays */
	ZIPC_SEEN_HOLE,    /* nothing is there, nor ever will be */
	ZIPC_SEEN_LAPPED,  /* it was, or was a hole: the slot is used again */
	ZIPC_SEEN_LATER,   /* not decided yet */
	ZIPC_SEEN_DAMAGE
};

/* What stands at a position of a watched ring; changes nothing. */
enum zipc_seen zipc_places_see(const struct zipc_places *places,
			       uint64_t position);

/* Elements inside, with those whose push is under way. */
uint64_t zipc_places_size(const struct zipc_places *places);

/* Own a writer record; -EUSERS. */
int zipc_places_become_writer(struct zipc_places *places);

/*
 * For a Channel: nothing is pushed any more, as tail has a bit that no claim
 * expects; wake everybody. What was claimed before is published, or settled.
 */
void zipc_places_shut(struct zipc_places *places);
bool zipc_places_closed(const struct zipc_places *places);
/*
 * When pop has found nothing: -EPIPE closed, and nothing is inside or will be;
 * -EAGAIN it is not closed; 0 pop again; -EBADMSG.
 */
int zipc_places_ended(struct zipc_places *places);

/*
 * For who looks whether to try: whether an element is published, perhaps behind
 * a position that is stuck; and whether there is room, or there may be as soon
 * as the oldest position is settled.
 */
bool zipc_places_has(const struct zipc_places *places);
bool zipc_places_has_room(struct zipc_places *places);

/* settling: place_settle.c */

/* Settle position, if head is still there; 0, -EBADMSG, -EOPNOTSUPP. */
int zipc_places_settle(struct zipc_places *places, uint64_t position);

/*
 * The position at head is claimed and not published. Wait for its writer as
 * long as patience says, then settle it; 0 when there is something new.
 */
int zipc_places_unstick(struct zipc_places *places, uint64_t position);

/*
 * The own claim on [first, first + n) was touched, after first + i was
 * published: how many of the n stand, or n: go on.
 */
uint64_t zipc_places_answer(struct zipc_places *places, uint64_t first,
			    uint64_t n, uint64_t i);

/* With active up: how many of [first, first + n) may be written, from first. */
uint64_t zipc_places_free_run(const struct zipc_places *places, uint64_t first,
			      uint64_t n);

/* The own claim is left; positions of it, up to last, are not published. */
void zipc_places_give_up(struct zipc_places *places, uint64_t last);

/*
 * How many positions of [head, tail) were given up: they will never be
 * published, and head has yet to pass them; in a stream, what is in its place.
 */
uint64_t zipc_places_holes(struct zipc_places *places, uint64_t head,
			   uint64_t tail);

/* The same of one position, which is claimed, and no slot's of a later lap. */
bool zipc_places_is_hole(const struct zipc_places *places, uint64_t position);

/* With active up: resolve what can be, and lower it when nothing is left. */
void zipc_places_tidy(struct zipc_places *places);

/* A dead holder's record has become the caller's own: void its claim. */
void zipc_places_inherit(struct zipc_places *places,
			 struct zipc_writer *record);

/* words */

enum zipc_claim_state { ZIPC_VOID, ZIPC_OPEN, ZIPC_ASKED, ZIPC_REVOKED };
enum zipc_verdict { ZIPC_IS_PUBLISHED, ZIPC_ASKING, ZIPC_IS_REVOKED };

#define ZIPC_CLAIM_POSITIONS ((UINT64_C(1) << 54) - 1)

static inline uint64_t zipc_claim(uint64_t position, uint64_t count,
				  enum zipc_claim_state state)
{
	return position << 10 | (count - 1) << 2 | state;
}

static inline enum zipc_claim_state zipc_claim_state(uint64_t claim)
{
	return claim & 3;
}

static inline uint64_t zipc_claim_count(uint64_t claim)
{
	return (claim >> 2 & 0xFF) + 1;
}

/* How far position lies behind the claim's first, by the 54 bits it keeps. */
static inline uint64_t zipc_claim_distance(uint64_t claim, uint64_t position)
{
	return (position - (claim >> 10)) & ZIPC_CLAIM_POSITIONS;
}

static inline uint64_t zipc_verdict(uint64_t position, enum zipc_verdict state)
{
	return position << 2 | state;
}

static inline struct zipc_slot *zipc_slot(const struct zipc_places *places,
					  uint64_t position)
{
	return (struct zipc_slot *)(void *)
		(places->slots +
		 position % places->slot_count * places->slot_bytes);
}

/* Where tail stands, closed or not. */
static inline uint64_t zipc_places_tail(const struct zipc_places *places)
{
	return atomic_load_explicit(&places->ring->tail,
				    memory_order_acquire) & ~ZIPC_TAIL_CLOSED;
}

/* filled: acquire; pairs with push. */
static inline uint64_t zipc_turn(const struct zipc_slot *slot)
{
	return atomic_load_explicit(&slot->turn, memory_order_acquire);
}

#endif
