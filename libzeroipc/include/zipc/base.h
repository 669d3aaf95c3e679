/* SPDX-License-Identifier: MIT */
/*
 * The rules that every function of the library follows; other headers state
 * only what differs.
 *
 * Results     int and int64_t: 0 or a count, else a negative errno from the
 *             table below. zipc_last_error() then says, for this thread, which
 *             name, which type, and what to do.
 * Output      *out is written only on success; after a failure there is
 *             nothing to clean up. close(NULL) is harmless. A NULL handle
 *             anywhere else is a bug, and is asserted.
 * Elements    are passed by void *, and have the size that the type text says.
 *             The caller's buffer is copied: nothing keeps a pointer to it.
 * Threads     a segment handle may be shared by threads; a structure handle
 *             belongs to one thread at a time (opening another is cheap).
 * fork        a child may go on with every handle: the first call through it
 *             makes the child a participant of its own.
 * Time        timeout_ns: ZIPC_NOWAIT, a count of nanoseconds, or
 *             ZIPC_FOREVER. A wait ends at its deadline or when it succeeds;
 *             signals do not end it.
 * Crash       any process may be killed or stopped at any instruction; each
 *             header says what that leaves.
 */
#ifndef ZIPC_BASE_H
#define ZIPC_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZIPC_NOWAIT INT64_C(0)
#define ZIPC_FOREVER INT64_C(-1)

/* A name of a structure in a segment, without its NUL. */
#define ZIPC_NAME_MAX 31
/* A type's text, without its NUL. */
#define ZIPC_TYPE_MAX 1023

enum zipc_kind {
	ZIPC_ARRAY = 1,
	ZIPC_QUEUE = 2,
	ZIPC_STACK = 3,
	ZIPC_MAP = 4,
	ZIPC_SET = 5,
	ZIPC_POOL = 6,
	ZIPC_RING = 7,
	ZIPC_SEMAPHORE = 8,
	ZIPC_BARRIER = 9,
	ZIPC_LATCH = 10,
	ZIPC_MUTEX = 11,
	ZIPC_RWLOCK = 12,
	ZIPC_ONCE = 13,
	ZIPC_EVENT = 14,
	ZIPC_CHANNEL = 15,
	ZIPC_FUTURE = 16,
	ZIPC_LAZY = 17,
	ZIPC_STREAM = 18,
};

/*
 * The errors: code, its name, and what it means everywhere in the library.
 * zipc_strerror() and the man pages are made from this table.
 */
#define ZIPC_ERRORS(X)                                                       \
	X(EAGAIN, "would have to wait, or the value differs")                \
	X(ETIMEDOUT, "the deadline passed")                                  \
	X(ENOENT, "no such segment or structure")                            \
	X(EEXIST, "the name is taken")                                       \
	X(EINVAL, "an argument is out of its range")                         \
	X(EPROTOTYPE, "another kind or type of structure")                   \
	X(ENOSPC, "no space left in the segment, its table or /dev/shm")     \
	X(ENAMETOOLONG, "the name is too long")                              \
	X(EPIPE, "closed")                                                   \
	X(EOWNERDEAD, "a peer died inside; repaired")                        \
	X(ENOTRECOVERABLE, "a peer died inside; not to be repaired")         \
	X(EBADMSG, "damaged, or not a ZeroIPC segment")                      \
	X(EPROTONOSUPPORT, "another version of the format")                  \
	X(ELOOP, "it waits for itself")                                      \
	X(EMSGSIZE, "the record is longer than its buffer or ring takes")    \
	X(EDEADLK, "the caller holds it already")                            \
	X(EPERM, "the caller does not hold it")                              \
	X(EALREADY, "it is settled, and stays so")                           \
	X(ECANCELED, "what was promised has failed")                         \
	X(EUSERS, "no free record: too many processes or writers")           \
	X(EBUSY, "another process is creating, removing or writing here")    \
	X(EACCES, "permission denied")                                       \
	X(EROFS, "the segment is open for reading only")                     \
	X(EOPNOTSUPP, "the system refuses what the segment needs")           \
	X(ENOMEM, "out of memory")

/*
 * What a (negative or positive) error code means, in words; for a code that
 * is not in the table, the system's words. Never NULL; not to be freed.
 */
const char *zipc_strerror(int error);

/* The name of an error code, as "EAGAIN"; "?" for one not in the table. */
const char *zipc_error_name(int error);

/*
 * What went wrong in this thread's latest failed call, and what to do about
 * it: one line without a newline. "" before any failure. Good until this
 * thread's next call into the library.
 */
const char *zipc_last_error(void);

/* The library's version, as "3.0.0". */
const char *zipc_version(void);

#ifdef __cplusplus
}
#endif

#endif
