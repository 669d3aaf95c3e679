/* SPDX-License-Identifier: MIT */
/* Watching a Stream, inside: where its parts lie in the file. */
#ifndef ZIPC_INSPECT_STREAM_INTERNAL_H
#define ZIPC_INSPECT_STREAM_INTERNAL_H

#include "inspect.h"

#include <zipc/inspect_stream.h>

/* All of it checked, and a copy. */
struct zipc_stream_at {
	struct zipc_view *view;
	const struct zipc_view_block *block;
	uint64_t at; /* in the file, as the others */
	uint64_t slots_at, writers_at, words_at, subscriptions_at;
	uint64_t derivation_at; /* 0: it is not derived */
	uint64_t slots, slot_bytes;
	unsigned writers, subscriptions, policy, options;
	uint64_t head, tail; /* where it stands */
	bool ended;
};

int zipc_watch_stream(struct zipc_stream_at *stream,
		      struct zipc_view *view,
		      const struct zipc_view_block *block);

/*
 * How many elements of the source of that name passed a derived stream by,
 * as its latest batch counts them; 0 if that cannot be read.
 */
uint64_t zipc_watch_derived_loss(struct zipc_view *view, const char *name,
				 const char *source);

/* -EPROTOTYPE: entry tells of no stream. */
int zipc_watch_must_be_stream(const struct zipc_view *view,
			      const struct zipc_view_entry *entry);

#endif
