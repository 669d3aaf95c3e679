/* SPDX-License-Identifier: MIT */
/*
 * A segment's handle: its descriptor, its mapping, its place as a participant,
 * and what fork does to them. All that are open stand in a list, as a forked
 * child has to open their files again.
 */
#include "segment_handle.h"

#include "error.h"
#include "fence.h"
#include "participant.h"
#include "use.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct zipc_segment *open_segments;
unsigned zipc_fork_generation = 1;

/* Another description of the same file; -1 and errno. */
static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* fork */

/* No other thread is between two changes of what the child inherits. */
static void before_fork(void)
{
	struct zipc_segment *segment;

	pthread_mutex_lock(&open_mutex);
	for (segment = open_segments; segment; segment = segment->next)
		pthread_mutex_lock(&segment->uses_mutex);
}

static void after_fork_in_parent(void)
{
	struct zipc_segment *segment;

	for (segment = open_segments; segment; segment = segment->next)
		pthread_mutex_unlock(&segment->uses_mutex);
	pthread_mutex_unlock(&open_mutex);
}

/*
 * The inherited description would keep the parent looking alive, so it goes at
 * once. The child takes a place of its own when it first does something.
 */
static void after_fork_in_child(void)
{
	struct zipc_segment *segment;
	int fd;

	zipc_fork_generation++;
	for (segment = open_segments; segment; segment = segment->next) {
		pthread_mutex_init(&segment->mutex, NULL);
		/* It was locked by this thread, before_fork(). */
		pthread_mutex_unlock(&segment->uses_mutex);
		if (segment->read_only)
			continue;
		fd = reopen(segment->fd);
		close(segment->fd);
		segment->fd = fd;
	}
	pthread_mutex_unlock(&open_mutex);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/*
 * A description whose handle is not in the list would go to the child unseen,
 * and keep this process's place taken as long as the child lives. So nobody
 * forks between its open and enlist(), nor between delist() and its close.
 */
void zipc_segment_hold_forks(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&open_mutex);
}

static void let_fork(void)
{
	pthread_mutex_unlock(&open_mutex);
}

/* names */

int zipc_segment_path(char path[static ZIPC_PATH_BYTES], const char *name)
{
	if (*name == '/')
		name++;
	if (strlen(name) > 255)
		return zipc_fail(ENAMETOOLONG, "a segment's name has at most "
				 "255 bytes: `%.40s...` is longer", name);
	if (!*name || strchr(name, '/') || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return zipc_fail(EINVAL, "`%s` cannot name a segment: use a "
				 "word, such as `/sensors`", name);
	snprintf(path, ZIPC_PATH_BYTES, ZIPC_SHM "/%s", name);
	return 0;
}

static const char *name_in(const char *path)
{
	return path + strlen(ZIPC_SHM "/");
}

/* mapping and joining */

/*
 * A mapping keeps the description that it was made through, and a child keeps
 * the mapping. So locks stand on another description, which a child closes.
 */
static int leave_mapping(struct zipc_segment *segment)
{
	int fd = reopen(segment->fd);

	if (fd < 0)
		return zipc_fail(EOPNOTSUPP, "cannot open segment `/%s` by "
				 "/proc/self/fd: %s (is /proc mounted?)",
				 segment->name, strerror(errno));
	close(segment->fd);
	segment->fd = fd;
	return 0;
}

int zipc_segment_map(struct zipc_segment *segment, uint64_t size)
{
	int protection = PROT_READ | (segment->read_only ? 0 : PROT_WRITE);
	void *base = mmap(NULL, size, protection, MAP_SHARED, segment->fd, 0);

	if (base == MAP_FAILED)
		return zipc_fail(errno, "cannot map %llu bytes of segment "
				 "`/%s`: %s", (unsigned long long)size,
				 segment->name, strerror(errno));
	segment->base = base;
	segment->size = size;
	return segment->read_only ? 0 : leave_mapping(segment);
}

int zipc_segment_join(struct zipc_segment *segment)
{
	uint64_t holder;
	int rc;

	if (segment->read_only)
		return 0;
	if (!segment->uses)
		segment->uses = calloc(segment->max_entries,
				       sizeof(*segment->uses));
	if (!segment->uses)
		return zipc_fail_as(ENOMEM, "out of memory");
	if (!segment->symmetric && zipc_fence_register())
		return zipc_fail(EOPNOTSUPP, "the system refuses membarrier, "
				 "which segment `/%s` needs: allow it in the "
				 "sandbox, or create the segment with "
				 "ZIPC_SYMMETRIC_FENCES", segment->name);
	rc = zipc_participant_join(&holder, segment->fd, segment->participants,
				   segment->max_participants);
	if (rc)
		return rc;
	atomic_store_explicit(&segment->holder, holder, memory_order_relaxed);
	zipc_uses_forget(segment);
	return 0;
}

/* A child that has joined: what it inherited is its own from here on. */
static void take_over(struct zipc_segment *segment)
{
	pthread_mutex_lock(&segment->uses_mutex);
	zipc_uses_inherit(segment);
	atomic_store_explicit(&segment->generation, zipc_fork_generation,
			      memory_order_release);
	pthread_mutex_unlock(&segment->uses_mutex);
}

int zipc_segment_rejoin(struct zipc_segment *segment)
{
	int rc = 0;

	pthread_mutex_lock(&segment->mutex);
	if (atomic_load_explicit(&segment->generation, memory_order_relaxed) !=
	    zipc_fork_generation) {
		if (segment->fd < 0)
			rc = zipc_fail(EACCES, "segment `/%s` could not be "
				       "opened again after fork: this user "
				       "must be able to write it, and /proc be "
				       "mounted", segment->name);
		else
			rc = zipc_segment_join(segment);
		if (!rc)
			take_over(segment);
	}
	pthread_mutex_unlock(&segment->mutex);
	return rc;
}

void zipc_segment_adopt(struct zipc_segment *segment,
			const struct zipc_header *header)
{
	segment->symmetric = header->options & ZIPC_OPTION_SYMMETRIC;
	segment->sparse = header->options & ZIPC_OPTION_SPARSE;
	segment->max_entries = header->max_entries;
	segment->max_participants = header->max_participants;
	segment->participants = (struct zipc_participant *)(void *)
		(segment->base +
		 (uint64_t)header->participants_offset * ZIPC_LINE);
}

/* The last step of create and open: from here on the handle is in the list. */
static void enlist(struct zipc_segment *segment)
{
	pthread_mutex_init(&segment->mutex, NULL);
	pthread_mutex_init(&segment->uses_mutex, NULL);
	atomic_store_explicit(&segment->references, 1, memory_order_relaxed);
	atomic_store_explicit(&segment->generation, zipc_fork_generation,
			      memory_order_relaxed);
	segment->next = open_segments;
	open_segments = segment;
}

static void delist(const struct zipc_segment *segment)
{
	struct zipc_segment **at;

	for (at = &open_segments; *at != segment; at = &(*at)->next)
		;
	*at = segment->next;
}

struct zipc_segment *zipc_segment_new(const char *path)
{
	struct zipc_segment *segment = calloc(1, sizeof(*segment));

	if (!segment) {
		zipc_fail_as(ENOMEM, "out of memory");
		return NULL;
	}
	strcpy(segment->name, name_in(path)); /* its path is measured */
	segment->fd = -1;
	return segment;
}

static void discard(struct zipc_segment *segment)
{
	if (segment->base)
		munmap(segment->base, segment->size);
	if (segment->fd >= 0)
		close(segment->fd);
	free(segment->uses);
	free(segment);
}

int zipc_segment_finish(struct zipc_segment **out, struct zipc_segment *segment,
			int rc)
{
	if (rc) {
		discard(segment);
	} else {
		enlist(segment);
		*out = segment;
	}
	let_fork();
	return rc;
}

/* close */

struct zipc_segment *zipc_segment_hold(struct zipc_segment *segment)
{
	atomic_fetch_add_explicit(&segment->references, 1,
				  memory_order_relaxed);
	return segment;
}

void zipc_segment_close(struct zipc_segment *segment)
{
	if (!segment || atomic_fetch_sub_explicit(&segment->references, 1,
						  memory_order_acq_rel) > 1)
		return;
	zipc_segment_hold_forks();
	delist(segment);
	pthread_mutex_destroy(&segment->mutex);
	pthread_mutex_destroy(&segment->uses_mutex);
	if (!segment->read_only && segment->fd >= 0)
		zipc_participant_leave(
			atomic_load_explicit(&segment->holder,
					     memory_order_relaxed),
			segment->fd, segment->participants);
	discard(segment);
	let_fork();
}
