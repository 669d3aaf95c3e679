/* SPDX-License-Identifier: MIT */
/*
 * bench/run: measure ours and the peers side by side. README.md tells how to
 * read what it prints.
 */
#include "channel.h"
#include "derive.h"
#include "engine.h"
#include "future.h"
#include "json.h"
#include "lazy.h"
#include "limits.h"
#include "lock.h"
#include "map_works.h"
#include "pool.h"
#include "queue_works.h"
#include "report.h"
#include "sync.h"
#include "ring.h"
#include "stack_works.h"
#include "team.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WORKS_MAX 64u

/* Each family's works. */
static const struct work *const families[] = {
	queue_works, stack_works, map_works, pool_works, ring_works,
	lock_works, sync_works, channel_works, future_works, lazy_works,
	derive_works, NULL,
};

static const char usage_text[] =
	"usage: bench/run [OPTION]..\n"
	"  --only WORK     works whose names begin so; may be repeated\n"
	"  --peer NAME     ours and this candidate only; may be repeated\n"
	"  --ours NAME     compare this one with the others (zeroipc)\n"
	"  --rounds N      rounds of each work (7)\n"
	"  --seconds S     a run's length (0.1)\n"
	"  --quick         3 rounds of 0.03 s\n"
	"  --realtime      members run before all other processes\n"
	"  --unsteady      count runs that were disturbed, too\n"
	"  --patience S    a run that takes longer hangs (30)\n"
	"  --json FILE     write all runs there\n"
	"  --check         measure nothing: does every candidate move its "
	"items right?\n"
	"  --list          the works and the candidates\n";

static struct options options = { .rounds = 7, .seconds = 0.1,
				  .ours = "zeroipc" };
static const char *only[WORKS_MAX];
static const char *json_path;
static double patience = 30;
static bool checking, listing;

static void usage(int status)
{
	fputs(usage_text, status ? stderr : stdout);
	exit(status);
}

static void add(const char **list, unsigned size, const char *word)
{
	unsigned n = 0;

	while (list[n])
		n++;
	if (n + 1 >= size)
		die("too many of %s", word);
	list[n] = word;
}

static void take_option(int option)
{
	switch (option) {
	case 'o':
		add(only, WORKS_MAX, optarg);
		break;
	case 'p':
		add(options.peers, CANDIDATES_MAX, optarg);
		break;
	case 'u':
		options.ours = optarg;
		break;
	case 'r':
		options.rounds = (unsigned)strtoul(optarg, NULL, 10);
		break;
	case 's':
		options.seconds = strtod(optarg, NULL);
		break;
	case 'q':
		options.rounds = 3;
		options.seconds = 0.03;
		break;
	case 'w':
		patience = strtod(optarg, NULL);
		break;
	case 'j':
		json_path = optarg;
		break;
	case 'h':
		usage(0);
		break;
	default:
		if (option)
			usage(2);
	}
}

static void parse_options(int argc, char **argv)
{
	static int realtime, unsteady, check, list;
	static const struct option known[] = {
		{ "only", required_argument, NULL, 'o' },
		{ "peer", required_argument, NULL, 'p' },
		{ "ours", required_argument, NULL, 'u' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "quick", no_argument, NULL, 'q' },
		{ "patience", required_argument, NULL, 'w' },
		{ "json", required_argument, NULL, 'j' },
		{ "realtime", no_argument, &realtime, 1 },
		{ "unsteady", no_argument, &unsteady, 1 },
		{ "check", no_argument, &check, 1 },
		{ "list", no_argument, &list, 1 },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		take_option(option);
	if (optind < argc || !options.rounds || !(options.seconds > 0))
		usage(2);
	options.realtime = realtime;
	options.unsteady = unsteady;
	checking = check;
	listing = list;
}

static bool work_wanted(const struct work *work)
{
	if (!only[0])
		return true;
	for (unsigned i = 0; only[i]; i++)
		if (!strncmp(work->name, only[i], strlen(only[i])))
			return true;
	return false;
}

static unsigned choose_works(const struct work **chosen)
{
	unsigned count = 0;

	for (unsigned i = 0; families[i]; i++)
		for (const struct work *w = families[i]; w->name; w++)
			if (work_wanted(w) && count < WORKS_MAX)
				chosen[count++] = w;
	if (!count)
		die("no work has such a name; see --list");
	return count;
}

/* Each family's entries once, as the works name them. */
static void for_each_entry(void (*act)(const struct entry *))
{
	for (unsigned i = 0; families[i]; i++)
		for (const struct entry *e = families[i]->entries; e->name; e++)
			act(e);
}

static void begin_entry(const struct entry *entry)
{
	if (!entry->candidate || !entry->candidate->begin ||
	    !wanted(&options, entry) || entry->candidate->begin())
		return;
	printf("skipped: %s (it does not start)\n", entry->name);
	add(options.absent, CANDIDATES_MAX, entry->name);
}

static void end_entry(const struct entry *entry)
{
	if (entry->candidate && entry->candidate->end &&
	    wanted(&options, entry))
		entry->candidate->end();
}

static void list_entry(const struct entry *e)
{
	const char *note = e->candidate ? e->candidate->note : "not installed";

	if (e->candidate && e->candidate->planted)
		return;
	printf("%-16s %-28s %s%s\n", e->name,
	       e->package ? e->package : "", note ? note : "",
	       e->candidate && e->candidate->threads ? " (threads)" : "");
}

static int list_all(const struct work *const *works, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		printf("%-16s %s\n", works[i]->name, works[i]->words);
	putchar('\n');
	for_each_entry(list_entry);
	return 0;
}

/* --check: counts, no times */

#define CHECK_AMOUNT 1200u

static void check_one(const struct work *work,
		      const struct candidate *candidate, int *failed)
{
	struct trial *trial;

	if (work->unfit(work, candidate))
		return;
	trial = trial_once(work, candidate,
			   work->trips ? work->trips : CHECK_AMOUNT);
	*failed |= !!trial->fault[0];
	printf("%s - %s: %s%s%s\n", trial->fault[0] ? "not ok" : "ok",
	       work->name, candidate->name, trial->fault[0] ? ": " : "",
	       trial->fault);
	fflush(stdout);
	shared_free(trial);
}

static int check_all(const struct work *const *works, unsigned count)
{
	int failed = 0;

	for (unsigned i = 0; i < count; i++)
		for (const struct entry *e = works[i]->entries; e->name; e++)
			if (e->candidate && wanted(&options, e))
				check_one(works[i], e->candidate, &failed);
	return failed;
}

static int measure_all(const struct work *const *works, unsigned count)
{
	static struct outcome outcomes[WORKS_MAX];
	int failed = 0;

	limits_print(stdout);
	for (unsigned i = 0; i < count; i++) {
		measure(&outcomes[i], works[i], &options);
		report_work(&outcomes[i]);
		for (unsigned k = 0; k < outcomes[i].count; k++)
			failed |= !!outcomes[i].figures[k].fault[0];
	}
	report_summary(outcomes, count);
	if (json_path)
		json_write(json_path, outcomes, count, &options);
	for (unsigned i = 0; i < count; i++)
		outcome_free(&outcomes[i]);
	return failed;
}

int main(int argc, char **argv)
{
	const struct work *works[WORKS_MAX];
	unsigned count;
	int status;

	setlinebuf(stdout);
	parse_options(argc, argv);
	team_setup(options.realtime, patience);
	count = choose_works(works);
	if (listing)
		return list_all(works, count);
	for (unsigned i = 0; families[i]; i++)
		report_missing(families[i]->entries, &options);
	for_each_entry(begin_entry);
	status = checking ? check_all(works, count)
			  : measure_all(works, count);
	for_each_entry(end_entry);
	return status;
}
