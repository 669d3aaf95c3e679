/* SPDX-License-Identifier: MIT */
/*
 * Creating segments. One is built in an unnamed file and linked to its name
 * when it is complete, so nobody ever sees half of one. It is sparse: memory is
 * reserved for the header, the table and the participants here, and for each
 * structure when it is created.
 *
 * What a crash leaves: before the link nothing, as an unnamed file dies with
 * its last descriptor; after it a whole, empty segment.
 */
#include "segment_handle.h"

#include "clock.h"
#include "entry.h"
#include "error.h"
#include "fence.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_options(const struct zipc_segment_options *o)
{
	if (o->max_entries > ZIPC_MOST_ENTRIES)
		return zipc_fail(EINVAL, "max_entries is %u: at most %u",
				 o->max_entries, ZIPC_MOST_ENTRIES);
	if (o->max_participants > ZIPC_MOST_PARTICIPANTS)
		return zipc_fail(EINVAL, "max_participants is %u: at most %u",
				 o->max_participants, ZIPC_MOST_PARTICIPANTS);
	if (o->flags & ~(ZIPC_SYMMETRIC_FENCES | ZIPC_SPARSE))
		return zipc_fail(EINVAL, "unknown flags 0x%x: there are "
				 "ZIPC_SYMMETRIC_FENCES and ZIPC_SPARSE",
				 o->flags);
	if (o->mode & ~0777u)
		return zipc_fail(EINVAL, "mode 0%o: permissions are 0 to 0777",
				 o->mode);
	return 0;
}

/* Where things are to stand, from the options; 0 is where structures begin. */
static int plan(struct zipc_header *header, uint64_t size_bytes,
		const struct zipc_segment_options *o)
{
	uint64_t first;
	bool symmetric = o->flags & ZIPC_SYMMETRIC_FENCES ||
			 zipc_fence_register();

	*header = (struct zipc_header){
		.magic = ZIPC_MAGIC,
		.version = ZIPC_VERSION,
		.max_entries = o->max_entries ? o->max_entries
					      : ZIPC_DEFAULT_ENTRIES,
		.format_word = ZIPC_FORMAT_WORD,
		.max_participants = o->max_participants
					    ? o->max_participants
					    : ZIPC_DEFAULT_PARTICIPANTS,
		.options = (symmetric ? ZIPC_OPTION_SYMMETRIC : 0) |
			   (o->flags & ZIPC_SPARSE ? ZIPC_OPTION_SPARSE : 0),
	};
	first = zipc_users_end(header->max_entries, header->max_participants);
	header->participants_offset = (uint32_t)(first / ZIPC_LINE);
	first += (uint64_t)header->max_participants *
		 sizeof(struct zipc_participant);
	if (size_bytes > ZIPC_MOST_BYTES - ZIPC_PAGE)
		return zipc_fail(EINVAL, "a segment has less than 256 GiB");
	header->size_bytes = zipc_round_up(size_bytes, ZIPC_PAGE);
	if (header->size_bytes < first + ZIPC_LINE)
		return zipc_fail(EINVAL, "%llu bytes are too few: table and "
				 "participants alone take %llu",
				 (unsigned long long)size_bytes,
				 (unsigned long long)first);
	atomic_init(&header->table_state, (first / ZIPC_LINE) << 32);
	return 0;
}

static uint64_t random_id(void)
{
	uint64_t id = 0;

	while (!id)
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			id = (uint64_t)zipc_now_ns() << 16 ^ (uint64_t)getpid();
	return id;
}

/* An unnamed file with everything in it but structures. */
static int build(struct zipc_segment *segment, struct zipc_header *header,
		 unsigned mode)
{
	uint64_t first = atomic_load_explicit(&header->table_state,
					      memory_order_relaxed) >> 32;
	struct timespec now;
	int rc;

	segment->fd = open(ZIPC_SHM, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (segment->fd < 0)
		return zipc_fail(errno, "cannot make a file in " ZIPC_SHM ": %s",
				 strerror(errno));
	/* map() opens it again, whatever umask and the mode to come deny. */
	if (fchmod(segment->fd, 0600) ||
	    ftruncate(segment->fd, (off_t)header->size_bytes))
		return zipc_fail(errno, "cannot prepare segment `/%s`: %s",
				 segment->name, strerror(errno));
	segment->sparse = header->options & ZIPC_OPTION_SPARSE;
	rc = zipc_segment_map(segment, header->size_bytes);
	if (!rc && fchmod(segment->fd, mode ? mode : 0600))
		rc = zipc_fail(errno, "cannot prepare segment `/%s`: %s",
			       segment->name, strerror(errno));
	if (!rc)
		rc = zipc_segment_reserve(segment, 0, first * ZIPC_LINE,
					  segment->size);
	if (rc)
		return rc;
	clock_gettime(CLOCK_REALTIME, &now);
	header->created_ns = (uint64_t)now.tv_sec * 1000000000u +
			     (uint64_t)now.tv_nsec;
	header->segment_id = random_id();
	memcpy(segment->base, header, sizeof(*header));
	zipc_segment_adopt(segment, header);
	return 0;
}

/* Give the finished file its name: the moment in which the segment exists. */
static int publish(const struct zipc_segment *segment, const char *path)
{
	char unnamed[32];

	snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", segment->fd);
	if (!linkat(AT_FDCWD, unnamed, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
		return 0;
	if (errno == EEXIST)
		return zipc_fail(EEXIST, "segment `/%s` exists: open it, or "
				 "remove it first", segment->name);
	return zipc_fail(errno, "cannot name segment `/%s`: %s%s",
			 segment->name, strerror(errno),
			 errno == ENOENT ? " (is /proc mounted?)" : "");
}

int zipc_segment_create(struct zipc_segment **out, const char *name,
			uint64_t size_bytes,
			const struct zipc_segment_options *options)
{
	static const struct zipc_segment_options defaults;
	struct zipc_segment *segment;
	struct zipc_header header;
	char path[ZIPC_PATH_BYTES];
	int rc;

	if (!options)
		options = &defaults;
	rc = zipc_segment_path(path, name);
	if (!rc)
		rc = check_options(options);
	if (!rc)
		rc = plan(&header, size_bytes, options);
	if (rc)
		return rc;
	segment = zipc_segment_new(path);
	if (!segment)
		return -ENOMEM;
	zipc_segment_hold_forks();
	rc = build(segment, &header, options->mode);
	if (!rc)
		rc = zipc_segment_join(segment);
	if (!rc)
		rc = publish(segment, path);
	return zipc_segment_finish(out, segment, rc);
}
