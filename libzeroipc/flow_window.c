/* SPDX-License-Identifier: MIT */
/*
 * Windows. What is kept of one is not its elements but what their aggregates
 * came to so far, in a slot: how many, whether a sum overflowed, and a value
 * for each aggregate. Sums are from left to right from the window's first
 * element, in each window anew, so that it makes no difference which others
 * there are.
 *
 * Window j covers size elements, or times, from j * every on. Those that cover
 * one place lie in slots of their own, j modulo how many there are; so which
 * window a slot holds follows from where the flow is, and need not be believed.
 *
 * By times the latest one tells what is over: a window ends with the first
 * element whose time is not before its end. An element for which each of its
 * windows has ended is late: it is left out, and counted.
 */
#include "flow_inside.h"

/* A window's stage, in a batch. */
struct frame {
	struct zipc_flow_run *run;
	struct zipc_flow_stage *stage;
	uint8_t *slots;
	unsigned s;
	uint64_t closed;
};

struct slot {
	uint64_t count;
	uint64_t broken; /* 0, or of which part the sum overflowed, plus 1 */
};
static_assert(sizeof(struct slot) == ZIPC_FLOW_SLOT, "values are behind it");

static struct frame frame_of(struct zipc_flow_run *run, unsigned s)
{
	struct frame f = {
		.run = run, .stage = &run->flow->stage[s], .s = s,
		.slots = zipc_flow_own(run, s),
	};

	f.slots += f.stage->code.kind == ZIPC_FLOW_WINDOW ? 8 : 16;
	return f;
}

/* Aggregates. */

static double one_nan(double x)
{
	const uint64_t bits = UINT64_C(0x7FF8000000000000);

	if (x != x)
		memcpy(&x, &bits, sizeof(x));
	return x;
}

/* As those of programs: no number if one is none, and -0 is below 0. */
static double lesser(double x, double y, int most)
{
	uint64_t a, b;

	if (x < y || x > y)
		return (x < y) == !most ? x : y;
	if (x != y)
		return x + y;
	memcpy(&a, &x, sizeof(a));
	memcpy(&b, &y, sizeof(b));
	a = most ? a & b : a | b;
	memcpy(&x, &a, sizeof(x));
	return x;
}

static void add_real(unsigned what, uint8_t *at, const uint8_t *given,
		     int is_first)
{
	double sum, x;

	memcpy(&x, given, sizeof(x));
	memcpy(&sum, at, sizeof(sum));
	if (is_first)
		sum = x;
	else if (what <= ZIPC_FLOW_MEAN)
		sum += x;
	else
		sum = lesser(sum, x, what == ZIPC_FLOW_MAX);
	sum = one_nan(sum);
	memcpy(at, &sum, sizeof(sum));
}

/* 0: the sum overflows. */
static int add_int(unsigned what, uint8_t *at, const uint8_t *given,
		   int is_first)
{
	int64_t sum, x;

	memcpy(&x, given, sizeof(x));
	memcpy(&sum, at, sizeof(sum));
	if (is_first)
		sum = x;
	else if (what == ZIPC_FLOW_SUM) {
		if (__builtin_add_overflow(sum, x, &sum))
			return 0;
	} else if (what == ZIPC_FLOW_MIN ? x < sum : x > sum)
		sum = x;
	memcpy(at, &sum, sizeof(sum));
	return 1;
}

/* Element k of the batch, into a window. */
static void add(const struct frame *f, uint8_t *at, uint64_t k)
{
	struct slot *slot = (void *)at;
	int is_first = slot->count == 0;
	unsigned j;

	for (j = 0; j < f->stage->code.aggregates; j++) {
		const struct zipc_flow_value *v = &f->stage->value[j];
		const uint8_t *given = v->given + k * v->bytes;

		if (v->what == ZIPC_FLOW_COUNT)
			continue;
		if (v->what == ZIPC_FLOW_LAST ||
		    (v->what == ZIPC_FLOW_FIRST && is_first))
			memcpy(at + v->at, given, v->bytes);
		else if (v->what == ZIPC_FLOW_FIRST)
			continue;
		else if (v->is_real)
			add_real(v->what, at + v->at, given, is_first);
		else if (!add_int(v->what, at + v->at, given, is_first) &&
			 !slot->broken)
			slot->broken = v->part + 1u;
	}
	slot->count++;
}

/* What it came to is put with those that closed in this batch. */
static void close_slot(struct frame *f, uint8_t *at, uint64_t element,
		       int64_t time)
{
	struct slot *slot = (void *)at;
	uint64_t c = f->closed++;
	double mean;
	unsigned j;

	for (j = 0; j < f->stage->code.aggregates; j++) {
		struct zipc_flow_value *v = &f->stage->value[j];
		uint8_t *to = v->closed + c * v->bytes;

		/* A count has no place of its own. */
		if (v->what == ZIPC_FLOW_COUNT)
			memcpy(to, &slot->count, sizeof(slot->count));
		else
			memcpy(to, at + v->at, v->bytes);
		if (v->what != ZIPC_FLOW_MEAN)
			continue;
		memcpy(&mean, to, sizeof(mean));
		mean = one_nan(mean / (double)slot->count);
		memcpy(to, &mean, sizeof(mean));
	}
	f->stage->closing[c] = (struct zipc_flow_closing){
		.element = element, .part = (unsigned)slot->broken,
	};
	if (f->stage->times)
		f->stage->out_times[c] = time;
	memset(at, 0, f->stage->slot_bytes);
}

/* Arguments. */

/* What the stage's expressions of an element give; in marks, which one failed
 * for an element, plus 1. Returns how many elements failed. */
static uint64_t run_parts(struct frame *f, struct zipc_program_batch *batch)
{
	struct zipc_flow *flow = f->run->flow;
	unsigned k, values = zipc_flow_arguments(f->stage), j = 0;
	uint64_t e, failed = 0;
	void *out;

	memset(flow->marks, 0, batch->count);
	for (k = 0; k < f->stage->code.parts; k++) {
		if (k == values)
			continue;
		while (k < values &&
		       f->stage->value[j].what == ZIPC_FLOW_COUNT)
			j++;
		out = k < values ? (void *)f->stage->value[j++].given
				 : f->stage->by;
		if (!zipc_program_run(f->stage->program[k], batch, out, NULL))
			continue;
		for (e = 0; e < batch->count; e++)
			if (flow->faults[e] && !flow->marks[e]) {
				flow->marks[e] = (uint8_t)(k + 1);
				failed++;
			}
	}
	return failed;
}

/* The failed ones are counted, and the last is told of. */
static uint64_t run_arguments(struct frame *f, const struct zipc_flow_batch *b,
			      uint64_t first)
{
	uint8_t *marks = f->run->flow->marks;
	const void *at[2] = {b->x, b->t};
	struct zipc_program_batch batch = {
		.at = at, .rows = b->rows, .count = b->n, .first = first,
		.faults = f->run->flow->faults,
	};
	uint64_t failed = run_parts(f, &batch), last = b->n;

	if (!failed)
		return 0;
	while (!marks[last - 1])
		last--;
	zipc_flow_tell_one(f->run, f->s, marks[last - 1] - 1u, &batch,
			   last - 1);
	zipc_flow_tally(f->run, f->s)->failed += failed;
	return failed;
}

/* Results. */

/* Of the windows that closed; which of them failed, and the last one. */
static uint64_t find_failed(struct frame *f,
			    const struct zipc_program_batch *batch)
{
	struct zipc_flow_tally *tally = zipc_flow_tally(f->run, f->s);
	uint8_t *faults = f->run->flow->faults;
	uint64_t c, failed = 0, last = 0;

	for (c = 0; c < f->closed; c++) {
		if (f->stage->closing[c].part)
			faults[c] = ZIPC_FAULT_OVERFLOW;
		if (faults[c]) {
			failed++;
			last = c;
		}
	}
	if (!failed)
		return 0;
	/* An element that failed itself has closed none. */
	if (!tally->fault ||
	    f->stage->closing[last].element >= tally->element) {
		zipc_flow_tell_one(f->run, f->s, zipc_flow_giving(f->stage),
				   batch, last);
		if (f->stage->closing[last].part) {
			tally->fault = ZIPC_FAULT_OVERFLOW;
			tally->part = (uint8_t)(f->stage->closing[last].part -
						1);
			tally->column = 0;
		}
		tally->element = f->stage->closing[last].element;
	}
	tally->failed += failed;
	return failed;
}

static void give_closed(struct frame *f, struct zipc_flow_batch *b)
{
	const void *at[ZIPC_FLOW_AGGREGATES];
	struct zipc_program_batch batch = {
		.at = at, .count = f->closed, .faults = f->run->flow->faults,
	};
	uint8_t *out = zipc_flow_out(f->run, f->s);
	uint64_t failed;
	unsigned k;

	*b = (struct zipc_flow_batch){
		.n = f->closed, .t = f->stage->out_times,
	};
	if (!f->closed)
		return;
	for (k = 0; k < f->stage->code.aggregates; k++)
		at[k] = f->stage->value[k].closed;
	zipc_program_run(f->stage->program[zipc_flow_giving(f->stage)], &batch,
			 out, NULL);
	failed = find_failed(f, &batch);
	zipc_flow_keep(f->run, f->s, out, b, failed);
}

/* By count. */

static void count_one(struct frame *f, uint64_t seen, uint64_t k,
		      uint64_t element, int64_t time)
{
	uint64_t size = f->stage->code.number[0];
	uint64_t every = f->stage->code.number[1];
	uint64_t j = seen < size ? 0 : (seen - size) / every + 1;
	uint64_t last = seen / every, where = j % f->stage->slots;
	uint8_t *at;

	for (; j <= last; j++) {
		at = f->slots + where * f->stage->slot_bytes;
		where = where + 1 < f->stage->slots ? where + 1 : 0;
		if (j * every == seen)
			memset(at, 0, f->stage->slot_bytes);
		add(f, at, k);
		if (seen - j * every == size - 1)
			close_slot(f, at, element, time);
	}
}

void zipc_flow_pass_window(struct zipc_flow_run *run, unsigned s,
			   struct zipc_flow_batch *b, uint64_t first)
{
	struct frame f = frame_of(run, s);
	uint64_t *seen = (void *)zipc_flow_own(run, s);
	uint64_t failed = run_arguments(&f, b, first), k;
	int64_t time = 0;

	for (k = 0; k < b->n; k++) {
		if (failed && run->flow->marks[k])
			continue;
		if (f.stage->in_times)
			time = b->t[b->rows ? b->rows[k] : k];
		count_one(&f, (*seen)++, k, first + k, time);
	}
	give_closed(&f, b);
}

/* By times. */

/* Windows that cover a time: count of them, up to number last. */
struct cover {
	int64_t last;
	uint64_t count;
};

static struct cover cover_of(const struct zipc_flow_stage *stage, int64_t t)
{
	uint64_t size = stage->code.number[0];
	int64_t every = (int64_t)stage->code.number[1];
	int64_t last = t / every, rest = t % every;
	struct cover cover;

	if (rest < 0) {
		rest += every;
		last--;
	}
	cover.last = last;
	cover.count = (uint64_t)rest < size
			      ? (size - (uint64_t)rest - 1) / (uint64_t)every +
					1
			      : 0;
	return cover;
}

static __int128 first_of(const struct cover *cover)
{
	return (__int128)cover->last - (int64_t)cover->count + 1;
}

static uint8_t *slot_of(const struct frame *f, __int128 j)
{
	int64_t slots = (int64_t)f->stage->slots;
	/* Nearly always it fits, and then division is cheap. */
	int64_t where = j >= INT64_MIN ? (int64_t)j % slots
				       : (int64_t)(j % slots);

	if (where < 0)
		where += slots;
	return f->slots + (size_t)where * f->stage->slot_bytes;
}

/* Of those that cover a time, the ones before number end. */
static void close_before(struct frame *f, const struct cover *cover,
			 __int128 end, uint64_t element)
{
	int64_t every = (int64_t)f->stage->code.number[1];
	__int128 j = first_of(cover), time;
	uint8_t *at;

	for (; j <= cover->last && j < end; j++) {
		at = slot_of(f, j);
		time = j * every;
		if (((struct slot *)(void *)at)->count)
			close_slot(f, at, element,
				   time < INT64_MIN ? INT64_MIN
						    : (int64_t)time);
	}
}

/* Into those of its windows that are open: from number begin on. */
static uint64_t add_from(struct frame *f, const struct cover *cover,
			 __int128 begin, uint64_t k)
{
	__int128 j = first_of(cover);
	uint64_t n = 0;

	for (j = j > begin ? j : begin; j <= cover->last; j++, n++)
		add(f, slot_of(f, j), k);
	return n;
}

static void time_one(struct frame *f, int64_t t, uint64_t k, uint64_t element)
{
	int64_t *own = (void *)zipc_flow_own(f->run, f->s);
	struct cover cover = cover_of(f->stage, t), open = {0, 0};
	__int128 begin = first_of(&cover);

	if (own[0])
		open = cover_of(f->stage, own[1]);
	if (!own[0] || t > own[1]) {
		close_before(f, &open, begin, element);
		own[0] = 1;
		own[1] = t;
	} else {
		begin = first_of(&open);
	}
	if (!add_from(f, &cover, begin, k) && cover.count)
		zipc_flow_tally(f->run, f->s)->late++;
}

void zipc_flow_pass_window_time(struct zipc_flow_run *run, unsigned s,
				struct zipc_flow_batch *b, uint64_t first)
{
	struct frame f = frame_of(run, s);
	uint64_t failed = run_arguments(&f, b, first), k;
	int64_t t;

	for (k = 0; k < b->n; k++) {
		if (failed && run->flow->marks[k])
			continue;
		t = f.stage->code.flags & ZIPC_FLOW_BY
			    ? f.stage->by[k]
			    : b->t[b->rows ? b->rows[k] : k];
		time_one(&f, t, k, first + k);
	}
	give_closed(&f, b);
}

void zipc_flow_end_window(struct zipc_flow_run *run, unsigned s,
			  struct zipc_flow_batch *b)
{
	struct frame f = frame_of(run, s);
	int64_t *own = (void *)zipc_flow_own(run, s);
	struct cover open;

	if (own[0]) {
		open = cover_of(f.stage, own[1]);
		close_before(&f, &open, (__int128)open.last + 1,
			     zipc_flow_tally(run, s)->in);
	}
	give_closed(&f, b);
}
