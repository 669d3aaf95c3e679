/* SPDX-License-Identifier: MIT */
/*
 * Reading what has no parts: truth, numbers and bytes. The C locale is set
 * (zipc_value_parse).
 */
#include "value_read.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void store(const struct zipc_target *to, const void *value)
{
	if (to->bytes)
		memcpy(to->bytes, value, zipc_type_size(to->type));
}

int zipc_read_bool(struct zipc_scanner *s, const struct zipc_target *to)
{
	size_t length = zipc_scan_token(s);
	const char *token = s->text + s->at;
	uint8_t value = length == 4 && !memcmp(token, "true", 4);

	if (!value && !(length == 5 && !memcmp(token, "false", 5)))
		return zipc_scan_expected(s, to->path, "true or false");
	s->at += length;
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
		digit = zipc_hex_digit(*digits);
		if (digit < 0 || digit >= (int)base)
			return -EINVAL;
		overflow |= __builtin_mul_overflow(*value, base, value);
		overflow |=
			__builtin_add_overflow(*value, (unsigned)digit, value);
	}
	return overflow ? -ERANGE : 0;
}

static int fail_in_range(size_t at, const struct zipc_target *to,
			 const char *token, size_t length)
{
	unsigned bits = 8 * (unsigned)zipc_type_size(to->type);
	uint64_t most = UINT64_MAX >> (64 - bits);
	const char *type = zipc_type_text(to->type);

	if (zipc_type_class(to->type) == ZIPC_TYPE_UINT)
		return zipc_scan_fail(
			at, to->path, "%.*s does not fit %s (0 to %" PRIu64 ")",
			zipc_scan_shown(length), token, type, most);
	return zipc_scan_fail(
		at, to->path,
		"%.*s does not fit %s (-%" PRIu64 " to %" PRIu64 ")",
		zipc_scan_shown(length), token, type, most / 2 + 1, most / 2);
}

int zipc_read_integer(struct zipc_scanner *s, const struct zipc_target *to)
{
	size_t length = zipc_scan_token(s), start = s->at;
	const char *token = s->text + start;
	unsigned bits = 8 * (unsigned)zipc_type_size(to->type);
	uint64_t value, most = UINT64_MAX >> (64 - bits);
	size_t minus = *token == '-';
	int rc;

	if (!length)
		return zipc_scan_expected(s, to->path, "an integer");
	rc = to_magnitude(token + minus, length - minus, &value);
	if (rc == -EINVAL)
		return zipc_scan_fail(start, to->path, "%.*s is not an integer",
				      zipc_scan_shown(length), token);
	if (zipc_type_class(to->type) == ZIPC_TYPE_INT)
		most = most / 2 + minus;
	else if (minus)
		most = 0;
	if (rc || value > most)
		return fail_in_range(start, to, token, length);
	s->at += length;
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

static void store_float(const struct zipc_target *to, double value)
{
	float single = (float)value;

	store(to, zipc_type_size(to->type) == 4 ? (void *)&single : &value);
}

static int read_number(struct zipc_scanner *s, const struct zipc_target *to,
		       size_t length)
{
	const char *token = s->text + s->at;
	double value;

	/* strtof() for f32: rounding twice could end at its neighbour. */
	if (zipc_type_size(to->type) == 4)
		value = (double)strtof(token, NULL);
	else
		value = strtod(token, NULL);
	if (isinf(value))
		return zipc_scan_fail(s->at, to->path, "%.*s does not fit %s",
				      zipc_scan_shown(length), token,
				      zipc_type_text(to->type));
	s->at += length;
	store_float(to, value);
	return 0;
}

int zipc_read_float(struct zipc_scanner *s, const struct zipc_target *to)
{
	size_t length = zipc_scan_token(s), start = s->at;
	char word[ZIPC_WORD_SIZE];
	double value;
	int rc;

	if (length && is_json_number(s->text + start, length))
		return read_number(s, to, length);
	rc = zipc_scan_word(s, to->path, word);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return zipc_scan_expected(s, to->path, "a number");
	if (!is_special(word, &value))
		return zipc_scan_fail(start, to->path,
				      "%s is not a number, nan, inf or -inf",
				      word);
	store_float(to, value);
	return 0;
}

/* Bytes. */

/* Whether the string begins with 0x, however that is escaped. */
static int take_hex_prefix(struct zipc_scanner *s, const struct zipc_path *path)
{
	char first[4], second[4];
	size_t start = s->at;
	int n;

	n = zipc_scan_character(s, path, first);
	if (n == 1 && *first == '0')
		n = zipc_scan_character(s, path, second);
	else if (n >= 0)
		n = 0;
	if (n < 0)
		return n;
	if (n == 1 && *second == 'x')
		return 1;
	s->at = start;
	return 0;
}

static int read_hex_bytes(struct zipc_scanner *s, const struct zipc_target *to)
{
	uint64_t digits = 2 * zipc_type_size(to->type), n = 0;
	size_t at = s->at;
	uint8_t byte = 0;
	char next[4];
	int length;

	while ((length = zipc_scan_character(s, to->path, next)) > 0) {
		int digit = length == 1 ? zipc_hex_digit(*next) : -1;

		if (digit < 0)
			return zipc_scan_fail(
				at, to->path,
				"only hexadecimal digits follow 0x");
		byte = (uint8_t)(byte << 4 | digit);
		if (n % 2 && n < digits && to->bytes)
			to->bytes[n / 2] = byte;
		n++;
		at = s->at;
	}
	if (length < 0)
		return length;
	if (n != digits)
		return zipc_scan_fail(at, to->path,
				      "%" PRIu64
				      " hexadecimal digits, not the %" PRIu64
				      " of %s",
				      n, digits, zipc_type_text(to->type));
	return 0;
}

static int read_text_bytes(struct zipc_scanner *s, const struct zipc_target *to)
{
	uint64_t size = zipc_type_size(to->type), used = 0;
	size_t start = s->at;
	char next[4];
	int length;

	while ((length = zipc_scan_character(s, to->path, next)) > 0) {
		if (to->bytes && used + (uint64_t)length <= size)
			memcpy(to->bytes + used, next, (size_t)length);
		used += (uint64_t)length;
	}
	if (length < 0)
		return length;
	if (used > size)
		return zipc_scan_fail(start - 1, to->path,
				      "a string of %" PRIu64
				      " bytes does not fit %s",
				      used, zipc_type_text(to->type));
	return 0;
}

int zipc_read_bytes(struct zipc_scanner *s, const struct zipc_target *to)
{
	int hex;

	if (!zipc_scan_take(s, '"'))
		return zipc_scan_expected(s, to->path, "a string");
	hex = take_hex_prefix(s, to->path);
	if (hex < 0)
		return hex;
	return hex ? read_hex_bytes(s, to) : read_text_bytes(s, to);
}
