# SPDX-License-Identifier: MIT
"""Between an element's bytes and what a Python program has of it.

A scalar is a Python number or bool, `bytes:N` is bytes, a record is a NumPy
record (np.void, with fields by name), an array a NumPy array.
"""
import errno
import struct
from typing import Any, Callable

import numpy as np

from .errors import failure
from .types import Type

_CODES = {
    "bool": "?", "i8": "b", "u8": "B", "i16": "h", "u16": "H", "i32": "i",
    "u32": "I", "i64": "q", "u64": "Q", "f32": "f", "f64": "d",
}


class Codec:
    """encode: a value to an element's bytes; decode: the other way round."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]

    def __init__(self, type_: Type) -> None:
        self._type = type_
        self._dtype = type_.dtype
        if type_.text in _CODES:
            self._struct = struct.Struct("<" + _CODES[type_.text])
            self.encode, self.decode = self._pack, self._unpack
        elif type_.kind == "bytes":
            self.encode, self.decode = self._pad, bytes
        else:
            self.encode, self.decode = self._to_bytes, self._from_bytes

    def _refuse(self, value: Any, why: object) -> Exception:
        return failure(errno.EINVAL, f"{value!r} is no {self._type.text}: "
                       f"{why}")

    def _pack(self, value: Any) -> bytes:
        try:
            return self._struct.pack(value)
        except (struct.error, OverflowError) as error:
            raise self._refuse(value, error) from None

    def _unpack(self, image: bytes) -> Any:
        return self._struct.unpack(image)[0]

    def _pad(self, value: Any) -> bytes:
        try:
            image = bytes(memoryview(value).cast("B"))
        except TypeError as error:
            raise self._refuse(value, error) from None
        if len(image) > self._type.size:
            raise self._refuse(value, f"it has {len(image)} bytes")
        return image.ljust(self._type.size, b"\0")

    def _to_bytes(self, value: Any) -> bytes:
        one = np.zeros((1,), self._dtype)
        try:
            one[0] = value
        except (TypeError, ValueError, OverflowError) as error:
            raise self._refuse(value, error) from None
        return one.tobytes()

    def _from_bytes(self, image: bytes) -> Any:
        # A bytearray, so that the caller may change what is its own.
        return np.frombuffer(bytearray(image), self._dtype, 1)[0]
