/* SPDX-License-Identifier: MIT */
/*
 * The words that the bench is made of; C and C++.
 *
 *   candidate   what is measured: ours, and the peers
 *   work        what they are measured at: a row of the table
 *   trial       one run of one candidate at one work, in shared memory
 *   member      one of the processes (or threads) that run it, on its core
 *
 * A family of candidates, as queue.h, says how its works use its candidates;
 * everything here knows only the words above. A new family is a header with
 * its interface, a file with its works, and files in peers/.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMBERS_MAX 9

struct candidate {
	const char *name;
	const char *package; /* Debian's; NULL: libc and the kernel */
	const char *note;    /* in what it differs; may be NULL */
	bool ours;
	bool threads; /* its members can only be threads of one process */
	bool planted; /* it has a fault; only on demand, to test the bench */
	/* The whole session, as a broker that has to run; may be NULL. */
	bool (*begin)(void);
	void (*end)(void);
	const void *family; /* as struct queue_peer */
};

/* A candidate that may not have been built. */
struct entry {
	const char *name, *package;
	const struct candidate *candidate; /* NULL: not installed */
};

struct trial;

struct work {
	const char *name;  /* as 1p1c-8-1024 */
	const char *words; /* what is done */
	const char *unit;
	bool less_is_better;
	double goal; /* 0: none */
	const char *goal_words; /* what the goal leaves out; may be NULL */
	double seconds; /* a run's length, as a multiple of the usual */
	unsigned trips; /* what --check moves; 0: as many as flows */
	unsigned members;
	int cores[MEMBERS_MAX]; /* 0 or 1: which of two cores each has */
	const struct entry *entries; /* the family's; ends with no name */

	/* Why it can not take part; NULL: it can. */
	const char *(*unfit)(const struct work *, const struct candidate *);
	/* Before the members start; and after they have ended. */
	void (*prepare)(struct trial *);
	void (*clean)(struct trial *);
	/* In each member; only run() is measured. */
	void (*open)(struct trial *, unsigned member);
	void (*run)(struct trial *, unsigned member);
	void (*close)(struct trial *, unsigned member);
	/* The figure, or trial_fault(). */
	double (*value)(struct trial *);
	/* The same in a word or two more, as instructions; may be NULL. */
	void (*extra)(struct trial *, char *text, size_t size);
	const void *family; /* as struct queue_row */
};

struct member {
	int64_t begin_ns, end_ns;
	int64_t cpu_ns;      /* of its own */
	int64_t delayed_ns;  /* ready, but others ran on its core */
	long preempted;      /* times */
	void *mine[2];       /* what open() made */
};

/* What ran beside a trial. */
struct load {
	double others; /* parts of all cores: other processes */
	double stolen; /* the same: the host */
	bool heavy;
};

struct trial {
	const struct work *work;
	const struct candidate *candidate;
	uint64_t amount; /* items, or round trips */
	struct member member[MEMBERS_MAX];
	double ping_before_ns, ping_after_ns; /* 0: on one core */
	struct load load;
	bool realtime;
	void *shared;    /* the family's, in shared memory */
	double value;
	char fault[160]; /* "" or what went wrong */
	char extra[96];
};

/* Zeroed memory that members share; they inherit it. */
void *shared_new(size_t bytes);
void shared_free(void *memory);

/* A name that nobody else has, as "bench.123.4"; in a buffer of its own. */
const char *unique_name(void);

/* The trial has failed: the first words stand. */
void trial_fault(struct trial *trial, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* In a member: the candidate has failed in a way it should not; end it. */
void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* From the begin of the first member to the end of the last. */
int64_t trial_ns(const struct trial *trial);

#ifdef __cplusplus
}
#endif

#endif
