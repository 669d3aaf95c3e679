/* SPDX-License-Identifier: MIT */
/*
 * An expression as a tree: made by the parser, given types by the checker, and
 * made instructions of by the emitter. Nodes know each other by index, so that
 * a tree is one piece of memory.
 */
#ifndef ZIPC_PROGRAM_TREE_H
#define ZIPC_PROGRAM_TREE_H

#include "program.h"
#include "type.h"

#define ZIPC_TREE_NODES 1024
#define ZIPC_TREE_DEPTH 64
#define ZIPC_NO_NODE (-1)

enum zipc_node_kind {
	ZIPC_NODE_INT,    /* literals, and constants */
	ZIPC_NODE_FLOAT,
	ZIPC_NODE_BOOL,
	ZIPC_NODE_NAME,
	ZIPC_NODE_FIELD,  /* a.word */
	ZIPC_NODE_PICK,   /* a[number] */
	ZIPC_NODE_UNARY,  /* sign a */
	ZIPC_NODE_BINARY, /* a sign b */
	ZIPC_NODE_CHOICE, /* a ? b : c */
	ZIPC_NODE_CALL,   /* word(a, ..): a is the first, then by next */
	ZIPC_NODE_RECORD, /* {..}: a is the first entry, then by next */
	ZIPC_NODE_ENTRY,  /* word: a */
};

/* Marks of operators: those of one character are themselves. */
enum zipc_sign {
	ZIPC_SIGN_AND = 128,
	ZIPC_SIGN_OR,
	ZIPC_SIGN_EQ,
	ZIPC_SIGN_NE,
	ZIPC_SIGN_LE,
	ZIPC_SIGN_GE,
	ZIPC_SIGN_WHOLE, /* the division of integers */
};

struct zipc_word {
	const char *start;
	size_t length;
};

struct zipc_node {
	/* the parser's */
	enum zipc_node_kind kind;
	unsigned sign;
	int a, b, c;
	int next;              /* of arguments or fields */
	struct zipc_word word; /* a name, or a field's */
	size_t at;             /* where it stands, or its operator */
	int64_t number;
	double real;
	/* the checker's */
	unsigned class;  /* enum zipc_program_class; 0: no scalar */
	unsigned scalar; /* how it is stored */
	const struct zipc_type *type; /* of a part of an input, else NULL */
	int input;                    /* that it is a part of; -1: index */
	uint64_t offset;              /* of the part */
	unsigned call;                /* enum zipc_call */
};

/* What a call is of; conversions are the scalar's number. */
enum zipc_call {
	ZIPC_CALL_ABS = ZIPC_SCALARS,
	ZIPC_CALL_CEIL,
	ZIPC_CALL_FLOOR,
	ZIPC_CALL_MAX,
	ZIPC_CALL_MIN,
	ZIPC_CALL_ROUND,
	ZIPC_CALL_SQRT,
	ZIPC_CALL_TRUNC,
};

struct zipc_tree {
	const struct zipc_program_source *source;
	struct zipc_type *types[ZIPC_PROGRAM_INPUTS]; /* of the names */
	struct zipc_type *wanted; /* NULL: none */
	int root;
	size_t end; /* behind the expression, without blanks */
	int count;
	struct zipc_node nodes[ZIPC_TREE_NODES];
};

/* -EINVAL, naming the column. */
int zipc_tree_fail(size_t at, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* How much of a word a message shows. */
static inline int zipc_word_shown(struct zipc_word word)
{
	return (int)(word.length < 64 ? word.length : 64);
}

static inline int zipc_word_is(struct zipc_word word, const char *text)
{
	size_t i;

	for (i = 0; i < word.length; i++)
		if (!text[i] || text[i] != word.start[i])
			return 0;
	return !text[i];
}

/* 0; -EINVAL. */
int zipc_tree_parse(struct zipc_tree *tree);
int zipc_tree_check(struct zipc_tree *tree);

/* The scalar of a type; 0 for what is none. */
unsigned zipc_scalar_of(const struct zipc_type *type);
const char *zipc_scalar_name(unsigned scalar);

#endif
