/* SPDX-License-Identifier: MIT */
/*
 * The standard library's unordered_map: bare, which is the limit for one
 * process, and under a robust mutex, which is what is often built on it.
 */
#include "../map_loops.h"
#include "../map_works.h"

#include <pthread.h>
#include <unordered_map>

namespace
{

struct no_lock {
	void lock()
	{
	}
	void unlock()
	{
	}
};

struct robust_lock {
	pthread_mutex_t mutex;

	robust_lock()
	{
		pthread_mutexattr_t how;

		pthread_mutexattr_init(&how);
		pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
		pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
		pthread_mutex_init(&mutex, &how);
	}
	void lock()
	{
		if (pthread_mutex_lock(&mutex))
			die("pthread_mutex_lock");
	}
	void unlock()
	{
		pthread_mutex_unlock(&mutex);
	}
};

template <class Lock> struct guarded {
	std::unordered_map<uint64_t, uint64_t> table;
	Lock lock;
};

template <class Lock> void *create(uint64_t capacity)
{
	auto *map = new guarded<Lock>;

	map->table.reserve(capacity);
	return map;
}

template <class Lock> void destroy(void *map)
{
	delete static_cast<guarded<Lock> *>(map);
}

void *open_end(void *map)
{
	return map;
}

void close_end(void *)
{
}

template <class Lock> inline bool put(void *end, uint64_t key, uint64_t value)
{
	auto *map = static_cast<guarded<Lock> *>(end);
	bool is_new;

	map->lock.lock();
	is_new = map->table.insert_or_assign(key, value).second;
	map->lock.unlock();
	return is_new;
}

template <class Lock> inline bool get(void *end, uint64_t key, uint64_t *value)
{
	auto *map = static_cast<guarded<Lock> *>(end);

	map->lock.lock();
	auto at = map->table.find(key);
	bool is_there = at != map->table.end();
	if (is_there)
		*value = at->second;
	map->lock.unlock();
	return is_there;
}

template <class Lock> inline bool take(void *end, uint64_t key)
{
	auto *map = static_cast<guarded<Lock> *>(end);
	bool was_there;

	map->lock.lock();
	was_there = map->table.erase(key);
	map->lock.unlock();
	return was_there;
}

MAP_LOOPS(bare_loops, put<no_lock>, get<no_lock>, take<no_lock>);
MAP_LOOPS(robust_loops, put<robust_lock>, get<robust_lock>, take<robust_lock>);

const struct map_peer bare = { true, nullptr, create<no_lock>, destroy<no_lock>,
			       open_end, close_end, &bare_loops };
const struct map_peer robust = { false, nullptr, create<robust_lock>,
				 destroy<robust_lock>, open_end, close_end,
				 &robust_loops };

} // namespace

extern "C" const struct candidate map_bare = {
	.name = "unordered-map", .note = "for one thread", .threads = true,
	.family = &bare
};
extern "C" const struct candidate map_robust = {
	.name = "robust-mutex", .note = "unordered_map behind one",
	.threads = true, .family = &robust
};
