/* SPDX-License-Identifier: MIT */
/*
 * Select under the sweep. The first victim offers in two channels without a
 * buffer, under one ticket, and would receive from a third; or there is an
 * offer in the third, of somebody dead, and it takes that. The second victim
 * is another select, crossed with the first: it offers in the third, and would
 * receive from the two. Then: of all that was offered by one select at most one
 * was received, and it is whole; who says that a case happened was received
 * from, in that channel, or has received; whose offers were withdrawn is not
 * received from; and each channel carries elements, by all places of senders.
 */
#include "../../libzeroipc/channel.h"

#include "../harness.h"
#include "sweep.h"

#include <sys/wait.h>

#define SENDERS 4

/* Two words, so that a torn one shows. */
struct elem {
	uint64_t value, same;
};

#define FIRST 100u /* and the channel's number */
#define SECOND 200u
#define DEAD 300u

struct scene {
	bool offered; /* in the third channel, at first */
	bool warm;
};

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

/* All of a process through one handle of the segment. */
static void open_all(struct zipc_channel *channel[3])
{
	static const char *const names[] = { "a", "b", "c" };
	static struct zipc_segment *segment;
	unsigned i;

	if (!segment)
		must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	for (i = 0; i < 3; i++)
		must(zipc_channel_open(&channel[i], segment, names[i], NULL),
		     "open");
}

static void offer(struct zipc_channel *channel, uint64_t value)
{
	struct elem elem = { value, value };

	must(zipc_channel_enter(channel, true), "enter");
	zipc_meet_offer(&channel->meet, &elem, 0);
}

static void set_up_and_die(const struct scene *scene)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	static const struct zipc_channel_options options = {
		.max_senders = SENDERS,
	};
	static const char *const names[] = { "a", "b", "c" };
	struct zipc_segment *segment;
	struct zipc_channel *channel;
	unsigned i;

	zipc_segment_unlink(sweep_segment());
	must(zipc_segment_create(&segment, sweep_segment(), 32 << 10, &few),
	     "create");
	for (i = 0; i < 3; i++)
		must(zipc_channel_create_with(&channel, segment, names[i],
					      "u64[2]", 0, &options),
		     "create");
	if (scene->offered)
		offer(channel, DEAD);
	_exit(0);
}

static void set_up(void *context)
{
	pid_t child = fork();
	int status = 1;

	if (!child)
		set_up_and_die(context);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		abort();
}

/* the victims: their notes are what they received, and in which case */

static void select_by(struct sweep_victim *me, struct zipc_case *cases,
		      const struct elem *in)
{
	int64_t result = zipc_select(cases, 3, 1);

	if (result >= 0 && cases[result].kind == ZIPC_RECV) {
		me->notes[0] = in->value == in->same ? in->value : 1;
		/* Who dies in between has told of nothing. */
		atomic_signal_fence(memory_order_seq_cst);
		me->n = 1;
	}
	sweep_end(me, result);
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct elem a = { FIRST, FIRST }, b = { FIRST + 1, FIRST + 1 }, in;
	struct zipc_channel *channel[3];
	struct zipc_case cases[3];

	open_all(channel);
	if (scene->warm) {
		must(zipc_channel_enter(channel[0], true), "enter");
		must(zipc_channel_enter(channel[1], true), "enter");
	}
	cases[0] = (struct zipc_case){ ZIPC_SEND, channel[0], &a, 0 };
	cases[1] = (struct zipc_case){ ZIPC_SEND, channel[1], &b, 0 };
	cases[2] = (struct zipc_case){ ZIPC_RECV, channel[2], &in, 0 };
	sweep_begin(me);
	select_by(me, cases, &in);
}

static void second(struct sweep_victim *me, void *context)
{
	struct elem c = { SECOND + 2, SECOND + 2 }, in;
	struct zipc_channel *channel[3];
	struct zipc_case cases[3];

	(void)context;
	open_all(channel);
	cases[0] = (struct zipc_case){ ZIPC_RECV, channel[0], &in, 0 };
	cases[1] = (struct zipc_case){ ZIPC_RECV, channel[1], &in, 0 };
	cases[2] = (struct zipc_case){ ZIPC_SEND, channel[2], &c, 0 };
	sweep_begin(me);
	select_by(me, cases, &in);
}

/* the checks */

/* What was received, by whomever: counted by who offered it, and where. */
struct seen {
	unsigned first[2], second, dead;
};

static void see(struct sweep_page *page, struct seen *seen, uint64_t value)
{
	if (value == FIRST || value == FIRST + 1)
		seen->first[value - FIRST]++;
	else if (value == SECOND + 2)
		seen->second++;
	else if (value == DEAD)
		seen->dead++;
	else
		sweep_fail(page, "%llu is torn, or nobody offered it",
			   (unsigned long long)value);
}

static void drain(struct sweep_page *page, struct zipc_channel *channel[3])
{
	struct elem elem;
	unsigned i;
	int rc;

	for (i = 0; i < 3; i++) {
		while (!(rc = zipc_channel_recv(channel[i], &elem,
						ZIPC_NOWAIT)))
			page->notes[1 + page->notes[0]++] =
				elem.value == elem.same ? elem.value : 1;
		if (rc != -EAGAIN)
			sweep_fail(page, "receiving gives %s: %s", rc_name(rc),
				   zipc_last_error());
	}
}

/*
 * What it told against what came of it. A send that happened came, unless who
 * received it died with it; one that did not has come nowhere.
 */
static void check_told(struct sweep_page *page, const char *who,
		       const struct sweep_victim *victim,
		       const struct sweep_victim *other, int64_t case_of_it,
		       unsigned came)
{
	bool told = victim->result == case_of_it;

	if (came > 1)
		sweep_fail(page, "what %s offered came twice", who);
	if (victim->phase < 2)
		return;
	if (came && !told)
		sweep_fail(page, "%s gave %s (%lld), and was received from",
			   who, rc_name(victim->result),
			   (long long)victim->result);
	if (told && !came && other->phase != 1)
		sweep_fail(page, "%s was told of case %lld, and nobody "
			   "received it", who, (long long)case_of_it);
}

static void check_all(struct sweep_page *page, const struct scene *scene,
		      bool ended)
{
	struct seen seen = { { 0, 0 }, 0, 0 };
	unsigned i;

	for (i = 0; i < page->notes[0]; i++)
		see(page, &seen, page->notes[1 + i]);
	for (i = 0; i < page->first.n; i++)
		see(page, &seen, page->first.notes[i]);
	for (i = 0; i < page->second.n; i++)
		see(page, &seen, page->second.notes[i]);
	if (seen.first[0] + seen.first[1] > 1)
		sweep_fail(page, "two cases of the first happened");
	if (seen.dead > scene->offered)
		sweep_fail(page, "the offer of the dead came twice");
	if (!ended)
		return;
	check_told(page, "the first", &page->first, &page->second, 0,
		   seen.first[0]);
	check_told(page, "the first", &page->first, &page->second, 1,
		   seen.first[1]);
	check_told(page, "the second", &page->second, &page->first, 2,
		   seen.second);
	if (scene->offered && !seen.dead && page->first.phase == 2 &&
	    page->second.phase != 1)
		sweep_fail(page, "the offer of the dead is lost");
}

/* In each channel each place of a sender can be had, and carries an element. */
static void check_senders(struct sweep_page *page,
			  struct zipc_channel *channel[3], unsigned living)
{
	struct zipc_channel *sender[3 * SENDERS] = { NULL }, *all[3];
	struct elem elem;
	unsigned i, c;
	int rc;

	for (i = 0; i < SENDERS - living; i++) {
		open_all(all);
		for (c = 0; c < 3; c++) {
			sender[3 * i + c] = all[c];
			rc = zipc_channel_enter(all[c], true);
			if (rc)
				sweep_fail(page, "sender %u of %u: %s", i + 1,
					   SENDERS, rc_name(rc));
			offer(all[c], i);
			rc = zipc_channel_recv(channel[c], &elem, ZIPC_NOWAIT);
			if (rc || elem.value != i || elem.same != i)
				sweep_fail(page, "what sender %u offers gives "
					   "%s", i + 1, rc_name(rc));
		}
	}
	for (i = 0; i < 3 * SENDERS; i++)
		zipc_channel_release(sender[i]);
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_channel *channel[3];

	open_all(channel);
	drain(page, channel);
	check_all(page, scene, stage != SWEEP_STOPPED);
	check_senders(page, channel, stage == SWEEP_STOPPED ? 2 : 0);
}

static void sweep_select(bool offered, bool cold, unsigned modes)
{
	struct scene scene = { .offered = offered };
	char name[96], operation[64];
	struct sweep sweep = { .name = name, .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene, .skip = 576 };
	struct sweep_row row = { .operation = operation };
	int i;

	snprintf(operation, sizeof(operation), "select, %s",
		 offered ? "one to take" : "none to take");
	for (i = !cold; i < 2 && !row.failures; i++) {
		scene.warm = i;
		snprintf(name, sizeof(name), "%s, %s", operation,
			 scene.warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

START_TEST(survives_a_death_at_every_instruction)
{
	sweep_select(_i, false, SWEEP_KILL);
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_select(_i, false, SWEEP_STOP);
}
END_TEST

START_TEST(two_selects_survive_each_others_deaths)
{
	sweep_select(_i, false, SWEEP_PAIRS);
}
END_TEST

START_TEST(two_selects_survive_each_others_stops)
{
	sweep_select(_i, true, SWEEP_KILL | SWEEP_STOP | SWEEP_LATE |
				       SWEEP_CROSSED);
}
END_TEST

static Suite *select_sweep_suite(void)
{
	Suite *suite = suite_create("select sweep");
	TCase *tc = test_case(suite, "one to take", "slow", 600);

	tcase_add_loop_test(tc, survives_a_death_at_every_instruction, 1, 2);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, 1, 2);
	tc = test_case(suite, "none to take", "stress", 3600);
	tcase_add_loop_test(tc, survives_a_death_at_every_instruction, 0, 1);
	tcase_add_loop_test(tc, survives_a_stop_at_every_instruction, 0, 1);
	tc = test_case(suite, "pairs", "stress", 3600);
	tcase_add_loop_test(tc, two_selects_survive_each_others_deaths, 0, 2);
	tc = test_case(suite, "late and crossed", "stress", 7200);
	tcase_add_loop_test(tc, two_selects_survive_each_others_stops, 0, 2);
	return suite;
}

TEST_MAIN(select_sweep_suite)
