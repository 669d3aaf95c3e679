/* SPDX-License-Identifier: MIT */
/*
 * The barrier (libzeroipc/barrier.c) as a model for spin. run.sh runs it,
 * within several bounds, and with mutations that must be found.
 *
 * PROCESSES processes want to be parties of a barrier of PARTIES. Each joins
 * when a record is to be had, goes through WAITS rounds, and leaves, at its end
 * or, with LEAVES, before that; or is killed (KILLS of them), or stopped for
 * good (STOPS), at any step. A wait that ends at its deadline changes nothing,
 * so there are none. Who waits looks for the dead when there is something to
 * be found, which is what its nap does in time.
 *
 * One step of a process is one access to shared memory; each comment "code:
 * NAME" says for which function the steps stand. There are no store buffers:
 * the only stores that are no compare-and-swaps are the state of who arrives,
 * which is an exchange, and those of who joins or leaves, which nothing that
 * they read afterwards depends on.
 *
 * Checked: a round is completed when all records have arrived in it (with
 * LEAVES: when each has had an arrival in it); who returns from a wait is told
 * what became of the round that it arrived in. When nothing moves any more:
 * nobody waits in a round that all have arrived in; and nobody waits while a
 * death was not told, but for one that has arrived in this round.
 */

#ifndef PARTIES
#define PARTIES 2
#endif
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef WAITS
#define WAITS 2
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif

/* A round: completed and broken ones; a state: a round, IN or ARRIVED. */
#define COMPLETE(r) ((r) >> 3)
#define BROKEN(r) ((r) & 7)
#define IN(r) ((r) << 1 | 1)
#define ARRIVED(r) (((r) << 1) + 2)
#define ROUNDS 64

byte round = 8;             /* zipc_barrier_body.round */
byte holder[PARTIES];       /* who + 1 */
byte state[PARTIES];
bit dead[PROCESSES], stopped[PROCESSES];
byte kills = KILLS, stops = STOPS;

/*
 * Ghosts: how rounds ended (1 complete, 2 broken), in which one each record has
 * had its latest arrival, who is a party and where, in which round it waits,
 * and how many breaks there had been when it died.
 */
byte ended[ROUNDS];
byte had[PARTIES];
bit joined[PROCESSES];
byte place[PROCESSES], waits[PROCESSES], died[PROCESSES];

#define GONE(who) (dead[who] || stopped[who])

/* code: end_round */
inline end_round(r, how)
{
	atomic {
		done = round == r;
		if
		:: done && how == 1 ->
			for (j : 0 .. PARTIES - 1) {
#ifdef LEAVES
				assert(had[j] == r)
#else
				assert(state[j] == ARRIVED(r))
#endif
			};
			round = round + 8
		:: done && how == 2 -> round++
		:: else
		fi;
		if
		:: done -> ended[r] = how
		:: else
		fi;
		j = 0
	}
}

/* code: all_arrived */
inline all_arrived(r)
{
	all = 1;
	i = 0;
	do
	:: i < PARTIES && state[i] == ARRIVED(r) -> i++
	:: i < PARTIES && state[i] != ARRIVED(r) -> all = 0; break
	:: i == PARTIES -> break
	od;
	i = 0
}

/* code: zipc_record_take. Of the free ones, and those of the dead. */
#define TO_BE_HAD(i) (holder[i] == 0 || dead[holder[i] - 1])

inline take()
{
	do
	:: atomic { TO_BE_HAD(0) -> holder[0] = me + 1; mine = 0 }; break
	:: atomic { TO_BE_HAD(1) -> holder[1] = me + 1; mine = 1 }; break
#if PARTIES > 2
	:: atomic { TO_BE_HAD(2) -> holder[2] = me + 1; mine = 2 }; break
#endif
	od
}

/* code: tell_of_predecessor */
inline tell_of_predecessor()
{
#ifndef JOINS_SILENTLY
	do
	:: state[mine] == 0 -> break
	:: state[mine] != 0 ->
		r = round;
		all_arrived(r);
		if
		:: all -> end_round(r, 1)
		:: !all ->
			end_round(r, 2);
			if
			:: done -> break
			:: !done
			fi
		fi
	od;
	r = 0
#else
	skip
#endif
}

/* code: missing, look */
inline look(r)
{
	all_arrived(r);
	if
	:: all ->
#ifndef NOBODY_HELPS
		end_round(r, 1)
#else
		skip
#endif
	:: !all ->
		k = 0;
		do
		:: k == PARTIES -> break
		:: k < PARTIES ->
			v = state[k];
			if
			:: v == 0 || v == ARRIVED(r) || k == mine -> k++
			:: else ->
				h = holder[k];
				if
				:: h == 0 -> k++
				:: h != 0 && !dead[h - 1] -> k++
				:: h != 0 && dead[h - 1] ->
#ifdef OUT_FIRST
					atomic {
						if
						:: state[k] == v ->
							state[k] = 0
						:: else
						fi
					};
					end_round(r, 2);
#else
					end_round(r, 2);
					atomic {
						if
						:: done && state[k] == v ->
							state[k] = 0
						:: else
						fi
					};
#endif
					break
				fi
			fi
		od
	fi;
	atomic { k = 0; v = 0; h = 0 }
}

/* Whether a look would find something now. */
#define UNTOLD(i) (holder[i] != 0 && dead[holder[i] - 1] && state[i] != 0 && \
		   state[i] != ARRIVED(round))
#if PARTIES > 2
#define ANY_UNTOLD (UNTOLD(0) || UNTOLD(1) || UNTOLD(2))
#define ALL_THERE (state[0] == ARRIVED(round) && \
		   state[1] == ARRIVED(round) && state[2] == ARRIVED(round))
#else
#define ANY_UNTOLD (UNTOLD(0) || UNTOLD(1))
#define ALL_THERE (state[0] == ARRIVED(round) && state[1] == ARRIVED(round))
#endif

#ifdef NOBODY_HELPS
#define FOUND ANY_UNTOLD
#else
#define FOUND (ALL_THERE || ANY_UNTOLD)
#endif

proctype party(byte me) provided (!GONE(me))
{
	byte r, told, mine, left = WAITS, i, j, k, v, h;
	bit all, done;

end:	take();
	tell_of_predecessor();
	/* code: join */
	r = round;
	atomic {
		state[mine] = IN(r);
		told = BROKEN(r);
		joined[me] = 1;
		place[me] = mine;
		r = 0
	};
	do
	:: left > 0 ->
		/* code: zipc_barrier_wait, news */
		r = round;
		if
		:: BROKEN(r) != told -> told = BROKEN(r)
		:: BROKEN(r) == told ->
			/* code: arrive */
			atomic {
				state[mine] = ARRIVED(r);
				had[mine] = r;
				waits[me] = r
			};
			all_arrived(r);
			if
			:: all -> end_round(r, 1)
			:: !all
			fi;
end_wait:		/* code: attempt, outcome */
			do
			:: round != r -> break
			:: round == r && FOUND -> look(r)
#ifdef TAKES_BACK
			/* The deadline: this party has not arrived after all */
			:: round == r && state[mine] == ARRIVED(r) ->
				state[mine] = IN(r);
				break
#endif
			od;
			atomic {
				v = round;
				if
				:: v == r -> skip
				:: v != r && COMPLETE(v) != COMPLETE(r) ->
					assert(ended[r] == 1);
					left--
				:: v != r && COMPLETE(v) == COMPLETE(r) ->
					assert(ended[r] == 2);
					told = BROKEN(v)
				fi;
				v = 0;
				waits[me] = 0
			}
		fi;
		r = 0
#ifdef LEAVES
	:: left > 0 && left < WAITS -> left = 0
#endif
	:: left == 0 -> break
	od;
	/* code: leave */
	atomic { state[mine] = 0; joined[me] = 0 };
	holder[mine] = 0
}

inline choose()
{
	who = 0;
	do
	:: who < PROCESSES - 1 -> who++
	:: true -> break
	od
}

active proctype fate()
{
	byte who;

end:	do
	:: kills > 0 ->
		choose();
		atomic {
			if
			:: !GONE(who) ->
				dead[who] = 1;
				died[who] = BROKEN(round);
				kills--
			:: else
			fi;
			who = 0
		}
	:: stops > 0 ->
		choose();
		atomic {
			if
			:: !GONE(who) ->
				stopped[who] = 1;
				stops--
			:: else
			fi;
			who = 0
		}
	:: kills == 0 && stops == 0 -> break
	od
}

#define WAITS_NOW(who) (!GONE(who) && waits[who] == round && round > 0)
#if PROCESSES > 3
#define ANY_WAITS (WAITS_NOW(0) || WAITS_NOW(1) || WAITS_NOW(2) || WAITS_NOW(3))
#else
#define ANY_WAITS (WAITS_NOW(0) || WAITS_NOW(1) || WAITS_NOW(2))
#endif

/* A death of a party that was not told since, and is missed in this round. */
#define OWED(who) (dead[who] && joined[who] && died[who] == BROKEN(round) && \
		   !(holder[place[who]] == who + 1 && \
		     state[place[who]] == ARRIVED(round)))

init
{
	byte who;

	atomic {
		for (who : 0 .. PROCESSES - 1) {
			run party(who)
		}
		who = 0
	};
	/* When nothing moves any more. */
	timeout;
	assert(!(ANY_WAITS && ALL_THERE));
	atomic {
		for (who : 0 .. PROCESSES - 1) {
			assert(!(ANY_WAITS && OWED(who)))
		}
	}
}
