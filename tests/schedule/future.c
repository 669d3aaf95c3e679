/* SPDX-License-Identifier: MIT */
/*
 * The future under the schedule explorer: two or three tasks promise, settle
 * and get it, waiting or not, while one of them may be killed or stopped. In
 * every schedule it is settled by one, wholly; who has got a value is followed
 * by nobody who gets another one, or none; who has promised it settles it; and
 * who sleeps is woken, or told of a death.
 *
 * Each task follows a script, a character for an operation:
 *
 *   s set    f fail    p promise, and keep it    w promise, and withdraw it
 *   c promise, and close the handle    g get    G get, and wait
 */
#include "../harness.h"
#include "../../libzeroipc/future.h"
#include "schedule.h"

#define JUDGE SCHEDULE_TASKS
#define DEADLINE INT64_C(400000000) /* behind some naps */
#define FAILED 100

struct scene {
	struct schedule schedule;
	const char *scripts[SCHEDULE_TASKS];
	unsigned flags;   /* of the segment */
	unsigned records; /* that are left for them; 0: all */
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_future *futures[SCHEDULE_TASKS + 1];
static struct zipc_block *block;

enum promise { NEVER, ASKING, HAS, HAD };

static struct {
	int64_t value; /* what was found in it, or 0 */
	int winner;    /* whose set has said so, plus 1; or 0 */
	bool said;     /* somebody was told that it is settled */
	bool closed;   /* a promise was, or is being, closed */
	enum promise promises[SCHEDULE_TASKS];
	bool settling[SCHEDULE_TASKS];
} now;

static void must(int64_t rc)
{
	if (rc) {
		fprintf(stderr, "set_up: %s\n", zipc_last_error());
		abort();
	}
}

static void set_up(const void *context)
{
	const struct scene *scene = context;
	struct zipc_segment_options few = { .max_entries = 2,
					    .max_participants = 8,
					    .flags = scene->flags };
	const char *name = test_name("schedule");
	unsigned i;

	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 16384, &few));
	must(zipc_future_create(&futures[JUDGE], segments[JUDGE], "f",
				"u64[2]"));
	for (i = 0; i < scene->schedule.tasks; i++) {
		schedule_as(i);
		must(zipc_segment_open(&segments[i], name, 0));
		must(zipc_future_open(&futures[i], segments[i], "f", NULL));
	}
	for (i = scene->records; i && i < futures[JUDGE]->setter_count; i++)
		atomic_store_explicit(&futures[JUDGE]->setters[i].holder,
				      segments[JUDGE]->holder,
				      memory_order_relaxed);
	block = futures[JUDGE]->lock.block;
	schedule_label(&futures[JUDGE]->lock.at->owner, 8, "owner");
	schedule_label(&block->readable, 16, "readable");
	for (i = 0; i < futures[JUDGE]->setter_count; i++) {
		schedule_label(&futures[JUDGE]->setters[i], 64, "setter[%u]",
			       i);
		schedule_label(futures[JUDGE]->contents +
				       i * futures[JUDGE]->content_bytes,
			       16, "content[%u]", i);
	}
	must(zipc_segment_unlink(name));
	memset(&now, 0, sizeof(now));
	schedule_keep(&now, sizeof(now));
}

/* what must be true */

static bool anybody_is_dead(void)
{
	unsigned i;

	for (i = 0; i < SCHEDULE_TASKS; i++)
		if (schedule_is_dead(i))
			return true;
	return false;
}

/* Somebody has found this in it, whole. */
static void found(int64_t value)
{
	schedule_must(!now.value || now.value == value, "it was %lld, and is "
		      "%lld", (long long)now.value, (long long)value);
	schedule_must(!now.winner || now.winner == value % FAILED,
		      "it is %lld, and task %d has settled it",
		      (long long)value, now.winner - 1);
	now.value = value;
	now.said = true;
}

/* It is what it was made by one who has begun to do so, and by nobody else. */
static void found_of_somebody(int64_t value)
{
	int64_t who = value % FAILED - 1;

	schedule_must(who >= 0 && who <= JUDGE &&
			      (who == JUDGE || now.settling[who]),
		      "it is %lld, and nobody has set it so",
		      (long long)value);
	found(value);
}

/*
 * Told of a death: then he had not settled it, whom the word named. Who has
 * settled it by his own promise, and is dead, had done so before he died.
 */
static void must_be_broken(void)
{
	struct zipc_future *it = futures[JUDGE];
	uint64_t words[2], who;

	schedule_must(now.closed || anybody_is_dead(), "nobody has died");
	if (zipc_future_look(it, words))
		return;
	who = words[0] - 1;
	schedule_must(who >= SCHEDULE_TASKS || !schedule_is_dead((unsigned)who)
			      || now.promises[who] != HAS,
		      "it was settled before its promiser died, and that is "
		      "told for a death");
}

static void get_as(unsigned me, int64_t timeout_ns)
{
	bool was = now.said;
	uint64_t words[2];
	char text[8];
	int rc, code;

	schedule_call();
	rc = zipc_future_get(futures[me], words, timeout_ns);
	switch (rc) {
	case 0:
		schedule_must(words[0] == words[1], "it is torn: %llu, %llu",
			      (unsigned long long)words[0],
			      (unsigned long long)words[1]);
		found_of_somebody((int64_t)words[0]);
		break;
	case -ECANCELED:
		must(zipc_future_error(futures[me], &code, text,
				       sizeof(text)));
		schedule_must(!strcmp(text, "lost"), "its message is %s", text);
		found_of_somebody(code);
		break;
	default:
		schedule_must((rc == -EAGAIN && !timeout_ns) ||
				      (rc == -ETIMEDOUT && timeout_ns &&
				       schedule_has_fault()) ||
				      rc == -EOWNERDEAD,
			      "get gives %s", rc_name(rc));
		schedule_must(!was, "it is settled, and get gives %s",
			      rc_name(rc));
		if (rc == -EOWNERDEAD)
			must_be_broken();
	}
	schedule_return();
}

static bool another_may_have_promised(unsigned me)
{
	unsigned i;

	for (i = 0; i < SCHEDULE_TASKS; i++)
		if (i != me && now.promises[i] != NEVER)
			return true;
	return false;
}

static void settle_as(unsigned me, bool fails)
{
	bool was = now.said, mine = me < JUDGE && now.promises[me] == HAS;
	uint64_t words[2] = { me + 1, me + 1 };
	int rc;

	if (me < JUDGE)
		now.settling[me] = true;
	schedule_call();
	rc = fails ? zipc_future_fail(futures[me], FAILED + (int)me + 1, "lost")
		   : zipc_future_set(futures[me], words);
	if (!rc) {
		schedule_must(!was && !now.winner, "it is settled twice");
		now.winner = (int)me + 1;
		found(fails ? FAILED + (int64_t)me + 1 : (int64_t)me + 1);
	} else {
		schedule_must(!mine, "what is promised can not be set: %s",
			      rc_name(rc));
		schedule_must(rc == -EALREADY ||
				      (rc == -EPERM &&
				       another_may_have_promised(me)),
			      "set gives %s", rc_name(rc));
		now.said |= rc == -EALREADY;
		if (me < JUDGE)
			now.settling[me] = now.winner == (int)me + 1;
	}
	schedule_return();
}

static void promise_as(unsigned me, char then)
{
	bool was = now.said;
	unsigned i;
	int rc;

	now.promises[me] = ASKING;
	schedule_call();
	rc = zipc_future_promise(futures[me]);
	if (!rc)
		schedule_must(!was, "it is settled, and is promised");
	for (i = 0; i < SCHEDULE_TASKS && !rc; i++)
		schedule_must(i == me || now.promises[i] != HAS ||
				      schedule_is_dead(i),
			      "two have promised it");
	schedule_must(!rc || rc == -EALREADY ||
			      (rc == -EBUSY && another_may_have_promised(me)),
		      "promise gives %s", rc_name(rc));
	now.said |= rc == -EALREADY;
	now.promises[me] = rc ? HAD : HAS;
	schedule_return();
	if (rc)
		return;
	if (then == 'p')
		settle_as(me, false);
	now.promises[me] = HAD;
	schedule_call();
	if (then == 'w')
		must(zipc_future_withdraw(futures[me]));
	if (then == 'c') { /* as a close does it */
		now.closed = true;
		zipc_lock_free(&futures[me]->lock, ZIPC_BROKEN);
		zipc_wake(&block->readable, futures[me]->lock.symmetric,
			  UINT64_MAX);
	}
	schedule_return();
}

static void task(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		if (*at == 's' || *at == 'f')
			settle_as(who, *at == 'f');
		else if (*at == 'g' || *at == 'G')
			get_as(who, *at == 'G' ? DEADLINE : ZIPC_NOWAIT);
		else
			promise_as(who, *at);
}

/* Nobody who lives is in the way, and what there is then stays. */
static void check(const void *context, enum schedule_stage stage)
{
	unsigned i;

	(void)context;
	/* No time passes here, so it can not wait: it looks at once. */
	futures[JUDGE]->lock.looked_ns = 0;
	get_as(JUDGE, ZIPC_NOWAIT);
	for (i = 0; i < SCHEDULE_TASKS; i++)
		if (stage == SCHEDULE_STOPPED && now.promises[i] != NEVER &&
		    !schedule_is_dead(i) && !schedule_has_ended(i))
			return;
	if (!now.said)
		settle_as(JUDGE, false);
	schedule_must(now.said && now.value, "it can not be settled");
	get_as(JUDGE, ZIPC_NOWAIT);
	schedule_must(schedule_has_fault() ||
			      !atomic_load_explicit(&block->readable.late_wakes,
						    memory_order_relaxed),
		      "a wake was late");
}

#define TASKS(label, count, some, of_switches, of_delays, of_kills, of_stops) \
	.schedule = { .name = label, .tasks = count, .victims = some,         \
		      .limits = { .switches = of_switches,                    \
				  .delays = of_delays, .flushes = of_delays,  \
				  .kills = of_kills, .stops = of_stops } }

static struct scene scenes[] = {
	{ TASKS("two-set", 2, 0, 4, 1, 0, 0), { "s", "s" }, 0, 0 },
	{ TASKS("set-and-get", 2, 0, 4, 2, 0, 0), { "s", "gg" }, 0, 0 },
	{ TASKS("fail-and-get", 2, 0, 3, 1, 0, 0), { "f", "gg" }, 0, 0 },
	{ TASKS("asleep", 2, 0, 3, 2, 0, 0), { "s", "G" }, 0, 0 },
	{ TASKS("two-asleep", 3, 0, 1, 1, 0, 0), { "s", "G", "G" }, 0, 0 },
	{ TASKS("symmetric", 2, 0, 3, 2, 0, 0), { "s", "G" },
	  ZIPC_SYMMETRIC_FENCES, 0 },
	{ TASKS("promises", 2, 0, 4, 1, 0, 0), { "wp", "ps" }, 0, 0 },
	{ TASKS("promise-and-set", 2, 0, 4, 1, 0, 0), { "p", "s" }, 0, 0 },
	{ TASKS("closed-asleep", 2, 0, 3, 1, 0, 0), { "c", "G" }, 0, 0 },
	{ TASKS("three-set", 3, 0, 2, 0, 0, 0), { "s", "f", "sg" }, 0, 0 },
	{ TASKS("setter-dead", 2, 1, 3, 1, 1, 0), { "s", "sg" }, 0, 0 },
	{ TASKS("setter-dead-heir", 2, 1, 3, 0, 1, 0), { "s", "sg" }, 0, 1 },
	{ TASKS("setter-dead-heirs", 3, 1, 2, 0, 1, 0), { "s", "s", "g" }, 0,
	  1 },
	{ TASKS("setter-dead-asleep", 2, 1, 2, 1, 1, 0), { "s", "Gs" }, 0, 0 },
	{ TASKS("promiser-dead", 2, 1, 2, 1, 1, 0), { "p", "pg" }, 0, 0 },
	{ TASKS("promiser-dead-asleep", 2, 1, 2, 0, 1, 0), { "p", "G" }, 0, 0 },
	{ TASKS("promiser-dead-taken-over", 3, 1, 2, 0, 1, 0),
	  { "p", "p", "g" }, 0, 0 },
	{ TASKS("setter-stopped", 2, 1, 2, 1, 0, 1), { "s", "sg" }, 0, 0 },
	{ TASKS("promiser-stopped", 2, 1, 2, 1, 0, 1), { "p", "sg" }, 0, 0 },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(*scenes)))
#define FIRST_HURT 10

static const struct schedule *schedule_of(int i)
{
	struct schedule *schedule = &scenes[i].schedule;

	schedule->set_up = set_up;
	schedule->task = task;
	schedule->check = check;
	schedule->scene = &scenes[i];
	return schedule;
}

START_TEST(it_is_settled_by_one)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(so_it_is_with_deaths_and_stops)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(so_it_is_by_chance)
{
	schedule_walk(schedule_of(_i), 1000, 1);
}
END_TEST

START_TEST(so_it_is_by_much_chance)
{
	schedule_walk(schedule_of(_i), 1000000, 2);
}
END_TEST

static Suite *future_suite(void)
{
	Suite *suite = suite_create("future");
	TCase *tc = test_case(suite, "settled", "medium", 600);

	tcase_add_loop_test(tc, it_is_settled_by_one, 0, FIRST_HURT);
	tc = test_case(suite, "deaths", "medium", 600);
	tcase_add_loop_test(tc, so_it_is_with_deaths_and_stops, FIRST_HURT,
			    SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, so_it_is_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, so_it_is_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(future_suite)
