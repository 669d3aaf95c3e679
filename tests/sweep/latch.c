/* SPDX-License-Identifier: MIT */
/*
 * The latch under the sweep: a count_down has happened or not, and others bring
 * it to 0 at all times.
 */
#include "../harness.h"
#include "sweep.h"

#define COUNT 5u

struct scene {
	const char *name;
	unsigned n; /* the first counts down so far; 0: it waits */
	unsigned count;
};

static const struct scene scenes[] = {
	{ "count_down", 2, COUNT },
	{ "count_down to 0", 2, 2 },
	{ "count_down below 0", 3, 2 },
	{ "wait in vain", 0, COUNT },
};

static struct zipc_latch *open_latch(void)
{
	struct zipc_segment *segment;
	struct zipc_latch *latch;

	if (zipc_segment_open(&segment, sweep_segment(), 0) ||
	    zipc_latch_open(&latch, segment, "l"))
		abort();
	return latch;
}

static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_latch *latch;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    zipc_latch_create(&latch, segment, "l", COUNT) ||
	    zipc_latch_count_down(latch, COUNT - scene->count))
		abort();
	zipc_latch_close(latch);
	zipc_segment_close(segment);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_latch *latch = open_latch();

	sweep_begin(me);
	sweep_end(me, scene->n ? zipc_latch_count_down(latch, scene->n)
			       : zipc_latch_wait(latch, ZIPC_NOWAIT));
}

static void second(struct sweep_victim *me, void *unused)
{
	struct zipc_latch *latch = open_latch();

	(void)unused;
	sweep_begin(me);
	sweep_end(me, zipc_latch_count_down(latch, 1));
}

static unsigned less(unsigned count, unsigned n)
{
	return n < count ? count - n : 0;
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_latch *latch = open_latch();
	unsigned value = (unsigned)zipc_latch_value(latch);
	unsigned before = scene->count, after = less(before, scene->n);
	bool other = page->second.phase;

	/* The check before this one brought it to 0. */
	if (stage == SWEEP_ENDED) {
		if (page->first.result != (scene->n ? 0 : -EAGAIN) &&
		    (scene->n || page->first.result))
			sweep_fail(page, "it went on, and gave %s",
				   rc_name(page->first.result));
		before = after = 0;
		other = false;
	}
	if (value != before && value != after &&
	    !(other && (value == less(before, 1) || value == less(after, 1))))
		sweep_fail(page, "it left %u", value);
	if (zipc_latch_wait(latch, ZIPC_NOWAIT) != (value ? -EAGAIN : 0))
		sweep_fail(page, "a wait does not tell that it is %u", value);
	if (zipc_latch_count_down(latch, COUNT) ||
	    zipc_latch_wait(latch, ZIPC_NOWAIT))
		sweep_fail(page, "others can not bring it to 0");
}

START_TEST(it_is_counted_down_or_not_at_each_instruction)
{
	struct scene scene = scenes[_i];
	char operation[48];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	snprintf(operation, sizeof(operation), "latch %s", scene.name);
	sweep_scene(&row, &sweep,
		    SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS | SWEEP_LATE);
	sweep_report(&row);
}
END_TEST

static Suite *latch_sweep_suite(void)
{
	Suite *suite = suite_create("latch sweep");
	TCase *tc = test_case(suite, "latch", "medium", 300);

	tcase_add_loop_test(tc, it_is_counted_down_or_not_at_each_instruction,
			    0, (int)(sizeof(scenes) / sizeof(scenes[0])));
	return suite;
}

TEST_MAIN(latch_sweep_suite)
