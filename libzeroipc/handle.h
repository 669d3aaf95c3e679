/* SPDX-License-Identifier: MIT */
/*
 * What a handle is of, told by its first word: a select is given pointers to
 * handles of several sorts, and finds out by it. A pointer to anything else is
 * most likely none.
 */
#ifndef ZIPC_HANDLE_H
#define ZIPC_HANDLE_H

#include <stdint.h>

#define ZIPC_HANDLE_MARK UINT64_C(0x5A495048444C0000)
#define ZIPC_HANDLE(kind) (ZIPC_HANDLE_MARK | (kind))

/* enum zipc_kind, or another number. */
static inline unsigned zipc_handle_kind(const void *handle)
{
	const uint64_t *mark = handle;

	return (unsigned)(*mark ^ ZIPC_HANDLE_MARK);
}

#endif
