/* SPDX-License-Identifier: MIT */
/*
 * What stands in window(..):
 *
 *   size [ "," "every" size ] "," items [ "," "by" expression ]
 *
 * items is an expression over aggregates. Each of these is taken out of it: its
 * argument is an expression of its own, over an element, and in its place
 * stands a name, `_0` for the first one, with blanks behind it, so that columns
 * stay what they are.
 */
#include "error.h"
#include "flow_draft.h"

#include <stdio.h>
#include <stdlib.h>

static int is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9');
}

/* Sizes. */

static int parse_every(struct zipc_flow_draft *d, struct zipc_flow_stage *stage,
		       int is_time)
{
	size_t at;
	int again, rc;

	stage->code.number[1] = stage->code.number[0];
	if (!zipc_flow_take_word(d, "every"))
		return 0;
	zipc_flow_blanks(d);
	at = d->at;
	rc = zipc_flow_number(d, &stage->code.number[1], &again);
	if (!rc && again != is_time)
		rc = zipc_flow_fail(at, "a window of %s begins anew by %s, too",
				    is_time ? "a time" : "a count",
				    is_time ? "a time, as 1s" : "a count");
	if (!rc && !zipc_flow_take(d, ','))
		rc = zipc_flow_expected(d, "',' and what the window gives");
	return rc;
}

/* Aggregates. */

static const struct {
	const char *name;
	unsigned what;
} aggregates[] = {
	{"sum", ZIPC_FLOW_SUM},	    {"mean", ZIPC_FLOW_MEAN},
	{"min", ZIPC_FLOW_MIN},	    {"max", ZIPC_FLOW_MAX},
	{"count", ZIPC_FLOW_COUNT}, {"first", ZIPC_FLOW_FIRST},
	{"last", ZIPC_FLOW_LAST},
};

/* Whether a call, behind its '(', has more than one argument. */
static int has_more(const struct zipc_flow_draft *d, size_t at)
{
	unsigned depth = 0;

	for (; at < d->length; at++) {
		char c = d->text[at];

		if (!depth && (c == ',' || c == ')'))
			return c == ',';
		if (c == '(' || c == '{')
			depth++;
		if (c == ')' || c == '}')
			depth--;
	}
	return 0;
}

/* Of the call whose name stands at the draft's place; 0: of none. */
static unsigned aggregate_at(struct zipc_flow_draft *d, size_t *inside)
{
	size_t at = d->at, n = 0;
	unsigned k;

	while (at + n < d->length && is_word((unsigned char)d->text[at + n]))
		n++;
	d->at += n;
	if (!zipc_flow_take(d, '('))
		return 0;
	*inside = d->at;
	for (k = 0; k < sizeof(aggregates) / sizeof(aggregates[0]); k++)
		if (n == strlen(aggregates[k].name) &&
		    !memcmp(d->text + at, aggregates[k].name, n))
			break;
	if (k == sizeof(aggregates) / sizeof(aggregates[0]))
		return 0;
	k = aggregates[k].what;
	if ((k == ZIPC_FLOW_MIN || k == ZIPC_FLOW_MAX) && has_more(d, *inside))
		return 0;
	return k;
}

/* As what an argument of that type is counted; NULL: not at all. */
static const char *counted_as(unsigned what, const char *type)
{
	if (what == ZIPC_FLOW_FIRST || what == ZIPC_FLOW_LAST)
		return type;
	if (type[0] == 'f' && (!strcmp(type, "f32") || !strcmp(type, "f64")))
		return "f64";
	if ((type[0] == 'i' || type[0] == 'u') && !strchr(type, '['))
		return what == ZIPC_FLOW_MEAN ? "f64" : "i64";
	return NULL;
}

/* Once to see what it is, and once more if it is to be something else. */
static int parse_argument(struct zipc_flow_draft *d,
			  struct zipc_flow_stage *stage, unsigned what)
{
	unsigned k = stage->code.parts;
	struct zipc_flow_names names;
	const char *type;
	size_t at = d->at;
	int rc = zipc_flow_expression(d, stage);

	if (rc)
		return rc;
	type = zipc_program_type(stage->program[k]);
	zipc_flow_ask(stage, k, &names);
	names.type = counted_as(what, type);
	if (!names.type)
		return zipc_flow_fail(stage->place[k],
				      "there is no sum, mean, min or max of "
				      "%.100s: name a field, or convert it, as "
				      "i64(x)", type);
	if (!strcmp(names.type, type))
		return 0;
	zipc_program_close(stage->program[k]);
	stage->program[k] = NULL;
	stage->code.parts--;
	d->at = at;
	return zipc_flow_expression_in(d, stage, d->text, &names);
}

static int parse_aggregate(struct zipc_flow_draft *d,
			   struct zipc_flow_stage *stage, unsigned what,
			   size_t at, char *copy)
{
	unsigned k = stage->code.aggregates;
	char name[8];
	int rc = 0;

	if (k == ZIPC_FLOW_AGGREGATES)
		return zipc_flow_fail(at, "a window has at most %u aggregates",
				      ZIPC_FLOW_AGGREGATES);
	stage->code.aggregate[stage->code.aggregates++] = (uint8_t)what;
	if (what != ZIPC_FLOW_COUNT)
		rc = parse_argument(d, stage, what);
	if (!rc && !zipc_flow_take(d, ')'))
		rc = zipc_flow_expected(d, what == ZIPC_FLOW_COUNT
						   ? "')': count() counts all"
						   : "')'");
	if (rc)
		return rc;
	snprintf(name, sizeof(name), "_%u", k);
	memset(copy + at, ' ', d->at - at);
	memcpy(copy + at, name, strlen(name));
	return 0;
}

/* All of them, up to the end of the items. */
static int parse_aggregates(struct zipc_flow_draft *d,
			    struct zipc_flow_stage *stage, char *copy)
{
	unsigned depth = 0, what;
	size_t inside, at;
	int rc = 0;

	while (!rc && d->at < d->length) {
		char c = d->text[d->at];

		at = d->at;
		if (!depth && (c == ',' || c == ')'))
			break;
		if (is_word((unsigned char)c)) {
			what = aggregate_at(d, &inside);
			depth += !what && d->text[d->at - 1] == '(';
			if (what)
				rc = parse_aggregate(d, stage, what, at, copy);
			continue;
		}
		depth += c == '(' || c == '{';
		depth -= depth && (c == ')' || c == '}');
		d->at++;
	}
	return rc;
}

static int parse_items(struct zipc_flow_draft *d, struct zipc_flow_stage *stage)
{
	struct zipc_flow_names names;
	char *copy = strdup(d->text);
	size_t begin;
	int rc;

	if (!copy)
		return zipc_fail(ENOMEM, "flow: out of memory");
	zipc_flow_blanks(d);
	begin = d->at;
	rc = parse_aggregates(d, stage, copy);
	d->at = begin;
	if (!rc && !stage->code.aggregates)
		rc = zipc_flow_fail(begin, "a window gives aggregates: sum(x), "
					   "mean(x), min(x), max(x), count(), "
					   "first(x), last(x), or of several "
					   "{a: sum(x), n: count()}");
	if (!rc) {
		zipc_flow_values(stage);
		zipc_flow_ask(stage, stage->code.parts, &names);
		rc = zipc_flow_expression_in(d, stage, copy, &names);
	}
	free(copy);
	return rc;
}

static int parse_by(struct zipc_flow_draft *d, struct zipc_flow_stage *stage,
		    int is_time)
{
	size_t at;

	zipc_flow_blanks(d);
	at = d->at;
	if (!zipc_flow_take_word(d, "by"))
		return zipc_flow_fail(at, "a window gives one thing; for more "
					  "than one aggregate write {a: sum(x), "
					  "n: count()}");
	if (!is_time)
		return zipc_flow_fail(at, "only a window of a time, as 10s, "
					  "asks for times");
	stage->code.flags |= ZIPC_FLOW_BY;
	return zipc_flow_expression(d, stage);
}

int zipc_flow_parse_window(struct zipc_flow_draft *d,
			   struct zipc_flow_stage *stage)
{
	size_t at = d->at;
	int is_time, rc;

	rc = zipc_flow_number(d, &stage->code.number[0], &is_time);
	if (rc)
		return rc;
	if (is_time)
		stage->code.kind = ZIPC_FLOW_WINDOW_TIME;
	if (!zipc_flow_take(d, ','))
		return zipc_flow_expected(d, "',' and what the window gives");
	rc = parse_every(d, stage, is_time);
	if (!rc)
		rc = parse_items(d, stage);
	if (!rc && zipc_flow_take(d, ','))
		rc = parse_by(d, stage, is_time);
	if (!rc && is_time && !stage->in_times &&
	    !(stage->code.flags & ZIPC_FLOW_BY))
		rc = zipc_flow_fail(at, "elements have no times here: create "
					"the stream with timestamps, or say "
					"which they are, as in window(10s, "
					"count(), by x.ts)");
	stage->times |= is_time;
	return rc;
}
