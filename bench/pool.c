/* SPDX-License-Identifier: MIT */
/*
 * The works of pools: objects that are filled here and read there, and how fast
 * one is had and given back. Each trial checks that each object came, in order,
 * and whole.
 */
#include "pool.h"

#include <stdio.h>

struct pool_row {
	bool pairs;
	struct pool_shape shape;
};

struct pot {
	void *pool;
	_Alignas(64) uint64_t wrong;
};

static const struct pool_row *row_of(const struct work *work)
{
	return work->family;
}

static const struct pool_peer *peer_of(const struct trial *trial)
{
	return trial->candidate->family;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	const struct pool_peer *peer = candidate->family;

	if (row_of(work)->pairs)
		return peer->pairs ? NULL : "has no objects to be had";
	return peer->put ? NULL : "hands nothing on";
}

static void prepare(struct trial *trial)
{
	struct pot *pot = shared_new(sizeof(*pot));

	pot->pool = peer_of(trial)->create(&row_of(trial->work)->shape);
	trial->shared = pot;
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	peer_of(trial)->destroy(pot->pool);
	shared_free(pot);
}

static void open_end(struct trial *trial, unsigned index)
{
	struct pot *pot = trial->shared;

	trial->member[index].mine[0] = peer_of(trial)->open(pot->pool,
							    index == 0);
}

static void close_end(struct trial *trial, unsigned index)
{
	peer_of(trial)->close(trial->member[index].mine[0]);
}

static void run(struct trial *trial, unsigned index)
{
	const struct pool_peer *peer = peer_of(trial);
	void *end = trial->member[index].mine[0];
	struct pot *pot = trial->shared;
	uint64_t i;

	if (row_of(trial->work)->pairs) {
		peer->pairs(end, trial->amount);
		return;
	}
	for (i = 1; i <= trial->amount; i++)
		if (index == 0)
			peer->put(end, i);
		else
			pot->wrong += peer->get(end) != i;
}

static double value(struct trial *trial)
{
	const struct pot *pot = trial->shared;
	double ns_each = (double)trial_ns(trial) / (double)trial->amount;

	if (pot->wrong)
		trial_fault(trial, "%llu objects were torn or out of order",
			    (unsigned long long)pot->wrong);
	return row_of(trial->work)->pairs ? ns_each : ns_each / 1000;
}

/* the candidates */

extern const struct candidate pool_zeroipc, pool_zeroipc_pass, pool_pipe,
	pool_socket, pool_pthread;

static const struct entry pool_entries[] = {
	{ "zeroipc", NULL, &pool_zeroipc },
	{ "zeroipc-pass", NULL, &pool_zeroipc_pass },
	{ "pipe", NULL, &pool_pipe },
	{ "socket-stream", NULL, &pool_socket },
	{ "pthread-list", NULL, &pool_pthread },
	{ NULL, NULL, NULL },
};

/* the rows */

#define MIB ((size_t)1 << 20)

static const struct pool_row pairs = { true, { 64, 64, false } };
static const struct pool_row rotating = { false, { MIB, 8, true } };
static const struct pool_row reused = { false, { MIB, 1, true } };
static const struct pool_row pass = { false, { MIB, 8, false } };

#define FAMILY(row)                                                         \
	.entries = pool_entries, .unfit = unfit, .prepare = prepare,        \
	.clean = clean, .open = open_end, .run = run, .close = close_end,   \
	.value = value, .family = &(row), .seconds = 1,                     \
	.less_is_better = true, .trips = 100

const struct work pool_works[] = {
	{ .name = "object-pair",
	  .words = "have an object and give it back, in one process",
	  .unit = "ns", .members = 1, .cores = { 0 }, FAMILY(pairs) },
	{ .name = "object-1m",
	  .words = "1 MiB: fill, hand on, read all; 8 buffers in turn",
	  .unit = "us", .goal = 30, .members = 2, .cores = { 0, 1 },
	  FAMILY(rotating) },
	{ .name = "object-1m-one",
	  .words = "the same, one buffer that is reused",
	  .unit = "us", .members = 2, .cores = { 0, 1 }, FAMILY(reused) },
	{ .name = "object-pass",
	  .words = "1 MiB, not touched: hand on, and give back",
	  .unit = "us", .goal = 0.2, .members = 2, .cores = { 0, 1 },
	  FAMILY(pass) },
	{ .name = NULL },
};
