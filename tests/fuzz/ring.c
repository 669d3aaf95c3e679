/* SPDX-License-Identifier: MIT */
/*
 * A damaged ring gives errors, never a crash or an endless loop, and nothing
 * outside its block changes. The input is a list of damages (world.h); the rest
 * is a tour through all that is done with a ring, and with one that has
 * back-pressure: looked at, read, also in place and over a read-only mapping,
 * written, and taken over from a dead writer.
 */
#include "world.h"

#include "../../libzeroipc/ring.h"

#include <errno.h>
#include <zeroipc.h>

#define TIMEOUT_NS INT64_C(20000000)
#define SIZE 256u
#define MANY 40

static struct {
	struct zipc_segment *segment;
	struct zipc_ring *ring;
	struct zipc_ring_reader *reader;
	const char *name;
	unsigned char before[IMAGE_BYTES];
	uint64_t block, block_end; /* equal: not known */
} tour;

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EROFS ||
	       rc == -EMSGSIZE || rc == -EOPNOTSUPP || rc == -ENOENT;
}

#define may(call, ...)                                                       \
	world_check(#call, tour.name, (call),                                \
		    (const int[]){ __VA_ARGS__, 0 })

/* Where the ring's block is, by what was opened; it must be in the mapping. */
static void find_block(void)
{
	const struct zipc_ring_shape *shape = &tour.ring->shape;
	const unsigned char *block = (const unsigned char *)shape->readable -
				     offsetof(struct zipc_block, readable);

	require(world_holds(block, sizeof(struct zipc_block)), "the block");
	require(world_holds(shape->words, sizeof(*shape->words)), "the words");
	require(world_holds(shape->readers, shape->reader_count *
						    sizeof(*shape->readers)),
		"the readers");
	require(world_holds(shape->data, shape->size), "the data");
	tour.block = (uint64_t)(block - world_base());
	tour.block_end = (uint64_t)(shape->data + shape->size - world_base());
	if (tour.block_end < tour.block || world_damaged())
		tour.block_end = tour.block;
}

/* Only the ring's own block differs from what was before. */
static void check_others(void)
{
	unsigned char after[IMAGE_BYTES];

	if (world_disturbed() || tour.block == tour.block_end)
		return;
	world_copy(after);
	require(!memcmp(after, tour.before, tour.block) &&
			!memcmp(after + tour.block_end,
				tour.before + tour.block_end,
				IMAGE_BYTES - tour.block_end),
		"using `%s` changed what is outside its block", tour.name);
}

/* looking */

static int see(const struct zipc_view_record *record, void *count)
{
	const unsigned char *bytes = record->bytes;
	unsigned sum = 0;
	uint64_t i;

	require(record->shown <= record->length && record->shown <= IMAGE_BYTES,
		"%llu bytes of a record",
		(unsigned long long)record->shown);
	for (i = 0; i < record->shown; i++)
		sum += bytes[i];
	++*(unsigned *)count;
	return sum == UINT32_MAX;
}

static void look_at(struct zipc_view *view, const char *name)
{
	struct zipc_view_ring_reader reader;
	struct zipc_view_entry entry;
	struct zipc_view_ring ring;
	unsigned i, count = 0;

	tour.name = name;
	if (may(zipc_view_find(view, name, &entry), EBADMSG, ENOENT))
		return;
	may(zipc_view_ring(view, &entry, &ring), EBADMSG, ENOENT, EPROTOTYPE,
	    EOPNOTSUPP);
	for (i = 0; i < 4; i++)
		may(zipc_view_ring_reader(view, &entry, i, &reader), EBADMSG,
		    ENOENT, EPROTOTYPE, EOPNOTSUPP);
	may(zipc_view_records(view, &entry, 0, MANY, IMAGE_BYTES, see, &count),
	    EBADMSG, ENOENT, EPROTOTYPE, EOPNOTSUPP);
	may(zipc_view_records(view, &entry, 3, 2, 5, see, &count), EBADMSG,
	    ENOENT, EPROTOTYPE, EOPNOTSUPP);
	require(count <= MANY + 2, "%u records", count);
}

static void look(void)
{
	struct zipc_view *view;

	tour.name = "the segment";
	if (may(zipc_view_open(&view, fuzz_segment_name()), EBADMSG,
		EPROTONOSUPPORT))
		return;
	look_at(view, "ring");
	look_at(view, "held");
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

static void open_ring(const char *name)
{
	tour.ring = NULL;
	tour.reader = NULL;
	tour.name = name;
	if (!tour.segment)
		return;
	if (may(zipc_ring_open(&tour.ring, tour.segment, name), EBADMSG,
		ENOENT, EPROTOTYPE)) {
		tour.ring = NULL;
		return;
	}
	find_block();
}

static void open_reader(enum zipc_ring_from from)
{
	if (tour.ring &&
	    may(zipc_ring_reader_open(&tour.reader, tour.ring, from), EBADMSG,
		ENOENT))
		tour.reader = NULL;
}

static void close_reader(void)
{
	world_copy(tour.before);
	zipc_ring_reader_close(tour.reader);
	tour.reader = NULL;
	if (tour.ring)
		check_others();
}

static void close_all(void)
{
	close_reader();
	zipc_ring_close(tour.ring);
	zipc_segment_close(tour.segment);
	tour.ring = NULL;
	tour.segment = NULL;
}

/* using */

#define READ_ERRORS EAGAIN, ETIMEDOUT, EMSGSIZE, EBADMSG, ENOENT
#define WRITE_ERRORS EAGAIN, ETIMEDOUT, EMSGSIZE, EBADMSG, EBUSY, ENOENT

static void read_some(void)
{
	unsigned char bytes[16];
	int64_t n = 0;
	unsigned i;

	world_copy(tour.before);
	for (i = 0; tour.reader && i < MANY && n >= 0; i++) {
		n = may(zipc_ring_read(tour.reader, bytes, sizeof(bytes),
				       i ? ZIPC_NOWAIT : TIMEOUT_NS),
			READ_ERRORS);
		require(n <= (int64_t)sizeof(bytes), "a record of %lld bytes",
			(long long)n);
	}
	if (!tour.reader)
		return;
	may(zipc_ring_next_length(tour.reader), READ_ERRORS);
	zipc_ring_lost(tour.reader);
	check_others();
}

static void peek_some(void)
{
	struct zipc_ring_record records[MANY];
	const volatile unsigned char *byte;
	int64_t n, i;
	uint64_t k;

	if (!tour.reader)
		return;
	world_copy(tour.before);
	n = may(zipc_ring_peek(tour.reader, records, MANY, ZIPC_NOWAIT),
		READ_ERRORS);
	for (i = 0; i < n; i++) {
		require(world_holds(records[i].at, records[i].n),
			"a record of %zu bytes is not in the mapping",
			records[i].n);
		byte = records[i].at;
		for (k = 0; k < records[i].n; k++)
			(void)byte[k];
	}
	zipc_ring_still_whole(tour.reader);
	i = may(zipc_ring_advance(tour.reader), EBADMSG, ENOENT);
	require(i <= (n > 0 ? n : 0), "%lld of %lld were overwritten",
		(long long)i, (long long)n);
	check_others();
}

static void write_some(void)
{
	static const unsigned char bytes[64] = "some bytes of a record";
	unsigned i;
	void *at;

	world_copy(tour.before);
	for (i = 0; tour.ring && i < 12; i++)
		may(zipc_ring_write(tour.ring, bytes, i * 5,
				    i ? ZIPC_NOWAIT : TIMEOUT_NS),
		    WRITE_ERRORS);
	if (!tour.ring)
		return;
	may(zipc_ring_write(tour.ring, bytes, SIZE, ZIPC_NOWAIT), WRITE_ERRORS);
	if (!may(zipc_ring_reserve(tour.ring, 40, &at, ZIPC_NOWAIT),
		 WRITE_ERRORS)) {
		require(world_holds(at, 40), "what is reserved");
		memset(at, 'r', 40);
		may(zipc_ring_commit(tour.ring, 33), WRITE_ERRORS);
	}
	check_others();
}

static void read_only(void)
{
	open_segment(ZIPC_READ_ONLY);
	open_ring("ring");
	open_reader(ZIPC_RING_OLDEST);
	read_some();
	if (tour.ring)
		may(zipc_ring_write(tour.ring, "x", 1, ZIPC_NOWAIT), EROFS);
	close_all();
}

static void open_oldest(void)
{
	open_segment(0);
	open_ring("ring");
	open_reader(ZIPC_RING_OLDEST);
}

static void again_from_newest(void)
{
	close_reader();
	open_reader(ZIPC_RING_NEWEST);
}

static void open_held(void)
{
	close_all();
	open_segment(0);
	open_ring("held");
	open_reader(ZIPC_RING_OLDEST);
}

static const struct stage stages[] = {
	{ "look", look },
	{ "read only", read_only },
	{ "open at the oldest", open_oldest },
	{ "read", read_some },
	{ "write", write_some },
	{ "peek", peek_some },
	{ "write again", write_some },
	{ "read again", read_some },
	{ "open at the newest", again_from_newest },
	{ "write a third time", write_some },
	{ "peek again", peek_some },
	{ "open the one with back-pressure", open_held },
	{ "read it", read_some },
	{ "write it", write_some },
	{ "peek into it", peek_some },
	{ "open it at the newest", again_from_newest },
	{ "write it again", write_some },
	{ "read it again", read_some },
	{ "look again", look },
	{ "close", close_all },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* the sound segment */

static void must(int64_t rc)
{
	require(rc >= 0, "the sound segment: %s", zipc_last_error());
}

static void fill(struct zipc_segment *segment, const char *name,
		 unsigned back_pressure)
{
	struct zipc_ring_options options = { back_pressure, 3 };
	struct zipc_ring *ring;
	unsigned i;

	must(zipc_ring_create_with(&ring, segment, name, SIZE, &options));
	for (i = 0; i < 25; i++)
		must(zipc_ring_write(ring, "0123456789abcdef", i % 17,
				     ZIPC_NOWAIT));
	zipc_ring_close(ring);
}

void fuzz_prepare(void)
{
	struct zipc_segment_options options = { .max_entries = 4,
						.max_participants = 4 };
	struct zipc_segment *segment;

	must(zipc_segment_create(&segment, fuzz_segment_name(), IMAGE_BYTES,
				 &options));
	fill(segment, "ring", 0);
	fill(segment, "held", 1);
	zipc_segment_close(segment);
	world_keep();
}

const struct target world_target = {
	stages, STAGES, .mixed = 8000u, .is_sound = is_of_a_sound_one
};
