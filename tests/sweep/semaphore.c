/* SPDX-License-Identifier: MIT */
/*
 * The semaphore under the sweep. Plain, an operation has moved as many permits
 * as it should, or none. Owned, who dies leaves all permits to be had, and who
 * is stopped holds what it has acquired and no more.
 */
#include "../harness.h"
#include "sweep.h"

#define MAX 3u

enum op { ACQUIRE, ACQUIRE_AFTER_A_DEATH, RELEASE, RELEASE_TWO, IN_VAIN };

struct scene {
	const char *name;
	bool owned;
	enum op op;
	/* Permits that the first holds before it, and may hold meanwhile. */
	unsigned holds, least, most;
};

static const struct scene scenes[] = {
	{ "acquire", false, ACQUIRE, 0, 0, 1 },
	{ "release", false, RELEASE, 1, 0, 1 },
	{ "release of 2", false, RELEASE_TWO, 2, 0, 2 },
	{ "acquire in vain", false, IN_VAIN, 3, 3, 3 },
	{ "acquire, owned", true, ACQUIRE, 0, 0, 1 },
	{ "acquire of a dead one's", true, ACQUIRE_AFTER_A_DEATH, 0, 0, 1 },
	{ "release, owned", true, RELEASE, 1, 0, 1 },
	{ "release of 2, owned", true, RELEASE_TWO, 3, 1, 3 },
	{ "acquire in vain, owned", true, IN_VAIN, 3, 3, 3 },
};

#define SCENES (int)(sizeof(scenes) / sizeof(scenes[0]))
#define FIRST_OWNED 4

static struct zipc_semaphore *open_semaphore(void)
{
	struct zipc_semaphore *semaphore;
	struct zipc_segment *segment;

	if (zipc_segment_open(&segment, sweep_segment(), 0) ||
	    zipc_semaphore_open(&semaphore, segment, "s"))
		abort();
	return semaphore;
}

static void acquire(struct zipc_semaphore *semaphore, unsigned n)
{
	while (n--)
		if (zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT))
			abort();
}

/* Who has closed the segment is dead to it, with what it holds. */
static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_semaphore *semaphore;
	struct zipc_segment *segment;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    zipc_semaphore_create_with(&semaphore, segment, "s", MAX, MAX,
				       scene->owned ? ZIPC_OWNED : 0))
		abort();
	if (scene->op == ACQUIRE_AFTER_A_DEATH)
		acquire(semaphore, MAX);
	zipc_semaphore_close(semaphore);
	zipc_segment_close(segment);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_semaphore *semaphore = open_semaphore();
	int rc;

	acquire(semaphore, scene->holds);
	sweep_begin(me);
	if (scene->op == RELEASE || scene->op == RELEASE_TWO)
		rc = zipc_semaphore_release(semaphore, 1 + (scene->op !=
							    RELEASE));
	else
		rc = zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT);
	sweep_end(me, rc);
}

/* Finds one, or none. */
static void second(struct sweep_victim *me, void *unused)
{
	struct zipc_semaphore *semaphore = open_semaphore();

	(void)unused;
	sweep_begin(me);
	sweep_end(me, zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT));
}

static void check_result(struct sweep_page *page, const struct scene *scene)
{
	int64_t want = scene->op == IN_VAIN ? -EAGAIN : 0;

	if (page->first.result == want)
		return;
	/* The second may have taken the last. */
	if (page->second.phase && page->first.result == -EAGAIN &&
	    zipc_semaphore_value(open_semaphore()) == 0)
		return;
	sweep_fail(page, "it went on, and gave %s",
		   rc_name(page->first.result));
}

/* How many permits can be had now; more than there are is one too many. */
static unsigned take_all(struct sweep_page *page,
			 struct zipc_semaphore *semaphore)
{
	unsigned n = 0;
	int rc;

	while (n <= MAX &&
	       !(rc = zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT)))
		n++;
	if (n <= MAX && rc != -EAGAIN)
		sweep_fail(page, "acquire gives %s", rc_name(rc));
	return n;
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_semaphore *semaphore = open_semaphore();
	unsigned least = MAX - scene->most, most = MAX - scene->least, n;
	bool other = page->second.phase;

	/* What was plain and not given back is gone; second's too. */
	if (stage == SWEEP_ENDED)
		check_result(page, scene);
	if (other)
		least = least ? least - 1 : 0;
	if (scene->owned && stage != SWEEP_STOPPED)
		least = most = MAX;
	else if (scene->owned && page->first.phase == 2)
		most = MAX; /* it has ended, beside the second */
	n = take_all(page, semaphore);
	if (n < least || n > most)
		sweep_fail(page, "it left %u permits, not %u to %u", n, least,
			   most);
	if (n && zipc_semaphore_release(semaphore, n))
		sweep_fail(page, "release gives %s", zipc_last_error());
	if (zipc_semaphore_value(semaphore) != n)
		sweep_fail(page, "%u permits became %u", n,
			   (unsigned)zipc_semaphore_value(semaphore));
}

static void sweep_modes(int i, unsigned modes, const char *how)
{
	struct scene scene = scenes[i];
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	snprintf(operation, sizeof(operation), "semaphore %s%s", scene.name,
		 how);
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

/* To ask who lives takes many instructions: their pairs are in --long. */
START_TEST(permits_are_moved_or_not_at_each_instruction)
{
	sweep_modes(_i, SWEEP_KILL | SWEEP_STOP |
				(scenes[_i].op == ACQUIRE_AFTER_A_DEATH
					 ? 0
					 : SWEEP_PAIRS), "");
}
END_TEST

START_TEST(so_they_are_when_the_stopped_go_on_behind_others)
{
	sweep_modes(_i, SWEEP_PAIRS | SWEEP_LATE | SWEEP_CROSSED, ", in pairs");
}
END_TEST

static Suite *semaphore_sweep_suite(void)
{
	Suite *suite = suite_create("semaphore sweep");
	TCase *tc;
	int i;

	for (i = 0; i < SCENES; i++) {
		tc = test_case(suite, scenes[i].name, "slow", 600);
		tcase_add_loop_test(
			tc, permits_are_moved_or_not_at_each_instruction, i,
			i + 1);
	}
	tc = test_case(suite, "in pairs", "stress", 1200);
	tcase_add_loop_test(tc, so_they_are_when_the_stopped_go_on_behind_others,
			    FIRST_OWNED, SCENES);
	return suite;
}

TEST_MAIN(semaphore_sweep_suite)
