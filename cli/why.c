/* SPDX-License-Identifier: MIT */
/* zeroipc why: who waits for whom in a segment, and who waits in a circle. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#define SENTENCE 4096

static const char *const purposes[] = {
	[ZIPC_WAIT_TO_HOLD] = "hold",
	[ZIPC_WAIT_TO_READ] = "read",
	[ZIPC_WAIT_TO_DRAIN] = "drain",
	[ZIPC_WAIT_TO_SEND] = "send",
};

static void json_waiter(struct json *json, const struct zipc_view_waiter *it)
{
	json_open(json, NULL, '{');
	json_participant(json, &it->who);
	json_string(json, "to", purposes[it->to]);
	json_number(json, "for_ns", it->for_ns);
	json_close(json, '}');
}

static void json_holder(struct json *json, const struct zipc_view_holder *it)
{
	json_open(json, NULL, '{');
	json_participant(json, &it->who);
	json_bool(json, "reads", it->reads);
	json_bool(json, "claims", it->claims);
	json_bool(json, "stopped", it->stopped);
	if (it->permits)
		json_number(json, "permits", it->permits);
	json_close(json, '}');
}

static void json_blocked(struct json *json, const struct zipc_view_blocked *it)
{
	char text[SENTENCE];

	zipc_view_blocked_say(it, text, sizeof(text));
	json_open(json, NULL, '{');
	json_string(json, "name", it->name);
	json_string(json, "kind", it->kind_name);
	json_string(json, "sentence", text);
	json_number(json, "held_ns", it->held_ns);
	json_bool(json, "unnamed", it->unnamed);
	if (it->permits)
		json_number(json, "permits", it->permits);
	json_open(json, "holders", '[');
	for (unsigned i = 0; i < it->holder_count; i++)
		json_holder(json, &it->holders[i]);
	json_close(json, ']');
	json_open(json, "waiters", '[');
	for (unsigned i = 0; i < it->waiter_count; i++)
		json_waiter(json, &it->waiters[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static void json_cycle(struct json *json, const struct zipc_view_cycle *it)
{
	char text[SENTENCE];

	zipc_view_cycle_say(it, text, sizeof(text));
	json_open(json, NULL, '{');
	json_string(json, "sentence", text);
	json_bool(json, "certain", it->certain);
	json_open(json, "steps", '[');
	for (unsigned i = 0; i < it->count; i++) {
		json_open(json, NULL, '{');
		json_participant(json, &it->steps[i].who);
		json_string(json, "waits_for", it->steps[i].waits_for->name);
		json_number(json, "threads", it->steps[i].threads);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}

static void print_json(const struct zipc_view_waits *waits)
{
	const struct zipc_view_blocked *blocked;
	const struct zipc_view_cycle *cycle;
	struct json json = {0};

	json_open(&json, NULL, '{');
	json_open(&json, "deadlocks", '[');
	for (unsigned i = 0; (cycle = zipc_view_cycle(waits, i)); i++)
		json_cycle(&json, cycle);
	json_close(&json, ']');
	json_open(&json, "blocked", '[');
	for (unsigned i = 0; (blocked = zipc_view_blocked(waits, i)); i++)
		json_blocked(&json, blocked);
	json_close(&json, ']');
	json_bool(&json, "partial", zipc_view_waits_partial(waits));
	json_close(&json, '}');
}

static void print_sentence(const char *text)
{
	put_clean(stdout, text, strlen(text), CLEAN_TEXT);
	putchar('\n');
}

static void print_lines(const struct zipc_view_waits *waits)
{
	const struct zipc_view_blocked *blocked;
	const struct zipc_view_cycle *cycle;
	char text[SENTENCE];

	for (unsigned i = 0; (cycle = zipc_view_cycle(waits, i)); i++) {
		zipc_view_cycle_say(cycle, text, sizeof(text));
		print_sentence(text);
	}
	for (unsigned i = 0; (blocked = zipc_view_blocked(waits, i)); i++) {
		zipc_view_blocked_say(blocked, text, sizeof(text));
		print_sentence(text);
	}
	if (zipc_view_waits_partial(waits))
		print_sentence("there is more than is looked at in one go");
	else if (!zipc_view_blocked(waits, 0))
		print_sentence("nobody waits");
}

static bool has_deadlock(const struct zipc_view_waits *waits)
{
	const struct zipc_view_cycle *cycle;

	for (unsigned i = 0; (cycle = zipc_view_cycle(waits, i)); i++)
		if (cycle->certain)
			return true;
	return false;
}

static int why(const char *segment, bool as_json)
{
	struct zipc_view_waits *waits;
	struct zipc_view *view;
	int status, rc = zipc_view_open(&view, segment);

	if (rc)
		return fail_at(segment, NULL, rc);
	rc = zipc_view_waits_open(&waits, view);
	zipc_view_close(view);
	if (rc)
		return fail_at(segment, NULL, rc);
	if (as_json)
		print_json(waits);
	else
		print_lines(waits);
	status = has_deadlock(waits) ? STATUS_DEADLOCK : STATUS_FINE;
	zipc_view_waits_close(waits);
	return status;
}

static int run(int argc, char **argv)
{
	bool as_json;
	struct path path;
	int status = json_and_path(&as_json, &path, argc, argv, "segment");

	if (status)
		return status;
	if (path.structure)
		status = fail_usage("`%s` is a structure: all of a segment "
				    "is looked at", path.structure);
	else
		status = why(path.segment, as_json);
	path_free(&path);
	return status;
}

const struct command command_why = {
	.name = "why",
	.arguments = "[--json] SEGMENT",
	.summary = "Tell who waits for whom, and why nothing goes on",
	.details =
		"  --json  print one JSON document\n"
		"\n"
		"A line for each deadlock, then one for each structure that "
		"somebody waits\n"
		"for. The status is 4 if there is a deadlock for certain.\n",
	.run = run,
};
