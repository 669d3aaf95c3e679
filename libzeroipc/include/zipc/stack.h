/* SPDX-License-Identifier: MIT */
/*
 * Stack: last in, first out; any number of producers and consumers, threads
 * and processes; elements of 1 byte to 1 MiB; a fixed, exact capacity of at
 * most 134217727.
 *
 * Progress    push, pop and peek are lock-free unless they wait for room or an
 *             element. Waiting is a futex sleep. A process that is stopped
 *             inside delays nobody.
 * Ordering    what a producer did before its push is seen after the pop or
 *             peek. Each push, pop and peek, and each -EAGAIN, happens at one
 *             moment of its call (it is linearizable).
 * Crash       a killed push happened wholly or not at all; a killed pop too,
 *             and one that happened takes its element with it. All room comes
 *             back by itself.
 */
#ifndef ZIPC_STACK_H
#define ZIPC_STACK_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_stack;

struct zipc_stack_options {
	/*
	 * How many handles may push at the same time; 0: 64, or fewer for
	 * elements over 16 KiB, as each one costs the room of one element. A
	 * handle takes its place at its first push and keeps it until closed.
	 * Elements of up to 8 bytes need no places: then there is no limit.
	 */
	unsigned max_writers;
};

/* As zipc_array_create(), zipc_array_open() and zipc_array_open_or_create(). */
int zipc_stack_create(struct zipc_stack **out, struct zipc_segment *segment,
		      const char *name, const char *type, uint64_t capacity);
int zipc_stack_create_with(struct zipc_stack **out,
			   struct zipc_segment *segment, const char *name,
			   const char *type, uint64_t capacity,
			   const struct zipc_stack_options *options);
int zipc_stack_open(struct zipc_stack **out, struct zipc_segment *segment,
		    const char *name, const char *type);
int zipc_stack_open_or_create(struct zipc_stack **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type, uint64_t capacity);

/*
 * Put a copy of *elem on top; wait at most timeout_ns for room.
 * Returns 0; -EAGAIN full (ZIPC_NOWAIT); -ETIMEDOUT; -EUSERS all writers'
 * places are held by live processes; -EROFS; -EBADMSG.
 */
int zipc_stack_push(struct zipc_stack *stack, const void *elem,
		    int64_t timeout_ns);

/*
 * Take the newest element into *elem; wait at most timeout_ns for one.
 * Returns 0; -EAGAIN empty (ZIPC_NOWAIT); -ETIMEDOUT; -EROFS; -EBADMSG. After
 * a failure the bytes at elem are of no meaning.
 */
int zipc_stack_pop(struct zipc_stack *stack, void *elem, int64_t timeout_ns);

/*
 * Copy the newest element and leave it there; also of a segment that is open
 * for reading only. Returns 0; -EAGAIN empty; -EBADMSG. After a failure the
 * bytes at elem are of no meaning.
 */
int zipc_stack_peek(struct zipc_stack *stack, void *elem);

/* Elements inside, at some moment during the call. */
uint64_t zipc_stack_size(const struct zipc_stack *stack);
uint64_t zipc_stack_capacity(const struct zipc_stack *stack);
uint64_t zipc_stack_elem_size(const struct zipc_stack *stack); /* bytes */
const struct zipc_type *zipc_stack_type(const struct zipc_stack *stack);

void zipc_stack_close(struct zipc_stack *stack);

#ifdef __cplusplus
}
#endif

#endif
