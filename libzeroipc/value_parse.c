/* SPDX-License-Identifier: MIT */
/*
 * Reading a value from JSON text. The type leads: what it does not name is an
 * error, and no text makes the recursion deeper than the type is.
 *
 * The text is read twice. The first reading has nowhere to store (bytes is
 * NULL) and finds every error, so that the caller's bytes change only when all
 * is well, and no copy of them is needed. The second checks everything again:
 * what it stores stays inside, even if another thread has changed the text.
 */
#include "error.h"
#include "type.h"
#include "value.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than the fields of any record, as zipc_type_parse() limits them. */
#define MAX_FIELDS 256
/* A word longer than any field name is no field's name. */
#define WORD_SIZE 80

struct reader {
	const char *text;
	size_t at;
};

/* Where the value goes; bytes NULL: nowhere. */
struct target {
	const struct zipc_type *type;
	uint8_t *bytes;
	const struct zipc_path *path;
};

/* Messages. */

/* Columns count bytes from 1; at counts them from 0. */
static int fail(size_t at, const struct zipc_path *path, const char *format,
		...) __attribute__((format(printf, 3, 4), cold));

static int fail(size_t at, const struct zipc_path *path, const char *format,
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

static void skip_blanks(struct reader *r)
{
	r->at += strspn(r->text + r->at, " \t\r\n");
}

static int expected(struct reader *r, const struct zipc_path *path,
		    const char *what)
{
	char found[16];
	int next;

	skip_blanks(r);
	next = (unsigned char)r->text[r->at];
	return fail(r->at, path, "expected %s, found %s", what,
		    zipc_character_print(next ? next : -1, found));
}

static int take(struct reader *r, char mark)
{
	skip_blanks(r);
	if (r->text[r->at] != mark)
		return 0;
	r->at++;
	return 1;
}

/* What may be a number or a bare word, up to the next mark or blank. */
static size_t token_length(struct reader *r)
{
	skip_blanks(r);
	return strspn(r->text + r->at, "0123456789+-._"
				       "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* For a message; a token can be as long as its text. */
static int shown(size_t length)
{
	return length < 60 ? (int)length : 60;
}

/* Strings. */

static int hex_digit(char c)
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
static int take_code_unit(struct reader *r, const struct zipc_path *path,
			  uint32_t *unit)
{
	int i, digit;

	*unit = 0;
	for (i = 0; i < 4; i++, r->at++) {
		digit = hex_digit(r->text[r->at]);
		if (digit < 0)
			return expected(r, path,
					"four hexadecimal digits after \\u");
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

static int take_unicode_escape(struct reader *r, const struct zipc_path *path,
			       char out[4])
{
	size_t start = r->at - 2;
	uint32_t code, low;

	if (take_code_unit(r, path, &code))
		return -EINVAL;
	if (code >= 0xd800 && code <= 0xdbff && r->text[r->at] == '\\' &&
	    r->text[r->at + 1] == 'u') {
		r->at += 2;
		if (take_code_unit(r, path, &low))
			return -EINVAL;
		if (low >= 0xdc00 && low <= 0xdfff)
			code = 0x10000 + ((code - 0xd800) << 10) +
			       (low - 0xdc00);
	}
	if (code >= 0xd800 && code <= 0xdfff)
		return fail(start, path, "half of a surrogate pair");
	return write_utf8(code, out);
}

static int take_escape(struct reader *r, const struct zipc_path *path,
		       char out[4])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = r->text[r->at];
	const char *found = c ? strchr(from, c) : NULL;

	if (found) {
		r->at++;
		out[0] = to[found - from];
		return 1;
	}
	if (c != 'u')
		return expected(r, path, "one of \"\\/bfnrtu after \\");
	r->at++;
	return take_unicode_escape(r, path, out);
}

/*
 * The next character of a string whose first quote is behind us: how many
 * bytes it has, or 0 at the last quote, which is taken; -EINVAL.
 */
static int take_character(struct reader *r, const struct zipc_path *path,
			  char out[4])
{
	const char *next = r->text + r->at;
	uint32_t code;
	size_t length;

	if (!*next)
		return fail(r->at, path, "the string has no end");
	r->at++;
	if (*next == '"')
		return 0;
	if (*next == '\\')
		return take_escape(r, path, out);
	length = zipc_utf8_read(next, strnlen(next, 4), &code);
	if (!length)
		return fail(r->at - 1, path,
			    "byte 0x%02x is not UTF-8; write other bytes "
			    "than text as \"0x..\"",
			    (unsigned char)*next);
	if (code < 0x20)
		return fail(r->at - 1, path,
			    "byte 0x%02x stands in a string as \\u%04x",
			    (unsigned char)*next, (unsigned char)*next);
	r->at += length - 1;
	memcpy(out, next, length);
	return (int)length;
}

/*
 * Add a character, by its first byte, to a word. What is no part of any name
 * becomes '?', so that a NUL does not end the word early and messages stay one
 * line; nor is there a name of 79 bytes, so a word cut there is still none.
 */
static void keep(char word[WORD_SIZE], size_t *used, unsigned char first)
{
	if (*used == WORD_SIZE - 1)
		return;
	word[(*used)++] = first < ' ' || first > '~' ? '?' : (char)first;
	word[*used] = '\0';
}

/*
 * A short word, bare or as a string, such as a field's name.
 * Returns 0; 1 with nothing taken where there is none; -EINVAL.
 */
static int take_word(struct reader *r, const struct zipc_path *path,
		     char word[WORD_SIZE])
{
	size_t length = token_length(r), used = 0;
	char next[4];
	int n;

	word[0] = '\0';
	for (; length; length--)
		keep(word, &used, (unsigned char)r->text[r->at++]);
	if (used)
		return 0;
	if (!take(r, '"'))
		return 1;
	while ((n = take_character(r, path, next)) > 0)
		keep(word, &used, (unsigned char)*next);
	return n;
}

/* Scalars. */

static void store(const struct target *to, const void *value)
{
	if (to->bytes)
		memcpy(to->bytes, value, zipc_type_size(to->type));
}

static int read_bool(struct reader *r, const struct target *to)
{
	size_t length = token_length(r);
	const char *token = r->text + r->at;
	uint8_t value = length == 4 && !memcmp(token, "true", 4);

	if (!value && !(length == 5 && !memcmp(token, "false", 5)))
		return expected(r, to->path, "true or false");
	r->at += length;
	store(to, &value);
	return 0;
}

/*
 * Digits, or 0x and hexadecimal ones.
 * Returns 0; -EINVAL no integer; -ERANGE beyond 64 bits.
 */
static int to_magnitude(const char *digits, size_t length, uint64_t *value)
{
	unsigned base = 10, overflow = 0;
	int digit;

	if (length > 2 && digits[0] == '0' &&
	    (digits[1] == 'x' || digits[1] == 'X')) {
		base = 16;
		digits += 2;
		length -= 2;
	} else if (!length || (length > 1 && digits[0] == '0')) {
		return -EINVAL;
	}
	for (*value = 0; length; digits++, length--) {
		digit = hex_digit(*digits);
		if (digit < 0 || digit >= (int)base)
			return -EINVAL;
		overflow |= __builtin_mul_overflow(*value, base, value);
		overflow |=
			__builtin_add_overflow(*value, (unsigned)digit, value);
	}
	return overflow ? -ERANGE : 0;
}

static int fail_in_range(size_t at, const struct target *to, const char *token,
			 size_t length)
{
	unsigned bits = 8 * (unsigned)zipc_type_size(to->type);
	uint64_t most = UINT64_MAX >> (64 - bits);
	const char *type = zipc_type_text(to->type);

	if (zipc_type_class(to->type) == ZIPC_TYPE_UINT)
		return fail(at, to->path,
			    "%.*s does not fit %s (0 to %" PRIu64 ")",
			    shown(length), token, type, most);
	return fail(at, to->path,
		    "%.*s does not fit %s (-%" PRIu64 " to %" PRIu64 ")",
		    shown(length), token, type, most / 2 + 1, most / 2);
}

static int read_integer(struct reader *r, const struct target *to)
{
	size_t length = token_length(r), start = r->at;
	const char *token = r->text + start;
	unsigned bits = 8 * (unsigned)zipc_type_size(to->type);
	uint64_t value, most = UINT64_MAX >> (64 - bits);
	size_t minus = *token == '-';
	int rc;

	if (!length)
		return expected(r, to->path, "an integer");
	rc = to_magnitude(token + minus, length - minus, &value);
	if (rc == -EINVAL)
		return fail(start, to->path, "%.*s is not an integer",
			    shown(length), token);
	if (zipc_type_class(to->type) == ZIPC_TYPE_INT)
		most = most / 2 + minus;
	else if (minus)
		most = 0;
	if (rc || value > most)
		return fail_in_range(start, to, token, length);
	r->at += length;
	/* A segment is little-endian, and so is what can map one. */
	if (minus)
		value = -value;
	store(to, &value);
	return 0;
}

/* strtod() reads more than JSON allows: " +.5", "0x1p3", "infinity". */
static int is_json_number(const char *token, size_t length)
{
	static const char digits[] = "0123456789";
	const char *at = token + (*token == '-');
	size_t n = strspn(at, digits);

	if (!n || (n > 1 && *at == '0'))
		return 0;
	at += n;
	if (*at == '.') {
		n = strspn(++at, digits);
		if (!n)
			return 0;
		at += n;
	}
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '+' || *at == '-';
		n = strspn(at, digits);
		if (!n)
			return 0;
		at += n;
	}
	return at == token + length;
}

static int is_special(const char *word, double *value)
{
	if (!strcmp(word, "nan"))
		*value = (double)NAN;
	else if (!strcmp(word, "inf"))
		*value = (double)INFINITY;
	else if (!strcmp(word, "-inf"))
		*value = -(double)INFINITY;
	else
		return 0;
	return 1;
}

static void store_float(const struct target *to, double value)
{
	float single = (float)value;

	store(to, zipc_type_size(to->type) == 4 ? (void *)&single : &value);
}

static int read_number(struct reader *r, const struct target *to, size_t length)
{
	const char *token = r->text + r->at;
	double value;

	/* strtof() for f32: rounding twice could end at its neighbour. */
	if (zipc_type_size(to->type) == 4)
		value = (double)strtof(token, NULL);
	else
		value = strtod(token, NULL);
	if (isinf(value))
		return fail(r->at, to->path, "%.*s does not fit %s",
			    shown(length), token, zipc_type_text(to->type));
	r->at += length;
	store_float(to, value);
	return 0;
}

static int read_float(struct reader *r, const struct target *to)
{
	size_t length = token_length(r), start = r->at;
	char word[WORD_SIZE];
	double value;
	int rc;

	if (length && is_json_number(r->text + start, length))
		return read_number(r, to, length);
	rc = take_word(r, to->path, word);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return expected(r, to->path, "a number");
	if (!is_special(word, &value))
		return fail(start, to->path,
			    "%s is not a number, nan, inf or -inf", word);
	store_float(to, value);
	return 0;
}

/* Bytes. */

/* Whether the string begins with 0x, however that is escaped. */
static int take_hex_prefix(struct reader *r, const struct zipc_path *path)
{
	char first[4], second[4];
	size_t start = r->at;
	int n;

	n = take_character(r, path, first);
	if (n == 1 && *first == '0')
		n = take_character(r, path, second);
	else if (n >= 0)
		n = 0;
	if (n < 0)
		return n;
	if (n == 1 && *second == 'x')
		return 1;
	r->at = start;
	return 0;
}

static int read_hex_bytes(struct reader *r, const struct target *to)
{
	uint64_t digits = 2 * zipc_type_size(to->type), n = 0;
	size_t at = r->at;
	uint8_t byte = 0;
	char next[4];
	int length;

	while ((length = take_character(r, to->path, next)) > 0) {
		int digit = length == 1 ? hex_digit(*next) : -1;

		if (digit < 0)
			return fail(at, to->path,
				    "only hexadecimal digits follow 0x");
		byte = (uint8_t)(byte << 4 | digit);
		if (n % 2 && n < digits && to->bytes)
			to->bytes[n / 2] = byte;
		n++;
		at = r->at;
	}
	if (length < 0)
		return length;
	if (n != digits)
		return fail(at, to->path,
			    "%" PRIu64 " hexadecimal digits, not the %" PRIu64
			    " of %s",
			    n, digits, zipc_type_text(to->type));
	return 0;
}

static int read_text_bytes(struct reader *r, const struct target *to)
{
	uint64_t size = zipc_type_size(to->type), used = 0;
	size_t start = r->at;
	char next[4];
	int length;

	while ((length = take_character(r, to->path, next)) > 0) {
		if (to->bytes && used + (uint64_t)length <= size)
			memcpy(to->bytes + used, next, (size_t)length);
		used += (uint64_t)length;
	}
	if (length < 0)
		return length;
	if (used > size)
		return fail(start - 1, to->path,
			    "a string of %" PRIu64 " bytes does not fit %s",
			    used, zipc_type_text(to->type));
	return 0;
}

static int read_bytes(struct reader *r, const struct target *to)
{
	int hex;

	if (!take(r, '"'))
		return expected(r, to->path, "a string");
	hex = take_hex_prefix(r, to->path);
	if (hex < 0)
		return hex;
	return hex ? read_hex_bytes(r, to) : read_text_bytes(r, to);
}

/* Arrays, records, and any value. */

static int read_value(struct reader *r, const struct target *to);

static int read_array(struct reader *r, const struct target *to)
{
	uint64_t n = zipc_type_length(to->type);
	struct zipc_path path = {.outer = to->path};
	struct target element = {zipc_type_element(to->type), to->bytes, &path};

	if (!take(r, '['))
		return expected(r, to->path, "'['");
	for (; path.index < n; path.index++) {
		if (path.index && !take(r, ',')) {
			if (!take(r, ']'))
				return expected(r, to->path, "',' or ']'");
			return fail(r->at - 1, to->path,
				    "%" PRIu64 " elements, not the array's "
				    "%" PRIu64,
				    path.index, n);
		}
		if (read_value(r, &element))
			return -EINVAL;
		if (element.bytes)
			element.bytes += zipc_type_size(element.type);
	}
	if (take(r, ']'))
		return 0;
	if (take(r, ','))
		return fail(r->at - 1, to->path,
			    "more than the array's %" PRIu64 " elements", n);
	return expected(r, to->path, "']'");
}

static int fail_in_name(size_t at, const struct target *record,
			const char *word)
{
	char names[300];
	const char *name;
	size_t used = 0;
	uint64_t i;

	for (i = 0; zipc_type_field(record->type, i, &name, NULL); i++) {
		if (used + strlen(", ") + strlen(name) + sizeof(", ..") >
		    sizeof(names)) {
			strcpy(names + used, ", ..");
			break;
		}
		used += (size_t)sprintf(names + used, "%s%s", i ? ", " : "",
					name);
	}
	return fail(at, record->path, "no field %s; there %s %s", word,
		    i == 1 ? "is" : "are", names);
}

/* A field's name and ':'. Its index in the record, or -EINVAL. */
static int take_name(struct reader *r, const struct target *record)
{
	char word[WORD_SIZE];
	const char *name;
	size_t start;
	uint64_t i;
	int rc;

	skip_blanks(r);
	start = r->at;
	rc = take_word(r, record->path, word);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return expected(r, record->path, "a field name");
	for (i = 0; zipc_type_field(record->type, i, &name, NULL); i++)
		if (!strcmp(name, word)) {
			if (take(r, ':'))
				return (int)i;
			return expected(r, record->path,
					"':' after a field name");
		}
	return fail_in_name(start, record, word);
}

static int read_field(struct reader *r, const struct target *record,
		      uint8_t seen[MAX_FIELDS])
{
	struct zipc_path path = {.outer = record->path};
	struct target field = {.path = &path};
	uint64_t offset;
	size_t start;
	int i;

	skip_blanks(r);
	start = r->at;
	i = take_name(r, record);
	if (i < 0)
		return i;
	field.type =
		zipc_type_field(record->type, (uint64_t)i, &path.name, &offset);
	if (seen[i]++)
		return fail(start, &path, "it stands here twice");
	if (record->bytes)
		field.bytes = record->bytes + offset;
	return read_value(r, &field);
}

static int read_record(struct reader *r, const struct target *to)
{
	uint8_t seen[MAX_FIELDS] = {0};

	if (!take(r, '{'))
		return expected(r, to->path, "'{'");
	if (take(r, '}'))
		return 0;
	do {
		if (read_field(r, to, seen))
			return -EINVAL;
	} while (take(r, ','));
	if (take(r, '}'))
		return 0;
	return expected(r, to->path, "',' or '}'");
}

static int read_value(struct reader *r, const struct target *to)
{
	switch (zipc_type_class(to->type)) {
	case ZIPC_TYPE_BOOL:
		return read_bool(r, to);
	case ZIPC_TYPE_INT:
	case ZIPC_TYPE_UINT:
		return read_integer(r, to);
	case ZIPC_TYPE_FLOAT:
		return read_float(r, to);
	case ZIPC_TYPE_BYTES:
		return read_bytes(r, to);
	case ZIPC_TYPE_ARRAY:
		return read_array(r, to);
	case ZIPC_TYPE_RECORD:
		return read_record(r, to);
	}
	assert(!"a type has one of the classes above");
	return -EINVAL;
}

static int read_whole(const struct zipc_type *type, const char *text,
		      uint8_t *bytes)
{
	struct reader r = {text, 0};
	struct target whole = {type, bytes, NULL};

	if (read_value(&r, &whole))
		return -EINVAL;
	skip_blanks(&r);
	return r.text[r.at] ? expected(&r, NULL, "the end") : 0;
}

int zipc_value_parse(const struct zipc_type *type, const char *text,
		     void *bytes)
{
	/* In the C locale, whatever the program has chosen: 2.5, not 2,5. */
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL);
	locale_t before;
	int rc;

	assert(type && text && bytes);
	if (!c)
		return zipc_fail(ENOMEM, "value: no memory for the C locale");
	before = uselocale(c);
	rc = read_whole(type, text, NULL);
	if (!rc) {
		memset(bytes, 0, zipc_type_size(type));
		rc = read_whole(type, text, bytes);
	}
	uselocale(before);
	freelocale(c);
	return rc;
}
