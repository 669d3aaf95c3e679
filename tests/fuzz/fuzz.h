/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets share. A target is one file that defines
 *
 *   LLVMFuzzerTestOneInput   tries one input, and aborts by require()
 *   fuzz_prepare             (may be left out) runs once, before all inputs
 *   fuzz_generate            (may be left out) inputs without chance
 *
 * and is built twice. NAME-fuzzer is libFuzzer, by clang, which makes up
 * inputs. NAME is the same under replay.c, by whatever compiler: it goes
 * through corpus/NAME and what fuzz_generate() gives, so that each fault that
 * was once found is looked for in every build.
 */
#ifndef ZIPC_FUZZ_H
#define ZIPC_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* libFuzzer's own: change data in place; the new size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned seed);

void fuzz_prepare(void);

/* (May be left out.) Tell on stderr what the input is that fails. */
void fuzz_describe(void);

/* The i-th input, into data; its size, or SIZE_MAX when there is none. */
size_t fuzz_generate(unsigned i, uint8_t *data, size_t room);
#define FUZZ_INPUT_MOST 4096u

/* The one segment that a target may make: zt-PID-fuzz, of this process. */
const char *fuzz_segment_name(void);

/* Call each() with the path of every file of the target's corpus, sorted. */
int fuzz_corpus(const char *target, void (*each)(const char *path));

void fuzz_fail(const char *file, int line, const char *condition,
	       const char *format, ...)
	__attribute__((noreturn, format(printf, 4, 5)));

/* What must be true of every input; else the words are printed. */
#define require(condition, ...)                                              \
	do {                                                                 \
		if (!(condition))                                            \
			fuzz_fail(__FILE__, __LINE__, #condition,            \
				  __VA_ARGS__);                              \
	} while (0)

/* A copy of exactly n bytes, so that a sanitizer sees every look beyond. */
static inline void *fuzz_exact(const void *bytes, size_t n)
{
	void *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	return n ? memcpy(copy, bytes, n) : copy;
}

/* The same as a string; bytes behind a NUL do not count. */
static inline char *fuzz_string(const uint8_t *bytes, size_t n)
{
	const uint8_t *end = n ? memchr(bytes, 0, n) : NULL;
	char *text;

	n = end ? (size_t)(end - bytes) : n;
	text = malloc(n + 1);
	if (!text)
		abort();
	if (n)
		memcpy(text, bytes, n);
	text[n] = '\0';
	return text;
}

#endif
