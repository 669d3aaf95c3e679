/* SPDX-License-Identifier: MIT */
/* zeroipc delete: a key of a map or a set. */
#include "cli.h"

#include <stdlib.h>

static int delete_key(struct keyed *it, char **words)
{
	void *key = keyed_parse(it->key_type, "key", words[0]);
	int rc;

	if (!key)
		return STATUS_FAILED;
	rc = it->map ? zipc_map_remove(it->map, key, NULL)
		     : zipc_set_remove(it->set, key);
	free(key);
	return keyed_result(it, words[0], rc);
}

static int run(int argc, char **argv)
{
	return keyed_run(argc, argv, 0, KEYED_MAP | KEYED_SET, 1,
			 "a map or a set as SEGMENT/STRUCTURE, and one key",
			 delete_key);
}

const struct command command_delete = {
	.name = "delete",
	.arguments = "SEGMENT/MAP|SET KEY",
	.summary = "Delete a key from a map or a set",
	.details = "The key is JSON, as its type has it. Status 3: there is no "
		   "such key.\n",
	.run = run,
};
