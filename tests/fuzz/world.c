/* SPDX-License-Identifier: MIT */
/* The world of a damaged segment; the idea is in world.h. */
#include "world.h"

#include "../../libzeroipc/format.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define GUARD_BYTES ((size_t)1 << 30)
#define LOADS_MOST 30000000u
#define NEVER UINT64_MAX
#define BETWEEN_NS INT64_C(200000000) /* stages; what is done at times is due */

static struct {
	int fd; /* of the segment's file */
	const unsigned char *file; /* a mapping of our own */
	uint64_t bytes; /* of the file */
	unsigned char image[IMAGE_BYTES];
	const struct damage *damages;
	unsigned count;
	unsigned stage;
	const char *stage_name;
	uint64_t loads, next; /* in this stage; and when the next change is */
	bool disturbed, damaged, cut;
	struct spot loaded; /* what is about to be read; size 0: no word is */
	unsigned char *base; /* the latest mapping */
	uint64_t mapped;
	int64_t now_ns;
} world = { .fd = -1, .next = NEVER };

/* Calls of the library come to us, by ld --wrap. */
void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
int __wrap_munmap(void *, size_t);
ssize_t __real_pread(int, void *, size_t, off_t);
ssize_t __wrap_pread(int, void *, size_t, off_t);
int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);
int __wrap_sched_yield(void);
long __real_syscall(long, ...);
long __wrap_syscall(long, ...);

/* the file */

static void remove_file(void)
{
	char path[96];

	snprintf(path, sizeof(path), "/dev/shm/%s", fuzz_segment_name());
	unlink(path);
}

void world_keep(void)
{
	char path[96];

	snprintf(path, sizeof(path), "/dev/shm/%s", fuzz_segment_name());
	world.fd = open(path, O_RDWR | O_CLOEXEC);
	require(world.fd >= 0, "%s: %s", path, strerror(errno));
	atexit(remove_file);
	world.file = __real_mmap(NULL, IMAGE_BYTES, PROT_READ, MAP_SHARED,
				 world.fd, 0);
	require(world.file != MAP_FAILED, "%s", strerror(errno));
	world.bytes = IMAGE_BYTES;
	world_copy(world.image);
	spots_find(world.image);
}

void world_copy(unsigned char image[IMAGE_BYTES])
{
	memcpy(image, world.file, world.bytes);
	memset(image + world.bytes, 0, IMAGE_BYTES - world.bytes);
}

static uint64_t word_at(uint32_t offset, uint32_t size)
{
	uint64_t word = 0;

	if (__real_pread(world.fd, &word, size, offset) < 0)
		abort();
	return word;
}

static void resize(uint64_t bytes)
{
	require(!ftruncate(world.fd, (off_t)bytes), "%s", strerror(errno));
	world.bytes = bytes;
}

/* changes */

static void cut(uint64_t at)
{
	if (world.base)
		return; /* a mapping that is cut off is a SIGBUS, by design */
	world.cut = true;
	resize(at % IMAGE_BYTES);
}

static void apply(const struct damage *damage)
{
	struct spot word, other;
	uint64_t head, value;

	world.disturbed = world.damaged = true;
	if (damage->how % HOW_COUNT == HOW_CUT) {
		cut(damage->value);
		return;
	}
	if (world.cut)
		return; /* a write would make the file longer again */
	if (damage->spot == SPOT_LOADED)
		word = world.loaded;
	else if (damage->spot < spot_count)
		word = spots[damage->spot];
	else
		word = (struct spot){
			.offset = damage->spot % (IMAGE_BYTES / 8) * 8,
			.size = 8,
		};
	other = spots[damage->value % spot_count];
	head = word.ring ? word_at(word.ring +
				   offsetof(struct zipc_place_ring, head), 8)
			 : 1;
	value = damage_value(damage, word_at(word.offset, word.size),
			     word_at(other.offset, other.size), head);
	if (pwrite(world.fd, &value, word.size, word.offset) < 0)
		abort();
}

/* All that is due; then when the next is. */
static void change_what_is_due(void)
{
	const struct damage *damage;
	uint64_t at, seen = world.loads;
	unsigned i;

	world.next = NEVER;
	for (i = 0; i < world.count; i++) {
		damage = &world.damages[i];
#ifdef LIBFUZZER
		at = damage->loads;
#else
		at = 0;
#endif
		if (damage->stage != world.stage)
			continue;
		if (at == seen)
			apply(damage);
		else if (at > seen && at < world.next)
			world.next = at;
	}
}

static void count_load(void)
{
	if (++world.loads >= world.next)
		change_what_is_due();
	world.loaded.size = 0;
	require(world.loads < LOADS_MOST, "stage `%s` does not end",
		world.stage_name);
}

void world_begin(const struct damage *damages, unsigned count)
{
	resize(IMAGE_BYTES);
	require(pwrite(world.fd, world.image, IMAGE_BYTES, 0) == IMAGE_BYTES,
		"%s", strerror(errno));
	world.damages = damages;
	world.count = count;
	world.damaged = world.cut = false;
	world.now_ns = INT64_C(1000000000);
}

void world_stage(unsigned stage, const char *name)
{
	world.stage = stage;
	world.stage_name = name;
	world.loads = 0;
	world.now_ns += BETWEEN_NS;
	change_what_is_due();
	world.disturbed = false; /* what changes first is how it begins */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct target *it = &world_target;
	struct damage damages[DAMAGES_MOST] = { { 0 } };
	unsigned n, i;

	n = size / sizeof(damages[0]) < DAMAGES_MOST
		    ? (unsigned)(size / sizeof(damages[0]))
		    : DAMAGES_MOST;
	if (n)
		memcpy(damages, data, n * sizeof(damages[0]));
	for (i = 0; i < n; i++)
		damages[i].stage %= it->count;
	world_begin(damages, n);
	for (i = 0; i < it->count; i++) {
		world_stage(i, it->stages[i].name);
		it->stages[i].run();
	}
	return 0;
}

int64_t world_check(const char *call, const char *name, int64_t rc,
		    const int *errors)
{
	if (rc >= 0)
		return rc;
	require(world.damaged || world_target.is_sound(rc),
		"%s on `%s`, which is sound: %s", call, name,
		zipc_last_error());
	while (*errors && *errors != -rc)
		errors++;
	require(*errors, "%s on `%s` returned %s: %s", call, name,
		zipc_error_name((int)rc), zipc_last_error());
	require(*zipc_last_error(), "%s fails without a message", call);
	return rc;
}

void world_look_at_waits(struct zipc_view *view)
{
	static const int errors[] = { EBADMSG, ENOENT, 0 };
	const struct zipc_view_blocked *blocked;
	const struct zipc_view_cycle *cycle;
	struct zipc_view_waits *waits;
	char text[256];
	unsigned i;

	if (world_check("zipc_view_waits_open()", "who waits",
			zipc_view_waits_open(&waits, view), errors))
		return;
	for (i = 0; (blocked = zipc_view_blocked(waits, i)); i++)
		require(zipc_view_blocked_say(blocked, text, sizeof(text)) > 0,
			"a sentence");
	for (i = 0; (cycle = zipc_view_cycle(waits, i)); i++)
		require(zipc_view_cycle_say(cycle, text, sizeof(text)) > 0,
			"a sentence");
	zipc_view_waits_close(waits);
}

void fuzz_describe(void)
{
	static const char *const hows[HOW_COUNT] = {
		"set to",   "flip bit", "add",	    "special", "copy",
		"claim",    "verdict",	"position", "holder",  "cut",
	};
	const struct damage *damage;
	unsigned i;

	for (i = 0; i < world.count; i++) {
		damage = &world.damages[i];
		fprintf(stderr, "stage %u, after %u loads: %s: %s 0x%llx\n",
			damage->stage, damage->loads,
			damage->spot < spot_count
				? spots[damage->spot].name
				: damage->spot == SPOT_LOADED ? "what is loaded"
							      : "a word",
			hows[damage->how % HOW_COUNT],
			(unsigned long long)damage->value);
	}
	fprintf(stderr, "in stage %u, `%s`, after %llu loads\n", world.stage,
		world.stage_name, (unsigned long long)world.loads);
}

bool world_disturbed(void)
{
	return world.disturbed;
}

bool world_damaged(void)
{
	return world.damaged;
}

unsigned char *world_base(void)
{
	return world.base;
}

bool world_holds(const void *at, uint64_t bytes)
{
	uint64_t offset = (uint64_t)((const unsigned char *)at - world.base);

	return world.base && offset <= world.mapped &&
	       bytes <= world.mapped - offset;
}

/* each load that clang tells of */

#define ON_LOAD(bytes)                                                       \
	void __sanitizer_cov_load##bytes(void *at);                          \
	void __sanitizer_cov_load##bytes(void *at)                           \
	{                                                                    \
		uintptr_t offset = (uintptr_t)at - (uintptr_t)world.base;    \
									     \
		if (offset >= world.mapped)                                  \
			return;                                              \
		world.loaded.offset = (uint32_t)offset;                      \
		world.loaded.size = bytes < 8 ? bytes : 8;                   \
		count_load();                                                \
	}
ON_LOAD(1)
ON_LOAD(2)
ON_LOAD(4)
ON_LOAD(8)
ON_LOAD(16)

/* calls of the library */

static size_t whole_pages(size_t size)
{
	return (size + 4095) / 4096 * 4096;
}

void *__wrap_mmap(void *hint, size_t size, int protection, int flags, int fd,
		  off_t offset)
{
	unsigned char *guard, *base;

	if (fd < 0 || !(flags & MAP_SHARED))
		return __real_mmap(hint, size, protection, flags, fd, offset);
	require(size > 0 && size <= IMAGE_BYTES, "%zu bytes are mapped", size);
	guard = __real_mmap(NULL, whole_pages(size) + 2 * GUARD_BYTES,
			    PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			    MAP_NORESERVE, -1, 0);
	require(guard != MAP_FAILED, "%s", strerror(errno));
	base = __real_mmap(guard + GUARD_BYTES, size, protection,
			   flags | MAP_FIXED, fd, offset);
	require(base != MAP_FAILED, "%s", strerror(errno));
	/* Cut off between the look at its size and here: as if just behind. */
	if (world.cut)
		resize(IMAGE_BYTES);
	world.base = base;
	world.mapped = size;
	return base;
}

int __wrap_munmap(void *at, size_t size)
{
	if (at != world.base)
		return __real_munmap(at, size);
	require(size == world.mapped, "%zu bytes are unmapped", size);
	world.base = NULL;
	world.mapped = 0;
	return __real_munmap((unsigned char *)at - GUARD_BYTES,
			     whole_pages(size) + 2 * GUARD_BYTES);
}

/*
 * A tour reads no file but the segment's, word by word; as the kernel would,
 * but without it, which would take the most of all time.
 */
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset)
{
	uint64_t left;

	count_load();
	if (!world.bytes)
		return __real_pread(fd, to, n, offset);
	require(offset >= 0, "a read at %lld", (long long)offset);
	left = (uint64_t)offset < world.bytes
		       ? world.bytes - (uint64_t)offset
		       : 0;
	if (n > left)
		n = left;
	memcpy(to, world.file + offset, n);
	return (ssize_t)n;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if ((clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE) ||
	    world.fd < 0)
		return __real_clock_gettime(clock, now);
	count_load();
	world.now_ns += 1000000;
	now->tv_sec = world.now_ns / 1000000000;
	now->tv_nsec = world.now_ns % 1000000000;
	return 0;
}

/* Nobody of ours is there to run meanwhile. */
int __wrap_sched_yield(void)
{
	return 0;
}

/* Nobody will wake us, so the sleep ends when its time is up. */
static long sleep_until(_Atomic uint32_t *word, uint32_t seen,
			const struct timespec *until)
{
	int64_t until_ns;

	require(world_holds(word, sizeof(*word)), "a futex off the mapping");
	require(until != NULL, "stage `%s` sleeps for ever", world.stage_name);
	count_load();
	errno = EAGAIN;
	if (atomic_load_explicit(word, memory_order_relaxed) != seen)
		return -1;
	errno = ETIMEDOUT;
	until_ns = until->tv_sec * INT64_C(1000000000) + until->tv_nsec;
	if (until_ns > world.now_ns)
		world.now_ns = until_ns;
	return -1;
}

/* On several words: as on the first that differs, or else on the last. */
static long sleep_on_several(const struct futex_waitv *words, unsigned n,
			     const struct timespec *until)
{
	unsigned i;
	long rc = -1;

	for (i = 0; i < n; i++) {
		rc = sleep_until((void *)(uintptr_t)words[i].uaddr,
				 (uint32_t)words[i].val, until);
		if (errno == EAGAIN)
			break;
	}
	return rc;
}

/*
 * The library makes three system calls by number: of 6 arguments, of 5, and of
 * 3.
 */
long __wrap_syscall(long number, ...)
{
	long a[6] = { 0 };
	va_list args;
	int i;

	require(number == SYS_futex || number == SYS_futex_waitv ||
			number == SYS_membarrier,
		"system call %ld", number);
	va_start(args, number);
	for (i = 0; i < (number == SYS_futex	     ? 6
			 : number == SYS_futex_waitv ? 5
						     : 3); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_futex_waitv)
		return sleep_on_several((const void *)a[0], (unsigned)a[1],
					(const struct timespec *)a[3]);
	if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET)
		return sleep_until((void *)a[0], (uint32_t)a[2],
				   (const struct timespec *)a[3]);
	if (number == SYS_membarrier && a[0] == MEMBARRIER_CMD_GLOBAL_EXPEDITED)
		return 0; /* we are alone */
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
