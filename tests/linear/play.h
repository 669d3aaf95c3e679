/* SPDX-License-Identifier: MIT */
/*
 * Many short games on one structure, each of which is recorded and checked.
 *
 * In a game each lane (a thread or a process) makes a few calls, with random
 * pauses between them; when all have finished, what is left is taken out, in a
 * lane of its own that comes after all others. To be interrupted amid a call,
 * which two cores seldom do by themselves, a lane in some games sets a timer
 * whose signal makes it nap. In a game with a kill one process is killed while
 * it plays, and another takes its lane.
 *
 * All choices follow from a seed, which is printed; ZIPC_SEED sets it.
 */
#ifndef ZIPC_PLAY_H
#define ZIPC_PLAY_H

#include "../harness.h"
#include "../random_type.h"
#include "linear.h"

enum play_cores { PLAY_ANYWHERE, PLAY_APART, PLAY_ON_ONE };

/* What one lane plays with, in one game. */
struct play_lane {
	struct linear_history *history;
	unsigned lane, game;
	unsigned made; /* what it has put in; move() counts */
	struct dice dice;
	void *handle;
	const void *context;
};

struct play {
	unsigned lanes, games;
	bool threads; /* else processes */
	bool kills;
	enum play_cores cores;
	const struct linear_spec *spec;
	const void *context;
	/* A lane's own handle, and its end. */
	void *(*enter)(const void *context);
	void (*leave)(void *handle);
	/* One call, recorded. */
	void (*move)(struct play_lane *me);
	/* Take out all that is left, recorded. */
	void (*clear)(struct play_lane *me);
};

/* The first game that can not be explained is printed and fails the test. */
void play_games(const struct play *play);

/* Games of threads, of processes and with kills, on variants by number. */
struct play_suite {
	unsigned variants;
	unsigned variants_with_kills; /* the first of them */
	unsigned games, games_with_kills;
	unsigned longer; /* so many times as many, labelled stress */
	void (*play)(unsigned variant, unsigned games, bool threads,
		     bool kills);
};

/* The description must stay where it is. */
Suite *play_suite(const char *name, const struct play_suite *games);

/* elements of words, of which the first names it, and the others follow */

#define PLAY_WORDS_MOST 512

void play_fill(uint64_t *elem, unsigned words, uint64_t name);
/* What a history calls it; of one that nobody made, a number nobody has. */
uint64_t play_value(const struct play_lane *me, const uint64_t *elem,
		    unsigned words);

#endif
