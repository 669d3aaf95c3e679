/* SPDX-License-Identifier: MIT */
/*
 * Watching the leases of a queue: which elements are in whose hands, by pread
 * as all of zipc/inspect.h.
 */
#ifndef ZIPC_INSPECT_LEASE_H
#define ZIPC_INSPECT_LEASE_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_view_lease {
	uint64_t position; /* of the element, counted since create */
	unsigned place, attempt;
	unsigned alive; /* 0: the next taker gets it, before what is inside */
	int pid;        /* 0: it was given back, or its taker is forgotten */
	char name[17];  /* of that process */
};

/*
 * Places 0 to entry->max_takers - 1, of a queue that entry tells of. Returns 0;
 * -ENOENT: there is no lease at this place now, or another structure by that
 * name; -EBADMSG, -EOPNOTSUPP.
 */
int zipc_view_lease(struct zipc_view *view, const struct zipc_view_entry *entry,
		    unsigned i, struct zipc_view_lease *out);

#ifdef __cplusplus
}
#endif

#endif
