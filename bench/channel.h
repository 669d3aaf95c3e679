/* SPDX-License-Identifier: MIT */
/*
 * Channels: what a peer has to offer to take part in the works of channel.c.
 * Each hand-over is a meeting: a send is over when it was received.
 */
#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include "bench.h"

struct channel_peer {
	/* Before the members start: n channels. */
	void *(*create)(unsigned n);
	void (*destroy)(void *shared);
	/* In a member. */
	void *(*open)(void *shared, unsigned n);
	void (*close)(void *end);
	/* Through the i-th; false: it has failed. */
	bool (*send)(void *end, unsigned i, uint64_t value);
	/* From any of them; 0: it has failed. */
	uint64_t (*recv)(void *end);
};

extern const struct work channel_works[];
extern const struct entry channel_entries[];

extern const struct candidate channel_zeroipc, channel_pipe, channel_eventfd,
	channel_socket;

#endif
