/* SPDX-License-Identifier: MIT */
/*
 * Barrier: a round word, and a record for each party (record.h). round.h says
 * what the words mean.
 *
 * wait      state = {round, ARRIVED} of the own record; then, if all records
 *           say so, CAS the round word to the next round. Both in one order for
 *           all (seq_cst): so who arrives last, in that order, sees all others,
 *           and the round is completed without anyone's help. If that one is
 *           killed or stopped in between, who waits finds out at its nap and
 *           does it instead.
 *
 * An arrival is taken back by nobody but who closes the handle, also not at a
 * deadline. So what a look at all records has found is still true when the CAS
 * of the round word succeeds: a round that is complete has seen an arrival in
 * each record, and who waits in it is told by the same word, whether it still
 * waits or comes back after its deadline. Rounds can not mix: each arrival
 * names its round, and each CAS goes from exactly one.
 *
 *   what a party that arrived in {complete, broken} finds
 *   the same               the round is on
 *   complete has grown     it was completed; later ones can not have been,
 *                          since they would have needed this party
 *   only broken has        it was broken
 *
 * The dead. A record that is not OUT, whose holder is dead, and that has not
 * arrived in this round, is about a death that was not told. It is told so:
 *
 *   1. CAS the round word from the round in which that was found to the next
 *      one, as broken. All that wait see it, and all others at their next wait,
 *      since a party remembers how many breaks it has been told of.
 *   2. CAS the state from what was found to OUT: it has been told.
 *
 * In this order: who dies between the two leaves a death that is told twice,
 * never one that is not told. And 1 proves that the death was found in the
 * round that it breaks: a looker that was stopped and goes on in a later round
 * breaks nothing. Who takes a record whose state is not OUT does the same
 * before it joins, whatever that state is, except that a round in which all
 * have arrived is completed first.
 *
 * A party that leaves writes OUT before it gives its record back, so nobody
 * mourns it.
 *
 *   edge      written by       read by         carries
 *   arrival   wait             all_arrived     what the party did before
 *   round     complete, wait   wait            what all parties did before
 *   party     join, leave      missing         in which round it is what
 *
 * Crash: a record is its dead holder's until another takes it over; nothing
 * else is held by anyone.
 */
#include "clock.h"
#include "error.h"
#include "record.h"
#include "round.h"
#include "sync.h"

#include <stdlib.h>
#include <zipc/barrier.h>

#define LOOK_NS INT64_C(50000000) /* between looks for the dead */

struct zipc_barrier {
	struct zipc_sync sync;
	struct zipc_barrier_body *body;
	unsigned generation; /* of forks, when it became a party; 0: never */
	struct zipc_party *me;
	uint64_t waiting; /* the round that it has arrived in, or 0 */
	uint64_t told;    /* breaks that it was told of */
	int64_t look_ns;  /* when it next looks for the dead */
};

/* create and open */

static uint64_t bytes_for(uint64_t parties)
{
	return sizeof(struct zipc_barrier_body) +
	       parties * sizeof(struct zipc_party);
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)elem_size;
	return bytes_for(plan->capacity);
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	(void)plan, (void)elem_size;
	/* Relaxed: nobody looks here before the commit. */
	atomic_store_explicit(
		&((struct zipc_barrier_body *)(void *)body)->round,
		ZIPC_FIRST_ROUND, memory_order_relaxed);
}

static int plan_of(struct zipc_plan *out, const char *name, uint64_t parties)
{
	if (parties < 1 || parties > ZIPC_PARTIES_MOST)
		return zipc_fail(EINVAL, "barrier `%s` would have %llu "
				 "parties: it takes 1 to %llu", name,
				 (unsigned long long)parties,
				 (unsigned long long)ZIPC_PARTIES_MOST);
	*out = (struct zipc_plan){ .kind = ZIPC_BARRIER,
				   .type = ZIPC_SYNC_TYPE,
				   .capacity = parties,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = sizeof(uint64_t) };
	return 0;
}

/* the round word */

static uint64_t round_now(const struct zipc_barrier *barrier)
{
	/* round: acquire; pairs with end_round(). */
	return atomic_load_explicit(&barrier->body->round,
				    memory_order_acquire);
}

/* From exactly this round to the next, once; and all are woken. */
static bool end_round(struct zipc_barrier *barrier, uint64_t round,
		      bool broken)
{
	uint64_t after = zipc_round_next(round, broken);

	/* round: acquire and release; pairs with round_now(). */
	if (!atomic_compare_exchange_strong_explicit(
		    &barrier->body->round, &round, after, memory_order_acq_rel,
		    memory_order_relaxed))
		return false;
	zipc_sync_wake(&barrier->sync, UINT64_MAX);
	return true;
}

static bool all_arrived(const struct zipc_barrier *barrier, uint64_t round)
{
	uint64_t state = zipc_party_state(round, ZIPC_PARTY_ARRIVED), i;

	for (i = 0; i < barrier->sync.capacity; i++)
		/* arrival: acquire (seq_cst); pairs with arrive(). */
		if (atomic_load_explicit(&barrier->body->parties[i].state,
					 memory_order_seq_cst) != state)
			return false;
	return true;
}

/* the dead */

/* Whether the party is dead, and that is still to be told in this round. */
static bool missing(const struct zipc_barrier *barrier,
		    struct zipc_party *party, uint64_t round, uint64_t *state)
{
	uint64_t holder;

	/* party: acquire; pairs with join() and leave(). */
	*state = atomic_load_explicit(&party->state, memory_order_acquire);
	if (!*state || party == barrier->me ||
	    *state == zipc_party_state(round, ZIPC_PARTY_ARRIVED))
		return false;
	holder = atomic_load_explicit(&party->holder, memory_order_acquire);
	return holder && !zipc_segment_lives(barrier->sync.segment, holder);
}

/* Complete the round if all are there; else break it if one is dead. */
static void look(struct zipc_barrier *barrier, uint64_t round)
{
	struct zipc_party *party = barrier->body->parties;
	struct zipc_party *end = party + barrier->sync.capacity;
	uint64_t state;

	if (all_arrived(barrier, round)) {
		end_round(barrier, round, false);
		return;
	}
	for (; party < end; party++) {
		if (!missing(barrier, party, round, &state))
			continue;
		if (end_round(barrier, round, true))
			/* Told. It is not, if another has taken it over. */
			atomic_compare_exchange_strong_explicit(
				&party->state, &state, 0, memory_order_acq_rel,
				memory_order_relaxed);
		return;
	}
}

/* parties */

/* The record is this handle's, and its content a dead one's: tell of it. */
static void tell_of_predecessor(struct zipc_barrier *barrier)
{
	uint64_t round;

	/* Acquire: the record was taken before. */
	while (atomic_load_explicit(&barrier->me->state,
				    memory_order_acquire)) {
		round = round_now(barrier);
		/* Fails only when the round has ended by somebody else's. */
		if (all_arrived(barrier, round))
			end_round(barrier, round, false);
		else if (end_round(barrier, round, true))
			return;
	}
}

static int join(struct zipc_barrier *barrier)
{
	uint64_t round;
	int64_t i;
	int rc = zipc_sync_enter(&barrier->sync);

	if (rc)
		return rc;
	i = zipc_record_take(barrier->sync.segment, barrier->body->parties,
			     (uint32_t)barrier->sync.capacity);
	if (i < 0)
		return zipc_fail(EUSERS, "barrier `%s` has %llu parties, and "
				 "all of them live: close a handle, or create "
				 "it for more", barrier->sync.name,
				 (unsigned long long)barrier->sync.capacity);
	barrier->me = &barrier->body->parties[i];
	tell_of_predecessor(barrier);
	round = round_now(barrier);
	/* party: release; pairs with missing(). */
	atomic_store_explicit(&barrier->me->state,
			      zipc_party_state(round, ZIPC_PARTY_IN),
			      memory_order_release);
	barrier->waiting = 0;
	barrier->told = zipc_round_broken(round);
	barrier->generation = zipc_fork_generation;
	return 0;
}

/* A forked child's handle is not its parent's party. */
static bool is_party(const struct zipc_barrier *barrier)
{
	return barrier->generation == zipc_fork_generation;
}

static void leave(struct zipc_barrier *barrier)
{
	/* party: release; pairs with missing(). */
	atomic_store_explicit(&barrier->me->state, 0, memory_order_release);
	zipc_record_give(barrier->me);
}

/* rc is what filled in sync. */
static int handle_on(struct zipc_barrier **out, struct zipc_sync *sync, int rc)
{
	struct zipc_barrier *barrier = NULL;

	if (rc)
		return rc;
	if (sync->capacity > ZIPC_PARTIES_MOST ||
	    sync->body_bytes < bytes_for(sync->capacity))
		rc = zipc_sync_damaged(sync, "it can not have so many parties");
	else if (!(barrier = calloc(1, sizeof(*barrier))))
		rc = zipc_fail_as(ENOMEM, "out of memory");
	if (rc) {
		zipc_sync_close(sync);
		return rc;
	}
	barrier->sync = *sync;
	barrier->body = (void *)sync->body;
	if (!sync->segment->read_only)
		rc = join(barrier);
	if (rc)
		zipc_barrier_close(barrier);
	else
		*out = barrier;
	return rc;
}

int zipc_barrier_create(struct zipc_barrier **out, struct zipc_segment *segment,
			const char *name, uint64_t parties)
{
	struct zipc_sync sync;
	struct zipc_plan plan;
	int rc = plan_of(&plan, name, parties);

	if (!rc)
		rc = zipc_sync_create(&sync, segment, name, &plan,
				      bytes_for(1));
	return handle_on(out, &sync, rc);
}

int zipc_barrier_open(struct zipc_barrier **out, struct zipc_segment *segment,
		      const char *name)
{
	struct zipc_sync sync;
	int rc = zipc_sync_open(&sync, segment, name, ZIPC_BARRIER,
				bytes_for(1));

	return handle_on(out, &sync, rc);
}

int zipc_barrier_open_or_create(struct zipc_barrier **out,
				struct zipc_segment *segment, const char *name,
				uint64_t parties)
{
	struct zipc_sync sync;
	struct zipc_plan plan;
	int rc = plan_of(&plan, name, parties);

	if (!rc)
		rc = zipc_sync_open_or_create(&sync, segment, name, &plan,
					      bytes_for(1));
	return handle_on(out, &sync, rc);
}

/* use */

/* What has become of the round that this party has arrived in. */
static int64_t outcome(struct zipc_barrier *barrier)
{
	uint64_t began = barrier->waiting, now = round_now(barrier);

	if (now == began)
		return zipc_fail_as(EAGAIN, "not all parties have arrived yet");
	barrier->waiting = 0;
	if (zipc_round_complete(now) != zipc_round_complete(began))
		return 0;
	barrier->told = zipc_round_broken(now);
	return zipc_fail_as(EOWNERDEAD, "a party of the barrier has died: wait "
			    "again to go on, with others in its place");
}

/* While it spins it only looks at the word. */
static int64_t attempt(void *context)
{
	struct zipc_barrier *barrier = context;
	int64_t rc = outcome(barrier), now;

	if (rc != -EAGAIN)
		return rc;
	now = zipc_now_ns();
	if (now < barrier->look_ns)
		return rc;
	barrier->look_ns = now + LOOK_NS;
	look(barrier, barrier->waiting);
	return outcome(barrier);
}

/* A break that this party was not waiting in, and has not been told of. */
static bool news(struct zipc_barrier *barrier, uint64_t round)
{
	if (zipc_round_broken(round) == barrier->told)
		return false;
	barrier->told = zipc_round_broken(round);
	return true;
}

/*
 * This round can not be completed before this party's arrival; if it is broken
 * meanwhile, the arrival is in a round that is over, and outcome() tells.
 */
static void arrive(struct zipc_barrier *barrier, uint64_t round)
{
	barrier->waiting = round;
	/* arrival: release (seq_cst); pairs with all_arrived(). */
	atomic_exchange_explicit(&barrier->me->state,
				 zipc_party_state(round, ZIPC_PARTY_ARRIVED),
				 memory_order_seq_cst);
	if (all_arrived(barrier, round))
		end_round(barrier, round, false);
	else
		barrier->look_ns = 0;
}

int zipc_barrier_wait(struct zipc_barrier *barrier, int64_t timeout_ns)
{
	uint64_t round;
	int64_t rc = is_party(barrier) ? 0 : join(barrier);

	if (rc)
		return (int)rc;
	if (!barrier->waiting) {
		round = round_now(barrier);
		if (news(barrier, round))
			return zipc_fail_as(EOWNERDEAD, "a party of the "
					    "barrier has died: wait again to "
					    "go on, with others in its place");
		arrive(barrier, round);
	}
	rc = outcome(barrier);
	if (rc != -EAGAIN)
		return (int)rc;
	if (!barrier->look_ns)
		barrier->look_ns = zipc_now_ns() + LOOK_NS;
	else if (timeout_ns == ZIPC_NOWAIT)
		rc = attempt(barrier);
	if (rc != -EAGAIN)
		return (int)rc;
	return zipc_sync_wait(&barrier->sync, timeout_ns, attempt, barrier);
}

/* ask */

uint64_t zipc_barrier_parties(const struct zipc_barrier *barrier)
{
	return barrier->sync.capacity;
}

uint64_t zipc_barrier_rounds(const struct zipc_barrier *barrier)
{
	uint64_t round = round_now(barrier);

	if (!zipc_sync_stands(&barrier->sync))
		return 0;
	return zipc_round_complete(round) -
	       zipc_round_complete(ZIPC_FIRST_ROUND);
}

uint64_t zipc_barrier_arrived(const struct zipc_barrier *barrier)
{
	uint64_t state = zipc_party_state(round_now(barrier),
					  ZIPC_PARTY_ARRIVED);
	uint64_t i, n = 0;

	for (i = 0; i < barrier->sync.capacity; i++)
		/* Relaxed: each as it stood at some moment during the call. */
		n += atomic_load_explicit(&barrier->body->parties[i].state,
					  memory_order_relaxed) == state;
	return zipc_sync_stands(&barrier->sync) ? n : 0;
}

void zipc_barrier_close(struct zipc_barrier *barrier)
{
	if (!barrier)
		return;
	if (is_party(barrier))
		leave(barrier);
	zipc_sync_close(&barrier->sync);
	free(barrier);
}
