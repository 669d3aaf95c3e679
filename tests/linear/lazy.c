/* SPDX-License-Identifier: MIT */
/*
 * The lazy is linearizable: it is asked for, taken, given back, settled, reset
 * and read each at one moment of the call, and so is each refusal. To get it
 * without waiting is to ask for it, and behind that to look at it.
 *
 * What was taken belongs to the time between two resets: behind the next one it
 * sets nothing, whatever has become of the lazy since. In some games who takes
 * it takes it from others too, as if they stalled; then all who have had it may
 * settle it, and the first of them does.
 *
 * A lane gives back or settles what it has taken in the same move. So who has
 * it, and makes no other call, has been killed, and another may have it then.
 */
#include "../../libzeroipc/lazy.h"
#include "../harness.h"
#include "play.h"

#define WORDS 6
#define TYPE "u64[6]"

/* Slow tools play less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GAMES 200
#define GAMES_WITH_KILLS 40
#else
#define GAMES 1000
#define GAMES_WITH_KILLS 250
#endif

enum kind { ASK, REQUEST, TAKE, WITHDRAW, SET, FAIL, RESET, LOOK, ERROR };

/* What is played on. */
struct field {
	char segment[96];
	bool steals, retries;
};

/* the specification */

struct state {
	uint64_t value; /* or the code; 0: not settled */
	uint32_t failed, wanted;
	uint32_t owner; /* the lane that has it, plus 1; or 0 */
	uint32_t taken; /* bits of those who have had it since the reset */
};

static void begin(void *state, const void *context)
{
	(void)context;
	memset(state, 0, sizeof(struct state));
}

static void forget(struct state *state, bool wanted)
{
	*state = (struct state){ .wanted = wanted };
}

static void ask(struct state *state)
{
	state->wanted |= !state->value && !state->owner;
}

/* Whether another may have it now, that has it. */
static bool is_free(const struct state *state,
		    const struct linear_moment *moment,
		    const struct field *field)
{
	uint32_t lane = state->owner - 1;

	return field->steals ||
	       moment->done[lane] ==
		       atomic_load_explicit(&moment->history->lanes[lane].begun,
					    memory_order_relaxed);
}

static bool takes(struct state *state, const struct linear_op *op, bool pending,
		  const struct linear_moment *moment, const struct field *field)
{
	bool can = !state->value &&
		   (state->owner ? is_free(state, moment, field)
				 : state->wanted);

	/* Who lives and whether he stalls is not asked each time. */
	if (!pending && op->result == -EAGAIN)
		return !can || state->owner;
	if (!can)
		return pending;
	state->wanted = 0;
	state->owner = moment->lane + 1;
	state->taken |= 1u << moment->lane;
	return pending || !op->result;
}

static bool gives_back(struct state *state, const struct linear_op *op,
		       bool pending, unsigned lane)
{
	uint32_t mine = state->taken & 1u << lane;

	if (!mine)
		return pending || op->result == -EPERM;
	state->taken &= ~mine;
	if (state->owner == lane + 1) {
		state->owner = 0;
		state->wanted = 1;
	}
	return pending || !op->result;
}

static bool settles(struct state *state, const struct linear_op *op,
		    bool pending, unsigned lane)
{
	uint32_t mine = state->taken & 1u << lane;

	state->taken &= ~mine;
	if (!mine || state->value)
		return pending ||
		       op->result == (mine ? -EALREADY : -EPERM);
	state->value = op->value;
	state->failed = op->kind == FAIL;
	state->owner = state->wanted = 0;
	return pending || !op->result;
}

static bool shows(const struct state *state, const struct linear_op *op)
{
	switch (op->result) {
	case 0:
		return state->value == op->value &&
		       state->failed == (op->kind == ERROR);
	case -ECANCELED:
		return state->failed;
	case -EINVAL:
		return !state->failed;
	default:
		return op->result == -EAGAIN && !state->value;
	}
}

static bool happens(void *context, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *it)
{
	const struct field *field = it;
	struct state *state = context;

	switch ((enum kind)op->kind) {
	case ASK:
		ask(state);
		return true;
	case REQUEST:
		if (state->failed && field->retries)
			forget(state, true);
		ask(state);
		return pending || !op->result;
	case TAKE:
		return takes(state, op, pending, moment, field);
	case WITHDRAW:
		return gives_back(state, op, pending, moment->lane);
	case SET:
	case FAIL:
		return settles(state, op, pending, moment->lane);
	case RESET:
		forget(state, state->wanted || state->owner);
		return pending || !op->result;
	case LOOK:
	case ERROR:
		return pending || shows(state, op);
	}
	return false;
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "ask", "request", "take",
					     "withdraw", "set", "fail",
					     "reset", "look", "error" };

	fprintf(out, "%s", names[op->kind]);
	if (op->value)
		fprintf(out, " %llu", (unsigned long long)op->value);
	if (pending)
		fprintf(out, ": never returned");
	else if (op->result)
		fprintf(out, ": %lld", (long long)op->result);
}

static void print_state(FILE *out, const void *context)
{
	const struct state *state = context;

	fprintf(out, "%s %llu, %s, had by %u, taken by %x",
		state->failed ? "failed" : "value",
		(unsigned long long)state->value,
		state->wanted ? "wanted" : "not wanted", state->owner,
		state->taken);
}

/* a lane */

struct handle {
	struct zipc_segment *segment, *reading;
	struct zipc_lazy *lazy, *looking;
	unsigned game;
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_segment_open(&handle->reading, field->segment,
				ZIPC_READ_ONLY), 0);
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_lazy_close(handle->looking);
	zipc_lazy_close(handle->lazy);
	zipc_segment_close(handle->reading);
	zipc_segment_close(handle->segment);
	free(handle);
}

/* That of this game; the first who comes makes it. */
static struct handle *handle_of(struct play_lane *me)
{
	const struct field *field = me->context;
	const struct zipc_lazy_options options = { .stall_ns = ZIPC_FOREVER,
						   .retries = field->retries };
	struct handle *handle = me->handle;
	char name[16];
	int rc;

	if (handle->lazy && handle->game == me->game)
		return handle;
	zipc_lazy_close(handle->looking);
	zipc_lazy_close(handle->lazy);
	snprintf(name, sizeof(name), "g%u", me->game);
	rc = zipc_lazy_create_with(&handle->lazy, handle->segment, name, TYPE,
				   NULL, &options);
	if (rc == -EEXIST)
		rc = zipc_lazy_open(&handle->lazy, handle->segment, name, TYPE);
	ck_rc(rc, 0);
	ck_rc(zipc_lazy_open(&handle->looking, handle->reading, name, TYPE), 0);
	if (field->steals)
		handle->lazy->stall_ns = 0;
	handle->game = me->game;
	return handle;
}

/* One of them, that begins now. */
static struct linear_op *call(struct play_lane *me, enum kind kind,
			      uint64_t value)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);

	op->kind = kind;
	op->value = value;
	linear_call(me->history, me->lane, 1);
	return op;
}

static int64_t simply(struct play_lane *me, enum kind kind,
		      int (*function)(struct zipc_lazy *))
{
	struct zipc_lazy *lazy = handle_of(me)->lazy;
	struct linear_op *op = call(me, kind, 0);

	op->result = function(lazy);
	linear_return(me->history, me->lane, 1);
	return op->result;
}

static int take_it(struct zipc_lazy *lazy)
{
	return zipc_lazy_serve(lazy, ZIPC_NOWAIT);
}

static void settle(struct play_lane *me, enum kind kind)
{
	struct zipc_lazy *lazy = handle_of(me)->lazy;
	uint64_t words[WORDS], value = me->lane * 16 + ++me->made;
	struct linear_op *op;

	play_fill(words, WORDS, value);
	op = call(me, kind, value);
	op->result = kind == SET ? zipc_lazy_set(lazy, words)
				 : zipc_lazy_fail(lazy, (int)value, "it failed");
	linear_return(me->history, me->lane, 1);
}

/* To ask and to look, which are called at once. */
static void get(struct play_lane *me)
{
	struct handle *handle = handle_of(me);
	struct linear_op *ops = linear_prepare(me->history, me->lane, 2);
	uint64_t words[WORDS] = { 0 };

	ops[0].kind = ASK;
	ops[1].kind = LOOK;
	linear_call(me->history, me->lane, 2);
	ops[1].result = zipc_lazy_get(handle->lazy, words, ZIPC_NOWAIT);
	if (!ops[1].result)
		ops[1].value = play_value(me, words, WORDS);
	linear_return(me->history, me->lane, 2);
}

/* By a handle that can not ask. */
static void look(struct play_lane *me)
{
	struct handle *handle = handle_of(me);
	struct linear_op *op = call(me, LOOK, 0);
	uint64_t words[WORDS] = { 0 };

	op->result = zipc_lazy_get(handle->looking, words, ZIPC_NOWAIT);
	if (op->result == -EROFS)
		op->result = -EAGAIN;
	if (!op->result)
		op->value = play_value(me, words, WORDS);
	linear_return(me->history, me->lane, 1);
}

static void ask_for_the_error(struct play_lane *me)
{
	struct handle *handle = handle_of(me);
	struct linear_op *op = call(me, ERROR, 0);
	char text[ZIPC_LAZY_MESSAGE_MAX + 1];
	int code = 0;

	op->result = zipc_lazy_error(handle->lazy, &code, text, sizeof(text));
	op->value = !op->result && !strcmp(text, "it failed") ? (uint64_t)code
							      : 0;
	linear_return(me->history, me->lane, 1);
}

/* If it can be had. */
static void serve(struct play_lane *me)
{
	if (simply(me, TAKE, take_it))
		return;
	switch (roll_below(&me->dice, 5)) {
	case 0:
		simply(me, WITHDRAW, zipc_lazy_withdraw);
		break;
	case 1:
	case 2:
		settle(me, FAIL);
		break;
	default:
		settle(me, SET);
	}
}

static void move(struct play_lane *me)
{
	const struct field *field = me->context;

	switch (roll_below(&me->dice, 10)) {
	case 0:
	case 1:
		simply(me, REQUEST, zipc_lazy_request);
		break;
	case 2:
	case 3:
		/* What fails is asked for again, or it is not: who knows. */
		if (field->retries)
			look(me);
		else
			get(me);
		break;
	case 4:
		ask_for_the_error(me);
		break;
	case 5:
	case 6:
		simply(me, RESET, zipc_lazy_reset);
		break;
	default:
		serve(me);
	}
}

struct variant {
	unsigned lanes;
	bool steals, retries;
	enum play_cores cores;
	unsigned flags;
};

static const struct variant variants[] = {
	{ 2, false, false, PLAY_APART, 0 },
	{ 4, true, false, PLAY_ANYWHERE, 0 },
	{ 3, false, true, PLAY_ON_ONE, 0 },
	{ 4, true, true, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void play_on_lazies(unsigned i, unsigned games, bool threads, bool kills)
{
	const struct variant *variant = &variants[i];
	const struct zipc_segment_options options = {
		.flags = variant->flags, .max_entries = games + 1
	};
	struct field field = { .steals = variant->steals,
			       .retries = variant->retries };
	struct linear_spec spec = { .state_bytes = sizeof(struct state),
				    .init = begin, .apply = happens,
				    .print_op = print_op,
				    .print_state = print_state,
				    .context = &field };
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = look };
	struct zipc_segment *owner;

	strcpy(field.segment, test_name("linear"));
	ck_rc(zipc_segment_create(&owner, field.segment,
				  (uint64_t)games * 4096 + (1 << 20),
				  &options), 0);
	play_games(&play);
	zipc_segment_close(owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_lazy_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		.variants_with_kills = VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 10,
		.play = play_on_lazies,
	};

	return play_suite("linear lazy", &games);
}

TEST_MAIN(linear_lazy_suite)
