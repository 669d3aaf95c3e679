/* SPDX-License-Identifier: MIT */
/*
 * The grammar of expressions, by recursive descent:
 *
 *   choice  = or [ "?" choice ":" choice ]
 *   or      = and { "||" and }                 and  = equal { "&&" equal }
 *   equal   = less [ ("==" | "!=") less ]
 *   less    = sum [ ("<" | "<=" | ">" | ">=") sum ]
 *   sum     = term { ("+" | "-") term }
 *   term    = sign { ("*" | "/" | "//" | "%") sign }
 *   sign    = { "-" | "!" } part
 *   part    = primary { "." name | "[" digits "]" }
 *   primary = number | "true" | "false" | "inf" | "nan" | name
 *           | name "(" choice { "," choice } ")" | "(" choice ")"
 *           | "{" name ":" choice { "," name ":" choice } "}"
 *
 * It takes as much as fits and leaves the rest, so that an operator can follow
 * an expression: "|" is none of its marks. The text may come from anywhere:
 * recursion ends at ZIPC_TREE_DEPTH, and nothing is read beyond its length.
 */
#include "error.h"
#include "program_tree.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct zipc_tree *tree;
	const char *text;
	size_t at, length;
	unsigned depth;
};

int zipc_tree_fail(size_t at, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return zipc_fail(EINVAL, "expression: column %zu: %s", at + 1, what);
}

/* Words and marks. */

static int peek(const struct parser *p, size_t ahead)
{
	return p->at + ahead < p->length ? (unsigned char)p->text[p->at + ahead]
					 : -1;
}

static void skip_blanks(struct parser *p)
{
	int c;

	while (c = peek(p, 0), c == ' ' || c == '\t' || c == '\r' || c == '\n')
		p->at++;
}

static int expected(struct parser *p, const char *what)
{
	char found[16];

	skip_blanks(p);
	return zipc_tree_fail(p->at, "expected %s, found %s", what,
			      zipc_character_print(peek(p, 0), found));
}

/* Not isalpha() and the like, which ask the locale. */
static int is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static int is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int take(struct parser *p, int mark)
{
	skip_blanks(p);
	if (peek(p, 0) != mark)
		return 0;
	p->at++;
	return 1;
}

/* The same of two characters. */
static int take_pair(struct parser *p, const char *marks)
{
	skip_blanks(p);
	if (peek(p, 0) != marks[0] || peek(p, 1) != marks[1])
		return 0;
	p->at += 2;
	return 1;
}

static struct zipc_word take_word(struct parser *p)
{
	struct zipc_word word = {NULL, 0};

	skip_blanks(p);
	word.start = p->text + p->at;
	if (!is_letter(peek(p, 0)))
		return word;
	while (is_letter(peek(p, 0)) || is_digit(peek(p, 0))) {
		p->at++;
		word.length++;
	}
	return word;
}

/* Nodes. */

static int add(struct parser *p, enum zipc_node_kind kind, size_t at)
{
	struct zipc_tree *tree = p->tree;
	struct zipc_node *node = &tree->nodes[tree->count];

	if (tree->count == ZIPC_TREE_NODES)
		return zipc_tree_fail(at, "the expression has more than %d "
					  "parts",
				      ZIPC_TREE_NODES);
	*node = (struct zipc_node){
		.kind = kind, .at = at, .a = ZIPC_NO_NODE, .b = ZIPC_NO_NODE,
		.c = ZIPC_NO_NODE, .next = ZIPC_NO_NODE,
	};
	return tree->count++;
}

static int add_binary(struct parser *p, unsigned sign, size_t at, int a, int b)
{
	int node = b < 0 ? b : add(p, ZIPC_NODE_BINARY, at);

	if (node < 0)
		return node;
	p->tree->nodes[node].sign = sign;
	p->tree->nodes[node].a = a;
	p->tree->nodes[node].b = b;
	return node;
}

/* Numbers. */

/* digits [. digits] [e [sign] digits]; whether it is one of a float. */
static int number_length(const struct parser *p, size_t *length)
{
	size_t n = 0;
	int real = 0;

	while (is_digit(peek(p, n)))
		n++;
	if (peek(p, n) == '.' && is_digit(peek(p, n + 1))) {
		real = 1;
		for (n++; is_digit(peek(p, n)); n++)
			;
	}
	if (peek(p, n) == 'e' || peek(p, n) == 'E') {
		size_t sign = peek(p, n + 1) == '+' || peek(p, n + 1) == '-';

		if (is_digit(peek(p, n + 1 + sign))) {
			real = 1;
			for (n += 1 + sign; is_digit(peek(p, n)); n++)
				;
		}
	}
	*length = n;
	return real;
}

static int parse_real(struct parser *p, size_t length, double *real)
{
	/* The point is one, whatever the program has chosen. */
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL), before;
	char digits[1024];

	if (!c)
		return zipc_fail(ENOMEM, "expression: no memory for the C "
					 "locale");
	if (length >= sizeof(digits)) {
		freelocale(c);
		return zipc_tree_fail(p->at, "a float has at most %zu "
					     "characters",
				      sizeof(digits) - 1);
	}
	memcpy(digits, p->text + p->at, length);
	digits[length] = '\0';
	before = uselocale(c);
	*real = strtod(digits, NULL);
	uselocale(before);
	freelocale(c);
	return 0;
}

static int parse_int(struct parser *p, size_t length, int negative,
		     int64_t *number)
{
	uint64_t value = 0, most = (uint64_t)INT64_MAX + (negative != 0);
	unsigned digit;
	size_t i;

	for (i = 0; i < length; i++) {
		digit = (unsigned)(p->text[p->at + i] - '0');
		if (value > (most - digit) / 10)
			return zipc_tree_fail(p->at, "an integer has 64 bits, "
						     "with its sign; a float "
						     "is written as 1.0");
		value = value * 10 + digit;
	}
	*number = (int64_t)(negative ? 0 - value : value);
	return 0;
}

static int parse_number(struct parser *p, int negative)
{
	size_t length, at = p->at;
	int real = number_length(p, &length), rc;
	int node = add(p, real ? ZIPC_NODE_FLOAT : ZIPC_NODE_INT, at);
	struct zipc_node *of;

	if (node < 0)
		return node;
	of = &p->tree->nodes[node];
	rc = real ? parse_real(p, length, &of->real)
		  : parse_int(p, length, negative, &of->number);
	if (rc)
		return rc;
	if (negative)
		of->real = -of->real;
	p->at += length;
	if (is_letter(peek(p, 0)) || peek(p, 0) == '.')
		return expected(p, "an operator behind a number");
	return node;
}

/* Primaries. */

static int parse_choice(struct parser *p);

/* Add choice to the list that begins at *first and ends at *last. */
static void append(struct parser *p, int *first, int *last, int choice)
{
	if (*last == ZIPC_NO_NODE)
		*first = choice;
	else
		p->tree->nodes[*last].next = choice;
	*last = choice;
}

static int parse_call(struct parser *p, struct zipc_word word, size_t at)
{
	int node = add(p, ZIPC_NODE_CALL, at), last = ZIPC_NO_NODE, argument;
	int first = ZIPC_NO_NODE;

	if (node < 0)
		return node;
	p->tree->nodes[node].word = word;
	if (!take(p, ')')) {
		do {
			argument = parse_choice(p);
			if (argument < 0)
				return argument;
			append(p, &first, &last, argument);
		} while (take(p, ','));
		if (!take(p, ')'))
			return expected(p, "',' or ')'");
	}
	p->tree->nodes[node].a = first;
	return node;
}

/* name ":" choice: an entry of a record, as x.id has a name already. */
static int parse_entry(struct parser *p)
{
	struct zipc_word word = take_word(p);
	int node, value;

	if (!word.length)
		return expected(p, "a field's name");
	if (!take(p, ':'))
		return expected(p, "':' behind a field's name");
	value = parse_choice(p);
	if (value < 0)
		return value;
	node = add(p, ZIPC_NODE_ENTRY, (size_t)(word.start - p->text));
	if (node < 0)
		return node;
	p->tree->nodes[node].word = word;
	p->tree->nodes[node].a = value;
	return node;
}

static int parse_record(struct parser *p, size_t at)
{
	int node = add(p, ZIPC_NODE_RECORD, at), last = ZIPC_NO_NODE, entry;
	int first = ZIPC_NO_NODE;

	if (node < 0)
		return node;
	do {
		entry = parse_entry(p);
		if (entry < 0)
			return entry;
		append(p, &first, &last, entry);
	} while (take(p, ','));
	if (!take(p, '}'))
		return expected(p, "',' or '}'");
	p->tree->nodes[node].a = first;
	return node;
}

static int parse_word(struct parser *p)
{
	struct zipc_word word = take_word(p);
	size_t at = (size_t)(word.start - p->text);
	int is_true = zipc_word_is(word, "true"), node;
	int is_inf = zipc_word_is(word, "inf");
	enum zipc_node_kind kind = ZIPC_NODE_NAME;

	if (take(p, '('))
		return parse_call(p, word, at);
	if (is_true || zipc_word_is(word, "false"))
		kind = ZIPC_NODE_BOOL;
	if (is_inf || zipc_word_is(word, "nan"))
		kind = ZIPC_NODE_FLOAT;
	node = add(p, kind, at);
	if (node < 0)
		return node;
	p->tree->nodes[node].word = word;
	p->tree->nodes[node].number = is_true;
	p->tree->nodes[node].real = is_inf ? (double)INFINITY : (double)NAN;
	return node;
}

static int parse_primary(struct parser *p)
{
	size_t at;
	int node;

	skip_blanks(p);
	at = p->at;
	if (is_digit(peek(p, 0)))
		return parse_number(p, 0);
	if (is_letter(peek(p, 0)))
		return parse_word(p);
	if (take(p, '{'))
		return parse_record(p, at);
	if (!take(p, '('))
		return expected(p, "a number, a name, '(' or '{'");
	node = parse_choice(p);
	if (node >= 0 && !take(p, ')'))
		return expected(p, "')' or an operator");
	return node;
}

/* Parts of parts. */

static int parse_field(struct parser *p, int of, size_t at)
{
	struct zipc_word word = take_word(p);
	int node;

	if (!word.length)
		return expected(p, "a field's name behind '.'");
	node = add(p, ZIPC_NODE_FIELD, at);
	if (node < 0)
		return node;
	p->tree->nodes[node].a = of;
	p->tree->nodes[node].word = word;
	return node;
}

static int parse_pick(struct parser *p, int of, size_t at)
{
	int64_t number = 0;
	size_t length;
	int node;

	skip_blanks(p);
	if (!is_digit(peek(p, 0)))
		return expected(p, "the number of an element, as [2]");
	for (length = 0; is_digit(peek(p, length)); length++)
		;
	if (parse_int(p, length, 0, &number))
		return -EINVAL;
	p->at += length;
	if (!take(p, ']'))
		return expected(p, "']'");
	node = add(p, ZIPC_NODE_PICK, at);
	if (node < 0)
		return node;
	p->tree->nodes[node].a = of;
	p->tree->nodes[node].number = number;
	return node;
}

/* A number has none: `5[0]` ends behind the 5. */
static int parse_part(struct parser *p)
{
	int is_number, node;
	size_t at;

	skip_blanks(p);
	is_number = is_digit(peek(p, 0));
	node = parse_primary(p);
	while (node >= 0 && !is_number) {
		skip_blanks(p);
		at = p->at;
		if (take(p, '.'))
			node = parse_field(p, node, at);
		else if (take(p, '['))
			node = parse_pick(p, node, at);
		else
			break;
	}
	return node;
}

/* Operators. */

/* One level deeper, unless it is too deep. */
static int enter(struct parser *p)
{
	skip_blanks(p);
	if (p->depth++ < ZIPC_TREE_DEPTH)
		return 0;
	return zipc_tree_fail(p->at, "over %d levels, one inside the other",
			      ZIPC_TREE_DEPTH);
}

static int parse_sign(struct parser *p)
{
	unsigned sign = 0;
	int node, of;
	size_t at;

	skip_blanks(p);
	at = p->at;
	if (take(p, '-'))
		sign = '-';
	else if (peek(p, 1) != '=' && take(p, '!'))
		sign = '!';
	if (!sign)
		return parse_part(p);
	skip_blanks(p);
	/* The least integer has no opposite, so the sign is its own. */
	if (sign == '-' && is_digit(peek(p, 0)))
		return parse_number(p, 1);
	if (enter(p))
		return -EINVAL;
	of = parse_sign(p);
	p->depth--;
	node = of < 0 ? of : add(p, ZIPC_NODE_UNARY, at);
	if (node < 0)
		return node;
	p->tree->nodes[node].sign = sign;
	p->tree->nodes[node].a = of;
	return node;
}

static int parse_term(struct parser *p)
{
	int node = parse_sign(p);
	unsigned sign;
	size_t at;

	while (node >= 0) {
		skip_blanks(p);
		at = p->at;
		if (take_pair(p, "//"))
			sign = ZIPC_SIGN_WHOLE;
		else if (take(p, '*') || take(p, '/') || take(p, '%'))
			sign = (unsigned char)p->text[at];
		else
			break;
		node = add_binary(p, sign, at, node, parse_sign(p));
	}
	return node;
}

static int parse_sum(struct parser *p)
{
	int node = parse_term(p);
	size_t at;

	while (node >= 0) {
		skip_blanks(p);
		at = p->at;
		if (!take(p, '+') && !take(p, '-'))
			break;
		node = add_binary(p, (unsigned char)p->text[at], at, node,
				  parse_term(p));
	}
	return node;
}

static unsigned take_order(struct parser *p)
{
	if (take_pair(p, "<="))
		return ZIPC_SIGN_LE;
	if (take_pair(p, ">="))
		return ZIPC_SIGN_GE;
	if (take(p, '<'))
		return '<';
	return take(p, '>') ? '>' : 0;
}

static unsigned take_equality(struct parser *p)
{
	if (take_pair(p, "=="))
		return ZIPC_SIGN_EQ;
	return take_pair(p, "!=") ? ZIPC_SIGN_NE : 0;
}

/* left [ sign right ], and no second sign of that kind. */
static int parse_comparison(struct parser *p,
			    unsigned (*take_one)(struct parser *),
			    int (*parse_side)(struct parser *))
{
	int node = parse_side(p);
	unsigned sign;
	size_t at;

	if (node < 0)
		return node;
	skip_blanks(p);
	at = p->at;
	sign = take_one(p);
	if (!sign)
		return node;
	node = add_binary(p, sign, at, node, parse_side(p));
	skip_blanks(p);
	at = p->at;
	if (node >= 0 && take_one(p))
		return zipc_tree_fail(at, "comparisons do not chain; write "
					  "a < b && b < c");
	return node;
}

static int parse_less(struct parser *p)
{
	return parse_comparison(p, take_order, parse_sum);
}

static int parse_equal(struct parser *p)
{
	return parse_comparison(p, take_equality, parse_less);
}

static int parse_and(struct parser *p)
{
	int node = parse_equal(p);
	size_t at;

	while (node >= 0) {
		skip_blanks(p);
		at = p->at;
		if (!take_pair(p, "&&"))
			break;
		node = add_binary(p, ZIPC_SIGN_AND, at, node, parse_equal(p));
	}
	return node;
}

static int parse_or(struct parser *p)
{
	int node = parse_and(p);
	size_t at;

	while (node >= 0) {
		skip_blanks(p);
		at = p->at;
		if (!take_pair(p, "||"))
			break;
		node = add_binary(p, ZIPC_SIGN_OR, at, node, parse_and(p));
	}
	return node;
}

static int parse_sides(struct parser *p, int condition, size_t at)
{
	int then = parse_choice(p), other, node;

	if (then < 0)
		return then;
	if (!take(p, ':'))
		return expected(p, "':' and what it is otherwise");
	other = parse_choice(p);
	node = other < 0 ? other : add(p, ZIPC_NODE_CHOICE, at);
	if (node < 0)
		return node;
	p->tree->nodes[node].a = condition;
	p->tree->nodes[node].b = then;
	p->tree->nodes[node].c = other;
	return node;
}

static int parse_choice(struct parser *p)
{
	int node;
	size_t at;

	if (enter(p))
		return -EINVAL;
	node = parse_or(p);
	skip_blanks(p);
	at = p->at;
	if (node >= 0 && take(p, '?'))
		node = parse_sides(p, node, at);
	p->depth--;
	return node;
}

int zipc_tree_parse(struct zipc_tree *tree)
{
	const struct zipc_program_source *source = tree->source;
	struct parser p = {tree, source->text, source->at, source->length, 0};

	tree->count = 0;
	tree->root = parse_choice(&p);
	if (tree->root < 0)
		return tree->root;
	skip_blanks(&p);
	tree->end = p.at;
	return 0;
}
