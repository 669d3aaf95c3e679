/* SPDX-License-Identifier: MIT */
/*
 * The queue under the sweep: push and pop, single and in batches, at the first
 * call and warmed, from several fill levels and element sizes. The second
 * victim pushes one and pops until nothing is left, so it meets and settles
 * what the first has left. Then: nothing committed is lost, doubled, torn or
 * out of order; each operation happened wholly or not at all (a batch: a prefix
 * of it; a killed pop takes what it took); and the full capacity is there.
 */
#include "../../libzeroipc/table.h"

#include "../harness.h"
#include "elems.h"
#include "refuse.h"
#include "sweep.h"

#define CAPACITY 4
#define WRITERS 6
#define ROUNDS 6 /* of filling and draining: more than two laps */
#define MOST 3   /* elements of a batch */

enum op { PUSH, POP, PUSH_N, POP_N, CLOSE };

static const char *const op_names[] = { "push", "pop", "push_n", "pop_n",
					"close" };

/* First values of what is pushed, by whom, in the order in which they push. */
#define BASE 1u      /* the state before */
#define VICTIM 100u  /* the first victim */
#define SECOND 200u  /* the second */
#define BEHIND 300u  /* the check, behind what is stuck */
#define AFTER 400u   /* left for a victim that goes on */
#define FILLING 500u /* shows that the capacity is whole */

struct scene {
	enum op op;
	unsigned fill;
	unsigned elem_size;
	bool warm;
	unsigned rotation; /* positions used before */
};

/* The value; one that nobody wrote when the element is torn. */
/* set-up */

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static void push_values(const struct scene *scene, struct zipc_queue *queue,
			unsigned first, unsigned n)
{
	unsigned char elem[256];
	unsigned i;

	for (i = 0; i < n; i++) {
		write_elem(elem, scene->elem_size, first + i);
		must(zipc_queue_push(queue, elem, ZIPC_NOWAIT), "push");
	}
}

static void rotate(const struct scene *scene, struct zipc_queue *queue,
		   unsigned n)
{
	unsigned char elem[256];

	while (n--) {
		push_values(scene, queue, 1, 1);
		must(zipc_queue_pop(queue, elem, ZIPC_NOWAIT), "pop");
	}
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	static const struct zipc_queue_options options = {
		.max_writers = WRITERS,
	};
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	char type[32];

	zipc_segment_unlink(sweep_segment());
	snprintf(type, sizeof(type), "bytes:%u", scene->elem_size);
	must(zipc_segment_create(&segment, sweep_segment(), 32 << 10, &few),
	     "create");
	must(zipc_queue_create_with(&queue, segment, "q", type, CAPACITY,
				    &options), "create");
	rotate(scene, queue, scene->rotation);
	if (!scene->warm)
		push_values(scene, queue, BASE, scene->fill);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

static struct zipc_queue *open_queue(void)
{
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_queue_open(&queue, segment, "q", NULL), "open");
	return queue;
}

/* the victims */

/* notes are the values that its pop took */
static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();
	unsigned char elems[MOST * 256];
	int64_t result = 0;
	unsigned i;

	if (scene->warm) {
		rotate(scene, queue, 1);
		push_values(scene, queue, BASE, scene->fill);
	}
	for (i = 0; i < MOST; i++)
		write_elem(elems + i * scene->elem_size, scene->elem_size,
			   VICTIM + i);
	sweep_begin(me);
	switch (scene->op) {
	case PUSH:
		result = zipc_queue_push(queue, elems, ZIPC_NOWAIT);
		break;
	case POP:
		result = zipc_queue_pop(queue, elems, ZIPC_NOWAIT);
		break;
	case PUSH_N:
		result = zipc_queue_push_n(queue, elems, MOST, ZIPC_NOWAIT);
		break;
	case POP_N:
		result = zipc_queue_pop_n(queue, elems, MOST, ZIPC_NOWAIT);
		break;
	case CLOSE:
		zipc_queue_close(queue);
		break;
	}
	if (scene->op == PUSH || scene->op == POP)
		result = result ? result : 1;
	for (i = 0; scene->op % 2 && (int64_t)i < result; i++)
		me->notes[i] = read_elem(elems + i * scene->elem_size,
					 scene->elem_size);
	me->n = i;
	sweep_end(me, result);
}

/* Its result is 1 when its push stands; notes are the values that it took. */
static void second(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();
	unsigned char elem[256];
	int rc;

	write_elem(elem, scene->elem_size, SECOND);
	sweep_begin(me);
	me->result = !zipc_queue_push(queue, elem, ZIPC_NOWAIT);
	while (me->n < 16 && !(rc = zipc_queue_pop(queue, elem, ZIPC_NOWAIT))) {
		me->notes[me->n] = read_elem(elem, scene->elem_size);
		me->n++;
	}
	sweep_end(me, me->result);
}

/* the checks */

static void drain(struct sweep_page *page, const struct scene *scene,
		  struct zipc_queue *queue, struct seen *seen)
{
	unsigned char elem[256];
	int rc;

	while (!(rc = zipc_queue_pop(queue, elem, ZIPC_NOWAIT)))
		see(page, seen, read_elem(elem, scene->elem_size));
	if (rc != -EAGAIN)
		sweep_fail(page, "pop gives %s: %s", rc_name(rc),
			   zipc_last_error());
}

/* Fill to the brim and drain, for more than two laps. */
static void check_capacity(struct sweep_page *page, const struct scene *scene,
			   struct zipc_queue *queue)
{
	unsigned char elem[256];
	unsigned round, i, n = FILLING;
	struct seen seen;
	int rc;

	for (round = 0; round < ROUNDS; round++, n += CAPACITY) {
		for (i = 0; i <= CAPACITY; i++) {
			write_elem(elem, scene->elem_size, n + i);
			rc = zipc_queue_push(queue, elem, ZIPC_NOWAIT);
			if (rc != (i < CAPACITY ? 0 : -EAGAIN))
				sweep_fail(page, "round %u: push %u of %u "
					   "gives %s", round, i + 1, CAPACITY,
					   rc_name(rc));
		}
		seen.n = 0;
		drain(page, scene, queue, &seen);
		for (i = 0; i < seen.n && seen.value[i] == n + i; i++)
			;
		if (i != CAPACITY || seen.n != CAPACITY)
			sweep_fail(page, "round %u: %u of %u elements came, "
				   "the first %u in order", round, seen.n,
				   CAPACITY, i);
	}
}

/* What the operation moves when nothing disturbs it. */
static unsigned most_moved(const struct scene *scene)
{
	static const unsigned asked[] = { 1, 1, MOST, MOST, 0 };
	unsigned there = scene->op % 2 ? scene->fill : CAPACITY - scene->fill;

	return asked[scene->op] < there ? asked[scene->op] : there;
}

static void expect(struct seen *seen, unsigned value, unsigned n)
{
	while (n--)
		seen->value[seen->n++] = value++;
}

/*
 * What may have happened: the first victim moved some of its elements, the
 * second pushed its own or not, and took one that it did not live to tell of.
 */
struct history {
	unsigned moved;
	bool pushed, lost;
};

#define HISTORIES 16u

static struct history history(unsigned i)
{
	return (struct history){ i / 4, i & 1, i & 2 };
}

/* What comes out, in order, if it went so; false: it can not have gone so. */
static bool tell(struct seen *seen, const struct sweep_page *page,
		 const struct scene *scene, struct history h, bool behind)
{
	const struct sweep_victim *other = &page->second;
	unsigned most = most_moved(scene), i;

	seen->n = 0;
	if (h.moved > most || ((h.pushed || h.lost) && !other->phase) ||
	    (other->result && !h.pushed) || (other->phase == 2 && h.lost) ||
	    (other->phase == 2 && h.pushed != other->result))
		return false;
	if (scene->op % 2) {
		if (h.moved && h.moved < most) /* a batch leaves at once */
			return false;
		expect(seen, BASE + h.moved, scene->fill - h.moved);
	} else {
		expect(seen, BASE, scene->fill);
		expect(seen, VICTIM, h.moved);
	}
	expect(seen, SECOND, h.pushed);
	expect(seen, BEHIND, behind);
	if (!h.lost)
		return true;
	if (other->n >= seen->n)
		return false;
	for (i = (unsigned)other->n; i + 1 < seen->n; i++)
		seen->value[i] = seen->value[i + 1];
	seen->n--;
	return true;
}

/*
 * What came out while the victims were dead or stopped must be what some
 * history tells. Returns the set of those.
 */
static uint64_t check_first(struct sweep_page *page, const struct scene *scene,
			    const struct seen *seen, bool behind)
{
	struct seen told;
	uint64_t set = 0;
	unsigned i;

	for (i = 0; i < HISTORIES; i++)
		if (tell(&told, page, scene, history(i), behind) &&
		    same(&told, seen))
			set |= UINT64_C(1) << i;
	if (!set)
		sweep_fail(page, "lost, doubled or out of order: of %u inside, "
			   "with a push behind %s, these came:%s", scene->fill,
			   behind ? "that must be there" : "that found no room",
			   list(seen));
	return set;
}

/* What comes when the first has gone on and ended, if it went so before. */
static bool tell_late(struct seen *seen, const struct sweep_victim *me,
		      const struct scene *scene, struct history h)
{
	unsigned done = me->result > 0 ? (unsigned)me->result : 0, i, from;
	bool late = scene->op % 2 && done && !h.moved;

	seen->n = 0;
	if (done < h.moved || (scene->op % 2 && !late && done != h.moved))
		return false;
	from = late ? AFTER : BASE;
	for (i = 0; scene->op % 2 && i < done; i++)
		if (me->notes[i] != from + i)
			return false;
	expect(seen, AFTER + (late ? done : 0), 2 - (late ? done : 0));
	if (scene->op % 2 == 0)
		expect(seen, VICTIM + h.moved, done - h.moved);
	return true;
}

static void check_late(struct sweep_page *page, const struct scene *scene,
		       const struct seen *seen, uint64_t set)
{
	struct sweep_victim *me = &page->first;
	struct seen told;
	unsigned i;

	if (me->result < 0 && me->result != -EAGAIN)
		sweep_fail(page, "the operation gave %s", rc_name(me->result));
	for (i = 0; i < HISTORIES; i++)
		if (set >> i & 1 &&
		    tell_late(&told, me, scene, history(i)) &&
		    same(&told, seen))
			return;
	sweep_fail(page, "lost, doubled or out of order: it moved %d, the "
		   "first is %u; at the end came:%s", (int)me->result,
		   (unsigned)me->notes[0], list(seen));
}

/*
 * Two were stopped and have gone on: their pushes and pops met in any order.
 * Each producer's elements come in order, each once, and all of them when
 * both have ended; before that one may be in the hands of the second.
 */
static void check_crossed(struct sweep_page *page, const struct scene *scene,
			  const struct seen *seen, bool ended)
{
	unsigned count[6] = { scene->fill, 0, page->second.result, 1, 2, 0 };
	unsigned owner, i, j, there = 0, all = 0;

	if (scene->op % 2 == 0 && page->first.result > 0)
		count[1] = (unsigned)page->first.result;
	for (i = 0; i < seen->n; i++) {
		owner = seen->value[i] / 100;
		if (owner > 4 || (seen->value[i] - (owner ? owner * 100 : 1)) >=
					 (owner == 2 ? 1 : count[owner]))
			sweep_fail(page, "nobody pushed %u", seen->value[i]);
		for (j = 0; j < i; j++)
			if (seen->value[j] == seen->value[i])
				sweep_fail(page, "doubled: %u of%s",
					   seen->value[i], list(seen));
		there += owner != 2 || count[2];
	}
	for (i = 0; i < (ended ? 5 : 4); i++)
		all += count[i];
	if (there + (ended ? 0 : 1) < all)
		sweep_fail(page, "%u of %u came:%s", there, all, list(seen));
}

/* When nobody is stopped, no question stays open: the fast paths are back. */
static void check_quiet(struct sweep_page *page)
{
	struct zipc_segment *segment;
	struct zipc_found found;
	uint64_t active;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), "find");
	active = atomic_load_explicit(
		&((struct zipc_place_ring *)(void *)found.body)->active,
		memory_order_acquire);
	zipc_type_free(found.type);
	zipc_segment_close(segment);
	if (active & 1)
		sweep_fail(page, "a question stays open: active is up");
}

/* Each writer's place can be had, and those of the dead again. */
static void check_writers(struct sweep_page *page, const struct scene *scene)
{
	struct zipc_queue *queue[WRITERS - 1];
	unsigned char elem[256];
	unsigned i;
	int rc;

	for (i = 0; i < WRITERS - 1; i++) {
		queue[i] = open_queue();
		write_elem(elem, scene->elem_size, FILLING);
		rc = zipc_queue_push(queue[i], elem, ZIPC_NOWAIT);
		if (!rc)
			rc = zipc_queue_pop(queue[i], elem, ZIPC_NOWAIT);
		if (rc)
			sweep_fail(page, "writer %u of %u: %s", i + 2, WRITERS,
				   rc_name(rc));
	}
}

/*
 * Go round until the next push would be into the slot that a stopped victim may
 * still write to.
 */
static void go_round(struct sweep_page *page, const struct scene *scene,
		     struct zipc_queue *queue)
{
	uint64_t slots = CAPACITY + WRITERS, removed;
	uint64_t before = scene->rotation + scene->warm + scene->fill;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	unsigned i;

	must(zipc_view_open(&view, sweep_segment()), "open");
	for (i = 0; i < 3 * slots; i++) {
		must(zipc_view_find(view, "q", &entry), "find");
		removed = entry.removed;
		if (removed % slots == before % slots)
			break;
		rotate(scene, queue, 1);
	}
	if (i == 3 * slots)
		sweep_fail(page, "the slot is never the next");
	zipc_view_close(view);
}

/* Between checks: what came, and what may have happened. */
#define SET 0
#define CAME 1

static void check_ended(struct sweep_page *page, const struct scene *scene,
			struct zipc_queue *queue)
{
	struct seen seen = { 0 };
	unsigned i;

	if (page->second.phase < 2) {
		drain(page, scene, queue, &seen);
		check_late(page, scene, &seen, page->notes[SET]);
		return;
	}
	for (i = 0; i < page->notes[CAME]; i++)
		see(page, &seen, (unsigned)page->notes[CAME + 1 + i]);
	see_notes(page, &seen, &page->first);
	see_notes(page, &seen, &page->second);
	drain(page, scene, queue, &seen);
	check_crossed(page, scene, &seen, true);
}

/* What comes now, behind a push; it is kept for the next check. */
static void check_now(struct sweep_page *page, const struct scene *scene,
		      struct zipc_queue *queue, bool crossed)
{
	struct seen seen = { 0 }, came = { 0 };
	unsigned char elem[256];
	bool behind;
	unsigned i;

	write_elem(elem, scene->elem_size, BEHIND);
	behind = !zipc_queue_push(queue, elem, ZIPC_NOWAIT);
	if (crossed)
		see_notes(page, &seen, &page->first);
	see_notes(page, &seen, &page->second);
	drain(page, scene, queue, &came);
	if (crossed && !behind) {
		push_values(scene, queue, BEHIND, 1);
		drain(page, scene, queue, &came);
	}
	for (i = 0; i < came.n; i++)
		see(page, &seen, came.value[i]);
	if (!crossed) {
		page->notes[SET] = check_first(page, scene, &seen, behind);
		return;
	}
	page->notes[CAME] = came.n;
	for (i = 0; i < came.n; i++)
		page->notes[CAME + 1 + i] = came.value[i];
	check_crossed(page, scene, &seen, false);
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();
	bool crossed = stage == SWEEP_STOPPED && page->first.phase == 2;

	if (stage == SWEEP_ENDED) {
		check_ended(page, scene, queue);
		check_capacity(page, scene, queue);
		check_quiet(page);
		check_writers(page, scene);
		return;
	}
	check_now(page, scene, queue, crossed);
	check_capacity(page, scene, queue);
	if (stage == SWEEP_DEAD) {
		check_quiet(page);
		check_writers(page, scene);
	}
	if (stage == SWEEP_STOPPED) {
		if (!crossed)
			go_round(page, scene, queue);
		push_values(scene, queue, AFTER, 2);
	}
}

/* the table */

/* Fills, or modes, in full or in brief. */
#define IN_BRIEF(brief, full) (sweep_brevity() ? (brief) : (full))

/* Sweep one operation from each fill level, at first call and warmed. */
static void sweep_op(enum op op, unsigned elem_size, const unsigned *fills,
		     unsigned modes, const char *words)
{
	struct scene scene = { .rotation = 3, .elem_size = elem_size,
			       .op = op };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene,
			       .skip = IN_BRIEF(288, 0) };
	char name[96], operation[64];
	struct sweep_row row = { .operation = operation };
	unsigned i;

	snprintf(operation, sizeof(operation), "queue %s, %u bytes%s",
		 op_names[op], elem_size, words);
	sweep.name = name;
	for (i = 0; fills[i / 2] <= CAPACITY && !row.failures; i++) {
		scene.fill = fills[i / 2];
		scene.warm = i % 2;
		snprintf(name, sizeof(name), "%s, %u inside, %s", operation,
			 scene.fill, scene.warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

static const unsigned some_fills[] = { 0, 2, CAPACITY, CAPACITY + 1 };
static const unsigned other_fills[] = { 0, 1, CAPACITY, CAPACITY + 1 };
static const unsigned one_fill[] = { CAPACITY - 1, CAPACITY + 1 };
/* The second finds room behind what is stuck, so it has to settle that. */
static const unsigned low_fill[] = { 1, CAPACITY + 1 };

#define DEATHS (SWEEP_KILL | SWEEP_PAIRS)

START_TEST(survives_one_death_and_two_at_every_instruction)
{
	sweep_op((enum op)_i, 8, IN_BRIEF(low_fill, some_fills), DEATHS, "");
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_op((enum op)_i, 8, IN_BRIEF(low_fill, some_fills), SWEEP_STOP,
		 "");
}
END_TEST

START_TEST(survives_one_and_two_with_larger_elements)
{
	unsigned modes = IN_BRIEF(SWEEP_KILL, DEATHS | SWEEP_STOP);

	sweep_op((enum op)_i, 64, one_fill, modes, "");
	if (_i <= POP)
		sweep_op((enum op)_i, 200, one_fill, modes, "");
}
END_TEST

START_TEST(survives_one_and_two_from_other_fill_levels)
{
	sweep_op((enum op)_i, 64, other_fills, DEATHS | SWEEP_STOP, "");
}
END_TEST

START_TEST(survives_a_death_before_a_stopped_one_goes_on)
{
	sweep_op((enum op)_i, 8, low_fill, SWEEP_LATE, "");
}
END_TEST

START_TEST(survives_a_stopped_writer_and_a_stopped_settler)
{
	sweep_op((enum op)_i, 8, low_fill, SWEEP_CROSSED, "");
}
END_TEST

/* A sandbox refuses membarrier: both sides of a fence pay for it. */
START_TEST(survives_with_symmetric_fences)
{
	static const int errors[] = { EPERM, ENOSYS };

	refuse_membarrier(errors[_i % 2]);
	sweep_op((enum op)_i, 8, low_fill,
		 IN_BRIEF(SWEEP_KILL | SWEEP_STOP,
			  DEATHS | SWEEP_STOP | SWEEP_LATE),
		 ", no membarrier");
}
END_TEST

START_TEST(who_is_refused_membarrier_is_told_so)
{
	struct scene scene = { .elem_size = 8 };
	struct zipc_segment *segment;

	set_up(&scene);
	refuse_membarrier(EPERM);
	ck_rc(zipc_segment_open(&segment, sweep_segment(), 0), -EOPNOTSUPP);
	ck_message("membarrier");
	ck_message("ZIPC_SYMMETRIC_FENCES");
	zipc_segment_unlink(sweep_segment());
}
END_TEST

START_TEST(survives_every_pair_of_a_stop_and_another)
{
	struct scene scene = { .rotation = 3, .elem_size = 8, .op = PUSH,
			       .fill = 1, .warm = true };
	struct sweep sweep = { .name = "a warmed push, every pair",
			       .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene };
	struct sweep_row row = { .operation = "queue push, 8 bytes",
				 .all = true };

	sweep_scene(&row, &sweep, SWEEP_LATE | SWEEP_CROSSED);
	sweep_report(&row);
}
END_TEST

static Suite *queue_sweep_suite(void)
{
	Suite *suite = suite_create("queue sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);

	tcase_add_loop_test(tc, survives_one_death_and_two_at_every_instruction,
			    PUSH, CLOSE + 1);
	tc = test_case(suite, "stops", "medium", 600);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, PUSH,
			    CLOSE + 1);
	if (sweep_brevity() == SWEEP_BARE)
		return suite;
	tc = test_case(suite, "larger", "slow", 1200);
	tcase_add_loop_test(tc, survives_one_and_two_with_larger_elements,
			    PUSH, POP_N + 1);
	tc = test_case(suite, "late", "slow", 1200);
	tcase_add_loop_test(tc, survives_a_death_before_a_stopped_one_goes_on,
			    PUSH, POP_N + 1);
	tc = test_case(suite, "crossed", "slow", 1200);
	tcase_add_loop_test(tc, survives_a_stopped_writer_and_a_stopped_settler,
			    PUSH, POP_N + 1);
	tc = test_case(suite, "refused", "slow", 1200);
	tcase_add_loop_test(tc, survives_with_symmetric_fences, PUSH,
			    POP_N + 1);
	tc = test_case(suite, "sandbox", "fast", 10);
	tcase_add_test(tc, who_is_refused_membarrier_is_told_so);
	tc = test_case(suite, "every pair", "stress", 7200);
	tcase_add_test(tc, survives_every_pair_of_a_stop_and_another);
	tc = test_case(suite, "other fill levels", "stress", 1200);
	tcase_add_loop_test(tc, survives_one_and_two_from_other_fill_levels,
			    PUSH, POP_N + 1);
	return suite;
}

TEST_MAIN(queue_sweep_suite)
