/* SPDX-License-Identifier: MIT */
/*
 * Damaged derived streams give errors, never a crash or an endless loop. The
 * input is a list of damages (world.h), of a derived stream or of what it is
 * derived from; the rest is a tour through all that is done with them: looked
 * at, opened, driven by two handles, also with waiting, read, derived from, and
 * driven to their end. One is made of two sources, which are paired, and one of
 * that. At first a batch is committed and out, and another is not out yet.
 */
#include "world.h"

#include "../../libzeroipc/drive.h"

#include <errno.h>
#include <zeroipc.h>
#include <zipc/inspect_derive.h>

#define TIMEOUT_NS INT64_C(20000000)
#define STREAMS 4u
#define DERIVED 2u /* the first of them that is */
#define CAPACITY 4u
#define MANY 12

static const char *const names[STREAMS] = { "a", "b", "z", "s" };

static struct {
	struct zipc_segment *segment;
	struct zipc_stream *streams[STREAMS], *others[STREAMS];
	struct zipc_subscription *readers[STREAMS];
	const char *name;
	unsigned char before[IMAGE_BYTES];
} tour;

/* All blocks of the sound segment. */
static uint64_t blocks_begin = UINT64_MAX, blocks_end;

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EPIPE ||
	       rc == -EBUSY || rc == -EROFS || rc == -EUSERS ||
	       rc == -ENOSPC || rc == -EEXIST || rc == -EOPNOTSUPP;
}

#define may(call, ...)                                                       \
	world_check(#call, tour.name, (call),                                \
		    (const int[]){ __VA_ARGS__, ENOENT, 0 })

#define OPEN_ERRORS EBADMSG, ENOENT, EPROTOTYPE, EUSERS
#define EMIT_ERRORS EAGAIN, ETIMEDOUT, EPIPE, EUSERS, EBADMSG
#define DRIVE_ERRORS EAGAIN, ETIMEDOUT, EBUSY, EPIPE, EUSERS, EBADMSG, \
		     EINVAL, EPROTOTYPE, EPROTONOSUPPORT
#define NEXT_ERRORS DRIVE_ERRORS /* it may say that it is on demand */

/* Only blocks differ from what was before. */
static void check_others(void)
{
	unsigned char after[IMAGE_BYTES];

	if (world_damaged())
		return;
	world_copy(after);
	require(!memcmp(after, tour.before, blocks_begin) &&
			!memcmp(after + blocks_end, tour.before + blocks_end,
				IMAGE_BYTES - blocks_end),
		"using `%s` changed what is outside all blocks", tour.name);
}

/* looking */

static void look_at(struct zipc_view *view, const char *name, bool derived)
{
	static struct zipc_view_derivation derivation;
	struct zipc_view_stream stream;
	struct zipc_view_entry entry;
	uint64_t values[MANY], ids[MANY];

	tour.name = name;
	if (may(zipc_view_find(view, name, &entry), EBADMSG, ENOENT))
		return;
	may(zipc_view_stream(view, &entry, &stream), EBADMSG, EPROTOTYPE,
	    EOPNOTSUPP);
	if (derived)
		may(zipc_view_derivation(view, &entry, &derivation), EBADMSG,
		    EPROTOTYPE, EOPNOTSUPP, EINVAL);
	if (entry.elem_size == sizeof(values[0]))
		require(may(zipc_view_elements(view, &entry, 0, MANY, values,
					       ids),
			    EBADMSG, EOPNOTSUPP) <= MANY, "too many");
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
		look_at(view, names[i], i >= DERIVED);
	zipc_view_close(view);
}

/* opening */

static struct zipc_stream *open_one(const char *name)
{
	struct zipc_stream *stream;

	tour.name = name;
	if (!tour.segment || may(zipc_stream_open(&stream, tour.segment, name,
						  "i64"), OPEN_ERRORS))
		return NULL;
	if (stream->derived)
		require(world_holds(stream->derived->words,
				    sizeof(*stream->derived->words)),
			"the derivation");
	return stream;
}

static void open_all(void)
{
	unsigned i;

	tour.name = "the segment";
	if (may(zipc_segment_open(&tour.segment, fuzz_segment_name(), 0),
		EBADMSG, EPROTONOSUPPORT, EUSERS, EOPNOTSUPP))
		tour.segment = NULL;
	for (i = 0; i < STREAMS; i++) {
		tour.streams[i] = open_one(names[i]);
		tour.others[i] = open_one(names[i]);
		if (!tour.streams[i] ||
		    may(zipc_stream_subscribe(&tour.readers[i],
					      tour.streams[i], NULL,
					      ZIPC_STREAM_OLDEST),
			EUSERS, EBADMSG))
			tour.readers[i] = NULL;
	}
}

static void close_all(void)
{
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		zipc_stream_leave(tour.readers[i]);
		zipc_stream_close(tour.streams[i]);
		zipc_stream_close(tour.others[i]);
		tour.streams[i] = tour.others[i] = NULL;
		tour.readers[i] = NULL;
	}
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

/* using */

static void drive_with(struct zipc_stream *stream, int64_t timeout_ns)
{
	int64_t rc = 0;
	unsigned i;

	for (i = 0; stream && i < MANY && rc >= 0; i++)
		rc = may(zipc_stream_drive(stream, timeout_ns), DRIVE_ERRORS);
}

static void drive_of(struct zipc_stream *const streams[STREAMS],
		     int64_t timeout_ns)
{
	unsigned i;

	for (i = DERIVED; i < STREAMS; i++) {
		if (!streams[i] || !streams[i]->derived)
			continue;
		tour.name = names[i];
		world_copy(tour.before);
		drive_with(streams[i], timeout_ns);
		check_others();
	}
}

static void drive_all(void)
{
	drive_of(tour.streams, ZIPC_NOWAIT);
}

static void others_drive_all(void)
{
	drive_of(tour.others, ZIPC_NOWAIT);
}

static void drive_and_wait(void)
{
	drive_of(tour.streams, TIMEOUT_NS);
	drive_of(tour.others, TIMEOUT_NS);
}

static void read_all(void)
{
	int64_t values[MANY], n;
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		tour.name = names[i];
		if (!tour.readers[i])
			continue;
		n = may(zipc_stream_next_n(tour.readers[i], values, MANY,
					   i ? ZIPC_NOWAIT : TIMEOUT_NS),
			NEXT_ERRORS);
		require(n <= MANY, "%lld elements", (long long)n);
	}
}

static void emit_all(void)
{
	const int64_t values[2] = { 5, 6 };
	unsigned i;

	for (i = 0; i < DERIVED; i++) {
		tour.name = names[i];
		if (tour.streams[i] && !tour.streams[i]->derived)
			may(zipc_stream_emit_n(tour.streams[i], values, 2,
					       ZIPC_NOWAIT), EMIT_ERRORS);
	}
}

static void end_all(void)
{
	unsigned i;

	for (i = 0; i < DERIVED; i++) {
		tour.name = names[i];
		if (tour.streams[i] && !tour.streams[i]->derived)
			may(zipc_stream_end(tour.streams[i]), EBADMSG);
	}
}

/* The segment has no room for it; but its sources are looked up before. */
static void derive(void)
{
	struct zipc_derive_options options = { .capacity = 4,
					       .max_drivers = 1 };
	struct zipc_stream *it;

	tour.name = names[DERIVED];
	if (tour.streams[DERIVED] &&
	    !may(zipc_stream_derive_with(&it, tour.segment, "t", "map(x + 1)",
					 tour.streams[DERIVED], &options),
		 ENOSPC, EUSERS, EEXIST, EINVAL, OPEN_ERRORS))
		zipc_stream_close(it);
}

static const struct stage stages[] = {
	{ "look", look },
	{ "open", open_all },
	{ "drive", drive_all },
	{ "read", read_all },
	{ "emit", emit_all },
	{ "others drive", others_drive_all },
	{ "read again", read_all },
	{ "derive", derive },
	{ "emit again", emit_all },
	{ "drive and wait", drive_and_wait },
	{ "look while they are open", look },
	{ "close", close_all },
	{ "open again", open_all },
	{ "emit a third time", emit_all },
	{ "end", end_all },
	{ "drive to the end", drive_all },
	{ "others drive to the end", others_drive_all },
	{ "read to the end", read_all },
	{ "close at the end", close_all },
	{ "look again", look },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* the sound segment */

static void must(int64_t rc)
{
	require(rc >= 0, "the sound segment: %s", zipc_last_error());
}

static struct zipc_stream *make(struct zipc_segment *segment, unsigned i,
				struct zipc_stream *source)
{
	struct zipc_stream_options options = {
		.policy = i ? ZIPC_STREAM_DROP_OLD : ZIPC_STREAM_BLOCK,
		.max_writers = 1, .max_subscriptions = 1,
	};
	struct zipc_derive_options derived = {
		.capacity = CAPACITY, .max_subscriptions = 1,
		.max_drivers = i == DERIVED ? 2 : 1, .batch = 64,
		.from = ZIPC_STREAM_OLDEST,
	};
	struct zipc_stream *stream;
	struct zipc_found found;
	uint64_t at;

	if (i < DERIVED)
		must(zipc_stream_create_with(&stream, segment, names[i], "i64",
					     CAPACITY, &options));
	else
		must(zipc_stream_derive_with(&stream, segment, names[i],
					     i == DERIVED ? "zip(b, x + y)"
							  : "scan(0, acc + x)",
					     source, &derived));
	must(zipc_table_find(&found, segment, names[i], ZIPC_STREAM, NULL));
	at = (uint64_t)((unsigned char *)found.block - segment->base);
	blocks_begin = at < blocks_begin ? at : blocks_begin;
	at = (uint64_t)(found.body - segment->base) + found.body_bytes;
	blocks_end = at > blocks_end ? at : blocks_end;
	zipc_table_release(&found);
	return stream;
}

static void emit_two(struct zipc_stream *const *streams, int64_t first)
{
	int64_t value;

	for (value = first; value < first + 2; value++) {
		must(zipc_stream_emit(streams[0], &value, ZIPC_NOWAIT));
		must(zipc_stream_emit(streams[1], &value, ZIPC_NOWAIT));
	}
}

/* One batch is out, of the other it is left to who drives next. */
static void begin(struct zipc_stream *const *streams)
{
	struct zipc_stream *z = streams[DERIVED];

	emit_two(streams, 1);
	must(zipc_stream_drive(z, ZIPC_NOWAIT));
	emit_two(streams, 3);
	must(zipc_driver_load(z));
	must(zipc_driver_make(z));
	require(zipc_driver_commit(z), "the commit");
}

void fuzz_prepare(void)
{
	struct zipc_segment_options options = { .max_entries = 5,
						.max_participants = 4 };
	struct zipc_stream *streams[STREAMS];
	struct zipc_segment *segment;
	unsigned i;

	zipc_drive_stale_ns = 0;
	must(zipc_segment_create(&segment, fuzz_segment_name(), IMAGE_BYTES,
				 &options));
	for (i = 0; i < STREAMS; i++)
		streams[i] = make(segment, i,
				  i < DERIVED ? NULL
					      : streams[i == DERIVED ? 0
								     : 2]);
	begin(streams);
	for (i = 0; i < STREAMS; i++)
		zipc_stream_close(streams[i]);
	zipc_segment_close(segment);
	world_keep();
}

const struct target world_target = {
	stages, STAGES, .mixed = 3000u, .is_sound = is_of_a_sound_one
};
