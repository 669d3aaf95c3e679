/* SPDX-License-Identifier: MIT */
/*
 * From an expression over structures to one over inputs. Each place that names
 * a structure, as `samples[3]` or mean(samples), becomes an input of the
 * program, whose name is made of the characters there, with blanks behind it:
 * so columns that a message names are those of the text as it was written.
 *
 *   name               of a future, a lazy, an array of one element
 *   name[3]            an element of an array; the value under a key of a map,
 *   name["key"]        which is any text that the type of the key allows
 *   sum(name) mean(name) min(name) max(name) count(name), of an array, or of a
 *   part of its elements: mean(samples.temp)
 *
 * A name that is no identifier stands in backquotes. Behind a name the rest,
 * as .temp or [2], is the language's own, and picks a part of the value.
 */
#include "lazy.h"

#include "error.h"
#include "program_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zipc/array.h>
#include <zipc/future.h>
#include <zipc/map.h>

#define NESTED 64u
#define KEY_MOST 65536u

/* An input, as it comes together. */
struct input {
	struct zipc_lazy_input record; /* but for offsets */
	char given[ZIPC_PROGRAM_NAME_MOST + 1]; /* its name in the program */
	char *type, *key_type;         /* of the structure */
	unsigned char *key;
	const char *is;                /* the type that the program sees */
};

struct draft {
	const struct zipc_lazy_wish *wish;
	const char *text;
	size_t length, at;
	char *rewritten; /* as long as text */
	char open[NESTED]; /* brackets around here */
	unsigned depth, count;
	bool label, part; /* a field's name may, or must, come next */
	struct input inputs[ZIPC_PROGRAM_INPUTS];
};

/* characters */

static int fail_at(size_t at, const char *what, const char *name)
{
	return zipc_fail(EINVAL, "expression, column %zu: %s `%.64s`", at + 1,
			 what, name);
}

static bool begins_word(int c)
{
	return isalpha(c) || c == '_';
}

static int here(const struct draft *draft)
{
	return draft->at < draft->length ? (unsigned char)draft->text[draft->at]
					 : 0;
}

static void skip_blanks(struct draft *draft)
{
	while (here(draft) == ' ' || here(draft) == '\t' ||
	       here(draft) == '\n' || here(draft) == '\r')
		draft->at++;
}

static bool take(struct draft *draft, int c)
{
	skip_blanks(draft);
	if (here(draft) != c)
		return false;
	draft->at++;
	return true;
}

/* An identifier, which begins here; false: it is longer than any name. */
static bool take_word(struct draft *draft, char *word, size_t size)
{
	size_t n = 0;

	while (begins_word(here(draft)) || isdigit(here(draft))) {
		if (n + 1 < size)
			word[n] = (char)here(draft);
		n++;
		draft->at++;
	}
	word[n + 1 < size ? n : size - 1] = '\0';
	return n < size;
}

/* A structure's name, bare or in backquotes. False: there is none. */
static bool take_name(struct draft *draft, char name[static ZIPC_NAME_MAX + 1])
{
	const char *from = draft->text + draft->at + 1, *end;
	size_t n;

	if (begins_word(here(draft)))
		return take_word(draft, name, ZIPC_NAME_MAX + 1);
	if (here(draft) != '`')
		return false;
	end = memchr(from, '`', draft->length - draft->at - 1);
	n = end ? (size_t)(end - from) : 0;
	if (!n || n > ZIPC_NAME_MAX)
		return false;
	memcpy(name, from, n);
	name[n] = '\0';
	draft->at += n + 2;
	return true;
}

/* names in the program */

static bool is_taken(const struct draft *draft, const char *name)
{
	const char *names[ZIPC_PROGRAM_INPUTS];
	unsigned k;

	for (k = 0; k < draft->count; k++)
		names[k] = draft->inputs[k].given;
	return zipc_program_name_check(name, names, draft->count, 0);
}

/* Of the characters of text[from..at), and no longer than that. */
static int make_name(struct draft *draft, size_t from, char *name)
{
	static const char others[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	size_t n = 0, i, k;

	for (i = from; i < draft->at && n < ZIPC_PROGRAM_NAME_MOST; i++)
		if (begins_word(draft->text[i]) ||
		    (n && isdigit(draft->text[i])))
			name[n++] = draft->text[i];
		else if (n && name[n - 1] != '_')
			name[n++] = '_';
	while (n > 1 && name[n - 1] == '_')
		n--;
	if (!n)
		name[n++] = '_';
	name[n] = '\0';
	if (!is_taken(draft, name))
		return 0;
	n = n < draft->at - from && n < ZIPC_PROGRAM_NAME_MOST ? n + 1 : n;
	name[n] = '\0';
	for (k = 0; others[k]; k++) {
		name[n - 1] = others[k];
		if (!is_taken(draft, name))
			return 0;
	}
	return fail_at(from, "one input too much that is called like", name);
}

static bool is_same(const struct input *a, const struct input *b)
{
	return !strcmp(a->record.name, b->record.name) &&
	       a->record.form == b->record.form &&
	       a->record.index == b->record.index &&
	       a->record.scalar == b->record.scalar &&
	       a->record.key_bytes == b->record.key_bytes &&
	       !memcmp(a->key ? a->key : (void *)"", b->key ? b->key
							    : (void *)"",
		       a->record.key_bytes);
}

static void free_input(struct input *it)
{
	free(it->type);
	free(it->key_type);
	free(it->key);
}

/* The input that was found at text[from..at): it may be one that there is. */
static int add_input(struct draft *draft, struct input *it, size_t from)
{
	unsigned k;
	int rc;

	for (k = 0; k < draft->count; k++)
		if (is_same(&draft->inputs[k], it))
			break;
	if (k == ZIPC_PROGRAM_INPUTS)
		return fail_at(from, "too many inputs, at", it->record.name);
	if (k == draft->count) {
		rc = make_name(draft, from, it->given);
		if (rc)
			return rc;
		draft->inputs[draft->count++] = *it;
		*it = (struct input){ .type = NULL };
	}
	/* One that was named before in fewer characters has its room. */
	if (strlen(draft->inputs[k].given) > draft->at - from)
		return fail_at(from, "write as before", draft->inputs[k].given);
	memcpy(draft->rewritten + from, draft->inputs[k].given,
	       strlen(draft->inputs[k].given));
	return 0;
}

/* what the names are */

static int copy_type(char **to, const struct zipc_type *type)
{
	*to = strdup(zipc_type_text(type));
	return *to ? 0 : zipc_fail_as(ENOMEM, "out of memory");
}

/* Of a future or a lazy. */
static int find_value(struct draft *draft, struct input *it, unsigned kind)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, draft->wish->segment, it->record.name,
				 kind, NULL);

	if (rc)
		return rc;
	it->record.form = ZIPC_LAZY_VALUE;
	rc = copy_type(&it->type, found.type);
	zipc_table_release(&found);
	it->is = it->type;
	return rc;
}

static int take_number(struct draft *draft, uint64_t *number)
{
	uint64_t n = 0;
	size_t from;

	skip_blanks(draft);
	from = draft->at;
	for (; isdigit(here(draft)); draft->at++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, here(draft) - '0', &n))
			return fail_at(from, "too large an", "index");
	*number = n;
	return draft->at > from ? 0 : fail_at(from, "here stands an", "index");
}

static int find_element(struct draft *draft, struct input *it)
{
	struct zipc_found found;
	size_t from = draft->at;
	int rc = zipc_table_find(&found, draft->wish->segment, it->record.name,
				 ZIPC_ARRAY, NULL);

	if (rc)
		return rc;
	it->record.form = ZIPC_LAZY_ELEMENT;
	if (take(draft, '[')) {
		rc = take_number(draft, &it->record.index);
		if (!rc && !take(draft, ']'))
			rc = fail_at(draft->at, "here stands", "]");
	} else {
		draft->at = from;
		it->record.form = ZIPC_LAZY_VALUE;
		if (found.capacity != 1)
			rc = fail_at(from, "say which element, as [0], or fold "
				     "it, as by mean(), of array",
				     it->record.name);
	}
	if (!rc && it->record.index >= found.capacity)
		rc = fail_at(from, "there is no such element in array",
			     it->record.name);
	if (!rc)
		rc = copy_type(&it->type, found.type);
	zipc_table_release(&found);
	it->is = it->type;
	return rc;
}

/* Up to the bracket that closes the one before; quotes hide brackets. */
static char *take_key_text(struct draft *draft)
{
	const char *from = draft->text + draft->at;
	unsigned depth = 1;
	bool quoted = false;
	int c;

	for (; depth && draft->at < draft->length; draft->at++) {
		c = here(draft);
		if (quoted && c == '\\')
			draft->at++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{'))
			depth++;
		else if (!quoted && (c == ']' || c == '}'))
			depth--;
	}
	if (draft->at > draft->length)
		draft->at = draft->length;
	if (depth)
		return NULL;
	return strndup(from, (size_t)(draft->text + draft->at - 1 - from));
}

static int parse_key(struct draft *draft, struct input *it,
		     const struct zipc_map *map)
{
	const struct zipc_type *type = zipc_map_key_type(map);
	size_t from = draft->at;
	char *text, why[300];
	int rc;

	if (!take(draft, '[') || !(text = take_key_text(draft)))
		return fail_at(from, "name the key, as [\"key\"], of map",
			       it->record.name);
	it->record.key_bytes = (uint32_t)zipc_type_size(type);
	it->key = calloc(1, it->record.key_bytes);
	rc = it->key ? zipc_value_parse(type, text, it->key)
		     : zipc_fail_as(ENOMEM, "out of memory");
	free(text);
	if (rc != -EINVAL)
		return rc;
	snprintf(why, sizeof(why), "%s", zipc_last_error());
	return zipc_fail(EINVAL, "expression, column %zu: the key: %s",
			 from + 1, why);
}

static int find_entry(struct draft *draft, struct input *it)
{
	struct zipc_map *map;
	int rc = zipc_map_open(&map, draft->wish->segment, it->record.name,
			       NULL, NULL);

	if (rc)
		return rc;
	it->record.form = ZIPC_LAZY_ENTRY;
	rc = parse_key(draft, it, map);
	if (!rc)
		rc = copy_type(&it->type, zipc_map_value_type(map));
	if (!rc)
		rc = copy_type(&it->key_type, zipc_map_key_type(map));
	zipc_map_close(map);
	it->is = it->type;
	return rc;
}

/* What is not there yet is of the type that the whole is to have. */
static int find_later(struct draft *draft, struct input *it, size_t from)
{
	struct zipc_type *type;
	int rc;

	if (!draft->wish->type)
		return zipc_fail(ENOENT, "expression, column %zu: no structure "
				 "`%s` in segment `/%s`: create it first, or "
				 "say of which type the lazy is", from + 1,
				 it->record.name, draft->wish->segment->name);
	rc = zipc_type_parse(&type, draft->wish->type, SIZE_MAX);
	if (rc)
		return rc;
	it->record.form = ZIPC_LAZY_VALUE;
	rc = copy_type(&it->type, type);
	zipc_type_free(type);
	it->is = it->type;
	return rc;
}

static int find(struct draft *draft, struct input *it, size_t from)
{
	unsigned kind;
	int rc;

	if (!strcmp(it->record.name, draft->wish->name))
		return zipc_fail(ELOOP, "lazy `%s` needs itself: %s -> %s",
				 it->record.name, it->record.name,
				 it->record.name);
	rc = zipc_table_kind(&kind, draft->wish->segment, it->record.name);
	if (rc == -ENOENT)
		return find_later(draft, it, from);
	if (rc)
		return rc;
	switch (kind) {
	case ZIPC_FUTURE:
	case ZIPC_LAZY:
		return find_value(draft, it, kind);
	case ZIPC_ARRAY:
		return find_element(draft, it);
	case ZIPC_MAP:
		return find_entry(draft, it);
	default:
		return fail_at(from, "an input is a future, lazy, array or "
			       "map, not", it->record.name);
	}
}

static int take_reference(struct draft *draft)
{
	struct input it = { .type = NULL };
	size_t from = draft->at;
	int rc;

	if (!take_name(draft, it.record.name))
		return fail_at(from, "no structure is called",
			       draft->text + from);
	rc = find(draft, &it, from);
	if (!rc)
		rc = add_input(draft, &it, from);
	free_input(&it);
	return rc;
}

/* folds */

static unsigned fold_form(const char *word)
{
	static const char *const names[] = { "sum", "mean", "min", "max",
					     "count" };
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(word, names[i]))
			return ZIPC_LAZY_SUM + i;
	return 0;
}

/* One step into an element: .name or [2]; NULL: there is no such part. */
static const struct zipc_type *step(struct draft *draft,
				    const struct zipc_type *type,
				    uint64_t *offset)
{
	const struct zipc_type *part = NULL;
	char word[ZIPC_PROGRAM_NAME_MOST + 1];
	const char *name;
	uint64_t i, at;

	if (take(draft, '.')) {
		skip_blanks(draft);
		if (!take_word(draft, word, sizeof(word)))
			return NULL;
		for (i = 0; (part = zipc_type_field(type, i, &name, &at)); i++)
			if (!strcmp(word, name))
				break;
		*offset += part ? at : 0;
		return part;
	}
	part = zipc_type_element(type);
	if (!take(draft, '[') || !part || take_number(draft, &i) ||
	    !take(draft, ']') || i >= zipc_type_length(type))
		return NULL;
	*offset += i * zipc_type_size(part);
	return part;
}

static int find_part(struct draft *draft, struct input *it, size_t from,
		     const struct zipc_type *type)
{
	while (skip_blanks(draft), type && here(draft) && here(draft) != ')')
		type = step(draft, type, &it->record.index);
	it->record.scalar = type ? zipc_scalar_of(type) : 0;
	it->is = zipc_lazy_fold_type(it->record.form, it->record.scalar);
	if (!it->is)
		return fail_at(from, "this folds numbers, which there are none "
			       "of there, in array", it->record.name);
	if (it->record.form == ZIPC_LAZY_COUNT) {
		it->record.scalar = 0;
		it->record.index = 0;
	}
	return take(draft, ')') ? 0
				: fail_at(draft->at, "here stands", ")");
}

static int find_fold(struct draft *draft, struct input *it, size_t from)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, draft->wish->segment, it->record.name,
				 ZIPC_ARRAY, NULL);

	if (rc)
		return rc;
	rc = find_part(draft, it, from, found.type);
	if (!rc)
		rc = copy_type(&it->type, found.type);
	zipc_table_release(&found);
	return rc;
}

/* Whether what stands in the parentheses has a comma, or is no single name. */
static bool is_function(const struct draft *draft)
{
	struct draft copy = *draft;
	char name[ZIPC_NAME_MAX + 1];

	take(&copy, '(');
	skip_blanks(&copy);
	if (!take_name(&copy, name))
		return true;
	while (copy.at < copy.length && !strchr("(),", here(&copy)))
		copy.at++;
	return here(&copy) != ')';
}

/* At the parenthesis behind the name of a fold, which begins at from. */
static int take_fold(struct draft *draft, unsigned form, size_t from)
{
	struct input it = { .record = { .form = form } };
	int rc;

	take(draft, '(');
	skip_blanks(draft);
	if (!take_name(draft, it.record.name))
		return fail_at(draft->at, "this folds an array, not",
			       draft->text + draft->at);
	rc = find_fold(draft, &it, from);
	if (!rc)
		rc = add_input(draft, &it, from);
	free_input(&it);
	return rc;
}

/* the text */

static bool is_literal(const char *word)
{
	return !strcmp(word, "true") || !strcmp(word, "false") ||
	       !strcmp(word, "inf") || !strcmp(word, "nan");
}

static void copy(struct draft *draft, size_t from)
{
	memcpy(draft->rewritten + from, draft->text + from, draft->at - from);
}

/* A field's name, a function's, a literal; else it names a structure. */
static int take_any_word(struct draft *draft)
{
	size_t from = draft->at, end;
	char word[ZIPC_PROGRAM_NAME_MOST + 1];
	bool own = draft->part, called;
	unsigned form;

	if (!take_word(draft, word, sizeof(word)))
		return fail_at(from, "too long a name,", word);
	end = draft->at;
	skip_blanks(draft);
	called = here(draft) == '(';
	own |= called || is_literal(word) ||
	       (draft->label && here(draft) == ':');
	form = called && !draft->part ? fold_form(word) : 0;
	if (form && (strcmp(word, "min") && strcmp(word, "max")
			     ? true
			     : !is_function(draft)))
		return take_fold(draft, form, from);
	draft->at = own ? end : from;
	copy(draft, from);
	return own ? 0 : take_reference(draft);
}

static int take_mark(struct draft *draft, int c)
{
	if (strchr("([{", c)) {
		if (draft->depth == NESTED)
			return fail_at(draft->at, "nested too deep, at",
				       draft->text + draft->at);
		draft->open[draft->depth++] = (char)c;
	} else if (strchr(")]}", c) && draft->depth) {
		draft->depth--;
	}
	draft->label = draft->depth && draft->open[draft->depth - 1] == '{' &&
		       (c == '{' || c == ',');
	draft->part = c == '.';
	draft->rewritten[draft->at++] = (char)c;
	return 0;
}

static int rewrite(struct draft *draft)
{
	size_t from;
	int c, rc = 0;

	memset(draft->rewritten, ' ', draft->length);
	while (!rc && (skip_blanks(draft), c = here(draft))) {
		from = draft->at;
		if (isdigit(c)) {
			while (isalnum(here(draft)) || here(draft) == '.')
				draft->at++;
			copy(draft, from);
		} else if (begins_word(c)) {
			rc = take_any_word(draft);
		} else if (c == '`') {
			rc = take_reference(draft);
		} else {
			rc = take_mark(draft, c);
			continue;
		}
		draft->label = draft->part = false;
	}
	return rc;
}

/* the bytes */

static uint32_t put(unsigned char *bytes, uint64_t *size, const void *from,
		    uint64_t n)
{
	uint64_t at = *size;

	if (bytes && n)
		memcpy(bytes + at, from, n);
	*size = (at + n + 7) / 8 * 8;
	return (uint32_t)at;
}

static void put_input(struct input *it, unsigned char *bytes, uint64_t *size)
{
	struct zipc_lazy_input *record = &it->record;

	record->type_length = (uint32_t)strlen(it->type);
	record->type_offset = put(bytes, size, it->type,
				  record->type_length + 1);
	if (!it->key)
		return;
	record->key_type_length = (uint32_t)strlen(it->key_type);
	record->key_type_offset = put(bytes, size, it->key_type,
				      record->key_type_length + 1);
	record->key_offset = put(bytes, size, it->key, record->key_bytes);
}

/* bytes NULL: how many there are to be. */
static uint64_t lay_out(struct draft *draft, struct zipc_program *program,
			unsigned char *bytes)
{
	struct zipc_lazy_definition head = { .inputs = draft->count };
	uint64_t size = sizeof(head) +
			draft->count * sizeof(struct zipc_lazy_input);
	size_t n;
	const void *from = zipc_program_bytes(program, &n);
	unsigned k;

	head.text_length = (uint32_t)draft->length;
	head.text_offset = put(bytes, &size, draft->text, draft->length + 1);
	head.program_bytes = (uint32_t)n;
	head.program_offset = put(bytes, &size, from, n);
	for (k = 0; k < draft->count; k++)
		put_input(&draft->inputs[k], bytes, &size);
	for (k = 0; bytes && k < draft->count; k++)
		memcpy(bytes + sizeof(head) +
			       k * sizeof(struct zipc_lazy_input),
		       &draft->inputs[k].record,
		       sizeof(struct zipc_lazy_input));
	if (bytes)
		memcpy(bytes, &head, sizeof(head));
	return size;
}

static int compile(struct draft *draft, struct zipc_program **program)
{
	struct zipc_program_name names[ZIPC_PROGRAM_INPUTS];
	struct zipc_program_source source = { .text = draft->rewritten,
					      .length = draft->length,
					      .names = names,
					      .count = draft->count,
					      .type = draft->wish->type };
	unsigned k;

	for (k = 0; k < draft->count; k++)
		names[k] = (struct zipc_program_name){
			draft->inputs[k].given, draft->inputs[k].is,
			ZIPC_ROLE_ONE
		};
	return zipc_program_compile(program, &source, NULL);
}

static int define(struct draft *draft, unsigned char **bytes, uint64_t *size,
		  struct zipc_program **program)
{
	int rc = rewrite(draft);

	if (!rc)
		rc = compile(draft, program);
	if (!rc)
		rc = zipc_definition_weigh(*program, draft->count);
	if (rc)
		return rc;
	*size = lay_out(draft, *program, NULL);
	if (*size > ZIPC_DEFINITION_MOST)
		return zipc_fail(EINVAL, "expression: keys and types of over "
				 "4 MiB");
	*bytes = calloc(1, *size);
	if (!*bytes)
		return zipc_fail_as(ENOMEM, "out of memory");
	lay_out(draft, *program, *bytes);
	return 0;
}

int zipc_lazy_define(unsigned char **bytes, uint64_t *size,
		     struct zipc_program **program,
		     const struct zipc_lazy_wish *wish)
{
	size_t length = strnlen(wish->expression, ZIPC_LAZY_TEXT_MAX + 1);
	struct draft *draft = calloc(1, sizeof(*draft));
	unsigned k;
	int rc;

	if (length > ZIPC_LAZY_TEXT_MAX)
		rc = zipc_fail(EINVAL, "an expression has at most %d "
			       "characters", ZIPC_LAZY_TEXT_MAX);
	else
		rc = zipc_segment_enter(wish->segment);
	if (draft) {
		draft->wish = wish;
		draft->text = wish->expression;
		draft->length = length;
		draft->rewritten = malloc(length + 1);
	}
	if (!rc && (!draft || !draft->rewritten))
		rc = zipc_fail_as(ENOMEM, "out of memory");
	if (!rc)
		rc = define(draft, bytes, size, program);
	for (k = 0; draft && k < draft->count; k++)
		free_input(&draft->inputs[k]);
	if (draft)
		free(draft->rewritten);
	free(draft);
	return rc;
}
