/* SPDX-License-Identifier: MIT */
/*
 * A flow from anywhere. By its first byte the input is a text over some
 * streams, or, of 'm', over none; bytes of a flow; or damages, {place, place,
 * value} each, to the bytes of a sound one, or to its state after some
 * elements. What is taken is run over exactly the elements and the room that
 * there are, so that a sanitizer sees every look beyond: at once and one by
 * one, with the same results and the same state.
 */
#include "fuzz.h"

#include "../../libzeroipc/flow.h"

#include <errno.h>
#include <zeroipc.h>

#define ELEMENTS 70
#define ROOM 64
#define RESULTS (ROOM * 64)
#define BYTES_MOST 65536 /* of the elements of a source, and of results */

static const struct zipc_flow_source streams[] = {
	{"x", "{ts:u64, temp:f32, id:u32, on:bool, p:i16[3], s:bytes:3}", 1},
	{"y", "i64", 0},
	{"z", "{ts:u64, temp:f32, id:u32, on:bool, p:i16[3], s:bytes:3}", 1},
};

static int find(void *context, const char *name, struct zipc_flow_source *found)
{
	unsigned k;

	(void)context;
	for (k = 0; k < 3; k++)
		if (!strcmp(name, streams[k].name)) {
			*found = streams[k];
			return 0;
		}
	return -ENOENT;
}

/* What a flow is given. */
struct given {
	size_t size[ZIPC_FLOW_SOURCES];
	uint8_t *elems[ZIPC_FLOW_SOURCES];
	int64_t *times[ZIPC_FLOW_SOURCES];
};

static int64_t time_of(unsigned j)
{
	return j % 7 == 6 ? (int64_t)(j * 1000) - 5000
			  : (int64_t)j * 400000000 * (j % 3);
}

static int make_given(const struct zipc_flow *flow, struct given *given)
{
	const struct zipc_flow_source *source;
	struct zipc_type *type;
	unsigned k, j;

	memset(given, 0, sizeof(*given));
	for (k = 0; k < zipc_flow_sources(flow); k++) {
		source = zipc_flow_source(flow, k);
		require(!zipc_type_parse(&type, source->type, SIZE_MAX),
			"the type of source %u", k);
		given->size[k] = zipc_type_size(type);
		zipc_type_free(type);
		if (given->size[k] * ELEMENTS > BYTES_MOST)
			return 0;
		given->elems[k] = malloc(given->size[k] * ELEMENTS);
		for (j = 0; j < given->size[k] * ELEMENTS; j++)
			given->elems[k][j] = (uint8_t)(j / 3 * 37 + k);
		if (!source->times)
			continue;
		given->times[k] = malloc(ELEMENTS * sizeof(int64_t));
		for (j = 0; j < ELEMENTS; j++)
			given->times[k][j] = time_of(j);
	}
	return zipc_flow_result_bytes(flow) * RESULTS <= BYTES_MOST * 16;
}

/* What came of it. */
struct course {
	struct zipc_flow *flow;
	const struct given *given;
	uint64_t *state;
	uint8_t *values;
	int64_t *times;
	uint64_t made;
	uint64_t most; /* at once */
};

/* One step; of k, or of both where they are pairs. 0: nothing came of it. */
static int make_step(struct course *c, struct zipc_flow_step *step)
{
	size_t size = zipc_flow_result_bytes(c->flow);
	unsigned k;
	int rc;

	if (c->made + ROOM > RESULTS)
		return 0;
	step->room = ROOM;
	step->results = malloc(ROOM * size);
	step->result_times = zipc_flow_has_times(c->flow)
				     ? malloc(ROOM * sizeof(int64_t))
				     : NULL;
	rc = zipc_flow_run(c->flow, c->state, step);
	require(rc == 0 || rc == -EBADMSG, "a step gives %d", rc);
	require(step->made <= ROOM, "too many results");
	for (k = 0; k < ZIPC_FLOW_SOURCES; k++)
		require(step->taken[k] <= step->count[k], "too many are taken");
	memcpy(c->values + c->made * size, step->results, step->made * size);
	if (step->result_times)
		memcpy(c->times + c->made, step->result_times,
		       step->made * sizeof(int64_t));
	c->made += step->made;
	free(step->results);
	free(step->result_times);
	return !rc && !step->has_ended;
}

/* As much of source k as is left, or of both; then it ends. */
static void give(struct course *c, unsigned from, unsigned to, unsigned n)
{
	uint64_t at = 0, count;
	unsigned k;
	int goes_on = 1;

	while (goes_on) {
		struct zipc_flow_step step = {.now_ns = 0};

		count = n - at < c->most ? n - at : c->most;
		for (k = from; k < to; k++) {
			step.count[k] = count;
			step.elems[k] = c->given->elems[k] +
					at * c->given->size[k];
			if (c->given->times[k])
				step.times[k] = c->given->times[k] + at;
		}
		for (k = 0; k < to && at + count == n; k++)
			step.ended |= 1u << k;
		goes_on = make_step(c, &step);
		require(!count || step.taken[from] || !goes_on,
			"no element is taken");
		goes_on &= at < n || step.made > 0;
		at += step.taken[from];
	}
}

static void play(struct course *c, unsigned n)
{
	enum zipc_flow_reads reads = zipc_flow_reads(c->flow);
	struct zipc_flow_step step = {.now_ns = 0};
	unsigned k;

	if (reads == ZIPC_FLOW_PAIRS) {
		give(c, 0, 2, n);
	} else if (reads == ZIPC_FLOW_EACH) {
		for (k = 0; k < zipc_flow_sources(c->flow); k++)
			give(c, k, k + 1, n);
	} else {
		for (k = 0; k < 4; k++) {
			step.now_ns = k * 1700000000;
			if (!make_step(c, &step))
				break;
		}
	}
}

static struct course begin(struct zipc_flow *flow, const struct given *given,
			   uint64_t most)
{
	struct course c = {.flow = flow, .given = given, .most = most};

	c.state = malloc(zipc_flow_state_bytes(flow));
	zipc_flow_begin(flow, c.state, 0);
	c.values = malloc(RESULTS * zipc_flow_result_bytes(flow));
	c.times = malloc(RESULTS * sizeof(int64_t));
	return c;
}

static void end(struct course *c)
{
	free(c->state);
	free(c->values);
	free(c->times);
}

static void run_ways(struct zipc_flow *flow, const struct given *given)
{
	struct course all = begin(flow, given, ELEMENTS);
	struct course one = begin(flow, given, 1);
	size_t size = zipc_flow_result_bytes(flow);
	struct zipc_flow_counts counts;
	char text[200];
	unsigned k;

	play(&all, ELEMENTS);
	play(&one, ELEMENTS);
	/* Of more than there is room for both are cut, each elsewhere. */
	if (all.made + ROOM <= RESULTS && one.made + ROOM <= RESULTS) {
		require(all.made == one.made, "%d results, one by one %d",
			(int)all.made, (int)one.made);
		require(!memcmp(all.values, one.values, all.made * size),
			"other results one by one");
		require(!memcmp(all.state, one.state,
				zipc_flow_state_bytes(flow)),
			"another state one by one");
	}
	for (k = 0; k < zipc_flow_stages(flow); k++)
		require(!zipc_flow_counts(flow, all.state, k, &counts),
			"no counts");
	zipc_flow_failure_print(flow, all.state, text, sizeof(text));
	end(&all);
	end(&one);
}

static void run_damaged(struct zipc_flow *flow, const struct given *given,
			const uint8_t *data, size_t size)
{
	struct course c = begin(flow, given, ELEMENTS);
	size_t k, length = zipc_flow_state_bytes(flow);
	char text[200];

	play(&c, ELEMENTS / 2);
	for (k = 0; k + 3 <= size; k += 3)
		((uint8_t *)c.state)[(data[k] | data[k + 1] << 8) % length] =
			data[k + 2];
	c.made = 0;
	play(&c, ELEMENTS);
	zipc_flow_failure_print(flow, c.state, text, sizeof(text));
	end(&c);
}

/* damages: to its state, or none. */
static void try_flow(struct zipc_flow *flow, const uint8_t *damages,
		     size_t size)
{
	struct given given;
	unsigned k;

	if (make_given(flow, &given)) {
		if (size)
			run_damaged(flow, &given, damages, size);
		else
			run_ways(flow, &given);
	}
	for (k = 0; k < ZIPC_FLOW_SOURCES; k++) {
		free(given.elems[k]);
		free(given.times[k]);
	}
	zipc_flow_close(flow);
}

static int compile(struct zipc_flow **flow, const char *text, int makes)
{
	struct zipc_flow_text from = {
		.text = text, .source = makes ? NULL : &streams[0],
		.find = find,
	};
	int rc = zipc_flow_compile(flow, &from);

	require(rc == 0 || rc == -ENOENT || (rc == -EINVAL &&
					     *zipc_last_error()),
		"compiling gives %d: %s", rc, zipc_last_error());
	return rc;
}

static void try_text(const uint8_t *data, size_t size, int makes)
{
	char *text = fuzz_string(data, size);
	struct zipc_flow *flow;

	if (!compile(&flow, text, makes))
		try_flow(flow, NULL, 0);
	free(text);
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
	struct zipc_flow_source any = {"x", "i64", 0};
	struct zipc_flow *flow;
	unsigned k;
	int rc;

	/* Whatever the streams are: first as they may be asked for. */
	for (k = 0; k <= 3; k++) {
		void *copy = fuzz_exact(bytes, size);

		rc = zipc_flow_read(&flow, copy, size, k == 1 ? streams
							      : k ? streams
								  : &any,
				    k);
		free(copy);
		require(rc == 0 || rc == -EBADMSG || rc == -EPROTONOSUPPORT ||
			rc == -EPROTOTYPE, "reading gives %d: %s", rc,
			zipc_last_error());
		if (!rc)
			try_flow(flow, NULL, 0);
	}
}

/* Sound ones: of streams that are read each for itself, and of pairs. */
static const char *const sounds[] = {
	("filter(x.on || x.id > 1000) | window(1s, every 500ms, {n: count(), "
	 "m: mean(x.temp), s: sum(x.id), l: last(x.s)}) | distinct(x.n, 3) | "
	 "scan(0, acc + x.n // 1) | take(9)"),
	("map(x.p[0]) | sample(2) | window(5, every 2, max(x) - min(x)) | "
	 "sample(1s) | skip(1) | fold({a: 0, b: 1.5}, {a: acc.a + x, b: acc.b})"),
	"merge(z) | filter(t > 0) | distinct() | map({t: t, k: x.temp})",
	"zip(y, {a: x.ts % 7, b: y // (i % 3)}) | map(x.a + x.b)",
};

static void try_damages(const uint8_t *data, size_t size, int of_state)
{
	const char *sound = sounds[size ? data[0] % 4 : 0];
	struct zipc_flow *flow;
	uint8_t *bytes;
	size_t k, length;

	require(!compile(&flow, sound, 0), "the sound one: %s",
		zipc_last_error());
	if (of_state) {
		if (size > 3)
			try_flow(flow, data + 1, size - 1);
		else
			zipc_flow_close(flow);
		return;
	}
	zipc_flow_bytes(flow, &length);
	bytes = fuzz_exact(zipc_flow_bytes(flow, &length), length);
	zipc_flow_close(flow);
	for (k = 1; k + 3 <= size; k += 3)
		bytes[(data[k] | data[k + 1] << 8) % length] = data[k + 2];
	try_bytes(bytes, length);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] == 'b')
		try_bytes(data + 1, size - 1);
	else if (data[0] == 'd' || data[0] == 's')
		try_damages(data + 1, size - 1, data[0] == 's');
	else
		try_text(data + 1, size - 1, data[0] == 'm');
	return 0;
}

/* Bytes of the headers and the state of each sound one, changed. */
size_t fuzz_generate(unsigned i, uint8_t *data, size_t room)
{
	static const uint8_t values[] = {0, 1, 3, 17, 127, 255};
	unsigned which = i % 4, value = i / 4 % 6, place = i / 24;

	if (place >= 330 * 2 || room < 5)
		return SIZE_MAX;
	data[0] = place % 2 ? 'd' : 's';
	data[1] = (uint8_t)which;
	data[2] = (uint8_t)(place / 2);
	data[3] = (uint8_t)(place / 2 >> 8);
	data[4] = values[value];
	return 5;
}
