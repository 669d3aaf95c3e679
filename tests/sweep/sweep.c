/* SPDX-License-Identifier: MIT */
/* The sweep; the idea is in the header. */
#include "sweep.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "image.h"
#include "trace.h"

#define WORKERS_MOST 2u
#define SKIP 48u /* points, unless the scene says otherwise */
#define TRIES 4u /* to reach a point */
#define MISSED_IN_A_ROW 16u /* the path has points that there are not */

__attribute__((weak)) const char *sweep_subject = "";
__attribute__((weak)) enum sweep_brevity sweep_subject_brevity;

enum sweep_brevity sweep_brevity(void)
{
	const char *labels = getenv("CK_INCLUDE_TAGS");

	if (labels && strstr(labels, "stress"))
		return SWEEP_WHOLE;
	return sweep_subject_brevity;
}

/* a victim's and a check's side */

static char segment_name[96];

const char *sweep_segment(void)
{
	if (!segment_name[0])
		strcpy(segment_name, test_name("sweep"));
	return segment_name;
}

void sweep_begin(struct sweep_victim *me)
{
	atomic_store_explicit(&me->phase, 1, memory_order_release);
	raise(SIGTRAP);
}

void sweep_end(struct sweep_victim *me, int64_t result)
{
	me->result = result;
	atomic_store_explicit(&me->phase, 2, memory_order_release);
}

void sweep_fail(struct sweep_page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(page->failure, sizeof(page->failure), format, args);
	va_end(args);
	_exit(1);
}

/* a worker */

/* What workers have done, and the first failure: seen by all. */
struct results {
	_Atomic unsigned killed, stopped;
	_Atomic unsigned long pairs, pairs_run;
	_Atomic unsigned long missed; /* points that could not be reached */
	_Atomic int failed; /* the worker, plus 1 */
	char failure[1024];
};

/* One worker's hands full. */
struct worker {
	const struct sweep *sweep;
	struct results *results;
	struct sweep_page *page;
	struct path *path;  /* of the first victim */
	struct path *other; /* of who was last stepped through */
	struct image base;  /* what set_up() made */
	struct image now;
	unsigned number, count; /* which of how many workers */
	bool all;
	pid_t companion;
	struct tracee first, second;
};

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		sweep_die("memory");
	return memory;
}

/* The first failure is kept, and ends the scene. */
static void failed(struct worker *worker, const char *how, unsigned k,
		   unsigned j)
{
	int none = 0;
	char at[64];

	if (!atomic_compare_exchange_strong_explicit(
		    &worker->results->failed, &none, (int)worker->number + 1,
		    memory_order_acq_rel, memory_order_relaxed))
		return;
	if (j == UINT_MAX)
		snprintf(at, sizeof(at), "instruction %u", k);
	else
		snprintf(at, sizeof(at), "instructions %u and %u", k, j);
	snprintf(worker->results->failure, sizeof(worker->results->failure),
		 "%s: %s at %s: %s", worker->sweep->name, how, at,
		 worker->page->failure[0] ? worker->page->failure
					  : "no words of it");
}

static bool is_over(const struct worker *worker)
{
	return atomic_load_explicit(&worker->results->failed,
				    memory_order_acquire);
}

static void wake_up(void *context)
{
	const struct sweep *sweep = context;
	pid_t waker = sweep_fork();

	if (waker == 0) {
		sweep->wake(sweep->context);
		_exit(0);
	}
	if (!sweep_ends(waker))
		sweep_die("the waker did not come to its end");
}

static void start_companion(struct worker *worker)
{
	worker->companion = 0;
	if (!worker->sweep->companion)
		return;
	worker->companion = sweep_fork();
	if (worker->companion == 0) {
		worker->sweep->companion(worker->sweep->context);
		_exit(0);
	}
	if (!sweep_sleeps(worker->companion))
		sweep_die("the companion does not sleep");
}

/* The segment as set_up() made it, and nobody has done anything. */
static void set_back(struct worker *worker, unsigned k)
{
	memset(worker->page, 0, sizeof(*worker->page));
	worker->page->point = k;
	image_put(&worker->base, segment_name);
	start_companion(worker);
}

static void start_first(struct worker *worker)
{
	worker->first = (struct tracee){
		.victim = &worker->page->first,
		.asleep = worker->sweep->wake ? wake_up : NULL,
		.context = (void *)worker->sweep,
	};
	trace_start(&worker->first, worker->sweep->first,
		    worker->sweep->context);
}

static void start_second(struct worker *worker)
{
	worker->second =
		(struct tracee){ .victim = &worker->page->second };
	trace_start(&worker->second, worker->sweep->second,
		    worker->sweep->context);
}

static void end_companion(struct worker *worker)
{
	if (!worker->companion)
		return;
	kill(worker->companion, SIGKILL);
	waitpid(worker->companion, NULL, 0);
	worker->companion = 0;
}

/* The first victim behind k instructions; false: there are not so many. */
static bool start_at(struct worker *worker, unsigned k)
{
	set_back(worker, k);
	start_first(worker);
	if (trace_run(&worker->first, worker->path, k))
		return true;
	trace_kill(&worker->first);
	end_companion(worker);
	set_back(worker, k); /* it may have gone another way than the path */
	start_first(worker);
	if (trace_step(&worker->first, k))
		return true;
	trace_kill(&worker->first);
	end_companion(worker);
	return false;
}

/* Run the check in a fresh process; true when all is well. */
static bool check(struct worker *worker, enum sweep_stage stage)
{
	struct sweep_page *page = worker->page;
	pid_t checker = sweep_fork();
	int status = 0;

	if (checker == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(WATCHDOG_S);
		worker->sweep->check(page, stage, worker->sweep->context);
		_exit(0);
	}
	waitpid(checker, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (!page->failure[0])
		snprintf(page->failure, sizeof(page->failure),
			 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
				 ? "the others hang"
				 : "the check died (status 0x%x)", status);
	return false;
}

/* Behind the checks: the companion must have been brought to its end. */
static bool companion_ends(struct worker *worker)
{
	pid_t companion = worker->companion;

	worker->companion = 0;
	if (!companion || sweep_ends(companion))
		return true;
	snprintf(worker->page->failure, sizeof(worker->page->failure),
		 "the other sleeper does not come to its end");
	return false;
}

static bool let_go(struct worker *worker, struct tracee *tracee)
{
	if (trace_let_go(tracee))
		return true;
	snprintf(worker->page->failure, sizeof(worker->page->failure),
		 "the victim did not come to its end");
	return false;
}

/* one victim */

static void record(struct worker *worker)
{
	set_back(worker, 0);
	start_first(worker);
	worker->path->n = 0;
	do
		path_add(worker->path, &worker->first);
	while (trace_step(&worker->first, 1));
	trace_kill(&worker->first);
	end_companion(worker);
}

static bool kill_at(struct worker *worker, unsigned k)
{
	if (!start_at(worker, k))
		return false;
	trace_kill(&worker->first);
	if (!check(worker, SWEEP_DEAD) || !companion_ends(worker))
		failed(worker, "killed", k, UINT_MAX);
	end_companion(worker);
	atomic_fetch_add_explicit(&worker->results->killed, 1,
				  memory_order_relaxed);
	return true;
}

static bool stop_at(struct worker *worker, unsigned k)
{
	bool well;

	if (!start_at(worker, k))
		return false;
	well = check(worker, SWEEP_STOPPED) && companion_ends(worker);
	if (!well)
		trace_kill(&worker->first);
	if (!well || !let_go(worker, &worker->first) ||
	    !check(worker, SWEEP_ENDED))
		failed(worker, "stopped", k, UINT_MAX);
	end_companion(worker);
	atomic_fetch_add_explicit(&worker->results->stopped, 1,
				  memory_order_relaxed);
	return true;
}

static void miss(struct worker *worker, unsigned long points)
{
	atomic_fetch_add_explicit(&worker->results->missed, points,
				  memory_order_relaxed);
}

static bool tried_at(struct worker *worker, unsigned k,
		     bool (*at)(struct worker *worker, unsigned k))
{
	unsigned tries;

	for (tries = 0; tries < TRIES; tries++)
		if (at(worker, k))
			return true;
	return false;
}

/*
 * For who has planted a fault, and waits to see it found: points from all over
 * the path, before all of them.
 */
static void glance(struct worker *worker,
		   bool (*at)(struct worker *worker, unsigned k))
{
	unsigned step, k;

	for (step = 32; step > 1; step /= 4)
		for (k = (worker->number + 1) * step - 1;
		     k < worker->path->n && !is_over(worker);
		     k += worker->count * step)
			at(worker, k);
}

/* As many points as the path has, and more if there are. */
static void each_point(struct worker *worker,
		       bool (*at)(struct worker *worker, unsigned k))
{
	unsigned k = worker->number, missed = 0;

	if (getenv("FIRST_FAILURE_ENDS"))
		glance(worker, at);
	while (!is_over(worker) && missed < MISSED_IN_A_ROW) {
		if (tried_at(worker, k, at))
			missed = 0;
		else if (k < worker->path->n)
			miss(worker, ++missed < MISSED_IN_A_ROW
					     ? 1
					     : (worker->path->n - k) /
							       worker->count +
						       1);
		else
			break;
		k += worker->count;
	}
	if (!is_over(worker) && k < 2) {
		snprintf(worker->page->failure, sizeof(worker->page->failure),
			 "the operation has too few instructions");
		failed(worker, "swept", k, UINT_MAX);
	}
}

/* two victims */

/* What a victim can leave: the segment, and what was said in the page. */
struct left {
	struct image image;
	struct sweep_page page;
	unsigned at;     /* the first point that leaves it */
	unsigned points; /* how many do */
};

struct all_left {
	unsigned n, room;
	struct left *left;
	unsigned steps;
};

static uint64_t key_of(const struct left *left)
{
	uint64_t key = left->image.hash;

	key = image_mix(key, &left->page.first, sizeof(left->page.first));
	return image_mix(key, &left->page.second, sizeof(left->page.second));
}

static struct left *grow(struct all_left *all)
{
	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		all->left = realloc(all->left, all->room * sizeof(*all->left));
		if (!all->left)
			sweep_die("memory");
		memset(all->left + all->n, 0,
		       (all->room - all->n) * sizeof(*all->left));
	}
	return &all->left[all->n];
}

/* Add what is left at a point, unless the same was left before. */
static void add_left(struct all_left *all, struct worker *worker, unsigned at)
{
	struct left *left = grow(all);
	unsigned i;

	if (!left->image.bytes)
		left->image = image_new();
	image_copy(&left->image, &worker->now);
	image_hash(&left->image);
	left->page = *worker->page;
	left->at = at;
	left->points = 1;
	for (i = 0; i < all->n; i++)
		if (key_of(&all->left[i]) == key_of(left))
			break;
	if (i == all->n)
		all->n++;
	else
		all->left[i].points++;
}

static void forget(struct all_left *all)
{
	unsigned i;

	for (i = 0; i < all->room; i++)
		if (all->left[i].image.bytes)
			image_free(&all->left[i].image);
	free(all->left);
	*all = (struct all_left){ .n = 0 };
}

/* Step to the end, and keep all that can be left on the way. */
static void step_through(struct worker *worker, struct tracee *tracee,
			 struct all_left *all)
{
	worker->other->n = 0;
	do {
		path_add(worker->other, tracee);
		image_take(&worker->now, segment_name);
		add_left(all, worker, all->steps);
		all->steps++;
	} while (trace_step(tracee, 1));
	trace_kill(tracee);
}

/* The segment and the page as they were left. */
static void put_left(struct worker *worker, const struct left *left)
{
	image_put(&left->image, segment_name);
	*worker->page = left->page;
}

static void count_pairs(struct worker *worker, unsigned long covered,
			unsigned long run)
{
	atomic_fetch_add_explicit(&worker->results->pairs, covered,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&worker->results->pairs_run, run,
				  memory_order_relaxed);
}

/* All that the second can leave after the first has left this. */
static void pairs_on(struct worker *worker, const struct left *first)
{
	struct all_left all = { .n = 0 };
	unsigned i;

	put_left(worker, first);
	start_second(worker);
	step_through(worker, &worker->second, &all);
	for (i = 0; i < all.n && !is_over(worker); i++) {
		put_left(worker, &all.left[i]);
		if (!check(worker, SWEEP_DEAD))
			failed(worker, "killed both", first->at,
			       all.left[i].at);
		count_pairs(worker,
			    (unsigned long)first->points * all.left[i].points,
			    1);
	}
	forget(&all);
}

static void pairs(struct worker *worker)
{
	struct all_left all = { .n = 0 };
	unsigned i;

	set_back(worker, 0);
	start_first(worker);
	step_through(worker, &worker->first, &all);
	for (i = worker->number; i < all.n && !is_over(worker);
	     i += worker->count)
		pairs_on(worker, &all.left[i]);
	forget(&all);
}

static unsigned skip_of(const struct worker *worker)
{
	if (worker->all)
		return 1;
	return worker->sweep->skip ? worker->sweep->skip : SKIP;
}

/*
 * The first stands at k, the second behind j instructions of its path. Who
 * reads the clock may be faster or slower than the time before, so that there
 * is no such point: it is tried again, and then it is left out, and counted.
 */
static bool stand_at(struct worker *worker, unsigned k, unsigned j)
{
	unsigned tries;

	for (tries = 0; tries < TRIES; tries++) {
		if (!start_at(worker, k))
			continue;
		start_second(worker);
		if (trace_run(&worker->second, worker->other, j))
			return true;
		trace_kill(&worker->second);
		trace_kill(&worker->first);
	}
	miss(worker, 1);
	return false;
}

/* The path of the second, and what it leaves, while the first stands at k. */
static bool meet_at(struct worker *worker, unsigned k, struct all_left *all)
{
	if (!start_at(worker, k))
		return false;
	start_second(worker);
	step_through(worker, &worker->second, all);
	trace_kill(&worker->first);
	return true;
}

/*
 * The first stands, the second dies. What it leaves is what it leaves in this
 * run, beside this first: an image of another run may be of a first that stood
 * elsewhere, and tell this one what never happened.
 */
static void late_on(struct worker *worker, const struct left *second,
		    unsigned k)
{
	bool well;

	if (!stand_at(worker, k, second->at))
		return;
	trace_kill(&worker->second);
	well = check(worker, SWEEP_STOPPED);
	if (!well)
		trace_kill(&worker->first);
	if (!well || !let_go(worker, &worker->first) ||
	    !check(worker, SWEEP_ENDED))
		failed(worker, "stopped, and the second killed", k, second->at);
	count_pairs(worker, second->points, 1);
}

static bool late_at(struct worker *worker, unsigned k)
{
	struct all_left all = { .n = 0 };
	unsigned i;

	if (!meet_at(worker, k, &all))
		return false;
	for (i = 0; i < all.n && !is_over(worker); i++)
		late_on(worker, &all.left[i], k);
	forget(&all);
	return true;
}

/* Both stand. */
static void crossed_at(struct worker *worker, unsigned k, unsigned j)
{
	bool well;

	if (!stand_at(worker, k, j))
		return;
	well = let_go(worker, &worker->first) &&
	       check(worker, SWEEP_STOPPED);
	if (!well)
		trace_kill(&worker->second);
	if (!well || !let_go(worker, &worker->second) ||
	    !check(worker, SWEEP_ENDED))
		failed(worker, "stopped both", k, j);
	count_pairs(worker, 1, 1);
}

/* Whether the point is before or behind a change, or is taken anyway. */
static bool is_chosen(const struct all_left *all, unsigned j, unsigned skip,
		      unsigned k)
{
	unsigned i;

	if ((j + k) % skip == 0)
		return true;
	for (i = 0; i < all->n; i++)
		if (all->left[i].at == j || all->left[i].at == j + 1)
			return true;
	return false;
}

static bool crossed(struct worker *worker, unsigned k)
{
	struct all_left all = { .n = 0 };
	unsigned j;

	if (!meet_at(worker, k, &all))
		return false;
	for (j = 0; j < all.steps && !is_over(worker); j++)
		if (is_chosen(&all, j, skip_of(worker), k))
			crossed_at(worker, k, j);
	forget(&all);
	return true;
}

static void each_chosen(struct worker *worker,
			bool (*at)(struct worker *worker, unsigned k))
{
	unsigned skip = worker->all ? 1 : (skip_of(worker) + 7) / 8;
	unsigned k = worker->number * skip;

	while (!is_over(worker) && at(worker, k))
		k += worker->count * skip;
}

/* the scene */

/* A core of its own, and a segment of its own. */
static void take_core(unsigned number)
{
	cpu_set_t allowed, mine;
	unsigned cpu, seen = 0;

	CPU_ZERO(&mine);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && seen++ == number)
			CPU_SET(cpu, &mine);
	sched_setaffinity(0, sizeof(mine), &mine);
}

static void work(struct worker *worker, unsigned modes)
{
	const struct sweep *sweep = worker->sweep;

	take_core(worker->number);
	strcpy(segment_name, test_name("sweep"));
	worker->page = shared(sizeof(*worker->page));
	worker->path = malloc(sizeof(*worker->path));
	worker->other = malloc(sizeof(*worker->other));
	worker->base = image_new();
	worker->now = image_new();
	if (!worker->path || !worker->other)
		sweep_die("memory");
	sweep->set_up(sweep->context);
	image_take(&worker->base, segment_name);
	record(worker);
	if (modes & SWEEP_KILL)
		each_point(worker, kill_at);
	if (modes & SWEEP_STOP)
		each_point(worker, stop_at);
	if (modes & SWEEP_PAIRS)
		pairs(worker);
	if (modes & SWEEP_LATE)
		each_chosen(worker, late_at);
	if (modes & SWEEP_CROSSED)
		each_chosen(worker, crossed);
	zipc_segment_unlink(segment_name);
}

static unsigned count_cores(void)
{
	cpu_set_t allowed;
	unsigned n = sched_getaffinity(0, sizeof(allowed), &allowed)
			     ? 1
			     : (unsigned)CPU_COUNT(&allowed);

	return n < WORKERS_MOST ? n : WORKERS_MOST;
}

static void add_results(struct sweep_row *row, const struct results *results)
{
	row->killed += results->killed;
	row->stopped += results->stopped;
	row->pairs += results->pairs;
	row->pairs_run += results->pairs_run;
	row->missed += results->missed;
	if (results->failed) {
		printf("%s\n", results->failure);
		fflush(stdout);
		row->failures++;
	}
}

void sweep_scene(struct sweep_row *row, const struct sweep *sweep,
		 unsigned modes)
{
	struct results *results = shared(sizeof(*results));
	struct worker worker = { .sweep = sweep, .results = results,
				 .count = count_cores(), .all = row->all };
	pid_t workers[WORKERS_MOST];
	unsigned i;
	int status;

	for (i = 0; i < worker.count; i++) {
		worker.number = i;
		workers[i] = sweep_fork();
		if (workers[i] == 0) {
			work(&worker, modes);
			exit(0);
		}
	}
	for (i = 0; i < worker.count; i++)
		if (waitpid(workers[i], &status, 0) != workers[i] || status) {
			printf("%s: a worker died (status 0x%x)\n", sweep->name,
			       status);
			row->failures++;
		}
	add_results(row, results);
	munmap(results, sizeof(*results));
}

void sweep_report(const struct sweep_row *row)
{
	unsigned long reached;
	char operation[64];

	snprintf(operation, sizeof(operation), "%s%s", sweep_subject,
		 row->operation);
	printf("sweep | %-48s | %6u | %7u | %9lu | %9lu | %6lu | %u\n",
	       operation, row->killed, row->stopped, row->pairs,
	       row->pairs_run, row->missed, row->failures);
	fflush(stdout); /* a failing test ends without */
	ck_assert_msg(!row->failures, "%u scenes failed", row->failures);
	ck_assert_uint_gt(row->killed + row->stopped + row->pairs, 1);
	reached = row->killed + row->stopped + row->pairs_run;
	ck_assert_msg(row->missed <= reached / SWEEP_MISSED_SHARE,
		      "of %lu points %lu could not be reached",
		      reached + row->missed, row->missed);
}
