/* SPDX-License-Identifier: MIT */
/* Which types may be keys of a Map or a Set. */
#ifndef ZIPC_KEY_H
#define ZIPC_KEY_H

#include <zipc/type.h>

/*
 * Keys are compared as bytes, and padding means nothing: a type with padding
 * gives -EINVAL, naming the gap, as does one that is too large. owner is the
 * structure's name.
 */
int zipc_key_check(const struct zipc_type *type, const char *owner);

#endif
