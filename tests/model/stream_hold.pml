/* SPDX-License-Identifier: MIT */
/*
 * What holds a stream's producers back (libzeroipc/stream.h), as a model for
 * spin: producers who claim positions and move hold, a named subscription that
 * reads, and another that begins in the middle. Positions are decided as they
 * are claimed: that is place_ring.pml's. A claim is one step; who claims
 * position T writes the slot of T - CAPACITY.
 *
 * Stores of a subscriber's position, which have no locked instruction, go
 * through its store buffer, which memory() empties; the heavy fence waits for
 * it. A producer's words are changed by locked instructions only.
 *
 * Checked: nobody claims the slot of a position that a subscription, from the
 * position that subscribe told, has yet to read; and at the end, when nothing
 * moves, every producer has emitted all that it had to.
 */
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef WORK0
#define WORK0 2
#endif
#ifndef WORK1
#define WORK1 2
#endif
#ifndef STEP
#define STEP 1 /* further than has to be */
#endif

byte tail = 1, hold = 1, wanted = 1;
byte position[2]; /* of the records; 0: free */
chan buffer = [2] of { byte }; /* what the second one stores */

/* Ghosts: where a subscription truly is, once it has been told. */
byte truly[2], emitted[2];
bit ended[2], dead;

active proctype memory()
{
	byte x;

end:	do
	:: d_step { buffer ? x -> position[1] = x; x = 0 }
	od
}

/* code: slowest. Edges joined: relaxed, advanced: acquire. Each record is read
 * in a step of its own. */
inline slowest(limit)
{
	d_step { x = position[0]; limit = (x > 0 && x < limit -> x : limit) };
	d_step { x = position[1]; limit = (x > 0 && x < limit -> x : limit);
		 x = 0 }
}

/* code: raise */
inline raise(word, to)
{
	d_step { word = (word < to -> to : word) }
}

/* Nobody still has to read what stood in the slot of T. */
inline check_slot()
{
	assert(T <= CAPACITY || truly[0] == 0 || truly[0] > T - CAPACITY);
	assert(T <= CAPACITY || truly[1] == 0 || truly[1] > T - CAPACITY)
}

proctype producer(byte me; byte work)
{
	byte seen = 1, T, limit, was, x;

end:	do
	:: emitted[me] == work -> break
	:: emitted[me] < work ->
		/* code: room_at, zipc_places_claim */
		T = tail;
		if
		:: T - seen < CAPACITY
		:: T - seen >= CAPACITY -> seen = hold
		fi;
		if
		:: T - seen < CAPACITY ->
			d_step {
				if
				:: tail == T ->
					check_slot();
					tail++;
					emitted[me]++
				:: else
				fi;
				T = 0
			}
		:: T - seen >= CAPACITY ->
			/* code: zipc_stream_allow. Edge held: release. */
			was = hold;
			if
			:: T - was < CAPACITY
			:: T - was >= CAPACITY ->
				limit = T + 1 - CAPACITY + STEP;
				limit = (limit > T -> T : limit);
				slowest(limit);
				if
				:: limit <= was ->
					/* full: it sleeps */
					d_step { limit = 0; T = 0; was = 0 };
					(hold > seen ||
					 ((position[0] == 0 ||
					   position[0] > hold) &&
					  (position[1] == 0 ||
					   position[1] > hold)))
				:: limit > was ->
#ifndef NO_WANTED
					raise(wanted, limit);
#endif
#ifndef NO_SECOND_LOOK
					slowest(limit);
#endif
					raise(hold, limit)
				fi
			fi;
			d_step { limit = 0; was = 0; T = 0 }
		fi
	od
}

/* It is there from the begin, and reads all. */
proctype reader()
{
end:	do
	:: truly[0] < tail ->
		/* code: publish. Edge advanced: release. */
#ifdef STORED_BEFORE_THE_COPY
		position[0] = truly[0] + 1;
		truly[0]++
#else
		d_step { truly[0]++; position[0] = truly[0] }
#endif
	od
}

/* code: add, hold_back. Edge joined: the heavy fence. It begins at the oldest
 * that is retained, reads two, and ends. */
proctype joiner()
{
	byte p, w;

	d_step { p = (tail > CAPACITY -> tail - CAPACITY : 1) };
	buffer ! p;
#ifndef NO_FENCE
	empty(buffer);
#endif
#ifdef NOT_ASKED
	skip;
#else
	w = wanted;
#endif
	d_step {
		p = (w > p -> w : p);
		truly[1] = p
	};
	buffer ! p;
	truly[1] < tail -> truly[1]++;
	buffer ! truly[1];
	truly[1] < tail -> truly[1]++;
	buffer ! truly[1];
	empty(buffer);
	/* code: zipc_stream_end_record */
	d_step { truly[1] = 0; ended[1] = 1 };
	buffer ! 0
}

proctype judgement()
{
	timeout ->
	assert(emitted[0] == WORK0 && emitted[1] == WORK1);
	assert(hold <= tail)
}

init {
	atomic {
#ifdef READS
		truly[0] = 1;
		position[0] = 1;
		run reader();
#endif
		run producer(0, WORK0);
		run producer(1, WORK1);
		run joiner();
		run judgement()
	}
}
