/* SPDX-License-Identifier: MIT */
/*
 * Atomic accesses that C11 has no name for: copies of elements that may race
 * with their reuse, and the pause of a spinning core.
 */
#ifndef ZIPC_ATOMS_H
#define ZIPC_ATOMS_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");
static_assert(sizeof(_Atomic uint64_t) == 8, "an atomic word is a plain word");

static inline void zipc_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* The line will be written soon; harmless at any address. */
static inline void zipc_prefetch_to_write(const void *address)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
	__builtin_prefetch(address, 1);
#endif
}

/*
 * The last bytes of an element, fewer than a word's: by shifts, so that no
 * word has to have an address.
 */
static inline uint64_t zipc_short_word(const unsigned char *bytes, size_t size)
{
	uint64_t word = 0;

	while (size--)
		word = word << 8 | bytes[size];
	return word;
}

static inline void zipc_split_word(unsigned char *bytes, size_t size,
				   uint64_t word)
{
	for (; size--; word >>= 8)
		*bytes++ = (unsigned char)word;
}

/*
 * Copy size bytes into shared words, and out of them. Relaxed: a reader that
 * races with a writer discards what it copied, so only the accesses
 * themselves must not tear. The last word is padded with zeros.
 */
static inline void zipc_copy_in(_Atomic uint64_t *to, const void *from,
				size_t size)
{
	const unsigned char *bytes = from;
	uint64_t word;

	for (; size >= 8; size -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		atomic_store_explicit(to++, word, memory_order_relaxed);
	}
	if (size)
		atomic_store_explicit(to, zipc_short_word(bytes, size),
				      memory_order_relaxed);
}

static inline void zipc_copy_out(void *to, const _Atomic uint64_t *from,
				 size_t size)
{
	unsigned char *bytes = to;
	uint64_t word;

	for (; size >= 8; size -= 8, bytes += 8) {
		word = atomic_load_explicit(from++, memory_order_relaxed);
		memcpy(bytes, &word, 8);
	}
	if (size)
		zipc_split_word(bytes, size,
				atomic_load_explicit(from,
						     memory_order_relaxed));
}

#endif
