# SPDX-License-Identifier: MIT
"""The table of structures: finding one by name, and adding one.

One 64-bit store of {entry_count, next_offset} commits a new structure: until
then its block and its entry lie beyond both, and nobody looks there. So a
creator that is killed anywhere leaves nothing.

What is found is copied, the copy is checked, and only the copy is used.
"""
import errno
import os
from typing import Iterator, List, NamedTuple, Optional, Tuple

from . import types
from ._segment import Segment
from .errors import Damaged, Exists, NotFound, failure
from .format import (BLOCK, ENTRY, HEADER, LINE, MOST_BYTES, NAME_MAX,
                     TYPE_MAX, kind_name, name_check, round_up)


class Found(NamedTuple):
    """A structure, by checked copies; offsets are in the mapping."""
    block: int
    body: int
    body_bytes: int
    elem_size: int
    capacity: int
    type: types.Type


class Plan(NamedTuple):
    """What a kind wants to add."""
    kind: int
    type: types.Type
    capacity: int
    body_bytes: int
    head: bytes  # the body's first bytes; the rest is zero
    elem_size_max: int


class Listed(NamedTuple):
    """A row of Memory.list()."""
    name: str
    kind: str
    type: Optional[types.Type]  # None: its block is damaged
    capacity: int


def name_bytes(name: str) -> bytes:
    """A structure's name, checked."""
    raw = os.fsencode(name)
    if len(raw) > NAME_MAX:
        raise failure(errno.ENAMETOOLONG, f"a structure's name has at most "
                      f"{NAME_MAX} bytes: `{name}` has {len(raw)}")
    if raw in (b"", b".", b"..") or \
            any(byte < 0x20 or byte in (0x7F, 0x2F) for byte in raw):
        raise failure(errno.EINVAL, f"`{name}` cannot name a structure: use a "
                      "word without `/` and control characters")
    return raw


# finding

def _state(segment: Segment) -> Tuple[int, int]:
    """How many entries, and the first free byte; checked."""
    # table: acquire; pairs with _commit().
    state = segment.words64[HEADER.at("table_state") // 8]
    count, free = state & 0xFFFFFFFF, (state >> 32) * LINE
    if count > segment.max_entries or \
            not segment.blocks_begin <= free <= segment.size:
        raise failure(
            errno.EBADMSG, f"segment `/{segment.name}` is damaged: its table "
            f"says {count} entries of {segment.max_entries}, and {free} bytes "
            f"of {segment.size}")
    return count, free


def _entries(segment: Segment, count: int) -> Iterator[Tuple[bytes, bytes]]:
    """Each entry's name, and a copy of it."""
    for at in range(HEADER.size, HEADER.size + count * ENTRY.size,
                    ENTRY.size):
        entry = bytes(segment.bytes[at:at + ENTRY.size])
        yield entry[:NAME_MAX].split(b"\0", 1)[0], entry


def _look_up(segment: Segment, count: int, name: bytes) -> Optional[bytes]:
    for other, entry in _entries(segment, count):
        if other == name:
            return entry
    return None


def _damaged(segment: Segment, name: bytes, what: str) -> Exception:
    return failure(errno.EBADMSG, f"structure `{os.fsdecode(name)}` in segment "
                   f"`/{segment.name}` is damaged: {what}")


def _copy_block(segment: Segment, name: bytes, entry: bytes) -> bytes:
    """The descriptor that the entry leads to, held against the mapping."""
    offset = ENTRY.get(entry, "offset") * LINE
    size = ENTRY.get(entry, "size") * LINE
    if size < BLOCK.size or offset < segment.blocks_begin or \
            offset + size > segment.size:
        raise _damaged(segment, name, "its block lies where none can be")
    block = bytes(segment.bytes[offset:offset + BLOCK.size])
    if BLOCK.get(block, "name_check") != name_check(name):
        raise _damaged(segment, name, "its block belongs to another name")
    length, at = (BLOCK.get(block, "type_length"),
                  BLOCK.get(block, "type_offset"))
    if length > TYPE_MAX or at < BLOCK.size or at + length > size:
        raise _damaged(segment, name, "its type text lies beyond its block")
    body = BLOCK.get(block, "body_offset")
    if body % LINE or body < BLOCK.size or \
            body + BLOCK.get(block, "body_bytes") > size:
        raise _damaged(segment, name, "its body lies beyond its block")
    return block


def _read_type(segment: Segment, name: bytes, offset: int,
               block: bytes) -> types.Type:
    at = offset + BLOCK.get(block, "type_offset")
    text = bytes(segment.bytes[at:at + BLOCK.get(block, "type_length")])
    try:
        type_ = types.parse(text)
    except ValueError:
        raise _damaged(segment, name,
                       "its type text makes no sense") from None
    if type_.size != BLOCK.get(block, "elem_size") or \
            not BLOCK.get(block, "capacity"):
        raise _damaged(segment, name, "its type and its sizes do not agree")
    return type_


def _found(segment: Segment, name: bytes, entry: bytes, kind: int) -> Found:
    block = _copy_block(segment, name, entry)
    there = BLOCK.get(block, "kind")
    if there != kind:
        raise failure(
            errno.EPROTOTYPE, f"`{os.fsdecode(name)}` in segment "
            f"`/{segment.name}` is of kind {kind_name(there)} ({there}), not "
            f"{kind_name(kind)}: open it as what it is")
    flags = BLOCK.get(block, "flags")
    if flags:  # one says that the body differs; none is known here
        raise failure(
            errno.EPROTOTYPE, f"`{os.fsdecode(name)}` in segment "
            f"`/{segment.name}` is a {kind_name(kind)} with flags "
            f"0x{flags:x}, which this version does not know: use it from C, "
            "or a newer version")
    offset = ENTRY.get(entry, "offset") * LINE
    return Found(block=offset, body=offset + BLOCK.get(block, "body_offset"),
                 body_bytes=BLOCK.get(block, "body_bytes"),
                 elem_size=BLOCK.get(block, "elem_size"),
                 capacity=BLOCK.get(block, "capacity"),
                 type=_read_type(segment, name, offset, block))


def _check_type(segment: Segment, name: str, there: types.Type,
                wanted: types.Type) -> None:
    if there != wanted:
        raise failure(
            errno.EPROTOTYPE, f"`{name}` in segment `/{segment.name}` has "
            f"elements of type {there.text}, not {wanted.text}: "
            f"{types.difference(wanted, there)}")


def find(segment: Segment, name: str, kind: int,
         type_: Optional[types.Type]) -> Found:
    """The structure of that kind and, unless None, of that type."""
    raw = name_bytes(name)
    entry = _look_up(segment, _state(segment)[0], raw)
    if entry is None:
        raise failure(errno.ENOENT,
                      f"no structure `{name}` in segment `/{segment.name}`")
    found = _found(segment, raw, entry, kind)
    if type_ is not None:
        _check_type(segment, name, found.type, type_)
    return found


def listing(segment: Segment) -> List[Listed]:
    rows = []
    for name, entry in _entries(segment, _state(segment)[0]):
        try:
            block = _copy_block(segment, name, entry)
            kind = BLOCK.get(block, "kind")
            rows.append(Listed(
                os.fsdecode(name), kind_name(kind),
                _read_type(segment, name, ENTRY.get(entry, "offset") * LINE,
                           block), BLOCK.get(block, "capacity")))
        except Damaged:
            rows.append(Listed(os.fsdecode(name), "structure", None, 0))
    return rows


# adding

def _total(name: str, plan: Plan) -> int:
    """The block's size; measured before anything is locked."""
    if plan.capacity < 1:
        raise failure(errno.EINVAL, f"the capacity of `{name}` is "
                      f"{plan.capacity}: it must hold at least one element")
    if plan.type.size > plan.elem_size_max:
        raise failure(
            errno.EINVAL, f"elements of `{name}` are {plan.type.size} bytes: "
            f"a {kind_name(plan.kind)} takes at most {plan.elem_size_max}")
    if plan.body_bytes > MOST_BYTES:
        raise failure(errno.ENOSPC, f"`{name}` would take more than the 256 "
                      "GiB that a segment can have")
    return BLOCK.size + round_up(len(plan.type.text) + 1, LINE) + \
        round_up(plan.body_bytes, LINE)


def _check_room(segment: Segment, name: str, count: int, free: int,
                total: int) -> None:
    if count >= segment.max_entries:
        raise failure(
            errno.ENOSPC, f"the table of segment `/{segment.name}` is full "
            f"with {count} structures: create the segment with more "
            "(max_entries)")
    if total > segment.size - free:
        raise failure(
            errno.ENOSPC, f"`{name}` takes {total} bytes, segment "
            f"`/{segment.name}` has {segment.size - free} left of "
            f"{segment.size}: create a larger one")


def _write_block(segment: Segment, at: int, name: bytes, plan: Plan) -> None:
    text = plan.type.text.encode()
    body = BLOCK.size + round_up(len(text) + 1, LINE)
    segment.bytes[at:at + BLOCK.size] = BLOCK.pack(
        kind=plan.kind, generation=1, elem_size=plan.type.size,
        capacity=plan.capacity, name_check=name_check(name),
        type_offset=BLOCK.size, type_length=len(text), body_offset=body,
        body_bytes=plan.body_bytes)
    segment.bytes[at + BLOCK.size:at + BLOCK.size + len(text)] = text
    segment.bytes[at + body:at + body + len(plan.head)] = plan.head


def _commit(segment: Segment, name: bytes, count: int, at: int,
            total: int) -> None:
    entry = HEADER.size + count * ENTRY.size
    segment.bytes[entry:entry + ENTRY.size] = \
        name.ljust(NAME_MAX + 1, b"\0") + \
        (at // LINE).to_bytes(4, "little") + \
        (total // LINE).to_bytes(4, "little")
    # table: release; pairs with _state().
    segment.words64[HEADER.at("table_state") // 8] = \
        (at + total) // LINE << 32 | (count + 1)


def create(segment: Segment, name: str, plan: Plan) -> Found:
    """Add name, as the plan says, and find it."""
    if segment.read_only:
        raise failure(
            errno.EROFS, f"segment `/{segment.name}` is open for reading "
            f"only: open it without read_only to create `{name}`")
    raw = name_bytes(name)
    total = _total(name, plan)
    with segment.locked():
        count, free = _state(segment)
        if _look_up(segment, count, raw) is not None:
            raise failure(errno.EEXIST, f"`{name}` exists in segment "
                          f"`/{segment.name}`: open it")
        _check_room(segment, name, count, free, total)
        segment.reserve(free, total)
        _write_block(segment, free, raw, plan)
        _commit(segment, raw, count, free, total)
    return find(segment, name, plan.kind, None)


def open_or_create(segment: Segment, name: str, plan: Plan) -> Found:
    """Find, or else add; found things must have the plan's capacity too."""
    try:
        found = find(segment, name, plan.kind, plan.type)
    except NotFound:
        if segment.read_only:
            raise
        try:
            found = create(segment, name, plan)
        except Exists:
            found = find(segment, name, plan.kind, plan.type)
    if found.capacity != plan.capacity:
        raise failure(
            errno.EPROTOTYPE, f"`{name}` in segment `/{segment.name}` has a "
            f"capacity of {found.capacity}, not {plan.capacity}")
    return found
