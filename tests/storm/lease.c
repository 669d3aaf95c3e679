/* SPDX-License-Identifier: MIT */
/*
 * Leases in a storm: producers push, and workers take some, give some back, and
 * are done with others; they are killed and stopped while they hold them. Every
 * element that was committed is done at least once, none comes again behind a
 * done that returned, and when nobody dies each is done exactly once.
 *
 * The books are in memory that outlives the killed. A worker notes an element
 * before it says that it is done, and counts it behind. Whoever is killed in
 * between was done with it, or was not: then another has it once more.
 */
#include "storm.h"
#include "../harness.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define MOST 4    /* producers, and workers */
#define AT_ONCE 3 /* leases of a worker */
#define WORDS_MOST 25
#define NUMBERS (UINT64_C(1) << 20) /* per producer and storm */
#define SHORT INT64_C(200000)
#define HANG_NS INT64_C(60000000000)
#define STOP 255u /* the producer of elements that end a worker */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

/* What became of an element: bits, and above them how often it was done. */
enum { COMMITTED = 1, ENDING = 2, DONE = 4 };

enum waiting { NEVER, SHORTLY, FOREVER, WAITINGS };

struct variant {
	unsigned producers, workers, capacity, words, at_once;
	bool some_pop; /* the last worker pops */
	enum waiting waiting;
	unsigned kills;
};

struct books {
	const struct variant *variant;
	char segment[96];
	struct zipc_segment *own;
	struct zipc_queue *queue; /* the test's, while nobody is killed */
	_Atomic uint64_t next[MOST]; /* of a producer: no number is beyond */
	_Atomic uint64_t again;      /* handed out more than once */
	uint64_t popped[WORDS_MOST]; /* by the one that pops */
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

static _Atomic uint8_t *fate_of(struct books *books, const uint64_t *elem)
{
	uint64_t number = elem[0] >> 16 & 0xFFFFFFFFFF;
	unsigned producer = (unsigned)(elem[0] >> 56);

	storm_assert(is_whole(elem, books->variant->words),
		     "a torn element: %llx", (unsigned long long)elem[0]);
	storm_assert(producer < books->variant->producers &&
			     number < atomic_load(&books->next[producer]),
		     "element %llu of producer %u comes from nowhere",
		     (unsigned long long)number, producer);
	return &books->fates[producer][number];
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

/* Whether it succeeded; else there was nothing, or no room, in time. */
static bool check_result(const struct variant *variant, int rc,
			 const char *what)
{
	if (rc && !(rc == -EAGAIN && variant->waiting == NEVER) &&
	    !(rc == -ETIMEDOUT && variant->waiting == SHORTLY))
		storm_fail("%s gives %d: %s", what, rc, zipc_last_error());
	if (!rc)
		storm_progress();
	return !rc;
}

/* producers */

static void produce(struct books *books, struct zipc_queue *queue, unsigned me)
{
	const struct variant *variant = books->variant;
	uint64_t elem[WORDS_MOST], number;

	while (!storm_is_over()) {
		number = atomic_load(&books->next[me]);
		if (number == NUMBERS) { /* only be killed */
			storm_progress();
			sched_yield();
			continue;
		}
		fill(elem, variant->words, me, number);
		/* Who is killed from here on leaves this number behind. */
		atomic_store(&books->next[me], number + 1);
		if (check_result(variant,
				 zipc_queue_push(queue, elem,
						 timeout_of(variant)), "push"))
			atomic_fetch_or(&books->fates[me][number], COMMITTED);
		else
			atomic_store(&books->next[me], number);
	}
}

/* workers */

struct job {
	uint64_t elem[WORDS_MOST];
	struct zipc_lease lease;
};

static void begin_job(struct books *books, const struct job *job)
{
	storm_assert(job->lease.attempt > 0, "attempt 0");
	if (job->lease.attempt > 1)
		atomic_fetch_add(&books->again, 1);
	if (job->elem[0] >> 56 == STOP)
		return;
	storm_assert(atomic_load(fate_of(books, job->elem)) < DONE,
		     "element %llx comes again, after it was done",
		     (unsigned long long)job->elem[0]);
}

static void end_job(struct books *books, struct zipc_queue *queue,
		    const struct job *job)
{
	_Atomic uint8_t *fate = fate_of(books, job->elem);

	atomic_fetch_or(fate, ENDING);
	must(zipc_queue_done(queue, &job->lease), "done");
	storm_assert(atomic_fetch_add(fate, DONE) < DONE,
		     "element %llx was done twice",
		     (unsigned long long)job->elem[0]);
}

/* Take, or not; and then end one, or give one back. Returns how many it has. */
static unsigned work_once(struct books *books, struct zipc_queue *queue,
			  struct job *jobs, unsigned n, struct dice *dice)
{
	const struct variant *variant = books->variant;
	int64_t timeout_ns = n ? ZIPC_NOWAIT : timeout_of(variant);
	struct job *job = &jobs[n];
	unsigned i;
	int rc;

	if (n < variant->at_once && (!n || roll_below(dice, 2))) {
		rc = zipc_queue_take(queue, job->elem, &job->lease, timeout_ns);
		if (n && rc == -EAGAIN)
			return n;
		if (check_result(variant, rc, "take")) {
			begin_job(books, job);
			n++;
		}
		return n;
	}
	i = roll_below(dice, n);
	if (jobs[i].elem[0] >> 56 == STOP || !roll_below(dice, 8))
		must(zipc_queue_return(queue, &jobs[i].lease), "return");
	else
		end_job(books, queue, &jobs[i]);
	jobs[i] = jobs[n - 1];
	return n - 1;
}

/* Until it is over, and then until told to stop. */
static void work(struct books *books, struct zipc_queue *queue,
		 struct dice *dice)
{
	struct job jobs[AT_ONCE + 1];
	unsigned n = 0;

	while (!storm_is_over())
		n = work_once(books, queue, jobs, n, dice);
	while (n)
		if (jobs[--n].elem[0] >> 56 == STOP)
			must(zipc_queue_return(queue, &jobs[n].lease), "give");
		else
			end_job(books, queue, &jobs[n]);
	for (;;) {
		must(zipc_queue_take(queue, jobs->elem, &jobs->lease, HANG_NS),
		     "take");
		begin_job(books, jobs);
		if (jobs->elem[0] >> 56 == STOP)
			break;
		end_job(books, queue, jobs);
	}
	must(zipc_queue_done(queue, &jobs->lease), "done");
}

/* Take and done in one: who is killed may have one along. */
static void pop(struct books *books, struct zipc_queue *queue)
{
	const struct variant *variant = books->variant;
	uint64_t *elem = books->popped;
	int64_t timeout_ns;
	int rc;

	for (;;) {
		timeout_ns = storm_is_over() ? HANG_NS : timeout_of(variant);
		rc = zipc_queue_pop(queue, elem, timeout_ns);
		if (!check_result(variant, rc, "pop"))
			continue;
		if (elem[0] >> 56 == STOP && storm_is_over())
			return;
		storm_assert(elem[0] >> 56 != STOP, "a stop comes early");
		storm_assert(atomic_fetch_add(fate_of(books, elem), DONE) <
				     DONE, "element %llx was done twice",
			     (unsigned long long)elem[0]);
	}
}

/* seats */

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	const struct variant *variant = books->variant;
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	must(zipc_segment_open(&segment, books->segment, 0), "open");
	must(zipc_queue_open(&queue, segment, "q", NULL), "open");
	if (seat < variant->producers)
		produce(books, queue, seat);
	else if (variant->some_pop &&
		 seat == variant->producers + variant->workers - 1)
		pop(books, queue);
	else
		work(books, queue, dice);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

/* Who was killed in a pop may have taken along what is in its buffer. */
static void bury(unsigned seat, void *context)
{
	struct books *books = context;
	const struct variant *variant = books->variant;
	const uint64_t *elem = books->popped;
	unsigned producer = (unsigned)(elem[0] >> 56);
	uint64_t number = elem[0] >> 16 & 0xFFFFFFFFFF;

	if (variant->some_pop &&
	    seat == variant->producers + variant->workers - 1 &&
	    is_whole(elem, variant->words) && producer < variant->producers &&
	    number < NUMBERS)
		atomic_fetch_or(&books->fates[producer][number], ENDING);
}

static void calm(void *context)
{
	struct books *books = context;
	uint64_t elem[WORDS_MOST];
	unsigned i;

	for (i = 0; i < books->variant->producers; i++)
		storm_await(i);
	ck_rc(zipc_segment_open(&books->own, books->segment, 0), 0);
	ck_rc(zipc_queue_open(&books->queue, books->own, "q", NULL), 0);
	fill(elem, books->variant->words, STOP, 0);
	for (i = 0; i < books->variant->workers; i++)
		ck_rc(zipc_queue_push(books->queue, elem, HANG_NS), 0);
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
			if (!(fate & COMMITTED) || fate >= DONE)
				continue;
			ck_assert_msg(fate & ENDING && books->variant->kills,
				      "element %llu of producer %u is lost",
				      (unsigned long long)i, p);
			along++;
		}
	ck_assert_uint_gt(committed, 0);
	printf("%u committed, %u of them ended with a death, %u leases were "
	       "not the first\n", committed, along, (unsigned)books->again);
}

static void check_empty(struct books *books)
{
	struct zipc_view_entry entry;
	struct zipc_lease lease;
	struct zipc_view *view;
	uint64_t elem[WORDS_MOST];

	ck_rc(zipc_queue_take(books->queue, elem, &lease, ZIPC_NOWAIT),
	      -EAGAIN);
	ck_rc(zipc_view_open(&view, books->segment), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	ck_assert_uint_eq(entry.leased, 0);
	ck_assert_uint_eq(entry.size, 0);
	if (!books->variant->kills)
		ck_assert_uint_eq(entry.late_wakes, 0);
	zipc_view_close(view);
}

static void check_capacity(struct books *books, unsigned takers)
{
	uint64_t elem[WORDS_MOST], out[WORDS_MOST];
	unsigned words = books->variant->words;
	struct zipc_lease leases[MOST * AT_ONCE + MOST + 2];
	uint64_t i;

	for (i = 0; i < books->variant->capacity; i++) {
		fill(elem, words, 0, i);
		ck_rc(zipc_queue_push(books->queue, elem, ZIPC_NOWAIT), 0);
	}
	ck_rc(zipc_queue_push(books->queue, elem, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < books->variant->capacity; i++) {
		fill(elem, words, 0, i);
		ck_rc(zipc_queue_pop(books->queue, out, ZIPC_NOWAIT), 0);
		ck_assert_mem_eq(elem, out, words * sizeof(*elem));
	}
	for (i = 0; i <= takers; i++) {
		fill(elem, words, 0, i);
		ck_rc(zipc_queue_push(books->queue, elem, ZIPC_NOWAIT), 0);
		ck_rc(zipc_queue_take(books->queue, out, &leases[i],
				      ZIPC_NOWAIT), i < takers ? 0 : -EUSERS);
	}
}

/* Takers' and writers' records are no more than needed. */
static unsigned make_queue(struct books *books)
{
	const struct variant *variant = books->variant;
	unsigned seats = variant->producers + variant->workers;
	const struct zipc_segment_options options = {
		.max_participants = seats + 1,
	};
	const struct zipc_queue_options few = {
		.max_writers = seats + 1,
		.max_takers = variant->workers * (variant->at_once + 1) + 1,
	};
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
	return few.max_takers;
}

static void storm(const struct variant *variant, unsigned times)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->producers + variant->workers,
			       .kills = times * variant->kills / SCALE,
			       .least = variant->kills ? 0 : 20000 / SCALE,
			       .act = act, .bury = bury, .calm = calm,
			       .context = books };
	unsigned takers;

	books->variant = variant;
	takers = make_queue(books);
	storm_run(&storm);
	check_fates(books);
	check_empty(books);
	check_capacity(books, takers);
	zipc_queue_close(books->queue);
	zipc_segment_close(books->own);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 2, 2, 2, 1, 1, false, NEVER, 300 },
	{ 1, 3, 4, 8, 1, false, FOREVER, 300 },
	{ 4, 4, 16, 25, 3, false, SHORTLY, 300 },
	{ 2, 2, 64, 1, 3, true, NEVER, 300 },
	{ 3, 4, 5, 8, 2, true, FOREVER, 300 },
	{ 2, 4, 1, 1, 2, false, FOREVER, 300 },
	{ 2, 4, 8, 8, 2, false, FOREVER, 0 },
	{ 4, 4, 64, 1, 3, true, SHORTLY, 0 },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

START_TEST(what_is_taken_is_done_whoever_dies)
{
	storm(&variants[_i], 1);
}
END_TEST

START_TEST(what_is_taken_is_done_whoever_of_many_dies)
{
	storm(&variants[_i], 20);
}
END_TEST

static Suite *storm_lease_suite(void)
{
	Suite *suite = suite_create("storm lease");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, what_is_taken_is_done_whoever_dies, 0,
			    VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, what_is_taken_is_done_whoever_of_many_dies, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_lease_suite)
