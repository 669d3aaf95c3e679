/* SPDX-License-Identifier: MIT */
/*
 * The turn cell: both halves change together, for who writes and for who reads,
 * between threads and between processes.
 */
#include "../libzeroipc/cell.h"

#include <pthread.h>
#include <sys/mman.h>

#include "children.h"
#include "harness.h"

#define WRITERS 3
#define CHANGES 20000

static struct zipc_cell *cell;
static _Atomic bool over;

/* A value that its turn alone has. */
static uint64_t value_of(uint64_t turn)
{
	return turn * UINT64_C(0x9E3779B97F4A7C15) + 7;
}

static void set_up(void)
{
	cell = shared_memory(sizeof(*cell));
	ck_assert(zipc_cell_swap(cell, &(struct zipc_pair){ 0, 0 },
				 (struct zipc_pair){ 1, value_of(1) }));
}

START_TEST(swaps_what_was_expected_and_tells_what_was_not)
{
	struct zipc_pair seen = { 1, value_of(2) };

	ck_assert(!zipc_cell_swap(cell, &seen, (struct zipc_pair){ 2, 2 }));
	ck_assert_uint_eq(seen.turn, 1);
	ck_assert_uint_eq(seen.value, value_of(1));
	seen.turn = 2;
	ck_assert(!zipc_cell_swap(cell, &seen, (struct zipc_pair){ 2, 2 }));
	ck_assert(zipc_cell_swap(cell, &seen, (struct zipc_pair){ 2, 9 }));
	seen = zipc_cell_read(cell);
	ck_assert_uint_eq(seen.turn, 2);
	ck_assert_uint_eq(seen.value, 9);
}
END_TEST

static void change(void *unused)
{
	struct zipc_pair seen = zipc_cell_read(cell), next;
	int i;

	(void)unused;
	for (i = 0; i < CHANGES; i++)
		do {
			ck_assert_uint_eq(seen.value, value_of(seen.turn));
			next.turn = seen.turn + 1;
			next.value = value_of(next.turn);
		} while (!zipc_cell_swap(cell, &seen, next));
}

static void *change_in_thread(void *unused)
{
	change(unused);
	return NULL;
}

static void *watch(void *unused)
{
	uint64_t turn = 0;
	struct zipc_pair seen;

	while (!atomic_load_explicit(&over, memory_order_acquire)) {
		seen = zipc_cell_read(cell);
		ck_assert_uint_eq(seen.value, value_of(seen.turn));
		ck_assert_uint_ge(seen.turn, turn);
		turn = seen.turn;
	}
	return unused;
}

START_TEST(is_never_torn_between_threads)
{
	pthread_t writers[WRITERS], watcher;
	int i;

	pthread_create(&watcher, NULL, watch, NULL);
	for (i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, change_in_thread, NULL);
	for (i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	atomic_store_explicit(&over, true, memory_order_release);
	pthread_join(watcher, NULL);
	ck_assert_uint_eq(zipc_cell_read(cell).turn, 1 + WRITERS * CHANGES);
}
END_TEST

START_TEST(is_never_torn_between_processes)
{
	struct child children[WRITERS];
	pthread_t watcher;
	int i;

	for (i = 0; i < WRITERS; i++)
		children[i] = child_start(change, NULL);
	pthread_create(&watcher, NULL, watch, NULL);
	for (i = 0; i < WRITERS; i++)
		child_end(&children[i]);
	atomic_store_explicit(&over, true, memory_order_release);
	pthread_join(watcher, NULL);
	ck_assert_uint_eq(zipc_cell_read(cell).turn, 1 + WRITERS * CHANGES);
}
END_TEST

START_TEST(is_read_where_nothing_may_be_written)
{
	struct zipc_pair seen;

	ck_assert_int_eq(mprotect(cell, sizeof(*cell), PROT_READ), 0);
	seen = zipc_cell_read(cell);
	ck_assert_uint_eq(seen.value, value_of(1));
}
END_TEST

static Suite *cell_suite(void)
{
	Suite *suite = suite_create("cell");
	TCase *tc = test_case(suite, "cell", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, swaps_what_was_expected_and_tells_what_was_not);
	tcase_add_test(tc, is_never_torn_between_threads);
	tcase_add_test(tc, is_never_torn_between_processes);
	tcase_add_test(tc, is_read_where_nothing_may_be_written);
	return suite;
}

TEST_MAIN(cell_suite)
