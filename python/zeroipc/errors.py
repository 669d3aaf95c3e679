# SPDX-License-Identifier: MIT
"""Errors: OSErrors with the errno that the C library returns, and its kind
of message: which name, which type, and what to do.

Where Python has a class of its own for a meaning, ours is one of that as well:
TimeoutError, FileNotFoundError, FileExistsError, PermissionError,
BlockingIOError, ValueError, TypeError and MemoryError catch what they say.
"""
import errno
from typing import Dict, Type

__all__ = [
    "Error", "WouldBlock", "TimedOut", "NotFound", "Exists", "InvalidArgument",
    "Mismatch", "NoSpace", "Damaged", "OtherVersion", "TooMany", "Busy",
    "Denied", "ReadOnly", "Unsupported",
]


class Error(OSError):
    """Any failure; errno says which, strerror what to do."""


class WouldBlock(Error, BlockingIOError):
    """EAGAIN: would have to wait, or the value differs."""


class TimedOut(Error, TimeoutError):
    """ETIMEDOUT: the deadline passed."""


class NotFound(Error, FileNotFoundError):
    """ENOENT: no such segment or structure."""


class Exists(Error, FileExistsError):
    """EEXIST: the name is taken."""


class InvalidArgument(Error, ValueError):
    """EINVAL and ENAMETOOLONG: an argument is out of its range."""


class Mismatch(Error, TypeError):
    """EPROTOTYPE: another kind or type of structure."""


class NoSpace(Error):
    """ENOSPC: no space left in the segment, its table or /dev/shm."""


class Damaged(Error):
    """EBADMSG: damaged, or not a ZeroIPC segment."""


class OtherVersion(Error):
    """EPROTONOSUPPORT: another version of the format."""


class TooMany(Error):
    """EUSERS: no free record: too many processes or writers."""


class Busy(Error):
    """EBUSY: another process is creating here."""


class Denied(Error, PermissionError):
    """EACCES: permission denied."""


class ReadOnly(Error, PermissionError):
    """EROFS: the segment is open for reading only."""


class Unsupported(Error):
    """EOPNOTSUPP: the system refuses what the segment needs."""


_CLASSES: Dict[int, Type[Error]] = {
    errno.EAGAIN: WouldBlock,
    errno.ETIMEDOUT: TimedOut,
    errno.ENOENT: NotFound,
    errno.EEXIST: Exists,
    errno.EINVAL: InvalidArgument,
    errno.ENAMETOOLONG: InvalidArgument,
    errno.EPROTOTYPE: Mismatch,
    errno.ENOSPC: NoSpace,
    errno.EBADMSG: Damaged,
    errno.EPROTONOSUPPORT: OtherVersion,
    errno.EUSERS: TooMany,
    errno.EBUSY: Busy,
    errno.EACCES: Denied,
    errno.EROFS: ReadOnly,
    errno.EOPNOTSUPP: Unsupported,
}


def failure(number: int, message: str) -> Error:
    """The exception of an errno; the caller raises it."""
    return _CLASSES.get(number, Error)(number, message)
