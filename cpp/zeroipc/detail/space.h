/* SPDX-License-Identifier: MIT */
/*
 * Who may create and remove structures in a segment, and memory for them.
 *
 * What a crash leaves: the lock is dropped by the kernel; memory that was
 * reserved for what was not committed is given back by the next who reserves
 * there.
 */
#ifndef ZEROIPC_DETAIL_SPACE_H
#define ZEROIPC_DETAIL_SPACE_H

#include <zeroipc/detail/clock.h>
#include <zeroipc/detail/segment.h>

#include <algorithm>
#include <sys/file.h>

namespace zeroipc::detail {

[[noreturn]] inline void say_who_creates(const Segment &segment)
{
	const std::uint32_t creator = segment.header().creator.load(relaxed);

	if (!creator || creator > segment.max_participants)
		fail(EBUSY, "another process holds the lock of segment `/%s`: "
		     "try again", segment.name.c_str());
	fail(EBUSY, "process %u is creating a structure in segment `/%s` and "
	     "does not go on: continue or end it",
	     segment.participants[creator - 1].pid.load(relaxed),
	     segment.name.c_str());
}

/*
 * The lock of who creates; EBUSY naming its holder after a second. The mutex
 * keeps out other threads, the lock of the file other processes.
 */
class CreateLock {
public:
	explicit CreateLock(Segment &segment);
	CreateLock(const CreateLock &) = delete;

	~CreateLock()
	{
		segment_.header().creator.store(0, relaxed);
		flock(segment_.fd, LOCK_UN);
		segment_.mutex.unlock();
	}

private:
	bool try_lock()
	{
		if (!segment_.mutex.try_lock())
			return false;
		if (!flock(segment_.fd, LOCK_EX | LOCK_NB))
			return true;
		segment_.mutex.unlock();
		return false;
	}

	Segment &segment_;
};

inline CreateLock::CreateLock(Segment &segment) : segment_(segment)
{
	const std::int64_t deadline = now_ns() + 1000000000;
	std::int64_t pause_ns = 50000;

	segment.enter();
	while (!try_lock()) {
		const timespec nap = to_timespec(pause_ns);

		if (now_ns() >= deadline)
			say_who_creates(segment);
		nanosleep(&nap, nullptr);
		pause_ns = pause_ns < 2000000 ? pause_ns * 2 : pause_ns;
	}
	segment.header().creator.store(
		holder_index(segment.holder.load(relaxed)) + 1, relaxed);
}

/*
 * fallocate in steps, so that a signal costs one step and not all of them.
 * Returns 0 or what refused it.
 */
inline int allocate(int fd, std::uint64_t from, std::uint64_t end)
{
	std::uint64_t most = std::uint64_t(64) << 20;

	while (from < end) {
		const std::uint64_t step = std::min(end - from, most);

		if (!fallocate(fd, 0, off_t(from), off_t(step)))
			from += step;
		else if (errno != EINTR)
			return errno;
		else if (most > page)
			most /= 2; /* so that some step ends between signals */
	}
	return 0;
}

/* Give the whole pages between begin and end back, which are nobody's. */
inline void give_back(const Segment &segment, std::uint64_t begin,
		      std::uint64_t end)
{
	begin = round_up(begin, page);
	end -= end % page;
	if (begin < end)
		fallocate(segment.fd,
			  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  off_t(begin), off_t(end - begin));
}

/*
 * Zero what of the block lies in pages that it shares with others: before the
 * first whole page between offset and room, and behind the last.
 */
inline void clear_edges(Segment &segment, std::uint64_t offset,
			std::uint64_t end, std::uint64_t room)
{
	const std::uint64_t first = std::min(round_up(offset, page), end);
	const std::uint64_t last = std::max(room - room % page, first);

	std::memset(segment.base + offset, 0, first - offset);
	if (last < end)
		std::memset(segment.base + last, 0, end - last);
}

/*
 * Reserve memory for bytes at offset, all reading zero; ENOSPC leaves what was
 * there before. Under the lock only; all bytes from offset to end must be
 * nobody's.
 */
inline void reserve(Segment &segment, std::uint64_t offset, std::uint64_t bytes,
		    std::uint64_t end)
{
	/* That includes what a creator that died had reserved there. */
	give_back(segment, offset, end);

	const int refused = segment.sparse
		? 0 : allocate(segment.fd, offset, offset + bytes);

	if (refused) {
		give_back(segment, offset, end);
		fail(refused, "cannot reserve %llu bytes of memory for segment "
		     "`/%s`: %s", static_cast<unsigned long long>(bytes),
		     segment.name.c_str(),
		     refused == ENOSPC
			     ? "/dev/shm is full; make room or enlarge it"
			     : std::strerror(refused));
	}
	clear_edges(segment, offset, offset + bytes, end);
}

} // namespace zeroipc::detail

#endif
