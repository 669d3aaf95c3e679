/* SPDX-License-Identifier: MIT */
#include "report.h"

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = { "counts", "moved", "loaded",
					     "faulty" };

	return names[verdict];
}

void report_missing(const struct entry *entries, const struct options *options)
{
	for (const struct entry *e = entries; e->name; e++)
		if (!e->candidate && wanted(options, e))
			printf("skipped: %s (not installed: %s)\n", e->name,
			       e->package ? e->package : "not built");
}

/* Three digits that matter. */
static const char *number(char *text, size_t size, double value)
{
	int digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;

	snprintf(text, size, "%.*f", digits, value);
	return text;
}

static void print_spread(double median, double low, double high)
{
	char m[32], l[32], h[32], both[72];

	snprintf(both, sizeof(both), "(%s..%s)", number(l, sizeof(l), low),
		 number(h, sizeof(h), high));
	printf("%8s %-16s", number(m, sizeof(m), median), both);
}

static void print_goal(const struct outcome *o)
{
	char goal[32];

	if (o->met >= 0)
		printf("  goal %s: %s", number(goal, sizeof(goal),
					       o->work->goal),
		       o->met ? "met" : "missed");
}

static void print_row(const struct outcome *o, unsigned index)
{
	const struct figures *f = &o->figures[index];

	printf("  %-15s", f->candidate->name);
	if (f->fault[0]) {
		printf(" FAULT: %s\n", f->fault);
		return;
	}
	if (f->n)
		print_spread(f->median, f->low, f->high);
	else
		printf("%8s %-16s", "-", "(other regime)");
	if (index == o->ours)
		print_goal(o);
	else if (f->pairs)
		print_spread(f->ratio, f->ratio_low, f->ratio_high);
	else
		printf("%8s %-16s", "-", "(no neighbour)");
	if (f->moved + f->loaded)
		printf(" %u moved, %u loaded", f->moved, f->loaded);
	if (f->extra[0])
		printf("  %s", f->extra);
	putchar('\n');
}

void report_work(const struct outcome *o)
{
	printf("\n%s: %s; %s, %s is better", o->work->name, o->work->words,
	       o->work->unit, o->work->less_is_better ? "less" : "more");
	if (o->ping_ns > 0)
		printf("; ping-pong %.0f ns", o->ping_ns);
	putchar('\n');
	print_row(o, o->ours);
	for (unsigned i = 0; i < o->count; i++)
		if (i != o->ours)
			print_row(o, i);
	fflush(stdout);
}

/* The peer that ours is least ahead of. */
static const struct figures *best_peer(const struct outcome *o)
{
	const struct figures *best = NULL;

	for (unsigned i = 0; i < o->count; i++) {
		const struct figures *f = &o->figures[i];

		if (!f->candidate->ours && f->pairs &&
		    (!best || f->ratio < best->ratio))
			best = f;
	}
	return best;
}

static void summary_row(const struct outcome *o)
{
	const struct figures *ours = &o->figures[o->ours];
	const struct figures *peer = best_peer(o);
	char a[32], b[32], c[32], l[32], h[32], goal[32] = "";

	if (o->met >= 0)
		number(goal, sizeof(goal), o->work->goal);
	printf("| %s, %s | %s | ", o->work->name, o->work->unit,
	       ours->n ? number(a, sizeof(a), ours->median) : "-");
	if (peer)
		printf("%s %s | %s (%s..%s)", peer->candidate->name,
		       peer->n ? number(b, sizeof(b), peer->median) : "-",
		       number(c, sizeof(c), peer->ratio),
		       number(l, sizeof(l), peer->ratio_low),
		       number(h, sizeof(h), peer->ratio_high));
	else
		printf("- | -");
	printf(" | %s%s |\n", goal,
	       o->met < 0 ? "" : o->met ? ": met" : ": missed");
}

void report_summary(const struct outcome *outcomes, unsigned count)
{
	printf("\n| work | ours | best peer | ratio | goal |\n"
	       "|---|---|---|---|---|\n");
	for (unsigned i = 0; i < count; i++)
		summary_row(&outcomes[i]);
}
