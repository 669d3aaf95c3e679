# SPDX-License-Identifier: MIT
"""Types: texts, dtypes, limits, and what the C library says of the same."""
import random
import unittest

import numpy as np

from support import SegmentTest
from zeroipc import InvalidArgument, types

GOOD = {
    " { ts : u64 ,temp:f32, id:u32 } ": "{ts:u64, temp:f32, id:u32}",
    "f32[3] [2]": "f32[3][2]",
    "bytes : 24": "bytes:24",
    "{u8:u8, bytes:bytes:4}": "{u8:u8, bytes:bytes:4}",
    "{a:u8,b:{c:u16,d:f64}[2],e:bool}": "{a:u8, b:{c:u16, d:f64}[2], e:bool}",
}

BAD = [
    "", "f128", "u8[", "u8[0]", "u8[01]", "bytes", "bytes:0", "bytes:",
    "{a:u8", "{a:u8,}", "{:u8}", "{a u8}", "{a:u8, a:u16}", "u8 u8", "{}",
    "u8[1073741825]", "f64[1073741824]", "{a:u8}}", "\x01", "u8[2", "u8[x]",
    "{" + "n" * 64 + ":u8}", "u8" + "[1]" * 16, "u8" + "[1]" * 17,
    "{a:" * 15 + "u8[2]" + "}" * 15, "{a:" * 17 + "u8" + "}" * 17,
    "u8" + " " * 1022, "{" + ",".join(f"a{i}:u8" for i in range(160)) + "}",
    "{" + ",".join("abcdefghi"[i % 9] * (1 + i // 9) + ":i8"
                   for i in range(100)) + "}",
    "{" + ",".join(f"{c}{d}:u8[1]" for c in "abcdefghijklm"
                   for d in "abcdefghij") + "}",
    "{a:bytes:1073741824, b:u8}", "-", "1", "{1:u8}", "u8\t[2]\n,",
]


def random_type(draw: random.Random, depth: int = 0) -> str:
    shape = draw.randrange(4 if depth < 3 else 2)
    if shape == 0:
        return f"bytes:{draw.randrange(1, 20)}"
    if shape == 1:
        return draw.choice(sorted(types._SCALARS))
    if shape == 2:
        return random_type(draw, depth + 1) + f"[{draw.randrange(1, 4)}]"
    fields = ", ".join(f"f{i}:{random_type(draw, depth + 1)}"
                       for i in range(draw.randrange(1, 5)))
    return "{" + fields + "}"


class Types(SegmentTest):
    def test_text_has_one_spelling(self):
        for text, canonical in GOOD.items():
            self.assertEqual(types.parse(text).text, canonical)

    def test_a_dtype_and_its_text_are_the_same_layout(self):
        draw = random.Random(4)
        for _ in range(300):
            type_ = types.parse(random_type(draw))
            self.assertEqual(type_.dtype.itemsize, type_.size, type_.text)
            self.assertEqual(types.of(type_.dtype).text, type_.text)
            if type_.kind == "record":
                for field in type_.fields:
                    self.assertEqual(type_.dtype.fields[field.name][1],
                                     field.offset)

    def test_aligned_dtypes_are_c_structs(self):
        inner = np.dtype([("x", "u4"), ("y", "u1")], align=True)
        outer = np.dtype([("tag", "u1"), ("pos", inner, (3,)),
                          ("w", "f8", (2, 2)), ("raw", "V5")], align=True)
        self.assertEqual(
            types.of(outer).text, "{tag:u8, pos:{x:u32, y:u8}[3], "
            "w:f64[2][2], raw:bytes:5}")
        self.assertEqual(types.of(np.float32).text, "f32")
        self.assertEqual(types.of(bool).text, "bool")

    def test_other_dtypes_are_refused_with_the_reason(self):
        def told(dtype):
            return self.message(InvalidArgument, types.of, np.dtype(dtype))
        self.assertIn("field b: stands at byte 1, and in a C struct at 4",
                      told([("a", "u1"), ("b", "u4")]))
        self.assertIn("align=True", told({"names": ["a"], "formats": ["u1"],
                                          "offsets": [0], "itemsize": 2}))
        packed = np.dtype([("x", "u1"), ("y", "u2")])
        self.assertIn("field in.y: ",
                      told(np.dtype([("in", packed)], align=True)))
        for dtype in ("S4", "U4", ">u4", "c8", "f2", "O", "M8[s]"):
            told(dtype)

    def test_bad_texts_are_refused_at_the_column_that_c_names(self):
        self.memory()
        for text in BAD:
            theirs = self.zeroipc("create", "@/x", "--kind", "array",
                                  "--type", text, "--capacity", "1",
                                  fails=True).strip()
            try:
                types.parse(text)
                ours = "accepted"
            except InvalidArgument as refused:
                ours = refused.strerror
            self.assertTrue(theirs.endswith(ours), f"{theirs!r}, not {ours!r}")

    def test_bytes_beyond_ascii_and_nul_are_refused(self):
        self.assertEqual(self.message(InvalidArgument, types.parse, b"u8\0"),
                         "type: column 3: a NUL inside the text")
        self.assertEqual(self.message(InvalidArgument, types.parse, b"u\xff"),
                         "type: column 2: byte 0xff is not printable ASCII")

    def test_differences_are_told_by_field(self):
        def told(here, there):
            return types.difference(types.parse(here), types.parse(there))
        self.assertEqual(told("{a:u64, t:f32}", "{a:u64, t:f64}"),
                         "field t: f32 at byte 8 here, f64 at byte 8 there")
        self.assertEqual(told("f32", "f64"), "f32 here, f64 there")
        self.assertEqual(told("{a:u8, b:u8}", "{a:u8}"),
                         "field b: missing there")
        self.assertEqual(told("{p:u8[2]}", "{p:u8[3]}"),
                         "field p: 2 elements here, 3 there")
        self.assertEqual(told("{p:{x:u8}[2]}", "{p:{x:i8}[2]}"),
                         "field p[].x: u8 at byte 0 here, i8 at byte 0 there")
        self.assertEqual(told("u8[2]", "i8[2]"),
                         "element []: u8 here, i8 there")
        self.assertEqual(told("u8", "u8"), "")
