/* SPDX-License-Identifier: MIT */
/* Holes of sparse files; see holes.h. */
#include "holes.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define STEPS 256u /* then what follows counts as a hole */

static int open_file(const char *name)
{
	char path[sizeof("/dev/shm/") + 256];

	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

uint64_t holes_between(const char *name, uint64_t from, uint64_t to)
{
	int fd = open_file(name);
	off_t at = (off_t)from, end = (off_t)to, data;
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; fd >= 0 && i < STEPS && at >= 0 && at < end; i++) {
		data = lseek(fd, at, SEEK_DATA);
		if (data < 0 || data > end)
			data = end;
		bytes += (uint64_t)(data - at);
		at = data < end ? lseek(fd, data, SEEK_HOLE) : end;
	}
	if (fd >= 0)
		close(fd);
	return at >= 0 && at < end ? bytes + (uint64_t)(end - at) : bytes;
}

static uint64_t of_entry(const char *name, const struct zipc_view_entry *entry)
{
	return holes_between(name, entry->offset_bytes,
			     entry->offset_bytes + entry->size_bytes);
}

uint64_t holes_of_stream(struct zipc_view *view, const char *name,
			 const struct zipc_view_entry *entry,
			 const struct zipc_view_derivation *derivation)
{
	uint64_t bytes = of_entry(name, entry);
	struct zipc_view_entry source;
	unsigned k;

	for (k = 0; k < derivation->sources; k++)
		if (!zipc_view_find(view, derivation->source[k].name, &source))
			bytes += of_entry(name, &source);
	return bytes;
}
