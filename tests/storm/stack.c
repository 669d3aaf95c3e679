/* SPDX-License-Identifier: MIT */
/*
 * The stack in a storm: producers and consumers are killed and stopped, and
 * what was committed is taken once, and whole.
 *
 * The books are in memory that outlives the killed. A producer numbers its
 * elements, and notes those whose push has returned: they are committed. A
 * consumer peeks, and pops into a buffer in the books, then notes the element;
 * when it is killed, what the buffer holds may be what its last pop took along,
 * and nothing else may be missing. An element of one word gets into the buffer
 * behind the pop: of those as many may be missing as consumers were killed.
 *
 * When the producers have ended, a stop is pushed for each consumer. Those lie
 * on top, so what lies below is taken by the test.
 */
#include "storm.h"
#include "../harness.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define MOST 4         /* producers, and consumers */
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
	unsigned producers, consumers, capacity, words;
	enum waiting waiting;
	unsigned flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	struct zipc_segment *own;
	struct zipc_stack *stack; /* the test's, while nobody is killed */
	_Atomic uint64_t next[MOST]; /* of a producer: no number is beyond */
	uint64_t buffers[MOST][WORDS_MOST];
	unsigned buried; /* consumers */
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

static void check_result(const struct variant *variant, int rc,
			 const char *what)
{
	if (!rc || (rc == -EAGAIN && variant->waiting == NEVER) ||
	    (rc == -ETIMEDOUT && variant->waiting == SHORTLY))
		return;
	storm_fail("%s gives %s: %s", what, rc_name(rc), zipc_last_error());
}

/* producers */

static void produce_one(struct books *books, struct zipc_stack *stack,
			unsigned me)
{
	const struct variant *variant = books->variant;
	uint64_t number = atomic_load(&books->next[me]);
	uint64_t elem[WORDS_MOST];
	int rc;

	if (number == NUMBERS) { /* all are used: only be killed */
		storm_progress();
		sched_yield();
		return;
	}
	fill(elem, variant->words, me, number);
	/* Who is killed from here on leaves this number behind. */
	atomic_store(&books->next[me], number + 1);
	rc = zipc_stack_push(stack, elem, timeout_of(variant));
	check_result(variant, rc, "push");
	if (rc) {
		atomic_store(&books->next[me], number);
		return;
	}
	storm_progress();
	atomic_fetch_or(&books->fates[me][number], COMMITTED);
}

static void produce(struct books *books, struct zipc_stack *stack, unsigned me)
{
	while (!storm_is_over())
		produce_one(books, stack, me);
}

/* consumers */

/* Whether it is one of the producers', or one that ends a consumer. */
static void check_elem(struct books *books, const uint64_t *elem)
{
	uint64_t number = elem[0] >> 16 & 0xFFFFFFFFFF;
	unsigned producer = (unsigned)(elem[0] >> 56);

	storm_assert(is_whole(elem, books->variant->words),
		     "a torn element: %llx", (unsigned long long)elem[0]);
	storm_assert(producer == STOP ||
			     (producer < books->variant->producers &&
			      number < atomic_load(&books->next[producer])),
		     "element %llu of producer %u comes from nowhere",
		     (unsigned long long)number, producer);
}

static void note(struct books *books, const uint64_t *elem)
{
	uint64_t number = elem[0] >> 16 & 0xFFFFFFFFFF;
	unsigned producer = (unsigned)(elem[0] >> 56);

	check_elem(books, elem);
	storm_assert(atomic_fetch_add(&books->fates[producer][number], TAKEN) <
			     TAKEN,
		     "element %llu of producer %u is doubled",
		     (unsigned long long)number, producer);
}

static void peek(struct books *books, struct zipc_stack *stack)
{
	uint64_t elem[WORDS_MOST];
	int rc = zipc_stack_peek(stack, elem);

	if (!rc)
		check_elem(books, elem);
	else
		storm_assert(rc == -EAGAIN, "peek gives %s", rc_name(rc));
}

/* Takes one; whether it was an element that ends a consumer. */
static bool consume_one(struct books *books, struct zipc_stack *stack,
			unsigned me, struct dice *dice)
{
	uint64_t *elem = books->buffers[me];
	int rc;

	if (!roll_below(dice, 4))
		peek(books, stack);
	rc = zipc_stack_pop(stack, elem, timeout_of(books->variant));
	check_result(books->variant, rc, "pop");
	if (rc)
		return false;
	storm_progress();
	if (elem[0] >> 56 == STOP)
		return true;
	note(books, elem);
	return false;
}

static int push_stop(struct books *books, struct zipc_stack *stack)
{
	uint64_t elem[WORDS_MOST];

	fill(elem, books->variant->words, STOP, 0);
	return zipc_stack_push(stack, elem, HANG_NS);
}

static void consume(struct books *books, struct zipc_stack *stack, unsigned me,
		    struct dice *dice)
{
	while (!consume_one(books, stack, me, dice))
		;
}

/* seats */

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	unsigned producers = books->variant->producers;
	struct zipc_segment *segment;
	struct zipc_stack *stack;

	must(zipc_segment_open(&segment, books->segment, 0), "open");
	must(zipc_stack_open(&stack, segment, "s", NULL), "open");
	if (seat < producers)
		produce(books, stack, seat);
	else
		consume(books, stack, seat - producers, dice);
	zipc_stack_close(stack);
	zipc_segment_close(segment);
}

/* A killed consumer's last pop may have taken along what its buffer holds. */
static void bury(unsigned seat, void *context)
{
	struct books *books = context;
	const struct variant *variant = books->variant;
	uint64_t *elem, number;
	unsigned producer;

	if (seat < variant->producers)
		return;
	books->buried++;
	elem = books->buffers[seat - variant->producers];
	producer = (unsigned)(elem[0] >> 56);
	number = elem[0] >> 16 & 0xFFFFFFFFFF;
	if (is_whole(elem, variant->words) && producer < variant->producers &&
	    number < NUMBERS)
		atomic_fetch_or(&books->fates[producer][number], GONE_ALONG);
}

static void calm(void *context)
{
	struct books *books = context;
	unsigned i;

	for (i = 0; i < books->variant->producers; i++)
		storm_await(i);
	ck_rc(zipc_segment_open(&books->own, books->segment, 0), 0);
	ck_rc(zipc_stack_open(&books->stack, books->own, "s", NULL), 0);
	for (i = 0; i < books->variant->consumers; i++)
		ck_rc(push_stop(books, books->stack), 0);
}

/* what must be true in the end */

/* What lay below the stops. */
static void take_the_rest(struct books *books)
{
	uint64_t elem[WORDS_MOST];

	while (!zipc_stack_pop(books->stack, elem, ZIPC_NOWAIT))
		note(books, elem);
}

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
			ck_assert_msg(fate & GONE_ALONG ||
					      books->variant->words == 1,
				      "element %llu of producer %u is lost",
				      (unsigned long long)i, p);
			along++;
		}
	ck_assert_uint_gt(committed, 0);
	ck_assert_msg(along <= books->buried,
		      "%u elements are lost, where %u consumers were killed",
		      along, books->buried);
	printf("%u committed, %u of them went along with consumers\n",
	       committed, along);
}

static void check_capacity(struct books *books)
{
	uint64_t elem[WORDS_MOST], out[WORDS_MOST];
	unsigned words = books->variant->words;
	uint64_t i;

	ck_rc(zipc_stack_pop(books->stack, out, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < books->variant->capacity; i++) {
		fill(elem, words, 0, i);
		ck_rc(zipc_stack_push(books->stack, elem, ZIPC_NOWAIT), 0);
	}
	ck_rc(zipc_stack_push(books->stack, elem, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_uint_eq(zipc_stack_size(books->stack),
			  books->variant->capacity);
	for (i = books->variant->capacity; i-- > 0;) {
		fill(elem, words, 0, i);
		ck_rc(zipc_stack_pop(books->stack, out, ZIPC_NOWAIT), 0);
		ck_assert_mem_eq(elem, out, words * sizeof(*elem));
	}
	ck_rc(zipc_stack_pop(books->stack, out, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_uint_eq(zipc_stack_size(books->stack), 0);
}

/* Where there are any: each can be had again, and no more than there are. */
static void check_writers(struct books *books, unsigned writers)
{
	struct zipc_stack *stacks[2 * MOST + 2];
	bool counted = books->variant->words > 1;
	uint64_t elem[WORDS_MOST] = { 0 };
	unsigned i;

	for (i = 0; i <= writers; i++) {
		ck_rc(zipc_stack_open(&stacks[i], books->own, "s", NULL), 0);
		ck_rc(zipc_stack_push(stacks[i], elem, ZIPC_NOWAIT),
		      i < writers || !counted ? 0 : -EUSERS);
		if (i < writers || !counted)
			ck_rc(zipc_stack_pop(stacks[i], elem, ZIPC_NOWAIT), 0);
	}
	for (i = 0; i <= writers; i++)
		zipc_stack_close(stacks[i]);
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
static void make_stack(struct books *books)
{
	const struct variant *variant = books->variant;
	unsigned seats = variant->producers + variant->consumers;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = seats + 1,
	};
	const struct zipc_stack_options few = { .max_writers = seats + 1 };
	struct zipc_segment *segment;
	struct zipc_stack *stack;
	char type[16];

	snprintf(type, sizeof(type), "u64[%u]", variant->words);
	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_stack_create_with(&stack, segment, "s", type,
				     variant->capacity, &few), 0);
	zipc_stack_close(stack);
	zipc_segment_close(segment);
}

static void end_of_storm(struct books *books, unsigned seats)
{
	take_the_rest(books);
	check_fates(books);
	check_participants(books, 1);
	check_capacity(books);
	zipc_stack_close(books->stack);
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
	memset(books->buffers, 0, sizeof(books->buffers));
}

/* Storms one after another on the same stack, each with books of its own. */
static void storm_on_a_stack(const struct variant *variant, unsigned storms,
			     unsigned kills)
{
	unsigned seats = variant->producers + variant->consumers;
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = seats, .kills = kills / SCALE,
			       .act = act, .bury = bury, .calm = calm,
			       .context = books };

	books->variant = variant;
	make_stack(books);
	while (storms--) {
		storm_run(&storm);
		end_of_storm(books, seats);
		clear_books(books);
	}
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 2, 2, 2, 1, NEVER, 0 },
	{ 3, 3, 4, 8, FOREVER, 0 },
	{ 4, 4, 3, 25, SHORTLY, 0 },
	{ 4, 1, 1, 1, FOREVER, 0 },
	{ 1, 4, 64, 8, FOREVER, 0 },
	{ 3, 3, 8, 25, NEVER, 0 },
	{ 2, 2, 1024, 8, NEVER, 0 },
	{ 4, 4, 5, 1, FOREVER, 0 },
	{ 3, 3, 2, 8, FOREVER, ZIPC_SYMMETRIC_FENCES },
	{ 2, 2, 64, 1, NEVER, ZIPC_SYMMETRIC_FENCES },
	{ 4, 4, 16, 25, SHORTLY, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

START_TEST(what_was_committed_survives_random_kills)
{
	storm_on_a_stack(&variants[_i], 1, 300);
}
END_TEST

START_TEST(what_was_committed_survives_a_hundred_thousand_kills)
{
	storm_on_a_stack(&variants[_i], 31, 300);
}
END_TEST

static Suite *storm_stack_suite(void)
{
	Suite *suite = suite_create("storm stack");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, what_was_committed_survives_random_kills, 0,
			    VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(
		tc, what_was_committed_survives_a_hundred_thousand_kills, 0,
		VARIANTS);
	return suite;
}

TEST_MAIN(storm_stack_suite)
