/* SPDX-License-Identifier: MIT */
/* A program in a process's memory, verified; and its columns. */
#ifndef ZIPC_PROGRAM_INSIDE_H
#define ZIPC_PROGRAM_INSIDE_H

#include "program.h"

#include <zipc/type.h>

/* Elements that are run at once: a column is 2 KiB, a few fit into a cache. */
#define ZIPC_BATCH 256u
/* Behind a column, for who works on two values at once. */
#define ZIPC_COLUMN_SIZE (ZIPC_BATCH + 2)

/* A column may be elements of the caller, who wrote them as doubles. */
typedef uint64_t zipc_bits __attribute__((may_alias));

/* How one instruction is run: registers are by number of column. */
struct zipc_program_step {
	struct zipc_program_code code;
	unsigned to, a, b, c, guard; /* columns */
	uint8_t follows_acc; /* it needs `acc`, directly or not */
	uint8_t fails;
};

struct zipc_program {
	/* A copy of the bytes, 8-aligned, and what is where in them. */
	void *bytes;
	struct zipc_program_header header;
	const struct zipc_program_constant *constants;
	const struct zipc_program_input *inputs;
	const struct zipc_program_store *stores;
	const struct zipc_program_code *codes;
	const char *names[ZIPC_PROGRAM_INPUTS];
	const char *types[ZIPC_PROGRAM_INPUTS];
	const char *type, *text;
	/* To be run. */
	struct zipc_program_step *steps;
	unsigned store_column[ZIPC_PROGRAM_STORES];
	uint32_t used;         /* a bit for each input */
	uint8_t has_acc;       /* an input is `acc` */
	uint8_t uses_index;
	uint8_t may_fail;
	uint8_t has_gaps;      /* stores do not cover the output */
	uint8_t acc_fits;      /* its type is that of the output */
	unsigned columns;      /* that of all ones is behind them */
	uint64_t *storage;     /* of all columns */
	zipc_bits **column;    /* each one's, or an input's in its place */
	uint8_t *faults;       /* of a batch */
	uint16_t *fault_step;  /* the instruction of each */
};

#endif
