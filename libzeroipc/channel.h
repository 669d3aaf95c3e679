/* SPDX-License-Identifier: MIT */
/* A channel's handle, for select as well. */
#ifndef ZIPC_CHANNEL_INTERNAL_H
#define ZIPC_CHANNEL_INTERNAL_H

#include "handle.h"
#include "meeting.h"
#include "place_ring.h"
#include "spin.h"

#include <zipc/channel.h>

struct zipc_channel {
	uint64_t mark;             /* handle.h */
	struct zipc_places places; /* with a buffer, or */
	struct zipc_meet meet;     /* without */
	uint64_t capacity;         /* 0: without */
	struct zipc_spin send_spin, recv_spin;
	struct zipc_segment *segment;
	struct zipc_use use;
	unsigned generation; /* zipc_use_generation() */
	struct zipc_type *type;
	char name[ZIPC_NAME_MAX + 1];
};

/* The first step of each operation; to_send: own a sender's record, too. */
int zipc_channel_enter(struct zipc_channel *channel, bool to_send);

/* Without waiting, by who has entered; send: with a buffer only. */
int zipc_channel_try_send(struct zipc_channel *channel, const void *elem);
int zipc_channel_try_recv(struct zipc_channel *channel, void *elem);

#endif
