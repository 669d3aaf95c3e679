/* SPDX-License-Identifier: MIT */
/*
 * Future: a value, or a failure, that comes once and then stays; any number of
 * processes wait for it, and read it as often as they like.
 *
 * Who is going to settle it may say so by a promise, and only he can settle it
 * then; his death is told to who waits. Without one anybody may settle it. A
 * promise belongs to the handle that made it, not to a forked child.
 *
 * Progress    wait-free to read when it is settled, and that writes nothing, so
 *             it works in a segment that is open for reading only. The others
 *             are lock-free, and make no system call unless somebody waits, or
 *             another's promise stands in the way. Waiting is a futex sleep.
 * Ordering    what was done before it was settled is seen by who finds it so.
 *             It is settled at one moment, by exactly one.
 * Crash       a killed set or fail settled it with all of its value, or did
 *             not. While others are stopped inside of one, it can be settled
 *             all the same. When a promiser dies before it has settled it, who
 *             waits is told -EOWNERDEAD within about 100 ms, and others may
 *             promise or settle it.
 */
#ifndef ZIPC_FUTURE_H
#define ZIPC_FUTURE_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_future;

/* The message of a failure, without its NUL. */
#define ZIPC_FUTURE_MESSAGE_MAX 127

/*
 * A future of one element of the type, of up to a MiB; not settled. As
 * zipc_array_create(), zipc_array_open() and zipc_array_open_or_create() else;
 * -EUSERS too many handles on locks and futures in this process (65535).
 */
int zipc_future_create(struct zipc_future **out, struct zipc_segment *segment,
		       const char *name, const char *type);
int zipc_future_open(struct zipc_future **out, struct zipc_segment *segment,
		     const char *name, const char *type);
int zipc_future_open_or_create(struct zipc_future **out,
			       struct zipc_segment *segment, const char *name,
			       const char *type);

/*
 * This handle is the one by which it will be settled. Returns 0, also when who
 * promised before has died; -EBUSY it is promised, the message names by whom;
 * -EALREADY it is settled; -EROFS; -EBADMSG.
 */
int zipc_future_promise(struct zipc_future *future);
/* Give the promise back; who waits goes on. 0; -EPERM none of this handle's. */
int zipc_future_withdraw(struct zipc_future *future);

/*
 * Settle it, with a value or as failed: a code of the caller's own, and words
 * for people (NULL: none), cut where they are too long. Returns 0; -EALREADY
 * it is settled; -EPERM another one who lives has promised it; -EUSERS as many
 * as there is room for (8; 4 if a value has more than 16 KiB) are stopped
 * inside of this; -EROFS; -EBADMSG.
 */
int zipc_future_set(struct zipc_future *future, const void *elem);
int zipc_future_fail(struct zipc_future *future, int code, const char *message);

/*
 * The value; wait at most timeout_ns for it. Returns 0; -ECANCELED it has
 * failed; -EOWNERDEAD who promised it died, or closed his handle, and nobody
 * has promised it since; -EAGAIN it is not settled (ZIPC_NOWAIT, which looks
 * for a death at most once a millisecond); -ETIMEDOUT; -EDEADLK it would have
 * to wait for this very handle; -EROFS it would have to wait, in a segment that
 * is open for reading only; -EBADMSG.
 */
int zipc_future_get(struct zipc_future *future, void *elem, int64_t timeout_ns);

/*
 * Of one that has failed: its code and, in up to size bytes, its message.
 * Returns 0; -EINVAL it has not failed; -EBADMSG.
 */
int zipc_future_error(struct zipc_future *future, int *code, char *message,
		      size_t size);

/*
 * Wait for several, in whichever segments. all: until each has a value, then
 * 0; or until one has failed, or who promised it has died: then at once the
 * error that its get() gives. any: until one is there whose get() need not
 * wait, as it has a value or not; its index. Else as get(); -EINVAL; -ENOMEM.
 */
int zipc_future_all(struct zipc_future *const *futures, size_t n,
		    int64_t timeout_ns);
int zipc_future_any(struct zipc_future *const *futures, size_t n,
		    int64_t timeout_ns);

enum zipc_future_is {
	ZIPC_FUTURE_PENDING,  /* nobody has promised it */
	ZIPC_FUTURE_PROMISED, /* by one who lives */
	ZIPC_FUTURE_BROKEN,   /* he died, and nobody has promised it since */
	ZIPC_FUTURE_SET,
	ZIPC_FUTURE_FAILED,
};
/* What it is, or -ENOENT, -EBADMSG. */
int zipc_future_state(struct zipc_future *future);
const struct zipc_type *zipc_future_type(const struct zipc_future *future);

/* Closing a handle that has promised is as dying. */
void zipc_future_close(struct zipc_future *future);

#ifdef __cplusplus
}
#endif

#endif
