/* SPDX-License-Identifier: MIT */
/* The format as C++ has compiled it. */
#include "../format_fields.h"

#include <zeroipc/detail/format.h>

#include <iterator>

using namespace zeroipc::detail;

#define F(section, type, field)                                              \
	{ section, #field, offsetof(type, field), sizeof(type::field), FIELD }
#define PAD(section, type, field)                                            \
	{ section, #field, offsetof(type, field), sizeof(type::field),       \
	  PADDING }

const field compiled[] = {
	F("Header", Header, magic),
	F("Header", Header, version),
	F("Header", Header, table_state),
	F("Header", Header, max_entries),
	F("Header", Header, format_word),
	F("Header", Header, size_bytes),
	F("Header", Header, segment_id),
	F("Header", Header, participants_offset),
	F("Header", Header, max_participants),
	F("Header", Header, created_ns),
	F("Header", Header, options),
	F("Header", Header, creator),
	F("Table", Entry, name),
	F("Table", Entry, extent),
	F("Users", Users, lives),
	/* As many as participants need: the page says so in words. */
	{ "Users", "bits", sizeof(Users), 0, FIELD },
	F("Participant", Participant, incarnation),
	F("Participant", Participant, pid),
	F("Participant", Participant, start_ticks),
	F("Participant", Participant, since_ns),
	F("Participant", Participant, pid_namespace),
	F("Participant", Participant, uid),
	F("Participant", Participant, name),
	F("Participant", Participant, reserved),
	F("Event word", Event, word),
	F("Event word", Event, nappers),
	F("Event word", Event, late_wakes),
	F("Block", Block, kind),
	F("Block", Block, generation),
	F("Block", Block, elem_size),
	F("Block", Block, capacity),
	F("Block", Block, flags),
	F("Block", Block, name_check),
	F("Block", Block, type_offset),
	F("Block", Block, type_length),
	F("Block", Block, body_offset),
	F("Block", Block, body_bytes),
	F("Block", Block, reserved),
	F("Block", Block, readable),
	F("Block", Block, writable),
	F("Block", Block, reserved_too),
	F("Queue", PlaceRing, slots),
	F("Queue", PlaceRing, slot_bytes),
	F("Queue", PlaceRing, writers),
	F("Queue", PlaceRing, writers_offset),
	F("Queue", PlaceRing, slots_offset),
	F("Queue", PlaceRing, takers),
	F("Queue", PlaceRing, taker_bytes),
	F("Queue", PlaceRing, takers_offset),
	F("Queue", PlaceRing, stream_offset),
	F("Queue", PlaceRing, reserved),
	F("Queue", PlaceRing, head),
	F("Queue", PlaceRing, taken),
	F("Queue", PlaceRing, given),
	PAD("Queue", PlaceRing, head_line),
	F("Queue", PlaceRing, verdict),
	F("Queue", PlaceRing, active),
	F("Queue", PlaceRing, patience),
	F("Queue", PlaceRing, reserved_too),
	F("Queue", PlaceRing, given_up),
	PAD("Queue", PlaceRing, settle_line),
	F("Queue", PlaceRing, tail),
	PAD("Queue", PlaceRing, tail_line),
	F("Writer", Writer, holder),
	F("Writer", Writer, claim),
	F("Writer", Writer, reserved),
	F("Taker", Taker, holder),
	F("Taker", Taker, lease),
	F("Taker", Taker, attempts),
	F("Taker", Taker, reserved),
	F("Slot", Slot, turn),
	/* As long as the element is: the page says so in words. */
	{ "Slot", "element", sizeof(Slot), 0, FIELD },
};
const size_t compiled_count = std::size(compiled);

const sized structs[] = {
	{ "Header", "zipc_header", sizeof(Header), true },
	{ "Table", "zipc_entry", sizeof(Entry), true },
	{ "Participant", "zipc_participant", sizeof(Participant),
	  true },
	{ "Event word", "zipc_event_word", sizeof(Event), true },
	{ "Block", "zipc_block", sizeof(Block), true },
	{ "Queue", "zipc_place_ring", sizeof(PlaceRing), true },
	{ "Writer", "zipc_writer", sizeof(Writer), true },
	{ "Taker", "zipc_taker", sizeof(Taker), true },
	{ "Slot", "zipc_slot", sizeof(Slot), false },
	{ "Users", "zipc_users", sizeof(Users), false },
};
const size_t structs_count = std::size(structs);

/* The C++ headers refuse these kinds: they do not know them yet. */
const char *const unknown_sections[] = {
	"Pool", "Cell",
	"Ring", "Reader",
	"Stack", "Stack writer", "Stack slot", "Channel", "Sender", "Offer",
	"Map and Set", "Map record", "Map cell",
	"Semaphore", "Barrier", "Party", "Latch", "Event",
	"Future", "Setter", "Lazy", "Lazy definition", "Lazy input",
	"Mutex", "RWLock", "Lock reader", "Once", "Owner", "Waiter",
	"Stream", "Subscription", "Derivation", "Source", "Batch",
	"Program", "Program constant", "Program input", "Program store",
	"Program instruction",
	"Flow", "Flow origin", "Flow operator", "Flow part", "Flow state",
	"Flow tally",
	nullptr,
};

const struct constants constants = {
	magic, format_version, format_word, most_entries, most_participants,
	option_symmetric, option_sparse, kind_array, kind_queue,
};
