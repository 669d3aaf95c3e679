/* SPDX-License-Identifier: MIT */
/* zeroipc get: the value under a key of a map. */
#include "cli.h"

#include <stdlib.h>

static int print_value(const struct keyed *it, const void *value)
{
	const struct zipc_type *type = zipc_map_value_type(it->map);
	struct printer printer;
	int rc = printer_init(&printer, zipc_type_text(type), false);

	if (!rc)
		printer_value(&printer, value);
	printer_end(&printer);
	return rc ? fail_at(it->path->segment, it->path->structure, rc)
		  : STATUS_FINE;
}

static int get(struct keyed *it, char **words)
{
	void *key = keyed_parse(it->key_type, "key", words[0]), *value;
	int status;

	if (!key)
		return STATUS_FAILED;
	value = must_allocate(1, zipc_type_size(zipc_map_value_type(it->map)));
	status = keyed_result(it, words[0], zipc_map_get(it->map, key, value));
	if (!status)
		status = print_value(it, value);
	free(key);
	free(value);
	return status;
}

static int run(int argc, char **argv)
{
	return keyed_run(argc, argv, ZIPC_READ_ONLY, KEYED_MAP, 1,
			 "a map as SEGMENT/MAP, and one key", get);
}

const struct command command_get = {
	.name = "get",
	.arguments = "SEGMENT/MAP KEY",
	.summary = "Show the value under a key of a map",
	.details = "The key is JSON, as the map's type has it. Status 3: there "
		   "is no such key.\n",
	.run = run,
};
