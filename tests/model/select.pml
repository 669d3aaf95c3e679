/* SPDX-License-Identifier: MIT */
/*
 * Meetings and select (libzeroipc/meeting.h, select.h) as a model for spin.
 * run.sh runs it, within several bounds, and with mutations that must be found.
 *
 * PARTIES processes each run one select over two channels without a buffer:
 * process p offers in the channels of its mask Sp, under one ticket, and
 * receives from those of Rp. One channel has the ticket, at first the lowest
 * that it offers in; in the other one its record is posted. First of all it may
 * offer for a while, where somebody sleeps to receive. Then it tries; those of
 * the mask NOW offer once more, and leave. The others offer and sleep; each
 * takes its offers back up to TRIES times to receive, and then leaves, as at a
 * deadline; with LEAVES any of them may have its deadline at any time. A send
 * is a select of one offer.
 *
 * With KILLS processes die, which is the same as being stopped for good, at any
 * step; with HEIRS another takes the record of the first one that did, and runs
 * one more select by it. With REMOVES the first channel is removed, at any
 * step, then the second: who has them open goes on, but a ticket in one of them
 * is not found from the other. Then a nap ends, once for each removal.
 *
 * One step of a process is one access to shared memory. An element has two
 * words. Its value is {epoch, channel of the ticket, its own}, so a copy that
 * is of another offer, or of two, shows. x86 keeps stores in order, and here
 * nobody stores and then loads what decides, but who sleeps: the fence there is
 * that of the event word, whose own model is event_word.pml. Sleeping is a list
 * of who listens where, and a wake goes to any one of them.
 *
 * Checked: of all that one select offers at most one copy is taken, and it is
 * whole; who is told that its case happened has been received from, once, in
 * that channel; who is told that none did, or has received, never is; who
 * receives has nothing out; and when nothing moves any more, nobody sleeps
 * beside an offer that it could take, or could if its ticket moved.
 *
 * Not here: closing, two handles on one channel, a block whose space is used
 * again, and an heir of one of two records.
 */

#ifndef PARTIES
#define PARTIES 2
#endif
#ifndef S0
#define S0 1
#endif
#ifndef R0
#define R0 2
#endif
#ifndef S1
#define S1 2
#endif
#ifndef R1
#define R1 1
#endif
#ifndef S2
#define S2 0
#endif
#ifndef R2
#define R2 0
#endif
#ifndef S3
#define S3 0
#endif
#ifndef R3
#define R3 0
#endif
#ifndef TRIES
#define TRIES 2
#endif
#ifndef NOW
#define NOW 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef REMOVES
#define REMOVES 0
#endif

#define IDLE 0
#define WAITING 1
#define TAKEN 2
/* {epoch, channel, state} */
#define TICKET(epoch, c, state) ((epoch) << 3 | (c) << 2 | (state))
#define STATE(ticket) ((ticket) & 3)
#define CASE(ticket) ((ticket) >> 2 & 1)
#define EPOCH(ticket) ((ticket) >> 3)
/* What is offered in c, under a ticket in h. */
#define VALUE(epoch, h, c) ((epoch) << 2 | (h) << 1 | (c))
#define AT(p, c) ((p) * 2 + (c))
#define OFFERS(p) \
	((p) == 0 -> S0 : ((p) == 1 -> S1 : ((p) == 2 -> S2 : S3)))
#define RECEIVES(p) \
	((p) == 0 -> R0 : ((p) == 1 -> R1 : ((p) == 2 -> R2 : R3)))
#define HAS(mask, c) ((mask) >> (c) & 1)
/* The channel that has the ticket of p at first. */
#define HOME(p) (OFFERS(p) & 1 -> 0 : 1)

byte ticket[PARTIES * 2];
byte one[PARTIES * 2], other[PARTIES * 2]; /* the element's words */
byte posted[PARTIES * 2], wanted[PARTIES * 2];
bit home[PARTIES], removed[2];

/* who listens, and is woken */
bit listens[PARTIES * 2], hears[PARTIES]; /* for offers; for its ticket */
bit woken[PARTIES], asleep[PARTIES], by[PARTIES * 2];
bit sleepers[2]; /* what is seen of who listens: it may be over */

bit dead[PARTIES];
byte kills = KILLS;

/* what happened: in the select of p */
byte sold[PARTIES]; /* was received from: 1 + the channel */
bit over[PARTIES];  /* and it has ended, and sent nothing */

#define IS_OUT(p) \
	(STATE(ticket[AT(p, 0)]) == WAITING || \
	 STATE(ticket[AT(p, 1)]) == WAITING)
#define TICKET_OF(p) ticket[AT(p, home[p])]

/* Whether its ticket is found from c; or will be, when it has moved. */
#define IS_FOUND(q, c) ((c) == home[q] || !removed[home[q]])
#define CAN_MOVE(q) \
	(!dead[q] && (HAS(OFFERS(q), 0) && !removed[0] || \
		      HAS(OFFERS(q), 1) && !removed[1]))
#define OFFERED_IN(q, p, c) \
	(HAS(OFFERS(q) & RECEIVES(p), c) && (IS_FOUND(q, c) || CAN_MOVE(q)))
#define OFFERED(q, p) \
	(PARTIES > q && (p) != q && \
	 STATE(TICKET_OF(q % PARTIES)) == WAITING && \
	 (OFFERED_IN(q % PARTIES, p, 0) || OFFERED_IN(q % PARTIES, p, 1)))
#define EXISTS_FOR(p) \
	(OFFERED(0, p) || OFFERED(1, p) || OFFERED(2, p) || OFFERED(3, p))

/* Who is being woken for another channel has this wake, too. */
#define also(p, c) by[AT(p, c)] = by[AT(p, c)] | listens[AT(p, c)]

/* A publication in channel c: wake one of those who listen there. */
inline wake_one(c)
{
	atomic {
		if
		:: listens[AT(0, c)] && !woken[0] ->
			woken[0] = 1; by[AT(0, c)] = 1
		:: listens[AT(1, c)] && !woken[1] ->
			woken[1] = 1; by[AT(1, c)] = 1
#if PARTIES > 2
		:: listens[AT(2, c)] && !woken[2] ->
			woken[2] = 1; by[AT(2, c)] = 1
#endif
#if PARTIES > 3
		:: listens[AT(3, c)] && !woken[3] ->
			woken[3] = 1; by[AT(3, c)] = 1
#endif
		:: else ->
			sleepers[c] = 0;
			also(0, c); also(1, c)
#if PARTIES > 2
			; also(2, c)
#endif
#if PARTIES > 3
			; also(3, c)
#endif
		fi
	}
}

/* Of a search: what is next. */
#define LOOKS 0     /* at the ticket there */
#define COUNTS 1    /* reads posted; edge spread: acquire */
#define WANTS 2     /* which ticket, and where */
#define COPIES 3    /* the element's words */
#define COPIES_ON 4
#define CONFIRMS 5  /* that posted is the same */
#define FINDS 6     /* the block that has the ticket */
#define TAKES 7
#define TELLS 8     /* the sender */
#define ENDS 9      /* what is posted, and over */
#define LEAVES_IT 10

/* The CAS of the ticket of q, in h: edge received. p has copied a and b. */
inline take_ticket()
{
	if
#ifdef NO_EPOCH
	:: STATE(ticket[AT(q, h)]) == WAITING ->
#else
	:: ticket[AT(q, h)] == seen ->
#endif
		/* one of its cases, and before it is told of none */
		assert(!sold[q]);
		assert(!over[q]);
		/* who receives has nothing out */
		assert(!IS_OUT(p) && !sold[p]);
		sold[q] = 1 + c;
#ifndef COPY_LATE
		/* whole, and of this offer */
		assert(a == VALUE(EPOCH(ticket[AT(q, h)]), h, c));
		assert(b == a);
#endif
		ticket[AT(q, h)] = TICKET(EPOCH(ticket[AT(q, h)]), c, TAKEN);
		where = c;
		done = 1;
		step = TELLS
	:: else -> stands_not()
	fi
}

/* The ticket is not the one that was seen: later, or not there yet. */
inline stands_not()
{
	if
	:: count && EPOCH(ticket[AT(q, h)]) >= EPOCH(seen) -> step = ENDS
	:: else -> next()
	fi
}

/* To the next record and channel. */
inline next()
{
	q = q + c;
	c = 1 - c;
	seen = 0; a = 0; b = 0; count = 0; h = 0;
	step = LOOKS
}

/* And it is over. */
inline end_search()
{
	q = 0; c = 0;
	seen = 0; a = 0; b = 0; count = 0; h = 0;
	step = LEAVES_IT
}

/*
 * code: zipc_meet_take, take_any, take_from, try_spread, copy_spread,
 * try_elsewhere, try_ticket, zipc_meet_find, zipc_selection_ready. From any
 * channel: p takes, done, or only looks, ready.
 */
inline search(takes)
{
	step = LOOKS;
	do
	:: d_step {
		step == LOOKS ->
		do
		:: q < PARTIES &&
		   (q == p || !HAS(OFFERS(q) & RECEIVES(p), c)) ->
			q = q + c;
			c = 1 - c
		:: else -> break
		od;
		if
		:: q == PARTIES -> end_search()
		:: else ->
			/* Edge offered: acquire. */
			seen = ticket[AT(q, c)];
			h = c;
			if
			:: STATE(seen) == WAITING && takes -> step = COPIES
			:: STATE(seen) == WAITING && !takes ->
				ready = 1;
				end_search()
			:: STATE(seen) != WAITING && OFFERS(q) == 3 ->
				step = COUNTS
			:: else -> next()
			fi
		fi
	}
	:: d_step {
		step == COUNTS ->
		count = posted[AT(q, c)];
		if
		:: count && count % 2 == 0 -> step = WANTS
		:: else -> next()
		fi
	}
	:: d_step {
		step == WANTS ->
		seen = wanted[AT(q, c)];
		h = CASE(seen);
		step = (takes -> COPIES : CONFIRMS)
	}
	:: d_step {
		step == COPIES ->
		a = one[AT(q, c)];
		step = COPIES_ON
	}
	:: d_step {
		step == COPIES_ON ->
		b = other[AT(q, c)];
		step = (count -> CONFIRMS : TAKES)
	}
	:: d_step {
		step == CONFIRMS ->
		step = (REMOVES -> FINDS : TAKES);
#ifndef NO_SECOND_LOOK
		if
		:: posted[AT(q, c)] != count -> next()
		:: else
		fi
#endif
	}
	:: d_step {
		step == FINDS -> step = (removed[h] -> ENDS : TAKES)
	}
	:: d_step {
		step == TAKES ->
		if
		:: takes -> take_ticket()
		:: !takes && ticket[AT(q, h)] == seen ->
			ready = 1;
			end_search()
		:: else -> stands_not()
		fi
	}
	:: d_step {
		step == ENDS ->
		if
		:: posted[AT(q, c)] == count -> posted[AT(q, c)] = count + 1
		:: else
		fi;
		next()
	}
	:: d_step {
		step == TELLS ->
#ifdef COPY_LATE
		assert(one[AT(q, c)] == VALUE(EPOCH(seen), h, c));
#endif
		if
		:: hears[q] -> woken[q] = 1
		:: else
		fi;
		end_search()
	}
	:: step == LEAVES_IT -> break
	od
}

/* What goes out under the ticket in its home. */
inline begin()
{
	h = home[p];
	c = 1 - h;
	epoch = EPOCH(ticket[AT(p, h)]) + 1
}

/* code: choose_home. Where the ticket was, one that stands, or any. */
inline choose()
{
#if REMOVES && !defined(HOME_STAYS)
	if
	:: atomic { OFFERS(p) != 3 || !removed[home[p]] -> begin() }
	:: OFFERS(p) == 3 && removed[home[p]] ->
		atomic {
			if
			:: !removed[1 - home[p]] -> home[p] = 1 - home[p]
			:: removed[1 - home[p]]
			:: removed[1 - home[p]] -> home[p] = 1 - home[p]
			fi;
			begin()
		}
	fi
#else
	d_step { begin() }
#endif
}

/*
 * code: go_out, zipc_meet_spread, zipc_meet_offer, zipc_meet_tell. Edges
 * offered, spread: release.
 */
inline go_out()
{
	choose();
#ifdef TICKET_FIRST
	ticket[AT(p, h)] = TICKET(epoch, h, WAITING);
#endif
	if
	:: d_step {
		OFFERS(p) == 3 -> posted[AT(p, c)] = posted[AT(p, c)] | 1
	};
		wanted[AT(p, c)] = TICKET(epoch, h, WAITING);
		one[AT(p, c)] = VALUE(epoch, h, c);
		other[AT(p, c)] = VALUE(epoch, h, c);
		posted[AT(p, c)] = posted[AT(p, c)] + 1;
		one[AT(p, h)] = VALUE(epoch, h, h)
	:: d_step { OFFERS(p) != 3 -> one[AT(p, h)] = VALUE(epoch, h, h) }
	fi;
	other[AT(p, h)] = VALUE(epoch, h, h);
#ifndef TICKET_FIRST
	ticket[AT(p, h)] = TICKET(epoch, h, WAITING);
#endif
	out = 1;
	wake_one(h);
	if
	:: atomic { OFFERS(p) == 3 -> wake_one(c); h = 0; c = 0; epoch = 0 }
	:: d_step { OFFERS(p) != 3 -> h = 0; c = 0; epoch = 0 }
	fi
}

/* The ticket that p takes back. */
#ifdef ASKS_THE_FIRST
#define OWN(p) ticket[AT(p, HOME(p))]
#else
#define OWN(p) TICKET_OF(p)
#endif

/* code: go_in, zipc_meet_withdraw, zipc_meet_unspread. It was taken: sent. */
inline go_in()
{
	d_step {
		if
		:: STATE(OWN(p)) == WAITING ->
			OWN(p) = TICKET(EPOCH(OWN(p)), 0, IDLE)
		:: STATE(OWN(p)) == TAKEN -> sent = 1
		:: else
		fi;
		out = 0
	};
	if
	:: d_step {
		OFFERS(p) == 3 ->
		posted[AT(p, 1 - home[p])] = posted[AT(p, 1 - home[p])] | 1
	}
	:: OFFERS(p) != 3
	fi
}

/*
 * code: offer_first, send_meeting. If somebody sleeps to receive that, it is
 * out for as long as waking takes, which may be any time.
 */
inline offer_first()
{
	if
	:: HAS(OFFERS(p), 0) && sleepers[0] ||
	   HAS(OFFERS(p), 1) && sleepers[1] ->
		go_out();
#ifdef FIRST_STAYS
		if
		:: HAS(NOW, p) -> go_in()
		:: else
		fi
#else
		go_in()
#endif
#ifdef LATE_UNHEARD
		;
		if
		:: HAS(NOW, p) -> sent = 0
		:: else
		fi
#endif
	:: 1 /* nobody does, or it is another case's turn */
	fi
}

/* p sleeps until it is woken, or a nap or its time is over. */
inline sleep_once()
{
	asleep[p] = 1;
	if
	:: d_step { woken[p] -> asleep[p] = 0 }
#if KILLS
	/* A nap ends, and finds what a dead one told nobody. */
	:: d_step {
		kills < KILLS &&
		(out && STATE(TICKET_OF(p)) == TAKEN || EXISTS_FOR(p)) ->
		asleep[p] = 0
	}
#endif
#if REMOVES
	/* A nap ends, when its ticket is not found any more: it goes in. */
	:: d_step {
		out && OFFERS(p) == 3 && removed[home[p]] &&
		naps < removed[0] + removed[1] ->
		naps = removed[0] + removed[1];
		asleep[p] = 0
	};
		break
#endif
#ifdef LEAVES
	:: d_step { asleep[p] = 0; leaves = 1 }
#endif
	fi
}

/* code: attempt, zipc_wait_any. It listens, looks again, and sleeps. */
inline sleep_on()
{
	do
	:: d_step {
		!ready && !leaves ->
		hears[p] = 1;
		listens[AT(p, 0)] = HAS(RECEIVES(p), 0);
		listens[AT(p, 1)] = HAS(RECEIVES(p), 1);
		sleepers[0] = sleepers[0] | HAS(RECEIVES(p), 0);
		sleepers[1] = sleepers[1] | HAS(RECEIVES(p), 1);
		woken[p] = 0
	};
		/* Edge received: acquire. */
		if
		:: out && STATE(TICKET_OF(p)) == TAKEN -> break
		:: else
		fi;
#ifndef NO_LOOK
		search(0);
#endif
		if
		:: !ready -> sleep_once()
		:: else
		fi
	:: d_step { ready || leaves -> ready = 0; tries++ }; break
	od
}

/*
 * code: zipc_selection_do, do_now, leave_all. One of its cases, or none. Who
 * leaves passes on the wakes that were not for its case.
 */
inline select_once()
{
	offer_first();
	do
	:: sent || leaves || tries > TRIES -> break
	:: else ->
		search(1);
		if
		:: done -> break
		:: !done && HAS(NOW, p) -> offer_first(); break
		:: !done && !HAS(NOW, p) && OFFERS(p) && !out -> go_out()
		:: else
		fi;
		sleep_on();
		if
#ifdef KEEPS_OFFERS
		:: out && (leaves || tries > TRIES) -> go_in()
#else
		:: out -> go_in()
#endif
		:: else
		fi
	od;
	atomic {
		/* it is told what happened */
		if
		:: sent ->
			assert(!done);
			assert(sold[p] == 1 + CASE(TICKET_OF(p)))
		:: else ->
			assert(!sold[p]);
			over[p] = 1
		fi;
		hears[p] = 0;
		listens[AT(p, 0)] = 0;
		listens[AT(p, 1)] = 0;
		woken[p] = 0;
		by[AT(p, where % 2)] = by[AT(p, where % 2)] && where == 2;
		leaves = 0; tries = 0; naps = 0; where = 2; done = 0
	};
	do
#ifndef NO_PASS
	:: atomic { by[AT(p, 0)] -> by[AT(p, 0)] = 0; wake_one(0) }
	:: atomic { by[AT(p, 1)] -> by[AT(p, 1)] = 0; wake_one(1) }
	:: !by[AT(p, 0)] && !by[AT(p, 1)] -> break
#else
	:: d_step { by[AT(p, 0)] = 0; by[AT(p, 1)] = 0 }; break
#endif
	od;
	if
	:: sent ->
		/* What it sends next is written in the same place. */
		one[AT(p, CASE(TICKET_OF(p)))] = 0;
		d_step { other[AT(p, CASE(TICKET_OF(p)))] = 0; sent = 0 }
	:: else
	fi
}

#define LOCALS \
	byte q, c, h, step, seen, a, b, count, epoch, tries, naps, where = 2; \
	bit done, sent, ready, leaves, out

proctype party(byte p) provided (!dead[p])
{
	LOCALS;

	home[p] = HOME(p);
	select_once()
}

#ifdef HEIRS
/* code: zipc_meet_become_sender, inherit. The record has another holder. */
inline become_sender(c)
{
#ifndef HEIR_KEEPS
	d_step {
		if
		:: STATE(ticket[AT(p, c)]) == WAITING ->
			ticket[AT(p, c)] =
				TICKET(EPOCH(ticket[AT(p, c)]), 0, IDLE)
		:: else
		fi
	};
	if
	:: posted[AT(p, c)] && posted[AT(p, c)] % 2 == 0 ->
		posted[AT(p, c)] = posted[AT(p, c)] + 1
	:: else
	fi
#else
	/* It does not look at the ticket before it writes. */
	if
	:: STATE(ticket[AT(p, c)]) == WAITING -> one[AT(p, c)] = 0
	:: else
	fi
#endif
}

proctype heir(byte p)
{
	LOCALS;

end:	dead[p];
	/* Those who slept there sleep no more. */
	d_step {
		hears[p] = 0; asleep[p] = 0; woken[p] = 0;
		listens[AT(p, 0)] = 0; listens[AT(p, 1)] = 0;
		by[AT(p, 0)] = 0; by[AT(p, 1)] = 0
	};
	become_sender(0);
	become_sender(1);
	/* A select of its own begins. */
	d_step { sold[p] = 0; over[p] = 0; home[p] = HOME(p) };
	select_once()
}
#endif

#if KILLS
active proctype fate()
{
	byte p;

end:	do
	:: kills > 0 ->
		atomic {
			select(p : 0 .. PARTIES - 1);
			if
			:: !dead[p] -> dead[p] = 1; kills--
			:: else
			fi;
			p = 0
		}
	od
}
#endif

#if REMOVES
/* code: zipc_use_stands. Channels are removed, while some use them. */
active proctype remover()
{
	removed[0] = 1;
#if REMOVES > 1
	removed[1] = 1
#endif
}
#endif

/* When nothing moves any more. */
#define QUIET(p) \
	assert(!(p < PARTIES && asleep[p % PARTIES] && !dead[p % PARTIES] && \
		 (STATE(TICKET_OF(p % PARTIES)) == TAKEN || EXISTS_FOR(p))))

active proctype watch()
{
end:	timeout;
	QUIET(0);
	QUIET(1);
	QUIET(2);
	QUIET(3)
}

init
{
	atomic {
		run party(0);
		run party(1);
#if PARTIES > 2
		run party(2);
#endif
#if PARTIES > 3
		run party(3);
#endif
#ifdef HEIRS
		run heir(0);
#endif
	}
}
