/* SPDX-License-Identifier: MIT */
/*
 * POSIX message queues. Without privilege the kernel gives ten messages; the
 * bench takes what it can get.
 */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static void *create(const struct queue_shape *shape)
{
	struct mq_attr wanted = { .mq_maxmsg = (long)shape->capacity,
				  .mq_msgsize = (long)shape->item_bytes };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	mqd_t *queue = malloc(sizeof(*queue));
	char name[80];

	if (!queue)
		die("out of memory");
	/* Where it is refused, less will do. */
	setrlimit(RLIMIT_MSGQUEUE, &all);
	snprintf(name, sizeof(name), "/%s", unique_name());
	do {
		*queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				 0600, &wanted);
	} while (*queue == (mqd_t)-1 &&
		 (errno == EINVAL || errno == EMFILE || errno == ENOMEM) &&
		 (wanted.mq_maxmsg /= 2));
	if (*queue == (mqd_t)-1)
		die("mq_open: %m");
	mq_unlink(name);
	return queue;
}

static void destroy(void *queue)
{
	mq_close(*(mqd_t *)queue);
	free(queue);
}

static void *open_end(void *queue, enum queue_role role)
{
	(void)role;
	return queue;
}

static void close_end(void *end)
{
	(void)end;
}

#define OPERATIONS(bytes)                                                   \
	static bool push_##bytes(void *end, const void *item)               \
	{                                                                   \
		if (mq_send(*(mqd_t *)end, item, bytes, 0))                 \
			die("mq_send: %m");                                 \
		return true;                                                \
	}                                                                   \
	static bool pop_##bytes(void *end, void *item)                      \
	{                                                                   \
		if (mq_receive(*(mqd_t *)end, item, bytes, NULL) != (bytes)) \
			die("mq_receive: %m");                              \
		return true;                                                \
	}                                                                   \
	QUEUE_LOOPS(loops_##bytes, bytes, push_##bytes, pop_##bytes,        \
		    pop_##bytes)

OPERATIONS(8)
OPERATIONS(64)

static const struct queue_loops *loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &loops_8 : &loops_64;
}

static const struct queue_peer peer = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .loops = loops
};

const struct candidate queue_posix_mq = {
	.name = "posix-mq", .family = &peer,
	.note = "as large as the kernel lets it be"
};
