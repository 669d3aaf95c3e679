/* SPDX-License-Identifier: MIT */
/*
 * Participants: which processes have a segment open, and which still live.
 *
 * A place is owned by who holds the lock (F_OFD_SETLK) on the byte life_byte +
 * index of the segment's file. The kernel drops it when the process ends,
 * however it ends, and across pid namespaces. A new owner first raises the
 * incarnation: words that name the old owner are then about someone dead.
 *
 * Two cases need more than the lock. A child that was forked and stopped before
 * its at-fork handler still holds its parent's description; and a new owner
 * stopped before it raised the incarnation makes the old one look alive. In
 * both the pid that stands in the place is gone or has another start time,
 * which proves death to everyone in the same pid namespace.
 */
#ifndef ZEROIPC_DETAIL_PARTICIPANT_H
#define ZEROIPC_DETAIL_PARTICIPANT_H

#include <zeroipc/detail/clock.h>
#include <zeroipc/detail/format.h>
#include <zeroipc/error.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zeroipc::detail {

/*
 * A holder names a participant in the word that claims something: incarnation
 * << 16 | index + 1. 0 is nobody.
 */
inline std::uint64_t holder_of(std::uint32_t index, std::uint32_t incarnation)
{
	return std::uint64_t(incarnation) << 16 | (index + 1);
}

inline std::uint32_t holder_index(std::uint64_t holder)
{
	return std::uint32_t(holder & 0xFFFF) - 1;
}

inline std::uint32_t holder_incarnation(std::uint64_t holder)
{
	return std::uint32_t(holder >> 16);
}

inline struct flock life_lock(std::uint32_t index)
{
	struct flock lock = {};

	lock.l_type = F_WRLCK;
	lock.l_whence = SEEK_SET;
	lock.l_start = life_byte + index;
	lock.l_len = 1;
	return lock;
}

/* What /proc/PID/stat tells: its fields 3, 20 and 22. */
struct Process {
	char state = 0;
	std::uint64_t threads = 0;
	std::uint64_t start_ticks = 0; /* when it began, since boot */

	bool read(std::uint32_t pid);
};

/*
 * The second field is a name in parentheses that may hold anything, so counting
 * starts behind the last ')'.
 */
inline bool Process::read(std::uint32_t pid)
{
	char path[32], text[1024];

	std::snprintf(path, sizeof(path), "/proc/%u/stat", pid);

	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;

	const ssize_t n = ::read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';

	const char *at = std::strrchr(text, ')');

	for (int field = 3; at && field <= 22; field++) {
		at = std::strchr(at + 1, ' ');
		if (at && field == 3)
			state = at[1];
		else if (at && field == 20)
			threads = std::strtoull(at, nullptr, 10);
	}
	start_ticks = at ? std::strtoull(at, nullptr, 10) : 0;
	return at;
}

/*
 * The inode that names this process's pid namespace; 0 where pids prove
 * nothing. That is so where /proc tells of another namespace, in which our
 * pids are others', and in a time namespace, where start times are shifted.
 */
inline std::uint32_t pid_namespace()
{
	/* The kernel's fixed inode of the namespace that is not shifted. */
	constexpr ino_t first_time_inode = 0xEFFFFFFA;
	char self[16] = "";
	struct stat st;

	if (readlink("/proc/self", self, sizeof(self) - 1) < 0 ||
	    std::strtol(self, nullptr, 10) != getpid())
		return 0;
	if (!stat("/proc/self/ns/time", &st) && st.st_ino != first_time_inode)
		return 0;
	return stat("/proc/self/ns/pid", &st) ? 0 : std::uint32_t(st.st_ino);
}

inline void introduce(Participant &place)
{
	const char *program = program_invocation_short_name;
	std::uint64_t name[2] = {0, 0};
	Process process;

	process.read(std::uint32_t(getpid()));
	std::memcpy(name, program, strnlen(program, sizeof(name)));
	/* Relaxed: who reads these also asks for the lock. */
	place.start_ticks.store(process.start_ticks, relaxed);
	place.pid_namespace.store(pid_namespace(), relaxed);
	place.since_ns.store(since_1970_ns(), relaxed);
	place.uid.store(geteuid(), relaxed);
	place.name[0].store(name[0], relaxed);
	place.name[1].store(name[1], relaxed);
	place.pid.store(std::uint32_t(getpid()), release);
}

/* The lock is held: raise the incarnation before anything else is said. */
inline std::uint64_t move_in(Participant &place, std::uint32_t index)
{
	std::uint32_t incarnation = place.incarnation.load(relaxed) + 1;

	if (incarnation == 0)
		incarnation = 1;
	/*
	 * A pid of 0 proves nothing, so a place between two owners is judged by
	 * its lock alone, and nothing names the new incarnation yet.
	 */
	place.incarnation.store(incarnation, release);
	place.pid.store(0, relaxed);
	introduce(place);
	return holder_of(index, incarnation);
}

/*
 * Take a free place of count, by locks on fd, which must be a description of
 * this process's own, open for writing. Returns the holder that names it.
 */
inline std::uint64_t join_participants(int fd, Participant *places,
				       std::uint32_t count)
{
	for (std::uint32_t index = 0; index < count; index++) {
		struct flock lock = life_lock(index);

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return move_in(places[index], index);
		if (errno != EAGAIN && errno != EACCES)
			fail(errno, "cannot lock a participant's place: %s",
			     std::strerror(errno));
	}
	fail(EUSERS, "all %u participants' places are taken by live processes: "
	     "end some, or create the segment with more (max_participants)",
	     count);
}

/* What proves a participant's life, copied from its place. */
struct Life {
	std::uint32_t incarnation, pid, pid_namespace;
	std::uint64_t start_ticks;
};

/* Whether the pid in the place is still the process that wrote it there. */
inline bool pid_is_still_it(const Life &life)
{
	Process process;

	if (!life.pid || !life.start_ticks || !life.pid_namespace ||
	    life.pid_namespace != pid_namespace())
		return true; /* can not tell from here */
	/* A hidden /proc is no proof; kill() sees hidden processes too. */
	if (!process.read(life.pid))
		return !(kill(pid_t(life.pid), 0) && errno == ESRCH);
	/* A zombie has ended, unless it is only its first thread. */
	return process.start_ticks == life.start_ticks &&
	       !(process.state == 'Z' && process.threads < 2);
}

/*
 * Whether the participant at index lives; fd must not be the description that
 * it joined by, since a lock never conflicts with its own description.
 */
inline bool participant_lives(int fd, std::uint32_t index, const Life &life)
{
	struct flock lock = life_lock(index);

	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK)
		return false;
	return pid_is_still_it(life);
}

} // namespace zeroipc::detail

#endif
