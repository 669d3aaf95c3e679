/* SPDX-License-Identifier: MIT */
/*
 * Flows: what operators do to the elements of streams, as text and as what is
 * run.
 *
 *   filter(x.busy > 0.2) | window(10, mean(x.busy))
 *
 * In order of life: compiled from text, kept anywhere as bytes that hold no
 * address, read from there and verified, and run over batches. A flow is pure:
 * what a step gives depends on its state, on what it is given, and on nothing
 * else; all that it remembers between steps is in the state, which is bytes of
 * a fixed size that hold no address. The expressions in it are programs
 * (program.h).
 *
 * An element for which an expression fails is left out there, and counted; the
 * next ones go on.
 *
 * Threads: a flow belongs to one at a time.
 * Crash: nothing here touches a segment. What is run on has to be the caller's
 * own copy, which nobody changes meanwhile.
 */
#ifndef ZIPC_FLOW_H
#define ZIPC_FLOW_H

#include "program.h"

#define ZIPC_FLOW_SOURCES 8u
#define ZIPC_FLOW_STAGES 16u
#define ZIPC_FLOW_TEXT_MOST 4095u
#define ZIPC_FLOW_BYTES_MOST 65536u
#define ZIPC_FLOW_STATE_MOST 32768u
#define ZIPC_FLOW_EXPANDS 64u /* results that one element causes, at most */

/* A stream that it reads. */
struct zipc_flow_source {
	const char *name;
	const char *type;
	int times; /* whether its elements have times */
};

struct zipc_flow_text {
	const char *text;
	/* The stream on the left of it; NULL: it begins with a generator. */
	const struct zipc_flow_source *source;
	/*
	 * Say what the stream of that name is, whose strings are kept by the
	 * caller until the flow is compiled. 0; or a failure, with a message.
	 */
	int (*find)(void *context, const char *name,
		    struct zipc_flow_source *found);
	void *context;
};

struct zipc_flow;

/* 0; -EINVAL, naming the column; what find gave; -ENOMEM. */
int zipc_flow_compile(struct zipc_flow **out,
		      const struct zipc_flow_text *text);

/*
 * From bytes that anybody may have written; they are copied first. Names, types
 * and times of the sources are those that it will be run on: what has others is
 * refused. A source without a type is one that nothing is read of any more, and
 * is what the flow says of it.
 * Returns 0; -EBADMSG; -EPROTOTYPE; -EPROTONOSUPPORT another version; -ENOMEM.
 */
int zipc_flow_read(struct zipc_flow **out, const void *bytes, size_t size,
		   const struct zipc_flow_source *sources, unsigned count);
void zipc_flow_close(struct zipc_flow *flow);

/* To be kept: *size bytes; of the flow. */
const void *zipc_flow_bytes(const struct zipc_flow *flow, size_t *size);

/* Canonical texts, of the flow. */
const char *zipc_flow_text(const struct zipc_flow *flow);
const char *zipc_flow_type(const struct zipc_flow *flow); /* of results */
uint64_t zipc_flow_result_bytes(const struct zipc_flow *flow);
int zipc_flow_has_times(const struct zipc_flow *flow); /* results have them */

/* How its sources are read. */
enum zipc_flow_reads {
	ZIPC_FLOW_EACH, /* elements of any source, in the order they are met */
	ZIPC_FLOW_PAIRS, /* zip: as many of each of its sources */
	ZIPC_FLOW_NOTHING, /* no source: as many results as there is room */
	ZIPC_FLOW_CLOCK, /* likewise, but not before its time: tick */
};
enum zipc_flow_reads zipc_flow_reads(const struct zipc_flow *flow);
unsigned zipc_flow_sources(const struct zipc_flow *flow);
const struct zipc_flow_source *zipc_flow_source(const struct zipc_flow *flow,
						unsigned k);

/* Its state, zipc_flow_state_bytes() of them, a multiple of 8. */
size_t zipc_flow_state_bytes(const struct zipc_flow *flow);
void zipc_flow_begin(const struct zipc_flow *flow, void *state, int64_t now_ns);

/* A step: what is given and what came of it. */
struct zipc_flow_step {
	/* given, for each source; of EACH one source has elements */
	const void *elems[ZIPC_FLOW_SOURCES];
	const int64_t *times[ZIPC_FLOW_SOURCES]; /* ns since 1970; or NULL */
	uint64_t count[ZIPC_FLOW_SOURCES];
	unsigned ended; /* a bit for each source that has no more behind them */
	int64_t now_ns; /* since 1970; of CLOCK only */
	/* results go there */
	void *results;
	int64_t *result_times; /* NULL if it has none */
	uint64_t room;         /* at least ZIPC_FLOW_EXPANDS */
	/* what came of it */
	uint64_t made;                     /* results */
	uint64_t taken[ZIPC_FLOW_SOURCES]; /* the first ones of those given */
	int has_ended;                     /* no result comes after these */
	int64_t next_ns; /* of CLOCK: no result comes before; since 1970 */
};

/*
 * Take elements, as many as there is room for what they cause. If some were
 * given and there is room, at least one is taken, or it has ended.
 * Returns 0; -EBADMSG the state is no state of this flow: nothing was done;
 * -ENOMEM: go back to a copy of the state from before.
 */
int zipc_flow_run(struct zipc_flow *flow, void *state,
		  struct zipc_flow_step *step);

/* for people: the operators between the bars, and what they did so far */

struct zipc_flow_counts {
	uint64_t in, out, failed, late; /* elements; late: for windows */
};
unsigned zipc_flow_stages(const struct zipc_flow *flow);
/* Its words in the text, not ended by NUL. */
const char *zipc_flow_stage(const struct zipc_flow *flow, unsigned stage,
			    size_t *length);
/* -EBADMSG: the state is no state of this flow. */
int zipc_flow_counts(const struct zipc_flow *flow, const void *state,
		     unsigned stage, struct zipc_flow_counts *counts);
/*
 * The last failure of the operator that has the most, as a line; empty if there
 * was none.
 */
void zipc_flow_failure_print(const struct zipc_flow *flow, const void *state,
			     char *text, size_t size);

#endif
