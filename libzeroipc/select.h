/* SPDX-License-Identifier: MIT */
/*
 * Select: what several cases are made of, and doing one of them. The ticket,
 * by which one of several offers is taken, is argued in meeting.h; sleeping on
 * several words in wait.h.
 *
 * A case is a waitable (waitable.h): it is tried, and when it can be done it is
 * done by that. Cases are tried from a random one on, so each has its turn.
 * Only a send without a buffer can not be tried: it is offered, and taken by
 * others.
 *
 * States of a select with offers
 *   in    nothing is offered: cases may be tried
 *   out   the offers are out, under one ticket: cases may only be looked at
 *
 * From out to in: the ticket is withdrawn; if that fails, one of the offers was
 * taken, and it is over. From in to out: when no case could be done. So what is
 * done is done either in `in`, by the try, or in `out`, by the taker, and never
 * both.
 *
 * What is made by who tries (a stream on demand) wakes nobody: so who sleeps
 * does so until it is worth to try that, at most.
 *
 * It looks whether a case is ready before it goes in; and at intervals it goes
 * in without that, since what the dead have only a try finds. Who went in for
 * nothing waits for a random while the next time, up to twice as long each
 * time, with its offers out: two selects that see each other's offers would
 * else withdraw at once for ever. It waits for nobody in particular: when that
 * time is over it goes in.
 *
 * Where one can always be received, nothing would ever be sent without a
 * buffer. So when a send has its turn, and somebody sleeps to receive that, the
 * offers go out before anything is tried, for as long as waking takes.
 */
#ifndef ZIPC_SELECT_INTERNAL_H
#define ZIPC_SELECT_INTERNAL_H

#include "channel.h"
#include "future.h"
#include "lazy.h"
#include "queue.h"
#include "stream.h"
#include "wait.h"
#include "waitable.h"

#include <zipc/select.h>

/* A case that has been looked at. Who sends without a buffer has no try. */
struct zipc_choice {
	struct zipc_case *said;
	struct zipc_waitable waitable;
	struct zipc_channel *channel;     /* of a channel, else NULL */
	struct zipc_queue_wait queue;     /* of a queue */
	struct zipc_future_wait future;   /* of a future */
	struct zipc_lazy_wait lazy;       /* of a lazy */
	struct zipc_subscription_wait stream; /* of a subscription */
	bool offers;                      /* sends without a buffer */
	bool spread;                      /* it is out, beside the home's */
};

struct zipc_selection {
	struct zipc_choice *choices;
	struct zipc_wait_on *on; /* one for each choice */
	size_t n;
	/*
	 * NULL: none offers; else whose channel has the ticket. The others'
	 * takers look it up by its name, so it is one that is not removed; if
	 * all are, any: what it offers itself can be taken even so.
	 */
	struct zipc_choice *home;
	struct zipc_spin spin;
	uint64_t dice;
	bool out;            /* the offers, under the home's ticket */
	unsigned vain;       /* how often it went in for nothing */
	int64_t tried_ns;    /* when it was last in */
	int64_t happened;    /* the index of the case */
};

/* Prepare n cases, in memory for so many; 0, or an error. */
int zipc_selection_begin(struct zipc_selection *selection,
			 struct zipc_choice *choices, struct zipc_wait_on *on,
			 struct zipc_case *cases, size_t n);

/* As zipc_select(); again and again, if the cases stay. */
int zipc_selection_do(struct zipc_selection *selection, int64_t timeout_ns);

/* Whether a case is ready: may be tried with success. Changes nothing. */
bool zipc_selection_ready(struct zipc_selection *selection);

/* Make free what the dead have, for who only looks. */
void zipc_selection_bury(struct zipc_selection *selection);

/* Until when to sleep at most, as some things come by trying only. */
int64_t zipc_selection_until(const struct zipc_selection *selection,
			     int64_t deadline_ns);

/*
 * What its sleepers sleep on, into on[], which has room for each case: how many
 * that is. One event is there once, or who sleeps would take both its nappers'
 * places; but a few of many cases may have it again.
 */
size_t zipc_selection_words(const struct zipc_selection *selection,
			    struct zipc_wait_on *on);

#endif
