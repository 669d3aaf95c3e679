/* SPDX-License-Identifier: MIT */
/*
 * What a map promises, as a specification for linear.h: each key has a value or
 * none.
 *
 * Full is told only when so many keys are there, and this one is not. The other
 * way round it is not strict: of those who insert at the same moment each may
 * make it one more, and one that was killed may have for good.
 */
#ifndef ZIPC_KEYS_H
#define ZIPC_KEYS_H

#include "linear.h"

#define KEYS 3

enum keys_kind {
	KEYS_PUT, KEYS_INSERT, KEYS_REPLACE, KEYS_REMOVE, KEYS_CAS, KEYS_ADD,
	KEYS_GET
};

/* An operation's value: its key, and three values, each below 2^16. */
static inline uint64_t keys_value(unsigned key, uint64_t in, uint64_t expected,
				  uint64_t out)
{
	return key | in << 8 | expected << 24 | out << 40;
}

static inline unsigned keys_key(uint64_t value)
{
	return value & 0xFF;
}

static inline uint64_t keys_in(uint64_t value)
{
	return value >> 8 & 0xFFFF;
}

static inline uint64_t keys_expected(uint64_t value)
{
	return value >> 24 & 0xFFFF;
}

static inline uint64_t keys_out(uint64_t value)
{
	return value >> 40 & 0xFFFF;
}

struct keys_rules {
	unsigned capacity;
	bool kills; /* it may come to hold more, for good */
};

/* The rules must stay where they are. */
struct linear_spec keys_spec(const struct keys_rules *rules);

#endif
