/* SPDX-License-Identifier: MIT */
/*
 * The stream under the sweep: emit, of one and of a batch, next of a private
 * and of a named subscription, subscribe, unsubscribe and end; with room, full
 * (back-pressure or overwriting), and behind what a dead producer left. Who
 * comes behind finds one order, none twice, none torn, none lost; a named
 * subscription goes on where it stood; and the whole capacity is there again.
 */
#include "../../libzeroipc/stream.h"
#include "../harness.h"
#include "refuse.h"
#include "sweep.h"

#include <sys/wait.h>

#define CAPACITY 8u
#define BATCH 3u
#define VICTIM 1000u
#define SECOND 2000u
#define BEHIND 3000u
#define MORE 5000u

enum op { EMIT, EMIT_N, NEXT, NEXT_NAMED, SUBSCRIBE, UNSUBSCRIBE, END };

static const char *const op_names[] = { "emit", "emit_n", "next",
					"next, named", "subscribe",
					"unsubscribe", "end" };

struct scene {
	enum op op;
	unsigned fill; /* elements that were emitted before */
	bool warm, overwrites, stuck;
};

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static struct zipc_stream *open_stream(void)
{
	struct zipc_segment *segment;
	struct zipc_stream *stream;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_stream_open(&stream, segment, "s", "u64"), "open");
	return stream;
}

static int emit(struct zipc_stream *stream, uint64_t value)
{
	return zipc_stream_emit(stream, &value, ZIPC_NOWAIT);
}

static int64_t next(struct zipc_subscription *it)
{
	uint64_t value;
	int rc = zipc_stream_next(it, &value, ZIPC_NOWAIT);

	return rc ? rc : (int64_t)value;
}

static struct zipc_subscription *subscribe(struct zipc_stream *stream,
					   const char *name,
					   enum zipc_stream_from from)
{
	struct zipc_subscription *it;

	must(zipc_stream_subscribe(&it, stream, name, from), "subscribe");
	return it;
}

/* Dies with subscription "n", at the first element, and a writer's place. */
static void fill(const struct scene *scene)
{
	struct zipc_stream *stream = open_stream();
	uint64_t i;

	subscribe(stream, "n", ZIPC_STREAM_OLDEST);
	for (i = 1; i <= scene->fill; i++)
		must(emit(stream, i), "emit");
	_exit(0);
}

/* Dies behind its claim. */
static void leave_it_stuck(void)
{
	struct zipc_stream *stream = open_stream();
	uint64_t T = zipc_places_tail(&stream->places);

	must(zipc_places_become_writer(&stream->places), "writer");
	_exit(!zipc_places_claim(stream->places.ring, stream->places.mine, &T,
				 1));
}

static void wait_for(pid_t child)
{
	int status;

	waitpid(child, &status, 0);
	if (status) {
		fprintf(stderr, "a child failed\n");
		abort();
	}
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	const struct scene *scene = context;
	struct zipc_stream_options options = {
		.policy = scene->overwrites ? ZIPC_STREAM_DROP_OLD
					    : ZIPC_STREAM_BLOCK,
		.max_writers = 5, .max_subscriptions = 3
	};
	struct zipc_segment *segment;
	struct zipc_stream *stream;
	pid_t child;

	zipc_segment_unlink(sweep_segment());
	must(zipc_segment_create(&segment, sweep_segment(), 16 << 10, &few),
	     "create");
	must(zipc_stream_create_with(&stream, segment, "s", "u64", CAPACITY,
				     &options), "create");
	zipc_stream_close(stream);
	zipc_segment_close(segment);
	child = fork();
	if (!child)
		fill(scene);
	wait_for(child);
	if (!scene->stuck)
		return;
	child = fork();
	if (!child)
		leave_it_stuck();
	wait_for(child);
}

/* the victims */

#define STOOD 0 /* notes: what comes next before the operation, */
#define CAME 1  /* and what came */

static bool by_reader(const struct scene *scene)
{
	return scene->op == NEXT || scene->op == NEXT_NAMED;
}

static bool holds_name(const struct scene *scene)
{
	return scene->op >= NEXT_NAMED && scene->op <= UNSUBSCRIBE;
}

static int64_t operate(enum op op, struct zipc_stream *stream,
		       struct zipc_subscription *it, struct sweep_victim *me)
{
	uint64_t batch[BATCH] = { VICTIM, VICTIM + 1, VICTIM + 2 };
	int64_t rc = 0;

	switch (op) {
	case EMIT:
		rc = emit(stream, VICTIM);
		return rc ? rc : 1;
	case EMIT_N:
		return zipc_stream_emit_n(stream, batch, BATCH, ZIPC_NOWAIT);
	case NEXT:
	case NEXT_NAMED:
		rc = next(it);
		me->notes[CAME] = (uint64_t)rc;
		return rc < 0 ? rc : 1;
	case SUBSCRIBE:
		return zipc_stream_subscribe(&it, stream, "v",
					     ZIPC_STREAM_OLDEST);
	case UNSUBSCRIBE:
		zipc_stream_unsubscribe(it);
		return 0;
	case END:
		return zipc_stream_end(stream);
	}
	return rc;
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_stream *stream = open_stream();
	struct zipc_subscription *it = NULL;

	if (by_reader(scene) || scene->op == UNSUBSCRIBE)
		it = subscribe(stream, scene->op == NEXT ? NULL : "n",
			       ZIPC_STREAM_OLDEST);
	me->notes[STOOD] = 1;
	if (scene->warm && by_reader(scene)) {
		me->notes[STOOD] = (uint64_t)next(it) + 1;
	} else if (scene->warm && scene->op <= EMIT_N) {
		if (!scene->overwrites && scene->fill == CAPACITY)
			emit(stream, 0); /* it is full */
		else
			must(emit(stream, scene->fill + 1), "emit");
	}
	sweep_begin(me);
	sweep_end(me, operate(scene->op, stream, it, me));
}

/* Emits one, and reads what there is. Its result is what the emit gave. */
static void second(struct sweep_victim *me, void *context)
{
	struct zipc_stream *stream = open_stream();
	struct zipc_subscription *it;
	int64_t rc;

	(void)context;
	sweep_begin(me);
	rc = emit(stream, SECOND);
	it = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	while (next(it) >= 0)
		;
	zipc_stream_leave(it);
	sweep_end(me, rc);
}

/* the checks */

struct seen {
	unsigned n;
	bool ended;
	uint64_t value[64];
};

static void see(struct sweep_page *page, struct zipc_subscription *it,
		struct seen *seen)
{
	int64_t value;

	seen->n = 0;
	while ((value = next(it)) >= 0) {
		if (seen->n == 64)
			sweep_fail(page, "elements come without end");
		seen->value[seen->n++] = (uint64_t)value;
	}
	seen->ended = value == -EPIPE;
	if (value != -EAGAIN && value != -EPIPE)
		sweep_fail(page, "next gives %s: %s", rc_name(value),
			   zipc_last_error());
}

/* What two who come late see: the same. */
static void see_all(struct sweep_page *page, struct zipc_stream *stream,
		    struct seen *seen)
{
	struct zipc_subscription *a, *b;
	struct seen other;

	a = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	b = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
	see(page, a, seen);
	see(page, b, &other);
	if (seen->n != other.n ||
	    memcmp(seen->value, other.value, seen->n * sizeof(uint64_t)) ||
	    zipc_stream_lost(a) + zipc_stream_lost(b))
		sweep_fail(page, "two readers see %u and %u elements, and "
			   "lost %u", seen->n, other.n,
			   (unsigned)(zipc_stream_lost(a) +
				      zipc_stream_lost(b)));
	zipc_stream_leave(a);
	zipc_stream_leave(b);
}

static unsigned count(const struct seen *seen, uint64_t value)
{
	unsigned i, n = 0;

	for (i = 0; i < seen->n; i++)
		n += seen->value[i] == value;
	return n;
}

/* What was emitted before comes first, without a gap; then the rest, once. */
static void check_order(struct sweep_page *page, const struct seen *seen)
{
	unsigned i;

	for (i = 0; i < seen->n; i++) {
		if (count(seen, seen->value[i]) > 1)
			sweep_fail(page, "%u comes twice",
				   (unsigned)seen->value[i]);
		if (!i || seen->value[i] >= VICTIM + BATCH)
			continue;
		if (seen->value[i] != seen->value[i - 1] + 1 &&
		    seen->value[i] != VICTIM &&
		    !(seen->value[i] < VICTIM + BATCH &&
		      seen->value[i - 1] >= SECOND))
			sweep_fail(page, "%u comes behind %u",
				   (unsigned)seen->value[i],
				   (unsigned)seen->value[i - 1]);
	}
}

#define SEEN_BEFORE 0 /* page notes: of the victim's elements, a bit each */
#define CHECKED 8     /* a check has emitted more than fits */

/* What the victim's emit told is true, now or at the check before. */
static void check_emitted(struct sweep_page *page, const struct scene *scene,
			  const struct seen *seen)
{
	int64_t rc = page->first.result;
	unsigned i, here, before;

	for (i = 0; i < (scene->op == EMIT ? 1 : BATCH); i++) {
		here = count(seen, VICTIM + i);
		before = page->notes[SEEN_BEFORE] >> i & 1;
		if (here && before && page->notes[CHECKED])
			sweep_fail(page, "element %u came again", i);
		if (page->first.phase == 2 && rc > (int64_t)i && !here &&
		    !before)
			sweep_fail(page, "element %u was emitted, and is not "
				   "there", i);
		if (page->first.phase == 2 && rc <= (int64_t)i && here)
			sweep_fail(page, "element %u was refused, and is "
				   "there", i);
		if (here)
			page->notes[SEEN_BEFORE] |= UINT64_C(1) << i;
	}
	if (page->first.phase == 2 && rc < 0 && rc != -EAGAIN)
		sweep_fail(page, "the operation gave %s", rc_name(rc));
}

/* It goes on where it stood: what it reads is the end of what all can see. */
static void check_named(struct sweep_page *page, const struct scene *scene,
			struct zipc_stream *stream, const struct seen *all)
{
	const struct sweep_victim *me = &page->first;
	struct zipc_subscription *it;
	struct seen seen;
	int rc = zipc_stream_subscribe(&it, stream, "n", ZIPC_STREAM_STOOD);
	uint64_t stood = me->notes[STOOD], stands;
	unsigned both;

	if (rc == -ENOENT && (scene->op == UNSUBSCRIBE || page->notes[CHECKED]))
		return;
	if (rc)
		sweep_fail(page, "subscribe gives %s: %s", rc_name(rc),
			   zipc_last_error());
	if (scene->op == UNSUBSCRIBE && me->phase == 2)
		sweep_fail(page, "what was ended is there");
	stands = zipc_stream_position(it);
	see(page, it, &seen);
	if (!scene->overwrites && zipc_stream_lost(it))
		sweep_fail(page, "who holds producers back has lost %u",
			   (unsigned)zipc_stream_lost(it));
	/* It may have come in time for some that a late one does not see. */
	both = seen.n < all->n ? seen.n : all->n;
	if ((seen.n > all->n && !scene->overwrites) ||
	    memcmp(seen.value + (seen.n - both), all->value + (all->n - both),
		   both * sizeof(uint64_t)))
		sweep_fail(page, "it saw %u of %u, and other ones", seen.n,
			   all->n);
	if (!scene->overwrites && scene->op == NEXT_NAMED && scene->fill) {
		stood += me->phase == 2 && me->result == 1;
		if (stands != stood &&
		    !(me->phase == 1 && stands == stood + 1))
			sweep_fail(page, "it went on at %u, not %u",
				   (unsigned)stands, (unsigned)stood);
	} else if (!scene->overwrites && seen.n != all->n) {
		sweep_fail(page, "it saw %u of %u", seen.n, all->n);
	}
	zipc_stream_unsubscribe(it);
}

/* Nobody holds anything back: there is room for the whole capacity. */
static void check_capacity(struct sweep_page *page, struct zipc_stream *stream,
			   bool overwrites)
{
	struct zipc_subscription *it;
	struct seen seen;
	uint64_t i;
	int64_t rc = 0;

	it = subscribe(stream, "c", ZIPC_STREAM_NEWEST);
	for (i = 0; i < 3 * CAPACITY && !rc; i++)
		rc = emit(stream, BEHIND + i);
	if (overwrites ? rc : rc != -EAGAIN || i != CAPACITY + 1)
		sweep_fail(page, "emit %u gives %s: %s", (unsigned)i,
			   rc_name(rc), zipc_last_error());
	see(page, it, &seen);
	if (seen.n != CAPACITY ||
	    seen.value[0] != BEHIND + (overwrites ? 2 * CAPACITY : 0))
		sweep_fail(page, "of %u elements %u came", CAPACITY, seen.n);
	zipc_stream_unsubscribe(it);
	for (i = 0; i < 3 * CAPACITY; i++) {
		rc = emit(stream, MORE + i);
		if (rc)
			sweep_fail(page, "emit gives %s: %s", rc_name(rc),
				   zipc_last_error());
	}
	see_all(page, stream, &seen);
	if (seen.n != CAPACITY || seen.value[CAPACITY - 1] != MORE + i - 1)
		sweep_fail(page, "of %u retained there are %u", CAPACITY,
			   seen.n);
}

/* While the victim has what is named: it holds others back, or is told. */
static void check_held(struct sweep_page *page, const struct scene *scene,
		       struct zipc_stream *stream)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < 3 * CAPACITY && !rc; i++)
		rc = emit(stream, BEHIND + i);
	if (rc && (rc != -EAGAIN || scene->overwrites))
		sweep_fail(page, "emit gives %s: %s", rc_name(rc),
			   zipc_last_error());
}

/* A killed or ended next of the victim. */
static void check_read(struct sweep_page *page, const struct scene *scene)
{
	const struct sweep_victim *me = &page->first;

	if (me->phase != 2)
		return;
	if (me->result < 0 && me->result != -EAGAIN)
		sweep_fail(page, "the operation gave %s", rc_name(me->result));
	if (me->result == 1 && me->notes[CAME] != me->notes[STOOD] &&
	    me->notes[STOOD] <= scene->fill && !page->notes[CHECKED])
		sweep_fail(page, "%u came, not %u", (unsigned)me->notes[CAME],
			   (unsigned)me->notes[STOOD]);
}

/* "v", of who died or ended when it had subscribed, or not yet. */
static void check_subscribed(struct sweep_page *page,
			     struct zipc_stream *stream)
{
	int rc = zipc_stream_forget(stream, "v");

	if (rc && (rc != -ENOENT ||
		   (page->first.phase == 2 && !page->first.result)))
		sweep_fail(page, "forget gives %s: %s", rc_name(rc),
			   zipc_last_error());
	if (page->first.phase == 2 && page->first.result)
		sweep_fail(page, "subscribe gave %s",
			   rc_name(page->first.result));
}

static void check_end(struct sweep_page *page, struct zipc_stream *stream,
		      const struct seen *seen)
{
	int rc = emit(stream, BEHIND);

	if (page->first.phase == 2 && !seen->ended)
		sweep_fail(page, "it has ended, and next does not say so");
	if (seen->ended && rc != -EPIPE)
		sweep_fail(page, "it has ended, and emit gives %s",
			   rc_name(rc));
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_stream *stream = open_stream();
	bool lives = stage == SWEEP_STOPPED;
	struct seen seen;

	see_all(page, stream, &seen);
	check_order(page, &seen);
	if (scene->op <= EMIT_N)
		check_emitted(page, scene, &seen);
	if (page->second.phase == 2 && !page->second.result &&
	    !page->notes[CHECKED] && !count(&seen, SECOND))
		sweep_fail(page, "what the second emitted is not there");
	if (by_reader(scene))
		check_read(page, scene);
	if (lives && holds_name(scene)) {
		/* It has the lock, or "n": nobody else subscribes by name. */
		check_held(page, scene, stream);
		if (page->notes[CHECKED] == 0)
			page->notes[CHECKED] = 1;
		return;
	}
	if (stage == SWEEP_ENDED && holds_name(scene)) {
		zipc_stream_forget(stream, "n");
		zipc_stream_forget(stream, "v");
	} else {
		check_named(page, scene, stream, &seen);
	}
	if (scene->op == SUBSCRIBE && stage == SWEEP_DEAD)
		check_subscribed(page, stream);
	if (scene->op == END && stage != SWEEP_STOPPED)
		check_end(page, stream, &seen);
	if (!seen.ended)
		check_capacity(page, stream, scene->overwrites);
	page->notes[CHECKED] = 1;
}

/* the table */

/* One with room, an empty one, and one that is full. */
static const unsigned fills[] = { 4, 0, CAPACITY };

/* Bits: of each, in the first call and warmed; and that behind the dead. */
#define ALL 0xFFFu
#define SOME 0x0A1u /* with room; full, warmed; behind the dead, warmed */
#define TWO 0x021u

static void sweep_op(enum op op, bool overwrites, unsigned modes,
		     unsigned scenes, const char *words)
{
	struct scene scene = { .op = op, .overwrites = overwrites };
	struct sweep sweep = { .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene };
	char name[128], operation[64];
	struct sweep_row row = { .operation = operation };
	unsigned i;

	snprintf(operation, sizeof(operation), "stream %s%s%s", op_names[op],
		 overwrites ? ", overwriting" : "", words);
	sweep.name = name;
	for (i = 0; ALL >> i && !row.failures; i++) {
		scene.fill = fills[i / 2 % 3];
		scene.warm = i % 2;
		scene.stuck = i / 6;
		if (!(scenes >> i & 1) ||
		    (scene.stuck && scene.fill == CAPACITY && !overwrites))
			continue;
		snprintf(name, sizeof(name), "%s, %u inside, %s%s", operation,
			 scene.fill, scene.warm ? "warmed" : "first call",
			 scene.stuck ? ", behind the dead" : "");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

#define OPS (2 * (END + 1))

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
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_PAIRS, TWO, "");
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
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_LATE, TWO, "");
}
END_TEST

START_TEST(survives_two_that_are_stopped_and_go_on)
{
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_CROSSED, TWO, "");
}
END_TEST

/* A sandbox refuses membarrier: both sides of a fence pay for it. */
START_TEST(survives_with_symmetric_fences)
{
	refuse_membarrier(EPERM);
	sweep_op((enum op)(_i / 2), _i % 2, SWEEP_KILL | SWEEP_STOP, TWO,
		 ", no membarrier");
}
END_TEST

/*
 * Names are given and taken back alike whatever the stream overwrites; "every
 * fill level" has that half too.
 */
static void add_ops(TCase *tc, const TTest *test)
{
	int i, op;

	for (i = 0; i < OPS; i++) {
		op = i / 2;
		if (i % 2 && (op == SUBSCRIBE || op == UNSUBSCRIBE))
			continue;
		tcase_add_loop_test(tc, test, i, i + 1);
	}
}

static Suite *stream_sweep_suite(void)
{
	Suite *suite = suite_create("stream sweep");
	TCase *tc = test_case(suite, "deaths", "medium", 600);

	add_ops(tc, survives_one_death_at_every_instruction);
	tc = test_case(suite, "stops", "medium", 600);
	add_ops(tc, survives_a_stop_at_every_instruction);
	tc = test_case(suite, "pairs", "slow", 1200);
	tcase_add_loop_test(tc,
			    survives_two_deaths_at_every_pair_of_instructions,
			    0, OPS);
	tc = test_case(suite, "every fill level", "stress", 2400);
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

TEST_MAIN(stream_sweep_suite)
