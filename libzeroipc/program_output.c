/* SPDX-License-Identifier: MIT */
/*
 * What an expression gives: its type, and of what each part of it is made. A
 * part of an input that is passed on as it is, is copied, whatever it is.
 */
#include "error.h"
#include "program_emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The type's text. */

struct writer {
	char text[ZIPC_TYPE_MAX + 1];
	size_t used;
	int is_full;
};

static void put(struct writer *w, const char *text, size_t length)
{
	if (length > sizeof(w->text) - 1 - w->used) {
		w->is_full = 1;
		return;
	}
	memcpy(w->text + w->used, text, length);
	w->used += length;
}

static void write_type(const struct zipc_tree *tree,
		       const struct zipc_node *node, struct writer *w)
{
	const char *name = node->type ? zipc_type_text(node->type)
				      : zipc_scalar_name(node->scalar);
	const struct zipc_node *entry;
	int k;

	if (node->kind != ZIPC_NODE_RECORD) {
		put(w, name, strlen(name));
		return;
	}
	for (k = node->a; k != ZIPC_NO_NODE; k = entry->next) {
		entry = &tree->nodes[k];
		put(w, k == node->a ? "{" : ", ", k == node->a ? 1 : 2);
		put(w, entry->word.start, entry->word.length);
		put(w, ":", 1);
		write_type(tree, &tree->nodes[entry->a], w);
	}
	put(w, "}", 1);
}

int zipc_emit_type(struct zipc_emitter *e)
{
	const struct zipc_node *root = &e->tree->nodes[e->tree->root];
	struct writer w = {.used = 0};

	write_type(e->tree, root, &w);
	if (w.is_full)
		return zipc_tree_fail(root->at, "its type has over %d "
						"characters",
				      ZIPC_TYPE_MAX);
	if (!zipc_type_parse(&e->type, w.text, w.used))
		return 0;
	memmove(w.text, zipc_last_error(),
		strnlen(zipc_last_error(), sizeof(w.text) - 1) + 1);
	w.text[sizeof(w.text) - 1] = '\0';
	return zipc_tree_fail(root->at, "what it gives is no type: %.300s",
			      w.text);
}

/* Stores. */

static int fail_in_output(struct zipc_emitter *e, const struct zipc_node *node,
			  const struct zipc_type *type)
{
	struct writer w = {.used = 0};

	write_type(e->tree, node, &w);
	return e->failed = zipc_tree_fail(node->at, "this gives %.*s, not %.150s",
					  w.used < 150 ? (int)w.used : 150,
					  w.text, zipc_type_text(type));
}

static struct zipc_program_store *add_store(struct zipc_emitter *e, size_t at)
{
	if (e->stores < ZIPC_PROGRAM_STORES)
		return memset(&e->store[e->stores++], 0, sizeof(e->store[0]));
	e->failed = zipc_tree_fail(at, "more than %u fields",
				   ZIPC_PROGRAM_STORES);
	return NULL;
}

static int store_copy(struct zipc_emitter *e, const struct zipc_node *node,
		      uint64_t offset)
{
	struct zipc_program_store *store = add_store(e, node->at);

	if (!store)
		return e->failed;
	store->offset = (uint32_t)offset;
	store->size_bytes = (uint32_t)zipc_type_size(node->type);
	store->from_offset = (uint32_t)node->offset;
	store->kind = ZIPC_STORE_COPY;
	store->from = (uint8_t)node->input;
	return 0;
}

static int store_scalar(struct zipc_emitter *e, int index, unsigned scalar,
			uint64_t offset)
{
	const struct zipc_node *node = &e->tree->nodes[index];
	int value = zipc_emit_value(e, index, scalar);
	struct zipc_program_store *store;

	if (e->failed)
		return e->failed;
	store = add_store(e, node->at);
	if (!store)
		return e->failed;
	store->offset = (uint32_t)offset;
	store->size_bytes = zipc_scalar_size(scalar);
	store->kind = ZIPC_STORE_REGISTER;
	store->scalar = (uint8_t)scalar;
	e->store_value[e->stores - 1] = value;
	return 0;
}

static int store_value(struct zipc_emitter *e, int index,
		       const struct zipc_type *type, uint64_t offset)
{
	const struct zipc_node *node = &e->tree->nodes[index];
	unsigned scalar = zipc_scalar_of(type);
	unsigned class = scalar ? zipc_scalar_class(scalar) : 0;
	int same = node->type && !strcmp(zipc_type_text(node->type),
					 zipc_type_text(type));

	/* 0 or 1, whatever it is there; one inside of a copy stays as it is. */
	if (same && scalar != ZIPC_SCALAR_BOOL)
		return store_copy(e, node, offset);
	if (!scalar || (node->class != class &&
			!(node->class == ZIPC_CLASS_INT &&
			  class == ZIPC_CLASS_FLOAT)))
		return fail_in_output(e, node, type);
	return store_scalar(e, index, scalar, offset);
}

static int find_entry(const struct zipc_tree *tree,
		      const struct zipc_node *record, const char *name)
{
	int k = record->a;

	while (k != ZIPC_NO_NODE && !zipc_word_is(tree->nodes[k].word, name))
		k = tree->nodes[k].next;
	return k;
}

static uint64_t entries(const struct zipc_tree *tree,
			const struct zipc_node *record)
{
	uint64_t n = 0;
	int k;

	for (k = record->a; k != ZIPC_NO_NODE; k = tree->nodes[k].next)
		n++;
	return n;
}

int zipc_emit_stores(struct zipc_emitter *e, int index,
		     const struct zipc_type *type, uint64_t offset)
{
	const struct zipc_node *node = &e->tree->nodes[index];
	const struct zipc_type *field;
	const char *name;
	uint64_t k, at;
	int entry;

	if (node->kind != ZIPC_NODE_RECORD)
		return store_value(e, index, type, offset);
	if (zipc_type_class(type) != ZIPC_TYPE_RECORD ||
	    entries(e->tree, node) != zipc_type_length(type))
		return fail_in_output(e, node, type);
	for (k = 0; (field = zipc_type_field(type, k, &name, &at)); k++) {
		entry = find_entry(e->tree, node, name);
		if (entry == ZIPC_NO_NODE)
			return fail_in_output(e, node, type);
		if (zipc_emit_stores(e, e->tree->nodes[entry].a, field,
				     offset + at))
			return e->failed;
	}
	return 0;
}
