/* SPDX-License-Identifier: MIT */
/*
 * The C library's runner of flows' vectors; README.md has their form, and
 * vectors.h how it is called.
 *
 * Each vector is run in some ways: in batches as large as they may be, element
 * by element, and in batches and with room of chance; each time from bytes. The
 * state has to be the same in the end.
 */
#include "../../../libzeroipc/flow.h"

#include "../vectors.h"

#include <errno.h>

#define EVENTS 4096
#define LINE 65536
#define MANY 4096 /* results in one step */

enum { GIVE, END, NOW };

struct event {
	int what;
	unsigned source;
	uint8_t *value;
	int64_t time;
};

struct result {
	char *value;
	int64_t time;
};

static struct vector {
	struct zipc_flow_source sources[ZIPC_FLOW_SOURCES];
	struct zipc_type *types[ZIPC_FLOW_SOURCES];
	unsigned sources_count;
	int makes; /* no source is on its left */
	char *gives, *code;
	char *counts[ZIPC_FLOW_STAGES], *failures[ZIPC_FLOW_STAGES];
	unsigned counts_count;
	int gives_times;
	size_t refused; /* the column; 0: it is not */
	int64_t begun;
	int is_open; /* it does not end */
	unsigned events_count, results_count;
	struct event events[EVENTS];
	struct result results[EVENTS];
} vector;

static uint64_t chance = 1;

static uint64_t random_below(uint64_t most)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance % most;
}

/* Reading. */

static void read_source(char *at)
{
	unsigned k = vector.sources_count++;
	struct zipc_flow_source *source = &vector.sources[k];

	if (k == ZIPC_FLOW_SOURCES)
		fail("too many sources");
	source->name = strdup(next_word(&at));
	source->type = strdup(next_word(&at));
	source->times = at != NULL;
	vector.types[k] = type_of(source->type);
}

static unsigned source_of(const char *name)
{
	unsigned k;

	for (k = 0; k < vector.sources_count; k++)
		if (!strcmp(vector.sources[k].name, name))
			return k;
	fail("line %u: no source is called %s", vectors_line, name);
}

static struct event *add_event(int what)
{
	struct event *event = &vector.events[vector.events_count++];

	if (vector.events_count > EVENTS)
		fail("too many elements");
	event->what = what;
	return event;
}

static void read_give(char *at)
{
	struct event *event = add_event(GIVE);
	const struct zipc_type *type;

	event->source = source_of(next_word(&at));
	type = vector.types[event->source];
	event->value = room(zipc_type_size(type));
	read_value(type, next_word(&at), event->value);
	if (at)
		event->time = strtoll(at, NULL, 10);
}

static void read_result(char *at)
{
	struct result *result = &vector.results[vector.results_count++];

	if (vector.results_count > EVENTS)
		fail("too many results");
	result->value = strdup(next_word(&at));
	if (at)
		result->time = strtoll(at, NULL, 10);
}

static void read_gives(char *at)
{
	vector.gives = strdup(next_word(&at));
	vector.gives_times = at != NULL;
}

static void read_line(char *at)
{
	if (is_word(&at, "source")) {
		read_source(at);
	} else if (is_word(&at, "makes")) {
		vector.makes = 1;
	} else if (is_word(&at, "flow")) {
		read_text(at);
	} else if (is_word(&at, "refused")) {
		vector.refused = strtoul(at, NULL, 10);
	} else if (is_word(&at, "gives")) {
		read_gives(at);
	} else if (is_word(&at, "begun")) {
		vector.begun = strtoll(at, NULL, 10);
	} else if (is_word(&at, "give")) {
		read_give(at);
	} else if (is_word(&at, "end")) {
		add_event(END)->source = source_of(at);
	} else if (is_word(&at, "now")) {
		add_event(NOW)->time = strtoll(at, NULL, 10);
	} else if (is_word(&at, "result")) {
		read_result(at);
	} else if (is_word(&at, "open")) {
		vector.is_open = 1;
	} else if (is_word(&at, "counts")) {
		vector.counts[vector.counts_count++] = strdup(at);
	} else if (is_word(&at, "code")) {
		vector.code = strdup(at);
	} else {
		fail("line %u: what is that? %s", vectors_line, at);
	}
}

/* Compiling. */

static int find(void *context, const char *name, struct zipc_flow_source *found)
{
	unsigned k;

	(void)context;
	for (k = 0; k < vector.sources_count; k++)
		if (!strcmp(vector.sources[k].name, name)) {
			*found = vector.sources[k];
			return 0;
		}
	return -ENOENT;
}

static int compile(struct zipc_flow **flow)
{
	struct zipc_flow_text text = {
		.text = vectors_text,
		.source = vector.makes ? NULL : &vector.sources[0],
		.find = find,
	};

	return zipc_flow_compile(flow, &text);
}

static void check_refusal(void)
{
	struct zipc_flow *flow;

	if (compile(&flow) != -EINVAL)
		fail("it is not refused");
	check_column(vector.refused);
}

/* Running. */

struct way {
	const char *name;
	uint64_t most;    /* elements at once; 0: of chance */
	uint64_t results; /* room; 0: of chance */
};

struct course {
	const struct way *way;
	struct zipc_flow *flow;
	void *state;
	unsigned source[ZIPC_FLOW_SOURCES]; /* the flow's of the vector's */
	unsigned ended;
	int has_ended;
	uint64_t made;
	uint8_t *values;
	int64_t *times;
	/* what waits to be given */
	uint8_t *elems[ZIPC_FLOW_SOURCES];
	int64_t *elem_times[ZIPC_FLOW_SOURCES];
	uint64_t count[ZIPC_FLOW_SOURCES];
};

static void make_step(struct course *c, struct zipc_flow_step *step)
{
	size_t size = zipc_flow_result_bytes(c->flow);
	int rc;

	step->room = c->way->results ? c->way->results
				     : ZIPC_FLOW_EXPANDS + random_below(90);
	if (c->made + step->room > EVENTS + MANY)
		fail("%s: too many results", c->way->name);
	/* Exactly the room that it has, for a sanitizer to watch. */
	step->results = room(step->room * size);
	step->result_times = zipc_flow_has_times(c->flow)
				     ? room(step->room * sizeof(int64_t))
				     : NULL;
	rc = zipc_flow_run(c->flow, c->state, step);
	if (rc)
		fail("%s: a step gives %d", c->way->name, rc);
	if (step->made > step->room)
		fail("%s: more than there is room for", c->way->name);
	memcpy(c->values + c->made * size, step->results, step->made * size);
	if (step->result_times)
		memcpy(c->times + c->made, step->result_times,
		       step->made * sizeof(int64_t));
	c->made += step->made;
	c->has_ended = step->has_ended;
	free(step->results);
	free(step->result_times);
}

static uint64_t some_of(const struct course *c, uint64_t count)
{
	uint64_t most = c->way->most ? c->way->most : 1 + random_below(50);

	return count < most ? count : most;
}

/* All that waits, of one source, or pairs. */
static void give_all(struct course *c)
{
	int pairs = zipc_flow_reads(c->flow) == ZIPC_FLOW_PAIRS;
	unsigned k, n = zipc_flow_sources(c->flow);
	uint64_t at[ZIPC_FLOW_SOURCES] = {0};
	int more = 1;

	while (more && !c->has_ended) {
		struct zipc_flow_step step = {.now_ns = 0};

		for (k = 0, more = 0; k < n; k++) {
			size_t size = zipc_type_size(
				vector.types[c->source[k]]);

			step.elems[k] = c->elems[k] + at[k] * size;
			step.times[k] = vector.sources[c->source[k]].times
						? c->elem_times[k] + at[k]
						: NULL;
			step.count[k] = some_of(c, c->count[k] - at[k]);
			/* More are behind those of this step. */
			if (at[k] + step.count[k] == c->count[k])
				step.ended |= c->ended & 1u << k;
		}
		make_step(c, &step);
		for (k = 0; k < n; k++) {
			at[k] += step.taken[k];
			more |= step.taken[k] > 0;
		}
		more |= step.made > 0;
	}
	for (k = 0; k < n; k++) {
		size_t size = zipc_type_size(vector.types[c->source[k]]);

		if (!pairs && at[k] < c->count[k] && !c->has_ended)
			fail("%s: an element is not taken", c->way->name);
		c->count[k] -= at[k];
		memmove(c->elems[k], c->elems[k] + at[k] * size,
			c->count[k] * size);
		memmove(c->elem_times[k], c->elem_times[k] + at[k],
			c->count[k] * sizeof(int64_t));
	}
}

static unsigned place_of(const struct course *c, unsigned source)
{
	unsigned k;

	for (k = 0; k < zipc_flow_sources(c->flow); k++)
		if (c->source[k] == source)
			return k;
	fail("it does not read %s", vector.sources[source].name);
}

static void queue_up(struct course *c, const struct event *event)
{
	size_t size = zipc_type_size(vector.types[event->source]);
	unsigned k = place_of(c, event->source);

	memcpy(c->elems[k] + c->count[k] * size, event->value, size);
	c->elem_times[k][c->count[k]++] = event->time;
}

static void play(struct course *c)
{
	int pairs = zipc_flow_reads(c->flow) == ZIPC_FLOW_PAIRS;
	const struct event *event = vector.events, *next;
	struct zipc_flow_step step;
	unsigned k;

	for (k = 0; k < vector.events_count; k++, event++) {
		next = k + 1 < vector.events_count ? event + 1 : NULL;
		switch (event->what) {
		case GIVE:
			queue_up(c, event);
			/* Those of one source behind each other go at once. */
			if (!next || next->what != GIVE ||
			    (!pairs && next->source != event->source))
				give_all(c);
			break;
		case END:
			c->ended |= 1u << place_of(c, event->source);
			give_all(c);
			break;
		default:
			step = (struct zipc_flow_step){.now_ns = event->time};
			make_step(c, &step);
			break;
		}
	}
	while (zipc_flow_reads(c->flow) == ZIPC_FLOW_NOTHING && !c->has_ended &&
	       (!vector.is_open || c->made < vector.results_count)) {
		step = (struct zipc_flow_step){.now_ns = 0};
		make_step(c, &step);
	}
}

/* Checking. */

static void check_results(const struct course *c, const struct zipc_type *type)
{
	size_t size = zipc_type_size(type);
	uint8_t *expected = room(size);
	char has[LINE];
	unsigned k;

	for (k = 0; k < vector.results_count; k++) {
		if (k == c->made)
			fail("%s: only %u results", c->way->name, k);
		zipc_value_print(type, c->values + k * size, has, sizeof(has));
		memset(expected, 0, size);
		if (zipc_value_parse(type, vector.results[k].value, expected))
			fail("result %u: %s", k, zipc_last_error());
		if (memcmp(expected, c->values + k * size, size))
			fail("%s, result %u: %s, not %s", c->way->name, k + 1,
			     has, vector.results[k].value);
		if (vector.gives_times && c->times[k] != vector.results[k].time)
			fail("%s, result %u: its time is %lld, not %lld",
			     c->way->name, k + 1, (long long)c->times[k],
			     (long long)vector.results[k].time);
	}
	free(expected);
	if (!vector.is_open && c->made > k)
		fail("%s: %llu results, not %u", c->way->name,
		     (unsigned long long)c->made, k);
	if (c->has_ended == vector.is_open)
		fail("%s: it has %sended", c->way->name,
		     vector.is_open ? "" : "not ");
}

static void check_counts(const struct course *c)
{
	struct zipc_flow_counts counts;
	char text[128];
	unsigned k;

	for (k = 0; k < vector.counts_count; k++) {
		if (zipc_flow_counts(c->flow, c->state, k, &counts))
			fail("%s", zipc_last_error());
		snprintf(text, sizeof(text), "%llu\t%llu\t%llu\t%llu",
			 (unsigned long long)counts.in,
			 (unsigned long long)counts.out,
			 (unsigned long long)counts.failed,
			 (unsigned long long)counts.late);
		if (strcmp(text, vector.counts[k]))
			fail("%s: operator %u counts %s, not %s", c->way->name,
			     k + 1, text, vector.counts[k]);
	}
}

/* In, say, this way; the state that it leaves. */
static void *run(struct zipc_flow *flow, const struct way *way)
{
	const struct zipc_type *type = type_of(zipc_flow_type(flow));
	struct course c = {.way = way, .flow = flow};
	unsigned k;

	c.state = room(zipc_flow_state_bytes(flow));
	zipc_flow_begin(flow, c.state, vector.begun);
	c.values = room((EVENTS + MANY) * zipc_type_size(type));
	c.times = room((EVENTS + MANY) * sizeof(int64_t));
	for (k = 0; k < zipc_flow_sources(flow); k++) {
		c.source[k] = source_of(zipc_flow_source(flow, k)->name);
		c.elems[k] = room(EVENTS *
				  zipc_type_size(vector.types[c.source[k]]));
		c.elem_times[k] = room(EVENTS * sizeof(int64_t));
	}
	play(&c);
	check_results(&c, type);
	check_counts(&c);
	for (k = 0; k < zipc_flow_sources(flow); k++) {
		free(c.elems[k]);
		free(c.elem_times[k]);
	}
	free(c.values);
	free(c.times);
	zipc_type_free((struct zipc_type *)type);
	return c.state;
}

static void run_ways(struct zipc_flow *flow)
{
	static const struct way ways[] = {
		{"all at once", UINT64_MAX, MANY}, {"one by one", 1, 64},
		{"by chance", 0, 0}, {"by another chance", 0, 0},
	};
	size_t size = zipc_flow_state_bytes(flow);
	void *state, *other;
	unsigned k;

	state = run(flow, &ways[0]);
	/* What it has made of nothing is as much as there was room for. */
	for (k = 1; k < sizeof(ways) / sizeof(ways[0]); k++) {
		other = run(flow, &ways[k]);
		if (memcmp(state, other, size) &&
		    (zipc_flow_reads(flow) != ZIPC_FLOW_NOTHING ||
		     !vector.is_open))
			fail("%s: it leaves another state", ways[k].name);
		free(other);
	}
	free(state);
}

static void read_again(struct zipc_flow **out, const void *bytes, size_t size)
{
	struct zipc_flow_source sources[ZIPC_FLOW_SOURCES];
	struct zipc_flow *flow;
	unsigned k, n;

	if (compile(&flow))
		fail("%s", zipc_last_error());
	n = zipc_flow_sources(flow);
	for (k = 0; k < n; k++)
		sources[k] = *zipc_flow_source(flow, k);
	if (zipc_flow_read(out, bytes, size, sources, n))
		fail("what it compiles to is refused: %s", zipc_last_error());
	zipc_flow_close(flow);
}

static void check_flow(void)
{
	struct zipc_flow *flow, *again;
	const void *bytes;
	size_t size;

	if (compile(&flow))
		fail("%s", zipc_last_error());
	/* That the manual's examples need not say. */
	if (vector.gives &&
	    (strcmp(zipc_flow_type(flow), vector.gives) ||
	     zipc_flow_has_times(flow) != vector.gives_times))
		fail("it gives %s%s, not %s%s", zipc_flow_type(flow),
		     zipc_flow_has_times(flow) ? " with times" : "",
		     vector.gives, vector.gives_times ? " with times" : "");
	bytes = zipc_flow_bytes(flow, &size);
	check_code(bytes, size, vector.code);
	read_again(&again, bytes, size);
	zipc_flow_close(flow);
	run_ways(again);
	zipc_flow_close(again);
}

static void forget(void)
{
	unsigned k;

	for (k = 0; k < vector.sources_count; k++) {
		free((void *)vector.sources[k].name);
		free((void *)vector.sources[k].type);
		zipc_type_free(vector.types[k]);
	}
	for (k = 0; k < vector.events_count; k++)
		free(vector.events[k].value);
	for (k = 0; k < vector.results_count; k++)
		free(vector.results[k].value);
	for (k = 0; k < vector.counts_count; k++)
		free(vector.counts[k]);
	free(vector.gives);
	free(vector.code);
	memset(&vector, 0, sizeof(vector));
}

static void check_vector(void)
{
	if (vector.refused)
		check_refusal();
	else
		check_flow();
}

int main(int argc, char **argv)
{
	static const struct vectors flows = {
		.directory = "flows",
		.read_line = read_line,
		.check = check_vector,
		.forget = forget,
	};

	return vectors_main(&flows, argc, argv);
}
