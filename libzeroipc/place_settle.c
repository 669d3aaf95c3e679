/* SPDX-License-Identifier: MIT */
/*
 * The place ring's repairs: settling a position whose writer is slow, stopped
 * or dead, and what a writer does that was settled. The idea is in
 * place_ring.h; numbers below are those of its "Settle".
 */
#include "place_fast.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "fence.h"
#include "wait.h"

#include <sched.h>

#define PATIENCE_MOST_NS INT64_C(50000000)
#define PATIENCE_DOUBLINGS 8u /* 0.5 ms for small elements */
#define POSITION_MOST (UINT64_MAX >> 2) /* that a verdict can name */
#define TIDY_EVERY 1024u
#define GLANCES 64

static uint64_t read_head(const struct zipc_places *places)
{
	return atomic_load_explicit(&places->ring->head, memory_order_acquire);
}

/* judged: acquire; pairs with judge() and zipc_places_answer(). */
static uint64_t read_verdict(const struct zipc_places *places)
{
	return atomic_load_explicit(&places->ring->verdict,
				    memory_order_acquire);
}

static uint64_t read_claim(const struct zipc_writer *writer)
{
	return atomic_load_explicit(&writer->claim, memory_order_acquire);
}

/* Change *word from what was read there; acquire and release. */
static bool change(_Atomic uint64_t *word, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong_explicit(
		word, &from, to, memory_order_acq_rel, memory_order_relaxed);
}

/* What was given up is at least that. */
static void note_given_up(struct zipc_places *places, uint64_t last)
{
	_Atomic uint64_t *given_up = &places->ring->given_up;
	uint64_t seen = atomic_load_explicit(given_up, memory_order_relaxed);

	/* Relaxed: what tells of it is stored, or swapped, behind it. */
	while (seen < last && !atomic_compare_exchange_weak_explicit(
				      given_up, &seen, last,
				      memory_order_relaxed,
				      memory_order_relaxed))
		;
}

/* Head goes past a position that is taken back: there is room. */
static void pass_head(struct zipc_places *places, uint64_t position)
{
	/* What holds a stream's push back may be far behind head. */
	if (places->watched)
		note_given_up(places, position);
	/* room: release; pairs with push. */
	if (change(&places->ring->head, position, position + 1))
		zipc_wake(places->writable, places->symmetric, 1);
}

/* asking */

/*
 * raised: release; pairs with push and pop. A new epoch even when it is up, so
 * that who was about to lower it fails.
 */
static void raise_active(struct zipc_places *places)
{
	_Atomic uint64_t *active = &places->ring->active;
	uint64_t seen;

	do
		seen = atomic_load_explicit(active, memory_order_relaxed);
	while (!change(active, seen, ((seen >> 1) + 1) << 1 | 1));
}

/* asked: release; pairs with push. Every claim that holds the position. */
static void ask(struct zipc_places *places, uint64_t position)
{
	enum zipc_claim_state state;
	uint64_t claim, before;
	uint32_t i;

	for (i = 0; i < places->writer_count; i++) {
		do {
			claim = read_claim(&places->writers[i]);
			state = zipc_claim_state(claim);
			before = zipc_claim_distance(claim, position);
			if (before >= zipc_claim_count(claim) ||
			    !(state == ZIPC_OPEN ||
			      (state == ZIPC_ASKED && before > 0)))
				break;
		} while (!change(&places->writers[i].claim, claim,
				 zipc_claim(position,
					    zipc_claim_count(claim) - before,
					    ZIPC_ASKED)));
	}
}

/* Step 2: ask, and judge by what is there behind the fence. */
static int judge(struct zipc_places *places, uint64_t position)
{
	enum zipc_verdict state = ZIPC_IS_REVOKED;
	int rc;

	raise_active(places);
	ask(places, position);
	rc = zipc_fence_heavy(places->symmetric);
	if (rc)
		return rc;
	if (zipc_turn(zipc_slot(places, position)) >= position ||
	    read_head(places) > position)
		state = ZIPC_IS_PUBLISHED;
	/* judged: release; pairs with push and pop. */
	change(&places->ring->verdict, zipc_verdict(position, ZIPC_ASKING),
	       zipc_verdict(position, state));
	return 0;
}

/* Step 3: mark what is revoked, and only then go past it. */
static void take_back(struct zipc_places *places, uint64_t position)
{
	uint64_t claim;
	uint32_t i;

	for (i = 0; i < places->writer_count; i++) {
		claim = read_claim(&places->writers[i]);
		if (zipc_claim_state(claim) == ZIPC_ASKED &&
		    zipc_claim_distance(claim, position) == 0)
			change(&places->writers[i].claim, claim,
			       zipc_claim(position, zipc_claim_count(claim),
					  ZIPC_REVOKED));
	}
	pass_head(places, position);
}

/* One step of settling; 0: more to do, 1: settled, or -errno. */
static int settle_step(struct zipc_places *places, uint64_t position)
{
	uint64_t verdict = read_verdict(places), about = verdict >> 2;

	if (read_head(places) != position)
		return 1;
	switch ((enum zipc_verdict)(verdict & 3)) {
	case ZIPC_ASKING:
		if (about <= position)
			return judge(places, about);
		break;
	case ZIPC_IS_REVOKED:
		if (about == position) {
			take_back(places, position);
			return 1;
		}
		/* fall through */
	case ZIPC_IS_PUBLISHED:
		if (about < position) {
			change(&places->ring->verdict, verdict,
			       zipc_verdict(position, ZIPC_ASKING));
			return 0;
		}
		if (about == position &&
		    zipc_turn(zipc_slot(places, position)) == position)
			return 1;
	}
	/* A head that moved on meanwhile explains any of the above. */
	if (read_head(places) != position)
		return 1;
	return zipc_fail_as(EBADMSG, "the queue is damaged: its verdict does "
			    "not belong to its head");
}

int zipc_places_settle(struct zipc_places *places, uint64_t position)
{
	int rc;

	if (zipc_places_tail(places) <= position)
		return 0; /* nobody has claimed it: nothing is stuck */
	if (position > POSITION_MOST)
		return zipc_fail_as(EBADMSG, "the queue is damaged: its head "
				    "is where no queue gets");
	do
		rc = settle_step(places, position);
	while (rc == 0);
	zipc_places_tidy(places);
	return rc < 0 ? rc : 0;
}

/* patience */

/* Four times what copying an element takes, at a modest 4 GB/s. */
static int64_t patience_ns(const struct zipc_places *places)
{
	uint32_t doublings = atomic_load_explicit(&places->ring->patience,
						  memory_order_relaxed);
	int64_t ns = 2000 + (int64_t)places->elem_size;

	ns <<= doublings < PATIENCE_DOUBLINGS ? doublings : PATIENCE_DOUBLINGS;
	return ns < PATIENCE_MOST_NS ? ns : PATIENCE_MOST_NS;
}

/* Relaxed, and lost updates are welcome: it is a guess. */
static void adjust_patience(struct zipc_places *places, int by)
{
	uint32_t doublings = atomic_load_explicit(&places->ring->patience,
						  memory_order_relaxed);

	if (by > 0 ? doublings < PATIENCE_DOUBLINGS : doublings > 0)
		atomic_store_explicit(&places->ring->patience,
				      doublings + (uint32_t)by,
				      memory_order_relaxed);
}

/* Whether someone who lives may still publish the position. */
static bool has_writer(struct zipc_places *places, uint64_t position)
{
	enum zipc_claim_state state;
	uint64_t claim, holder;
	uint32_t i;

	for (i = 0; i < places->writer_count; i++) {
		claim = read_claim(&places->writers[i]);
		state = zipc_claim_state(claim);
		if ((state != ZIPC_OPEN && state != ZIPC_ASKED) ||
		    zipc_claim_distance(claim, position) >=
			    zipc_claim_count(claim))
			continue;
		holder = atomic_load_explicit(&places->writers[i].holder,
					      memory_order_acquire);
		if (holder && zipc_segment_lives(places->segment, holder))
			return true;
	}
	return false;
}

/* 1 when the position was published or passed, 0 when patience ended. */
static int wait_for_writer(struct zipc_places *places, uint64_t position)
{
	struct zipc_slot *slot = zipc_slot(places, position);
	int64_t began = 0, patience = 0, waited = 0;
	int glances;

	for (glances = 0;; glances++) {
		if (zipc_turn(slot) == position ||
		    read_head(places) != position)
			break;
		if (glances < GLANCES) {
			zipc_pause();
			continue;
		}
		if (!began) {
			if (!has_writer(places, position))
				return 0;
			began = zipc_now_ns();
			patience = patience_ns(places);
		}
		sched_yield();
		waited = zipc_now_ns() - began;
		if (waited > patience)
			return 0;
	}
	if (waited && waited < patience / 4)
		adjust_patience(places, -1);
	return 1;
}

int zipc_places_unstick(struct zipc_places *places, uint64_t position)
{
	if (wait_for_writer(places, position))
		return 0;
	return zipc_places_settle(places, position);
}

/* the writer's side */

/* The own claim was revoked from position on; it stands behind it in first. */
static uint64_t give_back(struct zipc_places *places, uint64_t first,
			  uint64_t position)
{
	change(&zipc_slot(places, position)->turn, position, 0);
	pass_head(places, position);
	atomic_store_explicit(&places->mine->claim, 0, memory_order_release);
	adjust_patience(places, +1);
	zipc_places_tidy(places);
	return position - first;
}

uint64_t zipc_places_answer(struct zipc_places *places, uint64_t first,
			    uint64_t n, uint64_t i)
{
	uint64_t claim, verdict, position;

	for (;;) {
		claim = read_claim(places->mine);
		position = first + (((claim >> 10) - first) &
				    ZIPC_CLAIM_POSITIONS);
		if (zipc_claim_state(claim) == ZIPC_REVOKED)
			return give_back(places, first, position);
		if (zipc_claim_state(claim) != ZIPC_ASKED)
			return n;
		verdict = read_verdict(places);
		if (verdict == zipc_verdict(position, ZIPC_IS_REVOKED))
			return give_back(places, first, position);
		if (verdict == zipc_verdict(position, ZIPC_ASKING)) {
			/* Not published yet: the next publication answers. */
			if (position > first + i)
				return n;
			/* judged: release; pairs with settle. */
			if (change(&places->ring->verdict, verdict,
				   zipc_verdict(position, ZIPC_IS_PUBLISHED)))
				return n;
		} else if (read_claim(places->mine) == claim) {
			/*
			 * Settled before: had it been revoked, the claim would
			 * have been marked before head went past.
			 */
			return n;
		}
	}
}

/* quarantine and tidying */

/*
 * Whether a claim keeps a slot in quarantine for positions from first on; then
 * *ahead is how far behind first the next position of that slot lies.
 */
static bool quarantines(const struct zipc_places *places,
			const struct zipc_writer *writer, uint64_t first,
			uint64_t *ahead)
{
	uint64_t claim = read_claim(writer), distance, over;

	if (writer == places->mine ||
	    (zipc_claim_state(claim) != ZIPC_ASKED &&
	     zipc_claim_state(claim) != ZIPC_REVOKED))
		return false;
	distance = zipc_claim_distance(claim, first);
	over = distance % places->slot_count;
	*ahead = over ? places->slot_count - over : 0;
	/* At first or behind it, it is the claim of who lost a race. */
	return distance > 0 && distance < ZIPC_CLAIM_POSITIONS / 2;
}

uint64_t zipc_places_free_run(const struct zipc_places *places, uint64_t first,
			      uint64_t n)
{
	uint64_t ahead;
	uint32_t i;

	for (i = 0; i < places->writer_count; i++)
		if (quarantines(places, &places->writers[i], first, &ahead) &&
		    ahead < n)
			n = ahead;
	return n;
}

void zipc_places_give_up(struct zipc_places *places, uint64_t last)
{
	note_given_up(places, last);
	/* left: release; pairs with push at full. */
	atomic_store_explicit(&places->mine->claim, 0, memory_order_release);
}

static bool is_claimed(const struct zipc_places *places, uint64_t position)
{
	uint64_t claim;
	uint32_t i;

	for (i = 0; i < places->writer_count; i++) {
		/* left: acquire; pairs with push. */
		claim = atomic_load_explicit(&places->writers[i].claim,
					     memory_order_acquire);
		if (zipc_claim_state(claim) != ZIPC_VOID &&
		    zipc_claim_distance(claim, position) <
			    zipc_claim_count(claim))
			return true;
	}
	return false;
}

/*
 * Whether an element is there for good. Of a stream positions behind head are
 * looked at as well: who was revoked there may yet publish, and be stopped
 * before it takes that back.
 */
static bool is_published(const struct zipc_places *places, uint64_t position)
{
	const struct zipc_slot *slot = zipc_slot(places, position);

	if (zipc_turn(slot) < position)
		return false;
	if (!places->watched)
		return true;
	/*
	 * The turn once more: behind it the claim is void. When active is down
	 * all that was revoked has been taken back before.
	 */
	if (!zipc_places_active(places->ring))
		return zipc_turn(slot) >= position;
	return zipc_places_see(places, position) == ZIPC_SEEN_THERE &&
	       zipc_turn(slot) == position;
}

bool zipc_places_is_hole(const struct zipc_places *places, uint64_t position)
{
	const struct zipc_slot *slot = zipc_slot(places, position);
	/* What head has passed is decided when the turn is read. */
	bool decided = places->watched && position < read_head(places);

	if (zipc_turn(slot) >= position)
		return decided &&
		       zipc_places_see(places, position) == ZIPC_SEEN_HOLE;
	/* The claims first: who left one has published before. */
	return decided || (!is_claimed(places, position) &&
			   zipc_turn(slot) < position);
}

uint64_t zipc_places_holes(struct zipc_places *places, uint64_t head,
			   uint64_t tail)
{
	uint64_t last = atomic_load_explicit(&places->ring->given_up,
					     memory_order_relaxed);
	uint64_t holes = 0, unpublished = 0, position;

	if (last == places->whole_until || head == tail)
		return 0;
	/* A tail that is older than what was given up tells not of all. */
	if (last >= tail) {
		unpublished = 1;
		last = tail - 1;
	}
	for (position = head; position <= last; position++) {
		if (is_published(places, position))
			continue;
		unpublished++;
		holes += zipc_places_is_hole(places, position);
	}
	if (!unpublished)
		places->whole_until = last;
	return holes;
}

/* Where an asked or revoked claim begins; it was at head then. */
static uint64_t claim_position(const struct zipc_places *places, uint64_t claim)
{
	uint64_t head = read_head(places);

	return head - zipc_claim_distance(claim, head);
}

/* 1: the claim was revoked, 0: it is still asked, -1: the question is past. */
static int is_revoked(const struct zipc_places *places, uint64_t claim,
		      uint64_t position)
{
	uint64_t verdict;

	if (zipc_claim_state(claim) == ZIPC_REVOKED)
		return 1;
	verdict = read_verdict(places);
	if (verdict == zipc_verdict(position, ZIPC_IS_REVOKED))
		return 1;
	return verdict == zipc_verdict(position, ZIPC_ASKING) ? 0 : -1;
}

/* Whether nothing is owed by this record any more. */
static bool resolve(struct zipc_places *places, struct zipc_writer *writer,
		    bool look_for_dead)
{
	uint64_t claim = read_claim(writer), holder, position;
	int revoked;

	if (zipc_claim_state(claim) == ZIPC_VOID ||
	    zipc_claim_state(claim) == ZIPC_OPEN)
		return true;
	position = claim_position(places, claim);
	revoked = is_revoked(places, claim, position);
	if (revoked < 0) /* someone asked late, or died before unasking */
		return change(&writer->claim, claim,
			      zipc_claim(position, zipc_claim_count(claim),
					 ZIPC_OPEN));
	if (!revoked || !look_for_dead)
		return false;
	/* The claim was read first: a new owner's is not touched. */
	holder = atomic_load_explicit(&writer->holder, memory_order_acquire);
	if (holder && zipc_segment_lives(places->segment, holder))
		return false;
	change(&zipc_slot(places, position)->turn, position, 0);
	return change(&writer->claim, claim, 0);
}

/*
 * Whether the verdict is still being found or followed. One that asks about a
 * position that head has passed is answered here: who asked may be gone.
 */
static bool is_open_question(struct zipc_places *places)
{
	uint64_t verdict = read_verdict(places), about = verdict >> 2;
	bool passed = read_head(places) > about;

	if ((verdict & 3) == ZIPC_IS_PUBLISHED)
		return false;
	if ((verdict & 3) == ZIPC_IS_REVOKED)
		return !passed;
	/* judged: release; pairs with push and pop. */
	return !(passed && change(&places->ring->verdict, verdict,
				  zipc_verdict(about, ZIPC_IS_PUBLISHED)));
}

void zipc_places_tidy(struct zipc_places *places)
{
	uint64_t active = atomic_load_explicit(&places->ring->active,
					       memory_order_acquire);
	bool look_for_dead, owed;
	uint32_t i;

	if (!(active & 1))
		return;
	/*
	 * The claims are read behind the verdict: a question that is asked in
	 * between has raised a new epoch, so the CAS below fails.
	 */
	owed = is_open_question(places);
	/* Proving death costs system calls: at news, and now and then. */
	look_for_dead = active != places->epoch_tidied ||
			++places->tidies % TIDY_EVERY == 0;
	places->epoch_tidied = active;
	for (i = 0; i < places->writer_count; i++)
		if (!resolve(places, &places->writers[i], look_for_dead))
			owed = true;
	if (!owed)
		change(&places->ring->active, active, active & ~UINT64_C(1));
}

void zipc_places_inherit(struct zipc_places *places,
			 struct zipc_writer *record)
{
	uint64_t claim = read_claim(record), position;

	if (zipc_claim_state(claim) == ZIPC_ASKED ||
	    zipc_claim_state(claim) == ZIPC_REVOKED) {
		position = claim_position(places, claim);
		if (is_revoked(places, claim, position) > 0)
			change(&zipc_slot(places, position)->turn, position, 0);
	}
	atomic_store_explicit(&record->claim, 0, memory_order_release);
}
