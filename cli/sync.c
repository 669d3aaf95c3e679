/* SPDX-License-Identifier: MIT */
/* What the commands share that work on structures for waiting. */
#include "cli.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned kind;
} sync_kinds[] = {
	{"semaphore", ZIPC_SEMAPHORE},
	{"barrier", ZIPC_BARRIER},
	{"latch", ZIPC_LATCH},
	{"event", ZIPC_EVENT},
};

#define SYNC_KINDS (sizeof(sync_kinds) / sizeof(sync_kinds[0]))

unsigned sync_kind(const char *name)
{
	for (size_t i = 0; i < SYNC_KINDS; i++)
		if (!strcmp(name, sync_kinds[i].name))
			return sync_kinds[i].kind;
	return 0;
}

const char *kind_text(unsigned kind)
{
	for (size_t i = 0; i < SYNC_KINDS; i++)
		if (sync_kinds[i].kind == kind)
			return sync_kinds[i].name;
	return "structure without a wait";
}

int kind_of(const struct path *path, unsigned *kind)
{
	struct zipc_view_entry entry;
	struct zipc_view *view = NULL;
	int rc = zipc_view_open(&view, path->segment);

	if (!rc)
		rc = zipc_view_find(view, path->structure, &entry);
	if (rc)
		rc = fail_at(path->segment, path->structure, rc);
	else
		*kind = entry.kind;
	zipc_view_close(view);
	return rc;
}

/* stat */

static const struct column holder_columns[] = {
	{"", true},       {"PID", true},   {"PROCESS", false},
	{"USER", false},  {"SINCE", false}, {"STATE", false},
	{"ROUND", false},
};

#define HOLDER_COLUMNS (sizeof(holder_columns) / sizeof(holder_columns[0]))

static void state_lines(const struct zipc_view_entry *entry,
			const struct zipc_view_sync *sync)
{
	unsigned long long value = sync->value, capacity = entry->capacity;

	switch (entry->kind) {
	case ZIPC_SEMAPHORE:
		line("permits", "%llu free of at most %llu, %s", value,
			  capacity, sync->flags ? "owned" : "plain");
		break;
	case ZIPC_BARRIER:
		line("arrived", "%llu of %llu parties", value, capacity);
		line("rounds", "%llu complete, %llu broken",
			  (unsigned long long)sync->rounds,
			  (unsigned long long)sync->broken);
		break;
	case ZIPC_LATCH:
		line("count", "%llu left of %llu", value, capacity);
		break;
	default:
		line("set", "%s, reset %s", value ? "yes" : "no",
			  sync->flags ? "by who waits" : "by hand");
		line("sets", "%llu ever",
			  (unsigned long long)sync->rounds);
	}
	line("asleep", "%s",
		  entry->readers_asleep ? "maybe some" : "none");
	line("late wakes", "%llu", (unsigned long long)entry->late_wakes);
}

static void add_holder(struct table *table, unsigned kind, uint64_t i,
		       const struct zipc_view_sync_holder *it)
{
	char since[40], user[48];
	bool known = it->who.since_ns;

	table_add(table, "%llu", (unsigned long long)i);
	table_add(table, "%d", it->who.pid);
	table_add(table, "%s", known ? it->who.name : "");
	table_add(table, "%s", known ? user_text(it->who.uid, user) : "");
	table_add(table, "%s",
		  known ? time_text(it->who.since_ns, since) : "");
	table_add(table, "%s", it->who.alive ? "alive" : "dead");
	table_add(table, "%s",
		  kind != ZIPC_BARRIER ? ""
		  : it->arrived        ? "arrived"
				       : "missing");
}

static int holder_table(struct zipc_view *view,
			const struct zipc_view_entry *entry, uint64_t holders)
{
	struct column columns[HOLDER_COLUMNS];
	struct zipc_view_sync_holder it;
	struct table table;
	int rc = 0;

	memcpy(columns, holder_columns, sizeof(columns));
	columns[0].title = entry->kind == ZIPC_BARRIER ? "PARTY" : "PERMIT";
	table_init(&table, columns, HOLDER_COLUMNS);
	for (uint64_t i = 0; i < holders && !rc; i++) {
		rc = zipc_view_sync_holder(view, entry, i, &it);
		if (!rc && it.held)
			add_holder(&table, entry->kind, i, &it);
	}
	if (table.count)
		putchar('\n');
	table_print(&table);
	return rc;
}

int stat_sync(struct zipc_view *view, const struct zipc_view_entry *entry)
{
	struct zipc_view_sync sync;
	int rc = zipc_view_sync(view, entry, &sync);

	if (rc)
		return rc;
	state_lines(entry, &sync);
	return holder_table(view, entry, sync.holders);
}

static int json_holders(struct json *json, struct zipc_view *view,
			const struct zipc_view_entry *entry, uint64_t holders)
{
	struct zipc_view_sync_holder it;
	int rc = 0;

	json_open(json, "holders", '[');
	for (uint64_t i = 0; i < holders && !rc; i++) {
		rc = zipc_view_sync_holder(view, entry, i, &it);
		if (rc || !it.held)
			continue;
		json_open(json, NULL, '{');
		if (entry->kind == ZIPC_BARRIER) {
			json_number(json, "party", i);
			json_bool(json, "arrived", it.arrived);
		} else {
			json_number(json, "permit", i);
		}
		json_participant(json, &it.who);
		json_close(json, '}');
	}
	json_close(json, ']');
	return rc;
}

int json_sync(struct json *json, struct zipc_view *view,
	      const struct zipc_view_entry *entry)
{
	struct zipc_view_sync sync;
	int rc = zipc_view_sync(view, entry, &sync);

	if (rc)
		return rc;
	json_number(json, "value", sync.value);
	if (entry->kind == ZIPC_SEMAPHORE)
		json_bool(json, "owned", sync.flags);
	if (entry->kind == ZIPC_BARRIER) {
		json_number(json, "rounds", sync.rounds);
		json_number(json, "broken", sync.broken);
	}
	if (entry->kind == ZIPC_EVENT) {
		json_bool(json, "automatic", sync.flags);
		json_number(json, "sets", sync.rounds);
	}
	return sync.holders ? json_holders(json, view, entry, sync.holders) : 0;
}
