/* SPDX-License-Identifier: MIT */
/*
 * iceoryx: a publisher that waits for its subscribers, each with a queue of
 * samples. Samples are copied in and out, as by the others.
 */
#include "../clock.h"
#include "../ring.h"
#include "../roudi.h"

#include <algorithm>
#include <cstring>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <memory>
#include <string>
#include <unistd.h>

namespace
{

using iox::cxx::TruncateToCapacity;
using iox::log::LogLevel;
using iox::log::LogLevelOutput;
using iox::log::LogManager;

struct ring {
	std::string name;
	struct ring_shape shape;
};

struct end {
	std::unique_ptr<iox::popo::UntypedPublisher> in;
	std::unique_ptr<iox::popo::UntypedSubscriber> out;
};

iox::capro::ServiceDescription service_of(const struct ring &ring)
{
	return { "bench", { TruncateToCapacity, ring.name }, "ring" };
}

void be_reader(struct end &end, const struct ring &ring)
{
	iox::popo::SubscriberOptions options;

	options.queueCapacity =
		std::min<uint64_t>(ring.shape.size_bytes /
					   ring.shape.record_bytes,
				   iox::MAX_SUBSCRIBER_QUEUE_CAPACITY);
	options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
	end.out = std::make_unique<iox::popo::UntypedSubscriber>(
		service_of(ring), options);
	/* Who comes behind the first sample never gets it. */
	while (end.out->getSubscriptionState() !=
	       iox::SubscribeState::SUBSCRIBED)
		sched_yield();
}

void be_writer(struct end &end, const struct ring &ring)
{
	iox::popo::PublisherOptions options;

	options.subscriberTooSlowPolicy =
		iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
	options.historyCapacity = 0;
	end.in = std::make_unique<iox::popo::UntypedPublisher>(
		service_of(ring), options);
	while (!end.in->hasSubscribers())
		sched_yield();
}

void *create(const struct ring_shape *shape)
{
	return new ring{ unique_name(), *shape };
}

void destroy(void *at)
{
	delete static_cast<ring *>(at);
}

void *open_end(void *at, bool writes)
{
	const auto &made = *static_cast<ring *>(at);
	std::string name = "bench." + std::to_string(getpid());
	auto *it = new end;

	LogManager::GetLogManager().SetDefaultLogLevel(
		LogLevel::kFatal, LogLevelOutput::kHideLogLevel);
	iox::runtime::PoshRuntime::initRuntime({ TruncateToCapacity, name });
	if (writes)
		be_writer(*it, made);
	else
		be_reader(*it, made);
	return it;
}

void close_end(void *at)
{
	delete static_cast<end *>(at);
}

void write_one(void *at, const void *record, size_t bytes)
{
	auto &in = *static_cast<end *>(at)->in;
	unsigned times = 0;

	for (;;) {
		auto loan = in.loan(static_cast<uint32_t>(bytes));

		if (!loan.has_error()) {
			std::memcpy(loan.value(), record, bytes);
			in.publish(loan.value());
			return;
		}
		relax(&times);
	}
}

void read_one(void *at, void *record, size_t bytes)
{
	auto &out = *static_cast<end *>(at)->out;
	unsigned times = 0;

	for (;;) {
		auto sample = out.take();

		if (!sample.has_error()) {
			std::memcpy(record, sample.value(), bytes);
			out.release(sample.value());
			return;
		}
		relax(&times);
	}
}

RING_LOOPS(iceoryx, write_one, read_one)

const struct ring_peer peer = { nullptr,   create,        destroy, open_end,
				close_end, iceoryx_write, iceoryx_read };

} // namespace

extern "C" const struct candidate ring_iceoryx = {
	.name = "iceoryx", .package = "iceoryx libiceoryx-posh-dev",
	.note = "256 records at most; with its daemon iox-roudi",
	.begin = roudi_begin, .end = roudi_end, .family = &peer
};
