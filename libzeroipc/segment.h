/* SPDX-License-Identifier: MIT */
/* A segment's handle, as the layers above it use it. */
#ifndef ZIPC_SEGMENT_INTERNAL_H
#define ZIPC_SEGMENT_INTERNAL_H

#include "format.h"

#include <pthread.h>
#include <stdbool.h>
#include <zipc/segment.h>

/* What this process uses of one entry; see use.h. */
struct zipc_used {
	uint64_t extent, lives;
	uint32_t handles; /* 0: it uses nothing there */
};

struct zipc_segment {
	char name[256]; /* without the slash */
	unsigned char *base;
	uint64_t size;  /* bytes mapped; nothing beyond is touched */
	/*
	 * A description of this process's own: its life lock, the lock of who
	 * creates, and fallocate go through it. After fork, before anything
	 * else, the child opens another.
	 */
	int fd;
	bool read_only;
	bool symmetric;
	bool sparse;
	uint32_t max_entries;
	uint32_t max_participants;
	struct zipc_participant *participants;
	_Atomic unsigned references;
	_Atomic unsigned generation; /* of forks, when it was joined */
	_Atomic uint64_t holder;     /* this process, in claims */
	pthread_mutex_t mutex;       /* creating, and joining after fork */
	pthread_mutex_t uses_mutex;  /* a few instructions; inside of mutex */
	struct zipc_used *uses;      /* by entry; NULL for who only reads */
	struct zipc_segment *next;   /* all that this process has open */
};

/* Grows in the child at each fork. */
extern unsigned zipc_fork_generation __attribute__((visibility("hidden")));

/* Join as a child; called through zipc_segment_enter() only. */
int zipc_segment_rejoin(struct zipc_segment *segment);

/*
 * The first step of every operation that writes: after fork the child becomes
 * a participant of its own.
 */
static inline int zipc_segment_enter(struct zipc_segment *segment)
{
	/* Relaxed: only this process writes it, and rejoin takes the mutex. */
	if (__builtin_expect(atomic_load_explicit(&segment->generation,
						  memory_order_relaxed) ==
				     zipc_fork_generation, 1))
		return 0;
	return zipc_segment_rejoin(segment);
}

static inline struct zipc_header *zipc_segment_header(
	const struct zipc_segment *segment)
{
	return (struct zipc_header *)(void *)segment->base;
}

/* Where the first block stands, at the earliest. */
static inline uint64_t zipc_segment_blocks_begin(
	const struct zipc_segment *segment)
{
	return (uint64_t)((const unsigned char *)segment->participants -
			  segment->base) +
	       (uint64_t)segment->max_participants *
		       sizeof(struct zipc_participant);
}

/* Structure handles hold the segment. */
struct zipc_segment *zipc_segment_hold(struct zipc_segment *segment);

/* Whether who is named lives; oneself does. */
bool zipc_segment_lives(struct zipc_segment *segment, uint64_t holder);

/*
 * Whether a participant lives that had the place when this was called; one that
 * comes meanwhile may be told for it.
 */
bool zipc_segment_place_lives(struct zipc_segment *segment, uint32_t index);

/*
 * There is something to do in it for zeroipcd, who watches the directory, and
 * looks at a file whose times change. If that is missed, it looks some seconds
 * later.
 */
void zipc_segment_call_daemon(const struct zipc_segment *segment);

/*
 * The lock of who creates and removes: 0, or -EBUSY naming the holder after a
 * second. A process that dies inside drops it.
 */
int zipc_segment_lock(struct zipc_segment *segment);
void zipc_segment_unlock(struct zipc_segment *segment);

/*
 * Reserve memory for size bytes at offset, all reading zero; -ENOSPC leaves
 * what was there before. Under the lock only; all bytes from offset to end must
 * be nobody's.
 */
int zipc_segment_reserve(struct zipc_segment *segment, uint64_t offset,
			 uint64_t size, uint64_t end);

/* Give the whole pages between begin and end back, which are nobody's. */
void zipc_segment_give_back(const struct zipc_segment *segment, uint64_t begin,
			    uint64_t end);

#endif
