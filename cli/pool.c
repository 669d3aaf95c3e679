/* SPDX-License-Identifier: MIT */
/* A pool's objects, as stat and cat show them: whose, and what is in them. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 256u

static const char *const states[] = {"owned", "passed", "sending"};

static const struct column owner_columns[] = {
	{"PLACE", true}, {"PID", true},   {"PROCESS", false}, {"STATE", false},
	{"OWNED", true}, {"PASSED", true}, {"SENDING", true},
};

#define OWNER_COLUMNS (sizeof(owner_columns) / sizeof(owner_columns[0]))

/* How many objects of each state are somebody's. */
struct owner {
	struct zipc_view_object who;
	uint64_t count[3];
};

struct owners {
	struct owner *at;
	size_t n, room;
};

static void count_object(struct owners *owners,
			 const struct zipc_view_object *it)
{
	struct owner *at = owners->at, *more;

	while (at < owners->at + owners->n &&
	       (at->who.participant != it->participant ||
		at->who.pid != it->pid || at->who.alive != it->alive))
		at++;
	if (at == owners->at + owners->room) {
		owners->room = owners->room ? 2 * owners->room : 16;
		more = must_allocate(owners->room, sizeof(*more));
		if (owners->n)
			memcpy(more, owners->at, owners->n * sizeof(*more));
		free(owners->at);
		owners->at = more;
		at = more + owners->n;
	}
	if (at == owners->at + owners->n) {
		owners->n++;
		at->who = *it;
	}
	at->count[it->state]++;
}

/* Call each() for the objects that are taken of [from, end); 0 or -errno. */
static int64_t walk(struct zipc_view *view, const struct zipc_view_entry *entry,
		    uint64_t from, uint64_t end,
		    void (*each)(void *context,
				 const struct zipc_view_object *it),
		    void *context)
{
	struct zipc_view_object some[CHUNK];
	int64_t n = CHUNK;

	while (from < end && n == CHUNK && !ferror(stdout)) {
		n = zipc_view_objects(view, entry, from, CHUNK, some);
		for (int64_t i = 0; i < n && some[i].index < end; i++)
			each(context, &some[i]);
		if (n > 0)
			from = some[n - 1].index + 1;
	}
	return n < 0 ? n : 0;
}

static void each_owned(void *context, const struct zipc_view_object *it)
{
	count_object(context, it);
}

static void json_owner(struct json *json, const struct owner *it)
{
	json_open(json, NULL, '{');
	json_number(json, "place", it->who.participant);
	json_number(json, "pid", (unsigned)it->who.pid);
	json_string(json, "process", it->who.name);
	json_bool(json, "alive", it->who.alive);
	for (int i = 0; i < 3; i++)
		json_number(json, states[i], it->count[i]);
	json_close(json, '}');
}

static void row_of_owner(struct table *table, const struct owner *it)
{
	table_add(table, "%u", it->who.participant);
	if (it->who.pid)
		table_add(table, "%d", it->who.pid);
	else
		table_add(table, "-");
	table_add(table, "%s", it->who.name);
	table_add(table, "%s", it->who.alive ? "alive" : "dead");
	for (int i = 0; i < 3; i++)
		table_add(table, "%llu", (unsigned long long)it->count[i]);
}

int64_t pool_owners(struct zipc_view *view, const struct zipc_view_entry *entry,
		    struct json *json)
{
	struct owners owners = {0};
	struct table table;
	int64_t rc = walk(view, entry, 0, entry->capacity, each_owned, &owners);

	if (json)
		json_open(json, "owners", '[');
	else
		table_init(&table, owner_columns, OWNER_COLUMNS);
	for (size_t i = 0; i < owners.n; i++)
		if (json)
			json_owner(json, &owners.at[i]);
		else
			row_of_owner(&table, &owners.at[i]);
	if (json) {
		json_close(json, ']');
	} else {
		if (table.count)
			putchar('\n');
		table_print(&table);
	}
	free(owners.at);
	return rc;
}

/* cat */

struct showing {
	struct zipc_view *view;
	const struct zipc_view_entry *entry;
	struct printer printer;
	unsigned char *bytes;
	int index_width;
	int64_t rc;
	uint64_t shown;
};

/* Its bytes as they are now; it may have been given back since. */
static void each_shown(void *context, const struct zipc_view_object *it)
{
	struct showing *show = context;
	struct json *json = &show->printer.json;
	uint64_t id = it->index;
	int64_t n = zipc_view_elements(show->view, show->entry, it->index, 1,
				       show->bytes, &id);

	if (n < 0)
		show->rc = n;
	if (n != 1 || id != it->index)
		return;
	show->shown++;
	if (show->printer.as_json) {
		json_open(json, NULL, '{');
		json_number(json, "index", it->index);
		json_string(json, "state", states[it->state]);
		json_number(json, "pid", (unsigned)it->pid);
		json_string(json, "process", it->name);
		json_bool(json, "alive", it->alive);
		printer_keyed(&show->printer, "value", show->bytes);
		json_close(json, '}');
		return;
	}
	printf("%*llu  %s by %d ", show->index_width,
	       (unsigned long long)it->index, states[it->state], it->pid);
	put_clean(stdout, it->name, strlen(it->name), CLEAN_TEXT);
	printf("%s%s  ", *it->name ? ", " : "", it->alive ? "alive" : "dead");
	printer_value(&show->printer, show->bytes);
}

int pool_cat(struct zipc_view *view, const struct zipc_view_entry *entry,
	     const struct path *path, bool as_json)
{
	struct showing show = {.view = view, .entry = entry};
	uint64_t from, count;
	int64_t rc;

	if (!slice_resolve(&path->slice, entry->capacity, &from, &count))
		return fail("%s/%s has %llu objects: there is no [%lld]",
			    path->segment, path->structure,
			    (unsigned long long)entry->capacity,
			    (long long)path->slice.from);
	rc = printer_init(&show.printer, entry->type, as_json);
	if (rc)
		return fail_at(path->segment, path->structure, rc);
	show.bytes = must_allocate(1, entry->elem_size);
	show.index_width = snprintf(NULL, 0, "%llu",
				    (unsigned long long)entry->capacity - 1);
	rc = walk(view, entry, from, from + count, each_shown, &show);
	printer_end(&show.printer);
	free(show.bytes);
	if (!rc)
		rc = show.rc;
	if (rc)
		return fail_at(path->segment, path->structure, rc);
	if (path->slice.single && !show.shown)
		return fail("%s/%s: object %llu is free", path->segment,
			    path->structure, (unsigned long long)from);
	return STATUS_FINE;
}
