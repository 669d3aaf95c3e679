/* SPDX-License-Identifier: MIT */
/*
 * Segments: files in /dev/shm, mapped whole.
 *
 * One is built in an unnamed file and linked to its name when it is complete,
 * so nobody ever sees half of one. It is sparse: memory is reserved for the
 * header, the table and the participants here, and for each structure when it
 * is created.
 *
 * What a crash leaves: before the link nothing, as an unnamed file dies with
 * its last descriptor; after it a whole, empty segment.
 */
#include "segment.h"

#include "clock.h"
#include "error.h"
#include "fence.h"
#include "participant.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM "/dev/shm"
#define PAGE 4096u
#define CREATE_DEADLINE_NS INT64_C(1000000000)
#define RESERVE_STEP (UINT64_C(64) << 20)

static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct zipc_segment *open_segments;
unsigned zipc_fork_generation = 1;

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Another description of the same file; -1 and errno. */
static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* fork */

static void before_fork(void)
{
	pthread_mutex_lock(&open_mutex);
}

static void after_fork_in_parent(void)
{
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
static void hold_forks(void)
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

/* A segment's name, with or without its slash, as the path of its file. */
static int path_of(char path[static 272], const char *name)
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
	snprintf(path, 272, SHM "/%s", name);
	return 0;
}

static const char *name_in(const char *path)
{
	return path + strlen(SHM "/");
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

static int map(struct zipc_segment *segment, uint64_t size)
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

/* Become a participant; who only reads needs not. */
static int join(struct zipc_segment *segment)
{
	uint64_t holder;
	int rc;

	if (segment->read_only)
		return 0;
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
	return 0;
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
			rc = join(segment);
		if (!rc)
			atomic_store_explicit(&segment->generation,
					      zipc_fork_generation,
					      memory_order_release);
	}
	pthread_mutex_unlock(&segment->mutex);
	return rc;
}

/* Copy out of the mapped header what every operation needs. */
static void adopt(struct zipc_segment *segment,
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

/* A handle that close can take at every stage. */
static struct zipc_segment *new_handle(const char *path)
{
	struct zipc_segment *segment = calloc(1, sizeof(*segment));

	if (!segment) {
		zipc_fail_as(ENOMEM, "out of memory");
		return NULL;
	}
	strcpy(segment->name, name_in(path)); /* path_of() has measured it */
	segment->fd = -1;
	return segment;
}

static void discard(struct zipc_segment *segment)
{
	if (segment->base)
		munmap(segment->base, segment->size);
	if (segment->fd >= 0)
		close(segment->fd);
	free(segment);
}

/* The end of create and open, either way. */
static int finish(struct zipc_segment **out, struct zipc_segment *segment,
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

/* create */

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
	first = round_up(sizeof(*header) + (uint64_t)header->max_entries *
						   sizeof(struct zipc_entry),
			 ZIPC_LINE);
	header->participants_offset = (uint32_t)(first / ZIPC_LINE);
	first += (uint64_t)header->max_participants *
		 sizeof(struct zipc_participant);
	if (size_bytes > ZIPC_MOST_BYTES - PAGE)
		return zipc_fail(EINVAL, "a segment has less than 256 GiB");
	header->size_bytes = round_up(size_bytes, PAGE);
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

	segment->fd = open(SHM, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (segment->fd < 0)
		return zipc_fail(errno, "cannot make a file in " SHM ": %s",
				 strerror(errno));
	/* map() opens it again, whatever umask and the mode to come deny. */
	if (fchmod(segment->fd, 0600) ||
	    ftruncate(segment->fd, (off_t)header->size_bytes))
		return zipc_fail(errno, "cannot prepare segment `/%s`: %s",
				 segment->name, strerror(errno));
	segment->sparse = header->options & ZIPC_OPTION_SPARSE;
	rc = map(segment, header->size_bytes);
	if (!rc && fchmod(segment->fd, mode ? mode : 0600))
		rc = zipc_fail(errno, "cannot prepare segment `/%s`: %s",
			       segment->name, strerror(errno));
	if (!rc)
		rc = zipc_segment_reserve(segment, 0, first * ZIPC_LINE);
	if (rc)
		return rc;
	clock_gettime(CLOCK_REALTIME, &now);
	header->created_ns = (uint64_t)now.tv_sec * 1000000000u +
			     (uint64_t)now.tv_nsec;
	header->segment_id = random_id();
	memcpy(segment->base, header, sizeof(*header));
	adopt(segment, header);
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
	char path[272];
	int rc;

	if (!options)
		options = &defaults;
	rc = path_of(path, name);
	if (!rc)
		rc = check_options(options);
	if (!rc)
		rc = plan(&header, size_bytes, options);
	if (rc)
		return rc;
	segment = new_handle(path);
	if (!segment)
		return -ENOMEM;
	hold_forks();
	rc = build(segment, &header, options->mode);
	if (!rc)
		rc = join(segment);
	if (!rc)
		rc = publish(segment, path);
	return finish(out, segment, rc);
}

/* open */

/* Whether a header that was copied out of a file of file_size is to be used. */
static int check_header(const struct zipc_header *h, uint64_t file_size,
			const char *name)
{
	uint64_t table_end = sizeof(*h) + (uint64_t)h->max_entries *
						  sizeof(struct zipc_entry);
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
	    places < table_end ||
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
				 "its owner may chmod " SHM "/%s",
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
	char path[272];
	int rc;

	rc = path_of(path, name);
	if (rc)
		return rc;
	if (flags & ~ZIPC_READ_ONLY)
		return zipc_fail(EINVAL, "unknown flags 0x%x: there is "
				 "ZIPC_READ_ONLY", flags);
	segment = new_handle(path);
	if (!segment)
		return -ENOMEM;
	segment->read_only = flags & ZIPC_READ_ONLY;
	hold_forks();
	rc = open_file(segment, path);
	if (!rc)
		rc = read_header(segment, &header);
	if (!rc)
		rc = map(segment, header.size_bytes);
	if (!rc) {
		adopt(segment, &header);
		rc = join(segment);
	}
	return finish(out, segment, rc);
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
	char path[272];
	int rc = path_of(path, name);

	if (rc)
		return rc;
	strcpy(segment.name, name_in(path));
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

uint64_t zipc_segment_size(const struct zipc_segment *segment)
{
	return segment->size;
}

uint64_t zipc_segment_id(const struct zipc_segment *segment)
{
	return zipc_segment_header(segment)->segment_id;
}

bool zipc_segment_lives(struct zipc_segment *segment, uint64_t holder)
{
	uint32_t index = zipc_holder_index(holder);
	struct zipc_participant *place;
	struct zipc_life life;

	if (holder == atomic_load_explicit(&segment->holder,
					   memory_order_relaxed))
		return true;
	if (index >= segment->max_participants)
		return false;
	place = &segment->participants[index];
	/*
	 * Relaxed: a place only changes hands when its owner is dead, and the
	 * incarnation is compared last.
	 */
	life.pid = atomic_load_explicit(&place->pid, memory_order_acquire);
	life.start_ticks = atomic_load_explicit(&place->start_ticks,
						memory_order_relaxed);
	life.pid_namespace = atomic_load_explicit(&place->pid_namespace,
						  memory_order_relaxed);
	life.incarnation = zipc_holder_incarnation(holder);
	if (!zipc_participant_lives(segment->fd, index, &life) ||
	    atomic_load_explicit(&place->incarnation, memory_order_acquire) !=
		    life.incarnation)
		return false;
	return true;
}

/* the lock of who creates, and space */

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
		else if (most > PAGE)
			most /= 2; /* so that some step ends between signals */
	}
	return 0;
}

/*
 * Nothing beyond next_offset is anybody's: give its whole pages back. That
 * includes what a creator that died had reserved.
 */
static void give_back(const struct zipc_segment *segment, uint64_t from)
{
	if (from < segment->size)
		fallocate(segment->fd,
			  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)from, (off_t)(segment->size - from));
}

int zipc_segment_reserve(struct zipc_segment *segment, uint64_t offset,
			 uint64_t size)
{
	uint64_t end = offset + size, pages = round_up(offset, PAGE);
	int rc;

	give_back(segment, pages);
	rc = segment->sparse ? 0 : allocate(segment->fd, offset, end);
	if (rc) {
		give_back(segment, pages);
		return zipc_fail(-rc, "cannot reserve %llu bytes of memory for "
				 "segment `/%s`: %s", (unsigned long long)size,
				 segment->name, rc == -ENOSPC
				 ? "/dev/shm is full; make room or enlarge it"
				 : strerror(-rc));
	}
	/* New pages read zero; one shared with the last structure may not. */
	memset(segment->base + offset, 0,
	       (pages < end ? pages : end) - offset);
	return 0;
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
	hold_forks();
	delist(segment);
	pthread_mutex_destroy(&segment->mutex);
	discard(segment);
	let_fork();
}
