/* SPDX-License-Identifier: MIT */
/* What every Check test program shares. */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>

static pid_t runner;

const char *test_name(const char *what)
{
	static char name[8][96];
	static int turn;
	char *it = name[turn++ % 8];

	snprintf(it, sizeof(name[0]), "/zt-%ld-%ld-%s", (long)runner,
		 (long)getpid(), what);
	return it;
}

static void sweep_up(void)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;
	char prefix[32];

	if (!dir)
		return;
	snprintf(prefix, sizeof(prefix), "zt-%ld-", (long)runner);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

int test_main(Suite *suite)
{
	SRunner *suite_runner = srunner_create(suite);
	int failed;

	runner = getpid();
	srunner_run_all(suite_runner, CK_ENV);
	failed = srunner_ntests_failed(suite_runner);
	srunner_free(suite_runner);
	sweep_up();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
