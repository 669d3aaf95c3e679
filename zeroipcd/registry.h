/* SPDX-License-Identifier: MIT */
/*
 * The files of /dev/shm, and what each one is. A look into a file costs an
 * open and a few reads, so its verdict is kept as long as the file has the same
 * inode and the same times. A file that is no segment yet may become one by
 * plain stores, which change no time: for its first seconds it is looked at
 * again and again.
 */
#ifndef ZEROIPCD_REGISTRY_H
#define ZEROIPCD_REGISTRY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * More files than this are not looked at, nor more of a user than its share
 * (share.h); anybody can make many.
 */
#define REGISTRY_MAX 4096

enum registry_verdict {
	REGISTRY_FOREIGN,    /* no segment; not shown */
	REGISTRY_SEGMENT,    /* opens as a segment */
	REGISTRY_UNREADABLE, /* the daemon may not read it, so who knows */
	REGISTRY_FAULTY,     /* has a segment's magic, and does not open */
};

struct registry_file {
	char name[NAME_MAX + 1];
	struct stat stat;
	enum registry_verdict verdict;
	int error; /* why it does not open: a negative errno */
	char message[256];
	/* When drive.c last looked for something to do in it, and its ctime. */
	uint64_t looked_ns;
	struct timespec looked_ctim;
	bool settled; /* the verdict can only change with the file's times */
};

struct registry {
	struct registry_file **files; /* sorted by name */
	size_t n, room;
	size_t most; /* REGISTRY_MAX; tests set it */
	bool more; /* there are files that are not looked at */
};

int registry_start(struct registry *registry);
void registry_stop(struct registry *registry);

/* Look at what changed. Returns 0 or a negative errno. */
int registry_scan(struct registry *registry);

/* How many segments, and whether some verdict may change by itself. */
unsigned registry_segments(const struct registry *registry);
bool registry_unsettled(const struct registry *registry);

/*
 * The file called name, as it is now; NULL: there is none, or it is foreign.
 * Good until the next call.
 */
const struct registry_file *registry_find(struct registry *registry,
					  const char *name);

#endif
