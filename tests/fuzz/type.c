/* SPDX-License-Identifier: MIT */
/*
 * The text of a type, from anywhere. What is accepted has a canonical text that
 * is accepted as the same type, and a layout that obeys C's rules, worked out
 * here once more. Behind a NUL stands a second text: two types are equal if and
 * only if their canonical texts are.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <zeroipc.h>

#define LEVELS_MOST 16
#define SIZE_MOST (UINT64_C(1) << 30)

struct layout {
	uint64_t size, align;
	unsigned levels;
};

static struct layout layout_of(const struct zipc_type *type);

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static struct layout record_layout(const struct zipc_type *type)
{
	struct layout record = { 0, 1, 0 }, field;
	uint64_t i, offset, n = zipc_type_length(type);
	const struct zipc_type *inner;
	const char *name;

	require(n > 0, "a record without fields");
	for (i = 0; i < n; i++) {
		inner = zipc_type_field(type, i, &name, &offset);
		require(inner && name && *name, "field %d has no name", (int)i);
		field = layout_of(inner);
		record.size = round_up(record.size, field.align);
		require(offset == record.size, "field `%s` is at %llu", name,
			(unsigned long long)offset);
		record.size += field.size;
		if (field.align > record.align)
			record.align = field.align;
		if (field.levels > record.levels)
			record.levels = field.levels;
	}
	require(!zipc_type_field(type, n, &name, &offset), "a field too many");
	record.size = round_up(record.size, record.align);
	record.levels++;
	return record;
}

/* "u32" has 4 bytes; a bool has one. */
static uint64_t scalar_size(const char *text)
{
	return strcmp(text, "bool") ? strtoul(text + 1, NULL, 10) / 8 : 1;
}

static struct layout layout_of(const struct zipc_type *type)
{
	struct layout layout = { 0, 0, 1 };

	switch (zipc_type_class(type)) {
	case ZIPC_TYPE_RECORD:
		layout = record_layout(type);
		break;
	case ZIPC_TYPE_ARRAY:
		layout = layout_of(zipc_type_element(type));
		layout.size *= zipc_type_length(type);
		layout.levels++;
		break;
	case ZIPC_TYPE_BYTES:
		layout.size = strtoul(strchr(zipc_type_text(type), ':') + 1,
				      NULL, 10);
		layout.align = 1;
		break;
	default:
		layout.size = scalar_size(zipc_type_text(type));
		layout.align = layout.size;
	}
	require(layout.levels <= LEVELS_MOST, "%u levels: %s", layout.levels,
		zipc_type_text(type));
	require(layout.size <= SIZE_MOST && layout.size > 0, "%llu bytes: %s",
		(unsigned long long)layout.size, zipc_type_text(type));
	require(layout.size == zipc_type_size(type) &&
			layout.align == zipc_type_align(type),
		"%s has %llu bytes", zipc_type_text(type),
		(unsigned long long)zipc_type_size(type));
	return layout;
}

/* Parse a copy of exactly that length; NULL after an error with words. */
static struct zipc_type *parse(const char *text, size_t length)
{
	char *copy = fuzz_exact(text, length);
	struct zipc_type *type = NULL;
	int rc = zipc_type_parse(&type, copy, length);

	free(copy);
	require(rc == 0 || *zipc_last_error(), "it fails without a message");
	return rc ? NULL : type;
}

static void check_round_trip(const struct zipc_type *type)
{
	const char *text = zipc_type_text(type);
	struct zipc_type *again = parse(text, strlen(text));
	char difference[64] = "";

	require(again, "`%s` is not accepted: %s", text, zipc_last_error());
	require(!strcmp(zipc_type_text(again), text), "`%s` became `%s`", text,
		zipc_type_text(again));
	require(zipc_type_equal(type, again, difference, sizeof(difference)),
		"`%s` differs from itself: %s", text, difference);
	require(strlen(text) <= ZIPC_TYPE_MAX, "its text is too long");
	zipc_type_free(again);
}

static void compare(const struct zipc_type *a, const struct zipc_type *b)
{
	bool same = !strcmp(zipc_type_text(a), zipc_type_text(b));
	char difference[64] = "";
	int equal = zipc_type_equal(a, b, difference, sizeof(difference));

	require(same == (equal != 0), "`%s` and `%s`", zipc_type_text(a),
		zipc_type_text(b));
	require(same || *difference, "`%s` and `%s` differ without words",
		zipc_type_text(a), zipc_type_text(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t first = nul ? (size_t)(nul - data) : size;
	struct zipc_type *a = parse((const char *)data, first), *b = NULL;

	if (nul)
		b = parse((const char *)nul + 1, size - first - 1);
	if (a) {
		layout_of(a);
		check_round_trip(a);
	}
	if (a && b) {
		compare(a, b);
		compare(b, a);
	}
	zipc_type_free(a);
	zipc_type_free(b);
	return 0;
}
