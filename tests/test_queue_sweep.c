/* SPDX-License-Identifier: MIT */
/*
 * The queue under the sweep: a process is killed or stopped at every
 * instruction of push and pop, single and in batches, at its first call and
 * warmed, from several fill levels and element sizes. Then: nothing committed
 * is lost, doubled, torn or out of order; the operation happened wholly or not
 * at all (a batch: a prefix of it); the full capacity is there.
 */
#include "harness.h"
#include "sweep.h"

#define CAPACITY 4
#define WRITERS 6
#define ROUNDS 6 /* of filling and draining: more than two laps */

enum op { PUSH, POP, PUSH_N, POP_N };

static const char *const op_names[] = { "push", "pop", "push_n", "pop_n" };

/* First values of what is pushed, by whom. */
#define BASE 1u      /* the state before */
#define VICTIM 100u  /* the operation itself */
#define BEHIND 200u  /* another's push, behind a stuck one */
#define AFTER 300u   /* left for a victim that goes on */
#define FILLING 400u /* shows that the capacity is whole */

struct scene {
	enum op op;
	unsigned fill;
	unsigned elem_size;
	bool warm;
	unsigned rotation; /* positions used before */
	char segment[96];
};

/* elements: a value that stands in every byte pair, so that a torn one shows */

static void write_elem(const struct scene *scene, unsigned char *elem,
		       unsigned value)
{
	unsigned i;

	for (i = 0; i + 1 < scene->elem_size; i += 2) {
		elem[i] = (unsigned char)value;
		elem[i + 1] = (unsigned char)(value >> 8);
	}
}

static unsigned read_elem(struct sweep_page *page, const struct scene *scene,
			  const unsigned char *elem)
{
	unsigned value = elem[0] | (unsigned)elem[1] << 8, i;

	for (i = 2; i + 1 < scene->elem_size; i += 2)
		if ((elem[i] | (unsigned)elem[i + 1] << 8) != value)
			sweep_fail(page, "an element is torn: %u at its start, "
				   "%u at byte %u", value,
				   elem[i] | (unsigned)elem[i + 1] << 8, i);
	return value;
}

/* set-up */

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	abort();
}

static void push_values(const struct scene *scene, struct zipc_queue *queue,
			unsigned first, unsigned n)
{
	unsigned char elem[256];
	unsigned i;

	for (i = 0; i < n; i++) {
		write_elem(scene, elem, first + i);
		must(zipc_queue_push(queue, elem, ZIPC_NOWAIT), "push");
	}
}

static void rotate(const struct scene *scene, struct zipc_queue *queue,
		   unsigned n)
{
	unsigned char elem[256];

	while (n--) {
		push_values(scene, queue, 1, 1);
		must(zipc_queue_pop(queue, elem, ZIPC_NOWAIT), "pop");
	}
}

static void set_up(void *context)
{
	static const struct zipc_segment_options few = {
		.max_entries = 4, .max_participants = 16
	};
	static const struct zipc_queue_options options = { WRITERS };
	struct scene *scene = context;
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	char type[32];

	zipc_segment_unlink(scene->segment);
	snprintf(type, sizeof(type), "bytes:%u", scene->elem_size);
	must(zipc_segment_create(&segment, scene->segment, 32 << 10, &few),
	     "create");
	must(zipc_queue_create_with(&queue, segment, "q", type, CAPACITY,
				    &options), "create");
	rotate(scene, queue, scene->rotation);
	if (!scene->warm)
		push_values(scene, queue, BASE, scene->fill);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}

static struct zipc_queue *open_queue(const struct scene *scene)
{
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	must(zipc_segment_open(&segment, scene->segment, 0), "open");
	must(zipc_queue_open(&queue, segment, "q", NULL), "open");
	return queue;
}

/* the victim: notes[0..] are the values that its pop took */

static void victim(struct sweep_page *page, void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue(scene);
	unsigned char elems[3 * 256];
	int64_t result = 0;
	unsigned i;

	if (scene->warm) {
		rotate(scene, queue, 1);
		push_values(scene, queue, BASE, scene->fill);
	}
	for (i = 0; i < 3; i++)
		write_elem(scene, elems + i * scene->elem_size, VICTIM + i);
	sweep_begin();
	switch (scene->op) {
	case PUSH:
		result = zipc_queue_push(queue, elems, ZIPC_NOWAIT);
		break;
	case POP:
		result = zipc_queue_pop(queue, elems, ZIPC_NOWAIT);
		break;
	case PUSH_N:
		result = zipc_queue_push_n(queue, elems, 3, ZIPC_NOWAIT);
		break;
	case POP_N:
		result = zipc_queue_pop_n(queue, elems, 3, ZIPC_NOWAIT);
		break;
	}
	if (scene->op == PUSH || scene->op == POP)
		result = result ? result : 1;
	for (i = 0; scene->op % 2 && (int64_t)i < result; i++)
		page->notes[i] = read_elem(page, scene,
					   elems + i * scene->elem_size);
	sweep_end(page, result);
}

/* the checks */

struct seen {
	unsigned n, value[64];
};

static void drain(struct sweep_page *page, const struct scene *scene,
		  struct zipc_queue *queue, struct seen *seen)
{
	unsigned char elem[256];
	int rc;

	while (!(rc = zipc_queue_pop(queue, elem, ZIPC_NOWAIT))) {
		if (seen->n == 64)
			sweep_fail(page, "elements come without end");
		seen->value[seen->n++] = read_elem(page, scene, elem);
	}
	if (rc != -EAGAIN)
		sweep_fail(page, "pop gives %s: %s", rc_name(rc),
			   zipc_last_error());
}

/* Fill to the brim and drain, for more than two laps. */
static void check_capacity(struct sweep_page *page, const struct scene *scene,
			   struct zipc_queue *queue)
{
	unsigned char elem[256];
	unsigned round, i, n = FILLING;
	struct seen seen;
	int rc;

	for (round = 0; round < ROUNDS; round++, n += CAPACITY) {
		for (i = 0; i <= CAPACITY; i++) {
			write_elem(scene, elem, n + i);
			rc = zipc_queue_push(queue, elem, ZIPC_NOWAIT);
			if (rc != (i < CAPACITY ? 0 : -EAGAIN))
				sweep_fail(page, "round %u: push %u of %u "
					   "gives %s", round, i + 1, CAPACITY,
					   rc_name(rc));
		}
		seen.n = 0;
		drain(page, scene, queue, &seen);
		for (i = 0; i < seen.n && seen.value[i] == n + i; i++)
			;
		if (i != CAPACITY || seen.n != CAPACITY)
			sweep_fail(page, "round %u: %u of %u elements came, "
				   "the first %u in order", round, seen.n,
				   CAPACITY, i);
	}
}

/*
 * From seen[*at] on, first, first + 1, .. come in order, up to n of them.
 * Returns how many.
 */
static unsigned run_of(const struct seen *seen, unsigned *at, unsigned first,
		       unsigned n)
{
	unsigned i;

	for (i = 0; i < n && *at < seen->n && seen->value[*at] == first + i;
	     i++)
		++*at;
	return i;
}

static void list(char *text, size_t size, const struct seen *seen)
{
	size_t used = 0;
	unsigned i;

	text[0] = '\0';
	for (i = 0; i < seen->n && used + 8 < size; i++)
		used += (size_t)snprintf(text + used, size - used, " %u",
					 seen->value[i]);
}

/* What the operation moves when nothing disturbs it. */
static unsigned most_moved(const struct scene *scene)
{
	unsigned asked = scene->op == PUSH || scene->op == POP ? 1 : 3;
	unsigned there = scene->op % 2 ? scene->fill : CAPACITY - scene->fill;

	return asked < there ? asked : there;
}

/*
 * Check what came out while the victim was dead or stopped. Returns how many
 * of its elements were in (push), or of the first ones missing (pop).
 */
static unsigned check_first(struct sweep_page *page, const struct scene *scene,
			    const struct seen *seen, bool behind)
{
	unsigned at = 0, moved = 0, base = scene->fill, first = BASE;
	char text[256];

	if (scene->op % 2 && base &&
	    (!seen->n || seen->value[0] != BASE)) { /* it took some */
		moved = most_moved(scene);
		first += moved;
		base -= moved;
	}
	list(text, sizeof(text), seen);
	if (run_of(seen, &at, first, base) != base)
		sweep_fail(page, "of the elements before, these came:%s", text);
	if (scene->op % 2 == 0)
		moved = run_of(seen, &at, VICTIM, most_moved(scene));
	if (behind && run_of(seen, &at, BEHIND, 1) != 1)
		sweep_fail(page, "a push behind it is lost, these came:%s",
			   text);
	if (at != seen->n)
		sweep_fail(page, "out of order or doubled:%s", text);
	return moved;
}

/* What must come when the victim has ended, and was continued before. */
static void check_second(struct sweep_page *page, const struct scene *scene,
			 const struct seen *seen, unsigned moved)
{
	unsigned done = page->result > 0 ? (unsigned)page->result : 0, at = 0;
	unsigned left = 2, first = AFTER, late = 0, i;
	char text[256];

	list(text, sizeof(text), seen);
	if (page->result < 0 && page->result != -EAGAIN)
		sweep_fail(page, "the operation gave %s",
			   rc_name(page->result));
	if (scene->op % 2) { /* a pop: from before, or what was left for it */
		first = done && page->notes[0] == AFTER ? AFTER : BASE;
		for (i = 0; i < done; i++)
			if (page->notes[i] != first + i)
				sweep_fail(page, "it took %u, not %u",
					   (unsigned)page->notes[i], first + i);
		if ((first == AFTER ? 0 : done) != moved)
			sweep_fail(page, "it took %u, and %u were missing",
				   done, moved);
		first = first == AFTER ? AFTER + done : AFTER;
		left -= first - AFTER;
	} else {
		late = done - moved;
		if (moved > done)
			sweep_fail(page, "it pushed %u, and %u had come", done,
				   moved);
	}
	if (run_of(seen, &at, first, left) != left ||
	    run_of(seen, &at, VICTIM + moved, late) != late || at != seen->n)
		sweep_fail(page, "it moved %u (%u before); at the end came:%s",
			   done, moved, text);
}

/*
 * Go round until the next push would be into the slot that a stopped victim may
 * still write to.
 */
static void go_round(struct sweep_page *page, const struct scene *scene,
		     struct zipc_queue *queue)
{
	uint64_t slots = CAPACITY + WRITERS, removed;
	uint64_t before = scene->rotation + scene->warm + scene->fill;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	unsigned i;

	must(zipc_view_open(&view, scene->segment), "open");
	for (i = 0; i < 3 * slots; i++) {
		must(zipc_view_find(view, "q", &entry), "find");
		removed = entry.removed;
		if (removed % slots == before % slots)
			break;
		rotate(scene, queue, 1);
	}
	if (i == 3 * slots)
		sweep_fail(page, "the slot is never the next");
	zipc_view_close(view);
}

static void check(struct sweep_page *page, enum sweep_stage stage,
		  void *context)
{
	const struct scene *scene = context;
	struct zipc_queue *queue = open_queue(scene);
	struct seen seen = { 0 };
	unsigned char elem[256];
	bool behind;

	if (stage == SWEEP_CONTINUED) {
		drain(page, scene, queue, &seen);
		check_second(page, scene, &seen, (unsigned)page->notes[16]);
		check_capacity(page, scene, queue);
		return;
	}
	write_elem(scene, elem, BEHIND);
	behind = !zipc_queue_push(queue, elem, ZIPC_NOWAIT);
	drain(page, scene, queue, &seen);
	page->notes[16] = check_first(page, scene, &seen, behind);
	check_capacity(page, scene, queue);
	if (stage == SWEEP_STOPPED) {
		go_round(page, scene, queue);
		push_values(scene, queue, AFTER, 2);
	}
}

/* the table */

/* Sweep one operation from each fill level, at first call and warmed. */
static unsigned sweep_op(struct scene *scene, const unsigned *fills,
			 enum sweep_mode mode, unsigned *failures)
{
	struct sweep sweep = { .set_up = set_up, .victim = victim,
			       .check = check, .context = scene };
	unsigned points = 0, i;
	char name[96];

	sweep.name = name;
	for (i = 0; fills[i / 2] <= CAPACITY; i++) {
		scene->fill = fills[i / 2];
		scene->warm = i % 2;
		snprintf(name, sizeof(name),
			 "queue %s, %u bytes, %u inside, %s",
			 op_names[scene->op], scene->elem_size, scene->fill,
			 scene->warm ? "warmed" : "first call");
		points += sweep_run(&sweep, mode, failures);
	}
	printf("queue %-6s %3u bytes: %5u points %s\n", op_names[scene->op],
	       scene->elem_size, points,
	       mode == SWEEP_KILL ? "killed" : "stopped");
	fflush(stdout); /* a test that fails or hangs ends without */
	return points;
}

/* The operations up to last, on elements of elem_size bytes. */
static void sweep_ops(unsigned elem_size, enum op last, const unsigned *fills,
		      enum sweep_mode mode)
{
	struct scene scene = { .rotation = 3, .elem_size = elem_size };
	unsigned total = 0, failures = 0;

	strcpy(scene.segment, test_name("sweep"));
	for (scene.op = PUSH; scene.op <= last && !failures; scene.op++)
		total += sweep_op(&scene, fills, mode, &failures);
	printf("queue: %u points %s, %u failures\n", total,
	       mode == SWEEP_KILL ? "killed" : "stopped", failures);
	fflush(stdout);
	zipc_segment_unlink(scene.segment);
	ck_assert_msg(!failures, "%u scenes failed", failures);
}

static const unsigned some_fills[] = { 0, 2, CAPACITY, CAPACITY + 1 };
static const unsigned other_fills[] = { 1, CAPACITY - 1, CAPACITY + 1 };
static const unsigned one_fill[] = { CAPACITY - 1, CAPACITY + 1 };

START_TEST(survives_a_kill_at_every_instruction)
{
	sweep_ops(8, POP_N, some_fills, SWEEP_KILL);
}
END_TEST

START_TEST(survives_a_stop_at_every_instruction)
{
	sweep_ops(8, POP_N, some_fills, SWEEP_STOP);
}
END_TEST

START_TEST(survives_a_kill_with_larger_elements)
{
	sweep_ops(64, POP_N, other_fills, SWEEP_KILL);
	sweep_ops(200, POP, one_fill, SWEEP_KILL);
}
END_TEST

START_TEST(survives_a_stop_with_larger_elements)
{
	sweep_ops(64, POP_N, other_fills, SWEEP_STOP);
	sweep_ops(200, POP, one_fill, SWEEP_STOP);
}
END_TEST

static Suite *queue_sweep_suite(void)
{
	Suite *suite = suite_create("queue sweep");
	TCase *tc = test_case(suite, "8 bytes", "medium", 600);

	tcase_add_test(tc, survives_a_kill_at_every_instruction);
	tcase_add_test(tc, survives_a_stop_at_every_instruction);
	tc = test_case(suite, "64 and 200 bytes", "slow", 1200);
	tcase_add_test(tc, survives_a_kill_with_larger_elements);
	tcase_add_test(tc, survives_a_stop_with_larger_elements);
	return suite;
}

TEST_MAIN(queue_sweep_suite)
