/* SPDX-License-Identifier: MIT */
/* Stream: its shape, its handles, its end; stream.h has the idea. */
#include "stream.h"

#include "derive.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

#define ELEM_MAX (UINT64_C(1) << 20)
#define WRITERS 64u

int zipc_stream_damaged(const struct zipc_stream_shape *shape, const char *what)
{
	return zipc_fail(EBADMSG, "stream `%s` is damaged: %s", shape->name,
			 what);
}

int64_t zipc_stream_say(const struct zipc_stream_shape *shape, int64_t rc)
{
	if (rc == -EPIPE)
		return zipc_fail_as(EPIPE, "the stream has ended");
	if (rc == -EBADMSG)
		return zipc_stream_damaged(shape, "its positions, its verdict "
					   "and its elements do not belong "
					   "together");
	return rc;
}

int64_t zipc_stream_or_gone(const struct zipc_stream_shape *shape, int64_t rc)
{
	/* What was read was read before the entry is looked at. */
	atomic_thread_fence(memory_order_acquire);
	if (zipc_use_stands(&shape->use))
		return rc;
	return zipc_fail(ENOENT, "stream `%s` in segment `/%s` was removed: "
			 "look it up again", shape->name, shape->segment->name);
}

int zipc_stream_enter(const struct zipc_stream_shape *shape)
{
	if (zipc_stream_only_reads(shape))
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: stream `%s` cannot be written through "
				 "it", shape->segment->name, shape->name);
	return zipc_use_enter(&shape->use, shape->name);
}

/* create and open */

/* The plan's other_option: policy, times, and how many subscriptions. */
#define PLAN_POLICY 3u
#define PLAN_TIMES 4u
#define PLAN_SUBSCRIPTIONS 3u /* bits to the left */

/* Each writer costs a slot, so large elements have fewer by default. */
static uint32_t writers_for(const struct zipc_plan *plan, uint64_t elem_size)
{
	if (plan->option)
		return plan->option;
	if (elem_size <= 16384)
		return WRITERS;
	return elem_size <= 262144 ? WRITERS / 4 : WRITERS / 8;
}

/* What a slot has behind its turn: the element, its time, its number. */
static uint64_t slot_content(uint64_t elem_size, unsigned options)
{
	unsigned words = !!(options & ZIPC_STREAM_STAMPS) +
			 !!(options & ZIPC_STREAM_DERIVED);

	return words ? (elem_size + 7) / 8 * 8 + 8 * words : elem_size;
}

static const struct zipc_stream_plan *plan_by(const struct zipc_plan *plan)
{
	return (const void *)plan;
}

static unsigned options_by(const struct zipc_plan *plan)
{
	return (plan->other_option & PLAN_TIMES ? ZIPC_STREAM_STAMPS : 0) |
	       (plan_by(plan)->derivation_bytes ? ZIPC_STREAM_DERIVED : 0);
}

static uint64_t own_bytes(const struct zipc_plan *plan)
{
	return sizeof(struct zipc_stream_words) +
	       (uint64_t)(plan->other_option >> PLAN_SUBSCRIPTIONS) *
		       sizeof(struct zipc_subscription_record) +
	       plan_by(plan)->derivation_bytes;
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	return zipc_places_bytes(plan->capacity,
				 slot_content(elem_size, options_by(plan)),
				 writers_for(plan, elem_size), own_bytes(plan));
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	struct zipc_place_ring *ring = (void *)body;
	struct zipc_stream_words *words;
	unsigned options = options_by(plan);

	zipc_places_build(body, plan->capacity,
			  slot_content(elem_size, options),
			  writers_for(plan, elem_size), own_bytes(plan));
	ring->stream_offset = ring->writers_offset +
			      ring->writers * sizeof(struct zipc_writer);
	words = (void *)(body + ring->stream_offset);
	words->policy = plan->other_option & PLAN_POLICY;
	words->options = options;
	words->subscriptions = plan->other_option >> PLAN_SUBSCRIPTIONS;
	words->subscriptions_offset = ring->stream_offset + sizeof(*words);
	if (options & ZIPC_STREAM_DERIVED)
		words->derivation_offset =
			words->subscriptions_offset +
			words->subscriptions *
				sizeof(struct zipc_subscription_record);
	/* Relaxed: the table's commit publishes the whole block. */
	atomic_store_explicit(&words->hold, 1, memory_order_relaxed);
	atomic_store_explicit(&words->wanted, 1, memory_order_relaxed);
}

int zipc_stream_plan(struct zipc_stream_plan *plan, const char *type,
		     uint64_t capacity,
		     const struct zipc_stream_options *options)
{
	static const struct zipc_stream_options none = { 0 };
	unsigned subscriptions;

	if (!options)
		options = &none;
	subscriptions = options->max_subscriptions;
	if (options->max_writers > ZIPC_WRITERS_MOST)
		return zipc_fail(EINVAL, "max_writers is %u: at most %u",
				 options->max_writers, ZIPC_WRITERS_MOST);
	if (subscriptions > ZIPC_SUBSCRIPTIONS_MOST)
		return zipc_fail(EINVAL, "max_subscriptions is %u: at most %u",
				 subscriptions, ZIPC_SUBSCRIPTIONS_MOST);
	if ((unsigned)options->policy > ZIPC_STREAM_ERROR)
		return zipc_fail(EINVAL, "there is no policy %d of a stream",
				 (int)options->policy);
	if (!subscriptions)
		subscriptions = ZIPC_SUBSCRIPTIONS;
	plan->derivation_bytes = 0;
	plan->plan = (struct zipc_plan){
		.kind = ZIPC_STREAM,
		.type = type,
		.capacity = capacity,
		.body_bytes = body_bytes,
		.build = build,
		.elem_size_max = ELEM_MAX,
		.option = options->max_writers,
		.other_option = (unsigned)options->policy |
				(options->timestamps ? PLAN_TIMES : 0) |
				subscriptions << PLAN_SUBSCRIPTIONS,
	};
	return 0;
}

/* What is wrong with a copy of the stream's constants; NULL: nothing. */
static const char *misfit(const struct zipc_stream_words *copy,
			  uint64_t offset, uint64_t slots_offset)
{
	uint64_t at = copy->subscriptions_offset;

	if (copy->policy > ZIPC_STREAM_ERROR ||
	    copy->options & ~(ZIPC_STREAM_STAMPS | ZIPC_STREAM_DERIVED))
		return "it has a policy or options that are not known";
	if (!copy->subscriptions ||
	    copy->subscriptions > ZIPC_SUBSCRIPTIONS_MOST || at % ZIPC_LINE ||
	    at < offset + sizeof(*copy) || at > slots_offset ||
	    copy->subscriptions * sizeof(struct zipc_subscription_record) >
		    slots_offset - at)
		return "its subscriptions lie beyond their place";
	return NULL;
}

/* The stream's own words, between the writers and the slots: checked. */
static int open_words(struct zipc_stream *stream,
		      const struct zipc_found *found,
		      struct zipc_stream_words *copy)
{
	struct zipc_stream_shape *shape = &stream->shape;
	struct zipc_place_ring ring;
	const char *wrong = "its body is too short";

	if (found->body_bytes < sizeof(ring))
		return zipc_stream_damaged(shape, wrong);
	memcpy(&ring, found->body, offsetof(struct zipc_place_ring, head));
	wrong = "its own words lie beyond their place";
	if (ring.writers <= ZIPC_WRITERS_MOST &&
	    ring.writers_offset <= found->body_bytes &&
	    ring.slots_offset <= found->body_bytes &&
	    ring.stream_offset % ZIPC_LINE == 0 &&
	    ring.stream_offset >= ring.writers_offset +
			    ring.writers * sizeof(struct zipc_writer) &&
	    ring.stream_offset <= ring.slots_offset &&
	    ring.slots_offset - ring.stream_offset >= sizeof(*copy)) {
		/* Only the copy is checked and used. */
		memcpy(copy, found->body + ring.stream_offset,
		       offsetof(struct zipc_stream_words, hold));
		wrong = misfit(copy, ring.stream_offset, ring.slots_offset);
	}
	if (wrong)
		return zipc_stream_damaged(shape, wrong);
	shape->words = (void *)(found->body + ring.stream_offset);
	shape->records = (void *)(found->body + copy->subscriptions_offset);
	shape->record_count = copy->subscriptions;
	shape->policy = copy->policy;
	return 0;
}

/* The places, whose slots have what the stream puts there. */
static int open_places(struct zipc_stream *stream,
		       struct zipc_segment *segment,
		       const struct zipc_found *found, const char *name,
		       unsigned options)
{
	struct zipc_places *places = &stream->places;
	struct zipc_found content = *found;
	uint32_t word = (uint32_t)((found->elem_size + 7) / 8);
	int rc;

	content.elem_size = slot_content(found->elem_size, options);
	rc = zipc_places_open(places, segment, &content, name);
	if (rc)
		return rc;
	places->elem_size = found->elem_size;
	if (options & ZIPC_STREAM_STAMPS)
		places->stamp_word = ++word;
	if (options & ZIPC_STREAM_DERIVED)
		places->number_word = ++word;
	places->watched = true;
	places->closable = true;
	if (zipc_stream_holds(&stream->shape))
		places->bound = &stream->shape.words->hold;
	return 0;
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_stream **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_stream *stream = calloc(1, sizeof(*stream));
	struct zipc_stream_words copy;
	int rc = stream ? 0 : zipc_fail_as(ENOMEM, "out of memory");

	if (!rc) {
		strcpy(stream->shape.name, name); /* the table measured it */
		rc = open_words(stream, found, &copy);
	}
	if (!rc)
		rc = open_places(stream, segment, found, name, copy.options);
	if (!rc && copy.options & ZIPC_STREAM_DERIVED)
		rc = zipc_derived_open(stream, found, copy.derivation_offset);
	if (rc) {
		zipc_table_release(found);
		free(stream);
		return zipc_use_opened(&found->use, name, rc);
	}
	stream->shape.segment = zipc_segment_hold(segment);
	stream->shape.use = found->use;
	stream->type = found->type;
	*out = stream;
	return 0;
}

int zipc_stream_create_by(struct zipc_stream **out,
			  struct zipc_segment *segment, const char *name,
			  const struct zipc_stream_plan *plan)
{
	struct zipc_found found;
	int rc = zipc_table_create(&found, segment, name, &plan->plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_stream_create_with(struct zipc_stream **out,
			    struct zipc_segment *segment, const char *name,
			    const char *type, uint64_t capacity,
			    const struct zipc_stream_options *options)
{
	struct zipc_stream_plan plan;
	int rc = zipc_stream_plan(&plan, type, capacity, options);

	return rc ? rc : zipc_stream_create_by(out, segment, name, &plan);
}

int zipc_stream_create(struct zipc_stream **out, struct zipc_segment *segment,
		       const char *name, const char *type, uint64_t capacity)
{
	return zipc_stream_create_with(out, segment, name, type, capacity,
				       NULL);
}

int zipc_stream_open(struct zipc_stream **out, struct zipc_segment *segment,
		     const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_STREAM, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_stream_open_or_create(struct zipc_stream **out,
			       struct zipc_segment *segment, const char *name,
			       const char *type, uint64_t capacity)
{
	struct zipc_stream_plan plan;
	struct zipc_found found;
	int rc = zipc_stream_plan(&plan, type, capacity, NULL);

	if (!rc)
		rc = zipc_table_open_or_create(&found, segment, name,
					       &plan.plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

/* end */

int zipc_stream_end(struct zipc_stream *stream)
{
	int rc = zipc_stream_enter(&stream->shape);

	if (rc)
		return rc;
	zipc_places_shut(&stream->places);
	zipc_derived_let_all_go(stream);
	return 0;
}

int zipc_stream_has_ended(const struct zipc_stream *stream)
{
	return zipc_places_closed(&stream->places);
}

/* ask */

uint64_t zipc_stream_oldest(const struct zipc_places *places)
{
	uint64_t tail = zipc_places_tail(places), first, oldest, n;

	if (tail <= places->capacity)
		return 1;
	first = tail > places->slot_count ? tail - places->slot_count : 1;
	oldest = tail - places->capacity;
	/*
	 * Relaxed: what was given up just now may count as an element, and so
	 * may what was revoked and is published late.
	 */
	if (atomic_load_explicit(&places->ring->given_up,
				 memory_order_relaxed) < oldest)
		return oldest;
	/* Holes do not count: the slots that are spare have what they cost. */
	for (n = 0, oldest = tail; oldest > first && n < places->capacity;) {
		oldest--;
		n += zipc_turn(zipc_slot(places, oldest)) >= oldest ||
		     !zipc_places_is_hole(places, oldest);
	}
	return oldest;
}

uint64_t zipc_stream_size(const struct zipc_stream *stream)
{
	uint64_t emitted = zipc_stream_emitted(stream);

	return emitted < stream->places.capacity ? emitted
						 : stream->places.capacity;
}

uint64_t zipc_stream_emitted(const struct zipc_stream *stream)
{
	uint64_t tail = zipc_places_tail(&stream->places);

	if (zipc_stream_only_reads(&stream->shape) &&
	    zipc_stream_or_gone(&stream->shape, 0))
		return 0;
	return tail ? tail - 1 : 0;
}

uint64_t zipc_stream_dropped(const struct zipc_stream *stream)
{
	/* Relaxed: a count that nothing depends on. */
	return atomic_load_explicit(&stream->shape.words->dropped,
				    memory_order_relaxed);
}

uint64_t zipc_stream_capacity(const struct zipc_stream *stream)
{
	return stream->places.capacity;
}

uint64_t zipc_stream_elem_size(const struct zipc_stream *stream)
{
	return stream->places.elem_size;
}

const struct zipc_type *zipc_stream_type(const struct zipc_stream *stream)
{
	return stream->type;
}

enum zipc_stream_policy zipc_stream_policy(const struct zipc_stream *stream)
{
	return stream->shape.policy;
}

int zipc_stream_has_times(const struct zipc_stream *stream)
{
	return stream->places.stamp_word != 0;
}

void zipc_stream_close(struct zipc_stream *stream)
{
	if (!stream)
		return;
	zipc_derived_close(stream->derived);
	zipc_places_close(&stream->places);
	zipc_use_end(&stream->shape.use);
	zipc_type_free(stream->type);
	zipc_segment_close(stream->shape.segment);
	free(stream);
}
