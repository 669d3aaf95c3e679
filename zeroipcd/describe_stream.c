/* SPDX-License-Identifier: MIT */
/* What a stream's document has besides its elements; describe.h. */
#include "describe.h"

#include <errno.h>
#include <zipc/inspect_stream.h>

#include "json.h"

static void add_subscription(cJSON *all,
			     const struct zipc_view_subscription *it,
			     bool quoted)
{
	cJSON *one = cJSON_CreateObject();

	json_string(one, "name", it->name);
	cJSON_AddBoolToObject(one, "has_reader", it->has_reader != 0);
	cJSON_AddBoolToObject(one, "of_derived", it->of_derived != 0);
	cJSON_AddBoolToObject(one, "alive", it->alive != 0);
	cJSON_AddNumberToObject(one, "pid", it->pid);
	json_u64(one, "position", it->position, quoted);
	json_u64(one, "lag", it->lag, quoted);
	json_u64(one, "lost", it->lost, quoted);
	cJSON_AddItemToArray(all, one);
}

static int add_subscriptions(cJSON *object, struct zipc_view *view,
			     const struct zipc_view_entry *entry,
			     unsigned places, bool quoted)
{
	cJSON *all = cJSON_AddArrayToObject(object, "subscriptions");
	struct zipc_view_subscription it;
	unsigned i;
	int rc;

	for (i = 0; i < places; i++) {
		rc = zipc_view_subscription(view, entry, i, &it);
		if (!rc)
			add_subscription(all, &it, quoted);
		else if (rc != -ENOENT)
			return rc;
	}
	return 0;
}

int describe_stream(cJSON *object, struct zipc_view *view,
		    const struct zipc_view_entry *entry, bool int64_as_string)
{
	static const char *const policies[] = { "block", "drop-new",
						"drop-old", "error" };
	bool quoted = int64_as_string;
	struct zipc_view_stream it;
	int rc = zipc_view_stream(view, entry, &it);
	cJSON *stream;

	if (rc)
		return rc;
	stream = cJSON_AddObjectToObject(object, "stream");
	cJSON_AddStringToObject(stream, "policy", policies[it.policy & 3]);
	cJSON_AddBoolToObject(stream, "timestamps", it.timestamps != 0);
	cJSON_AddBoolToObject(stream, "ended", it.ended != 0);
	json_u64(stream, "position", it.position, quoted);
	json_u64(stream, "decided", it.decided, quoted);
	json_u64(stream, "dropped", it.dropped, quoted);
	json_u64(stream, "writers", it.writers, false);
	json_u64(stream, "max_writers", it.max_writers, false);
	json_u64(stream, "max_subscriptions", it.max_subscriptions, false);
	return add_subscriptions(stream, view, entry, it.max_subscriptions,
				 quoted);
}
