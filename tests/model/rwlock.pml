/* SPDX-License-Identifier: MIT */
/*
 * The rwlock (libzeroipc/rwlock.c, on the owner word of lock.c) as a model for
 * spin. run.sh runs it, within several bounds, and with mutations that must be
 * found.
 *
 * READERS processes read READS times each, WRITERS write WRITES times each;
 * KILLS of them are killed, STOPS stopped for good, at any step. Of the waits
 * for readers DEADLINES end at their deadline. Who waits looks for the dead
 * when there is something to be found, which is what its nap does in time.
 *
 * One step of a process is one access to shared memory; each comment "code:
 * NAME" says for which function the steps stand. What a reader stores goes
 * through its store buffer, which memory() empties at any time, a locked
 * instruction of its own waits for, and the heavy fence too. Its stores
 * alternate, its word and 0, so a buffer is how many are in it, and a store
 * that arrives changes the bit `reading`. Who has the owner word stores there
 * at once: as long as that is late, others only wait longer.
 *
 * Checked: nobody is inside with a writer; who comes in behind one that died
 * inside is told, and nobody else is. When nothing moves any more, who waits is
 * held up by somebody stopped who holds the lock, or counts as one that does:
 * a claimant; a reader that has found the lock free and, since then, either no
 * writer was inside or the lock was free once more (granted[]).
 */

#ifndef READERS
#define READERS 2
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READS
#define READS 1
#endif
#ifndef WRITES
#define WRITES 1
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef DEADLINES
#define DEADLINES 0
#endif

#define PROCESSES (READERS + WRITERS)

/* The owner word: who << 2, and a state. */
#define INCONSISTENT 1
#define CLAIMING 2
#define MINE ((me + 1) << 2)
#define WHO(word) (((word) >> 2) - 1)
#define NAMES(word) ((word) >> 2 > 0)

byte owner;
bit reading[READERS];
byte buffered[READERS];
bit dead[PROCESSES], stopped[PROCESSES];
byte kills = KILLS, stops = STOPS, deadlines = DEADLINES;

/* Ghosts. */
bit reads[PROCESSES], writes[PROCESSES]; /* is inside */
bit broken;                              /* one died inside, and is not told */
bit asks[READERS];                       /* has found it free, or is inside */
bit granted[READERS];
bit drains[PROCESSES];                   /* has claimed, and waits */
bit waits[PROCESSES];                    /* for the owner word */

#define GONE(who) (dead[who] || stopped[who])
/* Behind a death all that it has stored has arrived. */
#define DEAD_READER(r) (dead[r] && buffered[r] == 0)
#define DEAD_OWNER(word) (NAMES(word) && dead[WHO(word)])
#define TO_BE_HAD (owner <= INCONSISTENT || DEAD_OWNER(owner))

active proctype memory()
{
end:	do
	:: atomic { buffered[0] > 0 -> buffered[0]--; reading[0] = !reading[0] }
#if READERS > 1
	:: atomic { buffered[1] > 0 -> buffered[1]--; reading[1] = !reading[1] }
#endif
	od
}

#if READERS > 1
#define ALL_ARRIVED (buffered[0] == 0 && buffered[1] == 0)
#else
#define ALL_ARRIVED (buffered[0] == 0)
#endif

inline comes_in(is, told)
{
	for (k : 0 .. PROCESSES - 1) {
		assert(k == me || dead[k] || !writes[k]);
		assert(k == me || dead[k] || !reads[k] || reads[me])
	};
	assert(told == broken);
	if
	:: told -> broken = 0
	:: !told
	fi;
	k = 0
}

inline writer_inside(told)
{
	writes[me] = 1;
	comes_in(2, told);
	for (k : 0 .. READERS - 1) {
		granted[k] = reads[k]
	};
	k = 0
}

/* The owner word is 0 by now: a reader that asks could be let in. */
inline is_free()
{
	for (k : 0 .. READERS - 1) {
		granted[k] = granted[k] || asks[k]
	};
	k = 0
}

/* code: zipc_rwlock_consistent, unlock_writer */
inline leave_as_writer()
{
	if
	:: told -> owner = MINE; told = 0
	:: !told
	fi;
	atomic { writes[me] = 0; owner = 0; is_free() }
}

/* code: take_from_the_dead, zipc_lock_inherit: one died inside. */
inline inherit(word)
{
	atomic {
		told = 0;
		if
		:: owner == word ->
			owner = MINE | INCONSISTENT;
			told = 1;
#ifndef DRAINS_WHEN_TOLD
			writer_inside(1)
#endif
		:: owner != word
		fi
	}
}

proctype reader(byte me) provided (!GONE(me))
{
	byte left = READS, word, k;
	bit told, in;

	do
	:: left == 0 -> break
	:: atomic { left > 0 ->
			/* code: look_in */
			in = 0;
			word = owner;
			asks[me] = word == 0;
			granted[me] = asks[me]
		};
		if
#ifdef DOES_NOT_LOOK_FIRST
		:: true ->
#else
		:: word == 0 ->
#endif
			buffered[me] < 2 -> buffered[me]++;
			atomic {
#ifdef LOOKS_ONCE
				word = 0;
#else
				word = owner;
#endif
				if
				:: word == 0 ->
					in = 1;
					reads[me] = 1;
					granted[me] = 1;
					comes_in(1, 0)
				:: word != 0
				fi
			};
			/* code: leave */
			atomic {
				buffered[me] < 2 -> buffered[me]++;
				reads[me] = 0;
				asks[me] = 0;
				granted[me] = 0
			}
		:: word != 0
		fi;
		word = 0;
		if
		:: in -> left--
		:: !in ->
			/* code: attempt_to_read, take_over_to_read */
			waits[me] = 1;
end_wait:		atomic { TO_BE_HAD -> word = owner; waits[me] = 0 };
			if
			:: word == 0 -> skip
			:: word != 0 && (word & CLAIMING) ->
				/* code: zipc_lock_bury */
				buffered[me] == 0;
#ifdef READER_CLAIMS
				atomic {
					if
					:: owner == word ->
						owner = MINE | CLAIMING;
						in = 1
					:: owner != word
					fi
				};
				if
				:: in -> owner = 0; in = 0
				:: !in
				fi
#else
				atomic {
					if
					:: owner == word -> owner = 0; is_free()
					:: owner != word
					fi
				}
#endif
			:: word != 0 && !(word & CLAIMING) ->
				buffered[me] == 0;
				inherit(word);
				if
				:: told ->
#ifdef DRAINS_WHEN_TOLD
					atomic { writer_inside(1) };
#endif
					leave_as_writer();
					left--
				:: !told
				fi
			fi;
			word = 0
		fi
	od
}

/* code: is_quiet, clear_the_dead */
inline drain()
{
	drains[me] = 1;
end_drain: do
	:: r < READERS - 1 && !reading[r] -> r++
	:: r == READERS - 1 && !reading[r] -> break
#ifndef DEAD_STAY
	:: atomic { reading[r] && DEAD_READER(r) -> reading[r] = 0 }
#endif
	:: deadlines > 0 -> deadlines--; late = 1; break
	od;
	atomic { drains[me] = 0; r = 0 }
}

proctype writer(byte me) provided (!GONE(me))
{
	byte left = WRITES, word, k, r;
	bit told, mine, late;

	do
	:: left == 0 -> break
	:: atomic { left > 0 -> waits[me] = 1 };
end_wait:	atomic { TO_BE_HAD -> word = owner; waits[me] = 0 };
		if
		/* code: zipc_lock_try, zipc_lock_take_over, come_in */
		:: word == 0 || (word & CLAIMING) ->
			atomic {
				if
				:: owner == word ->
#ifdef CLAIMANTS_TOLD
					told = word != 0;
#endif
					owner = MINE | CLAIMING;
					mine = 1
				:: owner != word
				fi
			};
			if
			:: mine ->
#ifndef NO_FENCE
				/* code: zipc_fence_heavy */
				ALL_ARRIVED;
#endif
				drain();
				if
				:: late ->
					atomic { owner = 0; is_free() }
				:: !late ->
					atomic {
						owner = MINE;
						writer_inside(told)
					};
					leave_as_writer();
					left--
				fi
			:: !mine
			fi
		:: word != 0 && !(word & CLAIMING) ->
#ifdef DEATH_UNTOLD
			atomic {
				if
				:: owner == word ->
					owner = MINE;
					mine = 1;
					writer_inside(0)
				:: owner != word
				fi
			};
#else
			inherit(word);
			mine = told;
#endif
			if
			:: mine ->
#ifdef DRAINS_WHEN_TOLD
				drain();
				atomic { writer_inside(1) };
#endif
				leave_as_writer();
				left--
			:: !mine
			fi
		fi;
		atomic { word = 0; mine = 0; late = 0 }
	od
}

inline choose()
{
	who = 0;
	do
	:: who < PROCESSES - 1 -> who++
	:: break
	od
}

active proctype fate()
{
	byte who;

end:	do
	:: atomic { kills > 0 ->
			kills--;
			choose();
			if
			:: !GONE(who) ->
				dead[who] = 1;
				broken = broken || writes[who]
			:: else
			fi;
			who = 0
		}
	:: atomic { stops > 0 ->
			stops--;
			choose();
			stopped[who] = !dead[who];
			who = 0
		}
	od
}

/* Of one that waits for the owner word. */
#define HELD_UP (NAMES(owner) && (stopped[WHO(owner)] || drains[WHO(owner)]))
/* Of one that waits for readers. */
#define HOLDS(r) (stopped[r] && reading[r] && granted[r])
#if READERS > 1
#define SOME_READER_HOLDS (HOLDS(0) || HOLDS(1))
#else
#define SOME_READER_HOLDS HOLDS(0)
#endif

init
{
	byte who;

	atomic {
		for (who : 0 .. READERS - 1) {
			run reader(who)
		};
		for (who : READERS .. PROCESSES - 1) {
			run writer(who)
		};
		who = 0
	};
	/* When nothing moves any more. */
	timeout;
	atomic {
		for (who : 0 .. PROCESSES - 1) {
			assert(GONE(who) || !waits[who] || HELD_UP);
			assert(GONE(who) || !drains[who] || SOME_READER_HOLDS)
		};
		/* A reader claims nothing. */
		assert(owner <= INCONSISTENT || !(owner & CLAIMING) ||
		       WHO(owner) >= READERS)
	}
}
