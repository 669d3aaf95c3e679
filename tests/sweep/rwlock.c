/* SPDX-License-Identifier: MIT */
/*
 * RWLock and Once under the sweep. Two words are guarded; a writer changes
 * first one, then the other, and a reader compares them. Whoever has the lock
 * with nothing told finds them equal; that a writer died inside is told, once,
 * and nothing else is; and nobody is held up by dead readers or claimants, or
 * by a stopped reader, unless it holds the lock.
 */
#include "../../libzeroipc/lock.h"
#include "../../libzeroipc/participant.h"
#include "../harness.h"
#include "sweep.h"

#include <sched.h>

/* WRITER: there is one, which leaves when the victim is dead or stopped. */
enum start { FREE, READER_DEAD, WRITER_DEAD, CLAIMANT_DEAD, WRITER };

struct scene {
	const char *name;
	bool writes; /* the first victim */
	enum start start;
	bool warm; /* its handle has read before, and has a record */
};

static const struct scene scenes[] = {
	{ "read", false, FREE, true },
	{ "first read", false, FREE, false },
	{ "write", true, FREE, true },
	{ "write behind a dead reader", true, READER_DEAD, true },
	{ "write behind a dead writer", true, WRITER_DEAD, true },
	{ "read behind a dead writer", false, WRITER_DEAD, true },
	{ "read behind a dead claimant", false, CLAIMANT_DEAD, true },
	{ "read beside a writer", false, WRITER, true },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(scenes[0])))

enum { HOLDER, PROGRESS, TORN };
enum { OUTSIDE, INSIDE, LEAVING, OUT };

struct things {
	struct zipc_segment *segment;
	struct zipc_rwlock *lock;
	struct zipc_once *once;
	struct zipc_array *array;
	volatile uint64_t *pair;
	struct zipc_rwlock_body *body;
	struct zipc_lock_reader *readers;
};

static struct things open_things(void)
{
	struct things it;
	struct zipc_found found;

	if (zipc_segment_open(&it.segment, sweep_segment(), 0) ||
	    zipc_rwlock_open(&it.lock, it.segment, "l") ||
	    zipc_once_open(&it.once, it.segment, "o") ||
	    zipc_array_open(&it.array, it.segment, "pair", "u64") ||
	    zipc_table_find(&found, it.segment, "l", ZIPC_RWLOCK, NULL))
		abort();
	it.pair = zipc_array_data(it.array);
	it.body = (void *)found.body;
	it.readers = (void *)(it.body + 1);
	zipc_table_release(&found); /* the lock keeps the block */
	return it;
}

static void close_things(struct things *it)
{
	zipc_rwlock_close(it->lock);
	zipc_once_close(it->once);
	zipc_array_close(it->array);
	zipc_segment_close(it->segment);
}

/* The word of one who had it for writing, and has gone. */
static uint64_t word_of_the_dead(void)
{
	struct things it = open_things();
	uint64_t word;

	if (zipc_rwlock_write_lock(it.lock, ZIPC_NOWAIT))
		abort();
	word = atomic_load_explicit(&it.body->owner.owner,
				    memory_order_relaxed);
	zipc_rwlock_unlock(it.lock);
	close_things(&it);
	return word;
}

static void begin_as(struct things *it, enum start start)
{
	uint64_t word = word_of_the_dead();

	if (start == READER_DEAD) {
		atomic_store_explicit(&it->readers[0].holder,
				      zipc_owner_holder(word),
				      memory_order_relaxed);
		atomic_store_explicit(&it->readers[0].reading, word,
				      memory_order_relaxed);
	} else if (start != FREE && start != WRITER) {
		if (start == CLAIMANT_DEAD)
			word |= ZIPC_CLAIMING;
		atomic_store_explicit(&it->body->owner.owner, word,
				      memory_order_relaxed);
	}
	it->pair[0] = start == WRITER_DEAD; /* it died between */
}

static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 5,
					    .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_rwlock *lock;
	struct zipc_semaphore *leave;
	struct zipc_once *once;
	struct zipc_array *array;
	struct things it;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    zipc_rwlock_create(&lock, segment, "l", 4) ||
	    zipc_once_create(&once, segment, "o") ||
	    zipc_array_create(&array, segment, "pair", "u64", 2) ||
	    zipc_semaphore_create(&leave, segment, "leave", 0, 1))
		abort();
	zipc_semaphore_close(leave);
	zipc_rwlock_close(lock);
	zipc_once_close(once);
	zipc_array_close(array);
	it = open_things();
	if (scene)
		begin_as(&it, scene->start);
	close_things(&it);
	zipc_segment_close(segment);
}

#define NOTE(what)                                                           \
	atomic_store_explicit((_Atomic uint64_t *)&me->notes[PROGRESS],      \
			      (what), memory_order_release)

static void change(struct things *it, bool told)
{
	if (told) {
		it->pair[1] = it->pair[0];
		zipc_rwlock_consistent(it->lock);
	}
	it->pair[0]++;
	it->pair[1]++;
}

static int64_t section(struct things *it, struct sweep_victim *me, bool writes)
{
	int rc = writes ? zipc_rwlock_write_lock(it->lock, ZIPC_NOWAIT)
			: zipc_rwlock_read_lock(it->lock, ZIPC_NOWAIT);

	if (rc && rc != -EOWNERDEAD)
		return rc;
	if (writes || rc) {
		NOTE(INSIDE);
		change(it, rc != 0);
		NOTE(LEAVING);
	} else {
		me->notes[TORN] |= it->pair[0] != it->pair[1];
	}
	rc = zipc_rwlock_unlock(it->lock);
	NOTE(OUT);
	return rc;
}

static void warm_up(struct things *it)
{
	uint64_t word = atomic_load_explicit(&it->body->owner.owner,
					     memory_order_relaxed);

	/* As if it were free, and then as it was. */
	atomic_store_explicit(&it->body->owner.owner, 0, memory_order_relaxed);
	if (zipc_rwlock_read_lock(it->lock, ZIPC_NOWAIT) ||
	    zipc_rwlock_unlock(it->lock))
		abort();
	atomic_store_explicit(&it->body->owner.owner, word,
			      memory_order_relaxed);
}

/* The companion: inside, until it is asked to leave. */
static void write_until_asked(void *unused)
{
	struct things it = open_things();
	struct zipc_semaphore *leave;

	(void)unused;
	if (zipc_semaphore_open(&leave, it.segment, "leave") ||
	    zipc_rwlock_write_lock(it.lock, ZIPC_NOWAIT) ||
	    zipc_semaphore_acquire(leave, ZIPC_FOREVER) ||
	    zipc_rwlock_unlock(it.lock))
		abort();
}

static bool somebody_writes(const struct things *it)
{
	return atomic_load_explicit(&it->body->owner.owner,
				    memory_order_relaxed) != 0;
}

/* It is asked once, by the first check. */
static void let_it_leave(struct things *it)
{
	struct zipc_semaphore *leave;

	if (zipc_semaphore_open(&leave, it->segment, "leave"))
		abort();
	if (somebody_writes(it) && !zipc_semaphore_release(leave, 1))
		while (somebody_writes(it))
			sched_yield();
	zipc_semaphore_close(leave);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct things it = open_things();

	if (scene->warm && scene->start != READER_DEAD)
		warm_up(&it);
	me->notes[HOLDER] = it.segment->holder;
	sweep_begin(me);
	sweep_end(me, section(&it, me, scene->writes));
}

static void second(struct sweep_victim *me, void *unused)
{
	struct things it = open_things();

	(void)unused;
	me->notes[HOLDER] = it.segment->holder;
	sweep_begin(me);
	sweep_end(me, section(&it, me, true));
}

/* the check */

static bool somebody_reads(const struct things *it)
{
	uint64_t word;
	int i;

	for (i = 0; i < 4; i++) {
		word = atomic_load_explicit(&it->readers[i].reading,
					    memory_order_relaxed);
		if (word && zipc_segment_lives(it->segment,
					       zipc_owner_holder(word)))
			return true;
	}
	return false;
}

/* What write_lock() must give by what stands there. */
static int expected(const struct things *it)
{
	uint64_t word = atomic_load_explicit(&it->body->owner.owner,
					     memory_order_relaxed);
	uint64_t holder = zipc_owner_holder(word);

	if (holder && zipc_segment_lives(it->segment, holder))
		return -EAGAIN;
	if (somebody_reads(it))
		return -EAGAIN;
	if (word & ZIPC_INCONSISTENT)
		return -EOWNERDEAD;
	return holder && !(word & ZIPC_CLAIMING) ? -EOWNERDEAD : 0;
}

static bool is_dead(const struct things *it, const struct sweep_victim *victim)
{
	return victim->phase == 1 &&
	       !zipc_segment_lives(it->segment, victim->notes[HOLDER]);
}

static void check_notes(struct sweep_page *page, const struct scene *scene,
			const struct things *it, int rc)
{
	const struct sweep_victim *victims[] = { &page->first, &page->second };
	bool must = false, may = scene->start == WRITER_DEAD;
	int i;

	for (i = 0; i < 2; i++) {
		if (victims[i]->notes[TORN])
			sweep_fail(page, "a reader met a writer");
		if (!is_dead(it, victims[i]))
			continue;
		may |= victims[i]->notes[PROGRESS] != OUT;
		must |= victims[i]->notes[PROGRESS] == INSIDE &&
			victims[!i]->notes[PROGRESS] <= INSIDE;
	}
	/* To the first who has it; while a living one does, nothing is. */
	if (must && !page->notes[0]++ && rc != -EOWNERDEAD && rc != -EAGAIN)
		sweep_fail(page, "one died inside, and the lock gives %s",
			   rc_name(rc));
	if (!may && rc == -EOWNERDEAD)
		sweep_fail(page, "nobody died inside, and one is told so");
}

static void check_lock(struct sweep_page *page, struct things *it, int rc)
{
	if (rc == 0 && it->pair[0] != it->pair[1])
		sweep_fail(page, "%u and %u are guarded, and no death is told",
			   (unsigned)it->pair[0], (unsigned)it->pair[1]);
	if (rc == -EOWNERDEAD) {
		it->pair[1] = it->pair[0];
		if (zipc_rwlock_consistent(it->lock))
			sweep_fail(page, "it can not be made consistent");
	}
	if (zipc_rwlock_unlock(it->lock))
		sweep_fail(page, "it can not be unlocked");
	rc = zipc_rwlock_read_lock(it->lock, ZIPC_NOWAIT);
	if (rc || zipc_rwlock_unlock(it->lock))
		sweep_fail(page, "the next lock gives %s", rc_name(rc));
}

/* A reader has the owner word only if a writer died. */
static void check_reader(struct sweep_page *page, const struct scene *scene,
			 const struct things *it)
{
	uint64_t word = atomic_load_explicit(&it->body->owner.owner,
					     memory_order_relaxed);

	if (!scene->writes && scene->start != WRITER_DEAD &&
	    zipc_owner_holder(word) == page->first.notes[HOLDER])
		sweep_fail(page, "a reader keeps others out, by %llx",
			   (unsigned long long)word);
}

/* Readers hold it: another one comes in. */
static void check_another_reads(struct sweep_page *page, struct things *it)
{
	int rc = zipc_rwlock_read_lock(it->lock, ZIPC_NOWAIT);

	if (rc || zipc_rwlock_unlock(it->lock))
		sweep_fail(page, "beside a reader, read_lock() gives %s",
			   rc_name(rc));
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct things it = open_things();
	int want, rc;

	if (scene->start == WRITER)
		let_it_leave(&it);
	check_reader(page, scene, &it);
	want = expected(&it);
	rc = zipc_rwlock_write_lock(it.lock, ZIPC_NOWAIT);
	if (scene->start == WRITER && rc)
		sweep_fail(page, "the writer has left, and write_lock() gives "
			   "%s", rc_name(rc));
	if (rc == -EAGAIN && !somebody_writes(&it))
		check_another_reads(page, &it);
	if (stage == SWEEP_ENDED && page->first.result &&
	    page->first.result != -EAGAIN)
		sweep_fail(page, "it went on, and gave %s",
			   rc_name(page->first.result));
	if (rc != want)
		sweep_fail(page, "write_lock() gives %s, not %s", rc_name(rc),
			   rc_name(want));
	check_notes(page, scene, &it, rc);
	if (rc == -EAGAIN && stage == SWEEP_DEAD)
		sweep_fail(page, "the dead hold it");
	if (rc != -EAGAIN)
		check_lock(page, &it, rc);
}

static void sweep_modes(struct scene scene, unsigned modes)
{
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	if (scene.start == WRITER)
		sweep.companion = write_until_asked;
	snprintf(operation, sizeof(operation), "rwlock %s", scene.name);
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

/* Whether somebody lives is long to find out, and little changes in it. */
START_TEST(a_writers_death_is_told_and_nothing_else)
{
	const struct scene *it = &scenes[_i];

	unsigned modes = SWEEP_KILL | SWEEP_STOP;

	if (it->start == FREE)
		modes |= SWEEP_PAIRS;
	if (it->start == FREE && it->warm)
		modes |= SWEEP_LATE | SWEEP_CROSSED;
	sweep_modes(*it, modes);
}
END_TEST

START_TEST(so_it_is_of_any_two)
{
	sweep_modes(scenes[_i], SWEEP_PAIRS);
}
END_TEST

/* Once: the pair is what it sets up, and both words say how often it ran. */

static int fill(void *context)
{
	struct things *it = context;

	it->pair[0]++;
	it->pair[1] = it->pair[0];
	return 0;
}

static void call(struct sweep_victim *me, void *unused)
{
	struct things it = open_things();

	(void)unused;
	sweep_begin(me);
	sweep_end(me, zipc_once_call(it.once, fill, &it, ZIPC_NOWAIT));
}

static void check_once(struct sweep_page *page, enum sweep_stage stage,
		       void *unused)
{
	struct things it = open_things();
	bool done = zipc_once_done(it.once);
	uint64_t before = it.pair[0];
	int rc = zipc_once_call(it.once, fill, &it, ZIPC_NOWAIT);

	(void)unused;
	if (stage != SWEEP_STOPPED && rc)
		sweep_fail(page, "a call gives %s", rc_name(rc));
	if (rc == -EAGAIN)
		return;
	if (rc || !zipc_once_done(it.once))
		sweep_fail(page, "a call gives %s, and it is not done",
			   rc_name(rc));
	if (it.pair[0] != it.pair[1] || !it.pair[0])
		sweep_fail(page, "it is done, and %u and %u are there",
			   (unsigned)it.pair[0], (unsigned)it.pair[1]);
	if (done && it.pair[0] != before)
		sweep_fail(page, "it was done, and is done again");
	if (!done && page->first.phase == 2 && page->first.result == 0)
		sweep_fail(page, "a call has returned, and it was not done");
}

START_TEST(who_dies_inside_is_replaced)
{
	struct sweep_row row = { .operation = "once call" };
	struct sweep sweep = { .name = "once call", .set_up = set_up,
			       .first = call, .second = call,
			       .check = check_once };

	sweep_scene(&row, &sweep,
		    SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS | SWEEP_LATE |
			    SWEEP_CROSSED);
	sweep_report(&row);
}
END_TEST

static Suite *rwlock_sweep_suite(void)
{
	Suite *suite = suite_create("rwlock sweep");
	TCase *tc;
	int i;

	for (i = 0; i < SCENES; i++) {
		tc = test_case(suite, scenes[i].name, "slow", 900);
		tcase_add_loop_test(tc, a_writers_death_is_told_and_nothing_else,
				    i, i + 1);
	}
	tc = test_case(suite, "pairs", "stress", 1200);
	for (i = 0; i < SCENES; i++)
		if (scenes[i].start != FREE && scenes[i].start != WRITER)
			tcase_add_loop_test(tc, so_it_is_of_any_two, i, i + 1);
	tc = test_case(suite, "once", "slow", 900);
	tcase_add_test(tc, who_dies_inside_is_replaced);
	return suite;
}

TEST_MAIN(rwlock_sweep_suite)
