/* SPDX-License-Identifier: MIT */
/* The textbook's bounded queue: a mutex and two conditions, process-shared. */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <pthread.h>

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t not_full, not_empty;
	uint64_t capacity, head, tail;
	_Alignas(64) unsigned char slots[];
};

static void *create(const struct queue_shape *shape)
{
	struct queue *queue = shared_new(sizeof(*queue) +
					 shape->capacity * shape->item_bytes);
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&queue->mutex, &mutex);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&queue->not_full, &cond);
	pthread_cond_init(&queue->not_empty, &cond);
	queue->capacity = shape->capacity;
	return queue;
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

LOOP bool push(void *end, const void *item, size_t bytes)
{
	struct queue *queue = end;

	pthread_mutex_lock(&queue->mutex);
	while (queue->tail - queue->head == queue->capacity)
		pthread_cond_wait(&queue->not_full, &queue->mutex);
	memcpy(queue->slots + queue->tail++ % queue->capacity * bytes, item,
	       bytes);
	pthread_mutex_unlock(&queue->mutex);
	pthread_cond_signal(&queue->not_empty);
	return true;
}

LOOP bool pop(void *end, void *item, size_t bytes)
{
	struct queue *queue = end;

	pthread_mutex_lock(&queue->mutex);
	while (queue->tail == queue->head)
		pthread_cond_wait(&queue->not_empty, &queue->mutex);
	memcpy(item, queue->slots + queue->head++ % queue->capacity * bytes,
	       bytes);
	pthread_mutex_unlock(&queue->mutex);
	pthread_cond_signal(&queue->not_full);
	return true;
}

#define OPERATIONS(bytes)                                                   \
	static bool push_##bytes(void *end, const void *item)               \
	{                                                                   \
		return push(end, item, bytes);                              \
	}                                                                   \
	static bool pop_##bytes(void *end, void *item)                      \
	{                                                                   \
		return pop(end, item, bytes);                               \
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
	.create = create, .destroy = shared_free, .open = open_end,
	.close = close_end, .loops = loops
};

const struct candidate queue_pthread = {
	.name = "pthread-cond", .family = &peer
};
