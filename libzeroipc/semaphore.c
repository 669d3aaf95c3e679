/* SPDX-License-Identifier: MIT */
/*
 * Semaphore: permits as a number (plain), or as words that name who holds them
 * (owned).
 *
 * Plain, one word counts the free permits. It is changed by compare-and-swap
 * only, so each acquire and release is one moment, and a crash comes before or
 * behind it.
 *
 * Owned, each permit is a word {turn, holder}: holder is 0 while it is free,
 * and turn grows with each acquire.
 *
 *   free      acquire: CAS to {turn + 1, me}                       -> held
 *   held      release, by its holder only: CAS to {turn, 0}        -> free
 *   held      take_back, when the holder is dead: CAS to {turn, 0} -> free
 *
 * There is no count beside the words, so none that a crash could falsify. Who
 * looks at the words one by one may find each held although one was free at
 * every moment: released behind it, and another acquired before it. So -EAGAIN
 * is said only after two looks in a row that found every word held, and the
 * sum of their turns the same: then no word was acquired between its two looks,
 * so each was held from one to the other, and all were when the second began.
 * (16 bits of turn: 65536 acquires of one permit between two looks at it would
 * go unseen, if they ended just there.)
 *
 * A permit is taken where the handle got its last one, where it probably is
 * free, and else in the words that follow. Handles begin in different lines.
 *
 * The holder is a participant, not a thread: as with a process's files, what
 * one thread has acquired another may release.
 *
 *   edge     written by           read by   carries
 *   permit   release, take_back   acquire   what the last holder did
 *
 * Crash: the permits of the dead stay held until somebody finds none free, and
 * looks. Sleepers look at each nap. Who dies while it takes back has freed some
 * of them, and the next one finds the others.
 */
#include "clock.h"
#include "error.h"
#include "participant.h"
#include "sync.h"

#include <stdlib.h>
#include <zipc/semaphore.h>

#define PLAIN_MOST (UINT64_C(1) << 62)

#define HOLDER UINT64_C(0x0000FFFFFFFFFFFF)
#define TURN (HOLDER + 1)

#define LOOK_NS INT64_C(50000000) /* between looks for the dead */

struct zipc_semaphore {
	struct zipc_sync sync;
	struct zipc_semaphore_body *body;
	bool owned;
	uint64_t at;     /* owned: the permit that was taken last */
	int64_t look_ns; /* owned: when a waiter next looks for the dead */
};

/* create and open */

struct semaphore_plan {
	struct zipc_plan plan; /* first */
	uint64_t initial;
	bool owned;
};

static uint64_t bytes_for(uint64_t max, bool owned)
{
	return sizeof(struct zipc_semaphore_body) +
	       (owned ? max * sizeof(uint64_t) : 0);
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)elem_size;
	return bytes_for(plan->capacity,
			 ((const struct semaphore_plan *)plan)->owned);
}

static void build(const struct zipc_plan *plan, unsigned char *at,
		  uint64_t elem_size)
{
	const struct semaphore_plan *mine = (const void *)plan;
	struct zipc_semaphore_body *body = (void *)at;

	(void)elem_size;
	body->owned = mine->owned;
	/* Relaxed: nobody looks here before the commit. */
	if (!mine->owned)
		atomic_store_explicit(&body->permits, mine->initial,
				      memory_order_relaxed);
}

static int plan_of(struct semaphore_plan *out, const char *name,
		   uint64_t initial, uint64_t max, unsigned flags)
{
	uint64_t most = flags & ZIPC_OWNED ? ZIPC_PERMITS_MOST : PLAIN_MOST;

	if (flags & ~ZIPC_OWNED)
		return zipc_fail(EINVAL, "flags of semaphore `%s` are 0x%x: "
				 "only ZIPC_OWNED is known", name, flags);
	if (max < 1 || max > most)
		return zipc_fail(EINVAL, "semaphore `%s` would have a max of "
				 "%llu: it takes 1 to %llu", name,
				 (unsigned long long)max,
				 (unsigned long long)most);
	if (initial > max || (flags & ZIPC_OWNED && initial != max))
		return zipc_fail(EINVAL, "semaphore `%s` would begin with %llu "
				 "permits of %llu: %s", name,
				 (unsigned long long)initial,
				 (unsigned long long)max,
				 initial > max ? "that is more than there are"
					       : "owned, all are free at first");
	*out = (struct semaphore_plan){
		.plan = { .kind = ZIPC_SEMAPHORE,
			  .type = ZIPC_SYNC_TYPE,
			  .capacity = max,
			  .body_bytes = body_bytes,
			  .build = build,
			  .elem_size_max = sizeof(uint64_t) },
		.initial = initial,
		.owned = flags & ZIPC_OWNED,
	};
	return 0;
}

static uint64_t self(const struct zipc_semaphore *semaphore)
{
	return atomic_load_explicit(&semaphore->sync.segment->holder,
				    memory_order_relaxed);
}

/* The block is found; see whether its body is a semaphore's. */
static int look_inside(struct zipc_semaphore *semaphore)
{
	struct zipc_sync *sync = &semaphore->sync;
	uint32_t owned;

	semaphore->body = (void *)sync->body;
	owned = semaphore->body->owned;
	semaphore->owned = owned;
	semaphore->at = zipc_holder_index(self(semaphore)) * UINT64_C(8) %
			sync->capacity;
	if (owned > 1 ||
	    sync->capacity > (owned ? ZIPC_PERMITS_MOST : PLAIN_MOST) ||
	    sync->body_bytes < bytes_for(sync->capacity, owned))
		return zipc_sync_damaged(sync, "it can not have so many "
					 "permits");
	return 0;
}

static int flags_differ(const struct zipc_semaphore *semaphore)
{
	return zipc_fail(EPROTOTYPE, "semaphore `%s` in segment `/%s` is %s",
			 semaphore->sync.name, semaphore->sync.segment->name,
			 semaphore->owned ? "owned: ZIPC_OWNED is missing"
					  : "plain, not ZIPC_OWNED");
}

/*
 * The handle, which is filled in by one of the three: plan NULL opens, else
 * must_be_new says whether there may be one.
 */
static int handle_on(struct zipc_semaphore **out, struct zipc_segment *segment,
		     const char *name, const struct semaphore_plan *plan,
		     bool must_be_new)
{
	const uint64_t least = sizeof(struct zipc_semaphore_body);
	struct zipc_semaphore *it = calloc(1, sizeof(*it));
	struct zipc_use use;
	int rc;

	if (!it)
		return zipc_fail_as(ENOMEM, "out of memory");
	if (!plan)
		rc = zipc_sync_open(&it->sync, segment, name, ZIPC_SEMAPHORE,
				    least);
	else if (must_be_new)
		rc = zipc_sync_create(&it->sync, segment, name, &plan->plan,
				      least);
	else
		rc = zipc_sync_open_or_create(&it->sync, segment, name,
					      &plan->plan, least);
	if (rc) {
		free(it);
		return rc;
	}
	use = it->sync.use;
	rc = look_inside(it);
	if (!rc && plan && plan->owned != it->owned)
		rc = flags_differ(it);
	if (rc)
		zipc_semaphore_close(it);
	else
		*out = it;
	return zipc_use_opened(&use, name, rc);
}

int zipc_semaphore_create_with(struct zipc_semaphore **out,
			       struct zipc_segment *segment, const char *name,
			       uint64_t initial, uint64_t max, unsigned flags)
{
	struct semaphore_plan plan;
	int rc = plan_of(&plan, name, initial, max, flags);

	return rc ? rc : handle_on(out, segment, name, &plan, true);
}

int zipc_semaphore_create(struct zipc_semaphore **out,
			  struct zipc_segment *segment, const char *name,
			  uint64_t initial, uint64_t max)
{
	return zipc_semaphore_create_with(out, segment, name, initial, max, 0);
}

int zipc_semaphore_open(struct zipc_semaphore **out,
			struct zipc_segment *segment, const char *name)
{
	return handle_on(out, segment, name, NULL, false);
}

int zipc_semaphore_open_or_create(struct zipc_semaphore **out,
				  struct zipc_segment *segment,
				  const char *name, uint64_t initial,
				  uint64_t max, unsigned flags)
{
	struct semaphore_plan plan;
	int rc = plan_of(&plan, name, initial, max, flags);

	return rc ? rc : handle_on(out, segment, name, &plan, false);
}

/* plain */

static int too_many(const struct zipc_semaphore *semaphore)
{
	return zipc_sync_damaged(&semaphore->sync,
				 "more permits are free than there are");
}

static int64_t take_plain(struct zipc_semaphore *semaphore)
{
	_Atomic uint64_t *permits = &semaphore->body->permits;
	uint64_t now = atomic_load_explicit(permits, memory_order_relaxed);

	do {
		if (!now)
			return zipc_fail_as(EAGAIN, "no permit is free");
		if (now > semaphore->sync.capacity)
			return too_many(semaphore);
		/* permit: acquire; pairs with add_plain(). */
	} while (!atomic_compare_exchange_weak_explicit(permits, &now, now - 1,
							memory_order_acquire,
							memory_order_relaxed));
	return 0;
}

static int add_plain(struct zipc_semaphore *semaphore, uint64_t n)
{
	_Atomic uint64_t *permits = &semaphore->body->permits;
	uint64_t now = atomic_load_explicit(permits, memory_order_relaxed);
	uint64_t max = semaphore->sync.capacity;

	do {
		if (now > max)
			return too_many(semaphore);
		if (n > max - now)
			return zipc_fail(EINVAL, "%llu permits of semaphore "
					 "`%s` are free of at most %llu: %llu "
					 "more are too many",
					 (unsigned long long)now,
					 semaphore->sync.name,
					 (unsigned long long)max,
					 (unsigned long long)n);
		/*
		 * permit: release; pairs with take_plain(). Acquire too, so
		 * that what earlier releases carried is passed on.
		 */
	} while (!atomic_compare_exchange_weak_explicit(permits, &now, now + n,
							memory_order_acq_rel,
							memory_order_relaxed));
	return 0;
}

/* owned */

static uint64_t next(const struct zipc_semaphore *semaphore, uint64_t i)
{
	return i + 1 < semaphore->sync.capacity ? i + 1 : 0;
}

/* One look at all words: takes a free one, or gives the sum of their turns. */
static bool take_one(struct zipc_semaphore *semaphore, uint64_t *turns)
{
	uint64_t i = semaphore->at, left, word;
	_Atomic uint64_t *at;

	*turns = 0;
	for (left = semaphore->sync.capacity; left; left--) {
		at = &semaphore->body->holders[i];
		/* Acquire: this look comes before the next one. */
		word = atomic_load_explicit(at, memory_order_acquire);
		/* permit: acquire; pairs with give(). */
		while (!(word & HOLDER))
			if (atomic_compare_exchange_weak_explicit(
				    at, &word,
				    (word + TURN) | self(semaphore),
				    memory_order_acquire,
				    memory_order_acquire)) {
				semaphore->at = i;
				return true;
			}
		*turns += word / TURN;
		i = next(semaphore, i);
	}
	return false;
}

/* Repeats only when somebody has acquired a permit meanwhile. */
static int64_t take_owned(struct zipc_semaphore *semaphore)
{
	uint64_t before, turns;

	if (take_one(semaphore, &turns))
		return 0;
	do {
		before = turns;
		if (take_one(semaphore, &turns))
			return 0;
	} while (turns != before);
	return zipc_fail_as(EAGAIN, "each permit is held");
}

/* Free a word, if it still is as it was read. */
static bool give(_Atomic uint64_t *at, uint64_t word)
{
	/* permit: release; pairs with take_one(). */
	return atomic_compare_exchange_strong_explicit(at, &word,
						       word & ~HOLDER,
						       memory_order_acq_rel,
						       memory_order_relaxed);
}

/* The first of left words from i on that the holder has; false: none. */
static bool find(const struct zipc_semaphore *semaphore, uint64_t holder,
		 uint64_t *i, uint64_t *left, uint64_t *word)
{
	for (; *left; (*left)--, *i = next(semaphore, *i)) {
		/* Relaxed: to count, or a word that is one's own. */
		*word = atomic_load_explicit(&semaphore->body->holders[*i],
					     memory_order_relaxed);
		if ((*word & HOLDER) == holder)
			return true;
	}
	return false;
}

static int not_held(const struct zipc_semaphore *semaphore, uint64_t held,
		    uint64_t n)
{
	return zipc_fail(EINVAL, "this process holds %llu permits of semaphore "
			 "`%s`: it can not give %llu back",
			 (unsigned long long)held, semaphore->sync.name,
			 (unsigned long long)n);
}

/* One look at all words: n of this process, or how many fewer; and turns. */
static uint64_t count_own(const struct zipc_semaphore *semaphore, uint64_t n,
			  uint64_t *turns)
{
	uint64_t me = self(semaphore), i = semaphore->at, held = 0, left, word;

	*turns = 0;
	for (left = semaphore->sync.capacity; left && held < n; left--) {
		/* Acquire: this look comes before the next one. */
		word = atomic_load_explicit(&semaphore->body->holders[i],
					    memory_order_acquire);
		held += (word & HOLDER) == me;
		*turns += word / TURN;
		i = next(semaphore, i);
	}
	return held;
}

/*
 * n, or how many fewer this process holds. Its threads may acquire what this
 * look has passed, and give back what is before it; so fewer is said only if
 * nobody has acquired anything until the next look: then no more of them can
 * have been held between the two.
 */
static uint64_t own(const struct zipc_semaphore *semaphore, uint64_t n)
{
	uint64_t before, turns, held = count_own(semaphore, n, &turns), again;

	while (held < n) {
		before = turns;
		again = count_own(semaphore, n, &turns);
		if (again < n && turns == before)
			break;
		held = again;
	}
	return held;
}

/* Give up to n of this process's own back; how many that was. */
static uint64_t give_own(struct zipc_semaphore *semaphore, uint64_t n)
{
	uint64_t me = self(semaphore), i = semaphore->at, given = 0, word;
	uint64_t left = semaphore->sync.capacity;

	for (; given < n && find(semaphore, me, &i, &left, &word); left--) {
		given += give(&semaphore->body->holders[i], word);
		i = next(semaphore, i);
	}
	return given;
}

/*
 * Repeats only when other threads of this process have given back what was
 * found. If they leave too little, it is they all who gave back too much, and
 * what was given is free.
 */
static int give_owned(struct zipc_semaphore *semaphore, uint64_t n)
{
	uint64_t held, left = n;

	do {
		held = own(semaphore, left);
		if (held < left) {
			zipc_sync_wake(&semaphore->sync, n - left);
			return not_held(semaphore, held, left);
		}
		left -= give_own(semaphore, left);
	} while (left);
	return 0;
}

/* the dead */

/* Whom a look has found alive: a bit per participant. */
struct living {
	uint64_t bits[ZIPC_MOST_PARTICIPANTS / 64];
};

/* Asks the system once for each participant, however much it holds. */
static bool lives(struct zipc_segment *segment, uint64_t holder,
		  struct living *living)
{
	uint32_t index = zipc_holder_index(holder);
	uint64_t bit = UINT64_C(1) << index % 64;

	if (index >= segment->max_participants)
		return false;
	if (living->bits[index / 64] & bit &&
	    atomic_load_explicit(&segment->participants[index].incarnation,
				 memory_order_relaxed) ==
		    zipc_holder_incarnation(holder))
		return true;
	if (!zipc_segment_lives(segment, holder))
		return false;
	living->bits[index / 64] |= bit;
	return true;
}

/*
 * Free what the dead hold. False: all that was met was held by the living. What
 * is free was perhaps a dead one's, which another has taken back: then to say
 * that none is free would be to say it of a time when only the dead held it.
 */
static bool take_back(struct zipc_semaphore *semaphore)
{
	struct living living = { { 0 } };
	uint64_t i, word, freed = 0;
	bool other = false;

	for (i = 0; i < semaphore->sync.capacity; i++) {
		/* The word is read before its holder is proven dead. */
		word = atomic_load_explicit(&semaphore->body->holders[i],
					    memory_order_acquire);
		if (word & HOLDER &&
		    lives(semaphore->sync.segment, word & HOLDER, &living))
			continue;
		other = true;
		if (word & HOLDER)
			freed += give(&semaphore->body->holders[i], word);
	}
	if (freed)
		zipc_sync_wake(&semaphore->sync, freed);
	return other;
}

static int64_t take_with_the_dead(struct zipc_semaphore *semaphore)
{
	int64_t rc;

	do
		rc = take_owned(semaphore);
	while (rc == -EAGAIN && take_back(semaphore));
	return rc;
}

/* use */

static int64_t attempt_plain(void *semaphore)
{
	return take_plain(semaphore);
}

/* While it spins it only looks at the words. */
static int64_t attempt_owned(void *context)
{
	struct zipc_semaphore *semaphore = context;
	int64_t rc = take_owned(semaphore), now;

	if (rc != -EAGAIN)
		return rc;
	now = zipc_now_ns();
	if (now < semaphore->look_ns)
		return rc;
	semaphore->look_ns = now + LOOK_NS;
	return take_with_the_dead(semaphore);
}

static int acquire_owned(struct zipc_semaphore *semaphore, int64_t timeout_ns)
{
	int64_t rc = take_with_the_dead(semaphore);

	if (rc != -EAGAIN || timeout_ns == ZIPC_NOWAIT)
		return (int)rc;
	semaphore->look_ns = zipc_now_ns() + LOOK_NS;
	return zipc_sync_wait(&semaphore->sync, timeout_ns, attempt_owned,
			      semaphore);
}

int zipc_semaphore_acquire(struct zipc_semaphore *semaphore,
			   int64_t timeout_ns)
{
	int64_t rc = zipc_sync_enter(&semaphore->sync);

	if (rc)
		return (int)rc;
	if (semaphore->owned)
		return acquire_owned(semaphore, timeout_ns);
	rc = take_plain(semaphore);
	if (rc != -EAGAIN)
		return (int)rc;
	return zipc_sync_wait(&semaphore->sync, timeout_ns, attempt_plain,
			      semaphore);
}

static bool is_ready(void *context)
{
	struct zipc_semaphore *semaphore = context;
	uint64_t i = semaphore->at, left = semaphore->sync.capacity, word;

	if (semaphore->owned)
		return find(semaphore, 0, &i, &left, &word);
	/* Relaxed: attempt() looks again, and damaged counts as ready. */
	return atomic_load_explicit(&semaphore->body->permits,
				    memory_order_relaxed);
}

static void bury(void *semaphore)
{
	take_back(semaphore);
}

int zipc_semaphore_waitable(struct zipc_semaphore *semaphore,
			    struct zipc_waitable *out)
{
	int rc = zipc_sync_enter(&semaphore->sync);

	if (rc)
		return rc;
	semaphore->look_ns = 0; /* the first attempt looks for the dead */
	*out = zipc_sync_waitable(&semaphore->sync, is_ready,
				  semaphore->owned ? attempt_owned
						   : attempt_plain);
	if (semaphore->owned)
		out->bury = bury;
	return 0;
}

int zipc_semaphore_release(struct zipc_semaphore *semaphore, uint64_t n)
{
	int rc = zipc_sync_enter(&semaphore->sync);

	if (rc || !n)
		return rc;
	rc = semaphore->owned ? give_owned(semaphore, n)
			      : add_plain(semaphore, n);
	if (!rc)
		zipc_sync_wake(&semaphore->sync, n);
	return rc;
}

/* ask */

uint64_t zipc_semaphore_value(const struct zipc_semaphore *semaphore)
{
	uint64_t max = semaphore->sync.capacity, i = 0, left = max, value = 0;
	uint64_t word;

	if (!semaphore->owned)
		value = atomic_load_explicit(&semaphore->body->permits,
					     memory_order_acquire);
	else
		for (; find(semaphore, 0, &i, &left, &word); left--, value++)
			i = next(semaphore, i);
	if (!zipc_sync_stands(&semaphore->sync))
		return 0;
	return value < max ? value : max;
}

uint64_t zipc_semaphore_max(const struct zipc_semaphore *semaphore)
{
	return semaphore->sync.capacity;
}

unsigned zipc_semaphore_flags(const struct zipc_semaphore *semaphore)
{
	return semaphore->owned ? ZIPC_OWNED : 0;
}

void zipc_semaphore_close(struct zipc_semaphore *semaphore)
{
	if (!semaphore)
		return;
	zipc_sync_close(&semaphore->sync);
	free(semaphore);
}
