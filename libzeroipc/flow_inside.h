/* SPDX-License-Identifier: MIT */
/*
 * A flow in a process's memory, verified; its operators, and what passes
 * between two of them.
 *
 * Elements pass in batches, of which only places are handed on: an operator
 * that leaves elements out names the rows that stay, and one that makes others
 * has a buffer for them, which the last one has in the results of the step.
 */
#ifndef ZIPC_FLOW_INSIDE_H
#define ZIPC_FLOW_INSIDE_H

#include "flow.h"

#include <string.h>
#include <zipc/type.h>

/* Of a window's slot, before its values: how many, and which sum overflowed. */
#define ZIPC_FLOW_SLOT 16u

/* Elements that pass at once, at most; less of large ones. */
#define ZIPC_FLOW_BATCH 1024u
#define ZIPC_FLOW_BATCH_BYTES (256u << 10)
#define ZIPC_FLOW_ELEMENT_MOST (1u << 20)
/* In one step, of elements that are made of nothing. */
#define ZIPC_FLOW_MADE_MOST 65536u
/* Expressions of one operator: a time, an argument of each aggregate, and what
 * is made of these. */
#define ZIPC_FLOW_PARTS (ZIPC_FLOW_AGGREGATES + 2)

enum zipc_flow_kind {
	ZIPC_FLOW_FILTER = 1,
	ZIPC_FLOW_MAP,
	ZIPC_FLOW_SCAN,
	ZIPC_FLOW_FOLD,
	ZIPC_FLOW_TAKE,
	ZIPC_FLOW_SKIP,
	ZIPC_FLOW_DISTINCT,
	ZIPC_FLOW_SAMPLE,      /* by count */
	ZIPC_FLOW_SAMPLE_TIME,
	ZIPC_FLOW_MERGE,
	ZIPC_FLOW_ZIP,
	ZIPC_FLOW_WINDOW,      /* by count */
	ZIPC_FLOW_WINDOW_TIME,
	/* which come first where there is no source */
	ZIPC_FLOW_RANGE,
	ZIPC_FLOW_GENERATE,
	ZIPC_FLOW_REPEAT,
	ZIPC_FLOW_TICK,
};
#define ZIPC_FLOW_KINDS 18u

enum zipc_flow_flag {
	ZIPC_FLOW_BY = 1,   /* a window's times are those of an expression */
	ZIPC_FLOW_TO = 2,   /* a range has an end */
	ZIPC_FLOW_REAL = 4, /* a range is of floats */
};

enum zipc_flow_aggregate {
	ZIPC_FLOW_SUM = 1,
	ZIPC_FLOW_MEAN,
	ZIPC_FLOW_MIN,
	ZIPC_FLOW_MAX,
	ZIPC_FLOW_COUNT,
	ZIPC_FLOW_FIRST,
	ZIPC_FLOW_LAST,
};

struct zipc_flow_batch {
	const uint8_t *x, *y; /* y: of zip */
	const int64_t *t;
	const uint32_t *rows; /* NULL: all of n */
	uint64_t n;
};

/* An aggregate of a window. */
struct zipc_flow_value {
	unsigned what;    /* enum zipc_flow_aggregate */
	unsigned part;    /* its argument */
	int is_real;      /* f64; else i64, but of first and last */
	size_t bytes;     /* of its argument and its result */
	size_t at;        /* in a slot */
	const char *type; /* of its result */
	uint8_t *given;   /* arguments of a batch */
	uint8_t *closed;  /* results of those that are closed */
};

/* A window that was closed, in a batch. */
struct zipc_flow_closing {
	uint64_t element; /* by which */
	unsigned part;    /* 0; or whose sum overflowed, plus 1 */
};

struct zipc_flow_stage {
	struct zipc_flow_operator code;
	struct zipc_program *program[ZIPC_FLOW_PARTS];
	uint16_t place[ZIPC_FLOW_PARTS]; /* in the text */
	/* what comes and what leaves */
	const char *in_type, *other_type, *type;
	uint64_t in_bytes, bytes;
	int in_times, times;
	unsigned sources; /* a bit for each that enters here or before */
	/* its state */
	size_t at, own_bytes; /* the tally's place; what is behind that */
	/* how many one element causes: of its own, and in the end */
	uint64_t gives, causes;
	/* windows */
	uint64_t slots;
	size_t slot_bytes;
	struct zipc_flow_value value[ZIPC_FLOW_AGGREGATES];
	int64_t *by;                /* of a batch */
	struct zipc_flow_closing *closing;
	/* what leaves, of a batch */
	uint8_t *out;
	int64_t *out_times;
};

struct zipc_flow {
	void *bytes;
	struct zipc_flow_header header;
	const char *text;
	char *strings; /* names and types of the sources */
	struct zipc_flow_source source[ZIPC_FLOW_SOURCES];
	struct zipc_flow_origin origin[ZIPC_FLOW_SOURCES];
	uint64_t source_bytes[ZIPC_FLOW_SOURCES];
	struct zipc_flow_stage stage[ZIPC_FLOW_STAGES];
	enum zipc_flow_reads reads;
	uint64_t hash;
	int takes;      /* there is a take() */
	uint64_t batch; /* elements that pass at once */
	uint32_t *rows; /* so many */
	uint32_t *kept;
	uint8_t *faults;
	uint8_t *marks; /* which expression failed for it */
	uint8_t *before;  /* a state, to go back to */
	uint8_t *scratch; /* one element of any expression */
};

/* A step, while it is made. */
struct zipc_flow_run {
	struct zipc_flow *flow;
	uint8_t *state;
	struct zipc_flow_step *step;
	uint8_t *to; /* where results go, with room for one element's */
	int64_t *to_times;
	unsigned filled; /* behind the last operator that has taken enough */
	int is_over;     /* what makes elements of nothing has no more */
	int rc;          /* -ENOMEM: it is to be given up */
};

/* What an expression may name: at most x, y, t and acc. */
struct zipc_flow_names {
	struct zipc_program_name name[ZIPC_FLOW_AGGREGATES];
	unsigned count;
	int index;
	const char *type; /* what it has to give, or NULL */
};

/* How many of its aggregates have an argument; count() has none. */
static inline unsigned zipc_flow_arguments(const struct zipc_flow_stage *stage)
{
	unsigned k, n = 0;

	for (k = 0; k < stage->code.aggregates; k++)
		n += stage->code.aggregate[k] != ZIPC_FLOW_COUNT;
	return n;
}

/* Which of its expressions makes what leaves: behind a window's arguments. */
static inline unsigned zipc_flow_giving(const struct zipc_flow_stage *stage)
{
	switch (stage->code.kind) {
	case ZIPC_FLOW_WINDOW:
	case ZIPC_FLOW_WINDOW_TIME:
		return zipc_flow_arguments(stage);
	case ZIPC_FLOW_SCAN:
	case ZIPC_FLOW_FOLD:
	case ZIPC_FLOW_GENERATE:
		return 1;
	default:
		return 0;
	}
}

/* How many windows that begin each `every` cover a place, at most. */
static inline uint64_t zipc_flow_cover(uint64_t size, uint64_t every)
{
	return size / every + (size % every != 0);
}

static inline size_t zipc_flow_up(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static inline struct zipc_flow_tally *
zipc_flow_tally(const struct zipc_flow_run *run, unsigned s)
{
	return (void *)(run->state + run->flow->stage[s].at);
}

/* What an operator keeps behind its tally. */
static inline uint8_t *zipc_flow_own(const struct zipc_flow_run *run,
				     unsigned s)
{
	return run->state + run->flow->stage[s].at +
	       sizeof(struct zipc_flow_tally);
}

/* Names of expression `part` of a stage whose earlier ones are there. */
void zipc_flow_ask(const struct zipc_flow_stage *stage, unsigned part,
		   struct zipc_flow_names *names);
/* Of what expressions of the window give: its values, but for their places. */
void zipc_flow_values(struct zipc_flow_stage *stage);

/* The bytes in this process's own hands: limits are -EINVAL, in the text. */
int zipc_flow_build(struct zipc_flow **out, const void *bytes, size_t size,
		    int own);
int zipc_flow_fail(size_t at, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* A run of an expression failed for some of a batch: count them, and note the
 * last one. Returns how many failed. */
uint64_t zipc_flow_note(struct zipc_flow_run *run, unsigned s, unsigned part,
			const struct zipc_program_batch *batch,
			const uint8_t *faults);
/* That one of a batch failed. */
void zipc_flow_tell_one(struct zipc_flow_run *run, unsigned s, unsigned part,
			const struct zipc_program_batch *batch, uint64_t which);
/* Leave those with faults out of what was made of a batch; and its times. */
void zipc_flow_keep(struct zipc_flow_run *run, unsigned s, uint8_t *out,
		    struct zipc_flow_batch *b, uint64_t failed);
uint8_t *zipc_flow_out(struct zipc_flow_run *run, unsigned s);
int64_t *zipc_flow_out_times(struct zipc_flow_run *run, unsigned s);

/* What operators do with a batch, and in the end: both leave in b what they
 * give. first: the number of its first element. */
typedef void zipc_flow_pass(struct zipc_flow_run *run, unsigned s,
			    struct zipc_flow_batch *b, uint64_t first);
extern zipc_flow_pass *const zipc_flow_passes[ZIPC_FLOW_KINDS];
zipc_flow_pass zipc_flow_pass_window, zipc_flow_pass_window_time;
void zipc_flow_end_window(struct zipc_flow_run *run, unsigned s,
			  struct zipc_flow_batch *b);
/* What the first operator makes of nothing, at most n; b has it. */
void zipc_flow_make(struct zipc_flow_run *run, uint64_t n,
		    struct zipc_flow_batch *b);
/* When the next tick is due; since 1970. */
int64_t zipc_flow_due(const struct zipc_flow_run *run);
/* What an operator kept until the end. */
void zipc_flow_end_stage(struct zipc_flow_run *run, unsigned s,
			 struct zipc_flow_batch *b);
/* Put the begin of what an operator keeps there, which is zero. */
int zipc_flow_begin_own(const struct zipc_flow_stage *stage, uint8_t *own);

#endif
