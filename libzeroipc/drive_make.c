/* SPDX-License-Identifier: MIT */
/* Drivers' sources, and the flow over them; derive.h has the idea. */
#include "drive.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READ_BYTES 65536u /* of a source at a time, at most */

static bool has_ended(const struct zipc_driver *driver, unsigned k)
{
	return zipc_batch_get(driver->batch.head.ended) >> k & 1;
}

/*
 * Whether something may come of it. What has ended is not opened any more, and
 * a damaged batch may go back on that.
 */
static bool is_read(const struct zipc_driver *driver, unsigned k)
{
	return !has_ended(driver, k) && driver->source[k].stream;
}

/* open */

static void close_source(struct zipc_drive_source *it)
{
	zipc_stream_unsubscribe(it->reader);
	zipc_stream_close(it->stream);
	free(it->elems);
	free(it->times);
	free(it->behind);
	*it = (struct zipc_drive_source){ .stream = NULL };
}

static int is_removed(const struct zipc_stream *stream, const char *source)
{
	return zipc_fail(ENOENT, "stream `%s` is derived from stream `%s`, "
			 "which was removed before its end was read: nothing "
			 "comes of it any more; end `%s`, or remove it and "
			 "derive it anew", stream->shape.name, source,
			 stream->shape.name);
}

/* The stream that a source is, opened; not any other that has its name now. */
static int find_source(struct zipc_stream **out,
		       const struct zipc_stream *stream, unsigned k)
{
	const char *name = stream->derived->sources[k].name;
	struct zipc_stream *found;
	int rc = zipc_stream_open(&found, stream->shape.segment, name, NULL);

	/* Nothing has the name, or something else. */
	if (rc == -ENOENT || rc == -EPROTOTYPE)
		return is_removed(stream, name);
	if (rc)
		return rc;
	rc = zipc_derived_check_source(stream, k, found);
	if (rc == -ENOENT)
		rc = is_removed(stream, name);
	if (rc)
		zipc_stream_close(found);
	else
		*out = found;
	return rc;
}

static int open_source(struct zipc_stream *stream, unsigned k)
{
	struct zipc_drive_source *it = &stream->derived->driver->source[k];
	int rc = find_source(&it->stream, stream, k);

	if (rc)
		return rc;
	rc = zipc_stream_subscribe(&it->reader, it->stream, NULL,
				   ZIPC_STREAM_NEWEST);
	if (rc)
		close_source(it);
	else
		zipc_subscription_set_depth(it->reader, stream->derived->depth);
	return rc;
}

/* How many elements are read of a source at a time, at most. */
static uint64_t most_of(const struct zipc_places *places, uint32_t room)
{
	uint64_t most = READ_BYTES / places->elem_size;

	most = most < room ? most : room;
	return most ? most : 1;
}

static uint64_t source_bytes(const struct zipc_places *places, uint32_t room)
{
	return most_of(places, room) *
	       (places->elem_size + sizeof(struct zipc_passage) +
		(places->stamp_word ? sizeof(int64_t) : 0));
}

/* Memory for what is read of it at a time: no more than was told. */
static int prepare_source(struct zipc_stream *stream, unsigned k)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_drive_source *it = &derived->driver->source[k];
	const struct zipc_places *places = &it->stream->places;

	if (derived->told_bytes[k] &&
	    source_bytes(places, derived->copy.room) > derived->told_bytes[k])
		return zipc_stream_damaged(&stream->shape, "a source has "
					   "larger elements than before");
	it->most = most_of(places, derived->copy.room);
	it->elems = calloc(it->most, places->elem_size);
	it->behind = calloc(it->most, sizeof(*it->behind));
	if (places->stamp_word)
		it->times = calloc(it->most, sizeof(*it->times));
	if (it->elems && it->behind && (it->times || !places->stamp_word))
		return 0;
	return zipc_fail_as(ENOMEM, "out of memory");
}

/* What it is as the flow has it; without a type where it is not opened. */
static struct zipc_flow_source said_of(const struct zipc_derived *derived,
				       unsigned k)
{
	const struct zipc_drive_source *it = &derived->driver->source[k];
	struct zipc_flow_source said = { .name = derived->sources[k].name };

	if (it->stream) {
		said.type = zipc_type_text(it->stream->type);
		said.times = it->times != NULL;
	}
	return said;
}

static int read_flow(struct zipc_stream *stream)
{
	struct zipc_derived *derived = stream->derived;
	const struct zipc_derivation *copy = &derived->copy;
	struct zipc_flow_source sources[ZIPC_FLOW_SOURCES];
	struct zipc_driver *driver = derived->driver;
	struct zipc_flow *flow;
	unsigned k;
	int rc;

	for (k = 0; k < copy->sources; k++)
		sources[k] = said_of(derived, k);
	rc = zipc_flow_read(&flow, derived->body + copy->flow_offset,
			    copy->flow_bytes, sources, copy->sources);
	/* The sources, and so their types, are those that it was made for. */
	if (rc == -EPROTOTYPE)
		rc = zipc_stream_damaged(&stream->shape, "its flow is for "
					 "other sources");
	if (rc)
		return rc;
	if (zipc_flow_state_bytes(flow) != copy->state_bytes ||
	    zipc_flow_result_bytes(flow) != stream->places.elem_size ||
	    zipc_flow_sources(flow) != copy->sources ||
	    !zipc_flow_has_times(flow) != !stream->places.stamp_word) {
		zipc_flow_close(flow);
		return zipc_stream_damaged(&stream->shape, "its flow is that "
					   "of another stream");
	}
	driver->flow = flow;
	driver->reads = zipc_flow_reads(flow);
	return 0;
}

/* A batch that is damaged may say that what had ended goes on. */
static int check_opened(const struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	unsigned k;

	for (k = 0; k < derived->copy.sources; k++)
		if (!has_ended(derived->driver, k) &&
		    !derived->driver->source[k].stream)
			return zipc_stream_damaged(&stream->shape, "a source "
						   "that had ended goes on");
	return 0;
}

int zipc_driver_open_sources(struct zipc_stream *stream)
{
	struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	unsigned k;
	int rc = 0;

	if (driver->flow)
		return check_opened(stream);
	for (k = 0; !rc && k < derived->copy.sources; k++) {
		if (has_ended(driver, k))
			continue;
		rc = open_source(stream, k);
		if (!rc)
			rc = prepare_source(stream, k);
	}
	if (!rc)
		rc = read_flow(stream);
	if (rc)
		zipc_driver_close_sources(driver);
	return rc;
}

void zipc_driver_close_sources(struct zipc_driver *driver)
{
	unsigned k;

	for (k = 0; k < ZIPC_FLOW_SOURCES; k++)
		close_source(&driver->source[k]);
	zipc_flow_close(driver->flow);
	driver->flow = NULL;
}

/* A flow's own, besides the columns of its programs, of which code has few. */
#define FLOW_BYTES (UINT64_C(128) << 10)
#define COLUMN_BYTES 256u /* for each byte of a flow */

/* steps: how many streams may yet be summed up. */
static int64_t bytes_of(struct zipc_stream *stream, unsigned *steps);

/* What reading its k-th source takes, and making that, if it is on demand. */
static int64_t bytes_of_source(struct zipc_stream *stream, unsigned k,
			       unsigned *steps)
{
	struct zipc_derived *derived = stream->derived;
	struct zipc_stream *source;
	int64_t bytes = 0, rc = find_source(&source, stream, k);

	/* It was removed: nothing is read of it. */
	derived->told_bytes[k] = 1;
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	derived->told_bytes[k] = source_bytes(&source->places,
					      derived->copy.room);
	if (zipc_stream_is_on_demand(source))
		bytes = bytes_of(source, steps);
	zipc_stream_close(source);
	return bytes < 0 ? bytes : bytes + (int64_t)derived->told_bytes[k];
}

static int64_t bytes_of(struct zipc_stream *stream, unsigned *steps)
{
	struct zipc_derived *derived = stream->derived;
	struct zipc_batch_layout layout;
	int64_t bytes, more;
	unsigned k;

	if (!derived)
		return zipc_stream_not_derived(stream);
	if (!(*steps)--)
		return zipc_drive_too_deep(stream);
	layout = zipc_batch_layout(derived->copy.state_bytes,
				   derived->copy.room,
				   stream->places.elem_size,
				   stream->places.stamp_word);
	bytes = (int64_t)(2 * layout.size + FLOW_BYTES +
			  (uint64_t)derived->copy.flow_bytes * COLUMN_BYTES);
	for (k = 0; k < derived->copy.sources; k++) {
		more = bytes_of_source(stream, k, steps);
		if (more < 0)
			return more;
		bytes += more;
	}
	return bytes;
}

int64_t zipc_stream_drive_bytes(struct zipc_stream *stream)
{
	unsigned steps = ZIPC_DRIVE_DEPTH;

	return bytes_of(stream, &steps);
}

/* positions */

/*
 * A batch may be damaged: no source is told to go on beyond its elements, which
 * would be lost.
 */
static int check_positions(const struct zipc_stream *stream)
{
	const struct zipc_driver *driver = stream->derived->driver;
	const struct zipc_stream *source;
	unsigned k;

	for (k = 0; k < stream->derived->copy.sources; k++) {
		source = driver->source[k].stream;
		if (source && zipc_batch_get(driver->batch.head.position[k]) >
				      zipc_places_tail(&source->places))
			return zipc_stream_damaged(&stream->shape, "it stands "
						   "beyond the elements of a "
						   "source");
	}
	return 0;
}

static void raise_sources(struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	const struct zipc_stream *source;
	unsigned k;

	for (k = 0; k < derived->copy.sources; k++) {
		source = driver->source[k].stream;
		if (!source)
			continue;
		zipc_stream_raise_record(
			&source->shape, &source->places,
			derived->sources[k].record, derived->holder,
			zipc_batch_get(driver->batch.head.position[k]));
	}
	driver->raised = driver->current;
}

int zipc_driver_raise(struct zipc_stream *stream)
{
	const struct zipc_driver *driver = stream->derived->driver;
	int rc;

	if (driver->raised == driver->current)
		return 0;
	rc = check_positions(stream);
	if (!rc)
		raise_sources(stream);
	return rc;
}

void zipc_driver_free_sources(struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	struct zipc_drive_source *it;
	unsigned k;

	for (k = 0; k < derived->copy.sources; k++) {
		it = &driver->source[k];
		if (it->stream)
			zipc_stream_raise_record(&it->stream->shape,
						 &it->stream->places,
						 derived->sources[k].record,
						 derived->holder, 0);
		else
			zipc_derived_let_go(stream, k);
	}
}

/* reading */

/*
 * What was removed stays as it is for who has opened it; so if it has ended all
 * of it can still be read, and else nobody says when it has.
 */
static int check_there(const struct zipc_stream *stream, unsigned k)
{
	const struct zipc_stream *source =
		stream->derived->driver->source[k].stream;

	if (zipc_use_stands(&source->shape.use) ||
	    zipc_places_closed(&source->places))
		return 0;
	return is_removed(stream, source->shape.name);
}

/* Read what there is of a source: 0, or a failure; nothing is none. */
static int read_source(struct zipc_stream *stream, unsigned k)
{
	struct zipc_driver *driver = stream->derived->driver;
	struct zipc_drive_source *it = &driver->source[k];
	uint64_t from = zipc_batch_get(driver->batch.head.position[k]);
	int64_t n;
	int rc;

	it->count = 0;
	it->ended = has_ended(driver, k);
	if (it->ended)
		return 0;
	rc = check_there(stream, k);
	if (rc)
		return rc;
	zipc_subscription_seek(it->reader, from);
	n = zipc_subscription_read(it->reader, it->elems, it->times,
				   it->behind, it->most, &it->ended);
	if (n > 0)
		it->count = (uint64_t)n;
	return n > 0 || n == -EAGAIN || n == -EPIPE ? 0 : (int)n;
}

/* Of one source, in turns, or of all of them. */
static int read_sources(struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	unsigned n = derived->copy.sources, i, k;
	bool found = false;
	int rc = 0;

	for (i = 0; !rc && i < n; i++) {
		k = (i + (unsigned)zipc_batch_get(driver->batch.head.number)) %
		    n;
		driver->source[k].count = 0;
		driver->source[k].ended = has_ended(driver, k);
		if (found && driver->reads == ZIPC_FLOW_EACH)
			continue;
		rc = read_source(stream, k);
		found = found || driver->source[k].count;
	}
	return rc;
}

/* Whether something comes of what was read; or of an end that was not known. */
static bool is_enough(const struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	const struct zipc_driver *driver = derived->driver;
	unsigned n = derived->copy.sources, with = 0, ended = 0, over = 0, k;

	for (k = 0; k < n; k++) {
		const struct zipc_drive_source *it = &driver->source[k];

		with += it->count != 0;
		ended |= (unsigned)it->ended << k;
		over += it->ended && !it->count;
	}
	if (driver->reads == ZIPC_FLOW_EACH)
		return with || over == n ||
		       ended != zipc_batch_get(driver->batch.head.ended);
	return driver->reads != ZIPC_FLOW_PAIRS || with + over == n || over;
}

/* making */

static int64_t time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int run(struct zipc_stream *stream, struct zipc_flow_step *step)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	unsigned k;
	int rc;

	for (k = 0; k < derived->copy.sources; k++) {
		step->elems[k] = driver->source[k].elems;
		step->times[k] = driver->source[k].times;
		step->count[k] = driver->source[k].count;
		step->ended |= (unsigned)driver->source[k].ended << k;
	}
	if (driver->reads == ZIPC_FLOW_CLOCK)
		step->now_ns = time_now();
	step->results = zipc_batch_results(driver, &driver->next);
	if (stream->places.stamp_word)
		step->result_times = zipc_batch_times(driver, &driver->next);
	step->room = derived->copy.room;
	memcpy(zipc_batch_state(&driver->next),
	       zipc_batch_state(&driver->batch), derived->copy.state_bytes);
	rc = zipc_flow_run(driver->flow, zipc_batch_state(&driver->next), step);
	if (rc == -EBADMSG)
		return zipc_stream_damaged(&stream->shape, "its batch has no "
					   "state of its flow");
	return rc;
}

/* Where the batch stands in a source of which so many were taken. */
static void note_source(struct zipc_driver *driver, unsigned k, uint64_t taken)
{
	const struct zipc_batch *from = &driver->batch.head;
	const struct zipc_drive_source *it = &driver->source[k];
	struct zipc_batch *to = &driver->next.head;
	uint64_t position = zipc_batch_get(from->position[k]);
	uint64_t lost = zipc_batch_get(from->lost[k]);

	if (taken) {
		position = it->behind[taken - 1].position;
		lost += it->behind[taken - 1].lost;
	}
	zipc_batch_set(to->position[k], position);
	zipc_batch_set(to->lost[k], lost);
	if (it->ended && taken == it->count)
		zipc_batch_set(to->ended, zipc_batch_get(to->ended) | 1u << k);
}

/* The head of the batch that comes of a step; how many were taken. */
static uint64_t note(struct zipc_stream *stream,
		     const struct zipc_flow_step *step)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	const struct zipc_batch *from = &driver->batch.head;
	struct zipc_batch *to = &driver->next.head;
	unsigned n = derived->copy.sources, k;
	uint64_t taken = 0;
	bool ends = step->has_ended;

	memset(to, 0, sizeof(*to));
	zipc_batch_set(to->number, zipc_batch_get(from->number) + 1);
	zipc_batch_set(to->first, zipc_batch_get(from->first) +
					  zipc_batch_get(from->count));
	zipc_batch_set(to->count, step->made);
	zipc_batch_set(to->next_ns, (uint64_t)step->next_ns);
	for (k = 0; k < n; k++) {
		note_source(driver, k, step->taken[k]);
		taken += step->taken[k];
	}
	/* What all have ended for, and what nothing comes of, has ended. */
	if (n && !step->made && zipc_batch_get(to->ended) == (1u << n) - 1)
		ends = true;
	zipc_batch_set(to->flags, ends ? ZIPC_BATCH_ENDS : 0);
	return n ? taken : step->made;
}

/* What was made of nothing, and left out, is not made again. */
static bool has_moved(const struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	const struct zipc_driver *driver = derived->driver;

	return !derived->copy.sources &&
	       memcmp(zipc_batch_state(&driver->next),
		      zipc_batch_state(&driver->batch),
		      derived->copy.state_bytes) != 0;
}

int64_t zipc_driver_make(struct zipc_stream *stream)
{
	struct zipc_driver *driver = stream->derived->driver;
	struct zipc_flow_step step = { .room = 0 };
	uint64_t done;
	int rc = zipc_driver_open_sources(stream);

	if (!rc)
		rc = zipc_driver_raise(stream);
	if (!rc)
		rc = read_sources(stream);
	if (!rc && !is_enough(stream))
		return zipc_fail_as(EAGAIN, "the sources have no new element");
	if (!rc)
		rc = run(stream, &step);
	if (rc)
		return rc;
	done = note(stream, &step);
	if (done || step.made || has_moved(stream) ||
	    zipc_batch_get(driver->next.head.flags) ||
	    zipc_batch_get(driver->next.head.ended) !=
		    zipc_batch_get(driver->batch.head.ended))
		return (int64_t)done;
	zipc_batch_set(driver->batch.head.next_ns, (uint64_t)step.next_ns);
	return zipc_fail_as(EAGAIN, "there is no new result");
}

bool zipc_driver_demands(const struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	const struct zipc_driver *driver = derived->driver;
	unsigned k;

	for (k = 0; driver->flow && k < derived->copy.sources; k++)
		if (is_read(driver, k) &&
		    zipc_stream_is_on_demand(driver->source[k].stream))
			return true;
	return false;
}

/*
 * An element, or an end that has yet to be recorded: also behind elements that
 * are paired with none.
 */
bool zipc_driver_has_work(const struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	const struct zipc_driver *driver = derived->driver;
	unsigned n = derived->copy.sources, ready = 0, k;
	unsigned all = (1u << n) - 1, ended;

	if (!driver->flow || !n || zipc_driver_demands(stream))
		return true;
	ended = (unsigned)zipc_batch_get(driver->batch.head.ended);
	if (ended == all || (ended && driver->reads == ZIPC_FLOW_PAIRS))
		return true;
	for (k = 0; k < n; k++) {
		const struct zipc_drive_source *it = &driver->source[k];

		if (!is_read(driver, k))
			continue;
		if (!zipc_use_stands(&it->stream->shape.use) ||
		    (driver->reads == ZIPC_FLOW_PAIRS &&
		     zipc_places_closed(&it->stream->places)))
			return true;
		zipc_subscription_seek(
			it->reader,
			zipc_batch_get(driver->batch.head.position[k]));
		ready |= (unsigned)zipc_subscription_ready(it->reader) << k;
	}
	return driver->reads == ZIPC_FLOW_PAIRS
		       ? ready == all
		       : ready != 0;
}
