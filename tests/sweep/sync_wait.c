/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a semaphore, barrier, latch or event under the sweep. A sleeper
 * is killed or stopped at every instruction from the call until it sleeps, and
 * from its wake until it returns; a waker at every instruction of what wakes.
 * The other sleeper, which was there before, comes to its end all the same: by
 * the wake, by its own nap, or by what the check brings when the victim took
 * it along, or died before it had brought it.
 */
#include "../harness.h"
#include "sweep.h"

/* What is waited for, and how it is brought. */
struct kind {
	const char *name;
	int (*create)(struct zipc_segment *segment);
	void *(*open)(struct zipc_segment *segment);
	int (*wait)(void *it);
	int (*bring)(void *it); /* enough for one sleeper */
};

struct scene {
	struct kind kind;
	bool sleeps; /* the victim waits; else it brings */
};

/* Nobody closes: to open and close is swept elsewhere. */
#define OPENS(kind)                                                          \
	static void *open_##kind(struct zipc_segment *segment)               \
	{                                                                    \
		struct zipc_##kind *it;                                      \
									     \
		if (zipc_##kind##_open(&it, segment, "it"))                  \
			abort();                                             \
		return it;                                                   \
	}

OPENS(semaphore)
OPENS(latch)
OPENS(event)
OPENS(barrier)

static int create_semaphore(struct zipc_segment *segment)
{
	struct zipc_semaphore *it;
	int rc = zipc_semaphore_create(&it, segment, "it", 0, 100);

	if (!rc)
		zipc_semaphore_close(it);
	return rc;
}

static int acquire(void *it)
{
	return zipc_semaphore_acquire(it, ZIPC_FOREVER);
}

static int release(void *it)
{
	return zipc_semaphore_release(it, 1);
}

static int create_latch(struct zipc_segment *segment)
{
	struct zipc_latch *it;
	int rc = zipc_latch_create(&it, segment, "it", 1);

	if (!rc)
		zipc_latch_close(it);
	return rc;
}

static int wait_latch(void *it)
{
	return zipc_latch_wait(it, ZIPC_FOREVER);
}

static int count_down(void *it)
{
	return zipc_latch_count_down(it, 1);
}

static int create_event(struct zipc_segment *segment, unsigned reset)
{
	struct zipc_event *it;
	int rc = zipc_event_create(&it, segment, "it", reset);

	if (!rc)
		zipc_event_close(it);
	return rc;
}

static int create_manual(struct zipc_segment *segment)
{
	return create_event(segment, ZIPC_MANUAL_RESET);
}

static int create_automatic(struct zipc_segment *segment)
{
	return create_event(segment, ZIPC_AUTO_RESET);
}

static int wait_event(void *it)
{
	return zipc_event_wait(it, ZIPC_FOREVER);
}

static int set(void *it)
{
	return zipc_event_set(it);
}

/* A reset at once: who slept goes on all the same. */
static int pulse(void *it)
{
	int rc = zipc_event_set(it);

	return rc ? rc : zipc_event_reset(it);
}

static const struct kind kinds[] = {
	{ "semaphore", create_semaphore, open_semaphore, acquire, release },
	{ "latch", create_latch, open_latch, wait_latch, count_down },
	{ "event", create_manual, open_event, wait_event, set },
	{ "event, reset at once", create_manual, open_event, wait_event,
	  pulse },
	{ "automatic event", create_automatic, open_event, wait_event, set },
};

#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

static struct zipc_segment *open_segment(void)
{
	struct zipc_segment *segment;

	if (zipc_segment_open(&segment, sweep_segment(), 0))
		abort();
	return segment;
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 8
	};
	const struct scene *scene = context;
	struct zipc_segment *segment;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 8192, &few) ||
	    scene->kind.create(segment))
		abort();
	zipc_segment_close(segment);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	void *it = scene->kind.open(open_segment());

	sweep_begin(me);
	sweep_end(me, scene->sleeps ? scene->kind.wait(it)
				    : scene->kind.bring(it));
}

static void other_sleeper(void *context)
{
	const struct scene *scene = context;

	if (scene->kind.wait(scene->kind.open(open_segment())))
		abort();
}

/* To both sleepers. */
static void wake(void *context)
{
	const struct scene *scene = context;
	void *it = scene->kind.open(open_segment());
	int i;

	for (i = 0; i < 2; i++)
		if (scene->kind.bring(it))
			abort();
}

/*
 * A set of what is set adds nothing, so of two who sleep for an automatic one
 * the waker can not wake both: the victim sleeps alone.
 */
static bool is_alone(const struct scene *scene)
{
	return scene->sleeps && scene->kind.create == create_automatic;
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	void *it;
	int rc;

	if (stage == SWEEP_ENDED) {
		if (page->first.result)
			sweep_fail(page, "it went on, and gave %s",
				   rc_name(page->first.result));
		return;
	}
	/* What was brought by who has ended must have done without this. */
	if (!scene->sleeps && page->first.phase == 2)
		return;
	it = scene->kind.open(open_segment());
	rc = scene->kind.bring(it);
	if (rc)
		sweep_fail(page, "bringing one more gives %s", rc_name(rc));
	if (is_alone(scene) && zipc_event_wait(it, ZIPC_NOWAIT))
		sweep_fail(page, "what was brought is not there");
}

START_TEST(the_other_sleeper_goes_on)
{
	struct scene scene = { kinds[_i / 2], _i % 2 };
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .check = check,
			       .companion = is_alone(&scene) ? NULL
							     : other_sleeper,
			       .wake = scene.sleeps ? wake : NULL,
			       .context = &scene };
	unsigned modes = SWEEP_KILL;

	snprintf(operation, sizeof(operation), "%s, %s", scene.kind.name,
		 scene.sleeps ? "wait that sleeps" : "what wakes");
	/* The check takes what a stopped one would go on by. */
	if (!is_alone(&scene))
		modes |= SWEEP_STOP;
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}
END_TEST

/* A barrier of three: the other sleeper, the victim, and who wakes. */

static int create_barrier(struct zipc_segment *segment)
{
	struct zipc_barrier *it;
	int rc = zipc_barrier_create(&it, segment, "it", 3);

	if (!rc)
		zipc_barrier_close(it);
	return rc;
}

static int arrive(void *it)
{
	return zipc_barrier_wait(it, ZIPC_FOREVER);
}

/* It is told of the victim's death, or goes through the round. */
static void other_party(void *context)
{
	int rc = arrive(open_barrier(open_segment()));

	(void)context;
	if (rc && rc != -EOWNERDEAD)
		abort();
}

/* Victim and companion wait for the third. */
static void arrive_third(void *context)
{
	(void)context;
	if (arrive(open_barrier(open_segment())))
		abort();
}

/* Others come, for the victim and the third. */
static void check_barrier(struct sweep_page *page, enum sweep_stage stage,
			  void *unused)
{
	struct zipc_segment *segment = open_segment();
	struct zipc_barrier *parties[2];
	int i, rc;

	(void)unused;
	if (stage != SWEEP_DEAD)
		sweep_fail(page, "only deaths are swept here");
	for (i = 0; i < 2; i++) {
		rc = zipc_barrier_open(&parties[i], segment, "it");
		if (rc)
			sweep_fail(page, "open gives %s", rc_name(rc));
	}
	for (i = 0; i < 2; i++) {
		rc = zipc_barrier_wait(parties[i], ZIPC_NOWAIT);
		if (rc && rc != -EAGAIN && rc != -EOWNERDEAD)
			sweep_fail(page, "wait gives %s", rc_name(rc));
	}
}

START_TEST(the_other_party_goes_on_or_is_told)
{
	struct scene scene = { { "barrier", create_barrier, open_barrier, arrive,
			    arrive },
			       true };
	struct sweep_row row = { .operation = "barrier, wait that sleeps" };
	struct sweep sweep = { .name = "barrier, wait that sleeps",
			       .set_up = set_up, .first = first,
			       .check = check_barrier,
			       .companion = other_party, .wake = arrive_third,
			       .context = &scene };

	sweep_scene(&row, &sweep, SWEEP_KILL);
	sweep_report(&row);
}
END_TEST

/* Of two: the victim arrives last, and wakes. */
static int create_pair(struct zipc_segment *segment)
{
	struct zipc_barrier *it;
	int rc = zipc_barrier_create(&it, segment, "it", 2);

	if (!rc)
		zipc_barrier_close(it);
	return rc;
}

static void check_pair(struct sweep_page *page, enum sweep_stage stage,
		       void *unused)
{
	(void)page, (void)unused;
	(void)stage; /* the other one is told, or knows: by itself */
}

START_TEST(who_sleeps_goes_on_or_is_told_whatever_the_last_one_did)
{
	struct scene scene = { { "barrier", create_pair, open_barrier, arrive,
			    arrive },
			       false };
	struct sweep_row row = { .operation = "barrier, arrival that wakes" };
	struct sweep sweep = { .name = "barrier, arrival that wakes",
			       .set_up = set_up, .first = first,
			       .check = check_pair, .companion = other_party,
			       .context = &scene };

	sweep_scene(&row, &sweep, SWEEP_KILL);
	sweep_report(&row);
}
END_TEST

static Suite *sync_wait_sweep_suite(void)
{
	Suite *suite = suite_create("sync wait sweep");
	TCase *tc;
	int i;

	for (i = 0; i < 2 * KINDS; i++) {
		tc = test_case(suite, kinds[i / 2].name, "slow", 900);
		tcase_add_loop_test(tc, the_other_sleeper_goes_on, i, i + 1);
	}
	tc = test_case(suite, "barrier", "slow", 900);
	tcase_add_test(tc, the_other_party_goes_on_or_is_told);
	tcase_add_test(
		tc, who_sleeps_goes_on_or_is_told_whatever_the_last_one_did);
	return suite;
}

TEST_MAIN(sync_wait_sweep_suite)
