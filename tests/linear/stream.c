/* SPDX-License-Identifier: MIT */
/*
 * The stream is linearizable: a log to which emits append, and from which each
 * reader takes what comes next for it. Nothing new is strict: there is a moment
 * of the call in which the reader has had all that was emitted. Producers are
 * never refused here, as there is room for some games; what is full stands in
 * the tests of what holds producers back.
 *
 * A lane begins each game by reading on, and what is left of games before it is
 * as if it had not been asked for.
 */
#include "../../libzeroipc/stream.h"
#include "../harness.h"
#include "play.h"

#define BATCH 3
#define WORDS_MOST 512
#define SHORT INT64_C(2000)
#define CAPACITY 128 /* three games */
#define LOG_MOST 40
#define EACH_MOST 7 /* of a lane */

/* Slow tools play less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GAMES 200
#define GAMES_WITH_KILLS 30
#else
#define GAMES 600
#define GAMES_WITH_KILLS 150
#endif

/* the specification */

enum kind { EMIT, NEXT };

struct log {
	uint8_t n;
	uint8_t values[LOG_MOST];
	uint8_t had[LINEAR_LANES];
};

static void make_empty(void *state, const void *context)
{
	(void)context;
	memset(state, 0, sizeof(struct log));
}

static bool happens(void *state, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *context)
{
	struct log *log = state;
	uint8_t *had = &log->had[moment->lane];

	(void)context;
	if (op->kind == EMIT) {
		if ((!pending && op->result) || log->n == LOG_MOST)
			return false;
		log->values[log->n++] = (uint8_t)op->value;
		return true;
	}
	if (!pending && op->result)
		return op->result == -EAGAIN && *had == log->n;
	if (*had == log->n ||
	    (!pending && log->values[*had] != op->value))
		return false;
	++*had;
	return true;
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	fprintf(out, op->kind == EMIT ? "emit" : "next");
	if (op->kind == EMIT)
		fprintf(out, " %llu", (unsigned long long)op->value);
	if (pending)
		fprintf(out, ": never returned");
	else if (op->result == -EAGAIN)
		fprintf(out, op->kind == EMIT ? ": full" : ": nothing new");
	else if (op->result)
		fprintf(out, ": error %lld", (long long)op->result);
	else if (op->kind == NEXT)
		fprintf(out, ": %llu", (unsigned long long)op->value);
}

static void print_state(FILE *out, const void *state)
{
	const struct log *log = state;
	unsigned i;

	fprintf(out, "[");
	for (i = 0; i < log->n; i++)
		fprintf(out, i ? " %u" : "%u", log->values[i]);
	fprintf(out, "], had");
	for (i = 0; i < LINEAR_LANES; i++)
		fprintf(out, " %u", log->had[i]);
}

static const struct linear_spec spec = {
	.state_bytes = sizeof(struct log),
	.init = make_empty,
	.apply = happens,
	.print_op = print_op,
	.print_state = print_state,
};

/* the lanes */

struct field {
	char segment[96];
	unsigned lanes, words; /* of an element */
	bool named;
	struct zipc_segment *owner;
};

struct handle {
	const struct field *field;
	struct zipc_segment *segment;
	struct zipc_stream *stream;
	struct zipc_subscription *reader;
	unsigned game; /* in which it has read */
};

static const char *const names[] = { "0", "1", "2", "3" };

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	handle->field = field;
	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_stream_open(&handle->stream, handle->segment, "s", NULL),
	      0);
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_stream_leave(handle->reader);
	zipc_stream_close(handle->stream);
	zipc_segment_close(handle->segment);
	free(handle);
}

/* The last lane, which comes after the others, reads privately. */
static void subscribe(struct handle *handle, unsigned lane)
{
	const struct field *field = handle->field;
	bool named = field->named && lane < field->lanes;

	if (!handle->reader)
		ck_rc(zipc_stream_subscribe(&handle->reader, handle->stream,
					    named ? names[lane] : NULL,
					    named ? ZIPC_STREAM_STOOD
						  : ZIPC_STREAM_OLDEST), 0);
}

/* An element's first word names it; the others follow from that. */
static void fill(uint64_t *elem, unsigned words, uint64_t name)
{
	unsigned i;

	for (i = 0; i < words; i++)
		elem[i] = name * (2 * i + 1);
}

/* What a history calls it; of one that nobody made, a number nobody has. */
static uint64_t value_of(const uint64_t *elem, unsigned words)
{
	uint64_t whole[WORDS_MOST];

	fill(whole, words, elem[0]);
	return memcmp(whole, elem, words * sizeof(*elem)) ? UINT64_MAX
							  : elem[0] & 0xFF;
}

/* Most do not wait. Who waits in vain has found nothing, too. */
static int64_t random_timeout(struct dice *dice)
{
	return roll_below(dice, 8) ? ZIPC_NOWAIT : SHORT;
}

static void emit(struct play_lane *me, unsigned n)
{
	struct linear_op *ops = linear_prepare(me->history, me->lane, n);
	struct handle *handle = me->handle;
	unsigned words = handle->field->words, i;
	uint64_t elems[BATCH * WORDS_MOST];
	int64_t rc;

	for (i = 0; i < n; i++) {
		ops[i].kind = EMIT;
		ops[i].value = me->lane * 40 + ++me->made;
		fill(elems + i * words, words,
		     (uint64_t)me->game << 8 | ops[i].value);
	}
	linear_call(me->history, me->lane, n);
	if (n == 1)
		rc = 1 + zipc_stream_emit(handle->stream, elems, ZIPC_NOWAIT);
	else
		rc = zipc_stream_emit_n(handle->stream, elems, n, ZIPC_NOWAIT);
	for (i = rc < 0 ? 0 : (unsigned)rc; i < n; i++)
		ops[i].result = -EAGAIN;
	linear_return(me->history, me->lane, n);
}

/* How many of n, or -EAGAIN. */
static int64_t read_some(struct play_lane *me, uint64_t *elems, unsigned n)
{
	struct handle *handle = me->handle;
	int64_t timeout = random_timeout(&me->dice), rc;

	if (n == 1) {
		rc = zipc_stream_next(handle->reader, elems, timeout);
		rc = rc ? rc : 1;
	} else {
		rc = zipc_stream_next_n(handle->reader, elems, n, timeout);
	}
	return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

/* How many of them are of this game; those of earlier ones come first. */
static int64_t keep_new(const struct play_lane *me, uint64_t *elems,
			unsigned words, int64_t n)
{
	int64_t old = 0;

	while (old < n && elems[old * words] >> 8 < me->game)
		old++;
	memmove(elems, elems + old * words,
		(size_t)(n - old) * words * sizeof(*elems));
	return n - old;
}

static int64_t next(struct play_lane *me, unsigned n)
{
	struct linear_op *ops = linear_prepare(me->history, me->lane, n);
	struct handle *handle = me->handle;
	unsigned words = handle->field->words;
	uint64_t elems[BATCH * WORDS_MOST];
	int64_t rc, i;

	for (i = 0; i < n; i++)
		ops[i].kind = NEXT;
	linear_call(me->history, me->lane, n);
	do {
		rc = read_some(me, elems, n);
		if (rc > 0)
			rc = keep_new(me, elems, words, rc);
	} while (!rc);
	for (i = 0; i < rc; i++)
		ops[i].value = value_of(elems + i * words, words);
	if (rc < 0)
		ops[0].result = rc;
	linear_return(me->history, me->lane, rc < 0 ? 1 : (unsigned)rc);
	ck_assert_uint_eq(zipc_stream_lost(handle->reader), 0);
	return rc;
}

/*
 * What a reader does when its patience ends, now: a writer that runs is asked
 * and revoked, which seldom happens by itself.
 */
static void settle(struct handle *handle)
{
	struct zipc_places *places = &handle->stream->places;
	uint64_t head = atomic_load_explicit(&places->ring->head,
					     memory_order_relaxed);

	ck_rc(zipc_places_settle(places, head), 0);
}

static void move(struct play_lane *me)
{
	struct handle *handle = me->handle;
	unsigned n = roll_below(&me->dice, 4) ? 1
					      : 1 + roll_below(&me->dice,
							       BATCH);

	subscribe(handle, me->lane);
	if (!roll_below(&me->dice, 4))
		settle(handle);
	if (handle->game != me->game) {
		handle->game = me->game;
		next(me, 1);
	} else if (roll_below(&me->dice, 2) && me->made + n <= EACH_MOST) {
		emit(me, n);
	} else {
		next(me, n);
	}
}

static void clear(struct play_lane *me)
{
	subscribe(me->handle, me->lane);
	while (next(me, 1) >= 0)
		;
}

struct variant {
	unsigned lanes, words;
	bool named;
	enum play_cores cores;
	unsigned flags;
};

/* Large elements take long to copy: there is time to meet, and to die. */
static const struct variant variants[] = {
	{ 2, 512, false, PLAY_APART, 0 },
	{ 3, 1, true, PLAY_APART, 0 },
	{ 3, 25, false, PLAY_ON_ONE, ZIPC_SYMMETRIC_FENCES },
	{ 4, 512, true, PLAY_ANYWHERE, 0 },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static struct zipc_stream *make_stream(struct field *field,
				       const struct variant *variant)
{
	const struct zipc_segment_options options = { .flags = variant->flags };
	const struct zipc_stream_options few = { .max_writers = 6 };
	struct zipc_subscription *it;
	struct zipc_stream *stream;
	char type[16];
	unsigned i;

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(field->segment, test_name("linear"));
	ck_rc(zipc_segment_create(&field->owner, field->segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_stream_create_with(&stream, field->owner, "s", type,
				      CAPACITY, &few), 0);
	for (i = 0; field->named && i < variant->lanes; i++) {
		ck_rc(zipc_stream_subscribe(&it, stream, names[i],
					    ZIPC_STREAM_NEWEST), 0);
		zipc_stream_leave(it);
	}
	return stream;
}

static void play_on_a_stream(unsigned i, unsigned games, bool threads,
			     bool kills)
{
	const struct variant *variant = &variants[i];
	struct field field = { .lanes = variant->lanes,
			       .words = variant->words,
			       .named = variant->named };
	struct zipc_stream *stream = make_stream(&field, variant);
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = clear };

	play_games(&play);
	zipc_stream_close(stream);
	zipc_segment_close(field.owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_stream_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		.variants_with_kills = VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 100,
		.play = play_on_a_stream,
	};

	return play_suite("linear stream", &games);
}

TEST_MAIN(linear_stream_suite)
