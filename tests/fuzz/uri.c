/* SPDX-License-Identifier: MIT */
/*
 * The target of a request to the daemon: refused with words, or taken apart
 * into parts that, encoded and joined again, give the same parts.
 */
#include "fuzz.h"

#include "../../zeroipcd/uri.h"

#include <errno.h>

static void check_again(const struct uri *uri)
{
	size_t room = 2, length = 0;
	const char *problem;
	struct uri again;
	char *target;
	unsigned i;

	for (i = 0; i < uri->parts; i++)
		room += 1 + 3 * strlen(uri->part[i]);
	target = malloc(room);
	for (i = 0; i < uri->parts; i++) {
		target[length++] = '/';
		uri_encode(uri->part[i], target + length);
		length += strlen(target + length);
	}
	strcpy(target + length, "/");
	require(!uri_parse(&again, target, &problem), "%s: %s", target,
		problem);
	require(again.parts == uri->parts && !again.params, "%s", target);
	for (i = 0; i < uri->parts; i++)
		require(!strcmp(again.part[i], uri->part[i]), "%s", target);
	uri_free(&again);
	free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *target = fuzz_string(data, size);
	const char *problem = NULL;
	struct uri uri;
	unsigned i;
	int rc = uri_parse(&uri, target, &problem);

	if (rc) {
		require(rc == -EINVAL && problem && *problem, "%d", rc);
		free(target);
		return 0;
	}
	require(uri.parts <= URI_PARTS + 1 && uri.params <= URI_PARAMS,
		"%u parts, %u parameters", uri.parts, uri.params);
	for (i = 0; i < uri.params; i++)
		require(uri_param(&uri, uri.key[i]) == uri.value[i],
			"parameter %u is hidden", i);
	if (uri.parts <= URI_PARTS)
		check_again(&uri);
	uri_free(&uri);
	free(target);
	return 0;
}
