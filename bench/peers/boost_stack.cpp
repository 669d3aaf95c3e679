/* SPDX-License-Identifier: MIT */
/* Boost's lockfree::stack with its nodes inside, in shared memory. */
#include "../stack_loops.h"
#include "../stack_works.h"

#include <boost/lockfree/stack.hpp>
#include <new>

namespace
{

template <size_t words> struct item {
	uint64_t word[words];
};

template <size_t words>
using stack_of = boost::lockfree::stack<
	item<words>, boost::lockfree::capacity<STACK_CAPACITY>>;

template <size_t words> bool push(void *end, const void *from)
{
	return static_cast<stack_of<words> *>(end)->push(
		*static_cast<const item<words> *>(from));
}

template <size_t words> bool pop(void *end, void *to)
{
	return static_cast<stack_of<words> *>(end)->pop(
		*static_cast<item<words> *>(to));
}

template <size_t words> void *made()
{
	return new (shared_new(sizeof(stack_of<words>) + 64)) stack_of<words>;
}

void *create(size_t item_bytes)
{
	return item_bytes == 8 ? made<1>() : made<8>();
}

void *open_end(void *stack, unsigned)
{
	return stack;
}

void close_end(void *)
{
}

STACK_PAIRS(pairs_8, 8, push<1>, pop<1>)
STACK_PAIRS(pairs_64, 64, push<8>, pop<8>)

const struct stack_peer peer = { create, shared_free, open_end, close_end,
				 pairs_8, pairs_64 };

} // namespace

extern "C" {

const struct candidate stack_boost = {
	.name = "boost-stack", .package = "libboost-dev", .family = &peer
};
}
