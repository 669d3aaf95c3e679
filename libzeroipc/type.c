/* SPDX-License-Identifier: MIT */
/*
 * Types: a text is parsed and laid out as C does (type_parse.c), and kept with
 * all that is asked of it, spelled in the one way.
 *
 * One allocation takes all nodes, names and texts. Nodes lie breadth first: a
 * record's fields are neighbours, so any of them is found at once, and children
 * come after their parents.
 */
#include "error.h"
#include "type_draft.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct zipc_type {
	enum zipc_type_class class;
	uint64_t size_bytes;
	uint64_t align_bytes;
	uint64_t count; /* children: an array's elements, a record's fields */
	const struct zipc_type *children; /* one for all elements; each field */
	const char *text;
	/* where it is a record's field */
	const char *name;
	uint64_t offset_bytes;
};

/* From drafts to nodes. */

static char *write_lengths(const struct zipc_type *type, char *to)
{
	for (; type->class == ZIPC_TYPE_ARRAY; type = type->children)
		to += sprintf(to, "[%" PRIu64 "]", type->count);
	return to;
}

static char *write_record(const struct zipc_type *type, char *to)
{
	uint64_t i;

	for (i = 0; i < type->count; i++) {
		to = stpcpy(to, i ? ", " : "{");
		to = stpcpy(to, type->children[i].name);
		to = stpcpy(to, ":");
		to = stpcpy(to, type->children[i].text);
	}
	return stpcpy(to, "}");
}

/* The children of type have their texts already. */
static char *write_text(const struct zipc_type *type,
			const struct zipc_draft *draft, char *to)
{
	const struct zipc_type *innermost = type;

	switch (type->class) {
	case ZIPC_TYPE_BYTES:
		return to + sprintf(to, "bytes:%" PRIu64, type->size_bytes);
	case ZIPC_TYPE_ARRAY:
		while (innermost->class == ZIPC_TYPE_ARRAY)
			innermost = innermost->children;
		return write_lengths(type, stpcpy(to, innermost->text));
	case ZIPC_TYPE_RECORD:
		return write_record(type, to);
	default:
		to = mempcpy(to, draft->scalar.start, draft->scalar.length);
		*to = '\0';
		return to;
	}
}

static void fill_node(struct zipc_type *node, const struct zipc_draft *draft,
		      char **pool)
{
	node->class = draft->class;
	node->size_bytes = draft->size;
	node->align_bytes = draft->align;
	node->count = draft->count;
	node->offset_bytes = draft->offset;
	node->name = NULL;
	if (draft->name.length) {
		node->name = *pool;
		*pool = mempcpy(*pool, draft->name.start, draft->name.length);
		*(*pool)++ = '\0';
	}
}

/* Breadth first; each node remembers its draft in from[]. */
static void place_nodes(const struct zipc_drafts *drafts, int root,
			struct zipc_type *nodes, int from[], char **pool)
{
	unsigned i, placed = 1;
	int child;

	from[0] = root;
	for (i = 0; i < drafts->count; i++) {
		const struct zipc_draft *draft = &drafts->at[from[i]];

		fill_node(&nodes[i], draft, pool);
		nodes[i].children = NULL;
		if (draft->children != ZIPC_NO_DRAFT)
			nodes[i].children = &nodes[placed];
		for (child = draft->children; child != ZIPC_NO_DRAFT;
		     child = drafts->at[child].next)
			from[placed++] = child;
	}
}

static struct zipc_type *build(const struct zipc_drafts *drafts, int root)
{
	size_t size = drafts->count * sizeof(struct zipc_type);
	struct zipc_type *nodes;
	int from[ZIPC_TYPE_MAX_DRAFTS];
	char *pool;
	unsigned i;

	for (i = 0; i < drafts->count; i++)
		size += drafts->at[i].text_length + 1 +
			drafts->at[i].name.length + 1;
	nodes = malloc(size);
	if (!nodes)
		return NULL;
	pool = (char *)&nodes[drafts->count];
	place_nodes(drafts, root, nodes, from, &pool);
	for (i = drafts->count; i--;) {
		nodes[i].text = pool;
		pool = write_text(&nodes[i], &drafts->at[from[i]], pool) + 1;
	}
	assert(pool <= (char *)nodes + size);
	return nodes;
}

int zipc_type_parse(struct zipc_type **out, const char *text, size_t length)
{
	struct zipc_drafts drafts;
	struct zipc_type *type;
	int root;

	assert(out && text);
	if (length == SIZE_MAX)
		length = strnlen(text, ZIPC_TYPE_MAX + 1);
	root = zipc_type_draft(&drafts, text, length);
	if (root < 0)
		return root;
	type = build(&drafts, root);
	if (!type)
		return zipc_fail(ENOMEM, "type: out of memory");
	*out = type;
	return 0;
}

void zipc_type_free(struct zipc_type *type)
{
	/* All nodes, names and texts stand in the root's allocation. */
	free(type);
}

/* Questions. */

uint64_t zipc_type_size(const struct zipc_type *type)
{
	return type->size_bytes;
}

uint64_t zipc_type_align(const struct zipc_type *type)
{
	return type->align_bytes;
}

enum zipc_type_class zipc_type_class(const struct zipc_type *type)
{
	return type->class;
}

const char *zipc_type_text(const struct zipc_type *type)
{
	return type->text;
}

uint64_t zipc_type_length(const struct zipc_type *type)
{
	return type->count;
}

const struct zipc_type *zipc_type_element(const struct zipc_type *type)
{
	return type->class == ZIPC_TYPE_ARRAY ? type->children : NULL;
}

const struct zipc_type *zipc_type_field(const struct zipc_type *type,
					uint64_t i, const char **name,
					uint64_t *offset_bytes)
{
	if (type->class != ZIPC_TYPE_RECORD || i >= type->count)
		return NULL;
	if (name)
		*name = type->children[i].name;
	if (offset_bytes)
		*offset_bytes = type->children[i].offset_bytes;
	return &type->children[i];
}
