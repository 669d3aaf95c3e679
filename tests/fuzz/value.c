/* SPDX-License-Identifier: MIT */
/*
 * Values as text, of a type that is drawn from the input's first four bytes.
 * The rest is tried twice: as an element's bytes, which print as a text that is
 * read back as a value of that same text; and as a text, which, if it is
 * accepted, gives bytes that survive printing and reading.
 */
#include "fuzz.h"

#include "../random_type.h"

#include <stdbool.h>
#include <zeroipc.h>

#define ELEM_MOST 4096u

/* Print at full length, and into every shorter room a true beginning of it. */
static char *print(const struct zipc_type *type, const void *bytes,
		   size_t cut)
{
	size_t length = zipc_value_print(type, bytes, NULL, 0), again;
	char *text = malloc(length + 1), *shorter;

	again = zipc_value_print(type, bytes, text, length + 1);
	require(again == length && strlen(text) == length, "%zu, then %zu",
		length, again);
	cut = cut % (length + 1);
	shorter = malloc(cut + 1);
	again = zipc_value_print(type, bytes, shorter, cut + 1);
	require(again == length && strlen(shorter) == cut &&
			!memcmp(shorter, text, cut),
		"cut to %zu: `%s`", cut, shorter);
	free(shorter);
	return text;
}

/* The bytes that text means; NULL: it was refused, and nothing written. */
static unsigned char *read_back(const struct zipc_type *type, const char *text)
{
	size_t size = zipc_type_size(type), i;
	unsigned char *bytes = malloc(size);

	memset(bytes, 0xA5, size);
	if (!zipc_value_parse(type, text, bytes))
		return bytes;
	require(*zipc_last_error(), "it fails without a message");
	for (i = 0; i < size; i++)
		require(bytes[i] == 0xA5, "byte %zu was written", i);
	free(bytes);
	return NULL;
}

static void check_bytes(const struct zipc_type *type, const uint8_t *data,
			size_t size)
{
	unsigned char *bytes = calloc(1, zipc_type_size(type)), *same;
	char *text, *again;

	if (size > zipc_type_size(type))
		size = zipc_type_size(type);
	if (size)
		memcpy(bytes, data, size);
	text = print(type, bytes, size ? data[0] : 0);
	same = read_back(type, text);
	require(same, "%s: `%s` is not accepted: %s", zipc_type_text(type),
		text, zipc_last_error());
	again = print(type, same, 1);
	require(!strcmp(text, again), "%s: `%s` became `%s`",
		zipc_type_text(type), text, again);
	free(again);
	free(text);
	free(same);
	free(bytes);
}

static void check_text(const struct zipc_type *type, const uint8_t *data,
		       size_t size)
{
	char *text = fuzz_string(data, size), *printed;
	unsigned char *bytes = read_back(type, text), *same;

	if (bytes) {
		printed = print(type, bytes, size);
		same = read_back(type, printed);
		require(same, "%s: `%s` is not accepted: %s",
			zipc_type_text(type), printed, zipc_last_error());
		require(!memcmp(bytes, same, zipc_type_size(type)),
			"%s: `%s` and `%s` are not the same bytes",
			zipc_type_text(type), text, printed);
		free(printed);
		free(same);
		free(bytes);
	}
	free(text);
}

/* One that is small enough to be printed often. */
static struct zipc_type *type_of(uint32_t seed)
{
	struct dice dice = { seed };
	struct random_type text;
	struct zipc_type *type;

	draw_type(&text, &dice);
	require(!zipc_type_parse(&type, text.blanks, SIZE_MAX), "`%s`: %s",
		text.blanks, zipc_last_error());
	require(!strcmp(zipc_type_text(type), text.canonical), "`%s` is `%s`",
		text.canonical, zipc_type_text(type));
	if (zipc_type_size(type) <= ELEM_MOST)
		return type;
	zipc_type_free(type);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zipc_type *type;
	uint32_t seed;

	if (size < sizeof(seed))
		return 0;
	memcpy(&seed, data, sizeof(seed));
	type = type_of(seed);
	if (!type)
		return 0;
	check_bytes(type, data + sizeof(seed), size - sizeof(seed));
	check_text(type, data + sizeof(seed), size - sizeof(seed));
	zipc_type_free(type);
	return 0;
}

/* Types one after the other, with bytes of every sort. */
size_t fuzz_generate(unsigned i, uint8_t *data, size_t room)
{
	struct dice dice = { i };
	size_t k, n = sizeof(uint32_t) + 512;
	uint32_t seed = i;

	if (i >= 20000 || n > room)
		return SIZE_MAX;
	memcpy(data, &seed, sizeof(seed));
	for (k = sizeof(seed); k < n; k++)
		data[k] = i % 3 ? (uint8_t)roll(&dice)
				: (uint8_t)" aZ~\"\\/0"[roll(&dice) % 8];
	return n;
}

#ifdef LIBFUZZER
/* Now and then a text that the type accepts, for others to be made from. */
static size_t begin_anew(uint8_t *data, size_t most, unsigned seed)
{
	struct zipc_type *type = type_of(seed);
	struct dice dice = { seed };
	unsigned char bytes[ELEM_MOST];
	size_t i, n;

	if (!type)
		return 0;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(seed % 2 ? roll(&dice) : 'a' + i);
	n = zipc_value_print(type, bytes, (char *)data + sizeof(seed),
			     most - sizeof(seed));
	zipc_type_free(type);
	memcpy(data, &seed, sizeof(seed));
	n += sizeof(seed);
	return n < most ? n : most;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned seed)
{
	size_t n = 0;

	if (seed % 8 == 0 && most > 64)
		n = begin_anew(data, most, seed / 8 % 4096);
	return n ? n : LLVMFuzzerMutate(data, size, most);
}
#endif
