/* SPDX-License-Identifier: MIT */
/*
 * Drives the derived streams that are marked for zeroipcd, each in a thread of
 * its own that sleeps in zipc_stream_drive(): elements never cross the loop.
 * The loop only looks which ones there are, after a scan of /dev/shm, by
 * reading: files whose times changed, and all others every few seconds. A
 * segment is mapped when there is something to drive in it.
 *
 * Threads, mapped segments and memory are shared out among the owners of the
 * files (share.h), and so is the loop's time. What is refused is told in the
 * document of the stream, and logged once for each user. A segment is let go
 * when nobody works in it any more.
 *
 * Lazy values that are wanted, and have an expression, are computed likewise:
 * by one thread for each segment, which ends when none is wanted any more.
 *
 * Whoever wrote a segment can do no more than waste the thread's time: what is
 * in it is checked by the library, and a mapping that is cut short is lost
 * alone (guard.h).
 */
#ifndef ZEROIPCD_DRIVE_H
#define ZEROIPCD_DRIVE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <zipc/inspect.h>

#include "registry.h"
#include "share.h"

struct drive_options {
	bool off;            /* --no-drive */
	unsigned threads;    /* streams that are driven at a time, */
	unsigned memory_mib; /* and what they take; of one a quarter of it */
};

struct drive {
	struct registry *registry;
	struct driven *segments; /* those with something marked for us */
	struct share share;
	uint64_t turn;   /* the number of the scan; */
	size_t from;     /* the file that the next one begins with */
	int64_t look_ns; /* that a segment gets in a scan; tests set it */
	bool off;
};

/* Needs guard_start(). */
void drive_start(struct drive *drive, struct registry *registry,
		 const struct drive_options *options);

/* Look for what came and went; called by the loop after each scan. */
void drive_scan(struct drive *drive);

/* Whether a thread that was asked to end has not yet: scan again soon. */
bool drive_unsettled(const struct drive *drive);

/* Wait for all threads; if one is stuck for five seconds, end the process. */
void drive_stop(struct drive *drive);

/*
 * What this daemon does about the derived stream entry of segment, in
 * object.drive: its state, elements and elements_per_s; error and message; and
 * in stages the rates of each operator over the last seconds.
 */
void drive_describe(const struct drive *drive, cJSON *object,
		    const struct zipc_view_segment *segment,
		    const struct zipc_view_entry *entry, bool int64_as_string);

#endif
