/* SPDX-License-Identifier: MIT */
/*
 * Opening a segment, and taking its name away. A file is foreign until its
 * header was copied, by pread, and the copy checked: only then it is mapped.
 */
#ifndef ZEROIPC_DETAIL_SEGMENT_OPEN_H
#define ZEROIPC_DETAIL_SEGMENT_OPEN_H

#include <zeroipc/detail/segment.h>

#include <sys/stat.h>

namespace zeroipc::detail {

/* Whether the table and the participants lie where they can. */
inline bool is_in_place(const Header &h)
{
	const std::uint64_t places = h.participants_offset * line;

	return h.max_entries && h.max_entries <= most_entries &&
	       h.max_participants && h.max_participants <= most_participants &&
	       places >= users_end(h.max_entries, h.max_participants) &&
	       places + std::uint64_t(h.max_participants) *
			       sizeof(Participant) <= h.size_bytes;
}

/* Whether a header that was copied out of a file of file_size is to be used. */
inline void check_header(const Header &h, std::uint64_t file_size,
			 const char *name)
{
	if (h.magic != magic)
		fail(EBADMSG, "`/%s` is not a ZeroIPC segment", name);
	if (h.version != format_version)
		fail(EPROTONOSUPPORT, "segment `/%s` has format version %u, "
		     "this library has %u: use the release that made it", name,
		     h.version, format_version);
	if (h.format_word != format_word || h.options & ~options_known)
		fail(EBADMSG, "segment `/%s` comes from another build: format "
		     "word 0x%08x and options 0x%x, not 0x%08x and at most "
		     "0x%x", name, h.format_word, h.options, format_word,
		     options_known);
	if (h.size_bytes > file_size || h.size_bytes > most_bytes)
		fail(EBADMSG, "segment `/%s` is cut off: it has %llu of its "
		     "%llu bytes", name,
		     static_cast<unsigned long long>(file_size),
		     static_cast<unsigned long long>(h.size_bytes));
	if (!is_in_place(h))
		fail(EBADMSG, "segment `/%s` is damaged: its table or "
		     "participants are out of place", name);
}

/* Open the file of segment.name into segment.fd. */
inline void open_file(Segment &segment)
{
	const char *name = segment.name.c_str();
	const int mode = segment.read_only ? O_RDONLY : O_RDWR;

	segment.fd = open(path_of(segment.name).c_str(),
			  mode | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (segment.fd >= 0)
		return;
	if (errno == ENOENT)
		fail(ENOENT, "no segment `/%s`", name);
	if (errno == EACCES)
		fail(EACCES, "no permission to %s segment `/%s`: its owner may "
		     "chmod /dev/shm/%s", segment.read_only ? "read" : "write",
		     name, name);
	if (errno == ELOOP || errno == ENXIO || errno == EISDIR)
		fail(EBADMSG, "`/%s` is not a regular file, so no ZeroIPC "
		     "segment", name);
	fail(errno, "cannot open segment `/%s`: %s", name,
	     std::strerror(errno));
}

inline Header read_header(const Segment &segment)
{
	const char *name = segment.name.c_str();
	struct stat st;
	Header header;

	if (fstat(segment.fd, &st))
		fail(errno, "cannot stat segment `/%s`: %s", name,
		     std::strerror(errno));
	if (!S_ISREG(st.st_mode) ||
	    pread(segment.fd, &header, sizeof(header), 0) != sizeof(header))
		fail(EBADMSG, "`/%s` is not a ZeroIPC segment", name);
	check_header(header, std::uint64_t(st.st_size), name);
	return header;
}

inline std::shared_ptr<Segment> open_segment(const std::string &name,
					     bool read_only)
{
	auto segment = std::make_shared<Segment>(file_name(name));

	segment->read_only = read_only;

	HoldForks hold;

	try {
		open_file(*segment);

		const Header header = read_header(*segment);

		segment->map(header.size_bytes);
		segment->adopt(header);
		segment->join();
	} catch (...) {
		segment.reset(); /* while forks are held */
		throw;
	}
	enlist(*segment, hold);
	return segment;
}

/* Take the name away; a file that is no segment is left alone. */
inline void unlink_segment(const std::string &name)
{
	Segment segment(file_name(name));
	const std::string path = path_of(segment.name);
	std::uint32_t begin = 0;

	segment.read_only = true;
	try {
		open_file(segment);
		if (pread(segment.fd, &begin, sizeof(begin), 0) < 0)
			begin = 0;
		if (begin != magic)
			fail(EBADMSG, "`/%s` is not a ZeroIPC segment, so it "
			     "is left alone", segment.name.c_str());
	} catch (const Error &error) {
		/* Who may not read may still remove, as the directory says. */
		if (error.number() != EACCES)
			throw;
	}
	if (unlink(path.c_str()))
		fail(errno == EPERM ? EACCES : errno,
		     "cannot remove segment `/%s`: %s", segment.name.c_str(),
		     std::strerror(errno));
}

} // namespace zeroipc::detail

#endif
