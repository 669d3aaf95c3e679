/* SPDX-License-Identifier: MIT */
/* oneTBB's concurrent_hash_map: for the threads of one process. */
#include "../map_loops.h"
#include "../map_works.h"

#include <oneapi/tbb/concurrent_hash_map.h>

namespace
{

using table = tbb::concurrent_hash_map<uint64_t, uint64_t>;

void *create(uint64_t capacity)
{
	return new table(capacity);
}

void destroy(void *map)
{
	delete static_cast<table *>(map);
}

void *open_end(void *map)
{
	return map;
}

void close_end(void *)
{
}

inline bool put(void *end, uint64_t key, uint64_t value)
{
	table::accessor at;
	bool is_new = static_cast<table *>(end)->insert(at, key);

	at->second = value;
	return is_new;
}

inline bool get(void *end, uint64_t key, uint64_t *value)
{
	table::const_accessor at;

	if (!static_cast<table *>(end)->find(at, key))
		return false;
	*value = at->second;
	return true;
}

inline bool take(void *end, uint64_t key)
{
	return static_cast<table *>(end)->erase(key);
}

MAP_LOOPS(loops, put, get, take);

const struct map_peer peer = { false, nullptr, create, destroy, open_end,
			       close_end,
			       &loops };

} // namespace

extern "C" const struct candidate map_tbb = {
	.name = "tbb", .package = "libtbb-dev", .threads = true,
	.family = &peer
};
