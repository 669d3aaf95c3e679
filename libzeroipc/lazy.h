/* SPDX-License-Identifier: MIT */
/*
 * Lazy: a word that says who computes it, and in the end which content is the
 * value. It is the value of a cell (cell.h), whose turn is epoch << 24 |
 * changes, and grows with each change; a reset begins the next epoch. The word
 * is an owner's (lock.h), or as a Future's:
 *
 *   0                  idle: nobody has asked for it
 *   WANTED             asked for, and nobody computes it
 *   a handle's word    running: that handle computes it
 *   i << 3 | SET       done: content i is the value
 *   i << 3 | FAILED    failed: content i is the message, setter i has the code
 *
 *   request    idle -> WANTED; if it retries: FAILED -> WANTED, next epoch
 *   take       idle, WANTED, or the word of one who is dead or stalls -> mine
 *   commit     idle, WANTED, or anybody's word -> i << 3 | SET or FAILED, in
 *              the epoch in which the take was
 *   withdraw   mine -> WANTED; of somebody dead, by who waits: likewise
 *   reset      done, failed, idle -> idle, else -> WANTED, of the next epoch
 *
 * Each is one compare-and-swap of turn and word. So what it was decided by is
 * what stood there, for good: a turn never comes back.
 *
 * One value. The compare-and-swap that commits leads from a word that is not
 * settled, in the epoch that the computation began in, and out of a settled one
 * only a reset leads, or a retry of a failure, each into the next epoch. So
 * between two resets one value at most is committed: the first. Who was stopped
 * and replaced may be that first one, as an expression is pure, and the other's
 * is thrown away; else two who take longer than the stall time would replace
 * each other for ever. Who wakes behind a reset finds another epoch, and
 * commits nothing. (If 2^24 changes fall into one epoch, the next begins by
 * itself: who computes then does it again.)
 *
 * Contents are written before, by who has the record of setter i (record.h),
 * who looks at the cell behind taking it. If that is not settled, content i is
 * nobody's value, and cannot become one but by the record's holder: who had it
 * before gave it back behind his compare-and-swap, or is dead. If it is
 * settled, nothing is written. The record is given back behind the commit. A
 * reader copies, and then looks whether the turn is what it was: only then has
 * the content been the value all the while.
 *
 *   edge      written by   read by   carries
 *   computed  swap         load      the content, and what came before; to who
 *                                    takes it, what came before the request or
 *                                    reset
 *   moved     commit     is_still  whose content is written over, that the turn
 *                                    has moved
 *
 * Nobody waits while the word is his, but for an external one's server. Who is
 * to compute an expression first waits for its futures, and forces its lazies,
 * each with a handle of its own, and only then takes the word; reads what need
 * not be waited for (elements, entries, folds); runs the program; commits. So a
 * circle is not a deadlock, whoever computes which part of it: each of them
 * comes back, by its own calls alone, to a lazy that it is about to compute,
 * and says so (-ELOOP). What was waited for was read in the epoch that the take
 * is in, or it is done again: a reset in between makes all of it old.
 *
 * Only what is final settles it: a value, a failure of the arithmetic, an input
 * that has failed. What may be otherwise the next time (a name that is not
 * there, a time that is over, a circle) is told to who has forced it, and the
 * word is WANTED as before.
 *
 * Stall: who waits remembers since when the turn is what it is. When that has
 * been for stall_ms it takes the word over. Each take is a new turn, so of many
 * who wait one computes at a time.
 *
 * Crash: before the commit nothing has happened, and the word names somebody
 * dead, whom the next one replaces, from exactly that word. Behind it only the
 * wake is left, which naps stand in for.
 */
#ifndef ZIPC_LAZY_INTERNAL_H
#define ZIPC_LAZY_INTERNAL_H

#include "cell.h"
#include "clock.h"
#include "handle.h"
#include "lock.h"
#include "program.h"
#include "waitable.h"

#include <zipc/lazy.h>

#define ZIPC_WANTED ZIPC_INCONSISTENT
#define ZIPC_LAZY_SET UINT64_C(2)
#define ZIPC_LAZY_BAD UINT64_C(4) /* it has failed */
#define ZIPC_LAZY_CHANGES 24
/*
 * How often it may change under somebody before that is no chance any more, but
 * others who do nothing else.
 */
#define ZIPC_LAZY_CHANGES_MOST 100u
#define ZIPC_LAZY_DEEP 64u /* a lazy of a lazy of .. */
/* Between looks of one who waits at who lives. */
#define ZIPC_LAZY_LOOK_NS INT64_C(20000000)

/* Checked copies of what an expression is made of. */
struct zipc_definition {
	unsigned char *bytes;
	const struct zipc_lazy_input *inputs;
	unsigned count;
	const char *text;
	struct zipc_program *program;
};

/* All constants are checked copies. */
struct zipc_lazy {
	uint64_t mark; /* handle.h */
	struct zipc_lock lock;
	struct zipc_cell *cell;
	struct zipc_lazy_body *body;
	struct zipc_setter *setters;
	unsigned char *contents;
	uint32_t setter_count, content_bytes, options;
	int64_t stall_ns; /* INT64_MAX: never */
	uint64_t elem_size;
	struct zipc_type *type;
	struct zipc_definition *definition; /* NULL: it is external */
	/* what this handle has taken: of an external one */
	bool taken;
	unsigned taken_generation; /* of forks */
	uint64_t taken_turn;
	/* of the wait that is under way */
	void *elem;
	struct zipc_pair seen; /* what it waits to change */
	int64_t seen_ns;       /* since when it is so */
};

/* Who is about to compute what, in one call. */
struct zipc_forcing {
	const struct zipc_forcing *up; /* who needs it; NULL: nobody */
	const char *name;
	unsigned depth;
	int64_t deadline_ns;
	bool waits; /* it may */
};

/* How long it may still wait for something. */
static inline int64_t zipc_forcing_left(const struct zipc_forcing *by)
{
	int64_t left;

	if (!by->waits)
		return ZIPC_NOWAIT;
	if (by->deadline_ns == INT64_MAX)
		return ZIPC_FOREVER;
	left = by->deadline_ns - zipc_now_ns();
	return left > 0 ? left : 0;
}

static inline uint64_t zipc_lazy_epoch(uint64_t turn)
{
	return turn >> ZIPC_LAZY_CHANGES;
}

static inline bool zipc_lazy_settled(uint64_t word)
{
	return word & (ZIPC_LAZY_SET | ZIPC_LAZY_BAD);
}

/* lazy.c */

struct zipc_pair zipc_lazy_load(const struct zipc_lazy *lazy);

/* From exactly *from to word, in the same epoch; else *from is what is there.*/
bool zipc_lazy_swap(struct zipc_lazy *lazy, struct zipc_pair *from,
		    uint64_t word);

/* First of what writes: -EROFS, -ENOENT in a forked child. */
int zipc_lazy_enter(struct zipc_lazy *lazy);
bool zipc_lazy_is_sound(const struct zipc_lazy *lazy, uint64_t word);
int zipc_lazy_damaged(const struct zipc_lazy *lazy, const char *what);
/* Whether the word names another, who lives. */
bool zipc_lazy_is_anothers(struct zipc_lazy *lazy, uint64_t word);

/*
 * One look; the value goes to elem, unless that is NULL. 0, -ECANCELED, -EAGAIN
 * not settled, -EBADMSG, -ENOENT.
 */
int64_t zipc_lazy_look(struct zipc_lazy *lazy, void *elem);

/* Keep the message that belongs to the result of a look; rc. */
int zipc_lazy_tell(struct zipc_lazy *lazy, int rc);

/*
 * Make it wanted, as zipc_lazy_request() does, but call no daemon. 1; 0 it
 * need not be changed.
 */
int zipc_lazy_ask(struct zipc_lazy *lazy);

void zipc_lazy_wake_waiters(struct zipc_lazy *lazy);
void zipc_lazy_wake_server(struct zipc_lazy *lazy);

/* lazy_settle.c */

/* What it is settled with. */
struct zipc_outcome {
	uint64_t state; /* SET or BAD */
	const void *bytes;
	uint32_t size_bytes;
	int code;
};

/*
 * Take the word from *from: 0, and *from is what stands there now; -EAGAIN: it
 * is another's who lives and does not stall, or has changed, and *from too.
 */
int zipc_lazy_take(struct zipc_lazy *lazy, struct zipc_pair *from);
/* Make it wanted, if the word is still what the take of turn left. */
void zipc_lazy_give(struct zipc_lazy *lazy, uint64_t turn);
/*
 * Commit, in the epoch of turn. 0; -EALREADY it is settled; -EPERM another
 * epoch has begun; -EUSERS; -EBADMSG.
 */
int zipc_lazy_commit(struct zipc_lazy *lazy, uint64_t turn,
		     const struct zipc_outcome *it);
uint32_t zipc_lazy_message_length(const char *message);

/*
 * Wait until it is settled, or idle or wanted, in another epoch than that of
 * turn, or there is one to be replaced; or until the deadline.
 */
int64_t zipc_lazy_await_change(struct zipc_lazy *lazy, uint64_t turn,
			       int64_t deadline_ns);

/* lazy_define.c */

/* What create is asked for. */
struct zipc_lazy_wish {
	struct zipc_segment *segment;
	const char *name, *type, *expression;
};

/*
 * What the expression is made of, as bytes to be freed, and the type that it
 * gives, of the program; 0; -EINVAL, -ENOENT, -ELOOP, -EPROTOTYPE, -ENOMEM.
 */
int zipc_lazy_define(unsigned char **bytes, uint64_t *size,
		     struct zipc_program **program,
		     const struct zipc_lazy_wish *wish);

/* lazy_definition.c */

/* A copy of size bytes from at, checked; -EBADMSG, -ENOMEM, .. */
int zipc_definition_read(struct zipc_definition **out, const unsigned char *at,
			 uint64_t size, const char *type);
void zipc_definition_free(struct zipc_definition *it);

/* 0; -EINVAL its inputs take more memory than they may; -ENOMEM, .. */
int zipc_definition_weigh(const struct zipc_program *program, unsigned count);

/* lazy_inputs.c */

/* Values of the inputs of one computation. */
struct zipc_lazy_values;

/* What went wrong with an input, if that is final: it fails who needs it. */
struct zipc_lazy_trouble {
	int code;
	char message[ZIPC_LAZY_MESSAGE_MAX + 1];
};

/*
 * Wait for those that have to be waited for. 0; -ECANCELED, and *trouble; or
 * what may be otherwise the next time.
 */
int zipc_lazy_gather(struct zipc_lazy_values **out, struct zipc_lazy *lazy,
		     const struct zipc_forcing *by,
		     struct zipc_lazy_trouble *trouble);
/* Read the others. The same. */
int zipc_lazy_read(struct zipc_lazy_values *values,
		   struct zipc_lazy_trouble *trouble);
/* By input, as zipc_program_batch has it. */
const void *const *zipc_lazy_values_at(const struct zipc_lazy_values *values);
void zipc_lazy_values_free(struct zipc_lazy_values *values);

/* lazy_fold.c */

/* Element size_bytes apart; what a fold is over is a scalar in each. */
struct zipc_lazy_fold {
	unsigned form, scalar;
	const unsigned char *at; /* of the first one's part */
	uint64_t stride, count;
	int fd; /* of the file */
	uint64_t place; /* of what `at` points to, in it */
};
/* Into to, as the fold's type has it; a fault. */
enum zipc_program_fault zipc_lazy_fold(const struct zipc_lazy_fold *fold,
				       void *to);
/* "i64", and the like; NULL: there is no such fold. */
const char *zipc_lazy_fold_type(unsigned form, unsigned scalar);

/* lazy_force.c */

int zipc_lazy_force_by(struct zipc_lazy *lazy, void *elem,
		       const struct zipc_forcing *by);

/* in a select */

struct zipc_lazy_wait {
	struct zipc_lazy *lazy;
	void *elem; /* the value goes there; or NULL */
};
int zipc_lazy_waitable(struct zipc_lazy_wait *wait, struct zipc_waitable *out);

#endif
