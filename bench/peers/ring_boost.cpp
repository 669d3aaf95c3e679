/* SPDX-License-Identifier: MIT */
/* boost::lockfree::spsc_queue of records of 64 bytes, in shared memory. */
#include "../clock.h"
#include "../ring.h"

#include <boost/lockfree/spsc_queue.hpp>
#include <cstring>
#include <new>

namespace
{

struct record {
	uint64_t word[8];
};

using ring_type =
	boost::lockfree::spsc_queue<record,
				    boost::lockfree::capacity<16384>>;

void *create(const struct ring_shape *)
{
	return new (shared_new(sizeof(ring_type))) ring_type;
}

void *open_end(void *ring, bool)
{
	return ring;
}

void close_end(void *)
{
}

void write_one(void *end, const void *bytes, size_t)
{
	unsigned times = 0;
	record it;

	std::memcpy(&it, bytes, sizeof(it));
	while (!static_cast<ring_type *>(end)->push(it))
		relax(&times);
}

void read_one(void *end, void *bytes, size_t)
{
	unsigned times = 0;
	record it;

	while (!static_cast<ring_type *>(end)->pop(it))
		relax(&times);
	std::memcpy(bytes, &it, sizeof(it));
}

RING_LOOPS(spsc, write_one, read_one)

const char *unfit(const struct ring_shape *shape)
{
	if (shape->record_bytes != sizeof(record))
		return "records of 64 bytes only";
	return one_reader(shape);
}

const struct ring_peer peer = { unfit,	   create,     shared_free, open_end,
				close_end, spsc_write, spsc_read };

} // namespace

extern "C" const struct candidate ring_boost_spsc = {
	.name = "boost-spsc", .package = "libboost-dev",
	.note = "records of 64 bytes, one reader", .family = &peer
};
