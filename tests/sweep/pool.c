/* SPDX-License-Identifier: MIT */
/*
 * The pool under the sweep: each operation, at the first call and warmed, with
 * messages in a queue. The second victim reclaims, takes, sends and receives,
 * so it meets what the first has left. Then: each message is received whole and
 * once, but for one that a killed receiver took with it; no object is owned
 * twice, or lost: behind a reclaim nobody dead owns one, what was sent is never
 * left passed, and the full capacity can be taken.
 */
#include "../../libzeroipc/pool.h"

#include "../harness.h"
#include "sweep.h"

#define CAPACITY 4u
#define MESSAGES 2u /* in the queue at first */

enum op { TAKE, GIVE, PASS, ACCEPT, SEND, RECEIVE, RECLAIM };

static const char *const op_names[] = { "take", "give", "pass", "accept",
					"send", "receive", "reclaim" };

#define BASE 1u    /* messages before */
#define VICTIM 10u /* sent by the first victim */
#define SECOND 20u /* and by the second */
#define BEHIND 30u /* by the check, behind what is stuck */
#define VALUES 40u

struct scene {
	enum op op;
	bool warm;
};

struct handles {
	struct zipc_segment *segment;
	struct zipc_pool *pool;
	struct zipc_queue *queue;
};

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static struct handles open_handles(void)
{
	struct handles it;

	must(zipc_segment_open(&it.segment, sweep_segment(), 0), "open");
	must(zipc_pool_open(&it.pool, it.segment, "p", NULL), "open");
	must(zipc_queue_open(&it.queue, it.segment, "q", NULL), "open");
	return it;
}

/* messages: a value that stands twice, so that a torn one shows */

static uint64_t take_one(struct zipc_pool *pool, unsigned value)
{
	uint64_t index, *words;

	must(zipc_pool_take(pool, &index, ZIPC_NOWAIT), "take");
	words = zipc_pool_at(pool, index);
	words[0] = words[1] = value;
	return index;
}

static unsigned value_of(struct zipc_pool *pool, uint64_t index)
{
	const uint64_t *words = zipc_pool_at(pool, index);

	return words[0] == words[1] ? (unsigned)words[0] : VALUES;
}

static void send_one(struct handles *it, unsigned value)
{
	must(zipc_pool_send(it->pool, it->queue, take_one(it->pool, value),
			    ZIPC_NOWAIT), "send");
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	static const struct zipc_queue_options writers = { .max_writers = 6 };
	const struct scene *scene = context;
	struct handles it;
	unsigned i;

	zipc_segment_unlink(sweep_segment());
	must(zipc_segment_create(&it.segment, sweep_segment(), 16 << 10, &few),
	     "create");
	must(zipc_pool_create(&it.pool, it.segment, "p", "u64[2]", CAPACITY),
	     "create");
	must(zipc_queue_create_with(&it.queue, it.segment, "q", "u64", CAPACITY,
				    &writers), "create");
	for (i = 0; i < MESSAGES; i++)
		send_one(&it, BASE + i);
	if (scene->op == RECLAIM) /* left by somebody dead */
		take_one(it.pool, 0);
	zipc_queue_close(it.queue);
	zipc_pool_close(it.pool);
	zipc_segment_close(it.segment);
}

/* the victims */

/* Notes of the first: what it took, as index and value; and its pid. */
enum note { INDEX, VALUE, PID };

static int operate(struct handles *it, enum op op, uint64_t mine,
		   uint64_t ticket, uint64_t *index)
{
	switch (op) {
	case TAKE:
		return zipc_pool_take(it->pool, index, ZIPC_NOWAIT);
	case GIVE:
		return zipc_pool_give(it->pool, mine);
	case PASS:
		return zipc_pool_pass(it->pool, mine, &ticket);
	case ACCEPT:
		return zipc_pool_accept(it->pool, ticket, index);
	case SEND:
		return zipc_pool_send(it->pool, it->queue, mine, ZIPC_NOWAIT);
	case RECEIVE:
		return zipc_pool_receive(it->pool, it->queue, index,
					 ZIPC_NOWAIT);
	default:
		return (int)zipc_pool_reclaim(it->pool);
	}
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct handles it = open_handles();
	uint64_t mine = 0, ticket = 0, index = CAPACITY;
	int rc;

	me->notes[PID] = (uint64_t)getpid();
	me->notes[INDEX] = CAPACITY;
	if (scene->warm) { /* through the queue, and behind what is there */
		send_one(&it, BASE + MESSAGES);
		must(zipc_pool_receive(it.pool, it.queue, &index, ZIPC_NOWAIT),
		     "receive");
		must(zipc_pool_give(it.pool, index), "give");
	}
	if (scene->op == GIVE || scene->op == PASS || scene->op == SEND)
		mine = take_one(it.pool, VICTIM);
	if (scene->op == ACCEPT)
		must(zipc_queue_pop(it.queue, &ticket, ZIPC_NOWAIT), "pop");
	sweep_begin(me);
	rc = operate(&it, scene->op, mine, ticket, &index);
	if (!rc && (scene->op == TAKE || scene->op == RECEIVE ||
		    scene->op == ACCEPT)) {
		me->notes[INDEX] = index;
		me->notes[VALUE] = value_of(it.pool, index);
	}
	sweep_end(me, rc);
}

/* Notes of the second: what it received; its result is 1 when it has sent. */
static void second(struct sweep_victim *me, void *unused)
{
	struct handles it = open_handles();
	uint64_t index;

	(void)unused;
	sweep_begin(me);
	zipc_pool_reclaim(it.pool);
	if (!zipc_pool_take(it.pool, &index, ZIPC_NOWAIT)) {
		uint64_t *words = zipc_pool_at(it.pool, index);

		words[0] = words[1] = SECOND;
		me->result = !zipc_pool_send(it.pool, it.queue, index,
					     ZIPC_NOWAIT);
	}
	while (me->n < 8 && !zipc_pool_receive(it.pool, it.queue, &index,
					       ZIPC_NOWAIT)) {
		me->notes[me->n] = value_of(it.pool, index);
		me->n++;
		zipc_pool_give(it.pool, index);
	}
	sweep_end(me, me->result);
}

/* the checks */

/*
 * Kept from one check to the next: how many values came, and which; and which
 * objects the check kept.
 */
#define CAME 0
#define KEPT 32

static void see(struct sweep_page *page, unsigned value)
{
	if (!value || value >= VALUES)
		sweep_fail(page, "a message is torn, or was never sent");
	if (page->notes[CAME] == 30)
		sweep_fail(page, "messages come without end");
	page->notes[++page->notes[CAME]] = value;
}

static void drain(struct sweep_page *page, struct handles *it)
{
	uint64_t index;
	int rc;

	while (!(rc = zipc_pool_receive(it->pool, it->queue, &index,
					ZIPC_NOWAIT))) {
		see(page, value_of(it->pool, index));
		rc = zipc_pool_give(it->pool, index);
		if (rc)
			sweep_fail(page, "what was received is not ours: %s",
				   zipc_last_error());
	}
	if (rc != -EAGAIN)
		sweep_fail(page, "receive gives %s: %s", rc_name(rc),
			   zipc_last_error());
}

static unsigned count(const struct sweep_page *page, unsigned value)
{
	unsigned n = 0, i;

	for (i = 1; i <= page->notes[CAME]; i++)
		n += page->notes[i] == value;
	for (i = 0; i < page->second.n; i++)
		n += page->second.notes[i] == value;
	return n;
}

/* What a victim has taken off and not told of, or told of. */
static bool took_a_message(const struct scene *scene,
			   const struct sweep_page *page, unsigned value)
{
	return (scene->op == RECEIVE || scene->op == ACCEPT) &&
	       page->first.phase == 2 && page->first.result == 0 &&
	       page->first.notes[VALUE] == value;
}

/*
 * Each message came once; and one that did not was in the hands of somebody
 * who did not live to tell. behind: the check has sent one too.
 */
static void check_messages(struct sweep_page *page, const struct scene *scene,
			   bool behind)
{
	const struct sweep_victim *one = &page->first, *two = &page->second;
	unsigned from = BASE + scene->warm, value, n, lost = 0, allowed = 0;

	if ((scene->op == RECEIVE || scene->op == ACCEPT) && one->phase < 2)
		allowed++;
	if (two->phase == 1)
		allowed++;
	for (value = 1; value < VALUES; value++) {
		n = count(page, value) + took_a_message(scene, page, value);
		if (n > 1)
			sweep_fail(page, "message %u came %u times", value, n);
		if (n && !((value >= from && value < from + MESSAGES) ||
			   (value == VICTIM && scene->op == SEND) ||
			   (value == SECOND && two->phase) ||
			   value == BEHIND))
			sweep_fail(page, "nobody sent %u", value);
		if (!n && ((value >= from && value < from + MESSAGES) ||
			   (value == VICTIM && scene->op == SEND &&
			    one->phase == 2 && one->result == 0) ||
			   (value == SECOND && two->result) ||
			   (value == BEHIND && behind)))
			lost++;
	}
	if (lost > allowed)
		sweep_fail(page, "%u messages are lost, not %u", lost, allowed);
}

/* The messages that came here came in the order in which they were sent. */
static void check_order(struct sweep_page *page)
{
	unsigned i, last = 0, value;

	for (i = 1; i <= page->notes[CAME]; i++) {
		value = (unsigned)page->notes[i];
		if (value < VICTIM && value < last)
			sweep_fail(page, "message %u came behind %u", value,
				   last);
		last = value;
	}
}

/* All of the capacity, each object once, and as the inspector has it. */
static void check_capacity(struct sweep_page *page, struct handles *it)
{
	struct zipc_view_object objects[CAPACITY + 1];
	struct zipc_view_entry entry;
	struct zipc_view *view;
	uint64_t index[CAPACITY + 1];
	unsigned i, round;
	int64_t n;
	int rc;

	must(zipc_view_open(&view, sweep_segment()), "view");
	must(zipc_view_find(view, "p", &entry), "view");
	for (round = 0; round < 2; round++) {
		for (i = 0; i <= CAPACITY; i++) {
			rc = zipc_pool_take(it->pool, &index[i], ZIPC_NOWAIT);
			if (rc != (i < CAPACITY ? 0 : -EAGAIN))
				sweep_fail(page, "take %u of %u gives %s",
					   i + 1, CAPACITY, rc_name(rc));
		}
		n = zipc_view_objects(view, &entry, 0, CAPACITY + 1, objects);
		if (n != CAPACITY)
			sweep_fail(page, "the inspector sees %d of %u",
				   (int)n, CAPACITY);
		for (i = 0; i < CAPACITY; i++)
			if (objects[i].pid != getpid() || !objects[i].alive ||
			    objects[i].state != ZIPC_OBJECT_OWNED)
				sweep_fail(page, "object %u is not ours", i);
		for (i = 0; i < CAPACITY; i++)
			must(zipc_pool_give(it->pool, index[i]), "give");
	}
	zipc_view_close(view);
}

/* All who had something are dead: everything comes back. */
static void check_whole(struct sweep_page *page, const struct scene *scene,
			struct handles *it)
{
	bool by_hand = scene->op == PASS || scene->op == ACCEPT;
	int64_t rc;

	rc = zipc_pool_reclaim(it->pool);
	if (rc < 0)
		sweep_fail(page, "reclaim: %s", zipc_last_error());
	if (zipc_pool_reclaim(it->pool))
		sweep_fail(page, "a second reclaim finds more");
	rc = zipc_pool_reclaim_passed(it->pool);
	if (rc < 0 || rc > by_hand)
		sweep_fail(page, "%d objects were left passed", (int)rc);
	if (zipc_pool_size(it->pool))
		sweep_fail(page, "%u objects are lost",
			   (unsigned)zipc_pool_size(it->pool));
	check_capacity(page, it);
}

/* What a victim that has ended says it owns is its own, and was not kept. */
static void check_owner(struct sweep_page *page)
{
	uint64_t index = page->first.notes[INDEX];
	struct zipc_view_object object;
	struct zipc_view_entry entry;
	struct zipc_view *view;

	if (page->first.phase < 2 || page->first.result || index >= CAPACITY)
		return;
	if (page->notes[KEPT] >> index & 1)
		sweep_fail(page, "object %u is owned twice", (unsigned)index);
	must(zipc_view_open(&view, sweep_segment()), "view");
	must(zipc_view_find(view, "p", &entry), "view");
	if (zipc_view_objects(view, &entry, index, 1, &object) != 1 ||
	    object.index != index ||
	    (object.pid && object.pid != (int)page->first.notes[PID]))
		sweep_fail(page, "object %u is not owned by who took it",
			   (unsigned)index);
	zipc_view_close(view);
}

/*
 * While somebody is stopped: others send, receive, reclaim and take all but
 * what the stopped may hold, and what was passed by hand. At every other point
 * they keep what they took.
 */
static void check_beside(struct sweep_page *page, struct handles *it,
			 unsigned stopped)
{
	uint64_t index[CAPACITY + 1];
	unsigned n = 0, i;

	while (n <= CAPACITY &&
	       !zipc_pool_take(it->pool, &index[n], ZIPC_NOWAIT))
		n++;
	if (n > CAPACITY || n + stopped < CAPACITY)
		sweep_fail(page, "%u of %u can be taken beside %u stopped", n,
			   CAPACITY, stopped);
	for (i = 0; i < n; i++)
		if (page->point % 2)
			page->notes[KEPT] |= UINT64_C(1) << index[i];
		else
			must(zipc_pool_give(it->pool, index[i]), "give");
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct handles it = open_handles();
	bool crossed = stage == SWEEP_STOPPED && page->first.phase == 2;
	uint64_t index;
	bool behind;

	if (stage == SWEEP_ENDED && page->second.phase != 2)
		check_owner(page);
	if (zipc_pool_reclaim(it.pool) < 0)
		sweep_fail(page, "reclaim: %s", zipc_last_error());
	behind = stage != SWEEP_ENDED &&
		 !zipc_pool_take(it.pool, &index, ZIPC_NOWAIT);
	if (behind) {
		uint64_t *words = zipc_pool_at(it.pool, index);

		words[0] = words[1] = BEHIND;
		behind = !crossed && !zipc_pool_send(it.pool, it.queue, index,
						     ZIPC_NOWAIT);
		if (!behind)
			zipc_pool_give(it.pool, index);
	}
	drain(page, &it);
	check_order(page);
	if (stage == SWEEP_STOPPED) {
		zipc_pool_reclaim(it.pool);
		check_beside(page, &it,
			     (page->first.phase == 1) +
				     (page->second.phase == 1) +
				     (scene->op == ACCEPT ||
				      (scene->op == PASS &&
				       page->first.phase == 2)));
		return;
	}
	check_messages(page, scene, behind);
	check_whole(page, scene, &it);
}

/* the table */

#define IN_BRIEF(brief, full) (sweep_brevity() ? (brief) : (full))

static void sweep_op(enum op op, unsigned modes)
{
	struct scene scene = { .op = op };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene, .skip = IN_BRIEF(288, 0) };
	char name[64], operation[32];
	struct sweep_row row = { .operation = operation };
	unsigned warm;

	snprintf(operation, sizeof(operation), "pool %s", op_names[op]);
	sweep.name = name;
	for (warm = 0; warm < 2 && !row.failures; warm++) {
		scene.warm = warm;
		snprintf(name, sizeof(name), "%s, %s", operation,
			 warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

START_TEST(survives_one_death_and_two_at_every_instruction)
{
	sweep_op((enum op)_i, SWEEP_KILL | SWEEP_PAIRS);
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_op((enum op)_i, SWEEP_STOP);
}
END_TEST

START_TEST(survives_a_death_before_a_stopped_one_goes_on)
{
	sweep_op((enum op)_i, SWEEP_LATE);
}
END_TEST

START_TEST(survives_two_that_are_stopped)
{
	sweep_op((enum op)_i, SWEEP_CROSSED);
}
END_TEST

static Suite *pool_sweep_suite(void)
{
	Suite *suite = suite_create("pool sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);
	static char names[2 * (RECLAIM + 1)][32], *name;
	int op;

	tcase_add_loop_test(tc, survives_one_death_and_two_at_every_instruction,
			    TAKE, RECLAIM + 1);
	tc = test_case(suite, "stops", "medium", 600);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, TAKE,
			    RECLAIM + 1);
	for (op = TAKE; op <= RECLAIM; op++) {
		name = names[2 * op];
		snprintf(name, sizeof(names[0]), "late %s", op_names[op]);
		tc = test_case(suite, name, "stress", 1200);
		tcase_add_loop_test(
			tc, survives_a_death_before_a_stopped_one_goes_on, op,
			op + 1);
		name = names[2 * op + 1];
		snprintf(name, sizeof(names[0]), "crossed %s", op_names[op]);
		tc = test_case(suite, name, "stress", 1200);
		tcase_add_loop_test(tc, survives_two_that_are_stopped, op,
				    op + 1);
	}
	return suite;
}

TEST_MAIN(pool_sweep_suite)
