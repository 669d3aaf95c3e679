/* SPDX-License-Identifier: MIT */
/*
 * What a pool promises, as a specification for linear.h: each object is free,
 * or one lane's, or under way in a queue, in order, or passed by a ticket.
 *
 * Empty of messages is strict. That each object is taken is not: they are found
 * so one by one, so as many may be free as takes and gives overlap with the
 * look. Of a full queue see fifo.h.
 *
 * A lane holds one object at most, and at the end of a game none. So what a
 * lane holds that calls nothing more is a dead one's.
 */
#ifndef ZIPC_HANDS_H
#define ZIPC_HANDS_H

#include "linear.h"

#define HANDS_OBJECTS_MOST 3u
#define HANDS_NONE 0xFFu /* no object */
#define HANDS_TORN 0xFFu /* no message that anybody made */

enum hands_kind {
	HANDS_TAKE, HANDS_GIVE, HANDS_SEND, HANDS_RECEIVE, HANDS_PASS,
	HANDS_ACCEPT,
	HANDS_RECLAIM, /* of all, behind everything; its result is how many */
	HANDS_SIZE,    /* behind everything */
};

/* An operation's value: its object, its message below 255, its ticket. */
static inline uint64_t hands_value(uint64_t index, uint64_t message,
				   uint64_t ticket)
{
	return index | message << 8 | ticket << 16;
}

static inline unsigned hands_index(uint64_t value)
{
	return value & 0xFF;
}

static inline unsigned hands_message(uint64_t value)
{
	return value >> 8 & 0xFF;
}

static inline uint64_t hands_ticket(uint64_t value)
{
	return value >> 16;
}

struct hands_rules {
	unsigned objects, queue; /* how many, and how many the queue holds */
	bool reclaims; /* who finds none free takes what the dead own */
};

/* The rules must stay where they are. */
struct linear_spec hands_spec(const struct hands_rules *rules);

#endif
