/* SPDX-License-Identifier: MIT */
/*
 * iceoryx: publisher to subscriber, with a subscriber's queue that blocks the
 * publisher when it is full. Every subscriber gets every sample, so it is a
 * queue for one to one only. Its daemon, iox-roudi, runs while the bench does.
 */
#include "../queue_loops.hpp"
#include "../queue_peers.h"
#include "../roudi.h"

#include <algorithm>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/publisher.hpp>
#include <iceoryx_posh/popo/subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <memory>
#include <string>
#include <unistd.h>

namespace
{

constexpr uint64_t CAPACITY_MAX = iox::MAX_SUBSCRIBER_QUEUE_CAPACITY;

using iox::cxx::TruncateToCapacity;
using iox::log::LogLevel;
using iox::log::LogLevelOutput;
using iox::log::LogManager;
using iox::popo::ConsumerTooSlowPolicy;
using iox::popo::QueueFullPolicy;
using iox::popo::SubscriberState;

struct item8 {
	uint64_t word[1];
};

struct item64 {
	uint64_t word[8];
};

struct queue {
	std::string name;
	struct queue_shape shape;
};

struct any_end {
	virtual ~any_end() = default;
};

template <class Item> struct end final : any_end {
	std::unique_ptr<iox::popo::Publisher<Item>> in;
	std::unique_ptr<iox::popo::Subscriber<Item>> out;
	iox::popo::WaitSet<1> waiting;

	~end() override
	{
		if (out)
			waiting.detachState(*out, SubscriberState::HAS_DATA);
	}
};

iox::capro::ServiceDescription service_of(const struct queue &queue)
{
	return { "bench", { TruncateToCapacity, queue.name }, "queue" };
}

template <class Item> void be_consumer(end<Item> &end, const queue &queue)
{
	iox::popo::SubscriberOptions options;

	options.queueCapacity = std::min(queue.shape.capacity, CAPACITY_MAX);
	options.queueFullPolicy = QueueFullPolicy::BLOCK_PRODUCER;
	end.out = std::make_unique<iox::popo::Subscriber<Item>>(
		service_of(queue), options);
	if (queue.shape.waits &&
	    end.waiting.attachState(*end.out, SubscriberState::HAS_DATA)
		    .has_error())
		die("iceoryx: attachState failed");
}

template <class Item> void be_producer(end<Item> &end, const queue &queue)
{
	iox::popo::PublisherOptions options;

	options.subscriberTooSlowPolicy =
		ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
	end.in = std::make_unique<iox::popo::Publisher<Item>>(
		service_of(queue), options);
	while (!end.in->hasSubscribers())
		sched_yield();
}

template <class Item> void *open_of(const queue &queue, enum queue_role role)
{
	auto *made = new end<Item>;

	if (role & QUEUE_CONSUMER)
		be_consumer(*made, queue);
	if (role & QUEUE_PRODUCER)
		be_producer(*made, queue);
	return static_cast<any_end *>(made);
}

void *create(const struct queue_shape *shape)
{
	return new queue{ unique_name(), *shape };
}

void destroy(void *at)
{
	delete static_cast<queue *>(at);
}

/* A member has one runtime, however many ends. */
void *open_end(void *at, enum queue_role role)
{
	const auto &made = *static_cast<queue *>(at);
	std::string name = "bench." + std::to_string(getpid());

	LogManager::GetLogManager().SetDefaultLogLevel(
		LogLevel::kFatal, LogLevelOutput::kHideLogLevel);
	iox::runtime::PoshRuntime::initRuntime({ TruncateToCapacity, name });
	return made.shape.item_bytes == 8 ? open_of<item8>(made, role)
					  : open_of<item64>(made, role);
}

void close_end(void *at)
{
	delete static_cast<any_end *>(at);
}

template <class Item> struct operations {
	static end<Item> *at(void *end_)
	{
		return static_cast<end<Item> *>(static_cast<any_end *>(end_));
	}

	static bool push(void *end, const void *item)
	{
		return !at(end)
				->in->publishCopyOf(
					*static_cast<const Item *>(item))
				.has_error();
	}

	static bool pop(void *end, void *item)
	{
		auto sample = at(end)->out->take();

		if (sample.has_error())
			return false;
		*static_cast<Item *>(item) = *sample.value();
		return true;
	}

	static bool wait(void *end, void *item)
	{
		at(end)->waiting.wait();
		return pop(end, item);
	}
};

const struct queue_loops *loops(const struct queue_shape *shape)
{
	if (shape->item_bytes == 8)
		return &loops_of<operations<item8>, 8>::table;
	return &loops_of<operations<item64>, 64>::table;
}

const char *unfit(const struct queue_shape *shape)
{
	return one_to_one(shape) ? nullptr : ONE_TO_ONE_ONLY;
}

const struct queue_peer peer = { unfit,	   create,    destroy,
				 open_end, close_end, loops };

} // namespace

extern "C" const struct candidate queue_iceoryx = {
	.name = "iceoryx", .package = "iceoryx libiceoryx-posh-dev",
	.note = "capacity 256 at most; with its daemon iox-roudi",
	.begin = roudi_begin, .end = roudi_end, .family = &peer
};
