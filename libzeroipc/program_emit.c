/* SPDX-License-Identifier: MIT */
/*
 * From a checked tree to instructions.
 *
 * First each value is a step of its own, and what was worked out already is
 * taken again: x.temp is loaded once. A guard is made when something that may
 * fail stands behind it, so that most choices have none. Then values get
 * registers, which are used again when nobody reads them any more; none is
 * written by who reads it, so that columns do not overlap.
 */
#include "program_emit.h"

#include "error.h"

#include <string.h>

#define CONSTANT(k) (-1 - (k))

/* Where a side of a choice is evaluated. */
struct scope {
	struct scope *outer;
	int condition, negated;
	int guard; /* ZIPC_NO_VALUE: not made yet */
};

static int emit(struct zipc_emitter *e, const struct zipc_node *node,
		struct scope *scope);

/* Values. */

static int constant(struct zipc_emitter *e, unsigned class, uint64_t bits,
		    size_t at)
{
	unsigned k;

	for (k = 0; k < e->constants; k++)
		if (e->constant[k].class == class &&
		    e->constant[k].bits == bits)
			return CONSTANT((int)k);
	if (k == ZIPC_PROGRAM_CONSTANTS)
		return zipc_emit_fail(e, at, "more than %u constants",
				      ZIPC_PROGRAM_CONSTANTS);
	e->constant[k].class = class;
	e->constant[k].bits = bits;
	e->constants++;
	return CONSTANT((int)k);
}

static int constant_float(struct zipc_emitter *e, double real, size_t at)
{
	uint64_t bits = ZIPC_NAN_BITS;

	if (real == real)
		memcpy(&bits, &real, sizeof(bits));
	return constant(e, ZIPC_CLASS_FLOAT, bits, at);
}

/* A guard that is there already says less often that it may fail. */
static int is_same(const struct zipc_step *had, const struct zipc_step *step)
{
	return had->op == step->op && had->a == step->a && had->b == step->b &&
	       had->c == step->c && had->scalar == step->scalar &&
	       had->offset == step->offset &&
	       (had->guard == step->guard || had->guard == ZIPC_NO_VALUE);
}

static int add_step(struct zipc_emitter *e, const struct zipc_step *step)
{
	unsigned k;

	for (k = 0; k < e->steps; k++)
		if (is_same(&e->step[k], step))
			return (int)k;
	if (k == ZIPC_PROGRAM_INSTRUCTIONS)
		return zipc_emit_fail(e, step->at, "more than %u operations",
				      ZIPC_PROGRAM_INSTRUCTIONS);
	e->step[e->steps++] = *step;
	return (int)k;
}

static int is_none(int value)
{
	return value == ZIPC_NO_VALUE;
}

static int add_pure(struct zipc_emitter *e, unsigned op, int a, int b, int c,
		    size_t at)
{
	struct zipc_step step = {
		.op = op, .a = a, .b = b, .c = c, .guard = ZIPC_NO_VALUE,
		.at = at,
	};

	return add_step(e, &step);
}

/* Make the scope's guard; ZIPC_NO_VALUE: none is needed, or e->failed. */
static int guard_of(struct zipc_emitter *e, struct scope *scope, size_t at)
{
	int outer;

	if (!scope || !is_none(scope->guard))
		return scope ? scope->guard : ZIPC_NO_VALUE;
	outer = guard_of(e, scope->outer, at);
	if (scope->outer && !is_none(outer))
		scope->guard = add_pure(e, scope->negated ? ZIPC_OP_AND_NOT
							  : ZIPC_OP_AND,
					outer, scope->condition, ZIPC_NO_VALUE,
					at);
	else if (scope->negated)
		scope->guard = add_pure(e, ZIPC_OP_NOT, scope->condition,
					ZIPC_NO_VALUE, ZIPC_NO_VALUE, at);
	else
		scope->guard = scope->condition;
	return scope->guard;
}

static int add_guarded(struct zipc_emitter *e, struct zipc_step *step,
		       struct scope *scope)
{
	step->guard = guard_of(e, scope, step->at);
	return e->failed ? ZIPC_NO_VALUE : add_step(e, step);
}

/* An operation on registers, which may fail by its form. */
static int add(struct zipc_emitter *e, unsigned op, int a, int b, size_t at,
	       struct scope *scope)
{
	struct zipc_step step = {
		.op = op, .a = a, .b = b, .c = ZIPC_NO_VALUE,
		.guard = ZIPC_NO_VALUE, .at = at,
	};

	if (e->failed)
		return ZIPC_NO_VALUE;
	if (zipc_program_forms[op].fails)
		return add_guarded(e, &step, scope);
	return add_step(e, &step);
}

static int add_fit(struct zipc_emitter *e, int value, unsigned scalar,
		   size_t at, struct scope *scope)
{
	struct zipc_step step = {
		.op = ZIPC_OP_FIT, .a = value, .b = ZIPC_NO_VALUE,
		.c = ZIPC_NO_VALUE, .scalar = scalar, .at = at,
	};

	if (scalar == ZIPC_SCALAR_I64 || e->failed)
		return value;
	return add_guarded(e, &step, scope);
}

static int emit_part(struct zipc_emitter *e, const struct zipc_node *node,
		     struct scope *scope)
{
	struct zipc_step step = {
		.op = ZIPC_OP_LOAD, .a = node->input, .b = ZIPC_NO_VALUE,
		.c = ZIPC_NO_VALUE, .guard = ZIPC_NO_VALUE,
		.scalar = node->scalar, .offset = (uint32_t)node->offset,
		.at = node->at,
	};

	if (node->input < 0)
		return add_pure(e, ZIPC_OP_INDEX, ZIPC_NO_VALUE, ZIPC_NO_VALUE,
				ZIPC_NO_VALUE, node->at);
	return node->scalar == ZIPC_SCALAR_U64 ? add_guarded(e, &step, scope)
					       : add_step(e, &step);
}

/* As a float, if that is asked for and it is an integer. */
static int emit_as(struct zipc_emitter *e, int index, unsigned class,
		   struct scope *scope)
{
	const struct zipc_node *node = &e->tree->nodes[index];
	int value;

	if (class != ZIPC_CLASS_FLOAT || node->class != ZIPC_CLASS_INT)
		return emit(e, node, scope);
	if (node->kind == ZIPC_NODE_INT)
		return constant_float(e, (double)node->number, node->at);
	value = emit(e, node, scope);
	return add(e, ZIPC_OP_I_TO_F, value, ZIPC_NO_VALUE, node->at, scope);
}

static unsigned meeting(const struct zipc_node *a, const struct zipc_node *b)
{
	return a->class == ZIPC_CLASS_INT ? b->class : a->class;
}

/* Operators, by the class that their sides meet in. */

static const struct {
	unsigned sign;
	uint8_t op[4];
	uint8_t swapped;
} operators[] = {
	{'+', {0, ZIPC_OP_ADD_I, ZIPC_OP_ADD_F, 0}, 0},
	{'-', {0, ZIPC_OP_SUB_I, ZIPC_OP_SUB_F, 0}, 0},
	{'*', {0, ZIPC_OP_MUL_I, ZIPC_OP_MUL_F, 0}, 0},
	{'/', {0, 0, ZIPC_OP_DIV_F, 0}, 0},
	{'%', {0, ZIPC_OP_MOD_I, 0, 0}, 0},
	{ZIPC_SIGN_WHOLE, {0, ZIPC_OP_DIV_I, 0, 0}, 0},
	{'<', {0, ZIPC_OP_LT_I, ZIPC_OP_LT_F, 0}, 0},
	{'>', {0, ZIPC_OP_LT_I, ZIPC_OP_LT_F, 0}, 1},
	{ZIPC_SIGN_LE, {0, ZIPC_OP_LE_I, ZIPC_OP_LE_F, 0}, 0},
	{ZIPC_SIGN_GE, {0, ZIPC_OP_LE_I, ZIPC_OP_LE_F, 0}, 1},
	{ZIPC_SIGN_EQ, {0, ZIPC_OP_EQ_I, ZIPC_OP_EQ_F, ZIPC_OP_EQ_B}, 0},
	{ZIPC_SIGN_NE, {0, ZIPC_OP_NE_I, ZIPC_OP_NE_F, ZIPC_OP_NE_B}, 0},
};

static int emit_operator(struct zipc_emitter *e, const struct zipc_node *node,
			 struct scope *scope)
{
	const struct zipc_node *nodes = e->tree->nodes;
	unsigned class = node->sign == '/'
				 ? ZIPC_CLASS_FLOAT
				 : meeting(&nodes[node->a], &nodes[node->b]);
	int a = emit_as(e, node->a, class, scope);
	int b = emit_as(e, node->b, class, scope);
	size_t k = 0;

	while (operators[k].sign != node->sign)
		k++;
	return add(e, operators[k].op[class], operators[k].swapped ? b : a,
		   operators[k].swapped ? a : b, node->at, scope);
}

/* The second side is evaluated everywhere, but fails only where it counts. */
static int emit_logic(struct zipc_emitter *e, const struct zipc_node *node,
		      struct scope *scope)
{
	int is_or = node->sign == ZIPC_SIGN_OR;
	struct scope inner = {scope, 0, is_or, ZIPC_NO_VALUE};
	int a = emit(e, &e->tree->nodes[node->a], scope), b;

	inner.condition = a;
	b = emit(e, &e->tree->nodes[node->b], &inner);
	return add(e, is_or ? ZIPC_OP_OR : ZIPC_OP_AND, a, b, node->at, scope);
}

static int emit_binary(struct zipc_emitter *e, const struct zipc_node *node,
		       struct scope *scope)
{
	if (node->sign == ZIPC_SIGN_AND || node->sign == ZIPC_SIGN_OR)
		return emit_logic(e, node, scope);
	return emit_operator(e, node, scope);
}

static int emit_unary(struct zipc_emitter *e, const struct zipc_node *node,
		      struct scope *scope)
{
	int of = emit(e, &e->tree->nodes[node->a], scope);

	return add(e, node->sign == '!'			? ZIPC_OP_NOT
		      : node->class == ZIPC_CLASS_FLOAT ? ZIPC_OP_NEG_F
							: ZIPC_OP_NEG_I,
		   of, ZIPC_NO_VALUE, node->at, scope);
}

static int emit_choice(struct zipc_emitter *e, const struct zipc_node *node,
		       struct scope *scope)
{
	int condition = emit(e, &e->tree->nodes[node->a], scope), b, c;
	struct scope then = {scope, condition, 0, ZIPC_NO_VALUE};
	struct scope other = {scope, condition, 1, ZIPC_NO_VALUE};

	b = emit_as(e, node->b, node->class, &then);
	c = emit_as(e, node->c, node->class, &other);
	if (e->failed)
		return ZIPC_NO_VALUE;
	return add_pure(e, ZIPC_OP_SELECT, condition, b, c, node->at);
}

/* Functions. */

static int to_int(struct zipc_emitter *e, const struct zipc_node *node,
		  const struct zipc_node *from, int value, struct scope *scope)
{
	if (from->class == ZIPC_CLASS_FLOAT)
		value = add(e, ZIPC_OP_F_TO_I, value, ZIPC_NO_VALUE, node->at,
			    scope);
	if (from->class == ZIPC_CLASS_BOOL)
		value = add(e, ZIPC_OP_B_TO_I, value, ZIPC_NO_VALUE, node->at,
			    scope);
	return add_fit(e, value, node->call, node->at, scope);
}

static int to_float(struct zipc_emitter *e, const struct zipc_node *node,
		    const struct zipc_node *from, int value,
		    struct scope *scope)
{
	if (from->class == ZIPC_CLASS_BOOL)
		value = add(e, ZIPC_OP_B_TO_I, value, ZIPC_NO_VALUE, node->at,
			    scope);
	if (from->class != ZIPC_CLASS_FLOAT)
		value = add(e, ZIPC_OP_I_TO_F, value, ZIPC_NO_VALUE, node->at,
			    scope);
	if (node->call == ZIPC_SCALAR_F32)
		value = add(e, ZIPC_OP_TO_F32, value, ZIPC_NO_VALUE, node->at,
			    scope);
	return value;
}

static int to_bool(struct zipc_emitter *e, const struct zipc_node *node,
		   const struct zipc_node *from, int value, struct scope *scope)
{
	int zero;

	if (from->class == ZIPC_CLASS_BOOL || e->failed)
		return value;
	zero = constant(e, from->class, 0, node->at);
	return add(e, from->class == ZIPC_CLASS_INT ? ZIPC_OP_NE_I
						    : ZIPC_OP_NE_F,
		   value, zero, node->at, scope);
}

static int emit_conversion(struct zipc_emitter *e, const struct zipc_node *node,
			   struct scope *scope)
{
	const struct zipc_node *from = &e->tree->nodes[node->a];
	int value = emit(e, from, scope);

	switch (node->class) {
	case ZIPC_CLASS_INT:
		return to_int(e, node, from, value, scope);
	case ZIPC_CLASS_FLOAT:
		return to_float(e, node, from, value, scope);
	default:
		return to_bool(e, node, from, value, scope);
	}
}

static int emit_call(struct zipc_emitter *e, const struct zipc_node *node,
		     struct scope *scope)
{
	static const uint8_t ops[][4] = {
		{0, ZIPC_OP_ABS_I, ZIPC_OP_ABS_F, 0}, {0, 0, ZIPC_OP_CEIL, 0},
		{0, 0, ZIPC_OP_FLOOR, 0},
		{0, ZIPC_OP_MAX_I, ZIPC_OP_MAX_F, 0},
		{0, ZIPC_OP_MIN_I, ZIPC_OP_MIN_F, 0}, {0, 0, ZIPC_OP_ROUND, 0},
		{0, 0, ZIPC_OP_SQRT, 0}, {0, 0, ZIPC_OP_TRUNC, 0},
	};
	int next = e->tree->nodes[node->a].next, a, b = ZIPC_NO_VALUE;

	if (node->call < ZIPC_SCALARS)
		return emit_conversion(e, node, scope);
	a = emit_as(e, node->a, node->class, scope);
	if (next != ZIPC_NO_NODE)
		b = emit_as(e, next, node->class, scope);
	return add(e, ops[node->call - ZIPC_SCALARS][node->class], a, b,
		   node->at, scope);
}

static int emit(struct zipc_emitter *e, const struct zipc_node *node,
		struct scope *scope)
{
	if (e->failed)
		return ZIPC_NO_VALUE;
	switch (node->kind) {
	case ZIPC_NODE_INT:
		return constant(e, ZIPC_CLASS_INT, (uint64_t)node->number,
				node->at);
	case ZIPC_NODE_FLOAT:
		return constant_float(e, node->real, node->at);
	case ZIPC_NODE_BOOL:
		return constant(e, ZIPC_CLASS_BOOL, (uint64_t)node->number,
				node->at);
	case ZIPC_NODE_UNARY:
		return emit_unary(e, node, scope);
	case ZIPC_NODE_BINARY:
		return emit_binary(e, node, scope);
	case ZIPC_NODE_CHOICE:
		return emit_choice(e, node, scope);
	case ZIPC_NODE_CALL:
		return emit_call(e, node, scope);
	default:
		return emit_part(e, node, scope);
	}
}

int zipc_emit_value(struct zipc_emitter *e, int index, unsigned scalar)
{
	const struct zipc_node *node = &e->tree->nodes[index];
	int value = emit_as(e, index, zipc_scalar_class(scalar), NULL);

	/* A conversion to that has looked already. */
	if (zipc_scalar_class(scalar) != ZIPC_CLASS_INT ||
	    node->scalar == scalar)
		return value;
	return add_fit(e, value, scalar, node->at, NULL);
}

/* Registers. */

static void use(int last[], int value, int at)
{
	if (value >= 0 && last[value] < at)
		last[value] = at;
}

/* The step behind which nobody reads a value. */
static void find_last_uses(const struct zipc_emitter *e, int last[])
{
	unsigned k;

	for (k = 0; k < e->steps; k++) {
		last[k] = (int)k;
		if (e->step[k].op != ZIPC_OP_LOAD)
			use(last, e->step[k].a, (int)k);
		use(last, e->step[k].b, (int)k);
		use(last, e->step[k].c, (int)k);
		use(last, e->step[k].guard, (int)k);
	}
	for (k = 0; k < e->stores; k++)
		if (e->store[k].kind == ZIPC_STORE_REGISTER)
			use(last, e->store_value[k], INT32_MAX);
}

int zipc_emit_registers(struct zipc_emitter *e)
{
	int last[ZIPC_PROGRAM_INSTRUCTIONS];
	int holder[ZIPC_PROGRAM_REGISTERS]; /* the step, or -1 */
	unsigned k, r;

	find_last_uses(e, last);
	e->registers = e->constants;
	for (r = 0; r < ZIPC_PROGRAM_REGISTERS; r++)
		holder[r] = -1;
	for (k = 0; k < e->steps; k++) {
		for (r = e->constants; r < ZIPC_PROGRAM_REGISTERS; r++)
			if (holder[r] < 0 || last[holder[r]] < (int)k)
				break;
		if (r == ZIPC_PROGRAM_REGISTERS)
			return zipc_emit_fail(e, e->step[k].at,
					      "more than %u values are needed "
					      "at once",
					      ZIPC_PROGRAM_REGISTERS);
		holder[r] = (int)k;
		e->reg[k] = (uint8_t)r;
		if (r + 1 > e->registers)
			e->registers = r + 1;
	}
	return 0;
}

unsigned zipc_emit_register(const struct zipc_emitter *e, int value)
{
	if (value == ZIPC_NO_VALUE)
		return 0;
	return value < 0 ? (unsigned)(-1 - value) : e->reg[value];
}
