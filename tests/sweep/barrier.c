/* SPDX-License-Identifier: MIT */
/*
 * The barrier under the sweep. Whatever the dead leave, others take all places,
 * are told no more often than there were deaths, and go through rounds. Beside
 * the stopped nobody is told of a death, and a round that the stopped one has
 * arrived in is complete for it too.
 */
#include "../harness.h"
#include "sweep.h"

#include <sys/wait.h>
#include <time.h>

#define MOST 2

enum op { JOIN, ARRIVE, ARRIVE_LAST, FIND_DEATH, LEAVE };

struct scene {
	const char *name;
	enum op op;
	unsigned parties;
	bool dead; /* one of them is */
	int64_t result;
};

static const struct scene scenes[] = {
	{ "join", JOIN, 2, false, 0 },
	{ "join in a dead one's place", JOIN, 1, true, 0 },
	{ "arrival", ARRIVE, 2, false, -EAGAIN },
	{ "arrival of the last", ARRIVE_LAST, 2, false, 0 },
	{ "wait that finds a death", FIND_DEATH, 2, true, -EOWNERDEAD },
	{ "close", LEAVE, 2, false, 0 },
};

static struct zipc_segment *open_segment(void)
{
	struct zipc_segment *segment;

	if (zipc_segment_open(&segment, sweep_segment(), 0))
		abort();
	return segment;
}

static struct zipc_barrier *join(struct zipc_segment *segment)
{
	struct zipc_barrier *barrier;

	if (zipc_barrier_open(&barrier, segment, "b"))
		abort();
	return barrier;
}

static void die_as_a_party(void)
{
	pid_t child = fork();

	if (child == 0) {
		join(open_segment());
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_barrier *barrier;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    zipc_barrier_create(&barrier, segment, "b", scene->parties))
		abort();
	zipc_barrier_close(barrier);
	zipc_segment_close(segment);
	if (scene->dead)
		die_as_a_party();
}

/* It has arrived so long ago that it looks for the dead. */
static void arrive_and_let_time_go(struct zipc_barrier *barrier)
{
	struct timespec pause = { .tv_nsec = 51000000 };

	if (zipc_barrier_wait(barrier, ZIPC_NOWAIT) != -EAGAIN)
		abort();
	while (nanosleep(&pause, &pause))
		;
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_segment *segment = open_segment();
	struct zipc_barrier *barrier = NULL;
	int rc = 0;

	if (scene->op != JOIN)
		barrier = join(segment);
	if (scene->op == ARRIVE_LAST &&
	    zipc_barrier_wait(join(segment), ZIPC_NOWAIT) != -EAGAIN)
		abort();
	if (scene->op == FIND_DEATH)
		arrive_and_let_time_go(barrier);
	sweep_begin(me);
	if (scene->op == JOIN)
		rc = zipc_barrier_open(&barrier, segment, "b");
	else if (scene->op == LEAVE)
		zipc_barrier_close(barrier);
	else
		rc = zipc_barrier_wait(barrier, ZIPC_NOWAIT);
	/* The round may be complete by now: it is told by the next wait. */
	me->notes[0] = 1;
	if (scene->op == ARRIVE && rc == -EAGAIN)
		rc = zipc_barrier_wait(barrier, ZIPC_NOWAIT);
	sweep_end(me, rc);
}

/* Joins, if there is room, and arrives. */
static void second(struct sweep_victim *me, void *unused)
{
	struct zipc_segment *segment = open_segment();
	struct zipc_barrier *barrier;
	int rc;

	(void)unused;
	sweep_begin(me);
	rc = zipc_barrier_open(&barrier, segment, "b");
	if (!rc)
		rc = zipc_barrier_wait(barrier, ZIPC_NOWAIT);
	sweep_end(me, rc);
}

/* All the places that are to be had. */
static unsigned join_all(struct sweep_page *page, unsigned parties,
			 struct zipc_barrier *barriers[])
{
	struct zipc_segment *segment = open_segment();
	unsigned n = 0;
	int rc = 0;

	while (n < parties &&
	       !(rc = zipc_barrier_open(&barriers[n], segment, "b")))
		n++;
	if (n < parties && rc != -EUSERS)
		sweep_fail(page, "open gives %s: %s", rc_name(rc),
			   zipc_last_error());
	return n;
}

/* Of each until its round is complete; how often that told of a death. */
static unsigned go_through(struct sweep_page *page, unsigned n,
			   struct zipc_barrier *barriers[])
{
	unsigned done = 0, told = 0, tries, i;
	int rc;

	for (tries = 0; done != (1u << n) - 1; tries++) {
		if (tries == 100)
			sweep_fail(page, "the round does not end");
		for (i = 0; i < n; i++) {
			if (done & 1u << i)
				continue;
			rc = zipc_barrier_wait(barriers[i], ZIPC_NOWAIT);
			told += rc == -EOWNERDEAD;
			done |= (unsigned)!rc << i;
			if (rc && rc != -EAGAIN && rc != -EOWNERDEAD)
				sweep_fail(page, "wait gives %s", rc_name(rc));
		}
	}
	return told;
}

static void check_all_dead(struct sweep_page *page, const struct scene *scene)
{
	struct zipc_barrier *barriers[MOST];
	unsigned n = join_all(page, scene->parties, barriers), told;
	uint64_t rounds;

	if (n < scene->parties)
		sweep_fail(page, "only %u places are to be had", n);
	told = go_through(page, n, barriers);
	/* Those who came before the last dead one's place was taken. */
	if (told > 2 * n)
		sweep_fail(page, "deaths are told %u times", told);
	rounds = zipc_barrier_rounds(barriers[0]);
	if (go_through(page, n, barriers))
		sweep_fail(page, "a death is told that was none");
	if (zipc_barrier_rounds(barriers[0]) != rounds + 1)
		sweep_fail(page, "a round counts otherwise");
	while (n)
		zipc_barrier_close(barriers[--n]);
}

/*
 * Beside who is stopped. notes[0]: a round was complete with its arrival; [1]:
 * it was in its last wait.
 */
static void check_beside(struct sweep_page *page, const struct scene *scene)
{
	struct zipc_barrier *barriers[MOST];
	unsigned n = join_all(page, scene->parties, barriers);
	int rc;

	page->notes[1] = page->first.notes[0];
	if (n == scene->parties && !page->second.phase) {
		go_through(page, n, barriers);
	} else if (n == 1) {
		rc = zipc_barrier_wait(barriers[0], ZIPC_NOWAIT);
		page->notes[0] = !rc;
		if (rc && rc != -EAGAIN &&
		    !((scene->dead || page->second.phase) &&
		      rc == -EOWNERDEAD))
			sweep_fail(page, "beside it wait gives %s",
				   rc_name(rc));
	}
	while (n)
		zipc_barrier_close(barriers[--n]);
}

static void check_result(struct sweep_page *page, const struct scene *scene)
{
	int64_t rc = page->first.result, want = scene->result;

	if (page->notes[0] && scene->op == ARRIVE)
		want = 0;
	/* Unless it had looked in its last wait already. */
	if (rc == want || (page->notes[1] && rc == scene->result))
		return;
	if (page->second.phase &&
	    (!rc || rc == -EAGAIN || rc == -EOWNERDEAD || rc == -EUSERS))
		return;
	sweep_fail(page, "it went on, and gave %s instead of %s", rc_name(rc),
		   rc_name(want));
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	if (stage == SWEEP_STOPPED) {
		check_beside(page, context);
		return;
	}
	if (stage == SWEEP_ENDED)
		check_result(page, context);
	check_all_dead(page, context);
}

static void sweep_modes(int i, unsigned modes, const char *how)
{
	struct scene scene = scenes[i];
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	snprintf(operation, sizeof(operation), "barrier %s%s", scene.name,
		 how);
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

START_TEST(all_places_and_rounds_are_to_be_had_at_each_instruction)
{
	sweep_modes(_i, SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS, "");
}
END_TEST

START_TEST(so_they_are_when_the_stopped_go_on_behind_others)
{
	sweep_modes(_i, SWEEP_LATE, ", late");
}
END_TEST

static Suite *barrier_sweep_suite(void)
{
	Suite *suite = suite_create("barrier sweep");
	TCase *tc;
	int i;

	for (i = 0; i < (int)(sizeof(scenes) / sizeof(scenes[0])); i++) {
		tc = test_case(suite, scenes[i].name, "slow", 600);
		tcase_add_loop_test(
			tc,
			all_places_and_rounds_are_to_be_had_at_each_instruction,
			i, i + 1);
	}
	tc = test_case(suite, "late", "stress", 1200);
	for (i = 0; i < (int)(sizeof(scenes) / sizeof(scenes[0])); i++)
		if (scenes[i].op != FIND_DEATH) /* it takes 50 ms a point */
			tcase_add_loop_test(
				tc,
				so_they_are_when_the_stopped_go_on_behind_others,
				i, i + 1);
	return suite;
}

TEST_MAIN(barrier_sweep_suite)
