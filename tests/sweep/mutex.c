/* SPDX-License-Identifier: MIT */
/*
 * The mutex under the sweep. Two words are guarded by it; a section under the
 * lock changes first one, then the other. Whoever has the lock with nothing
 * told finds them equal; -EOWNERDEAD is told when somebody has died with the
 * lock held, once, and only then; and nobody has it while another lives who
 * holds it.
 *
 * Sleepers: of two that wait one is killed, or who unlocks is, at each
 * instruction; the other comes to its end all the same.
 */
#include "../../libzeroipc/lock.h"
#include "../../libzeroipc/participant.h"
#include "../harness.h"
#include "sweep.h"

/* How the mutex stands at first. */
enum start { FREE, HELD_BY_THE_DEAD, GIVEN_UP, LOST };

enum op { SECTION, NO_REPAIR, RESET };

struct scene {
	const char *name;
	enum op op;
	enum start start;
};

static const struct scene scenes[] = {
	{ "section", SECTION, FREE },
	{ "section after a death", SECTION, HELD_BY_THE_DEAD },
	{ "section after a close", SECTION, GIVEN_UP },
	{ "unlock without repair", NO_REPAIR, HELD_BY_THE_DEAD },
	{ "reset", RESET, LOST },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(scenes[0])))

/* How far a section is, in its victim's notes. */
enum { HOLDER, PROGRESS };
enum { OUTSIDE, INSIDE, LEAVING, OUT };

struct things {
	struct zipc_segment *segment;
	struct zipc_mutex *mutex;
	struct zipc_array *array;
	volatile uint64_t *pair;
	struct zipc_owner *owner;
};

static struct things open_things(void)
{
	struct things it;
	struct zipc_found found;

	if (zipc_segment_open(&it.segment, sweep_segment(), 0) ||
	    zipc_mutex_open(&it.mutex, it.segment, "m") ||
	    zipc_array_open(&it.array, it.segment, "pair", "u64") ||
	    zipc_table_find(&found, it.segment, "m", ZIPC_MUTEX, NULL))
		abort();
	it.pair = zipc_array_data(it.array);
	it.owner = (void *)found.body;
	zipc_table_release(&found); /* the mutex keeps the block */
	return it;
}

/* The word of one who has died with the lock. */
static uint64_t word_of_the_dead(void)
{
	struct things it = open_things();
	uint64_t word;

	if (zipc_mutex_lock(it.mutex, ZIPC_NOWAIT))
		abort();
	word = atomic_load_explicit(&it.owner->owner, memory_order_relaxed);
	zipc_mutex_unlock(it.mutex);
	zipc_mutex_close(it.mutex);
	zipc_array_close(it.array);
	zipc_segment_close(it.segment);
	return word;
}

static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_mutex *mutex;
	struct zipc_array *array;
	uint64_t words[] = { 0, 0, ZIPC_INCONSISTENT, ZIPC_CLOSED };
	struct things it;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    zipc_mutex_create(&mutex, segment, "m") ||
	    zipc_array_create(&array, segment, "pair", "u64", 2))
		abort();
	zipc_mutex_close(mutex);
	zipc_array_close(array);
	it = open_things();
	words[HELD_BY_THE_DEAD] = word_of_the_dead();
	atomic_store_explicit(&it.owner->owner, words[scene->start],
			      memory_order_relaxed);
	it.pair[0] = scene->start == HELD_BY_THE_DEAD; /* it died between */
	zipc_mutex_close(it.mutex);
	zipc_array_close(it.array);
	zipc_segment_close(it.segment);
	zipc_segment_close(segment);
}

/* In the order in which the processor makes the stores. */
#define NOTE(what)                                                           \
	atomic_store_explicit((_Atomic uint64_t *)&me->notes[PROGRESS],      \
			      (what), memory_order_release)

static int64_t section(struct things *it, struct sweep_victim *me)
{
	int rc = zipc_mutex_lock(it->mutex, ZIPC_NOWAIT);

	if (rc && rc != -EOWNERDEAD)
		return rc;
	NOTE(INSIDE);
	if (rc) {
		it->pair[1] = it->pair[0];
		zipc_mutex_consistent(it->mutex);
	}
	it->pair[0]++;
	it->pair[1]++;
	NOTE(LEAVING);
	rc = zipc_mutex_unlock(it->mutex);
	NOTE(OUT);
	return rc;
}

static int64_t operate(struct things *it, enum op op, struct sweep_victim *me)
{
	int rc;

	if (op == SECTION)
		return section(it, me);
	if (op == RESET)
		return zipc_mutex_reset(it->mutex);
	rc = zipc_mutex_lock(it->mutex, ZIPC_NOWAIT);
	return rc && rc != -EOWNERDEAD ? rc : zipc_mutex_unlock(it->mutex);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct things it = open_things();

	me->notes[HOLDER] = it.segment->holder;
	sweep_begin(me);
	sweep_end(me, operate(&it, scene->op, me));
}

static void second(struct sweep_victim *me, void *unused)
{
	struct things it = open_things();

	(void)unused;
	me->notes[HOLDER] = it.segment->holder;
	sweep_begin(me);
	sweep_end(me, section(&it, me));
}

/* the check */

/* What lock() must give by who stands in the word. */
static int expected(const struct things *it, uint64_t word)
{
	uint64_t holder = zipc_owner_holder(word);

	if (word == ZIPC_CLOSED)
		return -ENOTRECOVERABLE;
	if (holder && zipc_segment_lives(it->segment, holder))
		return -EAGAIN;
	return holder || word == ZIPC_INCONSISTENT ? -EOWNERDEAD : 0;
}

/* With the lock, and the other one has not had it since. */
static bool has_died_inside(const struct things *it,
			    const struct sweep_victim *victim,
			    const struct sweep_victim *other)
{
	return victim->phase == 1 && victim->notes[PROGRESS] == INSIDE &&
	       other->notes[PROGRESS] <= INSIDE &&
	       !zipc_segment_lives(it->segment, victim->notes[HOLDER]);
}

static bool may_have_died_holding(const struct things *it,
				  const struct sweep_victim *victim)
{
	return victim->phase == 1 && victim->notes[PROGRESS] != OUT &&
	       !zipc_segment_lives(it->segment, victim->notes[HOLDER]);
}

/* What the victims have noted says whether a death must or may be told. */
static void check_notes(struct sweep_page *page, const struct scene *scene,
			const struct things *it, int rc)
{
	const struct sweep_victim *victims[] = { &page->first, &page->second };
	bool must = false, may = scene->start != FREE;
	int i;

	for (i = 0; i < 2; i++) {
		must |= has_died_inside(it, victims[i], victims[!i]);
		may |= may_have_died_holding(it, victims[i]);
	}
	/* To the first who has it; while a living one does, nothing is. */
	if (must && !page->notes[0]++ && rc != -EOWNERDEAD &&
	    rc != -EAGAIN)
		sweep_fail(page, "one died inside, and lock() gives %s",
			   rc_name(rc));
	if (!may && rc == -EOWNERDEAD)
		sweep_fail(page, "nobody died holding it, and lock() says so");
}

static void check_lock(struct sweep_page *page, struct things *it, int rc)
{
	if (rc == 0 && it->pair[0] != it->pair[1])
		sweep_fail(page, "%u and %u are guarded, and no death is told",
			   (unsigned)it->pair[0], (unsigned)it->pair[1]);
	if (rc == -EOWNERDEAD) {
		it->pair[1] = it->pair[0];
		if (zipc_mutex_consistent(it->mutex))
			sweep_fail(page, "it can not be made consistent");
	}
	if (zipc_mutex_unlock(it->mutex))
		sweep_fail(page, "it can not be unlocked");
	rc = zipc_mutex_lock(it->mutex, ZIPC_NOWAIT);
	if (rc || zipc_mutex_unlock(it->mutex))
		sweep_fail(page, "the next lock() gives %s", rc_name(rc));
}

static void check_end(struct sweep_page *page, const struct scene *scene)
{
	int64_t rc = page->first.result;

	if (rc && rc != -EAGAIN && scene->start != LOST)
		sweep_fail(page, "it went on, and gave %s", rc_name(rc));
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct things it = open_things();
	uint64_t word = atomic_load_explicit(&it.owner->owner,
					     memory_order_relaxed);
	int want = expected(&it, word);
	int rc = zipc_mutex_lock(it.mutex, ZIPC_NOWAIT);

	if (stage == SWEEP_ENDED)
		check_end(page, scene);
	if (rc != want)
		sweep_fail(page, "lock() gives %s, not %s", rc_name(rc),
			   rc_name(want));
	check_notes(page, scene, &it, rc);
	if (rc == -EAGAIN && stage == SWEEP_DEAD)
		sweep_fail(page, "the dead hold it");
	if (rc == -ENOTRECOVERABLE) {
		if (scene->op == SECTION)
			sweep_fail(page, "it is not recoverable");
		if (zipc_mutex_reset(it.mutex))
			sweep_fail(page, "it can not be reset");
		rc = zipc_mutex_lock(it.mutex, ZIPC_NOWAIT);
	}
	if (!rc || rc == -EOWNERDEAD)
		check_lock(page, &it, rc);
}

static void sweep_modes(struct scene scene, unsigned modes)
{
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	snprintf(operation, sizeof(operation), "mutex %s", scene.name);
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

/* Whether somebody lives, and a message, are long; little changes in them. */
static bool is_long(const struct scene *scene)
{
	return scene->start == HELD_BY_THE_DEAD || scene->start == GIVEN_UP;
}

START_TEST(a_death_is_told_and_nothing_else)
{
	sweep_modes(scenes[_i],
		    SWEEP_KILL | SWEEP_STOP |
			    (is_long(&scenes[_i]) ? 0
						  : SWEEP_PAIRS | SWEEP_LATE |
							    SWEEP_CROSSED));
}
END_TEST

START_TEST(so_it_is_of_any_two)
{
	sweep_modes(scenes[_i],
		    SWEEP_PAIRS | (scenes[_i].start == HELD_BY_THE_DEAD
					   ? 0
					   : SWEEP_LATE | SWEEP_CROSSED));
}
END_TEST

/* sleepers */

struct sleep_scene {
	const char *name;
	bool unlocks; /* the victim does; else it sleeps too */
};

static const struct sleep_scene sleep_scenes[] = {
	{ "lock that sleeps", false },
	{ "unlock that wakes", true },
};

/* Somebody who lives as long as the sweep holds it. */
static void set_up_held(void *unused)
{
	struct scene free_one = { .start = FREE };
	struct things it;

	(void)unused;
	set_up(&free_one);
	it = open_things(); /* and stays open */
	if (zipc_mutex_lock(it.mutex, ZIPC_NOWAIT))
		abort();
}

/* From the one who lives: as his own unlock would. */
static void free_it(struct things *it)
{
	struct zipc_found found;

	if (zipc_table_find(&found, it->segment, "m", ZIPC_MUTEX, NULL))
		abort();
	atomic_store_explicit(&it->owner->owner, 0, memory_order_release);
	zipc_table_release(&found);
	zipc_wake(&found.block->writable, it->segment->symmetric, 1);
}

static void sleeper(struct sweep_victim *me, void *context)
{
	const struct sleep_scene *scene = context;
	struct things it = open_things();

	if (scene->unlocks) { /* it was handed to the victim */
		atomic_store_explicit(&it.owner->owner, 0,
				      memory_order_relaxed);
		if (zipc_mutex_lock(it.mutex, ZIPC_NOWAIT))
			abort();
	}
	sweep_begin(me);
	sweep_end(me, scene->unlocks ? zipc_mutex_unlock(it.mutex)
				     : zipc_mutex_lock(it.mutex, ZIPC_FOREVER));
}

static void other_sleeper(void *unused)
{
	struct things it = open_things();
	int rc = zipc_mutex_lock(it.mutex, ZIPC_FOREVER);

	(void)unused;
	if (rc && rc != -EOWNERDEAD)
		abort();
}

static void wake(void *unused)
{
	struct things it = open_things();

	(void)unused;
	free_it(&it);
}

/* Who held it at first gives it back, unless the victim had it since. */
static void check_sleeper(struct sweep_page *page, enum sweep_stage stage,
			  void *context)
{
	const struct sleep_scene *scene = context;
	struct things it = open_things();
	uint64_t word = atomic_load_explicit(&it.owner->owner,
					     memory_order_relaxed);
	uint64_t holder = zipc_owner_holder(word);

	(void)page;
	(void)stage;
	if (!scene->unlocks && (word & 0xFFFF << 3) &&
	    zipc_holder_index(holder) == 0)
		free_it(&it);
}

START_TEST(the_other_sleeper_goes_on)
{
	struct sleep_scene scene = sleep_scenes[_i];
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up_held,
			       .first = sleeper, .check = check_sleeper,
			       .companion = other_sleeper,
			       .wake = scene.unlocks ? NULL : wake,
			       .context = &scene };

	snprintf(operation, sizeof(operation), "mutex %s", scene.name);
	sweep_scene(&row, &sweep, SWEEP_KILL);
	sweep_report(&row);
}
END_TEST

static Suite *mutex_sweep_suite(void)
{
	Suite *suite = suite_create("mutex sweep");
	TCase *tc;
	int i;

	for (i = 0; i < SCENES; i++) {
		tc = test_case(suite, scenes[i].name, "slow", 900);
		tcase_add_loop_test(tc, a_death_is_told_and_nothing_else, i,
				    i + 1);
	}
	for (i = 0; i < SCENES; i++) {
		if (!is_long(&scenes[i]))
			continue;
		tc = test_case(suite, "pairs", "stress", 1200);
		tcase_add_loop_test(tc, so_it_is_of_any_two, i, i + 1);
	}
	/* Each point takes a nap, and who sleeps has thousands. */
	for (i = 0; i < 2; i++) {
		tc = test_case(suite, sleep_scenes[i].name,
			       sleep_scenes[i].unlocks ? "slow" : "stress",
			       1200);
		tcase_add_loop_test(tc, the_other_sleeper_goes_on, i, i + 1);
	}
	return suite;
}

TEST_MAIN(mutex_sweep_suite)
