/* SPDX-License-Identifier: MIT */
/*
 * Segments: files in /dev/shm, mapped whole. Opening one, asking about it, and
 * taking its name away.
 */
#include "segment_handle.h"

#include "entry.h"
#include "error.h"
#include "participant.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* open */

/* Whether a header that was copied out of a file of file_size is to be used. */
static int check_header(const struct zipc_header *h, uint64_t file_size,
			const char *name)
{
	uint64_t users_end = zipc_users_end(h->max_entries,
					    h->max_participants);
	uint64_t places = (uint64_t)h->participants_offset * ZIPC_LINE;

	if (h->magic != ZIPC_MAGIC)
		return zipc_fail(EBADMSG, "`/%s` is not a ZeroIPC segment",
				 name);
	if (h->version != ZIPC_VERSION)
		return zipc_fail(EPROTONOSUPPORT, "segment `/%s` has format "
				 "version %u, this library has %u: use the "
				 "release that made it", name, h->version,
				 ZIPC_VERSION);
	if (h->format_word != ZIPC_FORMAT_WORD ||
	    h->options & ~ZIPC_OPTIONS_KNOWN)
		return zipc_fail(EBADMSG, "segment `/%s` comes from another "
				 "build: format word 0x%08x and options 0x%x, "
				 "not 0x%08x and at most 0x%x", name,
				 h->format_word, h->options, ZIPC_FORMAT_WORD,
				 ZIPC_OPTIONS_KNOWN);
	if (h->size_bytes > file_size || h->size_bytes > ZIPC_MOST_BYTES)
		return zipc_fail(EBADMSG, "segment `/%s` is cut off: it has "
				 "%llu of its %llu bytes", name,
				 (unsigned long long)file_size,
				 (unsigned long long)h->size_bytes);
	if (!h->max_entries || h->max_entries > ZIPC_MOST_ENTRIES ||
	    !h->max_participants ||
	    h->max_participants > ZIPC_MOST_PARTICIPANTS ||
	    places < users_end ||
	    places + (uint64_t)h->max_participants *
			     sizeof(struct zipc_participant) > h->size_bytes)
		return zipc_fail(EBADMSG, "segment `/%s` is damaged: its table "
				 "or participants are out of place", name);
	return 0;
}

static int open_file(struct zipc_segment *segment, const char *path)
{
	int mode = segment->read_only ? O_RDONLY : O_RDWR;

	segment->fd = open(path, mode | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (segment->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return zipc_fail(ENOENT, "no segment `/%s`", segment->name);
	if (errno == EACCES)
		return zipc_fail(EACCES, "no permission to %s segment `/%s`: "
				 "its owner may chmod " ZIPC_SHM "/%s",
				 segment->read_only ? "read" : "write",
				 segment->name, segment->name);
	if (errno == ELOOP || errno == ENXIO || errno == EISDIR)
		return zipc_fail(EBADMSG, "`/%s` is not a regular file, so no "
				 "ZeroIPC segment", segment->name);
	return zipc_fail(errno, "cannot open segment `/%s`: %s", segment->name,
			 strerror(errno));
}

/* Read the header by pread: until it is checked nothing is mapped. */
static int read_header(struct zipc_segment *segment, struct zipc_header *header)
{
	struct stat st;

	if (fstat(segment->fd, &st))
		return zipc_fail(errno, "cannot stat segment `/%s`: %s",
				 segment->name, strerror(errno));
	if (!S_ISREG(st.st_mode) ||
	    pread(segment->fd, header, sizeof(*header), 0) != sizeof(*header))
		return zipc_fail(EBADMSG, "`/%s` is not a ZeroIPC segment",
				 segment->name);
	return check_header(header, (uint64_t)st.st_size, segment->name);
}

int zipc_segment_open(struct zipc_segment **out, const char *name,
		      unsigned flags)
{
	struct zipc_segment *segment;
	struct zipc_header header;
	char path[ZIPC_PATH_BYTES];
	int rc;

	rc = zipc_segment_path(path, name);
	if (rc)
		return rc;
	if (flags & ~ZIPC_READ_ONLY)
		return zipc_fail(EINVAL, "unknown flags 0x%x: there is "
				 "ZIPC_READ_ONLY", flags);
	segment = zipc_segment_new(path);
	if (!segment)
		return -ENOMEM;
	segment->read_only = flags & ZIPC_READ_ONLY;
	zipc_segment_hold_forks();
	rc = open_file(segment, path);
	if (!rc)
		rc = read_header(segment, &header);
	if (!rc)
		rc = zipc_segment_map(segment, header.size_bytes);
	if (!rc) {
		zipc_segment_adopt(segment, &header);
		rc = zipc_segment_join(segment);
	}
	return zipc_segment_finish(out, segment, rc);
}

int zipc_segment_open_or_create(struct zipc_segment **out, const char *name,
				uint64_t size_bytes,
				const struct zipc_segment_options *options)
{
	int rc, tries;

	/* Others may remove and create it between our two looks. */
	for (tries = 0; tries < 100; tries++) {
		rc = zipc_segment_open(out, name, 0);
		if (rc != -ENOENT)
			return rc;
		rc = zipc_segment_create(out, name, size_bytes, options);
		if (rc != -EEXIST)
			return rc;
	}
	return rc;
}

int zipc_segment_unlink(const char *name)
{
	struct zipc_segment segment = { .fd = -1, .read_only = true };
	uint32_t magic = 0;
	char path[ZIPC_PATH_BYTES];
	int rc = zipc_segment_path(path, name);

	if (rc)
		return rc;
	strcpy(segment.name, strrchr(path, '/') + 1);
	rc = open_file(&segment, path);
	if (rc && rc != -EACCES)
		return rc;
	/* Who may not read it may still remove it, as its directory says. */
	if (!rc) {
		if (pread(segment.fd, &magic, sizeof(magic), 0) < 0)
			magic = 0;
		close(segment.fd);
		if (magic != ZIPC_MAGIC)
			return zipc_fail(EBADMSG, "`/%s` is not a ZeroIPC "
					 "segment, so it is left alone",
					 segment.name);
	}
	if (unlink(path))
		return zipc_fail(errno == EPERM ? EACCES : errno,
				 "cannot remove segment `/%s`: %s",
				 segment.name, strerror(errno));
	return 0;
}

/* ask */

const char *zipc_segment_name(const struct zipc_segment *segment)
{
	return segment->name;
}

void zipc_segment_call_daemon(const struct zipc_segment *segment)
{
	futimens(segment->fd, NULL);
}

const void *zipc_segment_base(const struct zipc_segment *segment)
{
	return segment->base;
}

uint64_t zipc_segment_size(const struct zipc_segment *segment)
{
	return segment->size;
}

uint64_t zipc_segment_id(const struct zipc_segment *segment)
{
	return zipc_segment_header(segment)->segment_id;
}

/*
 * Whether who is at index lives, if that is the incarnation. A place only
 * changes hands when its owner is dead, and the incarnation is compared last.
 */
static bool lives_as(struct zipc_segment *segment, uint32_t index,
		     uint32_t incarnation, bool *is_other)
{
	struct zipc_participant *place = &segment->participants[index];
	struct zipc_life life = { .incarnation = incarnation };
	bool alive;

	/* Relaxed: see above. */
	life.pid = atomic_load_explicit(&place->pid, memory_order_acquire);
	life.start_ticks = atomic_load_explicit(&place->start_ticks,
						memory_order_relaxed);
	life.pid_namespace = atomic_load_explicit(&place->pid_namespace,
						  memory_order_relaxed);
	alive = zipc_participant_lives(segment->fd, index, &life);
	*is_other = atomic_load_explicit(&place->incarnation,
					 memory_order_acquire) != incarnation;
	return alive;
}

bool zipc_segment_lives(struct zipc_segment *segment, uint64_t holder)
{
	uint32_t index = zipc_holder_index(holder);
	bool alive, is_other = true;

	if (holder == atomic_load_explicit(&segment->holder,
					   memory_order_relaxed))
		return true;
	if (index >= segment->max_participants)
		return false;
	alive = lives_as(segment, index, zipc_holder_incarnation(holder),
			 &is_other);
	return alive && !is_other;
}

bool zipc_segment_place_lives(struct zipc_segment *segment, uint32_t index)
{
	struct zipc_participant *place = &segment->participants[index];
	bool alive, is_other = true;

	/* A lock never conflicts with the description that holds it. */
	if (index == zipc_holder_index(atomic_load_explicit(
			     &segment->holder, memory_order_relaxed)))
		return true;
	alive = lives_as(segment, index,
			 atomic_load_explicit(&place->incarnation,
					      memory_order_acquire),
			 &is_other);
	/* What was read may be of two owners: then the later one is alive. */
	return alive || is_other;
}
