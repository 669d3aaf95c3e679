/* SPDX-License-Identifier: MIT */
/*
 * The ring under the sweep: write, commit, close, and read, in place too, open
 * and a reader's close; first calls, which take over from the dead, and warmed.
 * Who comes behind finds records that are whole, in order, none twice, none
 * lost but those that were overwritten, and those counted exactly; a writer
 * that is dead is succeeded, and one that is stopped is not; a reader that is
 * dead holds nobody back, and one that is stopped does, or is told.
 */
#include "../harness.h"
#include "../ring_records.h"
#include "refuse.h"
#include "sweep.h"

#include <sys/wait.h>

#define SIZE 256u
#define MOST 32u    /* bytes of a record */
#define LAP 40u     /* records: more than two laps */
#define BATCH 3u
#define VICTIM 1000u
#define SECOND 2000u
#define BEHIND 3000u

enum op { WRITE, COMMIT, CLOSE, READ, PEEK, OPEN, LEAVE };

static const char *const op_names[] = { "write", "commit", "close", "read",
					"peek", "reader_open",
					"reader_close" };

struct scene {
	enum op op;
	unsigned fill; /* records that were written before */
	bool warm, patient;
};

static bool by_reader(const struct scene *scene)
{
	return scene->op >= READ;
}

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static struct zipc_ring *open_ring(void)
{
	struct zipc_segment *segment;
	struct zipc_ring *ring;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_ring_open(&ring, segment, "r"), "open");
	return ring;
}

static int write_number(struct zipc_ring *ring, uint64_t number)
{
	unsigned char bytes[MOST];

	return zipc_ring_write(ring, bytes, record_make(bytes, number, MOST),
			       ZIPC_NOWAIT);
}

#define TORN INT64_MAX

static int64_t read_number(struct zipc_ring_reader *reader)
{
	unsigned char bytes[MOST];
	int64_t n = zipc_ring_read(reader, bytes, sizeof(bytes), ZIPC_NOWAIT);
	uint64_t number;

	if (n < 0)
		return n;
	number = record_number(bytes, (size_t)n, MOST);
	return number ? (int64_t)number : TORN;
}

static struct zipc_ring_reader *open_reader(struct zipc_ring *ring,
					    enum zipc_ring_from from)
{
	struct zipc_ring_reader *reader;

	must(zipc_ring_reader_open(&reader, ring, from), "reader");
	return reader;
}

/* Dies with the writer's place, and a reader's, which is at the oldest. */
static void fill(const struct scene *scene)
{
	struct zipc_ring *ring = open_ring();
	uint64_t i;

	for (i = 1; i <= scene->fill; i++)
		must(write_number(ring, i), "write");
	open_reader(ring, ZIPC_RING_OLDEST);
	_exit(0);
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	const struct scene *scene = context;
	struct zipc_ring_options options = { scene->patient, 4 };
	struct zipc_segment *segment;
	struct zipc_ring *ring;
	pid_t child;

	zipc_segment_unlink(sweep_segment());
	must(zipc_segment_create(&segment, sweep_segment(), 16 << 10, &few),
	     "create");
	must(zipc_ring_create_with(&ring, segment, "r", SIZE, &options),
	     "create");
	zipc_ring_close(ring);
	zipc_segment_close(segment);
	child = fork();
	if (!child)
		fill(scene);
	waitpid(child, NULL, 0);
}

/* the victims */

#define FIRST_NUMBER 0 /* notes: what there was to read first, */
#define LOST 1         /* what was lost, whether it had a place, */
#define HAD_PLACE 2
#define VALUES 3       /* and what was read */

static int64_t read_in_place(struct sweep_victim *me,
			     struct zipc_ring_reader *reader)
{
	struct zipc_ring_record records[BATCH];
	int64_t n = zipc_ring_peek(reader, records, BATCH, ZIPC_NOWAIT), i;
	int64_t gone;
	uint64_t number;

	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		number = 0;
		if (records[i].n <= SIZE)
			number = record_number(records[i].at, records[i].n,
					       MOST);
		me->notes[VALUES + i] = number ? number : TORN;
	}
	gone = zipc_ring_advance(reader);
	if (gone < 0)
		return gone;
	for (i = 0; i < n - gone; i++)
		me->notes[VALUES + i] = me->notes[VALUES + gone + i];
	return n - gone;
}

static int64_t operate_reader(struct sweep_victim *me, enum op op,
			      struct zipc_ring *ring,
			      struct zipc_ring_reader *reader)
{
	int64_t rc = 0;

	if (op == OPEN) {
		rc = zipc_ring_reader_open(&reader, ring, ZIPC_RING_OLDEST);
		if (rc)
			return rc;
	}
	if (op == PEEK) {
		rc = read_in_place(me, reader);
	} else if (op == LEAVE) {
		zipc_ring_reader_close(reader);
		return 0;
	} else {
		rc = read_number(reader);
		me->notes[VALUES] = (uint64_t)rc;
		rc = rc < 0 ? rc : 1;
	}
	me->notes[LOST] = zipc_ring_lost(reader);
	me->notes[HAD_PLACE] = (uint64_t)zipc_ring_has_place(reader);
	return rc;
}

static void first_reader(struct sweep_victim *me, const struct scene *scene)
{
	struct zipc_ring *ring = open_ring();
	struct zipc_ring_reader *reader, *before;

	before = open_reader(ring, ZIPC_RING_OLDEST);
	me->notes[FIRST_NUMBER] = (uint64_t)read_number(before);
	zipc_ring_reader_close(before);
	reader = scene->op == OPEN ? NULL : open_reader(ring, ZIPC_RING_OLDEST);
	if (scene->warm && reader)
		me->notes[FIRST_NUMBER] = (uint64_t)read_number(reader) + 1;
	sweep_begin(me);
	sweep_end(me, operate_reader(me, scene->op, ring, reader));
}

static int64_t operate_writer(enum op op, struct zipc_ring *ring,
			      const void *bytes, size_t n)
{
	int64_t rc;
	void *at;

	if (op == WRITE)
		return zipc_ring_write(ring, bytes, n, ZIPC_NOWAIT);
	if (op == CLOSE) {
		zipc_ring_close(ring);
		return 0;
	}
	rc = zipc_ring_reserve(ring, MOST, &at, ZIPC_NOWAIT);
	if (rc)
		return rc;
	memcpy(at, bytes, n);
	return zipc_ring_commit(ring, n);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	unsigned char bytes[MOST];
	struct zipc_ring *ring;
	size_t n;

	if (by_reader(scene)) {
		first_reader(me, scene);
		return;
	}
	ring = open_ring();
	if (scene->warm)
		must(write_number(ring, scene->fill + 1), "write");
	n = record_make(bytes, VICTIM, MOST);
	sweep_begin(me);
	sweep_end(me, operate_writer(scene->op, ring, bytes, n));
}

/* The number of the last record that was written one after the other. */
static uint64_t last_number(struct zipc_ring *ring)
{
	struct zipc_ring_reader *reader = open_reader(ring, ZIPC_RING_OLDEST);
	int64_t number;
	uint64_t last = 0;

	while ((number = read_number(reader)) >= 0)
		last = (uint64_t)number;
	zipc_ring_reader_close(reader);
	return last;
}

/*
 * Writes one record, or, where readers are swept, more than a lap, and then
 * reads one. Its result is what the first write gave.
 */
static void second(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_ring *ring = open_ring();
	struct zipc_ring_reader *reader;
	uint64_t number = SECOND, i = 0;
	int64_t rc;

	if (by_reader(scene))
		number = last_number(ring) + 1;
	sweep_begin(me);
	rc = write_number(ring, number);
	while (!rc && by_reader(scene) && ++i < 12)
		if (write_number(ring, number + i))
			break;
	reader = open_reader(ring, ZIPC_RING_OLDEST);
	me->notes[0] = (uint64_t)read_number(reader);
	zipc_ring_reader_close(reader);
	sweep_end(me, rc);
}

/* the checks */

struct seen {
	unsigned n;
	uint64_t number[64];
};

static void see_all(struct sweep_page *page, struct zipc_ring *ring,
		    struct seen *seen)
{
	struct zipc_ring_reader *reader = open_reader(ring, ZIPC_RING_OLDEST);
	int64_t number;

	seen->n = 0;
	while ((number = read_number(reader)) >= 0) {
		if (number == TORN)
			sweep_fail(page, "a record is torn");
		if (seen->n == 64)
			sweep_fail(page, "records come without end");
		seen->number[seen->n++] = (uint64_t)number;
	}
	if (number != -EAGAIN)
		sweep_fail(page, "read gives %s: %s", rc_name(number),
			   zipc_last_error());
	if (zipc_ring_lost(reader))
		sweep_fail(page, "records were lost, and nobody wrote");
	zipc_ring_reader_close(reader);
}

static bool has(const struct seen *seen, uint64_t number)
{
	unsigned i;

	for (i = 0; i < seen->n && seen->number[i] != number; i++)
		;
	return i < seen->n;
}

/*
 * What was written before comes first, in order up to its last, and then what
 * is written now, once each.
 */
static void check_order(struct sweep_page *page, const struct scene *scene,
			const struct seen *seen)
{
	uint64_t before = scene->fill + (scene->warm && !by_reader(scene));
	unsigned i, j;

	for (i = 0; i < seen->n && seen->number[i] < VICTIM; i++)
		if (i && seen->number[i] != seen->number[i - 1] + 1)
			sweep_fail(page, "%u comes behind %u",
				   (unsigned)seen->number[i],
				   (unsigned)seen->number[i - 1]);
	if (!by_reader(scene) && before && i && seen->number[i - 1] != before)
		sweep_fail(page, "%u is the last, not %u",
			   (unsigned)seen->number[i - 1], (unsigned)before);
	for (; i < seen->n; i++)
		for (j = 0; j < i; j++)
			if (seen->number[i] < VICTIM ||
			    seen->number[i] == seen->number[j])
				sweep_fail(page, "%u comes again, or late",
					   (unsigned)seen->number[i]);
}

/* Two laps are written; who has read nothing so far has lost exactly them. */
static void check_counts(struct sweep_page *page, struct zipc_ring *ring,
			 uint64_t number)
{
	struct zipc_ring_reader *old = open_reader(ring, ZIPC_RING_OLDEST);
	struct zipc_ring_reader *fresh = open_reader(ring, ZIPC_RING_NEWEST);
	uint64_t there, i, came[2] = { 0, 0 }, count;
	struct seen seen;
	int64_t rc;

	see_all(page, ring, &seen);
	there = seen.n;
	for (i = 0; i < LAP; i++) {
		rc = write_number(ring, number + i);
		if (rc == -EAGAIN) /* back-pressure: this reader holds it */
			while (read_number(old) >= 0 ||
			       read_number(fresh) >= 0)
				;
		if (rc == -EAGAIN)
			break;
		if (rc)
			sweep_fail(page, "write %u gives %s: %s", (unsigned)i,
				   rc_name(rc), zipc_last_error());
	}
	if (i < LAP && zipc_ring_lost(old) + zipc_ring_lost(fresh))
		sweep_fail(page, "who holds the writer back has lost records");
	for (count = 0; i == LAP && read_number(old) >= 0; count++)
		came[0]++;
	for (count = 0; i == LAP && read_number(fresh) >= 0; count++)
		came[1]++;
	if (i == LAP && (came[0] + zipc_ring_lost(old) != there + LAP ||
			 came[1] + zipc_ring_lost(fresh) != LAP))
		sweep_fail(page, "of %u and %u, %u and %u were read, %u and %u "
			   "lost", (unsigned)(there + LAP), LAP,
			   (unsigned)came[0], (unsigned)came[1],
			   (unsigned)zipc_ring_lost(old),
			   (unsigned)zipc_ring_lost(fresh));
	zipc_ring_reader_close(old);
	zipc_ring_reader_close(fresh);
}

/* Behind the dead: everything can be written, and it laps. */
static void check_writes(struct sweep_page *page, struct zipc_ring *ring)
{
	uint64_t i;
	int64_t rc;

	for (i = 0; i < LAP; i++) {
		rc = write_number(ring, 2 * BEHIND + i);
		if (rc)
			sweep_fail(page, "write %u gives %s: %s", (unsigned)i,
				   rc_name(rc), zipc_last_error());
	}
}

static void check_writer(struct sweep_page *page, enum sweep_stage stage,
			 const struct scene *scene)
{
	struct zipc_ring *ring = open_ring();
	struct seen seen;
	int64_t rc;
	uint64_t records;
	bool may_be_busy = stage == SWEEP_STOPPED;

	see_all(page, ring, &seen);
	check_order(page, scene, &seen);
	if (scene->op != CLOSE && page->first.phase == 2) {
		rc = page->first.result;
		if (rc && !(rc == -EBUSY && page->second.phase))
			sweep_fail(page, "the operation gave %s", rc_name(rc));
		if (!rc && !has(&seen, VICTIM) && !has(&seen, BEHIND))
			sweep_fail(page, "what was written is not there");
		if (rc && has(&seen, VICTIM))
			sweep_fail(page, "what was refused is there");
	}
	if (page->second.phase == 2 && !page->second.result &&
	    !has(&seen, SECOND) && !has(&seen, BEHIND))
		sweep_fail(page, "what the second wrote is not there");
	records = zipc_ring_records(ring);
	rc = write_number(ring, BEHIND + stage);
	if (rc && !(rc == -EBUSY && may_be_busy))
		sweep_fail(page, "write gives %s: %s", rc_name(rc),
			   zipc_last_error());
	see_all(page, ring, &seen);
	if (has(&seen, BEHIND + stage) != !rc)
		sweep_fail(page, "a write gives %s, and the record is %s",
			   rc_name(rc), rc ? "there" : "not there");
	if (!rc && zipc_ring_records(ring) != records + 1 &&
	    zipc_ring_records(ring) != records)
		sweep_fail(page, "of %u records there are %u", (unsigned)records,
			   (unsigned)zipc_ring_records(ring));
	if (stage == SWEEP_STOPPED)
		return;
	check_counts(page, ring, 2 * BEHIND);
	check_writes(page, ring);
}

/* What the victim has read follows what was there, or was lost by count. */
static void check_read(struct sweep_page *page, const struct scene *scene)
{
	const struct sweep_victim *me = &page->first;
	uint64_t number = me->notes[FIRST_NUMBER] + me->notes[LOST];
	int64_t i;

	if (me->result < 0 && me->result != -EAGAIN)
		sweep_fail(page, "the operation gave %s", rc_name(me->result));
	if (scene->op == LEAVE)
		return;
	if (scene->op != OPEN && scene->patient && me->notes[LOST])
		sweep_fail(page, "who holds the writer back has lost records");
	for (i = 0; i < me->result; i++) {
		if ((int64_t)me->notes[VALUES + i] == TORN)
			sweep_fail(page, "record %u of %u is torn", (unsigned)i,
				   (unsigned)me->result);
		if (scene->op == OPEN ? me->notes[VALUES + i] < number
				      : me->notes[VALUES + i] != number + i)
			sweep_fail(page, "%u came, not %u; %u were lost",
				   (unsigned)me->notes[VALUES + i],
				   (unsigned)(number + i),
				   (unsigned)me->notes[LOST]);
	}
}

static void check_reader(struct sweep_page *page, enum sweep_stage stage,
			 const struct scene *scene)
{
	struct zipc_ring *ring = open_ring();
	uint64_t number = last_number(ring) + 1, i;
	bool held = scene->patient && stage == SWEEP_STOPPED;
	struct seen seen;
	int64_t rc = 0;

	if (page->first.phase == 2)
		check_read(page, scene);
	for (i = 0; i < LAP && !rc; i++)
		rc = write_number(ring, number + i);
	if (rc && !(rc == -EAGAIN && held) &&
	    !(rc == -EBUSY && stage == SWEEP_STOPPED && page->second.phase))
		sweep_fail(page, "write %u gives %s: %s", (unsigned)i,
			   rc_name(rc), zipc_last_error());
	see_all(page, ring, &seen);
	check_order(page, scene, &seen);
	if (stage == SWEEP_STOPPED)
		return;
	check_counts(page, ring, number + LAP);
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;

	if (by_reader(scene))
		check_reader(page, stage, scene);
	else
		check_writer(page, stage, scene);
}

/* the table */

/* A ring that is full; one whose next record follows padding; an empty one. */
static const unsigned fills[] = { 9, 12, 0 };

/* Bits: of each, in the first call and warmed. */
#define ALL 63u
#define SOME 9u /* the full one in the first call, the second one warmed */
#define THE_FULL_ONE 3u

static void sweep_op(enum op op, bool patient, unsigned modes, unsigned scenes,
		     const char *words)
{
	struct scene scene = { .op = op, .patient = patient };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene };
	char name[96], operation[64];
	struct sweep_row row = { .operation = operation };
	unsigned i;

	snprintf(operation, sizeof(operation), "ring %s%s%s", op_names[op],
		 patient ? ", back-pressure" : "", words);
	sweep.name = name;
	for (i = 0; ALL >> i && !row.failures; i++) {
		scene.fill = fills[i / 2];
		scene.warm = i % 2;
		if (!(scenes >> i & 1) || (by_reader(&scene) && !scene.fill) ||
		    (op == OPEN && scene.warm))
			continue;
		snprintf(name, sizeof(name), "%s, %u inside, %s", operation,
			 scene.fill, scene.warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

#define OPS (2 * (LEAVE + 1))

START_TEST(survives_one_death_at_every_instruction)
{
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_KILL, SOME, "");
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_STOP, SOME, "");
}
END_TEST

START_TEST(survives_two_deaths_at_every_pair_of_instructions)
{
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_PAIRS, SOME, "");
}
END_TEST

START_TEST(survives_all_of_that_from_every_fill_level)
{
	sweep_op((enum op)(_i / 2), _i % 2,
		 SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS, ALL, "");
}
END_TEST

START_TEST(survives_a_death_before_a_stopped_one_goes_on)
{
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_LATE, THE_FULL_ONE, "");
}
END_TEST

START_TEST(survives_two_that_are_stopped_and_go_on)
{
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_CROSSED, THE_FULL_ONE, "");
}
END_TEST

/* A sandbox refuses membarrier: both sides of a fence pay for it. */
START_TEST(survives_with_symmetric_fences)
{
	refuse_membarrier(EPERM);
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_KILL | SWEEP_STOP,
		 THE_FULL_ONE, ", no membarrier");
}
END_TEST

static Suite *ring_sweep_suite(void)
{
	Suite *suite = suite_create("ring sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);

	tcase_add_loop_test(tc, survives_one_death_at_every_instruction, 0,
			    OPS);
	tc = test_case(suite, "stops", "medium", 600);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, 0, OPS);
	tc = test_case(suite, "pairs", "slow", 1200);
	tcase_add_loop_test(tc,
			    survives_two_deaths_at_every_pair_of_instructions,
			    0, OPS);
	tc = test_case(suite, "every fill level", "stress", 1200);
	tcase_add_loop_test(tc, survives_all_of_that_from_every_fill_level, 0,
			    OPS);
	tc = test_case(suite, "late", "stress", 1200);
	tcase_add_loop_test(tc, survives_a_death_before_a_stopped_one_goes_on,
			    0, OPS);
	tc = test_case(suite, "crossed", "stress", 1200);
	tcase_add_loop_test(tc, survives_two_that_are_stopped_and_go_on, 0,
			    OPS);
	tc = test_case(suite, "refused", "stress", 1200);
	tcase_add_loop_test(tc, survives_with_symmetric_fences, 0, OPS);
	return suite;
}

TEST_MAIN(ring_sweep_suite)
