/* SPDX-License-Identifier: MIT */
/* Linearizability: the search, its memory, and the record; see the header. */
#include "linear.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* recording */

static unsigned called(const struct linear_lane *lane)
{
	return atomic_load_explicit(&lane->begun, memory_order_acquire);
}

/* Acquire: what had returned then, the caller's operation comes after. */
static unsigned returned(const struct linear_lane *lane)
{
	return atomic_load_explicit(&lane->ended, memory_order_acquire);
}

struct linear_op *linear_prepare(struct linear_history *history, unsigned lane,
				 unsigned n)
{
	unsigned begun = called(&history->lanes[lane]), i, other;
	struct linear_op *ops = &history->lanes[lane].ops[begun];

	assert(begun + n <= LINEAR_OPS);
	memset(ops, 0, n * sizeof(*ops));
	for (other = 0; other < LINEAR_LANES; other++)
		ops->seen[other] = (uint8_t)returned(&history->lanes[other]);
	ops->seen[lane] = 0;
	for (i = 1; i < n; i++)
		memcpy(ops[i].seen, ops->seen, sizeof(ops->seen));
	return ops;
}

void linear_call(struct linear_history *history, unsigned lane, unsigned n)
{
	struct linear_lane *mine = &history->lanes[lane];

	atomic_store_explicit(&mine->begun, called(mine) + n,
			      memory_order_release);
}

void linear_return(struct linear_history *history, unsigned lane, unsigned n)
{
	struct linear_lane *mine = &history->lanes[lane];
	unsigned ended = returned(mine) + n;

	/* In this order: who is killed between leaves nothing pending. */
	atomic_store_explicit(&mine->begun, ended, memory_order_release);
	atomic_store_explicit(&mine->ended, ended, memory_order_release);
}

/* memory: configurations from which the search has come back */

#define KEY_BYTES (LINEAR_LANES + LINEAR_STATE_MOST)

struct key {
	unsigned char bytes[KEY_BYTES];
};

struct memory {
	struct key *keys;
	unsigned *stamps; /* a key counts if its stamp is the present */
	size_t size, used;
	unsigned stamp;
};

static void *zeroed(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (!memory)
		abort();
	return memory;
}

static uint64_t hash_of(const struct key *key)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < KEY_BYTES; i++)
		hash = (hash ^ key->bytes[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

/* Its place, or the free place where it belongs. */
static size_t place_of(const struct memory *memory, const struct key *key)
{
	size_t at = hash_of(key) & (memory->size - 1);

	while (memory->stamps[at] == memory->stamp &&
	       memcmp(&memory->keys[at], key, sizeof(*key)) != 0)
		at = (at + 1) & (memory->size - 1);
	return at;
}

static void make_memory(struct memory *memory, size_t size)
{
	memory->keys = zeroed(size, sizeof(*memory->keys));
	memory->stamps = zeroed(size, sizeof(*memory->stamps));
	memory->size = size;
	memory->used = 0;
}

static void grow(struct memory *memory)
{
	struct memory old = *memory;
	size_t i, at;

	make_memory(memory, old.size * 2);
	for (i = 0; i < old.size; i++) {
		if (old.stamps[i] != old.stamp)
			continue;
		at = place_of(memory, &old.keys[i]);
		memory->keys[at] = old.keys[i];
		memory->stamps[at] = memory->stamp;
		memory->used++;
	}
	free(old.keys);
	free(old.stamps);
}

/* True the first time. */
static bool remember(struct memory *memory, const struct key *key)
{
	size_t at = place_of(memory, key);

	if (memory->stamps[at] == memory->stamp)
		return false;
	memory->keys[at] = *key;
	memory->stamps[at] = memory->stamp;
	if (++memory->used * 2 > memory->size)
		grow(memory);
	return true;
}

/* One for all histories: only its stamp changes. */
static struct memory *fresh_memory(void)
{
	static struct memory memory;

	if (!memory.size)
		make_memory(&memory, 1024);
	if (!++memory.stamp) {
		memset(memory.stamps, 0, memory.size * sizeof(*memory.stamps));
		memory.stamp = 1;
	}
	memory.used = 0;
	return &memory;
}

/* search */

struct step {
	_Alignas(max_align_t) unsigned char state[LINEAR_STATE_MOST];
	unsigned char lane, index; /* of what led to that state */
};

struct search {
	const struct linear_spec *spec;
	const struct linear_history *history;
	struct memory *memory;
	unsigned begun[LINEAR_LANES], ended[LINEAR_LANES];
	struct step path[LINEAR_LANES * LINEAR_OPS];
	struct step best[LINEAR_LANES * LINEAR_OPS]; /* the longest path */
	unsigned best_length;
};

static const struct linear_op *op_at(const struct linear_history *history,
				     unsigned lane, unsigned i)
{
	return &history->lanes[lane].ops[i];
}

unsigned linear_under_way(const struct linear_moment *moment, int kind)
{
	unsigned mine = moment->done[moment->lane], lane, i, n = 0;
	const struct linear_op *op;

	for (lane = 0; lane < LINEAR_LANES; lane++) {
		if (lane == moment->lane)
			continue;
		for (i = moment->done[lane];
		     i < called(&moment->history->lanes[lane]); i++) {
			op = op_at(moment->history, lane, i);
			if (op->seen[moment->lane] > mine)
				break; /* it was called after this one */
			n += op->kind == kind;
		}
	}
	return n;
}

unsigned linear_beside(const struct linear_moment *moment, int kind)
{
	unsigned lane, i, n = linear_under_way(moment, kind);
	const struct linear_op *mine = op_at(moment->history, moment->lane,
					     moment->done[moment->lane]);

	for (lane = 0; lane < LINEAR_LANES; lane++)
		for (i = mine->seen[lane];
		     lane != moment->lane && i < moment->done[lane]; i++)
			n += op_at(moment->history, lane, i)->kind == kind;
	return n;
}

/* Whether all that the lane's next operation saw return has happened. */
static bool may_be_next(const struct search *search,
			const struct linear_moment *moment)
{
	const struct linear_op *op = op_at(search->history, moment->lane,
					   moment->done[moment->lane]);
	unsigned other;

	for (other = 0; other < LINEAR_LANES; other++)
		if (moment->done[other] < op->seen[other])
			return false;
	return true;
}

static void keep_the_longest(struct search *search, unsigned length)
{
	if (length <= search->best_length && search->best_length)
		return;
	memcpy(search->best, search->path, length * sizeof(*search->path));
	search->best_length = length;
}

static bool explains_all(const struct search *search,
			 const struct linear_moment *moment)
{
	unsigned lane;

	for (lane = 0; lane < LINEAR_LANES; lane++)
		if (moment->done[lane] < search->ended[lane])
			return false;
	return true;
}

static bool is_new(struct search *search, const struct linear_moment *moment,
		   const void *state)
{
	struct key key = { { 0 } };
	unsigned lane;

	for (lane = 0; lane < LINEAR_LANES; lane++)
		key.bytes[lane] = (unsigned char)moment->done[lane];
	memcpy(key.bytes + LINEAR_LANES, state, search->spec->state_bytes);
	return remember(search->memory, &key);
}

/* Whether what is left can follow; length operations have happened. */
static bool go_on(struct search *search, struct linear_moment *moment,
		  const void *state, unsigned length)
{
	const struct linear_spec *spec = search->spec;
	struct step *step = &search->path[length];
	unsigned lane, i;

	keep_the_longest(search, length);
	if (explains_all(search, moment))
		return true;
	if (!is_new(search, moment, state))
		return false;
	for (lane = 0; lane < LINEAR_LANES; lane++) {
		i = moment->done[lane];
		moment->lane = lane;
		if (i == search->begun[lane] || !may_be_next(search, moment))
			continue;
		*step = (struct step){ .lane = (unsigned char)lane,
				       .index = (unsigned char)i };
		memcpy(step->state, state, spec->state_bytes);
		if (!spec->apply(step->state, op_at(search->history, lane, i),
				 i >= search->ended[lane], moment,
				 spec->context))
			continue;
		moment->done[lane]++;
		if (go_on(search, moment, step->state, length + 1))
			return true;
		moment->done[lane]--;
	}
	return false;
}

/* telling */

static void print_row(const struct search *search, FILE *out, unsigned lane,
		      unsigned i)
{
	const struct linear_op *op = op_at(search->history, lane, i);
	unsigned other;

	fprintf(out, "%*s%c%-5u", (int)(4 + 6 * lane), "", 'A' + lane, i + 1);
	fprintf(out, "%*s", (int)(6 * (LINEAR_LANES - 1 - lane)), "");
	search->spec->print_op(out, op, i >= search->ended[lane]);
	for (other = 0; other < LINEAR_LANES; other++)
		if (op->seen[other])
			fprintf(out, ", after %c%u", 'A' + other,
				op->seen[other]);
}

static void print_why(const struct search *search, FILE *out)
{
	unsigned done[LINEAR_LANES] = { 0 }, n, lane, i;
	const struct step *step = search->best;

	fprintf(out, "The history has no explanation. The longest begins so:\n");
	for (n = 0; n < search->best_length; n++, step++) {
		print_row(search, out, step->lane, step->index);
		fprintf(out, "  -> ");
		search->spec->print_state(out, step->state);
		fprintf(out, "\n");
		done[step->lane]++;
	}
	fprintf(out, "and none of these can follow:\n");
	for (lane = 0; lane < LINEAR_LANES; lane++)
		for (i = done[lane]; i < search->begun[lane]; i++) {
			print_row(search, out, lane, i);
			fprintf(out, "\n");
		}
	fflush(out);
}

bool linear_check(const struct linear_spec *spec,
		  const struct linear_history *history, FILE *out)
{
	_Alignas(max_align_t) unsigned char state[LINEAR_STATE_MOST] = { 0 };
	struct linear_moment moment = { .history = history };
	static struct search search;
	unsigned lane;

	assert(spec->state_bytes <= LINEAR_STATE_MOST);
	search = (struct search){ .spec = spec,
				  .history = history,
				  .memory = fresh_memory() };
	for (lane = 0; lane < LINEAR_LANES; lane++) {
		search.begun[lane] = called(&history->lanes[lane]);
		search.ended[lane] = returned(&history->lanes[lane]);
	}
	spec->init(state, spec->context);
	if (go_on(&search, &moment, state, 0))
		return true;
	print_why(&search, out);
	return false;
}
