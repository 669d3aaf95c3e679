/* SPDX-License-Identifier: MIT */
/*
 * Watching a Pool: which of its objects are taken, and whose they are. As all
 * inspection it writes nothing and is disturbed by nothing.
 */
#ifndef ZIPC_INSPECT_POOL_H
#define ZIPC_INSPECT_POOL_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

enum zipc_object_state {
	ZIPC_OBJECT_OWNED,
	ZIPC_OBJECT_PASSED,  /* nobody's; a ticket for it exists, or did */
	ZIPC_OBJECT_SENDING, /* its ticket is being pushed into a queue */
};

struct zipc_view_object {
	uint64_t index;
	uint64_t turn;        /* how often it changed hands */
	unsigned state;       /* enum zipc_object_state */
	/* Whose it is; or who passed it, or sends it. */
	unsigned participant; /* its place */
	unsigned alive;       /* 0: reclaim gives back what it owns */
	int pid;              /* 0: another has its place by now */
	char name[17];        /* "" likewise */
};

/*
 * Up to n objects that are taken, from index from on, in order; each was so
 * when it was looked at. Returns how many; 0 when there are no more;
 * -EPROTOTYPE no pool; or an error as zipc_view_elements().
 */
int64_t zipc_view_objects(struct zipc_view *view,
			  const struct zipc_view_entry *entry, uint64_t from,
			  uint64_t n, struct zipc_view_object *out);

#ifdef __cplusplus
}
#endif

#endif
