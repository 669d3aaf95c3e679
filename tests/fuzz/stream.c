/* SPDX-License-Identifier: MIT */
/*
 * Damaged streams give errors, never a crash or an endless loop, and nothing
 * outside the block of the one in use changes. The input is a list of damages
 * (world.h); the rest is a tour through all that is done with a stream: looked
 * at, subscribed to, read and emitted into by two handles each, also over a
 * read-only mapping and for who waits; and ended. One blocks producers, the
 * other drops what is old, and has times; in each, somebody who died has left
 * a position that is not decided, and one who reads by a name.
 */
#include "world.h"

#include "../../libzeroipc/participant.h"
#include "../../libzeroipc/stream.h"

#include <errno.h>
#include <zeroipc.h>

#define TIMEOUT_NS INT64_C(20000000)
#define STREAMS 2u
#define SUBSCRIPTIONS 2u
#define CAPACITY 4u
#define SLOTS (CAPACITY + 2)
#define MANY 12

static const char *const names[STREAMS] = { "block", "old" };

static struct {
	struct zipc_segment *segment;
	struct zipc_stream *streams[STREAMS], *others[STREAMS];
	struct zipc_subscription *private[STREAMS], *named[STREAMS];
	const char *name;
	unsigned char before[IMAGE_BYTES];
	uint64_t block, block_end;
} tour;

/* Of the sound segment. */
static struct {
	uint64_t begin, end;
} blocks[STREAMS];

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EPIPE ||
	       rc == -EROFS || rc == -ENOENT || rc == -EBUSY ||
	       rc == -EINVAL || rc == -EOPNOTSUPP;
}

#define may(call, ...)                                                       \
	world_check(#call, tour.name, (call),                                \
		    (const int[]){ __VA_ARGS__, ENOENT, 0 })

#define OPEN_ERRORS EBADMSG, ENOENT, EPROTOTYPE, EUSERS
#define NEXT_ERRORS EAGAIN, ETIMEDOUT, EPIPE, EBADMSG
#define EMIT_ERRORS EAGAIN, ETIMEDOUT, EPIPE, EUSERS, EBADMSG
#define SUBSCRIBE_ERRORS EBUSY, EUSERS, EBADMSG

static void use(unsigned i)
{
	tour.name = names[i];
	world_copy(tour.before);
	tour.block = blocks[i].begin;
	tour.block_end = blocks[i].end;
}

/* Only the stream's own block differs from what was before. */
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
	struct zipc_view_subscription subscription;
	struct zipc_view_stream stream;
	struct zipc_view_entry entry;
	uint64_t values[MANY], ids[MANY];
	int64_t n, i;

	tour.name = name;
	if (may(zipc_view_find(view, name, &entry), EBADMSG, ENOENT))
		return;
	may(zipc_view_stream(view, &entry, &stream), EBADMSG, EPROTOTYPE,
	    EOPNOTSUPP);
	for (i = 0; i < SUBSCRIPTIONS; i++)
		if (!may(zipc_view_subscription(view, &entry, (unsigned)i,
						&subscription),
			 EBADMSG, EPROTOTYPE, EOPNOTSUPP))
			require(memchr(subscription.name, '\0',
				       sizeof(subscription.name)),
				"a name without an end");
	if (entry.elem_size != sizeof(values[0]))
		return;
	n = may(zipc_view_elements(view, &entry, 0, MANY, values, ids),
		EBADMSG, EOPNOTSUPP);
	require(n <= MANY, "%lld elements", (long long)n);
	for (i = 1; i < n; i++)
		require(ids[i] > ids[i - 1], "they are not in their order");
}

static void look(void)
{
	struct zipc_view *view;
	unsigned i;

	tour.name = "the segment";
	if (may(zipc_view_open(&view, fuzz_segment_name()), EBADMSG,
		EPROTONOSUPPORT))
		return;
	for (i = 0; i < STREAMS; i++)
		look_at(view, names[i]);
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

static struct zipc_stream *open_one(const char *name)
{
	struct zipc_stream *stream;

	tour.name = name;
	if (!tour.segment || may(zipc_stream_open(&stream, tour.segment, name,
						  "u64"), OPEN_ERRORS))
		return NULL;
	require(world_holds(stream->shape.words, sizeof(*stream->shape.words)),
		"the words");
	require(world_holds(stream->shape.records,
			    stream->shape.record_count *
				    sizeof(*stream->shape.records)),
		"the subscriptions");
	return stream;
}

static void open_all(void)
{
	unsigned i;

	open_segment(0);
	for (i = 0; i < STREAMS; i++) {
		tour.streams[i] = open_one(names[i]);
		tour.others[i] = open_one(names[i]);
	}
}

static struct zipc_subscription *subscribe(struct zipc_stream *stream,
					   const char *name,
					   enum zipc_stream_from from)
{
	struct zipc_subscription *it;

	if (!stream || may(zipc_stream_subscribe(&it, stream, name, from),
			   SUBSCRIBE_ERRORS))
		return NULL;
	return it;
}

static void subscribe_all(void)
{
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		tour.name = names[i];
		tour.private[i] = subscribe(tour.streams[i], NULL,
					    ZIPC_STREAM_OLDEST);
		tour.named[i] = subscribe(tour.others[i], i ? "new" : "n",
					  ZIPC_STREAM_OLDEST);
	}
}

static void leave_all(void)
{
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		zipc_stream_leave(tour.private[i]);
		zipc_stream_leave(tour.named[i]);
		tour.private[i] = tour.named[i] = NULL;
	}
}

static void close_all(void)
{
	unsigned i;

	leave_all();
	for (i = 0; i < STREAMS; i++) {
		zipc_stream_close(tour.streams[i]);
		zipc_stream_close(tour.others[i]);
		tour.streams[i] = tour.others[i] = NULL;
	}
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

/* using */

static void read_with(struct zipc_subscription *it)
{
	int64_t times[MANY], n = 0;
	uint64_t values[MANY];
	struct zipc_subscription_wait wait = { it, values };
	struct zipc_waitable waitable;
	int i;

	if (!it)
		return;
	for (i = 0; i < MANY && n >= 0; i++)
		n = may(zipc_stream_next(it, values, i ? ZIPC_NOWAIT
						       : TIMEOUT_NS),
			NEXT_ERRORS);
	n = may(zipc_stream_next_n(it, values, MANY, ZIPC_NOWAIT),
		NEXT_ERRORS);
	require(n <= MANY, "%lld elements", (long long)n);
	may(zipc_stream_next_times(it, values, times, MANY, ZIPC_NOWAIT),
	    EINVAL, NEXT_ERRORS);
	if (!may(zipc_subscription_waitable(&wait, &waitable), EROFS,
		 EBADMSG)) {
		waitable.ready(waitable.context);
		may(waitable.attempt(waitable.context), NEXT_ERRORS);
	}
	zipc_stream_lost(it);
}

static void read_all(void)
{
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		use(i);
		read_with(tour.private[i]);
		read_with(tour.named[i]);
		check_others();
	}
}

static void emit_with(struct zipc_stream *stream)
{
	const uint64_t values[MANY] = { 5, 6, 7 };
	uint64_t tail = 0;
	int i;

	if (!stream)
		return;
	for (i = 0; i < 3; i++)
		may(zipc_stream_emit(stream, values, i ? ZIPC_NOWAIT
						       : TIMEOUT_NS),
		    EMIT_ERRORS);
	may(zipc_stream_emit_n(stream, values, MANY, TIMEOUT_NS), EMIT_ERRORS);
	may(zipc_stream_decide_all(stream, &tail), EBADMSG);
	may(zipc_stream_emit_at(stream, values, MANY, tail, NULL), EEXIST,
	    EMIT_ERRORS);
	zipc_stream_size(stream);
	zipc_stream_has_ended(stream);
}

static void emit_all(void)
{
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		use(i);
		emit_with(tour.streams[i]);
		emit_with(tour.others[i]);
		check_others();
	}
}

static void subscribe_and_end(void)
{
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		tour.name = names[i];
		zipc_stream_unsubscribe(tour.named[i]);
		tour.named[i] = subscribe(tour.streams[i], "third",
					  ZIPC_STREAM_NEWEST);
		if (tour.streams[i])
			may(zipc_stream_forget(tour.streams[i], "n"), EBUSY,
			    ENOENT, EBADMSG);
	}
}

static void end_all(void)
{
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		if (!tour.streams[i])
			continue;
		use(i);
		may(zipc_stream_end(tour.others[i] ? tour.others[i]
						   : tour.streams[i]),
		    EBADMSG);
		check_others();
	}
}

static void read_only(void)
{
	struct zipc_subscription *it;
	struct zipc_stream *stream;
	uint64_t value = 1;
	unsigned i;

	open_segment(ZIPC_READ_ONLY);
	for (i = 0; i < STREAMS && tour.segment; i++) {
		stream = open_one(names[i]);
		if (!stream)
			continue;
		it = subscribe(stream, NULL, ZIPC_STREAM_OLDEST);
		read_with(it);
		may(zipc_stream_emit(stream, &value, ZIPC_NOWAIT), EROFS);
		zipc_stream_leave(it);
		zipc_stream_close(stream);
	}
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

static const struct stage stages[] = {
	{ "look", look },
	{ "read only", read_only },
	{ "open", open_all },
	{ "subscribe", subscribe_all },
	{ "read", read_all },
	{ "emit", emit_all },
	{ "read again", read_all },
	{ "emit again", emit_all },
	{ "leave", leave_all },
	{ "subscribe again", subscribe_all },
	{ "unsubscribe", subscribe_and_end },
	{ "emit a third time", emit_all },
	{ "look while they are open", look },
	{ "end", end_all },
	{ "read to the end", read_all },
	{ "close", close_all },
	{ "read only at the end", read_only },
	{ "look again", look },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* the sound segment */

static void must(int64_t rc)
{
	require(rc >= 0, "the sound segment: %s", zipc_last_error());
}

/* A position that somebody has claimed, who died, and was cleared away. */
static void leave_a_hole(struct zipc_stream *stream)
{
	atomic_fetch_add_explicit(&stream->places.ring->tail, 1,
				  memory_order_relaxed);
}

static void fill(struct zipc_stream *stream, unsigned n)
{
	struct zipc_subscription *it;
	uint64_t value;

	must(zipc_stream_subscribe(&it, stream, "n", ZIPC_STREAM_NEWEST));
	for (value = 1; value <= n; value++) {
		must(zipc_stream_emit(stream, &value, ZIPC_NOWAIT));
		if (value == 1)
			must(zipc_stream_next(it, &value, ZIPC_NOWAIT));
	}
	leave_a_hole(stream);
	must(zipc_stream_emit(stream, &value, ZIPC_NOWAIT));
	zipc_stream_leave(it);
}

static void make(struct zipc_segment *segment, unsigned i)
{
	struct zipc_stream_options options = {
		.policy = i ? ZIPC_STREAM_DROP_OLD : ZIPC_STREAM_BLOCK,
		.timestamps = i,
		.max_writers = SLOTS - CAPACITY,
		.max_subscriptions = SUBSCRIPTIONS,
	};
	struct zipc_stream *stream;
	struct zipc_found found;

	must(zipc_stream_create_with(&stream, segment, names[i], "u64",
				     CAPACITY, &options));
	fill(stream, i ? 9 : 3);
	must(zipc_table_find(&found, segment, names[i], ZIPC_STREAM, NULL));
	blocks[i].begin = (uint64_t)((unsigned char *)found.block -
				     segment->base);
	blocks[i].end = (uint64_t)(found.body - segment->base) +
			found.body_bytes;
	zipc_table_release(&found);
	zipc_stream_close(stream);
}

void fuzz_prepare(void)
{
	struct zipc_segment_options options = { .max_entries = 4,
						.max_participants = 4 };
	struct zipc_segment *segment;
	unsigned i;

	must(zipc_segment_create(&segment, fuzz_segment_name(), IMAGE_BYTES,
				 &options));
	for (i = 0; i < STREAMS; i++)
		make(segment, i);
	zipc_segment_close(segment);
	world_keep();
}

const struct target world_target = {
	stages, STAGES, .mixed = 3000u, .is_sound = is_of_a_sound_one
};
