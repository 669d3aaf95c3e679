/* SPDX-License-Identifier: MIT */
/*
 * Room for structures, under the lock of who creates and removes. What is free
 * follows from the table each time: it is what lies in no entry's extent.
 *
 * An entry becomes unused in this order: the block's whole pages are given
 * back, its name becomes zero, its extent becomes zero; who comes after a death
 * in that does it again. next_offset is where the last extent ends, and never
 * less. A table that is damaged tells nothing of what is free: then nothing is
 * freed, and what is created goes beyond next_offset.
 */
#ifndef ZEROIPC_DETAIL_ROOM_H
#define ZEROIPC_DETAIL_ROOM_H

#include <zeroipc/detail/space.h>
#include <zeroipc/detail/use.h>

#include <algorithm>
#include <vector>

namespace zeroipc::detail {

struct TableState {
	std::uint32_t count;
	std::uint64_t next; /* the line behind the last block, in bytes */
};

/* The table's state, checked. */
inline TableState read_table(const Segment &segment)
{
	/* table: acquire; pairs with set_table(). */
	const std::uint64_t word = segment.header().table_state.load(acquire);
	const TableState state = {std::uint32_t(word), (word >> 32) * line};

	if (state.count > segment.max_entries || state.next > segment.size ||
	    state.next < segment.table.begin)
		fail(EBADMSG, "segment `/%s` is damaged: its table says %u "
		     "entries of %u, and %llu bytes of %llu",
		     segment.name.c_str(), state.count, segment.max_entries,
		     static_cast<unsigned long long>(state.next),
		     static_cast<unsigned long long>(segment.size));
	return state;
}

inline void set_table(Segment &segment, const TableState &state)
{
	/* table: release; pairs with read_table(). */
	segment.header().table_state.store(state.next / line << 32 |
						   state.count,
					   release);
}

/* What the table has, of entries that are not unused. */
struct Survey {
	TableState state;
	std::vector<Extent> extents; /* in the order of the file */
	std::uint32_t unused; /* the first unused entry, or the count */
	std::uint64_t last, held = 0; /* where the last ends; of removed ones */
	bool damaged = false;

	explicit Survey(const Segment &segment)
		: state(read_table(segment)), unused(state.count),
		  last(segment.table.begin)
	{
		for (std::uint32_t i = 0; i < state.count; i++)
			add(segment.table, i);
		std::sort(extents.begin(), extents.end(),
			  [](const Extent &a, const Extent &b) {
				  return a.at < b.at;
			  });
		for (const Extent &extent : extents) {
			damaged = damaged || extent.at < last;
			last = extent.end();
		}
	}

private:
	void add(const Table &table, std::uint32_t i)
	{
		const Extent extent = table.read(table.extent(i));

		if (extent.state == Extent::unused) {
			unused = std::min(unused, i);
			return;
		}
		if (extent.state == Extent::removed)
			held += extent.bytes;
		damaged = damaged || !extent.fits(table.begin, state.next);
		extents.push_back(extent);
	}
};

inline void make_unused(Segment &segment, std::uint32_t i, const Extent &extent)
{
	give_back(segment, extent.at, extent.end());
	for (auto &word : segment.table.entry(i).name)
		word.store(0, relaxed);
	segment.table.set_extent(i, 0);
}

/* Of the removed entries those that nobody can use; whether there were any. */
inline bool free_unused(Segment &segment, std::uint32_t count)
{
	std::string known(segment.max_participants, '\0');
	bool any = false;

	/*
	 * Between marking an entry, by this process or one that had the lock
	 * before, and looking at its bits; who opens runs one between raising
	 * its bit and looking at the entry.
	 */
	std::atomic_thread_fence(seq_cst);
	for (std::uint32_t i = 0; i < count; i++) {
		const Extent extent =
			segment.table.read(segment.table.extent(i));

		if (extent.state != Extent::removed ||
		    is_used(segment, i, known))
			continue;
		make_unused(segment, i, extent);
		any = true;
	}
	return any;
}

/* Read the table, and free what can be. */
inline Survey tidy_table(Segment &segment)
{
	Survey survey(segment);

	if (survey.damaged)
		return survey;
	if (survey.held && free_unused(segment, survey.state.count))
		survey = Survey(segment);
	if (survey.last < survey.state.next) {
		survey.state.next = survey.last;
		set_table(segment, survey.state);
	}
	return survey;
}

/* Where a structure is to be put. */
struct Spot {
	std::uint32_t entry; /* below state.count: it is unused */
	TableState state;    /* next: once the block is there */
	std::uint64_t at, end; /* from the block on, nobody's bytes */
};

[[noreturn]] inline void no_room(const Segment &segment, const Survey &survey,
				 const std::string &name, std::uint64_t bytes,
				 std::uint64_t most)
{
	const std::string held = survey.held
		? ", or end who still has removed ones open: they hold " +
			  std::to_string(survey.held)
		: "";

	fail(ENOSPC, "`%s` takes %llu bytes, segment `/%s` has %llu left in "
	     "one piece, of %llu: create a larger one%s", name.c_str(),
	     static_cast<unsigned long long>(bytes), segment.name.c_str(),
	     static_cast<unsigned long long>(most),
	     static_cast<unsigned long long>(segment.size), held.c_str());
}

/* The first gap that is large enough; how large the largest was. */
inline std::uint64_t find_gap(Spot &room, const Survey &survey,
			      std::uint64_t begin, std::uint64_t bytes,
			      std::uint64_t size)
{
	std::size_t i = survey.damaged ? survey.extents.size() : 0;
	std::uint64_t at = survey.damaged ? survey.state.next : begin, most = 0;

	for (; i <= survey.extents.size(); i++) {
		const bool is_last = i == survey.extents.size();
		const std::uint64_t end = is_last ? size
						  : survey.extents[i].at;

		most = std::max(most, end - at);
		if (end - at >= bytes) {
			room.at = at;
			room.end = end;
			break;
		}
		if (!is_last)
			at = survey.extents[i].end();
	}
	return most;
}

inline Spot find_room(Segment &segment, const std::string &name,
		      std::uint64_t bytes)
{
	const Survey survey = tidy_table(segment);
	Spot room = {survey.unused, survey.state, 0, 0};

	if (room.entry >= segment.max_entries)
		fail(ENOSPC, "the table of segment `/%s` is full with %u "
		     "structures: create the segment with more (max_entries)",
		     segment.name.c_str(), survey.state.count);

	const std::uint64_t most = find_gap(room, survey, segment.table.begin,
					    bytes, segment.size);

	if (most < bytes)
		no_room(segment, survey, name, bytes, most);
	room.state.next = std::max(room.state.next, room.at + bytes);
	return room;
}

} // namespace zeroipc::detail

#endif
