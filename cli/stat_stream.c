/* SPDX-License-Identifier: MIT */
/* What zeroipc stat tells of a stream: who reads it, what it is made of. */
#include "cli.h"

#include <errno.h>

static const struct column subscription_columns[] = {
	{"SUBSCRIPTION", false}, {"PID", true}, {"STATE", false},
	{"NEXT", true},          {"LAG", true}, {"LOST", true},
};

static void subscription_row(struct table *table,
			     const struct zipc_view_subscription *it)
{
	table_add(table, "%s", it->name);
	if (it->pid)
		table_add(table, "%d", it->pid);
	else
		table_add(table, "-");
	table_add(table, "%s",
		  it->of_derived   ? "derived"
		  : it->alive	   ? "alive"
		  : it->has_reader ? "dead"
				   : "free");
	table_add(table, "%llu", (unsigned long long)it->position);
	table_add(table, "%llu", (unsigned long long)it->lag);
	table_add(table, "%llu", (unsigned long long)it->lost);
}

static int stream_subscriptions(struct zipc_view *view,
				const struct zipc_view_entry *entry,
				unsigned places)
{
	struct zipc_view_subscription it;
	struct table table;
	int rc = 0;

	table_init(&table, subscription_columns,
		   sizeof(subscription_columns) /
			   sizeof(subscription_columns[0]));
	for (unsigned i = 0; i < places && (!rc || rc == -ENOENT); i++) {
		rc = zipc_view_subscription(view, entry, i, &it);
		if (!rc)
			subscription_row(&table, &it);
	}
	if (table.count)
		putchar('\n');
	table_print(&table);
	return rc == -ENOENT ? 0 : rc;
}

static const char *policy_text(unsigned policy)
{
	switch ((enum zipc_stream_policy)policy) {
	case ZIPC_STREAM_BLOCK:
		return "producers wait for named subscriptions";
	case ZIPC_STREAM_DROP_NEW:
		return "new elements are dropped";
	case ZIPC_STREAM_DROP_OLD:
		return "the oldest are overwritten";
	case ZIPC_STREAM_ERROR:
		return "producers are refused";
	}
	return "?";
}

static int stream_lines(struct zipc_view *view,
			const struct zipc_view_entry *entry)
{
	struct zipc_view_stream it;
	int rc = zipc_view_stream(view, entry, &it);

	if (rc)
		return rc;
	line("emitted", "%llu ever", (unsigned long long)it.position - 1);
	line("when full", "%s", policy_text(it.policy));
	if (it.dropped)
		line("dropped", "%llu", (unsigned long long)it.dropped);
	line("times", "%s", it.timestamps ? "each element has its own"
					  : "none");
	if (it.ended)
		line("ended", "yes");
	line("producers", "%u of at most %u", it.writers, it.max_writers);
	line("subscribers", "%u of at most %u named ones", it.subscriptions,
	     it.max_subscriptions);
	return stream_subscriptions(view, entry, it.max_subscriptions);
}

static int json_subscriptions(struct json *json, struct zipc_view *view,
			      const struct zipc_view_entry *entry,
			      unsigned places)
{
	struct zipc_view_subscription it;
	int rc = 0;

	json_open(json, "subscriptions", '[');
	for (unsigned i = 0; i < places && (!rc || rc == -ENOENT); i++) {
		rc = zipc_view_subscription(view, entry, i, &it);
		if (rc)
			continue;
		json_open(json, NULL, '{');
		json_string(json, "name", it.name);
		json_bool(json, "has_reader", it.has_reader);
		json_bool(json, "of_derived", it.of_derived);
		json_bool(json, "alive", it.alive);
		json_number(json, "pid", (unsigned)it.pid);
		json_number(json, "position", it.position);
		json_number(json, "lag", it.lag);
		json_number(json, "lost", it.lost);
		json_close(json, '}');
	}
	json_close(json, ']');
	return rc == -ENOENT ? 0 : rc;
}

static const char *policy_name(unsigned policy)
{
	static const char *const names[] = {"block", "drop-new", "drop-old",
					    "error"};

	return names[policy & 3];
}

static int json_stream(struct json *json, struct zipc_view *view,
		       const struct zipc_view_entry *entry)
{
	struct zipc_view_stream it;
	int rc = zipc_view_stream(view, entry, &it);

	if (rc)
		return rc;
	json_string(json, "policy", policy_name(it.policy));
	json_bool(json, "timestamps", it.timestamps);
	json_bool(json, "ended", it.ended);
	json_number(json, "position", it.position);
	json_number(json, "decided", it.decided);
	json_number(json, "dropped", it.dropped);
	json_number(json, "writers", it.writers);
	json_number(json, "max_writers", it.max_writers);
	json_number(json, "max_subscriptions", it.max_subscriptions);
	return json_subscriptions(json, view, entry, it.max_subscriptions);
}

static void source_lines(const struct zipc_view_source *it)
{
	if (it->removed)
		line("from", "%s, which was removed", it->name);
	else if (it->lost)
		line("from", "%s, %llu behind, %llu lost", it->name,
		     (unsigned long long)it->lag,
		     (unsigned long long)it->lost);
	else
		line("from", "%s, %llu behind", it->name,
		     (unsigned long long)it->lag);
}

static const struct column stage_columns[] = {
	{"OPERATOR", false}, {"IN", true}, {"OUT", true}, {"FAILED", true},
};

static void stage_table(const struct zipc_view_derivation *it)
{
	struct table table;

	table_init(&table, stage_columns,
		   sizeof(stage_columns) / sizeof(stage_columns[0]));
	for (unsigned i = 0; i < it->stages; i++) {
		const struct zipc_view_stage *stage = &it->stage[i];

		table_add(&table, "%.*s", (int)stage->length,
			  it->text + stage->at);
		table_add(&table, "%llu", (unsigned long long)stage->in);
		table_add(&table, "%llu", (unsigned long long)stage->out);
		table_add(&table, "%llu", (unsigned long long)stage->failed);
	}
	if (it->stages)
		putchar('\n');
	table_print(&table);
}

static void derivation_lines(const struct zipc_view_derivation *it)
{
	line("derived by", "%s", it->text);
	for (unsigned i = 0; i < it->sources; i++)
		source_lines(&it->source[i]);
	line("results", "%llu in %llu batches%s",
	     (unsigned long long)it->results, (unsigned long long)it->batches,
	     it->ended ? ", and no more" : "");
	line("driven by", "%s", it->by_daemon ? "zeroipcd, and who wants to"
					      : "who wants to");
	if (it->driver.pid)
		line("driver", "%d (%s), %s%s", it->driver.pid,
		     it->driver.name, it->driver.alive ? "alive" : "dead",
		     it->driver.at_work ? ", at work" : "");
	if (it->failure[0])
		line("last failure", "%s", it->failure);
}

static void json_derivation(struct json *json,
			    const struct zipc_view_derivation *it)
{
	json_open(json, "derivation", '{');
	json_string(json, "text", it->text);
	json_bool(json, "by_daemon", it->by_daemon);
	json_bool(json, "ended", it->ended);
	json_number(json, "batches", it->batches);
	json_number(json, "results", it->results);
	json_string(json, "failure", it->failure);
	json_number(json, "drivers", it->drivers);
	json_open(json, "sources", '[');
	for (unsigned i = 0; i < it->sources; i++) {
		json_open(json, NULL, '{');
		json_string(json, "name", it->source[i].name);
		json_bool(json, "removed", it->source[i].removed);
		json_number(json, "position", it->source[i].position);
		json_number(json, "lag", it->source[i].lag);
		json_number(json, "lost", it->source[i].lost);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_open(json, "stages", '[');
	for (unsigned i = 0; i < it->stages; i++) {
		char text[ZIPC_DERIVATION_TEXT];

		snprintf(text, sizeof(text), "%.*s", (int)it->stage[i].length,
			 it->text + it->stage[i].at);
		json_open(json, NULL, '{');
		json_string(json, "text", text);
		json_number(json, "in", it->stage[i].in);
		json_number(json, "out", it->stage[i].out);
		json_number(json, "failed", it->stage[i].failed);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}

int stream_details(struct zipc_view *view, const struct zipc_view_entry *it,
		   struct json *json)
{
	static struct zipc_view_derivation derivation;
	int rc = zipc_view_derivation(view, it, &derivation);
	bool derived = !rc;

	if (rc && rc != -EPROTOTYPE)
		return rc;
	if (derived && json)
		json_derivation(json, &derivation);
	else if (derived)
		derivation_lines(&derivation);
	rc = json ? json_stream(json, view, it) : stream_lines(view, it);
	if (!rc && derived && !json)
		stage_table(&derivation);
	return rc;
}
