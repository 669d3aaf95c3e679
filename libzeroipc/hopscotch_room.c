/* SPDX-License-Identifier: MIT */
/*
 * Room in a hopscotch table: which cells are free, how a cell is claimed, how
 * a free one is brought within reach, and what becomes of the claims of the
 * dead; hopscotch.h has the idea.
 */
#include "hopscotch.h"

#include "atoms.h"

/* How far from a home a free cell is looked for. */
#define FARTHEST 8192u
/* How often it is begun again when others take what was found. */
#define TRIES 1000u

/* used: acquire; pairs with change, move and resolve. */
static uint64_t word_of(const struct zipc_hopscotch *table, uint64_t cell)
{
	return atomic_load_explicit(&zipc_hop_cell(table, cell)->word,
				    memory_order_acquire);
}

/* Whether the home that a cell's word tells has its bit set for it. */
static bool is_entry(const struct zipc_hopscotch *table, uint64_t cell,
		     uint64_t word)
{
	unsigned distance = zipc_hop_distance(word);
	uint64_t home = zipc_hop_home_of(table, cell, distance);

	/* gone: acquire; pairs with change, remove and move. */
	return zipc_hop_bits(table, home) >> distance & 1;
}

static bool is_free(const struct zipc_hopscotch *table, uint64_t cell,
		    uint64_t word)
{
	switch (zipc_hop_state_of(word)) {
	case ZIPC_HOP_FREE:
		return true;
	case ZIPC_HOP_USED:
		return !is_entry(table, cell, word);
	default:
		return false;
	}
}

/* Claim a cell that was free when its word was this. */
static bool take(struct zipc_hopscotch *table, uint64_t cell, uint64_t word,
		 uint64_t distance, struct zipc_hop_claim *claim)
{
	uint64_t mine = zipc_hop_word(zipc_hop_turn(word) + 1, table->my_index,
				      (unsigned)distance, ZIPC_HOP_CLAIMED);

	/* named: release; pairs with inherit. No other cell is claimed now. */
	atomic_store_explicit(&table->mine->intent, cell + 1,
			      memory_order_release);
	if (!atomic_compare_exchange_strong_explicit(
		    &zipc_hop_cell(table, cell)->word, &word, mine,
		    memory_order_acq_rel, memory_order_relaxed))
		return false;
	/*
	 * reused: release; pairs with find. Who sees what is now written here
	 * sees also that the home has left this cell.
	 */
	atomic_thread_fence(memory_order_release);
	*claim = (struct zipc_hop_claim){ cell, mine };
	return true;
}

/* moving */

/* Relaxed: if it was not whole, the home has another turn. */
static void copy_content(const struct zipc_hopscotch *table, uint64_t from,
			 uint64_t to)
{
	const _Atomic uint64_t *source = zipc_hop_cell(table, from)->content;
	_Atomic uint64_t *target = zipc_hop_cell(table, to)->content;
	uint64_t words = table->cell_bytes / 8 - 1, word;

	while (words--) {
		word = atomic_load_explicit(source++, memory_order_relaxed);
		atomic_store_explicit(target++, word, memory_order_relaxed);
	}
}

/*
 * Move the entry that stands in from, if it may stand in to, which is free.
 * True: from is free now, or was already, or somebody has been here: look
 * again. False: it stays.
 */
static bool move(struct zipc_hopscotch *table, uint64_t from, uint64_t to)
{
	uint64_t word = word_of(table, from), word_to = word_of(table, to);
	unsigned distance = zipc_hop_distance(word);
	uint64_t home = zipc_hop_home_of(table, from, distance);
	uint64_t farther = zipc_hop_between(table, home, to);
	struct zipc_hop_claim claim;
	struct zipc_pair pair, next;

	if (zipc_hop_state_of(word) != ZIPC_HOP_USED ||
	    farther >= table->reach)
		return false;
	pair = zipc_cell_read(&table->homes[home]);
	if (!(pair.value >> distance & 1))
		return true;
	if (!is_free(table, to, word_to) ||
	    !take(table, to, word_to, farther, &claim))
		return true;
	copy_content(table, from, to);
	next.turn = pair.turn + 1;
	next.value = (pair.value & ~(UINT64_C(1) << distance)) |
		     UINT64_C(1) << farther;
	/* member: acquire and release. gone: release; for find and claim. */
	if (zipc_cell_swap(&table->homes[home], &pair, next))
		zipc_hop_mark(table, &claim, ZIPC_HOP_USED);
	else
		zipc_hop_mark(table, &claim, ZIPC_HOP_FREE);
	return true;
}

/* The nearest free cell from home on; its distance, or farthest: none. */
static uint64_t nearest_free(const struct zipc_hopscotch *table, uint64_t home,
			     uint64_t farthest, uint64_t *word)
{
	uint64_t distance, cell = home;

	for (distance = 0; distance < farthest; distance++) {
		*word = word_of(table, cell);
		if (is_free(table, cell, *word))
			break;
		cell = zipc_hop_ahead(table, cell, 1);
	}
	return distance;
}

/*
 * Move an entry into the free cell at distance from home, which is out of
 * reach: that of a cell as near to home as may be. False: none may move.
 */
static bool bring_nearer(struct zipc_hopscotch *table, uint64_t home,
			 uint64_t distance)
{
	uint64_t to = zipc_hop_ahead(table, home, distance), back;

	for (back = table->reach - 1; back; back--)
		if (move(table, zipc_hop_ahead(table, home, distance - back),
			 to))
			return true;
	return false;
}

static bool claim_free(struct zipc_hopscotch *table, uint64_t home,
		       struct zipc_hop_claim *claim)
{
	uint64_t distance, word, farthest = table->cell_count;
	unsigned tries;

	if (farthest > FARTHEST)
		farthest = FARTHEST;
	for (tries = 0; tries < TRIES; tries++) {
		distance = nearest_free(table, home, farthest, &word);
		if (distance == farthest)
			return false;
		if (distance >= table->reach) {
			if (!bring_nearer(table, home, distance))
				return false;
			continue;
		}
		if (take(table, zipc_hop_ahead(table, home, distance), word,
			 distance, claim))
			return true;
	}
	return false;
}

/* the claims of the dead */

/* End the claim of a holder that is dead, as it would have ended it. */
static bool resolve(const struct zipc_hopscotch *table, uint64_t cell,
		    uint64_t word)
{
	enum zipc_hop_state state = is_entry(table, cell, word)
					    ? ZIPC_HOP_USED
					    : ZIPC_HOP_FREE;

	/* used: acquire and release; pairs with claim. */
	return atomic_compare_exchange_strong_explicit(
		&zipc_hop_cell(table, cell)->word, &word,
		(word & ~UINT64_C(3)) | state, memory_order_acq_rel,
		memory_order_relaxed);
}

/* Whether the holder of the record that a word names is proven dead. */
static bool is_of_the_dead(const struct zipc_hopscotch *table, uint64_t word)
{
	uint64_t record = zipc_hop_record_of(word), holder;

	if (zipc_hop_state_of(word) != ZIPC_HOP_CLAIMED)
		return false;
	if (record >= table->record_count)
		return true;
	holder = atomic_load_explicit(&table->records[record].holder,
				      memory_order_acquire);
	return !holder || !zipc_segment_lives(table->segment, holder);
}

static bool resolve_in_reach(struct zipc_hopscotch *table, uint64_t home)
{
	uint64_t distance, cell, word;
	bool resolved = false;

	for (distance = 0; distance < table->reach; distance++) {
		cell = zipc_hop_ahead(table, home, distance);
		word = word_of(table, cell);
		if (is_of_the_dead(table, word) && resolve(table, cell, word))
			resolved = true;
	}
	return resolved;
}

void zipc_hopscotch_inherit(struct zipc_hopscotch *table)
{
	/* named: acquire; pairs with claim. */
	uint64_t intent = atomic_load_explicit(&table->mine->intent,
					       memory_order_acquire);
	uint64_t word;

	if (!intent || intent > table->cell_count)
		return;
	word = word_of(table, intent - 1);
	if (zipc_hop_state_of(word) == ZIPC_HOP_CLAIMED &&
	    zipc_hop_record_of(word) == table->my_index)
		resolve(table, intent - 1, word);
}

bool zipc_hopscotch_claim(struct zipc_hopscotch *table, uint64_t home,
			  struct zipc_hop_claim *claim)
{
	if (__builtin_expect(claim_free(table, home, claim), 1))
		return true;
	return resolve_in_reach(table, home) && claim_free(table, home, claim);
}

/* the capacity */

/* How many keys were inserted and removed, as the records say. */
struct counts {
	uint64_t inserted, removed;
};

static struct counts sum(const struct zipc_hopscotch *table)
{
	uint32_t i, used = atomic_load_explicit(&table->hop->records_used,
						memory_order_acquire);
	struct counts counts = { 0, 0 };
	const struct zipc_hop_record *record;

	for (i = 0; i < used && i < table->record_count; i++) {
		record = &table->records[i];
		/* tallied: acquire; pairs with change and remove. */
		counts.inserted += atomic_load_explicit(&record->inserted,
							memory_order_acquire);
		counts.removed += atomic_load_explicit(&record->removed,
						       memory_order_acquire);
	}
	return counts;
}

/* Whether all handles are to look at each insert. */
static void tell_nearly_full(struct zipc_hopscotch *table, uint64_t room)
{
	_Atomic uint32_t *hint = &table->hop->nearly_full;
	uint32_t is, was = atomic_load_explicit(hint, memory_order_relaxed);

	if (room <= table->capacity / 64)
		is = 1;
	else if (room > table->capacity / 32)
		is = 0;
	else
		return;
	/* Relaxed: a hint. Stored only when it changes, as all read it. */
	if (is != was)
		atomic_store_explicit(hint, is, memory_order_relaxed);
}

bool zipc_hopscotch_has_room(struct zipc_hopscotch *table)
{
	struct counts counts = sum(table), again;
	int64_t entries;
	uint64_t room;
	unsigned tries;

	for (tries = 0; tries < TRIES; tries++) {
		again = sum(table);
		if (again.inserted == counts.inserted &&
		    again.removed == counts.removed)
			break;
		counts = again;
	}
	entries = (int64_t)(counts.inserted - counts.removed);
	/* An entry may be removed before its insert is counted. */
	if (entries < 0)
		entries = 0;
	room = (uint64_t)entries < table->capacity
		       ? table->capacity - (uint64_t)entries
		       : 0;
	tell_nearly_full(table, room);
	/* All records together may use up half of it before they look again. */
	table->allowance = room / (2 * (uint64_t)table->record_count);
	return room || tries == TRIES;
}
