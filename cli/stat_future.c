/* SPDX-License-Identifier: MIT */
/* What zeroipc stat tells of a future: who has promised or settled it. */
#include "cli.h"

static const char *const states[] = {
	[ZIPC_VIEW_PENDING] = "pending", [ZIPC_VIEW_PROMISED] = "promised",
	[ZIPC_VIEW_BROKEN] = "broken",	 [ZIPC_VIEW_SET] = "set",
	[ZIPC_VIEW_FAILED] = "failed",
};

static bool is_settled(const struct zipc_view_future *it)
{
	return it->state == ZIPC_VIEW_SET || it->state == ZIPC_VIEW_FAILED;
}

static void future_lines(const struct zipc_view_entry *entry,
			 const struct zipc_view_future *it)
{
	const struct zipc_view_participant *who = &it->who;

	line("state", "%s", states[it->state]);
	if (it->state == ZIPC_VIEW_FAILED)
		line("code", "%d", it->code);
	if (it->state == ZIPC_VIEW_FAILED)
		line("message", "%s", it->message);
	if (who->pid)
		line(is_settled(it) ? "settled by" : "promised by",
		     "%d (%s), %s", who->pid, who->name,
		     who->alive ? "alive" : "dead");
	line("deaths", "%llu", (unsigned long long)it->deaths);
	line("asleep", "%s", entry->readers_asleep ? "maybe some" : "none");
	line("late wakes", "%llu", (unsigned long long)entry->late_wakes);
}

static void json_future(struct json *json, const struct zipc_view_future *it)
{
	char code[16];

	json_string(json, "state", states[it->state]);
	json_number(json, "deaths", it->deaths);
	if (it->state == ZIPC_VIEW_FAILED) {
		snprintf(code, sizeof(code), "%d", it->code);
		json_raw(json, "code", code);
		json_string(json, "message", it->message);
	}
	if (!it->who.pid)
		return;
	json_open(json, is_settled(it) ? "settler" : "promiser", '{');
	json_participant(json, &it->who);
	json_close(json, '}');
}

int future_details(struct zipc_view *view, const struct zipc_view_entry *it,
		   struct json *json)
{
	struct zipc_view_future future;
	int rc = zipc_view_future(view, it, &future);

	if (!rc && json)
		json_future(json, &future);
	else if (!rc)
		future_lines(it, &future);
	return rc;
}

int tell_failure(struct zipc_view *view, const struct zipc_view_entry *it,
		 const struct path *path)
{
	struct zipc_view_future future;
	int rc = zipc_view_future(view, it, &future);

	if (rc)
		return fail_at(path->segment, path->structure, rc);
	if (future.state != ZIPC_VIEW_FAILED)
		return STATUS_FINE;
	return fail("%s/%s has failed with code %d%s%s", path->segment,
		    path->structure, future.code, *future.message ? ": " : "",
		    future.message);
}
