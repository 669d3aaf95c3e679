/* SPDX-License-Identifier: MIT */
/* The life of a segment's handle, for those who make and close handles. */
#ifndef ZIPC_SEGMENT_HANDLE_H
#define ZIPC_SEGMENT_HANDLE_H

#include "segment.h"

#define ZIPC_SHM "/dev/shm"
#define ZIPC_PATH_BYTES 272 /* with the longest name, and its NUL */
#define ZIPC_PAGE 4096u

static inline uint64_t zipc_round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* A segment's name, with or without its slash, as the path of its file. */
int zipc_segment_path(char path[static ZIPC_PATH_BYTES], const char *name);

/*
 * Nobody forks between here and zipc_segment_finish(), so that no description
 * goes to a child unseen.
 */
void zipc_segment_hold_forks(void);

/* A handle that finish can take at every stage; NULL: out of memory. */
struct zipc_segment *zipc_segment_new(const char *path);

/* Map size bytes of segment->fd; locks then stand on another description. */
int zipc_segment_map(struct zipc_segment *segment, uint64_t size);

/* Copy out of the mapped header what every operation needs. */
void zipc_segment_adopt(struct zipc_segment *segment,
			const struct zipc_header *header);

/* Become a participant; who only reads needs not. */
int zipc_segment_join(struct zipc_segment *segment);

/* The end of create and open: give the handle out, or, after rc, free it. */
int zipc_segment_finish(struct zipc_segment **out, struct zipc_segment *segment,
			int rc);

#endif
