/* SPDX-License-Identifier: MIT */
/* What every Check test program shares. */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MARKER ".runner"
#define PID_LIMIT 4194304 /* of the kernel, for every pid */

static long runner;
static int marker = -1;
/* Tests run one behind the other, so who began and did not end has failed. */
static struct progress {
	unsigned begun, ended;
} *progress;

const char *test_name(const char *what)
{
	static char name[8][96];
	static int turn;
	char *it = name[turn++ % 8];

	snprintf(it, sizeof(name[0]), "/zt-%ld-%ld-%s", runner, (long)getpid(),
		 what);
	return it;
}

/* Remove what there is of the runner with this id, a text. */
static void remove_of(int shm, const char *id)
{
	DIR *dir = fdopendir(openat(shm, ".", O_RDONLY | O_CLOEXEC));
	struct dirent *entry;
	char prefix[64];

	if (!dir)
		return;
	snprintf(prefix, sizeof(prefix), "zt-%s-", id);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			unlinkat(shm, entry->d_name, 0);
	closedir(dir);
	snprintf(prefix, sizeof(prefix), "zt-%s" MARKER, id);
	unlinkat(shm, prefix, 0);
}

/* The marker of that name, locked, and still called so; or -1. */
static int lock_marker(int shm, const char *name, int flags)
{
	int fd = openat(shm, name,
			O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags,
			0600);
	struct stat mine, there;

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 &&
	    fstatat(shm, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    mine.st_ino == there.st_ino)
		return fd;
	close(fd);
	return -1;
}

/* The id in a marker's name; false if it is no marker's. */
static bool id_of(const char *name, char id[static 32])
{
	char rest[sizeof(MARKER) + 1];

	return sscanf(name, "zt-%31[0-9]%8s", id, rest) == 2 &&
	       !strcmp(rest, MARKER);
}

void runner_tidy(void)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;
	char id[32];
	int fd;

	while (dir && (entry = readdir(dir))) {
		if (!id_of(entry->d_name, id))
			continue;
		fd = lock_marker(dirfd(dir), entry->d_name, 0);
		if (fd < 0)
			continue;
		remove_of(dirfd(dir), id);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

void runner_begin(void)
{
	int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[64];

	if (marker >= 0)
		close(marker);
	/* Who holds it already has this pid in another namespace. */
	for (int i = 0; i < 100; i++) {
		runner = getpid() + (long)i * PID_LIMIT;
		snprintf(name, sizeof(name), "zt-%ld" MARKER, runner);
		marker = lock_marker(shm, name, O_CREAT);
		if (marker >= 0)
			break;
	}
	close(shm);
}

void runner_end(void)
{
	int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char id[32];

	snprintf(id, sizeof(id), "%ld", runner);
	remove_of(shm, id);
	close(shm);
}

void test_begins(void)
{
	if (!progress)
		return;
	if (progress->begun != progress->ended)
		_exit(EXIT_SUCCESS);
	progress->begun++;
}

void test_ends(void)
{
	if (progress)
		progress->ended++;
}

/* What the tests' processes share; without it they all run. */
static void watch_progress(void)
{
	void *page;

	if (!getenv("FIRST_FAILURE_ENDS"))
		return;
	page = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED)
		progress = page;
}

int test_main(Suite *suite)
{
	SRunner *suite_runner = srunner_create(suite);
	int failed;

	runner_tidy();
	runner_begin();
	watch_progress();
	srunner_run_all(suite_runner, CK_ENV);
	failed = srunner_ntests_failed(suite_runner);
	srunner_free(suite_runner);
	runner_end();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
