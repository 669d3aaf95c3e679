/* SPDX-License-Identifier: MIT */
/*
 * Watching a derived stream, read from its file.
 *
 * What the drivers have done stands in the buffer that `current` names, and is
 * there as long as it does (derive.h): so it is copied, and believed if current
 * is still the same.
 */
#include "inspect_stream.h"

#include "error.h"
#include "flow.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>
#include <zipc/inspect_derive.h>

static_assert(ZIPC_DERIVATION_SOURCES == ZIPC_FLOW_SOURCES, "one of each");
static_assert(ZIPC_DERIVATION_STAGES == ZIPC_FLOW_STAGES, "likewise");
static_assert(ZIPC_DERIVATION_TEXT == ZIPC_FLOW_TEXT_MOST + 1, "and a NUL");

/* What is read of it; all of it a copy. */
struct reading {
	struct zipc_stream_at stream;
	struct zipc_derivation words;
	struct zipc_derivation_source sources[ZIPC_FLOW_SOURCES];
	struct zipc_view_entry entries[ZIPC_FLOW_SOURCES];
	struct zipc_batch batch;
	unsigned char *flow, *state;
	struct zipc_view_derivation *out;
};

static int damaged(const struct reading *it, const char *what)
{
	return zipc_view_damaged(it->stream.view, it->stream.block->name,
				 "%s", what);
}

static int read_at(const struct reading *it, uint64_t offset, void *bytes,
		   uint64_t n)
{
	uint64_t body = it->stream.block->head.body_bytes;

	if (offset > body || n > body - offset)
		return damaged(it, "parts of its derivation lie outside its "
			       "body");
	return zipc_view_read(it->stream.view, it->stream.at + offset, bytes,
			      n);
}

/* the constants */

static int read_words(struct reading *it)
{
	struct zipc_derivation *words = &it->words;
	int rc = zipc_view_read(it->stream.view, it->stream.derivation_at,
				words, sizeof(*words));

	if (rc)
		return rc;
	if (words->sources > ZIPC_FLOW_SOURCES ||
	    words->flow_bytes > ZIPC_FLOW_BYTES_MOST ||
	    words->text_length > ZIPC_FLOW_TEXT_MOST ||
	    words->state_bytes > ZIPC_FLOW_STATE_MOST ||
	    words->buffer_bytes < sizeof(struct zipc_batch))
		return damaged(it, "its derivation is larger than one can be");
	it->out->sources = words->sources;
	it->out->by_daemon = words->flags & ZIPC_DERIVED_FOR_DAEMON ? 1 : 0;
	return zipc_view_read(it->stream.view,
			      it->stream.derivation_at + sizeof(*words),
			      it->sources,
			      words->sources * sizeof(*it->sources));
}

/* Bytes that are none of a text are shown as blanks. */
static int read_text(struct reading *it)
{
	char *text = it->out->text;
	unsigned length = it->words.text_length, i;
	int rc = read_at(it, it->words.flow_offset + it->words.flow_bytes,
			 text, length);

	text[rc ? 0 : length] = '\0';
	for (i = 0; !rc && i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = ' ';
	return rc;
}

static int read_flow(struct reading *it)
{
	it->flow = malloc(it->words.flow_bytes + 1);
	it->state = malloc(it->words.state_bytes + 1);
	if (!it->flow || !it->state)
		return zipc_fail_as(ENOMEM, "out of memory");
	return read_at(it, it->words.flow_offset, it->flow,
		       it->words.flow_bytes);
}

/* the latest batch */

static int read_current(struct reading *it, uint64_t *current)
{
	return zipc_view_read(it->stream.view,
			      it->stream.derivation_at +
				      offsetof(struct zipc_derivation, current),
			      current, sizeof(*current));
}

static int read_buffer(struct reading *it, uint64_t current)
{
	uint64_t buffer = current & 0xFF, offset;
	int rc;

	if (__builtin_mul_overflow(buffer, it->words.buffer_bytes, &offset) ||
	    __builtin_add_overflow(offset, it->words.buffers_offset, &offset))
		return damaged(it, "its buffers lie outside its body");
	rc = read_at(it, offset, &it->batch, sizeof(it->batch));
	if (rc)
		return rc;
	return read_at(it, offset + sizeof(it->batch), it->state,
		       it->words.state_bytes);
}

static int read_batch(struct reading *it)
{
	uint64_t before, after;
	unsigned tries;
	int rc;

	for (tries = 0; tries < ZIPC_VIEW_TRIES; tries++) {
		rc = read_current(it, &before);
		if (!rc)
			rc = read_buffer(it, before);
		if (!rc)
			rc = read_current(it, &after);
		if (rc)
			return rc;
		if (before == after) {
			it->out->batches = before >> 8;
			return 0;
		}
	}
	return zipc_view_changes(it->stream.view);
}

/* A word of the batch, which is a copy of our own. */
static uint64_t word(const _Atomic uint64_t *of)
{
	return atomic_load_explicit(of, memory_order_relaxed);
}

static void tell_batch(struct reading *it)
{
	const struct zipc_batch *batch = &it->batch;
	uint64_t first = word(&batch->first), count = word(&batch->count);

	it->out->results = first ? first - 1 + count : count;
	/* Relaxed: likewise. */
	it->out->ended = atomic_load_explicit(&batch->flags,
					      memory_order_relaxed) &
					 ZIPC_BATCH_ENDS
				 ? 1 : 0;
}

/* sources and operators */

/* Whether the entry is still that of the source. */
static bool is_source(const struct zipc_derivation_source *source,
		      const struct zipc_view_entry *entry)
{
	return entry->kind == ZIPC_STREAM &&
	       entry->generation == (uint32_t)source->lives &&
	       entry->offset_bytes ==
		       zipc_extent_of(source->extent).at;
}

/* Where the source stands; it may have been removed. */
static int tell_source(struct reading *it, unsigned k)
{
	struct zipc_view_source *out = &it->out->source[k];
	struct zipc_view *view = it->stream.view;
	struct zipc_view_stream stream;
	int rc;

	memcpy(out->name, it->sources[k].name, sizeof(out->name));
	out->name[ZIPC_NAME_MAX] = '\0';
	if (!zipc_name_valid(out->name))
		return damaged(it, "a source has no valid name");
	rc = zipc_view_find(view, out->name, &it->entries[k]);
	if (!rc && !is_source(&it->sources[k], &it->entries[k]))
		rc = -ENOENT;
	if (!rc)
		rc = zipc_view_stream(view, &it->entries[k], &stream);
	if (rc == -ENOENT) {
		out->removed = 1;
		return 0;
	}
	if (rc)
		return rc;
	out->position = word(&it->batch.position[k]);
	out->lost = word(&it->batch.lost[k]);
	/* It may have been read a moment before the tail. */
	if (out->position < stream.position)
		out->lag = stream.position - out->position;
	return 0;
}

static int tell_stages(struct reading *it, struct zipc_flow *flow)
{
	struct zipc_flow_counts counts;
	unsigned k, n = zipc_flow_stages(flow);
	size_t length;
	int rc = 0;

	if (zipc_flow_state_bytes(flow) != it->words.state_bytes ||
	    strcmp(zipc_flow_text(flow), it->out->text))
		return damaged(it, "its flow, its text and its state do not "
			       "belong together");
	for (k = 0; k < n && !rc; k++) {
		struct zipc_view_stage *out = &it->out->stage[k];

		out->at = (unsigned)(zipc_flow_stage(flow, k, &length) -
				     zipc_flow_text(flow));
		out->length = (unsigned)length;
		rc = zipc_flow_counts(flow, it->state, k, &counts);
		if (rc)
			return damaged(it, "its state is none of its flow");
		out->in = counts.in;
		out->out = counts.out;
		out->failed = counts.failed;
	}
	zipc_flow_failure_print(flow, it->state, it->out->failure,
				sizeof(it->out->failure));
	it->out->stages = n;
	return rc;
}

/* Operators are known by types of all sources: without one they are not. */
static int tell_operators(struct reading *it)
{
	struct zipc_flow_source sources[ZIPC_FLOW_SOURCES];
	struct zipc_view_stream stream;
	struct zipc_flow *flow;
	unsigned k;
	int rc;

	for (k = 0; k < it->words.sources; k++) {
		if (it->out->source[k].removed ||
		    zipc_view_stream(it->stream.view, &it->entries[k],
				     &stream))
			return 0;
		sources[k] = (struct zipc_flow_source){
			.name = it->out->source[k].name,
			.type = it->entries[k].type,
			.times = (int)stream.timestamps,
		};
	}
	rc = zipc_flow_read(&flow, it->flow, it->words.flow_bytes, sources,
			    it->words.sources);
	if (rc)
		return rc == -ENOMEM ? rc
				     : damaged(it, "its flow is none that it "
					       "can be");
	rc = tell_stages(it, flow);
	zipc_flow_close(flow);
	return rc;
}

/* who drives */

/* The holder of a driver's place, if it lives; one at work is told of first. */
static int tell_driver(struct reading *it, unsigned i, bool at_work)
{
	struct zipc_view_participant who = { 0 };
	struct zipc_view_driver *out = &it->out->driver;
	uint64_t holder;
	int rc = zipc_view_read(it->stream.view,
				it->stream.writers_at + i * ZIPC_LINE, &holder,
				sizeof(holder));

	if (rc || !holder)
		return rc;
	rc = zipc_view_holder_of(it->stream.view, holder, &who);
	if (rc)
		return rc;
	it->out->drivers += who.alive;
	if (out->at_work || (out->alive && !at_work) ||
	    (!who.alive && !at_work))
		return 0;
	out->alive = who.alive;
	out->at_work = at_work;
	out->pid = who.pid;
	memcpy(out->name, who.name, sizeof(out->name));
	return 0;
}

static int tell_drivers(struct reading *it)
{
	/* Relaxed: a copy of our own, of no other moment than it says. */
	uint64_t lease = atomic_load_explicit(&it->words.lease,
					      memory_order_relaxed) & 0xFFFF;
	unsigned i;
	int rc = 0;

	for (i = 0; i < it->stream.writers && !rc; i++)
		rc = tell_driver(it, i, lease == i + 1);
	return rc;
}

static int64_t read_derivation(struct zipc_view *view,
			       const struct zipc_view_block *block,
			       void *context)
{
	struct zipc_view_derivation *out = context;
	struct reading it = { .out = out };
	unsigned k;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = zipc_watch_stream(&it.stream, view, block);
	if (!rc && !it.stream.derivation_at)
		rc = zipc_fail(EPROTOTYPE, "stream `%s` in segment `/%s` is "
			       "not derived", block->name, view->name);
	if (!rc)
		rc = read_words(&it);
	if (!rc)
		rc = read_text(&it);
	if (!rc)
		rc = read_flow(&it);
	if (!rc)
		rc = read_batch(&it);
	if (!rc)
		tell_batch(&it);
	for (k = 0; !rc && k < it.words.sources; k++)
		rc = tell_source(&it, k);
	if (!rc)
		rc = tell_operators(&it);
	if (!rc)
		rc = tell_drivers(&it);
	free(it.flow);
	free(it.state);
	return rc;
}

/* What passed a derived stream by in the source of that name. */
struct loss {
	const char *source;
	uint64_t elements;
};

static int read_loss(struct reading *it, struct loss *loss)
{
	unsigned k;
	int rc = read_words(it);

	if (rc)
		return rc;
	it->state = malloc(it->words.state_bytes + 1);
	rc = it->state ? read_batch(it)
		       : zipc_fail_as(ENOMEM, "out of memory");
	for (k = 0; !rc && k < it->words.sources; k++)
		if (!strncmp(it->sources[k].name, loss->source,
			     sizeof(it->sources[k].name)))
			loss->elements = word(&it->batch.lost[k]);
	free(it->state);
	return rc;
}

static int64_t read_loss_of(struct zipc_view *view,
			    const struct zipc_view_block *block, void *context)
{
	struct reading it = { .out = calloc(1, sizeof(*it.out)) };
	int rc = it.out ? zipc_watch_stream(&it.stream, view, block)
			: zipc_fail_as(ENOMEM, "out of memory");

	if (!rc && it.stream.derivation_at)
		rc = read_loss(&it, context);
	free(it.out);
	return rc;
}

uint64_t zipc_watch_derived_loss(struct zipc_view *view, const char *name,
				 const char *source)
{
	struct loss loss = { source, 0 };
	struct zipc_view_entry entry;

	/* What cannot be read just now has lost nothing that is known. */
	if (!zipc_view_find(view, name, &entry) && entry.kind == ZIPC_STREAM)
		(void)zipc_view_of_block(view, &entry, read_loss_of, &loss);
	return loss.elements;
}

int zipc_view_derivation(struct zipc_view *view,
			 const struct zipc_view_entry *entry,
			 struct zipc_view_derivation *out)
{
	struct zipc_view_derivation *it = malloc(sizeof(*it));
	int rc = it ? zipc_watch_must_be_stream(view, entry)
		    : zipc_fail_as(ENOMEM, "out of memory");

	if (!rc)
		rc = (int)zipc_view_of_block(view, entry, read_derivation, it);
	if (!rc)
		*out = *it;
	free(it);
	return rc;
}
