/* SPDX-License-Identifier: MIT */
/* The meeting: offers, and taking them; meeting.h has the idea. */
#include "meeting.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "fence.h"
#include "record.h"
#include "wait.h"

#include <sched.h>

#define LINGER_NS INT64_C(150000)

/* shape */

static uint64_t offer_bytes_for(uint64_t elem_size)
{
	uint64_t bytes = sizeof(struct zipc_offer) + (elem_size + 7) / 8 * 8;

	return (bytes + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

uint64_t zipc_meet_bytes(uint64_t elem_size, uint32_t senders)
{
	uint64_t bytes;

	if (elem_size > UINT32_MAX / 2 ||
	    __builtin_mul_overflow(senders, offer_bytes_for(elem_size),
				   &bytes))
		return UINT64_MAX;
	return bytes + sizeof(struct zipc_meeting) +
	       (uint64_t)senders * sizeof(struct zipc_sender);
}

void zipc_meet_build(unsigned char *body, uint64_t elem_size,
		     uint32_t senders)
{
	struct zipc_meeting *meeting = (void *)body;

	meeting->senders = senders;
	meeting->offer_bytes = (uint32_t)offer_bytes_for(elem_size);
	meeting->senders_offset = sizeof(*meeting);
	meeting->offers_offset = sizeof(*meeting) +
				 (uint64_t)senders * sizeof(struct zipc_sender);
}

/* Whether [offset, offset + count * each) lies in the body. */
static bool inside(uint64_t body_bytes, uint64_t offset, uint64_t count,
		   uint64_t each)
{
	return offset % ZIPC_LINE == 0 && offset <= body_bytes &&
	       count * each <= body_bytes - offset;
}

/* What is wrong with a copy of the constants; NULL: nothing. */
static const char *misfit(const struct zipc_meeting *copy,
			  const struct zipc_found *found)
{
	if (!copy->senders || copy->senders > ZIPC_SENDERS_MOST ||
	    copy->senders_offset < sizeof(*copy) ||
	    !inside(found->body_bytes, copy->senders_offset, copy->senders,
		    sizeof(struct zipc_sender)))
		return "its senders lie beyond its body";
	if (found->elem_size > UINT32_MAX / 2 ||
	    copy->offer_bytes != offer_bytes_for(found->elem_size) ||
	    copy->offers_offset < copy->senders_offset +
					  copy->senders *
						  sizeof(struct zipc_sender) ||
	    !inside(found->body_bytes, copy->offers_offset, copy->senders,
		    copy->offer_bytes))
		return "its offers lie beyond its body";
	return NULL;
}

int zipc_meet_open(struct zipc_meet *meet, struct zipc_segment *segment,
		   const struct zipc_found *found, const char *name)
{
	const char *wrong = "its body is too short";
	struct zipc_meeting copy;

	if (found->body_bytes >= sizeof(copy)) {
		/* Only the copy is checked and used. */
		memcpy(&copy, found->body, offsetof(struct zipc_meeting, used));
		wrong = misfit(&copy, found);
	}
	if (wrong)
		return zipc_fail(EBADMSG, "`%s` is damaged: %s", name, wrong);
	*meet = (struct zipc_meet){
		.segment = segment,
		.meeting = (void *)found->body,
		.senders = (void *)(found->body + copy.senders_offset),
		.offers = found->body + copy.offers_offset,
		.readable = &found->block->readable,
		.elem_size = found->elem_size,
		.offer_bytes = copy.offer_bytes,
		.count = copy.senders,
		.line = (uint32_t)((uint64_t)((unsigned char *)found->block -
					      segment->base) /
				   ZIPC_LINE),
		.symmetric = segment->symmetric,
		/* Any number: handles begin at different records. */
		.next = (uint32_t)zipc_now_ns() >> 6,
	};
	return 0;
}

bool zipc_meet_is_at(const struct zipc_meet *meet,
		     const struct zipc_meet *other)
{
	return meet->line == other->line &&
	       zipc_segment_id(meet->segment) ==
		       zipc_segment_id(other->segment);
}

/* records */

static struct zipc_offer *offer_of(const struct zipc_meet *meet, uint32_t i)
{
	return (void *)(meet->offers + (size_t)i * meet->offer_bytes);
}

static uint64_t read_ticket(const struct zipc_offer *offer)
{
	/* offered: acquire; pairs with post. */
	/* received: acquire; pairs with take. */
	return atomic_load_explicit(&offer->ticket, memory_order_acquire);
}

/* From the ticket that was seen; false: it is another by now. */
static bool change_ticket(struct zipc_offer *offer, uint64_t seen,
			  uint64_t ticket)
{
	/* received: release; the copy is done before the sender goes on. */
	return atomic_compare_exchange_strong_explicit(&offer->ticket, &seen,
						       ticket,
						       memory_order_acq_rel,
						       memory_order_acquire);
}

/* What the record's last holder has out is out no more. */
static void inherit(struct zipc_meet *meet)
{
	struct zipc_sender *sender = &meet->senders[meet->mine];
	/* Relaxed: only the holder writes it. */
	uint64_t posted = atomic_load_explicit(&sender->posted,
					       memory_order_relaxed);

	zipc_meet_withdraw(meet);
	if (posted && posted % 2 == 0)
		atomic_store_explicit(&sender->posted, posted + 1,
				      memory_order_relaxed);
}

/* Whoever looks for offers looks as far as this record from here on. */
static void announce(struct zipc_meet *meet)
{
	_Atomic uint64_t *word = &meet->meeting->used;
	/* Relaxed: the fence of who sleeps is behind it, see wait.h. */
	uint64_t used = atomic_load_explicit(word, memory_order_relaxed);

	while (used <= meet->mine &&
	       !atomic_compare_exchange_weak_explicit(
		       word, &used, meet->mine + 1, memory_order_seq_cst,
		       memory_order_relaxed))
		;
}

int zipc_meet_become_sender(struct zipc_meet *meet)
{
	int64_t i = zipc_record_take(meet->segment, meet->senders, meet->count);

	if (i < 0)
		return zipc_fail(EUSERS, "all %u senders' places are held by "
				 "live processes: close channels that no "
				 "longer send, or create the channel with more "
				 "(max_senders)", meet->count);
	meet->mine = (uint32_t)i;
	inherit(meet);
	announce(meet);
	meet->generation = zipc_fork_generation;
	return 0;
}

void zipc_meet_close(struct zipc_meet *meet)
{
	/* After fork the record is the parent's. */
	if (meet->generation != zipc_fork_generation)
		return;
	zipc_record_give(&meet->senders[meet->mine]);
	meet->generation = 0;
}

/* How many records may have offers. */
static uint32_t records_used(const struct zipc_meet *meet)
{
	uint64_t used = atomic_load_explicit(&meet->meeting->used,
					     memory_order_acquire);

	return used < meet->count ? (uint32_t)used : meet->count;
}

/* sending */

void zipc_meet_offer(struct zipc_meet *meet, const void *elem, uint32_t number)
{
	struct zipc_offer *offer = offer_of(meet, meet->mine);
	uint64_t epoch = read_ticket(offer) >> 18;

	/*
	 * over: release; pairs with take. Who sees anything of this element
	 * sees that what was offered here before, under any ticket, is over.
	 */
	atomic_thread_fence(memory_order_release);
	zipc_copy_in(offer->element, elem, meet->elem_size);
	/* offered: release; pairs with take. */
	atomic_store_explicit(&offer->ticket,
			      zipc_ticket(epoch + 1, number,
					  ZIPC_TICKET_WAITING),
			      memory_order_release);
	zipc_wake(meet->readable, meet->symmetric, 1);
}

void zipc_meet_tell(const struct zipc_meet *meet)
{
	zipc_wake(meet->readable, meet->symmetric, 1);
}

void zipc_meet_spread(struct zipc_meet *meet, const void *elem, uint32_t number,
		      const struct zipc_meet *home, uint32_t home_number)
{
	struct zipc_sender *sender = &meet->senders[meet->mine];
	uint64_t epoch = read_ticket(offer_of(home, home->mine)) >> 18;
	/* Relaxed: only the holder writes it while it is odd. */
	uint64_t odd = atomic_load_explicit(&sender->posted,
					    memory_order_relaxed) | 1;

	atomic_store_explicit(&sender->posted, odd, memory_order_relaxed);
	/* over: release. Who sees anything of what follows sees it odd. */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&sender->where,
			      (uint64_t)home->line << 32 |
				      (uint64_t)home->mine << 16 | number,
			      memory_order_relaxed);
	atomic_store_explicit(&sender->wanted,
			      zipc_ticket(epoch + 1, home_number,
					  ZIPC_TICKET_WAITING),
			      memory_order_relaxed);
	zipc_copy_in(offer_of(meet, meet->mine)->element, elem,
		     meet->elem_size);
	/* spread: release; pairs with take. */
	atomic_store_explicit(&sender->posted, odd + 1, memory_order_release);
}

void zipc_meet_unspread(struct zipc_meet *meet)
{
	_Atomic uint64_t *posted = &meet->senders[meet->mine].posted;

	/* Release: it is over before what is next under this ticket. */
	atomic_store_explicit(posted,
			      atomic_load_explicit(posted,
						   memory_order_relaxed) | 1,
			      memory_order_release);
}

int64_t zipc_meet_answer(const struct zipc_meet *meet)
{
	uint64_t ticket = read_ticket(offer_of(meet, meet->mine));

	if (zipc_ticket_state(ticket) == ZIPC_TICKET_TAKEN)
		return zipc_ticket_case(ticket);
	if (zipc_ticket_state(ticket) == ZIPC_TICKET_WAITING)
		return zipc_fail_as(EAGAIN, "nobody has received it yet");
	return zipc_fail_as(EBADMSG, "the channel is damaged: an offer was "
			    "taken back, and not by its sender");
}

bool zipc_meet_awaited(const struct zipc_meet *meet)
{
	return zipc_sleepers(meet->readable, meet->symmetric);
}

int64_t zipc_meet_linger(const struct zipc_meet *meet)
{
	int64_t until = zipc_now_ns() + LINGER_NS, rc;

	do {
		sched_yield();
		rc = zipc_meet_answer(meet);
	} while (rc == -EAGAIN && zipc_now_ns() < until);
	return rc;
}

int64_t zipc_meet_withdraw(struct zipc_meet *meet)
{
	struct zipc_offer *offer = offer_of(meet, meet->mine);
	uint64_t ticket = read_ticket(offer);

	if (zipc_ticket_state(ticket) == ZIPC_TICKET_WAITING &&
	    change_ticket(offer, ticket,
			  ticket - ZIPC_TICKET_WAITING + ZIPC_TICKET_IDLE))
		return -EAGAIN;
	return zipc_meet_answer(meet);
}

struct zipc_event_word *zipc_meet_event(const struct zipc_meet *meet)
{
	return &offer_of(meet, meet->mine)->event;
}

void zipc_meet_count(struct zipc_meet *meet)
{
	_Atomic uint64_t *sent = &meet->senders[meet->mine].sent;

	/* Relaxed: only the holder writes it, and it is for showing. */
	atomic_store_explicit(sent,
			      atomic_load_explicit(sent, memory_order_relaxed) +
				      1,
			      memory_order_relaxed);
}

/* receiving */

static bool take_from(struct zipc_meet *meet, struct zipc_offer *offer,
		      uint64_t ticket, void *elem)
{
	zipc_copy_out(elem, offer->element, meet->elem_size);
	/* over: acquire; pairs with post. A later element: another ticket. */
	atomic_thread_fence(memory_order_acquire);
	if (!change_ticket(offer, ticket,
			   ticket - ZIPC_TICKET_WAITING + ZIPC_TICKET_TAKEN))
		return false;
	zipc_wake(&offer->event, meet->symmetric, 1);
	return true;
}

/* An offer under another's ticket: a copy of what it says. */
struct spread {
	uint64_t posted, where, wanted, holder;
};

/* Copy it, and the element unless that is NULL; false: it is none, or moves. */
static bool copy_spread(struct zipc_meet *meet, uint32_t i,
			struct spread *copy, void *elem)
{
	struct zipc_sender *sender = &meet->senders[i];
	uint64_t again;

	/* spread: acquire; pairs with post. */
	copy->posted = atomic_load_explicit(&sender->posted,
					    memory_order_acquire);
	if (!copy->posted || copy->posted % 2)
		return false;
	/* Relaxed: posted is looked at again behind all of them. */
	copy->where = atomic_load_explicit(&sender->where,
					   memory_order_relaxed);
	copy->wanted = atomic_load_explicit(&sender->wanted,
					    memory_order_relaxed);
	copy->holder = atomic_load_explicit(&sender->holder,
					    memory_order_relaxed);
	if (elem)
		zipc_copy_out(elem, offer_of(meet, i)->element,
			      meet->elem_size);
	/* over: acquire; pairs with post. */
	atomic_thread_fence(memory_order_acquire);
	again = atomic_load_explicit(&sender->posted, memory_order_relaxed);
	return again == copy->posted &&
	       zipc_ticket_state(copy->wanted) == ZIPC_TICKET_WAITING;
}

enum spread_state { SPREAD_OVER, SPREAD_NOT_YET, SPREAD_WAITS, SPREAD_TAKEN };

/* Its ticket, in the meeting that has it: how it stands, or take it. */
static enum spread_state try_ticket(struct zipc_meet *home,
				    const struct spread *copy, bool take)
{
	uint32_t record = (uint32_t)(copy->where >> 16) & 0xFFFF;
	uint32_t number = (uint32_t)copy->where & 0xFFFF;
	struct zipc_offer *offer;
	uint64_t ticket;

	/* Another holder's is of another time. */
	if (record >= home->count ||
	    atomic_load_explicit(&home->senders[record].holder,
				 memory_order_acquire) != copy->holder)
		return SPREAD_OVER;
	offer = offer_of(home, record);
	ticket = read_ticket(offer);
	if (ticket != copy->wanted)
		return ticket >> 18 < copy->wanted >> 18 ? SPREAD_NOT_YET
							 : SPREAD_OVER;
	if (!take)
		return SPREAD_WAITS;
	if (!change_ticket(offer, ticket,
			   zipc_ticket(ticket >> 18, number,
				       ZIPC_TICKET_TAKEN)))
		return SPREAD_OVER;
	zipc_wake(&offer->event, home->symmetric, 1);
	return SPREAD_TAKEN;
}

/* Whether that says that no meeting is there, and not only that we can not. */
static bool is_gone(int rc)
{
	return rc == -ENOENT || rc == -EPROTOTYPE;
}

/* The same, where its ticket is in another block, which is used meanwhile. */
static enum spread_state try_elsewhere(struct zipc_meet *meet,
				       const struct spread *copy, bool take)
{
	uint32_t line = (uint32_t)(copy->where >> 32);
	enum spread_state state = SPREAD_OVER;
	char name[ZIPC_NAME_MAX + 1];
	struct zipc_found found;
	struct zipc_meet home;
	int rc;

	if (line == meet->line)
		return try_ticket(meet, copy, take);
	rc = zipc_table_name(name, meet->segment, line);
	if (!rc)
		rc = zipc_table_find(&found, meet->segment, name, ZIPC_CHANNEL,
				     NULL);
	if (rc) /* removed, damaged, ..: who is in it goes on without us */
		return is_gone(rc) ? SPREAD_OVER : SPREAD_NOT_YET;
	if (!found.capacity) {
		if (zipc_meet_open(&home, meet->segment, &found, name))
			state = SPREAD_NOT_YET;
		else if (home.line == line)
			state = try_ticket(&home, copy, take);
	}
	zipc_table_release(&found);
	return state;
}

/* Take it into *elem, or with NULL only look; false: it can not be taken. */
static bool try_spread(struct zipc_meet *meet, uint32_t i, void *elem)
{
	_Atomic uint64_t *posted = &meet->senders[i].posted;
	enum spread_state state;
	struct spread copy;

	if (!copy_spread(meet, i, &copy, elem))
		return false;
	state = try_elsewhere(meet, &copy, elem);
	/* Relaxed: it is what its owner will do, or would have done. */
	if (state == SPREAD_OVER)
		atomic_compare_exchange_strong_explicit(
			posted, &copy.posted, copy.posted + 1,
			memory_order_relaxed, memory_order_relaxed);
	return state == SPREAD_WAITS || state == SPREAD_TAKEN;
}

static bool take_any(struct zipc_meet *meet, uint32_t i, void *elem)
{
	struct zipc_offer *offer = offer_of(meet, i);
	uint64_t ticket = read_ticket(offer);

	if (zipc_ticket_state(ticket) == ZIPC_TICKET_WAITING)
		return take_from(meet, offer, ticket, elem);
	return try_spread(meet, i, elem);
}

int64_t zipc_meet_find(struct zipc_meet *meet, uint32_t from)
{
	uint32_t used = records_used(meet), i;

	for (i = from; i < used; i++)
		if (zipc_ticket_state(read_ticket(offer_of(meet, i))) ==
			    ZIPC_TICKET_WAITING ||
		    try_spread(meet, i, NULL))
			return i;
	return -1;
}

int zipc_meet_take(struct zipc_meet *meet, void *elem)
{
	uint32_t used = records_used(meet), i, k = 0;

	if (zipc_meet_closed(meet))
		return zipc_fail_as(EPIPE, "the channel is closed");
	if (used)
		k = meet->next % used;
	for (i = 0; i < used; i++) {
		k = k + 1 < used ? k + 1 : 0;
		if (!take_any(meet, k, elem))
			continue;
		meet->next = k; /* the others come before it the next time */
		return 0;
	}
	return zipc_fail_as(EAGAIN, "nobody offers anything");
}

/* closing */

bool zipc_meet_closed(const struct zipc_meet *meet)
{
	/* shut: acquire; pairs with close. */
	return atomic_load_explicit(&meet->meeting->closed,
				    memory_order_acquire);
}

void zipc_meet_shut(struct zipc_meet *meet)
{
	uint32_t used, i;

	/* shut: release; pairs with send and take. */
	atomic_store_explicit(&meet->meeting->closed, 1, memory_order_release);
	/* Who becomes a sender behind this fence finds it closed. */
	atomic_thread_fence(memory_order_seq_cst);
	used = records_used(meet);
	for (i = 0; i < used; i++)
		zipc_wake(&offer_of(meet, i)->event, meet->symmetric,
			  UINT32_MAX);
	zipc_wake(meet->readable, meet->symmetric, UINT32_MAX);
}

uint64_t zipc_meet_size(const struct zipc_meet *meet)
{
	uint32_t used = records_used(meet), i;
	uint64_t size = 0;

	for (i = 0; i < used; i++)
		size += zipc_ticket_state(read_ticket(offer_of(meet, i))) ==
			ZIPC_TICKET_WAITING;
	return size;
}
