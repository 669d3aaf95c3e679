/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's stack, many to many. It links nodes of its users', by
 * address: members have them where they were mapped before the fork. A node
 * stays with who popped it, for the next push, which is the least that a user
 * can do; who dies takes it along.
 */
#include "../stack_loops.h"
#include "../stack_works.h"

#include <ck_stack.h>
#include <stdlib.h>
#include <string.h>

struct node {
	ck_stack_entry_t entry; /* first: a node is its entry */
	uint64_t item[STACK_WORDS_MAX];
};

struct shared {
	_Alignas(64) ck_stack_t stack;
	_Alignas(64) struct node spare[MEMBERS_MAX];
};

struct end {
	ck_stack_t *stack;
	struct node *spare;
};

static void *create(size_t item_bytes)
{
	struct shared *shared = shared_new(sizeof(*shared));

	(void)item_bytes;
	ck_stack_init(&shared->stack);
	return shared;
}

static void *open_end(void *context, unsigned member)
{
	struct shared *shared = context;
	struct end *end = malloc(sizeof(*end));

	end->stack = &shared->stack;
	end->spare = &shared->spare[member];
	return end;
}

static inline __attribute__((always_inline)) bool push(void *context,
						       const void *item,
						       size_t bytes)
{
	struct end *end = context;

	memcpy(end->spare->item, item, bytes);
	ck_stack_push_mpmc(end->stack, &end->spare->entry);
	return true;
}

static inline __attribute__((always_inline)) bool pop(void *context, void *item,
						      size_t bytes)
{
	struct end *end = context;
	ck_stack_entry_t *entry = ck_stack_pop_mpmc(end->stack);

	if (!entry)
		return false;
	end->spare = (void *)entry;
	memcpy(item, end->spare->item, bytes);
	return true;
}

#define OPERATIONS(bytes)                                                   \
	static inline bool push_##bytes(void *end, const void *item)        \
	{                                                                   \
		return push(end, item, bytes);                              \
	}                                                                   \
	static inline bool pop_##bytes(void *end, void *item)               \
	{                                                                   \
		return pop(end, item, bytes);                               \
	}                                                                   \
	STACK_PAIRS(pairs_##bytes, bytes, push_##bytes, pop_##bytes)

OPERATIONS(8)
OPERATIONS(64)

static const struct stack_peer peer = {
	.create = create, .destroy = shared_free, .open = open_end,
	.close = free, .pairs_8 = pairs_8, .pairs_64 = pairs_64
};

const struct candidate stack_ck = {
	.name = "ck-stack", .package = "libck-dev", .family = &peer,
	.note = "no capacity; nodes are its users'"
};
