# SPDX-License-Identifier: MIT
"""Memory: a segment, opened or created by name.

A segment is built in an unnamed file and linked to its name when it is
complete, so nobody ever sees half of one. Nothing here takes a name away but
Memory.unlink().
"""
import errno
import os
import stat
import time
from types import TracebackType
from typing import List, NamedTuple, Optional, Type

from . import _atomics, _table
from ._segment import Segment, no_fork
from .errors import Exists, NotFound, failure
from .format import (DEFAULT_ENTRIES, DEFAULT_PARTICIPANTS, FORMAT_WORD,
                     HEADER, LINE, MAGIC, MOST_BYTES, MOST_ENTRIES,
                     MOST_PARTICIPANTS, OPTION_SPARSE, OPTION_SYMMETRIC,
                     OPTIONS_KNOWN, PAGE, PARTICIPANT, VERSION, round_up,
                     users_end)

_SHM = "/dev/shm"


def _plain_name(name: str) -> str:
    """A segment's name, with or without its slash, as that of its file."""
    plain = name[1:] if name.startswith("/") else name
    if len(os.fsencode(plain)) > 255:
        raise failure(errno.ENAMETOOLONG, "a segment's name has at most 255 "
                      f"bytes: `{plain[:40]}...` is longer")
    if plain in ("", ".", "..") or "/" in plain or "\0" in plain:
        raise failure(errno.EINVAL, f"`{plain}` cannot name a segment: use a "
                      "word, such as `/sensors`")
    return plain


# opening

def _check_header(header: bytes, file_size: int, name: str) -> None:
    """Of a header that was copied out of the file: is it to be used?"""
    def get(field: str) -> int:
        return HEADER.get(header, field)

    if get("magic") != MAGIC:
        raise failure(errno.EBADMSG, f"`/{name}` is not a ZeroIPC segment")
    if get("version") != VERSION:
        raise failure(errno.EPROTONOSUPPORT, f"segment `/{name}` has format "
                      f"version {get('version')}, this library has {VERSION}: "
                      "use the release that made it")
    if get("format_word") != FORMAT_WORD or get("options") & ~OPTIONS_KNOWN:
        raise failure(errno.EBADMSG, f"segment `/{name}` comes from another "
                      f"build: format word 0x{get('format_word'):08x} and "
                      f"options 0x{get('options'):x}, not 0x{FORMAT_WORD:08x} "
                      f"and at most 0x{OPTIONS_KNOWN:x}")
    size = get("size_bytes")
    if size > file_size or size > MOST_BYTES:
        raise failure(errno.EBADMSG, f"segment `/{name}` is cut off: it has "
                      f"{file_size} of its {size} bytes")
    end = users_end(get("max_entries"), get("max_participants"))
    places = get("participants_offset") * LINE
    if not (1 <= get("max_entries") <= MOST_ENTRIES and
            1 <= get("max_participants") <= MOST_PARTICIPANTS and
            end <= places and
            places + get("max_participants") * PARTICIPANT.size <= size):
        raise failure(errno.EBADMSG, f"segment `/{name}` is damaged: its "
                      "table or participants are out of place")


def _open_file(name: str, read_only: bool) -> int:
    flags = os.O_RDONLY if read_only else os.O_RDWR
    try:
        return os.open(f"{_SHM}/{name}", flags | os.O_NOFOLLOW |
                       os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        number = error.errno or 0
    if number == errno.ENOENT:
        raise failure(number, f"no segment `/{name}`")
    if number == errno.EACCES:
        raise failure(number, "no permission to "
                      f"{'read' if read_only else 'write'} segment `/{name}`: "
                      f"its owner may chmod {_SHM}/{name}")
    if number in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
        raise failure(errno.EBADMSG, f"`/{name}` is not a regular file, so no "
                      "ZeroIPC segment")
    raise failure(number, f"cannot open segment `/{name}`: "
                  f"{os.strerror(number)}")


def _read_header(fd: int, name: str) -> bytes:
    """By pread: until it is checked nothing is mapped."""
    status = os.fstat(fd)
    header = os.pread(fd, HEADER.size, 0) if stat.S_ISREG(
        status.st_mode) else b""
    if len(header) != HEADER.size:
        raise failure(errno.EBADMSG, f"`/{name}` is not a ZeroIPC segment")
    _check_header(header, status.st_size, name)
    return header


def _open(name: str, read_only: bool) -> Segment:
    with no_fork():
        fd = _open_file(name, read_only)
        try:
            header = _read_header(fd, name)
        except BaseException:
            os.close(fd)
            raise
        segment = Segment(name, fd, HEADER.get(header, "size_bytes"),
                          read_only)
        segment.adopt(header)
        segment.join()
        return segment


# creating

class _Options(NamedTuple):
    mode: int
    max_entries: int
    max_participants: int
    symmetric_fences: bool
    sparse: bool


def _check_options(options: _Options) -> None:
    for name, value, most in (
            ("max_entries", options.max_entries, MOST_ENTRIES),
            ("max_participants", options.max_participants,
             MOST_PARTICIPANTS)):
        if not 1 <= value <= most:
            raise failure(errno.EINVAL, f"{name} is {value}: at least 1, at "
                          f"most {most}")
    if options.mode & ~0o777:
        raise failure(errno.EINVAL, f"mode 0{options.mode:o}: permissions are "
                      "0 to 0777")


def _plan(size_bytes: int, options: _Options) -> bytes:
    """The header: where things are to stand."""
    first = users_end(options.max_entries, options.max_participants)
    participants = first
    first += options.max_participants * PARTICIPANT.size
    if size_bytes > MOST_BYTES - PAGE:
        raise failure(errno.EINVAL, "a segment has less than 256 GiB")
    size = round_up(max(size_bytes, 0), PAGE)
    if size < first + LINE:
        raise failure(errno.EINVAL, f"{size_bytes} bytes are too few: table "
                      f"and participants alone take {first}")
    symmetric = options.symmetric_fences or not _atomics.register_for_fences()
    return HEADER.pack(
        magic=MAGIC, version=VERSION, table_state=first // LINE << 32,
        max_entries=options.max_entries, format_word=FORMAT_WORD,
        size_bytes=size, segment_id=_random_id(),
        participants_offset=participants // LINE,
        max_participants=options.max_participants,
        created_ns=time.time_ns(),
        options=(OPTION_SYMMETRIC if symmetric else 0) |
        (OPTION_SPARSE if options.sparse else 0))


def _random_id() -> int:
    number = 0
    while not number:
        number = int.from_bytes(os.urandom(8), "little")
    return number


def _unnamed_file(name: str, size: int) -> int:
    try:
        fd = os.open(_SHM, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise failure(error.errno or 0, f"cannot make a file in {_SHM}: "
                      f"{error.strerror}") from None
    try:
        # Segment opens it again, whatever umask and the mode to come deny.
        os.fchmod(fd, 0o600)
        os.ftruncate(fd, size)
    except OSError as error:
        os.close(fd)
        raise failure(error.errno or 0, f"cannot prepare segment `/{name}`: "
                      f"{error.strerror}") from None
    return fd


def _publish(segment: Segment) -> None:
    """Give the finished file its name: from then on the segment exists."""
    try:
        _atomics.link_descriptor(segment.fd, f"{_SHM}/{segment.name}")
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise failure(errno.EEXIST, f"segment `/{segment.name}` exists: "
                          "open it, or remove it first") from None
        raise failure(error.errno or 0, f"cannot name segment "
                      f"`/{segment.name}`: {error.strerror}" +
                      (" (is /proc mounted?)" if error.errno == errno.ENOENT
                       else "")) from None


def _create(name: str, size_bytes: int, options: _Options) -> Segment:
    _check_options(options)
    header = _plan(size_bytes, options)
    first = (HEADER.get(header, "table_state") >> 32) * LINE
    with no_fork():
        size = HEADER.get(header, "size_bytes")
        segment = Segment(name, _unnamed_file(name, size), size, False)
        try:
            segment.sparse = options.sparse
            os.fchmod(segment.fd, options.mode)
            segment.reserve(0, first, size)
            segment.bytes[:HEADER.size] = header
            segment.adopt(header)
            segment.join()
            _publish(segment)
        except BaseException:
            segment.close()
            raise
        return segment


def _open_or_create(name: str, size_bytes: int, options: _Options) -> Segment:
    # Others may remove and create it between our two looks.
    tries = 100
    while True:
        tries -= 1
        try:
            return _open(name, False)
        except NotFound:
            pass
        try:
            return _create(name, size_bytes, options)
        except Exists:
            if not tries:
                raise


class Memory:
    """A segment. Memory(name) opens; Memory(name, size) opens, or creates one
    of that many bytes if there is none; an existing one is left as it is.

    read_only needs only permission to read, and takes no participant's place.
    Structures that were opened in it hold the segment: it is unmapped after
    the last of them, and of their views.
    """

    def __init__(self, name: str, size: Optional[int] = None, *,
                 read_only: bool = False, mode: int = 0o600,
                 max_entries: int = DEFAULT_ENTRIES,
                 max_participants: int = DEFAULT_PARTICIPANTS,
                 symmetric_fences: bool = False,
                 sparse: bool = False) -> None:
        plain = _plain_name(name)
        self._segment: Optional[Segment] = None
        if size is None:
            self._segment = _open(plain, read_only)
        elif read_only:
            raise failure(errno.EINVAL, "what is opened read_only is not "
                          f"created: leave out the size of `/{plain}`")
        else:
            self._segment = _open_or_create(plain, size, _Options(
                mode, max_entries, max_participants, symmetric_fences, sparse))

    @classmethod
    def create(cls, name: str, size: int, *, mode: int = 0o600,
               max_entries: int = DEFAULT_ENTRIES,
               max_participants: int = DEFAULT_PARTICIPANTS,
               symmetric_fences: bool = False,
               sparse: bool = False) -> "Memory":
        """Create; Exists if the name is taken."""
        self = cls.__new__(cls)
        self._segment = _create(_plain_name(name), size, _Options(
            mode, max_entries, max_participants, symmetric_fences, sparse))
        return self

    @staticmethod
    def unlink(name: str) -> None:
        """Take the name away. Who has the segment open keeps it; a file that
        is no segment is left alone."""
        plain = _plain_name(name)
        try:
            fd = _open_file(plain, True)
        except PermissionError:
            pass  # who may not read it may still remove it
        else:
            try:
                magic = os.pread(fd, 4, 0)
            except OSError:
                magic = b""
            os.close(fd)
            if magic != MAGIC.to_bytes(4, "little"):
                raise failure(errno.EBADMSG, f"`/{plain}` is not a ZeroIPC "
                              "segment, so it is left alone")
        try:
            os.unlink(f"{_SHM}/{plain}")
        except OSError as error:
            number = error.errno or 0
            raise failure(errno.EACCES if number == errno.EPERM else number,
                          f"cannot remove segment `/{plain}`: "
                          f"{error.strerror}") from None

    def remove(self, name: str) -> None:
        """Take a structure's name away: it is found no more, and the name can
        be used again. Handles that are open keep it; its space is used again
        when they are gone, or their processes dead."""
        _table.remove(self.segment, name)

    @property
    def segment(self) -> Segment:
        """What structures are opened in; ValueError after close()."""
        if self._segment is None:
            raise ValueError("the segment's handle is closed")
        return self._segment

    @property
    def name(self) -> str:
        return self.segment.name

    @property
    def size(self) -> int:
        """In bytes."""
        return self.segment.size

    @property
    def id(self) -> int:
        """Random, drawn at create: another segment of that name differs."""
        return int(self.segment.words64[HEADER.at("segment_id") // 8])

    @property
    def read_only(self) -> bool:
        return self.segment.read_only

    def list(self) -> "List[_table.Listed]":
        """What structures there are, in the order of the table."""
        return _table.listing(self.segment)

    def close(self) -> None:
        """Harmless twice."""
        self._segment = None

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]],
                 value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._segment is None:
            return "<Memory, closed>"
        return f"<Memory /{self.name}, {self.size} bytes>"
