/* SPDX-License-Identifier: MIT */
/* Measured by trials of their own, of a family with one candidate. */
#include "limits.h"

#include "clock.h"
#include "counters.h"
#include "engine.h"
#include "team.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PINGS 15u
#define LOCKED_TIMES 1000000u
#define WAKES 500u

static const struct candidate machine = { .name = "machine" };

static void prepare(struct trial *trial)
{
	trial->shared = shared_new(64);
}

static void clean(struct trial *trial)
{
	shared_free(trial->shared);
}

static void nothing(struct trial *trial, unsigned member)
{
	(void)trial;
	(void)member;
}

static double ns_each(struct trial *trial)
{
	return (double)trial_ns(trial) / (double)trial->amount;
}

static void add_locked(struct trial *trial, unsigned member)
{
	_Atomic uint64_t *word = trial->shared;

	(void)member;
	for (uint64_t i = 0; i < trial->amount; i++)
		atomic_fetch_add_explicit(word, 1, memory_order_acq_rel);
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t number)
{
	syscall(SYS_futex, word, operation, number, NULL, NULL, 0);
}

/* The word counts hand-offs; a member waits while it is not its turn. */
static void wake_by_turns(struct trial *trial, unsigned member)
{
	_Atomic uint32_t *word = trial->shared;

	for (uint32_t i = 0; i < trial->amount; i++) {
		uint32_t turn = 2 * i + member, seen;

		/* turn: acquire; pairs with the other member. */
		while ((seen = atomic_load_explicit(word,
						    memory_order_acquire)) !=
		       turn)
			futex(word, FUTEX_WAIT, seen);
		/* turn: release. */
		atomic_store_explicit(word, turn + 1, memory_order_release);
		futex(word, FUTEX_WAKE, INT_MAX);
	}
}

#define LIMIT(body)                                             \
	.prepare = prepare, .clean = clean, .open = nothing,    \
	.run = body, .close = nothing, .value = ns_each

static const struct work pinging = {
	.name = "ping-pong", .members = 2, .cores = { 0, 1 }, LIMIT(nothing)
};
static const struct work locking = {
	.name = "locked", .members = 1, .cores = { 0 }, LIMIT(add_locked)
};
static const struct work waking = {
	.name = "wake", .members = 2, .cores = { 0, 1 }, LIMIT(wake_by_turns)
};
static const struct work waking_here = {
	.name = "wake-core", .members = 2, .cores = { 0, 0 },
	LIMIT(wake_by_turns)
};

static double limit_of(const struct work *work, uint64_t amount)
{
	struct trial *trial = trial_once(work, &machine, amount);
	double value = trial->value;

	if (trial->fault[0])
		die("%s: %s", work->name, trial->fault);
	shared_free(trial);
	return value;
}

static int compare(const void *left, const void *right)
{
	double l = *(const double *)left, r = *(const double *)right;

	return (l > r) - (l < r);
}

static void sample_pings(double *quartiles)
{
	double ns[PINGS];

	for (unsigned i = 0; i < PINGS; i++) {
		struct trial *trial = trial_once(&pinging, &machine, 1);

		ns[i] = trial->ping_before_ns;
		shared_free(trial);
	}
	qsort(ns, PINGS, sizeof(ns[0]), compare);
	for (unsigned i = 0; i < 5; i++)
		quartiles[i] = ns[i * (PINGS - 1) / 4];
}

static void read_names(struct limits *limits)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	struct utsname name;
	char line[256];

	strcpy(limits->cpu, "unknown processor");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %95[^\n]", limits->cpu) == 1)
			break;
	if (file)
		fclose(file);
	if (!uname(&name))
		snprintf(limits->kernel, sizeof(limits->kernel), "%.15s %.70s",
			 name.sysname, name.release);
	limits->cores = sysconf(_SC_NPROCESSORS_ONLN);
}

const struct limits *limits(void)
{
	static struct limits found;

	if (found.cores)
		return &found;
	read_names(&found);
	if (team_has_two_cores())
		sample_pings(found.ping_ns);
	found.locked_ns = limit_of(&locking, LOCKED_TIMES);
	found.wake_us[0] = limit_of(&waking, WAKES) / 1000;
	found.wake_us[1] = limit_of(&waking_here, WAKES) / 1000;
	return &found;
}

void limits_print(FILE *out)
{
	const struct limits *l = limits();

	fprintf(out, "\n%s, %ld cores, %s\n", l->cpu, l->cores, l->kernel);
	if (!team_has_two_cores())
		fprintf(out, "one core only: all members share it, and no "
			     "figure between two cores means anything\n");
	fprintf(out,
		"ping-pong of a cache line, ns: %.0f, quartiles %.0f %.0f %.0f,"
		" to %.0f\n"
		"locked instruction: %.1f ns\n"
		"futex round trip: %.1f us across cores, %.1f us on one\n"
		"perf events: %s\n",
		l->ping_ns[0], l->ping_ns[1], l->ping_ns[2], l->ping_ns[3],
		l->ping_ns[4], l->locked_ns, l->wake_us[0], l->wake_us[1],
		counters_available() ? "yes" : "not available here");
}
