/* SPDX-License-Identifier: MIT */
/*
 * Two channels in a storm: senders, receivers, and selects that send to both
 * and receive from both are killed and stopped, and what was sent is received
 * once, whole, and through a buffer in order.
 *
 * The books are in memory that outlives the killed. Who sends numbers its
 * elements, and notes those whose send has returned. Who receives does so into
 * a buffer in the books, then notes the element; when it is killed, what the
 * buffer holds may be gone along, and nothing else may be missing. In the end
 * both channels are closed: that ends who receives, behind all that was sent.
 */
#include "storm.h"
#include "../harness.h"

#include "../../libzeroipc/channel.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define SEATS 8
#define WORDS_MOST 25
#define NUMBERS (UINT64_C(1) << 22) /* per seat */
#define SHORT INT64_C(200000)
#define A_WHILE INT64_C(20000000) /* for ever, and whether it is over */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

/* What became of an element: bits, and above them how often it was received. */
enum { SENT = 1, GONE_ALONG = 2, RECEIVED = 4 };

struct variant {
	unsigned senders, receivers, selects; /* seats, in that order */
	unsigned capacity, words;
	int64_t timeout_ns; /* NOWAIT, or SHORT, or A_WHILE */
	unsigned flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	_Atomic uint64_t next[SEATS]; /* of a seat: no number is beyond */
	/* that a seat received last from a channel, by who had sent it */
	_Atomic uint64_t last[SEATS][2][SEATS];
	uint64_t buffers[SEATS][2][WORDS_MOST];
	_Atomic uint8_t fates[SEATS][NUMBERS];
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
	return x ^ x >> 29;
}

/* The first word names the element and holds a check; the rest follows. */
static void fill(uint64_t *elem, unsigned words, uint64_t seat, uint64_t number)
{
	uint64_t name = (seat << 40 | number) << 16;
	unsigned i;

	elem[0] = name | (mix(name) & 0xFFFF);
	for (i = 1; i < words; i++)
		elem[i] = mix(elem[0] + i);
}

static uint64_t number_of(const uint64_t *elem)
{
	return elem[0] >> 16 & 0xFFFFFFFFFF;
}

static bool is_whole(const uint64_t *elem, unsigned words)
{
	uint64_t whole[WORDS_MOST];

	fill(whole, words, elem[0] >> 56, number_of(elem));
	return memcmp(whole, elem, words * sizeof(*elem)) == 0;
}

/* a seat */

struct seat {
	struct books *books;
	const struct variant *variant;
	unsigned me;
	struct zipc_segment *segment;
	struct zipc_channel *channels[2];
	bool ended[2];
	uint64_t elem[WORDS_MOST]; /* that it sends */
};

static void must(int rc, const char *what)
{
	storm_assert(!rc, "%s: %s", what, zipc_last_error());
}

/* Whether nothing was there, or not in time. */
static bool was_refused(int64_t timeout_ns, int rc)
{
	return rc == (timeout_ns == ZIPC_NOWAIT ? -EAGAIN : -ETIMEDOUT);
}

/* Without a buffer nothing is ever received where nobody waits for it. */
static int64_t recv_timeout(const struct variant *variant)
{
	return variant->capacity || variant->timeout_ns != ZIPC_NOWAIT
		       ? variant->timeout_ns
		       : A_WHILE;
}

/* False: all numbers are used. Who is killed from here on leaves this one. */
static bool begin_to_send(struct seat *seat)
{
	uint64_t number = atomic_load(&seat->books->next[seat->me]);

	if (number == NUMBERS)
		return false;
	fill(seat->elem, seat->variant->words, seat->me, number);
	atomic_store(&seat->books->next[seat->me], number + 1);
	return true;
}

static void end_to_send(struct seat *seat, bool sent)
{
	uint64_t number = number_of(seat->elem);

	if (sent) {
		storm_progress();
		atomic_fetch_or(&seat->books->fates[seat->me][number], SENT);
	} else {
		atomic_store(&seat->books->next[seat->me], number);
	}
}

static void note(struct seat *seat, unsigned channel)
{
	struct books *books = seat->books;
	const uint64_t *elem = books->buffers[seat->me][channel];
	uint64_t number = number_of(elem), after;
	unsigned sender = (unsigned)(elem[0] >> 56);

	storm_progress();
	storm_assert(is_whole(elem, seat->variant->words),
		     "a torn element: %llx", (unsigned long long)elem[0]);
	storm_assert(sender < SEATS &&
			     number < atomic_load(&books->next[sender]),
		     "element %llu of seat %u comes from nowhere",
		     (unsigned long long)number, sender);
	storm_assert(atomic_fetch_add(&books->fates[sender][number],
				      RECEIVED) < RECEIVED,
		     "element %llu of seat %u is doubled",
		     (unsigned long long)number, sender);
	after = atomic_exchange(&books->last[seat->me][channel][sender],
				number + 1);
	/* What a dead one offers without a buffer may be taken later. */
	storm_assert(!seat->variant->capacity || number + 1 > after,
		     "element %llu of seat %u comes behind %llu",
		     (unsigned long long)number, sender,
		     (unsigned long long)after - 1);
}

static void send_one(struct seat *seat, struct dice *dice)
{
	int rc;

	if (!begin_to_send(seat)) {
		storm_progress();
		sched_yield();
		return;
	}
	rc = zipc_channel_send(seat->channels[roll_below(dice, 2)], seat->elem,
			       seat->variant->timeout_ns);
	storm_assert(!rc || was_refused(seat->variant->timeout_ns, rc),
		     "send gives %d: %s", rc, zipc_last_error());
	end_to_send(seat, !rc);
	if (rc == -EAGAIN)
		sched_yield();
}

static void receive_one(struct seat *seat, struct dice *dice)
{
	unsigned i = roll_below(dice, 2);
	int64_t timeout_ns = recv_timeout(seat->variant);
	int rc;

	i = seat->ended[i] ? !i : i;
	rc = zipc_channel_recv(seat->channels[i],
			       seat->books->buffers[seat->me][i], timeout_ns);
	seat->ended[i] = rc == -EPIPE;
	storm_assert(!rc || rc == -EPIPE || was_refused(timeout_ns, rc),
		     "recv gives %d: %s", rc, zipc_last_error());
	if (!rc)
		note(seat, i);
	else if (rc == -EAGAIN)
		sched_yield();
}

/* The cases in any order: which are there, is told by the targets. */
static size_t make_cases(struct seat *seat, struct zipc_case *cases, bool sends)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (seat->ended[i])
			continue;
		cases[n++] = (struct zipc_case){
			ZIPC_RECV, seat->channels[i],
			seat->books->buffers[seat->me][i], 0
		};
		if (sends)
			cases[n++] = (struct zipc_case){
				ZIPC_SEND, seat->channels[i], seat->elem, 0
			};
	}
	return n;
}

static void select_one(struct seat *seat)
{
	bool sends = !storm_is_over() && begin_to_send(seat);
	struct zipc_case cases[4];
	size_t n = make_cases(seat, cases, sends);
	int rc = zipc_select(cases, n, seat->variant->timeout_ns);
	bool sent = rc >= 0 && cases[rc].kind == ZIPC_SEND;
	unsigned i;

	storm_assert(rc >= 0 || was_refused(seat->variant->timeout_ns, rc),
		     "select gives %d: %s", rc, zipc_last_error());
	if (sends)
		end_to_send(seat, sent && !cases[rc].result);
	if (rc == -EAGAIN)
		sched_yield();
	if (rc < 0)
		return;
	i = cases[rc].target == seat->channels[1];
	if (cases[rc].result == -EPIPE)
		seat->ended[i] = !sent; /* who sends no more, yet receives */
	else if (cases[rc].result)
		storm_fail("a case gives %d", cases[rc].result);
	else if (!sent)
		note(seat, i);
}

static void act(unsigned me, struct dice *dice, void *context)
{
	struct books *books = context;
	const struct variant *variant = books->variant;
	struct seat seat = { .books = books, .variant = variant, .me = me };
	unsigned i;

	must(zipc_segment_open(&seat.segment, books->segment, 0), "open");
	for (i = 0; i < 2; i++)
		must(zipc_channel_open(&seat.channels[i], seat.segment,
				       i ? "b" : "a", NULL), "open");
	if (me < variant->senders)
		while (!storm_is_over())
			send_one(&seat, dice);
	else
		while (!seat.ended[0] || !seat.ended[1])
			if (me < variant->senders + variant->receivers)
				receive_one(&seat, dice);
			else
				select_one(&seat);
	for (i = 0; i < 2; i++)
		zipc_channel_release(seat.channels[i]);
	zipc_segment_close(seat.segment);
}

/* What a killed one's buffers hold may be gone. */
static void bury(unsigned me, void *context)
{
	struct books *books = context;
	unsigned i, sender;
	uint64_t *elem;

	for (i = 0; i < 2; i++) {
		elem = books->buffers[me][i];
		sender = (unsigned)(elem[0] >> 56);
		if (is_whole(elem, books->variant->words) && sender < SEATS &&
		    number_of(elem) < NUMBERS)
			atomic_fetch_or(&books->fates[sender][number_of(elem)],
					GONE_ALONG);
	}
}

static struct zipc_channel *open_channel(struct zipc_segment *segment,
					 unsigned i)
{
	struct zipc_channel *channel;

	ck_rc(zipc_channel_open(&channel, segment, i ? "b" : "a", NULL), 0);
	return channel;
}

static void calm(void *context)
{
	struct books *books = context;
	struct zipc_segment *segment;
	struct zipc_channel *channel;
	unsigned i;

	for (i = 0; i < books->variant->senders; i++)
		storm_await(i);
	ck_rc(zipc_segment_open(&segment, books->segment, 0), 0);
	for (i = 0; i < 2; i++) {
		channel = open_channel(segment, i);
		ck_rc(zipc_channel_close(channel), 0);
		zipc_channel_release(channel);
	}
	zipc_segment_close(segment);
}

/* what must be true in the end */

static void check_fates(struct books *books)
{
	unsigned p, fate, sent = 0, along = 0;
	uint64_t i;

	for (p = 0; p < SEATS; p++)
		for (i = 0; i < books->next[p]; i++) {
			fate = books->fates[p][i];
			sent += fate & SENT;
			if (!(fate & SENT) || fate >= RECEIVED)
				continue;
			ck_assert_msg(fate & GONE_ALONG,
				      "element %llu of seat %u is lost",
				      (unsigned long long)i, p);
			along++;
		}
	ck_assert_uint_gt(sent, 0);
	printf("%u sent, %u of them went along with receivers\n", sent, along);
}

/* Every sender's record can be had again, and no more than there are. */
static void check_senders(struct zipc_segment *segment, unsigned senders)
{
	struct zipc_channel *channels[SEATS + 2];
	uint64_t elem[WORDS_MOST] = { 0 };
	unsigned i;

	for (i = 0; i <= senders; i++) {
		channels[i] = open_channel(segment, 0);
		ck_rc(zipc_channel_send(channels[i], elem, ZIPC_NOWAIT),
		      i < senders ? -EPIPE : -EUSERS);
	}
	ck_assert_uint_eq(zipc_channel_size(channels[0]), 0);
	for (i = 0; i <= senders; i++)
		zipc_channel_release(channels[i]);
}

static void check_late_wakes(struct zipc_segment *segment)
{
	struct zipc_channel *channel;
	struct zipc_offer *offer;
	uint64_t late = 0;
	unsigned c, i;

	for (c = 0; c < 2; c++) {
		channel = open_channel(segment, c);
		if (channel->capacity)
			late += channel->places.readable->late_wakes +
				channel->places.writable->late_wakes;
		else
			late += channel->meet.readable->late_wakes;
		for (i = 0; i < channel->meet.count; i++) {
			offer = (void *)(channel->meet.offers +
					 i * channel->meet.offer_bytes);
			late += offer->event.late_wakes;
		}
		zipc_channel_release(channel);
	}
	ck_assert_uint_eq(late, 0);
}

/* Records, and participants' places, are no more than needed. */
static struct zipc_segment *make_channels(struct books *books, unsigned seats)
{
	const struct variant *variant = books->variant;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = seats + 2,
	};
	const struct zipc_channel_options few = { .max_senders = seats };
	struct zipc_segment *segment;
	struct zipc_channel *channel;
	char type[16];
	unsigned i;

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	for (i = 0; i < 2; i++) {
		ck_rc(zipc_channel_create_with(&channel, segment, i ? "b" : "a",
					       type, variant->capacity, &few),
		      0);
		zipc_channel_release(channel);
	}
	return segment;
}

static void storms_on_channels(const struct variant *variant, unsigned storms,
			       unsigned kills)
{
	unsigned seats = variant->senders + variant->receivers +
			 variant->selects;
	struct books *books;
	struct storm storm = { .seats = seats, .kills = kills / SCALE,
			       .least = kills ? 10 : 500, .act = act,
			       .bury = bury, .calm = calm };
	struct zipc_segment *segment;

	while (storms--) {
		books = storm.context = shared_memory(sizeof(*books));
		books->variant = variant;
		segment = make_channels(books, seats);
		storm_run(&storm);
		check_fates(books);
		check_senders(segment, seats);
		if (!kills)
			check_late_wakes(segment);
		ck_rc(zipc_segment_unlink(books->segment), 0);
		zipc_segment_close(segment);
		munmap(books, sizeof(*books));
	}
}

static const struct variant variants[] = {
	{ 2, 2, 0, 0, 1, A_WHILE, 0 },
	{ 2, 2, 3, 0, 25, A_WHILE, 0 },
	{ 0, 0, 4, 0, 8, A_WHILE, 0 },
	{ 2, 2, 2, 0, 8, SHORT, ZIPC_SYMMETRIC_FENCES },
	{ 1, 1, 2, 0, 8, ZIPC_NOWAIT, 0 },
	{ 2, 2, 3, 2, 25, A_WHILE, 0 },
	{ 2, 2, 2, 1, 8, SHORT, ZIPC_SYMMETRIC_FENCES },
	{ 1, 1, 2, 3, 1, ZIPC_NOWAIT, 0 },
};
#define VARIANTS (int)(sizeof(variants) / sizeof(variants[0]))

START_TEST(what_was_sent_survives_random_kills)
{
	storms_on_channels(&variants[_i], 1, 150);
}
END_TEST

START_TEST(what_was_sent_survives_thousands_of_kills)
{
	storms_on_channels(&variants[_i], 20, 300);
}
END_TEST

START_TEST(no_wake_is_late_where_nobody_dies)
{
	storms_on_channels(&variants[_i], 1, 0);
}
END_TEST

static Suite *storm_channel_suite(void)
{
	Suite *suite = suite_create("storm channel");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, what_was_sent_survives_random_kills, 0,
			    VARIANTS);
	tcase_add_loop_test(tc, no_wake_is_late_where_nobody_dies, 0, VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, what_was_sent_survives_thousands_of_kills, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_channel_suite)
