/* SPDX-License-Identifier: MIT */
/*
 * Meetings and select (libzeroipc/meeting.h, select.h) as a model for spin.
 * run.sh runs it, within several bounds, and with mutations that must be found.
 *
 * PARTIES processes each run one select over two channels without a buffer:
 * process p offers in the channels of its mask Sp, under one ticket, and
 * receives from those of Rp. The lowest channel that it offers in has the
 * ticket; in the other one its record is posted. Each takes its offers back up
 * to TRIES times to receive, and then leaves, as at a deadline; with LEAVES any
 * of them may have its deadline at any time. With KILLS processes die, which is
 * the same as being stopped for good, at any step; with HEIRS another takes the
 * record of the first one that did, and runs one more select by it.
 *
 * One step of a process is one access to shared memory. An element has two
 * words. Its value is the epoch of the offer, so a copy that is of another
 * offer, or of two, shows. x86 keeps stores in order, and here nobody stores
 * and then loads what decides, but who sleeps: the fence there is that of the
 * event word, whose own model is event_word.pml. Sleeping is a list of who
 * listens where, and a wake goes to any one of them.
 *
 * Checked: of each offer at most one copy is taken, and it is whole; who is told
 * that its case happened has been received from, once, in that channel; whose
 * offers were taken back is never received from; who receives has nothing out;
 * and when nothing moves any more, nobody sleeps beside an offer it could take.
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
#ifndef KILLS
#define KILLS 0
#endif
#define EPOCHS (2 * TRIES + 4)

#define IDLE 0
#define WAITING 1
#define TAKEN 2
/* {epoch, channel, state} */
#define TICKET(epoch, c, state) ((epoch) << 3 | (c) << 2 | (state))
#define STATE(ticket) ((ticket) & 3)
#define CASE(ticket) ((ticket) >> 2 & 1)
#define EPOCH(ticket) ((ticket) >> 3)
#define AT(p, c) ((p) * 2 + (c))
#define OFFERS(p) \
	((p) == 0 -> S0 : ((p) == 1 -> S1 : ((p) == 2 -> S2 : S3)))
#define RECEIVES(p) \
	((p) == 0 -> R0 : ((p) == 1 -> R1 : ((p) == 2 -> R2 : R3)))
#define HAS(mask, c) ((mask) >> (c) & 1)
/* The channel that has the ticket of p. */
#define HOME(p) (OFFERS(p) & 1 -> 0 : 1)

#define OFFERED(q, p) \
	(PARTIES > q && (p) != q && STATE(ticket[q % PARTIES]) == WAITING && \
	 (OFFERS(q) & RECEIVES(p)))
#define EXISTS_FOR(p) \
	(OFFERED(0, p) || OFFERED(1, p) || OFFERED(2, p) || OFFERED(3, p))

byte ticket[PARTIES];
byte one[PARTIES * 2], other[PARTIES * 2]; /* the element's words */
byte posted[PARTIES * 2], wanted[PARTIES * 2];

/* who listens, and is woken */
bit listens[PARTIES * 2], hears[PARTIES]; /* for offers; for its ticket */
bit woken[PARTIES], asleep[PARTIES], by[PARTIES * 2];

bit dead[PARTIES], gone[PARTIES];
byte kills = KILLS;

/* what happened */
byte got[PARTIES * EPOCHS], got_in[PARTIES];
bit back[PARTIES * EPOCHS];

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
		:: else -> also(0, c); also(1, c)
#if PARTIES > 2
			; also(2, c)
#endif
#if PARTIES > 3
			; also(3, c)
#endif
		fi
	}
}

/* p listens no more. A wake that came for what it leaves is passed on. */
inline stop_listening(but)
{
	d_step {
		hears[p] = 0;
		listens[AT(p, 0)] = 0;
		listens[AT(p, 1)] = 0;
		woken[p] = 0
	};
#ifndef NO_PASS
	if
	:: by[AT(p, 0)] && but != 0 -> wake_one(0)
	:: else
	fi;
	if
	:: by[AT(p, 1)] && but != 1 -> wake_one(1)
	:: else
	fi;
#endif
	d_step { by[AT(p, 0)] = 0; by[AT(p, 1)] = 0 }
}

/* The CAS of the ticket of q, by who has copied a and b: edge received. */
inline take_ticket(c)
{
	d_step {
#ifdef NO_EPOCH
		if
		:: STATE(ticket[q]) == WAITING ->
#else
		if
		:: ticket[q] == seen ->
#endif
			assert(got[q * EPOCHS + EPOCH(ticket[q])] == 0);
			assert(!back[q * EPOCHS + EPOCH(ticket[q])]);
			got[q * EPOCHS + EPOCH(ticket[q])]++;
			got_in[q] = c;
#ifndef COPY_LATE
			assert(a == EPOCH(ticket[q]) && b == a);
#endif
			ticket[q] = TICKET(EPOCH(ticket[q]), c, TAKEN);
			done = 1
		:: else
		fi
	}
}

/* code: zipc_meet_take, take_from, try_spread. p takes from q, in channel c. */
inline take(c)
{
	if
	:: q != p && HAS(OFFERS(q), c) && c == HOME(q) ->
		/* Edge offered: acquire. */
		seen = ticket[q];
		if
		:: STATE(seen) == WAITING ->
#ifndef COPY_LATE
			a = one[AT(q, c)];
			b = other[AT(q, c)];
#endif
			take_ticket(c)
		:: else
		fi
	:: q != p && HAS(OFFERS(q), c) && c != HOME(q) ->
		/* Edge spread: acquire. */
		count = posted[AT(q, c)];
		if
		:: count && count % 2 == 0 ->
			seen = wanted[AT(q, c)];
			a = one[AT(q, c)];
			b = other[AT(q, c)];
#ifndef NO_SECOND_LOOK
			if
			:: posted[AT(q, c)] != count -> seen = 0
			:: else
			fi;
#endif
			if
			:: STATE(seen) == WAITING -> take_ticket(c)
			:: else
			fi
		:: else
		fi
	:: else
	fi;
#ifdef COPY_LATE
	if
	:: done && c == HOME(q) ->
		a = one[AT(q, c)];
		b = other[AT(q, c)];
		assert(a == EPOCH(seen) && b == a)
	:: else
	fi;
#endif
	if
	:: done ->
		d_step { if :: hears[q] -> woken[q] = 1 :: else fi }
	:: else
	fi
}

/* code: zipc_select. Receive from any channel of the mask, or not: done. */
inline receive()
{
	q = 0;
	do
	:: q < PARTIES && !done ->
		if
		:: HAS(RECEIVES(p), 0) -> take(0); if :: done -> where = 0 :: else fi
		:: else
		fi;
		if
		:: !done && HAS(RECEIVES(p), 1) ->
			take(1); if :: done -> where = 1 :: else fi
		:: else
		fi;
		q++
	:: else -> break
	od;
	q = 0;
	d_step { a = 0; b = 0; seen = 0; count = 0 }
}

/* code: zipc_meet_offer, zipc_meet_spread. Edges offered, spread: release. */
inline offer()
{
	epoch = EPOCH(ticket[p]) + 1;
#ifdef TICKET_FIRST
	ticket[p] = TICKET(epoch, HOME(p), WAITING);
#endif
	if
	:: OFFERS(p) == 3 ->
		posted[AT(p, 1)] = (posted[AT(p, 1)] + 1) | 1;
		wanted[AT(p, 1)] = TICKET(epoch, HOME(p), WAITING);
		one[AT(p, 1)] = epoch;
		other[AT(p, 1)] = epoch;
		posted[AT(p, 1)] = posted[AT(p, 1)] + 1
	:: else
	fi;
	one[AT(p, HOME(p))] = epoch;
	other[AT(p, HOME(p))] = epoch;
#ifndef TICKET_FIRST
	ticket[p] = TICKET(epoch, HOME(p), WAITING);
#endif
	if :: HAS(OFFERS(p), 0) -> wake_one(0) :: else fi;
	if :: HAS(OFFERS(p), 1) -> wake_one(1) :: else fi
}

/* code: zipc_meet_withdraw. It was taken: sent. */
inline withdraw()
{
	d_step {
		if
		:: STATE(ticket[p]) == WAITING ->
			ticket[p] = TICKET(EPOCH(ticket[p]), 0, IDLE);
			assert(!got[p * EPOCHS + EPOCH(ticket[p])]);
			back[p * EPOCHS + EPOCH(ticket[p])] = 1
		:: else
		fi
	};
	if
	:: STATE(ticket[p]) == TAKEN -> sent = 1
	:: else
	fi
}

/* code: zipc_meet_find. Whether some offer that p may take waits: ready. */
inline look()
{
	q = 0;
	do
	:: q < PARTIES && !ready ->
		d_step {
			if
			:: q != p && STATE(ticket[q]) == WAITING &&
			   (OFFERS(q) & RECEIVES(p)) -> ready = 1
			:: else
			fi;
			q++
		}
	:: else -> break
	od;
	q = 0
}

inline select_once()
{
	do
	:: 1 ->
		receive();
		if
		:: done ->
#ifndef KEEPS_OFFERS
			assert(STATE(ticket[p]) == IDLE || EPOCH(ticket[p]) <= from);
#else
			assert(STATE(ticket[p]) == IDLE);
#endif
			break
		:: else
		fi;
		if
		:: OFFERS(p) && !(STATE(ticket[p]) == WAITING) -> offer()
		:: else
		fi;
		/* code: sleep_on. It listens, then looks again, then sleeps. */
		do
		:: 1 ->
			d_step {
				hears[p] = 1;
				listens[AT(p, 0)] = HAS(RECEIVES(p), 0);
				listens[AT(p, 1)] = HAS(RECEIVES(p), 1);
				woken[p] = 0;
			};
			/* Edge received: acquire. */
			if
			:: OFFERS(p) && STATE(ticket[p]) == TAKEN -> sent = 1; break
			:: else
			fi;
#ifndef NO_LOOK
			look();
#endif
			if
			:: ready -> break
			:: else
			fi;
			asleep[p] = 1;
			if
			:: woken[p]
#if KILLS
			/* A nap ends, and finds what a dead one told nobody. */
			:: kills < KILLS && (STATE(ticket[p]) == TAKEN ||
					     EXISTS_FOR(p))
#endif
#ifdef LEAVES
			:: 1 -> leaves = 1
#endif
			fi;
			asleep[p] = 0;
			if
			:: leaves -> break
			:: else
			fi;
			look();
			if
			:: OFFERS(p) && STATE(ticket[p]) == TAKEN -> sent = 1; break
			:: ready -> break
			:: else
			fi
		od;
		if
		:: sent -> break
		:: else
		fi;
		ready = 0;
		if
		:: OFFERS(p) ->
#ifndef KEEPS_OFFERS
			withdraw();
#endif
			if
			:: sent -> break
			:: !sent && (leaves || tries == TRIES) ->
#ifdef KEEPS_OFFERS
				withdraw();
#endif
				gone[p] = 1; break
			:: else
			fi
		:: else ->
			if
			:: leaves || tries == TRIES -> gone[p] = 1; break
			:: else
			fi
		fi;
		tries++
	od;
	ready = 0;
	d_step {
		leaves = 0;
		if :: !done -> where = 2 :: else fi
	};
	stop_listening(where);
	if
	:: sent ->
		assert(got[p * EPOCHS + EPOCH(ticket[p])] == 1);
		assert(got_in[p] == CASE(ticket[p]));
		/* What it sends next is written in the same place. */
		one[AT(p, CASE(ticket[p]))] = 0;
		other[AT(p, CASE(ticket[p]))] = 0
	:: else
	fi
}

#define LOCALS \
	byte q, seen, a, b, count, epoch, tries, where, from; \
	bit done, sent, ready, leaves

proctype party(byte p) provided (!dead[p])
{
	LOCALS;

	select_once()
}

#ifdef HEIRS
/* code: zipc_meet_become_sender, inherit. The record has another holder. */
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
#ifndef HEIR_KEEPS
	d_step {
		if
		:: STATE(ticket[p]) == WAITING ->
			ticket[p] = TICKET(EPOCH(ticket[p]), 0, IDLE)
		:: else
		fi
	};
	if
	:: posted[AT(p, 1)] && posted[AT(p, 1)] % 2 == 0 ->
		posted[AT(p, 1)] = posted[AT(p, 1)] + 1
	:: else
	fi;
#else
	/* It does not look at the ticket before it writes. */
	if
	:: STATE(ticket[p]) == WAITING ->
		one[AT(p, HOME(p))] = 0
	:: else
	fi;
#endif
	from = EPOCH(ticket[p]);
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

/* When nothing moves any more. */
#define QUIET(p) \
	assert(!(p < PARTIES && asleep[p % PARTIES] && !dead[p % PARTIES] && \
		 (STATE(ticket[p % PARTIES]) == TAKEN || EXISTS_FOR(p))))

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
