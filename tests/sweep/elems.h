/* SPDX-License-Identifier: MIT */
/*
 * Elements that sweeps push and find again: a number below 65535, two bytes
 * long, which fills the element; and which of them came, in order.
 */
#ifndef ZIPC_SWEEP_ELEMS_H
#define ZIPC_SWEEP_ELEMS_H

#include "sweep.h"

#include <stdio.h>
#include <string.h>

static inline void write_elem(unsigned char *elem, unsigned size,
			      unsigned value)
{
	unsigned i;

	for (i = 0; i + 1 < size; i += 2) {
		elem[i] = (unsigned char)value;
		elem[i + 1] = (unsigned char)(value >> 8);
	}
}

#define TORN 65535u

static inline unsigned read_elem(const unsigned char *elem, unsigned size)
{
	unsigned value = elem[0] | (unsigned)elem[1] << 8, i;

	for (i = 2; i + 1 < size; i += 2)
		if ((elem[i] | (unsigned)elem[i + 1] << 8) != value)
			return TORN;
	return value;
}

struct seen {
	unsigned n, value[64];
};

static inline void see(struct sweep_page *page, struct seen *seen,
		       unsigned value)
{
	if (value == TORN)
		sweep_fail(page, "an element is torn");
	if (seen->n == 64)
		sweep_fail(page, "elements come without end");
	seen->value[seen->n++] = value;
}

/* What the victim's notes say that it took. */
static inline void see_notes(struct sweep_page *page, struct seen *seen,
			     const struct sweep_victim *victim)
{
	unsigned i;

	for (i = 0; i < victim->n; i++)
		see(page, seen, (unsigned)victim->notes[i]);
}

/* As text, which is good until the next call. */
static inline const char *list(const struct seen *seen)
{
	static char text[400];
	size_t used = 0;
	unsigned i;

	text[0] = '\0';
	for (i = 0; i < seen->n && used + 8 < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 " %u", seen->value[i]);
	return text;
}

static inline bool same(const struct seen *a, const struct seen *b)
{
	return a->n == b->n &&
	       !memcmp(a->value, b->value, a->n * sizeof(a->value[0]));
}

#endif
