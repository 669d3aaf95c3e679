/* SPDX-License-Identifier: MIT */
/* Mirrors of segments; the idea is in the header. */
#include "mirror.h"

#include "../../libzeroipc/error.h"
#include "../../libzeroipc/segment.h"

#include <stdlib.h>
#include <string.h>

/*
 * What C++ has open is counted there. Here each entry has one handle too many,
 * so that nothing which comes and goes here changes the bit of both.
 */
static struct zipc_used *uses_for(uint32_t entries)
{
	struct zipc_used *uses = calloc(entries, sizeof(*uses));
	uint32_t i;

	if (!uses)
		abort();
	for (i = 0; i < entries; i++)
		uses[i].handles = 1;
	return uses;
}

struct zipc_segment *mirror(const struct mirrored *of)
{
	struct zipc_segment *segment = calloc(1, sizeof(*segment));

	if (!segment)
		abort();
	strncpy(segment->name, of->name, sizeof(segment->name) - 1);
	segment->base = of->base;
	segment->size = of->size;
	segment->fd = of->fd;
	segment->read_only = of->read_only;
	segment->symmetric = of->symmetric;
	segment->sparse = of->sparse;
	segment->max_entries = of->max_entries;
	segment->max_participants = of->max_participants;
	segment->participants = (void *)of->participants;
	atomic_store_explicit(&segment->references, 1, memory_order_relaxed);
	atomic_store_explicit(&segment->generation, zipc_fork_generation,
			      memory_order_relaxed);
	atomic_store_explicit(&segment->holder, of->holder,
			      memory_order_relaxed);
	segment->uses = uses_for(of->max_entries);
	pthread_mutex_init(&segment->mutex, NULL);
	pthread_mutex_init(&segment->uses_mutex, NULL);
	return segment;
}

void mirror_end(struct zipc_segment *segment)
{
	free(segment->uses);
	free(segment);
}

int mirror_fail(int error, const char *message)
{
	return zipc_fail(error, "%s", message);
}
