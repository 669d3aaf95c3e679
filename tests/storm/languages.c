/* SPDX-License-Identifier: MIT */
/*
 * One queue in a storm of three languages: C, C++ and Python, each by its own
 * implementation of docs/format.md, push to and pop from each other. What was
 * committed is taken once, whole and in order, whoever is killed.
 *
 * Seats are workers' programs: worker.c, worker.cpp, worker.py; their seats
 * alternate. books.h has what they note, and what a kill may cost. Workers of
 * Python are forked by a process that is warm, and become children of this one
 * as it reaps orphans; so kills fall on what they do and not on their start.
 */
#include "storm.h"
#include "../harness.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "books.h"

#define HANG_NS INT64_C(60000000000)
#define PATH_MOST 4200

enum language { C, CPP, PYTHON, LANGUAGES };

static const char *const language_names[] = { "C", "C++", "Python" };

struct variant {
	unsigned producers, consumers, capacity, batch;
	enum waiting waiting;
	unsigned flags;
	enum language first; /* in the first seat */
};

static const struct variant variants[] = {
	{ 3, 3, 2, 1, NEVER, 0, C },
	{ 6, 6, 4, 1, FOREVER, 0, C },
	{ 3, 6, 64, 3, FOREVER, 0, C },
	{ 6, 3, 1, 1, SHORTLY, 0, C },
	{ 3, 3, 1024, 8, SHORTLY, 0, C },
	{ 6, 6, 16, 5, FOREVER, ZIPC_SYMMETRIC_FENCES, C },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

/* Each language wakes the two others; and all of them do. */
static const struct variant quiet[] = {
	{ 1, 2, 1, 1, FOREVER, 0, C },
	{ 1, 2, 1, 1, FOREVER, 0, CPP },
	{ 1, 2, 1, 1, FOREVER, 0, PYTHON },
	{ 3, 3, 4, 1, FOREVER, 0, C },
	{ 6, 6, 16, 5, FOREVER, ZIPC_SYMMETRIC_FENCES, C },
};
#define QUIET (sizeof(quiet) / sizeof(quiet[0]))

/* The test's own. */
static struct {
	const struct variant *variant;
	struct books *books;
	char books_path[64];
	char segment[96];
	struct child python; /* forks workers */
	int orders;          /* to it */
	struct zipc_segment *own;
	struct zipc_queue *queue;
	unsigned kills[LANGUAGES], producers_killed;
	uint64_t untold; /* elements that may be gone, in no buffer */
} host;

static enum language language_of(unsigned seat)
{
	return (enum language)((host.variant->first + seat) % LANGUAGES);
}

static const char *from_environment(const char *name, const char *other)
{
	const char *value = getenv(name);

	return value ? value : other;
}

/* starting */

struct order {
	uint64_t seat, seed;
};

static void exec_worker(void *context)
{
	const struct order *order = context;
	char path[PATH_MOST], seat[24], seed[24];
	bool is_c = language_of((unsigned)order->seat) == C;

	snprintf(path, sizeof(path), "%s/tests/storm/worker_%s",
		 from_environment("top_builddir", "."), is_c ? "c" : "cpp");
	snprintf(seat, sizeof(seat), "%llu", (unsigned long long)order->seat);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)order->seed);
	execl(path, path, host.books_path, host.segment, seat, seed,
	      (char *)NULL);
	storm_fail("cannot run %s: %s", path, strerror(errno));
}

static void exec_python(void *context)
{
	const char *top = from_environment("top_srcdir", "../..");
	/* The system's, which has its python3-numpy. */
	const char *python = from_environment("PYTHON", "/usr/bin/python3");
	char path[PATH_MOST], worker[PATH_MOST];

	snprintf(path, sizeof(path), "%s/python", top);
	snprintf(worker, sizeof(worker), "%s/tests/storm/worker.py", top);
	setenv("PYTHONPATH", path, 1);
	setenv("OPENBLAS_NUM_THREADS", "1", 1); /* threads do not fork */
	if (dup2(*(int *)context, STDIN_FILENO) == 0)
		execl(python, python, "-B", worker, host.books_path,
		      host.segment, (char *)NULL);
	perror(python);
	_exit(1);
}

static void start_python(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    ends), 0);
	host.python = child_start(exec_python, &ends[1]);
	close(ends[1]);
	host.orders = ends[0];
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

static struct child start(unsigned seat, uint64_t seed, void *context)
{
	struct order order = { seat, seed };
	struct child child = { .down = -1, .up = -1 };
	uint64_t pid;

	(void)context;
	if (language_of(seat) != PYTHON)
		return child_start(exec_worker, &order);
	ck_assert_int_eq(write(host.orders, &order, sizeof(order)),
			 sizeof(order));
	ck_assert_msg(read(host.orders, &pid, sizeof(pid)) == sizeof(pid),
		      "Python does not start workers: see what it printed");
	child.pid = (pid_t)pid;
	return child;
}

/* what a kill may have cost */

static void bury(unsigned seat, void *context)
{
	struct books *books = host.books;
	unsigned i, me = seat - (unsigned)books->producers;
	uint64_t *elem;

	(void)context;
	host.kills[language_of(seat)]++;
	if (seat < books->producers) {
		host.producers_killed++;
		return;
	}
	host.untold += books->popping[me];
	books->popping[me] = 0;
	elem = books->buffers[me];
	for (i = 0; i < books->batch; i++, elem += BOOKS_WORDS)
		if (is_whole(elem) && producer_of(elem) < books->producers &&
		    number_of(elem) < BOOKS_NUMBERS)
			__atomic_fetch_or(&books->fates[producer_of(elem)]
						       [number_of(elem)],
					  GONE_ALONG, __ATOMIC_ACQ_REL);
}

static void calm(void *context)
{
	uint64_t elem[BOOKS_WORDS];
	unsigned i;

	(void)context;
	for (i = 0; i < host.variant->producers; i++)
		storm_await(i);
	ck_rc(zipc_segment_open(&host.own, host.segment, 0), 0);
	ck_rc(zipc_queue_open(&host.queue, host.own, "q", "u64[8]"), 0);
	fill(elem, BOOKS_STOP, 0);
	for (i = 0; i < host.variant->consumers; i++)
		ck_rc(zipc_queue_push(host.queue, elem, HANG_NS), 0);
}

/* what must be true in the end */

struct sums {
	uint64_t committed, along, untold, unbooked;
};

static void add_fate(struct sums *sums, uint32_t fate)
{
	if (!(fate & COMMITTED))
		sums->unbooked += fate >= TAKEN;
	else if (fate < TAKEN && fate & GONE_ALONG)
		sums->along++;
	else if (fate < TAKEN)
		sums->untold++;
	sums->committed += fate & COMMITTED;
}

static void check_fates(void)
{
	const struct books *books = host.books;
	struct sums sums = { 0 };
	uint64_t p, i;

	for (p = 0; p < books->producers; p++)
		for (i = 0; i < books->next[p]; i++)
			add_fate(&sums, books->fates[p][i]);
	printf("%llu committed; with the killed went %llu that they had, and "
	       "%llu of at most %llu untold; %llu in without a word\n",
	       (unsigned long long)sums.committed,
	       (unsigned long long)sums.along,
	       (unsigned long long)sums.untold,
	       (unsigned long long)host.untold,
	       (unsigned long long)sums.unbooked);
	ck_assert_uint_gt(sums.committed, 0);
	ck_assert_msg(sums.untold <= host.untold,
		      "%llu elements are lost, where kills explain %llu",
		      (unsigned long long)sums.untold,
		      (unsigned long long)host.untold);
	ck_assert_uint_le(sums.unbooked,
			  host.producers_killed * books->batch);
}

/* All room is back. */
static void check_capacity(void)
{
	uint64_t elem[BOOKS_WORDS], out[BOOKS_WORDS];
	uint64_t i, capacity = host.variant->capacity;

	ck_rc(zipc_queue_pop(host.queue, out, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < capacity; i++) {
		fill(elem, 0, i);
		ck_rc(zipc_queue_push(host.queue, elem, ZIPC_NOWAIT), 0);
	}
	ck_rc(zipc_queue_push(host.queue, elem, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < capacity; i++) {
		fill(elem, 0, i);
		ck_rc(zipc_queue_pop(host.queue, out, ZIPC_NOWAIT), 0);
		ck_assert_mem_eq(elem, out, sizeof(elem));
	}
	ck_rc(zipc_queue_pop(host.queue, out, ZIPC_NOWAIT), -EAGAIN);
}

/* No writer's record and no participant's place is left with the dead. */
static void check_places(unsigned writers)
{
	struct zipc_queue *queues[2 * BOOKS_MOST + 2];
	uint64_t elem[BOOKS_WORDS] = { 0 };
	struct zipc_view_segment info;
	struct zipc_view *view;
	unsigned i;

	zipc_queue_close(host.queue);
	for (i = 0; i <= writers; i++) {
		ck_rc(zipc_queue_open(&queues[i], host.own, "q", NULL), 0);
		ck_rc(zipc_queue_push(queues[i], elem, ZIPC_NOWAIT),
		      i < writers ? 0 : -EUSERS);
		if (i < writers)
			ck_rc(zipc_queue_pop(queues[i], elem, ZIPC_NOWAIT), 0);
	}
	for (i = 0; i <= writers; i++)
		zipc_queue_close(queues[i]);
	ck_rc(zipc_view_open(&view, host.segment), 0);
	ck_rc(zipc_view_segment(view, &info), 0);
	ck_assert_uint_eq(info.participants, 1);
	zipc_view_close(view);
}

static void check_late_wakes(void)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, host.segment), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	ck_assert_uint_eq(entry.late_wakes, 0);
	zipc_view_close(view);
}

/* storms */

/* In memory that programs find by the descriptor that they inherit. */
static void make_books(const struct variant *variant)
{
	int fd = memfd_create("books", 0);
	struct books *books;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*books)), 0);
	books = mmap(NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd, 0);
	ck_assert(books != MAP_FAILED);
	snprintf(host.books_path, sizeof(host.books_path), "/proc/self/fd/%d",
		 fd);
	books->producers = variant->producers;
	books->consumers = variant->consumers;
	books->batch = variant->batch;
	books->waiting = variant->waiting;
	host.books = books;
	host.variant = variant;
}

/* Writers' records and participants' places are no more than needed. */
static void make_queue(const struct variant *variant)
{
	unsigned seats = variant->producers + variant->consumers;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = seats + 1,
	};
	const struct zipc_queue_options few = { .max_writers = seats + 1 };
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	strcpy(host.segment, test_name("languages"));
	ck_rc(zipc_segment_create(&segment, host.segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_queue_create_with(&queue, segment, "q", "u64[8]",
				     variant->capacity, &few), 0);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

static unsigned seats_of_python(unsigned seats)
{
	unsigned i, bits = 0;

	for (i = 0; i < seats; i++)
		if (language_of(i) == PYTHON)
			bits |= 1u << i;
	return bits;
}

static void storm_of_languages(const struct variant *variant, unsigned kills,
			       uint64_t least)
{
	unsigned seats = variant->producers + variant->consumers, i;
	struct storm storm = { .seats = seats, .kills = kills, .least = least,
			       .start = start, .bury = bury, .calm = calm };

	make_books(variant);
	make_queue(variant);
	start_python();
	storm.page = &host.books->page;
	storm.slow = seats_of_python(seats);
	storm_run(&storm);
	for (i = 0; i < LANGUAGES; i++)
		printf("%s%s: %u", i ? ", " : "killed: ", language_names[i],
		       host.kills[i]);
	printf("\n");
	close(host.orders);
	child_end(&host.python);
	check_fates();
	check_capacity();
}

static void end_of_storm(void)
{
	zipc_segment_close(host.own);
	ck_rc(zipc_segment_unlink(host.segment), 0);
}

static void kill_in(const struct variant *variant, unsigned kills)
{
	unsigned i;

	storm_of_languages(variant, kills, 1);
	for (i = 0; i < LANGUAGES; i++)
		ck_assert_uint_gt(host.kills[i], 0);
	check_places(variant->producers + variant->consumers + 1);
	end_of_storm();
}

START_TEST(what_was_committed_survives_kills_of_three_languages)
{
	kill_in(&variants[_i], 250);
}
END_TEST

START_TEST(what_was_committed_survives_a_hundred_thousand_kills)
{
	kill_in(&variants[_i % VARIANTS], 250);
}
END_TEST

START_TEST(nobody_wakes_late_while_nobody_is_killed)
{
	storm_of_languages(&quiet[_i], 0, 200);
	check_late_wakes();
	zipc_queue_close(host.queue);
	end_of_storm();
}
END_TEST

static Suite *storm_languages_suite(void)
{
	Suite *suite = suite_create("storm of languages");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(
		tc, what_was_committed_survives_kills_of_three_languages, 0,
		VARIANTS);
	tc = test_case(suite, "quiet", "medium", 600);
	tcase_add_loop_test(tc, nobody_wakes_late_while_nobody_is_killed, 0,
			    QUIET);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(
		tc, what_was_committed_survives_a_hundred_thousand_kills, 0,
		67 * VARIANTS);
	return suite;
}

TEST_MAIN(storm_languages_suite)
