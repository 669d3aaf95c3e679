/* SPDX-License-Identifier: MIT */
/*
 * What zeroipcd drives, for whom, and what it refuses. It is shown segments of
 * the test only: those of others are not its own to drive.
 */
#include "../zeroipcd/drive.h"
#include "../zeroipcd/ending.h"
#include "../zeroipcd/guard.h"
#include "harness.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OTHER ((uid_t)65534)
#define THIRD ((uid_t)65533)

static struct registry registry;
static struct drive drive;

static void begin_with(unsigned threads, unsigned memory_mib)
{
	struct drive_options options = { .threads = threads,
					 .memory_mib = memory_mib };

	ck_assert_int_eq(guard_start(), 0);
	drive_start(&drive, &registry, &options);
}

static void end(void)
{
	drive_stop(&drive);
	registry_stop(&registry);
}

/* As registry_scan(), of the files that were added. */
static void refresh(void)
{
	char path[300];
	size_t i;

	for (i = 0; i < registry.n; i++) {
		snprintf(path, sizeof(path), "/dev/shm/%s",
			 registry.files[i]->name);
		ck_assert_int_eq(stat(path, &registry.files[i]->stat), 0);
		registry.files[i]->looked_ns = 0;
	}
}

static void scan(void)
{
	refresh();
	drive_scan(&drive);
}

/* Scan until all threads that were asked to end have. */
static void settle(void)
{
	do {
		scan();
		usleep(1000);
	} while (drive_unsettled(&drive));
}

/* A segment of uid with a stream of numbers, which the registry shows. */
static struct zipc_segment *add_segment_with(
	const char *what, uid_t uid, uint64_t bytes,
	const struct zipc_segment_options *options)
{
	const char *name = test_name(what);
	struct registry_file *file = calloc(1, sizeof(*file));
	struct zipc_segment *segment;
	struct zipc_stream *source;
	char path[300];

	ck_rc(zipc_segment_create(&segment, name, bytes, options), 0);
	ck_rc(zipc_stream_create(&source, segment, "numbers", "i64", 64), 0);
	zipc_stream_close(source);
	snprintf(path, sizeof(path), "/dev/shm%s", name);
	if (uid)
		ck_assert_int_eq(chown(path, uid, uid), 0);
	snprintf(file->name, sizeof(file->name), "%s", name + 1);
	file->verdict = REGISTRY_SEGMENT;
	registry.files = realloc(registry.files,
				 (registry.n + 1) * sizeof(*registry.files));
	registry.files[registry.n++] = file;
	return segment;
}

static struct zipc_segment *add_segment(const char *what, uid_t uid)
{
	return add_segment_with(what, uid, 16 << 20, NULL);
}

static void derive_with(struct zipc_segment *segment, const char *name,
			const char *text, unsigned batch)
{
	struct zipc_derive_options options = { .by_daemon = 1, .batch = batch };
	struct zipc_stream *source, *derived;

	ck_rc(zipc_stream_open(&source, segment, "numbers", NULL), 0);
	ck_rc(zipc_stream_derive_with(&derived, segment, name, text, source,
				      &options), 0);
	zipc_stream_close(derived);
	zipc_stream_close(source);
}

static void derive(struct zipc_segment *segment, const char *name)
{
	derive_with(segment, name, "map(x + 1)", 0);
}

static void emit(struct zipc_segment *segment)
{
	struct zipc_stream *source;

	ck_rc(zipc_stream_open(&source, segment, "numbers", NULL), 0);
	ck_rc(zipc_stream_emit(source, &(int64_t){ 7 }, ZIPC_FOREVER), 0);
	zipc_stream_close(source);
}

/* A word of what is told about driving it; "": nothing is. */
static const char *told(const struct zipc_segment *segment, const char *name,
			const char *key)
{
	static char text[600];
	cJSON *object = cJSON_CreateObject(), *it;
	struct zipc_view_segment its;
	struct zipc_view_entry entry;
	struct zipc_view *view;

	text[0] = '\0';
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_segment(view, &its), 0);
	ck_rc(zipc_view_find(view, name, &entry), 0);
	drive_describe(&drive, object, &its, &entry, false);
	it = cJSON_GetObjectItem(cJSON_GetObjectItem(object, "drive"), key);
	if (cJSON_IsString(it))
		snprintf(text, sizeof(text), "%s", it->valuestring);
	cJSON_Delete(object);
	zipc_view_close(view);
	return text;
}

#define ck_told(segment, name, key, want)                                    \
	ck_assert_str_eq(told((segment), (name), (key)), (want))

static bool is_root(void)
{
	if (!geteuid())
		return true;
	fprintf(stderr, "SKIP: only root can give a segment to another user\n");
	return false;
}

START_TEST(a_look_that_is_cut_short_ends_nobody)
{
	struct zipc_segment *segment = add_segment("cut", 0);

	begin_with(8, 64);
	derive(segment, "one");
	scan();
	ck_told(segment, "one", "state", "driving");
	drive.look_ns = 0;
	scan();
	scan();
	ck_assert(!drive_unsettled(&drive));
	ck_assert_uint_eq(drive.share.used[SHARE_THREADS], 1);
	ck_told(segment, "one", "state", "driving");
	end();
	zipc_segment_close(segment);
}
END_TEST

/* As when its mode, or its name, goes away and comes back. */
START_TEST(what_one_scan_has_missed_is_driven_again)
{
	struct zipc_segment *segment = add_segment("missed", 0);
	struct zipc_subscription *it;
	struct zipc_stream *derived;
	int64_t value;

	begin_with(8, 64);
	derive(segment, "one");
	scan();
	registry.files[0]->verdict = REGISTRY_UNREADABLE;
	scan();
	registry.files[0]->verdict = REGISTRY_SEGMENT;
	settle();
	ck_told(segment, "one", "state", "driving");
	emit(segment);
	ck_rc(zipc_stream_open(&derived, segment, "one", NULL), 0);
	ck_rc(zipc_stream_subscribe(&it, derived, NULL, ZIPC_STREAM_OLDEST), 0);
	ck_rc(zipc_stream_next(it, &value, 30 * INT64_C(1000000000)), 0);
	ck_assert_int_eq(value, 8);
	zipc_stream_unsubscribe(it);
	zipc_stream_close(derived);
	end();
	ck_assert_uint_eq(drive.share.used[SHARE_RECORDS], 0);
	zipc_segment_close(segment);
}
END_TEST

/* Others can make streams in it. */
START_TEST(what_anybody_may_write_has_a_share_whoever_owns_it)
{
	struct zipc_segment *segment = add_segment("open", 0);
	char path[300], name[8];
	unsigned i;

	snprintf(path, sizeof(path), "/dev/shm/%s", zipc_segment_name(segment));
	ck_assert_int_eq(chmod(path, 0666), 0);
	begin_with(8, 64);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		derive(segment, name);
	}
	scan();
	ck_assert_uint_eq(drive.share.used[SHARE_THREADS], 4);
	ck_told(segment, "s9", "error", "EUSERS");
	end();
	zipc_segment_close(segment);
}
END_TEST

START_TEST(what_is_removed_is_driven_no_more)
{
	struct zipc_segment *segment = add_segment("removed", 0);

	begin_with(8, 64);
	derive(segment, "one");
	derive(segment, "two");
	scan();
	ck_assert_uint_eq(drive.share.used[SHARE_THREADS], 2);
	ck_rc(zipc_segment_remove(segment, "one"), 0);
	settle();
	scan();
	ck_assert_uint_eq(drive.share.used[SHARE_THREADS], 1);
	/* Of the segment, and the stream. */
	ck_assert_uint_eq(drive.share.used[SHARE_RECORDS], 2);
	ck_told(segment, "two", "state", "driving");
	end();
	ck_assert_uint_eq(drive.share.used[SHARE_BYTES], 0);
	zipc_segment_close(segment);
}
END_TEST

/* A segment in which all has ended is let go: there is place for one only. */
START_TEST(what_has_ended_takes_no_segment)
{
	struct zipc_segment *first = add_segment("first", 0);
	struct zipc_segment *second = add_segment("second", 0);

	begin_with(8, 64);
	drive.share.most[SHARE_SEGMENTS] = 1;
	derive_with(first, "one", "take(1)", 0);
	scan();
	ck_told(first, "one", "state", "driving");
	derive(second, "one");
	scan();
	ck_told(second, "one", "error", "EUSERS");
	ck_assert_ptr_nonnull(strstr(told(second, "one", "message"),
				     "1 of 1 segments"));
	emit(first);
	while (strcmp(told(second, "one", "state"), "driving"))
		settle();
	ck_told(first, "one", "state", "ended");
	ck_assert_uint_eq(drive.share.used[SHARE_SEGMENTS], 1);
	end();
	zipc_segment_close(first);
	zipc_segment_close(second);
}
END_TEST

START_TEST(nobody_takes_all_threads)
{
	struct zipc_segment *others, *thirds, *mine;
	char name[8];
	unsigned i;

	if (!is_root())
		return;
	others = add_segment("others", OTHER);
	thirds = add_segment("thirds", THIRD);
	mine = add_segment("mine", 0);
	begin_with(8, 64);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		derive(others, name);
	}
	scan();
	ck_assert_uint_eq(drive.share.used[SHARE_THREADS], 4);
	derive(thirds, "one");
	derive(thirds, "two");
	derive(thirds, "three");
	scan();
	ck_assert_uint_eq(drive.share.used[SHARE_THREADS], 6);
	ck_told(thirds, "one", "state", "driving");
	ck_told(others, "s9", "error", "EUSERS");
	ck_assert_ptr_nonnull(strstr(told(others, "s9", "message"),
				     "has 4 of 8 threads"));
	derive(mine, "one");
	derive(mine, "two");
	derive(mine, "three");
	scan();
	ck_told(mine, "two", "state", "driving");
	ck_assert_uint_eq(drive.share.used[SHARE_THREADS], 8);
	/* What one gives back is there for the next one. */
	ck_rc(zipc_segment_remove(thirds, "one"), 0);
	settle();
	scan();
	ck_told(mine, "three", "state", "driving");
	end();
	zipc_segment_close(others);
	zipc_segment_close(thirds);
	zipc_segment_close(mine);
}
END_TEST

START_TEST(nobody_takes_all_segments_and_records)
{
	struct zipc_segment *others[3], *mine;
	char name[8];
	unsigned i;

	if (!is_root())
		return;
	begin_with(8, 64);
	drive.share.most[SHARE_SEGMENTS] = 4;
	/* Half of them are three segments', and a stream's in each. */
	drive.share.most[SHARE_RECORDS] = 12;
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "o%u", i);
		others[i] = add_segment(name, OTHER);
		derive(others[i], "one");
	}
	derive(others[2], "more");
	mine = add_segment("mine", 0);
	derive(mine, "one");
	scan();
	ck_told(mine, "one", "state", "driving");
	ck_told(others[1], "one", "state", "driving");
	ck_told(others[2], "one", "error", "EUSERS");
	ck_assert_ptr_nonnull(strstr(told(others[2], "more", "message"),
				     "streams that it knows of"));
	ck_assert_uint_eq(drive.share.used[SHARE_SEGMENTS], 3);
	ck_assert_uint_eq(drive.share.used[SHARE_RECORDS], 8);
	end();
	for (i = 0; i < 3; i++)
		zipc_segment_close(others[i]);
	zipc_segment_close(mine);
}
END_TEST

START_TEST(what_takes_too_much_memory_is_not_begun)
{
	struct zipc_segment *segment = add_segment("huge", 0);

	begin_with(8, 4);
	/* Two batches of so many numbers, besides what else there is. */
	derive_with(segment, "huge", "map(x + 1)", 1 << 16);
	derive(segment, "small");
	scan();
	ck_told(segment, "huge", "error", "ENOMEM");
	ck_assert_ptr_nonnull(strstr(told(segment, "huge", "message"),
				     "the 1 MiB that zeroipcd gives"));
	ck_told(segment, "small", "state", "driving");
	ck_assert_uint_lt(drive.share.used[SHARE_BYTES], 1 << 20);
	end();
	zipc_segment_close(segment);
}
END_TEST

START_TEST(all_together_take_no_more_than_there_is)
{
	struct zipc_segment *segment = add_segment("many", 0);
	unsigned i, driving = 0, refused = 0;
	char name[8];

	begin_with(64, 3);
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		derive(segment, name);
	}
	scan();
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		driving += !strcmp(told(segment, name, "state"), "driving");
		refused += strstr(told(segment, name, "message"),
				  "MiB of memory") != NULL;
	}
	ck_assert_uint_gt(driving, 0);
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_eq(driving + refused, 16);
	ck_assert_uint_le(drive.share.used[SHARE_BYTES], 3 << 20);
	end();
	zipc_segment_close(segment);
}
END_TEST

START_TEST(holes_of_others_are_memory_too)
{
	struct zipc_segment_options options = { .flags = ZIPC_SPARSE };
	struct zipc_derive_options derived = { .by_daemon = 1,
					       .capacity = 1 << 22 };
	struct zipc_segment *others, *mine;
	struct zipc_stream *source, *big;

	if (!is_root())
		return;
	others = add_segment_with("holes", OTHER, 1 << 30, &options);
	mine = add_segment_with("own", 0, 1 << 30, &options);
	begin_with(8, 64);
	ck_rc(zipc_stream_open(&source, others, "numbers", NULL), 0);
	ck_rc(zipc_stream_derive_with(&big, others, "big", "map(x)", source,
				      &derived), 0);
	zipc_stream_close(big);
	zipc_stream_close(source);
	derive(others, "small");
	ck_rc(zipc_stream_open(&source, mine, "numbers", NULL), 0);
	ck_rc(zipc_stream_derive_with(&big, mine, "big", "map(x)", source,
				      &derived), 0);
	zipc_stream_close(big);
	zipc_stream_close(source);
	scan();
	ck_told(others, "big", "error", "ENOMEM");
	ck_assert_ptr_nonnull(strstr(told(others, "big", "message"),
				     "sparse"));
	ck_told(others, "small", "state", "driving");
	ck_told(mine, "big", "state", "driving");
	end();
	zipc_segment_close(others);
	zipc_segment_close(mine);
}
END_TEST

static void stuck(uv_timer_t *timer)
{
	(void)timer;
	kill(getpid(), SIGTERM);
	for (;;)
		pause();
}

static void never(void *context)
{
	(void)context;
	_exit(EXIT_FAILURE);
}

START_TEST(a_loop_that_is_stuck_holds_up_no_exit)
{
	struct ending ending;
	uv_timer_t timer;
	uv_loop_t loop;
	int status;
	pid_t child = fork();

	if (!child) {
		uv_loop_init(&loop);
		uv_timer_init(&loop, &timer);
		ending_start(&ending, &loop, 1, never, NULL);
		uv_timer_start(&timer, stuck, 0, 0);
		uv_run(&loop, UV_RUN_DEFAULT);
		_exit(EXIT_FAILURE);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EXIT_SUCCESS);
}
END_TEST

static Suite *drive_suite(void)
{
	Suite *suite = suite_create("drive");
	TCase *fast = test_case(suite, "drive", "fast", 60);

	tcase_add_test(fast, a_look_that_is_cut_short_ends_nobody);
	tcase_add_test(fast, what_one_scan_has_missed_is_driven_again);
	tcase_add_test(fast,
		       what_anybody_may_write_has_a_share_whoever_owns_it);
	tcase_add_test(fast, what_is_removed_is_driven_no_more);
	tcase_add_test(fast, what_has_ended_takes_no_segment);
	tcase_add_test(fast, nobody_takes_all_threads);
	tcase_add_test(fast, nobody_takes_all_segments_and_records);
	tcase_add_test(fast, what_takes_too_much_memory_is_not_begun);
	tcase_add_test(fast, all_together_take_no_more_than_there_is);
	tcase_add_test(fast, holes_of_others_are_memory_too);
	tcase_add_test(fast, a_loop_that_is_stuck_holds_up_no_exit);
	return suite;
}

TEST_MAIN(drive_suite)
