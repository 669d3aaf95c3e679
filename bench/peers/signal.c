/* SPDX-License-Identifier: MIT */
/*
 * What only wakes: a semaphore and an eventfd. With one slot beside it each
 * hands over one item at a time, for the hand-offs.
 */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct slot {
	sem_t full;
	int eventfd;
	_Alignas(64) uint64_t item;
};

static void *create(const struct queue_shape *shape)
{
	struct slot *slot = shared_new(sizeof(*slot));

	(void)shape;
	slot->eventfd = eventfd(0, EFD_CLOEXEC);
	if (slot->eventfd < 0 || sem_init(&slot->full, 1, 0))
		die("a semaphore and an eventfd: %m");
	return slot;
}

static void destroy(void *at)
{
	struct slot *slot = at;

	close(slot->eventfd);
	shared_free(slot);
}

static void *open_end(void *slot, enum queue_role role)
{
	(void)role;
	return slot;
}

static void close_end(void *end)
{
	(void)end;
}

static bool post(void *at, const void *item)
{
	struct slot *slot = at;

	slot->item = *(const uint64_t *)item;
	return !sem_post(&slot->full);
}

static bool await_post(void *at, void *item)
{
	struct slot *slot = at;

	if (sem_wait(&slot->full))
		return false;
	*(uint64_t *)item = slot->item;
	return true;
}

static bool notify(void *at, const void *item)
{
	struct slot *slot = at;
	const uint64_t one = 1;

	slot->item = *(const uint64_t *)item;
	return write(slot->eventfd, &one, sizeof(one)) == sizeof(one);
}

static bool await_notice(void *at, void *item)
{
	struct slot *slot = at;
	uint64_t count;

	if (read(slot->eventfd, &count, sizeof(count)) != sizeof(count))
		return false;
	*(uint64_t *)item = slot->item;
	return true;
}

QUEUE_LOOPS(semaphore_loops, 8, post, await_post, await_post)
QUEUE_LOOPS(eventfd_loops, 8, notify, await_notice, await_notice)

static const struct queue_loops *by_semaphore(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &semaphore_loops : NULL;
}

static const struct queue_loops *by_eventfd(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &eventfd_loops : NULL;
}

static const char *unfit(const struct queue_shape *shape)
{
	return shape->waits ? NULL : "hands over one item at a time";
}

#define LIFE .unfit = unfit, .create = create, .destroy = destroy, \
	     .open = open_end, .close = close_end

static const struct queue_peer semaphore = { LIFE, .loops = by_semaphore };
static const struct queue_peer eventfds = { LIFE, .loops = by_eventfd };

const struct candidate queue_semaphore = {
	.name = "semaphore", .note = "one slot: hand-offs only",
	.family = &semaphore
};

const struct candidate queue_eventfd = {
	.name = "eventfd", .note = "one slot: hand-offs only",
	.family = &eventfds
};
