/* SPDX-License-Identifier: MIT */
/*
 * What the structures for waiting have in common (Semaphore, Latch, Event,
 * Barrier): a handle on words in a block, whose waiters sleep on the block's
 * event `readable`. A kind embeds struct zipc_sync as its handle's first part.
 *
 * An operation enters, makes its attempt, and only when that says -EAGAIN goes
 * on to zipc_sync_wait(). So what need not wait makes no system call.
 */
#ifndef ZIPC_SYNC_H
#define ZIPC_SYNC_H

#include "handle.h"
#include "table.h"
#include "wait.h"
#include "waitable.h"

#define ZIPC_SYNC_TYPE "u64"

struct zipc_sync {
	uint64_t mark; /* handle.h */
	struct zipc_segment *segment;
	struct zipc_use use;
	struct zipc_event_word *event;
	unsigned char *body; /* body_bytes of it are inside the mapping */
	uint64_t capacity, body_bytes;
	unsigned kind;
	unsigned generation; /* zipc_use_generation() */
	bool symmetric;
	struct zipc_spin spin;
	char name[ZIPC_NAME_MAX + 1];
};

/*
 * Create, find, or one of both; after a failure there is nothing to close. The
 * body is least_bytes long at least; what is in it is the kind's to check.
 */
int zipc_sync_create(struct zipc_sync *sync, struct zipc_segment *segment,
		     const char *name, const struct zipc_plan *plan,
		     uint64_t least_bytes);
int zipc_sync_open(struct zipc_sync *sync, struct zipc_segment *segment,
		   const char *name, unsigned kind, uint64_t least_bytes);
int zipc_sync_open_or_create(struct zipc_sync *sync,
			     struct zipc_segment *segment, const char *name,
			     const struct zipc_plan *plan,
			     uint64_t least_bytes);
void zipc_sync_close(struct zipc_sync *sync);

/* -EBADMSG, and a message: what makes no sense. */
int zipc_sync_damaged(const struct zipc_sync *sync, const char *what);

/*
 * Whether what was just read was this structure's: who has no bit up (use.h)
 * asks behind it.
 */
bool zipc_sync_stands(const struct zipc_sync *sync);

/* The first operation of a forked child; or -EROFS. */
int zipc_sync_enter_first(struct zipc_sync *sync);

static inline int zipc_sync_enter(struct zipc_sync *sync)
{
	if (__builtin_expect(sync->generation == zipc_fork_generation, 1))
		return 0;
	return zipc_sync_enter_first(sync);
}

/* After an attempt that said -EAGAIN: wait, unless it is ZIPC_NOWAIT. */
int zipc_sync_wait(struct zipc_sync *sync, int64_t timeout_ns,
		   int64_t (*attempt)(void *context), void *context);

/* sync is its handle's first part, so the context of both is the handle. */
static inline struct zipc_waitable zipc_sync_waitable(
	struct zipc_sync *sync, bool (*ready)(void *context),
	int64_t (*attempt)(void *context))
{
	return (struct zipc_waitable){ .event = sync->event,
				       .symmetric = sync->symmetric,
				       .context = sync,
				       .ready = ready,
				       .attempt = attempt };
}

/* After a publication that n waiters may use. */
static inline void zipc_sync_wake(struct zipc_sync *sync, uint64_t n)
{
	zipc_wake(sync->event, sync->symmetric, n);
}

#endif
