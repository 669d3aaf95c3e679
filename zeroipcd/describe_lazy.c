/* SPDX-License-Identifier: MIT */
/* A lazy as a document: what it is, who computes it, and what came of it. */
#include "describe.h"

#include <zipc/inspect_lazy.h>

#include "json.h"

static void add_who(cJSON *object, const struct zipc_view_participant *who)
{
	cJSON *it = cJSON_AddObjectToObject(object, "computer");

	json_u64(it, "index", who->index, false);
	cJSON_AddNumberToObject(it, "pid", who->pid);
	json_string(it, "name", who->name);
	cJSON_AddBoolToObject(it, "alive", who->alive != 0);
}

static void add_counts(cJSON *it, const struct zipc_view_lazy *lazy,
		       bool int64_as_string)
{
	if (lazy->stall_ns != ZIPC_FOREVER)
		json_u64(it, "stall_ns", (uint64_t)lazy->stall_ns,
			 int64_as_string);
	json_u64(it, "computed", lazy->computed, int64_as_string);
	json_u64(it, "resets", lazy->resets, int64_as_string);
	json_u64(it, "deaths", lazy->deaths, int64_as_string);
	json_u64(it, "stalls", lazy->stalls, int64_as_string);
}

int describe_lazy(cJSON *object, struct zipc_view *view,
		  const struct zipc_view_entry *entry, bool int64_as_string)
{
	static const char *const states[] = {
		[ZIPC_VIEW_LAZY_IDLE] = "idle",
		[ZIPC_VIEW_LAZY_WANTED] = "wanted",
		[ZIPC_VIEW_LAZY_RUNNING] = "running",
		[ZIPC_VIEW_LAZY_DONE] = "done",
		[ZIPC_VIEW_LAZY_FAILED] = "failed",
	};
	struct zipc_view_lazy lazy;
	int rc = zipc_view_lazy(view, entry, &lazy);
	cJSON *it;

	if (rc)
		return rc;
	it = cJSON_AddObjectToObject(object, "lazy");
	if (!lazy.external)
		json_string(it, "expression", lazy.expression);
	cJSON_AddBoolToObject(it, "external", lazy.external);
	cJSON_AddStringToObject(it, "state", states[lazy.state]);
	cJSON_AddBoolToObject(it, "retries", lazy.retries);
	add_counts(it, &lazy, int64_as_string);
	if (lazy.state == ZIPC_VIEW_LAZY_FAILED) {
		cJSON_AddNumberToObject(it, "code", lazy.code);
		json_string(it, "message", lazy.message);
	}
	if (lazy.who.pid)
		add_who(it, &lazy.who);
	return 0;
}
