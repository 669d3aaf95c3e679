/* SPDX-License-Identifier: MIT */
/*
 * Locks in a storm: those who lock are killed and stopped. Two words are
 * guarded by each lock; who has it with nothing told finds them equal, and who
 * is told of a death repairs them. Nobody is ever inside with a writer, though
 * the dead leave words that say so.
 *
 * The books say who is inside, by seat: who was killed there is taken out when
 * it is buried. Each death inside must be told before the next one comes in.
 *
 * Who is stopped with the lock holds it, so others wait for a time only, and to
 * be refused is progress. That nothing is held for good is seen in the end.
 */
#include "storm.h"
#include "../harness.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define SEATS 6
#define SHORT INT64_C(300000)
#define NAP INT64_C(150000000) /* time for a napper to look */
#define LONG INT64_C(60000000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

struct books {
	char segment[96];
	unsigned flags;
	bool rwlock, patient; /* patient: all wait until they have it */
	volatile uint64_t pair[2]; /* guarded */
	_Atomic uint64_t told, sections;
	_Atomic uint64_t killed_inside;   /* surely: between both changes */
	_Atomic unsigned changing[SEATS]; /* 1: between them */
};

static void must(int rc, const char *what)
{
	storm_assert(!rc, "%s: %s", what, zipc_last_error());
}

struct handles {
	struct zipc_segment *segment;
	struct zipc_mutex *mutex;
	struct zipc_rwlock *rwlock;
};

static struct handles open_handles(const struct books *books)
{
	struct handles it = { NULL, NULL, NULL };

	must(zipc_segment_open(&it.segment, books->segment, 0), "open");
	if (books->rwlock)
		must(zipc_rwlock_open(&it.rwlock, it.segment, "l"), "open");
	else
		must(zipc_mutex_open(&it.mutex, it.segment, "l"), "open");
	return it;
}

static void close_handles(struct handles *it)
{
	zipc_rwlock_close(it->rwlock);
	zipc_mutex_close(it->mutex);
	zipc_segment_close(it->segment);
}

static int lock(const struct handles *it, bool writes, int64_t timeout_ns)
{
	if (it->mutex)
		return zipc_mutex_lock(it->mutex, timeout_ns);
	return writes ? zipc_rwlock_write_lock(it->rwlock, timeout_ns)
		      : zipc_rwlock_read_lock(it->rwlock, timeout_ns);
}

static void make_consistent(struct books *books, const struct handles *it)
{
	books->pair[1] = books->pair[0];
	must(it->mutex ? zipc_mutex_consistent(it->mutex)
		       : zipc_rwlock_consistent(it->rwlock), "consistent");
	atomic_fetch_add(&books->told, 1);
}

static void change(struct books *books, unsigned seat)
{
	storm_assert(books->pair[0] == books->pair[1],
		     "%llu and %llu, and no death was told",
		     (unsigned long long)books->pair[0],
		     (unsigned long long)books->pair[1]);
	atomic_store(&books->changing[seat], 1);
	books->pair[0]++;
	if (books->pair[0] % 16 == 0)
		sched_yield();
	books->pair[1]++;
	atomic_store(&books->changing[seat], 0);
}

static void lock_once(struct books *books, const struct handles *it,
		      unsigned seat, struct dice *dice)
{
	static const int64_t timeouts[] = { ZIPC_NOWAIT, SHORT, NAP };
	bool writes = !it->rwlock || roll_below(dice, 4) == 0;
	int64_t timeout = books->patient ? LONG
					 : timeouts[roll_below(dice, 3)];
	int rc = lock(it, writes, timeout);

	if ((rc == -EAGAIN || rc == -ETIMEDOUT) && !books->patient) {
		storm_progress();
		return;
	}
	if (rc == -EOWNERDEAD)
		make_consistent(books, it);
	else
		must(rc, "lock");
	if (writes || rc)
		change(books, seat);
	else
		storm_assert(books->pair[0] == books->pair[1],
			     "a reader finds %llu and %llu",
			     (unsigned long long)books->pair[0],
			     (unsigned long long)books->pair[1]);
	atomic_fetch_add(&books->sections, 1);
	must(it->mutex ? zipc_mutex_unlock(it->mutex)
		       : zipc_rwlock_unlock(it->rwlock), "unlock");
	storm_progress();
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;
	struct handles it = open_handles(books);

	while (!storm_is_over())
		lock_once(books, &it, seat, dice);
	close_handles(&it);
}

static void bury(unsigned seat, void *context)
{
	struct books *books = context;

	if (atomic_exchange(&books->changing[seat], 0))
		atomic_fetch_add(&books->killed_inside, 1);
}

static void make_lock(struct books *books, bool rwlock, unsigned flags)
{
	const struct zipc_segment_options options = {
		.flags = flags, .max_participants = SEATS + 1
	};
	struct zipc_segment *segment;
	struct zipc_rwlock *it = NULL;
	struct zipc_mutex *mutex = NULL;

	books->rwlock = rwlock;
	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	if (rwlock)
		ck_rc(zipc_rwlock_create(&it, segment, "l", SEATS), 0);
	else
		ck_rc(zipc_mutex_create(&mutex, segment, "l"), 0);
	zipc_rwlock_close(it);
	zipc_mutex_close(mutex);
	zipc_segment_close(segment);
}

/* Anybody gets it, and each death inside has been told. */
static void end_of_storm(struct books *books)
{
	struct handles it = open_handles(books);
	int rc = lock(&it, true, LONG);

	if (rc == -EOWNERDEAD)
		make_consistent(books, &it);
	else
		ck_rc(rc, 0);
	ck_assert_uint_eq(books->pair[0], books->pair[1]);
	ck_rc(it.mutex ? zipc_mutex_unlock(it.mutex)
		       : zipc_rwlock_unlock(it.rwlock), 0);
	ck_assert_uint_ge(books->told, books->killed_inside);
	close_handles(&it);
	printf("%llu sections; %llu died inside for sure, %llu were told\n",
	       (unsigned long long)books->sections,
	       (unsigned long long)books->killed_inside,
	       (unsigned long long)books->told);
}

/* Without kills nobody is stopped either. */
static void storm_on(bool rwlock, unsigned flags, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = SEATS, .kills = kills / SCALE,
			       .act = act, .bury = bury, .context = books };

	books->patient = !kills;
	if (!kills)
		storm.least = 20000 / SCALE;
	make_lock(books, rwlock, flags);
	storm_run(&storm);
	if (!kills)
		ck_assert_uint_eq(storm_late_wakes(books->segment, "l"), 0);
	end_of_storm(books);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct {
	bool rwlock;
	unsigned flags;
} variants[] = {
	{ false, 0 },
	{ true, 0 },
	{ true, ZIPC_SYMMETRIC_FENCES },
};

START_TEST(each_death_inside_is_told)
{
	storm_on(variants[_i].rwlock, variants[_i].flags, 400);
}
END_TEST

START_TEST(nobody_is_woken_late_when_nobody_dies)
{
	storm_on(variants[_i].rwlock, variants[_i].flags, 0);
}
END_TEST

START_TEST(each_of_many_deaths_inside_is_told)
{
	storm_on(variants[_i].rwlock, variants[_i].flags, 20000);
}
END_TEST

static Suite *storm_lock_suite(void)
{
	Suite *suite = suite_create("storm lock");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, each_death_inside_is_told, 0, 3);
	tc = test_case(suite, "calm", "medium", 300);
	tcase_add_loop_test(tc, nobody_is_woken_late_when_nobody_dies, 0, 3);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, each_of_many_deaths_inside_is_told, 0, 3);
	return suite;
}

TEST_MAIN(storm_lock_suite)
