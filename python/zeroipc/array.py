# SPDX-License-Identifier: MIT
"""Array: elements side by side, seen as a NumPy array without a copy.

    temps = Array(mem, "temperature", 8, dtype=np.float32)   open or create
    temps = Array(mem, "temperature", dtype=np.float32)      open
    temps[0] = 21.5; temps[:4].mean()                        plain access
    temps.add(0, 1); temps.cas(0, 1, 2)                      atomic access

Plain access is NumPy's own: an aligned number of up to 8 bytes is moved whole,
nothing is ordered, and of a read-only segment the view is read-only. get(),
set(), add() and cas() are atomic: who reads a value that set() wrote sees what
its writer did before.

Crash: a killed get, set, add or cas of a scalar happened wholly or not at all.
"""
import errno
from typing import Any, Iterator, Optional, Tuple

import numpy as np

from . import _atomics, _table, types
from ._segment import array_held, fork_generation
from .errors import failure
from .format import ARRAY
from .memory import Memory

_ELEM_MAX = 1 << 30


def _unit_of(elem_size: int) -> int:
    """Elements lie at multiples of their size from the start of a line, so
    they are made of aligned units of this many bytes."""
    return min(elem_size & -elem_size, 8)


class Array:
    """An array in a segment. Without n it must exist; with n it is created if
    it does not, and otherwise must have n elements. dtype None accepts what is
    there; otherwise the type must be the same, or, with reinterpret=True, of
    the same size. A dtype is a text of the format, or what NumPy takes."""

    def __init__(self, memory: Memory, name: str, n: Optional[int] = None, *,
                 dtype: Any = None, reinterpret: bool = False) -> None:
        self._segment = memory.segment
        self.name = name
        type_ = None if dtype is None else types.of(dtype)
        if n is not None:
            if type_ is None:
                raise failure(errno.EINVAL, f"array `{name}` may have to be "
                              "created: say its dtype")
            found = _table.open_or_create(self._segment, name,
                                          self._plan(type_, n))
        else:
            found = _table.find(self._segment, name, ARRAY,
                                None if reinterpret else type_)
        self._adopt(found, type_ or found.type)

    @classmethod
    def create(cls, memory: Memory, name: str, n: int,
               dtype: Any) -> "Array":
        """Create; Exists if the name is taken."""
        self = cls.__new__(cls)
        self._segment = memory.segment
        self.name = name
        type_ = types.of(dtype)
        self._adopt(_table.create(self._segment, name, cls._plan(type_, n)),
                    type_)
        return self

    @staticmethod
    def _plan(type_: types.Type, n: int) -> _table.Plan:
        return _table.Plan(ARRAY, type_, n, max(n, 0) * type_.size, b"",
                           _ELEM_MAX)

    def _adopt(self, found: _table.Found, seen_as: types.Type) -> None:
        if found.capacity * found.elem_size > found.body_bytes:
            raise failure(
                errno.EBADMSG, f"array `{self.name}` in segment "
                f"`/{self._segment.name}` is damaged: its elements lie beyond "
                "its block")
        if seen_as.size != found.elem_size:
            raise failure(
                errno.EPROTOTYPE, f"`{self.name}` in segment "
                f"`/{self._segment.name}` has elements of {found.elem_size} "
                f"bytes ({found.type.text}), not {seen_as.size}")
        self.type = seen_as
        self.dtype = seen_as.dtype
        self._capacity = found.capacity
        self._size = found.elem_size
        self._unit = _unit_of(self._size)
        self._body = found.body
        self._use = found.use
        self._generation = 0 if self._segment.read_only else fork_generation[0]
        #: All elements, in place; it may outlive the handle, and keeps the
        #: array's memory as that does.
        self.view: "np.ndarray[Any, Any]" = array_held(
            found.use, found.body, self.dtype, found.capacity)

    # as NumPy has it

    def __array__(self, dtype: Any = None,
                  copy: Optional[bool] = None) -> "np.ndarray[Any, Any]":
        if dtype is not None and np.dtype(dtype) != self.view.dtype:
            return self.view.astype(dtype)
        return self.view.copy() if copy else self.view

    def __getitem__(self, key: Any) -> Any:
        return self.view[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._segment.read_only:
            raise self._read_only()
        self.view[key] = value

    def __len__(self) -> int:
        return self._capacity

    def __iter__(self) -> Iterator[Any]:
        return iter(self.view)

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def elem_size(self) -> int:
        """In bytes."""
        return self._size

    def __repr__(self) -> str:
        return (f"<Array {self.name} in /{self._segment.name}: "
                f"{self._capacity} of {self.type.text}>")

    # atomic access

    def _read_only(self) -> Exception:
        return failure(
            errno.EROFS, f"segment `/{self._segment.name}` is open for "
            f"reading only: array `{self.name}` cannot be changed")

    def _address(self, i: int) -> int:
        if not 0 <= i < self._capacity:
            raise failure(errno.EINVAL, f"element {i} is beyond the "
                          f"{self._capacity} of array `{self.name}`")
        return self._segment.address + self._body + i * self._size

    def _writable(self, i: int) -> int:
        if self._segment.read_only:
            raise self._read_only()
        if self._generation != fork_generation[0]:
            self._use.enter(self.name)
            self._generation = fork_generation[0]
        return self._address(i)

    def _to_bytes(self, value: Any) -> bytes:
        if isinstance(value, bytes) and self.type.kind != "bytes":
            return value.ljust(self._size, b"\0")[:self._size]
        one = np.empty((1,), self.dtype)
        one[0] = value
        return one.tobytes()

    def _to_value(self, image: bytes) -> Any:
        return np.frombuffer(image, self.dtype, 1)[0]

    def load(self, i: int) -> bytes:
        """Element i as its bytes; acquire, unit by unit."""
        address, unit = self._address(i), self._unit
        image = b"".join(
            _atomics.load(address + at, unit).to_bytes(unit, "little")
            for at in range(0, self._size, unit))
        if self._generation != fork_generation[0]:
            self._use.confirm(self.name)
        return image

    def store(self, i: int, image: bytes) -> None:
        """Element i from its bytes; release, unit by unit."""
        address, unit = self._writable(i), self._unit
        if len(image) != self._size:
            raise failure(errno.EINVAL, f"an element of `{self.name}` has "
                          f"{self._size} bytes, not {len(image)}")
        for at in range(0, self._size, unit):
            _atomics.store(address + at, unit, int.from_bytes(
                image[at:at + unit], "little"))

    def get(self, i: int) -> Any:
        """Element i, a copy. Those of 1, 2, 4 and 8 bytes are read whole,
        larger ones word by word."""
        return self._to_value(self.load(i))

    def set(self, i: int, value: Any) -> None:
        self.store(i, self._to_bytes(value))

    def _number(self, i: int) -> int:
        if self.type.kind not in ("int", "uint", "float") or \
                self._size not in (4, 8):
            raise failure(
                errno.EPROTOTYPE, f"array `{self.name}` has elements of type "
                f"{self.type.text}: only numbers of 4 and 8 bytes are added "
                "and compared in place")
        return self._writable(i)

    def add(self, i: int, addend: Any) -> Any:
        """Add to a number of 4 or 8 bytes; the value from before. Integers
        wrap around."""
        address, size = self._number(i), self._size
        if self.type.kind != "float":
            before = _atomics.fetch_add(address, size, int(addend))
            return self._to_value(before.to_bytes(size, "little"))
        seen = _atomics.load(address, size)
        while True:
            value = self._to_value(seen.to_bytes(size, "little"))
            with np.errstate(all="ignore"):
                after = self._to_bytes(value + self.dtype.type(addend))
            done, seen = _atomics.swap(address, size, seen,
                                       int.from_bytes(after, "little"))
            if done:
                return value

    def cas(self, i: int, expected: Any, desired: Any) -> Tuple[bool, Any]:
        """Put desired where the bytes equal expected; whether it was done, and
        what stood there."""
        address, size = self._number(i), self._size
        done, seen = _atomics.swap(
            address, size, int.from_bytes(self._to_bytes(expected), "little"),
            int.from_bytes(self._to_bytes(desired), "little"))
        return done, self._to_value(seen.to_bytes(size, "little"))
