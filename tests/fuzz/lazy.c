/* SPDX-License-Identifier: MIT */
/*
 * Damaged lazies give errors, never a crash or an endless loop, and nothing
 * outside the blocks of lazies changes. The input is a list of damages
 * (world.h): of a word, a definition or its program, of a value, of who settled
 * it, and of the inputs. The rest is a tour through all that is done with a
 * lazy: looked at, also for who waits, asked for, forced, with and without an
 * end of the time, resolved as a daemon does, served, settled and reset.
 *
 * One is an expression of an array, of a map and of another, which is external,
 * and which somebody dead has. That is set later, and then it fails.
 */
#include "world.h"

#include "../../libzeroipc/lazy.h"
#include "../../libzeroipc/participant.h"

#include <errno.h>
#include <zeroipc.h>

#define TIMEOUT_NS INT64_C(20000000)
#define LAZIES 2u

static const char *const names[LAZIES] = { "e", "sum" };
static const char *const types[LAZIES] = { "i64", "f64" };
static const char *const expressions[LAZIES] = {
	NULL, "sum(a) + a[1] * m[3] + e"
};

static struct {
	struct zipc_segment *segment;
	struct zipc_lazy *lazies[LAZIES], *others[LAZIES];
	const char *name;
	unsigned char before[IMAGE_BYTES];
} tour;

/* All lazies, which stand behind all else, in the sound segment. */
static uint64_t lazies_begin, lazies_end;

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EPERM ||
	       rc == -EINVAL || rc == -ECANCELED || rc == -EBUSY ||
	       rc == -EALREADY || rc == -EDEADLK;
}

#define may(call, ...)                                                       \
	world_check(#call, tour.name, (call),                                \
		    (const int[]){ __VA_ARGS__, ENOENT, 0 })

#define OPEN_ERRORS EBADMSG, ENOENT, EPROTOTYPE, EPROTONOSUPPORT, EUSERS
/* Of inputs, too. */
#define GET_ERRORS EAGAIN, ETIMEDOUT, ECANCELED, EBADMSG, ELOOP, EPROTOTYPE, \
		   EPROTONOSUPPORT, EOWNERDEAD, EDEADLK, EUSERS
#define SET_ERRORS EALREADY, EPERM, EBUSY, EBADMSG, EUSERS, EINVAL

/* Only lazies differ from what was before, and who waits for inputs. */
static void check_others(void)
{
	unsigned char after[IMAGE_BYTES];

	if (world_damaged())
		return;
	world_copy(after);
	require(!memcmp(after + lazies_end, tour.before + lazies_end,
			IMAGE_BYTES - lazies_end),
		"using `%s` changed what is behind all blocks", tour.name);
}

/* looking */

static void look_at(struct zipc_view *view, const char *name)
{
	static struct zipc_view_lazy it;
	struct zipc_view_entry entry;
	uint64_t value;

	tour.name = name;
	if (may(zipc_view_find(view, name, &entry), EBADMSG, ENOENT, EAGAIN))
		return;
	if (!may(zipc_view_lazy(view, &entry, &it), EBADMSG, ENOENT, EAGAIN,
		 EPROTOTYPE, EOPNOTSUPP)) {
		require(memchr(it.message, '\0', sizeof(it.message)),
			"a message without an end");
		require(memchr(it.expression, '\0', sizeof(it.expression)),
			"an expression without an end");
	}
	if (entry.elem_size == sizeof(value))
		require(may(zipc_view_elements(view, &entry, 0, 1, &value,
					       NULL), EBADMSG, ENOENT, EAGAIN,
			    EOPNOTSUPP) <= 1, "too many");
}

static void look(void)
{
	struct zipc_view *view;
	unsigned i;

	tour.name = "the segment";
	if (may(zipc_view_open(&view, fuzz_segment_name()), EBADMSG,
		EPROTONOSUPPORT))
		return;
	for (i = 0; i < LAZIES; i++)
		look_at(view, names[i]);
	tour.name = "who waits";
	world_look_at_waits(view);
	zipc_view_close(view);
}

/* opening */

static void open_segment(unsigned flags)
{
	tour.name = "the segment";
	if (may(zipc_segment_open(&tour.segment, fuzz_segment_name(), flags),
		EBADMSG, EPROTONOSUPPORT, EUSERS, EOPNOTSUPP))
		tour.segment = NULL;
}

static struct zipc_lazy *open_one(unsigned i)
{
	struct zipc_lazy *it;
	const char *text;

	tour.name = names[i];
	if (!tour.segment || may(zipc_lazy_open(&it, tour.segment, names[i],
						types[i]), OPEN_ERRORS))
		return NULL;
	require(world_holds(it->body, sizeof(*it->body)), "the body");
	require(world_holds(it->setters, it->setter_count *
						 sizeof(*it->setters)),
		"the setters");
	require(world_holds(it->contents, (uint64_t)it->setter_count *
						  it->content_bytes),
		"the contents");
	text = zipc_lazy_expression(it);
	require(!text || strlen(text) <= ZIPC_LAZY_TEXT_MAX, "the text");
	return it;
}

static void open_all(void)
{
	unsigned i;

	open_segment(0);
	for (i = 0; i < LAZIES; i++) {
		tour.lazies[i] = open_one(i);
		tour.others[i] = open_one(i);
	}
}

static void close_all(void)
{
	unsigned i;

	for (i = 0; i < LAZIES; i++) {
		zipc_lazy_close(tour.lazies[i]);
		zipc_lazy_close(tour.others[i]);
		tour.lazies[i] = tour.others[i] = NULL;
	}
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

/* using */

static void each(void (*use)(struct zipc_lazy *it, struct zipc_lazy *other))
{
	unsigned i;

	world_copy(tour.before);
	for (i = 0; i < LAZIES; i++) {
		tour.name = names[i];
		if (tour.lazies[i] && tour.others[i])
			use(tour.lazies[i], tour.others[i]);
		check_others();
	}
}

static void ask_one(struct zipc_lazy *it, struct zipc_lazy *other)
{
	uint64_t value;

	may(zipc_lazy_state(it), EBADMSG);
	may(zipc_lazy_request(it), EBADMSG);
	may(zipc_lazy_get(other, &value, ZIPC_NOWAIT), GET_ERRORS);
	may(zipc_lazy_get(other, &value, TIMEOUT_NS), GET_ERRORS);
	may(zipc_lazy_state(it), EBADMSG);
}

static void ask(void)
{
	each(ask_one);
}

static void force_one(struct zipc_lazy *it, struct zipc_lazy *other)
{
	char text[ZIPC_LAZY_MESSAGE_MAX + 1];
	uint64_t value;
	int code;

	may(zipc_lazy_force(it, &value, ZIPC_NOWAIT), GET_ERRORS);
	may(zipc_lazy_force(other, &value, TIMEOUT_NS), GET_ERRORS);
	if (!may(zipc_lazy_error(it, &code, text, sizeof(text)), EINVAL,
		 EBADMSG))
		require(memchr(text, '\0', sizeof(text)), "no end");
	may(zipc_lazy_state(other), EBADMSG);
}

static void force(void)
{
	each(force_one);
}

static void reset_one(struct zipc_lazy *it, struct zipc_lazy *other)
{
	(void)other;
	may(zipc_lazy_reset(it), EBADMSG);
}

static void reset(void)
{
	each(reset_one);
}

static void resolve(void)
{
	int i;

	tour.name = "the segment";
	world_copy(tour.before);
	for (i = 0; i < 4 && tour.segment; i++)
		may(zipc_lazy_resolve(tour.segment, TIMEOUT_NS), GET_ERRORS,
		    ENOENT, EINVAL);
	check_others();
}

static void serve_one(struct zipc_lazy *it, struct zipc_lazy *other)
{
	const int64_t value = 9;

	may(zipc_lazy_request(it), EBADMSG);
	may(zipc_lazy_serve(it, TIMEOUT_NS), EAGAIN, ETIMEDOUT, SET_ERRORS);
	may(zipc_lazy_serve(other, ZIPC_NOWAIT), EAGAIN, SET_ERRORS);
	may(zipc_lazy_withdraw(it), EPERM);
	may(zipc_lazy_serve(other, TIMEOUT_NS), EAGAIN, ETIMEDOUT, SET_ERRORS);
	may(zipc_lazy_set(it, &value), SET_ERRORS);
	may(zipc_lazy_set(other, &value), SET_ERRORS);
}

static void serve(void)
{
	each(serve_one);
}

static void fail_one(struct zipc_lazy *it, struct zipc_lazy *other)
{
	may(zipc_lazy_reset(other), EBADMSG);
	may(zipc_lazy_request(it), EBADMSG);
	may(zipc_lazy_serve(it, TIMEOUT_NS), EAGAIN, ETIMEDOUT, SET_ERRORS);
	may(zipc_lazy_fail(other, 5, "five"), SET_ERRORS);
	may(zipc_lazy_fail(it, 5, "five"), SET_ERRORS);
}

static void fail(void)
{
	each(fail_one);
}

static void read_only(void)
{
	struct zipc_lazy *it;
	uint64_t value;
	unsigned i;

	open_segment(ZIPC_READ_ONLY);
	for (i = 0; i < LAZIES && tour.segment; i++) {
		it = open_one(i);
		if (it && zipc_lazy_get(it, &value, ZIPC_NOWAIT) != -EROFS)
			may(zipc_lazy_get(it, &value, ZIPC_NOWAIT), EROFS,
			    GET_ERRORS);
		zipc_lazy_close(it);
	}
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

static const struct stage stages[] = {
	{ "look", look },
	{ "open", open_all },
	{ "ask", ask },
	{ "force", force },
	{ "look while they are open", look },
	{ "reset", reset },
	{ "resolve", resolve },
	{ "close", close_all },
	{ "open again", open_all },
	{ "serve", serve },
	{ "force again", force },
	{ "fail", fail },
	{ "ask again", ask },
	{ "force what has failed", force },
	{ "close at the end", close_all },
	{ "read only", read_only },
	{ "look again", look },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* the sound segment */

static void must(int64_t rc)
{
	require(rc >= 0, "the sound segment: %s", zipc_last_error());
}

static void make_inputs(struct zipc_segment *segment)
{
	const double numbers[] = { 1, 2.5 };
	const struct zipc_map_options few = { .max_writers = 1 };
	const int64_t key = 3;
	struct zipc_array *array;
	struct zipc_map *map;
	uint64_t i;

	must(zipc_array_create(&array, segment, "a", "f64", 2));
	for (i = 0; i < 2; i++)
		must(zipc_array_set(array, i, &numbers[i]));
	must(zipc_map_create_with(&map, segment, "m", "i64", "f64", 1, &few));
	must(zipc_map_put(map, &key, &numbers[1]));
	zipc_map_close(map);
	zipc_array_close(array);
}

/* Somebody dead has it, for whom somebody dead has waited. */
static void leave(struct zipc_lazy *it)
{
	const uint64_t word = UINT64_C(7) << 32 | 3 << 19 | 1 << 3;
	struct zipc_waiter *waiter = it->lock.waiters;

	atomic_store(&it->lock.at->owner, word);
	atomic_store(&waiter->holder, zipc_owner_holder(word));
	atomic_store(&waiter->wanted, word | ZIPC_TO_HOLD);
}

static void make(struct zipc_segment *segment, unsigned i)
{
	struct zipc_lazy *it;
	struct zipc_found found;

	must(zipc_lazy_create_with(&it, segment, names[i], types[i],
				   expressions[i], NULL));
	if (!expressions[i])
		leave(it);
	must(zipc_table_find(&found, segment, names[i], ZIPC_LAZY, NULL));
	if (!lazies_begin)
		lazies_begin = (uint64_t)((unsigned char *)found.block -
					  segment->base);
	lazies_end = (uint64_t)(found.body - segment->base) +
		     found.body_bytes;
	zipc_table_release(&found);
	zipc_lazy_close(it);
}

void fuzz_prepare(void)
{
	struct zipc_segment_options options = { .max_entries = 4,
						.max_participants = 4 };
	struct zipc_segment *segment;
	unsigned i;

	must(zipc_segment_create(&segment, fuzz_segment_name(), IMAGE_BYTES,
				 &options));
	make_inputs(segment);
	for (i = 0; i < LAZIES; i++)
		make(segment, i);
	zipc_segment_close(segment);
	world_keep();
}

const struct target world_target = {
	stages, STAGES, .mixed = 3000u, .is_sound = is_of_a_sound_one
};
