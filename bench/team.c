/* SPDX-License-Identifier: MIT */
#include "team.h"

#include "clock.h"
#include "load.h"
#include "pingpong.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REALTIME_PRIORITY 50

static int cores[2];
static bool two_cores, realtime;
static int64_t patience_ns;

/* What the members of one trial share. */
struct team {
	struct trial *trial;
	pthread_barrier_t barrier;
	struct pingpong before, after;
	int player[2]; /* members on the first and on the second core, or -1 */
};

struct seat {
	struct team *team;
	unsigned index;
};

void team_setup(bool want_realtime, double patience)
{
	cpu_set_t allowed;
	int found = 0;

	realtime = want_realtime;
	patience_ns = (int64_t)(patience * 1e9);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity: %m");
	for (int core = 0; core < CPU_SETSIZE && found < 2; core++)
		if (CPU_ISSET(core, &allowed))
			cores[found++] = core;
	two_cores = found == 2;
	if (!two_cores)
		cores[1] = cores[0];
}

int team_core(unsigned which)
{
	return cores[which];
}

bool team_has_two_cores(void)
{
	return two_cores;
}

static void take_place(int core)
{
	struct sched_param param = { .sched_priority = REALTIME_PRIORITY };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity: %m");
	/* Round robin: who spins does not keep its own peers out for ever. */
	if (realtime && sched_setscheduler(0, SCHED_RR, &param))
		die("--realtime: sched_setscheduler: %m");
}

static void play(struct team *team, unsigned index, struct pingpong *table,
		 double *out)
{
	pthread_barrier_wait(&team->barrier);
	if (team->player[1] < 0)
		return;
	if ((int)index == team->player[0])
		*out = pingpong_play(table, true);
	else if ((int)index == team->player[1])
		pingpong_play(table, false);
	pthread_barrier_wait(&team->barrier);
}

static long preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

static void measure(struct trial *trial, unsigned index)
{
	struct member *member = &trial->member[index];
	int64_t cpu, delayed;

	load_of_thread(&cpu, &delayed);
	member->preempted = -preemptions();
	member->begin_ns = now_ns();
	trial->work->run(trial, index);
	member->end_ns = now_ns();
	member->preempted += preemptions();
	load_of_thread(&member->cpu_ns, &member->delayed_ns);
	member->cpu_ns -= cpu;
	member->delayed_ns -= delayed;
}

static void *take_part(void *argument)
{
	struct seat *seat = argument;
	struct team *team = seat->team;
	struct trial *trial = team->trial;
	unsigned index = seat->index;

	take_place(cores[trial->work->cores[index]]);
	trial->work->open(trial, index);
	play(team, index, &team->before, &trial->ping_before_ns);
	pthread_barrier_wait(&team->barrier);
	measure(trial, index);
	pthread_barrier_wait(&team->barrier);
	play(team, index, &team->after, &trial->ping_after_ns);
	trial->work->close(trial, index);
	return NULL;
}

/* processes */

static pid_t start_process(void (*body)(struct seat *), struct seat *seat)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork: %m");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	body(seat);
	exit(0); /* a peer's library may have something to take down */
}

static void be_member(struct seat *seat)
{
	take_part(seat);
}

/* All members as threads of this process. */
static void be_all_members(struct seat *seats)
{
	unsigned count = seats[0].team->trial->work->members;
	pthread_t thread[MEMBERS_MAX];

	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&thread[i], NULL, take_part, &seats[i]))
			die("pthread_create failed");
	for (unsigned i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
}

static void check_end(struct trial *trial, int status)
{
	if (WIFSIGNALED(status))
		trial_fault(trial, "a member was ended by signal %d",
			    WTERMSIG(status));
	else if (WEXITSTATUS(status))
		trial_fault(trial, "a member has failed");
}

static void kill_all(const pid_t *pid, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (pid[i])
			kill(pid[i], SIGKILL);
}

/* Wait for all; one that fails, or all together hanging, ends the others. */
static void await_members(struct trial *trial, pid_t *pid, unsigned count)
{
	int64_t deadline = now_ns() + patience_ns;
	const struct timespec moment = { .tv_nsec = 100000000 };
	unsigned left = count;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (left) {
		bool waited = false;

		for (unsigned i = 0; i < count; i++) {
			int status;

			if (!pid[i] || waitpid(pid[i], &status, WNOHANG) <= 0)
				continue;
			pid[i] = 0;
			left--;
			waited = true;
			check_end(trial, status);
			if (status)
				kill_all(pid, count);
		}
		if (!left || waited)
			continue;
		if (now_ns() > deadline) {
			trial_fault(trial, "it hangs");
			kill_all(pid, count);
		}
		sigtimedwait(&child, NULL, &moment);
	}
}

static void start_and_await(struct team *team)
{
	struct trial *trial = team->trial;
	unsigned count = trial->work->members;
	struct seat seats[MEMBERS_MAX];
	pid_t pid[MEMBERS_MAX] = { 0 };

	for (unsigned i = 0; i < count; i++)
		seats[i] = (struct seat){ team, i };
	if (trial->candidate->threads) {
		pid[0] = start_process(be_all_members, seats);
		count = 1;
	} else {
		for (unsigned i = 0; i < count; i++)
			pid[i] = start_process(be_member, &seats[i]);
	}
	await_members(trial, pid, count);
}

static struct team *team_new(struct trial *trial)
{
	struct team *team = shared_new(sizeof(*team));
	pthread_barrierattr_t shared;

	team->trial = trial;
	team->player[0] = team->player[1] = -1;
	for (unsigned i = trial->work->members; i-- && two_cores;)
		team->player[trial->work->cores[i]] = (int)i;
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&team->barrier, &shared, trial->work->members);
	pthread_barrierattr_destroy(&shared);
	return team;
}

/* SIGCHLD is only ever waited for. */
static void block_sigchld(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
}

void team_run(struct trial *trial)
{
	struct team *team = team_new(trial);
	struct load_mark mark;

	block_sigchld();
	trial->realtime = realtime;
	trial->work->prepare(trial);
	load_begin(&mark);
	start_and_await(team);
	trial->load = load_end(&mark);
	if (!trial->fault[0])
		trial->value = trial->work->value(trial);
	if (!trial->fault[0] && trial->work->extra)
		trial->work->extra(trial, trial->extra, sizeof(trial->extra));
	trial->work->clean(trial);
	shared_free(team);
}
