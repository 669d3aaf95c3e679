/* SPDX-License-Identifier: MIT */
/*
 * Removing in a storm: all create, open, use and remove structures in one
 * segment, under few names, of sizes and kinds that change, and are killed.
 *
 * Each seat has a name that only it creates and removes, so what must be there
 * under that one is in its books; the other names are anybody's. A structure is
 * marked, by a compare-and-swap of its first element, with a number that is
 * drawn once and has its name in it; an element that is not zero has that mark.
 * So a structure under two names, bytes that a former one has left, and those
 * of another one in the same space would all show another mark; and a block
 * that was given away under somebody who uses it would lose its own. What is
 * there and what may be held always leaves a gap that is large enough. In the
 * end nobody is there, and all space can be had in one piece, and reads zero.
 */
#include "../../libzeroipc/table.h"

#include "storm.h"
#include "../children.h"
#include "../harness.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define SEATS 8
#define SHARED 4 /* names that anybody creates and removes */
#define NAMES (SEATS + SHARED)
#define ENTRIES 24 /* more than there are names, and one held by each seat */
#define PLACES 12
#define ELEMS_MOST 3000
/* NAMES + SEATS blocks of at most 49 KB, and one gap more, fit. */
#define BYTES (UINT64_C(3) << 20)
#define BLOCK 192u /* header and type text, before an array's body */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

enum state {
	ABSENT,
	THERE,
	CREATING, /* there or not, by whoever sat here when it died */
	REMOVING,
};

struct books {
	char segment[96];
	_Atomic uint64_t drawn; /* marks */
	_Atomic unsigned created, removed, used;
	/* What each seat knows of its own name. */
	struct {
		enum state state;
		uint64_t capacity, mark; /* of an array; mark 0: not known */
		bool is_queue;
	} own[SEATS];
};

struct actor {
	struct books *books;
	struct zipc_segment *segment;
	struct dice *dice;
	unsigned seat;
};

static void name_of(char name[8], unsigned i)
{
	snprintf(name, 8, "n%u", i);
}

static uint64_t draw_mark(struct books *books, unsigned i)
{
	return (atomic_fetch_add(&books->drawn, 1) + 1) << 8 | i;
}

/* using */

static void check_elements(struct zipc_array *array, unsigned i, uint64_t mark)
{
	const _Atomic uint64_t *elems = zipc_array_data(array);
	uint64_t capacity = zipc_array_capacity(array), at, elem;

	for (at = 0; at < capacity; at++) {
		elem = atomic_load_explicit(&elems[at], memory_order_relaxed);
		storm_assert(!elem || elem == mark,
			     "n%u is marked %llx, and element %llu is %llx", i,
			     (unsigned long long)mark, (unsigned long long)at,
			     (unsigned long long)elem);
	}
}

/* Mark it, and some of its elements, which must stay. The mark. */
static uint64_t use_array(struct actor *me, struct zipc_array *array,
			  unsigned i)
{
	uint64_t mark = 0, mine = draw_mark(me->books, i), elem, at;
	unsigned n;

	if (zipc_array_cas(array, 0, &mark, &mine) == 0)
		mark = mine;
	storm_assert((mark & 0xFF) == i, "n%u is marked %llx", i,
		     (unsigned long long)mark);
	check_elements(array, i, mark);
	for (n = 0; n < 4; n++) {
		at = roll(me->dice) % zipc_array_capacity(array);
		zipc_array_set(array, at, &mark);
		sched_yield();
		zipc_array_get(array, at, &elem);
		storm_assert(elem == mark, "an element of n%u has become %llx",
			     i, (unsigned long long)elem);
	}
	check_elements(array, i, mark);
	return mark;
}

/* Elements tell the queue's name and capacity. */
static void use_queue(struct actor *me, struct zipc_queue *queue, unsigned i)
{
	uint64_t mine = zipc_queue_capacity(queue) << 8 | i, elem;
	unsigned n;
	int rc;

	for (n = roll_below(me->dice, 6); n; n--) {
		rc = zipc_queue_push(queue, &mine, ZIPC_NOWAIT);
		storm_assert(!rc || rc == -EAGAIN || rc == -EUSERS, "push: %s",
			     zipc_last_error());
		sched_yield();
		rc = zipc_queue_pop(queue, &elem, ZIPC_NOWAIT);
		storm_assert(!rc || rc == -EAGAIN, "pop: %s",
			     zipc_last_error());
		storm_assert(rc || elem == mine,
			     "%llx comes out of n%u, which has %llx",
			     (unsigned long long)elem, i,
			     (unsigned long long)mine);
	}
}

/* What a name that anybody removes had: 0, or -ENOENT. */
static int find(struct actor *me, unsigned i)
{
	struct zipc_array *array;
	struct zipc_queue *queue;
	char name[8];
	int rc;

	name_of(name, i);
	rc = zipc_array_open(&array, me->segment, name, "u64");
	if (!rc) {
		use_array(me, array, i);
		zipc_array_close(array);
	} else if (rc == -EPROTOTYPE) {
		rc = zipc_queue_open(&queue, me->segment, name, "u64");
		if (!rc) {
			use_queue(me, queue, i);
			zipc_queue_close(queue);
		}
	}
	storm_assert(!rc || rc == -ENOENT || rc == -EPROTOTYPE, "%s: %s", name,
		     zipc_last_error());
	if (!rc)
		atomic_fetch_add(&me->books->used, 1);
	return rc;
}

/* creating and removing */

/* 0; -EEXIST; -EBUSY: a creator is stopped. */
static int create(struct actor *me, unsigned i, uint64_t capacity,
		  bool is_queue)
{
	static const struct zipc_queue_options options = { .max_writers = 4 };
	struct zipc_array *array;
	struct zipc_queue *queue;
	char name[8];
	int rc;

	name_of(name, i);
	if (is_queue) {
		rc = zipc_queue_create_with(&queue, me->segment, name, "u64",
					    capacity, &options);
		if (!rc)
			zipc_queue_close(queue);
	} else {
		rc = zipc_array_create(&array, me->segment, name, "u64",
				       capacity);
		if (!rc) {
			use_array(me, array, i);
			zipc_array_close(array);
		}
	}
	storm_assert(!rc || rc == -EEXIST || rc == -EBUSY, "create %s: %s",
		     name, zipc_last_error());
	if (!rc)
		atomic_fetch_add(&me->books->created, 1);
	return rc;
}

/* 0; -ENOENT; -EBUSY. */
static int take_away(struct actor *me, unsigned i)
{
	char name[8];
	int rc;

	name_of(name, i);
	rc = zipc_segment_remove(me->segment, name);
	storm_assert(!rc || rc == -ENOENT || rc == -EBUSY, "remove %s: %s",
		     name, zipc_last_error());
	if (!rc)
		atomic_fetch_add(&me->books->removed, 1);
	return rc;
}

/* one's own name */

/* It is open: the one in the books. */
static void compare_own(struct actor *me, struct zipc_array *array)
{
	uint64_t *noted = &me->books->own[me->seat].mark, mark;

	storm_assert(zipc_array_capacity(array) ==
			     me->books->own[me->seat].capacity,
		     "n%u is another's", me->seat);
	mark = use_array(me, array, me->seat);
	storm_assert(!*noted || *noted == mark, "n%u had %llx and has %llx",
		     me->seat, (unsigned long long)*noted,
		     (unsigned long long)mark);
	*noted = mark;
}

/* Whether the own one is there; what the dead left open is known then. */
static bool settle_own(struct actor *me)
{
	enum state *state = &me->books->own[me->seat].state;
	bool is_queue = me->books->own[me->seat].is_queue;
	struct zipc_array *array;
	char name[8];
	int rc;

	name_of(name, me->seat);
	rc = zipc_array_open(&array, me->segment, name, "u64");
	if (!rc && *state != ABSENT && !is_queue)
		compare_own(me, array);
	storm_assert(rc == -ENOENT ? *state != THERE :
		     *state != ABSENT && rc == (is_queue ? -EPROTOTYPE : 0),
		     "%s, in state %d, is %s", name, *state,
		     zipc_error_name(rc));
	if (!rc)
		zipc_array_close(array);
	*state = rc == -ENOENT ? ABSENT : THERE;
	return *state == THERE;
}

static int change_own(struct actor *me)
{
	struct books *books = me->books;
	enum state *state = &books->own[me->seat].state;
	int rc;

	if (settle_own(me)) {
		*state = REMOVING;
		rc = take_away(me, me->seat);
		storm_assert(rc != -ENOENT, "n%u is lost", me->seat);
		*state = rc ? THERE : ABSENT;
		return rc;
	}
	books->own[me->seat].mark = 0;
	books->own[me->seat].is_queue = !roll_below(me->dice, 3);
	books->own[me->seat].capacity = 1 + roll_below(me->dice, ELEMS_MOST);
	atomic_signal_fence(memory_order_seq_cst);
	*state = CREATING;
	rc = create(me, me->seat, books->own[me->seat].capacity,
		    books->own[me->seat].is_queue);
	storm_assert(rc != -EEXIST, "n%u is there, by another", me->seat);
	*state = rc ? ABSENT : THERE;
	return rc;
}

static int change_shared(struct actor *me)
{
	unsigned i = SEATS + roll_below(me->dice, SHARED);

	if (roll_below(me->dice, 2))
		return take_away(me, i);
	return create(me, i, 1 + roll_below(me->dice, ELEMS_MOST),
		      !roll_below(me->dice, 3));
}

static int do_something(struct actor *me)
{
	switch (roll_below(me->dice, 4)) {
	case 0:
		return change_own(me);
	case 1:
		return change_shared(me);
	default:
		return find(me, roll_below(me->dice, NAMES));
	}
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct actor me = { .books = context, .dice = dice, .seat = seat };
	unsigned n;

	while (!storm_is_over()) {
		storm_assert(!zipc_segment_open(&me.segment,
						me.books->segment, 0),
			     "open: %s", zipc_last_error());
		for (n = roll_below(dice, 40); n; n--)
			if (do_something(&me) != -EBUSY)
				storm_progress();
		zipc_segment_close(me.segment);
	}
}

/* what must be true in the end */

static void check_own(struct books *books, struct zipc_view *view)
{
	struct zipc_view_entry entry;
	enum state state;
	char name[8];
	unsigned i;
	int rc;

	for (i = 0; i < SEATS; i++) {
		name_of(name, i);
		rc = zipc_view_find(view, name, &entry);
		state = books->own[i].state;
		ck_assert_msg(rc == 0 ? state != ABSENT
				      : rc == -ENOENT && state != THERE,
			      "%s, in state %d, is %s", name, state,
			      zipc_error_name(rc));
	}
}

static void check_nobody_holds(struct books *books)
{
	struct zipc_view_segment info;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, books->segment), 0);
	check_own(books, view);
	ck_rc(zipc_view_segment(view, &info), 0);
	ck_assert_uint_le(info.entries, NAMES);
	ck_assert_uint_eq(info.participants, 0);
	zipc_view_close(view);
}

static void have_one_open(void *context)
{
	struct books *books = context;
	struct zipc_segment *segment;
	struct zipc_array *array;

	ck_rc(zipc_segment_open(&segment, books->segment, 0), 0);
	ck_rc(zipc_array_create(&array, segment, "held", "u64", 1), 0);
	tell_parent();
	await_parent();
}

/*
 * One more dies with something open. Then all places are taken, so that what
 * the dead left in any of them would be believed.
 */
static void check_all_space(struct books *books)
{
	uint64_t left = BYTES - zipc_users_end(ENTRIES, PLACES) -
			PLACES * sizeof(struct zipc_participant) - BLOCK, at;
	struct zipc_segment *segments[PLACES];
	struct child last = child_start(have_one_open, books);
	struct zipc_array *array;
	char name[8];
	unsigned i;
	int rc;

	child_hear(&last);
	child_kill(&last);
	for (i = 0; i < PLACES; i++)
		ck_rc(zipc_segment_open(&segments[i], books->segment, 0), 0);
	ck_rc(zipc_segment_remove(segments[0], "held"), 0);
	for (i = 0; i < NAMES; i++) {
		name_of(name, i);
		rc = zipc_segment_remove(segments[0], name);
		ck_assert_msg(!rc || rc == -ENOENT, "%s", zipc_last_error());
	}
	ck_rc(zipc_array_create(&array, segments[0], "all", "u8", left), 0);
	for (at = 0; at < left; at++)
		ck_assert_msg(!((unsigned char *)zipc_array_data(array))[at],
			      "byte %llu is not zero", (unsigned long long)at);
	zipc_array_close(array);
	for (i = 0; i < PLACES; i++)
		zipc_segment_close(segments[i]);
}

static void storm_of_removing(unsigned kills)
{
	static const struct zipc_segment_options options = {
		.max_entries = ENTRIES,
		.max_participants = PLACES,
	};
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = SEATS, .kills = kills / SCALE,
			       .act = act, .context = books };
	struct zipc_segment *segment;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, BYTES, &options),
	      0);
	zipc_segment_close(segment);
	storm_run(&storm);
	check_nobody_holds(books);
	check_all_space(books);
	printf("%u created, %u removed, %u times found\n", books->created,
	       books->removed, books->used);
	ck_assert_uint_gt(books->created, kills / SCALE);
	ck_assert_uint_gt(books->removed, kills / SCALE / 2);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

START_TEST(names_and_space_are_used_again_whoever_is_killed)
{
	storm_of_removing(600);
}
END_TEST

START_TEST(names_and_space_are_used_again_for_long)
{
	storm_of_removing(20000);
}
END_TEST

static Suite *storm_remove_suite(void)
{
	Suite *suite = suite_create("storm remove");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_test(tc, names_and_space_are_used_again_whoever_is_killed);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_test(tc, names_and_space_are_used_again_for_long);
	return suite;
}

TEST_MAIN(storm_remove_suite)
