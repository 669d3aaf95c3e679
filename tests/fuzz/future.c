/* SPDX-License-Identifier: MIT */
/*
 * Damaged futures give errors, never a crash or an endless loop, and nothing
 * outside the block of the one in use changes. The input is a list of damages
 * (world.h); the rest is a tour through all that is done with a future: looked
 * at, also for who waits, and used by two handles each, with and without
 * waiting. At first one is promised by somebody dead, one is set, one failed.
 */
#include "world.h"

#include "../../libzeroipc/future.h"
#include "../../libzeroipc/participant.h"

#include <errno.h>
#include <zeroipc.h>

#define TIMEOUT_NS INT64_C(20000000)
#define FUTURES 3u
#define WORDS 4

static const char *const names[FUTURES] = { "p", "s", "x" };

static struct {
	struct zipc_segment *segment;
	struct zipc_future *futures[FUTURES], *others[FUTURES];
	const char *name;
	unsigned char before[IMAGE_BYTES];
	uint64_t block, block_end;
} tour;

/* Of the sound segment. */
static struct {
	uint64_t begin, end;
} blocks[FUTURES];

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EPERM ||
	       rc == -EINVAL || rc == -EDEADLK || rc == -EOWNERDEAD ||
	       rc == -EALREADY || rc == -ECANCELED || rc == -EBUSY;
}

#define may(call, ...)                                                       \
	world_check(#call, tour.name, (call),                                \
		    (const int[]){ __VA_ARGS__, ENOENT, 0 })

#define OPEN_ERRORS EBADMSG, ENOENT, EPROTOTYPE, EUSERS
#define GET_ERRORS EAGAIN, ETIMEDOUT, EDEADLK, EOWNERDEAD, ECANCELED, EBADMSG, \
		   EUSERS
#define SET_ERRORS EALREADY, EPERM, EBUSY, EBADMSG, EUSERS

static void use(unsigned i)
{
	tour.name = names[i];
	world_copy(tour.before);
	tour.block = blocks[i].begin;
	tour.block_end = blocks[i].end;
}

/* Only the future's own block differs from what was before. */
static void check_others(void)
{
	unsigned char after[IMAGE_BYTES];

	if (world_damaged())
		return;
	world_copy(after);
	require(!memcmp(after, tour.before, tour.block) &&
			!memcmp(after + tour.block_end,
				tour.before + tour.block_end,
				IMAGE_BYTES - tour.block_end),
		"using `%s` changed what is outside its block", tour.name);
}

/* looking */

static void look_at(struct zipc_view *view, const char *name)
{
	struct zipc_view_entry entry;
	struct zipc_view_future it;
	uint64_t words[WORDS];

	tour.name = name;
	if (may(zipc_view_find(view, name, &entry), EBADMSG, ENOENT))
		return;
	if (!may(zipc_view_future(view, &entry, &it), EBADMSG, ENOENT,
		 EPROTOTYPE, EOPNOTSUPP))
		require(memchr(it.message, '\0', sizeof(it.message)),
			"a message without an end");
	if (entry.elem_size == sizeof(words))
		require(may(zipc_view_elements(view, &entry, 0, 1, words, NULL),
			    EBADMSG, ENOENT, EOPNOTSUPP) <= 1, "too many");
}

static void look(void)
{
	struct zipc_view *view;
	unsigned i;

	tour.name = "the segment";
	if (may(zipc_view_open(&view, fuzz_segment_name()), EBADMSG,
		EPROTONOSUPPORT))
		return;
	for (i = 0; i < FUTURES; i++)
		look_at(view, names[i]);
	tour.name = "who waits";
	world_look_at_waits(view);
	zipc_view_close(view);
}

/* opening */

static void open_all(void)
{
	unsigned i;

	tour.name = "the segment";
	if (may(zipc_segment_open(&tour.segment, fuzz_segment_name(), 0),
		EBADMSG, EPROTONOSUPPORT, EUSERS, EOPNOTSUPP)) {
		tour.segment = NULL;
		return;
	}
	for (i = 0; i < FUTURES; i++) {
		tour.name = names[i];
		if (may(zipc_future_open(&tour.futures[i], tour.segment,
					 names[i], "u64[4]"), OPEN_ERRORS))
			tour.futures[i] = NULL;
		if (may(zipc_future_open(&tour.others[i], tour.segment,
					 names[i], "u64[4]"), OPEN_ERRORS))
			tour.others[i] = NULL;
	}
}

static void close_all(void)
{
	unsigned i;

	for (i = 0; i < FUTURES; i++) {
		zipc_future_close(tour.futures[i]);
		zipc_future_close(tour.others[i]);
		tour.futures[i] = tour.others[i] = NULL;
	}
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

/* using */

static void get_all(void)
{
	uint64_t words[WORDS];
	char text[200];
	unsigned i;
	int code;

	for (i = 0; i < FUTURES; i++) {
		if (!tour.futures[i])
			continue;
		use(i);
		may(zipc_future_get(tour.futures[i], words, ZIPC_NOWAIT),
		    GET_ERRORS);
		may(zipc_future_get(tour.futures[i], words, TIMEOUT_NS),
		    GET_ERRORS);
		may(zipc_future_state(tour.futures[i]), EBADMSG);
		may(zipc_future_error(tour.futures[i], &code, text,
				      sizeof(text)), EINVAL, EBADMSG);
		may(zipc_future_all(&tour.futures[i], 1, TIMEOUT_NS),
		    GET_ERRORS);
		may(zipc_future_any(&tour.futures[i], 1, TIMEOUT_NS),
		    GET_ERRORS);
		check_others();
	}
}

static void promise_all(void)
{
	unsigned i;

	for (i = 0; i < FUTURES; i++) {
		if (!tour.futures[i] || !tour.others[i])
			continue;
		use(i);
		may(zipc_future_promise(tour.futures[i]), SET_ERRORS);
		may(zipc_future_promise(tour.others[i]), SET_ERRORS);
		may(zipc_future_withdraw(tour.others[i]), EPERM);
		check_others();
	}
}

static void settle_all(void)
{
	const uint64_t words[WORDS] = { 1, 2, 3, 4 };
	unsigned i;

	for (i = 0; i < FUTURES; i++) {
		if (!tour.futures[i] || !tour.others[i])
			continue;
		use(i);
		may(zipc_future_set(tour.others[i], words), SET_ERRORS);
		may(zipc_future_fail(tour.futures[i], 5, "five"), SET_ERRORS);
		may(zipc_future_set(tour.futures[i], words), SET_ERRORS);
		check_others();
	}
}

static const struct stage stages[] = {
	{ "look", look },
	{ "open", open_all },
	{ "get", get_all },
	{ "promise", promise_all },
	{ "look while it may be promised", look },
	{ "close", close_all },
	{ "open again", open_all },
	{ "settle", settle_all },
	{ "get again", get_all },
	{ "look again", look },
	{ "close at the end", close_all },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* the sound segment */

static void must(int64_t rc)
{
	require(rc >= 0, "the sound segment: %s", zipc_last_error());
}

/* Promised by somebody dead, for whom somebody dead has waited. */
static void leave(struct zipc_future *future)
{
	const uint64_t word = UINT64_C(7) << 32 | 3 << 19 | 1 << 3;
	struct zipc_waiter *waiter = future->lock.waiters;

	atomic_store(&future->lock.at->owner, word);
	atomic_store(&waiter->holder, zipc_owner_holder(word));
	atomic_store(&waiter->wanted, word | ZIPC_TO_HOLD);
}

static void make(struct zipc_segment *segment, unsigned i)
{
	const uint64_t words[WORDS] = { 5, 6, 7, 8 };
	struct zipc_future *future;
	struct zipc_found found;

	must(zipc_future_create(&future, segment, names[i], "u64[4]"));
	if (i == 0)
		leave(future);
	else
		must(i == 1 ? zipc_future_set(future, words)
			    : zipc_future_fail(future, 3, "three"));
	must(zipc_table_find(&found, segment, names[i], ZIPC_FUTURE, NULL));
	blocks[i].begin = (uint64_t)((unsigned char *)found.block -
				     segment->base);
	blocks[i].end = (uint64_t)(found.body - segment->base) +
			found.body_bytes;
	zipc_table_release(&found);
	zipc_future_close(future);
}

void fuzz_prepare(void)
{
	struct zipc_segment_options options = { .max_entries = 4,
						.max_participants = 4 };
	struct zipc_segment *segment;
	unsigned i;

	must(zipc_segment_create(&segment, fuzz_segment_name(), IMAGE_BYTES,
				 &options));
	for (i = 0; i < FUTURES; i++)
		make(segment, i);
	zipc_segment_close(segment);
	world_keep();
}

const struct target world_target = {
	stages, STAGES, .mixed = 3000u, .is_sound = is_of_a_sound_one
};
