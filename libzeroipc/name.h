/* SPDX-License-Identifier: MIT */
/* What structures and their kinds are called. */
#ifndef ZIPC_NAME_H
#define ZIPC_NAME_H

#include <stdbool.h>
#include <stdint.h>
#include <zipc/base.h>

/*
 * Whether name can be a structure's: 1 to ZIPC_NAME_MAX bytes before its NUL,
 * no control characters, no `/`, neither "." nor "..". No more than
 * ZIPC_NAME_MAX + 1 bytes are read.
 */
bool zipc_name_valid(const char *name);

/* 32-bit FNV-1a: the check of a name that stands in its descriptor. */
uint32_t zipc_name_check(const char *name);

/* "array"; "structure" for a kind that is not known. */
const char *zipc_kind_name(unsigned kind);

#endif
