/* SPDX-License-Identifier: MIT */
/*
 * The works of semaphores and barriers. Who does what:
 *
 *   pair        one process acquires and releases
 *   hand-off    two, and two semaphores: each releases one and acquires the
 *               other; a value beside them goes to and fro
 *   barrier     all members arrive, again and again; now and then each looks
 *               whether the others are in the same round
 */
#include "sync.h"

#include <stdatomic.h>

#include "clock.h"

enum pattern { PAIR, HAND_OFF, BARRIER };

struct sync_row {
	enum pattern pattern;
};

/* A trial's shared memory. */
struct pot {
	void *shared[2];
	struct sync_ball ball;
	struct {
		_Alignas(64) _Atomic uint64_t round;
		uint64_t wrong;
	} member[MEMBERS_MAX];
};

static enum pattern pattern_of(const struct work *work)
{
	return ((const struct sync_row *)work->family)->pattern;
}

static const struct sync_peer *peer_of(const struct candidate *candidate)
{
	return candidate->family;
}

static bool is_barrier(const struct trial *trial)
{
	return pattern_of(trial->work) == BARRIER;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	const struct sync_peer *peer = peer_of(candidate);
	enum pattern pattern = pattern_of(work);

	if (pattern == BARRIER)
		return peer->barrier ? NULL : "has no barrier";
	if (!peer->pairs)
		return "has no semaphore";
	if (pattern == HAND_OFF && !peer->foreign)
		return "only who acquired may release";
	return NULL;
}

static unsigned count_of(const struct trial *trial)
{
	return pattern_of(trial->work) == HAND_OFF ? 2 : 1;
}

static void prepare(struct trial *trial)
{
	const struct sync_peer *peer = peer_of(trial->candidate);
	enum pattern pattern = pattern_of(trial->work);
	struct pot *pot = shared_new(sizeof(*pot));
	unsigned n = pattern == BARRIER ? trial->work->members
					: pattern == PAIR;

	trial->shared = pot;
	for (unsigned i = 0; i < count_of(trial); i++)
		pot->shared[i] = peer->create(n, pattern == BARRIER);
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	for (unsigned i = 0; i < count_of(trial); i++)
		peer_of(trial->candidate)->destroy(pot->shared[i],
						   is_barrier(trial));
	shared_free(pot);
}

static void open_ends(struct trial *trial, unsigned index)
{
	const struct sync_peer *peer = peer_of(trial->candidate);
	void **mine = trial->member[index].mine;
	struct pot *pot = trial->shared;

	for (unsigned i = 0; i < count_of(trial); i++)
		mine[i] = peer->open ? peer->open(pot->shared[i],
						  is_barrier(trial))
				     : pot->shared[i];
}

static void close_ends(struct trial *trial, unsigned index)
{
	const struct sync_peer *peer = peer_of(trial->candidate);

	for (unsigned i = 0; peer->close && i < count_of(trial); i++)
		peer->close(trial->member[index].mine[i], is_barrier(trial));
}

/* Between two arrivals a member is at most one round behind another. */
static void meet(struct trial *trial, unsigned index)
{
	const struct sync_peer *peer = peer_of(trial->candidate);
	void *end = trial->member[index].mine[0];
	struct pot *pot = trial->shared;
	uint64_t round, other;

	for (round = 1; round <= trial->amount; round++) {
		/* Relaxed: the barrier orders it, or is found not to. */
		atomic_store_explicit(&pot->member[index].round, round,
				      memory_order_relaxed);
		pot->member[index].wrong += !peer->arrive(end);
		if (round % 64)
			continue;
		other = atomic_load_explicit(
			&pot->member[(index + 1) % trial->work->members].round,
			memory_order_relaxed);
		pot->member[index].wrong += other - round > 1;
	}
}

static void run(struct trial *trial, unsigned index)
{
	const struct sync_peer *peer = peer_of(trial->candidate);
	void **mine = trial->member[index].mine;
	struct pot *pot = trial->shared;
	uint64_t n = trial->amount;

	if (is_barrier(trial))
		meet(trial, index);
	else if (pattern_of(trial->work) == PAIR)
		pot->member[0].wrong = peer->pairs(mine[0], n);
	else if (index == 0)
		pot->member[0].wrong = peer->ping(mine[0], mine[1], &pot->ball,
						  n);
	else
		pot->member[1].wrong = peer->pong(mine[0], mine[1], &pot->ball,
						  n);
}

static double value(struct trial *trial)
{
	double ns_each = (double)trial_ns(trial) / (double)trial->amount;
	const struct pot *pot = trial->shared;
	uint64_t wrong = 0;

	for (unsigned i = 0; i < trial->work->members; i++)
		wrong += pot->member[i].wrong;
	if (wrong)
		trial_fault(trial, "%llu times it was not where it should be",
			    (unsigned long long)wrong);
	return pattern_of(trial->work) == PAIR ? ns_each : ns_each / 1000;
}

#define FAMILY(row)                                                         \
	.entries = sync_entries, .unfit = unfit, .prepare = prepare,        \
	.clean = clean, .open = open_ends, .run = run, .close = close_ends, \
	.value = value, .family = &(row)
#define TIME(of) .unit = of, .less_is_better = true, .seconds = 1

static const struct sync_row pair = { PAIR };
static const struct sync_row hand_off = { HAND_OFF };
static const struct sync_row barrier = { BARRIER };

const struct work sync_works[] = {
	{ .name = "sem-pair",
	  .words = "acquire and release in one process",
	  TIME("ns"), .members = 1, .cores = { 0 }, FAMILY(pair) },
	{ .name = "sem-handoff",
	  .words = "round trip over two semaphores",
	  TIME("us"), .goal = 1, .trips = 100, .members = 2,
	  .cores = { 0, 1 }, FAMILY(hand_off) },
	{ .name = "sem-handoff-core",
	  .words = "the same, both on one core",
	  TIME("us"), .goal = 5, .trips = 100, .members = 2,
	  .cores = { 0, 0 }, FAMILY(hand_off) },
	{ .name = "barrier-2",
	  .words = "a round of 2 processes",
	  TIME("us"), .goal = 1, .trips = 200, .members = 2,
	  .cores = { 0, 1 }, FAMILY(barrier) },
	{ .name = "barrier-4",
	  .words = "a round of 4 processes on 2 cores",
	  TIME("us"), .goal = 15, .trips = 200, .members = 4,
	  .cores = { 0, 1, 0, 1 }, FAMILY(barrier) },
	{ .name = NULL },
};

const struct entry sync_entries[] = {
	{ "zeroipc", NULL, &sync_zeroipc },
	{ "zeroipc-owned", NULL, &sync_zeroipc_owned },
	{ "posix-sem", NULL, &sync_posix },
	{ "eventfd-sem", NULL, &sync_eventfd },
	{ "pipe-epoll", NULL, &sync_pipe },
	{ "pthread", NULL, &sync_pthread },
	{ NULL, NULL, NULL },
};
