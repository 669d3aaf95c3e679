/* SPDX-License-Identifier: MIT */
/* What the parts of the explorer know of each other; see schedule.h. */
#ifndef ZIPC_SCHEDULE_ENGINE_H
#define ZIPC_SCHEDULE_ENGINE_H

#include "schedule.h"

#include <setjmp.h>
#include <ucontext.h>

enum kind { LOAD, STORE, CHANGE, PLAIN_LOAD, PLAIN_STORE, CALL };

/* What a task is about to do. */
struct access {
	enum kind kind;
	const char *what;
	void *at; /* NULL: a call */
	unsigned size;
	const void *pc;
};

/* A store that has not reached memory. */
struct store {
	void *at;
	unsigned size;
	uint64_t value;
};

#define BUFFER 32u

#define SLEEP_WORDS 4u

enum state { READY, SLEEPING, STOPPED, DEAD, ENDED };

struct task {
	/* set anew for each run */
	enum state state;
	uint64_t known; /* a hash of all that it has read, in order */
	struct store buffer[BUFFER];
	unsigned buffered;
	bool arrived; /* at its point, by a switch: it does not leave at once */
	bool silent;  /* it has only read since it was last killable */
	bool idle;    /* it spins, and nothing has changed since it last did */
	uint64_t version_at_pause;
	unsigned pauses, returned;
	const uint32_t *words[SLEEP_WORDS]; /* that it sleeps on */
	unsigned word_count;
	int64_t until_ns;
	bool timed_out;
	/* for good */
	jmp_buf at, start;
	ucontext_t context;
	void *stack;
};

/* One run's state. */
struct world {
	const struct schedule *schedule;
	struct task tasks[SCHEDULE_TASKS];
	struct task *current; /* NULL: set_up or check */
	int64_t now_ns;
	uint64_t memory;  /* a hash of shared memory, against its beginning */
	uint64_t version; /* grows with each change of it */
	unsigned steps, check_steps, moment, naps;
	struct schedule_limits used;
	bool tracing;
};

extern struct world world;

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xBF58476D1CE4E5B9);
	return hash ^ hash >> 32;
}

static inline unsigned number_of(const struct task *task)
{
	return (unsigned)(task - world.tasks);
}

/* The current task has learned a word, or just gone on by one step. */
static inline void learn(uint64_t word)
{
	if (world.current)
		/* A 0 read by who knows nothing yet is something, too. */
		world.current->known = mix(world.current->known + 1, word);
}

/* schedule.c: a point, and what stands at one */
bool point(const struct access *access); /* whether a store is delayed */
void yield_point(int64_t nap_ns, bool may_stay);
void sleep_until_woken(int64_t until_ns);

/* memory.c */
bool is_shared(const void *at);
void memory_absorb(void);
void memory_flush_one(struct task *task);
void memory_drain(struct task *task);
void memory_clear(size_t offset, size_t size);
void memory_forget(void);
void memory_keep(void);
void memory_restore(void);

/* kernel.c */
uint64_t kernel_hash(void);
void kernel_forget(void);
void kernel_keep(void);
void kernel_restore(void);

/* trace.c */
void trace_forget(void);
void trace_clear(void);
void trace_add(const struct access *access, uint64_t value);
void trace_note(const struct task *task, const char *what);
void trace_print(void);

#endif
