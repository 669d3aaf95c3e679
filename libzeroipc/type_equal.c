/* SPDX-License-Identifier: MIT */
/*
 * Comparing types: two that lay out the same bytes under the same names are
 * the same, and otherwise the first difference is told as a person would ask
 * for it: which field, what it is here, and what it is there. A field that one
 * side has not comes before a field of the same record that differs.
 *
 * Each function returns 1 for the same, else 0 with the difference told.
 */
#include "type.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t print_steps(const struct zipc_path *path, char *text, size_t size)
{
	size_t used = 0;

	if (path->outer)
		used = print_steps(path->outer, text, size);
	if (used >= size)
		return used;
	text += used;
	size -= used;
	if (path->name)
		used += (size_t)snprintf(text, size, "%s%s",
					 path->outer ? "." : "", path->name);
	else if (path->index == ZIPC_PATH_ANY)
		used += (size_t)snprintf(text, size, "[]");
	else
		used += (size_t)snprintf(text, size, "[%" PRIu64 "]",
					 path->index);
	return used;
}

static int names_a_field(const struct zipc_path *path)
{
	for (; path; path = path->outer)
		if (path->name)
			return 1;
	return 0;
}

void zipc_path_print(const struct zipc_path *path, char *text, size_t size)
{
	const char *what = names_a_field(path) ? "field" : "element";
	char steps[256];

	if (path) {
		print_steps(path, steps, sizeof(steps));
		snprintf(text, size, "%s %s: ", what, steps);
	} else if (size) {
		*text = '\0';
	}
}

/* What is compared with what, and where both stand in their whole. */
struct pair {
	const struct zipc_type *here, *there;
	uint64_t here_at, there_at; /* bytes; in an array's first element */
	const struct zipc_path *path;
	char *difference;
	size_t size;
};

static int differ(const struct pair *pair, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int differ(const struct pair *pair, const char *format, ...)
{
	char where[300], what[400];
	va_list args;

	zipc_path_print(pair->path, where, sizeof(where));
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(pair->difference, pair->size, "%s%s", where, what);
	return 0;
}

/* Of a long text the beginning is enough to tell it by. */
static void print_short(const struct zipc_type *type, char text[128])
{
	if (snprintf(text, 128, "%s", zipc_type_text(type)) >= 128)
		strcpy(text + 128 - sizeof(".."), "..");
}

static int differ_in_type(const struct pair *pair)
{
	char here[128], there[128];

	print_short(pair->here, here);
	print_short(pair->there, there);
	if (!names_a_field(pair->path))
		return differ(pair, "%s here, %s there", here, there);
	return differ(pair,
		      "%s at byte %" PRIu64 " here, %s at byte %" PRIu64
		      " there",
		      here, pair->here_at, there, pair->there_at);
}

static const struct zipc_type *find_field(const struct zipc_type *record,
					  const char *name,
					  uint64_t *offset_bytes)
{
	const struct zipc_type *field;
	const char *other;
	uint64_t i;

	for (i = 0; (field = zipc_type_field(record, i, &other, offset_bytes));
	     i++)
		if (!strcmp(name, other))
			return field;
	return NULL;
}

static int has_all_fields(const struct pair *pair,
			  const struct zipc_type *names,
			  const struct zipc_type *record, const char *where)
{
	struct pair inner = *pair;
	struct zipc_path path = {.outer = pair->path};
	uint64_t i;

	inner.path = &path;
	for (i = 0; zipc_type_field(names, i, &path.name, NULL); i++)
		if (!find_field(record, path.name, NULL))
			return differ(&inner, "missing %s", where);
	return 1;
}

static int same(const struct pair *pair);

static int same_fields(const struct pair *pair)
{
	struct zipc_path path = {.outer = pair->path};
	uint64_t i, here_offset, there_offset;
	struct pair inner = *pair;

	if (!has_all_fields(pair, pair->here, pair->there, "there") ||
	    !has_all_fields(pair, pair->there, pair->here, "here"))
		return 0;
	inner.path = &path;
	for (i = 0; (inner.here = zipc_type_field(pair->here, i, &path.name,
						  &here_offset));
	     i++) {
		inner.there = find_field(pair->there, path.name, &there_offset);
		inner.here_at = pair->here_at + here_offset;
		inner.there_at = pair->there_at + there_offset;
		if (here_offset != there_offset)
			return differ_in_type(&inner);
		if (!same(&inner))
			return 0;
	}
	return 1;
}

static int same_elements(const struct pair *pair)
{
	struct zipc_path path = {.outer = pair->path, .index = ZIPC_PATH_ANY};
	uint64_t here = zipc_type_length(pair->here);
	uint64_t there = zipc_type_length(pair->there);
	struct pair inner = *pair;

	if (here != there)
		return differ(pair,
			      "%" PRIu64 " elements here, %" PRIu64 " there",
			      here, there);
	inner.path = &path;
	inner.here = zipc_type_element(pair->here);
	inner.there = zipc_type_element(pair->there);
	return same(&inner);
}

static int same(const struct pair *pair)
{
	enum zipc_type_class class = zipc_type_class(pair->here);

	if (class != zipc_type_class(pair->there))
		return differ_in_type(pair);
	if (class == ZIPC_TYPE_RECORD)
		return same_fields(pair);
	if (class == ZIPC_TYPE_ARRAY)
		return same_elements(pair);
	/* Scalars and bytes have the same text if they are the same. */
	return !strcmp(zipc_type_text(pair->here),
		       zipc_type_text(pair->there)) ||
	       differ_in_type(pair);
}

int zipc_type_equal(const struct zipc_type *here, const struct zipc_type *there,
		    char *difference, size_t size)
{
	struct pair pair = {
		.here = here,
		.there = there,
		.difference = difference,
		.size = size,
	};

	assert(here && there);
	return same(&pair);
}
