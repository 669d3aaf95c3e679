/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include "figures.h"
#include "pingpong.h"
#include "team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run that does not count is repeated so often. */
#define ATTEMPTS 3u

#define FIRST_AMOUNT 2000u
#define FIRST_NS 4000000
#define GROWTH_MAX 64.0

/* Of a core that a member has for itself: it may be kept from it so long. */
#define DELAY_PART 0.02

static bool is_in(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

bool wanted(const struct options *options, const struct entry *entry)
{
	const struct candidate *candidate = entry->candidate;

	if (is_in(options->absent, entry->name))
		return false;
	if (options->peers[0])
		return is_in(options->peers, entry->name);
	return !candidate || !candidate->planted;
}

struct trial *trial_once(const struct work *work,
			 const struct candidate *candidate, uint64_t amount)
{
	struct trial *trial = shared_new(sizeof(*trial));

	trial->work = work;
	trial->candidate = candidate;
	trial->amount = amount;
	team_run(trial);
	return trial;
}

/* calibration */

/* How much a run of the wanted length moves. */
static uint64_t calibrate(const struct work *work, struct figures *figures,
			  double wanted_ns)
{
	double amount = FIRST_AMOUNT, ns;

	for (;;) {
		struct trial *trial = trial_once(work, figures->candidate,
						 (uint64_t)amount);
		double growth;

		ns = (double)trial_ns(trial);
		strcpy(figures->fault, trial->fault);
		shared_free(trial);
		if (figures->fault[0])
			return 0;
		growth = wanted_ns / (ns > 1 ? ns : 1);
		if (ns >= FIRST_NS || growth <= 1)
			return (uint64_t)(amount * growth) + 1;
		amount *= growth < GROWTH_MAX ? growth : GROWTH_MAX;
	}
}

/* one run */

static bool shares_core(const struct work *work, unsigned index)
{
	for (unsigned i = 0; i < work->members; i++)
		if (i != index && (work->cores[i] == work->cores[index] ||
				   !team_has_two_cores()))
			return true;
	return false;
}

static enum verdict judge(const struct trial *trial)
{
	double allowed = DELAY_PART * (double)trial_ns(trial);

	if (trial->fault[0])
		return FAULTY;
	for (unsigned i = 0; i < trial->work->members; i++)
		if (!shares_core(trial->work, i) &&
		    (double)trial->member[i].delayed_ns > allowed)
			return LOADED;
	if (trial->load.heavy && !trial->realtime)
		return LOADED;
	return same_regime(trial->ping_before_ns, trial->ping_after_ns)
		       ? COUNTS
		       : MOVED;
}

static void note_run(struct outcome *out, unsigned candidate,
		     const struct trial *trial, unsigned round, unsigned place)
{
	struct figures *figures = &out->figures[candidate];
	struct run *run = &out->runs[out->run_count++];

	*run = (struct run){ .candidate = candidate,
			     .round = round,
			     .place = place,
			     .amount = trial->amount,
			     .value = trial->value,
			     .ping_before_ns = trial->ping_before_ns,
			     .ping_after_ns = trial->ping_after_ns,
			     .load = trial->load,
			     .verdict = judge(trial) };
	for (unsigned i = 0; i < trial->work->members; i++) {
		run->preempted += trial->member[i].preempted;
		run->delayed_ns += trial->member[i].delayed_ns;
	}
	figures->counted += run->verdict == COUNTS;
	figures->moved += run->verdict == MOVED;
	figures->loaded += run->verdict == LOADED;
	if (run->verdict == FAULTY)
		strcpy(figures->fault, trial->fault);
	else
		strcpy(figures->extra, trial->extra);
}

static void run_one(struct outcome *out, unsigned candidate, unsigned round,
		    unsigned *place, bool unsteady)
{
	struct figures *figures = &out->figures[candidate];

	if (figures->fault[0])
		return;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		struct trial *trial = trial_once(out->work, figures->candidate,
						 figures->amount);
		struct run *run = &out->runs[out->run_count];

		note_run(out, candidate, trial, round, (*place)++);
		shared_free(trial);
		if (unsteady && run->verdict != FAULTY)
			run->verdict = COUNTS;
		if (run->verdict == COUNTS || run->verdict == FAULTY)
			return;
	}
}

/* Ours, two peers, ours, two peers ..: ours is next to each. */
static void run_round(struct outcome *out, unsigned round, bool unsteady)
{
	unsigned place = 0, peers = 0;

	for (unsigned i = 0; i < out->count; i++) {
		if (i == out->ours)
			continue;
		if (peers++ % 2 == 0)
			run_one(out, out->ours, round, &place, unsteady);
		run_one(out, i, round, &place, unsteady);
	}
	if (peers % 2 == 0)
		run_one(out, out->ours, round, &place, unsteady);
}

static void choose(struct outcome *out, const struct work *work,
		   const struct options *options)
{
	for (const struct entry *e = work->entries; e->name; e++) {
		if (!e->candidate || work->unfit(work, e->candidate))
			continue;
		if (strcmp(e->name, options->ours) && !wanted(options, e))
			continue;
		if (!strcmp(e->name, options->ours))
			out->ours = out->count;
		out->figures[out->count++].candidate = e->candidate;
	}
}

void measure(struct outcome *out, const struct work *work,
	     const struct options *options)
{
	double wanted_ns = options->seconds * work->seconds * 1e9;

	memset(out, 0, sizeof(*out));
	out->work = work;
	choose(out, work, options);
	out->runs = calloc((size_t)options->rounds * out->count * 2 * ATTEMPTS +
				   ATTEMPTS,
			   sizeof(*out->runs));
	if (!out->runs)
		die("out of memory");
	for (unsigned i = 0; i < out->count; i++)
		out->figures[i].amount = calibrate(work, &out->figures[i],
						   wanted_ns);
	for (unsigned round = 0; round < options->rounds; round++)
		run_round(out, round, options->unsteady);
	figure_out(out);
}

void outcome_free(struct outcome *outcome)
{
	free(outcome->runs);
}
