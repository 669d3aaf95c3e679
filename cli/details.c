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
		return stream_details(view, it, json);
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
