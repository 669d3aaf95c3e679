/* SPDX-License-Identifier: MIT */
/*
 * What the runners of vectors share: reading files of them, which are lines of
 * words with tabs between, an empty line behind each vector; and TAP.
 *
 *   check FILE..          runs them; those that are kept here, if none
 *   check --code FILE     prints the file, with the bytes of each text
 */
#ifndef ZIPC_VECTORS_H
#define ZIPC_VECTORS_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zeroipc.h>

/* The kind of vectors that a runner knows. */
struct vectors {
	const char *directory; /* in tests/interop, with those that are kept */
	void (*read_line)(char *line);
	void (*check)(void);  /* at the end of one that has a text */
	void (*forget)(void); /* behind that */
};

/* The line that is read, and what is checked. */
extern unsigned vectors_line;
extern char *vectors_text; /* the vector's; NULL: there is none yet */

/* What a runner's main() does. */
int vectors_main(const struct vectors *vectors, int argc, char **argv);

/* The vector does not hold: says so, and ends the program. */
void fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* Zeroed. */
void *room(size_t size);

/* reading */

char *next_word(char **at);
/* The line begins with that word, which is passed then. */
int is_word(char **at, const char *word);
void read_text(const char *text);
struct zipc_type *type_of(const char *text);
void read_value(const struct zipc_type *type, const char *text, void *value);

/* checking */

/* The last error must point there. */
void check_column(size_t column);
/* Print the bytes, if that is asked for; else they must be code, if any is. */
void check_code(const void *bytes, size_t size, const char *code);

#endif
