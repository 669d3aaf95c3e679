/* SPDX-License-Identifier: MIT */
/* What commands share that put values into a structure. */
#ifndef ZIPC_CLI_VALUES_H
#define ZIPC_CLI_VALUES_H

#include "cli.h"

struct values {
	const struct path *path;
	const struct zipc_type *type;
	int64_t timeout_ns;
	const char *done; /* "pushed": what became of them */
	/* Put one in; a status, after a message. */
	int (*put)(struct values *it, const void *elem);
	void *to;
};

/* Put so many in, or without one those from stdin. */
int values_put(struct values *it, int count, char **texts);

/*
 * All of a command whose words are "[--wait SECONDS] SEGMENT/NAME [VALUE]..";
 * what: "queue or stack, as SEGMENT/NAME".
 */
int values_run(int argc, char **argv, const char *what,
	       int (*use)(const struct path *path, int64_t timeout_ns,
			  int count, char **texts));

#endif
