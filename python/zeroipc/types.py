# SPDX-License-Identifier: MIT
"""Types: their text, their layout as a C compiler has it, and NumPy dtypes.

A type is text: `f64`, `f32[3]`, `bytes:24`, `{ts:u64, temp:f32}`.
docs/format.md has the grammar and the limits. Each text has one dtype and the
other way round.
A record is a dtype made with align=True, its inner records too; `bytes:N` is
NumPy's V, never S, which strips NULs.

The text may come from a damaged segment: recursion ends at MOST_LEVELS, and
what is too large is refused before it is made.
"""
import errno
from typing import Any, Iterator, List, NoReturn, Optional, Set, Tuple, Union

import numpy as np

from .errors import failure
from .format import TYPE_MAX, round_up

MOST_LEVELS = 16
MOST_TYPES = 256
MOST_BYTES = 1 << 30
MOST_NAME = 63

_SCALARS = {
    "bool": "?", "i8": "<i1", "u8": "<u1", "i16": "<i2", "u16": "<u2",
    "i32": "<i4", "u32": "<u4", "i64": "<i8", "u64": "<u8", "f32": "<f4",
    "f64": "<f8",
}
_SCALAR_OF = {np.dtype(code): name for name, code in _SCALARS.items()}
_BLANKS = " \t\r\n"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset("0123456789")


class Field:
    """A record's field: its name, its type, and where it stands, in bytes."""

    def __init__(self, name: str, type_: "Type", offset: int) -> None:
        self.name = name
        self.type = type_
        self.offset = offset


class Type:
    """A type that was parsed, or made from a dtype."""

    def __init__(self, kind: str, size: int, align: int, text: str,
                 levels: int = 1, length: int = 0,
                 element: Optional["Type"] = None,
                 fields: Tuple[Field, ...] = ()) -> None:
        self.kind = kind  # bool, int, uint, float, bytes, array, record
        self.size = size
        self.align = align
        self.text = text  # the one canonical spelling
        self.levels = levels
        self.length = length  # an array's
        self.element = element
        self.fields = fields

    def __repr__(self) -> str:
        return f"Type({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def dtype(self) -> "np.dtype[Any]":
        if self.kind == "bytes":
            return np.dtype((np.void, self.size))
        if self.kind == "array":
            # One shape for all lengths: the dtype's base is then no array.
            lengths, inner = [], self
            while inner.element is not None:
                lengths.append(inner.length)
                inner = inner.element
            return np.dtype((inner.dtype, tuple(lengths)))
        if self.kind == "record":
            return np.dtype({"names": [f.name for f in self.fields],
                             "formats": [f.type.dtype for f in self.fields],
                             "offsets": [f.offset for f in self.fields],
                             "itemsize": self.size}, align=True)
        return np.dtype(_SCALARS[self.text])


_KINDS = {"b": "bool", "i": "int", "u": "uint", "f": "float"}


def _scalar(name: str) -> Type:
    size = np.dtype(_SCALARS[name]).itemsize
    return Type(_KINDS[name[0]], size, size, name)


def _array(element: Type, length: int) -> Type:
    inner = element
    while inner.element is not None:
        inner = inner.element
    # As in C the first length is the outermost.
    text = f"{inner.text}[{length}]{element.text[len(inner.text):]}"
    return Type("array", length * element.size, element.align, text,
                element.levels + 1, length, element)


class _Record:
    """A record whose fields are added one by one, laid out as in C."""

    def __init__(self) -> None:
        self.fields: List[Field] = []
        self.names: Set[str] = set()
        self.size, self.align, self.levels = 0, 1, 1

    def add(self, name: str, type_: Type) -> Field:
        field = Field(name, type_, round_up(self.size, type_.align))
        self.fields.append(field)
        self.names.add(name)
        self.size = field.offset + type_.size
        self.align = max(self.align, type_.align)
        self.levels = max(self.levels, type_.levels + 1)
        return field

    def finish(self) -> Type:
        text = ", ".join(f"{f.name}:{f.type.text}" for f in self.fields)
        return Type("record", round_up(self.size, self.align), self.align,
                    "{" + text + "}", self.levels, fields=tuple(self.fields))


def _fail(at: int, what: str) -> NoReturn:
    # Columns count from 1.
    raise failure(errno.EINVAL, f"type: column {at + 1}: {what}")


def _fail_in_levels(at: int) -> NoReturn:
    _fail(at, f"more than {MOST_LEVELS} levels of arrays and records")


class _Parser:
    """Recursive descent; each parse_ method returns a Type or raises."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.types = 0

    # words and marks

    def skip_blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _BLANKS:
            self.at += 1

    def expected(self, what: str) -> NoReturn:
        self.skip_blanks()
        found = "the end"
        if self.at < len(self.text):
            found = self.text[self.at]
            found = (f"'{found}'" if " " <= found <= "~"
                     else f"byte 0x{ord(found):02x}")
        _fail(self.at, f"expected {what}, found {found}")

    def take(self, mark: str) -> bool:
        self.skip_blanks()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += 1
        return True

    def take_word(self) -> str:
        self.skip_blanks()
        start = self.at
        if start < len(self.text) and self.text[start] in _LETTERS:
            while self.at < len(self.text) and (
                    self.text[self.at] in _LETTERS or
                    self.text[self.at] in _DIGITS):
                self.at += 1
        return self.text[start:self.at]

    def take_length(self, of: str) -> int:
        self.skip_blanks()
        start, value = self.at, 0
        if start == len(self.text) or self.text[start] not in _DIGITS:
            self.expected(f"the length of {of}")
        if self.text[start] == "0":
            _fail(start, "a length begins with a digit from 1 to 9")
        while self.at < len(self.text) and self.text[self.at] in _DIGITS:
            value = value * 10 + int(self.text[self.at])
            if value > MOST_BYTES:
                _fail(start, f"a length is at most {MOST_BYTES}")
            self.at += 1
        return value

    # the grammar

    def add(self, start: int, type_: Type) -> Type:
        if type_.levels > MOST_LEVELS:
            _fail_in_levels(start)
        if type_.size > MOST_BYTES:
            _fail(start, "the type takes more than 1 GiB")
        if self.types == MOST_TYPES:
            _fail(start, f"more than {MOST_TYPES} types, inner ones counted")
        self.types += 1
        return type_

    def parse_named(self) -> Type:
        word = self.take_word()
        start = self.at - len(word)
        if not word:
            self.expected("a type")
        if word == "bytes":
            if not self.take(":"):
                self.expected("':' and a length after `bytes`")
            size = self.take_length("`bytes`")
            return self.add(start, Type("bytes", size, 1, f"bytes:{size}"))
        if word not in _SCALARS:
            _fail(start, f"unknown type `{word[:80]}`; there are bool, i8 to "
                  "i64, u8 to u64, f32, f64, bytes:N, T[N], {name:T, ..}")
        return self.add(start, _scalar(word))

    def parse_lengths(self, start: int, element: Type) -> Type:
        lengths: List[int] = []
        while self.take("["):
            if len(lengths) == MOST_LEVELS:
                _fail_in_levels(start)
            lengths.append(self.take_length("an array"))
            if not self.take("]"):
                self.expected("']' after an array's length")
        for length in reversed(lengths):
            element = self.add(start, _array(element, length))
        return element

    def parse_field(self, record: _Record, enclosing: int) -> None:
        name = self.take_word()
        start = self.at - len(name)
        if not name:
            self.expected("a field name")
        if len(name) > MOST_NAME:
            _fail(start, f"a field name has at most {MOST_NAME} characters")
        if name in record.names:
            _fail(start, f"the record has two fields `{name}`")
        if not self.take(":"):
            self.expected(f"':' after field name `{name}`")
        record.add(name, self.parse_type(enclosing))
        if record.size > MOST_BYTES:
            _fail(start, "the type takes more than 1 GiB")

    def parse_record(self, start: int, enclosing: int) -> Type:
        record = _Record()
        self.parse_field(record, enclosing + 1)
        while self.take(","):
            self.parse_field(record, enclosing + 1)
        if not self.take("}"):
            self.expected("',' or '}' in a record")
        return self.add(start, record.finish())

    def parse_type(self, enclosing: int) -> Type:
        self.skip_blanks()
        start = self.at
        if enclosing == MOST_LEVELS:
            _fail_in_levels(start)
        if self.take("{"):
            return self.parse_lengths(start,
                                      self.parse_record(start, enclosing))
        return self.parse_lengths(start, self.parse_named())

    def parse(self) -> Type:
        if len(self.text) > TYPE_MAX:
            _fail(TYPE_MAX, f"the text is longer than {TYPE_MAX}")
        for at, character in enumerate(self.text):
            if character == "\0":
                _fail(at, "a NUL inside the text")
            if character > "~":
                _fail(at, f"byte 0x{ord(character):02x} is not printable "
                      "ASCII")
        type_ = self.parse_type(0)
        self.skip_blanks()
        if self.at != len(self.text):
            self.expected("'[' or the end")
        if len(type_.text) > TYPE_MAX:
            _fail(len(self.text), "the canonical spelling, which has a blank "
                  f"after each comma, is longer than {TYPE_MAX}")
        return type_


def parse(text: Union[str, bytes]) -> Type:
    """The type that text spells; InvalidArgument names the column."""
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogateescape")
    return _Parser(text.decode("latin-1")).parse()


# from NumPy

def _refuse(where: str, what: str) -> NoReturn:
    raise failure(errno.EINVAL, f"dtype: {where}{what}")


def _record_of(dtype: "np.dtype[Any]", where: str, depth: int) -> Type:
    record = _Record()
    assert dtype.names is not None and dtype.fields is not None
    if not dtype.names:
        _refuse(where, "a record without fields takes no bytes")
    for name in dtype.names:
        inner, offset = dtype.fields[name][:2]
        path = f"{where[:-2]}.{name}: " if where else f"field {name}: "
        field = record.add(name, _of_dtype(inner, path, depth + 1))
        if field.offset != offset:
            _refuse(path, f"stands at byte {offset}, and in a C struct at "
                    f"{field.offset}: make the dtype with align=True, inner "
                    "ones too")
    type_ = record.finish()
    if type_.size != dtype.itemsize:
        _refuse(where, f"takes {dtype.itemsize} bytes, and as a C struct "
                f"{type_.size}: make it with align=True, inner ones too")
    return type_


def _of_dtype(dtype: "np.dtype[Any]", where: str, depth: int = 0) -> Type:
    if depth > MOST_LEVELS:
        _fail_in_levels(0)
    if dtype.subdtype is not None:
        type_ = _of_dtype(dtype.subdtype[0], where, depth + 1)
        for length in reversed(dtype.subdtype[1]):
            type_ = _array(type_, length)
        return type_
    if dtype.names is not None:
        return _record_of(dtype, where, depth)
    if dtype.kind == "V" and dtype.itemsize:
        return Type("bytes", dtype.itemsize, 1, f"bytes:{dtype.itemsize}")
    if dtype in _SCALAR_OF:
        return _scalar(_SCALAR_OF[dtype])
    if dtype.kind in "SU":
        _refuse(where, f"{dtype.str} strips NULs or counts characters: use V "
                "for bytes as they are")
    _refuse(where, f"{dtype!r} is not a type of the format: there are bool, "
            "int8 to int64, uint8 to uint64, float32, float64 (little-endian), "
            "V, arrays and records of these")


def of(what: Any) -> Type:
    """The type of a text in the format's spelling (a str or bytes: `u8` is one
    byte, as is `i8`), of a Type, or of anything else that np.dtype() takes."""
    if isinstance(what, Type):
        return what
    if isinstance(what, (str, bytes)):
        return parse(what)
    type_ = _of_dtype(np.dtype(what), "")
    # The limits are those of the text.
    return parse(type_.text)


# comparing

def _path(steps: Tuple[str, ...]) -> str:
    if not steps:
        return ""
    text = "".join(step if step == "[]" or not i else "." + step
                   for i, step in enumerate(steps))
    return ("element " if all(s == "[]" for s in steps) else "field ") + \
        text + ": "


def _short(type_: Type) -> str:
    return type_.text if len(type_.text) < 128 else type_.text[:125] + ".."


def _differences(here: Type, there: Type, steps: Tuple[str, ...],
                 here_at: int, there_at: int) -> Iterator[str]:
    """The first one is the one to tell."""
    in_field = any(step != "[]" for step in steps)
    if here.kind == there.kind == "record":
        yield from _fields_differ(here, there, steps, here_at, there_at)
    elif here.kind == there.kind == "array":
        if here.length != there.length:
            yield (f"{_path(steps)}{here.length} elements here, "
                   f"{there.length} there")
        assert here.element is not None and there.element is not None
        yield from _differences(here.element, there.element, steps + ("[]",),
                                here_at, there_at)
    elif here.text != there.text and in_field:
        yield (f"{_path(steps)}{_short(here)} at byte {here_at} here, "
               f"{_short(there)} at byte {there_at} there")
    elif here.text != there.text:
        yield f"{_path(steps)}{_short(here)} here, {_short(there)} there"


def _fields_differ(here: Type, there: Type, steps: Tuple[str, ...],
                   here_at: int, there_at: int) -> Iterator[str]:
    ours = {field.name for field in here.fields}
    theirs = {field.name: field for field in there.fields}
    for field in here.fields:
        if field.name not in theirs:
            yield f"{_path(steps + (field.name,))}missing there"
    for field in there.fields:
        if field.name not in ours:
            yield f"{_path(steps + (field.name,))}missing here"
    for field in here.fields:
        other = theirs[field.name]
        inner = steps + (field.name,)
        if field.offset != other.offset:
            yield (f"{_path(inner)}{_short(field.type)} at byte "
                   f"{here_at + field.offset} here, {_short(other.type)} at "
                   f"byte {there_at + other.offset} there")
        yield from _differences(field.type, other.type, inner,
                                here_at + field.offset,
                                there_at + other.offset)


def difference(here: Type, there: Type) -> str:
    """The first difference, as a line for people; empty if they are equal."""
    return next(_differences(here, there, (), 0, 0), "")
