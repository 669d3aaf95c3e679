/* SPDX-License-Identifier: MIT */
/*
 * Watching a Stream, read from its file.
 *
 * An element is read as a subscriber reads it (stream.h): its turn, then
 * whether it may be that of a writer that was settled, then the element, then
 * the turn again. A batch costs three reads of its slots, and each read comes
 * after the one before (zipc_view_read() has the fence).
 */
#include "error.h"
#include "inspect_stream.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES 32768u
#define MOST_WRITERS 4096u
#define POLICY_LAST 3u
#define MOST_SUBSCRIPTIONS 1024u
#define POSITION_END (UINT64_C(1) << 62)

static int damaged(const struct zipc_stream_at *stream, const char *what)
{
	return zipc_view_damaged(stream->view, stream->block->name, "%s", what);
}

/* Whether count things of each bytes at offset lie before end. */
static bool fits(uint64_t offset, uint64_t count, uint64_t each, uint64_t end)
{
	uint64_t bytes;

	return offset % ZIPC_LINE == 0 && offset <= end &&
	       !__builtin_mul_overflow(count, each, &bytes) &&
	       bytes <= end - offset;
}

static int load_ring(struct zipc_stream_at *stream,
		     struct zipc_place_ring *ring)
{
	const struct zipc_block *head = &stream->block->head;
	uint64_t body = head->body_bytes;
	int rc;

	if (body < sizeof(*ring))
		return damaged(stream, "its body is too short");
	rc = zipc_view_read(stream->view, stream->at, ring, sizeof(*ring));
	if (rc)
		return rc;
	if (ring->writers < 1 || ring->writers > MOST_WRITERS ||
	    ring->writers_offset < sizeof(*ring) ||
	    !fits(ring->writers_offset, ring->writers, ZIPC_LINE,
		  ring->stream_offset) ||
	    !fits(ring->stream_offset, 1, sizeof(struct zipc_stream_words),
		  ring->slots_offset) ||
	    !fits(ring->slots_offset, ring->slots, ring->slot_bytes, body))
		return damaged(stream, "its writers, its own words or its "
			       "slots lie outside its body");
	if (head->capacity < 1 || ring->slots < ring->writers ||
	    ring->slots - ring->writers < head->capacity)
		return damaged(stream, "it has too few slots");
	stream->slots_at = stream->at + ring->slots_offset;
	stream->writers_at = stream->at + ring->writers_offset;
	stream->words_at = stream->at + ring->stream_offset;
	stream->slots = ring->slots;
	stream->slot_bytes = ring->slot_bytes;
	stream->writers = ring->writers;
	return 0;
}

static int load_words(struct zipc_stream_at *stream,
		      const struct zipc_place_ring *ring)
{
	uint64_t elem_size = stream->block->head.elem_size, want;
	struct zipc_stream_words words;
	int rc = zipc_view_read(stream->view, stream->words_at, &words,
				sizeof(words));

	if (rc)
		return rc;
	want = 8 + (elem_size + 7) / 8 * 8 +
	       (words.options & ZIPC_STREAM_STAMPS ? 8 : 0) +
	       (words.options & ZIPC_STREAM_DERIVED ? 8 : 0);
	if (words.policy > POLICY_LAST ||
	    words.options & ~(ZIPC_STREAM_STAMPS | ZIPC_STREAM_DERIVED) ||
	    elem_size > UINT32_MAX / 2 || want != stream->slot_bytes)
		return damaged(stream, "its policy, its options or its slots "
			       "are no stream's");
	if (words.subscriptions < 1 ||
	    words.subscriptions > MOST_SUBSCRIPTIONS ||
	    words.subscriptions_offset <
		    ring->stream_offset + sizeof(words) ||
	    !fits(words.subscriptions_offset, words.subscriptions, ZIPC_LINE,
		  ring->slots_offset))
		return damaged(stream, "its subscriptions lie outside their "
			       "place");
	if (words.options & ZIPC_STREAM_DERIVED &&
	    !fits(words.derivation_offset, 1, sizeof(struct zipc_derivation),
		  ring->slots_offset))
		return damaged(stream, "its derivation lies outside its place");
	if (words.options & ZIPC_STREAM_DERIVED)
		stream->derivation_at = stream->at + words.derivation_offset;
	stream->subscriptions_at = stream->at + words.subscriptions_offset;
	stream->subscriptions = words.subscriptions;
	stream->policy = words.policy;
	stream->options = words.options;
	return 0;
}

static int read_word(const struct zipc_stream_at *stream, uint64_t at,
		     uint64_t *out)
{
	return zipc_view_read(stream->view, at, out, sizeof(*out));
}

#define RING(field) offsetof(struct zipc_place_ring, field)
#define WORDS(field) offsetof(struct zipc_stream_words, field)

/* Where it stands: head, and then tail, which is not before it. */
static int stand(struct zipc_stream_at *stream)
{
	int rc = read_word(stream, stream->at + RING(head), &stream->head);

	if (!rc)
		rc = read_word(stream, stream->at + RING(tail), &stream->tail);
	if (rc)
		return rc;
	stream->ended = stream->tail & ZIPC_TAIL_CLOSED;
	stream->tail &= ~ZIPC_TAIL_CLOSED;
	if (stream->head < 1 || stream->head > stream->tail ||
	    stream->tail > POSITION_END)
		return damaged(stream, "its frontier and its tail do not "
			       "belong together");
	return 0;
}

int zipc_watch_stream(struct zipc_stream_at *stream,
		      struct zipc_view *view,
		      const struct zipc_view_block *block)
{
	struct zipc_place_ring ring;
	int rc;

	*stream = (struct zipc_stream_at){ .view = view,
					   .block = block,
					   .at = block->body_at };
	rc = load_ring(stream, &ring);
	if (!rc)
		rc = load_words(stream, &ring);
	return rc ? rc : stand(stream);
}

/* Those that are retained for sure; who comes late begins there. */
static uint64_t oldest(const struct zipc_stream_at *stream)
{
	uint64_t capacity = stream->block->head.capacity;

	return stream->tail > capacity ? stream->tail - capacity : 1;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct zipc_stream_at stream;
	int rc = zipc_watch_stream(&stream, view, block);

	if (rc)
		return rc;
	out->size = stream.tail - oldest(&stream);
	out->added = stream.tail - 1;
	out->removed = oldest(&stream) - 1;
	return 0;
}

/* elements */

/* Positions p to p + count - 1, in slots that lie side by side. */
struct batch {
	uint64_t p, count, most;
	unsigned char *first, *second, *third; /* copies of the slots */
	struct zipc_writer *writers;
	bool up; /* active */
	uint64_t head, verdict;
};

static int copy_slots(const struct zipc_stream_at *stream,
		      const struct batch *batch, unsigned char *to)
{
	return zipc_view_read(stream->view,
			      stream->slots_at + batch->p % stream->slots *
							 stream->slot_bytes,
			      to, batch->count * stream->slot_bytes);
}

/* What tells of turns whether they are those of settled writers. */
static int copy_question(const struct zipc_stream_at *stream,
			 struct batch *batch)
{
	uint64_t active = 0;
	int rc = read_word(stream, stream->at + RING(active), &active);

	batch->up = active & 1;
	if (!rc && batch->up)
		rc = read_word(stream, stream->at + RING(verdict),
			       &batch->verdict);
	if (!rc && batch->up)
		rc = read_word(stream, stream->at + RING(head), &batch->head);
	if (!rc && batch->up)
		rc = zipc_view_read(stream->view, stream->writers_at,
				    batch->writers,
				    stream->writers * sizeof(*batch->writers));
	return rc;
}

#define REVOKED 3u
#define IS_PUBLISHED 0u
#define CLAIM_POSITIONS ((UINT64_C(1) << 54) - 1)

/* Leave out what may not stand: behind the verdict head has not moved back. */
static bool may_be_settled(const struct zipc_stream_at *stream,
			   const struct batch *batch, uint64_t p)
{
	uint64_t claim;
	unsigned i;

	if (!batch->up)
		return false;
	if (batch->verdict >> 2 == p && (batch->verdict & 3) != IS_PUBLISHED)
		return true;
	for (i = 0; i < stream->writers; i++) {
		/* Relaxed: it is a copy of our own. */
		claim = atomic_load_explicit(&batch->writers[i].claim,
					     memory_order_relaxed);
		if ((claim & 3) == REVOKED &&
		    claim >> 10 == (p & CLAIM_POSITIONS))
			return true;
	}
	return false;
}

static uint64_t turn_in(const struct zipc_stream_at *stream,
			const unsigned char *slots, uint64_t i)
{
	uint64_t turn;

	memcpy(&turn, slots + i * stream->slot_bytes, sizeof(turn));
	return turn;
}

/* Elements of the batch that were whole, packed; returns how many. */
static uint64_t keep_whole(const struct zipc_stream_at *stream,
			   const struct batch *batch, unsigned char *bytes,
			   uint64_t *ids)
{
	uint64_t elem_size = stream->block->head.elem_size, kept = 0, i, p;

	for (i = 0; i < batch->count; i++) {
		p = batch->p + i;
		if (turn_in(stream, batch->first, i) != p ||
		    turn_in(stream, batch->third, i) != p ||
		    may_be_settled(stream, batch, p))
			continue;
		memcpy(bytes + kept * elem_size,
		       batch->second + i * stream->slot_bytes + 8, elem_size);
		if (ids)
			ids[kept] = p;
		kept++;
	}
	return kept;
}

static int64_t read_batch(const struct zipc_stream_at *stream,
			  struct batch *batch, unsigned char *bytes,
			  uint64_t *ids)
{
	int rc = copy_slots(stream, batch, batch->first);

	if (!rc)
		rc = copy_question(stream, batch);
	if (!rc)
		rc = copy_slots(stream, batch, batch->second);
	if (!rc)
		rc = copy_slots(stream, batch, batch->third);
	return rc ? rc : (int64_t)keep_whole(stream, batch, bytes, ids);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int64_t collect(const struct zipc_stream_at *stream, struct batch *batch,
		       uint64_t n, unsigned char *bytes, uint64_t *ids)
{
	uint64_t elem_size = stream->block->head.elem_size, got = 0;
	int64_t rc;

	while (batch->p < stream->tail && got < n) {
		batch->count = least(batch->most, n - got);
		batch->count = least(batch->count, stream->tail - batch->p);
		batch->count = least(batch->count, stream->slots -
						   batch->p % stream->slots);
		rc = read_batch(stream, batch, bytes + got * elem_size,
				ids ? ids + got : NULL);
		if (rc < 0)
			return rc;
		got += (uint64_t)rc;
		batch->p += batch->count;
	}
	return (int64_t)got;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	struct batch batch = { .most = 1 };
	struct zipc_stream_at stream;
	uint64_t slots_bytes;
	int64_t rc = zipc_watch_stream(&stream, view, block);

	if (rc || !n || from >= stream.tail - oldest(&stream))
		return rc;
	if (stream.slot_bytes < BATCH_BYTES)
		batch.most = BATCH_BYTES / stream.slot_bytes;
	slots_bytes = batch.most * stream.slot_bytes;
	batch.first = malloc(3 * slots_bytes);
	batch.writers = malloc(stream.writers * sizeof(*batch.writers));
	if (batch.first && batch.writers) {
		batch.second = batch.first + slots_bytes;
		batch.third = batch.second + slots_bytes;
		batch.p = oldest(&stream) + from;
		rc = collect(&stream, &batch, n, bytes, ids);
	} else {
		rc = zipc_fail(ENOMEM, "no memory to copy elements of `%s`",
			       block->name);
	}
	free(batch.first);
	free(batch.writers);
	return rc;
}

/* who */

static int count_writers(const struct zipc_stream_at *stream, unsigned *held)
{
	uint64_t holder;
	unsigned i;
	int rc = 0;

	*held = 0;
	for (i = 0; i < stream->writers && !rc; i++) {
		rc = read_word(stream, stream->writers_at + i * ZIPC_LINE,
			       &holder);
		*held += !rc && holder;
	}
	return rc;
}

static int read_subscription(const struct zipc_stream_at *stream, unsigned i,
			     struct zipc_subscription_record *out)
{
	return zipc_view_read(stream->view,
			      stream->subscriptions_at +
				      i * (uint64_t)ZIPC_LINE,
			      out, sizeof(*out));
}

static int count_subscriptions(const struct zipc_stream_at *stream,
			       unsigned *there)
{
	struct zipc_subscription_record record;
	unsigned i;
	int rc = 0;

	*there = 0;
	for (i = 0; i < stream->subscriptions && !rc; i++) {
		rc = read_subscription(stream, i, &record);
		/* Relaxed: it is a copy of our own. */
		*there += !rc && atomic_load_explicit(&record.position,
						      memory_order_relaxed);
	}
	return rc;
}

static int64_t read_stream(struct zipc_view *view,
			   const struct zipc_view_block *block, void *context)
{
	struct zipc_view_stream *out = context;
	struct zipc_stream_at stream;
	int rc = zipc_watch_stream(&stream, view, block);

	if (!rc)
		rc = count_writers(&stream, &out->writers);
	if (!rc)
		rc = count_subscriptions(&stream, &out->subscriptions);
	if (!rc)
		rc = read_word(&stream, stream.words_at + WORDS(dropped),
			       &out->dropped);
	if (rc)
		return rc;
	out->policy = stream.policy;
	out->timestamps = stream.options & ZIPC_STREAM_STAMPS ? 1 : 0;
	out->ended = stream.ended;
	out->max_writers = stream.writers;
	out->max_subscriptions = stream.subscriptions;
	out->position = stream.tail;
	out->decided = stream.head;
	return 0;
}

int zipc_watch_must_be_stream(const struct zipc_view *view,
			      const struct zipc_view_entry *entry)
{
	if (entry->kind == ZIPC_STREAM)
		return 0;
	return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` is no stream",
			 entry->name, view->name);
}

int zipc_view_stream(struct zipc_view *view,
		     const struct zipc_view_entry *entry,
		     struct zipc_view_stream *out)
{
	struct zipc_view_stream it = { 0 };
	int rc = zipc_watch_must_be_stream(view, entry);

	if (!rc)
		rc = (int)zipc_view_of_block(view, entry, read_stream, &it);
	if (!rc)
		*out = it;
	return rc;
}

static int free_place(const char *name, unsigned i)
{
	return zipc_fail(ENOENT, "place %u of stream `%s` has no subscription",
			 i, name);
}

/* Fill in what the record says; its words are a copy of our own. */
static int tell(const struct zipc_stream_at *stream,
		const struct zipc_subscription_record *record,
		struct zipc_view_subscription *out)
{
	struct zipc_view_participant it = { 0 };
	uint64_t holder;

	memcpy(out->name, record->name, sizeof(out->name));
	out->name[ZIPC_NAME_MAX] = '\0';
	if (!zipc_name_valid(out->name))
		return damaged(stream, "a subscription has no valid name");
	out->position = atomic_load_explicit(&record->position,
					     memory_order_relaxed);
	/* The position may be of a later moment than the tail. */
	if (out->position < stream->tail)
		out->lag = stream->tail - out->position;
	out->lost = atomic_load_explicit(&record->lost, memory_order_relaxed);
	holder = atomic_load_explicit(&record->holder, memory_order_relaxed);
	out->has_reader = holder != 0;
	out->of_derived = holder & ZIPC_HELD_BY_STREAM ? 1 : 0;
	if (!holder || out->of_derived)
		return 0;
	if (zipc_view_holder_of(stream->view, holder, &it))
		return -EBADMSG;
	out->alive = it.alive;
	out->pid = it.pid;
	return 0;
}

static int64_t read_one(struct zipc_view *view,
			const struct zipc_view_block *block, void *context)
{
	struct zipc_view_subscription *out = context;
	struct zipc_subscription_record record;
	struct zipc_stream_at stream;
	int rc = zipc_watch_stream(&stream, view, block);

	if (!rc && out->index >= stream.subscriptions)
		rc = free_place(block->name, out->index);
	if (!rc)
		rc = read_subscription(&stream, out->index, &record);
	if (rc)
		return rc;
	/* Relaxed: it is a copy of our own. */
	if (!atomic_load_explicit(&record.position, memory_order_relaxed))
		return free_place(block->name, out->index);
	return tell(&stream, &record, out);
}

int zipc_view_subscription(struct zipc_view *view,
			   const struct zipc_view_entry *entry, unsigned i,
			   struct zipc_view_subscription *out)
{
	struct zipc_view_subscription it = { .index = i };
	int rc = zipc_watch_must_be_stream(view, entry);

	if (!rc)
		rc = (int)zipc_view_of_block(view, entry, read_one, &it);
	/* Its drivers count that in their batches. */
	if (!rc && it.of_derived)
		it.lost = zipc_watch_derived_loss(view, it.name, entry->name);
	if (!rc)
		*out = it;
	return rc;
}

const struct zipc_view_kind zipc_view_of_stream = {
	.kind = ZIPC_STREAM,
	.describe = describe,
	.elements = elements,
};
