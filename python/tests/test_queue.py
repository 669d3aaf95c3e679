# SPDX-License-Identifier: MIT
"""Queues: one process, threads, waiting, and interrupted pushes."""
import os
import signal
import threading
import time

import numpy as np

from support import WATCHDOG_S, SegmentTest
from zeroipc import (Damaged, InvalidArgument, Memory, Mismatch, Queue,
                     TimedOut, TooMany, WouldBlock)
from zeroipc._place_settle import OPEN, claim_word


class Queues(SegmentTest):
    def test_elements_leave_in_the_order_in_which_they_came(self):
        queue = Queue(self.memory(), "q", 5, dtype="u32")
        for lap in range(40):
            for i in range(5):
                queue.push(lap * 5 + i)
            self.assertEqual(len(queue), 5)
            self.message(WouldBlock, queue.push, 0, timeout=0)
            self.assertEqual([queue.pop() for _ in range(5)],
                             list(range(lap * 5, lap * 5 + 5)))
            self.message(WouldBlock, queue.pop, timeout=0)

    def test_batches_go_around_the_ring_for_every_size(self):
        memory = self.memory(1 << 22)
        for dtype in ("u8", "u16", "u32", "f64", "bytes:3", "bytes:12",
                      "u64[3]", "{a:u8, b:f64}", "bytes:1000"):
            queue = Queue(memory, dtype[:20], 300, dtype=dtype,
                          max_writers=2)
            size = queue.elem_size
            draw = np.random.default_rng(size)
            for n in (1, 7, 255, 300, 300, 299):
                image = draw.integers(0, 256, n * size, np.uint8)
                batch = np.ndarray((n,), queue.dtype, image)
                self.assertEqual(queue.push_n(batch, 0), n)
                taken = b""
                while len(taken) < n * size:
                    taken += queue.pop_n(n, 0).tobytes()
                self.assertEqual(taken, image.tobytes(), dtype)

    def test_a_batch_that_does_not_fit_is_pushed_in_part(self):
        queue = Queue(self.memory(), "q", 10, dtype="i64")
        self.assertEqual(queue.push_n(np.arange(13), 0), 10)
        self.message(WouldBlock, queue.push_n, [1], 0)
        self.message(TimedOut, queue.push_n, [1], 0.01)
        self.assertEqual(queue.pop_n(100).tolist(), list(range(10)))
        self.message(TimedOut, queue.pop_n, 1, 0.01)
        self.assertEqual(queue.pop_n(0).tolist(), [])
        self.message(InvalidArgument, queue.push_n, [[1, 2]])
        self.message(InvalidArgument, queue.pop, -1)

    def test_a_batch_of_arrays_of_arrays_keeps_their_shape(self):
        queue = Queue(self.memory(), "q", 4, dtype="f32[3][2]")
        batch = np.arange(18, dtype=np.float32).reshape(3, 3, 2)
        self.assertEqual(queue.push_n(batch, 0), 3)
        self.assertEqual(queue.pop(0).tolist(), batch[0].tolist())
        self.assertEqual(queue.pop_n(9, 0).tolist(), batch[1:].tolist())

    def test_a_batch_of_none_needs_no_place_and_no_permission(self):
        memory = self.memory()
        first = Queue(memory, "q", 4, dtype="u8", max_writers=1)
        first.push(1)
        second = Queue(memory, "q")
        self.assertEqual(second.push_n(np.empty(0, np.uint8)), 0)
        watch = Queue(Memory(self.name, read_only=True), "q")
        self.assertEqual(watch.push_n(np.empty(0, np.uint8)), 0)
        self.assertEqual(watch.pop_n(0).tolist(), [])

    def test_values_are_those_of_the_type(self):
        memory = self.memory()
        queue = Queue(memory, "r", 4, dtype="{id:u32, c:f32, t:bytes:3}")
        queue.push((1, 2.5, b"a\0b"))
        self.assertEqual(self.zeroipc("pop", "@/r"),
                         '{"id": 1, "c": 2.5, "t": "0x610062"}\n')
        queue.push((2, 0.5, b"xyz"))
        taken = queue.pop()
        self.assertEqual((taken["id"], taken["c"], bytes(taken["t"])),
                         (2, 0.5, b"xyz"))
        small = Queue(memory, "u8", 4, dtype="u8")
        for value in (256, -1, "a", None, 1.5):
            self.message(InvalidArgument, small.push, value)
        raw = Queue(memory, "b", 4, dtype="bytes:4")
        raw.push(b"ab")
        self.assertEqual(raw.pop(), b"ab\0\0")
        self.message(InvalidArgument, raw.push, b"abcde")
        self.message(InvalidArgument, raw.push_raw, b"abc")

    def test_both_ends_with_the_command_line(self):
        queue = Queue(self.memory(), "q", 4, dtype="i32")
        for lap in range(30):
            queue.push(-lap)
            self.assertEqual(self.zeroipc("pop", "@/q"), f"{-lap}\n")
            self.zeroipc("push", "@/q", str(lap))
            self.assertEqual(queue.pop(), lap)
        queue.push_n([1, 2, 3])
        self.assertEqual(self.zeroipc("cat", "@/q"), "1\n2\n3\n")

    def test_another_type_or_capacity_is_a_mismatch(self):
        memory = self.memory()
        Queue(memory, "q", 4, dtype="u32")
        self.message(Mismatch, Queue, memory, "q", dtype="i32")
        self.message(Mismatch, Queue, memory, "q", 5, dtype="u32")
        self.message(InvalidArgument, Queue, memory, "z", 0, dtype="u32")
        self.message(InvalidArgument, Queue, memory, "z", 1,
                     dtype="bytes:1048577")
        self.message(InvalidArgument, Queue, memory, "z", 1, dtype="u8",
                     max_writers=4097)

    def test_a_writers_place_is_kept_until_close(self):
        memory = self.memory()
        first = Queue(memory, "q", 4, dtype="u32", max_writers=1)
        second = Queue(memory, "q")
        first.push(1)
        self.assertIn("all 1 writers' places",
                      self.message(TooMany, second.push, 2))
        first.close()
        second.push(2)
        self.assertEqual(second.pop_n(9).tolist(), [1, 2])
        with self.assertRaises(ValueError):
            first.push(3)

    def test_who_waits_is_woken(self):
        memory = self.memory()
        for symmetric in (False, True):
            there = Queue(memory, "there", 1, dtype="u32")
            back = Queue(memory, "back", 1, dtype="u32")

            def echo():
                for _ in range(300):
                    back.push(there.pop())
            thread = threading.Thread(target=echo)
            thread.start()
            for i in range(300):
                there.push(i)
                self.assertEqual(back.pop(timeout=WATCHDOG_S), i)
            thread.join()
            Memory.unlink(self.name)
            memory = self.memory(symmetric_fences=True)

    def test_a_wait_ends_at_its_deadline(self):
        queue = Queue(self.memory(), "q", 1, dtype="u32")
        began = time.monotonic()
        self.message(TimedOut, queue.pop, timeout=0.25)
        self.assertGreaterEqual(time.monotonic() - began, 0.25)

    def test_a_signal_ends_a_wait(self):
        queue = Queue(self.memory(), "q", 1, dtype="u32")

        class Interrupted(Exception):
            pass

        def interrupt(number, frame):
            raise Interrupted
        before = signal.signal(signal.SIGALRM, interrupt)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        for wait in (queue.pop, lambda: [queue.push(1), queue.push(2)]):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with self.assertRaises(Interrupted):
                wait()
        self.assertEqual(queue.pop(0), 1)

    def test_a_push_that_an_exception_ends_leaves_nothing(self):
        queue = Queue(self.memory(), "q", 8, dtype="u32")
        other = Queue(Memory(self.name), "q")

        class Interrupted(Exception):
            pass

        rings = []
        for lap in range(20):
            ring = queue._ring
            rings.append(ring)
            real = ring.bytes

            class Fails:
                def __setitem__(self, key, value):
                    raise Interrupted
            queue.push(1)
            ring.bytes = Fails()
            with self.assertRaises(Interrupted):
                queue.push(2)
            ring.bytes = real
            other.push(3)
            self.assertEqual([other.pop(), other.pop()], [1, 3])
            self.message(WouldBlock, other.pop, timeout=0)
        for i in range(8):
            queue.push(i, timeout=0)
        self.assertEqual(ring.words[ring.active] & 1, 0)

    def test_threads_share_a_handle(self):
        queue = Queue(self.memory(), "q", 16, dtype="u64")
        n, taken = 1500, []

        def produce(who):
            for i in range(n):
                queue.push(who << 32 | i)

        def consume():
            for _ in range(n):
                taken.append(queue.pop())
        threads = [threading.Thread(target=produce, args=(i,))
                   for i in range(2)]
        threads += [threading.Thread(target=consume) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(taken), [who << 32 | i for who in (0, 1)
                                         for i in range(n)])

    def test_damaged_words_end_in_an_error(self):
        for field, value in (("head", 0), ("head", 100), ("tail", 1 << 63),
                             ("head", 2**64 - 1), ("tail", 1),
                             ("verdict", 9 << 2 | 1), ("verdict", 2**64 - 1)):
            queue = Queue(self.memory(), "q", 4, dtype="u32")
            queue.push_n([1, 2])
            ring = queue._ring
            ring.words[getattr(ring, field)] = value
            if field == "verdict":  # it is only asked about what is stuck
                ring.words[ring.active] = 3
                ring.words[ring.turn_of(1)] = 0
            for _ in range(12):
                for call in (lambda: queue.pop(0), lambda: queue.push(1, 0),
                             lambda: queue.pop_n(4, 0)):
                    try:
                        call()
                    except (Damaged, WouldBlock):
                        pass
            Memory.unlink(self.name)

    def test_a_position_that_nobody_publishes_is_settled(self):
        queue = Queue(self.memory(), "q", 4, dtype="u32")
        ring = queue._ring
        queue.push(0)
        queue.pop()
        # Somebody who is gone has claimed the next position.
        tail = ring.words[ring.tail]
        ring.words[ring.claim_of(5)] = claim_word(tail, 1, OPEN)
        ring.words[ring.holder_of(5)] = 77 << 16 | 9
        ring.words[ring.tail] = tail + 1
        queue.push(1)
        self.assertEqual(queue.pop(timeout=0), 1)
        self.assertEqual(ring.words[ring.active] & 1, 0)
        self.assertEqual(queue.push_n(range(9), 0), 4)
