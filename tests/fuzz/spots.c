/* SPDX-License-Identifier: MIT */
/* Where a segment can be damaged, by meaning, and what the damage is. */
#include "world.h"

#include "../../libzeroipc/entry.h"
#include "../../libzeroipc/participant.h"
#include "../../libzeroipc/place_ring.h"
#include "../../libzeroipc/turn_stack.h"

struct spot spots[SPOTS_MOST];
unsigned spot_count;

struct field {
	const char *name;
	uint32_t offset, size;
	enum how how;
};

#define FIELD(type, field)                                                   \
	{                                                                    \
		#field, offsetof(struct type, field),                        \
			sizeof(((struct type *)0)->field), HOW_SPECIAL       \
	}
#define WORD(type, field, how)                                               \
	{                                                                    \
		#field, offsetof(struct type, field), 8, how                 \
	}
#define COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

static const struct field header_fields[] = {
	FIELD(zipc_header, magic),
	FIELD(zipc_header, version),
	{ "entry_count", 0x08, 4, HOW_SPECIAL },
	{ "next_offset", 0x0C, 4, HOW_SPECIAL },
	FIELD(zipc_header, max_entries),
	FIELD(zipc_header, format_word),
	FIELD(zipc_header, size_bytes),
	FIELD(zipc_header, segment_id),
	FIELD(zipc_header, participants_offset),
	FIELD(zipc_header, max_participants),
	FIELD(zipc_header, options),
	FIELD(zipc_header, creator),
};

static const struct field entry_fields[] = {
	{ "name", 0, 4, HOW_SPECIAL },
	{ "name's end", 28, 4, HOW_SPECIAL },
	{ "offset", offsetof(struct zipc_entry, extent), 4, HOW_SPECIAL },
	{ "size", offsetof(struct zipc_entry, extent) + 4, 4, HOW_SPECIAL },
	{ "extent", offsetof(struct zipc_entry, extent), 8, HOW_FLIP },
};

static const struct field users_fields[] = {
	{ "lives", 0, 8, HOW_ADD },
	{ "bits", sizeof(struct zipc_users), 8, HOW_FLIP },
};

static const struct field participant_fields[] = {
	FIELD(zipc_participant, incarnation),
	FIELD(zipc_participant, pid),
	FIELD(zipc_participant, start_ticks),
	FIELD(zipc_participant, pid_namespace),
};

static const struct field block_fields[] = {
	FIELD(zipc_block, kind),
	FIELD(zipc_block, generation),
	FIELD(zipc_block, elem_size),
	FIELD(zipc_block, capacity),
	FIELD(zipc_block, flags),
	FIELD(zipc_block, name_check),
	FIELD(zipc_block, type_offset),
	FIELD(zipc_block, type_length),
	FIELD(zipc_block, body_offset),
	FIELD(zipc_block, body_bytes),
	FIELD(zipc_block, readable.word),
	FIELD(zipc_block, readable.nappers[0]),
	FIELD(zipc_block, readable.nappers[1]),
	FIELD(zipc_block, writable.word),
	FIELD(zipc_block, writable.nappers[0]),
	FIELD(zipc_block, writable.nappers[1]),
	{ "type", sizeof(struct zipc_block), 8, HOW_FLIP },
	{ "type's rest", sizeof(struct zipc_block) + 8, 8, HOW_FLIP },
};

static const struct field ring_fields[] = {
	FIELD(zipc_place_ring, slots),
	FIELD(zipc_place_ring, slot_bytes),
	FIELD(zipc_place_ring, writers),
	FIELD(zipc_place_ring, writers_offset),
	FIELD(zipc_place_ring, slots_offset),
	WORD(zipc_place_ring, head, HOW_POSITION),
	WORD(zipc_place_ring, verdict, HOW_VERDICT),
	WORD(zipc_place_ring, active, HOW_ADD),
	FIELD(zipc_place_ring, patience),
	FIELD(zipc_place_ring, given_up),
	WORD(zipc_place_ring, tail, HOW_POSITION),
};

static const struct field writer_fields[] = {
	WORD(zipc_writer, holder, HOW_HOLDER),
	WORD(zipc_writer, claim, HOW_CLAIM),
};

static const struct field slot_fields[] = {
	{ "turn", 0, 8, HOW_POSITION },
	{ "element", 8, 8, HOW_SET },
};

static const struct field shape_fields[] = {
	FIELD(zipc_pool_shape, stride),
	FIELD(zipc_pool_shape, options),
	FIELD(zipc_pool_shape, cells_offset),
	FIELD(zipc_pool_shape, full_offset),
	FIELD(zipc_pool_shape, notes_offset),
	FIELD(zipc_pool_shape, objects_offset),
};

static const struct field stack_fields[] = {
	FIELD(zipc_turn_stack, slots),
	FIELD(zipc_turn_stack, slot_bytes),
	FIELD(zipc_turn_stack, writers),
	FIELD(zipc_turn_stack, writers_offset),
	FIELD(zipc_turn_stack, cells_offset),
	FIELD(zipc_turn_stack, slots_offset),
	WORD(zipc_turn_stack, top.turn, HOW_ADD),
	WORD(zipc_turn_stack, top.value, HOW_ADD),
};

static const struct field stack_writer_fields[] = {
	WORD(zipc_stack_writer, holder, HOW_HOLDER),
	WORD(zipc_stack_writer, intent, HOW_ADD),
};

static const struct field cell_fields[] = {
	WORD(zipc_cell, turn, HOW_ADD),
	WORD(zipc_cell, value, HOW_HOLDER),
};

static const struct field full_field[] = { { "full", 0, 8, HOW_FLIP } };
static const struct field note_field[] = { { "note", 0, 4, HOW_SPECIAL } };
static const struct field record_ring_fields[] = {
	FIELD(zipc_record_ring, size_bytes),
	FIELD(zipc_record_ring, options),
	FIELD(zipc_record_ring, readers),
	FIELD(zipc_record_ring, readers_offset),
	FIELD(zipc_record_ring, data_offset),
	FIELD(zipc_record_ring, oldest),
	FIELD(zipc_record_ring, wanted),
	FIELD(zipc_record_ring, writer),
	FIELD(zipc_record_ring, end),
	FIELD(zipc_record_ring, records),
};

static const struct field reader_fields[] = {
	FIELD(zipc_reader, holder),
	FIELD(zipc_reader, position),
	FIELD(zipc_reader, lost),
};

static const struct field record_fields[] = {
	{ "length", 0, 4, HOW_SPECIAL },
	{ "number", 4, 4, HOW_SPECIAL },
};

/* Of a ring that has takers, beside the others. */
static const struct field lease_fields[] = {
	FIELD(zipc_place_ring, takers),
	FIELD(zipc_place_ring, taker_bytes),
	FIELD(zipc_place_ring, takers_offset),
	WORD(zipc_place_ring, taken, HOW_CLAIM),
	WORD(zipc_place_ring, given, HOW_ADD),
};

static const struct field taker_fields[] = {
	WORD(zipc_taker, holder, HOW_HOLDER),
	WORD(zipc_taker, lease, HOW_VERDICT),
	FIELD(zipc_taker, attempts),
	{ "element", sizeof(struct zipc_taker), 8, HOW_SET },
};

static const struct field stack_slot_fields[] = {
	WORD(zipc_stack_slot, owner, HOW_ADD),
};

static const struct field hop_fields[] = {
	FIELD(zipc_hop, cells),
	FIELD(zipc_hop, key_bytes),
	FIELD(zipc_hop, value_bytes),
	FIELD(zipc_hop, cell_bytes),
	FIELD(zipc_hop, records),
	{ "seed", offsetof(struct zipc_hop, seed), 8, HOW_FLIP },
	FIELD(zipc_hop, records_offset),
	FIELD(zipc_hop, homes_offset),
	FIELD(zipc_hop, cells_offset),
	FIELD(zipc_hop, records_used),
	FIELD(zipc_hop, nearly_full),
};

static const struct field hop_record_fields[] = {
	WORD(zipc_hop_record, holder, HOW_HOLDER),
	WORD(zipc_hop_record, intent, HOW_ADD),
	WORD(zipc_hop_record, inserted, HOW_ADD),
	WORD(zipc_hop_record, removed, HOW_ADD),
};

static const struct field home_fields[] = {
	{ "turn", 0, 8, HOW_ADD },
	{ "bits", 8, 8, HOW_FLIP },
};

static const struct field hop_cell_fields[] = {
	{ "word", 0, 8, HOW_FLIP },
	{ "key", 8, 8, HOW_SET },
};

static const struct field semaphore_fields[] = {
	FIELD(zipc_semaphore_body, owned),
	FIELD(zipc_semaphore_body, permits),
	{ "holder 0", 0x80, 8, HOW_HOLDER },
	{ "holder 1", 0x88, 8, HOW_HOLDER },
};

static const struct field meeting_fields[] = {
	FIELD(zipc_meeting, senders),
	FIELD(zipc_meeting, offer_bytes),
	FIELD(zipc_meeting, senders_offset),
	FIELD(zipc_meeting, offers_offset),
	FIELD(zipc_meeting, used),
	FIELD(zipc_meeting, closed),
};

static const struct field sender_fields[] = {
	{ "sender's holder", 0x00, 8, HOW_HOLDER },
	FIELD(zipc_sender, posted),
	FIELD(zipc_sender, where),
	FIELD(zipc_sender, wanted),
	FIELD(zipc_sender, sent),
};

static const struct field offer_fields[] = {
	FIELD(zipc_offer, ticket),
	{ "offer's word", 0x08, 4, HOW_FLIP },
};

static const struct field latch_fields[] = {
	FIELD(zipc_latch_body, count),
};

static const struct field event_fields[] = {
	FIELD(zipc_event_body, automatic),
	FIELD(zipc_event_body, state),
};

static const struct field barrier_fields[] = {
	WORD(zipc_barrier_body, round, HOW_ADD),
	{ "party 0", 0x40, 8, HOW_HOLDER },
	{ "state 0", 0x48, 8, HOW_ADD },
	{ "party 1", 0x80, 8, HOW_HOLDER },
	{ "state 1", 0x88, 8, HOW_ADD },
	{ "state 2", 0xC8, 8, HOW_SPECIAL },
};

static const struct field owner_fields[] = {
	WORD(zipc_owner, owner, HOW_FLIP),
	WORD(zipc_owner, deaths, HOW_ADD),
	WORD(zipc_owner, turns, HOW_ADD),
	FIELD(zipc_owner, waiters_offset),
	FIELD(zipc_owner, waiters),
};

static const struct field waiter_fields[] = {
	WORD(zipc_waiter, holder, HOW_HOLDER),
	WORD(zipc_waiter, wanted, HOW_FLIP),
	WORD(zipc_waiter, owner, HOW_FLIP),
	WORD(zipc_waiter, seen_ns, HOW_ADD),
};

static const struct field future_fields[] = {
	FIELD(zipc_future_body, setters_offset),
	FIELD(zipc_future_body, contents_offset),
	FIELD(zipc_future_body, setters),
	FIELD(zipc_future_body, content_bytes),
};

/* The turn of its cell, and what is no future's; how far it is in its epoch. */
static const struct field lazy_fields[] = {
	WORD(zipc_lazy_body, turn, HOW_ADD),
	FIELD(zipc_lazy_body, setters_offset),
	FIELD(zipc_lazy_body, contents_offset),
	FIELD(zipc_lazy_body, setters),
	FIELD(zipc_lazy_body, content_bytes),
	FIELD(zipc_lazy_body, stall_ms),
	FIELD(zipc_lazy_body, options),
	FIELD(zipc_lazy_body, definition_offset),
	FIELD(zipc_lazy_body, definition_bytes),
};

static const struct field setter_fields[] = {
	WORD(zipc_setter, holder, HOW_HOLDER),
	WORD(zipc_setter, settler, HOW_HOLDER),
	FIELD(zipc_setter, code),
	FIELD(zipc_setter, length),
};

/* Of a stream, beside those of its ring. */
static const struct field stream_field[] = {
	FIELD(zipc_place_ring, stream_offset),
};

static const struct field stream_fields[] = {
	FIELD(zipc_stream_words, policy),
	FIELD(zipc_stream_words, options),
	FIELD(zipc_stream_words, subscriptions),
	FIELD(zipc_stream_words, subscriptions_offset),
	WORD(zipc_stream_words, hold, HOW_POSITION),
	WORD(zipc_stream_words, wanted, HOW_POSITION),
	WORD(zipc_stream_words, dropped, HOW_ADD),
};

static const struct field subscription_fields[] = {
	WORD(zipc_subscription_record, holder, HOW_HOLDER),
	WORD(zipc_subscription_record, position, HOW_POSITION),
	WORD(zipc_subscription_record, lost, HOW_ADD),
	{ "its name", offsetof(struct zipc_subscription_record, name), 8,
	  HOW_FLIP },
};

/* Of one that is derived. */
static const struct field derived_field[] = {
	FIELD(zipc_stream_words, derivation_offset),
};

static const struct field derivation_fields[] = {
	FIELD(zipc_derivation, flow_offset),
	FIELD(zipc_derivation, flow_bytes),
	FIELD(zipc_derivation, text_length),
	FIELD(zipc_derivation, buffers_offset),
	FIELD(zipc_derivation, buffer_bytes),
	FIELD(zipc_derivation, sources),
	FIELD(zipc_derivation, state_bytes),
	FIELD(zipc_derivation, room),
	FIELD(zipc_derivation, flags),
	WORD(zipc_derivation, current, HOW_ADD),
	WORD(zipc_derivation, emitted, HOW_ADD),
	WORD(zipc_derivation, lease, HOW_ADD),
};

static const struct field derivation_source_fields[] = {
	{ "source's name", 0, 8, HOW_FLIP },
	FIELD(zipc_derivation_source, extent),
	FIELD(zipc_derivation_source, lives),
	FIELD(zipc_derivation_source, entry),
	FIELD(zipc_derivation_source, record),
};

static const struct field batch_fields[] = {
	WORD(zipc_batch, number, HOW_ADD),
	WORD(zipc_batch, first, HOW_ADD),
	WORD(zipc_batch, count, HOW_ADD),
	FIELD(zipc_batch, flags),
	FIELD(zipc_batch, ended),
	FIELD(zipc_batch, next_ns),
	{ "position 0", offsetof(struct zipc_batch, position), 8, HOW_ADD },
	{ "position 1", offsetof(struct zipc_batch, position) + 8, 8,
	  HOW_ADD },
	{ "lost 0", offsetof(struct zipc_batch, lost), 8, HOW_ADD },
};

/* Of a flow, a text, a state or results. */
static const struct field word_field[] = { { "word", 0, 8, HOW_FLIP } };

static const struct field rwlock_fields[] = {
	FIELD(zipc_rwlock_body, drained.word),
	FIELD(zipc_rwlock_body, drained.nappers[0]),
	FIELD(zipc_rwlock_body, readers_offset),
};

static const struct field lock_reader_fields[] = {
	WORD(zipc_lock_reader, holder, HOW_HOLDER),
	WORD(zipc_lock_reader, reading, HOW_FLIP),
};

static void add(const char *owner, uint32_t base, const struct field *fields,
		size_t count, uint32_t ring)
{
	struct spot *spot;
	size_t i;

	for (i = 0; i < count; i++) {
		require(spot_count < SPOTS_MOST, "too many spots");
		spot = &spots[spot_count++];
		snprintf(spot->name, sizeof(spot->name), "%.16s %.22s", owner,
			 fields[i].name);
		spot->offset = base + fields[i].offset;
		spot->size = fields[i].size;
		spot->ring = ring;
		spot->how = fields[i].how;
	}
}

static void add_ring(const char *owner, const unsigned char *image,
		     uint32_t at)
{
	struct zipc_place_ring ring;
	uint32_t i;

	memcpy(&ring, image + at, sizeof(ring));
	add(owner, at, ring_fields, COUNT(ring_fields), at);
	for (i = 0; i < ring.writers; i++)
		add(owner, at + (uint32_t)ring.writers_offset +
				   i * (uint32_t)sizeof(struct zipc_writer),
		    writer_fields, COUNT(writer_fields), at);
	for (i = 0; i < ring.slots; i++)
		add(owner, at + (uint32_t)ring.slots_offset +
				   i * ring.slot_bytes,
		    slot_fields, COUNT(slot_fields), at);
	if (ring.takers)
		add(owner, at, lease_fields, COUNT(lease_fields), at);
	for (i = 0; i < ring.takers; i++)
		add(owner, at + (uint32_t)ring.takers_offset +
				   i * ring.taker_bytes,
		    taker_fields, COUNT(taker_fields), at);
}

/* The first objects stand for all. */
static void add_pool(const char *owner, const unsigned char *image,
		     uint32_t at)
{
	struct zipc_pool_shape shape;
	uint32_t i;

	memcpy(&shape, image + at, sizeof(shape));
	add(owner, at, shape_fields, COUNT(shape_fields), 0);
	add(owner, at + (uint32_t)shape.full_offset, full_field, 1, 0);
	for (i = 0; i < 6; i++) {
		add(owner, at + (uint32_t)shape.cells_offset +
				   i * (uint32_t)sizeof(struct zipc_cell),
		    cell_fields, COUNT(cell_fields), 0);
		add(owner, at + (uint32_t)shape.notes_offset +
				   i * (uint32_t)sizeof(uint32_t),
		    note_field, 1, 0);
	}
}

/* A ring of records; any word of the data may be a header. */
static void add_record_ring(const char *owner, const unsigned char *image,
			    uint32_t at)
{
	struct zipc_record_ring ring;
	uint32_t i;

	memcpy(&ring, image + at, sizeof(ring));
	add(owner, at, record_ring_fields, COUNT(record_ring_fields), 0);
	for (i = 0; i < ring.readers; i++)
		add(owner, at + (uint32_t)ring.readers_offset +
				   i * (uint32_t)sizeof(struct zipc_reader),
		    reader_fields, COUNT(reader_fields), 0);
	for (i = 0; i < ring.size_bytes; i += 8)
		add(owner, at + (uint32_t)ring.data_offset + i, record_fields,
		    COUNT(record_fields), 0);
}

static void add_stack(const char *owner, const unsigned char *image,
		      uint32_t at, uint64_t capacity)
{
	struct zipc_turn_stack stack;
	uint32_t i;

	memcpy(&stack, image + at, sizeof(stack));
	add(owner, at, stack_fields, COUNT(stack_fields), at);
	for (i = 0; i < stack.writers; i++)
		add(owner, at + (uint32_t)stack.writers_offset +
				   i * (uint32_t)
					       sizeof(struct zipc_stack_writer),
		    stack_writer_fields, COUNT(stack_writer_fields), at);
	for (i = 0; i <= capacity; i++)
		add(owner, at + (uint32_t)stack.cells_offset +
				   i * (uint32_t)sizeof(struct zipc_cell),
		    cell_fields, COUNT(cell_fields), at);
	for (i = 0; i < stack.slots; i++)
		add(owner, at + (uint32_t)stack.slots_offset +
				   i * stack.slot_bytes,
		    stack_slot_fields, COUNT(stack_slot_fields), at);
}

static void add_hop(const char *owner, const unsigned char *image, uint32_t at)
{
	struct zipc_hop hop;
	uint32_t i;

	memcpy(&hop, image + at, sizeof(hop));
	add(owner, at, hop_fields, COUNT(hop_fields), 0);
	for (i = 0; i < hop.records; i++)
		add(owner, at + (uint32_t)hop.records_offset +
				   i * (uint32_t)sizeof(struct zipc_hop_record),
		    hop_record_fields, COUNT(hop_record_fields), 0);
	for (i = 0; i < hop.cells; i++) {
		add(owner, at + (uint32_t)hop.homes_offset +
				   i * (uint32_t)sizeof(struct zipc_cell),
		    home_fields, COUNT(home_fields), 0);
		add(owner, at + (uint32_t)hop.cells_offset +
				   i * hop.cell_bytes,
		    hop_cell_fields, COUNT(hop_cell_fields), 0);
	}
}

static void add_meeting(const char *owner, const unsigned char *image,
			uint32_t at)
{
	struct zipc_meeting meeting;
	uint32_t i;

	memcpy(&meeting, image + at, sizeof(meeting));
	add(owner, at, meeting_fields, COUNT(meeting_fields), 0);
	for (i = 0; i < meeting.senders; i++) {
		add(owner, at + (uint32_t)meeting.senders_offset +
				   i * (uint32_t)sizeof(struct zipc_sender),
		    sender_fields, COUNT(sender_fields), 0);
		add(owner, at + (uint32_t)meeting.offers_offset +
				   i * meeting.offer_bytes,
		    offer_fields, COUNT(offer_fields), 0);
	}
}

/* What is waited for. */
static void add_sync(const char *owner, uint32_t at, unsigned kind)
{
	if (kind == ZIPC_SEMAPHORE)
		add(owner, at, semaphore_fields, COUNT(semaphore_fields), 0);
	else if (kind == ZIPC_LATCH)
		add(owner, at, latch_fields, COUNT(latch_fields), 0);
	else if (kind == ZIPC_EVENT)
		add(owner, at, event_fields, COUNT(event_fields), 0);
	else if (kind == ZIPC_BARRIER)
		add(owner, at, barrier_fields, COUNT(barrier_fields), 0);
}

/* The first of those who wait stands for all. */
static void add_lock(const char *owner, const unsigned char *image, uint32_t at,
		     const struct zipc_block *block)
{
	struct zipc_rwlock_body body;
	uint32_t i;

	memcpy(&body, image + at, sizeof(body));
	add(owner, at, owner_fields, COUNT(owner_fields), 0);
	add(owner, at + body.owner.waiters_offset, waiter_fields,
	    COUNT(waiter_fields), 0);
	if (block->kind != ZIPC_RWLOCK)
		return;
	add(owner, at, rwlock_fields, COUNT(rwlock_fields), 0);
	for (i = 0; i < block->capacity; i++)
		add(owner, at + (uint32_t)body.readers_offset +
				   i * (uint32_t)
					       sizeof(struct zipc_lock_reader),
		    lock_reader_fields, COUNT(lock_reader_fields), 0);
}

/* What of its owner is not a lock's. */
static void add_future(const char *owner, const unsigned char *image,
		       uint32_t at)
{
	struct zipc_future_body body;
	uint32_t i;

	memcpy(&body, image + at, sizeof(body));
	add(owner, at, future_fields, COUNT(future_fields), 0);
	for (i = 0; i < 2; i++)
		add(owner, at + (uint32_t)body.setters_offset +
				   i * (uint32_t)sizeof(struct zipc_setter),
		    setter_fields, COUNT(setter_fields), 0);
}

static void add_words(const char *owner, uint32_t begin, uint32_t bytes)
{
	uint32_t at;

	for (at = begin / 8 * 8; at < begin + bytes; at += 8)
		add(owner, at, word_field, 1, 0);
}

/*
 * The first words of a flow stand for all, which flow.c damages; of results and
 * of text the first; and two buffers for those of all drivers.
 */
static void add_derivation(const char *owner, const unsigned char *image,
			   uint32_t body, uint32_t at)
{
	struct zipc_derivation it;
	uint32_t i, from;

	memcpy(&it, image + at, sizeof(it));
	add(owner, at, derivation_fields, COUNT(derivation_fields), 0);
	for (i = 0; i < it.sources; i++)
		add(owner, at + (uint32_t)sizeof(it) +
				   i * (uint32_t)sizeof(
					       struct zipc_derivation_source),
		    derivation_source_fields, COUNT(derivation_source_fields),
		    0);
	add_words(owner, body + (uint32_t)it.flow_offset, 64);
	add_words(owner, body + (uint32_t)it.flow_offset + it.flow_bytes, 8);
	for (i = 0; i < 2; i++) {
		from = body + (uint32_t)it.buffers_offset +
		       i * (uint32_t)it.buffer_bytes;
		add(owner, from, batch_fields, COUNT(batch_fields), 0);
		add_words(owner, from + (uint32_t)sizeof(struct zipc_batch),
			  it.state_bytes + 8);
	}
}

/* Each word of what it is made of; its owner stands behind the turn. */
static void add_lazy(const char *owner, const unsigned char *image, uint32_t at)
{
	const struct field word = { "definition", 0, 8, HOW_FLIP };
	struct zipc_lazy_body body;
	uint32_t i;

	memcpy(&body, image + at, sizeof(body));
	add(owner, at, lazy_fields, COUNT(lazy_fields), 0);
	add(owner, at + (uint32_t)offsetof(struct zipc_lazy_body, owner),
	    owner_fields, COUNT(owner_fields), 0);
	add(owner, at + body.owner.waiters_offset, waiter_fields,
	    COUNT(waiter_fields), 0);
	for (i = 0; i < 2; i++)
		add(owner, at + (uint32_t)body.setters_offset +
				   i * (uint32_t)sizeof(struct zipc_setter),
		    setter_fields, COUNT(setter_fields), 0);
	for (i = 0; i < body.definition_bytes; i += 8)
		add(owner, at + (uint32_t)body.definition_offset + i, &word, 1,
		    0);
}

static void add_stream(const char *owner, const unsigned char *image,
		       uint32_t at)
{
	struct zipc_stream_words words;
	struct zipc_place_ring ring;
	uint32_t i;

	memcpy(&ring, image + at, sizeof(ring));
	memcpy(&words, image + at + ring.stream_offset, sizeof(words));
	add_ring(owner, image, at);
	add(owner, at, stream_field, COUNT(stream_field), 0);
	add(owner, at + (uint32_t)ring.stream_offset, stream_fields,
	    COUNT(stream_fields), at);
	for (i = 0; i < words.subscriptions; i++)
		add(owner, at + (uint32_t)words.subscriptions_offset +
				   i * (uint32_t)sizeof(
					       struct zipc_subscription_record),
		    subscription_fields, COUNT(subscription_fields), at);
	if (!(words.options & ZIPC_STREAM_DERIVED))
		return;
	add(owner, at + (uint32_t)ring.stream_offset, derived_field, 1, 0);
	add_derivation(owner, image, at,
		       at + (uint32_t)words.derivation_offset);
}

static void add_entry(const unsigned char *image, uint32_t at)
{
	struct zipc_entry entry;
	struct zipc_extent extent;
	struct zipc_block block;
	uint32_t begin, body;
	uint64_t word;

	memcpy(&entry, image + at, sizeof(entry));
	add(*entry.name ? entry.name : "unused", at, entry_fields,
	    COUNT(entry_fields), 0);
	word = atomic_load_explicit(&entry.extent, memory_order_relaxed);
	if (zipc_extent_read(&extent, word, 0, IMAGE_BYTES) ==
	    ZIPC_ENTRY_UNUSED)
		return;
	begin = (uint32_t)extent.at;
	memcpy(&block, image + begin, sizeof(block));
	body = begin + (uint32_t)block.body_offset;
	add(entry.name, begin, block_fields, COUNT(block_fields), 0);
	if (block.kind == ZIPC_RING)
		add_record_ring(entry.name, image, body);
	if (block.kind == ZIPC_CHANNEL && !block.capacity)
		add_meeting(entry.name, image, body);
	if (block.kind == ZIPC_QUEUE ||
	    (block.kind == ZIPC_CHANNEL && block.capacity))
		add_ring(entry.name, image, body);
	if (block.kind == ZIPC_POOL)
		add_pool(entry.name, image, body);
	if (block.kind == ZIPC_STACK)
		add_stack(entry.name, image, body, block.capacity);
	if (block.kind == ZIPC_MUTEX || block.kind == ZIPC_RWLOCK ||
	    block.kind == ZIPC_ONCE || block.kind == ZIPC_FUTURE)
		add_lock(entry.name, image, body, &block);
	if (block.kind == ZIPC_FUTURE)
		add_future(entry.name, image, body);
	if (block.kind == ZIPC_LAZY)
		add_lazy(entry.name, image, body);
	if (block.kind == ZIPC_STREAM)
		add_stream(entry.name, image, body);
	if (block.kind == ZIPC_MAP)
		add_hop(entry.name, image, body);
	add_sync(entry.name, body, block.kind);
}

void spots_find(const unsigned char image[IMAGE_BYTES])
{
	struct zipc_header header;
	uint32_t i, count;

	memcpy(&header, image, sizeof(header));
	count = (uint32_t)atomic_load_explicit(&header.table_state,
					       memory_order_relaxed);
	spot_count = 0;
	add("header", 0, header_fields, COUNT(header_fields), 0);
	for (i = 0; i < 2; i++)
		add("participant",
		    header.participants_offset * ZIPC_LINE +
			    i * (uint32_t)sizeof(struct zipc_participant),
		    participant_fields, COUNT(participant_fields), 0);
	for (i = 0; i < count; i++)
		add_entry(image, (uint32_t)(sizeof(header) +
					    i * sizeof(struct zipc_entry)));
	for (i = 0; i < count; i++)
		add("users",
		    (uint32_t)(zipc_users_begin(header.max_entries) +
			       i * zipc_users_stride(header.max_participants)),
		    users_fields, COUNT(users_fields), 0);
}

/* damage */

static const uint64_t special[] = {
	0, 1, 2, 3, 7, 63, 64, 65, 127, 128, 255, 256, 4095, 4096, 4097,
	IMAGE_BYTES - 64, IMAGE_BYTES - 1, IMAGE_BYTES, IMAGE_BYTES + 1,
	IMAGE_BYTES / 64 - 1, IMAGE_BYTES / 64, IMAGE_BYTES / 64 + 1,
	0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFC0,
	0xFFFFFFFF, 0x100000000, UINT64_C(1) << 54, UINT64_C(1) << 56,
	UINT64_C(1) << 58, UINT64_C(1) << 61, UINT64_C(1) << 62,
	INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 63, UINT64_MAX - 1,
	UINT64_MAX,
};

uint64_t damage_value(const struct damage *damage, uint64_t old,
		      uint64_t other, uint64_t ring_head)
{
	uint64_t value = damage->value;
	uint64_t position = ring_head + (uint64_t)(int64_t)(int8_t)value;
	unsigned second = (uint8_t)(value >> 8), third = (uint8_t)(value >> 16);

	switch ((enum how)(damage->how % HOW_COUNT)) {
	case HOW_FLIP:
		return old ^ UINT64_C(1) << value % 64;
	case HOW_ADD:
		return old + (uint64_t)(int64_t)(int8_t)value;
	case HOW_SPECIAL:
		return special[value % COUNT(special)];
	case HOW_COPY:
		return other;
	case HOW_CLAIM:
		return zipc_claim(position, third + UINT64_C(1), second & 3);
	case HOW_VERDICT:
		return zipc_verdict(position, second & 3);
	case HOW_POSITION:
		return position;
	case HOW_HOLDER:
		return zipc_holder(second % 6, 1 + third % 8);
	case HOW_SET:
	case HOW_CUT:
	case HOW_COUNT:
		break;
	}
	return value;
}

/* inputs */

static struct damage any_damage(unsigned stage)
{
	struct damage damage = { .stage = (uint8_t)stage,
				 .how = (uint8_t)roll(HOW_COPY + 1),
				 .spot = (uint16_t)roll(spot_count) };

	damage.value = roll(3) ? roll(256) : (unsigned)rand() * 8u;
	return damage;
}

/* Some words at one moment. */
static unsigned together(struct damage damages[DAMAGES_MOST], unsigned i)
{
	unsigned stage = roll(world_target.count), count;

	for (count = 0; count < 1 + i % 5; count++)
		damages[count] = any_damage(stage);
	return count;
}

#define WAYS 45u

/* One word in one of the ways. */
static void one(struct damage *damage, unsigned i)
{
	static const uint8_t add[4] = { 1, 255, 64, 192 };
	unsigned way = i % WAYS;

	*damage = (struct damage){ .how = HOW_SPECIAL,
				   .spot = (uint16_t)(i / WAYS),
				   .value = way };
	if (way >= WAYS - 4) {
		damage->how = HOW_ADD;
		damage->value = add[WAYS - 1 - way];
	}
}

size_t fuzz_generate(unsigned i, uint8_t *data, size_t room)
{
	const struct target *it = &world_target;
	struct damage damages[DAMAGES_MOST];
	unsigned count = 1;

	require(sizeof(damages) <= room, "an input has no room");
	if (i >= WAYS * spot_count + it->mixed)
		return SIZE_MAX;
	if (i >= WAYS * spot_count) {
		srand(i);
		count = it->some ? it->some(damages, i) : together(damages, i);
	} else {
		one(&damages[0], i);
	}
	memcpy(data, damages, count * sizeof(damages[0]));
	return count * sizeof(damages[0]);
}

#ifdef LIBFUZZER
/* One damage more, at any moment, also of what is read just then. */
static unsigned one_more(struct damage damages[DAMAGES_MOST], unsigned count)
{
	struct damage it = any_damage(roll(world_target.count));

	it.loads = roll(2) ? roll(64) : 0;
	if (roll(3) == 0)
		it.spot = SPOT_LOADED;
	if (count < DAMAGES_MOST)
		damages[count++] = it;
	else
		damages[roll(count)] = it;
	return count;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned seed)
{
	const struct target *it = &world_target;
	struct damage damages[DAMAGES_MOST];
	unsigned count = (unsigned)(size / sizeof(damages[0]));

	srand(seed);
	if (roll(it->mutate ? 16 : 4) == 0 || most < sizeof(damages))
		return LLVMFuzzerMutate(data, size, most);
	if (count > DAMAGES_MOST)
		count = DAMAGES_MOST;
	memcpy(damages, data, count * sizeof(damages[0]));
	count = it->mutate ? it->mutate(damages, count)
			   : one_more(damages, count);
	memcpy(data, damages, count * sizeof(damages[0]));
	return count * sizeof(damages[0]);
}
#endif
