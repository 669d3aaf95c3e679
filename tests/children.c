/* SPDX-License-Identifier: MIT */
/* Processes that a test starts; the idea is in the header. */
#include "children.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#define MOST_ENDS 256

static int from_parent = -1, to_parent = -1;
/* The parent's ends. A child closes its copies, so that others see them end. */
static int ends[MOST_ENDS];

static void keep_end(int fd)
{
	int i;

	for (i = 0; i < MOST_ENDS && ends[i]; i++)
		;
	ck_assert_int_lt(i, MOST_ENDS);
	ends[i] = fd;
}

static void close_end(int fd)
{
	int i;

	for (i = 0; i < MOST_ENDS; i++)
		if (ends[i] == fd)
			ends[i] = 0;
	close(fd);
}

static void become_child(int from, int to)
{
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < MOST_ENDS; i++)
		if (ends[i])
			close_end(ends[i]);
	from_parent = from;
	to_parent = to;
}

struct child child_start(void (*body)(void *context), void *context)
{
	int down[2], up[2];
	struct child child;

	ck_assert_int_eq(pipe2(down, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(up, O_CLOEXEC), 0);
	fflush(NULL);
	child.pid = fork();
	ck_assert_int_ge(child.pid, 0);
	if (child.pid == 0) {
		close(down[1]);
		close(up[0]);
		become_child(down[0], up[1]);
		body(context);
		fflush(NULL);
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	keep_end(child.down = down[1]);
	keep_end(child.up = up[0]);
	return child;
}

void child_hear(const struct child *child)
{
	char byte;

	ck_assert_msg(read(child->up, &byte, 1) == 1,
		      "the child has ended before it said anything");
}

void child_say(const struct child *child)
{
	ck_assert_int_eq(write(child->down, "", 1), 1);
}

void tell_parent(void)
{
	if (write(to_parent, "", 1) != 1)
		_exit(1);
}

void await_parent(void)
{
	char byte;

	if (read(from_parent, &byte, 1) != 1)
		_exit(0);
}

int child_reap(const struct child *child)
{
	int status;

	close_end(child->down);
	ck_assert_int_eq(waitpid(child->pid, &status, 0), child->pid);
	close_end(child->up);
	return status;
}

void child_end(const struct child *child)
{
	int status = child_reap(child);

	ck_assert_msg(!WIFSIGNALED(status), "the child died of signal %d",
		      WTERMSIG(status));
	ck_assert_msg(WEXITSTATUS(status) == 0, "the child ended with %d: %s",
		      WEXITSTATUS(status), "see what it printed");
}

void child_kill(const struct child *child)
{
	ck_assert_int_eq(kill(child->pid, SIGKILL), 0);
	ck_assert(WIFSIGNALED(child_reap(child)));
}

void child_stops(const struct child *child)
{
	int status;

	ck_assert_int_eq(waitpid(child->pid, &status, WUNTRACED), child->pid);
	ck_assert(WIFSTOPPED(status));
}

void child_stop(const struct child *child)
{
	ck_assert_int_eq(kill(child->pid, SIGSTOP), 0);
	child_stops(child);
}

void child_continue(const struct child *child)
{
	ck_assert_int_eq(kill(child->pid, SIGCONT), 0);
}

/* The file tells the number of the system call it sleeps in, or "running". */
void sleeps_in_futex(pid_t pid, pid_t thread)
{
	char path[64], text[16];
	ssize_t n;
	long call;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid,
		 (int)(thread ? thread : pid));
	do {
		sched_yield();
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
		call = strtol(text, NULL, 10);
	} while (call != SYS_futex && call != SYS_futex_waitv);
}

void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(memory != MAP_FAILED);
	return memory;
}

bool become_nobody(void)
{
	if (geteuid() != 0)
		return false;
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(65534, 65534, 65534), 0);
	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	return true;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool well = fd >= 0 &&
		    write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return well;
}

/* A mount namespace; who is not root is made root of a user namespace. */
static bool own_mounts(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWNS) == 0 ||
	       (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
		write_file("/proc/self/setgroups", "deny") &&
		write_file("/proc/self/uid_map", uids) &&
		write_file("/proc/self/gid_map", gids));
}

bool own_shm(size_t size_bytes)
{
	char options[64];

	snprintf(options, sizeof(options), "mode=1777,size=%zu", size_bytes);
	if (own_mounts() &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		  options) == 0)
		return true;
	printf("SKIPPED: no /dev/shm of its own here: %s\n", strerror(errno));
	return false;
}
