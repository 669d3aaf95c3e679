/* SPDX-License-Identifier: MIT */
/*
 * Who may create and remove structures in a segment, and memory for them.
 *
 * What a crash leaves: the lock is dropped by the kernel; memory that was
 * reserved for what was not committed is given back by the next who reserves
 * there.
 */
#include "segment_handle.h"

#include "clock.h"
#include "error.h"
#include "participant.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CREATE_DEADLINE_NS INT64_C(1000000000)
#define RESERVE_STEP (UINT64_C(64) << 20)

static int say_who_creates(struct zipc_segment *segment)
{
	uint32_t creator = atomic_load_explicit(
		&zipc_segment_header(segment)->creator, memory_order_relaxed);
	struct zipc_participant *place;

	if (!creator || creator > segment->max_participants)
		return zipc_fail(EBUSY, "another process holds the lock of "
				 "segment `/%s`: try again", segment->name);
	place = &segment->participants[creator - 1];
	return zipc_fail(EBUSY, "process %u is creating a structure in segment "
			 "`/%s` and does not go on: continue or end it",
			 atomic_load_explicit(&place->pid,
					      memory_order_relaxed),
			 segment->name);
}

/* The mutex keeps out other threads, the lock of the file other processes. */
static bool try_lock(struct zipc_segment *segment)
{
	if (pthread_mutex_trylock(&segment->mutex))
		return false;
	if (!flock(segment->fd, LOCK_EX | LOCK_NB))
		return true;
	pthread_mutex_unlock(&segment->mutex);
	return false;
}

int zipc_segment_lock(struct zipc_segment *segment)
{
	int64_t deadline = zipc_deadline(CREATE_DEADLINE_NS);
	int64_t nap_ns = 50000;
	struct timespec nap;
	int rc = zipc_segment_enter(segment);

	if (rc)
		return rc;
	while (!try_lock(segment)) {
		if (zipc_now_ns() >= deadline)
			return say_who_creates(segment);
		nap = zipc_timespec(nap_ns);
		nanosleep(&nap, NULL);
		nap_ns = nap_ns < 2000000 ? nap_ns * 2 : nap_ns;
	}
	atomic_store_explicit(&zipc_segment_header(segment)->creator,
			      zipc_holder_index(atomic_load_explicit(
				      &segment->holder,
				      memory_order_relaxed)) + 1,
			      memory_order_relaxed);
	return 0;
}

void zipc_segment_unlock(struct zipc_segment *segment)
{
	atomic_store_explicit(&zipc_segment_header(segment)->creator, 0,
			      memory_order_relaxed);
	flock(segment->fd, LOCK_UN);
	pthread_mutex_unlock(&segment->mutex);
}

/* fallocate in steps, so that a signal costs one step and not all of them. */
static int allocate(int fd, uint64_t from, uint64_t end)
{
	uint64_t most = RESERVE_STEP, step;

	while (from < end) {
		step = end - from < most ? end - from : most;
		if (!fallocate(fd, 0, (off_t)from, (off_t)step))
			from += step;
		else if (errno != EINTR)
			return -errno;
		else if (most > ZIPC_PAGE)
			most /= 2; /* so that some step ends between signals */
	}
	return 0;
}

void zipc_segment_give_back(const struct zipc_segment *segment, uint64_t begin,
			    uint64_t end)
{
	begin = zipc_round_up(begin, ZIPC_PAGE);
	end -= end % ZIPC_PAGE;
	if (begin < end)
		fallocate(segment->fd,
			  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)begin, (off_t)(end - begin));
}

/*
 * Zero what of the block lies in pages that it shares with others: before the
 * first whole page between offset and room, and behind the last.
 */
static void clear_edges(struct zipc_segment *segment, uint64_t offset,
			uint64_t end, uint64_t room)
{
	uint64_t first = zipc_round_up(offset, ZIPC_PAGE);
	uint64_t last = room - room % ZIPC_PAGE;

	if (first > end)
		first = end;
	memset(segment->base + offset, 0, first - offset);
	if (last < first)
		last = first;
	if (last < end)
		memset(segment->base + last, 0, end - last);
}

int zipc_segment_reserve(struct zipc_segment *segment, uint64_t offset,
			 uint64_t size, uint64_t end)
{
	int rc;

	/* That includes what a creator that died had reserved there. */
	zipc_segment_give_back(segment, offset, end);
	rc = segment->sparse ? 0 : allocate(segment->fd, offset, offset + size);
	if (rc) {
		zipc_segment_give_back(segment, offset, end);
		return zipc_fail(-rc, "cannot reserve %llu bytes of memory for "
				 "segment `/%s`: %s", (unsigned long long)size,
				 segment->name, rc == -ENOSPC
				 ? "/dev/shm is full; make room or enlarge it"
				 : strerror(-rc));
	}
	clear_edges(segment, offset, offset + size, end);
	return 0;
}
