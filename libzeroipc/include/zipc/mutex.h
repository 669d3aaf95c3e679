/* SPDX-License-Identifier: MIT */
/*
 * Mutex: one holder at a time, of any process, and a death while holding is
 * told to the next one (it is robust).
 *
 * The lock belongs to the handle that took it, whichever thread uses that, and
 * not to a child that is forked meanwhile.
 *
 * Progress    an uncontended lock or unlock is one locked instruction or none,
 *             and no system call. Waiting is a futex sleep. There is no queue:
 *             who comes by when it is free may take it before who was woken.
 * Ordering    what was done under the lock is seen by whoever locks it next.
 * Crash       who dies holding it makes the next lock() return -EOWNERDEAD,
 *             with the lock held: a waiter learns of it within 100 ms, the next
 *             caller at once. Who dies inside lock() or unlock() held it or did
 *             not. A stopped holder holds it until it goes on.
 */
#ifndef ZIPC_MUTEX_H
#define ZIPC_MUTEX_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_mutex;

/*
 * create: -EEXIST, -ENOSPC, -EINVAL, -EROFS, -EBUSY. open: -ENOENT,
 * -EPROTOTYPE another kind. Any: -EBADMSG; -EUSERS too many handles on locks in
 * this process (65535).
 */
int zipc_mutex_create(struct zipc_mutex **out, struct zipc_segment *segment,
		      const char *name);
int zipc_mutex_open(struct zipc_mutex **out, struct zipc_segment *segment,
		    const char *name);
int zipc_mutex_open_or_create(struct zipc_mutex **out,
			      struct zipc_segment *segment, const char *name);

/*
 * Take it; wait at most timeout_ns until it is free.
 * Returns 0, and -EOWNERDEAD: a holder died, and what it guards may be half
 * changed. Both hold the lock. -EAGAIN held by another (ZIPC_NOWAIT, which
 * looks for a death at most once a millisecond); -ETIMEDOUT; -EDEADLK this
 * handle holds it; -ENOTRECOVERABLE; -EROFS; -EOPNOTSUPP the system refuses
 * membarrier, which who waits needs; -EBADMSG.
 */
int zipc_mutex_lock(struct zipc_mutex *mutex, int64_t timeout_ns);

/*
 * Give it up. After an -EOWNERDEAD without zipc_mutex_consistent() it becomes
 * not recoverable: from then on lock() returns -ENOTRECOVERABLE to everybody.
 * Returns 0; -EPERM this handle does not hold it.
 */
int zipc_mutex_unlock(struct zipc_mutex *mutex);

/*
 * The holder that got -EOWNERDEAD says that what the mutex guards is whole.
 * Returns 0; -EPERM this handle does not hold it; -EINVAL nobody died.
 */
int zipc_mutex_consistent(struct zipc_mutex *mutex);

/*
 * Of a mutex that is not recoverable: the next lock() returns -EOWNERDEAD and
 * may repair once more. For whoever administers it.
 * Returns 0; -EINVAL it is not in that state; -EROFS; -EBADMSG.
 */
int zipc_mutex_reset(struct zipc_mutex *mutex);

/* Closing while holding is as dying: the next lock() returns -EOWNERDEAD. */
void zipc_mutex_close(struct zipc_mutex *mutex);

#ifdef __cplusplus
}
#endif

#endif
