/* SPDX-License-Identifier: MIT */
/*
 * Select: wait for any of several things, and do exactly one of them.
 *
 * Progress    what need not wait makes no system call. A select that is stopped
 *             holds up nobody: what it offers can be taken, and it takes
 *             nothing while it is.
 * Ordering    as of the operation that happened.
 * Crash       as of a killed send, receive or wait in one of the cases; never
 *             in two.
 */
#ifndef ZIPC_SELECT_H
#define ZIPC_SELECT_H

#include <zipc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a case does to its target, a handle. */
enum zipc_case_kind {
	ZIPC_SEND = 1, /* *elem into a channel or queue */
	ZIPC_RECV = 2, /* into *elem, from a channel or queue */
	/*
	 * A semaphore (one permit is acquired), latch, event; a ring's reader:
	 * it has a record to read, and nothing is read. Those have no elem. A
	 * future or lazy (which is then wanted, and computed by others), whose
	 * value goes to *elem, or a stream's subscription, whose next element
	 * does; unless elem is NULL: then nothing is read.
	 */
	ZIPC_WAIT = 3,
};

struct zipc_case {
	int kind; /* enum zipc_case_kind */
	void *target;
	void *elem;
	/*
	 * Set by select: of the case that happened what the operation returned:
	 * 0, or an error, as -EPIPE when the channel is closed, or the stream
	 * has ended, -ECANCELED when a future or lazy has failed, -EOWNERDEAD;
	 * of all others -EAGAIN.
	 */
	int result;
};

/*
 * Do the first of n cases that can be done, one of them if it is several, by
 * chance; wait at most timeout_ns for it. No two cases may send through the
 * same handle of a channel without a buffer, and all channels of that sort that
 * the cases send to must have been opened through one segment handle.
 * Returns the index of the case that happened; -EAGAIN none (ZIPC_NOWAIT;
 * without a buffer only to who sleeps is sent so); -ETIMEDOUT; -EINVAL no case,
 * over 65536, or one that makes no sense; -EROFS; -EUSERS; -ENOMEM.
 */
int zipc_select(struct zipc_case *cases, size_t n, int64_t timeout_ns);

#ifdef __cplusplus
}
#endif

#endif
