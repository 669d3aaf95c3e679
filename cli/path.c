/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT/STRUCTURE[i:j]: the first slash inside parts segment and structure;
 * brackets at the end are always a slice. A structure whose own name ends in
 * brackets is reached by adding [:].
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static bool bound_parse(const char *text, bool *has, int64_t *bound)
{
	char *end;

	*has = *text != '\0';
	if (!*has)
		return true;
	if (strspn(text, "-0123456789") != strlen(text))
		return false;
	errno = 0;
	*bound = strtoll(text, &end, 10);
	return !errno && !*end;
}

/* text is what stands between the brackets; it is taken apart. */
static bool slice_parse(struct slice *slice, char *text)
{
	char *colon = strchr(text, ':');

	slice->given = true;
	slice->single = !colon;
	if (colon)
		*colon++ = '\0';
	return bound_parse(text, &slice->has_from, &slice->from) &&
	       bound_parse(colon ? colon : "", &slice->has_to, &slice->to) &&
	       (colon || slice->has_from);
}

static int cut_slice(struct path *path)
{
	size_t length = strlen(path->structure);
	char *open = strrchr(path->structure, '['), *inside;
	bool fine;

	if (!open || path->structure[length - 1] != ']')
		return STATUS_FINE;
	path->structure[length - 1] = '\0';
	inside = strdup(open + 1);
	if (!inside)
		must_allocate(UINT64_MAX, 1);
	fine = slice_parse(&path->slice, inside);
	if (!fine)
		fail_usage("`[%s]` is no slice: write [i], [i:j], [:j] or "
			   "[i:]; negative numbers count from the end",
			   open + 1);
	free(inside);
	*open = '\0';
	return fine ? STATUS_FINE : STATUS_USAGE;
}

int path_parse(struct path *path, const char *text)
{
	char *slash;
	int status = STATUS_FINE;

	*path = (struct path){.segment = strdup(text + (*text == '/'))};
	if (!path->segment)
		must_allocate(UINT64_MAX, 1);
	slash = strchr(path->segment, '/');
	if (slash) {
		*slash = '\0';
		/* "machine/" is the segment, as for a directory. */
		path->structure = slash[1] ? slash + 1 : NULL;
	}
	if (path->structure)
		status = cut_slice(path);
	if (!status && !*path->segment)
		status = fail_usage("`%s` names no segment", text);
	if (!status && path->structure && !*path->structure)
		status = fail_usage("`%s` names no structure", text);
	if (status)
		path_free(path);
	return status;
}

int json_and_path(bool *as_json, struct path *path, int argc, char **argv,
		  const char *what)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{0}};
	int option;

	*as_json = false;
	while ((option = next_option(argc, argv, ":", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		*as_json |= option == 'j';
	}
	if (!only_argument(argc, argv, what))
		return STATUS_USAGE;
	return path_parse(path, argv[optind]);
}

int path_parse_structure(struct path *path, const char *text)
{
	int status = path_parse(path, text);

	if (status)
		return status;
	if (!path->structure)
		status = fail_usage("`%s` names no structure: write "
				    "SEGMENT/STRUCTURE",
				    text);
	else if (path->slice.given)
		status = fail_usage("`%s`: a slice has no meaning here", text);
	if (status)
		path_free(path);
	return status;
}

void path_free(struct path *path)
{
	free(path->segment);
	path->segment = path->structure = NULL;
}

/* A bound as Python has it: from the end if negative, cut to what there is. */
static uint64_t clip(int64_t bound, uint64_t size)
{
	uint64_t distance;

	if (bound < 0) {
		distance = -(uint64_t)bound;
		return distance > size ? 0 : size - distance;
	}
	return (uint64_t)bound > size ? size : (uint64_t)bound;
}

bool slice_resolve(const struct slice *slice, uint64_t size, uint64_t *from,
		   uint64_t *count)
{
	uint64_t to;

	*from = slice->has_from ? clip(slice->from, size) : 0;
	if (slice->given && slice->single) {
		*count = 1;
		return *from < size &&
		       (slice->from >= 0 || -(uint64_t)slice->from <= size);
	}
	to = slice->has_to ? clip(slice->to, size) : size;
	*count = to > *from ? to - *from : 0;
	return true;
}
