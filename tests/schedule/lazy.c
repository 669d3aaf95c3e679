/* SPDX-License-Identifier: MIT */
/*
 * The lazy under the schedule explorer: two or three tasks ask for an external
 * one, take it, also from each other, set it, reset it and read it, while one
 * of them may be killed or stopped. In every schedule it has one value between
 * two resets, whole, and of somebody who has set it; who took it before a reset
 * sets nothing behind it; and in the end it can be set, and then is.
 *
 * Each task follows a script, a character for an operation:
 *
 *   s ask, take and set    x the same, also from who has it, as if he stalled
 *   w ask, take and give back    r reset    g get    G get, and wait
 */
#include "../harness.h"
#include "../../libzeroipc/lazy.h"
#include "schedule.h"

#define JUDGE SCHEDULE_TASKS
#define DEADLINE INT64_C(400000000) /* behind some naps */
#define PERIODS 8

struct scene {
	struct schedule schedule;
	const char *scripts[SCHEDULE_TASKS];
	unsigned flags;   /* of the segment */
	unsigned records; /* that are left for them; 0: all */
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_lazy *lazies[SCHEDULE_TASKS + 1];
static struct zipc_block *block;

static struct {
	unsigned begun, done;    /* resets */
	uint64_t value[PERIODS]; /* behind so many resets; 0: not known */
	uint64_t sets[SCHEDULE_TASKS + 1]; /* how many each has begun */
	bool holding[SCHEDULE_TASKS + 1];  /* it may have it */
} now;

static void must(int64_t rc)
{
	if (rc) {
		fprintf(stderr, "set_up: %s\n", zipc_last_error());
		abort();
	}
}

static void label(void)
{
	struct zipc_lazy *it = lazies[JUDGE];
	unsigned i;

	block = it->lock.block;
	schedule_label(&it->body->turn, 8, "turn");
	schedule_label(&it->lock.at->owner, 8, "owner");
	schedule_label(&block->readable, 16, "readable");
	schedule_label(&block->writable, 16, "writable");
	for (i = 0; i < it->setter_count; i++) {
		schedule_label(&it->setters[i], 64, "setter[%u]", i);
		schedule_label(it->contents + i * it->content_bytes, 16,
			       "content[%u]", i);
	}
}

static void set_up(const void *context)
{
	const struct scene *scene = context;
	struct zipc_segment_options few = { .max_entries = 2,
					    .max_participants = 8,
					    .flags = scene->flags };
	struct zipc_lazy_options never = { .stall_ns = ZIPC_FOREVER };
	const char *name = test_name("schedule");
	unsigned i;

	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 16384, &few));
	must(zipc_lazy_create_with(&lazies[JUDGE], segments[JUDGE], "l",
				   "u64[2]", NULL, &never));
	for (i = 0; i < scene->schedule.tasks; i++) {
		schedule_as(i);
		must(zipc_segment_open(&segments[i], name, 0));
		must(zipc_lazy_open(&lazies[i], segments[i], "l", NULL));
	}
	for (i = scene->records; i && i < lazies[JUDGE]->setter_count; i++)
		atomic_store_explicit(&lazies[JUDGE]->setters[i].holder,
				      segments[JUDGE]->holder,
				      memory_order_relaxed);
	label();
	must(zipc_segment_unlink(name));
	memset(&now, 0, sizeof(now));
	schedule_keep(&now, sizeof(now));
}

/* what must be true */

/* It was so in a call that no reset has touched, which began behind `begun`. */
static void found(uint64_t value, unsigned begun)
{
	uint64_t who = value / 100, number = value % 100;

	schedule_must(who >= 1 && who <= JUDGE + 1 && number >= 1 &&
			      number <= now.sets[who - 1],
		      "it is %llu, and nobody has set it so",
		      (unsigned long long)value);
	if (now.begun != begun || now.done != begun || begun >= PERIODS)
		return;
	schedule_must(!now.value[begun] || now.value[begun] == value,
		      "it was %llu, and is %llu, without a reset",
		      (unsigned long long)now.value[begun],
		      (unsigned long long)value);
	now.value[begun] = value;
}

static int get_as(unsigned me, int64_t timeout_ns)
{
	unsigned begun = now.begun, done = now.done;
	bool known = begun == done && begun < PERIODS && now.value[begun];
	uint64_t words[2];
	int rc;

	schedule_call();
	rc = zipc_lazy_get(lazies[me], words, timeout_ns);
	if (!rc) {
		schedule_must(words[0] == words[1], "it is torn: %llu, %llu",
			      (unsigned long long)words[0],
			      (unsigned long long)words[1]);
		found(words[0], begun == done ? begun : PERIODS);
	} else {
		schedule_must((rc == -EAGAIN && !timeout_ns) ||
				      (rc == -ETIMEDOUT && timeout_ns),
			      "get gives %s", rc_name(rc));
		schedule_must(!known || now.begun != begun,
			      "it is set, and get gives %s", rc_name(rc));
	}
	schedule_return();
	return rc;
}

/* Whether it has it. */
static bool take_as(unsigned me)
{
	int rc;

	now.holding[me] = true;
	schedule_call();
	rc = zipc_lazy_request(lazies[me]);
	schedule_must(!rc, "request gives %s", rc_name(rc));
	rc = zipc_lazy_serve(lazies[me], ZIPC_NOWAIT);
	schedule_must(!rc || rc == -EAGAIN, "serve gives %s", rc_name(rc));
	if (rc)
		now.holding[me] = false;
	schedule_return();
	return !rc;
}

/* It was taken in a call that began behind so many resets, and ended. */
struct taken {
	unsigned begun, done, then;
};

static void set_as(unsigned me, struct taken taken)
{
	uint64_t value = (me + 1) * 100 + ++now.sets[me];
	uint64_t words[2] = { value, value };
	unsigned begun = now.begun;
	bool still = now.begun == now.done, old = now.done > taken.then;
	int rc;

	schedule_call();
	rc = zipc_lazy_set(lazies[me], words);
	schedule_must(!rc || rc == -EALREADY || rc == -EPERM,
		      "set gives %s", rc_name(rc));
	if (!rc) {
		schedule_must(!old, "what was taken before the reset is set");
		found(value, still ? begun : PERIODS);
	}
	schedule_must(rc != -EPERM || now.begun > taken.begun ||
			      taken.done < taken.begun,
		      "it was not reset, and set gives EPERM");
	now.holding[me] = false;
	schedule_return();
}

static void serve_as(unsigned me, char how)
{
	struct taken taken = { now.begun, now.done, 0 };

	if (how == 'x')
		lazies[me]->stall_ns = 0;
	if (!take_as(me))
		return;
	/* A reset that begins from here on makes it old. */
	taken.then = now.begun;
	if (how != 'w') {
		set_as(me, taken);
		return;
	}
	schedule_call();
	zipc_lazy_withdraw(lazies[me]);
	now.holding[me] = false;
	schedule_return();
}

static void reset_as(unsigned me)
{
	now.begun++;
	schedule_call();
	must(zipc_lazy_reset(lazies[me]));
	now.done++;
	schedule_return();
}

static void task(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++)
		if (*at == 'r')
			reset_as(who);
		else if (*at == 'g' || *at == 'G')
			get_as(who, *at == 'G' ? DEADLINE : ZIPC_NOWAIT);
		else
			serve_as(who, *at);
}

/* Nobody who lives is in the way, and what there is then stays. */
static void check(const void *context, enum schedule_stage stage)
{
	int rc;
	unsigned i;

	(void)context;
	for (i = 0; i < SCHEDULE_TASKS; i++)
		if (stage == SCHEDULE_STOPPED && now.holding[i] &&
		    !schedule_is_dead(i) && !schedule_has_ended(i))
			return;
	/* No time passes here, so it can not wait: it looks at once. */
	lazies[JUDGE]->lock.looked_ns = 0;
	rc = get_as(JUDGE, ZIPC_NOWAIT);
	lazies[JUDGE]->lock.looked_ns = 0;
	if (rc) {
		schedule_must(take_as(JUDGE), "it can not be taken");
		set_as(JUDGE, (struct taken){ now.begun, now.done, now.begun });
		rc = get_as(JUDGE, ZIPC_NOWAIT);
	}
	schedule_must(!rc, "it can not be set: %s", rc_name(rc));
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
	{ TASKS("two-serve", 2, 0, 3, 1, 0, 0), { "s", "s" }, 0, 0 },
	{ TASKS("stolen", 2, 0, 2, 1, 0, 0), { "s", "x" }, 0, 0 },
	{ TASKS("set-and-reset", 2, 0, 4, 1, 0, 0), { "s", "r" }, 0, 0 },
	{ TASKS("reset-and-set", 2, 0, 3, 1, 0, 0), { "s", "rs" }, 0, 0 },
	{ TASKS("read-over", 2, 0, 3, 1, 0, 0), { "sgg", "rs" }, 0, 1 },
	{ TASKS("give-back", 2, 0, 3, 1, 0, 0), { "w", "s" }, 0, 0 },
	{ TASKS("asleep", 2, 0, 2, 1, 0, 0), { "s", "G" }, 0, 0 },
	{ TASKS("three", 3, 0, 2, 1, 0, 0), { "s", "x", "r" }, 0, 0 },
	{ TASKS("server-dead", 2, 1, 2, 1, 1, 0), { "s", "sg" }, 0, 0 },
	{ TASKS("server-dead-heir", 2, 1, 2, 0, 1, 0), { "s", "rsg" }, 0, 1 },
	{ TASKS("resetter-dead", 2, 1, 3, 1, 1, 0), { "r", "sg" }, 0, 0 },
	{ TASKS("server-stopped", 2, 1, 2, 0, 0, 1), { "s", "xg" }, 0, 0 },
	{ TASKS("server-stopped-reset", 2, 1, 2, 0, 0, 1), { "s", "rxg" }, 0,
	  0 },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(*scenes)))

static const struct schedule *schedule_of(int i)
{
	struct schedule *schedule = &scenes[i].schedule;

	schedule->set_up = set_up;
	schedule->task = task;
	schedule->check = check;
	schedule->scene = &scenes[i];
	return schedule;
}

START_TEST(it_has_one_value_between_resets)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(so_it_has_by_chance)
{
	schedule_walk(schedule_of(_i), 500, 1);
}
END_TEST

START_TEST(so_it_has_by_much_chance)
{
	schedule_walk(schedule_of(_i), 300000, 2);
}
END_TEST

static Suite *lazy_suite(void)
{
	Suite *suite = suite_create("lazy");
	TCase *tc = test_case(suite, "one value", "medium", 600);

	tcase_add_loop_test(tc, it_has_one_value_between_resets, 0, SCENES);
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, so_it_has_by_chance, 0, SCENES);
	tc = test_case(suite, "by much chance", "stress", 3600);
	tcase_add_loop_test(tc, so_it_has_by_much_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(lazy_suite)
