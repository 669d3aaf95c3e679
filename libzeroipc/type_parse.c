/* SPDX-License-Identifier: MIT */
/*
 * The grammar of types: a parser of recursive descent, which lays each type out
 * as C does on its way.
 *
 * The text may come from a damaged segment, so nothing in it is trusted: what
 * is no ASCII is refused before parsing begins, recursion ends at MAX_LEVELS,
 * and as no size passes MAX_SIZE, no sum of them overflows.
 */
#include "type.h"

#include "error.h"
#include "type_draft.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_LEVELS 16
#define MAX_SIZE (UINT64_C(1) << 30)
#define MAX_NAME 63

static const struct {
	char name[5];
	enum zipc_type_class class;
	unsigned size_bytes;
} scalars[] = {
	{"bool", ZIPC_TYPE_BOOL, 1}, {"i8", ZIPC_TYPE_INT, 1},
	{"u8", ZIPC_TYPE_UINT, 1},   {"i16", ZIPC_TYPE_INT, 2},
	{"u16", ZIPC_TYPE_UINT, 2},  {"i32", ZIPC_TYPE_INT, 4},
	{"u32", ZIPC_TYPE_UINT, 4},  {"i64", ZIPC_TYPE_INT, 8},
	{"u64", ZIPC_TYPE_UINT, 8},  {"f32", ZIPC_TYPE_FLOAT, 4},
	{"f64", ZIPC_TYPE_FLOAT, 8},
};
#define SCALARS (sizeof(scalars) / sizeof(scalars[0]))

struct parser {
	const char *text;
	size_t length;
	size_t at;
	struct zipc_drafts *drafts;
};

/* Messages. */

const char *zipc_character_print(int character, char text[16])
{
	if (character < 0)
		return "the end";
	if (character >= ' ' && character <= '~')
		snprintf(text, 16, "'%c'", character);
	else
		snprintf(text, 16, "byte 0x%02x", (unsigned char)character);
	return text;
}

/* Columns count bytes from 1; at counts them from 0. */
static int fail(size_t at, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

static int fail(size_t at, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return zipc_fail(EINVAL, "type: column %zu: %s", at + 1, what);
}

static void skip_blanks(struct parser *p)
{
	while (p->at < p->length && strchr(" \t\r\n", p->text[p->at]))
		p->at++;
}

static int expected(struct parser *p, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

static int expected(struct parser *p, const char *format, ...)
{
	char what[256], found[16];
	int next = -1;
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	skip_blanks(p);
	if (p->at < p->length)
		next = (unsigned char)p->text[p->at];
	return fail(p->at, "expected %s, found %s", what,
		    zipc_character_print(next, found));
}

/* Words and marks. */

static int take(struct parser *p, char mark)
{
	skip_blanks(p);
	if (p->at == p->length || p->text[p->at] != mark)
		return 0;
	p->at++;
	return 1;
}

/* Not isalpha() and the like, which ask the locale. */
static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A word has length 0 where there is none. */
static struct zipc_span take_word(struct parser *p)
{
	struct zipc_span word = {NULL, 0};

	skip_blanks(p);
	word.start = p->text + p->at;
	if (p->at == p->length || !is_letter(*word.start))
		return word;
	while (p->at < p->length &&
	       (is_letter(p->text[p->at]) || is_digit(p->text[p->at])))
		p->at++;
	word.length = (size_t)(p->text + p->at - word.start);
	return word;
}

static int is_word(struct zipc_span word, const char *other)
{
	return word.length == strlen(other) &&
	       !memcmp(word.start, other, word.length);
}

/* From 1 to MAX_SIZE, which keeps every product of two in 64 bits. */
static int take_length(struct parser *p, const char *of, uint64_t *length)
{
	size_t start;
	uint64_t value = 0;

	skip_blanks(p);
	start = p->at;
	if (p->at == p->length || !is_digit(p->text[p->at]))
		return expected(p, "the length of %s", of);
	if (p->text[p->at] == '0')
		return fail(p->at, "a length begins with a digit from 1 to 9");
	for (; p->at < p->length && is_digit(p->text[p->at]); p->at++) {
		value = value * 10 + (uint64_t)(p->text[p->at] - '0');
		if (value > MAX_SIZE)
			return fail(start, "a length is at most %" PRIu64,
				    MAX_SIZE);
	}
	*length = value;
	return 0;
}

static size_t digits(uint64_t value)
{
	size_t n = 1;

	while (value /= 10)
		n++;
	return n;
}

/* The grammar: each returns the index of its draft, or -EINVAL. */

static int parse_type(struct parser *p, unsigned enclosing);

static int fail_in_levels(size_t at)
{
	return fail(at, "more than %d levels of arrays and records",
		    MAX_LEVELS);
}

static int fail_in_size(size_t at)
{
	return fail(at, "the type takes more than 1 GiB");
}

static int add(struct parser *p, size_t start, const struct zipc_draft *draft)
{
	if (draft->levels > MAX_LEVELS)
		return fail_in_levels(start);
	if (draft->size > MAX_SIZE)
		return fail_in_size(start);
	if (p->drafts->count == ZIPC_TYPE_MAX_DRAFTS)
		return fail(start, "more than %d types, inner ones counted",
			    ZIPC_TYPE_MAX_DRAFTS);
	p->drafts->at[p->drafts->count] = *draft;
	return (int)p->drafts->count++;
}

static int parse_bytes(struct parser *p, size_t start)
{
	struct zipc_draft draft = {
		.class = ZIPC_TYPE_BYTES,
		.align = 1,
		.levels = 1,
		.children = ZIPC_NO_DRAFT,
		.next = ZIPC_NO_DRAFT,
	};

	if (!take(p, ':'))
		return expected(p, "':' and a length after `bytes`");
	if (take_length(p, "`bytes`", &draft.size))
		return -EINVAL;
	draft.text_length = strlen("bytes:") + digits(draft.size);
	return add(p, start, &draft);
}

static int parse_scalar(struct parser *p, struct zipc_span word)
{
	struct zipc_draft draft = {
		.levels = 1,
		.text_length = word.length,
		.scalar = word,
		.children = ZIPC_NO_DRAFT,
		.next = ZIPC_NO_DRAFT,
	};
	size_t i, start = (size_t)(word.start - p->text);

	for (i = 0; i < SCALARS && !is_word(word, scalars[i].name); i++)
		;
	if (i == SCALARS)
		return fail(start,
			    "unknown type `%.*s`; there are bool, i8 to i64, "
			    "u8 to u64, f32, f64, bytes:N, T[N], {name:T, ..}",
			    (int)(word.length < 80 ? word.length : 80),
			    word.start);
	draft.class = scalars[i].class;
	draft.size = scalars[i].size_bytes;
	draft.align = scalars[i].size_bytes;
	return add(p, start, &draft);
}

static int parse_named(struct parser *p)
{
	struct zipc_span word = take_word(p);

	if (!word.length)
		return expected(p, "a type");
	if (is_word(word, "bytes"))
		return parse_bytes(p, (size_t)(word.start - p->text));
	return parse_scalar(p, word);
}

static int add_array(struct parser *p, size_t start, int element,
		     uint64_t length)
{
	const struct zipc_draft *of = &p->drafts->at[element];
	struct zipc_draft draft = {
		.class = ZIPC_TYPE_ARRAY,
		.size = length * of->size,
		.align = of->align,
		.count = length,
		.levels = of->levels + 1,
		.text_length = of->text_length + digits(length) + 2,
		.children = element,
		.next = ZIPC_NO_DRAFT,
	};

	return add(p, start, &draft);
}

/* As in C the first length is the outermost: x[3][2] is three times [2]. */
static int parse_lengths(struct parser *p, size_t start, int element)
{
	uint64_t lengths[MAX_LEVELS];
	unsigned n = 0;

	while (element >= 0 && take(p, '[')) {
		if (n == MAX_LEVELS)
			return fail_in_levels(start);
		if (take_length(p, "an array", &lengths[n++]))
			return -EINVAL;
		if (!take(p, ']'))
			return expected(p, "']' after an array's length");
	}
	while (element >= 0 && n)
		element = add_array(p, start, element, lengths[--n]);
	return element;
}

static int is_taken(const struct parser *p, const struct zipc_draft *record,
		    struct zipc_span name)
{
	const struct zipc_draft *field;
	int i;

	for (i = record->children; i != ZIPC_NO_DRAFT; i = field->next) {
		field = &p->drafts->at[i];
		if (field->name.length == name.length &&
		    !memcmp(field->name.start, name.start, name.length))
			return 1;
	}
	return 0;
}

static uint64_t round_up(uint64_t bytes, uint64_t align)
{
	return (bytes + align - 1) & ~(align - 1);
}

/* Behind the fields so far, where a C compiler would put it. */
static void place_field(struct zipc_draft *record, struct zipc_draft *field)
{
	field->offset = round_up(record->size, field->align);
	record->size = field->offset + field->size;
	if (field->align > record->align)
		record->align = field->align;
	if (field->levels >= record->levels)
		record->levels = field->levels + 1;
	record->text_length += (record->count++ ? strlen(", ") : 0) +
			       field->name.length + strlen(":") +
			       field->text_length;
}

static int parse_field(struct parser *p, struct zipc_draft *record,
		       unsigned enclosing)
{
	struct zipc_span name = take_word(p);
	size_t start = (size_t)(name.start - p->text);
	int field;

	if (!name.length)
		return expected(p, "a field name");
	if (name.length > MAX_NAME)
		return fail(start, "a field name has at most %d characters",
			    MAX_NAME);
	if (is_taken(p, record, name))
		return fail(start, "the record has two fields `%.*s`",
			    (int)name.length, name.start);
	if (!take(p, ':'))
		return expected(p, "':' after field name `%.*s`",
				(int)name.length, name.start);
	field = parse_type(p, enclosing);
	if (field < 0)
		return field;
	p->drafts->at[field].name = name;
	place_field(record, &p->drafts->at[field]);
	if (record->size > MAX_SIZE)
		return fail_in_size(start);
	return field;
}

static int parse_record(struct parser *p, size_t start, unsigned enclosing)
{
	struct zipc_draft record = {
		.class = ZIPC_TYPE_RECORD,
		.align = 1,
		.text_length = strlen("{}"),
		.children = ZIPC_NO_DRAFT,
		.next = ZIPC_NO_DRAFT,
	};
	int *link = &record.children;

	do {
		int field = parse_field(p, &record, enclosing + 1);

		if (field < 0)
			return field;
		*link = field;
		link = &p->drafts->at[field].next;
	} while (take(p, ','));
	if (!take(p, '}'))
		return expected(p, "',' or '}' in a record");
	record.size = round_up(record.size, record.align);
	return add(p, start, &record);
}

/* enclosing: the records around it, which bounds the recursion. */
static int parse_type(struct parser *p, unsigned enclosing)
{
	size_t start;
	int type;

	skip_blanks(p);
	start = p->at;
	if (enclosing == MAX_LEVELS)
		return fail_in_levels(start);
	if (take(p, '{'))
		type = parse_record(p, start, enclosing);
	else
		type = parse_named(p);
	return parse_lengths(p, start, type);
}

static int parse_text(struct parser *p)
{
	size_t i;
	int root;

	if (p->length > ZIPC_TYPE_MAX)
		return fail(ZIPC_TYPE_MAX, "the text is longer than %d",
			    ZIPC_TYPE_MAX);
	for (i = 0; i < p->length; i++) {
		if (!p->text[i])
			return fail(i, "a NUL inside the text");
		if ((unsigned char)p->text[i] > '~')
			return fail(i, "byte 0x%02x is not printable ASCII",
				    (unsigned char)p->text[i]);
	}
	root = parse_type(p, 0);
	if (root < 0)
		return root;
	skip_blanks(p);
	if (p->at != p->length)
		return expected(p, "'[' or the end");
	if (p->drafts->at[root].text_length > ZIPC_TYPE_MAX)
		return fail(p->length,
			    "the canonical spelling, which has a blank after "
			    "each comma, is longer than %d",
			    ZIPC_TYPE_MAX);
	return root;
}

int zipc_type_draft(struct zipc_drafts *drafts, const char *text, size_t length)
{
	struct parser p = {.text = text, .length = length, .drafts = drafts};

	drafts->count = 0;
	return parse_text(&p);
}
