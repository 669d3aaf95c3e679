/* SPDX-License-Identifier: MIT */
/*
 * Keeps a registry up to date: /dev/shm is watched, and scanned every few
 * seconds as well, because a watch may lose events without a word.
 */
#ifndef ZEROIPCD_WATCH_H
#define ZEROIPCD_WATCH_H

#include <uv.h>

#include "registry.h"

struct watch {
	uv_fs_event_t events;
	uv_timer_t rescan; /* every few seconds */
	uv_timer_t soon;   /* after an event, and while a file settles */
	struct registry *registry;
	/* Called after each scan; true: scan again soon. */
	bool (*scanned)(struct watch *watch);
	void *context;
};

void watch_start(struct watch *watch, uv_loop_t *loop,
		 struct registry *registry,
		 bool (*scanned)(struct watch *watch), void *context);
void watch_stop(struct watch *watch);

#endif
