/* SPDX-License-Identifier: MIT */
/* Documents from what the library's inspection reads; see describe.h. */
#include "describe.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "uri.h"

void describe_href(cJSON *object, const char *segment, const char *structure)
{
	char text[16 + 3 * (NAME_MAX + ZIPC_NAME_MAX)] = "/segments/";

	uri_encode(segment, text + strlen(text));
	if (structure) {
		strcat(text, "/");
		uri_encode(structure, text + strlen(text));
	}
	cJSON_AddStringToObject(object, "href", text);
}

static void add_owner(cJSON *object, unsigned uid, unsigned gid, unsigned mode)
{
	char text[8];

	snprintf(text, sizeof(text), "%04o", mode & 07777);
	cJSON_AddStringToObject(object, "mode", text);
	json_u64(object, "uid", uid, false);
	json_string(object, "owner", access_user(uid));
	json_u64(object, "gid", gid, false);
	json_string(object, "group", access_group(gid));
}

void describe_segment(cJSON *object, const struct zipc_view_segment *segment,
		      bool int64_as_string)
{
	bool quoted = int64_as_string;
	char id[24];

	json_string(object, "name", segment->name);
	describe_href(object, segment->name, NULL);
	snprintf(id, sizeof(id), "%016" PRIx64, segment->id);
	cJSON_AddStringToObject(object, "id", id);
	json_u64(object, "size_bytes", segment->size_bytes, quoted);
	json_u64(object, "used_bytes", segment->used_bytes, quoted);
	json_u64(object, "resident_bytes", segment->resident_bytes, quoted);
	json_u64(object, "entries", segment->entries, false);
	json_u64(object, "max_entries", segment->max_entries, false);
	json_u64(object, "participants_alive", segment->participants, false);
	json_u64(object, "max_participants", segment->max_participants, false);
	add_owner(object, segment->uid, segment->gid, segment->mode);
	json_time(object, "created", segment->created_ns);
	cJSON_AddBoolToObject(object, "symmetric_fences",
			      segment->symmetric_fences != 0);
}

static void add_reason(cJSON *object, const struct registry_file *file,
		       const struct access_peer *peer)
{
	char text[1024], path[3 * NAME_MAX + 1];
	unsigned owner = file->stat.st_uid;

	json_utf8(file->name, path);
	if (file->verdict == REGISTRY_UNREADABLE)
		snprintf(text, sizeof(text), "zeroipcd runs as %s",
			 access_user(geteuid()));
	else if (peer->known)
		snprintf(text, sizeof(text), "you are %s",
			 access_user(peer->uid));
	else
		snprintf(text, sizeof(text),
			 "the kernel does not tell zeroipcd which user asks");
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
		 ", and the file belongs to %s with mode %04o; to let everyone "
		 "read it: chmod a+r '/dev/shm/%s'; or %s as %s",
		 access_user(owner), (unsigned)file->stat.st_mode & 07777,
		 path,
		 file->verdict == REGISTRY_UNREADABLE ? "run a zeroipcd"
						      : "ask",
		 access_user(owner));
	json_string(object, "message", text);
}

void describe_closed(cJSON *object, const struct registry_file *file,
		     const struct access_peer *peer, bool int64_as_string)
{
	const struct stat *stat = &file->stat;
	bool faulty = file->verdict == REGISTRY_FAULTY;

	json_string(object, "name", file->name);
	describe_href(object, file->name, NULL);
	json_u64(object, "size_bytes", (uint64_t)stat->st_size,
		 int64_as_string);
	json_u64(object, "resident_bytes", (uint64_t)stat->st_blocks * 512,
		 int64_as_string);
	add_owner(object, stat->st_uid, stat->st_gid, stat->st_mode);
	cJSON_AddStringToObject(
		object, "error",
		zipc_error_name(faulty ? file->error : -EACCES));
	if (faulty)
		json_string(object, "message", file->message);
	else
		add_reason(object, file, peer);
}

static void add_fields(cJSON *object, const struct zipc_type *type)
{
	const struct zipc_type *field;
	const char *name;
	cJSON *fields, *one;
	uint64_t i, offset;

	if (zipc_type_class(type) != ZIPC_TYPE_RECORD)
		return;
	fields = cJSON_AddArrayToObject(object, "fields");
	for (i = 0; (field = zipc_type_field(type, i, &name, &offset)); i++) {
		one = cJSON_CreateObject();
		json_string(one, "name", name);
		json_string(one, "type", zipc_type_text(field));
		cJSON_AddItemToArray(fields, one);
	}
}

void describe_structure(cJSON *object, const char *segment,
			const struct zipc_view_entry *entry,
			bool int64_as_string)
{
	bool quoted = int64_as_string;
	struct zipc_type *type;

	json_string(object, "name", entry->name);
	describe_href(object, segment, entry->name);
	json_string(object, "kind", entry->kind_name);
	json_string(object, "type", entry->type);
	if (!zipc_type_parse(&type, entry->type, SIZE_MAX)) {
		add_fields(object, type);
		zipc_type_free(type);
	}
	json_u64(object, "elem_size", entry->elem_size, quoted);
	json_u64(object, "capacity", entry->capacity, quoted);
	json_u64(object, "size", entry->size, quoted);
	json_u64(object, "added", entry->added, quoted);
	json_u64(object, "removed", entry->removed, quoted);
	json_u64(object, "offset_bytes", entry->offset_bytes, quoted);
	json_u64(object, "size_bytes", entry->size_bytes, quoted);
	cJSON_AddBoolToObject(object, "readers_asleep",
			      entry->readers_asleep != 0);
	cJSON_AddBoolToObject(object, "writers_asleep",
			      entry->writers_asleep != 0);
	json_u64(object, "late_wakes", entry->late_wakes, quoted);
	if (entry->kind == ZIPC_CHANNEL)
		cJSON_AddBoolToObject(object, "closed", entry->closed != 0);
	if (entry->max_takers) {
		json_u64(object, "leased", entry->leased, quoted);
		json_u64(object, "max_takers", entry->max_takers, quoted);
	}
}

/* Why an entry of the table cannot be shown; those beside it can. */
static void describe_damage(cJSON *object, unsigned i, int error)
{
	json_u64(object, "entry", i, false);
	cJSON_AddStringToObject(object, "error", zipc_error_name(error));
	json_string(object, "message", zipc_last_error());
}

/* One that is shown with all others: what is damaged in it is told there. */
static void describe_one(cJSON *object, const struct drive *drive,
			 struct zipc_view *view,
			 const struct zipc_view_segment *segment,
			 const struct zipc_view_entry *entry, bool quoted)
{
	describe_structure(object, segment->name, entry, quoted);
	describe_derivation(object, drive, view, segment, entry, quoted);
}

void describe_structures(cJSON *object, const struct drive *drive,
			 struct zipc_view *view,
			 const struct zipc_view_segment *segment,
			 bool int64_as_string)
{
	cJSON *all = cJSON_AddArrayToObject(object, "structures"), *one;
	struct zipc_view_entry entry;
	unsigned i;
	int rc;

	for (i = 0; i < segment->entries; i++) {
		if (i == DESCRIBE_STRUCTURES_MAX) {
			cJSON_AddTrueToObject(object, "more_structures");
			return;
		}
		rc = zipc_view_entry(view, i, &entry);
		if (rc == -ENOENT)
			return;
		if (rc == -ETIMEDOUT) {
			cJSON_AddTrueToObject(object, "more_structures");
			return;
		}
		one = cJSON_CreateObject();
		if (rc)
			describe_damage(one, i, rc);
		else
			describe_one(one, drive, view, segment, &entry,
				     int64_as_string);
		cJSON_AddItemToArray(all, one);
	}
}

void describe_participant(cJSON *object,
			  const struct zipc_view_participant *participant)
{
	json_u64(object, "index", participant->index, false);
	json_u64(object, "incarnation", participant->incarnation, false);
	cJSON_AddNumberToObject(object, "pid", participant->pid);
	json_string(object, "name", participant->name);
	json_u64(object, "uid", participant->uid, false);
	json_string(object, "user", access_user(participant->uid));
	cJSON_AddBoolToObject(object, "alive", participant->alive != 0);
	json_time(object, "since", participant->since_ns);
}

int describe_participants(cJSON *object, struct zipc_view *view,
			  const struct zipc_view_segment *segment)
{
	cJSON *all = cJSON_AddArrayToObject(object, "participants"), *one;
	struct zipc_view_participant it;
	unsigned i;
	int rc;

	for (i = 0; i < segment->max_participants; i++) {
		rc = zipc_view_participant(view, i, &it);
		if (rc == -ENOENT)
			continue;
		if (rc)
			return rc;
		one = cJSON_CreateObject();
		describe_participant(one, &it);
		cJSON_AddItemToArray(all, one);
	}
	return 0;
}

/* Elements in memory, on their way into an answer. */
struct batch {
	struct zipc_type *type;
	char *bytes;
	uint64_t *ids;
	uint64_t elem_size;
	int64_t n;
};

static int read_batch(struct batch *batch, struct zipc_view *view,
		      const struct zipc_view_entry *entry, uint64_t from,
		      uint64_t count, const char **problem)
{
	if (zipc_type_parse(&batch->type, entry->type, SIZE_MAX) ||
	    zipc_type_size(batch->type) != entry->elem_size) {
		*problem = "the structure's type is damaged";
		return -EBADMSG;
	}
	batch->elem_size = entry->elem_size;
	batch->bytes = malloc(count * entry->elem_size + 1);
	batch->ids = calloc(count + 1, sizeof(*batch->ids));
	if (!batch->bytes || !batch->ids) {
		*problem = "out of memory";
		return -ENOMEM;
	}
	batch->n = zipc_view_elements(view, entry, from, count,
				      batch->bytes, batch->ids);
	return batch->n < 0 ? (int)batch->n : 0;
}

static int add_batch(cJSON *object, const struct batch *batch, bool quoted)
{
	struct json_text text = { .limit = DESCRIBE_TEXT_MAX };
	const char *mark = quoted ? "\"" : "";
	int rc = -EMSGSIZE;
	int64_t i;

	json_add(&text, "[", 1);
	for (i = 0; i < batch->n && !text.full; i++) {
		json_format(&text,
			    "%s\n\t\t{\"index\": %s%" PRIu64 "%s, \"value\": ",
			    i ? "," : "", mark, batch->ids[i], mark);
		json_value(&text, batch->type,
			   batch->bytes + (uint64_t)i * batch->elem_size,
			   quoted);
		json_add(&text, "}", 1);
	}
	json_add(&text, "]", 1);
	if (!text.full) {
		cJSON_AddRawToObject(object, "elements", text.bytes);
		rc = 0;
	}
	free(text.bytes);
	return rc;
}

int describe_elements(cJSON *object, struct zipc_view *view,
		      const struct zipc_view_entry *entry, uint64_t from,
		      uint64_t count, bool int64_as_string,
		      const char **problem)
{
	struct batch batch = { 0 };
	int rc;

	if (count > entry->capacity)
		count = entry->capacity;
	if (count && entry->elem_size > DESCRIBE_BYTES_MAX / count) {
		*problem = "so many elements of this size are more than the "
			   "4 MiB of an answer; ask for fewer by count=";
		return -EMSGSIZE;
	}
	rc = read_batch(&batch, view, entry, from, count, problem);
	if (!rc)
		rc = add_batch(object, &batch, int64_as_string);
	if (rc == -EMSGSIZE)
		*problem = "these elements take more than the 8 MiB of text of "
			   "an answer; ask for fewer by count=";
	zipc_type_free(batch.type);
	free(batch.bytes);
	free(batch.ids);
	return rc;
}

static void add_object(cJSON *all, const struct zipc_view_object *it,
		       bool quoted)
{
	static const char *const states[] = { "owned", "passed", "sending" };
	cJSON *one = cJSON_CreateObject();

	json_u64(one, "index", it->index, quoted);
	json_string(one, "state", states[it->state]);
	json_u64(one, "participant", it->participant, false);
	cJSON_AddNumberToObject(one, "pid", it->pid);
	json_string(one, "name", it->name);
	cJSON_AddBoolToObject(one, "alive", it->alive != 0);
	cJSON_AddItemToArray(all, one);
}

int describe_objects(cJSON *object, struct zipc_view *view,
		     const struct zipc_view_entry *entry, uint64_t from,
		     uint64_t count, bool int64_as_string)
{
	cJSON *all = cJSON_AddArrayToObject(object, "objects");
	struct zipc_view_object some[64];
	int64_t n = 1, i;

	for (; count && n > 0; count -= (uint64_t)n) {
		n = zipc_view_objects(view, entry, from,
				      count < 64 ? count : 64, some);
		for (i = 0; i < n; i++)
			add_object(all, &some[i], int64_as_string);
		if (n > 0)
			from = some[n - 1].index + 1;
	}
	return n < 0 ? (int)n : 0;
}
