/* SPDX-License-Identifier: MIT */
/*
 * The works of stacks: each member pushes one and pops one, by turns. With two
 * of them on one stack a pop may get what the other has pushed. They take their
 * shares from a common pot, so that they end together.
 *
 * Each trial checks what it moved: how many items, their sum, the first and the
 * last word of each; and alone, that each pop gets what was pushed before it.
 */
#include "stack.h"

#include "counters.h"
#include "stack_works.h"

#include <stdatomic.h>
#include <stdio.h>

#define SHARE 1024u
#define MEMBER_SHIFT 56

struct stack_row {
	size_t item_bytes;
};

/* A trial's shared memory. */
struct stack_pot {
	void *stack;
	_Alignas(64) _Atomic uint64_t left;
	_Alignas(64) struct pairs pairs[MEMBERS_MAX];
	struct counters counters;
};

static const struct stack_peer *peer_of(const struct trial *trial)
{
	return trial->candidate->family;
}

static size_t bytes_of(const struct trial *trial)
{
	return ((const struct stack_row *)trial->work->family)->item_bytes;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	(void)work;
	(void)candidate;
	return NULL;
}

static void prepare(struct trial *trial)
{
	struct stack_pot *pot = shared_new(sizeof(*pot));

	trial->shared = pot;
	pot->stack = peer_of(trial)->create(bytes_of(trial));
	atomic_init(&pot->left, trial->amount);
}

static void clean(struct trial *trial)
{
	struct stack_pot *pot = trial->shared;

	peer_of(trial)->destroy(pot->stack);
	shared_free(pot);
}

static void open_end(struct trial *trial, unsigned index)
{
	struct stack_pot *pot = trial->shared;

	trial->member[index].mine[0] = peer_of(trial)->open(pot->stack, index);
}

static void close_end(struct trial *trial, unsigned index)
{
	peer_of(trial)->close(trial->member[index].mine[0]);
}

static uint64_t take_share(_Atomic uint64_t *pot)
{
	/* Relaxed: the number is all that it carries. */
	uint64_t left = atomic_load_explicit(pot, memory_order_relaxed), share;

	do {
		share = left < SHARE ? left : SHARE;
	} while (!atomic_compare_exchange_weak_explicit(pot, &left,
							left - share,
							memory_order_relaxed,
							memory_order_relaxed));
	return share;
}

static void run(struct trial *trial, unsigned index)
{
	struct stack_pot *pot = trial->shared;
	struct pairs pairs = { .value = (uint64_t)index << MEMBER_SHIFT };
	stack_pairs *run_pairs = bytes_of(trial) == 8
					 ? peer_of(trial)->pairs_8
					 : peer_of(trial)->pairs_64;

	if (trial->work->members == 1)
		counters_begin(&pot->counters);
	while ((pairs.n = take_share(&pot->left)))
		run_pairs(trial->member[index].mine[0], &pairs);
	if (trial->work->members == 1)
		counters_end(&pot->counters);
	pot->pairs[index] = pairs;
}

static double value(struct trial *trial)
{
	const struct stack_pot *pot = trial->shared;
	double ns_each = (double)trial_ns(trial) / (double)trial->amount;
	uint64_t in = 0, out = 0, count = 0, torn = 0, others = 0, base;

	for (unsigned i = 0; i < trial->work->members; i++) {
		base = (uint64_t)i << MEMBER_SHIFT;
		in += pot->pairs[i].count * base +
		      (pot->pairs[i].value - base) *
			      (pot->pairs[i].value - base + 1) / 2;
		out += pot->pairs[i].sum;
		count += pot->pairs[i].count;
		torn += pot->pairs[i].torn;
		others += pot->pairs[i].others;
	}
	if (count != trial->amount || in != out)
		trial_fault(trial, "other items came out than went in");
	if (torn)
		trial_fault(trial, "%llu items were torn",
			    (unsigned long long)torn);
	if (trial->work->members == 1) {
		if (others)
			trial_fault(trial, "%llu items were not the newest",
				    (unsigned long long)others);
		return ns_each;
	}
	return 1000 / ns_each; /* million pairs a second */
}

static void extra(struct trial *trial, char *text, size_t size)
{
	const struct stack_pot *pot = trial->shared;

	if (trial->work->members == 1)
		counters_print(&pot->counters, trial->amount, text, size);
}

/* the rows */

#define FAMILY(row)                                                         \
	.entries = stack_entries, .unfit = unfit, .prepare = prepare,       \
	.clean = clean, .open = open_end, .run = run, .close = close_end,   \
	.value = value, .extra = extra, .family = &(row), .seconds = 1

static const struct stack_row items_8 = { 8 }, items_64 = { 64 };

const struct work stack_works[] = {
	{ .name = "stack-pair-8",
	  .words = "push and pop in one process, 8 bytes",
	  .unit = "ns", .less_is_better = true, .goal = 12, .members = 1,
	  .cores = { 0 }, FAMILY(items_8) },
	{ .name = "stack-pair-64",
	  .words = "the same, 64 bytes",
	  .unit = "ns", .less_is_better = true, .members = 1,
	  .cores = { 0 }, FAMILY(items_64) },
	{ .name = "stack-2p-8",
	  .words = "2 processes push and pop, pairs of both; 8 bytes",
	  .unit = "M/s", .goal = 60, .members = 2, .cores = { 0, 1 },
	  FAMILY(items_8) },
	{ .name = "stack-2p-64",
	  .words = "the same, 64 bytes",
	  .unit = "M/s", .members = 2, .cores = { 0, 1 }, FAMILY(items_64) },
	{ .name = NULL },
};
