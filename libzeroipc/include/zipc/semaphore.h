/* SPDX-License-Identifier: MIT */
/*
 * Semaphore: permits, of which each is held by one at a time; any number of
 * threads and processes.
 *
 * Plain, its permits are a number: anybody may release what another acquired,
 * up to max. Owned, each permit names the process that holds it, and only that
 * one can give it back; the permits of the dead come back by themselves.
 *
 * Progress    acquire and release are lock-free unless acquire waits. Waiting
 *             is a futex sleep. What need not wait makes no system call.
 * Ordering    what was done before a release is seen after the acquire that
 *             got the permit. Each acquire and release, and each -EAGAIN,
 *             happens at one moment of its call; so does the value of a plain
 *             one.
 * Crash       a killed acquire took one permit or none, a killed release gave
 *             back all its permits or none; owned, a part of them, and the
 *             rest comes back as the process is dead. Permits that a process
 *             held when it died: plain, they are gone until somebody releases
 *             them; owned, who next finds none free takes them back, also who
 *             is waiting, within about 100 ms.
 */
#ifndef ZIPC_SEMAPHORE_H
#define ZIPC_SEMAPHORE_H

#include <zipc/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_semaphore;

/* A permit names who holds it: the process, by its handle on the segment. */
#define ZIPC_OWNED 1u

/*
 * initial permits are free at first, and at most max ever; 1 to 2^62, owned 1
 * to 65536, and there initial is max. As zipc_array_create(), _open() and
 * _open_or_create() else; what is there must have the same max and flags.
 */
int zipc_semaphore_create(struct zipc_semaphore **out,
			  struct zipc_segment *segment, const char *name,
			  uint64_t initial, uint64_t max);
int zipc_semaphore_create_with(struct zipc_semaphore **out,
			       struct zipc_segment *segment, const char *name,
			       uint64_t initial, uint64_t max, unsigned flags);
int zipc_semaphore_open(struct zipc_semaphore **out,
			struct zipc_segment *segment, const char *name);
int zipc_semaphore_open_or_create(struct zipc_semaphore **out,
				  struct zipc_segment *segment,
				  const char *name, uint64_t initial,
				  uint64_t max, unsigned flags);

/*
 * Take a permit; wait at most timeout_ns for one. Returns 0; -EAGAIN all are
 * held (ZIPC_NOWAIT); -ETIMEDOUT; -EROFS; -EBADMSG.
 */
int zipc_semaphore_acquire(struct zipc_semaphore *semaphore,
			   int64_t timeout_ns);

/*
 * Give n permits back, or plain, add them: plain at one moment, owned one after
 * the other. Returns 0; -EINVAL, and nothing was given back: there would be
 * more than max, or this process does not hold n; -EROFS; -EBADMSG.
 */
int zipc_semaphore_release(struct zipc_semaphore *semaphore, uint64_t n);

/*
 * Permits that are free; of an owned one, each as it was at some moment during
 * the call, and those of the dead are not free before they were taken back.
 */
uint64_t zipc_semaphore_value(const struct zipc_semaphore *semaphore);
uint64_t zipc_semaphore_max(const struct zipc_semaphore *semaphore);
unsigned zipc_semaphore_flags(const struct zipc_semaphore *semaphore);

/* Permits that this process holds stay held until the segment is closed. */
void zipc_semaphore_close(struct zipc_semaphore *semaphore);

#ifdef __cplusplus
}
#endif

#endif
