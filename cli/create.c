/* SPDX-License-Identifier: MIT */
/* zeroipc create: a segment, or a structure in one. */
#include "create.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{"auto", no_argument, NULL, 'A'},
	{"back-pressure", no_argument, NULL, 'B'},
	{"capacity", required_argument, NULL, 'c'},
	{"expression", required_argument, NULL, 'X'},
	{"help", no_argument, NULL, 'h'},
	{"initial", required_argument, NULL, 'I'},
	{"key-type", required_argument, NULL, 'K'},
	{"kind", required_argument, NULL, 'k'},
	{"max-entries", required_argument, NULL, 'E'},
	{"max-participants", required_argument, NULL, 'P'},
	{"max-readers", required_argument, NULL, 'R'},
	{"max-subscriptions", required_argument, NULL, 'U'},
	{"max-takers", required_argument, NULL, 'T'},
	{"max-writers", required_argument, NULL, 'W'},
	{"mode", required_argument, NULL, 'm'},
	{"owned", no_argument, NULL, 'O'},
	{"policy", required_argument, NULL, 'L'},
	{"reclaims", no_argument, NULL, 'C'},
	{"retries", no_argument, NULL, 'Y'},
	{"size", required_argument, NULL, 's'},
	{"sparse", no_argument, NULL, 'S'},
	{"stall", required_argument, NULL, 'Z'},
	{"timestamps", no_argument, NULL, 'M'},
	{"type", required_argument, NULL, 't'},
	{0}};

#define OF_SEGMENTS "smEPS"

const char *option_name(int letter)
{
	const struct option *it = options;

	while (it->name && it->val != letter)
		it++;
	return it->name;
}

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

bool policy_parse(const char *text, enum zipc_stream_policy *policy)
{
	static const char *const names[] = {
		[ZIPC_STREAM_BLOCK] = "block",
		[ZIPC_STREAM_DROP_NEW] = "drop-new",
		[ZIPC_STREAM_DROP_OLD] = "drop-old",
		[ZIPC_STREAM_ERROR] = "error",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i])) {
			*policy = (enum zipc_stream_policy)i;
			return true;
		}
	return false;
}

/* Where the number of an option goes, and what it counts; or NULL. */
static uint64_t *limit_of(struct wishes *wishes, int option, const char **what)
{
	switch (option) {
	case 'E':
		*what = "how many structures, at least 1";
		return &wishes->entries;
	case 'P':
		*what = "how many processes, at least 1";
		return &wishes->participants;
	case 'R':
		*what = "how many readers, at least 1";
		return &wishes->readers;
	case 'T':
		*what = "how many leases at a time, at least 1";
		return &wishes->takers;
	case 'U':
		*what = "how many named subscriptions, at least 1";
		return &wishes->subscriptions;
	case 'W':
		*what = "how many writers, at least 1";
		return &wishes->writers;
	default:
		return NULL;
	}
}

/* What needs no look; NULL if it is none of them. */
static const char **text_of(struct wishes *wishes, int option)
{
	switch (option) {
	case 'K':
		return &wishes->key_type;
	case 'k':
		return &wishes->kind;
	case 't':
		return &wishes->type;
	case 'X':
		return &wishes->expression;
	default:
		return NULL;
	}
}

static void take_flag(struct wishes *wishes, int option)
{
	wishes->automatic |= option == 'A';
	wishes->back_pressure |= option == 'B';
	wishes->reclaims |= option == 'C';
	wishes->owned |= option == 'O';
	wishes->timestamps |= option == 'M';
	wishes->retries |= option == 'Y';
	wishes->options.flags |= option == 'S' ? ZIPC_SPARSE : 0;
}

/* What option wants to say; NULL, or what its value should have been. */
static const char *take_option(struct wishes *wishes, int option)
{
	const char *what, **text = text_of(wishes, option);
	uint64_t *limit = limit_of(wishes, option, &what);

	if (limit)
		return limit_parse(optarg, limit) ? NULL : what;
	if (text) {
		*text = optarg;
		return option != 'k' || is_kind(optarg) ? NULL : all_kinds();
	}
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
	case 'Z':
		return wait_parse(optarg, &wishes->stall_ns) &&
				       wishes->stall_ns
			       ? NULL
			       : "seconds, more than 0, or `forever`";
	case 'L':
		return policy_parse(optarg, &wishes->policy) ? NULL : POLICIES;
	case 'I':
		return number_parse(optarg, &wishes->initial)
			       ? NULL
			       : "how many permits";
	default:
		take_flag(wishes, option);
		return NULL;
	}
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
		if (!strchr(wishes->given, option))
			wishes->given[strlen(wishes->given)] = (char)option;
	}
	wishes->options.max_entries = (unsigned)wishes->entries;
	wishes->options.max_participants = (unsigned)wishes->participants;
	return STATUS_FINE;
}

static int create_segment(const char *name, const struct wishes *wishes)
{
	struct zipc_segment *segment;
	const char *letter;
	int rc;

	for (letter = wishes->given; *letter; letter++)
		if (!strchr(OF_SEGMENTS, *letter))
			return fail_usage("--%s is for a structure: name it, "
					  "as %s/STRUCTURE",
					  option_name(*letter), name);
	if (!wishes->size_bytes)
		return fail_usage("a segment needs --size, as --size 10M");
	rc = zipc_segment_create(&segment, name, wishes->size_bytes,
				 &wishes->options);
	if (rc)
		return fail_at(name, NULL, rc);
	zipc_segment_close(segment);
	return STATUS_FINE;
}

static int create_structure(const struct path *path,
			    const struct wishes *wishes)
{
	struct zipc_segment *segment = NULL;
	int rc, status = check_wishes(wishes);

	if (status)
		return status;
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
		     "SEGMENT/STRUCTURE --kind KIND [--type TYPE] "
		     "[--capacity N]\n"
		     "SEGMENT/RING --kind ring --size SIZE",
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
		"  -k, --kind KIND           array, queue, stack, map, set, "
		"pool, ring, semaphore,\n"
		"                            barrier, latch, mutex, rwlock, "
		"once, event or stream\n"
		"  -t, --type TYPE           of its elements, as u64, f32[3] or "
		"{ts:u64, temp:f32};\n"
		"                            of a map's values, or a set's "
		"keys\n"
		"      --key-type TYPE       of a map's keys\n"
		"  -c, --capacity N          elements; permits, parties, or "
		"what a latch begins at\n"
		"  -s, --size SIZE           of a ring, instead of type and "
		"capacity\n"
		"      --max-writers N       of a queue, stack, map, set or "
		"stream, at the same time\n"
		"      --max-takers N        of a queue: with leases, so many at "
		"a time\n"
		"      --reclaims            of a pool: objects of the dead "
		"come back by themselves\n"
		"      --back-pressure       the writer of a ring waits for "
		"readers\n"
		"      --max-readers N       that may hold it back; 16 if not "
		"given\n"
		"                            of a rwlock: 64 if not given\n"
		"      --initial N           permits of a semaphore at first; "
		"all if not given\n"
		"      --owned               each permit of a semaphore names "
		"its holder\n"
		"      --auto                an event is reset by who waits\n"
		"      --policy POLICY       of a stream whose named "
		"subscriptions are behind: block,\n"
		"                            drop-new, drop-old or error; "
		"block if not given\n"
		"      --max-subscriptions N named ones of a stream; 16 if not "
		"given\n"
		"      --timestamps          each element of a stream has its "
		"time\n",
	.run = run,
};
