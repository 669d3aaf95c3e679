#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""RUNNER SEGMENT TRACE FROM TO: runs lines of a trace of operations on a
segment, by the Python implementation. README.md tells the grammar. The first
line whose result is not the expected one ends it with status 1.
"""
import errno
import os
import re
import sys
from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple

import numpy as np

from zeroipc import Array, Error, Memory, Queue

Result = str
BLANKS = " \t\r\n"


class Broken(Exception):
    """A trace that can not be understood."""


def number(text: str) -> int:
    """Decimal, or hexadecimal behind 0x."""
    if not re.fullmatch(r"0x[0-9a-fA-F]+|[0-9]+", text) or \
            int(text, 16 if text[:2] == "0x" else 10) >= 1 << 64:
        raise Broken(f"`{text}` is no number")
    return int(text, 16 if text[:2] == "0x" else 10)


def value(text: str, size: int) -> bytes:
    """An element: bytes in hexadecimal, and *N repeats them."""
    digits, star, times = text.partition("*")
    if not re.fullmatch("([0-9a-fA-F]{2})+", digits):
        raise Broken(f"`{text}` is not hexadecimal")
    image = bytes.fromhex(digits) * (number(times) if star else 1)
    if len(image) != size:
        raise Broken(f"`{text}` is not {size} bytes")
    return image


def value_text(image: bytes) -> str:
    size = len(image)
    if size > 32 and size % 8 == 0 and image == image[:8] * (size // 8):
        return f"{image[:8].hex()}*{size // 8}"
    return image.hex()


def named(word: str) -> str:
    """What a word names: without @N, and \\xHH is a byte."""
    name = word.rsplit("@", 1)[0].encode("utf-8", "surrogateescape")
    if name.startswith(b'""'):
        name = name[2:]
    image = re.sub(rb"\\x([0-9a-fA-F]{2})",
                   lambda m: bytes([int(m[1], 16)]), name)
    if re.search(rb"\\(?!x[0-9a-fA-F]{2})|\\x00", name):
        raise Broken(f"`{word}` is no name")
    return os.fsdecode(image)


def name_word(name: str) -> str:
    return "".join(f"\\x{c:02x}" if not 0x20 < c < 0x7f or c in b"\\@"
                   else chr(c) for c in os.fsencode(name))


def option(word: str, key: str) -> int:
    """What stands behind key=."""
    if not word.startswith(key + "="):
        raise Broken(f"no option `{word}`")
    return number(word[len(key) + 1:])


class Runner:
    def __init__(self, segment: str) -> None:
        self._name = segment
        self._memory: Optional[Memory] = None
        # Open structures, under the words that name them.
        self._arrays: Dict[str, Array] = {}
        self._queues: Dict[str, Queue] = {}
        self._timeout = 0.0  # seconds

    # handles: opened when a line first needs them

    def _attached(self) -> Memory:
        if self._memory is None:
            self._memory = Memory(self._name)
        return self._memory

    def _close(self, word: str) -> None:
        self._arrays.pop(word, None)
        queue = self._queues.pop(word, None)
        if queue is not None:
            queue.close()

    def close_all(self) -> None:
        for word in list(self._arrays) + list(self._queues):
            self._close(word)
        if self._memory is not None:
            self._memory.close()
        self._memory = None

    def _keep_array(self, word: str, array: Array) -> Array:
        self._close(word)
        self._arrays[word] = array
        return array

    def _keep_queue(self, word: str, queue: Queue) -> Queue:
        self._close(word)
        self._queues[word] = queue
        return queue

    def _array(self, word: str) -> Array:
        if word in self._arrays:
            return self._arrays[word]
        return self._keep_array(word, Array(self._attached(), named(word)))

    def _queue(self, word: str) -> Queue:
        if word in self._queues:
            return self._queues[word]
        return self._keep_queue(word, Queue(self._attached(), named(word)))

    # operations

    def segment(self, size: str, *options: str) -> Result:
        asked: Dict[str, Any] = {}
        for word in options:
            if word == "symmetric":
                asked["symmetric_fences"] = True
            elif word == "sparse":
                asked["sparse"] = True
            elif word.startswith("entries="):
                asked["max_entries"] = option(word, "entries")
            else:
                asked["max_participants"] = option(word, "participants")
        self.close_all()
        self._memory = Memory.create(self._name, number(size), **asked)
        return "ok"

    def attach(self, *options: str) -> Result:
        if options not in ((), ("read_only",)):
            raise Broken(f"no option `{options[0]}`")
        self.close_all()
        self._memory = Memory(self._name, read_only=bool(options))
        return "ok"

    def unlink(self) -> Result:
        self.close_all()
        Memory.unlink(self._name)
        return "ok"

    def create(self, kind: str, word: str, type_: str, capacity: str,
               *options: str) -> Result:
        memory, name, n = self._attached(), named(word), number(capacity)
        if kind == "array":
            self._keep_array(word, Array.create(memory, name, n, type_))
        elif kind == "queue":
            writers = option(options[0], "writers") if options else 0
            self._keep_queue(word, Queue.create(memory, name, n, type_,
                                                max_writers=writers))
        else:
            raise Broken(f"no kind `{kind}`")
        return "ok"

    def open(self, kind: str, word: str, type_: str) -> Result:
        asked = None if type_ == "-" else type_
        if kind == "array":
            self._keep_array(word, Array(self._attached(), named(word),
                                         dtype=asked))
        elif kind == "queue":
            self._keep_queue(word, Queue(self._attached(), named(word),
                                         dtype=asked))
        else:
            raise Broken(f"no kind `{kind}`")
        return "ok"

    def _either(self, word: str) -> Any:
        if word in self._queues:
            return self._queues[word]
        try:
            return self._array(word)
        except Error as error:
            if error.errno != errno.EPROTOTYPE:
                raise
        return self._queue(word)

    def type(self, word: str) -> Result:
        return str(self._either(word).type.text)

    def capacity(self, word: str) -> Result:
        return str(self._either(word).capacity)

    def elem_size(self, word: str) -> Result:
        return str(self._either(word).elem_size)

    def get(self, word: str, index: str) -> Result:
        return value_text(self._array(word).load(number(index)))

    def set(self, word: str, index: str, elem: str) -> Result:
        array = self._array(word)
        array.store(number(index), value(elem, array.elem_size))
        return "ok"

    @staticmethod
    def _number(array: Array, elem: str) -> Any:
        """What add() and cas() take; of other types they refuse anything."""
        image = value(elem, array.elem_size)
        return np.frombuffer(image, array.dtype.base)[0]

    def add(self, word: str, index: str, elem: str) -> Result:
        array = self._array(word)
        before = array.add(number(index), self._number(array, elem))
        return value_text(np.asarray(before, array.dtype).tobytes())

    def cas(self, word: str, index: str, expected: str,
            desired: str) -> Result:
        array = self._array(word)
        done, there = array.cas(number(index), value(expected,
                                                     array.elem_size),
                                value(desired, array.elem_size))
        return "ok" if done else "EAGAIN " + value_text(
            np.asarray(there, array.dtype).tobytes())

    def push(self, word: str, elem: str) -> Result:
        queue = self._queue(word)
        queue.push_raw(value(elem, queue.elem_size), self._timeout)
        return "ok"

    def pop(self, word: str) -> Result:
        return value_text(self._queue(word).pop_raw(self._timeout))

    def push_n(self, word: str, *elems: str) -> Result:
        queue = self._queue(word)
        image = b"".join(value(elem, queue.elem_size) for elem in elems)
        batch = np.ndarray((len(elems),), queue.dtype, image)
        return str(queue.push_n(batch, self._timeout))

    def pop_n(self, word: str, count: str) -> Result:
        queue = self._queue(word)
        image = queue.pop_n(number(count), self._timeout).tobytes()
        size = queue.elem_size
        return " ".join(value_text(image[at:at + size])
                        for at in range(0, len(image), size)) or "0"

    def size(self, word: str) -> Result:
        return str(len(self._queue(word)))

    def close(self, word: str) -> Result:
        self._close(word)
        return "ok"

    def remove(self, word: str) -> Result:
        self._attached().remove(named(word))
        return "ok"

    def list(self) -> Result:
        with Memory(self._name, read_only=True) as memory:
            return " ".join(name_word(row.name)
                            for row in memory.list()) or "-"

    def run(self, operation: str, words: List[str]) -> Tuple[Result, str]:
        """Its result, and the message of an error."""
        # The last word, if it is "ms=N".
        self._timeout = 0.0
        if words and words[-1].startswith("ms="):
            self._timeout = option(words[-1], "ms") / 1000
            words = words[:-1]
        call: Optional[Callable[..., Result]] = getattr(self, operation, None)
        if call is None or operation not in OPERATIONS:
            raise Broken(f"no operation `{operation}`")
        fewest, most = OPERATIONS[operation]
        if len(words) < fewest:
            raise Broken(f"`{operation}` needs more words")
        if len(words) > most:
            raise Broken(f"`{operation}` has too many words")
        try:
            return call(*words), ""
        except Error as error:
            return errno.errorcode[error.errno or 0], str(error.strerror)


# How many words each takes, at least and at most.
OPERATIONS = {
    "segment": (1, 5), "attach": (0, 1), "unlink": (0, 0), "create": (4, 5),
    "open": (3, 3), "type": (1, 1), "capacity": (1, 1), "elem_size": (1, 1),
    "get": (2, 2), "set": (3, 3), "add": (3, 3), "cas": (4, 4),
    "push": (2, 2), "pop": (1, 1), "push_n": (1, 511), "pop_n": (2, 2),
    "size": (1, 1), "close": (1, 1), "remove": (1, 1),
    "list": (0, 0),
}


# traces

def split(text: str) -> List[str]:
    """The words; a type's blanks do not part it."""
    words, depth, inside = [], 0, False
    for c in text:
        if depth == 0 and c in BLANKS:
            inside = False
            continue
        if not inside:
            words.append("")
            inside = True
        words[-1] += c
        depth += (c == "{") - (c == "}")
    return words


def run_line(runner: Runner, n: int, line: str) -> bool:
    """False when its result is another than the expected one."""
    line = line.strip(BLANKS)
    if not line or line[0] == "#":
        return True
    operation, arrow, expected = line.partition("=>")
    words, expected = split(operation), expected.strip(BLANKS)
    if not arrow:
        raise Broken("no `=>`")
    if not words:
        raise Broken("no operation")
    got, message = runner.run(words[0], words[1:])
    print(f"{n}: {got}", flush=True)
    if got != expected:
        print(f"line {n}: expected {expected}, got {got}" +
              (": " + message if message else ""), file=sys.stderr)
    return got == expected


def run_lines(runner: Runner, trace: str, first: int, last: int) -> bool:
    try:
        with open(trace, encoding="utf-8", errors="surrogateescape",
                  newline="\n") as file:
            lines = file.read().split("\n")
    except OSError:
        raise Broken(f"{trace}: cannot be read") from None
    for n in range(max(first, 1), min(last, len(lines)) + 1):
        try:
            if not run_line(runner, n, lines[n - 1]):
                return False
        except Broken as broken:
            raise Broken(f"{trace}: line {n}: {broken}") from None
    return True


def serve() -> bool:
    """Lines "SEGMENT TRACE FROM TO" of standard input; "done" answers each. On
    another segment than before it begins anew."""
    runner, segment = Runner(""), ""
    for line in iter(sys.stdin.readline, ""):
        name, trace, first, last = line.split()
        if name != segment:
            runner.close_all()
            runner, segment = Runner(name), name
        if number(last) and not run_lines(runner, trace, number(first),
                                          number(last)):
            return False
        print("done", flush=True)
    runner.close_all()
    return True


def run_once(segment: str, trace: str, first: str, last: str) -> bool:
    runner = Runner(segment)
    try:
        return run_lines(runner, trace, number(first), number(last))
    finally:
        runner.close_all()


def main() -> NoReturn:
    for stream in sys.stdout, sys.stderr:
        stream.reconfigure(encoding="utf-8",  # type: ignore
                           errors="surrogateescape")
    arguments = sys.argv[1:]
    serves = arguments == ["-"]
    if len(arguments) != 4 and not serves:
        print(f"usage: {sys.argv[0]} SEGMENT TRACE FROM TO", file=sys.stderr)
        sys.exit(2)
    try:
        well = serve() if serves else run_once(*arguments)
    except Broken as broken:
        print(broken, file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
