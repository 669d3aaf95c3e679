/* SPDX-License-Identifier: MIT */
/* Between a checked tree and bytes: steps, and what the output is made of. */
#ifndef ZIPC_PROGRAM_EMIT_H
#define ZIPC_PROGRAM_EMIT_H

#include "program_tree.h"

/* No value: an operand that there is not, or e->failed. */
#define ZIPC_NO_VALUE INT32_MIN

/* The one NaN. */
#define ZIPC_NAN_BITS UINT64_C(0x7ff8000000000000)

/* Operands are steps by number; -1, -2, .. are constants. */
struct zipc_step {
	unsigned op;
	int a, b, c; /* a of a load: the input */
	int guard;
	unsigned scalar;
	uint32_t offset;
	size_t at;
};

struct zipc_emitter {
	const struct zipc_tree *tree;
	int failed; /* with a message */
	size_t begin; /* of the text that is kept */
	struct zipc_type *type; /* of the output */
	unsigned constants, steps, stores, registers;
	struct zipc_program_constant constant[ZIPC_PROGRAM_CONSTANTS];
	struct zipc_step step[ZIPC_PROGRAM_INSTRUCTIONS];
	uint8_t reg[ZIPC_PROGRAM_INSTRUCTIONS];
	struct zipc_program_store store[ZIPC_PROGRAM_STORES];
	int store_value[ZIPC_PROGRAM_STORES];
};

/* A message that names the column; ZIPC_NO_VALUE, and e->failed. */
#define zipc_emit_fail(e, ...) \
	((e)->failed = zipc_tree_fail(__VA_ARGS__), ZIPC_NO_VALUE)

/* The value of a node, for to be stored as scalar; ZIPC_NO_VALUE. */
int zipc_emit_value(struct zipc_emitter *e, int index, unsigned scalar);

/* The type that the root gives, into e->type. 0; -EINVAL; -ENOMEM. */
int zipc_emit_type(struct zipc_emitter *e);

/* What goes to offset, as a value of type, which the node has to fit. */
int zipc_emit_stores(struct zipc_emitter *e, int index,
		     const struct zipc_type *type, uint64_t offset);

/* Behind all values: which register each has. 0, or e->failed. */
int zipc_emit_registers(struct zipc_emitter *e);
unsigned zipc_emit_register(const struct zipc_emitter *e, int value);

#endif
