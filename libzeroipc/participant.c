/* SPDX-License-Identifier: MIT */
/* Participants: places, and the proof of life; the idea is in the header. */
#include "participant.h"

#include "error.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The kernel's fixed inode of the time namespace that is not shifted. */
#define FIRST_TIME_INODE 0xEFFFFFFAu

static struct flock life_lock(uint32_t index)
{
	return (struct flock){ .l_type = F_WRLCK,
			       .l_whence = SEEK_SET,
			       .l_start = ZIPC_LIFE_BYTE + index,
			       .l_len = 1 };
}

/* What /proc/PID/stat tells: its fields 3, 20 and 22. */
struct process {
	char state;
	uint64_t threads;
	uint64_t start_ticks; /* when it began, since boot */
};

/*
 * The second field is a name in parentheses that may hold anything, so counting
 * starts behind the last ')'.
 */
static bool read_process(struct process *process, uint32_t pid)
{
	char path[32], text[1024], *at;
	ssize_t n;
	int fd, field;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	at = strrchr(text, ')');
	for (field = 3; at && field <= 22; field++) {
		at = strchr(at + 1, ' ');
		if (at && field == 3)
			process->state = at[1];
		else if (at && field == 20)
			process->threads = strtoull(at, NULL, 10);
	}
	if (!at)
		return false;
	process->start_ticks = strtoull(at, NULL, 10);
	return true;
}

/*
 * The inode that names this process's pid namespace; 0 where pids prove
 * nothing. That is so where /proc tells of another namespace, in which our
 * pids are others', and in a time namespace, where start times are shifted.
 */
static uint32_t pid_namespace(void)
{
	char self[16] = "";
	struct stat st;

	if (readlink("/proc/self", self, sizeof(self) - 1) < 0 ||
	    strtol(self, NULL, 10) != getpid())
		return 0;
	if (!stat("/proc/self/ns/time", &st) && st.st_ino != FIRST_TIME_INODE)
		return 0;
	return stat("/proc/self/ns/pid", &st) ? 0 : (uint32_t)st.st_ino;
}

static void introduce(struct zipc_participant *place)
{
	struct process process = { .start_ticks = 0 };
	struct timespec now;
	uint64_t name[2] = { 0, 0 };

	read_process(&process, (uint32_t)getpid());
	clock_gettime(CLOCK_REALTIME, &now);
	memcpy(name, program_invocation_short_name,
	       strnlen(program_invocation_short_name, sizeof(name)));
	/* Relaxed: who reads these also asks for the lock. */
	atomic_store_explicit(&place->start_ticks, process.start_ticks,
			      memory_order_relaxed);
	atomic_store_explicit(&place->pid_namespace, pid_namespace(),
			      memory_order_relaxed);
	atomic_store_explicit(&place->since_ns,
			      (uint64_t)now.tv_sec * 1000000000u +
				      (uint64_t)now.tv_nsec,
			      memory_order_relaxed);
	atomic_store_explicit(&place->uid, geteuid(), memory_order_relaxed);
	atomic_store_explicit(&place->name[0], name[0], memory_order_relaxed);
	atomic_store_explicit(&place->name[1], name[1], memory_order_relaxed);
	atomic_store_explicit(&place->pid, (uint32_t)getpid(),
			      memory_order_release);
}

/* The lock is held: raise the incarnation before anything else is said. */
static uint64_t move_in(struct zipc_participant *place, uint32_t index)
{
	uint32_t incarnation = atomic_load_explicit(&place->incarnation,
						    memory_order_relaxed) + 1;

	if (incarnation == 0)
		incarnation = 1;
	/*
	 * A pid of 0 proves nothing, so a place between two owners is judged by
	 * its lock alone, and nothing names the new incarnation yet.
	 */
	atomic_store_explicit(&place->incarnation, incarnation,
			      memory_order_release);
	atomic_store_explicit(&place->pid, 0, memory_order_relaxed);
	introduce(place);
	return zipc_holder(index, incarnation);
}

int zipc_participant_join(uint64_t *holder, int fd,
			  struct zipc_participant *places, uint32_t count)
{
	uint32_t index;

	for (index = 0; index < count; index++) {
		struct flock lock = life_lock(index);

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			*holder = move_in(&places[index], index);
			return 0;
		}
		if (errno != EAGAIN && errno != EACCES)
			return zipc_fail(errno, "cannot lock a participant's "
					 "place: %s", strerror(errno));
	}
	return zipc_fail(EUSERS, "all %u participants' places are taken by live "
			 "processes: end some, or create the segment with more "
			 "(max_participants)", count);
}

void zipc_participant_leave(uint64_t holder, int fd,
			    const struct zipc_participant *places)
{
	uint32_t index = zipc_holder_index(holder);
	const struct zipc_participant *place = &places[index];
	struct flock lock = life_lock(index);

	/* Relaxed: who has this place wrote them, and perhaps is the caller. */
	if (atomic_load_explicit(&place->pid, memory_order_relaxed) !=
		    (uint32_t)getpid() ||
	    atomic_load_explicit(&place->pid_namespace,
				 memory_order_relaxed) != pid_namespace())
		return;
	lock.l_type = F_UNLCK;
	fcntl(fd, F_OFD_SETLK, &lock);
}

/* Whether the pid in the place is still the process that wrote it there. */
static bool pid_is_still_it(const struct zipc_life *life)
{
	struct process process;

	if (!life->pid || !life->start_ticks || !life->pid_namespace ||
	    life->pid_namespace != pid_namespace())
		return true; /* can not tell from here */
	/* A hidden /proc is no proof; kill() sees hidden processes too. */
	if (!read_process(&process, life->pid))
		return !(kill((pid_t)life->pid, 0) && errno == ESRCH);
	/* A zombie has ended, unless it is only its first thread. */
	return process.start_ticks == life->start_ticks &&
	       !(process.state == 'Z' && process.threads < 2);
}

unsigned zipc_participant_threads(const struct zipc_life *life, bool *stopped)
{
	struct process process;

	*stopped = false;
	if (!life->pid || !life->pid_namespace ||
	    life->pid_namespace != pid_namespace() ||
	    !read_process(&process, life->pid) ||
	    process.start_ticks != life->start_ticks)
		return 0;
	*stopped = process.state == 'T' || process.state == 't';
	return (unsigned)process.threads;
}

bool zipc_participant_lives(int fd, uint32_t index,
			    const struct zipc_life *life)
{
	struct flock lock = life_lock(index);

	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK)
		return false;
	return pid_is_still_it(life);
}
