/* SPDX-License-Identifier: MIT */
/*
 * Once: a function that one process runs, for all of them; what it has set up
 * is then there for everybody.
 *
 * Progress    when it is done, a call is one load. Until then callers wait
 *             asleep for the one that runs it.
 * Ordering    what the function did is seen by whoever returns from a call.
 * Crash       who dies while the function runs is replaced by a caller, a
 *             waiting one within 100 ms, which runs it from its beginning: the
 *             function must cope with what an earlier run has left. Once done
 *             it stays done.
 */
#ifndef ZIPC_ONCE_H
#define ZIPC_ONCE_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_once;

/* As zipc_mutex_create(), zipc_mutex_open() and zipc_mutex_open_or_create(). */
int zipc_once_create(struct zipc_once **out, struct zipc_segment *segment,
		     const char *name);
int zipc_once_open(struct zipc_once **out, struct zipc_segment *segment,
		   const char *name);
int zipc_once_open_or_create(struct zipc_once **out,
			     struct zipc_segment *segment, const char *name);

/*
 * Return when a run of fn(context) has ended with 0, by whomever; run it here
 * if nobody does; wait at most timeout_ns for another's. fn must return. What
 * it returns other than 0 is this call's result, and the next caller runs it.
 * Returns 0; -EAGAIN another runs it (ZIPC_NOWAIT); -ETIMEDOUT; -EDEADLK from
 * inside fn; -EROFS not done, and open for reading only; -EOPNOTSUPP the system
 * refuses membarrier, which who waits needs; -EBADMSG.
 */
int zipc_once_call(struct zipc_once *once, int (*fn)(void *context),
		   void *context, int64_t timeout_ns);

/* 1 when it is done, and what was done is seen; else 0. */
int zipc_once_done(const struct zipc_once *once);

void zipc_once_close(struct zipc_once *once);

#ifdef __cplusplus
}
#endif

#endif
