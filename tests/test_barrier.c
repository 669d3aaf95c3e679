/* SPDX-License-Identifier: MIT */
/* The barrier's promises. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/round.h"
#include "../libzeroipc/table.h"

#include <pthread.h>
#include <time.h>

#define MS INT64_C(1000000)
#define MOST 8

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("barrier"), 1 << 20,
				  NULL), 0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

/* As many handles as there are parties, in this one thread. */
static void new_parties(struct zipc_barrier *parties[], uint64_t n)
{
	uint64_t i;

	ck_rc(zipc_barrier_create(&parties[0], segment, "b", n), 0);
	for (i = 1; i < n; i++)
		ck_rc(zipc_barrier_open(&parties[i], segment, "b"), 0);
}

static void close_parties(struct zipc_barrier *parties[], uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		zipc_barrier_close(parties[i]);
}

static struct zipc_barrier *open_anew(void)
{
	struct zipc_barrier *barrier;
	struct zipc_segment *mine;

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment), 0), 0);
	ck_rc(zipc_barrier_open(&barrier, mine, "b"), 0);
	return barrier;
}

static struct zipc_barrier_body *body(void)
{
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "b", ZIPC_BARRIER, NULL), 0);
	zipc_table_release(&found);
	return (void *)found.body;
}

static uint64_t late_wakes(void)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "b", &entry), 0);
	zipc_view_close(view);
	return entry.late_wakes;
}

START_TEST(a_round_ends_when_all_have_arrived)
{
	static const uint64_t numbers[] = { 1, 2, 3, MOST };
	struct zipc_barrier *parties[MOST];
	uint64_t n = numbers[_i], round, i;

	new_parties(parties, n);
	ck_assert_uint_eq(zipc_barrier_parties(parties[0]), n);
	for (round = 0; round < 5; round++) {
		ck_assert_uint_eq(zipc_barrier_rounds(parties[0]), round);
		for (i = 0; i + 1 < n; i++) {
			ck_rc(zipc_barrier_wait(parties[i], ZIPC_NOWAIT),
			      -EAGAIN);
			ck_assert_uint_eq(zipc_barrier_arrived(parties[0]),
					  i + 1);
		}
		ck_rc(zipc_barrier_wait(parties[i], ZIPC_FOREVER), 0);
		ck_assert_uint_eq(zipc_barrier_arrived(parties[0]), 0);
		for (i = 0; i + 1 < n; i++)
			ck_rc(zipc_barrier_wait(parties[i], ZIPC_NOWAIT), 0);
	}
	close_parties(parties, n);
	zipc_barrier_close(NULL);
}
END_TEST

START_TEST(an_arrival_outlasts_its_deadline)
{
	struct zipc_barrier *parties[3];

	new_parties(parties, 3);
	ck_rc(zipc_barrier_wait(parties[0], 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_barrier_wait(parties[0], 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_barrier_wait(parties[1], 70 * MS), -ETIMEDOUT);
	ck_assert_uint_eq(zipc_barrier_arrived(parties[2]), 2);
	ck_rc(zipc_barrier_wait(parties[2], ZIPC_NOWAIT), 0);
	/* And the next round is not mixed with it. */
	ck_rc(zipc_barrier_wait(parties[2], ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[2], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(zipc_barrier_rounds(parties[0]), 2);
	close_parties(parties, 3);
}
END_TEST

START_TEST(who_leaves_takes_its_arrival_along_and_makes_room)
{
	struct zipc_barrier *parties[3], *fourth = NULL;

	new_parties(parties, 3);
	ck_rc(zipc_barrier_open(&fourth, segment, "b"), -EUSERS);
	ck_message("3 parties");
	ck_assert_ptr_null(fourth);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), -EAGAIN);
	zipc_barrier_close(parties[0]);
	ck_rc(zipc_barrier_wait(parties[2], 70 * MS), -ETIMEDOUT);
	ck_rc(zipc_barrier_open(&parties[0], segment, "b"), 0);
	ck_rc(zipc_barrier_wait(parties[1], 70 * MS), -ETIMEDOUT);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[2], ZIPC_NOWAIT), 0);
	close_parties(parties, 3);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct zipc_barrier *barrier, *other = NULL;

	ck_rc(zipc_barrier_create(&other, segment, "b", 0), -EINVAL);
	ck_rc(zipc_barrier_create(&other, segment, "b", 4097), -EINVAL);
	ck_rc(zipc_barrier_open(&other, segment, "b"), -ENOENT);
	ck_rc(zipc_barrier_create(&barrier, segment, "b", 2), 0);
	ck_rc(zipc_barrier_create(&other, segment, "b", 2), -EEXIST);
	ck_rc(zipc_barrier_open_or_create(&other, segment, "b", 3),
	      -EPROTOTYPE);
	ck_assert_ptr_null(other);
	ck_rc(zipc_barrier_open_or_create(&other, segment, "b", 2), 0);
	zipc_barrier_close(other);
	zipc_barrier_close(barrier);
}
END_TEST

START_TEST(a_reader_sees_the_rounds_and_is_no_party)
{
	struct zipc_barrier *parties[2], *reader;
	struct zipc_segment *reading;

	new_parties(parties, 2);
	ck_rc(zipc_segment_open(&reading, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_barrier_open(&reader, reading, "b"), 0);
	ck_rc(zipc_barrier_wait(reader, ZIPC_FOREVER), -EROFS);
	ck_message("barrier `b`");
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EAGAIN);
	ck_assert_uint_eq(zipc_barrier_arrived(reader), 1);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(zipc_barrier_rounds(reader), 1);
	zipc_barrier_close(reader);
	zipc_segment_close(reading);
	close_parties(parties, 2);
}
END_TEST

/* the dead */

static void stay(void *unused)
{
	(void)unused;
	open_anew();
	tell_parent();
	await_parent();
}

static void arrive_and_stay(void *unused)
{
	struct zipc_barrier *barrier = open_anew();

	(void)unused;
	ck_rc(zipc_barrier_wait(barrier, ZIPC_NOWAIT), -EAGAIN);
	tell_parent();
	await_parent();
}

/* Is told of the death, and goes on when another has come. */
static void wait_twice(void *unused)
{
	struct zipc_barrier *barrier = open_anew();

	(void)unused;
	tell_parent();
	ck_rc(zipc_barrier_wait(barrier, ZIPC_FOREVER), -EOWNERDEAD);
	ck_message("wait again");
	tell_parent();
	ck_rc(zipc_barrier_wait(barrier, ZIPC_FOREVER), 0);
	zipc_barrier_close(barrier);
}

START_TEST(a_death_is_told_to_all_once_and_others_take_the_place)
{
	struct zipc_barrier *late, *new;
	struct child victim, waiters[4];
	int i;

	ck_rc(zipc_barrier_create(&late, segment, "b", 6), 0);
	victim = child_start(stay, NULL);
	child_hear(&victim);
	for (i = 0; i < 4; i++) {
		waiters[i] = child_start(wait_twice, NULL);
		child_hear(&waiters[i]);
		sleeps_in_futex(waiters[i].pid, 0);
	}
	child_kill(&victim);
	for (i = 0; i < 4; i++)
		child_hear(&waiters[i]);
	/* Who did not wait then is told at its next wait. */
	ck_rc(zipc_barrier_wait(late, ZIPC_FOREVER), -EOWNERDEAD);
	ck_rc(zipc_barrier_wait(late, 150 * MS), -ETIMEDOUT);
	/* Who comes then has no news. */
	ck_rc(zipc_barrier_open(&new, segment, "b"), 0);
	ck_rc(zipc_barrier_wait(new, ZIPC_FOREVER), 0);
	ck_rc(zipc_barrier_wait(late, ZIPC_NOWAIT), 0);
	for (i = 0; i < 4; i++)
		child_end(&waiters[i]);
	ck_assert_uint_eq(zipc_barrier_rounds(new), 1);
	zipc_barrier_close(new);
	zipc_barrier_close(late);
}
END_TEST

START_TEST(a_death_is_told_by_who_takes_the_place)
{
	struct zipc_barrier *parties[3];
	struct child victim;

	/* With what it has arrived in, or before. */
	ck_rc(zipc_barrier_create(&parties[0], segment, "b", 3), 0);
	ck_rc(zipc_barrier_open(&parties[1], segment, "b"), 0);
	victim = child_start(_i ? arrive_and_stay : stay, NULL);
	child_hear(&victim);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EAGAIN);
	child_kill(&victim);
	ck_rc(zipc_barrier_open(&parties[2], segment, "b"), 0);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), -EOWNERDEAD);
	ck_rc(zipc_barrier_wait(parties[2], ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[2], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), 0);
	close_parties(parties, 3);
}
END_TEST

START_TEST(who_arrived_and_died_counts_and_is_missed_in_the_next_round)
{
	struct zipc_barrier *parties[2];
	struct child victim;

	ck_rc(zipc_barrier_create(&parties[0], segment, "b", 3), 0);
	ck_rc(zipc_barrier_open(&parties[1], segment, "b"), 0);
	victim = child_start(arrive_and_stay, NULL);
	child_hear(&victim);
	child_kill(&victim);
	ck_rc(zipc_barrier_wait(parties[0], 150 * MS), -ETIMEDOUT);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), 0);
	ck_rc(zipc_barrier_wait(parties[1], ZIPC_FOREVER), -EOWNERDEAD);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EOWNERDEAD);
	close_parties(parties, 2);
}
END_TEST

/* Its next wait, which does not sleep, finds out all the same. */
START_TEST(who_only_polls_is_told_as_well)
{
	struct zipc_barrier *barrier;
	struct child victim;
	int rc;

	ck_rc(zipc_barrier_create(&barrier, segment, "b", 2), 0);
	victim = child_start(stay, NULL);
	child_hear(&victim);
	ck_rc(zipc_barrier_wait(barrier, ZIPC_NOWAIT), -EAGAIN);
	child_kill(&victim);
	while ((rc = zipc_barrier_wait(barrier, ZIPC_NOWAIT)) == -EAGAIN)
		sched_yield();
	ck_rc(rc, -EOWNERDEAD);
	zipc_barrier_close(barrier);
}
END_TEST

START_TEST(who_is_stopped_is_waited_for)
{
	struct zipc_barrier *barrier;
	struct child victim;

	ck_rc(zipc_barrier_create(&barrier, segment, "b", 2), 0);
	victim = child_start(stay, NULL);
	child_hear(&victim);
	child_stop(&victim);
	ck_rc(zipc_barrier_wait(barrier, 250 * MS), -ETIMEDOUT);
	child_continue(&victim);
	child_say(&victim);
	child_end(&victim);
	/* It has ended without a close: that is a death. */
	ck_rc(zipc_barrier_wait(barrier, ZIPC_FOREVER), -EOWNERDEAD);
	zipc_barrier_close(barrier);
}
END_TEST

/* A round in which all have arrived, but nobody said so: a death just there. */
START_TEST(a_round_that_nobody_ended_is_ended_by_who_waits)
{
	struct zipc_barrier *parties[2];
	struct zipc_party *party;
	uint64_t round;

	new_parties(parties, 2);
	party = body()->parties;
	round = atomic_load(&body()->round);
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_NOWAIT), -EAGAIN);
	atomic_store(&party[1].state,
		     zipc_party_state(round, ZIPC_PARTY_ARRIVED));
	ck_rc(zipc_barrier_wait(parties[0], ZIPC_FOREVER), 0);
	ck_assert_uint_eq(zipc_barrier_rounds(parties[0]), 1);
	close_parties(parties, 2);
}
END_TEST

static void wait_as_a_child(void *context)
{
	ck_rc(zipc_barrier_wait(context, ZIPC_FOREVER), 0);
	zipc_barrier_close(context);
}

static void find_no_place(void *context)
{
	ck_rc(zipc_barrier_wait(context, ZIPC_FOREVER), -EUSERS);
	zipc_barrier_close(context);
}

START_TEST(a_forked_child_is_a_party_of_its_own)
{
	struct zipc_barrier *barrier, *other;
	struct child child;

	ck_rc(zipc_barrier_create(&barrier, segment, "b", 2), 0);
	child = child_start(wait_as_a_child, barrier);
	ck_rc(zipc_barrier_wait(barrier, ZIPC_FOREVER), 0);
	child_end(&child);
	ck_rc(zipc_barrier_open(&other, segment, "b"), 0);
	child = child_start(find_no_place, barrier);
	child_end(&child);
	ck_rc(zipc_barrier_wait(barrier, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_barrier_wait(other, ZIPC_NOWAIT), 0);
	zipc_barrier_close(other);
	zipc_barrier_close(barrier);
}
END_TEST

/* Both parties in one child, which has no other open. */
static void become_both(void *context)
{
	struct zipc_barrier **parties = context;

	parties[0] = open_anew();
	parties[1] = open_anew();
}

static void go_through_rounds(void *context)
{
	struct zipc_barrier **parties = context;
	int i;

	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_barrier_wait(parties[i % 2], ZIPC_NOWAIT), -EAGAIN);
		ck_rc(zipc_barrier_wait(parties[1 - i % 2], ZIPC_FOREVER), 0);
		ck_rc(zipc_barrier_wait(parties[i % 2], ZIPC_FOREVER), 0);
	}
}

START_TEST(who_arrives_last_makes_no_system_call)
{
	struct zipc_barrier *parties[2];

	new_parties(parties, 2);
	close_parties(parties, 2);
	must_make_no_system_call(become_both, go_through_rounds, parties);
	/* The filter is in force: a child's first call looks for a place. */
	ck_rc(zipc_barrier_create(&parties[0], segment, "c", 1), 0);
	must_make_a_system_call(NULL, go_through_rounds, parties);
	zipc_barrier_close(parties[0]);
}
END_TEST

/* many at once */

#ifdef __SANITIZE_THREAD__
#define ROUNDS 2000
#else
#define ROUNDS 20000
#endif

struct page {
	uint64_t parts[MOST]; /* plain: the barrier orders them */
};

static struct page *page;

/* Between two rounds each writes its part, and reads those of all others. */
static void work(struct zipc_barrier *barrier, unsigned me, unsigned n)
{
	uint64_t round;
	unsigned i;

	for (round = 1; round <= ROUNDS; round++) {
		page->parts[me] = round;
		ck_rc(zipc_barrier_wait(barrier, ZIPC_FOREVER), 0);
		for (i = 0; i < n; i++)
			ck_assert_uint_eq(page->parts[i], round);
		ck_rc(zipc_barrier_wait(barrier, ZIPC_FOREVER), 0);
	}
	/* Who leaves while others have yet to see the round's end harms none */
	zipc_barrier_close(barrier);
}

struct seat {
	unsigned me, n;
};

static void *work_in_a_thread(void *context)
{
	struct zipc_barrier *barrier;
	struct seat *seat = context;

	ck_rc(zipc_barrier_open(&barrier, segment, "b"), 0);
	work(barrier, seat->me, seat->n);
	return NULL;
}

static void work_in_a_process(void *context)
{
	work_in_a_thread(context);
}

static void prepare(struct seat seats[MOST], unsigned n)
{
	struct zipc_barrier *barrier;
	unsigned i;

	page = shared_memory(sizeof(*page));
	ck_rc(zipc_barrier_create(&barrier, segment, "b", n), 0);
	zipc_barrier_close(barrier);
	for (i = 0; i < n; i++)
		seats[i] = (struct seat){ i, n };
}

START_TEST(rounds_of_threads_never_mix)
{
	unsigned n = (unsigned)_i, i;
	pthread_t threads[MOST];
	struct seat seats[MOST];

	prepare(seats, n);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						work_in_a_thread, &seats[i]),
				 0);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(late_wakes(), 0);
}
END_TEST

START_TEST(rounds_of_processes_never_mix)
{
	struct child children[MOST];
	unsigned n = (unsigned)_i, i;
	struct seat seats[MOST];

	prepare(seats, n);
	for (i = 0; i < n; i++)
		children[i] = child_start(work_in_a_process, &seats[i]);
	for (i = 0; i < n; i++)
		child_end(&children[i]);
	ck_assert_uint_eq(late_wakes(), 0);
}
END_TEST

/* damage */

START_TEST(a_damaged_one_gives_errors_and_ends)
{
	static const uint64_t values[] = { 0, 1, 2, 3, 5, 1000, UINT64_MAX,
					   UINT64_MAX / 2, UINT64_C(1) << 40 };
	struct zipc_barrier *parties[3], *other;
	uint64_t *words, kept[32];
	unsigned word, i, k;

	new_parties(parties, 2);
	words = (uint64_t *)(void *)body();
	memcpy(kept, words, sizeof(kept) - 64);
	for (word = 0; word < 24; word++)
		for (i = 0; i < 9; i++) {
			words[word] = values[i];
			for (k = 0; k < 6; k++)
				zipc_barrier_wait(parties[k % 2], ZIPC_NOWAIT);
			zipc_barrier_wait(parties[0], MS / 10);
			ck_assert_uint_le(zipc_barrier_arrived(parties[0]), 2);
			if (!zipc_barrier_open(&other, segment, "b"))
				zipc_barrier_close(other);
			memcpy(words, kept, sizeof(kept) - 64);
		}
	close_parties(parties, 2);
}
END_TEST

START_TEST(a_body_that_can_not_be_one_is_told)
{
	struct zipc_barrier *barrier, *other = NULL;
	struct zipc_found found;

	ck_rc(zipc_barrier_create(&barrier, segment, "b", 2), 0);
	ck_rc(zipc_table_find(&found, segment, "b", ZIPC_BARRIER, NULL), 0);
	found.block->capacity = 3;
	ck_rc(zipc_barrier_open(&other, segment, "b"), -EBADMSG);
	ck_message("barrier `b`");
	found.block->capacity = UINT64_MAX / 64 + 1;
	ck_rc(zipc_barrier_open(&other, segment, "b"), -EBADMSG);
	found.block->capacity = 2;
	found.block->body_bytes = 64;
	ck_rc(zipc_barrier_open(&other, segment, "b"), -EBADMSG);
	ck_assert_ptr_null(other);
	zipc_table_release(&found);
	zipc_barrier_close(barrier);
}
END_TEST

START_TEST(the_round_word_never_repeats_nor_reaches_0)
{
	uint64_t last = ZIPC_ROUND & ~ZIPC_BREAKS;

	ck_assert_uint_eq(zipc_round_next(ZIPC_FIRST_ROUND, false),
			  2 * ZIPC_FIRST_ROUND);
	ck_assert_uint_eq(zipc_round_next(ZIPC_FIRST_ROUND, true),
			  ZIPC_FIRST_ROUND + 1);
	/* Breaks wrap within their bits, rounds over 0. */
	ck_assert_uint_eq(zipc_round_next(ZIPC_FIRST_ROUND | ZIPC_BREAKS,
					  true), ZIPC_FIRST_ROUND);
	ck_assert_uint_eq(zipc_round_next(last | 5, false),
			  ZIPC_FIRST_ROUND | 5);
	ck_assert_uint_eq(zipc_party_state(last | 5, ZIPC_PARTY_IN) >> 2,
			  last | 5);
}
END_TEST

static Suite *barrier_suite(void)
{
	Suite *suite = suite_create("barrier");
	TCase *tc = test_case(suite, "barrier", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_round_ends_when_all_have_arrived, 0, 4);
	tcase_add_test(tc, an_arrival_outlasts_its_deadline);
	tcase_add_test(tc, who_leaves_takes_its_arrival_along_and_makes_room);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	tcase_add_test(tc, a_reader_sees_the_rounds_and_is_no_party);
	tcase_add_test(tc, a_death_is_told_to_all_once_and_others_take_the_place);
	tcase_add_loop_test(tc, a_death_is_told_by_who_takes_the_place, 0, 2);
	tcase_add_test(
		tc, who_arrived_and_died_counts_and_is_missed_in_the_next_round);
	tcase_add_test(tc, who_only_polls_is_told_as_well);
	tcase_add_test(tc, who_is_stopped_is_waited_for);
	tcase_add_test(tc, a_round_that_nobody_ended_is_ended_by_who_waits);
	tcase_add_test(tc, a_forked_child_is_a_party_of_its_own);
	tcase_add_test(tc, who_arrives_last_makes_no_system_call);
	tcase_add_test(tc, a_damaged_one_gives_errors_and_ends);
	tcase_add_test(tc, a_body_that_can_not_be_one_is_told);
	tcase_add_test(tc, the_round_word_never_repeats_nor_reaches_0);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, rounds_of_threads_never_mix, 2, 6);
	tcase_add_loop_test(tc, rounds_of_processes_never_mix, 2, 6);
	return suite;
}

TEST_MAIN(barrier_suite)
