# SPDX-License-Identifier: MIT
"""The table of structures: finding one by name, adding and removing one.

A structure is committed by one 64-bit store: in an entry behind all others that
of {entry_count, next_offset}, in one that was unused that of its extent. Until
then its block lies in no entry's extent, where nothing is anybody's, and a
creator that is killed anywhere leaves nothing. One more store of the extent
removes it; what happens to the block then: _use.py and _room.py.

What is found is copied, the copy is checked, and only the copy is used.
"""
import errno
import os
from typing import List, NamedTuple, Optional

from . import _atomics, types
from ._room import Room, find_room, read_state, set_state, tidy
from ._segment import Segment
from ._use import Extent, Peek, State, Use, word_of
from .errors import Damaged, Exists, NotFound, failure
from .format import (BLOCK, LINE, MOST_BYTES, NAME_MAX, TYPE_MAX, kind_name,
                     name_check, round_up)


class Found(NamedTuple):
    """A structure, by checked copies; offsets are in the mapping."""
    block: int
    body: int
    body_bytes: int
    elem_size: int
    capacity: int
    type: types.Type
    use: Use  # a handle takes it over


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

def _name(segment: Segment, i: int) -> Optional[bytes]:
    """Of entry i, if it has a structure."""
    table = segment.table
    if table.read(table.extent(i)).state is not State.THERE:
        return None
    return table.name(i)


def _look_up(segment: Segment, count: int, name: bytes) -> Optional[int]:
    """The entry of a structure of that name."""
    for i in range(count):
        if _name(segment, i) == name:
            return i
    return None


def _damaged(segment: Segment, name: bytes, what: str) -> Exception:
    return failure(errno.EBADMSG, f"structure `{os.fsdecode(name)}` in segment "
                   f"`/{segment.name}` is damaged: {what}")


def _copy_block(segment: Segment, name: bytes, extent: Extent) -> bytes:
    """The descriptor that an entry leads to, held against the mapping."""
    offset, size = extent.at, extent.bytes
    if not extent.fits(segment.blocks_begin, segment.size):
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


def _found(segment: Segment, name: bytes, use: Use, kind: int,
           type_: Optional[types.Type]) -> Found:
    block = _copy_block(segment, name, use.extent)
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
    offset = use.extent.at
    found = Found(block=offset, body=offset + BLOCK.get(block, "body_offset"),
                  body_bytes=BLOCK.get(block, "body_bytes"),
                  elem_size=BLOCK.get(block, "elem_size"),
                  capacity=BLOCK.get(block, "capacity"),
                  type=_read_type(segment, name, offset, block), use=use)
    if type_ is not None:
        _check_type(segment, os.fsdecode(name), found.type, type_)
    return found


def _went(use: Use) -> bool:
    """Whether what was copied may be anybody's, as it is only read."""
    _atomics.fence_acquire()
    return use.segment.read_only and not use.stands()


def _open(segment: Segment, name: bytes, use: Use, kind: int,
          type_: Optional[types.Type]) -> Optional[Found]:
    """What the use that has begun leads to; None: it went meanwhile."""
    try:
        found = _found(segment, name, use, kind, type_)
    except OSError:
        if _went(use):
            return None
        use.end()
        raise
    return None if _went(use) else found


def _check_type(segment: Segment, name: str, there: types.Type,
                wanted: types.Type) -> None:
    if there != wanted:
        raise failure(
            errno.EPROTOTYPE, f"`{name}` in segment `/{segment.name}` has "
            f"elements of type {there.text}, not {wanted.text}: "
            f"{types.difference(wanted, there)}")


def find(segment: Segment, name: str, kind: int,
         type_: Optional[types.Type]) -> Found:
    """The structure of that kind and, unless None, of that type. It looks
    again only when somebody has removed or created in between."""
    raw = name_bytes(name)
    if not segment.read_only:
        segment.enter()
    while True:
        entry = _look_up(segment, read_state(segment)[0], raw)
        if entry is None:
            raise failure(errno.ENOENT, f"no structure `{name}` in segment "
                          f"`/{segment.name}`")
        use = Use(segment, entry)
        if use.begin(raw):
            found = _open(segment, raw, use, kind, type_)
            if found:
                return found


def _listed(segment: Segment, i: int) -> Optional[Listed]:
    """A row for entry i, if it has a structure; it is copied, and then the
    entry must have stood."""
    while True:
        name = _name(segment, i)
        if name is None:
            return None
        use = Peek(segment, i)
        try:
            block = _copy_block(segment, name, use.extent)
            kind = BLOCK.get(block, "kind")
            row = Listed(os.fsdecode(name), kind_name(kind),
                         _read_type(segment, name, use.extent.at, block),
                         BLOCK.get(block, "capacity"))
        except Damaged:
            row = Listed(os.fsdecode(name), "structure", None, 0)
        _atomics.fence_acquire()
        if use.stands() and _name(segment, i) == name:
            return row


def listing(segment: Segment) -> List[Listed]:
    rows = (_listed(segment, i) for i in range(read_state(segment)[0]))
    return [row for row in rows if row is not None]


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


def _write_block(segment: Segment, at: int, lives: int, name: bytes,
                 plan: Plan) -> None:
    text = plan.type.text.encode()
    body = BLOCK.size + round_up(len(text) + 1, LINE)
    segment.bytes[at:at + BLOCK.size] = BLOCK.pack(
        kind=plan.kind, generation=lives & 0xFFFFFFFF, elem_size=plan.type.size,
        capacity=plan.capacity, name_check=name_check(name),
        type_offset=BLOCK.size, type_length=len(text), body_offset=body,
        body_bytes=plan.body_bytes)
    segment.bytes[at + BLOCK.size:at + BLOCK.size + len(text)] = text
    segment.bytes[at + body:at + body + len(plan.head)] = plan.head


def _commit(segment: Segment, name: bytes, room: Room, total: int) -> None:
    """The one store that makes it visible: of an entry behind all others that
    of the table's state, of one that was unused that of its extent."""
    segment.table.set_name(room.entry, name)
    if room.entry < room.entries:
        set_state(segment, room.entries, room.next)
    segment.table.set_extent(room.entry, word_of(room.at, total))
    if room.entry == room.entries:
        set_state(segment, room.entries + 1, room.next)


def _add(segment: Segment, name: str, raw: bytes, total: int,
         plan: Plan) -> Use:
    """Under the lock, where nobody can remove it: so it is used at once."""
    if _look_up(segment, read_state(segment)[0], raw) is not None:
        raise failure(errno.EEXIST, f"`{name}` exists in segment "
                      f"`/{segment.name}`: open it")
    room = find_room(segment, name, total)
    segment.reserve(room.at, total, room.end)
    _write_block(segment, room.at, segment.table.grow(room.entry), raw, plan)
    _commit(segment, raw, room, total)
    use = Use(segment, room.entry)
    if not use.begin(raw):
        raise _damaged(segment, raw, "it is not where it was put")
    return use


def create(segment: Segment, name: str, plan: Plan) -> Found:
    """Add name, as the plan says, and find it."""
    if segment.read_only:
        raise failure(
            errno.EROFS, f"segment `/{segment.name}` is open for reading "
            f"only: open it without read_only to create `{name}`")
    raw = name_bytes(name)
    total = _total(name, plan)
    with segment.locked():
        use = _add(segment, name, raw, total, plan)
    return _found(segment, raw, use, plan.kind, None)


def open_or_create(segment: Segment, name: str, plan: Plan) -> Found:
    """Find, or else add; found things must have the plan's capacity too."""
    while True:
        try:
            found = find(segment, name, plan.kind, plan.type)
            break
        except NotFound:
            if segment.read_only:
                raise
        try:
            found = create(segment, name, plan)
            break
        except Exists:
            pass  # others may remove and create it between our two looks
    if found.capacity != plan.capacity:
        raise failure(
            errno.EPROTOTYPE, f"`{name}` in segment `/{segment.name}` has a "
            f"capacity of {found.capacity}, not {plan.capacity}")
    return found


# removing

def remove(segment: Segment, name: str) -> None:
    """The name goes at once; the space when nobody has it open any more."""
    raw = name_bytes(name)
    if segment.read_only:
        raise failure(
            errno.EROFS, f"segment `/{segment.name}` is open for reading "
            f"only: open it without read_only to remove `{name}`")
    with segment.locked():
        count, free = read_state(segment)
        entry = _look_up(segment, count, raw)
        if entry is None:
            raise failure(errno.ENOENT, f"no structure `{name}` in segment "
                          f"`/{segment.name}`")
        word = segment.table.extent(entry)
        if not segment.table.read(word).fits(segment.blocks_begin, free):
            raise _damaged(segment, raw, "its block lies where none can be")
        segment.table.set_extent(entry, word ^ 0xFFFFFFFFFFFFFFFF)
        tidy(segment)
