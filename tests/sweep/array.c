/* SPDX-License-Identifier: MIT */
/*
 * The array under the sweep. An element holds what it held before, or what the
 * operations that began make of it, in either order; its neighbours are as they
 * were, and others change it at all times.
 */
#include "../harness.h"
#include "sweep.h"

enum op { GET, SET, ADD, CAS };

static const char *const op_names[] = { "get", "set", "add", "cas" };

static const uint64_t before = 5, put = 70, addend = 100, wanted = 5;

static struct zipc_array *open_array(void)
{
	struct zipc_segment *segment;
	struct zipc_array *array;

	if (zipc_segment_open(&segment, sweep_segment(), 0) ||
	    zipc_array_open(&array, segment, "a", "u64"))
		abort();
	return array;
}

static void set_up(void *unused)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	struct zipc_segment *segment;
	struct zipc_array *array;
	uint64_t i;

	(void)unused;
	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    zipc_array_create(&array, segment, "a", "u64", 3))
		abort();
	for (i = 0; i < 3; i++)
		zipc_array_set(array, i, &before);
	zipc_array_close(array);
	zipc_segment_close(segment);
}

static int64_t operate(struct zipc_array *array, enum op op)
{
	uint64_t value = wanted;

	switch (op) {
	case GET:
		return zipc_array_get(array, 1, &value);
	case SET:
		return zipc_array_set(array, 1, &put);
	case ADD:
		return zipc_array_add(array, 1, &addend);
	default:
		return zipc_array_cas(array, 1, &value, &put);
	}
}

/* The model: what the operation makes of a value. */
static uint64_t model(enum op op, uint64_t value)
{
	if (op == SET || (op == CAS && value == wanted))
		return put;
	return op == ADD ? value + addend : value;
}

static void first(struct sweep_victim *me, void *op)
{
	struct zipc_array *array = open_array();

	sweep_begin(me);
	sweep_end(me, operate(array, *(enum op *)op));
}

static void second(struct sweep_victim *me, void *unused)
{
	struct zipc_array *array = open_array();

	(void)unused;
	sweep_begin(me);
	sweep_end(me, operate(array, ADD));
}

static void check(struct sweep_page *page, enum sweep_stage stage, void *op)
{
	struct zipc_array *array = open_array();
	enum op mine = *(enum op *)op;
	uint64_t value = 0, other[2] = { 0, 0 };

	zipc_array_get(array, 1, &value);
	zipc_array_get(array, 0, &other[0]);
	zipc_array_get(array, 2, &other[1]);
	if (stage == SWEEP_ENDED && value != model(mine, before) + 1 &&
	    value != model(mine, before + 1))
		sweep_fail(page, "it went on, and left %u", (unsigned)value);
	if (stage != SWEEP_ENDED && value != before &&
	    value != model(mine, before) &&
	    !(page->second.phase &&
	      (value == before + addend ||
	       value == model(mine, before) + addend ||
	       value == model(mine, before + addend))))
		sweep_fail(page, "it left %u", (unsigned)value);
	if (other[0] != before || other[1] != before)
		sweep_fail(page, "it changed a neighbour");
	if (zipc_array_add(array, 1, &(uint64_t){ 1 }))
		sweep_fail(page, "others can not change it");
}

START_TEST(an_operation_is_done_or_not_at_each_instruction)
{
	enum op op = (enum op)_i;
	char operation[32];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &op };

	snprintf(operation, sizeof(operation), "array %s", op_names[op]);
	sweep.name = operation;
	sweep_scene(&row, &sweep, SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS);
	sweep_report(&row);
}
END_TEST

static Suite *array_sweep_suite(void)
{
	Suite *suite = suite_create("array sweep");
	TCase *tc = test_case(suite, "array", "medium", 120);

	tcase_add_loop_test(tc, an_operation_is_done_or_not_at_each_instruction,
			    GET, CAS + 1);
	return suite;
}

TEST_MAIN(array_sweep_suite)
