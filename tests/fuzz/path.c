/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT/STRUCTURE[i:j] of the command line: refused with words, or taken
 * apart into names that were there and a slice that stays inside, which is
 * worked out here once more in wider numbers.
 */
#include "fuzz.h"

#include "../../cli/cli.h"

#include <stdarg.h>

static unsigned complaints;

/* cli/main.c has the real ones. */
int fail_usage(const char *format, ...)
{
	char words[8192];
	va_list args;

	va_start(args, format);
	require(vsnprintf(words, sizeof(words), format, args) > 0, "no words");
	va_end(args);
	complaints++;
	return STATUS_USAGE;
}

void *must_allocate(uint64_t count, uint64_t size_bytes)
{
	(void)count;
	(void)size_bytes;
	abort();
}

/* What reads whole command lines is not for us. */
int next_option(int argc, char **argv, const char *letters,
		const struct option *options)
{
	(void)argc, (void)argv, (void)letters, (void)options;
	abort();
}

const char *only_argument(int argc, char **argv, const char *what)
{
	(void)argc, (void)argv, (void)what;
	abort();
}

static __int128 bound(bool given, int64_t value, uint64_t size,
		      __int128 missing)
{
	__int128 at = value < 0 ? (__int128)size + value : value;

	if (!given)
		return missing;
	return at < 0 ? 0 : at > (__int128)size ? (__int128)size : at;
}

static void check_slice(const struct slice *slice, uint64_t size)
{
	__int128 from = bound(slice->has_from, slice->from, size, 0), to;
	uint64_t got, count;

	if (!slice_resolve(slice, size, &got, &count)) {
		require(slice->single, "only one element can be missing");
		return;
	}
	to = slice->given && slice->single
		     ? from + 1
		     : bound(slice->has_to, slice->to, size, size);
	require((__int128)got == from, "from %llu", (unsigned long long)got);
	require((__int128)count == (to > from ? to - from : 0), "%llu",
		(unsigned long long)count);
	require(got <= size && count <= size - got, "it reaches beyond");
}

static void check_path(const struct path *path, const char *text)
{
	static const uint64_t sizes[] = { 0, 1, 3, 1000, INT64_MAX,
					  UINT64_MAX };
	unsigned i;

	require(*path->segment && !strchr(path->segment, '/') &&
			strstr(text, path->segment),
		"segment `%s`", path->segment);
	require(!path->structure ||
			(*path->structure && strstr(text, path->structure)),
		"structure `%s`", path->structure);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_slice(&path->slice, sizes[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	struct path path;

	complaints = 0;
	if (path_parse(&path, text) == STATUS_FINE) {
		require(!complaints, "accepted, with a complaint");
		check_path(&path, text);
		path_free(&path);
	} else {
		require(complaints == 1, "%u complaints", complaints);
	}
	if (path_parse_structure(&path, text) == STATUS_FINE)
		path_free(&path);
	free(text);
	return 0;
}
