/* SPDX-License-Identifier: MIT */
/*
 * Boost: lockfree::queue and lockfree::spsc_queue with their slots inside, so
 * that they stand in shared memory; and interprocess::message_queue.
 */
#include "../queue_loops.hpp"
#include "../queue_peers.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <new>

namespace
{

namespace lockfree = boost::lockfree;
namespace interprocess = boost::interprocess;

struct item8 {
	uint64_t word[1];
};

struct item64 {
	uint64_t word[8];
};

void *open_end(void *queue, enum queue_role)
{
	return queue;
}

void close_end(void *)
{
}

/* Queue of Item, in shared memory, not yet made. */
template <class Queue, class Item> struct single {
	static bool push(void *end, const void *item)
	{
		return static_cast<Queue *>(end)->push(
			*static_cast<const Item *>(item));
	}

	static bool pop(void *end, void *item)
	{
		return static_cast<Queue *>(end)->pop(
			*static_cast<Item *>(item));
	}
};

template <class Queue, class Item> struct batched : single<Queue, Item> {
	static size_t push_n(void *end, const void *items, size_t n)
	{
		return static_cast<Queue *>(end)->push(
			static_cast<const Item *>(items), n);
	}

	static size_t pop_n(void *end, void *items, size_t n)
	{
		return static_cast<Queue *>(end)->pop(
			static_cast<Item *>(items), n);
	}
};

/* Its index has 16 bits, and two values of it are not for slots. */
template <class Item, size_t capacity>
using many_queue = lockfree::queue<Item, lockfree::capacity<
				   (capacity < 65534 ? capacity : 65534)>>;

template <class Item, size_t capacity>
using one_queue = lockfree::spsc_queue<Item, lockfree::capacity<capacity>>;

template <template <class, size_t> class Queue,
	  template <class, class> class Ops>
struct family {
	template <class Visitor>
	static auto with(size_t bytes, uint64_t capacity, Visitor visitor)
	{
		if (bytes == 8 && capacity == 1024)
			return visitor.template at<Queue<item8, 1024>, item8>();
		if (bytes == 8)
			return visitor.template at<Queue<item8, 65536>,
						   item8>();
		if (capacity == 1024)
			return visitor.template at<Queue<item64, 1024>,
						   item64>();
		return visitor.template at<Queue<item64, 65536>, item64>();
	}

	struct maker {
		template <class Made, class Item> void *at()
		{
			void *room = shared_new(sizeof(Made) + 64);

			return new (room) Made;
		}
	};

	struct looper {
		template <class Made, class Item>
		const struct queue_loops *at()
		{
			return &loops_of<Ops<Made, Item>, sizeof(Item)>::table;
		}
	};

	static void *create(const struct queue_shape *shape)
	{
		return with(shape->item_bytes, shape->capacity, maker());
	}

	static const struct queue_loops *loops(const struct queue_shape *shape)
	{
		return with(shape->item_bytes, shape->capacity, looper());
	}
};

const char *unfit_for_one(const struct queue_shape *shape)
{
	return one_to_one(shape) ? nullptr : ONE_TO_ONE_ONLY;
}

/* message_queue; members inherit it, and its name is gone before they run. */

void *mq_create(const struct queue_shape *shape)
{
	const char *name = unique_name();
	auto *queue = new interprocess::message_queue(
		interprocess::create_only, name, shape->capacity,
		shape->item_bytes);

	interprocess::message_queue::remove(name);
	return queue;
}

void mq_destroy(void *queue)
{
	delete static_cast<interprocess::message_queue *>(queue);
}

template <size_t bytes> struct mq_ops {
	static bool push(void *end, const void *item)
	{
		static_cast<interprocess::message_queue *>(end)->send(
			item, bytes, 0);
		return true;
	}

	static bool pop(void *end, void *item)
	{
		interprocess::message_queue::size_type got;
		unsigned priority;

		static_cast<interprocess::message_queue *>(end)->receive(
			item, bytes, got, priority);
		return true;
	}

	static constexpr queue_pop *wait = pop;
};

const struct queue_loops *mq_loops(const struct queue_shape *shape)
{
	if (shape->item_bytes == 8)
		return &loops_of<mq_ops<8>, 8>::table;
	return &loops_of<mq_ops<64>, 64>::table;
}

using many = family<many_queue, single>;
using one = family<one_queue, batched>;

const struct queue_peer many_peer = {
	nullptr, many::create, shared_free, open_end, close_end, many::loops
};
const struct queue_peer one_peer = {
	unfit_for_one, one::create, shared_free, open_end, close_end,
	one::loops
};
const struct queue_peer mq_peer = {
	nullptr, mq_create, mq_destroy, open_end, close_end, mq_loops
};

} // namespace

extern "C" {

const struct candidate queue_boost = {
	.name = "boost-lockfree", .package = "libboost-dev",
	.note = "capacity 65534 for 65536", .family = &many_peer
};

const struct candidate queue_boost_spsc = {
	.name = "boost-spsc", .package = "libboost-dev",
	.note = "one producer, one consumer", .family = &one_peer
};

const struct candidate queue_boost_mq = {
	.name = "boost-mq", .package = "libboost-dev", .family = &mq_peer
};
}
