/* SPDX-License-Identifier: MIT */
/* Scanning the text of a value; the idea is in the header. */
#include "value_scan.h"

#include "error.h"
#include "value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int zipc_scan_fail(size_t at, const struct zipc_path *path, const char *format,
		   ...)
{
	char where[300], what[512];
	va_list args;

	zipc_path_print(path, where, sizeof(where));
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return zipc_fail(EINVAL, "value: column %zu: %s%s", at + 1, where,
			 what);
}

void zipc_scan_blanks(struct zipc_scanner *s)
{
	s->at += strspn(s->text + s->at, " \t\r\n");
}

int zipc_scan_expected(struct zipc_scanner *s, const struct zipc_path *path,
		       const char *what)
{
	char found[16];
	int next;

	zipc_scan_blanks(s);
	next = (unsigned char)s->text[s->at];
	return zipc_scan_fail(s->at, path, "expected %s, found %s", what,
			      zipc_character_print(next ? next : -1, found));
}

int zipc_scan_take(struct zipc_scanner *s, char mark)
{
	zipc_scan_blanks(s);
	if (s->text[s->at] != mark)
		return 0;
	s->at++;
	return 1;
}

size_t zipc_scan_token(struct zipc_scanner *s)
{
	zipc_scan_blanks(s);
	return strspn(s->text + s->at, "0123456789+-._"
				       "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

int zipc_scan_shown(size_t length)
{
	return length < 60 ? (int)length : 60;
}

/* Strings. */

int zipc_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits behind "\u". */
static int take_code_unit(struct zipc_scanner *s, const struct zipc_path *path,
			  uint32_t *unit)
{
	int i, digit;

	*unit = 0;
	for (i = 0; i < 4; i++, s->at++) {
		digit = zipc_hex_digit(s->text[s->at]);
		if (digit < 0)
			return zipc_scan_expected(
				s, path, "four hexadecimal digits after \\u");
		*unit = *unit << 4 | (uint32_t)digit;
	}
	return 0;
}

static int write_utf8(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static int take_unicode_escape(struct zipc_scanner *s,
			       const struct zipc_path *path, char out[4])
{
	size_t start = s->at - 2;
	uint32_t code, low;

	if (take_code_unit(s, path, &code))
		return -EINVAL;
	if (code >= 0xd800 && code <= 0xdbff && s->text[s->at] == '\\' &&
	    s->text[s->at + 1] == 'u') {
		s->at += 2;
		if (take_code_unit(s, path, &low))
			return -EINVAL;
		if (low >= 0xdc00 && low <= 0xdfff)
			code = 0x10000 + ((code - 0xd800) << 10) +
			       (low - 0xdc00);
	}
	if (code >= 0xd800 && code <= 0xdfff)
		return zipc_scan_fail(start, path, "half of a surrogate pair");
	return write_utf8(code, out);
}

static int take_escape(struct zipc_scanner *s, const struct zipc_path *path,
		       char out[4])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = s->text[s->at];
	const char *found = c ? strchr(from, c) : NULL;

	if (found) {
		s->at++;
		out[0] = to[found - from];
		return 1;
	}
	if (c != 'u')
		return zipc_scan_expected(s, path,
					  "one of \"\\/bfnrtu after \\");
	s->at++;
	return take_unicode_escape(s, path, out);
}

int zipc_scan_character(struct zipc_scanner *s, const struct zipc_path *path,
			char out[4])
{
	const char *next = s->text + s->at;
	uint32_t code;
	size_t length;

	if (!*next)
		return zipc_scan_fail(s->at, path, "the string has no end");
	s->at++;
	if (*next == '"')
		return 0;
	if (*next == '\\')
		return take_escape(s, path, out);
	length = zipc_utf8_read(next, strnlen(next, 4), &code);
	if (!length)
		return zipc_scan_fail(
			s->at - 1, path,
			"byte 0x%02x is not UTF-8; write other bytes "
			"than text as \"0x..\"",
			(unsigned char)*next);
	if (code < 0x20)
		return zipc_scan_fail(
			s->at - 1, path,
			"byte 0x%02x stands in a string as \\u%04x",
			(unsigned char)*next, (unsigned char)*next);
	s->at += length - 1;
	memcpy(out, next, length);
	return (int)length;
}

/*
 * Add a character, by its first byte, to a word. What is no part of any name
 * becomes '?', so that a NUL does not end the word early and messages stay one
 * line; nor is there a name of 79 bytes, so a word cut there is still none.
 */
static void keep(char word[ZIPC_WORD_SIZE], size_t *used, unsigned char first)
{
	if (*used == ZIPC_WORD_SIZE - 1)
		return;
	word[(*used)++] = first < ' ' || first > '~' ? '?' : (char)first;
	word[*used] = '\0';
}

int zipc_scan_word(struct zipc_scanner *s, const struct zipc_path *path,
		   char word[ZIPC_WORD_SIZE])
{
	size_t length = zipc_scan_token(s), used = 0;
	char next[4];
	int n;

	word[0] = '\0';
	for (; length; length--)
		keep(word, &used, (unsigned char)s->text[s->at++]);
	if (used)
		return 0;
	if (!zipc_scan_take(s, '"'))
		return 1;
	while ((n = zipc_scan_character(s, path, next)) > 0)
		keep(word, &used, (unsigned char)*next);
	return n;
}
