/* SPDX-License-Identifier: MIT */
/*
 * Linearizability: whether a concurrent history can be explained by its
 * operations happening one after another, each at a moment of its own call.
 *
 * A history has lanes (threads or processes), and a lane has operations in the
 * order in which it called them. What came before what is not told by a clock:
 * an operation carries, for each other lane, how many of that lane's operations
 * it had seen return when it was called. To count them takes plain loads and
 * stores, while a clock or a common counter would bring a fence to each call,
 * and hide what a missing one does.
 *
 * The specification is a sequential structure: a state of some bytes, and what
 * each operation does to it. The search (Wing and Gong's, with Lowe's memory of
 * configurations) tries each lane's next operation, if all that it saw return
 * has been tried before it, until none is left that returned.
 *
 * Operations that never returned (their process was killed) may have happened
 * or not. A batch is a row of operations that are called at once: so of a
 * killed one a prefix may have happened.
 */
#ifndef ZIPC_LINEAR_H
#define ZIPC_LINEAR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LINEAR_LANES 5      /* four, and one for what comes after them */
#define LINEAR_OPS 30       /* of a lane */
#define LINEAR_STATE_MOST 48 /* bytes */

struct linear_op {
	int kind;       /* the specification's own */
	int64_t result; /* 0 or -errno, or what it answers; once returned */
	uint64_t value; /* what was put in, or came out */
	uint8_t seen[LINEAR_LANES];
};

struct linear_lane {
	_Atomic unsigned begun;  /* operations that were called */
	_Atomic unsigned ended;  /* and those of them that returned */
	struct linear_op ops[LINEAR_OPS];
};

struct linear_history {
	struct linear_lane lanes[LINEAR_LANES];
};

/* An operation at the moment in which the search lets it happen. */
struct linear_moment {
	const struct linear_history *history;
	unsigned done[LINEAR_LANES]; /* operations that have happened */
	unsigned lane;               /* whose next one it is */
};

/*
 * How many operations of this kind are under way at that moment: called, as far
 * as this one can know, and not happened. For promises that are weaker than
 * linearizability.
 */
unsigned linear_under_way(const struct linear_moment *moment, int kind);

/*
 * The same, and those that have happened, but whose return this one had not
 * seen when it was called: all whose calls may overlap with its own.
 */
unsigned linear_beside(const struct linear_moment *moment, int kind);

struct linear_spec {
	size_t state_bytes; /* states with equal bytes are equal */
	void (*init)(void *state, const void *context);
	/*
	 * Let op happen; false if it can not have done so with its result. One
	 * that is pending has none, and any will do.
	 */
	bool (*apply)(void *state, const struct linear_op *op, bool pending,
		      const struct linear_moment *moment, const void *context);
	void (*print_op)(FILE *out, const struct linear_op *op, bool pending);
	void (*print_state)(FILE *out, const void *state);
	const void *context;
};

/*
 * Whether the history has an explanation. If not, the longest that was found is
 * printed to out, and what was called and could not follow it.
 */
bool linear_check(const struct linear_spec *spec,
		  const struct linear_history *history, FILE *out);

/* recording: the caller is the only one in its lane */

/*
 * The lane calls n operations at once. What returns is their array, in which
 * kind and value are to be filled in before linear_call().
 */
struct linear_op *linear_prepare(struct linear_history *history, unsigned lane,
				 unsigned n);
void linear_call(struct linear_history *history, unsigned lane, unsigned n);
/* The first n of those have their result; the others did not take place. */
void linear_return(struct linear_history *history, unsigned lane, unsigned n);

#endif
