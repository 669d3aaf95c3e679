/* SPDX-License-Identifier: MIT */
/* What zeroipc stat tells of a structure that only its kind has. */
#include "cli.h"

#include <errno.h>

static const struct column lease_columns[] = {
	{"PLACE", true}, {"ELEMENT", true},  {"ATTEMPT", true},
	{"PID", true},   {"PROCESS", false}, {"STATE", false},
};

#define LEASE_COLUMNS (sizeof(lease_columns) / sizeof(lease_columns[0]))

static int json_leases(struct json *json, struct zipc_view *view,
		       const struct zipc_view_entry *entry)
{
	struct zipc_view_lease it;
	int rc = 0;

	json_open(json, "leases", '[');
	for (unsigned i = 0;
	     i < entry->max_takers && (!rc || rc == -ENOENT); i++) {
		rc = zipc_view_lease(view, entry, i, &it);
		if (rc)
			continue;
		json_open(json, NULL, '{');
		json_number(json, "place", it.place);
		json_number(json, "position", it.position);
		json_number(json, "attempt", it.attempt);
		json_bool(json, "alive", it.alive);
		json_number(json, "pid", (unsigned)it.pid);
		json_string(json, "name", it.name);
		json_close(json, '}');
	}
	json_close(json, ']');
	return rc == -ENOENT ? 0 : rc;
}

static int table_leases(struct zipc_view *view,
			const struct zipc_view_entry *entry)
{
	struct zipc_view_lease it;
	struct table table;
	int rc = 0;

	table_init(&table, lease_columns, LEASE_COLUMNS);
	for (unsigned i = 0;
	     i < entry->max_takers && (!rc || rc == -ENOENT); i++) {
		rc = zipc_view_lease(view, entry, i, &it);
		if (rc)
			continue;
		table_add(&table, "%u", it.place);
		table_add(&table, "%llu", (unsigned long long)it.position);
		table_add(&table, "%u", it.attempt);
		if (it.pid)
			table_add(&table, "%d", it.pid);
		else
			table_add(&table, "-");
		table_add(&table, "%s", it.pid ? it.name : "-");
		table_add(&table, "%s",
			  it.alive ? "alive" : it.pid ? "dead" : "free");
	}
	if (table.count)
		putchar('\n');
	table_print(&table);
	return rc == -ENOENT ? 0 : rc;
}

static const struct column reader_columns[] = {
	{"PLACE", true}, {"PID", true},  {"ALIVE", false},
	{"LAG", true},   {"LOST", true},
};

static int ring_readers(struct zipc_view *view,
			const struct zipc_view_entry *entry, unsigned places)
{
	struct zipc_view_ring_reader it;
	struct table table;
	char lag[16];
	int rc = 0;

	table_init(&table, reader_columns,
		   sizeof(reader_columns) / sizeof(reader_columns[0]));
	for (unsigned i = 0; i < places && (!rc || rc == -ENOENT); i++) {
		rc = zipc_view_ring_reader(view, entry, i, &it);
		if (rc)
			continue;
		table_add(&table, "%u", it.index);
		table_add(&table, "%d", it.pid);
		table_add(&table, "%s", it.alive ? "yes" : "no");
		table_add(&table, "%s", size_text(it.lag_bytes, lag));
		table_add(&table, "%llu", (unsigned long long)it.lost);
	}
	table_print(&table);
	return rc == -ENOENT ? 0 : rc;
}

static int ring_lines(struct zipc_view *view,
		      const struct zipc_view_entry *entry)
{
	struct zipc_view_ring it;
	int rc = zipc_view_ring(view, entry, &it);

	if (rc)
		return rc;
	line("records", "%llu, of %llu ever written",
	     (unsigned long long)(it.records + 1 - it.oldest),
	     (unsigned long long)it.records);
	line("when full", "%s", it.back_pressure
					? "the writer waits for readers"
					: "the oldest are overwritten");
	if (!it.has_writer)
		line("writer", "none");
	else if (it.writer_alive)
		line("writer", "process %d", it.writer_pid);
	else
		line("writer", "has died");
	return ring_readers(view, entry, it.max_readers);
}

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
		  it->alive ? "alive" : it->has_reader ? "dead" : "free");
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

int details(struct zipc_view *view, const struct zipc_view_entry *it,
	    struct json *json)
{
	switch (it->kind) {
	case ZIPC_QUEUE:
		if (!it->max_takers)
			return 0;
		return json ? json_leases(json, view, it)
			    : table_leases(view, it);
	case ZIPC_POOL:
		return (int)pool_owners(view, it, json);
	case ZIPC_CHANNEL:
		if (!json && it->closed)
			line("closed", "yes");
		return 0;
	case ZIPC_RING:
		return json ? 0 : ring_lines(view, it);
	case ZIPC_STREAM:
		return json ? json_stream(json, view, it)
			    : stream_lines(view, it);
	case ZIPC_SEMAPHORE:
	case ZIPC_BARRIER:
	case ZIPC_LATCH:
	case ZIPC_EVENT:
		return json ? json_sync(json, view, it) : stat_sync(view, it);
	case ZIPC_MUTEX:
	case ZIPC_RWLOCK:
	case ZIPC_ONCE:
		return lock_details(view, it, json);
	case ZIPC_FUTURE:
		return future_details(view, it, json);
	case ZIPC_LAZY:
		return lazy_details(view, it, json);
	default:
		return 0;
	}
}
