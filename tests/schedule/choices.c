/* SPDX-License-Identifier: MIT */
/* Choices; the idea is in the header. */
#include "choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 65536u
#define STATES_FIRST (1u << 16)
#define STATES_MOST (1u << 24)

struct choice {
	unsigned number;
	unsigned untried; /* actions */
	unsigned char action, usual;
};

static enum { SEARCH, WALK, REPEAT } way;
struct schedule_limits limits;
static struct choice path[DEPTH];
static unsigned length, at; /* of path, and how far this run is on it */
static unsigned number;     /* of choices in this run */
static uint64_t chance;
static const char *rest; /* of the string */

/* states */

/*
 * A state that was met with as many deviations left, or more, leads nowhere
 * new. Told by a hash of 64 bits.
 */
static struct known_state {
	uint64_t hash;
	struct schedule_limits left;
} *states;
static unsigned states_size;
static unsigned long states_used, states_seen;

static struct known_state *find_state(uint64_t hash)
{
	unsigned i = (unsigned)hash & (states_size - 1);

	while (states[i].hash && states[i].hash != hash)
		i = (i + 1) & (states_size - 1);
	return &states[i];
}

static void grow_states(void)
{
	struct known_state *old = states;
	unsigned size = states_size, i;

	states_size = size ? size * 2 : STATES_FIRST;
	states = calloc(states_size, sizeof(*states));
	if (!states)
		abort();
	for (i = 0; i < size; i++)
		if (old[i].hash)
			*find_state(old[i].hash) = old[i];
	free(old);
}

static bool at_most(const struct schedule_limits *a,
		    const struct schedule_limits *b)
{
	return a->switches <= b->switches && a->delays <= b->delays &&
	       a->flushes <= b->flushes && a->kills <= b->kills &&
	       a->stops <= b->stops;
}

static bool is_known(void)
{
	struct schedule_limits left = {
		limits.switches - world.used.switches,
		limits.delays - world.used.delays,
		limits.flushes - world.used.flushes,
		limits.kills - world.used.kills,
		limits.stops - world.used.stops,
	};
	struct known_state *state;

	if (states_used * 4 >= (unsigned long)states_size * 3) {
		if (states_size == STATES_MOST)
			return false; /* it only costs time */
		grow_states();
	}
	state = find_state(hash_of_world() | 1);
	if (state->hash && at_most(&left, &state->left))
		return true;
	states_seen++;
	if (!state->hash) {
		state->hash = hash_of_world() | 1;
		state->left = left;
		states_used++;
	} else if (at_most(&state->left, &left)) {
		state->left = left;
	}
	return false;
}

/* searching */

void choices_search(void)
{
	way = SEARCH;
	length = 0;
	states_used = states_seen = 0;
	states_size = 0;
	free(states);
	states = NULL;
	grow_states();
}

bool choices_next(void)
{
	struct choice *last;

	for (; length; length--) {
		last = &path[length - 1];
		if (!last->untried)
			continue;
		last->action = (unsigned char)__builtin_ctz(last->untried);
		last->untried &= last->untried - 1;
		return true;
	}
	return false;
}

unsigned long choices_states(void)
{
	return states_seen;
}

static void add_choice(unsigned actions, unsigned action, unsigned usual)
{
	if (length == DEPTH)
		schedule_fail("the run does not end");
	path[length++] = (struct choice){
		.number = number,
		.untried = actions & ~(1u << action),
		.action = (unsigned char)action,
		.usual = (unsigned char)usual,
	};
	at = length;
}

/* What this run has chosen before going back to here, or what is usual. */
static unsigned search_choice(unsigned actions, unsigned usual)
{
	if (at < length) {
		if (path[at].number != number)
			schedule_fail("the test is not deterministic");
		return path[at++].action;
	}
	if (is_known())
		abandon_run();
	add_choice(actions, usual, usual);
	return usual;
}

/* walking */

static unsigned draw(unsigned below)
{
	chance = mix(chance, number);
	return (unsigned)(chance >> 33) % below;
}

/* Faults are rarer than switches: there is but one of them or two in a run. */
static unsigned walk_choice(unsigned actions, unsigned usual)
{
	unsigned action = usual;

	if (draw(6) == 0)
		do
			action = draw(ACTIONS);
		while (!(actions >> action & 1));
	if ((action == KILL || action == STOP) && draw(8))
		action = usual;
	add_choice(actions, action, usual);
	return action;
}

void choices_walk(uint64_t seed)
{
	way = WALK;
	chance = seed;
}

/* strings */

static const char *const action_names[] = {
	[GO_ON] = "go", [DELAY] = "delay", [KILL] = "kill", [STOP] = "stop",
	[TO] = "to0", "to1", "to2", "to3",
	[FLUSH] = "flush0", "flush1", "flush2", "flush3",
};

static unsigned repeat_choice(unsigned actions, unsigned usual)
{
	char name[16] = "";
	unsigned wanted, action;

	if (sscanf(rest, " %u:%15s", &wanted, name) != 2 || wanted != number)
		return usual;
	for (action = 0; strcmp(action_names[action], name); action++)
		if (action + 1 == ACTIONS)
			schedule_fail("SCHEDULE: what is `%s`?", name);
	if (!(actions >> action & 1))
		schedule_fail("SCHEDULE: %u cannot be `%s`", number, name);
	rest += strspn(rest, " ");
	rest += strcspn(rest, " ");
	return action;
}

void choices_repeat(const char *string)
{
	way = REPEAT;
	rest = string;
}

void choices_print(char *text, size_t size)
{
	size_t used = 0;
	unsigned i;

	*text = '\0';
	for (i = 0; i < at && i < length && used < size; i++)
		if (path[i].action != path[i].usual)
			used += (size_t)snprintf(
				text + used, size - used, " %u:%s",
				path[i].number, action_names[path[i].action]);
}

/* a run */

void choices_begin(void)
{
	number = 0;
	at = 0;
	if (way == WALK)
		length = 0;
}

unsigned choose(unsigned actions, unsigned usual)
{
	number++;
	if (!(actions & (actions - 1)))
		return (unsigned)__builtin_ctz(actions);
	switch (way) {
	case WALK:
		return walk_choice(actions, usual);
	case REPEAT:
		return repeat_choice(actions, usual);
	case SEARCH:
		break;
	}
	return search_choice(actions, usual);
}

void choices_free(void)
{
	free(states);
	states = NULL;
	states_size = 0;
	length = 0;
}
