/* SPDX-License-Identifier: MIT */
/*
 * Faults, to test the bench: a queue behind a lock that does one thing wrong,
 * once, with the item numbered FAULT_AT.
 */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <pthread.h>

#define FAULT_AT 500u

enum fault { LOSES, DOUBLES, SWAPS, TEARS };

struct queue {
	pthread_mutex_t mutex;
	enum fault fault;
	uint64_t capacity, head, tail, pushed;
	size_t item_bytes;
	uint64_t pocket[ITEM_WORDS_MAX];
	unsigned char slots[];
};

static void *create(const struct queue_shape *shape, enum fault fault)
{
	struct queue *queue = shared_new(sizeof(*queue) +
					 shape->capacity * shape->item_bytes);
	pthread_mutexattr_t shared;

	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&queue->mutex, &shared);
	queue->fault = fault;
	queue->capacity = shape->capacity;
	queue->item_bytes = shape->item_bytes;
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

static unsigned char *slot_of(struct queue *queue, uint64_t position)
{
	return queue->slots + position % queue->capacity * queue->item_bytes;
}

static void append(struct queue *queue, const void *item)
{
	memcpy(slot_of(queue, queue->tail++), item, queue->item_bytes);
}

/* Append the item that the fault is about. */
static void append_wrongly(struct queue *queue, const void *item)
{
	switch (queue->fault) {
	case LOSES:
		break;
	case DOUBLES:
		append(queue, item);
		append(queue, item);
		break;
	case SWAPS:
		memcpy(queue->pocket, item, queue->item_bytes);
		break;
	case TEARS:
		append(queue, item);
		memset(slot_of(queue, queue->tail) - 1, 0xFF, 1);
		break;
	}
}

/* There is room for two. */
static bool push(void *end, const void *item)
{
	struct queue *queue = end;
	bool room;

	pthread_mutex_lock(&queue->mutex);
	room = queue->tail - queue->head + 2 <= queue->capacity;
	if (room && ++queue->pushed == FAULT_AT) {
		append_wrongly(queue, item);
	} else if (room) {
		append(queue, item);
		if (queue->fault == SWAPS && queue->pushed == FAULT_AT + 1)
			append(queue, queue->pocket);
	}
	pthread_mutex_unlock(&queue->mutex);
	return room;
}

static bool pop(void *end, void *item)
{
	struct queue *queue = end;
	bool some;

	pthread_mutex_lock(&queue->mutex);
	some = queue->head != queue->tail;
	if (some)
		memcpy(item, slot_of(queue, queue->head++), queue->item_bytes);
	pthread_mutex_unlock(&queue->mutex);
	return some;
}

QUEUE_LOOPS(loops_8, 8, push, pop, NULL)
QUEUE_LOOPS(loops_64, 64, push, pop, NULL)

static const struct queue_loops *loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &loops_8 : &loops_64;
}

#define PLANT(word, fault)                                                \
	static void *create_that_##word(const struct queue_shape *shape)  \
	{                                                                 \
		return create(shape, fault);                              \
	}                                                                 \
	static const struct queue_peer peer_that_##word = {               \
		.create = create_that_##word, .destroy = shared_free,     \
		.open = open_end, .close = close_end, .loops = loops      \
	};                                                                \
	const struct candidate queue_##word = {                           \
		.name = "planted-" #word, .planted = true,                \
		.family = &peer_that_##word                               \
	};

PLANT(loses, LOSES)
PLANT(doubles, DOUBLES)
PLANT(swaps, SWAPS)
PLANT(tears, TEARS)
