/* SPDX-License-Identifier: MIT */
/*
 * The works of futures: a round trip, in which each side settles one and waits
 * for another. A future is settled once, so between laps of some trips they are
 * made anew, which is not counted: what is told is the sum of the laps.
 */
#include "future.h"

#include <sched.h>
#include <stdatomic.h>

#include "clock.h"

struct pot {
	void *shared;
	_Atomic uint64_t arrived; /* of both, at meetings between laps */
	int64_t ns;               /* of all laps */
	uint64_t wrong[2];
};

static const struct future_peer *peer_of(const struct trial *trial)
{
	return trial->candidate->family;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	(void)work;
	(void)candidate;
	return NULL;
}

static void prepare(struct trial *trial)
{
	struct pot *pot = shared_new(sizeof(*pot));

	trial->shared = pot;
	pot->shared = peer_of(trial)->create();
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	peer_of(trial)->destroy(pot->shared);
	shared_free(pot);
}

static void open_end(struct trial *trial, unsigned index)
{
	struct pot *pot = trial->shared;

	trial->member[index].mine[0] =
		peer_of(trial)->open(pot->shared, index);
}

static void close_end(struct trial *trial, unsigned index)
{
	peer_of(trial)->close(trial->member[index].mine[0]);
}

/* Both are here; what each did before is seen behind it. */
static void meet(struct pot *pot, uint64_t *meetings)
{
	uint64_t all = 2 * ++*meetings;

	atomic_fetch_add_explicit(&pot->arrived, 1, memory_order_acq_rel);
	while (atomic_load_explicit(&pot->arrived, memory_order_acquire) < all)
		sched_yield();
}

static uint64_t lap(const struct future_peer *peer, void *end, unsigned index,
		    unsigned trips, uint64_t value)
{
	uint64_t wrong = 0;
	unsigned i;

	for (i = 0; i < trips; i++, value++)
		if (index == 0)
			wrong += !peer->set(end, i, value) ||
				 peer->get(end, i) != value + 1;
		else
			wrong += peer->get(end, i) != value ||
				 !peer->set(end, i, value + 1);
	return wrong;
}

static void run(struct trial *trial, unsigned index)
{
	const struct future_peer *peer = peer_of(trial);
	void *end = trial->member[index].mine[0];
	uint64_t left = trial->amount, meetings = 0;
	struct pot *pot = trial->shared;
	int64_t begin;
	unsigned n;

	for (; left; left -= n) {
		n = left < FUTURE_TRIPS ? (unsigned)left : FUTURE_TRIPS;
		meet(pot, &meetings);
		if (index == 0 && peer->renew)
			peer->renew(end);
		meet(pot, &meetings);
		if (peer->reopen)
			peer->reopen(end);
		meet(pot, &meetings);
		begin = now_ns();
		pot->wrong[index] += lap(peer, end, index, n, left);
		if (index == 0)
			pot->ns += now_ns() - begin;
		if (peer->drop)
			peer->drop(end);
	}
}

static double value(struct trial *trial)
{
	const struct pot *pot = trial->shared;

	if (pot->wrong[0] + pot->wrong[1])
		trial_fault(trial, "%llu times it was not what was set",
			    (unsigned long long)(pot->wrong[0] +
						 pot->wrong[1]));
	return (double)pot->ns / (double)trial->amount / 1000;
}

#define FAMILY                                                              \
	.unit = "us", .less_is_better = true, .seconds = 1, .trips = 100,   \
	.members = 2, .entries = future_entries, .unfit = unfit,            \
	.prepare = prepare, .clean = clean, .open = open_end, .run = run,   \
	.close = close_end, .value = value

const struct work future_works[] = {
	{ .name = "future",
	  .words = "one is set and another waited for: a round trip",
	  .cores = { 0, 1 }, FAMILY },
	{ .name = "future-core",
	  .words = "the same, both on one core",
	  .cores = { 0, 0 }, FAMILY },
	{ .name = NULL },
};

const struct entry future_entries[] = {
	{ "zeroipc", NULL, &future_zeroipc },
	{ "pipe", NULL, &future_pipe },
	{ "eventfd+shm", NULL, &future_eventfd },
	{ NULL, NULL, NULL },
};
