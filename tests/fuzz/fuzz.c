/* SPDX-License-Identifier: MIT */
/* What fuzz targets share; fuzz.h tells how they are built. */
#include "fuzz.h"

#include <dirent.h>
#include <stdarg.h>
#include <unistd.h>

#pragma weak fuzz_describe

void fuzz_fail(const char *file, int line, const char *condition,
	       const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	if (fuzz_describe)
		fuzz_describe();
	fflush(stderr);
	abort();
}

const char *fuzz_segment_name(void)
{
	static char name[32];

	if (!*name)
		snprintf(name, sizeof(name), "zt-%ld-fuzz", (long)getpid());
	return name;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int fuzz_corpus(const char *target, void (*each)(const char *path))
{
	struct dirent **entries;
	char directory[512], path[1024];
	int i, n;

	snprintf(directory, sizeof(directory), "%s/%s", FUZZ_CORPUS, target);
	n = scandir(directory, &entries, is_input, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory,
			 entries[i]->d_name);
		each(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return n;
}
