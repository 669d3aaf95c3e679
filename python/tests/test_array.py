# SPDX-License-Identifier: MIT
"""Arrays: NumPy's view of them, and atomic access."""
import os
import subprocess
import sys
import threading

import numpy as np

from support import PYTHON, TOP, SegmentTest
from zeroipc import Array, InvalidArgument, Memory, Mismatch, NotFound


class Arrays(SegmentTest):
    def test_the_view_is_the_memory(self):
        memory = self.memory()
        temps = Array(memory, "temperature", 4, dtype=np.float32)
        temps[0] = 21.5
        temps[1:3] = [1, 2]
        other = Array(Memory(self.name), "temperature", dtype=np.float32)
        self.assertEqual(other[0], np.float32(21.5))
        self.assertEqual(np.asarray(other).tolist(), [21.5, 1, 2, 0])
        self.assertTrue(np.shares_memory(np.asarray(other), other.view))
        self.assertEqual(other[1:3].sum(), 3)
        self.assertEqual(len(other), 4)
        self.assertEqual(self.zeroipc("cat", "@/temperature"),
                         "21.5\n1\n2\n0\n")

    def test_the_first_example_runs_twice(self):
        self.zeroipc("create", "@", "--size", "1M")
        self.zeroipc("create", "@/temperature", "--kind", "array", "--type",
                     "f32", "--capacity", "100")
        self.zeroipc("set", "@/temperature[0]", "23.5")
        program = (
            "from zeroipc import Memory, Array; import numpy as np; "
            f'mem = Memory("{self.name}"); '
            'temps = Array(mem, "temperature", dtype=np.float32); '
            "print(temps[0])")
        for _ in range(2):
            self.assertEqual(subprocess.run(
                [sys.executable, "-c", program], capture_output=True,
                text=True, check=True,
                env={**os.environ, "PYTHONPATH": PYTHON}).stdout, "23.5\n")

    def test_what_the_command_line_sets_is_seen(self):
        temps = Array(self.memory(), "t", 2, dtype=np.float32)
        self.zeroipc("set", "@/t[1]", "2.5")
        self.assertEqual(temps[1], 2.5)
        self.assertEqual(temps.get(1), 2.5)

    def test_another_type_kind_or_capacity_is_a_mismatch(self):
        memory = self.memory()
        Array(memory, "a", 4, dtype="{ts:u64, temp:f32}")
        self.assertEqual(
            self.message(Mismatch, Array, memory, "a",
                         dtype="{ts:u64, temp:f64}"),
            f"`a` in segment `{self.name}` has elements of type "
            "{ts:u64, temp:f32}, not {ts:u64, temp:f64}: field temp: f64 at "
            "byte 8 here, f32 at byte 8 there")
        self.assertIn("a capacity of 4, not 5", self.message(
            Mismatch, Array, memory, "a", 5, dtype="{ts:u64, temp:f32}"))
        self.message(NotFound, Array, memory, "b")
        with self.assertRaises(TypeError):
            Array(memory, "a", dtype="u8")

    def test_another_view_of_the_same_size_has_to_be_asked_for(self):
        memory = self.memory()
        Array(memory, "a", 4, dtype=np.float32)[0] = 1.0
        self.message(Mismatch, Array, memory, "a", dtype=np.uint32)
        bits = Array(memory, "a", dtype=np.uint32, reinterpret=True)
        self.assertEqual(hex(bits[0]), "0x3f800000")
        self.message(Mismatch, Array, memory, "a", dtype=np.uint64,
                     reinterpret=True)

    def test_names_are_checked(self):
        memory = self.memory()
        for name in ("", "a/b", ".", "..", "x" * 32, "a\n", "\x7f"):
            self.message(InvalidArgument, Array, memory, name, 1, dtype="u8")
        Array(memory, "x" * 31, 1, dtype="u8")
        Array(memory, "\u00e9t\u00e9", 1, dtype="u8")
        self.assertIn("\u00e9t\u00e9", self.zeroipc("ls", "@"))

    def test_elements_of_every_size_are_set_and_got(self):
        memory = self.memory()
        for dtype, value in (("bool", True), ("i8", -3), ("u16", 65535),
                             ("i32", -7), ("u64", 2**64 - 1), ("f64", 0.1)):
            array = Array(memory, dtype, 3, dtype=dtype)
            array.set(2, value)
            self.assertEqual(array.get(2), value)
            self.assertEqual(array.get(1), 0)
        for size in (3, 6, 12, 20, 1000):
            raw = Array(memory, f"b{size}", 3, dtype=f"bytes:{size}")
            image = bytes(i % 251 for i in range(size))
            raw.store(1, image)
            self.assertEqual(raw.load(1), image)
            self.assertEqual(raw.load(0) + raw.load(2), bytes(2 * size))
        record = Array(memory, "r", 2, dtype="{ts:u64, temp:f32}")
        record.set(1, (7, 2.5))
        self.assertEqual(record.get(1)["temp"], 2.5)

    def test_indices_are_checked(self):
        array = Array(self.memory(), "a", 3, dtype="u32")
        for i in (-1, 3, 2**64):
            self.message(InvalidArgument, array.get, i)
            self.message(InvalidArgument, array.set, i, 0)
            self.message(InvalidArgument, array.add, i, 0)
        with self.assertRaises(IndexError):
            array[3]

    def test_add_wraps_around_and_tells_what_was_there(self):
        memory = self.memory()
        for dtype, start, by, end in (
                ("u32", 2**32 - 1, 2, 1), ("i32", 2**31 - 1, 1, -2**31),
                ("u64", 5, -6, 2**64 - 1), ("i64", 5, -6, -1),
                ("f32", 0.5, 0.25, 0.75), ("f64", 1e308, 1e308, np.inf)):
            array = Array(memory, dtype, 1, dtype=dtype)
            array.set(0, start)
            self.assertEqual(array.add(0, by), start)
            self.assertEqual(array.get(0), end)

    def test_cas_tells_what_stands_there(self):
        array = Array(self.memory(), "a", 1, dtype="i64")
        self.assertEqual(array.cas(0, 0, -5), (True, 0))
        self.assertEqual(array.cas(0, 0, 7), (False, -5))
        self.assertEqual(array.get(0), -5)

    def test_only_numbers_of_4_and_8_bytes_are_added(self):
        memory = self.memory()
        for dtype in ("u8", "i16", "bytes:4", "u32[1]", "{a:u32}", "bool"):
            array = Array(memory, dtype.replace("{", "r"), 1, dtype=dtype)
            self.assertIn("only numbers of 4 and 8 bytes",
                          self.message(Mismatch, array.add, 0, 1))

    def test_threads_lose_no_addition(self):
        memory = self.memory()
        for dtype in ("u64", "f64"):
            array = Array(memory, dtype, 1, dtype=dtype)
            threads = [threading.Thread(
                target=lambda: [array.add(0, 1) for _ in range(3000)])
                for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(array.get(0), 12000)
