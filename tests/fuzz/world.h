/* SPDX-License-Identifier: MIT */
/*
 * The world that a damaged segment is tried in. One file in /dev/shm is given
 * the bytes of a sound segment before each input, and then words of it change
 * at chosen moments.
 *
 * A moment is a stage of the tour (segment.c) and how many loads from the
 * mapping came before in that stage; a pread, a futex and a glance at the clock
 * count as loads too. So a word changes between the look that checks it and the
 * look that uses it, and does so again when the input is tried again. clang
 * calls us at each load (-fsanitize-coverage=trace-loads); built by another
 * compiler, every change comes at the beginning of its stage.
 *
 * Around each mapping is a gigabyte that nobody may touch. The clock goes a
 * millisecond at each look and a sleep ends at once, so that patience costs
 * nothing; and a stage of too many loads is an endless loop.
 */
#ifndef ZIPC_FUZZ_WORLD_H
#define ZIPC_FUZZ_WORLD_H

#include "fuzz.h"

#include <stdbool.h>
#include <zipc/inspect_waits.h>

#define IMAGE_BYTES 12288u
#define DAMAGES_MOST 16u

enum how {
	HOW_SET,      /* to value */
	HOW_FLIP,     /* bit number value */
	HOW_ADD,      /* the low byte of value, signed */
	HOW_SPECIAL,  /* one of the numbers that break things */
	HOW_COPY,     /* what stands in place number value */
	HOW_CLAIM,    /* a claim, verdict or position near the ring's head */
	HOW_VERDICT,
	HOW_POSITION,
	HOW_HOLDER,   /* somebody who lives, or lived */
	HOW_CUT,      /* the file, at byte value; only while it is not mapped */
	HOW_COUNT,
};

/* An input is up to DAMAGES_MOST of these, one after the other. */
struct damage {
	uint8_t stage;
	uint8_t how;
	uint16_t spot; /* one of spots[], a word beyond them, or SPOT_LOADED */
	uint32_t loads;
	uint64_t value;
};

/* Whatever the load reads that is about to happen at that moment. */
#define SPOT_LOADED 0xFFFFu

/* A word of the image, known by its meaning. */
struct spot {
	char name[40];
	uint32_t offset, size;
	uint32_t ring; /* the offset of the ring it belongs to, or 0 */
	enum how how;  /* what damages it without being absurd */
};

#define SPOTS_MOST 768u
extern struct spot spots[SPOTS_MOST];
extern unsigned spot_count;

/* spots.c: fill spots[] from the image. */
void spots_find(const unsigned char image[IMAGE_BYTES]);

/* spots.c: what damage does to the word old at place; ring_head is its own. */
uint64_t damage_value(const struct damage *damage, uint64_t old,
		      uint64_t other, uint64_t ring_head);

/* Keep the target's own segment, as it is now, for all inputs to come. */
void world_keep(void);

/* A sound segment again, and changes to come. */
void world_begin(const struct damage *damages, unsigned count);

/* The stage that begins now; its first changes happen. */
void world_stage(unsigned stage, const char *name);

/* Whether a word has changed since the stage began, and at all. */
bool world_disturbed(void);
bool world_damaged(void);

/* The bytes of the file as they are now. */
void world_copy(unsigned char image[IMAGE_BYTES]);

/* Whether [at, at + bytes) is mapped from the file. */
bool world_holds(const void *at, uint64_t bytes);

/* The mapping's first byte; NULL: there is none. */
unsigned char *world_base(void);

struct stage {
	const char *name;
	void (*run)(void);
};

/*
 * What a target is: it defines world_target and fuzz_prepare(), and the rest of
 * it (fuzz.h) is here, in world.c and spots.c. Inputs without chance are every
 * word in many ways, one at a time, and then mixed times what some() makes.
 */
struct target {
	const struct stage *stages;
	unsigned count, mixed;
	/* Damages that seem to belong together; NULL: of any words. */
	unsigned (*some)(struct damage damages[DAMAGES_MOST], unsigned i);
	/* Others than count of them; NULL: one more, at any moment. */
	unsigned (*mutate)(struct damage damages[DAMAGES_MOST],
			   unsigned count);
	/* Errors that the tour meets when nothing is damaged. */
	bool (*is_sound)(int64_t rc);
};
extern const struct target world_target;

/*
 * What call gave of name, which is the result, must be at least 0, or one of
 * the errors in the list, which ends in 0, with a message. Damage can make any
 * structure look removed: ENOENT is in most lists.
 */
int64_t world_check(const char *call, const char *name, int64_t rc,
		    const int *errors);

/* Who waits for what, and in a circle, can be said. */
void world_look_at_waits(struct zipc_view *view);

static inline unsigned roll(unsigned below)
{
	return (unsigned)rand() % below;
}

#endif
