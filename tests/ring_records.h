/* SPDX-License-Identifier: MIT */
/*
 * Records that prove themselves: of a length, and of bytes, that follow from
 * their number, which is their first word. A torn one is none of these.
 */
#ifndef ZIPC_RING_RECORDS_H
#define ZIPC_RING_RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t record_mix(uint64_t number)
{
	number *= UINT64_C(0x9E3779B97F4A7C15);
	return number ^ number >> 29;
}

/* 8 to most bytes. */
static inline size_t record_length(uint64_t number, size_t most)
{
	return 8 + record_mix(number) % (most - 7);
}

/*
 * Atomic, byte by byte: made in place, it is looked at by a reader that is late
 * and then throws away what it saw.
 */
static inline size_t record_make(void *buf, uint64_t number, size_t most)
{
	size_t n = record_length(number, most), i;
	unsigned char *bytes = buf, byte;

	for (i = 0; i < n; i++) {
		byte = (unsigned char)(i < 8 ? number >> 8 * i
					     : record_mix(number) + i);
		__atomic_store_n(&bytes[i], byte, __ATOMIC_RELAXED);
	}
	return n;
}

/* The number of a record; 0: it is torn. */
static inline uint64_t record_number(const void *buf, size_t n, size_t most)
{
	const unsigned char *bytes = buf;
	uint64_t number;
	size_t i;

	if (n < 8)
		return 0;
	memcpy(&number, bytes, 8);
	if (n != record_length(number, most))
		return 0;
	for (i = 8; i < n; i++)
		if (bytes[i] != (unsigned char)(record_mix(number) + i))
			return 0;
	return number;
}

#endif
