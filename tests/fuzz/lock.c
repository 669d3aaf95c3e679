/* SPDX-License-Identifier: MIT */
/*
 * Damaged locks give errors, never a crash or an endless loop, and nothing
 * outside the block of the one in use changes. The input is a list of damages
 * (world.h); the rest is a tour through all that is done with a mutex, a rwlock
 * and a once: looked at, also for who waits, and used by two handles each, with
 * and without waiting. At first the dead hold each of them.
 */
#include "world.h"

#include "../../libzeroipc/lock.h"
#include "../../libzeroipc/participant.h"

#include <errno.h>
#include <zeroipc.h>

#define TIMEOUT_NS INT64_C(20000000)

static struct {
	struct zipc_segment *segment;
	struct zipc_mutex *mutex, *other_mutex;
	struct zipc_rwlock *rwlock, *other_rwlock;
	struct zipc_once *once;
	const char *name;
	unsigned char before[IMAGE_BYTES];
	uint64_t block, block_end; /* of each by name; equal: not known */
} tour;

/* Of the sound segment. */
static struct {
	const char *name;
	uint64_t begin, end;
} blocks[3];

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EROFS ||
	       rc == -EPERM || rc == -EINVAL || rc == -EDEADLK ||
	       rc == -EOWNERDEAD || rc == -ENOTRECOVERABLE;
}

#define may(call, ...)                                                       \
	world_check(#call, tour.name, (call),                                \
		    (const int[]){ __VA_ARGS__, ENOENT, 0 })

#define LOCK_ERRORS EAGAIN, ETIMEDOUT, EDEADLK, EOWNERDEAD, ENOTRECOVERABLE, \
		    EBADMSG, EUSERS
#define OPEN_ERRORS EBADMSG, ENOENT, EPROTOTYPE, EUSERS

static void use(const char *name)
{
	unsigned i;

	tour.name = name;
	world_copy(tour.before);
	for (i = 0; i < 3; i++)
		if (!strcmp(blocks[i].name, name)) {
			tour.block = blocks[i].begin;
			tour.block_end = blocks[i].end;
		}
}

/* Only the lock's own block differs from what was before. */
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
	struct zipc_view_lock lock;
	uint64_t pids[8], ids[8];

	tour.name = name;
	if (may(zipc_view_find(view, name, &entry), EBADMSG, ENOENT))
		return;
	may(zipc_view_lock(view, &entry, &lock), EBADMSG, ENOENT, EPROTOTYPE,
	    EOPNOTSUPP);
	if (entry.elem_size == sizeof(*pids))
		require(may(zipc_view_elements(view, &entry, 0, 8, pids, ids),
			    EBADMSG, ENOENT, EOPNOTSUPP) <= 8, "too many");
}

static void look(void)
{
	struct zipc_view *view;

	tour.name = "the segment";
	if (may(zipc_view_open(&view, fuzz_segment_name()), EBADMSG,
		EPROTONOSUPPORT))
		return;
	look_at(view, "m");
	look_at(view, "r");
	look_at(view, "o");
	tour.name = "who waits";
	world_look_at_waits(view);
	zipc_view_close(view);
}

/* opening */

static void open_all(void)
{
	tour.name = "the segment";
	if (may(zipc_segment_open(&tour.segment, fuzz_segment_name(), 0),
		EBADMSG, EPROTONOSUPPORT, EUSERS, EOPNOTSUPP)) {
		tour.segment = NULL;
		return;
	}
	tour.name = "m";
	if (may(zipc_mutex_open(&tour.mutex, tour.segment, "m"), OPEN_ERRORS))
		tour.mutex = NULL;
	if (may(zipc_mutex_open(&tour.other_mutex, tour.segment, "m"),
		OPEN_ERRORS))
		tour.other_mutex = NULL;
	tour.name = "r";
	if (may(zipc_rwlock_open(&tour.rwlock, tour.segment, "r"),
		OPEN_ERRORS))
		tour.rwlock = NULL;
	if (may(zipc_rwlock_open(&tour.other_rwlock, tour.segment, "r"),
		OPEN_ERRORS))
		tour.other_rwlock = NULL;
	tour.name = "o";
	if (may(zipc_once_open(&tour.once, tour.segment, "o"), OPEN_ERRORS))
		tour.once = NULL;
}

static void close_all(void)
{
	zipc_mutex_close(tour.mutex);
	zipc_mutex_close(tour.other_mutex);
	zipc_rwlock_close(tour.rwlock);
	zipc_rwlock_close(tour.other_rwlock);
	zipc_once_close(tour.once);
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
	tour.mutex = tour.other_mutex = NULL;
	tour.rwlock = tour.other_rwlock = NULL;
	tour.once = NULL;
}

/* using */

static bool has(int64_t rc)
{
	return !rc || rc == -EOWNERDEAD;
}

static void mutex_section(void)
{
	if (!tour.mutex)
		return;
	use("m");
	if (has(may(zipc_mutex_lock(tour.mutex, TIMEOUT_NS), LOCK_ERRORS)))
		may(zipc_mutex_consistent(tour.mutex), EPERM, EINVAL);
	may(zipc_mutex_lock(tour.mutex, ZIPC_NOWAIT), LOCK_ERRORS);
	if (tour.other_mutex)
		may(zipc_mutex_lock(tour.other_mutex, TIMEOUT_NS),
		    LOCK_ERRORS);
	may(zipc_mutex_unlock(tour.mutex), EPERM);
	may(zipc_mutex_reset(tour.mutex), EINVAL, EBADMSG);
	check_others();
}

static void other_mutex_section(void)
{
	if (!tour.other_mutex)
		return;
	use("m");
	may(zipc_mutex_lock(tour.other_mutex, ZIPC_NOWAIT), LOCK_ERRORS);
	may(zipc_mutex_unlock(tour.other_mutex), EPERM);
	check_others();
}

static void read_section(void)
{
	if (!tour.rwlock)
		return;
	use("r");
	may(zipc_rwlock_read_lock(tour.rwlock, TIMEOUT_NS), LOCK_ERRORS);
	may(zipc_rwlock_consistent(tour.rwlock), EPERM, EINVAL);
	if (tour.other_rwlock) {
		may(zipc_rwlock_write_lock(tour.other_rwlock, TIMEOUT_NS),
		    LOCK_ERRORS);
		may(zipc_rwlock_read_lock(tour.other_rwlock, ZIPC_NOWAIT),
		    LOCK_ERRORS);
		may(zipc_rwlock_unlock(tour.other_rwlock), EPERM);
	}
	may(zipc_rwlock_unlock(tour.rwlock), EPERM);
	may(zipc_rwlock_reset(tour.rwlock), EINVAL, EBADMSG);
	check_others();
}

static void write_section(void)
{
	if (!tour.rwlock)
		return;
	use("r");
	if (has(may(zipc_rwlock_write_lock(tour.rwlock, ZIPC_NOWAIT),
		    LOCK_ERRORS)) && tour.other_rwlock)
		may(zipc_rwlock_read_lock(tour.other_rwlock, TIMEOUT_NS),
		    LOCK_ERRORS);
	may(zipc_rwlock_unlock(tour.rwlock), EPERM);
	check_others();
}

static int run_it(void *unused)
{
	(void)unused;
	return 0;
}

static void call_once(void)
{
	if (!tour.once)
		return;
	use("o");
	zipc_once_done(tour.once);
	may(zipc_once_call(tour.once, run_it, NULL, TIMEOUT_NS), LOCK_ERRORS);
	may(zipc_once_call(tour.once, run_it, NULL, ZIPC_NOWAIT), LOCK_ERRORS);
	check_others();
}

static const struct stage stages[] = {
	{ "look", look },
	{ "open", open_all },
	{ "lock a mutex", mutex_section },
	{ "lock it by another", other_mutex_section },
	{ "look while it may be held", look },
	{ "read", read_section },
	{ "write", write_section },
	{ "read again", read_section },
	{ "once", call_once },
	{ "lock the mutex again", mutex_section },
	{ "look again", look },
	{ "close", close_all },
	{ "open again", open_all },
	{ "write again", write_section },
	{ "close at the end", close_all },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* the sound segment */

static void must(int64_t rc)
{
	require(rc >= 0, "the sound segment: %s", zipc_last_error());
}

/* The word of somebody dead, who waited in its last moment. */
static void leave(struct zipc_segment *segment, unsigned i, const char *name,
		  unsigned kind)
{
	const uint64_t word = UINT64_C(7) << 32 | 3 << 19 | 1 << 3;
	struct zipc_waiter *waiter;
	struct zipc_lock_reader *reader;
	struct zipc_owner *owner;
	struct zipc_found found;

	must(zipc_table_find(&found, segment, name, kind, NULL));
	owner = (void *)found.body;
	waiter = (void *)(found.body + owner->waiters_offset);
	atomic_store(&owner->owner, word);
	atomic_store(&waiter->holder, zipc_owner_holder(word));
	atomic_store(&waiter->wanted, word | ZIPC_TO_READ);
	if (kind == ZIPC_RWLOCK) {
		reader = (void *)(found.body +
				  sizeof(struct zipc_rwlock_body));
		atomic_store(&reader->holder, zipc_owner_holder(word));
		atomic_store(&reader->reading, word);
	}
	blocks[i].name = name;
	blocks[i].begin = (uint64_t)((unsigned char *)found.block -
				     segment->base);
	blocks[i].end = (uint64_t)(found.body - segment->base) +
			found.body_bytes;
	zipc_table_release(&found);
}

void fuzz_prepare(void)
{
	struct zipc_segment_options options = { .max_entries = 4,
						.max_participants = 4 };
	struct zipc_segment *segment;
	struct zipc_rwlock *rwlock;
	struct zipc_mutex *mutex;
	struct zipc_once *once;

	must(zipc_segment_create(&segment, fuzz_segment_name(), IMAGE_BYTES,
				 &options));
	must(zipc_mutex_create(&mutex, segment, "m"));
	must(zipc_rwlock_create(&rwlock, segment, "r", 3));
	must(zipc_once_create(&once, segment, "o"));
	zipc_mutex_close(mutex);
	zipc_rwlock_close(rwlock);
	zipc_once_close(once);
	leave(segment, 0, "m", ZIPC_MUTEX);
	leave(segment, 1, "r", ZIPC_RWLOCK);
	leave(segment, 2, "o", ZIPC_ONCE);
	zipc_segment_close(segment);
	world_keep();
}

const struct target world_target = {
	stages, STAGES, .mixed = 4000u, .is_sound = is_of_a_sound_one
};
