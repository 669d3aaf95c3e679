/* SPDX-License-Identifier: MIT */
/* Our locks. */
#include "../lock.h"

#include <stdlib.h>
#include <zeroipc.h>

struct end {
	struct zipc_mutex *mutex;
	struct zipc_rwlock *rwlock;
};

/* Members inherit the segment; its name is gone before any of them runs. */
static void *create(void)
{
	struct zipc_segment *segment;
	struct zipc_rwlock *rwlock;
	struct zipc_mutex *mutex;
	const char *name = unique_name();

	if (zipc_segment_create(&segment, name, 1 << 16, NULL))
		die("%s", zipc_last_error());
	zipc_segment_unlink(name);
	if (zipc_mutex_create(&mutex, segment, "m") ||
	    zipc_rwlock_create(&rwlock, segment, "rw", 0))
		die("%s", zipc_last_error());
	zipc_mutex_close(mutex);
	zipc_rwlock_close(rwlock);
	return segment;
}

static void destroy(void *segment)
{
	zipc_segment_close(segment);
}

static void *open_end(void *segment)
{
	struct end *end = malloc(sizeof(*end));

	if (!end || zipc_mutex_open(&end->mutex, segment, "m") ||
	    zipc_rwlock_open(&end->rwlock, segment, "rw"))
		die("%s", zipc_last_error());
	return end;
}

static void close_end(void *end)
{
	struct end *it = end;

	zipc_mutex_close(it->mutex);
	zipc_rwlock_close(it->rwlock);
	free(it);
}

static inline void must(int rc)
{
	if (__builtin_expect(rc, 0))
		die("%s", zipc_last_error());
}

static inline void lock(void *end)
{
	must(zipc_mutex_lock(((struct end *)end)->mutex, ZIPC_FOREVER));
}

static inline void unlock(void *end)
{
	must(zipc_mutex_unlock(((struct end *)end)->mutex));
}

static inline void read_lock(void *end)
{
	must(zipc_rwlock_read_lock(((struct end *)end)->rwlock, ZIPC_FOREVER));
}

static inline void write_lock(void *end)
{
	must(zipc_rwlock_write_lock(((struct end *)end)->rwlock,
				    ZIPC_FOREVER));
}

static inline void unlock_rw(void *end)
{
	must(zipc_rwlock_unlock(((struct end *)end)->rwlock));
}

LOCK_SECTIONS(mutex_sections, 1, lock, unlock)
LOCK_CHASE(chase, lock, unlock)
LOCK_SECTIONS(read_sections, 0, read_lock, unlock_rw)
LOCK_SECTIONS(write_sections, 1, write_lock, unlock_rw)

static const struct lock_peer peer = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .mutex = mutex_sections, .read = read_sections,
	.write = write_sections, .lock = lock, .chase = chase
};

const struct candidate lock_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &peer
};
