/* SPDX-License-Identifier: MIT */
/*
 * The event word under the schedule explorer: wakers store what they offer and
 * wake, sleepers take it or sleep. No wake is ever lost; and when somebody was
 * killed, naps are enough: nobody sleeps on while there is something to take.
 */
#include "../harness.h"
#include "../../libzeroipc/wait.h"
#include "schedule.h"

#define OFFERS 4u
#define DEADLINE_NS INT64_C(250000000) /* behind some naps */

struct scene {
	struct schedule schedule;
	unsigned sleepers; /* the first of the tasks */
	unsigned offers;   /* by each of the others */
	bool symmetric;
	unsigned words; /* that the first sleeps on; 0: as all others, on one */
};

static struct {
	struct zipc_event_word event, other;
	_Atomic uint64_t offers[OFFERS]; /* 0, 1: offered, 2: taken */
} shared;

static int64_t results[SCHEDULE_TASKS];

static void set_up(const void *scene)
{
	unsigned i;

	(void)scene;
	memset(&shared, 0, sizeof(shared));
	schedule_share(&shared, sizeof(shared));
	schedule_keep(results, sizeof(results));
	schedule_label(&shared.event.word, 4, "word");
	schedule_label(&shared.event.nappers, 8, "nappers");
	schedule_label(&shared.event.late_wakes, 4, "late_wakes");
	schedule_label(&shared.other.word, 4, "other word");
	schedule_label(&shared.other.nappers, 8, "other nappers");
	for (i = 0; i < OFFERS; i++)
		schedule_label(&shared.offers[i], 8, "offer[%u]", i);
}

static bool is_offered(unsigned i)
{
	return atomic_load_explicit(&shared.offers[i], memory_order_acquire) ==
	       1;
}

static int64_t take(void *context)
{
	uint64_t one = 1;
	unsigned i;

	(void)context;
	for (i = 0; i < OFFERS; i++) {
		if (is_offered(i) &&
		    atomic_compare_exchange_strong_explicit(
			    &shared.offers[i], &one, 2, memory_order_acq_rel,
			    memory_order_relaxed))
			return 0;
		one = 1;
	}
	return -EAGAIN;
}

/* The first sleeps on both words, or on one that is there twice. */
static int64_t wait_on(const struct scene *scene, unsigned who)
{
	const int64_t deadline_ns = INT64_C(1000000000000) + DEADLINE_NS;
	struct zipc_wait_on on[2] = {
		{ .event = &shared.event, .symmetric = scene->symmetric },
		{ .event = scene->words == 1 ? &shared.event : &shared.other,
		  .symmetric = scene->symmetric },
	};
	struct zipc_spin spin = { 0 };

	if (scene->words && !who)
		return zipc_wait_any(on, 2, &spin, deadline_ns, take, NULL);
	return zipc_wait(&shared.event, scene->symmetric, &spin, deadline_ns,
			 take, NULL);
}

static void task(const void *context, unsigned who)
{
	const struct scene *scene = context;
	unsigned i, first;

	if (who < scene->sleepers) {
		results[who] = take(NULL);
		if (results[who] == -EAGAIN)
			results[who] = wait_on(scene, who);
		return;
	}
	first = (who - scene->sleepers) * scene->offers;
	for (i = first; i < first + scene->offers; i++) {
		atomic_store_explicit(&shared.offers[i], 1,
				      memory_order_release);
		zipc_wake(&shared.event, scene->symmetric, 1);
	}
}

static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;
	unsigned i, offered = 0;

	(void)stage;
	for (i = 0; i < OFFERS; i++)
		offered += is_offered(i);
	for (i = 0; i < scene->sleepers; i++) {
		if (!schedule_has_ended(i) || !results[i])
			continue;
		schedule_must(schedule_has_fault() &&
			      results[i] == -ETIMEDOUT,
			      "a sleeper ends with %s", rc_name(results[i]));
		schedule_must(!offered, "a sleeper slept on, and there was "
			      "something to take");
	}
	schedule_must(schedule_has_fault() ||
		      !atomic_load_explicit(&shared.event.late_wakes,
					    memory_order_relaxed),
		      "a wake was late");
}

#define TASKS(label, count, some, of_switches, of_delays, of_kills)          \
	.schedule = { .name = label, .tasks = count, .victims = some,        \
		      .limits = { .switches = of_switches,                   \
				  .delays = of_delays, .flushes = of_delays, \
				  .kills = of_kills } }

static struct scene scenes[] = {
	{ TASKS("one-to-one", 2, 0, 4, 2, 0), 1, 1, false, 0 },
	{ TASKS("one-to-one-symmetric", 2, 0, 4, 2, 0), 1, 1, true, 0 },
	{ TASKS("two-sleepers", 3, 0, 3, 1, 0), 2, 2, false, 0 },
	{ TASKS("two-to-two", 4, 0, 2, 1, 0), 2, 1, false, 0 },
	{ TASKS("two-words", 2, 0, 4, 1, 0), 1, 2, false, 2 },
	{ TASKS("one-word-twice", 2, 0, 3, 1, 0), 1, 2, true, 1 },
	{ TASKS("two-words-beside-one", 3, 0, 3, 0, 0), 2, 2, true, 2 },
	{ TASKS("dead-sleeper", 3, 3, 2, 0, 1), 2, 2, false, 0 },
	{ TASKS("dead-waker", 3, 4, 2, 1, 1), 2, 2, false, 0 },
	{ TASKS("one-of-two-dead", 4, 15, 1, 0, 1), 2, 1, false, 0 },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(*scenes)))
#define SEVERAL 4
#define FIRST_DEAD 7

static const struct schedule *schedule_of(int i)
{
	struct schedule *schedule = &scenes[i].schedule;

	schedule->set_up = set_up;
	schedule->task = task;
	schedule->check = check;
	schedule->scene = &scenes[i];
	return schedule;
}

START_TEST(no_wake_is_lost)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(naps_are_enough)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(no_wake_is_lost_by_chance)
{
	schedule_walk(schedule_of(_i), 5000, 1);
}
END_TEST

START_TEST(no_wake_is_lost_by_much_chance)
{
	schedule_walk(schedule_of(_i), 2000000, 2);
}
END_TEST

static Suite *wait_suite(void)
{
	Suite *suite = suite_create("wait");
	TCase *tc = test_case(suite, "wakes", "medium", 600);

	tcase_add_loop_test(tc, no_wake_is_lost, 0, SEVERAL);
	tc = test_case(suite, "several words", "medium", 600);
	tcase_add_loop_test(tc, no_wake_is_lost, SEVERAL, FIRST_DEAD);
	tc = test_case(suite, "deaths", "medium", 600);
	tcase_add_loop_test(tc, naps_are_enough, FIRST_DEAD, SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, no_wake_is_lost_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, no_wake_is_lost_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(wait_suite)
