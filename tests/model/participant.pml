/* SPDX-License-Identifier: MIT */
/*
 * Participants (libzeroipc/participant.h), and records that they hold, as a
 * model for spin. run.sh runs it, within several bounds, and with mutations
 * that must be found.
 *
 * PROCESSES processes join, by one of PLACES places; take the one record there
 * is, if nobody who lives holds it; claim something; give all back, and end.
 * Meanwhile a process that only resolves looks at the record's claim LOOKS
 * times, and voids it when its holder is dead. Fate kills KILLS processes, at
 * any step; with FORKS each has a forked child that is stopped before its
 * at-fork handler, and so keeps the lock of its place; with STRANGERS the
 * others are in another pid namespace, and pids prove nothing to them.
 *
 * One step of a process is one access to shared memory, or one system call.
 * Each comment "code: NAME" says for which function the steps stand. There are
 * no store buffers: a joining process only stores until its next locked
 * instruction, so with them its steps would only seem later. A pid stands for
 * pid and start time, and never comes again.
 *
 * Checked: no word names a new owner of a place before it claims by one; a
 * holder who lives is never judged dead; two who live never hold the
 * record; no claim is voided whose claimant lives. When nothing moves any more:
 * who lives has ended, and dead holders are judged dead, but with FORKS and
 * STRANGERS at once.
 */

#ifndef PROCESSES
#define PROCESSES 2
#endif
#ifndef PLACES
#define PLACES 1
#endif
#ifndef LOOKS
#define LOOKS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifdef FORKS
#define IS_LOCKED(i) (lock[i] > 0)
#else
#define IS_LOCKED(i) (lock[i] > 0 && !dead[lock[i] - 1])
#endif
#ifdef STRANGERS
#define PID_GONE(p) false
#else
#define PID_GONE(p) ((p) > 0 && (dead[(p) - 1] || ended[(p) - 1]))
#endif

/* holder: {incarnation, index + 1}; a claim names nobody but itself. */
#define HOLDER(i, n) ((n) << 2 | (i) + 1)
#define INDEX(h) (((h) & 3) - 1)
#define INCARNATION(h) ((h) >> 2)

byte lock[PLACES];         /* whose description: who + 1 */
byte incarnation[PLACES], process_id[PLACES];
byte record, claim;        /* the record's holder, and its claim */
byte kills = KILLS;
bit dead[PROCESSES], ended[PROCESSES];

/* Ghosts: who is named by the record (who + 1), and who lives and holds it. */
byte named;
bit holds[PROCESSES], closed[PROCESSES];

#define LIVES(who) (!dead[(who) - 1] && !closed[(who) - 1])

#if PROCESSES > 2
#define ALONE (holds[0] + holds[1] + holds[2] == 1)
#else
#define ALONE (holds[0] + holds[1] == 1)
#endif

/*
 * code: zipc_segment_lives, zipc_participant_lives, pid_is_still_it. Of h,
 * which names who; it has ended in lives.
 */
inline ask_life()
{
	/* The pid, then the lock, then the pid's process, then the count. */
	p = process_id[INDEX(h)];
	if
	:: !IS_LOCKED(INDEX(h)) -> lives = 0
	:: IS_LOCKED(INDEX(h)) ->
		if
#ifndef LOCK_ALONE
		:: PID_GONE(p) -> lives = 0
		:: !PID_GONE(p) ->
#else
		:: true ->
#endif
			lives = incarnation[INDEX(h)] == INCARNATION(h)
		fi
	fi;
	p = 0;
	assert(lives || who == 0 || !LIVES(who))
}

/* Holder and ghost are read at once. */
#define READ_RECORD h = record; who = named

/* code: resolve. The claim, then its holder and proof, then the swap. */
inline resolve()
{
#ifndef PROOF_FIRST
	c = claim;
#endif
	atomic { READ_RECORD };
	if
	:: h == 0 -> lives = 0
	:: h > 0 -> ask_life()
	fi;
#ifdef PROOF_FIRST
	c = claim;
#endif
	d_step {
		if
		:: c > 0 && !lives && claim == c ->
			assert(!LIVES(c));
			claim = 0
		:: else
		fi;
		c = 0;
		h = 0;
		who = 0;
		lives = 0
	}
}

proctype resolver()
{
	byte h, who, p, c, looks = LOOKS;
	bit lives;

end:	do
	:: d_step { looks > 0 && claim > 0 -> looks-- };
		resolve()
	od
}

/* code: zipc_participant_join. A free place; the system call decides. */
inline join()
{
	do
	:: atomic { !IS_LOCKED(i) -> lock[i] = me + 1 };
		break
	:: IS_LOCKED(i) && i < PLACES - 1 -> i++
	:: IS_LOCKED(i) && i == PLACES - 1 -> goto out
	od;
	/* code: move_in, introduce */
#ifdef INCARNATION_STAYS
	incarnation[i] = 1;
#else
	incarnation[i]++;
#endif
	process_id[i] = 0;
	process_id[i] = me + 1
}

/* code: zipc_places_become_writer, zipc_record_take */
inline take_record()
{
	do
	:: atomic { READ_RECORD };
		if
		:: h == 0 -> lives = 0
		/* A new incarnation is named nowhere yet. */
		:: h == HOLDER(i, mine) -> assert(false)
		:: h > 0 && h != HOLDER(i, mine) -> ask_life()
		fi;
		if
		:: lives -> goto leave
		:: atomic { !lives && record == h ->
			record = HOLDER(i, mine);
			named = me + 1;
			holds[me] = 1;
			assert(ALONE) };
			break
		:: !lives && record != h
		fi
	od
}

proctype process(byte me) provided (!dead[me])
{
	byte i, mine, h, who, p;
	bit lives;

	join();
	mine = incarnation[i];
	take_record();
	/* code: zipc_places_inherit, zipc_places_claim */
	claim = 0;
	claim = me + 1;
	/* code: zipc_places_close */
	claim = 0;
	d_step { record = 0; named = 0; holds[me] = 0 };
leave:	/* code: zipc_segment_close: the description goes. */
	atomic { lock[i] = 0; closed[me] = 1 };
out:	atomic { ended[me] = 1; i = 0; mine = 0; h = 0; who = 0; lives = 0 }
}

#if KILLS
active proctype fate()
{
	byte p;

end:	do
	:: kills > 0 ->
		atomic {
			select(p : 0 .. PROCESSES - 1);
			kills--;
			if
			:: !ended[p] -> dead[p] = 1; holds[p] = 0
			:: else
			fi;
			p = 0
		}
	od
}
#endif

active proctype judgement()
{
	byte h, who, p;
	bit lives;

	timeout ->
	d_step {
		for (p : 0 .. PROCESSES - 1) {
			assert(dead[p] || ended[p])
		}
		p = 0
	};
	atomic { READ_RECORD };
	if
	:: h == 0
	:: h > 0 ->
		ask_life();
#if !defined(FORKS) || !defined(STRANGERS)
		assert(!lives)
#endif
	fi
}

init {
	atomic {
		run process(0);
		run process(1);
#if PROCESSES > 2
		run process(2);
#endif
		run resolver()
	}
}
