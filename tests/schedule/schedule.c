/* SPDX-License-Identifier: MIT */
/*
 * The explorer: tasks as coroutines, and the choice at each point, which comes
 * from a search that goes back and tries the next, from chance, or from the
 * string of a run to be repeated. The idea is in the header.
 *
 * A choice is one of a set of actions, as bits. GO_ON is what happens without a
 * deviation; where a task cannot go on it is that the next in turn does.
 */
#undef _FORTIFY_SOURCE /* it takes a switch of stacks for a fault */
#include "engine.h"

#include "choices.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define STACK (256u << 10)
#define STEPS_MOST 40000u
#define NAPS_MOST 12u

/* How a run, or a part of it, came back to run_once(). */
enum outcome { STARTED, QUIET, KNOWN, FAILED };

struct world world;
static jmp_buf home;
static char failure[512];

void schedule_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure, sizeof(failure), format, args);
	va_end(args);
	_longjmp(home, FAILED);
}

/* tasks */

static void enter(struct task *task)
{
	world.current = task;
	_longjmp(task->at, 1);
}

/* Who is ready, or, when all sleep, the first whose nap ends. */
static unsigned ready_tasks(void)
{
	unsigned i, ready = 0;

	for (i = 0; i < world.schedule->tasks; i++)
		if (world.tasks[i].state == READY)
			ready |= 1u << i;
	return ready;
}

static struct task *stopped_task(void)
{
	unsigned i;

	for (i = 0; i < world.schedule->tasks; i++)
		if (world.tasks[i].state == STOPPED)
			return &world.tasks[i];
	return NULL;
}

static void continue_stopped(struct task *task)
{
	task->state = READY;
	if (world.tracing)
		trace_note(task, "continues");
}

/* All sleep, or have ended: time passes until a nap ends. */
static bool end_a_nap(void)
{
	struct task *first = NULL, *task;
	unsigned i;

	for (i = 0; i < world.schedule->tasks; i++) {
		task = &world.tasks[i];
		if (task->state == SLEEPING &&
		    (!first || task->until_ns < first->until_ns))
			first = task;
	}
	if (!first)
		return false;
	schedule_must(schedule_has_fault(),
		      "a wake is lost: all that have not ended sleep");
	if (first->until_ns == INT64_MAX || ++world.naps > NAPS_MOST) {
		schedule_must(stopped_task(),
			      "a sleeper is not helped by naps");
		return false;
	}
	world.now_ns = first->until_ns;
	first->state = READY;
	first->timed_out = true;
	if (world.tracing)
		trace_note(first, "its nap ends");
	return true;
}

/* The current task does not go on by itself. Who does? */
static void dispatch(unsigned not_me)
{
	struct task *task = world.current;
	unsigned ready = ready_tasks(), from, i;

	if (!ready && end_a_nap())
		ready = ready_tasks();
	if (!ready)
		_longjmp(home, QUIET);
	if (ready & ~not_me)
		ready &= ~not_me;
	from = task ? number_of(task) : world.schedule->tasks - 1;
	for (i = 1; !(ready >> (from + i) % world.schedule->tasks & 1); i++)
		;
	i = choose(ready << TO, TO + (from + i) % world.schedule->tasks) - TO;
	world.tasks[i].arrived = true;
	world.tasks[i].idle = false;
	enter(&world.tasks[i]);
}

/* Leave the current task, until somebody enters it. */
static void leave(unsigned not_me)
{
	if (!_setjmp(world.current->at))
		dispatch(not_me);
}

void sleep_until_woken(int64_t until_ns)
{
	struct task *task = world.current;

	task->until_ns = until_ns;
	task->state = SLEEPING;
	leave(0);
}

void yield_point(int64_t nap_ns, bool may_stay)
{
	struct task *task = world.current;

	memory_absorb();
	world.now_ns += nap_ns;
	if (!task)
		return;
	memory_drain(task);
	task->pauses = 0;
	task->silent = false;
	if (world.tracing)
		trace_note(task, may_stay ? "yields" : "naps");
	leave(may_stay ? 0 : 1u << number_of(task));
}

/*
 * What comes behind this knows of what came before, so the stores do not wait
 * any longer; but somebody may still come in before they arrive.
 */
static void let_stores_arrive(const char *what)
{
	struct access access = { CALL, what, NULL, 0, NULL };

	memory_absorb();
	if (world.current->buffered)
		point(&access);
	memory_drain(world.current);
}

/* Each task stands here between runs; its stack is used anew by each. */
static void life(void)
{
	struct task *task = world.current;

	if (!_setjmp(task->start))
		_longjmp(home, QUIET);
	task = world.current;
	world.schedule->task(world.schedule->scene, number_of(task));
	let_stores_arrive("ends");
	task->state = ENDED;
	if (world.tracing)
		trace_note(task, "has ended");
	dispatch(0);
}

static void make_task(struct task *task)
{
	static ucontext_t here;

	task->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	ck_assert(task->stack != MAP_FAILED);
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = STACK;
	task->context.uc_link = &here;
	makecontext(&task->context, life, 0);
	world.current = task;
	if (!_setjmp(home))
		swapcontext(&here, &task->context);
	world.current = NULL;
}

/* deviations */

static void kill_task(struct task *task)
{
	world.used.kills++;
	memory_drain(task);
	task->state = DEAD;
	schedule_drop_locks(number_of(task));
	if (world.tracing)
		trace_note(task, "is killed");
	dispatch(0);
}

static void stop_task(struct task *task)
{
	world.used.stops++;
	memory_drain(task);
	task->state = STOPPED;
	if (world.tracing)
		trace_note(task, "is stopped");
	leave(0);
}

static void switch_to(struct task *task)
{
	world.used.switches++;
	if (task->state == STOPPED)
		continue_stopped(task);
	task->arrived = true;
	task->idle = false;
	if (!_setjmp(world.current->at))
		enter(task);
}

static unsigned switches_from(const struct task *task)
{
	unsigned i, actions = 0;

	if (task->arrived ||
	    world.used.switches >= limits.switches)
		return 0;
	for (i = 0; i < world.schedule->tasks; i++)
		if (&world.tasks[i] != task &&
		    (world.tasks[i].state == READY ||
		     world.tasks[i].state == STOPPED))
			actions |= 1u << (TO + i);
	return actions;
}

/*
 * What may happen at a task's point. To die before a load is as to die before
 * the one behind it, so one of them is enough.
 */
static unsigned actions_at(const struct task *task, const struct access *access)
{
	unsigned actions = 1u << GO_ON | switches_from(task), i;

	if (access->kind == STORE && !task->buffered &&
	    world.used.delays < limits.delays)
		actions |= 1u << DELAY;
	if (world.used.flushes < limits.flushes)
		for (i = 0; i < world.schedule->tasks; i++)
			if (world.tasks[i].buffered)
				actions |= 1u << (FLUSH + i);
	if (!(world.schedule->victims >> number_of(task) & 1))
		return actions;
	if (world.used.kills < limits.kills &&
	    (!task->silent || task->arrived))
		actions |= 1u << KILL;
	if (world.used.stops < limits.stops)
		actions |= 1u << STOP;
	return actions;
}

/* Make the action; true when the task goes on with its access. */
static bool act(struct task *task, unsigned action)
{
	if (action == KILL)
		kill_task(task);
	if (action == STOP) {
		stop_task(task);
	} else if (action >= TO && action < TO + SCHEDULE_TASKS) {
		switch_to(&world.tasks[action - TO]);
	} else if (action >= FLUSH && action < FLUSH + SCHEDULE_TASKS) {
		world.used.flushes++;
		memory_flush_one(&world.tasks[action - FLUSH]);
		if (world.tracing)
			trace_note(&world.tasks[action - FLUSH],
				   "its oldest store arrives");
	} else {
		return true;
	}
	return false;
}

bool point(const struct access *access)
{
	struct task *task = world.current;
	unsigned action = GO_ON;

	schedule_must(++world.steps < STEPS_MOST, "the run does not end");
	while (!task->idle) {
		action = choose(actions_at(task, access), GO_ON);
		if (act(task, action))
			break;
	}
	task->arrived = false;
	task->silent = access->kind == LOAD || access->kind == PLAIN_LOAD;
	if (action == DELAY)
		world.used.delays++;
	return action == DELAY || task->buffered;
}

/* what tests ask and tell */

unsigned schedule_call(void)
{
	unsigned i;

	for (i = 0; i < world.schedule->tasks; i++)
		learn(world.tasks[i].returned);
	return ++world.moment;
}

unsigned schedule_return(void)
{
	if (world.current) {
		let_stores_arrive("returns");
		world.current->returned++;
	}
	return ++world.moment;
}

unsigned schedule_now(void)
{
	return ++world.moment;
}

bool schedule_is_dead(unsigned task)
{
	return world.tasks[task].state == DEAD;
}

bool schedule_has_ended(unsigned task)
{
	return world.tasks[task].state == ENDED;
}

bool schedule_has_fault(void)
{
	return world.used.kills || world.used.stops;
}

/* a run */

static void begin_run(void)
{
	struct task *task;
	unsigned i;

	memory_restore();
	kernel_restore();
	trace_clear();
	choices_begin();
	world.current = NULL;
	world.now_ns = INT64_C(1000000000000);
	world.memory = world.version = 0;
	world.steps = world.check_steps = world.moment = world.naps = 0;
	memset(&world.used, 0, sizeof(world.used));
	for (i = 0; i < world.schedule->tasks; i++) {
		task = &world.tasks[i];
		memset(task, 0, offsetof(struct task, at));
		memcpy(task->at, task->start, sizeof(task->at));
	}
}

/* From beginning to end; false: it has failed. */
static bool run_once(void)
{
	struct task *stopped;

	begin_run();
	switch ((enum outcome)_setjmp(home)) {
	case STARTED:
		dispatch(0);
		break;
	case QUIET:
		memory_absorb();
		world.current = NULL;
		stopped = stopped_task();
		if (!stopped) {
			world.schedule->check(world.schedule->scene,
					      SCHEDULE_ENDED);
			return true;
		}
		world.schedule->check(world.schedule->scene, SCHEDULE_STOPPED);
		continue_stopped(stopped);
		dispatch(0);
		break;
	case KNOWN:
		return true;
	case FAILED:
		break;
	}
	return false;
}

void abandon_run(void)
{
	_longjmp(home, KNOWN);
}

/* What can be told of a state, but for the deviations that are left. */
uint64_t hash_of_world(void)
{
	uint64_t hash = mix(world.memory, kernel_hash());
	const struct task *task;
	unsigned i;

	for (i = 0; i < world.schedule->tasks; i++) {
		task = &world.tasks[i];
		hash = mix(hash, task->known);
		hash = mix(hash, (uint64_t)task->state << 32 |
					 task->buffered << 8 |
					 task->timed_out << 3 |
					 task->idle << 2 | task->arrived << 1 |
					 (world.current == task));
		hash = mix(hash, task->state == SLEEPING
					 ? (uint64_t)task->until_ns
					 : 0);
	}
	return mix(mix(hash, (uint64_t)world.now_ns), world.naps);
}

/* searches */

static void tell_crash(int signal_number)
{
	static char text[2048];

	memory_restore();
	choices_print(text, sizeof(text));
	fprintf(stderr, "it crashes: SCHEDULE=\"%s%s\"\n", world.schedule->name,
		text);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void watch_crashes(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGABRT };
	static char alternate[32768];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction action = { .sa_handler = tell_crash,
				    .sa_flags = SA_ONSTACK | SA_NODEFER };
	unsigned i;

	sigaltstack(&stack, NULL);
	for (i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		sigaction(crashes[i], &action, NULL);
}

static void begin(const struct schedule *schedule)
{
	unsigned i;

	ck_assert(schedule->tasks >= 1 && schedule->tasks <= SCHEDULE_TASKS);
	memory_forget();
	kernel_forget();
	trace_forget();
	world.schedule = NULL;
	schedule->set_up(schedule->scene);
	world.schedule = schedule;
	for (i = 0; i < schedule->tasks; i++)
		make_task(&world.tasks[i]);
	memory_keep();
	kernel_keep();
	watch_crashes();
}

static void end(void)
{
	unsigned i;

	for (i = 0; i < world.schedule->tasks; i++)
		munmap(world.tasks[i].stack, STACK);
	memory_restore();
	world.schedule = NULL;
	choices_free();
}

/* Run it again, by its string, and print its steps. */
static void tell(const char *name, const char *string)
{
	char first[sizeof(failure)];

	strcpy(first, failure);
	choices_repeat(string);
	world.tracing = true;
	if (run_once())
		printf("%s: THE SAME CHOICES DO NOT FAIL AGAIN\n", name);
	world.tracing = false;
	trace_print();
	printf("%s: %s\nSCHEDULE=\"%s%s\"\n", name, first, name, string);
	fflush(stdout);
}

static void tell_failure(void)
{
	static char string[4096];

	choices_print(string, sizeof(string));
	tell(world.schedule->name, string);
}

/* SCHEDULE: whether it names a case, and this one. */
static bool is_asked_for(const struct schedule *schedule, const char **string)
{
	const char *asked = getenv("SCHEDULE");
	size_t length = strlen(schedule->name);

	if (!asked || !*asked)
		return true;
	if (strncmp(asked, schedule->name, length) ||
	    (asked[length] && asked[length] != ' '))
		return false;
	*string = asked + length;
	return true;
}

static void repeat(const struct schedule *schedule, const char *string)
{
	begin(schedule);
	failure[0] = '\0';
	limits = schedule->limits;
	choices_repeat(string);
	world.tracing = true;
	if (run_once())
		printf("%s: this run does not fail\n", schedule->name);
	trace_print();
	world.tracing = false;
	end();
	ck_assert_msg(!failure[0], "%s: %s", schedule->name, failure);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* All schedules within the limits, with few switches first; false: failed. */
static bool search(const struct schedule *schedule)
{
	double began = seconds(), took;
	unsigned long runs = 0;
	unsigned switches;

	limits = schedule->limits;
	for (switches = 0; switches <= schedule->limits.switches; switches++) {
		limits.switches = (unsigned char)switches;
		choices_search();
		do {
			runs++;
			if (!run_once())
				return false;
		} while (choices_next());
	}
	took = seconds() - began;
	printf("%s: %lu runs, %lu states, %.0f runs/s\n", schedule->name, runs,
	       choices_states(), (double)runs / (took > 0 ? took : 1));
	return true;
}

const char *schedule_find(const struct schedule *schedule)
{
	bool well;

	begin(schedule);
	well = search(schedule);
	end();
	return well ? NULL : failure;
}

void schedule_explore(const struct schedule *schedule)
{
	const char *string = NULL;

	if (!is_asked_for(schedule, &string))
		return;
	if (string) {
		repeat(schedule, string);
		return;
	}
	begin(schedule);
	if (!search(schedule)) {
		tell_failure();
		ck_abort_msg("%s: %s", schedule->name, failure);
	}
	end();
}

void schedule_walk(const struct schedule *schedule, unsigned runs,
		   uint64_t seed)
{
	const char *string = NULL;
	unsigned i;

	if (!is_asked_for(schedule, &string) || string)
		return;
	begin(schedule);
	memset(&limits, 255, sizeof(limits));
	limits.kills = schedule->limits.kills;
	limits.stops = schedule->limits.stops;
	for (i = 0; i < runs; i++) {
		choices_walk(mix(seed, i));
		if (run_once())
			continue;
		tell_failure();
		ck_abort_msg("%s: %s", schedule->name, failure);
	}
	end();
	printf("%s: %u runs by chance, seed %llu\n", schedule->name, runs,
	       (unsigned long long)seed);
}
