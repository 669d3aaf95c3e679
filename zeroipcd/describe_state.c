/* SPDX-License-Identifier: MIT */
/* The state of what is waited for, which has no elements; see describe.h. */
#include "describe.h"

#include <zipc/inspect_sync.h>

#include "json.h"

static void add_figures(cJSON *object, const struct zipc_view_entry *entry,
			const struct zipc_view_sync *sync, bool quoted)
{
	json_u64(object, "value", sync->value, quoted);
	if (entry->kind == ZIPC_SEMAPHORE)
		cJSON_AddBoolToObject(object, "owned", sync->flags != 0);
	if (entry->kind == ZIPC_BARRIER) {
		json_u64(object, "rounds", sync->rounds, quoted);
		json_u64(object, "broken", sync->broken, quoted);
	}
	if (entry->kind == ZIPC_EVENT) {
		cJSON_AddBoolToObject(object, "automatic", sync->flags != 0);
		json_u64(object, "sets", sync->rounds, quoted);
	}
}

static int add_holders(cJSON *object, struct zipc_view *view,
		       const struct zipc_view_entry *entry, uint64_t holders)
{
	bool barrier = entry->kind == ZIPC_BARRIER;
	struct zipc_view_sync_holder it;
	cJSON *all, *one;
	uint64_t i;
	int rc;

	all = cJSON_AddArrayToObject(object, "holders");
	for (i = 0; i < holders && i < DESCRIBE_COUNT_MAX; i++) {
		rc = zipc_view_sync_holder(view, entry, i, &it);
		if (rc)
			return rc;
		if (!it.held)
			continue;
		one = cJSON_CreateObject();
		json_u64(one, barrier ? "party" : "permit", i, false);
		if (barrier)
			cJSON_AddBoolToObject(one, "arrived", it.arrived != 0);
		describe_participant(one, &it.who);
		cJSON_AddItemToArray(all, one);
	}
	return 0;
}

int describe_state(cJSON *object, struct zipc_view *view,
		   const struct zipc_view_entry *entry, bool int64_as_string)
{
	struct zipc_view_sync sync;
	int rc = zipc_view_sync(view, entry, &sync);
	cJSON *state;

	if (rc)
		return rc;
	cJSON_AddArrayToObject(object, "elements");
	state = cJSON_AddObjectToObject(object, "state");
	add_figures(state, entry, &sync, int64_as_string);
	return sync.holders ? add_holders(state, view, entry, sync.holders) : 0;
}
