/* SPDX-License-Identifier: MIT */
/* Ring: its shape, and its handles; ring.h has the idea. */
#include "ring.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>

#define TYPE "u8"

int zipc_ring_damaged(const struct zipc_ring_shape *shape, const char *what)
{
	return zipc_fail(EBADMSG, "ring `%s` is damaged: %s", shape->name,
			 what);
}

int64_t zipc_ring_or_gone(const struct zipc_ring_shape *shape, int64_t rc)
{
	/* What was read was read before the entry is looked at. */
	atomic_thread_fence(memory_order_acquire);
	if (zipc_use_stands(&shape->use))
		return rc;
	return zipc_fail(ENOENT, "ring `%s` in segment `/%s` was removed: "
			 "look it up again", shape->name, shape->segment->name);
}

/* create and open */

static uint64_t data_offset_for(uint32_t readers)
{
	return sizeof(struct zipc_record_ring) +
	       (uint64_t)readers * sizeof(struct zipc_reader);
}

/* The plan's option is the number of readers, and in bit 31 back-pressure. */
#define PLAN_BACK_PRESSURE (1u << 31)

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)elem_size;
	return data_offset_for(plan->option & ~PLAN_BACK_PRESSURE) +
	       plan->capacity;
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	struct zipc_record_ring *words = (void *)body;

	(void)elem_size;
	words->size_bytes = plan->capacity;
	words->options = plan->option & PLAN_BACK_PRESSURE
				 ? ZIPC_RING_BACK_PRESSURE
				 : 0;
	words->readers = plan->option & ~PLAN_BACK_PRESSURE;
	words->readers_offset = sizeof(*words);
	words->data_offset = data_offset_for(words->readers);
}

static int plan_of(struct zipc_plan *plan, const char *name,
		   uint64_t size_bytes, const struct zipc_ring_options *options)
{
	unsigned readers = options ? options->max_readers : 0;

	if (size_bytes < ZIPC_RING_LEAST || size_bytes > ZIPC_RING_MOST)
		return zipc_fail(EINVAL, "ring `%s` of %llu bytes: a ring has "
				 "%llu to %llu", name,
				 (unsigned long long)size_bytes,
				 (unsigned long long)ZIPC_RING_LEAST,
				 (unsigned long long)ZIPC_RING_MOST);
	if (readers > ZIPC_READERS_MOST)
		return zipc_fail(EINVAL, "max_readers is %u: at most %u",
				 readers, ZIPC_READERS_MOST);
	*plan = (struct zipc_plan){
		.kind = ZIPC_RING,
		.type = TYPE,
		.capacity = (size_bytes + ZIPC_LINE - 1) / ZIPC_LINE *
			    ZIPC_LINE,
		.body_bytes = body_bytes,
		.build = build,
		.elem_size_max = 1,
		.option = readers ? readers : ZIPC_READERS,
	};
	if (options && options->back_pressure)
		plan->option |= PLAN_BACK_PRESSURE;
	return 0;
}

/* What is wrong with a copy of the ring's constants; NULL: nothing. */
static const char *misfit(const struct zipc_record_ring *copy,
			  const struct zipc_found *found)
{
	uint64_t body = found->body_bytes;
	uint64_t readers_bytes = (uint64_t)copy->readers *
				 sizeof(struct zipc_reader);

	if (copy->options & ~ZIPC_RING_BACK_PRESSURE)
		return "it has options that are not known";
	if (copy->size_bytes < ZIPC_RING_LEAST ||
	    copy->size_bytes > ZIPC_RING_MOST ||
	    copy->size_bytes % ZIPC_LINE ||
	    copy->size_bytes != found->capacity || found->elem_size != 1)
		return "its size is none that a ring can have";
	if (!copy->readers || copy->readers > ZIPC_READERS_MOST ||
	    copy->readers_offset % ZIPC_LINE ||
	    copy->readers_offset < sizeof(*copy) ||
	    copy->readers_offset > body ||
	    readers_bytes > body - copy->readers_offset)
		return "its readers lie beyond its body";
	if (copy->data_offset % ZIPC_LINE ||
	    copy->data_offset < copy->readers_offset + readers_bytes ||
	    copy->data_offset > body ||
	    copy->size_bytes > body - copy->data_offset)
		return "its data lie beyond its body";
	return NULL;
}

static void fill_shape(struct zipc_ring_shape *shape,
		       const struct zipc_found *found,
		       const struct zipc_record_ring *copy)
{
	shape->words = (void *)found->body;
	shape->readers = (void *)(found->body + copy->readers_offset);
	shape->data = found->body + copy->data_offset;
	shape->readable = &found->block->readable;
	shape->writable = &found->block->writable;
	shape->size = copy->size_bytes;
	/* So that it fits behind any padding: in half of the ring. */
	shape->longest = copy->size_bytes / 2 - 8;
	if (shape->longest > ZIPC_RECORD_MOST)
		shape->longest = ZIPC_RECORD_MOST;
	shape->reader_count = copy->readers;
	shape->back_pressure = copy->options & ZIPC_RING_BACK_PRESSURE;
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_ring **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_ring *ring = calloc(1, sizeof(*ring));
	const char *wrong = "its body is too short";
	struct zipc_record_ring copy;
	int rc = ring ? 0 : zipc_fail_as(ENOMEM, "out of memory");

	if (ring)
		strcpy(ring->shape.name, name); /* the table has measured it */
	if (found->body_bytes >= sizeof(copy)) {
		/* Only the copy is checked and used. */
		memcpy(&copy, found->body,
		       offsetof(struct zipc_record_ring, oldest));
		wrong = misfit(&copy, found);
	}
	if (!rc && wrong)
		rc = zipc_ring_damaged(&ring->shape, wrong);
	if (!rc) {
		ring->looked_ns = calloc(copy.readers,
					 sizeof(*ring->looked_ns));
		if (!ring->looked_ns)
			rc = zipc_fail_as(ENOMEM, "out of memory");
	}
	if (rc) {
		zipc_table_release(found);
		free(ring);
		return zipc_use_opened(&found->use, name, rc);
	}
	zipc_type_free(found->type);
	fill_shape(&ring->shape, found, &copy);
	ring->shape.use = found->use;
	ring->shape.symmetric = segment->symmetric;
	ring->shape.segment = zipc_segment_hold(segment);
	*out = ring;
	return 0;
}

int zipc_ring_create_with(struct zipc_ring **out, struct zipc_segment *segment,
			  const char *name, uint64_t size_bytes,
			  const struct zipc_ring_options *options)
{
	struct zipc_plan plan;
	struct zipc_found found;
	int rc = plan_of(&plan, name, size_bytes, options);

	if (!rc)
		rc = zipc_table_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_ring_create(struct zipc_ring **out, struct zipc_segment *segment,
		     const char *name, uint64_t size_bytes)
{
	return zipc_ring_create_with(out, segment, name, size_bytes, NULL);
}

int zipc_ring_open(struct zipc_ring **out, struct zipc_segment *segment,
		   const char *name)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_RING, TYPE);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_ring_open_or_create(struct zipc_ring **out,
			     struct zipc_segment *segment, const char *name,
			     uint64_t size_bytes)
{
	struct zipc_plan plan;
	struct zipc_found found;
	int rc = plan_of(&plan, name, size_bytes, NULL);

	if (!rc)
		rc = zipc_table_open_or_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

/* ask */

uint64_t zipc_ring_capacity(const struct zipc_ring *ring)
{
	return ring->shape.size;
}

uint64_t zipc_ring_longest(const struct zipc_ring *ring)
{
	return ring->shape.longest;
}

uint64_t zipc_ring_records(const struct zipc_ring *ring)
{
	/* Relaxed: one more than are there, while the writer commits. */
	uint64_t records = atomic_load_explicit(&ring->shape.words->records,
						memory_order_relaxed);

	return zipc_ring_only_reads(&ring->shape) &&
			       zipc_ring_or_gone(&ring->shape, 0)
		       ? 0
		       : records;
}

void zipc_ring_close(struct zipc_ring *ring)
{
	if (!ring)
		return;
	/* writer: release; pairs with become_writer(). A child's is not its. */
	if (ring->generation == zipc_fork_generation)
		atomic_store_explicit(&ring->shape.words->writer, 0,
				      memory_order_release);
	zipc_use_end(&ring->shape.use);
	zipc_segment_close(ring->shape.segment);
	free(ring->looked_ns);
	free(ring);
}
