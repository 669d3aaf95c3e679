# SPDX-License-Identifier: MIT
"""ZeroIPC: processes on one machine share data through named structures in
shared memory. This is an implementation of docs/format.md of its own.

    from zeroipc import Memory, Array, Queue
"""
from .array import Array
from .errors import (Busy, Damaged, Denied, Error, Exists, InvalidArgument,
                     Mismatch, NoSpace, NotFound, OtherVersion, ReadOnly,
                     TimedOut, TooMany, Unsupported, WouldBlock)
from .memory import Memory
from .queue import Queue
from .types import Type

__version__ = "3.0.0"
__all__ = [
    "Array", "Busy", "Damaged", "Denied", "Error", "Exists",
    "InvalidArgument", "Memory", "Mismatch", "NoSpace", "NotFound",
    "OtherVersion", "Queue", "ReadOnly", "TimedOut", "TooMany", "Type",
    "Unsupported", "WouldBlock",
]
