# SPDX-License-Identifier: MIT
"""A segment's handle: its descriptor, its mapping, its place as a participant,
and what fork does to them.

A mapping keeps the description that it was made through, and a forked child
keeps the mapping. So locks stand on another description, which a child closes
at once; it takes a place of its own when it first changes something.

What a crash leaves: a participant that is known to be dead; memory that was
reserved for what was not committed, which the next who reserves there gives
back.
"""
import errno
import fcntl
import mmap
import os
import threading
import time
import weakref
from typing import Any, Dict, Iterator, List, Optional
from contextlib import contextmanager

import numpy as np

from . import _atomics, _participant, _use
from .errors import failure
from .format import (HEADER, LINE, OPTION_SPARSE, OPTION_SYMMETRIC, PAGE,
                     round_up)

_CREATE_DEADLINE_S = 1.0
_RESERVE_STEP = 64 << 20
_KEEP_SIZE, _PUNCH_HOLE = 1, 2

_forks = threading.RLock()  # nobody forks while it is held
_open: "weakref.WeakSet[Segment]" = weakref.WeakSet()
fork_generation = [1]  # grows in the child at each fork


_forking: "List[Segment]" = []


def _before_fork() -> None:
    """No other thread is between two changes of what the child inherits."""
    _forks.acquire()
    _forking[:] = _open
    for segment in _forking:
        segment.uses_mutex.acquire()


def _after_fork_in_parent() -> None:
    for segment in _forking:
        segment.uses_mutex.release()
    _forking.clear()
    _forks.release()


def _after_fork_in_child() -> None:
    fork_generation[0] += 1
    for segment in _forking:
        segment.leave_parent()
    _forking.clear()
    _forks.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent,
                    after_in_child=_after_fork_in_child)


def reopen(fd: int) -> int:
    """Another description of the same file."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)


class Segment:
    """What Memory and the structures in it share; it is unmapped when the last
    of them, and of the views that they gave out, is gone."""

    def __init__(self, name: str, fd: int, size: int,
                 read_only: bool) -> None:
        """Takes fd, which it closes in any case."""
        self.name = name
        self.size = size
        self.read_only = read_only
        self.fd = fd
        self.holder = 0
        self.generation = 0
        self.symmetric = self.sparse = False
        self.mutex = threading.Lock()  # creating, and joining after fork
        # Of uses; handles that go may want it anywhere. Inside of mutex.
        self.uses_mutex = threading.RLock()
        self.uses: Dict[int, _use.Used] = {}  # by entry
        try:
            self._map()
        except BaseException:
            self.close()
            raise

    def _map(self) -> None:
        access = mmap.PROT_READ | (0 if self.read_only else mmap.PROT_WRITE)
        try:
            self.mapping = mmap.mmap(self.fd, self.size, mmap.MAP_SHARED,
                                     access)
        except (OSError, ValueError) as error:
            raise failure(
                getattr(error, "errno", None) or errno.EBADMSG,
                f"cannot map {self.size} bytes of segment `/{self.name}`: "
                f"{error}") from None
        if not self.read_only:
            self._leave_mapping()
        self.bytes = memoryview(self.mapping)
        self.address: int = np.frombuffer(self.mapping, np.uint8).ctypes.data
        self.words64 = _atomics.words(self.bytes, self.address, 8)
        self.words32 = _atomics.words(self.bytes, self.address, 4)

    def _leave_mapping(self) -> None:
        try:
            fd = reopen(self.fd)
        except OSError as error:
            raise failure(
                errno.EOPNOTSUPP, f"cannot open segment `/{self.name}` by "
                f"/proc/self/fd: {error.strerror} (is /proc mounted?)"
            ) from None
        os.close(self.fd)
        self.fd = fd

    def adopt(self, header: bytes) -> None:
        """Keep of a checked header what every operation needs."""
        options = HEADER.get(header, "options")
        self.symmetric = bool(options & OPTION_SYMMETRIC)
        self.sparse = bool(options & OPTION_SPARSE)
        self.max_entries = HEADER.get(header, "max_entries")
        count = HEADER.get(header, "max_participants")
        offset = HEADER.get(header, "participants_offset") * LINE
        self.places = _participant.Places(self.words64, self.words32, offset,
                                          count)
        self.blocks_begin = offset + count * LINE
        self.table = _use.Table(self, self.blocks_begin)

    # participating

    def join(self) -> None:
        """Become a participant; who only reads needs not."""
        if not self.read_only:
            if not self.symmetric and not _atomics.register_for_fences():
                raise failure(
                    errno.EOPNOTSUPP, "the system refuses membarrier, which "
                    f"segment `/{self.name}` needs: allow it in the sandbox, "
                    "or create the segment with symmetric_fences=True")
            self.holder = _participant.join(self.fd, self.places)
            _use.forget(self)
        with self.uses_mutex:
            _use.inherit(self)
            self.generation = fork_generation[0]
        _open.add(self)

    @property
    def place(self) -> int:
        """This process's own, as a participant."""
        return (self.holder & 0xFFFF) - 1

    def is_joined(self) -> bool:
        """False: a forked child that has not entered."""
        return self.generation == fork_generation[0]

    def enter(self) -> None:
        """The first step of every operation that writes: after fork the child
        becomes a participant of its own."""
        if self.generation == fork_generation[0]:
            return
        with self.mutex:
            if self.generation == fork_generation[0]:
                return
            if self.fd < 0:
                raise failure(
                    errno.EACCES, f"segment `/{self.name}` could not be "
                    "opened again after fork: this user must be able to write "
                    "it, and /proc be mounted")
            self.join()

    def leave_parent(self) -> None:
        """In a forked child: the inherited description would keep the parent
        looking alive."""
        self.mutex = threading.Lock()
        self.uses_mutex = threading.RLock()
        if self.read_only or self.fd < 0:
            return
        inherited = self.fd
        try:
            self.fd = reopen(inherited)
        except OSError:
            self.fd = -1
        os.close(inherited)

    def lives(self, holder: int) -> bool:
        """Whether who is named lives; oneself does."""
        return holder == self.holder or \
            _participant.lives(self.fd, self.places, holder)

    def place_lives(self, index: int) -> bool:
        """Whether a participant lives that had the place when this was called;
        one that comes meanwhile may be told for it."""
        incarnation = self.places.get(index, "incarnation")
        return index == self.place or \
            self.lives(incarnation << 16 | (index + 1)) or \
            self.places.get(index, "incarnation") != incarnation

    def close(self) -> None:
        """Never takes a name away. Views keep their memory."""
        with _forks:
            _open.discard(self)
            if self.fd >= 0:
                os.close(self.fd)
            self.fd = -1

    def __del__(self) -> None:
        if getattr(self, "fd", -1) >= 0:
            self.close()

    # creating

    def _try_lock(self) -> bool:
        if not self.mutex.acquire(blocking=False):
            return False
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            self.mutex.release()
            return False

    def _say_who_creates(self) -> Exception:
        creator = self.words32[HEADER.at("creator") // 4]
        if not 1 <= creator <= self.places.count:
            return failure(errno.EBUSY, "another process holds the lock of "
                           f"segment `/{self.name}`: try again")
        pid = self.places.get(creator - 1, "pid")
        return failure(
            errno.EBUSY, f"process {pid} is creating a structure in segment "
            f"`/{self.name}` and does not go on: continue or end it")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of who creates; EBUSY after a second. A process that
        dies inside drops it."""
        self.enter()
        deadline = time.monotonic() + _CREATE_DEADLINE_S
        nap = 50e-6
        while not self._try_lock():
            if time.monotonic() >= deadline:
                raise self._say_who_creates()
            time.sleep(nap)
            nap = min(2 * nap, 2e-3)
        try:
            self.words32[HEADER.at("creator") // 4] = self.holder & 0xFFFF
            yield
        finally:
            self.words32[HEADER.at("creator") // 4] = 0
            fcntl.flock(self.fd, fcntl.LOCK_UN)
            self.mutex.release()

    def give_back(self, begin: int, end: int) -> None:
        """The whole pages in between, which are nobody's."""
        begin, end = round_up(begin, PAGE), end - end % PAGE
        if begin < end:
            _atomics.fallocate(self.fd, _PUNCH_HOLE | _KEEP_SIZE, begin,
                               end - begin)

    def _allocate(self, begin: int, end: int) -> int:
        """In steps, so that a signal costs one step and not all of them."""
        most = _RESERVE_STEP
        while begin < end:
            step = min(end - begin, most)
            number = _atomics.fallocate(self.fd, 0, begin, step)
            if not number:
                begin += step
            elif number != errno.EINTR:
                return number
            elif most > PAGE:
                most //= 2
        return 0

    def reserve(self, offset: int, size: int, room: int) -> None:
        """Memory for size bytes at offset, all reading zero. All bytes from
        there to room must be nobody's."""
        end = offset + size
        # That includes what a creator that died had reserved there.
        self.give_back(offset, room)
        number = 0 if self.sparse else self._allocate(offset, end)
        if number:
            self.give_back(offset, room)
            raise failure(
                number, f"cannot reserve {size} bytes of memory for segment "
                f"`/{self.name}`: " +
                ("/dev/shm is full; make room or enlarge it"
                 if number == errno.ENOSPC else os.strerror(number)))
        # New pages read zero; those that are shared with others may not.
        first = min(round_up(offset, PAGE), end)
        last = max(room - room % PAGE, first)
        self.bytes[offset:first] = bytes(first - offset)
        if last < end:
            self.bytes[last:end] = bytes(end - last)


@contextmanager
def no_fork() -> Iterator[None]:
    """A description whose handle is not in the list yet would go to a child
    unseen, and keep this process's place taken as long as that lives."""
    with _forks:
        yield


def array_at(segment: Segment, offset: int, dtype: Any, count: int,
             stride: Optional[int] = None) -> "np.ndarray[Any, Any]":
    """A view of the mapping, which it keeps."""
    return np.ndarray((count,), dtype, segment.mapping, offset,
                      None if stride is None else (stride,))


def array_held(use: _use.Use, offset: int, dtype: Any,
               count: int) -> "np.ndarray[Any, Any]":
    """A view of a block, which keeps its use."""
    held = np.asarray(_use.Held(use, offset, count * np.dtype(dtype).itemsize))
    return np.ndarray((count,), dtype, held)
