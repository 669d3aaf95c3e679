/* SPDX-License-Identifier: MIT */
/* The sweep; the idea is in the header. */
#include "sweep.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WATCHDOG_S 20

void sweep_begin(void)
{
	raise(SIGTRAP);
}

void sweep_end(struct sweep_page *page, int64_t result)
{
	page->result = result;
	atomic_store_explicit(&page->phase, 1, memory_order_release);
}

void sweep_fail(struct sweep_page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(page->failure, sizeof(page->failure), format, args);
	va_end(args);
	_exit(1);
}

static void die(const char *what)
{
	fprintf(stderr, "sweep: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Wait for a traced victim to stop; false when it has ended. */
static bool stopped(pid_t victim, int *signal)
{
	int status;

	if (waitpid(victim, &status, 0) != victim)
		die("waitpid");
	if (!WIFSTOPPED(status))
		return false;
	*signal = WSTOPSIG(status);
	return true;
}

/* A victim that stands right behind sweep_begin(). */
static pid_t start(const struct sweep *sweep, struct sweep_page *page)
{
	pid_t victim = fork();
	int signal = 0;

	if (victim < 0)
		die("fork");
	if (victim == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(3);
		sweep->victim(page, sweep->context);
		_exit(0);
	}
	if (!stopped(victim, &signal) || signal != SIGTRAP)
		die("the victim did not reach sweep_begin()");
	return victim;
}

/* Step at most n instructions; false when the operation ended before. */
static bool step(pid_t victim, struct sweep_page *page, unsigned n)
{
	int signal = 0;

	while (n--) {
		if (ptrace(PTRACE_SINGLESTEP, victim, 0, 0))
			die("PTRACE_SINGLESTEP");
		if (!stopped(victim, &signal) ||
		    atomic_load_explicit(&page->phase, memory_order_acquire))
			return false;
		if (signal != SIGTRAP)
			die("the victim got a signal of its own");
	}
	return true;
}

static void kill_victim(pid_t victim)
{
	kill(victim, SIGKILL);
	while (waitpid(victim, NULL, 0) < 0 && errno == EINTR)
		;
}

/*
 * A step costs two switches of context, and reaching point k by steps alone
 * would make the sweep quadratic. So the path of the operation is recorded
 * once, and a victim runs to the last place before k that is new on the path,
 * by a breakpoint, and is stepped from there.
 */
#define PATH_MOST 65536

struct path {
	unsigned n;
	uint64_t pc[PATH_MOST];     /* behind n steps */
	unsigned anchor[PATH_MOST]; /* the last step that was new */
};

#if defined(__x86_64__)
static uint64_t pc_of(pid_t victim)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, victim,
				offsetof(struct user_regs_struct, rip), 0);
}

/* Run until the victim is about to execute what is at pc. */
static bool run_to(pid_t victim, struct sweep_page *page, uint64_t pc)
{
	long text = ptrace(PTRACE_PEEKTEXT, victim, pc, 0);
	int signal = 0;

	ptrace(PTRACE_POKETEXT, victim, pc, (text & ~0xFFL) | 0xCC);
	if (ptrace(PTRACE_CONT, victim, 0, 0))
		die("PTRACE_CONT");
	if (!stopped(victim, &signal) ||
	    atomic_load_explicit(&page->phase, memory_order_acquire))
		return false;
	if (signal != SIGTRAP || pc_of(victim) != pc + 1)
		die("the victim got a signal of its own");
	ptrace(PTRACE_POKETEXT, victim, pc, text);
	ptrace(PTRACE_POKEUSER, victim,
	       offsetof(struct user_regs_struct, rip), pc);
	return true;
}
#else
static uint64_t pc_of(pid_t victim)
{
	(void)victim;
	return 0; /* no place is new: steps alone */
}

static bool run_to(pid_t victim, struct sweep_page *page, uint64_t pc)
{
	(void)victim, (void)page, (void)pc;
	return false;
}
#endif

static bool is_new(const struct path *path, uint64_t pc)
{
	unsigned i;

	for (i = 0; i < path->n; i++)
		if (path->pc[i] == pc)
			return false;
	return true;
}

static void record(const struct sweep *sweep, struct sweep_page *page,
		   struct path *path)
{
	pid_t victim;
	uint64_t pc;

	memset(page, 0, sizeof(*page));
	sweep->set_up(sweep->context);
	victim = start(sweep, page);
	path->n = 0;
	do {
		pc = pc_of(victim);
		path->anchor[path->n] = !path->n || is_new(path, pc)
						? path->n
						: path->anchor[path->n - 1];
		path->pc[path->n++] = pc;
	} while (path->n < PATH_MOST && step(victim, page, 1));
	kill_victim(victim);
}

/* A victim that stands behind k instructions; 0: there are not so many. */
static pid_t start_at(const struct sweep *sweep, struct sweep_page *page,
		      const struct path *path, unsigned k)
{
	unsigned from = k < path->n ? path->anchor[k] : 0;
	pid_t victim;

	for (;; from = 0) {
		memset(page, 0, sizeof(*page));
		sweep->set_up(sweep->context);
		victim = start(sweep, page);
		if ((from == 0 || run_to(victim, page, path->pc[from])) &&
		    step(victim, page, k - from))
			return victim;
		kill_victim(victim);
		if (from == 0) /* it was not for another path */
			return 0;
	}
}

/* Let it run to its end; false if it does not get there. */
static bool let_go(pid_t victim, struct sweep_page *page)
{
	time_t deadline = time(NULL) + WATCHDOG_S;
	int status = 0;
	pid_t ended;

	if (ptrace(PTRACE_DETACH, victim, 0, 0))
		die("PTRACE_DETACH");
	while (!(ended = waitpid(victim, &status, WNOHANG)) &&
	       time(NULL) < deadline)
		sched_yield();
	if (ended != victim) {
		kill_victim(victim);
		return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	       atomic_load_explicit(&page->phase, memory_order_acquire) == 1;
}

/* Run the check in a fresh process; true when all is well. */
static bool check(const struct sweep *sweep, struct sweep_page *page,
		  enum sweep_stage stage)
{
	pid_t checker = fork();
	int status = 0;

	if (checker < 0)
		die("fork");
	if (checker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGALRM, SIG_DFL);
		alarm(WATCHDOG_S);
		sweep->check(page, stage, sweep->context);
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

/* One point; false when the operation has fewer instructions. */
static bool point(const struct sweep *sweep, enum sweep_mode mode,
		  const struct path *path, unsigned k, struct sweep_page *page,
		  bool *well)
{
	pid_t victim = start_at(sweep, page, path, k);

	if (!victim)
		return false;
	if (mode == SWEEP_KILL) {
		kill_victim(victim);
		*well = check(sweep, page, SWEEP_DEAD);
		return true;
	}
	*well = check(sweep, page, SWEEP_STOPPED);
	if (!let_go(victim, page)) {
		if (*well)
			snprintf(page->failure, sizeof(page->failure),
				 "the victim did not come to its end");
		*well = false;
	}
	if (*well)
		*well = check(sweep, page, SWEEP_CONTINUED);
	return true;
}

unsigned sweep_run(const struct sweep *sweep, enum sweep_mode mode,
		   unsigned *failures)
{
	struct sweep_page *page = mmap(NULL, sizeof(*page),
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct path *path = malloc(sizeof(*path));
	bool well = true;
	unsigned k, bad = 0;

	if (page == MAP_FAILED || !path)
		die("memory");
	record(sweep, page, path);
	for (k = 0; well && point(sweep, mode, path, k, page, &well); k++)
		;
	if (!well) {
		printf("%s: %s at instruction %u: %s\n", sweep->name,
		       mode == SWEEP_KILL ? "killed" : "stopped", k - 1,
		       page->failure);
		bad++;
	} else if (k < 2) {
		printf("%s: only %u points\n", sweep->name, k);
		bad++;
	}
	free(path);
	munmap(page, sizeof(*page));
	*failures += bad;
	return k;
}
