/* SPDX-License-Identifier: MIT */
/*
 * Printing a value as JSON: one line, with a blank after each comma and colon.
 *
 * A float gets the fewest digits that read back as the same float, in plain
 * notation from 1e-4 up to 1e16 and with an exponent elsewhere, and no ".0"
 * (but -0.0 keeps it: many readers take -0 for the integer 0).
 *
 * Bytes are a text, a JSON string, when they are printable UTF-8 and zeros at
 * the end alone; else "0x" and all of them in hexadecimal. A text that begins
 * with 0x is printed in hexadecimal too, so that nothing is ambiguous.
 */
#include "value.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zipc/type.h>

/* Takes all that is printed, and keeps what fits with its NUL. */
struct sink {
	char *text;
	size_t size;
	size_t length;
};

static void put(struct sink *sink, const char *text, size_t length)
{
	size_t room = 0;

	if (sink->length + 1 < sink->size)
		room = sink->size - 1 - sink->length;
	if (room)
		memcpy(sink->text + sink->length, text,
		       length < room ? length : room);
	sink->length += length;
}

static void put_text(struct sink *sink, const char *text)
{
	put(sink, text, strlen(text));
}

/* Integers. */

/* A segment is little-endian, and so is every machine that can map one. */
static uint64_t load(const void *bytes, uint64_t size)
{
	uint64_t value = 0;

	memcpy(&value, bytes, size);
	return value;
}

static void print_unsigned(struct sink *sink, const void *bytes, uint64_t size)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, load(bytes, size));
	put_text(sink, text);
}

static void print_signed(struct sink *sink, const void *bytes, uint64_t size)
{
	unsigned above = 64 - 8 * (unsigned)size;
	char text[24];

	/* Up and down again: the shift down repeats the sign. */
	snprintf(text, sizeof(text), "%" PRId64,
		 (int64_t)(load(bytes, size) << above) >> above);
	put_text(sink, text);
}

/* Floats. */

static int reads_back(const char *text, double value, uint64_t size)
{
	return size == 4 ? strtof(text, NULL) == (float)value
			 : strtod(text, NULL) == value;
}

/* From "d.ddde-NN" to the next number of as many digits away from zero. */
static int step_away(char *text)
{
	char *digit = strchr(text, 'e') - 1;

	for (; digit >= text; digit--) {
		if (*digit == '.' || *digit == '-')
			continue;
		if (*digit != '9') {
			++*digit;
			return 1;
		}
		*digit = '0';
	}
	return 0;
}

/*
 * The shortest "d.ddde-NN" that reads back as value. What fits in the DIG
 * digits that a float always carries comes out of the first try, with zeros at
 * its end; only a number below MIN carries fewer. A power of two has its lower
 * neighbour at half the distance of its upper, so the nearest text may miss it
 * from below when the next one above hits it.
 */
static void print_shortest(double value, uint64_t size, char text[40])
{
	double least = size == 4 ? (double)FLT_MIN : DBL_MIN;
	int most = size == 4 ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
	int digits = size == 4 ? FLT_DIG : DBL_DIG;

	if (fabs(value) < least)
		digits = 1;
	for (; digits <= most; digits++) {
		snprintf(text, 40, "%.*e", digits - 1, value);
		if (reads_back(text, value, size))
			return;
		if (step_away(text) && reads_back(text, value, size))
			return;
	}
}

/* From "d.ddd00e-NN" to "d.ddde-NN", or plain where that is easy to read. */
static void put_shortest(struct sink *sink, const char *text)
{
	char digits[20], exponent[16];
	int point = atoi(strchr(text, 'e') + 1) + 1;
	int n = 0;

	if (*text == '-')
		put(sink, text++, 1);
	for (; *text != 'e'; text++)
		if (*text != '.')
			digits[n++] = *text;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	if (point > 16 || point < -3) {
		put(sink, digits, 1);
		put(sink, ".", n > 1);
		put(sink, digits + 1, (size_t)n - 1);
		snprintf(exponent, sizeof(exponent), "e%+03d", point - 1);
		put_text(sink, exponent);
	} else if (point <= 0) {
		put(sink, "0.000", (size_t)(2 - point));
		put(sink, digits, (size_t)n);
	} else {
		put(sink, digits, (size_t)(n < point ? n : point));
		put(sink, "000000000000000",
		    (size_t)(n < point ? point - n : 0));
		put(sink, ".", n > point);
		put(sink, digits + point, (size_t)(n > point ? n - point : 0));
	}
}

static void print_float(struct sink *sink, const void *bytes, uint64_t size)
{
	char text[40];
	float single;
	double value;

	if (size == 4) {
		memcpy(&single, bytes, size);
		value = (double)single;
	} else {
		memcpy(&value, bytes, size);
	}
	if (isnan(value)) {
		put_text(sink, "\"nan\"");
	} else if (isinf(value)) {
		put_text(sink, value < 0 ? "\"-inf\"" : "\"inf\"");
	} else if (value == 0) {
		put_text(sink, signbit(value) ? "-0.0" : "0");
	} else {
		print_shortest(value, size, text);
		put_shortest(sink, text);
	}
}

/* Bytes. */

/* What follows the first byte of a character: [low, high], then any others. */
static size_t utf8_length(uint8_t first, uint8_t *low, uint8_t *high)
{
	*low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

size_t zipc_utf8_read(const void *bytes, size_t size, uint32_t *code)
{
	const uint8_t *at = bytes;
	uint8_t low, high;
	size_t i, length;

	if (!size)
		return 0;
	length = utf8_length(at[0], &low, &high);
	if (!length || length > size)
		return 0;
	*code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
	for (i = 1; i < length; i++) {
		if (at[i] < low || at[i] > high)
			return 0;
		*code = *code << 6 | (at[i] & 0x3fu);
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

/* U+0080 to U+009F are control characters as well, which terminals obey. */
static int is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

static int is_text(const uint8_t *bytes, uint64_t size)
{
	uint32_t code = 0;
	size_t length;

	if (size >= 2 && bytes[0] == '0' && bytes[1] == 'x')
		return 0;
	for (; size; bytes += length, size -= length) {
		length = zipc_utf8_read(bytes, size, &code);
		if (!length || is_control(code))
			return 0;
	}
	return 1;
}

static void put_escaped(struct sink *sink, const uint8_t *bytes, uint64_t size)
{
	for (; size; bytes++, size--) {
		if (*bytes == '"' || *bytes == '\\')
			put(sink, "\\", 1);
		put(sink, (const char *)bytes, 1);
	}
}

static void put_hexadecimal(struct sink *sink, const uint8_t *bytes,
			    uint64_t size)
{
	static const char digits[] = "0123456789abcdef";

	put(sink, "0x", 2);
	for (; size; bytes++, size--) {
		put(sink, &digits[*bytes >> 4], 1);
		put(sink, &digits[*bytes & 15], 1);
	}
}

static void print_bytes(struct sink *sink, const uint8_t *bytes, uint64_t size)
{
	uint64_t length = size;

	while (length && !bytes[length - 1])
		length--;
	put(sink, "\"", 1);
	if (is_text(bytes, length))
		put_escaped(sink, bytes, length);
	else
		put_hexadecimal(sink, bytes, size);
	put(sink, "\"", 1);
}

/* Arrays, records, and any value. */

static void print_value(struct sink *sink, const struct zipc_type *type,
			const uint8_t *bytes);

static void print_array(struct sink *sink, const struct zipc_type *type,
			const uint8_t *bytes)
{
	const struct zipc_type *element = zipc_type_element(type);
	uint64_t i, n = zipc_type_length(type);

	for (i = 0; i < n; i++) {
		put_text(sink, i ? ", " : "[");
		print_value(sink, element, bytes + i * zipc_type_size(element));
	}
	put_text(sink, "]");
}

static void print_record(struct sink *sink, const struct zipc_type *type,
			 const uint8_t *bytes)
{
	const struct zipc_type *field;
	const char *name;
	uint64_t i, offset;

	for (i = 0; (field = zipc_type_field(type, i, &name, &offset)); i++) {
		put_text(sink, i ? ", \"" : "{\"");
		put_text(sink, name);
		put_text(sink, "\": ");
		print_value(sink, field, bytes + offset);
	}
	put_text(sink, "}");
}

static void print_value(struct sink *sink, const struct zipc_type *type,
			const uint8_t *bytes)
{
	uint64_t size = zipc_type_size(type);

	switch (zipc_type_class(type)) {
	case ZIPC_TYPE_BOOL:
		put_text(sink, *bytes ? "true" : "false");
		break;
	case ZIPC_TYPE_INT:
		print_signed(sink, bytes, size);
		break;
	case ZIPC_TYPE_UINT:
		print_unsigned(sink, bytes, size);
		break;
	case ZIPC_TYPE_FLOAT:
		print_float(sink, bytes, size);
		break;
	case ZIPC_TYPE_BYTES:
		print_bytes(sink, bytes, size);
		break;
	case ZIPC_TYPE_ARRAY:
		print_array(sink, type, bytes);
		break;
	case ZIPC_TYPE_RECORD:
		print_record(sink, type, bytes);
		break;
	}
}

size_t zipc_value_print(const struct zipc_type *type, const void *bytes,
			char *text, size_t size)
{
	struct sink sink = {text, size, 0};
	/* In the C locale, whatever the program has chosen: 2.5, not 2,5. */
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL);
	locale_t before = uselocale(c);

	assert(type && bytes && (text || !size));
	print_value(&sink, type, bytes);
	if (size)
		text[sink.length < size ? sink.length : size - 1] = '\0';
	uselocale(before);
	/* libc has this locale built in, so making it does not fail. */
	if (c)
		freelocale(c);
	return sink.length;
}
