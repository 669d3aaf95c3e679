/* SPDX-License-Identifier: MIT */
/* Handles of the structures for waiting; the idea is in the header. */
#include "sync.h"

#include "clock.h"
#include "error.h"
#include "name.h"

#include <string.h>

int zipc_sync_damaged(const struct zipc_sync *sync, const char *what)
{
	return zipc_fail(EBADMSG, "%s `%s` in segment `/%s` is damaged: %s",
			 zipc_kind_name(sync->kind), sync->name,
			 sync->segment->name, what);
}

/* The handle on what was found; its type is not needed any more. */
static int handle_on(struct zipc_sync *sync, struct zipc_segment *segment,
		     const char *name, unsigned kind,
		     const struct zipc_found *found, uint64_t least_bytes)
{
	zipc_type_free(found->type);
	*sync = (struct zipc_sync){ .mark = ZIPC_HANDLE(kind),
				    .segment = zipc_segment_hold(segment),
				    .use = found->use,
				    .generation =
					    zipc_use_generation(&found->use),
				    .event = &found->block->readable,
				    .body = found->body,
				    .capacity = found->capacity,
				    .body_bytes = found->body_bytes,
				    .kind = kind,
				    .symmetric = segment->symmetric };
	strcpy(sync->name, name); /* the table has measured it */
	if (found->elem_size == sizeof(uint64_t) &&
	    found->body_bytes >= least_bytes)
		return 0;
	zipc_sync_damaged(sync, "its sizes make no sense");
	zipc_sync_close(sync);
	return -EBADMSG;
}

int zipc_sync_create(struct zipc_sync *sync, struct zipc_segment *segment,
		     const char *name, const struct zipc_plan *plan,
		     uint64_t least_bytes)
{
	struct zipc_found found;
	int rc = zipc_table_create(&found, segment, name, plan);

	return rc ? rc : handle_on(sync, segment, name, plan->kind, &found,
				   least_bytes);
}

int zipc_sync_open(struct zipc_sync *sync, struct zipc_segment *segment,
		   const char *name, unsigned kind, uint64_t least_bytes)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, kind, ZIPC_SYNC_TYPE);

	return rc ? rc : handle_on(sync, segment, name, kind, &found,
				   least_bytes);
}

int zipc_sync_open_or_create(struct zipc_sync *sync,
			     struct zipc_segment *segment, const char *name,
			     const struct zipc_plan *plan,
			     uint64_t least_bytes)
{
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, plan);

	return rc ? rc : handle_on(sync, segment, name, plan->kind, &found,
				   least_bytes);
}

void zipc_sync_close(struct zipc_sync *sync)
{
	zipc_use_end(&sync->use);
	zipc_segment_close(sync->segment);
}

int zipc_sync_enter_first(struct zipc_sync *sync)
{
	int rc;

	if (sync->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: %s `%s` cannot be used through it",
				 sync->segment->name,
				 zipc_kind_name(sync->kind), sync->name);
	rc = zipc_use_enter(&sync->use, sync->name);
	if (!rc)
		sync->generation = zipc_fork_generation;
	return rc;
}

bool zipc_sync_stands(const struct zipc_sync *sync)
{
	if (sync->generation == zipc_fork_generation)
		return true;
	atomic_thread_fence(memory_order_acquire);
	return zipc_use_stands(&sync->use);
}

int zipc_sync_wait(struct zipc_sync *sync, int64_t timeout_ns,
		   int64_t (*attempt)(void *context), void *context)
{
	if (timeout_ns == ZIPC_NOWAIT)
		return -EAGAIN;
	return (int)zipc_wait(sync->event, sync->symmetric, &sync->spin,
			      zipc_deadline(timeout_ns), attempt, context);
}
