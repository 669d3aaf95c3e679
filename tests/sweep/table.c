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
#define BEFORE 3072u

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

/*
 * Removing. Three arrays stand side by side: "a", "old" and "c". One victim
 * removes "old", or creates "gap" in its place, or opens it; the other one
 * opens, removes or creates. Afterwards "a" and "c" are untouched; "old" is
 * there and whole, or it is not there, whatever else; "gap" likewise; who has
 * "old" open reads its own bytes; and when all are dead, all space can be had.
 */

enum act { REMOVE, FILL, OPEN };

struct pair {
	const char *operation;
	bool removed; /* "old" is removed before */
	enum act first, second;
};

#define SIDE 100u /* bytes of each neighbour */
#define OLD 200u

static void set_up_removing(void *context)
{
	struct zipc_segment_options options = { .max_entries = 8,
						.max_participants = 4 };
	const struct pair *pair = context;
	struct zipc_array *a, *old, *c;
	struct zipc_segment *segment;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &options) ||
	    zipc_array_create(&a, segment, "a", "u8", SIDE) ||
	    zipc_array_create(&old, segment, "old", "u8", OLD) ||
	    zipc_array_create(&c, segment, "c", "u8", SIDE))
		abort();
	memset(zipc_array_data(a), 7, SIDE);
	memset(zipc_array_data(old), 8, OLD);
	memset(zipc_array_data(c), 7, SIDE);
	zipc_array_close(a);
	zipc_array_close(old);
	zipc_array_close(c);
	if (pair->removed && zipc_segment_remove(segment, "old"))
		abort();
	zipc_segment_close(segment);
}

static int64_t open_and_read(struct zipc_segment *segment)
{
	struct zipc_array *array;
	uint8_t first = 0, last = 0;
	int rc = zipc_array_open(&array, segment, "old", "u8");

	if (rc)
		return rc;
	rc = zipc_array_get(array, 0, &first);
	if (!rc)
		rc = zipc_array_get(array, OLD - 1, &last);
	if (!rc && (first != 8 || last != 8))
		rc = 1; /* they are somebody else's */
	zipc_array_close(array);
	return rc;
}

static int64_t do_act(struct zipc_segment *segment, enum act act)
{
	struct zipc_array *array;
	int rc;

	switch (act) {
	case REMOVE:
		return zipc_segment_remove(segment, "old");
	case FILL:
		rc = zipc_array_create(&array, segment, "gap", "u8", OLD);
		if (!rc)
			memset(zipc_array_data(array), 0, 1);
		return rc;
	default:
		return open_and_read(segment);
	}
}

static void act_in(struct sweep_victim *me, enum act act)
{
	struct zipc_segment *segment;

	if (zipc_segment_open(&segment, sweep_segment(), 0))
		_exit(2);
	me->notes[0] = (uint64_t)getpid();
	sweep_begin(me);
	sweep_end(me, do_act(segment, act));
}

static void first_act(struct sweep_victim *me, void *context)
{
	act_in(me, ((struct pair *)context)->first);
}

static void second_act(struct sweep_victim *me, void *context)
{
	act_in(me, ((struct pair *)context)->second);
}

/* All bytes of the array, if it is there, are as given. */
static bool is_whole(struct sweep_page *page, struct zipc_segment *segment,
		     const char *name, uint64_t bytes, uint8_t value)
{
	struct zipc_array *array;
	uint8_t *data;
	uint64_t i;
	int rc = zipc_array_open(&array, segment, name, "u8");

	if (rc == -ENOENT)
		return false;
	must(page, rc, name);
	data = zipc_array_data(array);
	for (i = 0; i < bytes; i++)
		if (data[i] != value)
			sweep_fail(page, "byte %u of `%s` is %u", (unsigned)i,
				   name, data[i]);
	zipc_array_close(array);
	return true;
}

static void remove_if_there(struct sweep_page *page,
			    struct zipc_segment *segment, const char *name)
{
	int rc = zipc_segment_remove(segment, name);

	if (rc && rc != -ENOENT)
		must(page, rc, "remove");
}

/* Nobody lives who has anything open: it can all be had, and reads zero. */
static void take_all(struct sweep_page *page, struct zipc_segment *segment)
{
	uint64_t all = 8192 - zipc_users_end(8, 4) - 4 * 64 - BLOCK;
	struct zipc_array *array;

	remove_if_there(page, segment, "old");
	remove_if_there(page, segment, "gap");
	remove_if_there(page, segment, "a");
	remove_if_there(page, segment, "c");
	must(page, zipc_array_create(&array, segment, "all", "u8", all),
	     "all space");
	zipc_array_close(array);
	is_whole(page, segment, "all", all, 0);
}

static void check_results(struct sweep_page *page, const struct pair *pair,
			  bool is_there)
{
	const struct sweep_victim *first = &page->first;
	bool removes = pair->first == REMOVE || pair->second == REMOVE;

	if (first->result && first->result != -ENOENT)
		sweep_fail(page, "the first, stopped meanwhile, has %d",
			   (int)first->result);
	if (pair->first == REMOVE && !first->result && is_there)
		sweep_fail(page, "what was removed is there");
	if (first->result == -ENOENT && pair->first == OPEN && !removes &&
	    !pair->removed)
		sweep_fail(page, "what is there was not found");
}

static void check_removing(struct sweep_page *page, enum sweep_stage stage,
			   void *context)
{
	const struct pair *pair = context;
	struct zipc_segment *segment;
	bool is_there;

	must(page, zipc_segment_open(&segment, sweep_segment(), 0), "open");
	if (!is_whole(page, segment, "a", SIDE, 7) ||
	    !is_whole(page, segment, "c", SIDE, 7))
		sweep_fail(page, "a neighbour is gone");
	is_there = is_whole(page, segment, "old", OLD, 8);
	is_whole(page, segment, "gap", OLD, 0);
	if (is_there && pair->removed)
		sweep_fail(page, "what was removed is back");
	if (!is_there && !pair->removed && pair->first != REMOVE &&
	    pair->second != REMOVE)
		sweep_fail(page, "what nobody removed is gone");
	if (stage == SWEEP_ENDED)
		check_results(page, pair, is_there);
	if (stage != SWEEP_STOPPED)
		take_all(page, segment);
	zipc_segment_close(segment);
}

static const struct pair pairs[] = {
	{ "table remove, create", false, REMOVE, FILL },
	{ "table create in a gap", true, FILL, FILL },
	{ "table open, remove", false, OPEN, REMOVE },
};

static const struct pair crossed[] = {
	{ "table open, late remove", false, OPEN, REMOVE },
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void sweep_removing(const struct pair *pair, unsigned modes)
{
	struct sweep_row row = { .operation = pair->operation };
	struct sweep sweep = { .name = row.operation,
			       .set_up = set_up_removing,
			       .first = first_act, .second = second_act,
			       .check = check_removing,
			       .context = (void *)pair,
			       .skip = 400 };

	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

START_TEST(a_structure_is_removed_or_not_at_each_instruction)
{
	sweep_removing(&pairs[_i], SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS);
}
END_TEST

START_TEST(who_opens_and_who_removes_cross_at_each_instruction)
{
	sweep_removing(&crossed[_i], SWEEP_LATE | SWEEP_CROSSED);
}
END_TEST

static Suite *table_sweep_suite(void)
{
	Suite *suite = suite_create("table sweep");
	TCase *tc = test_case(suite, "create", "slow", 600);

	tcase_add_test(tc,
		       a_structure_is_whole_or_not_there_at_each_instruction);
	tc = test_case(suite, "open_or_create", "stress", 600);
	tcase_add_test(tc, create_unless_it_is_there_is_whole_or_not_there);
	tc = test_case(suite, "remove", "slow", 600);
	tcase_add_loop_test(tc,
			    a_structure_is_removed_or_not_at_each_instruction,
			    0, COUNT(pairs));
	tc = test_case(suite, "remove crossed", "stress", 600);
	tcase_add_loop_test(tc,
			    who_opens_and_who_removes_cross_at_each_instruction,
			    0, COUNT(crossed));
	return suite;
}

TEST_MAIN(table_sweep_suite)
