/* SPDX-License-Identifier: MIT */
/*
 * Watching a Lazy: what it is an expression of, who computes it, and what came
 * of it. As the rest of inspection (zipc/inspect.h) it reads the file, disturbs
 * nobody, and asks for nothing: what is idle stays so. Its value is the element
 * that zipc_view_elements() gives, when size is 1.
 */
#ifndef ZIPC_INSPECT_LAZY_H
#define ZIPC_INSPECT_LAZY_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

enum zipc_view_lazy_state {
	ZIPC_VIEW_LAZY_IDLE,
	ZIPC_VIEW_LAZY_WANTED,  /* also of one who died while he computed */
	ZIPC_VIEW_LAZY_RUNNING, /* by one who lives */
	ZIPC_VIEW_LAZY_DONE,
	ZIPC_VIEW_LAZY_FAILED,
};

struct zipc_view_lazy {
	enum zipc_view_lazy_state state;
	/*
	 * Who computes it, or has computed it: pid 0 if that is nobody, or not
	 * known, as of one long dead.
	 */
	struct zipc_view_participant who;
	uint64_t computed; /* how often it was settled */
	uint64_t deaths;   /* of those who computed it, ever */
	uint64_t stalls;   /* how often one was replaced who lived */
	uint64_t resets;   /* and retries of failures */
	int64_t stall_ns;  /* ZIPC_FOREVER: nobody is replaced */
	int retries;       /* a failure is computed again */
	int external;      /* it has no expression */
	char expression[4096]; /* any bytes, and a NUL */
	/* when it has failed */
	int code;
	char message[128]; /* any bytes, and a NUL */
};

/*
 * Returns 0; -ENOENT another structure is there by now; -EAGAIN it was reset
 * all the while; -EPROTOTYPE no lazy; -EBADMSG.
 */
int zipc_view_lazy(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_lazy *out);

#ifdef __cplusplus
}
#endif

#endif
