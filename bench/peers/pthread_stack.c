/* SPDX-License-Identifier: MIT */
/*
 * The textbook's stack: an array under a process-shared mutex. Beside it one
 * that tears items, to test the bench.
 */
#include "../stack_loops.h"
#include "../stack_works.h"

#include <pthread.h>
#include <string.h>

struct stack {
	pthread_mutex_t mutex;
	uint64_t size;
	_Alignas(64) uint64_t items[STACK_CAPACITY * STACK_WORDS_MAX];
};

static void *create(size_t item_bytes)
{
	struct stack *stack = shared_new(sizeof(*stack));
	pthread_mutexattr_t mutex;

	(void)item_bytes;
	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&stack->mutex, &mutex);
	return stack;
}

static void *open_end(void *stack, unsigned member)
{
	(void)member;
	return stack;
}

static void close_end(void *end)
{
	(void)end;
}

static inline __attribute__((always_inline)) bool push(void *end,
						       const void *item,
						       size_t bytes)
{
	struct stack *stack = end;
	bool room;

	pthread_mutex_lock(&stack->mutex);
	room = stack->size < STACK_CAPACITY;
	if (room)
		memcpy(stack->items + stack->size++ * bytes / 8, item, bytes);
	pthread_mutex_unlock(&stack->mutex);
	return room;
}

static inline __attribute__((always_inline)) bool pop(void *end, void *item,
						      size_t bytes)
{
	struct stack *stack = end;
	bool some;

	pthread_mutex_lock(&stack->mutex);
	some = stack->size;
	if (some)
		memcpy(item, stack->items + --stack->size * bytes / 8, bytes);
	pthread_mutex_unlock(&stack->mutex);
	return some;
}

#define OPERATIONS(bytes)                                                   \
	static inline bool push_##bytes(void *end, const void *item)        \
	{                                                                   \
		return push(end, item, bytes);                              \
	}                                                                   \
	static inline bool pop_##bytes(void *end, void *item)               \
	{                                                                   \
		return pop(end, item, bytes);                               \
	}                                                                   \
	STACK_PAIRS(pairs_##bytes, bytes, push_##bytes, pop_##bytes)

OPERATIONS(8)
OPERATIONS(64)

static inline bool pop_torn(void *end, void *item)
{
	bool some = pop_64(end, item);

	((uint64_t *)item)[7] ^= 1;
	return some;
}
STACK_PAIRS(pairs_torn, 64, push_64, pop_torn)

#define LIFE .create = create, .destroy = shared_free, .open = open_end, \
	     .close = close_end, .pairs_8 = pairs_8

static const struct stack_peer peer = { LIFE, .pairs_64 = pairs_64 };
static const struct stack_peer torn = { LIFE, .pairs_64 = pairs_torn };

const struct candidate stack_pthread = {
	.name = "pthread-stack", .family = &peer
};

const struct candidate stack_tears = {
	.name = "planted-torn", .planted = true, .family = &torn
};
