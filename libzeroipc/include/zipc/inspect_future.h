/* SPDX-License-Identifier: MIT */
/*
 * Watching a Future: who has promised it, or how it was settled. As the rest of
 * inspection (zipc/inspect.h) it reads the file, and disturbs nobody. Its value
 * is the element that zipc_view_elements() gives, when size is 1.
 */
#ifndef ZIPC_INSPECT_FUTURE_H
#define ZIPC_INSPECT_FUTURE_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

enum zipc_view_future_state {
	ZIPC_VIEW_PENDING,  /* nobody has promised it */
	ZIPC_VIEW_PROMISED, /* by one who lives */
	ZIPC_VIEW_BROKEN,   /* he died, and nobody has promised it since */
	ZIPC_VIEW_SET,
	ZIPC_VIEW_FAILED,
};

struct zipc_view_future {
	enum zipc_view_future_state state;
	/*
	 * Who has promised it, or has settled it: pid 0 if that is not known,
	 * as of one long dead.
	 */
	struct zipc_view_participant who;
	uint64_t deaths; /* of those who had promised it, ever */
	/* when it has failed */
	int code;
	char message[128]; /* any bytes, and a NUL */
};

/*
 * Returns 0; -ENOENT another structure is there by now; -EPROTOTYPE no future;
 * -EBADMSG.
 */
int zipc_view_future(struct zipc_view *view,
		     const struct zipc_view_entry *entry,
		     struct zipc_view_future *out);

#ifdef __cplusplus
}
#endif

#endif
