# SPDX-License-Identifier: MIT
"""Participants: which processes have a segment open, and which still live.

A place is owned by who holds the open-file-description lock on its byte, far
beyond the file's end; the kernel drops it when the process ends. A new owner
raises the incarnation first, so words that name the old owner are then about
someone dead. From within the same pid namespace, a pid that is gone or began
at another time is proof of death as well: docs/design.md tells when the lock
alone errs.
"""
import errno
import fcntl
import os
import struct
import sys
import time
from typing import NamedTuple, Optional

from .errors import failure
from .format import LIFE_BYTE, PARTICIPANT, holder

_F_OFD_GETLK, _F_OFD_SETLK = 36, 37
_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid
# The kernel's fixed inode of the time namespace that is not shifted.
_FIRST_TIME_INODE = 0xEFFFFFFA


def _life_lock(index: int) -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, LIFE_BYTE + index,
                       1, 0)


class _Process(NamedTuple):
    """What /proc/PID/stat tells: its fields 3, 20 and 22."""
    state: str
    threads: int
    start_ticks: int


def _read_process(pid: int) -> Optional[_Process]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            text = stat.read()
        # The second field is a name in parentheses that may hold anything.
        fields = text[text.rindex(b")") + 2:].split(b" ")
        return _Process(fields[0].decode(), int(fields[17]), int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def _pid_namespace() -> int:
    """Its inode; 0 where pids prove nothing: where /proc is that of another
    namespace, and in a time namespace, where start times are shifted."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return 0
        try:
            if os.stat("/proc/self/ns/time").st_ino != _FIRST_TIME_INODE:
                return 0
        except OSError:
            pass  # a kernel without time namespaces
        return os.stat("/proc/self/ns/pid").st_ino & 0xFFFFFFFF
    except OSError:
        return 0


def _own_name() -> bytes:
    name = os.path.basename(sys.argv[0] if sys.argv and sys.argv[0]
                            else "python")
    return os.fsencode(name)[:16].ljust(16, b"\0")


def _introduce(words: "Places", index: int) -> None:
    process = _read_process(os.getpid())
    name = _own_name()
    words.set(index, "start_ticks", process.start_ticks if process else 0)
    words.set(index, "pid_namespace", _pid_namespace())
    words.set(index, "since_ns", time.time_ns())
    words.set(index, "uid", os.geteuid())
    words.set_name(index, name)
    words.set(index, "pid", os.getpid())


class Places:
    """The participants' lines of a mapping, by index and field."""

    def __init__(self, words64: "object", words32: "object", offset: int,
                 count: int) -> None:
        self._words = {8: words64, 4: words32}
        self._offset = offset
        self.count = count

    def _at(self, index: int, field: str) -> "tuple[int, int]":
        place = PARTICIPANT.fields[field]
        return (self._offset + index * PARTICIPANT.size + place.offset,
                place.size)

    def get(self, index: int, field: str) -> int:
        at, size = self._at(index, field)
        return int(self._words[size][at // size])  # type: ignore[index]

    def set(self, index: int, field: str, value: int) -> None:
        at, size = self._at(index, field)
        self._words[size][at // size] = value  # type: ignore[index]

    def set_name(self, index: int, name: bytes) -> None:
        at = self._at(index, "name")[0] // 8
        self._words[8][at] = int.from_bytes(  # type: ignore[index]
            name[:8], "little")
        self._words[8][at + 1] = int.from_bytes(  # type: ignore[index]
            name[8:], "little")


def join(fd: int, places: Places) -> int:
    """Take a free place, by locks on fd, which must be a description of this
    process's own; the holder word that names it."""
    for index in range(places.count):
        try:
            fcntl.fcntl(fd, _F_OFD_SETLK, _life_lock(index))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                continue
            raise failure(error.errno or 0, "cannot lock a participant's "
                          f"place: {error.strerror}") from None
        # The lock is held: raise the incarnation before anything else is
        # said, and then no pid, so that the lock alone judges until we tell.
        incarnation = (places.get(index, "incarnation") + 1) & 0xFFFFFFFF or 1
        places.set(index, "incarnation", incarnation)
        places.set(index, "pid", 0)
        _introduce(places, index)
        return holder(index, incarnation)
    raise failure(errno.EUSERS, f"all {places.count} participants' places are "
                  "taken by live processes: end some, or create the segment "
                  "with more (max_participants)")


def _pid_is_still_it(pid: int, start_ticks: int, namespace: int) -> bool:
    if not pid or not start_ticks or not namespace or \
            namespace != _pid_namespace():
        return True  # can not tell from here
    process = _read_process(pid)
    if process is None:
        # A hidden /proc is no proof; kill() sees hidden processes too.
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        return True
    # A zombie has ended, unless it is only its first thread.
    return process.start_ticks == start_ticks and \
        not (process.state == "Z" and process.threads < 2)


def lives(fd: int, places: Places, word: int) -> bool:
    """Whether who is named lives; not to be asked about oneself, as a lock
    never conflicts with its own description."""
    index = (word & 0xFFFF) - 1
    if not 0 <= index < places.count:
        return False
    pid = places.get(index, "pid")
    start_ticks = places.get(index, "start_ticks")
    namespace = places.get(index, "pid_namespace")
    try:
        lock = fcntl.fcntl(fd, _F_OFD_GETLK, _life_lock(index))
        if struct.unpack(_FLOCK, lock)[0] == fcntl.F_UNLCK:
            return False
    except OSError:
        pass
    # The place only changes hands when its owner is dead, so the incarnation
    # is compared last.
    return _pid_is_still_it(pid, start_ticks, namespace) and \
        places.get(index, "incarnation") == word >> 16 & 0xFFFFFFFF
