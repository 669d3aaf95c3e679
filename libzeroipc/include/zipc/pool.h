/* SPDX-License-Identifier: MIT */
/*
 * Pool: objects of one size that are written and read in place, in shared
 * memory. A process takes one, fills it, and hands it on through a queue: a
 * message of a mebibyte costs what its index costs.
 *
 * Owners      each taken object has one: the process that took or accepted it,
 *             by its handle on the segment. Only the owner may give it back or
 *             pass it on. Threads that share the segment's handle share theirs.
 * Progress    lock-free; only take, send and receive may wait, by a futex
 *             sleep.
 * Ordering    what an owner did in an object before it gave, passed or sent it
 *             is seen by who takes, accepts or receives it.
 * Crash       what a dead process owns is not lost: zipc_pool_reclaim() gives
 *             it back, or who finds nothing free does (reclaims). Each
 *             operation happened wholly or not at all. What was sent stays.
 */
#ifndef ZIPC_POOL_H
#define ZIPC_POOL_H

#include <zipc/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_pool;

struct zipc_pool_options {
	/* 1: objects of the dead come back when somebody finds none free. */
	unsigned reclaims;
};

/* As zipc_array_create(), zipc_array_open() and zipc_array_open_or_create(). */
int zipc_pool_create(struct zipc_pool **out, struct zipc_segment *segment,
		     const char *name, const char *type, uint64_t capacity);
int zipc_pool_create_with(struct zipc_pool **out, struct zipc_segment *segment,
			  const char *name, const char *type, uint64_t capacity,
			  const struct zipc_pool_options *options);
int zipc_pool_open(struct zipc_pool **out, struct zipc_segment *segment,
		   const char *name, const char *type);
int zipc_pool_open_or_create(struct zipc_pool **out,
			     struct zipc_segment *segment, const char *name,
			     const char *type, uint64_t capacity);

/*
 * Become the owner of a free object; wait at most timeout_ns for one. Its bytes
 * are what its last owner left. Returns 0; -EAGAIN each was found taken, not
 * necessarily all at one moment (ZIPC_NOWAIT); -ETIMEDOUT; -EROFS.
 */
int zipc_pool_take(struct zipc_pool *pool, uint64_t *index, int64_t timeout_ns);

/*
 * Give one back. -EINVAL: there is no such object, or it is free: it was given
 * already; -EACCES: it is another's, or was passed on. The message says whose.
 */
int zipc_pool_give(struct zipc_pool *pool, uint64_t index);

/*
 * The object, aligned to 64 bytes, until the pool is closed; NULL: there is no
 * such one. Who does not own it sees whatever its owner is doing.
 */
void *zipc_pool_at(struct zipc_pool *pool, uint64_t index);

/*
 * Send an owned object through a queue of u64 in the same segment, and receive
 * the oldest that was sent. Each is sent and received once, in order. Returns
 * as zipc_queue_push() and zipc_queue_pop(), and send as give; after a failed
 * send the object is still the caller's. -EPROTOTYPE, -EINVAL: no such queue.
 * Crash: a killed send happened or not, and then its object is what the dead
 * owns; a killed receive may take its message with it, as what the dead owns.
 * That holds if all of this queue's elements are taken by receive.
 */
int zipc_pool_send(struct zipc_pool *pool, struct zipc_queue *queue,
		   uint64_t index, int64_t timeout_ns);
int zipc_pool_receive(struct zipc_pool *pool, struct zipc_queue *queue,
		      uint64_t *index, int64_t timeout_ns);

/*
 * The same by any other way: pass makes an owned object nobody's, and a ticket
 * for it; who has the ticket accepts it, once. -ENOENT: the ticket is stale,
 * its object was accepted or reclaimed. Who passed it may accept it again.
 * Crash: the death of who passed it changes nothing, as the ticket may be on
 * its way. Nobody can know whether it is: if it was lost, with its passer or on
 * its way, the object stays passed. The inspector lists it, and
 * zipc_pool_reclaim_passed() gives it back.
 */
int zipc_pool_pass(struct zipc_pool *pool, uint64_t index, uint64_t *ticket);
int zipc_pool_accept(struct zipc_pool *pool, uint64_t ticket, uint64_t *index);

/*
 * Give back all that dead processes own; how many that were. It looks at every
 * object, and makes system calls. Messages that were sent or passed stay.
 */
int64_t zipc_pool_reclaim(struct zipc_pool *pool);
/* And what dead processes have passed or sent; their tickets become stale. */
int64_t zipc_pool_reclaim_passed(struct zipc_pool *pool);

/* Objects taken or passed: each was so when it was looked at, one by one. */
uint64_t zipc_pool_size(const struct zipc_pool *pool);
uint64_t zipc_pool_capacity(const struct zipc_pool *pool);
uint64_t zipc_pool_elem_size(const struct zipc_pool *pool); /* bytes */
const struct zipc_type *zipc_pool_type(const struct zipc_pool *pool);

/* What was taken stays taken, until the segment's handle is closed too. */
void zipc_pool_close(struct zipc_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
