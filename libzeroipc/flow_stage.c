/* SPDX-License-Identifier: MIT */
/* What operators do with a batch, but for windows. */
#include "flow_inside.h"

/* What an expression of a stage is run on. */
static struct zipc_program_batch inputs(const struct zipc_flow_stage *stage,
					const struct zipc_flow_batch *b,
					uint64_t first, const void *at[4],
					uint8_t *faults)
{
	int is_zip = stage->code.kind == ZIPC_FLOW_ZIP;
	unsigned n = 0;

	if (stage->in_type)
		at[n++] = b->x;
	if (is_zip)
		at[n++] = b->y;
	if (is_zip ? stage->times : stage->in_times)
		at[n++] = b->t;
	at[n] = NULL; /* `acc` is the state of a fold */
	return (struct zipc_program_batch){
		.at = at, .rows = b->rows, .count = b->n, .first = first,
		.faults = faults,
	};
}

/* Failures. */

static void tell(struct zipc_flow_run *run, unsigned s, unsigned part,
		 uint64_t element, const struct zipc_program_failure *failure)
{
	struct zipc_flow_tally *tally = zipc_flow_tally(run, s);

	tally->element = element;
	tally->column = (uint16_t)failure->place;
	tally->fault = (uint8_t)failure->fault;
	tally->part = (uint8_t)part;
}

/* A run tells of the first one that failed, so the last one is run alone. */
void zipc_flow_tell_one(struct zipc_flow_run *run, unsigned s, unsigned part,
			const struct zipc_program_batch *batch, uint64_t which)
{
	struct zipc_program_batch one = *batch;
	struct zipc_program_failure failure;
	uint32_t row = batch->rows ? batch->rows[which] : (uint32_t)which;

	one.rows = &row;
	one.count = 1;
	one.first += which;
	one.faults = NULL;
	zipc_program_run(run->flow->stage[s].program[part], &one,
			 run->flow->scratch, &failure);
	tell(run, s, part, one.first, &failure);
}

uint64_t zipc_flow_note(struct zipc_flow_run *run, unsigned s, unsigned part,
			const struct zipc_program_batch *batch,
			const uint8_t *faults)
{
	uint64_t k, failed = 0, last = 0;

	for (k = 0; k < batch->count; k++)
		if (faults[k]) {
			failed++;
			last = k;
		}
	if (!failed)
		return 0;
	zipc_flow_tell_one(run, s, part, batch, last);
	zipc_flow_tally(run, s)->failed += failed;
	return failed;
}

/* What leaves. */

uint8_t *zipc_flow_out(struct zipc_flow_run *run, unsigned s)
{
	return s + 1u == run->flow->header.operators ? run->to
						     : run->flow->stage[s].out;
}

int64_t *zipc_flow_out_times(struct zipc_flow_run *run, unsigned s)
{
	return s + 1u == run->flow->header.operators
		       ? run->to_times
		       : run->flow->stage[s].out_times;
}

static void keep_times(struct zipc_flow_run *run, unsigned s,
		       struct zipc_flow_batch *b, uint64_t failed)
{
	const uint8_t *faults = run->flow->faults;
	int64_t *to = zipc_flow_out_times(run, s);
	uint64_t k, n = 0;

	if (!run->flow->stage[s].times || (!b->rows && !failed))
		return;
	for (k = 0; k < b->n; k++) {
		to[n] = b->t[b->rows ? b->rows[k] : k];
		n += !(failed && faults[k]);
	}
	b->t = to;
}

void zipc_flow_keep(struct zipc_flow_run *run, unsigned s, uint8_t *out,
		    struct zipc_flow_batch *b, uint64_t failed)
{
	size_t size = run->flow->stage[s].bytes;
	const uint8_t *faults = run->flow->faults;
	uint64_t k, n = 0;

	for (k = 0; failed && k < b->n; k++)
		if (!faults[k])
			memmove(out + n++ * size, out + k * size, size);
	keep_times(run, s, b, failed);
	b->x = out;
	b->rows = NULL;
	b->n -= failed;
}

/* One for each. */

static void pass_map(struct zipc_flow_run *run, unsigned s,
		     struct zipc_flow_batch *b, uint64_t first)
{
	struct zipc_flow_stage *stage = &run->flow->stage[s];
	uint8_t *out = zipc_flow_out(run, s);
	const void *at[4];
	struct zipc_program_batch batch = inputs(stage, b, first, at,
						 run->flow->faults);
	uint64_t failed = zipc_program_run(stage->program[0], &batch, out,
					   NULL);

	if (failed)
		zipc_flow_note(run, s, 0, &batch, run->flow->faults);
	zipc_flow_keep(run, s, out, b, failed);
}

/* A pair has the later time. */
static void pass_zip(struct zipc_flow_run *run, unsigned s,
		     struct zipc_flow_batch *b, uint64_t first)
{
	int64_t *times = run->flow->stage[s].out_times;
	const int64_t *other = run->step->times[1];
	uint64_t k;

	if (run->flow->stage[s].times) {
		other = run->flow->source[1].times
				? other + run->step->taken[1]
				: b->t;
		if (!run->flow->source[0].times)
			b->t = other;
		for (k = 0; k < b->n; k++)
			times[k] = b->t[k] > other[k] ? b->t[k] : other[k];
		b->t = times;
	}
	pass_map(run, s, b, first);
}

/* A batch without its first ones; at is room for their places. */
static struct zipc_program_batch behind(const struct zipc_flow_stage *stage,
					const struct zipc_program_batch *whole,
					uint64_t done, const void *at[4])
{
	struct zipc_program_batch part = *whole;

	part.count -= done;
	part.first += done;
	if (part.rows) {
		part.rows += done;
		return part;
	}
	memcpy(at, whole->at, 4 * sizeof(*at));
	if (stage->in_type)
		at[0] = (const uint8_t *)at[0] + done * stage->in_bytes;
	if (stage->in_times)
		at[1] = (const int64_t *)at[1] + done;
	part.at = at;
	return part;
}

/*
 * One after the other, and on behind those that fail. Behind one that failed
 * few are run at first, as a fold begins with all that it is given.
 */
static uint64_t fold(struct zipc_flow_run *run, unsigned s,
		     const struct zipc_program_batch *whole, void *acc,
		     uint8_t *out)
{
	struct zipc_flow_stage *stage = &run->flow->stage[s];
	uint64_t done = 0, made = 0, most = UINT64_MAX;
	struct zipc_program_failure failure;
	const void *at[4];
	int64_t n;

	while (done < whole->count) {
		struct zipc_program_batch part = behind(stage, whole, done, at);

		part.count = part.count < most ? part.count : most;
		n = zipc_program_fold(stage->program[1], &part, acc,
				      out ? out + made * stage->bytes : NULL,
				      &failure);
		if (n < 0) {
			run->rc = (int)n;
			failure.fault = ZIPC_FAULT_RANGE;
			n = 0;
		}
		memset(run->flow->faults + done, 0, (size_t)n);
		made += (uint64_t)n;
		done += (uint64_t)n;
		most = most < 128 ? most * 2 : UINT64_MAX;
		if ((uint64_t)n == part.count)
			continue;
		tell(run, s, 1, part.first + (uint64_t)n, &failure);
		run->flow->faults[done++] = (uint8_t)failure.fault;
		most = 4;
	}
	return whole->count - made;
}

static void pass_scan(struct zipc_flow_run *run, unsigned s,
		      struct zipc_flow_batch *b, uint64_t first)
{
	uint8_t *out = zipc_flow_out(run, s);
	const void *at[4] = {NULL};
	struct zipc_program_batch batch = inputs(&run->flow->stage[s], b, first,
						 at, NULL);
	uint64_t failed = fold(run, s, &batch, zipc_flow_own(run, s), out);

	zipc_flow_tally(run, s)->failed += failed;
	keep_times(run, s, b, failed);
	b->x = out;
	b->rows = NULL;
	b->n -= failed;
}

/* It keeps the time of the last one that went well, and what became of all. */
static void pass_fold(struct zipc_flow_run *run, unsigned s,
		      struct zipc_flow_batch *b, uint64_t first)
{
	uint8_t *own = zipc_flow_own(run, s);
	const void *at[4] = {NULL};
	struct zipc_program_batch batch = inputs(&run->flow->stage[s], b, first,
						 at, NULL);
	uint64_t failed = fold(run, s, &batch, own + 8, NULL), k = b->n;

	zipc_flow_tally(run, s)->failed += failed;
	while (run->flow->stage[s].times && k-- > 0)
		if (!run->flow->faults[k]) {
			memcpy(own, &b->t[b->rows ? b->rows[k] : k], 8);
			break;
		}
	b->n = 0;
}

static void end_fold(struct zipc_flow_run *run, unsigned s,
		     struct zipc_flow_batch *b)
{
	uint8_t *own = zipc_flow_own(run, s), *out = zipc_flow_out(run, s);
	int64_t *times = zipc_flow_out_times(run, s);

	memcpy(out, own + 8, run->flow->stage[s].bytes);
	if (run->flow->stage[s].times)
		memcpy(times, own, sizeof(*times));
	*b = (struct zipc_flow_batch){.x = out, .t = times, .n = 1};
}

/* Fewer than came. */

/* Rows that b does not lie in. */
static uint32_t *other_rows(struct zipc_flow_run *run,
			    const struct zipc_flow_batch *b)
{
	struct zipc_flow *flow = run->flow;

	return b->rows >= flow->rows && b->rows < flow->rows + flow->batch
		       ? flow->kept
		       : flow->rows;
}

static uint32_t row_of(const struct zipc_flow_batch *b, uint64_t k)
{
	return b->rows ? b->rows[k] : (uint32_t)k;
}

static void pass_filter(struct zipc_flow_run *run, unsigned s,
			struct zipc_flow_batch *b, uint64_t first)
{
	struct zipc_flow_stage *stage = &run->flow->stage[s];
	uint32_t *rows = other_rows(run, b);
	struct zipc_program_failure failure;
	const void *at[4];
	struct zipc_program_batch batch = inputs(stage, b, first, at,
						 run->flow->faults);
	uint64_t n = zipc_program_select(stage->program[0], &batch, rows,
					 &failure);

	if (failure.fault)
		zipc_flow_note(run, s, 0, &batch, run->flow->faults);
	b->rows = rows;
	b->n = n;
}

static void pass_take(struct zipc_flow_run *run, unsigned s,
		      struct zipc_flow_batch *b, uint64_t first)
{
	struct zipc_flow_tally *tally = zipc_flow_tally(run, s);
	uint64_t most = run->flow->stage[s].code.number[0];
	uint64_t left = first < most ? most - first : 0;

	if (b->n >= left) {
		tally->in -= b->n - left;
		b->n = left;
		run->filled = s + 1;
	}
}

static void pass_skip(struct zipc_flow_run *run, unsigned s,
		      struct zipc_flow_batch *b, uint64_t first)
{
	const struct zipc_flow_stage *stage = &run->flow->stage[s];
	uint64_t most = stage->code.number[0];
	uint64_t n = first < most ? most - first : 0;

	n = n < b->n ? n : b->n;
	b->n -= n;
	if (b->rows) {
		b->rows += n;
		return;
	}
	b->x += n * stage->in_bytes;
	if (stage->in_times)
		b->t += n;
}

/* The first one, and each n-th behind it. */
static void pass_sample(struct zipc_flow_run *run, unsigned s,
			struct zipc_flow_batch *b, uint64_t first)
{
	uint64_t every = run->flow->stage[s].code.number[0];
	uint64_t k = (every - first % every) % every, n = 0;
	uint32_t *rows = other_rows(run, b);

	for (; k < b->n; k += every)
		rows[n++] = row_of(b, k);
	b->rows = rows;
	b->n = n;
}

static void pass_sample_time(struct zipc_flow_run *run, unsigned s,
			     struct zipc_flow_batch *b, uint64_t first)
{
	uint64_t every = run->flow->stage[s].code.number[0], k, n = 0;
	int64_t *own = (int64_t *)(void *)zipc_flow_own(run, s);
	uint32_t *rows = other_rows(run, b);
	int64_t t;

	(void)first;
	for (k = 0; k < b->n; k++) {
		t = b->t[row_of(b, k)];
		if (own[0] && (t < own[1] ||
			       (uint64_t)t - (uint64_t)own[1] < every))
			continue;
		own[0] = 1;
		own[1] = t;
		rows[n++] = row_of(b, k);
	}
	b->rows = rows;
	b->n = n;
}

/* Keys lie in the order in which they were met, the latest one first. */
static int is_known(const struct zipc_flow_stage *stage, uint8_t *own,
		    const uint8_t *key)
{
	size_t size = stage->slot_bytes, k;
	uint8_t *keys = own + 8;
	uint64_t used;
	int known;

	memcpy(&used, own, sizeof(used));
	for (k = 0; k < used; k++)
		if (!memcmp(keys + k * size, key, size))
			break;
	known = k < used;
	if (!known && used < stage->slots)
		used++;
	if (!known && k == stage->slots)
		k--; /* it goes for the new one */
	memmove(keys + size, keys, k * size);
	memcpy(keys, key, size);
	memcpy(own, &used, sizeof(used));
	return known;
}

static void pass_distinct(struct zipc_flow_run *run, unsigned s,
			  struct zipc_flow_batch *b, uint64_t first)
{
	struct zipc_flow_stage *stage = &run->flow->stage[s];
	uint32_t *rows = other_rows(run, b);
	size_t size = stage->slot_bytes;
	const uint8_t *key = b->x;
	const void *at[4];
	struct zipc_program_batch batch = inputs(stage, b, first, at,
						 run->flow->faults);
	uint64_t k, n = 0, failed = 0;

	if (stage->program[0]) {
		key = stage->out;
		failed = zipc_program_run(stage->program[0], &batch, stage->out,
					  NULL);
	}
	if (failed)
		zipc_flow_note(run, s, 0, &batch, run->flow->faults);
	for (k = 0; k < b->n; k++) {
		uint32_t row = row_of(b, k);

		if ((failed && run->flow->faults[k]) ||
		    is_known(stage, zipc_flow_own(run, s),
			     key + (stage->program[0] ? k : row) * size))
			continue;
		rows[n++] = row;
	}
	b->rows = rows;
	b->n = n;
}

/* They entered already. */
static void pass_merge(struct zipc_flow_run *run, unsigned s,
		       struct zipc_flow_batch *b, uint64_t first)
{
	(void)run;
	(void)s;
	(void)b;
	(void)first;
}

zipc_flow_pass *const zipc_flow_passes[ZIPC_FLOW_KINDS] = {
	[ZIPC_FLOW_FILTER] = pass_filter,
	[ZIPC_FLOW_MAP] = pass_map,
	[ZIPC_FLOW_SCAN] = pass_scan,
	[ZIPC_FLOW_FOLD] = pass_fold,
	[ZIPC_FLOW_TAKE] = pass_take,
	[ZIPC_FLOW_SKIP] = pass_skip,
	[ZIPC_FLOW_DISTINCT] = pass_distinct,
	[ZIPC_FLOW_SAMPLE] = pass_sample,
	[ZIPC_FLOW_SAMPLE_TIME] = pass_sample_time,
	[ZIPC_FLOW_MERGE] = pass_merge,
	[ZIPC_FLOW_ZIP] = pass_zip,
	[ZIPC_FLOW_WINDOW] = zipc_flow_pass_window,
	[ZIPC_FLOW_WINDOW_TIME] = zipc_flow_pass_window_time,
};

void zipc_flow_end_stage(struct zipc_flow_run *run, unsigned s,
			 struct zipc_flow_batch *b)
{
	*b = (struct zipc_flow_batch){.n = 0};
	if (run->flow->stage[s].code.kind == ZIPC_FLOW_FOLD)
		end_fold(run, s, b);
	if (run->flow->stage[s].code.kind == ZIPC_FLOW_WINDOW_TIME)
		zipc_flow_end_window(run, s, b);
}

int zipc_flow_begin_own(const struct zipc_flow_stage *stage, uint8_t *own)
{
	struct zipc_program_batch batch = {.count = 1};

	switch (stage->code.kind) {
	case ZIPC_FLOW_FOLD:
		own += 8;
		break;
	case ZIPC_FLOW_SCAN:
	case ZIPC_FLOW_GENERATE:
		break;
	default:
		return 0;
	}
	return zipc_program_run(stage->program[0], &batch, own, NULL) != 0;
}
