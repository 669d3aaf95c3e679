/* SPDX-License-Identifier: MIT */
/*
 * Random types for tests. A test draws a seed, prints it, and draws the same
 * types again when it is run with ZIPC_SEED set to that.
 */
#ifndef ZIPC_RANDOM_TYPE_H
#define ZIPC_RANDOM_TYPE_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The state of SplitMix64. */
struct dice {
	uint64_t state;
};

static inline uint64_t roll(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* From 0 to below - 1. */
static inline unsigned roll_below(struct dice *dice, unsigned below)
{
	return (unsigned)(roll(dice) % below);
}

static inline struct dice dice_of_this_run(const char *test)
{
	const char *seed = getenv("ZIPC_SEED");
	struct dice dice = {(uint64_t)time(NULL) << 20 ^ (uint64_t)getpid()};

	if (seed)
		dice.state = strtoull(seed, NULL, 0);
	printf("%s: ZIPC_SEED=%" PRIu64 "\n", test, dice.state);
	fflush(stdout);
	return dice;
}

/* One type, in the canonical spelling and with blanks anywhere. */
struct random_type {
	char canonical[1024];
	char blanks[4096];
	int overflows; /* it became too long: draw another */
};

static inline void add_token(struct random_type *type, struct dice *dice,
			     const char *token)
{
	static const char *const blanks[] = {"", "", "", " ", "\t", " \n"};

	if (strlen(type->canonical) + strlen(token) + 2 > 1023 ||
	    strlen(type->blanks) + strlen(token) + 4 > 1023) {
		type->overflows = 1;
		return;
	}
	strcat(type->canonical, token);
	if (!strcmp(token, ","))
		strcat(type->canonical, " ");
	strcat(type->blanks, blanks[roll_below(dice, 6)]);
	strcat(type->blanks, token);
	strcat(type->blanks, blanks[roll_below(dice, 6)]);
}

static inline void add_random_type(struct random_type *type, struct dice *dice,
				   unsigned levels);

static inline void add_random_record(struct random_type *type,
				     struct dice *dice, unsigned levels)
{
	unsigned i, fields = 1 + roll_below(dice, 5);
	char name[32];

	add_token(type, dice, "{");
	for (i = 0; i < fields; i++) {
		if (i)
			add_token(type, dice, ",");
		/* Unlike each other by i; a name may be a type's, too. */
		snprintf(name, sizeof(name), "%s%u",
			 (const char *[]){"u", "bytes", "_", "A_",
					  "f"}[roll_below(dice, 5)],
			 i);
		add_token(type, dice, name);
		add_token(type, dice, ":");
		add_random_type(type, dice, levels - 1);
	}
	add_token(type, dice, "}");
}

static inline void add_random_number(struct random_type *type,
				     struct dice *dice, unsigned below)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", 1 + roll_below(dice, below));
	add_token(type, dice, text);
}

static inline void add_random_type(struct random_type *type, struct dice *dice,
				   unsigned levels)
{
	static const char *const scalars[] = {
		"bool", "i8",  "u8",  "i16", "u16", "i32",
		"u32",	"i64", "u64", "f32", "f64",
	};
	unsigned kind = roll_below(dice, 8);

	if (levels > 1 && kind < 3) {
		add_random_record(type, dice, levels);
	} else if (kind == 3) {
		add_token(type, dice, "bytes");
		add_token(type, dice, ":");
		add_random_number(type, dice, 30);
	} else {
		add_token(type, dice, scalars[roll_below(dice, 11)]);
	}
	while (levels-- > 1 && !roll_below(dice, 4)) {
		add_token(type, dice, "[");
		add_random_number(type, dice, 4);
		add_token(type, dice, "]");
	}
}

static inline void draw_type(struct random_type *type, struct dice *dice)
{
	do {
		memset(type, 0, sizeof(*type));
		add_random_type(type, dice, 1 + roll_below(dice, 5));
	} while (type->overflows);
}

#endif
