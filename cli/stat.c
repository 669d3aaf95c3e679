/* SPDX-License-Identifier: MIT */
/* zeroipc stat: all that inspection tells of a segment or a structure. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>

static const struct column participant_columns[] = {
	{"PLACE", true}, {"PID", true},    {"PROCESS", false},
	{"USER", false}, {"SINCE", false}, {"STATE", false},
};

static const struct column removed_columns[] = {
	{"REMOVED", false}, {"MEMORY", true}, {"PID", true}, {"PROCESS", false},
};

#define REMOVED_COLUMNS (sizeof(removed_columns) / sizeof(removed_columns[0]))

#define PARTICIPANT_COLUMNS                                                    \
	(sizeof(participant_columns) / sizeof(participant_columns[0]))

void line(const char *key, const char *format, ...)
{
	char value[2 * ZIPC_TYPE_MAX];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	printf("%-11s  ", key);
	if (length >= (int)sizeof(value))
		length = sizeof(value) - 1;
	put_clean(stdout, value, (size_t)length, CLEAN_TEXT);
	putchar('\n');
}

static void size_line(const char *key, uint64_t bytes)
{
	char text[16];

	if (bytes < 1024)
		line(key, "%llu bytes", (unsigned long long)bytes);
	else
		line(key, "%s (%llu bytes)", size_text(bytes, text),
		     (unsigned long long)bytes);
}

static void segment_lines(const struct zipc_view_segment *it)
{
	char created[40], user[48], group[48];

	line("segment", "%s", it->name);
	size_line("size", it->size_bytes);
	size_line("used", it->used_bytes);
	size_line("memory", it->resident_bytes);
	line("structures", "%u of at most %u", it->entries, it->max_entries);
	if (it->removed)
		line("removed", "%u, which keep %s", (unsigned)it->removed,
		     size_text(it->removed_bytes, created));
	line("processes", "%u of at most %u", it->participants,
	     it->max_participants);
	line("created", "%s", time_text(it->created_ns, created));
	line("owner", "%s (%u), group %s (%u)", user_text(it->uid, user),
	     it->uid, group_text(it->gid, group), it->gid);
	line("mode", "%04o", it->mode);
	line("id", "%016llx", (unsigned long long)it->id);
	line("inode", "%llu", (unsigned long long)it->inode);
	line("fences", "%s",
	     it->symmetric_fences ? "symmetric" : "by membarrier");
	if (it->unlinked)
		line("unlinked", "yes: its name is gone, or another's now");
}

/* Places that were never used are passed over. */
static int json_participants(struct json *json, struct zipc_view *view,
			     unsigned places)
{
	struct zipc_view_participant it;
	int rc = 0;

	json_open(json, "processes", '[');
	for (unsigned i = 0; i < places && (!rc || rc == -ENOENT); i++) {
		rc = zipc_view_participant(view, i, &it);
		if (rc)
			continue;
		json_open(json, NULL, '{');
		json_participant(json, &it);
		json_close(json, '}');
	}
	json_close(json, ']');
	return rc == -ENOENT ? 0 : rc;
}

static int table_participants(struct zipc_view *view, unsigned places)
{
	struct zipc_view_participant it;
	char since[40], user[48];
	struct table table;
	int rc = 0;

	table_init(&table, participant_columns, PARTICIPANT_COLUMNS);
	for (unsigned i = 0; i < places && (!rc || rc == -ENOENT); i++) {
		rc = zipc_view_participant(view, i, &it);
		if (rc)
			continue;
		table_add(&table, "%u", it.index);
		table_add(&table, "%d", it.pid);
		table_add(&table, "%s", it.name);
		table_add(&table, "%s", user_text(it.uid, user));
		table_add(&table, "%s", time_text(it.since_ns, since));
		table_add(&table, "%s", it.alive ? "alive" : "dead");
	}
	if (table.count)
		putchar('\n');
	table_print(&table);
	return rc == -ENOENT ? 0 : rc;
}

static void json_removed(struct json *json, struct zipc_view *view,
			 unsigned places)
{
	struct zipc_view_participant user;
	struct zipc_view_removed it;

	json_open(json, "removed", '[');
	for (unsigned i = 0; !zipc_view_removed(view, i, &it); i++) {
		json_open(json, NULL, '{');
		json_string(json, "name", it.name);
		json_number(json, "size_bytes", it.size_bytes);
		json_open(json, "pids", '[');
		for (unsigned p = 0; p < places; p++)
			if (it.users[p / 64] >> p % 64 & 1 &&
			    !zipc_view_participant(view, p, &user))
				json_number(json, NULL, (uint64_t)user.pid);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* A line for each user; one for who has none, which the next create frees. */
static void table_removed(struct zipc_view *view, unsigned places)
{
	struct zipc_view_participant user;
	struct zipc_view_removed it;
	struct table table;
	char memory[16];

	table_init(&table, removed_columns, REMOVED_COLUMNS);
	for (unsigned i = 0; !zipc_view_removed(view, i, &it); i++) {
		for (unsigned p = 0; p < places; p++) {
			if (!(it.users[p / 64] >> p % 64 & 1) ||
			    zipc_view_participant(view, p, &user))
				continue;
			table_add(&table, "%s", it.name);
			table_add(&table, "%s", size_text(it.size_bytes, memory));
			table_add(&table, "%d", user.pid);
			table_add(&table, "%s", user.name);
		}
		if (it.user_count)
			continue;
		table_add(&table, "%s", it.name);
		table_add(&table, "%s", size_text(it.size_bytes, memory));
		table_add(&table, "-");
		table_add(&table, "nobody: the next create frees it");
	}
	if (table.count)
		putchar('\n');
	table_print(&table);
}

static int stat_segment(struct zipc_view *view, const char *name, bool as_json)
{
	struct zipc_view_segment it;
	struct json json = {0};
	int rc = zipc_view_segment(view, &it);

	if (rc)
		return fail_at(name, NULL, rc);
	if (as_json) {
		json_open(&json, NULL, '{');
		json_segment(&json, &it);
		rc = json_participants(&json, view, it.max_participants);
		json_removed(&json, view, it.max_participants);
		json_close(&json, '}');
	} else {
		segment_lines(&it);
		rc = table_participants(view, it.max_participants);
		table_removed(view, it.max_participants);
	}
	return rc ? fail_at(name, NULL, rc) : STATUS_FINE;
}

static void entry_lines(const char *segment, const struct zipc_view_entry *it)
{
	line("structure", "%s/%s", segment, it->name);
	line("kind", "%s", it->kind_name);
	line("type", "%s", it->type);
	size_line("element", it->elem_size);
	if (!sync_kind(it->kind_name) && !is_lock(it->kind))
		line("elements", "%llu of at most %llu",
		     (unsigned long long)it->size,
		     (unsigned long long)it->capacity);
	size_line("memory", it->size_bytes);
	line("begins", "at byte %llu", (unsigned long long)it->offset_bytes);
	if (it->kind != ZIPC_QUEUE && it->kind != ZIPC_STACK &&
	    it->kind != ZIPC_CHANNEL)
		return;
	line("pushed", "%llu ever", (unsigned long long)it->added);
	line("popped", "%llu ever", (unsigned long long)it->removed);
	if (it->max_takers)
		line("leases", "%llu of at most %u",
		     (unsigned long long)it->leased, it->max_takers);
	line("asleep", "%s",
	     it->readers_asleep && it->writers_asleep
		     ? "maybe readers and writers"
	     : it->readers_asleep ? "maybe readers"
	     : it->writers_asleep ? "maybe writers"
				  : "none");
	line("late wakes", "%llu", (unsigned long long)it->late_wakes);
}

static int stat_structure(struct zipc_view *view, const struct path *path,
			  bool as_json)
{
	struct zipc_view_entry it;
	struct json json = {0};
	int rc = zipc_view_find(view, path->structure, &it);

	if (rc)
		return fail_at(path->segment, path->structure, rc);
	if (as_json) {
		json_open(&json, NULL, '{');
		json_entry(&json, &it);
	} else {
		entry_lines(path->segment, &it);
	}
	rc = details(view, &it, as_json ? &json : NULL);
	if (as_json)
		json_close(&json, '}');
	return rc ? fail_at(path->segment, path->structure, rc) : STATUS_FINE;
}

static int stat_path(const struct path *path, bool as_json)
{
	struct zipc_view *view;
	int status, rc = zipc_view_open(&view, path->segment);

	if (rc)
		return fail_at(path->segment, path->structure, rc);
	status = path->structure ? stat_structure(view, path, as_json)
				 : stat_segment(view, path->segment, as_json);
	zipc_view_close(view);
	return status;
}

static int run(int argc, char **argv)
{
	bool as_json;
	struct path path;
	int status = json_and_path(&as_json, &path, argc, argv,
				   "segment or structure");

	if (status)
		return status;
	if (path.slice.given)
		status = fail_usage("`%s`: a slice has no meaning here",
				    argv[optind]);
	else
		status = stat_path(&path, as_json);
	path_free(&path);
	return status;
}

const struct command command_stat = {
	.name = "stat",
	.arguments = "[--json] SEGMENT[/STRUCTURE]",
	.summary =
		"Tell all about a segment and who has it open, or a structure",
	.details = "  --json  print one JSON document\n",
	.run = run,
};
