/* SPDX-License-Identifier: MIT */
/*
 * The table as words: which entries have structures, and the rows of bits that
 * tell who uses them; use.h has the idea.
 *
 *   edge       written by     read by      carries
 *   entry      set_extent     extent       the name, the block, its body
 *   last-use   lower          bits         all done in the block
 *   life       grow           lives        which structure the entry has
 */
#ifndef ZEROIPC_DETAIL_USERS_H
#define ZEROIPC_DETAIL_USERS_H

#include <zeroipc/detail/format.h>

namespace zeroipc::detail {

/* What an entry's extent says: where a block is, in bytes. */
struct Extent {
	enum State { unused, there, removed } state = unused;
	std::uint64_t at = 0, bytes = 0;

	std::uint64_t end() const { return at + bytes; }

	/* Whether there can be a block, where they stand in between. */
	bool fits(std::uint64_t begin, std::uint64_t end) const
	{
		return bytes >= sizeof(Block) && at >= begin && at <= end &&
		       bytes <= end - at;
	}

	static std::uint64_t word(std::uint64_t at, std::uint64_t bytes)
	{
		return at / line | bytes / line << 32;
	}

	static Extent of(std::uint64_t word, State state)
	{
		return {state, std::uint32_t(word) * line, (word >> 32) * line};
	}
};

/* The table of a mapping, whose entries' rows stand behind it. */
struct Table {
	unsigned char *base = nullptr;
	std::uint32_t entries = 0, participants = 0;
	std::uint64_t begin = 0, end = 0; /* blocks stand in between */

	Entry &entry(std::uint32_t i) const
	{
		return reinterpret_cast<Entry *>(base + sizeof(Header))[i];
	}

	std::uint64_t extent(std::uint32_t i) const
	{
		/* entry: acquire; pairs with set_extent(). */
		return entry(i).extent.load(acquire);
	}

	void set_extent(std::uint32_t i, std::uint64_t word) const
	{
		/* entry: release; pairs with extent(). */
		entry(i).extent.store(word, release);
	}

	/*
	 * Offset and size of a structure add up to less than a segment can
	 * have, their complements to more. A word that can be neither says that
	 * there is a structure, so that who looks for it finds the damage.
	 */
	Extent read(std::uint64_t word) const
	{
		const Extent removed = Extent::of(~word, Extent::removed);

		if (!word)
			return {};
		if (std::uint32_t(word) + (word >> 32) < UINT32_MAX ||
		    !removed.fits(begin, end))
			return Extent::of(word, Extent::there);
		return removed;
	}

	Users &row(std::uint32_t i) const
	{
		return *reinterpret_cast<Users *>(
			base + users_begin(entries) +
			i * users_stride(participants));
	}

	std::uint64_t lives(std::uint32_t i) const
	{
		/* life: acquire; pairs with grow(). */
		return row(i).lives.load(acquire);
	}

	/* The entry gets another structure; under the lock of who creates. */
	std::uint64_t grow(std::uint32_t i) const
	{
		const std::uint64_t count = row(i).lives.load(relaxed) + 1;

		/* life: release; pairs with lives(). */
		row(i).lives.store(count, release);
		return count;
	}

	Word<std::uint64_t> &word(std::uint32_t i, std::uint32_t place) const
	{
		return reinterpret_cast<Word<std::uint64_t> *>(
			&row(i) + 1)[place / 64];
	}

	std::uint64_t bits(std::uint32_t i, std::uint32_t place) const
	{
		/* last-use: acquire; pairs with lower(). */
		return word(i, place).load(acquire);
	}

	/* Relaxed: a full fence follows. */
	void raise(std::uint32_t i, std::uint32_t place) const
	{
		word(i, place).set(std::uint64_t(1) << place % 64, relaxed);
	}

	void lower(std::uint32_t i, std::uint32_t place) const
	{
		/* last-use: release; pairs with bits(). */
		word(i, place).clear(std::uint64_t(1) << place % 64, release);
	}
};

/* What this process uses of one entry. */
struct Used {
	std::uint64_t extent = 0, lives = 0;
	std::uint32_t handles = 0; /* 0: it uses nothing there */
};

} // namespace zeroipc::detail

#endif
