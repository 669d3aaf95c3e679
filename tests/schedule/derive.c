/* SPDX-License-Identifier: MIT */
/*
 * Drivers of a derived stream under the schedule explorer: two or three of them
 * load, emit, make and commit, one takes over from the other at any point, one
 * dies or is stopped, sources get elements and end, and results wait for room,
 * in every order. What comes out is what is computed at once, each result once
 * and in its order, and none is left behind; an end is told when all is out;
 * sources are held back no longer than needed; and nobody waits in vain.
 *
 * Each task follows a script, a character for an operation:
 *
 *   d D      drive, without and with waiting
 *   e f      emit into the first source, into the second
 *   z y      end the first, the second
 *   r R      read a result, without and with waiting
 *   n N      read one by the name, which holds drivers back
 *
 * In an impatient scene a lease may be taken from who lives, as if it stood
 * still. At first each source has some elements; and somebody who is dead may
 * have claimed a position for a result.
 */
#include "../harness.h"
#include "../../libzeroipc/drive.h"
#include "schedule.h"

#include <sys/wait.h>
#include <unistd.h>

#define JUDGE SCHEDULE_TASKS
#define ABSENT (SCHEDULE_TASKS + 1)
#define RESULTS 32u
#define CAPACITY 8u /* of sources */

enum flow { SCAN, MERGED, ZIPPED, TAKEN };

static const char *const texts[] = {
	[SCAN] = "scan(0, acc + x)",
	[MERGED] = "merge(b)",
	[ZIPPED] = "zip(b, x * 1000 + y)",
	[TAKEN] = "take(2)",
};

struct scene {
	struct schedule schedule;
	enum flow flow;
	bool impatient, named;
	unsigned before; /* elements in each source */
	unsigned absent; /* positions that a dead driver has claimed */
	unsigned capacity;
	const char *scripts[SCHEDULE_TASKS];
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 2];
static struct zipc_stream *derived[SCHEDULE_TASKS + 2];
static struct zipc_stream *sources[SCHEDULE_TASKS + 2][2];
static struct zipc_subscription *readers[SCHEDULE_TASKS + 2];
static struct zipc_subscription *name;
static const char *segment_name;

struct seen {
	unsigned n;
	bool ended;
	int64_t value[RESULTS];
};

static struct {
	int64_t emitted[2]; /* by calls that have ended, or begun */
	int64_t began[2];
	bool ended[2];
	struct seen seen[SCHEDULE_TASKS + 1], by_name;
} now;

static void must(int64_t rc)
{
	if (rc < 0) {
		fprintf(stderr, "set_up: %s\n", zipc_last_error());
		abort();
	}
}

static unsigned sources_of(const struct scene *scene)
{
	return scene->flow == MERGED || scene->flow == ZIPPED ? 2 : 1;
}

/* what it is computed from, and to */

static int64_t expected(const struct scene *scene, int64_t i)
{
	if (scene->flow == SCAN)
		return i * (i + 1) / 2;
	return scene->flow == ZIPPED ? i * 1000 + 100 + i : i;
}

/* Of two that are merged each is in its order. */
static void check_merged(const struct seen *seen)
{
	int64_t last[2] = { 0, 100 };
	unsigned i;

	for (i = 0; i < seen->n; i++)
		schedule_must(seen->value[i] ==
				      ++last[seen->value[i] > 100],
			      "result %u is %d", i, (int)seen->value[i]);
}

static void check_seen(const struct scene *scene, const struct seen *seen)
{
	unsigned i;

	if (scene->flow == MERGED) {
		check_merged(seen);
		return;
	}
	for (i = 0; i < seen->n; i++)
		schedule_must(seen->value[i] == expected(scene, i + 1),
			      "result %u is %d, not %d", i,
			      (int)seen->value[i],
			      (int)expected(scene, i + 1));
}

/* How many results come of so many elements. */
static int64_t results_of(const struct scene *scene, const int64_t n[2])
{
	if (scene->flow == MERGED)
		return n[0] + n[1];
	if (scene->flow == ZIPPED)
		return n[0] < n[1] ? n[0] : n[1];
	return scene->flow == TAKEN && n[0] > 2 ? 2 : n[0];
}

/* operations */

static void emit(unsigned who, unsigned k)
{
	int64_t value = ++now.began[k] + (k ? 100 : 0), rc;

	schedule_call();
	rc = zipc_stream_emit(sources[who][k], &value, ZIPC_NOWAIT);
	schedule_must(!rc, "emit says %s: %s", rc_name(rc), zipc_last_error());
	schedule_return();
	now.emitted[k]++;
}

static void end(unsigned who, unsigned k)
{
	schedule_call();
	must(zipc_stream_end(sources[who][k]));
	schedule_return();
	now.ended[k] = true;
}

static int64_t drive(unsigned who, int64_t timeout_ns)
{
	int64_t rc;

	schedule_call();
	rc = zipc_stream_drive(derived[who], timeout_ns);
	schedule_must(rc >= 0 || rc == -EPIPE ||
			      (!timeout_ns && (rc == -EAGAIN || rc == -EBUSY)),
		      "drive says %s: %s", rc_name(rc), zipc_last_error());
	schedule_return();
	return rc;
}

static int read_one(const struct scene *scene, unsigned who, bool named,
		    int64_t timeout_ns)
{
	struct zipc_subscription *it = named ? name : readers[who];
	struct seen *seen = named ? &now.by_name : &now.seen[who];
	int64_t value;
	int rc;

	schedule_call();
	rc = zipc_stream_next(it, &value, timeout_ns);
	schedule_must(!rc || rc == -EPIPE || (!timeout_ns && rc == -EAGAIN),
		      "next says %s: %s", rc_name(rc), zipc_last_error());
	schedule_must(!zipc_stream_lost(it), "results are lost");
	if (rc == -EPIPE)
		seen->ended = true;
	if (!rc) {
		schedule_must(!seen->ended, "a result comes behind the end");
		schedule_must(seen->n < RESULTS, "too many results");
		seen->value[seen->n++] = value;
		check_seen(scene, seen);
		schedule_must(seen->n <= results_of(scene, now.began),
			      "there are more results than elements");
	}
	schedule_return();
	return rc;
}

static void operate(const struct scene *scene, unsigned who, char what)
{
	switch (what) {
	case 'd':
	case 'D':
		drive(who, what == 'D' ? ZIPC_FOREVER : ZIPC_NOWAIT);
		break;
	case 'e':
	case 'f':
		emit(who, what == 'f');
		break;
	case 'z':
	case 'y':
		end(who, what == 'y');
		break;
	default:
		read_one(scene, who, what == 'n' || what == 'N',
			 what == 'R' || what == 'N' ? ZIPC_FOREVER
						    : ZIPC_NOWAIT);
	}
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		operate(scene, who, *at);
}

/* set-up */

static void label(const struct scene *scene)
{
	struct zipc_stream *d = derived[JUDGE];
	struct zipc_derivation *words = d->derived->words;
	unsigned i, buffers = 2 * d->places.writer_count;

	schedule_label(&words->current, 8, "current");
	schedule_label(&words->emitted, 8, "emitted");
	schedule_label(&words->lease, 8, "lease");
	schedule_label(&d->places.ring->tail, 8, "tail");
	schedule_label(&d->places.ring->head, 8, "head");
	schedule_label(&d->shape.words->hold, 8, "hold");
	for (i = 0; i < buffers; i++)
		schedule_label(d->derived->body +
				       d->derived->copy.buffers_offset +
				       i * d->derived->copy.buffer_bytes,
			       d->derived->copy.buffer_bytes, "buffer[%u]", i);
	for (i = 0; i < d->places.slot_count; i++)
		schedule_label(zipc_slot(&d->places, i), 24, "slot[%u]", i);
	for (i = 0; i < sources_of(scene); i++)
		schedule_label(sources[JUDGE][i]->shape.records, 64,
			       "record of %c", 'a' + i);
}

/* All that it needs at first; what follows is the same for each. */
static void open_for(const struct scene *scene, unsigned who, bool drives)
{
	unsigned k;

	schedule_as(who);
	must(zipc_segment_open(&segments[who], segment_name, 0));
	must(zipc_stream_open(&derived[who], segments[who], "d", NULL));
	for (k = 0; k < sources_of(scene); k++)
		must(zipc_stream_open(&sources[who][k], segments[who],
				      k ? "b" : "a", NULL));
	if (drives) {
		must(zipc_driver_begin(derived[who]));
		must(zipc_driver_open_sources(derived[who]));
	}
	must(zipc_stream_subscribe(&readers[who], derived[who], NULL,
				   ZIPC_STREAM_OLDEST));
}

/*
 * By a child, as each run begins with a copy of what the library has allocated,
 * and a compiler of flows wants a lot.
 */
static void create_in_child(const struct scene *scene)
{
	static const struct zipc_segment_options few = {
		.max_entries = 3, .max_participants = 8 };
	struct zipc_stream_options source = { .max_writers = 3,
					      .max_subscriptions = 1 };
	struct zipc_derive_options options = {
		.capacity = scene->capacity, .max_subscriptions = 1,
		.max_drivers = scene->schedule.tasks + 2, .batch = 1,
		.from = ZIPC_STREAM_OLDEST };
	unsigned k;

	must(zipc_segment_create(&segments[JUDGE], segment_name,
				 65536, &few));
	for (k = 0; k < sources_of(scene); k++)
		must(zipc_stream_create_with(&sources[JUDGE][k],
					     segments[JUDGE], k ? "b" : "a",
					     "i64", CAPACITY, &source));
	must(zipc_stream_derive_with(&derived[JUDGE], segments[JUDGE], "d",
				     texts[scene->flow], sources[JUDGE][0],
				     &options));
	_exit(0);
}

static void create(const struct scene *scene)
{
	int status;
	pid_t child = fork();

	if (!child)
		create_in_child(scene);
	ck_assert(waitpid(child, &status, 0) == child && !status);
}

static void claim_and_vanish(const struct scene *scene)
{
	struct zipc_places *places;
	uint64_t T;

	open_for(scene, ABSENT, true);
	places = &derived[ABSENT]->places;
	T = zipc_places_tail(places);
	ck_assert(zipc_places_claim(places->ring, places->mine, &T,
				    scene->absent));
	schedule_drop_locks(ABSENT);
}

static void set_up(const void *context)
{
	const struct scene *scene = context;
	unsigned i, k;
	int64_t value;

	memset(&now, 0, sizeof(now));
	segment_name = test_name("schedule");
	create(scene);
	open_for(scene, JUDGE, true);
	if (scene->named)
		must(zipc_stream_subscribe(&name, derived[JUDGE], "n",
					   ZIPC_STREAM_OLDEST));
	for (k = 0; k < sources_of(scene); k++)
		for (i = 0; i < scene->before; i++) {
			value = ++now.began[k] + (k ? 100 : 0);
			must(zipc_stream_emit(sources[JUDGE][k], &value,
					      ZIPC_NOWAIT));
			now.emitted[k]++;
		}
	if (scene->absent)
		claim_and_vanish(scene);
	for (i = 0; i < scene->schedule.tasks; i++)
		open_for(scene, i, strpbrk(scene->scripts[i], "dD") != NULL);
	must(zipc_segment_unlink(segment_name));
	label(scene);
	zipc_drive_stale_ns = scene->impatient ? 0 : INT64_MAX / 2;
	schedule_keep(&now, sizeof(now));
	schedule_keep(&zipc_drive_stale_ns, sizeof(zipc_drive_stale_ns));
}

/* what must be true in the end */

static void drain(const struct scene *scene)
{
	while (!read_one(scene, JUDGE, false, ZIPC_NOWAIT))
		;
	while (scene->named && !read_one(scene, JUDGE, true, ZIPC_NOWAIT))
		;
}

/* Whoever comes drives it to where nothing is left. */
static void drive_all(const struct scene *scene, unsigned who)
{
	unsigned steps;
	int64_t rc;

	for (steps = 0; steps < 64; steps++) {
		rc = drive(who, ZIPC_NOWAIT);
		schedule_must(rc != -EBUSY, "another is said to drive");
		drain(scene);
		if (rc == -EPIPE ||
		    (rc == -EAGAIN && !derived[who]->derived->driver->full))
			return;
	}
	schedule_fail("there is always something to drive");
}

static bool is_over(const struct scene *scene)
{
	if (scene->flow == TAKEN)
		return now.emitted[0] >= 2 || now.ended[0];
	if (scene->flow == MERGED)
		return now.ended[0] && now.ended[1];
	if (scene->flow == SCAN)
		return now.ended[0];
	return (now.ended[0] && now.emitted[0] <= now.emitted[1]) ||
	       (now.ended[1] && now.emitted[1] <= now.emitted[0]);
}

/* A killed emit may have come through. */
static void check_all(const struct scene *scene)
{
	const struct seen *seen = &now.seen[JUDGE];

	schedule_must(seen->n >= results_of(scene, now.emitted) &&
			      seen->n <= results_of(scene, now.began),
		      "there are %u results of %d", seen->n,
		      (int)results_of(scene, now.emitted));
	schedule_must(seen->ended == is_over(scene) || schedule_has_fault(),
		      "an end is %stold", seen->ended ? "" : "not ");
}

/* Sources are held back by what is to be read, and by nothing else. */
static void check_room(const struct scene *scene)
{
	unsigned i, k;

	for (k = 0; k < sources_of(scene); k++)
		for (i = 0; i < CAPACITY && !now.ended[k]; i++)
			emit(JUDGE, k);
}

static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;

	zipc_drive_stale_ns = 0;
	drive_all(scene, JUDGE);
	check_all(scene);
	if (stage == SCHEDULE_STOPPED || sources_of(scene) > 1 ||
	    schedule_has_fault())
		return;
	check_room(scene);
	drive_all(scene, JUDGE);
	check_all(scene);
}

/* scenes */

#define TASKS(label, count, some, of_switches, of_delays, of_kills, of_stops) \
	.schedule = { .name = label, .tasks = count, .victims = some,         \
		      .limits = { .switches = of_switches,                    \
				  .delays = of_delays, .flushes = of_delays,  \
				  .kills = of_kills, .stops = of_stops } }

/* In groups, each a case: the first of each is what finds a planted fault. */
static struct scene scenes[] = {
	/* Each takes over from the other, anywhere. */
	{ TASKS("two-drive", 2, 0, 2, 0, 0, 0), SCAN, true, false, 2, 0, 8,
	  { "ded", "dd" } },
	{ TASKS("at-the-tail", 2, 0, 2, 0, 0, 0), SCAN, true, false, 2, 1, 8,
	  { "ded", "dd" } },
	{ TASKS("three-drive", 3, 0, 1, 0, 0, 0), SCAN, true, false, 2, 0, 8,
	  { "ded", "dd", "d" } },
	{ TASKS("driven-and-read", 3, 0, 1, 0, 0, 0), SCAN, true, false, 1, 0,
	  8, { "d", "d", "r" } },
	{ TASKS("merge", 2, 0, 1, 0, 0, 0), MERGED, true, false, 1, 0, 8,
	  { "dd", "ddd" } },
	{ TASKS("zip", 2, 0, 1, 0, 0, 0), ZIPPED, true, false, 1, 0, 8,
	  { "ddf", "dde" } },
	/* By the lease one drives, and another is told so. */
	{ TASKS("lease", 2, 0, 2, 0, 0, 0), SCAN, false, false, 1, 0, 8,
	  { "dd", "ed" } },
	/* Results wait for room. */
	{ TASKS("room", 2, 0, 1, 0, 0, 0), SCAN, true, true, 3, 0, 1,
	  { "ddd", "dn" } },
#define ENDS 8
	/* An end is told behind all that is out. */
	{ TASKS("take", 2, 0, 2, 0, 0, 0), TAKEN, true, false, 2, 0, 8,
	  { "dd", "dd" } },
	{ TASKS("take-read", 3, 0, 1, 0, 0, 0), TAKEN, true, false, 2, 0, 8,
	  { "dd", "d", "rrr" } },
	{ TASKS("end", 2, 0, 1, 0, 0, 0), SCAN, true, false, 1, 0, 8,
	  { "ezd", "dd" } },
	{ TASKS("zip-ended", 2, 0, 1, 0, 0, 0), ZIPPED, true, false, 1, 0, 8,
	  { "yd", "dd" } },
	/* Nobody sleeps on. */
	{ TASKS("wake-driver", 2, 0, 2, 1, 0, 0), SCAN, false, false, 0, 0, 8,
	  { "e", "D" } },
	{ TASKS("wake-reader", 2, 0, 2, 0, 0, 0), SCAN, false, false, 1, 0, 8,
	  { "d", "R" } },
	{ TASKS("wake-at-room", 2, 0, 2, 0, 0, 0), SCAN, false, true, 2, 0, 1,
	  { "DD", "NNe" } },
	{ TASKS("wake-by-the-end", 2, 0, 2, 1, 0, 0), SCAN, false, false, 0, 0,
	  8, { "z", "D" } },
#define DEATHS 16
	/* Whoever comes takes over from the dead, and from who is stopped. */
	{ TASKS("dead", 2, 1, 1, 0, 1, 0), SCAN, false, false, 2, 0, 8,
	  { "dd", "dd" } },
	{ TASKS("dead-at-room", 2, 1, 1, 0, 1, 0), SCAN, false, true, 2, 0, 1,
	  { "dd", "dnd" } },
	{ TASKS("dead-merge", 2, 1, 1, 0, 1, 0), MERGED, false, false, 1, 0, 8,
	  { "dd", "d" } },
	{ TASKS("dead-take", 2, 1, 1, 0, 1, 0), TAKEN, false, false, 2, 0, 8,
	  { "dd", "d" } },
	{ TASKS("dead-zip", 2, 1, 1, 0, 1, 0), ZIPPED, false, false, 1, 0, 8,
	  { "yd", "d" } },
	{ TASKS("stopped", 2, 1, 1, 0, 0, 1), SCAN, true, false, 2, 0, 8,
	  { "dd", "dd" } },
	{ TASKS("stopped-at-room", 2, 1, 1, 0, 0, 1), SCAN, true, true, 2, 0,
	  1, { "dd", "dnd" } },
	{ TASKS("stopped-take", 2, 1, 1, 0, 0, 1), TAKEN, true, false, 2, 0, 8,
	  { "dd", "d" } },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(*scenes)))

static const struct schedule *schedule_of(int i)
{
	struct schedule *schedule = &scenes[i].schedule;

	schedule->set_up = set_up;
	schedule->task = run_script;
	schedule->check = check;
	schedule->scene = &scenes[i];
	return schedule;
}

START_TEST(each_result_is_out_once)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(so_it_is_by_chance)
{
	schedule_walk(schedule_of(_i), 200, 1);
}
END_TEST

START_TEST(so_it_is_by_much_chance)
{
	schedule_walk(schedule_of(_i), 100000, 2);
}
END_TEST

static Suite *derive_suite(void)
{
	Suite *suite = suite_create("derive");
	TCase *tc = test_case(suite, "once", "medium", 600);

	tcase_add_loop_test(tc, each_result_is_out_once, 0, ENDS);
	tc = test_case(suite, "ends", "medium", 600);
	tcase_add_loop_test(tc, each_result_is_out_once, ENDS, DEATHS);
	tc = test_case(suite, "deaths", "medium", 600);
	tcase_add_loop_test(tc, each_result_is_out_once, DEATHS, SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, so_it_is_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, so_it_is_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(derive_suite)
