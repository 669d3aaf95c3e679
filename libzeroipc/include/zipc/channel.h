/* SPDX-License-Identifier: MIT */
/*
 * Channel: elements from any number of senders to any number of receivers,
 * threads and processes, until somebody closes it. With a capacity it is a
 * buffer, as a queue is. With a capacity of 0 a sender and a receiver meet: a
 * send is over when its element was received.
 *
 * Progress    as of a queue; what waits for a meeting waits for the other side.
 *             A process that is stopped inside holds up nobody: its offer can
 *             be received.
 * Ordering    what a sender did before is seen by who receives; without a
 *             buffer, what the receiver did before is seen by the sender, too.
 *             With a buffer elements leave in order; without one, which of
 *             several senders that wait is received from is not by age, but
 *             each has its turn.
 * Crash       a killed send happened wholly or not at all; so did a receive,
 *             and one that happened takes its element with it. What a killed
 *             sender offered is received, or taken back for it later. Records
 *             and room come back by themselves.
 */
#ifndef ZIPC_CHANNEL_H
#define ZIPC_CHANNEL_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_channel;

struct zipc_channel_options {
	/*
	 * How many handles may send at the same time; 0: 64, or fewer for
	 * elements over 16 KiB, as each one costs the room of one element. A
	 * handle takes its place at its first send and keeps it until released.
	 */
	unsigned max_senders;
};

/*
 * As zipc_queue_create(), zipc_queue_open() and zipc_queue_open_or_create();
 * but the capacity may be 0.
 */
int zipc_channel_create(struct zipc_channel **out, struct zipc_segment *segment,
			const char *name, const char *type, uint64_t capacity);
int zipc_channel_create_with(struct zipc_channel **out,
			     struct zipc_segment *segment, const char *name,
			     const char *type, uint64_t capacity,
			     const struct zipc_channel_options *options);
int zipc_channel_open(struct zipc_channel **out, struct zipc_segment *segment,
		      const char *name, const char *type);
int zipc_channel_open_or_create(struct zipc_channel **out,
				struct zipc_segment *segment, const char *name,
				const char *type, uint64_t capacity);

/*
 * Send a copy of *elem; wait at most timeout_ns for room, or, without a buffer,
 * until it was received. If that time passes, nothing was sent.
 * Returns 0; -EAGAIN (ZIPC_NOWAIT) full, or without a buffer nobody sleeps to
 * receive it, or who does took too long to wake; -ETIMEDOUT; -EPIPE closed;
 * -EUSERS all senders' places are held by live processes; -EROFS; -EBADMSG.
 */
int zipc_channel_send(struct zipc_channel *channel, const void *elem,
		      int64_t timeout_ns);

/*
 * Receive into *elem; wait at most timeout_ns for a sender.
 * Returns 0; -EAGAIN nothing is there (ZIPC_NOWAIT); -ETIMEDOUT; -EPIPE closed,
 * and what was in the buffer has been received; -EROFS; -EBADMSG. After a
 * failure the bytes at elem are of no meaning.
 */
int zipc_channel_recv(struct zipc_channel *channel, void *elem,
		      int64_t timeout_ns);

/*
 * Close the channel, for everybody and for good: what waits in it is woken, and
 * gives -EPIPE. The handle stays, and receives what is in the buffer. To close
 * what is closed, or NULL, is harmless. Returns 0; -EROFS, -ENOENT.
 */
int zipc_channel_close(struct zipc_channel *channel);
int zipc_channel_closed(const struct zipc_channel *channel); /* 1 or 0 */

/* Elements in the buffer, as zipc_queue_size(); or senders that wait. */
uint64_t zipc_channel_size(const struct zipc_channel *channel);
uint64_t zipc_channel_capacity(const struct zipc_channel *channel);
uint64_t zipc_channel_elem_size(const struct zipc_channel *channel); /* bytes */
const struct zipc_type *zipc_channel_type(const struct zipc_channel *channel);

/*
 * Give the handle up. The channel stays, and stays open. (Every other
 * structure's close() is this; a channel's is the word for its end.)
 */
void zipc_channel_release(struct zipc_channel *channel);

#ifdef __cplusplus
}
#endif

#endif
