/* SPDX-License-Identifier: MIT */
#include "pingpong.h"

#include "clock.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Short parts, of which the middle one counts: an interrupt spoils one. */
#define PARTS 9
#define PART_TRIPS 200u

/* Who looks long for a ball lets others run, in case they share a core. */
static void await_ball(struct pingpong *table, uint64_t ball)
{
	unsigned times = 0;

	/* ball: acquire; pairs with the other player. */
	while (atomic_load_explicit(&table->ball, memory_order_acquire) != ball)
		if (++times % 65536 == 0)
			sched_yield();
}

static void play_part(struct pingpong *table, bool first, uint64_t *ball)
{
	for (unsigned i = 0; i < PART_TRIPS; i++, *ball += 2) {
		if (!first)
			await_ball(table, *ball + 1);
		/* ball: release; pairs with await_ball(). */
		atomic_store_explicit(&table->ball, *ball + 1 + !first,
				      memory_order_release);
		if (first)
			await_ball(table, *ball + 2);
	}
}

static int compare(const void *left, const void *right)
{
	double l = *(const double *)left, r = *(const double *)right;

	return (l > r) - (l < r);
}

double pingpong_play(struct pingpong *table, bool first)
{
	double ns[PARTS];
	uint64_t ball = 0;

	play_part(table, first, &ball); /* until both are here, and warm */
	for (unsigned i = 0; i < PARTS; i++) {
		int64_t began = now_ns();

		play_part(table, first, &ball);
		ns[i] = (double)(now_ns() - began) / PART_TRIPS;
	}
	qsort(ns, PARTS, sizeof(ns[0]), compare);
	return ns[PARTS / 2];
}

bool same_regime(double one_ns, double other_ns)
{
	const double apart = 1.6;

	return one_ns <= other_ns * apart && other_ns <= one_ns * apart;
}
