/* SPDX-License-Identifier: MIT */
/* Mirrors of segments; the idea is in the header. */
#include "mirror.h"

#include "../../libzeroipc/error.h"
#include "../../libzeroipc/segment.h"

#include <stdlib.h>
#include <string.h>

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
	pthread_mutex_init(&segment->mutex, NULL);
	return segment;
}

int mirror_fail(int error, const char *message)
{
	return zipc_fail(error, "%s", message);
}
