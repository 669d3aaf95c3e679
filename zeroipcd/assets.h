/* SPDX-License-Identifier: MIT */
/*
 * The page's files: built into the daemon from web/ by embed.sh, or read from a
 * directory for who works on them. Only names that were built in are served,
 * from either place.
 */
#ifndef ZEROIPCD_ASSETS_H
#define ZEROIPCD_ASSETS_H

#include <stddef.h>

#include "http.h"

struct asset {
	const char *name;
	const unsigned char *bytes;
	size_t size;
};

/* Made by embed.sh; ends with a NULL name. */
extern const struct asset assets_built_in[];

struct assets {
	int dir; /* -1: what is built in */
};

/*
 * web_root: NULL, or a directory. Returns 0, or a negative errno after a line
 * on stderr.
 */
int assets_start(struct assets *assets, const char *web_root);
void assets_stop(struct assets *assets);

/* Answer with the file called name, "" is the page; -ENOENT: there is none. */
int assets_find(struct assets *assets, const char *name,
		struct http_answer *answer);

#endif
