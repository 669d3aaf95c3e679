/* SPDX-License-Identifier: MIT */
/* Operators that make elements of nothing: they stand first. */
#include "flow_inside.h"

/* Element k of a range; whether there is one. */
static int of_range(const struct zipc_flow_operator *code, uint64_t k,
		    int64_t *out)
{
	const int64_t *number = (const int64_t *)code->number;
	__int128 value = number[0] + (__int128)(int64_t)k * number[1];

	if (k > INT64_MAX || value > INT64_MAX || value < INT64_MIN)
		return 0;
	*out = (int64_t)value;
	return !(code->flags & ZIPC_FLOW_TO) ||
	       (number[1] > 0 ? *out < number[2] : *out > number[2]);
}

static int of_reals(const struct zipc_flow_operator *code, uint64_t k,
		    double *out)
{
	double from, step, to;

	memcpy(&from, &code->number[0], sizeof(from));
	memcpy(&step, &code->number[1], sizeof(step));
	memcpy(&to, &code->number[2], sizeof(to));
	*out = from + (double)k * step;
	return !(code->flags & ZIPC_FLOW_TO) ||
	       (step > 0 ? *out < to : *out > to);
}

static uint64_t make_range(struct zipc_flow_run *run, uint8_t *out,
			   uint64_t first, uint64_t n)
{
	const struct zipc_flow_operator *code = &run->flow->stage[0].code;
	int64_t whole = 0;
	double real = 0;
	uint64_t k;

	for (k = 0; k < n; k++) {
		if (code->flags & ZIPC_FLOW_REAL ? !of_reals(code, first + k,
							     &real)
						 : !of_range(code, first + k,
							     &whole)) {
			run->is_over = 1;
			break;
		}
		if (code->flags & ZIPC_FLOW_REAL)
			memcpy(out + k * 8, &real, 8);
		else
			memcpy(out + k * 8, &whole, 8);
	}
	return k;
}

/* It cannot go on behind a failure. */
static uint64_t make_next(struct zipc_flow_run *run, uint8_t *out,
			  uint64_t first, uint64_t n)
{
	struct zipc_flow_stage *stage = &run->flow->stage[0];
	struct zipc_flow_tally *tally = zipc_flow_tally(run, 0);
	const void *at[1] = {NULL};
	struct zipc_program_batch batch = {.at = at, .first = first};
	struct zipc_program_failure failure;
	uint64_t begin = first == 0;
	int64_t done;

	if (tally->failed) {
		run->is_over = 1;
		return 0;
	}
	if (begin)
		memcpy(out, zipc_flow_own(run, 0), stage->bytes);
	batch.first += begin;
	batch.count = n - begin;
	done = zipc_program_fold(stage->program[1], &batch,
				 zipc_flow_own(run, 0),
				 out + begin * stage->bytes, &failure);
	if (done < 0) {
		run->rc = (int)done;
		done = 0;
	}
	if ((uint64_t)done < batch.count) {
		tally->in++;
		tally->failed++;
		tally->element = batch.first + (uint64_t)done;
		tally->column = (uint16_t)failure.place;
		tally->fault = (uint8_t)failure.fault;
		tally->part = 1;
		run->is_over = 1;
	}
	return begin + (uint64_t)done;
}

static uint64_t make_copies(struct zipc_flow_run *run, uint8_t *out,
			    uint64_t first, uint64_t n)
{
	struct zipc_flow_stage *stage = &run->flow->stage[0];
	struct zipc_program_batch batch = {
		.count = n, .first = first, .faults = run->flow->faults,
	};
	struct zipc_flow_batch made = {.n = n};
	uint64_t failed = zipc_program_run(stage->program[0], &batch, out,
					   NULL);

	if (!failed)
		return n;
	zipc_flow_note(run, 0, 0, &batch, run->flow->faults);
	zipc_flow_keep(run, 0, out, &made, failed);
	zipc_flow_tally(run, 0)->in += failed;
	return made.n;
}

/* When a tick is due, as far as there are such times. */
static int64_t due_at(const struct zipc_flow_run *run, uint64_t tick)
{
	const struct zipc_flow_state *state = (const void *)run->state;
	uint64_t period = run->flow->stage[0].code.number[0];
	__int128 at;

	if (tick >= INT64_MAX)
		return INT64_MAX;
	at = state->begun_ns + ((__int128)tick + 1) * (int64_t)period;
	return at < INT64_MAX ? (int64_t)at : INT64_MAX;
}

/* The latest that is due; those before it, which nobody asked for, are left. */
static uint64_t make_tick(struct zipc_flow_run *run, uint8_t *out)
{
	const struct zipc_flow_state *state = (const void *)run->state;
	int64_t period = (int64_t)run->flow->stage[0].code.number[0];
	uint64_t *next = (uint64_t *)(void *)zipc_flow_own(run, 0), tick;
	__int128 since = (__int128)run->step->now_ns - state->begun_ns;

	if (since < period || *next > INT64_MAX)
		return 0;
	tick = (uint64_t)(since / period) - 1;
	if (tick > INT64_MAX || tick < *next)
		return 0;
	memcpy(out, &tick, sizeof(tick));
	zipc_flow_out_times(run, 0)[0] = due_at(run, tick);
	*next = tick + 1;
	return 1;
}

void zipc_flow_make(struct zipc_flow_run *run, uint64_t n,
		    struct zipc_flow_batch *b)
{
	struct zipc_flow_tally *tally = zipc_flow_tally(run, 0);
	uint8_t *out = zipc_flow_out(run, 0);

	*b = (struct zipc_flow_batch){
		.x = out, .t = zipc_flow_out_times(run, 0),
	};
	switch (run->flow->stage[0].code.kind) {
	case ZIPC_FLOW_RANGE:
		b->n = make_range(run, out, tally->in, n);
		break;
	case ZIPC_FLOW_GENERATE:
		b->n = make_next(run, out, tally->in, n);
		break;
	case ZIPC_FLOW_REPEAT:
		b->n = make_copies(run, out, tally->in, n);
		break;
	default:
		b->n = make_tick(run, out);
		break;
	}
	tally->in += b->n;
	tally->out += b->n;
}

int64_t zipc_flow_due(const struct zipc_flow_run *run)
{
	const uint64_t *next = (const void *)zipc_flow_own(run, 0);

	return due_at(run, *next);
}
