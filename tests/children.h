/* SPDX-License-Identifier: MIT */
/*
 * Processes that a test starts, and what it needs to wait for them: bytes over
 * pipes, memory that both see, and the state that the kernel tells. They die
 * with the test. An assert that fails in one ends it with status 1, which
 * child_end() finds.
 */
#ifndef ZIPC_CHILDREN_H
#define ZIPC_CHILDREN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int down, up; /* pipes to it and from it */
};

/* Run body(context) in a child, which ends with status 0 behind it. */
struct child child_start(void (*body)(void *context), void *context);

/* In the test. Hearing fails the test when the child has ended instead. */
void child_hear(const struct child *child);
void child_say(const struct child *child);

/* In the child: the other ends. Who awaits a test that has ended, ends. */
void tell_parent(void);
void await_parent(void);

/* Let it go on and end; it must end with status 0. */
void child_end(const struct child *child);
void child_kill(const struct child *child);
/* The same with any end; gives what waitpid() told. */
int child_reap(const struct child *child);

/* Stop it; or wait until it has stopped itself. */
void child_stop(const struct child *child);
void child_stops(const struct child *child);
void child_continue(const struct child *child);

/* Wait until the thread sleeps in a futex; 0: the process's first. */
void sleeps_in_futex(pid_t pid, pid_t thread);

/* Zeroed memory that children share with their parent. */
void *shared_memory(size_t size);

/* Give up root and every group; false if this is not root. */
bool become_nobody(void);

/*
 * An empty /dev/shm of this process's own, of at most size bytes; false, with a
 * line that says so, where the system refuses one.
 */
bool own_shm(size_t size_bytes);

#endif
