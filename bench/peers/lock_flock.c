/* SPDX-License-Identifier: MIT */
/* flock(2) on a file: what a shell script has. Two system calls. */
#include "../lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

struct file {
	int fd;
};

static void *create(void)
{
	struct file *file = malloc(sizeof(*file));

	file->fd = memfd_create("lock", 0);
	if (file->fd < 0)
		die("memfd_create");
	return file;
}

static void destroy(void *lock)
{
	struct file *file = lock;

	close(file->fd);
	free(file);
}

/* A lock is of an open file description, so each member has its own. */
static void *open_end(void *lock)
{
	struct file *end = malloc(sizeof(*end));
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d",
		 ((struct file *)lock)->fd);
	end->fd = open(path, O_RDWR | O_CLOEXEC);
	if (end->fd < 0)
		die("cannot open %s", path);
	return end;
}

static inline void lock_as(void *end, int how)
{
	if (flock(((struct file *)end)->fd, how))
		die("flock");
}

static inline void write_lock(void *end)
{
	lock_as(end, LOCK_EX);
}

static inline void read_lock(void *end)
{
	lock_as(end, LOCK_SH);
}

static inline void unlock(void *end)
{
	lock_as(end, LOCK_UN);
}

LOCK_SECTIONS(write_sections, 1, write_lock, unlock)
LOCK_CHASE(chase, write_lock, unlock)
LOCK_SECTIONS(read_sections, 0, read_lock, unlock)

static const struct lock_peer peer = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = destroy, .mutex = write_sections, .read = read_sections,
	.write = write_sections, .lock = write_lock, .chase = chase
};

const struct candidate lock_flock = { .name = "flock", .family = &peer };
