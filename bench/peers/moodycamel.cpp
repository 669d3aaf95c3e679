/* SPDX-License-Identifier: MIT */
/*
 * moodycamel's ConcurrentQueue; for hand-offs BlockingConcurrentQueue. Their
 * blocks come from the heap, so they are for the threads of one process. Each
 * end has the tokens that they offer for speed.
 */
#include "../queue_loops.hpp"
#include "../queue_peers.h"

#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/concurrentqueue.h>

namespace
{

struct item8 {
	uint64_t word[1];
};

struct item64 {
	uint64_t word[8];
};

/* A queue of any type, seen from outside. */
struct any_queue {
	virtual ~any_queue() = default;
	virtual void *open() = 0;
};

struct any_end {
	virtual ~any_end() = default;
};

template <class Queue> struct end_of final : any_end {
	Queue &queue;
	moodycamel::ProducerToken in;
	moodycamel::ConsumerToken out;

	explicit end_of(Queue &q) : queue(q), in(q), out(q)
	{
	}
};

template <class Queue> struct holder final : any_queue {
	Queue queue;

	explicit holder(uint64_t capacity) : queue(capacity, PRODUCERS_MAX, 0)
	{
	}

	void *open() override
	{
		return static_cast<any_end *>(new end_of<Queue>(queue));
	}
};

template <class Queue, class Item> struct operations {
	static end_of<Queue> *at(void *end)
	{
		return static_cast<end_of<Queue> *>(
			static_cast<any_end *>(end));
	}

	static bool push(void *end, const void *item)
	{
		return at(end)->queue.try_enqueue(
			at(end)->in, *static_cast<const Item *>(item));
	}

	static bool pop(void *end, void *item)
	{
		return at(end)->queue.try_dequeue(at(end)->out,
						  *static_cast<Item *>(item));
	}

	static size_t push_n(void *end, const void *items, size_t n)
	{
		auto *from = static_cast<const Item *>(items);

		return at(end)->queue.try_enqueue_bulk(at(end)->in, from, n)
			       ? n
			       : 0;
	}

	static size_t pop_n(void *end, void *items, size_t n)
	{
		return at(end)->queue.try_dequeue_bulk(
			at(end)->out, static_cast<Item *>(items), n);
	}
};

template <class Queue, class Item>
struct waiting_operations : operations<Queue, Item> {
	static bool wait(void *end, void *item)
	{
		auto *e = operations<Queue, Item>::at(end);

		e->queue.wait_dequeue(e->out, *static_cast<Item *>(item));
		return true;
	}
};

using small = moodycamel::ConcurrentQueue<item8>;
using large = moodycamel::ConcurrentQueue<item64>;
using sleepy = moodycamel::BlockingConcurrentQueue<item8>;

void *create(const struct queue_shape *shape)
{
	any_queue *queue;

	if (shape->waits)
		queue = new holder<sleepy>(shape->capacity);
	else if (shape->item_bytes == 8)
		queue = new holder<small>(shape->capacity);
	else
		queue = new holder<large>(shape->capacity);
	return queue;
}

void destroy(void *queue)
{
	delete static_cast<any_queue *>(queue);
}

void *open_end(void *queue, enum queue_role)
{
	return static_cast<any_queue *>(queue)->open();
}

void close_end(void *end)
{
	delete static_cast<any_end *>(end);
}

const struct queue_loops *loops(const struct queue_shape *shape)
{
	if (shape->waits)
		return &loops_of<waiting_operations<sleepy, item8>, 8>::table;
	if (shape->item_bytes == 8)
		return &loops_of<operations<small, item8>, 8>::table;
	return &loops_of<operations<large, item64>, 64>::table;
}

const struct queue_peer peer = { nullptr,  create,    destroy,
				 open_end, close_end, loops };

} // namespace

extern "C" const struct candidate queue_moodycamel = {
	.name = "moodycamel", .package = "libconcurrentqueue-dev",
	.note = "of blocks: may hold more than its capacity", .threads = true,
	.family = &peer
};
