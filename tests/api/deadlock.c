/* SPDX-License-Identifier: MIT */
/*
 * deadlock SEGMENT: makes it, and two processes that wait for each other by the
 * mutexes `first` and `second`; a third waits for `first`, too. When all of it
 * can be seen it prints their pids. It ends them when its standard input ends.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <zeroipc.h>

static const char *segment;
static pid_t pids[3];
static int told[2]; /* a pipe: a byte from each that holds its own */

static void must(int64_t rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "deadlock: %s\n", zipc_last_error());
	exit(EXIT_FAILURE);
}

static void create(void)
{
	struct zipc_segment *it;
	struct zipc_mutex *mutex;

	must(zipc_segment_create(&it, segment, 1 << 16, NULL));
	must(zipc_mutex_create(&mutex, it, "first"));
	zipc_mutex_close(mutex);
	must(zipc_mutex_create(&mutex, it, "second"));
	zipc_mutex_close(mutex);
	zipc_segment_close(it);
}

static void lock(struct zipc_segment *in, const char *name)
{
	struct zipc_mutex *mutex;

	must(zipc_mutex_open(&mutex, in, name));
	must(zipc_mutex_lock(mutex, ZIPC_FOREVER));
}

/* Hold one (NULL: none), then wait for the other. */
static pid_t start(const char *holds, const char *wants, int go)
{
	struct zipc_segment *it;
	pid_t parent = getpid(), pid = fork();
	char byte = 0;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	must(zipc_segment_open(&it, segment, 0));
	if (holds)
		lock(it, holds);
	if (write(told[1], &byte, 1) != 1 || read(go, &byte, 1) != 1)
		_exit(1);
	lock(it, wants);
	_exit(0);
}

static bool all_wait(void)
{
	const struct zipc_view_blocked *blocked;
	struct zipc_view_waits *waits;
	struct zipc_view *view;
	unsigned i, count = 0;

	must(zipc_view_open(&view, segment));
	must(zipc_view_waits_open(&waits, view));
	for (i = 0; (blocked = zipc_view_blocked(waits, i)); i++)
		count += blocked->waiter_count;
	zipc_view_waits_close(waits);
	zipc_view_close(view);
	return count == 3;
}

static void end(void)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	zipc_segment_unlink(segment);
}

int main(int argc, char **argv)
{
	char bytes[3] = "";
	int go[2];
	unsigned i;

	if (argc != 2 || pipe(told) || pipe(go))
		return 2;
	segment = argv[1];
	create();
	pids[0] = start("first", "second", go[0]);
	pids[1] = start("second", "first", go[0]);
	pids[2] = start(NULL, "first", go[0]);
	atexit(end);
	for (i = 0; i < 3; i++)
		if (read(told[0], bytes, 1) != 1)
			return 1;
	if (write(go[1], bytes, 3) != 3)
		return 1;
	while (!all_wait())
		usleep(1000);
	printf("%d %d %d\n", (int)pids[0], (int)pids[1], (int)pids[2]);
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
