/* SPDX-License-Identifier: MIT */
/*
 * Drivers under the sweep: a step of a drive, over one source, two that are
 * merged or zipped, one that laps, and to the end of a take. Whoever drives
 * next goes on with it, and one that was stopped goes on as well: what comes
 * out is what one driver would have made of it, element for element; the
 * sources are held back as long as somebody has yet to read, and no longer.
 */
#include "../../libzeroipc/drive.h"
#include "../harness.h"
#include "sweep.h"

#include <sys/wait.h>

#define CAPACITY 8u /* of sources */
#define FIRST 3u    /* elements that the first victim finds */
#define MORE 2u     /* and that each check adds */
#define ENDS 2      /* results of the take */

enum flow { ONE, MERGED, ZIPPED, LAPPED, TAKEN };

static const struct {
	const char *name, *text;
} flows[] = {
	[ONE] = { "scan", "scan(0, acc + x)" },
	[MERGED] = { "merge", "merge(b)" },
	[ZIPPED] = { "zip", "zip(b, x * 1000 + y)" },
	[LAPPED] = { "lapped", "map(x)" },
	[TAKEN] = { "take", "take(2)" },
};

struct scene {
	enum flow flow;
	bool cold;  /* the sources are not open yet */
	bool stuck; /* a driver has died behind its claim */
};

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static struct zipc_segment *open_segment(void)
{
	struct zipc_segment *segment;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	return segment;
}

static struct zipc_stream *open_stream(struct zipc_segment *segment,
				       const char *name)
{
	struct zipc_stream *stream;

	must(zipc_stream_open(&stream, segment, name, "i64"), "open");
	return stream;
}

static bool has_two(const struct scene *scene)
{
	return scene->flow == MERGED || scene->flow == ZIPPED;
}

/* Elements first to last into each source; those of b are 1000 more. */
static int64_t emit_some(struct zipc_segment *segment,
			 const struct scene *scene, int64_t first,
			 int64_t last)
{
	struct zipc_stream *a = open_stream(segment, "a"), *b = NULL;
	int64_t i, value, rc = 0;

	if (has_two(scene))
		b = open_stream(segment, "b");
	for (i = first; i <= last && !rc; i++) {
		rc = zipc_stream_emit(a, &i, ZIPC_NOWAIT);
		value = i + 1000;
		if (b && !rc)
			rc = zipc_stream_emit(b, &value, ZIPC_NOWAIT);
	}
	zipc_stream_close(a);
	zipc_stream_close(b);
	return rc;
}

/* What the first victim finds: a source that laps has been lapped. */
static int64_t found(const struct scene *scene)
{
	return scene->flow == LAPPED ? (int64_t)CAPACITY + FIRST : FIRST;
}

static void create_source(struct zipc_segment *segment, const char *name,
			  const struct scene *scene)
{
	struct zipc_stream_options options = {
		.policy = scene->flow == LAPPED ? ZIPC_STREAM_DROP_OLD
						: ZIPC_STREAM_BLOCK,
		.max_writers = 3, .max_subscriptions = 2
	};
	struct zipc_stream *stream;

	must(zipc_stream_create_with(&stream, segment, name, "i64", CAPACITY,
				     &options), "create");
	zipc_stream_close(stream);
}

static void leave_it_stuck(struct zipc_stream *d)
{
	uint64_t T = zipc_places_tail(&d->places);

	must(zipc_places_become_writer(&d->places), "writer");
	_exit(!zipc_places_claim(d->places.ring, d->places.mine, &T, 1));
}

static void set_up_in_child(const struct scene *scene)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	struct zipc_derive_options options = {
		.capacity = 32, .max_drivers = 5, .max_subscriptions = 1,
		.batch = 64, .from = ZIPC_STREAM_OLDEST
	};
	struct zipc_segment *segment;
	struct zipc_stream *d, *a;

	must(zipc_segment_create(&segment, sweep_segment(), 64 << 10, &few),
	     "create");
	create_source(segment, "a", scene);
	if (has_two(scene))
		create_source(segment, "b", scene);
	a = open_stream(segment, "a");
	must(zipc_stream_derive_with(&d, segment, "d",
				     flows[scene->flow].text, a, &options),
	     "derive");
	must(emit_some(segment, scene, 1, found(scene)), "emit");
	if (scene->stuck)
		leave_it_stuck(d);
	_exit(0);
}

static void set_up(void *context)
{
	int status;
	pid_t child;

	zipc_segment_unlink(sweep_segment());
	child = fork();
	if (!child)
		set_up_in_child(context);
	waitpid(child, &status, 0);
	if (status)
		abort();
}

/* the victims */

static void drive_once(struct sweep_victim *me, const struct scene *scene)
{
	struct zipc_stream *d = open_stream(open_segment(), "d");

	zipc_drive_stale_ns = 0;
	if (!scene->cold) {
		must(zipc_driver_begin(d), "begin");
		must(zipc_driver_open_sources(d), "sources");
	}
	sweep_begin(me);
	sweep_end(me, zipc_stream_drive(d, ZIPC_NOWAIT));
}

static void first(struct sweep_victim *me, void *context)
{
	drive_once(me, context);
}

static void second(struct sweep_victim *me, void *context)
{
	struct scene warm = *(const struct scene *)context;

	warm.cold = false;
	drive_once(me, &warm);
}

/* the checks */

#define EMITTED 0 /* page notes: elements of each source, less the first */

struct seen {
	unsigned n;
	bool ended;
	int64_t value[64];
};

static void see(struct sweep_page *page, struct zipc_stream *d,
		struct seen *seen)
{
	struct zipc_subscription *it;
	int rc;

	must(zipc_stream_subscribe(&it, d, NULL, ZIPC_STREAM_OLDEST),
	     "subscribe");
	for (seen->n = 0; seen->n < 32; seen->n++) {
		rc = zipc_stream_next(it, &seen->value[seen->n], ZIPC_NOWAIT);
		if (rc)
			break;
	}
	seen->ended = rc == -EPIPE;
	if (rc != -EAGAIN && rc != -EPIPE)
		sweep_fail(page, "next gives %s: %s", rc_name(rc),
			   zipc_last_error());
	zipc_stream_leave(it);
}

/* Until nothing is left to do. */
static void drive_all(struct sweep_page *page, const struct scene *scene,
		      struct zipc_stream *d)
{
	unsigned steps;
	int64_t rc;

	for (steps = 0; steps < 64; steps++) {
		rc = zipc_stream_drive(d, ZIPC_NOWAIT);
		if (rc == (scene->flow == TAKEN ? -EPIPE : -EAGAIN))
			return;
		if (rc < 0)
			sweep_fail(page, "drive gives %s: %s", rc_name(rc),
				   zipc_last_error());
	}
	sweep_fail(page, "there is always something to drive");
}

static int64_t expected(const struct scene *scene, int64_t i)
{
	switch (scene->flow) {
	case ONE:
		return i * (i + 1) / 2;
	case ZIPPED:
		return i * 1000 + i + 1000;
	default:
		return i;
	}
}

/* Each of two sources in its order, and all of it. */
static void check_merge(struct sweep_page *page, const struct seen *seen,
			int64_t n)
{
	int64_t last[2] = { 0, 1000 };
	unsigned i;

	for (i = 0; i < seen->n; i++)
		if (seen->value[i] != ++last[seen->value[i] > 1000])
			sweep_fail(page, "result %u is %d", i,
				   (int)seen->value[i]);
	if (last[0] != n || last[1] != 1000 + n)
		sweep_fail(page, "of %d and %d there are %d and %d", (int)n,
			   (int)n, (int)last[0], (int)last[1] - 1000);
}

/* What is there and what was lost are all. */
static void check_lapped(struct sweep_page *page, struct zipc_stream *d,
			 const struct seen *seen, int64_t n)
{
	int64_t lost;
	unsigned i;

	must(zipc_driver_load(d), "load");
	lost = (int64_t)zipc_batch_get(
		d->derived->driver->batch.head.lost[0]);
	for (i = 0; i < seen->n; i++)
		if (seen->value[i] != lost + 1 + i)
			sweep_fail(page, "%d were lost, and result %u is %d",
				   (int)lost, i, (int)seen->value[i]);
	if (lost + seen->n != n)
		sweep_fail(page, "%d were lost, and %u came of %d", (int)lost,
			   seen->n, (int)n);
}

static void check_results(struct sweep_page *page, const struct scene *scene,
			  struct zipc_stream *d, int64_t n)
{
	struct seen seen;
	unsigned i;

	see(page, d, &seen);
	if (scene->flow == MERGED) {
		check_merge(page, &seen, n);
		return;
	}
	if (scene->flow == LAPPED) {
		check_lapped(page, d, &seen, n);
		return;
	}
	if (scene->flow == TAKEN)
		n = ENDS;
	for (i = 0; i < seen.n; i++)
		if (seen.value[i] != expected(scene, i + 1))
			sweep_fail(page, "result %u is %d, not %d", i,
				   (int)seen.value[i],
				   (int)expected(scene, i + 1));
	if (seen.n != n || seen.ended != (scene->flow == TAKEN))
		sweep_fail(page, "there are %u results of %d, and %s end",
			   seen.n, (int)n, seen.ended ? "an" : "no");
}

/* Elements are taken up to the capacity of the source, and no more. */
static void check_hold(struct sweep_page *page, const struct scene *scene,
		       struct zipc_segment *segment, struct zipc_stream *d,
		       int64_t n)
{
	int64_t rc = emit_some(segment, scene, n + 1, n + CAPACITY), value = 0;
	struct zipc_stream *a = open_stream(segment, "a");

	if (rc)
		sweep_fail(page, "emit gives %s: %s", rc_name(rc),
			   zipc_last_error());
	rc = zipc_stream_emit(a, &value, ZIPC_NOWAIT);
	if (rc != (scene->flow == LAPPED || scene->flow == TAKEN ? 0
								   : -EAGAIN))
		sweep_fail(page, "one too many gives %s", rc_name(rc));
	zipc_stream_close(a);
	if (scene->flow == LAPPED)
		return;
	drive_all(page, scene, d);
	check_results(page, scene, d, n + CAPACITY);
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_segment *segment = open_segment();
	struct zipc_stream *d = open_stream(segment, "d");
	int64_t n = found(scene) + (int64_t)page->notes[EMITTED], rc;

	zipc_drive_stale_ns = 0;
	drive_all(page, scene, d);
	check_results(page, scene, d, n);
	rc = page->first.result;
	if (page->first.phase == 2 && rc < 0 && rc != -EAGAIN &&
	    rc != -EBUSY && rc != -EPIPE)
		sweep_fail(page, "the drive gave %s", rc_name(rc));
	if (stage != SWEEP_STOPPED) {
		check_hold(page, scene, segment, d, n);
		return;
	}
	/* Who was stopped has yet to go on, behind what is emitted now. */
	rc = emit_some(segment, scene, n + 1, n + MORE);
	if (rc)
		sweep_fail(page, "emit gives %s", rc_name(rc));
	page->notes[EMITTED] += MORE;
	drive_all(page, scene, d);
	check_results(page, scene, d, n + MORE);
}

/* the table */

static void sweep_flow(enum flow flow, bool cold, bool stuck, unsigned modes,
		       unsigned skip)
{
	struct scene scene = { flow, cold, stuck };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene, .skip = skip };
	char operation[64];
	struct sweep_row row = { .operation = operation };

	snprintf(operation, sizeof(operation), "drive, %s%s%s",
		 flows[flow].name, cold ? ", first call" : "",
		 stuck ? ", behind the dead" : "");
	sweep.name = operation;
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

#define FLOWS (TAKEN + 1)

START_TEST(survives_one_death_at_every_instruction)
{
	sweep_flow((enum flow)_i, false, _i == ONE, SWEEP_KILL, 0);
}
END_TEST

START_TEST(survives_one_death_in_the_first_call)
{
	sweep_flow((enum flow)_i, true, false, SWEEP_KILL, 0);
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_flow((enum flow)_i, false, _i == ONE, SWEEP_STOP, 0);
}
END_TEST

START_TEST(survives_two_deaths_at_every_pair_of_instructions)
{
	sweep_flow((enum flow)_i, false, false, SWEEP_PAIRS, 0);
}
END_TEST

START_TEST(survives_a_death_before_a_stopped_one_goes_on)
{
	sweep_flow((enum flow)_i, false, false, SWEEP_LATE, 0);
}
END_TEST

START_TEST(survives_two_that_are_stopped_and_go_on)
{
	sweep_flow((enum flow)_i, false, false, SWEEP_CROSSED, 0);
}
END_TEST

static Suite *derive_sweep_suite(void)
{
	Suite *suite = suite_create("derive sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);

	tcase_add_loop_test(tc, survives_one_death_at_every_instruction, ONE,
			    MERGED + 1);
	tc = test_case(suite, "more deaths", "stress", 1200);
	tcase_add_loop_test(tc, survives_one_death_at_every_instruction,
			    ZIPPED, FLOWS);
	tc = test_case(suite, "first call", "stress", 1200);
	tcase_add_loop_test(tc, survives_one_death_in_the_first_call, 0,
			    FLOWS);
	tc = test_case(suite, "stops", "stress", 2400);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, 0,
			    FLOWS);
	tc = test_case(suite, "pairs", "stress", 2400);
	tcase_add_loop_test(tc,
			    survives_two_deaths_at_every_pair_of_instructions,
			    0, FLOWS);
	tc = test_case(suite, "late", "stress", 2400);
	tcase_add_loop_test(tc, survives_a_death_before_a_stopped_one_goes_on,
			    0, FLOWS);
	tc = test_case(suite, "crossed", "stress", 2400);
	tcase_add_loop_test(tc, survives_two_that_are_stopped_and_go_on, 0,
			    FLOWS);
	return suite;
}

TEST_MAIN(derive_sweep_suite)
