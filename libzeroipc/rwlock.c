/* SPDX-License-Identifier: MIT */
/*
 * RWLock: an owner word (lock.h) for writers, and a record for each handle that
 * reads, so that readers write no line in common.
 *
 * State
 *   owner     as a mutex's; while it is not 0 no reader comes in. A writer
 *             that waits for readers is CLAIMING; behind that it is inside
 *   readers   a record (record.h) per handle that reads; `reading` is 0, or the
 *             handle's own word while it reads, or is about to find out
 *             whether it may
 *   events    readable: readers wait for a writer to leave; writable: writers
 *             wait for the owner word; drained: the one that has claimed it
 *             waits for readers to leave
 *
 * read_lock
 *   1 reading = mine; light fence; load owner. 0: inside
 *   2 else reading = 0, as in unlock, and wait until owner is 0
 * write_lock
 *   1 CAS owner 0 -> mine and CLAIMING; heavy fence
 *   2 each record is quiet, or its reading names somebody dead: CAS from that
 *     word to 0. While one is not, sleep on drained
 *   3 owner = mine: inside. If the deadline comes first, owner = 0
 * unlock
 *   reading = 0, and wake who sleeps on drained; or owner = 0, and wake all
 *   readers and one writer
 *
 * Why no reader is inside with a writer: the reader stores reading, then loads
 * owner; the writer stores owner, then (behind the fence, which is both sides')
 * loads reading. One sees the other: the reader backs off, or the writer waits
 * for it. Why nobody sleeps for good is the same argument, about the store that
 * lets go and the event's word; see wait.h.
 *
 *   edge       written by   read by     carries
 *   has_read   leave        is_quiet    what stood there was read
 *
 * and unlocked of lock.h, which a reader acquires as well.
 *
 * Who finds a dead writer takes the word over, as of a mutex. One that was
 * CLAIMING had changed nothing, so nobody is told. A reader then gives the word
 * back and starts anew. Of one that was inside, the reader stays the owner,
 * and is told: repair needs the lock for writing.
 *
 * What a crash leaves: a record whose reading names the dead, which a writer
 * that looks, or the record's next owner, sets to 0; or an owner word, which is
 * taken over. A writer looks at who is dead only when it would have to wait.
 */
#include "lock.h"

#include "clock.h"
#include "error.h"
#include "participant.h"
#include "record.h"

#include <stdlib.h>
#include <zipc/rwlock.h>

#define READERS 64u
#define LOOK_NS INT64_C(20000000)

struct zipc_rwlock {
	struct zipc_lock lock;
	_Atomic uint64_t *reading; /* of the own record */
	unsigned generation;       /* of forks, when it was taken; 0: never */
	uint32_t count;
	struct zipc_lock_reader *readers;
	struct zipc_event_word *drained;
};

/* create and open */

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)elem_size;
	return zipc_lock_body_bytes(sizeof(struct zipc_rwlock_body) +
				    plan->capacity *
					    sizeof(struct zipc_lock_reader));
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	struct zipc_rwlock_body *it = (void *)body;

	(void)elem_size;
	it->readers_offset = sizeof(*it);
	zipc_lock_build(&it->owner, sizeof(*it) + plan->capacity * ZIPC_LINE);
}

static int plan_of(struct zipc_plan *plan, unsigned max_readers)
{
	if (max_readers > ZIPC_LOCK_READERS_MOST)
		return zipc_fail(EINVAL, "max_readers is %u: at most %u",
				 max_readers, ZIPC_LOCK_READERS_MOST);
	*plan = zipc_lock_plan(ZIPC_RWLOCK);
	plan->body_bytes = body_bytes;
	plan->capacity = max_readers ? max_readers : READERS;
	plan->build = build;
	return 0;
}

/* Where the records are, as the body says and can be: before the waiters'. */
static int find_records(struct zipc_rwlock *rwlock,
			const struct zipc_found *found)
{
	const struct zipc_rwlock_body *body = (void *)found->body;
	uint64_t at = body->readers_offset;
	uint64_t end = (uint64_t)((unsigned char *)rwlock->lock.waiters -
				  found->body);

	if (found->capacity > ZIPC_LOCK_READERS_MOST || at % ZIPC_LINE ||
	    at < sizeof(*body) || at > end ||
	    found->capacity * ZIPC_LINE > end - at)
		return zipc_fail(EBADMSG, "rwlock `%s` in segment `/%s` is "
				 "damaged: its %llu readers are not in its body",
				 rwlock->lock.name, rwlock->lock.segment->name,
				 (unsigned long long)found->capacity);
	rwlock->readers = (void *)(found->body + at);
	rwlock->count = (uint32_t)found->capacity;
	rwlock->drained = &((struct zipc_rwlock_body *)(void *)
				    found->body)->drained;
	rwlock->lock.claims = true;
	return 0;
}

static int handle_on(struct zipc_rwlock **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_rwlock *rwlock = calloc(1, sizeof(*rwlock));
	int rc;

	if (!rwlock) {
		zipc_table_release(found);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	rc = zipc_lock_open(&rwlock->lock, segment, name, ZIPC_RWLOCK, found,
			    sizeof(struct zipc_rwlock_body));
	if (rc) {
		free(rwlock);
		return rc;
	}
	rc = find_records(rwlock, found);
	if (rc)
		zipc_rwlock_close(rwlock);
	else
		*out = rwlock;
	return rc;
}

int zipc_rwlock_create(struct zipc_rwlock **out, struct zipc_segment *segment,
		       const char *name, unsigned max_readers)
{
	struct zipc_found found;
	struct zipc_plan plan;
	int rc = plan_of(&plan, max_readers);

	if (!rc)
		rc = zipc_table_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_rwlock_open(struct zipc_rwlock **out, struct zipc_segment *segment,
		     const char *name)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_RWLOCK, NULL);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_rwlock_open_or_create(struct zipc_rwlock **out,
			       struct zipc_segment *segment, const char *name,
			       unsigned max_readers)
{
	struct zipc_found found;
	struct zipc_plan plan;
	int rc = plan_of(&plan, max_readers);

	if (!rc)
		rc = zipc_table_open_or_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

/* reading */

static inline bool has_record(const struct zipc_rwlock *rwlock)
{
	return __builtin_expect(rwlock->generation == zipc_fork_generation, 1);
}

/* Relaxed: only this handle stores its own word there. */
static inline bool reads(const struct zipc_rwlock *rwlock)
{
	return has_record(rwlock) &&
	       atomic_load_explicit(rwlock->reading, memory_order_relaxed) ==
		       rwlock->lock.mine;
}

static inline void leave(struct zipc_rwlock *rwlock)
{
	/* has_read: release; pairs with is_quiet(). */
	atomic_store_explicit(rwlock->reading, 0, memory_order_release);
	zipc_wake(rwlock->drained, rwlock->lock.symmetric, 1);
}

/* 0 inside; -EAGAIN: there is a writer, and reading is set. */
static inline int look_in(struct zipc_rwlock *rwlock)
{
	/* Relaxed: the fences keep it before the load, on both sides. */
	atomic_store_explicit(rwlock->reading, rwlock->lock.mine,
			      memory_order_relaxed);
	zipc_fence_light(rwlock->lock.symmetric);
	/* unlocked: acquire; pairs with zipc_lock_free(). */
	return __builtin_expect(atomic_load_explicit(&rwlock->lock.at->owner,
						     memory_order_acquire), 0)
		       ? -EAGAIN
		       : 0;
}

static int become_reader(struct zipc_rwlock *rwlock)
{
	int rc = zipc_lock_enter(&rwlock->lock);
	int64_t i;

	if (rc || has_record(rwlock))
		return rc;
	i = zipc_record_take(rwlock->lock.segment, rwlock->readers,
			     rwlock->count);
	if (i < 0)
		return zipc_fail(EUSERS, "all %u readers' places of rwlock "
				 "`%s` in segment `/%s` are held by live "
				 "processes: close some handles, or create it "
				 "with more (max_readers)", rwlock->count,
				 rwlock->lock.name,
				 rwlock->lock.segment->name);
	rwlock->reading = &rwlock->readers[i].reading;
	rwlock->generation = zipc_fork_generation;
	leave(rwlock); /* instead of the dead who had it */
	return 0;
}

/* Free, or free and INCONSISTENT, as the caller's own claim found it. */
static void give_up(struct zipc_lock *lock, uint64_t state)
{
	zipc_lock_free(lock, state);
	zipc_wake(&lock->block->readable, lock->symmetric, UINT64_MAX);
	zipc_wake(&lock->block->writable, lock->symmetric, 1);
}

/* After zipc_lock_try() and the like: 0, the word was claimed in vain. */
static int not_for_writing(struct zipc_rwlock *rwlock, int rc)
{
	if (rc)
		return rc;
	give_up(&rwlock->lock, 0);
	if (!look_in(rwlock))
		return 0;
	leave(rwlock);
	return -EAGAIN;
}

/* -EOWNERDEAD: a writer had died, and the owner word is claimed instead. */
static int64_t attempt_to_read(void *context)
{
	struct zipc_rwlock *rwlock = context;

	if (!zipc_lock_word(&rwlock->lock)) {
		if (!look_in(rwlock))
			return 0;
		leave(rwlock);
	}
	/* If a writer has left meanwhile, it finds those who sleep. */
	if (!zipc_lock_word(&rwlock->lock))
		return -EAGAIN;
	return not_for_writing(rwlock,
			       zipc_lock_try(&rwlock->lock, ZIPC_CLAIMING));
}

static int take_over_to_read(struct zipc_rwlock *rwlock)
{
	return not_for_writing(
		rwlock, zipc_lock_take_over(&rwlock->lock, ZIPC_CLAIMING));
}

static int64_t attempt_to_read_and_look(void *context)
{
	struct zipc_rwlock *rwlock = context;
	int64_t rc = attempt_to_read(context);

	if (rc != -EAGAIN || !zipc_lock_look_due(&rwlock->lock, LOOK_NS))
		return rc;
	return take_over_to_read(rwlock);
}

/* writing */

/* The lines of all who may read: at most as many as have a record. */
static int64_t is_quiet(void *context)
{
	const struct zipc_rwlock *rwlock = context;
	uint32_t i;

	for (i = 0; i < rwlock->count; i++)
		/* has_read: acquire; pairs with leave(). */
		if (atomic_load_explicit(&rwlock->readers[i].reading,
					 memory_order_acquire))
			return -EAGAIN;
	return 0;
}

/* Exactly from the word that names who was then found dead. */
static void clear_the_dead(struct zipc_rwlock *rwlock)
{
	_Atomic uint64_t *reading;
	uint64_t word;
	uint32_t i;

	for (i = 0; i < rwlock->count; i++) {
		reading = &rwlock->readers[i].reading;
		word = atomic_load_explicit(reading, memory_order_relaxed);
		if (word && !zipc_segment_lives(rwlock->lock.segment,
						zipc_owner_holder(word)))
			atomic_compare_exchange_strong_explicit(
				reading, &word, 0, memory_order_relaxed,
				memory_order_relaxed);
	}
}

static int64_t is_quiet_but_for_the_dead(void *context)
{
	struct zipc_rwlock *rwlock = context;
	int64_t rc = is_quiet(rwlock);

	if (rc != -EAGAIN || !zipc_lock_look_due(&rwlock->lock, LOOK_NS))
		return rc;
	clear_the_dead(rwlock);
	return is_quiet(rwlock);
}

/*
 * The word is claimed: wait for readers to leave. If a writer had died, readers
 * may have died with it, and nobody else looks for them if no one waits.
 */
static int64_t drain(struct zipc_rwlock *rwlock, bool died, int64_t deadline_ns)
{
	struct zipc_lock_wait wait = { .lock = &rwlock->lock,
				       .event = rwlock->drained,
				       .to = ZIPC_TO_DRAIN,
				       .quick = is_quiet,
				       .thorough = is_quiet_but_for_the_dead,
				       .context = rwlock };
	int64_t rc = zipc_fence_heavy(rwlock->lock.symmetric);

	if (!rc)
		rc = is_quiet(rwlock);
	if (rc == -EAGAIN && died) {
		clear_the_dead(rwlock);
		rc = is_quiet(rwlock);
	}
	if (rc != -EAGAIN || !deadline_ns)
		return rc;
	return zipc_lock_sleep(&wait, deadline_ns);
}

/* The word is claimed, with rc; deadline_ns 0: do not wait. */
static int come_in(struct zipc_rwlock *rwlock, int rc, int64_t deadline_ns)
{
	uint64_t state = rc ? ZIPC_INCONSISTENT : 0;
	int64_t failed = drain(rwlock, rc != 0, deadline_ns);

	if (failed) {
		give_up(&rwlock->lock, state);
		return (int)failed;
	}
	/* Relaxed: the word is the caller's own, before and behind it. */
	atomic_store_explicit(&rwlock->lock.at->owner,
			      rwlock->lock.mine | state, memory_order_relaxed);
	return rc;
}

/*
 * Readers are looked for first, so that none is turned away in vain. Who looks
 * for dead ones has leave to look for a dead writer too.
 */
static int try_to_claim(struct zipc_rwlock *rwlock)
{
	bool looks = false;
	int rc;

	if (is_quiet(rwlock)) {
		looks = zipc_lock_look_due(&rwlock->lock, ZIPC_TRY_LOOK_NS);
		if (looks)
			clear_the_dead(rwlock);
		if (is_quiet(rwlock))
			return -EAGAIN;
	}
	rc = zipc_lock_try(&rwlock->lock, ZIPC_CLAIMING);
	if (rc == -EAGAIN &&
	    (looks || zipc_lock_look_due(&rwlock->lock, ZIPC_TRY_LOOK_NS)))
		rc = zipc_lock_take_over(&rwlock->lock, ZIPC_CLAIMING);
	return rc;
}

static int claim(struct zipc_rwlock *rwlock, int64_t deadline_ns)
{
	int rc = zipc_lock_try(&rwlock->lock, ZIPC_CLAIMING);

	if (rc != -EAGAIN)
		return rc;
	return zipc_lock_wait(&rwlock->lock, ZIPC_CLAIMING,
			      &rwlock->lock.block->writable, deadline_ns);
}

int zipc_rwlock_write_lock(struct zipc_rwlock *rwlock, int64_t timeout_ns)
{
	int64_t deadline = 0;
	int rc = zipc_lock_enter(&rwlock->lock);

	if (rc)
		return rc;
	if (reads(rwlock))
		return zipc_lock_tell(&rwlock->lock, -EDEADLK);
	if (timeout_ns != ZIPC_NOWAIT) {
		deadline = zipc_deadline(timeout_ns);
		rc = claim(rwlock, deadline);
	} else {
		rc = try_to_claim(rwlock);
	}
	if (!rc || rc == -EOWNERDEAD)
		rc = come_in(rwlock, rc, deadline);
	return rc ? zipc_lock_tell(&rwlock->lock, rc) : 0;
}

/* reading, when it is not just free */

static int read_or_wait(struct zipc_rwlock *rwlock, int64_t timeout_ns)
{
	struct zipc_lock *lock = &rwlock->lock;
	struct zipc_lock_wait wait = { .lock = lock,
				       .event = &lock->block->readable,
				       .to = ZIPC_TO_READ,
				       .quick = attempt_to_read,
				       .thorough = attempt_to_read_and_look,
				       .context = rwlock };
	int64_t deadline = 0, rc = attempt_to_read(rwlock);

	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT) {
		deadline = zipc_deadline(timeout_ns);
		rc = zipc_lock_sleep(&wait, deadline);
	} else if (rc == -EAGAIN &&
		   zipc_lock_look_due(lock, ZIPC_TRY_LOOK_NS)) {
		rc = take_over_to_read(rwlock);
	}
	if (rc != -EOWNERDEAD)
		return (int)rc;
	if (!deadline && timeout_ns != ZIPC_NOWAIT)
		deadline = zipc_deadline(timeout_ns);
	return come_in(rwlock, (int)rc, deadline);
}

static __attribute__((noinline)) int read_slowly(struct zipc_rwlock *rwlock,
						 int64_t timeout_ns)
{
	int rc = become_reader(rwlock);

	if (rc)
		return rc;
	if (reads(rwlock))
		return zipc_lock_tell(&rwlock->lock, -EDEADLK);
	rc = read_or_wait(rwlock, timeout_ns);
	return rc ? zipc_lock_tell(&rwlock->lock, rc) : 0;
}

int zipc_rwlock_read_lock(struct zipc_rwlock *rwlock, int64_t timeout_ns)
{
	if (!has_record(rwlock) || reads(rwlock))
		return read_slowly(rwlock, timeout_ns);
	if (!look_in(rwlock))
		return 0;
	leave(rwlock);
	return read_slowly(rwlock, timeout_ns);
}

/* both */

static __attribute__((noinline)) int unlock_writer(struct zipc_lock *lock)
{
	uint64_t word = zipc_lock_word(lock);

	if (!zipc_lock_entered(lock) ||
	    (word | ZIPC_INCONSISTENT) != (lock->mine | ZIPC_INCONSISTENT))
		return zipc_lock_tell(lock, -EPERM);
	if (word == lock->mine) {
		give_up(lock, 0);
		return 0;
	}
	zipc_lock_free(lock, ZIPC_CLOSED);
	zipc_wake(&lock->block->readable, lock->symmetric, UINT64_MAX);
	zipc_wake(&lock->block->writable, lock->symmetric, UINT64_MAX);
	return 0;
}

int zipc_rwlock_unlock(struct zipc_rwlock *rwlock)
{
	if (!reads(rwlock))
		return unlock_writer(&rwlock->lock);
	leave(rwlock);
	return 0;
}

int zipc_rwlock_consistent(struct zipc_rwlock *rwlock)
{
	return zipc_lock_consistent(&rwlock->lock);
}

int zipc_rwlock_reset(struct zipc_rwlock *rwlock)
{
	return zipc_lock_reset(&rwlock->lock);
}

uint64_t zipc_rwlock_capacity(const struct zipc_rwlock *rwlock)
{
	return rwlock->count;
}

void zipc_rwlock_close(struct zipc_rwlock *rwlock)
{
	if (!rwlock)
		return;
	if (has_record(rwlock)) {
		if (reads(rwlock))
			leave(rwlock);
		zipc_record_give((unsigned char *)rwlock->reading -
				 offsetof(struct zipc_lock_reader, reading));
	}
	zipc_lock_close(&rwlock->lock);
	free(rwlock);
}
