/* SPDX-License-Identifier: MIT */
/* Our stack. Nobody waits: who pops has pushed before. */
#include "../stack_loops.h"
#include "../stack_works.h"

#include <errno.h>
#include <zeroipc.h>

/* Members inherit the segment; its name is gone before any of them runs. */
static void *create(size_t item_bytes)
{
	struct zipc_segment *segment;
	struct zipc_stack *stack;
	const char *name = unique_name();

	if (zipc_segment_create(&segment, name, 2 << 20, NULL))
		die("%s", zipc_last_error());
	zipc_segment_unlink(name);
	if (zipc_stack_create(&stack, segment, "stack",
			      item_bytes == 8 ? "u64" : "u64[8]",
			      STACK_CAPACITY))
		die("%s", zipc_last_error());
	zipc_stack_close(stack);
	return segment;
}

static void destroy(void *segment)
{
	zipc_segment_close(segment);
}

static void *open_end(void *segment, unsigned member)
{
	struct zipc_stack *stack;

	(void)member;
	if (zipc_stack_open(&stack, segment, "stack", NULL))
		die("%s", zipc_last_error());
	return stack;
}

static void close_end(void *stack)
{
	zipc_stack_close(stack);
}

/* Whether it was done; it may fail only where it would have to wait. */
static inline bool done(int rc)
{
	if (__builtin_expect(rc && rc != -EAGAIN, 0))
		die("%s", zipc_last_error());
	return !rc;
}

static inline bool push(void *stack, const void *item)
{
	return done(zipc_stack_push(stack, item, ZIPC_NOWAIT));
}

static inline bool pop(void *stack, void *item)
{
	return done(zipc_stack_pop(stack, item, ZIPC_NOWAIT));
}

STACK_PAIRS(pairs_8, 8, push, pop)
STACK_PAIRS(pairs_64, 64, push, pop)

static const struct stack_peer peer = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .pairs_8 = pairs_8, .pairs_64 = pairs_64
};

const struct candidate stack_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &peer
};
