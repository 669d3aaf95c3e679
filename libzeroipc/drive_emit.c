/* SPDX-License-Identifier: MIT */
/* Drivers' emission: each result once; derive.h has the idea. */
#include "drive.h"

#include "error.h"
#include "place_fast.h"

#define EMIT_MOST 255u /* that a claim holds, at most */

/* The number of what stands at a position; false: that is past. */
static bool read_number(const struct zipc_places *places, uint64_t position,
			uint64_t *number)
{
	const struct zipc_slot *slot = zipc_slot(places, position);

	*number = atomic_load_explicit(slot->element + places->number_word - 1,
				       memory_order_relaxed);
	/* begun: acquire; pairs with zipc_places_begin_slot(). */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&slot->turn, memory_order_relaxed) ==
	       position;
}

enum look { FOUND, NONE, PAST };

/* Back from tail, before which all is decided. */
static enum look look_back(const struct zipc_places *places, uint64_t tail,
			   uint64_t *number)
{
	uint64_t end = tail > places->slot_count ? tail - places->slot_count
						 : 1;
	uint64_t p = tail;
	unsigned again = 0;

	while (p > end) {
		switch (zipc_places_see(places, --p)) {
		case ZIPC_SEEN_THERE:
			if (read_number(places, p, number))
				return FOUND;
			/* Taken back, or lapped: seen when looked again. */
			if (++again == ZIPC_DRIVE_TRIES)
				return PAST;
			p++;
			break;
		case ZIPC_SEEN_HOLE:
			break;
		default:
			return PAST;
		}
	}
	return NONE;
}

/* The last that is out, and where the next one goes. */
static int look(struct zipc_stream *stream)
{
	struct zipc_driver *driver = stream->derived->driver;
	uint64_t tail, floor, number = 0;
	unsigned tries = 0;
	enum look found;
	int rc;

	do {
		if (tries++ == ZIPC_DRIVE_TRIES)
			return -EBUSY;
		rc = zipc_stream_decide_all(stream, &tail);
		if (!rc && !tail)
			rc = zipc_stream_damaged(&stream->shape, "its tail is "
						 "before its begin");
		if (rc)
			return rc;
		/* number: acquire; pairs with zipc_driver_emit(). */
		floor = atomic_load_explicit(&stream->derived->words->emitted,
					     memory_order_acquire);
		found = look_back(&stream->places, tail, &number);
		/* What is past has moved tail. */
	} while (found == PAST && zipc_places_tail(&stream->places) != tail);
	if (found == NONE)
		number = floor;
	/* Floor was raised by who had seen it, so before is damage; but who
	 * looks late may find it raised behind the tail that it has read. */
	if (found == PAST ||
	    (number < floor && zipc_places_tail(&stream->places) == tail))
		return zipc_stream_damaged(&stream->shape, "its results are "
					   "not in order");
	driver->number = number;
	driver->tail = tail;
	return 0;
}

/* So much is out, at least; false: that could not be said. */
static bool raise_emitted(struct zipc_stream *stream, uint64_t number)
{
	_Atomic uint64_t *emitted = &stream->derived->words->emitted;
	uint64_t seen = atomic_load_explicit(emitted, memory_order_relaxed);
	unsigned tries;

	for (tries = 0; seen < number && tries < ZIPC_DRIVE_TRIES; tries++)
		/* number: release; the claim that follows carries it too. */
		if (atomic_compare_exchange_strong_explicit(
			    emitted, &seen, number, memory_order_acq_rel,
			    memory_order_relaxed))
			return true;
	return seen >= number;
}

/* Emit some of what comes behind the last that is out. */
static int64_t emit_some(struct zipc_stream *stream, uint64_t last)
{
	struct zipc_driver *driver = stream->derived->driver;
	const struct zipc_batch_copy *batch = &driver->batch;
	uint64_t i = driver->number + 1 - zipc_batch_get(batch->head.first);
	uint64_t n = last - driver->number;
	struct zipc_said said = { .number = driver->number + 1 };

	if (stream->places.stamp_word)
		said.stamps = zipc_batch_times(driver, batch) + i;
	if (!raise_emitted(stream, driver->number))
		return -EBUSY;
	return zipc_stream_emit_at(stream,
				   zipc_batch_results(driver, batch) +
					   i * stream->places.elem_size,
				   n < EMIT_MOST ? n : EMIT_MOST, driver->tail,
				   &said);
}

int64_t zipc_driver_emit(struct zipc_stream *stream)
{
	struct zipc_driver *driver = stream->derived->driver;
	const struct zipc_batch *head = &driver->batch.head;
	uint64_t before = zipc_batch_get(head->first) - 1;
	uint64_t last = before + zipc_batch_get(head->count);
	int64_t done = 0, rc = 0;
	unsigned tries = 0;

	/* What is known from before may be old, and is true even so. */
	if (!driver->tail || driver->number < before)
		rc = look(stream);
	while (!rc && driver->number < last) {
		if (driver->number < before)
			return zipc_stream_damaged(&stream->shape, "results "
						   "before its batch are "
						   "not there");
		if (!zipc_driver_leads(stream) || tries == ZIPC_DRIVE_TRIES)
			return -EBUSY;
		rc = emit_some(stream, last);
		if (rc == -EEXIST) {
			rc = look(stream);
			tries++;
		} else if (rc > 0) {
			driver->tail += (uint64_t)rc;
			driver->number += (uint64_t)rc;
			done += rc;
			rc = 0;
		}
	}
	return rc ? rc : done;
}
