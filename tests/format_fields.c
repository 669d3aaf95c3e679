/* SPDX-License-Identifier: MIT */
/* The format as the C library has compiled it. */
#include "format_fields.h"

#include "../libzeroipc/format.h"

#include <zipc/base.h>

#define SIZE_OF(type, field) sizeof(((struct type *)0)->field)
#define F(section, type, field)                                              \
	{ section, #field, offsetof(struct type, field),                     \
	  SIZE_OF(type, field), FIELD }
#define PAD(section, type, field)                                            \
	{ section, #field, offsetof(struct type, field),                     \
	  SIZE_OF(type, field), PADDING }

const struct field compiled[] = {
	F("Header", zipc_header, magic),
	F("Header", zipc_header, version),
	F("Header", zipc_header, table_state),
	F("Header", zipc_header, max_entries),
	F("Header", zipc_header, format_word),
	F("Header", zipc_header, size_bytes),
	F("Header", zipc_header, segment_id),
	F("Header", zipc_header, participants_offset),
	F("Header", zipc_header, max_participants),
	F("Header", zipc_header, created_ns),
	F("Header", zipc_header, options),
	F("Header", zipc_header, creator),
	F("Table", zipc_entry, name),
	F("Table", zipc_entry, extent),
	F("Users", zipc_users, lives),
	/* As many as participants need: the page says so in words. */
	{ "Users", "bits", offsetof(struct zipc_users, bits), 0, FIELD },
	F("Participant", zipc_participant, incarnation),
	F("Participant", zipc_participant, pid),
	F("Participant", zipc_participant, start_ticks),
	F("Participant", zipc_participant, since_ns),
	F("Participant", zipc_participant, pid_namespace),
	F("Participant", zipc_participant, uid),
	F("Participant", zipc_participant, name),
	F("Participant", zipc_participant, reserved),
	F("Event", zipc_event, word),
	F("Event", zipc_event, nappers),
	F("Event", zipc_event, late_wakes),
	F("Block", zipc_block, kind),
	F("Block", zipc_block, generation),
	F("Block", zipc_block, elem_size),
	F("Block", zipc_block, capacity),
	F("Block", zipc_block, flags),
	F("Block", zipc_block, name_check),
	F("Block", zipc_block, type_offset),
	F("Block", zipc_block, type_length),
	F("Block", zipc_block, body_offset),
	F("Block", zipc_block, body_bytes),
	F("Block", zipc_block, reserved),
	F("Block", zipc_block, readable),
	F("Block", zipc_block, writable),
	F("Block", zipc_block, reserved_too),
	F("Queue", zipc_place_ring, slots),
	F("Queue", zipc_place_ring, slot_bytes),
	F("Queue", zipc_place_ring, writers),
	F("Queue", zipc_place_ring, writers_offset),
	F("Queue", zipc_place_ring, slots_offset),
	F("Queue", zipc_place_ring, takers),
	F("Queue", zipc_place_ring, taker_bytes),
	F("Queue", zipc_place_ring, takers_offset),
	F("Queue", zipc_place_ring, reserved),
	F("Queue", zipc_place_ring, head),
	F("Queue", zipc_place_ring, taken),
	F("Queue", zipc_place_ring, given),
	PAD("Queue", zipc_place_ring, head_line),
	F("Queue", zipc_place_ring, verdict),
	F("Queue", zipc_place_ring, active),
	F("Queue", zipc_place_ring, patience),
	F("Queue", zipc_place_ring, reserved_too),
	F("Queue", zipc_place_ring, given_up),
	PAD("Queue", zipc_place_ring, settle_line),
	F("Queue", zipc_place_ring, tail),
	PAD("Queue", zipc_place_ring, tail_line),
	F("Writer", zipc_writer, holder),
	F("Writer", zipc_writer, claim),
	F("Writer", zipc_writer, reserved),
	F("Taker", zipc_taker, holder),
	F("Taker", zipc_taker, lease),
	F("Taker", zipc_taker, attempts),
	F("Taker", zipc_taker, reserved),
	F("Slot", zipc_slot, turn),
	F("Ring", zipc_record_ring, size_bytes),
	F("Ring", zipc_record_ring, options),
	F("Ring", zipc_record_ring, readers),
	F("Ring", zipc_record_ring, readers_offset),
	F("Ring", zipc_record_ring, data_offset),
	F("Ring", zipc_record_ring, reserved),
	F("Ring", zipc_record_ring, oldest),
	F("Ring", zipc_record_ring, wanted),
	F("Ring", zipc_record_ring, writer),
	PAD("Ring", zipc_record_ring, seldom_line),
	F("Ring", zipc_record_ring, end),
	F("Ring", zipc_record_ring, records),
	PAD("Ring", zipc_record_ring, often_line),
	F("Reader", zipc_reader, holder),
	F("Reader", zipc_reader, position),
	F("Reader", zipc_reader, lost),
	F("Reader", zipc_reader, reserved),
	/* As long as the element is: the page says so in words. */
	{ "Slot", "element", offsetof(struct zipc_slot, element), 0, FIELD },
	F("Pool", zipc_pool_shape, stride),
	F("Pool", zipc_pool_shape, options),
	F("Pool", zipc_pool_shape, reserved),
	F("Pool", zipc_pool_shape, cells_offset),
	F("Pool", zipc_pool_shape, full_offset),
	F("Pool", zipc_pool_shape, notes_offset),
	F("Pool", zipc_pool_shape, objects_offset),
	F("Pool", zipc_pool_shape, reserved_too),
	F("Cell", zipc_cell, turn),
	F("Cell", zipc_cell, value),
	F("Stack", zipc_turn_stack, slots),
	F("Stack", zipc_turn_stack, slot_bytes),
	F("Stack", zipc_turn_stack, writers),
	F("Stack", zipc_turn_stack, writers_offset),
	F("Stack", zipc_turn_stack, cells_offset),
	F("Stack", zipc_turn_stack, slots_offset),
	F("Stack", zipc_turn_stack, reserved),
	F("Stack", zipc_turn_stack, top),
	PAD("Stack", zipc_turn_stack, top_line),
	F("Stack writer", zipc_stack_writer, holder),
	F("Stack writer", zipc_stack_writer, intent),
	F("Stack writer", zipc_stack_writer, reserved),
	F("Stack slot", zipc_stack_slot, owner),
	{ "Stack slot", "element", offsetof(struct zipc_stack_slot, element),
	  0, FIELD },
};
const size_t compiled_count = sizeof(compiled) / sizeof(compiled[0]);

const struct sized structs[] = {
	{ "Header", "zipc_header", sizeof(struct zipc_header), true },
	{ "Table", "zipc_entry", sizeof(struct zipc_entry), true },
	{ "Participant", "zipc_participant", sizeof(struct zipc_participant),
	  true },
	{ "Event", "zipc_event", sizeof(struct zipc_event), true },
	{ "Block", "zipc_block", sizeof(struct zipc_block), true },
	{ "Queue", "zipc_place_ring", sizeof(struct zipc_place_ring), true },
	{ "Writer", "zipc_writer", sizeof(struct zipc_writer), true },
	{ "Taker", "zipc_taker", sizeof(struct zipc_taker), true },
	{ "Slot", "zipc_slot", sizeof(struct zipc_slot), false },
	{ "Users", "zipc_users", sizeof(struct zipc_users), false },
	{ "Pool", "zipc_pool_shape", sizeof(struct zipc_pool_shape), true },
	{ "Cell", "zipc_cell", sizeof(struct zipc_cell), true },
	{ "Ring", "zipc_record_ring", sizeof(struct zipc_record_ring), true },
	{ "Reader", "zipc_reader", sizeof(struct zipc_reader), true },
};
const size_t structs_count = sizeof(structs) / sizeof(structs[0]);

	{ "Stack", "zipc_turn_stack", sizeof(struct zipc_turn_stack), true },
	{ "Stack writer", "zipc_stack_writer",
	  sizeof(struct zipc_stack_writer), true },
	{ "Stack slot", "zipc_stack_slot", sizeof(struct zipc_stack_slot),
	  false },
};
const size_t structs_count = sizeof(structs) / sizeof(structs[0]);

/* The C library has all that the page has. */
const char *const unknown_sections[] = { NULL };

const struct constants constants = {
	ZIPC_MAGIC, ZIPC_VERSION, ZIPC_FORMAT_WORD,
	ZIPC_MOST_ENTRIES, ZIPC_MOST_PARTICIPANTS,
	ZIPC_OPTION_SYMMETRIC, ZIPC_OPTION_SPARSE,
	ZIPC_ARRAY, ZIPC_QUEUE,
};
