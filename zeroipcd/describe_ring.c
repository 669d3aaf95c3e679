/* SPDX-License-Identifier: MIT */
/* A ring's document: its records, and who writes and reads; describe.h. */
#include "describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zipc/inspect_ring.h>

#include "json.h"

/* Of a record, so that a thousand of them fit into an answer. */
#define SHOWN_MAX 2048u

static int add_readers(cJSON *object, struct zipc_view *view,
		       const struct zipc_view_entry *entry, unsigned places,
		       bool quoted)
{
	cJSON *all = cJSON_AddArrayToObject(object, "readers"), *one;
	struct zipc_view_ring_reader it;
	unsigned i;
	int rc;

	for (i = 0; i < places; i++) {
		rc = zipc_view_ring_reader(view, entry, i, &it);
		if (rc == -ENOENT)
			continue;
		if (rc)
			return rc;
		one = cJSON_CreateObject();
		cJSON_AddNumberToObject(one, "pid", it.pid);
		cJSON_AddBoolToObject(one, "alive", it.alive != 0);
		json_u64(one, "lag_bytes", it.lag_bytes, quoted);
		json_u64(one, "lost", it.lost, quoted);
		cJSON_AddItemToArray(all, one);
	}
	return 0;
}

static int add_ring(cJSON *object, struct zipc_view *view,
		    const struct zipc_view_entry *entry, bool quoted,
		    struct zipc_view_ring *it)
{
	int rc = zipc_view_ring(view, entry, it);
	cJSON *ring;

	if (rc)
		return rc;
	ring = cJSON_AddObjectToObject(object, "ring");
	json_u64(ring, "records", it->records + 1 - it->oldest, quoted);
	json_u64(ring, "written", it->records, quoted);
	cJSON_AddBoolToObject(ring, "back_pressure", it->back_pressure != 0);
	cJSON_AddBoolToObject(ring, "has_writer", it->has_writer != 0);
	cJSON_AddBoolToObject(ring, "writer_alive", it->writer_alive != 0);
	cJSON_AddNumberToObject(ring, "writer_pid", it->writer_pid);
	json_u64(ring, "max_readers", it->max_readers, false);
	return add_readers(ring, view, entry, it->max_readers, quoted);
}

/* Whether it is UTF-8 without control characters, but for tabs. */
static bool is_text(const char *text, size_t length)
{
	char clean[3 * SHOWN_MAX + 1];
	size_t i;

	for (i = 0; i < length; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') ||
		    text[i] == 0x7F)
			return false;
	json_utf8(text, clean);
	return !strcmp(text, clean);
}

/* Text as it is, else \x and hexadecimal digits, as `zeroipc cat` has it. */
static void add_value(cJSON *object, const struct zipc_view_record *record)
{
	char text[2 * SHOWN_MAX + 3];
	const unsigned char *bytes = record->bytes;
	size_t length = record->shown, i;

	memcpy(text, bytes, length);
	text[length] = '\0';
	/* Where it was cut off, a character may have been cut. */
	for (i = 0; record->shown < record->length && i < 3 && length &&
		    !is_text(text, length); i++)
		text[--length] = '\0';
	if (!is_text(text, length)) {
		strcpy(text, "\\x");
		for (i = 0; i < record->shown; i++)
			snprintf(text + 2 + 2 * i, 3, "%02x", bytes[i]);
	}
	cJSON_AddStringToObject(object, "value", text);
}

struct records {
	cJSON *all;
	bool quoted;
};

static int add_record(const struct zipc_view_record *record, void *context)
{
	struct records *records = context;
	cJSON *one = cJSON_CreateObject();

	json_u64(one, "index", record->number, records->quoted);
	json_u64(one, "length", record->length, records->quoted);
	add_value(one, record);
	cJSON_AddItemToArray(records->all, one);
	return 0;
}

int describe_records(cJSON *object, struct zipc_view *view,
		     const struct zipc_view_entry *entry, uint64_t from,
		     uint64_t count, bool int64_as_string)
{
	struct records records = { .quoted = int64_as_string };
	struct zipc_view_ring ring;
	int64_t rc = add_ring(object, view, entry, int64_as_string, &ring);

	if (rc)
		return (int)rc;
	records.all = cJSON_AddArrayToObject(object, "elements");
	if (from > ring.records - ring.oldest)
		return 0;
	rc = zipc_view_records(view, entry, ring.oldest + from, count,
			       SHOWN_MAX, add_record, &records);
	return rc < 0 ? (int)rc : 0;
}
