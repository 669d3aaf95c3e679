/* SPDX-License-Identifier: MIT */
/*
 * The walk over a value is our own, and leaves only scalars to
 * zipc_value_print(): a hostile type can turn one byte of a segment into a
 * thousand characters, and the walk stops when the answer's limit is met.
 */
#include "json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The length of the UTF-8 sequence at s, or 0 if it is none. */
static unsigned sequence(const unsigned char *s)
{
	unsigned i, n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	n = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	/* A NUL is no continuation, so this never looks past the end. */
	for (i = 1; i < n; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
	    (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
		return 0;
	return n;
}

void json_utf8(const char *bytes, char *out)
{
	const unsigned char *s = (const unsigned char *)bytes;
	unsigned n;

	while (*s) {
		n = sequence(s);
		memcpy(out, n ? (const char *)s : "\xEF\xBF\xBD", n ? n : 3);
		out += n ? n : 3;
		s += n ? n : 1;
	}
	*out = 0;
}

void json_string(cJSON *object, const char *key, const char *bytes)
{
	char *clean = malloc(3 * strlen(bytes) + 1);

	if (!clean)
		return;
	json_utf8(bytes, clean);
	cJSON_AddStringToObject(object, key, clean);
	free(clean);
}

void json_u64(cJSON *object, const char *key, uint64_t value, bool as_string)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	if (as_string)
		cJSON_AddStringToObject(object, key, text);
	else
		cJSON_AddRawToObject(object, key, text);
}

void json_time(cJSON *object, const char *key, uint64_t ns_since_1970)
{
	time_t seconds = (time_t)(ns_since_1970 / 1000000000);
	char text[64];
	struct tm tm;
	size_t n;

	if (!gmtime_r(&seconds, &tm))
		return;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03uZ",
		 (unsigned)(ns_since_1970 / 1000000 % 1000));
	cJSON_AddStringToObject(object, key, text);
}

/* Room for n bytes more and a NUL. */
static bool grow(struct json_text *text, size_t n)
{
	size_t room = text->room ? text->room : 1024;
	char *bytes;

	if (text->full || n >= text->limit - text->length) {
		text->full = true;
		return false;
	}
	while (room - text->length <= n)
		room *= 2;
	if (room == text->room)
		return true;
	bytes = realloc(text->bytes, room);
	if (!bytes) {
		text->full = true;
		return false;
	}
	text->bytes = bytes;
	text->room = room;
	return true;
}

void json_add(struct json_text *text, const char *bytes, size_t length)
{
	if (!grow(text, length))
		return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = 0;
}

void json_format(struct json_text *text, const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(line))
		text->full = true;
	else
		json_add(text, line, (size_t)n);
}

static void add_scalar(struct json_text *text, const struct zipc_type *type,
		       const void *bytes, bool quoted)
{
	char few[64];
	size_t n = zipc_value_print(type, bytes, few, sizeof(few));

	if (quoted)
		json_add(text, "\"", 1);
	if (n < sizeof(few)) {
		json_add(text, few, n);
	} else if (grow(text, n)) {
		zipc_value_print(type, bytes, text->bytes + text->length,
				 n + 1);
		text->length += n;
	}
	if (quoted)
		json_add(text, "\"", 1);
}

static void add_array(struct json_text *text, const struct zipc_type *type,
		      const char *bytes, bool int64_as_string)
{
	const struct zipc_type *element = zipc_type_element(type);
	uint64_t i, n = zipc_type_length(type), size = zipc_type_size(element);

	json_add(text, "[", 1);
	for (i = 0; i < n && !text->full; i++) {
		if (i)
			json_add(text, ", ", 2);
		json_value(text, element, bytes + i * size, int64_as_string);
	}
	json_add(text, "]", 1);
}

static void add_record(struct json_text *text, const struct zipc_type *type,
		       const char *bytes, bool int64_as_string)
{
	const struct zipc_type *field;
	const char *name;
	uint64_t i, offset;

	json_add(text, "{", 1);
	for (i = 0; !text->full; i++) {
		field = zipc_type_field(type, i, &name, &offset);
		if (!field)
			break;
		json_add(text, i ? ", \"" : "\"", i ? 3 : 1);
		json_add(text, name, strlen(name));
		json_add(text, "\": ", 3);
		json_value(text, field, bytes + offset, int64_as_string);
	}
	json_add(text, "}", 1);
}

void json_value(struct json_text *text, const struct zipc_type *type,
		const void *bytes, bool int64_as_string)
{
	enum zipc_type_class class = zipc_type_class(type);
	bool integer = class == ZIPC_TYPE_INT || class == ZIPC_TYPE_UINT;

	if (class == ZIPC_TYPE_RECORD)
		add_record(text, type, bytes, int64_as_string);
	else if (class == ZIPC_TYPE_ARRAY)
		add_array(text, type, bytes, int64_as_string);
	else
		add_scalar(text, type, bytes,
			   int64_as_string && integer &&
				   zipc_type_size(type) == 8);
}
