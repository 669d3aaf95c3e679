# SPDX-License-Identifier: MIT
"""Uses: who may still touch a structure's block, so that its space is used
again when nobody can.

Each entry has a row with a bit for each participant, outside of all blocks. Who
opens raises its bit, runs a full fence, and looks at the entry once more: if
that is no longer the structure of that name, it lowers the bit and looks the
name up again. Who removes marks the entry, runs a full fence, and looks at the
bits. So one of the two sees the other, and nothing is written into a block that
may be somebody else's.

A bit is written only by who holds its participant's place, and believed only
while that lives; who takes a place lowers its bits before it opens anything. A
forked child raises bits of its own when it first enters, and has lost what was
removed by then. Who only reads has no bits: it copies, and then asks whether
the entry stood meanwhile.
"""
import errno
from enum import Enum
from typing import TYPE_CHECKING, Dict, NamedTuple

from . import _atomics
from .errors import failure
from .format import (BLOCK, ENTRY, HEADER, LINE, NAME_MAX, users_begin,
                     users_stride)

if TYPE_CHECKING:
    from ._segment import Segment

_MOST = 0xFFFFFFFF
_COMPLEMENT = (1 << 64) - 1


class State(Enum):
    UNUSED, THERE, REMOVED = range(3)


class Extent(NamedTuple):
    """What an entry's word says: where a block is, in bytes."""
    state: State
    at: int
    bytes: int

    @property
    def end(self) -> int:
        return self.at + self.bytes

    def fits(self, begin: int, end: int) -> bool:
        """Whether there can be a block, where blocks stand in between."""
        return self.bytes >= BLOCK.size and begin <= self.at and \
            self.end <= end


def word_of(at: int, size: int) -> int:
    return at // LINE | size // LINE << 32


def _extent_of(word: int, state: State) -> Extent:
    return Extent(state, (word & _MOST) * LINE, (word >> 32) * LINE)


class Used:
    """What this process uses of one entry."""
    __slots__ = ("extent", "lives", "handles")

    def __init__(self) -> None:
        self.extent = self.lives = self.handles = 0


class Table:
    """The table of a mapping, whose entries' rows stand behind it."""

    def __init__(self, segment: "Segment", begin: int) -> None:
        self._words = segment.words64
        self._bytes = segment.bytes
        self._address = segment.address
        self._rows = users_begin(segment.max_entries)
        self._stride = users_stride(segment.places.count)
        self.begin, self.end = begin, segment.size

    @staticmethod
    def _entry(i: int) -> int:
        return HEADER.size + i * ENTRY.size

    def name(self, i: int) -> bytes:
        at = self._entry(i)
        return bytes(self._bytes[at:at + NAME_MAX]).split(b"\0", 1)[0]

    def set_name(self, i: int, name: bytes) -> None:
        at = self._entry(i)
        self._bytes[at:at + NAME_MAX + 1] = name.ljust(NAME_MAX + 1, b"\0")

    def extent(self, i: int) -> int:
        # entry: acquire; pairs with set_extent().
        return int(self._words[(self._entry(i) + ENTRY.at("extent")) // 8])

    def set_extent(self, i: int, word: int) -> None:
        # entry: release; pairs with extent().
        self._words[(self._entry(i) + ENTRY.at("extent")) // 8] = word

    def read(self, word: int) -> Extent:
        """Offset and size of a structure add up to less than a segment can
        have, their complements to more. A word that can be neither says that
        there is a structure, so that who looks for it finds the damage."""
        if not word:
            return Extent(State.UNUSED, 0, 0)
        removed = _extent_of(word ^ _COMPLEMENT, State.REMOVED)
        if (word & _MOST) + (word >> 32) < _MOST or \
                not removed.fits(self.begin, self.end):
            return _extent_of(word, State.THERE)
        return removed

    def _row(self, i: int) -> int:
        return self._rows + i * self._stride

    def lives(self, i: int) -> int:
        # life: acquire; pairs with grow().
        return int(self._words[self._row(i) // 8])

    def grow(self, i: int) -> int:
        """The entry gets another structure; under the lock of who creates."""
        count = self.lives(i) + 1
        # life: release; pairs with lives().
        self._words[self._row(i) // 8] = count
        return count

    def _word(self, i: int, place: int) -> int:
        return self._row(i) + 8 + place // 64 * 8

    def bits(self, i: int, place: int) -> int:
        # last-use: acquire; pairs with lower().
        return int(self._words[self._word(i, place) // 8])

    def raise_bit(self, i: int, place: int) -> None:
        _atomics.set_bits(self._address + self._word(i, place),
                          1 << place % 64)

    def lower_bit(self, i: int, place: int) -> None:
        # last-use: release; pairs with bits().
        _atomics.clear_bits(self._address + self._word(i, place),
                            1 << place % 64)


class Peek:
    """What an entry has, for who copies and then asks whether it stood."""

    def __init__(self, segment: "Segment", entry: int) -> None:
        self.segment = segment
        self._entry = entry
        self._extent = segment.table.extent(entry)
        self._lives = segment.table.lives(entry)

    @property
    def extent(self) -> Extent:
        return self.segment.table.read(self._extent)

    def stands(self) -> bool:
        """Whether the entry is still what it was. For who has no bit, behind
        an acquire fence: what it copied before was the structure's."""
        table = self.segment.table
        return table.extent(self._entry) == self._extent and \
            table.lives(self._entry) == self._lives


class Use(Peek):
    """What a handle has of its structure's entry, until it goes. Views of the
    memory keep it."""
    _begun = False

    def _look(self, name: bytes) -> bool:
        table = self.segment.table
        self._extent = table.extent(self._entry)
        self._lives = table.lives(self._entry)
        return table.read(self._extent).state is State.THERE and \
            table.name(self._entry) == name

    def begin(self, name: bytes) -> bool:
        """False: it is another one by now, and nothing was begun."""
        segment = self.segment
        if segment.read_only:
            found = self._look(name)
            _atomics.fence_acquire()
            return found and self.stands()
        with segment.uses_mutex:
            used = segment.uses.setdefault(self._entry, Used())
            # First, so that no handle that goes meanwhile is the last.
            used.handles += 1
            self._begun = True
            segment.table.raise_bit(self._entry, segment.place)
            # Between raising the bit and looking at the entry; who removes
            # runs one between marking the entry and looking at the bit.
            _atomics.fence_full()
            if self._look(name):
                used.extent, used.lives = self._extent, self._lives
                return True
            self._begun = False
            self._leave(used)
        return False

    def _leave(self, used: Used) -> None:
        segment = self.segment
        used.handles -= 1
        if used.handles:
            return
        del segment.uses[self._entry]
        # After fork, until the child has entered, it has no bits.
        if segment.is_joined():
            segment.table.lower_bit(self._entry, segment.place)

    def end(self) -> None:
        """Harmless twice."""
        if not self._begun:
            return
        with self.segment.uses_mutex:
            used = self.segment.uses.get(self._entry)
            if self._begun and used is not None and used.lives == self._lives:
                self._leave(used)
            self._begun = False

    def __del__(self) -> None:
        self.end()

    def _lost(self, name: str) -> Exception:
        return failure(errno.ENOENT, f"`{name}` in segment "
                       f"`/{self.segment.name}` was removed: look it up again")

    def enter(self, name: str) -> None:
        """The first step of a forked child; ENOENT: it was removed before."""
        self.segment.enter()
        with self.segment.uses_mutex:
            used = self.segment.uses.get(self._entry)
            if used is None or used.lives != self._lives:
                raise self._lost(name)

    def confirm(self, name: str) -> None:
        """Behind what one without a bit has copied."""
        _atomics.fence_acquire()
        if not self.stands():
            raise self._lost(name)


class Held:
    """Memory of a block, as NumPy takes it; views of it keep the use."""

    def __init__(self, use: Use, offset: int, size: int) -> None:
        self._use = use
        self.__array_interface__ = {
            "version": 3, "typestr": "|u1", "shape": (size,),
            "data": (use.segment.address + offset, use.segment.read_only)}


def forget(segment: "Segment") -> None:
    """The place is new to this process: its bits are of somebody dead."""
    place = segment.place
    for i in range(segment.max_entries):
        if segment.table.bits(i, place) >> place % 64 & 1:
            segment.table.lower_bit(i, place)


def inherit(segment: "Segment") -> None:
    """In a forked child that has joined: raise bits for what it inherited."""
    table = segment.table
    for i in segment.uses:
        table.raise_bit(i, segment.place)
    # As who opens: between raising bits and looking at entries.
    _atomics.fence_full()
    for i, used in list(segment.uses.items()):
        if (table.extent(i), table.lives(i)) != (used.extent, used.lives):
            table.lower_bit(i, segment.place)
            del segment.uses[i]


def is_used(segment: "Segment", entry: int, known: Dict[int, bool]) -> bool:
    """Whether any participant that lives has the entry's bit up; known keeps
    who was found alive."""
    for begin in range(0, segment.places.count, 64):
        bits = segment.table.bits(entry, begin)
        for place in range(begin, min(begin + 64, segment.places.count)):
            if not bits >> place % 64 & 1:
                continue
            if place not in known:
                known[place] = segment.place_lives(place)
            if known[place]:
                return True
    return False

