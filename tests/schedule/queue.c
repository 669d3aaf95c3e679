/* SPDX-License-Identifier: MIT */
/*
 * The queue under the schedule explorer: two or three tasks push and pop, one
 * by one and in batches, while one of them may be killed or stopped, and
 * whatever schedule they run in: nothing is lost, doubled, torn or out of
 * order, full and empty are true, and the capacity comes back.
 *
 * Each task follows a script, a character for an operation:
 *
 *   P p   push, pop one            2 3   push that many at once
 *   b     pop up to two at once
 *
 * A scene may begin with positions that somebody absent has claimed: it is
 * stopped there for good, or dead.
 */
#include "../harness.h"
#include "../../libzeroipc/place_fast.h"
#include "schedule.h"

#define OPS 24u
#define BATCH 3u
#define JUDGE SCHEDULE_TASKS
#define ABSENT (SCHEDULE_TASKS + 1)

struct scene {
	unsigned group;
	struct schedule schedule;
	unsigned capacity, writers;
	const char *scripts[SCHEDULE_TASKS];
	unsigned absent; /* positions that somebody absent has claimed */
	bool absent_is_dead;
	/* pushes whose position may be revoked, and that then find it full */
	unsigned taken_back;
};

/* One operation, as it was seen from outside. */
struct op {
	char what;
	bool is_push;
	unsigned task, began, ended; /* ended is 0: never */
	unsigned asked;
	int64_t rc; /* how many, or -errno */
	uint64_t values[BATCH + 1];
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

static struct op *begin_op(unsigned task, char what, unsigned asked)
{
	struct op *op = &history.ops[history.count++];

	schedule_must(history.count <= OPS, "too many operations");
	*op = (struct op){ .what = what, .task = task, .asked = asked,
			   .is_push = what == 'P' || what == '2' ||
				      what == '3' };
	op->began = schedule_call();
	return op;
}

static void push(unsigned task, char what, unsigned n)
{
	struct op *op = begin_op(task, what, n);
	struct elem elems[BATCH];
	unsigned i;

	for (i = 0; i < n; i++) {
		op->values[i] = (uint64_t)(op - history.ops + 1) << 8 | i;
		elems[i] = (struct elem){ op->values[i], op->values[i] };
	}
	op->rc = n == 1 ? zipc_queue_push(queues[task], elems, ZIPC_NOWAIT)
			: zipc_queue_push_n(queues[task], elems, n,
					    ZIPC_NOWAIT);
	if (n == 1 && op->rc == 0)
		op->rc = 1;
	op->ended = schedule_return();
}

static void pop(unsigned task, char what, unsigned n)
{
	struct op *op = begin_op(task, what, n);
	struct elem elems[BATCH + 1];
	int64_t i;

	op->rc = n == 1 ? zipc_queue_pop(queues[task], elems, ZIPC_NOWAIT)
			: zipc_queue_pop_n(queues[task], elems, n,
					   ZIPC_NOWAIT);
	if (n == 1 && op->rc == 0)
		op->rc = 1;
	for (i = 0; i < op->rc; i++) {
		op->values[i] = elems[i].value;
		schedule_must(elems[i].value == elems[i].copy,
			      "task %u popped a torn element: %#llx and %#llx",
			      task, (unsigned long long)elems[i].value,
			      (unsigned long long)elems[i].copy);
	}
	op->ended = schedule_return();
}

static void operate(unsigned task, char what)
{
	switch (what) {
	case 'P':
		push(task, what, 1);
		break;
	case '2':
	case '3':
		push(task, what, (unsigned)(what - '0'));
		break;
	case 'p':
		pop(task, what, 1);
		break;
	case 'b':
		pop(task, what, 2);
		break;
	}
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		operate(who, *at);
}

/* set-up */

static void must(int64_t rc)
{
	ck_rc(rc < 0 ? rc : 0, 0);
}

static void label_ring(const struct scene *scene, struct zipc_block *block,
		       unsigned char *body)
{
	struct zipc_writer *writers = (void *)(body + ring->writers_offset);
	unsigned char *slots = body + ring->slots_offset;
	unsigned i;

	schedule_label(&ring->head, 8, "head");
	schedule_label(&ring->tail, 8, "tail");
	schedule_label(&ring->verdict, 8, "verdict");
	schedule_label(&ring->active, 8, "active");
	schedule_label(&ring->patience, 4, "patience");
	schedule_label(&block->readable, 16, "readable");
	schedule_label(&block->writable, 16, "writable");
	for (i = 0; i < scene->writers; i++) {
		schedule_label(&writers[i].holder, 8, "holder[%u]", i);
		schedule_label(&writers[i].claim, 8, "claim[%u]", i);
	}
	for (i = 0; i < ring->slots; i++, slots += ring->slot_bytes) {
		schedule_label(slots, 8, "turn[%u]", i);
		schedule_label(slots + 8, 16, "element[%u]", i);
	}
}

/* A handle for a task; who pushes has its record already. */
static void open_for(const struct scene *scene, const char *name, unsigned who)
{
	struct elem elem = { 1, 1 };

	schedule_as(who);
	must(zipc_segment_open(&segments[who], name, 0));
	must(zipc_queue_open(&queues[who], segments[who], "q", NULL));
	if (who == JUDGE || !strpbrk(scene->scripts[who], "P23"))
		return;
	must(zipc_queue_push(queues[who], &elem, ZIPC_NOWAIT));
	must(zipc_queue_pop(queues[who], &elem, ZIPC_NOWAIT));
}

/* Somebody claims positions, and is not heard of again. */
static void claim_and_vanish(const struct scene *scene, const char *name)
{
	static struct zipc_places places;
	struct zipc_segment *segment;
	struct zipc_found found;
	uint64_t T;

	schedule_as(ABSENT);
	must(zipc_segment_open(&segment, name, 0));
	must(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL));
	must(zipc_places_open(&places, segment, &found, "q"));
	must(zipc_places_become_writer(&places));
	T = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	ck_assert(zipc_places_claim(places.ring, places.mine, &T,
				    scene->absent));
	if (scene->absent_is_dead)
		schedule_drop_locks(ABSENT);
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 1, .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_queue_options options = { .max_writers = scene->writers };
	const char *name = test_name("schedule");
	struct zipc_found found;
	unsigned i;

	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 4096, &few));
	must(zipc_queue_create_with(&queues[JUDGE], segments[JUDGE], "q",
				    "bytes:16", scene->capacity, &options));
	for (i = 0; i < scene->schedule.tasks; i++)
		open_for(scene, name, i);
	must(zipc_table_find(&found, segments[JUDGE], "q", ZIPC_QUEUE, NULL));
	ring = (void *)found.body;
	label_ring(scene, found.block, found.body);
	if (scene->absent)
		claim_and_vanish(scene, name);
	must(zipc_segment_unlink(name));
	memset(&history, 0, sizeof(history));
	schedule_keep(&history, sizeof(history));
}

/* what has to be true of a history */

/* An element: the i-th of a push. */
struct moved {
	const struct op *push, *pop; /* pop is NULL: still inside, or lost */
	unsigned i, j;               /* its index in them */
};

static unsigned end_of(const struct op *op)
{
	return op && op->ended ? op->ended : UINT32_MAX;
}

/* How many elements killed pops may have taken with them. */
static unsigned may_be_lost(void)
{
	unsigned i, n = 0;

	for (i = 0; i < history.count; i++)
		if (!history.ops[i].is_push && !history.ops[i].ended)
			n += history.ops[i].asked;
	return n;
}

/* The pop of the value, which must be the only one. */
static void find_pop(struct moved *elem, uint64_t value)
{
	const struct op *op;
	int64_t j;

	for (op = history.ops; op < history.ops + history.count; op++)
		for (j = 0; !op->is_push && j < op->rc; j++) {
			if (op->values[j] != value)
				continue;
			schedule_must(!elem->pop, "%#llx is doubled: popped by "
				      "task %u and by task %u",
				      (unsigned long long)value,
				      elem->pop->task, op->task);
			elem->pop = op;
			elem->j = (unsigned)j;
		}
}

/* Every element that was pushed, or may have been. */
static unsigned list_moved(struct moved list[OPS * BATCH])
{
	const struct op *op;
	unsigned n = 0, i;

	for (op = history.ops; op < history.ops + history.count; op++)
		for (i = 0; op->is_push && i < op->asked; i++) {
			list[n] = (struct moved){ .push = op, .i = i };
			find_pop(&list[n], op->values[i]);
			schedule_must(!list[n].pop || !op->ended ||
				      (int64_t)i < op->rc,
				      "%#llx was popped, but its push said no",
				      (unsigned long long)op->values[i]);
			if (!op->ended || (int64_t)i < op->rc)
				n++;
		}
	return n;
}

static void check_values(void)
{
	const struct op *op, *push;
	int64_t j;

	for (op = history.ops; op < history.ops + history.count; op++)
		for (j = 0; !op->is_push && j < op->rc; j++) {
			push = &history.ops[(op->values[j] >> 8) - 1];
			schedule_must(push >= history.ops &&
				      push < history.ops + history.count &&
				      push->is_push &&
				      push->began < op->ended &&
				      (op->values[j] & 255) < push->asked,
				      "task %u popped %#llx, which nobody "
				      "pushed", op->task,
				      (unsigned long long)op->values[j]);
		}
}

/* All that was pushed has come out; of a killed push a prefix may have. */
static void check_losses(const struct moved *list, unsigned n)
{
	unsigned i, lost = 0;

	for (i = 0; i < n; i++) {
		if (!list[i].pop && list[i].push->ended)
			lost++;
		if (!list[i].pop && !list[i].push->ended && i + 1 < n &&
		    list[i + 1].push == list[i].push && list[i + 1].pop)
			lost++;
	}
	schedule_must(lost <= may_be_lost(), "%u elements are lost, and killed "
		      "pops may have taken %u", lost, may_be_lost());
}

/* Whether x was pushed before y, for everybody. */
static bool is_before(const struct moved *x, const struct moved *y)
{
	if (x->push == y->push)
		return x->i < y->i;
	return end_of(x->push) < y->push->began;
}

static bool came_out_before(const struct moved *x, const struct moved *y)
{
	if (x->pop == y->pop)
		return x->j < y->j;
	return end_of(x->pop) < y->pop->began;
}

static unsigned long long value_of(const struct moved *elem)
{
	return elem->push->values[elem->i];
}

static void check_order(const struct moved *list, unsigned n)
{
	const struct moved *x, *y;

	for (x = list; x < list + n; x++)
		for (y = list; y < list + n; y++)
			schedule_must(!is_before(x, y) || !x->pop || !y->pop ||
				      !came_out_before(y, x),
				      "out of order: %#llx was pushed before "
				      "%#llx, and popped behind it",
				      value_of(x), value_of(y));
}

/* How many elements are surely, or perhaps, inside right behind a moment. */
static unsigned inside(const struct moved *list, unsigned n, unsigned moment,
		       bool surely)
{
	unsigned count = 0;

	for (; n-- > 0; list++)
		if (surely ? end_of(list->push) <= moment &&
				     (list->pop ? list->pop->began > moment
						: !may_be_lost())
			   : list->push->began <= moment &&
				     end_of(list->pop) > moment)
			count++;
	return count;
}

/* Pushes of others that are under way right behind a moment, in vain. */
static unsigned under_way_in_vain(const struct op *mine, unsigned moment)
{
	const struct op *op;
	unsigned count = 0;

	for (op = history.ops; op < history.ops + history.count; op++)
		if (op != mine && op->is_push && op->rc == -EAGAIN &&
		    op->began <= moment && op->ended > moment)
			count++;
	return count;
}

static bool is_full_at(const struct scene *scene, const struct moved *list,
		       unsigned n, const struct op *op, unsigned moment)
{
	unsigned in_vain = under_way_in_vain(op, moment);

	if (in_vain > scene->taken_back)
		in_vain = scene->taken_back;
	return inside(list, n, moment, false) + scene->absent + in_vain >=
	       scene->capacity;
}

/* What says empty, or full, was so at some moment between. */
static void check_refusals(const struct scene *scene, const struct moved *list,
			   unsigned n)
{
	const struct op *op;
	unsigned moment;

	for (op = history.ops; op < history.ops + history.count; op++) {
		if (!op->ended || op->rc != -EAGAIN)
			continue;
		for (moment = op->began; moment < op->ended; moment++)
			if (op->is_push ? is_full_at(scene, list, n, op, moment)
					: !inside(list, n, moment, true))
				break;
		schedule_must(moment < op->ended, "task %u was told that the "
			      "queue is %s, and it never was", op->task,
			      op->is_push ? "full" : "empty");
	}
}

static void check_history(const struct scene *scene)
{
	static struct moved list[OPS * BATCH];
	const struct op *op;
	unsigned n;

	for (op = history.ops; op < history.ops + history.count; op++)
		schedule_must(!op->ended || op->rc > 0 || op->rc == -EAGAIN,
			      "task %u was told %s", op->task,
			      rc_name(op->rc));
	check_values();
	n = list_moved(list);
	check_losses(list, n);
	check_order(list, n);
	check_refusals(scene, list, n);
}

/* the judge */

/* Who may push: somebody who has ended, or the judge by a record of its own. */
static unsigned pusher(const struct scene *scene)
{
	unsigned i;

	for (i = 0; i < scene->schedule.tasks; i++)
		if (schedule_has_ended(i) &&
		    strpbrk(scene->scripts[i], "P23"))
			return i;
	return JUDGE;
}

/* All comes out, and then it holds as much as ever. */
static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;
	unsigned i, who = pusher(scene);
	struct op *op;

	do {
		pop(JUDGE, 'p', 1);
		op = &history.ops[history.count - 1];
	} while (op->rc > 0);
	for (i = 0; i < scene->capacity; i++) {
		push(who, 'P', 1);
		op = &history.ops[history.count - 1];
		schedule_must(op->rc > 0, "the capacity is not whole: of %u "
			      "there is room for %u", scene->capacity, i);
	}
	for (i = 0; i < scene->capacity; i++)
		pop(JUDGE, 'p', 1);
	check_history(scene);
	if (stage == SCHEDULE_ENDED && !scene->absent)
		schedule_must(!(atomic_load_explicit(&ring->active,
						     memory_order_relaxed) & 1),
			      "active is still up");
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
enum group {
	SINGLES, BATCHES, SETTLING, LAPS, TIDYING, FOLLOWING, ANSWERING,
	DEATHS, STOPS, GROUPS
};

static const char *const group_names[GROUPS] = {
	"singles", "batches", "settling", "laps", "tidying", "following",
	"answering", "deaths", "stops"
};

static struct scene scenes[] = {
	{ SINGLES, THREE("two-producers", 0, 2, 1, 0, 0), 2, 2,
	  { "P", "P", "pp" } },
	{ SINGLES, THREE("two-consumers", 0, 3, 1, 0, 0), 2, 1,
	  { "PP", "p", "p" } },
	{ SINGLES, THREE("no-room", 0, 2, 1, 0, 0), 1, 2,
	  { "P", "P", "pp" } },
	{ BATCHES, THREE("batch-and-single", 0, 2, 1, 0, 0), 2, 2,
	  { "2", "P", "bp" } },
	{ BATCHES, TWO("batch-of-three", 0, 3, 1, 0, 0), 2, 1,
	  { "3", "bb" } },
	{ SETTLING, THREE("slow-writer", 0, 3, 1, 0, 0), 2, 2,
	  { "P", "P", "p" } },
	{ SETTLING, THREE("absent-writer", 0, 2, 1, 0, 0), 3, 3,
	  { "P", "p", "p" }, .absent = 1 },
	{ SETTLING, THREE("settled-twice", 0, 3, 0, 0, 0), 2, 2,
	  { "P", "Pp", "p" } },
	{ LAPS, TWO("lapped-writer", 1, 1, 0, 0, 1), 1, 2,
	  { "P", "PpPpPpP" } },
	{ LAPS, THREE("lapped-between-two", 0, 2, 0, 0, 0), 1, 2,
	  { "P", "PpPpPpP", "p" } },
	{ TIDYING, THREE("tidied-in-between", 0, 3, 0, 0, 0), 3, 3,
	  { "P", "Pp", "PPPppPP" }, .taken_back = 1 },
	{ FOLLOWING, THREE("next-question", 0, 3, 0, 0, 0), 3, 3,
	  { "2", "P", "bb" } },
	{ ANSWERING, THREE("question-about-the-dead", 2, 3, 0, 1, 0), 3, 3,
	  { "P", "P", "Pp" } },
	{ DEATHS, THREE("dead-producer", 3, 2, 0, 1, 0), 2, 3,
	  { "P", "P", "pp" } },
	{ DEATHS, THREE("dead-consumer", 6, 2, 0, 1, 0), 2, 2,
	  { "PP", "p", "p" } },
	{ DEATHS, THREE("dead-batch", 1, 1, 1, 1, 0), 2, 3,
	  { "2", "P", "bp" } },
	{ DEATHS, TWO("dead-before", 3, 2, 1, 1, 0), 2, 3,
	  { "P", "pp" }, .absent = 1, .absent_is_dead = true },
	{ STOPS, THREE("stopped-producer", 1, 1, 1, 0, 1), 2, 3,
	  { "P", "P", "pp" } },
	{ STOPS, THREE("stopped-settler", 4, 2, 0, 0, 1), 2, 3,
	  { "P", "P", "pp" } },
	{ STOPS, THREE("stopped-batch", 1, 1, 0, 0, 1), 2, 3,
	  { "2", "P", "bp" } },
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

/* These two need three switches in a long script. */
static const char *label_of(unsigned group)
{
	if (group == TIDYING)
		return "stress";
	return group == ANSWERING ? "slow" : "medium";
}

static Suite *queue_suite(void)
{
	Suite *suite = suite_create("queue");
	TCase *tc = NULL;
	int i, group = -1;

	for (i = 0; i < SCENES; i++) {
		if ((int)scenes[i].group != group)
			tc = test_case(suite, group_names[scenes[i].group],
				       label_of(scenes[i].group), 3600);
		group = (int)scenes[i].group;
		tcase_add_loop_test(tc, holds_in_every_schedule, i, i + 1);
	}
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, holds_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, holds_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(queue_suite)
