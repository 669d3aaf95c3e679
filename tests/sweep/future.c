/* SPDX-License-Identifier: MIT */
/*
 * The future under the sweep. It is settled by one, wholly, and for good: what
 * one check has found stands at each later one, and with who says that it was
 * he. While it is not settled, the next one who sets it can, unless somebody
 * who lives has promised it.
 *
 * Values are words that are all the same, so that one of two would show.
 *
 * Sleepers: of two that wait one is killed, or who sets it is, at each
 * instruction; the other comes to its end all the same.
 */
#include "../../libzeroipc/future.h"
#include "../harness.h"
#include "sweep.h"

#define TYPE "u64[4]"
#define WORDS 4

/* How it stands at first. */
enum start { PENDING, BROKEN, DEAD, SETTLED, ABSENT };

enum op {
	OP_CREATE,
	OP_PROMISE,
	OP_WITHDRAW,
	OP_CLOSE,
	OP_SET,
	OP_FAIL,
	OP_KEEP, /* set what it has promised */
	OP_GET,
};

struct scene {
	const char *name;
	enum op op;
	enum start start;
	enum op second;
};

static const struct scene scenes[] = {
	{ "create", OP_CREATE, ABSENT, OP_CREATE },
	{ "promise", OP_PROMISE, PENDING, OP_PROMISE },
	{ "promise against set", OP_PROMISE, PENDING, OP_SET },
	{ "promise after a close", OP_PROMISE, BROKEN, OP_PROMISE },
	{ "promise after a death", OP_PROMISE, DEAD, OP_SET },
	{ "withdraw", OP_WITHDRAW, PENDING, OP_PROMISE },
	{ "close", OP_CLOSE, PENDING, OP_SET },
	{ "set", OP_SET, PENDING, OP_SET },
	{ "set what is promised", OP_KEEP, PENDING, OP_SET },
	{ "set after a death", OP_SET, DEAD, OP_SET },
	{ "set again", OP_SET, SETTLED, OP_GET },
	{ "fail", OP_FAIL, PENDING, OP_GET },
	{ "get", OP_GET, SETTLED, OP_GET },
	{ "get in vain", OP_GET, PENDING, OP_SET },
	{ "get after a death", OP_GET, DEAD, OP_PROMISE },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(scenes[0])))

/* Who has settled it: what the value's words are, or a failure's code. */
enum { NOBODY, FIRST = 1, SECOND, CHECK, SET_UP, FAILED = 100 };

/* In a victim's notes. */
enum { HOLDER, GOT };

static struct zipc_segment *open_segment(void)
{
	struct zipc_segment *segment;

	if (zipc_segment_open(&segment, sweep_segment(), 0))
		abort();
	return segment;
}

static struct zipc_future *open_future(void)
{
	struct zipc_future *it;

	if (zipc_future_open(&it, open_segment(), "f", TYPE))
		abort();
	return it;
}

static int set_to(struct zipc_future *it, uint64_t who)
{
	uint64_t words[WORDS];
	int i;

	for (i = 0; i < WORDS; i++)
		words[i] = who;
	return zipc_future_set(it, words);
}

static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	const struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_future *it;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 16384, &few))
		abort();
	if (scene->start != ABSENT) {
		if (zipc_future_create(&it, segment, "f", TYPE) ||
		    (scene->start == SETTLED && set_to(it, SET_UP)))
			abort();
		if (scene->start == BROKEN)
			it->lock.at->owner = ZIPC_BROKEN;
		if (scene->start == DEAD) /* who never had that place */
			it->lock.at->owner = UINT64_C(7) << 32 | 5 << 19 | 8;
		zipc_future_close(it);
	}
	zipc_segment_close(segment);
}

/* Who has settled it; -1: it is torn, or an error that there can not be. */
static int64_t settled_by(struct zipc_future *it, int *rc)
{
	uint64_t words[WORDS];
	char text[8];
	int code, i;

	*rc = zipc_future_get(it, words, ZIPC_NOWAIT);
	switch (*rc) {
	case 0:
		for (i = 1; i < WORDS; i++)
			if (words[i] != words[0])
				return -1;
		return words[0] ? (int64_t)words[0] : -1;
	case -ECANCELED:
		if (zipc_future_error(it, &code, text, sizeof(text)) ||
		    strcmp(text, "lost"))
			return -1;
		return FAILED + code;
	case -EAGAIN:
	case -EOWNERDEAD:
		return NOBODY;
	default:
		return -1;
	}
}

static int64_t create(struct zipc_segment *segment)
{
	struct zipc_future *it;

	return zipc_future_create(&it, segment, "f", TYPE);
}

static int64_t operate(struct zipc_future *it, enum op op, uint64_t who,
		       struct sweep_victim *me)
{
	int rc;

	switch (op) {
	case OP_PROMISE:
		return zipc_future_promise(it);
	case OP_WITHDRAW:
		return zipc_future_withdraw(it);
	case OP_CLOSE:
		zipc_future_close(it);
		return 0;
	case OP_FAIL:
		return zipc_future_fail(it, (int)who, "lost");
	case OP_GET:
		me->notes[GOT] = (uint64_t)settled_by(it, &rc);
		return rc;
	default:
		return set_to(it, who);
	}
}

static void be_victim(struct sweep_victim *me, enum op op, uint64_t who)
{
	struct zipc_segment *segment = op == OP_CREATE ? open_segment() : NULL;
	struct zipc_future *it = segment ? NULL : open_future();

	if ((op == OP_KEEP || op == OP_WITHDRAW || op == OP_CLOSE) &&
	    zipc_future_promise(it))
		abort();
	me->notes[HOLDER] = (segment ? segment : it->lock.segment)->holder;
	sweep_begin(me);
	sweep_end(me, segment ? create(segment) : operate(it, op, who, me));
}

static void first(struct sweep_victim *me, void *context)
{
	be_victim(me, ((const struct scene *)context)->op, FIRST);
}

static void second(struct sweep_victim *me, void *context)
{
	be_victim(me, ((const struct scene *)context)->second, SECOND);
}

/* the check */

static bool settles(enum op op)
{
	return op == OP_SET || op == OP_FAIL || op == OP_KEEP;
}

static bool lives(struct zipc_future *it, const struct sweep_victim *victim)
{
	return victim->phase &&
	       zipc_segment_lives(it->lock.segment, victim->notes[HOLDER]);
}

/* Who has come to his end said the truth. */
static void check_victim(struct sweep_page *page, const char *name,
			 const struct sweep_victim *victim, enum op op,
			 int64_t mine, int64_t now)
{
	int64_t rc = victim->result;

	if (victim->phase != 2)
		return;
	if (settles(op)) {
		if (rc && rc != -EALREADY && rc != -EPERM)
			sweep_fail(page, "the %s's set gives %s", name,
				   rc_name(rc));
		if (!rc != (now == mine))
			sweep_fail(page, "the %s's set gives %s, and the value "
				   "is %lld's", name, rc_name(rc),
				   (long long)now);
	}
	if (rc == -EALREADY && !now)
		sweep_fail(page, "the %s is told of what is not there", name);
	if (op == OP_GET && victim->notes[GOT] &&
	    (int64_t)victim->notes[GOT] != now)
		sweep_fail(page, "the %s got %lld, and the value is %lld", name,
			   (long long)victim->notes[GOT], (long long)now);
	if (op == OP_PROMISE && rc && rc != -EALREADY && rc != -EBUSY)
		sweep_fail(page, "the %s's promise gives %s", name,
			   rc_name(rc));
}

/* Whether it may be that somebody is named who has promised it and lives. */
static bool may_be_promised(struct sweep_page *page, const struct scene *scene,
			    struct zipc_future *it)
{
	bool one = scene->op == OP_PROMISE || scene->op == OP_KEEP ||
		   scene->op == OP_WITHDRAW || scene->op == OP_CLOSE;

	return (one && lives(it, &page->first)) ||
	       (scene->second == OP_PROMISE && lives(it, &page->second));
}

/* Not settled: the check does it, if it may. */
static int64_t settle(struct sweep_page *page, const struct scene *scene,
		      struct zipc_future *it)
{
	int rc = set_to(it, CHECK), got;

	if (rc == -EPERM && may_be_promised(page, scene, it) &&
	    zipc_future_state(it) == ZIPC_FUTURE_PROMISED)
		return settled_by(it, &got);
	if (rc)
		sweep_fail(page, "it is not settled, and a set gives %s",
			   rc_name(rc));
	if (settled_by(it, &got) != CHECK)
		sweep_fail(page, "it is not as the check has set it");
	return CHECK;
}

static void check_promises(struct sweep_page *page, const struct scene *scene,
			   struct zipc_future *it)
{
	if (scene->op == OP_PROMISE && scene->second == OP_PROMISE &&
	    page->first.phase == 2 && page->second.phase == 2 &&
	    !page->first.result && !page->second.result &&
	    lives(it, &page->first) && lives(it, &page->second))
		sweep_fail(page, "two have promised it");
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_segment *segment = open_segment();
	struct zipc_future *it;
	int64_t now;
	int rc = zipc_future_open(&it, segment, "f", TYPE);

	if (rc == -ENOENT && scene->start == ABSENT &&
	    !(page->first.phase == 2 && !page->first.result)) {
		/* Who is stopped may have the lock of who creates. */
		if (stage == SWEEP_STOPPED)
			return;
		rc = zipc_future_create(&it, segment, "f", TYPE);
	}
	if (rc)
		sweep_fail(page, "it is not there: %s", rc_name(rc));
	now = settled_by(it, &rc);
	if (now < 0)
		sweep_fail(page, "it is torn, or get gives %s", rc_name(rc));
	if (page->notes[0] && (int64_t)page->notes[0] != now)
		sweep_fail(page, "it was %llu, and is %lld",
			   (unsigned long long)page->notes[0], (long long)now);
	if (scene->start == SETTLED && now != SET_UP)
		sweep_fail(page, "it was settled twice");
	if (!now)
		now = settle(page, scene, it);
	page->notes[0] = (uint64_t)now;
	check_victim(page, "first", &page->first, scene->op,
		     scene->op == OP_FAIL ? FAILED + FIRST : FIRST, now);
	check_victim(page, "second", &page->second, scene->second, SECOND, now);
	check_promises(page, scene, it);
}

static void sweep_modes(struct scene scene, unsigned modes)
{
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	snprintf(operation, sizeof(operation), "future %s", scene.name);
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

/* Whether somebody lives takes many instructions, in which nothing changes. */
static bool is_long(const struct scene *scene)
{
	return scene->start == DEAD || scene->op == OP_CREATE ||
	       scene->op == OP_CLOSE;
}

START_TEST(it_is_settled_by_one_and_wholly)
{
	sweep_modes(scenes[_i],
		    SWEEP_KILL | SWEEP_STOP |
			    (is_long(&scenes[_i]) ? 0
						  : SWEEP_PAIRS | SWEEP_LATE));
}
END_TEST

START_TEST(so_it_is_by_any_two)
{
	sweep_modes(scenes[_i],
		    is_long(&scenes[_i]) ? SWEEP_PAIRS : SWEEP_CROSSED);
}
END_TEST

/* sleepers */

struct sleep_scene {
	const char *name;
	bool sets; /* the victim does; else it sleeps too */
};

static const struct sleep_scene sleep_scenes[] = {
	{ "get that sleeps", false },
	{ "set that wakes", true },
};

static void set_up_pending(void *unused)
{
	struct scene pending = { .start = PENDING };

	(void)unused;
	set_up(&pending);
}

static int64_t sleep_on(struct zipc_future *it)
{
	uint64_t words[WORDS];

	return zipc_future_get(it, words, ZIPC_FOREVER);
}

static void sleeper(struct sweep_victim *me, void *context)
{
	const struct sleep_scene *scene = context;
	struct zipc_future *it = open_future();

	sweep_begin(me);
	sweep_end(me, scene->sets ? set_to(it, FIRST) : sleep_on(it));
}

static void other_sleeper(void *unused)
{
	(void)unused;
	if (sleep_on(open_future()))
		abort();
}

static void wake(void *unused)
{
	(void)unused;
	if (set_to(open_future(), SECOND))
		abort();
}

/* What the victim has not settled is settled here. */
static void check_sleeper(struct sweep_page *page, enum sweep_stage stage,
			  void *unused)
{
	int rc = set_to(open_future(), CHECK);

	(void)stage;
	(void)unused;
	if (rc && rc != -EALREADY)
		sweep_fail(page, "a set gives %s", rc_name(rc));
}

START_TEST(the_other_sleeper_goes_on)
{
	struct sleep_scene scene = sleep_scenes[_i];
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up_pending,
			       .first = sleeper, .check = check_sleeper,
			       .companion = other_sleeper,
			       .wake = scene.sets ? NULL : wake,
			       .context = &scene };

	snprintf(operation, sizeof(operation), "future %s", scene.name);
	sweep_scene(&row, &sweep, SWEEP_KILL);
	sweep_report(&row);
}
END_TEST

static Suite *future_sweep_suite(void)
{
	Suite *suite = suite_create("future sweep");
	TCase *tc;
	int i;

	for (i = 0; i < SCENES; i++) {
		/* To create has been swept as the table's, too. */
		tc = test_case(suite, scenes[i].name,
			       scenes[i].op == OP_CREATE ? "stress" : "slow",
			       1200);
		tcase_add_loop_test(tc, it_is_settled_by_one_and_wholly, i,
				    i + 1);
		if (scenes[i].op == OP_CREATE)
			continue;
		tc = test_case(suite, "pairs", "stress", 1200);
		tcase_add_loop_test(tc, so_it_is_by_any_two, i, i + 1);
	}
	/* Each point takes a nap, and who sleeps has thousands. */
	for (i = 0; i < 2; i++) {
		tc = test_case(suite, sleep_scenes[i].name,
			       sleep_scenes[i].sets ? "slow" : "stress", 1200);
		tcase_add_loop_test(tc, the_other_sleeper_goes_on, i, i + 1);
	}
	return suite;
}

TEST_MAIN(future_sweep_suite)
