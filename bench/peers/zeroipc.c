/* SPDX-License-Identifier: MIT */
/*
 * Ours, thrice: zeroipc waits in the library, as its users do; zeroipc-try
 * polls as the peers without waiting must, and so is their like; zeroipc-lease
 * takes and is done in the place of pop.
 */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <errno.h>
#include <stdlib.h>
#include <zeroipc.h>

static const char *type_of(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? "u64" : "u64[8]";
}

/* Members inherit the segment; its name is gone before any of them runs. */
static void *create_with(const struct queue_shape *shape, unsigned max_takers)
{
	const struct zipc_queue_options options = { .max_takers = max_takers };
	const uint64_t spare = 1 << 20;
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	const char *name = unique_name();
	uint64_t size = spare + shape->capacity * 2 * (shape->item_bytes + 64);

	if (zipc_segment_create(&segment, name, size, NULL))
		die("%s", zipc_last_error());
	zipc_segment_unlink(name);
	if (zipc_queue_create_with(&queue, segment, "queue", type_of(shape),
				   shape->capacity, &options))
		die("%s", zipc_last_error());
	zipc_queue_close(queue);
	return segment;
}

static void *create(const struct queue_shape *shape)
{
	return create_with(shape, 0);
}

static void *create_leased(const struct queue_shape *shape)
{
	return create_with(shape, 16);
}

static void destroy(void *segment)
{
	zipc_segment_close(segment);
}

static void *open_end(void *segment, enum queue_role role)
{
	struct zipc_queue *queue;

	(void)role;
	if (zipc_queue_open(&queue, segment, "queue", NULL))
		die("%s", zipc_last_error());
	return queue;
}

static void close_end(void *queue)
{
	zipc_queue_close(queue);
}

/* Whether it was done; it may fail only where it would have to wait. */
static inline bool done(int64_t rc)
{
	if (__builtin_expect(rc < 0 && rc != -EAGAIN, 0))
		die("%s", zipc_last_error());
	return rc >= 0;
}

static inline bool push(void *queue, const void *item)
{
	return done(zipc_queue_push(queue, item, ZIPC_FOREVER));
}

static inline bool pop(void *queue, void *item)
{
	return done(zipc_queue_pop(queue, item, ZIPC_FOREVER));
}

static inline bool take(void *queue, void *item)
{
	struct zipc_lease lease;

	return done(zipc_queue_take(queue, item, &lease, ZIPC_FOREVER)) &&
	       done(zipc_queue_done(queue, &lease));
}

static inline size_t push_n(void *queue, const void *items, size_t n)
{
	int64_t moved = zipc_queue_push_n(queue, items, n, ZIPC_FOREVER);

	return done(moved) ? (size_t)moved : 0;
}

static inline size_t pop_n(void *queue, void *items, size_t n)
{
	int64_t moved = zipc_queue_pop_n(queue, items, n, ZIPC_FOREVER);

	return done(moved) ? (size_t)moved : 0;
}

static inline bool try_push(void *queue, const void *item)
{
	return done(zipc_queue_push(queue, item, ZIPC_NOWAIT));
}

static inline bool try_pop(void *queue, void *item)
{
	return done(zipc_queue_pop(queue, item, ZIPC_NOWAIT));
}

static inline size_t try_push_n(void *queue, const void *items, size_t n)
{
	int64_t moved = zipc_queue_push_n(queue, items, n, ZIPC_NOWAIT);

	return done(moved) ? (size_t)moved : 0;
}

static inline size_t try_pop_n(void *queue, void *items, size_t n)
{
	int64_t moved = zipc_queue_pop_n(queue, items, n, ZIPC_NOWAIT);

	return done(moved) ? (size_t)moved : 0;
}

QUEUE_LOOPS_N(wait_8, 8, push, pop, pop, push_n, pop_n)
QUEUE_LOOPS_N(wait_64, 64, push, pop, pop, push_n, pop_n)
QUEUE_LOOPS_N(try_8, 8, try_push, try_pop, NULL, try_push_n, try_pop_n)
QUEUE_LOOPS_N(try_64, 64, try_push, try_pop, NULL, try_push_n, try_pop_n)
QUEUE_LOOPS(lease_8, 8, push, take, take)
QUEUE_LOOPS(lease_64, 64, push, take, take)

static const struct queue_loops *wait_loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &wait_8 : &wait_64;
}

static const struct queue_loops *try_loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &try_8 : &try_64;
}

static const struct queue_loops *lease_loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &lease_8 : &lease_64;
}

#define LIFE .create = create, .destroy = destroy, .open = open_end, \
	     .close = close_end

static const struct queue_peer waiting = { LIFE, .loops = wait_loops };
static const struct queue_peer polling = { LIFE, .loops = try_loops };
static const struct queue_peer leased = { .create = create_leased,
					  .destroy = destroy,
					  .open = open_end,
					  .close = close_end,
					  .loops = lease_loops };

const struct candidate queue_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &waiting
};

const struct candidate queue_zeroipc_try = {
	.name = "zeroipc-try",
	.note = "ours, but polling as the peers do that can not wait",
	.family = &polling
};

const struct candidate queue_zeroipc_lease = {
	.name = "zeroipc-lease",
	.note = "ours, with take and done in the place of pop",
	.family = &leased
};
