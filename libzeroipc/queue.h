/* SPDX-License-Identifier: MIT */
/* A queue of words, for structures whose messages it carries. */
#ifndef ZIPC_QUEUE_INTERNAL_H
#define ZIPC_QUEUE_INTERNAL_H

#include "format.h"

#include <stdbool.h>
#include <zipc/queue.h>

/*
 * As pop, of a queue with elements of 8 bytes; but the oldest leaves only
 * behind claim(context, element). That returns 0: it is what was asked for; or
 * -ENOENT: it is of no use to anybody, and the next one is looked at.
 */
int zipc_queue_pop_claimed(struct zipc_queue *queue,
			   int (*claim)(void *context, uint64_t elem),
			   void *context, int64_t timeout_ns);

/* As zipc_places_hold(). */
bool zipc_queue_holds(struct zipc_queue *queue, uint64_t elem);

struct zipc_segment *zipc_queue_segment(const struct zipc_queue *queue);

/* Where its block begins in the segment, in lines. */
uint32_t zipc_queue_offset(const struct zipc_queue *queue);

struct zipc_waitable;

/* For a select: push *elem, or pop into it. It must live as long as *out. */
struct zipc_queue_wait {
	struct zipc_queue *queue;
	void *elem;
};
int zipc_queue_waitable(struct zipc_queue_wait *wait, bool push,
			struct zipc_waitable *out);

#endif
