/* SPDX-License-Identifier: MIT */
/*
 * What a bounded stack promises, as a specification for linear.h: last in,
 * first out, at most so many inside. All of it is strict: full, empty, the size
 * and what a peek sees are each true of one moment of the call.
 */
#ifndef ZIPC_LIFO_H
#define ZIPC_LIFO_H

#include "linear.h"

#define LIFO_CAPACITY_MOST 5

enum lifo_kind { LIFO_PUSH, LIFO_POP, LIFO_PEEK, LIFO_SIZE };

/* The stack of this capacity, which must stay where it is. */
struct linear_spec lifo_spec(const unsigned *capacity);

#endif
