/* SPDX-License-Identifier: MIT */
/*
 * scribble SEGMENT: changes words of it all the time, as somebody who is up to
 * no good: most to what they were when it began, so that much of it holds
 * together, some to others, to words from elsewhere in it, or by little. It
 * prints a line when it has begun, and ends when its standard input does.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t state = 88172645463325252;

static uint64_t random_word(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t other_than(uint64_t word, const uint64_t *before, size_t n)
{
	switch (random_word() % 8) {
	case 0:
		return random_word();
	case 1:
		return before[random_word() % n];
	case 2:
		return word + random_word() % 5 - 2;
	case 3:
		return word ^ UINT64_C(1) << random_word() % 64;
	default:
		return word;
	}
}

static void scribble(_Atomic uint64_t *words, const uint64_t *before, size_t n,
		     const size_t *used, size_t used_n)
{
	unsigned i;
	size_t at;

	for (i = 0; i < 1000; i++) {
		at = used[random_word() % used_n];
		atomic_store_explicit(&words[at],
				      other_than(before[at], before, n),
				      memory_order_relaxed);
	}
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char path[300], byte;
	size_t n, i, used_n = 0, *used;
	struct stat st;
	uint64_t *before;
	void *words;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/%s", argc > 1 ? argv[1] : "");
	fd = open(path, O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		return EXIT_FAILURE;
	n = (size_t)st.st_size / 8;
	words = mmap(NULL, n * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	before = malloc(n * 8);
	used = malloc(n * sizeof(*used));
	if (words == MAP_FAILED || !before || !used)
		return EXIT_FAILURE;
	memcpy(before, words, n * 8);
	/* The header stays: without it there is no segment to look at. */
	for (i = 32; i < n; i++)
		if (before[i])
			used[used_n++] = i;
	puts("ready");
	fflush(stdout);
	while (used_n && (poll(&in, 1, 0) == 0 || read(0, &byte, 1) > 0))
		scribble(words, before, n, used, used_n);
	free(before);
	free(used);
	return EXIT_SUCCESS;
}
