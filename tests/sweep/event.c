/* SPDX-License-Identifier: MIT */
/*
 * The event under the sweep, by hand and automatic: it is set or not, as before
 * the operation or behind it, and others set, take and reset it at all times.
 */
#include "../harness.h"
#include "sweep.h"

enum op { OP_SET, OP_RESET, OP_WAIT };

struct scene {
	const char *name;
	unsigned reset;
	enum op op;
	bool before, after; /* is it set? */
};

static const struct scene scenes[] = {
	{ "set", ZIPC_MANUAL_RESET, OP_SET, false, true },
	{ "set again", ZIPC_MANUAL_RESET, OP_SET, true, true },
	{ "reset", ZIPC_MANUAL_RESET, OP_RESET, true, false },
	{ "wait", ZIPC_MANUAL_RESET, OP_WAIT, true, true },
	{ "set, automatic", ZIPC_AUTO_RESET, OP_SET, false, true },
	{ "wait, automatic", ZIPC_AUTO_RESET, OP_WAIT, true, false },
	{ "wait in vain", ZIPC_AUTO_RESET, OP_WAIT, false, false },
};

static struct zipc_event *open_event(void)
{
	struct zipc_segment *segment;
	struct zipc_event *event;

	if (zipc_segment_open(&segment, sweep_segment(), 0) ||
	    zipc_event_open(&event, segment, "e"))
		abort();
	return event;
}

static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_event *event;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    zipc_event_create(&event, segment, "e", scene->reset) ||
	    (scene->before && zipc_event_set(event)))
		abort();
	zipc_event_close(event);
	zipc_segment_close(segment);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_event *event = open_event();

	sweep_begin(me);
	sweep_end(me, scene->op == OP_SET	? zipc_event_set(event)
		      : scene->op == OP_RESET ? zipc_event_reset(event)
					      : zipc_event_wait(event,
								ZIPC_NOWAIT));
}

static void second(struct sweep_victim *me, void *unused)
{
	struct zipc_event *event = open_event();

	(void)unused;
	sweep_begin(me);
	sweep_end(me, zipc_event_set(event));
}

/* Others set it, one takes that or resets it, and none is left over. */
static bool works(struct zipc_event *event)
{
	bool manual = zipc_event_reset_mode(event) == ZIPC_MANUAL_RESET;

	return !zipc_event_set(event) && zipc_event_is_set(event) &&
	       !zipc_event_wait(event, ZIPC_NOWAIT) &&
	       zipc_event_is_set(event) == manual &&
	       !zipc_event_reset(event) &&
	       zipc_event_wait(event, ZIPC_NOWAIT) == -EAGAIN;
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_event *event = open_event();
	bool is_set = zipc_event_is_set(event);

	/* The check before this one left it reset; the second had set it. */
	if (stage == SWEEP_ENDED) {
		if (page->first.result &&
		    !(scene->op == OP_WAIT && page->first.result == -EAGAIN))
			sweep_fail(page, "it went on, and gave %s",
				   rc_name(page->first.result));
		if (is_set && scene->op != OP_SET)
			sweep_fail(page, "it is set again");
	} else if (is_set != scene->before && is_set != scene->after &&
		   !page->second.phase) {
		sweep_fail(page, "it left it %s", is_set ? "set" : "reset");
	}
	if (page->second.phase == 2 && scene->op == OP_SET &&
	    stage != SWEEP_ENDED && !is_set)
		sweep_fail(page, "a set is lost");
	if (!works(event))
		sweep_fail(page, "others can not use it");
}

START_TEST(it_is_set_or_not_at_each_instruction)
{
	struct scene scene = scenes[_i];
	char operation[48];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	snprintf(operation, sizeof(operation), "event %s", scene.name);
	sweep_scene(&row, &sweep,
		    SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS | SWEEP_LATE);
	sweep_report(&row);
}
END_TEST

static Suite *event_sweep_suite(void)
{
	Suite *suite = suite_create("event sweep");
	TCase *tc = test_case(suite, "event", "medium", 300);

	tcase_add_loop_test(tc, it_is_set_or_not_at_each_instruction, 0,
			    (int)(sizeof(scenes) / sizeof(scenes[0])));
	return suite;
}

TEST_MAIN(event_sweep_suite)
