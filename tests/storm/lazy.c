/* SPDX-License-Identifier: MIT */
/*
 * Lazies in the storm. A number only grows; one lazy is it, one is served what
 * it is, and one is made of these two. Whoever has moved the number, and reset
 * a lazy behind that, says how far it was; who forces the lazy later finds that
 * much at least, whoever was killed or stopped while he computed it, and
 * replaced: what somebody began before the reset is seen by nobody behind it.
 */
#include "../harness.h"
#include "storm.h"

#include <sys/mman.h>

#define SHORT INT64_C(2000000)
#define LAZIES 3
#ifdef __SANITIZE_THREAD__
#define SCALE 4
#else
#define SCALE 1
#endif

enum { BASE, SERVED, TOP };

static const char *const names[LAZIES] = { "base", "served", "top" };

struct variant {
	unsigned seats, flags;
};

struct books {
	const struct variant *variant;
	char segment[64];
	/* What each has at least, behind the resets that have returned. */
	_Atomic uint64_t floors[LAZIES];
};

struct player {
	struct books *books;
	struct dice *dice;
	struct zipc_segment *segment;
	struct zipc_array *number;
	struct zipc_lazy *lazies[LAZIES];
};

static uint64_t number(struct player *me)
{
	uint64_t now;

	storm_assert(!zipc_array_get(me->number, 0, &now), "get: %s",
		     zipc_last_error());
	return now;
}

static void raise_floor(_Atomic uint64_t *floor, uint64_t to)
{
	uint64_t was = atomic_load(floor);

	while (was < to && !atomic_compare_exchange_weak(floor, &was, to))
		;
}

static void move_on(struct player *me)
{
	unsigned i = roll_below(me->dice, LAZIES), k;
	uint64_t was;

	storm_assert(!zipc_array_fetch_add(me->number, 0, &(uint64_t){ 1 },
					   &was), "add: %s", zipc_last_error());
	/* What the last one is made of has to be new before it is. */
	for (k = i == TOP ? 0 : i; k <= i; k++) {
		storm_assert(!zipc_lazy_reset(me->lazies[k]), "reset: %s",
			     zipc_last_error());
		raise_floor(&me->books->floors[k], was + 1);
	}
	storm_progress();
}

static void force(struct player *me, unsigned i)
{
	uint64_t floor = atomic_load(&me->books->floors[i]), got[4];
	unsigned k, count = i == TOP ? 4 : 1;
	int rc = roll_below(me->dice, 4)
			 ? zipc_lazy_force(me->lazies[i], got, SHORT)
			 : zipc_lazy_get(me->lazies[i], got, ZIPC_NOWAIT);

	storm_assert(!rc || rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EUSERS,
		     "force gives %d: %s", rc, zipc_last_error());
	if (rc)
		return;
	for (k = 0; k < count; k++)
		storm_assert(got[k] >= floor && got[k] <= number(me),
			     "%s is %llu behind a reset at %llu", names[i],
			     (unsigned long long)got[k],
			     (unsigned long long)floor);
	storm_assert(i != TOP || (got[0] == got[1] && got[2] == got[3]),
		     "it is torn");
	storm_progress();
}

static void serve(struct player *me)
{
	struct zipc_lazy *it = me->lazies[SERVED];
	uint64_t now;
	int rc = zipc_lazy_serve(it, ZIPC_NOWAIT);

	storm_assert(!rc || rc == -EAGAIN, "serve gives %d: %s", rc,
		     zipc_last_error());
	if (rc)
		return;
	now = number(me);
	rc = roll_below(me->dice, 8) ? zipc_lazy_set(it, &now)
				     : zipc_lazy_withdraw(it);
	storm_assert(!rc || rc == -EALREADY || rc == -EPERM || rc == -EUSERS,
		     "set gives %d: %s", rc, zipc_last_error());
	if (rc == -EUSERS)
		zipc_lazy_withdraw(it);
	storm_progress();
}

static void move(struct player *me)
{
	switch (roll_below(me->dice, 8)) {
	case 0:
		move_on(me);
		break;
	case 1:
	case 2:
		serve(me);
		break;
	default:
		force(me, roll_below(me->dice, LAZIES));
	}
}

static void open_all(struct player *me)
{
	unsigned i;

	storm_assert(!zipc_segment_open(&me->segment, me->books->segment, 0) &&
			     !zipc_array_open(&me->number, me->segment,
					      "number", NULL),
		     "open: %s", zipc_last_error());
	for (i = 0; i < LAZIES; i++)
		storm_assert(!zipc_lazy_open(&me->lazies[i], me->segment,
					     names[i], NULL),
			     "open: %s", zipc_last_error());
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct player me = { .books = context, .dice = dice };
	unsigned i;

	(void)seat;
	open_all(&me);
	while (!storm_is_over())
		move(&me);
	for (i = 0; i < LAZIES; i++)
		zipc_lazy_close(me.lazies[i]);
	zipc_array_close(me.number);
	zipc_segment_close(me.segment);
}

static struct zipc_segment *make_segment(struct books *books)
{
	static const char *const expressions[LAZIES] = {
		"number", NULL, "{a: base, b: base, c: served, d: served}"
	};
	const struct variant *variant = books->variant;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_participants = variant->seats + 1,
	};
	struct zipc_lazy_options soon = { .stall_ns = 5000000 };
	struct zipc_segment *segment;
	struct zipc_array *it;
	struct zipc_lazy *lazy;
	unsigned i;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_array_create(&it, segment, "number", "u64", 1), 0);
	zipc_array_close(it);
	for (i = 0; i < LAZIES; i++) {
		ck_rc(zipc_lazy_create_with(&lazy, segment, names[i],
					    i == TOP ? NULL : "u64",
					    expressions[i], &soon), 0);
		zipc_lazy_close(lazy);
	}
	return segment;
}

/* When all have ended, or are dead, each of them can be had. */
static void all_can_be_forced(struct zipc_segment *segment)
{
	struct zipc_lazy *top, *served;
	uint64_t got[4];
	int rc;

	ck_rc(zipc_lazy_open(&top, segment, names[TOP], NULL), 0);
	ck_rc(zipc_lazy_open(&served, segment, names[SERVED], NULL), 0);
	rc = zipc_lazy_force(top, got, SHORT);
	if (rc) {
		ck_rc(rc, -ETIMEDOUT);
		ck_rc(zipc_lazy_serve(served, ZIPC_FOREVER), 0);
		ck_rc(zipc_lazy_set(served, &(uint64_t){ 1 << 30 }), 0);
		ck_rc(zipc_lazy_force(top, got, ZIPC_FOREVER), 0);
	}
	ck_rc(zipc_lazy_reset(served), 0);
	ck_rc(zipc_lazy_reset(top), 0);
	zipc_lazy_close(served);
	zipc_lazy_close(top);
}

static void storms(const struct variant *variant, unsigned n, unsigned kills)
{
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = variant->seats, .least = 10,
			       .kills = kills / SCALE, .act = act,
			       .context = books };
	struct zipc_segment *segment;

	books->variant = variant;
	segment = make_segment(books);
	while (n--) {
		storm_run(&storm);
		all_can_be_forced(segment);
	}
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 4, 0 },
	{ 6, 0 },
	{ 4, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (int)(sizeof(variants) / sizeof(variants[0]))

START_TEST(lazies_survive_random_kills)
{
	storms(&variants[_i], 1, 60);
}
END_TEST

START_TEST(lazies_survive_thousands_of_kills)
{
	storms(&variants[_i], 20, 300);
}
END_TEST

static Suite *storm_lazy_suite(void)
{
	Suite *suite = suite_create("storm lazy");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, lazies_survive_random_kills, 0, VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, lazies_survive_thousands_of_kills, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_lazy_suite)
