/* SPDX-License-Identifier: MIT */
/*
 * Mutex: an owner word (lock.h), and sleep until it is free.
 *
 * State      free; held; held or free and INCONSISTENT; CLOSED: not recoverable
 *
 *   lock        CAS free -> mine; when its holder is dead, CAS from that word
 *               to mine and INCONSISTENT
 *   unlock      a store of free, or of CLOSED if mine is INCONSISTENT; then
 *               one sleeper is woken, or all
 *   consistent  a store of mine
 *   reset       CAS CLOSED -> free and INCONSISTENT
 *
 * Locked and unlocked it is at these accesses, so a crash is before or behind
 * one. One that is killed between its store and its wake leaves sleepers to
 * their naps. Who was woken and finds it taken sleeps again; who took it will
 * see that somebody sleeps, so no wake is lost.
 */
#include "lock.h"

#include "clock.h"
#include "error.h"

#include <stdlib.h>
#include <zipc/mutex.h>

struct zipc_mutex {
	struct zipc_lock lock;
};

/* create and open */

static int handle_on(struct zipc_mutex **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_mutex *mutex = calloc(1, sizeof(*mutex));
	int rc;

	if (!mutex) {
		zipc_table_release(found);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	rc = zipc_lock_open(&mutex->lock, segment, name, ZIPC_MUTEX, found,
			    sizeof(struct zipc_mutex_body));
	if (rc)
		free(mutex);
	else
		*out = mutex;
	return rc;
}

int zipc_mutex_create(struct zipc_mutex **out, struct zipc_segment *segment,
		      const char *name)
{
	struct zipc_plan plan = zipc_lock_plan(ZIPC_MUTEX);
	struct zipc_found found;
	int rc = zipc_table_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_mutex_open(struct zipc_mutex **out, struct zipc_segment *segment,
		    const char *name)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_MUTEX, NULL);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_mutex_open_or_create(struct zipc_mutex **out,
			      struct zipc_segment *segment, const char *name)
{
	struct zipc_plan plan = zipc_lock_plan(ZIPC_MUTEX);
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

/* use */

static struct zipc_event_word *event_of(struct zipc_lock *lock)
{
	return &lock->block->writable;
}

static __attribute__((noinline)) int lock_slowly(struct zipc_lock *lock,
						 int64_t timeout_ns)
{
	int rc = zipc_lock_enter(lock);

	if (rc)
		return rc;
	rc = zipc_lock_try(lock, 0);
	if (rc != -EAGAIN)
		return zipc_lock_tell(lock, rc);
	if (timeout_ns != ZIPC_NOWAIT)
		rc = zipc_lock_wait(lock, 0, event_of(lock),
				    zipc_deadline(timeout_ns));
	else if (zipc_lock_look_due(lock, ZIPC_TRY_LOOK_NS))
		rc = zipc_lock_take_over(lock, 0);
	return zipc_lock_tell(lock, rc);
}

int zipc_mutex_lock(struct zipc_mutex *mutex, int64_t timeout_ns)
{
	struct zipc_lock *lock = &mutex->lock;
	uint64_t word = 0;

	/* unlocked: acquire; pairs with zipc_lock_free(). */
	if (zipc_lock_entered(lock) &&
	    __builtin_expect(atomic_compare_exchange_strong_explicit(
				     &lock->at->owner, &word, lock->mine,
				     memory_order_acquire,
				     memory_order_relaxed), 1))
		return 0;
	return lock_slowly(lock, timeout_ns);
}

static __attribute__((noinline)) int unlock_slowly(struct zipc_lock *lock)
{
	if (!zipc_lock_entered(lock) ||
	    zipc_lock_word(lock) != (lock->mine | ZIPC_INCONSISTENT))
		return zipc_lock_tell(lock, -EPERM);
	zipc_lock_free(lock, ZIPC_CLOSED);
	zipc_wake(event_of(lock), lock->symmetric, UINT64_MAX);
	return 0;
}

static __attribute__((noinline)) int wake_one(struct zipc_event_word *event)
{
	zipc_wake_sleepers(event, 1);
	return 0;
}

int zipc_mutex_unlock(struct zipc_mutex *mutex)
{
	struct zipc_lock *lock = &mutex->lock;

	if (!zipc_lock_entered(lock) || zipc_lock_word(lock) != lock->mine)
		return unlock_slowly(lock);
	zipc_lock_free(lock, 0);
	if (zipc_sleepers(event_of(lock), lock->symmetric))
		return wake_one(event_of(lock));
	return 0;
}

int zipc_mutex_consistent(struct zipc_mutex *mutex)
{
	return zipc_lock_consistent(&mutex->lock);
}

int zipc_mutex_reset(struct zipc_mutex *mutex)
{
	return zipc_lock_reset(&mutex->lock);
}

void zipc_mutex_close(struct zipc_mutex *mutex)
{
	if (!mutex)
		return;
	zipc_lock_close(&mutex->lock);
	free(mutex);
}
