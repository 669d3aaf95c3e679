/* SPDX-License-Identifier: MIT */
/* A worker in a storm, over the C++ headers; worker.h has all but the queue. */
#include "worker.h"

#include <zeroipc/queue.h>

#include <array>

using Element = std::array<std::uint64_t, BOOKS_WORDS>;
using Queue = zeroipc::Queue<Element>;

static Queue *queue;

static const std::chrono::nanoseconds shortly(BOOKS_SHORT_NS);

static int64_t push_one(enum waiting waiting, const Element &elem)
{
	switch (waiting) {
	case NEVER:
		return queue->try_push(elem);
	case SHORTLY:
		return queue->push_for(elem, shortly);
	default:
		queue->push(elem);
		return 1;
	}
}

static int64_t worker_push(enum waiting waiting, const uint64_t *elems,
			   unsigned n)
{
	const std::span all(reinterpret_cast<const Element *>(elems), n);
	const auto moved = [&]() -> std::size_t {
		switch (waiting) {
		case NEVER:
			return queue->try_push_n(all);
		case SHORTLY:
			return queue->push_n_for(all, shortly);
		default:
			return queue->push_n(all);
		}
	};

	return n > 1 ? int64_t(moved()) : push_one(waiting, all[0]);
}

static std::optional<Element> pop_one(enum waiting waiting)
{
	switch (waiting) {
	case NEVER:
		return queue->try_pop();
	case SHORTLY:
		return queue->pop_for(shortly);
	default:
		return queue->pop();
	}
}

static int64_t worker_pop(enum waiting waiting, uint64_t *elems, unsigned n)
{
	const std::span all(reinterpret_cast<Element *>(elems), n);

	if (n == 1) {
		const std::optional<Element> elem = pop_one(waiting);

		if (elem)
			all[0] = *elem;
		return elem.has_value();
	}
	switch (waiting) {
	case NEVER:
		return int64_t(queue->try_pop_n(all));
	case SHORTLY:
		return int64_t(queue->pop_n_for(all, shortly));
	default:
		return int64_t(queue->pop_n(all));
	}
}

static bool worker_pops_in_place(unsigned n)
{
	return n > 1;
}

int main(int argc, char **argv)
{
	if (argc != 5 || !worker_open_books(argv[1]))
		return 2;
	try {
		zeroipc::Memory memory(argv[2]);
		Queue own(memory, "q");

		queue = &own;
		worker_run(argv[3], argv[4]);
	} catch (const std::exception &failure) {
		worker_fail("C++: %s", failure.what());
	}
	return 0;
}
