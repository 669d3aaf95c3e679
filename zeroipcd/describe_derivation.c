/* SPDX-License-Identifier: MIT */
/* What a derived stream's document has of its derivation; describe.h. */
#include "describe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zipc/inspect_derive.h>

#include "json.h"

static void add_source(cJSON *all, const char *segment,
		       const struct zipc_view_source *it, bool quoted)
{
	cJSON *one = cJSON_CreateObject();

	json_string(one, "name", it->name);
	describe_href(one, segment, it->name);
	cJSON_AddBoolToObject(one, "removed", it->removed != 0);
	json_u64(one, "position", it->position, quoted);
	json_u64(one, "lag", it->lag, quoted);
	json_u64(one, "lost", it->lost, quoted);
	cJSON_AddItemToArray(all, one);
}

static void add_stage(cJSON *all, const struct zipc_view_derivation *of,
		      unsigned number, bool quoted)
{
	const struct zipc_view_stage *it = &of->stage[number];
	char text[ZIPC_DERIVATION_TEXT];
	cJSON *one = cJSON_CreateObject();

	snprintf(text, sizeof(text), "%.*s", (int)it->length,
		 of->text + it->at);
	json_u64(one, "number", number, false);
	json_string(one, "text", text);
	json_u64(one, "in", it->in, quoted);
	json_u64(one, "out", it->out, quoted);
	json_u64(one, "failed", it->failed, quoted);
	cJSON_AddItemToArray(all, one);
}

static void add_driver(cJSON *object, const struct zipc_view_driver *it)
{
	cJSON *one;

	if (!it->pid) {
		cJSON_AddNullToObject(object, "driver");
		return;
	}
	one = cJSON_AddObjectToObject(object, "driver");
	cJSON_AddNumberToObject(one, "pid", it->pid);
	json_string(one, "name", it->name);
	cJSON_AddBoolToObject(one, "alive", it->alive != 0);
	cJSON_AddBoolToObject(one, "at_work", it->at_work != 0);
}

static void add_derivation(cJSON *object, const char *segment,
			   const struct zipc_view_derivation *it, bool quoted)
{
	cJSON *one = cJSON_AddObjectToObject(object, "derivation"), *all;
	unsigned k;

	json_string(one, "text", it->text);
	cJSON_AddBoolToObject(one, "by_daemon", it->by_daemon != 0);
	cJSON_AddBoolToObject(one, "ended", it->ended != 0);
	json_u64(one, "batches", it->batches, quoted);
	json_u64(one, "results", it->results, quoted);
	if (it->failure[0])
		json_string(one, "failure", it->failure);
	else
		cJSON_AddNullToObject(one, "failure");
	json_u64(one, "drivers", it->drivers, false);
	add_driver(one, &it->driver);
	all = cJSON_AddArrayToObject(one, "sources");
	for (k = 0; k < it->sources; k++)
		add_source(all, segment, &it->source[k], quoted);
	all = cJSON_AddArrayToObject(one, "stages");
	for (k = 0; k < it->stages; k++)
		add_stage(all, it, k, quoted);
}

int describe_derivation(cJSON *object, const struct drive *drive,
			struct zipc_view *view,
			const struct zipc_view_segment *segment,
			const struct zipc_view_entry *entry,
			bool int64_as_string)
{
	struct zipc_view_derivation *it;
	int rc;

	if (entry->kind != ZIPC_STREAM)
		return 0;
	it = malloc(sizeof(*it));
	rc = it ? zipc_view_derivation(view, entry, it) : -ENOMEM;
	if (!rc) {
		add_derivation(object, segment->name, it, int64_as_string);
		if (it->by_daemon)
			drive_describe(drive, object, segment, entry,
				       int64_as_string);
	}
	free(it);
	return rc == -EPROTOTYPE ? 0 : rc;
}
