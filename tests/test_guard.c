/* SPDX-License-Identifier: MIT */
/* What becomes of a mapping whose file is cut short. */
#include "../zeroipcd/guard.h"
#include "harness.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096u
#define PAGES 4u

static volatile unsigned char *base, *other;
static int file;

/* Two mappings of one file, each byte of which is 7. */
static void map_both(void)
{
	unsigned char bytes[PAGES * PAGE];

	memset(bytes, 7, sizeof(bytes));
	file = memfd_create("guarded", MFD_CLOEXEC);
	ck_assert_int_eq(write(file, bytes, sizeof(bytes)), sizeof(bytes));
	base = mmap(NULL, sizeof(bytes), PROT_READ | PROT_WRITE, MAP_SHARED,
		    file, 0);
	other = mmap(NULL, sizeof(bytes), PROT_READ, MAP_SHARED, file, 0);
	ck_assert_ptr_ne((void *)base, MAP_FAILED);
	ck_assert_ptr_ne((void *)other, MAP_FAILED);
	ck_assert_int_eq(guard_start(), 0);
}

START_TEST(what_is_gone_reads_as_zeros_and_is_marked)
{
	struct guard *guard;

	map_both();
	guard = guard_add((void *)base, PAGES * PAGE);
	ck_assert_ptr_nonnull(guard);
	ck_assert_int_eq(ftruncate(file, PAGE), 0);
	ck_assert_uint_eq(base[PAGE - 1], 7);
	ck_assert(!guard_lost(guard));
	ck_assert_uint_eq(base[2 * PAGE + 5], 0);
	ck_assert(guard_lost(guard));
	ck_assert_uint_eq(base[PAGE - 1], 7);
	base[PAGES * PAGE - 1] = 9;
	ck_assert_uint_eq(base[PAGES * PAGE - 1], 9);
	/* What lies before the page that was touched goes by itself. */
	ck_assert_uint_eq(base[PAGE], 0);
	guard_remove(guard);
}
END_TEST

START_TEST(another_mapping_is_not_touched)
{
	struct guard *guard, *lost;

	map_both();
	guard = guard_add((void *)other, PAGES * PAGE);
	lost = guard_add((void *)base, PAGES * PAGE);
	ck_assert_int_eq(ftruncate(file, 0), 0);
	ck_assert_uint_eq(base[0], 0);
	ck_assert(guard_lost(lost));
	ck_assert(!guard_lost(guard));
}
END_TEST

START_TEST(one_that_is_not_guarded_ends_the_process)
{
	map_both();
	guard_remove(guard_add((void *)base, PAGES * PAGE));
	ck_assert_int_eq(ftruncate(file, 0), 0);
	base[0] = 1;
}
END_TEST

START_TEST(a_signal_that_was_sent_ends_the_process)
{
	map_both();
	guard_add((void *)base, PAGES * PAGE);
	raise(SIGBUS);
	raise(SIGBUS);
}
END_TEST

START_TEST(who_is_lenient_mends_what_nobody_guards)
{
	map_both();
	guard_lenient();
	ck_assert_int_eq(ftruncate(file, PAGE), 0);
	ck_assert(!guard_strict());
	guard_lenient();
	ck_assert_uint_eq(base[PAGE], 0);
	ck_assert(guard_strict());
	ck_assert_uint_eq(base[0], 7);
	base[3 * PAGE] = 1; /* and from here on nobody is */
}
END_TEST

START_TEST(zeros_are_no_data)
{
	struct rlimit limit;
	void *data;

	map_both();
	guard_add((void *)base, PAGES * PAGE);
	getrlimit(RLIMIT_DATA, &limit);
	limit.rlim_cur = PAGE; /* there is more already */
	ck_assert_int_eq(ftruncate(file, 0), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
	data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	base[PAGE] = 1;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_DATA, &limit);
	ck_assert_ptr_eq(data, MAP_FAILED);
	ck_assert_uint_eq(base[PAGE], 1);
}
END_TEST

START_TEST(places_come_back)
{
	struct guard *all[GUARD_MAX];
	unsigned i;

	map_both();
	for (i = 0; i < GUARD_MAX; i++) {
		all[i] = guard_add((void *)base, PAGE);
		ck_assert_ptr_nonnull(all[i]);
	}
	ck_assert_ptr_null(guard_add((void *)other, PAGE));
	guard_remove(all[3]);
	ck_assert_ptr_eq(guard_add((void *)other, PAGE), all[3]);
}
END_TEST

static Suite *guard_suite(void)
{
	Suite *suite = suite_create("guard");
	TCase *fast = test_case(suite, "guard", "fast", 60);

	tcase_add_test(fast, what_is_gone_reads_as_zeros_and_is_marked);
	tcase_add_test(fast, another_mapping_is_not_touched);
	tcase_add_test(fast, zeros_are_no_data);
	tcase_add_test_raise_signal(
		fast, one_that_is_not_guarded_ends_the_process, SIGBUS);
	tcase_add_test_raise_signal(
		fast, a_signal_that_was_sent_ends_the_process, SIGBUS);
	tcase_add_test_raise_signal(
		fast, who_is_lenient_mends_what_nobody_guards, SIGBUS);
	tcase_add_test(fast, places_come_back);
	return suite;
}

TEST_MAIN(guard_suite)
