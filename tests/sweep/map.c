/* SPDX-License-Identifier: MIT */
/*
 * The map and the set under the sweep. Three keys have one home: A, which the
 * first victim works on, B and D. The second victim puts A, removes B and adds
 * D, for which it takes the very cell that A has left. Then what is there must
 * be what some order of the steps that were taken leaves, in which each step
 * has the result that it told; nothing is torn; the full capacity is there,
 * each writer's place can be had, and no cell stays claimed.
 *
 * In the crowded scene 95 entries stand so that A's way to a free cell is to
 * move others.
 */
#include "../../libzeroipc/hopscotch.h"

#include "../harness.h"
#include "sweep.h"

#define CAPACITY 5u
#define WRITERS 6u
#define CROWD 94u
#define CROWDED_CAPACITY 100u

enum op { PUT, INSERT, REPLACE, REMOVE, CAS, ADD, GET, WALK, CLOSE };

static const char *const op_names[] = {
	"put", "insert", "replace", "remove", "cas", "add", "get", "next",
	"close"
};

struct scene {
	enum op op;
	bool set;     /* a Set, and no Map */
	bool present; /* A is there before */
	bool warm;
	bool crowded;
	unsigned value_size;
};

/* Values, and what a step can give beside those. */
#define BEFORE 1000u
#define SECOND 2000u
#define VICTIM 3000u
#define AFTER 4000u
#define FILLING 5000u
#define TORN 65535u
enum { PENDING, FINE, NOT_THERE, IS_THERE, DIFFERS, FAILED };

/* A map or a set, by one name. */
struct place {
	struct zipc_segment *segment;
	struct zipc_map *map;
	struct zipc_set *set;
	struct zipc_hopscotch *table; /* stands first in both */
	const struct scene *scene;
	uint64_t A, B, D, crowd[CROWD];
};

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

/* operations, with values that stand in every word so that a torn one shows */

static uint64_t read_value(const struct scene *scene, const uint64_t *words)
{
	unsigned i;

	for (i = 1; i < scene->value_size / 8; i++)
		if (words[i] != words[0])
			return TORN;
	return words[0];
}

static void write_value(const struct scene *scene, uint64_t *words,
			uint64_t value)
{
	unsigned i;

	for (i = 0; i < scene->value_size / 8; i++)
		words[i] = value;
}

static unsigned code_of(int rc)
{
	switch (rc) {
	case 0:
		return FINE;
	case -ENOENT:
		return NOT_THERE;
	case -EEXIST:
		return IS_THERE;
	case -EAGAIN:
		return DIFFERS;
	default:
		return FAILED;
	}
}

static int put(struct place *place, uint64_t key, uint64_t value)
{
	uint64_t words[32];

	if (place->set) {
		int rc = zipc_set_add(place->set, &key);

		return rc == -EEXIST ? 0 : rc;
	}
	write_value(place->scene, words, value);
	return zipc_map_put(place->map, &key, words);
}

static int insert(struct place *place, uint64_t key, uint64_t value)
{
	uint64_t words[32];

	if (place->set)
		return zipc_set_add(place->set, &key);
	write_value(place->scene, words, value);
	return zipc_map_insert(place->map, &key, words);
}

/* The value that was there, or a code. In a set all values are BEFORE. */
static uint64_t take_out(struct place *place, uint64_t key)
{
	uint64_t words[32];
	int rc;

	if (place->set) {
		rc = zipc_set_remove(place->set, &key);
		return rc ? code_of(rc) : BEFORE;
	}
	rc = zipc_map_remove(place->map, &key, words);
	return rc ? code_of(rc) : read_value(place->scene, words);
}

static uint64_t look(struct place *place, uint64_t key)
{
	uint64_t words[32];
	int rc;

	if (place->set)
		return zipc_set_has(place->set, &key) ? BEFORE : NOT_THERE;
	rc = zipc_map_get(place->map, &key, words);
	return rc ? code_of(rc) : read_value(place->scene, words);
}

/* Each entry in turn; the visitor is given NULL for the place when it ends. */
static void walk(struct place *place,
		 void (*visit)(void *context, uint64_t key, uint64_t value),
		 void *context)
{
	struct zipc_map_iterator *of_map;
	struct zipc_set_iterator *of_set;
	uint64_t key, words[32];

	if (place->set) {
		must(zipc_set_iterator_open(&of_set, place->set), "iterator");
		while (zipc_set_next(of_set, &key) > 0)
			visit(context, key, BEFORE);
		zipc_set_iterator_close(of_set);
		return;
	}
	must(zipc_map_iterator_open(&of_map, place->map), "iterator");
	while (zipc_map_next(of_map, &key, words) > 0)
		visit(context, key, read_value(place->scene, words));
	zipc_map_iterator_close(of_map);
}

/* set-up */

/* The next key at home in [home, home + width). */
static uint64_t key_at(const struct zipc_hopscotch *table, uint64_t home,
		       uint64_t width, uint64_t *from)
{
	uint64_t at;

	do {
		++*from;
		at = zipc_hopscotch_home_of(table, from);
	} while (at < home || at >= home + width);
	return *from;
}

static void choose_keys(struct place *place)
{
	uint64_t from = 0;
	unsigned i;

	place->A = key_at(place->table, 3, 1, &from);
	place->B = key_at(place->table, 3, 1, &from);
	place->D = key_at(place->table, 3, 1, &from);
	if (!place->scene->crowded)
		return;
	/* Those behind come first, and may be moved; then those of A's home. */
	for (i = 0; i < 64; i++)
		place->crowd[i] = key_at(place->table, 33, 34, &from);
	for (; i < CROWD; i++)
		place->crowd[i] = key_at(place->table, 3, 1, &from);
}

static void open_structure(struct place *place)
{
	if (place->scene->set) {
		must(zipc_set_open(&place->set, place->segment, "m", NULL),
		     "open");
		place->table = (void *)place->set;
	} else {
		must(zipc_map_open(&place->map, place->segment, "m", NULL,
				   NULL), "open");
		place->table = (void *)place->map;
	}
	choose_keys(place);
}

static struct place open_place(const struct scene *scene)
{
	struct place place = { .scene = scene };

	must(zipc_segment_open(&place.segment, sweep_segment(), 0), "open");
	open_structure(&place);
	return place;
}

static void close_structure(struct place *place)
{
	zipc_set_close(place->set);
	zipc_map_close(place->map);
}

static void create(const struct scene *scene, struct zipc_segment *segment)
{
	static const struct zipc_map_options few = { WRITERS };
	static const struct zipc_set_options few_too = { WRITERS };
	uint64_t capacity = scene->crowded ? CROWDED_CAPACITY : CAPACITY;
	struct zipc_map *map;
	struct zipc_set *set;
	char type[32];

	if (scene->set) {
		must(zipc_set_create_with(&set, segment, "m", "u64", capacity,
					  &few_too), "create");
		zipc_set_close(set);
		return;
	}
	snprintf(type, sizeof(type), "bytes:%u", scene->value_size);
	must(zipc_map_create_with(&map, segment, "m", "u64",
				  scene->value_size == 8 ? "u64" : type,
				  capacity, &few), "create");
	zipc_map_close(map);
}

/* One seed for all: a failure can be repeated. */
static void fix_seed(const struct scene *scene, struct zipc_segment *segment)
{
	struct zipc_found found;
	struct zipc_hop *hop;

	must(zipc_table_find(&found, segment, "m",
			     scene->set ? ZIPC_SET : ZIPC_MAP, NULL), "find");
	hop = (void *)found.body;
	hop->seed[0] = 0x0123456789ABCDEF;
	hop->seed[1] = 0xFEDCBA9876543211;
	zipc_table_release(&found);
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	struct place place = { .scene = context };
	unsigned i;

	zipc_segment_unlink(sweep_segment());
	must(zipc_segment_create(&place.segment, sweep_segment(), 64 << 10,
				 &few), "create");
	create(context, place.segment);
	fix_seed(context, place.segment);
	open_structure(&place);
	for (i = 0; place.scene->crowded && i < CROWD; i++)
		must(insert(&place, place.crowd[i], BEFORE), "insert");
	if (place.scene->present)
		must(insert(&place, place.A, BEFORE), "insert");
	must(insert(&place, place.B, BEFORE), "insert");
	close_structure(&place);
	zipc_segment_close(place.segment);
}

/* the victims */

static void visit_A(void *context, uint64_t key, uint64_t value)
{
	struct place *place = context;

	if (key == place->A)
		place->crowd[0] = value;
}

static uint64_t operate(struct place *place)
{
	uint64_t words[32], other[32], n = 7;
	int rc;

	switch (place->scene->op) {
	case PUT:
		return code_of(put(place, place->A, VICTIM));
	case INSERT:
		return code_of(insert(place, place->A, VICTIM));
	case REPLACE:
		write_value(place->scene, words, VICTIM);
		return code_of(zipc_map_replace(place->map, &place->A, words));
	case REMOVE:
		return take_out(place, place->A);
	case CAS:
		write_value(place->scene, words, BEFORE);
		write_value(place->scene, other, VICTIM);
		return code_of(zipc_map_cas(place->map, &place->A, words,
					    other));
	case ADD:
		rc = zipc_map_fetch_add(place->map, &place->A, &n, words);
		return rc ? code_of(rc) : words[0];
	case GET:
		return look(place, place->A);
	case WALK:
		place->crowd[0] = NOT_THERE;
		walk(place, visit_A, place);
		return place->crowd[0];
	default:
		close_structure(place);
		return FINE;
	}
}

static void first(struct sweep_victim *me, void *context)
{
	struct place place = open_place(context);
	uint64_t result;

	if (place.scene->warm)
		must(put(&place, place.B, BEFORE), "warming");
	sweep_begin(me);
	result = operate(&place);
	sweep_end(me, (int64_t)result);
}

/* Its notes are the results of its three steps. */
static void second(struct sweep_victim *me, void *context)
{
	struct place place = open_place(context);

	sweep_begin(me);
	me->notes[0] = code_of(put(&place, place.A, SECOND));
	me->n = 1;
	me->notes[1] = take_out(&place, place.B) >= BEFORE ? FINE : NOT_THERE;
	me->n = 2;
	me->notes[2] = code_of(insert(&place, place.D, SECOND));
	me->n = 3;
	sweep_end(me, 0);
}

/* histories */

#define STEPS 4u /* that of the first victim, and three of the second */

struct state {
	uint64_t A, B, D; /* values; 0: not there */
};

/* What each step gave, 16 bits each; PENDING: it was not taken. */
struct history {
	uint16_t gave[STEPS];
};

/* The step of the first victim, by the book. */
static uint64_t model_first(struct state *state, const struct scene *scene)
{
	uint64_t was = state->A;
	uint64_t victim = scene->set ? BEFORE : VICTIM;

	switch (scene->op) {
	case PUT:
		state->A = victim;
		return FINE;
	case INSERT:
		state->A = was ? was : victim;
		return was ? IS_THERE : FINE;
	case REPLACE:
		state->A = was ? VICTIM : 0;
		return was ? FINE : NOT_THERE;
	case REMOVE:
		state->A = 0;
		return was ? was : NOT_THERE;
	case CAS:
		state->A = was == BEFORE ? VICTIM : was;
		return !was ? NOT_THERE : was == BEFORE ? FINE : DIFFERS;
	case ADD:
		state->A = was ? was + 7 : 0;
		return was ? was : NOT_THERE;
	case CLOSE:
		return FINE;
	default:
		return was ? was : NOT_THERE;
	}
}

static uint64_t model(struct state *state, const struct scene *scene,
		      unsigned step)
{
	uint64_t was, second = scene->set ? BEFORE : SECOND;

	switch (step) {
	case 0:
		return model_first(state, scene);
	case 1:
		state->A = second;
		return FINE;
	case 2:
		was = state->B;
		state->B = 0;
		return was ? FINE : NOT_THERE;
	default:
		was = state->D;
		state->D = was ? was : second;
		return was ? IS_THERE : FINE;
	}
}

/* What a step told that it gave; PENDING if its victim has not ended it. */
static uint64_t told(const struct sweep_page *page, unsigned step)
{
	if (!step)
		return page->first.phase == 2 ? (uint64_t)page->first.result
					      : PENDING;
	return page->second.n >= step ? page->second.notes[step - 1] : PENDING;
}

static bool has_begun(const struct sweep_page *page, unsigned step,
		      const struct history *history)
{
	if (!step)
		return page->first.phase;
	return page->second.phase && (step == 1 || history->gave[step - 1]);
}

struct search {
	const struct sweep_page *page;
	const struct scene *scene;
	struct state seen;
	struct history found[60];
	unsigned n;
};

static void keep(struct search *search, const struct history *history)
{
	unsigned i;

	for (i = 0; i < search->n; i++)
		if (!memcmp(&search->found[i], history, sizeof(*history)))
			return;
	if (search->n < 60)
		search->found[search->n++] = *history;
}

/* All steps that told a result were taken, and gave that. */
static bool agrees(const struct search *search, const struct history *history)
{
	unsigned step;

	for (step = 0; step < STEPS; step++)
		if (told(search->page, step) != PENDING &&
		    told(search->page, step) != history->gave[step])
			return false;
	return true;
}

static void explore(struct search *search, struct state state,
		    struct history history)
{
	struct history next;
	struct state later;
	unsigned step;

	if (!memcmp(&state, &search->seen, sizeof(state)) &&
	    agrees(search, &history))
		keep(search, &history);
	for (step = 0; step < STEPS; step++) {
		if (history.gave[step] ||
		    !has_begun(search->page, step, &history))
			continue;
		later = state;
		next = history;
		next.gave[step] = (uint16_t)model(&later, search->scene, step);
		explore(search, later, next);
	}
}

/* the checks */

struct census {
	struct sweep_page *page;
	struct place *place;
	struct state state;
	uint64_t n, in_crowd;
};

static void visit(void *context, uint64_t key, uint64_t value)
{
	struct census *census = context;
	struct place *place = census->place;
	unsigned i;

	census->n++;
	if (value == TORN)
		sweep_fail(census->page, "a value is torn");
	if (key == place->A)
		census->state.A = value;
	else if (key == place->B)
		census->state.B = value;
	else if (key == place->D)
		census->state.D = value;
	for (i = 0; place->scene->crowded && i < CROWD; i++)
		census->in_crowd += key == place->crowd[i] && value == BEFORE;
}

/* What is there, by walking and by looking, which must agree. */
static struct state take_census(struct sweep_page *page, struct place *place,
				uint64_t crowd)
{
	struct census census = { .page = page, .place = place };
	struct state *it = &census.state;
	uint64_t keys;

	walk(place, visit, &census);
	keys = !!it->A + !!it->B + !!it->D + crowd;
	if (census.n != keys || census.in_crowd != crowd)
		sweep_fail(page, "%u entries came, %u of the %u beside",
			   (unsigned)census.n, (unsigned)census.in_crowd,
			   (unsigned)crowd);
	if ((it->A ? it->A : NOT_THERE) != look(place, place->A) ||
	    (it->B ? it->B : NOT_THERE) != look(place, place->B) ||
	    (it->D ? it->D : NOT_THERE) != look(place, place->D))
		sweep_fail(page, "walking finds what looking does not");
	return *it;
}

/* Between checks: whether there was one, and what may have happened. */
#define CHECKED 0
#define FOUND 1
#define FIRST_FOUND 2

static void check_histories(struct sweep_page *page, struct place *place)
{
	const struct scene *scene = place->scene;
	struct search search = { .page = page, .scene = scene };
	struct state from = { scene->present ? BEFORE : 0, BEFORE, 0 };
	uint64_t i, after = scene->set ? BEFORE : AFTER;
	struct history history = { { PENDING } };

	search.seen = take_census(page, place,
				  scene->crowded && !page->notes[CHECKED]
					  ? CROWD : 0);
	if (!page->notes[CHECKED])
		explore(&search, from, history);
	for (i = 0; page->notes[CHECKED] && i < page->notes[FOUND]; i++) {
		memcpy(&history, &page->notes[FIRST_FOUND + i],
		       sizeof(history));
		explore(&search, (struct state){ after, after, 0 }, history);
	}
	if (!search.n)
		sweep_fail(page, "no order of steps leaves A %u, B %u, D %u "
			   "(the first gave %u)", (unsigned)search.seen.A,
			   (unsigned)search.seen.B, (unsigned)search.seen.D,
			   (unsigned)told(page, 0));
	page->notes[CHECKED] = 1;
	page->notes[FOUND] = search.n;
	memcpy(&page->notes[FIRST_FOUND], search.found,
	       search.n * sizeof(history));
}

/* So many keys fit; one more for each step that did not live to be counted. */
static void check_capacity(struct sweep_page *page, struct place *place)
{
	uint64_t key, n = zipc_hopscotch_size(place->table), capacity;
	unsigned i, round;

	capacity = place->table->capacity;
	take_out(place, place->A);
	take_out(place, place->B);
	take_out(place, place->D);
	for (i = 0; place->scene->crowded && i < CROWD; i++)
		take_out(place, place->crowd[i]);
	if (zipc_hopscotch_size(place->table))
		sweep_fail(page, "%u were inside, and something stays",
			   (unsigned)n);
	for (round = 0; round < 2; round++) {
		for (n = 0; !insert(place, n << 32 | FILLING, FILLING); n++)
			if (n > capacity + 8)
				sweep_fail(page, "there is room without end");
		if (n < capacity || n > capacity + 2)
			sweep_fail(page, "%u keys fit, of %u", (unsigned)n,
				   (unsigned)capacity);
		for (key = 0; key < n; key++)
			if (take_out(place, key << 32 | FILLING) < BEFORE)
				sweep_fail(page, "key %u of %u is lost",
					   (unsigned)key, (unsigned)n);
	}
}

/* Each writer's place can be had, and then none of the dead claims a cell. */
static void check_writers(struct sweep_page *page, struct place *place)
{
	struct place others[WRITERS - 1];
	uint64_t i, word;
	int rc;

	for (i = 0; i < WRITERS - 1; i++) {
		others[i] = open_place(place->scene);
		rc = put(&others[i], FILLING, FILLING);
		if (rc || take_out(&others[i], FILLING) < BEFORE)
			sweep_fail(page, "writer %u of %u: %s",
				   (unsigned)i + 2, WRITERS, rc_name(rc));
	}
	for (i = 0; i < place->table->cell_count; i++) {
		word = atomic_load_explicit(
			&zipc_hop_cell(place->table, i)->word,
			memory_order_relaxed);
		if (zipc_hop_state_of(word) == ZIPC_HOP_CLAIMED)
			sweep_fail(page, "cell %u stays claimed", (unsigned)i);
	}
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	struct place place = open_place(context);

	check_histories(page, &place);
	check_capacity(page, &place);
	if (stage != SWEEP_STOPPED) {
		check_writers(page, &place);
		return;
	}
	must(put(&place, place.A, AFTER), "after");
	must(put(&place, place.B, AFTER), "after");
}

/* the table */

/* Bits: which of a scene's four states are swept; 0: all. */
#define SOME 9u   /* not there in a first call, there in a warmed one */
#define OTHERS 6u

static void sweep_op(struct scene scene, unsigned modes, unsigned which,
		     const char *words)
{
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene };
	char name[128], operation[64];
	struct sweep_row row = { .operation = operation };
	unsigned i;

	if (scene.op == ADD && scene.value_size != 8)
		return;
	if (scene.set)
		snprintf(operation, sizeof(operation), "set %s",
			 scene.op == INSERT ? "add" : op_names[scene.op]);
	else
		snprintf(operation, sizeof(operation), "map %s, %u bytes%s",
			 op_names[scene.op], scene.value_size, words);
	sweep.name = name;
	for (i = 0; i < (scene.crowded ? 1 : 4) && !row.failures; i++) {
		if (which && !(which >> i & 1))
			continue;
		scene.present = i & 1;
		scene.warm = scene.crowded || i & 2;
		snprintf(name, sizeof(name), "%s, the key is %s, %s", operation,
			 scene.present ? "there" : "not there",
			 scene.warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

#define DEATHS (SWEEP_KILL | SWEEP_PAIRS)

START_TEST(survives_one_death_and_two_at_every_instruction)
{
	sweep_op((struct scene){ .op = (enum op)_i, .value_size = 8 }, DEATHS,
		 SOME, "");
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_op((struct scene){ .op = (enum op)_i, .value_size = 8 },
		 SWEEP_STOP, SOME, "");
}
END_TEST

START_TEST(survives_in_the_other_states)
{
	sweep_op((struct scene){ .op = (enum op)_i, .value_size = 8 },
		 DEATHS | SWEEP_STOP, OTHERS, "");
}
END_TEST

START_TEST(survives_one_and_two_with_larger_values)
{
	unsigned size = _i % 2 ? 200 : 64;

	sweep_op((struct scene){ .op = (enum op)(_i / 2), .value_size = size },
		 DEATHS | SWEEP_STOP, 0, "");
}
END_TEST

START_TEST(survives_a_death_before_a_stopped_one_goes_on)
{
	sweep_op((struct scene){ .op = (enum op)_i, .value_size = 64 },
		 SWEEP_LATE, 0, "");
}
END_TEST

START_TEST(survives_two_that_stop_and_go_on)
{
	sweep_op((struct scene){ .op = (enum op)_i, .value_size = 64 },
		 SWEEP_CROSSED, 0, "");
}
END_TEST

START_TEST(survives_at_every_instruction_of_making_way)
{
	sweep_op((struct scene){ .op = INSERT, .value_size = 8,
				 .crowded = true },
		 DEATHS | SWEEP_STOP, 0, ", crowded");
}
END_TEST

static const enum op set_ops[] = { INSERT, REMOVE, GET, WALK, CLOSE };

static void sweep_set(enum op op, unsigned which)
{
	sweep_op((struct scene){ .op = op, .set = true, .value_size = 8 },
		 DEATHS | SWEEP_STOP, which, "");
}

START_TEST(a_set_survives_as_well)
{
	sweep_set(set_ops[_i], SOME);
}
END_TEST

START_TEST(a_set_survives_in_every_state)
{
	sweep_set(set_ops[_i], 0);
}
END_TEST

static Suite *map_sweep_suite(void)
{
	Suite *suite = suite_create("map sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);
	/* Those that take long are cases by themselves. */
	static char names[CLOSE + 1][32];
	int op;

	tcase_add_loop_test(tc, survives_one_death_and_two_at_every_instruction,
			    PUT, CLOSE + 1);
	tc = test_case(suite, "stops", "medium", 600);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, PUT,
			    CLOSE + 1);
	tc = test_case(suite, "other states", "stress", 1200);
	tcase_add_loop_test(tc, survives_in_the_other_states, PUT, CLOSE + 1);
	tc = test_case(suite, "set", "slow", 600);
	tcase_add_loop_test(tc, a_set_survives_as_well, 0, 2);
	tc = test_case(suite, "whole set", "stress", 600);
	tcase_add_loop_test(tc, a_set_survives_in_every_state, 0,
			    sizeof(set_ops) / sizeof(set_ops[0]));
	tc = test_case(suite, "larger", "stress", 1200);
	tcase_add_loop_test(tc, survives_one_and_two_with_larger_values,
			    2 * PUT, 2 * WALK + 2);
	tc = test_case(suite, "late", "stress", 1200);
	tcase_add_loop_test(tc, survives_a_death_before_a_stopped_one_goes_on,
			    PUT, WALK + 1);
	for (op = PUT; op <= WALK; op++) {
		snprintf(names[op], sizeof(names[op]), "crossed %s",
			 op_names[op]);
		tc = test_case(suite, names[op], "stress", 1200);
		tcase_add_loop_test(tc, survives_two_that_stop_and_go_on, op,
				    op + 1);
	}
	tc = test_case(suite, "crowded", "slow", 1200);
	tcase_add_test(tc, survives_at_every_instruction_of_making_way);
	return suite;
}

TEST_MAIN(map_sweep_suite)
