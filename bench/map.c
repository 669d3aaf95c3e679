/* SPDX-License-Identifier: MIT */
/*
 * The works of maps: 8 bytes to 8 bytes, of as many keys as the map was made
 * for.
 *
 *   insert   into an empty map, until it is full; then all are taken out again,
 *            which does not count
 *   hit      what is there; in no order
 *   miss     what is not there
 *   churned  the same, behind a million keys that came and went
 *   mix      members get what is there, and put every tenth
 *
 * Each answer is looked at.
 */
#include "map.h"

#include "clock.h"
#include "map_works.h"

#include <stdio.h>

enum pattern { INSERT, HIT, MISS, MIX };

struct map_row {
	enum pattern pattern;
	bool churned;
};

/* A trial's shared memory. */
struct pot {
	void *map;
	struct {
		_Alignas(64) uint64_t wrong;
		int64_t spent_ns;
	} of[MEMBERS_MAX];
};

static const struct map_row *row_of(const struct work *work)
{
	return work->family;
}

static const struct map_peer *peer_of(const struct candidate *candidate)
{
	return candidate->family;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	const struct map_peer *peer = peer_of(candidate);

	if (peer->alone && work->members > 1)
		return "for one member only";
	return row_of(work)->churned ? peer->no_churn : NULL;
}

/* All keys, and behind them those that came and went in their places. */
static void fill(const struct map_peer *peer, struct pot *pot, bool churned)
{
	void *end = peer->open(pot->map);
	uint64_t i, wrong;

	wrong = peer->loops->insert(end, 0, MAP_KEYS);
	for (i = 0; churned && i < MAP_CHURN; i++)
		wrong += peer->loops->remove(end, i, 1) +
			 peer->loops->insert(end, i + MAP_KEYS, 1);
	pot->of[0].wrong += wrong;
	peer->close(end);
}

static void prepare(struct trial *trial)
{
	const struct map_peer *peer = peer_of(trial->candidate);
	const struct map_row *row = row_of(trial->work);
	struct pot *pot = shared_new(sizeof(*pot));

	trial->shared = pot;
	pot->map = peer->create(MAP_KEYS);
	if (row->pattern != INSERT)
		fill(peer, pot, row->churned);
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	peer_of(trial->candidate)->destroy(pot->map);
	shared_free(pot);
}

static void open_end(struct trial *trial, unsigned index)
{
	struct pot *pot = trial->shared;

	trial->member[index].mine[0] =
		peer_of(trial->candidate)->open(pot->map);
}

static void close_end(struct trial *trial, unsigned index)
{
	peer_of(trial->candidate)->close(trial->member[index].mine[0]);
}

/* Full and empty by turns. */
static void insert(struct trial *trial, unsigned index)
{
	const struct map_loops *loops = peer_of(trial->candidate)->loops;
	void *end = trial->member[index].mine[0];
	struct pot *pot = trial->shared;
	uint64_t left, n, wrong = 0;
	int64_t began;

	for (left = trial->amount; left; left -= n) {
		n = left < MAP_KEYS ? left : MAP_KEYS;
		began = now_ns();
		wrong += loops->insert(end, left, n);
		pot->of[index].spent_ns += now_ns() - began;
		wrong += loops->remove(end, left, n);
	}
	pot->of[index].wrong += wrong;
}

static void run(struct trial *trial, unsigned index)
{
	const struct map_loops *loops = peer_of(trial->candidate)->loops;
	const struct map_row *row = row_of(trial->work);
	void *end = trial->member[index].mine[0];
	struct pot *pot = trial->shared;
	struct keys keys = { row->churned ? MAP_CHURN : 0, MAP_KEYS,
			     trial->amount / trial->work->members };
	int64_t began = now_ns();

	switch (row->pattern) {
	case INSERT:
		insert(trial, index);
		return;
	case HIT:
		pot->of[index].wrong += loops->hit(end, &keys);
		break;
	case MISS:
		keys.first += 2 * MAP_CHURN;
		pot->of[index].wrong += loops->miss(end, &keys);
		break;
	case MIX:
		pot->of[index].wrong += loops->mix(end, &keys);
	}
	pot->of[index].spent_ns = now_ns() - began;
}

static double value(struct trial *trial)
{
	const struct pot *pot = trial->shared;
	uint64_t wrong = 0;

	for (unsigned i = 0; i < trial->work->members; i++)
		wrong += pot->of[i].wrong;
	if (wrong)
		trial_fault(trial, "%llu answers were wrong",
			    (unsigned long long)wrong);
	if (row_of(trial->work)->pattern == MIX)
		return 1000 * (double)trial->amount / (double)trial_ns(trial);
	return (double)pot->of[0].spent_ns / (double)trial->amount;
}

/* the rows */

#define FAMILY(row)                                                         \
	.entries = map_entries, .unfit = unfit, .prepare = prepare,         \
	.clean = clean, .open = open_end, .run = run, .close = close_end,   \
	.value = value, .family = &(row)

#define TIME .unit = "ns", .less_is_better = true, .seconds = 1

#define ROW static const struct map_row

ROW inserts = { INSERT, false };
ROW hits = { HIT, false };
ROW misses = { MISS, false };
ROW churned = { MISS, true };
ROW mixed = { MIX, false };

const struct work map_works[] = {
	{ .name = "map-insert",
	  .words = "insert a new key, 8 bytes to 8; 65536 until full",
	  TIME, .goal = 30, .members = 1, .cores = { 0 }, FAMILY(inserts) },
	{ .name = "map-hit",
	  .words = "get what is there",
	  TIME, .goal = 17, .members = 1, .cores = { 0 }, FAMILY(hits) },
	{ .name = "map-miss",
	  .words = "get what is not there",
	  TIME, .goal = 20, .members = 1, .cores = { 0 }, FAMILY(misses) },
	{ .name = "map-churned",
	  .words = "the same, behind a million keys that came and went",
	  TIME, .goal = 20, .members = 1, .cores = { 0 }, FAMILY(churned) },
	{ .name = "map-mix",
	  .words = "2 members, 9 gets and a put",
	  .unit = "M/s", .seconds = 1, .goal = 85, .members = 2,
	  .cores = { 0, 1 }, FAMILY(mixed) },
	{ .name = NULL },
};
