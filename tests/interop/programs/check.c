/* SPDX-License-Identifier: MIT */
/*
 * The C library's runner of programs' vectors; README.md has their form.
 *
 *   check FILE..          runs them, and prints TAP; those here, if none
 *   check --code FILE     prints the file, with the bytes of each program
 *
 * Each vector is run in four ways: all rows at once, each row alone, the rows
 * backwards through a selection, and after the program went through its bytes.
 */
#include "../../../libzeroipc/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zeroipc.h>

#define ROWS 64
#define LINE 16384

struct input {
	char *name, *type_text;
	enum zipc_program_role role;
	struct zipc_type *type;
	uint8_t *values; /* ROWS of them */
};

static struct vector {
	const char *file;
	unsigned line; /* of its expression */
	struct input inputs[ZIPC_PROGRAM_INPUTS];
	unsigned inputs_count;
	int index;
	uint64_t first;
	char *expression, *gives, *wants, *code, *fold;
	size_t refused; /* the column; 0: it is not */
	unsigned rows;
	char *results[ROWS];
} vector;

static unsigned number, asked_for_code, line_number;

static void fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list args;

	printf("not ok %u - %s:%u: ", ++number, vector.file, vector.line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n# of `%s`\n1..%u\n", vector.expression, number);
	exit(1);
}

static void *room(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}

/* Reading. */

static char *next_word(char **at)
{
	char *word = *at;

	if (!word)
		fail("line %u: too few words", line_number);
	*at = strchr(word, '\t');
	if (*at)
		*(*at)++ = '\0';
	return word;
}

static struct zipc_type *type_of(const char *text)
{
	struct zipc_type *type;

	if (zipc_type_parse(&type, text, SIZE_MAX))
		fail("%s", zipc_last_error());
	return type;
}

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

static void read_value(const struct zipc_type *type, const char *text,
		       void *value)
{
	if (zipc_value_parse(type, text, value))
		fail("line %u: %s", line_number, zipc_last_error());
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

static int is_word(char **at, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*at, word, length) || (*at)[length] != '\t')
		return 0;
	*at += length + 1;
	return 1;
}

static void read_line(char *at)
{
	if (is_word(&at, "input")) {
		read_input(at);
	} else if (is_word(&at, "index")) {
		vector.index = 1;
		vector.first = strtoull(at, NULL, 10);
	} else if (is_word(&at, "expression")) {
		vector.expression = strdup(at);
		vector.line = line_number;
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
		fail("line %u: what is that? %s", line_number, at);
	}
}

/* Checking. */

static int compile(struct zipc_program **program)
{
	struct zipc_program_name names[ZIPC_PROGRAM_INPUTS];
	struct zipc_program_source source = {
		.text = vector.expression,
		.length = strlen(vector.expression),
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
	char words[64];

	snprintf(words, sizeof(words), "column %zu:", vector.refused);
	if (!compile(&program))
		fail("it is not refused");
	if (!strstr(zipc_last_error(), words))
		fail("refused as %s, and not at column %zu", zipc_last_error(),
		     vector.refused);
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

static char *hex_of(const void *bytes, size_t size)
{
	char *hex = room(2 * size + 1);
	size_t k;

	for (k = 0; k < size; k++)
		sprintf(hex + 2 * k, "%02x", ((const uint8_t *)bytes)[k]);
	return hex;
}

static void check_program(void)
{
	struct zipc_program *program, *again;
	struct zipc_type *type;
	const void *bytes;
	size_t size;
	char *hex;

	if (compile(&program))
		fail("%s", zipc_last_error());
	if (strcmp(zipc_program_type(program), vector.gives))
		fail("it gives %s, not %s", zipc_program_type(program),
		     vector.gives);
	bytes = zipc_program_bytes(program, &size);
	hex = hex_of(bytes, size);
	if (asked_for_code)
		printf("code\t%s\n", hex);
	else if (vector.code && strcmp(hex, vector.code))
		fail("its bytes are\n%s, not\n%s", hex, vector.code);
	free(hex);
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
	free(vector.expression);
	free(vector.gives);
	free(vector.wants);
	free(vector.code);
	free(vector.fold);
	vector = (struct vector){.file = vector.file};
}

/* At the empty line behind a vector. */
static void check_vector(void)
{
	if (!vector.expression)
		return;
	if (vector.refused)
		check_refusal();
	else
		check_program();
	if (!asked_for_code)
		printf("ok %u - %s:%u\n", ++number, vector.file, vector.line);
	forget();
}

static void check_file(const char *path)
{
	FILE *file = fopen(path, "r");
	static char line[LINE * 8];
	const char *name = strrchr(path, '/');

	vector.file = name ? name + 1 : path;
	if (!file)
		fail("cannot open %s", path);
	for (line_number = 1; fgets(line, sizeof(line), file); line_number++) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line)
			check_vector();
		if (asked_for_code && strncmp(line, "code\t", 5))
			puts(line);
		if (*line && *line != '#')
			read_line(line);
	}
	check_vector();
	fclose(file);
}

static void check_ours(void)
{
	static const char *const names[] = {"hand", "random"};
	const char *top = getenv("top_srcdir");
	char path[4096];
	int k;

	for (k = 0; k < 2; k++) {
		snprintf(path, sizeof(path),
			 "%s/tests/interop/programs/%s.vectors",
			 top ? top : ".", names[k]);
		check_file(path);
	}
}

int main(int argc, char **argv)
{
	int k = 1;

	if (argc > 1 && !strcmp(argv[1], "--code")) {
		asked_for_code = 1;
		k++;
	}
	for (; k < argc; k++)
		check_file(argv[k]);
	if (argc == 1)
		check_ours();
	if (!asked_for_code)
		printf("1..%u\n", number);
	return !(number || asked_for_code);
}
