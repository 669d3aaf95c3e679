/* SPDX-License-Identifier: MIT */
#include "figures.h"

#include "pingpong.h"

#include <stdlib.h>

/* So far may a peer's run be from the run of ours that it is compared with. */
#define NEIGHBOURS 3u

/* A run whose ping-pongs differ counts only on demand; then the mean serves. */
static double ping_of(const struct run *run)
{
	return (run->ping_before_ns + run->ping_after_ns) / 2;
}

static bool counts(const struct run *run, unsigned candidate)
{
	return run->verdict == COUNTS && run->candidate == candidate;
}

static unsigned runs_near(const struct outcome *o, unsigned candidate,
			  double ping_ns)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->run_count; i++)
		n += counts(&o->runs[i], candidate) &&
		     same_regime(ping_of(&o->runs[i]), ping_ns);
	return n;
}

/* Where most runs of ours have others of ours near. */
static void choose_regime(struct outcome *o)
{
	unsigned most = 0;

	for (unsigned i = 0; i < o->run_count; i++) {
		const struct run *run = &o->runs[i];
		unsigned n;

		if (!counts(run, o->ours))
			continue;
		n = runs_near(o, o->ours, ping_of(run));
		if (n > most) {
			most = n;
			o->ping_ns = ping_of(run);
		}
	}
}

static int compare(const void *left, const void *right)
{
	double l = *(const double *)left, r = *(const double *)right;

	return (l > r) - (l < r);
}

/* Sorts them. */
static void summarize(double *values, unsigned n, double *median, double *low,
		      double *high)
{
	if (!n)
		return;
	qsort(values, n, sizeof(*values), compare);
	*low = values[0];
	*high = values[n - 1];
	*median = n % 2 ? values[n / 2]
			: (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The nearest run of ours, in the same round and regime; or NULL. */
static const struct run *neighbour(const struct outcome *o,
				   const struct run *peer)
{
	const struct run *best = NULL;
	unsigned least = NEIGHBOURS + 1;

	for (unsigned i = 0; i < o->run_count; i++) {
		const struct run *run = &o->runs[i];
		unsigned apart = run->place > peer->place
					 ? run->place - peer->place
					 : peer->place - run->place;

		if (!counts(run, o->ours) || run->round != peer->round ||
		    apart >= least || !same_regime(ping_of(run), ping_of(peer)))
			continue;
		best = run;
		least = apart;
	}
	return best;
}

static double ratio_of(const struct work *work, double ours, double peer)
{
	double top = work->less_is_better ? peer : ours;
	double bottom = work->less_is_better ? ours : peer;

	return bottom > 0 ? top / bottom : 0;
}

static void figure_one(struct outcome *o, unsigned candidate, double *values)
{
	struct figures *f = &o->figures[candidate];

	for (unsigned i = 0; i < o->run_count; i++)
		if (counts(&o->runs[i], candidate) &&
		    same_regime(ping_of(&o->runs[i]), o->ping_ns))
			values[f->n++] = o->runs[i].value;
	summarize(values, f->n, &f->median, &f->low, &f->high);
	if (candidate == o->ours)
		return;
	for (unsigned i = 0; i < o->run_count; i++) {
		const struct run *run = &o->runs[i], *ours;

		if (!counts(run, candidate) || !(ours = neighbour(o, run)))
			continue;
		values[f->pairs++] = ratio_of(o->work, ours->value, run->value);
	}
	summarize(values, f->pairs, &f->ratio, &f->ratio_low, &f->ratio_high);
}

void figure_out(struct outcome *o)
{
	const struct figures *ours = &o->figures[o->ours];
	double *values = calloc(o->run_count + 1, sizeof(*values));

	if (!values)
		die("out of memory");
	choose_regime(o);
	for (unsigned i = 0; i < o->count; i++)
		figure_one(o, i, values);
	free(values);
	o->met = -1;
	if (o->work->goal > 0 && ours->n)
		o->met = o->work->less_is_better
				 ? ours->median <= o->work->goal
				 : ours->median >= o->work->goal;
}
