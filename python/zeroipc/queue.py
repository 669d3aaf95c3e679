# SPDX-License-Identifier: MIT
"""Queue: first in, first out; any number of producers and consumers, threads
and processes; elements of 1 byte to 1 MiB; a fixed, exact capacity.

    readings = Queue(mem, "readings", 1000, dtype="{id:u32, celsius:f32}")
    readings.push((1, 21.5))         waits for room
    readings.pop(timeout=1.0)        TimedOut after a second
    readings.pop(timeout=0)          WouldBlock when it is empty
    readings.push_n(np.array(...)); readings.pop_n(100)

Timeouts are in seconds; None waits for ever, and Ctrl-C ends a wait. A handle
may be used by several threads. The elements of one producer leave in the order
in which it pushed them.

Crash: a killed push happened wholly or not at all; a killed pop too, and one
that happened takes its element with it. All room comes back by itself.
"""
import errno
import threading
import time
from types import TracebackType
from typing import Any, List, Optional, Type, Union

import numpy as np

from . import _table, types
from ._codec import Codec
from ._place_ring import PlaceRing, body_bytes, body_head, raw_dtype
from ._segment import fork_generation
from ._wait import FOREVER
from .errors import failure
from .format import MOST_WRITERS, QUEUE
from .memory import Memory

_ELEM_MAX = 1 << 20
_WRITERS = 64
_PART = 65536  # elements of a batch that are made ready at a time


def _writers_for(elem_size: int) -> int:
    """Each writer costs a slot, so large elements have fewer."""
    if elem_size <= 16384:
        return _WRITERS
    return _WRITERS // 4 if elem_size <= 262144 else _WRITERS // 8


def _deadline(timeout: Optional[float]) -> int:
    if timeout is None:
        return FOREVER
    if timeout != timeout or timeout < 0:
        raise failure(errno.EINVAL, f"a timeout of {timeout} seconds: it is "
                      "0 or more, or None to wait for ever")
    return int(min(time.monotonic_ns() + timeout * 1e9, FOREVER))


class Queue:
    """A queue in a segment. Without a capacity it must exist; with one it is
    created if it does not, and otherwise must have that. dtype None accepts
    what is there. max_writers: how many handles may push at the same time, if
    it is created; a handle takes its place at its first push and keeps it
    until it is closed."""

    def __init__(self, memory: Memory, name: str,
                 capacity: Optional[int] = None, *, dtype: Any = None,
                 max_writers: int = 0) -> None:
        segment = memory.segment
        type_ = None if dtype is None else types.of(dtype)
        if capacity is None:
            found = _table.find(segment, name, QUEUE, type_)
        elif type_ is None:
            raise failure(errno.EINVAL, f"queue `{name}` may have to be "
                          "created: say its dtype")
        else:
            found = _table.open_or_create(
                segment, name, self._plan(type_, capacity, max_writers))
        self._adopt(memory, name, found)

    @classmethod
    def create(cls, memory: Memory, name: str, capacity: int, dtype: Any, *,
               max_writers: int = 0) -> "Queue":
        """Create; Exists if the name is taken."""
        self = cls.__new__(cls)
        plan = cls._plan(types.of(dtype), capacity, max_writers)
        self._adopt(memory, name, _table.create(memory.segment, name, plan))
        return self

    @staticmethod
    def _plan(type_: types.Type, capacity: int,
              max_writers: int) -> _table.Plan:
        if not 0 <= max_writers <= MOST_WRITERS:
            raise failure(errno.EINVAL, f"max_writers is {max_writers}: at "
                          f"most {MOST_WRITERS}")
        shape = max(capacity, 0), type_.size, \
            max_writers or _writers_for(type_.size)
        size = body_bytes(*shape)
        head = body_head(*shape) if size <= 1 << 40 and \
            type_.size <= _ELEM_MAX else b""
        return _table.Plan(QUEUE, type_, capacity, size, head, _ELEM_MAX)

    def _adopt(self, memory: Memory, name: str,
               found: _table.Found) -> None:
        self.name = name
        self.type = found.type
        self.dtype = found.type.dtype
        self._segment = memory.segment
        self._use = found.use
        self._ring: Optional[PlaceRing] = PlaceRing(self._segment, found, name)
        self._codec = Codec(found.type)
        self._raw = np.dtype(raw_dtype(found.elem_size))
        self._generation = 0 if self._segment.read_only else fork_generation[0]
        self._push_lock, self._pop_lock = threading.Lock(), threading.Lock()

    # entering

    def _enter(self) -> PlaceRing:
        """The first step: a forked child becomes a participant, and forgets
        what its parent was doing."""
        ring = self._ring
        if ring is None:
            raise ValueError(f"queue `{self.name}` is closed")
        if self._generation != fork_generation[0]:
            if self._segment.read_only:
                raise failure(
                    errno.EROFS, f"segment `/{self._segment.name}` is open "
                    f"for reading only: queue `{self.name}` cannot be used "
                    "through it")
            self._use.enter(self.name)
            if self._generation:
                self._push_lock = threading.Lock()
                self._pop_lock = threading.Lock()
            self._generation = fork_generation[0]
        return ring

    # push

    def _push_once(self, ring: PlaceRing,
                   elements: Union[bytes, memoryview, List[int]],
                   n: int) -> int:
        with self._push_lock:
            try:
                if ring.generation != fork_generation[0]:
                    ring.become_writer()
                if isinstance(elements, bytes):
                    return ring.push_one(elements)
                return ring.push_run(elements, n)
            except BaseException:
                ring.abandon()
                raise

    def push_raw(self, element: bytes,
                 timeout: Optional[float] = None) -> None:
        """As push(), of an element's bytes."""
        ring = self._ring
        if ring is None or self._generation != fork_generation[0]:
            ring = self._enter()
        if len(element) != ring.elem_size:
            raise failure(errno.EINVAL, f"an element of `{self.name}` has "
                          f"{ring.elem_size} bytes, not {len(element)}")
        if not self._push_once(ring, element, 1):
            self._push_waiting(ring, element, timeout)

    def _push_waiting(self, ring: PlaceRing, element: bytes,
                      timeout: Optional[float]) -> None:
        deadline = _deadline(timeout)
        if timeout == 0:
            raise failure(errno.EAGAIN, "the queue is full")
        if not ring.writable.wait(
                deadline, lambda: self._push_once(ring, element, 1)):
            raise failure(errno.ETIMEDOUT, f"queue `{self.name}` stayed full "
                          f"for {timeout} s")

    def push(self, value: Any, timeout: Optional[float] = None) -> None:
        """Append a value; wait at most timeout seconds for room."""
        self.push_raw(self._codec.encode(value), timeout)

    def _batch(self, values: Any) -> "np.ndarray[Any, Any]":
        """Contiguous, of this queue's dtype."""
        batch = np.ascontiguousarray(values, self.dtype.base)
        if batch.shape[1:] != self.dtype.shape or not batch.ndim:
            raise failure(errno.EINVAL, "push_n takes an array of elements of "
                          f"type {self.type.text}, not of shape "
                          f"{batch.shape}")
        return batch

    def _as_elements(self, batch: "np.ndarray[Any, Any]"
                     ) -> Union[memoryview, List[int]]:
        """What PlaceRing.push_run() takes."""
        size, flat = self.dtype.itemsize, batch.reshape(-1)
        if size > 8:
            return flat.view(np.uint8).data
        if size in (1, 2, 4, 8):
            return list(flat.view(f"<u{size}").tolist())
        words = np.zeros((len(batch), 8), np.uint8)
        words[:, :size] = flat.view(np.uint8).reshape(-1, size)
        return list(words.reshape(-1).view("<u8").tolist())

    def push_n(self, values: Any, timeout: Optional[float] = None) -> int:
        """Append the elements of an array; wait until all are in, or the
        deadline. How many are in, from the first; if none, the error."""
        batch = self._batch(values)
        deadline, done, n = None, 0, len(batch)
        if not n:
            return 0
        ring = self._enter()
        size = ring.elem_size
        while done < n:
            part = self._as_elements(batch[done:done + _PART])
            most = min(n - done, _PART)
            gone = 0
            while gone < most:
                rest = part if not gone else part[gone:] \
                    if isinstance(part, list) else part[gone * size:]

                def attempt() -> int:
                    return self._push_once(ring, rest, most - gone)
                moved = attempt()
                if not moved and timeout != 0:
                    if deadline is None:
                        deadline = _deadline(timeout)
                    moved = ring.writable.wait(deadline, attempt)
                if not moved:
                    return self._count_or_fail(done + gone, timeout, "full")
                gone += moved
            done += most
        return done

    def _count_or_fail(self, done: int, timeout: Optional[float],
                       what: str) -> int:
        if done:
            return done
        if timeout == 0:
            raise failure(errno.EAGAIN, f"the queue is {what}")
        raise failure(errno.ETIMEDOUT, f"queue `{self.name}` stayed {what} "
                      f"for {timeout} s")

    # pop

    def pop_raw(self, timeout: Optional[float] = None) -> bytes:
        """As pop(), the element's bytes."""
        ring = self._ring
        if ring is None or self._generation != fork_generation[0]:
            ring = self._enter()
        with self._pop_lock:
            element = ring.pop_one()
        if element is None:
            return self._pop_waiting(ring, timeout)
        return element

    def _pop_waiting(self, ring: PlaceRing,
                     timeout: Optional[float]) -> bytes:
        deadline = _deadline(timeout)
        if timeout == 0:
            raise failure(errno.EAGAIN, "the queue is empty")
        taken: List[bytes] = []

        def attempt() -> int:
            with self._pop_lock:
                element = ring.pop_one()
            if element is not None:
                taken.append(element)
            return len(taken)
        if not ring.readable.wait(deadline, attempt):
            raise failure(errno.ETIMEDOUT, f"queue `{self.name}` stayed empty "
                          f"for {timeout} s")
        return taken[0]

    def pop(self, timeout: Optional[float] = None) -> Any:
        """Take the oldest element; wait at most timeout seconds for one."""
        return self._codec.decode(self.pop_raw(timeout))

    def pop_n(self, n: int, timeout: Optional[float] = None
              ) -> "np.ndarray[Any, Any]":
        """Take what there is, up to n elements, as an array; wait at most
        timeout seconds for the first."""
        if n <= 0:
            return np.empty((0,), self.dtype)
        ring = self._enter()
        room = min(n, ring.slots)
        out = np.empty((room,) + self._raw.shape, self._raw.base)

        def attempt() -> int:
            return ring.pop_run(out, room)
        moved = attempt()
        if not moved and timeout != 0:
            moved = ring.readable.wait(_deadline(timeout), attempt)
        if not moved:
            self._count_or_fail(0, timeout, "empty")
        return np.ndarray((moved,), self.dtype, out)

    # ask

    def _asked(self) -> PlaceRing:
        if self._ring is None:
            raise ValueError(f"queue `{self.name}` is closed")
        return self._ring

    def __len__(self) -> int:
        """Elements inside, at some moment of the call; counts pushes that are
        under way."""
        size = self._asked().size()
        if self._generation != fork_generation[0]:
            self._use.confirm(self.name)
        return size

    def __bool__(self) -> bool:
        return True  # a handle, even on an empty queue

    @property
    def capacity(self) -> int:
        return self._asked().capacity

    @property
    def elem_size(self) -> int:
        """In bytes."""
        return self._asked().elem_size

    def close(self) -> None:
        """Give the writer's place back; harmless twice."""
        ring, self._ring = self._ring, None
        if ring is not None:
            ring.leave()
            self._use.end()

    def __del__(self) -> None:
        if getattr(self, "_ring", None) is not None:
            self.close()

    def __enter__(self) -> "Queue":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]],
                 value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._ring is None:
            return f"<Queue {self.name}, closed>"
        return (f"<Queue {self.name} in /{self._segment.name}: {len(self)} of "
                f"{self.capacity}, {self.type.text}>")
