/* SPDX-License-Identifier: MIT */
/*
 * Ours in C++, to be held against ours in C: the same queue in the same kind of
 * segment, waiting in the library. An error is an exception, and that is fatal.
 */
#include "../queue_loops.hpp"
#include "../queue_peers.h"

#include <zeroipc/queue.h>

namespace
{

/* A handle of any type, to be closed. */
struct any_end {
	virtual ~any_end() = default;
};

template <size_t bytes> struct operations {
	using Item = std::array<uint64_t, bytes / 8>;
	using Queue = zeroipc::Queue<Item>;

	struct End final : any_end {
		Queue queue;

		explicit End(const zeroipc::Memory &memory)
			: queue(memory, "queue")
		{
		}
	};

	static Queue &at(void *end)
	{
		return static_cast<End *>(static_cast<any_end *>(end))->queue;
	}

	static bool push(void *end, const void *item)
	{
		at(end).push(*static_cast<const Item *>(item));
		return true;
	}

	static bool pop(void *end, void *item)
	{
		*static_cast<Item *>(item) = at(end).pop();
		return true;
	}

	static bool wait(void *end, void *item)
	{
		return pop(end, item);
	}

	static size_t push_n(void *end, const void *items, size_t n)
	{
		return at(end).push_n({static_cast<const Item *>(items), n});
	}

	static size_t pop_n(void *end, void *items, size_t n)
	{
		return at(end).pop_n({static_cast<Item *>(items), n});
	}
};

/* A segment, and how large the items of its queue are. */
struct bench_queue {
	zeroipc::Memory memory;
	bool small;
};

/* Members inherit the segment; its name is gone before any of them runs. */
void *create(const struct queue_shape *shape)
{
	const uint64_t spare = 1 << 20;
	const char *name = unique_name();
	const uint64_t size =
		spare + shape->capacity * 2 * (shape->item_bytes + 64);
	auto *made = new bench_queue{zeroipc::Memory::create(name, size),
				     shape->item_bytes == 8};

	zeroipc::Memory::unlink(name);
	if (made->small)
		operations<8>::Queue::create(made->memory, "queue",
					     shape->capacity);
	else
		operations<64>::Queue::create(made->memory, "queue",
					      shape->capacity);
	return made;
}

void destroy(void *queue)
{
	delete static_cast<bench_queue *>(queue);
}

void *open_end(void *queue, enum queue_role)
{
	const auto *of = static_cast<bench_queue *>(queue);
	any_end *end;

	if (of->small)
		end = new operations<8>::End(of->memory);
	else
		end = new operations<64>::End(of->memory);
	return end;
}

void close_end(void *end)
{
	delete static_cast<any_end *>(end);
}

const struct queue_loops *loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &loops_of<operations<8>, 8>::table
				      : &loops_of<operations<64>, 64>::table;
}

const struct queue_peer peer = { nullptr,  create,    destroy,
				 open_end, close_end, loops };

} // namespace

extern "C" const struct candidate queue_zeroipc_cpp = {
	.name = "zeroipc-c++", .note = "ours, by the C++ headers",
	.family = &peer
};
