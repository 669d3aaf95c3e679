/* SPDX-License-Identifier: MIT */
/*
 * A program from anywhere. By its first byte the input is the text of an
 * expression over some inputs; or bytes of a program; or damages to the bytes
 * of a sound one: {place, place, value} each. What is taken is run, over
 * columns of exactly the elements that there are, so that a sanitizer sees
 * every look beyond; twice it gives the same.
 */
#include "fuzz.h"

#include "../../libzeroipc/program.h"

#include <errno.h>
#include <stdbool.h>
#include <zeroipc.h>

#define ELEMENTS 5
#define OUTPUT_MOST 65536

static const struct zipc_program_name names[] = {
	{"x", "{ts:u64, temp:f32, id:u32, on:bool, p:i16[3], s:bytes:3}",
	 ZIPC_ROLE_ELEMENT},
	{"y", "i64", ZIPC_ROLE_ELEMENT},
	{"k", "f64", ZIPC_ROLE_ONE},
	{"acc", "f64", ZIPC_ROLE_ACC},
};

static int compile(struct zipc_program **program, const char *text, size_t n)
{
	struct zipc_program_source source = {
		.text = text, .length = n, .names = names, .count = 4,
		.index = 1,
	};
	size_t end = n + 1;
	int rc = zipc_program_compile(program, &source, &end);

	require(rc == 0 || (rc == -EINVAL && *zipc_last_error()),
		"compiling gives %d", rc);
	require(rc || end <= n, "it ends at %zu of %zu", end, n);
	return rc;
}

/* Inputs of random bytes, of exactly their sizes. */
static bool make_inputs(const struct zipc_program *program, void **at)
{
	struct zipc_type *type;
	const char *text;
	unsigned k;
	size_t j, size;

	for (k = 0; zipc_program_input(program, k, &text); k++) {
		require(!zipc_type_parse(&type, text, SIZE_MAX),
			"the type of input %u", k);
		size = ELEMENTS * zipc_type_size(type);
		zipc_type_free(type);
		if (size > OUTPUT_MOST)
			return false;
		at[k] = malloc(size);
		for (j = 0; j < size; j++)
			((uint8_t *)at[k])[j] = (uint8_t)(j * 37 + k);
	}
	return true;
}

static void run(struct zipc_program *program, void **at)
{
	uint64_t size = zipc_program_output_bytes(program);
	struct zipc_program_failure failure;
	uint8_t faults[ELEMENTS];
	struct zipc_program_batch batch = {
		.at = (const void *const *)at, .count = ELEMENTS,
		.faults = faults,
	};
	uint8_t *out = malloc(ELEMENTS * size);
	uint8_t *again = malloc(ELEMENTS * size);
	uint32_t rows[ELEMENTS];
	uint64_t n, failed = zipc_program_run(program, &batch, out, &failure);

	require(failed == zipc_program_run(program, &batch, again, NULL) &&
		!memcmp(out, again, ELEMENTS * size), "it differs from itself");
	require((failed != 0) == (failure.fault != 0), "a failure untold");
	if (!strcmp(zipc_program_type(program), "bool")) {
		n = zipc_program_select(program, &batch, rows, NULL);
		require(n <= ELEMENTS - failed, "%d are chosen", (int)n);
	}
	memset(again, 0, size);
	zipc_program_fold(program, &batch, again, out, &failure);
	free(out);
	free(again);
}

static void try_program(struct zipc_program *program)
{
	void *at[ZIPC_PROGRAM_INPUTS] = {NULL};
	unsigned k;

	if (make_inputs(program, at) &&
	    zipc_program_output_bytes(program) <= OUTPUT_MOST)
		run(program, at);
	for (k = 0; k < ZIPC_PROGRAM_INPUTS; k++)
		free(at[k]);
	zipc_program_close(program);
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
	void *copy = fuzz_exact(bytes, size);
	struct zipc_program *program;
	int rc = zipc_program_read(&program, copy, size, NULL);

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

	require(!compile(&program, text, strlen(text)), "the sound one");
	memcpy(bytes, zipc_program_bytes(program, &length), 1);
	require(length <= sizeof(bytes), "it fits");
	memcpy(bytes, zipc_program_bytes(program, &length), length);
	zipc_program_close(program);
	for (k = 0; k + 3 <= size; k += 3)
		bytes[(data[k] | data[k + 1] << 8) % length] = data[k + 2];
	try_bytes(bytes, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zipc_program *program;
	char *text;

	if (!size)
		return 0;
	if (data[0] == 'b') {
		try_bytes(data + 1, size - 1);
	} else if (data[0] == 'd') {
		try_damages(data + 1, size - 1);
	} else {
		text = fuzz_exact(data + 1, size - 1);
		if (!compile(&program, text, size - 1))
			try_program(program);
		free(text);
	}
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
