/* SPDX-License-Identifier: MIT */
/*
 * The stack under the sweep: push, pop, peek and close, at the first call and
 * warmed, from several fill levels and element sizes, on a top that a push has
 * made, which is to be flushed, and on one that a pop has. The second victim
 * pushes one and pops until nothing is left, so it meets and ends what the
 * first has left. Then: nothing committed is lost, doubled, torn or out of
 * order; each operation happened wholly or not at all (a killed pop takes what
 * it took); who watches sees just what then comes out; and the full capacity is
 * there.
 */
#include "../../libzeroipc/turn_stack.h"

#include "../harness.h"
#include "elems.h"
#include "refuse.h"
#include "sweep.h"

#define CAPACITY 4
#define WRITERS 6
#define ROUNDS 3 /* of filling and draining */

enum op { PUSH, POP, PEEK, CLOSE };

static const char *const op_names[] = { "push", "pop", "peek", "close" };

/* First values of what is pushed, by whom. */
#define BASE 1u      /* the state before, from the bottom */
#define VICTIM 100u  /* the first victim */
#define SECOND 200u  /* the second */
#define BEHIND 300u  /* the check, on what the victims have left */
#define AFTER 400u   /* left for a victim that goes on */
#define FILLING 500u /* shows that the capacity is whole */

struct scene {
	enum op op;
	unsigned fill;
	unsigned elem_size;
	bool warm;
	bool popped; /* the top before was made by a pop */
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

static void push_values(const struct scene *scene, struct zipc_stack *stack,
			unsigned first, unsigned n)
{
	unsigned char elem[256];
	unsigned i;

	for (i = 0; i < n; i++) {
		write_elem(elem, scene->elem_size, first + i);
		must(zipc_stack_push(stack, elem, ZIPC_NOWAIT), "push");
	}
}

/* The state before: fill elements, the top made by a push or a pop. */
static void fill_base(const struct scene *scene, struct zipc_stack *stack)
{
	unsigned char elem[256];

	push_values(scene, stack, FILLING, 1);
	must(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), "pop");
	push_values(scene, stack, BASE, scene->fill);
	if (!scene->popped)
		return;
	push_values(scene, stack, FILLING, 1);
	must(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), "pop");
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	static const struct zipc_stack_options options = { WRITERS };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_stack *stack;
	char type[32];

	zipc_segment_unlink(sweep_segment());
	snprintf(type, sizeof(type), "bytes:%u", scene->elem_size);
	must(zipc_segment_create(&segment, sweep_segment(), 32 << 10, &few),
	     "create");
	must(zipc_stack_create_with(&stack, segment, "s", type, CAPACITY,
				    &options), "create");
	if (!scene->warm)
		fill_base(scene, stack);
	zipc_stack_close(stack);
	zipc_segment_close(segment);
}

static struct zipc_stack *open_stack(void)
{
	struct zipc_segment *segment;
	struct zipc_stack *stack;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_stack_open(&stack, segment, "s", NULL), "open");
	return stack;
}

/* the victims */

/* Its note is what its pop or peek has seen; its result 1, or -errno. */
static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_stack *stack = open_stack();
	unsigned char elem[256];
	int64_t result = 0;

	if (scene->warm)
		fill_base(scene, stack);
	write_elem(elem, scene->elem_size, VICTIM);
	sweep_begin(me);
	switch (scene->op) {
	case PUSH:
		result = zipc_stack_push(stack, elem, ZIPC_NOWAIT);
		break;
	case POP:
		result = zipc_stack_pop(stack, elem, ZIPC_NOWAIT);
		break;
	case PEEK:
		result = zipc_stack_peek(stack, elem);
		break;
	case CLOSE:
		zipc_stack_close(stack);
		break;
	}
	result = result ? result : 1;
	if (result == 1 && (scene->op == POP || scene->op == PEEK))
		me->notes[0] = read_elem(elem, scene->elem_size);
	/* For who only gathers what came: a peek takes nothing. */
	me->n = result == 1 && scene->op == POP;
	sweep_end(me, result);
}

/* Its result is 1 when its push stands; notes are the values that it took. */
static void second(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_stack *stack = open_stack();
	unsigned char elem[256];

	write_elem(elem, scene->elem_size, SECOND);
	sweep_begin(me);
	me->result = !zipc_stack_push(stack, elem, ZIPC_NOWAIT);
	while (me->n < 16 && !zipc_stack_pop(stack, elem, ZIPC_NOWAIT)) {
		me->notes[me->n] = read_elem(elem, scene->elem_size);
		me->n++;
	}
	sweep_end(me, me->result);
}

/* the checks */

static void drain(struct sweep_page *page, const struct scene *scene,
		  struct zipc_stack *stack, struct seen *seen)
{
	unsigned char elem[256];
	int rc;

	while (!(rc = zipc_stack_pop(stack, elem, ZIPC_NOWAIT)))
		see(page, seen, read_elem(elem, scene->elem_size));
	if (rc != -EAGAIN)
		sweep_fail(page, "pop gives %s: %s", rc_name(rc),
			   zipc_last_error());
}

/* Drain, when nobody else moves: it comes out as it was to be seen inside. */
static void drain_watched(struct sweep_page *page, const struct scene *scene,
			  struct zipc_stack *stack, struct seen *seen)
{
	unsigned char elems[CAPACITY * 256];
	struct seen watched = { 0 };
	struct zipc_view_entry entry;
	struct zipc_view *view;
	int64_t n, i;

	must(zipc_view_open(&view, sweep_segment()), "open");
	must(zipc_view_find(view, "s", &entry), "find");
	n = zipc_view_elements(view, &entry, 0, CAPACITY, elems, NULL);
	zipc_view_close(view);
	must(n, "look");
	for (i = 0; i < n; i++)
		see(page, &watched,
		    read_elem(elems + i * scene->elem_size, scene->elem_size));
	drain(page, scene, stack, seen);
	if (entry.size != seen->n || !same(&watched, seen))
		sweep_fail(page, "seen inside, of %u:%s", (unsigned)entry.size,
			   list(&watched));
}

/* Fill to the brim and drain. */
static void check_capacity(struct sweep_page *page, const struct scene *scene,
			   struct zipc_stack *stack)
{
	unsigned round, i, n = FILLING;
	unsigned char elem[256];
	struct seen seen;
	int rc;

	for (round = 0; round < ROUNDS; round++, n += CAPACITY) {
		for (i = 0; i <= CAPACITY; i++) {
			write_elem(elem, scene->elem_size, n + i);
			rc = zipc_stack_push(stack, elem, ZIPC_NOWAIT);
			if (rc != (i < CAPACITY ? 0 : -EAGAIN))
				sweep_fail(page, "round %u: push %u of %u "
					   "gives %s", round, i + 1, CAPACITY,
					   rc_name(rc));
		}
		seen.n = 0;
		drain(page, scene, stack, &seen);
		for (i = 0; i < seen.n && i < CAPACITY &&
			    seen.value[i] == n + CAPACITY - 1 - i; i++)
			;
		if (i != CAPACITY || seen.n != CAPACITY)
			sweep_fail(page, "round %u: %u of %u elements came, "
				   "the first %u in order", round, seen.n,
				   CAPACITY, i);
	}
}

/*
 * What may have happened: the first victim's operation moved its element, the
 * second pushed its own or not, and took one that it did not live to tell of.
 */
struct history {
	bool moved, pushed, lost;
};

#define HISTORIES 8u

static struct history history(unsigned i)
{
	return (struct history){ i & 4, i & 1, i & 2 };
}

/* Whether the operation moves an element, when nothing disturbs it. */
static bool can_move(const struct scene *scene)
{
	return (scene->op == PUSH && scene->fill < CAPACITY) ||
	       (scene->op == POP && scene->fill);
}

/* What comes out, in order, if it went so; false: it can not have gone so. */
static bool tell(struct seen *seen, const struct sweep_page *page,
		 const struct scene *scene, struct history h, bool behind)
{
	const struct sweep_victim *other = &page->second;
	unsigned inside[CAPACITY + 2], n = 0, i;

	seen->n = 0;
	if ((h.moved && !can_move(scene)) ||
	    ((h.pushed || h.lost) && !other->phase) ||
	    (other->result && !h.pushed) || (other->phase == 2 && h.lost) ||
	    (other->phase == 2 && h.pushed != other->result))
		return false;
	while (n < scene->fill) {
		inside[n] = BASE + n;
		n++;
	}
	if (h.moved && scene->op == PUSH)
		inside[n++] = VICTIM;
	else if (h.moved)
		n--;
	if (h.pushed)
		inside[n++] = SECOND;
	if (n > CAPACITY || n < other->n + h.lost)
		return false;
	for (i = 0; i < other->n; i++)
		seen->value[seen->n++] = inside[--n];
	n -= h.lost;
	if (behind)
		seen->value[seen->n++] = BEHIND;
	else if (n < CAPACITY)
		return false;
	while (n)
		seen->value[seen->n++] = inside[--n];
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

/*
 * What comes when the first has gone on, if it went so before. Then two
 * elements were inside, AFTER and AFTER + 1 above it.
 */
static bool tell_late(struct seen *seen, const struct sweep_victim *me,
		      const struct scene *scene, struct history h)
{
	bool done = me->result == 1, late = done && !h.moved;
	unsigned base_top = scene->fill ? BASE + scene->fill - 1 : 0;

	/* It found it full, or empty, before. */
	if (!done && (can_move(scene) || h.moved ||
		      (scene->op == PEEK && scene->fill)))
		return false;
	*seen = (struct seen){ 2, { AFTER + 1, AFTER } };
	switch (scene->op) {
	case PUSH:
		if (late)
			*seen = (struct seen){ 3,
					       { VICTIM, AFTER + 1, AFTER } };
		return true;
	case POP:
		if (late)
			*seen = (struct seen){ 1, { AFTER } };
		return !done || me->notes[0] == (late ? AFTER + 1 : base_top);
	case PEEK:
		return !done || me->notes[0] == AFTER + 1 ||
		       me->notes[0] == base_top;
	default:
		return true;
	}
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
	sweep_fail(page, "lost, doubled or out of order: its result is %d, it "
		   "saw %u; at the end came:%s", (int)me->result,
		   (unsigned)me->notes[0], list(seen));
}

/*
 * Two were stopped and have gone on: their pushes and pops met in any order.
 * Each element comes once, and all of them when both have ended; before that
 * one may be in the hands of the second.
 */
static void check_crossed(struct sweep_page *page, const struct scene *scene,
			  const struct seen *seen, bool ended)
{
	unsigned count[6] = { scene->fill, 0, page->second.result, 1, 2, 0 };
	unsigned owner, i, j, there = 0, all = 0;

	if (scene->op == PUSH && page->first.result == 1)
		count[1] = 1;
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

/* Each writer's place can be had, and those of the dead again. */
static void check_writers(struct sweep_page *page, const struct scene *scene)
{
	struct zipc_stack *stack[WRITERS - 1];
	unsigned char elem[256];
	unsigned i;
	int rc;

	for (i = 0; i < WRITERS - 1; i++) {
		stack[i] = open_stack();
		write_elem(elem, scene->elem_size, FILLING);
		rc = zipc_stack_push(stack[i], elem, ZIPC_NOWAIT);
		if (!rc)
			rc = zipc_stack_pop(stack[i], elem, ZIPC_NOWAIT);
		if (rc)
			sweep_fail(page, "writer %u of %u: %s", i + 2, WRITERS,
				   rc_name(rc));
	}
}

/* When nobody is stopped and all records are inherited, no claim stands. */
static void check_claims(struct sweep_page *page)
{
	struct zipc_segment *segment;
	struct zipc_turns turns;
	struct zipc_found found;
	uint64_t i;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_table_find(&found, segment, "s", ZIPC_STACK, NULL), "find");
	must(zipc_turns_open(&turns, segment, &found, "s"), "open");
	for (i = 0; i < turns.slot_count; i++)
		if (zipc_stack_slot(&turns, i)->owner & 1)
			sweep_fail(page, "slot %u stays claimed", (unsigned)i);
	zipc_table_release(&found);
	zipc_segment_close(segment);
}

/* Between checks: what came, and what may have happened. */
#define SET 0
#define CAME 1

static void check_ended(struct sweep_page *page, const struct scene *scene,
			struct zipc_stack *stack)
{
	struct seen seen = { 0 };
	unsigned i;

	if (page->second.phase < 2) {
		drain_watched(page, scene, stack, &seen);
		check_late(page, scene, &seen, page->notes[SET]);
		return;
	}
	for (i = 0; i < page->notes[CAME]; i++)
		see(page, &seen, (unsigned)page->notes[CAME + 1 + i]);
	see_notes(page, &seen, &page->first);
	see_notes(page, &seen, &page->second);
	drain(page, scene, stack, &seen);
	check_crossed(page, scene, &seen, true);
}

/* What comes now, behind a push; it is kept for the next check. */
static void check_now(struct sweep_page *page, const struct scene *scene,
		      struct zipc_stack *stack, bool crossed)
{
	struct seen seen = { 0 }, came = { 0 };
	unsigned char elem[256];
	bool behind;
	unsigned i;

	write_elem(elem, scene->elem_size, BEHIND);
	behind = !zipc_stack_push(stack, elem, ZIPC_NOWAIT);
	if (crossed)
		see_notes(page, &seen, &page->first);
	see_notes(page, &seen, &page->second);
	drain_watched(page, scene, stack, &came);
	if (crossed && !behind) {
		push_values(scene, stack, BEHIND, 1);
		drain(page, scene, stack, &came);
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
	struct zipc_stack *stack = open_stack();
	bool crossed = stage == SWEEP_STOPPED && page->first.phase == 2;

	if (stage == SWEEP_ENDED)
		check_ended(page, scene, stack);
	else
		check_now(page, scene, stack, crossed);
	check_capacity(page, scene, stack);
	if (stage == SWEEP_STOPPED) {
		push_values(scene, stack, AFTER, 2);
		return;
	}
	check_writers(page, scene);
	check_claims(page);
}

/* the table */

/* Fills, or modes, in full or in brief. */
#define IN_BRIEF(brief, full) (sweep_brevity() ? (brief) : (full))

/* Sweep one operation from each fill level, at first call and warmed. */
static void sweep_op(enum op op, unsigned elem_size, const unsigned *fills,
		     unsigned modes, const char *words)
{
	struct scene scene = { .elem_size = elem_size, .op = op };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene,
			       .skip = IN_BRIEF(288, 0) };
	char name[128], operation[64];
	struct sweep_row row = { .operation = operation };
	unsigned i;

	snprintf(operation, sizeof(operation), "stack %s, %u bytes%s",
		 op_names[op], elem_size, words);
	sweep.name = name;
	for (i = 0; fills[i / 3] <= CAPACITY && !row.failures; i++) {
		scene.fill = fills[i / 3];
		scene.warm = i % 3;
		scene.popped = i % 3 == 2;
		if (scene.popped && scene.fill == CAPACITY)
			continue;
		snprintf(name, sizeof(name), "%s, %u inside%s, %s", operation,
			 scene.fill, scene.popped ? " behind a pop" : "",
			 scene.warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

static const unsigned some_fills[] = { 0, 2, CAPACITY, CAPACITY + 1 };
static const unsigned other_fills[] = { 0, 1, CAPACITY - 1, CAPACITY,
					CAPACITY + 1 };
static const unsigned one_fill[] = { 2, CAPACITY + 1 };

#define DEATHS (SWEEP_KILL | SWEEP_PAIRS)

START_TEST(survives_one_death_and_two_at_every_instruction)
{
	sweep_op((enum op)_i, 8, some_fills, DEATHS, "");
	sweep_op((enum op)_i, 64, one_fill, DEATHS, "");
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_op((enum op)_i, 8, some_fills, SWEEP_STOP, "");
	sweep_op((enum op)_i, 64, one_fill, SWEEP_STOP, "");
}
END_TEST

START_TEST(survives_one_and_two_with_larger_elements)
{
	sweep_op((enum op)_i, 200, one_fill, DEATHS | SWEEP_STOP, "");
}
END_TEST

START_TEST(survives_one_and_two_from_other_fill_levels)
{
	sweep_op((enum op)_i, 8, other_fills, DEATHS | SWEEP_STOP, "");
	sweep_op((enum op)_i, 64, other_fills, DEATHS | SWEEP_STOP, "");
}
END_TEST

START_TEST(survives_a_death_before_a_stopped_one_goes_on)
{
	sweep_op((enum op)_i, 8, one_fill, SWEEP_LATE, "");
	sweep_op((enum op)_i, 64, one_fill, SWEEP_LATE, "");
}
END_TEST

START_TEST(survives_two_stopped_ones_that_go_on)
{
	sweep_op((enum op)_i, 8, one_fill, SWEEP_CROSSED, "");
	sweep_op((enum op)_i, 64, one_fill, SWEEP_CROSSED, "");
}
END_TEST

/* A sandbox refuses membarrier: both sides of a fence pay for it. */
START_TEST(survives_with_symmetric_fences)
{
	static const int errors[] = { EPERM, ENOSYS };

	refuse_membarrier(errors[_i % 2]);
	sweep_op((enum op)_i, 8, one_fill, DEATHS | SWEEP_STOP | SWEEP_LATE,
		 ", no membarrier");
	sweep_op((enum op)_i, 64, one_fill, DEATHS | SWEEP_STOP | SWEEP_LATE,
		 ", no membarrier");
}
END_TEST

START_TEST(survives_every_pair_of_a_stop_and_another)
{
	struct scene scene = { .elem_size = _i ? 64 : 8, .op = PUSH,
			       .fill = 2, .warm = true };
	struct sweep sweep = { .name = "a warmed push, every pair",
			       .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene };
	struct sweep_row row = { .operation = _i ? "stack push, 64 bytes"
						 : "stack push, 8 bytes",
				 .all = true };

	sweep_scene(&row, &sweep, SWEEP_LATE | SWEEP_CROSSED);
	sweep_report(&row);
}
END_TEST

static Suite *stack_sweep_suite(void)
{
	Suite *suite = suite_create("stack sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);
	/* Those that take long are cases by themselves. */
	static char names[CLOSE + 1][32];
	int op;

	tcase_add_loop_test(tc, survives_one_death_and_two_at_every_instruction,
			    PUSH, CLOSE + 1);
	tc = test_case(suite, "stops", "medium", 600);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, PUSH,
			    CLOSE + 1);
	tc = test_case(suite, "larger", "stress", 1200);
	tcase_add_loop_test(tc, survives_one_and_two_with_larger_elements,
			    PUSH, PEEK + 1);
	tc = test_case(suite, "late", "stress", 1200);
	tcase_add_loop_test(tc, survives_a_death_before_a_stopped_one_goes_on,
			    PUSH, PEEK + 1);
	for (op = PUSH; op <= PEEK; op++) {
		snprintf(names[op], sizeof(names[op]), "crossed %s",
			 op_names[op]);
		tc = test_case(suite, names[op], "stress", 1200);
		tcase_add_loop_test(tc, survives_two_stopped_ones_that_go_on,
				    op, op + 1);
	}
	tc = test_case(suite, "refused", "stress", 1200);
	tcase_add_loop_test(tc, survives_with_symmetric_fences, PUSH,
			    PEEK + 1);
	tc = test_case(suite, "every pair", "stress", 7200);
	tcase_add_loop_test(tc, survives_every_pair_of_a_stop_and_another, 0,
			    2);
	tc = test_case(suite, "other fill levels", "stress", 1200);
	tcase_add_loop_test(tc, survives_one_and_two_from_other_fill_levels,
			    PUSH, CLOSE + 1);
	return suite;
}

TEST_MAIN(stack_sweep_suite)
