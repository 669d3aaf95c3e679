/* SPDX-License-Identifier: MIT */
/* Serving the page's files; see assets.h. */
#include "assets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_LIMIT ((off_t)1 << 20)

static const char *type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot && !strcmp(dot, ".html"))
		return "text/html; charset=utf-8";
	if (dot && !strcmp(dot, ".js"))
		return "text/javascript; charset=utf-8";
	if (dot && !strcmp(dot, ".css"))
		return "text/css; charset=utf-8";
	if (dot && !strcmp(dot, ".svg"))
		return "image/svg+xml";
	return "application/octet-stream";
}

static char *read_whole(int fd, size_t size)
{
	char *bytes = malloc(size + 1);
	size_t done = 0;
	ssize_t n = 1;

	while (bytes && done < size && n > 0) {
		n = pread(fd, bytes + done, size - done, (off_t)done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (done < size) {
		free(bytes);
		bytes = NULL;
	}
	return bytes;
}

/*
 * The name is one of those built in, so it has no slash; a link is not followed
 * out of the directory, and a FIFO does not hold us up.
 */
static int from_disk(int dir, const char *name, struct http_answer *answer)
{
	int fd = openat(dir, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat stat;
	int rc = -ENOENT;

	if (fd < 0)
		return -ENOENT;
	if (!fstat(fd, &stat) && S_ISREG(stat.st_mode) &&
	    stat.st_size <= SIZE_LIMIT) {
		answer->length = (size_t)stat.st_size;
		answer->body = read_whole(fd, answer->length);
		rc = answer->body ? 0 : -ENOENT;
	}
	close(fd);
	return rc;
}

int assets_find(struct assets *assets, const char *name,
		struct http_answer *answer)
{
	const struct asset *asset;
	int rc = 0;

	if (!*name)
		name = "index.html";
	for (asset = assets_built_in; asset->name; asset++)
		if (!strcmp(asset->name, name))
			break;
	if (!asset->name)
		return -ENOENT;
	if (assets->dir >= 0) {
		rc = from_disk(assets->dir, name, answer);
	} else {
		answer->body = (const char *)asset->bytes;
		answer->length = asset->size;
		answer->body_is_static = true;
	}
	answer->status = 200;
	answer->type = type_of(name);
	return rc;
}

int assets_start(struct assets *assets, const char *web_root)
{
	int rc;

	assets->dir = -1;
	if (!web_root)
		return 0;
	assets->dir = open(web_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (assets->dir >= 0)
		return 0;
	rc = -errno;
	fprintf(stderr, "zeroipcd: --web-root %s: %s\n", web_root,
		strerror(-rc));
	return rc;
}

void assets_stop(struct assets *assets)
{
	if (assets->dir >= 0)
		close(assets->dir);
	assets->dir = -1;
}
