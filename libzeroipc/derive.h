/* SPDX-License-Identifier: MIT */
/*
 * Derivations: a stream whose elements are results of a flow (flow.h) over
 * other streams, computed by whoever drives, each exactly once, though drivers
 * die or stop anywhere. create and open are in derive.c; driving in drive.c,
 * and what it does between is in drive_batch.c and drive_emit.c.
 *
 * The redo record
 *   Each writer's place of the stream (place_ring.h) is a driver's, and has two
 *   buffers. `current` names the batch that was committed last and the buffer
 *   that it is in: results and their numbers, the flow's state behind them, and
 *   the position in each source behind what they were made of. A driver
 *
 *     1 reads current = {b, s}, and batch b; another's is copied, and current
 *       looked at again
 *     2 emits what is not out yet of batch b
 *     3 reads the sources from the positions on, runs the flow, and writes what
 *       came of it into its own buffer that is not s
 *     4 CAS current {b, s} -> {b + 1, its own}
 *     5 raises the subscriptions to the positions of b + 1
 *
 *   A buffer is written by its owner only, and not while current names it, as
 *   only its owner puts it there. A place is taken from the dead only, who
 *   write no more; so a driver that was stopped may write into its buffers when
 *   it goes on, and spoils nothing that anybody believes. Its CAS fails if b
 *   has moved on, as batches only grow. So a batch is committed whole, once,
 *   and follows from the one before. No driver has to be kept out for that.
 *
 * Emission
 *   Results are numbered from 1 on, and a slot has the number of what it holds,
 *   behind the element and its time. In step 2 a driver
 *
 *     a reads tail = T, and decides all positions before it: each is published,
 *       or is a hole for ever
 *     b looks back from T to the last that is published, and reads its number
 *       n; if there is none in all slots, n is `emitted`
 *     c if n is that of the last of batch b: done
 *     d emitted is at least n; then CAS tail T -> T + k, and publish n + 1 ..
 *       n + k there; of these a first part stands, perhaps none. Go to a
 *
 *   Invariant: what is published has, in the order of positions, the numbers 1,
 *   2, 3 .. without a gap. A claim of step d that succeeds found tail at T, so
 *   nothing was claimed since a; and before T nothing is published later, as
 *   all was decided. So n is the last number then, and the claim holds what
 *   comes next. Nobody else claims until these are decided, by a. A writer
 *   publishes in order, and of a claim that was taken back nothing behind the
 *   first hole is published (place_ring.h, Batches): what stands is n + 1 ..
 *   n + j. What n + i is, is the same for all: it is in a committed batch. A
 *   driver that is stopped, and goes on,
 *
 *     between a and d   finds tail elsewhere; or nothing has happened meanwhile
 *     behind the claim  is asked, and publishes or is revoked, as any producer
 *     behind the last publication   has done all of it
 *
 *   so it doubles nothing; and what it leaves out, n shows to the next one. Who
 *   has published all of its claim knows n and T without looking.
 *
 *   Holes can fill all slots between two results, if so many drivers are
 *   stopped in d. The first of these has raised emitted to n before its claim,
 *   and nobody raises it to what is not published; so then it is n.
 *
 *   4 comes behind c: all of batch b is out before b + 1 is there. So n is
 *   never before the first of the batch, less 1; that is damage.
 *
 * Sources
 *   A subscription in each source belongs to the derivation, is called as it,
 *   and holds producers back (stream_named.c). Its position is raised in 5, or
 *   by who reads the batch in 1: never before the commit, so what a driver had
 *   read when it died can be read again; and never beyond the elements, as a
 *   damaged batch may say. If the source does not hold back, what was lapped is
 *   counted in the batch. They are freed when the derived stream
 *   has ended, before that is told; when it was removed, by who meets them.
 *
 *   A source whose end is in the batch is not needed any more, and may be
 *   removed: the flow keeps what it has to know of it. One that was removed
 *   before that is missing for ever (-ENOENT), but for who has it open and
 *   finds that it has ended; what was committed is emitted even so.
 *
 * The lease
 *   keeps drivers from doing the same twice, and nothing else depends on it. It
 *   names a place, and is held while there is something to do, not while
 *   waiting. One whose holder is dead may be taken, and one without progress
 *   for a second: neither current, nor tail, nor the lease has changed, as seen
 *   by who waits.
 *
 * Fork
 *   A place is its process's. Each call to drive begins with a look whether a
 *   fork came since it was taken; then a place of one's own is taken before
 *   anything is written, and all that the parent knew is given up. A call of
 *   the parent's that was going on has no thread in the child which goes on
 *   with it, unless the child was forked in a signal handler: that one commits
 *   nothing (zipc_driver_commit), and what it emits it emits as itself. But
 *   such a call may have been between any two of its stores. So while it lasts
 *   `at_work` is up, and a child that finds it so frees nothing of it: what was
 *   open stays open there.
 *
 * The end is recorded in a batch, and told (zipc_places_shut) when its results
 * are out; who dies in between leaves that to the next one. Whoever else ends
 * the stream tells it first, as nothing may be lost of a stream that goes on,
 * and then frees the subscriptions. Who dies in that leaves them to who drives
 * next: he finds the end, and frees them, too.
 *
 *   edge      written by   read by   carries
 *   redo      commit       load      the batch, whole
 *   rewrite   commit       load      the buffer is written anew
 *   number    raise        look      that much is out, before the claim
 *
 * On demand: what has no source, or one that is made on demand, is driven by
 * who reads it, or selects over it, and finds nothing: a batch that does not
 * lap it. So a stream without end takes no more than its capacity, and costs
 * nothing while nobody reads. Each is driven inside of the call that reads it,
 * so there are at most ZIPC_DRIVE_DEPTH of them, of each other.
 *
 * What a crash leaves: before 4 nothing, behind it a batch that is emitted by
 * the next driver, from its first result that is not out.
 */
#ifndef ZIPC_DERIVE_INTERNAL_H
#define ZIPC_DERIVE_INTERNAL_H

#include "flow.h"
#include "stream.h"

#include <zipc/derive.h>

#define ZIPC_DRIVERS 4u
#define ZIPC_DRIVERS_MOST 64u
#define ZIPC_READING_DRIVERS 16u /* where who reads drives */
#define ZIPC_DERIVE_BYTES 8192u /* of results, by default */

struct zipc_driver; /* drive.h */

/* What a handle knows of its derivation; all constants are checked copies. */
struct zipc_derived {
	struct zipc_derivation *words;
	struct zipc_derivation copy;
	struct zipc_derivation_source sources[ZIPC_FLOW_SOURCES];
	unsigned char *body; /* offsets are from here */
	char *text;
	uint64_t holder; /* of its subscriptions */
	struct zipc_driver *driver; /* NULL: it has not driven yet */
	/* What reading each source takes, as was told; 0: nobody asked. */
	uint64_t told_bytes[ZIPC_FLOW_SOURCES];
	unsigned depth; /* it is driven by who makes that many of it */
};

/* The stream's handle is being opened, all but this: check and copy. */
int zipc_derived_open(struct zipc_stream *stream,
		      const struct zipc_found *found, uint64_t offset);
void zipc_derived_close(struct zipc_derived *derived);
void zipc_driver_close(struct zipc_driver *driver);

/* 0; or that stream is not its k-th source, or has no such subscription. */
int zipc_derived_check_source(const struct zipc_stream *stream, unsigned k,
			      const struct zipc_stream *source);

/* It has ended: what it holds of its k-th source, if that is there, is free. */
void zipc_derived_let_go(const struct zipc_stream *stream, unsigned k);
/* Of all; nothing if it is not derived. */
void zipc_derived_let_all_go(const struct zipc_stream *stream);

/* Whether who reads it, and finds nothing, drives it. */
bool zipc_stream_is_on_demand(const struct zipc_stream *stream);

/* No result comes before, or it is worth a look then; at most deadline_ns. */
int64_t zipc_drive_until(const struct zipc_stream *stream, int64_t deadline_ns);

/* How a buffer is laid out behind its head, in bytes. */
struct zipc_batch_layout {
	uint64_t results, times, size;
};

static inline uint64_t zipc_to_words(uint64_t bytes)
{
	return (bytes + 7) / 8 * 8;
}

/* Without overflow: room and elements are below 2^32 and 2^21. */
static inline struct zipc_batch_layout zipc_batch_layout(uint32_t state_bytes,
							 uint32_t room,
							 uint64_t elem_size,
							 bool times)
{
	struct zipc_batch_layout it;

	it.results = sizeof(struct zipc_batch) + zipc_to_words(state_bytes);
	it.times = it.results + zipc_to_words(room * elem_size);
	it.size = it.times + (times ? room * UINT64_C(8) : 0);
	it.size = (it.size + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
	return it;
}

/* The holder of the subscriptions of a structure that is derived. */
static inline uint64_t zipc_derived_holder(uint32_t entry, uint64_t lives)
{
	return ZIPC_HELD_BY_STREAM |
	       (lives << ZIPC_HELD_ENTRY_BITS & ~ZIPC_HELD_BY_STREAM) | entry;
}

#endif
