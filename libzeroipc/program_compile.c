/* SPDX-License-Identifier: MIT */
/* From a text to a program: parsed, checked, emitted, and read as any other. */
#include "error.h"
#include "program_emit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names. */

static int is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz_"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return n && !name[n] && n <= ZIPC_PROGRAM_NAME_MOST &&
	       !(name[0] >= '0' && name[0] <= '9');
}

int zipc_program_name_check(const char *name, const char *const first[],
			    unsigned count, int index)
{
	static const char *const words[] = {"true", "false", "inf", "nan"};
	unsigned j, taken = index && !strcmp(name, "i");

	for (j = 0; j < 4; j++)
		taken |= !strcmp(name, words[j]);
	for (j = 0; j < count; j++)
		taken |= !strcmp(name, first[j]);
	if (!is_name(name))
		return zipc_fail(EINVAL, "expression: an input's name is "
					 "1 to %u letters, digits and '_': "
					 "`%.64s`", ZIPC_PROGRAM_NAME_MOST,
				 name);
	if (taken)
		return zipc_fail(EINVAL, "expression: the name `%s` is taken",
				 name);
	return 0;
}

/* Its columns are those of the type, so the message says whose it is. */
static int parse_type(struct zipc_tree *tree, unsigned k)
{
	const struct zipc_program_name *input = &tree->source->names[k];
	int rc = zipc_type_parse(&tree->types[k], input->type, SIZE_MAX);
	char why[200];

	if (rc != -EINVAL)
		return rc;
	snprintf(why, sizeof(why), "%s", zipc_last_error());
	return zipc_fail(EINVAL, "expression: input `%s`: %s", input->name,
			 why);
}

static int parse_types(struct zipc_tree *tree)
{
	const struct zipc_program_source *source = tree->source;
	const char *names[ZIPC_PROGRAM_INPUTS];
	unsigned k;
	int rc;

	if (source->count > ZIPC_PROGRAM_INPUTS)
		return zipc_fail(EINVAL, "expression: %u inputs; at most %u",
				 source->count, ZIPC_PROGRAM_INPUTS);
	for (k = 0; k < source->count; k++) {
		names[k] = source->names[k].name;
		rc = zipc_program_name_check(names[k], names, k, source->index);
		if (!rc)
			rc = parse_type(tree, k);
		if (rc)
			return rc;
	}
	if (!source->type)
		return 0;
	return zipc_type_parse(&tree->wanted, source->type, SIZE_MAX);
}

/* Bytes. */

struct bytes {
	uint8_t *start;
	size_t used, room;
};

/* With room for it all: zipc_program's size was worked out before. */
static void put(struct bytes *out, const void *bytes, size_t size)
{
	assert(size <= out->room - out->used);
	memcpy(out->start + out->used, bytes, size);
	out->used += size;
}

static void put_text(struct bytes *out, const char *text, size_t length)
{
	put(out, text, length);
	put(out, "", 1);
}

static void put_constants(struct bytes *out, const struct zipc_emitter *e)
{
	put(out, e->constant, e->constants * sizeof(e->constant[0]));
}

static void put_inputs(struct bytes *out, const struct zipc_emitter *e)
{
	const struct zipc_program_source *source = e->tree->source;
	unsigned k;

	for (k = 0; k < source->count; k++) {
		const struct zipc_type *type = e->tree->types[k];
		struct zipc_program_input input = {
			.size_bytes = (uint32_t)zipc_type_size(type),
			.type_length = (uint16_t)strlen(zipc_type_text(type)),
			.name_length = (uint8_t)strlen(source->names[k].name),
			.role = (uint8_t)source->names[k].role,
		};

		put(out, &input, sizeof(input));
	}
}

static void put_stores(struct bytes *out, const struct zipc_emitter *e)
{
	struct zipc_program_store store;
	unsigned k;

	for (k = 0; k < e->stores; k++) {
		store = e->store[k];
		if (store.kind == ZIPC_STORE_REGISTER)
			store.from = (uint8_t)zipc_emit_register(
				e, e->store_value[k]);
		put(out, &store, sizeof(store));
	}
}

static void put_code(struct bytes *out, const struct zipc_emitter *e)
{
	unsigned k;

	for (k = 0; k < e->steps; k++) {
		const struct zipc_step *step = &e->step[k];
		int loads = step->op == ZIPC_OP_LOAD;
		unsigned b = zipc_emit_register(e, step->b);
		struct zipc_program_code code = {
			.op = (uint8_t)step->op,
			.to = e->reg[k],
			.a = (uint8_t)(loads ? (unsigned)step->a
					     : zipc_emit_register(e, step->a)),
			.b = (uint8_t)(step->scalar ? step->scalar : b),
			.c = (uint8_t)zipc_emit_register(e, step->c),
			.guard = ZIPC_PROGRAM_NO_GUARD,
			.place = (uint16_t)(step->at - e->begin),
			.offset = step->offset,
		};

		if (step->guard != ZIPC_NO_VALUE)
			code.guard = (uint8_t)zipc_emit_register(e,
								 step->guard);
		put(out, &code, sizeof(code));
	}
}

static void put_texts(struct bytes *out, const struct zipc_emitter *e,
		      size_t length)
{
	const struct zipc_program_source *source = e->tree->source;
	const char *text;
	unsigned k;

	for (k = 0; k < source->count; k++) {
		put_text(out, source->names[k].name,
			 strlen(source->names[k].name));
		text = zipc_type_text(e->tree->types[k]);
		put_text(out, text, strlen(text));
	}
	text = zipc_type_text(e->type);
	put_text(out, text, strlen(text));
	put_text(out, source->text + e->begin, length);
}

static int write_bytes(const struct zipc_emitter *e, size_t length,
		       struct bytes *out)
{
	struct zipc_program_header header = {
		.magic = ZIPC_PROGRAM_MAGIC,
		.version = ZIPC_PROGRAM_VERSION,
		.output_bytes = (uint32_t)zipc_type_size(e->type),
		.constants = (uint16_t)e->constants,
		.inputs = (uint16_t)e->tree->source->count,
		.stores = (uint16_t)e->stores,
		.instructions = (uint16_t)e->steps,
		.registers = (uint16_t)e->registers,
		.type_length = (uint16_t)strlen(zipc_type_text(e->type)),
		.text_length = (uint16_t)length,
	};

	put(out, &header, sizeof(header));
	put_constants(out, e);
	put_inputs(out, e);
	put_stores(out, e);
	put_code(out, e);
	put_texts(out, e, length);
	header.size_bytes = (uint32_t)out->used;
	memcpy(out->start, &header, sizeof(header));
	return 0;
}

/* The whole way. */

static int build(struct zipc_program **out, struct zipc_emitter *e)
{
	const struct zipc_program_source *source = e->tree->source;
	struct bytes bytes = {.room = ZIPC_PROGRAM_BYTES_MOST};
	size_t end = e->tree->end;
	int rc;

	while (strchr(" \t\r\n", source->text[end - 1]))
		end--;
	e->begin = source->at;
	while (strchr(" \t\r\n", source->text[e->begin]))
		e->begin++;
	if (end - e->begin > ZIPC_PROGRAM_TEXT_MOST)
		return zipc_tree_fail(e->begin, "an expression has at most %u "
						"characters",
				      ZIPC_PROGRAM_TEXT_MOST);
	bytes.start = malloc(bytes.room);
	if (!bytes.start)
		return zipc_fail(ENOMEM, "expression: out of memory");
	rc = write_bytes(e, end - e->begin, &bytes);
	if (!rc)
		rc = zipc_program_read(out, bytes.start, bytes.used, NULL);
	free(bytes.start);
	return rc;
}

static int emit(struct zipc_program **out, struct zipc_tree *tree)
{
	struct zipc_emitter *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return zipc_fail(ENOMEM, "expression: out of memory");
	e->tree = tree;
	rc = zipc_emit_type(e);
	if (!rc && tree->wanted) {
		zipc_type_free(e->type);
		e->type = tree->wanted;
		tree->wanted = NULL;
	}
	if (!rc)
		rc = zipc_emit_stores(e, tree->root, e->type, 0);
	if (!rc && zipc_emit_registers(e))
		rc = e->failed;
	if (!rc)
		rc = build(out, e);
	zipc_type_free(e->type);
	free(e);
	return rc;
}

static int compile(struct zipc_program **out, struct zipc_tree *tree,
		   size_t *end)
{
	const struct zipc_program_source *source = tree->source;
	char found[16];
	int rc = parse_types(tree);

	if (!rc)
		rc = zipc_tree_parse(tree);
	if (!rc && !end && tree->end < source->length)
		rc = zipc_tree_fail(
			tree->end, "expected an operator or the end, found %s",
			zipc_character_print(
				(unsigned char)source->text[tree->end], found));
	if (!rc)
		rc = zipc_tree_check(tree);
	if (!rc)
		rc = emit(out, tree);
	if (!rc && end)
		*end = tree->end;
	return rc;
}

int zipc_program_compile(struct zipc_program **out,
			 const struct zipc_program_source *source, size_t *end)
{
	struct zipc_tree *tree = calloc(1, sizeof(*tree));
	unsigned k;
	int rc;

	assert(out && source && source->at <= source->length);
	if (!tree)
		return zipc_fail(ENOMEM, "expression: out of memory");
	tree->source = source;
	rc = compile(out, tree, end);
	for (k = 0; k < ZIPC_PROGRAM_INPUTS; k++)
		zipc_type_free(tree->types[k]);
	zipc_type_free(tree->wanted);
	free(tree);
	return rc;
}
