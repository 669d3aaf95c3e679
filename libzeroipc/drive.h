/* SPDX-License-Identifier: MIT */
/* What drives a derived stream has in its own memory; derive.h has the idea. */
#ifndef ZIPC_DRIVE_H
#define ZIPC_DRIVE_H

#include "derive.h"

/* A batch: a copy, or what is to be one. */
struct zipc_batch_copy {
	struct zipc_batch head;
	unsigned char *content; /* state, results, times: as in a buffer */
};

/* A source that is read. */
struct zipc_drive_source {
	struct zipc_stream *stream; /* NULL: not opened, or not needed */
	struct zipc_subscription *reader;
	/* what was read of it */
	unsigned char *elems;
	int64_t *times; /* NULL: it has none */
	struct zipc_passage *behind;
	uint64_t most, count; /* elements */
	bool ended;           /* nothing comes behind these */
};

struct zipc_driver {
	struct zipc_batch_layout layout;
	struct zipc_batch_copy batch; /* the one that current named */
	struct zipc_batch_copy next;  /* being made */
	uint64_t current;             /* of batch; or ZIPC_NO_BATCH */
	uint64_t raised;              /* current, when sources were told */
	/* The result that was out last, and where the next one would go. */
	uint64_t number, tail; /* tail 0: look first */
	uint64_t epoch;        /* of the own lease */
	/* what was seen of another's lease, and since when */
	uint64_t seen[3];
	int64_t seen_ns;
	struct zipc_flow *flow; /* NULL: not read yet */
	enum zipc_flow_reads reads;
	struct zipc_drive_source source[ZIPC_FLOW_SOURCES];
	/* why an attempt came to nothing */
	bool full, busy;
	bool has_ended; /* sources are to be closed, when nobody waits */
	/* A call has begun: what a fork finds here may be half done. */
	atomic_bool at_work;
};

#define ZIPC_NO_BATCH UINT64_MAX

/*
 * How often a step looks anew at what has changed under it, or at what all is
 * made of nothing: then it ends, so that a call ends by its deadline whatever
 * others do meanwhile.
 */
#define ZIPC_DRIVE_TRIES 64u

/* Streams that are made on demand, of each other, in one call. */
#define ZIPC_DRIVE_DEPTH 16u
int zipc_drive_too_deep(const struct zipc_stream *stream); /* -ELOOP */

static inline unsigned char *zipc_batch_state(const struct zipc_batch_copy *it)
{
	return it->content;
}

static inline unsigned char *zipc_batch_results(
	const struct zipc_driver *driver, const struct zipc_batch_copy *it)
{
	return it->content + driver->layout.results - sizeof(struct zipc_batch);
}

static inline int64_t *zipc_batch_times(const struct zipc_driver *driver,
					const struct zipc_batch_copy *it)
{
	return (void *)(it->content + driver->layout.times -
			sizeof(struct zipc_batch));
}

/* A number of a copy's head, which is nobody else's. */
#define zipc_batch_get(word)                                                 \
	atomic_load_explicit(&(word), memory_order_relaxed)
#define zipc_batch_set(word, to)                                             \
	atomic_store_explicit(&(word), (to), memory_order_relaxed)

/* batches: drive_batch.c */

/* Read the batch that was committed last; 0, -EBUSY, -EBADMSG. */
int zipc_driver_load(struct zipc_stream *stream);

/*
 * Commit what was made behind the batch that was read; false: another was, or
 * the place is a parent's, who may be writing its buffers.
 */
bool zipc_driver_commit(struct zipc_stream *stream);

/* sources and the flow over them: drive_make.c */

/*
 * Open what was not opened yet, and has not ended by the batch that was read:
 * what has ended may have been removed. 0, or why it can not be read.
 */
int zipc_driver_open_sources(struct zipc_stream *stream);

/*
 * Make the next batch. How many elements were taken, or results made of none;
 * 0 the sources' end is all that is new; -EAGAIN nothing is.
 */
int64_t zipc_driver_make(struct zipc_stream *stream);

/* Sources' positions are those of the batch; or -EBADMSG, they can not be. */
int zipc_driver_raise(struct zipc_stream *stream);
/*
 * It has ended: nothing is held any more. Handles stay open, since who drives
 * may be in the middle of waiting for words of theirs.
 */
void zipc_driver_free_sources(struct zipc_stream *stream);

/* Whether a source is made on demand: nobody wakes who waits for it. */
bool zipc_driver_demands(const struct zipc_stream *stream);

/* Whether the sources have something behind the batch that was read. */
bool zipc_driver_has_work(const struct zipc_stream *stream);

void zipc_driver_close_sources(struct zipc_driver *driver);

/* emission: drive_emit.c */

/*
 * Emit what is not out yet of the batch, as long as it may drive. How many;
 * -EAGAIN it is full; -EBUSY another drives; -EPIPE; -EBADMSG.
 */
int64_t zipc_driver_emit(struct zipc_stream *stream);

/* the lease and the step: drive.c */

/* A lease without progress for so long may be taken; tests are less patient. */
extern int64_t zipc_drive_stale_ns __attribute__((visibility("hidden")));

/* Become one of the drivers, with a place of one's own; -EUSERS. */
int zipc_driver_begin(struct zipc_stream *stream);
bool zipc_driver_leads(const struct zipc_stream *stream);

int zipc_stream_not_derived(const struct zipc_stream *stream); /* -EINVAL */

#endif
