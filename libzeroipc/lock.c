/* SPDX-License-Identifier: MIT */
/* The owner word of locks; the idea is in the header. */
#include "lock.h"

#include "clock.h"
#include "error.h"
#include "name.h"
#include "participant.h"

#include <string.h>

#define LOOK_NS INT64_C(20000000)
#define ASLEEP_AT_ONCE UINT16_MAX /* zipc_spin: the briefest */

/* numbers of handles */

/*
 * One bit for each number; 0 is not given out. A forked child has its parent's
 * handles, so it goes on with the parent's bits.
 */
static _Atomic uint64_t numbers[ZIPC_NUMBERS / 64];

static uint32_t number_take(void)
{
	uint64_t bits, bit;
	uint32_t i;

	for (i = 0; i < ZIPC_NUMBERS / 64; i++) {
		bits = atomic_load_explicit(&numbers[i], memory_order_relaxed);
		if (i == 0)
			bits |= 1;
		while (~bits) {
			bit = ~bits & (bits + 1);
			/* Acquire and release: one owner after the other. */
			bits = atomic_fetch_or_explicit(&numbers[i], bit,
							memory_order_acq_rel);
			if (!(bits & bit))
				return i * 64 + (uint32_t)__builtin_ctzll(bit);
			bits |= i == 0;
		}
	}
	return 0;
}

static void number_give(uint32_t number)
{
	atomic_fetch_and_explicit(&numbers[number / 64],
				  ~(UINT64_C(1) << number % 64),
				  memory_order_acq_rel);
}

/* handles */

uint64_t zipc_lock_body_bytes(uint64_t own_bytes)
{
	return own_bytes + ZIPC_WAITERS * sizeof(struct zipc_waiter);
}

void zipc_lock_build(struct zipc_owner *owner, uint64_t own_bytes)
{
	owner->waiters_offset = (uint32_t)own_bytes;
	owner->waiters = ZIPC_WAITERS;
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)plan;
	(void)elem_size;
	return zipc_lock_body_bytes(ZIPC_LINE);
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	(void)plan;
	(void)elem_size;
	zipc_lock_build((void *)body, ZIPC_LINE);
}

struct zipc_plan zipc_lock_plan(unsigned kind)
{
	return (struct zipc_plan){ .kind = kind,
				   .type = "u64",
				   .capacity = 1,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = 8 };
}

static int check_body(const struct zipc_segment *segment, const char *name,
		      unsigned kind, const struct zipc_found *found,
		      uint64_t bytes)
{
	if (found->elem_size == 8 && found->body_bytes >= bytes)
		return 0;
	return zipc_fail(EBADMSG, "%s `%s` in segment `/%s` is damaged: its "
			 "body has %llu bytes, not %llu", zipc_kind_name(kind),
			 name, segment->name,
			 (unsigned long long)found->body_bytes,
			 (unsigned long long)bytes);
}

/* Where the records are, as the body says and can be. */
static int find_waiters(struct zipc_lock *lock, const struct zipc_found *found)
{
	uint64_t at = lock->at->waiters_offset, count = lock->at->waiters;

	if (at % ZIPC_LINE || at < ZIPC_LINE || at > found->body_bytes ||
	    count > ZIPC_WAITERS_MOST ||
	    count * ZIPC_LINE > found->body_bytes - at)
		return zipc_fail(EBADMSG, "%s `%s` in segment `/%s` is "
				 "damaged: its %llu records of who waits are "
				 "not in its body", zipc_kind_name(lock->kind),
				 lock->name, lock->segment->name,
				 (unsigned long long)count);
	lock->waiters = (void *)(found->body + at);
	lock->waiter_count = (uint32_t)count;
	return 0;
}

int zipc_lock_open(struct zipc_lock *lock, struct zipc_segment *segment,
		   const char *name, unsigned kind, struct zipc_found *found,
		   uint64_t bytes)
{
	int rc = check_body(segment, name, kind, found, bytes);

	if (!rc)
		lock->number = number_take();
	if (!rc && !lock->number)
		rc = zipc_fail(EUSERS, "this process has %u handles on locks: "
			       "close some", ZIPC_NUMBERS - 1);
	if (rc) {
		zipc_table_release(found);
		return rc;
	}
	zipc_type_free(found->type);
	lock->use = found->use;
	lock->at = (void *)(found->body + lock->owner_at);
	lock->block = found->block;
	lock->kind = kind;
	lock->symmetric = segment->symmetric;
	lock->segment = zipc_segment_hold(segment);
	strcpy(lock->name, name); /* the table has measured it */
	rc = find_waiters(lock, found);
	if (!rc && !segment->read_only)
		rc = zipc_lock_enter_first(lock);
	if (rc)
		zipc_lock_close(lock);
	return zipc_use_opened(&found->use, name, rc);
}

void zipc_lock_close(struct zipc_lock *lock)
{
	if (zipc_lock_is_mine(lock, zipc_lock_word(lock))) {
		zipc_lock_free(lock, ZIPC_INCONSISTENT);
		zipc_wake(&lock->block->readable, lock->symmetric, UINT64_MAX);
		zipc_wake(&lock->block->writable, lock->symmetric, 1);
	}
	number_give(lock->number);
	zipc_use_end(&lock->use);
	zipc_segment_close(lock->segment);
}

int zipc_lock_enter_first(struct zipc_lock *lock)
{
	uint64_t holder;
	int rc;

	if (lock->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: %s `%s` cannot be used through it",
				 lock->segment->name,
				 zipc_kind_name(lock->kind), lock->name);
	rc = zipc_use_enter(&lock->use, lock->name);
	if (rc)
		return rc;
	holder = atomic_load_explicit(&lock->segment->holder,
				      memory_order_relaxed);
	lock->mine = zipc_owner_word(holder, lock->number);
	lock->generation = zipc_fork_generation;
	return 0;
}

/* taking */

/* Whether the word can have come to be at all. */
static bool is_sound(const struct zipc_lock *lock, uint64_t word)
{
	uint64_t holder = zipc_owner_holder(word);
	uint64_t state = word & ZIPC_OWNER_STATES;

	if (!holder)
		return word <= ZIPC_CLOSED;
	return (holder & 0xFFFF) &&
	       zipc_holder_index(holder) < lock->segment->max_participants &&
	       (state <= ZIPC_INCONSISTENT ||
		(state == ZIPC_CLAIMING && lock->claims));
}

/* What to do about a word that is not free. */
static int judge(const struct zipc_lock *lock, uint64_t word)
{
	if (!is_sound(lock, word))
		return -EBADMSG;
	if (zipc_lock_is_mine(lock, word))
		return -EDEADLK;
	return word == ZIPC_CLOSED ? -ENOTRECOVERABLE : -EAGAIN;
}

/* From one that names nobody. */
static bool take_from(struct zipc_lock *lock, uint64_t *word, uint64_t extra)
{
	uint64_t state = *word ? ZIPC_INCONSISTENT : extra;

	/* unlocked: acquire; pairs with zipc_lock_free(). */
	return atomic_compare_exchange_strong_explicit(
		&lock->at->owner, word, lock->mine | state,
		memory_order_acquire, memory_order_relaxed);
}

/* Each turn of the loop but the last, somebody took the lock meanwhile. */
int zipc_lock_try(struct zipc_lock *lock, uint64_t extra)
{
	uint64_t word = zipc_lock_word(lock);

	while (word <= ZIPC_INCONSISTENT)
		if (take_from(lock, &word, extra))
			return word ? -EOWNERDEAD : 0;
	return judge(lock, word);
}

int zipc_lock_inherit(struct zipc_lock *lock)
{
	uint64_t word = zipc_lock_word(lock);

	if (word == ZIPC_INCONSISTENT && take_from(lock, &word, 0))
		return -EOWNERDEAD;
	return judge(lock, word);
}

/*
 * From a word that names somebody, if he is dead. Of a claimant nobody has to
 * be told, as he never was inside: then the word becomes claimed.
 */
static int take_from_the_dead(struct zipc_lock *lock, uint64_t word,
			      uint64_t claimed)
{
	bool was_inside = !(word & ZIPC_CLAIMING);
	int rc = judge(lock, word);

	if (rc != -EAGAIN ||
	    zipc_segment_lives(lock->segment, zipc_owner_holder(word)))
		return rc;
	/* Exactly from the word whose owner was then found dead. */
	if (!atomic_compare_exchange_strong_explicit(
		    &lock->at->owner, &word,
		    was_inside ? lock->mine | ZIPC_INCONSISTENT : claimed,
		    memory_order_acquire, memory_order_relaxed))
		return -EAGAIN;
	if (!was_inside)
		return 0;
	atomic_fetch_add_explicit(&lock->at->deaths, 1, memory_order_relaxed);
	return -EOWNERDEAD;
}

int zipc_lock_take_over(struct zipc_lock *lock, uint64_t extra)
{
	uint64_t word = zipc_lock_word(lock);

	if (word <= ZIPC_INCONSISTENT)
		return zipc_lock_try(lock, extra);
	return take_from_the_dead(lock, word, lock->mine | extra);
}

int zipc_lock_bury(struct zipc_lock *lock)
{
	uint64_t word = zipc_lock_word(lock);

	if (word <= ZIPC_INCONSISTENT)
		return zipc_lock_inherit(lock);
	return take_from_the_dead(lock, word, 0);
}

/* waiting */

bool zipc_lock_look_due(struct zipc_lock *lock, int64_t pause_ns)
{
	int64_t now = zipc_now_ns();

	if (lock->looked_ns && now - lock->looked_ns < pause_ns)
		return false;
	lock->looked_ns = now;
	return true;
}

/* What is seen is said before each sleep. */
static int64_t attempt_and_say(void *context)
{
	struct zipc_lock_wait *wait = context;
	struct zipc_lock *lock = wait->lock;
	int64_t rc = wait->thorough(wait->context);
	uint64_t turns;

	if (rc != -EAGAIN)
		return rc;
	/* Relaxed: who watches compares them with the lock's own. */
	turns = atomic_load_explicit(&lock->at->turns, memory_order_relaxed);
	zipc_waiter_see(&wait->waiting, lock->mine | wait->to,
			zipc_lock_word(lock) & ~ZIPC_OWNER_STATES, turns);
	return rc;
}

int64_t zipc_lock_sleep(struct zipc_lock_wait *wait, int64_t deadline_ns)
{
	struct zipc_spin spent = { .patience = ASLEEP_AT_ONCE };
	struct zipc_lock *lock = wait->lock;
	int64_t rc = zipc_spin(&lock->spin, deadline_ns, wait->quick,
			       wait->context);

	if (rc != -EAGAIN)
		return rc;
	lock->looked_ns = 0;
	wait->waiting = zipc_waiter_begin(lock->segment, lock->waiters,
					  lock->waiter_count, lock->number);
	rc = zipc_wait(wait->event, lock->symmetric, &spent, deadline_ns,
		       attempt_and_say, wait);
	zipc_waiter_end(&wait->waiting);
	return rc;
}

struct taking {
	struct zipc_lock *lock;
	uint64_t extra;
};

static int64_t attempt(void *context)
{
	struct taking *taking = context;

	return zipc_lock_try(taking->lock, taking->extra);
}

static int64_t attempt_and_look(void *context)
{
	struct taking *taking = context;
	int64_t rc = attempt(context);

	if (rc != -EAGAIN || !zipc_lock_look_due(taking->lock, LOOK_NS))
		return rc;
	return zipc_lock_take_over(taking->lock, taking->extra);
}

int zipc_lock_wait(struct zipc_lock *lock, uint64_t extra,
		   struct zipc_event_word *event, int64_t deadline_ns)
{
	struct taking taking = { lock, extra };
	struct zipc_lock_wait wait = { .lock = lock,
				       .event = event,
				       .to = ZIPC_TO_HOLD,
				       .quick = attempt,
				       .thorough = attempt_and_look,
				       .context = &taking };

	return (int)zipc_lock_sleep(&wait, deadline_ns);
}

/* after a death */

int zipc_lock_consistent(struct zipc_lock *lock)
{
	uint64_t word = zipc_lock_word(lock);

	if (!zipc_lock_is_mine(lock, word))
		return zipc_lock_tell(lock, -EPERM);
	if (!(word & ZIPC_INCONSISTENT))
		return zipc_fail(EINVAL, "%s `%s` in segment `/%s` is "
				 "consistent: no holder has died",
				 zipc_kind_name(lock->kind), lock->name,
				 lock->segment->name);
	/* Relaxed: the word is the caller's own, before and behind it. */
	atomic_store_explicit(&lock->at->owner, lock->mine,
			      memory_order_relaxed);
	return 0;
}

int zipc_lock_reset(struct zipc_lock *lock)
{
	uint64_t word = ZIPC_CLOSED;
	int rc = zipc_lock_enter(lock);

	if (rc)
		return rc;
	/* Acquire and release: between who closed it and who repairs. */
	if (atomic_compare_exchange_strong_explicit(
		    &lock->at->owner, &word, ZIPC_INCONSISTENT,
		    memory_order_acq_rel, memory_order_relaxed))
		return 0;
	if (!is_sound(lock, word))
		return zipc_lock_tell(lock, -EBADMSG);
	return zipc_fail(EINVAL, "%s `%s` in segment `/%s` needs no reset: "
			 "it can be locked", zipc_kind_name(lock->kind),
			 lock->name, lock->segment->name);
}

/* messages */

static int tell(const struct zipc_lock *lock, int error, const char *what)
{
	return zipc_fail(error, "%s `%s` in segment `/%s` %s",
			 zipc_kind_name(lock->kind), lock->name,
			 lock->segment->name, what);
}

int zipc_lock_tell(const struct zipc_lock *lock, int rc)
{
	switch (rc) {
	case -EAGAIN:
		return zipc_fail_as(EAGAIN, "the lock is held by another");
	case -ETIMEDOUT:
		return zipc_fail_as(ETIMEDOUT,
				    "the lock was held until the deadline");
	case -EDEADLK:
		return tell(lock, EDEADLK, "is held by this handle already");
	case -EPERM:
		return tell(lock, EPERM, "is not held by this handle: only "
			    "who has locked it may");
	case -EOWNERDEAD:
		return tell(lock, EOWNERDEAD, "was held by one that died, and "
			    "is yours: repair what it guards and say that it "
			    "is consistent, or nobody can lock it again");
	case -ENOTRECOVERABLE:
		return tell(lock, ENOTRECOVERABLE, "was given back without "
			    "repair after a holder had died: reset it, once "
			    "what it guards can be repaired");
	case -EBADMSG:
		return tell(lock, EBADMSG, "is damaged: its owner can be none");
	}
	return rc;
}
