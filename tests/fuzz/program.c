/* SPDX-License-Identifier: MIT */
/*
 * A program from anywhere. By its first byte the input is the text of an
 * expression over some inputs; or a type that is asked for, a NUL, and such a
 * text; or bytes of a program; or damages to the bytes of a sound one: {place,
 * place, value} each. What is taken is run, over columns of exactly the
 * elements that there are, so that a sanitizer sees every look beyond. Twice it
 * gives the same, and so it does backwards by rows.
 */
#include "fuzz.h"

#include "../../libzeroipc/program.h"

#include <errno.h>
#include <stdbool.h>
#include <zeroipc.h>

/* An even number is run where the inputs lie; and one more than a batch. */
#define FEW 6
#define MANY 257
#define BYTES_MOST 65536 /* of what there is for each element, of one kind */

static const struct zipc_program_name names[] = {
	{"x", "{ts:u64, temp:f32, id:u32, on:bool, p:i16[3], s:bytes:3}",
	 ZIPC_ROLE_ELEMENT},
	{"y", "i64", ZIPC_ROLE_ELEMENT},
	{"k", "f64", ZIPC_ROLE_ONE},
	{"acc", "f64", ZIPC_ROLE_ACC},
};

static int compile(struct zipc_program **program, const char *text, size_t n,
		   const char *type)
{
	struct zipc_program_source source = {
		.text = text, .length = n, .names = names, .count = 4,
		.index = 1, .type = type,
	};
	size_t end = n + 1;
	int rc = zipc_program_compile(program, &source, &end);

	require(rc == 0 || (rc == -EINVAL && *zipc_last_error()),
		"compiling gives %d", rc);
	require(rc || end <= n, "it ends at %zu of %zu", end, n);
	return rc;
}

/* Inputs of random bytes, of exactly their sizes. */
static bool make_inputs(const struct zipc_program *program, unsigned n,
			void **at)
{
	struct zipc_type *type;
	const char *text;
	unsigned k;
	size_t j, size;

	for (k = 0; zipc_program_input(program, k, &text); k++) {
		require(!zipc_type_parse(&type, text, SIZE_MAX),
			"the type of input %u", k);
		size = n * zipc_type_size(type);
		zipc_type_free(type);
		if (size > BYTES_MOST)
			return false;
		at[k] = malloc(size);
		for (j = 0; j < size; j++)
			((uint8_t *)at[k])[j] = (uint8_t)(j * 37 + k);
	}
	return true;
}

/* What a run gave. */
struct given {
	uint8_t *out, faults[MANY];
	uint64_t failed;
	struct zipc_program_failure failure;
};

static void run(struct zipc_program *program, void **at, unsigned n,
		const uint32_t *rows, struct given *given)
{
	struct zipc_program_batch batch = {
		.at = (const void *const *)at, .count = n, .rows = rows,
		.faults = given->faults,
	};

	given->out = malloc(n * zipc_program_output_bytes(program));
	given->failed = zipc_program_run(program, &batch, given->out,
					 &given->failure);
	require((given->failed != 0) == (given->failure.fault != 0),
		"a failure untold");
	require(given->failure.fault ==
			(given->failed ? given->faults[given->failure.element]
				       : ZIPC_FAULT_NONE),
		"another failure is told");
}

/* Element k of what, as element n - 1 - k of the other. */
static void compare_backwards(const struct given *a, const struct given *b,
			      unsigned n, size_t size)
{
	unsigned k;

	require(a->failed == b->failed, "%d fail, and %d backwards",
		(int)a->failed, (int)b->failed);
	for (k = 0; k < n; k++)
		require(a->faults[k] == b->faults[n - 1 - k] &&
			!memcmp(a->out + k * size, b->out + (n - 1 - k) * size,
				size),
			"element %u differs backwards", k);
}

static void run_ways(struct zipc_program *program, void **at, unsigned n)
{
	size_t size = zipc_program_output_bytes(program);
	struct given once, twice, backwards;
	uint32_t rows[MANY];
	unsigned k;

	for (k = 0; k < n; k++)
		rows[k] = n - 1 - k;
	run(program, at, n, NULL, &once);
	run(program, at, n, NULL, &twice);
	run(program, at, n, rows, &backwards);
	require(once.failed == twice.failed &&
		!memcmp(once.out, twice.out, n * size), "it differs from itself");
	/* `i` counts what is run, not where it lies. */
	if (!zipc_program_uses_index(program))
		compare_backwards(&once, &backwards, n, size);
	free(once.out);
	free(twice.out);
	free(backwards.out);
}

/* By a selection of all, and by one of what the first has chosen. */
static void choose(struct zipc_program *program, void **at, unsigned n)
{
	struct zipc_program_batch batch = {
		.at = (const void *const *)at, .count = n,
	};
	uint32_t rows[MANY];
	struct zipc_program_failure failure;
	uint64_t chosen = zipc_program_select(program, &batch, rows, &failure);
	uint64_t again;

	require(chosen <= n - (failure.fault != 0), "%d are chosen",
		(int)chosen);
	batch.rows = rows;
	batch.count = chosen;
	again = zipc_program_select(program, &batch, rows, NULL);
	require(zipc_program_uses_index(program) || again == chosen,
		"of %d that were chosen %d are", (int)chosen, (int)again);
}

static void fold(struct zipc_program *program, void **at, unsigned n,
		 const uint32_t *rows)
{
	size_t size = zipc_program_output_bytes(program);
	uint8_t *state = calloc(1, size), *out = malloc(n * size);
	uint8_t faults[MANY];
	struct zipc_program_batch batch = {
		.at = (const void *const *)at, .count = n, .rows = rows,
		.faults = faults,
	};
	struct zipc_program_failure failure;
	int64_t done = zipc_program_fold(program, &batch, state, out, &failure);

	require(done == -EPROTOTYPE || (done == n && !failure.fault) ||
		(done >= 0 && done < n && failure.element == (uint64_t)done &&
		 failure.fault && faults[done] == failure.fault),
		"a fold of %u gives %d", n, (int)done);
	require(done <= 0 || !memcmp(state, out + (size_t)(done - 1) * size,
				     size),
		"another state than it gave last");
	free(state);
	free(out);
}

static void try_elements(struct zipc_program *program, unsigned n)
{
	static const uint32_t all[MANY];
	void *at[ZIPC_PROGRAM_INPUTS] = {NULL};
	unsigned k;

	if (n * zipc_program_output_bytes(program) <= BYTES_MOST &&
	    make_inputs(program, n, at)) {
		run_ways(program, at, n);
		if (!strcmp(zipc_program_type(program), "bool"))
			choose(program, at, n);
		fold(program, at, n, NULL);
		fold(program, at, n, all);
	}
	for (k = 0; k < ZIPC_PROGRAM_INPUTS; k++)
		free(at[k]);
}

static void try_program(struct zipc_program *program)
{
	try_elements(program, FEW);
	try_elements(program, MANY);
	zipc_program_close(program);
}

/* By what it was made for, too: then it is that, or is refused. */
static void try_asked(const void *bytes, size_t size)
{
	struct zipc_program_source asked = {
		.names = names, .count = 4, .index = 1,
	};
	struct zipc_program *program;
	const char *type;
	unsigned k;
	int rc = zipc_program_read(&program, bytes, size, &asked);

	require(rc == 0 || rc == -EPROTOTYPE, "asked for, reading gives %d",
		rc);
	for (k = 0; !rc && k < 4; k++)
		require(!strcmp(zipc_program_input(program, k, &type),
				names[k].name) &&
			zipc_program_role(program, k) == names[k].role,
			"input %u is another", k);
	if (!rc)
		zipc_program_close(program);
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
	void *copy = fuzz_exact(bytes, size);
	struct zipc_program *program;
	int rc = zipc_program_read(&program, copy, size, NULL);

	if (!rc)
		try_asked(copy, size);
	free(copy);
	require(rc == 0 || rc == -EBADMSG || rc == -EPROTONOSUPPORT,
		"reading gives %d", rc);
	require(rc == 0 || *zipc_last_error(), "it fails without a message");
	if (!rc)
		try_program(program);
}

static void try_damages(const uint8_t *data, size_t size)
{
	static const char text[] =
		"{a: x.on ? x.ts // x.p[1] : i % 7, b: x.temp * k, s: x.s}";
	struct zipc_program *program;
	uint8_t bytes[4096];
	size_t k, length;

	require(!compile(&program, text, strlen(text), NULL), "the sound one");
	memcpy(bytes, zipc_program_bytes(program, &length), 1);
	require(length <= sizeof(bytes), "it fits");
	memcpy(bytes, zipc_program_bytes(program, &length), length);
	zipc_program_close(program);
	for (k = 0; k + 3 <= size; k += 3)
		bytes[(data[k] | data[k + 1] << 8) % length] = data[k + 2];
	try_bytes(bytes, length);
}

static void try_text(const uint8_t *data, size_t size, const char *type)
{
	struct zipc_program *program;
	char *text = fuzz_exact(data, size);

	if (!compile(&program, text, size, type))
		try_program(program);
	free(text);
}

static void try_type(const uint8_t *data, size_t size)
{
	char *type = fuzz_string(data, size);
	size_t n = strlen(type) + 1;

	if (n < size)
		try_text(data + n, size - n, type);
	free(type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] == 'b')
		try_bytes(data + 1, size - 1);
	else if (data[0] == 'd')
		try_damages(data + 1, size - 1);
	else if (data[0] == 'w')
		try_type(data + 1, size - 1);
	else
		try_text(data + 1, size - 1, NULL);
	return 0;
}

/* Each byte of the first 500 of the sound program, changed in some ways. */
size_t fuzz_generate(unsigned i, uint8_t *data, size_t room)
{
	static const uint8_t values[] = {0, 1, 2, 3, 8, 11, 49, 127, 255};
	unsigned place = i / sizeof(values);

	if (place >= 500 || room < 4)
		return SIZE_MAX;
	data[0] = 'd';
	data[1] = (uint8_t)place;
	data[2] = (uint8_t)(place >> 8);
	data[3] = values[i % sizeof(values)];
	return 4;
}
