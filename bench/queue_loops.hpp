/* SPDX-License-Identifier: MIT */
/*
 * The loops of queue_loops.h for C++: Ops has static push and pop, and may have
 * wait, push_n and pop_n. loops_of<Ops, bytes>::table is the result.
 */
#ifndef BENCH_QUEUE_LOOPS_HPP
#define BENCH_QUEUE_LOOPS_HPP

#include "queue_loops.h"

template <class Ops, size_t bytes> struct loops_of {
	static void send(void *end, struct flow *flow)
	{
		loop_send(end, flow, bytes, Ops::push);
	}

	static void receive(void *end, struct tally *tally, uint64_t n)
	{
		loop_receive(end, tally, n, bytes, Ops::pop);
	}

	static uint64_t pairs(void *end, uint64_t n)
	{
		return loop_pairs(end, n, bytes, Ops::push, Ops::pop);
	}

	static uint64_t ping(void *to, void *from, uint64_t n)
	{
		return loop_ping(to, from, n, bytes, Ops::push, Ops::pop);
	}

	static void pong(void *from, void *to, uint64_t n)
	{
		loop_pong(from, to, n, Ops::push, Ops::pop);
	}

	static queue_pop *wait()
	{
		if constexpr (requires { Ops::wait; })
			return Ops::wait;
		return nullptr;
	}

	static constexpr bool has_batches = requires { Ops::push_n; };

	static void send_batches(void *end, struct flow *flow)
	{
		if constexpr (has_batches)
			loop_send_batches(end, flow, bytes, Ops::push_n);
	}

	static void receive_batches(void *end, struct tally *tally, uint64_t n)
	{
		if constexpr (has_batches)
			loop_receive_batches(end, tally, n, bytes, Ops::pop_n);
	}

	static inline const struct queue_loops table = {
		send, receive,
		has_batches ? send_batches : nullptr,
		has_batches ? receive_batches : nullptr,
		pairs, ping, pong,
		Ops::push, Ops::pop, wait(),
	};
};

#endif
