/* SPDX-License-Identifier: MIT */
/*
 * Holes of sparse files: who touches one by a mapping, be it to read, makes
 * memory of it, which counts as that of the process.
 */
#ifndef ZEROIPCD_HOLES_H
#define ZEROIPCD_HOLES_H

#include <stdint.h>
#include <zipc/inspect_derive.h>

/* Bytes of holes in [from, to) of the file called name in /dev/shm, at most. */
uint64_t holes_between(const char *name, uint64_t from, uint64_t to);

/* Those that driving a derived stream may touch: its own, and its sources'. */
uint64_t holes_of_stream(struct zipc_view *view, const char *name,
			 const struct zipc_view_entry *entry,
			 const struct zipc_view_derivation *derivation);

#endif
