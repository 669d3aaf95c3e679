/* SPDX-License-Identifier: MIT */
/* What printing and parsing values share. */
#ifndef ZIPC_VALUE_INTERNAL_H
#define ZIPC_VALUE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * The length, 1 to 4, of the UTF-8 character at the start of bytes[0..size),
 * and its code; 0 if there is none: no overlong form, no surrogate, nothing
 * beyond U+10FFFF.
 */
size_t zipc_utf8_read(const void *bytes, size_t size, uint32_t *code);

#endif
