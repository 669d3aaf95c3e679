/* SPDX-License-Identifier: MIT */
/*
 * The channel under the sweep, with and without a buffer: send, receive, close
 * and release. Without a buffer there is an offer of somebody dead at first.
 * The second victim receives until nothing is left, and sends one, so it meets
 * what the first has left. Then: nothing is doubled or torn; what was in the
 * buffer and was not received is there; each operation happened wholly or not
 * at all; a channel that says it is closed stays so, and gives what is in it;
 * and every sender's place can be had, and carries an element.
 *
 * Then those who wait: the victim sleeps, or wakes, and another sleeper comes
 * to its end all the same.
 */
#include "../../libzeroipc/channel.h"

#include "../harness.h"
#include "elems.h"
#include "sweep.h"

#include <sys/wait.h>

#define SENDERS 5
#define FILL 2 /* of a buffer of 3 */

enum op { SEND, RECV, CLOSE, RELEASE };

static const char *const op_names[] = { "send", "receive", "close", "release" };

#define BASE 1u    /* the state before */
#define VICTIM 100u
#define SECOND 200u
#define BEHIND 300u

struct scene {
	enum op op;
	bool buffered, warm;
	unsigned elem_size;
};

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static struct zipc_channel *open_channel(void)
{
	struct zipc_segment *segment;
	struct zipc_channel *channel;

	must(zipc_segment_open(&segment, sweep_segment(), 0), "open");
	must(zipc_channel_open(&channel, segment, "c", NULL), "open");
	return channel;
}

/* Put one in: into the buffer, or as an offer that nobody waits behind. */
static void put_in(struct zipc_channel *channel, const void *elem)
{
	must(zipc_channel_enter(channel, true), "enter");
	if (channel->capacity)
		must(zipc_channel_send(channel, elem, ZIPC_NOWAIT), "send");
	else
		zipc_meet_offer(&channel->meet, elem, 0);
}

static void set_up_and_die(const struct scene *scene)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	static const struct zipc_channel_options options = {
		.max_senders = SENDERS,
	};
	struct zipc_segment *segment;
	struct zipc_channel *channel;
	unsigned char elem[256];
	unsigned i;
	char type[32];

	zipc_segment_unlink(sweep_segment());
	snprintf(type, sizeof(type), "bytes:%u", scene->elem_size);
	must(zipc_segment_create(&segment, sweep_segment(), 32 << 10, &few),
	     "create");
	must(zipc_channel_create_with(&channel, segment, "c", type,
				      scene->buffered ? FILL + 1 : 0,
				      &options), "create");
	for (i = 0; i < (scene->buffered ? FILL : 1); i++) {
		write_elem(elem, scene->elem_size, BASE + i);
		put_in(channel, elem);
	}
	_exit(0);
}

/* What is put in is of somebody dead. */
static void set_up(void *context)
{
	pid_t child = fork();
	int status = 1;

	if (!child)
		set_up_and_die(context);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		abort();
}

/* the victims */

static int send_value(const struct scene *scene, struct zipc_channel *channel,
		      unsigned value, int64_t timeout_ns)
{
	unsigned char elem[256];

	write_elem(elem, scene->elem_size, value);
	return zipc_channel_send(channel, elem, timeout_ns);
}

/* A send without a buffer gives up at once: it has its offer out, and takes it
 * back. */
static int64_t time_to_send(const struct scene *scene)
{
	return scene->buffered ? ZIPC_NOWAIT : 1;
}

static void first(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_channel *channel = open_channel();
	unsigned char elem[256] = { 0 };
	int64_t result = 0;

	if (scene->warm)
		must(zipc_channel_enter(channel, true), "enter");
	sweep_begin(me);
	switch (scene->op) {
	case SEND:
		result = send_value(scene, channel, VICTIM,
				    time_to_send(scene));
		break;
	case RECV:
		result = zipc_channel_recv(channel, elem, ZIPC_NOWAIT);
		break;
	case CLOSE:
		result = zipc_channel_close(channel);
		break;
	case RELEASE:
		zipc_channel_release(channel);
		break;
	}
	if (scene->op == RECV && !result) {
		me->notes[0] = read_elem(elem, scene->elem_size);
		/* Who dies in between has told of nothing. */
		atomic_signal_fence(memory_order_seq_cst);
		me->n = 1;
	}
	sweep_end(me, result);
}

/* Its result is that of its send; notes are the values that it received. */
static void second(struct sweep_victim *me, void *context)
{
	const struct scene *scene = context;
	struct zipc_channel *channel = open_channel();
	unsigned char elem[256];

	sweep_begin(me);
	while (me->n < 16 && !zipc_channel_recv(channel, elem, ZIPC_NOWAIT)) {
		me->notes[me->n] = read_elem(elem, scene->elem_size);
		atomic_signal_fence(memory_order_seq_cst);
		me->n++;
	}
	me->result = send_value(scene, channel, SECOND, time_to_send(scene));
	sweep_end(me, me->result);
}

/* the checks */

static void receive(struct sweep_page *page, struct seen *seen, unsigned value)
{
	unsigned i;

	see(page, seen, value);
	if (value != VICTIM && value != SECOND && value != BEHIND &&
	    (value < BASE || value >= BASE + FILL))
		sweep_fail(page, "nobody sent %u", value);
	for (i = 0; i + 1 < seen->n; i++)
		if (seen->value[i] == value)
			sweep_fail(page, "%u was received twice", value);
}

static bool has(const struct seen *seen, unsigned value)
{
	unsigned i;

	for (i = 0; i < seen->n; i++)
		if (seen->value[i] == value)
			return true;
	return false;
}

/* Receive all; returns whether it is closed. */
static bool drain(struct sweep_page *page, const struct scene *scene,
		  struct zipc_channel *channel, struct seen *seen)
{
	unsigned char elem[256];
	int rc;

	while (!(rc = zipc_channel_recv(channel, elem, ZIPC_NOWAIT)))
		receive(page, seen, read_elem(elem, scene->elem_size));
	if (rc != -EAGAIN && rc != -EPIPE)
		sweep_fail(page, "receiving gives %s: %s", rc_name(rc),
			   zipc_last_error());
	return rc == -EPIPE;
}

static void check_closed(struct sweep_page *page, const struct scene *scene,
			 struct zipc_channel *channel, bool closed)
{
	int rc;

	if (closed && scene->op != CLOSE)
		sweep_fail(page, "nobody closed it");
	if (closed != zipc_channel_closed(channel))
		sweep_fail(page, "it is closed, and it is not");
	if (scene->op == CLOSE && page->first.phase == 2 && !closed)
		sweep_fail(page, "it was closed, and is not");
	must(zipc_channel_close(channel), "close");
	rc = send_value(scene, channel, VICTIM, ZIPC_FOREVER);
	if (rc != -EPIPE)
		sweep_fail(page, "sending behind the end gives %s",
			   rc_name(rc));
}

/* Each place of a sender can be had, and carries an element. */
static void check_senders(struct sweep_page *page, const struct scene *scene,
			  struct zipc_channel *channel, unsigned living)
{
	unsigned char elem[256], copy[256];
	struct zipc_channel *sender[SENDERS];
	unsigned i;
	int rc;

	for (i = 0; i < SENDERS - living; i++) {
		sender[i] = open_channel();
		write_elem(elem, scene->elem_size, BEHIND + i);
		rc = zipc_channel_enter(sender[i], true);
		if (rc)
			sweep_fail(page, "sender %u of %u: %s", i + 1, SENDERS,
				   rc_name(rc));
		put_in(sender[i], elem);
		rc = zipc_channel_recv(channel, copy, ZIPC_NOWAIT);
		if (rc || memcmp(elem, copy, scene->elem_size))
			sweep_fail(page, "what sender %u sends gives %s", i + 1,
				   rc_name(rc));
		if (!scene->buffered && zipc_meet_answer(&sender[i]->meet))
			sweep_fail(page, "sender %u is not answered", i + 1);
	}
	while (i--)
		zipc_channel_release(sender[i]);
}

static void check_result(struct sweep_page *page, const struct scene *scene,
			 const struct seen *seen)
{
	const struct sweep_victim *first = &page->first;
	bool ended = first->phase == 2, came = has(seen, VICTIM);

	/* Who received it may have died with it. */
	if (page->second.phase == 1 && !first->result)
		came = true;
	if (scene->op == SEND && ended && (first->result == 0) != came)
		sweep_fail(page, "it gave %s, and what it sent came %s",
			   rc_name(first->result),
			   came ? "through" : "nowhere");
	if (scene->op != SEND && has(seen, VICTIM))
		sweep_fail(page, "nobody sent that");
	if (page->second.phase == 2 &&
	    (page->second.result == 0) != has(seen, SECOND))
		sweep_fail(page, "the second's send gave %s, but",
			   rc_name(page->second.result));
}

/* What was there at first: all of it, but for what a dead receiver took. */
static void check_base(struct sweep_page *page, const struct scene *scene,
		       const struct seen *seen, bool closed)
{
	unsigned i, lost = 0, may = 0;

	for (i = 0; i < FILL; i++)
		lost += scene->buffered && !has(seen, BASE + i);
	may += scene->op == RECV && page->first.phase == 1;
	may += page->second.phase == 1;
	if (lost > may)
		sweep_fail(page, "%u of %u are lost", lost, FILL);
	if (!scene->buffered && !has(seen, BASE) && !closed && !may &&
	    scene->op == RECV)
		sweep_fail(page, "the offer that was out is lost");
}

/* Between checks: what has come so far. */
static void recall(struct sweep_page *page, struct seen *seen)
{
	unsigned i;

	for (i = 0; i < page->notes[0]; i++)
		receive(page, seen, (unsigned)page->notes[1 + i]);
}

static void keep(struct sweep_page *page, const struct seen *came)
{
	unsigned i;

	for (i = 0; i < came->n; i++)
		page->notes[1 + page->notes[0]++] = came->value[i];
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_channel *channel = open_channel();
	struct seen seen = { 0 }, came = { 0 };
	bool closed;
	unsigned i;

	closed = drain(page, scene, channel, &came);
	recall(page, &seen);
	for (i = 0; i < came.n; i++)
		receive(page, &seen, came.value[i]);
	keep(page, &came);
	for (i = 0; i < page->first.n; i++)
		receive(page, &seen, (unsigned)page->first.notes[i]);
	for (i = 0; i < page->second.n; i++)
		receive(page, &seen, (unsigned)page->second.notes[i]);
	check_base(page, scene, &seen, closed);
	if (stage != SWEEP_STOPPED)
		check_result(page, scene, &seen);
	/* Who is dead holds no place; who is stopped does, if he sends. */
	if (!closed)
		check_senders(page, scene, channel,
			      stage == SWEEP_STOPPED &&
				      (scene->warm || scene->op == SEND));
	if (stage != SWEEP_STOPPED)
		check_closed(page, scene, channel, closed);
}

static void sweep_op(enum op op, bool buffered, unsigned elem_size,
		     unsigned modes)
{
	struct scene scene = { .op = op, .buffered = buffered,
			       .elem_size = elem_size };
	char name[96], operation[64];
	struct sweep sweep = { .name = name, .set_up = set_up, .first = first,
			       .second = second, .check = check,
			       .context = &scene, .skip = 576 };
	struct sweep_row row = { .operation = operation };
	int i;

	snprintf(operation, sizeof(operation), "channel %s%s, %u bytes",
		 op_names[op], buffered ? ", buffered" : "", elem_size);
	for (i = 0; i < 2 && !row.failures; i++) {
		scene.warm = i;
		snprintf(name, sizeof(name), "%s, %s", operation,
			 scene.warm ? "warmed" : "first call");
		sweep_scene(&row, &sweep, modes);
	}
	sweep_report(&row);
}

START_TEST(a_meeting_survives_deaths_and_stops_at_every_instruction)
{
	sweep_op((enum op)_i, false, 8,
		 SWEEP_KILL | SWEEP_PAIRS | SWEEP_STOP | SWEEP_LATE);
}
END_TEST

START_TEST(larger_elements_survive_deaths)
{
	sweep_op((enum op)_i, false, 200, SWEEP_KILL);
}
END_TEST

START_TEST(larger_elements_survive_stops)
{
	sweep_op((enum op)_i, false, 200, SWEEP_STOP);
}
END_TEST

START_TEST(a_buffer_survives_deaths_and_stops_at_every_instruction)
{
	sweep_op((enum op)_i, true, 8, SWEEP_KILL | SWEEP_STOP | SWEEP_PAIRS);
}
END_TEST

/* those who wait */

struct waiting {
	const char *operation;
	enum op op;   /* of the victim */
	bool sleeps;  /* it waits, as the other does */
	enum op other; /* what the other sleeper waits in */
};

static const struct waiting waitings[] = {
	{ "send that sleeps", SEND, true, SEND },
	{ "receive that sleeps", RECV, true, RECV },
	{ "send that wakes", SEND, false, RECV },
	{ "receive that wakes", RECV, false, SEND },
	{ "close that wakes a sender", CLOSE, false, SEND },
	{ "close that wakes a receiver", CLOSE, false, RECV },
};

static void set_up_empty(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 8
	};
	static const struct zipc_channel_options five = { .max_senders = 5 };
	struct zipc_segment *segment;
	struct zipc_channel *channel;

	(void)context;
	zipc_segment_unlink(sweep_segment());
	must(zipc_segment_create(&segment, sweep_segment(), 16384, &few),
	     "create");
	must(zipc_channel_create_with(&channel, segment, "c", "u64", 0, &five),
	     "create");
	zipc_channel_release(channel);
	zipc_segment_close(segment);
}

static int operate(struct zipc_channel *channel, enum op op,
		   int64_t timeout_ns)
{
	uint64_t value = 2;

	if (op == CLOSE)
		return zipc_channel_close(channel);
	return op == SEND ? zipc_channel_send(channel, &value, timeout_ns)
			  : zipc_channel_recv(channel, &value, timeout_ns);
}

static void first_waits(struct sweep_victim *me, void *context)
{
	const struct waiting *waiting = context;
	struct zipc_channel *channel = open_channel();
	int64_t timeout = waiting->sleeps ? ZIPC_FOREVER : 1;

	sweep_begin(me);
	sweep_end(me, operate(channel, waiting->op, timeout));
}

static void other_sleeper(void *context)
{
	const struct waiting *waiting = context;
	int rc = operate(open_channel(), waiting->other, ZIPC_FOREVER);

	if (rc && (rc != -EPIPE || waiting->op != CLOSE))
		abort();
}

/* What ends one who waits in op. */
static void bring(struct zipc_channel *channel, enum op op)
{
	uint64_t value = 3;

	if (op == RECV)
		put_in(channel, &value);
	else
		zipc_channel_recv(channel, &value, ZIPC_NOWAIT);
}

static void wake(void *context)
{
	const struct waiting *waiting = context;

	bring(open_channel(), waiting->other);
	bring(open_channel(), waiting->other);
}

static void check_waiting(struct sweep_page *page, enum sweep_stage stage,
			  void *context)
{
	const struct waiting *waiting = context;
	struct zipc_channel *channel = open_channel();
	int64_t rc = page->first.result;

	if (stage == SWEEP_ENDED) {
		if (rc && rc != -ETIMEDOUT)
			sweep_fail(page, "it went on, and gave %s",
				   rc_name(rc));
		return;
	}
	/* To close must reach the other without anybody's help. */
	if (waiting->op == CLOSE && zipc_channel_closed(channel))
		return;
	bring(channel, waiting->other);
	/* A sender of the two may have been received from before. */
	if (waiting->other == SEND)
		bring(channel, SEND);
}

START_TEST(the_other_sleeper_goes_on)
{
	struct waiting waiting = waitings[_i];
	char operation[64];
	struct sweep_row row = { .operation = operation };
	struct sweep sweep = { .name = operation, .set_up = set_up_empty,
			       .first = first_waits, .check = check_waiting,
			       .companion = other_sleeper,
			       .wake = waiting.sleeps ? wake : NULL,
			       .context = &waiting };

	snprintf(operation, sizeof(operation), "channel %s", waiting.operation);
	sweep_scene(&row, &sweep, SWEEP_KILL | SWEEP_STOP);
	sweep_report(&row);
}
END_TEST

static Suite *channel_sweep_suite(void)
{
	Suite *suite = suite_create("channel sweep");
	TCase *tc = test_case(suite, "meeting", "medium", 600);
	int i;

	tcase_add_loop_test(
		tc, a_meeting_survives_deaths_and_stops_at_every_instruction,
		SEND, RELEASE + 1);
	tc = test_case(suite, "larger", "stress", 600);
	tcase_add_loop_test(tc, larger_elements_survive_deaths, SEND, RECV + 1);
	tc = test_case(suite, "larger sent, stopped", "stress", 600);
	tcase_add_loop_test(tc, larger_elements_survive_stops, SEND, SEND + 1);
	tc = test_case(suite, "larger received, stopped", "stress", 600);
	tcase_add_loop_test(tc, larger_elements_survive_stops, RECV, RECV + 1);
	tc = test_case(suite, "buffer", "slow", 600);
	tcase_add_loop_test(
		tc, a_buffer_survives_deaths_and_stops_at_every_instruction,
		SEND, RELEASE + 1);
	for (i = 0; i < (int)(sizeof(waitings) / sizeof(waitings[0])); i++) {
		tc = test_case(suite, waitings[i].operation, "slow", 900);
		tcase_add_loop_test(tc, the_other_sleeper_goes_on, i, i + 1);
	}
	return suite;
}

TEST_MAIN(channel_sweep_suite)
