/* SPDX-License-Identifier: MIT */
/*
 * The engine measures one work: every candidate in turn, round by round, ours
 * next to each peer, so that a ratio is made of neighbours. A run counts only
 * if the cores stayed where they were (ping-pong before and after it) and
 * nothing else ran; one that does not is repeated, and the bench says so.
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include "bench.h"

#define CANDIDATES_MAX 32u

enum verdict { COUNTS, MOVED, LOADED, FAULTY };

struct run {
	unsigned candidate, round;
	unsigned place; /* in its round */
	uint64_t amount;
	double value, ping_before_ns, ping_after_ns;
	struct load load;
	long preempted;
	int64_t delayed_ns;
	enum verdict verdict;
};

/* One candidate's figures at one work. */
struct figures {
	const struct candidate *candidate;
	char fault[160]; /* "" */
	char extra[96];
	uint64_t amount;
	unsigned counted, moved, loaded; /* runs, in all regimes */
	/* Of the runs that count, in the regime where ours ran most. */
	unsigned n;
	double median, low, high;
	/* Better than the peer by this factor; of neighbours of any regime. */
	unsigned pairs;
	double ratio, ratio_low, ratio_high;
};

struct outcome {
	const struct work *work;
	unsigned count, ours; /* candidates; which of them is compared */
	struct figures figures[CANDIDATES_MAX];
	struct run *runs;
	unsigned run_count;
	double ping_ns; /* the regime of the figures; 0: on one core */
	int met;        /* the goal: 1, 0, or -1: there is none */
};

struct options {
	unsigned rounds;
	double seconds; /* a run's usual length */
	const char *ours;
	const char *peers[CANDIDATES_MAX]; /* only these; ends with NULL */
	const char *absent[CANDIDATES_MAX]; /* those that did not start */
	bool realtime, unsteady; /* count runs of any verdict */
};

/* Whether the options let a candidate take part. */
bool wanted(const struct options *options, const struct entry *entry);

/* Run a trial of amount; what it gave, in shared memory of the caller's. */
struct trial *trial_once(const struct work *work,
			 const struct candidate *candidate, uint64_t amount);

void measure(struct outcome *out, const struct work *work,
	     const struct options *options);
void outcome_free(struct outcome *outcome);

#endif
