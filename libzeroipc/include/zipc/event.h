/* SPDX-License-Identifier: MIT */
/*
 * Event: set or not; waiting until it is set.
 *
 * Manual, it stays set until somebody resets it, and every wait that was under
 * way at a set ends, even if a reset comes at once. Automatic, each set lets
 * one wait end, which resets it; a set of what is set already adds nothing.
 *
 * Progress    set and reset are lock-free. Waiting is a futex sleep. What need
 *             not wait makes no system call.
 * Ordering    what was done before a set is seen after the wait that it ended.
 *             Each call happens at one moment.
 * Crash       a killed set or reset happened or not; a killed wait on an
 *             automatic one may take the set with it.
 */
#ifndef ZIPC_EVENT_H
#define ZIPC_EVENT_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_event;

#define ZIPC_MANUAL_RESET 0u
#define ZIPC_AUTO_RESET 1u

/*
 * Not set at first. As zipc_array_create(), zipc_array_open() and
 * zipc_array_open_or_create() else; what is there must have the same reset.
 */
int zipc_event_create(struct zipc_event **out, struct zipc_segment *segment,
		      const char *name, unsigned reset);
int zipc_event_open(struct zipc_event **out, struct zipc_segment *segment,
		    const char *name);
int zipc_event_open_or_create(struct zipc_event **out,
			      struct zipc_segment *segment, const char *name,
			      unsigned reset);

/* Return 0; -EROFS. */
int zipc_event_set(struct zipc_event *event);
int zipc_event_reset(struct zipc_event *event);

/*
 * Wait at most timeout_ns for a set. Returns 0; -EAGAIN it is not set
 * (ZIPC_NOWAIT); -ETIMEDOUT; -EROFS.
 */
int zipc_event_wait(struct zipc_event *event, int64_t timeout_ns);

/* 1 or 0; what was done before the set is seen if it is 1. */
unsigned zipc_event_is_set(const struct zipc_event *event);
/* ZIPC_MANUAL_RESET or ZIPC_AUTO_RESET. */
unsigned zipc_event_reset_mode(const struct zipc_event *event);

void zipc_event_close(struct zipc_event *event);

#ifdef __cplusplus
}
#endif

#endif
