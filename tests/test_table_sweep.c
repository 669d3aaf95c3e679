/* SPDX-License-Identifier: MIT */
/*
 * Creating a structure under the sweep: a process is killed or stopped at every
 * instruction of it. Then the structure is there and whole, or it is not there;
 * its neighbour is untouched, others are created as soon as the victim is dead
 * and looked up at all times, and all space that was not taken is there.
 */
#include "../libzeroipc/table.h"

#include "harness.h"
#include "sweep.h"

#define BYTES UINT64_C(32768)
#define BLOCK 192u /* header and type text, before an array's body */
#define ROOM (BYTES - 64 - 8 * 40 - 4 * 64) /* for blocks */
/*
 * Its block ends a line before a page does, so that little of the next one is
 * cleared by instructions, which would all be points.
 */
#define BEFORE 3200u

static char segment_name[96];

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
	zipc_segment_unlink(segment_name);
	if (zipc_segment_create(&segment, segment_name, BYTES, &options) ||
	    zipc_array_create(&array, segment, "before", "u8", BEFORE))
		abort();
	memset(zipc_array_data(array), 7, BEFORE);
	zipc_array_close(array);
	zipc_segment_close(segment);
}

/* The last that is asked before the lock: the sweep begins here. */
static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	sweep_begin();
	return plan->capacity * elem_size;
}

static void victim(struct sweep_page *page, void *unused)
{
	const struct zipc_plan plan = { .kind = ZIPC_ARRAY,
					.type = "u32",
					.capacity = 1024,
					.body_bytes = body_bytes,
					.elem_size_max = 4 };
	struct zipc_segment *segment;
	struct zipc_found found;

	(void)unused;
	if (zipc_segment_open(&segment, segment_name, 0))
		_exit(2);
	sweep_end(page, zipc_table_create(&found, segment, "new", &plan));
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

static void check(struct sweep_page *page, enum sweep_stage stage, void *unused)
{
	struct zipc_segment *segment;
	bool is_there;

	(void)unused;
	must(page, zipc_segment_open(&segment, segment_name, 0), "open");
	is_there = find_new(page, segment);
	check_before(page, segment);
	if (stage == SWEEP_CONTINUED) {
		must(page, (int)page->result, "create, stopped meanwhile");
		if (!is_there)
			sweep_fail(page, "what was created is not there");
	}
	if (stage != SWEEP_STOPPED)
		take_the_rest(page, segment, is_there);
	zipc_segment_close(segment);
}

static void sweep(enum sweep_mode mode)
{
	struct sweep it = { .name = "create", .set_up = set_up,
			    .victim = victim, .check = check };
	unsigned failures = 0, points;

	strcpy(segment_name, test_name("sweep"));
	points = sweep_run(&it, mode, &failures);
	printf("table: %u points %s, %u failures\n", points,
	       mode == SWEEP_KILL ? "killed" : "stopped", failures);
	fflush(stdout); /* a failing test ends without */
	zipc_segment_unlink(segment_name);
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_gt(points, 500);
}

START_TEST(a_create_killed_at_any_instruction_happened_or_did_not)
{
	sweep(SWEEP_KILL);
}
END_TEST

START_TEST(a_create_stopped_at_any_instruction_can_be_looked_past)
{
	sweep(SWEEP_STOP);
}
END_TEST

static Suite *table_sweep_suite(void)
{
	Suite *suite = suite_create("table sweep");
	TCase *tc = test_case(suite, "create", "slow", 600);

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	tcase_add_test(tc,
		       a_create_killed_at_any_instruction_happened_or_did_not);
	tcase_add_test(tc,
		       a_create_stopped_at_any_instruction_can_be_looked_past);
#endif
	return suite;
}

TEST_MAIN(table_sweep_suite)
