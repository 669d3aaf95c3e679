/* SPDX-License-Identifier: MIT */
/*
 * Derived streams: a stream whose elements are computed from others by
 * operators, that anyone drives.
 *
 *   filter(x.temp > 30) | map(x.temp * 9/5 + 32)
 *
 * The text is zipc_derive(7)'s. It is read as any stream, and nobody emits into
 * it (-EPERM). Whoever drives computes the next of its elements, one driver at
 * a time; when a driver dies or stops, at whatever instruction, the next one
 * goes on, and each result is emitted exactly once. It has a named subscription
 * in each source, called as itself: so sources wait for drivers, until it has
 * ended or was removed. What a generator makes, and what is derived from that,
 * is driven by who reads it and finds nothing; so it takes no more memory than
 * its capacity, though it has no end.
 *
 * Progress    drive is lock-free but for its lease: a driver that makes no
 *             progress for a second is taken over, and finds itself fenced.
 * Ordering    results stand in one order for all; of a merge, that in which
 *             elements were met, which is recorded.
 * Crash       nothing is lost, doubled or torn; what a driver had read and not
 *             recorded is read again.
 */
#ifndef ZIPC_DERIVE_H
#define ZIPC_DERIVE_H

#include <zipc/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_derive_options {
	uint64_t capacity; /* results that are kept; 0: 1024 */
	enum zipc_stream_policy policy; /* drop new and error: -EINVAL */
	unsigned max_subscriptions; /* named ones; 0: 16 */
	unsigned max_drivers; /* also stopped ones; 0: 4, at most 64 */
	unsigned batch;       /* results computed at a time; 0: 8 KiB of them */
	enum zipc_stream_from from; /* of the sources; NEWEST or OLDEST */
	unsigned by_daemon;   /* 1: zeroipcd drives it */
};

/*
 * Add a stream that is derived from source, NULL if the text begins with a
 * generator; what the text names stands in the same segment.
 * Returns 0; -EINVAL, naming the column of the text; -EEXIST; -ENOENT what it
 * names; -ENOSPC; -EUSERS a source has no place for one more subscription;
 * -EROFS; -EBUSY another creates.
 */
int zipc_stream_derive(struct zipc_stream **out, struct zipc_segment *segment,
		       const char *name, const char *text,
		       struct zipc_stream *source);
int zipc_stream_derive_with(struct zipc_stream **out,
			    struct zipc_segment *segment, const char *name,
			    const char *text, struct zipc_stream *source,
			    const struct zipc_derive_options *options);

/* The text; NULL: it is not derived. */
const char *zipc_stream_derivation(const struct zipc_stream *stream);
int zipc_stream_is_for_daemon(const struct zipc_stream *stream);

/*
 * Drive: take what the sources have, at most a batch, and emit what comes of
 * it; wait for something to do as long as timeout_ns.
 * Returns how many elements of the sources were dealt with, or results of a
 * generator emitted; 0 only a predecessor's were emitted; -EAGAIN; -ETIMEDOUT;
 * -EBUSY somebody else drives, and has done so all the time; -EPIPE all is out,
 * and the stream has ended; -EUSERS too many drivers are stopped; -ENOENT a
 * source was removed before its end was dealt with; -ELOOP more than 16 are
 * made on demand of each other; -EROFS; -EBADMSG.
 */
int64_t zipc_stream_drive(struct zipc_stream *stream, int64_t timeout_ns);

/*
 * How many bytes of its own a driver takes, about; of what depends on the sizes
 * of elements and batches it takes no more through this handle. Nothing is
 * taken yet, and nothing for a source that was removed. Returns that; -EINVAL;
 * -EBADMSG.
 */
int64_t zipc_stream_drive_bytes(struct zipc_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
