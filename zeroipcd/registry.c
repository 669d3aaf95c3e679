/* SPDX-License-Identifier: MIT */
/* What each file of /dev/shm is; see registry.h. */
#include "registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zipc/inspect.h>

#include "share.h"

/* How long a file may take to become a segment. */
#define SETTLING_S 2

static int stat_of(const char *name, struct stat *out)
{
	char path[sizeof("/dev/shm/") + NAME_MAX];

	if (strlen(name) > NAME_MAX || strchr(name, '/'))
		return -ENOENT;
	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	if (lstat(path, out))
		return -errno;
	return S_ISREG(out->st_mode) ? 0 : -ENOENT;
}

static bool old_enough(const struct stat *stat)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	/* A clock that was set back must not keep us looking for ever. */
	return now.tv_sec > stat->st_ctim.tv_sec + SETTLING_S ||
	       now.tv_sec < stat->st_ctim.tv_sec - SETTLING_S;
}

static void look(struct registry_file *file)
{
	struct zipc_view_file origin;
	struct zipc_view *view;

	file->settled = old_enough(&file->stat);
	file->error = zipc_view_open(&view, file->name);
	if (!file->error) {
		zipc_view_close(view);
		file->verdict = REGISTRY_SEGMENT;
		file->settled = true;
		return;
	}
	snprintf(file->message, sizeof(file->message), "%s", zipc_last_error());
	switch (file->error) {
	case -EACCES:
	case -EPERM:
		file->verdict = REGISTRY_UNREADABLE;
		break;
	case -EBADMSG:
	case -EPROTONOSUPPORT:
		file->verdict = zipc_view_file(file->name, &origin) ||
						origin.segment != 1
					? REGISTRY_FOREIGN
					: REGISTRY_FAULTY;
		break;
	default:
		/* Out of descriptors, leased by its owner: ask again. */
		file->verdict = REGISTRY_FAULTY;
		file->settled = false;
	}
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       same_time(&a->st_mtim, &b->st_mtim) &&
	       same_time(&a->st_ctim, &b->st_ctim);
}

/* Bring what is known of a file up to what stat(2) tells now. */
static void renew(struct registry_file *file, const struct stat *now)
{
	bool same = same_file(&file->stat, now);

	file->stat = *now;
	if (!same || !file->settled)
		look(file);
}

/* Bring one file up to date; false: it is gone. */
static bool refresh(struct registry_file *file)
{
	struct stat now;

	if (stat_of(file->name, &now))
		return false;
	renew(file, &now);
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct registry_file *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static struct registry_file **place_of(struct registry *registry,
				       const char *name)
{
	size_t low = 0, high = registry->n, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = strcmp(registry->files[middle]->name, name);
		if (!order)
			return &registry->files[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int append(struct registry *registry, struct registry_file *file)
{
	size_t room = registry->room ? 2 * registry->room : 16;
	struct registry_file **files;

	if (registry->n == registry->room) {
		files = realloc(registry->files, room * sizeof(*files));
		if (!files)
			return -ENOMEM;
		registry->files = files;
		registry->room = room;
	}
	registry->files[registry->n++] = file;
	return 0;
}

struct walk {
	struct registry *old;
	struct registry new;
	struct share share;
};

/* Whether its owner may have one more looked at. */
static bool has_share(struct walk *walk, const struct stat *stat)
{
	struct share_user *user = share_owner(&walk->share, stat->st_uid,
					      stat->st_mode);

	return user && share_take(&walk->share, user, SHARE_RECORDS, 1);
}

/* One name of the directory: take what is known of it over, or look. */
static int step(struct walk *walk, const char *name)
{
	struct registry_file **known = place_of(walk->old, name), *file;
	struct stat now;

	if (stat_of(name, &now))
		return 0;
	if (!has_share(walk, &now)) {
		walk->new.more = true;
		return 0;
	}
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	if (known)
		*file = **known;
	else
		strcpy(file->name, name);
	renew(file, &now);
	if (!append(&walk->new, file))
		return 0;
	free(file);
	return -ENOMEM;
}

/* No list of all names is kept: there may be as many as anybody likes. */
static int walk_all(struct walk *walk)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return -errno;
	while (!rc && (errno = 0, entry = readdir(dir)))
		rc = step(walk, entry->d_name);
	if (!rc)
		rc = -errno;
	closedir(dir);
	return rc;
}

int registry_scan(struct registry *registry)
{
	struct walk walk = {
		.old = registry,
		.new.most = registry->most,
		.share.most[SHARE_RECORDS] = registry->most,
	};
	int rc = walk_all(&walk);

	share_stop(&walk.share);
	if (rc < 0) {
		registry_stop(&walk.new);
		return rc;
	}
	if (walk.new.n)
		qsort(walk.new.files, walk.new.n, sizeof(*walk.new.files),
		      by_name);
	registry_stop(registry);
	*registry = walk.new;
	return 0;
}

const struct registry_file *registry_find(struct registry *registry,
					  const char *name)
{
	struct registry_file **known = place_of(registry, name);
	struct stat stat;

	if (!known && !stat_of(name, &stat)) {
		registry_scan(registry);
		known = place_of(registry, name);
	}
	if (!known || !refresh(*known) ||
	    (*known)->verdict == REGISTRY_FOREIGN)
		return NULL;
	return *known;
}

unsigned registry_segments(const struct registry *registry)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < registry->n; i++)
		count += registry->files[i]->verdict == REGISTRY_SEGMENT;
	return count;
}

bool registry_unsettled(const struct registry *registry)
{
	size_t i;

	for (i = 0; i < registry->n; i++)
		if (!registry->files[i]->settled)
			return true;
	return false;
}

int registry_start(struct registry *registry)
{
	*registry = (struct registry){ .most = REGISTRY_MAX };
	return registry_scan(registry);
}

void registry_stop(struct registry *registry)
{
	while (registry->n)
		free(registry->files[--registry->n]);
	free(registry->files);
	*registry = (struct registry){ .n = 0 };
}
