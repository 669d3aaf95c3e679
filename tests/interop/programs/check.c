/* SPDX-License-Identifier: MIT */
/*
 * The C library's runner of programs' vectors; README.md has their form, and
 * vectors.h how it is called.
 *
 * Each vector is run in four ways: all rows at once, each row alone, the rows
 * backwards through a selection, and after the program went through its bytes.
 */
#include "../../../libzeroipc/program.h"

#include "../vectors.h"

#define ROWS 64
#define LINE 16384

struct input {
	char *name, *type_text;
	enum zipc_program_role role;
	struct zipc_type *type;
	uint8_t *values; /* ROWS of them */
};

static struct vector {
	struct input inputs[ZIPC_PROGRAM_INPUTS];
	unsigned inputs_count;
	int index;
	uint64_t first;
	char *gives, *wants, *code, *fold;
	size_t refused; /* the column; 0: it is not */
	unsigned rows;
	char *results[ROWS];
} vector;

/* Reading. */

static void read_input(char *at)
{
	struct input *input = &vector.inputs[vector.inputs_count++];
	const char *role;

	input->name = strdup(next_word(&at));
	role = next_word(&at);
	input->role = !strcmp(role, "acc")   ? ZIPC_ROLE_ACC
		      : !strcmp(role, "one") ? ZIPC_ROLE_ONE
					     : ZIPC_ROLE_ELEMENT;
	input->type_text = strdup(next_word(&at));
	input->type = type_of(input->type_text);
	input->values = room(ROWS * zipc_type_size(input->type));
}

static void read_row(char *at)
{
	unsigned k, row = vector.rows++;

	if (row == ROWS)
		fail("over %d rows", ROWS);
	for (k = 0; k < vector.inputs_count; k++) {
		struct input *input = &vector.inputs[k];

		if (input->role == ZIPC_ROLE_ACC && vector.fold)
			continue;
		/* What is one for all stays where the first row put it. */
		read_value(input->type, next_word(&at),
			   input->role == ZIPC_ROLE_ONE
				   ? input->values
				   : input->values +
					     row * zipc_type_size(input->type));
	}
	vector.results[row] = strdup(next_word(&at));
}

static void read_line(char *at)
{
	if (is_word(&at, "input")) {
		read_input(at);
	} else if (is_word(&at, "index")) {
		vector.index = 1;
		vector.first = strtoull(at, NULL, 10);
	} else if (is_word(&at, "expression")) {
		read_text(at);
	} else if (is_word(&at, "gives")) {
		vector.gives = strdup(at);
	} else if (is_word(&at, "wants")) {
		vector.wants = strdup(at);
	} else if (is_word(&at, "code")) {
		vector.code = strdup(at);
	} else if (is_word(&at, "fold")) {
		vector.fold = strdup(at);
	} else if (is_word(&at, "refused")) {
		vector.refused = strtoul(at, NULL, 10);
	} else if (is_word(&at, "row")) {
		read_row(at);
	} else {
		fail("line %u: what is that? %s", vectors_line, at);
	}
}

/* Checking. */

static int compile(struct zipc_program **program)
{
	struct zipc_program_name names[ZIPC_PROGRAM_INPUTS];
	struct zipc_program_source source = {
		.text = vectors_text,
		.length = strlen(vectors_text),
		.names = names,
		.count = vector.inputs_count,
		.index = vector.index,
		.type = vector.wants,
	};
	unsigned k;

	for (k = 0; k < vector.inputs_count; k++)
		names[k] = (struct zipc_program_name){
			vector.inputs[k].name, vector.inputs[k].type_text,
			vector.inputs[k].role,
		};
	return zipc_program_compile(program, &source, NULL);
}

static void check_refusal(void)
{
	struct zipc_program *program;

	if (!compile(&program))
		fail("it is not refused");
	check_column(vector.refused);
}

/* What row gives, against its line. */
static void check_result(const char *way, unsigned row, unsigned fault,
			 const void *value, const struct zipc_type *type)
{
	size_t size = zipc_type_size(type);
	char has[LINE], *result = vector.results[row];
	uint8_t *expected = room(size);
	int is_right;

	zipc_value_print(type, value, has, sizeof(has));
	if (result[0] == '!') {
		is_right = !strcmp(result + 2, zipc_program_fault_name(fault));
	} else {
		read_value(type, result, expected);
		is_right = !fault;
	}
	if (!is_right || memcmp(expected, value, size))
		fail("%s, row %u: %s (%s), not %s", way, row + 1, has,
		     zipc_program_fault_name(fault), result);
	free(expected);
}

static void run(struct zipc_program *program, const char *way, unsigned from,
		unsigned n, const uint32_t *rows, const struct zipc_type *type)
{
	size_t size = zipc_type_size(type);
	const void *at[ZIPC_PROGRAM_INPUTS];
	uint8_t *out = room(n * size), faults[ROWS];
	struct zipc_program_batch batch = {
		.at = at, .rows = rows, .count = n,
		.first = vector.first + from, .faults = faults,
	};
	struct zipc_program_failure failure;
	unsigned k, first = n;
	uint64_t bad, count = 0;

	for (k = 0; k < vector.inputs_count; k++)
		at[k] = vector.inputs[k].values +
			(vector.inputs[k].role == ZIPC_ROLE_ELEMENT
				 ? from * zipc_type_size(vector.inputs[k].type)
				 : 0);
	bad = zipc_program_run(program, &batch, out, &failure);
	for (k = n; k--;)
		if (faults[k]) {
			count++;
			first = k;
		}
	if (bad != count || (bad && (failure.element != first ||
				     failure.fault != faults[first])))
		fail("%s: other failures are told than there are", way);
	for (k = 0; k < n; k++)
		check_result(way, from + (rows ? rows[k] : k), faults[k],
			     out + k * size, type);
	free(out);
}

static void run_fold(struct zipc_program *program, const struct zipc_type *type)
{
	size_t size = zipc_type_size(type);
	const void *at[ZIPC_PROGRAM_INPUTS];
	uint8_t *state = room(size), *out = room(ROWS * size), faults[ROWS];
	struct zipc_program_batch batch = {
		.at = at, .count = vector.rows, .first = vector.first,
		.faults = faults,
	};
	unsigned k, done;

	for (k = 0; k < vector.inputs_count; k++)
		at[k] = vector.inputs[k].values;
	read_value(type, vector.fold, state);
	done = (unsigned)zipc_program_fold(program, &batch, state, out, NULL);
	for (k = 0; k < vector.rows && k <= done; k++)
		check_result("fold", k, faults[k], out + k * size, type);
	if (done + 1 < vector.rows)
		fail("the fold ends at row %u", done + 1);
	if (done && memcmp(state, out + (done - 1) * size, size))
		fail("the fold leaves another state");
	free(state);
	free(out);
}

static void run_all(struct zipc_program *program, const struct zipc_type *type)
{
	uint32_t backwards[ROWS];
	unsigned k;

	if (vector.fold) {
		run_fold(program, type);
		return;
	}
	run(program, "all at once", 0, vector.rows, NULL, type);
	for (k = 0; k < vector.rows; k++)
		run(program, "alone", k, 1, NULL, type);
	for (k = 0; k < vector.rows; k++)
		backwards[k] = vector.rows - 1 - k;
	/* `i` counts what is run, not where it lies. */
	if (!vector.index)
		run(program, "backwards", 0, vector.rows, backwards, type);
}

static void check_program(void)
{
	struct zipc_program *program, *again;
	struct zipc_type *type;
	const void *bytes;
	size_t size;

	if (compile(&program))
		fail("%s", zipc_last_error());
	if (strcmp(zipc_program_type(program), vector.gives))
		fail("it gives %s, not %s", zipc_program_type(program),
		     vector.gives);
	bytes = zipc_program_bytes(program, &size);
	check_code(bytes, size, vector.code);
	if (zipc_program_read(&again, bytes, size, NULL))
		fail("what it compiles to is refused: %s", zipc_last_error());
	zipc_program_close(program);
	type = type_of(vector.gives);
	run_all(again, type);
	zipc_type_free(type);
	zipc_program_close(again);
}

static void forget(void)
{
	unsigned k;

	for (k = 0; k < vector.inputs_count; k++) {
		free(vector.inputs[k].name);
		free(vector.inputs[k].type_text);
		free(vector.inputs[k].values);
		zipc_type_free(vector.inputs[k].type);
	}
	for (k = 0; k < vector.rows; k++)
		free(vector.results[k]);
	free(vector.gives);
	free(vector.wants);
	free(vector.code);
	free(vector.fold);
	memset(&vector, 0, sizeof(vector));
}

static void check_vector(void)
{
	if (vector.refused)
		check_refusal();
	else
		check_program();
}

int main(int argc, char **argv)
{
	static const struct vectors programs = {
		.directory = "programs",
		.read_line = read_line,
		.check = check_vector,
		.forget = forget,
	};

	return vectors_main(&programs, argc, argv);
}
