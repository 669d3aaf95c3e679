/* SPDX-License-Identifier: MIT */
/*
 * The stream: a place ring (place_ring.h) in which nobody takes. Producers
 * claim, write in place and publish as in a queue; readers copy, each for
 * itself; and head is the frontier, which passes positions that are decided.
 *
 * A position is decided when it is published, or settled: then it is a hole, in
 * which nothing is or ever will be. Positions below the frontier are decided;
 * whoever reads ahead moves it (zipc_places_pass), and so does a producer that
 * would overwrite what is not decided: a slot is claimed again only behind the
 * frontier. What is stuck is settled by either, as in a queue.
 *
 * Read position p
 *   1 the turn of its slot is p
 *   2 active is down; or p is beyond the frontier; or at it, with no verdict
 *     {p, ASKING | REVOKED}; or behind it, and no claim is {p, .., REVOKED}
 *   3 copy, and then the turn is still p
 *   Why: a question about p is asked at the frontier only, and finds a turn
 *   that 1 has seen. If p was revoked before, then while its writer has not
 *   answered active is up, and behind the frontier the claim is marked; and the
 *   writer's, or its heir's, answer is to take the turn back first, which 3
 *   finds. That the frontier stood still is looked at behind the verdict.
 *   A writer stores 0 as the turn before it writes a slot again, so a copy that
 *   has anything newer fails in 3.
 *
 *   When the turn is not p: later than p, the reader was lapped. p is not
 *   behind the frontier: not yet. It is, and tail has not passed p + slots: a
 *   hole, which the reader passes in silence. Else it was lapped as well. The
 *   tail is read behind the turn, the frontier before it.
 *
 * A lapped reader goes on at the oldest that is retained for sure, `capacity`
 * elements before tail, and what lies between is lost. Slots are capacity and
 * one for each writer, so it is not lapped again at once.
 *
 * Named subscriptions each have a record: who reads, and the position that it
 * reads next, stored behind the copy. With a policy that holds producers back,
 * `hold` is in head's place where push looks for room: no position before it is
 * awaited by a named subscription, or undecided. A producer moves it
 *   1 to the slowest position w, at most the frontier and a step further than
 *     needed; if that is not enough, the stream is full
 *   2 wanted is at least w; light fence; then the slowest once more
 *   3 hold is at least that
 *   and who subscribes stores its position, runs the heavy fence, and goes on
 *   at wanted if that is further. Of each move one is true: its producer has
 *   found the position, or the subscriber has found what it wanted, and hold
 *   goes no further. (That a producer finds wanted so already changes nothing:
 *   whoever wrote it did so before the fence, or the position is seen.)
 *
 * Linearization: an emit, when its position is decided; the positions' order is
 * the elements' for everybody. A next that finds nothing, when it read the turn
 * at its position. An end, at its bit in tail (zipc_places_shut).
 *
 *   edge       written by       read by          carries
 *   advanced   next             slowest          the reads up to here
 *   held       allow            push             the slots may be written
 *   joined     hold_back        slowest, find    its position, its name
 *
 * What a crash leaves: of an emit, what place_ring.h says. A subscription that
 * is being made is not there before its position is stored, the last of it; one
 * that is there stays, with a holder who is dead, for the next who subscribes.
 * In between it may stand before wanted: then it is lapped, and is told.
 */
#ifndef ZIPC_STREAM_INTERNAL_H
#define ZIPC_STREAM_INTERNAL_H

#include "place_fast.h"
#include "waitable.h"

#include <zipc/stream.h>

#define ZIPC_SUBSCRIPTIONS 16u
#define ZIPC_SUBSCRIPTIONS_MOST 1024u

/* What handles share; all constants are checked copies. */
struct zipc_stream_shape {
	struct zipc_segment *segment;
	struct zipc_use use; /* the handle's own */
	struct zipc_stream_words *words;
	struct zipc_subscription_record *records;
	uint32_t record_count;
	enum zipc_stream_policy policy;
	char name[ZIPC_NAME_MAX + 1];
};

struct zipc_derived; /* derive.h */

struct zipc_stream {
	struct zipc_places places;
	struct zipc_stream_shape shape;
	struct zipc_spin spin;
	struct zipc_type *type;
	struct zipc_derived *derived; /* NULL: it is not derived */
};

/* What a stream is created from. */
struct zipc_stream_plan {
	struct zipc_plan plan;     /* the first, as it is found by that */
	uint64_t derivation_bytes; /* lines of them; 0: it is not derived */
};

int zipc_stream_plan(struct zipc_stream_plan *plan, const char *type,
		     uint64_t capacity,
		     const struct zipc_stream_options *options);
int zipc_stream_create_by(struct zipc_stream **out,
			  struct zipc_segment *segment, const char *name,
			  const struct zipc_stream_plan *plan);

/* Whether named subscriptions hold producers back. */
static inline bool zipc_stream_holds(const struct zipc_stream_shape *shape)
{
	return shape->policy != ZIPC_STREAM_DROP_OLD;
}

static inline bool zipc_stream_only_reads(const struct zipc_stream_shape *shape)
{
	return __builtin_expect(shape->segment->read_only, 0);
}

/*
 * Who only reads has no bit up (use.h): whether what it read was the stream's.
 * Else the failure that it is gone, in the place of rc.
 */
int64_t zipc_stream_or_gone(const struct zipc_stream_shape *shape, int64_t rc);

int zipc_stream_damaged(const struct zipc_stream_shape *shape,
			const char *what);

/* Places' words are those of a queue: say it of the stream. */
int64_t zipc_stream_say(const struct zipc_stream_shape *shape, int64_t rc);

/* Enter a segment that is to be written: -EROFS, -ENOENT. */
int zipc_stream_enter(const struct zipc_stream_shape *shape);

/* Where the oldest element is that is retained for sure. */
uint64_t zipc_stream_oldest(const struct zipc_places *places);

/*
 * Move hold so that position T may be claimed; 0 look again; -EAGAIN: a named
 * subscription is in the way.
 */
int zipc_stream_allow(struct zipc_stream *stream, uint64_t T);

/*
 * Find or add the record of a named subscription, which becomes the caller's.
 * *position is where it goes on.
 */
int zipc_stream_take_record(const struct zipc_stream_shape *shape,
			    const struct zipc_places *places, const char *name,
			    enum zipc_stream_from from,
			    struct zipc_subscription_record **record,
			    uint64_t *position);

/* The caller's own record: somebody may go on with it; or it ends. */
void zipc_stream_give_record(struct zipc_subscription_record *record);
void zipc_stream_end_record(const struct zipc_stream_shape *shape,
			    const struct zipc_places *places,
			    struct zipc_subscription_record *record);

/*
 * Under the lock: a record for the derived stream that holder names, called as
 * it; the caller is its maker until it says that it has ended.
 */
int zipc_stream_join_record(const struct zipc_stream_shape *shape,
			    const struct zipc_places *places, const char *name,
			    enum zipc_stream_from from, uint64_t holder,
			    uint32_t *index, uint64_t *position);
void zipc_stream_join_end(const struct zipc_stream_shape *shape,
			  uint32_t index);

/*
 * All before that position has been dealt with; 0: there is nothing to hold
 * any more, and the record is free. What is another's by now stays as it is.
 */
void zipc_stream_raise_record(const struct zipc_stream_shape *shape,
			      const struct zipc_places *places, uint32_t index,
			      uint64_t holder, uint64_t to);

/* for who emits each result once, also when another has begun to */

/*
 * Decide every position that was claimed before this call, and say in *tail
 * where the next one is: all before it can be read, or never will be. -EBUSY
 * it changes all the time.
 */
int zipc_stream_decide_all(struct zipc_stream *stream, uint64_t *tail);

/*
 * Emit up to n from exactly this position on, without waiting. How many, which
 * have n positions without a gap; -EEXIST: another element has the first, or
 * this producer was held up so long that it was taken back: nothing was
 * emitted; -EAGAIN as emit; -EBUSY it changes all the time; -EPIPE ended. said
 * may be NULL: place_ring.h.
 */
int64_t zipc_stream_emit_at(struct zipc_stream *stream, const void *elems,
			    uint64_t n, uint64_t position,
			    const struct zipc_said *said);

/* for who keeps a subscription's position elsewhere */

/* Go on from there, as if nothing was lost so far. */
void zipc_subscription_seek(struct zipc_subscription *subscription,
			    uint64_t position);

/* How many drivers it reads for, in one call: what is on demand is made so. */
void zipc_subscription_set_depth(struct zipc_subscription *subscription,
				 unsigned depth);

/* Where it stood behind an element, and what was lost by then. */
struct zipc_passage {
	uint64_t position, lost;
};

/*
 * Up to n elements that are there, their times unless that is NULL, and where
 * it stood behind each. How many; or as next, if there is none. *ended: nothing
 * will come behind them.
 */
int64_t zipc_subscription_read(struct zipc_subscription *subscription,
			       void *elems, int64_t *times_ns,
			       struct zipc_passage *behind, uint64_t n,
			       bool *ended);

/*
 * Whether next would find something now, or an end; also when only trying tells
 * (what the dead have is settled by it). Changes nothing.
 */
bool zipc_subscription_ready(const struct zipc_subscription *subscription);

/* Waiting for it in a select, as waitable.h has it; wait stays in its place. */
struct zipc_subscription_wait {
	struct zipc_subscription *subscription;
	void *elem; /* the next element goes there; NULL: none is read */
};
int zipc_subscription_waitable(struct zipc_subscription_wait *wait,
			       struct zipc_waitable *out);

#endif
