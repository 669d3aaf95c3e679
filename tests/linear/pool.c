/* SPDX-License-Identifier: MIT */
/*
 * The pool is linearizable: take, give, send, receive, pass and accept; hands.h
 * says what it promises. Each lane begins and ends a move with empty hands.
 */
#include "../../libzeroipc/atoms.h"
#include "../../libzeroipc/pool.h"
#include "../children.h"
#include "../harness.h"
#include "hands.h"
#include "play.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define WORDS_MOST 512
#define SHORT INT64_C(2000)

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
	unsigned words; /* of an object */
	struct hands_rules rules;
	/* The latest ticket of each object, shared by all. */
	_Atomic uint64_t *tickets;
	struct zipc_segment *owner;
};

struct handle {
	const struct field *field;
	struct zipc_segment *segment;
	struct zipc_pool *pool;
	struct zipc_queue *queue;
	unsigned words;
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_pool_open(&handle->pool, handle->segment, "p", NULL), 0);
	ck_rc(zipc_queue_open(&handle->queue, handle->segment, "q", NULL), 0);
	handle->field = field;
	handle->words = field->words;
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_queue_close(handle->queue);
	zipc_pool_close(handle->pool);
	zipc_segment_close(handle->segment);
	free(handle);
}

/* contents */

/* The first word names the message; the others follow from that. */
static void fill(struct play_lane *me, unsigned index, unsigned message)
{
	struct handle *handle = me->handle;
	uint64_t *words = zipc_pool_at(handle->pool, index);
	unsigned i;

	for (i = 0; i < handle->words; i++)
		words[i] = ((uint64_t)me->game << 8 | message) * (2 * i + 1);
}

/* What stands there; of what nobody made in this game, HANDS_TORN. */
static unsigned message_in(struct play_lane *me, unsigned index)
{
	struct handle *handle = me->handle;
	const uint64_t *words = zipc_pool_at(handle->pool, index);
	unsigned i;

	for (i = 0; i < handle->words; i++)
		if (words[i] != words[0] * (2 * i + 1))
			return HANDS_TORN;
	return words[0] >> 8 == me->game ? words[0] & 0xFF : HANDS_TORN;
}

static unsigned new_message(struct play_lane *me)
{
	return me->lane * 40 + ++me->made;
}

/* calls */

/* Most do not wait. Who waits in vain has found none, too. */
static int64_t random_timeout(struct dice *dice)
{
	return roll_below(dice, 8) ? ZIPC_NOWAIT : SHORT;
}

static int64_t without_deadline(int64_t rc)
{
	return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

static struct linear_op *called(struct play_lane *me, enum hands_kind kind,
				uint64_t value)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);

	op->kind = kind;
	op->value = value;
	linear_call(me->history, me->lane, 1);
	return op;
}

static int64_t returned(struct play_lane *me, struct linear_op *op, int64_t rc)
{
	op->result = without_deadline(rc);
	linear_return(me->history, me->lane, 1);
	return op->result;
}

/* Which one it takes nobody knows before; of a single one it is known. */
static int64_t take(struct play_lane *me, uint64_t *index)
{
	struct handle *handle = me->handle;
	int64_t timeout = random_timeout(&me->dice);
	bool single = handle->field->rules.objects == 1;
	struct linear_op *op = called(me, HANDS_TAKE,
				      single ? 0 : HANDS_NONE);
	int64_t rc = zipc_pool_take(handle->pool, index, timeout);

	if (!rc)
		op->value = *index;
	return returned(me, op, rc);
}

static int64_t give(struct play_lane *me, uint64_t index)
{
	struct handle *handle = me->handle;
	struct linear_op *op = called(me, HANDS_GIVE, index);

	return returned(me, op, zipc_pool_give(handle->pool, index));
}

/* What was written while it was owned has to stand there to the end. */
static void give_behind(struct play_lane *me, uint64_t index, unsigned message)
{
	ck_assert_uint_eq(message_in(me, (unsigned)index), message);
	give(me, index);
}

static int64_t send(struct play_lane *me, uint64_t index)
{
	struct handle *handle = me->handle;
	unsigned message = new_message(me);
	int64_t timeout = random_timeout(&me->dice);
	struct linear_op *op;

	fill(me, (unsigned)index, message);
	op = called(me, HANDS_SEND, hands_value(index, message, 0));
	return returned(me, op, zipc_pool_send(handle->pool, handle->queue,
					       index, timeout));
}

static int64_t receive(struct play_lane *me, uint64_t *index)
{
	struct handle *handle = me->handle;
	int64_t timeout = random_timeout(&me->dice);
	struct linear_op *op = called(me, HANDS_RECEIVE, 0);
	int64_t rc = zipc_pool_receive(handle->pool, handle->queue, index,
				       timeout);

	if (!rc)
		op->value = hands_value(*index,
					message_in(me, (unsigned)*index), 0);
	return returned(me, op, rc);
}

static void pass(struct play_lane *me, uint64_t index)
{
	struct handle *handle = me->handle;
	unsigned message = new_message(me);
	struct linear_op *op;
	uint64_t ticket = 0;
	int64_t rc;

	fill(me, (unsigned)index, message);
	op = called(me, HANDS_PASS, hands_value(index, message, 0));
	rc = zipc_pool_pass(handle->pool, index, &ticket);
	op->value = hands_value(index, message, ticket);
	returned(me, op, rc);
	atomic_store_explicit(&handle->field->tickets[index], ticket,
			      memory_order_release);
}

static int64_t accept(struct play_lane *me, uint64_t *index)
{
	struct handle *handle = me->handle;
	uint64_t ticket = atomic_load_explicit(&handle->field->tickets[*index],
					       memory_order_acquire);
	struct linear_op *op;
	int64_t rc;

	if (!ticket)
		return -ENOENT;
	op = called(me, HANDS_ACCEPT, hands_value(*index, 0, ticket));
	rc = zipc_pool_accept(handle->pool, ticket, index);
	if (!rc)
		op->value = hands_value(*index,
					message_in(me, (unsigned)*index),
					ticket);
	return returned(me, op, rc);
}

/* moves */

static void send_or_give(struct play_lane *me, uint64_t index)
{
	if (send(me, index))
		give(me, index);
}

static void keep_for_a_while(struct play_lane *me, uint64_t index)
{
	unsigned message = new_message(me), n = roll_below(&me->dice, 50);

	fill(me, (unsigned)index, message);
	while (n--)
		zipc_pause();
	give_behind(me, index, message);
}

static void move(struct play_lane *me)
{
	const struct handle *handle = me->handle;
	uint64_t index = roll_below(&me->dice, handle->field->rules.objects);

	switch (roll_below(&me->dice, 12)) {
	case 0: /* another's, or a free one */
		give(me, index);
		break;
	case 1:
	case 2:
	case 3:
		if (!take(me, &index))
			keep_for_a_while(me, index);
		break;
	case 4:
	case 5:
	case 6:
		if (!take(me, &index))
			send_or_give(me, index);
		break;
	case 7:
		if (!receive(me, &index))
			send_or_give(me, index);
		break;
	case 8:
		if (!take(me, &index))
			pass(me, index);
		break;
	case 9:
		if (!accept(me, &index))
			give(me, index);
		break;
	default:
		if (!receive(me, &index))
			give(me, index);
	}
}

/* behind the moves */

/*
 * Of a take that never returned: the object that somebody owns now, since the
 * living have empty hands.
 */
static void tell_what_was_taken(struct play_lane *me)
{
	const struct handle *handle = me->handle;
	struct linear_lane *lane;
	struct linear_op *op;
	unsigned i, ended;
	uint64_t value;

	for (lane = me->history->lanes; lane < me->history->lanes + me->lane;
	     lane++) {
		ended = atomic_load_explicit(&lane->ended,
					     memory_order_acquire);
		op = &lane->ops[ended];
		if (ended == atomic_load_explicit(&lane->begun,
						  memory_order_acquire) ||
		    op->kind != HANDS_TAKE)
			continue;
		for (i = 0; i < handle->field->rules.objects; i++) {
			value = atomic_load_explicit(
				&handle->pool->cells[i].value,
				memory_order_acquire);
			if (value && !zipc_pool_state(value))
				op->value = i;
		}
	}
}

static void take_back_all(struct play_lane *me)
{
	struct handle *handle = me->handle;
	uint64_t index, i;

	while (!receive(me, &index))
		give(me, index);
	for (i = 0; i < handle->field->rules.objects; i++) {
		index = i;
		if (!accept(me, &index))
			give(me, index);
		atomic_store_explicit(&handle->field->tickets[i], 0,
				      memory_order_relaxed);
	}
}

static void clear(struct play_lane *me)
{
	struct handle *handle = me->handle;
	uint64_t index[HANDS_OBJECTS_MOST + 1];
	unsigned n = 0;
	struct linear_op *op;

	tell_what_was_taken(me);
	take_back_all(me);
	op = called(me, HANDS_SIZE, HANDS_NONE);
	returned(me, op, (int64_t)zipc_pool_size(handle->pool));
	op = called(me, HANDS_RECLAIM, HANDS_NONE);
	returned(me, op, zipc_pool_reclaim_passed(handle->pool));
	while (n <= handle->field->rules.objects && !take(me, &index[n]))
		n++;
	while (n)
		give(me, index[--n]);
}

struct variant {
	unsigned lanes, objects, queue, words;
	enum play_cores cores;
	unsigned flags;
	bool reclaims;
};

/* Large objects take long to write: there is time to meet, and to die. */
static const struct variant variants[] = {
	{ 2, 1, 4, 1, PLAY_APART, 0, false },
	{ 2, 2, 4, 512, PLAY_APART, 0, false },
	{ 2, 2, 1, 25, PLAY_APART, ZIPC_SYMMETRIC_FENCES, false },
	{ 3, 2, 4, 1, PLAY_APART, 0, true },
	{ 3, 1, 4, 64, PLAY_ON_ONE, 0, false },
	{ 3, 3, 2, 1, PLAY_ANYWHERE, 0, false },
	{ 3, 1, 4, 1, PLAY_APART, 0, true },
	{ 4, 3, 4, 8, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES, true },
	{ 4, 2, 4, 1, PLAY_ON_ONE, 0, false },
	{ 4, 3, 4, 64, PLAY_APART, 0, false },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void make(struct field *field, const struct variant *variant)
{
	const struct zipc_segment_options options = { .flags = variant->flags };
	const struct zipc_queue_options few = { .max_writers = 6 };
	const struct zipc_pool_options with = { .reclaims = variant->reclaims };
	struct zipc_queue *queue;
	struct zipc_pool *pool;
	char type[16];

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(field->segment, test_name("linear"));
	ck_rc(zipc_segment_create(&field->owner, field->segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_pool_create_with(&pool, field->owner, "p", type,
				    variant->objects, &with), 0);
	ck_rc(zipc_queue_create_with(&queue, field->owner, "q", "u64",
				     variant->queue, &few), 0);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}

static void play_on_a_pool(unsigned i, unsigned games, bool threads,
			   bool kills)
{
	const struct variant *variant = &variants[i];
	const size_t shared = HANDS_OBJECTS_MOST * sizeof(uint64_t);
	struct field field = {
		.words = variant->words,
		.rules = { variant->objects, variant->queue,
			   variant->reclaims },
		.tickets = shared_memory(shared),
	};
	struct linear_spec spec = hands_spec(&field.rules);
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = clear };

	make(&field, variant);
	play_games(&play);
	zipc_segment_close(field.owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
	munmap(field.tickets, shared);
}

static Suite *linear_pool_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		.variants_with_kills = VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 100,
		.play = play_on_a_pool,
	};

	return play_suite("linear pool", &games);
}

TEST_MAIN(linear_pool_suite)
