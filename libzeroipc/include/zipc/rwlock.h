/* SPDX-License-Identifier: MIT */
/*
 * RWLock: many readers at a time, or one writer, of any process; for what is
 * read often and written rarely.
 *
 * The lock belongs to the handle that took it, and not to a child that is
 * forked meanwhile.
 *
 * Progress    an uncontended read lock has no locked instruction and no system
 *             call, and readers write no line in common. A write lock makes one
 *             system call, for a fence in all readers. Waiting is a futex
 *             sleep. A writer that waits lets no new reader in, so readers do
 *             not starve writers; writers may starve readers.
 * Ordering    what a writer did under the lock is seen by all who lock it
 *             later, and what a reader has read stood before the next write.
 * Crash       of a reader: it is gone, and holds up nobody. Of a writer inside:
 *             the next lock, for reading or writing, returns -EOWNERDEAD and is
 *             held for writing, so that it can repair. Of a writer that waits:
 *             nothing. Who waits learns of deaths within 100 ms. Who is stopped
 *             holds what it holds until it goes on.
 */
#ifndef ZIPC_RWLOCK_H
#define ZIPC_RWLOCK_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_rwlock;

/*
 * As zipc_mutex_create(), zipc_mutex_open() and zipc_mutex_open_or_create().
 * max_readers is how many handles may use read_lock (64 bytes each); 0: 64, at
 * most 4096. A handle takes its place at its first read_lock and keeps it until
 * it is closed.
 */
int zipc_rwlock_create(struct zipc_rwlock **out, struct zipc_segment *segment,
		       const char *name, unsigned max_readers);
int zipc_rwlock_open(struct zipc_rwlock **out, struct zipc_segment *segment,
		     const char *name);
int zipc_rwlock_open_or_create(struct zipc_rwlock **out,
			       struct zipc_segment *segment, const char *name,
			       unsigned max_readers);

/*
 * Take it for reading, or for writing; wait at most timeout_ns.
 * Returns 0, and -EOWNERDEAD: a writer died inside, and what it guards may be
 * half changed. The lock is held, and after -EOWNERDEAD for writing, by
 * read_lock() too. -EAGAIN held (ZIPC_NOWAIT); -ETIMEDOUT; -EDEADLK this handle
 * holds it; -ENOTRECOVERABLE; -EUSERS (read_lock) all readers' places are held
 * by live processes; -EROFS; -EOPNOTSUPP (write_lock) the system refuses
 * membarrier; -EBADMSG.
 */
int zipc_rwlock_read_lock(struct zipc_rwlock *rwlock, int64_t timeout_ns);
int zipc_rwlock_write_lock(struct zipc_rwlock *rwlock, int64_t timeout_ns);

/*
 * Give up whatever is held, as zipc_mutex_unlock(); consistent and reset are
 * those of the mutex, too. -EPERM: this handle holds nothing.
 */
int zipc_rwlock_unlock(struct zipc_rwlock *rwlock);
int zipc_rwlock_consistent(struct zipc_rwlock *rwlock);
int zipc_rwlock_reset(struct zipc_rwlock *rwlock);

/* The readers' places. */
uint64_t zipc_rwlock_capacity(const struct zipc_rwlock *rwlock);

/* Gives up a read lock; while held for writing it is as dying. */
void zipc_rwlock_close(struct zipc_rwlock *rwlock);

#ifdef __cplusplus
}
#endif

#endif
