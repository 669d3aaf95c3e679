/* SPDX-License-Identifier: MIT */
/*
 * What a select needs of each thing that it waits for: to look whether it is
 * ready, to take it, and where to sleep until it may be.
 */
#ifndef ZIPC_WAITABLE_H
#define ZIPC_WAITABLE_H

#include "format.h"

#include <stdbool.h>

struct zipc_event;
struct zipc_latch;
struct zipc_semaphore;

struct zipc_waitable {
	struct zipc_event_word *event; /* whose sleepers are woken */
	bool symmetric;                /* as zipc_wait() wants it */
	void *context;                 /* of the two that follow */
	/*
	 * Whether attempt() would find something now, but for what the dead
	 * have. True also when that is to be found out by trying only. Changes
	 * nothing.
	 */
	bool (*ready)(void *context);
	/*
	 * Make free what the dead have, so that ready() finds it: for who only
	 * looks. It costs system calls. NULL: they have nothing.
	 */
	void (*bury)(void *context);
	/*
	 * Of what comes by trying only, without a wake: when it is worth to try
	 * again, deadline_ns at most. ready() is true from then on. NULL: who
	 * waits is woken.
	 */
	int64_t (*until)(void *context, int64_t deadline_ns);
	/* Take it: 0; -EAGAIN; or an error, with its message. */
	int64_t (*attempt)(void *context);
};

/*
 * Begin to wait: what happens from here on is found. *out is good until the
 * next operation on the handle. Returns 0; -EROFS; -ENOENT, in a forked child.
 */
int zipc_semaphore_waitable(struct zipc_semaphore *semaphore,
			    struct zipc_waitable *out);
int zipc_latch_waitable(struct zipc_latch *latch, struct zipc_waitable *out);
int zipc_event_waitable(struct zipc_event *event, struct zipc_waitable *out);

#endif
