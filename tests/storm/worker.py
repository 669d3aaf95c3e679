#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""worker.py BOOKS SEGMENT: workers in a storm, over the Python implementation.

What worker.h does, done once more; books.h has the protocol and the offsets.
This process is warm and forks them, as Python needs 0.2 s to start: it reads
{seat, seed} from its standard input, two words of 8 bytes, and answers by the
pid. The worker is a child of the storm's test, which reaps orphans: whoever
forked it has ended, and been waited for, before it goes on.
"""
import ctypes
import mmap
import os
import signal
import struct
import sys
from typing import Any, List, Optional, Tuple

import numpy as np

from zeroipc import Memory, Queue, TimedOut, WouldBlock, _atomics

NEVER, SHORTLY, FOREVER = 0, 1, 2
TIMEOUTS = {NEVER: 0, SHORTLY: 200e-6, FOREVER: None}
COMMITTED, TAKEN = 1, 4
MOST, WORDS, NUMBERS, STOP = 6, 8, 1 << 23, 255
# Offsets in the file.
OVER, FAILED, WHY, SEATS = 0, 8, 16, 512
PRODUCERS, BATCH, WAITING = 1280, 1296, 1304
NEXT, POPPING, LAST, BUFFERS, FATES = 1312, 1360, 1408, 1696, 4768
BUFFER_BYTES = 8 * WORDS * 8
SIZE = FATES + MOST * NUMBERS * 4

MASK = (1 << 64) - 1
Words = Tuple[int, ...]


def mix(x: int) -> int:
    x = (x ^ x >> 31) * 0x9E3779B97F4A7C15 & MASK
    return x ^ x >> 29


def element(producer: int, number: int) -> Words:
    name = (producer << 40 | number) << 16
    first = name | mix(name) & 0xFFFF
    return (first,) + tuple(mix(first + i & MASK) for i in range(1, WORDS))


class Dice:
    """SplitMix64."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def roll_below(self, below: int) -> int:
        self._state = self._state + 0x9E3779B97F4A7C15 & MASK
        z = self._state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return (z ^ z >> 31) % below


class Books:
    def __init__(self, path: str) -> None:
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def load(self, at: int) -> int:
        return _atomics.load(self._base + at, 8)

    def store(self, at: int, value: int) -> None:
        _atomics.store(self._base + at, 8, value)

    def progress(self, seat: int) -> None:
        _atomics.fetch_add(self._base + SEATS + 64 * seat, 8, 1)

    def fate_add(self, producer: int, number: int, addend: int) -> int:
        return _atomics.fetch_add(
            self._base + FATES + 4 * (producer * NUMBERS + number), 4, addend)

    def keep(self, me: int, elems: List[Words]) -> None:
        """What a consumer has taken, in its buffer."""
        at = BUFFERS + me * BUFFER_BYTES
        for elem in elems:
            self._map[at:at + 8 * WORDS] = struct.pack("<8Q", *elem)
            at += 8 * WORDS

    def fail(self, why: str) -> None:
        if _atomics.cas64(self._base + FAILED, 0, 1):
            image = ("Python: " + why).encode()[:495] + b"\0"
            self._map[WHY:WHY + len(image)] = image
            self.store(FAILED, 2)
        os._exit(1)


class Worker:
    def __init__(self, books: Books, segment: str, seat: int,
                 seed: int) -> None:
        self._books = books
        self._dice = Dice(seed)
        self._producers = books.load(PRODUCERS)
        self._batch = books.load(BATCH)
        self._waiting = books.load(WAITING)
        self._seat = seat
        self._memory = Memory(segment)
        self._queue = Queue(self._memory, "q", dtype="u64[8]")

    def _push(self, elems: List[Words], timeout: Optional[float]) -> int:
        try:
            if len(elems) > 1:
                return self._queue.push_n(np.array(elems, np.uint64), timeout)
            self._queue.push_raw(struct.pack("<8Q", *elems[0]), timeout)
            return 1
        except (WouldBlock if timeout == 0 else TimedOut):
            return 0

    def _pop(self, n: int) -> List[Words]:
        timeout = TIMEOUTS[self._waiting]
        try:
            if n == 1:
                return [struct.unpack("<8Q", self._queue.pop_raw(timeout))]
            taken: Any = self._queue.pop_n(n, timeout)
            return [tuple(elem) for elem in taken.tolist()]
        except (WouldBlock if timeout == 0 else TimedOut):
            return []

    def _produce(self) -> None:
        books, me = self._books, self._seat
        n = 1 + self._dice.roll_below(self._batch)
        first = books.load(NEXT + 8 * me)
        if first + n > NUMBERS:
            books.progress(me)
            os.sched_yield()
            return
        elems = [element(me, first + i) for i in range(n)]
        # Who is killed from here on leaves these numbers behind.
        books.store(NEXT + 8 * me, first + n)
        done = self._push(elems, TIMEOUTS[self._waiting])
        if done:
            books.progress(me)
        for i in range(done):
            books.fate_add(me, first + i, COMMITTED)
        books.store(NEXT + 8 * me, first + done)

    def _note(self, elem: Words, me: int) -> None:
        books = self._books
        producer, number = elem[0] >> 56, elem[0] >> 16 & 0xFFFFFFFFFF
        what = f"element {number} of producer {producer}"
        if elem != element(producer, number):
            books.fail(f"a torn element: {elem[0]:x}")
        if producer >= self._producers or \
                number >= books.load(NEXT + 8 * producer):
            books.fail(f"{what} comes from nowhere")
        if books.fate_add(producer, number, TAKEN) >= TAKEN:
            books.fail(f"{what} is doubled")
        last = LAST + 8 * (me * MOST + producer)
        if number + 1 <= books.load(last):
            books.fail(f"{what} comes behind {books.load(last) - 1}")
        books.store(last, number + 1)

    def _consume(self, me: int) -> int:
        """Takes a batch; how many were elements that end a consumer."""
        books = self._books
        n = 1 + self._dice.roll_below(self._batch)
        books.store(POPPING + 8 * me, n)
        elems = self._pop(n)
        books.keep(me, elems)
        books.store(POPPING + 8 * me, 0)
        if elems:
            books.progress(self._seat)
        stops = 0
        for elem in elems:
            if elem[0] >> 56 == STOP:
                stops += 1
            else:
                self._note(elem, me)
        return stops

    def run(self) -> None:
        if self._seat < self._producers:
            while not self._books.load(OVER):
                self._produce()
        else:
            stops = 0
            while not stops:
                stops = self._consume(self._seat - self._producers)
            for _ in range(stops - 1):
                self._push([element(STOP, 0)], None)
        self._queue.close()
        self._memory.close()


def work(books: Books, segment: str, seat: int, seed: int) -> None:
    try:
        Worker(books, segment, seat, seed).run()
    except BaseException as failure:  # whatever it is, the test is told
        books.fail(f"{type(failure).__name__}: {failure}")
    os._exit(0)


def die_with_parent(parent: int) -> None:
    """The kernel forgets this wish at each fork."""
    set_pdeathsig = 1
    _atomics.libc.prctl(set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def start(books: Books, segment: str, seat: int, seed: int) -> int:
    test = os.getppid()
    said, say = os.pipe()
    gone, go = os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid:
            os.write(say, struct.pack("<Q", pid))
            os._exit(0)
        os.close(go)
        os.close(0)
        os.read(gone, 1)  # its end: the parent is the test now
        die_with_parent(test)
        work(books, segment, seat, seed)
    os.waitpid(between, 0)
    for fd in (say, gone, go):
        os.close(fd)
    pid, = struct.unpack("<Q", os.read(said, 8))
    os.close(said)
    return int(pid)


def main() -> None:
    books = Books(sys.argv[1])
    while True:
        order = os.read(0, 16)
        if not order:
            return
        seat, seed = struct.unpack("<QQ", order)
        os.write(0, struct.pack("<Q", start(books, sys.argv[2], seat, seed)))


main()
