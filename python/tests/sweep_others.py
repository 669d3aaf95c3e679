# SPDX-License-Identifier: MIT
"""Arrays, segments and the table under the sweep.

An array's element holds what it held before, or what the operations that began
make of it, in either order; its neighbours are as they were. A segment's name
is there with all that belongs to it, or it is not there; it can be had again at
once, and all participants' places come back, but that of who is stopped. A
structure is there and whole, or not there; its neighbour is untouched, and all
space that was not taken is there and reads zero.
"""
import os
from typing import Any, Iterator

import numpy as np

from sweep_engine import Failed, Page, Scene, Victim
from zeroipc import Array, Busy, Exists, Memory, NotFound

BEFORE, PUT, ADDEND = 5, 70, 100
PLACES = 3


class ArrayScene(Scene):
    def __init__(self, op: str) -> None:
        self.op = op
        self.row = self.name = f"python array {op}"

    def set_up(self) -> None:
        memory = Memory.create(self.segment, 8192, max_entries=4,
                               max_participants=8)
        Array.create(memory, "a", 3, "u64")[:] = BEFORE

    def open(self) -> Array:
        return Array(Memory(self.segment), "a", dtype="u64")

    def first(self, me: Victim) -> None:
        array = self.open()
        me.begin()
        if self.op == "set":
            me.end(array.set(1, PUT))
        elif self.op == "add":
            me.end(int(array.add(1, ADDEND)))
        else:
            me.end(array.cas(1, BEFORE, PUT)[0])

    def second(self, me: Victim) -> None:
        array = self.open()
        me.begin()
        me.end(int(array.add(1, ADDEND)))

    def made(self, value: int) -> int:
        """What the first makes of a value."""
        if self.op == "add":
            return value + ADDEND
        return PUT if self.op == "set" or value == BEFORE else value

    def check(self, page: Page, stage: str, point: int) -> None:
        array = self.open()
        may = {BEFORE, self.made(BEFORE)}
        if page.get(Page.SECOND).phase:
            may |= {BEFORE + ADDEND, self.made(BEFORE) + ADDEND,
                    self.made(BEFORE + ADDEND)}
        if stage == "ended":
            may = {self.made(BEFORE) + 1, self.made(BEFORE + 1)}
        if int(array.get(1)) not in may:
            raise Failed(f"it left {array.get(1)}")
        if array[0] != BEFORE or array[2] != BEFORE:
            raise Failed("it changed a neighbour")
        array.add(1, 1)


class MemoryScene(Scene):
    def __init__(self, op: str) -> None:
        self.op = op
        self.row = self.name = f"python memory {op}"
        self.may_be_gone = op in ("create", "unlink")

    def get(self) -> Memory:
        return Memory(self.segment, 8192, max_entries=4,
                      max_participants=PLACES)

    def set_up(self) -> None:
        if self.op != "create":
            Array.create(self.get(), "a", 1, "u64")

    def first(self, me: Victim) -> None:
        memory = Memory(self.segment) if self.op == "close" else None
        me.begin()
        if self.op == "create":
            memory = Memory.create(self.segment, 8192, max_entries=4,
                                   max_participants=PLACES)
        elif self.op == "open":
            memory = Memory(self.segment)
        elif self.op == "unlink":
            Memory.unlink(self.segment)
        else:
            memory.close()
        me.end(None)

    def second(self, me: Victim) -> None:
        me.begin()
        memory = self.get()
        me.end(memory.id)

    def check_whole(self) -> None:
        """It opens, and has what it had, or a new one has."""
        there = os.path.exists("/dev/shm/" + self.segment)
        if not there and not self.may_be_gone:
            raise Failed("its name is gone")
        Array(self.get(), "a", 1 if self.may_be_gone else None, dtype="u64")

    def check(self, page: Page, stage: str, point: int) -> None:
        self.check_whole()
        # All places at once, but the one that may be held.
        held = [Memory(self.segment)
                for _ in range(PLACES - (stage == "stopped"))]
        del held


class MemoryCreate(MemoryScene):
    """Who was stopped meets the segment that the check has made."""

    def first(self, me: Victim) -> None:
        try:
            super().first(me)
        except Exists:
            me.end("exists")


class TableScene(Scene):
    """Its neighbour ends a line before a page does."""
    BYTES, BLOCK, NEIGHBOUR, NEW = 32768, 192, 3200, 1024
    ROOM = BYTES - 64 - 8 * 40 - 8 * 16 - 4 * 64

    def __init__(self, op: str) -> None:
        self.op = op
        self.row = self.name = f"python structure {op}"

    def set_up(self) -> None:
        memory = Memory.create(self.segment, self.BYTES, max_entries=8,
                               max_participants=4)
        Array.create(memory, "before", self.NEIGHBOUR, "u8")[:] = 7
        if self.op == "open":
            Array.create(memory, "new", self.NEW, "u32")

    def first(self, me: Victim) -> None:
        memory = Memory(self.segment)
        me.begin()
        if self.op == "create":
            Array.create(memory, "new", self.NEW, "u32")
        else:
            Array(memory, "new", dtype="u32")
        me.end(None)

    def second(self, me: Victim) -> None:
        memory = Memory(self.segment)
        me.begin()
        Array(memory, "new", self.NEW, dtype="u32")
        me.end(None)

    def find_new(self, memory: Memory) -> bool:
        try:
            array = Array(memory, "new", dtype="u32")
        except NotFound:
            return False
        if len(array) != self.NEW or array.view.any():
            raise Failed("what can be found is not whole")
        return True

    def create_beside(self, memory: Memory, page: Page, point: int) -> None:
        """Beside a creator that is stopped: at some points, as a refusal takes
        a second."""
        if point % 5 == 0:
            try:
                Array.create(memory, "beside", 1, "u8")
                page.put(Page.KEPT, True)
            except Busy as busy:
                if "creating" not in str(busy) and \
                        "the lock" not in str(busy):
                    raise

    def take_the_rest(self, memory: Memory, is_there: bool) -> None:
        """All that is left can be had, to the last line, and reads zero."""
        left = self.ROOM - (self.BLOCK + self.NEIGHBOUR) - self.BLOCK
        if is_there:
            left -= self.BLOCK + 4 * self.NEW
        rest = Array.create(memory, "rest", left, "u8")
        if rest.view.any():
            raise Failed("the rest is not zero")

    def check(self, page: Page, stage: str, point: int) -> None:
        memory = Memory(self.segment)
        is_there = self.find_new(memory)
        if not (np.asarray(Array(memory, "before")) == 7).all():
            raise Failed("the neighbour was overwritten")
        if stage == "ended" and not is_there:
            raise Failed("what was created is not there")
        if stage == "stopped":
            self.create_beside(memory, page, point)
        elif not page.get(Page.KEPT):
            self.take_the_rest(memory, is_there)


def scenes() -> Iterator[Any]:
    for op in ("set", "add", "cas"):
        yield ArrayScene(op)
    yield MemoryCreate("create")
    for op in ("open", "close", "unlink"):
        yield MemoryScene(op)
    for op in ("create", "open"):
        yield TableScene(op)
