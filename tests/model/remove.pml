/* SPDX-License-Identifier: MIT */
/*
 * Removing (libzeroipc/use.h) as a model for spin. run.sh runs it, within
 * several bounds, and with mutations that must be found.
 *
 * One entry has a structure, number 1, in a block. OPENERS processes open what
 * the entry has, use it, and close it; fate kills KILLS of them, at any step.
 * An heir takes the place of one that died, and does the same. Who removes does
 * so ROUNDS times, and each time puts the next structure into the same block and
 * the same entry, as soon as it may.
 *
 * One step of a process is one access to shared memory. A word of the table has
 * the number and the state, as in the library the extent and `lives` tell. The
 * remover's stores go through its store buffer, which memory() empties in order,
 * at any time; a fence waits until it is empty. Raising and lowering a bit are
 * locked instructions.
 *
 * Checked: who uses a structure has its block, from the first to the last use.
 * When nothing moves any more, whose bit is up is dead, and nobody has its place.
 */

#ifndef OPENERS
#define OPENERS 2
#endif
#ifndef KILLS
#define KILLS 0
#endif
#define ROUNDS 2

#define UNUSED 0
#define THERE 1
#define REMOVED 2
#define WORD(number, state) ((number) << 2 | (state))
#define STATE(word) ((word) & 3)
#define NUMBER(word) ((word) >> 2)

byte word = WORD(1, THERE);
byte block = 1; /* whose it is */
bit up[OPENERS], lives[OPENERS], dead[OPENERS], ended[OPENERS];
byte kills = KILLS;
chan buffer = [4] of { byte, byte }; /* 0: the word; 1: the block */

active proctype memory()
{
	byte at, x;

end:	do
	:: d_step {
		buffer ? at, x ->
		if
		:: at == 0 -> word = x
		:: at == 1 -> block = x
		fi;
		at = 0;
		x = 0
	}
	od
}

/* code: zipc_use_begin, begin_with_a_bit, is_called, zipc_use_end */
inline open_use_close(place)
{
	/* code: zipc_table_look_up. Edge entry: acquire. */
	seen = word;
	if
	:: STATE(seen) != THERE
	:: STATE(seen) == THERE ->
#ifndef BIT_LATE
		up[place] = 1;
#endif
#ifndef NO_SECOND_LOOK
		/* Behind a full fence; edge entry: acquire. */
		seen = word;
#endif
#ifdef BIT_LATE
		up[place] = 1;
#endif
		if
		:: STATE(seen) == THERE ->
			assert(block == NUMBER(seen));
			assert(block == NUMBER(seen))
		:: STATE(seen) != THERE
		fi;
		/* Edge last-use: release. */
		up[place] = 0
	fi;
	d_step { seen = 0; ended[place] = 1 }
}

proctype opener(byte place) provided (!dead[place])
{
	byte seen;

	open_use_close(place)
}

#if KILLS
/* code: zipc_participant_join, zipc_uses_forget */
proctype heir(byte place)
{
	byte seen;

end:	atomic { dead[place] && !lives[place] -> lives[place] = 1 };
#ifndef BITS_STAY
	up[place] = 0;
#endif
	open_use_close(place)
}

active proctype fate()
{
	byte p;

end:	do
	:: kills > 0 ->
		atomic {
			select(p : 0 .. OPENERS - 1);
			kills--;
			if
			:: !ended[p] -> dead[p] = 1; lives[p] = 0
			:: ended[p]
			fi;
			p = 0
		}
	od
}
#endif

/* code: zipc_use_any. Sets used. Edge last-use: acquire. */
inline look_at_bits()
{
	used = 0;
	p = 0;
	do
	:: p == OPENERS -> break
	:: p < OPENERS ->
		if
		:: !up[p]
		:: up[p] ->
			/* code: zipc_segment_place_lives */
			if
			:: lives[p] -> used = 1
			:: !lives[p]
			fi
		fi;
		p++
	od
}

/* code: zipc_segment_remove, free_unused, make_unused, create_locked */
proctype remover()
{
	byte number = 1, p;
	bit used;

	do
	:: number > ROUNDS -> break
	:: number <= ROUNDS ->
		buffer ! 0, WORD(number, REMOVED);
#ifndef NO_FENCE
		empty(buffer);
#endif
#ifndef TOO_SOON
		look_at_bits();
#endif
		/* Else the next who creates or removes looks again. */
		if
		:: used -> break
		:: !used
		fi;
		buffer ! 0, WORD(number, UNUSED);
		number++;
		/* code: write_block, commit. Edge entry: release. */
#ifdef BLOCK_LATE
		buffer ! 0, WORD(number, THERE);
		buffer ! 1, number
#else
		buffer ! 1, number;
		buffer ! 0, WORD(number, THERE)
#endif
	od
}

active proctype judgement()
{
	byte i;

	timeout ->
	d_step {
		for (i : 0 .. OPENERS - 1) {
			assert(!up[i] || !lives[i])
		}
	}
}

init {
	byte i;

	atomic {
		for (i : 0 .. OPENERS - 1) {
			lives[i] = 1;
			run opener(i)
		}
#if KILLS
		run heir(0);
#endif
		run remover()
	}
}
