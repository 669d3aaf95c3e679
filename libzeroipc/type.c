/* SPDX-License-Identifier: MIT */
/*
 * Types: a text is parsed, laid out as C does, and spelled in the one way.
 *
 * A parser of recursive descent makes a draft of each type, inner ones first,
 * which knows its children by index. Then one allocation takes all nodes, names
 * and texts. Nodes lie breadth first: a record's fields are neighbours, so any
 * of them is found at once, and children come after their parents.
 *
 * The text may come from a damaged segment, so nothing in it is trusted: what
 * is no ASCII is refused before parsing begins, recursion ends at MAX_LEVELS,
 * and as no size passes MAX_SIZE, no sum of them overflows.
 */
#include "type.h"

#include "error.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEVELS 16
#define MAX_TYPES 256
#define MAX_SIZE (UINT64_C(1) << 30)
#define MAX_NAME 63

struct zipc_type {
	enum zipc_type_class class;
	uint64_t size_bytes;
	uint64_t align_bytes;
	uint64_t count; /* children: an array's elements, a record's fields */
	const struct zipc_type *children; /* one for all elements; each field */
	const char *text;
	/* where it is a record's field */
	const char *name;
	uint64_t offset_bytes;
};

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

/* A part of the parsed text. */
struct span {
	const char *start;
	size_t length;
};

#define NONE (-1)

struct draft {
	enum zipc_type_class class;
	uint64_t size;
	uint64_t align;
	uint64_t count;
	unsigned levels;    /* itself and what is inside */
	size_t text_length; /* of the canonical spelling */
	struct span scalar; /* its name */
	int children;       /* the first one, or NONE */
	/* where it is a record's field */
	int next; /* field, or NONE */
	struct span name;
	uint64_t offset;
};

struct parser {
	const char *text;
	size_t length;
	size_t at;
	unsigned count; /* drafts */
	struct draft drafts[MAX_TYPES];
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
static struct span take_word(struct parser *p)
{
	struct span word = {NULL, 0};

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

static int is_word(struct span word, const char *other)
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

static int add(struct parser *p, size_t start, const struct draft *draft)
{
	if (draft->levels > MAX_LEVELS)
		return fail_in_levels(start);
	if (draft->size > MAX_SIZE)
		return fail_in_size(start);
	if (p->count == MAX_TYPES)
		return fail(start, "more than %d types, inner ones counted",
			    MAX_TYPES);
	p->drafts[p->count] = *draft;
	return (int)p->count++;
}

static int parse_bytes(struct parser *p, size_t start)
{
	struct draft draft = {
		.class = ZIPC_TYPE_BYTES,
		.align = 1,
		.levels = 1,
		.children = NONE,
		.next = NONE,
	};

	if (!take(p, ':'))
		return expected(p, "':' and a length after `bytes`");
	if (take_length(p, "`bytes`", &draft.size))
		return -EINVAL;
	draft.text_length = strlen("bytes:") + digits(draft.size);
	return add(p, start, &draft);
}

static int parse_scalar(struct parser *p, struct span word)
{
	struct draft draft = {
		.levels = 1,
		.text_length = word.length,
		.scalar = word,
		.children = NONE,
		.next = NONE,
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
	struct span word = take_word(p);

	if (!word.length)
		return expected(p, "a type");
	if (is_word(word, "bytes"))
		return parse_bytes(p, (size_t)(word.start - p->text));
	return parse_scalar(p, word);
}

static int add_array(struct parser *p, size_t start, int element,
		     uint64_t length)
{
	const struct draft *of = &p->drafts[element];
	struct draft draft = {
		.class = ZIPC_TYPE_ARRAY,
		.size = length * of->size,
		.align = of->align,
		.count = length,
		.levels = of->levels + 1,
		.text_length = of->text_length + digits(length) + 2,
		.children = element,
		.next = NONE,
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

static int is_taken(const struct parser *p, const struct draft *record,
		    struct span name)
{
	int i;

	for (i = record->children; i != NONE; i = p->drafts[i].next)
		if (p->drafts[i].name.length == name.length &&
		    !memcmp(p->drafts[i].name.start, name.start, name.length))
			return 1;
	return 0;
}

static uint64_t round_up(uint64_t bytes, uint64_t align)
{
	return (bytes + align - 1) & ~(align - 1);
}

/* Behind the fields so far, where a C compiler would put it. */
static void place_field(struct draft *record, struct draft *field)
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

static int parse_field(struct parser *p, struct draft *record,
		       unsigned enclosing)
{
	struct span name = take_word(p);
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
	p->drafts[field].name = name;
	place_field(record, &p->drafts[field]);
	if (record->size > MAX_SIZE)
		return fail_in_size(start);
	return field;
}

static int parse_record(struct parser *p, size_t start, unsigned enclosing)
{
	struct draft record = {
		.class = ZIPC_TYPE_RECORD,
		.align = 1,
		.text_length = strlen("{}"),
		.children = NONE,
		.next = NONE,
	};
	int *link = &record.children;

	do {
		int field = parse_field(p, &record, enclosing + 1);

		if (field < 0)
			return field;
		*link = field;
		link = &p->drafts[field].next;
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
	if (p->drafts[root].text_length > ZIPC_TYPE_MAX)
		return fail(p->length,
			    "the canonical spelling, which has a blank after "
			    "each comma, is longer than %d",
			    ZIPC_TYPE_MAX);
	return root;
}

/* From drafts to nodes. */

static char *write_lengths(const struct zipc_type *type, char *to)
{
	for (; type->class == ZIPC_TYPE_ARRAY; type = type->children)
		to += sprintf(to, "[%" PRIu64 "]", type->count);
	return to;
}

static char *write_record(const struct zipc_type *type, char *to)
{
	uint64_t i;

	for (i = 0; i < type->count; i++) {
		to = stpcpy(to, i ? ", " : "{");
		to = stpcpy(to, type->children[i].name);
		to = stpcpy(to, ":");
		to = stpcpy(to, type->children[i].text);
	}
	return stpcpy(to, "}");
}

/* The children of type have their texts already. */
static char *write_text(const struct zipc_type *type, const struct draft *draft,
			char *to)
{
	const struct zipc_type *innermost = type;

	switch (type->class) {
	case ZIPC_TYPE_BYTES:
		return to + sprintf(to, "bytes:%" PRIu64, type->size_bytes);
	case ZIPC_TYPE_ARRAY:
		while (innermost->class == ZIPC_TYPE_ARRAY)
			innermost = innermost->children;
		return write_lengths(type, stpcpy(to, innermost->text));
	case ZIPC_TYPE_RECORD:
		return write_record(type, to);
	default:
		to = mempcpy(to, draft->scalar.start, draft->scalar.length);
		*to = '\0';
		return to;
	}
}

static void fill_node(struct zipc_type *node, const struct draft *draft,
		      char **pool)
{
	node->class = draft->class;
	node->size_bytes = draft->size;
	node->align_bytes = draft->align;
	node->count = draft->count;
	node->offset_bytes = draft->offset;
	node->name = NULL;
	if (draft->name.length) {
		node->name = *pool;
		*pool = mempcpy(*pool, draft->name.start, draft->name.length);
		*(*pool)++ = '\0';
	}
}

/* Breadth first; each node remembers its draft in from[]. */
static void place_nodes(const struct parser *p, int root,
			struct zipc_type *nodes, int from[], char **pool)
{
	unsigned i, placed = 1;
	int child;

	from[0] = root;
	for (i = 0; i < p->count; i++) {
		const struct draft *draft = &p->drafts[from[i]];

		fill_node(&nodes[i], draft, pool);
		nodes[i].children = NULL;
		if (draft->children != NONE)
			nodes[i].children = &nodes[placed];
		for (child = draft->children; child != NONE;
		     child = p->drafts[child].next)
			from[placed++] = child;
	}
}

static struct zipc_type *build(const struct parser *p, int root)
{
	size_t size = p->count * sizeof(struct zipc_type);
	struct zipc_type *nodes;
	int from[MAX_TYPES];
	char *pool;
	unsigned i;

	for (i = 0; i < p->count; i++)
		size += p->drafts[i].text_length + 1 +
			p->drafts[i].name.length + 1;
	nodes = malloc(size);
	if (!nodes)
		return NULL;
	pool = (char *)&nodes[p->count];
	place_nodes(p, root, nodes, from, &pool);
	for (i = p->count; i--;) {
		nodes[i].text = pool;
		pool = write_text(&nodes[i], &p->drafts[from[i]], pool) + 1;
	}
	assert(pool <= (char *)nodes + size);
	return nodes;
}

int zipc_type_parse(struct zipc_type **out, const char *text, size_t length)
{
	struct parser p;
	struct zipc_type *type;
	int root;

	assert(out && text);
	p.text = text;
	if (length == SIZE_MAX)
		length = strnlen(text, ZIPC_TYPE_MAX + 1);
	p.length = length;
	p.at = 0;
	p.count = 0;
	root = parse_text(&p);
	if (root < 0)
		return root;
	type = build(&p, root);
	if (!type)
		return zipc_fail(ENOMEM, "type: out of memory");
	*out = type;
	return 0;
}

void zipc_type_free(struct zipc_type *type)
{
	/* All nodes, names and texts stand in the root's allocation. */
	free(type);
}

/* Questions. */

uint64_t zipc_type_size(const struct zipc_type *type)
{
	return type->size_bytes;
}

uint64_t zipc_type_align(const struct zipc_type *type)
{
	return type->align_bytes;
}

enum zipc_type_class zipc_type_class(const struct zipc_type *type)
{
	return type->class;
}

const char *zipc_type_text(const struct zipc_type *type)
{
	return type->text;
}

uint64_t zipc_type_length(const struct zipc_type *type)
{
	return type->count;
}

const struct zipc_type *zipc_type_element(const struct zipc_type *type)
{
	return type->class == ZIPC_TYPE_ARRAY ? type->children : NULL;
}

const struct zipc_type *zipc_type_field(const struct zipc_type *type,
					uint64_t i, const char **name,
					uint64_t *offset_bytes)
{
	if (type->class != ZIPC_TYPE_RECORD || i >= type->count)
		return NULL;
	if (name)
		*name = type->children[i].name;
	if (offset_bytes)
		*offset_bytes = type->children[i].offset_bytes;
	return &type->children[i];
}
