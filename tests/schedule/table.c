/* SPDX-License-Identifier: MIT */
/*
 * The table under the schedule explorer: structures are created, found and
 * opened in every order. Who looks finds a whole structure or none; names stay
 * unique; and a creator that is killed anywhere leaves nothing in the way.
 *
 * Each task follows a script: A and B create the queue of that name, a and b
 * open it, o opens or creates A; X removes A, U opens A and pushes and pops, Z
 * creates an array where A may have been. Who uses what it has opened finds it
 * as it left it, and who creates finds zeros: so nobody writes into a block
 * that is somebody else's by now.
 */
#include "../harness.h"
#include "../../libzeroipc/segment.h"
#include "schedule.h"

#define JUDGE SCHEDULE_TASKS
#define CAPACITY 2u
#define TYPE "{id:u32, at:f64}"

struct scene {
	struct schedule schedule;
	const char *scripts[SCHEDULE_TASKS];
	bool removes; /* "a" is there from the beginning, and is removed */
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];

/* What this run has seen. */
static struct {
	unsigned created[2]; /* how often a create of that name gave 0 */
	bool is_there[2];    /* whether that name is surely there */
	bool removes;        /* somebody removes: nothing is sure */
} seen;

/* What scripts remove. */
static void make_the_first(struct zipc_segment *segment)
{
	static const struct zipc_queue_options one = { .max_writers = 1 };
	struct zipc_queue *queue;

	ck_rc(zipc_queue_create_with(&queue, segment, "a", TYPE, CAPACITY,
				     &one), 0);
	zipc_queue_close(queue);
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 3, .max_participants = 8 };
	const struct scene *scene = context;
	const char *name = test_name("table");
	unsigned i;

	schedule_as(JUDGE);
	ck_rc(zipc_segment_create(&segments[JUDGE], name, 8192, &few), 0);
	for (i = 0; i < scene->schedule.tasks; i++) {
		schedule_as(i);
		ck_rc(zipc_segment_open(&segments[i], name, 0), 0);
	}
	ck_rc(zipc_segment_unlink(name), 0);
	memset(&seen, 0, sizeof(seen));
	seen.removes = scene->removes;
	if (scene->removes)
		make_the_first(segments[JUDGE]);
	schedule_label(segments[JUDGE]->base, 64, "header");
	schedule_label(segments[JUDGE]->base + 64, 120, "entries");
	schedule_label(segments[JUDGE]->base + 192, 48, "users");
	schedule_label(segments[JUDGE]->base + 256, 7936, "blocks");
	schedule_keep(&seen, sizeof(seen));
}

/* It is there from now on, whoever has made it. */
static void is_there(unsigned which)
{
	seen.is_there[which] = !seen.removes;
}

/*
 * Ten naps are a second here, and a schedule of chance may well let who has the
 * lock stand still for so long: who is told so tries again, as people do.
 */
static bool tries_again(int rc)
{
	return rc == -EBUSY && !schedule_has_fault();
}

static void create(struct zipc_segment *segment, char name)
{
	static const struct zipc_queue_options one = { .max_writers = 1 };
	const char text[2] = { name, 0 };
	unsigned which = (unsigned)(name - 'a');
	struct zipc_queue *queue;
	int rc;

	do
		rc = zipc_queue_create_with(&queue, segment, text, TYPE,
					    CAPACITY, &one);
	while (tries_again(rc));
	if (rc == -EBUSY && schedule_has_fault())
		return;
	schedule_must(rc == 0 || rc == -EEXIST, "create says %s: %s",
		      rc_name(rc), zipc_last_error());
	schedule_must(rc || ++seen.created[which] == 1 || seen.removes,
		      "a name was created twice");
	is_there(which);
}

static void open_or_create(struct zipc_segment *segment)
{
	struct zipc_queue *queue;
	int rc;

	do
		rc = zipc_queue_open_or_create(&queue, segment, "a", TYPE,
					       CAPACITY);
	while (tries_again(rc));
	schedule_must(rc == 0, "open_or_create says %s: %s", rc_name(rc),
		      zipc_last_error());
	is_there(0);
}

static void look(struct zipc_segment *segment, char name)
{
	bool known = seen.is_there[name - 'a'];
	const char text[2] = { name, 0 };
	struct zipc_queue *queue;
	int rc;

	rc = zipc_queue_open(&queue, segment, text, TYPE);
	schedule_must(rc == 0 || rc == -ENOENT, "open says %s: %s", rc_name(rc),
		      zipc_last_error());
	schedule_must(rc == 0 || !known,
		      "a structure that was there is not found");
	if (rc == 0)
		schedule_must(zipc_queue_capacity(queue) == CAPACITY &&
			      zipc_queue_size(queue) == 0,
			      "half a queue was found");
}

static void take_away(struct zipc_segment *segment)
{
	int rc;

	do
		rc = zipc_segment_remove(segment, "a");
	while (tries_again(rc));
	schedule_must(rc == 0 || rc == -ENOENT ||
		      (rc == -EBUSY && schedule_has_fault()),
		      "remove says %s: %s", rc_name(rc), zipc_last_error());
}

static void use(struct zipc_segment *segment)
{
	uint64_t elem[2] = { 7, 7 }, back[2] = { 0, 0 };
	struct zipc_queue *queue;
	int rc = zipc_queue_open(&queue, segment, "a", TYPE);

	schedule_must(rc == 0 || rc == -ENOENT, "open says %s: %s", rc_name(rc),
		      zipc_last_error());
	if (rc)
		return;
	rc = zipc_queue_push(queue, elem, ZIPC_NOWAIT);
	schedule_must(rc == 0, "push says %s: %s", rc_name(rc),
		      zipc_last_error());
	rc = zipc_queue_pop(queue, back, ZIPC_NOWAIT);
	schedule_must(rc == 0 && back[0] == 7 && back[1] == 7,
		      "pop says %s, and gives what is somebody else's",
		      rc_name(rc));
	zipc_queue_close(queue);
}

/* As long as the queue, so that it gets its place, and only that. */
static void create_in_its_place(struct zipc_segment *segment)
{
	struct zipc_array *array;
	uint64_t elem, i;
	int rc;

	do
		rc = zipc_array_create(&array, segment, "z", "u64", 48);
	while (tries_again(rc));
	schedule_must(rc == 0 || (rc == -EBUSY && schedule_has_fault()),
		      "create says %s: %s", rc_name(rc), zipc_last_error());
	for (i = 0; !rc && i < 48; i++) {
		rc = zipc_array_get(array, i, &elem);
		schedule_must(rc == 0 && elem == 0,
			      "element %u of what is new is %llu",
			      (unsigned)i, (unsigned long long)elem);
	}
	if (!rc)
		zipc_array_close(array);
}

static void operate(unsigned task, char what)
{
	schedule_call();
	if (what == 'X')
		take_away(segments[task]);
	else if (what == 'U')
		use(segments[task]);
	else if (what == 'Z')
		create_in_its_place(segments[task]);
	else if (what == 'o')
		open_or_create(segments[task]);
	else if (what < 'a')
		create(segments[task], (char)(what - 'A' + 'a'));
	else
		look(segments[task], what);
	schedule_return();
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		operate(who, *at);
}

/* Whoever died, what is to be in the place is there or can be created. */
static void ck_that_it_can_be_filled(void)
{
	struct zipc_array *array;
	int rc = zipc_array_create(&array, segments[JUDGE], "z", "u64", 48);

	schedule_must(rc == 0 || rc == -EEXIST, "behind it create says %s: %s",
		      rc_name(rc), zipc_last_error());
}

/* Each name is there, or can be created; then there is room for no more. */
static void check(const void *context, enum schedule_stage stage)
{
	static const struct zipc_queue_options one = { .max_writers = 1 };
	uint64_t elem[2] = { 7, 7 };
	struct zipc_queue *queue;
	const char *name;
	int rc;

	(void)context;
	if (stage == SCHEDULE_STOPPED)
		return; /* a stopped creator holds up the others */
	if (seen.removes)
		ck_that_it_can_be_filled();
	for (name = "a\0b\0"; *name; name += 2) {
		rc = zipc_queue_create_with(&queue, segments[JUDGE], name,
					    TYPE, CAPACITY, &one);
		schedule_must(rc == 0 || rc == -EEXIST,
			      "behind it create says %s: %s", rc_name(rc),
			      zipc_last_error());
		schedule_must(rc == -EEXIST || !seen.is_there[*name - 'a'],
			      "a structure that was there is gone");
		rc = zipc_queue_open(&queue, segments[JUDGE], name, TYPE);
		schedule_must(rc == 0, "behind it open says %s: %s",
			      rc_name(rc), zipc_last_error());
		rc = zipc_queue_push(queue, elem, ZIPC_NOWAIT);
		schedule_must(rc == 0, "a push says %s: %s", rc_name(rc),
			      zipc_last_error());
	}
}

static struct scene scenes[] = {
	{ { .name = "create-and-open", .tasks = 2,
	    .limits = { .switches = 3, .delays = 1 } }, { "A", "aa" }, false },
	{ { .name = "same-name", .tasks = 3, .limits = { .switches = 2 } },
	  { "A", "A", "a" }, false },
	{ { .name = "two-names", .tasks = 3, .limits = { .switches = 2 } },
	  { "A", "B", "ab" }, false },
	{ { .name = "open-or-create", .tasks = 2, .limits = { .switches = 3 } },
	  { "o", "o" }, false },
	{ { .name = "dead-creator", .tasks = 3, .victims = 1,
	    .limits = { .switches = 1, .kills = 1 } }, { "A", "Ba", "a" }, false },
	{ { .name = "stopped-creator", .tasks = 2, .victims = 1,
	    .limits = { .switches = 1, .stops = 1 } }, { "A", "aBa" }, false },
	{ { .name = "use-and-remove", .tasks = 2,
	    .limits = { .switches = 3, .delays = 1 } }, { "U", "XZ" }, true },
	{ { .name = "use-remove-create", .tasks = 3,
	    .limits = { .switches = 2 } }, { "U", "X", "Z" }, true },
	{ { .name = "dead-user", .tasks = 2, .victims = 1,
	    .limits = { .switches = 2, .kills = 1 } }, { "U", "XZ" }, true },
	{ { .name = "dead-remover", .tasks = 2, .victims = 1,
	    .limits = { .switches = 2, .kills = 1 } }, { "X", "UXZ" }, true },
	{ { .name = "dead-filler", .tasks = 2, .victims = 1,
	    .limits = { .switches = 2, .kills = 1 } }, { "XZ", "U" }, true },
	{ { .name = "stopped-user", .tasks = 2, .victims = 1,
	    .limits = { .switches = 1, .stops = 1 } }, { "U", "XZ" }, true },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(*scenes)))

static const struct schedule *schedule_of(int i)
{
	struct schedule *schedule = &scenes[i].schedule;

	schedule->set_up = set_up;
	schedule->task = run_script;
	schedule->check = check;
	schedule->scene = &scenes[i];
	return schedule;
}

START_TEST(nobody_finds_half_a_structure)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(nobody_finds_half_a_structure_by_chance)
{
	schedule_walk(schedule_of(_i), 2000, 1);
}
END_TEST

START_TEST(nobody_finds_half_a_structure_by_much_chance)
{
	schedule_walk(schedule_of(_i), 1000000, 2);
}
END_TEST

static Suite *table_suite(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = test_case(suite, "creating", "medium", 600);

	tcase_add_loop_test(tc, nobody_finds_half_a_structure, 0, SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, nobody_finds_half_a_structure_by_chance, 0,
			    SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, nobody_finds_half_a_structure_by_much_chance,
			    0, SCENES);
	return suite;
}

TEST_MAIN(table_suite)
