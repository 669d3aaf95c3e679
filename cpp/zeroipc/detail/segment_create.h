/* SPDX-License-Identifier: MIT */
/*
 * Creating a segment. It is built in an unnamed file and linked to its name
 * when it is complete, so nobody ever sees half of one. It is sparse: memory is
 * reserved for the header, the table and the participants here, and for each
 * structure when it is created.
 *
 * What a crash leaves: before the link nothing, as an unnamed file dies with
 * its last descriptor; after it a whole, empty segment.
 */
#ifndef ZEROIPC_DETAIL_SEGMENT_CREATE_H
#define ZEROIPC_DETAIL_SEGMENT_CREATE_H

#include <zeroipc/detail/segment_open.h>
#include <zeroipc/detail/space.h>

#include <sys/random.h>

namespace zeroipc {

/* What a segment is created with; one that exists is left as it is. */
struct Options {
	unsigned mode = 0600; /* permissions; umask is ignored */
	unsigned max_entries = detail::default_entries; /* structures */
	unsigned max_participants = detail::default_participants;
	/*
	 * Let writers use a full fence at each operation instead of asking the
	 * kernel for one (membarrier) when a neighbour is stuck: slower, and
	 * for processes whose sandbox refuses membarrier. Chosen by itself
	 * where the creator is refused it.
	 */
	bool symmetric = false;
	/* Reserve nothing: a full /dev/shm is then a SIGBUS at use. */
	bool sparse = false;
};

namespace detail {

inline void check_options(const Options &o)
{
	if (!o.max_entries || o.max_entries > most_entries)
		fail(EINVAL, "max_entries is %u: 1 to %u", o.max_entries,
		     most_entries);
	if (!o.max_participants || o.max_participants > most_participants)
		fail(EINVAL, "max_participants is %u: 1 to %u",
		     o.max_participants, most_participants);
	if (o.mode & ~0777u)
		fail(EINVAL, "mode 0%o: permissions are 0 to 0777", o.mode);
}

/* Where things are to stand, from the options. */
inline Header plan_segment(std::uint64_t size_bytes, const Options &o)
{
	const bool symmetric = o.symmetric || !register_for_fences();
	std::uint64_t first = users_end(o.max_entries, o.max_participants);
	Header header = {};

	header.magic = magic;
	header.version = format_version;
	header.max_entries = o.max_entries;
	header.format_word = format_word;
	header.max_participants = o.max_participants;
	header.options = (symmetric ? option_symmetric : 0) |
			 (o.sparse ? option_sparse : 0);
	header.participants_offset = std::uint32_t(first / line);
	first += o.max_participants * sizeof(Participant);
	if (size_bytes > most_bytes - page)
		fail(EINVAL, "a segment has less than 256 GiB");
	header.size_bytes = round_up(size_bytes, page);
	if (header.size_bytes < first + line)
		fail(EINVAL, "%llu bytes are too few: table and participants "
		     "alone take %llu",
		     static_cast<unsigned long long>(size_bytes),
		     static_cast<unsigned long long>(first));
	header.table_state.plain = (first / line) << 32;
	return header;
}

inline std::uint64_t random_id()
{
	std::uint64_t id = 0;

	while (!id)
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			id = std::uint64_t(now_ns()) << 16 ^
			     std::uint64_t(getpid());
	return id;
}

[[noreturn]] inline void cannot_prepare(const Segment &segment)
{
	fail(errno, "cannot prepare segment `/%s`: %s", segment.name.c_str(),
	     std::strerror(errno));
}

/* An unnamed file with everything in it but structures. */
inline void build_segment(Segment &segment, Header &header, unsigned mode)
{
	const std::uint64_t first = header.table_state.plain >> 32;

	segment.fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (segment.fd < 0)
		fail(errno, "cannot make a file in /dev/shm: %s",
		     std::strerror(errno));
	/* map() opens it again, whatever umask and the mode to come deny. */
	if (fchmod(segment.fd, 0600) ||
	    ftruncate(segment.fd, off_t(header.size_bytes)))
		cannot_prepare(segment);
	segment.sparse = header.options & option_sparse;
	segment.map(header.size_bytes);
	if (fchmod(segment.fd, mode))
		cannot_prepare(segment);
	reserve(segment, 0, first * line, segment.size);
	header.created_ns = since_1970_ns();
	header.segment_id = random_id();
	std::memcpy(segment.base, &header, sizeof(header));
	segment.adopt(header);
}

/* Give the finished file its name: the moment in which the segment exists. */
inline void publish_segment(const Segment &segment)
{
	char unnamed[32];

	std::snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", segment.fd);
	if (!linkat(AT_FDCWD, unnamed, AT_FDCWD, path_of(segment.name).c_str(),
		    AT_SYMLINK_FOLLOW))
		return;
	if (errno == EEXIST)
		fail(EEXIST, "segment `/%s` exists: open it, or remove it first",
		     segment.name.c_str());
	fail(errno, "cannot name segment `/%s`: %s%s", segment.name.c_str(),
	     std::strerror(errno),
	     errno == ENOENT ? " (is /proc mounted?)" : "");
}

inline std::shared_ptr<Segment> create_segment(const std::string &name,
					       std::uint64_t size_bytes,
					       const Options &options)
{
	auto segment = std::make_shared<Segment>(file_name(name));

	check_options(options);

	Header header = plan_segment(size_bytes, options);
	HoldForks hold;

	try {
		build_segment(*segment, header, options.mode);
		segment->join();
		publish_segment(*segment);
	} catch (...) {
		segment.reset(); /* while forks are held */
		throw;
	}
	enlist(*segment, hold);
	return segment;
}

inline std::shared_ptr<Segment> open_or_create(const std::string &name,
					       std::uint64_t size_bytes,
					       const Options &options)
{
	/* Others may remove and create it between our two looks. */
	for (int tries = 1;; tries++) {
		try {
			return open_segment(name, false);
		} catch (const Error &error) {
			if (error.number() != ENOENT)
				throw;
		}
		try {
			return create_segment(name, size_bytes, options);
		} catch (const Error &error) {
			if (error.number() != EEXIST || tries == 100)
				throw;
		}
	}
}

} // namespace detail
} // namespace zeroipc

#endif
