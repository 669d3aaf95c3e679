/* SPDX-License-Identifier: MIT */
/*
 * From bytes to a flow. Nothing in them is trusted: they are copied, and the
 * copy is looked through once. What its operators work on follows from the
 * types of its sources and from what its programs give, one after the other;
 * each program is read as what was asked for at that place, so that a run
 * gives it what it believes to get.
 *
 * How large the state is follows from the operators, too, and so does where
 * each keeps its own in it. Whatever is in that is no reason to look elsewhere.
 */
#include "error.h"
#include "flow_inside.h"
#include "name.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct reader {
	struct zipc_flow *flow;
	const uint8_t *bytes;
	size_t at, size;
	int own; /* they were just made of a text */
	const struct zipc_flow_part *parts;
	const uint8_t *program;
	unsigned part;
	/* what leaves the operator before this one */
	const char *type;
	uint64_t type_bytes;
	int times;
	unsigned sources;
};

static int damaged(const char *format, ...)
	__attribute__((format(printf, 1, 2), cold));

static int damaged(const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return zipc_fail(EBADMSG, "flow: damaged: %s", what);
}

/* A limit: of a text that somebody has written, or of bytes. */
static int unfit(const struct reader *r, const struct zipc_flow_stage *stage,
		 const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

static int unfit(const struct reader *r, const struct zipc_flow_stage *stage,
		 const char *format, ...)
{
	char what[400];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return r->own ? zipc_flow_fail(stage->code.place, "%s", what)
		      : damaged("%.150s", what);
}

static int no_memory(void)
{
	return zipc_fail(ENOMEM, "flow: out of memory");
}

/* Names that expressions have. */

static void name(struct zipc_flow_names *names, const char *of,
		 const char *type, enum zipc_program_role role)
{
	names->name[names->count++] =
		(struct zipc_program_name){of, type, role};
}

static void name_values(const struct zipc_flow_stage *stage,
			struct zipc_flow_names *names)
{
	static const char *const of[ZIPC_FLOW_AGGREGATES] = {
		"_0", "_1", "_2", "_3", "_4", "_5", "_6", "_7",
		"_8", "_9", "_10", "_11", "_12", "_13", "_14", "_15",
	};
	unsigned k;

	for (k = 0; k < stage->code.aggregates; k++)
		name(names, of[k], stage->value[k].type, ZIPC_ROLE_ELEMENT);
}

static void name_element(const struct zipc_flow_stage *stage,
			 struct zipc_flow_names *names)
{
	if (stage->in_type)
		name(names, "x", stage->in_type, ZIPC_ROLE_ELEMENT);
	if (stage->code.kind == ZIPC_FLOW_ZIP)
		name(names, "y", stage->other_type, ZIPC_ROLE_ELEMENT);
	if (stage->code.kind == ZIPC_FLOW_ZIP ? stage->times : stage->in_times)
		name(names, "t", "i64", ZIPC_ROLE_ELEMENT);
	names->index = 1;
}

void zipc_flow_ask(const struct zipc_flow_stage *stage, unsigned part,
		   struct zipc_flow_names *names)
{
	memset(names, 0, sizeof(*names));
	switch (stage->code.kind) {
	case ZIPC_FLOW_SCAN:
	case ZIPC_FLOW_FOLD:
	case ZIPC_FLOW_GENERATE:
		if (part == 0)
			return;
		name_element(stage, names);
		names->type = zipc_program_type(stage->program[0]);
		name(names, "acc", names->type, ZIPC_ROLE_ACC);
		return;
	case ZIPC_FLOW_WINDOW:
	case ZIPC_FLOW_WINDOW_TIME:
		if (part == zipc_flow_arguments(stage)) {
			name_values(stage, names);
			return;
		}
		if (part > zipc_flow_arguments(stage))
			names->type = "i64";
		break;
	case ZIPC_FLOW_FILTER:
		names->type = "bool";
		break;
	default:
		break;
	}
	name_element(stage, names);
}

/* Values of windows. */

void zipc_flow_values(struct zipc_flow_stage *stage)
{
	size_t at = ZIPC_FLOW_SLOT;
	unsigned k, part = 0;

	for (k = 0; k < stage->code.aggregates; k++) {
		struct zipc_flow_value *value = &stage->value[k];
		const struct zipc_program *program;

		*value = (struct zipc_flow_value){
			.what = stage->code.aggregate[k], .type = "i64",
			.bytes = sizeof(int64_t), .at = at,
		};
		if (value->what == ZIPC_FLOW_COUNT)
			continue;
		value->part = part;
		program = stage->program[part++];
		value->type = zipc_program_type(program);
		value->bytes = (size_t)zipc_program_output_bytes(program);
		value->is_real = !strcmp(value->type, "f64");
		at += zipc_flow_up(value->bytes);
	}
	stage->slot_bytes = at;
}

/* Whether arguments are what the aggregates count with. */
static int check_values(const struct zipc_flow_stage *stage)
{
	unsigned k;

	for (k = 0; k < stage->code.aggregates; k++) {
		const struct zipc_flow_value *value = &stage->value[k];
		int is_int = !strcmp(value->type, "i64");

		if (value->what == ZIPC_FLOW_MEAN && !value->is_real)
			return damaged("a mean of %.100s", value->type);
		if (value->what <= ZIPC_FLOW_MAX && !value->is_real && !is_int)
			return damaged("an aggregate of %.100s", value->type);
	}
	return 0;
}

/* The places of all. */

static const void *take(struct reader *r, size_t size)
{
	const void *at = r->bytes + r->at;

	if (size > r->size - r->at)
		return NULL;
	r->at += size;
	return at;
}

/* A text that can be shown: ASCII, and ended by its one NUL. */
static const char *take_text(struct reader *r, size_t length)
{
	const char *text = take(r, length + 1);
	size_t k;

	for (k = 0; text && k < length; k++)
		if ((text[k] < ' ' || text[k] > '~') &&
		    !(text[k] && strchr("\t\r\n", text[k])))
			return NULL;
	return text && !text[length] ? text : NULL;
}

/* Before anything else: other versions may have other bounds. */
static int check_version(const void *bytes, size_t size)
{
	struct zipc_flow_header header = {0};

	memcpy(&header, bytes, size < sizeof(header) ? size : sizeof(header));
	if (header.magic != ZIPC_FLOW_MAGIC)
		return damaged("it does not begin with ZFLW");
	if (size >= 8 && header.version != ZIPC_FLOW_VERSION)
		return zipc_fail(EPROTONOSUPPORT,
				 "flow: version %u; version %u is known",
				 header.version, ZIPC_FLOW_VERSION);
	if (size < sizeof(header) || size > ZIPC_FLOW_BYTES_MOST ||
	    header.size_bytes != size)
		return damaged("it has %zu bytes", size);
	if (header.origins > ZIPC_FLOW_SOURCES || !header.operators ||
	    header.operators > ZIPC_FLOW_STAGES || header.reserved ||
	    header.text_length > ZIPC_FLOW_TEXT_MOST)
		return damaged("its header");
	return 0;
}

/* Sources. */

static int check_type(const char *text, uint64_t *size)
{
	struct zipc_type *type;
	int rc = zipc_type_parse(&type, text, SIZE_MAX);

	if (rc)
		return rc == -ENOMEM ? rc : damaged("a type's text");
	*size = zipc_type_size(type);
	rc = strcmp(zipc_type_text(type), text);
	zipc_type_free(type);
	return rc ? damaged("`%.100s` has another spelling", text) : 0;
}

static int read_source(struct reader *r, unsigned k)
{
	const struct zipc_flow_origin *origin = &r->flow->origin[k];
	struct zipc_flow_source *source = &r->flow->source[k];
	const char *of = take(r, origin->name_length + 1u);
	unsigned j;

	source->name = of;
	source->type = take_text(r, origin->type_length);
	source->times = origin->times;
	if (!of ||
	    strnlen(of, origin->name_length + 1u) != origin->name_length ||
	    !source->type || !zipc_name_valid(of) || origin->times > 1 ||
	    origin->reserved[0] || origin->reserved[1] || origin->reserved[2] ||
	    origin->enters >= r->flow->header.operators)
		return damaged("source %u", k);
	for (j = 0; j < k; j++)
		if (!strcmp(r->flow->source[j].name, of) ||
		    r->flow->origin[j].enters > origin->enters)
			return damaged("source %u beside source %u", k, j);
	return check_type(source->type, &r->flow->source_bytes[k]);
}

static int place_all(struct reader *r)
{
	struct zipc_flow *flow = r->flow;
	const struct zipc_flow_header *header = &flow->header;
	const struct zipc_flow_operator *operators;
	const void *origins;
	unsigned k;
	int rc = 0;

	take(r, sizeof(*header));
	origins = take(r, header->origins * sizeof(flow->origin[0]));
	operators = take(r, header->operators * sizeof(*operators));
	r->parts = take(r, header->parts * sizeof(*r->parts));
	if (!origins || !operators || !r->parts)
		return damaged("it is too short");
	memcpy(flow->origin, origins,
	       header->origins * sizeof(flow->origin[0]));
	for (k = 0; k < header->operators; k++)
		flow->stage[k].code = operators[k];
	for (k = 0; !rc && k < header->origins; k++)
		rc = read_source(r, k);
	if (rc)
		return rc;
	flow->text = take_text(r, header->text_length);
	r->program = r->bytes + r->at;
	return flow->text ? 0 : damaged("its text");
}

/* Programs. */

static int read_part(struct reader *r, struct zipc_flow_stage *stage,
		     unsigned k)
{
	const struct zipc_flow_part *part;
	struct zipc_program_source asked = {0};
	struct zipc_flow_names names;
	const void *bytes;
	int rc;

	if (r->part == r->flow->header.parts)
		return damaged("it has fewer expressions");
	part = &r->parts[r->part++];
	bytes = take(r, part->size_bytes);
	if (!bytes || part->place > r->flow->header.text_length ||
	    part->reserved)
		return damaged("expression %u", r->part - 1);
	zipc_flow_ask(stage, k, &names);
	asked.names = names.name;
	asked.count = names.count;
	asked.index = names.index;
	asked.type = names.type;
	rc = zipc_program_read(&stage->program[k], bytes, part->size_bytes,
			       &asked);
	stage->place[k] = part->place;
	if (rc == -EPROTOTYPE)
		return damaged("expression %u is another: %.100s",
			       r->part - 1, zipc_last_error());
	if (rc)
		return rc;
	if (zipc_program_output_bytes(stage->program[k]) >
	    ZIPC_FLOW_ELEMENT_MOST)
		return unfit(r, stage, "it gives elements of over %u bytes",
			     ZIPC_FLOW_ELEMENT_MOST);
	return 0;
}

static unsigned parts_of(const struct zipc_flow_stage *stage)
{
	switch (stage->code.kind) {
	case ZIPC_FLOW_FILTER:
	case ZIPC_FLOW_MAP:
	case ZIPC_FLOW_ZIP:
	case ZIPC_FLOW_REPEAT:
		return 1;
	case ZIPC_FLOW_SCAN:
	case ZIPC_FLOW_FOLD:
	case ZIPC_FLOW_GENERATE:
		return 2;
	case ZIPC_FLOW_DISTINCT:
		return stage->code.parts == 1;
	case ZIPC_FLOW_WINDOW:
	case ZIPC_FLOW_WINDOW_TIME:
		return zipc_flow_arguments(stage) + 1 +
		       (stage->code.flags & ZIPC_FLOW_BY);
	default:
		return 0;
	}
}

static int read_parts(struct reader *r, struct zipc_flow_stage *stage)
{
	unsigned k, values = zipc_flow_arguments(stage);
	int is_window = stage->code.kind == ZIPC_FLOW_WINDOW ||
			stage->code.kind == ZIPC_FLOW_WINDOW_TIME;
	int rc = 0;

	if (stage->code.parts != parts_of(stage))
		return damaged("operator at %u has %u expressions",
			       stage->code.place, stage->code.parts);
	for (k = 0; !rc && k < stage->code.parts; k++) {
		if (is_window && k == values) {
			zipc_flow_values(stage);
			rc = check_values(stage);
		}
		if (!rc)
			rc = read_part(r, stage, k);
	}
	return rc;
}

/* Numbers. */

static int check_flags(const struct zipc_flow_stage *stage)
{
	unsigned may = 0;

	if (stage->code.kind == ZIPC_FLOW_RANGE)
		may = ZIPC_FLOW_TO | ZIPC_FLOW_REAL;
	if (stage->code.kind == ZIPC_FLOW_WINDOW_TIME)
		may = ZIPC_FLOW_BY;
	return !(stage->code.flags & ~may);
}

static int check_aggregates(const struct zipc_flow_stage *stage)
{
	const struct zipc_flow_operator *code = &stage->code;
	int is_window = code->kind == ZIPC_FLOW_WINDOW ||
			code->kind == ZIPC_FLOW_WINDOW_TIME;
	unsigned k;

	if (code->aggregates > ZIPC_FLOW_AGGREGATES ||
	    (code->aggregates != 0) != is_window)
		return 0;
	for (k = 0; k < ZIPC_FLOW_AGGREGATES; k++)
		if (k < code->aggregates
			    ? !code->aggregate[k] ||
				      code->aggregate[k] > ZIPC_FLOW_LAST
			    : code->aggregate[k])
			return 0;
	return 1;
}

/* How many of its numbers are used, each from 1 to 2^63 - 1; others are 0. */
static int check_numbers(const struct zipc_flow_stage *stage)
{
	static const uint8_t used[ZIPC_FLOW_KINDS] = {
		[ZIPC_FLOW_TAKE] = 1,	[ZIPC_FLOW_SKIP] = 1,
		[ZIPC_FLOW_DISTINCT] = 1, [ZIPC_FLOW_SAMPLE] = 1,
		[ZIPC_FLOW_SAMPLE_TIME] = 1, [ZIPC_FLOW_TICK] = 1,
		[ZIPC_FLOW_WINDOW] = 2, [ZIPC_FLOW_WINDOW_TIME] = 2,
	};
	const uint64_t *number = stage->code.number;
	int is_real = stage->code.flags & ZIPC_FLOW_REAL;
	unsigned k;

	if (stage->code.kind == ZIPC_FLOW_RANGE)
		return (stage->code.flags & ZIPC_FLOW_TO || !number[2]) &&
		       (number[1] << (is_real ? 1 : 0)) != 0;
	for (k = 0; k < 3; k++)
		if (k < used[stage->code.kind]
			    ? !number[k] || number[k] > INT64_MAX
			    : number[k] != 0)
			return 0;
	return 1;
}

static int check_operator(const struct reader *r, unsigned s)
{
	const struct zipc_flow_stage *stage = &r->flow->stage[s];
	const struct zipc_flow_operator *code = &stage->code;
	int makes = code->kind >= ZIPC_FLOW_RANGE;

	if (!code->kind || code->kind >= ZIPC_FLOW_KINDS ||
	    code->parts > ZIPC_FLOW_PARTS ||
	    code->place + code->length > r->flow->header.text_length)
		return damaged("operator %u", s);
	if (!check_aggregates(stage) || !check_flags(stage) ||
	    !check_numbers(stage))
		return damaged("what operator %u is told", s);
	if (makes != (s == 0 && (!r->flow->header.origins ||
				 r->flow->origin[0].enters > 0)))
		return damaged("operator %u at this place", s);
	return 0;
}

/* Where elements enter. */

static int enter_merge(struct reader *r, unsigned s, unsigned k)
{
	const struct zipc_flow_source *source = &r->flow->source[k];

	if (r->flow->origin[k].enters != s ||
	    (s == 0 && k == 0)) /* the left one */
		return 0;
	if (strcmp(source->type, r->type))
		return damaged("source %u is merged with another type", k);
	r->times = r->times && source->times;
	return 1;
}

/* The sources that enter at an operator: as many as it has to have. */
static int enter(struct reader *r, unsigned s)
{
	struct zipc_flow_stage *stage = &r->flow->stage[s];
	const struct zipc_flow_source *source = r->flow->source;
	unsigned k, n = 0, others = 0;

	for (k = 0; k < r->flow->header.origins; k++)
		if (r->flow->origin[k].enters == s) {
			r->sources |= 1u << k;
			n++;
		}
	others = n - (s == 0 && n > 0);
	stage->sources = r->sources;
	if (s == 0 && n > 0) {
		r->type = source[0].type;
		r->type_bytes = r->flow->source_bytes[0];
		r->times = source[0].times;
	}
	stage->in_type = r->type;
	stage->in_bytes = r->type_bytes;
	stage->in_times = r->times;
	if (stage->code.kind == ZIPC_FLOW_ZIP) {
		if (s || n != 2)
			return damaged("zip at operator %u", s);
		stage->other_type = source[1].type;
		r->times = r->times || source[1].times;
		return 0;
	}
	if ((stage->code.kind == ZIPC_FLOW_MERGE) != (others > 0))
		return damaged("%u sources enter at operator %u", n, s);
	for (k = 0; k < r->flow->header.origins; k++)
		if (enter_merge(r, s, k) < 0)
			return -EBADMSG;
	return 0;
}

/* What leaves an operator, and how large its state is. */

static void plan_type(struct reader *r, struct zipc_flow_stage *stage)
{
	const struct zipc_program *program =
		stage->program[zipc_flow_giving(stage)];

	switch (stage->code.kind) {
	case ZIPC_FLOW_MAP:
	case ZIPC_FLOW_SCAN:
	case ZIPC_FLOW_FOLD:
	case ZIPC_FLOW_ZIP:
	case ZIPC_FLOW_WINDOW:
	case ZIPC_FLOW_WINDOW_TIME:
	case ZIPC_FLOW_GENERATE:
	case ZIPC_FLOW_REPEAT:
		r->type = zipc_program_type(program);
		r->type_bytes = zipc_program_output_bytes(program);
		break;
	case ZIPC_FLOW_RANGE:
	case ZIPC_FLOW_TICK:
		r->type = stage->code.flags & ZIPC_FLOW_REAL ? "f64" : "i64";
		r->type_bytes = sizeof(int64_t);
		break;
	default:
		break;
	}
	if (stage->code.kind == ZIPC_FLOW_WINDOW_TIME ||
	    stage->code.kind == ZIPC_FLOW_TICK)
		r->times = 1;
	stage->type = r->type;
	stage->bytes = r->type_bytes;
	stage->times = r->times;
}

/* Bytes behind its tally; beyond all limits UINT64_MAX. */
static uint64_t own_bytes(struct zipc_flow_stage *stage)
{
	const uint64_t *number = stage->code.number;
	uint64_t bytes, words = 1, each;

	switch (stage->code.kind) {
	case ZIPC_FLOW_SCAN:
	case ZIPC_FLOW_GENERATE:
		return zipc_flow_up(stage->bytes);
	case ZIPC_FLOW_FOLD: /* a time */
		return 8 + zipc_flow_up(stage->bytes);
	case ZIPC_FLOW_SAMPLE_TIME: /* whether there is one, and that */
		return 16;
	case ZIPC_FLOW_TICK:
		return 8;
	case ZIPC_FLOW_DISTINCT: /* how many, and those */
		stage->slot_bytes = stage->program[0]
			? zipc_program_output_bytes(stage->program[0])
			: stage->in_bytes;
		stage->slots = number[0];
		each = stage->slot_bytes;
		break;
	case ZIPC_FLOW_WINDOW_TIME: /* whether there is a time, and that */
	case ZIPC_FLOW_WINDOW:      /* how many there were */
		words = stage->code.kind == ZIPC_FLOW_WINDOW ? 1 : 2;
		stage->slots = zipc_flow_cover(number[0], number[1]);
		each = stage->slot_bytes;
		break;
	default:
		return 0;
	}
	if (__builtin_mul_overflow(stage->slots, each, &bytes) ||
	    bytes > INT64_MAX)
		return UINT64_MAX;
	return words * 8 + ((bytes + 7) & ~UINT64_C(7));
}

static int plan_state(struct reader *r, struct zipc_flow_stage *stage,
		      uint64_t *used)
{
	uint64_t bytes = own_bytes(stage);

	stage->at = (size_t)*used;
	stage->own_bytes = (size_t)bytes;
	if (bytes > ZIPC_FLOW_STATE_MOST ||
	    *used + bytes + sizeof(struct zipc_flow_tally) >
		    ZIPC_FLOW_STATE_MOST)
		return unfit(r, stage, "it remembers %" PRIu64 " bytes, and "
				       "those before it %" PRIu64 "; a flow "
				       "remembers at most %u",
			     bytes, *used, ZIPC_FLOW_STATE_MOST);
	*used += bytes + sizeof(struct zipc_flow_tally);
	return 0;
}

static int plan_stage(struct reader *r, unsigned s, uint64_t *used)
{
	struct zipc_flow_stage *stage = &r->flow->stage[s];
	int rc = check_operator(r, s);

	if (!rc)
		rc = enter(r, s);
	if (rc)
		return rc;
	stage->times = r->times; /* zip's expression asks for it */
	if (stage->code.kind == ZIPC_FLOW_SAMPLE_TIME && !stage->in_times)
		return damaged("operator %u asks for times", s);
	if (stage->code.kind == ZIPC_FLOW_WINDOW_TIME && !stage->in_times &&
	    !(stage->code.flags & ZIPC_FLOW_BY))
		return damaged("operator %u asks for times", s);
	rc = read_parts(r, stage);
	if (rc)
		return rc;
	plan_type(r, stage);
	return plan_state(r, stage, used);
}

/* What one element may cause: of each operator, and all in all. */
static int plan_causes(struct reader *r)
{
	unsigned s = r->flow->header.operators;
	uint64_t causes = 1;

	while (s--) {
		struct zipc_flow_stage *stage = &r->flow->stage[s];

		stage->gives = stage->code.kind == ZIPC_FLOW_WINDOW_TIME
				       ? stage->slots
				       : 1;
		if (stage->gives > ZIPC_FLOW_EXPANDS / causes)
			return unfit(r, stage, "%" PRIu64 " windows may end at "
					       "once, which makes more than %u "
					       "results with those behind it: "
					       "let them begin less often",
				     stage->gives, ZIPC_FLOW_EXPANDS);
		causes *= stage->gives;
		stage->causes = causes;
	}
	return 0;
}

/* What they begin with gives no failure. */
static int check_inits(struct zipc_flow *flow)
{
	uint8_t *own;
	unsigned s;
	int rc = 0;

	for (s = 0; !rc && s < flow->header.operators; s++) {
		own = calloc(1, flow->stage[s].own_bytes + 8);
		if (!own)
			return no_memory();
		if (zipc_flow_begin_own(&flow->stage[s], own))
			rc = damaged("operator %u begins with a failure", s);
		free(own);
	}
	return rc;
}

/* Room. */

static uint64_t largest(const struct zipc_flow *flow)
{
	uint64_t most = 8;
	unsigned s, k;

	for (s = 0; s < flow->header.operators; s++)
		for (k = 0; k < flow->stage[s].code.parts; k++) {
			uint64_t size = zipc_program_output_bytes(
				flow->stage[s].program[k]);

			most = size > most ? size : most;
		}
	return most;
}

static int make_values(struct zipc_flow_stage *stage, uint64_t n)
{
	unsigned k;

	if (!stage->code.aggregates)
		return 0;
	stage->by = calloc(n, sizeof(*stage->by));
	stage->closing = calloc(n, sizeof(*stage->closing));
	if (!stage->by || !stage->closing)
		return no_memory();
	for (k = 0; k < stage->code.aggregates; k++) {
		stage->value[k].given = calloc(n, stage->value[k].bytes);
		stage->value[k].closed = calloc(n, stage->value[k].bytes);
		if (!stage->value[k].given || !stage->value[k].closed)
			return no_memory();
	}
	return 0;
}

static int makes_elements(const struct zipc_flow_stage *stage)
{
	return zipc_flow_giving(stage) < stage->code.parts ||
	       stage->code.kind >= ZIPC_FLOW_RANGE;
}

/* Of distinct() it is keys that it makes. */
static size_t out_bytes(const struct zipc_flow_stage *stage)
{
	return stage->code.kind == ZIPC_FLOW_DISTINCT ? stage->slot_bytes
						      : stage->bytes;
}

static int make_room(struct zipc_flow *flow)
{
	uint64_t n = ZIPC_FLOW_BATCH_BYTES / largest(flow);
	struct zipc_flow_stage *stage = flow->stage;
	unsigned s;
	int rc = 0;

	n = n < ZIPC_FLOW_BATCH ? n : ZIPC_FLOW_BATCH;
	n = n > stage[0].causes ? n : stage[0].causes;
	flow->batch = n;
	flow->rows = calloc(n, sizeof(*flow->rows));
	flow->kept = calloc(n, sizeof(*flow->kept));
	flow->faults = calloc(n, 1);
	flow->marks = calloc(n, 1);
	flow->before = calloc(1, flow->header.state_bytes);
	flow->scratch = calloc(1, largest(flow));
	if (!flow->rows || !flow->kept || !flow->faults || !flow->before ||
	    !flow->scratch || !flow->marks)
		return no_memory();
	for (s = 0; !rc && s < flow->header.operators; s++, stage++) {
		if (makes_elements(stage))
			stage->out = calloc(n, out_bytes(stage));
		stage->out_times = calloc(n, sizeof(*stage->out_times));
		if ((makes_elements(stage) && !stage->out) || !stage->out_times)
			return no_memory();
		rc = make_values(stage, n);
		flow->takes |= stage->code.kind == ZIPC_FLOW_TAKE;
	}
	return rc;
}

static uint64_t hash(const uint8_t *bytes, size_t size)
{
	uint64_t h = UINT64_C(14695981039346656037);

	while (size--)
		h = (h ^ *bytes++) * UINT64_C(1099511628211);
	return h;
}

static void plan_reads(struct zipc_flow *flow)
{
	unsigned first = flow->stage[0].code.kind;

	if (first == ZIPC_FLOW_ZIP)
		flow->reads = ZIPC_FLOW_PAIRS;
	else if (first == ZIPC_FLOW_TICK)
		flow->reads = ZIPC_FLOW_CLOCK;
	else if (first >= ZIPC_FLOW_RANGE)
		flow->reads = ZIPC_FLOW_NOTHING;
	else
		flow->reads = ZIPC_FLOW_EACH;
}

/* The whole way. */

static int plan(struct reader *r)
{
	uint64_t used = sizeof(struct zipc_flow_state);
	struct zipc_flow *flow = r->flow;
	unsigned s, merges = 0;
	int rc = 0;

	for (s = 0; s < flow->header.operators; s++)
		merges += flow->stage[s].code.kind == ZIPC_FLOW_MERGE;
	/* Made and read elements would come at the same time. */
	if (merges && flow->stage[0].code.kind >= ZIPC_FLOW_ZIP &&
	    flow->stage[0].code.kind != ZIPC_FLOW_WINDOW &&
	    flow->stage[0].code.kind != ZIPC_FLOW_WINDOW_TIME) {
		for (s = 0; flow->stage[s].code.kind != ZIPC_FLOW_MERGE; s++)
			;
		return unfit(r, &flow->stage[s],
			     "merge does not stand behind zip or what makes "
			     "elements of nothing: derive a stream of that, "
			     "and merge here from another");
	}
	for (s = 0; !rc && s < flow->header.operators; s++)
		rc = plan_stage(r, s, &used);
	if (rc)
		return rc;
	if (r->part != flow->header.parts || r->at != r->size)
		return damaged("there is more behind it");
	if (r->own)
		flow->header.state_bytes = (uint32_t)used;
	if (flow->header.state_bytes != used)
		return damaged("its state has %" PRIu64 " bytes", used);
	memcpy(flow->bytes, &flow->header, sizeof(flow->header));
	plan_reads(flow);
	rc = plan_causes(r);
	if (!rc)
		rc = check_inits(flow);
	return rc ? rc : make_room(flow);
}

int zipc_flow_build(struct zipc_flow **out, const void *bytes, size_t size,
		    int own)
{
	struct reader r = {.size = size, .own = own};
	struct zipc_flow *flow = calloc(1, sizeof(*flow));
	int rc;

	if (!flow)
		return no_memory();
	r.flow = flow;
	flow->bytes = malloc(size + 1);
	rc = flow->bytes ? 0 : no_memory();
	if (!rc) {
		/* They may change: only the copy is checked, and used. */
		memcpy(flow->bytes, bytes, size);
		rc = check_version(flow->bytes, size);
	}
	if (!rc) {
		memcpy(&flow->header, flow->bytes, sizeof(flow->header));
		r.bytes = flow->bytes;
		rc = place_all(&r);
	}
	if (!rc)
		rc = plan(&r);
	if (rc) {
		zipc_flow_close(flow);
		return rc;
	}
	flow->hash = hash(flow->bytes, size);
	*out = flow;
	return 0;
}

/* What was asked for. */

static int is_source(const struct zipc_flow_source *here,
		     const struct zipc_flow_source *asked)
{
	struct zipc_type *type;
	int same, rc = zipc_type_parse(&type, asked->type, SIZE_MAX);

	if (rc)
		return rc;
	same = !strcmp(zipc_type_text(type), here->type);
	zipc_type_free(type);
	if (same && !strcmp(here->name, asked->name) &&
	    here->times == (asked->times != 0))
		return 0;
	return zipc_fail(EPROTOTYPE,
			 "flow: it reads `%s` of %.100s%s, not `%.64s` of "
			 "%.100s%s",
			 here->name, here->type,
			 here->times ? " with times" : "", asked->name,
			 asked->type, asked->times ? " with times" : "");
}

int zipc_flow_read(struct zipc_flow **out, const void *bytes, size_t size,
		   const struct zipc_flow_source *sources, unsigned count)
{
	struct zipc_flow *flow = NULL;
	unsigned k;
	int rc;

	assert(out && bytes);
	rc = zipc_flow_build(&flow, bytes, size, 0);
	if (!rc && flow->header.origins != count)
		rc = zipc_fail(EPROTOTYPE, "flow: it reads %u streams, not %u",
			       flow->header.origins, count);
	for (k = 0; !rc && k < count; k++)
		if (sources[k].type)
			rc = is_source(&flow->source[k], &sources[k]);
	if (rc)
		zipc_flow_close(flow);
	else
		*out = flow;
	return rc;
}

static void close_stage(struct zipc_flow_stage *stage)
{
	unsigned k;

	for (k = 0; k < ZIPC_FLOW_PARTS; k++)
		zipc_program_close(stage->program[k]);
	for (k = 0; k < ZIPC_FLOW_AGGREGATES; k++) {
		free(stage->value[k].given);
		free(stage->value[k].closed);
	}
	free(stage->by);
	free(stage->closing);
	free(stage->out);
	free(stage->out_times);
}

void zipc_flow_close(struct zipc_flow *flow)
{
	unsigned s;

	if (!flow)
		return;
	for (s = 0; s < ZIPC_FLOW_STAGES; s++)
		close_stage(&flow->stage[s]);
	free(flow->rows);
	free(flow->kept);
	free(flow->faults);
	free(flow->before);
	free(flow->scratch);
	free(flow->marks);
	free(flow->bytes);
	free(flow);
}
