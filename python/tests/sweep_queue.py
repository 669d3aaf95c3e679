# SPDX-License-Identifier: MIT
"""The queue under the sweep: push and pop, single and in batches, and close,
at the first call and warmed, from several fill levels and element sizes. The
second victim pushes one and pops until nothing is left, so it meets and settles
what the first has left. Then: nothing committed is lost, doubled, torn or out
of order; each operation happened wholly or not at all (a batch: a prefix of
it; a killed pop takes what it took); and the full capacity is there.
"""
from typing import Any, Iterator, List, NamedTuple, Set

import numpy as np

from sweep_engine import Failed, Page, Said, Scene, Victim
from zeroipc import Memory, Queue, WouldBlock

CAPACITY = 4
WRITERS = 6
ROUNDS = 6    # of filling and draining: more than two laps
MOST = 3      # elements of a batch
ROTATION = 3  # positions used before

# First values of what is pushed, by whom, in the order in which they push.
BASE = 1       # the state before
VICTIM = 100   # the first victim
SECOND = 200   # the second
BEHIND = 300   # the check, behind what is stuck
AFTER = 400    # left for a victim that goes on
FILLING = 500  # shows that the capacity is whole
ROTATED = 600  # goes in and out: what an early or late copier may find


def element(value: int, size: int) -> bytes:
    """The value in every byte pair, so that a torn one shows."""
    return value.to_bytes(2, "little") * (size // 2)


def value_of(image: bytes) -> int:
    value = int.from_bytes(image[:2], "little")
    if image != element(value, len(image)):
        raise Failed(f"an element is torn: {image.hex()}")
    return value


class History(NamedTuple):
    """What may have happened: the first victim moved some of its elements,
    the second pushed its own or not, and took one that it did not live to
    tell of."""
    moved: int
    pushed: bool
    lost: bool


class QueueScene(Scene):
    def __init__(self, op: str, size: int, fill: int, warm: bool,
                 *modes: str) -> None:
        self.op, self.size, self.fill, self.warm = op, size, fill, warm
        self.row = f"python queue {op} {size}"
        self.name = (f"{self.row}, {fill} inside, "
                     f"{'warmed' if warm else 'first call'}")
        self.modes = frozenset(modes) or Scene.modes
        self.takes = op.startswith("pop")

    # the parts

    def open(self) -> Queue:
        return Queue(Memory(self.segment), "q")

    def push(self, queue: Queue, first: int, n: int = 1) -> None:
        for value in range(first, first + n):
            queue.push_raw(element(value, self.size), 0)

    def may_push(self, queue: Queue, value: int) -> bool:
        try:
            self.push(queue, value)
            return True
        except WouldBlock:
            return False

    def rotate(self, queue: Queue, n: int) -> None:
        for _ in range(n):
            self.push(queue, ROTATED)
            queue.pop_raw(0)

    def set_up(self) -> None:
        memory = Memory.create(self.segment, 32 << 10, max_entries=4,
                               max_participants=16)
        queue = Queue.create(memory, "q", CAPACITY, f"bytes:{self.size}",
                             max_writers=WRITERS)
        self.rotate(queue, ROTATION)
        if not self.warm:
            self.push(queue, BASE, self.fill)
        queue.close()

    def first(self, me: Victim) -> None:
        queue = self.open()
        if self.warm:
            self.rotate(queue, 1)
            self.push(queue, BASE, self.fill)
        images = [element(VICTIM + i, self.size) for i in range(MOST)]
        batch = np.frombuffer(b"".join(images), queue.dtype)
        me.begin()
        taken: List[bytes] = []
        moved = 0
        try:
            if self.op == "push":
                queue.push_raw(images[0], 0)
                moved = 1
            elif self.op == "push_n":
                moved = queue.push_n(batch, 0)
            elif self.op == "pop":
                taken = [queue.pop_raw(0)]
            elif self.op == "pop_n":
                taken = [bytes(one) for one in queue.pop_n(MOST, 0)]
            else:
                queue.close()
        except WouldBlock:
            pass
        values = tuple(value_of(image) for image in taken)
        me.end((moved + len(values), values))

    def second(self, me: Victim) -> None:
        """Its result is 1 when its push stands; its notes are the values that
        it took."""
        queue = self.open()
        me.begin()
        me.say(result=int(self.may_push(queue, SECOND)))
        try:
            while len(me.said.notes) < 16:
                me.note(value_of(queue.pop_raw(0)))
        except WouldBlock:
            pass
        me.end(me.said.result)

    # what is seen

    def drain(self, queue: Queue) -> List[int]:
        seen: List[int] = []
        try:
            while len(seen) < 64:
                seen.append(value_of(queue.pop_raw(0)))
        except WouldBlock:
            return seen
        raise Failed("elements come without end")

    def check_capacity(self, queue: Queue) -> None:
        """Fill to the brim and drain, for more than two laps."""
        for lap in range(ROUNDS):
            begin = FILLING + lap * CAPACITY
            wanted = list(range(begin, begin + CAPACITY))
            for value in wanted:
                if not self.may_push(queue, value):
                    raise Failed(f"round {lap}: push {value - begin + 1} of "
                                 f"{CAPACITY} finds no room")
            if self.may_push(queue, 0):
                raise Failed(f"round {lap}: there is room for one more")
            seen = self.drain(queue)
            if seen != wanted:
                raise Failed(f"round {lap}: {wanted} came as {seen}")

    def check_quiet(self, queue: Queue) -> None:
        """When nobody is stopped, no question stays open."""
        ring = queue._ring
        if ring.words[ring.active] & 1:
            raise Failed("a question stays open: active is up")

    def check_writers(self) -> None:
        """Each writer's place can be had, and those of the dead again."""
        queues = [self.open() for _ in range(WRITERS - 1)]
        for queue in queues:
            self.push(queue, FILLING)
            queue.pop_raw(0)

    # what may have happened

    def most_moved(self) -> int:
        there = self.fill if self.takes else CAPACITY - self.fill
        return min({"push": 1, "pop": 1, "close": 0}.get(self.op, MOST),
                   there)

    def tell(self, history: History, second: Said,
             behind: bool) -> Iterator[List[int]]:
        """What comes out, in order, if it went so; nothing: it can not have
        gone so."""
        moved, pushed, lost = history
        if not second.phase and (pushed or lost):
            return
        if second.result and not pushed:
            return
        if second.phase == 2 and (lost or pushed != bool(second.result)):
            return
        if self.takes and 0 < moved < self.most_moved():
            return  # a batch leaves at once
        told = list(range(BASE, BASE + self.fill))
        if self.takes:
            told = told[moved:]
        else:
            told += range(VICTIM, VICTIM + moved)
        told += [SECOND] * pushed + [BEHIND] * behind
        if lost:
            if len(second.notes) >= len(told):
                return
            del told[len(second.notes)]
        yield told

    def possible(self, seen: List[int], second: Said,
                 behind: bool) -> Set[History]:
        histories = {
            History(moved, pushed, lost)
            for moved in range(self.most_moved() + 1)
            for pushed in (False, True) for lost in (False, True)}
        set_ = {history for history in histories
                if seen in self.tell(history, second, behind)}
        if not set_:
            found = "must be there" if behind else "found no room"
            raise Failed(f"lost, doubled or out of order: of {self.fill} "
                         f"inside, with a push behind that {found}, these "
                         f"came: {seen}")
        return set_

    def tell_late(self, me: Said, history: History) -> Iterator[List[int]]:
        """What comes when the first has gone on and ended, if it went so
        before."""
        done, taken = me.result
        left = [AFTER, AFTER + 1]
        if not self.takes:
            if done >= history.moved:
                yield left + list(range(VICTIM + history.moved,
                                        VICTIM + done))
        elif history.moved == done and \
                list(taken) == list(range(BASE, BASE + done)):
            yield left
        elif not history.moved and list(taken) == left[:done]:
            yield left[done:]

    def go_round(self, queue: Queue) -> None:
        """Until the next push would be into the slot that a stopped victim may
        still write to."""
        ring = queue._ring
        before = 1 + ROTATION + self.warm + self.fill
        for _ in range(3 * ring.slots):
            if (ring.words[ring.head] - before) % ring.slots == 0:
                return
            self.rotate(queue, 1)
        raise Failed("the slot is never the next")

    def check_now(self, page: Page, queue: Queue) -> None:
        second = page.get(Page.SECOND)
        behind = self.may_push(queue, BEHIND)
        seen = list(second.notes) + self.drain(queue)
        page.put(Page.KEPT, self.possible(seen, second, behind))

    def check(self, page: Page, stage: str, point: int) -> None:
        queue = self.open()
        if stage == "ended":
            seen, me = self.drain(queue), page.get(Page.FIRST)
            if not any(seen in self.tell_late(me, history)
                       for history in page.get(Page.KEPT)):
                raise Failed(f"lost, doubled or out of order: it moved "
                             f"{me.result}, at the end came {seen}")
        else:
            self.check_now(page, queue)
        self.check_capacity(queue)
        if stage != "stopped":
            self.check_quiet(queue)
            self.check_writers()
            return
        self.go_round(queue)
        self.push(queue, AFTER, 2)


def scenes() -> Iterator[Any]:
    for op in ("push", "pop", "push_n", "pop_n", "close"):
        if op != "close":  # of who has not pushed: nothing to give back
            yield QueueScene(op, 8, 2, False)
        for fill in (0, 2, 4):
            yield QueueScene(op, 8, fill, True)
    for op in ("push", "pop", "push_n", "pop_n"):
        for size in (64, 200):
            yield QueueScene(op, size, 1, True)
