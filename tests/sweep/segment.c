/* SPDX-License-Identifier: MIT */
/*
 * Segments under the sweep: create, open, close and unlink. The name is there
 * with all that belongs to it, or it is not there; it can be had again at once;
 * and all participants' places come back, but the one of who is stopped.
 */
#include "../harness.h"
#include "sweep.h"

#define PLACES 3

enum op { CREATE, OPEN, CLOSE, UNLINK };

static const char *const op_names[] = { "create", "open", "close", "unlink" };

static const struct zipc_segment_options options = {
	.max_entries = 4, .max_participants = PLACES
};

static int create(struct zipc_segment **segment)
{
	return zipc_segment_open_or_create(segment, sweep_segment(), 8192,
					   &options);
}

static void set_up(void *op)
{
	struct zipc_segment *segment;
	struct zipc_array *array;

	zipc_segment_unlink(sweep_segment());
	if (*(enum op *)op == CREATE)
		return;
	if (create(&segment) ||
	    zipc_array_create(&array, segment, "a", "u64", 1))
		abort();
	zipc_array_close(array);
	zipc_segment_close(segment);
}

static void first(struct sweep_victim *me, void *op)
{
	struct zipc_segment *segment;
	int rc = 0;

	if (*(enum op *)op == CLOSE &&
	    zipc_segment_open(&segment, sweep_segment(), 0))
		abort();
	sweep_begin(me);
	switch (*(enum op *)op) {
	case CREATE:
		rc = zipc_segment_create(&segment, sweep_segment(), 8192,
					 &options);
		break;
	case OPEN:
		rc = zipc_segment_open(&segment, sweep_segment(), 0);
		break;
	case CLOSE:
		zipc_segment_close(segment);
		break;
	case UNLINK:
		rc = zipc_segment_unlink(sweep_segment());
		break;
	}
	sweep_end(me, rc);
}

static void second(struct sweep_victim *me, void *unused)
{
	struct zipc_segment *segment;

	(void)unused;
	sweep_begin(me);
	sweep_end(me, create(&segment));
}

/* All places at once, but those that may be held. */
static void take_places(struct sweep_page *page, int held)
{
	struct zipc_segment *segment[PLACES];
	int i, rc;

	for (i = 0; i < PLACES - held; i++) {
		rc = zipc_segment_open(&segment[i], sweep_segment(), 0);
		if (rc)
			sweep_fail(page, "open number %d of %d: %s: %s", i + 1,
				   PLACES, rc_name(rc), zipc_last_error());
	}
	while (i-- > 0)
		zipc_segment_close(segment[i]);
}

/* What is there is whole: it opens, and has what it had, or a new one has. */
static void check_whole(struct sweep_page *page, enum op op)
{
	struct zipc_segment *segment;
	struct zipc_array *array;
	bool there;
	int rc = zipc_segment_open(&segment, sweep_segment(), 0);

	there = rc != -ENOENT;
	if (!there && op != CREATE && op != UNLINK)
		sweep_fail(page, "its name is gone");
	if (!there)
		rc = create(&segment);
	if (!rc && there && op != CREATE && op != UNLINK)
		rc = zipc_array_open(&array, segment, "a", "u64");
	else if (!rc)
		rc = zipc_array_open_or_create(&array, segment, "a", "u64", 1);
	if (rc)
		sweep_fail(page, "%s: %s", rc_name(rc), zipc_last_error());
	zipc_array_close(array);
	zipc_segment_close(segment);
}

static void check(struct sweep_page *page, enum sweep_stage stage, void *op)
{
	struct zipc_segment *segment = NULL;
	int rc = (int)page->first.result;

	if (stage == SWEEP_ENDED && rc && !(*(enum op *)op == CREATE &&
					    rc == -EEXIST))
		sweep_fail(page, "it went on, and gave %s", rc_name(rc));
	if (stage == SWEEP_ENDED && create(&segment))
		sweep_fail(page, "it can not be had again");
	zipc_segment_close(segment);
	check_whole(page, *(enum op *)op);
	take_places(page, stage == SWEEP_STOPPED ? 1 : 0);
}

static void sweep_op(enum op op, unsigned modes)
{
	char operation[32];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &op };

	snprintf(operation, sizeof(operation), "segment %s", op_names[op]);
	sweep.name = operation;
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

START_TEST(a_segment_is_whole_or_not_there_at_each_instruction)
{
	sweep_op((enum op)_i, SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS);
}
END_TEST

static Suite *segment_sweep_suite(void)
{
	Suite *suite = suite_create("segment sweep");
	TCase *tc;
	int op;

	for (op = CREATE; op <= UNLINK; op++) {
		tc = test_case(suite, op_names[op], "slow", 600);
		tcase_add_loop_test(
			tc, a_segment_is_whole_or_not_there_at_each_instruction,
			op, op + 1);
	}
	return suite;
}

TEST_MAIN(segment_sweep_suite)
