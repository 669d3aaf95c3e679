/* SPDX-License-Identifier: MIT */
/*
 * What a program costs beside a plain C loop over the same data, in rounds by
 * turns: a filter and a map, over doubles and over records of three fields; and
 * what a flow of both costs.
 *
 *   bench/program [ROUNDS]
 *
 * It is no candidate of bench/run, as programs are not public: it is linked
 * with the library's internals, and needs one core. Both sides have to give the
 * same bytes. The goal is 4 times the loop.
 */
#include "../libzeroipc/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zeroipc.h>

#define ELEMENTS 65536
#define ROUNDS_MOST 1001

struct reading {
	uint64_t ts;
	float temp;
	uint32_t id;
};

struct warm {
	double f;
	uint32_t id;
};

static double numbers[ELEMENTS];
static struct reading readings[ELEMENTS];
static uint32_t rows[ELEMENTS];
static uint8_t ours[ELEMENTS * sizeof(struct warm)];
static uint8_t theirs[ELEMENTS * sizeof(struct warm)];

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The loops. */

static uint64_t loop_over_numbers(void)
{
	double *out = (double *)(void *)theirs;
	uint64_t k, n = 0;

	for (k = 0; k < ELEMENTS; k++)
		if (numbers[k] > 30)
			out[n++] = numbers[k] * 9 / 5 + 32;
	return n * sizeof(*out);
}

static uint64_t loop_over_readings(void)
{
	struct warm *out = (struct warm *)(void *)theirs;
	uint64_t k, n = 0;

	for (k = 0; k < ELEMENTS; k++)
		if (readings[k].temp > 30) {
			memset(&out[n], 0, sizeof(out[n]));
			out[n].f = (double)readings[k].temp * 9 / 5 + 32;
			out[n++].id = readings[k].id;
		}
	return n * sizeof(*out);
}

/* The same without a branch, which chance mispredicts. */
static uint64_t straight_over_numbers(void)
{
	double *out = (double *)(void *)theirs;
	uint64_t k, n = 0;

	for (k = 0; k < ELEMENTS; k++) {
		out[n] = numbers[k] * 9 / 5 + 32;
		n += numbers[k] > 30;
	}
	return n * sizeof(*out);
}

static uint64_t straight_over_readings(void)
{
	struct warm *out = (struct warm *)(void *)theirs;
	uint64_t k, n = 0;

	memset(theirs, 0, sizeof(theirs));
	for (k = 0; k < ELEMENTS; k++) {
		out[n].f = (double)readings[k].temp * 9 / 5 + 32;
		out[n].id = readings[k].id;
		n += readings[k].temp > 30;
	}
	return n * sizeof(*out);
}

/* The programs. */

struct pair {
	struct zipc_program *filter, *map;
	const void *elements;
	struct zipc_flow *flow; /* or NULL: the programs themselves */
	void *state;
};

static struct zipc_program *compile(const char *type, const char *text)
{
	struct zipc_program_name name = {"x", type, ZIPC_ROLE_ELEMENT};
	struct zipc_program_source source = {
		.text = text, .length = strlen(text), .names = &name,
		.count = 1,
	};
	struct zipc_program *program;

	if (zipc_program_compile(&program, &source, NULL)) {
		fprintf(stderr, "%s\n", zipc_last_error());
		exit(1);
	}
	return program;
}

static void compile_flow(struct pair *pair, const char *type, const char *text)
{
	struct zipc_flow_source source = {"x", type, 0};
	struct zipc_flow_text from = {.text = text, .source = &source};

	if (zipc_flow_compile(&pair->flow, &from)) {
		fprintf(stderr, "%s\n", zipc_last_error());
		exit(1);
	}
	pair->state = calloc(1, zipc_flow_state_bytes(pair->flow));
	zipc_flow_begin(pair->flow, pair->state, 0);
}

static uint64_t run_flow(const struct pair *pair)
{
	struct zipc_flow_step step = {
		.elems = {pair->elements}, .count = {ELEMENTS},
		.results = ours, .room = ELEMENTS,
	};
	uint64_t size = zipc_flow_result_bytes(pair->flow);

	if (zipc_flow_run(pair->flow, pair->state, &step)) {
		fprintf(stderr, "%s\n", zipc_last_error());
		exit(1);
	}
	if (step.taken[0] < ELEMENTS) {
		fprintf(stderr, "a flow leaves elements\n");
		exit(1);
	}
	return step.made * size;
}

/* First the filter over all, then the map over what it leaves. */
static uint64_t run(const struct pair *pair)
{
	const void *at[] = {pair->elements};
	struct zipc_program_batch batch = {.at = at, .count = ELEMENTS};
	uint64_t size = zipc_program_output_bytes(pair->map);

	batch.count = zipc_program_select(pair->filter, &batch, rows, NULL);
	batch.rows = rows;
	zipc_program_run(pair->map, &batch, ours, NULL);
	return batch.count * size;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *of, const char *name, const struct pair *pair,
		    uint64_t (*loop)(void), int rounds)
{
	static double ratio[ROUNDS_MOST], us[ROUNDS_MOST];
	int64_t begin, middle, end;
	uint64_t n, size;
	int k;

	for (k = 0; k < rounds; k++) {
		begin = now_ns();
		n = pair->flow ? run_flow(pair) : run(pair);
		middle = now_ns();
		size = loop();
		end = now_ns();
		if (n != size || memcmp(ours, theirs, n)) {
			fprintf(stderr, "%s: other results\n", name);
			exit(1);
		}
		us[k] = (double)(middle - begin);
		ratio[k] = (double)(middle - begin) / (double)(end - middle);
	}
	qsort(ratio, (size_t)rounds, sizeof(*ratio), compare);
	qsort(us, (size_t)rounds, sizeof(*us), compare);
	printf("%s%s: %.2f ns an element, %.2f (%.2f..%.2f) times the loop, "
	       "goal 4\n", of, name, us[rounds / 2] / ELEMENTS, ratio[rounds / 2],
	       ratio[rounds / 4], ratio[rounds - 1 - rounds / 4]);
}

int main(int argc, char **argv)
{
	int k, rounds = argc > 1 ? atoi(argv[1]) : 101;
	struct pair over_numbers = {
		compile("f64", "x > 30"), compile("f64", "x * 9/5 + 32"),
		numbers, NULL, NULL,
	};
	struct pair over_readings = {
		compile("{ts:u64, temp:f32, id:u32}", "x.temp > 30"),
		compile("{ts:u64, temp:f32, id:u32}",
			"{f: x.temp * 9/5 + 32, id: x.id}"),
		readings, NULL, NULL,
	};

	if (rounds < 1 || rounds > ROUNDS_MOST)
		rounds = 101;
	srand48(1);
	for (k = 0; k < ELEMENTS; k++) {
		numbers[k] = drand48() * 60;
		readings[k].temp = (float)numbers[k];
		readings[k].id = (uint32_t)k;
	}
	for (k = 0; k < 2; k++) {
		const char *of = k ? "flow, " : "";

		measure(of, "numbers", &over_numbers, loop_over_numbers,
			rounds);
		measure(of, "numbers, no branch", &over_numbers,
			straight_over_numbers, rounds);
		measure(of, "records", &over_readings, loop_over_readings,
			rounds);
		measure(of, "records, no branch", &over_readings,
			straight_over_readings, rounds);
		compile_flow(&over_numbers, "f64",
			     "filter(x > 30) | map(x * 9/5 + 32)");
		compile_flow(&over_readings, "{ts:u64, temp:f32, id:u32}",
			     "filter(x.temp > 30) | "
			     "map({f: x.temp * 9/5 + 32, id: x.id})");
	}
	return 0;
}
