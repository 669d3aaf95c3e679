# SPDX-License-Identifier: MIT
"""The place ring: push and pop.

    push  room; claim = {T, n, OPEN}; CAS tail T -> T + n; then for each
          element: write it, turn = T + i, look at the own claim
    pop   the turns from head H on; copy; CAS head H -> H + n

A push has no bulk copy although NumPy could: a writer that is stopped may only
ever write into the slot of the first position that it has not published, since
that is the one slot which others keep free of it (quarantine). And it looks at
its claim after each turn, since nobody may take what stands behind a position
that was taken back. So push goes element by element; pop, which only reads
slots before its one CAS, copies in bulk.

An exception may come between any two steps here (Ctrl-C). A push that it ends
is cleaned up as a dead process's would be: it happened, or not at all.

  edge      written by     read by       carries
  filled    push           pop, settle   the element behind its turn
  room      pop, settle    push          the slot may be written again
  asked     settle         push          the question, by the claim
  raised    settle         pop, push     there is a question
  judged    settle, push   push, pop     the verdict
"""
import errno
from typing import Any, Iterator, List, Optional, Tuple, Union

import numpy as np

from . import _atomics
from ._atomics import compare_and_swap
from ._place_settle import (IS_PUBLISHED, OPEN, Places, _damaged, _verdict,
                            claim_word, slot_bytes_for)
from ._segment import Segment, array_at, fork_generation
from ._table import Found
from .errors import failure
from .format import PLACE_RING, SLOT_TURN_BYTES, WRITER

BATCH_MAX = 256


def body_bytes(capacity: int, elem_size: int, writers: int) -> int:
    return PLACE_RING.size + writers * WRITER.size + \
        (capacity + writers) * slot_bytes_for(elem_size)


def body_head(capacity: int, elem_size: int, writers: int) -> bytes:
    """The ring of an empty queue; what follows is zero."""
    return PLACE_RING.pack(
        slots=capacity + writers, slot_bytes=slot_bytes_for(elem_size),
        writers=writers, writers_offset=PLACE_RING.size,
        slots_offset=PLACE_RING.size + writers * WRITER.size, head=1, tail=1)


def raw_dtype(elem_size: int) -> Any:
    """As what elements are copied fastest."""
    if elem_size in (1, 2, 4, 8):
        return f"<u{elem_size}"
    if elem_size % 8 == 0:
        return np.dtype(("<u8", (elem_size // 8,)))
    return np.dtype((np.void, elem_size))


class PlaceRing(Places):
    def __init__(self, segment: Segment, found: Found, name: str) -> None:
        super().__init__(segment, found, name)
        self._raw = np.dtype(raw_dtype(self.elem_size))
        offset = self.slots_at + SLOT_TURN_BYTES
        self._elements: "np.ndarray[Any, Any]" = np.ndarray(
            (self.slots,) + self._raw.shape, self._raw.base, segment.mapping,
            offset, (self.slot_bytes,) + ((8,) if self._raw.shape else ()))
        self._event_words = segment.words32
        self._readable_word = self.readable.word
        self._writable_word = self.writable.word
        self.slot_used = SLOT_TURN_BYTES + self.elem_size
        self.claim_mine = -1  # the index of the own record's claim
        self._unfinished = False  # an exception ended a push
        # Push and pop have locks of their own.
        self._change_tail = _atomics.Changer(self.address + 8 * self.tail)
        self._change_head = _atomics.Changer(self.address + 8 * self.head)

    # writer records

    def become_writer(self) -> None:
        """Own a record. First those that are free: whether one is dead costs
        system calls."""
        self.mine, self._unfinished = -1, False
        for look_for_dead in (False, True):
            for writer in range(self.writers):
                index = self.holder_of(writer)
                holder = self.words[index]
                if holder and (not look_for_dead or
                               self.segment.lives(holder)):
                    continue
                if self.change(index, holder, self.segment.holder):
                    self.inherit(writer)
                    self.mine, self.generation = writer, fork_generation[0]
                    self.claim_mine = self.claim_of(writer)
                    return
        raise failure(
            errno.EUSERS, f"all {self.writers} writers' places are held by "
            "live processes: close queues that no longer push, or create the "
            "queue with more (max_writers)")

    def leave(self) -> None:
        """After fork the record is the parent's."""
        if self.mine >= 0 and self.generation == fork_generation[0] and \
                self.segment.fd >= 0:
            self.inherit(self.mine)
            self.words[self.holder_of(self.mine)] = 0
        self.mine, self.generation = -1, 0

    # push

    def _no_room(self, used: int, head: int) -> bool:
        """What head says is true now: whether the ring is full; else its
        oldest was stuck, and is no longer."""
        if used > self.slots:
            raise _damaged("it holds more than its slots")
        if self.words[self.turn_of(head)] == head:
            return True
        self.unstick(head)
        return False

    def _room_at(self, tail: int, n: int) -> int:
        """How many of n have room when tail is that; 0: look again; -1: it is
        full."""
        most = self.capacity
        used = tail - self.head_seen
        if not 0 <= used < most:
            # room: acquire; pairs with pop and settle.
            head = self.head_seen = self.words[self.head]
            used = tail - head
            if used < 0:  # tail is old, or nonsense
                if self.words[self.tail] >= head:
                    return 0
                raise _damaged("its head is beyond its tail")
            if most <= used <= self.slots:
                most = min(most + self.holes(head, tail), self.slots)
            if used >= most:
                return -1 if self._no_room(used, head) else 0
        return min(n, most - used, BATCH_MAX)

    def _claim_run(self, n: int) -> Tuple[int, int]:
        """Claim up to n positions: the first, and how many; 0: it is full."""
        words, mine = self.words, self.claim_mine
        while True:
            # Acquire: head is read behind it, or tail could seem too far.
            tail = words[self.tail]
            count = self._room_at(tail, n)
            if count < 0:
                return tail, 0
            if count > 1 and words[self.active] & 1:
                # A slot that is known to be in quarantine stands behind the
                # batch, or is all of it, lest more is given up with it.
                count = self.free_run(tail, count) or 1
            if count:
                words[mine] = claim_word(tail, count, OPEN)
                if self.change(self.tail, tail, tail + count):
                    return tail, count
                words[mine] = 0  # nobody may ask about what is not ours

    def _laps(self, first: int, n: int) -> Iterator[Tuple[int, int, int]]:
        """The n positions from first on, parted where they come to the last
        slot: how many are before it, its first, and the byte of its slot."""
        while n:
            slot = first % self.slots
            some = min(n, self.slots - slot)
            yield some, first, self.slots_at + slot * self.slot_bytes
            n -= some
            first += some

    def _fill(self, elements: memoryview, first: int, claimed: int,
              n: int) -> int:
        """Write and publish n elements; how many stand."""
        words, image, symmetric = self.words, self.bytes, self.symmetric
        mine, opened = self.claim_mine, claim_word(first, claimed, OPEN)
        size, slot_bytes, come = self.elem_size, self.slot_bytes, 0
        for some, begin, at in self._laps(first, n):
            for position in range(begin, begin + some):
                image[at + 8:at + 8 + size] = elements[come:come + size]
                # filled: release; pairs with pop and settle.
                words[at >> 3] = position
                if symmetric:
                    _atomics.fence_full()
                # asked: behind the light fence; pairs with settle.
                if words[mine] != opened:
                    stand = self.answer(first, claimed, position - first)
                    if stand < claimed:
                        return stand
                come += size
                at += slot_bytes
        return n

    def _fill_words(self, values: List[int], first: int, claimed: int,
                    n: int) -> int:
        """As _fill(), of elements of up to 8 bytes as words."""
        words, symmetric = self.words, self.symmetric
        mine, opened = self.claim_mine, claim_word(first, claimed, OPEN)
        step, to_come = self.slot_bytes >> 3, iter(values)
        for some, begin, byte in self._laps(first, n):
            at = byte >> 3
            # The range ends first, so no value is taken and dropped.
            for position, value in zip(range(begin, begin + some), to_come):
                words[at + 1] = value
                # filled: release; pairs with pop and settle.
                words[at] = position
                if symmetric:
                    _atomics.fence_full()
                # asked: behind the light fence; pairs with settle.
                if words[mine] != opened:
                    stand = self.answer(first, claimed, position - first)
                    if stand < claimed:
                        return stand
                at += step
        return n

    def push_run(self, elements: Union[memoryview, List[int]], n: int) -> int:
        """Push some of n elements, in order; how many: 0: it is full. They are
        bytes, or a list of words if they have up to 8 bytes. The caller has
        made sure of a record, and lets in one thread at a time."""
        if self._unfinished:
            self.inherit(self.mine)
        self._unfinished = True
        stand = claimed = 0
        while not stand:
            first, claimed = self._claim_run(n)
            if not claimed:
                break
            some = claimed
            # raised: acquire; pairs with settle.
            wary = self.words[self.active] & 1
            if wary:
                self.tidy()
                some = self.free_run(first, claimed)
            if isinstance(elements, list):
                stand = self._fill_words(elements, first, claimed, some)
            else:
                stand = self._fill(elements, first, claimed, some)
            if some < claimed:  # others settle the rest
                self.give_up(first + claimed - 1)
        self._unfinished = False
        if stand:
            self.wake(self.readable, stand)
        return stand

    def push_one(self, element: bytes) -> int:
        """As push_run(), one element; what is in the way goes by that."""
        words = self.words
        tail = words[self.tail]
        if not 0 <= tail - self.head_seen < self.capacity or \
                self._unfinished:
            return self.push_run(memoryview(element), 1)
        mine, changer = self.claim_mine, self._change_tail
        opened = (tail & 0x3FFFFFFFFFFFFF) << 10 | OPEN
        changer.seen.value = tail
        changer.wanted.value = tail + 1
        self._unfinished = True
        words[mine] = opened
        if not compare_and_swap(*changer.arguments):
            words[mine] = 0  # nobody may ask about what is not ours
            self._unfinished = False
            return self.push_run(memoryview(element), 1)
        # raised: acquire; pairs with settle.
        if words[self.active] & 1:
            return self._push_warily(element, tail)
        at = self.slots_at + tail % self.slots * self.slot_bytes
        self.bytes[at + 8:at + self.slot_used] = element
        # filled: release; pairs with pop and settle.
        words[at >> 3] = tail
        if self.symmetric:
            _atomics.fence_full()
        # asked: behind the light fence; pairs with settle.
        stands = words[mine] == opened or self.answer(tail, 1, 0)
        self._unfinished = False
        if not stands:
            return self.push_run(memoryview(element), 1)
        if self.symmetric:
            _atomics.fence_full()
        if self._event_words[self._readable_word] & 1:
            self.readable.wake(1)
        return 1

    def _push_warily(self, element: bytes, tail: int) -> int:
        """The rest of push_one(), with active up when tail had been
        claimed."""
        self.tidy()
        stands = self.free_run(tail, 1) and \
            self._fill(memoryview(element), tail, 1, 1)
        if not stands:
            self.give_up(tail)
        self._unfinished = False
        if not stands:
            return self.push_run(memoryview(element), 1)
        self.wake(self.readable, 1)
        return 1

    def abandon(self) -> None:
        """After an exception in a push: as an heir would."""
        if self._unfinished and self.mine >= 0:
            self.inherit(self.mine)
            self._unfinished = False

    # pop

    def _published_run(self, head: int, n: int) -> int:
        """How many are published from head on, up to n."""
        if self.words[self.turn_of(head)] != head:
            return 0
        run, slot = 0, head % self.slots
        while run < n:
            some = min(n - run, self.slots - slot)
            wanted = np.arange(head + run, head + run + some, dtype="<u8")
            there = self.turns[slot:slot + some] == wanted
            if not there.all():
                run += int(there.argmin())
                break
            run += some
            slot = 0
        # filled: acquire; pairs with push.
        _atomics.fence_acquire()
        return run

    def _nothing_at(self, head: int) -> bool:
        """The position at head is not published: whether the ring is empty. It
        is so of the moment in which the turn was read."""
        tail = self.words[self.tail]
        if self.words[self.head] != head:
            return False
        if not 0 <= tail - head <= self.slots:
            raise _damaged("its head and tail do not belong together")
        for position in range(head + 1, tail):
            if self.words[self.turn_of(position)] >= position:
                self.unstick(head)
                return False
        return True

    def _may_take(self, head: int) -> bool:
        """With active up; False: look again."""
        # judged: acquire; pairs with settle.
        verdict = self.words[self.verdict]
        self.tidy()
        if verdict >> 2 != head or verdict == _verdict(head, IS_PUBLISHED):
            return True
        # What nobody claimed can not be settled: we would look for ever.
        if self.words[self.tail] <= head:
            raise _damaged("there is an element behind its tail")
        self.settle(head)
        return False

    def _copy_out(self, out: "np.ndarray[Any, Any]", head: int,
                  n: int) -> None:
        slot = head % self.slots
        some = min(n, self.slots - slot)
        out[:some] = self._elements[slot:slot + some]
        if some < n:
            out[some:n] = self._elements[:n - some]
        _atomics.fence_acquire()

    def pop_run(self, out: "np.ndarray[Any, Any]", n: int) -> int:
        """Take up to n elements into out (of raw_dtype()); how many: 0: it is
        empty."""
        n = min(n, self.slots)
        while True:
            head = self.words[self.head]
            run = self._published_run(head, n)
            if not run:
                if self._nothing_at(head):
                    return 0
                continue
            # raised: acquire; pairs with settle.
            if self.words[self.active] & 1:
                if not self._may_take(head):
                    continue
                run = 1
            self._copy_out(out, head, run)
            # room: release; the copies are done before the slots are.
            if self.change(self.head, head, head + run):
                self.wake(self.writable, run)
                return run

    def pop_one(self) -> Optional[bytes]:
        """The oldest element, or None: it is empty."""
        words, changer = self.words, self._change_head
        while True:
            head = words[self.head]
            at = self.slots_at + head % self.slots * self.slot_bytes
            # filled: acquire; pairs with push.
            if words[at >> 3] != head:
                if self._nothing_at(head):
                    return None
                continue
            # raised: acquire; pairs with settle.
            if words[self.active] & 1 and not self._may_take(head):
                continue
            element = self.bytes[at + 8:at + self.slot_used].tobytes()
            changer.seen.value = head
            changer.wanted.value = head + 1
            # room: release; the copy is done before the slot is.
            if compare_and_swap(*changer.arguments):
                if self.symmetric:
                    _atomics.fence_full()
                if self._event_words[self._writable_word] & 1:
                    self.writable.wake(1)
                return element

    def size(self) -> int:
        """Elements inside, at some moment of the call."""
        while True:
            head = self.words[self.head]
            tail = self.words[self.tail]
            if self.words[self.head] == head:
                return int(min(max(tail - head, 0), self.capacity))
