/* SPDX-License-Identifier: MIT */
/*
 * Leases under the schedule explorer: tasks take, are done, give back and pop,
 * while one of them may be killed or stopped, and whatever schedule they run
 * in: an element is in one pair of hands at a time, comes until somebody was
 * done with it, and then never again; none is lost or torn; and in the end the
 * capacity and the places are there.
 *
 * Each task follows a script, a character for an operation:
 *
 *   P p   push, pop one          t     take one
 *   d r   be done with, or give back, what was taken first of what it holds
 *
 * A scene may begin with a position that somebody dead has claimed.
 */
#include "../harness.h"
#include "../../libzeroipc/lease.h"
#include "../../libzeroipc/place_fast.h"
#include "schedule.h"

#define OPS 40u
#define JUDGE SCHEDULE_TASKS
#define ABSENT (SCHEDULE_TASKS + 1)
#define TAKERS 6u

struct scene {
	unsigned group;
	struct schedule schedule;
	unsigned capacity;
	const char *scripts[SCHEDULE_TASKS];
	unsigned inside;  /* pushed before */
	bool stuck;       /* the dead have claimed the first position */
	bool one_is_held; /* by the dead, the first of what is inside */
};

/* One operation, as it was seen from outside. */
struct op {
	char what;
	unsigned task, began, ended; /* ended is 0: never */
	int rc;
	uint64_t value; /* pushed, or taken, or that of the lease */
	struct zipc_lease lease;
};

static struct {
	unsigned count;
	struct op ops[OPS];
} history;

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_queue *queues[SCHEDULE_TASKS + 1];
static struct zipc_place_ring *ring;

/* operations */

struct elem {
	uint64_t value, copy; /* the same, so that a torn one shows */
};

static struct op *begin_op(unsigned task, char what)
{
	struct op *op = &history.ops[history.count++];

	schedule_must(history.count <= OPS, "too many operations");
	*op = (struct op){ .what = what, .task = task };
	op->began = schedule_call();
	return op;
}

static void push(unsigned task)
{
	struct op *op = begin_op(task, 'P');
	struct elem elem;

	op->value = (uint64_t)(op - history.ops + 1);
	elem = (struct elem){ op->value, op->value };
	op->rc = zipc_queue_push(queues[task], &elem, ZIPC_NOWAIT);
	op->ended = schedule_return();
}

static struct op *take(unsigned task, char what)
{
	struct op *op = begin_op(task, what);
	struct elem elem;

	if (what == 't')
		op->rc = zipc_queue_take(queues[task], &elem, &op->lease,
					 ZIPC_NOWAIT);
	else
		op->rc = zipc_queue_pop(queues[task], &elem, ZIPC_NOWAIT);
	if (!op->rc) {
		schedule_must(elem.value == elem.copy,
			      "task %u got a torn element: %llu and %llu", task,
			      (unsigned long long)elem.value,
			      (unsigned long long)elem.copy);
		op->value = elem.value;
	}
	op->ended = schedule_return();
	return op;
}

/* The take whose lease this task has had for the longest; NULL: none. */
static const struct op *held_by(unsigned task)
{
	const struct op *op, *end;

	for (op = history.ops; op < history.ops + history.count; op++) {
		if (op->task != task || op->what != 't' || op->rc || !op->ended)
			continue;
		for (end = op; end < history.ops + history.count; end++)
			if ((end->what == 'd' || end->what == 'r') &&
			    end->task == task && end->value == op->value &&
			    end->lease.attempt == op->lease.attempt)
				break;
		if (end == history.ops + history.count)
			return op;
	}
	return NULL;
}

static void end(unsigned task, char what)
{
	const struct op *held = held_by(task);
	struct op *op;

	if (!held)
		return;
	op = begin_op(task, what);
	op->value = held->value;
	op->lease = held->lease;
	op->rc = what == 'd' ? zipc_queue_done(queues[task], &op->lease)
			     : zipc_queue_return(queues[task], &op->lease);
	op->ended = schedule_return();
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		if (*at == 'P')
			push(who);
		else if (*at == 't' || *at == 'p')
			take(who, *at);
		else
			end(who, *at);
}

/* set-up */

static void must(int64_t rc)
{
	ck_rc(rc < 0 ? rc : 0, 0);
}

static void label_ring(const struct scene *scene, unsigned char *body)
{
	unsigned char *slots = body + ring->slots_offset;
	unsigned char *takers = body + ring->takers_offset;
	unsigned i;

	schedule_label(&ring->head, 8, "head");
	schedule_label(&ring->taken, 8, "taken");
	schedule_label(&ring->given, 8, "given");
	schedule_label(&ring->tail, 8, "tail");
	schedule_label(&ring->verdict, 8, "verdict");
	schedule_label(&ring->active, 8, "active");
	for (i = 0; i < TAKERS; i++, takers += ring->taker_bytes) {
		schedule_label(takers, 8, "holder[%u]", i);
		schedule_label(takers + 8, 8, "lease[%u]", i);
		schedule_label(takers + 16, 4, "attempts[%u]", i);
		schedule_label(takers + 24, 16, "copy[%u]", i);
	}
	for (i = 0; i < ring->slots; i++, slots += ring->slot_bytes) {
		schedule_label(slots, 8, "turn[%u]", i);
		schedule_label(slots + 8, 16, "element[%u]", i);
	}
	(void)scene;
}

/* A handle for a task, that has its records already. */
static void open_for(const struct scene *scene, const char *name, unsigned who)
{
	struct elem elem = { 1, 1 };
	struct zipc_lease lease;

	schedule_as(who);
	must(zipc_segment_open(&segments[who], name, 0));
	must(zipc_queue_open(&queues[who], segments[who], "q", NULL));
	if (strchr(scene->scripts[who], 'P')) {
		must(zipc_queue_push(queues[who], &elem, ZIPC_NOWAIT));
		must(zipc_queue_pop(queues[who], &elem, ZIPC_NOWAIT));
	}
	if (strchr(scene->scripts[who], 't')) {
		must(zipc_queue_push(queues[JUDGE], &elem, ZIPC_NOWAIT));
		must(zipc_queue_take(queues[who], &elem, &lease, ZIPC_NOWAIT));
		must(zipc_queue_done(queues[who], &lease));
	}
}

/* Somebody claims a position, or takes an element, and dies. */
static void act_and_die(const char *name, bool takes)
{
	static struct zipc_places places[2];
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_found found;
	struct zipc_lease lease;
	struct elem elem;
	uint64_t T;

	schedule_as(ABSENT);
	must(zipc_segment_open(&segment, name, 0));
	if (takes) {
		must(zipc_queue_open(&queue, segment, "q", NULL));
		must(zipc_queue_take(queue, &elem, &lease, ZIPC_NOWAIT));
	} else {
		must(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL));
		must(zipc_places_open(&places[0], segment, &found, "q"));
		must(zipc_places_become_writer(&places[0]));
		T = atomic_load_explicit(&ring->tail, memory_order_relaxed);
		ck_assert(zipc_places_claim(places[0].ring, places[0].mine, &T,
					    1));
	}
	schedule_drop_locks(ABSENT);
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 1, .max_participants = 8 };
	static const struct zipc_queue_options options = { 4, TAKERS };
	const struct scene *scene = context;
	const char *name = test_name("schedule");
	struct zipc_found found;
	unsigned i;

	memset(&history, 0, sizeof(history));
	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 8192, &few));
	must(zipc_queue_create_with(&queues[JUDGE], segments[JUDGE], "q",
				    "bytes:16", scene->capacity, &options));
	for (i = 0; i < scene->schedule.tasks; i++)
		open_for(scene, name, i);
	must(zipc_table_find(&found, segments[JUDGE], "q", ZIPC_QUEUE, NULL));
	ring = (void *)found.body;
	label_ring(scene, found.body);
	if (scene->stuck)
		act_and_die(name, false);
	schedule_as(JUDGE);
	for (i = 0; i < scene->inside; i++) {
		struct elem elem = { i + 1, i + 1 };

		must(zipc_queue_push(queues[JUDGE], &elem, ZIPC_NOWAIT));
		history.ops[history.count++] = (struct op){
			.what = 'P', .task = JUDGE, .ended = 1, .value = i + 1
		};
	}
	if (scene->one_is_held)
		act_and_die(name, true);
	must(zipc_segment_unlink(name));
	schedule_keep(&history, sizeof(history));
}

/* what has to be true of a history */

static bool hands_out(const struct op *op)
{
	return (op->what == 't' || op->what == 'p') && !op->rc && op->ended;
}

/* How a hand-out went on: 'd' done, 'r' given back, 'x' its taker died, or
 * 0: it is still in hand; and since when. */
static char fate_of(const struct op *out, unsigned *since)
{
	const struct op *op;

	*since = out->ended;
	if (out->what == 'p')
		return 'd';
	for (op = out + 1; op < history.ops + history.count; op++)
		if (op->task == out->task && op->value == out->value &&
		    (op->what == 'd' || op->what == 'r') &&
		    op->lease.attempt == out->lease.attempt) {
			*since = op->began;
			/* Killed in between, it was done or was not. */
			return op->ended || op->what == 'r' ? op->what : 'x';
		}
	return out->task < JUDGE && schedule_is_dead(out->task) ? 'x' : 0;
}

/* Two that were handed the same element: the one before the other. */
static void check_twice(const struct op *one, const struct op *other)
{
	unsigned since;
	char fate = fate_of(one, &since);

	schedule_must(fate != 'd', "task %u was done with %llu, and task %u "
		      "got it", one->task, (unsigned long long)one->value,
		      other->task);
	schedule_must(fate == 'x' || (fate == 'r' && since < other->ended),
		      "task %u holds %llu, and task %u got it", one->task,
		      (unsigned long long)one->value, other->task);
	schedule_must(other->what == 'p' || one->what == 'p' ||
		      other->lease.attempt > one->lease.attempt,
		      "attempt %u of %llu behind %u", other->lease.attempt,
		      (unsigned long long)one->value, one->lease.attempt);
}

static bool is_earlier(const struct op *one, const struct op *other)
{
	unsigned since;

	if (one->what == 'p' || other->what == 'p')
		return fate_of(one, &since) != 'd';
	return one->lease.attempt < other->lease.attempt;
}

static void check_hand_outs(void)
{
	const struct op *a, *b, *end = history.ops + history.count;

	for (a = history.ops; a < end; a++)
		for (b = a + 1; hands_out(a) && b < end; b++)
			if (hands_out(b) && a->value == b->value)
				check_twice(is_earlier(a, b) ? a : b,
					    is_earlier(a, b) ? b : a);
}

/* How many elements killed pops and dones may have taken with them. */
static unsigned may_be_lost(void)
{
	const struct op *op;
	unsigned n = 0;

	for (op = history.ops; op < history.ops + history.count; op++)
		n += !op->ended && (op->what == 'p' || op->what == 'd');
	return n;
}

/* Who stopped in an operation may have one in hand. */
static unsigned may_be_held(enum schedule_stage stage)
{
	const struct op *op;
	unsigned n = 0;

	for (op = history.ops; stage == SCHEDULE_STOPPED &&
			       op < history.ops + history.count; op++)
		n += !op->ended && !schedule_is_dead(op->task) &&
		     (op->what == 't' || op->what == 'r' || op->what == 'P');
	return n;
}

/* Whether somebody was done with it, or holds it and lives. */
static bool is_accounted_for(uint64_t value)
{
	const struct op *op;
	unsigned since;
	char fate;

	for (op = history.ops; op < history.ops + history.count; op++) {
		if (!hands_out(op) || op->value != value)
			continue;
		fate = fate_of(op, &since);
		if (fate == 'd' || fate == 0)
			return true;
	}
	return false;
}

static void check_losses(enum schedule_stage stage)
{
	unsigned lost = 0, allowed = may_be_lost() + may_be_held(stage);
	const struct op *op;

	for (op = history.ops; op < history.ops + history.count; op++)
		if (op->what == 'P' && op->ended && !op->rc)
			lost += !is_accounted_for(op->value);
	schedule_must(lost <= allowed, "%u elements are lost, and %u may be",
		      lost, allowed);
}

static void check_results(void)
{
	const struct op *op;

	for (op = history.ops; op < history.ops + history.count; op++)
		schedule_must(!op->ended || !op->rc ||
			      (op->rc == -EAGAIN && strchr("Ptp", op->what)),
			      "task %u was told %s for %c", op->task,
			      rc_name(op->rc), op->what);
}

/* the judge */

/* Take and be done with all that is there, in the order of positions. */
static void drain(void)
{
	uint64_t before = 0;
	struct op *op;

	for (op = take(JUDGE, 't'); !op->rc; op = take(JUDGE, 't')) {
		schedule_must(op->lease.position > before, "out of order");
		before = op->lease.position;
		end(JUDGE, 'd');
	}
}

/* Records that the living have: those with a lease, and one each. */
static unsigned places_of_the_living(const struct scene *scene)
{
	const struct op *op;
	unsigned n = 0, i, since;

	for (i = 0; i < scene->schedule.tasks; i++)
		n += !schedule_is_dead(i);
	for (op = history.ops; op < history.ops + history.count; op++)
		n += hands_out(op) && !fate_of(op, &since);
	return n;
}

static void check_places(const struct scene *scene)
{
	unsigned want = TAKERS - places_of_the_living(scene), i;
	struct zipc_lease leases[TAKERS];
	struct elem elem = { 1000, 1000 };
	int rc = 0;

	for (i = 0; i < TAKERS; i++) {
		must(zipc_queue_push(queues[JUDGE], &elem, ZIPC_NOWAIT));
		rc = zipc_queue_take(queues[JUDGE], &elem, &leases[i],
				     ZIPC_NOWAIT);
		if (rc)
			break;
	}
	schedule_must(i >= want, "%u places of %u are there: %s", i, want,
		      rc_name(rc));
	if (rc)
		must(zipc_queue_pop(queues[JUDGE], &elem, ZIPC_NOWAIT));
	while (i-- > 0)
		must(zipc_queue_done(queues[JUDGE], &leases[i]));
}

static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;
	struct op *op;
	unsigned i;

	drain();
	for (i = 0; i < scene->capacity; i++) {
		push(JUDGE);
		op = &history.ops[history.count - 1];
		schedule_must(!op->rc, "the capacity is not whole: of %u "
			      "there is room for %u", scene->capacity, i);
	}
	drain();
	check_results();
	check_hand_outs();
	check_losses(stage);
	check_places(scene);
}

/* scenes */

#define SCENE(label, of, some, of_switches, of_delays, of_kills, of_stops)   \
	.schedule = { .name = label, .tasks = of, .victims = some,           \
		      .limits = { .switches = of_switches,                   \
				  .delays = of_delays, .kills = of_kills,    \
				  .stops = of_stops } }

enum group { TAKING, RETURNING, POPPING, SETTLING, DEATHS, STOPS, GROUPS };

static const char *const group_names[GROUPS] = {
	"taking", "returning", "popping", "settling", "deaths", "stops"
};

static struct scene scenes[] = {
	{ TAKING, SCENE("two-takers", 2, 0, 3, 1, 0, 0), 2,
	  { "tdtd", "td" }, .inside = 2 },
	{ TAKING, SCENE("three-takers", 3, 0, 2, 1, 0, 0), 3,
	  { "td", "td", "td" }, .inside = 3 },
	{ TAKING, SCENE("take-and-push", 3, 0, 2, 1, 0, 0), 1,
	  { "PP", "td", "td" } },
	{ TAKING, SCENE("lapped-copy", 2, 0, 3, 1, 0, 0), 1,
	  { "t", "tdPtdPtdPtdPtdPtd" }, .inside = 1 },
	{ RETURNING, SCENE("given-back", 2, 0, 3, 1, 0, 0), 2,
	  { "trtd", "td" }, .inside = 1 },
	{ RETURNING, SCENE("given-back-to-two", 3, 0, 2, 1, 0, 0), 2,
	  { "tr", "td", "td" }, .inside = 2 },
	{ POPPING, SCENE("take-and-pop", 2, 0, 3, 1, 0, 0), 2,
	  { "td", "pp" }, .inside = 2 },
	{ POPPING, SCENE("pop-of-what-is-given-back", 2, 0, 3, 1, 0, 0), 2,
	  { "trtd", "pp" }, .inside = 2 },
	{ SETTLING, SCENE("behind-the-dead", 2, 0, 3, 1, 0, 0), 3,
	  { "td", "td" }, .inside = 2, .stuck = true },
	{ SETTLING, SCENE("behind-a-slow-push", 3, 0, 3, 0, 0, 0), 2,
	  { "P", "P", "td" } },
	{ DEATHS, SCENE("dead-taker", 2, 1, 2, 1, 1, 0), 2,
	  { "td", "tdtd" }, .inside = 2 },
	{ DEATHS, SCENE("dead-among-three", 3, 1, 2, 0, 1, 0), 3,
	  { "td", "td", "td" }, .inside = 2 },
	{ DEATHS, SCENE("two-deaths", 2, 3, 2, 0, 2, 0), 2,
	  { "td", "td" }, .inside = 2 },
	{ DEATHS, SCENE("dead-in-return", 2, 1, 2, 1, 1, 0), 2,
	  { "tr", "tdtd" }, .inside = 1 },
	{ DEATHS, SCENE("of-the-dead-to-two", 2, 0, 3, 1, 0, 0), 2,
	  { "td", "td" }, .inside = 1, .one_is_held = true },
	{ DEATHS, SCENE("of-the-dead-dies-again", 2, 1, 2, 0, 1, 0), 2,
	  { "td", "td" }, .inside = 2, .one_is_held = true },
	{ DEATHS, SCENE("dead-behind-the-dead", 2, 1, 2, 0, 1, 0), 3,
	  { "td", "tdtd" }, .inside = 2, .stuck = true },
	{ STOPS, SCENE("stopped-taker", 2, 1, 2, 1, 0, 1), 2,
	  { "td", "tdtd" }, .inside = 2 },
	{ STOPS, SCENE("stopped-among-three", 3, 1, 2, 0, 0, 1), 3,
	  { "td", "td", "td" }, .inside = 2 },
	{ STOPS, SCENE("stopped-and-lapped", 2, 1, 1, 1, 0, 1), 1,
	  { "td", "tdPtdPtdPtdPtdPtd" }, .inside = 1 },
	{ STOPS, SCENE("stopped-in-return", 2, 1, 2, 1, 0, 1), 2,
	  { "tr", "tdtd" }, .inside = 1 },
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

static Suite *lease_suite(void)
{
	Suite *suite = suite_create("lease");
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

TEST_MAIN(lease_suite)
