/* SPDX-License-Identifier: MIT */
/* What the files of /dev/shm are taken for, and when that is looked at anew. */
#include "../zeroipcd/registry.h"
#include "harness.h"

#include <fcntl.h>
#include <sys/mman.h>

static struct registry registry;

static void begin(void)
{
	ck_rc(registry_start(&registry), 0);
}

static void end(void)
{
	registry_stop(&registry);
}

static void make_segment(const char *name)
{
	struct zipc_segment *segment;

	ck_rc(zipc_segment_create(&segment, name, 65536, NULL), 0);
	zipc_segment_close(segment);
}

static char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "/dev/shm%s", name);
	return path;
}

/* An empty file of 64 KiB, mapped. */
static char *make_file(const char *name)
{
	int fd = open(path_of(name), O_RDWR | O_CREAT | O_EXCL, 0644);
	char *bytes;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 65536), 0);
	bytes = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(bytes, MAP_FAILED);
	close(fd);
	return bytes;
}

static const struct registry_file *find(const char *name)
{
	return registry_find(&registry, name + 1);
}

START_TEST(a_segment_is_found_at_once_and_gone_at_once)
{
	const char *name = test_name("seen");

	ck_assert_ptr_null(find(name));
	make_segment(name);
	ck_assert_int_eq(find(name)->verdict, REGISTRY_SEGMENT);
	zipc_segment_unlink(name);
	ck_assert_ptr_null(find(name));
	ck_rc(registry_scan(&registry), 0);
	ck_assert_ptr_null(find(name));
}
END_TEST

START_TEST(a_scan_counts_segments)
{
	const char *a = test_name("a"), *b = test_name("b");
	unsigned i, before = 0;

	make_segment(a);
	make_segment(b);
	ck_rc(registry_scan(&registry), 0);
	for (i = 1; i < registry.n; i++)
		ck_assert_int_lt(strcmp(registry.files[i - 1]->name,
					registry.files[i]->name), 0);
	for (i = 0; i < registry.n; i++)
		before += !strcmp(registry.files[i]->name, a + 1) ||
			  !strcmp(registry.files[i]->name, b + 1);
	ck_assert_uint_eq(before, 2);
	ck_assert_uint_ge(registry_segments(&registry), 2);
	zipc_segment_unlink(a);
	zipc_segment_unlink(b);
}
END_TEST

START_TEST(a_file_may_become_a_segment_by_plain_stores)
{
	const char *name = test_name("late"), *model = test_name("model");
	char *bytes = make_file(name);
	int fd;

	ck_assert_ptr_null(find(name));
	ck_rc(registry_scan(&registry), 0);
	ck_assert(registry_unsettled(&registry));
	make_segment(model);
	fd = open(path_of(model), O_RDONLY);
	ck_assert_int_eq(read(fd, bytes, 65536), 65536);
	close(fd);
	ck_assert_int_eq(find(name)->verdict, REGISTRY_SEGMENT);
	munmap(bytes, 65536);
	unlink(path_of(name));
	zipc_segment_unlink(model);
}
END_TEST

START_TEST(a_damaged_segment_is_shown_as_such)
{
	const char *name = test_name("faulty");
	char *bytes = make_file(name);

	memcpy(bytes, "ZIPM\3", 5);
	ck_assert_int_eq(find(name)->verdict, REGISTRY_FAULTY);
	ck_assert_int_eq(find(name)->error, -EBADMSG);
	memcpy(bytes, "ZIPM\4", 5);
	ck_assert_int_eq(find(name)->error, -EPROTONOSUPPORT);
	munmap(bytes, 65536);
	unlink(path_of(name));
}
END_TEST

START_TEST(names_that_are_no_files_are_not_found)
{
	char longest[NAME_MAX + 2];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	ck_assert_ptr_null(registry_find(&registry, ""));
	ck_assert_ptr_null(registry_find(&registry, "."));
	ck_assert_ptr_null(registry_find(&registry, ".."));
	ck_assert_ptr_null(registry_find(&registry, "../shm"));
	ck_assert_ptr_null(registry_find(&registry, longest));
}
END_TEST

#define FILES 400u
#define OTHER ((uid_t)65534)

static void make_files_of_another(void)
{
	char what[16];
	unsigned i;
	int fd;

	for (i = 0; i < FILES; i++) {
		snprintf(what, sizeof(what), "of-%u", i);
		fd = open(path_of(test_name(what)), O_RDWR | O_CREAT, 0600);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fchown(fd, OTHER, OTHER), 0);
		close(fd);
	}
}

START_TEST(nobody_hides_files_of_others_behind_his_own)
{
	const char *mine = test_name("mine");
	unsigned others = 0;
	bool found = false;
	size_t i;

	if (geteuid()) {
		fprintf(stderr, "SKIP: only root makes files of another\n");
		return;
	}
	registry.most = registry.n + FILES;
	make_segment(mine);
	make_files_of_another();
	ck_rc(registry_scan(&registry), 0);
	for (i = 0; i < registry.n; i++) {
		others += registry.files[i]->stat.st_uid == OTHER;
		found |= !strcmp(registry.files[i]->name, mine + 1);
	}
	ck_assert(found);
	ck_assert(registry.more);
	ck_assert_uint_gt(others, 0);
	ck_assert_uint_lt(others, FILES);
}
END_TEST

static Suite *registry_suite(void)
{
	Suite *suite = suite_create("registry");
	TCase *fast = test_case(suite, "registry", "fast", 60);

	tcase_add_checked_fixture(fast, begin, end);
	tcase_add_test(fast, a_segment_is_found_at_once_and_gone_at_once);
	tcase_add_test(fast, a_scan_counts_segments);
	tcase_add_test(fast, a_file_may_become_a_segment_by_plain_stores);
	tcase_add_test(fast, a_damaged_segment_is_shown_as_such);
	tcase_add_test(fast, names_that_are_no_files_are_not_found);
	tcase_add_test(fast, nobody_hides_files_of_others_behind_his_own);
	return suite;
}

TEST_MAIN(registry_suite)
