/* SPDX-License-Identifier: MIT */
/*
 * Future: a word that says who has promised it, and in the end which content is
 * the value. Its owner word (lock.h) is one of
 *
 *   0                  pending: nobody has promised it
 *   a handle's word    promised by that handle
 *   BROKEN             promised by one that was closed before it settled it
 *   i << 3 | SET       settled: content i is the value
 *   i << 3 | FAILED    settled: content i is the message, setter i has the code
 *
 *   promise    CAS of 0, of BROKEN, or of the word of somebody dead -> mine
 *   withdraw   a store of 0 over mine
 *   close      a store of BROKEN over mine
 *   set, fail  CAS of any of those but a living other's -> i << 3 | SET, FAILED
 *
 * The compare-and-swap that settles it is where it happens, as a whole: nothing
 * leads from a settled word to another. So the value may be of any size. It is
 * written before, into content i, by who has the record of setter i (record.h).
 * So who is stopped in the middle of it stands in nobody's way but with that
 * record, and there are some more.
 *
 * A content never changes once it is the value: before it writes, who has taken
 * a record looks at the word again. If that is not settled then, who had the
 * record before has not settled it, and never will: he has given it back, or he
 * is dead, and it was taken behind that. If it is settled, nothing is written.
 *
 *   edge      written by   read by   carries
 *   settled   swap         load      the content, and what came before; between
 *                                    promisers, what an earlier one has done
 *
 * When each result was true: that somebody else holds the promise, at the look
 * at the word, since one who is found alive behind it lived then. That who
 * promised it is dead, at a second look at the word behind the proof: he may
 * have settled it before he died.
 *
 * A word names a process for good: who was found dead is replaced from exactly
 * that word, as incarnations grow (lock.h).
 *
 * Crash: before the compare-and-swap nothing has happened, and the record is
 * taken by who needs one. Behind it only the wake is left, which naps stand in
 * for.
 */
#ifndef ZIPC_FUTURE_INTERNAL_H
#define ZIPC_FUTURE_INTERNAL_H

#include "handle.h"
#include "lock.h"
#include "waitable.h"

#include <zipc/future.h>

#define ZIPC_BROKEN ZIPC_INCONSISTENT
#define ZIPC_SET_TO UINT64_C(2)
#define ZIPC_FAILED UINT64_C(4)

/* All constants are checked copies. */
struct zipc_future {
	uint64_t mark; /* handle.h */
	struct zipc_lock lock;
	struct zipc_setter *setters;
	unsigned char *contents;
	uint32_t setter_count, content_bytes;
	uint64_t elem_size;
	struct zipc_type *type;
	void *elem; /* where the wait that is under way puts the value */
};

static inline bool zipc_future_settled(uint64_t word)
{
	return word & (ZIPC_SET_TO | ZIPC_FAILED);
}

/*
 * One look, by words of this future alone; the value goes to elem, unless that
 * is NULL. 0, -ECANCELED, -EOWNERDEAD it is broken, -EAGAIN, -EBADMSG.
 */
int64_t zipc_future_look(struct zipc_future *future, void *elem);

/* What zipc_future_look() gives; but now and then it asks who lives, too. */
int64_t zipc_future_look_well(struct zipc_future *future, void *elem,
			      int64_t pause_ns);

/* First of what writes: -EROFS, -ENOENT in a forked child. */
int zipc_future_enter(struct zipc_future *future);

/* Keep the message that belongs to the result of a look; rc. */
int zipc_future_tell(const struct zipc_future *future, int rc);

/*
 * Waiting for it in a select, as waitable.h has it; wait stays in its place.
 * That a promiser has died stands in no word. So who finds it keeps the word
 * that it is true of, which never comes back.
 */
struct zipc_future_wait {
	struct zipc_future *future;
	void *elem;    /* the value goes there; or NULL */
	uint64_t dead; /* 0, or the word of one who was found dead */
};
int zipc_future_waitable(struct zipc_future_wait *wait,
			 struct zipc_waitable *out);

/* Between looks of one who waits at who lives. */
#define ZIPC_FUTURE_LOOK_NS INT64_C(20000000)

#endif
