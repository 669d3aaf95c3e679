/* SPDX-License-Identifier: MIT */
/*
 * A derived stream is created under the sweep, from two sources, from its first
 * look at one of them on. Then it is there and whole, and is driven; or its
 * name is free, and its sources are held back by nobody. Beside a creator that
 * is stopped who creates gets -EBUSY, and producers have the room that a
 * subscription leaves them.
 */
#include "../../libzeroipc/drive.h"
#include "../harness.h"
#include "sweep.h"

#define CAPACITY 8u /* of sources */
#define FIRST 2u    /* elements of each before */
#define TEXT "zip(b, x * 1000 + y)"

static void must(struct sweep_page *page, int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	if (page)
		sweep_fail(page, "%s: %s: %s", what, rc_name(rc),
			   zipc_last_error());
	fprintf(stderr, "%s: %s\n", what, zipc_last_error());
	abort();
}

/*
 * What is swept begins here, by ld --wrap: before that nothing is anywhere but
 * in a block that nobody sees, which tests/sweep/table.c is about.
 */
static struct sweep_victim *begins;
int __real_zipc_stream_join_record(const struct zipc_stream_shape *shape,
				   const struct zipc_places *places,
				   const char *name,
				   enum zipc_stream_from from, uint64_t holder,
				   uint32_t *index, uint64_t *position);
int __wrap_zipc_stream_join_record(const struct zipc_stream_shape *shape,
				   const struct zipc_places *places,
				   const char *name,
				   enum zipc_stream_from from, uint64_t holder,
				   uint32_t *index, uint64_t *position);

int __wrap_zipc_stream_join_record(const struct zipc_stream_shape *shape,
				   const struct zipc_places *places,
				   const char *name,
				   enum zipc_stream_from from, uint64_t holder,
				   uint32_t *index, uint64_t *position)
{
	if (begins)
		sweep_begin(begins);
	begins = NULL;
	return __real_zipc_stream_join_record(shape, places, name, from,
					      holder, index, position);
}

static struct zipc_stream *open_stream(struct sweep_page *page,
				       struct zipc_segment *segment,
				       const char *name)
{
	struct zipc_stream *stream;

	must(page, zipc_stream_open(&stream, segment, name, "i64"), name);
	return stream;
}

static int derive(struct zipc_stream **out, struct zipc_segment *segment,
		  struct zipc_stream *source)
{
	struct zipc_derive_options options = {
		.capacity = 32, .max_drivers = 2, .max_subscriptions = 1,
		.batch = 64, .from = ZIPC_STREAM_OLDEST
	};

	return zipc_stream_derive_with(out, segment, "d", TEXT, source,
				       &options);
}

/* Elements first to last of a, and 1000 more of b. */
static int emit_both(struct sweep_page *page, struct zipc_segment *segment,
		     int64_t first, int64_t last)
{
	struct zipc_stream *a = open_stream(page, segment, "a");
	struct zipc_stream *b = open_stream(page, segment, "b");
	int64_t i, more;
	int rc = 0;

	for (i = first; i <= last && !rc; i++) {
		more = i + 1000;
		rc = zipc_stream_emit(a, &i, ZIPC_NOWAIT);
		if (!rc)
			rc = zipc_stream_emit(b, &more, ZIPC_NOWAIT);
	}
	zipc_stream_close(a);
	zipc_stream_close(b);
	return rc;
}

static void set_up(void *unused)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 8
	};
	struct zipc_stream_options options = { .max_writers = 3,
					       .max_subscriptions = 1 };
	struct zipc_segment *segment;
	struct zipc_stream *stream;
	unsigned i;

	(void)unused;
	zipc_segment_unlink(sweep_segment());
	must(NULL, zipc_segment_create(&segment, sweep_segment(), 32 << 10,
				       &few), "create");
	for (i = 0; i < 2; i++) {
		must(NULL, zipc_stream_create_with(&stream, segment,
						   i ? "b" : "a", "i64",
						   CAPACITY, &options),
		     "create");
		zipc_stream_close(stream);
	}
	must(NULL, emit_both(NULL, segment, 1, FIRST), "emit");
	zipc_segment_close(segment);
}

static void victim(struct sweep_victim *me, void *unused)
{
	struct zipc_segment *segment;
	struct zipc_stream *d, *a;
	int rc;

	(void)unused;
	must(NULL, zipc_segment_open(&segment, sweep_segment(), 0), "open");
	a = open_stream(NULL, segment, "a");
	begins = me;
	rc = derive(&d, segment, a);
	sweep_end(me, rc);
}

/* the checks */

/* All that there is comes out, in pairs, up to the last. */
static void check_results(struct sweep_page *page, struct zipc_segment *segment,
			  int64_t last)
{
	struct zipc_stream *d = open_stream(page, segment, "d");
	struct zipc_subscription *it;
	int64_t rc, value, i = 0;

	zipc_drive_stale_ns = 0;
	while ((rc = zipc_stream_drive(d, ZIPC_NOWAIT)) >= 0)
		;
	if (rc != -EAGAIN)
		must(page, rc, "drive");
	must(page, zipc_stream_subscribe(&it, d, NULL, ZIPC_STREAM_OLDEST),
	     "subscribe");
	while (!(rc = zipc_stream_next(it, &value, ZIPC_NOWAIT))) {
		if (i && value != (i + 1) * 1001 + 1000)
			sweep_fail(page, "behind pair %d comes %lld", (int)i,
				   (long long)value);
		i = (value - 1000) / 1001;
	}
	if (rc != -EAGAIN || i != last)
		sweep_fail(page, "of %d pairs the last is %d", (int)last,
			   (int)i);
	zipc_stream_leave(it);
	zipc_stream_close(d);
}

/* Producers are held up by nobody who is not there. */
static int64_t emit_many(struct sweep_page *page, struct zipc_segment *segment,
			 int64_t last)
{
	must(page, emit_both(page, segment, last + 1, last + 3 * CAPACITY),
	     page->notes[2] ? "it was removed, and emit"
			    : "it is not there, and emit");
	return last + 3 * CAPACITY;
}

static void check_whole(struct sweep_page *page, struct zipc_segment *segment,
			int64_t last)
{
	unsigned round;

	check_results(page, segment, last);
	for (round = 0; round < 3; round++) {
		must(page, emit_both(page, segment, last + 1, last + CAPACITY),
		     "all was driven, and emit");
		last += CAPACITY;
		if (!emit_both(page, segment, 0, 0))
			sweep_fail(page, "sources are not held back");
		check_results(page, segment, last);
	}
	must(page, zipc_segment_remove(segment, "d"), "remove");
	page->notes[2] = 1;
	emit_many(page, segment, last);
}

/* Who is stopped has perhaps said to sources that it reads, and reads not. */
static void check_beside(struct sweep_page *page, struct zipc_segment *segment,
			 bool is_there)
{
	struct zipc_stream *a = open_stream(page, segment, "a"), *d;
	int rc;

	must(page, emit_both(page, segment, FIRST + 1, FIRST + 2), "emit");
	page->notes[0] = 2;
	if (is_there) {
		check_results(page, segment, FIRST + 2);
	} else {
		rc = derive(&d, segment, a);
		if (rc && rc != -EBUSY)
			must(page, rc, "derive beside it");
		page->notes[1] = !rc;
	}
	zipc_stream_close(a);
}

static void check(struct sweep_page *page, enum sweep_stage stage, void *unused)
{
	struct zipc_segment *segment;
	struct zipc_stream *d, *a;
	int64_t last;
	int there;

	(void)unused;
	must(page, zipc_segment_open(&segment, sweep_segment(), 0), "open");
	there = zipc_stream_open(&d, segment, "d", "i64");
	if (there && there != -ENOENT)
		must(page, there, "open it");
	if (stage == SWEEP_STOPPED) {
		check_beside(page, segment, !there);
		return;
	}
	if (stage == SWEEP_ENDED && page->first.result !=
					    (page->notes[1] ? -EEXIST : 0))
		sweep_fail(page, "derive gives %s",
			   rc_name(page->first.result));
	if (!there && page->first.phase == 2 && page->first.result &&
	    page->first.result != -EEXIST)
		sweep_fail(page, "it is there, and derive gave %s",
			   rc_name(page->first.result));
	last = FIRST + (int64_t)page->notes[0];
	if (there) {
		last = emit_many(page, segment, last);
		a = open_stream(page, segment, "a");
		must(page, derive(&d, segment, a), "derive again");
	}
	check_whole(page, segment, last);
}

static void sweep_create(unsigned modes)
{
	struct sweep_row row = { .operation = "derive" };
	struct sweep sweep = { .name = row.operation, .set_up = set_up,
			       .first = victim, .second = victim,
			       .check = check };

	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

START_TEST(it_is_whole_or_holds_nothing_at_each_instruction)
{
	sweep_create(SWEEP_KILL);
}
END_TEST

START_TEST(so_it_is_beside_one_that_is_stopped)
{
	sweep_create(SWEEP_STOP);
}
END_TEST

START_TEST(so_it_is_behind_two_deaths)
{
	sweep_create(SWEEP_PAIRS);
}
END_TEST

static Suite *derive_create_sweep_suite(void)
{
	Suite *suite = suite_create("derive create sweep");
	TCase *tc = test_case(suite, "deaths", "stress", 2400);

	tcase_add_test(tc, it_is_whole_or_holds_nothing_at_each_instruction);
	tc = test_case(suite, "stops", "stress", 2400);
	tcase_add_test(tc, so_it_is_beside_one_that_is_stopped);
	tc = test_case(suite, "pairs", "stress", 2400);
	tcase_add_test(tc, so_it_is_behind_two_deaths);
	return suite;
}

TEST_MAIN(derive_create_sweep_suite)
