/* SPDX-License-Identifier: MIT */
/*
 * Watching a Channel. One with a buffer is read as a Queue is: its body is the
 * same. In one without, what waits are offers: an element is shown if its
 * ticket was WAITING before the copy, and the same behind it, so that it was
 * whole and out all the while. Offers under another's ticket are counted as
 * what they are for that ticket: not here, but where it stands.
 */
#include "inspect.h"
#include "inspect_waits.h"

#include "error.h"
#include "participant.h"

#include <string.h>

#define MOST_SENDERS 4096u

struct offers {
	struct zipc_view *view;
	const struct zipc_view_block *block;
	uint64_t senders_at, offers_at; /* in the file */
	uint64_t offer_bytes;
	uint32_t count, used;
	bool closed;
};

static bool inside(uint64_t body, uint64_t offset, uint64_t count,
		   uint64_t each)
{
	return offset >= sizeof(struct zipc_meeting) &&
	       offset % ZIPC_LINE == 0 && offset <= body &&
	       count * each <= body - offset;
}

/* What is wrong with the constants; NULL: nothing. */
static const char *misfit(const struct zipc_block *head,
			  const struct zipc_meeting *copy)
{
	uint64_t bytes = sizeof(struct zipc_offer) +
			 (head->elem_size + 7) / 8 * 8;

	if (!copy->senders || copy->senders > MOST_SENDERS ||
	    !inside(head->body_bytes, copy->senders_offset, copy->senders,
		    sizeof(struct zipc_sender)))
		return "its senders lie outside its body";
	if (head->elem_size > UINT32_MAX / 2 ||
	    copy->offer_bytes != (bytes + ZIPC_LINE - 1) / ZIPC_LINE *
					 ZIPC_LINE ||
	    !inside(head->body_bytes, copy->offers_offset, copy->senders,
		    copy->offer_bytes))
		return "its offers lie outside its body";
	return NULL;
}

static int offers_load(struct offers *offers, struct zipc_view *view,
		       const struct zipc_view_block *block)
{
	const char *wrong = "its body is too short";
	struct zipc_meeting copy;
	uint64_t used;
	int rc;

	if (block->head.body_bytes >= sizeof(copy)) {
		rc = zipc_view_read(view, block->body_at, &copy, sizeof(copy));
		if (rc)
			return rc;
		wrong = misfit(&block->head, &copy);
	}
	if (wrong)
		return zipc_view_damaged(view, block->name, "%s", wrong);
	/* Relaxed: these are copies of our own. */
	used = atomic_load_explicit(&copy.used, memory_order_relaxed);
	*offers = (struct offers){
		.view = view,
		.block = block,
		.senders_at = block->body_at + copy.senders_offset,
		.offers_at = block->body_at + copy.offers_offset,
		.offer_bytes = copy.offer_bytes,
		.count = copy.senders,
		.used = used < copy.senders ? (uint32_t)used : copy.senders,
		.closed = atomic_load_explicit(&copy.closed,
					       memory_order_relaxed),
	};
	return 0;
}

static int read_word(const struct offers *offers, uint64_t at, uint64_t *word)
{
	return zipc_view_read(offers->view, at, word, sizeof(*word));
}

static uint64_t offer_at(const struct offers *offers, uint32_t i)
{
	return offers->offers_at + i * offers->offer_bytes;
}

#define WAITING 1u /* ZIPC_TICKET_WAITING, of the low two bits */

static int describe_meeting(struct zipc_view *view,
			    const struct zipc_view_block *block,
			    struct zipc_view_entry *out)
{
	struct offers offers;
	uint64_t ticket, sent;
	int rc = offers_load(&offers, view, block);
	uint32_t i;

	for (i = 0; !rc && i < offers.used; i++) {
		rc = read_word(&offers, offer_at(&offers, i), &ticket);
		if (rc)
			break;
		out->size += (ticket & 3) == WAITING;
		rc = read_word(&offers,
			       offers.senders_at +
				       i * sizeof(struct zipc_sender) +
				       offsetof(struct zipc_sender, sent),
			       &sent);
		out->removed += sent;
	}
	out->added = out->removed + out->size;
	if (!rc)
		out->closed = offers.closed;
	return rc;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	uint64_t tail;
	int rc;

	if (!block->head.capacity)
		return describe_meeting(view, block, out);
	rc = zipc_view_queue.describe(view, block, out);
	if (!rc)
		rc = zipc_view_read(view,
				    block->body_at +
					    offsetof(struct zipc_place_ring,
						     tail),
				    &tail, sizeof(tail));
	if (!rc)
		out->closed = tail & ZIPC_TAIL_CLOSED ? 1 : 0;
	return rc;
}

/* The element of offer i, if it waits all the while: 1 or 0; -errno. */
static int read_offer(const struct offers *offers, uint32_t i, void *elem)
{
	uint64_t at = offer_at(offers, i), ticket, again;
	int rc = read_word(offers, at, &ticket);

	if (rc || (ticket & 3) != WAITING)
		return rc;
	rc = zipc_view_read(offers->view,
			    at + offsetof(struct zipc_offer, element), elem,
			    offers->block->head.elem_size);
	if (!rc)
		rc = read_word(offers, at, &again);
	return rc ? rc : again == ticket;
}

static int64_t elements_of_meeting(struct zipc_view *view,
				   const struct zipc_view_block *block,
				   uint64_t from, uint64_t n,
				   unsigned char *bytes, uint64_t *ids)
{
	struct offers offers;
	uint64_t got = 0;
	int rc = offers_load(&offers, view, block);
	uint32_t i;

	for (i = 0; rc >= 0 && i < offers.used && got < n; i++) {
		rc = read_offer(&offers, i,
				bytes + got * block->head.elem_size);
		if (rc <= 0)
			continue;
		if (from) { /* those before are left out */
			from--;
			continue;
		}
		if (ids)
			ids[got] = i;
		got++;
	}
	return rc < 0 ? rc : (int64_t)got;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	if (block->head.capacity)
		return zipc_view_queue.elements(view, block, from, n, bytes,
						ids);
	return elements_of_meeting(view, block, from, n, bytes, ids);
}

/* who waits for whom */

/* A sender waits as long as its own ticket does. */
static int add_sender(struct zipc_look *look, const struct offers *offers,
		      uint32_t i, const struct zipc_sender *sender)
{
	/* Relaxed: it is a copy of our own. */
	uint64_t holder = atomic_load_explicit(&sender->holder,
					       memory_order_relaxed);
	struct zipc_look_waiter it = {
		.word = zipc_owner_word(holder, i) | ZIPC_WAIT_TO_SEND
	};
	int rc;

	if (!(holder & 0xFFFF) || zipc_holder_index(holder) >=
					  offers->view->header.max_participants)
		return 0; /* nobody */
	rc = read_word(offers, offer_at(offers, i), &it.ticket);
	if (rc || (it.ticket & 3) != WAITING)
		return rc;
	return zipc_look_add_waiter(look, &it);
}

/*
 * Nobody holds a channel. Who sleeps to receive, or beside a buffer, has no
 * record; who has offers in several channels waits in the one that has their
 * ticket.
 */
static int waits(struct zipc_view *view, const struct zipc_view_block *block,
		 struct zipc_look *look)
{
	struct zipc_sender some[64];
	struct offers offers;
	uint32_t i, k, n;
	int rc;

	if (block->head.capacity)
		return 0;
	rc = offers_load(&offers, view, block);
	if (rc || offers.closed || !zipc_look_may(look, 2ull * offers.used))
		return rc;
	for (i = 0; i < offers.used && !rc; i += n) {
		n = offers.used - i < 64 ? offers.used - i : 64;
		rc = zipc_view_read(view, offers.senders_at + i * sizeof(*some),
				    some, n * sizeof(*some));
		for (k = 0; k < n && !rc; k++)
			rc = add_sender(look, &offers, i + k, &some[k]);
	}
	return rc;
}

const struct zipc_view_kind zipc_view_channel = {
	.kind = ZIPC_CHANNEL,
	.describe = describe,
	.elements = elements,
	.waits = waits,
};
