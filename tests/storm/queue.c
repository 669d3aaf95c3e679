/* SPDX-License-Identifier: MIT */
/*
 * The queue in a storm: producers and consumers are killed and stopped, and
 * what was committed is taken once, whole and in order.
 *
 * The books are in memory that outlives the killed. A producer numbers its
 * elements, and notes those whose push has returned: they are committed. A
 * consumer pops into a buffer in the books, then notes each element; when it is
 * killed, what the buffer holds may be what its last pop took along, and
 * nothing else may be missing.
 */
#include "storm.h"
#include "../harness.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define MOST 4         /* producers, and consumers */
#define BATCH_MOST 8
#define WORDS_MOST 25
#define NUMBERS (UINT64_C(1) << 22) /* per producer and storm */
#define SHORT INT64_C(200000)
#define HANG_NS INT64_C(60000000000)
#define STOP 255u /* the producer of elements that end a consumer */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

/* What became of an element: bits, and above them how often it was taken. */
enum { COMMITTED = 1, GONE_ALONG = 2, TAKEN = 4 };

enum waiting { NEVER, SHORTLY, FOREVER, WAITINGS };

struct variant {
	unsigned producers, consumers, capacity, words, batch;
	enum waiting waiting;
	unsigned flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	struct zipc_segment *own;
	struct zipc_queue *queue; /* the test's, while nobody is killed */
	_Atomic uint64_t next[MOST]; /* of a producer: no number is beyond */
	_Atomic uint64_t last[MOST][MOST]; /* that a consumer took of one */
	uint64_t buffers[MOST][BATCH_MOST * WORDS_MOST];
	_Atomic uint8_t fates[MOST][NUMBERS];
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9E3779B97F4A7C15);
	return x ^ x >> 29;
}

/* The first word names the element and holds a check; the rest follows. */
static void fill(uint64_t *elem, unsigned words, uint64_t producer,
		 uint64_t number)
{
	uint64_t name = (producer << 40 | number) << 16;
	unsigned i;

	elem[0] = name | (mix(name) & 0xFFFF);
	for (i = 1; i < words; i++)
		elem[i] = mix(elem[0] + i);
}

static bool is_whole(const uint64_t *elem, unsigned words)
{
	uint64_t whole[WORDS_MOST];

	fill(whole, words, elem[0] >> 56, elem[0] >> 16 & 0xFFFFFFFFFF);
	return memcmp(whole, elem, words * sizeof(*elem)) == 0;
}

static int64_t timeout_of(const struct variant *variant)
{
	static const int64_t timeouts[WAITINGS] = { ZIPC_NOWAIT, SHORT,
						    ZIPC_FOREVER };

	return timeouts[variant->waiting];
}

static void must(int rc, const char *what)
{
	storm_assert(!rc, "%s: %s", what, zipc_last_error());
}

static void check_result(const struct variant *variant, int64_t rc,
			 const char *what)
{
	if (rc > 0 || (rc == -EAGAIN && variant->waiting == NEVER) ||
	    (rc == -ETIMEDOUT && variant->waiting == SHORTLY))
		return;
	storm_fail("%s gives %lld: %s", what, (long long)rc,
		   zipc_last_error());
}

/* producers */

static int64_t push(struct zipc_queue *queue, const uint64_t *elems, unsigned n,
		    int64_t timeout_ns)
{
	int rc;

	if (n > 1)
		return zipc_queue_push_n(queue, elems, n, timeout_ns);
	rc = zipc_queue_push(queue, elems, timeout_ns);
	return rc ? rc : 1;
}

static void produce_one(struct books *books, struct zipc_queue *queue,
			unsigned me, struct dice *dice)
{
	const struct variant *variant = books->variant;
	uint64_t first = atomic_load(&books->next[me]);
	unsigned n = 1 + roll_below(dice, variant->batch), i;
	uint64_t elems[BATCH_MOST * WORDS_MOST];
	int64_t done;

	if (first + n > NUMBERS) { /* all numbers are used: only be killed */
		storm_progress();
		sched_yield();
		return;
	}
	for (i = 0; i < n; i++)
		fill(elems + i * variant->words, variant->words, me, first + i);
	/* Who is killed from here on leaves these numbers behind. */
	atomic_store(&books->next[me], first + n);
	done = push(queue, elems, n, timeout_of(variant));
	check_result(variant, done, "push");
	if (done > 0)
		storm_progress();
	for (i = 0; i < done; i++)
		atomic_fetch_or(&books->fates[me][first + i], COMMITTED);
	atomic_store(&books->next[me], first + (done > 0 ? (uint64_t)done : 0));
}

static void produce(struct books *books, struct zipc_queue *queue, unsigned me,
		    struct dice *dice)
{
	while (!storm_is_over())
		produce_one(books, queue, me, dice);
}

/* consumers */

static int64_t pop(struct zipc_queue *queue, uint64_t *elems, unsigned n,
		   int64_t timeout_ns)
{
	int rc;

	if (n > 1)
		return zipc_queue_pop_n(queue, elems, n, timeout_ns);
	rc = zipc_queue_pop(queue, elems, timeout_ns);
	return rc ? rc : 1;
}

static void note(struct books *books, const uint64_t *elem, unsigned me)
{
	uint64_t number = elem[0] >> 16 & 0xFFFFFFFFFF, after;
	unsigned producer = (unsigned)(elem[0] >> 56);

	storm_assert(is_whole(elem, books->variant->words),
		     "a torn element: %llx", (unsigned long long)elem[0]);
	storm_assert(producer < books->variant->producers &&
			     number < atomic_load(&books->next[producer]),
		     "element %llu of producer %u comes from nowhere",
		     (unsigned long long)number, producer);
	storm_assert(atomic_fetch_add(&books->fates[producer][number], TAKEN) <
			     TAKEN,
		     "element %llu of producer %u is doubled",
		     (unsigned long long)number, producer);
	after = atomic_load(&books->last[me][producer]);
	storm_assert(number + 1 > after,
		     "element %llu of producer %u comes behind %llu",
		     (unsigned long long)number, producer,
		     (unsigned long long)after - 1);
	atomic_store(&books->last[me][producer], number + 1);
}

/* Takes a batch; how many were elements that end a consumer. */
static unsigned consume_one(struct books *books, struct zipc_queue *queue,
			    unsigned me, struct dice *dice)
{
	const struct variant *variant = books->variant;
	unsigned n = 1 + roll_below(dice, variant->batch), stops = 0;
	uint64_t *elem = books->buffers[me];
	int64_t got = pop(queue, elem, n, timeout_of(variant)), i;

	check_result(variant, got, "pop");
	if (got > 0)
		storm_progress();
	for (i = 0; i < got; i++, elem += variant->words)
		if (elem[0] >> 56 == STOP)
			stops++;
		else
			note(books, elem, me);
	return stops;
}

static int push_stop(struct books *books, struct zipc_queue *queue)
{
	uint64_t elem[WORDS_MOST];

	fill(elem, books->variant->words, STOP, 0);
	return zipc_queue_push(queue, elem, HANG_NS);
}

/* Until told to stop; more than one is others'. */
static void consume(struct books *books, struct zipc_queue *queue, unsigned me,
		    struct dice *dice)
{
	unsigned stops;

	do
		stops = consume_one(books, queue, me, dice);
	while (!stops);
	while (--stops)
		must(push_stop(books, queue), "push");
}

/* seats */

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	unsigned producers = books->variant->producers;
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	must(zipc_segment_open(&segment, books->segment, 0), "open");
	must(zipc_queue_open(&queue, segment, "q", NULL), "open");
	if (seat < producers)
		produce(books, queue, seat, dice);
	else
		consume(books, queue, seat - producers, dice);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

/* A killed consumer's last pop may have taken along what its buffer holds. */
static void bury(unsigned seat, void *context)
{
	struct books *books = context;
	const struct variant *variant = books->variant;
	unsigned i, producer;
	uint64_t *elem, number;

	if (seat < variant->producers)
		return;
	elem = books->buffers[seat - variant->producers];
	for (i = 0; i < variant->batch; i++, elem += variant->words) {
		producer = (unsigned)(elem[0] >> 56);
		number = elem[0] >> 16 & 0xFFFFFFFFFF;
		if (is_whole(elem, variant->words) &&
		    producer < variant->producers && number < NUMBERS)
			atomic_fetch_or(&books->fates[producer][number],
					GONE_ALONG);
	}
}

static void calm(void *context)
{
	struct books *books = context;
	unsigned i;

	for (i = 0; i < books->variant->producers; i++)
		storm_await(i);
	ck_rc(zipc_segment_open(&books->own, books->segment, 0), 0);
	ck_rc(zipc_queue_open(&books->queue, books->own, "q", NULL), 0);
	for (i = 0; i < books->variant->consumers; i++)
		ck_rc(push_stop(books, books->queue), 0);
}

/* what must be true in the end */

static void check_fates(struct books *books)
{
	unsigned p, fate, committed = 0, along = 0;
	uint64_t i;

	for (p = 0; p < books->variant->producers; p++)
		for (i = 0; i < books->next[p]; i++) {
			fate = books->fates[p][i];
			committed += fate & COMMITTED;
			if (!(fate & COMMITTED) || fate >= TAKEN)
				continue;
			ck_assert_msg(fate & GONE_ALONG,
				      "element %llu of producer %u is lost",
				      (unsigned long long)i, p);
			along++;
		}
	ck_assert_uint_gt(committed, 0);
	printf("%u committed, %u of them went along with consumers\n",
	       committed, along);
}

static void check_capacity(struct books *books)
{
	uint64_t elem[WORDS_MOST], out[WORDS_MOST];
	unsigned words = books->variant->words;
	uint64_t i;

	ck_rc(zipc_queue_pop(books->queue, out, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < books->variant->capacity; i++) {
		fill(elem, words, 0, i);
		ck_rc(zipc_queue_push(books->queue, elem, ZIPC_NOWAIT), 0);
	}
	ck_rc(zipc_queue_push(books->queue, elem, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_uint_eq(zipc_queue_size(books->queue),
			  books->variant->capacity);
	for (i = 0; i < books->variant->capacity; i++) {
		fill(elem, words, 0, i);
		ck_rc(zipc_queue_pop(books->queue, out, ZIPC_NOWAIT), 0);
		ck_assert_mem_eq(elem, out, words * sizeof(*elem));
	}
	ck_rc(zipc_queue_pop(books->queue, out, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_uint_eq(zipc_queue_size(books->queue), 0);
}

/* Every writer's record can be had again, and no more than there are. */
static void check_writers(struct books *books, unsigned writers)
{
	uint64_t elem[WORDS_MOST] = { 0 };
	struct zipc_queue *queues[2 * MOST + 2];
	unsigned i;

	for (i = 0; i <= writers; i++) {
		ck_rc(zipc_queue_open(&queues[i], books->own, "q", NULL), 0);
		ck_rc(zipc_queue_push(queues[i], elem, ZIPC_NOWAIT),
		      i < writers ? 0 : -EUSERS);
		if (i < writers)
			ck_rc(zipc_queue_pop(queues[i], elem, ZIPC_NOWAIT), 0);
	}
	for (i = 0; i <= writers; i++)
		zipc_queue_close(queues[i]);
}

static void check_participants(struct books *books, unsigned n)
{
	struct zipc_view_segment info;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, books->segment), 0);
	ck_rc(zipc_view_segment(view, &info), 0);
	ck_assert_uint_eq(info.participants, n);
	zipc_view_close(view);
}

/* Writers' records and participants' places are no more than needed. */
static void make_queue(struct books *books)
{
	const struct variant *variant = books->variant;
	unsigned seats = variant->producers + variant->consumers;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = seats + 1,
	};
	const struct zipc_queue_options few = { .max_writers = seats + 1 };
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	char type[16];

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_queue_create_with(&queue, segment, "q", type,
				     variant->capacity, &few), 0);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

static void end_of_storm(struct books *books, unsigned seats)
{
	check_fates(books);
	check_participants(books, 1);
	check_capacity(books);
	zipc_queue_close(books->queue);
	check_writers(books, seats + 1);
	zipc_segment_close(books->own);
	check_participants(books, 0);
}

static void clear_books(struct books *books)
{
	unsigned p;

	for (p = 0; p < MOST; p++)
		memset((void *)books->fates[p], 0, books->next[p]);
	memset((void *)books->next, 0, sizeof(books->next));
	memset((void *)books->last, 0, sizeof(books->last));
	memset(books->buffers, 0, sizeof(books->buffers));
}

/* Storms one after another on the same queue, each with books of its own. */
static void storm_on_a_queue(const struct variant *variant, unsigned storms,
			     unsigned kills)
{
	unsigned seats = variant->producers + variant->consumers;
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = seats, .kills = kills / SCALE,
			       .act = act, .bury = bury, .calm = calm,
			       .context = books };

	books->variant = variant;
	make_queue(books);
	while (storms--) {
		storm_run(&storm);
		end_of_storm(books, seats);
		clear_books(books);
	}
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 2, 2, 2, 1, 1, NEVER, 0 },
	{ 3, 3, 4, 8, 1, FOREVER, 0 },
	{ 4, 4, 3, 25, 1, SHORTLY, 0 },
	{ 4, 1, 1, 1, 1, FOREVER, 0 },
	{ 1, 4, 64, 8, 3, FOREVER, 0 },
	{ 3, 3, 8, 25, 8, SHORTLY, 0 },
	{ 2, 2, 1024, 8, 8, NEVER, 0 },
	{ 4, 4, 5, 1, 4, FOREVER, 0 },
	{ 3, 3, 2, 8, 2, FOREVER, ZIPC_SYMMETRIC_FENCES },
	{ 2, 2, 64, 1, 1, NEVER, ZIPC_SYMMETRIC_FENCES },
	{ 4, 4, 16, 25, 5, SHORTLY, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

START_TEST(what_was_committed_survives_random_kills)
{
	storm_on_a_queue(&variants[_i], 1, 300);
}
END_TEST

START_TEST(what_was_committed_survives_a_hundred_thousand_kills)
{
	storm_on_a_queue(&variants[_i], 31, 300);
}
END_TEST

static Suite *storm_queue_suite(void)
{
	Suite *suite = suite_create("storm queue");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, what_was_committed_survives_random_kills, 0,
			    VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(
		tc, what_was_committed_survives_a_hundred_thousand_kills, 0,
		VARIANTS);
	return suite;
}

TEST_MAIN(storm_queue_suite)
