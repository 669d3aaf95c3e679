/* SPDX-License-Identifier: MIT */
/*
 * Watching a segment by pread(2) on its file: no mapping, no participant, no
 * page allocated, nothing that the data path could notice. Each answer was true
 * at some moment during its call, unless its comment says otherwise. Everything
 * read is checked before it is used: a damaged segment gives -EBADMSG.
 * Crash: watching writes nothing, so nothing is left.
 */
#ifndef ZIPC_INSPECT_H
#define ZIPC_INSPECT_H

#include <sys/types.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_view;

/*
 * Call each() on the names in /dev/shm that may be segments (regular files), in
 * order, without a slash; a result other than 0 ends the walk and is returned.
 */
int zipc_view_names(int (*each)(const char *name, void *context),
		    void *context);

/*
 * The file under a name, told without a view: also one that may not be read or
 * is no segment. Returns 0; -ENOENT, -EINVAL, -ENAMETOOLONG.
 */
struct zipc_view_file {
	uint64_t size_bytes, resident_bytes, inode;
	unsigned mode, uid, gid;
	int segment; /* 1: begins as one does; 0: no; -1: unreadable */
};
int zipc_view_file(const char *name, struct zipc_view_file *out);

/*
 * Returns 0; -ENOENT; -EACCES; -EBADMSG damaged or no segment; -EPROTONOSUPPORT
 * another version; -EINVAL, -ENAMETOOLONG for the name.
 */
int zipc_view_open(struct zipc_view **out, const char *name);
/* So long from now on it may be read; then all that reads gives -ETIMEDOUT. */
void zipc_view_limit(struct zipc_view *view, int64_t timeout_ns);
void zipc_view_close(struct zipc_view *view);

struct zipc_view_segment {
	char name[256];
	uint64_t id, size_bytes, used_bytes; /* by structures and the table */
	uint64_t resident_bytes; /* memory it takes now */
	uint64_t created_ns, inode; /* since 1970; the file's */
	unsigned mode, uid, gid;
	unsigned unlinked; /* 1: its name is gone, or another's now */
	unsigned symmetric_fences, entries, max_entries;
	uint64_t removed, removed_bytes; /* structures that keep space */
	unsigned participants, max_participants; /* the living */
};
int zipc_view_segment(struct zipc_view *view, struct zipc_view_segment *out);

struct zipc_view_entry {
	char name[ZIPC_NAME_MAX + 1];
	char type[ZIPC_TYPE_MAX + 1];
	char kind_name[16]; /* "array"; "kind 77" for one not known here */
	unsigned kind, generation; /* enum zipc_kind; another's differs */
	uint64_t offset_bytes, size_bytes;
	uint64_t elem_size, capacity; /* bytes; elements */
	uint64_t size;      /* elements in it now */
	uint64_t added, removed; /* since it was created; 0 for an array */
	unsigned readers_asleep, writers_asleep; /* 1: there may be some */
	uint64_t late_wakes, leased; /* leased: of a queue, beside size */
	unsigned max_takers, closed; /* of a queue: 0: no leases; a channel */
};
/*
 * The i-th in the order of the table, or the one called name; -ENOENT; -EAGAIN
 * somebody creates and removes all the time.
 */
int zipc_view_entry(struct zipc_view *view, unsigned i,
		    struct zipc_view_entry *out);
int zipc_view_find(struct zipc_view *view, const char *name,
		   struct zipc_view_entry *out);

/*
 * Up to n elements of what entry tells of, from the from-th (an array's first,
 * a queue's oldest, a stack's newest; of a pool the taken ones from there on),
 * into bytes, n times entry->elem_size long; ids[] (may be NULL) gets indices,
 * in a queue positions since create. What is taken or rewritten meanwhile is
 * left out: each was whole, but perhaps not all were inside at one moment.
 * Returns how many; -ENOENT (another is there by now), -EBADMSG, -EOPNOTSUPP.
 */
int64_t zipc_view_elements(struct zipc_view *view,
			   const struct zipc_view_entry *entry, uint64_t from,
			   uint64_t n, void *bytes, uint64_t *ids);

/* The i-th that was removed and keeps its space; -ENOENT, -EAGAIN. */
struct zipc_view_removed {
	char name[ZIPC_NAME_MAX + 1];
	uint64_t offset_bytes, size_bytes;
	unsigned user_count; /* participants that live and have it open: */
	uint64_t users[64];  /* p has bit p % 64 of users[p / 64] */
};
int zipc_view_removed(struct zipc_view *view, unsigned i,
		      struct zipc_view_removed *out);

struct zipc_view_participant {
	unsigned index, incarnation, alive;
	int pid; /* as its own pid namespace counts */
	unsigned uid;
	uint64_t since_ns; /* since 1970 */
	char name[17];
};
/* Places 0 to max_participants - 1; -ENOENT for one never used. */
int zipc_view_participant(struct zipc_view *view, unsigned i,
			  struct zipc_view_participant *out);

#ifdef __cplusplus
}
#endif

#endif
