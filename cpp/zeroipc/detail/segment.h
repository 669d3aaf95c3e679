/* SPDX-License-Identifier: MIT */
/*
 * A segment as one process has it open: its descriptor, its mapping, its place
 * as a participant, and what fork does to them. All that are open stand in a
 * list, as a forked child has to open their files again.
 */
#ifndef ZEROIPC_DETAIL_SEGMENT_H
#define ZEROIPC_DETAIL_SEGMENT_H

#include <zeroipc/detail/fence.h>
#include <zeroipc/detail/format.h>
#include <zeroipc/detail/participant.h>
#include <zeroipc/detail/users.h>
#include <zeroipc/error.h>

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <new>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace zeroipc::detail {

struct Segment : std::enable_shared_from_this<Segment> {
	std::string name; /* without the slash */
	unsigned char *base = nullptr;
	std::uint64_t size = 0; /* bytes mapped; nothing beyond is touched */
	/*
	 * A description of this process's own: its life lock, the lock of who
	 * creates, and fallocate go through it. After fork, before anything
	 * else, the child opens another.
	 */
	int fd = -1;
	bool read_only = false, symmetric = false, sparse = false;
	std::uint32_t max_entries = 0, max_participants = 0;
	Participant *participants = nullptr;
	Word<unsigned> generation{0}; /* of forks, when it was joined */
	Word<std::uint64_t> holder{0}; /* this process, in claims */
	std::mutex mutex; /* creating, and joining after fork */
	std::mutex uses_mutex; /* a few instructions; inside of mutex */
	Table table; /* and the rows of users behind it */
	std::unique_ptr<Used[]> uses; /* by entry; null for who only reads */
	Segment *next = nullptr; /* all that this process has open */
	bool enlisted = false;

	explicit Segment(std::string name_) : name(std::move(name_)) {}
	Segment(const Segment &) = delete;
	~Segment();

	Header &header() const
	{
		return *reinterpret_cast<Header *>(base);
	}

	void map(std::uint64_t bytes);
	void adopt(const Header &header);
	void join();
	void rejoin();
	bool lives(std::uint64_t who) const;
	bool place_lives(std::uint32_t index) const;
	void inherit_uses();

	/* This process's own, as a participant. */
	std::uint32_t place() const
	{
		return holder_index(holder.load(relaxed));
	}

	/*
	 * The first step of every operation that writes: after fork the child
	 * becomes a participant of its own.
	 */
	void enter();
};

/* Constant at first and never destroyed: handles may be static objects. */
struct OpenSegments {
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	Segment *first = nullptr;
};
inline constinit OpenSegments open_segments;

/* Grows in the child at each fork, which has one thread then. */
inline constinit unsigned fork_generation = 1;

inline void Segment::enter()
{
	/* Relaxed: only this process writes it, and rejoin takes the mutex. */
	if (generation.load(relaxed) != fork_generation) [[unlikely]]
		rejoin();
}

/* Another description of the same file; -1 and errno. */
inline int reopen(int fd)
{
	char path[32];

	std::snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* fork */

/* No other thread is between two changes of what the child inherits. */
inline void before_fork()
{
	pthread_mutex_lock(&open_segments.mutex);
	for (Segment *s = open_segments.first; s; s = s->next)
		s->uses_mutex.lock();
}

inline void after_fork_in_parent()
{
	for (Segment *s = open_segments.first; s; s = s->next)
		s->uses_mutex.unlock();
	pthread_mutex_unlock(&open_segments.mutex);
}

/*
 * The inherited description would keep the parent looking alive, so it goes at
 * once. The child takes a place of its own when it first does something.
 */
inline void after_fork_in_child()
{
	fork_generation++;
	for (Segment *s = open_segments.first; s; s = s->next) {
		/* Whoever had it locked is not in this process. */
		new (&s->mutex) std::mutex;
		/* It was locked by this thread, before_fork(). */
		s->uses_mutex.unlock();
		if (s->read_only)
			continue;

		const int fd = reopen(s->fd);

		close(s->fd);
		s->fd = fd;
	}
	pthread_mutex_unlock(&open_segments.mutex);
}

/*
 * A description whose handle is not in the list would go to the child unseen,
 * and keep this process's place taken as long as the child lives. So nobody
 * forks between its open and enlist(), nor between delist() and its close.
 */
class HoldForks {
public:
	HoldForks()
	{
		static const int watched = pthread_atfork(
			before_fork, after_fork_in_parent, after_fork_in_child);

		(void)watched;
		pthread_mutex_lock(&open_segments.mutex);
	}

	~HoldForks()
	{
		pthread_mutex_unlock(&open_segments.mutex);
	}

	HoldForks(const HoldForks &) = delete;
};

/* The last step of create and open: from here on the handle is in the list. */
inline void enlist(Segment &segment, const HoldForks &)
{
	segment.generation.store(fork_generation, relaxed);
	segment.next = open_segments.first;
	open_segments.first = &segment;
	segment.enlisted = true;
}

inline void delist(Segment &segment, const HoldForks &)
{
	Segment **at = &open_segments.first;

	while (*at != &segment)
		at = &(*at)->next;
	*at = segment.next;
}

inline void discard(Segment &segment)
{
	if (segment.base)
		munmap(segment.base, segment.size);
	if (segment.fd >= 0)
		close(segment.fd);
}

inline Segment::~Segment()
{
	if (!enlisted) { /* who makes it holds the forks */
		discard(*this);
		return;
	}

	HoldForks hold;

	delist(*this, hold);
	discard(*this);
}

/* names */

/* A segment's name, with or without its slash, as it is called in /dev/shm. */
inline std::string file_name(const std::string &name)
{
	const std::string word = name.starts_with('/') ? name.substr(1) : name;

	if (word.size() > 255)
		fail(ENAMETOOLONG, "a segment's name has at most 255 bytes: "
		     "`%.40s...` is longer", word.c_str());
	if (word.empty() || word.find('/') != word.npos || word == "." ||
	    word == ".." || word.find('\0') != word.npos)
		fail(EINVAL, "`%s` cannot name a segment: use a word, such as "
		     "`/sensors`", word.c_str());
	return word;
}

inline std::string path_of(const std::string &word)
{
	return "/dev/shm/" + word;
}

/* mapping and joining */

/*
 * A mapping keeps the description that it was made through, and a child keeps
 * the mapping. So locks stand on another description, which a child closes.
 */
inline void leave_mapping(Segment &segment)
{
	const int fd = reopen(segment.fd);

	if (fd < 0)
		fail(EOPNOTSUPP, "cannot open segment `/%s` by /proc/self/fd: "
		     "%s (is /proc mounted?)", segment.name.c_str(),
		     std::strerror(errno));
	close(segment.fd);
	segment.fd = fd;
}

/* Map bytes of fd; locks then stand on another description. */
inline void Segment::map(std::uint64_t bytes)
{
	const int protection = PROT_READ | (read_only ? 0 : PROT_WRITE);
	void *at = mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		fail(errno, "cannot map %llu bytes of segment `/%s`: %s",
		     static_cast<unsigned long long>(bytes), name.c_str(),
		     std::strerror(errno));
	base = static_cast<unsigned char *>(at);
	size = bytes;
	if (!read_only)
		leave_mapping(*this);
}

/* Copy out of a checked header what every operation needs. */
inline void Segment::adopt(const Header &header)
{
	symmetric = header.options & option_symmetric;
	sparse = header.options & option_sparse;
	max_entries = header.max_entries;
	max_participants = header.max_participants;
	participants = reinterpret_cast<Participant *>(
		base + header.participants_offset * line);
	table = {base, max_entries, max_participants,
		 header.participants_offset * line +
			 max_participants * sizeof(Participant),
		 size};
}

/* Become a participant; who only reads needs not. */
inline void Segment::join()
{
	if (read_only)
		return;
	if (!symmetric && !register_for_fences())
		fail(EOPNOTSUPP, "the system refuses membarrier, which segment "
		     "`/%s` needs: allow it in the sandbox, or create the "
		     "segment with symmetric fences", name.c_str());
	if (!uses)
		uses = std::make_unique<Used[]>(max_entries);
	holder.store(join_participants(fd, participants, max_participants),
		     relaxed);
	/* What bits are up there are of somebody dead. */
	for (std::uint32_t i = 0; i < max_entries; i++)
		if (table.bits(i, place()) >> place() % 64 & 1)
			table.lower(i, place());
}

/* In a forked child that has joined: what it inherited is its own now. */
inline void Segment::inherit_uses()
{
	std::lock_guard lock(uses_mutex);

	for (std::uint32_t i = 0; i < max_entries; i++)
		if (uses[i].handles)
			table.raise(i, place());
	/* As who opens: between raising bits and looking at entries. */
	std::atomic_thread_fence(seq_cst);
	for (std::uint32_t i = 0; i < max_entries; i++) {
		if (!uses[i].handles || (table.extent(i) == uses[i].extent &&
					 table.lives(i) == uses[i].lives))
			continue;
		table.lower(i, place());
		uses[i] = {};
	}
	generation.store(fork_generation, release);
}

ZEROIPC_SLOW inline void Segment::rejoin()
{
	std::lock_guard lock(mutex);

	if (generation.load(relaxed) == fork_generation)
		return;
	if (fd < 0)
		fail(EACCES, "segment `/%s` could not be opened again after "
		     "fork: this user must be able to write it, and /proc be "
		     "mounted", name.c_str());
	join();
	inherit_uses();
}

/* Whether who is named lives; oneself does. */
inline bool Segment::lives(std::uint64_t who) const
{
	const std::uint32_t index = holder_index(who);

	if (who == holder.load(relaxed))
		return true;
	if (index >= max_participants)
		return false;

	/*
	 * Relaxed: a place only changes hands when its owner is dead, and the
	 * incarnation is compared last.
	 */
	const Participant &place = participants[index];
	Life life;

	life.pid = place.pid.load(acquire);
	life.start_ticks = place.start_ticks.load(relaxed);
	life.pid_namespace = place.pid_namespace.load(relaxed);
	life.incarnation = holder_incarnation(who);
	return participant_lives(fd, index, life) &&
	       place.incarnation.load(acquire) == life.incarnation;
}

/*
 * Whether a participant lives that had the place when this was called; one that
 * comes meanwhile may be told for it.
 */
inline bool Segment::place_lives(std::uint32_t index) const
{
	const Participant &there = participants[index];
	const std::uint32_t incarnation = there.incarnation.load(acquire);

	/* A lock never conflicts with the description that holds it. */
	if (index == place() ||
	    lives(std::uint64_t(incarnation) << 16 | (index + 1)))
		return true;
	/* What was read may be of two owners: then the later one is alive. */
	return there.incarnation.load(acquire) != incarnation;
}

} // namespace zeroipc::detail

#endif
