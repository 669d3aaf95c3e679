/* SPDX-License-Identifier: MIT */
/* By hand: all names are ours and need no escapes, but those of the machine. */
#include "json.h"

#include "limits.h"
#include "report.h"

#include <stdio.h>
#include <time.h>

static void print_text(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text >= ' ')
			putc(*text, out);
	putc('"', out);
}

static void print_limits(FILE *out)
{
	const struct limits *l = limits();

	fputs("  \"machine\": {\"cpu\": ", out);
	print_text(out, l->cpu);
	fputs(", \"kernel\": ", out);
	print_text(out, l->kernel);
	fprintf(out,
		", \"cores\": %ld,\n    \"ping_ns\": [%.1f, %.1f, %.1f, %.1f, "
		"%.1f], \"locked_ns\": %.2f, \"wake_us\": [%.2f, %.2f]},\n",
		l->cores, l->ping_ns[0], l->ping_ns[1], l->ping_ns[2],
		l->ping_ns[3], l->ping_ns[4], l->locked_ns, l->wake_us[0],
		l->wake_us[1]);
}

static void print_figures(FILE *out, const struct figures *f)
{
	fprintf(out, "        {\"candidate\": \"%s\", \"fault\": ",
		f->candidate->name);
	print_text(out, f->fault);
	fputs(", \"extra\": ", out);
	print_text(out, f->extra);
	fprintf(out,
		", \"n\": %u, \"median\": %.6g, \"low\": %.6g, \"high\": %.6g, "
		"\"pairs\": %u, \"ratio\": %.4g, \"ratio_low\": %.4g, "
		"\"ratio_high\": %.4g, \"moved\": %u, \"loaded\": %u}",
		f->n, f->median, f->low, f->high, f->pairs, f->ratio,
		f->ratio_low, f->ratio_high, f->moved, f->loaded);
}

static void print_run(FILE *out, const struct outcome *o, const struct run *run)
{
	fprintf(out,
		"        {\"candidate\": \"%s\", \"round\": %u, \"place\": %u, "
		"\"amount\": %llu, \"value\": %.6g, \"ping_before_ns\": %.1f, "
		"\"ping_after_ns\": %.1f, \"others\": %.4f, \"stolen\": %.4f, "
		"\"preempted\": %ld, \"delayed_ns\": %lld, "
		"\"verdict\": \"%s\"}",
		o->figures[run->candidate].candidate->name, run->round,
		run->place, (unsigned long long)run->amount, run->value,
		run->ping_before_ns, run->ping_after_ns, run->load.others,
		run->load.stolen, run->preempted, (long long)run->delayed_ns,
		verdict_name(run->verdict));
}

static void print_outcome(FILE *out, const struct outcome *o)
{
	fprintf(out,
		"    {\"work\": \"%s\", \"unit\": \"%s\", "
		"\"less_is_better\": %s, \"goal\": %.6g, \"met\": %s,\n"
		"      \"ours\": \"%s\", \"ping_ns\": %.1f,\n"
		"      \"figures\": [\n",
		o->work->name, o->work->unit,
		o->work->less_is_better ? "true" : "false", o->work->goal,
		o->met < 0 ? "null" : o->met ? "true" : "false",
		o->figures[o->ours].candidate->name, o->ping_ns);
	for (unsigned i = 0; i < o->count; i++) {
		print_figures(out, &o->figures[i]);
		fputs(i + 1 < o->count ? ",\n" : "\n", out);
	}
	fputs("      ],\n      \"runs\": [\n", out);
	for (unsigned i = 0; i < o->run_count; i++) {
		print_run(out, o, &o->runs[i]);
		fputs(i + 1 < o->run_count ? ",\n" : "\n", out);
	}
	fputs("      ]}", out);
}

void json_write(const char *path, const struct outcome *outcomes,
		unsigned count, const struct options *options)
{
	FILE *out = fopen(path, "we");
	time_t now = time(NULL);
	char date[32];

	if (!out)
		die("%s: %m", path);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	fprintf(out,
		"{\n  \"date\": \"%s\", \"rounds\": %u, \"seconds\": %g, "
		"\"realtime\": %s, \"unsteady\": %s,\n",
		date, options->rounds, options->seconds,
		options->realtime ? "true" : "false",
		options->unsteady ? "true" : "false");
	print_limits(out);
	fputs("  \"works\": [\n", out);
	for (unsigned i = 0; i < count; i++) {
		print_outcome(out, &outcomes[i]);
		fputs(i + 1 < count ? ",\n" : "\n", out);
	}
	fputs("  ]\n}\n", out);
	if (ferror(out) | fclose(out))
		die("%s: %m", path);
}
