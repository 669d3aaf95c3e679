/* SPDX-License-Identifier: MIT */
/* zeroipc add: a key to a set. */
#include "cli.h"

#include <stdlib.h>

static int add(struct keyed *it, char **words)
{
	void *key = keyed_parse(it->key_type, "key", words[0]);
	int rc;

	if (!key)
		return STATUS_FAILED;
	rc = zipc_set_add(it->set, key);
	free(key);
	return keyed_result(it, words[0], rc);
}

static int run(int argc, char **argv)
{
	return keyed_run(argc, argv, 0, KEYED_SET, 1,
			 "a set as SEGMENT/SET, and one key", add);
}

const struct command command_add = {
	.name = "add",
	.arguments = "SEGMENT/SET KEY",
	.summary = "Add a key to a set",
	.details = "The key is JSON, as the set's type has it. Status 3: it is "
		   "there already, or the\nset is full.\n",
	.run = run,
};
