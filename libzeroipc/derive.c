/* SPDX-License-Identifier: MIT */
/* Derived streams: creating and opening one; derive.h has the idea. */
#include "derive.h"

#include "error.h"
#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM_MOST (1u << 20)

static uint64_t to_lines(uint64_t bytes)
{
	return (bytes + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

/* create */

/* What a derivation is made from, from the text to the commit. */
struct draft {
	struct zipc_stream_plan plan; /* the first, as it is found by that */
	struct zipc_segment *segment;
	const char *name;
	struct zipc_flow *flow;
	enum zipc_stream_from from;
	uint32_t room;
	unsigned flags;
	/* what find() has found, in its order; then as the flow has them */
	struct zipc_stream *opened[ZIPC_FLOW_SOURCES];
	unsigned opened_count;
	struct zipc_stream *sources[ZIPC_FLOW_SOURCES];
	uint32_t records[ZIPC_FLOW_SOURCES];
	unsigned joined; /* sources that have a record */
};

static struct zipc_stream *find_opened(const struct draft *draft,
				       const char *name)
{
	unsigned i;

	for (i = 0; i < draft->opened_count; i++)
		if (!strcmp(draft->opened[i]->shape.name, name))
			return draft->opened[i];
	return NULL;
}

static void describe(const struct zipc_stream *stream,
		     struct zipc_flow_source *found)
{
	*found = (struct zipc_flow_source){
		.name = stream->shape.name,
		.type = zipc_type_text(stream->type),
		.times = stream->places.stamp_word != 0,
	};
}

static int find_source(void *context, const char *name,
		       struct zipc_flow_source *found)
{
	struct draft *draft = context;
	struct zipc_stream *stream = find_opened(draft, name);
	int rc;

	if (!stream) {
		if (draft->opened_count == ZIPC_FLOW_SOURCES)
			return zipc_fail(EINVAL, "a derived stream has at most "
					 "%u sources", ZIPC_FLOW_SOURCES);
		rc = zipc_stream_open(&stream, draft->segment, name, NULL);
		if (rc)
			return rc;
		draft->opened[draft->opened_count++] = stream;
	}
	describe(stream, found);
	return 0;
}

/* The stream on the left, which has to be the one of that name here. */
static int find_left(struct draft *draft, const struct zipc_stream *source,
		     struct zipc_flow_source *found)
{
	const struct zipc_stream_shape *shape = &source->shape;
	int rc;

	if (strcmp(shape->segment->name, draft->segment->name))
		return zipc_fail(EINVAL, "stream `%s` is in segment `/%s`: "
				 "what is derived from it is in the same one",
				 shape->name, shape->segment->name);
	rc = find_source(draft, shape->name, found);
	if (!rc && !zipc_use_same(&draft->opened[0]->shape.use, &shape->use))
		return zipc_fail(ENOENT, "stream `%s` in segment `/%s` was "
				 "removed: look it up again", shape->name,
				 shape->segment->name);
	return rc;
}

static int compile(struct draft *draft, const char *text,
		   const struct zipc_stream *source)
{
	struct zipc_flow_source left;
	struct zipc_flow_text what = { .text = text, .find = find_source,
				       .context = draft };
	unsigned k;
	int rc = source ? find_left(draft, source, &left) : 0;

	if (source)
		what.source = &left;
	if (!rc)
		rc = zipc_flow_compile(&draft->flow, &what);
	for (k = 0; !rc && k < zipc_flow_sources(draft->flow); k++) {
		draft->sources[k] = find_opened(
			draft, zipc_flow_source(draft->flow, k)->name);
		if (!draft->sources[k])
			rc = zipc_fail(EINVAL, "the flow reads what it has not "
				       "looked up");
	}
	return rc;
}

/* the area: the derivation, its sources, the flow, its text, the buffers */

static uint64_t flow_at(const struct draft *draft)
{
	return sizeof(struct zipc_derivation) +
	       zipc_flow_sources(draft->flow) *
		       sizeof(struct zipc_derivation_source);
}

static uint64_t buffers_at(const struct draft *draft)
{
	size_t flow_bytes;

	zipc_flow_bytes(draft->flow, &flow_bytes);
	return to_lines(flow_at(draft) + flow_bytes +
			strlen(zipc_flow_text(draft->flow)) + 1);
}

static uint64_t buffer_bytes(const struct draft *draft)
{
	const struct zipc_flow *flow = draft->flow;

	return zipc_batch_layout((uint32_t)zipc_flow_state_bytes(flow),
				 draft->room, zipc_flow_result_bytes(flow),
				 zipc_flow_has_times(flow)).size;
}

static void write_constants(const struct draft *draft, unsigned char *body,
			    uint64_t at)
{
	struct zipc_derivation *it = (void *)(body + at);
	const char *text = zipc_flow_text(draft->flow);
	size_t bytes;
	const void *flow = zipc_flow_bytes(draft->flow, &bytes);

	it->flow_offset = at + flow_at(draft);
	it->flow_bytes = (uint32_t)bytes;
	it->text_length = (uint32_t)strlen(text);
	it->buffers_offset = at + buffers_at(draft);
	it->buffer_bytes = buffer_bytes(draft);
	it->sources = zipc_flow_sources(draft->flow);
	it->state_bytes = (uint32_t)zipc_flow_state_bytes(draft->flow);
	it->room = draft->room;
	it->flags = draft->flags;
	memcpy(body + it->flow_offset, flow, bytes);
	memcpy(body + it->flow_offset + bytes, text, it->text_length + 1);
}

/* Batch 0, of which nothing came, in the first buffer. */
static void write_batch(const struct draft *draft, unsigned char *body,
			uint64_t at, const uint64_t *positions)
{
	struct zipc_derivation *it = (void *)(body + at);
	struct zipc_batch *batch = (void *)(body + it->buffers_offset);
	struct timespec now;
	unsigned k;

	clock_gettime(CLOCK_REALTIME, &now);
	zipc_flow_begin(draft->flow, (void *)(batch + 1),
			(int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	/* Relaxed: the table's commit publishes the whole block. */
	atomic_store_explicit(&batch->first, 1, memory_order_relaxed);
	for (k = 0; k < it->sources; k++)
		atomic_store_explicit(&batch->position[k], positions[k],
				      memory_order_relaxed);
}

static void write_source(const struct zipc_stream *stream, uint32_t record,
			 struct zipc_derivation_source *source)
{
	memcpy(source->name, stream->shape.name, strlen(stream->shape.name));
	source->extent = stream->shape.use.extent;
	source->lives = stream->shape.use.lives;
	source->entry = stream->shape.use.entry;
	source->record = record;
}

/* A removed source has no name any more, and is nobody's source. */
static int join_source(struct draft *draft, unsigned k, uint64_t holder,
		       uint64_t *position)
{
	struct zipc_stream *stream = draft->sources[k];
	int rc;

	if (!zipc_use_stands(&stream->shape.use))
		return zipc_fail(ENOENT, "stream `%s` in segment `/%s` was "
				 "removed: look it up again",
				 stream->shape.name, draft->segment->name);
	rc = zipc_stream_join_record(&stream->shape, &stream->places,
				     draft->name, draft->from, holder,
				     &draft->records[k], position);
	if (!rc)
		draft->joined = k + 1;
	return rc;
}

/* Under the lock, before it can be seen. */
static int join(const struct zipc_plan *plan, unsigned char *body,
		uint32_t entry, uint64_t lives)
{
	struct draft *draft = (void *)(uintptr_t)plan;
	struct zipc_place_ring *ring = (void *)body;
	struct zipc_stream_words *words = (void *)(body + ring->stream_offset);
	uint64_t at = words->derivation_offset, positions[ZIPC_FLOW_SOURCES];
	struct zipc_derivation_source *source =
		(void *)(body + at + sizeof(struct zipc_derivation));
	unsigned k;
	int rc = 0;

	write_constants(draft, body, at);
	for (k = 0; !rc && k < zipc_flow_sources(draft->flow); k++) {
		rc = join_source(draft, k, zipc_derived_holder(entry, lives),
				 &positions[k]);
		if (!rc)
			write_source(draft->sources[k], draft->records[k],
				     source++);
	}
	if (!rc)
		write_batch(draft, body, at, positions);
	return rc;
}

static int check_options(const struct zipc_derive_options *options)
{
	if (options->policy != ZIPC_STREAM_BLOCK &&
	    options->policy != ZIPC_STREAM_DROP_OLD)
		return zipc_fail(EINVAL, "a derived stream has the policy "
				 "ZIPC_STREAM_BLOCK or ZIPC_STREAM_DROP_OLD, "
				 "not %d", (int)options->policy);
	if (options->max_drivers > ZIPC_DRIVERS_MOST)
		return zipc_fail(EINVAL, "max_drivers is %u: at most %u",
				 options->max_drivers, ZIPC_DRIVERS_MOST);
	if (options->batch > ROOM_MOST)
		return zipc_fail(EINVAL, "batch is %u: at most %u",
				 options->batch, ROOM_MOST);
	if (options->from != ZIPC_STREAM_NEWEST &&
	    options->from != ZIPC_STREAM_OLDEST)
		return zipc_fail(EINVAL, "a derived stream begins at "
				 "ZIPC_STREAM_NEWEST or ZIPC_STREAM_OLDEST of "
				 "its sources, not at %d", (int)options->from);
	return 0;
}

/* Results in a batch: a flow needs some room in any case. */
static uint32_t room_for(const struct zipc_derive_options *options,
			 uint64_t elem_size)
{
	uint64_t room = options->batch ? options->batch
				       : ZIPC_DERIVE_BYTES / elem_size;

	return room < ZIPC_FLOW_EXPANDS ? ZIPC_FLOW_EXPANDS : (uint32_t)room;
}

/* Of a generator, or of what is made on demand itself. */
static bool is_on_demand(const struct draft *draft)
{
	enum zipc_flow_reads reads = zipc_flow_reads(draft->flow);
	unsigned k;

	for (k = 0; k < zipc_flow_sources(draft->flow); k++)
		if (zipc_stream_is_on_demand(draft->sources[k]))
			return true;
	return reads == ZIPC_FLOW_NOTHING || reads == ZIPC_FLOW_CLOCK;
}

/* Who makes results and then reads them must not lap itself by that. */
static int limit_room(struct draft *draft, uint64_t capacity)
{
	uint64_t most = capacity / 2;

	if (capacity < ZIPC_FLOW_EXPANDS)
		return zipc_fail(EINVAL, "the capacity of `%s` is %llu: what "
				 "is made on demand keeps at least %u",
				 draft->name, (unsigned long long)capacity,
				 ZIPC_FLOW_EXPANDS);
	if (most < ZIPC_FLOW_EXPANDS)
		most = ZIPC_FLOW_EXPANDS;
	if (draft->room > most)
		draft->room = (uint32_t)most;
	return 0;
}

static int plan(struct draft *draft, const struct zipc_derive_options *options)
{
	bool on_demand = is_on_demand(draft);
	struct zipc_stream_options stream = {
		.policy = options->policy,
		.timestamps = zipc_flow_has_times(draft->flow) ? 1 : 0,
		.max_writers = options->max_drivers ? options->max_drivers
			       : on_demand	    ? ZIPC_READING_DRIVERS
						    : ZIPC_DRIVERS,
		.max_subscriptions = options->max_subscriptions,
	};
	uint64_t capacity = options->capacity ? options->capacity : 1024;
	int rc = zipc_stream_plan(&draft->plan, zipc_flow_type(draft->flow),
				  capacity, &stream);

	if (rc)
		return rc;
	draft->room = room_for(options, zipc_flow_result_bytes(draft->flow));
	draft->flags |= on_demand ? ZIPC_DERIVED_ON_DEMAND : 0;
	if (on_demand)
		rc = limit_room(draft, capacity);
	draft->plan.plan.join = join;
	draft->plan.derivation_bytes = buffers_at(draft) +
				       2 * stream.max_writers *
					       buffer_bytes(draft);
	return rc;
}

static void free_draft(struct draft *draft)
{
	unsigned k;

	/* It stands from here on as long as the derived stream is there. */
	for (k = 0; k < draft->joined; k++)
		zipc_stream_join_end(&draft->sources[k]->shape,
				     draft->records[k]);
	for (k = 0; k < draft->opened_count; k++)
		zipc_stream_close(draft->opened[k]);
	zipc_flow_close(draft->flow);
}

int zipc_stream_derive_with(struct zipc_stream **out,
			    struct zipc_segment *segment, const char *name,
			    const char *text, struct zipc_stream *source,
			    const struct zipc_derive_options *options)
{
	static const struct zipc_derive_options none = { 0 };
	struct draft draft = { .segment = segment, .name = name };
	int rc;

	if (!options)
		options = &none;
	draft.from = options->from;
	draft.flags = options->by_daemon ? ZIPC_DERIVED_FOR_DAEMON : 0;
	rc = check_options(options);
	if (!rc)
		rc = compile(&draft, text, source);
	if (!rc)
		rc = plan(&draft, options);
	if (!rc)
		rc = zipc_stream_create_by(out, segment, name, &draft.plan);
	if (!rc && options->by_daemon)
		zipc_segment_call_daemon(segment);
	free_draft(&draft);
	return rc;
}

int zipc_stream_derive(struct zipc_stream **out, struct zipc_segment *segment,
		       const char *name, const char *text,
		       struct zipc_stream *source)
{
	return zipc_stream_derive_with(out, segment, name, text, source, NULL);
}

/* open */

/* What is wrong with a copy of the constants, of an area [at, end). */
static const char *misfit(const struct zipc_derivation *copy, uint64_t at,
			  uint64_t end, uint64_t elem_size, bool times,
			  uint32_t writers)
{
	uint64_t flow_end = copy->flow_offset + copy->flow_bytes +
			    copy->text_length + 1;

	if (copy->sources > ZIPC_FLOW_SOURCES ||
	    copy->flags & ~(ZIPC_DERIVED_FOR_DAEMON |
			    ZIPC_DERIVED_ON_DEMAND) ||
	    copy->flow_bytes > ZIPC_FLOW_BYTES_MOST ||
	    copy->text_length > ZIPC_FLOW_TEXT_MOST ||
	    copy->state_bytes > ZIPC_FLOW_STATE_MOST ||
	    copy->state_bytes % 8 || copy->room < ZIPC_FLOW_EXPANDS ||
	    copy->room > ROOM_MOST || writers > ZIPC_DRIVERS_MOST)
		return "its derivation has numbers that are out of range";
	at += sizeof(*copy) +
	      copy->sources * sizeof(struct zipc_derivation_source);
	if (copy->flow_offset < at || copy->flow_offset > end ||
	    flow_end > end || copy->buffers_offset < flow_end ||
	    copy->buffers_offset > end || copy->buffers_offset % ZIPC_LINE)
		return "its derivation lies beyond its place";
	if (copy->buffer_bytes != zipc_batch_layout(copy->state_bytes,
						    copy->room, elem_size,
						    times).size ||
	    copy->buffer_bytes > (end - copy->buffers_offset) / 2 / writers)
		return "its drivers' buffers lie beyond their place";
	return NULL;
}

/* Names end, texts are texts: what is wrong, or NULL. */
static const char *copy_parts(struct zipc_derived *derived, uint64_t offset)
{
	const struct zipc_derivation *copy = &derived->copy;
	const struct zipc_derivation_source *from =
		(void *)(derived->body + offset + sizeof(*copy));
	unsigned k;

	for (k = 0; k < copy->sources && k < ZIPC_FLOW_SOURCES; k++) {
		derived->sources[k] = from[k];
		derived->sources[k].name[ZIPC_NAME_MAX] = '\0';
		if (!zipc_name_valid(derived->sources[k].name))
			return "one of its sources has no name";
	}
	memcpy(derived->text,
	       derived->body + copy->flow_offset + copy->flow_bytes,
	       copy->text_length);
	return strlen(derived->text) == copy->text_length
		       ? NULL
		       : "the text of its derivation ends too soon";
}

int zipc_derived_open(struct zipc_stream *stream,
		      const struct zipc_found *found, uint64_t offset)
{
	const struct zipc_places *places = &stream->places;
	uint64_t end = (uint64_t)(places->slots - found->body);
	struct zipc_derived *derived;
	const char *wrong = "its derivation lies beyond its place";

	if (offset % ZIPC_LINE || offset > end ||
	    end - offset < sizeof(derived->copy))
		return zipc_stream_damaged(&stream->shape, wrong);
	derived = calloc(1, sizeof(*derived));
	if (!derived)
		return zipc_fail_as(ENOMEM, "out of memory");
	derived->body = found->body;
	derived->words = (void *)(found->body + offset);
	/* Only the copy is checked and used. */
	memcpy(&derived->copy, derived->words,
	       offsetof(struct zipc_derivation, current));
	wrong = misfit(&derived->copy, offset, end, found->elem_size,
		       places->stamp_word, places->writer_count);
	if (!wrong)
		derived->text = calloc(1, derived->copy.text_length + 1);
	if (derived->text)
		wrong = copy_parts(derived, offset);
	if (!wrong && derived->text) {
		derived->holder = zipc_derived_holder(found->use.entry,
						      found->use.lives);
		stream->derived = derived;
		return 0;
	}
	zipc_derived_close(derived);
	return wrong ? zipc_stream_damaged(&stream->shape, wrong)
		     : zipc_fail_as(ENOMEM, "out of memory");
}

void zipc_derived_close(struct zipc_derived *derived)
{
	if (!derived)
		return;
	zipc_driver_close(derived->driver);
	free(derived->text);
	free(derived);
}

/* end */

int zipc_derived_check_source(const struct zipc_stream *stream, unsigned k,
			      const struct zipc_stream *source)
{
	const struct zipc_derived *derived = stream->derived;
	const struct zipc_derivation_source *said = &derived->sources[k];
	const struct zipc_use *use = &source->shape.use;

	if (use->extent != said->extent || use->lives != said->lives ||
	    use->entry != said->entry)
		return -ENOENT;
	if (said->record < source->shape.record_count)
		return 0;
	return zipc_stream_damaged(&stream->shape, "its subscription has no "
				   "record");
}

void zipc_derived_let_go(const struct zipc_stream *stream, unsigned k)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_stream *source;

	/* Of one that is not there any more nothing is held. */
	if (zipc_stream_open(&source, stream->shape.segment,
			     derived->sources[k].name, NULL))
		return;
	if (!zipc_derived_check_source(stream, k, source))
		zipc_stream_raise_record(&source->shape, &source->places,
					 derived->sources[k].record,
					 derived->holder, 0);
	zipc_stream_close(source);
}

void zipc_derived_let_all_go(const struct zipc_stream *stream)
{
	unsigned k;

	for (k = 0; stream->derived && k < stream->derived->copy.sources; k++)
		zipc_derived_let_go(stream, k);
}

/* ask */

const char *zipc_stream_derivation(const struct zipc_stream *stream)
{
	return stream->derived ? stream->derived->text : NULL;
}

bool zipc_stream_is_on_demand(const struct zipc_stream *stream)
{
	return stream->derived &&
	       stream->derived->copy.flags & ZIPC_DERIVED_ON_DEMAND;
}

int zipc_stream_is_for_daemon(const struct zipc_stream *stream)
{
	return stream->derived &&
	       stream->derived->copy.flags & ZIPC_DERIVED_FOR_DAEMON;
}
