/* SPDX-License-Identifier: MIT */
/*
 * Running a program: each instruction for all elements of a batch, then the
 * next one. What fails is noted beside its element, and looked for one by one
 * only when a column has some.
 *
 * A fold goes through a batch twice: first all that does not depend on `acc`,
 * in columns; then, element by element, what does.
 */
#include "error.h"
#include "program_column.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM(number, name, to, a, b, c, may_fail)                            \
	[number] = {ZIPC_USE_##to, ZIPC_USE_##a, ZIPC_USE_##b, ZIPC_USE_##c, \
		    may_fail},
const struct zipc_program_form zipc_program_forms[ZIPC_OPS] = {
	ZIPC_PROGRAM_OPS(FORM)
};

/* A part of a batch that fits into columns. */
struct part {
	struct zipc_program *program;
	const struct zipc_program_batch *batch;
	uint64_t begin; /* in the batch */
	size_t n;
	const uint8_t *acc; /* where `acc` lies */
	int failed;         /* some have */
	int folds;
};

/* Loads. */

static struct zipc_source source_of(const struct part *part, unsigned input,
				    uint64_t offset, size_t first, size_t n)
{
	const struct zipc_program_input *of = &part->program->inputs[input];
	const uint8_t *at = of->role == ZIPC_ROLE_ACC && part->acc
				    ? part->acc
				    : part->batch->at[input];
	struct zipc_source source = {.at = at + offset, .n = n};

	if (of->role != ZIPC_ROLE_ELEMENT)
		return source;
	source.stride = of->size_bytes;
	if (part->batch->rows)
		source.rows = part->batch->rows + part->begin + first;
	else
		source.at += (part->begin + first) * of->size_bytes;
	return source;
}

/* Elements that are a column already; pairs may not look behind the last. */
static int is_column(const struct part *part, const struct zipc_source *source,
		     unsigned scalar)
{
	return source->stride == sizeof(uint64_t) && !source->rows &&
	       part->n % 2 == 0 && !part->folds &&
	       (uintptr_t)source->at % sizeof(uint64_t) == 0 &&
	       (scalar == ZIPC_SCALAR_I64 || scalar == ZIPC_SCALAR_F64);
}

static uint64_t load(struct part *part, const struct zipc_program_step *step,
		     size_t first, size_t n)
{
	struct zipc_source source = source_of(part, step->code.a,
					      step->code.offset, first, n);
	zipc_bits **column = &part->program->column[step->to];
	const zipc_bits *guard = part->program->column[step->guard] + first;
	uint64_t any = 0;
	size_t k;

	if (is_column(part, &source, step->code.b)) {
		/* Nothing writes there: another register has its own. */
		*column = (zipc_bits *)(uintptr_t)source.at;
		return 0;
	}
	zipc_load(*column + first, &source, step->code.b);
	if (!step->fails)
		return 0;
	for (k = 0; k < n; k++)
		any |= (*column)[first + k] >> 63 & guard[k];
	return any;
}

static void count_up(const struct part *part, uint64_t *to, size_t first,
		     size_t n)
{
	size_t k;

	for (k = 0; k < n; k++)
		to[k] = part->batch->first + part->begin + first + k;
}

/* Failures. */

/* The earlier instruction counts, in whatever order they are run. */
static void note(struct part *part, unsigned at, size_t first, size_t n)
{
	struct zipc_program *program = part->program;
	const struct zipc_program_step *step = &program->steps[at];
	enum zipc_program_fault fault;
	size_t k;

	for (k = first; k < first + n; k++) {
		if (!program->column[step->guard][k])
			continue;
		fault = zipc_fault_of(&step->code, program->column[step->a][k],
				      program->column[step->b][k],
				      program->column[step->to][k]);
		if (!fault || (program->faults[k] &&
			       program->fault_step[k] <= at))
			continue;
		program->faults[k] = (uint8_t)fault;
		program->fault_step[k] = (uint16_t)at;
		part->failed = 1;
	}
}

static void tell(const struct part *part, size_t k,
		 struct zipc_program_failure *failure)
{
	const struct zipc_program *program = part->program;

	if (!failure || failure->fault)
		return;
	failure->element = part->begin + k;
	failure->fault = program->faults[k];
	failure->place = program->codes[program->fault_step[k]].place;
}

/* How many of a part have failed. */
static uint64_t count_failed(const struct part *part,
			     struct zipc_program_failure *failure)
{
	uint64_t failed = 0;
	size_t k;

	for (k = 0; part->failed && k < part->n; k++)
		if (part->program->faults[k]) {
			tell(part, k, failure);
			failed++;
		}
	if (!part->batch->faults)
		return failed;
	if (failed)
		memcpy(part->batch->faults + part->begin, part->program->faults,
		       part->n);
	else
		memset(part->batch->faults + part->begin, 0, part->n);
	return failed;
}

/* Instructions. */

static void run_step(struct part *part, unsigned at, size_t first, size_t n)
{
	struct zipc_program *program = part->program;
	const struct zipc_program_step *step = &program->steps[at];
	struct zipc_columns on = {.n = n, .scalar = step->code.b};
	uint64_t any = 0;

	program->column[step->to] =
		program->storage + step->to * ZIPC_COLUMN_SIZE;
	on.to = program->column[step->to] + first;
	if (step->code.op == ZIPC_OP_LOAD) {
		any = load(part, step, first, n);
	} else if (step->code.op == ZIPC_OP_INDEX) {
		count_up(part, on.to, first, n);
	} else {
		on.a = program->column[step->a] + first;
		on.b = program->column[step->b] + first;
		on.c = program->column[step->c] + first;
		on.guard = program->column[step->guard] + first;
		any = zipc_kernels[step->code.op](&on);
	}
	if (any)
		note(part, at, first, n);
}

static void begin_part(struct part *part, uint64_t begin)
{
	uint64_t left = part->batch->count - begin;

	part->begin = begin;
	part->n = left < ZIPC_BATCH ? (size_t)left : ZIPC_BATCH;
	if (part->failed)
		memset(part->program->faults, 0, ZIPC_BATCH);
	part->failed = 0;
}

static void run_part(struct part *part)
{
	unsigned k;

	for (k = 0; k < part->program->header.instructions; k++)
		run_step(part, k, 0, part->n);
}

/* Outputs. */

static void store_part(const struct part *part, uint8_t *out, size_t first,
		       size_t n)
{
	const struct zipc_program *program = part->program;
	size_t size = program->header.output_bytes;
	struct zipc_source source;
	unsigned k;

	if (program->has_gaps)
		memset(out, 0, n * size);
	for (k = 0; k < program->header.stores; k++) {
		const struct zipc_program_store *store = &program->stores[k];

		if (store->kind == ZIPC_STORE_REGISTER) {
			zipc_store(out + store->offset, size,
				   program->column[program->store_column[k]] +
					   first,
				   n, store->scalar);
			continue;
		}
		source = source_of(part, store->from, store->from_offset, first,
				   n);
		zipc_copy(out + store->offset, size, &source,
			  store->size_bytes);
	}
}

static void clear_failed(const struct part *part, uint8_t *out)
{
	size_t k, size = part->program->header.output_bytes;

	for (k = 0; k < part->n; k++)
		if (part->program->faults[k])
			memset(out + k * size, 0, size);
}

static struct part whole(struct zipc_program *program,
			 const struct zipc_program_batch *batch,
			 struct zipc_program_failure *failure)
{
	/* As if some had failed, so that the first part clears the faults. */
	struct part part = {.program = program, .batch = batch, .failed = 1};

	if (failure)
		*failure = (struct zipc_program_failure){0};
	return part;
}

uint64_t zipc_program_run(struct zipc_program *program,
			  const struct zipc_program_batch *batch, void *out,
			  struct zipc_program_failure *failure)
{
	struct part part = whole(program, batch, failure);
	uint64_t begin, n, failed = 0;
	uint8_t *to = out;

	for (begin = 0; begin < batch->count; begin += ZIPC_BATCH) {
		begin_part(&part, begin);
		run_part(&part);
		store_part(&part, to, 0, part.n);
		n = count_failed(&part, failure);
		if (n)
			clear_failed(&part, to);
		failed += n;
		to += part.n * program->header.output_bytes;
	}
	return failed;
}

uint64_t zipc_program_select(struct zipc_program *program,
			     const struct zipc_program_batch *batch,
			     uint32_t *rows,
			     struct zipc_program_failure *failure)
{
	struct part part = whole(program, batch, failure);
	uint64_t begin, chosen = 0;
	const zipc_bits *truth;
	size_t k;

	assert(!strcmp(program->type, "bool"));
	assert(batch->rows || batch->count <= UINT32_MAX);
	for (begin = 0; begin < batch->count; begin += ZIPC_BATCH) {
		begin_part(&part, begin);
		run_part(&part);
		count_failed(&part, failure);
		truth = program->column[program->store_column[0]];
		/* Chosen or not, it is written; the next one goes over it. */
		for (k = 0; k < part.n; k++) {
			rows[chosen] = batch->rows ? batch->rows[begin + k]
						   : (uint32_t)(begin + k);
			chosen += truth[k] & (program->faults[k] == 0);
		}
	}
	return chosen;
}

/* Folds. */

/* One element; whether it fails. */
static int fold_one(struct part *part, size_t at, uint8_t *given)
{
	const struct zipc_program *program = part->program;
	unsigned k;

	for (k = 0; k < program->header.instructions; k++)
		if (program->steps[k].follows_acc)
			run_step(part, k, at, 1);
	if (program->faults[at])
		return 1;
	store_part(part, given, at, 1);
	return 0;
}

/* How many of a part go well. */
static size_t fold_part(struct part *part, uint8_t *state, uint8_t *given,
			uint8_t *out)
{
	const struct zipc_program *program = part->program;
	size_t k, size = program->header.output_bytes;
	unsigned j;

	for (j = 0; j < program->header.instructions; j++)
		if (!program->steps[j].follows_acc)
			run_step(part, j, 0, part->n);
	for (k = 0; k < part->n && !fold_one(part, k, given); k++) {
		memcpy(state, given, size);
		if (out)
			memcpy(out + k * size, given, size);
	}
	return k;
}

int64_t zipc_program_fold(struct zipc_program *program,
			  const struct zipc_program_batch *batch, void *state,
			  void *out, struct zipc_program_failure *failure)
{
	struct part part = whole(program, batch, failure);
	size_t done = 0, size = program->header.output_bytes;
	uint8_t *given, *to = out;
	uint64_t begin = 0;

	if (!program->acc_fits)
		return zipc_fail(EPROTOTYPE,
				 "program: it gives %.100s, which is not the "
				 "type of `acc`",
				 program->type);
	given = malloc(size);
	if (!given)
		return zipc_fail(ENOMEM, "program: out of memory");
	part.acc = state;
	part.folds = 1;
	while (begin < batch->count && done == part.n) {
		begin_part(&part, begin);
		done = fold_part(&part, state, given, to);
		if (batch->faults)
			memset(batch->faults + begin, 0, done);
		if (done < part.n)
			tell(&part, done, failure);
		if (done < part.n && batch->faults)
			batch->faults[begin + done] = program->faults[done];
		to = to ? to + done * size : NULL;
		begin += done;
	}
	free(given);
	return (int64_t)begin;
}

/* For people. */

const char *zipc_program_fault_name(unsigned fault)
{
	static const char *const names[] = {"none", "overflow",
					    "division by zero", "range"};

	return fault < sizeof(names) / sizeof(names[0]) ? names[fault] : "?";
}

#define SHOWN 100u

/* So much of the text as is shown, with "..." for what is not. */
static const char *around(const struct zipc_program *program, unsigned place,
			  char *part)
{
	size_t length = strlen(program->text), begin = 0;
	char *at;

	if (length > SHOWN && place > SHOWN / 2)
		begin = place - SHOWN / 2;
	snprintf(part, SHOWN + 7, "%s%.*s%s", begin ? "..." : "", (int)SHOWN,
		 program->text + begin, length - begin > SHOWN ? "..." : "");
	for (at = part; (at = strpbrk(at, "\t\r\n")); at++)
		*at = ' ';
	return part;
}

void zipc_program_failure_print(const struct zipc_program *program,
				const struct zipc_program_failure *failure,
				char *text, size_t size)
{
	static const char *const words[] = {
		"nothing failed", "an integer needs more than 64 bits",
		"an integer is divided by zero",
		"the value is out of the range of its type",
	};
	char part[SHOWN + 7];

	snprintf(text, size, "element %llu: %s, at column %u of `%s`",
		 (unsigned long long)failure->element,
		 failure->fault < 4 ? words[failure->fault] : "?",
		 failure->place + 1, around(program, failure->place, part));
}
