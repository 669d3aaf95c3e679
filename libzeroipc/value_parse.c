/* SPDX-License-Identifier: MIT */
/*
 * Reading a value from JSON text. The type leads: what it does not name is an
 * error, and no text makes the recursion deeper than the type is.
 *
 * The text is read twice. The first reading has nowhere to store (bytes is
 * NULL) and finds every error, so that the caller's bytes change only when all
 * is well, and no copy of them is needed. The second checks everything again:
 * what it stores stays inside, even if another thread has changed the text.
 */
#include "error.h"
#include "value_read.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* More than the fields of any record, as zipc_type_parse() limits them. */
#define MAX_FIELDS 256

/* Arrays, records, and any value. */

static int read_value(struct zipc_scanner *s, const struct zipc_target *to);

static int read_array(struct zipc_scanner *s, const struct zipc_target *to)
{
	uint64_t n = zipc_type_length(to->type);
	struct zipc_path path = {.outer = to->path};
	struct zipc_target element = {zipc_type_element(to->type), to->bytes,
				      &path};

	if (!zipc_scan_take(s, '['))
		return zipc_scan_expected(s, to->path, "'['");
	for (; path.index < n; path.index++) {
		if (path.index && !zipc_scan_take(s, ',')) {
			if (!zipc_scan_take(s, ']'))
				return zipc_scan_expected(s, to->path,
							  "',' or ']'");
			return zipc_scan_fail(s->at - 1, to->path,
					      "%" PRIu64
					      " elements, not the array's "
					      "%" PRIu64,
					      path.index, n);
		}
		if (read_value(s, &element))
			return -EINVAL;
		if (element.bytes)
			element.bytes += zipc_type_size(element.type);
	}
	if (zipc_scan_take(s, ']'))
		return 0;
	if (zipc_scan_take(s, ','))
		return zipc_scan_fail(
			s->at - 1, to->path,
			"more than the array's %" PRIu64 " elements", n);
	return zipc_scan_expected(s, to->path, "']'");
}

static int fail_in_name(size_t at, const struct zipc_target *record,
			const char *word)
{
	char names[300];
	const char *name;
	size_t used = 0;
	uint64_t i;

	for (i = 0; zipc_type_field(record->type, i, &name, NULL); i++) {
		if (used + strlen(", ") + strlen(name) + sizeof(", ..") >
		    sizeof(names)) {
			strcpy(names + used, ", ..");
			break;
		}
		used += (size_t)sprintf(names + used, "%s%s", i ? ", " : "",
					name);
	}
	return zipc_scan_fail(at, record->path, "no field %s; there %s %s",
			      word, i == 1 ? "is" : "are", names);
}

/* A field's name and ':'. Its index in the record, or -EINVAL. */
static int take_name(struct zipc_scanner *s, const struct zipc_target *record)
{
	char word[ZIPC_WORD_SIZE];
	const char *name;
	size_t start;
	uint64_t i;
	int rc;

	zipc_scan_blanks(s);
	start = s->at;
	rc = zipc_scan_word(s, record->path, word);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return zipc_scan_expected(s, record->path, "a field name");
	for (i = 0; zipc_type_field(record->type, i, &name, NULL); i++)
		if (!strcmp(name, word)) {
			if (zipc_scan_take(s, ':'))
				return (int)i;
			return zipc_scan_expected(s, record->path,
						  "':' after a field name");
		}
	return fail_in_name(start, record, word);
}

static int read_field(struct zipc_scanner *s, const struct zipc_target *record,
		      uint8_t seen[MAX_FIELDS])
{
	struct zipc_path path = {.outer = record->path};
	struct zipc_target field = {.path = &path};
	uint64_t offset;
	size_t start;
	int i;

	zipc_scan_blanks(s);
	start = s->at;
	i = take_name(s, record);
	if (i < 0)
		return i;
	field.type =
		zipc_type_field(record->type, (uint64_t)i, &path.name, &offset);
	if (seen[i]++)
		return zipc_scan_fail(start, &path, "it stands here twice");
	if (record->bytes)
		field.bytes = record->bytes + offset;
	return read_value(s, &field);
}

static int read_record(struct zipc_scanner *s, const struct zipc_target *to)
{
	uint8_t seen[MAX_FIELDS] = {0};

	if (!zipc_scan_take(s, '{'))
		return zipc_scan_expected(s, to->path, "'{'");
	if (zipc_scan_take(s, '}'))
		return 0;
	do {
		if (read_field(s, to, seen))
			return -EINVAL;
	} while (zipc_scan_take(s, ','));
	if (zipc_scan_take(s, '}'))
		return 0;
	return zipc_scan_expected(s, to->path, "',' or '}'");
}

static int read_value(struct zipc_scanner *s, const struct zipc_target *to)
{
	switch (zipc_type_class(to->type)) {
	case ZIPC_TYPE_BOOL:
		return zipc_read_bool(s, to);
	case ZIPC_TYPE_INT:
	case ZIPC_TYPE_UINT:
		return zipc_read_integer(s, to);
	case ZIPC_TYPE_FLOAT:
		return zipc_read_float(s, to);
	case ZIPC_TYPE_BYTES:
		return zipc_read_bytes(s, to);
	case ZIPC_TYPE_ARRAY:
		return read_array(s, to);
	case ZIPC_TYPE_RECORD:
		return read_record(s, to);
	}
	assert(!"a type has one of the classes above");
	return -EINVAL;
}

static int read_whole(const struct zipc_type *type, const char *text,
		      uint8_t *bytes)
{
	struct zipc_scanner s = {text, 0};
	struct zipc_target whole = {type, bytes, NULL};

	if (read_value(&s, &whole))
		return -EINVAL;
	zipc_scan_blanks(&s);
	return s.text[s.at] ? zipc_scan_expected(&s, NULL, "the end") : 0;
}

int zipc_value_parse(const struct zipc_type *type, const char *text,
		     void *bytes)
{
	/* In the C locale, whatever the program has chosen: 2.5, not 2,5. */
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL);
	locale_t before;
	int rc;

	assert(type && text && bytes);
	if (!c)
		return zipc_fail(ENOMEM, "value: no memory for the C locale");
	before = uselocale(c);
	rc = read_whole(type, text, NULL);
	if (!rc) {
		memset(bytes, 0, zipc_type_size(type));
		rc = read_whole(type, text, bytes);
	}
	uselocale(before);
	freelocale(c);
	return rc;
}
