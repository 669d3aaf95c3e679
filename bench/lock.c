/* SPDX-License-Identifier: MIT */
/*
 * The works of locks: each member locks, looks at two words or changes both,
 * and unlocks. Of two members each does its half. Each trial checks that the
 * words were equal whenever somebody had the lock, and count all changes.
 *
 * Or two members hand locks on: each waits until the other has given back the
 * lock that it needs next.
 */
#include "lock.h"

#include <stdio.h>
#include <stdlib.h>

enum lock_sort { MUTEX, WRITE, READ, CHASE };

struct lock_row {
	enum lock_sort sort;
};

struct pot {
	void *locks[3]; /* all but the chase use the first */
	struct lock_guarded guarded;
	struct {
		_Alignas(64) uint64_t torn;
	} member[MEMBERS_MAX];
};

static enum lock_sort sort_of(const struct work *work)
{
	return ((const struct lock_row *)work->family)->sort;
}

static const struct lock_peer *peer_of(const struct trial *trial)
{
	return trial->candidate->family;
}

static lock_sections *sections_of(const struct lock_peer *peer,
				  enum lock_sort sort)
{
	return sort == MUTEX ? peer->mutex
	       : sort == WRITE ? peer->write
			       : peer->read;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	const struct lock_peer *peer = candidate->family;
	bool fits = sort_of(work) == CHASE
			    ? peer->chase != NULL
			    : sections_of(peer, sort_of(work)) != NULL;

	return fits ? NULL : "has no such lock";
}

static void prepare(struct trial *trial)
{
	struct pot *pot = shared_new(sizeof(*pot));

	for (unsigned i = 0; i < 3; i++)
		pot->locks[i] = peer_of(trial)->create();
	trial->shared = pot;
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	for (unsigned i = 0; i < 3; i++)
		peer_of(trial)->destroy(pot->locks[i]);
	shared_free(pot);
}

static void open_end(struct trial *trial, unsigned index)
{
	const struct lock_peer *peer = peer_of(trial);
	struct pot *pot = trial->shared;
	void **ends = calloc(3, sizeof(*ends));

	if (!ends)
		die("out of memory");
	for (unsigned i = 0; i < 3; i++)
		ends[i] = peer->open(pot->locks[i]);
	trial->member[index].mine[0] = ends;
	/* Of two, the second is a step ahead. */
	if (sort_of(trial->work) == CHASE)
		peer->lock(ends[index]);
}

static void close_end(struct trial *trial, unsigned index)
{
	void **ends = trial->member[index].mine[0];

	for (unsigned i = 0; i < 3; i++)
		peer_of(trial)->close(ends[i]);
	free(ends);
}

static uint64_t share_of(const struct trial *trial, unsigned index)
{
	unsigned members = trial->work->members;

	return trial->amount / members +
	       (index == 0 ? trial->amount % members : 0);
}

static void run(struct trial *trial, unsigned index)
{
	lock_sections *sections = sections_of(peer_of(trial),
					      sort_of(trial->work));
	void **ends = trial->member[index].mine[0];
	struct pot *pot = trial->shared;

	if (sort_of(trial->work) == CHASE)
		peer_of(trial)->chase(ends, index, trial->amount / 2);
	else
		pot->member[index].torn = sections(ends[0], &pot->guarded,
						   share_of(trial, index));
}

static double value(struct trial *trial)
{
	const struct pot *pot = trial->shared;
	enum lock_sort sort = sort_of(trial->work);
	uint64_t changes = sort == READ || sort == CHASE ? 0 : trial->amount;
	double ns_each = (double)trial_ns(trial) / (double)trial->amount;

	for (unsigned i = 0; i < trial->work->members; i++)
		if (pot->member[i].torn)
			trial_fault(trial, "%llu times others were inside",
				    (unsigned long long)pot->member[i].torn);
	if (pot->guarded.pair[0] != changes || pot->guarded.pair[1] != changes)
		trial_fault(trial, "changes under the lock were lost");
	if (sort == CHASE)
		return ns_each / 1000;
	return trial->work->members == 1 ? ns_each : 1000 / ns_each;
}

/* the candidates */

extern const struct candidate lock_zeroipc, lock_pthread, lock_robust,
	lock_flock, lock_loses;

static const struct entry lock_entries[] = {
	{ "zeroipc", NULL, &lock_zeroipc },
	{ "pthread-lock", NULL, &lock_pthread },
	{ "pthread-robust", NULL, &lock_robust },
	{ "flock", NULL, &lock_flock },
	{ "planted-unlocked", NULL, &lock_loses },
	{ NULL, NULL, NULL },
};

/* the rows */

static const struct lock_row mutex = { MUTEX }, reads = { READ },
			     writes = { WRITE }, chase = { CHASE };

#define FAMILY(row)                                                         \
	.entries = lock_entries, .unfit = unfit, .prepare = prepare,        \
	.clean = clean, .open = open_end, .run = run, .close = close_end,   \
	.value = value, .family = &(row), .seconds = 1

const struct work lock_works[] = {
	{ .name = "lock-mutex",
	  .words = "lock a mutex and unlock it, in one process",
	  .unit = "ns", .less_is_better = true, .goal = 10, .members = 1,
	  .cores = { 0 }, FAMILY(mutex) },
	{ .name = "lock-mutex-2p",
	  .words = "2 processes do so, sections of both",
	  .unit = "M/s", .members = 2, .cores = { 0, 1 }, FAMILY(mutex) },
	{ .name = "lock-read",
	  .words = "lock a rwlock for reading and unlock it",
	  .unit = "ns", .less_is_better = true, .members = 1,
	  .cores = { 0 }, FAMILY(reads) },
	{ .name = "lock-read-2p",
	  .words = "2 readers do so, sections of both",
	  .unit = "M/s", .members = 2, .cores = { 0, 1 }, FAMILY(reads) },
	{ .name = "lock-write",
	  .words = "lock a rwlock for writing and unlock it",
	  .unit = "ns", .less_is_better = true, .members = 1,
	  .cores = { 0 }, FAMILY(writes) },
	{ .name = "lock-handoff",
	  .words = "2 processes, each waits for the other's lock in turn",
	  .unit = "us", .less_is_better = true, .members = 2,
	  .cores = { 0, 1 }, FAMILY(chase) },
	{ .name = "lock-handoff-core",
	  .words = "the same on one core",
	  .unit = "us", .less_is_better = true, .members = 2,
	  .cores = { 0, 0 }, FAMILY(chase) },
	{ .name = NULL },
};
