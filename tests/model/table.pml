/* SPDX-License-Identifier: MIT */
/*
 * The table's commit (libzeroipc/table.h) as a model for spin. run.sh runs it,
 * within several bounds, and with mutations that must be found.
 *
 * CREATORS processes create structures of two lines: a descriptor, which holds
 * the check of the name, and a body. Structure 1 is wanted by all but the last,
 * and its body is written; that of structure 2 is to read zero. A reader looks
 * LOOKS times for one or the other. Fate kills KILLS creators, at any step.
 * With DAMAGE something scribbles over an entry's offset.
 *
 * One step of a process is one access to shared memory, or one system call.
 * Each comment "code: NAME" says for which function the steps stand. A
 * creator's plain stores go through its store buffer, which memory() empties in
 * order, at any time; a system call waits until it is empty, and the kernel
 * drops the lock of a dead process behind its stores. Numbers are small: the
 * store of the table's state, one aligned word, is one number.
 *
 * Checked: what a reader finds was committed whole; with DAMAGE, it uses no
 * block of another name. When nothing moves any more, no two structures share a
 * name or a line, next_offset is where the last ends (so who died before its
 * commit left nothing), and who lives has ended.
 */

#ifndef CREATORS
#define CREATORS 2
#endif
#ifndef LOOKS
#define LOOKS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif

#define ENTRIES CREATORS
#define LINES (2 * CREATORS)
#define STATE(count, next) ((next) << 2 | (count))
#define COUNT(state) ((state) & 3)
#define NEXT(state) ((state) >> 2)
#define WANTS(me) (me < CREATORS - 1 -> 1 : 2)
#define BODY(name) (name == 1 -> 7 : 0)

byte state;
byte name[ENTRIES], offset[ENTRIES];
byte line[LINES];
byte lock;                 /* who + 1 */
byte kills = KILLS;
bit dead[CREATORS], done[CREATORS];

/* Places that a store may go to: the state, entries, lines. */
#define AT_STATE 0
#define AT_NAME(i) (1 + (i))
#define AT_OFFSET(i) (1 + ENTRIES + (i))
#define AT_LINE(l) (1 + 2 * ENTRIES + (l))
chan buffer[CREATORS] = [6] of { byte, byte };

inline arrive(b)
{
	d_step {
		buffer[b] ? at, x ->
		if
		:: at == AT_STATE -> state = x
		:: at >= AT_NAME(0) && at < AT_OFFSET(0) ->
			name[at - AT_NAME(0)] = x
		:: at >= AT_OFFSET(0) && at < AT_LINE(0) ->
			offset[at - AT_OFFSET(0)] = x
		:: at >= AT_LINE(0) -> line[at - AT_LINE(0)] = x
		fi;
		at = 0;
		x = 0
	}
}

active proctype memory()
{
	byte at, x;

end:	do
	:: arrive(0)
	:: arrive(1)
#if CREATORS > 2
	:: arrive(2)
#endif
	od
}

/* The kernel drops the lock at death. */
active proctype kernel()
{
end:	do
	:: d_step { lock > 0 && dead[lock - 1] && empty(buffer[lock - 1]) ->
		lock = 0 }
	od
}

/* code: zipc_table_look_up. Sets found; i is where. */
inline look_up(wanted)
{
	i = 0;
	found = 0;
	do
	:: i == COUNT(seen) -> break
	:: i < COUNT(seen) && name[i] == wanted -> found = 1; break
	:: d_step { i < COUNT(seen) && name[i] != wanted -> i++ }
	od
}

/* code: zipc_segment_reserve, give_back */
inline reserve()
{
#ifndef NOT_CLEARED
	d_step {
		empty(buffer[me]) ->
		for (l : NEXT(seen) .. LINES - 1) {
			line[l] = 0
		}
		l = 0
	}
#else
	skip
#endif
}

/* code: write_block. What is zero is not written. */
inline write_block(wanted)
{
	buffer[me] ! AT_LINE(NEXT(seen)), wanted;
	if
	:: BODY(wanted) ->
		buffer[me] ! AT_LINE(NEXT(seen) + 1), BODY(wanted)
	:: else
	fi
}

inline write_entry(wanted)
{
	buffer[me] ! AT_NAME(COUNT(seen)), wanted;
	buffer[me] ! AT_OFFSET(COUNT(seen)), NEXT(seen)
}

/* code: commit. Edge table: release. */
inline commit(wanted)
{
#ifndef ENTRY_LATE
	write_entry(wanted);
#endif
#ifdef TWO_STORES
	/* The count, and then where the next begins. */
	buffer[me] ! AT_STATE, STATE(COUNT(seen) + 1, NEXT(seen));
#endif
	buffer[me] ! AT_STATE, STATE(COUNT(seen) + 1, NEXT(seen) + 2)
#ifdef ENTRY_LATE
	;
	write_entry(wanted)
#endif
}

/* code: zipc_table_create, create_locked */
proctype creator(byte me) provided (!dead[me])
{
	byte seen, i, l;
	bit found;

#ifdef READ_UNLOCKED
	seen = state;
	look_up(WANTS(me));
	true;
#endif
#ifndef NO_LOCK
	/* code: zipc_segment_lock */
	d_step { lock == 0 -> lock = me + 1 };
#endif
#ifndef READ_UNLOCKED
	/* code: zipc_table_state. Edge table: acquire. */
	seen = state;
#ifndef NAME_UNCHECKED
	look_up(WANTS(me));
#endif
#endif
	if
	:: found
	:: !found ->
		reserve();
#ifdef BLOCK_LATE
		commit(WANTS(me));
		write_block(WANTS(me))
#else
		write_block(WANTS(me));
		commit(WANTS(me))
#endif
	fi;
	/* code: zipc_segment_unlock */
	d_step {
		empty(buffer[me]) ->
		lock = (lock == me + 1 -> 0 : lock);
		done[me] = 1;
		seen = 0;
		i = 0;
		found = 0
	}
}

/* code: zipc_table_find. It waits for nobody. */
proctype reader()
{
	byte wanted, seen, i, at, looks = LOOKS;
	bit found;

	do
	:: looks > 0 ->
		looks--;
		if
		:: wanted = 1
		:: wanted = 2
		fi;
		/* code: zipc_table_state. Edge table: acquire. */
		seen = state;
		look_up(wanted);
		if
		:: !found
		:: found ->
			at = offset[i];
			/* code: copy_block */
			if
#ifndef NAME_UNCONFIRMED
			:: line[at] != wanted ->
#ifndef DAMAGE
				assert(false)
#else
				skip
#endif
			:: line[at] == wanted ->
#else
			:: true ->
#endif
#ifdef DAMAGE
				assert(line[at] == wanted);
#endif
				assert(line[at + 1] == BODY(wanted))
			fi
		fi;
		d_step { seen = 0; i = 0; at = 0; found = 0; wanted = 0 }
	:: looks == 0 -> break
	od
}

#if KILLS
active proctype fate()
{
	byte p;

end:	do
	:: kills > 0 ->
		atomic {
			select(p : 0 .. CREATORS - 1);
			kills--;
			dead[p] = !done[p];
			p = 0
		}
	od
}
#endif

#ifdef DAMAGE
active proctype damage()
{
	if
	:: d_step { COUNT(state) > 1 -> offset[0] = offset[1] }
	:: d_step { COUNT(state) > 1 -> offset[1] = offset[0] }
	:: true
	fi
}
#endif

active proctype judgement()
{
	byte i, j;

	timeout ->
	d_step {
		assert(NEXT(state) == 2 * COUNT(state));
		for (i : 0 .. CREATORS - 1) {
			assert(done[i] || dead[i])
		}
#ifndef DAMAGE
		i = 0;
		do
		:: i < COUNT(state) ->
			assert(name[i] > 0);
			assert(line[offset[i]] == name[i]);
			assert(line[offset[i] + 1] == BODY(name[i]));
			assert(offset[i] + 2 <= NEXT(state));
			j = i + 1;
			do
			:: j < COUNT(state) ->
				assert(name[i] != name[j]);
				assert(offset[i] != offset[j]);
				j++
			:: else -> break
			od;
			i++
		:: else -> break
		od
#endif
	}
}

init {
	atomic {
		run creator(0);
		run creator(1);
#if CREATORS > 2
		run creator(2);
#endif
		run reader()
	}
}
