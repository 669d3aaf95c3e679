/* SPDX-License-Identifier: MIT */
/*
 * RWLock: an owner word (lock.h) for writers, and a record for each handle that
 * reads, so that readers write no line in common.
 *
 * State
 *   owner     0 free; CLAIMING, a writer that waits for readers to leave; held
 *             by a writer; INCONSISTENT and CLOSED as of a mutex
 *   readers   a record (record.h) per handle that reads; `reading` is 0, or the
 *             handle's own word while it reads, or has found the lock free and
 *             looks whether it still is
 *   events    readable: readers wait for a writer to leave; writable: writers
 *             wait for the owner word; drained: the one that has claimed it
 *             waits for readers to leave
 *
 * read_lock
 *   1 load owner. Not 0: go to 4
 *   2 reading = mine; light fence; load owner. 0: inside
 *   3 else reading = 0, as in unlock
 *   4 wait until owner is 0. INCONSISTENT, or the word of one that died inside:
 *     CAS to mine and INCONSISTENT: inside, alone. A dead claimant's: CAS to 0,
 *     and wake all
 * write_lock
 *   1 CAS 0, or a dead claimant's word, to mine and CLAIMING; heavy fence. From
 *     INCONSISTENT, or the word of one that died inside: as a reader does
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
 * for it. From when one is inside, owner is not 0 until it is given back as
 * consistent, whoever dies; so who takes it over in between need not look for
 * readers. Why nobody sleeps for good is the same argument, about the store
 * that lets go and the event's word; see wait.h.
 *
 *   edge       written by   read by     carries
 *   has_read   leave        is_quiet    what stood there was read
 *
 * and unlocked of lock.h, which a reader acquires as well.
 *
 * Only who holds the lock holds up others, wherever it is stopped. A reader
 * claims nothing. What a writer waits for is a reading that is set: its reader
 * is inside, or has seen owner 0 (step 1) and would be, if it had gone on just
 * before this writer claimed. For when that claim came behind its first load,
 * the lock was free between the two; and when it came before, that load had
 * found it. So that reader counts as one that holds, and steps aside when it
 * goes on. Without step 1 it could come to a claim that has long stood, and a
 * writer would wait for one that never could have been let in. Likewise a
 * claimant counts as holding from when the last reader has left; until then it
 * is those readers who hold up who waits for it.
 *
 * A dead writer's word is taken over as of a mutex: the next one, a reader too,
 * is the owner and is told, as repair needs the lock for writing. One that was
 * CLAIMING had changed nothing, so nobody is told.
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
	return zipc_use_opened(&found->use, name, rc);
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

/* 0 inside; -EAGAIN: there is a writer. */
static inline int look_in(struct zipc_rwlock *rwlock)
{
	/* Not while a writer has it: that one, or the next, would wait. */
	if (__builtin_expect(zipc_lock_word(&rwlock->lock), 0))
		return -EAGAIN;
	/* Relaxed: the fences keep it before the load, on both sides. */
	atomic_store_explicit(rwlock->reading, rwlock->lock.mine,
			      memory_order_relaxed);
	zipc_fence_light(rwlock->lock.symmetric);
	/* unlocked: acquire; pairs with zipc_lock_free(). */
	if (__builtin_expect(!atomic_load_explicit(&rwlock->lock.at->owner,
						   memory_order_acquire), 1))
		return 0;
	leave(rwlock);
	return -EAGAIN;
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

/* The word is 0 by now. */
static void wake_all(struct zipc_lock *lock)
{
	zipc_wake(&lock->block->readable, lock->symmetric, UINT64_MAX);
	zipc_wake(&lock->block->writable, lock->symmetric, 1);
}

static void give_up(struct zipc_lock *lock)
{
	zipc_lock_free(lock, 0);
	wake_all(lock);
}

/*
 * -EOWNERDEAD: a writer had died inside, and the owner word is taken instead.
 * -EAGAIN: if the writer has left meanwhile, it finds those who sleep.
 */
static int64_t attempt_to_read(void *context)
{
	struct zipc_rwlock *rwlock = context;
	int rc = look_in(rwlock);

	return rc ? zipc_lock_inherit(&rwlock->lock) : 0;
}

static int64_t take_over_to_read(struct zipc_rwlock *rwlock)
{
	int rc = zipc_lock_bury(&rwlock->lock);

	if (rc)
		return rc;
	wake_all(&rwlock->lock);
	return attempt_to_read(rwlock);
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

/* The word is claimed: wait for readers to leave. 0: do not wait. */
static int64_t drain(struct zipc_rwlock *rwlock, int64_t deadline_ns)
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
	if (rc != -EAGAIN || !deadline_ns)
		return rc;
	return zipc_lock_sleep(&wait, deadline_ns);
}

static int come_in(struct zipc_rwlock *rwlock, int64_t deadline_ns)
{
	int64_t failed = drain(rwlock, deadline_ns);

	if (failed) {
		give_up(&rwlock->lock);
		return (int)failed;
	}
	/* Relaxed: the word is the caller's own, before and behind it. */
	atomic_store_explicit(&rwlock->lock.at->owner, rwlock->lock.mine,
			      memory_order_relaxed);
	return 0;
}

/*
 * Readers are looked for first, so that none is turned away in vain; but beside
 * an owner, who may be dead, they are no holders. Who looks for dead ones has
 * leave to look for a dead writer too.
 */
static int try_to_claim(struct zipc_rwlock *rwlock)
{
	bool looks = false;
	int rc;

	if (!zipc_lock_word(&rwlock->lock) && is_quiet(rwlock)) {
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
	if (!rc)
		rc = come_in(rwlock, deadline);
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
	int64_t rc = attempt_to_read(rwlock);

	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = zipc_lock_sleep(&wait, zipc_deadline(timeout_ns));
	else if (rc == -EAGAIN && zipc_lock_look_due(lock, ZIPC_TRY_LOOK_NS))
		rc = take_over_to_read(rwlock);
	return (int)rc;
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
	return look_in(rwlock) ? read_slowly(rwlock, timeout_ns) : 0;
}

/* both */

static __attribute__((noinline)) int unlock_writer(struct zipc_lock *lock)
{
	uint64_t word = zipc_lock_word(lock);

	if (!zipc_lock_entered(lock) ||
	    (word | ZIPC_INCONSISTENT) != (lock->mine | ZIPC_INCONSISTENT))
		return zipc_lock_tell(lock, -EPERM);
	if (word == lock->mine) {
		give_up(lock);
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
