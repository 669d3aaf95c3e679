/* SPDX-License-Identifier: MIT */
/*
 * Leases under the sweep: take, of what is in the queue, of what was given back
 * and of what the dead held; done, return, close and pop. The second victim
 * pushes one, then takes and is done until nothing is left. Then: every element
 * comes, whole, until somebody was done with it, and never again; who is dead
 * holds nothing, and who is stopped only what he has in hand; what comes stands
 * in order; and all places and the full capacity are there.
 */
#include "../../libzeroipc/lease.h"
#include "../../libzeroipc/place_fast.h"

#include "../harness.h"
#include "sweep.h"

#include <sys/wait.h>

#define CAPACITY 4
#define WRITERS 6
#define TAKERS 6
#define ROUNDS 6 /* of filling and draining: more than two laps */

enum op { TAKE, DONE, RETURN, CLOSE, POP, OPS };

static const char *const op_names[OPS] = { "take", "done", "return", "close",
					   "pop on leases" };

/* What there is before, beside what is in the queue. */
enum before {
	NOTHING,
	OF_THE_DEAD, /* the first is under a dead one's lease */
	GIVEN_BACK,
	STUCK, /* a dead writer has claimed the position before all */
};

static const char *const before_names[] = { "", ", of the dead",
					    ", given back",
					    ", behind a dead push" };

/* First values of what is pushed. */
#define BASE 1u      /* before */
#define SECOND 200u  /* by the second victim */
#define AFTER 400u   /* left for a victim that goes on */
#define FILLING 500u /* shows that the capacity is whole */

struct scene {
	enum op op;
	enum before before;
	unsigned fill, elem_size;
	bool warm;
};

/* elements: a value that stands in every byte pair, so that a torn one shows */

static void write_elem(const struct scene *scene, unsigned char *elem,
		       unsigned value)
{
	unsigned i;

	for (i = 0; i + 1 < scene->elem_size; i += 2) {
		elem[i] = (unsigned char)value;
		elem[i + 1] = (unsigned char)(value >> 8);
	}
}

#define TORN 65535u

static unsigned read_elem(const struct scene *scene, const unsigned char *elem)
{
	unsigned value = elem[0] | (unsigned)elem[1] << 8, i;

	for (i = 2; i + 1 < scene->elem_size; i += 2)
		if ((elem[i] | (unsigned)elem[i + 1] << 8) != value)
			return TORN;
	return value;
}

/* set-up */

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static struct zipc_queue *open_queue(void)
{
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_queue_open(&queue, segment, "q", NULL), "open");
	return queue;
}

static void push_values(const struct scene *scene, struct zipc_queue *queue,
			unsigned first, unsigned n)
{
	unsigned char elem[256];
	unsigned i;

	for (i = 0; i < n; i++) {
		write_elem(scene, elem, first + i);
		must(zipc_queue_push(queue, elem, ZIPC_NOWAIT), "push");
	}
}

static unsigned must_take(const struct scene *scene, struct zipc_queue *queue,
			  struct zipc_lease *lease)
{
	unsigned char elem[256];

	must(zipc_queue_take(queue, elem, lease, ZIPC_NOWAIT), "take");
	return read_elem(scene, elem);
}

static void rotate(const struct scene *scene, struct zipc_queue *queue,
		   unsigned n)
{
	struct zipc_lease lease;

	while (n--) {
		push_values(scene, queue, 1, 1);
		must_take(scene, queue, &lease);
		must(zipc_queue_done(queue, &lease), "done");
	}
}

/* In a process that dies of it. */
static void claim_and_die(void)
{
	struct zipc_segment *segment;
	struct zipc_places places;
	struct zipc_found found;
	uint64_t T;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), "find");
	must(zipc_places_open(&places, segment, &found, "q"), "open");
	must(zipc_places_become_writer(&places), "become a writer");
	T = atomic_load_explicit(&places.ring->tail, memory_order_relaxed);
	if (!zipc_places_claim(places.ring, places.mine, &T, 1))
		abort();
	_exit(0);
}

static void take_and_die(const struct scene *scene)
{
	struct zipc_lease lease;

	must_take(scene, open_queue(), &lease);
	_exit(0);
}

static void await(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || status)
		abort();
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	static const struct zipc_queue_options options = { WRITERS, TAKERS };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_lease lease;
	char type[32];
	pid_t child;

	zipc_segment_unlink(sweep_segment());
	snprintf(type, sizeof(type), "bytes:%u", scene->elem_size);
	must(zipc_segment_create(&segment, sweep_segment(), 32 << 10, &few),
	     "create");
	must(zipc_queue_create_with(&queue, segment, "q", type, CAPACITY,
				    &options), "create");
	rotate(scene, queue, 3);
	if (scene->before == STUCK && !(child = fork()))
		claim_and_die();
	else if (scene->before == STUCK)
		await(child);
	if (!scene->warm)
		push_values(scene, queue, BASE, scene->fill);
	if (scene->before == OF_THE_DEAD && !(child = fork()))
		take_and_die(scene);
	else if (scene->before == OF_THE_DEAD)
		await(child);
	if (scene->before == GIVEN_BACK) {
		must_take(scene, queue, &lease);
		must(zipc_queue_return(queue, &lease), "return");
	}
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

/* the victims */

/* notes[0] is what it took in the end, notes[1] and [2] what it had before. */
static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();
	struct zipc_lease lease[2] = { 0 };
	unsigned char elem[256];
	int64_t result = 0;

	if (scene->warm) {
		rotate(scene, queue, 1);
		push_values(scene, queue, BASE, scene->fill);
	}
	if (scene->op == DONE || scene->op == RETURN || scene->op == CLOSE)
		me->notes[1] = must_take(scene, queue, &lease[0]);
	if (scene->op == CLOSE)
		me->notes[2] = must_take(scene, queue, &lease[1]);
	sweep_begin(me);
	switch (scene->op) {
	case TAKE:
		result = zipc_queue_take(queue, elem, &lease[0], ZIPC_NOWAIT);
		break;
	case DONE:
		result = zipc_queue_done(queue, &lease[0]);
		break;
	case RETURN:
		result = zipc_queue_return(queue, &lease[0]);
		break;
	case CLOSE:
		zipc_queue_close(queue);
		break;
	default:
		result = zipc_queue_pop(queue, elem, ZIPC_NOWAIT);
	}
	if ((scene->op == TAKE || scene->op == POP) && !result)
		me->notes[0] = read_elem(scene, elem);
	sweep_end(me, result);
}

/* Its result is 1 when its push stands; notes are what it was done with. */
static void second(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();
	struct zipc_lease lease;
	unsigned char elem[256];

	write_elem(scene, elem, SECOND);
	sweep_begin(me);
	me->result = !zipc_queue_push(queue, elem, ZIPC_NOWAIT);
	while (me->n < 16 &&
	       !zipc_queue_take(queue, elem, &lease, ZIPC_NOWAIT)) {
		if (zipc_queue_done(queue, &lease))
			break;
		me->notes[me->n] = read_elem(scene, elem);
		me->n++;
	}
	sweep_end(me, me->result);
}

/* the checks */

/* In the page's notes, from one check to the next. */
#define LEFT 0 /* whether AFTER was pushed */
#define CAME 1 /* how often each came: by index_of() */

#define INDEXES 12u

/* BASE to BASE + 7, SECOND, AFTER and the one behind; INDEXES: no such. */
static unsigned index_of(unsigned value)
{
	if (value >= BASE && value < BASE + 8)
		return value - BASE;
	if (value == SECOND)
		return 8;
	return value == AFTER || value == AFTER + 1 ? 10 + value - AFTER
						    : INDEXES;
}

static void count(struct sweep_page *page, unsigned value)
{
	unsigned i = index_of(value);

	if (value == TORN)
		sweep_fail(page, "an element is torn");
	if (i == INDEXES)
		sweep_fail(page, "nobody pushed %u", value);
	if (page->notes[CAME + i]++)
		sweep_fail(page, "%u came again, after it was done", value);
}

/* Take and be done with all there is. */
static void drain(struct sweep_page *page, const struct scene *scene,
		  struct zipc_queue *queue)
{
	struct zipc_lease lease = { 0 };
	unsigned char elem[256];
	uint64_t before;
	unsigned n;
	int rc = 0;

	for (n = 0; n < 20; n++) {
		before = lease.position;
		rc = zipc_queue_take(queue, elem, &lease, ZIPC_NOWAIT);
		if (rc)
			break;
		count(page, read_elem(scene, elem));
		if (lease.position <= before)
			sweep_fail(page, "out of order: %llu behind %llu",
				   (unsigned long long)lease.position,
				   (unsigned long long)before);
		if (lease.attempt < 1 || lease.attempt > 4)
			sweep_fail(page, "attempt %u", lease.attempt);
		rc = zipc_queue_done(queue, &lease);
		if (rc)
			break;
	}
	if (rc != -EAGAIN)
		sweep_fail(page, "after %u: %s: %s", n, rc_name(rc),
			   zipc_last_error());
}

/* Done with for sure, so it may not have come. */
static void must_be_gone(struct sweep_page *page, unsigned value)
{
	unsigned i = index_of(value);

	if (i == INDEXES)
		sweep_fail(page, "a victim had %u, which nobody pushed", value);
	if (page->notes[CAME + i]++)
		sweep_fail(page, "%u came, and somebody was done with it",
			   value);
}

/* How many may be missing, as a victim has them in hand, or was done. */
static unsigned may_be_missing(const struct sweep_page *page,
			       enum sweep_stage stage, enum op op)
{
	unsigned n = page->second.phase == 1;

	if (page->first.phase != 1)
		return n;
	if (stage == SWEEP_STOPPED)
		return n + (op == CLOSE ? 2 : 1);
	return n + (op == DONE || op == POP);
}

/* All that came, or was done with, against all that was pushed. */
static void check_all(struct sweep_page *page, enum sweep_stage stage,
		      const struct scene *scene)
{
	unsigned allowed = may_be_missing(page, stage, scene->op), missing = 0;
	uint64_t kept[INDEXES];
	unsigned i;

	memcpy(kept, page->notes + CAME, sizeof(kept));
	if (page->first.phase == 2 && !page->first.result) {
		if (scene->op == DONE)
			must_be_gone(page, (unsigned)page->first.notes[1]);
		if (scene->op == POP)
			must_be_gone(page, (unsigned)page->first.notes[0]);
	}
	for (i = 0; i < page->second.n; i++)
		must_be_gone(page, (unsigned)page->second.notes[i]);
	for (i = 0; i < scene->fill; i++)
		missing += !page->notes[CAME + i];
	if (page->second.result == 1)
		missing += !page->notes[CAME + 8];
	if (page->notes[LEFT] && stage == SWEEP_ENDED)
		missing += !page->notes[CAME + 10] + !page->notes[CAME + 11];
	if (missing > allowed)
		sweep_fail(page, "%u elements are lost, and %u may be in hand",
			   missing, allowed);
	memcpy(page->notes + CAME, kept, sizeof(kept));
}

/* Fill to the brim and drain, for more than two laps. */
static void check_capacity(struct sweep_page *page, const struct scene *scene,
			   struct zipc_queue *queue)
{
	unsigned round, i, value = FILLING;
	struct zipc_lease lease;
	unsigned char elem[256];
	int rc;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i <= CAPACITY; i++) {
			write_elem(scene, elem, value + i);
			rc = zipc_queue_push(queue, elem, ZIPC_NOWAIT);
			if (rc != (i < CAPACITY ? 0 : -EAGAIN))
				sweep_fail(page, "round %u: push %u of %u "
					   "gives %s", round, i + 1, CAPACITY,
					   rc_name(rc));
		}
		for (i = 0; i < CAPACITY; i++, value++)
			if (must_take(scene, queue, &lease) != value ||
			    lease.attempt != 1 ||
			    zipc_queue_done(queue, &lease))
				sweep_fail(page, "round %u: %u does not come",
					   round, value);
	}
	rc = zipc_queue_take(queue, elem, &lease, ZIPC_NOWAIT);
	if (rc != -EAGAIN)
		sweep_fail(page, "behind it %s", rc_name(rc));
}

/* When all are dead every place can be had, and no more. */
static void check_takers(struct sweep_page *page, const struct scene *scene,
			 struct zipc_queue *queue)
{
	struct zipc_lease lease[TAKERS], more;
	unsigned char elem[256];
	unsigned i;
	int rc;

	for (i = 0; i <= TAKERS; i++) {
		push_values(scene, queue, FILLING + i, 1);
		rc = zipc_queue_take(queue, elem,
				     i < TAKERS ? &lease[i] : &more,
				     ZIPC_NOWAIT);
		if (rc != (i < TAKERS ? 0 : -EUSERS))
			sweep_fail(page, "place %u of %u: %s", i + 1, TAKERS,
				   rc_name(rc));
	}
	for (i = 0; i < TAKERS; i++)
		must(zipc_queue_done(queue, &lease[i]), "done");
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();

	drain(page, scene, queue);
	check_all(page, stage, scene);
	check_capacity(page, scene, queue);
	if (stage != SWEEP_STOPPED) {
		check_takers(page, scene, queue);
	} else if (!page->notes[LEFT]) {
		push_values(scene, queue, AFTER, 2);
		page->notes[LEFT] = 1;
	}
}

/* the table */

#define IN_BRIEF(brief, full) (sweep_brevity() ? (brief) : (full))

static void sweep_op(enum op op, enum before before, unsigned elem_size,
		     unsigned fill, unsigned modes)
{
	struct scene scene = { .elem_size = elem_size, .op = op,
			       .before = before, .fill = fill };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene, .skip = IN_BRIEF(288, 0) };
	char name[128], operation[96];
	struct sweep_row row = { .operation = operation };
	unsigned warm;

	snprintf(operation, sizeof(operation), "queue %s, %u bytes%s",
		 op_names[op], elem_size, before_names[before]);
	sweep.name = name;
	/* Who fills by itself has nothing before. */
	for (warm = 0; warm < (before ? 1 : 2) && !row.failures; warm++) {
		scene.warm = warm;
		snprintf(name, sizeof(name), "%s, %u inside, %s", operation,
			 fill, warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

#define DEATHS (SWEEP_KILL | SWEEP_PAIRS)

START_TEST(survives_one_death_and_two_at_every_instruction)
{
	sweep_op((enum op)_i, NOTHING, 8, 3, DEATHS);
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_op((enum op)_i, NOTHING, 8, 3, SWEEP_STOP);
}
END_TEST

/* A take, and a pop, of what the dead held, was given back or is stuck. */
static const struct {
	enum op op;
	enum before before;
	unsigned fill;
} others[] = {
	{ TAKE, OF_THE_DEAD, 2 }, { TAKE, GIVEN_BACK, 2 },
	{ TAKE, STUCK, 2 },       { POP, OF_THE_DEAD, 1 },
	{ TAKE, OF_THE_DEAD, 1 }, { POP, GIVEN_BACK, 2 },
};
#define OTHERS ((int)(sizeof(others) / sizeof(others[0])))
#define OTHERS_IN_BRIEF 4

START_TEST(survives_deaths_with_what_others_left)
{
	sweep_op(others[_i].op, others[_i].before, 8, others[_i].fill, DEATHS);
}
END_TEST

START_TEST(survives_a_stop_with_what_others_left)
{
	sweep_op(others[_i].op, others[_i].before, 8, others[_i].fill,
		 SWEEP_STOP);
}
END_TEST

START_TEST(survives_one_and_two_with_larger_elements)
{
	sweep_op(TAKE, NOTHING, 64, 2, DEATHS | SWEEP_STOP);
	sweep_op(TAKE, OF_THE_DEAD, 64, 2, DEATHS | SWEEP_STOP);
}
END_TEST

START_TEST(survives_a_death_before_a_stopped_one_goes_on)
{
	sweep_op((enum op)_i, NOTHING, 8, 3, SWEEP_LATE);
}
END_TEST

START_TEST(survives_two_that_are_stopped)
{
	sweep_op((enum op)_i, NOTHING, 8, 3, SWEEP_CROSSED);
}
END_TEST

START_TEST(survives_a_late_death_with_what_others_left)
{
	sweep_op(others[_i].op, others[_i].before, 8, others[_i].fill,
		 SWEEP_LATE);
}
END_TEST

START_TEST(survives_two_stops_with_what_others_left)
{
	sweep_op(others[_i].op, others[_i].before, 8, others[_i].fill,
		 SWEEP_CROSSED);
}
END_TEST

/* Each by itself, as they take long. */
static const char *const crossed_names[OPS] = {
	"crossed take", "crossed done", "crossed return", "crossed close",
	"crossed pop"
};

static Suite *lease_sweep_suite(void)
{
	Suite *suite = suite_create("lease sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);
	int i;

	tcase_add_loop_test(tc, survives_one_death_and_two_at_every_instruction,
			    TAKE, OPS);
	tc = test_case(suite, "stops", "medium", 600);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, TAKE,
			    OPS);
	tc = test_case(suite, "left by others", "medium", 600);
	tcase_add_loop_test(tc, survives_deaths_with_what_others_left, 0,
			    OTHERS_IN_BRIEF);
	tcase_add_loop_test(tc, survives_a_stop_with_what_others_left, 0,
			    OTHERS_IN_BRIEF);
	tc = test_case(suite, "more left by others", "stress", 600);
	tcase_add_loop_test(tc, survives_deaths_with_what_others_left,
			    OTHERS_IN_BRIEF, OTHERS);
	tcase_add_loop_test(tc, survives_a_stop_with_what_others_left,
			    OTHERS_IN_BRIEF, OTHERS);
	tc = test_case(suite, "larger", "stress", 1200);
	tcase_add_test(tc, survives_one_and_two_with_larger_elements);
	tc = test_case(suite, "late", "stress", 1200);
	tcase_add_loop_test(tc, survives_a_death_before_a_stopped_one_goes_on,
			    TAKE, OPS);
	tc = test_case(suite, "left by others, late", "stress", 1200);
	tcase_add_loop_test(tc, survives_a_late_death_with_what_others_left, 0,
			    OTHERS);
	for (i = 0; i < OPS; i++) {
		tc = test_case(suite, crossed_names[i], "stress", 1200);
		tcase_add_loop_test(tc, survives_two_that_are_stopped, i,
				    i + 1);
	}
	tc = test_case(suite, "left by others, crossed", "stress", 1200);
	tcase_add_loop_test(tc, survives_two_stops_with_what_others_left, 0,
			    OTHERS);
	return suite;
}

TEST_MAIN(lease_sweep_suite)
