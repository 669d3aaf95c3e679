/* SPDX-License-Identifier: MIT */
/*
 * Watching a Ring, read from its file.
 *
 * A record at position p is whole if it was copied, and then `oldest` had not
 * passed p: the writer moves `oldest` before it overwrites. Each read comes
 * after the one before (zipc_view_read() has the fence). The copy is walked
 * from record to record only as far as `oldest` says that it is whole, so a
 * header that makes no sense there is damage.
 */
#include "error.h"
#include "inspect.h"
#include "participant.h"

#include <stdlib.h>
#include <string.h>
#include <zipc/inspect_ring.h>

#define CHUNK_BYTES 65536u
#define MOST_READERS 4096u
#define LEAST_BYTES UINT64_C(64)
#define MOST_BYTES (UINT64_C(1) << 34)

struct ring {
	struct zipc_view *view;
	const struct zipc_view_block *block;
	const struct zipc_view_slot *slot; /* the block's; NULL: of describe */
	uint64_t at, data_at; /* in the file */
	uint64_t readers_at;
	uint64_t size;
	unsigned readers, back_pressure;
	/* where it stands; see stand() */
	uint64_t oldest, end, records;
};

static int misplaced(const struct ring *ring,
		     const struct zipc_record_ring *copy)
{
	uint64_t body = ring->block->head.body_bytes, readers_end;

	if (copy->readers < 1 || copy->readers > MOST_READERS ||
	    copy->readers_offset < sizeof(*copy) ||
	    copy->readers_offset % ZIPC_LINE || copy->readers_offset > body)
		return 1;
	readers_end = copy->readers_offset + copy->readers * UINT64_C(64);
	return copy->data_offset < readers_end ||
	       copy->data_offset % ZIPC_LINE || copy->data_offset > body ||
	       copy->size_bytes > body - copy->data_offset;
}

/* Copy the ring's constants, and see that they fit the block. */
static int ring_load(struct ring *ring, struct zipc_view *view,
		     const struct zipc_view_block *block)
{
	const struct zipc_block *head = &block->head;
	struct zipc_record_ring copy;
	int rc;

	if (head->body_bytes < sizeof(copy))
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes is no ring",
					 LLU(head->body_bytes));
	rc = zipc_view_read(view, block->body_at, &copy, sizeof(copy));
	if (rc)
		return rc;
	*ring = (struct ring){ .view = view,
			       .block = block,
			       .at = block->body_at,
			       .data_at = block->body_at + copy.data_offset,
			       .readers_at = block->body_at +
					     copy.readers_offset,
			       .size = copy.size_bytes,
			       .readers = copy.readers,
			       .back_pressure = copy.options };
	if (copy.options & ~ZIPC_RING_BACK_PRESSURE || head->elem_size != 1 ||
	    ring->size < LEAST_BYTES || ring->size > MOST_BYTES ||
	    ring->size % ZIPC_LINE || ring->size != head->capacity)
		return zipc_view_damaged(view, block->name,
					 "its size of %llu bytes, or what else "
					 "it says of itself, is no ring's",
					 LLU(ring->size));
	if (misplaced(ring, &copy))
		return zipc_view_damaged(view, block->name,
					 "its readers or data lie outside its "
					 "%llu bytes", LLU(head->body_bytes));
	return 0;
}

static int read_word(const struct ring *ring, size_t field, uint64_t *out)
{
	return zipc_view_read(ring->view, ring->at + field, out, sizeof(*out));
}

#define OLDEST offsetof(struct zipc_record_ring, oldest)
#define WRITER offsetof(struct zipc_record_ring, writer)
#define END offsetof(struct zipc_record_ring, end)
#define RECORDS offsetof(struct zipc_record_ring, records)

/*
 * Where the ring stands: oldest, and then end, with the number of its latest
 * record. Its three low bits stand in end, see docs/format.md.
 */
static int stand(struct ring *ring)
{
	uint64_t before = 0, end = 0, records = 0;
	int rc = read_word(ring, OLDEST, &ring->oldest);

	for (int tries = 0; !rc && tries < 16; tries++) {
		rc = read_word(ring, END, &end);
		if (!rc)
			rc = read_word(ring, RECORDS, &records);
		if (!rc)
			rc = read_word(ring, END, &before);
		if (end == before)
			break;
	}
	if (rc)
		return rc;
	/* Unless it moves too fast: then this is a number of some moment. */
	if (end == before && (records ^ end) & 7)
		records--;
	ring->end = end & ~UINT64_C(7);
	ring->records = records;
	if (ring->oldest % 8 || ring->oldest > ring->end ||
	    records == UINT64_MAX ||
	    (end == before && (records ^ end) & 7))
		return zipc_view_damaged(ring->view, ring->block->name,
					 "its oldest record is at %llu and its "
					 "end at %llu, behind %llu records",
					 LLU(ring->oldest), LLU(ring->end),
					 LLU(records));
	return 0;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct ring ring;
	int rc = ring_load(&ring, view, block);

	if (!rc)
		rc = stand(&ring);
	if (rc)
		return rc;
	out->size = ring.end - ring.oldest;
	/* oldest is the older of the two, so this may be more than fits. */
	if (out->size > ring.size)
		out->size = ring.size;
	out->added = ring.end;
	out->removed = ring.end - out->size;
	return 0;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	(void)from;
	(void)n;
	(void)bytes;
	(void)ids;
	return zipc_fail(EOPNOTSUPP, "`%s` in segment `/%s` is a ring: its "
			 "records are of any length, zipc_view_records() has "
			 "them", block->name, view->name);
}

/* records */

/* A walk over records. */
struct walk {
	struct ring ring;
	uint64_t at;     /* position */
	uint64_t from;   /* number of the first that is wanted */
	uint64_t wanted; /* how many more */
	uint64_t most;   /* bytes of each */
	uint64_t given;
	int (*each)(const struct zipc_view_record *record, void *context);
	void *context;
	int ended; /* by each() */
	unsigned char *bytes;
	uint64_t room;
};

static int header_damaged(const struct walk *walk)
{
	return zipc_view_damaged(walk->ring.view, walk->ring.block->name,
				 "its record at %llu has a header that makes "
				 "no sense", LLU(walk->at));
}

static int make_space(struct walk *walk, uint64_t bytes)
{
	unsigned char *more;

	if (bytes <= walk->room)
		return 0;
	more = realloc(walk->bytes, bytes);
	if (!more)
		return zipc_fail(ENOMEM, "no memory to copy records of `%s`",
				 walk->ring.block->name);
	walk->bytes = more;
	walk->room = bytes;
	return 0;
}

/* rc, unless the block may have been another's meanwhile. */
static int confirm(const struct ring *ring, int rc)
{
	int stands = zipc_view_confirm(ring->view, ring->slot);

	if (stands == -EAGAIN)
		return zipc_view_is_another(ring->view, ring->block->name);
	return stands ? stands : rc;
}

/*
 * Copy bytes from the walk's position on. 1: they are whole; 0: they were
 * overwritten, and the walk goes on at what is the oldest now.
 */
static int copy(struct walk *walk, uint64_t bytes)
{
	struct ring *ring = &walk->ring;
	uint64_t oldest = 0;
	int rc = make_space(walk, bytes);

	if (!rc)
		rc = zipc_view_read(ring->view,
				    ring->data_at + walk->at % ring->size,
				    walk->bytes, bytes);
	if (!rc)
		rc = read_word(ring, OLDEST, &oldest);
	if (!rc)
		rc = confirm(ring, 0);
	if (rc)
		return rc;
	if (oldest <= walk->at)
		return 1;
	if (oldest % 8)
		return header_damaged(walk);
	walk->at = oldest;
	return 0;
}

static void give(struct walk *walk, uint64_t number, uint64_t length,
		 const unsigned char *bytes)
{
	struct zipc_view_record record = {
		.number = number,
		.length = length,
		.shown = length < walk->most ? length : walk->most,
		.bytes = bytes,
	};

	if (number < walk->from)
		return;
	walk->given++;
	walk->wanted--;
	walk->ended = walk->each(&record, walk->context);
}

/* What a header at the walk's position says, checked. */
struct header {
	uint64_t number, length, span;
};

static int read_header(const struct walk *walk, const unsigned char *bytes,
		       struct header *header)
{
	const struct ring *ring = &walk->ring;
	uint64_t index = walk->at % ring->size, word, behind;

	memcpy(&word, bytes, sizeof(word));
	header->length = (uint32_t)word;
	if (header->length == ZIPC_RECORD_PADDING)
		header->span = index ? ring->size - index : 0;
	else
		header->span = 8 + ((header->length + 7) & ~UINT64_C(7));
	behind = (uint32_t)(ring->records - (word >> 32));
	header->number = ring->records - behind;
	if (!header->span || header->span > ring->size - index ||
	    header->span > ring->end - walk->at || behind >= ring->records)
		return header_damaged(walk);
	return 0;
}

/* A record that is larger than a chunk: what is shown of it, alone. */
static int give_large(struct walk *walk, const struct header *header)
{
	uint64_t shown = header->length < walk->most ? header->length
						     : walk->most;
	uint64_t at = walk->at;
	int rc;

	if (header->number >= walk->from) {
		rc = copy(walk, 8 + shown);
		if (rc != 1)
			return rc;
		give(walk, header->number, header->length, walk->bytes + 8);
	}
	walk->at = at + header->span;
	return 0;
}

/* The records of a chunk that was copied, as far as they are all of it. */
static int give_chunk(struct walk *walk, uint64_t bytes)
{
	struct header header;
	uint64_t done = 0;
	int rc;

	while (done < bytes && walk->wanted && !walk->ended) {
		rc = read_header(walk, walk->bytes + done, &header);
		if (rc)
			return rc;
		if (header.length == ZIPC_RECORD_PADDING) {
			walk->at += header.span;
			return 0;
		}
		if (header.span > bytes - done)
			return done ? 0 : give_large(walk, &header);
		give(walk, header.number, header.length,
		     walk->bytes + done + 8);
		done += header.span;
		walk->at += header.span;
	}
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Each round moves the walk on, or finds that oldest has moved on. */
static int walk_on(struct walk *walk)
{
	struct ring *ring = &walk->ring;
	uint64_t bytes;
	int rc = 0;

	while (rc >= 0 && walk->at < ring->end && walk->wanted &&
	       !walk->ended) {
		bytes = least(CHUNK_BYTES, ring->end - walk->at);
		bytes = least(bytes, ring->size - walk->at % ring->size);
		rc = copy(walk, bytes);
		if (rc == 1)
			rc = give_chunk(walk, bytes);
	}
	return rc < 0 ? rc : 0;
}

/* Where a ring was found. */
struct place {
	struct zipc_view_slot slot;
	struct zipc_view_block block;
};

static int ring_of(struct ring *ring, struct zipc_view *view,
		   const struct zipc_view_entry *entry, struct place *place)
{
	int rc;

	if (entry->kind != ZIPC_RING)
		return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` is no ring",
				 entry->name, view->name);
	place->slot.index = UINT32_MAX; /* until it is found */
	rc = zipc_view_block_again(view, entry, &place->slot, &place->block);
	if ((rc && rc != -EBADMSG) || place->slot.index == UINT32_MAX)
		return rc;
	ring->view = view;
	ring->block = &place->block;
	if (!rc)
		rc = ring_load(ring, view, &place->block);
	ring->slot = &place->slot;
	if (!rc)
		rc = stand(ring);
	return rc && rc != -EBADMSG ? rc : confirm(ring, rc);
}

int64_t zipc_view_records(struct zipc_view *view,
			  const struct zipc_view_entry *entry, uint64_t from,
			  uint64_t n, uint64_t most,
			  int (*each)(const struct zipc_view_record *record,
				      void *context),
			  void *context)
{
	struct walk walk = { .from = from, .wanted = n, .most = most,
			     .each = each, .context = context };
	struct place place;
	int rc = ring_of(&walk.ring, view, entry, &place);

	if (rc)
		return rc;
	walk.at = walk.ring.oldest;
	rc = walk_on(&walk);
	free(walk.bytes);
	if (rc)
		return rc;
	return walk.ended ? walk.ended : (int64_t)walk.given;
}

/* who */

/* Whether the holder lives, and its pid, if its place is still its own. */
static unsigned find_holder(struct zipc_view *view, uint64_t holder, int *pid)
{
	struct zipc_view_participant it;
	uint32_t index = zipc_holder_index(holder);

	*pid = 0;
	if (index >= view->header.max_participants ||
	    zipc_view_participant(view, index, &it) ||
	    it.incarnation != zipc_holder_incarnation(holder))
		return 0;
	*pid = it.pid;
	return it.alive;
}

/* The oldest record's number. */
static int oldest_number(struct ring *ring, uint64_t *number)
{
	struct walk walk = { .ring = *ring, .at = ring->oldest };
	struct header header;
	int rc = 0;

	*number = ring->records + 1;
	while (!rc && walk.at < ring->end)
		rc = copy(&walk, 8);
	if (rc == 1) {
		rc = read_header(&walk, walk.bytes, &header);
		if (!rc)
			*number = header.number;
	}
	free(walk.bytes);
	return rc;
}

int zipc_view_ring(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_ring *out)
{
	struct place place;
	struct zipc_view_ring it;
	uint64_t writer = 0;
	struct ring ring;
	int rc = ring_of(&ring, view, entry, &place);

	if (!rc)
		rc = oldest_number(&ring, &it.oldest);
	if (!rc)
		rc = read_word(&ring, WRITER, &writer);
	if (!rc)
		rc = confirm(&ring, 0);
	if (rc)
		return rc;
	it.back_pressure = ring.back_pressure;
	it.max_readers = ring.readers;
	it.records = ring.records;
	it.has_writer = writer != 0;
	it.writer_alive = find_holder(view, writer, &it.writer_pid);
	*out = it;
	return 0;
}

int zipc_view_ring_reader(struct zipc_view *view,
			  const struct zipc_view_entry *entry, unsigned i,
			  struct zipc_view_ring_reader *out)
{
	struct zipc_view_ring_reader it = { .index = i };
	struct place place;
	uint64_t words[3] = { 0 };
	struct ring ring;
	int rc = ring_of(&ring, view, entry, &place);

	if (!rc && i < ring.readers)
		rc = zipc_view_read(view,
				    ring.readers_at + i * (uint64_t)ZIPC_LINE,
				    words, sizeof(words));
	if (!rc)
		rc = confirm(&ring, 0);
	if (rc)
		return rc;
	if (!words[0])
		return zipc_fail(ENOENT, "nobody has place %u of ring `%s`", i,
				 entry->name);
	it.alive = find_holder(view, words[0], &it.pid);
	/* Its position may be of a later moment than the end. */
	if (words[1] < ring.end)
		it.lag_bytes = ring.end - words[1];
	it.lost = words[2];
	*out = it;
	return 0;
}

const struct zipc_view_kind zipc_view_of_ring = {
	.kind = ZIPC_RING,
	.describe = describe,
	.elements = elements,
};
