/* SPDX-License-Identifier: MIT */
/*
 * The stream under the schedule explorer: producers emit, one by one and two at
 * once, readers join, read, and pass a name on, one may die or be stopped, and
 * somebody ends it, in every order. A position has one element for everybody,
 * whole; each that was emitted is read once by who was there, in its order, or
 * counted as lost; who holds producers back loses nothing; nothing new, full
 * and the end are told only where they are true; and nobody waits in vain.
 *
 * Each task follows a script, a character for an operation:
 *
 *   e E 2    emit one, without and with waiting; two at once
 *   o s n    subscribe at the oldest, at the newest, by the name at the oldest
 *   r R      read one, without and with waiting
 *   l        leave; the name stays
 *   z        end the stream
 *
 * A script that begins with O or N has a subscription from the begin, N by the
 * name. Positions before may have been claimed by somebody who is absent.
 */
#include "../harness.h"
#include "../../libzeroipc/stream.h"
#include "schedule.h"

#define JUDGE SCHEDULE_TASKS
#define ABSENT (SCHEDULE_TASKS + 1)
#define ELEMENTS 24u /* of a run; and positions */
#define TOLD 24u

struct scene {
	struct schedule schedule;
	enum zipc_stream_policy policy;
	unsigned capacity;
	const char *scripts[SCHEDULE_TASKS];
	unsigned absent; /* positions that the absent has claimed, */
	unsigned before; /* and elements that were emitted behind it */
	bool name;       /* somebody has read by it, and has left */
	unsigned taken_back; /* positions that emits may have given up */
};

struct elem {
	uint64_t value, copy; /* the same, so that a torn one shows */
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 2];
static struct zipc_stream *streams[SCHEDULE_TASKS + 2];
static uint64_t base; /* the first position */

/* An element that somebody has begun to emit: value number + 1. */
struct emitted {
	unsigned ended; /* 0: not yet, or never */
	bool refused;   /* and it is nowhere */
};

/* Somebody was told that nothing is there at a position. */
struct told {
	uint64_t position;
	unsigned began;
	bool end;
};

/* Who reads: a task; and one for all who read by the name. */
struct reader {
	uint64_t next, lost; /* position behind what was read last */
};

static struct {
	struct zipc_subscription *subscriptions[SCHEDULE_TASKS + 1];
	bool named[SCHEDULE_TASKS + 1], ended;
	struct reader readers[SCHEDULE_TASKS + 1], by_name;
	struct emitted elements[ELEMENTS];
	unsigned count, told_count, dropped;
	unsigned end_began, end_ended; /* 0: nobody has */
	struct told told[TOLD];
	uint64_t at[ELEMENTS]; /* values by position - base; 0: not known */
} seen;

static void must(int64_t rc)
{
	ck_rc(rc < 0 ? rc : 0, 0);
}

/* emitting */

static unsigned begin_elements(struct elem *elems, unsigned n)
{
	unsigned first = seen.count, i;

	schedule_must(first + n <= ELEMENTS, "too many elements");
	for (i = 0; i < n; i++)
		elems[i].value = elems[i].copy = first + i + 1;
	seen.count += n;
	return first;
}

/* The position behind all that may be claimed now, but for own elements. */
static uint64_t most_claimed(const struct scene *scene, unsigned own)
{
	unsigned i, n = scene->absent + scene->taken_back;

	for (i = 0; i < seen.count; i++)
		n += !seen.elements[i].refused;
	return base + n - own;
}

static uint64_t slowest_by_name(void)
{
	const struct zipc_stream_shape *shape = &streams[JUDGE]->shape;
	uint64_t position = atomic_load_explicit(&shape->records[0].position,
						 memory_order_relaxed);

	return position ? position : UINT64_MAX;
}

static int64_t call_emit(unsigned who, const struct elem *elems, unsigned n,
			 int64_t timeout_ns)
{
	int64_t rc;

	if (n > 1)
		return zipc_stream_emit_n(streams[who], elems, n, timeout_ns);
	rc = zipc_stream_emit(streams[who], elems, timeout_ns);
	if (rc != 1)
		return rc ? rc : 1;
	seen.dropped++;
	return -EAGAIN;
}

static void emit(const struct scene *scene, unsigned who, unsigned n,
		 int64_t timeout_ns)
{
	struct elem elems[2];
	unsigned first = begin_elements(elems, n), began, ended, i;
	uint64_t slowest = slowest_by_name();
	int64_t rc;

	began = schedule_call();
	rc = call_emit(who, elems, n, timeout_ns);
	schedule_must(rc > 0 || rc == -EAGAIN || rc == -EPIPE,
		      "emit says %s: %s", rc_name(rc), zipc_last_error());
	if (rc == -EAGAIN)
		schedule_must(scene->policy != ZIPC_STREAM_DROP_OLD &&
			      most_claimed(scene, 0) >=
				      slowest + scene->capacity,
			      "emit finds it full, and it never was");
	schedule_must(rc != -EPIPE || seen.end_began, "nobody has ended it");
	schedule_must(rc < 0 || !seen.end_ended || began < seen.end_ended,
		      "it was emitted behind the end");
	ended = schedule_return();
	for (i = 0; i < n; i++)
		seen.elements[first + i] =
			(struct emitted){ ended, (int64_t)i >= rc };
}

static void end(unsigned who)
{
	if (!seen.end_began)
		seen.end_began = schedule_now() + 1;
	schedule_call();
	must(zipc_stream_end(streams[who]));
	seen.end_ended = schedule_return();
}

/* reading */

static void note_at(uint64_t position, const struct elem *elem)
{
	uint64_t *at;

	schedule_must(elem->value == elem->copy, "an element is torn");
	schedule_must(elem->value && elem->value <= seen.count &&
			      !seen.elements[elem->value - 1].refused,
		      "%llu was read, which nobody has emitted",
		      (unsigned long long)elem->value);
	schedule_must(position >= base && position < base + ELEMENTS,
		      "an element has position %llu",
		      (unsigned long long)position);
	at = &seen.at[position - base];
	schedule_must(!*at || *at == elem->value,
		      "position %llu has %llu, and %llu for another",
		      (unsigned long long)(position - base),
		      (unsigned long long)*at,
		      (unsigned long long)elem->value);
	*at = elem->value;
}

/* What it passed over was lost, or nothing ever was there. */
static void note_passed(struct reader *reader, uint64_t position,
			uint64_t lost)
{
	uint64_t p, known = 0;

	schedule_must(position >= reader->next, "it was read before");
	for (p = reader->next; p < position; p++)
		known += seen.at[p - base] != 0;
	schedule_must(lost - reader->lost >= known &&
			      lost - reader->lost <= position - reader->next,
		      "it passed over %llu elements, and counts %llu as lost",
		      (unsigned long long)known,
		      (unsigned long long)(lost - reader->lost));
	reader->next = position + 1;
	reader->lost = lost;
}

static void note_told(struct zipc_subscription *it, unsigned began, int rc)
{
	struct told *told = &seen.told[seen.told_count++];

	schedule_must(seen.told_count <= TOLD, "too many answers");
	*told = (struct told){ zipc_stream_position(it), began, rc == -EPIPE };
	schedule_must(rc != -EPIPE || seen.end_began, "nobody has ended it");
	schedule_must(rc == -EPIPE || !seen.end_ended ||
			      began < seen.end_ended,
		      "it has ended, and that is not told");
}

static int read_one(const struct scene *scene, unsigned who,
		    int64_t timeout_ns)
{
	struct zipc_subscription *it = seen.subscriptions[who];
	unsigned began = schedule_call();
	struct elem elem;
	int rc = zipc_stream_next(it, &elem, timeout_ns);

	schedule_must(!rc || rc == -EAGAIN || rc == -EPIPE, "next says %s: %s",
		      rc_name(rc), zipc_last_error());
	if (rc) {
		note_told(it, began, rc);
	} else {
		note_at(zipc_stream_position(it) - 1, &elem);
		note_passed(seen.named[who] ? &seen.by_name
					    : &seen.readers[who],
			    zipc_stream_position(it) - 1,
			    zipc_stream_lost(it));
	}
	schedule_must(!zipc_stream_lost(it) || !seen.named[who] ||
			      scene->policy == ZIPC_STREAM_DROP_OLD,
		      "who holds producers back has lost elements");
	schedule_return();
	return rc;
}

static int subscribe(unsigned who, bool named, enum zipc_stream_from from)
{
	struct zipc_subscription **it = &seen.subscriptions[who];
	int rc = zipc_stream_subscribe(it, streams[who], named ? "n" : NULL,
				       from);

	if (rc) {
		*it = NULL;
		schedule_must(rc == -EBUSY && named, "subscribe says %s: %s",
			      rc_name(rc), zipc_last_error());
		return rc;
	}
	seen.named[who] = named;
	if (!named) {
		seen.readers[who].next = zipc_stream_position(*it);
	} else if (!seen.by_name.next) {
		seen.by_name.next = zipc_stream_position(*it);
	} else {
		/* Who died in a call has perhaps read one more. */
		schedule_must(zipc_stream_position(*it) >= seen.by_name.next,
			      "the name goes back");
		schedule_must(schedule_has_fault() ||
				      zipc_stream_position(*it) ==
					      seen.by_name.next ||
				      seen.told_count,
			      "the name goes on elsewhere");
		if (schedule_has_fault())
			seen.by_name.next = zipc_stream_position(*it);
		seen.by_name.lost = zipc_stream_lost(*it);
	}
	return 0;
}

static void leave(unsigned who)
{
	zipc_stream_leave(seen.subscriptions[who]);
	seen.subscriptions[who] = NULL;
}

static void join(unsigned who, char how)
{
	schedule_call();
	subscribe(who, how == 'n',
		  how == 's' ? ZIPC_STREAM_NEWEST : ZIPC_STREAM_OLDEST);
	schedule_return();
}

static void operate(const struct scene *scene, unsigned who, char what)
{
	if (strchr("rRl", what) && !seen.subscriptions[who])
		return;
	if (what == 'e' || what == 'E' || what == '2')
		emit(scene, who, what == '2' ? 2 : 1,
		     what == 'E' ? ZIPC_FOREVER : ZIPC_NOWAIT);
	else if (what == 'r' || what == 'R')
		read_one(scene, who, what == 'R' ? ZIPC_FOREVER : ZIPC_NOWAIT);
	else if (what == 'z')
		end(who);
	else if (what == 'l')
		leave(who);
	else if (what != 'O' && what != 'N')
		join(who, what);
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		operate(scene, who, *at);
}

/* set-up */

static void label(void)
{
	struct zipc_places *places = &streams[JUDGE]->places;
	unsigned i;

	schedule_label(&places->ring->head, 8, "head");
	schedule_label(&places->ring->tail, 8, "tail");
	schedule_label(&places->ring->verdict, 8, "verdict");
	schedule_label(&places->ring->active, 8, "active");
	schedule_label(&streams[JUDGE]->shape.words->hold, 8, "hold");
	schedule_label(&streams[JUDGE]->shape.words->wanted, 8, "wanted");
	schedule_label(streams[JUDGE]->shape.records, 64, "the name");
	for (i = 0; i < places->writer_count; i++)
		schedule_label(&places->writers[i].claim, 8, "claim[%u]", i);
	for (i = 0; i < places->slot_count; i++) {
		schedule_label(zipc_slot(places, i), 8, "turn[%u]", i);
		schedule_label((char *)zipc_slot(places, i) + 8, 16,
			       "element[%u]", i);
	}
}

static void open_for(const char *name, unsigned who, bool emits)
{
	schedule_as(who);
	must(zipc_segment_open(&segments[who], name, 0));
	must(zipc_stream_open(&streams[who], segments[who], "s", NULL));
	if (emits)
		must(zipc_places_become_writer(&streams[who]->places));
}

static void claim_and_vanish(const char *name, unsigned n)
{
	struct zipc_places *places;
	uint64_t T;

	open_for(name, ABSENT, true);
	places = &streams[ABSENT]->places;
	T = zipc_places_tail(places);
	ck_assert(zipc_places_claim(places->ring, places->mine, &T, n));
	schedule_drop_locks(ABSENT);
}

static void begin_with(const struct scene *scene, const char *name)
{
	struct elem elem;
	unsigned i;

	if (scene->name) {
		schedule_as(JUDGE);
		must(subscribe(JUDGE, true, ZIPC_STREAM_OLDEST));
		leave(JUDGE);
	}
	if (scene->absent)
		claim_and_vanish(name, scene->absent);
	schedule_as(JUDGE);
	for (i = 0; i < scene->before; i++) {
		elem = (struct elem){ i + 1, i + 1 };
		must(zipc_stream_emit(streams[JUDGE], &elem, ZIPC_NOWAIT));
		seen.elements[i].ended = 1;
	}
	seen.count = scene->before;
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 1, .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_stream_options options = {
		.policy = scene->policy, .max_writers = 4,
		.max_subscriptions = 1,
	};
	const char *name = test_name("schedule"), *script;
	unsigned i;

	memset(&seen, 0, sizeof(seen));
	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 8192, &few));
	must(zipc_stream_create_with(&streams[JUDGE], segments[JUDGE], "s",
				     "bytes:16", scene->capacity, &options));
	base = zipc_places_tail(&streams[JUDGE]->places);
	begin_with(scene, name);
	for (i = 0; i < scene->schedule.tasks; i++) {
		script = scene->scripts[i];
		open_for(name, i, strpbrk(script, "eE2") != NULL);
		if (*script == 'O' || *script == 'N')
			must(subscribe(i, *script == 'N', ZIPC_STREAM_OLDEST));
	}
	must(zipc_segment_unlink(name));
	label();
	schedule_keep(&seen, sizeof(seen));
}

/* what must be true in the end */

/* Read on with what there is, to the end of it. */
static void read_all(const struct scene *scene, unsigned who)
{
	while (!read_one(scene, who, ZIPC_NOWAIT))
		;
}

/* The name, by who has it, if that is over; false: it can not be had. */
static bool read_by_name(const struct scene *scene)
{
	unsigned i;

	for (i = 0; i < scene->schedule.tasks; i++)
		if (seen.named[i] && seen.subscriptions[i] &&
		    schedule_has_ended(i)) {
			read_all(scene, i);
			return true;
		}
	for (i = 0; i < scene->schedule.tasks; i++)
		if (strpbrk(scene->scripts[i], "Nn") &&
		    !schedule_has_ended(i) && !schedule_is_dead(i))
			return false;
	if (slowest_by_name() == UINT64_MAX)
		return true;
	must(subscribe(JUDGE, true, ZIPC_STREAM_OLDEST));
	read_all(scene, JUDGE);
	leave(JUDGE);
	return true;
}

/* Elements are at one position each, and what was told was so. */
static void check_told(void)
{
	const struct told *told;
	unsigned i, p, times;

	for (i = 0; i < seen.count; i++) {
		for (times = p = 0; p < ELEMENTS; p++)
			times += seen.at[p] == i + 1;
		schedule_must(times <= 1, "element %u is there %u times", i + 1,
			      times);
	}
	for (told = seen.told; told < seen.told + seen.told_count; told++)
		for (p = 0; p < ELEMENTS; p++)
			schedule_must(base + p < told->position ||
				      !seen.at[p] ||
				      (!told->end &&
				       (!seen.elements[seen.at[p] - 1].ended ||
					seen.elements[seen.at[p] - 1].ended >=
						told->began)),
				      "%llu was there, and who read was told "
				      "of %s", (unsigned long long)seen.at[p],
				      told->end ? "the end" : "nothing new");
}

/* What cannot have been overwritten is there. */
static void check_all_there(const struct scene *scene)
{
	unsigned i, p;

	if (seen.count > scene->capacity)
		return;
	for (i = 0; i < seen.count; i++) {
		if (!seen.elements[i].ended || seen.elements[i].refused)
			continue;
		for (p = 0; p < ELEMENTS && seen.at[p] != i + 1; p++)
			;
		schedule_must(p < ELEMENTS, "element %u is lost", i + 1);
	}
}

/* As much as ever can be emitted; and the next one is refused, or laps. */
static void check_capacity(const struct scene *scene)
{
	unsigned i;

	for (i = 0; i < scene->capacity; i++)
		emit(scene, JUDGE, 1, ZIPC_NOWAIT);
	for (i = 1; i <= scene->capacity; i++)
		schedule_must(!seen.elements[seen.count - i].refused ||
				      seen.end_began,
			      "the capacity is not whole");
	read_by_name(scene);
}

static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;

	(void)stage;
	schedule_must(zipc_stream_dropped(streams[JUDGE]) == seen.dropped ||
			      schedule_has_fault(),
		      "not all that was dropped was counted");
	if (!seen.subscriptions[JUDGE])
		must(subscribe(JUDGE, false, ZIPC_STREAM_OLDEST));
	read_all(scene, JUDGE);
	leave(JUDGE);
	check_all_there(scene);
	if (read_by_name(scene))
		check_capacity(scene);
	must(subscribe(JUDGE, false, ZIPC_STREAM_OLDEST));
	read_all(scene, JUDGE);
	leave(JUDGE);
	check_told();
}

/* scenes */

#define TASKS(label, count, some, of_switches, of_delays, of_kills, of_stops) \
	.schedule = { .name = label, .tasks = count, .victims = some,         \
		      .limits = { .switches = of_switches,                    \
				  .delays = of_delays, .flushes = of_delays,  \
				  .kills = of_kills, .stops = of_stops } }

#define BLOCK ZIPC_STREAM_BLOCK
#define DROP_NEW ZIPC_STREAM_DROP_NEW
#define DROP_OLD ZIPC_STREAM_DROP_OLD
#define ERROR ZIPC_STREAM_ERROR

/* In groups, each a case: the first of each is what finds a planted fault. */
static struct scene scenes[] = {
	/* What is asked about is decided by another: see decide(). */
	{ TASKS("asked-by-another", 2, 0, 3, 0, 0, 0), BLOCK, 8,
	  { "Or", "Or" }, .absent = 1, .before = 1 },
	{ TASKS("two-emit", 3, 0, 2, 0, 0, 0), BLOCK, 8, { "e", "e", "Orr" },
	  .taken_back = 2 },
	{ TASKS("two-at-once", 3, 0, 2, 0, 0, 0), BLOCK, 8,
	  { "2", "e", "Orr" }, .taken_back = 3 },
	{ TASKS("two-read", 3, 0, 2, 0, 0, 0), BLOCK, 8, { "2", "Or", "Orr" },
	  .taken_back = 2 },
	{ TASKS("join-late", 3, 0, 2, 0, 0, 0), BLOCK, 8,
	  { "ee", "or", "sr" }, .taken_back = 2 },
	{ TASKS("late-stores", 2, 0, 3, 1, 0, 0), BLOCK, 8, { "2", "orr" },
	  .taken_back = 2 },
	/* Each policy at its edge. */
#define EDGES 6
	{ TASKS("full", 2, 0, 3, 1, 0, 0), ERROR, 2, { "ee", "Nrr" },
	  .before = 1, .taken_back = 1 },
	{ TASKS("dropped", 3, 0, 2, 0, 0, 0), DROP_NEW, 2,
	  { "e", "ee", "Nr" }, .before = 1, .taken_back = 2 },
	{ TASKS("blocked", 2, 0, 3, 0, 0, 0), BLOCK, 1, { "EE", "NRR" },
	  .taken_back = 1 },
	{ TASKS("lapped", 2, 0, 3, 1, 0, 0), DROP_OLD, 2, { "eee", "Orr" },
	  .before = 2 },
	{ TASKS("lapped-by-two", 3, 0, 2, 0, 0, 0), DROP_OLD, 1,
	  { "2", "e", "Orr" }, .before = 1 },
	/* Who subscribes by a name meets who is about to overwrite. */
	{ TASKS("held-back", 2, 0, 3, 1, 0, 0), BLOCK, 2, { "ee", "nr" },
	  .before = 2, .taken_back = 1 },
	{ TASKS("passed-on", 3, 0, 2, 0, 0, 0), BLOCK, 3,
	  { "e", "Nrl", "nr" }, .before = 2, .taken_back = 1 },
	/* Nobody sleeps on; and it ends while somebody emits. */
#define ENDS 13
	{ TASKS("wake-reader", 2, 0, 3, 2, 0, 0), BLOCK, 4, { "e", "OR" } },
	{ TASKS("wake-two", 3, 0, 2, 0, 0, 0), BLOCK, 4,
	  { "2", "OR", "OR" } },
	{ TASKS("wake-by-the-end", 2, 0, 3, 2, 0, 0), BLOCK, 4,
	  { "z", "OR" } },
	{ TASKS("end", 3, 0, 2, 1, 0, 0), BLOCK, 4, { "e", "z", "Orr" },
	  .taken_back = 1 },
	{ TASKS("end-two-at-once", 2, 0, 3, 0, 0, 0), BLOCK, 4,
	  { "2", "zorr" }, .taken_back = 2 },
	/* Producers and readers die, or stop. */
#define DEATHS 18
	{ TASKS("emitter-dead-full", 2, 1, 2, 0, 1, 0), BLOCK, 1,
	  { "e", "Nree" }, .taken_back = 2 },
	{ TASKS("emitter-stopped-full", 2, 1, 2, 0, 0, 1), BLOCK, 1,
	  { "e", "Nree" }, .taken_back = 2 },
	{ TASKS("emitter-dead", 3, 1, 2, 0, 1, 0), BLOCK, 4,
	  { "e", "e", "Orr" }, .taken_back = 2 },
	{ TASKS("two-at-once-dead", 2, 1, 2, 1, 1, 0), BLOCK, 4,
	  { "2", "Or" }, .taken_back = 2 },
	{ TASKS("emitter-dead-lapped", 2, 1, 2, 0, 1, 0), DROP_OLD, 1,
	  { "ee", "eeOr" }, .before = 1 },
	{ TASKS("emitter-stopped", 2, 1, 2, 0, 0, 1), BLOCK, 4,
	  { "e", "Orer" }, .taken_back = 2 },
	{ TASKS("reader-dead", 2, 1, 2, 1, 1, 0), BLOCK, 2,
	  { "Nrr", "ner" }, .before = 2, .taken_back = 1 },
	{ TASKS("subscriber-dead", 2, 1, 2, 1, 1, 0), BLOCK, 2,
	  { "nr", "eer" }, .before = 1, .taken_back = 1 },
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

START_TEST(each_has_all_once_and_in_order)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(so_has_each_by_chance)
{
	schedule_walk(schedule_of(_i), 500, 1);
}
END_TEST

START_TEST(so_has_each_by_much_chance)
{
	schedule_walk(schedule_of(_i), 300000, 2);
}
END_TEST

static Suite *stream_suite(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = test_case(suite, "order", "medium", 600);

	tcase_add_loop_test(tc, each_has_all_once_and_in_order, 0, EDGES);
	tc = test_case(suite, "edges", "medium", 600);
	tcase_add_loop_test(tc, each_has_all_once_and_in_order, EDGES, ENDS);
	tc = test_case(suite, "ends", "medium", 600);
	tcase_add_loop_test(tc, each_has_all_once_and_in_order, ENDS, DEATHS);
	tc = test_case(suite, "deaths", "medium", 600);
	tcase_add_loop_test(tc, each_has_all_once_and_in_order, DEATHS,
			    SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, so_has_each_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, so_has_each_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(stream_suite)
