/* SPDX-License-Identifier: MIT */
/*
 * Memory: a segment, a file in /dev/shm that processes map and fill with named
 * structures.
 *
 *   zeroipc::Memory mem("/sensors", 1 << 20);
 *   zeroipc::Array<float> temps(mem, "temperature", 1000);
 *
 * This is ZeroIPC for C++, whole and by itself: headers only, which need
 * nothing but C++20 and Linux, and share segments with the C library and with
 * Python. docs/format.md is the authority on bytes.
 *
 * Handles    Memory, Array and Queue move and do not copy. A structure's handle
 *            holds its segment, so the order in which they go does not matter.
 *            Destructors close; only Memory::unlink() takes a name away.
 * Errors     are thrown (zeroipc/error.h).
 * Threads    a Memory may be shared by threads; a Queue or Array belongs to one
 *            thread at a time, and opening another is cheap.
 * fork       a child may go on with every handle: the first call through it
 *            makes the child a participant of its own.
 * Crash      a process may be killed or stopped at any instruction; a killed
 *            create leaves no name, a killed open nothing but a participant
 *            that is known to be dead.
 */
#ifndef ZEROIPC_MEMORY_H
#define ZEROIPC_MEMORY_H

#include <zeroipc/detail/segment_create.h>
#include <zeroipc/detail/table.h>
#include <zeroipc/error.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace zeroipc {

/* Passed on open: needs only permission to read, and takes no place. */
struct ReadOnly {};
inline constexpr ReadOnly read_only;

class Memory {
public:
	/*
	 * Open the segment of that name, "/sensors" or "sensors"; if there is
	 * none, create it, with size_bytes rounded up to pages. It takes memory
	 * only as structures are created. One that exists keeps its size and
	 * its options.
	 */
	Memory(const std::string &name, std::uint64_t size_bytes,
	       const Options &options = {})
		: segment_(detail::open_or_create(name, size_bytes, options))
	{
	}

	/* Open; ENOENT, EACCES, EBADMSG, EPROTONOSUPPORT, EUSERS. */
	explicit Memory(const std::string &name)
		: segment_(detail::open_segment(name, false))
	{
	}

	Memory(const std::string &name, ReadOnly)
		: segment_(detail::open_segment(name, true))
	{
	}

	/* EEXIST when there is one. */
	static Memory create(const std::string &name, std::uint64_t size_bytes,
			     const Options &options = {})
	{
		return Memory(detail::create_segment(name, size_bytes,
						     options));
	}

	/*
	 * Take the name away. Who has the segment open keeps it; memory is
	 * freed when the last one closes. EBADMSG: the file is no segment.
	 */
	static void unlink(const std::string &name)
	{
		detail::unlink_segment(name);
	}

	/*
	 * Take a structure's name away: it is found no more, and the name can
	 * be used again. Handles that are open keep it; its space is used again
	 * when they are gone, or their processes dead. ENOENT, EROFS, EBUSY.
	 */
	void remove(const std::string &name) const
	{
		detail::remove_structure(*segment_, name);
	}

	Memory(Memory &&) noexcept = default;
	Memory &operator=(Memory &&) noexcept = default;

	/* Without its slash. */
	const std::string &name() const { return segment_->name; }
	std::uint64_t size() const { return segment_->size; } /* bytes */
	bool is_read_only() const { return segment_->read_only; }

	/* Random, drawn at create: another segment of that name differs. */
	std::uint64_t id() const { return segment_->header().segment_id; }

	/* The structures in it, in the order of the table. */
	std::vector<std::string> names() const
	{
		return detail::structure_names(*segment_);
	}

	/* For the headers of structures. */
	const std::shared_ptr<detail::Segment> &segment() const
	{
		return segment_;
	}

private:
	explicit Memory(std::shared_ptr<detail::Segment> segment)
		: segment_(std::move(segment))
	{
	}

	std::shared_ptr<detail::Segment> segment_;
};

} // namespace zeroipc

#endif
