/* SPDX-License-Identifier: MIT */
/* zeroipc put: a value under a key of a map. */
#include "cli.h"

#include <stdlib.h>

static int put(struct keyed *it, char **words)
{
	void *key = keyed_parse(it->key_type, "key", words[0]), *value;
	int status = STATUS_FAILED;

	if (!key)
		return status;
	value = keyed_parse(zipc_map_value_type(it->map), "value", words[1]);
	if (value)
		status = keyed_result(it, words[0],
				      zipc_map_put(it->map, key, value));
	free(key);
	free(value);
	return status;
}

static int run(int argc, char **argv)
{
	return keyed_run(argc, argv, 0, KEYED_MAP, 2,
			 "a map as SEGMENT/MAP, one key and one value", put);
}

const struct command command_put = {
	.name = "put",
	.arguments = "SEGMENT/MAP KEY VALUE",
	.summary = "Put a value into a map",
	.details = "Key and value are JSON, as the map's types have them: 42, "
		   "'\"name\"', [1, 2],\n{\"ts\": 1}. A value that is there is "
		   "replaced. Status 3: the map is full.\n",
	.run = run,
};
