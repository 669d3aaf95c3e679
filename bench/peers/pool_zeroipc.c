/* SPDX-License-Identifier: MIT */
/* Ours: a pool, and what is sent through a queue; or by tickets, by hand. */
#include "../pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <zeroipc.h>

struct end {
	const struct pool_shape *shape;
	struct zipc_segment *segment;
	struct zipc_pool *pool;
	struct zipc_queue *queue;
};

struct made {
	const struct pool_shape *shape;
	char name[64];
};

static void must(int rc)
{
	if (rc)
		die("%s", zipc_last_error());
}

static void *create(const struct pool_shape *shape)
{
	uint64_t bytes = (shape->bytes + 128) * shape->buffers + (1 << 20);
	struct made *made = malloc(sizeof(*made));
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_pool *pool;
	char type[32];

	if (!made)
		die("out of memory");
	made->shape = shape;
	snprintf(made->name, sizeof(made->name), "/%s", unique_name());
	snprintf(type, sizeof(type), "u64[%zu]", shape->bytes / 8);
	must(zipc_segment_create(&segment, made->name, bytes, NULL));
	must(zipc_pool_create(&pool, segment, "p", type, shape->buffers));
	must(zipc_queue_create(&queue, segment, "q", "u64", 64));
	zipc_queue_close(queue);
	zipc_pool_close(pool);
	zipc_segment_close(segment);
	return made;
}

static void destroy(void *pool)
{
	struct made *made = pool;

	zipc_segment_unlink(made->name);
	free(made);
}

static void *open_end(void *pool, bool produces)
{
	struct made *made = pool;
	struct end *end = calloc(1, sizeof(*end));

	(void)produces;
	if (!end)
		die("out of memory");
	end->shape = made->shape;
	must(zipc_segment_open(&end->segment, made->name, 0));
	must(zipc_pool_open(&end->pool, end->segment, "p", NULL));
	must(zipc_queue_open(&end->queue, end->segment, "q", NULL));
	return end;
}

static void close_end(void *mine)
{
	struct end *end = mine;

	zipc_queue_close(end->queue);
	zipc_pool_close(end->pool);
	zipc_segment_close(end->segment);
	free(end);
}

static uint64_t filled(struct end *end, uint64_t value)
{
	uint64_t index;

	must(zipc_pool_take(end->pool, &index, ZIPC_FOREVER));
	pool_fill(zipc_pool_at(end->pool, index), end->shape, value);
	return index;
}

static uint64_t done(struct end *end, uint64_t index)
{
	uint64_t value = pool_read(zipc_pool_at(end->pool, index), end->shape);

	must(zipc_pool_give(end->pool, index));
	return value;
}

static void put(void *mine, uint64_t value)
{
	struct end *end = mine;

	must(zipc_pool_send(end->pool, end->queue, filled(end, value),
			    ZIPC_FOREVER));
}

static uint64_t get(void *mine)
{
	struct end *end = mine;
	uint64_t index;

	must(zipc_pool_receive(end->pool, end->queue, &index, ZIPC_FOREVER));
	return done(end, index);
}

static void put_by_hand(void *mine, uint64_t value)
{
	struct end *end = mine;
	uint64_t ticket;

	must(zipc_pool_pass(end->pool, filled(end, value), &ticket));
	must(zipc_queue_push(end->queue, &ticket, ZIPC_FOREVER));
}

static uint64_t get_by_hand(void *mine)
{
	struct end *end = mine;
	uint64_t ticket, index;

	must(zipc_queue_pop(end->queue, &ticket, ZIPC_FOREVER));
	must(zipc_pool_accept(end->pool, ticket, &index));
	return done(end, index);
}

static void pairs(void *mine, uint64_t n)
{
	struct end *end = mine;
	uint64_t index;

	while (n--) {
		must(zipc_pool_take(end->pool, &index, ZIPC_FOREVER));
		must(zipc_pool_give(end->pool, index));
	}
}

static const struct pool_peer sends = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .put = put, .get = get, .pairs = pairs
};

static const struct pool_peer passes = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .put = put_by_hand, .get = get_by_hand
};

const struct candidate pool_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &sends
};

const struct candidate pool_zeroipc_pass = {
	.name = "zeroipc-pass", .ours = true, .family = &passes,
	.note = "pass and accept, by hand"
};
