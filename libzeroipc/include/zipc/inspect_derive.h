/* SPDX-License-Identifier: MIT */
/*
 * Watching a derived stream, as zipc/inspect.h watches everything: what it is
 * made of, who drives it, and what its operators have done.
 */
#ifndef ZIPC_INSPECT_DERIVE_H
#define ZIPC_INSPECT_DERIVE_H

#include <zipc/inspect_stream.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZIPC_DERIVATION_TEXT 4096
#define ZIPC_DERIVATION_SOURCES 8
#define ZIPC_DERIVATION_STAGES 16

struct zipc_view_source {
	char name[ZIPC_NAME_MAX + 1];
	unsigned removed;  /* 1: it is there no more; what follows is 0 */
	uint64_t position; /* what is read of it next */
	uint64_t lag;      /* its positions that are yet to be read */
	uint64_t lost;     /* elements that were overwritten before that */
};

struct zipc_view_stage {
	unsigned at, length;      /* its words in the text */
	uint64_t in, out, failed; /* elements; failed: expressions */
};

struct zipc_view_driver {
	unsigned alive, at_work; /* at_work: it has the lease */
	int pid;                 /* 0: not known */
	char name[17];
};

/* All that was recorded with the latest batch, and so true at one moment. */
struct zipc_view_derivation {
	char text[ZIPC_DERIVATION_TEXT];
	unsigned by_daemon;      /* 1: zeroipcd drives it */
	unsigned ended;          /* 1: no result comes after these */
	unsigned drivers;        /* that live, with those who just wait */
	struct zipc_view_driver driver; /* one of them; pid 0: none */
	uint64_t batches, results;
	unsigned sources, stages; /* stages 0: a source was removed */
	struct zipc_view_source source[ZIPC_DERIVATION_SOURCES];
	struct zipc_view_stage stage[ZIPC_DERIVATION_STAGES];
	char failure[256]; /* the last one of an expression; "": none */
};

/*
 * Returns 0; -ENOENT; -EBADMSG; -EPROTOTYPE entry is no derived stream; -EAGAIN
 * it changes too fast to be read; -ENOMEM.
 */
int zipc_view_derivation(struct zipc_view *view,
			 const struct zipc_view_entry *entry,
			 struct zipc_view_derivation *out);

#ifdef __cplusplus
}
#endif

#endif
