/* SPDX-License-Identifier: MIT */
/*
 * Mutex, RWLock and Once under the schedule explorer: two or three tasks lock
 * and unlock, waiting or not, while one of them may be killed or stopped. In
 * every schedule nobody is inside with a writer, who sleeps is woken, and a
 * death is told to the next one, if somebody died inside, and only then; and
 * one that is stopped on its way in to read keeps out no other reader, and no
 * writer either, unless its word stands.
 *
 * Each task follows a script, a character for an operation; capitals wait:
 *
 *   l L  mutex    r R  read lock    w W  write lock    o O  once
 */
#include "../harness.h"
#include "../../libzeroipc/lock.h"
#include "../../libzeroipc/participant.h"
#include "schedule.h"

#include <ctype.h>

#define JUDGE SCHEDULE_TASKS
#define DEADLINE INT64_C(400000000) /* behind some naps */

enum kind { MUTEX, RWLOCK, ONCE };

struct scene {
	struct schedule schedule;
	const char *scripts[SCHEDULE_TASKS];
	unsigned flags; /* of the segment */
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_mutex *mutexes[SCHEDULE_TASKS + 1];
static struct zipc_rwlock *rwlocks[SCHEDULE_TASKS + 1];
static struct zipc_once *onces[SCHEDULE_TASKS + 1];
static struct zipc_block *blocks[3];
static struct zipc_owner *owners[3];
static struct zipc_lock_reader *readers; /* that of a task by its number */

/* Where a task is with each kind; what it was told, and how often it ran. */
enum place { OUTSIDE, ENTERING, READING, WRITING, LEAVING };

static struct {
	enum place places[SCHEDULE_TASKS][3];
	bool reads[SCHEDULE_TASKS]; /* or is on its way to */
	bool told[SCHEDULE_TASKS]; /* that this one died */
	unsigned runs;
} now;

static void must(int64_t rc)
{
	if (rc) {
		fprintf(stderr, "set_up: %s\n", zipc_last_error());
		abort();
	}
}

static void open_for(unsigned i, const char *name)
{
	schedule_as(i);
	must(zipc_segment_open(&segments[i], name, 0));
	must(zipc_mutex_open(&mutexes[i], segments[i], "m"));
	must(zipc_rwlock_open(&rwlocks[i], segments[i], "r"));
	must(zipc_once_open(&onces[i], segments[i], "o"));
	/* The record is taken, so that read_lock() is what users meet. */
	must(zipc_rwlock_read_lock(rwlocks[i], ZIPC_NOWAIT));
	must(zipc_rwlock_unlock(rwlocks[i]));
	must(zipc_mutex_lock(mutexes[i], ZIPC_NOWAIT));
	must(zipc_mutex_unlock(mutexes[i]));
}

static void find(enum kind which, const char *name, unsigned kind)
{
	struct zipc_found found;

	must(zipc_table_find(&found, segments[JUDGE], name, kind, NULL));
	zipc_table_release(&found);
	blocks[which] = found.block;
	owners[which] = (void *)found.body;
	schedule_label(&owners[which]->owner, 8, "%s.owner", name);
	schedule_label(&found.block->readable, 16, "%s.readable", name);
	schedule_label(&found.block->writable, 16, "%s.writable", name);
}

static void set_up(const void *context)
{
	const struct scene *scene = context;
	struct zipc_segment_options few = { .max_entries = 3,
					    .max_participants = 8,
					    .flags = scene->flags };
	const char *name = test_name("schedule");
	struct zipc_rwlock_body *body;
	unsigned i;

	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 16384, &few));
	must(zipc_mutex_create(&mutexes[JUDGE], segments[JUDGE], "m"));
	must(zipc_rwlock_create(&rwlocks[JUDGE], segments[JUDGE], "r", 4));
	must(zipc_once_create(&onces[JUDGE], segments[JUDGE], "o"));
	for (i = 0; i < scene->schedule.tasks; i++)
		open_for(i, name);
	find(MUTEX, "m", ZIPC_MUTEX);
	find(RWLOCK, "r", ZIPC_RWLOCK);
	find(ONCE, "o", ZIPC_ONCE);
	body = (void *)owners[RWLOCK];
	readers = (void *)(body + 1);
	schedule_label(&body->drained, 16, "drained");
	for (i = 0; i < 4; i++)
		schedule_label(&readers[i].reading, 8, "reading[%u]", i);
	must(zipc_segment_unlink(name));
	memset(&now, 0, sizeof(now));
	schedule_keep(&now, sizeof(now));
}

/* what must be true of one who comes in */

/* Nobody who lives is inside with a writer. */
static void must_be_alone(unsigned me, enum kind kind, enum place place)
{
	enum place other;
	unsigned i;

	for (i = 0; i < SCHEDULE_TASKS; i++) {
		other = now.places[i][kind];
		if (i == me || schedule_is_dead(i))
			continue;
		schedule_must(other != WRITING &&
				      (other != READING || place == READING),
			      "task %u comes in while task %u is inside", me,
			      i);
	}
}

/* Told is a death at the first that comes in behind it, and no other. */
static void must_be_told(unsigned me, enum kind kind, bool told)
{
	bool may = false;
	unsigned i;

	for (i = 0; i < SCHEDULE_TASKS; i++) {
		if (!schedule_is_dead(i) || now.told[i])
			continue;
		if (now.places[i][kind] == WRITING)
			schedule_must(told, "task %u died inside, and nobody "
				      "is told", i);
		if (now.places[i][kind] != OUTSIDE)
			may = true;
		if (told)
			now.told[i] = true;
	}
	schedule_must(may || !told, "task %u is told of a death that was not",
		      me);
}

/* operations */

static int64_t timeout_of(char what)
{
	return isupper(what) ? DEADLINE : ZIPC_NOWAIT;
}

static void check_result(char what, int rc)
{
	if (!rc || rc == -EOWNERDEAD || (rc == -EAGAIN && islower(what)))
		return;
	schedule_must(schedule_has_fault() && rc == -ETIMEDOUT,
		      "%c gives %s", what, rc_name(rc));
}

static int lock_as(unsigned me, char what)
{
	switch (tolower(what)) {
	case 'l':
		return zipc_mutex_lock(mutexes[me], timeout_of(what));
	case 'r':
		return zipc_rwlock_read_lock(rwlocks[me], timeout_of(what));
	default:
		return zipc_rwlock_write_lock(rwlocks[me], timeout_of(what));
	}
}

static int unlock_as(unsigned me, enum kind kind, bool told)
{
	if (kind == MUTEX) {
		must(told ? zipc_mutex_consistent(mutexes[me]) : 0);
		return zipc_mutex_unlock(mutexes[me]);
	}
	must(told ? zipc_rwlock_consistent(rwlocks[me]) : 0);
	return zipc_rwlock_unlock(rwlocks[me]);
}

static void lock_and_unlock(unsigned me, char what)
{
	enum kind kind = tolower(what) == 'l' ? MUTEX : RWLOCK;
	enum place *place = &now.places[me][kind];
	int rc;

	*place = ENTERING;
	now.reads[me] = tolower(what) == 'r';
	schedule_call();
	rc = lock_as(me, what);
	check_result(what, rc);
	if (!rc || rc == -EOWNERDEAD) {
		*place = tolower(what) == 'r' && !rc ? READING : WRITING;
		must_be_alone(me, kind, *place);
		must_be_told(me, kind, rc != 0);
		schedule_return(); /* the others may see it inside */
		schedule_call();
		*place = LEAVING;
		schedule_must(!unlock_as(me, kind, rc != 0),
			      "task %u can not unlock", me);
	}
	*place = OUTSIDE;
	schedule_return();
}

static int run(void *context)
{
	unsigned me = *(unsigned *)context;

	must_be_alone(me, ONCE, WRITING);
	now.places[me][ONCE] = WRITING;
	schedule_return();
	schedule_call();
	now.places[me][ONCE] = LEAVING;
	now.runs++;
	return 0;
}

static void call_once_as(unsigned me, char what)
{
	unsigned i, dead = 0;
	int rc;

	now.places[me][ONCE] = ENTERING;
	schedule_call();
	rc = zipc_once_call(onces[me], run, &me, timeout_of(what));
	check_result(what, rc);
	for (i = 0; i < SCHEDULE_TASKS; i++)
		dead += schedule_is_dead(i);
	if (!rc)
		schedule_must(now.runs >= 1 && now.runs <= 1 + dead,
			      "it was run %u times", now.runs);
	now.places[me][ONCE] = OUTSIDE;
	schedule_return();
}

static void task(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		if (tolower(*at) == 'o')
			call_once_as(who, *at);
		else
			lock_and_unlock(who, *at);
}

/* the end */

static bool somebody_holds(enum kind kind)
{
	unsigned i;

	for (i = 0; i < SCHEDULE_TASKS; i++)
		if (!schedule_is_dead(i) && !schedule_has_ended(i) &&
		    now.places[i][kind] != OUTSIDE)
			return true;
	return false;
}

/* All that the living have left is free, and a death is told. */
static void check_kind(enum kind kind)
{
	/* A handle begins with it. */
	struct zipc_lock *const locks[] = { (void *)mutexes[JUDGE],
					    (void *)rwlocks[JUDGE] };
	int rc;

	if (somebody_holds(kind))
		return;
	/* No time passes here, so it can not wait: it looks at once. */
	locks[kind]->looked_ns = 0;
	rc = kind == MUTEX ? zipc_mutex_lock(mutexes[JUDGE], ZIPC_NOWAIT)
			   : zipc_rwlock_write_lock(rwlocks[JUDGE],
						    ZIPC_NOWAIT);
	schedule_must(!rc || rc == -EOWNERDEAD, "in the end it gives %s",
		      rc_name(rc));
	must_be_told(JUDGE, kind, rc != 0);
	schedule_must(!unlock_as(JUDGE, kind, rc != 0),
		      "in the end it can not be unlocked");
}

/* A writer had died inside, and its lock is the stopped one's by now. */
static bool has_inherited(unsigned i)
{
	uint64_t word = atomic_load_explicit(&owners[RWLOCK]->owner,
					     memory_order_relaxed);

	return word & ZIPC_INCONSISTENT &&
	       zipc_owner_holder(word) == segments[i]->holder;
}

static void check_beside_a_stopped_reader(unsigned i)
{
	struct zipc_lock *lock = (void *)rwlocks[JUDGE];
	bool stands = atomic_load_explicit(&readers[i].reading,
					   memory_order_relaxed);
	int rc;

	lock->looked_ns = 0;
	rc = zipc_rwlock_write_lock(rwlocks[JUDGE], ZIPC_NOWAIT);
	schedule_must(!rc || rc == -EOWNERDEAD || (rc == -EAGAIN && stands),
		      "beside a stopped reader, write_lock() gives %s",
		      rc_name(rc));
	if (rc != -EAGAIN) {
		must_be_told(JUDGE, RWLOCK, rc != 0);
		schedule_must(!unlock_as(JUDGE, RWLOCK, rc != 0),
			      "and it can not be unlocked");
	}
	lock->looked_ns = 0;
	rc = zipc_rwlock_read_lock(rwlocks[JUDGE], ZIPC_NOWAIT);
	schedule_must(!rc && !zipc_rwlock_unlock(rwlocks[JUDGE]),
		      "beside a stopped reader, read_lock() gives %s",
		      rc_name(rc));
}

/* All others have ended, or are dead. */
static void check_stopped_readers(unsigned tasks)
{
	unsigned i;

	for (i = 0; i < tasks; i++)
		if (now.reads[i] && now.places[i][RWLOCK] == ENTERING &&
		    !schedule_is_dead(i) && !schedule_has_ended(i) &&
		    !has_inherited(i))
			check_beside_a_stopped_reader(i);
}

static uint64_t late(const struct zipc_event_word *event)
{
	return atomic_load_explicit(&event->late_wakes, memory_order_relaxed);
}

static void check(const void *context, enum schedule_stage stage)
{
	struct zipc_rwlock_body *body = (void *)owners[RWLOCK];
	const struct scene *scene = context;
	unsigned i;

	check_kind(MUTEX);
	check_kind(RWLOCK);
	if (stage == SCHEDULE_STOPPED)
		check_stopped_readers(scene->schedule.tasks);
	for (i = 0; i < 3; i++)
		schedule_must(schedule_has_fault() ||
				      (!late(&blocks[i]->readable) &&
				       !late(&blocks[i]->writable)),
			      "a wake was late");
	schedule_must(schedule_has_fault() || !late(&body->drained),
		      "a wake was late");
}

#define TASKS(label, count, some, of_switches, of_delays, of_kills, of_stops) \
	.schedule = { .name = label, .tasks = count, .victims = some,         \
		      .limits = { .switches = of_switches,                    \
				  .delays = of_delays, .flushes = of_delays,  \
				  .kills = of_kills, .stops = of_stops } }

static struct scene scenes[] = {
	{ TASKS("mutex", 2, 0, 4, 1, 0, 0), { "ll", "ll" }, 0 },
	{ TASKS("mutex-asleep", 2, 0, 3, 1, 0, 0), { "L", "L" }, 0 },
	{ TASKS("mutex-three", 3, 0, 2, 0, 0, 0), { "L", "L", "L" }, 0 },
	{ TASKS("readers", 2, 0, 4, 2, 0, 0), { "rr", "ww" }, 0 },
	{ TASKS("readers-asleep", 2, 0, 3, 1, 0, 0), { "R", "W" }, 0 },
	{ TASKS("two-readers", 3, 0, 1, 0, 0, 0), { "R", "R", "W" }, 0 },
	{ TASKS("two-writers", 3, 0, 1, 0, 0, 0), { "R", "W", "W" }, 0 },
	{ TASKS("symmetric", 2, 0, 3, 2, 0, 0), { "rr", "ww" },
	  ZIPC_SYMMETRIC_FENCES },
	{ TASKS("once", 2, 0, 3, 1, 0, 0), { "O", "O" }, 0 },
	{ TASKS("mutex-dead", 2, 3, 2, 0, 1, 0), { "L", "Ll" }, 0 },
	{ TASKS("mutex-three-dead", 3, 1, 2, 0, 1, 0), { "l", "l", "l" }, 0 },
	{ TASKS("mutex-stopped", 2, 1, 1, 0, 0, 1), { "l", "ll" }, 0 },
	{ TASKS("readers-dead", 2, 1, 2, 1, 1, 0), { "r", "Ww" }, 0 },
	{ TASKS("writers-dead", 2, 2, 2, 1, 1, 0), { "Rr", "w" }, 0 },
	{ TASKS("writers-dead-asleep", 3, 2, 1, 0, 1, 0), { "R", "W", "W" },
	  0 },
	{ TASKS("reader-stopped", 2, 1, 3, 1, 0, 1), { "r", "ww" }, 0 },
	{ TASKS("claimant-dead", 2, 3, 2, 1, 1, 1), { "rr", "w" }, 0 },
	{ TASKS("once-dead", 2, 3, 2, 0, 1, 0), { "O", "O" }, 0 },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(*scenes)))
#define FIRST_DEAD 9

static const struct schedule *schedule_of(int i)
{
	struct schedule *schedule = &scenes[i].schedule;

	schedule->set_up = set_up;
	schedule->task = task;
	schedule->check = check;
	schedule->scene = &scenes[i];
	return schedule;
}

START_TEST(nobody_is_inside_with_a_writer)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(a_death_is_told)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(so_it_is_by_chance)
{
	schedule_walk(schedule_of(_i), 2000, 1);
}
END_TEST

START_TEST(so_it_is_by_much_chance)
{
	schedule_walk(schedule_of(_i), 1000000, 2);
}
END_TEST

static Suite *lock_suite(void)
{
	Suite *suite = suite_create("lock");
	TCase *tc = test_case(suite, "locks", "medium", 600);

	tcase_add_loop_test(tc, nobody_is_inside_with_a_writer, 0, FIRST_DEAD);
	tc = test_case(suite, "deaths", "medium", 600);
	tcase_add_loop_test(tc, a_death_is_told, FIRST_DEAD, SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, so_it_is_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, so_it_is_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(lock_suite)
