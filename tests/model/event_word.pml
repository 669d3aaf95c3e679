/* SPDX-License-Identifier: MIT */
/*
 * The event word (libzeroipc/wait.h) as a model for spin. run.sh runs it,
 * within several bounds, and with mutations that must be found.
 *
 * SLEEPERS processes wait, each for one item; WAKERS publish BATCH0 and BATCH1
 * items, and then wake. One step of a process is one access to shared memory,
 * or one system call. A compare-and-swap that is tried until it succeeds is one
 * step. Each comment "code: NAME" says for which function the steps stand.
 *
 * Publications are plain stores, and go through the waker's store buffer, which
 * memory() empties at any time. A locked instruction, and a system call, wait
 * until the own buffer is empty; the heavy fence waits for each. Sleepers store
 * by locked instructions only.
 *
 * The kernel wakes sleepers in an order of its own: here in any. Time is what
 * may happen: a nap ends NAPS times, a deadline passes DEADLINES times, a place
 * whose holder lives expires EXPIRIES times, each at any moment, or never. A
 * dead holder's place expires. The grace of a late wake ends when no living
 * waker is on its way. Fate takes KILLS processes, at any step: who is stopped
 * for good is the same to the others.
 *
 * Checked, when nothing moves any more (lost[] and such are ghosts):
 *   - nobody sleeps while something is there, but for what a death has cost:
 *     what was published by who died before its wake, and the wake of who died
 *     with it; and what a nap has found of that is found;
 *   - while somebody sleeps, one who sleeps is a napper, and if one does not,
 *     both places are taken; with deaths, one does while somebody sleeps and
 *     something is there;
 *   - without deaths late_wakes is 0.
 * With LATE_IS_FINE the first is left out: what is there, a nap finds.
 */

#ifndef SLEEPERS
#define SLEEPERS 2
#endif
#ifndef WAKERS
#define WAKERS 1
#endif
#ifndef BATCH0
#define BATCH0 1
#endif
#ifndef BATCH1
#define BATCH1 1
#endif
#ifndef NAPS
#define NAPS 0
#endif
#ifndef DEADLINES
#define DEADLINES 0
#endif
#ifndef EXPIRIES
#define EXPIRIES 0
#endif
#ifndef KILLS
#define KILLS 0
#endif

#define PROCESSES (SLEEPERS + WAKERS)

/*
 * The word is {wakes, arrivals, CROWD, SLEEPERS}. Each change counts up, so
 * while the counts do not wrap it is as it was read if and only if nobody has
 * changed it since: same[] says so, and counted[] that a wake was counted.
 * WRAP gives both counts that many values, and then words are compared.
 */
bit crowd, sleeping;
bit same[PROCESSES], counted[SLEEPERS];
#ifdef WRAP
byte wakes, arrivals, seen[PROCESSES];
#define WORD (wakes << 4 | arrivals << 2 | crowd << 1 | sleeping)
#define READ_WORD(p) seen[p] = WORD
#define SAME(p) (seen[p] == WORD)
#define WAKE_COUNTED(s) (seen[s] >> 4 != wakes)
#define COUNT(what) what = (what + 1) % WRAP
#else
#define READ_WORD(p) same[p] = 1
#define SAME(p) same[p]
#define WAKE_COUNTED(s) counted[s]
#define COUNT(what) skip
#endif

inline changed()
{
#ifndef WRAP
	for (i : 0 .. PROCESSES - 1) {
		same[i] = 0
	}
	i = 0
#else
	skip
#endif
}

#define SENT(w) (buffered[w] == 0)
#if WAKERS > 1
#define ALL_SENT (SENT(0) && SENT(1))
#else
#define ALL_SENT SENT(0)
#endif
byte items;                /* that are visible */
byte buffered[WAKERS];     /* publications in the store buffer */
byte napper[2];            /* who + 1, or 0 */
bit expired[2];
bit queued[SLEEPERS];      /* on the futex */
bit grace[SLEEPERS];       /* there, but only to see a wake counted */

/* What may still happen. */
byte naps = NAPS, deadlines = DEADLINES, expiries = EXPIRIES, kills = KILLS;

/* Ghosts. */
bit dead[PROCESSES], done[PROCESSES];
bit coming[WAKERS];        /* has published, and not yet woken */
bit carries[SLEEPERS];     /* was woken for an item, and has not yet looked */
byte begun;                /* sleepers */
byte owed;                 /* wakes that deaths have cost */

active proctype memory()
{
end:	do
	:: d_step { buffered[0] > 0 -> buffered[0]--; items++ }
#if WAKERS > 1
	:: d_step { buffered[1] > 0 -> buffered[1]--; items++ }
#endif
	od
}

/* The kernel. */

#define NAPS_ITSELF(s) (queued[s] && !grace[s] && \
	(napper[0] == (s) + 1 || napper[1] == (s) + 1))
#if SLEEPERS == 1
#define NOBODY_SLEEPS (!queued[0])
#define NAPPER_SLEEPS NAPS_ITSELF(0)
#elif SLEEPERS == 2
#define NOBODY_SLEEPS (!queued[0] && !queued[1])
#define NAPPER_SLEEPS (NAPS_ITSELF(0) || NAPS_ITSELF(1))
#elif SLEEPERS == 3
#define NOBODY_SLEEPS (!queued[0] && !queued[1] && !queued[2])
#define NAPPER_SLEEPS (NAPS_ITSELF(0) || NAPS_ITSELF(1) || NAPS_ITSELF(2))
#else
#define NOBODY_SLEEPS (!queued[0] && !queued[1] && !queued[2] && !queued[3])
#define NAPPER_SLEEPS (NAPS_ITSELF(0) || NAPS_ITSELF(1) || \
	NAPS_ITSELF(2) || NAPS_ITSELF(3))
#endif

/* code: futex_wake. Up to most of those who are queued; count: how many. */
inline futex_wake(most, brings)
{
	count = 0;
	do
	:: count < most && queued[0] -> wake(0, brings)
#if SLEEPERS > 1
	:: count < most && queued[1] -> wake(1, brings)
#endif
#if SLEEPERS > 2
	:: count < most && queued[2] -> wake(2, brings)
#endif
#if SLEEPERS > 3
	:: count < most && queued[3] -> wake(3, brings)
#endif
	:: count == most || NOBODY_SLEEPS -> break
	od
}

inline wake(s, brings)
{
	queued[s] = 0;
	carries[s] = brings;
	count++
}

/* The word. */

/* code: clear_bits. By p, if the word is as p has read it. */
inline clear_bits(p, all)
{
	d_step {
		if
#ifdef CLEAR_BLINDLY
		:: SAME(p) || true ->
#else
		:: SAME(p) ->
#endif
			crowd = 0;
			sleeping = (all -> 0 : sleeping);
			changed()
		:: else
		fi;
		count = 0
	}
}

/* The waker. */


proctype waker(byte w; byte n) provided (!dead[SLEEPERS + w])
{
	byte count, i;

	/* The publication: plain stores, of a batch one behind another. */
	d_step { n > 0 -> coming[w] = 1; buffered[w]++ };
	if
	:: n > 1 -> buffered[w]++
	:: n == 1
	fi;
	/* code: zipc_wake. Edge sleepers: a plain load. */
	if
	:: sleeping;
		/* code: zipc_wake_sleepers */
		if
		:: d_step { SENT(w) && sleeping ->
#ifndef NO_COUNT
			COUNT(wakes);
			for (i : 0 .. SLEEPERS - 1) {
				counted[i] = 1
			}
			i = 0;
			changed();
#endif
			READ_WORD(SLEEPERS + w) };
			atomic { futex_wake(n, 1); coming[w] = 0 };
			if
#ifdef CLEAR_THOUGH_WOKEN
			:: count <= n;
#else
			:: count < n;
#endif
				clear_bits(SLEEPERS + w, 1)
			:: d_step { count == n -> count = 0 }
			fi
		:: SENT(w) && !sleeping
		fi
	:: !sleeping
	fi;
	d_step { coming[w] = 0; done[SLEEPERS + w] = 1; same[SLEEPERS + w] = 0 }
}

/* The sleeper. */

/* code: take_place. A place is looked at and swapped at once, as a swap that
 * fails finds it taken. */
#define FREE(n) (napper[n] == 0 || expired[n])
#define TAKE(n) napper[n] = me + 1; expired[n] = 0; place = n + 1
inline take_place()
{
	if
	:: place > 0
	:: d_step { place == 0 && FREE(0) -> TAKE(0) }
	:: place == 0 && !FREE(0);
		if
		:: d_step { FREE(1) -> TAKE(1) }
		:: !FREE(1)
		fi
	fi
}

/* code: keep_place */
#define MINE (place > 0 && napper[place - 1] == me + 1)
inline keep_place()
{
	if
	:: place == 0
	:: d_step { MINE -> expired[place - 1] = 0 }
	:: d_step { place > 0 && napper[place - 1] != me + 1 -> place = 0 }
	fi
}

/* code: arrive. Edge sleepers: the fence. */
inline arrive()
{
	d_step {
		COUNT(arrivals);
		changed();
		sleeping = 1;
		crowd = (place -> crowd : 1);
		counted[me] = 0;
		READ_WORD(me)
	}
}

/* code: count_late. Ended by time, and found work. */
#if WAKERS > 1
#define WAKER_COMES ((coming[0] && !dead[SLEEPERS]) || \
	(coming[1] && !dead[SLEEPERS + 1]))
#else
#define WAKER_COMES (coming[0] && !dead[SLEEPERS])
#endif
inline count_late()
{
#ifdef GRACE_IN_QUEUE
	do
	:: WAKE_COUNTED(me) -> break
	:: d_step { !WAKE_COUNTED(me) -> READ_WORD(me) };
		if
		:: d_step { SAME(me) -> queued[me] = 1; grace[me] = 1 };
			if
			:: d_step { !queued[me] -> grace[me] = 0 }
			:: d_step { queued[me] && !WAKER_COMES ->
				queued[me] = 0; grace[me] = 0 };
				assert(KILLS > 0);
				break
			fi
		:: !SAME(me)
		fi
	od
#else
	if
	:: WAKE_COUNTED(me)
#ifdef NO_GRACE
	:: d_step { !WAKE_COUNTED(me) -> assert(KILLS > 0) }
#else
	:: d_step { !WAKER_COMES && !WAKE_COUNTED(me) -> assert(KILLS > 0) }
#endif
	fi
#endif
}

/* code: call_successor. The word changes before the call, so that who has
 * arrived and does not sleep yet looks again. Whether a place is free is read
 * at once: a place that is taken in between was taken by who calls in turn. */
#define CALLED_FOR (crowd && (FREE(0) || FREE(1)))
inline call_successor()
{
#ifndef LEAVES_ALONE
	if
	:: d_step { CALLED_FOR ->
#ifndef CALLS_WITHOUT_CHANGE
		COUNT(arrivals);
		changed();
#endif
		READ_WORD(me) };
		atomic { futex_wake(1, 0) };
		if
		:: count == 0;
			clear_bits(me, 0)
		:: d_step { count > 0 -> count = 0 }
		fi
	:: !CALLED_FOR
	fi
#else
	skip
#endif
}

/* code: leave_place */
inline leave_place()
{
	if
	:: d_step { MINE -> napper[place - 1] = 0; expired[place - 1] = 0 };
		call_successor()
	:: place > 0 && napper[place - 1] != me + 1;
		call_successor()
#ifdef CALLED_KEEP_IT
	:: place == 0
#else
	:: place == 0;
		call_successor()
#endif
	fi
}

/*
 * code: sleep_on. An attempt of the caller's takes an item. Sleepers are alike,
 * so each begins after the one before.
 */
proctype sleeper(byte me) provided (!dead[me])
{
	byte place, count, i;
	bit by_time;

	d_step { begun == me -> begun++ };
	do
	::	keep_place();
		take_place();
#ifndef NAPPERS_KEEP_IT
		call_successor();
#endif
		arrive();
#ifndef NO_FENCE
		/* Edge sleepers: the heavy fence. */
		ALL_SENT;
#endif
#ifndef LOOKS_ONCE
		take_place();
#endif
#ifndef NO_LOOK
		if
		:: d_step { items > 0 -> items-- };
			break
		:: items == 0
		fi;
#endif
		/* code: futex_sleep. It compares and sleeps at once. */
		if
		:: d_step { SAME(me) -> queued[me] = 1 };
			if
			:: !queued[me]
			:: d_step { queued[me] && naps > 0 ->
				naps--; queued[me] = 0; by_time = 1 }
			:: d_step { queued[me] && deadlines > 0 ->
				queued[me] = 0; by_time = 1 }
			fi
		:: !SAME(me)
		fi;
		if
		:: d_step { items > 0 ->
			items--;
			carries[me] = 0;
			owed = (by_time && owed > 0 -> owed - 1 : owed) };
			if
			:: by_time;
				count_late()
			:: !by_time
			fi;
			break
		:: d_step { items == 0 && deadlines > 0 ->
			deadlines--; carries[me] = 0 };
			break
		:: d_step { items == 0 -> by_time = 0; carries[me] = 0 }
		fi
	od;
	leave_place();
	d_step { done[me] = 1; place = 0; by_time = 0; same[me] = 0;
		 counted[me] = 0 }
}

/* Time that no process makes pass, and death. */

#define HOLDER_DIES(i) (napper[i] > 0 && dead[napper[i] - 1] && !expired[i])
#define HOLDER_LATE(i) (napper[i] > 0 && expiries > 0 && !expired[i])

active proctype clock()
{
end:	do
	:: d_step { HOLDER_DIES(0) -> expired[0] = 1 }
	:: d_step { HOLDER_DIES(1) -> expired[1] = 1 }
#if EXPIRIES
	:: d_step { HOLDER_LATE(0) -> expired[0] = 1; expiries-- }
	:: d_step { HOLDER_LATE(1) -> expired[1] = 1; expiries-- }
	:: d_step { expiries > 0 -> expiries-- }
#endif
#if NAPS
	:: d_step { naps > 0 -> naps-- }
#endif
#if DEADLINES
	:: d_step { deadlines > 0 -> deadlines-- }
#endif
	od
}

inline kill(p)
{
	kills--;
	dead[p] = 1;
	if
	:: p < SLEEPERS -> queued[p] = 0; owed = owed + carries[p]
	:: else -> owed = owed + (coming[p - SLEEPERS] ->
			(p == SLEEPERS -> BATCH0 : BATCH1) : 0)
	fi
}

/* What a dead process has stored arrives. */
#define HAS_SENT(p) (p < begun || p >= SLEEPERS && SENT(p - SLEEPERS))

#if KILLS
active proctype fate()
{
	byte p;

end:	do
	:: kills > 0 ->
		atomic { select(p : 0 .. PROCESSES - 1);
			if
			:: !dead[p] && !done[p] && HAS_SENT(p) ->
				d_step { kill(p); p = 0 }
			:: else -> kills--; p = 0
			fi
		}
	od
}
#endif

/* When nothing moves any more. */
active proctype judgement()
{
	byte p;

	timeout ->
	d_step {
#ifndef LATE_IS_FINE
		assert(NOBODY_SLEEPS || items <= owed);
#endif
#if KILLS
		assert(NOBODY_SLEEPS || items == 0 || NAPPER_SLEEPS);
#else
		assert(NOBODY_SLEEPS || NAPPER_SLEEPS);
#endif
		for (p : 0 .. SLEEPERS - 1) {
			assert(done[p] || dead[p] || queued[p]);
#if KILLS == 0 && EXPIRIES == 0
			assert(!queued[p] || NAPS_ITSELF(p) ||
			       !(FREE(0) || FREE(1)))
#else
			skip
#endif
		}
		for (p : SLEEPERS .. PROCESSES - 1) {
			assert(done[p] || dead[p] || BATCH0 == 0)
		}
	}
}

init {
	byte p;

	atomic {
		for (p : 0 .. SLEEPERS - 1) {
			run sleeper(p)
		}
		run waker(0, BATCH0);
#if WAKERS > 1
		run waker(1, BATCH1);
#endif
		p = 0
	}
}
