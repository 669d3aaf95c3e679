/* SPDX-License-Identifier: MIT */
/*
 * The future is linearizable: it is promised, given back, settled and got each
 * at one moment of the call, and so is each refusal. Every game has a future of
 * its own, as one is settled only once.
 */
#include "../harness.h"
#include "play.h"

#define WORDS 6
#define TYPE "u64[6]"
#define TORN 255u

/* Slow tools play less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GAMES 300
#define GAMES_WITH_KILLS 50
#else
#define GAMES 1500
#define GAMES_WITH_KILLS 300
#endif

enum kind { PROMISE, WITHDRAW, SET, GET };

/* What is played on. */
struct field {
	char segment[96];
	bool promises;
};

/* the specification */

struct state {
	uint64_t value;    /* 0: not settled */
	uint64_t promiser; /* the lane, plus 1; or 0 */
};

static void begin(void *state, const void *context)
{
	(void)context;
	memset(state, 0, sizeof(struct state));
}

static bool settles(struct state *state, const struct linear_op *op,
		    bool pending, uint64_t me)
{
	bool theirs = state->promiser && state->promiser != me;

	if (!pending && op->result == -EALREADY)
		return state->value;
	if (!pending && op->result == -EPERM)
		return !state->value && theirs;
	if (state->value || theirs)
		return pending; /* it was refused */
	state->value = op->value;
	state->promiser = 0;
	return pending || !op->result;
}

static bool happens(void *context, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *unused)
{
	struct state *state = context;
	uint64_t me = moment->lane + 1;

	(void)unused;
	switch ((enum kind)op->kind) {
	case PROMISE:
		if (!pending && op->result == -EALREADY)
			return state->value;
		if (!pending && op->result == -EBUSY)
			return !state->value && state->promiser;
		if (state->value || state->promiser)
			return pending;
		state->promiser = me;
		return pending || !op->result;
	case WITHDRAW:
		if (state->promiser == me)
			state->promiser = 0;
		return pending || !op->result;
	case SET:
		return settles(state, op, pending, me);
	case GET:
		if (!pending && op->result == -EAGAIN)
			return !state->value;
		return pending || (state->value && state->value == op->value);
	}
	return false;
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "promise", "withdraw", "set",
					     "get" };

	fprintf(out, "%s", names[op->kind]);
	if (op->kind >= SET)
		fprintf(out, " %llu", (unsigned long long)op->value);
	if (pending)
		fprintf(out, ": never returned");
	else if (op->result)
		fprintf(out, ": %lld", (long long)op->result);
}

static void print_state(FILE *out, const void *context)
{
	const struct state *state = context;

	fprintf(out, "value %llu, promised by %llu",
		(unsigned long long)state->value,
		(unsigned long long)state->promiser);
}

/* a lane */

struct handle {
	struct zipc_segment *segment;
	struct zipc_future *future;
	unsigned game;
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_future_close(handle->future);
	zipc_segment_close(handle->segment);
	free(handle);
}

/* That of this game. */
static struct zipc_future *future_of(struct play_lane *me)
{
	struct handle *handle = me->handle;
	char name[16];

	if (handle->future && handle->game == me->game)
		return handle->future;
	zipc_future_close(handle->future);
	snprintf(name, sizeof(name), "g%u", me->game);
	ck_rc(zipc_future_open_or_create(&handle->future, handle->segment,
					 name, TYPE), 0);
	handle->game = me->game;
	return handle->future;
}

static struct linear_op *call(struct play_lane *me, enum kind kind,
			      uint64_t value)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);

	op->kind = kind;
	op->value = value;
	linear_call(me->history, me->lane, 1);
	return op;
}

static int64_t promise(struct play_lane *me, enum kind kind)
{
	struct zipc_future *future = future_of(me);
	struct linear_op *op = call(me, kind, 0);

	op->result = kind == PROMISE ? zipc_future_promise(future)
				     : zipc_future_withdraw(future);
	linear_return(me->history, me->lane, 1);
	return op->result;
}

static void set(struct play_lane *me)
{
	struct zipc_future *future = future_of(me);
	uint64_t words[WORDS], value = me->lane * 16 + ++me->made;
	struct linear_op *op;
	int i;

	for (i = 0; i < WORDS; i++)
		words[i] = value;
	op = call(me, SET, value);
	op->result = zipc_future_set(future, words);
	linear_return(me->history, me->lane, 1);
}

static void get(struct play_lane *me)
{
	struct zipc_future *future = future_of(me);
	struct linear_op *op = call(me, GET, 0);
	uint64_t words[WORDS] = { 0 };
	int i;

	op->result = zipc_future_get(future, words, ZIPC_NOWAIT);
	op->value = words[0];
	for (i = 1; i < WORDS; i++)
		if (words[i] != words[0])
			op->value = TORN;
	linear_return(me->history, me->lane, 1);
}

/* A promise is kept or given back before the game ends. */
static void move(struct play_lane *me)
{
	const struct field *field = me->context;

	switch (roll_below(&me->dice, field->promises ? 8 : 4)) {
	case 0:
		set(me);
		break;
	case 1:
	case 2:
	case 3:
		get(me);
		break;
	default:
		if (promise(me, PROMISE))
			break;
		if (roll_below(&me->dice, 4))
			promise(me, WITHDRAW);
		else
			set(me);
	}
}

struct variant {
	unsigned lanes;
	bool promises;
	enum play_cores cores;
	unsigned flags;
};

static const struct variant variants[] = {
	{ 2, false, PLAY_APART, 0 },
	{ 4, false, PLAY_ANYWHERE, 0 },
	{ 2, true, PLAY_APART, 0 },
	{ 3, true, PLAY_ON_ONE, 0 },
	{ 4, true, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))
#define WITHOUT_PROMISES 2

static void play_on_futures(unsigned i, unsigned games, bool threads,
			    bool kills)
{
	const struct variant *variant = &variants[i];
	const struct zipc_segment_options options = {
		.flags = variant->flags, .max_entries = games + 1
	};
	struct field field = { .promises = variant->promises };
	struct linear_spec spec = { .state_bytes = sizeof(struct state),
				    .init = begin, .apply = happens,
				    .print_op = print_op,
				    .print_state = print_state,
				    .context = &field };
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = get };
	struct zipc_segment *owner;

	strcpy(field.segment, test_name("linear"));
	ck_rc(zipc_segment_create(&owner, field.segment,
				  (uint64_t)games * 4096 + (1 << 20),
				  &options), 0);
	play_games(&play);
	zipc_segment_close(owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_future_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		/* When a dead one's promise ends is no moment of a call. */
		.variants_with_kills = WITHOUT_PROMISES,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 10,
		.play = play_on_futures,
	};

	return play_suite("linear future", &games);
}

TEST_MAIN(linear_future_suite)
