/* SPDX-License-Identifier: MIT */
/*
 * Targets of requests. Nothing is normalised: "..", "//" and %2e are names
 * like any other, and name nothing.
 */
#include "uri.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decode %XX in place, which only ever shortens. */
static int decode(char *text, const char **problem)
{
	char *out = text;
	int high, low;

	for (; *text; text++) {
		if (*text != '%') {
			*out++ = *text;
			continue;
		}
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0) {
			*problem = "% must be followed by two hexadecimal "
				   "digits; write % itself as %25";
			return -EINVAL;
		}
		if (!high && !low) {
			*problem = "%00 can be part of no name";
			return -EINVAL;
		}
		*out++ = (char)(high << 4 | low);
		text += 2;
	}
	*out = 0;
	return 0;
}

static int parse_path(struct uri *uri, char *path, const char **problem)
{
	char *slash;
	int rc;

	for (; path && *path; path = slash) {
		slash = strchr(path, '/');
		if (slash)
			*slash++ = 0;
		if (uri->parts == URI_PARTS) {
			uri->parts++;
			return 0;
		}
		uri->part[uri->parts++] = path;
		rc = decode(path, problem);
		if (rc)
			return rc;
	}
	return 0;
}

static int parse_query(struct uri *uri, char *query, const char **problem)
{
	char *next, *value;
	int rc;

	for (; query && *query; query = next) {
		next = strchr(query, '&');
		if (next)
			*next++ = 0;
		if (uri->params == URI_PARAMS) {
			*problem = "too many parameters";
			return -EINVAL;
		}
		value = strchr(query, '=');
		if (value)
			*value++ = 0;
		else
			value = query + strlen(query);
		uri->key[uri->params] = query;
		uri->value[uri->params++] = value;
		rc = decode(value, problem);
		if (!rc)
			rc = decode(query, problem);
		if (rc)
			return rc;
	}
	return 0;
}

static int check_doubles(const struct uri *uri, const char **problem)
{
	unsigned i, j;

	for (i = 0; i < uri->params; i++)
		for (j = 0; j < i; j++)
			if (!strcmp(uri->key[i], uri->key[j])) {
				*problem = "a parameter is given twice";
				return -EINVAL;
			}
	return 0;
}

int uri_parse(struct uri *out, const char *target, const char **problem)
{
	struct uri uri = { 0 };
	char *query;
	int rc;

	if (target[0] != '/') {
		*problem = "the target must be a path that begins with /";
		return -EINVAL;
	}
	uri.text = strdup(target);
	if (!uri.text)
		return -ENOMEM;
	query = strchr(uri.text, '?');
	if (query)
		*query++ = 0;
	rc = parse_path(&uri, uri.text + 1, problem);
	if (!rc)
		rc = parse_query(&uri, query, problem);
	if (!rc)
		rc = check_doubles(&uri, problem);
	if (rc)
		uri_free(&uri);
	else
		*out = uri;
	return rc;
}

void uri_free(struct uri *uri)
{
	free(uri->text);
	uri->text = NULL;
}

const char *uri_param(const struct uri *uri, const char *key)
{
	unsigned i;

	for (i = 0; i < uri->params; i++)
		if (!strcmp(uri->key[i], key))
			return uri->value[i];
	return NULL;
}

static bool plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

void uri_encode(const char *name, char *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (plain(c)) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	*out = 0;
}
