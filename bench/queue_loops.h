/* SPDX-License-Identifier: MIT */
/*
 * The measured loops over a queue's operations; C and C++. They are inlined
 * into the peer's file together with the operations, so that a queue that is a
 * header is measured as its users have it, without a call between.
 *
 *   QUEUE_LOOPS(name, bytes, push, pop, wait)
 *   QUEUE_LOOPS_N(name, bytes, push, pop, wait, push_n, pop_n)
 *
 * define the struct queue_loops name. C++ has a template in queue_loops.hpp.
 */
#ifndef BENCH_QUEUE_LOOPS_H
#define BENCH_QUEUE_LOOPS_H

#include "clock.h"
#include "queue.h"

#include <string.h>

#define LOOP static inline __attribute__((always_inline))

LOOP void fill_item(uint64_t *item, size_t bytes, uint64_t value)
{
	item[0] = value;
	item[bytes / 8 - 1] = value;
}

LOOP void count_item(struct tally *tally, const uint64_t *item, size_t bytes)
{
	uint64_t value = item[0];
	uint64_t *last = &tally->last[value >> PRODUCER_SHIFT &
				      (PRODUCERS_MAX - 1)];

	if (__builtin_expect(value <= *last ||
				     item[bytes / 8 - 1] != value, 0))
		tally->disorder++;
	*last = value;
	tally->sum += value;
}

LOOP void push_surely(void *end, const uint64_t *item, queue_push *push)
{
	unsigned times = 0;

	while (!push(end, item))
		relax(&times);
}

LOOP void pop_surely(void *end, uint64_t *item, queue_pop *pop)
{
	unsigned times = 0;

	while (!pop(end, item))
		relax(&times);
}

LOOP void loop_send(void *end, struct flow *flow, size_t bytes,
		    queue_push *push)
{
	uint64_t item[ITEM_WORDS_MAX] = { 0 };
	uint64_t i;

	for (i = 0; i < flow->n; i++) {
		fill_item(item, bytes, ++flow->value);
		push_surely(end, item, push);
	}
}

LOOP void loop_receive(void *end, struct tally *out, uint64_t n, size_t bytes,
		       queue_pop *pop)
{
	uint64_t item[ITEM_WORDS_MAX] = { 0 };
	struct tally tally = *out;
	uint64_t i;

	for (i = 0; i < n; i++) {
		pop_surely(end, item, pop);
		count_item(&tally, item, bytes);
	}
	tally.count += n;
	*out = tally;
}

LOOP void loop_send_batches(void *end, struct flow *flow, size_t bytes,
			    queue_push_n *push_n)
{
	uint64_t items[BATCH * ITEM_WORDS_MAX] = { 0 };
	uint64_t left = flow->n;

	while (left) {
		size_t n = left < BATCH ? (size_t)left : BATCH, done = 0;
		unsigned times = 0;

		left -= n;
		for (size_t i = 0; i < n; i++)
			fill_item(items + i * bytes / 8, bytes, ++flow->value);
		while (done < n) {
			size_t moved = push_n(end, items + done * bytes / 8,
					      n - done);

			done += moved;
			if (!moved)
				relax(&times);
		}
	}
}

LOOP void loop_receive_batches(void *end, struct tally *out, uint64_t n,
			       size_t bytes, queue_pop_n *pop_n)
{
	uint64_t items[BATCH * ITEM_WORDS_MAX];
	struct tally tally = *out;
	uint64_t left = n;
	unsigned times = 0;

	while (left) {
		size_t moved = pop_n(end, items, left < BATCH ? (size_t)left
							      : BATCH);

		for (size_t i = 0; i < moved; i++)
			count_item(&tally, items + i * bytes / 8, bytes);
		left -= moved;
		if (!moved)
			relax(&times);
	}
	tally.count += n;
	*out = tally;
}

LOOP uint64_t loop_pairs(void *end, uint64_t n, size_t bytes, queue_push *push,
			 queue_pop *pop)
{
	uint64_t item[ITEM_WORDS_MAX] = { 0 }, got[ITEM_WORDS_MAX] = { 0 };
	uint64_t value, wrong = 0;

	for (value = 1; value <= n; value++) {
		fill_item(item, bytes, value);
		push_surely(end, item, push);
		pop_surely(end, got, pop);
		wrong += got[0] != value || got[bytes / 8 - 1] != value;
	}
	return wrong;
}

LOOP uint64_t loop_ping(void *to, void *from, uint64_t n, size_t bytes,
			queue_push *push, queue_pop *pop)
{
	uint64_t item[ITEM_WORDS_MAX] = { 0 }, got[ITEM_WORDS_MAX] = { 0 };
	uint64_t value, wrong = 0;

	for (value = 1; value <= n; value++) {
		fill_item(item, bytes, value);
		push_surely(to, item, push);
		pop_surely(from, got, pop);
		wrong += got[0] != value || got[bytes / 8 - 1] != value;
	}
	return wrong;
}

LOOP void loop_pong(void *from, void *to, uint64_t n, queue_push *push,
		    queue_pop *pop)
{
	uint64_t item[ITEM_WORDS_MAX] = { 0 };
	uint64_t i;

	for (i = 0; i < n; i++) {
		pop_surely(from, item, pop);
		push_surely(to, item, push);
	}
}

#define QUEUE_LOOPS_ONE(name, bytes, push, pop)                             \
	static void name##_send(void *end, struct flow *flow)               \
	{                                                                   \
		loop_send(end, flow, bytes, push);                          \
	}                                                                   \
	static void name##_receive(void *end, struct tally *tally,          \
				   uint64_t n)                              \
	{                                                                   \
		loop_receive(end, tally, n, bytes, pop);                    \
	}                                                                   \
	static uint64_t name##_pairs(void *end, uint64_t n)                 \
	{                                                                   \
		return loop_pairs(end, n, bytes, push, pop);                \
	}                                                                   \
	static uint64_t name##_ping(void *to, void *from, uint64_t n)       \
	{                                                                   \
		return loop_ping(to, from, n, bytes, push, pop);            \
	}                                                                   \
	static void name##_pong(void *from, void *to, uint64_t n)           \
	{                                                                   \
		loop_pong(from, to, n, push, pop);                          \
	}

#define QUEUE_LOOPS(name, bytes, push, pop, wait)                           \
	QUEUE_LOOPS_ONE(name, bytes, push, pop)                             \
	static const struct queue_loops name = {                            \
		name##_send, name##_receive, NULL, NULL,                    \
		name##_pairs, name##_ping, name##_pong,                     \
		push, pop, wait                                             \
	};

#define QUEUE_LOOPS_N(name, bytes, push, pop, wait, push_n, pop_n)          \
	QUEUE_LOOPS_ONE(name, bytes, push, pop)                             \
	static void name##_send_batches(void *end, struct flow *flow)       \
	{                                                                   \
		loop_send_batches(end, flow, bytes, push_n);                \
	}                                                                   \
	static void name##_receive_batches(void *end, struct tally *tally,  \
					   uint64_t n)                      \
	{                                                                   \
		loop_receive_batches(end, tally, n, bytes, pop_n);          \
	}                                                                   \
	static const struct queue_loops name = {                            \
		name##_send, name##_receive,                                \
		name##_send_batches, name##_receive_batches,                \
		name##_pairs, name##_ping, name##_pong,                     \
		push, pop, wait                                             \
	};

#endif
