/* SPDX-License-Identifier: MIT */
/*
 * The semaphore is linearizable: an acquire, a release, each -EAGAIN and each
 * -EINVAL happen at one moment of their call, and so does the value of a plain
 * one. Plain, permits are moved by anybody; owned, each lane has its own.
 */
#include "../harness.h"
#include "play.h"

#define SHORT INT64_C(2000)
#define LANES LINEAR_LANES

/* Slow tools play less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GAMES 500
#define GAMES_WITH_KILLS 50
#else
#define GAMES 2000
#define GAMES_WITH_KILLS 300
#endif

enum kind { ACQUIRE, RELEASE, VALUE };

/* What is played on. */
struct field {
	char segment[96];
	unsigned max;
	bool owned;
	struct zipc_segment *owner;
};

/* the specification: what each lane holds; plain, all is lane 0's */

struct permits {
	uint64_t held[LANES];
};

static uint64_t count_held(const struct permits *permits)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < LANES; i++)
		sum += permits->held[i];
	return sum;
}

/* Plain, a game begins and ends with none that is free. */
static void begin(void *state, const void *context)
{
	const struct field *field = context;
	struct permits *permits = state;

	memset(permits, 0, sizeof(*permits));
	if (!field->owned)
		permits->held[0] = field->max;
}

static bool happens(void *state, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *context)
{
	const struct field *field = context;
	struct permits *permits = state;
	uint64_t *mine = &permits->held[field->owned ? moment->lane : 0];
	uint64_t all = count_held(permits);

	switch ((enum kind)op->kind) {
	case ACQUIRE:
		if (!pending && op->result == -EAGAIN)
			return all == field->max;
		if (all == field->max)
			return false;
		++*mine;
		return pending || !op->result;
	case RELEASE:
		if (!pending && op->result == -EINVAL)
			return *mine < op->value;
		if (*mine < op->value)
			return pending; /* it was refused */
		*mine -= op->value;
		return pending || !op->result;
	case VALUE:
		return pending || (uint64_t)op->result == field->max - all;
	}
	return false;
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "acquire", "release", "value" };

	fprintf(out, "%s", names[op->kind]);
	if (op->kind == RELEASE)
		fprintf(out, " %llu", (unsigned long long)op->value);
	if (pending)
		fprintf(out, ": never returned");
	else if (op->kind == VALUE || op->result)
		fprintf(out, ": %lld", (long long)op->result);
}

static void print_state(FILE *out, const void *state)
{
	const struct permits *permits = state;
	unsigned i;

	fprintf(out, "held");
	for (i = 0; i < LANES; i++)
		fprintf(out, " %llu", (unsigned long long)permits->held[i]);
}

/* a lane */

struct handle {
	struct zipc_segment *segment;
	struct zipc_semaphore *semaphore;
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_semaphore_open(&handle->semaphore, handle->segment, "s"),
	      0);
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_semaphore_close(handle->semaphore);
	zipc_segment_close(handle->segment);
	free(handle);
}

static struct linear_op *call(struct play_lane *me, enum kind kind, uint64_t n)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);

	op->kind = kind;
	op->value = n;
	linear_call(me->history, me->lane, 1);
	return op;
}

/* Most do not wait. Who waits in vain has found none free, too. */
static int64_t acquire(struct play_lane *me)
{
	int64_t timeout = roll_below(&me->dice, 8) ? ZIPC_NOWAIT : SHORT;
	struct linear_op *op = call(me, ACQUIRE, 1);
	struct handle *handle = me->handle;

	op->result = zipc_semaphore_acquire(handle->semaphore, timeout);
	if (op->result == -ETIMEDOUT)
		op->result = -EAGAIN;
	linear_return(me->history, me->lane, 1);
	return op->result;
}

static void release(struct play_lane *me, uint64_t n)
{
	struct linear_op *op = call(me, RELEASE, n);
	struct handle *handle = me->handle;

	op->result = zipc_semaphore_release(handle->semaphore, n);
	linear_return(me->history, me->lane, 1);
}

static void value(struct play_lane *me)
{
	struct linear_op *op = call(me, VALUE, 0);
	struct handle *handle = me->handle;

	op->result = (int64_t)zipc_semaphore_value(handle->semaphore);
	linear_return(me->history, me->lane, 1);
}

static void move_plain(struct play_lane *me)
{
	switch (roll_below(&me->dice, 8)) {
	case 0:
		value(me);
		break;
	case 1:
		release(me, 2);
		break;
	case 2:
	case 3:
	case 4:
		release(me, 1);
		break;
	default:
		acquire(me);
	}
}

/* What is acquired is given back before the game ends; sometimes too much. */
static void move_owned(struct play_lane *me)
{
	unsigned wanted = 1 + roll_below(&me->dice, 2), held = 0;

	if (!roll_below(&me->dice, 8))
		release(me, 1);
	while (held < wanted && !acquire(me))
		held++;
	if (held && !roll_below(&me->dice, 8))
		release(me, held + 1);
	/* Several are given back one after the other: that is no one moment. */
	while (held--)
		release(me, 1);
}

static void move(struct play_lane *me)
{
	const struct field *field = me->context;

	(field->owned ? move_owned : move_plain)(me);
}

static void clear(struct play_lane *me)
{
	const struct field *field = me->context;
	unsigned held = 0;

	while (!acquire(me))
		held++;
	while (field->owned && held--)
		release(me, 1);
}

struct variant {
	unsigned lanes, max;
	bool owned;
	enum play_cores cores;
	unsigned flags;
};

static const struct variant variants[] = {
	{ 2, 1, false, PLAY_APART, 0 },
	{ 3, 2, false, PLAY_ANYWHERE, 0 },
	{ 4, 3, false, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES },
	{ 2, 1, true, PLAY_APART, 0 },
	{ 3, 2, true, PLAY_APART, 0 },
	{ 3, 3, true, PLAY_ON_ONE, 0 },
	{ 4, 2, true, PLAY_ANYWHERE, 0 },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))
#define PLAIN_VARIANTS 3

static void play_on_a_semaphore(unsigned i, unsigned games, bool threads,
				bool kills)
{
	const struct variant *variant = &variants[i];
	const struct zipc_segment_options options = { .flags = variant->flags };
	struct field field = { .max = variant->max, .owned = variant->owned };
	struct linear_spec spec = { .state_bytes = sizeof(struct permits),
				    .init = begin, .apply = happens,
				    .print_op = print_op,
				    .print_state = print_state,
				    .context = &field };
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = clear };
	struct zipc_semaphore *semaphore;

	strcpy(field.segment, test_name("linear"));
	ck_rc(zipc_segment_create(&field.owner, field.segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_semaphore_create_with(
		      &semaphore, field.owner, "s",
		      variant->owned ? variant->max : 0, variant->max,
		      variant->owned ? ZIPC_OWNED : 0), 0);
	play_games(&play);
	zipc_semaphore_close(semaphore);
	zipc_segment_close(field.owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_semaphore_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		/* When an owned one's permits come back is no such moment. */
		.variants_with_kills = PLAIN_VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 100,
		.play = play_on_a_semaphore,
	};

	return play_suite("linear semaphore", &games);
}

TEST_MAIN(linear_semaphore_suite)
