/* SPDX-License-Identifier: MIT */
/* The stream's producers; stream.h has the idea. */
#include "stream.h"

#include "clock.h"
#include "error.h"

/* Positions that a producer in need of room passes at a time, at most. */
#define PASS_MOST 1024u

static bool has_entered(const struct zipc_stream *stream)
{
	return zipc_likely(stream->places.generation == zipc_fork_generation);
}

/* A writer owns a record; a forked child takes one of its own. */
static int enter(struct zipc_stream *stream)
{
	int rc;

	if (has_entered(stream))
		return 0;
	rc = zipc_stream_enter(&stream->shape);
	return rc ? rc : zipc_places_become_writer(&stream->places);
}

/* What is derived has its elements from those who drive it. */
static int enter_to_emit(struct zipc_stream *stream)
{
	if (!stream->derived)
		return enter(stream);
	return zipc_fail(EPERM, "stream `%s` is derived: nobody emits into it; "
			 "drive it", stream->shape.name);
}

static uint64_t read_head(const struct zipc_places *places)
{
	/* passed: acquire; pairs with pass. */
	return atomic_load_explicit(&places->ring->head, memory_order_acquire);
}

/* room */

/*
 * Move the frontier on from there, by what is published, or settle it. Tail is
 * behind it, and was read first.
 */
static int move_frontier(struct zipc_places *places, uint64_t head,
			 uint64_t tail)
{
	int64_t run;

	if (tail - head > places->slot_count)
		return -EBADMSG;
	if (zipc_turn(zipc_slot(places, head)) != head)
		return zipc_places_unstick(places, head);
	run = zipc_places_pass(places, PASS_MOST);
	return run < 0 && run != -EAGAIN ? (int)run : 0;
}

/* The places say that they are full: 0 look again, or -EAGAIN. */
static int make_room(struct zipc_stream *stream)
{
	struct zipc_places *places = &stream->places;
	uint64_t tail = zipc_places_tail(places), head = read_head(places);

	if (tail >= places->capacity && head <= tail - places->capacity)
		return move_frontier(places, head, tail);
	return zipc_stream_holds(&stream->shape)
		       ? zipc_stream_allow(stream, tail)
		       : 0;
}

/* How often something can be in the way of one position, with some to spare. */
static uint64_t most_steps(const struct zipc_places *places)
{
	return 2 * places->slot_count + 64;
}

/* emit */

/* What an attempt emits. */
struct emission {
	struct zipc_stream *stream;
	const void *elems;
	uint64_t n, position; /* 0: anywhere */
	const struct zipc_said *said;
};

static int64_t attempt(void *context)
{
	struct emission *it = context;
	struct zipc_places *places = &it->stream->places;
	uint64_t tries = 0;
	int64_t rc;

	/*
	 * Each retry means that there is room, or something was settled. Of one
	 * position, that is so for as many as there are slots.
	 */
	do {
		if (it->position && tries++ > most_steps(places))
			return -EBUSY;
		rc = it->position
			     ? zipc_places_push_at(places, it->elems, it->n,
						   it->position, it->said)
			     : zipc_places_push(places, it->elems, it->n);
		if (zipc_likely(rc != -EAGAIN))
			return zipc_stream_say(&it->stream->shape, rc);
		rc = make_room(it->stream);
	} while (!rc);
	return rc == -EAGAIN ? rc : zipc_stream_say(&it->stream->shape, rc);
}

/* The new ones are dropped: none are in their place, and they are counted. */
static void drop(struct zipc_stream *stream, uint64_t n)
{
	/* Relaxed: a count that nothing depends on. */
	atomic_fetch_add_explicit(&stream->shape.words->dropped, n,
				  memory_order_relaxed);
}

static int64_t emit_some(struct emission *it, int64_t timeout_ns,
			 int64_t *deadline)
{
	struct zipc_stream *stream = it->stream;
	int64_t rc = attempt(it);

	if (zipc_likely(rc != -EAGAIN) || timeout_ns == ZIPC_NOWAIT ||
	    stream->shape.policy != ZIPC_STREAM_BLOCK)
		return rc;
	if (!*deadline)
		*deadline = zipc_deadline(timeout_ns);
	return zipc_wait(stream->places.writable, stream->places.symmetric,
			 &stream->spin, *deadline, attempt, it);
}

int64_t zipc_stream_emit_n(struct zipc_stream *stream, const void *elems,
			   uint64_t n, int64_t timeout_ns)
{
	struct emission it = { .stream = stream, .elems = elems, .n = n };
	int64_t deadline = 0, moved = 0;
	uint64_t done = 0;
	int rc;

	if (!n)
		return 0;
	rc = enter_to_emit(stream);
	if (rc)
		return rc;
	while (done < n) {
		moved = emit_some(&it, timeout_ns, &deadline);
		if (moved == -EAGAIN &&
		    stream->shape.policy == ZIPC_STREAM_DROP_NEW) {
			drop(stream, n - done);
			return (int64_t)n;
		}
		if (moved < 0)
			break;
		done += (uint64_t)moved;
		it.elems = (const unsigned char *)elems +
			   done * stream->places.elem_size;
		it.n = n - done;
	}
	return done ? (int64_t)done : moved;
}

/*
 * One element. The functions that follow are continuations of emit: each is
 * left by a tail call, see place_fast.h.
 */
#define CONTINUATION static __attribute__((noinline)) int

CONTINUATION emit_the_long_way(struct zipc_stream *stream, const void *elem,
			       int64_t timeout_ns)
{
	struct emission it = { .stream = stream, .elems = elem, .n = 1 };
	int64_t deadline = 0, rc = enter_to_emit(stream);

	if (!rc)
		rc = emit_some(&it, timeout_ns, &deadline);
	if (rc == -EAGAIN && stream->shape.policy == ZIPC_STREAM_DROP_NEW) {
		drop(stream, 1);
		return 1;
	}
	return rc < 0 ? (int)rc : 0;
}

/* The position is claimed, perhaps published: see to it. */
CONTINUATION emit_the_rest(struct zipc_stream *stream, const void *elem,
			   int64_t timeout_ns, uint64_t position,
			   enum zipc_fast how)
{
	if (zipc_places_push_rest(&stream->places, elem, position, how))
		return 0;
	return emit_the_long_way(stream, elem, timeout_ns);
}

CONTINUATION wake_all(struct zipc_event_word *event)
{
	zipc_wake_sleepers(event, UINT32_MAX);
	return 0;
}

ZIPC_INLINE int emit_of(struct zipc_stream *stream, const void *elem,
			uint64_t elem_size, int64_t timeout_ns)
{
	enum zipc_fast how;
	uint64_t position;

	how = zipc_places_push_fast(&stream->places, elem, elem_size,
				    &position, true);
	if (zipc_likely(how == ZIPC_DONE))
		return 0;
	if (how == ZIPC_SLEEPERS_SEEN)
		return wake_all(stream->places.readable);
	if (how == ZIPC_NOT_BEGUN)
		return emit_the_long_way(stream, elem, timeout_ns);
	return emit_the_rest(stream, elem, timeout_ns, position, how);
}

CONTINUATION emit_any_size(struct zipc_stream *stream, const void *elem,
			   int64_t timeout_ns)
{
	return emit_of(stream, elem, stream->places.elem_size, timeout_ns);
}

int zipc_stream_emit(struct zipc_stream *stream, const void *elem,
		     int64_t timeout_ns)
{
	if (!has_entered(stream) || stream->places.stamp_word ||
	    stream->places.number_word)
		return emit_the_long_way(stream, elem, timeout_ns);
	if (stream->places.elem_size == 8)
		return emit_of(stream, elem, 8, timeout_ns);
	return emit_any_size(stream, elem, timeout_ns);
}

/* for who emits each result once */

int64_t zipc_stream_emit_at(struct zipc_stream *stream, const void *elems,
			    uint64_t n, uint64_t position,
			    const struct zipc_said *said)
{
	struct emission it = { stream, elems, n, position, said };
	int rc = enter(stream);

	return rc ? rc : attempt(&it);
}

int zipc_stream_decide_all(struct zipc_stream *stream, uint64_t *tail)
{
	struct zipc_places *places = &stream->places;
	uint64_t until = zipc_places_tail(places), head, tries = 0;
	int rc = zipc_stream_enter(&stream->shape);

	while (!rc && (head = read_head(places)) < until)
		rc = tries++ > most_steps(places)
			     ? -EBUSY
			     : move_frontier(places, head, until);
	*tail = until;
	return (int)zipc_stream_say(&stream->shape, rc);
}
