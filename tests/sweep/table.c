/* SPDX-License-Identifier: MIT */
/*
 * The table under the sweep: a structure is created, or created unless it is
 * there. Then it is there and whole, or it is not there; its neighbour is
 * untouched, others are created as soon as the victim is dead and looked up at
 * all times, and all space that was not taken is there. Who creates beside a
 * creator that is stopped gets -EBUSY, which names it.
 */
#include "../../libzeroipc/table.h"

#include "../harness.h"
#include "sweep.h"

#define BYTES UINT64_C(32768)
#define BLOCK 192u /* header and type text, before an array's body */
#define ROOM (BYTES - 64 - 8 * 40 - 8 * 16 - 4 * 64) /* for blocks */
/*
 * Its block ends a line before a page does, so that little of the next one is
 * cleared by instructions, which would all be points.
 */
#define BEFORE 3200u

static void must(struct sweep_page *page, int rc, const char *what)
{
	if (rc)
		sweep_fail(page, "%s: %s: %s", what, zipc_error_name(rc),
			   zipc_last_error());
}

static void set_up(void *unused)
{
	struct zipc_segment_options options = { .max_entries = 8,
						.max_participants = 4 };
	struct zipc_segment *segment;
	struct zipc_array *array;

	(void)unused;
	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), BYTES, &options) ||
	    zipc_array_create(&array, segment, "before", "u8", BEFORE))
		abort();
	memset(zipc_array_data(array), 7, BEFORE);
	zipc_array_close(array);
	zipc_segment_close(segment);
}

/* The last that is asked before the lock: the sweep of create begins here. */
static struct sweep_victim *begins;

static uint64_t body_bytes(const struct zipc_plan *it, uint64_t elem_size)
{
	if (begins)
		sweep_begin(begins);
	begins = NULL;
	return it->capacity * elem_size;
}

static const struct zipc_plan plan = { .kind = ZIPC_ARRAY,
				       .type = "u32",
				       .capacity = 1024,
				       .body_bytes = body_bytes,
				       .elem_size_max = 4 };

static void first(struct sweep_victim *me, void *unused)
{
	struct zipc_segment *segment;
	struct zipc_found found;

	(void)unused;
	if (zipc_segment_open(&segment, sweep_segment(), 0))
		_exit(2);
	begins = me;
	me->notes[0] = (uint64_t)getpid();
	sweep_end(me, zipc_table_create(&found, segment, "new", &plan));
}

/* It may be there, so the sweep begins at the look-up. */
static void second(struct sweep_victim *me, void *unused)
{
	struct zipc_segment *segment;
	struct zipc_found found;

	(void)unused;
	if (zipc_segment_open(&segment, sweep_segment(), 0))
		_exit(2);
	me->notes[0] = (uint64_t)getpid();
	sweep_begin(me);
	sweep_end(me, zipc_table_open_or_create(&found, segment, "new", &plan));
}

/* Whether the new one is there; what can be found is whole and all zero. */
static bool find_new(struct sweep_page *page, struct zipc_segment *segment)
{
	struct zipc_array *array;
	uint32_t elem;
	uint64_t i;
	int rc = zipc_array_open(&array, segment, "new", "u32");

	if (rc == -ENOENT)
		return false;
	must(page, rc, "what can be found is not whole");
	if (zipc_array_capacity(array) != 1024)
		sweep_fail(page, "the new one has another capacity");
	for (i = 0; i < 1024; i++) {
		must(page, zipc_array_get(array, i, &elem), "get");
		if (elem != 0)
			sweep_fail(page, "a new element is not zero");
	}
	zipc_array_close(array);
	return true;
}

static void check_before(struct sweep_page *page, struct zipc_segment *segment)
{
	struct zipc_array *array;
	unsigned i;

	must(page, zipc_array_open(&array, segment, "before", "u8"), "before");
	for (i = 0; i < BEFORE; i++)
		if (((unsigned char *)zipc_array_data(array))[i] != 7)
			sweep_fail(page, "the neighbour was overwritten");
	zipc_array_close(array);
}

/* All that is left can be had, to the last line, and reads zero. */
static void take_the_rest(struct sweep_page *page, struct zipc_segment *segment,
			  bool is_there)
{
	uint64_t left = ROOM - (BLOCK + BEFORE) - BLOCK, i;
	struct zipc_array *array;

	if (is_there)
		left -= BLOCK + 4 * 1024;
	must(page, zipc_array_create(&array, segment, "rest", "u8", left),
	     "the rest");
	for (i = 0; i < left; i++)
		if (((unsigned char *)zipc_array_data(array))[i] != 0)
			sweep_fail(page, "byte %u of the rest is not zero",
				   (unsigned)i);
	zipc_array_close(array);
}

/* Beside a creator that is stopped, in every 61st point: it takes a second. */
static void create_beside(struct sweep_page *page, struct zipc_segment *segment)
{
	struct zipc_array *array;
	char words[64];
	int rc;

	if (page->point % 61)
		return;
	snprintf(words, sizeof(words), "process %u is creating",
		 (unsigned)page->first.notes[0]);
	rc = zipc_array_create(&array, segment, "beside", "u8", 1);
	if (rc && (rc != -EBUSY || (!strstr(zipc_last_error(), words) &&
				    !strstr(zipc_last_error(), "the lock"))))
		sweep_fail(page, "beside it create gives %s: %s", rc_name(rc),
			   zipc_last_error());
	if (!rc)
		page->notes[0] = 1;
}

static void check(struct sweep_page *page, enum sweep_stage stage, void *unused)
{
	struct zipc_segment *segment;
	bool is_there;

	(void)unused;
	must(page, zipc_segment_open(&segment, sweep_segment(), 0), "open");
	is_there = find_new(page, segment);
	check_before(page, segment);
	if (stage == SWEEP_ENDED) {
		must(page, (int)page->first.result, "create, stopped meanwhile");
		if (!is_there)
			sweep_fail(page, "what was created is not there");
	}
	if (stage == SWEEP_STOPPED)
		create_beside(page, segment);
	else if (!page->notes[0])
		take_the_rest(page, segment, is_there);
	zipc_segment_close(segment);
}

START_TEST(a_structure_is_whole_or_not_there_at_each_instruction)
{
	struct sweep_row row = { .operation = "table create" };
	struct sweep sweep = { .name = row.operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check };

	sweep_scene(&row, &sweep, SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS);
	sweep_report(&row);
	ck_assert_uint_gt(row.killed, 500);
}
END_TEST

START_TEST(create_unless_it_is_there_is_whole_or_not_there)
{
	struct sweep_row row = { .operation = "table open_or_create" };
	struct sweep sweep = { .name = row.operation, .set_up = set_up,
			       .first = second, .second = second,
			       .check = check };

	sweep_scene(&row, &sweep, SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS);
	sweep_report(&row);
	ck_assert_uint_gt(row.killed, 500);
}
END_TEST

static Suite *table_sweep_suite(void)
{
	Suite *suite = suite_create("table sweep");
	TCase *tc = test_case(suite, "create", "slow", 600);

	tcase_add_test(tc,
		       a_structure_is_whole_or_not_there_at_each_instruction);
	tc = test_case(suite, "open_or_create", "slow", 600);
	tcase_add_test(tc, create_unless_it_is_there_is_whole_or_not_there);
	return suite;
}

TEST_MAIN(table_sweep_suite)
