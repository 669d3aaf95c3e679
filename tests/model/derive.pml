/* SPDX-License-Identifier: MIT */
/*
 * Drivers of a derived stream (libzeroipc/derive.h), as a model for spin: each
 * emits what is not out yet of the batch that was committed last, and commits
 * the next one from a buffer of its own. Any of them may die at any step, or be
 * held up for as long as it takes others to end.
 *
 * A position that is claimed is decided in one step: what place_ring.pml shows.
 * Positions are not used again; but who looks back sees no more than SLOTS of
 * them, as the others may be overwritten.
 *
 * Checked: results are published as 1, 2, 3 .. and each is of the batch that
 * was committed, whoever has computed another one; a batch that is read is
 * whole; and a driver that ends has all of them out.
 */
#ifndef DRIVERS
#define DRIVERS 2
#endif
#ifndef BATCHES
#define BATCHES 2
#endif
#ifndef RESULTS
#define RESULTS 2 /* of a batch */
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef KILLS
#define KILLS 0
#endif
#define MOST 12 /* positions; a run that needs more is not looked at */

mtype = { FREE, CLAIMED, HOLE, OUT };
mtype state[MOST];
byte number[MOST];
byte tail = 1, head = 1, emitted;

/* {batch, buffer}; buffers hold a batch's number, and who has computed it. */
byte batch, named;
byte holds[2 * DRIVERS], by[2 * DRIVERS];

/* Ghosts: whose batch was committed; the last result that was published. */
byte whose[BATCHES + 1], last, kills;

#define MAY_DIE                                                              \
	if                                                                   \
	:: kills < KILLS -> kills++; goto dead                               \
	:: true                                                              \
	fi

/* code: zipc_driver_load. Edges redo: acquire, rewrite: acquire. */
inline load()
{
	do
	:: d_step { b = batch; s = named };
	   d_step { n = holds[s]; x = by[s] };
	   if
	   :: d_step { batch == b && named == s -> skip }; break
	   :: else
	   fi
	od;
	assert(n == b && (b == 0 || x == whose[b]))
}

/* code: zipc_stream_decide_all, look, look_back. Edge number: acquire. */
inline look()
{
	T = tail;
#ifndef NO_DECISION
	do
	:: head < T ->
	   d_step {
		if
		:: head < T && state[head] == CLAIMED -> state[head] = HOLE
		:: else
		fi;
		head = (head < T -> head + 1 : head)
	   }
	:: else -> break
	od;
#endif
	n = emitted;
	d_step {
		p = T;
		do
		:: p > 1 && T - p < SLOTS ->
		   p--;
		   if
		   :: state[p] == OUT -> n = number[p]; break
		   :: else
		   fi
		:: else -> break
		od;
		p = 0
	}
#ifdef NO_LOOK
	n = (b > 0 -> (b - 1) * RESULTS : 0)
#endif
}

/* code: raise_emitted, zipc_places_push_at. Edge number: release. */
inline emit_some()
{
#ifndef NO_FLOOR
	d_step { emitted = (emitted < n -> n : emitted) };
#endif
	d_step {
		k = b * RESULTS - n;
		ok = tail == T;
#ifdef ANY_POSITION
		ok = true; T = tail;
#endif
		if
		:: ok && T + k <= MOST ->
		   tail = T + k; p = 0;
		   do
		   :: p < k -> state[T + p] = CLAIMED; p++
		   :: else -> break
		   od
		:: else
		fi;
		p = 0
	};
end_far:
	(!ok || T + k <= MOST);
	MAY_DIE;
	do
	:: ok && p < k ->
	   d_step {
		if
		:: state[T + p] == CLAIMED ->
		   state[T + p] = OUT;
		   p++; n++;
		   number[T + p - 1] = n;
		   assert(n == last + 1);
		   assert(x == whose[b]);
		   last = n
		:: else -> ok = false
		fi
	   };
	   MAY_DIE
	:: else -> break
	od;
	p = 0
}

/* code: zipc_driver_commit. Edges redo: release, rewrite: release. */
inline commit()
{
	d_step {
#ifdef ONE_BUFFER
		k = 0;
#else
		k = 2 * me;
#endif
		k = (s == k -> k + 1 : k)
	};
	holds[k] = b + 1;
	by[k] = me + 1;
	MAY_DIE;
	d_step {
		if
#ifdef BLIND_COMMIT
		:: true ->
#else
		:: batch == b && named == s ->
#endif
		   batch = b + 1; named = k; whose[b + 1] = me + 1
		:: else
		fi
	}
}

proctype driver(byte me)
{
	byte b, s, n, x, T, k, p;
	bool ok;

	do
	:: load();
	   MAY_DIE;
	   do
	   :: look();
	      if
	      :: n >= b * RESULTS -> break
	      :: else -> assert(b == 0 || n >= (b - 1) * RESULTS); emit_some()
	      fi
	   od;
	   if
	   :: b == BATCHES -> break
	   :: else -> commit()
	   fi
	od;
	assert(last == BATCHES * RESULTS);
dead:	skip
}

init {
	byte i;

	atomic {
		do
		:: i < MOST -> state[i] = FREE; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < DRIVERS -> run driver(i); i++
		:: else -> break
		od
	}
}
