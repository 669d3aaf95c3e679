/* SPDX-License-Identifier: MIT */
/*
 * Sleeping under the sweep, on a queue's two ends. A sleeper is killed or
 * stopped at every instruction from the call until it sleeps, and from its wake
 * until it returns; a waker at every instruction of the operation that wakes.
 * The other sleeper, which was there before, comes to its end all the same:
 * by the next who brings it something, or, when the wake was given to the
 * victim or died with it, by its own nap.
 */
#include "../harness.h"
#include "sweep.h"

/* What the first victim does, and what the other sleeper waits for. */
struct scene {
	const char *operation;
	bool pops;    /* the victim pops; else it pushes */
	bool sleeps;  /* it waits, as the other sleeper does */
	bool elements; /* the other sleeper waits for one; else for room */
};

static const struct scene scenes[] = {
	{ "pop that sleeps", true, true, true },
	{ "push that sleeps", false, true, false },
	{ "push that wakes", false, false, true },
	{ "pop that wakes", true, false, false },
};

static struct zipc_queue *open_queue(void)
{
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	if (zipc_segment_open(&segment, sweep_segment(), 0) ||
	    zipc_queue_open(&queue, segment, "q", "u64"))
		abort();
	return queue;
}

/* Empty, or full with one. */
static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 8
	};
	static const struct zipc_queue_options writers = { .max_writers = 8 };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 16384, &few) ||
	    zipc_queue_create_with(&queue, segment, "q", "u64", 1, &writers) ||
	    (!scene->elements &&
	     zipc_queue_push(queue, &(uint64_t){ 1 }, ZIPC_NOWAIT)))
		abort();
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

static int operate(struct zipc_queue *queue, bool pops, int64_t timeout_ns)
{
	uint64_t value = 2;

	return pops ? zipc_queue_pop(queue, &value, timeout_ns)
		    : zipc_queue_push(queue, &value, timeout_ns);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();
	int64_t timeout = scene->sleeps ? ZIPC_FOREVER : ZIPC_NOWAIT;

	sweep_begin(me);
	sweep_end(me, operate(queue, scene->pops, timeout));
}

static void other_sleeper(void *context)
{
	const struct scene *scene = context;

	if (operate(open_queue(), scene->elements, ZIPC_FOREVER))
		abort();
}

/* Bring one to each sleeper; others than these two take none. */
static void wake(void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();

	if (operate(queue, !scene->elements, ZIPC_FOREVER) ||
	    operate(queue, !scene->elements, ZIPC_FOREVER))
		abort();
}

/* Whether the victim has brought what the other sleeper waits for. */
static bool has_brought(const struct scene *scene)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;
	uint64_t value, before = scene->elements ? 0 : 1;
	bool published;

	if (zipc_view_open(&view, sweep_segment()) ||
	    zipc_view_find(view, "q", &entry))
		abort();
	published = scene->elements &&
		    zipc_view_elements(view, &entry, 0, 1, &value, NULL) > 0;
	if (zipc_view_find(view, "q", &entry))
		abort();
	zipc_view_close(view);
	return published || entry.removed > 1 - before;
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue();
	int rc;

	if (stage == SWEEP_ENDED) {
		if (page->first.result)
			sweep_fail(page, "it went on, and gave %s",
				   rc_name(page->first.result));
		return;
	}
	/* A waker's own work must reach the sleeper without any other's. */
	if (!scene->sleeps && has_brought(scene))
		return;
	/* Where there is something already, the nap will find it. */
	rc = operate(queue, !scene->elements, ZIPC_NOWAIT);
	if (rc && rc != -EAGAIN)
		sweep_fail(page, "bringing one more gives %s", rc_name(rc));
}

START_TEST(the_other_sleeper_goes_on)
{
	struct scene scene = scenes[_i];
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .check = check,
			       .companion = other_sleeper,
			       .wake = scene.sleeps ? wake : NULL,
			       .context = &scene };

	snprintf(operation, sizeof(operation), "queue %s", scene.operation);
	sweep_scene(&row, &sweep, SWEEP_KILL | SWEEP_STOP);
	sweep_report(&row);
}
END_TEST

static Suite *wait_sweep_suite(void)
{
	Suite *suite = suite_create("wait sweep");
	TCase *tc;
	int i;

	for (i = 0; i < (int)(sizeof(scenes) / sizeof(scenes[0])); i++) {
		tc = test_case(suite, scenes[i].operation, "slow", 900);
		tcase_add_loop_test(tc, the_other_sleeper_goes_on, i, i + 1);
	}
	return suite;
}

TEST_MAIN(wait_sweep_suite)
