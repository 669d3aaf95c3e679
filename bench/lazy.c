/* SPDX-License-Identifier: MIT */
/*
 * The works of lazies: to read what was computed before; to have it computed;
 * and a round trip, in which one side asks and the other, who waits until he is
 * asked, answers.
 */
#include "lazy.h"

enum sort { READ, COMPUTE, ASK };

struct row {
	enum sort sort;
};

struct pot {
	void *shared;
	uint64_t sum;
	bool unanswered;
};

static enum sort sort_of(const struct work *work)
{
	return ((const struct row *)work->family)->sort;
}

static const struct lazy_peer *peer_of(const struct trial *trial)
{
	return trial->candidate->family;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	const struct lazy_peer *peer = candidate->family;
	bool fits = sort_of(work) == READ      ? peer->read != NULL
		    : sort_of(work) == COMPUTE ? peer->compute != NULL
					       : peer->ask != NULL;

	return fits ? NULL : "does not do this";
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

	trial->member[index].mine[0] = peer_of(trial)->open(pot->shared);
}

static void close_end(struct trial *trial, unsigned index)
{
	peer_of(trial)->close(trial->member[index].mine[0]);
}

static void run(struct trial *trial, unsigned index)
{
	const struct lazy_peer *peer = peer_of(trial);
	void *end = trial->member[index].mine[0];
	struct pot *pot = trial->shared;

	if (index)
		pot->unanswered = !peer->answer(end, trial->amount);
	else if (sort_of(trial->work) == READ)
		pot->sum = peer->read(end, trial->amount);
	else if (sort_of(trial->work) == COMPUTE)
		pot->sum = peer->compute(end, trial->amount);
	else
		pot->sum = peer->ask(end, trial->amount);
}

static double value(struct trial *trial)
{
	const struct pot *pot = trial->shared;
	bool asks = sort_of(trial->work) == ASK;
	uint64_t n = trial->amount, sum = LAZY_VALUE * n;

	if (asks)
		sum = n % 2 ? (n + 1) / 2 * n : n / 2 * (n + 1);
	if (pot->sum != sum || pot->unanswered)
		trial_fault(trial, "values were wrong: their sum is %llu",
			    (unsigned long long)pot->sum);
	return (double)trial_ns(trial) / (double)n / (asks ? 1000 : 1);
}

/* the candidates */

extern const struct candidate lazy_zeroipc, lazy_once, lazy_word, lazy_pipe,
	lazy_eventfd;

static const struct entry lazy_entries[] = {
	{ "zeroipc", NULL, &lazy_zeroipc },
	{ "pthread-once", NULL, &lazy_once },
	{ "shm-word", NULL, &lazy_word },
	{ "pipe", NULL, &lazy_pipe },
	{ "eventfd+shm", NULL, &lazy_eventfd },
	{ NULL, NULL, NULL },
};

/* the rows */

static const struct row reads = { READ }, computes = { COMPUTE },
			asks = { ASK };

#define FAMILY(row)                                                         \
	.less_is_better = true, .seconds = 1, .entries = lazy_entries,      \
	.unfit = unfit, .prepare = prepare, .clean = clean,                 \
	.open = open_end, .run = run, .close = close_end, .value = value,   \
	.family = &(row)

const struct work lazy_works[] = {
	{ .name = "lazy-get",
	  .words = "a value that was computed before is read",
	  .unit = "ns", .members = 1, .cores = { 0 }, FAMILY(reads) },
	{ .name = "lazy-force",
	  .words = "1 + 2 is forgotten, and computed by who reads it",
	  .unit = "ns", .members = 1, .cores = { 0 }, FAMILY(computes) },
	{ .name = "lazy-ask",
	  .words = "one asks, another, who waits for it, answers: a round trip",
	  .unit = "us", .trips = 100, .members = 2, .cores = { 0, 1 },
	  FAMILY(asks) },
	{ .name = "lazy-ask-core",
	  .words = "the same, both on one core",
	  .unit = "us", .trips = 100, .members = 2, .cores = { 0, 0 },
	  FAMILY(asks) },
	{ .name = NULL },
};
