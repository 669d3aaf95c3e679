/* SPDX-License-Identifier: MIT */
/*
 * Watching a Mutex, RWLock or Once: who holds it. As the rest of inspection
 * (zipc/inspect.h) it reads the file, and disturbs nobody.
 */
#ifndef ZIPC_INSPECT_LOCK_H
#define ZIPC_INSPECT_LOCK_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

enum zipc_lock_state {
	ZIPC_LOCK_FREE,
	ZIPC_LOCK_HELD,   /* a RWLock: for writing, or claimed for that */
	ZIPC_LOCK_CLOSED, /* not recoverable; a Once: done */
};

struct zipc_view_lock {
	enum zipc_lock_state state;
	unsigned inconsistent; /* 1: a holder died, and it is not repaired */
	uint64_t deaths;       /* of holders, ever */
	unsigned readers;      /* of a RWLock; dead ones until a writer looks */
	/* When it is held: by whom. The name of one long dead may be gone. */
	struct zipc_view_participant owner;
};

/*
 * Returns 0; -ENOENT another structure is there by now; -EPROTOTYPE no lock;
 * -EBADMSG.
 */
int zipc_view_lock(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_lock *out);

#ifdef __cplusplus
}
#endif

#endif
