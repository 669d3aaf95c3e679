/* SPDX-License-Identifier: MIT */
/* The hopscotch table: shape, find and change; hopscotch.h has the idea. */
#include "hopscotch.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "record.h"

#include <sys/random.h>

#define likely(condition) __builtin_expect(!!(condition), 1)
#define INLINE static inline __attribute__((always_inline))

/* shape */

static uint64_t round_to_word(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

static uint64_t round_to_line(uint64_t n)
{
	return (n + ZIPC_LINE - 1) & ~(uint64_t)(ZIPC_LINE - 1);
}

#define SMALL_CELL 128u

/* What a plan comes to. */
struct shape {
	uint64_t records, cells, cell_bytes;
	uint64_t homes_offset, cells_offset, body_bytes;
};

/* Each record costs a cell, so large entries have fewer by default. */
static uint64_t records_for(const struct zipc_hop_plan *plan)
{
	uint64_t bytes = plan->key_bytes + plan->value_bytes;

	if (plan->plan.option)
		return plan->plan.option;
	if (bytes <= 16384)
		return 64;
	return bytes <= 262144 ? 16 : 8;
}

/*
 * Entries come within reach of their homes up to nine tenths of the cells, so
 * with a quarter more cells than capacity there is room to spare. Small cells
 * are half as many again: then an entry stands 3 to 4 cells from its home on
 * average when keys have come and gone for long, and not 10. Up to 64 cells
 * each is within reach of all homes.
 */
static bool shape_of(struct shape *shape, const struct zipc_hop_plan *plan)
{
	uint64_t capacity = plan->plan.capacity;

	if (capacity > ZIPC_MOST_BYTES)
		return false;
	shape->cell_bytes = sizeof(struct zipc_hop_cell) +
			    round_to_word(plan->key_bytes) +
			    round_to_word(plan->value_bytes);
	shape->records = records_for(plan);
	shape->cells = shape->records + capacity +
		       capacity / (shape->cell_bytes <= SMALL_CELL ? 2 : 4);
	shape->homes_offset = sizeof(struct zipc_hop) +
			      shape->records * sizeof(struct zipc_hop_record);
	shape->cells_offset = round_to_line(
		shape->homes_offset + shape->cells * sizeof(struct zipc_cell));
	return !__builtin_mul_overflow(shape->cells, shape->cell_bytes,
				       &shape->body_bytes) &&
	       !__builtin_add_overflow(shape->body_bytes, shape->cells_offset,
				       &shape->body_bytes);
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	struct shape shape;

	(void)elem_size;
	return shape_of(&shape, (const struct zipc_hop_plan *)plan)
		       ? shape.body_bytes
		       : UINT64_MAX;
}

static void seed(uint64_t *words)
{
	/* The time and place are worse, and still no two tables' alike. */
	if (getrandom(words, 16, GRND_NONBLOCK) != 16) {
		words[0] = (uint64_t)zipc_now_ns() << 20;
		words[1] = (uint64_t)(uintptr_t)words * words[0];
	}
	words[1] |= 1;
}

static void build(const struct zipc_plan *base, unsigned char *body,
		  uint64_t elem_size)
{
	const struct zipc_hop_plan *plan = (const void *)base;
	struct zipc_hop *hop = (void *)body;
	struct shape shape;

	(void)elem_size;
	shape_of(&shape, plan);
	hop->cells = shape.cells;
	hop->key_bytes = (uint32_t)plan->key_bytes;
	hop->value_bytes = (uint32_t)plan->value_bytes;
	hop->cell_bytes = (uint32_t)shape.cell_bytes;
	hop->records = (uint32_t)shape.records;
	seed(hop->seed);
	hop->records_offset = sizeof(*hop);
	hop->homes_offset = shape.homes_offset;
	hop->cells_offset = shape.cells_offset;
}

struct zipc_hop_plan zipc_hopscotch_plan(unsigned kind, const char *type,
					 uint64_t key_bytes,
					 uint64_t value_bytes,
					 uint64_t capacity, unsigned records)
{
	return (struct zipc_hop_plan){
		.plan = { .kind = kind,
			  .type = type,
			  .capacity = capacity,
			  .body_bytes = body_bytes,
			  .build = build,
			  /* As a record both may be padded. */
			  .elem_size_max = ZIPC_HOP_KEY_MAX +
					   ZIPC_HOP_VALUE_MAX + 16,
			  .option = records },
		.key_bytes = key_bytes,
		.value_bytes = value_bytes,
	};
}

/* Whether [offset, offset + count * each) lies in the body, behind from. */
static bool inside(uint64_t body, uint64_t from, uint64_t offset,
		   uint64_t count, uint64_t each)
{
	uint64_t bytes;

	return offset % ZIPC_LINE == 0 && offset >= from && offset <= body &&
	       !__builtin_mul_overflow(count, each, &bytes) &&
	       bytes <= body - offset;
}

/* What is wrong with a copy of the constants; NULL: nothing. */
static const char *misfit(const struct zipc_hop *copy,
			  const struct zipc_found *found, uint64_t key_bytes,
			  uint64_t value_bytes)
{
	uint64_t body = found->body_bytes;

	if (copy->key_bytes != key_bytes || copy->value_bytes != value_bytes ||
	    copy->cell_bytes != sizeof(struct zipc_hop_cell) +
					round_to_word(key_bytes) +
					round_to_word(value_bytes))
		return "its cells do not fit its type";
	if (!copy->records || copy->records > ZIPC_HOP_RECORDS_MOST ||
	    !inside(body, sizeof(*copy), copy->records_offset, copy->records,
		    sizeof(struct zipc_hop_record)))
		return "its records lie beyond its body";
	if (!copy->cells || copy->cells < found->capacity ||
	    !inside(body, copy->records_offset +
			  copy->records * sizeof(struct zipc_hop_record),
		    copy->homes_offset, copy->cells, sizeof(struct zipc_cell)))
		return "its homes lie beyond its body";
	if (!inside(body, copy->homes_offset +
			  copy->cells * sizeof(struct zipc_cell),
		    copy->cells_offset, copy->cells, copy->cell_bytes))
		return "its cells lie beyond its body";
	return NULL;
}

int zipc_hopscotch_open(struct zipc_hopscotch *table,
			struct zipc_segment *segment,
			const struct zipc_found *found, uint64_t key_bytes,
			uint64_t value_bytes, const char *name)
{
	struct zipc_hop *hop = (void *)found->body, copy;
	const char *wrong = "its body is too short";

	if (found->body_bytes >= sizeof(copy)) {
		/* Only the copy is checked and used. */
		memcpy(&copy, hop, offsetof(struct zipc_hop, records_used));
		wrong = misfit(&copy, found, key_bytes, value_bytes);
	}
	if (wrong)
		return zipc_fail(EBADMSG, "`%s` is damaged: %s", name, wrong);
	*table = (struct zipc_hopscotch){
		.homes = (void *)(found->body + copy.homes_offset),
		.cells = found->body + copy.cells_offset,
		.cell_count = copy.cells,
		.cell_bytes = copy.cell_bytes,
		.key_bytes = key_bytes,
		.value_bytes = value_bytes,
		.value_at = 8 + round_to_word(key_bytes),
		.seed = { copy.seed[0], copy.seed[1] },
		.bits = copy.cells < 64 ? (UINT64_C(1) << copy.cells) - 1
					: UINT64_MAX,
		.hop = hop,
		.records = (void *)(found->body + copy.records_offset),
		.record_count = copy.records,
		.reach = copy.cells < 64 ? (uint32_t)copy.cells : 64,
		.capacity = found->capacity,
		.segment = segment,
	};
	return 0;
}

/* records */

/* Who counts looks at no more records than have ever been taken. */
static void raise_records_used(struct zipc_hopscotch *table)
{
	uint32_t used = (uint32_t)table->my_index + 1, seen;

	seen = atomic_load_explicit(&table->hop->records_used,
				    memory_order_relaxed);
	while (seen < used &&
	       !atomic_compare_exchange_weak_explicit(
		       &table->hop->records_used, &seen, used,
		       memory_order_acq_rel, memory_order_relaxed))
		;
}

int zipc_hopscotch_become_writer(struct zipc_hopscotch *table, const char *name)
{
	int64_t i = zipc_record_take(table->segment, table->records,
				     table->record_count);

	if (i < 0)
		return zipc_fail(EUSERS, "all %u writers' places of `%s` are "
				 "held by live processes: close handles that "
				 "no longer write, or create it with more "
				 "(max_writers)", table->record_count, name);
	table->mine = &table->records[i];
	table->my_index = (uint64_t)i;
	table->allowance = 0;
	zipc_hopscotch_inherit(table);
	raise_records_used(table);
	table->generation = zipc_fork_generation;
	return 0;
}

void zipc_hopscotch_close(struct zipc_hopscotch *table)
{
	/* After fork the record is the parent's. */
	if (table->generation != zipc_fork_generation)
		return;
	zipc_record_give(table->mine);
	table->generation = 0;
}

/* find */

/* Both halves of the product: each bit of a and b reaches the high ones. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Where the key is at home; its last word is padded with zeros. */
INLINE uint64_t home_of(const struct zipc_hopscotch *table, const void *key,
			uint64_t key_bytes)
{
	const unsigned char *bytes = key;
	uint64_t hash = table->seed[0], word;

	for (; key_bytes >= 8; key_bytes -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		hash = fold(hash ^ word, table->seed[1]);
	}
	if (key_bytes)
		hash = fold(hash ^ zipc_short_word(bytes, key_bytes),
			    table->seed[1]);
	hash = fold(hash ^ table->seed[0], UINT64_C(0x9E3779B97F4A7C15));
	return (uint64_t)((unsigned __int128)hash * table->cell_count >> 64);
}

uint64_t zipc_hopscotch_home_of(const struct zipc_hopscotch *table,
				const void *key)
{
	return home_of(table, key, table->key_bytes);
}

/* Relaxed: if the cell is not what it was, the home's turn is not either. */
INLINE bool holds(const struct zipc_hop_cell *cell, const void *key,
		  uint64_t key_bytes)
{
	const _Atomic uint64_t *at = cell->content;
	const unsigned char *bytes = key;
	uint64_t word;

	for (; key_bytes >= 8; key_bytes -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		if (atomic_load_explicit(at++, memory_order_relaxed) != word)
			return false;
	}
	return !key_bytes ||
	       atomic_load_explicit(at, memory_order_relaxed) ==
		       zipc_short_word(bytes, key_bytes);
}

static inline const _Atomic uint64_t *
value_in(const struct zipc_hopscotch *table, const struct zipc_hop_cell *cell)
{
	return (const void *)((const unsigned char *)cell + table->value_at);
}

/* What a search found, and the state of the home of which it is true. */
struct seen {
	struct zipc_pair home;
	int distance; /* of the entry; -1: there is none */
};

/*
 * Look for the key in the cells that bits name, and copy the value if value is
 * not NULL. The sizes are constants, or the table's.
 */
INLINE int search(const struct zipc_hopscotch *table, uint64_t home,
		  uint64_t bits, const void *key, uint64_t key_bytes,
		  void *value, uint64_t value_bytes)
{
	const struct zipc_hop_cell *cell;
	unsigned distance;

	for (; bits; bits &= bits - 1) {
		distance = (unsigned)__builtin_ctzll(bits);
		cell = zipc_hop_cell(table,
				     zipc_hop_ahead(table, home, distance));
		if (!holds(cell, key, key_bytes))
			continue;
		if (value)
			zipc_copy_out(value, value_in(table, cell),
				      value_bytes);
		return (int)distance;
	}
	return -1;
}

/* Lock-free: it begins again only because somebody has changed the home. */
INLINE struct seen find(const struct zipc_hopscotch *table, uint64_t home,
			const void *key, uint64_t key_bytes, void *value,
			uint64_t value_bytes)
{
	const struct zipc_cell *at = &table->homes[home];
	struct seen seen;
	uint64_t turn;

	do {
		/* member: acquire; pairs with change and move. */
		seen.home.turn = atomic_load_explicit(&at->turn,
						      memory_order_acquire);
		seen.home.value = atomic_load_explicit(&at->value,
						       memory_order_acquire);
		seen.distance = search(table, home,
				       seen.home.value & table->bits, key,
				       key_bytes, value, value_bytes);
		/* reused: acquire; pairs with claim, fence with fence. */
		atomic_thread_fence(memory_order_acquire);
		turn = atomic_load_explicit(&at->turn, memory_order_relaxed);
	} while (!likely(turn == seen.home.turn));
	return seen;
}

/* Both lines that a search will look at are fetched at once. */
INLINE void fetch(const struct zipc_hopscotch *table, uint64_t home)
{
	__builtin_prefetch(zipc_hop_cell(table, home));
}

bool zipc_hopscotch_get(const struct zipc_hopscotch *table, const void *key,
			void *value)
{
	uint64_t home;

	if (likely(table->key_bytes == 8)) {
		home = home_of(table, key, 8);
		fetch(table, home);
		if (likely(table->value_bytes == 8))
			return find(table, home, key, 8, value, 8).distance >=
			       0;
		return find(table, home, key, 8, value, table->value_bytes)
			       .distance >= 0;
	}
	home = home_of(table, key, table->key_bytes);
	fetch(table, home);
	return find(table, home, key, table->key_bytes, value,
		    table->value_bytes).distance >= 0;
}

/* change */

/* Counts grow by their holder's stores only, so no instruction is locked. */
static inline void count(_Atomic uint64_t *word)
{
	uint64_t n = atomic_load_explicit(word, memory_order_relaxed) + 1;

	/* tallied: release; pairs with has_room(). */
	atomic_store_explicit(word, n, memory_order_release);
}

/* Whether one more key may come; looks at the records only now and then. */
INLINE bool may_grow(struct zipc_hopscotch *table)
{
	/* Relaxed: a hint. */
	if (likely(table->allowance) &&
	    likely(!atomic_load_explicit(&table->hop->nearly_full,
					 memory_order_relaxed))) {
		table->allowance--;
		return true;
	}
	return zipc_hopscotch_has_room(table);
}

static int refuse(int error)
{
	switch (error) {
	case EEXIST:
		return zipc_fail_as(EEXIST, "the key is there already");
	case ENOENT:
		return zipc_fail_as(ENOENT, "no such key");
	default:
		return zipc_fail_as(ENOSPC, "it is full: remove keys, or create one "
				    "with a larger capacity");
	}
}

/* Whether the change may be, as the key was seen to be there or not. */
INLINE int judge(const struct zipc_hop_change *change, const struct seen *seen)
{
	if (seen->distance < 0)
		return change->may_insert ? 0 : refuse(ENOENT);
	if (!change->may_replace)
		return refuse(EEXIST);
	return change->make ? change->make(change->context, change->room) : 0;
}

/* Whether the home is still as it was seen. */
static bool stands(const struct zipc_hopscotch *table, uint64_t home,
		   const struct seen *seen)
{
	/* member: acquire; pairs with change and move. */
	return atomic_load_explicit(&table->homes[home].turn,
				    memory_order_acquire) == seen->home.turn;
}

/* The home as it is to be: with the claimed cell, without the old one. */
INLINE struct zipc_pair after(const struct zipc_hop_claim *claim,
			      const struct seen *seen)
{
	struct zipc_pair next = { seen->home.turn + 1, seen->home.value };

	if (seen->distance >= 0)
		next.value &= ~(UINT64_C(1) << seen->distance);
	next.value |= UINT64_C(1) << zipc_hop_distance(claim->word);
	return next;
}

INLINE int change_at(struct zipc_hopscotch *table, uint64_t home,
		     const void *key, uint64_t key_bytes,
		     const struct zipc_hop_change *change, uint64_t value_bytes)
{
	const void *value = change->make ? change->room : change->value;
	struct zipc_hop_claim claim = { 0, 0 };
	struct zipc_hop_cell *cell = NULL;
	struct seen seen;
	int rc;

	for (;;) {
		seen = find(table, home, key, key_bytes,
			    change->make ? change->room : NULL, value_bytes);
		rc = judge(change, &seen);
		if (!likely(!rc))
			break;
		if (!claim.word) {
			if ((seen.distance < 0 && !may_grow(table)) ||
			    !zipc_hopscotch_claim(table, home, &claim)) {
				/* Full, and without the key, at one moment? */
				if (!stands(table, home, &seen))
					continue;
				return refuse(ENOSPC);
			}
			cell = zipc_hop_cell(table, claim.cell);
			zipc_copy_in(cell->content, key, key_bytes);
		}
		zipc_copy_in((void *)value_in(table, cell), value, value_bytes);
		/* member: acquire and release; pairs with find. */
		if (likely(zipc_cell_swap(&table->homes[home], &seen.home,
					  after(&claim, &seen)))) {
			zipc_hop_mark(table, &claim, ZIPC_HOP_USED);
			if (seen.distance < 0)
				count(&table->mine->inserted);
			return 0;
		}
	}
	if (claim.word)
		zipc_hop_mark(table, &claim, ZIPC_HOP_FREE);
	return rc;
}

int zipc_hopscotch_change(struct zipc_hopscotch *table, const void *key,
			  const struct zipc_hop_change *change)
{
	uint64_t home;

	if (likely(table->key_bytes == 8 && table->value_bytes == 8)) {
		home = home_of(table, key, 8);
		fetch(table, home);
		return change_at(table, home, key, 8, change, 8);
	}
	home = home_of(table, key, table->key_bytes);
	fetch(table, home);
	return change_at(table, home, key, table->key_bytes, change,
			 table->value_bytes);
}

bool zipc_hopscotch_remove(struct zipc_hopscotch *table, const void *key,
			   void *old)
{
	uint64_t home = home_of(table, key, table->key_bytes);
	bool counted = false;
	struct zipc_pair next;
	struct seen seen;

	fetch(table, home);
	for (;;) {
		seen = find(table, home, key, table->key_bytes, old,
			    table->value_bytes);
		if (seen.distance < 0)
			break;
		if (!counted)
			count(&table->mine->removed);
		counted = true;
		next.turn = seen.home.turn + 1;
		next.value = seen.home.value &
			     ~(UINT64_C(1) << seen.distance);
		/* gone: release; pairs with claim. */
		if (zipc_cell_swap(&table->homes[home], &seen.home, next))
			return true;
	}
	/* Another was faster: what was counted has not been. */
	if (counted)
		count(&table->mine->inserted);
	return false;
}

/* ask */

uint64_t zipc_hopscotch_size(const struct zipc_hopscotch *table)
{
	uint64_t home, size = 0;

	for (home = 0; home < table->cell_count; home++)
		size += (unsigned)__builtin_popcountll(
			zipc_hop_bits(table, home) & table->bits);
	return size;
}

unsigned zipc_hopscotch_home(const struct zipc_hopscotch *table, uint64_t home,
			     unsigned char *entries)
{
	const struct zipc_cell *at = &table->homes[home];
	uint64_t content = table->cell_bytes - sizeof(struct zipc_hop_cell);
	struct zipc_pair pair;
	uint64_t bits, turn;
	unsigned n;

	do {
		/* member: acquire; pairs with change and move. */
		pair = zipc_cell_read(at);
		n = 0;
		for (bits = pair.value & table->bits; bits; bits &= bits - 1) {
			turn = zipc_hop_ahead(table, home,
					      (unsigned)__builtin_ctzll(bits));
			zipc_copy_out(entries + n++ * content,
				      zipc_hop_cell(table, turn)->content,
				      content);
		}
		/* reused: acquire; pairs with claim, fence with fence. */
		atomic_thread_fence(memory_order_acquire);
		turn = atomic_load_explicit(&at->turn, memory_order_relaxed);
	} while (turn != pair.turn);
	return n;
}
