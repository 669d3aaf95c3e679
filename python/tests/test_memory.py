# SPDX-License-Identifier: MIT
"""Segments: their life, who is in them, and what is no segment."""
import os
import stat
import subprocess
import sys

import numpy as np

from support import PYTHON, SegmentTest
from zeroipc import (Array, Busy, Damaged, Exists, InvalidArgument, Memory,
                     Mismatch, NoSpace, NotFound, OtherVersion, Queue,
                     ReadOnly, TooMany)
from zeroipc import format as fmt


class Segments(SegmentTest):
    def test_open_or_create_makes_one_and_opens_it(self):
        first = Memory(self.name, 1 << 20)
        second = Memory(self.name, 1 << 22)
        self.assertEqual(first.id, second.id)
        self.assertEqual(second.size, 1 << 20)
        self.assertEqual(Memory(self.name[1:]).name, self.name[1:])

    def test_create_of_a_taken_name_fails(self):
        self.memory()
        with self.assertRaises(FileExistsError):
            self.memory()

    def test_open_of_nothing_fails(self):
        with self.assertRaises(FileNotFoundError):
            Memory(self.name)
        self.assertEqual(self.message(NotFound, Memory, self.name),
                         f"no segment `{self.name}`")

    def test_names_are_checked(self):
        for name in ("", "/", "a/b", ".", "..", "/.."):
            self.message(InvalidArgument, Memory, name)
        self.message(InvalidArgument, Memory, "x" * 256)

    def test_destructors_and_close_leave_the_name(self):
        with self.memory() as memory:
            Array(memory, "a", 4, dtype="u32")
        del memory
        self.assertTrue(os.path.exists(self.path))
        Memory.unlink(self.name)
        self.assertFalse(os.path.exists(self.path))

    def test_unlink_leaves_other_files_alone(self):
        with open(self.path, "w") as file:
            file.write("precious")
        self.message(Damaged, Memory.unlink, self.name)
        self.assertTrue(os.path.exists(self.path))

    def test_mode_and_options_are_as_asked(self):
        first = self.memory(mode=0o640, max_entries=3, max_participants=2)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)
        one = Memory(self.name)
        self.message(TooMany, Memory, self.name)
        first.close()
        for i in range(3):
            Array(one, f"a{i}", 1, dtype="u8")
        self.message(NoSpace, Array, one, "a3", 1, dtype="u8")
        for options in ({"max_entries": 0}, {"max_entries": 65537},
                        {"max_participants": 4097}, {"mode": 0o1000}):
            self.message(InvalidArgument, self.memory, **options)
        self.message(InvalidArgument, self.memory, 4096)

    def test_a_closed_handle_gives_its_place_back(self):
        self.memory(max_participants=1).close()
        for _ in range(3):
            memory = Memory(self.name)
            memory.close()

    def test_an_earlier_owner_of_a_place_is_dead(self):
        memory, other = self.memory(), Memory(self.name)
        holder = other.segment.holder
        self.assertTrue(memory.segment.lives(holder))
        self.assertFalse(memory.segment.lives(holder + (1 << 16)))

    def test_structures_and_views_hold_the_segment(self):
        memory = self.memory()
        array = Array(memory, "a", 4, dtype="u32")
        memory.close()
        with self.assertRaises(ValueError):
            memory.size
        array.set(1, 7)
        view = array.view
        del array
        Memory.unlink(self.name)
        self.assertEqual(view.tolist(), [0, 7, 0, 0])

    def test_the_command_line_sees_what_python_makes(self):
        memory = self.memory()
        Array(memory, "temps", 3, dtype=np.float32)
        Queue(memory, "changes", 5, dtype="{ts:u64, what:bytes:24}")
        self.assertEqual(
            [line.split() for line in self.zeroipc("ls", "@").splitlines()],
            [["STRUCTURE", "KIND", "ELEMENTS", "CAPACITY", "MEMORY", "TYPE"],
             ["temps", "array", "3", "3", "256", "f32"],
             ["changes", "queue", "0", "5", "7.2K", "{ts:u64,",
              "what:bytes:24}"]])
        self.assertEqual(
            [(row.name, row.kind, row.type.text, row.capacity)
             for row in memory.list()],
            [("temps", "array", "f32", 3),
             ("changes", "queue", "{ts:u64, what:bytes:24}", 5)])
        self.assertIn(f"{os.getpid()}", self.zeroipc("stat", "@"))

    def test_python_sees_what_the_command_line_makes(self):
        self.zeroipc("create", "@", "--size", "1M")
        self.zeroipc("create", "@/t", "--kind", "array", "--type", "i16",
                     "--capacity", "3")
        memory = Memory(self.name)
        self.assertEqual(memory.list()[0][:2], ("t", "array"))
        self.assertEqual(Array(memory, "t").dtype, np.dtype("i2"))

    def test_both_sides_write_the_same_bytes(self):
        memory = self.memory(1 << 19)
        Array(memory, "a", 3, dtype="{x:u8, y:f64}")
        Queue(memory, "q", 5, dtype="u16")
        del memory
        with open(self.path, "rb") as file:
            ours = bytearray(file.read())
        Memory.unlink(self.name)
        self.zeroipc("create", "@", "--size", "512K")
        self.zeroipc("create", "@/a", "--kind", "array", "--type",
                     "{x:u8,y:f64}", "--capacity", "3")
        self.zeroipc("create", "@/q", "--kind", "queue", "--type", "u16",
                     "--capacity", "5")
        with open(self.path, "rb") as file:
            theirs = bytearray(file.read())
        at = fmt.HEADER.get(bytes(ours),
                            "participants_offset") * fmt.LINE
        for image in (ours, theirs):
            # The only fields that differ: see docs/format.md.
            for field in ("segment_id", "created_ns"):
                offset, size = fmt.HEADER.fields[field]
                image[offset:offset + size] = bytes(size)
            image[at:at + 128 * 64] = bytes(128 * 64)
        self.assertEqual(len(ours), len(theirs))
        self.assertEqual([i for i, pair in enumerate(zip(ours, theirs))
                          if pair[0] != pair[1]], [])

    def test_a_full_shm_is_an_error_at_create(self):
        # In a /dev/shm of 4 MiB that nobody else sees.
        program = """if True:
            from zeroipc import Array, Memory, NoSpace
            memory = Memory("/full", 1 << 30)
            try:
                Array(memory, "a", 1 << 23, dtype="u8")
            except NoSpace as full:
                assert "/dev/shm is full" in full.strerror
            else:
                raise AssertionError("8 MiB in 4 MiB")
            Array(memory, "a", 1 << 20, dtype="u8")[:] = 1
            """
        unshared = ["unshare", "--map-root-user", "--mount", "sh", "-c",
                    "mount -t tmpfs -o size=4M shm /dev/shm && exec \"$@\"",
                    "sh"]
        if subprocess.run(unshared + ["true"], capture_output=True,
                          check=False).returncode:
            self.skipTest("mount namespaces are refused")
        subprocess.run(unshared + [sys.executable, "-c", program], check=True,
                       env={**os.environ, "PYTHONPATH": PYTHON})

    def test_read_only_reads_and_changes_nothing(self):
        writer = self.memory()
        Array(writer, "a", 4, dtype="u32")[:] = [1, 2, 3, 4]
        Queue(writer, "q", 4, dtype="u32")
        memory = Memory(self.name, read_only=True)
        array = Array(memory, "a")
        self.assertEqual(array[2], 3)
        self.assertFalse(array.view.flags.writeable)
        with self.assertRaises(ReadOnly):
            array[0] = 1
        self.message(ReadOnly, array.set, 0, 1)
        self.message(ReadOnly, Queue(memory, "q").push, 1)
        self.message(ReadOnly, Queue(memory, "q").pop)
        self.message(ReadOnly, Array.create, memory, "b", 1, "u8")


class Removing(SegmentTest):
    SIZE = 40000  # one fits into the segment, and two do not

    def small(self):
        return self.memory(1 << 16, max_entries=4, max_participants=4)

    def test_what_is_removed_is_found_no_more(self):
        memory = self.memory()
        Array(memory, "a", 4, dtype="u32")
        Array(memory, "b", 4, dtype="u32")
        memory.remove("a")
        self.assertIn("no structure `a`",
                      self.message(NotFound, Array, memory, "a"))
        self.message(NotFound, memory.remove, "a")
        self.message(InvalidArgument, memory.remove, "a/b")
        reader = Memory(self.name, read_only=True)
        self.assertIn("to remove `b`",
                      self.message(ReadOnly, reader.remove, "b"))
        self.assertEqual([row.name for row in memory.list()], ["b"])
        self.assertEqual(len(Queue(memory, "a", 4, dtype="f32")), 0)

    def test_space_stays_until_the_last_handle_is_gone(self):
        memory = self.small()
        first = Array(memory, "a", self.SIZE, dtype="u8")
        second = Array(memory, "a")
        memory.remove("a")
        for _ in range(2):
            self.assertIn("removed ones open",
                          self.message(NoSpace, Array, memory, "b", self.SIZE,
                                       dtype="u8"))
            first = None
        second[self.SIZE - 1] = 7
        self.assertEqual(second.get(self.SIZE - 1), 7)
        self.assertIn("removed", self.zeroipc("stat", "@"))
        del second
        other = Array(memory, "b", self.SIZE, dtype="u8")
        self.assertIsNone(first)
        self.assertFalse(other.view.any())

    def test_a_view_keeps_the_space_of_its_array(self):
        memory = self.small()
        view = Array(memory, "a", self.SIZE, dtype="u8").view[5:]
        memory.remove("a")
        self.message(NoSpace, Array, memory, "b", self.SIZE, dtype="u8")
        view[:] = 7
        del view
        self.assertFalse(Array(memory, "b", self.SIZE, dtype="u8").view.any())

    def test_a_queue_that_was_removed_is_used_on_by_who_has_it(self):
        memory = self.small()
        for i in range(20):
            queue = Queue(memory, "q", 2000, dtype="i64")
            queue.push(i)
            memory.remove("q")
            self.assertEqual(len(Queue(memory, "q", 4, dtype="u8")), 0)
            queue.push(-i)
            self.assertEqual([queue.pop(), queue.pop()], [i, -i])
            memory.remove("q")
            del queue  # before there is another one
        self.assertEqual(memory.list(), [])

    def test_the_command_line_removes_what_python_has_open(self):
        memory = self.small()
        array = Array(memory, "a", self.SIZE, dtype="u8")
        self.zeroipc("rm", "@/a")
        self.message(NotFound, Array, memory, "a")
        array[0] = 1
        self.assertEqual(array[0], 1)
        array = None
        self.zeroipc("create", "@/a", "--kind", "array", "--type", "u8",
                     "--capacity", f"{self.SIZE}")
        self.assertFalse(Array(memory, "a").view.any())
        self.assertIsNone(array)


class NoSegments(SegmentTest):
    def plant(self, at, image):
        with open(self.path, "r+b") as file:
            file.seek(at)
            file.write(image)

    def refused(self, kind, field, value):
        self.memory()
        offset, size = fmt.HEADER.fields[field]
        self.plant(offset, value.to_bytes(size, "little"))
        said = self.message(kind, Memory, self.name)
        os.unlink(self.path)
        return said

    def test_damaged_headers_are_refused(self):
        self.assertIn("not a ZeroIPC segment",
                      self.refused(Damaged, "magic", 1))
        self.assertIn("format version 2",
                      self.refused(OtherVersion, "version", 2))
        self.assertIn("another build",
                      self.refused(Damaged, "format_word", 1))
        self.assertIn("another build", self.refused(Damaged, "options", 4))
        self.assertIn("cut off", self.refused(Damaged, "size_bytes", 1 << 40))
        for field, value in (("max_entries", 0), ("max_entries", 65537),
                             ("max_participants", 0),
                             ("max_participants", 4097),
                             ("participants_offset", 1),
                             ("participants_offset", 0xFFFFFFFF)):
            self.assertIn("out of place",
                          self.refused(Damaged, field, value))

    def test_other_files_are_refused(self):
        for image in (b"", b"ZIPM", bytes(4096)):
            with open(self.path, "wb") as file:
                file.write(image)
            self.message(Damaged, Memory, self.name)
        os.unlink(self.path)
        os.mkfifo(self.path)
        self.message(Damaged, Memory, self.name)
        os.unlink(self.path)
        os.symlink("/dev/null", self.path)
        self.message(Damaged, Memory, self.name)

    def test_damaged_tables_and_blocks_are_refused(self):
        block = fmt.BLOCK.fields
        for at, size, value in (
                (0x08, 4, 257), (0x0C, 4, 1), (0x0C, 4, 1 << 31),
                (64 + 0x20, 4, 1), (64 + 0x20, 4, 1 << 31),
                (64 + 0x24, 4, 1), (64 + 0x24, 4, 1 << 31),
                ("elem_size", 8, 5), ("capacity", 8, 0),
                ("capacity", 8, 1 << 60), ("name_check", 4, 0),
                ("type_offset", 4, 0), ("type_offset", 4, 1 << 31),
                ("type_length", 4, 1024), ("type_length", 4, 0),
                ("body_offset", 8, 65), ("body_offset", 8, 1 << 63),
                ("body_bytes", 8, 1 << 63), (0x80, 1, 0xFF)):
            memory = self.memory()
            Array(memory, "a", 4, dtype="u32")
            begin = memory.segment.blocks_begin
            if isinstance(at, str):
                at = begin + block[at].offset
            elif at == 0x80:
                at += begin
            self.plant(at, value.to_bytes(size, "little"))
            self.message(Damaged, Array, memory, "a")
            self.message(Damaged, Array, Memory(self.name), "a")
            os.unlink(self.path)

    def test_flags_that_are_not_known_are_refused(self):
        for kind, flags in ((Queue, 1), (Queue, 1 << 31), (Array, 1)):
            memory = self.memory()
            kind(memory, "x", 4, dtype="u32")
            at = memory.segment.blocks_begin + fmt.BLOCK.at("flags")
            self.plant(at, flags.to_bytes(4, "little"))
            self.assertIn(f"flags 0x{flags:x}",
                          self.message(Mismatch, kind, memory, "x"))
            self.message(Mismatch, kind, memory, "x", 4, dtype="u32")
            os.unlink(self.path)

    def test_damaged_rings_are_refused(self):
        for field in ("slots", "slot_bytes", "writers", "writers_offset",
                      "slots_offset"):
            for value in (0, 4097, 0xFFFFFFFF):
                memory = self.memory()
                Queue(memory, "q", 4, dtype="u32")
                body = memory.segment.blocks_begin + 128 + 64
                offset, size = fmt.PLACE_RING.fields[field]
                self.plant(body + offset, value.to_bytes(size, "little"))
                self.assertIn("`q` is damaged",
                              self.message(Damaged, Queue, memory, "q"))
                os.unlink(self.path)

    def test_who_creates_and_does_not_go_on_is_named(self):
        memory, other = self.memory(), Memory(self.name)
        with other.segment.locked():
            said = self.message(Busy, Array, memory, "a", 4, dtype="u8")
        self.assertIn(f"process {os.getpid()} is creating", said)
        Array(memory, "a", 4, dtype="u8")
