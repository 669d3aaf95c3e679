/* SPDX-License-Identifier: MIT */
/*
 * Between parsing a type and keeping it: the grammar (type_parse.c) makes a
 * draft of each type, inner ones first, which knows its children by index;
 * type.c makes the nodes from them.
 */
#ifndef ZIPC_TYPE_DRAFT_H
#define ZIPC_TYPE_DRAFT_H

#include <zipc/type.h>

#define ZIPC_TYPE_MAX_DRAFTS 256

/* A part of the parsed text. */
struct zipc_span {
	const char *start;
	size_t length;
};

#define ZIPC_NO_DRAFT (-1)

struct zipc_draft {
	enum zipc_type_class class;
	uint64_t size;
	uint64_t align;
	uint64_t count;
	unsigned levels;         /* itself and what is inside */
	size_t text_length;      /* of the canonical spelling */
	struct zipc_span scalar; /* its name */
	int children;            /* the first one, or ZIPC_NO_DRAFT */
	/* where it is a record's field */
	int next; /* field, or ZIPC_NO_DRAFT */
	struct zipc_span name;
	uint64_t offset;
};

struct zipc_drafts {
	unsigned count;
	struct zipc_draft at[ZIPC_TYPE_MAX_DRAFTS];
};

/*
 * Draft the type that text[0..length) spells. Returns the index of the whole
 * one; -EINVAL.
 */
int zipc_type_draft(struct zipc_drafts *drafts, const char *text,
		    size_t length);

#endif
