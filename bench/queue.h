/* SPDX-License-Identifier: MIT */
/*
 * Queues: what a peer has to offer to take part in the works of queue.c. A
 * peer's file defines its operations on items of one size, has queue_loops.h
 * make the measured loops of them, so that what can be inlined is, and puts
 * both into a struct candidate.
 *
 * An item is a row of 8-byte words. Its first and its last word hold a value:
 * the producer's number in the upper 8 bits, and a count below.
 */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ITEM_BYTES_MAX 64
#define ITEM_WORDS_MAX (ITEM_BYTES_MAX / 8)
#define BATCH 32u
#define PRODUCERS_MAX 4
#define PRODUCER_SHIFT 56

struct queue_shape {
	size_t item_bytes;
	uint64_t capacity;
	unsigned producers, consumers;
	bool batches; /* in batches of BATCH */
	bool waits;   /* a consumer sleeps; else it may poll */
};

/* n items to send, with the values behind value. */
struct flow {
	uint64_t value, n;
};

/* What a consumer has got. */
struct tally {
	uint64_t count, sum;
	uint64_t last[PRODUCERS_MAX];
	uint64_t disorder; /* times */
};

/* One attempt; false: would have to wait. May wait by itself instead. */
typedef bool queue_push(void *end, const void *item);
typedef bool queue_pop(void *end, void *item);
/* How many were moved; 0: would have to wait. */
typedef size_t queue_push_n(void *end, const void *items, size_t n);
typedef size_t queue_pop_n(void *end, void *items, size_t n);

/* One size's operations, and the loops that are made of them. */
struct queue_loops {
	void (*send)(void *end, struct flow *flow);
	void (*receive)(void *end, struct tally *tally, uint64_t n);
	/* NULL: it has no batches. */
	void (*send_batches)(void *end, struct flow *flow);
	void (*receive_batches)(void *end, struct tally *tally, uint64_t n);
	/* Push and pop, by turns; how many were not what was pushed. */
	uint64_t (*pairs)(void *end, uint64_t n);
	/* Round trips: send on one queue, receive on the other. */
	uint64_t (*ping)(void *to, void *from, uint64_t n);
	void (*pong)(void *from, void *to, uint64_t n);

	queue_push *push;
	queue_pop *pop;
	queue_pop *wait; /* sleeps until there is one; NULL: it can not */
};

enum queue_role { QUEUE_PRODUCER = 1, QUEUE_CONSUMER = 2, QUEUE_BOTH = 3 };

struct queue_peer {
	/* Why a shape is not for it; NULL: it is. May be NULL: all are. */
	const char *(*unfit)(const struct queue_shape *shape);
	/* Before the members start. */
	void *(*create)(const struct queue_shape *shape);
	void (*destroy)(void *queue);
	/* In a member: its end of the queue. */
	void *(*open)(void *queue, enum queue_role role);
	void (*close)(void *end);
	const struct queue_loops *(*loops)(const struct queue_shape *shape);
};

/* Words for unfit(). */
#define ONE_TO_ONE_ONLY "one producer and one consumer only"
#define NO_SUCH_SIZE "has no items of that size"

static inline bool one_to_one(const struct queue_shape *shape)
{
	return shape->producers == 1 && shape->consumers == 1;
}

#ifdef __cplusplus
}
#endif

#endif
