/* SPDX-License-Identifier: MIT */
/*
 * Running a flow: some of what is given passes through all operators, then
 * some more, as long as there is room for what each of them may cause. How
 * much passes at once makes no difference to what comes of it, nor to the
 * state.
 *
 * So a take() that has enough in the midst of a batch undoes it, and takes
 * half: in the end that is the one element which was the last one to take, and
 * nobody has counted those behind it.
 *
 * Operators end from the left to the right, each when nothing can come to it
 * any more; what it kept then passes through those behind it.
 */
#include "error.h"
#include "flow_inside.h"

#include <assert.h>

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The state. */

size_t zipc_flow_state_bytes(const struct zipc_flow *flow)
{
	return flow->header.state_bytes;
}

void zipc_flow_begin(const struct zipc_flow *flow, void *state, int64_t now_ns)
{
	struct zipc_flow_state *head = state;
	unsigned s;

	memset(state, 0, flow->header.state_bytes);
	head->flow = flow->hash;
	head->begun_ns = now_ns;
	head->size_bytes = flow->header.state_bytes;
	for (s = 0; s < flow->header.operators; s++)
		zipc_flow_begin_own(&flow->stage[s],
				    (uint8_t *)state + flow->stage[s].at +
					    sizeof(struct zipc_flow_tally));
}

/* Of all else in it each value means something. */
static int check_state(const struct zipc_flow *flow, const void *state)
{
	const struct zipc_flow_state *head = state;
	const struct zipc_flow_stage *stage;
	uint64_t used;
	unsigned s;

	if (head->flow != flow->hash ||
	    head->size_bytes != flow->header.state_bytes || head->reserved ||
	    head->ended > flow->header.operators)
		return zipc_fail(EBADMSG, "flow: the state is not one of this "
					  "flow, or is damaged");
	for (s = 0; s < flow->header.operators; s++) {
		stage = &flow->stage[s];
		if (stage->code.kind != ZIPC_FLOW_DISTINCT)
			continue;
		memcpy(&used, (const uint8_t *)state + stage->at +
				      sizeof(struct zipc_flow_tally),
		       sizeof(used));
		if (used > stage->slots)
			return zipc_fail(EBADMSG, "flow: damaged state: "
						  "operator %u keeps more "
						  "than it can", s);
	}
	return 0;
}

static struct zipc_flow_state *head_of(const struct zipc_flow_run *run)
{
	return (void *)run->state;
}

/* Results. */

static uint64_t room_left(const struct zipc_flow_run *run)
{
	return run->step->room - run->step->made;
}

static void gather(uint8_t *to, const uint8_t *from, const uint32_t *rows,
		   uint64_t n, size_t size)
{
	uint64_t k;

	if (size == 8) {
		for (k = 0; k < n; k++)
			memcpy(to + k * 8, from + (size_t)rows[k] * 8, 8);
		return;
	}
	for (k = 0; k < n; k++)
		memcpy(to + k * size, from + rows[k] * size, size);
}

static void put_results(struct zipc_flow_run *run,
			const struct zipc_flow_batch *b)
{
	const struct zipc_flow *flow = run->flow;
	const struct zipc_flow_stage *last =
		&flow->stage[flow->header.operators - 1];
	uint64_t k;

	if (!b->n)
		return;
	if (b->rows)
		gather(run->to, b->x, b->rows, b->n, last->bytes);
	else if (b->x != run->to)
		memcpy(run->to, b->x, b->n * last->bytes);
	run->to += b->n * last->bytes;
	run->step->made += b->n;
	if (!last->times)
		return;
	for (k = 0; k < b->n; k++)
		run->to_times[k] = b->t[b->rows ? b->rows[k] : k];
	run->to_times += b->n;
}

/* Batches. */

static void through(struct zipc_flow_run *run, unsigned s,
		    struct zipc_flow_batch *b)
{
	for (; s < run->flow->header.operators && b->n; s++) {
		struct zipc_flow_tally *tally = zipc_flow_tally(run, s);
		uint64_t first = tally->in;

		tally->in += b->n;
		zipc_flow_passes[run->flow->stage[s].code.kind](run, s, b,
								first);
		tally->out += b->n;
	}
}

/* n elements of source k, or that the first operator makes. */
static unsigned enter(struct zipc_flow_run *run, unsigned k, uint64_t n,
		      struct zipc_flow_batch *b)
{
	const struct zipc_flow *flow = run->flow;
	const struct zipc_flow_step *step = run->step;

	if (!flow->header.origins) {
		zipc_flow_make(run, n, b);
		return 1;
	}
	*b = (struct zipc_flow_batch){.n = n};
	b->x = (const uint8_t *)step->elems[k] +
	       step->taken[k] * flow->source_bytes[k];
	if (flow->source[k].times)
		b->t = step->times[k] + step->taken[k];
	if (flow->reads == ZIPC_FLOW_PAIRS)
		b->y = (const uint8_t *)step->elems[1] +
		       step->taken[1] * flow->source_bytes[1];
	return flow->origin[k].enters;
}

/* 0: a take() has had enough before the last of them; nothing was done. */
static int pass(struct zipc_flow_run *run, unsigned k, uint64_t n)
{
	struct zipc_flow *flow = run->flow;
	struct zipc_flow_batch b;
	unsigned s;

	if (flow->takes)
		memcpy(flow->before, run->state, flow->header.state_bytes);
	run->filled = 0;
	run->is_over = 0;
	s = enter(run, k, n, &b);
	through(run, s, &b);
	if (run->filled && n > 1) {
		memcpy(run->state, flow->before, flow->header.state_bytes);
		run->is_over = 0;
		return 0;
	}
	put_results(run, &b);
	if (run->filled > head_of(run)->ended)
		head_of(run)->ended = run->filled;
	return 1;
}

/* How many may pass at once, of those that enter at s. */
static uint64_t passing(const struct zipc_flow_run *run, unsigned s)
{
	uint64_t causes = run->flow->stage[s].causes;

	return least(room_left(run), run->flow->batch) / causes;
}

/* Elements of a source; of pairs, of both. */
static void take_from(struct zipc_flow_run *run, unsigned k)
{
	struct zipc_flow_step *step = run->step;
	int pairs = run->flow->reads == ZIPC_FLOW_PAIRS;
	uint64_t count = pairs ? least(step->count[0], step->count[1])
			       : step->count[k];
	unsigned s = run->flow->origin[k].enters;
	uint64_t n, most = UINT64_MAX;

	while (step->taken[k] < count && s >= head_of(run)->ended) {
		n = least(passing(run, s), count - step->taken[k]);
		n = least(n, most);
		if (!n)
			return;
		if (!pass(run, k, n)) {
			most = n / 2;
			continue;
		}
		step->taken[k] += n;
		if (pairs)
			step->taken[1] += n;
	}
	/* What would come to an operator that has ended. */
	if (s < head_of(run)->ended) {
		step->taken[k] = step->count[k];
		if (pairs)
			step->taken[1] = step->count[1];
	}
}

static void make(struct zipc_flow_run *run)
{
	uint64_t n, most = UINT64_MAX, made = 0;
	int ticks = run->flow->reads == ZIPC_FLOW_CLOCK;

	while (!head_of(run)->ended && !run->is_over &&
	       made < ZIPC_FLOW_MADE_MOST) {
		n = least(ticks ? 1 : passing(run, 0), most);
		if (!n || !passing(run, 0))
			return;
		if (!pass(run, 0, n)) {
			most = n / 2;
			continue;
		}
		made += n;
		if (ticks)
			break;
	}
	if (ticks)
		run->step->next_ns = zipc_flow_due(run);
}

/* The end. */

/* Whether nothing comes to operator s any more, but for those before it. */
static int nothing_comes(const struct zipc_flow_run *run, unsigned s)
{
	const struct zipc_flow_step *step = run->step;
	const struct zipc_flow *flow = run->flow;
	unsigned k, over = 0, left = 0;

	if (!flow->header.origins)
		return s > 0 || run->is_over;
	for (k = 0; k < flow->header.origins; k++) {
		if (!(flow->stage[s].sources >> k & 1))
			continue;
		if (flow->origin[k].enters < head_of(run)->ended ||
		    (step->ended >> k & 1 && step->taken[k] == step->count[k]))
			over++;
		else
			left++;
	}
	return flow->reads == ZIPC_FLOW_PAIRS ? over > 0 : left == 0;
}

static void end(struct zipc_flow_run *run)
{
	struct zipc_flow_state *head = head_of(run);
	struct zipc_flow_batch b;
	unsigned s;

	while (s = head->ended, s < run->flow->header.operators &&
				nothing_comes(run, s) &&
				room_left(run) >= run->flow->stage[s].causes) {
		run->filled = 0;
		zipc_flow_end_stage(run, s, &b);
		zipc_flow_tally(run, s)->out += b.n;
		through(run, s + 1, &b);
		put_results(run, &b);
		head->ended = run->filled > s + 1 ? run->filled : s + 1;
	}
	run->step->has_ended = head->ended == run->flow->header.operators;
}

int zipc_flow_run(struct zipc_flow *flow, void *state,
		  struct zipc_flow_step *step)
{
	struct zipc_flow_run run = {
		.flow = flow, .state = state, .step = step,
		.to = step->results, .to_times = step->result_times,
	};
	unsigned k;
	int rc;

	assert((uintptr_t)state % 8 == 0);
	step->made = 0;
	memset(step->taken, 0, sizeof(step->taken));
	step->has_ended = 0;
	step->next_ns = INT64_MAX;
	rc = check_state(flow, state);
	if (rc)
		return rc;
	if (!flow->header.origins)
		make(&run);
	else if (flow->reads == ZIPC_FLOW_PAIRS)
		take_from(&run, 0);
	else
		for (k = 0; k < flow->header.origins; k++)
			take_from(&run, k);
	end(&run);
	return run.rc;
}
