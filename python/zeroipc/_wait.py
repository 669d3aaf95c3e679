# SPDX-License-Identifier: MIT
"""The event word: sleeping until something may have changed.

The word is {wakes, arrivals, CROWD, SLEEPERS}. A sleeper counts its arrival
and sets SLEEPERS, runs a heavy fence, looks again, and sleeps only while the
word is as it left it. A waker publishes, and then plainly loads the word. A
process may die between its commit and its wake, so sleepers nap: two of them
look every 100 ms, the others every 5 s; docs/format.md has the rules.

Python runs the handlers of signals between two of its own steps, so a sleep
returns at a signal, and is cut into slices for one that comes just before it.
"""
import os
import time
from typing import Callable

from . import _atomics
from ._segment import Segment
from .format import EVENT

_SLEEPERS, _CROWD = 1, 2
_ARRIVAL, _ARRIVALS = 0x00000004, 0x0001FFFC
_WAKE, _WAKES = 0x00020000, 0xFFFE0000
_MASK = 0xFFFFFFFF

_NAP_NS = 100_000_000
_LONG_NAP_NS = 5_000_000_000
_SLICE_NS = 200_000_000
_WATCH_MS = 300  # a napper that is not heard of for longer is gone
_GRACE_NS = 10_000_000
_GLANCES = 20    # before sleeping
FOREVER = (1 << 63) - 1


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000 & _MASK


def _expired(stamp: int) -> bool:
    """One that lies behind, or further ahead than any can."""
    return stamp == 0 or (stamp - _now_ms() & _MASK) > _WATCH_MS


class Event:
    """An event of a block; offset is in the mapping."""

    def __init__(self, segment: Segment, offset: int) -> None:
        self._symmetric = segment.symmetric
        self._words = segment.words32
        #: Where SLEEPERS stands, among the segment's words of 4 bytes.
        self.word = (offset + EVENT.at("word")) // 4
        self._nappers = (offset + EVENT.at("nappers")) // 4
        self._base = segment.address
        self._address = segment.address + offset + EVENT.at("word")
        self._late = segment.address + offset + EVENT.at("late_wakes")
        self._segment = segment

    # the waker

    def wake(self, n: int) -> None:
        """After a publication that n waiters may use, where a light fence and
        a load of the word have shown sleepers."""
        while True:
            seen = self._words[self.word]
            if not seen & _SLEEPERS:
                return
            # The count of wakes tells a sleeper whose nap ends just now that
            # it is being woken.
            after = seen + _WAKE & _MASK
            if _atomics.cas32(self._address, seen, after):
                break
        if _atomics.futex_wake(self._address, n) < n:
            self._clear(after, _SLEEPERS | _CROWD)

    def _clear(self, seen: int, bits: int) -> None:
        """Unless somebody has arrived since seen was read."""
        _atomics.cas32(self._address, seen, seen & ~bits)

    # the sleeper

    def _arrive(self, crowd: bool) -> int:
        bits = _SLEEPERS | (_CROWD if crowd else 0)
        while True:
            seen = self._words[self.word]
            mine = seen & ~_ARRIVALS | (seen + _ARRIVAL) & _ARRIVALS | bits
            if _atomics.cas32(self._address, seen, mine):
                return int(mine)

    def _sleep(self, ticket: int, until_ns: int) -> bool:
        """Until the word changes; True: by time."""
        while True:
            end = min(until_ns, time.monotonic_ns() + _SLICE_NS)
            if not _atomics.futex_sleep(self._address, ticket, end):
                return False
            if time.monotonic_ns() >= until_ns:
                return True

    def _count_late(self, ticket: int) -> None:
        """A nap ended by time and found work. Was its waker just on the way?
        Then the count of wakes soon changes."""
        until = time.monotonic_ns() + _GRACE_NS
        while True:
            seen = self._words[self.word]
            if (seen ^ ticket) & _WAKES:
                return
            if _atomics.futex_sleep(self._address, seen, until):
                _atomics.fetch_add(self._late, 4, 1)
                return

    def wait(self, deadline_ns: int, attempt: Callable[[], int]) -> int:
        """Call attempt(), which returns 0 while what is waited for is not
        there, until it returns something else, or the deadline has passed:
        then 0. The caller has made the first attempt."""
        for _ in range(_GLANCES):
            os.sched_yield()
            moved = attempt()
            if moved:
                return moved
            if time.monotonic_ns() >= deadline_ns:
                break
        napper = _Napper(self)
        try:
            return self._nap(napper, deadline_ns, attempt)
        finally:
            napper.leave()

    def _nap(self, napper: "_Napper", deadline_ns: int,
             attempt: Callable[[], int]) -> int:
        while True:
            napper.keep()
            ticket = self._arrive(not napper.take())
            _atomics.fence_heavy(self._symmetric)
            napper.take()  # behind the fence: who leaves has one as well
            moved = attempt()
            if moved:
                return moved
            nap = _LONG_NAP_NS if napper.place < 0 else _NAP_NS
            by_time = self._sleep(ticket, min(
                deadline_ns, time.monotonic_ns() + nap))
            moved = attempt()
            if moved:
                if by_time:
                    self._count_late(ticket)
                return moved
            if time.monotonic_ns() >= deadline_ns:
                return 0


class _Napper:
    """One of the two who keep watch, or not; its place expires by itself."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._words = event._words
        self.place = -1
        self._stamp = 0

    def _change(self, place: int, seen: int, stamp: int) -> bool:
        index = self._event._nappers + place
        return _atomics.cas32(self._event._base + 4 * index, seen, stamp)

    def take(self) -> bool:
        until = (_now_ms() + _WATCH_MS) & _MASK or 1
        for place in (0, 1):
            if self.place >= 0:
                break
            stamp = self._words[self._event._nappers + place]
            if _expired(stamp) and self._change(place, stamp, until):
                self.place, self._stamp = place, until
        return self.place >= 0

    def keep(self) -> None:
        """Before each nap; a place that was taken as expired is lost."""
        if self.place < 0:
            return
        until = (_now_ms() + _WATCH_MS) & _MASK or 1
        if self._change(self.place, self._stamp, until):
            self._stamp = until
        else:
            self.place = -1

    def leave(self) -> None:
        if self.place < 0 or not self._change(self.place, self._stamp, 0):
            return
        # Who saw this place taken has set CROWD and then looked once more, so
        # either it finds the place free or CROWD is found here.
        _atomics.fence_full()
        event = self._event
        seen = self._words[event.word]
        if seen & _CROWD and not _atomics.futex_wake(event._address, 1):
            event._clear(seen, _CROWD)
