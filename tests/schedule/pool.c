/* SPDX-License-Identifier: MIT */
/*
 * The pool under the schedule explorer: two or three tasks take, give, send,
 * receive, pass, accept and reclaim, while one of them may be killed or
 * stopped, and whatever schedule they run in: no object has two owners, what
 * was sent is received once and whole, and behind a reclaim nothing is lost.
 *
 * Each task follows a script, a character for an operation. It holds one
 * object, or none; what has no sense then is passed over.
 *
 *   t g   take, give                 p a   pass, accept the latest ticket
 *   s r   send, receive              c     reclaim
 */
#include "../harness.h"
#include "../../libzeroipc/pool.h"
#include "schedule.h"

#define OBJECTS_MOST 66u
#define MESSAGES 16u
#define JUDGE SCHEDULE_TASKS
#define NOBODY 255u
#define NONE UINT64_MAX

struct scene {
	struct schedule schedule;
	unsigned capacity;
	const char *scripts[SCHEDULE_TASKS];
	unsigned taken; /* by the judge, before */
	bool reclaims;
	bool trusts; /* the marks, as in a pool of many that looked lately */
};

static struct zipc_segment *segments[SCHEDULE_TASKS + 1];
static struct zipc_pool *pools[SCHEDULE_TASKS + 1];
static struct zipc_queue *queues[SCHEDULE_TASKS + 1];

/* What this run has seen. */
static struct {
	unsigned char owner[OBJECTS_MOST];
	uint64_t held[SCHEDULE_TASKS + 1]; /* or NONE */
	bool in_doubt[SCHEDULE_TASKS + 1]; /* inside of an operation */
	bool was_passed;
	uint64_t ticket;
	unsigned messages; /* that somebody began to send */
	unsigned char sent[MESSAGES], received[MESSAGES];
} seen;

/* operations */

static uint64_t *words(unsigned who, uint64_t index)
{
	return zipc_pool_at(pools[who], index);
}

static void became_mine(unsigned who, uint64_t index)
{
	unsigned char *owner = &seen.owner[index];

	schedule_must(*owner == NOBODY || schedule_is_dead(*owner),
		      "object %u of task %u is taken by task %u",
		      (unsigned)index, *owner, who);
	*owner = (unsigned char)who;
	seen.held[who] = index;
}

/* Others may have it from now on. */
static uint64_t let_go(unsigned who)
{
	uint64_t index = seen.held[who];

	seen.owner[index] = NOBODY;
	seen.held[who] = NONE;
	return index;
}

static void got(unsigned who, int rc, uint64_t index, int refusal)
{
	schedule_must(rc == 0 || rc == -EAGAIN || rc == refusal,
		      "task %u was told %s: %s", who, rc_name(rc),
		      zipc_last_error());
	if (!rc)
		became_mine(who, index);
}

static void take(unsigned who)
{
	uint64_t index = 0;
	int rc = zipc_pool_take(pools[who], &index, ZIPC_NOWAIT);

	got(who, rc, index, 0);
}

static void give(unsigned who)
{
	int rc = zipc_pool_give(pools[who], let_go(who));

	schedule_must(rc == 0, "task %u may not give: %s", who,
		      zipc_last_error());
}

static void send(unsigned who)
{
	unsigned message = seen.messages++;
	uint64_t index = seen.held[who], *at = words(who, index);
	int rc;

	at[0] = message;
	at[1] = ~(uint64_t)message;
	let_go(who);
	rc = zipc_pool_send(pools[who], queues[who], index, ZIPC_NOWAIT);
	if (rc)
		got(who, 0, index, 0);
	else
		seen.sent[message] = 1;
}

static void receive(unsigned who)
{
	uint64_t index = 0, *at;
	int rc = zipc_pool_receive(pools[who], queues[who], &index,
				   ZIPC_NOWAIT);

	got(who, rc, index, 0);
	if (rc)
		return;
	at = words(who, index);
	schedule_must(at[0] < seen.messages && at[1] == ~at[0],
		      "task %u received what nobody sent", who);
	schedule_must(!seen.received[at[0]]++, "message %u is doubled",
		      (unsigned)at[0]);
}

static void pass(unsigned who)
{
	uint64_t ticket;
	int rc = zipc_pool_pass(pools[who], let_go(who), &ticket);

	schedule_must(rc == 0, "task %u may not pass: %s", who,
		      zipc_last_error());
	seen.ticket = ticket;
	seen.was_passed = true;
}

static void accept(unsigned who)
{
	uint64_t index = 0;
	int rc = zipc_pool_accept(pools[who], seen.ticket, &index);

	got(who, rc, index, -ENOENT);
}

static void operate(unsigned who, char what)
{
	bool holds = seen.held[who] != NONE;

	if (what == 't' && !holds)
		take(who);
	else if (what == 'g' && holds)
		give(who);
	else if (what == 's' && holds)
		send(who);
	else if (what == 'r' && !holds)
		receive(who);
	else if (what == 'p' && holds)
		pass(who);
	else if (what == 'a' && !holds && seen.was_passed)
		accept(who);
	else if (what == 'c')
		schedule_must(zipc_pool_reclaim(pools[who]) >= 0, "reclaim: %s",
			      zipc_last_error());
}

static void run_script(const void *context, unsigned who)
{
	const struct scene *scene = context;
	const char *at;

	for (at = scene->scripts[who]; *at; at++) {
		seen.in_doubt[who] = true;
		schedule_call();
		operate(who, *at);
		schedule_return();
		seen.in_doubt[who] = false;
	}
}

/* set-up */

static void must(int64_t rc)
{
	ck_rc(rc < 0 ? rc : 0, 0);
}

static void open_for(const char *name, unsigned who)
{
	uint64_t index;

	schedule_as(who);
	must(zipc_segment_open(&segments[who], name, 0));
	must(zipc_pool_open(&pools[who], segments[who], "p", NULL));
	must(zipc_queue_open(&queues[who], segments[who], "q", NULL));
	/* It has its writer's record already. */
	must(zipc_pool_take(pools[who], &index, ZIPC_NOWAIT));
	must(zipc_pool_send(pools[who], queues[who], index, ZIPC_NOWAIT));
	must(zipc_pool_receive(pools[who], queues[who], &index, ZIPC_NOWAIT));
	must(zipc_pool_give(pools[who], index));
}

static void label_pool(const struct scene *scene, struct zipc_pool *pool)
{
	unsigned i;

	for (i = 0; i < scene->capacity; i++) {
		schedule_label(&pool->cells[i], 16, "cell[%u]", i);
		schedule_label(&pool->queues[i], 4, "note[%u]", i);
	}
	schedule_label(pool->full, 8, "full");
	schedule_label(pool->takers, 16, "takers");
}

static void set_up(const void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 2, .max_participants = 8 };
	static const struct zipc_queue_options writers = { .max_writers = 5 };
	const struct scene *scene = context;
	struct zipc_pool_options options = { scene->reclaims };
	const char *name = test_name("schedule");
	uint64_t index;
	unsigned i;

	memset(&seen, 0, sizeof(seen));
	memset(seen.owner, NOBODY, sizeof(seen.owner));
	schedule_as(JUDGE);
	must(zipc_segment_create(&segments[JUDGE], name, 32768, &few));
	must(zipc_pool_create_with(&pools[JUDGE], segments[JUDGE], "p",
				   "u64[2]", scene->capacity, &options));
	must(zipc_queue_create_with(&queues[JUDGE], segments[JUDGE], "q", "u64",
				    2, &writers));
	for (i = 0; i < scene->schedule.tasks; i++)
		open_for(name, i);
	label_pool(scene, pools[JUDGE]);
	schedule_as(JUDGE);
	for (i = 0; i <= JUDGE; i++)
		seen.held[i] = NONE;
	for (i = 0; i < scene->taken; i++) {
		pools[JUDGE]->from = i;
		must(zipc_pool_take(pools[JUDGE], &index, ZIPC_NOWAIT));
		seen.owner[index] = JUDGE;
	}
	for (i = 0; i < scene->schedule.tasks; i++) {
		pools[i]->from = scene->taken % scene->capacity;
		pools[i]->few = !scene->trusts;
		pools[i]->looked_ns = scene->trusts ? INT64_MAX : 0;
		schedule_keep(pools[i], sizeof(*pools[i]));
	}
	must(zipc_segment_unlink(name));
	schedule_keep(&seen, sizeof(seen));
}

/* the judge */

/* A mark says that none of the group is free; here nobody died over it. */
static void check_marks(const struct scene *scene)
{
	struct zipc_pool *pool = pools[JUDGE];
	uint64_t full = atomic_load_explicit(pool->full, memory_order_relaxed);
	unsigned i;

	for (i = 0; i < scene->capacity; i++)
		schedule_must(!(full >> i / 64 & 1) ||
			      atomic_load_explicit(&pool->cells[i].value,
						   memory_order_relaxed),
			      "object %u is free in a group marked full", i);
}

static void check_messages(const struct scene *scene)
{
	unsigned i, lost = 0, allowed = 0;

	for (i = 0; i < seen.messages; i++)
		lost += seen.sent[i] && !seen.received[i];
	for (i = 0; i < scene->schedule.tasks; i++)
		allowed += seen.in_doubt[i] && strchr(scene->scripts[i], 'r');
	schedule_must(lost <= allowed, "%u messages are lost, not %u", lost,
		      allowed);
}

static void check(const void *context, enum schedule_stage stage)
{
	const struct scene *scene = context;
	unsigned i, held = scene->taken, free = 0, by_hand = 0;
	uint64_t index[OBJECTS_MOST + 1];

	if (!schedule_has_fault())
		check_marks(scene);
	for (receive(JUDGE); seen.held[JUDGE] != NONE; receive(JUDGE))
		give(JUDGE);
	check_messages(scene);
	must(zipc_pool_reclaim(pools[JUDGE]));
	for (i = 0; i < scene->schedule.tasks; i++) {
		if (!schedule_is_dead(i) && seen.held[i] != NONE)
			held++;
		else if (stage == SCHEDULE_STOPPED && seen.in_doubt[i] &&
			 !schedule_is_dead(i))
			by_hand++;
		by_hand += strchr(scene->scripts[i], 'p') != NULL;
	}
	while (!zipc_pool_take(pools[JUDGE], &index[free], ZIPC_NOWAIT))
		became_mine(JUDGE, index[free++]);
	schedule_must(held + free <= scene->capacity &&
		      held + free + by_hand >= scene->capacity,
		      "of %u objects %u are held, and %u are free",
		      scene->capacity, held, free);
	for (i = 0; i < free; i++) {
		seen.held[JUDGE] = index[i];
		give(JUDGE);
	}
}

/* scenes */

#define TASKS(label, n, some, of_switches, of_delays, of_kills, of_stops)    \
	.schedule = { .name = label, .tasks = n, .victims = some,            \
		      .limits = { .switches = of_switches,                   \
				  .delays = of_delays, .kills = of_kills,    \
				  .stops = of_stops } }

static struct scene scenes[] = {
	{ TASKS("one-object", 3, 0, 4, 1, 0, 0), 1, { "tg", "tgtg", "tg" } },
	{ TASKS("two-objects", 3, 0, 3, 1, 0, 0), 2, { "tgtg", "tg", "tg" } },
	{ TASKS("passed", 3, 0, 4, 1, 0, 0), 1, { "tptp", "ag", "ag" } },
	{ TASKS("sent", 3, 0, 3, 1, 0, 0), 2, { "tsts", "rgrg", "rg" } },
	{ TASKS("sent-by-two", 3, 0, 3, 1, 0, 0), 2, { "ts", "ts", "rgrg" } },
	{ TASKS("marked-full", 2, 0, 4, 1, 0, 0), 65, { "tgtg", "tg" },
	  .taken = 64 },
	{ TASKS("marks-trusted", 2, 0, 4, 1, 0, 0), 65, { "tgtg", "tgt" },
	  .taken = 64, .trusts = true },
	{ TASKS("dead-and-marked", 2, 3, 3, 1, 1, 0), 65, { "tg", "tg" },
	  .taken = 64 },
	{ TASKS("dead-owner", 2, 1, 3, 1, 1, 0), 1, { "tg", "tgctg" } },
	{ TASKS("dead-sender", 3, 1, 3, 1, 1, 0), 2, { "ts", "crg", "rg" } },
	{ TASKS("dead-receiver", 3, 2, 3, 0, 1, 0), 2, { "ts", "rg", "crg" } },
	{ TASKS("dead-reclaimer", 3, 3, 3, 0, 2, 0), 1, { "tg", "c", "ctg" } },
	{ TASKS("comes-back", 2, 1, 3, 1, 1, 0), 1, { "tg", "tgtg" },
	  .reclaims = true },
	{ TASKS("stopped-sender", 3, 1, 3, 0, 0, 1), 2, { "ts", "crg", "rg" } },
	{ TASKS("stopped-giver", 2, 1, 3, 1, 0, 1), 2, { "tgtg", "tgtg" } },
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

START_TEST(holds_in_every_schedule)
{
	schedule_explore(schedule_of(_i));
}
END_TEST

START_TEST(holds_by_chance)
{
	schedule_walk(schedule_of(_i), 4000, 1);
}
END_TEST

static Suite *pool_suite(void)
{
	Suite *suite = suite_create("pool");
	TCase *tc;
	int i;

	for (i = 0; i < SCENES; i++) {
		tc = test_case(suite, scenes[i].schedule.name, "medium", 600);
		tcase_add_loop_test(tc, holds_in_every_schedule, i, i + 1);
	}
	tc = test_case(suite, "by chance", "medium", 600);
	tcase_add_loop_test(tc, holds_by_chance, 0, SCENES);
	return suite;
}

TEST_MAIN(pool_suite)
