/* SPDX-License-Identifier: MIT */
/*
 * Wait set: the cases of a select, looked at once and waited for often; and a
 * file descriptor for event loops, that is readable while one can be done.
 *
 * Progress    as of select. The descriptor costs a thread in this process, from
 *             the first call of zipc_wait_set_fd() on, that sleeps until
 *             something happens.
 * Crash       the set is this process's own, and so is the thread: nothing is
 *             left of them.
 */
#ifndef ZIPC_WAIT_SET_H
#define ZIPC_WAIT_SET_H

#include <zipc/select.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_wait_set;

/*
 * Of n cases, which stay the caller's, and in their place until close. What
 * happens from here on is found, also between two waits. Returns 0; an error as
 * of zipc_select().
 */
int zipc_wait_set_open(struct zipc_wait_set **out, struct zipc_case *cases,
		       size_t n);

/* Do one of the cases, as zipc_select(). */
int zipc_wait_set_wait(struct zipc_wait_set *set, int64_t timeout_ns);

/*
 * A descriptor that becomes readable when a case can be done. Do not read it:
 * call zipc_wait_set_wait() with ZIPC_NOWAIT, which may say -EAGAIN when others
 * were faster; it becomes readable again by the next thing, or at once if there
 * is more. It is the same each time, and closed with the set. The handles of
 * the cases are used through the set only from here on. A forked child has the
 * descriptor without the thread: it opens a set of its own.
 * Returns the descriptor; -EINVAL a case sends to a channel without a buffer,
 * which has to wait in zipc_wait_set_wait(); -ENOMEM; or what the system says.
 */
int zipc_wait_set_fd(struct zipc_wait_set *set);

void zipc_wait_set_close(struct zipc_wait_set *set);

#ifdef __cplusplus
}
#endif

#endif
