/* SPDX-License-Identifier: MIT */
/*
 * The hopscotch table (libzeroipc/hopscotch.h) as a model for spin. run.sh runs
 * it, within several bounds, and with mutations that must be found.
 *
 * HOMES homes, in whose reach all CELLS are, and KEYS keys, at home in turn.
 * WRITERS processes put, insert or remove any of them, WORK0 and WORK1 times; a
 * mover takes entries from cell to cell, MOVES times; a reader looks LOOKS
 * times. With KILLS fate kills the VICTIM, at any step, and an heir takes its
 * record, ends its claim, and with HEIR_WORKS works with it; with REAPS who
 * looks for a cell ends claims of the dead, too. Who is stopped is one whose
 * next step does not come.
 *
 * One step of a process is one access to shared memory. Each comment "code:
 * NAME" says for which function the steps stand. Stores into a claimed cell
 * arrive in order, one by one, before the locked instruction behind them; that
 * of a cell's word behind the commit, and that of the intent before the claim,
 * wait in a store buffer, which memory() empties at any time. A value is two
 * words, which are equal.
 *
 * Checked: spec[] is what a map holds by the book, and changes with the home in
 * one step: each change was allowed there, so that of two inserts of a key one
 * fails. What a reader found, or did not, was so at the moment of its first
 * look, and whole. When nothing moves any more, the homes' bits are the entries
 * by the book, each in a cell that nobody may claim, and no cell stays claimed
 * by who lives, or by a dead one that has an heir.
 *
 * Left out: the counts, so that it is never full; the distance, as all cells
 * are in reach; several heirs.
 */

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef WORK0
#define WORK0 1
#endif
#ifndef WORK1
#define WORK1 1
#endif
#ifndef KEYS
#define KEYS 1
#endif
#ifndef HOMES
#define HOMES 1
#endif
#ifndef CELLS
#define CELLS 3
#endif
#ifndef LOOKS
#define LOOKS 1
#endif
#ifndef MOVES
#define MOVES 0
#endif
#ifndef KILLS
#define KILLS 0
#endif

/* Records and processes: the writers, the mover, the heir. */
#define MOVER WRITERS
#define HEIR (WRITERS + 1)
#define PROCESSES (WRITERS + 2)
#ifndef VICTIM
#define VICTIM 0
#endif

#define FREE 0
#define CLAIMED 1
#define USED 2

#define HOME(k) (((k) - 1) % HOMES)
#define BIT(c) (1 << (c))
#define HAS(b, c) (((b) >> (c)) & 1)
#define WITHOUT(b, c) ((b) & (255 - BIT(c)))

/* homes */
byte turn[HOMES], bits[HOMES];
/* cells: the parts of their words are changed as one */
byte at_turn[CELLS], at_record[CELLS], at_state[CELLS], at_home[CELLS];
byte key[CELLS], one[CELLS], two[CELLS];
/* records */
byte holder[WRITERS + 1], intent[WRITERS + 1];
byte kills = KILLS;
bit dead[PROCESSES], done[PROCESSES], inherited[WRITERS + 1];
/* that the dead are so can be proven when their stores have arrived */
bit proven[PROCESSES];
/* what is so by the book */
byte spec[KEYS + 1];
/* what a process puts when so much work is left to it: nobody else does */
#define VALUE(me, left) (1 + 4 * (me) + (left))

/* Stores under way: of an intent (record, cell + 1), or a word's state. */
#define AT_INTENT 0
#define AT_STATE 1
chan buffer[PROCESSES] = [2] of { byte, byte, byte };

inline arrive(b)
{
	d_step {
		buffer[b] ? what, where, x ->
		if
		:: what == AT_INTENT -> intent[where] = x
		:: what == AT_STATE -> at_state[where] = x
		fi;
		what = 0;
		where = 0;
		x = 0
	}
}

active proctype memory()
{
	byte what, where, x;

end:	do
	:: arrive(0)
	:: arrive(1)
	:: arrive(2)
	:: arrive(3)
#if WRITERS > 2
	:: arrive(4)
#endif
	od
}

/* A locked instruction waits until the own stores have arrived. */
#define drained empty(buffer[me])

/*
 * code: find, search. Sets t and b, the home as it was seen; d, where the key
 * is, or CELLS; and v, its value.
 */
inline find(k)
{
	do
	:: true ->
		/* Edge member: acquire. */
		atomic { t = turn[HOME(k)]; was = spec[k] };
		b = bits[HOME(k)];
		d = 0;
		v = 0;
		do
		:: d < CELLS && HAS(b, d) ->
			if
			:: key[d] == k -> v = one[d]; u = two[d]; break
			:: else -> d++
			fi
		:: d_step { d < CELLS && !HAS(b, d) -> d++ }
		:: d == CELLS -> break
		od;
		/* Edge reused: acquire. */
#ifdef NO_LOOK
		break
#else
		if
		:: turn[HOME(k)] == t -> break
		:: else
		fi
#endif
	od;
	/* What was seen was so, and whole. */
	atomic {
		assert(v == was);
		assert(d == CELLS || v == u);
		u = 0;
		was = 0
	}
}

inline any_cell(x)
{
	if
	:: x = 0
	:: x = 1
	:: x = 2
#if CELLS > 3
	:: x = 3
#endif
	fi
}

inline any_key(k)
{
	if
	:: k = 1
#if KEYS > 1
	:: k = 2
#endif
	fi
}

/* code: is_free, is_entry, take. Sets c, or CELLS: it was not to be had. */
inline try_cell(r, h)
{
#ifdef BITS_FIRST
	seen = bits[at_home[c]];
#endif
	/* Edge used: acquire. */
	atomic { n = at_turn[c]; s = at_state[c]; g = at_home[c] };
	if
	:: s == CLAIMED -> c = CELLS
	:: s == FREE
	:: s == USED ->
#ifndef FREE_BLINDLY
		/* Edge gone: acquire. */
#ifndef BITS_FIRST
		seen = bits[g];
#endif
		if
		:: HAS(seen, c) -> c = CELLS
		:: else
		fi
#else
		skip
#endif
	fi;
	seen = 0;
	if
	:: c == CELLS
	:: c < CELLS ->
#ifndef UNNAMED
		/* Edge named: release. */
		buffer[me] ! AT_INTENT, r, c + 1;
#endif
		d_step {
			drained ->
			if
			:: at_turn[c] == n && at_state[c] == s &&
			   at_home[c] == g ->
				at_state[c] = CLAIMED;
				at_record[c] = r;
				at_home[c] = h;
#ifndef WORD_STAYS
				at_turn[c] = at_turn[c] + 1
#endif
			:: else -> c = CELLS
			fi
		};
#ifdef UNNAMED
		if
		:: c < CELLS -> buffer[me] ! AT_INTENT, r, c + 1
		:: else
		fi
#endif
	fi;
	atomic { n = 0; s = 0; g = 0 }
}

/* code: is_of_the_dead, resolve. The claim on c, as its word was read. */
inline reap()
{
	atomic {
		n = at_turn[c];
		s = at_state[c];
		r2 = at_record[c];
		g = at_home[c]
	};
	if
	:: s == CLAIMED ->
#ifdef BIT_BEFORE_PROOF
		seen = bits[g];
#endif
		if
		:: proven[holder[r2]] ->
#ifndef BIT_BEFORE_PROOF
			seen = bits[g];
#endif
			d_step {
				if
				:: at_turn[c] == n && at_state[c] == CLAIMED &&
				   at_record[c] == r2 ->
					at_state[c] = (HAS(seen, c) -> USED :
							FREE)
				:: else
				fi
			}
		:: else
		fi
	:: else
	fi;
	atomic { n = 0; s = 0; r2 = 0; seen = 0; g = 0 }
}

/* code: zipc_hopscotch_claim, claim_free. Sets c. */
inline claim(r, h)
{
	do
	:: c == CELLS ->
		c = x;
		try_cell(r, h);
		x = (x + 1) % CELLS
#ifdef REAPS
	:: c == CELLS ->
		c = x;
		reap();
		c = CELLS
#endif
	:: c < CELLS -> break
	od;
	x = 0
}

inline write_value()
{
	/* Edge reused: release. */
	one[c] = mine;
	two[c] = mine
}

/* code: zipc_hop_mark. Edge used: release. */
inline mark(state)
{
	buffer[me] ! AT_STATE, c, state;
	c = CELLS
}

/* The home from {t, b} to {t + 1, to}; then spec[k] is value. Sets ok. */
inline swap(to, k, value)
{
	d_step {
		drained ->
		if
		:: turn[HOME(k)] == t && bits[HOME(k)] == b ->
#ifndef TURN_STAYS
			turn[HOME(k)] = turn[HOME(k)] + 1;
#endif
			bits[HOME(k)] = to;
			/* Who says that it is not there, or is, is right. */
			assert((d == CELLS) == (spec[k] == 0));
			spec[k] = value;
			ok = 1
		:: else -> ok = 0
		fi
	}
}

/* code: change_at, judge, after */
inline change(r, k, inserts_only)
{
	mine = VALUE(me, left);
	do
	:: true ->
		find(k);
		if
		:: inserts_only && d < CELLS ->
			if
			:: c < CELLS -> mark(FREE)
			:: else
			fi;
			break
		:: else
		fi;
		if
		:: c == CELLS ->
			claim(r, HOME(k));
			key[c] = k
		:: else
		fi;
#ifndef COMMIT_FIRST
		write_value();
#endif
		/* Edge member: acquire and release. */
		next = (d < CELLS -> WITHOUT(b, d) : b) | BIT(c);
		swap(next, k, mine);
		if
		:: ok ->
#ifdef COMMIT_FIRST
			write_value();
#endif
			mark(USED);
			break
		:: !ok
		fi
	od;
	mine = 0
}

/* code: zipc_hopscotch_remove */
inline remove(k)
{
	do
	:: true ->
		find(k);
		if
		:: d == CELLS -> break
		:: d < CELLS ->
			/* Edge gone: release. */
			next = WITHOUT(b, d);
			swap(next, k, 0);
			if
			:: ok -> break
			:: !ok
			fi
		fi
	od
}

inline forget()
{
	atomic { t = 0; b = 0; d = 0; v = 0; ok = 0; next = 0 }
}

inline work(r)
{
	any_key(k);
	if
	:: change(r, k, false)
	:: change(r, k, true)
	:: remove(k)
	fi;
	forget();
	k = 0
}

proctype writer(byte me) provided (!dead[me])
{
	byte t, b, d, v, u, was, n, s, g, seen, r2, mine, next, k;
	byte x, left = (me == 0 -> WORK0 : WORK1);
	byte c = CELLS;
	bit ok;

	do
	:: left > 0 -> work(me); left--
	:: left == 0 -> break
	od;
	done[me] = 1
}

/*
 * code: move, copy_content, bring_nearer. Any entry, to any free cell. What a
 * word says of its home stays so while it is USED.
 */
proctype mover() provided (!dead[MOVER])
{
	byte t, b, d, n, s, g, seen, r2, k, x, h, left = MOVES;
	byte me = MOVER, c = CELLS;
	bit ok;

	do
	:: left > 0 ->
		left--;
		any_cell(d);
		atomic { s = at_state[d]; h = at_home[d] };
		atomic { t = turn[h]; b = bits[h] };
		if
		:: s == USED && HAS(b, d) ->
			s = 0;
			claim(MOVER, h);
			k = key[d];
			key[c] = k;
			x = one[d];
			one[c] = x;
			x = two[d];
			two[c] = x;
			d_step {
				drained ->
				if
				:: turn[h] == t && bits[h] == b ->
#ifndef MOVE_KEEPS_TURN
					turn[h] = turn[h] + 1;
#endif
					bits[h] = WITHOUT(b, d) | BIT(c);
					ok = 1
				:: else -> ok = 0
				fi
			};
			if
			:: ok -> mark(USED)
			:: !ok -> mark(FREE)
			fi
		:: else -> s = 0
		fi;
		atomic { k = 0; x = 0; t = 0; b = 0; d = 0; h = 0; ok = 0 }
	:: left == 0 -> break
	od;
	done[MOVER] = 1
}

proctype reader()
{
	byte t, b, d, v, u, was, k, left = LOOKS;

	do
	:: left > 0 ->
		left--;
		any_key(k);
		find(k);
		atomic { t = 0; b = 0; d = 0; v = 0; k = 0 }
	:: left == 0 -> break
	od
}

#if KILLS
active proctype fate()
{
end:	do
	:: kills > 0 ->
		atomic {
			kills--;
			dead[VICTIM] = !done[VICTIM]
		};
		atomic {
			empty(buffer[VICTIM]) -> proven[VICTIM] = dead[VICTIM]
		}
	od
}

/* code: zipc_hopscotch_inherit. Edge named: acquire. The claim on c. */
inline inherit(r)
{
	d_step {
		n = at_turn[c];
		s = at_state[c];
		r2 = at_record[c];
		g = at_home[c]
	};
#ifndef CLAIM_STAYS
	if
	:: s == CLAIMED && r2 == r ->
		seen = bits[g];
		d_step {
			if
			:: at_turn[c] == n && at_state[c] == CLAIMED &&
			   at_record[c] == r ->
#ifdef HEIR_FREES
				at_state[c] = FREE
#else
				at_state[c] = (HAS(seen, c) -> USED : FREE)
#endif
			:: else
			fi
		}
	:: else
	fi;
#endif
	d_step { n = 0; s = 0; r2 = 0; g = 0; seen = 0 }
}

/* code: zipc_hopscotch_become_writer */
proctype heir()
{
	byte t, b, d, v, u, was, n, s, g, seen, r2, mine, next, k, r;
	byte x, left = 1;
	byte me = HEIR, c = CELLS;
	bit ok;

	if
	:: true
	:: atomic {
		proven[VICTIM] -> r = VICTIM;
		holder[VICTIM] = HEIR
	   };
		c = intent[r];
		if
		:: c == 0
		:: c > 0 ->
			c--;
			inherit(r)
		fi;
		c = CELLS;
		inherited[r] = 1;
#ifdef HEIR_WORKS
		work(r)
#else
		skip
#endif
	fi;
	done[HEIR] = 1
}
#endif

active proctype judgement()
{
	byte i, j, n;

	timeout ->
	d_step {
		for (i : 0 .. WRITERS) {
			assert(done[i] || dead[i])
		}
		for (j : 1 .. KEYS) {
			n = 0;
			for (i : 0 .. CELLS - 1) {
				if
				:: HAS(bits[HOME(j)], i) && key[i] == j ->
					n++;
					assert(one[i] == spec[j]);
					assert(two[i] == spec[j])
				:: else
				fi
			}
			assert(n == (spec[j] > 0 -> 1 : 0))
		}
		for (i : 0 .. CELLS - 1) {
			assert(at_state[i] != CLAIMED ||
			       (dead[at_record[i]] &&
				!inherited[at_record[i]]));
			assert(at_state[i] != FREE ||
			       !HAS(bits[at_home[i]], i))
		}
	}
}

init {
	atomic {
		holder[0] = 0;
		holder[1] = 1;
		holder[WRITERS] = MOVER;
		run writer(0);
		run writer(1);
#if WRITERS > 2
		holder[2] = 2;
		run writer(2);
#endif
#if MOVES
		run mover();
#else
		done[MOVER] = 1;
#endif
#if LOOKS
		run reader();
#endif
#if KILLS
		run heir()
#else
		skip
#endif
	}
}
