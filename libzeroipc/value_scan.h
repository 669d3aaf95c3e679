/* SPDX-License-Identifier: MIT */
/*
 * Scanning the JSON text of a value: marks, words and the characters of
 * strings, and the messages that say where. What is taken, is behind `at`.
 */
#ifndef ZIPC_VALUE_SCAN_H
#define ZIPC_VALUE_SCAN_H

#include "type.h"

/* A word longer than any field name is no field's name. */
#define ZIPC_WORD_SIZE 80

struct zipc_scanner {
	const char *text;
	size_t at;
};

/* -EINVAL, with a message; columns count bytes from 1, at from 0. */
int zipc_scan_fail(size_t at, const struct zipc_path *path, const char *format,
		   ...) __attribute__((format(printf, 3, 4), cold));
int zipc_scan_expected(struct zipc_scanner *s, const struct zipc_path *path,
		       const char *what);

void zipc_scan_blanks(struct zipc_scanner *s);

/* Whether the mark is next; then it is taken. */
int zipc_scan_take(struct zipc_scanner *s, char mark);

/* How long what may be a number or a bare word is, up to a mark or blank. */
size_t zipc_scan_token(struct zipc_scanner *s);

/* As much of a token as a message shows; it can be as long as its text. */
int zipc_scan_shown(size_t length);

/* -1 for what is none. */
int zipc_hex_digit(char c);

/*
 * The next character of a string whose first quote is behind us: how many
 * bytes it has, or 0 at the last quote, which is taken; -EINVAL.
 */
int zipc_scan_character(struct zipc_scanner *s, const struct zipc_path *path,
			char out[4]);

/*
 * A short word, bare or as a string, such as a field's name.
 * Returns 0; 1 with nothing taken where there is none; -EINVAL.
 */
int zipc_scan_word(struct zipc_scanner *s, const struct zipc_path *path,
		   char word[ZIPC_WORD_SIZE]);

#endif
