/* SPDX-License-Identifier: MIT */
/*
 * The grammar of flows:
 *
 *   flow     = operator { "|" operator }
 *   operator = name "(" [ argument { "," argument } ] ")"
 *
 * where an argument is an expression (program_parse.c), a number, a number with
 * a unit of time, or the name of a stream; which, the operator tells. Each
 * expression is compiled where it stands, as the type of what comes to it is
 * known by then.
 */
#include "error.h"
#include "flow_draft.h"
#include "name.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int zipc_flow_fail(size_t at, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return zipc_fail(EINVAL, "flow: column %zu: %s", at + 1, what);
}

/* Words and marks. */

static int peek(const struct zipc_flow_draft *d)
{
	return d->at < d->length ? (unsigned char)d->text[d->at] : -1;
}

static int is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static int is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void zipc_flow_blanks(struct zipc_flow_draft *d)
{
	int c;

	while (c = peek(d), c == ' ' || c == '\t' || c == '\r' || c == '\n')
		d->at++;
}

int zipc_flow_expected(struct zipc_flow_draft *d, const char *what)
{
	int c;

	zipc_flow_blanks(d);
	c = peek(d);
	if (c < 0)
		return zipc_flow_fail(d->at, "expected %s, found the end",
				      what);
	if (c < ' ' || c > '~')
		return zipc_flow_fail(d->at, "expected %s, found byte 0x%02x",
				      what, (unsigned)c);
	return zipc_flow_fail(d->at, "expected %s, found '%c'", what, c);
}

int zipc_flow_take(struct zipc_flow_draft *d, char mark)
{
	zipc_flow_blanks(d);
	if (peek(d) != mark)
		return 0;
	d->at++;
	return 1;
}

static size_t word_length(struct zipc_flow_draft *d)
{
	size_t at = d->at;

	if (!is_letter(peek(d)))
		return 0;
	while (at < d->length && (is_letter((unsigned char)d->text[at]) ||
				  is_digit((unsigned char)d->text[at])))
		at++;
	return at - d->at;
}

int zipc_flow_take_word(struct zipc_flow_draft *d, const char *word)
{
	size_t n;

	zipc_flow_blanks(d);
	n = word_length(d);
	if (n != strlen(word) || memcmp(d->text + d->at, word, n))
		return 0;
	d->at += n;
	return 1;
}

/* Numbers and times. */

static uint64_t unit_of(const char *text, size_t length)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000},
		{"m", UINT64_C(60000000000)}, {"h", UINT64_C(3600000000000)},
		{"d", UINT64_C(86400000000000)},
	};
	unsigned k;

	for (k = 0; k < sizeof(units) / sizeof(units[0]); k++)
		if (length == strlen(units[k].name) &&
		    !memcmp(text, units[k].name, length))
			return units[k].ns;
	return 0;
}

int zipc_flow_number(struct zipc_flow_draft *d, uint64_t *number, int *is_time)
{
	uint64_t value = 0, unit = 1;
	size_t begin, n;

	zipc_flow_blanks(d);
	begin = d->at;
	if (!is_digit(peek(d)))
		return zipc_flow_expected(d, is_time ? "a number, as 10, or a "
						       "time, as 10s"
						     : "a number, as 10");
	for (; is_digit(peek(d)); d->at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, d->text[d->at] - '0', &value))
			return zipc_flow_fail(begin, "the number is too large");
	n = word_length(d);
	if (n && is_time)
		unit = unit_of(d->text + d->at, n);
	if (!unit || (n && !is_time))
		return zipc_flow_fail(d->at, is_time ? "times have one of the "
						       "units ns us ms s m h d"
						     : "here is a count, "
						       "without a unit");
	d->at += n;
	if (!value)
		return zipc_flow_fail(begin, "it has to be at least 1");
	if (__builtin_mul_overflow(value, unit, &value) || value > INT64_MAX)
		return zipc_flow_fail(begin, "the number is too large");
	*number = value;
	if (is_time)
		*is_time = n != 0;
	return 0;
}

/* Expressions. */

int zipc_flow_expression_in(struct zipc_flow_draft *d,
			    struct zipc_flow_stage *stage, const char *text,
			    const struct zipc_flow_names *names)
{
	struct zipc_program_source source = {
		.text = text, .length = d->length, .names = names->name,
		.count = names->count, .index = names->index,
		.type = names->type,
	};
	unsigned k = stage->code.parts;
	int rc;

	zipc_flow_blanks(d);
	stage->place[k] = (uint16_t)d->at;
	source.at = d->at;
	rc = zipc_program_compile(&stage->program[k], &source, &d->at);
	if (!rc)
		stage->code.parts++;
	return rc;
}

int zipc_flow_expression(struct zipc_flow_draft *d,
			 struct zipc_flow_stage *stage)
{
	struct zipc_flow_names names;

	zipc_flow_ask(stage, stage->code.parts, &names);
	return zipc_flow_expression_in(d, stage, d->text, &names);
}

/* Without anything that it could name: it is worked out once. */
static int parse_init(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	struct zipc_program_batch batch = {.count = 1};
	struct zipc_program_failure failure;
	struct zipc_program *program;
	uint8_t *value;
	uint64_t size;
	int rc;

	zipc_flow_blanks(d);
	rc = zipc_flow_expression(d, stage);
	if (rc)
		return rc;
	program = stage->program[stage->code.parts - 1];
	size = zipc_program_output_bytes(program);
	if (size > ZIPC_FLOW_STATE_MOST)
		return zipc_flow_fail(stage->place[0],
				      "it has %" PRIu64 " bytes, at most %u are "
				      "kept", size, ZIPC_FLOW_STATE_MOST);
	value = calloc(1, size);
	if (!value)
		return zipc_fail(ENOMEM, "flow: out of memory");
	rc = zipc_program_run(program, &batch, value, &failure)
		     ? zipc_flow_fail(stage->place[0] + failure.place,
				      "it begins with a failure: %s",
				      zipc_program_fault_name(failure.fault))
		     : 0;
	free(value);
	return rc;
}

/* The integer that it begins with becomes a float, if e can give only that. */
static int begin_real(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	struct zipc_flow_names names;
	size_t at = d->at;
	int rc;

	zipc_flow_ask(stage, 0, &names);
	names.type = "f64";
	zipc_program_close(stage->program[0]);
	stage->program[0] = NULL;
	stage->code.parts = 0;
	d->at = stage->place[0];
	rc = zipc_flow_expression_in(d, stage, d->text, &names);
	d->at = at;
	return rc ? rc : zipc_flow_expression(d, stage);
}

/* init "," step. */
static int parse_steps(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	char why[512];
	size_t at;
	int rc = parse_init(d, stage);

	if (rc)
		return rc;
	if (!zipc_flow_take(d, ','))
		return zipc_flow_expected(d, "',' and what each step makes of "
					     "acc");
	at = d->at;
	rc = zipc_flow_expression(d, stage);
	if (rc != -EINVAL || strcmp(zipc_program_type(stage->program[0]),
				    "i64"))
		return rc;
	snprintf(why, sizeof(why), "%s", zipc_last_error());
	d->at = at;
	rc = begin_real(d, stage);
	return rc == -EINVAL ? zipc_fail(EINVAL, "%s", why) : rc;
}

/* Sources. */

/* A word with what names have, or "anything". */
static int parse_name(struct zipc_flow_draft *d, char *name, size_t *at)
{
	static const char ends[] = " \t\r\n,()|\"";
	size_t n = 0, begin;
	int quoted = zipc_flow_take(d, '"');

	*at = begin = d->at;
	while (d->at < d->length &&
	       (quoted ? d->text[d->at] != '"'
		       : !strchr(ends, d->text[d->at])))
		d->at++;
	n = d->at - begin;
	if (quoted && !zipc_flow_take(d, '"'))
		return zipc_flow_expected(d, "'\"' behind the name");
	if (!n)
		return zipc_flow_expected(d, "the name of a stream");
	if (n <= ZIPC_NAME_MAX) {
		memcpy(name, d->text + begin, n);
		name[n] = '\0';
	}
	if (n > ZIPC_NAME_MAX || !zipc_name_valid(name))
		return zipc_flow_fail(begin, "no stream can have that name: it "
					     "has 1 to %d bytes and no '/'",
				      ZIPC_NAME_MAX);
	return 0;
}

static int add_source(struct zipc_flow_draft *d,
		      const struct zipc_flow_source *from, size_t at)
{
	unsigned k;

	if (d->sources == ZIPC_FLOW_SOURCES)
		return zipc_flow_fail(at, "a flow reads at most %u streams",
				      ZIPC_FLOW_SOURCES);
	for (k = 0; k < d->sources; k++)
		if (!strcmp(d->source[k].name, from->name))
			return zipc_flow_fail(at, "`%s` is read already; "
						  "derive a stream of it first",
					      from->name);
	if (!zipc_name_valid(from->name))
		return zipc_flow_fail(at, "no stream can have the name of the "
					  "source");
	d->source[d->sources] = *from;
	strcpy(d->name[d->sources], from->name);
	d->source[d->sources].name = d->name[d->sources];
	d->enters[d->sources++] = (uint8_t)d->stages;
	return 0;
}

/* Whatever their spelling. */
static int same_type(const char *a, const char *b, int *same)
{
	struct zipc_type *types[2] = {NULL, NULL};
	int rc = zipc_type_parse(&types[0], a, SIZE_MAX);

	if (!rc)
		rc = zipc_type_parse(&types[1], b, SIZE_MAX);
	if (!rc)
		*same = !strcmp(zipc_type_text(types[0]),
				zipc_type_text(types[1]));
	zipc_type_free(types[0]);
	zipc_type_free(types[1]);
	return rc;
}

static int parse_source(struct zipc_flow_draft *d,
			struct zipc_flow_source *found, size_t *at)
{
	char name[ZIPC_NAME_MAX + 1];
	int rc = parse_name(d, name, at);

	if (rc)
		return rc;
	if (!d->from->find)
		return zipc_flow_fail(*at, "other streams cannot be read here");
	*found = (struct zipc_flow_source){0};
	rc = d->from->find(d->from->context, name, found);
	if (!rc) {
		found->name = name;
		rc = add_source(d, found, *at);
		found->name = d->name[d->sources - !rc];
	}
	return rc;
}

static int parse_merge(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	struct zipc_flow_source found;
	size_t at;
	int rc = 0, same = 0;

	do {
		rc = parse_source(d, &found, &at);
		if (!rc)
			rc = same_type(found.type, stage->in_type, &same);
		if (!rc && !same)
			rc = zipc_flow_fail(at, "`%s` has %.150s, what it is "
						"merged with %.150s: map one "
						"of them first",
					    found.name, found.type,
					    stage->in_type);
		stage->times = stage->times && found.times;
	} while (!rc && zipc_flow_take(d, ','));
	return rc;
}

/* What zip gives where it is not told. */
static int parse_pair(struct zipc_flow_stage *stage)
{
	static const char text[] = "{x: x, y: y}";
	struct zipc_flow_names names;
	struct zipc_program_source source = {
		.text = text, .length = sizeof(text) - 1, .index = 1,
	};
	int rc;

	zipc_flow_ask(stage, 0, &names);
	source.names = names.name;
	source.count = names.count;
	rc = zipc_program_compile(&stage->program[0], &source, NULL);
	stage->place[0] = stage->code.place;
	stage->code.parts = !rc;
	return rc;
}

static int parse_zip(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	struct zipc_flow_source found;
	size_t at;
	int rc;

	if (d->stages)
		return zipc_flow_fail(stage->code.place,
				      "zip has to be the first operator: derive "
				      "a stream of what stands before it, and "
				      "zip that");
	rc = parse_source(d, &found, &at);
	if (rc)
		return rc;
	stage->other_type = found.type;
	stage->times = stage->times || found.times;
	if (zipc_flow_take(d, ','))
		return zipc_flow_expression(d, stage);
	return parse_pair(stage);
}

/* Operators. */

static int parse_count(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	return zipc_flow_number(d, &stage->code.number[0], NULL);
}

static int parse_distinct(struct zipc_flow_draft *d,
			  struct zipc_flow_stage *stage)
{
	int rc;

	stage->code.number[0] = 1;
	zipc_flow_blanks(d);
	if (peek(d) == ')')
		return 0;
	rc = zipc_flow_expression(d, stage);
	if (!rc && zipc_flow_take(d, ','))
		rc = parse_count(d, stage);
	return rc;
}

static int needs_times(const struct zipc_flow_stage *stage, size_t at)
{
	if (stage->in_times)
		return 0;
	return zipc_flow_fail(at, "elements have no times here: create the "
				  "stream with timestamps, or count elements");
}

static int parse_sample(struct zipc_flow_draft *d,
			struct zipc_flow_stage *stage)
{
	size_t at = d->at;
	int is_time, rc;

	rc = zipc_flow_number(d, &stage->code.number[0], &is_time);
	if (rc || !is_time)
		return rc;
	stage->code.kind = ZIPC_FLOW_SAMPLE_TIME;
	return needs_times(stage, at);
}

static int parse_period(struct zipc_flow_draft *d,
			struct zipc_flow_stage *stage)
{
	int is_time, rc;

	rc = zipc_flow_number(d, &stage->code.number[0], &is_time);
	if (!rc && !is_time)
		return zipc_flow_expected(d, "a unit of time, as 10ms");
	stage->times = 1;
	return rc;
}

/* A constant of a range: bits of an i64 or of a double. */
static int parse_bound(struct zipc_flow_draft *d, const char *type,
		       uint64_t *bits, size_t *at)
{
	struct zipc_flow_stage constant = {.code.kind = ZIPC_FLOW_GENERATE};
	struct zipc_program_batch batch = {.count = 1};
	struct zipc_program_failure failure;
	struct zipc_flow_names names = {.type = type};
	int rc;

	zipc_flow_blanks(d);
	*at = d->at;
	rc = zipc_flow_expression_in(d, &constant, d->text, &names);
	if (!rc && zipc_program_run(constant.program[0], &batch, bits,
				    &failure))
		rc = zipc_flow_fail(*at + failure.place, "it fails: %s",
				    zipc_program_fault_name(failure.fault));
	zipc_program_close(constant.program[0]);
	return rc;
}

static int parse_bounds(struct zipc_flow_draft *d,
			struct zipc_flow_stage *stage, const char *type)
{
	size_t at;
	int rc = parse_bound(d, type, &stage->code.number[0], &at);
	int is_real = !strcmp(type, "f64");
	double one = 1;

	stage->code.number[1] = 1;
	if (is_real)
		memcpy(&stage->code.number[1], &one, sizeof(one));
	stage->code.flags = is_real ? ZIPC_FLOW_REAL : 0;
	if (rc || !zipc_flow_take(d, ','))
		return rc;
	stage->code.flags |= ZIPC_FLOW_TO;
	rc = parse_bound(d, type, &stage->code.number[2], &at);
	if (rc || !zipc_flow_take(d, ','))
		return rc;
	rc = parse_bound(d, type, &stage->code.number[1], &at);
	/* -0.0, too. */
	if (!rc && !(stage->code.number[1] << (is_real ? 1 : 0)))
		rc = zipc_flow_fail(at, "a step of 0 leads nowhere");
	return rc;
}

/* from ["," to ["," step]]: of integers, or, if one is none, of floats. */
static int parse_range(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	size_t at = d->at;
	int rc = parse_bounds(d, stage, "i64");

	if (rc != -EINVAL)
		return rc;
	d->at = at;
	memset(stage->code.number, 0, sizeof(stage->code.number));
	return parse_bounds(d, stage, "f64");
}

typedef int parse(struct zipc_flow_draft *d, struct zipc_flow_stage *stage);

static const struct {
	const char *name;
	parse *arguments;
} operators[ZIPC_FLOW_KINDS] = {
	[ZIPC_FLOW_FILTER] = {"filter", zipc_flow_expression},
	[ZIPC_FLOW_MAP] = {"map", zipc_flow_expression},
	[ZIPC_FLOW_SCAN] = {"scan", parse_steps},
	[ZIPC_FLOW_FOLD] = {"fold", parse_steps},
	[ZIPC_FLOW_TAKE] = {"take", parse_count},
	[ZIPC_FLOW_SKIP] = {"skip", parse_count},
	[ZIPC_FLOW_DISTINCT] = {"distinct", parse_distinct},
	[ZIPC_FLOW_SAMPLE] = {"sample", parse_sample},
	[ZIPC_FLOW_MERGE] = {"merge", parse_merge},
	[ZIPC_FLOW_ZIP] = {"zip", parse_zip},
	[ZIPC_FLOW_WINDOW] = {"window", zipc_flow_parse_window},
	[ZIPC_FLOW_RANGE] = {"range", parse_range},
	[ZIPC_FLOW_GENERATE] = {"generate", parse_steps},
	[ZIPC_FLOW_REPEAT] = {"repeat", zipc_flow_expression},
	[ZIPC_FLOW_TICK] = {"tick", parse_period},
};

static int makes(unsigned kind)
{
	return kind >= ZIPC_FLOW_RANGE;
}

static int unknown(struct zipc_flow_draft *d)
{
	size_t n = word_length(d);

	if (!n)
		return zipc_flow_expected(d, "an operator, as filter(x > 0)");
	return zipc_flow_fail(d->at, "no operator is called `%.*s`; there are "
				     "filter, map, scan, fold, take, skip, "
				     "distinct, sample, window, merge, zip, "
				     "and, at the begin, range, generate, "
				     "repeat, tick",
			      n < 40 ? (int)n : 40, d->text + d->at);
}

static int find_operator(struct zipc_flow_draft *d, uint8_t *kind)
{
	size_t at;
	unsigned k;

	zipc_flow_blanks(d);
	at = d->at;
	for (k = 1; k < ZIPC_FLOW_KINDS; k++)
		if (operators[k].name &&
		    zipc_flow_take_word(d, operators[k].name))
			break;
	if (k == ZIPC_FLOW_KINDS)
		return unknown(d);
	*kind = (uint8_t)k;
	if (makes(k) && (d->stages || d->sources))
		return zipc_flow_fail(at, "%s makes elements of nothing: it "
					  "stands first, where no stream is "
					  "read; merge a stream that is "
					  "derived of it", operators[k].name);
	if (!makes(k) && !d->stages && !d->sources)
		return zipc_flow_fail(at, "%s needs elements: read a stream, "
					  "or begin with range, generate, "
					  "repeat or tick", operators[k].name);
	return 0;
}

/* What leaves the operator. */
static void give(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	d->times = stage->times;
	switch (stage->code.kind) {
	case ZIPC_FLOW_RANGE:
		d->type = stage->code.flags & ZIPC_FLOW_REAL ? "f64" : "i64";
		break;
	case ZIPC_FLOW_TICK:
		d->type = "i64";
		break;
	case ZIPC_FLOW_MAP:
	case ZIPC_FLOW_SCAN:
	case ZIPC_FLOW_FOLD:
	case ZIPC_FLOW_ZIP:
	case ZIPC_FLOW_GENERATE:
	case ZIPC_FLOW_REPEAT:
	case ZIPC_FLOW_WINDOW:
	case ZIPC_FLOW_WINDOW_TIME:
		d->type = zipc_program_type(
			stage->program[zipc_flow_giving(stage)]);
		break;
	default:
		break;
	}
}

static int parse_operator(struct zipc_flow_draft *d)
{
	struct zipc_flow_stage *stage = &d->stage[d->stages];
	int rc;

	zipc_flow_blanks(d);
	if (d->stages == ZIPC_FLOW_STAGES)
		return zipc_flow_fail(d->at, "a flow has at most %u operators; "
					     "derive a stream, and go on from "
					     "that", ZIPC_FLOW_STAGES);
	stage->code.place = (uint16_t)d->at;
	rc = find_operator(d, &stage->code.kind);
	if (rc)
		return rc;
	stage->in_type = d->type;
	stage->in_times = stage->times = d->times;
	if (!zipc_flow_take(d, '('))
		return zipc_flow_expected(d, "'('");
	rc = operators[stage->code.kind].arguments(d, stage);
	if (!rc && !zipc_flow_take(d, ')'))
		rc = zipc_flow_expected(d, "')'");
	if (rc)
		return rc;
	stage->code.length = (uint16_t)(d->at - stage->code.place);
	give(d, stage);
	d->stages++;
	return 0;
}

int zipc_flow_parse(struct zipc_flow_draft *d)
{
	const struct zipc_flow_source *source = d->from->source;
	int rc = 0;

	if (source) {
		rc = add_source(d, source, 0);
		d->type = source->type;
		d->times = source->times;
	}
	do {
		if (!rc)
			rc = parse_operator(d);
	} while (!rc && zipc_flow_take(d, '|'));
	zipc_flow_blanks(d);
	if (!rc && d->at < d->length)
		rc = zipc_flow_expected(d, "'|' and an operator, or the end");
	return rc;
}
