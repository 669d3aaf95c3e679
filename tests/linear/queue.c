/* SPDX-License-Identifier: MIT */
/*
 * The queue is linearizable, with what zipc/queue.h says of full, of the size
 * and of batches; fifo.h is that promise.
 */
#include "../../libzeroipc/place_ring.h"
#include "../harness.h"
#include "fifo.h"
#include "play.h"

#define BATCH 3
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
	struct zipc_queue *queue;
	struct zipc_places places; /* to settle by */
	unsigned words;
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));
	struct zipc_found found;

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_queue_open(&handle->queue, handle->segment, "q", NULL), 0);
	ck_rc(zipc_table_find(&found, handle->segment, "q", ZIPC_QUEUE, NULL),
	      0);
	ck_rc(zipc_places_open(&handle->places, handle->segment, &found, "q"),
	      0);
	zipc_type_free(found.type);
	handle->words = field->words;
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_queue_close(handle->queue);
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

static void push(struct play_lane *me, unsigned n)
{
	struct linear_op *ops = linear_prepare(me->history, me->lane, n);
	int64_t timeout = random_timeout(&me->dice), rc;
	struct handle *handle = me->handle;
	uint64_t elems[BATCH * PLAY_WORDS_MOST];
	unsigned i;

	for (i = 0; i < n; i++) {
		ops[i].kind = FIFO_PUSH;
		ops[i].value = me->lane * 40 + ++me->made;
		play_fill(elems + i * handle->words, handle->words,
		     (uint64_t)me->game << 8 | ops[i].value);
	}
	linear_call(me->history, me->lane, n);
	if (n == 1) {
		rc = zipc_queue_push(handle->queue, elems, timeout);
		rc = rc ? rc : 1;
	} else {
		rc = zipc_queue_push_n(handle->queue, elems, n, timeout);
	}
	/* Fewer than n: for the others it was full, at the same moment. */
	for (i = rc < 0 ? 0 : (unsigned)rc; i < n; i++)
		ops[i].result = rc < 0 ? without_deadline(rc) : -EAGAIN;
	linear_return(me->history, me->lane, n);
}

static int64_t pop(struct play_lane *me, unsigned n)
{
	struct linear_op *ops = linear_prepare(me->history, me->lane, n);
	int64_t timeout = random_timeout(&me->dice), rc, i;
	struct handle *handle = me->handle;
	uint64_t elems[BATCH * PLAY_WORDS_MOST];

	for (i = 0; i < n; i++)
		ops[i].kind = FIFO_POP;
	linear_call(me->history, me->lane, n);
	if (n == 1) {
		rc = zipc_queue_pop(handle->queue, elems, timeout);
		rc = rc ? rc : 1;
	} else {
		rc = zipc_queue_pop_n(handle->queue, elems, n, timeout);
	}
	for (i = 0; i < rc; i++)
		ops[i].value = play_value(me, elems + i * handle->words,
					  handle->words);
	if (rc < 0)
		ops[0].result = without_deadline(rc);
	linear_return(me->history, me->lane, rc < 0 ? 1 : (unsigned)rc);
	return rc;
}

static void size(struct play_lane *me)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);
	struct handle *handle = me->handle;

	op->kind = FIFO_SIZE;
	linear_call(me->history, me->lane, 1);
	op->result = (int64_t)zipc_queue_size(handle->queue);
	linear_return(me->history, me->lane, 1);
}

/*
 * What a pop does when its patience ends, now: a writer that runs is asked and
 * revoked, which seldom happens by itself. It may change nothing for others.
 */
static void settle(struct play_lane *me)
{
	struct handle *handle = me->handle;
	uint64_t head = atomic_load_explicit(&handle->places.ring->head,
					     memory_order_relaxed);

	ck_rc(zipc_places_settle(&handle->places, head), 0);
}

static void move(struct play_lane *me)
{
	if (!roll_below(&me->dice, 4))
		settle(me);
	switch (roll_below(&me->dice, 12)) {
	case 0:
		size(me);
		break;
	case 1:
		push(me, 2 + roll_below(&me->dice, BATCH - 1));
		break;
	case 2:
		pop(me, 2 + roll_below(&me->dice, BATCH - 1));
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		push(me, 1);
		break;
	default:
		pop(me, 1);
	}
}

static void clear(struct play_lane *me)
{
	while (pop(me, 1) >= 0)
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
	{ 3, 1, 512, PLAY_ANYWHERE, 0 },
	{ 3, 2, 512, PLAY_APART, 0 },
	{ 3, 3, 8, PLAY_ANYWHERE, 0 },
	{ 3, 2, 512, PLAY_ON_ONE, 0 },
	{ 4, 1, 25, PLAY_ON_ONE, ZIPC_SYMMETRIC_FENCES },
	{ 4, 2, 512, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES },
	{ 4, 3, 512, PLAY_APART, 0 },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void play_on_a_queue(unsigned i, unsigned games, bool threads,
			    bool kills)
{
	const struct variant *variant = &variants[i];
	const struct zipc_segment_options options = { .flags = variant->flags };
	const struct zipc_queue_options few = { .max_writers = 6 };
	struct linear_spec spec = fifo_spec(&variant->capacity);
	struct field field = { .words = variant->words };
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = clear };
	struct zipc_queue *queue;
	char type[16];

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(field.segment, test_name("linear"));
	ck_rc(zipc_segment_create(&field.owner, field.segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_queue_create_with(&queue, field.owner, "q", type,
				     variant->capacity, &few), 0);
	play_games(&play);
	zipc_queue_close(queue);
	zipc_segment_close(field.owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_queue_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		.variants_with_kills = VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 100,
		.play = play_on_a_queue,
	};

	return play_suite("linear queue", &games);
}

TEST_MAIN(linear_queue_suite)
