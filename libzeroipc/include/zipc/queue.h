/* SPDX-License-Identifier: MIT */
/*
 * Queue: first in, first out; any number of producers and consumers, threads
 * and processes; elements of 1 byte to 1 MiB; a fixed, exact capacity.
 *
 * Progress    push and pop are lock-free unless they wait for room or an
 *             element. Waiting is a futex sleep. A process that is stopped
 *             inside delays the others by a bounded time, once.
 * Ordering    what a producer did before its push is seen after the pop. The
 *             elements of one producer leave in the order it pushed them.
 *             Each push and pop of one element, and each -EAGAIN of a pop,
 *             happens at one moment of its call (it is linearizable); a batch
 *             is a row of such. A push finds the queue full by what is inside
 *             and the pushes that are under way, of others: a pop may yet find
 *             it empty. Killed ones count until their turn comes.
 * Crash       a killed push happened wholly or not at all; a killed pop too,
 *             and one that happened takes its element with it. All room comes
 *             back by itself.
 */
#ifndef ZIPC_QUEUE_H
#define ZIPC_QUEUE_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_queue;

struct zipc_queue_options {
	/*
	 * How many handles may push at the same time; 0: 64, or fewer for
	 * elements over 16 KiB, as each one costs the room of one element. A
	 * handle takes its place at its first push and keeps it until closed.
	 */
	unsigned max_writers;
	/*
	 * How many elements may be under lease at a time, at most 1024; a
	 * handle that takes keeps a place until closed. 0: no leases.
	 */
	unsigned max_takers;
};

/* As zipc_array_create(), zipc_array_open() and zipc_array_open_or_create(). */
int zipc_queue_create(struct zipc_queue **out, struct zipc_segment *segment,
		      const char *name, const char *type, uint64_t capacity);
int zipc_queue_create_with(struct zipc_queue **out,
			   struct zipc_segment *segment, const char *name,
			   const char *type, uint64_t capacity,
			   const struct zipc_queue_options *options);
int zipc_queue_open(struct zipc_queue **out, struct zipc_segment *segment,
		    const char *name, const char *type);
int zipc_queue_open_or_create(struct zipc_queue **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type, uint64_t capacity);

/*
 * Append a copy of *elem; wait at most timeout_ns for room.
 * Returns 0; -EAGAIN full (ZIPC_NOWAIT); -ETIMEDOUT; -EUSERS all writers'
 * places are held by live processes; -EROFS; -EBADMSG.
 */
int zipc_queue_push(struct zipc_queue *queue, const void *elem,
		    int64_t timeout_ns);

/*
 * Take the oldest element into *elem; wait at most timeout_ns for one.
 * Returns 0; -EAGAIN empty (ZIPC_NOWAIT); -ETIMEDOUT; -EROFS; -EBADMSG. After
 * a failure the bytes at elem are of no meaning.
 */
int zipc_queue_pop(struct zipc_queue *queue, void *elem, int64_t timeout_ns);

/*
 * The same for n elements side by side. push_n waits until all are in, or the
 * deadline; pop_n waits until there is one, and takes what there is, up to n.
 * Returns how many were moved, in order from the first; if none, the error.
 * n = 0 returns 0. Other producers' elements may come to stand between.
 */
int64_t zipc_queue_push_n(struct zipc_queue *queue, const void *elems,
			  uint64_t n, int64_t timeout_ns);
int64_t zipc_queue_pop_n(struct zipc_queue *queue, void *elems, uint64_t n,
			 int64_t timeout_ns);

/*
 * Leases, if it has max_takers. Take hands out the oldest element until done
 * with it. If this process dies before, or gives it back by return or close, it
 * goes to the next who takes or pops, before newer ones; what a stopped process
 * has stays its own. A handle may hold many. Pop is take and done in one step.
 * Returns as pop; take: -EUSERS all takers' places are held by the living;
 * -EPROTOTYPE no leases; done, return: -EINVAL this handle does not hold it.
 */
struct zipc_lease {
	uint64_t position; /* of the element, counted since create */
	unsigned place;    /* of the lease */
	unsigned attempt;  /* 1: this element is handed out the first time */
};

int zipc_queue_take(struct zipc_queue *queue, void *elem,
		    struct zipc_lease *lease, int64_t timeout_ns);
int zipc_queue_done(struct zipc_queue *queue, const struct zipc_lease *lease);
int zipc_queue_return(struct zipc_queue *queue, const struct zipc_lease *lease);

/*
 * Elements inside, not those under lease, at some moment during the call;
 * counts pushes that are under way, and what was taken back from interrupted
 * ones until its turn comes.
 */
uint64_t zipc_queue_size(const struct zipc_queue *queue);
uint64_t zipc_queue_capacity(const struct zipc_queue *queue);
uint64_t zipc_queue_elem_size(const struct zipc_queue *queue); /* bytes */
const struct zipc_type *zipc_queue_type(const struct zipc_queue *queue);

void zipc_queue_close(struct zipc_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
