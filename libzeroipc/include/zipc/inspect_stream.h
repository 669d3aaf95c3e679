/* SPDX-License-Identifier: MIT */
/*
 * Watching a stream, as zipc/inspect.h watches everything: where it stands, who
 * emits, and its named subscriptions. Private ones are written down nowhere.
 */
#ifndef ZIPC_INSPECT_STREAM_H
#define ZIPC_INSPECT_STREAM_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_view_stream {
	unsigned policy;            /* enum zipc_stream_policy */
	unsigned timestamps;        /* 1: each element has its time */
	unsigned ended;             /* 1: nothing is emitted any more */
	unsigned writers;           /* places that are held, perhaps by dead */
	unsigned max_writers;
	unsigned subscriptions;     /* named ones that there are */
	unsigned max_subscriptions;
	uint64_t position;          /* where the next element will be */
	uint64_t decided;           /* all before it is known to be decided */
	uint64_t dropped;           /* elements that were not taken */
};
/* Returns 0; -ENOENT, -EBADMSG; -EPROTOTYPE entry is no stream. */
int zipc_view_stream(struct zipc_view *view,
		     const struct zipc_view_entry *entry,
		     struct zipc_view_stream *out);

struct zipc_view_subscription {
	unsigned index;
	char name[ZIPC_NAME_MAX + 1];
	unsigned has_reader; /* 1: somebody has it, */
	unsigned of_derived; /* 1: the derived stream of that name does; or */
	unsigned alive;      /* lives, */
	int pid;             /* and is this process; 0: not known */
	uint64_t position;   /* what it reads next */
	uint64_t lag;        /* positions that it has yet to read */
	uint64_t lost;       /* elements; of_derived: by its latest batch */
};
/* Numbers 0 to max_subscriptions - 1; -ENOENT for a place that is free. */
int zipc_view_subscription(struct zipc_view *view,
			   const struct zipc_view_entry *entry, unsigned i,
			   struct zipc_view_subscription *out);

#ifdef __cplusplus
}
#endif

#endif
