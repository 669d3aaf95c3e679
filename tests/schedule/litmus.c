/* SPDX-License-Identifier: MIT */
/*
 * The explorer itself, by small programs of which it is known what can happen:
 * it finds what x86 and the kernel allow, and nothing else.
 */
#include "../harness.h"
#include "schedule.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdatomic.h>
#include <sys/syscall.h>

long schedule_syscall(long number, ...);

static struct {
	_Atomic uint64_t x, y;
	_Atomic uint32_t word;
	uint64_t plain;
} shared;

static uint64_t seen[2];

/* What the two tasks of a program do, and when it fails. */
struct program {
	void (*tasks[2])(void);
	const char *(*wrong)(void);
};

static void set_up(const void *scene)
{
	(void)scene;
	memset(&shared, 0, sizeof(shared));
	schedule_share(&shared, sizeof(shared));
	schedule_keep(seen, sizeof(seen));
}

static void task(const void *scene, unsigned who)
{
	const struct program *program = scene;

	program->tasks[who]();
}

static void check(const void *scene, enum schedule_stage stage)
{
	const struct program *program = scene;
	const char *wrong = program->wrong();

	(void)stage;
	schedule_must(!wrong, "%s", wrong);
}

static struct schedule schedule_of(const struct program *program)
{
	return (struct schedule){ .name = "litmus", .tasks = 2,
				  .victims = 1, .limits = { .switches = 2 },
				  .set_up = set_up, .task = task,
				  .check = check, .scene = program };
}

static uint64_t get(_Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static void put(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

/* store buffers */

static void store_x_load_y(void)
{
	put(&shared.x, 1);
	seen[0] = get(&shared.y);
}

static void store_y_load_x(void)
{
	put(&shared.y, 1);
	seen[1] = get(&shared.x);
}

static void store_y_membarrier_load_x(void)
{
	put(&shared.y, 1);
	schedule_syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
	seen[1] = get(&shared.x);
}

static const char *both_missed(void)
{
	return !seen[0] && !seen[1] ? "each missed the other" : NULL;
}

START_TEST(stores_wait_in_buffers)
{
	static const struct program program = {
		{ store_x_load_y, store_y_load_x }, both_missed };
	struct schedule schedule = schedule_of(&program);

	ck_assert_ptr_null(schedule_find(&schedule));
	schedule.limits.delays = 1;
	ck_assert_str_eq(schedule_find(&schedule), "each missed the other");
}
END_TEST

START_TEST(membarrier_empties_everybodys_buffer)
{
	static const struct program program = {
		{ store_x_load_y, store_y_membarrier_load_x }, both_missed };
	struct schedule schedule = schedule_of(&program);

	schedule.limits.switches = 3;
	schedule.limits.delays = schedule.limits.flushes = 2;
	ck_assert_ptr_null(schedule_find(&schedule));
}
END_TEST

static void store_x_then_y(void)
{
	put(&shared.x, 1);
	put(&shared.y, 1);
}

static void load_y_then_x(void)
{
	seen[0] = get(&shared.y);
	seen[1] = get(&shared.x);
}

static const char *out_of_order(void)
{
	return seen[0] && !seen[1] ? "y came before x" : NULL;
}

START_TEST(stores_arrive_in_order)
{
	static const struct program program = {
		{ store_x_then_y, load_y_then_x }, out_of_order };
	struct schedule schedule = schedule_of(&program);

	schedule.limits = (struct schedule_limits){ 3, 2, 2, 0, 0 };
	ck_assert_ptr_null(schedule_find(&schedule));
}
END_TEST

static const char *one_alone(void)
{
	return seen[0] && seen[1] ? NULL : "one was not seen";
}

static void see_own_store(void)
{
	put(&shared.x, 1);
	seen[0] = seen[1] = get(&shared.x);
}

static void nothing(void)
{
}

START_TEST(a_task_sees_its_own_stores)
{
	static const struct program program = { { see_own_store, nothing },
						one_alone };
	struct schedule schedule = schedule_of(&program);

	schedule.limits.delays = 1;
	ck_assert_ptr_null(schedule_find(&schedule));
}
END_TEST

/* switches */

static void add_in_two_steps(void)
{
	put(&shared.x, get(&shared.x) + 1);
}

static void add_in_one_step(void)
{
	atomic_fetch_add_explicit(&shared.x, 1, memory_order_relaxed);
}

static const char *lost_one(void)
{
	return get(&shared.x) == 2 ? NULL : "an addition is lost";
}

START_TEST(a_switch_comes_between_load_and_store)
{
	static const struct program torn = {
		{ add_in_two_steps, add_in_two_steps }, lost_one };
	static const struct program whole = {
		{ add_in_one_step, add_in_one_step }, lost_one };
	struct schedule schedule = schedule_of(&torn);

	ck_assert_str_eq(schedule_find(&schedule), "an addition is lost");
	schedule.limits.switches = 0;
	ck_assert_ptr_null(schedule_find(&schedule));
	schedule = schedule_of(&whole);
	ck_assert_ptr_null(schedule_find(&schedule));
}
END_TEST

static void publish_first(void)
{
	put(&shared.y, 1);
	shared.plain = 1;
}

static void publish_last(void)
{
	shared.plain = 1;
	put(&shared.y, 1);
}

static void read_plain(void)
{
	seen[0] = get(&shared.y);
	seen[1] = shared.plain;
}

START_TEST(plain_accesses_are_points_too)
{
	static const struct program early = { { publish_first, read_plain },
					      out_of_order };
	static const struct program late = { { publish_last, read_plain },
					     out_of_order };
	struct schedule schedule = schedule_of(&early);

	ck_assert_str_eq(schedule_find(&schedule), "y came before x");
	schedule = schedule_of(&late);
	schedule.limits.delays = 1;
	ck_assert_ptr_null(schedule_find(&schedule));
}
END_TEST

/* faults */

static const char *between(void)
{
	return get(&shared.x) == get(&shared.y) ? NULL : "it died between";
}

static const char *half_done(void)
{
	return schedule_is_dead(0) && get(&shared.x) && !get(&shared.y)
		       ? "it died between"
		       : NULL;
}

START_TEST(a_kill_comes_between_two_stores)
{
	static const struct program program = { { store_x_then_y, nothing },
						half_done };
	struct schedule schedule = schedule_of(&program);

	schedule.limits.kills = 1;
	ck_assert_str_eq(schedule_find(&schedule), "it died between");
}
END_TEST

START_TEST(a_stopped_task_goes_on)
{
	static const struct program program = { { store_x_then_y, nothing },
						between };
	struct schedule schedule = schedule_of(&program);

	/* The first check finds it in between: it is stopped. */
	schedule.limits.stops = 1;
	ck_assert_str_eq(schedule_find(&schedule), "it died between");
	schedule.limits.stops = 0;
	ck_assert_ptr_null(schedule_find(&schedule));
}
END_TEST

/* sleep */

static void sleep_for_x(void)
{
	while (!get(&shared.x))
		schedule_syscall(SYS_futex, &shared.word, FUTEX_WAIT_BITSET, 0,
				 NULL, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void wake_rightly(void)
{
	put(&shared.x, 1);
	atomic_store_explicit(&shared.word, 1, memory_order_release);
	schedule_syscall(SYS_futex, &shared.word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wake_without_a_change(void)
{
	put(&shared.x, 1);
	schedule_syscall(SYS_futex, &shared.word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static const char *nothing_wrong(void)
{
	return NULL;
}

START_TEST(a_lost_wake_is_found)
{
	static const struct program right = { { wake_rightly, sleep_for_x },
					      nothing_wrong };
	static const struct program wrong = {
		{ wake_without_a_change, sleep_for_x }, nothing_wrong };
	struct schedule schedule = schedule_of(&right);

	ck_assert_ptr_null(schedule_find(&schedule));
	schedule = schedule_of(&wrong);
	ck_assert_ptr_nonnull(strstr(schedule_find(&schedule),
				     "a wake is lost"));
}
END_TEST

static Suite *litmus_suite(void)
{
	Suite *suite = suite_create("litmus");
	TCase *tc = test_case(suite, "explorer", "fast", 30);

	tcase_add_test(tc, stores_wait_in_buffers);
	tcase_add_test(tc, membarrier_empties_everybodys_buffer);
	tcase_add_test(tc, stores_arrive_in_order);
	tcase_add_test(tc, a_task_sees_its_own_stores);
	tcase_add_test(tc, a_switch_comes_between_load_and_store);
	tcase_add_test(tc, plain_accesses_are_points_too);
	tcase_add_test(tc, a_kill_comes_between_two_stores);
	tcase_add_test(tc, a_stopped_task_goes_on);
	tcase_add_test(tc, a_lost_wake_is_found);
	return suite;
}

TEST_MAIN(litmus_suite)
