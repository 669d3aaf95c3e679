/* SPDX-License-Identifier: MIT */
/*
 * The map is linearizable; keys.h is what it promises. Three keys in few cells,
 * which all are taken again and again, by writers who meet.
 */
#include <zipc/map.h>

#include "../harness.h"
#include "keys.h"
#include "play.h"

#define WORDS_MOST 512
#define UNKNOWN 0xFFFFu /* a value that nobody has put */

/* Slow tools play less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GAMES 500
#define GAMES_WITH_KILLS 50
#else
#define GAMES 1000
#define GAMES_WITH_KILLS 150
#endif

/* What is played on. */
struct field {
	char segment[96];
	unsigned words; /* of a value */
	struct zipc_segment *owner;
};

struct handle {
	struct zipc_segment *segment;
	struct zipc_map *map;
	unsigned words;
	uint64_t known[KEYS]; /* the last value that it saw of a key */
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_map_open(&handle->map, handle->segment, "m", NULL, NULL), 0);
	handle->words = field->words;
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_map_close(handle->map);
	zipc_segment_close(handle->segment);
	free(handle);
}

/* A value's first word names it; the others follow from that. */
static void fill(const struct play_lane *me, uint64_t *words, uint64_t value)
{
	const struct handle *handle = me->handle;
	uint64_t name = (uint64_t)me->game << 8 | value;
	unsigned i;

	for (i = 0; i < handle->words; i++)
		words[i] = name * (2 * i + 1);
}

static uint64_t value_of(const struct play_lane *me, const uint64_t *words)
{
	const struct handle *handle = me->handle;
	uint64_t whole[WORDS_MOST];

	fill(me, whole, words[0] & 0xFF);
	if (memcmp(whole, words, handle->words * sizeof(*words)) != 0)
		return UNKNOWN;
	return words[0] & 0xFF;
}

struct call {
	enum keys_kind kind;
	unsigned key;
	uint64_t in, expected, out;
};

static int make_call(struct play_lane *me, struct call *call)
{
	struct handle *handle = me->handle;
	uint64_t in[WORDS_MOST], out[WORDS_MOST], key = call->key;
	int rc = 0;

	fill(me, in, call->in);
	switch (call->kind) {
	case KEYS_PUT:
		return zipc_map_put(handle->map, &key, in);
	case KEYS_INSERT:
		return zipc_map_insert(handle->map, &key, in);
	case KEYS_REPLACE:
		return zipc_map_replace(handle->map, &key, in);
	case KEYS_REMOVE:
		rc = zipc_map_remove(handle->map, &key, out);
		break;
	case KEYS_CAS:
		fill(me, out, call->expected);
		rc = zipc_map_cas(handle->map, &key, out, in);
		if (rc == -EAGAIN)
			call->out = value_of(me, out);
		return rc;
	case KEYS_ADD:
		rc = zipc_map_fetch_add(handle->map, &key, &call->in, out);
		break;
	case KEYS_GET:
		rc = zipc_map_get(handle->map, &key, out);
		break;
	}
	if (!rc)
		call->out = value_of(me, out);
	return rc;
}

static int64_t play_call(struct play_lane *me, struct call *call)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);
	struct handle *handle = me->handle;

	op->kind = call->kind;
	op->value = keys_value(call->key, call->in, call->expected, 0);
	linear_call(me->history, me->lane, 1);
	op->result = make_call(me, call);
	op->value = keys_value(call->key, call->in, call->expected, call->out);
	linear_return(me->history, me->lane, 1);
	if (call->out)
		handle->known[call->key] = call->out;
	return op->result;
}

static void move(struct play_lane *me)
{
	struct handle *handle = me->handle;
	struct call call = { .kind = (enum keys_kind)roll_below(&me->dice, 7),
			     .key = roll_below(&me->dice, KEYS) };

	/* What the game before has left known is nobody's value now. */
	if (!me->made)
		memset(handle->known, 0, sizeof(handle->known));
	call.in = me->lane * 40 + ++me->made;
	if (call.kind == KEYS_CAS)
		call.expected = handle->known[call.key];
	if (call.kind == KEYS_ADD)
		call.in = 1;
	if (call.kind == KEYS_ADD && handle->words > 1)
		call.kind = KEYS_REPLACE;
	if (call.kind == KEYS_REMOVE || call.kind == KEYS_GET)
		call.in = 0;
	play_call(me, &call);
}

static void clear(struct play_lane *me)
{
	unsigned key;

	for (key = 0; key < KEYS; key++) {
		struct call call = { .kind = KEYS_REMOVE, .key = key };

		while (!play_call(me, &call))
			call.out = 0;
	}
}

struct variant {
	unsigned lanes, capacity, words;
	enum play_cores cores;
};

/* Large values take long to copy: there is time to meet, and to die. */
static const struct variant variants[] = {
	{ 2, 3, 1, PLAY_APART },    { 2, 2, 512, PLAY_APART },
	{ 2, 1, 25, PLAY_APART },   { 3, 2, 512, PLAY_ANYWHERE },
	{ 3, 3, 512, PLAY_APART },  { 3, 2, 1, PLAY_ANYWHERE },
	{ 3, 3, 512, PLAY_ON_ONE }, { 4, 2, 25, PLAY_ON_ONE },
	{ 4, 3, 512, PLAY_APART },  { 4, 1, 8, PLAY_ANYWHERE },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void play_on_a_map(unsigned i, unsigned games, bool threads,
			  bool kills)
{
	const struct variant *variant = &variants[i];
	const struct zipc_map_options few = { .max_writers = 6 };
	struct keys_rules rules = { variant->capacity, kills };
	struct linear_spec spec = keys_spec(&rules);
	struct field field = { .words = variant->words };
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = clear };
	struct zipc_map *map;
	char type[16] = "u64";

	if (variant->words > 1)
		snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(field.segment, test_name("linear"));
	ck_rc(zipc_segment_create(&field.owner, field.segment, 1 << 20, NULL),
	      0);
	ck_rc(zipc_map_create_with(&map, field.owner, "m", "u64", type,
				   variant->capacity, &few), 0);
	play_games(&play);
	zipc_map_close(map);
	zipc_segment_close(field.owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_map_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		.variants_with_kills = VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 100,
		.play = play_on_a_map,
	};

	return play_suite("linear map", &games);
}

TEST_MAIN(linear_map_suite)
