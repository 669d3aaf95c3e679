/* SPDX-License-Identifier: MIT */
/*
 * Mappings whose file anybody may cut short. A touch of what is gone is a
 * SIGBUS: its handler lays zero pages over the rest of that mapping, from there
 * on, and marks it lost. Whoever works in it goes on with zeros, which the
 * library calls damaged, and lets the segment go when it sees the mark. No
 * other mapping is touched, and a SIGBUS anywhere else ends the process as
 * always.
 *
 * While it is opened and closed nobody knows yet, or any more, where a mapping
 * is: then whatever this thread touches is mended page by page.
 */
#ifndef ZEROIPCD_GUARD_H
#define ZEROIPCD_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* Mappings at a time, at most. */
#define GUARD_MAX 64

struct guard;

/* Handle SIGBUS from here on, once for the process. Returns 0 or -errno. */
int guard_start(void);

/* NULL: there are GUARD_MAX. Any thread. */
struct guard *guard_add(const void *base, size_t size);
bool guard_lost(const struct guard *guard);

/* Before it is unmapped; who does that may still touch it, if lenient. */
void guard_remove(struct guard *guard);

/* From here on in this thread; and whether something was mended since. */
void guard_lenient(void);
bool guard_strict(void);

#endif
