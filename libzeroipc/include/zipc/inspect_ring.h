/* SPDX-License-Identifier: MIT */
/*
 * Watching a ring, as zipc/inspect.h watches everything: its records, whose
 * lengths differ, and who writes and reads it.
 */
#ifndef ZIPC_INSPECT_RING_H
#define ZIPC_INSPECT_RING_H

#include <zipc/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_view_ring {
	unsigned back_pressure; /* 1: the writer waits for readers */
	unsigned max_readers;   /* their places */
	uint64_t records;       /* ever written, and so the latest's number */
	uint64_t oldest;        /* number of the oldest; records + 1: none */
	unsigned has_writer;    /* 1: somebody has the writer's place, */
	unsigned writer_alive;  /* lives, */
	int writer_pid;         /* and is this process; 0: not known */
};
/* Returns 0; -ENOENT, -EBADMSG; -EPROTOTYPE entry is no ring. */
int zipc_view_ring(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_ring *out);

struct zipc_view_ring_reader {
	unsigned index;
	unsigned alive;
	int pid;            /* 0: not known */
	uint64_t lag_bytes; /* of the ring, that it has not read yet */
	uint64_t lost;      /* records */
};
/* Readers' places 0 to max_readers - 1; -ENOENT for one that nobody has. */
int zipc_view_ring_reader(struct zipc_view *view,
			  const struct zipc_view_entry *entry, unsigned i,
			  struct zipc_view_ring_reader *out);

struct zipc_view_record {
	uint64_t number; /* from 1, since the ring was created */
	uint64_t length; /* bytes */
	uint64_t shown;  /* of them, at bytes */
	const void *bytes;
};
/*
 * Up to n records, from the one numbered `from` (0: the oldest) up to the
 * latest, by calling each(); a result other than 0 ends the walk and is
 * returned. No more than most bytes of a record are shown. Each was whole;
 * those that are overwritten meanwhile are left out. Returns how many, or as
 * zipc_view_ring().
 */
int64_t zipc_view_records(struct zipc_view *view,
			  const struct zipc_view_entry *entry, uint64_t from,
			  uint64_t n, uint64_t most,
			  int (*each)(const struct zipc_view_record *record,
				      void *context),
			  void *context);

#ifdef __cplusplus
}
#endif

#endif
