/* SPDX-License-Identifier: MIT */
/*
 * The place ring (libzeroipc/place_ring.h) as a model for spin. run.sh runs it,
 * within several bounds, and with mutations that must be found.
 *
 * Two writers push WORK0 and WORK1 elements, up to BATCH0 and BATCH1 at a time.
 * CONSUMERS pop up to POPS at a time, and settle what is stuck; LATE times a
 * settler comes as well, or something only tidies, as push does. Fate may stop
 * or kill somebody at any step (STOPS, KILLS), and give a dead writer's record
 * to an heir (HEIRS).
 *
 * One step of a process is one access to shared memory, with what follows from
 * it locally. Some steps join two accesses; a comment says why nothing is lost.
 * Each comment "code: NAME" says for which function the steps stand.
 * A turn, and the voiding of a claim, go through the writer's store buffer,
 * which memory() empties in order, at any time. A locked instruction waits
 * until the own buffer is empty; the heavy fence waits for each. The store of a
 * new claim needs no buffer: nothing comes between it and the locked
 * instruction on tail. Nor does that of an element, read only behind its turn.
 *
 * The epoch of active never repeats, so its compare-and-swap succeeds if and
 * only if nobody has changed the word since it was read: unchanged[] says so.
 *
 * READER: a Stream (libzeroipc/stream.h). Nobody takes: consumers pass, and a
 * reader, who changes nothing, looks at each position and copies what is there.
 * Writers push one at a time. The stores of an element, and of the 0 that marks
 * its slot before, go through the buffer too. Checked of what the reader sees:
 * each element once, in order, by who won its position, and none is left out
 * but where it was lapped.
 *
 * Checked: each element whose push returned is popped once, in its producer's
 * order, and no other is. At the end, when nothing moves: who is not stopped
 * has finished, every position is popped or settled, and but for what a stopped
 * process owes no claim is owed, and active comes down.
 */

#ifndef CAPACITY
#define CAPACITY 1
#endif
#ifndef WORK0
#define WORK0 1
#endif
#ifndef WORK1
#define WORK1 2
#endif
#ifndef BATCH0
#define BATCH0 1
#endif
#ifndef BATCH1
#define BATCH1 1
#endif
#ifndef POPS
#define POPS 1 /* at most, at a time: 1 or 2 */
#endif
#ifndef CONSUMERS
#define CONSUMERS 1
#endif
#ifndef SETTLES
#define SETTLES 1
#endif
#ifndef LATE
#define LATE 1 /* how often the late settler comes */
#endif
#define SLOTS (CAPACITY + 2)

/* claim: {position, count, state}; verdict: {position, state} */
#define VOID 0
#define OPEN 1
#define ASKED 2
#define REVOKED 3
#define IS_PUBLISHED 0
#define ASKING 1
#define IS_REVOKED 2
#define CLAIM(p, n, s) ((p) << 3 | ((n) - 1) << 2 | (s))
#define POSITION(c) ((c) >> 3)
#define COUNT(c) (((c) >> 2 & 1) + 1)
#define STATE(c) ((c) & 3)
#define HOLDS(c, p) ((p) >= POSITION(c) && (p) < POSITION(c) + COUNT(c))
#define VERDICT(p, s) ((p) << 2 | (s))
#define SLOT(p) ((p) % SLOTS)
#define ELEMENT(w, s) ((w) << 4 | (s))

byte head = 1, tail = 1, verdict;
byte turn[SLOTS], element[SLOTS], claim[2], given_up;
bit up, unchanged[5]; /* active */

/* A store of position p as a turn is p; the store of a void claim is 0. */
chan buffer[2] = [4] of { byte };

/* Ghosts: what was pushed and popped, and who can go on. */
byte settles = SETTLES, begun[2], returned[2], popped[2];
bit stopped[4], dead[2], heir, left[2];
#ifdef READER
byte pending[2], position = 1; /* the element in the buffer; the reader's */
bit lapped;
#endif
byte gap; /* what the heir of record 0 found begun */
bit owner[16]; /* which writer won the position */

#define SETTLER 2 /* in stopped[]; 0 and 1 are the writers */
#define HEIR 3

#ifdef READER
/* A store: of a void claim, of a turn, of a slot's mark, of its element. */
#define MARK(p) (32 + SLOT(p))
#define ELEMENT_OF(p) (64 + SLOT(p))
#define STORE(w, x) \
	if \
	:: x == 0 -> claim[w] = 0 \
	:: x > 0 && x < 32 -> turn[SLOT(x)] = x \
	:: x >= 32 && x < 64 -> turn[x - 32] = 0 \
	:: x >= 64 -> element[x - 64] = pending[w] \
	fi
#else
#define STORE(w, x) \
	if \
	:: x == 0 -> claim[w] = 0 \
	:: else -> turn[SLOT(x)] = x \
	fi
#endif

active proctype memory()
{
	byte x;

end:	do
	:: d_step {
		buffer[0] ? x ->
		STORE(0, x);
		x = 0
	}
	:: d_step {
		buffer[1] ? x ->
		STORE(1, x);
		x = 0
	}
	od
}

/* code: raise_active. Edge raised: release. */
inline raise()
{
	up = 1;
	unchanged[0] = 0;
	unchanged[1] = 0;
	unchanged[2] = 0;
	unchanged[3] = 0;
	unchanged[4] = 0
}

inline take(v)
{
	assert(((v) & 15) == popped[(v) >> 4] + 1 ||
	       (heir && (v) >> 4 == 0 && ((v) & 15) == gap + 1 &&
		popped[0] < gap));
	popped[(v) >> 4] = (v) & 15;
	assert(popped[(v) >> 4] <= begun[(v) >> 4])
}

/* Whether a question is under way; verdict and head may be read at once, as
 * who reads head later can only find it further on. */
#define UNDER_WAY (STATE(verdict) == ASKING || \
	(STATE(verdict) == IS_REVOKED && head <= verdict >> 2))

/* code: is_revoked. c: a claim that was read as ASKED or REVOKED. */
#define IS_TAKEN_BACK(c) (STATE(c) == REVOKED || \
	verdict == VERDICT(POSITION(c), IS_REVOKED))
#ifdef UNASK_EARLY
#define IS_PAST(c) (!IS_TAKEN_BACK(c) && verdict > 0)
#else
#define IS_PAST(c) (!IS_TAKEN_BACK(c) && \
	verdict != VERDICT(POSITION(c), ASKING))
#endif

inline swap_claim(w, from, to)
{
	if
	:: claim[w] == from -> claim[w] = to
	:: else -> owed = 1
	fi
}

/* The turn of what is taken back, in the slot. */
inline unpublish(p)
{
	if
	:: turn[SLOT(p)] == p -> turn[SLOT(p)] = 0
	:: else
	fi
}

/* code: resolve. The claim, then the verdict and the holder, then the swap. */
inline resolve(w)
{
	if
	:: STATE(claim[w]) < ASKED
	:: d_step { STATE(claim[w]) >= ASKED -> c = claim[w] };
		if
		:: IS_PAST(c);
			d_step {
				swap_claim(w, c, CLAIM(POSITION(c), COUNT(c),
						       OPEN));
				c = 0
			}
		:: IS_TAKEN_BACK(c) && dead[w];
			d_step { unpublish(POSITION(c)) };
			d_step { swap_claim(w, c, 0); c = 0 }
		:: d_step { !IS_PAST(c) && !(IS_TAKEN_BACK(c) && dead[w]) ->
			owed = 1;
			c = 0 }
		fi
	fi
}

/* code: is_open_question.
 * The verdict is looked at before the claims: a question that is asked behind
 * it has raised active anew. One that head has passed is answered. */
inline look_at_verdict()
{
	if
#ifdef LOWER_EARLY
	:: STATE(verdict) == ASKING -> owed = 1
#else
	:: UNDER_WAY -> owed = 1
#endif
	:: else
	fi;
#ifndef ASKING_STAYS
	if
	:: STATE(verdict) == ASKING && head > verdict >> 2 ->
		verdict = VERDICT(verdict >> 2, IS_PUBLISHED);
		owed = 0
	:: else
	fi
#endif
}

/* code: zipc_places_tidy. By process me; the caller has c and owed. */
inline tidy(me)
{
	if
	:: !up
	:: d_step { up -> unchanged[me] = 1 };
#ifdef CLAIMS_FIRST
		resolve(0);
		resolve(1);
		d_step { look_at_verdict() };
#else
		d_step { look_at_verdict() };
		resolve(0);
		resolve(1);
#endif
		d_step {
			if
			:: !owed && unchanged[me] -> raise(); up = 0
			:: else -> unchanged[me] = 0
			fi;
			owed = 0
		}
	fi
}

/* code: ask. Edge asked: release.
 * Claim w is asked about position p: read and compare-and-swap are one step,
 * as only a swap that succeeds has an effect. */
inline ask(w, p)
{
	d_step {
		if
#ifdef NO_REBASE
		:: HOLDS(claim[w], p) && STATE(claim[w]) == OPEN ->
			claim[w] = CLAIM(POSITION(claim[w]), COUNT(claim[w]),
					 ASKED)
#else
		:: HOLDS(claim[w], p) && (STATE(claim[w]) == OPEN ||
		   (STATE(claim[w]) == ASKED && POSITION(claim[w]) < p)) ->
			claim[w] = CLAIM(p, COUNT(claim[w]) -
					 (p - POSITION(claim[w])), ASKED)
#endif
		:: else
		fi
	}
}

/* code: take_back. Of one claim. */
inline mark(w, p)
{
	d_step {
		if
		:: STATE(claim[w]) == ASKED && POSITION(claim[w]) == p ->
			claim[w] = CLAIM(p, COUNT(claim[w]), REVOKED)
		:: else
		fi
	}
}

/* code: judge. Edge judged: release.
 * The position is v; it is read at once whether it is published and
 * whether head has passed it: the other way, head could only be further on. */
inline judge()
{
	d_step { raise() };
	ask(0, v);
	ask(1, v);
#ifndef NO_FENCE
	empty(buffer[0]);
	empty(buffer[1]);
#endif
#ifdef NO_HEAD_TEST
	d_step { c = (turn[SLOT(v)] >= v -> IS_PUBLISHED : IS_REVOKED) };
#else
	d_step { c = (turn[SLOT(v)] >= v || head > v
		      -> IS_PUBLISHED : IS_REVOKED) };
#endif
	d_step {
		if
		:: verdict == VERDICT(v, ASKING) -> verdict = VERDICT(v, c)
		:: else
		fi;
		c = 0
	}
}

/* code: pass_head. Edge room: release. */
inline pass_head(p)
{
	if
	:: head == p -> head++
	:: else
	fi
}

/* code: take_back */
inline take_back()
{
#ifdef PASS_FIRST
	d_step { pass_head(h) };
	mark(0, h);
	mark(1, h);
	h = 0
#else
	mark(0, h);
	mark(1, h);
	d_step { pass_head(h); h = 0 }
#endif
}

/* code: zipc_places_settle, settle_step.
 * Of position h, without the tidying at its end. Verdict
 * and head are read at once, as head can only be found further on. */
inline settle()
{
	do
	:: d_step { head != h -> h = 0; v = 0 };
		break
	:: d_step { head == h && STATE(verdict) == ASKING ->
		v = verdict >> 2;
		assert(v <= h) };
		judge()
	:: d_step { head == h && verdict == VERDICT(h, IS_REVOKED) -> v = 0 };
		take_back();
		break
	:: d_step { head == h && verdict == VERDICT(h, IS_PUBLISHED) ->
		assert(turn[SLOT(h)] == h);
		h = 0;
		v = 0 };
		break
	:: d_step { head == h && STATE(verdict) != ASKING &&
		    verdict >> 2 < h -> v = verdict };
		d_step {
			if
			:: verdict == v -> verdict = VERDICT(h, ASKING)
			:: else
			fi;
			v = 0
		}
	od
}

#define STUCK (head < tail && turn[SLOT(head)] != head)
#define WILL_PUBLISH(w, p) (HOLDS(claim[w], p) && \
	(!stopped[w] || (heir && w == 0)) && \
	(STATE(claim[w]) == OPEN || STATE(claim[w]) == ASKED))

/*
 * Patience ends before a writer that goes on is done at most SETTLES times;
 * without a bound there would be no end of positions.
 */
#define GOOD_REASON (!WILL_PUBLISH(0, head) && !WILL_PUBLISH(1, head))

proctype consumer(byte me)
{
	byte h, v, c, run_of;
	bit owed, again;

end:	do
	/* Head and its turn are read at once: were head older than the turn,
	 * the swap would fail.
	 * code: zipc_places_pop_fast, zipc_places_pop, published_run.
	 * Edge filled: acquire. */
	:: d_step { turn[SLOT(head)] == head -> h = head; run_of = 1 };
#if POPS > 1
		if
		:: d_step { turn[SLOT(h + 1)] == h + 1 -> run_of = 2 }
		:: turn[SLOT(h + 1)] != h + 1
		fi;
#endif
		if
		:: !up
		:: up;
			/* code: look_twice */
			d_step {
				run_of = 1;
				again = verdict == VERDICT(h, ASKING) ||
					verdict == VERDICT(h, IS_REVOKED)
			};
			tidy(me);
			if
			:: again -> settle(); tidy(me)
			:: else
			fi
		fi;
		/* code: copy_run. Edge room: release. The copy, and the swap
		 * that makes it good. */
		d_step {
			if
			:: !again && head == h ->
#ifndef READER
				take(element[SLOT(h)]);
				if
				:: run_of > 1 ->
					take(element[SLOT(h + 1)])
				:: else
				fi;
#endif
				head = head + run_of
			:: else
			fi;
			h = 0;
			run_of = 0;
			again = 0
		}
	/* code: nothing_at, zipc_places_unstick */
	:: d_step { STUCK && (settles > 0 || GOOD_REASON) ->
		settles = (GOOD_REASON -> settles : settles - 1);
		h = head };
		settle();
		tidy(me)
	od
}

#ifdef READER
/* What the reader has copied is the element of its position. */
inline deliver(v)
{
	assert(owner[position] == (v) >> 4);
	assert(((v) & 15) > popped[(v) >> 4]);
	assert(lapped || ((v) & 15) == popped[(v) >> 4] + 1);
	popped[(v) >> 4] = (v) & 15;
	assert(popped[(v) >> 4] <= begun[(v) >> 4])
}

inline catch_up()
{
	lapped = 1;
	assert(tail - CAPACITY > position);
	position = tail - CAPACITY
}

/* code: see_twice, was_revoked. Edge judged: acquire. With active up.
 * there: 1 it is, 2 a hole, 0 look again. */
inline see_twice()
{
	h = head;
	if
	:: position > h -> there = 1
	:: position < h;
#ifdef NO_CLAIM_LOOK
		there = 1
#else
		d_step { there = (STATE(claim[0]) == REVOKED &&
				  POSITION(claim[0]) == position -> 2 : 1) };
		d_step { there = (STATE(claim[1]) == REVOKED &&
				  POSITION(claim[1]) == position
				  -> 2 : there) }
#endif
	:: position == h;
		v = verdict;
		d_step {
#ifdef HEAD_ONCE
			there = (v == VERDICT(position, ASKING) -> 0 :
				 (v == VERDICT(position, IS_REVOKED)
				  -> 2 : 1))
#else
			there = (head != h ||
				 v == VERDICT(position, ASKING) -> 0 :
				 (v == VERDICT(position, IS_REVOKED)
				  -> 2 : 1))
#endif
		}
	fi;
	d_step { h = 0; v = 0 }
}

/* code: zipc_places_see, zipc_places_take_copy. Edges passed: acquire, begun:
 * acquire. */
proctype reader()
{
	byte h, t, v, there;

end:	do
	:: d_step { position < tail -> h = head };
#ifdef TURN_FIRST
		d_step { t = turn[SLOT(position)]; h = 0 };
		h = head;
#elif defined(TAIL_FIRST)
		v = tail;
		t = turn[SLOT(position)];
#else
		t = turn[SLOT(position)];
#endif
		if
		:: t == position ->
			if
			:: !up -> there = 1
			:: up ->
#ifdef BLIND
				there = 1
#else
				see_twice()
#endif
			fi
		:: t > position -> d_step { catch_up() }
		:: t < position && position >= h
		:: t < position && position < h ->
#ifndef TAIL_FIRST
			v = tail;
#endif
			assert(v > position);
			if
			:: t > 0 || v - position <= SLOTS -> there = 2
			:: else -> d_step { catch_up() }
			fi
		fi;
		if
		:: there == 1 ->
			v = element[SLOT(position)];
			d_step {
				if
#ifdef NO_SECOND_LOOK
				:: true -> deliver(v); position++
#else
				:: turn[SLOT(position)] == position ->
					deliver(v);
					position++
#endif
				:: else
				fi;
			}
		:: there == 2 -> position++
		:: there == 0
		fi;
		d_step { h = 0; t = 0; v = 0; there = 0 }
	od
}
#endif

/* It comes late, to settle, or (as push does) only to tidy. */
proctype settler(byte me) provided (!stopped[SETTLER])
{
	byte h, v, c, n = LATE;
	bit owed;

end:	do
#ifndef LATE_TIDIES
	:: d_step { n > 0 && STUCK -> h = head; n-- };
		settle();
		tidy(me)
#endif
	:: d_step { n > 0 && up -> n-- };
		tidy(me)
	od
}

/* code: zipc_places_free_run, fill_warily. Others tidy.
 * Positions of [T, T + k) that may be written, before the first quarantined. */
inline free_run(w)
{
#ifdef NO_QUARANTINE
	skip
#else
	d_step {
		c = claim[1 - w];
		if
		:: STATE(c) >= ASKED && T > POSITION(c) ->
			c = (T - POSITION(c)) % SLOTS;
			c = (c -> SLOTS - c : 0);
			n = (c < n -> c : n)
		:: else
		fi;
		c = 0
	}
#endif
}

/* code: give_back.
 * The own claim, c, is revoked from its position on. A locked instruction
 * waits for the own stores. */
inline give_back(w)
{
	d_step { empty(buffer[w]) -> unpublish(POSITION(c)) };
	d_step { empty(buffer[w]) -> pass_head(POSITION(c)) };
	d_step { buffer[w] ! 0; stand = POSITION(c) - T; c = 0 }
}

#define IS_ASKED(p, s) (STATE(c) == ASKED && verdict == VERDICT(p, s))

/*
 * code: zipc_places_answer. Edge judged: acquire and release.
 * After p was published, and c was read as no longer OPEN
 * from T on. The verdict is swapped as it is read: a swap that fails reads the
 * claim and it again.
 */
inline answer(w, p)
{
	do
	:: STATE(c) == REVOKED ->
		give_back(w);
		break
	:: d_step { STATE(c) == OPEN -> c = 0 };
		break
	:: IS_ASKED(POSITION(c), IS_REVOKED) ->
		give_back(w);
		break
	:: d_step { POSITION(c) > p && IS_ASKED(POSITION(c), ASKING) ->
		c = 0 };
		break
	:: d_step { POSITION(c) <= p && IS_ASKED(POSITION(c), ASKING) &&
		    empty(buffer[w]) ->
		verdict = VERDICT(POSITION(c), IS_PUBLISHED);
		c = 0 };
		break
	:: STATE(c) == ASKED && verdict != VERDICT(POSITION(c), ASKING) &&
	   verdict != VERDICT(POSITION(c), IS_REVOKED) ->
#ifndef ANSWER_AT_ONCE
		if
		:: d_step { claim[w] != c -> c = claim[w] }
		:: d_step { claim[w] == c -> c = 0 };
			break
		fi
#else
		c = 0;
		break
#endif
	od
}

/* code: zipc_places_publish, fill_with. Edges filled: release, asked: the
 * light fence.
 * Write and publish position T + i. */
inline fill(w, i)
{
#ifdef READER
	/* code: zipc_places_begin_slot. Edge begun: release. */
#ifndef NO_MARK
	buffer[w] ! MARK(T + i);
#endif
	d_step {
		pending[w] = ELEMENT(w, returned[w] + i + 1);
		buffer[w] ! ELEMENT_OF(T + i)
	};
	buffer[w] ! T + i;
#elif defined(PUBLISH_FIRST)
	buffer[w] ! T + i;
	element[SLOT(T + i)] = ELEMENT(w, returned[w] + i + 1);
#else
	element[SLOT(T + i)] = ELEMENT(w, returned[w] + i + 1);
	buffer[w] ! T + i;
#endif
	if
	:: claim[w] == CLAIM(T, k, OPEN)
	:: d_step { claim[w] != CLAIM(T, k, OPEN) -> c = claim[w] };
		answer(w, T + i)
	fi
}

/* code: room_at.
 * Tail and head are read at once: were tail older, the swap would fail. */
#define ROOM (tail - head < CAPACITY)

inline look_for_room(w, width)
{
	T = tail;
	k = width - (tail - head);
	k = (k > batch -> batch : k);
	k = (k > work - returned[w] -> work - returned[w] : k);
	begun[w] = returned[w] + k
}

#define IS_CLAIMED(w, p) (STATE(claim[w]) != VOID && HOLDS(claim[w], p))

/* code: zipc_places_holes, is_claimed, width. Edge left: acquire.
 * From the step that found the ring full, at tail T. Of each position that may
 * have been given up it is read whether the other writer claims it, and then
 * whether it is published. (In the other order a third writer could publish in
 * between; with two there is none.) */
inline count_holes(w)
{
	do
	:: d_step { p < T && p <= given_up && turn[SLOT(p)] >= p -> p++ }
	:: p < T && p <= given_up && turn[SLOT(p)] < p;
		d_step { c = IS_CLAIMED(1 - w, p) };
		d_step {
			n = (!c && turn[SLOT(p)] < p -> n + 1 : n);
			c = 0;
			p++
		}
	:: p >= T || p > given_up -> break
	od
}

/* No more than capacity is ever inside, or under way. */
inline check_width()
{
	n = 0;
	p = head;
	do
	:: p < tail ->
		n = n + (turn[SLOT(p)] == p || IS_CLAIMED(owner[p], p));
		p++
	:: else -> break
	od;
	assert(n <= CAPACITY && tail - head <= SLOTS);
	n = 0;
	p = 0
}

proctype writer(byte w; byte work; byte batch; byte s)
	provided (!stopped[s])
{
	byte T, k, n, c, p, stand;

end:	do
	:: d_step { T == 0 && returned[w] < work && !left[w] && ROOM ->
		look_for_room(w, CAPACITY) }
	:: d_step { T == 0 && returned[w] < work && !left[w] && !ROOM &&
		    given_up >= head && tail - head < SLOTS ->
		T = tail;
		p = head;
		k = tail - head };
		count_holes(w);
		atomic {
			/* Head is as it was seen: k positions before T. */
			n = CAPACITY + n;
			n = (n < SLOTS -> n : SLOTS);
			if
			:: k < n && tail == T ->
				k = n - k;
				k = (k > batch -> batch : k);
				k = (k > work - returned[w]
				     -> work - returned[w] : k);
				begun[w] = returned[w] + k
			:: else -> T = 0; k = 0
			fi;
			n = 0;
			p = 0
		}
	/* code: zipc_places_claim, zipc_places_push, zipc_places_push_fast.
	 * The store of the claim comes behind all others. */
	:: d_step { T > 0 && k > 0 && empty(buffer[w]) ->
		claim[w] = CLAIM(T, k, OPEN) };
		if
		:: d_step { tail != T && ROOM ->
			buffer[w] ! 0;
			look_for_room(w, CAPACITY) }
		:: d_step { tail != T && !ROOM ->
#ifndef LOSER_STAYS
			buffer[w] ! 0;
#endif
#ifdef LEAVES
			left[w] = 1;
#endif
			T = 0;
			k = 0 }
		:: d_step { tail == T ->
			for (c in owner) {
				owner[c] = (c >= T && c < T + k -> w
					    : owner[c])
			}
			c = 0;
			tail = T + k;
			check_width();
			n = k;
			stand = k };
			if
			:: !up
			:: up;
				free_run(w)
			fi;
			if
			:: n > 0 -> fill(w, 0)
			:: else
			fi;
			if
			:: n > 1 && stand == k -> fill(w, 1)
			:: else
			fi;
			/* code: zipc_places_give_up. Edge left: release. */
			if
			:: n < k && given_up < T + k - 1;
				d_step { empty(buffer[w]) ->
					given_up = (given_up < T + k - 1
						    -> T + k - 1 : given_up) }
			:: n >= k || given_up >= T + k - 1
			fi;
			atomic {
				if
				:: n < k ->
					buffer[w] ! 0
				:: else
				fi;
				returned[w] = returned[w] +
					      (stand < n -> stand : n);
				T = 0;
				k = 0;
				n = 0;
				stand = 0
			}
		fi
	od
}

#define DONE(w, work) (returned[w] == work)

/* code: zipc_places_inherit, zipc_record_take. Of record 0, and a push. */
inline inherit()
{
	d_step {
		dead[0] = 0;
		heir = 1;
		gap = begun[0];
		returned[0] = gap
	};
	c = claim[0];
	if
	:: STATE(c) >= ASKED && IS_TAKEN_BACK(c) ->
		d_step { unpublish(POSITION(c)) }
	:: STATE(c) < ASKED || !IS_TAKEN_BACK(c)
	fi;
	d_step { claim[0] = 0; c = 0 };
	run writer(0, gap + 1, 1, HEIR)
}

#if defined(STOPS) || defined(KILLS)
/* Stops somebody for good, or kills writer 0, whose stores still arrive. */
active proctype fate()
{
	byte c;

	if
	:: DONE(0, WORK0) && DONE(1, WORK1)
#ifdef STOPS
	:: !DONE(0, WORK0) -> stopped[0] = 1
#if LATE > 0
	:: stopped[SETTLER] = 1
#endif
#endif
#ifdef KILLS
	:: d_step { !DONE(0, WORK0) && empty(buffer[0]) ->
		stopped[0] = 1;
		dead[0] = 1 }
#ifdef HEIRS
		inherit()
#endif
#endif
	fi
}
#endif

/* One that is asked too late stands until active is up again: see judgement. */
#define OWED(c) (STATE(c) >= ASKED && IS_TAKEN_BACK(c))

/* Who is stopped, and lives. */
#define OWES (stopped[0] && !dead[0] && !heir)

/* When nothing moves any more. */
proctype judgement()
{
	byte c;
	bit owed;

	timeout ->
	d_step { raise() };
	tidy(4);
	tidy(4);
	d_step {
		assert(DONE(0, (heir -> gap + 1 : WORK0)) ||
		       (stopped[0] && !heir) || left[0]);
		assert(DONE(1, WORK1) || left[1]);
		assert(head == tail);
#ifdef READER
		assert(position == tail);
		if
		:: lapped -> popped[0] = returned[0]; popped[1] = returned[1]
		:: else
		fi;
#endif
		assert(popped[0] >= returned[0] && popped[1] == returned[1]);
		assert((stopped[0] && !heir) || popped[0] == returned[0]);
		assert(!OWED(claim[1]));
		assert(OWES || !OWED(claim[0]));
		assert(OWES || !up)
	}
}

init {
	atomic {
		run writer(0, WORK0, BATCH0, 0);
		run writer(1, WORK1, BATCH1, 1);
		run consumer(0);
#if CONSUMERS > 1
		run consumer(1);
#endif
#ifdef READER
		run reader();
#endif
#if LATE > 0
		run settler(2);
#endif
		run judgement()
	}
}
