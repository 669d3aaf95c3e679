/* SPDX-License-Identifier: MIT */
/* The textbook's pool: a list of free indices under a shared, robust mutex. */
#include "../pool.h"

#include <errno.h>
#include <pthread.h>

struct list {
	pthread_mutex_t mutex;
	unsigned first;
	unsigned next[];
};

static void *create(const struct pool_shape *shape)
{
	struct list *list = shared_new(sizeof(*list) +
				       (shape->buffers + 1) * sizeof(unsigned));
	pthread_mutexattr_t shared;
	unsigned i;

	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&list->mutex, &shared);
	for (i = 0; i < shape->buffers; i++)
		list->next[i] = i + 1;
	return list;
}

static void destroy(void *pool)
{
	shared_free(pool);
}

static void *open_end(void *pool, bool produces)
{
	(void)produces;
	return pool;
}

static void close_end(void *end)
{
	(void)end;
}

static void lock(struct list *list)
{
	if (pthread_mutex_lock(&list->mutex) == EOWNERDEAD)
		die("somebody died");
}

static void pairs(void *end, uint64_t n)
{
	struct list *list = end;
	unsigned index;

	while (n--) {
		lock(list);
		index = list->first;
		list->first = list->next[index];
		pthread_mutex_unlock(&list->mutex);
		lock(list);
		list->next[index] = list->first;
		list->first = index;
		pthread_mutex_unlock(&list->mutex);
	}
}

static const struct pool_peer peer = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .pairs = pairs
};

const struct candidate pool_pthread = {
	.name = "pthread-list", .family = &peer,
	.note = "nobody waits, and nothing comes back by itself"
};
