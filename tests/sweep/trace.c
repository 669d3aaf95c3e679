/* SPDX-License-Identifier: MIT */
/* A victim in hand; the idea is in the header. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void sweep_die(const char *what)
{
	fprintf(stderr, "sweep: %s: %s\n", what, strerror(errno));
	exit(2);
}

pid_t sweep_fork(void)
{
	pid_t pid, parent = getpid();

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		sweep_die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(3);
	}
	return pid;
}

/* The file tells the number of the system call it sleeps in, or "running". */
static bool is_asleep(pid_t pid)
{
	char path[64], text[16] = "";
	long call;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	call = strtol(text, NULL, 10);
	return call == SYS_futex || call == SYS_futex_waitv;
}

bool sweep_sleeps(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	while (!is_asleep(pid)) {
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid)
			return false;
		sched_yield();
	}
	return true;
}

bool sweep_ends(pid_t pid)
{
	time_t deadline = time(NULL) + WATCHDOG_S;
	int status = 0;
	pid_t ended;

	while (!(ended = waitpid(pid, &status, WNOHANG)) &&
	       time(NULL) < deadline)
		sched_yield();
	if (ended == pid)
		return WIFEXITED(status) && WEXITSTATUS(status) == 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return false;
}

/* Wait for it to stop; false when it has ended. */
static bool stopped(struct tracee *tracee, int *signal)
{
	int status;
	pid_t got;

	while (!(got = waitpid(tracee->pid, &status,
			       tracee->asleep ? WNOHANG : 0))) {
		if (is_asleep(tracee->pid)) {
			tracee->asleep(tracee->context);
			tracee->asleep = NULL;
		} else {
			sched_yield();
		}
	}
	if (got != tracee->pid)
		sweep_die("waitpid");
	if (WIFSTOPPED(status))
		*signal = WSTOPSIG(status);
	return WIFSTOPPED(status);
}

static bool has_ended(const struct tracee *tracee)
{
	return atomic_load_explicit(&tracee->victim->phase,
				    memory_order_acquire) == 2;
}

void trace_start(struct tracee *tracee,
		 void (*body)(struct sweep_victim *me, void *context),
		 void *context)
{
	int signal = 0;

	tracee->pid = sweep_fork();
	if (tracee->pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(3);
		body(tracee->victim, context);
		_exit(0);
	}
	if (!stopped(tracee, &signal) || signal != SIGTRAP)
		sweep_die("the victim did not reach sweep_begin()");
}

bool trace_step(struct tracee *tracee, unsigned n)
{
	int signal = 0;

	while (n--) {
		if (ptrace(PTRACE_SINGLESTEP, tracee->pid, 0, 0))
			sweep_die("PTRACE_SINGLESTEP");
		if (!stopped(tracee, &signal) || has_ended(tracee))
			return false;
		if (signal != SIGTRAP)
			sweep_die("the victim got a signal of its own");
	}
	return true;
}

void trace_kill(struct tracee *tracee)
{
	kill(tracee->pid, SIGKILL);
	while (waitpid(tracee->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

bool trace_let_go(struct tracee *tracee)
{
	if (ptrace(PTRACE_DETACH, tracee->pid, 0, 0))
		sweep_die("PTRACE_DETACH");
	if (tracee->asleep && !has_ended(tracee) &&
	    sweep_sleeps(tracee->pid))
		tracee->asleep(tracee->context);
	return sweep_ends(tracee->pid) && has_ended(tracee);
}

#if defined(__x86_64__)
static uint64_t pc_of(pid_t pid)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, pid,
				offsetof(struct user_regs_struct, rip), 0);
}

/* Run until it is about to execute what is at pc. */
static bool run_to(struct tracee *tracee, uint64_t pc)
{
	pid_t pid = tracee->pid;
	long text = ptrace(PTRACE_PEEKTEXT, pid, pc, 0);
	int signal = 0;

	ptrace(PTRACE_POKETEXT, pid, pc, (text & ~0xFFL) | 0xCC);
	if (ptrace(PTRACE_CONT, pid, 0, 0))
		sweep_die("PTRACE_CONT");
	if (!stopped(tracee, &signal) || has_ended(tracee))
		return false;
	if (signal != SIGTRAP || pc_of(pid) != pc + 1)
		sweep_die("the victim got a signal of its own");
	ptrace(PTRACE_POKETEXT, pid, pc, text);
	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rip),
	       pc);
	return true;
}
#else
static uint64_t pc_of(pid_t pid)
{
	(void)pid;
	return 0; /* no place is new: steps alone */
}

static bool run_to(struct tracee *tracee, uint64_t pc)
{
	(void)tracee, (void)pc;
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

void path_add(struct path *path, const struct tracee *tracee)
{
	uint64_t pc = pc_of(tracee->pid);
	unsigned n = path->n;

	if (n == PATH_MOST)
		sweep_die("the operation is too long to be swept");
	path->anchor[n] = !n || is_new(path, pc) ? n : path->anchor[n - 1];
	path->pc[n] = pc;
	path->n = n + 1;
}

bool trace_run(struct tracee *tracee, const struct path *path, unsigned k)
{
	unsigned from = path->anchor[k < path->n ? k : path->n - 1];

	return (from == 0 || run_to(tracee, path->pc[from])) &&
	       trace_step(tracee, k - from);
}
