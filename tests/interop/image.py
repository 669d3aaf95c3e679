# SPDX-License-Identifier: MIT
"""Images of segments: the bytes of two files are the same but for fields that
may differ, and a byte that differs is told by the field it stands in.

All offsets are read from the tables of docs/format.md.
"""
import os
import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Set

PAGE = 4096
LINE = 64

# What may differ between two segments that one process each has made.
ALONE = {
    "zipc_header": ["segment_id", "created_ns"],
    "zipc_participant": ["pid", "start_ticks", "since_ns", "name"],
}
# And between one process and several: how many took which place, and when.
SHARED = {
    "zipc_header": ["segment_id", "created_ns"],
    "zipc_participant": ["pid", "start_ticks", "since_ns", "name",
                         "incarnation", "pid_namespace", "uid"],
}


class Field(NamedTuple):
    name: str
    offset: int
    size: int


class Struct(NamedTuple):
    size: int
    fields: List[Field]

    def at(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)

    def name_at(self, offset: int) -> str:
        for field in self.fields:
            if field.offset <= offset < field.offset + field.size:
                return field.name
        return f"byte {offset}"


def read_format(path: str) -> Dict[str, Struct]:
    """The structs of docs/format.md: `struct NAME`, N bytes, and its table."""
    structs: Dict[str, Struct] = {"zipc_users": Struct(8, [])}
    name = ""
    for line in open(path, encoding="utf-8"):
        head = re.search(r"`struct (\w+)`, (\d+) bytes", line)
        entry = re.search(r"`struct (\w+)`, (\d+) bytes, from", line)
        row = re.match(r"\| (0x\w+) \| (\d+) \| (\w+) \|", line)
        if head or entry:
            name = (head or entry)[1]
            structs[name] = Struct(int((head or entry)[2]), [])
        elif row and name:
            structs[name].fields.append(
                Field(row[3], int(row[1], 16), int(row[2])))
        elif line.startswith("#"):
            name = ""
    return structs


class Image:
    """A file's pages that are not all zero; sparse files have few."""

    def __init__(self, path: str) -> None:
        self.pages: Dict[int, bytes] = {}
        with open(path, "rb", buffering=0) as file:
            fd = file.fileno()
            self.size = os.fstat(fd).st_size
            for at in self._data(fd):
                page = os.pread(fd, PAGE, at)
                if page.count(0) != len(page):
                    self.pages[at // PAGE] = page

    def _data(self, fd: int) -> Iterator[int]:
        end = 0
        while True:
            try:
                begin = os.lseek(fd, end, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                return
            end = os.lseek(fd, begin, os.SEEK_HOLE)
            yield from range(begin, end, PAGE)

    def page(self, n: int) -> bytes:
        return self.pages.get(n, bytes(PAGE))

    def number(self, offset: int, size: int) -> int:
        """A little-endian number that lies in one page."""
        at = offset % PAGE
        return int.from_bytes(self.page(offset // PAGE)[at:at + size],
                              "little")


class Format:
    def __init__(self, path: str) -> None:
        self.structs = read_format(path)

    def get(self, image: Image, struct: str, at: int, field: str) -> int:
        where = self.structs[struct].at(field)
        return image.number(at + where.offset, where.size)

    def _participants(self, image: Image) -> range:
        begin = LINE * self.get(image, "zipc_header", 0,
                                "participants_offset")
        size = self.structs["zipc_participant"].size
        count = self.get(image, "zipc_header", 0, "max_participants")
        return range(begin, begin + count * size, size)

    def _users(self, image: Image) -> range:
        """Where each row begins."""
        header, entry = self.structs["zipc_header"], self.structs["zipc_entry"]
        entries = self.get(image, "zipc_header", 0, "max_entries")
        places = self.get(image, "zipc_header", 0, "max_participants")
        begin = -(-(header.size + entries * entry.size) // LINE) * LINE
        stride = self.structs["zipc_users"].size + (places + 63) // 64 * 8
        return range(begin, begin + entries * stride, stride)

    def masked(self, image: Image,
               mask: Dict[str, List[str]]) -> Set[int]:
        """The bytes that may differ."""
        places = {"zipc_header": [0],
                  "zipc_participant": self._participants(image)}
        # Who still has what open depends on who has closed or ended.
        bytes_: Set[int] = set(
            at for row in self._users(image)
            for at in range(row + self.structs["zipc_users"].size,
                            row + self._users(image).step))
        for struct, names in mask.items():
            for name in names:
                field = self.structs[struct].at(name)
                for base in places[struct]:
                    bytes_.update(range(base + field.offset,
                                        base + field.offset + field.size))
        return bytes_

    def differences(self, a: Image, b: Image,
                    mask: Dict[str, List[str]]) -> List[str]:
        """The fields that differ and may not, in their order."""
        if a.size != b.size:
            return [f"the file: {a.size} bytes and {b.size}"]
        names: List[str] = []
        may: Optional[Set[int]] = None
        for n in sorted(set(a.pages) | set(b.pages)):
            one, other = a.page(n), b.page(n)
            if one == other:
                continue
            may = self.masked(a, mask) if may is None else may
            for i in range(PAGE):
                if one[i] != other[i] and n * PAGE + i not in may:
                    name = f"{self.name_at(a, n * PAGE + i)}: " \
                        f"{one[i]:02x} and {other[i]:02x}"
                    names.append(name)
                    if len(names) == 8:
                        return names + [".."]
        return names

    # where a byte stands

    def name_at(self, image: Image, offset: int) -> str:
        header, entry = self.structs["zipc_header"], self.structs["zipc_entry"]
        if offset < header.size:
            return "header " + header.name_at(offset)
        places, users = self._participants(image), self._users(image)
        if offset < users.start:
            n, at = divmod(offset - header.size, entry.size)
            return f"entry {n} {entry.name_at(at)}"
        if offset < places.start:
            n, at = divmod(offset - users.start, users.step)
            return f"users of entry {n} " + ("lives" if at < 8 else "bits")
        if offset < places.stop:
            n, at = divmod(offset - places.start, places.step)
            name = self.structs["zipc_participant"].name_at(at)
            return f"participant {n} {name}"
        return self._name_in_block(image, offset)

    def _name_in_block(self, image: Image, offset: int) -> str:
        entry = self.structs["zipc_entry"]
        table = self.structs["zipc_header"].size
        count = image.number(self.structs["zipc_header"].at(
            "table_state").offset, 4)
        for n in range(count):
            at = table + n * entry.size
            extent = self.get(image, "zipc_entry", at, "extent")
            begin, size = LINE * (extent & 0xFFFFFFFF), LINE * (extent >> 32)
            if begin <= offset < begin + size:
                return f"block {n} " + self._part(image, begin,
                                                  offset - begin)
        return f"byte {offset} behind the last block"

    def _part(self, image: Image, block: int, at: int) -> str:
        body = self.get(image, "zipc_block", block, "body_offset")
        if at < self.structs["zipc_block"].size:
            return self.structs["zipc_block"].name_at(at)
        if at < body:
            return f"type text, byte {at - 128}"
        if self.get(image, "zipc_block", block, "kind") == 2:
            return self._part_of_ring(image, block + body, at - body)
        return f"element, byte {at - body} of the body"

    def _part_of_ring(self, image: Image, ring: int, at: int) -> str:
        def get(field: str) -> int:
            return self.get(image, "zipc_place_ring", ring, field)

        writer = self.structs["zipc_writer"]
        if at < self.structs["zipc_place_ring"].size:
            return "ring " + self.structs["zipc_place_ring"].name_at(at)
        if get("writers_offset") <= at < get("slots_offset"):
            n, at = divmod(at - get("writers_offset"), writer.size)
            return f"writer {n} {writer.name_at(at)}"
        n, at = divmod(at - get("slots_offset"), get("slot_bytes"))
        return f"slot {n} " + ("turn" if at < 8 else f"element, byte {at - 8}")
