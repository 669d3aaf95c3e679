# SPDX-License-Identifier: MIT
"""The bytes of a segment, format version 3.

docs/format.md is the authority; a test parses its tables and holds these
against them. Little-endian. The unit of space is the line of 64 bytes: offsets
and sizes in header and table count lines; inside a block they count bytes.
"""
from typing import Dict, NamedTuple, Tuple

MAGIC = 0x4D50495A  # "ZIPM"
VERSION = 3
LINE = 64
PAGE = 4096

DEFAULT_ENTRIES = 256
MOST_ENTRIES = 65536
DEFAULT_PARTICIPANTS = 128
MOST_PARTICIPANTS = 4096
MOST_BYTES = 0xFFFFFFFF * LINE
MOST_WRITERS = 4096

NAME_MAX = 31
TYPE_MAX = 1023
LIFE_BYTE = 1 << 62

OPTION_SYMMETRIC = 1  # full fences on both sides, no membarrier
OPTION_SPARSE = 2     # create reserves no memory
OPTIONS_KNOWN = 3

ARRAY, QUEUE = 1, 2
KIND_NAMES = {ARRAY: "array", QUEUE: "queue"}


class Field(NamedTuple):
    offset: int
    size: int


class Layout:
    """The fields of a struct: where each stands, and how long it is."""

    def __init__(self, name: str, size: int, /,
                 **fields: Tuple[int, int]) -> None:
        self.name = name
        self.size = size
        self.fields: Dict[str, Field] = {
            field: Field(*place) for field, place in fields.items()}

    def at(self, field: str) -> int:
        return self.fields[field].offset

    def get(self, image: bytes, field: str) -> int:
        """A field of an image of the struct, as a number."""
        offset, size = self.fields[field]
        return int.from_bytes(image[offset:offset + size], "little")

    def pack(self, **values: int) -> bytes:
        """An image of the struct; what is not named is zero."""
        image = bytearray(self.size)
        for field, value in values.items():
            offset, size = self.fields[field]
            image[offset:offset + size] = value.to_bytes(size, "little")
        return bytes(image)


HEADER = Layout(
    "zipc_header", 64,
    magic=(0x00, 4), version=(0x04, 4), table_state=(0x08, 8),
    max_entries=(0x10, 4), format_word=(0x14, 4), size_bytes=(0x18, 8),
    segment_id=(0x20, 8), participants_offset=(0x28, 4),
    max_participants=(0x2C, 4), created_ns=(0x30, 8), options=(0x38, 4),
    creator=(0x3C, 4))

ENTRY = Layout("zipc_entry", 40, name=(0x00, 32), extent=(0x20, 8))

# Behind the table, for each entry; bits, a word for 64 participants, follow.
USERS = Layout("zipc_users", 8, lives=(0x00, 8))

PARTICIPANT = Layout(
    "zipc_participant", 64,
    incarnation=(0x00, 4), pid=(0x04, 4), start_ticks=(0x08, 8),
    since_ns=(0x10, 8), pid_namespace=(0x18, 4), uid=(0x1C, 4),
    name=(0x20, 16), reserved=(0x30, 16))

EVENT = Layout("zipc_event_word", 16, word=(0x00, 4), nappers=(0x04, 8),
               late_wakes=(0x0C, 4))

BLOCK = Layout(
    "zipc_block", 128,
    kind=(0x00, 4), generation=(0x04, 4), elem_size=(0x08, 8),
    capacity=(0x10, 8), flags=(0x18, 4), name_check=(0x1C, 4),
    type_offset=(0x20, 4), type_length=(0x24, 4), body_offset=(0x28, 8),
    body_bytes=(0x30, 8), reserved=(0x38, 8), readable=(0x40, 16),
    writable=(0x50, 16), reserved_too=(0x60, 32))

PLACE_RING = Layout(
    "zipc_place_ring", 256,
    slots=(0x00, 8), slot_bytes=(0x08, 4), writers=(0x0C, 4),
    writers_offset=(0x10, 8), slots_offset=(0x18, 8), takers=(0x20, 4),
    taker_bytes=(0x24, 4), takers_offset=(0x28, 8),
    stream_offset=(0x30, 8), reserved=(0x38, 8),
    head=(0x40, 8), taken=(0x48, 8), given=(0x50, 8), verdict=(0x80, 8),
    active=(0x88, 8), patience=(0x90, 4), reserved_too=(0x94, 4),
    given_up=(0x98, 8), tail=(0xC0, 8))

WRITER = Layout("zipc_writer", 64, holder=(0x00, 8), claim=(0x08, 8),
                reserved=(0x10, 48))

# Of a queue with leases, which is refused here.
TAKER = Layout("zipc_taker", 24, holder=(0x00, 8), lease=(0x08, 8),
               attempts=(0x10, 4), reserved=(0x14, 4))

SLOT_TURN_BYTES = 8

LAYOUTS = (HEADER, ENTRY, USERS, PARTICIPANT, EVENT, BLOCK, PLACE_RING, WRITER,
           TAKER)

# Another build's sizes make another word, and it is refused.
FORMAT_WORD = (LINE | ENTRY.size << 8 | PARTICIPANT.size << 16 |
               BLOCK.size << 24)


def round_up(n: int, unit: int) -> int:
    return (n + unit - 1) // unit * unit


def users_begin(entries: int) -> int:
    return round_up(HEADER.size + entries * ENTRY.size, LINE)


def users_stride(participants: int) -> int:
    return USERS.size + (participants + 63) // 64 * 8


def users_end(entries: int, participants: int) -> int:
    """Where participants begin."""
    return round_up(users_begin(entries) +
                    entries * users_stride(participants), LINE)


def name_check(name: bytes) -> int:
    """32-bit FNV-1a: the check of a name that stands in its descriptor."""
    value = 2166136261
    for byte in name:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


def kind_name(kind: int) -> str:
    return KIND_NAMES.get(kind, "structure")


def holder(index: int, incarnation: int) -> int:
    """The word that names a participant where something is claimed."""
    return incarnation << 16 | (index + 1)
