/* SPDX-License-Identifier: MIT */
/*
 * Uses: who may still touch a structure's block, so that its space is used
 * again when nobody can, and not before.
 *
 * Each entry of the table has a row with a bit for each participant, outside of
 * all blocks, where it is never anything else. A participant that has handles
 * on the entry's structure keeps its bit up. Who opens
 *
 *   1  raises its bit;
 *   2  runs a full fence;
 *   3  looks at the entry once more: if that is no longer the structure of that
 *      name, it takes the bit back and looks the name up again.
 *
 * Who removes marks the entry, runs a full fence, and looks at the bits. So one
 * of the two sees the other. If the bit was not seen, who opens sees the mark,
 * or what came behind it: at worst another structure of that name, which it has
 * then opened. If it was seen, the block stays until the bit goes. Nothing is
 * ever written into a block before step 3 has said that it is the right one.
 *
 * A bit is written only by who holds its participant's place, and believed only
 * while that participant lives. So what a dead one leaves holds up nobody; and
 * who takes its place takes its bits back before it opens anything. If it is
 * killed in that, the next one does it again.
 *
 * `lives` of a row counts the structures that the entry has had. It grows
 * before the next one can be seen, so an entry whose extent and lives are what
 * they were has not been another's in between.
 *
 * Fork: the child has its parent's handles, but no bits. It raises bits of its
 * own when it first enters, looks at each entry as in step 3, and has lost
 * those that were removed by then: operations on them give -ENOENT.
 *
 * Who only reads has no bits. It copies, and then asks whether the entry stood
 * meanwhile; if not, what it copied may be anybody's.
 *
 *   edge       written by         read by          carries
 *   last-use   zipc_use_end       zipc_use_any     all done in the block
 *   life       zipc_entry_lives   zipc_use_begin   which structure it is
 */
#ifndef ZIPC_USE_H
#define ZIPC_USE_H

#include "entry.h"
#include "segment.h"

/* What a handle has of its structure's entry. */
struct zipc_use {
	struct zipc_segment *segment;
	uint64_t extent, lives;
	uint32_t entry;
};

/*
 * Begin to use what entry has, if it is called name. False: it is another one
 * by now, and nothing was begun.
 */
bool zipc_use_begin(struct zipc_use *use, struct zipc_segment *segment,
		    uint32_t entry, const char *name);

/* The handle goes; it touches the block no more. */
void zipc_use_end(struct zipc_use *use);

/*
 * The first step of operations on what was opened before the last fork: enter
 * the segment; -ENOENT if the structure was removed by then.
 */
int zipc_use_enter(const struct zipc_use *use, const char *name);

/*
 * Whether the entry is still what it was when the use began. For who has no
 * bit, behind an acquire fence: what it copied before was the structure's.
 */
bool zipc_use_stands(const struct zipc_use *use);

/*
 * Whether the structure is there that was the entry's lives-th, as far as mask
 * keeps of that.
 */
bool zipc_use_is_there(const struct zipc_segment *segment, uint32_t entry,
		       uint64_t lives, uint64_t mask);

/* Whether both are of one structure. */
static inline bool zipc_use_same(const struct zipc_use *a,
				 const struct zipc_use *b)
{
	return a->entry == b->entry && a->extent == b->extent &&
	       a->lives == b->lives;
}

/*
 * What came of opening, as of one who only reads: what it has read of the body
 * may be another's, if the structure was removed meanwhile. Then it is -ENOENT.
 */
int zipc_use_opened(const struct zipc_use *use, const char *name, int rc);

/* What a handle last entered with that may write; 0 is before all forks. */
static inline unsigned zipc_use_generation(const struct zipc_use *use)
{
	return use->segment->read_only ? 0 : zipc_fork_generation;
}

/* for those who remove and create, under the lock */

/*
 * Whether any participant that lives has the bit of entry up. known has a byte
 * for each participant, 0 at first, and keeps who was found alive (1) or dead.
 */
bool zipc_use_any(struct zipc_segment *segment, uint32_t entry,
		  unsigned char *known);

/* The entry gets another structure: its number among those it has had. */
uint64_t zipc_entry_lives(struct zipc_segment *segment, uint32_t entry);

/* for who joins */

/* The place is new to this process: its bits are of somebody dead. */
void zipc_uses_forget(struct zipc_segment *segment);

/* In a forked child that has joined: raise bits for what was inherited. */
void zipc_uses_inherit(struct zipc_segment *segment);

#endif
