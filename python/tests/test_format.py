# SPDX-License-Identifier: MIT
"""The layouts of format.py are those of docs/format.md."""
import os
import re
import unittest

from support import TOP
from zeroipc import format as fmt


def tables(text: str):
    """Each struct that the page names, with the rows of its table."""
    name, rows = None, {}
    for line in text.splitlines():
        named = re.search(r"`struct (zipc_\w+)`, (\d+) bytes|"
                          r"`struct (zipc_\w+)`", line)
        if named:
            name = named.group(1) or named.group(3)
            size = re.search(r"(\d+) bytes", line)
            rows[name] = (int(size.group(1)), {})
        row = re.match(r"\| 0x([0-9A-F]+) \| (\d+) \| (\w+) \|", line)
        if row and name:
            rows[name][1][row.group(3)] = (int(row.group(1), 16),
                                           int(row.group(2)))
        elif line.startswith("#"):
            name = None
    return rows


# Of kinds that Python does not know yet, and refuses.
UNKNOWN = {
    "zipc_pool_shape", "zipc_cell",
    "zipc_record_ring", "zipc_reader",
    "zipc_turn_stack", "zipc_stack_writer",
    "zipc_hop", "zipc_hop_record",
    "zipc_semaphore_body", "zipc_barrier_body", "zipc_party",
    "zipc_latch_body", "zipc_event_body",
    "zipc_owner", "zipc_waiter", "zipc_mutex_body", "zipc_rwlock_body",
    "zipc_lock_reader", "zipc_once_body",
    "zipc_meeting", "zipc_sender", "zipc_offer",
    "zipc_stream_words", "zipc_subscription_record",
    "zipc_derivation", "zipc_derivation_source", "zipc_batch",
    "zipc_program_header", "zipc_program_constant", "zipc_program_input",
    "zipc_program_store", "zipc_program_code",
    "zipc_flow_header", "zipc_flow_operator", "zipc_flow_origin",
    "zipc_flow_part", "zipc_flow_state", "zipc_flow_tally",
    "zipc_future_body", "zipc_setter",
    "zipc_lazy_body", "zipc_lazy_definition", "zipc_lazy_input",
}


class Format(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(TOP, "docs", "format.md")) as page:
            self.page = {name: table
                         for name, table in tables(page.read()).items()
                         if name not in UNKNOWN}

    def test_layouts_are_those_of_the_page(self):
        self.assertEqual(
            {layout.name: (layout.size, dict(layout.fields))
             for layout in fmt.LAYOUTS}, self.page)

    def test_a_page_with_another_offset_is_noticed(self):
        planted = tables("`struct zipc_event`, 16 bytes\n"
                         "| 0x04 | 4 | word | x |\n")
        self.assertEqual(planted, {"zipc_event": (16, {"word": (4, 4)})})

    def test_fields_do_not_overlap(self):
        for layout in fmt.LAYOUTS:
            end = 0
            for field in layout.fields.values():
                self.assertGreaterEqual(field.offset, end, layout.name)
                end = field.offset + field.size
            self.assertLessEqual(end, layout.size, layout.name)

    def test_name_check_is_fnv_1a(self):
        self.assertEqual(fmt.name_check(b""), 0x811C9DC5)
        self.assertEqual(fmt.name_check(b"foobar"), 0xBF9CF968)

    def test_format_word_is_that_of_the_page(self):
        self.assertEqual(fmt.FORMAT_WORD, 0x80402840)
