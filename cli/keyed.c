/* SPDX-License-Identifier: MIT */
/* What commands on maps and sets share: to open one, and to understand keys. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static int open_either(struct keyed *it, const char *name, unsigned kinds)
{
	int rc = -EPROTOTYPE;

	if (kinds & KEYED_MAP)
		rc = zipc_map_open(&it->map, it->segment, name, NULL, NULL);
	if (kinds & KEYED_SET && rc == -EPROTOTYPE)
		rc = zipc_set_open(&it->set, it->segment, name, NULL);
	return rc;
}

int keyed_open(struct keyed *it, const struct path *path, unsigned flags,
	       unsigned kinds)
{
	int rc = zipc_segment_open(&it->segment, path->segment, flags);

	it->path = path;
	if (!rc)
		rc = open_either(it, path->structure, kinds);
	if (rc)
		return fail_at(path->segment, path->structure, rc);
	it->key_type = it->map ? zipc_map_key_type(it->map)
			       : zipc_set_type(it->set);
	return STATUS_FINE;
}

void keyed_close(struct keyed *it)
{
	zipc_map_close(it->map);
	zipc_set_close(it->set);
	zipc_segment_close(it->segment);
}

void *keyed_parse(const struct zipc_type *type, const char *what,
		  const char *text)
{
	void *bytes = must_allocate(1, zipc_type_size(type));

	if (!zipc_value_parse(type, text, bytes))
		return bytes;
	fail("%s: %s", what, zipc_last_error());
	free(bytes);
	return NULL;
}

int keyed_result(const struct keyed *it, const char *key, int rc)
{
	const struct path *path = it->path;

	switch (rc) {
	case 0:
		return STATUS_FINE;
	case -ENOENT:
		fail("%s/%s has no key %s", path->segment, path->structure,
		     key);
		return STATUS_NOTHING;
	case -EEXIST:
		fail("%s/%s has the key %s already", path->segment,
		     path->structure, key);
		return STATUS_NOTHING;
	case -ENOSPC:
		fail("%s/%s is full (%llu keys)", path->segment,
		     path->structure,
		     (unsigned long long)(it->map
						  ? zipc_map_size(it->map)
						  : zipc_set_size(it->set)));
		return STATUS_NOTHING;
	default:
		return fail_at(path->segment, path->structure, rc);
	}
}

int keyed_run(int argc, char **argv, unsigned flags, unsigned kinds, int words,
	      const char *what,
	      int (*use)(struct keyed *it, char **words))
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {0}};
	struct keyed it = {0};
	struct path path;
	int status;

	/* "+": a key may begin with a minus, as -5 does. */
	if (next_option(argc, argv, "+:", options) == '?')
		return STATUS_USAGE;
	if (argc - optind != 1 + words)
		return fail_usage("name %s", what);
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	status = keyed_open(&it, &path, flags, kinds);
	if (!status)
		status = use(&it, argv + optind + 1);
	keyed_close(&it);
	path_free(&path);
	return status;
}
