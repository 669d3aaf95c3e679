/* SPDX-License-Identifier: MIT */
/* zeroipc create: a segment, or a structure in one. */
#include "cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct wishes {
	const char *kind, *type, *key_type;
	uint64_t size_bytes, capacity, writers, entries, participants;
	struct zipc_segment_options options;
	const char *for_segment, *for_structure; /* an option that is only so */
};

static const struct option options[] = {
	{"capacity", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},
	{"key-type", required_argument, NULL, 'K'},
	{"kind", required_argument, NULL, 'k'},
	{"max-entries", required_argument, NULL, 'E'},
	{"max-participants", required_argument, NULL, 'P'},
	{"max-writers", required_argument, NULL, 'W'},
	{"mode", required_argument, NULL, 'm'},
	{"size", required_argument, NULL, 's'},
	{"sparse", no_argument, NULL, 'S'},
	{"type", required_argument, NULL, 't'},
	{0}};

static bool mode_parse(const char *text, unsigned *mode)
{
	char *end;
	unsigned long it = strtoul(text, &end, 8);

	*mode = (unsigned)it;
	return *text >= '0' && *text <= '7' && !*end && it && it <= 0777;
}

static bool limit_parse(const char *text, uint64_t *limit)
{
	return number_parse(text, limit) && *limit && *limit <= UINT32_MAX;
}

static bool is_kind(const char *text)
{
	return !strcmp(text, "array") || !strcmp(text, "queue") ||
	       !strcmp(text, "map") || !strcmp(text, "set");
}

/* What option wants to say; NULL, or what its value should have been. */
static const char *take_option(struct wishes *wishes, int option)
{
	switch (option) {
	case 's':
		return size_parse(optarg, &wishes->size_bytes)
			       ? NULL
			       : "a size, as 65536, 64K, 10M or 1.5GiB";
	case 'm':
		return mode_parse(optarg, &wishes->options.mode)
			       ? NULL
			       : "permissions in octal, as 0640";
	case 'c':
		return number_parse(optarg, &wishes->capacity) &&
				       wishes->capacity
			       ? NULL
			       : "how many elements, at least 1";
	case 'K':
		wishes->key_type = optarg;
		return NULL;
	case 'E':
		return limit_parse(optarg, &wishes->entries)
			       ? NULL
			       : "how many structures, at least 1";
	case 'P':
		return limit_parse(optarg, &wishes->participants)
			       ? NULL
			       : "how many processes, at least 1";
	case 'W':
		return limit_parse(optarg, &wishes->writers)
			       ? NULL
			       : "how many writers, at least 1";
	case 'k':
		wishes->kind = optarg;
		return is_kind(optarg) ? NULL : "array, queue, map or set";
	case 't':
		wishes->type = optarg;
		return NULL;
	default:
		wishes->options.flags |= ZIPC_SPARSE;
		return NULL;
	}
}

static const char *option_name(int option)
{
	const struct option *it = options;

	while (it->name && it->val != option)
		it++;
	return it->name;
}

static int take_options(struct wishes *wishes, int argc, char **argv)
{
	const char *wanted;
	int option;

	while ((option = next_option(argc, argv, ":c:k:m:s:t:", options)) !=
	       -1) {
		if (option == '?')
			return STATUS_USAGE;
		wanted = take_option(wishes, option);
		if (wanted)
			return fail_usage("--%s is %s, not `%s`",
					  option_name(option), wanted, optarg);
		if (strchr("ckKWt", option))
			wishes->for_structure = option_name(option);
		else
			wishes->for_segment = option_name(option);
	}
	wishes->options.max_entries = (unsigned)wishes->entries;
	wishes->options.max_participants = (unsigned)wishes->participants;
	return STATUS_FINE;
}

static int create_segment(const char *name, const struct wishes *wishes)
{
	struct zipc_segment *segment;
	int rc;

	if (wishes->for_structure)
		return fail_usage("--%s is for a structure: name it, as "
				  "%s/STRUCTURE",
				  wishes->for_structure, name);
	if (!wishes->size_bytes)
		return fail_usage("a segment needs --size, as --size 10M");
	rc = zipc_segment_create(&segment, name, wishes->size_bytes,
				 &wishes->options);
	if (rc)
		return fail_at(name, NULL, rc);
	zipc_segment_close(segment);
	return STATUS_FINE;
}

static int create_in(struct zipc_segment *segment, const char *name,
		     const struct wishes *wishes)
{
	struct zipc_queue_options queue_options = {
		.max_writers = (unsigned)wishes->writers,
	};
	struct zipc_map_options map_options = { queue_options.max_writers };
	struct zipc_set_options set_options = { queue_options.max_writers };
	struct zipc_array *array = NULL;
	struct zipc_queue *queue = NULL;
	struct zipc_map *map = NULL;
	struct zipc_set *set = NULL;
	int rc;

	if (!strcmp(wishes->kind, "array"))
		rc = zipc_array_create(&array, segment, name, wishes->type,
				       wishes->capacity);
	else if (!strcmp(wishes->kind, "map"))
		rc = zipc_map_create_with(&map, segment, name, wishes->key_type,
					  wishes->type, wishes->capacity,
					  &map_options);
	else if (!strcmp(wishes->kind, "set"))
		rc = zipc_set_create_with(&set, segment, name, wishes->type,
					  wishes->capacity, &set_options);
	else
		rc = zipc_queue_create_with(&queue, segment, name, wishes->type,
					    wishes->capacity, &queue_options);
	zipc_array_close(array);
	zipc_queue_close(queue);
	zipc_map_close(map);
	zipc_set_close(set);
	return rc;
}

static int create_structure(const struct path *path,
			    const struct wishes *wishes)
{
	struct zipc_segment *segment = NULL;
	int rc, status = STATUS_FINE;

	if (wishes->for_segment)
		return fail_usage("--%s is for a segment, `%s/%s` is a "
				  "structure",
				  wishes->for_segment, path->segment,
				  path->structure);
	if (!wishes->kind || !wishes->type || !wishes->capacity)
		return fail_usage("a structure needs --kind, --type and "
				  "--capacity");
	if (wishes->writers && !strcmp(wishes->kind, "array"))
		return fail_usage("--max-writers is for a queue, a map or a "
				  "set");
	if (!wishes->key_type != !!strcmp(wishes->kind, "map"))
		return fail_usage(wishes->key_type
					  ? "--key-type is for a map"
					  : "a map needs --key-type");
	rc = zipc_segment_open(&segment, path->segment, 0);
	if (!rc)
		rc = create_in(segment, path->structure, wishes);
	if (rc)
		status = fail_at(path->segment, path->structure, rc);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	struct wishes wishes = {0};
	struct path path;
	int status = take_options(&wishes, argc, argv);

	if (status)
		return status;
	if (!only_argument(argc, argv, "segment or structure"))
		return STATUS_USAGE;
	status = path_parse(&path, argv[optind]);
	if (status)
		return status;
	if (!path.structure)
		status = create_segment(path.segment, &wishes);
	else if (path.slice.given)
		status = fail_usage("`%s`: a slice has no meaning here",
				    argv[optind]);
	else
		status = create_structure(&path, &wishes);
	path_free(&path);
	return status;
}

const struct command command_create = {
	.name = "create",
	.arguments = "SEGMENT --size SIZE [--mode MODE]\n"
		     "SEGMENT/STRUCTURE --kind KIND --type TYPE --capacity N",
	.summary = "Create a segment, or a structure in one",
	.details =
		"For a segment:\n"
		"  -s, --size SIZE           as 65536, 64K, 10M, 1.5GiB; units "
		"are of 1024\n"
		"  -m, --mode MODE           permissions, as 0640; 0600 if not "
		"given\n"
		"      --max-entries N       structures; 256 if not given\n"
		"      --max-participants N  processes; 128 if not given\n"
		"      --sparse              do not reserve memory for "
		"structures\n"
		"\n"
		"For a structure:\n"
		"  -k, --kind KIND           array, queue, map or set\n"
		"  -t, --type TYPE           of its elements, as u64, f32[3] or "
		"{ts:u64, temp:f32};\n"
		"                            of a map's values\n"
		"      --key-type TYPE       of a map's keys\n"
		"  -c, --capacity N          elements, or keys\n"
		"      --max-writers N       at the same time; not of an array\n",
	.run = run,
};
