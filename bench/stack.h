/* SPDX-License-Identifier: MIT */
/*
 * Stacks: what a peer has to offer to take part in the works of stack.c. A
 * peer's file defines push and pop for items of one size, has stack_loops.h
 * make the measured loop of them, so that what can be inlined is, and puts it
 * into a struct candidate.
 */
#ifndef BENCH_STACK_H
#define BENCH_STACK_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STACK_CAPACITY 1024
#define STACK_WORDS_MAX 8

/* Push and pop by turns: the values behind value go in. */
struct pairs {
	uint64_t value, n;
	/* what has come out */
	uint64_t count, sum;
	uint64_t torn;   /* times: first and last word differ */
	uint64_t others; /* times: not what this member had pushed */
};

typedef bool stack_push(void *end, const void *item);
typedef bool stack_pop(void *end, void *item);
typedef void stack_pairs(void *end, struct pairs *pairs);

struct stack_peer {
	/* Before the members start. */
	void *(*create)(size_t item_bytes);
	void (*destroy)(void *stack);
	/* In a member: its end of the stack. */
	void *(*open)(void *stack, unsigned member);
	void (*close)(void *end);
	stack_pairs *pairs_8, *pairs_64;
};

#ifdef __cplusplus
}
#endif

#endif
