/* SPDX-License-Identifier: MIT */
/*
 * What is derived: an element is emitted, somebody computes another from it,
 * and who waits for that gets it. What a peer has to offer for derive.c.
 */
#ifndef BENCH_DERIVE_H
#define BENCH_DERIVE_H

#include "bench.h"

enum derive_role { DERIVE_EMITS, DERIVE_COMPUTES, DERIVE_WAITS };

struct derive_peer {
	/* Before the members start. */
	void *(*create)(void);
	void (*destroy)(void *shared);
	/* In a member. */
	void *(*open)(void *shared, enum derive_role role);
	void (*close)(void *end);
	void (*emit)(void *end, int64_t value);
	/* Wait for one and give out one more; NULL: another process does. */
	void (*compute)(void *end);
	int64_t (*wait)(void *end);
};

extern const struct work derive_works[];
extern const struct entry derive_entries[];

extern const struct candidate derive_zeroipcd, derive_zeroipc, derive_pipe;

#endif
