/* SPDX-License-Identifier: MIT */
/* Drivers' batches: reading and committing them; derive.h has the idea. */
#include "drive.h"

#include "atoms.h"

#include <errno.h>

#define CURRENT_BITS 8u /* of the buffer's index, in current */
#define FIRST_MOST (UINT64_C(1) << 62)

static _Atomic uint64_t *buffer(const struct zipc_derived *derived,
				uint64_t index)
{
	return (void *)(derived->body + derived->copy.buffers_offset +
			index * derived->copy.buffer_bytes);
}

static uint64_t read_current(const struct zipc_derived *derived)
{
	/* redo: acquire; pairs with zipc_driver_commit(). */
	return atomic_load_explicit(&derived->words->current,
				    memory_order_acquire);
}

static bool is_batch(const struct zipc_derived *derived,
		     const struct zipc_batch *head, uint64_t number)
{
	uint64_t first = zipc_batch_get(head->first);
	unsigned k;

	if (zipc_batch_get(head->number) != number || !first ||
	    first > FIRST_MOST ||
	    zipc_batch_get(head->count) > derived->copy.room ||
	    zipc_batch_get(head->flags) & ~ZIPC_BATCH_ENDS ||
	    zipc_batch_get(head->ended) >> derived->copy.sources)
		return false;
	for (k = 0; k < derived->copy.sources; k++)
		if (!zipc_batch_get(head->position[k]))
			return false;
	return true;
}

/* Copy what of a batch has a meaning; its head was copied and checked. */
static void copy_content(const struct zipc_stream *stream,
			 const _Atomic uint64_t *from)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	struct zipc_batch_copy *to = &driver->batch;
	uint64_t count = zipc_batch_get(to->head.count);

	zipc_copy_out(zipc_batch_state(to),
		      from + sizeof(struct zipc_batch) / 8,
		      derived->copy.state_bytes);
	zipc_copy_out(zipc_batch_results(driver, to),
		      from + driver->layout.results / 8,
		      count * stream->places.elem_size);
	if (stream->places.stamp_word)
		zipc_copy_out(zipc_batch_times(driver, to),
			      from + driver->layout.times / 8, count * 8);
}

/* Each try but the first means that another batch was committed. */
int zipc_driver_load(struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	uint64_t current = read_current(derived), before, index;
	unsigned tries = 0;
	bool fits;

	while (current != driver->current) {
		driver->current = ZIPC_NO_BATCH;
		if (tries++ == ZIPC_DRIVE_TRIES)
			return -EBUSY;
		index = current & ((1u << CURRENT_BITS) - 1);
		if (index >= 2 * stream->places.writer_count)
			return zipc_stream_damaged(&stream->shape, "its batch "
						   "is in no buffer");
		zipc_copy_out(&driver->batch.head, buffer(derived, index),
			      sizeof(struct zipc_batch));
		fits = is_batch(derived, &driver->batch.head,
				current >> CURRENT_BITS);
		if (fits)
			copy_content(stream, buffer(derived, index));
		/* rewrite: acquire; pairs with zipc_driver_commit(). */
		atomic_thread_fence(memory_order_acquire);
		before = current;
		current = read_current(derived);
		if (current != before)
			continue;
		if (!fits)
			return zipc_stream_damaged(&stream->shape, "its batch "
						   "is none");
		driver->current = current;
	}
	return 0;
}

static void write_buffer(const struct zipc_stream *stream, _Atomic uint64_t *to)
{
	const struct zipc_derived *derived = stream->derived;
	const struct zipc_driver *driver = derived->driver;
	const struct zipc_batch_copy *next = &driver->next;
	uint64_t count = zipc_batch_get(next->head.count);

	/* rewrite: release; who copies any of it finds current changed. */
	atomic_thread_fence(memory_order_release);
	zipc_copy_in(to, &next->head, sizeof(next->head));
	zipc_copy_in(to + sizeof(next->head) / 8, zipc_batch_state(next),
		     derived->copy.state_bytes);
	zipc_copy_in(to + driver->layout.results / 8,
		     zipc_batch_results(driver, next),
		     count * stream->places.elem_size);
	if (stream->places.stamp_word)
		zipc_copy_in(to + driver->layout.times / 8,
			     zipc_batch_times(driver, next), count * 8);
}

bool zipc_driver_commit(struct zipc_stream *stream)
{
	const struct zipc_derived *derived = stream->derived;
	struct zipc_driver *driver = derived->driver;
	uint64_t mine = 2 * (uint64_t)(stream->places.mine -
				       stream->places.writers);
	uint64_t seen = driver->current, named, to;
	struct zipc_batch_copy batch = driver->batch;

	if (stream->places.generation != zipc_fork_generation)
		return false;
	/* Of its two buffers the one that is not named. */
	named = seen & ((1u << CURRENT_BITS) - 1);
	to = named == mine ? mine + 1 : mine;
	write_buffer(stream, buffer(derived, to));
	to |= zipc_batch_get(driver->next.head.number) << CURRENT_BITS;
	/* redo: release; pairs with load. */
	if (!atomic_compare_exchange_strong_explicit(
		    &derived->words->current, &seen, to, memory_order_acq_rel,
		    memory_order_relaxed))
		return false;
	driver->batch = driver->next;
	driver->next = batch;
	driver->current = to;
	return true;
}
