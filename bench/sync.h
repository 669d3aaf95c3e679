/* SPDX-License-Identifier: MIT */
/*
 * What is waited for: what a peer has to offer to take part in the works of
 * sync.c, semaphores and barriers. A peer's file defines its operations, and
 * has SYNC_SEMAPHORE make the measured loops of them, so that what can be
 * inlined is.
 */
#ifndef BENCH_SYNC_H
#define BENCH_SYNC_H

#include "bench.h"

/* A value that goes to and fro beside two semaphores; plain, they order it. */
struct sync_ball {
	_Alignas(64) uint64_t value;
};

struct sync_peer {
	bool foreign; /* who acquires need not be who releases */
	bool barrier; /* it has one, and else semaphores */
	/*
	 * Before the members start: a semaphore with so many free permits, or a
	 * barrier for so many.
	 */
	void *(*create)(unsigned n, bool barrier);
	void (*destroy)(void *shared, bool barrier);
	/* In a member; may be NULL: shared is its end. */
	void *(*open)(void *shared, bool barrier);
	void (*close)(void *end, bool barrier);
	/* Acquire and release, n times; how many failed. */
	uint64_t (*pairs)(void *end, uint64_t n);
	/* Release on one, acquire on the other; how many balls were wrong. */
	uint64_t (*ping)(void *to, void *from, struct sync_ball *, uint64_t n);
	uint64_t (*pong)(void *from, void *to, struct sync_ball *, uint64_t n);
	bool (*arrive)(void *end); /* false: it has failed */
};

#define SYNC_SEMAPHORE(name, acquire, release)                               \
	static uint64_t name##_pairs(void *end, uint64_t n)                  \
	{                                                                    \
		uint64_t failed = 0;                                         \
									     \
		for (; n; n--)                                               \
			failed += !acquire(end) || !release(end);            \
		return failed;                                               \
	}                                                                    \
									     \
	static uint64_t name##_ping(void *to, void *from,                    \
				    struct sync_ball *ball, uint64_t n)      \
	{                                                                    \
		uint64_t wrong = 0, i;                                       \
									     \
		for (i = 1; i <= n; i++) {                                   \
			ball->value = 2 * i;                                 \
			wrong += !release(to) || !acquire(from);             \
			wrong += ball->value != 2 * i + 1;                   \
		}                                                            \
		return wrong;                                                \
	}                                                                    \
									     \
	static uint64_t name##_pong(void *from, void *to,                    \
				    struct sync_ball *ball, uint64_t n)      \
	{                                                                    \
		uint64_t wrong = 0, i;                                       \
									     \
		for (i = 1; i <= n; i++) {                                   \
			wrong += !acquire(from);                             \
			wrong += ball->value != 2 * i;                       \
			ball->value++;                                       \
			wrong += !release(to);                               \
		}                                                            \
		return wrong;                                                \
	}

#define SYNC_LOOPS(name)                                                     \
	.pairs = name##_pairs, .ping = name##_ping, .pong = name##_pong

extern const struct work sync_works[];
extern const struct entry sync_entries[];

extern const struct candidate sync_zeroipc, sync_zeroipc_owned, sync_posix,
	sync_eventfd, sync_pipe, sync_pthread;

#endif
