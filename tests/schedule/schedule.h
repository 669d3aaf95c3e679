/* SPDX-License-Identifier: MIT */
/*
 * The schedule explorer: it runs the real code of the library in two to four
 * tasks, and decides at every access to shared memory which of them goes on.
 *
 * The library and the tests of this directory are compiled for ThreadSanitizer,
 * but linked with a runtime of our own (memory.c): so each access to shared
 * memory, atomic or plain, calls the explorer first. Calls of the kernel that
 * matter are renamed by hooks.h and simulated (kernel.c): futex, membarrier,
 * locks, clocks. Tasks are coroutines in one thread; nothing is left to chance,
 * so each run can be repeated, and is told by a short string.
 *
 * Before each access ("a point") the task goes on, or the explorer deviates:
 *
 *   switch   another task goes on from here; this one later
 *   delay    a plain store goes into the task's store buffer, and the stores
 *            behind it likewise, as on x86: others do not see them before the
 *            task's next locked instruction, fence or sleep, anybody's
 *            membarrier, or a flush
 *   flush    the oldest store of somebody's buffer reaches memory
 *   kill     the task is dead: its stores arrive, the kernel drops its locks
 *   stop     it goes on when all others have ended or wait, or by a switch
 *
 * schedule_explore() tries every schedule with no more deviations of each kind
 * than its limits say, first with few switches, so what fails is short. Who
 * ends, sleeps or yields is followed by any other at no cost. A state that was
 * met before is not gone through again: it is told by shared memory, what each
 * task has read so far, the buffers, sleepers and clock. schedule_walk() goes
 * random ways beyond the limits.
 *
 * Time passes only when somebody yields or all sleep. When all sleep and nobody
 * was killed or stopped, a wake was lost, and the run fails.
 *
 * Another structure plugs in with a file of its own, as wait.c shows:
 *
 *   static void set_up(void)        makes the segment, and a handle for each
 *                                   task, after schedule_as(task)
 *   static void task(unsigned who)  what it does, between schedule_call() and
 *                                   schedule_return() for each operation
 *   static void check(stage)        schedule_must(...) what has to be true
 *
 * A test's own memory that a run changes is named by schedule_keep() in set_up.
 * Tasks neither open nor close segments, and allocate by the library only.
 *
 *   SCHEDULE="NAME 12:to1 40:kill" tests/schedule/queue
 *
 * repeats a run of the case NAME and prints its steps. Any run that fails
 * prints them too.
 */
#ifndef ZIPC_SCHEDULE_H
#define ZIPC_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_TASKS 4u

/* STOPPED: all that can end has ended, but a task is stopped. */
enum schedule_stage { SCHEDULE_STOPPED, SCHEDULE_ENDED };

/* How many deviations of each kind a run may have. */
struct schedule_limits {
	unsigned char switches, delays, flushes, kills, stops;
};

struct schedule {
	const char *name; /* one word */
	unsigned tasks;
	unsigned victims; /* bit by task: who may be killed or stopped */
	struct schedule_limits limits;
	void (*set_up)(const void *scene); /* once, before all runs */
	void (*task)(const void *scene, unsigned who);
	void (*check)(const void *scene, enum schedule_stage stage);
	const void *scene; /* whatever the three want */
};

/* Every schedule within the limits; a failure is a failure of the test. */
void schedule_explore(const struct schedule *schedule);

/* Runs that deviate by chance, at any time and any number of times. */
void schedule_walk(const struct schedule *schedule, unsigned runs,
		   uint64_t seed);

/* The same, but a failure is what is wanted; its message, or NULL. */
const char *schedule_find(const struct schedule *schedule);

/* in set_up */

/*
 * What is locked from here on is the task's; or of somebody who has no task,
 * by a larger number.
 */
void schedule_as(unsigned task);

/* As the kernel does when the task, or the somebody, dies. */
void schedule_drop_locks(unsigned task);

/* Memory that tasks share, besides a segment: accesses to it are points. */
void schedule_share(void *at, size_t size);

/* Memory that every run finds as set_up left it. */
void schedule_keep(void *at, size_t size);

/* A name, in printed steps, for the words from at on. */
void schedule_label(const void *at, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* in a task */

/*
 * The moments in which an operation begins and ends, as numbers that grow. What
 * had ended before it began becomes part of the state.
 */
unsigned schedule_call(void);
unsigned schedule_return(void);

/* anywhere behind set_up */

/* The moment now, for who checks. */
unsigned schedule_now(void);

/* Whether this run has ended or killed the task, or hurt anyone. */
bool schedule_has_ended(unsigned task);
bool schedule_is_dead(unsigned task);
bool schedule_has_fault(void);

/* End the run: it has failed. */
void schedule_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#define schedule_must(condition, ...)                                        \
	do {                                                                 \
		if (!(condition))                                            \
			schedule_fail(__VA_ARGS__);                          \
	} while (0)

#endif
