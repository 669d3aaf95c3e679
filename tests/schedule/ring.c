/* SPDX-License-Identifier: MIT */
/*
 * The ring under the schedule explorer: records are written, overwritten, read
 * and read in place, readers take places, and writers die, in every order.
 * What is read is whole and in order; what was lost is counted exactly; who
 * holds the writer back loses nothing; and nobody waits in vain.
 *
 * Each task follows a script: w writes, c writes in place, W writes and waits,
 * o opens a reader at the oldest record and n at the newest, r reads, R reads
 * and waits, p reads two in place, x closes the reader. A script that begins
 * with O has a reader from the begin.
 */
#include "../harness.h"
#include "../ring_records.h"
#include "../../libzeroipc/ring.h"
#include "schedule.h"

#define JUDGE SCHEDULE_TASKS
#define SIZE 128u
#define MOST 24u /* bytes of a record, which takes 16 to 32 */

struct scene {
	struct schedule schedule;
	bool patient;
	unsigned before; /* records written by somebody who has died */
	const char *scripts[SCHEDULE_TASKS];
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_ring *rings[SCHEDULE_TASKS + 1];

/* What this run has seen. */
static struct {
	struct zipc_ring_reader *readers[SCHEDULE_TASKS];
	uint64_t read[SCHEDULE_TASKS]; /* the last number that it has read */
	uint64_t lost[SCHEDULE_TASKS];
	unsigned written; /* records whose write has returned */
} seen;

static void open_reader(unsigned who, enum zipc_ring_from from)
{
	int rc = zipc_ring_reader_open(&seen.readers[who], rings[who], from);

	schedule_must(rc == 0, "reader_open says %s: %s", rc_name(rc),
		      zipc_last_error());
	seen.read[who] = zipc_ring_next_number(seen.readers[who]) - 1;
}

static int write_next(struct zipc_ring *ring, int64_t timeout_ns)
{
	unsigned char bytes[MOST];
	uint64_t number;
	void *at;
	int rc;

	/* The number is not sure before the place is the writer's. */
	rc = ring->generation ? 0 : zipc_ring_reserve(ring, 0, &at, timeout_ns);
	if (rc)
		return rc;
	number = ring->records + 1;
	return zipc_ring_write(ring, bytes, record_make(bytes, number, MOST),
			       timeout_ns);
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 3, .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_ring_options options = { scene->patient, 3 };
	const char *name = test_name("ring");
	unsigned i;

	schedule_as(JUDGE);
	ck_rc(zipc_segment_create(&segments[JUDGE], name, 8192, &few), 0);
	ck_rc(zipc_ring_create_with(&rings[JUDGE], segments[JUDGE], "r", SIZE,
				    &options), 0);
	for (i = 0; i < scene->before; i++)
		ck_rc(write_next(rings[JUDGE], ZIPC_NOWAIT), 0);
	zipc_ring_close(rings[JUDGE]);
	ck_rc(zipc_ring_open(&rings[JUDGE], segments[JUDGE], "r"), 0);
	memset(&seen, 0, sizeof(seen));
	for (i = 0; i < scene->schedule.tasks; i++) {
		schedule_as(i);
		ck_rc(zipc_segment_open(&segments[i], name, 0), 0);
		ck_rc(zipc_ring_open(&rings[i], segments[i], "r"), 0);
		if (scene->scripts[i][0] == 'O')
			open_reader(i, ZIPC_RING_OLDEST);
	}
	ck_rc(zipc_segment_unlink(name), 0);
	schedule_label(rings[JUDGE]->shape.words, 256, "ring");
	schedule_label(rings[JUDGE]->shape.readers, 192, "readers");
	schedule_label(rings[JUDGE]->shape.data, SIZE, "data");
	schedule_keep(&seen, sizeof(seen));
	for (i = 0; i <= SCHEDULE_TASKS; i++)
		if (rings[i])
			schedule_keep(rings[i], sizeof(*rings[i]));
}

/* A record came, as it should be, and behind what was read or lost before. */
static void came(unsigned who, const void *bytes, size_t n)
{
	uint64_t number = record_number(bytes, n, MOST);
	uint64_t lost = zipc_ring_lost(seen.readers[who]) - seen.lost[who];

	schedule_must(number, "a record is torn");
	schedule_must(number == seen.read[who] + lost + 1,
		      "record %u came behind %u, and %u were lost",
		      (unsigned)number, (unsigned)seen.read[who],
		      (unsigned)lost);
	seen.read[who] = number;
	seen.lost[who] += lost;
}

static void must_not_lose(const struct scene *scene, unsigned who)
{
	struct zipc_ring_reader *reader = seen.readers[who];

	schedule_must(!scene->patient || !zipc_ring_has_place(reader) ||
		      !zipc_ring_lost(reader),
		      "who holds the writer back has lost records");
}

static void read_one(unsigned who, int64_t timeout_ns)
{
	unsigned char bytes[MOST];
	int64_t n = zipc_ring_read(seen.readers[who], bytes, MOST, timeout_ns);

	schedule_must(n >= 0 || (n == -EAGAIN && !timeout_ns),
		      "read says %s: %s", rc_name(n), zipc_last_error());
	if (n >= 0)
		came(who, bytes, (size_t)n);
}

static void read_in_place(unsigned who)
{
	struct zipc_ring_reader *reader = seen.readers[who];
	unsigned char bytes[2][MOST];
	struct zipc_ring_record records[2];
	int64_t n = zipc_ring_peek(reader, records, 2, ZIPC_NOWAIT), gone, i;
	uint64_t lost = zipc_ring_lost(reader);

	schedule_must(n >= 0 || n == -EAGAIN, "peek says %s: %s", rc_name(n),
		      zipc_last_error());
	for (i = 0; i < n; i++) {
		schedule_must(records[i].n <= MOST, "a record has %zu bytes",
			      records[i].n);
		memcpy(bytes[i], records[i].at, records[i].n);
	}
	if (n < 0)
		return;
	gone = zipc_ring_advance(reader);
	schedule_must(gone >= 0 && gone <= n, "advance says %s: %s",
		      rc_name(gone), zipc_last_error());
	schedule_must(zipc_ring_lost(reader) == lost + (uint64_t)gone,
		      "advance has not counted what it told");
	for (i = gone; i < n; i++)
		came(who, bytes[i], records[i].n);
}

static void write_one(const struct scene *scene, unsigned who, char how)
{
	int64_t wait = how == 'W' ? ZIPC_FOREVER : ZIPC_NOWAIT;
	uint64_t number;
	void *at;
	int rc;

	if (how == 'c') {
		rc = zipc_ring_reserve(rings[who], MOST, &at, ZIPC_NOWAIT);
		number = rings[who]->records + 1;
		if (!rc)
			rc = zipc_ring_commit(rings[who],
					      record_make(at, number, MOST));
	} else {
		rc = write_next(rings[who], wait);
	}
	schedule_must(!rc || rc == -EBUSY || (scene->patient && rc == -EAGAIN),
		      "write says %s: %s", rc_name(rc), zipc_last_error());
	seen.written += !rc;
}

static void operate(const struct scene *scene, unsigned who, char what)
{
	schedule_call();
	switch (what) {
	case 'O':
		break;
	case 'o':
		open_reader(who, ZIPC_RING_OLDEST);
		break;
	case 'n':
		open_reader(who, ZIPC_RING_NEWEST);
		break;
	case 'r':
		read_one(who, ZIPC_NOWAIT);
		break;
	case 'R':
		read_one(who, ZIPC_FOREVER);
		break;
	case 'p':
		read_in_place(who);
		break;
	case 'x':
		zipc_ring_reader_close(seen.readers[who]);
		seen.readers[who] = NULL;
		break;
	default:
		write_one(scene, who, what);
	}
	if (seen.readers[who])
		must_not_lose(scene, who);
	schedule_return();
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		operate(scene, who, *at);
}

/* Who comes behind finds all that was written, and can write. */
static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;
	struct zipc_ring_reader *reader;
	unsigned char bytes[MOST];
	uint64_t number, last = 0;
	int64_t n;
	int rc;

	rc = zipc_ring_reader_open(&reader, rings[JUDGE], ZIPC_RING_OLDEST);
	schedule_must(rc == 0, "reader_open says %s: %s", rc_name(rc),
		      zipc_last_error());
	while ((n = zipc_ring_read(reader, bytes, MOST, ZIPC_NOWAIT)) >= 0) {
		number = record_number(bytes, (size_t)n, MOST);
		schedule_must(number && (!last || number == last + 1),
			      "behind it %u comes behind %u", (unsigned)number,
			      (unsigned)last);
		last = number;
	}
	schedule_must(n == -EAGAIN, "behind it read says %s: %s", rc_name(n),
		      zipc_last_error());
	schedule_must(last >= scene->before + seen.written,
		      "of %u records %u are there",
		      scene->before + seen.written, (unsigned)last);
	if (stage == SCHEDULE_STOPPED || scene->patient)
		return;
	rc = write_next(rings[JUDGE], ZIPC_NOWAIT);
	schedule_must(!rc || rc == -EBUSY, "behind it write says %s: %s",
		      rc_name(rc), zipc_last_error());
}

#define SCENE(label, count, some, of_switches, of_delays, of_kills)          \
	.schedule = { .name = label, .tasks = count, .victims = some,        \
		      .limits = { .switches = of_switches,                   \
				  .delays = of_delays, .flushes = of_delays, \
				  .kills = of_kills } }

static struct scene scenes[] = {
	/* The writer overwrites what is being read. */
	{ SCENE("overwrite", 2, 0, 2, 1, 0), false, 4, { "ww", "Orr" } },
	{ SCENE("overwrite-in-place", 2, 0, 2, 1, 0), false, 4,
	  { "ww", "Op" } },
	{ SCENE("commit-in-place", 2, 0, 2, 1, 0), false, 4,
	  { "cc", "Orr" } },
	{ SCENE("two-readers", 3, 0, 2, 0, 0), false, 4,
	  { "ww", "Or", "Op" } },
	/* Readers begin while it does. */
	{ SCENE("open", 2, 0, 2, 1, 0), false, 4, { "ww", "or" } },
	{ SCENE("open-newest", 2, 0, 2, 1, 0), false, 4, { "www", "nr" } },
	/* A place is taken while the writer looks. */
	{ SCENE("place", 2, 0, 3, 2, 0), true, 5, { "ww", "orr" } },
	{ SCENE("two-places", 3, 0, 2, 1, 0), true, 5, { "w", "or", "nr" } },
	{ SCENE("held-back", 2, 0, 3, 1, 0), true, 4, { "www", "Orr" } },
	/* Nobody sleeps on. */
	{ SCENE("wake-reader", 2, 0, 3, 2, 0), false, 0, { "w", "OR" } },
	{ SCENE("wake-two", 3, 0, 2, 1, 0), false, 0, { "w", "OR", "OR" } },
	{ SCENE("wake-writer", 2, 0, 3, 1, 0), true, 4,
	  { "WW", "ORRR" } },
	/* Writers die, and are followed. */
	{ SCENE("dead-writer", 3, 1, 2, 0, 1), false, 4,
	  { "ww", "ww", "Orr" } },
	{ SCENE("dead-reader", 3, 2, 1, 0, 1), true, 4,
	  { "WW", "Orx", "Orx" } },
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

START_TEST(records_are_whole_and_counted)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(records_are_whole_and_counted_by_chance)
{
	schedule_walk(schedule_of(_i), 2000, 1);
}
END_TEST

START_TEST(records_are_whole_and_counted_by_much_chance)
{
	schedule_walk(schedule_of(_i), 1000000, 2);
}
END_TEST

static Suite *ring_suite(void)
{
	Suite *suite = suite_create("ring");
	TCase *tc = test_case(suite, "records", "medium", 600);

	tcase_add_loop_test(tc, records_are_whole_and_counted, 0, SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, records_are_whole_and_counted_by_chance, 0,
			    SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, records_are_whole_and_counted_by_much_chance,
			    0, SCENES);
	return suite;
}

TEST_MAIN(ring_suite)
