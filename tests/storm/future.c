/* SPDX-License-Identifier: MIT */
/*
 * Futures in a storm: those who promise, settle and wait are killed and
 * stopped. Each future is settled with one value, wholly, that all see; who is
 * told that he has settled it has; and in the end each can be settled.
 *
 * A future that is settled is removed now and then, and created anew under its
 * name. The books have a place for each that there ever was: its entry of the
 * table, and which life of that. Who finds a value notes it there, or finds it
 * noted already.
 */
#include "storm.h"
#include "../harness.h"
#include "../../libzeroipc/future.h"

#include <sys/mman.h>

#define FUTURES 4u
#define LIVES 65536u
#define WORDS 12
#define TYPE "u64[12]"
#define SHORT INT64_C(2000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

struct variant {
	unsigned seats, flags;
};

struct books {
	const struct variant *variant;
	char segment[96];
	_Atomic uint64_t seen[FUTURES][LIVES]; /* values; 0: none yet */
};

struct player {
	struct books *books;
	struct dice *dice;
	struct zipc_segment *segment;
	struct zipc_future *futures[FUTURES];
};

static const char *name_of(unsigned i)
{
	static const char *const names[FUTURES] = { "a", "b", "c", "d" };

	return names[i];
}

/* Relaxed and without edges: the future orders what it must. */
static void note(struct books *books, const struct zipc_future *it,
		 uint64_t value)
{
	uint32_t entry = it->lock.use.entry;
	uint64_t lives = it->lock.use.lives, was = 0;

	if (entry >= FUTURES || lives >= LIVES)
		return;
	if (!atomic_compare_exchange_strong_explicit(
		    &books->seen[entry][lives], &was, value,
		    memory_order_relaxed, memory_order_relaxed))
		storm_assert(was == value, "one future has two values");
}

/* Its value, if it has one; a failure has the same in its message. */
static bool look(struct player *me, struct zipc_future *it, int64_t timeout_ns)
{
	char text[ZIPC_FUTURE_MESSAGE_MAX + 1];
	uint64_t words[WORDS];
	int i, code, rc = zipc_future_get(it, words, timeout_ns);

	if (rc == -ECANCELED) {
		storm_assert(!zipc_future_error(it, &code, text, sizeof(text)),
			     "error: %s", zipc_last_error());
		words[0] = strtoull(text, NULL, 10);
		storm_assert(code == (int)(words[0] & 0xFF), "a failure's "
			     "code is not its message's");
	} else if (!rc) {
		for (i = 1; i < WORDS; i++)
			storm_assert(words[i] == words[0], "it is torn");
	} else {
		storm_assert(rc == -EAGAIN || rc == -ETIMEDOUT ||
				     rc == -EOWNERDEAD || rc == -EDEADLK,
			     "get gives %d: %s", rc, zipc_last_error());
		return false;
	}
	note(me->books, it, words[0]);
	return true;
}

static void settle(struct player *me, struct zipc_future *it, bool promised)
{
	uint64_t value = roll(me->dice) | 1, words[WORDS];
	char text[32];
	int i, rc;

	for (i = 0; i < WORDS; i++)
		words[i] = value;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	rc = roll_below(me->dice, 4)
		     ? zipc_future_set(it, words)
		     : zipc_future_fail(it, (int)(value & 0xFF), text);
	if (!rc)
		note(me->books, it, value);
	storm_assert(!rc || (!promised && (rc == -EALREADY || rc == -EPERM ||
					   rc == -EUSERS)),
		     "set gives %d: %s", rc, zipc_last_error());
	if (rc == -EALREADY)
		storm_assert(look(me, it, ZIPC_NOWAIT),
			     "it is settled, and has no value");
	storm_progress();
}

static void promise(struct player *me, struct zipc_future *it)
{
	int rc = zipc_future_promise(it);

	storm_assert(!rc || rc == -EALREADY || rc == -EBUSY,
		     "promise gives %d: %s", rc, zipc_last_error());
	if (rc)
		return;
	if (roll_below(me->dice, 3))
		settle(me, it, true);
	else
		storm_assert(!zipc_future_withdraw(it), "withdraw: %s",
			     zipc_last_error());
}

/* A stopped process may be inside of creating or removing: that is told. */
static bool reopen(struct player *me, unsigned i)
{
	int rc = zipc_future_open_or_create(&me->futures[i], me->segment,
					    name_of(i), TYPE);

	storm_assert(!rc || rc == -EBUSY || rc == -ENOSPC, "open gives %d: %s",
		     rc, zipc_last_error());
	if (rc)
		me->futures[i] = NULL;
	return !rc;
}

/* Others may have removed it, and go on with another one. */
static void renew(struct player *me, unsigned i)
{
	int rc;

	zipc_future_close(me->futures[i]);
	me->futures[i] = NULL;
	if (roll_below(me->dice, 2)) {
		rc = zipc_segment_remove(me->segment, name_of(i));
		storm_assert(!rc || rc == -ENOENT || rc == -EBUSY,
			     "remove gives %d: %s", rc, zipc_last_error());
	}
	reopen(me, i);
}

static void move(struct player *me)
{
	unsigned i = roll_below(me->dice, FUTURES), k;
	struct zipc_future *it = me->futures[i];
	int rc;

	if (!it && !reopen(me, i))
		return;
	it = me->futures[i];
	switch (roll_below(me->dice, 6)) {
	case 0:
		settle(me, it, false);
		break;
	case 1:
		promise(me, it);
		break;
	case 2:
		for (k = 0; k < FUTURES; k++)
			if (!me->futures[k] && !reopen(me, k))
				return;
		rc = zipc_future_any(me->futures, FUTURES, SHORT);
		storm_assert(rc >= 0 || rc == -ETIMEDOUT, "any gives %d: %s",
			     rc, zipc_last_error());
		break;
	default:
		if (!look(me, it, roll_below(me->dice, 2) ? ZIPC_NOWAIT
							  : SHORT))
			break;
		storm_progress();
		if (!roll_below(me->dice, 4))
			renew(me, i);
	}
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct player me = { .books = context, .dice = dice };
	unsigned i;

	(void)seat;
	storm_assert(!zipc_segment_open(&me.segment, me.books->segment, 0),
		     "open: %s", zipc_last_error());
	while (!storm_is_over())
		move(&me);
	for (i = 0; i < FUTURES; i++)
		zipc_future_close(me.futures[i]);
	zipc_segment_close(me.segment);
}

static struct zipc_segment *make_segment(struct books *books)
{
	const struct variant *variant = books->variant;
	const struct zipc_segment_options options = {
		.flags = variant->flags,
		.max_entries = FUTURES,
		.max_participants = variant->seats + 1,
	};
	struct zipc_segment *segment;

	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	return segment;
}

static void all_can_be_settled(struct zipc_segment *segment)
{
	uint64_t words[WORDS] = { 0 };
	struct zipc_future *it;
	unsigned i;
	int rc;

	for (i = 0; i < FUTURES; i++) {
		ck_rc(zipc_future_open_or_create(&it, segment, name_of(i),
						 TYPE), 0);
		rc = zipc_future_set(it, words);
		if (rc != -EALREADY)
			ck_rc(rc, 0);
		rc = zipc_future_get(it, words, ZIPC_NOWAIT);
		if (rc != -ECANCELED)
			ck_rc(rc, 0);
		zipc_future_close(it);
		ck_rc(zipc_segment_remove(segment, name_of(i)), 0);
	}
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
		all_can_be_settled(segment);
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

START_TEST(futures_survive_random_kills)
{
	storms(&variants[_i], 1, 60);
}
END_TEST

START_TEST(futures_survive_thousands_of_kills)
{
	storms(&variants[_i], 20, 300);
}
END_TEST

static Suite *storm_future_suite(void)
{
	Suite *suite = suite_create("storm future");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, futures_survive_random_kills, 0, VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, futures_survive_thousands_of_kills, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_future_suite)
