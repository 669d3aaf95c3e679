/* SPDX-License-Identifier: MIT */
/*
 * Stream: many producers, many subscribers who each see every element, in one
 * order; the latest `capacity` elements are kept for who comes late.
 *
 * A private subscription costs producers nothing; it may fall behind, and is
 * told how many elements it has lost. A named one stands in the segment: it
 * outlives its process, and holds producers back as the stream's policy says.
 *
 * Progress    emit and next are lock-free unless they wait, by a futex sleep. A
 *             process that is stopped inside delays the others by a bounded
 *             time, once. Subscribing by name is done one at a time.
 * Ordering    what a producer did before its emit is seen after the next. All
 *             subscribers see the same order, and each producer's own in it.
 * Crash       a killed emit happened wholly or not at all. A killed next of a
 *             named subscription may have taken its elements along; the
 *             subscription goes on behind them, with who subscribes next.
 */
#ifndef ZIPC_STREAM_H
#define ZIPC_STREAM_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif
struct zipc_stream;
struct zipc_subscription;
/* What emit does when the slowest named subscription leaves no room. */
enum zipc_stream_policy {
	ZIPC_STREAM_BLOCK,    /* it waits, as long as its timeout says */
	ZIPC_STREAM_DROP_NEW, /* the new element is dropped, and counted */
	ZIPC_STREAM_DROP_OLD, /* the oldest goes; who has not read it loses */
	ZIPC_STREAM_ERROR,    /* it gives -EAGAIN at once */
};
struct zipc_stream_options {
	enum zipc_stream_policy policy;
	unsigned timestamps;        /* 1: each element has its time */
	unsigned max_writers;       /* as of a queue; 0: 64, or fewer */
	unsigned max_subscriptions; /* named ones; 0: 16, at most 1024 */
};

/* As of an array: zipc_array_create() and the others. */
int zipc_stream_create(struct zipc_stream **out, struct zipc_segment *segment,
		       const char *name, const char *type, uint64_t capacity);
int zipc_stream_create_with(struct zipc_stream **out,
			    struct zipc_segment *segment, const char *name,
			    const char *type, uint64_t capacity,
			    const struct zipc_stream_options *options);
int zipc_stream_open(struct zipc_stream **out, struct zipc_segment *segment,
		     const char *name, const char *type);
int zipc_stream_open_or_create(struct zipc_stream **out,
			       struct zipc_segment *segment, const char *name,
			       const char *type, uint64_t capacity);

/*
 * Emit a copy of *elem. Returns 0; 1 it was dropped (ZIPC_STREAM_DROP_NEW);
 * -EAGAIN no room; -ETIMEDOUT; -EPIPE ended; -EUSERS no writer's place; -EROFS;
 * -EBADMSG. emit_n: how many were emitted, or dropped, before any failure.
 */
int zipc_stream_emit(struct zipc_stream *stream, const void *elem,
		     int64_t timeout_ns);
int64_t zipc_stream_emit_n(struct zipc_stream *stream, const void *elems,
			   uint64_t n, int64_t timeout_ns);

/* No more elements: emit, and next behind the last one, give -EPIPE. */
int zipc_stream_end(struct zipc_stream *stream);
int zipc_stream_has_ended(const struct zipc_stream *stream);
uint64_t zipc_stream_size(const struct zipc_stream *stream);    /* retained */
uint64_t zipc_stream_emitted(const struct zipc_stream *stream); /* positions */
uint64_t zipc_stream_dropped(const struct zipc_stream *stream);
uint64_t zipc_stream_capacity(const struct zipc_stream *stream);
uint64_t zipc_stream_elem_size(const struct zipc_stream *stream); /* bytes */
const struct zipc_type *zipc_stream_type(const struct zipc_stream *stream);
enum zipc_stream_policy zipc_stream_policy(const struct zipc_stream *stream);
int zipc_stream_has_times(const struct zipc_stream *stream);
void zipc_stream_close(struct zipc_stream *stream);

/*
 * Subscribe; privately if name is NULL. A new one begins with the next element
 * that is emitted, or with the oldest that is kept; a named one that is there
 * goes on where it stood, and ZIPC_STREAM_STOOD wants it there. -EBUSY another
 * live process has it; -ENOENT; -EUSERS no place for one more; -EROFS (named).
 */
enum zipc_stream_from {
	ZIPC_STREAM_NEWEST, ZIPC_STREAM_OLDEST, ZIPC_STREAM_STOOD
};
int zipc_stream_subscribe(struct zipc_subscription **out,
			  struct zipc_stream *stream, const char *name,
			  enum zipc_stream_from from);

/*
 * The next element; wait for it as long as timeout_ns. Returns 0; -EAGAIN;
 * -ETIMEDOUT; -EPIPE ended; -EBADMSG. next_n: those that are there, one to n.
 * next_times: and when each was emitted, in nanoseconds since 1970; -EINVAL the
 * stream has no times. Over a read-only segment it waits by naps of 10 ms.
 */
int zipc_stream_next(struct zipc_subscription *subscription, void *elem,
		     int64_t timeout_ns);
int64_t zipc_stream_next_n(struct zipc_subscription *subscription, void *elems,
			   uint64_t n, int64_t timeout_ns);
int64_t zipc_stream_next_times(struct zipc_subscription *subscription,
			       void *elems, int64_t *times_ns, uint64_t n,
			       int64_t timeout_ns);

/* Elements it will never read; what killed emits left may count among them. */
uint64_t zipc_stream_lost(const struct zipc_subscription *subscription);
uint64_t zipc_stream_position(const struct zipc_subscription *subscription);
/* Close the handle: a named subscription ends, or stays (leave). */
void zipc_stream_unsubscribe(struct zipc_subscription *subscription);
void zipc_stream_leave(struct zipc_subscription *subscription);
/* End the one that no live process has; -ENOENT, -EBUSY. */
int zipc_stream_forget(struct zipc_stream *stream, const char *name);

#ifdef __cplusplus
}
#endif

#endif
