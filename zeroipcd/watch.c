/* SPDX-License-Identifier: MIT */
/* When to scan; see watch.h. */
#include "watch.h"

#include <stdio.h>

#define RESCAN_MS 3000
#define SETTLING_MS 100
/* Events come in swarms; one scan serves them all. */
#define SWARM_MS 50

static void on_soon(uv_timer_t *timer);

static void scan(struct watch *watch)
{
	int rc = registry_scan(watch->registry);

	if (rc)
		fprintf(stderr, "zeroipcd: cannot list /dev/shm: %s\n",
			uv_strerror(rc));
	if (watch->scanned(watch) || registry_unsettled(watch->registry))
		uv_timer_start(&watch->soon, on_soon, SETTLING_MS, 0);
}

static void on_soon(uv_timer_t *timer)
{
	scan(timer->data);
}

static void on_rescan(uv_timer_t *timer)
{
	scan(timer->data);
}

static void on_event(uv_fs_event_t *event, const char *name, int events,
		     int status)
{
	struct watch *watch = event->data;

	(void)name;
	(void)events;
	(void)status;
	if (!uv_is_active((uv_handle_t *)&watch->soon) ||
	    uv_timer_get_due_in(&watch->soon) > SWARM_MS)
		uv_timer_start(&watch->soon, on_soon, SWARM_MS, 0);
}

void watch_start(struct watch *watch, uv_loop_t *loop,
		 struct registry *registry,
		 bool (*scanned)(struct watch *watch), void *context)
{
	int rc;

	watch->registry = registry;
	watch->scanned = scanned;
	watch->context = context;
	uv_fs_event_init(loop, &watch->events);
	uv_timer_init(loop, &watch->rescan);
	uv_timer_init(loop, &watch->soon);
	watch->events.data = watch;
	watch->rescan.data = watch;
	watch->soon.data = watch;
	rc = uv_fs_event_start(&watch->events, on_event, "/dev/shm", 0);
	if (rc)
		fprintf(stderr,
			"zeroipcd: cannot watch /dev/shm (%s); it is scanned "
			"every %d s only\n",
			uv_strerror(rc), RESCAN_MS / 1000);
	uv_timer_start(&watch->rescan, on_rescan, RESCAN_MS, RESCAN_MS);
	scan(watch);
}

void watch_stop(struct watch *watch)
{
	uv_close((uv_handle_t *)&watch->events, NULL);
	uv_close((uv_handle_t *)&watch->rescan, NULL);
	uv_close((uv_handle_t *)&watch->soon, NULL);
}
