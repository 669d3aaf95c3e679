/* SPDX-License-Identifier: MIT */
/*
 * A request's target, taken apart: /segments/a%2Fb?from=3 has the parts
 * "segments" and "a/b", and the parameter from. Parts are split first and
 * decoded then, so that a name may hold any byte but NUL.
 */
#ifndef ZEROIPCD_URI_H
#define ZEROIPCD_URI_H

#include <stddef.h>

#define URI_PARTS 4
#define URI_PARAMS 8

struct uri {
	unsigned parts; /* beyond URI_PARTS: too many to be kept */
	unsigned params;
	const char *part[URI_PARTS];
	const char *key[URI_PARAMS], *value[URI_PARAMS];
	char *text; /* what they point into */
};

/*
 * Returns 0, -EINVAL with *problem set to words for people, or -ENOMEM. One
 * slash at the end is ignored. "?key" has the value "".
 */
int uri_parse(struct uri *out, const char *target, const char **problem);
void uri_free(struct uri *uri);

/* The value of a parameter, or NULL. */
const char *uri_param(const struct uri *uri, const char *key);

/*
 * The bytes of name as one part of a path: all but letters, digits and -._~
 * become %XX. out needs three times the length and one more.
 */
void uri_encode(const char *name, char *out);

#endif
