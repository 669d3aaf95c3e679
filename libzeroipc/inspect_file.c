/* SPDX-License-Identifier: MIT */
/*
 * The files in /dev/shm that may be segments: their names, what each tells of
 * itself, and opening one without trusting that it is a regular file.
 */
#include "inspect.h"

#include "error.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int zipc_view_plain_name(const char **name)
{
	const char *it = *name + (**name == '/');
	size_t length = strlen(it);

	if (length == 0 || strchr(it, '/') || !strcmp(it, ".") ||
	    !strcmp(it, ".."))
		return zipc_fail(EINVAL,
				 "`%s` is no segment's name: write one without "
				 "a `/`, but for a leading one",
				 *name);
	if (length > 255)
		return zipc_fail(ENAMETOOLONG,
				 "a segment's name has at most 255 bytes, "
				 "this one %zu",
				 length);
	*name = it;
	return 0;
}

void zipc_view_path(char path[static ZIPC_SHM_PATH], const char *name)
{
	snprintf(path, ZIPC_SHM_PATH, ZIPC_SHM "/%s", name);
}

static int open_failed(const char *name, const char *path)
{
	int error = errno;
	struct stat st;

	if (error == ENOENT)
		return zipc_fail(ENOENT, "no segment `/%s` in " ZIPC_SHM, name);
	if (error == ELOOP || error == ENXIO)
		return zipc_fail(EBADMSG,
				 "`/%s` is not a ZeroIPC segment: not "
				 "a regular file",
				 name);
	if (error == EACCES && lstat(path, &st) == 0)
		return zipc_fail(
			EACCES,
			"may not read segment `/%s`: it belongs to uid "
			"%u, gid %u and has mode %04o",
			name, st.st_uid, st.st_gid, st.st_mode & 07777);
	return zipc_fail(error, "cannot open segment `/%s`: %s", name,
			 strerror(error));
}

int zipc_view_open_file(const char *name, struct stat *st)
{
	char path[ZIPC_SHM_PATH];
	int fd;

	zipc_view_path(path, name);
	/* O_NONBLOCK: a FIFO put there must not hold us up. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return open_failed(name, path);
	if (fstat(fd, st)) {
		int rc = zipc_fail(errno, "cannot stat segment `/%s`", name);

		close(fd);
		return rc;
	}
	if (!S_ISREG(st->st_mode)) {
		close(fd);
		return zipc_fail(EBADMSG,
				 "`/%s` is not a ZeroIPC segment: not "
				 "a regular file",
				 name);
	}
	return fd;
}

/* A list that grows by doubling. */
struct names {
	char **at;
	size_t count, room;
};

static int names_add(struct names *names, const char *name)
{
	if (names->count == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		char **at = realloc(names->at, room * sizeof(*at));

		if (!at)
			return zipc_fail(ENOMEM, "no memory for names");
		names->at = at;
		names->room = room;
	}
	names->at[names->count] = strdup(name);
	if (!names->at[names->count])
		return zipc_fail(ENOMEM, "no memory for names");
	names->count++;
	return 0;
}

static void names_free(struct names *names)
{
	while (names->count)
		free(names->at[--names->count]);
	free(names->at);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int is_regular(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

static int names_read(struct names *names)
{
	DIR *dir = opendir(ZIPC_SHM);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return zipc_fail(errno, "cannot list " ZIPC_SHM ": %s",
				 strerror(errno));
	while (!rc && (errno = 0, entry = readdir(dir)))
		if (is_regular(dirfd(dir), entry))
			rc = names_add(names, entry->d_name);
	if (!rc && errno)
		rc = zipc_fail(errno, "cannot list " ZIPC_SHM ": %s",
			       strerror(errno));
	closedir(dir);
	return rc;
}

int zipc_view_names(int (*each)(const char *name, void *context), void *context)
{
	struct names names = {NULL, 0, 0};
	int rc = names_read(&names);

	if (!rc && names.count)
		qsort(names.at, names.count, sizeof(*names.at), compare_names);
	for (size_t i = 0; !rc && i < names.count; i++)
		rc = each(names.at[i], context);
	names_free(&names);
	return rc;
}

static int begins_as_segment(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint32_t magic = 0;
	ssize_t got;

	if (fd < 0)
		return errno == EACCES ? -1 : 0;
	got = pread(fd, &magic, sizeof(magic), 0);
	close(fd);
	return got == sizeof(magic) && magic == ZIPC_MAGIC;
}

int zipc_view_file(const char *name, struct zipc_view_file *out)
{
	char path[ZIPC_SHM_PATH];
	struct stat st;
	int rc = zipc_view_plain_name(&name);

	if (rc)
		return rc;
	zipc_view_path(path, name);
	if (lstat(path, &st))
		return open_failed(name, path);
	out->size_bytes = (uint64_t)st.st_size;
	out->resident_bytes = (uint64_t)st.st_blocks * 512;
	out->inode = st.st_ino;
	out->mode = st.st_mode & 07777;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	out->segment = S_ISREG(st.st_mode) ? begins_as_segment(path) : 0;
	return 0;
}
