/* SPDX-License-Identifier: MIT */
/*
 * Inspection, inside: a view is a descriptor and a copy of the header's
 * constants; a kind of structure plugs in as one row of the table in
 * inspect_entry.c.
 *
 * Whatever is read is a copy, is checked against the file's size before it
 * is used, and is never read a second time in the belief that it is the same.
 */
#ifndef ZIPC_INSPECT_INTERNAL_H
#define ZIPC_INSPECT_INTERNAL_H

#include "entry.h"
#include "participant.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <zipc/inspect.h>

#define ZIPC_SHM "/dev/shm"
/* Of a path below it, with its NUL. */
#define ZIPC_SHM_PATH 320

#define LLU(x) ((unsigned long long)(x))

struct zipc_view {
	int fd;
	char name[256];            /* without its slash */
	uint64_t file_bytes;       /* those that the header claims */
	uint64_t blocks_at;        /* bytes: no block begins before this */
	struct zipc_header header; /* as it was at open */
	/* Where zipc_view_index() was: it gave number walked - 1. */
	unsigned walked, walked_to;
	int64_t until_ns; /* when reading it ends; 0: never */
};

/* An entry, and how many structures it has had: a copy. */
struct zipc_view_slot {
	struct zipc_entry entry;
	uint64_t lives;
	unsigned index;
};

struct zipc_view_kind;
struct zipc_look;

/* A structure's block, whose places in the file have been checked. */
struct zipc_view_block {
	char name[ZIPC_NAME_MAX + 1];
	uint64_t at, bytes;                /* in the file */
	uint64_t body_at;                  /* in the file */
	struct zipc_block head;            /* the copy */
	const struct zipc_view_kind *kind; /* NULL: not known here */
};

struct zipc_view_kind {
	unsigned kind;
	uint32_t flags; /* that are known here */
	/* Check the body; fill in size, added and removed. 0 or -errno. */
	int (*describe)(struct zipc_view *view,
			const struct zipc_view_block *block,
			struct zipc_view_entry *out);
	/* As zipc_view_elements(). */
	int64_t (*elements)(struct zipc_view *view,
			    const struct zipc_view_block *block, uint64_t from,
			    uint64_t n, void *bytes, uint64_t *ids);
	/* Who holds it and who waits (inspect_waits.h); NULL: nobody can. */
	int (*waits)(struct zipc_view *view,
		     const struct zipc_view_block *block,
		     struct zipc_look *look);
};

/*
 * Whom a holder names; of one whose place is another's by now only that it is
 * dead. Returns 0, -EBADMSG.
 */
int zipc_view_holder_of(struct zipc_view *view, uint64_t holder,
			struct zipc_view_participant *out);

/*
 * What tells the process of the participant at index from others; two that are
 * the same are one that has the segment open twice. All zero: not known.
 */
struct zipc_life zipc_view_life(struct zipc_view *view, unsigned index);

/*
 * How many threads the participant at index has, and whether it is stopped
 * (NULL: do not tell); 0: it can not be told from here.
 */
unsigned zipc_view_threads(struct zipc_view *view, unsigned index,
			   bool *stopped);

/* Of a queue: what describe() tells of its leases. */
int zipc_view_count_leases(struct zipc_view *view,
			   const struct zipc_view_block *block,
			   struct zipc_view_entry *out);

extern const struct zipc_view_kind zipc_view_array;
extern const struct zipc_view_kind zipc_view_queue;
extern const struct zipc_view_kind zipc_view_pool;
extern const struct zipc_view_kind zipc_view_of_ring;
extern const struct zipc_view_kind zipc_view_stack;
extern const struct zipc_view_kind zipc_view_map;
extern const struct zipc_view_kind zipc_view_set;
extern const struct zipc_view_kind zipc_view_semaphore;
extern const struct zipc_view_kind zipc_view_barrier;
extern const struct zipc_view_kind zipc_view_latch;
extern const struct zipc_view_kind zipc_view_mutex;
extern const struct zipc_view_kind zipc_view_rwlock;
extern const struct zipc_view_kind zipc_view_once;
extern const struct zipc_view_kind zipc_view_event;
extern const struct zipc_view_kind zipc_view_channel;
extern const struct zipc_view_kind zipc_view_of_future;
extern const struct zipc_view_kind zipc_view_of_lazy;
extern const struct zipc_view_kind zipc_view_of_stream;

/*
 * Call read() on the block that entry tells of; what it returns, or -ENOENT:
 * another structure was there, before or by the end of it.
 */
int64_t zipc_view_of_block(struct zipc_view *view,
			   const struct zipc_view_entry *entry,
			   int64_t (*read)(struct zipc_view *view,
					   const struct zipc_view_block *block,
					   void *context),
			   void *context);
/*
 * The entry of that name, and its block, if it is what entry tells of; else
 * zipc_view_is_another(). What is read there counts if zipc_view_confirm() of
 * the slot says so behind it.
 */
int zipc_view_block_again(struct zipc_view *view,
			  const struct zipc_view_entry *entry,
			  struct zipc_view_slot *slot,
			  struct zipc_view_block *block);

/* -ENOENT, and a message: the structure called name is another by now. */
int zipc_view_is_another(const struct zipc_view *view, const char *name);

/* Check a segment's name, and take its leading slash off. */
int zipc_view_plain_name(const char **name);
void zipc_view_path(char path[static ZIPC_SHM_PATH], const char *name);
/* The descriptor of a regular file, and what it tells; or -errno. */
int zipc_view_open_file(const char *name, struct stat *st);

/* How many entries there are, and where the first free byte is; checked. */
int zipc_view_table(struct zipc_view *view, unsigned *count, uint64_t *next);

/* The entry of the n-th structure, in the order of the table; -ENOENT. */
int zipc_view_index(struct zipc_view *view, unsigned n, unsigned *index);
/* The entry of the structure called name; of two, the first. -ENOENT. */
int zipc_view_index_of(struct zipc_view *view, const char *name,
		       unsigned *index);
/* Copy an entry; and whether it has a structure. */
int zipc_view_slot(struct zipc_view *view, unsigned i,
		   struct zipc_view_slot *out);
bool zipc_view_there(const struct zipc_view *view,
		     const struct zipc_view_slot *slot);
/* 0: it is still the same; -EAGAIN: what it led to may be another's. */
int zipc_view_confirm(struct zipc_view *view,
		      const struct zipc_view_slot *slot);

/*
 * What changes while it is looked at is looked at again, for as often as this:
 * then somebody changes it all the time, and it is said: -EAGAIN.
 */
#define ZIPC_VIEW_TRIES 1000u
int zipc_view_changes(const struct zipc_view *view);

/* Fill in entries and what is removed. */
int zipc_view_count(struct zipc_view *view, struct zipc_view_segment *out);

/*
 * Copy n bytes from offset on. What was read is read before anything that a
 * later call reads. Returns 0; -EBADMSG if they are not all inside the file;
 * -ETIMEDOUT by zipc_view_limit(). So whatever takes long ends by that.
 */
int zipc_view_read(struct zipc_view *view, uint64_t offset, void *bytes,
		   uint64_t n);

/* Keep the message that block is damaged in the way told; -EBADMSG. */
int zipc_view_damaged(const struct zipc_view *view, const char *name,
		      const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

#endif
