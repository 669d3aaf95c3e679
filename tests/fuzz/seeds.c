/* SPDX-License-Identifier: MIT */
/*
 * Part of each libFuzzer program: without arguments it starts from the
 * target's corpus, writes nothing there, and ends after $FUZZ_SECONDS (10). An
 * input that takes a minute has failed.
 */
#include "fuzz.h"

#pragma weak fuzz_prepare

/* Who is called at each load: nobody, unless world.c is there. */
#define ON_LOAD(bytes)                                                       \
	void __sanitizer_cov_load##bytes(void *at);                          \
	__attribute__((weak)) void __sanitizer_cov_load##bytes(void *at)     \
	{                                                                    \
		(void)at;                                                    \
	}
ON_LOAD(1)
ON_LOAD(2)
ON_LOAD(4)
ON_LOAD(8)
ON_LOAD(16)

static char seeds[65536] = "-seed_inputs=";

static void add_seed(const char *path)
{
	size_t length = strlen(seeds);

	snprintf(seeds + length, sizeof(seeds) - length, "%s%s",
		 seeds[length - 1] == '=' ? "" : ",", path);
}

/* "segment" of "tests/fuzz/segment-fuzzer" */
static void target_of(const char *program, char target[static 64])
{
	const char *slash = strrchr(program, '/');

	snprintf(target, 64, "%s", slash ? slash + 1 : program);
	target[strcspn(target, "-")] = '\0';
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char seconds[64];
	static char *arguments[8] = {
		NULL,	      seconds,		 "-timeout=60",
		"-max_len=4096", "-print_final_stats=1", "-close_fd_mask=0",
		NULL,
	};
	const char *limit = getenv("FUZZ_SECONDS");
	char target[64];

	if (fuzz_prepare)
		fuzz_prepare();
	if (*argc > 1)
		return 0;
	target_of((*argv)[0], target);
	snprintf(seconds, sizeof(seconds), "-max_total_time=%s",
		 limit ? limit : "10");
	arguments[0] = (*argv)[0];
	*argc = 6;
	if (fuzz_corpus(target, add_seed) > 0)
		arguments[(*argc)++] = seeds;
	*argv = arguments;
	return 0;
}
