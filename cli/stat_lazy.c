/* SPDX-License-Identifier: MIT */
/* What zeroipc stat tells of a lazy: what it is, and who computes it. */
#include "cli.h"

static const char *const states[] = {
	[ZIPC_VIEW_LAZY_IDLE] = "idle",	      [ZIPC_VIEW_LAZY_WANTED] = "wanted",
	[ZIPC_VIEW_LAZY_RUNNING] = "running", [ZIPC_VIEW_LAZY_DONE] = "done",
	[ZIPC_VIEW_LAZY_FAILED] = "failed",
};

static void lazy_lines(const struct zipc_view_entry *entry,
		       const struct zipc_view_lazy *it)
{
	const struct zipc_view_participant *who = &it->who;

	line("expression", "%s", it->external ? "none, it is external"
					      : it->expression);
	line("state", "%s", states[it->state]);
	if (it->state == ZIPC_VIEW_LAZY_FAILED)
		line("code", "%d", it->code);
	if (it->state == ZIPC_VIEW_LAZY_FAILED)
		line("message", "%s", it->message);
	if (who->pid)
		line("computed by", "%d (%s), %s", who->pid, who->name,
		     who->alive ? "alive" : "dead");
	line("failures", "%s", it->retries ? "are retried" : "stay");
	if (it->stall_ns == ZIPC_FOREVER)
		line("stall", "never");
	else
		line("stall", "%.3f s", (double)it->stall_ns / 1e9);
	line("computed", "%llu", (unsigned long long)it->computed);
	line("resets", "%llu", (unsigned long long)it->resets);
	line("deaths", "%llu", (unsigned long long)it->deaths);
	line("stalls", "%llu", (unsigned long long)it->stalls);
	line("asleep", "%s", entry->readers_asleep || entry->writers_asleep
				     ? "maybe some" : "none");
	line("late wakes", "%llu", (unsigned long long)entry->late_wakes);
}

static void json_lazy(struct json *json, const struct zipc_view_lazy *it)
{
	char code[16];

	if (!it->external)
		json_string(json, "expression", it->expression);
	json_bool(json, "external", it->external);
	json_string(json, "state", states[it->state]);
	json_bool(json, "retries", it->retries);
	if (it->stall_ns != ZIPC_FOREVER)
		json_number(json, "stall_ns", (uint64_t)it->stall_ns);
	json_number(json, "computed", it->computed);
	json_number(json, "resets", it->resets);
	json_number(json, "deaths", it->deaths);
	json_number(json, "stalls", it->stalls);
	if (it->state == ZIPC_VIEW_LAZY_FAILED) {
		snprintf(code, sizeof(code), "%d", it->code);
		json_raw(json, "code", code);
		json_string(json, "message", it->message);
	}
	if (!it->who.pid)
		return;
	json_open(json, "computer", '{');
	json_participant(json, &it->who);
	json_close(json, '}');
}

int lazy_details(struct zipc_view *view, const struct zipc_view_entry *it,
		 struct json *json)
{
	struct zipc_view_lazy lazy;
	int rc = zipc_view_lazy(view, it, &lazy);

	if (!rc && json)
		json_lazy(json, &lazy);
	else if (!rc)
		lazy_lines(it, &lazy);
	return rc;
}

int tell_lazy_failure(struct zipc_view *view, const struct zipc_view_entry *it,
		      const struct path *path)
{
	struct zipc_view_lazy lazy;
	int rc = zipc_view_lazy(view, it, &lazy);

	if (rc)
		return fail_at(path->segment, path->structure, rc);
	if (lazy.state != ZIPC_VIEW_LAZY_FAILED)
		return STATUS_FINE;
	return fail("%s/%s has failed with code %d%s%s", path->segment,
		    path->structure, lazy.code, *lazy.message ? ": " : "",
		    lazy.message);
}
