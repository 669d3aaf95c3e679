/* SPDX-License-Identifier: MIT */
/*
 * The pool in a storm: producers take, fill and send objects, consumers receive
 * them and give them back, all of them are killed and stopped, and what dead
 * processes own comes back while it blows.
 *
 * The books are in memory that outlives the killed. A producer numbers its
 * messages, and notes those whose send has returned: they are committed, and
 * each must be received, whole and once, but for one for each consumer that was
 * killed. Whoever owns an object writes all of it, lets others run, and finds
 * it as it was. When all is over, no object is lost.
 */
#include "storm.h"
#include "../harness.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define MOST 4 /* producers, and consumers */
#define WORDS 16
#define NUMBERS (UINT64_C(1) << 22) /* per producer and storm */
#define SHORT INT64_C(200000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

/* What became of a message: a bit, and above it how often it was received. */
enum { COMMITTED = 1, RECEIVED = 2 };

struct variant {
	unsigned producers, consumers, capacity, room;
	bool forever;
	unsigned flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	_Atomic bool done; /* consumers end when nothing is left */
	_Atomic unsigned killed_consumers;
	_Atomic uint64_t next[MOST]; /* of a producer: no number is beyond */
	_Atomic uint64_t last[MOST][MOST]; /* that a consumer had of one */
	_Atomic uint8_t fates[MOST][NUMBERS];
};

struct handles {
	struct zipc_segment *segment;
	struct zipc_pool *pool;
	struct zipc_queue *queue;
};

static void must(int64_t rc, const char *what)
{
	storm_assert(rc >= 0, "%s gives %s: %s", what, rc_name(rc),
		     zipc_last_error());
}

static struct handles open_handles(struct books *books)
{
	struct handles it;

	must(zipc_segment_open(&it.segment, books->segment, 0), "open");
	must(zipc_pool_open(&it.pool, it.segment, "p", NULL), "open");
	must(zipc_queue_open(&it.queue, it.segment, "q", NULL), "open");
	return it;
}

static void close_handles(struct handles *it)
{
	zipc_queue_close(it->queue);
	zipc_pool_close(it->pool);
	zipc_segment_close(it->segment);
}

/* objects */

static void fill(uint64_t *words, uint64_t name)
{
	unsigned i;

	for (i = 0; i < WORDS; i++)
		words[i] = (name ^ i) * UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t name_of(const uint64_t *words)
{
	return words[0] * UINT64_C(0xF1DE83E19937733D); /* the inverse */
}

static bool is_whole(const uint64_t *words)
{
	uint64_t whole[WORDS];

	fill(whole, name_of(words));
	return !memcmp(whole, words, sizeof(whole));
}

static void still_ours(const uint64_t *words, uint64_t name)
{
	sched_yield();
	storm_assert(is_whole(words) && name_of(words) == name,
		     "an object is written by two");
}

/* producers */

static void produce_one(struct books *books, struct handles *it, unsigned me)
{
	uint64_t number = atomic_load(&books->next[me]), index, *words;
	uint64_t name = (uint64_t)me << 40 | number;
	int rc;

	if (number == NUMBERS) { /* all are used: only be killed */
		storm_progress();
		sched_yield();
		return;
	}
	rc = zipc_pool_take(it->pool, &index,
			    books->variant->forever ? ZIPC_FOREVER : SHORT);
	if (rc == -ETIMEDOUT)
		return;
	must(rc, "take");
	words = zipc_pool_at(it->pool, index);
	fill(words, name);
	still_ours(words, name);
	/* Who is killed from here on leaves this number behind. */
	atomic_store(&books->next[me], number + 1);
	rc = zipc_pool_send(it->pool, it->queue, index, SHORT);
	if (!rc) {
		atomic_fetch_or(&books->fates[me][number], COMMITTED);
		storm_progress();
		return;
	}
	storm_assert(rc == -ETIMEDOUT, "send gives %s: %s", rc_name(rc),
		     zipc_last_error());
	still_ours(words, name);
	must(zipc_pool_give(it->pool, index), "give");
}

/* consumers */

static void note(struct books *books, unsigned me, uint64_t name)
{
	uint64_t number = name & ((UINT64_C(1) << 40) - 1), after;
	uint64_t producer = name >> 40;

	storm_assert(producer < books->variant->producers &&
			     number < atomic_load(&books->next[producer]),
		     "message %llx comes from nowhere",
		     (unsigned long long)name);
	storm_assert(atomic_fetch_add(&books->fates[producer][number],
				      RECEIVED) < RECEIVED,
		     "message %llx is doubled", (unsigned long long)name);
	after = atomic_load(&books->last[me][producer]);
	storm_assert(number + 1 > after, "message %llu of producer %llu comes "
		     "behind %llu", (unsigned long long)number,
		     (unsigned long long)producer,
		     (unsigned long long)after - 1);
	atomic_store(&books->last[me][producer], number + 1);
}

/* False: nothing came. */
static bool consume_one(struct books *books, struct handles *it, unsigned me)
{
	uint64_t index, *words, mine = ~(uint64_t)me;
	int rc = zipc_pool_receive(it->pool, it->queue, &index, SHORT);

	if (rc == -ETIMEDOUT)
		return false;
	must(rc, "receive");
	words = zipc_pool_at(it->pool, index);
	storm_assert(is_whole(words), "a torn message: %llx",
		     (unsigned long long)name_of(words));
	note(books, me, name_of(words));
	fill(words, mine);
	still_ours(words, mine);
	must(zipc_pool_give(it->pool, index), "give");
	storm_progress();
	return true;
}

/* seats */

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	unsigned producers = books->variant->producers;
	struct handles it = open_handles(books);

	(void)dice;
	if (seat < producers)
		while (!storm_is_over())
			produce_one(books, &it, seat);
	else
		while (consume_one(books, &it, seat - producers) ||
		       !atomic_load(&books->done))
			;
	close_handles(&it);
}

static void bury(unsigned seat, void *context)
{
	struct books *books = context;

	if (seat >= books->variant->producers)
		atomic_fetch_add(&books->killed_consumers, 1);
}

static void calm(void *context)
{
	struct books *books = context;
	unsigned i;

	for (i = 0; i < books->variant->producers; i++)
		storm_await(i);
	atomic_store(&books->done, true);
}

/* what must be true in the end */

static void check_fates(struct books *books)
{
	unsigned p, fate, committed = 0, lost = 0;
	uint64_t i;

	for (p = 0; p < books->variant->producers; p++)
		for (i = 0; i < books->next[p]; i++) {
			fate = books->fates[p][i];
			committed += fate & COMMITTED;
			lost += fate == COMMITTED;
		}
	ck_assert_uint_gt(committed, 0);
	ck_assert_msg(lost <= books->killed_consumers,
		      "%u messages are lost, and %u consumers were killed",
		      lost, books->killed_consumers);
	printf("%u sent, %u of them went along with %u killed consumers\n",
	       committed, lost, books->killed_consumers);
}

/* A last stale ticket may be in the queue, and no message. */
static void check_whole(struct books *books)
{
	struct handles it = open_handles(books);
	unsigned i, n = books->variant->capacity;
	uint64_t index;

	ck_rc(zipc_pool_receive(it.pool, it.queue, &index, ZIPC_NOWAIT),
	      -EAGAIN);
	ck_assert_int_ge(zipc_pool_reclaim(it.pool), 0);
	ck_assert_msg(!zipc_pool_size(it.pool), "%u objects are lost",
		      (unsigned)zipc_pool_size(it.pool));
	for (i = 0; i < n; i++)
		ck_rc(zipc_pool_take(it.pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_take(it.pool, &index, ZIPC_NOWAIT), -EAGAIN);
	close_handles(&it);
}

static void make_pool(struct books *books)
{
	static const struct zipc_pool_options itself = { .reclaims = 1 };
	const struct variant *variant = books->variant;
	unsigned seats = variant->producers + variant->consumers;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = seats + 1,
	};
	struct handles it;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&it.segment, books->segment, 1 << 20,
				  &options), 0);
	ck_rc(zipc_pool_create_with(&it.pool, it.segment, "p", "u64[16]",
				    variant->capacity, &itself), 0);
	ck_rc(zipc_queue_create(&it.queue, it.segment, "q", "u64",
				variant->room), 0);
	close_handles(&it);
}

static void storm_on_a_pool(const struct variant *variant, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->producers + variant->consumers,
			       .kills = kills / SCALE, .act = act,
			       .bury = bury, .calm = calm, .context = books };

	books->variant = variant;
	make_pool(books);
	storm_run(&storm);
	check_fates(books);
	check_whole(books);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 2, 2, 6, 2, false, 0 },
	{ 1, 1, 3, 4, true, 0 },
	{ 3, 3, 8, 1, true, 0 },
	{ 4, 1, 200, 64, false, 0 },
	{ 1, 4, 7, 16, true, 0 },
	{ 4, 4, 10, 3, true, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS ((int)(sizeof(variants) / sizeof(variants[0])))

START_TEST(no_message_and_no_object_is_lost_in_random_kills)
{
	storm_on_a_pool(&variants[_i], 300);
}
END_TEST

START_TEST(no_message_and_no_object_is_lost_in_many_more)
{
	storm_on_a_pool(&variants[_i], 10000);
}
END_TEST

static Suite *storm_pool_suite(void)
{
	Suite *suite = suite_create("storm pool");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc,
			    no_message_and_no_object_is_lost_in_random_kills,
			    0, VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, no_message_and_no_object_is_lost_in_many_more,
			    0, VARIANTS);
	return suite;
}

TEST_MAIN(storm_pool_suite)
