/* SPDX-License-Identifier: MIT */
/* Small things that every part of the bench uses. */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

/* Its first page keeps its size. */
void *shared_new(size_t bytes)
{
	size_t *page = mmap(NULL, PAGE + bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (page == MAP_FAILED)
		die("%zu bytes of shared memory: %m", bytes);
	*page = PAGE + bytes;
	return (unsigned char *)page + PAGE;
}

void shared_free(void *memory)
{
	size_t *page = (void *)((unsigned char *)memory - PAGE);

	munmap(page, *page);
}

const char *unique_name(void)
{
	static char name[64];
	static unsigned count;

	snprintf(name, sizeof(name), "bench.%d.%u", (int)getpid(), count++);
	return name;
}

void trial_fault(struct trial *trial, const char *format, ...)
{
	va_list words;

	if (trial->fault[0])
		return;
	va_start(words, format);
	vsnprintf(trial->fault, sizeof(trial->fault), format, words);
	va_end(words);
}

void die(const char *format, ...)
{
	va_list words;

	fputs("bench: ", stderr);
	va_start(words, format);
	vfprintf(stderr, format, words);
	va_end(words);
	fputc('\n', stderr);
	_exit(1);
}

int64_t trial_ns(const struct trial *trial)
{
	int64_t begin = INT64_MAX, end = 0;

	for (unsigned i = 0; i < trial->work->members; i++) {
		if (trial->member[i].begin_ns < begin)
			begin = trial->member[i].begin_ns;
		if (trial->member[i].end_ns > end)
			end = trial->member[i].end_ns;
	}
	return end - begin;
}
