/* SPDX-License-Identifier: MIT */
/*
 * Atomic accesses. A Word is a plain field of the format that is only touched
 * by them; none of its operations has a default order, so the compiler refuses
 * one that was left out. Then what has no name in C++: copies of elements that
 * may race with their reuse, and the pause of a spinning core.
 */
#ifndef ZEROIPC_DETAIL_ATOMS_H
#define ZEROIPC_DETAIL_ATOMS_H

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define ZEROIPC_INLINE [[gnu::always_inline]] inline
#define ZEROIPC_SLOW [[gnu::noinline, gnu::cold]]

namespace zeroipc::detail {

static_assert(std::endian::native == std::endian::little,
	      "format version 3 is little-endian");

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

template <typename T>
struct Word {
	static_assert(std::atomic_ref<T>::is_always_lock_free);
	T plain; /* for who owns it alone, and for copies */

	ZEROIPC_INLINE T load(std::memory_order order) const
	{
		return std::atomic_ref<T>(const_cast<T &>(plain)).load(order);
	}

	ZEROIPC_INLINE void store(T value, std::memory_order order)
	{
		std::atomic_ref<T>(plain).store(value, order);
	}

	/* On failure seen is what stands there. */
	ZEROIPC_INLINE bool change(T &seen, T to, std::memory_order done,
				   std::memory_order failed)
	{
		return std::atomic_ref<T>(plain).compare_exchange_strong(
			seen, to, done, failed);
	}

	ZEROIPC_INLINE void set(T bits, std::memory_order order)
	{
		std::atomic_ref<T>(plain).fetch_or(bits, order);
	}

	ZEROIPC_INLINE void clear(T bits, std::memory_order order)
	{
		std::atomic_ref<T>(plain).fetch_and(T(~bits), order);
	}

	ZEROIPC_INLINE T add(T value, std::memory_order order)
	{
		return std::atomic_ref<T>(plain).fetch_add(value, order);
	}
};

ZEROIPC_INLINE void pause()
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* The line will be written soon; harmless at any address. */
ZEROIPC_INLINE void prefetch_to_write(const void *address)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0"
			 : : "m"(*static_cast<const char *>(address)));
#else
	__builtin_prefetch(address, 1);
#endif
}

/*
 * Copy size bytes into shared words, and out of them. Relaxed: a reader that
 * races with a writer discards what it copied, so only the accesses themselves
 * must not tear. The last word is padded with zeros.
 */
ZEROIPC_INLINE void copy_in(Word<std::uint64_t> *to, const void *from,
			    std::size_t size)
{
	auto bytes = static_cast<const unsigned char *>(from);
	std::uint64_t word;

	for (; size >= 8; size -= 8, bytes += 8) {
		std::memcpy(&word, bytes, 8);
		(to++)->store(word, relaxed);
	}
	if (!size)
		return;
	/* By shifts, so that no word has to have an address. */
	for (word = 0; size--;)
		word = word << 8 | bytes[size];
	to->store(word, relaxed);
}

ZEROIPC_INLINE void copy_out(void *to, const Word<std::uint64_t> *from,
			     std::size_t size)
{
	auto bytes = static_cast<unsigned char *>(to);
	std::uint64_t word;

	for (; size >= 8; size -= 8, bytes += 8) {
		word = (from++)->load(relaxed);
		std::memcpy(bytes, &word, 8);
	}
	if (!size)
		return;
	for (word = from->load(relaxed); size--; word >>= 8)
		*bytes++ = static_cast<unsigned char>(word);
}

/*
 * One access per unit of an array's element, whose memory plain references of
 * the element's own type see too.
 */
template <typename Unit>
ZEROIPC_INLINE void load_units(void *to, const void *from, std::size_t size)
{
	typedef Unit Aliasing __attribute__((may_alias));
	auto at = static_cast<const Aliasing *>(from);
	auto bytes = static_cast<unsigned char *>(to);

	for (; size; size -= sizeof(Unit), bytes += sizeof(Unit)) {
		Unit unit = __atomic_load_n(at++, __ATOMIC_ACQUIRE);

		std::memcpy(bytes, &unit, sizeof(unit));
	}
}

template <typename Unit>
ZEROIPC_INLINE void store_units(void *to, const void *from, std::size_t size)
{
	typedef Unit Aliasing __attribute__((may_alias));
	auto at = static_cast<Aliasing *>(to);
	auto bytes = static_cast<const unsigned char *>(from);

	for (; size; size -= sizeof(Unit), bytes += sizeof(Unit)) {
		Unit unit;

		std::memcpy(&unit, bytes, sizeof(unit));
		__atomic_store_n(at++, unit, __ATOMIC_RELEASE);
	}
}

} // namespace zeroipc::detail

#endif
