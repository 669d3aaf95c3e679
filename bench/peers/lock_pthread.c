/* SPDX-License-Identifier: MIT */
/*
 * The process-shared locks of pthreads: mutex, robust mutex and rwlock. Beside
 * them one that does not lock, to test the bench: now and then it forgets one
 * of the two words.
 */
#include "../lock.h"

#include <errno.h>
#include <pthread.h>

struct locks {
	_Alignas(64) pthread_mutex_t mutex;
	_Alignas(64) pthread_rwlock_t rwlock;
};

static void *create_as(int robust)
{
	struct locks *locks = shared_new(sizeof(*locks));
	pthread_mutexattr_t mutex;
	pthread_rwlockattr_t rwlock;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&mutex, robust);
	pthread_mutex_init(&locks->mutex, &mutex);
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&locks->rwlock, &rwlock);
	return locks;
}

static void *create(void)
{
	return create_as(PTHREAD_MUTEX_STALLED);
}

static void *create_robust(void)
{
	return create_as(PTHREAD_MUTEX_ROBUST);
}

static void *open_end(void *locks)
{
	return locks;
}

static void close_end(void *end)
{
	(void)end;
}

static inline void lock(void *end)
{
	pthread_mutex_lock(&((struct locks *)end)->mutex);
}

static inline void lock_or_die(void *end)
{
	pthread_mutex_t *mutex = &((struct locks *)end)->mutex;

	if (__builtin_expect(pthread_mutex_lock(mutex) == EOWNERDEAD, 0))
		die("a robust mutex's owner is dead");
}

static inline void unlock(void *end)
{
	pthread_mutex_unlock(&((struct locks *)end)->mutex);
}

static inline void read_lock(void *end)
{
	pthread_rwlock_rdlock(&((struct locks *)end)->rwlock);
}

static inline void write_lock(void *end)
{
	pthread_rwlock_wrlock(&((struct locks *)end)->rwlock);
}

static inline void unlock_rw(void *end)
{
	pthread_rwlock_unlock(&((struct locks *)end)->rwlock);
}

LOCK_SECTIONS(mutex_sections, 1, lock, unlock)
LOCK_CHASE(chase, lock, unlock)
LOCK_CHASE(robust_chase, lock_or_die, unlock)
LOCK_SECTIONS(robust_sections, 1, lock_or_die, unlock)
LOCK_SECTIONS(read_sections, 0, read_lock, unlock_rw)
LOCK_SECTIONS(write_sections, 1, write_lock, unlock_rw)

static uint64_t forgetful_sections(void *end, struct lock_guarded *guarded,
				   uint64_t n)
{
	uint64_t torn = 0;

	(void)end;
	for (; n; n--) {
		torn += guarded->pair[0] != guarded->pair[1];
		guarded->pair[0]++;
		if (n % 100)
			guarded->pair[1]++;
	}
	return torn;
}

#define LIFE .destroy = shared_free, .open = open_end, .close = close_end

static const struct lock_peer peer = {
	LIFE, .create = create, .mutex = mutex_sections,
	.read = read_sections, .write = write_sections,
	.lock = lock, .chase = chase
};
static const struct lock_peer robust = {
	LIFE, .create = create_robust, .mutex = robust_sections,
	.lock = lock_or_die, .chase = robust_chase
};
static const struct lock_peer forgetful = {
	LIFE, .create = create, .mutex = forgetful_sections
};

const struct candidate lock_pthread = {
	.name = "pthread-lock", .family = &peer
};

const struct candidate lock_robust = {
	.name = "pthread-robust", .family = &robust
};

const struct candidate lock_loses = {
	.name = "planted-unlocked", .planted = true, .family = &forgetful
};
