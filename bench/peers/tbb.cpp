/* SPDX-License-Identifier: MIT */
/* oneTBB's concurrent_bounded_queue: for the threads of one process. */
#include "../queue_loops.hpp"
#include "../queue_peers.h"

#include <oneapi/tbb/concurrent_queue.h>

namespace
{

struct item8 {
	uint64_t word[1];
};

struct item64 {
	uint64_t word[8];
};

template <class Item> using queue_of = tbb::concurrent_bounded_queue<Item>;

template <class Item> struct operations {
	static bool push(void *end, const void *item)
	{
		return static_cast<queue_of<Item> *>(end)->try_push(
			*static_cast<const Item *>(item));
	}

	static bool pop(void *end, void *item)
	{
		return static_cast<queue_of<Item> *>(end)->try_pop(
			*static_cast<Item *>(item));
	}

	static bool wait(void *end, void *item)
	{
		static_cast<queue_of<Item> *>(end)->pop(
			*static_cast<Item *>(item));
		return true;
	}
};

template <class Item> void *create_of(const struct queue_shape *shape)
{
	auto *queue = new queue_of<Item>;

	queue->set_capacity(static_cast<ptrdiff_t>(shape->capacity));
	return queue;
}

void *create(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? create_of<item8>(shape)
				      : create_of<item64>(shape);
}

/* It ends with its process: the members', or the bench's. */
void leave(void *)
{
}

void *open_end(void *queue, enum queue_role)
{
	return queue;
}

const struct queue_loops *loops(const struct queue_shape *shape)
{
	if (shape->item_bytes == 8)
		return &loops_of<operations<item8>, 8>::table;
	return &loops_of<operations<item64>, 64>::table;
}

const struct queue_peer peer = { nullptr, create, leave, open_end, leave,
				 loops };

} // namespace

extern "C" const struct candidate queue_tbb = {
	.name = "tbb", .package = "libtbb-dev", .threads = true,
	.family = &peer
};
