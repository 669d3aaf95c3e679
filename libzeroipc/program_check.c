/* SPDX-License-Identifier: MIT */
/*
 * The types of an expression's parts, by its inputs' types.
 *
 * Values are 64-bit integers, doubles and bools. A part of an input keeps its
 * type beside that: x.id of u32 counts as an integer, and is stored as u32
 * again. Where an integer meets a double it becomes one, and a bool meets only
 * bools. What is no scalar can only be passed on whole.
 */
#include "error.h"
#include "program_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const scalar_names[ZIPC_SCALARS] = {
	"", "bool", "i8", "u8", "i16", "u16",
	"i32", "u32", "i64", "u64", "f32", "f64",
};

const char *zipc_scalar_name(unsigned scalar)
{
	return scalar_names[scalar];
}

unsigned zipc_scalar_of(const struct zipc_type *type)
{
	unsigned scalar = 1;

	while (scalar < ZIPC_SCALARS &&
	       strcmp(scalar_names[scalar], zipc_type_text(type)))
		scalar++;
	return scalar == ZIPC_SCALARS ? 0 : scalar;
}

static int check(struct zipc_tree *tree, int index);

/* Messages. */

static const char *kind_of(const struct zipc_node *node)
{
	static const char *const names[] = {NULL, "an integer", "a float",
					    "a bool"};

	if (node->class)
		return names[node->class];
	return node->type ? zipc_type_text(node->type) : "a record";
}

static int fail_in_side(const struct zipc_node *node, const char *what,
			const struct zipc_node *side)
{
	return zipc_tree_fail(node->at, "%s, not %.200s", what, kind_of(side));
}

/* What a value of a class is stored as, unless it is a part as it is. */
static void set_class(struct zipc_node *node, unsigned class)
{
	static const uint8_t scalars[] = {0, ZIPC_SCALAR_I64, ZIPC_SCALAR_F64,
					  ZIPC_SCALAR_BOOL};

	node->class = class;
	node->scalar = scalars[class];
}

/* Names and parts. */

static void set_type(struct zipc_node *node, const struct zipc_type *type)
{
	node->type = type;
	node->scalar = zipc_scalar_of(type);
	node->class = node->scalar ? zipc_scalar_class(node->scalar) : 0;
}

static int fail_in_name(const struct zipc_tree *tree,
			const struct zipc_node *node)
{
	char names[300] = "";
	size_t used = 0;
	unsigned k;

	for (k = 0; k < tree->source->count && used < 200; k++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%s%.64s", k ? ", " : "",
					 tree->source->names[k].name);
	if (tree->source->index)
		snprintf(names + used, sizeof(names) - used, "%si",
			 used ? ", " : "");
	return zipc_tree_fail(node->at, "no name `%.*s` here; there %s %s",
			      zipc_word_shown(node->word), node->word.start,
			      strchr(names, ',') ? "are" : "is",
			      *names ? names : "none");
}

static int check_name(struct zipc_tree *tree, struct zipc_node *node)
{
	unsigned k;

	for (k = 0; k < tree->source->count; k++)
		if (zipc_word_is(node->word, tree->source->names[k].name)) {
			node->input = (int)k;
			node->offset = 0;
			set_type(node, tree->types[k]);
			return 0;
		}
	if (!tree->source->index || !zipc_word_is(node->word, "i"))
		return fail_in_name(tree, node);
	node->input = -1;
	set_class(node, ZIPC_CLASS_INT);
	return 0;
}

static int fail_in_field(const struct zipc_node *node,
			 const struct zipc_type *record)
{
	char names[300];
	const char *name;
	size_t used = 0;
	uint64_t k;

	for (k = 0; used < 200 && zipc_type_field(record, k, &name, NULL); k++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%s%s", k ? ", " : "", name);
	return zipc_tree_fail(node->at, "no field `%.*s`; there %s %s",
			      zipc_word_shown(node->word), node->word.start,
			      k == 1 ? "is" : "are", names);
}

static int check_field(struct zipc_tree *tree, struct zipc_node *node)
{
	const struct zipc_node *of = &tree->nodes[node->a];
	const struct zipc_type *field;
	const char *name;
	uint64_t k, offset;

	if (!of->type || zipc_type_class(of->type) != ZIPC_TYPE_RECORD)
		return fail_in_side(node, "only an input's record has fields",
				    of);
	for (k = 0; (field = zipc_type_field(of->type, k, &name, &offset)); k++)
		if (zipc_word_is(node->word, name)) {
			node->input = of->input;
			node->offset = of->offset + offset;
			set_type(node, field);
			return 0;
		}
	return fail_in_field(node, of->type);
}

static int check_pick(struct zipc_tree *tree, struct zipc_node *node)
{
	const struct zipc_node *of = &tree->nodes[node->a];
	const struct zipc_type *element;

	if (!of->type || zipc_type_class(of->type) != ZIPC_TYPE_ARRAY)
		return fail_in_side(node, "only an input's array has elements",
				    of);
	if ((uint64_t)node->number >= zipc_type_length(of->type))
		return zipc_tree_fail(node->at,
				      "there are elements 0 to %" PRIu64,
				      zipc_type_length(of->type) - 1);
	element = zipc_type_element(of->type);
	node->input = of->input;
	node->offset = of->offset +
		       (uint64_t)node->number * zipc_type_size(element);
	set_type(node, element);
	return 0;
}

/* Operators. */

static int is_number(const struct zipc_node *node)
{
	return node->class == ZIPC_CLASS_INT || node->class == ZIPC_CLASS_FLOAT;
}

static int check_unary(struct zipc_tree *tree, struct zipc_node *node)
{
	const struct zipc_node *of = &tree->nodes[node->a];

	if (node->sign == '!' && of->class != ZIPC_CLASS_BOOL)
		return fail_in_side(node, "`!` takes a bool", of);
	if (node->sign == '-' && !is_number(of))
		return fail_in_side(node, "`-` takes a number", of);
	set_class(node, of->class);
	return 0;
}

/* The class that two numbers meet in; 0, with a message. */
static unsigned meet(const struct zipc_node *node, const char *what,
		     const struct zipc_node *a, const struct zipc_node *b)
{
	if (!is_number(a) || !is_number(b)) {
		fail_in_side(node, what, is_number(a) ? b : a);
		return 0;
	}
	return a->class == ZIPC_CLASS_INT ? b->class : a->class;
}

static int check_arithmetic(struct zipc_node *node, const struct zipc_node *a,
			    const struct zipc_node *b)
{
	unsigned class = meet(node, "arithmetic takes numbers", a, b);

	if (!class)
		return -EINVAL;
	if (node->sign == '/')
		class = ZIPC_CLASS_FLOAT;
	if ((node->sign == '%' || node->sign == ZIPC_SIGN_WHOLE) &&
	    class != ZIPC_CLASS_INT)
		return zipc_tree_fail(node->at,
				      "`//` and `%%` take integers; of floats "
				      "there is floor(a / b)");
	set_class(node, class);
	return 0;
}

static int check_comparison(struct zipc_node *node, const struct zipc_node *a,
			    const struct zipc_node *b)
{
	int equality = node->sign == ZIPC_SIGN_EQ || node->sign == ZIPC_SIGN_NE;
	int bools = a->class == ZIPC_CLASS_BOOL && b->class == ZIPC_CLASS_BOOL;

	if (!(equality && bools) &&
	    !meet(node, equality ? "two numbers or two bools are compared"
				 : "two numbers are compared", a, b))
		return -EINVAL;
	set_class(node, ZIPC_CLASS_BOOL);
	return 0;
}

static int check_binary(struct zipc_tree *tree, struct zipc_node *node)
{
	const struct zipc_node *a = &tree->nodes[node->a];
	const struct zipc_node *b = &tree->nodes[node->b];

	if (node->sign != ZIPC_SIGN_AND && node->sign != ZIPC_SIGN_OR)
		return strchr("+-*/%", (int)node->sign) ||
				       node->sign == ZIPC_SIGN_WHOLE
			       ? check_arithmetic(node, a, b)
			       : check_comparison(node, a, b);
	if (a->class != ZIPC_CLASS_BOOL || b->class != ZIPC_CLASS_BOOL)
		return fail_in_side(node, "`&&` and `||` take bools",
				    a->class == ZIPC_CLASS_BOOL ? b : a);
	set_class(node, ZIPC_CLASS_BOOL);
	return 0;
}

static int check_choice(struct zipc_tree *tree, struct zipc_node *node)
{
	const struct zipc_node *a = &tree->nodes[node->a];
	const struct zipc_node *b = &tree->nodes[node->b];
	const struct zipc_node *c = &tree->nodes[node->c];
	unsigned class = b->class;

	if (a->class != ZIPC_CLASS_BOOL)
		return fail_in_side(node, "a bool stands before `?`", a);
	if (!b->class || !c->class)
		return fail_in_side(node, "a choice is of numbers or bools; "
					  "choose inside each field",
				    b->class ? c : b);
	if (b->class != c->class)
		class = meet(node, "both sides of a choice are numbers, or "
				   "both bools", b, c);
	if (!class)
		return -EINVAL;
	set_class(node, class);
	return 0;
}

/* Functions. */

static const struct {
	char name[6];
	uint8_t call, arguments;
} functions[] = {
	{"abs", ZIPC_CALL_ABS, 1},     {"ceil", ZIPC_CALL_CEIL, 1},
	{"floor", ZIPC_CALL_FLOOR, 1}, {"max", ZIPC_CALL_MAX, 2},
	{"min", ZIPC_CALL_MIN, 2},     {"round", ZIPC_CALL_ROUND, 1},
	{"sqrt", ZIPC_CALL_SQRT, 1},   {"trunc", ZIPC_CALL_TRUNC, 1},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* How many arguments it takes; 0: there is no such function. */
static unsigned find_call(struct zipc_node *node)
{
	size_t k;

	for (k = 0; k < FUNCTIONS; k++)
		if (zipc_word_is(node->word, functions[k].name)) {
			node->call = functions[k].call;
			return functions[k].arguments;
		}
	for (k = 1; k < ZIPC_SCALARS; k++)
		if (zipc_word_is(node->word, scalar_names[k])) {
			node->call = (unsigned)k;
			return 1;
		}
	return 0;
}

static int set_call(struct zipc_node *node, const struct zipc_node *a,
		    const struct zipc_node *b)
{
	unsigned class;

	if (node->call < ZIPC_SCALARS) {
		node->scalar = node->call;
		node->class = zipc_scalar_class(node->call);
		return a->class ? 0
				: fail_in_side(node, "a scalar is converted",
					       a);
	}
	class = meet(node, "the function takes numbers", a, b);
	if (!class)
		return -EINVAL;
	if (node->call != ZIPC_CALL_ABS && node->call != ZIPC_CALL_MIN &&
	    node->call != ZIPC_CALL_MAX)
		class = ZIPC_CLASS_FLOAT;
	set_class(node, class);
	return 0;
}

static int check_call(struct zipc_tree *tree, struct zipc_node *node)
{
	unsigned takes = find_call(node), has = 0;
	const struct zipc_node *last = NULL;
	int k;

	if (!takes)
		return zipc_tree_fail(
			node->at,
			"no function `%.*s`; there are abs, ceil, floor, max, "
			"min, round, sqrt, trunc, and bool, i8 to i64, u8 to "
			"u64, f32, f64",
			zipc_word_shown(node->word), node->word.start);
	for (k = node->a; k != ZIPC_NO_NODE; k = last->next, has++) {
		if (check(tree, k))
			return -EINVAL;
		last = &tree->nodes[k];
	}
	if (has != takes)
		return zipc_tree_fail(node->at,
				      "`%.*s` takes %u argument%s, not %u",
				      (int)node->word.length, node->word.start,
				      takes, takes == 1 ? "" : "s", has);
	return set_call(node, &tree->nodes[node->a], last);
}

/* Records. */

static int check_record(struct zipc_tree *tree, struct zipc_node *node)
{
	struct zipc_node *entry, *before;
	int k, j;

	for (k = node->a; k != ZIPC_NO_NODE; k = entry->next) {
		entry = &tree->nodes[k];
		if (entry->word.length > ZIPC_PROGRAM_NAME_MOST)
			return zipc_tree_fail(entry->at,
					      "a field's name has at most %u "
					      "characters",
					      ZIPC_PROGRAM_NAME_MOST);
		for (j = node->a; j != k; j = before->next) {
			before = &tree->nodes[j];
			if (before->word.length == entry->word.length &&
			    !memcmp(before->word.start, entry->word.start,
				    entry->word.length))
				return zipc_tree_fail(
					entry->at, "field `%.*s` stands here "
						   "twice",
					(int)entry->word.length,
					entry->word.start);
		}
		if (check(tree, entry->a))
			return -EINVAL;
	}
	return 0;
}

/* All that is inside first. */
static int check(struct zipc_tree *tree, int index)
{
	struct zipc_node *node = &tree->nodes[index];
	static const char operands[] = {
		[ZIPC_NODE_FIELD] = 1,	[ZIPC_NODE_PICK] = 1,
		[ZIPC_NODE_UNARY] = 1,	[ZIPC_NODE_BINARY] = 2,
		[ZIPC_NODE_CHOICE] = 3, [ZIPC_NODE_ENTRY] = 0,
	};
	int n = operands[node->kind];

	if ((n > 0 && check(tree, node->a)) ||
	    (n > 1 && check(tree, node->b)) || (n > 2 && check(tree, node->c)))
		return -EINVAL;
	switch (node->kind) {
	case ZIPC_NODE_INT:
		set_class(node, ZIPC_CLASS_INT);
		return 0;
	case ZIPC_NODE_FLOAT:
		set_class(node, ZIPC_CLASS_FLOAT);
		return 0;
	case ZIPC_NODE_BOOL:
		set_class(node, ZIPC_CLASS_BOOL);
		return 0;
	case ZIPC_NODE_NAME:
		return check_name(tree, node);
	case ZIPC_NODE_FIELD:
		return check_field(tree, node);
	case ZIPC_NODE_PICK:
		return check_pick(tree, node);
	case ZIPC_NODE_UNARY:
		return check_unary(tree, node);
	case ZIPC_NODE_BINARY:
		return check_binary(tree, node);
	case ZIPC_NODE_CHOICE:
		return check_choice(tree, node);
	case ZIPC_NODE_CALL:
		return check_call(tree, node);
	case ZIPC_NODE_RECORD:
	case ZIPC_NODE_ENTRY:
		break;
	}
	return check_record(tree, node);
}

int zipc_tree_check(struct zipc_tree *tree)
{
	return check(tree, tree->root);
}
