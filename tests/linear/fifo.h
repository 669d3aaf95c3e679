/* SPDX-License-Identifier: MIT */
/*
 * What a bounded queue promises, as a specification for linear.h: first in,
 * first out, at most so many inside.
 *
 * Empty is strict: there is a moment of the call in which nothing is inside.
 * Full is not: pushes that are under way may hold room before a pop can find
 * their elements, and those that were killed hold theirs until it is reached.
 * So a push may be told full when what is inside and the other pushes that are
 * under way fill the queue together. The size is at least what is inside.
 */
#ifndef ZIPC_FIFO_H
#define ZIPC_FIFO_H

#include "linear.h"

#define FIFO_CAPACITY_MOST 5

enum fifo_kind { FIFO_PUSH, FIFO_POP, FIFO_SIZE };

/* The queue of this capacity, which must stay where it is. */
struct linear_spec fifo_spec(const unsigned *capacity);

#endif
