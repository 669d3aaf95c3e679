/* SPDX-License-Identifier: MIT */
/* A future as a document: who has promised it, or how it was settled. */
#include "describe.h"

#include <zipc/inspect_future.h>

#include "json.h"

static void add_who(cJSON *object, const char *key,
		    const struct zipc_view_participant *who)
{
	cJSON *it = cJSON_AddObjectToObject(object, key);

	json_u64(it, "index", who->index, false);
	cJSON_AddNumberToObject(it, "pid", who->pid);
	json_string(it, "name", who->name);
	cJSON_AddBoolToObject(it, "alive", who->alive != 0);
}

int describe_future(cJSON *object, struct zipc_view *view,
		    const struct zipc_view_entry *entry, bool int64_as_string)
{
	static const char *const states[] = {
		[ZIPC_VIEW_PENDING] = "pending",
		[ZIPC_VIEW_PROMISED] = "promised",
		[ZIPC_VIEW_BROKEN] = "broken",
		[ZIPC_VIEW_SET] = "set",
		[ZIPC_VIEW_FAILED] = "failed",
	};
	struct zipc_view_future future;
	int rc = zipc_view_future(view, entry, &future);
	cJSON *it;

	if (rc)
		return rc;
	it = cJSON_AddObjectToObject(object, "future");
	cJSON_AddStringToObject(it, "state", states[future.state]);
	json_u64(it, "deaths", future.deaths, int64_as_string);
	if (future.state == ZIPC_VIEW_FAILED) {
		cJSON_AddNumberToObject(it, "code", future.code);
		json_string(it, "message", future.message);
	}
	if (future.who.pid)
		add_who(it, future.state < ZIPC_VIEW_SET ? "promiser"
						       : "settler",
			&future.who);
	return 0;
}
