/* SPDX-License-Identifier: MIT */
/*
 * The page that a storm shares with who acts in it, also with programs of other
 * languages: words of 8 bytes at fixed offsets, which only the functions below
 * and their like touch while anybody acts.
 *
 *   0     1 when it is over
 *   8     1 while who failed writes why, 2 behind that
 *   16    why
 *   512   per seat, in a line of 64 bytes each: what it has done
 */
#ifndef ZIPC_STORM_PAGE_H
#define ZIPC_STORM_PAGE_H

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define STORM_SEATS 12

struct storm_page {
	uint64_t over, failed;
	char failure[496];
	struct {
		uint64_t progress;
		char pad[56]; /* a line of its own */
	} seats[STORM_SEATS];
};

static_assert(offsetof(struct storm_page, failure) == 16, "as stated");
static_assert(offsetof(struct storm_page, seats) == 512, "as stated");
static_assert(sizeof(struct storm_page) == 512 + 64 * STORM_SEATS, "as stated");

/* Acquire. */
static inline uint64_t word_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Release. */
static inline void word_store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* The value from before; acquire and release. */
static inline uint64_t word_add(uint64_t *word, uint64_t addend)
{
	return __atomic_fetch_add(word, addend, __ATOMIC_ACQ_REL);
}

/* Only the first one that fails tells why. */
static inline void page_fail(struct storm_page *page, const char *format,
			     va_list args)
{
	uint64_t none = 0;

	if (!__atomic_compare_exchange_n(&page->failed, &none, 1, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	vsnprintf(page->failure, sizeof(page->failure), format, args);
	word_store(&page->failed, 2);
}

#endif
