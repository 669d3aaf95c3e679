/* SPDX-License-Identifier: MIT */
/*
 * From bytes to a program. Nothing in them is trusted: they are copied, the
 * copy is looked through once from its begin to its end, and only what was
 * found right is ever run.
 *
 * What is right: each register is written before it is read, and read as the
 * class that it was written as; a guard is a bool; loads and copies lie inside
 * their input, stores inside the output, one behind the other; texts are as
 * long as they say, and types mean the sizes that stand beside them. So a run
 * reads and writes inside its columns and its elements, and ends, as nothing
 * in it goes back.
 *
 * In a program with `acc` each value gets a column of its own, since then what
 * does not depend on it is worked out for a batch ahead.
 */
#include "error.h"
#include "program_inside.h"
#include "program_tree.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct zipc_program *program;
	const uint8_t *bytes;
	size_t at, size;
	/* what each register holds, at the instruction that is looked at */
	uint8_t class[ZIPC_PROGRAM_REGISTERS]; /* 0: nothing */
	uint8_t follows[ZIPC_PROGRAM_REGISTERS];
	unsigned column[ZIPC_PROGRAM_REGISTERS];
};

static int damaged(const char *format, ...)
	__attribute__((format(printf, 1, 2), cold));

static int damaged(const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return zipc_fail(EBADMSG, "program: damaged: %s", what);
}

/* The places of all. */

static const void *take(struct reader *r, size_t size)
{
	const void *at = r->bytes + r->at;

	if (size > r->size - r->at)
		return NULL;
	r->at += size;
	return at;
}

/* A text that can be shown: ASCII, and ended by its one NUL. */
static const char *take_text(struct reader *r, size_t length)
{
	const char *text = take(r, length + 1);
	size_t k;

	for (k = 0; text && k < length; k++)
		if ((text[k] < ' ' || text[k] > '~') &&
		    !(text[k] && strchr("\t\r\n", text[k])))
			return NULL;
	return text && !text[length] ? text : NULL;
}

/* Before anything else: other versions may have other bounds. */
static int check_version(const void *bytes, size_t size)
{
	struct zipc_program_header header = {0};

	memcpy(&header, bytes, size < sizeof(header) ? size : sizeof(header));
	if (header.magic != ZIPC_PROGRAM_MAGIC)
		return damaged("it does not begin with ZPRG");
	if (size >= 8 && header.version != ZIPC_PROGRAM_VERSION)
		return zipc_fail(EPROTONOSUPPORT,
				 "program: version %u; version %u is known",
				 header.version, ZIPC_PROGRAM_VERSION);
	if (size < sizeof(header) || size > ZIPC_PROGRAM_BYTES_MOST)
		return damaged("it has %zu bytes", size);
	return 0;
}

static int check_header(const struct zipc_program_header *header, size_t size)
{
	if (header->size_bytes != size)
		return damaged("it has %u bytes, not %zu", header->size_bytes,
			       size);
	if (header->constants > ZIPC_PROGRAM_CONSTANTS ||
	    header->inputs > ZIPC_PROGRAM_INPUTS ||
	    header->stores > ZIPC_PROGRAM_STORES ||
	    header->instructions > ZIPC_PROGRAM_INSTRUCTIONS ||
	    header->registers > ZIPC_PROGRAM_REGISTERS ||
	    header->constants > header->registers)
		return damaged("it has more of something than there may be");
	if (header->reserved || !header->stores || !header->text_length ||
	    header->text_length > ZIPC_PROGRAM_TEXT_MOST)
		return damaged("its header");
	return 0;
}

static int place_texts(struct reader *r)
{
	struct zipc_program *program = r->program;
	unsigned k;

	for (k = 0; k < program->header.inputs; k++) {
		program->names[k] =
			take_text(r, program->inputs[k].name_length);
		program->types[k] =
			take_text(r, program->inputs[k].type_length);
		if (!program->names[k] || !program->types[k] ||
		    zipc_program_name_check(program->names[k], program->names,
					    k, 0))
			return damaged("the texts of input %u", k);
	}
	program->type = take_text(r, program->header.type_length);
	program->text = take_text(r, program->header.text_length);
	if (!program->type || !program->text || r->at != r->size)
		return damaged("its texts");
	return 0;
}

static int place_all(struct reader *r)
{
	struct zipc_program *program = r->program;
	const struct zipc_program_header *header = &program->header;

	take(r, sizeof(*header));
	program->constants =
		take(r, header->constants * sizeof(*program->constants));
	program->inputs = take(r, header->inputs * sizeof(*program->inputs));
	program->stores = take(r, header->stores * sizeof(*program->stores));
	program->codes =
		take(r, header->instructions * sizeof(*program->codes));
	if (!program->constants || !program->inputs || !program->stores ||
	    !program->codes)
		return damaged("it is too short");
	return place_texts(r);
}

/* Types. */

/* That text is canonical, and means that size. */
static int check_type(const char *text, uint64_t size)
{
	struct zipc_type *type;
	int rc = zipc_type_parse(&type, text, SIZE_MAX);

	if (rc)
		return rc == -ENOMEM ? rc : damaged("a type's text");
	rc = strcmp(zipc_type_text(type), text) || zipc_type_size(type) != size;
	zipc_type_free(type);
	return rc ? damaged("`%.100s` has another size or spelling", text) : 0;
}

static int check_inputs(struct reader *r)
{
	struct zipc_program *program = r->program;
	unsigned k;
	int rc = check_type(program->type, program->header.output_bytes);

	program->acc_fits = 1;
	for (k = 0; !rc && k < program->header.inputs; k++) {
		rc = check_type(program->types[k],
				program->inputs[k].size_bytes);
		if (!rc && program->inputs[k].role > ZIPC_ROLE_ACC)
			rc = damaged("the role of input %u", k);
		if (program->inputs[k].role != ZIPC_ROLE_ACC)
			continue;
		program->has_acc = 1;
		program->acc_fits &= !strcmp(program->types[k], program->type);
	}
	return rc;
}

static int check_constants(struct reader *r)
{
	const struct zipc_program *program = r->program;
	unsigned k;

	for (k = 0; k < program->header.constants; k++) {
		const struct zipc_program_constant *of = &program->constants[k];

		if (of->class < ZIPC_CLASS_INT || of->class > ZIPC_CLASS_BOOL ||
		    of->reserved ||
		    (of->class == ZIPC_CLASS_BOOL && of->bits > 1))
			return damaged("constant %u", k);
		r->class[k] = (uint8_t)of->class;
		r->column[k] = k;
	}
	return 0;
}

/* Instructions. */

/*
 * An operand, used as its form says. Operands of any class (V) agree in
 * *any, which is 0 before the first one.
 */
static int check_operand(const struct reader *r, unsigned use, unsigned value,
			 unsigned *any)
{
	unsigned class;

	if (use == ZIPC_USE_0)
		return value == 0;
	if (use == ZIPC_USE_S)
		return value > 0 && value < ZIPC_SCALARS;
	if (value >= r->program->header.registers)
		return 0;
	class = r->class[value];
	if (use != ZIPC_USE_V)
		return class == use;
	if (!*any)
		*any = class;
	return class && class == *any;
}

/* [offset, offset + size) of an input. */
static int is_inside(const struct reader *r, unsigned input, uint64_t offset,
		     uint64_t size)
{
	return input < r->program->header.inputs &&
	       offset + size <= r->program->inputs[input].size_bytes;
}

static int check_load(const struct reader *r,
		      const struct zipc_program_code *code)
{
	return code->b > 0 && code->b < ZIPC_SCALARS && !code->c &&
	       is_inside(r, code->a, code->offset, zipc_scalar_size(code->b));
}

/* The class of its result; 0: it is not right. */
static unsigned check_form(const struct reader *r,
			   const struct zipc_program_code *code)
{
	const struct zipc_program_form *form;
	unsigned any = 0;

	if (code->op >= ZIPC_OPS || !zipc_program_forms[code->op].result)
		return 0;
	form = &zipc_program_forms[code->op];
	if (code->op == ZIPC_OP_LOAD)
		return check_load(r, code) ? zipc_scalar_class(code->b) : 0;
	if (code->offset || !check_operand(r, form->a, code->a, &any) ||
	    !check_operand(r, form->b, code->b, &any) ||
	    !check_operand(r, form->c, code->c, &any))
		return 0;
	if (code->op == ZIPC_OP_FIT &&
	    zipc_scalar_class(code->b) != ZIPC_CLASS_INT)
		return 0;
	return form->result == ZIPC_USE_V ? any : form->result;
}

static int is_register(unsigned use)
{
	return use != ZIPC_USE_0 && use != ZIPC_USE_S;
}

/* Whether an instruction reads what it writes, or writes a constant. */
static int overlaps(const struct reader *r,
		    const struct zipc_program_code *code)
{
	const struct zipc_program_form *form = &zipc_program_forms[code->op];

	return code->to >= r->program->header.registers ||
	       code->to < r->program->header.constants ||
	       code->guard == code->to ||
	       (is_register(form->a) && code->a == code->to) ||
	       (is_register(form->b) && code->b == code->to) ||
	       (is_register(form->c) && code->c == code->to);
}

static int check_guard(const struct reader *r,
		       const struct zipc_program_code *code)
{
	if (code->guard == ZIPC_PROGRAM_NO_GUARD)
		return 1;
	return zipc_program_fails(code) &&
	       code->guard < r->program->header.registers &&
	       r->class[code->guard] == ZIPC_CLASS_BOOL;
}

static int follows_acc(const struct reader *r,
		       const struct zipc_program_code *code)
{
	const struct zipc_program_form *form = &zipc_program_forms[code->op];

	if (code->op == ZIPC_OP_LOAD)
		return r->program->inputs[code->a].role == ZIPC_ROLE_ACC ||
		       (code->guard != ZIPC_PROGRAM_NO_GUARD &&
			r->follows[code->guard]);
	return (is_register(form->a) && r->follows[code->a]) ||
	       (is_register(form->b) && r->follows[code->b]) ||
	       (is_register(form->c) && r->follows[code->c]) ||
	       (code->guard != ZIPC_PROGRAM_NO_GUARD &&
		r->follows[code->guard]);
}

/* What is not used is the column of ones: no input ever takes its place. */
static unsigned column_of(const struct reader *r, unsigned use, unsigned value)
{
	return is_register(use) ? r->column[value] : r->program->columns;
}

static void plan(struct reader *r, unsigned k, unsigned class)
{
	struct zipc_program *program = r->program;
	const struct zipc_program_code *code = &program->codes[k];
	const struct zipc_program_form *form = &zipc_program_forms[code->op];
	struct zipc_program_step *step = &program->steps[k];

	step->code = *code;
	step->a = column_of(r, form->a, code->a);
	step->b = column_of(r, form->b, code->b);
	step->c = column_of(r, form->c, code->c);
	step->guard = code->guard == ZIPC_PROGRAM_NO_GUARD
			      ? program->columns
			      : r->column[code->guard];
	step->fails = (uint8_t)zipc_program_fails(code);
	step->follows_acc = (uint8_t)follows_acc(r, code);
	step->to = program->has_acc ? program->header.constants + k : code->to;
	program->may_fail |= step->fails;
	program->uses_index |= code->op == ZIPC_OP_INDEX;
	if (code->op == ZIPC_OP_LOAD)
		program->used |= UINT32_C(1) << code->a;
	r->class[code->to] = (uint8_t)class;
	r->follows[code->to] = step->follows_acc;
	r->column[code->to] = step->to;
}

static int check_code(struct reader *r)
{
	struct zipc_program *program = r->program;
	unsigned k, class;

	for (k = 0; k < program->header.instructions; k++) {
		const struct zipc_program_code *code = &program->codes[k];

		class = check_form(r, code);
		if (!class || overlaps(r, code) || !check_guard(r, code) ||
		    code->place >= program->header.text_length)
			return damaged("instruction %u", k);
		plan(r, k, class);
	}
	/* In the text `i` is one or the other. */
	for (k = 0; program->uses_index && k < program->header.inputs; k++)
		if (!strcmp(program->names[k], "i"))
			return damaged("input %u is `i`, which is used", k);
	return 0;
}

/* Stores. */

static int check_register(const struct reader *r,
			  const struct zipc_program_store *store)
{
	return store->scalar > 0 && store->scalar < ZIPC_SCALARS &&
	       store->size_bytes == zipc_scalar_size(store->scalar) &&
	       store->from < r->program->header.registers &&
	       !store->from_offset &&
	       r->class[store->from] == zipc_scalar_class(store->scalar);
}

static int check_store(const struct reader *r,
		       const struct zipc_program_store *store)
{
	if (store->reserved)
		return 0;
	if (store->kind == ZIPC_STORE_REGISTER)
		return check_register(r, store);
	return store->kind == ZIPC_STORE_COPY && !store->scalar &&
	       is_inside(r, store->from, store->from_offset,
			 store->size_bytes);
}

static int check_stores(struct reader *r)
{
	struct zipc_program *program = r->program;
	uint64_t end = 0;
	unsigned k;

	for (k = 0; k < program->header.stores; k++) {
		const struct zipc_program_store *store = &program->stores[k];

		if (!check_store(r, store) || store->offset < end ||
		    !store->size_bytes ||
		    (uint64_t)store->offset + store->size_bytes >
			    program->header.output_bytes)
			return damaged("store %u", k);
		program->has_gaps |= store->offset > end;
		end = (uint64_t)store->offset + store->size_bytes;
		if (store->kind == ZIPC_STORE_COPY)
			program->used |= UINT32_C(1) << store->from;
		else
			program->store_column[k] = r->column[store->from];
	}
	program->has_gaps |= end < program->header.output_bytes;
	/* Who selects by it looks at the register. */
	if (!strcmp(program->type, "bool") &&
	    program->stores[0].scalar != ZIPC_SCALAR_BOOL)
		return damaged("a bool is stored as another scalar");
	return 0;
}

/* What was asked for. */

/* Whether a type's text, in whatever spelling, is that. */
static int is_type(const char *text, const char *canonical, int *same)
{
	struct zipc_type *type;
	int rc = zipc_type_parse(&type, text, SIZE_MAX);

	if (rc)
		return rc;
	*same = !strcmp(zipc_type_text(type), canonical);
	zipc_type_free(type);
	return 0;
}

static int is_input(const struct zipc_program *program, unsigned k,
		    const struct zipc_program_name *asked)
{
	int same = 0, rc = is_type(asked->type, program->types[k], &same);

	if (rc)
		return rc;
	if (same && !strcmp(asked->name, program->names[k]) &&
	    asked->role == program->inputs[k].role)
		return 0;
	return zipc_fail(EPROTOTYPE,
			 "program: input %u is `%s`, %.100s of role %u, not "
			 "`%.63s`, %.100s of role %u",
			 k, program->names[k], program->types[k],
			 program->inputs[k].role, asked->name, asked->type,
			 asked->role);
}

static int is_as_asked(const struct zipc_program *program,
		       const struct zipc_program_source *asked)
{
	int same = 1, rc = 0;
	unsigned k;

	if (program->header.inputs != asked->count)
		return zipc_fail(EPROTOTYPE, "program: %u inputs, not %u",
				 program->header.inputs, asked->count);
	for (k = 0; !rc && k < asked->count; k++)
		rc = is_input(program, k, &asked->names[k]);
	if (!rc && asked->type)
		rc = is_type(asked->type, program->type, &same);
	if (!rc && !same)
		return zipc_fail(EPROTOTYPE,
				 "program: it gives %.200s, not %.200s",
				 program->type, asked->type);
	if (!rc && program->uses_index && !asked->index)
		return zipc_fail(EPROTOTYPE,
				 "program: it uses `i`, which is not offered");
	return rc;
}

/* Columns. */

/* A bool is all ones or none in its column. */
static void fill(uint64_t *column, uint64_t value)
{
	unsigned i;

	for (i = 0; i < ZIPC_COLUMN_SIZE; i++)
		column[i] = value;
}

static int make_columns(struct zipc_program *program)
{
	unsigned k, n = program->columns + 1;
	uint64_t bits;

	program->storage = calloc(n, ZIPC_COLUMN_SIZE * sizeof(uint64_t));
	program->column = calloc(n, sizeof(*program->column));
	program->faults = calloc(ZIPC_BATCH, 1);
	program->fault_step = calloc(ZIPC_BATCH, sizeof(uint16_t));
	if (!program->storage || !program->column || !program->faults ||
	    !program->fault_step)
		return zipc_fail(ENOMEM, "program: out of memory");
	for (k = 0; k < n; k++)
		program->column[k] = program->storage + k * ZIPC_COLUMN_SIZE;
	for (k = 0; k < program->header.constants; k++) {
		bits = program->constants[k].bits;
		if (program->constants[k].class == ZIPC_CLASS_BOOL)
			bits = 0 - bits;
		fill(program->column[k], bits);
	}
	fill(program->column[n - 1], UINT64_MAX);
	return 0;
}

static int verify(struct zipc_program *program, size_t size,
		  const struct zipc_program_source *asked)
{
	struct reader r = {.program = program, .bytes = program->bytes,
			   .size = size};
	int rc;

	memcpy(&program->header, program->bytes, sizeof(program->header));
	rc = check_header(&program->header, size);
	if (!rc)
		rc = place_all(&r);
	if (!rc)
		rc = check_inputs(&r);
	if (!rc)
		rc = check_constants(&r);
	if (rc)
		return rc;
	program->columns = program->header.registers;
	if (program->has_acc)
		program->columns = program->header.constants +
				   (unsigned)program->header.instructions;
	program->steps = calloc(program->header.instructions + 1u,
				sizeof(*program->steps));
	if (!program->steps)
		return zipc_fail(ENOMEM, "program: out of memory");
	rc = check_code(&r);
	if (!rc)
		rc = check_stores(&r);
	if (!rc && asked)
		rc = is_as_asked(program, asked);
	return rc ? rc : make_columns(program);
}

int zipc_program_read(struct zipc_program **out, const void *bytes, size_t size,
		      const struct zipc_program_source *asked)
{
	struct zipc_program *program;
	int rc;

	assert(out && bytes);
	program = calloc(1, sizeof(*program));
	if (!program)
		return zipc_fail(ENOMEM, "program: out of memory");
	program->bytes = malloc(size + 1);
	rc = program->bytes ? 0 : zipc_fail(ENOMEM, "program: out of memory");
	if (!rc) {
		/* They may change: only the copy is checked, and used. */
		memcpy(program->bytes, bytes, size);
		rc = check_version(program->bytes, size);
	}
	if (!rc)
		rc = verify(program, size, asked);
	if (rc)
		zipc_program_close(program);
	else
		*out = program;
	return rc;
}

void zipc_program_close(struct zipc_program *program)
{
	if (!program)
		return;
	free(program->bytes);
	free(program->steps);
	free(program->storage);
	free(program->column);
	free(program->faults);
	free(program->fault_step);
	free(program);
}

/* Questions. */

const void *zipc_program_bytes(const struct zipc_program *program, size_t *size)
{
	*size = program->header.size_bytes;
	return program->bytes;
}

const char *zipc_program_type(const struct zipc_program *program)
{
	return program->type;
}

const char *zipc_program_text(const struct zipc_program *program)
{
	return program->text;
}

uint64_t zipc_program_output_bytes(const struct zipc_program *program)
{
	return program->header.output_bytes;
}

unsigned zipc_program_inputs(const struct zipc_program *program)
{
	return program->header.inputs;
}

const char *zipc_program_input(const struct zipc_program *program, unsigned k,
			       const char **type)
{
	if (k >= program->header.inputs)
		return NULL;
	if (type)
		*type = program->types[k];
	return program->names[k];
}

enum zipc_program_role zipc_program_role(const struct zipc_program *program,
					 unsigned k)
{
	assert(k < program->header.inputs);
	return program->inputs[k].role;
}

int zipc_program_uses_index(const struct zipc_program *program)
{
	return program->uses_index;
}

int zipc_program_uses(const struct zipc_program *program, unsigned k)
{
	return k < program->header.inputs && (program->used >> k & 1);
}
