/* SPDX-License-Identifier: MIT */
/*
 * A segment: a file in /dev/shm that processes map and fill with named
 * structures. See zipc_segment(3); docs/format.md is the authority on bytes.
 *
 * Crash: a killed create leaves no name; a killed open leaves nothing but a
 * participant that is known to be dead, and whose place the next one takes.
 */
#ifndef ZIPC_SEGMENT_H
#define ZIPC_SEGMENT_H

#include <zipc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_segment;

/* For zipc_segment_open(). */
#define ZIPC_READ_ONLY 1u

/* For zipc_segment_options.flags. */
/*
 * Let writers use a full fence at each operation instead of asking the kernel
 * for one (membarrier) when a neighbour is stuck: slower, and for processes
 * whose sandbox refuses membarrier. Chosen by itself where the creator is
 * refused it.
 */
#define ZIPC_SYMMETRIC_FENCES 1u
/* Reserve no memory: a full /dev/shm is then a SIGBUS at use, not an error. */
#define ZIPC_SPARSE 2u

struct zipc_segment_options {
	unsigned mode;             /* permissions; 0: 0600. umask is ignored */
	unsigned max_entries;      /* structures; 0: 256, at most 65536 */
	unsigned max_participants; /* processes; 0: 128, at most 4096 */
	unsigned flags;            /* ZIPC_SYMMETRIC_FENCES, ZIPC_SPARSE */
};

/*
 * Make a segment of size_bytes (rounded up to pages) under name, "/sensors" or
 * "sensors", and open it. It takes memory only as structures are created.
 * Returns 0; -EEXIST; -EINVAL; -ENAMETOOLONG; -ENOSPC; -EUSERS.
 */
int zipc_segment_create(struct zipc_segment **out, const char *name,
			uint64_t size_bytes,
			const struct zipc_segment_options *options);

/*
 * Open a segment; with ZIPC_READ_ONLY needs only permission to read, and takes
 * no participant's place.
 * Returns 0; -ENOENT; -EACCES; -EBADMSG damaged or not a segment;
 * -EPROTONOSUPPORT another version; -EUSERS all participants' places taken by
 * live processes; -EOPNOTSUPP membarrier is refused here, the segment needs it.
 */
int zipc_segment_open(struct zipc_segment **out, const char *name,
		      unsigned flags);

/*
 * Open; if there is none, create. When two do so at once both get the same one.
 * An existing segment's size and options are left as they are.
 */
int zipc_segment_open_or_create(struct zipc_segment **out, const char *name,
				uint64_t size_bytes,
				const struct zipc_segment_options *options);

/*
 * Take the name away. Who has the segment open keeps it; memory is freed when
 * the last one closes. Refuses, with -EBADMSG, a file that is no segment.
 */
int zipc_segment_unlink(const char *name);

/*
 * Take a structure's name away: it is found no more, and the name can be used
 * again. Handles that are open keep it; its space is used again when they are
 * closed, or their processes dead. Who opened it for reading only, or forked
 * before and has not used it since, gets -ENOENT. Returns 0; -ENOENT; -EROFS;
 * -EBUSY as create; -EBADMSG.
 */
int zipc_segment_remove(struct zipc_segment *segment, const char *name);

const char *zipc_segment_name(const struct zipc_segment *segment);
uint64_t zipc_segment_size(const struct zipc_segment *segment); /* bytes */
/* Where that many bytes are mapped, for who has to handle a SIGBUS there. */
const void *zipc_segment_base(const struct zipc_segment *segment);
/* A random number, drawn at create: another segment of that name differs. */
uint64_t zipc_segment_id(const struct zipc_segment *segment);

/* Structure handles hold their segment: it is unmapped after the last one. */
void zipc_segment_close(struct zipc_segment *segment);

#ifdef __cplusplus
}
#endif

#endif
