/* SPDX-License-Identifier: MIT */
/*
 * The map under the schedule explorer: two or three tasks put, insert, remove
 * and get while one of them may be killed or stopped, and whatever schedule
 * they run in: there is an order of the operations, each at a moment of its own
 * call, in which a map answers as they were answered; no value is torn; the
 * capacity comes back, and no cell stays claimed.
 *
 * Each task follows a script of two letters for each operation: p put, n
 * insert, x remove, g get, w the same by walking, c compare and swap from the
 * value before; and which key. A and B have home 0, C home 1 and D home 2. In
 * scenes that move, entries stand at most three cells from their homes, so that
 * these are soon crowded. "i" takes a record over from somebody dead, if there
 * is one.
 */
#include "../../libzeroipc/hopscotch.h"
#include "../harness.h"
#include "schedule.h"

#include <zipc/map.h>

#define OPS 48u
#define KEYS 4u
#define JUDGE SCHEDULE_TASKS
#define BEFORE 100u /* the value of the first key that is there before */

struct scene {
	unsigned group;
	struct schedule schedule;
	unsigned capacity, writers;
	bool moving;
	const char *inside; /* keys that are there before */
	const char *scripts[SCHEDULE_TASKS];
};

/* One operation, as it was seen from outside. */
struct op {
	char what;
	unsigned key, task, began, ended; /* ended is 0: never */
	int rc;
	uint64_t in, out;
};

static struct {
	unsigned count;
	struct op ops[OPS];
} history;

struct value {
	uint64_t value, copy; /* the same, so that a torn one shows */
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_map *maps[SCHEDULE_TASKS + 1];
static struct zipc_hopscotch heirs[SCHEDULE_TASKS + 1];
static uint64_t keys[KEYS];

/* The table stands first in a map. */
static struct zipc_hopscotch *table_of(unsigned who)
{
	return (struct zipc_hopscotch *)(void *)maps[who];
}

/* operations */

/* What a walk finds of a key. */
static int walk(unsigned task, uint64_t wanted, struct value *value)
{
	struct zipc_map_iterator *iterator;
	struct value other;
	int rc = -ENOENT;
	uint64_t key;

	zipc_map_iterator_open(&iterator, maps[task]);
	while (zipc_map_next(iterator, &key, &other) > 0) {
		if (key != wanted)
			continue;
		schedule_must(rc, "task %u met a key twice", task);
		*value = other;
		rc = 0;
	}
	zipc_map_iterator_close(iterator);
	return rc;
}

static int call(unsigned task, const struct op *op, struct value *value)
{
	const uint64_t *key = &keys[op->key];
	struct value before = { BEFORE + op->key, BEFORE + op->key };
	int rc;

	switch (op->what) {
	case 'p':
		return zipc_map_put(maps[task], key, value);
	case 'n':
		return zipc_map_insert(maps[task], key, value);
	case 'c':
		rc = zipc_map_cas(maps[task], key, &before, value);
		*value = before;
		return rc;
	case 'x':
		return zipc_map_remove(maps[task], key, value);
	case 'w':
		return walk(task, *key, value);
	default:
		return zipc_map_get(maps[task], key, value);
	}
}

static struct op *operate(unsigned task, char what, unsigned key)
{
	struct op *op = &history.ops[history.count++];
	struct value value;

	schedule_must(history.count <= OPS, "too many operations");
	*op = (struct op){ .what = what, .task = task, .key = key };
	op->began = schedule_call();
	op->in = (uint64_t)(op - history.ops) + 1;
	value = (struct value){ op->in, op->in };
	op->rc = call(task, op, &value);
	op->out = value.value;
	op->ended = schedule_return();
	schedule_must(op->rc == -ENOENT || value.value == value.copy,
		      "task %u got a torn value: %llu and %llu", task,
		      (unsigned long long)value.value,
		      (unsigned long long)value.copy);
	schedule_must(!op->rc || op->rc == -ENOENT || op->rc == -EEXIST ||
			      op->rc == -ENOSPC || op->rc == -EAGAIN,
		      "task %u was told %s", task, rc_name(op->rc));
	return op;
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++) {
		if (*at == 'i') {
			zipc_hopscotch_become_writer(&heirs[who], "m");
			continue;
		}
		operate(who, at[0], (unsigned)(at[1] - 'A'));
		at++;
	}
}

/* set-up */

static void must(int64_t rc)
{
	ck_rc(rc < 0 ? rc : 0, 0);
}

static void label_all(const struct zipc_hopscotch *table)
{
	uint64_t i;

	for (i = 0; i < table->cell_count; i++) {
		schedule_label(&table->homes[i].turn, 8, "turn[%u]",
			       (unsigned)i);
		schedule_label(&table->homes[i].value, 8, "bits[%u]",
			       (unsigned)i);
		schedule_label(&zipc_hop_cell(table, i)->word, 8, "word[%u]",
			       (unsigned)i);
		schedule_label(zipc_hop_cell(table, i)->content, 8, "key[%u]",
			       (unsigned)i);
		schedule_label(zipc_hop_cell(table, i)->content + 1, 16,
			       "value[%u]", (unsigned)i);
	}
	for (i = 0; i < table->record_count; i++) {
		schedule_label(&table->records[i].holder, 8, "holder[%u]",
			       (unsigned)i);
		schedule_label(&table->records[i].intent, 8, "intent[%u]",
			       (unsigned)i);
		schedule_label(&table->records[i].inserted, 8, "inserted[%u]",
			       (unsigned)i);
		schedule_label(&table->records[i].removed, 8, "removed[%u]",
			       (unsigned)i);
	}
}

static void shorten(const struct scene *scene, struct zipc_hopscotch *table)
{
	if (!scene->moving)
		return;
	table->reach = 3;
	table->bits = 7;
}

/* The table as it is found, with one seed for all. */
static void look_into(const struct scene *scene, struct zipc_hopscotch *table,
		      unsigned who)
{
	struct zipc_found found;
	struct zipc_hop *hop;

	must(zipc_table_find(&found, segments[who], "m", ZIPC_MAP, NULL));
	hop = (void *)found.body;
	hop->seed[0] = 0x0123456789ABCDEF;
	hop->seed[1] = 0xFEDCBA9876543211;
	must(zipc_hopscotch_open(table, segments[who], &found, 8, 16, "m"));
	shorten(scene, table);
	zipc_table_release(&found);
}

/* A handle for a task; who writes has its record already. */
static void open_for(const struct scene *scene, const char *name, unsigned who)
{
	const char *script = who == JUDGE ? "p" : scene->scripts[who];

	schedule_as(who);
	if (who != JUDGE)
		must(zipc_segment_open(&segments[who], name, 0));
	look_into(scene, &heirs[who], who);
	must(zipc_map_open(&maps[who], segments[who], "m", NULL, NULL));
	shorten(scene, table_of(who));
	if (strpbrk(script, "pnxc"))
		must(zipc_map_remove(maps[who], &keys[0], NULL) == -ENOENT
			     ? 0
			     : -EINVAL);
}

static void choose_keys(const struct zipc_hopscotch *table)
{
	static const uint64_t homes[KEYS] = { 0, 0, 1, 2 };
	uint64_t key = 0;
	unsigned i;

	for (i = 0; i < KEYS; i++) {
		do
			key++;
		while (zipc_hopscotch_home_of(table, &key) != homes[i]);
		keys[i] = key;
	}
}

static void put_inside(const char *inside)
{
	struct value value;
	unsigned key;

	for (; *inside; inside++) {
		key = (unsigned)(*inside - 'A');
		value = (struct value){ BEFORE + key, BEFORE + key };
		must(zipc_map_insert(maps[JUDGE], &keys[key], &value));
	}
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 1, .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_map_options options = { scene->writers };
	const char *name = test_name("schedule");
	struct zipc_map *map;
	unsigned i;

	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 4096, &few));
	must(zipc_map_create_with(&map, segments[JUDGE], "m", "u64", "u64[2]",
				  scene->capacity, &options));
	zipc_map_close(map);
	look_into(scene, &heirs[JUDGE], JUDGE);
	choose_keys(&heirs[JUDGE]);
	for (i = 0; i < scene->schedule.tasks; i++)
		open_for(scene, name, i);
	open_for(scene, name, JUDGE);
	label_all(&heirs[JUDGE]);
	must(zipc_segment_unlink(name));
	memset(&history, 0, sizeof(history));
	schedule_as(JUDGE);
	put_inside(scene->inside);
	schedule_keep(&history, sizeof(history));
	schedule_keep(heirs, sizeof(heirs));
}

/* whether there is an order */

struct order {
	const struct scene *scene;
	uint64_t values[KEYS]; /* 0: it is not there */
	uint64_t done;         /* a bit for each operation */
};

static bool is_done(const struct order *order, unsigned i)
{
	return order->done >> i & 1;
}

/* Whether all that ended before the i-th began has been put in order. */
static bool may_be_next(const struct order *order, unsigned i)
{
	unsigned k;

	for (k = 0; k < history.count; k++)
		if (!is_done(order, k) && history.ops[k].ended &&
		    history.ops[k].ended < history.ops[i].began)
			return false;
	return !is_done(order, i);
}

/* Full; where homes are crowded it may be that one alone is. */
static bool may_be_full(const struct order *order)
{
	unsigned i, n = 0;

	for (i = 0; i < KEYS; i++)
		n += order->values[i] != 0;
	return order->scene->moving || n >= order->scene->capacity;
}

/* Let it happen; false if a map would have answered otherwise. */
static bool happens(struct order *order, const struct op *op)
{
	uint64_t *at = &order->values[op->key];
	bool pending = !op->ended, put = op->what == 'p' || op->what == 'n';
	int rc = pending ? 0 : op->rc;

	if (rc == -ENOSPC)
		return put && !*at && may_be_full(order);
	if (rc == -ENOENT)
		return !put && !*at;
	if (rc == -EEXIST)
		return op->what == 'n' && *at;
	if (rc == -EAGAIN)
		return *at && *at != BEFORE + op->key && *at == op->out;
	if (put && op->what == 'n' && *at)
		return false;
	if (!put && !*at)
		return false;
	if (op->what == 'c' && *at != BEFORE + op->key)
		return false;
	if (strchr("xgw", op->what) && !pending && *at != op->out)
		return false;
	if (op->what != 'g' && op->what != 'w')
		*at = op->what == 'x' ? 0 : op->in;
	return true;
}

/* Operations that never ended may have happened, or not. */
static bool can_be_ordered(const struct order *so_far)
{
	struct order next;
	bool all = true;
	unsigned i;

	for (i = 0; i < history.count; i++)
		all = all && (is_done(so_far, i) || !history.ops[i].ended);
	for (i = 0; !all && i < history.count; i++) {
		if (!may_be_next(so_far, i))
			continue;
		next = *so_far;
		next.done |= UINT64_C(1) << i;
		if (happens(&next, &history.ops[i]) && can_be_ordered(&next))
			return true;
	}
	return all;
}

static const char *tell_history(void)
{
	static char text[2000];
	const struct op *op;
	size_t used = 0;

	for (op = history.ops; op < history.ops + history.count; op++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			" %u:%c%c%llu%s%s[%u,%u]", op->task, op->what,
			'A' + (int)op->key,
			(unsigned long long)(op->what == 'g' || op->what == 'x'
						     ? op->out
						     : op->in),
			op->ended ? "" : "?",
			op->ended && op->rc ? rc_name(op->rc) : "", op->began,
			op->ended);
	return text;
}

static void check_history(const struct scene *scene)
{
	struct order order = { .scene = scene };
	const char *at;

	for (at = scene->inside; *at; at++)
		order.values[*at - 'A'] = BEFORE + (unsigned)(*at - 'A');
	schedule_must(can_be_ordered(&order), "lost, doubled or out of order:"
		      "%s", tell_history());
}

/* the judge */

static void check_claims(const struct scene *scene)
{
	const struct zipc_hopscotch *table = table_of(JUDGE);
	bool dead = false;
	unsigned task;
	uint64_t i;

	for (task = 0; task < scene->schedule.tasks; task++)
		dead |= schedule_is_dead(task) &&
			strpbrk(scene->scripts[task], "pnxc");
	/* No record is free: it takes that of the dead, if nobody has. */
	if (dead)
		zipc_hopscotch_become_writer(&heirs[JUDGE], "m");
	for (i = 0; i < table->cell_count; i++)
		schedule_must(zipc_hop_state_of(
				      zipc_hop_cell(table, i)->word) !=
				      ZIPC_HOP_CLAIMED,
			      "cell %u stays claimed", (unsigned)i);
}

/* All is looked at and taken out, and then it holds as much as ever. */
static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;
	struct value value = { 1, 1 };
	uint64_t key;
	unsigned i;

	for (i = 0; i < KEYS; i++) {
		operate(JUDGE, 'g', i);
		operate(JUDGE, 'x', i);
		operate(JUDGE, 'g', i);
	}
	check_history(scene);
	schedule_must(!zipc_map_size(maps[JUDGE]), "something stays");
	for (key = 1; !scene->moving && key <= scene->capacity; key++)
		schedule_must(!zipc_map_insert(maps[JUDGE], &key, &value),
			      "the capacity is not whole: of %u there is room "
			      "for %u", scene->capacity, (unsigned)key - 1);
	for (key = 1; !scene->moving && key <= scene->capacity; key++)
		zipc_map_remove(maps[JUDGE], &key, NULL);
	if (stage == SCHEDULE_ENDED)
		check_claims(scene);
}

/* scenes */

#define THREE(label, some, of_switches, of_delays, of_kills, of_stops)       \
	.schedule = { .name = label, .tasks = 3, .victims = some,            \
		      .limits = { .switches = of_switches,                   \
				  .delays = of_delays, .kills = of_kills,    \
				  .stops = of_stops } }
#define TWO(label, some, of_switches, of_delays, of_kills, of_stops)         \
	.schedule = { .name = label, .tasks = 2, .victims = some,            \
		      .limits = { .switches = of_switches,                   \
				  .delays = of_delays, .kills = of_kills,    \
				  .stops = of_stops } }

/* In groups, each a case. */
enum group { MEETING, READING, MOVING, DEATHS, STOPS, GROUPS };

static const char *const group_names[GROUPS] = { "meeting", "reading",
						 "moving", "deaths", "stops" };

static struct scene scenes[] = {
	{ MEETING, TWO("two-inserters", 0, 4, 0, 0, 0), 2, 3, false, "",
	  { "nA", "nA" } },
	{ MEETING, THREE("three-inserters", 0, 2, 0, 0, 0), 2, 4, false, "",
	  { "nA", "nA", "nA" } },
	{ MEETING, TWO("put-and-remove", 0, 4, 0, 0, 0), 2, 3, false, "A",
	  { "pA", "xApA" } },
	{ MEETING, TWO("two-keys-one-cell", 0, 3, 0, 0, 0), 2, 3, false, "A",
	  { "pAxA", "pBxB" } },
	{ MEETING, TWO("compare-and-swap", 0, 4, 0, 0, 0), 2, 3, false, "A",
	  { "cA", "cApA" } },
	{ MEETING, TWO("the-last-place", 0, 3, 0, 0, 0), 2, 3, false, "C",
	  { "nAxC", "nBgA" } },
	{ MEETING, TWO("the-last-place-for-it", 0, 3, 0, 0, 0), 2, 3, false,
	  "C", { "pA", "nAgA" } },
	{ MEETING, TWO("delayed-stores", 0, 2, 2, 0, 0), 2, 3, false, "A",
	  { "pA", "pAxA" } },
	{ READING, TWO("cell-again", 0, 5, 0, 0, 0), 2, 3, false, "A",
	  { "gAgA", "pApApA" } },
	{ READING, TWO("cell-of-another", 0, 5, 0, 0, 0), 2, 3, false, "A",
	  { "gAgB", "xAnB" } },
	{ READING, THREE("two-writers", 0, 3, 0, 0, 0), 2, 4, false, "A",
	  { "gA", "pA", "xAnA" } },
	{ READING, TWO("walked", 0, 4, 0, 0, 0), 2, 3, false, "A",
	  { "wAwA", "pApApA" } },
	{ READING, TWO("delayed-reading", 0, 2, 3, 0, 0), 2, 3, false, "A",
	  { "gA", "pApA" } },
	{ MOVING, TWO("moved-and-read", 0, 3, 0, 0, 0), 5, 3, true, "BCD",
	  { "gCgA", "nA" } },
	{ MOVING, TWO("moved-and-removed", 0, 3, 0, 0, 0), 5, 3, true, "BCD",
	  { "xC", "nA" } },
	{ MOVING, TWO("moved-and-put", 0, 3, 0, 0, 0), 5, 3, true, "BCD",
	  { "pCgC", "nA" } },
	{ MOVING, TWO("two-movers", 0, 3, 0, 0, 0), 5, 3, true, "BCD",
	  { "nA", "pA" } },
	{ DEATHS, TWO("dead-inserter", 1, 2, 0, 1, 0), 2, 3, false, "",
	  { "nA", "nAxA" } },
	{ DEATHS, TWO("dead-putter", 1, 2, 1, 1, 0), 2, 3, false, "A",
	  { "pA", "pAgA" } },
	{ DEATHS, TWO("dead-remover", 1, 2, 0, 1, 0), 2, 3, false, "A",
	  { "xA", "xAnB" } },
	{ DEATHS, TWO("dead-mover", 1, 2, 0, 1, 0), 5, 3, true, "BCD",
	  { "nA", "gCpC" } },
	{ DEATHS, THREE("heir", 1, 3, 0, 1, 0), 2, 3, false, "A",
	  { "pA", "xAnB", "i" } },
	{ DEATHS, THREE("two-heirs", 5, 2, 0, 2, 0), 2, 2, false, "A",
	  { "pA", "i", "i" } },
	{ STOPS, TWO("stopped-inserter", 1, 2, 0, 0, 1), 2, 3, false, "",
	  { "nA", "nAxApB" } },
	{ STOPS, TWO("stopped-putter", 1, 2, 0, 0, 1), 2, 3, false, "A",
	  { "pA", "pApApA" } },
	{ STOPS, TWO("stopped-reader", 1, 2, 0, 0, 1), 2, 3, false, "A",
	  { "gA", "xApBxBpA" } },
	{ STOPS, TWO("stopped-mover", 1, 2, 0, 0, 1), 5, 3, true, "BCD",
	  { "nA", "xCxDpC" } },
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

START_TEST(holds_in_every_schedule)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(holds_by_chance)
{
	schedule_walk(schedule_of(_i), 4000, 1);
}
END_TEST

START_TEST(holds_by_much_chance)
{
	schedule_walk(schedule_of(_i), 1000000, 2);
}
END_TEST

static Suite *map_suite(void)
{
	Suite *suite = suite_create("map");
	TCase *tc = NULL;
	int i, group = -1;

	for (i = 0; i < SCENES; i++) {
		if ((int)scenes[i].group != group)
			tc = test_case(suite, group_names[scenes[i].group],
				       "medium", 3600);
		group = (int)scenes[i].group;
		tcase_add_loop_test(tc, holds_in_every_schedule, i, i + 1);
	}
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, holds_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, holds_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(map_suite)
