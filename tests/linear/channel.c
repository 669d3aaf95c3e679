/* SPDX-License-Identifier: MIT */
/*
 * The channel is linearizable. With a buffer it is a bounded queue (fifo.h).
 *
 * Without one a send and the receive that takes it happen at once: the search
 * lets the send go first, and then nothing but that receive may follow. So each
 * element has one of either, whose calls overlap. A game ends with a receive
 * that finds nothing: no send is left without its receive. What a killed one
 * offered may be received at any time.
 *
 * Some sends and receives are selects, and some of those are both: what such a
 * one did is known when it returns, and of a killed one whatever fits.
 */
#include "../harness.h"
#include "fifo.h"
#include "play.h"

#define SHORT INT64_C(100000)

/* Slow tools play less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GAMES 200
#define GAMES_WITH_KILLS 40
#else
#define GAMES 1000
#define GAMES_WITH_KILLS 200
#endif

/* What is played on. */
struct field {
	char segment[96];
	unsigned capacity, words; /* words: of an element */
	struct zipc_segment *owner;
};

/* the specification without a buffer: what was sent, and is not received */

enum { EITHER = FIFO_SIZE + 1 }; /* a killed select's kind: push, or pop */

static void begin(void *state, const void *context)
{
	(void)context;
	*(uint64_t *)state = 0;
}

static bool happens(void *state, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *context)
{
	uint64_t *hand = state, sent = *hand;

	(void)moment, (void)context;
	if (!pending && op->result)
		return op->result == -EAGAIN && !sent;
	if (op->kind == FIFO_PUSH || (op->kind == EITHER && !sent)) {
		*hand = op->value;
		return !sent;
	}
	*hand = 0;
	return sent && (pending || op->value == sent);
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "send", "recv", "size", "both" };

	fprintf(out, "%s %llu", names[op->kind], (unsigned long long)op->value);
	if (pending)
		fprintf(out, ": never returned");
	else if (op->result)
		fprintf(out, ": error %lld", (long long)op->result);
}

static void print_state(FILE *out, const void *state)
{
	fprintf(out, "sent %llu", (unsigned long long)*(const uint64_t *)state);
}

static struct linear_spec spec_of(const struct field *field)
{
	if (field->capacity)
		return fifo_spec(&field->capacity);
	return (struct linear_spec){ .state_bytes = sizeof(uint64_t),
				     .init = begin, .apply = happens,
				     .print_op = print_op,
				     .print_state = print_state };
}

/* a lane */

struct handle {
	struct zipc_segment *segment;
	struct zipc_channel *channel;
};

static void *enter(const void *context)
{
	const struct field *field = context;
	struct handle *handle = calloc(1, sizeof(*handle));

	ck_rc(zipc_segment_open(&handle->segment, field->segment, 0), 0);
	ck_rc(zipc_channel_open(&handle->channel, handle->segment, "c", NULL),
	      0);
	return handle;
}

static void leave(void *context)
{
	struct handle *handle = context;

	zipc_channel_release(handle->channel);
	zipc_segment_close(handle->segment);
	free(handle);
}

/* One case, or two: which happened, and what it gave; -EAGAIN. */
static int64_t do_one(struct play_lane *me, struct zipc_case *cases, size_t n,
		      int *happened)
{
	int64_t timeout = roll_below(&me->dice, 4) ? ZIPC_NOWAIT : SHORT, rc;
	bool plain = roll_below(&me->dice, 2);

	*happened = 0;
	if (n == 1 && plain) {
		rc = cases->kind == ZIPC_SEND
			     ? zipc_channel_send(cases->target, cases->elem,
						 timeout)
			     : zipc_channel_recv(cases->target, cases->elem,
						 timeout);
	} else {
		rc = zipc_select(cases, n, timeout);
		if (rc >= 0) {
			*happened = (int)rc;
			rc = cases[rc].result;
		}
	}
	return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

static int64_t play(struct play_lane *me, int kind)
{
	struct linear_op *op = linear_prepare(me->history, me->lane, 1);
	struct zipc_channel *channel = ((struct handle *)me->handle)->channel;
	uint64_t in[PLAY_WORDS_MOST], out[PLAY_WORDS_MOST];
	const struct field *field = me->context;
	struct zipc_case cases[2];
	int happened;
	size_t n = 0;

	op->kind = kind;
	if (kind != FIFO_POP) {
		op->value = me->lane * 40 + ++me->made;
		play_fill(out, field->words,
			  (uint64_t)me->game << 8 | op->value);
		cases[n++] = (struct zipc_case){ ZIPC_SEND, channel, out, 0 };
	}
	if (kind != FIFO_PUSH)
		cases[n++] = (struct zipc_case){ ZIPC_RECV, channel, in, 0 };
	linear_call(me->history, me->lane, 1);
	op->result = do_one(me, cases, n, &happened);
	op->kind = cases[happened].kind == ZIPC_SEND ? FIFO_PUSH : FIFO_POP;
	if (!op->result && op->kind == FIFO_POP)
		op->value = play_value(me, in, field->words);
	linear_return(me->history, me->lane, 1);
	return op->result;
}

static void move(struct play_lane *me)
{
	const struct field *field = me->context;
	unsigned face = roll_below(&me->dice, 8);

	play(me, face < 3				? FIFO_PUSH
		 : face == 3 && !field->capacity	? EITHER
							: FIFO_POP);
}

static void clear(struct play_lane *me)
{
	while (play(me, FIFO_POP) >= 0)
		;
}

struct variant {
	unsigned lanes, capacity, words;
	enum play_cores cores;
	unsigned flags;
};

/* Large elements take long to copy: there is time to meet, and to die. */
static const struct variant variants[] = {
	{ 2, 0, 1, PLAY_APART, 0 },
	{ 3, 0, 512, PLAY_ANYWHERE, 0 },
	{ 4, 0, 25, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES },
	{ 3, 0, 512, PLAY_ON_ONE, 0 },
	{ 2, 1, 1, PLAY_APART, 0 },
	{ 4, 2, 512, PLAY_ANYWHERE, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void play_on_a_channel(unsigned i, unsigned games, bool threads,
			      bool kills)
{
	const struct variant *variant = &variants[i];
	const struct zipc_segment_options options = { .flags = variant->flags };
	const struct zipc_channel_options few = { .max_senders = 6 };
	struct field field = { .capacity = variant->capacity,
			       .words = variant->words };
	struct linear_spec spec = spec_of(&field);
	struct play play = { .lanes = variant->lanes, .games = games,
			     .threads = threads, .kills = kills,
			     .cores = variant->cores, .spec = &spec,
			     .context = &field, .enter = enter,
			     .leave = leave, .move = move, .clear = clear };
	struct zipc_channel *channel;
	char type[16];

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(field.segment, test_name("linear"));
	ck_rc(zipc_segment_create(&field.owner, field.segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_channel_create_with(&channel, field.owner, "c", type,
				       variant->capacity, &few), 0);
	play_games(&play);
	zipc_channel_release(channel);
	zipc_segment_close(field.owner);
	ck_rc(zipc_segment_unlink(field.segment), 0);
}

static Suite *linear_channel_suite(void)
{
	static const struct play_suite games = {
		.variants = VARIANTS,
		.variants_with_kills = VARIANTS,
		.games = GAMES,
		.games_with_kills = GAMES_WITH_KILLS,
		.longer = 100,
		.play = play_on_a_channel,
	};

	return play_suite("linear channel", &games);
}

TEST_MAIN(linear_channel_suite)
