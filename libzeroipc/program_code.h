/* SPDX-License-Identifier: MIT */
/*
 * The words of a program; docs/format.md is the authority on their numbers.
 *
 * A program is a straight line of instructions over registers: no jumps, no
 * calls, so that it ends, and each instruction is run for all elements of a
 * batch before the next one. A register has a column: a value for each element.
 * Registers are of a class; constants are the first ones, and stay.
 *
 * Nothing is skipped: both sides of a choice are worked out for all elements.
 * What may fail for an element says where it may, by its guard: a register of
 * truths. Where the guard is false it fails in silence, and no one sees its
 * value.
 */
#ifndef ZIPC_PROGRAM_CODE_H
#define ZIPC_PROGRAM_CODE_H

#include "format.h"

#define ZIPC_PROGRAM_BYTES_MOST 65536u
#define ZIPC_PROGRAM_INPUTS 32u
#define ZIPC_PROGRAM_CONSTANTS 64u
#define ZIPC_PROGRAM_REGISTERS 128u
#define ZIPC_PROGRAM_INSTRUCTIONS 512u
#define ZIPC_PROGRAM_STORES 256u
#define ZIPC_PROGRAM_TEXT_MOST 4095u
#define ZIPC_PROGRAM_NAME_MOST 63u
#define ZIPC_PROGRAM_NO_GUARD 255u

enum zipc_program_class {
	ZIPC_CLASS_INT = 1, /* 64 bits, two's complement */
	ZIPC_CLASS_FLOAT = 2, /* IEEE 754 double */
	ZIPC_CLASS_BOOL = 3,
};

enum zipc_program_role {
	ZIPC_ROLE_ELEMENT = 0, /* another value for each element */
	ZIPC_ROLE_ONE = 1,     /* one value for all of a batch */
	ZIPC_ROLE_ACC = 2,     /* the output for the element before */
};

enum zipc_program_scalar {
	ZIPC_SCALAR_BOOL = 1,
	ZIPC_SCALAR_I8,
	ZIPC_SCALAR_U8,
	ZIPC_SCALAR_I16,
	ZIPC_SCALAR_U16,
	ZIPC_SCALAR_I32,
	ZIPC_SCALAR_U32,
	ZIPC_SCALAR_I64,
	ZIPC_SCALAR_U64,
	ZIPC_SCALAR_F32,
	ZIPC_SCALAR_F64,
};
#define ZIPC_SCALARS 12u

enum zipc_program_store_kind {
	ZIPC_STORE_REGISTER = 1,
	ZIPC_STORE_COPY = 2, /* of bytes of an input, as they are */
};

/*
 * X(number, name, result, a, b, c, may fail): classes I, F, B; 0: not used;
 * S: a scalar's number in place of a register; V: any class, as the others of
 * V.
 */
#define ZIPC_PROGRAM_OPS(X)                                                  \
	X(1, LOAD, V, 0, S, 0, 1)                                            \
	X(2, INDEX, I, 0, 0, 0, 0)                                           \
	X(3, FIT, I, I, S, 0, 1)                                             \
	X(4, SELECT, V, B, V, V, 0)                                          \
	X(8, ADD_I, I, I, I, 0, 1)                                           \
	X(9, SUB_I, I, I, I, 0, 1)                                           \
	X(10, MUL_I, I, I, I, 0, 1)                                          \
	X(11, DIV_I, I, I, I, 0, 1)                                          \
	X(12, MOD_I, I, I, I, 0, 1)                                          \
	X(13, NEG_I, I, I, 0, 0, 1)                                          \
	X(14, ABS_I, I, I, 0, 0, 1)                                          \
	X(15, MIN_I, I, I, I, 0, 0)                                          \
	X(16, MAX_I, I, I, I, 0, 0)                                          \
	X(17, LT_I, B, I, I, 0, 0)                                           \
	X(18, LE_I, B, I, I, 0, 0)                                           \
	X(19, EQ_I, B, I, I, 0, 0)                                           \
	X(20, NE_I, B, I, I, 0, 0)                                           \
	X(21, I_TO_F, F, I, 0, 0, 0)                                         \
	X(24, ADD_F, F, F, F, 0, 0)                                          \
	X(25, SUB_F, F, F, F, 0, 0)                                          \
	X(26, MUL_F, F, F, F, 0, 0)                                          \
	X(27, DIV_F, F, F, F, 0, 0)                                          \
	X(28, NEG_F, F, F, 0, 0, 0)                                          \
	X(29, ABS_F, F, F, 0, 0, 0)                                          \
	X(30, MIN_F, F, F, F, 0, 0)                                          \
	X(31, MAX_F, F, F, F, 0, 0)                                          \
	X(32, LT_F, B, F, F, 0, 0)                                           \
	X(33, LE_F, B, F, F, 0, 0)                                           \
	X(34, EQ_F, B, F, F, 0, 0)                                           \
	X(35, NE_F, B, F, F, 0, 0)                                           \
	X(36, SQRT, F, F, 0, 0, 0)                                           \
	X(37, FLOOR, F, F, 0, 0, 0)                                          \
	X(38, CEIL, F, F, 0, 0, 0)                                           \
	X(39, TRUNC, F, F, 0, 0, 0)                                          \
	X(40, ROUND, F, F, 0, 0, 0)                                          \
	X(41, TO_F32, F, F, 0, 0, 0)                                         \
	X(42, F_TO_I, I, F, 0, 0, 1)                                         \
	X(48, AND, B, B, B, 0, 0)                                            \
	X(49, OR, B, B, B, 0, 0)                                             \
	X(50, NOT, B, B, 0, 0, 0)                                            \
	X(51, AND_NOT, B, B, B, 0, 0)                                        \
	X(52, EQ_B, B, B, B, 0, 0)                                           \
	X(53, NE_B, B, B, B, 0, 0)                                           \
	X(54, B_TO_I, I, B, 0, 0, 0)

#define ZIPC_OP(number, name, ...) ZIPC_OP_##name = (number),
enum zipc_program_op { ZIPC_PROGRAM_OPS(ZIPC_OP) };
#undef ZIPC_OP
#define ZIPC_OPS 64u

/* How an operation uses what its fields name. */
enum zipc_program_use {
	ZIPC_USE_0, /* not at all: it is zero */
	ZIPC_USE_I = ZIPC_CLASS_INT,
	ZIPC_USE_F = ZIPC_CLASS_FLOAT,
	ZIPC_USE_B = ZIPC_CLASS_BOOL,
	ZIPC_USE_S,
	ZIPC_USE_V,
};

struct zipc_program_form {
	uint8_t result; /* 0: there is no such operation */
	uint8_t a, b, c;
	uint8_t fails;
};

/* By the number of an operation. */
extern const struct zipc_program_form zipc_program_forms[ZIPC_OPS];

static inline unsigned zipc_scalar_size(unsigned scalar)
{
	static const uint8_t sizes[ZIPC_SCALARS] = {0, 1, 1, 1, 2, 2,
						    4, 4, 8, 8, 4, 8};

	return sizes[scalar];
}

/* The class that it is loaded as, and stored from. */
static inline unsigned zipc_scalar_class(unsigned scalar)
{
	return scalar == ZIPC_SCALAR_BOOL  ? ZIPC_CLASS_BOOL
	       : scalar >= ZIPC_SCALAR_F32 ? ZIPC_CLASS_FLOAT
					   : ZIPC_CLASS_INT;
}

/* Whether an instruction of this form and operand may fail for an element. */
static inline int zipc_program_fails(const struct zipc_program_code *code)
{
	return code->op == ZIPC_OP_LOAD ? code->b == ZIPC_SCALAR_U64
					: zipc_program_forms[code->op].fails;
}

#endif
