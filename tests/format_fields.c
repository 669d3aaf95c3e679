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
	F("Queue", zipc_place_ring, reserved),
	F("Queue", zipc_place_ring, head),
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
	F("Slot", zipc_slot, turn),
	/* As long as the element is: the page says so in words. */
	{ "Slot", "element", offsetof(struct zipc_slot, element), 0, FIELD },
	F("Map and Set", zipc_hop, cells),
	F("Map and Set", zipc_hop, key_bytes),
	F("Map and Set", zipc_hop, value_bytes),
	F("Map and Set", zipc_hop, cell_bytes),
	F("Map and Set", zipc_hop, records),
	F("Map and Set", zipc_hop, seed),
	F("Map and Set", zipc_hop, records_offset),
	F("Map and Set", zipc_hop, homes_offset),
	F("Map and Set", zipc_hop, cells_offset),
	F("Map and Set", zipc_hop, records_used),
	F("Map and Set", zipc_hop, nearly_full),
	F("Map and Set", zipc_hop, reserved),
	F("Map record", zipc_hop_record, holder),
	F("Map record", zipc_hop_record, intent),
	F("Map record", zipc_hop_record, inserted),
	F("Map record", zipc_hop_record, removed),
	F("Map record", zipc_hop_record, reserved),
	F("Map cell", zipc_hop_cell, word),
	{ "Map cell", "content", offsetof(struct zipc_hop_cell, content), 0,
	  FIELD },
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
	{ "Slot", "zipc_slot", sizeof(struct zipc_slot), false },
	{ "Map and Set", "zipc_hop", sizeof(struct zipc_hop), true },
	{ "Map record", "zipc_hop_record", sizeof(struct zipc_hop_record),
	  true },
	{ "Map cell", "zipc_hop_cell", sizeof(struct zipc_hop_cell), false },
	{ "Users", "zipc_users", sizeof(struct zipc_users), false },
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
