/* SPDX-License-Identifier: MIT */
/*
 * Ours, plain and owned; a POSIX semaphore; an eventfd that counts; a pipe with
 * a byte for each permit, waited for by epoll; and pthreads: a mutex with a
 * condition as a semaphore, and a barrier.
 */
#include "../sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zeroipc.h>

/* ours */

static void *create_ours(unsigned n, bool barrier, unsigned flags)
{
	struct zipc_semaphore *semaphore = NULL;
	struct zipc_barrier *parties = NULL;
	const char *name = unique_name();
	struct zipc_segment *segment;
	int rc;

	if (zipc_segment_create(&segment, name, 1 << 20, NULL))
		die("%s", zipc_last_error());
	zipc_segment_unlink(name);
	rc = barrier ? zipc_barrier_create(&parties, segment, "it", n)
		     : zipc_semaphore_create_with(&semaphore, segment, "it", n,
						  n ? n : 1, flags);
	if (rc)
		die("%s", zipc_last_error());
	zipc_barrier_close(parties);
	zipc_semaphore_close(semaphore);
	return segment;
}

static void *create_plain(unsigned n, bool barrier)
{
	return create_ours(n, barrier, 0);
}

static void *create_owned(unsigned n, bool barrier)
{
	return create_ours(n, barrier, ZIPC_OWNED);
}

static void destroy_ours(void *segment, bool barrier)
{
	(void)barrier;
	zipc_segment_close(segment);
}

static void *open_ours(void *segment, bool barrier)
{
	struct zipc_semaphore *semaphore = NULL;
	struct zipc_barrier *party = NULL;

	if (barrier ? zipc_barrier_open(&party, segment, "it")
		    : zipc_semaphore_open(&semaphore, segment, "it"))
		die("%s", zipc_last_error());
	return barrier ? (void *)party : semaphore;
}

static void close_ours(void *end, bool barrier)
{
	if (barrier)
		zipc_barrier_close(end);
	else
		zipc_semaphore_close(end);
}

static inline bool acquire_ours(void *end)
{
	return !zipc_semaphore_acquire(end, ZIPC_FOREVER);
}

static inline bool release_ours(void *end)
{
	return !zipc_semaphore_release(end, 1);
}

static bool arrive_ours(void *end)
{
	return !zipc_barrier_wait(end, ZIPC_FOREVER);
}

SYNC_SEMAPHORE(ours, acquire_ours, release_ours)

#define OURS .destroy = destroy_ours, .open = open_ours, .close = close_ours, \
	     SYNC_LOOPS(ours)

static const struct sync_peer plain = { .foreign = true, .barrier = true,
					.create = create_plain,
					.arrive = arrive_ours, OURS };
static const struct sync_peer owned = { .create = create_owned, OURS };

const struct candidate sync_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &plain
};

const struct candidate sync_zeroipc_owned = {
	.name = "zeroipc-owned",
	.note = "ours, and each permit names its holder",
	.family = &owned
};

/* POSIX */

static void *create_posix(unsigned n, bool barrier)
{
	sem_t *semaphore = shared_new(sizeof(*semaphore));

	(void)barrier;
	if (sem_init(semaphore, 1, n))
		die("a semaphore: %m");
	return semaphore;
}

static void destroy_shared(void *shared, bool barrier)
{
	(void)barrier;
	shared_free(shared);
}

static inline bool acquire_posix(void *end)
{
	int rc;

	do
		rc = sem_wait(end);
	while (rc && errno == EINTR);
	return !rc;
}

static inline bool release_posix(void *end)
{
	return !sem_post(end);
}

SYNC_SEMAPHORE(posix, acquire_posix, release_posix)

static const struct sync_peer posix = { .foreign = true,
					.create = create_posix,
					.destroy = destroy_shared,
					SYNC_LOOPS(posix) };

const struct candidate sync_posix = { .name = "posix-sem", .family = &posix };

/* eventfd */

static void *create_eventfd(unsigned n, bool barrier)
{
	int *fd = shared_new(sizeof(*fd));

	(void)barrier;
	*fd = eventfd(n, EFD_CLOEXEC | EFD_SEMAPHORE);
	if (*fd < 0)
		die("an eventfd: %m");
	return fd;
}

static void destroy_eventfd(void *fd, bool barrier)
{
	(void)barrier;
	close(*(int *)fd);
	shared_free(fd);
}

static inline bool acquire_eventfd(void *fd)
{
	uint64_t one;

	return read(*(int *)fd, &one, sizeof(one)) == sizeof(one);
}

static inline bool release_eventfd(void *fd)
{
	const uint64_t one = 1;

	return write(*(int *)fd, &one, sizeof(one)) == sizeof(one);
}

SYNC_SEMAPHORE(eventfd, acquire_eventfd, release_eventfd)

static const struct sync_peer eventfds = { .foreign = true,
					   .create = create_eventfd,
					   .destroy = destroy_eventfd,
					   SYNC_LOOPS(eventfd) };

const struct candidate sync_eventfd = { .name = "eventfd-sem",
					.family = &eventfds };

/* a pipe and epoll */

struct pipes {
	int ends[2]; /* to read and to write, which do not block */
	int epoll;
};

static inline bool release_pipe(void *end)
{
	return write(((struct pipes *)end)->ends[1], "", 1) == 1;
}

static void *create_pipe(unsigned n, bool barrier)
{
	struct epoll_event readable = { .events = EPOLLIN };
	struct pipes *it = shared_new(sizeof(*it));

	(void)barrier;
	it->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (pipe2(it->ends, O_CLOEXEC | O_NONBLOCK) || it->epoll < 0 ||
	    epoll_ctl(it->epoll, EPOLL_CTL_ADD, it->ends[0], &readable))
		die("a pipe with epoll: %m");
	while (n--)
		if (!release_pipe(it))
			die("a permit into a pipe: %m");
	return it;
}

static void destroy_pipe(void *shared, bool barrier)
{
	struct pipes *it = shared;

	(void)barrier;
	close(it->epoll);
	close(it->ends[0]);
	close(it->ends[1]);
	shared_free(it);
}

static inline bool acquire_pipe(void *end)
{
	struct pipes *it = end;
	struct epoll_event event;
	ssize_t got;
	char permit;

	for (;;) {
		got = read(it->ends[0], &permit, 1);
		if (got == 1)
			return true;
		if (got >= 0 || errno != EAGAIN)
			return false;
		if (epoll_wait(it->epoll, &event, 1, -1) < 0 && errno != EINTR)
			return false;
	}
}

SYNC_SEMAPHORE(pipe, acquire_pipe, release_pipe)

static const struct sync_peer pipes = { .foreign = true,
					.create = create_pipe,
					.destroy = destroy_pipe,
					SYNC_LOOPS(pipe) };

const struct candidate sync_pipe = { .name = "pipe-epoll",
				     .note = "a byte is a permit",
				     .family = &pipes };

/* pthreads */

struct threads {
	pthread_mutex_t mutex;
	pthread_cond_t free;
	unsigned permits;
	pthread_barrier_t barrier;
};

static void *create_pthread(unsigned n, bool barrier)
{
	struct threads *it = shared_new(sizeof(*it));
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	pthread_barrierattr_t parties;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	pthread_barrierattr_init(&parties);
	pthread_barrierattr_setpshared(&parties, PTHREAD_PROCESS_SHARED);
	if (pthread_mutex_init(&it->mutex, &mutex) ||
	    pthread_cond_init(&it->free, &cond) ||
	    (barrier && pthread_barrier_init(&it->barrier, &parties, n)))
		die("pthread objects: %m");
	it->permits = n;
	return it;
}

static inline bool acquire_pthread(void *end)
{
	struct threads *it = end;

	pthread_mutex_lock(&it->mutex);
	while (!it->permits)
		pthread_cond_wait(&it->free, &it->mutex);
	it->permits--;
	return !pthread_mutex_unlock(&it->mutex);
}

static inline bool release_pthread(void *end)
{
	struct threads *it = end;

	pthread_mutex_lock(&it->mutex);
	it->permits++;
	pthread_mutex_unlock(&it->mutex);
	return !pthread_cond_signal(&it->free);
}

static bool arrive_pthread(void *end)
{
	int rc = pthread_barrier_wait(&((struct threads *)end)->barrier);

	return !rc || rc == PTHREAD_BARRIER_SERIAL_THREAD;
}

SYNC_SEMAPHORE(pthread, acquire_pthread, release_pthread)

static const struct sync_peer pthreads = { .foreign = true, .barrier = true,
					   .create = create_pthread,
					   .destroy = destroy_shared,
					   .arrive = arrive_pthread,
					   SYNC_LOOPS(pthread) };

const struct candidate sync_pthread = {
	.name = "pthread",
	.note = "a mutex and a condition; a barrier",
	.family = &pthreads
};
