/* SPDX-License-Identifier: MIT */
/*
 * The stream in a storm: producers, readers by name, who go on where the last
 * one of that name was killed, private readers, and some who subscribe and
 * leave. Each element says who emitted it, and as what number. At a position
 * all find the same, none finds anything torn, twice, or out of its producer's
 * order; and where named readers hold producers back, each name sees all whose
 * emit has returned, but for what killed readers took along. In the end nobody
 * is in the way, and the whole capacity is there.
 */
#include "storm.h"
#include "../harness.h"
#include "../../libzeroipc/stream.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define PRODUCERS 2u
#define NAMES 2u
#define SEATS (PRODUCERS + NAMES + 2)
#define PRIVATE (PRODUCERS + NAMES) /* the seat; the last one comes and goes */
#define NUMBERS (1u << 18)          /* that are noted */
#define POSITIONS (1u << 19)
#define WORDS 5
#define TYPE "u64[5]"
#define BATCH 4u
#define SHORT INT64_C(200000)
#define LONG INT64_C(5000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

struct variant {
	enum zipc_stream_policy policy;
	uint64_t capacity;
	unsigned timestamps, flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	struct storm_page page;
	unsigned kills[NAMES]; /* of readers, by who kills */
	_Atomic uint64_t drawn[PRODUCERS], last[NAMES][PRODUCERS];
	_Atomic uint64_t emitted, read;
	_Atomic uint8_t was_emitted[PRODUCERS][NUMBERS];
	_Atomic uint8_t was_seen[NAMES][PRODUCERS][NUMBERS];
	_Atomic uint64_t at[POSITIONS];
};

struct player {
	struct books *books;
	struct dice *dice;
	struct zipc_stream *stream;
	uint64_t last[PRODUCERS]; /* of who reads privately */
};

static const char *const names[NAMES] = { "a", "b" };

static bool holds(const struct books *books)
{
	return books->variant->policy != ZIPC_STREAM_DROP_OLD;
}

/* Relaxed and without edges: the stream orders what it must. */
static uint64_t load(_Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void add(_Atomic uint64_t *word, uint64_t n)
{
	atomic_fetch_add_explicit(word, n, memory_order_relaxed);
}

static bool is_marked(_Atomic uint8_t *mark)
{
	return atomic_load_explicit(mark, memory_order_relaxed);
}

static void mark(_Atomic uint8_t *mark)
{
	atomic_store_explicit(mark, 1, memory_order_relaxed);
}

/* elements */

static void make(uint64_t words[WORDS], unsigned producer, uint64_t number)
{
	unsigned i;

	for (i = 0; i < WORDS; i++)
		words[i] = (number * PRODUCERS + producer) ^
			   (uint64_t)i << 50;
}

/* Its number, and whose it is. */
static uint64_t check_whole(struct books *books, const uint64_t words[WORDS],
			    unsigned *producer)
{
	uint64_t number = words[0] / PRODUCERS;
	unsigned i;

	*producer = (unsigned)(words[0] % PRODUCERS);
	for (i = 1; i < WORDS; i++)
		storm_assert(words[i] == (words[0] ^ (uint64_t)i << 50),
			     "it is torn: %llx, %llx",
			     (unsigned long long)words[0],
			     (unsigned long long)words[i]);
	storm_assert(number && number <= load(&books->drawn[*producer]),
		     "nobody has emitted %llu", (unsigned long long)number);
	return number;
}

/* All find the same at a position. */
static void note_position(struct books *books, uint64_t position,
			  uint64_t value)
{
	uint64_t was = 0;

	if (position < POSITIONS &&
	    !atomic_compare_exchange_strong_explicit(
		    &books->at[position], &was, value, memory_order_relaxed,
		    memory_order_relaxed))
		storm_assert(was == value, "at %llu there are two elements",
			     (unsigned long long)position);
}

/* producers */

static void emit_some(struct player *me, unsigned producer)
{
	struct books *books = me->books;
	uint64_t words[BATCH][WORDS], first, n = 1, i;
	int64_t rc;

	if (roll_below(me->dice, 2))
		n += roll_below(me->dice, BATCH);
	first = load(&books->drawn[producer]) + 1;
	add(&books->drawn[producer], n);
	for (i = 0; i < n; i++)
		make(words[i], producer, first + i);
	rc = n > 1 ? zipc_stream_emit_n(me->stream, words, n, SHORT)
		   : 1 + zipc_stream_emit(me->stream, words, SHORT);
	storm_assert(rc >= 0 || rc == -ETIMEDOUT || rc == -EAGAIN ||
			     (n == 1 && (rc - 1 == -ETIMEDOUT ||
					 rc - 1 == -EAGAIN)),
		     "emit gives %lld: %s", (long long)rc, zipc_last_error());
	if (rc <= 0)
		return;
	storm_progress();
	add(&books->emitted, (uint64_t)rc);
	/* Of those that were dropped nobody tells which. */
	for (i = 0; i < (uint64_t)rc && first + i < NUMBERS &&
		    books->variant->policy != ZIPC_STREAM_DROP_NEW; i++)
		mark(&books->was_emitted[producer][first + i]);
}

/* readers */

/* In its producer's order, by this name or by this private reader. */
static void note_element(struct player *me, int name,
			 const uint64_t words[WORDS])
{
	struct books *books = me->books;
	unsigned producer;
	uint64_t number = check_whole(books, words, &producer), last;

	last = name < 0 ? me->last[producer]
			: load(&books->last[name][producer]);
	storm_assert(number > last, "%llu comes behind %llu",
		     (unsigned long long)number, (unsigned long long)last);
	me->last[producer] = number;
	if (name < 0)
		return;
	if (number < NUMBERS)
		mark(&books->was_seen[name][producer][number]);
	atomic_store_explicit(&books->last[name][producer], number,
			      memory_order_relaxed);
}

/* How many came; name is -1 for a private reader. */
static int64_t read_some(struct player *me, struct zipc_subscription *it,
			 int name, int64_t timeout_ns)
{
	uint64_t words[BATCH][WORDS];
	int64_t n, i;

	if (roll_below(me->dice, 2)) {
		n = zipc_stream_next(it, words, timeout_ns);
		n = n ? n : 1;
	} else {
		n = zipc_stream_next_n(it, words, BATCH, timeout_ns);
	}
	storm_assert(n > 0 || n == -ETIMEDOUT || n == -EAGAIN,
		     "next gives %lld: %s", (long long)n, zipc_last_error());
	for (i = 0; i < n; i++)
		note_element(me, name, words[i]);
	if (n == 1)
		note_position(me->books, zipc_stream_position(it) - 1,
			      words[0][0]);
	storm_assert(name < 0 || !holds(me->books) || !zipc_stream_lost(it),
		     "who holds producers back has lost %llu",
		     (unsigned long long)zipc_stream_lost(it));
	if (n <= 0)
		return 0;
	storm_progress();
	add(&me->books->read, (uint64_t)n);
	return n;
}

/* A stopped process may be inside of subscribing: that is told. */
static bool subscribe(struct player *me, struct zipc_subscription **it,
		      const char *name, enum zipc_stream_from from)
{
	int rc = zipc_stream_subscribe(it, me->stream, name, from);

	storm_assert(!rc || (name && rc == -EBUSY), "subscribe gives %d: %s",
		     rc, zipc_last_error());
	if (rc)
		sched_yield();
	return !rc;
}

static void act_by_name(struct player *me, unsigned name)
{
	struct zipc_subscription *it = NULL;

	while (!it && !storm_is_over())
		if (!subscribe(me, &it, names[name], ZIPC_STREAM_STOOD))
			it = NULL;
	while (it && !storm_is_over())
		read_some(me, it, (int)name, LONG);
	zipc_stream_leave(it);
}

static void read_for_a_while(struct player *me, const char *name)
{
	struct zipc_subscription *it;
	enum zipc_stream_from from = roll_below(me->dice, 2)
					     ? ZIPC_STREAM_OLDEST
					     : ZIPC_STREAM_NEWEST;
	unsigned i, n = roll_below(me->dice, 100);

	if (!subscribe(me, &it, name, from))
		return;
	memset(me->last, 0, sizeof(me->last));
	for (i = 0; i < n && !storm_is_over(); i++)
		read_some(me, it, -1, SHORT);
	if (roll_below(me->dice, 2))
		zipc_stream_leave(it);
	else
		zipc_stream_unsubscribe(it);
	storm_progress();
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct player me = { .books = context, .dice = dice };
	struct zipc_segment *segment;

	storm_assert(!zipc_segment_open(&segment, me.books->segment, 0) &&
			     !zipc_stream_open(&me.stream, segment, "s", TYPE),
		     "%s", zipc_last_error());
	if (seat >= PRODUCERS && seat < PRIVATE)
		act_by_name(&me, seat - PRODUCERS);
	while (!storm_is_over()) {
		if (seat < PRODUCERS)
			emit_some(&me, seat);
		else
			read_for_a_while(&me, seat == PRIVATE ? NULL : "c");
	}
	zipc_stream_close(me.stream);
	zipc_segment_close(segment);
}

static void bury(unsigned seat, void *context)
{
	struct books *books = context;

	if (seat >= PRODUCERS && seat < PRIVATE)
		books->kills[seat - PRODUCERS]++;
}

/* the end */

/* As one more who acts. */
static void read_to_the_end(void *context)
{
	struct player *me = context;
	struct zipc_subscription *it = NULL;
	unsigned name;

	for (name = 0; name < NAMES; name++) {
		storm_assert(subscribe(me, &it, names[name],
				       ZIPC_STREAM_STOOD), "`%s` is held",
			     names[name]);
		while (read_some(me, it, (int)name, ZIPC_NOWAIT))
			;
		zipc_stream_unsubscribe(it);
	}
}

/* What was emitted and never seen by that name. */
static void check_name(struct books *books, unsigned name)
{
	unsigned producer, number, missing = 0;

	if (!holds(books))
		return;
	for (producer = 0; producer < PRODUCERS; producer++)
		for (number = 0; number < NUMBERS; number++)
			missing += is_marked(&books->was_emitted[producer]
								[number]) &&
				   !is_marked(&books->was_seen[name][producer]
							      [number]);
	ck_assert_msg(missing <= books->kills[name] * BATCH,
		      "%u are missing, and %u readers `%s` were killed",
		      missing, books->kills[name], names[name]);
}

static void check_capacity(struct zipc_stream *stream,
			   const struct variant *variant)
{
	struct zipc_subscription *it, *late;
	uint64_t words[WORDS] = { 0 }, i, n = 2 * variant->capacity;

	ck_rc(zipc_stream_subscribe(&it, stream, "z", ZIPC_STREAM_NEWEST), 0);
	for (i = 0; i < variant->capacity; i++)
		ck_rc(zipc_stream_emit(stream, words, ZIPC_NOWAIT), 0);
	if (variant->policy == ZIPC_STREAM_DROP_NEW)
		ck_rc(zipc_stream_emit(stream, words, ZIPC_NOWAIT), 1);
	else if (variant->policy != ZIPC_STREAM_DROP_OLD)
		ck_rc(zipc_stream_emit(stream, words, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < variant->capacity; i++)
		ck_rc(zipc_stream_next(it, words, ZIPC_NOWAIT), 0);
	zipc_stream_unsubscribe(it);
	for (i = 0; i < n; i++)
		ck_rc(zipc_stream_emit(stream, words, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stream_subscribe(&late, stream, NULL, ZIPC_STREAM_OLDEST),
	      0);
	for (i = 0; !zipc_stream_next(late, words, ZIPC_NOWAIT); i++)
		;
	ck_assert_uint_eq(i, variant->capacity);
	zipc_stream_leave(late);
}

/* The stream, and those who read by name before anything is emitted. */
static struct zipc_segment *make_stream(struct books *books,
					struct zipc_stream **stream)
{
	const struct variant *variant = books->variant;
	struct zipc_segment_options options = { .flags = variant->flags };
	struct zipc_stream_options stream_options = {
		.policy = variant->policy,
		.timestamps = variant->timestamps,
		.max_writers = PRODUCERS + 1,
		.max_subscriptions = NAMES + 1,
	};
	struct zipc_subscription *it;
	struct zipc_segment *segment;
	unsigned i;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_stream_create_with(stream, segment, "s", TYPE,
				      variant->capacity, &stream_options), 0);
	for (i = 0; i < NAMES; i++) {
		ck_rc(zipc_stream_subscribe(&it, *stream, names[i],
					    ZIPC_STREAM_NEWEST), 0);
		zipc_stream_leave(it);
	}
	return segment;
}

static void storm_on_a_stream(const struct variant *variant, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = SEATS, .kills = kills / SCALE,
			       .least = 10, .act = act, .bury = bury,
			       .page = &books->page, .context = books };
	struct dice dice = { 1 };
	struct player me = { .books = books, .dice = &dice };
	struct zipc_segment *segment;
	struct child last;
	unsigned i;
	int rc;

	books->variant = variant;
	segment = make_stream(books, &me.stream);
	storm_run(&storm);
	rc = zipc_stream_forget(me.stream, "c");
	if (rc != -ENOENT)
		ck_rc(rc, 0);
	last = child_start(read_to_the_end, &me);
	rc = child_reap(&last);
	ck_assert_msg(!rc, "%s", books->page.failure);
	for (i = 0; i < NAMES; i++)
		check_name(books, i);
	check_capacity(me.stream, variant);
	printf("%llu emitted, %llu read\n",
	       (unsigned long long)load(&books->emitted),
	       (unsigned long long)load(&books->read));
	zipc_stream_close(me.stream);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ ZIPC_STREAM_BLOCK, 16, 0, 0 },
	{ ZIPC_STREAM_DROP_OLD, 8, 1, 0 },
	{ ZIPC_STREAM_ERROR, 1, 0, 0 },
	{ ZIPC_STREAM_DROP_NEW, 64, 0, 0 },
	{ ZIPC_STREAM_BLOCK, 5, 1, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (int)(sizeof(variants) / sizeof(variants[0]))

START_TEST(elements_survive_random_kills)
{
	storm_on_a_stream(&variants[_i], 60);
}
END_TEST

START_TEST(elements_survive_thousands_of_kills)
{
	storm_on_a_stream(&variants[_i], 5000);
}
END_TEST

static Suite *storm_stream_suite(void)
{
	Suite *suite = suite_create("storm stream");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, elements_survive_random_kills, 0, VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, elements_survive_thousands_of_kills, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_stream_suite)
