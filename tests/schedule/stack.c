/* SPDX-License-Identifier: MIT */
/*
 * The stack under the schedule explorer: two or three tasks push, pop and peek
 * while one of them may be killed or stopped, and whatever schedule they run
 * in: there is an order of the operations, each at a moment of its own call, in
 * which a stack answers as they were answered; no element is torn; and the
 * capacity comes back.
 *
 * Each task follows a script: P push, p pop, k peek; i inherit the record of
 * somebody dead, if there is one.
 */
#include "../harness.h"
#include "../../libzeroipc/turn_stack.h"
#include "schedule.h"

#define OPS 48u
#define CAPACITY_MOST 4u
#define JUDGE SCHEDULE_TASKS
#define INSIDE 100u /* the first element that is there before */

struct scene {
	unsigned group;
	struct schedule schedule;
	unsigned words; /* of an element; 1: no slots */
	unsigned capacity, writers;
	unsigned inside; /* elements that are there before, by pushes */
	const char *scripts[SCHEDULE_TASKS];
};

/* One operation, as it was seen from outside. */
struct op {
	char what;
	unsigned task, began, ended; /* ended is 0: never */
	int rc;
	uint64_t value;
};

static struct {
	unsigned count;
	struct op ops[OPS];
} history;

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_stack *stacks[SCHEDULE_TASKS + 1];
static struct zipc_turns turns; /* to look into it */
static struct zipc_turns heirs[SCHEDULE_TASKS];

/* operations */

struct elem {
	uint64_t value, copy; /* the same, so that a torn one shows */
};

static struct op *operate(const struct scene *scene, unsigned task, char what)
{
	struct op *op = &history.ops[history.count++];
	struct elem elem = { 0, 0 };

	schedule_must(history.count <= OPS, "too many operations");
	*op = (struct op){ .what = what, .task = task };
	op->began = schedule_call();
	if (what == 'P') {
		op->value = (uint64_t)(op - history.ops) + 1;
		elem = (struct elem){ op->value, op->value };
		op->rc = zipc_stack_push(stacks[task], &elem, ZIPC_NOWAIT);
	} else {
		op->rc = what == 'p' ? zipc_stack_pop(stacks[task], &elem,
						      ZIPC_NOWAIT)
				     : zipc_stack_peek(stacks[task], &elem);
		op->value = elem.value;
		schedule_must(op->rc || scene->words == 1 ||
			      elem.value == elem.copy,
			      "task %u got a torn element: %llu and %llu",
			      task, (unsigned long long)elem.value,
			      (unsigned long long)elem.copy);
	}
	op->ended = schedule_return();
	schedule_must(!op->rc || op->rc == -EAGAIN, "task %u was told %s",
		      task, rc_name(op->rc));
	return op;
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		if (*at == 'i')
			zipc_turns_become_writer(&heirs[who]);
		else
			operate(scene, who, *at);
}

/* set-up */

static void must(int64_t rc)
{
	ck_rc(rc < 0 ? rc : 0, 0);
}

static void label_all(void)
{
	uint64_t i;

	schedule_label(&turns.stack->top.turn, 8, "top");
	schedule_label(&turns.stack->top.value, 8, "top value");
	schedule_label(turns.readable, 16, "readable");
	schedule_label(turns.writable, 16, "writable");
	for (i = 0; i <= turns.capacity; i++) {
		schedule_label(&turns.cells[i].turn, 8, "tag[%u]",
			       (unsigned)i);
		schedule_label(&turns.cells[i].value, 8, "cell[%u]",
			       (unsigned)i);
	}
	for (i = 0; i < turns.writer_count; i++) {
		schedule_label(&turns.writers[i].holder, 8, "holder[%u]",
			       (unsigned)i);
		schedule_label(&turns.writers[i].intent, 8, "intent[%u]",
			       (unsigned)i);
	}
	for (i = 0; i < turns.slot_count; i++) {
		schedule_label(&zipc_stack_slot(&turns, i)->owner, 8,
			       "owner[%u]", (unsigned)i);
		schedule_label(zipc_stack_slot(&turns, i)->element, 16,
			       "element[%u]", (unsigned)i);
	}
}

static void look_into(struct zipc_turns *it, unsigned who)
{
	struct zipc_found found;

	must(zipc_table_find(&found, segments[who], "s", ZIPC_STACK, NULL));
	must(zipc_turns_open(it, segments[who], &found, "s"));
}

/* A handle for a task; who pushes has its record already. */
static void open_for(const struct scene *scene, const char *name, unsigned who)
{
	struct elem elem = { 99, 99 };

	schedule_as(who);
	must(zipc_segment_open(&segments[who], name, 0));
	must(zipc_stack_open(&stacks[who], segments[who], "s", NULL));
	if (strchr(scene->scripts[who], 'i'))
		look_into(&heirs[who], who);
	if (!strchr(scene->scripts[who], 'P'))
		return;
	must(zipc_stack_push(stacks[who], &elem, ZIPC_NOWAIT));
	must(zipc_stack_pop(stacks[who], &elem, ZIPC_NOWAIT));
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 1, .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_stack_options options = { scene->writers };
	const char *name = test_name("schedule");
	struct elem elem;
	unsigned i;

	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 4096, &few));
	must(zipc_stack_create_with(&stacks[JUDGE], segments[JUDGE], "s",
				    scene->words == 1 ? "u64" : "u64[2]",
				    scene->capacity, &options));
	for (i = 0; i < scene->schedule.tasks; i++)
		open_for(scene, name, i);
	look_into(&turns, JUDGE);
	label_all();
	must(zipc_segment_unlink(name));
	memset(&history, 0, sizeof(history));
	schedule_as(JUDGE);
	for (i = 0; i < scene->inside; i++) {
		elem = (struct elem){ INSIDE + i, INSIDE + i };
		must(zipc_stack_push(stacks[JUDGE], &elem, ZIPC_NOWAIT));
	}
	schedule_keep(&history, sizeof(history));
	schedule_keep(heirs, sizeof(heirs));
}

/* whether there is an order */

struct order {
	unsigned capacity, size;
	uint64_t values[CAPACITY_MOST];
	uint64_t done; /* a bit for each operation */
	unsigned deepest;
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

/* Let it happen; false if a stack would have answered otherwise. */
static bool happens(struct order *order, const struct op *op)
{
	bool pending = !op->ended;

	if (op->what == 'P') {
		if (!pending && op->rc)
			return order->size == order->capacity;
		if (order->size == order->capacity)
			return false;
		order->values[order->size++] = op->value;
		return true;
	}
	if (!pending && op->rc)
		return !order->size;
	if (!order->size)
		return false;
	if (!pending && order->values[order->size - 1] != op->value)
		return false;
	order->size -= op->what == 'p';
	return true;
}

/* Operations that never ended may have happened, or not. */
static bool can_be_ordered(const struct order *so_far, unsigned *deepest)
{
	struct order next;
	unsigned i, n = 0;
	bool all = true;

	for (i = 0; i < history.count; i++) {
		n += is_done(so_far, i);
		all = all && (is_done(so_far, i) || !history.ops[i].ended);
	}
	if (n > *deepest)
		*deepest = n;
	for (i = 0; !all && i < history.count; i++) {
		if (!may_be_next(so_far, i))
			continue;
		next = *so_far;
		next.done |= UINT64_C(1) << i;
		if (happens(&next, &history.ops[i]) &&
		    can_be_ordered(&next, deepest))
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
			" %u:%c%llu%s[%u,%u]", op->task, op->what,
			(unsigned long long)op->value,
			!op->ended ? "?" : op->rc ? "!" : "", op->began,
			op->ended);
	return text;
}

static void check_history(const struct scene *scene)
{
	struct order order = { .capacity = scene->capacity };
	unsigned deepest = 0;

	while (order.size < scene->inside) {
		order.values[order.size] = INSIDE + order.size;
		order.size++;
	}
	schedule_must(can_be_ordered(&order, &deepest), "lost, doubled or out "
		      "of order behind %u of:%s", deepest, tell_history());
}

/* the judge */

/* Who may push: somebody who has ended, or the judge by a record of its own. */
static unsigned pusher(const struct scene *scene)
{
	unsigned i;

	for (i = 0; i < scene->schedule.tasks; i++)
		if (schedule_has_ended(i) && strchr(scene->scripts[i], 'P'))
			return i;
	return JUDGE;
}

static void check_claims(void)
{
	uint64_t i;

	for (i = 0; i < turns.slot_count; i++)
		schedule_must(!(zipc_stack_slot(&turns, i)->owner & 1),
			      "slot %u stays claimed", (unsigned)i);
}

/* All comes out, and then it holds as much as ever. */
static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;
	unsigned i, who = pusher(scene);

	while (!operate(scene, JUDGE, 'p')->rc)
		;
	for (i = 0; i < scene->capacity; i++)
		schedule_must(!operate(scene, who, 'P')->rc,
			      "the capacity is not whole: of %u there is room "
			      "for %u", scene->capacity, i);
	for (i = 0; i < scene->capacity; i++)
		operate(scene, JUDGE, 'p');
	check_history(scene);
	/* The judge has inherited the only record, or its owner has ended. */
	if (stage == SCHEDULE_ENDED && scene->writers == 1)
		check_claims();
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

/* In groups, each a case. Beside the writers of tasks there is the judge's. */
enum group { VALUES, FLUSHING, SLOTS, DEATHS, STOPS, GROUPS };

static const char *const group_names[GROUPS] = { "values", "flushing", "slots",
						 "deaths", "stops" };

static struct scene scenes[] = {
	{ VALUES, THREE("two-pushers", 0, 4, 0, 0, 0), 1, 3, 1, 1,
	  { "P", "P", "pp" } },
	{ VALUES, THREE("two-poppers", 0, 4, 0, 0, 0), 1, 3, 1, 2,
	  { "PP", "p", "p" } },
	{ VALUES, THREE("full-and-empty", 0, 4, 0, 0, 0), 1, 1, 1, 0,
	  { "P", "P", "pp" } },
	{ VALUES, TWO("peek", 0, 6, 0, 0, 0), 1, 3, 1, 1,
	  { "kk", "PpP" } },
	{ FLUSHING, TWO("late-flush", 0, 5, 0, 0, 0), 1, 4, 1, 1,
	  { "P", "pPPpp" } },
	{ FLUSHING, TWO("late-flush-above", 0, 4, 0, 0, 0), 1, 4, 1, 1,
	  { "P", "PPppPP" } },
	{ FLUSHING, THREE("two-late-flushes", 0, 3, 0, 0, 0), 1, 4, 1, 1,
	  { "P", "P", "pPPp" } },
	{ SLOTS, THREE("slots-of-two", 0, 3, 0, 0, 0), 2, 3, 3, 1,
	  { "P", "P", "pp" } },
	{ SLOTS, TWO("slot-again", 0, 5, 0, 0, 0), 2, 2, 2, 1,
	  { "p", "pPpP" } },
	{ SLOTS, TWO("slot-of-a-popped-push", 0, 3, 0, 0, 0), 2, 2, 3, 0,
	  { "PP", "pPpP" } },
	{ SLOTS, TWO("slot-below", 0, 3, 0, 0, 0), 2, 3, 3, 2,
	  { "P", "ppPP" } },
	{ SLOTS, TWO("slot-peeked", 0, 5, 0, 0, 0), 2, 2, 2, 1,
	  { "kk", "pPpP" } },
	{ SLOTS, TWO("delayed-stores", 0, 2, 2, 0, 0), 2, 2, 3, 1,
	  { "Pp", "pP" } },
	{ DEATHS, TWO("dead-pusher", 1, 2, 0, 1, 0), 1, 2, 1, 1,
	  { "P", "pPP" } },
	{ DEATHS, TWO("dead-slot", 1, 2, 1, 1, 0), 2, 2, 3, 1,
	  { "P", "pPP" } },
	{ DEATHS, TWO("inherited", 1, 2, 1, 1, 0), 2, 2, 1, 0,
	  { "PP", "pk" } },
	{ DEATHS, THREE("heir-amid-a-push", 1, 3, 0, 1, 0), 2, 3, 2, 0,
	  { "P", "P", "i" } },
	{ DEATHS, THREE("dead-among-two", 7, 1, 0, 1, 0), 2, 2, 3, 1,
	  { "P", "pP", "p" } },
	{ STOPS, TWO("stopped-pusher", 1, 2, 0, 0, 1), 1, 3, 1, 1,
	  { "P", "pPPp" } },
	{ STOPS, TWO("stopped-popper", 1, 2, 0, 0, 1), 1, 3, 1, 2,
	  { "p", "ppPP" } },
	{ STOPS, TWO("stopped-slot", 1, 2, 0, 0, 1), 2, 2, 3, 1,
	  { "P", "pPpP" } },
	{ STOPS, THREE("stopped-among-two", 7, 1, 0, 0, 1), 2, 2, 3, 1,
	  { "P", "pP", "p" } },
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

static Suite *stack_suite(void)
{
	Suite *suite = suite_create("stack");
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

TEST_MAIN(stack_suite)
