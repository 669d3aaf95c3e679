/* SPDX-License-Identifier: MIT */
/* zeroipc has: whether a key is in a set. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>

static int has(struct keyed *it, char **words)
{
	void *key = keyed_parse(it->key_type, "key", words[0]);
	int rc;

	if (!key)
		return STATUS_FAILED;
	rc = zipc_set_has(it->set, key) ? 0 : -ENOENT;
	free(key);
	return keyed_result(it, words[0], rc);
}

static int run(int argc, char **argv)
{
	return keyed_run(argc, argv, ZIPC_READ_ONLY, KEYED_SET, 1,
			 "a set as SEGMENT/SET, and one key", has);
}

const struct command command_has = {
	.name = "has",
	.arguments = "SEGMENT/SET KEY",
	.summary = "Tell whether a key is in a set",
	.details = "The key is JSON, as the set's type has it. Status 0: it "
		   "is; status 3: it is not.\n",
	.run = run,
};
