/* SPDX-License-Identifier: MIT */
/*
 * Uses: who may still touch a structure's block, so that its space is used
 * again when nobody can.
 *
 * Each entry has a row with a bit for each participant, outside of all blocks.
 * Who opens raises its bit, runs a full fence, and looks at the entry once
 * more: if that is no longer the structure of that name, it lowers the bit and
 * looks the name up again. Who removes marks the entry, runs a full fence, and
 * looks at the bits. So one of the two sees the other, and nothing is written
 * into a block that may be somebody else's.
 *
 * A bit is written only by who holds its participant's place, and believed only
 * while that lives; who takes a place lowers its bits before it opens anything.
 * A forked child raises bits of its own when it first enters, and has lost what
 * was removed by then. Who only reads has no bits: it copies, and then asks
 * whether the entry stood meanwhile.
 */
#ifndef ZEROIPC_DETAIL_USE_H
#define ZEROIPC_DETAIL_USE_H

#include <zeroipc/detail/segment.h>

namespace zeroipc::detail {

/* What a handle has of its structure's entry, until the last copy goes. */
class Use {
public:
	Use(Segment &segment, std::uint32_t entry)
		: segment_(segment.shared_from_this()), entry_(entry)
	{
	}

	Use(const Use &) = delete;

	~Use()
	{
		if (begun_ && !segment_->read_only)
			end();
	}

	/* False: it is another one by now, and nothing was begun. */
	bool begin(const std::string &name)
	{
		if (segment_->read_only) {
			look();
			begun_ = is_called(name);
			std::atomic_thread_fence(acquire);
			return begun_ && stands();
		}

		std::lock_guard lock(segment_->uses_mutex);
		Used &used = segment_->uses[entry_];

		if (!used.handles)
			segment_->table.raise(entry_, segment_->place());
		/*
		 * Between raising the bit and looking at the entry; who removes
		 * runs one between marking the entry and looking at the bit.
		 */
		std::atomic_thread_fence(seq_cst);
		look();
		begun_ = is_called(name);
		if (begun_)
			used = {extent_, lives_, used.handles + 1};
		else if (!used.handles)
			segment_->table.lower(entry_, segment_->place());
		return begun_;
	}

	/*
	 * Whether the entry is still what it was. For who has no bit, behind an
	 * acquire fence: what it copied before was the structure's.
	 */
	bool stands() const
	{
		return segment_->table.extent(entry_) == extent_ &&
		       segment_->table.lives(entry_) == lives_;
	}

	/* What a handle has entered with that may write. */
	unsigned generation() const
	{
		return segment_->read_only ? 0 : fork_generation;
	}

	/* The first step of a forked child; ENOENT: it was removed before. */
	void enter(const char *name) const
	{
		segment_->enter();

		std::lock_guard lock(segment_->uses_mutex);

		if (!is_ours())
			lost(name);
	}

	/* Behind what a reader has copied. */
	void confirm(const char *name) const
	{
		std::atomic_thread_fence(acquire);
		if (!stands())
			lost(name);
	}

	Extent extent() const { return segment_->table.read(extent_); }

private:
	void look()
	{
		extent_ = segment_->table.extent(entry_);
		lives_ = segment_->table.lives(entry_);
	}

	bool is_called(const std::string &name) const
	{
		char copy[sizeof(Entry::name)];

		if (segment_->table.read(extent_).state != Extent::there)
			return false;
		copy_out(copy, segment_->table.entry(entry_).name,
			 sizeof(copy));
		copy[sizeof(copy) - 1] = '\0';
		return name == copy;
	}

	bool is_ours() const
	{
		const Used &used = segment_->uses[entry_];

		return used.handles && used.lives == lives_;
	}

	void end()
	{
		std::lock_guard lock(segment_->uses_mutex);

		/* After fork, until the child has entered, it has no bits. */
		if (is_ours() && !--segment_->uses[entry_].handles &&
		    segment_->generation.load(relaxed) == fork_generation)
			segment_->table.lower(entry_, segment_->place());
	}

	[[noreturn]] void lost(const char *name) const
	{
		fail(ENOENT, "`%s` in segment `/%s` was removed: look it up "
		     "again", name, segment_->name.c_str());
	}

	std::shared_ptr<Segment> segment_;
	std::uint32_t entry_;
	std::uint64_t extent_ = 0, lives_ = 0;
	bool begun_ = false;
};

/*
 * Whether any participant that lives has the entry's bit up. known has a byte
 * for each, 0 at first, and keeps who was found alive (1) or dead.
 */
inline bool is_used(const Segment &segment, std::uint32_t entry,
		    std::string &known)
{
	for (std::uint32_t from = 0; from < segment.max_participants;
	     from += 64) {
		std::uint64_t bits = segment.table.bits(entry, from);

		for (; bits; bits &= bits - 1) {
			const std::uint32_t place =
				from + std::uint32_t(__builtin_ctzll(bits));

			if (place >= segment.max_participants)
				break;
			if (!known[place])
				known[place] = segment.place_lives(place) ? 1
									  : 2;
			if (known[place] == 1)
				return true;
		}
	}
	return false;
}

} // namespace zeroipc::detail

#endif
