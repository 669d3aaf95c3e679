/* SPDX-License-Identifier: MIT */
/*
 * The hopscotch table: keys with values of any size, where one word of 16 bytes
 * per home commits everything. It is the body of a Map and of a Set.
 *
 * A key's hash names its home. An entry stands in one of the 64 cells from
 * there on, and the home's bits say in which of them its entries are. A home is
 * a turn cell (cell.h): {turn, bits}. Every change of an entry is one
 * compare-and-swap of its home, {turn, bits} -> {turn + 1, bits'}: an insert
 * sets a bit, a remove clears one, and what replaces or moves an entry swaps
 * one bit for another, as the new content is written in another cell first.
 *
 * So nothing about a key happens beside its home. Who saw that a key is not
 * there, and sets a bit for it from that very turn, is the only one; who copied
 * an entry and finds the turn unchanged copied it whole, however large it is. A
 * removed entry leaves nothing behind: to miss costs as many comparisons as
 * the home has bits.
 *
 * State
 *   homes    {turn, bits}: bit d says that the cell at distance d from here
 *            (around the end) holds an entry of this home
 *   cells    {word, key, value}; the word is {turn, record, distance, state}
 *              FREE                    nothing is there
 *              CLAIMED by a record     its holder writes an entry, for the
 *                                      home at that distance before the cell
 *              USED                    an entry of the home at that distance,
 *                                      if that home's bit says so; else free
 *            its turn grows with each claim, so that a word never comes back
 *   records  of who writes: holder; the intent, which names the cell that the
 *            holder claims; how many keys it has inserted and removed
 *
 * Find
 *   1 turn, then bits, of the home
 *   2 for each bit: compare the cell's key; on a match copy the value
 *   3 acquire fence; the turn again. Unchanged: the answer is true of 1
 *
 * Change (insert, replace, compare-and-swap, add)
 *   1 find; may it be, as the entry is or is not there?
 *   2 unless a cell is claimed already: intent = a free cell within reach,
 *     CAS its word to CLAIMED, release fence, write the key
 *   3 write the value
 *   4 CAS the home, from what 1 saw, to the claimed cell's bit set, and that
 *     of the entry which it replaces cleared. On failure go to 1: the claim is
 *     kept, as it is for the same home
 *   5 word = USED (or FREE, if 1 said no), a plain store
 *
 * Remove: find; CAS the home to the bit cleared.
 *
 * Move an entry of home g from cell x to y: claim y, copy x, CAS g to the bit
 * of y for that of x. The copy may be of what was never whole: then the turn
 * has changed, and the CAS fails. When no cell within reach is free, the
 * nearest free one behind is brought nearer by such moves.
 *
 * Free is a cell whose word is FREE, or USED with the home's bit clear. It is
 * taken by a CAS from exactly the word that was read. A bit is set only by who
 * has claimed its cell, so between the look at the bit and that CAS it can not
 * have been set, unless the word has changed. The bits are looked at after the
 * word: who stores USED has set the bit before.
 *
 * Why a reader can not be deceived: new bytes come into a cell only after its
 * bit was seen clear. Who sees one of them (fence to fence) sees the home's
 * later turn as well.
 *
 * Claims of the dead. Who takes a dead writer's record looks at the cell that
 * its intent names: if that is claimed by this record, it is USED when the
 * home's bit is set, else FREE. Whoever finds no room does the same with each
 * claim in its reach whose holder is dead: read the word, then prove the
 * record's holder dead, then look at the bit, then CAS from the word read. A
 * stopped writer keeps one cell, and there is one cell more than entries need
 * for each record.
 *
 * The capacity. There are more cells than capacity, so that entries find one
 * within reach (docs/design.md). How many entries there are is the sum of the
 * bits; whether there are too many has to be known at each insert, so records
 * count. An insert counts behind its commit, a remove before: the counts never
 * say more than there are, killed or not, and never refuse what there is room
 * for. Each count only grows, so that two equal readings of all of them are a
 * state that there was. Who has room for many looks only now and then
 * (allowance), unless somebody found the table nearly full.
 *
 *   edge     written by              read by      carries
 *   member   change, move            find, move   what the cell holds
 *   gone     change, remove, move    claim        the home's turn, in which the
 *                                                 cell was left
 *   reused   claim                   find         the same, with new bytes
 *   used     change, move, resolve   claim        the home's change
 *   named    claim                   inherit      which cell to look at
 *   tallied  change, remove          has_room     the changes counted
 *
 * What a crash leaves: before the CAS of the home nothing but a claim, and
 * behind it the whole. A remove that was killed before its CAS may have been
 * counted: then the table takes one entry more than its capacity.
 */
#ifndef ZIPC_HOPSCOTCH_H
#define ZIPC_HOPSCOTCH_H

#include "cell.h"
#include "segment.h"
#include "table.h"

#define ZIPC_HOP_KEY_MAX (UINT64_C(1) << 16)
#define ZIPC_HOP_VALUE_MAX (UINT64_C(1) << 20)
#define ZIPC_HOP_RECORDS_MOST 4096u
#define ZIPC_HOP_REACH 64u

/* A process's handle on a table; all constants are checked copies. */
struct zipc_hopscotch {
	struct zipc_cell *homes;
	unsigned char *cells;
	uint64_t cell_count, cell_bytes;
	uint64_t key_bytes, value_bytes;
	uint64_t value_at; /* bytes from the cell's start */
	uint64_t seed[2];
	uint64_t bits;     /* those that a home may have */
	struct zipc_hop_record *mine; /* the own record */
	uint64_t my_index;
	unsigned generation; /* of forks, when it was taken; 0: none */
	uint64_t allowance;  /* keys to insert before the next count */
	/* what is seldom used */
	struct zipc_hop *hop;
	struct zipc_hop_record *records;
	uint32_t record_count;
	uint32_t reach; /* cells from a home on; fewer if there are fewer */
	uint64_t capacity;
	struct zipc_segment *segment;
};

/* What a kind wants to add: plan first, so that callbacks find the rest. */
struct zipc_hop_plan {
	struct zipc_plan plan;
	uint64_t key_bytes, value_bytes;
};

/* plan.option is how many records, or 0: as it fits. */
struct zipc_hop_plan zipc_hopscotch_plan(unsigned kind, const char *type,
					 uint64_t key_bytes,
					 uint64_t value_bytes,
					 uint64_t capacity, unsigned records);

/* Check the table that was found and make the handle; -EBADMSG. */
int zipc_hopscotch_open(struct zipc_hopscotch *table,
			struct zipc_segment *segment,
			const struct zipc_found *found, uint64_t key_bytes,
			uint64_t value_bytes, const char *name);
void zipc_hopscotch_close(struct zipc_hopscotch *table);

/* Own a record, as every change must; -EUSERS. */
int zipc_hopscotch_become_writer(struct zipc_hopscotch *table,
				 const char *name);

/* Copy the key's value; false: it is not there. value may be NULL. */
bool zipc_hopscotch_get(const struct zipc_hopscotch *table, const void *key,
			void *value);

/* Where a key is at home. */
uint64_t zipc_hopscotch_home_of(const struct zipc_hopscotch *table,
				const void *key);

/*
 * What to do about a key: make() is given what stands there and makes what is
 * to stand there instead, in the same bytes, or says no by its result. Without
 * it, value is what is to stand there.
 */
struct zipc_hop_change {
	bool may_insert, may_replace;
	const void *value;
	int (*make)(void *context, void *value);
	void *context;
	void *room; /* for a value, if there is a make() */
};

/* 0; -EEXIST, -ENOENT; -ENOSPC; or what make() said. */
int zipc_hopscotch_change(struct zipc_hopscotch *table, const void *key,
			  const struct zipc_hop_change *change);

/* Remove the key; its value goes to old, unless that is NULL. false: none. */
bool zipc_hopscotch_remove(struct zipc_hopscotch *table, const void *key,
			   void *old);

/* All entries, each counted at some moment of the call. */
uint64_t zipc_hopscotch_size(const struct zipc_hopscotch *table);

/*
 * The entries of one home, as they were at one moment: key and value, padded as
 * in a cell, of up to reach entries side by side. Returns how many.
 */
unsigned zipc_hopscotch_home(const struct zipc_hopscotch *table, uint64_t home,
			     unsigned char *entries);

/* hopscotch_room.c */

/* A cell that the caller has claimed. */
struct zipc_hop_claim {
	uint64_t cell;
	uint64_t word; /* as it stands there; 0: there is no claim */
};

/* Claim a cell for home, within its reach; false: there is no room. */
bool zipc_hopscotch_claim(struct zipc_hopscotch *table, uint64_t home,
			  struct zipc_hop_claim *claim);

/* Whether there are fewer entries than capacity; looked at now. */
bool zipc_hopscotch_has_room(struct zipc_hopscotch *table);

/* What the record's last holder left, a dead one perhaps. */
void zipc_hopscotch_inherit(struct zipc_hopscotch *table);

/* words */

enum zipc_hop_state { ZIPC_HOP_FREE, ZIPC_HOP_CLAIMED, ZIPC_HOP_USED };

static inline uint64_t zipc_hop_word(uint64_t turn, uint64_t record,
				     unsigned distance,
				     enum zipc_hop_state state)
{
	return turn << 20 | record << 8 | (uint64_t)distance << 2 | state;
}

static inline uint64_t zipc_hop_turn(uint64_t word)
{
	return word >> 20;
}

static inline uint64_t zipc_hop_record_of(uint64_t word)
{
	return word >> 8 & 0xFFF;
}

static inline unsigned zipc_hop_distance(uint64_t word)
{
	return word >> 2 & 63;
}

static inline unsigned zipc_hop_state_of(uint64_t word)
{
	return word & 3;
}

static inline struct zipc_hop_cell *
zipc_hop_cell(const struct zipc_hopscotch *table, uint64_t i)
{
	return (struct zipc_hop_cell *)(void *)
		(table->cells + i * table->cell_bytes);
}

/* The cell at a distance from a home or cell, of at most cell_count. */
static inline uint64_t zipc_hop_ahead(const struct zipc_hopscotch *table,
				      uint64_t i, uint64_t distance)
{
	i += distance;
	return i < table->cell_count ? i : i - table->cell_count;
}

/* The other way: the distance from a home on to a cell, around the end. */
static inline uint64_t zipc_hop_between(const struct zipc_hopscotch *table,
					uint64_t from, uint64_t to)
{
	return to >= from ? to - from : to + table->cell_count - from;
}

/* The home that lies a distance before a cell; any distance of a word. */
static inline uint64_t zipc_hop_home_of(const struct zipc_hopscotch *table,
					uint64_t cell, unsigned distance)
{
	if (cell >= distance)
		return cell - distance;
	/* A damaged word may tell a distance of more than all cells. */
	return (cell + 64 * table->cell_count - distance) % table->cell_count;
}

/* member: acquire; pairs with change and move. The bits of a home. */
static inline uint64_t zipc_hop_bits(const struct zipc_hopscotch *table,
				     uint64_t home)
{
	return atomic_load_explicit(&table->homes[home].value,
				    memory_order_acquire);
}

/* The claim is over: the cell is in use, or free. */
static inline void zipc_hop_mark(const struct zipc_hopscotch *table,
				 const struct zipc_hop_claim *claim,
				 enum zipc_hop_state state)
{
	/*
	 * used: release; pairs with claim. The home was changed before, and
	 * only who has claimed a cell changes its word.
	 */
	atomic_store_explicit(&zipc_hop_cell(table, claim->cell)->word,
			      (claim->word & ~UINT64_C(3)) | state,
			      memory_order_release);
}

#endif
