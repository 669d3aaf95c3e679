/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without a fuzzer: tries each input of its corpus, then all that
 * fuzz_generate() gives, and prints TAP. An input on the command line is tried
 * alone. The case "corpus" is labelled fast, "generated" medium.
 */
#include "fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma weak fuzz_prepare
#pragma weak fuzz_generate

#define WATCHDOG_S 60

static int number;

/* Not for a signal's handler in general; but nothing goes on after this. */
static void too_long(int signal)
{
	(void)signal;
	fuzz_fail(__FILE__, __LINE__, "it ends", "an input takes over %d s",
		  WATCHDOG_S);
}

static void try_input(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_exact(data, size);

	alarm(WATCHDOG_S);
	LLVMFuzzerTestOneInput(copy, size);
	alarm(0);
	free(copy);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void try_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		printf("Bail out! cannot open %s: %s\n", path, strerror(errno));
		exit(1);
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	try_input(data, size);
	printf("ok %d - %s\n", ++number, base_name(path));
	fflush(stdout);
}

/* There is one thread, so its sanitizer, which is slow, tries one in seven. */
#ifdef __SANITIZE_THREAD__
#define STEP 7u
#else
#define STEP 1u
#endif

static void try_generated(void)
{
	static uint8_t data[FUZZ_INPUT_MOST];
	unsigned i;
	size_t size;

	for (i = 0;; i += STEP) {
		size = fuzz_generate(i, data, sizeof(data));
		if (size == SIZE_MAX)
			break;
		try_input(data, size);
	}
	printf("ok %d - %u inputs that were made up without chance\n",
	       ++number, i / STEP);
}

static bool asked_for(const char *name, const char *label)
{
	const char *labels = getenv("CK_INCLUDE_TAGS");
	const char *only = getenv("CK_RUN_CASE");

	return (!labels || strstr(labels, label)) &&
	       (!only || !strcmp(only, name));
}

static int replay(const char *program, const char *input)
{
	const char *target = base_name(program);
	bool corpus = asked_for("corpus", "fast");
	bool generated = fuzz_generate && asked_for("generated", "medium");

	signal(SIGALRM, too_long);
	if (!corpus && !generated && !input) {
		printf("# label fast is not asked for\n");
		return 77;
	}
	if (fuzz_prepare)
		fuzz_prepare();
	if (input) {
		try_file(input);
		return 0;
	}
	if (corpus)
		fuzz_corpus(strncmp(target, "lt-", 3) ? target : target + 3,
			    try_file);
	if (generated)
		try_generated();
	printf("1..%d\n", number);
	return number ? 0 : 1;
}

/* A child does it, so that what it leaves when it crashes is removed. */
int main(int argc, char **argv)
{
	char left[64];
	pid_t child = fork();
	int status;

	if (child == 0)
		exit(replay(argv[0], argc > 1 ? argv[1] : NULL));
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 1;
	snprintf(left, sizeof(left), "/dev/shm/zt-%ld-fuzz", (long)child);
	unlink(left);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "killed by signal %d\n", WTERMSIG(status));
	return 1;
}
