/* SPDX-License-Identifier: MIT */
/* What inspection tells, as JSON; and values. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static void json_mode(struct json *json, unsigned mode)
{
	char text[16];

	snprintf(text, sizeof(text), "%04o", mode);
	json_string(json, "mode", text);
}

void json_segment(struct json *json, const struct zipc_view_segment *segment)
{
	json_string(json, "name", segment->name);
	json_id(json, "id", segment->id);
	json_number(json, "size_bytes", segment->size_bytes);
	json_number(json, "used_bytes", segment->used_bytes);
	json_number(json, "resident_bytes", segment->resident_bytes);
	json_number(json, "created_ns", segment->created_ns);
	json_number(json, "inode", segment->inode);
	json_mode(json, segment->mode);
	json_number(json, "uid", segment->uid);
	json_number(json, "gid", segment->gid);
	json_bool(json, "unlinked", segment->unlinked);
	json_bool(json, "symmetric_fences", segment->symmetric_fences);
	json_number(json, "entries", segment->entries);
	json_number(json, "max_entries", segment->max_entries);
	json_number(json, "removed_entries", segment->removed);
	json_number(json, "removed_bytes", segment->removed_bytes);
	json_number(json, "participants", segment->participants);
	json_number(json, "max_participants", segment->max_participants);
}

void json_file(struct json *json, const char *name,
	       const struct zipc_view_file *file)
{
	json_string(json, "name", name);
	json_number(json, "size_bytes", file->size_bytes);
	json_number(json, "resident_bytes", file->resident_bytes);
	json_number(json, "inode", file->inode);
	json_mode(json, file->mode);
	json_number(json, "uid", file->uid);
	json_number(json, "gid", file->gid);
}

void json_entry(struct json *json, const struct zipc_view_entry *entry)
{
	json_string(json, "name", entry->name);
	json_string(json, "kind", entry->kind_name);
	json_string(json, "type", entry->type);
	json_number(json, "elem_size", entry->elem_size);
	json_number(json, "capacity", entry->capacity);
	json_number(json, "size", entry->size);
	json_number(json, "added", entry->added);
	json_number(json, "removed", entry->removed);
	json_bool(json, "readers_asleep", entry->readers_asleep);
	json_bool(json, "writers_asleep", entry->writers_asleep);
	json_number(json, "late_wakes", entry->late_wakes);
	if (entry->kind == ZIPC_CHANNEL)
		json_bool(json, "closed", entry->closed);
	if (entry->max_takers) {
		json_number(json, "leased", entry->leased);
		json_number(json, "max_takers", entry->max_takers);
	}
	json_number(json, "offset_bytes", entry->offset_bytes);
	json_number(json, "size_bytes", entry->size_bytes);
}

void json_participant(struct json *json,
		      const struct zipc_view_participant *participant)
{
	json_number(json, "index", participant->index);
	json_number(json, "incarnation", participant->incarnation);
	json_bool(json, "alive", participant->alive);
	json_number(json, "pid", (unsigned)participant->pid);
	json_number(json, "uid", participant->uid);
	json_number(json, "since_ns", participant->since_ns);
	json_string(json, "name", participant->name);
}

static void put_hex(const unsigned char *bytes, size_t length)
{
	while (length--)
		printf("%02x", *bytes++);
}

void print_record(struct json *json, uint64_t number, const void *bytes,
		  size_t length)
{
	bool text = is_text(bytes, length);

	if (json) {
		json_open(json, NULL, '{');
		json_number(json, "number", number);
		json_raw(json, text ? "text" : "hex", "\"");
		if (text)
			put_clean(stdout, bytes, length, CLEAN_JSON);
		else
			put_hex(bytes, length);
		putchar('"');
		json_close(json, '}');
		return;
	}
	if (text) {
		fwrite(bytes, 1, length, stdout);
	} else {
		fputs("\\x", stdout);
		put_hex(bytes, length);
	}
	putchar('\n');
}

int printer_init(struct printer *printer, const char *type, bool as_json)
{
	int rc;

	*printer = (struct printer){.as_json = as_json};
	rc = zipc_type_parse(&printer->type, type, SIZE_MAX);
	if (rc)
		return rc;
	printer->room = 256;
	printer->text = must_allocate(printer->room, 1);
	if (as_json)
		json_open(&printer->json, NULL, '[');
	return 0;
}

/* The value as text, in printer->text; its length. */
static size_t print_value(struct printer *printer, const void *bytes)
{
	size_t length = zipc_value_print(printer->type, bytes, printer->text,
					 printer->room);

	if (length >= printer->room) {
		free(printer->text);
		printer->room = length + 1;
		printer->text = must_allocate(printer->room, 1);
		length = zipc_value_print(printer->type, bytes, printer->text,
					  printer->room);
	}
	return length;
}

void printer_keyed(struct printer *printer, const char *key, const void *bytes)
{
	print_value(printer, bytes);
	json_raw(&printer->json, key, printer->text);
}

void printer_value(struct printer *printer, const void *bytes)
{
	size_t length;

	if (printer->as_json) {
		printer_keyed(printer, NULL, bytes);
		return;
	}
	length = print_value(printer, bytes);
	put_clean(stdout, printer->text, length, CLEAN_TEXT);
	putchar('\n');
}

void printer_end(struct printer *printer)
{
	if (printer->type && printer->as_json)
		json_close(&printer->json, ']');
	zipc_type_free(printer->type);
	free(printer->text);
}
