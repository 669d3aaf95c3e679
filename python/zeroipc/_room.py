# SPDX-License-Identifier: MIT
"""Room for structures, under the lock of who creates and removes. What is free
follows from the table each time: it is what lies in no entry's extent.

An entry becomes unused in this order: the block's whole pages are given back,
its name becomes zero, its extent becomes zero; who comes after a death in that
does it again. next_offset is where the last extent ends, and never less. A
table that is damaged tells nothing of what is free: then nothing is freed, and
what is created goes beyond next_offset.
"""
import errno
from typing import Dict, List, NamedTuple, Tuple

from . import _atomics, _use
from ._segment import Segment
from ._use import Extent, State
from .errors import failure
from .format import HEADER, LINE


def read_state(segment: Segment) -> Tuple[int, int]:
    """How many entries, and the line behind the last block, in bytes."""
    # table: acquire; pairs with set_state().
    state = segment.words64[HEADER.at("table_state") // 8]
    count, free = state & 0xFFFFFFFF, (state >> 32) * LINE
    if count > segment.max_entries or \
            not segment.blocks_begin <= free <= segment.size:
        raise failure(
            errno.EBADMSG, f"segment `/{segment.name}` is damaged: its table "
            f"says {count} entries of {segment.max_entries}, and {free} bytes "
            f"of {segment.size}")
    return count, free


def set_state(segment: Segment, count: int, free: int) -> None:
    # table: release; pairs with read_state().
    segment.words64[HEADER.at("table_state") // 8] = \
        free // LINE << 32 | count


class _Survey:
    """What the table has, of entries that are not unused."""

    def __init__(self, segment: Segment) -> None:
        self.count, self.next = read_state(segment)
        self.unused, self.held, self.damaged = self.count, 0, False
        self.extents: List[Extent] = []  # in the order of the file
        table = segment.table
        for i in range(self.count):
            extent = table.read(table.extent(i))
            if extent.state is State.UNUSED:
                self.unused = min(self.unused, i)
                continue
            if extent.state is State.REMOVED:
                self.held += extent.bytes
            if not extent.fits(table.begin, self.next):
                self.damaged = True
            self.extents.append(extent)
        self.extents.sort(key=lambda extent: extent.at)
        self.last = table.begin
        for extent in self.extents:
            self.damaged = self.damaged or extent.at < self.last
            self.last = extent.end


def _free_unused(segment: Segment, count: int) -> bool:
    """Of the removed entries those that nobody can use; if there were any."""
    known: Dict[int, bool] = {}
    table, freed = segment.table, False
    # Between marking an entry, by this process or one that had the lock
    # before, and looking at its bits; who opens runs one between raising its
    # bit and looking at the entry.
    _atomics.fence_full()
    for i in range(count):
        extent = table.read(table.extent(i))
        if extent.state is not State.REMOVED or \
                _use.is_used(segment, i, known):
            continue
        segment.give_back(extent.at, extent.end)
        table.set_name(i, b"")
        table.set_extent(i, 0)
        freed = True
    return freed


def tidy(segment: Segment) -> _Survey:
    """Read the table, and free what can be."""
    survey = _Survey(segment)
    if survey.damaged:
        return survey
    if survey.held and _free_unused(segment, survey.count):
        survey = _Survey(segment)
    if survey.last < survey.next:
        survey.next = survey.last
        set_state(segment, survey.count, survey.next)
    return survey


class Room(NamedTuple):
    """Where a structure is to be put."""
    entry: int  # below entries: it is unused
    entries: int  # of the table, now
    at: int
    end: int   # up to here all bytes are nobody's
    next: int  # next_offset, once the block is there


def find_room(segment: Segment, name: str, total: int) -> Room:
    survey = tidy(segment)
    if survey.unused >= segment.max_entries:
        raise failure(
            errno.ENOSPC, f"the table of segment `/{segment.name}` is full "
            f"with {survey.count} structures: create the segment with more "
            "(max_entries)")
    at, extents, most = segment.blocks_begin, survey.extents, 0
    if survey.damaged:
        at, extents = survey.next, []
    # The first gap that is large enough.
    for begin, next_at in zip([at] + [extent.end for extent in extents],
                              [extent.at for extent in extents] +
                              [segment.size]):
        if next_at - begin >= total:
            return Room(survey.unused, survey.count, begin, next_at,
                        max(survey.next, begin + total))
        most = max(most, next_at - begin)
    held = ", or end who still has removed ones open: they hold " \
        f"{survey.held}" if survey.held else ""
    raise failure(
        errno.ENOSPC, f"`{name}` takes {total} bytes, segment "
        f"`/{segment.name}` has {most} left in one piece, of {segment.size}: "
        f"create a larger one{held}")
