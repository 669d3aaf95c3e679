/* SPDX-License-Identifier: MIT */
/* The stack is linearizable, full, empty, peek and size included; lifo.h. */
#include "../harness.h"
#include "lifo.h"
#include "play.h"

#define SHORT INT64_C(2000)

/* Slow tools play less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GAMES 500
#define GAMES_WITH_KILLS 50
#else
#define GAMES 2000
#define GAMES_WITH_KILLS 300
#endif

/* What is played on. */
struct field {
	char segment[96];
	unsigned words; /* of an element */
	struct zipc_segment *owner;
};

struct handle {
	struct zipc_segment *segment;
	struct zipc_stack *stack;
	unsigned words;
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_stack_open(&handle->stack, handle->segment, "s", NULL), 0);
	handle->words = field->words;
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_stack_close(handle->stack);
	zipc_segment_close(handle->segment);
	free(handle);
}

/* Most do not wait. Who waits in vain has found it full, or empty, too. */
static int64_t random_timeout(struct dice *dice)
{
	return roll_below(dice, 8) ? ZIPC_NOWAIT : SHORT;
}

static int64_t without_deadline(int64_t rc)
{
	return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

static void push(struct play_lane *me)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);
	int64_t timeout = random_timeout(&me->dice);
	struct handle *handle = me->handle;
	uint64_t elem[PLAY_WORDS_MOST];

	op->kind = LIFO_PUSH;
	op->value = me->lane * 40 + ++me->made;
	play_fill(elem, handle->words, (uint64_t)me->game << 8 | op->value);
	linear_call(me->history, me->lane, 1);
	op->result = without_deadline(
		zipc_stack_push(handle->stack, elem, timeout));
	linear_return(me->history, me->lane, 1);
}

static int64_t take(struct play_lane *me, enum lifo_kind kind)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);
	int64_t timeout = random_timeout(&me->dice), rc;
	struct handle *handle = me->handle;
	uint64_t elem[PLAY_WORDS_MOST];

	op->kind = kind;
	linear_call(me->history, me->lane, 1);
	if (kind == LIFO_POP)
		rc = zipc_stack_pop(handle->stack, elem, timeout);
	else
		rc = zipc_stack_peek(handle->stack, elem);
	op->result = without_deadline(rc);
	if (!rc)
		op->value = play_value(me, elem, handle->words);
	linear_return(me->history, me->lane, 1);
	return rc;
}

static void size(struct play_lane *me)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);
	struct handle *handle = me->handle;

	op->kind = LIFO_SIZE;
	linear_call(me->history, me->lane, 1);
	op->result = (int64_t)zipc_stack_size(handle->stack);
	linear_return(me->history, me->lane, 1);
}

static void move(struct play_lane *me)
{
	switch (roll_below(&me->dice, 12)) {
	case 0:
		size(me);
		break;
	case 1:
	case 2:
		take(me, LIFO_PEEK);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		push(me);
		break;
	default:
		take(me, LIFO_POP);
	}
}

static void clear(struct play_lane *me)
{
	while (take(me, LIFO_POP) >= 0)
		;
}

struct variant {
	unsigned lanes, capacity, words;
	enum play_cores cores;
	unsigned flags;
};

/* Large elements take long to copy: there is time to meet, and to die. */
static const struct variant variants[] = {
	{ 2, 1, 1, PLAY_APART, 0 },
	{ 2, 2, 512, PLAY_APART, 0 },
	{ 2, 3, 25, PLAY_APART, ZIPC_SYMMETRIC_FENCES },
	{ 3, 3, 1, PLAY_APART, 0 },
	{ 3, 2, 512, PLAY_APART, 0 },
	{ 3, 5, 8, PLAY_ANYWHERE, 0 },
	{ 3, 2, 512, PLAY_ON_ONE, 0 },
	{ 4, 3, 1, PLAY_ON_ONE, ZIPC_SYMMETRIC_FENCES },
	{ 4, 2, 512, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES },
	{ 4, 3, 512, PLAY_APART, 0 },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void play_on_a_stack(unsigned i, unsigned games, bool threads,
			    bool kills)
{
	const struct variant *variant = &variants[i];
	const struct zipc_segment_options options = { .flags = variant->flags };
	const struct zipc_stack_options few = { .max_writers = 6 };
	struct linear_spec spec = lifo_spec(&variant->capacity);
	struct field field = { .words = variant->words };
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = clear };
	struct zipc_stack *stack;
	char type[16];

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(field.segment, test_name("linear"));
	ck_rc(zipc_segment_create(&field.owner, field.segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_stack_create_with(&stack, field.owner, "s", type,
				     variant->capacity, &few), 0);
	play_games(&play);
	zipc_stack_close(stack);
	zipc_segment_close(field.owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_stack_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		.variants_with_kills = VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 100,
		.play = play_on_a_stack,
	};

	return play_suite("linear stack", &games);
}

TEST_MAIN(linear_stack_suite)
