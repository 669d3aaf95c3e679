/* SPDX-License-Identifier: MIT */
/*
 * How long an element takes from who emits it, through who computes another
 * from it, to who waits for that. All sleep before each: the emitter rests 200
 * us when the last one has arrived.
 */
#include "derive.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"

#define REST_NS 200000
#define SAMPLES_MAX 100000u

struct pot {
	void *shared;
	_Atomic uint64_t arrived; /* elements, so far */
	uint64_t wrong;
	unsigned samples;
	int64_t ns[SAMPLES_MAX];
};

static const struct derive_peer *peer_of(const struct trial *trial)
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

static void rest(void)
{
	struct timespec time = { .tv_nsec = REST_NS };

	nanosleep(&time, NULL);
}

static void emit_all(struct trial *trial, void *end)
{
	struct pot *pot = trial->shared;
	uint64_t i;

	for (i = 0; i < trial->amount; i++) {
		do
			rest();
		while (atomic_load_explicit(&pot->arrived,
					    memory_order_acquire) < i);
		peer_of(trial)->emit(end, now_ns());
	}
}

static void wait_for_all(struct trial *trial, void *end)
{
	struct pot *pot = trial->shared;
	int64_t got, last = 0;
	uint64_t i;

	for (i = 0; i < trial->amount; i++) {
		got = peer_of(trial)->wait(end) - 1;
		if (pot->samples < SAMPLES_MAX)
			pot->ns[pot->samples++] = now_ns() - got;
		pot->wrong += got <= last;
		last = got;
		atomic_store_explicit(&pot->arrived, i + 1,
				      memory_order_release);
	}
}

static void run(struct trial *trial, unsigned index)
{
	void *end = trial->member[index].mine[0];
	uint64_t i;

	if (index == DERIVE_EMITS)
		emit_all(trial, end);
	else if (index == DERIVE_WAITS)
		wait_for_all(trial, end);
	else if (peer_of(trial)->compute)
		for (i = 0; i < trial->amount; i++)
			peer_of(trial)->compute(end);
}

static int by_length(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double value(struct trial *trial)
{
	struct pot *pot = trial->shared;

	if (pot->wrong)
		trial_fault(trial, "%llu elements came twice or out of order",
			    (unsigned long long)pot->wrong);
	qsort(pot->ns, pot->samples, sizeof(pot->ns[0]), by_length);
	return (double)pot->ns[pot->samples / 2] / 1000;
}

const struct work derive_works[] = {
	{ .name = "derived",
	  .words = "emitted, computed from, and waited for; all sleep; median",
	  .unit = "us", .less_is_better = true, .goal = 60, .seconds = 1,
	  .trips = 20, .members = 3, .cores = { 0, 1, 0 },
	  .entries = derive_entries, .unfit = unfit, .prepare = prepare,
	  .clean = clean, .open = open_end, .run = run, .close = close_end,
	  .value = value },
	{ .name = NULL },
};

const struct entry derive_entries[] = {
	{ "zeroipcd", NULL, &derive_zeroipcd },
	{ "zeroipc", NULL, &derive_zeroipc },
	{ "pipe", NULL, &derive_pipe },
	{ NULL, NULL, NULL },
};
