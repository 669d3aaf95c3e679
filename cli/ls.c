/* SPDX-License-Identifier: MIT */
/*
 * zeroipc ls: the segments in /dev/shm, or the structures in one. One that
 * cannot be read is listed with what its file tells and a note why.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>

static const struct column segment_columns[] = {
	{"SEGMENT", false}, {"SIZE", true},       {"USED", true},
	{"MEMORY", true},   {"STRUCTURES", true}, {"PROCESSES", true},
	{"MODE", false},    {"OWNER", false},     {"NOTE", false},
};

static const struct column entry_columns[] = {
	{"STRUCTURE", false}, {"KIND", false},  {"ELEMENTS", true},
	{"CAPACITY", true},   {"MEMORY", true}, {"TYPE", false},
};

#define COLUMNS(columns) (sizeof(columns) / sizeof((columns)[0]))

struct listing {
	bool all; /* also what is no segment */
	bool as_json;
	struct table table;
	struct json json;
};

static void list_segment(struct listing *listing,
			 const struct zipc_view_segment *it)
{
	char size[16], used[16], memory[16], owner[48];
	struct table *table = &listing->table;

	if (listing->as_json) {
		json_open(&listing->json, NULL, '{');
		json_segment(&listing->json, it);
		json_close(&listing->json, '}');
		return;
	}
	table_add(table, "%s", it->name);
	table_add(table, "%s", size_text(it->size_bytes, size));
	table_add(table, "%s", size_text(it->used_bytes, used));
	table_add(table, "%s", size_text(it->resident_bytes, memory));
	table_add(table, "%u", it->entries);
	table_add(table, "%u", it->participants);
	table_add(table, "%04o", it->mode);
	table_add(table, "%s", user_text(it->uid, owner));
	table_add(table, "%s", "");
}

/* The library's last call on it returned rc. */
static void list_unopened(struct listing *listing, const char *name,
			  const struct zipc_view_file *file, int rc)
{
	char size[16], memory[16], owner[48];
	struct table *table = &listing->table;

	if (listing->as_json) {
		json_open(&listing->json, NULL, '{');
		json_file(&listing->json, name, file);
		json_error(&listing->json, rc);
		json_close(&listing->json, '}');
		return;
	}
	table_add(table, "%s", name);
	table_add(table, "%s", size_text(file->size_bytes, size));
	table_add(table, "-");
	table_add(table, "%s", size_text(file->resident_bytes, memory));
	table_add(table, "-");
	table_add(table, "-");
	table_add(table, "%04o", file->mode);
	table_add(table, "%s", user_text(file->uid, owner));
	table_add(table, "%s", zipc_last_error());
}

static int each_segment(const char *name, void *context)
{
	struct listing *listing = context;
	struct zipc_view_segment it;
	struct zipc_view_file file;
	struct zipc_view *view = NULL;
	int rc;

	/* A file that has just gone is none. */
	if (zipc_view_file(name, &file))
		return 0;
	if (!file.segment && !listing->all)
		return 0;
	rc = zipc_view_open(&view, name);
	if (!rc)
		rc = zipc_view_segment(view, &it);
	if (!rc)
		list_segment(listing, &it);
	else if (rc != -ENOENT)
		list_unopened(listing, name, &file, rc);
	zipc_view_close(view);
	return 0;
}

static int ls_segments(struct listing *listing)
{
	int rc;

	table_init(&listing->table, segment_columns, COLUMNS(segment_columns));
	if (listing->as_json)
		json_open(&listing->json, NULL, '[');
	rc = zipc_view_names(each_segment, listing);
	if (listing->as_json)
		json_close(&listing->json, ']');
	else
		table_print(&listing->table);
	return rc ? fail("%s", zipc_last_error()) : STATUS_FINE;
}

static void list_entry(struct listing *listing,
		       const struct zipc_view_entry *it)
{
	struct table *table = &listing->table;
	char memory[16];

	if (listing->as_json) {
		json_open(&listing->json, NULL, '{');
		json_entry(&listing->json, it);
		json_close(&listing->json, '}');
		return;
	}
	table_add(table, "%s", it->name);
	table_add(table, "%s", it->kind_name);
	table_add(table, "%llu", (unsigned long long)it->size);
	table_add(table, "%llu", (unsigned long long)it->capacity);
	table_add(table, "%s", size_text(it->size_bytes, memory));
	table_add(table, "%s", it->type);
}

static int list_damaged(struct listing *listing, int rc)
{
	if (listing->as_json) {
		json_open(&listing->json, NULL, '{');
		json_error(&listing->json, rc);
		json_close(&listing->json, '}');
	}
	return fail("%s", zipc_last_error());
}

static int ls_structures(struct listing *listing, const char *name)
{
	struct zipc_view_segment segment;
	struct zipc_view_entry it;
	struct zipc_view *view = NULL;
	int status = STATUS_FINE;
	int rc = zipc_view_open(&view, name);

	if (!rc)
		rc = zipc_view_segment(view, &segment);
	if (rc) {
		zipc_view_close(view);
		return fail_at(name, NULL, rc);
	}
	table_init(&listing->table, entry_columns, COLUMNS(entry_columns));
	if (listing->as_json)
		json_open(&listing->json, NULL, '[');
	for (unsigned i = 0; i < segment.entries; i++) {
		rc = zipc_view_entry(view, i, &it);
		if (rc == -ENOENT)
			break; /* some were removed meanwhile */
		if (rc)
			status = list_damaged(listing, rc);
		else
			list_entry(listing, &it);
	}
	if (listing->as_json)
		json_close(&listing->json, ']');
	else
		table_print(&listing->table);
	zipc_view_close(view);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{0}};
	struct listing listing = {0};
	struct path path;
	int option, status;

	while ((option = next_option(argc, argv, ":a", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		listing.all |= option == 'a';
		listing.as_json |= option == 'j';
	}
	if (optind == argc)
		return ls_segments(&listing);
	if (!only_argument(argc, argv, "segment"))
		return STATUS_USAGE;
	status = path_parse(&path, argv[optind]);
	if (status)
		return status;
	if (path.structure)
		status = fail_usage("`%s` names a structure: `zeroipc stat` "
				    "tells about one, `zeroipc cat` shows what "
				    "is in it",
				    argv[optind]);
	else
		status = ls_structures(&listing, path.segment);
	path_free(&path);
	return status;
}

const struct command command_ls = {
	.name = "ls",
	.arguments = "[-a] [--json] [SEGMENT]",
	.summary = "List the segments, or the structures of one",
	.details =
		"  -a, --all  also files in /dev/shm that are no segments\n"
		"      --json  print one JSON document\n"
		"\n"
		"A segment that is damaged or may not be read is listed with a "
		"note. Sizes are\nin units of 1024; USED is what structures "
		"and the table have been given, MEMORY\nwhat is resident.\n",
	.run = run,
};
