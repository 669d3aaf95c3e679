/* SPDX-License-Identifier: MIT */
/*
 * Once: an owner word (lock.h) that ends as CLOSED, which here means done.
 *
 *   call   CLOSED: return. CAS free -> mine, or from the word of one who died
 *          inside; run the function; store CLOSED and wake all, or, if it
 *          failed, free and wake one
 *
 *   edge   written by      read by       carries
 *   done   finish          is_done       what the function has set up
 *
 * A crash while the function runs leaves the word of the dead, and the next
 * caller takes it over. Behind the store of CLOSED nothing is left to do but
 * the wake, which naps stand in for.
 */
#include "lock.h"

#include "clock.h"
#include "error.h"

#include <stdlib.h>
#include <zipc/once.h>

struct zipc_once {
	struct zipc_lock lock;
};

/* create and open */

static int handle_on(struct zipc_once **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_once *once = calloc(1, sizeof(*once));
	int rc;

	if (!once) {
		zipc_table_release(found);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	rc = zipc_lock_open(&once->lock, segment, name, ZIPC_ONCE, found,
			    sizeof(struct zipc_once_body));
	if (rc)
		free(once);
	else
		*out = once;
	return rc;
}

int zipc_once_create(struct zipc_once **out, struct zipc_segment *segment,
		     const char *name)
{
	struct zipc_plan plan = zipc_lock_plan(ZIPC_ONCE);
	struct zipc_found found;
	int rc = zipc_table_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_once_open(struct zipc_once **out, struct zipc_segment *segment,
		   const char *name)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_ONCE, NULL);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_once_open_or_create(struct zipc_once **out,
			     struct zipc_segment *segment, const char *name)
{
	struct zipc_plan plan = zipc_lock_plan(ZIPC_ONCE);
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

/* use */

/* Who has no bit up (use.h) asks behind it whether that was this Once. */
static bool is_done(const struct zipc_lock *lock)
{
	/* done: acquire; pairs with finish(). */
	if (atomic_load_explicit(&lock->at->owner, memory_order_acquire) !=
	    ZIPC_CLOSED)
		return false;
	return zipc_lock_entered(lock) || zipc_use_stands(&lock->use);
}

static void finish(struct zipc_lock *lock, int rc)
{
	/* done: release, in it; pairs with is_done(). */
	zipc_lock_free(lock, rc ? 0 : ZIPC_CLOSED);
	/* If it failed, one of them runs it. */
	zipc_wake(&lock->block->readable, lock->symmetric,
		  rc ? 1 : UINT64_MAX);
}

/* 0 and -EOWNERDEAD: it is this caller's to run. */
static int begin(struct zipc_lock *lock, int64_t timeout_ns)
{
	int rc = zipc_lock_try(lock, 0);

	if (rc != -EAGAIN)
		return rc;
	if (timeout_ns != ZIPC_NOWAIT)
		return zipc_lock_wait(lock, 0, &lock->block->readable,
				      zipc_deadline(timeout_ns));
	return zipc_lock_look_due(lock, ZIPC_TRY_LOOK_NS)
		       ? zipc_lock_take_over(lock, 0)
		       : rc;
}

static int call_slowly(struct zipc_lock *lock, int (*fn)(void *context),
		       void *context, int64_t timeout_ns)
{
	int rc = zipc_lock_enter(lock);

	if (!rc)
		rc = begin(lock, timeout_ns);
	if (rc == -ENOTRECOVERABLE && is_done(lock))
		return 0;
	if (rc && rc != -EOWNERDEAD)
		return zipc_lock_tell(lock, rc);
	rc = fn(context);
	/* A child that was forked inside is no owner, but one more caller. */
	if (!zipc_lock_is_mine(lock, zipc_lock_word(lock)))
		return call_slowly(lock, fn, context, timeout_ns);
	finish(lock, rc);
	return rc;
}

int zipc_once_call(struct zipc_once *once, int (*fn)(void *context),
		   void *context, int64_t timeout_ns)
{
	if (is_done(&once->lock))
		return 0;
	return call_slowly(&once->lock, fn, context, timeout_ns);
}

int zipc_once_done(const struct zipc_once *once)
{
	return is_done(&once->lock);
}

void zipc_once_close(struct zipc_once *once)
{
	if (!once)
		return;
	zipc_lock_close(&once->lock);
	free(once);
}
