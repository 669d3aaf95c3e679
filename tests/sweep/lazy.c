/* SPDX-License-Identifier: MIT */
/*
 * The lazy under the sweep. Whoever dies or stops in the middle of a force, the
 * check forces it too, and gets the value whole; what has been seen stays until
 * it is reset, and then is what the input has become by then, though somebody
 * who began before goes on. Of an external one the check serves, and what is
 * committed is one's who says that it was he.
 *
 * Values are words that are all the same, so that one of two would show. The
 * input is an array's element, which the second victim's reset changes first.
 */
#include "../../libzeroipc/lazy.h"
#include "../harness.h"
#include "sweep.h"

#define TYPE "{a:u64, b:u64, c:u64, d:u64}"
#define CONSTANT "{a: 4, b: 4, c: 4, d: 4}" /* BEFORE */
#define WORDS 4

/* How it stands at first. */
enum start { IDLE, WANTED, DEAD, DONE };

enum op {
	OP_REQUEST,
	OP_FORCE,
	OP_RESET,  /* behind a change of the input */
	OP_GET,    /* without waiting */
	OP_TAKE,   /* external */
	OP_SET,    /* what it has taken before the sweep begins */
	OP_GIVE,   /* likewise */
};

/* What it is. */
enum sort { EXPRESSION, CONSTANT_ONE, EXTERNAL };

struct scene {
	const char *name;
	enum sort sort;
	enum op op;
	enum start start;
	enum op second;
};

static const struct scene scenes[] = {
	{ "force", EXPRESSION, OP_FORCE, IDLE, OP_FORCE },
	{ "force and reset", EXPRESSION, OP_FORCE, WANTED, OP_RESET },
	{ "force a constant", CONSTANT_ONE, OP_FORCE, IDLE, OP_FORCE },
	{ "force after a death", CONSTANT_ONE, OP_FORCE, DEAD, OP_FORCE },
	{ "force what is done", EXPRESSION, OP_FORCE, DONE, OP_RESET },
	{ "reset", EXPRESSION, OP_RESET, DONE, OP_RESET },
	{ "request", EXTERNAL, OP_REQUEST, IDLE, OP_TAKE },
	{ "take", EXTERNAL, OP_TAKE, WANTED, OP_TAKE },
	{ "take after a death", EXTERNAL, OP_TAKE, DEAD, OP_REQUEST },
	{ "set", EXTERNAL, OP_SET, IDLE, OP_RESET },
	{ "give back", EXTERNAL, OP_GIVE, IDLE, OP_TAKE },
	{ "get in vain", EXTERNAL, OP_GET, IDLE, OP_TAKE },
};

#define SCENES ((int)(sizeof(scenes) / sizeof(scenes[0])))

/* What the input is, or who has set it. */
enum { NOTHING, FIRST = 1, SECOND, CHECK, BEFORE, AFTER };

/* In a victim's notes. */
enum { HOLDER, GOT };

static struct zipc_segment *open_segment(void)
{
	struct zipc_segment *segment;

	if (zipc_segment_open(&segment, sweep_segment(), 0))
		abort();
	return segment;
}

static struct zipc_lazy *open_lazy(struct zipc_segment *segment)
{
	struct zipc_lazy *it;

	if (zipc_lazy_open(&it, segment, "l", TYPE))
		abort();
	return it;
}

static const uint64_t *words_of(uint64_t who)
{
	static uint64_t words[WORDS];
	int i;

	for (i = 0; i < WORDS; i++)
		words[i] = who;
	return words;
}

static int change_input(struct zipc_segment *segment)
{
	struct zipc_array *input;
	int rc = zipc_array_open(&input, segment, "in", TYPE);

	if (!rc)
		rc = zipc_array_set(input, 0, words_of(AFTER));
	zipc_array_close(input);
	return rc;
}

static void make(struct zipc_segment *segment, const struct scene *scene)
{
	/* Nobody stalls: who is stopped would be replaced by chance. */
	struct zipc_lazy_options never = { .stall_ns = ZIPC_FOREVER };
	static const char *const expressions[] = {
		[EXPRESSION] = "in", [CONSTANT_ONE] = CONSTANT,
	};
	struct zipc_array *input;
	struct zipc_lazy *it;

	if (zipc_array_create(&input, segment, "in", TYPE, 1) ||
	    zipc_array_set(input, 0, words_of(BEFORE)) ||
	    zipc_lazy_create_with(&it, segment, "l", TYPE,
				  expressions[scene->sort], &never))
		abort();
	if (scene->start == WANTED && zipc_lazy_request(it))
		abort();
	if (scene->start == DONE && zipc_lazy_force(it, NULL, ZIPC_NOWAIT))
		abort();
	if (scene->start == DEAD) { /* who never had that place */
		it->body->turn = 2;
		it->lock.at->owner = UINT64_C(7) << 32 | 5 << 19 | 8;
	}
	zipc_lazy_close(it);
	zipc_array_close(input);
}

static void set_up(void *context)
{
	struct zipc_segment_options few = { .max_entries = 4,
					    .max_participants = 8 };
	struct zipc_segment *segment;

	zipc_segment_unlink(sweep_segment());
	if (zipc_segment_create(&segment, sweep_segment(), 16384, &few))
		abort();
	make(segment, context);
	zipc_segment_close(segment);
}

/* The value; NOTHING while there is none; -1: it is torn. */
static int64_t value_of(struct zipc_lazy *it, int *rc, bool force)
{
	uint64_t words[WORDS];
	int i;

	*rc = force ? zipc_lazy_force(it, words, ZIPC_NOWAIT)
		    : zipc_lazy_get(it, words, ZIPC_NOWAIT);
	if (*rc)
		return NOTHING;
	for (i = 1; i < WORDS; i++)
		if (words[i] != words[0])
			return -1;
	return words[0] ? (int64_t)words[0] : -1;
}

static int64_t operate(struct zipc_lazy *it, enum op op, uint64_t who,
		       struct sweep_victim *me)
{
	int rc;

	switch (op) {
	case OP_REQUEST:
		return zipc_lazy_request(it);
	case OP_RESET:
		return zipc_lazy_reset(it);
	case OP_TAKE:
		return zipc_lazy_serve(it, ZIPC_NOWAIT);
	case OP_SET:
		return zipc_lazy_set(it, words_of(who));
	case OP_GIVE:
		return zipc_lazy_withdraw(it);
	default:
		me->notes[GOT] = (uint64_t)value_of(it, &rc, op == OP_FORCE);
		return rc;
	}
}

static void be_victim(struct sweep_victim *me, enum op op, uint64_t who)
{
	struct zipc_segment *segment = open_segment();
	struct zipc_lazy *it = open_lazy(segment);

	if ((op == OP_SET || op == OP_GIVE) &&
	    (zipc_lazy_request(it) || zipc_lazy_serve(it, ZIPC_NOWAIT)))
		abort();
	if (op == OP_RESET && change_input(segment))
		abort();
	me->notes[HOLDER] = segment->holder;
	sweep_begin(me);
	sweep_end(me, operate(it, op, who, me));
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

static bool lives(struct zipc_lazy *it, const struct sweep_victim *victim)
{
	return victim->phase &&
	       zipc_segment_lives(it->lock.segment, victim->notes[HOLDER]);
}

static bool holds(enum op op)
{
	return op == OP_FORCE || op == OP_TAKE || op == OP_SET ||
	       op == OP_GIVE;
}

/* Whether it may be that who lives, or is stopped, has the word. */
static bool may_be_held(struct sweep_page *page, const struct scene *scene,
			struct zipc_lazy *it)
{
	return (holds(scene->op) && lives(it, &page->first)) ||
	       (holds(scene->second) && lives(it, &page->second));
}

static bool has_reset(const struct scene *scene)
{
	return scene->op == OP_RESET || scene->second == OP_RESET;
}

/* The check's own: by force, or by serving. */
static int64_t bring_about(struct sweep_page *page, const struct scene *scene,
			   struct zipc_lazy *it)
{
	int64_t now;
	int rc;

	now = value_of(it, &rc, true);
	if (rc == -EAGAIN && may_be_held(page, scene, it) &&
	    zipc_lazy_state(it) == ZIPC_LAZY_RUNNING)
		return NOTHING;
	if (rc == -EAGAIN && scene->sort == EXTERNAL) {
		rc = zipc_lazy_serve(it, ZIPC_NOWAIT);
		if (rc == -EAGAIN && may_be_held(page, scene, it))
			return NOTHING;
		if (!rc)
			rc = zipc_lazy_set(it, words_of(CHECK));
		if (!rc)
			now = value_of(it, &rc, true);
	}
	if (rc)
		sweep_fail(page, "to force it gives %s", rc_name(rc));
	return now;
}

static void check_value(struct sweep_page *page, const struct scene *scene,
			int64_t now)
{
	bool was_reset = (scene->op == OP_RESET && page->first.phase == 2) ||
			 (scene->second == OP_RESET && page->second.phase == 2);

	if (now < 0)
		sweep_fail(page, "it is torn");
	if (!now)
		return;
	if (scene->sort != EXTERNAL && now != BEFORE && now != AFTER)
		sweep_fail(page, "it is %lld", (long long)now);
	/* Who began before the reset must not have been the one. */
	if (scene->sort == EXPRESSION && was_reset && now != AFTER)
		sweep_fail(page, "behind the reset it is as before");
	if (page->notes[0] && page->notes[0] != (uint64_t)now &&
	    !has_reset(scene))
		sweep_fail(page, "it was %llu, and is %lld",
			   (unsigned long long)page->notes[0], (long long)now);
	page->notes[0] = (uint64_t)now;
}

static void check_victim(struct sweep_page *page, const char *name,
			 const struct sweep_victim *victim, enum op op,
			 const struct scene *scene, int64_t mine, int64_t now)
{
	int64_t rc = victim->result;

	if (victim->phase != 2)
		return;
	if (op == OP_SET && !rc && !has_reset(scene) && now != mine)
		sweep_fail(page, "the %s has set it, and it is %lld", name,
			   (long long)now);
	if (op == OP_SET && rc && now == mine)
		sweep_fail(page, "the %s's set gives %s, and it is his", name,
			   rc_name(rc));
	if (op == OP_SET && rc && rc != -EALREADY && rc != -EPERM)
		sweep_fail(page, "the %s's set gives %s", name, rc_name(rc));
	if ((op == OP_RESET || op == OP_REQUEST) && rc)
		sweep_fail(page, "the %s's gives %s", name, rc_name(rc));
	if (op == OP_FORCE && !rc && now && !has_reset(scene) &&
	    (int64_t)victim->notes[GOT] != now)
		sweep_fail(page, "the %s got %lld, and it is %lld", name,
			   (long long)victim->notes[GOT], (long long)now);
	if ((op == OP_FORCE || op == OP_TAKE) && rc && rc != -EAGAIN)
		sweep_fail(page, "the %s's gives %s", name, rc_name(rc));
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_lazy *it = open_lazy(open_segment());
	int64_t now = bring_about(page, scene, it);

	(void)stage;
	check_value(page, scene, now);
	check_victim(page, "first", &page->first, scene->op, scene, FIRST, now);
	check_victim(page, "second", &page->second, scene->second, scene,
		     SECOND, now);
	if (scene->op == OP_TAKE && scene->second == OP_TAKE &&
	    page->first.phase == 2 && page->second.phase == 2 &&
	    !page->first.result && !page->second.result &&
	    lives(it, &page->first) && lives(it, &page->second))
		sweep_fail(page, "two have taken it");
}

static void sweep_modes(struct scene scene, unsigned modes)
{
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up,
			       .first = first, .second = second,
			       .check = check, .context = &scene };

	snprintf(operation, sizeof(operation), "lazy %s", scene.name);
	sweep_scene(&row, &sweep, modes);
	sweep_report(&row);
}

/* A force opens, closes, and makes room: thousands of instructions. */
static bool is_long(const struct scene *scene)
{
	return scene->start == DEAD ||
	       (scene->op == OP_FORCE && scene->start != DONE);
}

/* With inputs, ten thousands. */
static bool is_very_long(const struct scene *scene)
{
	return scene->op == OP_FORCE && scene->start != DONE &&
	       scene->sort == EXPRESSION;
}

START_TEST(who_comes_next_gets_it_whole)
{
	/* Behind a death it is what it is without one. */
	bool all = scenes[_i].start != DEAD;

	sweep_modes(scenes[_i],
		    SWEEP_KILL | (all ? SWEEP_STOP : 0) |
			    (is_long(&scenes[_i]) ? 0 : SWEEP_PAIRS));
}
END_TEST

START_TEST(so_it_is_behind_any_two)
{
	sweep_modes(scenes[_i], SWEEP_STOP | SWEEP_LATE | SWEEP_CROSSED);
}
END_TEST

/* Of a long one each takes minutes, and is a case. */
static const struct {
	const char *name;
	unsigned modes;
} ways[] = {
	{ "two deaths", SWEEP_PAIRS },
	{ "stopped, and a death", SWEEP_LATE },
	{ "both stopped", SWEEP_CROSSED },
};
#define WAYS ((int)(sizeof(ways) / sizeof(ways[0])))

START_TEST(so_it_is_behind_any_two_of_a_long_one)
{
	sweep_modes(scenes[_i / WAYS], ways[_i % WAYS].modes);
}
END_TEST

static void add_long(Suite *suite, int i)
{
	static char names[SCENES * WAYS][64];
	TCase *tc;
	int way;

	for (way = i * WAYS; way < (i + 1) * WAYS; way++) {
		snprintf(names[way], sizeof(names[way]), "%s: %s",
			 scenes[i].name, ways[way % WAYS].name);
		tc = test_case(suite, names[way], "stress", 3600);
		tcase_add_loop_test(tc, so_it_is_behind_any_two_of_a_long_one,
				    way, way + 1);
	}
}

static Suite *lazy_sweep_suite(void)
{
	Suite *suite = suite_create("lazy sweep");
	TCase *tc;
	int i;

	for (i = 0; i < SCENES; i++) {
		tc = test_case(suite, scenes[i].name,
			       is_very_long(&scenes[i]) ? "stress" : "slow",
			       1200);
		tcase_add_loop_test(tc, who_comes_next_gets_it_whole, i, i + 1);
		if (is_long(&scenes[i])) {
			add_long(suite, i);
			continue;
		}
		tc = test_case(suite, "pairs", "stress", 3600);
		tcase_add_loop_test(tc, so_it_is_behind_any_two, i, i + 1);
	}
	return suite;
}

TEST_MAIN(lazy_sweep_suite)
