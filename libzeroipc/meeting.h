/* SPDX-License-Identifier: MIT */
/*
 * The meeting: the body of a Channel without a buffer. A sender puts an offer
 * out and waits; a receiver copies what is offered, and then takes it. So a
 * send is over when it was received, and one whose time is over takes its offer
 * back whole.
 *
 * Senders offer and receivers look: a receiver puts nothing out. What decides
 * is one word, the ticket of the offer, and everything is done by one
 * compare-and-swap of it.
 *
 * State
 *   senders  a record for each handle that sends: its holder, and where the
 *            ticket of its offer is, if that is not its own
 *   offers   for each record the ticket, the word its holder sleeps on, and a
 *            copy of the element
 *   ticket   {epoch, case, IDLE | WAITING | TAKEN}; the epoch grows with each
 *            offer, and stays when the record has another holder
 *   used     records that were ever held: nobody looks beyond
 *   closed   nothing is offered or taken any more
 *
 * Send
 *   1 closed is not set
 *   2 the ticket is not WAITING: copy the element into the own offer
 *   3 ticket = {epoch + 1, case, WAITING}; wake one receiver
 *   4 when the ticket is TAKEN it was received. When closed is set, or the time
 *     is over: CAS ticket WAITING -> IDLE; if that fails, it was received
 *
 * Receive
 *   1 closed is not set
 *   2 of each record: its ticket is {e, c, WAITING}: copy the element, CAS the
 *     ticket to {e, c, TAKEN}; if that succeeds it is received: wake the sender
 *
 * The copy is whole if the CAS succeeds. The element was written before the
 * ticket was {e, .., WAITING}, is written again only when that is over, and
 * this ticket never comes again.
 *
 * Select: one ticket for several offers. Who offers in several channels, and
 * wants one of them taken at most, lets all offers share the ticket of the
 * first. In the other channels its record is posted:
 *
 *   posted   a count: even and not 0: the element is offered under another
 *            record's ticket, which is `wanted` and stands at `where` (block,
 *            record), and the case is in `where` as well; odd: being changed
 *
 *   Post     posted + 1 (odd); where, wanted, element; posted + 1 (even)
 *   Take     posted is even; copy where, wanted, the element; posted is still
 *            the same; begin to use the block at `where`, whose record must be
 *            of the same holder; CAS its ticket from wanted, {e, c, WAITING},
 *            to {e, the offer's case, TAKEN}
 *
 * All others are posted before the ticket waits, and each has its own copy of
 * the element, so what was said of the copy holds. One ticket is taken once, so
 * of all its offers at most one is. An offer whose ticket is no longer `wanted`
 * is nothing; its owner takes it back when it is done, and so does who finds
 * one whose ticket has gone further, but nobody depends on that. The block of
 * the ticket may have been removed meanwhile, if the owner is dead: so a taker
 * uses it (use.h) while it looks there. In another block of the same place
 * there is no record of that holder: it lives, and has its bit up, as long as
 * it has offers; or it is dead, and its word never comes again. If it lives,
 * and the block is removed under it, its offers elsewhere can not be taken
 * until it offers anew: then under a ticket in a block that stands.
 *
 * A select that also receives: it may not take while its own offers are out, or
 * two of its cases could happen. So it first takes its own ticket back; if that
 * fails one of its offers was taken, and that is it. Then it tries to receive,
 * and if nothing is there any more, offers again. Two selects that offer to
 * each other may both take back, find nothing and offer again; each waits a
 * random while before it takes back again, in which the other can take. None
 * waits for the other: who is stopped has offers out, which others take, or
 * has none.
 *
 *   edge      written by     read by      carries
 *   offered   post           take         the element behind its ticket
 *   over      post           take         what was offered before is so no more
 *   received  take           answer, post the copy is done
 *   spread    post           take         an offer under another's ticket
 *   shut      close          send, take   nothing is offered any more
 *
 * Progress: to take is lock-free: a CAS fails only if another took this offer,
 * or it was withdrawn. Each record is looked at once, and then it is said that
 * there is nothing; a sender wakes a receiver behind its offer.
 *
 * What a crash leaves: a dead sender's offer, until somebody receives it or its
 * record has an heir, who takes it back. A receiver leaves nothing: it has
 * taken, by the CAS, or not. Who dies between taking and waking costs the
 * sender a nap (wait.h); so does who dies in the middle of closing.
 */
#ifndef ZIPC_MEETING_H
#define ZIPC_MEETING_H

#include "segment.h"
#include "table.h"

#define ZIPC_SENDERS_MOST 4096u

/* A process's handle on a meeting; all constants are checked copies. */
struct zipc_meet {
	struct zipc_segment *segment;
	struct zipc_meeting *meeting;
	struct zipc_sender *senders;
	unsigned char *offers;
	struct zipc_event_word *readable;
	uint64_t elem_size;
	uint32_t offer_bytes, count;
	uint32_t line;       /* of the block, as an entry's offset has it */
	bool symmetric;
	uint32_t mine;       /* the own record */
	unsigned generation; /* of forks, when it was taken; 0: none */
	uint32_t next;       /* where to look first; by chance at first */
};

/* The body's size; UINT64_MAX: too large. */
uint64_t zipc_meet_bytes(uint64_t elem_size, uint32_t senders);
void zipc_meet_build(unsigned char *body, uint64_t elem_size,
		     uint32_t senders);

/* Check what was found and make the handle; -EBADMSG. */
int zipc_meet_open(struct zipc_meet *meet, struct zipc_segment *segment,
		   const struct zipc_found *found, const char *name);
/* The record is given back; no offer of it is out. */
void zipc_meet_close(struct zipc_meet *meet);

/* Own a sender's record; -EUSERS. */
int zipc_meet_become_sender(struct zipc_meet *meet);

/* sending: by who owns a record */

/*
 * Offer a copy of *elem as case number `number`, and wake a receiver. Nothing
 * of the caller's is out.
 */
void zipc_meet_offer(struct zipc_meet *meet, const void *elem, uint32_t number);

/*
 * Before that: the same element, or another, is offered here as well, as case
 * number `number`, under the ticket that `home` will have as case home_number.
 * Behind it, receivers are woken.
 */
void zipc_meet_spread(struct zipc_meet *meet, const void *elem, uint32_t number,
		      const struct zipc_meet *home, uint32_t home_number);
void zipc_meet_tell(const struct zipc_meet *meet);
/* It is over: take it back. */
void zipc_meet_unspread(struct zipc_meet *meet);

/* The case whose offer was taken; -EAGAIN: none yet. */
int64_t zipc_meet_answer(const struct zipc_meet *meet);

/*
 * For who will not wait: whether somebody sleeps to receive; and the answer,
 * after as much time as it takes to wake one.
 */
bool zipc_meet_awaited(const struct zipc_meet *meet);
int64_t zipc_meet_linger(const struct zipc_meet *meet);

/* Take the offer back: -EAGAIN, or the case that was taken before that. */
int64_t zipc_meet_withdraw(struct zipc_meet *meet);

/* What its holder sleeps on: the answer, or that it is closed. */
struct zipc_event_word *zipc_meet_event(const struct zipc_meet *meet);

/* Count what was sent through this record: for who watches. */
void zipc_meet_count(struct zipc_meet *meet);

/* receiving */

/*
 * Take one offer into *elem: 0, -EAGAIN, -EPIPE closed, -EBADMSG. Nothing of
 * the caller's is out.
 */
int zipc_meet_take(struct zipc_meet *meet, void *elem);

/*
 * The first record from `from` on that has an offer out, at this moment; -1:
 * none.
 */
int64_t zipc_meet_find(struct zipc_meet *meet, uint32_t from);

/* closing */

bool zipc_meet_closed(const struct zipc_meet *meet);

/* Whether both are on one meeting, through whatever mapping. */
bool zipc_meet_is_at(const struct zipc_meet *meet,
		     const struct zipc_meet *other);

/* Nothing is offered or taken any more; wake everybody. */
void zipc_meet_shut(struct zipc_meet *meet);

/* Offers that wait, at about the same time. */
uint64_t zipc_meet_size(const struct zipc_meet *meet);

/* words */

enum zipc_ticket_state { ZIPC_TICKET_IDLE, ZIPC_TICKET_WAITING,
			 ZIPC_TICKET_TAKEN };

#define ZIPC_CASES_MOST 65536u

static inline uint64_t zipc_ticket(uint64_t epoch, uint32_t number,
				   enum zipc_ticket_state state)
{
	return epoch << 18 | (uint64_t)number << 2 | state;
}

static inline uint64_t zipc_ticket_state(uint64_t ticket)
{
	return ticket & 3;
}

static inline uint32_t zipc_ticket_case(uint64_t ticket)
{
	return (uint32_t)(ticket >> 2) & (ZIPC_CASES_MOST - 1);
}

#endif
