# SPDX-License-Identifier: MIT
"""The place ring's repairs: settling a position whose writer is slow, stopped
or dead, and what a writer does that was settled. docs/format.md has the rules,
and the essay of libzeroipc/place_ring.h the argument; the order of the steps is
what makes them right.
"""
import errno
import os
import time
from typing import Any, Optional

import numpy as np

from . import _atomics
from ._segment import Segment, array_at
from ._table import Found
from ._wait import Event
from .errors import failure
from .format import (BLOCK, LINE, MOST_WRITERS, PLACE_RING, SLOT_TURN_BYTES,
                     WRITER, round_up)

VOID, OPEN, ASKED, REVOKED = 0, 1, 2, 3            # claims
IS_PUBLISHED, ASKING, IS_REVOKED = 0, 1, 2         # verdicts
_POSITIONS = (1 << 54) - 1                         # that a claim keeps
_POSITION_MOST = (1 << 62) - 1                     # that a verdict can name

_PATIENCE_MOST_NS = 50_000_000
_PATIENCE_DOUBLINGS = 8
_TIDY_EVERY = 1024
_GLANCES = 16


def claim_word(position: int, count: int, state: int) -> int:
    return (position & _POSITIONS) << 10 | (count - 1) << 2 | state


def _count(claim: int) -> int:
    return (claim >> 2 & 0xFF) + 1


def _distance(claim: int, position: int) -> int:
    """How far position lies behind the claim's first, by 54 bits."""
    return position - (claim >> 10) & _POSITIONS


def _verdict(position: int, state: int) -> int:
    return position << 2 | state


def slot_bytes_for(elem_size: int) -> int:
    return SLOT_TURN_BYTES + round_up(elem_size, 8)


def _damaged(what: str) -> Exception:
    return failure(errno.EBADMSG, f"the queue is damaged: {what}")


def _misfit(ring: bytes, found: Found) -> Optional[str]:
    """What is wrong with a copy of the ring's constants."""
    def inside(offset: int, count: int, each: int) -> bool:
        return offset % LINE == 0 and offset + count * each <= found.body_bytes

    slots, slot_bytes, writers, writers_offset, slots_offset = (
        PLACE_RING.get(ring, field) for field in (
            "slots", "slot_bytes", "writers", "writers_offset",
            "slots_offset"))
    if not 1 <= writers <= MOST_WRITERS or \
            writers_offset < PLACE_RING.size or \
            not inside(writers_offset, writers, WRITER.size):
        return "its writers lie beyond its body"
    if slot_bytes != slot_bytes_for(found.elem_size) or \
            slots_offset < writers_offset + writers * WRITER.size or \
            not inside(slots_offset, slots, slot_bytes):
        return "its slots lie beyond its body"
    if slots - writers < found.capacity:
        return "it has too few slots for its capacity and writers"
    return None


class Places:
    """A process's handle on a ring, and its repairs; all constants are
    checked copies. Words are named by their index among the segment's words,
    and where they are changed by compare-and-swap, by their address."""

    def __init__(self, segment: Segment, found: Found, name: str) -> None:
        wrong: Optional[str] = "its body is too short"
        if found.body_bytes >= PLACE_RING.size:
            ring = bytes(segment.bytes[found.body:found.body +
                                       PLACE_RING.at("head")])
            wrong = _misfit(ring, found)
        if wrong:
            raise failure(errno.EBADMSG, f"`{name}` is damaged: {wrong}")
        self.segment = segment
        self.words = segment.words64
        self.bytes = segment.bytes
        self.capacity = found.capacity
        self.elem_size = found.elem_size
        self.slots = PLACE_RING.get(ring, "slots")
        self.slot_bytes = PLACE_RING.get(ring, "slot_bytes")
        self.writers = PLACE_RING.get(ring, "writers")
        self.symmetric = segment.symmetric
        self.readable = Event(segment, found.block + BLOCK.at("readable"))
        self.writable = Event(segment, found.block + BLOCK.at("writable"))
        self._place(segment, found, ring)
        self.mine = -1       # the own record
        self.generation = 0  # of forks, when it was taken; 0: none
        self.head_seen = 1   # at most head
        self.whole_until = 0  # a given_up: up to it all is published
        self.epoch_tidied = 0
        self.tidies = 0

    def _place(self, segment: Segment, found: Found, ring: bytes) -> None:
        def index(field: str) -> int:
            return (found.body + PLACE_RING.at(field)) // 8

        self.head, self.tail = index("head"), index("tail")
        self.verdict, self.active = index("verdict"), index("active")
        self.given_up = index("given_up")
        self.patience = (found.body + PLACE_RING.at("patience")) // 4
        at = found.body + PLACE_RING.get(ring, "writers_offset")
        self._holder = (at + WRITER.at("holder")) // 8
        self._claim = (at + WRITER.at("claim")) // 8
        self.slots_at = found.body + PLACE_RING.get(ring, "slots_offset")
        self.address = segment.address
        #: The turns of all slots, for who looks at many.
        self.turns: "np.ndarray[Any, Any]" = array_at(
            segment, self.slots_at, "<u8", self.slots, self.slot_bytes)

    # words

    def holder_of(self, writer: int) -> int:
        """The index of that word, of the writer-th record."""
        return self._holder + writer * (WRITER.size // 8)

    def claim_of(self, writer: int) -> int:
        return self._claim + writer * (WRITER.size // 8)

    def turn_of(self, position: int) -> int:
        return (self.slots_at + position % self.slots * self.slot_bytes) // 8

    def change(self, index: int, seen: int, value: int) -> bool:
        """Change the word from what was read there."""
        return _atomics.cas64(self.address + 8 * index, seen, value)

    def fence_light(self) -> None:
        if self.symmetric:
            _atomics.fence_full()

    def wake(self, event: Event, n: int) -> None:
        self.fence_light()
        if self.segment.words32[event.word] & 1:
            event.wake(n)

    def pass_head(self, position: int) -> None:
        """Head goes past a position that is taken back: there is room."""
        if self.change(self.head, position, position + 1):
            self.wake(self.writable, 1)

    # settling

    def _raise_active(self) -> None:
        # A new epoch even when it is up, so that who was about to lower it
        # fails.
        while True:
            seen = self.words[self.active]
            if self.change(self.active, seen,
                           (seen >> 1) + 1 << 1 & (1 << 64) - 1 | 1):
                return

    def _ask(self, position: int) -> None:
        """Every claim that holds the position."""
        for writer in range(self.writers):
            index = self.claim_of(writer)
            while True:
                claim = self.words[index]
                before, state = _distance(claim, position), claim & 3
                if before >= _count(claim) or not (
                        state == OPEN or state == ASKED and before > 0):
                    break
                if self.change(index, claim, claim_word(
                        position, _count(claim) - before, ASKED)):
                    break

    def _judge(self, position: int) -> None:
        self._raise_active()
        self._ask(position)
        _atomics.fence_heavy(self.symmetric)
        published = self.words[self.turn_of(position)] >= position or \
            self.words[self.head] > position
        self.change(self.verdict, _verdict(position, ASKING),
                    _verdict(position,
                             IS_PUBLISHED if published else IS_REVOKED))

    def _take_back(self, position: int) -> None:
        """Mark what is revoked, and only then go past it."""
        for writer in range(self.writers):
            index = self.claim_of(writer)
            claim = self.words[index]
            if claim & 3 == ASKED and _distance(claim, position) == 0:
                self.change(index, claim,
                            claim_word(position, _count(claim), REVOKED))
        self.pass_head(position)

    def _settle_step(self, position: int) -> bool:
        """Whether it is settled."""
        verdict = self.words[self.verdict]
        about, state = verdict >> 2, verdict & 3
        if self.words[self.head] != position:
            return True
        if state == ASKING and about <= position:
            self._judge(about)
            return False
        if state == IS_REVOKED and about == position:
            self._take_back(position)
            return True
        if state in (IS_REVOKED, IS_PUBLISHED) and about < position:
            self.change(self.verdict, verdict, _verdict(position, ASKING))
            return False
        if state == IS_PUBLISHED and about == position and \
                self.words[self.turn_of(position)] == position:
            return True
        # A head that moved on meanwhile explains any of the above.
        if self.words[self.head] != position:
            return True
        raise _damaged("its verdict does not belong to its head")

    def settle(self, position: int) -> None:
        """Anyone may, at any time, if head is still there."""
        if self.words[self.tail] <= position:
            return  # nobody has claimed it: nothing is stuck
        if position > _POSITION_MOST:
            raise _damaged("its head is where no queue gets")
        while not self._settle_step(position):
            pass
        self.tidy()

    # patience

    def _patience_ns(self) -> int:
        """Four times what copying an element takes, at a modest 4 GB/s."""
        doublings = self.segment.words32[self.patience]
        return int(min(2000 + self.elem_size <<
                       min(doublings, _PATIENCE_DOUBLINGS),
                       _PATIENCE_MOST_NS))

    def _adjust_patience(self, by: int) -> None:
        # Lost updates are welcome: it is a guess.
        doublings = self.segment.words32[self.patience]
        if by > 0 and doublings < _PATIENCE_DOUBLINGS or \
                by < 0 and doublings > 0:
            self.segment.words32[self.patience] = doublings + by

    def _has_writer(self, position: int) -> bool:
        """Whether someone who lives may still publish the position."""
        for writer in range(self.writers):
            claim = self.words[self.claim_of(writer)]
            if claim & 3 not in (OPEN, ASKED) or \
                    _distance(claim, position) >= _count(claim):
                continue
            holder = self.words[self.holder_of(writer)]
            if holder and self.segment.lives(holder):
                return True
        return False

    def _wait_for_writer(self, position: int) -> bool:
        """False: patience ended."""
        turn, began, waited, patience = self.turn_of(position), 0, 0, 0
        glances = 0
        while self.words[turn] != position and \
                self.words[self.head] == position:
            glances += 1
            if glances < _GLANCES:
                continue
            if not began:
                if not self._has_writer(position):
                    return False
                began, patience = time.monotonic_ns(), self._patience_ns()
            os.sched_yield()
            waited = time.monotonic_ns() - began
            if waited > patience:
                return False
        if waited and waited < patience // 4:
            self._adjust_patience(-1)
        return True

    def unstick(self, position: int) -> None:
        """The position at head is claimed and not published."""
        if not self._wait_for_writer(position):
            self.settle(position)

    # the writer's side

    def _give_back(self, first: int, position: int) -> int:
        """The own claim was revoked from position on."""
        self.change(self.turn_of(position), position, 0)
        self.pass_head(position)
        self.words[self.claim_of(self.mine)] = 0
        self._adjust_patience(+1)
        self.tidy()
        return position - first

    def answer(self, first: int, n: int, i: int) -> int:
        """The own claim on [first, first + n) was touched, after first + i was
        published: how many of the n stand, or n: go on."""
        while True:
            claim = self.words[self.claim_of(self.mine)]
            position = first + ((claim >> 10) - first & _POSITIONS)
            if claim & 3 == REVOKED:
                return self._give_back(first, position)
            if claim & 3 != ASKED:
                return n
            verdict = self.words[self.verdict]
            if verdict == _verdict(position, IS_REVOKED):
                return self._give_back(first, position)
            if verdict == _verdict(position, ASKING):
                # Not published yet: the next publication answers.
                if position > first + i:
                    return n
                if self.change(self.verdict, verdict,
                               _verdict(position, IS_PUBLISHED)):
                    return n
            elif self.words[self.claim_of(self.mine)] == claim:
                # Settled before: had it been revoked, the claim would have
                # been marked before head went past.
                return n

    # quarantine and tidying

    def _quarantines(self, writer: int, first: int) -> Optional[int]:
        """If the record's claim keeps a slot in quarantine for positions from
        first on: how far behind first the next position of that slot lies."""
        claim = self.words[self.claim_of(writer)]
        if writer == self.mine or claim & 3 not in (ASKED, REVOKED):
            return None
        distance = _distance(claim, first)
        # At first or behind it, it is the claim of who lost a race.
        if not 0 < distance < _POSITIONS // 2:
            return None
        return -distance % self.slots

    def free_run(self, first: int, n: int) -> int:
        """With active up: how many of [first, first + n) may be written."""
        for writer in range(self.writers):
            ahead = self._quarantines(writer, first)
            if ahead is not None:
                n = min(n, ahead)
        return n

    def give_up(self, last: int) -> None:
        """The own claim is left; positions of it, up to last, are not
        published."""
        while True:
            seen = self.words[self.given_up]
            if seen >= last or self.change(self.given_up, seen, last):
                break
        self.words[self.claim_of(self.mine)] = 0

    def _is_claimed(self, position: int) -> bool:
        for writer in range(self.writers):
            # left: acquire; pairs with push.
            claim = self.words[self.claim_of(writer)]
            if claim & 3 != VOID and \
                    _distance(claim, position) < _count(claim):
                return True
        return False

    def holes(self, head: int, tail: int) -> int:
        """How many positions of [head, tail) were given up: they will never
        be published, and head has yet to pass them."""
        last = self.words[self.given_up]
        if last == self.whole_until:
            return 0
        holes, whole = 0, last < tail
        for position in range(head, min(last + 1, tail)):
            turn = self.turn_of(position)
            if self.words[turn] >= position:
                continue
            whole = False
            # The claims first: who left one has published before.
            if not self._is_claimed(position) and self.words[turn] < position:
                holes += 1
        if whole:
            self.whole_until = last
        return holes

    def _claim_position(self, claim: int) -> int:
        """Where an asked or revoked claim begins; it was at head then."""
        head = self.words[self.head]
        return int(head - _distance(claim, head))

    def _is_revoked(self, claim: int, position: int) -> Optional[bool]:
        """None: the question is past."""
        if claim & 3 == REVOKED:
            return True
        verdict = self.words[self.verdict]
        if verdict == _verdict(position, IS_REVOKED):
            return True
        return False if verdict == _verdict(position, ASKING) else None

    def _unpublish(self, position: int) -> None:
        if position > 0:  # else the claim is nonsense, of a damaged ring
            self.change(self.turn_of(position), position, 0)

    def _resolve(self, writer: int, look_for_dead: bool) -> bool:
        """Whether nothing is owed by this record any more."""
        index = self.claim_of(writer)
        claim = self.words[index]
        if claim & 3 in (VOID, OPEN):
            return True
        position = self._claim_position(claim)
        revoked = self._is_revoked(claim, position)
        if revoked is None:  # someone asked late, or died before unasking
            return self.change(index, claim,
                               claim_word(position, _count(claim), OPEN))
        if not revoked or not look_for_dead:
            return False
        # The claim was read first: a new owner's is not touched.
        holder = self.words[self.holder_of(writer)]
        if holder and self.segment.lives(holder):
            return False
        self._unpublish(position)
        return self.change(index, claim, 0)

    def _is_open_question(self) -> bool:
        """Whether the verdict is still being found or followed. One that asks
        about a position that head has passed is answered here: who asked may
        be gone."""
        verdict = self.words[self.verdict]
        about, state = verdict >> 2, verdict & 3
        passed = self.words[self.head] > about
        if state == IS_PUBLISHED:
            return False
        if state == IS_REVOKED:
            return not passed
        return not (passed and self.change(self.verdict, verdict,
                                           _verdict(about, IS_PUBLISHED)))

    def tidy(self) -> None:
        """With active up: resolve what can be, and lower it when nothing is
        left."""
        active = self.words[self.active]
        if not active & 1:
            return
        # The claims are read behind the verdict: a question that is asked in
        # between has raised a new epoch, so the change below fails.
        owed = self._is_open_question()
        # Proving death costs system calls: at news, and now and then.
        self.tidies += 1
        look_for_dead = active != self.epoch_tidied or \
            self.tidies % _TIDY_EVERY == 0
        self.epoch_tidied = active
        for writer in range(self.writers):
            if not self._resolve(writer, look_for_dead):
                owed = True
        if not owed:
            self.change(self.active, active, active & ~1)

    def inherit(self, writer: int) -> None:
        """A record has become the caller's own: void its claim, as nobody goes
        on with it."""
        claim = self.words[self.claim_of(writer)]
        if claim & 3 in (ASKED, REVOKED):
            position = self._claim_position(claim)
            if self._is_revoked(claim, position):
                self._unpublish(position)
        self.words[self.claim_of(writer)] = 0
