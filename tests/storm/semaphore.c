/* SPDX-License-Identifier: MIT */
/*
 * An owned semaphore in a storm: those inside are killed and stopped, and never
 * are more inside who live than there are permits; in the end all are back.
 *
 * The books have a place for each permit. Who has acquired one takes a place
 * that is free, or whose process is dead: there must be one, since a permit is
 * given away only after its holder has left its place, or died.
 */
#include "storm.h"
#include "../harness.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define MOST 4 /* permits */
#define SHORT INT64_C(200000)
#define SLICE INT64_C(20000000) /* then look whether the storm is over */
#define LONG INT64_C(60000000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

struct variant {
	unsigned seats, permits, most_held;
	int64_t timeout_ns;
	unsigned flags;
};

struct books {
	const struct variant *variant;
	bool patient; /* all wait until they have it */
	char segment[96];
	_Atomic int places[MOST]; /* pids */
};

#define EXITING 4 /* PF_EXITING of linux/sched.h, which is not exported */

/* A zombie is dead, and so is who is on the way there, without locks. */
static bool is_dead(int pid)
{
	char path[32], text[256], *end;
	unsigned flags;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return true;
	text[n] = '\0';
	end = strrchr(text, ')');
	return !end || end[2] == 'Z' || end[2] == 'X' ||
	       sscanf(end, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1 ||
	       flags & EXITING;
}

/* Relaxed and without edges: the semaphore orders what it must. */
static unsigned take_place(struct books *books)
{
	unsigned i, permits = books->variant->permits;
	int there;

	for (i = 0; i < permits; i++) {
		there = atomic_load_explicit(&books->places[i],
					     memory_order_relaxed);
		if (there && !is_dead(there))
			continue;
		if (atomic_compare_exchange_strong_explicit(
			    &books->places[i], &there, (int)getpid(),
			    memory_order_relaxed, memory_order_relaxed))
			return i;
	}
	storm_fail("more are inside than the %u permits", permits);
}

static void leave_place(struct books *books, unsigned place)
{
	int me = (int)getpid();

	storm_assert(atomic_compare_exchange_strong_explicit(
			     &books->places[place], &me, 0,
			     memory_order_relaxed, memory_order_relaxed),
		     "%d has taken the place of a permit that is held", me);
}

static bool acquire_one(struct books *books, struct zipc_semaphore *semaphore,
			unsigned *place)
{
	int64_t timeout = books->variant->timeout_ns;
	int64_t slice = books->patient ? LONG : SLICE;
	int rc;

	do
		rc = zipc_semaphore_acquire(semaphore,
					    timeout < 0 ? slice : timeout);
	while (rc == -ETIMEDOUT && timeout < 0 && !storm_is_over());
	storm_assert(!rc || rc == -ETIMEDOUT || rc == -EAGAIN,
		     "acquire gives %d: %s", rc, zipc_last_error());
	if (!rc)
		*place = take_place(books);
	return !rc;
}

static void go_in_and_out(struct books *books,
			  struct zipc_semaphore *semaphore, struct dice *dice)
{
	unsigned wanted = 1 + roll_below(dice, books->variant->most_held);
	unsigned places[MOST], held = 0;

	/* More than one, only as long as that needs no wait: no deadlock. */
	if (!acquire_one(books, semaphore, &places[held]))
		return;
	held++;
	while (held < wanted &&
	       !zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT))
		places[held++] = take_place(books);
	if (!roll_below(dice, 4))
		sched_yield();
	for (wanted = 0; wanted < held; wanted++)
		leave_place(books, places[wanted]);
	storm_assert(!zipc_semaphore_release(semaphore, held), "release: %s",
		     zipc_last_error());
	storm_progress();
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	struct zipc_semaphore *semaphore;
	struct zipc_segment *segment;

	(void)seat;
	storm_assert(!zipc_segment_open(&segment, books->segment, 0) &&
			     !zipc_semaphore_open(&semaphore, segment, "s"),
		     "open: %s", zipc_last_error());
	while (!storm_is_over())
		go_in_and_out(books, semaphore, dice);
	zipc_semaphore_close(semaphore);
	zipc_segment_close(segment);
}

/* Participants' places are no more than needed. */
static struct zipc_segment *make_semaphore(struct books *books)
{
	const struct variant *variant = books->variant;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = variant->seats + 1,
	};
	struct zipc_semaphore *semaphore;
	struct zipc_segment *segment;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_semaphore_create_with(&semaphore, segment, "s",
					 variant->permits, variant->permits,
					 ZIPC_OWNED), 0);
	zipc_semaphore_close(semaphore);
	return segment;
}

static void all_are_back(struct books *books, struct zipc_segment *segment)
{
	struct zipc_semaphore *semaphore;
	unsigned i;

	ck_rc(zipc_semaphore_open(&semaphore, segment, "s"), 0);
	for (i = 0; i < books->variant->permits; i++)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
	ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_semaphore_release(semaphore, i), 0);
	ck_assert_uint_eq(zipc_semaphore_value(semaphore), i);
	zipc_semaphore_close(semaphore);
}

static void storms(const struct variant *variant, unsigned n, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->seats, .least = 10,
			       .kills = kills / SCALE, .act = act,
			       .context = books };
	struct zipc_segment *segment;

	books->variant = variant;
	segment = make_semaphore(books);
	while (n--) {
		storm_run(&storm);
		all_are_back(books, segment);
	}
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

/* Nobody is killed, and nobody stopped. */
static void is_calm(const struct variant *variant)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->seats,
			       .least = 5000 / SCALE,
			       .act = act,
			       .context = books };
	struct zipc_segment *segment;

	books->variant = variant;
	books->patient = true;
	segment = make_semaphore(books);
	storm_run(&storm);
	ck_assert_uint_eq(storm_late_wakes(books->segment, "s"), 0);
	all_are_back(books, segment);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 4, 1, 1, ZIPC_FOREVER, 0 },
	{ 6, 2, 1, ZIPC_FOREVER, 0 },
	{ 6, 4, 4, ZIPC_FOREVER, 0 },
	{ 4, 2, 2, SHORT, 0 },
	{ 6, 3, 2, ZIPC_FOREVER, ZIPC_SYMMETRIC_FENCES },
	{ 4, 1, 1, ZIPC_NOWAIT, 0 },
};
#define VARIANTS (int)(sizeof(variants) / sizeof(variants[0]))
#define SLEEPING (VARIANTS - 1) /* nobody sleeps in the last */

START_TEST(permits_survive_random_kills)
{
	storms(&variants[_i], 1, 150);
}
END_TEST

START_TEST(nobody_is_woken_late_when_nobody_dies)
{
	is_calm(&variants[_i]);
}
END_TEST

START_TEST(permits_survive_thousands_of_kills)
{
	storms(&variants[_i], 20, 300);
}
END_TEST

static Suite *storm_semaphore_suite(void)
{
	Suite *suite = suite_create("storm semaphore");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, permits_survive_random_kills, 0, VARIANTS);
	tc = test_case(suite, "calm", "medium", 300);
	tcase_add_loop_test(tc, nobody_is_woken_late_when_nobody_dies, 0,
			    SLEEPING);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, permits_survive_thousands_of_kills, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_semaphore_suite)
