/* SPDX-License-Identifier: MIT */
/*
 * The kernel, as the explorer has it: what hooks.h sends here. Descriptions are
 * told apart by their numbers; there is one segment, so a lock is a byte.
 *
 * A segment is mapped once for all tasks, so that a word has one address.
 *
 * All tasks have one pid, which proves nothing of who of them lives. So the
 * library learns that /proc belongs to another pid namespace, where the lock
 * alone decides.
 */
#include "engine.h"
#include "hooks.h"

#undef syscall
#undef fcntl
#undef flock
#undef close
#undef fallocate
#undef mmap
#undef munmap
#undef readlink
#undef clock_gettime
#undef nanosleep
#undef sched_yield
#undef sysconf

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CALLER __builtin_return_address(0)
#define LOCKS 32u
#define YIELD_NS INT64_C(60000000) /* longer than patience lasts */
#define NAP_NS INT64_C(100000000)
#define PAUSES 1000u

/* A byte that is locked; flock()'s stands for the whole file. */
struct lock {
	off_t byte;
	int fd; /* 0: free */
	unsigned owner;
};

#define WHOLE_FILE -1

static struct lock locks[LOCKS], locks_kept[LOCKS];
static unsigned owner;
static struct {
	void *at; /* NULL: none */
	size_t size;
	ino_t inode;
} mapping;

void schedule_as(unsigned task)
{
	owner = task;
}

void kernel_forget(void)
{
	memset(locks, 0, sizeof(locks));
	owner = SCHEDULE_TASKS;
	if (mapping.at)
		munmap(mapping.at, mapping.size);
	mapping.at = NULL;
}

void kernel_keep(void)
{
	memcpy(locks_kept, locks, sizeof(locks));
}

void kernel_restore(void)
{
	memcpy(locks, locks_kept, sizeof(locks));
}

uint64_t kernel_hash(void)
{
	uint64_t hash = 0;
	unsigned i;

	for (i = 0; i < LOCKS; i++)
		if (locks[i].fd)
			hash ^= mix((uint64_t)locks[i].byte,
				    (uint64_t)locks[i].fd);
	return hash;
}

void schedule_drop_locks(unsigned task)
{
	unsigned i;

	for (i = 0; i < LOCKS; i++)
		if (locks[i].fd && locks[i].owner == task)
			locks[i].fd = 0;
}

/* A call is a point, and what it gives is learned. */
static void call(const char *what, const void *pc)
{
	struct access access = { CALL, what, NULL, 0, pc };

	memory_absorb();
	if (!world.current)
		return;
	point(&access);
	if (world.tracing)
		trace_add(&access, 0);
}

/* locks */

static struct lock *find_lock(off_t byte)
{
	unsigned i;

	for (i = 0; i < LOCKS; i++)
		if (locks[i].fd && locks[i].byte == byte)
			return &locks[i];
	return NULL;
}

/* False: another description has it. */
static bool take_lock(off_t byte, int fd)
{
	struct lock *lock = find_lock(byte);
	unsigned i;

	if (lock)
		return lock->fd == fd;
	for (i = 0; locks[i].fd; i++)
		if (i + 1 == LOCKS)
			abort();
	locks[i] = (struct lock){ byte, fd, world.current
						    ? number_of(world.current)
						    : owner };
	return true;
}

int schedule_fcntl(int fd, int command, struct flock *lock)
{
	struct lock *there;

	call(command == F_OFD_GETLK ? "ask for a lock" : "lock", CALLER);
	there = find_lock(lock->l_start);
	if (command == F_OFD_GETLK) {
		if (!there || there->fd == fd)
			lock->l_type = F_UNLCK;
		learn((uint64_t)lock->l_type);
		return 0;
	}
	if (take_lock(lock->l_start, fd)) {
		learn(1);
		return 0;
	}
	learn(0);
	errno = EAGAIN;
	return -1;
}

int schedule_flock(int fd, int operation)
{
	struct lock *there;
	bool taken = true;

	call(operation & LOCK_UN ? "unlock" : "lock", CALLER);
	memory_drain(world.current);
	there = find_lock(WHOLE_FILE);
	if (!(operation & LOCK_UN))
		taken = take_lock(WHOLE_FILE, fd);
	else if (there && there->fd == fd)
		there->fd = 0;
	learn(taken);
	if (taken)
		return 0;
	errno = EWOULDBLOCK;
	return -1;
}

int schedule_close(int fd)
{
	unsigned i;

	for (i = 0; i < LOCKS; i++)
		if (locks[i].fd == fd)
			locks[i].fd = 0;
	return close(fd);
}

/* memory */

void *schedule_mmap(void *at, size_t size, int protection, int flags, int fd,
		    off_t offset)
{
	struct stat st;

	if (fstat(fd, &st))
		return MAP_FAILED;
	if (mapping.at)
		return st.st_ino == mapping.inode ? mapping.at : MAP_FAILED;
	at = mmap(at, size, protection, flags, fd, offset);
	if (at == MAP_FAILED)
		return at;
	mapping.at = at;
	mapping.size = size;
	mapping.inode = st.st_ino;
	schedule_share(at, size);
	return at;
}

/* It stays until the next set_up. */
int schedule_munmap(void *at, size_t size)
{
	(void)at, (void)size;
	return 0;
}

ssize_t schedule_readlink(const char *path, char *text, size_t size)
{
	(void)path, (void)text, (void)size;
	errno = ENOENT;
	return -1;
}

/*
 * The file's memory is there from the beginning. A hole reads zero: done in the
 * mapping that the test shares, once there is one.
 */
int schedule_fallocate(int fd, int mode, off_t offset, off_t size)
{
	if (!world.schedule)
		return fallocate(fd, mode, offset, size);
	call("fallocate", CALLER);
	if (mode & FALLOC_FL_PUNCH_HOLE)
		memory_clear((size_t)offset, (size_t)size);
	learn(0);
	return 0;
}

/* time */

int schedule_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	now->tv_sec = world.now_ns / 1000000000;
	now->tv_nsec = world.now_ns % 1000000000;
	learn((uint64_t)world.now_ns);
	return 0;
}

int schedule_nanosleep(const struct timespec *nap, struct timespec *left)
{
	(void)nap, (void)left;
	yield_point(NAP_NS, false);
	return 0;
}

int schedule_sched_yield(void)
{
	yield_point(YIELD_NS, true);
	return 0;
}

/* One core: spinning before a sleep would only make more of the same states. */
long schedule_sysconf(int name)
{
	return name == _SC_NPROCESSORS_ONLN ? 1 : sysconf(name);
}

/*
 * Who pauses, and paused before, with no change of memory in between, only
 * repeats itself: its points are none until somebody else has run.
 */
void schedule_pause(void)
{
	struct task *task = world.current;

	memory_absorb();
	if (!task) {
		if (world.schedule && ++world.check_steps > 1000000)
			schedule_fail("the check does not come to its end");
		return;
	}
	memory_drain(task);
	task->idle = task->pauses && task->version_at_pause == world.version;
	task->pauses = task->idle ? task->pauses + 1 : 1;
	task->version_at_pause = world.version;
	if (task->pauses == 2 && task->idle && world.tracing)
		trace_note(task, "spins in vain");
	if (task->pauses > PAUSES)
		yield_point(YIELD_NS, false);
}

/* futex and membarrier */

static long sleep_on_words(const struct futex_waitv *words, unsigned n,
			   const struct timespec *until)
{
	struct task *task = world.current;
	const uint32_t *word;
	unsigned i;

	memory_drain(task);
	for (i = 0; i < n; i++) {
		word = (const uint32_t *)(uintptr_t)words[i].uaddr;
		if (!task || *word != (uint32_t)words[i].val) {
			learn(2);
			errno = EAGAIN;
			return -1;
		}
		if (i == SLEEP_WORDS)
			abort();
		task->words[i] = word;
	}
	task->word_count = n;
	sleep_until_woken(until ? until->tv_sec * INT64_C(1000000000) +
					  until->tv_nsec
				: INT64_MAX);
	learn(task->timed_out);
	if (!task->timed_out)
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

static long futex_wait(const uint32_t *word, uint32_t seen,
		       const struct timespec *until)
{
	struct futex_waitv one = { .val = seen, .uaddr = (uintptr_t)word };

	return sleep_on_words(&one, 1, until);
}

static bool sleeps_on(const struct task *task, const uint32_t *word)
{
	unsigned i;

	for (i = 0; task->state == SLEEPING && i < task->word_count; i++)
		if (task->words[i] == word)
			return true;
	return false;
}

/* The first of the tasks, not of the sleepers, is woken first. */
static long futex_wake(const uint32_t *word, int most)
{
	struct task *task;
	long woken = 0;
	unsigned i;

	memory_drain(world.current);
	for (i = 0; i < world.schedule->tasks && woken < most; i++) {
		task = &world.tasks[i];
		if (!sleeps_on(task, word))
			continue;
		task->state = READY;
		task->timed_out = false;
		woken++;
		world.version++;
	}
	learn((uint64_t)woken);
	return woken;
}

static long futex(va_list args)
{
	uint32_t *word = va_arg(args, uint32_t *), value;
	int operation = va_arg(args, int);

	value = va_arg(args, uint32_t);
	if (operation == FUTEX_WAKE)
		return futex_wake(word, (int)value);
	if (operation == FUTEX_WAIT_BITSET)
		return futex_wait(word, value,
				  va_arg(args, const struct timespec *));
	abort();
}

static long futex_waitv(va_list args)
{
	const struct futex_waitv *words = va_arg(args, void *);
	unsigned n = va_arg(args, unsigned);
	const struct timespec *until;

	(void)va_arg(args, unsigned); /* flags */
	until = va_arg(args, void *);
	return sleep_on_words(words, n, until);
}

static void membarrier(void)
{
	unsigned i;

	for (i = 0; world.schedule && i < world.schedule->tasks; i++)
		memory_drain(&world.tasks[i]);
	learn(0);
}

long schedule_syscall(long number, ...)
{
	va_list args;
	long rc = 0;

	call(number == SYS_membarrier ? "membarrier" : "futex", CALLER);
	va_start(args, number);
	if (number == SYS_futex)
		rc = futex(args);
	else if (number == SYS_futex_waitv)
		rc = futex_waitv(args);
	else if (number == SYS_membarrier)
		membarrier();
	else
		abort();
	va_end(args);
	return rc;
}
